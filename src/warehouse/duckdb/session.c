#include <stdlib.h>
#include <time.h>

#include "warehouse/duckdb/duck.h"
#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/reads.h"
#include "warehouse/duckdb/rules.h"

#define LEAST_PAUSE 20000   /* ns */
#define MOST_PAUSE  1000000 /* ns */

/* The engine's own waiting (duckdb_query(), duckdb_execute_pending()) asks for more to do without a
 * pause, and keeps a core busy with that. */
void weir_duck_await(duckdb_pending_result pending)
{
    duckdb_pending_state state;
    long pause = LEAST_PAUSE;
    while ((state = duckdb_pending_execute_task(pending)) != DUCKDB_PENDING_RESULT_READY &&
           state != DUCKDB_PENDING_ERROR) {
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
            nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
            pause = pause < MOST_PAUSE ? pause * 2 : pause;
        } else {
            pause = LEAST_PAUSE;
        }
    }
}

int weir_duck_run_prepared(struct duck_session *s, duckdb_prepared_statement statement,
                           struct weir_error *err)
{
    duckdb_pending_result pending = NULL;
    duckdb_result result = {0};
    int rc = 0;
    if (duckdb_pending_prepared(statement, &pending)) {
        rc = weir_duck_fail(s, duckdb_pending_error(pending), err);
    } else {
        weir_duck_await(pending);
        if (duckdb_execute_pending(pending, &result)) {
            rc = weir_duck_fail(s, duckdb_result_error(&result), err);
        }
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_pending(&pending);
    return rc;
}

int weir_duck_run(struct duck_session *s, const char *sql, struct weir_error *err)
{
    duckdb_extracted_statements statements;
    idx_t count = duckdb_extract_statements(s->con, sql, &statements);
    const char *why = count ? NULL : duckdb_extract_statements_error(statements);
    int rc = why ? weir_duck_fail(s, why, err) : 0;
    for (idx_t i = 0; rc == 0 && i < count; i++) {
        duckdb_prepared_statement one;
        rc = duckdb_prepare_extracted_statement(s->con, statements, i, &one)
                 ? weir_duck_fail(s, duckdb_prepare_error(one), err)
                 : weir_duck_run_prepared(s, one, err);
        duckdb_destroy_prepare(&one);
    }
    duckdb_destroy_extracted(&statements);
    return rc;
}

/* Begins or ends a transaction. Interrupted in the middle, the engine would report a failure and
 * leave a transaction open that nobody knows of. A cancel that comes meanwhile is kept by its flag.
 */
static int run_unbroken(struct duck_session *s, const char *sql, struct weir_error *err)
{
    pthread_mutex_lock(&s->interrupts);
    s->unbroken = true;
    pthread_mutex_unlock(&s->interrupts);
    int rc = weir_duck_run(s, sql, err); /* the engine forgets an interrupt from before */
    pthread_mutex_lock(&s->interrupts);
    s->unbroken = false;
    pthread_mutex_unlock(&s->interrupts);
    return rc;
}

int weir_duck_session_new(struct weir_warehouse *warehouse, enum weir_session_kind kind,
                          struct weir_session **out, struct weir_error *err)
{
    struct duck_db *db = (struct duck_db *)warehouse;
    struct duck_session *s = calloc(1, sizeof *s);
    if (!s) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a session");
    }
    s->db = db;
    pthread_mutex_init(&s->interrupts, NULL);
    int rc = 0;
    pthread_mutex_lock(&db->lock);
    if (!db->open || atomic_load(&db->failed)) {
        rc = weir_fail(err, WEIR_EFATAL, "the warehouse engine failed; it must be reopened first");
    } else if (duckdb_connect(db->db, &s->con)) {
        rc = weir_fail(err, WEIR_ENOMEM, "the warehouse engine gave no connection");
    } else {
        db->sessions++;
    }
    pthread_mutex_unlock(&db->lock);
    if (rc) {
        pthread_mutex_destroy(&s->interrupts);
        free(s);
        return rc;
    }
    *out = &s->base;
    if (kind == WEIR_SESSION_READER) {
        rc = weir_duck_run(
            s, "SET enable_progress_bar = true; SET enable_progress_bar_print = false", err);
    }
    if (rc) {
        weir_duck_session_free(&s->base);
    }
    return rc;
}

