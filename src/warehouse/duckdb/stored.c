/* Views whose rows are stored: the table, the text that its rows are made by, and the notes.
 *
 * Rows are computed into a table of this connection alone, so the warehouse's file has no open
 * writer for as long as a query takes, and checkpoints go on; then one short transaction copies
 * them, and puts the copy in the old table's place. */
#include <stdio.h>

#include "warehouse/duckdb/stored.h"

#define COMPUTED "temp.main.\"weir stores this\""
#define NOTES    WEIR_STORED_SCHEMA ".notes"

/* --- names ------------------------------------------------------------------------------------ */

/* "views.mrr", with what stands behind it. */
static void add_name(struct weir_buf *out, struct weir_table_name name, const char *behind)
{
    struct weir_buf text;
    weir_buf_init(&text, 1 << 16);
    weir_buf_addf(&text, WEIR_STR_FMT "." WEIR_STR_FMT "%s", WEIR_STR_ARG(name.schema),
                  WEIR_STR_ARG(name.table), behind);
    weir_sql_table(out, WEIR_STR(WEIR_STORED_SCHEMA), weir_buf_str(&text));
    out->failed = out->failed || text.failed;
    weir_buf_free(&text);
}

struct weir_str weir_duck_stored_key(struct weir_str schema, struct weir_str view, bool text,
                                     char room[WEIR_NAME_KEY])
{
    char name[WEIR_NAME_KEY];
    int n = snprintf(name, sizeof name, WEIR_STR_FMT "." WEIR_STR_FMT "%s", WEIR_STR_ARG(schema),
                     WEIR_STR_ARG(view), text ? DUCK_STORED_TEXT : "");
    return n < 0 || (size_t)n >= sizeof name
               ? (struct weir_str){0}
               : weir_name_key(WEIR_STR(WEIR_STORED_SCHEMA), (struct weir_str){name, (size_t)n},
                               room);
}

/* Runs and frees what was built. */
static int run_built(struct duck_session *s, struct weir_buf *sql, struct weir_error *err)
{
    int rc = weir_buf_check(sql, "a statement", err);
    rc = rc ? rc : weir_duck_run(s, weir_buf_cstr(sql), err);
    s->base.error_offset = -1;
    weir_buf_free(sql);
    return rc;
}

/* The first column of the first row of a query of our own, as a number. */
static int ask_number(struct duck_session *s, const char *sql, int64_t *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    s->trusted++;
    int rc = weir_duck_query(&s->base, sql, NULL, 0, &result, err);
    rc = rc ? rc : weir_duck_result_next(result, &batch, err);
    if (rc == 0) {
        *out = batch.rows ? batch.columns[0].ints[0] : 0;
    }
    if (result) {
        weir_duck_result_free(result);
    }
    s->trusted--;
    return rc;
}

/* --- texts and names -------------------------------------------------------------------------- */

static int make_schema(struct duck_session *s, struct weir_error *err)
{
    return weir_duck_run(s,
                         "CREATE SCHEMA IF NOT EXISTS " WEIR_STORED_SCHEMA ";"
                         "CREATE TABLE IF NOT EXISTS " NOTES
                         " (schema_name VARCHAR, view_name VARCHAR, note VARCHAR, "
                         "row_count BIGINT, stored_at TIMESTAMP)",
                         err);
}

int weir_duck_stored_text(struct weir_session *session, struct weir_table_name name,
                          const char *sql, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf text;
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : make_schema(s, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&text, 1 << 16);
    weir_buf_addf(&text, WEIR_STR_FMT "." WEIR_STR_FMT DUCK_STORED_TEXT, WEIR_STR_ARG(name.schema),
                  WEIR_STR_ARG(name.table));
    struct weir_table_name beside = {WEIR_STR(WEIR_STORED_SCHEMA), weir_buf_str(&text)};
    rc = weir_duck_drop_view(session, beside, err);
    rc = rc ? rc : weir_duck_create_view(session, beside, sql, err);
    weir_buf_free(&text);
    return rc;
}

int weir_duck_stored_show(struct weir_session *session, struct weir_table_name name,
                          struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf sql;
    int rc = weir_duck_usable(s, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, 1 << 16);
    weir_buf_addz(&sql, "CREATE OR REPLACE VIEW ");
    weir_sql_table(&sql, name.schema, name.table);
    weir_buf_addz(&sql, " AS SELECT * FROM ");
    add_name(&sql, name, "");
    rc = run_built(s, &sql, err);
    weir_duck_catalog_changed(s);
    return rc;
}

