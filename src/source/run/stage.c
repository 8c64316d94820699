#include "source/run/stage.h"

#include <stdlib.h>

#include "csv/columns.h"
#include "io/file.h"
#include "source/run/scratch.h"
#include "source/schedule/watch.h"

#define ROW_GROUP       122880
#define ROWS_PER_COMMIT (4 * ROW_GROUP)
#define ROWS_THAT_TELL  8192 /* how others will be */
/* Of texts: until then the engine may have them in memory. */
#define BYTES_PER_COMMIT (128u << 20)

static const struct weir_column own[] = {
    {WEIR_STR(WEIR_SOURCE_RUN), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR(WEIR_SOURCE_LOADED_AT), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR(WEIR_SOURCE_FILE), WEIR_TYPE_TEXT, {0}}}; /* where rows are of files */
enum { OWN_RUN, OWN_AT, OWN_FILE, OWN };

static size_t own_count(const struct weir_source_stage *s)
{
    return s->files ? OWN : OWN_FILE;
}

static bool is_text(const struct weir_column *column)
{
    return column->type == WEIR_TYPE_TEXT || column->type == WEIR_TYPE_JSON;
}

static uint64_t texts_read(const struct weir_source_stage *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->read.count; i++) {
        bytes += is_text(&s->columns[i]) ? (uint64_t)s->read.columns[i].sum : 0;
    }
    return bytes;
}

int weir_source_stage_commit(struct weir_source_stage *s, struct weir_error *err)
{
    int rc = s->began ? weir_session_commit(s->session, err) : 0;
    s->began = false;
    s->uncommitted = 0;
    s->texts_before = texts_read(s);
    return rc;
}

static int begin(struct weir_source_stage *s, struct weir_error *err)
{
    int rc = s->began ? 0 : weir_session_begin(s->session, err);
    s->began = rc == 0;
    return rc;
}

static int drop_table(struct weir_source_stage *s, struct weir_str table, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "DROP TABLE IF EXISTS ");
    weir_sql_table(&sql, s->schema, table);
    weir_session_touch(s->session, s->schema, table);
    int rc = weir_session_exec_buf(s->session, &sql, err);
    weir_buf_free(&sql);
    return rc;
}

/* What it is to hold is known now: the stage, which is empty, is made anew for it. */
static int suit(struct weir_source_stage *s, const struct weir_batch *first, struct weir_error *err)
{
    int rc = weir_source_stage_commit(s, err);
    rc = rc ? rc : drop_table(s, s->table, err);
    return rc ? rc
              : weir_session_create_table_for(s->session, s->schema, s->table, s->columns,
                                              s->column_count, first, err);
}

static int put_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    struct weir_source_stage *s = (struct weir_source_stage *)sink;
    size_t count = sink->column_count;
    if (s->progress && atomic_load(&s->progress->stop)) {
        return weir_fail(err, WEIR_ECANCELED, "the run was stopped; nothing changed");
    }
    memcpy(s->vectors, batch->columns, count * sizeof *s->vectors);
    for (size_t i = 0; i < count; i++) {
        s->vectors[i].exact = s->columns[i].type == WEIR_TYPE_OTHER; /* what a proof counts on */
    }
    s->own[OWN_FILE] = part; /* the others stay what they are */
    struct weir_batch whole = {batch->rows, s->column_count, s->vectors};
    bool many = s->read.rows == 0 && batch->rows >= ROWS_THAT_TELL;
    int rc = many ? suit(s, &whole, err) : 0;
    rc = rc ? rc : begin(s, err);
    if (rc) {
        return rc;
    }
    uint64_t texts = texts_read(s);
    weir_figures_add(&s->read, batch);
    rc = weir_texts_check(&s->texts, s->session, s->columns, count, batch, texts_read(s) - texts,
                          "rows", "leave the column out (exclude)", err);
    rc = rc ? rc : weir_session_append(s->session, s->schema, s->table, s->columns, &whole, 1, err);
    s->uncommitted += batch->rows;
    if (s->progress && !s->counted) {
        atomic_fetch_add(&s->progress->rows, batch->rows);
        weir_source_watch_more(s->progress->watch, s->stream, batch->rows, 0);
    }
    bool full =
        s->uncommitted >= ROWS_PER_COMMIT || texts_read(s) - s->texts_before >= BYTES_PER_COMMIT;
    uint64_t groups = s->read.rows / ROW_GROUP, before = (s->read.rows - batch->rows) / ROW_GROUP;
    if (rc == 0 && (full || groups != before)) {
        s->large = true;
        rc = weir_source_scratch_room(s->data, 0, err);
    }
    return rc || !full ? rc : weir_source_stage_commit(s, err);
}

