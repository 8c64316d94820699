#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Between fork and exec only async-signal-safe calls may be made: other threads of the parent may
 * hold any lock. */
static void close_all_but(const int *keep, int count)
{
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        for (int fd = 3; fd < 65536; fd++) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
    for (int i = 0; i < count; i++) {
        fcntl(keep[i], F_SETFD, 0);
    }
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int signum = 1; signum < NSIG; signum++) {
        signal(signum, SIG_DFL); /* an ignored signal would stay ignored through exec */
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int redirect(int from, int to)
{
    if (from < 0 || from == to) {
        return from == to ? fcntl(to, F_SETFD, 0) : 0;
    }
    return dup2(from, to) < 0 ? -1 : 0;
}

/* By way of numbers that none of them has, so that none is overwritten before it is copied. */
static int give(const struct weir_process_options *o)
{
    int copies[WEIR_PROCESS_GIVEN];
    for (int i = 0; i < o->give_fd_count; i++) {
        copies[i] = fcntl(o->give_fds[i].ours, F_DUPFD_CLOEXEC, 64);
        if (copies[i] < 0) {
            return -1;
        }
    }
    for (int i = 0; i < o->give_fd_count; i++) {
        if (dup2(copies[i], o->give_fds[i].theirs) < 0) { /* and it is not close-on-exec */
            return -1;
        }
    }
    return 0;
}

static int limit(int what, uint64_t most)
{
    struct rlimit r = {most, most}, may;
    if (most && getrlimit(what, &may) == 0 && may.rlim_max < most) {
        r = (struct rlimit){may.rlim_max, may.rlim_max}; /* it is stricter as it is */
    }
    return most ? setrlimit(what, &r) : 0;
}

static void become(const struct weir_process_options *o, pid_t parent, int report)
{
    int null_fd = -1;
    reset_signals();
    if (o->new_group) {
        setpgid(0, 0);
    }
    if (o->batch) {
        const struct sched_param none = {0};
        (void)sched_setscheduler(0, SCHED_BATCH, &none); /* what it starts has it, too */
    }
    if (o->die_with_parent) {
        prctl(PR_SET_PDEATHSIG, o->no_mercy ? SIGKILL : SIGTERM);
        if (getppid() != parent) {
            _exit(127); /* it died before we asked to be told */
        }
    }
    if (o->stdin_fd < 0) {
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (redirect(o->stdin_fd < 0 ? null_fd : o->stdin_fd, 0) == 0 &&
        redirect(o->stdout_fd, 1) == 0 && redirect(o->stderr_fd, 2) == 0) {
        close_all_but(o->keep_fds, o->keep_fd_count);
    } else {
        goto failed;
    }
    if (give(o) == 0 && limit(RLIMIT_DATA, o->max_memory) == 0 &&
        limit(RLIMIT_FSIZE, o->max_file) == 0 && limit(RLIMIT_CPU, o->max_cpu) == 0 &&
        limit(RLIMIT_NOFILE, o->max_files) == 0 && (!o->dir || chdir(o->dir) == 0)) {
        execve(o->argv[0], (char *const *)(uintptr_t)o->argv,
               o->env ? (char *const *)(uintptr_t)o->env : environ);
    }
failed:;
    int errnum = errno;
    while (write(report, &errnum, sizeof errnum) < 0 && errno == EINTR) {
    }
    _exit(127);
}

int weir_process_start(const struct weir_process_options *options, pid_t *pid,
                       struct weir_error *err)
{
    int report[2]; /* closed by a successful exec; carries errno otherwise */
    int errnum = 0;
    ssize_t n;
    if (pipe2(report, O_CLOEXEC)) {
        return weir_fail_errno(err, errno, "cannot start %s", options->argv[0]);
    }
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        become(options, parent, report[1]);
    }
    int fork_errno = errno;
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return weir_fail_errno(err, fork_errno, "cannot start %s", options->argv[0]);
    }
    do {
        n = read(report[0], &errnum, sizeof errnum);
    } while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n == (ssize_t)sizeof errnum) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        return weir_fail_errno(err, errnum,
                               errnum == ENOEXEC ? "cannot start %s, which is neither a program "
                                                   "of this machine nor a script whose first line "
                                                   "names one, such as #!/usr/bin/env python3"
                                                 : "cannot start %s",
                               options->argv[0]);
    }
    *pid = child;
    return WEIR_OK;
}

/* Sleeps until the child has ended or `until` has come; at most a moment where the kernel has no
 * process descriptors. */
static void sleep_for_child(pid_t pid, weir_time timeout, weir_time until)
{
    weir_time left = until - weir_mono();
    int ms = timeout < 0 ? -1 : left <= 0 ? 0 : (int)(left / 1000 + 1);
    struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    if (p.fd < 0) {
        poll(NULL, 0, ms < 0 || ms > 5 ? 5 : ms);
        return;
    }
    poll(&p, 1, ms);
    close(p.fd);
}

int weir_process_wait(pid_t pid, weir_time timeout, int *status, struct weir_error *err)
{
    weir_time until = timeout < 0 ? 0 : weir_mono() + timeout;
    for (;;) {
        pid_t done = waitpid(pid, status, WNOHANG);
        if (done == pid) {
            return WEIR_OK;
        }
        if (done < 0 && errno != EINTR) {
            return weir_fail_errno(err, errno, "cannot wait for process %d", (int)pid);
        }
        if (timeout >= 0 && weir_mono() >= until) {
            return weir_fail(err, WEIR_ETIMEDOUT, "process %d is still running", (int)pid);
        }
        sleep_for_child(pid, timeout, until);
    }
}

int weir_process_stop(pid_t pid, weir_time grace, int *status, struct weir_error *err)
{
    int ignored;
    status = status ? status : &ignored;
    kill(pid, SIGTERM);
    int code = weir_process_wait(pid, grace, status, err);
    if (code != WEIR_ETIMEDOUT) {
        return code;
    }
    kill(pid, SIGKILL);
    return weir_process_wait(pid, -1, status, err);
}

void weir_process_describe(int status, char out[64])
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(out, 64, "killed by SIG%s%s", name ? name : "?",
                 WCOREDUMP(status) ? " (core dumped)" : "");
    } else {
        snprintf(out, 64, "exit %d", WEXITSTATUS(status));
    }
}

bool weir_process_find(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    struct weir_str rest = weir_str_of(path ? path : "/usr/local/bin:/usr/bin:/bin");
    while (rest.ptr) {
        struct weir_str dir = weir_str_cut(&rest, ':');
        int n = snprintf(out, size, WEIR_STR_FMT "/%s", WEIR_STR_ARG(dir), name);
        if (dir.len > 0 && n > 0 && (size_t)n < size && access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t weir_process_allow_files(uint64_t want)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return 0;
    }
    if (limit.rlim_cur < want) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = want < limit.rlim_max ? (rlim_t)want : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit)) {
            return before;
        }
    }
    return limit.rlim_cur;
}
