/* The supervisor with real processes: this program is also their child (see child_main). All of
 * them append to one file, the trace, that the tests read. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/supervise.h"
#include "io/client.h"
#include "io/file.h"
#include "io/http.h"

static char trace_path[64];
static pid_t supervisor;
static char address[2][64];
static int listeners[2];

/* --- the child ---------------------------------------------------------------------------------
 */

static void say(int fd, const char *name, const char *what)
{
    char line[128];
    int n = snprintf(line, sizeof line, "%s %s %d\n", name, what, (int)getpid());
    if (write(fd, line, (size_t)n) != n) {
        abort();
    }
}

static void answer(struct weir_http_request *req, void *arg)
{
    (void)arg;
    weir_http_reply(req, 200, "text/plain", WEIR_STR("well\n"));
}

static void stop_loop(void *arg)
{
    weir_loop_stop(arg);
}

/* The end of a child after it has given up its signal handlers: a second SIGTERM is its death. */
static int linger(int trace)
{
    char path[64], text[4096];
    sigset_t set;
    const struct timespec moment = {0, 300 * 1000 * 1000};
    weir_time until = weir_mono() + 20 * WEIR_SECOND;
    snprintf(path, sizeof path, "/proc/self/fd/%d", trace);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    for (bool told = false; !told && weir_mono() < until; poll(NULL, 0, 5)) {
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        told = strstr(text, "all stopping") != NULL;
    }
    return sigtimedwait(&set, NULL, &moment) == SIGTERM ? 6 : 0;
}

/* argv: child NAME MODE LISTEN-FD TRACE-FD */
static int child_main(char **argv)
{
    const char *name = argv[2], *mode = argv[3];
    int trace = atoi(argv[5]);
    struct weir_error err = {0};
    struct weir_loop *loop;
    struct weir_http_server *server;
    struct weir_http_options options = {.handler = answer};
    say(trace, name, "started");
    if (strcmp(mode, "broken") == 0) {
        return 3;
    }
    int code = weir_loop_new(&loop, &err);
    code = code ? code : weir_http_server_new(loop, &options, &server, &err);
    code = code ? code : weir_http_listen_fd(server, atoi(argv[4]), NULL, &err);
    if (!code && strcmp(mode, "deaf") == 0) {
        signal(SIGTERM, SIG_IGN);
    } else if (!code) {
        code = weir_loop_on_signal(loop, SIGTERM, stop_loop, loop);
    }
    if (code) {
        return 4;
    }
    weir_loop_run(loop);
    if (strcmp(mode, "slow") == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        say(trace, name, "lingers");
        return linger(trace);
    }
    weir_http_server_free(server);
    weir_loop_free(loop);
    say(trace, name, "stopped");
    return strcmp(mode, "sour") == 0 ? 5 : 0;
}

/* --- the supervisor, in a process of its own ---------------------------------------------------
 */

static int on_ready(void *arg, struct weir_error *err)
{
    (void)err;
    say(*(int *)arg, "all", "ready");
    return 0;
}

static int reads; /* in the supervisor's process */

/* Wrong the first time, then right. */
static int on_reload(void *arg, struct weir_error *err)
{
    say(*(int *)arg, "settings", "read");
    return reads++ == 0 ? weir_fail(err, WEIR_EINVAL, "weir.yml:1: wrong") : 0;
}

static void on_stopping(void *arg)
{
    say(*(int *)arg, "all", "stopping");
}

static void on_stopped(int i, void *arg)
{
    say(*(int *)arg, i == 0 ? "first" : "second", "gone");
}

