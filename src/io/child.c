#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file.h"
#include "io/keeper.h"

#define CHUNK      (256u << 10)
#define PIPE_BYTES (1 << 20)
#define SAID_MAX   4096
#define LOOK_EVERY 100                /* ms: for a stop */
#define KEEPER_HAS (10 * WEIR_SECOND) /* to end all */

static int make_pipe(int fds[2], struct weir_error *err)
{
    if (pipe2(fds, O_CLOEXEC)) {
        fds[0] = fds[1] = -1;
        return weir_fail_errno(err, errno, "cannot make a pipe");
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES); /* as many as we may have */
    return 0;
}

int weir_child_start(struct weir_child *c, const struct weir_child_options *options,
                     struct weir_error *err)
{
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    *c = (struct weir_child){.options = *options,
                             .out = -1,
                             .err = -1,
                             .log = -1,
                             .ended = -1,
                             .code = -1,
                             .heard = weir_mono()};
    c->until = options->timeout ? weir_mono() + options->timeout : 0;
    weir_buf_init(&c->in, options->line_max + 2 * (size_t)CHUNK);
    weir_buf_init(&c->said, SAID_MAX + 1);
    if (options->log_path) {
        int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
        c->log = open(options->log_path, how | (options->log_goes_on ? O_APPEND : O_TRUNC), 0600);
        if (c->log < 0) {
            return weir_fail_errno(err, errno, "cannot write %s", options->log_path);
        }
    }
    int rc = make_pipe(out, err);
    rc = rc ? rc : make_pipe(said, err);
    struct weir_process_options what = options->what;
    what.stdin_fd = -1;
    what.stdout_fd = out[1];
    what.stderr_fd = said[1];
    what.new_group = what.die_with_parent = what.batch = true;
    what.no_mercy = !options->listens && !options->keeps;
    struct weir_keeper_room room;
    const char **kept = options->keeps ? weir_keeper_arguments(&what, &room) : NULL;
    what.argv = kept ? kept : what.argv;
    rc = rc || kept || !options->keeps ? rc : weir_fail(err, WEIR_ENOMEM, "no memory");
    rc = rc ? rc : weir_process_start(&what, &c->pid, err);
    free(kept);
    c->ended = rc ? -1 : pidfd_open(c->pid, 0);
    c->out = out[0];
    c->err = said[0];
    if (out[1] >= 0) {
        close(out[1]);
    }
    if (said[1] >= 0) {
        close(said[1]);
    }
    return rc;
}

/* --- stderr -------------------------------------------------------------------------------------
 */

static void end_of_said(struct weir_child *c)
{
    c->said.len = weir_mask_bytes(c->options.mask, c->said.data, c->said.len);
    struct weir_str line = weir_str_trim(weir_buf_str(&c->said));
    if (line.len) {
        struct weir_str cut = weir_utf8_cut(line, WEIR_CHILD_TAIL - 1);
        size_t n = 0;
        for (size_t i = 0; i < cut.len; i++) {
            c->tail[n++] = (unsigned char)cut.ptr[i] < 0x20 ? ' ' : cut.ptr[i];
        }
        c->tail[n] = 0;
        if (!weir_utf8_valid((struct weir_str){c->tail, n})) {
            for (size_t i = 0; i < n; i++) {
                c->tail[i] = c->tail[i] & 0x80 ? '?' : c->tail[i];
            }
        }
        if (c->options.said) {
            c->options.said(c->options.arg, line);
        }
    }
    weir_buf_reset(&c->said);
}

static void write_log(struct weir_child *c, const char *bytes, size_t n)
{
    struct weir_error ignored;
    uint64_t left = c->options.log_max > c->logged ? c->options.log_max - c->logged : 0;
    size_t part = n < left ? n : (size_t)left;
    if (c->log >= 0 && part) {
        c->logged += part;
        (void)!weir_write_all(c->log, bytes, part, "the log of a child process", &ignored);
    }
}

void weir_child_note(struct weir_child *c, struct weir_str line)
{
    write_log(c, line.ptr, line.len);
    write_log(c, "\n", 1);
}

