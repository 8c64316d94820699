/* Bulk loading: rows of the caller's batches are what the table function weir_batch() gives, in a
 * statement of the caller's transaction. */
#include <stdlib.h>

#include "base/number.h"
#include "warehouse/duckdb/duck.h"

#define DECIMAL_DIGITS 18 /* which the engine keeps in 64 bits; more, in 128 */

/* The statement of a session's latest load, kept for the next one: most go into the table of the
 * one before, and to prepare one costs as much as to insert a thousand rows. */
struct duck_load {
    struct duck_session *s;
    idx_t connection;
    duckdb_prepared_statement statement;
    struct weir_str sql;
    duckdb_logical_type *types;
    enum weir_type *kinds;
    int *scales;        /* -1: not scaled */
    int *digits;        /* of decimals whose texts are exact; 0: they are none */
    const char **names; /* NUL-terminated; all of these are in the arena */
    struct weir_arena arena;
    size_t columns;
    const struct weir_batch *batches; /* while the statement runs */
    size_t batch_count;
    size_t batch, row; /* that come next */
    struct duck_load *next;
};

static idx_t connection_of(duckdb_client_context context)
{
    idx_t id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

/* weir_batch() finds it from now on. */
static void enlist(struct duck_load *l)
{
    struct duck_db *db = l->s->db;
    duckdb_client_context context;
    duckdb_connection_get_client_context(l->s->con, &context);
    l->connection = connection_of(context);
    pthread_mutex_lock(&db->loading);
    l->next = db->loads;
    db->loads = l;
    pthread_mutex_unlock(&db->loading);
}

static void withdraw(struct duck_load *l)
{
    struct duck_db *db = l->s->db;
    pthread_mutex_lock(&db->loading);
    struct duck_load **at = &db->loads;
    while (*at && *at != l) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = l->next;
    }
    pthread_mutex_unlock(&db->loading);
}

static int scale_of(const struct weir_vector *v)
{
    return v->scaled ? v->scale : -1;
}

/* Of a vector of exact texts, the decimal of its column, where it is too long for 64 bits; else
 * they stay what they are. */
static bool is_long(const struct weir_vector *v, const struct weir_column *column, int *digits,
                    int *scale)
{
    unsigned all, behind;
    bool is = v->exact && !v->scaled && v->type == WEIR_TYPE_OTHER &&
              weir_number_decimal(column->type_name, &all, &behind) && all > DECIMAL_DIGITS;
    if (is) {
        *digits = (int)all;
        *scale = (int)behind;
    }
    return is;
}

static bool is_for(const struct duck_load *l, struct weir_str sql,
                   const struct weir_column *columns, const struct weir_batch *batch)
{
    bool same = l->columns == batch->column_count && weir_str_eq(l->sql, sql);
    for (size_t i = 0; same && i < l->columns; i++) {
        const struct weir_vector *v = &batch->columns[i];
        int digits = 0, scale = scale_of(v);
        (void)is_long(v, &columns[i], &digits, &scale);
        same = l->kinds[i] == columns[i].type && l->scales[i] == scale && l->digits[i] == digits &&
               weir_str_is(columns[i].name, l->names[i]);
    }
    return same;
}

void weir_duck_load_free(struct duck_load *l)
{
    if (!l) {
        return;
    }
    duckdb_destroy_prepare(&l->statement);
    withdraw(l);
    for (size_t i = 0; l->types && i < l->columns; i++) {
        if (l->types[i]) {
            duckdb_destroy_logical_type(&l->types[i]);
        }
    }
    weir_arena_free(&l->arena);
    free(l);
}

