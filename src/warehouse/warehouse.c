#include "warehouse/warehouse.h"

#include "warehouse/driver.h"

const char *weir_type_name(enum weir_type type)
{
    static const char *const names[] = {"bool", "int",  "double", "timestamp",
                                        "date", "text", "json",   "other"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "other";
}

int weir_warehouse_open(const struct weir_warehouse_driver *driver,
                        const struct weir_warehouse_options *options, struct weir_warehouse **out,
                        struct weir_error *err)
{
    int rc = driver->open(options, out, err);
    if (rc == 0 && !((*out)->versions = weir_versions_new())) {
        weir_warehouse_close(*out);
        *out = NULL;
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the tables' versions");
    }
    return rc;
}

void weir_warehouse_close(struct weir_warehouse *warehouse)
{
    if (warehouse) {
        struct weir_versions *versions = warehouse->versions;
        warehouse->driver->close(warehouse);
        weir_versions_free(versions);
    }
}

int weir_warehouse_reopen(struct weir_warehouse *warehouse, struct weir_error *err)
{
    bool failed = weir_warehouse_failed(warehouse);
    int rc = warehouse->driver->reopen(warehouse, err);
    if (rc == 0 && failed) { /* what was committed last may be gone */
        weir_versions_change_all(warehouse->versions);
    }
    return rc;
}

bool weir_warehouse_failed(const struct weir_warehouse *warehouse)
{
    return warehouse->driver->failed(warehouse);
}

uint64_t weir_warehouse_catalog_version(const struct weir_warehouse *warehouse)
{
    return warehouse->driver->catalog_version(warehouse);
}

const char *weir_warehouse_version(const struct weir_warehouse *warehouse)
{
    return warehouse->driver->version(warehouse);
}

const char *weir_warehouse_library_version(const struct weir_warehouse_driver *driver)
{
    return driver->library_version();
}

uint64_t weir_session_texts_at_once(const struct weir_session *session)
{
    return session->warehouse->memory / 2;
}

uint32_t weir_warehouse_max_columns(const struct weir_warehouse *warehouse)
{
    return warehouse->max_columns;
}

const char *weir_warehouse_export_dir(const struct weir_warehouse *warehouse)
{
    return warehouse->export_dir;
}

/* --- sessions ------------------------------------------------------------------------------- */

int weir_session_new(struct weir_warehouse *warehouse, enum weir_session_kind kind,
                     struct weir_session **out, struct weir_error *err)
{
    int rc = warehouse->driver->session_new(warehouse, kind, out, err);
    if (rc == 0) {
        (*out)->warehouse = warehouse;
        (*out)->kind = kind;
        (*out)->error_offset = -1;
    }
    return rc;
}

void weir_session_free(struct weir_session *session)
{
    if (session) {
        weir_touched_free(&session->touched);
        session->warehouse->driver->session_free(session);
    }
}

void weir_session_cancel(struct weir_session *session)
{
    session->warehouse->driver->cancel(session);
}

double weir_session_progress(struct weir_session *session)
{
    return session->warehouse->driver->progress(session);
}

int64_t weir_session_error_offset(const struct weir_session *session)
{
    return session->error_offset;
}

static int owner_only(const struct weir_session *session, const char *what, struct weir_error *err)
{
    if (session->kind == WEIR_SESSION_OWNER) {
        return 0;
    }
    return weir_fail(err, WEIR_EPERM, "a reader's session may not %s", what);
}

void weir_session_touch(struct weir_session *session, struct weir_str schema, struct weir_str table)
{
    session->touched.named = true;
    weir_versions_touch(session->warehouse->versions, &session->touched, schema, table);
}

/* Around what commits: in a transaction the commit, without one each change by itself. */
static void before_change(struct weir_session *session)
{
    if (!session->began) {
        weir_versions_unsettle(session->warehouse->versions, &session->touched);
    }
}

static void after_change(struct weir_session *session)
{
    if (!session->began) {
        weir_versions_settle(session->warehouse->versions, &session->touched);
    }
}

static void begin_change_of(struct weir_session *session, struct weir_str schema,
                            struct weir_str table)
{
    weir_versions_touch(session->warehouse->versions, &session->touched, schema, table);
    before_change(session);
}

int weir_session_begin(struct weir_session *session, struct weir_error *err)
{
    int rc = session->warehouse->driver->begin(session, err);
    session->began = session->began || rc == 0;
    return rc;
}

int weir_session_commit(struct weir_session *session, struct weir_error *err)
{
    session->began = false;
    before_change(session);
    int rc = session->warehouse->driver->commit(session, err);
    after_change(session);
    return rc;
}

void weir_session_rollback(struct weir_session *session)
{
    session->warehouse->driver->rollback(session);
    session->began = false;
    weir_touched_forget(&session->touched);
}

int weir_session_checkpoint(struct weir_session *session, struct weir_error *err)
{
    int rc = owner_only(session, "checkpoint", err);
    return rc ? rc : session->warehouse->driver->checkpoint(session, err);
}

/* --- statements ----------------------------------------------------------------------------- */

int weir_session_exec(struct weir_session *session, const char *sql, struct weir_error *err)
{
    int rc = owner_only(session, "run statements without a result", err);
    if (rc) {
        return rc;
    }
    session->touched.all = session->touched.all || !session->touched.named;
    session->touched.named = false;
    before_change(session);
    rc = session->warehouse->driver->exec(session, sql, err);
    after_change(session);
    return rc;
}

int weir_session_exec_buf(struct weir_session *session, struct weir_buf *sql,
                          struct weir_error *err)
{
    int rc = weir_buf_check(sql, "a statement", err);
    rc = rc || !sql->len ? rc : weir_session_exec(session, weir_buf_cstr(sql), err);
    weir_buf_reset(sql);
    return rc;
}

int weir_session_number_buf(struct weir_session *session, struct weir_buf *sql, uint64_t *out,
                            struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_buf_check(sql, "a statement", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    *out = rc == 0 && batch.rows ? (uint64_t)batch.columns[0].ints[0] : 0;
    weir_result_free(result);
    weir_buf_reset(sql);
    return rc;
}

int weir_session_drop_begun(struct weir_session *session, struct weir_str beginning,
                            struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    struct weir_buf sql;
    size_t count = 0;
    weir_arena_init(&arena, 1u << 30);
    weir_buf_init(&sql, 1u << 16);
    int rc = weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (weir_str_starts(tables[i].name, beginning)) {
            weir_buf_addz(&sql, "DROP TABLE ");
            weir_sql_table(&sql, tables[i].schema, tables[i].name);
            weir_session_touch(session, tables[i].schema, tables[i].name);
            rc = weir_session_exec_buf(session, &sql, err);
        }
    }
    weir_buf_free(&sql);
    weir_arena_free(&arena);
    return rc;
}

int weir_session_query(struct weir_session *session, const char *sql,
                       const struct weir_param *params, size_t param_count,
                       struct weir_result **out, struct weir_error *err)
{
    *out = NULL;
    session->error_offset = -1;
    return session->warehouse->driver->query(session, sql, params, param_count, out, err);
}

int weir_session_set_access(struct weir_session *session, const struct weir_access *access,
                            struct weir_error *err)
{
    return session->warehouse->driver->set_access(session, access, err);
}

int weir_session_compile(struct weir_session *session, const char *sql,
                         const struct weir_param *params, size_t param_count,
                         struct weir_arena *arena, struct weir_compiled *out,
                         struct weir_error *err)
{
    session->error_offset = -1;
    return session->warehouse->driver->compile(session, sql, params, param_count, arena, out, err);
}

int weir_session_check_rows(struct weir_session *session, struct weir_str schema,
                            struct weir_str table, struct weir_str rows, struct weir_error *err)
{
    struct weir_table_name name = {schema, table};
    return session->warehouse->driver->check_rows(session, name, rows, err);
}

size_t weir_result_column_count(const struct weir_result *result)
{
    return result->column_count;
}

const struct weir_column *weir_result_columns(const struct weir_result *result)
{
    return result->columns;
}

int weir_result_next(struct weir_result *result, struct weir_batch *out, struct weir_error *err)
{
    return result->session->warehouse->driver->result_next(result, out, err);
}

void weir_result_free(struct weir_result *result)
{
    if (result) {
        result->session->warehouse->driver->result_free(result);
    }
}

int weir_session_export(struct weir_session *session, const char *sql,
                        const struct weir_param *params, size_t param_count, const char *format,
                        const char *path, uint64_t max_rows, struct weir_export *out,
                        struct weir_error *err)
{
    session->error_offset = -1;
    *out = (struct weir_export){0};
    return session->warehouse->driver->export(session, sql, params, param_count, format, path,
                                              max_rows, out, err);
}

/* --- catalog and tables --------------------------------------------------------------------- */

int weir_session_functions(struct weir_session *session, struct weir_arena *arena,
                           struct weir_function **functions, size_t *count, struct weir_error *err)
{
    return session->warehouse->driver->functions(session, arena, functions, count, err);
}

int weir_session_describe_table(struct weir_session *session, struct weir_str schema,
                                struct weir_str name, struct weir_arena *arena,
                                const struct weir_table **out, struct weir_error *err)
{
    return session->warehouse->driver->describe_table(session, schema, name, arena, out, err);
}

int weir_session_describe(struct weir_session *session, struct weir_arena *arena,
                          struct weir_table **tables, size_t *count, struct weir_error *err)
{
    return session->warehouse->driver->describe(session, arena, tables, count, err);
}

int weir_session_create_schema(struct weir_session *session, struct weir_str schema,
                               struct weir_error *err)
{
    int rc = owner_only(session, "create schemas", err);
    return rc ? rc : session->warehouse->driver->create_schema(session, schema, err);
}

int weir_session_create_table(struct weir_session *session, struct weir_str schema,
                              struct weir_str table, const struct weir_column *columns,
                              size_t count, struct weir_error *err)
{
    return weir_session_create_table_for(session, schema, table, columns, count, NULL, err);
}

int weir_session_create_table_for(struct weir_session *session, struct weir_str schema,
                                  struct weir_str table, const struct weir_column *columns,
                                  size_t count, const struct weir_batch *rows,
                                  struct weir_error *err)
{
    int rc = owner_only(session, "create tables", err);
    if (rc == 0 && count == 0) {
        rc = weir_fail(err, WEIR_EINVAL, "table \"" WEIR_STR_FMT "\" needs a column",
                       WEIR_STR_ARG(table));
    }
    if (rc) {
        return rc;
    }
    begin_change_of(session, schema, table);
    rc = session->warehouse->driver->create_table(session, (struct weir_table_name){schema, table},
                                                  columns, count, rows, err);
    after_change(session);
    return rc;
}

int weir_session_copy_table(struct weir_session *session, struct weir_str schema,
                            struct weir_str table, struct weir_str copy, struct weir_error *err)
{
    int rc = owner_only(session, "create tables", err);
    if (rc) {
        return rc;
    }
    begin_change_of(session, schema, copy);
    rc = session->warehouse->driver->copy_table(session, (struct weir_table_name){schema, table},
                                                copy, err);
    after_change(session);
    return rc;
}

int weir_session_add_columns(struct weir_session *session, struct weir_str schema,
                             struct weir_str table, const struct weir_column *columns, size_t count,
                             struct weir_error *err)
{
    int rc = owner_only(session, "add columns", err);
    if (rc) {
        return rc;
    }
    begin_change_of(session, schema, table);
    rc = session->warehouse->driver->add_columns(session, (struct weir_table_name){schema, table},
                                                 columns, count, err);
    after_change(session);
    return rc;
}

int weir_session_widen_column(struct weir_session *session, struct weir_str schema,
                              struct weir_str table, struct weir_str column, enum weir_type from,
                              enum weir_type to, struct weir_error *err)
{
    int rc = owner_only(session, "change columns", err);
    if (rc || from == to) {
        return rc;
    }
    begin_change_of(session, schema, table);
    rc = session->warehouse->driver->widen_column(session, (struct weir_table_name){schema, table},
                                                  column, from, to, err);
    after_change(session);
    return rc;
}

int weir_session_append(struct weir_session *session, struct weir_str schema, struct weir_str table,
                        const struct weir_column *columns, const struct weir_batch *batches,
                        size_t batch_count, struct weir_error *err)
{
    int rc = owner_only(session, "append rows", err);
    if (rc || batch_count == 0) {
        return rc;
    }
    begin_change_of(session, schema, table);
    rc = session->warehouse->driver->append(session, (struct weir_table_name){schema, table},
                                            columns, batches, batch_count, err);
    after_change(session);
    return rc;
}

int weir_session_merge(struct weir_session *session, struct weir_str schema, struct weir_str table,
                       struct weir_str key, const struct weir_column *columns,
                       const struct weir_batch *batches, size_t batch_count, struct weir_error *err)
{
    int rc = owner_only(session, "merge rows", err);
    if (rc || batch_count == 0) {
        return rc;
    }
    begin_change_of(session, schema, table);
    rc = session->warehouse->driver->merge(session, (struct weir_table_name){schema, table}, key,
                                           columns, batches, batch_count, err);
    after_change(session);
    return rc;
}

static void quote(struct weir_buf *out, struct weir_str text, char with)
{
    weir_buf_addc(out, with);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == with) {
            weir_buf_addc(out, with);
        }
        weir_buf_addc(out, text.ptr[i]);
    }
    weir_buf_addc(out, with);
}

