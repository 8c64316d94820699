#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <zlib.h>
#include <zstd.h>

#include "io/http.h"
#include "socket_client.h"

#define MAX_BODY   (1024 * 1024)
#define STREAM_MAX (256 * 1024)

struct fixture {
    struct weir_loop *loop;
    struct weir_http_server *server;
    pthread_t thread;
    char bound[64];
    char unix_path[64];

    /* on the loop's thread */
    struct weir_http_request *turn[64]; /* answered at the end of the turn */
    int turn_count;
    struct weir_http_request *held;
    size_t stream_left;
    struct weir_http_request *stream;

    atomic_int turn_groups, gone, refused_status, handled;
    atomic_size_t stream_most;
    atomic_bool drained, holding;
};

static void wait_until(atomic_bool *flag)
{
    for (int i = 0; i < DEADLINE_MS && !atomic_load(flag); i++) {
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(flag));
}

static void wait_for_count(atomic_int *counter, int want)
{
    for (int i = 0; i < DEADLINE_MS && atomic_load(counter) < want; i++) {
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(counter) >= want);
}

static void produce(void *arg)
{
    struct fixture *f = arg;
    static char block[16 * 1024];
    memset(block, 'x', sizeof block);
    while (f->stream_left && weir_http_pending(f->stream) < STREAM_MAX) {
        size_t n = f->stream_left < sizeof block ? f->stream_left : sizeof block;
        weir_http_chunk(f->stream, (struct weir_str){block, n});
        f->stream_left -= n;
        size_t pending = weir_http_pending(f->stream);
        if (pending > f->stream_most) {
            f->stream_most = pending;
        }
    }
    if (!f->stream_left) {
        weir_http_end(f->stream);
        f->stream_left = SIZE_MAX; /* ended: no second end */
    }
}

static void on_gone(void *arg)
{
    atomic_fetch_add(&((struct fixture *)arg)->gone, 1);
}

static void describe(struct weir_http_request *req)
{
    struct weir_buf out;
    struct weir_str path = weir_http_path(req);
    struct weir_str query = weir_http_query(req);
    struct weir_str header = weir_http_header(req, "x-thing");
    weir_buf_init(&out, 4096);
    weir_buf_addf(&out, "%d|", weir_http_method(req));
    weir_buf_adds(&out, path);
    weir_buf_addc(&out, '|');
    weir_buf_adds(&out, query);
    weir_buf_addc(&out, '|');
    weir_buf_adds(&out, header);
    weir_buf_addc(&out, '|');
    weir_buf_adds(&out, weir_http_peer(req));
    weir_buf_addf(&out, "|%d", weir_http_peer_is_loopback(req));
    weir_http_set(req, "X-One", "first");
    weir_http_set(req, "x-one", "second\r\nEvil: yes");
    weir_http_reply(req, 200, "text/plain", weir_buf_str(&out));
    weir_buf_free(&out);
}

static void handle(struct weir_http_request *req, void *arg)
{
    struct fixture *f = arg;
    struct weir_str path = weir_http_path(req);
    atomic_fetch_add(&f->handled, 1);
    if (weir_str_is(path, "/echo")) {
        weir_http_reply(req, 200, "text/plain", weir_http_body(req));
    } else if (weir_str_is(path, "/later")) {
        f->turn[f->turn_count++] = req;
    } else if (weir_str_is(path, "/stream")) {
        int64_t n = 0;
        assert_true(weir_str_to_i64(weir_http_query(req), &n));
        f->stream_left = (size_t)n;
        f->stream = req;
        weir_http_begin(req, 200, "text/plain");
        weir_http_on_drain(req, produce, f);
        produce(f);
    } else if (weir_str_is(path, "/hold")) {
        f->held = req;
        weir_http_on_gone(req, on_gone, f);
        atomic_store(&f->holding, true);
    } else if (weir_str_is(path, "/abort")) {
        weir_http_begin(req, 200, "text/plain");
        weir_http_chunk(req, WEIR_STR("half"));
        weir_http_abort(req);
    } else if (weir_str_is(path, "/empty")) {
        weir_http_reply(req, 204, NULL, (struct weir_str){0});
    } else {
        describe(req);
    }
}