static int describe(struct duck_load *l, struct weir_str sql, const struct weir_column *columns,
                    const struct weir_batch *batch, struct weir_error *err)
{
    size_t count = l->columns;
    l->sql = weir_arena_dup(&l->arena, sql);
    l->types = weir_arena_calloc(&l->arena, count * sizeof *l->types);
    l->kinds = weir_arena_calloc(&l->arena, count * sizeof *l->kinds);
    l->scales = weir_arena_calloc(&l->arena, count * sizeof *l->scales);
    l->digits = weir_arena_calloc(&l->arena, count * sizeof *l->digits);
    l->names = weir_arena_calloc(&l->arena, count * sizeof *l->names);
    if (!l->sql.ptr || !l->types || !l->kinds || !l->scales || !l->digits || !l->names) {
        return weir_fail(err, WEIR_ETOOBIG, "too many columns for one load: %zu", count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        l->kinds[i] = columns[i].type;
        l->scales[i] = scale_of(v);
        int digits = v->scaled ? DECIMAL_DIGITS : 0, scale = l->scales[i];
        if (is_long(v, &columns[i], &digits, &scale)) {
            l->digits[i] = digits;
            l->scales[i] = scale;
        }
        l->types[i] = digits ? duckdb_create_decimal_type((uint8_t)digits, (uint8_t)scale)
                             : weir_duck_logical_type(columns[i].type);
        l->names[i] = weir_arena_dup(&l->arena, columns[i].name).ptr;
        if (!l->names[i]) {
            return weir_fail(err, WEIR_ETOOBIG, "the columns' names are too long");
        }
    }
    return 0;
}

static int prepare(struct duck_session *s, struct weir_str sql, const struct weir_column *columns,
                   const struct weir_batch *batches, size_t batch_count, struct weir_error *err)
{
    struct duck_load *l = calloc(1, sizeof *l);
    if (!l) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a load");
    }
    *l = (struct duck_load){
        .s = s, .columns = batches->column_count, .batches = batches, .batch_count = batch_count};
    weir_arena_init(&l->arena, 128u << 20);
    enlist(l);
    s->load = l;
    int rc = describe(l, sql, columns, batches, err);
    if (rc == 0 && duckdb_prepare(s->con, l->sql.ptr, &l->statement)) {
        rc = weir_duck_fail(s, duckdb_prepare_error(l->statement), err);
    }
    return rc;
}

/* --- weir_batch() -------------------------------------------------------------------------------
 */

/* The validity bits of up to 64 rows; `from` may be off a word's boundary. */
static uint64_t valid_bits(const struct weir_vector *v, size_t from, size_t rows)
{
    uint64_t word = v->valid[from / 64] >> (from % 64);
    if (from % 64 && from % 64 + rows > 64) {
        word |= v->valid[from / 64 + 1] << (64 - from % 64);
    }
    return rows < 64 ? word & ((1ull << rows) - 1) : word;
}

static bool has_nulls(const struct weir_vector *v, size_t from, size_t rows)
{
    for (size_t at = 0; v->valid && at < rows; at += 64) {
        size_t left = rows - at < 64 ? rows - at : 64;
        if (valid_bits(v, from + at, left) != UINT64_MAX >> (64 - left)) {
            return true;
        }
    }
    return false;
}

/* Without a mask, which the engine then need not look at, where all are there. */
static void fill_valid(const struct weir_vector *v, size_t from, size_t rows, duckdb_vector vector)
{
    if (!has_nulls(v, from, rows)) {
        return;
    }
    duckdb_vector_ensure_validity_writable(vector);
    uint64_t *to = duckdb_vector_get_validity(vector);
    for (size_t at = 0; at < rows; at += 64) {
        to[at / 64] = valid_bits(v, from + at, rows - at < 64 ? rows - at : 64);
    }
}

/* The chunk borrows longer texts from the batch, which is there until the statement has ended. */
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

/* A decimal with exactly `scale` digits behind the point, and at most `digits` in all. */
static bool is_exact(struct weir_str s, int digits, int scale)
{
    size_t at = s.len && s.ptr[0] == '-', whole = at;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
        at++;
    }
    whole = at - whole;
    size_t behind = s.len > at ? s.len - at - 1 : 0;
    bool well = whole && behind == (size_t)scale && whole + behind <= (size_t)digits + 1 &&
                (at == s.len || s.ptr[at] == '.');
    for (at++; well && at < s.len; at++) {
        well = s.ptr[at] >= '0' && s.ptr[at] <= '9';
    }
    return well;
}

