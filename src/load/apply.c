#include "load/apply.h"

#include <inttypes.h>

#include "load/made.h"

enum { ARENA_BYTES = 512 << 20, SQL_BYTES = 64 * 1024 };

void weir_applier_init(struct weir_applier *applier, struct weir_session *session)
{
    *applier = (struct weir_applier){.session = session};
    weir_arena_init(&applier->arena, ARENA_BYTES);
}

void weir_applier_free(struct weir_applier *applier)
{
    weir_arena_free(&applier->arena);
}

/* --- load_state --------------------------------------------------------------------------------
 */

static const char create_state[] =
    "CREATE SCHEMA IF NOT EXISTS weir;"
    "CREATE TABLE IF NOT EXISTS weir.load_state (next_seq BIGINT, events BIGINT, "
    "duplicates BIGINT, discards BIGINT, loaded_at TIMESTAMP);"
    "ALTER TABLE weir.load_state ADD COLUMN IF NOT EXISTS next_event BIGINT DEFAULT 0;"
    "CREATE TABLE IF NOT EXISTS weir.discards (received_at TIMESTAMP, source VARCHAR, "
    "table_name VARCHAR, column_name VARCHAR, message_id VARCHAR, reason VARCHAR, value VARCHAR, "
    "seq BIGINT, event_index BIGINT, uuid_ts TIMESTAMP);"
    "CREATE TABLE IF NOT EXISTS weir.names (schema_name VARCHAR, table_name VARCHAR, "
    "column_name VARCHAR, original VARCHAR);"
    "INSERT INTO weir.load_state SELECT 1, 0, 0, 0, NULL, 0 "
    "WHERE NOT EXISTS (SELECT 1 FROM weir.load_state)";

int weir_load_state_read(struct weir_session *session, struct weir_load_state *out,
                         struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch row;
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("load_state"));
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("discards"));
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("names"));
    int code = weir_session_exec(session, create_state, err);
    code = code ? code
                : weir_session_query(session,
                                     "SELECT next_seq, next_event, events, duplicates, discards "
                                     "FROM weir.load_state "
                                     "ORDER BY next_seq DESC, next_event DESC LIMIT 1",
                                     NULL, 0, &result, err);
    if (code) {
        return code;
    }
    code = weir_result_next(result, &row, err);
    for (size_t i = 0; !code && i < 5; i++) {
        if (row.rows != 1 || row.columns[i].type != WEIR_TYPE_INT ||
            !weir_vector_valid(&row.columns[i], 0)) {
            code = weir_fail(err, WEIR_ECORRUPT,
                             "weir.load_state does not say what is loaded; restore it, or remove "
                             "the warehouse file: it is loaded again from the event log");
        }
    }
    if (!code) {
        *out = (struct weir_load_state){
            (uint64_t)row.columns[0].ints[0], (uint64_t)row.columns[1].ints[0],
            (uint64_t)row.columns[2].ints[0], (uint64_t)row.columns[3].ints[0],
            (uint64_t)row.columns[4].ints[0]};
    }
    weir_result_free(result);
    return code;
}

/* A row more, never an update: transactions that only insert commit while a checkpoint runs. */
static int write_state(struct weir_applier *a, const struct weir_load_batch *batch,
                       struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    char when[28];
    weir_time_format(weir_now(), when);
    weir_buf_addf(&sql,
                  "INSERT INTO weir.load_state SELECT %" PRIu64 ", max(events) + %" PRIu64
                  ", max(duplicates) + %" PRIu64 ", max(discards) + %" PRIu64
                  ", TIMESTAMP '%.26s', %" PRIu64 " FROM weir.load_state",
                  batch->next_seq, batch->events, batch->duplicates, batch->discards, when,
                  batch->next_event);
    weir_session_touch(a->session, WEIR_STR("weir"), WEIR_STR("load_state"));
    int code = weir_session_exec(a->session, weir_buf_cstr(&sql), err);
    weir_buf_free(&sql);
    return code;
}

int weir_load_state_prune(struct weir_session *session, struct weir_error *err)
{
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("load_state"));
    return weir_session_exec(session,
                             "DELETE FROM weir.load_state WHERE next_seq < "
                             "(SELECT max(next_seq) FROM weir.load_state)",
                             err);
}

/* --- one table ---------------------------------------------------------------------------------
 */

struct write { /* one table's part of the batch */
    struct weir_rows *rows;
    struct weir_load_column **used;
    enum weir_type *types; /* what each becomes */
    size_t count;
};

static struct weir_cells *cells_at(const struct weir_chunk *chunk, const uint32_t index)
{
    struct weir_cells *cells = index < chunk->cells_count ? chunk->cells[index] : NULL;
    return cells && cells->cap ? cells : NULL;
}

static bool has_unsafe_ints(const struct weir_rows *rows, uint32_t index)
{
    for (uint32_t i = 0; i < rows->chunk_count; i++) {
        const struct weir_cells *cells = cells_at(rows->chunks[i], index);
        for (uint32_t row = 0; cells && cells->type == WEIR_TYPE_INT && row < cells->cap; row++) {
            if (weir_cells_valid(cells, row) && !weir_int_is_safe(cells->ints[row])) {
                return true;
            }
        }
    }
    return false;
}

