/* Answers, and the server's own life. */
#include "test.h"

#include <poll.h>
#include <sys/stat.h>

#include "http_fixture.h"

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

/* Bytes that trickle keep a body from being silent; they must not hold memory that others need. */
static void a_trickling_body_goes_when_memory_is_short(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){.idle_seconds = 1, .max_buffered = MAX_BODY});
    int fd = client_connect(f.bound);
    char *block = calloc(1, MAX_BODY);
    client_say(fd, POST("/echo", "Content-Length: 1048576\r\n\r\n"));
    client_send(fd, block, MAX_BODY - 1000);
    bool answered = false;
    for (int i = 0; i < 100 && !answered; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        answered = poll(&wait, 1, 100) == 1;
        ssize_t sent = answered ? 0 : send(fd, block, 1, MSG_NOSIGNAL);
        (void)sent;
    }
    struct answer a = client_answer(fd, false);
    assert_int_equal(a.status, 408);
    answer_free(&a);
    close(fd);
    free(block);
    stop(&f);
}

/* Each body is within its own limit; together they are not. */
static bool answered_with(int fd, int status)
{
    struct answer a = client_answer(fd, false);
    bool as_wanted = a.status == status;
    answer_free(&a);
    return as_wanted;
}

static void all_bodies_together_have_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct weir_http_options){.max_buffered = 2 * MAX_BODY});
    int fds[4];
    int served = 0, turned_away = 0;
    char *block = calloc(1, MAX_BODY);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(f.bound);
        client_say(fds[i], POST("/echo", "Content-Length: 1048576\r\n\r\n"));
    }
    /* The first is alone with its body. The others come together and do not end theirs before the
     * server has noticed that there is no room for all three. */
    client_send(fds[0], block, MAX_BODY);
    served += answered_with(fds[0], 200);
    for (int i = 1; i < 4; i++) {
        client_send(fds[i], block, MAX_BODY - 1);
    }
    struct pollfd waiting[] = {{fds[1], POLLIN, 0}, {fds[2], POLLIN, 0}, {fds[3], POLLIN, 0}};
    assert_true(poll(waiting, 3, 20000) > 0);
    for (int i = 1; i < 4; i++) {
        client_send(fds[i], block, 1);
        struct answer a = client_answer(fds[i], false);
        served += a.status == 200;
        turned_away += a.status == 503 && answer_header(&a, "Retry-After");
        answer_free(&a);
    }
    assert_int_equal(served + turned_away, 4);
    assert_true(served >= 1 && turned_away >= 1);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    free(block);
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
    assert_int_equal(weir_http_listen(f->server, "127.0.0.1:99999", NULL, &err), WEIR_EINVAL);
    assert_int_equal(weir_http_listen(f->server, "127.0.0.1:http", NULL, &err), WEIR_EINVAL);
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
        cmocka_unit_test_setup_teardown(one_turn_answers_all_that_was_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(a_streamed_answer_waits_for_its_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_is_noticed, setup, teardown),
        cmocka_unit_test(silent_and_dawdling_clients_are_let_go),
        cmocka_unit_test(a_trickling_body_goes_when_memory_is_short),
        cmocka_unit_test(all_bodies_together_have_a_limit),
        cmocka_unit_test(connections_beyond_the_limit_wait_their_turn),
        cmocka_unit_test(draining_answers_what_is_under_way),
        cmocka_unit_test(a_server_may_go_before_its_handlers_answer),
        cmocka_unit_test_setup_teardown(listening_on_other_sockets, setup, teardown),
        cmocka_unit_test(parameters_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
