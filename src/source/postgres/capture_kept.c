/* What a table's cursor keeps of it, and whether the table is good as it is, now that it is as it
 * is at its source. */
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "csv/columns.h"
#include "source/postgres/capture.h"
#include "source/run/mark.h"

#define MAX_CURSOR (16u << 20)

struct numbered { /* a column; of labels, number and type are the label's number and text */
    int64_t number;
    struct weir_str type, name;
    struct weir_str made; /* its name in the warehouse */
};
struct numbered_list {
    struct numbered *items;
    size_t count;
    int64_t most; /* number, of all columns that the table ever had */
};

static int read_list(struct weir_json list, struct weir_arena *arena, struct numbered_list *out,
                     struct weir_error *err)
{
    struct weir_json column, member;
    *out = (struct numbered_list){
        .items = weir_arena_calloc(arena, (weir_json_count(list) + 1) * sizeof *out->items)};
    struct weir_json_iter it = weir_json_begin(list);
    while (out->items && weir_json_next(&it, NULL, &column)) {
        struct numbered *n = &out->items[out->count++];
        struct weir_json_iter parts = weir_json_begin(column);
        struct weir_str text = WEIR_STR("");
        for (int i = 0; weir_json_next(&parts, NULL, &member); i++) {
            if (i == 0) {
                (void)weir_json_i64(member, &n->number);
            } else if (weir_json_str(member, &text)) {
                *(i == 1 ? &n->type : &n->name) = weir_arena_dup(arena, text);
            }
        }
        out->most = n->number > out->most ? n->number : out->most;
    }
    return out->items ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns of a table");
}

/* Also gives them the names that weir_pg_columns does. */
static int read_columns(struct weir_json list, struct weir_arena *arena, struct numbered_list *out,
                        struct weir_error *err)
{
    int rc = read_list(list, arena, out, err);
    struct weir_str *names = rc ? NULL : weir_arena_calloc(arena, (out->count + 1) * sizeof *names);
    struct weir_column *made =
        rc ? NULL : weir_arena_calloc(arena, (out->count + 1) * sizeof *made);
    if (rc || !names || !made) {
        return rc ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the columns of a table");
    }
    for (size_t i = 0; i < out->count; i++) {
        names[i] = out->items[i].name;
    }
    rc = weir_csv_name_columns(arena, names, out->count, made, err);
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        out->items[i].made = made[i].name;
    }
    return rc;
}

static const struct numbered *find_number(const struct numbered_list *list, int64_t number)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].number == number) {
            return &list->items[i];
        }
    }
    return NULL;
}

static bool has_column(const struct weir_table *table, struct weir_str name)
{
    for (size_t i = 0; table && i < table->column_count; i++) {
        if (weir_str_eq_nocase(table->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Is the table good as it is, when its columns were those and are these? Names and types of those
 * that stayed must be the same. New ones must be behind, have no value in older rows, and none in
 * the warehouse either, where a column of that name, which is gone, has left some. */
static bool still_fits(const struct numbered_list *was, const struct numbered_list *now,
                       const struct weir_pg_followed *t, const struct weir_table *table)
{
    bool fits = t->missing <= was->most;
    for (size_t i = 0; fits && i < now->count; i++) {
        const struct numbered *n = &now->items[i], *old = find_number(was, n->number);
        fits = old ? weir_str_eq(old->type, n->type) && weir_str_eq(old->name, n->name) &&
                         weir_str_eq(old->made, n->made)
                   : n->number > was->most && t->kind == 'r' && !has_column(table, n->made);
    }
    return fits;
}

/* An enum's label that has another text now has it in all older rows, too. */
static bool same_labels(const struct numbered_list *was, const struct numbered_list *now)
{
    for (size_t i = 0; i < was->count; i++) {
        const struct numbered *n = find_number(now, was->items[i].number);
        if (n && !weir_str_eq(n->type, was->items[i].type)) {
            return false;
        }
    }
    return true;
}

/* --- the cursor of a table ----------------------------------------------------------------------
 *
 * {"v":1,"from":LSN,"options":HEX,"shape":HEX,"columns":[…],"most":NUMBER,"labels":[…]} */

static struct weir_str write_cursor(struct weir_arena *arena, const struct weir_pg_followed *t,
                                    const char *options, uint64_t from)
{
    char lsn[WEIR_PG_LSN_SIZE];
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_pg_lsn_format(from, lsn);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "from", lsn);
    weir_jw_kstrz(&w, "options", options);
    weir_jw_kstr(&w, "shape", t->shape);
    weir_jw_keyz(&w, "columns");
    weir_jw_raw(&w, t->columns);
    weir_jw_ki64(&w, "most", t->most);
    if (t->labels.len) {
        weir_jw_keyz(&w, "labels");
        weir_jw_raw(&w, t->labels);
    }
    weir_jw_object_end(&w);
    struct weir_str text =
        weir_buf_ok(&out) ? weir_arena_dup(arena, weir_buf_str(&out)) : (struct weir_str){NULL, 0};
    weir_buf_free(&out);
    return text;
}

static void hash_options(const struct weir_source_stream *s, char out[17])
{
    snprintf(out, 17, "%016" PRIx64,
             weir_hash64(&s->deletes, sizeof s->deletes, weir_source_options_hash(s)));
}

struct weir_str weir_pg_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_pg_followed *t,
                                             const struct weir_source_stream *stream, uint64_t from)
{
    char options[17];
    hash_options(stream, options);
    return write_cursor(arena, t, options, from);
}

struct kept { /* what a cursor says */
    struct weir_str options, shape;
    struct numbered_list columns, labels;
    uint64_t from;
    bool known; /* `from` */
};

static int parse(struct weir_json_parser *parser, struct weir_str text, struct weir_json *out,
                 struct weir_error *err)
{
    struct weir_buf buf;
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, text);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), out, err);
    weir_buf_free(&buf);
    return rc;
}