void weir_sql_ident(struct weir_buf *out, struct weir_str name)
{
    quote(out, name, '"');
}

void weir_sql_table(struct weir_buf *out, struct weir_str schema, struct weir_str table)
{
    weir_sql_ident(out, schema);
    weir_buf_addc(out, '.');
    weir_sql_ident(out, table);
}

void weir_sql_text(struct weir_buf *out, struct weir_str value)
{
    quote(out, value, '\'');
}

const struct weir_table *weir_tables_find(const struct weir_table *tables, size_t count,
                                          struct weir_str schema, struct weir_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(tables[i].schema, schema) && weir_str_eq(tables[i].name, name)) {
            return &tables[i];
        }
    }
    return NULL;
}

/* --- views ---------------------------------------------------------------------------------- */

int weir_session_binds(struct weir_session *session, const char *sql, struct weir_error *err)
{
    int rc = owner_only(session, "try statements", err);
    return rc ? rc : session->warehouse->driver->binds(session, sql, err);
}

int weir_session_create_view(struct weir_session *session, struct weir_str schema,
                             struct weir_str view, const char *sql, struct weir_error *err)
{
    int rc = owner_only(session, "create views", err);
    if (rc) {
        return rc;
    }
    begin_change_of(session, schema, view);
    rc = session->warehouse->driver->create_view(session, (struct weir_table_name){schema, view},
                                                 sql, err);
    after_change(session);
    return rc;
}

