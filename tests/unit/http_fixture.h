/* A server of src/io/http on a thread of its own, with a handler for every kind of answer. */
#ifndef WEIR_HTTP_FIXTURE_H
#define WEIR_HTTP_FIXTURE_H

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

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

static inline void wait_until(atomic_bool *flag)
{
    for (int i = 0; i < DEADLINE_MS && !atomic_load(flag); i++) {
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(flag));
}

static inline void wait_for_count(atomic_int *counter, int want)
{
    for (int i = 0; i < DEADLINE_MS && atomic_load(counter) < want; i++) {
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(counter) >= want);
}

static inline void produce(void *arg)
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

static inline void on_gone(void *arg)
{
    atomic_fetch_add(&((struct fixture *)arg)->gone, 1);
}

static inline void describe(struct weir_http_request *req)
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

static inline void handle(struct weir_http_request *req, void *arg)
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

static inline bool admit(struct weir_http_request *req, void *arg)
{
    (void)arg;
    if (weir_str_is(weir_http_path(req), "/busy")) {
        weir_http_set(req, "Retry-After", "7");
        weir_http_reply(req, 503, NULL, (struct weir_str){0});
        return true;
    }
    return false;
}

/* Everything that may be asked about a request may be asked about one that could not be read. */
static inline void refused(struct weir_http_request *req, int status, const char *why, void *arg)
{
    struct weir_str value;
    size_t at = 0;
    char text[256];
    assert_true(strlen(why) > 0);
    assert_int_equal(weir_http_body(req).len, 0);
    (void)weir_http_header(req, "Host");
    (void)weir_http_next_header(req, "Host", &at, &value);
    snprintf(text, sizeof text, "%d %zu %zu %s", (int)weir_http_method(req),
             weir_http_path(req).len, weir_http_query(req).len, why);
    atomic_store(&((struct fixture *)arg)->refused_status, status);
    weir_http_reply(req, status, "text/plain", weir_str_of(text));
}

static inline void turn_end(void *arg)
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

static inline void *run_loop(void *arg)
{
    weir_loop_run(arg);
    return NULL;
}

static inline void start(struct fixture *f, struct weir_http_options options)
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

static inline void stop(struct fixture *f)
{
    weir_loop_stop(f->loop);
    pthread_join(f->thread, NULL);
    weir_http_server_free(f->server);
    weir_loop_free(f->loop);
}

static inline int setup(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    start(f, (struct weir_http_options){0});
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    stop(*state);
    free(*state);
    return 0;
}

static inline struct answer ask(int fd, const char *text)
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

#endif
