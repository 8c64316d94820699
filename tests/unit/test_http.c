/* Requests: framing, bodies, refusals. */
#include "test.h"

#include <zlib.h>
#include <zstd.h>

#include "http_fixture.h"

/* --- requests ----------------------------------------------------------------------------------
 */

static void a_connection_serves_many_requests(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    for (int i = 0; i < 50; i++) {
        EXPECT(fd, POST("/echo", "Content-Length: 5\r\n\r\nhello"), 200, "hello");
        EXPECT(fd, POST("/later", "Content-Length: 0\r\n\r\n"), 200, "later");
    }
    close(fd);
}

static void the_handler_sees_what_was_asked(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    struct answer a = ask(fd, "GET http://x.org/a%20b%2Fc%zz?q=%201&r HTTP/1.1\r\nhost: h\r\n"
                              "X-THING:  a b \t\r\n\r\n");
    assert_string_equal(a.body.data, "1|/a b/c%zz|q=%201&r|a b|127.0.0.1|1");
    assert_string_equal(answer_header(&a, "X-One"), "second");
    assert_null(answer_header(&a, "Evil"));
    assert_non_null(answer_header(&a, "Date"));
    answer_free(&a);
    EXPECT(fd, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 200, "32|*|||127.0.0.1|1");
    EXPECT(fd, "GET http://x.org HTTP/1.1\r\nHost: h\r\n\r\n", 200, "1|/|||127.0.0.1|1");
    a = ask(fd, "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Length"), "0");
    answer_free(&a);
    EXPECT(fd, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n", 204, "");
    EXPECT(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    client_say(fd, POST("/echo", "Content-Length: 3\r\n\r\none")
                       POST("/later", "Content-Length: 0\r\n\r\n")
                           POST("/echo", "Transfer-Encoding: "
                                         "chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r"
                                         "\n") "\r\n" POST("/later", "Content-Length: "
                                                                     "0\r\n\r\n") "GET /echo "
                                                                                  "HTTP/"
                                                                                  "1.1\r\n");
    const char *want[] = {"one", "later", "two", "later"};
    for (int i = 0; i < 4; i++) {
        struct answer a = client_answer(fd, false);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.data, want[i]);
        answer_free(&a);
    }
    EXPECT(fd, "Host: h\r\n\r\n", 200, "");
    close(fd);
}

static void requests_may_come_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
    const char *texts[] = {POST("/echo", "Content-Length: 5\r\n\r\nhello"),
                           POST("/echo", "Transfer-Encoding: chunked\r\n\r\n"
                                         "3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n")};
    for (int t = 0; t < 2; t++) {
        for (const char *c = texts[t]; *c; c++) {
            assert_true(client_send(fd, c, 1));
        }
        struct answer a = client_answer(fd, false);
        assert_string_equal(weir_buf_cstr(&a.body), "hello");
        answer_free(&a);
    }
    close(fd);
}

static void closing_is_done_when_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    const char *closing[] = {"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                             "GET /echo HTTP/1.0\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        int fd = client_connect(f->bound);
        struct answer a = ask(fd, closing[i]);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Connection"), "close");
        assert_true(client_sees_end(fd));
        answer_free(&a);
        close(fd);
    }
    int fd = client_connect(f->bound);
    for (int i = 0; i < 2; i++) {
        struct answer a = ask(fd, "GET /echo HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        assert_string_equal(answer_header(&a, "Connection"), "keep-alive");
        answer_free(&a);
    }
    shutdown(fd, SHUT_WR); /* a client that has said all still gets its answer */
    assert_true(client_sees_end(fd));
    close(fd);
    fd = client_connect(f->bound);
    client_say(fd, POST("/later", "Content-Length: 0\r\n\r\n"));
    shutdown(fd, SHUT_WR);
    struct answer a = client_answer(fd, false);
    assert_string_equal(weir_buf_cstr(&a.body), "later");
    answer_free(&a);
    close(fd);
}