static bool fill_long(const struct weir_vector *v, size_t from, size_t rows, int digits, int scale,
                      duckdb_hugeint *to)
{
    __int128 most = 1;
    for (int i = 0; i < digits; i++) {
        most *= 10;
    }
    for (size_t i = 0; i < rows; i++) {
        if (!weir_vector_valid(v, from + i)) {
            continue;
        }
        struct weir_str s = v->strs[from + i];
        __int128 value = weir_number_scaled(s);
        if (!is_exact(s, digits, scale) || value >= most || value <= -most) {
            return false;
        }
        to[i] = (duckdb_hugeint){(uint64_t)value, (int64_t)(value >> 64)};
    }
    return true;
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
    fill_valid(v, from, rows, vector);
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

static void bind_batch(duckdb_bind_info info)
{
    struct duck_db *db = duckdb_bind_get_extra_info(info);
    duckdb_client_context context;
    duckdb_table_function_get_client_context(info, &context);
    idx_t connection = connection_of(context);
    pthread_mutex_lock(&db->loading);
    struct duck_load *l = db->loads;
    while (l && l->connection != connection) {
        l = l->next;
    }
    pthread_mutex_unlock(&db->loading);
    if (!l) {
        duckdb_bind_set_error(info, "weir_batch() is for weir's own loads");
        return;
    }
    idx_t rows = 0;
    for (size_t i = 0; i < l->batch_count; i++) {
        rows += l->batches[i].rows;
    }
    for (size_t i = 0; i < l->columns; i++) {
        duckdb_bind_add_result_column(info, l->names[i], l->types[i]);
    }
    duckdb_bind_set_cardinality(info, rows, true);
    duckdb_bind_set_bind_data(info, l, NULL);
}

static void init_batch(duckdb_init_info info)
{
    struct duck_load *l = duckdb_init_get_bind_data(info);
    l->batch = l->row = 0;
    duckdb_init_set_max_threads(info, 1); /* rows come in their order */
}

static void give_rows(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct duck_load *l = duckdb_function_get_bind_data(info);
    while (l->batch < l->batch_count && l->row == l->batches[l->batch].rows) {
        l->batch++;
        l->row = 0;
    }
    if (l->batch == l->batch_count) {
        duckdb_data_chunk_set_size(chunk, 0);
        return;
    }
    const struct weir_batch *batch = &l->batches[l->batch];
    size_t most = duckdb_vector_size(), left = batch->rows - l->row;
    size_t rows = left < most ? left : most;
    for (size_t i = 0; i < l->columns; i++) {
        const struct weir_vector *v = &batch->columns[i];
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
        if (!l->digits[i] || !v->ints || v->constant) {
            fill(v, l->row, rows, vector);
            continue;
        }
        fill_valid(v, l->row, rows, vector);
        if (!fill_long(v, l->row, rows, l->digits[i], l->scales[i],
                       duckdb_vector_get_data(vector))) {
            duckdb_function_set_error(info, "a text is no decimal of its column");
            return;
        }
    }
    duckdb_data_chunk_set_size(chunk, rows);
    l->row += rows;
}

int weir_duck_register_batch(struct duck_db *db, duckdb_connection con, struct weir_error *err)
{
    duckdb_table_function f = duckdb_create_table_function();
    duckdb_table_function_set_name(f, "weir_batch");
    duckdb_table_function_set_extra_info(f, db, NULL);
    duckdb_table_function_set_bind(f, bind_batch);
    duckdb_table_function_set_init(f, init_batch);
    duckdb_table_function_set_function(f, give_rows);
    duckdb_state state = duckdb_register_table_function(con, f);
    duckdb_destroy_table_function(&f);
    return state == DuckDBSuccess
               ? 0
               : weir_fail(err, WEIR_EINVAL, "the warehouse engine takes no table function");
}

static int run_load(struct duck_session *s, const struct weir_buf *sql,
                    const struct weir_column *columns, const struct weir_batch *batches,
                    size_t batch_count, struct weir_error *err)
{
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : weir_buf_check(sql, "the statement of a load", err);
    if (rc) {
        return rc;
    }
    if (s->load && is_for(s->load, weir_buf_str(sql), columns, batches)) {
        s->load->batches = batches;
        s->load->batch_count = batch_count;
    } else {
        weir_duck_load_free(s->load);
        s->load = NULL;
        rc = prepare(s, weir_buf_str(sql), columns, batches, batch_count, err);
    }
    rc = rc ? rc : weir_duck_run_prepared(s, s->load->statement, err);
    if (s->load) {
        s->load->batch_count = 0;
    }
    if (rc) {
        weir_duck_load_free(s->load);
        s->load = NULL;
    }
    return rc;
}

int weir_duck_append(struct weir_session *session, struct weir_table_name name,
                     const struct weir_column *columns, const struct weir_batch *batches,
                     size_t batch_count, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 64u << 10);
    weir_buf_addz(&sql, "INSERT INTO ");
    weir_sql_table(&sql, name.schema, name.table);
    weir_buf_addz(&sql, " BY NAME FROM weir_batch()");
    int rc = run_load(duck_session_of(session), &sql, columns, batches, batch_count, err);
    weir_buf_free(&sql);
    return rc;
}

/* --- merge ---------------------------------------------------------------------------------- */

static void merge_sql(struct weir_buf *out, struct weir_table_name name, struct weir_str key,
                      const struct weir_column *columns, size_t count)
{
    bool updates = false;
    weir_buf_addz(out, "MERGE INTO ");
    weir_sql_table(out, name.schema, name.table);
    weir_buf_addz(out, " AS old USING weir_batch() AS new ON old.");
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
    struct weir_buf sql;
    weir_buf_init(&sql, 8u << 20);
    merge_sql(&sql, name, key, columns, batches->column_count);
    int rc = run_load(duck_session_of(session), &sql, columns, batches, batch_count, err);
    weir_buf_free(&sql);
    return rc;
}