void weir_duck_session_free(struct weir_session *session)
{
    struct duck_session *s = duck_session_of(session);
    weir_duck_load_free(s->load);
    if (s->serialize) {
        duckdb_destroy_prepare(&s->serialize);
    }
    if (s->deserialize) {
        duckdb_destroy_prepare(&s->deserialize);
    }
    weir_duck_rules_free(s->rules);
    weir_duck_reads_free(s->reads);
    weir_json_parser_free(s->parser);
    weir_json_parser_free(s->meant);
    weir_json_parser_free(s->printed);
    for (size_t i = 0; i < DUCK_ALLOWED; i++) {
        free(s->allowed[i]);
    }
    duckdb_disconnect(&s->con);
    pthread_mutex_lock(&s->db->lock);
    s->db->sessions--;
    pthread_mutex_unlock(&s->db->lock);
    pthread_mutex_destroy(&s->interrupts);
    free(s);
}

/* The flag is for the time before the engine has begun: it forgets an earlier interrupt. */
void weir_duck_cancel(struct weir_session *session)
{
    struct duck_session *s = duck_session_of(session);
    atomic_store(&s->canceled, true);
    pthread_mutex_lock(&s->interrupts);
    if (!s->unbroken) {
        duckdb_interrupt(s->con);
    }
    pthread_mutex_unlock(&s->interrupts);
}

double weir_duck_progress(struct weir_session *session)
{
    struct duck_session *s = duck_session_of(session);
    double percent = duckdb_query_progress(s->con).percentage;
    return percent < 0 ? -1 : percent > 100 ? 1 : percent / 100;
}

int weir_duck_begin(struct weir_session *session, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    s->version = atomic_load(&s->db->catalog_version);
    if (rc == 0) {
        rc = run_unbroken(s,
                          session->kind == WEIR_SESSION_READER ? "BEGIN TRANSACTION READ ONLY"
                                                               : "BEGIN TRANSACTION",
                          err);
    }
    s->in_transaction = s->in_transaction || rc == 0;
    return rc;
}

void weir_duck_catalog_changed(struct duck_session *s)
{
    s->changed = s->in_transaction;
    atomic_fetch_add(&s->db->catalog_version, 1);
}

static void end_transaction(struct duck_session *s)
{
    s->in_transaction = false;
    if (s->changed) {
        weir_duck_catalog_changed(s);
    }
}

int weir_duck_commit(struct weir_session *session, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : run_unbroken(s, "COMMIT", err);
    if (rc == WEIR_ENOMEM && !atomic_exchange(&s->db->failed, true)) {
        /* It may have put some columns' rows into the table in memory and not the others', and
         * takes none of them back: only what is on disk can be trusted. */
        weir_log(s->db->options.log, WEIR_LOG_ERROR,
                 "the warehouse engine ran out of memory in a commit and must be reopened", "error",
                 err ? err->message : "");
    }
    if (rc && s->in_transaction) {
        /* A commit that failed has ended the transaction or left it unusable. */
        weir_duck_rollback(session);
    }
    end_transaction(s);
    return rc;
}

void weir_duck_rollback(struct weir_session *session)
{
    struct duck_session *s = duck_session_of(session);
    if (s->in_transaction) {
        /* What the engine still computes for a result that nobody reads to its end must stop, or
         * the rollback waits for it: for ever, where a few rows of a source make endless others. */
        duckdb_interrupt(s->con);
        struct weir_error ignored; /* it fails where the engine has ended the transaction itself */
        (void)run_unbroken(s, "ROLLBACK", &ignored);
    }
    end_transaction(s);
}

int weir_duck_checkpoint(struct weir_session *session, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    return rc ? rc : weir_duck_run(s, "CHECKPOINT", err);
}

/* Does the text change tables or views? Rather yes than no. */
static bool changes_catalog(const char *sql)
{
    static const char *const verbs[] = {"create", "alter", "drop", "commit", "use", NULL};
    struct weir_str rest = weir_str_of(sql);
    struct duck_token token;
    while ((token = weir_duck_next_token(&rest)).kind != DUCK_TOKEN_END) {
        for (const char *const *verb = verbs; *verb; verb++) {
            if (duck_token_is(token, *verb) || token.kind == DUCK_TOKEN_BROKEN) {
                return true;
            }
        }
    }
    return false;
}

int weir_duck_exec(struct weir_session *session, const char *sql, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    s->shift = 0;
    rc = rc ? rc : weir_duck_run(s, sql, err);
    if (changes_catalog(sql)) {
        weir_duck_catalog_changed(s);
    }
    return rc;
}