static void malformed_requests_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"\x16\x03\x01\x02\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nNoColon\r\n\r\n", 400},
        {POST("/", "Content-Length: -1\r\n\r\n"), 400},
        {POST("/", "Content-Length: +1\r\n\r\n"), 400},
        {POST("/", "Content-Length: 99999999999999999999\r\n\r\n"), 400},
        {POST("/", "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400},
        {POST("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {POST("/", "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
        {POST("/", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400},
        {POST("/", "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"), 400},
        {POST("/", "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"), 413},
        {POST("/", "Content-Length: 1048577\r\n\r\n"), 413},
        {POST("/", "Expect: tea\r\nContent-Length: 1\r\n\r\n"), 417},
        {POST("/", "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx"), 415},
        {POST("/", "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"), 400},
        {POST("/", "Content-Encoding: zstd\r\nContent-Length: 4\r\n\r\nnope"), 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = client_connect(f->bound);
        struct answer a = ask(fd, cases[i].text);
        if (a.status != cases[i].status) {
            fail_msg("case %zu: %d, not %d: %s", i, a.status, cases[i].status, cases[i].text);
        }
        assert_int_equal(f->refused_status, cases[i].status);
        shutdown(fd, SHUT_WR);
        assert_true(client_sees_end(fd));
        answer_free(&a);
        close(fd);
    }
    assert_int_equal(f->handled, 0);
}

static void heads_have_a_cap(void **state)
{
    struct fixture *f = *state;
    struct weir_buf text;
    weir_buf_init(&text, 64 * 1024);
    weir_buf_addz(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    while (text.len < 9000) {
        weir_buf_addc(&text, 'x');
    }
    int fd = client_connect(f->bound);
    EXPECT(fd, text.data, 431, "0 0 0 header fields are too large");
    close(fd);
    weir_buf_reset(&text);
    weir_buf_addz(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 150; i++) {
        weir_buf_addz(&text, "A: b\r\n");
    }
    weir_buf_addz(&text, "\r\n");
    fd = client_connect(f->bound);
    EXPECT(fd, text.data, 431, "0 0 0 too many header fields");
    close(fd);
    weir_buf_free(&text);
}

static void what_is_known_of_a_refused_request_can_be_asked(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    EXPECT(fd, POST("/v1/t?a=b", "Content-Length: 1048577\r\n\r\n"), 413,
           "4 5 3 body is too large");
    close(fd);
    fd = client_connect(f->bound); /* the path of an earlier request is not that of a broken one */
    EXPECT(fd, "G@T /v1/t HTTP/1.1\r\nHost: h\r\n\r\n", 400, "0 0 0 malformed request line");
    close(fd);
}

/* --- bodies ------------------------------------------------------------------------------------
 */

static void send_body(int fd, const char *encoding, struct weir_str body, bool chunked)
{
    char head[256];
    char length[64];
    snprintf(length, sizeof length, chunked ? "Transfer-Encoding: chunked" : "Content-Length: %zu",
             body.len);
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: %s\r\n%s\r\n\r\n", encoding,
             length);
    client_say(fd, head);
    for (size_t at = 0; chunked && at < body.len;) {
        size_t n = body.len - at < 10007 ? body.len - at : 10007;
        snprintf(head, sizeof head, "%zx\r\n", n);
        client_say(fd, head);
        assert_true(client_send(fd, body.ptr + at, n));
        client_say(fd, "\r\n");
        at += n;
    }
    if (chunked) {
        client_say(fd, "0\r\n\r\n");
    } else {
        client_send(fd, body.ptr, body.len);
    }
}

static struct weir_str deflated(struct weir_str in, int bits)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t cap = deflateBound(&z, in.len);
    char *out = malloc(cap);
    z.next_in = (unsigned char *)(uintptr_t)in.ptr;
    z.avail_in = (unsigned)in.len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (struct weir_str){out, z.total_out};
}

static struct weir_str zstded(struct weir_str in)
{
    size_t cap = ZSTD_compressBound(in.len);
    char *out = malloc(cap);
    size_t n = ZSTD_compress(out, cap, in.ptr, in.len, 3);
    assert_false(ZSTD_isError(n));
    return (struct weir_str){out, n};
}

static struct weir_str encoded(const char *encoding, struct weir_str in)
{
    return strcmp(encoding, "zstd") == 0   ? zstded(in)
           : strcmp(encoding, "gzip") == 0 ? deflated(in, 15 + 16)
           : strcmp(encoding, "raw") == 0  ? deflated(in, -15)
                                           : deflated(in, 15);
}

static void bodies_are_decoded(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(MAX_BODY);
    for (size_t i = 0; i < MAX_BODY; i++) {
        text[i] = (char)('a' + (i * i >> 7) % 26);
    }
    const char *encodings[] = {"gzip", "deflate", "raw", "zstd"};
    size_t sizes[] = {1, 5000, 300000, MAX_BODY};
    int fd = client_connect(f->bound);
    for (size_t e = 0; e < 4; e++) {
        for (size_t s = 0; s < 4; s++) {
            for (int chunked = 0; chunked < 2; chunked++) {
                struct weir_str in = {text, sizes[s]};
                struct weir_str body = encoded(encodings[e], in);
                send_body(fd, e == 2 ? "deflate" : encodings[e], body, chunked);
                struct answer a = client_answer(fd, false);
                assert_int_equal(a.status, 200);
                assert_int_equal(a.body.len, in.len);
                assert_memory_equal(a.body.data, in.ptr, in.len);
                answer_free(&a);
                free((char *)(uintptr_t)body.ptr);
            }
        }
    }
    send_body(fd, "gzip", (struct weir_str){"", 0}, false);
    struct answer a = client_answer(fd, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    free(text);
    close(fd);
}

static void large_bodies_arrive_whole(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(MAX_BODY);
    memset(text, 'y', MAX_BODY);
    int fd = client_connect(f->bound);
    for (int chunked = 0; chunked < 2; chunked++) {
        send_body(fd, "identity", (struct weir_str){text, MAX_BODY}, chunked);
        struct answer a = client_answer(fd, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.len, MAX_BODY);
        assert_memory_equal(a.body.data, text, MAX_BODY);
        answer_free(&a);
    }
    free(text);
    close(fd);
}

static void a_bomb_goes_no_further_than_the_cap(void **state)
{
    struct fixture *f = *state;
    size_t n = 40 * (size_t)MAX_BODY;
    char *zeros = calloc(1, n);
    const char *encodings[] = {"gzip", "zstd"};
    for (int e = 0; e < 2; e++) {
        struct weir_str bomb = encoded(encodings[e], (struct weir_str){zeros, n});
        assert_true(bomb.len < MAX_BODY);
        int fd = client_connect(f->bound);
        send_body(fd, encodings[e], bomb, false);
        struct answer a = client_answer(fd, false);
        assert_int_equal(a.status, 413);
        answer_free(&a);
        close(fd);
        bomb.len -= 5; /* cut short, it is damaged rather than large */
        struct weir_str small = encoded(encodings[e], (struct weir_str){zeros, 1000});
        fd = client_connect(f->bound);
        send_body(fd, encodings[e], (struct weir_str){small.ptr, small.len - 5}, false);
        a = client_answer(fd, false);
        assert_int_equal(a.status, 400);
        answer_free(&a);
        close(fd);
        free((char *)(uintptr_t)bomb.ptr);
        free((char *)(uintptr_t)small.ptr);
    }
    free(zeros);
    assert_true(weir_http_buffered(f->server) < 64 * 1024);
}

/* The client is still sending when it is refused; it must be able to read why. */
static void a_body_over_the_cap_is_refused_unread(void **state)
{
    struct fixture *f = *state;
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = client_connect(f->bound);
        client_say(fd, chunked ? POST("/echo", "Transfer-Encoding: chunked\r\n\r\n")
                               : POST("/echo", "Content-Length: 20000000\r\n\r\n"));
        char *block = malloc(100000);
        memset(block, 'z', 100000);
        for (int i = 0; i < 200; i++) {
            if (chunked && !client_send(fd, "186a0\r\n", 7)) {
                break;
            }
            if (!client_send(fd, block, 100000) || (chunked && !client_send(fd, "\r\n", 2))) {
                break;
            }
        }
        struct answer a = client_answer(fd, false);
        assert_int_equal(a.status, 413);
        assert_string_equal(answer_header(&a, "Connection"), "close");
        answer_free(&a);
        free(block);
        close(fd);
    }
}

static void expect_100_continue_is_honoured(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    struct answer a = ask(fd, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    assert_int_equal(a.status, 100);
    answer_free(&a);
    EXPECT(fd, "ok", 200, "ok");
    EXPECT(fd, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok"), 200, "ok");
    a = ask(fd, POST("/echo", "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"));
    assert_int_equal(a.status, 413);
    answer_free(&a);
    close(fd);
}

static void a_busy_server_refuses_before_the_body(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    for (int i = 0; i < 3; i++) { /* a small body is read over, the connection goes on */
        struct answer a = ask(fd, POST("/busy", "Content-Length: 9\r\n\r\n"));
        assert_int_equal(a.status, 503);
        assert_string_equal(answer_header(&a, "Retry-After"), "7");
        assert_null(answer_header(&a, "Connection"));
        answer_free(&a);
        client_say(fd, "some body");
        EXPECT(fd, POST("/busy", "Content-Length: 3\r\n\r\nabc"), 503, "");
        EXPECT(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    }
    struct answer a = ask(fd, POST("/busy", "Content-Length: 1000000\r\n\r\n"));
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_free(&a);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_serves_many_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(the_handler_sees_what_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_may_come_byte_by_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_is_done_when_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_requests_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(heads_have_a_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(large_bodies_arrive_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bomb_goes_no_further_than_the_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_over_the_cap_is_refused_unread, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_known_of_a_refused_request_can_be_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(expect_100_continue_is_honoured, setup, teardown),
        cmocka_unit_test_setup_teardown(a_busy_server_refuses_before_the_body, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
