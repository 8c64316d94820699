/* The state store: what weir knows that is neither an event nor a file of the workspace. People and
 * groups, sessions, API tokens, one-time links, the audit log; in .weir/state.sqlite.
 *
 * One file, SQLite in WAL mode, foreign keys on, every commit synced (a revoked token stays revoked
 * after a power cut). Each noun has a header of its own beside this one.
 *
 * Threads: any. A `weir_state` is one connection with a lock inside; each call takes it. Several
 * calls that must happen together stand between weir_state_begin and weir_state_end, which hold the
 * lock: do nothing slow there. Strings that calls hand out live in the caller's arena. */
#ifndef WEIR_STATE_STATE_H
#define WEIR_STATE_STATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"

struct weir_state;

/* Opens the file, makes it (mode 0600) when it is missing, and brings its tables up to date.
 * WEIR_ECORRUPT when it does not verify; WEIR_EUNSUPPORTED when a newer weir made it. */
int weir_state_open(const char *path, struct weir_state **out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* One connection more to a file that is open already, for what is written often and may be lost
 * with a power cut (not with a crash): its commits are not synced, and its calls do not wait for
 * the other connection's lock. */
int weir_state_open_loose(const char *path, struct weir_state **out,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* As weir_state_open, without looking over all of the file, which takes longer the more is in it:
 * for who opens it once a run. */
int weir_state_open_briefly(const char *path, struct weir_state **out,
                            struct weir_error *err) WEIR_MUST_CHECK;
void weir_state_close(struct weir_state *state); /* NULL is fine */

/* A transaction; nests, and then only the outermost end counts. */
int weir_state_begin(struct weir_state *state, struct weir_error *err) WEIR_MUST_CHECK;
/* Commits when `code` is 0, else takes all back; returns `code`, or why it cannot commit. */
int weir_state_end(struct weir_state *state, int code, struct weir_error *err) WEIR_MUST_CHECK;

/* A whole, consistent copy while others read and write. `path` must not exist: WEIR_EEXIST. */
int weir_state_backup(struct weir_state *state, const char *path,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The version of the tables in the file. */
int weir_state_version(struct weir_state *state, int *out, struct weir_error *err) WEIR_MUST_CHECK;

/* Another one after every commit, by whichever process: what was read between two that are the same
 * still holds. Changes that are taken back may count, too. */
struct weir_state_mark {
    int64_t others, own;
};
int weir_state_mark(struct weir_state *state, struct weir_state_mark *out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Brings `own` up to date, which costs nothing. */
void weir_state_mark_own(struct weir_state *state, struct weir_state_mark *mark);
static inline bool weir_state_mark_same(struct weir_state_mark a, struct weir_state_mark b)
{
    return a.others == b.others && a.own == b.own;
}

/* Ten random characters of [a-z0-9]: how people, groups and tokens are named. */
#define WEIR_ID_SIZE 11
void weir_state_id(char out[WEIR_ID_SIZE]);

#endif
