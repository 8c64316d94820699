#include "cli/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "io/client.h"
#include "io/process.h"

#define FIRST_BACKOFF  (WEIR_SECOND / 5)
#define MAX_BACKOFF    (10 * WEIR_SECOND)
#define CALM           (30 * WEIR_SECOND) /* having run so long, a crash starts the count anew */
#define FIRST_PATIENCE (WEIR_SECOND / 20)

static void watched(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

/* The next signal, or 0 after `timeout` (negative: wait for ever). */
static int next_signal(weir_time timeout)
{
    sigset_t set;
    watched(&set);
    timeout = timeout < 0 ? 3600 * WEIR_SECOND : timeout;
    struct timespec ts = {.tv_sec = timeout / WEIR_SECOND, .tv_nsec = timeout % WEIR_SECOND * 1000};
    int signum = sigtimedwait(&set, NULL, &ts);
    return signum > 0 ? signum : 0;
}

static int start(struct weir_supervisor *s, struct weir_child *c, struct weir_error *err)
{
    struct weir_process_options options = {
        .argv = c->argv,
        .keep_fds = c->fds,
        .keep_fd_count = c->fd_count,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .die_with_parent = true,
        /* Ctrl-C must reach us alone: the children are stopped in order. */
        .new_group = true,
    };
    int code = weir_process_start(&options, &c->pid, err);
    if (code) {
        c->pid = 0;
        return code;
    }
    c->started = weir_mono();
    c->ready = false;
    c->replacing = false;
    c->patience = FIRST_PATIENCE;
    weir_log(s->log, WEIR_LOG_DEBUG, "child started", "child", c->name, "pid",
             weir_log_num(c->pid).text);
    return WEIR_OK;
}

/* --- a child ended -----------------------------------------------------------------------------
 */

static void plan_restart(struct weir_supervisor *s, struct weir_child *c, const char *why)
{
    weir_time now = weir_mono();
    if (c->replacing) {
        c->due = now;
        return;
    }
    if (now - c->started >= CALM) {
        c->backoff = 0;
    }
    c->due = now + c->backoff;
    weir_log(s->log, WEIR_LOG_ERROR, "a child died; it is restarted", "child", c->name, "why", why,
             "in_ms", weir_log_num(c->backoff / 1000).text);
    c->backoff = c->backoff ? c->backoff * 2 : FIRST_BACKOFF;
    c->backoff = c->backoff > MAX_BACKOFF ? MAX_BACKOFF : c->backoff;
}

/* True when `c` has ended; `status` says how. */
static bool reap(struct weir_child *c, int *status)
{
    if (c->pid == 0 || waitpid(c->pid, status, WNOHANG) != c->pid) {
        return false;
    }
    c->pid = 0;
    return true;
}

static int on_child(struct weir_supervisor *s, struct weir_error *err)
{
    for (int i = 0; i < s->count; i++) {
        struct weir_child *c = &s->children[i];
        int status;
        char why[64];
        if (!reap(c, &status)) {
            continue;
        }
        weir_process_describe(status, why);
        if (!c->was_ready && !c->replacing && WIFEXITED(status)) {
            return weir_fail(err, WEIR_EINVAL,
                             "`weir %s` did not start (%s); its own message is above", c->name,
                             why);
        }
        plan_restart(s, c, why);
    }
    return WEIR_OK;
}

static void start_due(struct weir_supervisor *s)
{
    for (int i = 0; i < s->count; i++) {
        struct weir_child *c = &s->children[i];
        struct weir_error err = {0};
        if (c->pid == 0 && c->due <= weir_mono() && start(s, c, &err)) {
            c->started = weir_mono();
            plan_restart(s, c, err.message);
        }
    }
}

/* --- readiness ---------------------------------------------------------------------------------
 */

/* Asks once. Our socket takes the connection before the child does, so this mostly waits for the
 * child, not between attempts; patience grows because each attempt that is given up stays in the
 * backlog. */
static void ask_health(struct weir_supervisor *s, struct weir_child *c)
{
    struct weir_buf body;
    struct weir_error err;
    int status = 0;
    weir_buf_init(&body, 64 << 10);
    struct weir_client_call call = {
        .address = c->address, .method = "GET", .target = "/health", .timeout = c->patience};
    int code = weir_client_fetch(&call, &status, &body, &err);
    weir_buf_free(&body);
    c->patience = c->patience >= WEIR_SECOND ? WEIR_SECOND : c->patience * 2;
    if (code || status != 200) {
        return;
    }
    c->ready = true;
    if (c->was_ready) {
        weir_log(s->log, WEIR_LOG_INFO, "a child is back", "child", c->name, "after_ms",
                 weir_log_num((weir_mono() - c->started) / 1000).text);
    }
    c->was_ready = true;
}

/* How long the loop may sleep: until a restart is due, hardly when a child is not ready. */
static weir_time time_to_sleep(const struct weir_supervisor *s)
{
    weir_time least = -1, now = weir_mono();
    for (int i = 0; i < s->count; i++) {
        const struct weir_child *c = &s->children[i];
        weir_time mine = c->pid == 0 ? c->due - now : c->ready ? -1 : 2000;
        if (mine >= 0 || c->pid == 0) {
            mine = mine < 0 ? 0 : mine;
            least = least < 0 || mine < least ? mine : least;
        }
    }
    return least;
}

static int check_ready(struct weir_supervisor *s, bool *announced, struct weir_error *err)
{
    int ready = 0;
    for (int i = 0; i < s->count; i++) {
        struct weir_child *c = &s->children[i];
        if (c->pid && !c->ready) {
            ask_health(s, c);
        }
        ready += c->ready;
    }
    if (*announced || ready < s->count) {
        return WEIR_OK;
    }
    *announced = true;
    return s->ready(s->arg, err);
}

/* --- SIGHUP and the end ------------------------------------------------------------------------
 */

static void reload(struct weir_supervisor *s)
{
    struct weir_error err = {0};
    if (s->reload(s->arg, &err)) {
        weir_log(s->log, WEIR_LOG_ERROR, "the settings were not taken over; weir goes on as before",
                 "why", err.message);
        return;
    }
    weir_log(s->log, WEIR_LOG_INFO, "settings read again; restarting the children one by one");
    for (int i = 0; i < s->count; i++) {
        if (s->children[i].pid) {
            s->children[i].replacing = true;
            kill(s->children[i].pid, SIGTERM);
        }
    }
}

/* False when it did not end by itself or ended with an error. */
static bool stop(struct weir_supervisor *s, struct weir_child *c)
{
    weir_time until = weir_mono() + c->grace;
    int status = 0;
    bool killed = false;
    char why[64];
    if (c->pid == 0) {
        return true;
    }
    /* One that is being replaced was told already, and may be past its handlers: told again it
     * would die of it. */
    if (!c->replacing) {
        kill(c->pid, SIGTERM);
    }
    while (!reap(c, &status)) {
        weir_time left = until - weir_mono();
        int signum = next_signal(killed ? WEIR_SECOND : left > 0 ? left : 0);
        bool again = signum == SIGTERM || signum == SIGINT;
        if (!killed && (again || weir_mono() >= until)) {
            weir_log(s->log, WEIR_LOG_WARN,
                     again ? "told to stop twice; killing" : "it does not stop; killing", "child",
                     c->name);
            kill(c->pid, SIGKILL);
            killed = true;
        }
    }
    weir_process_describe(status, why);
    /* A child that had no handler yet dies of our SIGTERM: that is a clean stop too. */
    bool clean = status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && !c->ready);
    if (!clean) {
        weir_log(s->log, WEIR_LOG_ERROR, "a child did not end cleanly", "child", c->name, "why",
                 why);
    }
    return clean;
}