static int supervisor_main(const char *modes[2])
{
    int trace = open(trace_path, O_WRONLY | O_APPEND);
    struct weir_log log = {trace, WEIR_LOG_INFO, true, "up"};
    struct weir_child children[2];
    const char *argv[2][8];
    char numbers[2][2][16];
    struct weir_error err = {0};
    for (int i = 0; i < 2; i++) {
        snprintf(numbers[i][0], 16, "%d", listeners[i]);
        snprintf(numbers[i][1], 16, "%d", trace);
        const char *const words[] = {
            "/proc/self/exe", "child", i ? "serve" : "collect", modes[i], numbers[i][0],
            numbers[i][1],    NULL};
        memcpy(argv[i], words, sizeof words);
        children[i] = (struct weir_child){.name = i ? "serve" : "collect",
                                          .argv = argv[i],
                                          .fds = {listeners[i], trace},
                                          .fd_count = 2,
                                          .address = address[i],
                                          .grace = 20 * WEIR_SECOND};
    }
    struct weir_supervisor s = {.children = children,
                                .count = 2,
                                .log = &log,
                                .ready = on_ready,
                                .reload = on_reload,
                                .stopping = on_stopping,
                                .stopped = on_stopped,
                                .arg = &trace};
    int code = weir_supervise(&s, &err);
    if (code) {
        weir_log(&log, WEIR_LOG_ERROR, err.message);
    }
    return code;
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void start(const char *first, const char *second)
{
    const char *modes[2] = {first, second};
    supervisor = fork();
    if (supervisor == 0) {
        _exit(supervisor_main(modes));
    }
}

static const char *trace(void)
{
    static char text[65536];
    struct weir_buf buf;
    struct weir_error err = {0};
    weir_buf_init(&buf, sizeof text - 1);
    ASSERT_OK(weir_file_read(trace_path, &buf, &err), err);
    memcpy(text, weir_buf_cstr(&buf), buf.len + 1);
    weir_buf_free(&buf);
    return text;
}

static int count(const char *what)
{
    int n = 0;
    for (const char *at = trace(); (at = strstr(at, what)); at++) {
        n++;
    }
    return n;
}

static void wait_for(const char *what, int times)
{
    weir_time until = weir_mono() + 20 * WEIR_SECOND;
    while (count(what) < times) {
        if (weir_mono() > until) {
            fail_msg("\"%s\" did not come %d times; this did:\n%s", what, times, trace());
        }
        poll(NULL, 0, 5);
    }
}

/* The pid in the newest line that begins so. */
static pid_t newest(const char *what)
{
    const char *found = NULL;
    for (const char *at = trace(); (at = strstr(at, what)); at++) {
        found = at;
    }
    assert_non_null(found);
    return atoi(found + strlen(what));
}

static int end(void)
{
    int status;
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    supervisor = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_order(const char *first, const char *second)
{
    const char *text = trace();
    const char *a = strstr(text, first), *b = strstr(text, second);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
}

static int make(void **state)
{
    (void)state;
    struct weir_error err = {0};
    snprintf(trace_path, sizeof trace_path, "/tmp/weir-supervise-XXXXXX");
    int fd = mkstemp(trace_path);
    for (int i = 0; i < 2; i++) {
        if (weir_http_bind("127.0.0.1:0", &listeners[i], address[i], &err)) {
            return -1;
        }
    }
    return fd < 0 ? -1 : close(fd);
}

static int unmake(void **state)
{
    (void)state;
    if (supervisor) {
        kill(supervisor, SIGKILL);
        waitpid(supervisor, NULL, 0);
        supervisor = 0;
    }
    close(listeners[0]);
    close(listeners[1]);
    return unlink(trace_path);
}

static void stops_in_order_on_sigterm(void **state)
{
    (void)state;
    start("good", "good");
    wait_for("all ready", 1);
    kill(supervisor, SIGTERM);
    assert_int_equal(end(), 0);
    assert_order("collect stopped", "first gone");
    assert_order("first gone", "serve stopped");
    assert_int_equal(count("second gone"), 0); /* nobody is left to wait for */
    assert_int_equal(count("died"), 0);
}

static void a_child_that_never_was_ready_ends_all(void **state)
{
    (void)state;
    start("good", "broken");
    assert_int_equal(end(), WEIR_EINVAL);
    assert_non_null(strstr(trace(), "`weir serve` did not start (exit 3)"));
    assert_int_equal(count("all ready"), 0);
    assert_int_equal(count("serve started"), 1);
}

static void a_killed_child_is_started_again_and_why_is_told(void **state)
{
    (void)state;
    start("good", "good");
    wait_for("all ready", 1);
    pid_t serve = newest("serve started ");
    for (int i = 1; i <= 2; i++) {
        pid_t victim = newest("collect started ");
        kill(victim, SIGKILL);
        wait_for("collect started", i + 1);
        wait_for("a child is back", i);
        assert_int_not_equal(newest("collect started "), victim);
    }
    assert_int_equal(newest("serve started "), serve);
    assert_int_equal(count("\"why\":\"killed by SIGKILL\",\"in_ms\":\"0\""), 1);
    assert_int_equal(count("\"why\":\"killed by SIGKILL\",\"in_ms\":\"200\""), 1);
    assert_int_equal(count("all ready"), 1);
    kill(supervisor, SIGINT);
    assert_int_equal(end(), 0);
}

static void a_connection_waits_while_its_child_is_restarted(void **state)
{
    (void)state;
    struct weir_buf body;
    struct weir_error err = {0};
    struct weir_client_call call = {
        .address = address[0], .method = "GET", .target = "/", .timeout = 20 * WEIR_SECOND};
    weir_buf_init(&body, 4096);
    start("good", "good");
    wait_for("all ready", 1);
    kill(newest("collect started "), SIGKILL);
    for (int i = 0; i < 20; i++) { /* some of them while nobody accepts */
        int status = 0;
        weir_buf_reset(&body);
        int code = weir_client_fetch(&call, &status, &body, &err);
        /* One that the dying child had accepted may break off; none may be refused. */
        assert_true(code == WEIR_OK || (code == WEIR_EIO && i == 0));
    }
    weir_buf_free(&body);
    kill(supervisor, SIGTERM);
    assert_int_equal(end(), 0);
}

static void sighup_restarts_only_with_good_settings(void **state)
{
    (void)state;
    start("good", "good");
    wait_for("all ready", 1);
    kill(supervisor, SIGHUP);
    wait_for("weir.yml:1: wrong", 1);
    assert_int_equal(count("collect started"), 1);
    kill(supervisor, SIGHUP);
    wait_for("collect started", 2);
    wait_for("serve started", 2);
    wait_for("a child is back", 2);
    assert_int_equal(count("died"), 0);
    kill(supervisor, SIGTERM);
    assert_int_equal(end(), 0);
}

static void a_child_that_is_replaced_is_not_told_again_at_the_end(void **state)
{
    (void)state;
    start("slow", "good");
    wait_for("all ready", 1);
    kill(supervisor, SIGHUP);
    wait_for("weir.yml:1: wrong", 1);
    kill(supervisor, SIGHUP);
    wait_for("collect lingers", 1);
    kill(supervisor, SIGTERM);
    assert_int_equal(end(), 0);
}

static void told_twice_it_kills(void **state)
{
    (void)state;
    start("deaf", "good");
    wait_for("all ready", 1);
    kill(supervisor, SIGTERM);
    weir_time until = weir_mono() + 20 * WEIR_SECOND;
    while (count("told to stop twice") == 0 && weir_mono() < until) {
        kill(supervisor, SIGTERM);
        poll(NULL, 0, 5);
    }
    assert_int_equal(end(), WEIR_EIO);
    assert_non_null(strstr(trace(), "\\\"collect\\\" did not end cleanly"));
    assert_int_equal(count("serve stopped"), 1);
}

static void a_child_that_ends_badly_when_stopped_is_told(void **state)
{
    (void)state;
    start("good", "sour");
    wait_for("all ready", 1);
    kill(supervisor, SIGTERM);
    assert_int_equal(end(), WEIR_EIO);
    assert_int_equal(count("\"why\":\"exit 5\""), 1);
}

static void children_do_not_outlive_a_killed_supervisor(void **state)
{
    (void)state;
    start("good", "good");
    wait_for("all ready", 1);
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    supervisor = 0;
    wait_for("collect stopped", 1);
    wait_for("serve stopped", 1);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        return child_main(argv);
    }
#define CASE(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(stops_in_order_on_sigterm),
        CASE(a_child_that_never_was_ready_ends_all),
        CASE(a_killed_child_is_started_again_and_why_is_told),
        CASE(a_connection_waits_while_its_child_is_restarted),
        CASE(sighup_restarts_only_with_good_settings),
        CASE(a_child_that_is_replaced_is_not_told_again_at_the_end),
        CASE(told_twice_it_kills),
        CASE(a_child_that_ends_badly_when_stopped_is_told),
        CASE(children_do_not_outlive_a_killed_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