static bool admit(struct weir_http_request *req, void *arg)
{
    (void)arg;
    if (weir_str_is(weir_http_path(req), "/busy")) {
        weir_http_set(req, "Retry-After", "7");
        weir_http_reply(req, 503, NULL, (struct weir_str){0});
        return true;
    }
    return false;
}

static void refused(int status, const char *why, void *arg)
{
    assert_true(strlen(why) > 0);
    atomic_store(&((struct fixture *)arg)->refused_status, status);
}

static void turn_end(void *arg)
{
    struct fixture *f = arg;
    int n = f->turn_count;
    f->turn_count = 0;
    if (n) {
        atomic_fetch_add(&f->turn_groups, 1);
    }
    for (int i = 0; i < n; i++) {
        weir_http_reply(f->turn[i], 200, NULL, WEIR_STR("later"));
    }
}

static void *run_loop(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

static void start(struct fixture *f, struct weir_http_options options)
{
    struct weir_error err = {0};
    memset(f, 0, sizeof *f);
    options.handler = handle;
    options.admit = admit;
    options.refused = refused;
    options.max_body = MAX_BODY;
    options.max_headers = 8192;
    options.arg = f;
    ASSERT_OK(weir_loop_new(&f->loop, &err), err);
    ASSERT_OK(weir_http_server_new(f->loop, &options, &f->server, &err), err);
    ASSERT_OK(weir_http_listen(f->server, "127.0.0.1:0", f->bound, &err), err);
    weir_loop_on_turn_end(f->loop, turn_end, f);
    assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f->loop), 0);
}

static void stop(struct fixture *f)
{
    weir_loop_stop(f->loop);
    pthread_join(f->thread, NULL);
    weir_http_server_free(f->server);
    weir_loop_free(f->loop);
}

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    start(f, (struct weir_http_options){0});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    stop(*state);
    free(*state);
    return 0;
}

static struct answer ask(int fd, const char *text)
{
    client_say(fd, text);
    return client_answer(fd, strncmp(text, "HEAD", 4) == 0);
}

#define EXPECT(fd, text, want_status, want_body)                                                   \
    do {                                                                                           \
        struct answer a_ = ask(fd, text);                                                          \
        assert_int_equal(a_.status, want_status);                                                  \
        assert_string_equal(weir_buf_cstr(&a_.body), want_body);                                   \
        answer_free(&a_);                                                                          \
    } while (0)

