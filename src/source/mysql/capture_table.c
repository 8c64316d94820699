/* The tables that are followed: what they are, and whether they are as they were. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "source/mysql/capture.h"
#include "source/run/mark.h"

#define MAX_SQL (1u << 20)

struct looking {
    struct weir_my *my;
    struct weir_source_follow *f;
    struct weir_my_followed *tables;
    uint64_t *hashes;
    const char **why; /* it cannot be followed */
};

/* A row of an answer, of this stream. */
typedef int see_row(struct looking *l, size_t i, MYSQL_ROW row, const unsigned long *lengths,
                    struct weir_error *err);

static int each(struct looking *l, const char *before, const char *after, see_row *see,
                struct weir_error *err)
{
    struct weir_buf sql;
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, before);
    weir_sql_text(&sql, weir_str_of(l->my->settings->database));
    weir_buf_addz(&sql, after);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(l->my, l->my->con, weir_buf_str(&sql), &result, err);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        for (size_t i = 0; rc == 0 && i < l->f->count; i++) {
            if (weir_str_eq(l->f->streams[i].name, weir_my_cell(row, lengths, 0))) {
                for (unsigned k = 0; k < mysql_num_fields(result); k++) {
                    struct weir_str cell = weir_my_cell(row, lengths, k);
                    l->hashes[i] = weir_hash64(&cell.len, sizeof cell.len, l->hashes[i]);
                    l->hashes[i] = weir_hash64(cell.ptr, cell.len, l->hashes[i]);
                }
                rc = see(l, i, row, lengths, err);
                break;
            }
        }
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

static int see_table(struct looking *l, size_t i, MYSQL_ROW row, const unsigned long *lengths,
                     struct weir_error *err)
{
    (void)err;
    l->tables[i].there = true;
    if (!weir_str_is(weir_my_cell(row, lengths, 1), "BASE TABLE")) {
        l->why[i] = "only usual tables tell of their changes; load it by another source, without "
                    "`capture`";
    } else if (!weir_str_is(weir_my_cell(row, lengths, 2), "InnoDB")) {
        l->why[i] = "its engine has no snapshots; ALTER TABLE … ENGINE = InnoDB";
    }
    return 0;
}

static int see_column(struct looking *l, size_t i, MYSQL_ROW row, const unsigned long *lengths,
                      struct weir_error *err)
{
    (void)l;
    (void)i;
    (void)row;
    (void)lengths;
    (void)err;
    return 0;
}

static int see_key(struct looking *l, size_t i, MYSQL_ROW row, const unsigned long *lengths,
                   struct weir_error *err)
{
    struct weir_my_followed *t = &l->tables[i];
    struct weir_arena *arena = &l->f->arena;
    t->key = t->key ? t->key : weir_arena_calloc(arena, 64 * sizeof *t->key);
    if (!t->key || t->key_count == 64) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a key");
    }
    t->key[t->key_count] = weir_arena_dup(arena, weir_my_cell(row, lengths, 1));
    return t->key[t->key_count++].ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a key");
}

/* What InnoDB does to rows of its own account is not in the log. */
static int see_cascade(struct looking *l, size_t i, MYSQL_ROW row, const unsigned long *lengths,
                       struct weir_error *err)
{
    (void)row;
    (void)lengths;
    (void)err;
    l->why[i] = "a foreign key of it changes or deletes its rows (CASCADE, SET NULL), and the "
                "server's log does not tell of that; load it by another source, without `capture`";
    return 0;
}

static int look(struct weir_my *my, struct looking *l, struct weir_error *err)
{
    struct weir_source_follow *f = my->capture->f;
    *l =
        (struct looking){.my = my,
                         .f = f,
                         .tables = weir_arena_calloc(&f->arena, (f->count + 1) * sizeof *l->tables),
                         .hashes = weir_arena_calloc(&f->arena, (f->count + 1) * sizeof *l->hashes),
                         .why = weir_arena_calloc(&f->arena, (f->count + 1) * sizeof *l->why)};
    if (!l->tables || !l->hashes || !l->why) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu tables", f->count);
    }
    int rc = each(l,
                  "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE "
                  "TABLE_SCHEMA = ",
                  "", see_table, err);
    rc = rc ? rc
            : each(l,
                   "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, EXTRA FROM "
                   "information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
                   " ORDER BY TABLE_NAME, ORDINAL_POSITION", see_column, err);
    rc = rc ? rc
            : each(l,
                   "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE "
                   "INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA = ",
                   " ORDER BY TABLE_NAME, SEQ_IN_INDEX", see_key, err);
    rc = rc ? rc
            : each(l,
                   "SELECT TABLE_NAME, CONSTRAINT_NAME FROM "
                   "information_schema.REFERENTIAL_CONSTRAINTS WHERE (UPDATE_RULE IN ('CASCADE', "
                   "'SET NULL', 'SET DEFAULT') OR DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET "
                   "DEFAULT')) AND CONSTRAINT_SCHEMA = ",
                   " ORDER BY TABLE_NAME, CONSTRAINT_NAME", see_cascade, err);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        snprintf(l->tables[i].shape, sizeof l->tables[i].shape, "%016" PRIx64, l->hashes[i]);
        if (!l->tables[i].there) {
            l->why[i] = "there is no such table; `weir source discover` shows those that there are";
        } else if (!l->why[i] && !l->tables[i].key_count) {
            l->why[i] = "nothing says which row a change is of; ALTER TABLE … ADD PRIMARY KEY (…)";
        }
    }
    return rc;
}