int weir_session_drop_view(struct weir_session *session, struct weir_str schema,
                           struct weir_str view, struct weir_error *err)
{
    int rc = owner_only(session, "drop views", err);
    if (rc) {
        return rc;
    }
    begin_change_of(session, schema, view);
    rc =
        session->warehouse->driver->drop_view(session, (struct weir_table_name){schema, view}, err);
    after_change(session);
    return rc;
}

/* --- what a statement reads ----------------------------------------------------------------- */

/* A view that changes between the walk through the statement and the noting of versions makes
 * another version of the catalog before it is settled: so what was found holds for the versions, or
 * it is said not to. */
int weir_session_reads(struct weir_session *session, const char *sql, struct weir_arena *arena,
                       struct weir_reads *out, struct weir_error *err)
{
    const struct weir_warehouse *warehouse = session->warehouse;
    uint64_t catalog = weir_warehouse_catalog_version(warehouse);
    *out = (struct weir_reads){.settled = true};
    int rc = warehouse->driver->reads(session, sql, arena, out, err);
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        struct weir_table_read *read = &out->tables[i];
        struct weir_table_version v =
            weir_warehouse_version_of(warehouse, read->schema, read->table);
        read->version = v.version;
        out->settled = out->settled && v.settled;
    }
    out->settled = out->settled && weir_warehouse_catalog_version(warehouse) == catalog;
    return rc;
}
