#include "upload/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/map.h"
#include "csv/columns.h"
#include "upload/rows.h"

#define ROWS_AT_ONCE  8192
#define CELLS_AT_ONCE (1u << 20)
#define ID_SIZE       17

/* --- the tables ---------------------------------------------------------------------------------
 */

static const struct weir_column upload_columns[] = {
    {WEIR_STR("name"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("id"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("rows"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("bytes"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("columns"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("bad_count"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("encoding"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("separator"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("header"), WEIR_TYPE_BOOL, {0}},
    {WEIR_STR("uploaded_by"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("created_at"), WEIR_TYPE_TIMESTAMP, {0}},
};
#define UPLOAD_COLUMNS (sizeof upload_columns / sizeof upload_columns[0])

static const struct weir_column reject_columns[] = {
    {WEIR_STR("upload"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("line"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("text"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("reason"), WEIR_TYPE_TEXT, {0}},
};
#define REJECT_COLUMNS (sizeof reject_columns / sizeof reject_columns[0])

static struct weir_str weir_schema(void)
{
    return WEIR_STR("weir");
}

static int make_table(struct weir_session *session, struct weir_str name,
                      const struct weir_column *columns, size_t count, struct weir_error *err)
{
    int rc = weir_session_create_table(session, weir_schema(), name, columns, count, err);
    return rc == WEIR_EEXIST ? 0 : rc;
}

/* Is it there? Asked, because a failed statement could end the transaction. */
static int table_is_there(struct weir_session *session, const char *schema, const char *name,
                          bool *there, struct weir_error *err)
{
    struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = weir_str_of(schema)},
                                  {.type = WEIR_TYPE_TEXT, .s = weir_str_of(name)}};
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_session_query(session,
                                "SELECT 1 FROM information_schema.tables WHERE table_catalog = "
                                "current_database() AND table_schema = $1 AND table_name = $2",
                                params, 2, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    *there = rc == 0 && batch.rows > 0;
    weir_result_free(result);
    return rc;
}

static int make_tables(struct weir_session *session, struct weir_error *err)
{
    bool there;
    int rc = weir_session_create_schema(session, weir_schema(), err);
    rc = rc ? rc : weir_session_create_schema(session, WEIR_STR(WEIR_UPLOAD_SCHEMA), err);
    rc = rc ? rc : table_is_there(session, "weir", "uploads", &there, err);
    if (rc == 0 && !there) {
        rc = make_table(session, WEIR_STR("uploads"), upload_columns, UPLOAD_COLUMNS, err);
    }
    rc = rc ? rc : table_is_there(session, "weir", "upload_rejects", &there, err);
    if (rc == 0 && !there) {
        rc = make_table(session, WEIR_STR("upload_rejects"), reject_columns, REJECT_COLUMNS, err);
    }
    return rc;
}

/* A statement with the upload's name as its value. */
static int run_for(struct weir_session *session, const char *sql, const char *name,
                   struct weir_error *err)
{
    struct weir_param param = {.type = WEIR_TYPE_TEXT, .s = weir_str_of(name)};
    struct weir_result *result = NULL;
    struct weir_batch batch;
    int rc = weir_session_query(session, sql, &param, 1, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
    }
    weir_result_free(result);
    return rc;
}

/* In the transaction that also forgets it: so these tables, and no others, are what it changes. */
static int drop_table(struct weir_session *session, const char *name, struct weir_error *err)
{
    char sql[128]; /* the name is letters, digits and _ */
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s.\"%s\"", WEIR_UPLOAD_SCHEMA, name);
    weir_session_touch(session, WEIR_STR(WEIR_UPLOAD_SCHEMA), weir_str_of(name));
    weir_session_touch(session, weir_schema(), WEIR_STR("uploads"));
    weir_session_touch(session, weir_schema(), WEIR_STR("upload_rejects"));
    return weir_session_exec(session, sql, err);
}

static int forget(struct weir_session *session, const char *name, struct weir_error *err)
{
    int rc = run_for(session, "DELETE FROM weir.uploads WHERE name = $1", name, err);
    return rc ? rc
              : run_for(session, "DELETE FROM weir.upload_rejects WHERE upload = $1", name, err);
}

bool weir_upload_name_ok(const char *name)
{
    return name[0] != '_' && weir_str_is_plain_name(weir_str_of(name));
}

/* --- one upload
 * ----------------------------------------------------------------------------------- */

struct loading {
    const struct weir_upload *upload;
    struct weir_session *session;
    struct weir_csv_text text;
    struct weir_csv csv;
    struct weir_csv_columns columns;
    struct weir_upload_rows rows, rejects;
    struct weir_arena arena;
    uint64_t bytes;
    char id[ID_SIZE];
    weir_time at;
    struct weir_buf bad; /* JSON of the first ones */
};

/* The value as its column's type has it; false when it is none, which the guess excludes. */
static bool put_value(struct weir_upload_rows *r, size_t i, enum weir_guess_format format,
                      const struct weir_csv_field *field, int *rc, struct weir_error *err)
{
    struct weir_guess_value value;
    struct weir_vector *v = &r->vectors[i];
    if (format == WEIR_GUESS_TEXT) {
        if (field->text.len || field->quoted) {
            *rc = weir_upload_set_text(r, i, field->text, err);
        }
        return true;
    }
    if (!weir_guess_value(format, field->text, &value)) {
        return false;
    }
    if (value.null) {
        return true;
    }
    if (v->type == WEIR_TYPE_BOOL) {
        v->bools[r->count] = value.b;
    } else if (v->type == WEIR_TYPE_DOUBLE) {
        v->doubles[r->count] = value.d;
    } else {
        v->ints[r->count] = value.i;
    }
    weir_upload_set_valid(r, i);
    return true;
}

static int put_reject(struct loading *l, const struct weir_csv_record *record, const char *reason,
                      struct weir_error *err)
{
    struct weir_upload_rows *r = &l->rejects;
    struct weir_str text = weir_csv_readable(&r->texts, record->raw);
    if (!text.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a bad line of an upload");
    }
    if (r->total + r->count < WEIR_UPLOAD_SHOWN) {
        struct weir_jw w = {&l->bad, l->bad.len > 0};
        weir_jw_object(&w);
        weir_jw_ku64(&w, "line", record->line);
        weir_jw_kstr(&w, "text", weir_utf8_cut(text, 1000));
        weir_jw_kstrz(&w, "reason", reason);
        weir_jw_object_end(&w);
    }
    int rc = weir_upload_set_text(r, 0, weir_str_of(l->upload->name), err);
    weir_upload_set_int(r, 1, (int64_t)record->line);
    r->vectors[2].strs[r->count] = text;
    weir_upload_set_valid(r, 2);
    rc = rc ? rc : weir_upload_set_text(r, 3, weir_str_of(reason), err);
    return rc ? rc : weir_upload_rows_end(r, err);
}

static int put_record(struct loading *l, const struct weir_csv_record *record,
                      struct weir_error *err)
{
    char room[160];
    int rc = 0;
    const char *reason = weir_csv_bad(&l->columns, record, room);
    for (size_t i = 0; !reason && rc == 0 && i < l->columns.count; i++) {
        if (!put_value(&l->rows, i, l->columns.guesses[i].format, &record->fields[i], &rc, err)) {
            snprintf(room, sizeof room, "field %zu is no such value as the others of its column",
                     i + 1);
            reason = room;
        }
    }
    if (rc == 0 && reason) {
        for (size_t i = 0; i < l->columns.count; i++) { /* what was put is not there */
            l->rows.vectors[i].valid[l->rows.count / 64] &= ~(1ull << (l->rows.count % 64));
        }
        return put_reject(l, record, reason, err);
    }
    return rc ? rc : weir_upload_rows_end(&l->rows, err);
}

static int put_all(struct loading *l, struct weir_error *err)
{
    struct weir_csv_record r;
    int rc;
    weir_csv_columns_rewind(&l->columns, &l->csv);
    while ((rc = weir_csv_columns_next(&l->columns, &l->csv, &r, err)) == 0 && (r.count || r.bad)) {
        rc = put_record(l, &r, err);
        if (rc) {
            return rc;
        }
    }
    rc = rc ? rc : weir_upload_rows_flush(&l->rows, err);
    return rc ? rc : weir_upload_rows_flush(&l->rejects, err);
}

static int open_rows(struct loading *l, struct weir_error *err)
{
    size_t count = l->columns.count;
    size_t most = CELLS_AT_ONCE / count;
    l->rows = (struct weir_upload_rows){.session = l->session,
                                        .schema = WEIR_STR(WEIR_UPLOAD_SCHEMA),
                                        .table = weir_str_of(l->upload->name),
                                        .columns = l->columns.columns,
                                        .column_count = count,
                                        .most = most < 64             ? 64
                                                : most > ROWS_AT_ONCE ? ROWS_AT_ONCE
                                                                      : most};
    l->rejects = (struct weir_upload_rows){.session = l->session,
                                           .schema = weir_schema(),
                                           .table = WEIR_STR("upload_rejects"),
                                           .columns = reject_columns,
                                           .column_count = REJECT_COLUMNS,
                                           .most = ROWS_AT_ONCE};
    int rc = weir_upload_rows_open(&l->rows, &l->arena, err);
    return rc ? rc : weir_upload_rows_open(&l->rejects, &l->arena, err);
}

/* --- the entry
 * ------------------------------------------------------------------------------------ */

static struct weir_str separator_of(const struct loading *l)
{
    return l->csv.separator == '\t' ? WEIR_STR("tab") : (struct weir_str){&l->csv.separator, 1};
}

static int put_entry(struct loading *l, struct weir_error *err)
{
    struct weir_buf columns;
    struct weir_upload_rows e = {.session = l->session,
                                 .schema = weir_schema(),
                                 .table = WEIR_STR("uploads"),
                                 .columns = upload_columns,
                                 .column_count = UPLOAD_COLUMNS,
                                 .most = 64};
    weir_buf_init(&columns, 64u << 20);
    struct weir_jw w = weir_jw_on(&columns);
    weir_csv_columns_print(&l->columns, &w);
    int rc = weir_buf_check(&columns, "the columns of an upload", err);
    rc = rc ? rc : weir_upload_rows_open(&e, &l->arena, err);
    if (rc == 0) {
        rc = weir_upload_set_text(&e, 0, weir_str_of(l->upload->name), err);
        rc = rc ? rc : weir_upload_set_text(&e, 1, weir_str_of(l->id), err);
        weir_upload_set_int(&e, 2, (int64_t)l->rows.total);
        weir_upload_set_int(&e, 3, (int64_t)l->bytes);
        rc = rc ? rc : weir_upload_set_text(&e, 4, weir_buf_str(&columns), err);
        weir_upload_set_int(&e, 5, (int64_t)l->rejects.total);
        rc = rc ? rc
                : weir_upload_set_text(&e, 6, weir_str_of(weir_csv_encoding_name(l->text.encoding)),
                                       err);
        rc = rc ? rc : weir_upload_set_text(&e, 7, separator_of(l), err);
        e.vectors[8].bools[0] = l->columns.has_header;
        weir_upload_set_valid(&e, 8);
        rc = rc ? rc : weir_upload_set_text(&e, 9, weir_str_of(l->upload->by), err);
        weir_upload_set_int(&e, 10, l->at);
        e.count = 1;
        rc = rc ? rc : weir_upload_rows_flush(&e, err);
    }
    weir_arena_free(&e.texts);
    weir_buf_free(&columns);
    return rc;
}

/* --- all together
 * --------------------------------------------------------------------------------- */

static int check_name(struct loading *l, struct weir_error *err)
{
    bool there;
    const char *name = l->upload->name;
    int rc = table_is_there(l->session, WEIR_UPLOAD_SCHEMA, name, &there, err);
    if (rc == 0 && there && !l->upload->replace) {
        return weir_fail(err, WEIR_EEXIST,
                         "there is an upload \"%s\" already; replace it, or choose another name",
                         name);
    }
    if (rc == 0 && !there && l->upload->replace) {
        return weir_fail(err, WEIR_ENOENT, "there is no upload \"%s\" to replace", name);
    }
    return rc;
}

static int change_tables(struct loading *l, struct weir_error *err)
{
    const char *name = l->upload->name;
    int rc = weir_session_begin(l->session, err);
    if (rc) {
        return rc;
    }
    rc = make_tables(l->session, err);
    rc = rc ? rc : check_name(l, err);
    rc = rc ? rc : drop_table(l->session, name, err);
    rc = rc ? rc
            : weir_session_create_table(l->session, WEIR_STR(WEIR_UPLOAD_SCHEMA), weir_str_of(name),
                                        l->columns.columns, l->columns.count, err);
    rc = rc ? rc : forget(l->session, name, err);
    rc = rc ? rc : put_all(l, err);
    rc = rc ? rc : put_entry(l, err);
    if (rc) {
        weir_session_rollback(l->session);
        return rc;
    }
    return weir_session_commit(l->session, err);
}

static void print_entry(struct loading *l, struct weir_jw *w)
{
    char table[96];
    snprintf(table, sizeof table, "%s.%s", WEIR_UPLOAD_SCHEMA, l->upload->name);
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", l->id);
    weir_jw_kstrz(w, "name", l->upload->name);
    weir_jw_kstrz(w, "table", table);
    weir_jw_ku64(w, "rows", l->rows.total);
    weir_jw_ku64(w, "bytes", l->bytes);
    weir_jw_keyz(w, "columns");
    weir_csv_columns_print(&l->columns, w);
    weir_jw_ku64(w, "bad_count", l->rejects.total);
    weir_jw_kstrz(w, "encoding", weir_csv_encoding_name(l->text.encoding));
    weir_jw_kstr(w, "separator", separator_of(l));
    weir_jw_kbool(w, "header", l->columns.has_header);
    weir_jw_kstrz(w, "by", l->upload->by);
    weir_jw_ktime(w, "created_at", l->at);
    weir_jw_keyz(w, "bad");
    weir_buf_addc(w->out, '[');
    weir_buf_adds(w->out, weir_buf_str(&l->bad));
    weir_buf_addc(w->out, ']');
    weir_jw_object_end(w);
}

int weir_upload_load(struct weir_warehouse *warehouse, const struct weir_upload *upload,
                     struct weir_jw *report, struct weir_error *err)
{
    struct loading *l = calloc(1, sizeof *l);
    struct stat st;
    uint32_t max_columns = weir_warehouse_max_columns(warehouse);
    if (!l) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for an upload");
    }
    l->upload = upload;
    l->at = weir_now();
    l->text.fd = -1;
    l->bytes = stat(upload->path, &st) == 0 ? (uint64_t)st.st_size : 0;
    uint64_t random = weir_random_u64();
    weir_hex(&random, sizeof random, l->id);
    weir_arena_init(&l->arena, 1u << 30);
    weir_buf_init(&l->bad, 1u << 20);
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &l->session, err);
    rc = rc ? rc : weir_csv_text_open(&l->text, upload->path, NULL, err);
    rc = rc ? rc : weir_csv_open(&l->csv, &l->text, err);
    rc = rc ? rc : weir_csv_columns_read(&l->columns, &l->csv, upload->header, max_columns, err);
    rc = rc ? rc : open_rows(l, err);
    rc = rc ? rc : change_tables(l, err);
    if (rc == 0) {
        print_entry(l, report);
    }
    weir_arena_free(&l->rows.texts);
    weir_arena_free(&l->rejects.texts);
    weir_csv_columns_free(&l->columns);
    weir_csv_free(&l->csv);
    weir_csv_text_free(&l->text);
    weir_session_free(l->session);
    weir_buf_free(&l->bad);
    weir_arena_free(&l->arena);
    free(l);
    return rc;
}

int weir_upload_remove(struct weir_warehouse *warehouse, const char *name, struct weir_error *err)
{
    struct weir_session *session;
    bool there = false;
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    if (rc) {
        return rc;
    }
    rc = weir_session_begin(session, err);
    rc = rc ? rc : table_is_there(session, "weir", "uploads", &there, err);
    if (rc == 0 && there) {
        rc = table_is_there(session, WEIR_UPLOAD_SCHEMA, name, &there, err);
    }
    if (rc == 0 && !there) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no upload \"%.80s\"", name);
    }
    rc = rc ? rc : drop_table(session, name, err);
    rc = rc ? rc : forget(session, name, err);
    if (rc) {
        weir_session_rollback(session);
    } else {
        rc = weir_session_commit(session, err);
    }
    weir_session_free(session);
    return rc;
}

/* --- the list
 * ------------------------------------------------------------------------------------- */

static void print_row(struct weir_jw *w, const struct weir_batch *b, size_t i, bool counts)
{
    struct weir_str name = b->columns[0].strs[i];
    char table[96];
    snprintf(table, sizeof table, "%s.%.*s", WEIR_UPLOAD_SCHEMA, (int)name.len, name.ptr);
    weir_jw_object(w);
    weir_jw_kstr(w, "id", b->columns[1].strs[i]);
    weir_jw_kstr(w, "name", name);
    weir_jw_kstrz(w, "table", table);
    static const struct {
        const char *key;
        size_t column;
    } numbers[] = {{"rows", 2}, {"bytes", 3}, {"bad_count", 5}};
    for (size_t k = 0; k < 3; k++) {
        weir_jw_keyz(w, numbers[k].key);
        if (counts) {
            weir_jw_i64(w, b->columns[numbers[k].column].ints[i]);
        } else {
            weir_jw_null(w);
        }
    }
    weir_jw_keyz(w, "columns");
    weir_jw_raw(w, counts ? b->columns[4].strs[i] : WEIR_STR("[]"));
    weir_jw_kstr(w, "encoding", b->columns[6].strs[i]);
    weir_jw_kstr(w, "separator", b->columns[7].strs[i]);
    weir_jw_kbool(w, "header", b->columns[8].bools[i]);
    weir_jw_kstr(w, "by", b->columns[9].strs[i]);
    weir_jw_ktime(w, "created_at", b->columns[10].ints[i]);
    weir_jw_object_end(w);
}

/* Sees somebody all rows and columns of the table? Sizes and guesses tell of those. */
static bool sees_whole(const struct weir_access *access, struct weir_str name)
{
    const struct weir_grant *grants[64];
    size_t count = weir_access_applying(access, WEIR_STR(WEIR_UPLOAD_SCHEMA), name, grants, 64);
    for (size_t i = 0; i < count && i < 64; i++) {
        if (!grants[i]->rows.len && !grants[i]->hidden_count && !grants[i]->masked_count) {
            return true;
        }
    }
    return false;
}

int weir_upload_list(struct weir_warehouse *warehouse, const struct weir_access *access,
                     struct weir_jw *w, struct weir_error *err)
{
    struct weir_session *session;
    struct weir_result *result = NULL;
    struct weir_batch batch;
    bool there = false;
    int rc = weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, err);
    if (rc) {
        return rc;
    }
    weir_jw_object(w);
    weir_jw_keyz(w, "uploads");
    weir_jw_array(w);
    rc = table_is_there(session, "weir", "uploads", &there, err);
    if (rc == 0 && there) {
        rc = weir_session_query(session,
                                "SELECT name, id, rows, bytes, columns, bad_count, encoding, "
                                "separator, header, uploaded_by, created_at FROM weir.uploads "
                                "ORDER BY created_at DESC",
                                NULL, 0, &result, err);
        while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
            for (size_t i = 0; i < batch.rows; i++) {
                struct weir_str name = batch.columns[0].strs[i];
                if (!access || weir_access_sees(access, WEIR_STR(WEIR_UPLOAD_SCHEMA), name)) {
                    print_row(w, &batch, i, !access || sees_whole(access, name));
                }
            }
        }
        weir_result_free(result);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    weir_session_free(session);
    return rc;
}
