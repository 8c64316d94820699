/* Private to src/state: statements.
 *
 *     struct weir_db q = weir_db_on(state, "select name from people where id = ?");
 *     weir_db_text(&q, id);
 *     while (weir_db_row(&q)) { name = weir_db_str(&q, 0, arena); }
 *     return weir_db_end(&q, err);
 *
 * The store is locked from _on to _end. Failures stick until _end reports the first. */
#ifndef WEIR_STATE_DB_H
#define WEIR_STATE_DB_H

#include <pthread.h>
#include <sqlite3.h>

#include "state/state.h"

#define WEIR_DB_KEPT 128 /* statements that stay prepared, by hash of their text */

struct weir_db_kept {
    sqlite3_stmt *stmt; /* NULL: none */
    bool used;          /* between _on and _end */
};

struct weir_state {
    pthread_mutex_t lock; /* recursive; guards all below */
    sqlite3 *db;
    struct weir_db_kept kept[WEIR_DB_KEPT];
    unsigned depth; /* of transactions */
    int broken;     /* what an inner transaction ended with */
};

struct weir_db {
    struct weir_state *state;
    sqlite3_stmt *stmt;
    struct weir_db_kept *kept; /* where it stays prepared; NULL: it goes */
    int bound;                 /* parameters so far */
    int rc;                    /* SQLite's; SQLITE_OK while well */
    bool full;                 /* the arena had no room */
};

struct weir_db weir_db_on(struct weir_state *state, const char *sql);
/* Parameters, in order. Text and bytes must live until _end. */
void weir_db_text(struct weir_db *q, struct weir_str value); /* ptr NULL: null */
void weir_db_textz(struct weir_db *q, const char *value);
void weir_db_bytes(struct weir_db *q, const void *value, size_t n);
void weir_db_i64(struct weir_db *q, int64_t value);
void weir_db_time(struct weir_db *q, weir_time value); /* 0: null */

bool weir_db_row(struct weir_db *q); /* false at the end, or when something failed */
struct weir_str weir_db_str(struct weir_db *q, int column, struct weir_arena *arena);
int64_t weir_db_int(struct weir_db *q, int column); /* null: 0 */

int weir_db_end(struct weir_db *q, struct weir_error *err) WEIR_MUST_CHECK;
/* For what gives no rows. `changes` (may be NULL) gets how many rows it changed. */
int weir_db_run(struct weir_db *q, int64_t *changes, struct weir_error *err) WEIR_MUST_CHECK;
/* Several statements without parameters. */
int weir_db_script(struct weir_state *state, const char *sql,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* Gives up all statements, before the connection is closed. */
void weir_db_forget(struct weir_state *state);

/* What a failure of SQLite means here. */
int weir_db_error(sqlite3 *db, int rc, struct weir_error *err);

/* --- migrate.c --- */
int weir_state_migrate(struct weir_state *state, struct weir_error *err) WEIR_MUST_CHECK;

#endif