/* Its rows will be in the table, too, before the stage goes. */
static int check_room(const struct weir_source_stage *s, struct weir_error *err)
{
    uint64_t now = s->free_before;
    int rc = s->large ? weir_disk_free(s->data, &now, err) : 0;
    uint64_t taken = now < s->free_before ? s->free_before - now : 0;
    return rc || !s->large ? rc : weir_source_scratch_room(s->data, taken, err);
}

static void put_bytes(struct weir_source_sink *sink, uint64_t bytes)
{
    struct weir_source_stage *s = (struct weir_source_stage *)sink;
    if (s->progress) {
        atomic_fetch_add(&s->progress->bytes, bytes);
        weir_source_watch_more(s->progress->watch, s->stream, 0, bytes);
    }
}

/* A batch of bad lines. */
static int put_rejects(struct weir_source_sink *sink, struct weir_str part,
                       const struct weir_batch *batch, struct weir_error *err)
{
    struct weir_source_stage *s =
        (struct weir_source_stage *)((char *)sink -
                                     offsetof(struct weir_source_stage, rejects_sink));
    (void)part;
    uint64_t texts = weir_texts_of(sink->columns, sink->column_count, batch, 0, batch->rows);
    int rc =
        weir_texts_check(&s->reject_texts, s->session, sink->columns, sink->column_count, batch,
                         texts, "rows that would be set aside", "mend what is read", err);
    rc = rc ? rc : begin(s, err);
    s->uncommitted += batch->rows;
    return rc ? rc
              : weir_session_append(s->session, s->schema, s->reject_table, sink->columns, batch, 1,
                                    err);
}

static int put_if(struct weir_source_rows *r, size_t column, struct weir_str text, bool there,
                  struct weir_error *err)
{
    return there ? weir_source_rows_text(r, column, text, err) : 0;
}

static int put_passed(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    struct weir_source_stage *s = (struct weir_source_stage *)sink;
    struct weir_source_rows *r = &s->rejects;
    struct weir_arena arena;
    weir_arena_init(&arena, 16u << 20);
    struct weir_str shown =
        what->text.ptr ? weir_csv_readable(&arena, what->text) : (struct weir_str){NULL, 0};
    bool lost = what->text.ptr && !shown.ptr;
    int rc = lost ? weir_fail(err, WEIR_ENOMEM, "no memory for a bad line") : 0;
    rc = rc ? rc : weir_source_rows_text(r, WEIR_DISCARD_RUN, weir_str_of(s->run), err);
    rc = rc ? rc : weir_source_rows_text(r, WEIR_DISCARD_SOURCE, weir_str_of(s->source), err);
    rc = rc ? rc : weir_source_rows_text(r, WEIR_DISCARD_STREAM, weir_str_of(s->stream), err);
    rc = rc ? rc : put_if(r, WEIR_DISCARD_FILE, what->part, what->part.len, err);
    rc = rc ? rc : put_if(r, WEIR_DISCARD_COLUMN, what->column, what->column.len, err);
    rc = rc ? rc : put_if(r, WEIR_DISCARD_VALUE, shown, shown.ptr, err);
    rc = rc ? rc : put_if(r, WEIR_DISCARD_ROW, what->row, what->row.len, err);
    rc = rc ? rc : weir_source_rows_text(r, WEIR_DISCARD_REASON, weir_str_of(what->reason), err);
    if (rc == 0) {
        weir_source_rows_int(r, WEIR_DISCARD_AT, s->at);
        if (what->line) {
            weir_source_rows_int(r, WEIR_DISCARD_LINE, (int64_t)what->line);
        }
        rc = weir_source_rows_end(r, err);
    }
    weir_arena_free(&arena);
    return rc;
}