/* --- the cursor of a table ----------------------------------------------------------------------
 */

struct weir_str weir_my_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_my_followed *t,
                                             const struct weir_source_stream *stream)
{
    struct weir_buf out;
    char hash[17];
    weir_buf_init(&out, 1u << 16);
    snprintf(hash, sizeof hash, "%016" PRIx64, weir_source_options_hash(stream));
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstr(&w, "server", t->server);
    weir_jw_kstrz(&w, "file", t->from.file);
    weir_jw_ku64(&w, "position", t->from.at);
    weir_jw_kstrz(&w, "options", hash);
    weir_jw_kstrz(&w, "shape", t->shape);
    weir_jw_object_end(&w);
    struct weir_str text = weir_arena_dup(arena, weir_buf_str(&out));
    weir_buf_free(&out);
    return text;
}

static int read_table_cursor(struct weir_source_follow_stream *s, struct weir_my_followed *t,
                             const struct weir_source_stream *stream, struct weir_arena *arena,
                             struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    char hash[17];
    int64_t at = 0;
    snprintf(hash, sizeof hash, "%016" PRIx64, weir_source_options_hash(stream));
    weir_buf_init(&buf, 1u << 20);
    weir_buf_adds(&buf, s->cursor);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0) {
        struct weir_str file = weir_json_get_str(root, "file");
        bool others = !weir_str_is(weir_json_get_str(root, "options"), hash);
        bool shaped = !weir_str_is(weir_json_get_str(root, "shape"), t->shape);
        t->why = shaped && !others ? "its columns or its key are not what they were" : NULL;
        s->anew = others || shaped || !file.len || file.len >= sizeof t->from.file ||
                  !weir_json_i64(weir_json_get(root, "position"), &at);
        if (!s->anew) {
            memcpy(t->from.file, file.ptr, file.len);
            t->from.file[file.len] = '\0';
            t->from.at = (uint64_t)at;
            struct weir_str server = weir_json_get_str(root, "server");
            t->server = server.ptr ? weir_arena_dup(arena, server) : server;
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

int weir_my_capture_tables(struct weir_my *my, struct weir_error *err)
{
    struct weir_source_follow *f = my->capture->f;
    struct looking l;
    int rc = look(my, &l, err);
    my->capture->tables = rc ? NULL : l.tables;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_source_follow_stream *s = &f->streams[i];
        struct weir_source_stream stream;
        rc = weir_source_config_stream(f->config, s->name, &stream, err);
        s->refused = weir_str_of(l.why[i] ? l.why[i] : "");
        s->anew = !l.why[i] && !s->cursor.ptr;
        if (rc == 0 && !l.why[i] && s->cursor.ptr) {
            rc = read_table_cursor(s, &l.tables[i], &stream, &f->arena, err);
            for (size_t k = 0; k < my->altered_count; k++) {
                const struct weir_my_altered *a = &my->altered[k];
                s->anew = s->anew || (weir_str_is(s->name, a->name) &&
                                      !weir_my_position_less(&a->at, &l.tables[i].from));
            }
        }
    }
    return rc;
}

int weir_my_capture_same(struct weir_my *my, bool *same, struct weir_error *err)
{
    struct weir_my_capture *c = my->capture;
    struct looking l;
    int rc = look(my, &l, err);
    *same = true;
    for (size_t i = 0; rc == 0 && i < c->f->count; i++) {
        *same = *same && strcmp(l.tables[i].shape, c->tables[i].shape) == 0;
    }
    return rc;
}

/* --- its columns ---------------------------------------------------------------------------------
 */

int weir_my_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err)
{
    struct weir_my *my = connection;
    const struct weir_my_followed *from = &my->capture->tables[stream];
    struct weir_my_table *t = weir_arena_calloc(&out->plan.arena, sizeof *t);
    out->key = weir_arena_calloc(&out->plan.arena, (from->key_count + 1) * sizeof *out->key);
    if (!t || !out->key) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    *t = (struct weir_my_table){.name = my->capture->f->streams[stream].name, .plan = &out->plan};
    out->own = t;
    int rc = weir_my_columns(my, t, &out->plan, err);
    bool said = !out->stream.key.count || out->stream.key.count == from->key_count;
    for (size_t k = 0; rc == 0 && k < from->key_count; k++) {
        size_t index = SIZE_MAX;
        for (size_t i = 0; i < t->column_count; i++) {
            index = weir_str_eq(t->columns[i].name, from->key[k]) ? t->columns[i].index : index;
        }
        out->key[out->key_count++] = index;
        if (index == SIZE_MAX) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "the column \"" WEIR_STR_FMT "\" is of the key of the stream \"%s\"; it "
                           "cannot be left out",
                           WEIR_STR_ARG(from->key[k]), out->stream.name);
        }
        bool named = !out->stream.key.count;
        for (size_t i = 0; rc == 0 && i < out->stream.key.count; i++) {
            named = named || weir_str_is(out->plan.columns[index].name, out->stream.key.items[i]);
        }
        said = said && named;
    }
    out->soft = out->stream.deletes == WEIR_SOURCE_DELETES_SOFT;
    return rc || said ? rc
                      : weir_fail(err, WEIR_EINVAL,
                                  "the `key` of stream \"%s\" must be the table's primary key",
                                  out->stream.name);
}
