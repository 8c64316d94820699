/* Bulk loading through the engine's appender: chunks of columns, inside the caller's transaction.
 */
#include <stdlib.h>

#include "warehouse/duckdb/duck.h"

#define FEW_COLUMNS    100
#define DECIMAL_DIGITS 18 /* which the engine keeps in 64 bits */

struct load {
    struct duck_session *s;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    duckdb_logical_type *types;
    const char **names; /* NUL-terminated, in the arena */
    struct weir_arena arena;
    size_t columns;
};

static int load_begin(struct load *l, struct duck_session *s, const struct weir_column *columns,
                      const struct weir_batch *first, struct weir_error *err)
{
    size_t count = first->column_count;
    memset(l, 0, sizeof *l);
    l->s = s;
    l->columns = count;
    weir_arena_init(&l->arena, 64u << 20);
    l->types = weir_arena_calloc(&l->arena, count * sizeof *l->types);
    l->names = weir_arena_calloc(&l->arena, count * sizeof *l->names);
    if (!l->types || !l->names) {
        return weir_fail(err, WEIR_ETOOBIG, "too many columns for one load: %zu", count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct weir_vector *v = &first->columns[i];
        l->types[i] = v->scaled ? duckdb_create_decimal_type(DECIMAL_DIGITS, v->scale)
                                : weir_duck_logical_type(columns[i].type);
        l->names[i] = weir_arena_dup(&l->arena, columns[i].name).ptr;
        if (!l->names[i]) {
            return weir_fail(err, WEIR_ETOOBIG, "the columns' names are too long");
        }
    }
    l->chunk = duckdb_create_data_chunk(l->types, count);
    return l->chunk ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a chunk of rows");
}

static int appender_fail(struct load *l, struct weir_error *err)
{
    duckdb_error_data data = duckdb_appender_error_data(l->appender);
    const char *text = duckdb_error_data_message(data);
    int rc = weir_duck_fail(l->s, text, err);
    duckdb_destroy_error_data(&data);
    return rc;
}

static void load_end(struct load *l)
{
    if (l->appender) {
        duckdb_appender_destroy(&l->appender);
    }
    if (l->chunk) {
        duckdb_destroy_data_chunk(&l->chunk);
    }
    for (size_t i = 0; l->types && i < l->columns; i++) {
        if (l->types[i]) {
            duckdb_destroy_logical_type(&l->types[i]);
        }
    }
    weir_arena_free(&l->arena);
}

/* Moves the validity bits; `from` may be off a word's boundary. Returns true when all are valid. */
static bool copy_valid(const struct weir_vector *v, size_t from, size_t rows, uint64_t *to)
{
    bool all = true;
    for (size_t at = 0; at < rows; at += 64) {
        size_t bit = from + at;
        uint64_t word = v->valid[bit / 64] >> (bit % 64);
        size_t left = rows - at < 64 ? rows - at : 64;
        if (bit % 64 && bit % 64 + left > 64) {
            word |= v->valid[bit / 64 + 1] << (64 - bit % 64);
        }
        uint64_t used = left == 64 ? UINT64_MAX : (1ull << left) - 1;
        to[at / 64] = word;
        all = all && (word & used) == used;
    }
    return all;
}

/* The chunk borrows longer texts from the batch: the appender copies them before it returns. */
static void lend_texts(const struct weir_vector *v, size_t from, size_t rows, duckdb_string_t *to)
{
    for (size_t i = 0; i < rows; i++) {
        struct weir_str s = weir_vector_valid(v, from + i) ? v->strs[from + i] : WEIR_STR("");
        to[i].value.inlined.length = (uint32_t)s.len;
        if (s.len <= sizeof to[i].value.inlined.inlined) {
            memset(to[i].value.inlined.inlined, 0, sizeof to[i].value.inlined.inlined);
            if (s.len) {
                memcpy(to[i].value.inlined.inlined, s.ptr, s.len);
            }
        } else {
            memcpy(to[i].value.pointer.prefix, s.ptr, 4);
            to[i].value.pointer.ptr = (char *)(uintptr_t)s.ptr;
        }
    }
}

static void fill_constant(const struct weir_vector *v, duckdb_vector vector)
{
    duckdb_value value = v->type == WEIR_TYPE_TIMESTAMP
                             ? duckdb_create_timestamp((duckdb_timestamp){v->ints[0]})
                             : duckdb_create_varchar_length(v->strs[0].ptr, v->strs[0].len);
    duckdb_vector_reference_value(vector, value);
    duckdb_destroy_value(&value);
}

static void fill(const struct weir_vector *v, size_t from, size_t rows, duckdb_vector vector)
{
    if (!v->ints) {
        duckdb_vector_ensure_validity_writable(vector);
        memset(duckdb_vector_get_validity(vector), 0, (rows + 63) / 64 * sizeof(uint64_t));
        return;
    }
    if (v->constant) {
        fill_constant(v, vector);
        return;
    }
    if (v->valid) {
        duckdb_vector_ensure_validity_writable(vector);
        copy_valid(v, from, rows, duckdb_vector_get_validity(vector));
    }
    void *data = duckdb_vector_get_data(vector);
    switch (v->scaled ? WEIR_TYPE_INT : v->type) {
    case WEIR_TYPE_BOOL:
        memcpy(data, v->bools + from, rows * sizeof(bool));
        return;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_TIMESTAMP:
        memcpy(data, v->ints + from, rows * sizeof(int64_t));
        return;
    case WEIR_TYPE_DOUBLE:
        memcpy(data, v->doubles + from, rows * sizeof(double));
        return;
    case WEIR_TYPE_DATE:
        for (size_t i = 0; i < rows; i++) {
            ((int32_t *)data)[i] = (int32_t)v->ints[from + i];
        }
        return;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        lend_texts(v, from, rows, data);
    }
}

static int append_rows(struct load *l, const struct weir_batch *batch, struct weir_error *err)
{
    size_t step = duckdb_vector_size();
    for (size_t from = 0; from < batch->rows; from += step) {
        size_t rows = batch->rows - from < step ? batch->rows - from : step;
        duckdb_data_chunk_reset(l->chunk);
        for (size_t i = 0; i < l->columns; i++) {
            fill(&batch->columns[i], from, rows, duckdb_data_chunk_get_vector(l->chunk, i));
        }
        duckdb_data_chunk_set_size(l->chunk, rows);
        if (duckdb_append_data_chunk(l->appender, l->chunk)) {
            return appender_fail(l, err);
        }
    }
    return 0;
}

static int append_all(struct load *l, const struct weir_batch *batches, size_t count,
                      struct weir_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = append_rows(l, &batches[i], err);
        if (rc) {
            return rc;
        }
    }
    return duckdb_appender_close(l->appender) ? appender_fail(l, err) : 0;
}

