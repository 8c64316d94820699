#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/client.h"
#include "io/http.h"

/* A server that says what it is told to, byte for byte: what our own server would never send must
 * be understood too. */
struct script {
    int fd;
    const char *answer;
    size_t length;      /* of the answer; 0: its strlen */
    bool hold;          /* do not close: wait until the client goes */
    char request[2048]; /* what came in */
    pthread_t thread;
    char address[64];
};

static void *play(void *arg)
{
    struct script *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t len = 0;
    while (len < sizeof s->request - 1 && !strstr(s->request, "\r\n\r\n")) {
        ssize_t n = recv(fd, s->request + len, sizeof s->request - 1 - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    size_t length = s->length ? s->length : strlen(s->answer);
    for (size_t i = 0; i < length; i += 7) { /* in small pieces: nothing may depend on packets */
        size_t piece = length - i < 7 ? length - i : 7;
        if (send(fd, s->answer + i, piece, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    char end;
    while (s->hold && recv(fd, &end, 1, 0) > 0) {
    }
    close(fd);
    return NULL;
}

static struct weir_error err;
static struct weir_buf body;

static void start(struct script *s, const char *answer)
{
    err = (struct weir_error){0};
    s->answer = answer;
    ASSERT_OK(weir_http_bind("127.0.0.1:0", &s->fd, s->address, &err), err);
    assert_int_equal(fcntl(s->fd, F_SETFL, 0), 0); /* accept() shall block */
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

/* The call's result; the body is in `body`. */
static int ask(const char *answer, struct weir_client_call call, int *status)
{
    struct script s = {0};
    start(&s, answer);
    call.address = s.address;
    call.method = call.method ? call.method : "GET";
    call.target = call.target ? call.target : "/";
    call.timeout = call.timeout ? call.timeout : 10 * WEIR_SECOND;
    weir_buf_reset(&body);
    int code = weir_client_fetch(&call, status, &body, &err);
    pthread_join(s.thread, NULL);
    close(s.fd);
    return code;
}

static void every_framing_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int status;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
        {"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello and more", 200, "hello"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, ""},
        {"HTTP/1.0 200\r\n\r\nuntil the end", 200, "until the end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\nC;ext=1\r\n, long world\r\n0\r\n\r\n",
         200, "hello, long world"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 201,
         "ok"},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n", 204, ""},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = 0;
        ASSERT_OK(ask(cases[i].answer, (struct weir_client_call){0}, &status), err);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(weir_buf_cstr(&body), cases[i].body);
    }
}

static void an_answer_that_breaks_off_is_an_error(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(cases[i], (struct weir_client_call){0}, NULL), WEIR_EIO);
        assert_non_null(strstr(err.message, "broke off"));
    }
}

static void what_is_no_http_is_an_error(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(cases[i], (struct weir_client_call){0}, NULL), WEIR_EIO);
        assert_non_null(strstr(err.message, "does not speak HTTP"));
    }
}

static void a_head_without_end_is_refused(void **state)
{
    (void)state;
    size_t n = 200000;
    char *answer = malloc(n + 1);
    memset(answer, 'x', n);
    memcpy(answer, "HTTP/1.1 200 OK\r\n", 17);
    answer[n] = '\0';
    assert_int_equal(ask(answer, (struct weir_client_call){0}, NULL), WEIR_EIO);
    assert_non_null(strstr(err.message, "head larger than"));
    free(answer);
}

static void a_silent_server_meets_the_deadline(void **state)
{
    (void)state;
    struct script s = {.hold = true};
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    struct weir_client_call call = {
        .address = s.address, .method = "GET", .target = "/", .timeout = WEIR_SECOND / 20};
    weir_time begun = weir_mono();
    weir_buf_reset(&body);
    assert_int_equal(weir_client_fetch(&call, NULL, &body, &err), WEIR_ETIMEDOUT);
    assert_true(weir_mono() - begun < 30 * WEIR_SECOND); /* it holds for ever */
    pthread_join(s.thread, NULL);
    close(s.fd);
}

static void the_request_is_sent_as_asked(void **state)
{
    (void)state;
    struct script s = {0};
    const char *const headers[] = {"X-A: 1", "X-B: 2", NULL};
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct weir_client_call call = {.address = s.address,
                                    .method = "POST",
                                    .target = "/v1/track?x=1",
                                    .type = "application/json",
                                    .body = WEIR_STR("{}"),
                                    .headers = headers};
    char expected[512];
    ASSERT_OK(weir_client_fetch(&call, NULL, &body, &err), err);
    pthread_join(s.thread, NULL);
    close(s.fd);
    snprintf(expected, sizeof expected,
             "POST /v1/track?x=1 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: 2\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
             s.address);
    assert_memory_equal(s.request, expected, strlen(expected));
}