static void add_condition(struct weir_buf *sql, struct weir_table_name name)
{
    weir_buf_addz(sql, " WHERE schema_name = ");
    weir_sql_text(sql, name.schema);
    weir_buf_addz(sql, " AND view_name = ");
    weir_sql_text(sql, name.table);
}

int weir_duck_stored_drop(struct weir_session *session, struct weir_table_name name,
                          struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf sql;
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : make_schema(s, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, 1 << 16);
    weir_buf_addz(&sql, "DROP VIEW IF EXISTS ");
    add_name(&sql, name, DUCK_STORED_TEXT);
    weir_buf_addz(&sql, "; DROP TABLE IF EXISTS ");
    add_name(&sql, name, "");
    weir_buf_addz(&sql, "; DELETE FROM " NOTES);
    add_condition(&sql, name);
    rc = run_built(s, &sql, err);
    weir_duck_catalog_changed(s);
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

void weir_duck_stored_forget(struct weir_session *session)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_error ignored;
    if (weir_duck_usable(s, &ignored) == 0 &&
        weir_duck_run(s, "DROP TABLE IF EXISTS " COMPUTED, &ignored)) {
        return; /* it goes with the session */
    }
}

int weir_duck_stored_compute(struct weir_session *session, struct weir_table_name name,
                             uint64_t *rows, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf sql;
    int64_t count = 0;
    int rc = weir_duck_usable(s, err);
    if (rc) {
        return rc;
    }
    weir_duck_stored_forget(session);
    weir_buf_init(&sql, 1 << 16);
    weir_buf_addz(&sql, "CREATE TEMP TABLE " COMPUTED " AS SELECT * FROM ");
    add_name(&sql, name, DUCK_STORED_TEXT);
    rc = atomic_load(&s->canceled) ? weir_fail(err, WEIR_ECANCELED, "it was canceled") : 0;
    if (rc) {
        weir_buf_free(&sql);
        return rc;
    }
    rc = run_built(s, &sql, err);
    rc = rc ? rc : ask_number(s, "SELECT count(*) FROM " COMPUTED, &count, err);
    *rows = (uint64_t)count;
    return rc;
}

/* Has the table that is to be replaced other columns, or is there none? */
static int ask_reshaped(struct duck_session *s, struct weir_table_name name, bool *reshaped,
                        struct weir_error *err)
{
    static const char columns[] =
        "(SELECT list(column_name || ' ' || data_type ORDER BY column_index) FROM duckdb_columns() "
        "WHERE table_name = ";
    struct weir_buf sql, text;
    int64_t changed = 1;
    weir_buf_init(&sql, 1 << 16);
    weir_buf_init(&text, 1 << 16);
    weir_buf_addf(&text, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(name.schema),
                  WEIR_STR_ARG(name.table));
    weir_buf_addf(&sql, "SELECT CAST(%s'weir stores this' AND database_name = 'temp') ", columns);
    weir_buf_addf(&sql, "IS DISTINCT FROM %s", columns);
    weir_sql_text(&sql, weir_buf_str(&text));
    weir_buf_addz(&sql, " AND schema_name = '" WEIR_STORED_SCHEMA
                        "' AND database_name = current_database()) AS BIGINT)");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : ask_number(s, weir_buf_cstr(&sql), &changed, err);
    *reshaped = changed != 0;
    weir_buf_free(&sql);
    weir_buf_free(&text);
    return rc;
}

static void add_note(struct weir_buf *sql, struct weir_table_name name,
                     const struct weir_stored_view *what)
{
    char at[28];
    weir_time_format(what->stored_at, at);
    weir_buf_addz(sql, "DELETE FROM " NOTES);
    add_condition(sql, name);
    weir_buf_addz(sql, "; INSERT INTO " NOTES " VALUES (");
    weir_sql_text(sql, name.schema);
    weir_buf_addz(sql, ", ");
    weir_sql_text(sql, name.table);
    weir_buf_addz(sql, ", ");
    weir_sql_text(sql, what->note);
    weir_buf_addf(sql, ", %llu, TIMESTAMP '%.26s')", (unsigned long long)what->rows, at);
}

