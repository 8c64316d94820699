#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/process.h"

static struct weir_error err;

static pid_t start(const struct weir_process_options *options)
{
    pid_t pid = 0;
    ASSERT_OK(weir_process_start(options, &pid, &err), err);
    return pid;
}

static const char *end_of(pid_t pid)
{
    static char text[64];
    int status;
    ASSERT_OK(weir_process_wait(pid, 10 * WEIR_SECOND, &status, &err), err);
    weir_process_describe(status, text);
    return text;
}

static pid_t shell(const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return start(&(struct weir_process_options){
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1});
}

static void says_how_a_child_ended(void **state)
{
    (void)state;
    assert_string_equal(end_of(shell("exit 0")), "exit 0");
    assert_string_equal(end_of(shell("exit 7")), "exit 7");
    assert_string_equal(end_of(shell("kill -9 $$")), "killed by SIGKILL");
    assert_string_equal(end_of(shell("kill -TERM $$")), "killed by SIGTERM");
}

static void a_child_of_batch_takes_no_processor_from_us(void **state)
{
    (void)state;
    /* What it starts itself says which policy it has: the 41st field, behind a name without spaces.
     */
    const char *const argv[] = {"/bin/sh", "-c", "test \"$(cut -d ' ' -f 41 /proc/self/stat)\" = 3",
                                NULL};
    struct weir_process_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    assert_string_equal(end_of(start(&options)), "exit 1");
    options.batch = true;
    assert_string_equal(end_of(start(&options)), "exit 0");
}

static void a_program_that_is_not_there_is_an_error_at_once(void **state)
{
    (void)state;
    const char *const argv[] = {"/nonexistent/weir", NULL};
    struct weir_process_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    pid_t pid;
    assert_int_equal(weir_process_start(&options, &pid, &err), WEIR_ENOENT);
    assert_string_equal(err.message, "cannot start /nonexistent/weir: No such file or directory");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and leaves no zombie */
    assert_int_equal(errno, ECHILD);
}

static void waiting_has_a_deadline(void **state)
{
    (void)state;
    pid_t pid = shell("exec sleep 100");
    int status;
    weir_time begun = weir_mono();
    assert_int_equal(weir_process_wait(pid, WEIR_SECOND / 20, &status, &err), WEIR_ETIMEDOUT);
    assert_true(weir_mono() - begun >= WEIR_SECOND / 20);
    ASSERT_OK(weir_process_stop(pid, 10 * WEIR_SECOND, &status, &err), err);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void a_child_that_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    int out[2], status;
    char ready;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    const char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; echo r; while :; do sleep 1; done",
                                NULL};
    pid_t pid = start(&(struct weir_process_options){
        .argv = argv, .stdin_fd = -1, .stdout_fd = out[1], .stderr_fd = -1});
    assert_int_equal(read(out[0], &ready, 1), 1);
    ASSERT_OK(weir_process_stop(pid, WEIR_SECOND / 20, &status, &err), err);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(out[0]);
    close(out[1]);
}

static void only_the_kept_descriptors_are_inherited(void **state)
{
    (void)state;
    int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int lost = open("/dev/null", O_RDONLY); /* not close-on-exec: someone was careless */
    char script[256];
    snprintf(script, sizeof script,
             "[ -e /proc/self/fd/%d ] || exit 1; [ ! -e /proc/self/fd/%d ] || exit 2; "
             "[ \"$(readlink /proc/self/fd/0)\" = /dev/null ] || exit 3",
             kept, lost);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    assert_string_equal(end_of(start(&(struct weir_process_options){.argv = argv,
                                                                    .keep_fds = &kept,
                                                                    .keep_fd_count = 1,
                                                                    .stdin_fd = -1,
                                                                    .stdout_fd = -1,
                                                                    .stderr_fd = -1})),
                        "exit 0");
    close(kept);
    close(lost);
}

static void environment_and_output_are_the_callers(void **state)
{
    (void)state;
    int out[2];
    char text[64] = "";
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    const char *const argv[] = {"/bin/sh", "-c", "printf '%s' \"$WEIR_X-$HOME\"", NULL};
    const char *const env[] = {"WEIR_X=7", NULL};
    pid_t pid = start(&(struct weir_process_options){
        .argv = argv, .env = env, .stdin_fd = -1, .stdout_fd = out[1], .stderr_fd = -1});
    assert_string_equal(end_of(pid), "exit 0");
    close(out[1]);
    assert_int_equal(read(out[0], text, sizeof text - 1), 2);
    assert_string_equal(text, "7-");
    close(out[0]);
}

static void ignored_and_blocked_signals_do_not_pass_on(void **state)
{
    (void)state;
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &before);
    signal(SIGPIPE, SIG_IGN);
    /* make may leave 32 and 33 ignored: the C library's own, which it lets nobody touch */
    pid_t pid = shell("grep -qE '^SigBlk:.0+$' /proc/self/status && "
                      "grep -qE '^SigIgn:.0+(1?[08]0000000)?$' /proc/self/status");
    assert_string_equal(end_of(pid), "exit 0");
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A parent that is killed takes its child along. */
static void children_die_with_their_parent(void **state)
{
    (void)state;
    int out[2];
    pid_t child = 0;
    char end;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        struct weir_process_options options = {.argv = argv,
                                               .keep_fds = &out[1], /* open as long as it lives */
                                               .keep_fd_count = 1,
                                               .stdin_fd = -1,
                                               .stdout_fd = -1,
                                               .stderr_fd = -1,
                                               .die_with_parent = true};
        if (weir_process_start(&options, &child, NULL)) {
            _exit(1);
        }
        if (write(out[1], &child, sizeof child) != sizeof child) {
            _exit(1);
        }
        pause();
        _exit(0);
    }
    close(out[1]);
    assert_int_equal(read(out[0], &child, sizeof child), sizeof child);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    assert_int_equal(read(out[0], &end, 1), 0); /* ends when the last holder is gone */
    close(out[0]);
}

static void programs_are_found_in_path(void **state)
{
    (void)state;
    char path[4096];
    assert_true(weir_process_find("sh", path, sizeof path));
    assert_int_equal(path[0], '/');
    assert_false(weir_process_find("weir-no-such-program", path, sizeof path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_a_child_ended),
        cmocka_unit_test(a_child_of_batch_takes_no_processor_from_us),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error_at_once),
        cmocka_unit_test(waiting_has_a_deadline),
        cmocka_unit_test(a_child_that_ignores_sigterm_is_killed),
        cmocka_unit_test(only_the_kept_descriptors_are_inherited),
        cmocka_unit_test(environment_and_output_are_the_callers),
        cmocka_unit_test(ignored_and_blocked_signals_do_not_pass_on),
        cmocka_unit_test(children_die_with_their_parent),
        cmocka_unit_test(programs_are_found_in_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