static int put_reject(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    struct weir_source_stage *s = (struct weir_source_stage *)sink;
    s->reject_count++;
    return put_passed(sink, what, err);
}

int weir_source_stage_end(struct weir_source_stage *s, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 1u << 20);
    weir_session_touch(s->session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    weir_session_touch(s->session, s->schema, s->reject_table);
    weir_session_touch(s->session, s->schema, s->table);
    weir_buf_addz(&sql, "INSERT INTO weir.source_discards BY NAME SELECT * FROM ");
    weir_sql_table(&sql, s->schema, s->reject_table);
    weir_buf_addz(&sql, "; DROP TABLE ");
    weir_sql_table(&sql, s->schema, s->reject_table);
    weir_buf_addz(&sql, "; DROP TABLE IF EXISTS "); /* it may be the table by now */
    weir_sql_table(&sql, s->schema, s->table);
    int rc = weir_session_exec_buf(s->session, &sql, err);
    weir_buf_free(&sql);
    return rc;
}

void weir_source_stage_drop(struct weir_source_stage *s)
{
    struct weir_error ignored;
    const struct weir_str tables[] = {s->table, s->reject_table};
    if (s->began) {
        weir_session_rollback(s->session);
        s->began = false;
    }
    for (size_t i = 0; i < 2; i++) { /* what fails here, the next run does */
        (void)!drop_table(s, tables[i], &ignored);
    }
}

void weir_source_stage_free(struct weir_source_stage *s)
{
    weir_source_rows_free(&s->rejects);
}

static int make_tables(struct weir_source_stage *s, struct weir_error *err)
{
    int rc = weir_session_create_schema(s->session, s->schema, err);
    if (rc == 0) {
        weir_source_stage_drop(s);
        rc = weir_session_create_table(s->session, s->schema, s->table, s->columns, s->column_count,
                                       err);
    }
    rc = rc ? rc
            : weir_session_create_table(s->session, s->schema, s->reject_table,
                                        weir_source_discard_columns, WEIR_SOURCE_DISCARD_COLUMNS,
                                        err);
    s->rejects_sink = (struct weir_source_sink){.columns = weir_source_discard_columns,
                                                .column_count = WEIR_SOURCE_DISCARD_COLUMNS,
                                                .rows = put_rejects};
    return rc ? rc : weir_source_rows_open(&s->rejects, &s->rejects_sink, WEIR_STR(""), err);
}

/* What weir's own columns hold. */
static void point(struct weir_source_stage *s)
{
    size_t count = s->column_count - own_count(s);
    for (size_t i = 0; i < own_count(s); i++) {
        struct weir_vector *v = &s->vectors[count + i];
        *v = (struct weir_vector){.type = own[i].type, .strs = &s->own[i], .constant = true};
        v->ints = i == OWN_AT ? &s->at : v->ints;
    }
}

void weir_source_stage_move(struct weir_source_stage *to, struct weir_source_stage *from)
{
    *to = *from;
    *from = (struct weir_source_stage){0};
    to->rejects.sink = &to->rejects_sink;
    to->sink.source = &to->told;
    point(to);
}

bool weir_source_stage_has(const struct weir_source_stage *s, struct weir_str column)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (weir_str_eq_nocase(s->columns[i].name, column)) {
            return true;
        }
    }
    return false;
}