static void nobody_there_is_told_apart(void **state)
{
    (void)state;
    struct weir_client_call call = {.method = "GET", .target = "/"};
    char address[64];
    int fd;
    ASSERT_OK(weir_http_bind("127.0.0.1:0", &fd, address, &err), err);
    close(fd);
    call.address = address;
    assert_int_equal(weir_client_fetch(&call, NULL, &body, &err), WEIR_ENOENT);
    call.address = "/tmp/weir-no-such.sock";
    assert_int_equal(weir_client_fetch(&call, NULL, &body, &err), WEIR_ENOENT);
    assert_string_equal(err.message, "nothing listens on /tmp/weir-no-such.sock");
    call.address = "localhost";
    assert_int_equal(weir_client_fetch(&call, NULL, &body, &err), WEIR_EINVAL);
}

/* --- against our own server, over a unix socket with a path that no sockaddr_un holds -----------
 */

static void echo(struct weir_http_request *req, void *arg)
{
    (void)arg;
    weir_http_begin(req, 200, "text/plain");
    weir_http_chunk(req, weir_http_path(req));
    weir_http_chunk(req, weir_http_body(req));
    weir_http_end(req);
}

static void *run_loop(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

struct seen {
    int status;
    char type[32];
    size_t bytes;
};

static int on_head(int status, struct weir_str type, void *arg, struct weir_error *e)
{
    struct seen *seen = arg;
    (void)e;
    seen->status = status;
    snprintf(seen->type, sizeof seen->type, WEIR_STR_FMT, WEIR_STR_ARG(type));
    return 0;
}

static int on_body(struct weir_str bytes, void *arg, struct weir_error *e)
{
    struct seen *seen = arg;
    seen->bytes += bytes.len;
    return seen->bytes > 100000 ? weir_fail(e, WEIR_ECANCELED, "enough") : 0;
}

static void unix_sockets_work_in_deep_folders(void **state)
{
    (void)state;
    char folder[256] = "/tmp/weir-client-XXXXXX", path[300], unix_path[310];
    assert_non_null(mkdtemp(folder));
    char root[256];
    snprintf(root, sizeof root, "%s", folder);
    strcat(folder, "/a-folder-whose-name-is-so-long-that-a-socket-address-of-108-bytes-cannot-hold-"
                   "the-path-of-a-socket-in-it");
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/s.sock", folder);
    snprintf(unix_path, sizeof unix_path, "unix:%s", path);

    struct weir_loop *loop;
    struct weir_http_server *server;
    struct weir_http_options options = {.handler = echo};
    pthread_t thread;
    ASSERT_OK(weir_loop_new(&loop, &err), err);
    ASSERT_OK(weir_http_server_new(loop, &options, &server, &err), err);
    ASSERT_OK(weir_http_listen(server, unix_path, NULL, &err), err);
    assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);

    struct weir_client_call call = {.address = path,
                                    .method = "POST",
                                    .target = "/x",
                                    .body = WEIR_STR("12345"),
                                    .timeout = 10 * WEIR_SECOND};
    int status;
    weir_buf_reset(&body);
    ASSERT_OK(weir_client_fetch(&call, &status, &body, &err), err);
    assert_string_equal(weir_buf_cstr(&body), "/x12345");
    call.address = unix_path;
    char *large = calloc(1, 1 << 20);
    struct seen seen = {0};
    call.body = (struct weir_str){large, 1 << 20};
    call.on_head = on_head;
    call.on_body = on_body;
    call.arg = &seen;
    assert_int_equal(weir_client_call(&call, &status, &err), WEIR_ECANCELED);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.type, "text/plain");
    free(large);

    weir_loop_stop(loop);
    pthread_join(thread, NULL);
    weir_http_server_free(server);
    weir_loop_free(loop);
    unlink(path);
    rmdir(folder);
    rmdir(root);
}

static int make(void **state)
{
    (void)state;
    weir_buf_init(&body, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    weir_buf_free(&body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_framing_is_read),
        cmocka_unit_test(an_answer_that_breaks_off_is_an_error),
        cmocka_unit_test(what_is_no_http_is_an_error),
        cmocka_unit_test(a_head_without_end_is_refused),
        cmocka_unit_test(a_silent_server_meets_the_deadline),
        cmocka_unit_test(the_request_is_sent_as_asked),
        cmocka_unit_test(nobody_there_is_told_apart),
        cmocka_unit_test(unix_sockets_work_in_deep_folders),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
