#include "load/made.h"

enum { SQL_BYTES = 64 << 20 };

static int query(struct weir_session *session, const char *sql, struct weir_result **out,
                 struct weir_batch *first, struct weir_error *err)
{
    int code = weir_session_query(session, sql, NULL, 0, out, err);
    return code ? code : weir_result_next(*out, first, err);
}

/* --- a warehouse of an older weir --------------------------------------------------------------
 */

static bool has_tracks(const struct weir_table *tables, size_t count, struct weir_str schema)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(tables[i].schema, schema) && weir_str_is(tables[i].name, "tracks")) {
            return weir_table_is_shaped(&tables[i]);
        }
    }
    return false;
}

static void add_values(struct weir_buf *sql, struct weir_str schema, struct weir_str table)
{
    weir_buf_addz(sql, "INSERT INTO weir.tables SELECT ");
    weir_sql_text(sql, schema);
    weir_buf_addz(sql, ", ");
    weir_sql_text(sql, table);
}

/* An event's table is known by the event's name in tracks: a person's copy has another name. */
static void add_old_table(struct weir_buf *sql, const struct weir_table *table, bool tracks)
{
    struct weir_str slug = table->name;
    if (weir_table_is_fixed(table->name)) {
        add_values(sql, table->schema, table->name);
        weir_buf_addc(sql, ';');
        return;
    }
    if (!tracks) {
        return;
    }
    if (slug.len && *slug.ptr == '_' &&
        weir_table_is_fixed((struct weir_str){slug.ptr + 1, slug.len - 1})) {
        slug = (struct weir_str){slug.ptr + 1, slug.len - 1};
    }
    add_values(sql, table->schema, table->name);
    weir_buf_addz(sql, " WHERE EXISTS (SELECT 1 FROM ");
    weir_sql_ident(sql, table->schema);
    weir_buf_addz(sql, ".tracks WHERE event = ");
    weir_sql_text(sql, slug);
    weir_buf_addz(sql, ");");
}

static int take_in_old(struct weir_session *session, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    struct weir_buf sql;
    size_t count = 0;
    weir_arena_init(&arena, 1 << 30);
    weir_buf_init(&sql, SQL_BYTES);
    int code = weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; !code && i < count; i++) {
        if (!weir_str_is(tables[i].schema, "weir") && !weir_str_is(tables[i].schema, "main") &&
            weir_table_is_shaped(&tables[i])) {
            add_old_table(&sql, &tables[i], has_tracks(tables, count, tables[i].schema));
        }
    }
    weir_arena_free(&arena);
    code = code ? code : weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return code;
}

int weir_made_open(struct weir_session *session, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch row;
    int code = query(session,
                     "SELECT 1 FROM information_schema.tables WHERE table_schema = 'weir' AND "
                     "table_name = 'tables'",
                     &result, &row, err);
    bool found = !code && row.rows > 0;
    weir_result_free(result);
    if (code || found) {
        return code;
    }
    code = weir_session_begin(session, err);
    code = code ? code
                : weir_session_exec(session,
                                    "CREATE TABLE weir.tables (schema_name VARCHAR, table_name "
                                    "VARCHAR)",
                                    err);
    code = code ? code : take_in_old(session, err);
    code = code ? code : weir_session_commit(session, err);
    if (code) {
        weir_session_rollback(session);
    }
    return code;
}

/* --- since then --------------------------------------------------------------------------------
 */

int weir_made_add(struct weir_session *session, struct weir_str schema, struct weir_str table,
                  struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    add_values(&sql, schema, table);
    weir_buf_addz(&sql, " WHERE NOT EXISTS (SELECT 1 FROM weir.tables WHERE schema_name = ");
    weir_sql_text(&sql, schema);
    weir_buf_addz(&sql, " AND table_name = ");
    weir_sql_text(&sql, table);
    weir_buf_addc(&sql, ')');
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("tables"));
    int code = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return code;
}

/* What to do with one that is said to be the loader's. */
static void add_drop(struct weir_buf *sql, const struct weir_catalog *catalog,
                     const struct weir_table *live, struct weir_str schema, struct weir_str name)
{
    char key[WEIR_TABLE_KEY];
    const struct weir_load_table *made =
        weir_map_get(&catalog->by_name, weir_table_key(schema, name, key));
    if (made && made->exists) {
        return;
    }
    /* Somebody may have put a table of their own in its place. */
    if (live && weir_table_is_shaped(live)) {
        weir_buf_addz(sql, "DROP TABLE ");
        weir_sql_table(sql, schema, name);
        weir_buf_addz(sql, "; ");
    }
    weir_buf_addz(sql, "DELETE FROM weir.tables WHERE schema_name = ");
    weir_sql_text(sql, schema);
    weir_buf_addz(sql, " AND table_name = ");
    weir_sql_text(sql, name);
    weir_buf_addz(sql, "; ");
}

int weir_made_drop_others(struct weir_session *session, const struct weir_catalog *catalog,
                          struct weir_str schema, const struct weir_table *tables, size_t count,
                          struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch rows;
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    int code =
        query(session, "SELECT schema_name, table_name FROM weir.tables", &result, &rows, err);
    while (!code && rows.rows) {
        for (size_t i = 0; i < rows.rows; i++) {
            struct weir_str in = rows.columns[0].strs[i], name = rows.columns[1].strs[i];
            if (weir_vector_valid(&rows.columns[0], i) && weir_vector_valid(&rows.columns[1], i) &&
                (!schema.len || weir_str_eq(schema, in))) {
                add_drop(&sql, catalog, weir_tables_find(tables, count, in, name), in, name);
            }
        }
        code = weir_result_next(result, &rows, err);
    }
    weir_result_free(result);
    code = code ? code : weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return code;
}
