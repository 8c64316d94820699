/* Views that are made of people's statements. */
#include "warehouse/duckdb/duck.h"
#include "warehouse/duckdb/lexer.h"

/* Prepares and forgets it; a failed binding does not end the transaction. */
static int try_prepare(struct duck_session *s, const char *sql, struct weir_error *err)
{
    duckdb_prepared_statement statement = NULL;
    int rc = 0;
    s->shift = 0;
    if (duckdb_prepare(s->con, sql, &statement)) {
        rc = weir_duck_fail(s, duckdb_prepare_error(statement), err);
        s->base.error_offset = -1;
    } else if (duckdb_nparams(statement)) {
        rc =
            weir_fail(err, WEIR_EINVAL, "it has parameters ($name or ?), and a view has no values");
    }
    duckdb_destroy_prepare(&statement);
    return rc;
}

int weir_duck_binds(struct weir_session *session, const char *sql, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    s->parsed = NULL;
    rc = rc ? rc : weir_duck_sandbox_check(s, sql, err);
    s->parsed = NULL; /* the text may be gone before the next one comes to the same place */
    return rc ? rc : try_prepare(s, sql, err);
}

static int run_view(struct duck_session *s, struct weir_buf *sql, struct weir_error *err)
{
    int rc = weir_buf_check(sql, "a view", err);
    rc = rc ? rc : weir_duck_run(s, weir_buf_cstr(sql), err);
    s->base.error_offset = -1;
    weir_duck_catalog_changed(s);
    weir_buf_free(sql);
    return rc;
}

/* The check has parsed the text as one statement that reads, and the engine parses the same text
 * here: nothing can stand behind it. */
int weir_duck_create_view(struct weir_session *session, struct weir_table_name name,
                          const char *sql, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf text;
    int rc = weir_duck_binds(session, sql, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&text, DUCK_MAX_SQL + 4096);
    weir_buf_addz(&text, "CREATE VIEW ");
    weir_sql_table(&text, name.schema, name.table);
    weir_buf_addz(&text, " AS\n");
    weir_buf_adds(&text, weir_duck_trim_statement(weir_str_of(sql)));
    weir_buf_addc(&text, '\n');
    return run_view(s, &text, err);
}

int weir_duck_drop_view(struct weir_session *session, struct weir_table_name name,
                        struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf text;
    int rc = weir_duck_usable(s, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&text, 65536);
    weir_buf_addz(&text, "DROP VIEW IF EXISTS ");
    weir_sql_table(&text, name.schema, name.table);
    return run_view(s, &text, err);
}