int weir_duck_stored_swap(struct weir_session *session, struct weir_table_name name,
                          const struct weir_stored_view *what, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_buf sql;
    bool reshaped = true;
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : ask_reshaped(s, name, &reshaped, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, 1 << 22);
    weir_buf_addz(&sql, "CREATE TABLE ");
    add_name(&sql, name, " new");
    weir_buf_addz(&sql, " AS FROM " COMPUTED "; DROP TABLE IF EXISTS ");
    add_name(&sql, name, "");
    weir_buf_addz(&sql, "; ALTER TABLE ");
    add_name(&sql, name, " new");
    weir_buf_addf(&sql, " RENAME TO \"" WEIR_STR_FMT "." WEIR_STR_FMT "\"; ",
                  WEIR_STR_ARG(name.schema), WEIR_STR_ARG(name.table));
    add_note(&sql, name, what);
    rc = run_built(s, &sql, err);
    /* The same columns under the same name: nothing that is known of the catalog is other. */
    return rc || !reshaped ? rc : weir_duck_stored_show(session, name, err);
}

/* --- notes ------------------------------------------------------------------------------------ */

static int has_notes(struct duck_session *s, bool *has, struct weir_error *err)
{
    int64_t count = 0;
    int rc =
        ask_number(s,
                   "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'notes' AND "
                   "schema_name = '" WEIR_STORED_SCHEMA "' AND database_name = current_database()",
                   &count, err);
    *has = count > 0;
    return rc;
}

int weir_duck_stored_forget_notes(struct weir_session *session, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    bool has = false;
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : has_notes(s, &has, err);
    return rc || !has ? rc
                      : weir_duck_run(s,
                                      "UPDATE " NOTES " SET note = split_part(note, ';', 1) "
                                      "WHERE contains(note, ';')",
                                      err);
}

/* Also texts without rows. */
#define LISTED                                                                                     \
    "SELECT schema_name, view_name, note, row_count, stored_at FROM " NOTES " UNION ALL "          \
    "SELECT s, v, '', 0, TIMESTAMP '1970-01-01' FROM (SELECT split_part(view_name, '.', 1) AS s, " \
    "split_part(split_part(view_name, '.', 2), ' ', 1) AS v FROM duckdb_views() "                  \
    "WHERE schema_name = '" WEIR_STORED_SCHEMA "' AND database_name = current_database()) "        \
    "WHERE NOT EXISTS (FROM " NOTES " WHERE schema_name = s AND view_name = v)"

static int take_notes(const struct weir_batch *batch, struct weir_arena *arena,
                      struct weir_stored_view *to)
{
    for (size_t i = 0; i < batch->rows; i++) {
        to[i] =
            (struct weir_stored_view){.schema = weir_arena_dup(arena, batch->columns[0].strs[i]),
                                      .view = weir_arena_dup(arena, batch->columns[1].strs[i]),
                                      .note = weir_arena_dup(arena, batch->columns[2].strs[i]),
                                      .rows = (uint64_t)batch->columns[3].ints[i],
                                      .stored_at = batch->columns[4].ints[i]};
        if (!to[i].schema.ptr || !to[i].view.ptr || !to[i].note.ptr) {
            return WEIR_ENOMEM;
        }
    }
    return 0;
}

int weir_duck_stored_list(struct weir_session *session, struct weir_arena *arena,
                          struct weir_stored_view **out, size_t *count, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_result *result = NULL;
    struct weir_batch batch;
    int64_t total = 0;
    bool has = false;
    *out = NULL;
    *count = 0;
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : has_notes(s, &has, err);
    if (rc || !has) {
        return rc;
    }
    rc = ask_number(s, "SELECT count(*) FROM (" LISTED ")", &total, err);
    *out = weir_arena_calloc(arena, ((size_t)total + 1) * sizeof **out);
    s->trusted++;
    rc = rc ? rc : weir_duck_query(session, LISTED, NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_duck_result_next(result, &batch, err)) == 0 && batch.rows) {
        if (!*out || *count + batch.rows > (size_t)total) {
            rc = WEIR_ENOMEM;
        }
        rc = rc ? rc : take_notes(&batch, arena, *out + *count);
        *count += rc ? 0 : batch.rows;
        rc = rc ? weir_fail(err, rc, "no memory for the stored views") : 0;
    }
    if (result) {
        weir_duck_result_free(result);
    }
    s->trusted--;
    return rc;
}