static void keep(struct weir_child *c, const char *bytes, size_t n)
{
    write_log(c, bytes, n);
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            end_of_said(c);
        } else if (c->said.len < SAID_MAX) {
            weir_buf_addc(&c->said, bytes[i]);
        }
    }
}

/* What is there of stderr; at most so much at once that stdout has its turn. */
static void hear(struct weir_child *c)
{
    char bytes[16384];
    for (int i = 0; c->err >= 0 && i < 16; i++) {
        ssize_t n = read(c->err, bytes, sizeof bytes);
        if (n > 0) {
            c->heard = weir_mono();
            keep(c, bytes, (size_t)n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || errno != EAGAIN) {
                end_of_said(c);
                close(c->err);
                c->err = -1;
            }
            return;
        }
    }
}

/* --- stdout -------------------------------------------------------------------------------------
 */

static int overdue(struct weir_child *c, struct weir_error *err)
{
    const struct weir_child_options *o = &c->options;
    weir_time now = weir_mono();
    if (o->stop && atomic_load(o->stop)) {
        return weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
    }
    if (o->idle && now - c->heard > o->idle) {
        return weir_fail(err, WEIR_ETIMEDOUT,
                         "%s said nothing for %lld seconds and was ended; raise `idle`%s%s",
                         o->name, (long long)(o->idle / WEIR_SECOND),
                         *c->tail ? ", or see what it said last: " : "", c->tail);
    }
    if (c->until && now > c->until) {
        return weir_fail(
            err, WEIR_ETIMEDOUT, "%s was not done after %lld seconds and was ended; %s", o->name,
            (long long)(o->timeout / WEIR_SECOND), o->more_time ? o->more_time : "raise `timeout`");
    }
    return 0;
}

/* Until something can be read, or it is time to look at the clock. */
static int wait_for(struct weir_child *c, struct weir_error *err)
{
    int rc = overdue(c, err);
    struct pollfd p[3] = {{.fd = c->out, .events = POLLIN},
                          {.fd = c->err, .events = POLLIN},
                          {.fd = c->gone ? -1 : c->ended, .events = POLLIN}};
    if (rc) {
        return rc;
    }
    if (poll(p, 3, LOOK_EVERY) < 0 && errno != EINTR) {
        return weir_fail_errno(err, errno, "cannot wait for %s", c->options.name);
    }
    if (p[1].revents) {
        hear(c);
    }
    c->gone = c->gone || p[2].revents;
    return 0;
}

static bool find_line(struct weir_child *c, struct weir_str *line)
{
    const char *start = c->in.data + c->taken;
    size_t have = c->in.len - c->taken;
    const char *end = have > c->looked ? memchr(start + c->looked, '\n', have - c->looked) : NULL;
    if (!end) {
        c->looked = have;
        return false;
    }
    *line = (struct weir_str){start, (size_t)(end - start)};
    c->taken += line->len + 1;
    c->looked = 0;
    return true;
}

static void make_room(struct weir_child *c)
{
    if (c->taken) {
        memmove(c->in.data, c->in.data + c->taken, c->in.len - c->taken);
        c->in.len -= c->taken;
        c->taken = 0;
    }
}

static int read_more(struct weir_child *c, struct weir_error *err)
{
    for (;;) {
        char *room = weir_buf_room(&c->in, CHUNK);
        if (!room) {
            return weir_buf_check(&c->in, "what a child process says", err);
        }
        bool gone = c->gone; /* before this look: what it wrote is there by now */
        ssize_t n = read(c->out, room, CHUNK);
        if (n > 0) {
            c->in.len += (size_t)n;
            c->heard = weir_mono();
            return overdue(c, err);
        }
        if (n == 0 || (gone && errno == EAGAIN)) {
            close(c->out);
            c->out = -1;
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return weir_fail_errno(err, errno, "cannot read from %s", c->options.name);
        }
        int rc = wait_for(c, err);
        if (rc) {
            return rc;
        }
    }
}