/* What the last load or run kept of it. */
static int parse_kept(struct weir_json_parser *parser, struct weir_arena *arena,
                      struct weir_str cursor, struct kept *out, struct weir_error *err)
{
    struct weir_json root;
    int rc = parse(parser, cursor, &root, err);
    if (rc) {
        return rc;
    }
    out->options = weir_arena_dup(arena, weir_json_get_str(root, "options"));
    out->shape = weir_arena_dup(arena, weir_json_get_str(root, "shape"));
    out->known = weir_pg_lsn_read(weir_json_get_str(root, "from"), &out->from);
    struct weir_json labels = weir_json_get(root, "labels");
    rc = read_columns(weir_json_get(root, "columns"), arena, &out->columns, err);
    rc = rc ? rc : read_list(labels, arena, &out->labels, err);
    (void)weir_json_i64(weir_json_get(root, "most"), &out->columns.most);
    return rc;
}

static int read_now(struct weir_arena *arena, const struct weir_pg_followed *t,
                    struct numbered_list *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json list;
    *out = (struct numbered_list){.count = 0};
    int rc = t->columns.len ? parse(parser, t->columns, &list, err) : 0;
    rc = rc || !t->columns.len ? rc : read_columns(list, arena, out, err);
    weir_json_parser_free(parser);
    return rc;
}

int weir_pg_capture_compare(struct weir_source_follow *f, struct weir_source_follow_stream *s,
                            struct weir_pg_followed *t, const struct weir_source_stream *stream,
                            struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    const struct weir_table *table = weir_tables_find(
        f->tables, f->table_count, weir_str_of(f->config->schema), weir_str_of(stream->table));
    struct kept kept = {.known = false};
    struct numbered_list now = {.count = 0}, labels = {.count = 0};
    struct weir_json list;
    char options[17];
    hash_options(stream, options);
    int rc = parse_kept(parser, &f->arena, s->cursor, &kept, err);
    rc = rc ? rc : read_now(&f->arena, t, &now, err);
    if (rc == 0 && t->labels.len) {
        rc = parse(parser, t->labels, &list, err);
        rc = rc ? rc : read_list(list, &f->arena, &labels, err);
    }
    if (rc == 0) {
        t->from = kept.from;
        s->anew = !kept.known || !weir_str_is(kept.options, options) ||
                  !weir_str_eq(kept.shape, t->shape) || !same_labels(&kept.labels, &labels) ||
                  !still_fits(&kept.columns, &now, t, table);
    }
    bool same = kept.columns.count == now.count && kept.columns.most == t->most &&
                kept.labels.count == labels.count;
    for (size_t i = 0; same && i < now.count; i++) {
        same = kept.columns.items[i].number == now.items[i].number;
    }
    for (size_t i = 0; same && i < labels.count; i++) {
        same = kept.labels.items[i].number == labels.items[i].number;
    }
    if (rc == 0 && !s->anew && !same) {
        s->changed = write_cursor(&f->arena, t, options, t->from);
        rc = s->changed.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    weir_json_parser_free(parser);
    return rc;
}

int weir_pg_capture_hides_rowid(struct weir_arena *arena, const struct weir_pg_followed *t,
                                const struct weir_text_list *exclude, bool *hides,
                                struct weir_error *err)
{
    struct numbered_list columns;
    int rc = read_now(arena, t, &columns, err);
    *hides = false;
    for (size_t i = 0; rc == 0 && !t->key.len && i < columns.count; i++) {
        *hides = *hides || weir_str_is(columns.items[i].made, "rowid");
    }
    for (size_t i = 0; *hides && i < exclude->count; i++) {
        *hides = strcmp(exclude->items[i], "rowid") != 0;
    }
    return rc;
}
