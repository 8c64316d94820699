/* A child process that speaks in lines: its stdout is read line by line, its stderr is kept in a
 * file up to a limit. It has a group of its own, which is killed when the child ends, is too
 * silent, takes too long, or is stopped; it dies with us. `keeps`: so do all processes that it
 * started, wherever they are, and its limit of memory is of all of them together. One thread. */
#ifndef WEIR_IO_CHILD_H
#define WEIR_IO_CHILD_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/mask.h"
#include "io/process.h"

#define WEIR_CHILD_TAIL 600

struct weir_child_options {
    const char *name;                 /* in messages: "tap-csv" */
    struct weir_process_options what; /* argv, env, dir and limits; descriptors are ours */
    size_t line_max;                  /* bytes of a line of stdout */
    weir_time idle;                   /* the longest silence on both; 0: any */
    weir_time timeout;                /* the longest life; 0: any */
    const char *more_time;            /* how to have more than `timeout`; NULL: raise it */
    const atomic_bool *stop;          /* NULL: nobody stops it */
    bool keeps;                       /* what it starts itself ends with it (keeper.h) */
    bool listens;                 /* when we die it gets SIGTERM, and passes it on; else SIGKILL */
    const char *log_path;         /* stderr goes there; NULL: nowhere */
    bool log_goes_on;             /* behind what is there; else from its beginning */
    uint64_t log_max;             /* at most so many bytes of it; the rest is thrown away */
    const struct weir_mask *mask; /* not in what is told of stderr; the file has all of it */
    void (*said)(void *arg, struct weir_str line); /* a line of stderr, cut at 4,096; or NULL */
    void *arg;
};

struct weir_child {
    struct weir_child_options options;
    pid_t pid;
    int out, err, log;
    int ended; /* can be read when the child has ended; -1: the kernel has none */
    int code;  /* what it ended with, once weir_child_end saw it; -1: a signal's, or none yet */
    bool gone; /* it has: what holds the pipe now is none of our business */
    struct weir_buf in, said;
    size_t taken, looked; /* of `in`: given out; searched for a line's end */
    uint64_t logged;
    weir_time until, heard;     /* weir_mono() */
    char tail[WEIR_CHILD_TAIL]; /* the last line of stderr that said something */
};

/* Free it also after a failure. */
int weir_child_start(struct weir_child *c, const struct weir_child_options *options,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The next line without its end, good until the next call, with WEIR_BUF_PADDING readable bytes
 * behind it; ptr NULL: stdout was closed. WEIR_ECANCELED, WEIR_ETIMEDOUT; WEIR_ETOOBIG: the line
 * is too long. */
int weir_child_line(struct weir_child *c, struct weir_str *line,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* A line of stdout that belongs into the log. */
void weir_child_note(struct weir_child *c, struct weir_str line);
/* Waits for the end. WEIR_EIO when it did not end with 0; the message has what it said last. */
int weir_child_end(struct weir_child *c, struct weir_error *err) WEIR_MUST_CHECK;
void weir_child_free(struct weir_child *c); /* kills what is left, and reaps */

/* All lines of stdout in `out`, joined by newlines, and the end. For short talks. */
int weir_child_run(const struct weir_child_options *options, struct weir_buf *out,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* A line for a message: at most 120 bytes, what cannot be shown as \xNN. */
void weir_child_show(struct weir_str line, const struct weir_mask *mask, char out[512]);

#endif