int weir_column_has_unsafe_ints(struct weir_session *session, struct weir_str schema,
                                struct weir_str table, struct weir_str column, bool *out,
                                struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch rows;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT 1 FROM ");
    weir_sql_table(&sql, schema, table);
    weir_buf_addz(&sql, " WHERE ");
    weir_sql_ident(&sql, column);
    weir_buf_addz(&sql, " > 9007199254740992 OR ");
    weir_sql_ident(&sql, column);
    weir_buf_addz(&sql, " < -9007199254740992 LIMIT 1");
    int code = weir_session_query(session, weir_buf_cstr(&sql), NULL, 0, &result, err);
    code = code ? code : weir_result_next(result, &rows, err);
    *out = !code && rows.rows > 0;
    weir_result_free(result);
    weir_buf_free(&sql);
    return code;
}

/* The type that holds what is stored and what comes. */
static int settle_type(struct weir_applier *a, const struct write *w,
                       const struct weir_load_column *column, enum weir_type *out,
                       struct weir_error *err)
{
    enum weir_type type = column->stored;
    for (uint32_t i = 0; i < w->rows->chunk_count; i++) {
        const struct weir_cells *cells = cells_at(w->rows->chunks[i], column->index);
        type = cells ? weir_type_join(type, cells->type, false) : type;
    }
    bool unsafe = false;
    if (type == WEIR_TYPE_DOUBLE) {
        unsafe = has_unsafe_ints(w->rows, column->index);
        if (!unsafe && column->stored == WEIR_TYPE_INT) {
            int code =
                weir_column_has_unsafe_ints(a->session, w->rows->table->schema,
                                            w->rows->table->name, column->name, &unsafe, err);
            if (code) {
                return code;
            }
        }
    }
    *out = unsafe ? WEIR_TYPE_TEXT : type;
    return WEIR_OK;
}

static int find_columns(struct weir_applier *a, struct write *w, struct weir_error *err)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < w->rows->chunk_count; i++) {
        uint32_t count = w->rows->chunks[i]->cells_count;
        most = count > most ? count : most;
    }
    w->used = weir_arena_alloc(&a->arena, most * sizeof(struct weir_load_column *));
    w->types = weir_arena_alloc(&a->arena, most * sizeof *w->types);
    if (!w->used || !w->types) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to load %u columns", most);
    }
    for (uint32_t index = 0; index < most; index++) {
        struct weir_cells *cells = NULL;
        for (uint32_t i = 0; i < w->rows->chunk_count && !cells; i++) {
            cells = cells_at(w->rows->chunks[i], index);
        }
        if (!cells) {
            continue;
        }
        int code = settle_type(a, w, cells->column, &w->types[w->count], err);
        if (code) {
            return code;
        }
        w->used[w->count++] = cells->column;
    }
    return WEIR_OK;
}

static int make_table(struct weir_applier *a, struct write *w, struct weir_error *err)
{
    struct weir_load_table *table = w->rows->table;
    if (table->view) {
        return weir_fail(err, WEIR_EEXIST, "a view has the name of the table");
    }
    size_t fixed = table->kind == WEIR_TABLE_SYSTEM ? table->column_count : WEIR_COL_COUNT;
    struct weir_column *columns = weir_arena_alloc(&a->arena, (w->count + fixed) * sizeof *columns);
    if (!columns) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to make a table");
    }
    size_t count = 0;
    for (int i = 0; i < WEIR_COL_COUNT; i++) {
        if (table->base[i]) {
            columns[count++] =
                (struct weir_column){.name = table->base[i]->name, .type = weir_base_type(i)};
            table->base[i]->stored = weir_base_type(i);
        }
    }
    /* A system table's columns are fixed when it is first met. */
    for (size_t i = 0; i < fixed && table->kind == WEIR_TABLE_SYSTEM; i++) {
        struct weir_load_column *column = table->columns[i];
        columns[count++] = (struct weir_column){.name = column->name, .type = column->type};
        column->stored = column->type;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->used[i]->stored == WEIR_TYPE_NONE) {
            columns[count++] = (struct weir_column){.name = w->used[i]->name, .type = w->types[i]};
            w->used[i]->stored = w->types[i];
        }
    }
    int code = weir_session_create_schema(a->session, table->schema, err);
    code = code ? code
                : weir_session_create_table(a->session, table->schema, table->name, columns, count,
                                            err);
    bool record = table->kind != WEIR_TABLE_SYSTEM && weir_str_eq(table->name, table->label);
    code = code || !record ? code : weir_made_add(a->session, table->schema, table->name, err);
    table->exists = true;
    a->changed_schema = true;
    return code;
}