/* Are these the table's columns, all of them, in its order? */
static bool all_columns(struct load *l, const char *schema, const char *table)
{
    duckdb_table_description description = NULL;
    bool all = l->columns == duckdb_appender_column_count(l->appender) &&
               duckdb_table_description_create_ext(l->s->con, NULL, schema, table, &description) ==
                   DuckDBSuccess;
    for (size_t i = 0; all && i < l->columns; i++) {
        char *name = duckdb_table_description_get_column_name(description, i);
        all = name && strcmp(name, l->names[i]) == 0;
        duckdb_free(name);
    }
    if (description) {
        duckdb_table_description_destroy(&description);
    }
    return all;
}

static int open_table(struct load *l, struct weir_table_name name, struct weir_error *err)
{
    const char *schema = weir_arena_dup(&l->arena, name.schema).ptr;
    const char *table = weir_arena_dup(&l->arena, name.table).ptr;
    if (!schema || !table) {
        return weir_fail(err, WEIR_ETOOBIG, "the table's name is too long");
    }
    if (duckdb_appender_create_ext(l->s->con, NULL, schema, table, &l->appender)) {
        return appender_fail(l, err);
    }
    /* The engine makes its chunk anew for each column that is named. */
    bool all = l->columns > FEW_COLUMNS && all_columns(l, schema, table);
    for (size_t i = 0; !all && i < l->columns; i++) {
        if (duckdb_appender_add_column(l->appender, l->names[i])) {
            int rc = appender_fail(l, err);
            return weir_error_prefix(err, rc, "column \"%s\" of table \"%s\"", l->names[i], table);
        }
    }
    return 0;
}

int weir_duck_append(struct weir_session *session, struct weir_table_name name,
                     const struct weir_column *columns, const struct weir_batch *batches,
                     size_t batch_count, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct load l;
    int rc = weir_duck_usable(s, err);
    if (rc) {
        return rc;
    }
    rc = load_begin(&l, s, columns, batches, err);
    rc = rc ? rc : open_table(&l, name, err);
    rc = rc ? rc : append_all(&l, batches, batch_count, err);
    load_end(&l);
    return rc;
}

/* --- merge ---------------------------------------------------------------------------------- */

static void merge_sql(struct weir_buf *out, struct weir_table_name name, struct weir_str key,
                      const struct weir_column *columns, size_t count)
{
    bool updates = false;
    weir_buf_addz(out, "MERGE INTO ");
    weir_sql_table(out, name.schema, name.table);
    weir_buf_addz(out, " AS old USING weir_batch AS new ON old.");
    weir_sql_ident(out, key);
    weir_buf_addz(out, " = new.");
    weir_sql_ident(out, key);
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(columns[i].name, key)) {
            continue;
        }
        weir_buf_addz(out, updates ? ", " : " WHEN MATCHED THEN UPDATE SET ");
        updates = true;
        weir_sql_ident(out, columns[i].name);
        weir_buf_addz(out, " = coalesce(new.");
        weir_sql_ident(out, columns[i].name);
        weir_buf_addz(out, ", old.");
        weir_sql_ident(out, columns[i].name);
        weir_buf_addc(out, ')');
    }
    weir_buf_addz(out, " WHEN NOT MATCHED THEN INSERT (");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(out, i ? ", " : "");
        weir_sql_ident(out, columns[i].name);
    }
    weir_buf_addz(out, ") VALUES (");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(out, i ? ", new." : "new.");
        weir_sql_ident(out, columns[i].name);
    }
    weir_buf_addc(out, ')');
}

int weir_duck_merge(struct weir_session *session, struct weir_table_name name, struct weir_str key,
                    const struct weir_column *columns, const struct weir_batch *batches,
                    size_t batch_count, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct load l;
    struct weir_buf sql;
    int rc = weir_duck_usable(s, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, 8u << 20);
    rc = load_begin(&l, s, columns, batches, err);
    merge_sql(&sql, name, key, columns, batches->column_count);
    rc = rc ? rc : weir_buf_check(&sql, "the merge statement", err);
    if (rc == 0 && duckdb_appender_create_query(s->con, weir_buf_cstr(&sql), l.columns, l.types,
                                                "weir_batch", l.names, &l.appender)) {
        rc = appender_fail(&l, err);
    }
    rc = rc ? rc : append_all(&l, batches, batch_count, err);
    load_end(&l);
    weir_buf_free(&sql);
    return rc;
}
