#include "load/made.h"
#include "load/replay.h"

enum { SQL_BYTES = 1 << 20 };

int weir_replay_clean(struct weir_session *session, struct weir_error *err)
{
    return weir_session_drop_begun(session, WEIR_STR(WEIR_REPLAY_PREFIX), err);
}

static int replace_table(struct weir_replay_run *r, const struct weir_load_table *made,
                         struct weir_buf *sql, struct weir_error *err)
{
    weir_buf_addz(sql, "DROP TABLE IF EXISTS ");
    weir_sql_table(sql, made->schema, made->label);
    weir_buf_addz(sql, "; ALTER TABLE ");
    weir_sql_table(sql, made->schema, made->name);
    weir_buf_addz(sql, " RENAME TO ");
    weir_sql_ident(sql, made->label);
    int code = weir_session_exec_buf(r->session, sql, err);
    return code ? code : weir_made_add(r->session, made->schema, made->label, err);
}

static void add_scope(const struct weir_replay_run *r, struct weir_buf *sql,
                      const char *event_column)
{
    char from[28], to[28];
    weir_time_format(r->what->from, from);
    weir_time_format(r->what->to, to);
    weir_buf_addf(sql,
                  " WHERE received_at >= TIMESTAMP '%.26s' AND received_at < TIMESTAMP '%.26s'",
                  from, to);
    if (r->what->event && event_column) {
        weir_buf_addf(sql, " AND %s = ", event_column);
        weir_sql_text(sql, weir_str_of(r->what->event));
    }
}