#define POST(path, headers) "POST " path " HTTP/1.1\r\nHost: h\r\n" headers

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
    client_say(
        fd, POST("/echo", "Content-Length: 3\r\n\r\none")
                POST("/later",
                     "Content-Length: 0\r\n\r\n") POST("/echo",
                                                       "Transfer-Encoding: "
                                                       "chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r"
                                                       "\n") "\r\n" POST("/later",
                                                                         "Content-Length: "
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
    EXPECT(fd, text.data, 431, "{\"success\":false,\"message\":\"header fields are too large\"}");
    close(fd);
    weir_buf_reset(&text);
    weir_buf_addz(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 150; i++) {
        weir_buf_addz(&text, "A: b\r\n");
    }
    weir_buf_addz(&text, "\r\n");
    fd = client_connect(f->bound);
    EXPECT(fd, text.data, 431, "{\"success\":false,\"message\":\"too many header fields\"}");
    close(fd);
    weir_buf_free(&text);
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

/* --- answers -----------------------------------------------------------------------------------
 */

static void one_turn_answers_all_that_was_ready(void **state)
{
    struct fixture *f = *state;
    int fds[32];
    for (int i = 0; i < 32; i++) {
        fds[i] = client_connect(f->bound);
    }
    for (int i = 0; i < 32; i++) {
        client_say(fds[i], POST("/later", "Content-Length: 0\r\n\r\n"));
    }
    for (int i = 0; i < 32; i++) {
        struct answer a = client_answer(fds[i], false);
        assert_string_equal(weir_buf_cstr(&a.body), "later");
        answer_free(&a);
        close(fds[i]);
    }
    assert_true(f->turn_groups >= 1 && f->turn_groups <= 32);
}

static void a_streamed_answer_waits_for_its_reader(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    size_t n = 40 * 1000 * 1000;
    struct answer a = ask(fd, "GET /stream?40000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, n);
    assert_true(f->stream_most < 2 * STREAM_MAX);
    answer_free(&a);
    EXPECT(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    EXPECT(fd, "GET /stream?5 HTTP/1.1\r\nHost: h\r\n\r\n", 200, "xxxxx");
    close(fd);
    fd = client_connect(f->bound);
    EXPECT(fd, "GET /stream?5 HTTP/1.0\r\n\r\n", 200, "xxxxx");
    close(fd);
    fd = client_connect(f->bound);
    client_say(fd, "GET /abort HTTP/1.1\r\nHost: h\r\n\r\n");
    a = client_answer(fd, false);
    assert_true(a.body.len == 0 || a.head.len == 0);
    answer_free(&a);
    close(fd);
}

static void answer_held(void *arg)
{
    struct fixture *f = arg;
    weir_http_reply(f->held, 200, NULL, WEIR_STR("held"));
    atomic_store(&f->holding, false);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;
    int fd = client_connect(f->bound);
    client_say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until(&f->holding);
    close(fd);
    wait_for_count(&f->gone, 1);
    assert_int_equal(weir_loop_post(f->loop, answer_held, f), 0); /* goes nowhere */
    fd = client_connect(f->bound);
    client_say(fd, "GET /stream?90000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    char some[1000];
    assert_true(client_read(fd, some, sizeof some) > 0);
    close(fd); /* in the middle of an answer */
    fd = client_connect(f->bound);
    EXPECT(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    assert_int_equal(f->gone, 1);
    close(fd);
}

/* --- the server --------------------------------------------------------------------------------
 */

static void silent_and_dawdling_clients_are_let_go(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){.idle_seconds = 1});
    int idle = client_connect(f.bound);
    int half_head = client_connect(f.bound);
    int half_body = client_connect(f.bound);
    client_say(half_head, "GET / HT");
    client_say(half_body, POST("/echo", "Content-Length: 5\r\n\r\nab"));
    assert_true(client_sees_end(idle));
    struct answer a = client_answer(half_head, false);
    assert_int_equal(a.status, 408);
    answer_free(&a);
    a = client_answer(half_body, false);
    assert_int_equal(a.status, 408);
    answer_free(&a);
    close(idle);
    close(half_head);
    close(half_body);
    stop(&f);
}

static void connections_beyond_the_limit_wait_their_turn(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){.max_connections = 2});
    int a = client_connect(f.bound);
    int b = client_connect(f.bound);
    EXPECT(a, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    EXPECT(b, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    int c = client_connect(f.bound);
    client_say(c, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT(a, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    assert_true(weir_http_connections(f.server) == 2);
    close(a);
    struct answer answer = client_answer(c, false);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    close(b);
    close(c);
    stop(&f);
}

static void drained(void *arg)
{
    atomic_store(&((struct fixture *)arg)->drained, true);
}

static void begin_drain(void *arg)
{
    struct fixture *f = arg;
    weir_http_drain(f->server, 20 * WEIR_SECOND, drained, f);
}

static void draining_answers_what_is_under_way(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){0});
    int idle = client_connect(f.bound);
    int busy = client_connect(f.bound);
    int half = client_connect(f.bound);
    EXPECT(idle, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    client_say(half, POST("/echo", "Content-Length: 4\r\n\r\nha"));
    client_say(busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until(&f.holding);
    assert_int_equal(weir_loop_post(f.loop, begin_drain, &f), 0);
    assert_true(client_sees_end(idle));
    assert_false(f.drained);
    struct answer a = ask(half, "lf");
    assert_string_equal(weir_buf_cstr(&a.body), "half");
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_free(&a);
    assert_int_equal(weir_loop_post(f.loop, answer_held, &f), 0);
    a = client_answer(busy, false);
    assert_string_equal(weir_buf_cstr(&a.body), "held");
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_free(&a);
    wait_until(&f.drained);
    close(idle);
    close(busy);
    close(half);
    stop(&f);
}

static void a_server_may_go_before_its_handlers_answer(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){0});
    int fd = client_connect(f.bound);
    client_say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until(&f.holding);
    weir_loop_stop(f.loop);
    pthread_join(f.thread, NULL);
    weir_http_server_free(f.server);
    assert_int_equal(f.gone, 1);
    weir_http_reply(f.held, 200, NULL, WEIR_STR("nobody hears"));
    weir_loop_free(f.loop);
    assert_true(client_sees_end(fd));
    close(fd);
}

static void listening_on_other_sockets(void **state)
{
    struct fixture *f = *state;
    struct weir_error err = {0};
    char bound[64], address[128], path[80], dir[] = "/tmp/weir-http-XXXXXX";
    int fd = -1;
    ASSERT_OK(weir_http_bind("127.0.0.1:0", &fd, bound, &err), err);
    weir_loop_stop(f->loop);
    pthread_join(f->thread, NULL);
    ASSERT_OK(weir_http_listen_fd(f->server, fd, bound, &err), err);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(address, sizeof address, "unix:%s", path);
    ASSERT_OK(weir_http_listen(f->server, address, NULL, &err), err);
    assert_int_equal(weir_http_listen(f->server, address, NULL, &err), WEIR_EBUSY);
    assert_int_equal(weir_http_listen(f->server, f->bound, NULL, &err), WEIR_EBUSY);
    assert_int_equal(weir_http_listen(f->server, "nonsense", NULL, &err), WEIR_EINVAL);
    assert_int_equal(weir_http_listen(f->server, ":80", NULL, &err), WEIR_EINVAL);
    assert_int_equal(weir_http_listen(f->server, "::1:80", NULL, &err), WEIR_EINVAL);
    assert_int_equal(weir_http_listen_fd(f->server, 0, NULL, &err), WEIR_EINVAL);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f->loop), 0);
    int handed = client_connect(bound);
    EXPECT(handed, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, "1|/|||127.0.0.1|1");
    int local = client_connect_unix(path);
    assert_true(local >= 0);
    EXPECT(local, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, "1|/||||1");
    close(handed);
    close(local);
    stop(f);
    assert_int_equal(stat(path, &st), -1);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0); /* what a killed server leaves behind */
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    assert_int_equal(bind(dead, (struct sockaddr *)&un, sizeof un), 0);
    close(dead);
    ASSERT_OK(weir_http_bind(address, &fd, NULL, &err), err);
    close(fd);
    unlink(path);
    rmdir(dir);
    start(f, (struct weir_http_options){0});
}

static void parameters_are_decoded(void **state)
{
    (void)state;
    struct weir_buf key, value;
    weir_buf_init(&key, 100);
    weir_buf_init(&value, 100);
    struct weir_str query = WEIR_STR("a=1&&b%20c=x+y%2b&flag&a=2&e=%");
    assert_true(weir_http_param(query, "b c", &value));
    assert_string_equal(value.data, "x y+");
    assert_true(weir_http_param(query, "a", &value));
    assert_string_equal(value.data, "1");
    assert_false(weir_http_param(query, "z", &value));
    const char *want[] = {"a", "b c", "flag", "a", "e"};
    struct weir_str rest = query;
    int n = 0;
    while (weir_http_next_param(&rest, &key, &value)) {
        assert_string_equal(weir_buf_cstr(&key), want[n++]);
    }
    assert_int_equal(n, 5);
    assert_string_equal(weir_buf_cstr(&value), "%");
    weir_buf_free(&key);
    weir_buf_free(&value);
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
        cmocka_unit_test_setup_teardown(expect_100_continue_is_honoured, setup, teardown),
        cmocka_unit_test_setup_teardown(a_busy_server_refuses_before_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(one_turn_answers_all_that_was_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(a_streamed_answer_waits_for_its_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_is_noticed, setup, teardown),
        cmocka_unit_test(silent_and_dawdling_clients_are_let_go),
        cmocka_unit_test(connections_beyond_the_limit_wait_their_turn),
        cmocka_unit_test(draining_answers_what_is_under_way),
        cmocka_unit_test(a_server_may_go_before_its_handlers_answer),
        cmocka_unit_test_setup_teardown(listening_on_other_sockets, setup, teardown),
        cmocka_unit_test(parameters_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