int weir_child_line(struct weir_child *c, struct weir_str *line, struct weir_error *err)
{
    *line = (struct weir_str){NULL, 0};
    while (!find_line(c, line)) {
        if (c->out < 0) { /* what has no end of its own */
            *line = (struct weir_str){c->in.data + c->taken, c->in.len - c->taken};
            line->ptr = line->len ? line->ptr : NULL;
            c->taken = c->in.len;
            c->looked = 0;
            break;
        }
        make_room(c);
        int rc = read_more(c, err);
        if (rc) {
            return rc;
        }
        if (c->in.len > c->options.line_max && !memchr(c->in.data, '\n', c->options.line_max)) {
            break;
        }
    }
    if (c->in.len > c->options.line_max && !line->ptr && c->out >= 0) {
        char shown[512];
        weir_child_show((struct weir_str){c->in.data, 100}, c->options.mask, shown);
        return weir_fail(err, WEIR_ETOOBIG,
                         "%s wrote a line of more than %zu bytes; raise `max_line` if it is to be "
                         "so long: %s…",
                         c->options.name, c->options.line_max, shown);
    }
    return 0;
}

/* --- the end ------------------------------------------------------------------------------------
 */

/* All of its group, before the child is reaped: until then the number is the group's. */
static void kill_group(struct weir_child *c, int *status)
{
    struct weir_error ignored;
    bool kept = c->options.keeps && kill(c->pid, SIGTERM) == 0 &&
                weir_process_wait(c->pid, KEEPER_HAS, status, &ignored) == 0;
    if (!kept) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        (void)!weir_process_wait(c->pid, -1, status, &ignored);
    }
    c->pid = 0;
}

int weir_child_end(struct weir_child *c, struct weir_error *err)
{
    char how[64];
    int status = 0, rc = 0;
    siginfo_t info = {0};
    while (rc == 0) {
        hear(c);
        if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid) {
            break;
        }
        rc = wait_for(c, err);
    }
    if (rc) {
        return rc;
    }
    hear(c);
    end_of_said(c);
    kill_group(c, &status);
    c->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (status == 0) {
        return 0;
    }
    weir_process_describe(status, how);
    return weir_fail(err, WEIR_EIO, "%s failed (%s)%s%s%s%s", c->options.name, how,
                     c->tail[0] ? ": " : "", c->tail,
                     c->options.log_path ? "; all that it said is in " : "",
                     c->options.log_path ? c->options.log_path : "");
}

void weir_child_free(struct weir_child *c)
{
    int ignored;
    int *const fds[] = {&c->out, &c->err, &c->log, &c->ended};
    if (c->pid > 0) {
        kill_group(c, &ignored);
    }
    for (size_t i = 0; i < 4; i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
        }
        *fds[i] = -1;
    }
    weir_buf_free(&c->in);
    weir_buf_free(&c->said);
}

int weir_child_run(const struct weir_child_options *options, struct weir_buf *out,
                   struct weir_error *err)
{
    struct weir_child c;
    struct weir_str line;
    int rc = weir_child_start(&c, options, err);
    while (rc == 0 && (rc = weir_child_line(&c, &line, err)) == 0 && line.ptr) {
        weir_buf_adds(out, line);
        weir_buf_addc(out, '\n');
    }
    rc = rc ? rc : weir_child_end(&c, err);
    rc = rc ? rc : weir_buf_check(out, options->name, err);
    weir_child_free(&c);
    return rc;
}

void weir_child_show(struct weir_str line, const struct weir_mask *mask, char out[512])
{
    char copy[1024];
    size_t n = line.len < sizeof copy ? line.len : sizeof copy;
    memcpy(copy, line.ptr, n);
    line = (struct weir_str){copy, weir_mask_bytes(mask, copy, n)};
    n = 0;
    for (size_t i = 0; i < line.len && i < 120 && n < 500; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c >= 0x20 && c < 0x7f) {
            out[n++] = (char)c;
        } else {
            n += (size_t)snprintf(out + n, 512 - n, "\\x%02x", c);
        }
    }
    snprintf(out + n, 512 - n, "%s", line.len > 120 ? "…" : "");
}
