#include "state/db.h"

#include <string.h>

#include "base/hash.h"

int weir_db_error(sqlite3 *db, int rc, struct weir_error *err)
{
    int code;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        code = WEIR_ENOMEM;
        break;
    case SQLITE_FULL:
        code = WEIR_ENOSPC;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return weir_fail(err, WEIR_ECORRUPT,
                         "the state store does not verify (%s); stop weir and put a backup of "
                         ".weir/state.sqlite in its place (`weir state backup` makes them)",
                         sqlite3_errstr(rc));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = WEIR_EBUSY;
        break;
    case SQLITE_CONSTRAINT:
        code = rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? WEIR_EEXIST
                                                                                    : WEIR_EINVAL;
        break;
    case SQLITE_TOOBIG:
        code = WEIR_ETOOBIG;
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        code = WEIR_EPERM;
        break;
    default:
        code = WEIR_EIO;
    }
    return weir_fail(err, code, "the state store: %s",
                     db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

/* The same few statements are asked many times a second, and preparing one takes longer than
 * running it. SQLite prepares them anew by itself when the tables change. */
struct weir_db weir_db_on(struct weir_state *state, const char *sql)
{
    struct weir_db q = {.state = state};
    pthread_mutex_lock(&state->lock);
    struct weir_db_kept *kept = &state->kept[weir_hash64(sql, strlen(sql), 0) % WEIR_DB_KEPT];
    if (kept->used) { /* by whoever called: the lock is recursive */
        q.rc = sqlite3_prepare_v2(state->db, sql, -1, &q.stmt, NULL);
        return q;
    }
    if (!kept->stmt || strcmp(sqlite3_sql(kept->stmt), sql) != 0) {
        sqlite3_finalize(kept->stmt);
        kept->stmt = NULL;
        q.rc = sqlite3_prepare_v3(state->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &kept->stmt, NULL);
    }
    q.stmt = kept->stmt;
    q.kept = kept->stmt ? kept : NULL;
    kept->used = q.kept;
    return q;
}

void weir_db_forget(struct weir_state *state)
{
    for (size_t i = 0; i < WEIR_DB_KEPT; i++) {
        sqlite3_finalize(state->kept[i].stmt);
        state->kept[i] = (struct weir_db_kept){0};
    }
}

static void bound(struct weir_db *q, int rc)
{
    q->rc = q->rc ? q->rc : rc;
}

void weir_db_text(struct weir_db *q, struct weir_str value)
{
    int i = ++q->bound;
    bound(q, value.ptr
                 ? sqlite3_bind_text64(q->stmt, i, value.ptr, value.len, SQLITE_STATIC, SQLITE_UTF8)
                 : sqlite3_bind_null(q->stmt, i));
}

void weir_db_textz(struct weir_db *q, const char *value)
{
    weir_db_text(q, weir_str_of(value));
}

void weir_db_bytes(struct weir_db *q, const void *value, size_t n)
{
    bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, value, n, SQLITE_STATIC));
}

void weir_db_i64(struct weir_db *q, int64_t value)
{
    bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

void weir_db_time(struct weir_db *q, weir_time value)
{
    int i = ++q->bound;
    bound(q, value ? sqlite3_bind_int64(q->stmt, i, value) : sqlite3_bind_null(q->stmt, i));
}

bool weir_db_row(struct weir_db *q)
{
    if (q->rc) {
        return false;
    }
    int rc = sqlite3_step(q->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        q->rc = sqlite3_extended_errcode(q->state->db);
    }
    return rc == SQLITE_ROW;
}

struct weir_str weir_db_str(struct weir_db *q, int column, struct weir_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    struct weir_str s = {text ? text : "", (size_t)sqlite3_column_bytes(q->stmt, column)};
    s = weir_arena_dup(arena, s);
    if (!s.ptr) {
        q->full = true;
        return WEIR_STR("");
    }
    return s;
}

int64_t weir_db_int(struct weir_db *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

int weir_db_end(struct weir_db *q, struct weir_error *err)
{
    int code = q->rc     ? weir_db_error(q->state->db, q->rc, err)
               : q->full ? weir_fail(err, WEIR_ENOMEM, "the state store's answer is too large")
                         : 0;
    if (q->kept) {
        sqlite3_reset(q->stmt); /* says again what the last step did */
        sqlite3_clear_bindings(q->stmt);
        q->kept->used = false;
        q->kept = NULL;
    } else {
        sqlite3_finalize(q->stmt);
    }
    q->stmt = NULL;
    pthread_mutex_unlock(&q->state->lock);
    return code;
}

int weir_db_run(struct weir_db *q, int64_t *changes, struct weir_error *err)
{
    while (weir_db_row(q)) {
    }
    if (changes) {
        *changes = q->rc ? 0 : sqlite3_changes64(q->state->db);
    }
    return weir_db_end(q, err);
}

int weir_db_script(struct weir_state *state, const char *sql, struct weir_error *err)
{
    pthread_mutex_lock(&state->lock);
    int rc = sqlite3_exec(state->db, sql, NULL, NULL, NULL);
    int code = rc ? weir_db_error(state->db, sqlite3_extended_errcode(state->db), err) : 0;
    pthread_mutex_unlock(&state->lock);
    return code;
}