static int change_table(struct weir_applier *a, struct write *w, struct weir_error *err)
{
    struct weir_load_table *table = w->rows->table;
    struct weir_column *columns = weir_arena_alloc(&a->arena, w->count * sizeof *columns);
    if (!columns) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to add columns");
    }
    size_t added = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct weir_load_column *column = w->used[i];
        if (column->stored == WEIR_TYPE_NONE) {
            columns[added++] = (struct weir_column){.name = column->name, .type = w->types[i]};
            column->stored = w->types[i];
        } else if (column->stored != w->types[i]) {
            int code = weir_session_widen_column(a->session, table->schema, table->name,
                                                 column->name, column->stored, w->types[i], err);
            if (code) {
                return code;
            }
            column->stored = w->types[i];
            a->changed_schema = true;
        }
    }
    if (!added) {
        return WEIR_OK;
    }
    a->changed_schema = true;
    return weir_session_add_columns(a->session, table->schema, table->name, columns, added, err);
}

static int fill_batches(struct weir_applier *a, struct write *w, struct weir_pool *pool,
                        struct weir_batch *out, struct weir_error *err)
{
    for (uint32_t i = 0; i < w->rows->chunk_count; i++) {
        struct weir_chunk *chunk = w->rows->chunks[i];
        struct weir_vector *vectors = weir_arena_calloc(&a->arena, w->count * sizeof *vectors);
        if (!vectors) {
            return weir_fail(err, WEIR_ENOMEM, "no memory to load rows");
        }
        for (size_t c = 0; c < w->count; c++) {
            struct weir_cells *cells = cells_at(chunk, w->used[c]->index);
            vectors[c].type = w->types[c];
            if (!cells) {
                continue;
            }
            if (cells->type != w->types[c] || cells->cap < chunk->rows) {
                int code = weir_cells_convert(cells, chunk->rows, w->types[c], pool, err);
                code = code ? code : weir_cells_extend(cells, chunk->rows, pool, err);
                if (code) {
                    return code;
                }
            }
            vectors[c].valid = cells->valid;
            vectors[c].ints = cells->ints;
        }
        out[i] = (struct weir_batch){chunk->rows, w->count, vectors};
    }
    return WEIR_OK;
}

static int write_table(struct weir_applier *a, struct weir_load_batch *batch,
                       struct weir_rows *rows, struct weir_error *err)
{
    struct weir_load_table *table = rows->table;
    struct write w = {.rows = rows};
    weir_arena_reset(&a->arena);
    int code = find_columns(a, &w, err);
    if (!code && table->live && !table->exists) {
        /* So that what the live table refuses is refused here, where it can be set aside. */
        code = weir_session_copy_table(a->session, table->schema, table->label, table->name, err);
        table->exists = true;
    }
    if (!code) {
        code = table->exists ? change_table(a, &w, err) : make_table(a, &w, err);
    }
    struct weir_column *columns = weir_arena_calloc(&a->arena, w.count * sizeof *columns);
    struct weir_batch *batches = weir_arena_calloc(&a->arena, rows->chunk_count * sizeof *batches);
    if (!code && (!columns || !batches)) {
        code = weir_fail(err, WEIR_ENOMEM, "no memory to load rows");
    }
    code = code ? code : fill_batches(a, &w, &batch->pool, batches, err);
    if (code) {
        return weir_error_prefix(err, code, WEIR_STR_FMT "." WEIR_STR_FMT,
                                 WEIR_STR_ARG(table->schema), WEIR_STR_ARG(table->name));
    }
    for (size_t i = 0; i < w.count; i++) {
        columns[i] = (struct weir_column){.name = w.used[i]->name, .type = w.types[i]};
    }
    bool upsert = table->kind == WEIR_TABLE_USERS || table->kind == WEIR_TABLE_ACCOUNTS;
    code = upsert ? weir_session_merge(a->session, table->schema, table->name, WEIR_STR("id"),
                                       columns, batches, rows->chunk_count, err)
                  : weir_session_append(a->session, table->schema, table->name, columns, batches,
                                        rows->chunk_count, err);
    return code ? weir_error_prefix(err, code, WEIR_STR_FMT "." WEIR_STR_FMT,
                                    WEIR_STR_ARG(table->schema), WEIR_STR_ARG(table->name))
                : WEIR_OK;
}

/* --- the batch ---------------------------------------------------------------------------------
 */

static int write_rows(struct weir_applier *a, struct weir_load_batch *batch, struct weir_error *err)
{
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        struct weir_rows *rows = &batch->rows[batch->touched[i]];
        int code = rows->rows ? write_table(a, batch, rows, err) : WEIR_OK;
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

int weir_apply(struct weir_applier *a, struct weir_load_batch *batch, enum weir_apply_mode mode,
               struct weir_error *err)
{
    if (mode == WEIR_APPLY_ROWS) {
        return write_rows(a, batch, err);
    }
    int code = weir_session_begin(a->session, err);
    if (code) {
        return code;
    }
    code = write_rows(a, batch, err);
    if (!code && mode == WEIR_APPLY_LOAD) {
        code = write_state(a, batch, err);
        code = code ? code : weir_session_commit(a->session, err);
    }
    if (code || mode == WEIR_APPLY_PROBE) {
        weir_session_rollback(a->session);
    }
    weir_arena_reset(&a->arena);
    return code;
}
