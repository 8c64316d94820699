#include "source/ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv/columns.h"
#include "source/source.h"

#define MAX_COLUMNS 20
#define MAX_TEXTS   (64u << 20)
#define SQL_BYTES   (1u << 20)
#define SHORT       (WEIR_SECOND / 1000)

static const struct weir_column load_columns[] = {
    {WEIR_STR("run"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("source"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("stream"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("schema_name"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("table_name"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("mode"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("status"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("rows_read"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("rows_written"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("rows_discarded"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("rows_superseded"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("bytes"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("source_checksum"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("warehouse_checksum"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("started_at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("ended_at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("error"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("changes"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("rows_deleted"), WEIR_TYPE_INT, {0}},
};
#define LOAD_COLUMNS (sizeof load_columns / sizeof load_columns[0])

static const struct weir_column verified_columns[] = {
    {WEIR_STR("run"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("source"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("stream"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("schema_name"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("table_name"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("status"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("rows"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("compared"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("missing"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("extra"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("different"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("pending"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("keys"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("not_compared"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("started_at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("ended_at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("error"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("kept"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("files"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("set_aside"), WEIR_TYPE_INT, {0}},
};
#define VERIFIED_COLUMNS (sizeof verified_columns / sizeof verified_columns[0])

static const struct weir_column state_columns[] = {
    {WEIR_STR("source"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("stream"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("cursor"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("run"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("updated_at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("schema_name"), WEIR_TYPE_TEXT, {0}},
};
#define STATE_COLUMNS (sizeof state_columns / sizeof state_columns[0])

const struct weir_column weir_source_discard_columns[] = {
    [WEIR_DISCARD_RUN] = {WEIR_STR("run"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_SOURCE] = {WEIR_STR("source"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_STREAM] = {WEIR_STR("stream"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_AT] = {WEIR_STR("discarded_at"), WEIR_TYPE_TIMESTAMP, {0}},
    [WEIR_DISCARD_FILE] = {WEIR_STR("file"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_LINE] = {WEIR_STR("line"), WEIR_TYPE_INT, {0}},
    [WEIR_DISCARD_COLUMN] = {WEIR_STR("column_name"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_VALUE] = {WEIR_STR("value"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_REASON] = {WEIR_STR("reason"), WEIR_TYPE_TEXT, {0}},
    [WEIR_DISCARD_ROW] = {WEIR_STR("row_json"), WEIR_TYPE_JSON, {0}},
};

static struct weir_str weir_schema(void)
{
    return WEIR_STR("weir");
}

static const struct {
    const char *name;
    const struct weir_column *columns;
    size_t count;
} tables[] = {{"loads", load_columns, LOAD_COLUMNS},
              {"verifications", verified_columns, VERIFIED_COLUMNS},
              {"source_state", state_columns, STATE_COLUMNS},
              {"source_discards", weir_source_discard_columns, WEIR_SOURCE_DISCARD_COLUMNS}};
#define TABLES (sizeof tables / sizeof tables[0])

/* The engine lets no two sessions make a table at once, even one that is there: the later one
 * fails. So whoever only reads must not try to. Columns that came later stand last. */
int weir_source_ledger_there(struct weir_session *session, bool *there, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    weir_buf_init(&sql, 4096);
    for (size_t i = 0; i < TABLES; i++) {
        weir_buf_addf(&sql, "%s t%zu.", i ? "," : "SELECT", i);
        weir_sql_ident(&sql, tables[i].columns[tables[i].count - 1].name);
    }
    for (size_t i = 0; i < TABLES; i++) {
        weir_buf_addf(&sql, "%s weir.%s AS t%zu", i ? "," : " FROM", tables[i].name, i);
    }
    weir_buf_addz(&sql, " LIMIT 0");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(&sql), NULL, 0, &result, err);
    *there = rc == 0;
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc == WEIR_EINVAL ? 0 : rc; /* it knows no such table, or no such column */
}

static int make_tables(struct weir_session *session, struct weir_error *err)
{
    int rc = weir_session_create_schema(session, weir_schema(), err);
    for (size_t i = 0; rc == 0 && i < TABLES; i++) {
        rc = weir_session_create_table(session, weir_schema(), weir_str_of(tables[i].name),
                                       tables[i].columns, tables[i].count, err);
        rc = rc == WEIR_EEXIST ? 0 : rc;
    }
    return rc;
}

static int make(struct weir_session *session, bool *there, struct weir_error *err)
{
    int rc = make_tables(session, err);
    rc = rc ? rc : weir_source_ledger_there(session, there, err);
    if (rc || *there) {
        return rc;
    }
    /* Of a warehouse that an older weir made: columns that came later. */
    rc = weir_session_add_columns(session, weir_schema(), WEIR_STR("loads"),
                                  &load_columns[LOAD_COLUMNS - 1], 1, err);
    if (rc == 0 || rc == WEIR_EEXIST) {
        rc = weir_session_add_columns(session, weir_schema(), WEIR_STR("source_state"),
                                      &state_columns[STATE_COLUMNS - 1], 1, err);
    }
    for (size_t i = VERIFIED_COLUMNS - 3; (rc == 0 || rc == WEIR_EEXIST) && i < VERIFIED_COLUMNS;
         i++) {
        rc = weir_session_add_columns(session, weir_schema(), WEIR_STR("verifications"),
                                      &verified_columns[i], 1, err);
    }
    return rc && rc != WEIR_EEXIST ? rc : weir_source_ledger_there(session, there, err);
}

int weir_source_ledger_open(struct weir_session *session, struct weir_error *err)
{
    bool there = false;
    int rc = weir_source_ledger_there(session, &there, err);
    /* Once in a warehouse's life. Of several that make them, each waits until one has. */
    for (weir_time wait = SHORT; rc == 0 && !there && wait < WEIR_SECOND; wait *= 2) {
        rc = make(session, &there, err);
        if (rc == WEIR_EAGAIN) {
            usleep((useconds_t)wait);
            rc = weir_source_ledger_there(session, &there, err);
        }
    }
    return rc || there ? rc : weir_fail(err, WEIR_EAGAIN, "the tables of sources are being made");
}

/* One row; values as bound ones are. A text that is no UTF-8 (a file's name in an error) is made
 * readable: a failure must be told whatever is in its words. */
static int append_row(struct weir_session *session, const char *table,
                      const struct weir_column *columns, const struct weir_param *values,
                      size_t count, struct weir_error *err)
{
    static uint64_t none[1] = {0};
    struct weir_vector vectors[MAX_COLUMNS];
    struct weir_str texts[MAX_COLUMNS];
    struct weir_arena arena;
    int rc = 0;
    weir_arena_init(&arena, MAX_TEXTS);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        vectors[i] =
            (struct weir_vector){.type = columns[i].type, .valid = values[i].null ? none : NULL};
        if (columns[i].type >= WEIR_TYPE_TEXT) {
            texts[i] = values[i].s;
            if (!weir_utf8_valid(texts[i])) {
                texts[i] = weir_csv_readable(&arena, texts[i]);
                rc = texts[i].ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a text");
            }
            vectors[i].strs = &texts[i];
        } else {
            vectors[i].ints = (int64_t *)(uintptr_t)&values[i].i;
        }
    }
    struct weir_batch batch = {1, count, vectors};
    rc = rc ? rc
            : weir_session_append(session, weir_schema(), weir_str_of(table), columns, &batch, 1,
                                  err);
    weir_arena_free(&arena);
    return rc;
}

static struct weir_param text(const char *value)
{
    return (struct weir_param){.s = weir_str_of(value), .null = !value || !*value};
}

static struct weir_param number(int64_t value)
{
    return (struct weir_param){.i = value};
}

int weir_source_ledger_add(struct weir_session *session, const struct weir_source_load *l,
                           struct weir_error *err)
{
    const struct weir_param values[LOAD_COLUMNS] = {
        text(l->run),
        text(l->source),
        text(l->stream),
        text(l->schema),
        text(l->table),
        text(l->mode),
        text(l->status),
        number((int64_t)l->rows_read),
        number((int64_t)l->rows_written),
        number((int64_t)l->rows_discarded),
        number((int64_t)l->rows_superseded),
        number((int64_t)l->bytes),
        text(l->source_checksum),
        text(l->warehouse_checksum),
        number(l->started_at),
        number(l->ended_at),
        text(l->error),
        {.s = l->changes, .null = l->changes.len == 0},
        number((int64_t)l->rows_deleted),
    };
    return append_row(session, "loads", load_columns, values, LOAD_COLUMNS, err);
}

/* --- cursors ------------------------------------------------------------------------------------
 */

/* The first text of the answer; ptr NULL when there is none. */
/* The first `count` texts of the row; ptr NULL where there is none. */
static int ask_texts(struct weir_session *session, const char *sql, const char *first,
                     const char *second, struct weir_arena *arena, struct weir_str *const out[],
                     size_t count, struct weir_error *err)
{
    const struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = weir_str_of(first)},
                                        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(second)}};
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_session_query(session, sql, params, 2, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    for (size_t i = 0; i < count; i++) {
        *out[i] = (struct weir_str){NULL, 0};
        if (rc == 0 && batch.rows && weir_vector_valid(&batch.columns[i], 0)) {
            *out[i] = weir_arena_dup(arena, batch.columns[i].strs[0]);
            rc = out[i]->ptr ? 0
                             : weir_fail(err, WEIR_ENOMEM, "no memory for an answer of the ledger");
        }
    }
    weir_result_free(result);
    return rc;
}

int weir_source_ledger_verified(struct weir_session *session, const struct weir_source_verified *v,
                                struct weir_error *err)
{
    const struct weir_param values[VERIFIED_COLUMNS] = {
        text(v->run),
        text(v->source),
        text(v->stream),
        text(v->schema),
        text(v->table),
        text(v->status),
        number((int64_t)v->rows),
        number((int64_t)v->compared),
        number((int64_t)v->missing),
        number((int64_t)v->extra),
        number((int64_t)v->different),
        number((int64_t)v->pending),
        {.s = v->keys},
        {.s = v->not_compared},
        number(v->started_at),
        number(v->ended_at),
        text(v->error),
        number((int64_t)v->kept),
        {.s = v->files, .null = v->files.len == 0},
        number((int64_t)v->set_aside),
    };
    return append_row(session, "verifications", verified_columns, values, VERIFIED_COLUMNS, err);
}

/* Its stream was another one: of a source of this name with another schema. */
static bool is_elsewhere(struct weir_str of, const char *schema)
{
    return schema && of.ptr && !weir_str_is(of, schema);
}

int weir_source_ledger_cursor(struct weir_session *session, const char *source, const char *stream,
                              const char *schema, bool *elsewhere, struct weir_arena *arena,
                              struct weir_str *out, struct weir_error *err)
{
    struct weir_str cursor = {NULL, 0}, of = {NULL, 0};
    int rc = ask_texts(session,
                       "SELECT CAST(cursor AS VARCHAR), schema_name FROM weir.source_state WHERE "
                       "source = $1 AND stream = $2",
                       source, stream, arena, (struct weir_str *const[]){&cursor, &of}, 2, err);
    bool others = is_elsewhere(of, schema);
    *out = rc || (others && !elsewhere) ? (struct weir_str){NULL, 0} : cursor;
    if (elsewhere) {
        *elsewhere = others;
    }
    return rc;
}

static int by_stream(const void *a, const void *b)
{
    const struct weir_source_kept *x = a, *y = b;
    return weir_str_order(&x->stream, &y->stream);
}

static int keep_row(const struct weir_batch *b, size_t row, struct weir_arena *arena,
                    struct weir_source_kept *out, struct weir_error *err)
{
    struct weir_str *const texts[] = {&out->stream, &out->schema, &out->cursor};
    for (size_t i = 0; i < 3; i++) {
        bool there = weir_vector_valid(&b->columns[i], row);
        *texts[i] =
            there ? weir_arena_dup(arena, b->columns[i].strs[row]) : (struct weir_str){NULL, 0};
        if (there && !texts[i]->ptr) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for cursors");
        }
    }
    return 0;
}

int weir_source_ledger_cursors(struct weir_session *session, const char *source,
                               struct weir_arena *arena, struct weir_source_kept **out,
                               size_t *count, struct weir_error *err)
{
    const struct weir_param name = {.type = WEIR_TYPE_TEXT, .s = weir_str_of(source)};
    struct weir_source_kept *all = NULL;
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    size_t n = 0, room = 0;
    int rc = weir_session_query(session,
                                "SELECT stream, schema_name, CAST(cursor AS VARCHAR) FROM "
                                "weir.source_state WHERE source = $1",
                                &name, 1, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        if (n + batch.rows > room) {
            struct weir_source_kept *before = all;
            room = 2 * (n + batch.rows);
            all = weir_arena_alloc(arena, room * sizeof *all);
            if (all && n) {
                memcpy(all, before, n * sizeof *all);
            }
        }
        for (size_t i = 0; all && rc == 0 && i < batch.rows; i++) {
            rc = keep_row(&batch, i, arena, &all[n++], err);
        }
        rc = rc || all ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for cursors");
    }
    weir_result_free(result);
    if (rc == 0 && n) {
        qsort(all, n, sizeof *all, by_stream);
    }
    *out = all;
    *count = n;
    return rc;
}

struct weir_str weir_source_kept_cursor(const struct weir_source_kept *kept, size_t count,
                                        const char *stream, const char *schema)
{
    const struct weir_source_kept key = {.stream = weir_str_of(stream)};
    const struct weir_source_kept *found =
        count ? bsearch(&key, kept, count, sizeof *kept, by_stream) : NULL;
    return found && !is_elsewhere(found->schema, schema) ? found->cursor
                                                         : (struct weir_str){NULL, 0};
}

int weir_source_ledger_since(struct weir_session *session, const char *source, const char *stream,
                             weir_time *out, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_str at;
    weir_arena_init(&arena, 4096);
    int rc = ask_texts(session,
                       "SELECT CAST(epoch_us(updated_at) AS VARCHAR) FROM weir.source_state WHERE "
                       "source = $1 AND stream = $2",
                       source, stream, &arena, (struct weir_str *const[]){&at}, 1, err);
    *out = rc == 0 && at.ptr ? strtoll(at.ptr, NULL, 10) : 0;
    weir_arena_free(&arena);
    return rc;
}

int weir_source_ledger_owner(struct weir_session *session, const char *schema, const char *table,
                             struct weir_arena *arena, struct weir_source_owner *out,
                             struct weir_error *err)
{
    return ask_texts(session,
                     "SELECT source, stream FROM weir.loads WHERE schema_name = $1 AND table_name "
                     "= $2 AND status = 'loaded' ORDER BY ended_at DESC LIMIT 1",
                     schema, table, arena, (struct weir_str *const[]){&out->source, &out->stream},
                     2, err);
}

int weir_source_ledger_mode(struct weir_session *session, const char *source, const char *stream,
                            struct weir_arena *arena, struct weir_str *out, struct weir_error *err)
{
    return ask_texts(
        session,
        "SELECT mode FROM weir.loads WHERE source = $1 AND stream = $2 AND status = "
        "'loaded' AND mode NOT IN ('capture', 'repair') ORDER BY ended_at DESC LIMIT 1",
        source, stream, arena, (struct weir_str *const[]){out}, 1, err);
}

int weir_source_ledger_latest(struct weir_session *session, const char *source, const char *stream,
                              struct weir_arena *arena, struct weir_str *status,
                              struct weir_str *error, struct weir_error *err)
{
    return ask_texts(session,
                     "SELECT status, coalesce(error, '') FROM weir.loads WHERE source = $1 AND "
                     "stream IN ($2, '" WEIR_SOURCE_ALL "') ORDER BY started_at DESC LIMIT 1",
                     source, stream, arena, (struct weir_str *const[]){status, error}, 2, err);
}

int weir_source_ledger_seen(struct weir_session *session, const char *source, const char *stream,
                            struct weir_arena *arena, bool *out, struct weir_error *err)
{
    struct weir_str status = {NULL, 0};
    int rc = ask_texts(session,
                       "SELECT status FROM weir.loads WHERE source = $1 AND CASE $2 WHEN "
                       "'" WEIR_SOURCE_ALL "' THEN stream <> $2 ELSE stream = $2 END LIMIT 1",
                       source, stream, arena, (struct weir_str *const[]){&status}, 1, err);
    *out = status.ptr != NULL;
    return rc;
}

int weir_source_ledger_drop_cursor(struct weir_session *session, const char *source,
                                   const char *stream, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "DELETE FROM weir.source_state WHERE source = ");
    weir_sql_text(&sql, weir_str_of(source));
    weir_buf_addz(&sql, " AND stream = ");
    weir_sql_text(&sql, weir_str_of(stream));
    weir_session_touch(session, weir_schema(), WEIR_STR("source_state"));
    int rc = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return rc;
}

int weir_source_ledger_set_cursor(struct weir_session *session, const char *source,
                                  const char *stream, const char *schema, const char *run,
                                  struct weir_str cursor, weir_time at, struct weir_error *err)
{
    const struct weir_param values[STATE_COLUMNS] = {text(source), text(stream), {.s = cursor},
                                                     text(run),    number(at),   text(schema)};
    int rc = weir_source_ledger_drop_cursor(session, source, stream, err);
    return rc ? rc : append_row(session, "source_state", state_columns, values, STATE_COLUMNS, err);
}

/* --- telling ------------------------------------------------------------------------------------
 */

static void print_value(struct weir_jw *w, const struct weir_column *column,
                        const struct weir_vector *v, size_t row)
{
    weir_jw_key(w, column->name);
    if (!weir_vector_valid(v, row)) {
        weir_jw_null(w);
    } else if (column->type == WEIR_TYPE_INT) {
        weir_jw_i64(w, v->ints[row]);
    } else if (column->type == WEIR_TYPE_TIMESTAMP) {
        char time[28];
        weir_time_format(v->ints[row], time);
        weir_jw_strz(w, time);
    } else if (column->type == WEIR_TYPE_JSON) {
        weir_jw_raw(w, v->strs[row]);
    } else {
        weir_jw_str(w, v->strs[row]);
    }
}

int weir_source_runs_list(struct weir_session *session, const char *source, const char *run,
                          unsigned limit, struct weir_jw *w, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch b;
    const struct weir_param params[] = {
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(source), .null = !source},
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(run), .null = !run}};
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < LOAD_COLUMNS; i++) {
        weir_buf_addz(&sql, i ? ", " : "");
        weir_sql_ident(&sql, load_columns[i].name);
    }
    weir_buf_addf(&sql,
                  " FROM weir.loads WHERE ($1 IS NULL OR source = $1) AND ($2 IS NULL OR run = $2) "
                  "ORDER BY started_at DESC, stream LIMIT %u",
                  limit);
    weir_jw_array(w);
    int rc = weir_source_ledger_open(session, err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(&sql), params, 2, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        for (size_t row = 0; row < b.rows; row++) {
            weir_jw_object(w);
            for (size_t i = 0; i < LOAD_COLUMNS; i++) {
                print_value(w, &load_columns[i], &b.columns[i], row);
            }
            weir_jw_object_end(w);
        }
    }
    weir_jw_array_end(w);
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}