static const struct weir_column *find_column(const struct weir_table *table, struct weir_str name)
{
    for (size_t i = 0; table && i < table->column_count; i++) {
        if (weir_str_eq(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* Gives both tables the type that holds what either has. */
static int match_column(struct weir_replay_run *r, const struct weir_load_table *made,
                        const struct weir_column *live, const struct weir_column *column,
                        struct weir_error *err)
{
    if (!live) {
        return weir_session_add_columns(r->session, made->schema, made->label, column, 1, err);
    }
    const struct weir_str names[] = {made->label, made->name};
    const enum weir_type types[] = {live->type, column->type};
    enum weir_type type = weir_type_join(live->type, column->type, false);
    for (int i = 0; type == WEIR_TYPE_DOUBLE && i < 2; i++) {
        bool unsafe = false;
        int code = types[i] != WEIR_TYPE_INT
                       ? WEIR_OK
                       : weir_column_has_unsafe_ints(r->session, made->schema, names[i],
                                                     column->name, &unsafe, err);
        if (code) {
            return code;
        }
        type = unsafe ? WEIR_TYPE_TEXT : type;
    }
    for (int i = 0; i < 2; i++) {
        int code = types[i] == type ? WEIR_OK
                                    : weir_session_widen_column(r->session, made->schema, names[i],
                                                                column->name, types[i], type, err);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static int replace_rows(struct weir_replay_run *r, const struct weir_load_table *made,
                        const struct weir_table *live, const struct weir_table *from,
                        struct weir_buf *sql, struct weir_error *err)
{
    struct weir_buf columns;
    int code = WEIR_OK;
    if (!live) {
        return replace_table(r, made, sql, err);
    }
    weir_buf_init(&columns, SQL_BYTES);
    for (size_t i = 0; !code && from && i < from->column_count; i++) {
        const struct weir_column *column = &from->columns[i];
        code = match_column(r, made, find_column(live, column->name), column, err);
        weir_buf_addz(&columns, i ? ", " : "");
        weir_sql_ident(&columns, column->name);
    }
    weir_buf_addz(sql, "DELETE FROM ");
    weir_sql_table(sql, made->schema, made->label);
    add_scope(r, sql, "event_text");
    weir_buf_addz(sql, "; INSERT INTO ");
    weir_sql_table(sql, made->schema, made->label);
    weir_buf_addf(sql, " (%s) SELECT %s FROM ", weir_buf_cstr(&columns), weir_buf_cstr(&columns));
    weir_sql_table(sql, made->schema, made->name);
    weir_buf_addz(sql, "; DROP TABLE ");
    weir_sql_table(sql, made->schema, made->name);
    code = code ? code : weir_session_exec_buf(r->session, sql, err);
    weir_buf_free(&columns);
    return code;
}

/* weir.discards and weir.names hold all sources' rows: those of the scope are replaced. */
static int replace_discards(struct weir_replay_run *r, struct weir_buf *sql, struct weir_error *err)
{
    const struct weir_load_table *made = r->catalog.discards.table;
    int code = weir_replay_refused_delete(&r->refused, r->session, err);
    if (code) {
        return code;
    }
    weir_buf_addz(sql, "DELETE FROM weir.discards");
    add_scope(r, sql, NULL);
    if (r->what->source) {
        weir_buf_addz(sql, " AND source = ");
        weir_sql_text(sql, weir_str_of(r->what->source));
    }
    if (r->what->event) {
        weir_buf_addz(sql, " AND table_name IN (''");
        for (size_t i = 0; i < r->catalog.sources.count; i++) {
            const struct weir_load_source *source = r->catalog.sources.entries[i].value;
            const struct weir_event_table *own =
                weir_map_get(&source->events, weir_str_of(r->what->event));
            if (own) {
                weir_buf_addz(sql, ", ");
                weir_sql_text(sql, own->table ? own->table->label : own->slug);
            }
        }
        weir_buf_addc(sql, ')');
    }
    if (made && made->exists) {
        weir_buf_addz(sql, "; INSERT INTO weir.discards BY NAME SELECT * FROM ");
        weir_sql_table(sql, made->schema, made->name);
        weir_buf_addz(sql, "; DROP TABLE ");
        weir_sql_table(sql, made->schema, made->name);
    }
    return weir_session_exec_buf(r->session, sql, err);
}

static int replace_names(struct weir_replay_run *r, struct weir_buf *sql, struct weir_error *err)
{
    const struct weir_load_table *made = r->catalog.names.table;
    if (!made || !made->exists) {
        return WEIR_OK;
    }
    weir_buf_addz(sql, "INSERT INTO weir.names BY NAME SELECT * FROM ");
    weir_sql_table(sql, made->schema, made->name);
    weir_buf_addz(sql,
                  " AS made WHERE NOT EXISTS (SELECT 1 FROM weir.names AS old WHERE "
                  "old.schema_name = made.schema_name AND old.table_name = made.table_name AND "
                  "old.column_name IS NOT DISTINCT FROM made.column_name AND "
                  "old.original = made.original); DROP TABLE ");
    weir_sql_table(sql, made->schema, made->name);
    return weir_session_exec_buf(r->session, sql, err);
}

/* Tables that no event makes any longer would go on answering queries with what was. */
static int drop_others(struct weir_replay_run *r, const struct weir_table *tables, size_t count,
                       struct weir_error *err)
{
    struct weir_str schema = {NULL, 0};
    if (!r->whole) {
        return WEIR_OK;
    }
    if (r->what->source) {
        struct weir_load_source *source =
            weir_catalog_source(&r->catalog, weir_str_of(r->what->source));
        if (!source) {
            return weir_fail(err, WEIR_ENOMEM, "no memory to look for old tables");
        }
        schema = source->schema;
    }
    return weir_made_drop_others(r->session, &r->catalog, schema, tables, count, err);
}

int weir_replay_swap(struct weir_replay_run *r, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    struct weir_buf sql;
    size_t count = 0;
    weir_arena_init(&arena, 1 << 30);
    weir_buf_init(&sql, SQL_BYTES);
    r->report->tables = 0;
    int code = weir_session_begin(r->session, err);
    code = code ? code : weir_session_describe(r->session, &arena, &tables, &count, err);
    for (uint32_t i = 0; !code && i < r->catalog.table_count; i++) {
        const struct weir_load_table *made = r->catalog.tables[i];
        bool latest = made->kind == WEIR_TABLE_USERS || made->kind == WEIR_TABLE_ACCOUNTS;
        if (!made->exists || made->kind == WEIR_TABLE_SYSTEM) {
            continue;
        }
        if (!r->whole && latest) {
            /* A part of the log cannot say what is latest: the live rows stay. */
            weir_buf_addz(&sql, "DROP TABLE ");
            weir_sql_table(&sql, made->schema, made->name);
            code = weir_session_exec_buf(r->session, &sql, err);
            continue;
        }
        r->report->tables++;
        code = r->whole ? replace_table(r, made, &sql, err)
                        : replace_rows(
                              r, made, weir_tables_find(tables, count, made->schema, made->label),
                              weir_tables_find(tables, count, made->schema, made->name), &sql, err);
    }
    code = code ? code : drop_others(r, tables, count, err);
    code = code ? code : replace_discards(r, &sql, err);
    code = code ? code : replace_names(r, &sql, err);
    code = code ? code : weir_session_commit(r->session, err);
    if (code) {
        weir_session_rollback(r->session);
    }
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return code;
}