/* Is there still somebody to do what `stopped` may wait for? Not while it is being restarted. */
static bool next_runs(struct weir_supervisor *s, int i)
{
    struct weir_child *next = i + 1 < s->count ? &s->children[i + 1] : NULL;
    int status;
    if (!s->stopped || !next || next->pid == 0 || next->replacing || !next->ready) {
        return false;
    }
    return !reap(next, &status);
}

static int stop_all(struct weir_supervisor *s, int code, struct weir_error *err)
{
    const char *unclean = NULL;
    if (s->stopping) {
        s->stopping(s->arg);
    }
    for (int i = 0; i < s->count; i++) {
        struct weir_child *c = &s->children[i];
        bool ran = c->pid != 0;
        if (!stop(s, c)) {
            unclean = c->name;
        } else if (ran && !code && next_runs(s, i)) {
            s->stopped(i, s->arg);
        }
    }
    if (!code && unclean) {
        code = weir_fail(err, WEIR_EIO, "\"%s\" did not end cleanly; see the log above", unclean);
    }
    return code;
}

static int watch(struct weir_supervisor *s, struct weir_error *err)
{
    bool announced = false;
    for (int i = 0; i < s->count; i++) {
        int code = start(s, &s->children[i], err);
        if (code) {
            return code;
        }
    }
    for (;;) {
        int code = check_ready(s, &announced, err);
        if (code) {
            return code;
        }
        switch (next_signal(time_to_sleep(s))) {
        case SIGTERM:
        case SIGINT:
            return WEIR_OK;
        case SIGHUP:
            reload(s);
            break;
        default:
            /* SIGCHLD stands for any number of ends; look each time. */
            code = on_child(s, err);
            if (code) {
                return code;
            }
            break;
        }
        start_due(s);
    }
}

int weir_supervise(struct weir_supervisor *s, struct weir_error *err)
{
    sigset_t set, before;
    watched(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    int code = watch(s, err);
    code = stop_all(s, code, err);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}