int weir_source_stage_name(struct weir_source_stage *s, const char *table, struct weir_arena *arena,
                           struct weir_error *err)
{
    s->table = weir_str_of(weir_arena_printf(arena, WEIR_SOURCE_STAGES "%s", table));
    s->reject_table =
        weir_str_of(weir_arena_printf(arena, WEIR_SOURCE_STAGES "rejects of %s", table));
    return s->table.ptr && s->reject_table.ptr
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for the names of tables");
}

int weir_source_stage_open(struct weir_source_stage *s, const struct weir_column *columns,
                           size_t count, struct weir_error *err)
{
    s->columns = weir_arena_calloc(s->arena, (count + own_count(s)) * sizeof *s->columns);
    s->vectors = weir_arena_calloc(s->arena, (count + own_count(s)) * sizeof *s->vectors);
    if (!s->columns || !s->vectors) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
    }
    if (count) {
        memcpy(s->columns, columns, count * sizeof *columns);
    }
    memcpy(s->columns + count, own, own_count(s) * sizeof *own);
    s->own[OWN_RUN] = weir_str_of(s->run);
    s->column_count = count + own_count(s);
    point(s);
    s->sink = (struct weir_source_sink){.columns = s->columns,
                                        .column_count = count,
                                        .takes_scaled = true,
                                        .rows = put_rows,
                                        .bytes = put_bytes,
                                        .reject = put_reject,
                                        .pass = put_passed,
                                        .stop = s->progress ? &s->progress->stop : NULL,
                                        .source = &s->told};
    int rc = weir_figures_init(&s->read, count, s->arena, err);
    rc = rc ? rc : weir_figures_init(&s->stored, count, s->arena, err);
    rc = rc ? rc : weir_figures_init(&s->told, count, s->arena, err);
    rc = rc ? rc : weir_disk_free(s->data, &s->free_before, err);
    return rc ? rc : make_tables(s, err);
}

/* Rows that could not be read are in the source's figures, and not in those of what was. */
static int compare_source(const struct weir_source_stage *s, struct weir_error *err)
{
    size_t at = s->read.count;
    bool same = s->told.rows == s->read.rows + s->reject_count;
    if (same && s->reject_count == 0) {
        same = !weir_figures_differ(&s->told, &s->read, &at);
    }
    return same ? 0
                : weir_fail(err, WEIR_ECORRUPT,
                            "what was read is not what the source says that it has: column "
                            "\"" WEIR_STR_FMT "\", %llu rows of %llu; nothing was loaded",
                            WEIR_STR_ARG(at < s->read.count ? s->columns[at].name : WEIR_STR("*")),
                            (unsigned long long)s->read.rows, (unsigned long long)s->told.rows);
}

int weir_source_stage_close(struct weir_source_stage *s, struct weir_error *err)
{
    size_t at;
    int rc = weir_source_rows_flush(&s->rejects, err);
    rc = rc ? rc : weir_source_stage_commit(s, err);
    rc = rc ? rc : check_room(s, err);
    rc = rc ? rc
            : weir_figures_ask(&s->stored, &s->read, s->session, s->schema, s->table, s->columns,
                               err);
    if (rc || !weir_figures_differ(&s->read, &s->stored, &at)) {
        return rc || !s->sink.told ? rc : compare_source(s, err);
    }
    return at < s->read.count
               ? weir_fail(err, WEIR_ECORRUPT,
                           "what was stored is not what was read: column \"" WEIR_STR_FMT
                           "\" differs; nothing was loaded",
                           WEIR_STR_ARG(s->columns[at].name))
               : weir_fail(err, WEIR_ECORRUPT,
                           "what was stored is not what was read: %llu rows of %llu; nothing was "
                           "loaded",
                           (unsigned long long)s->stored.rows, (unsigned long long)s->read.rows);
}
