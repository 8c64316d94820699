#include "source/run/lists.h"

#include <stdlib.h>

#include "source/feed/feed_nest.h"

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the lists of a stream");
}

/* Their rows go when the stream's do, so only the stream's own mode tells what becomes of them. */
static void settle_stream(struct weir_stream_run *c, const struct weir_stream_run *r,
                          const char *name, const char *table)
{
    c->stream = r->stream;
    c->stream.name = name;
    c->stream.table = table;
    c->stream.mode = WEIR_SOURCE_APPEND;
    c->stream.deletes = WEIR_SOURCE_DELETES_NONE;
    c->stream.key = (struct weir_text_list){NULL, 0};
}

/* {"v":1,"child_of":"orders","list":"items__taxes","depth":2,"table":"orders__items__taxes"} */
static int make_cursor(struct weir_stream_run *c, const struct weir_stream_run *r,
                       struct weir_error *err)
{
    const struct weir_feed_nest *n = c->feed->nest;
    struct weir_buf text;
    weir_buf_init(&text, 1u << 16);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "child_of", r->stream.name);
    weir_jw_kstr(&w, "list", n->suffix);
    weir_jw_ki64(&w, "depth", n->depth);
    weir_jw_kstrz(&w, "table", c->stream.table);
    weir_jw_object_end(&w);
    c->plan.cursor = weir_arena_dup(&c->plan.arena, weir_buf_str(&text));
    weir_buf_free(&text);
    return c->plan.cursor.ptr ? 0 : no_memory(err);
}

static int make_plan(struct weir_stream_run *c, const struct weir_stream_run *r,
                     struct weir_error *err)
{
    const char *prefix =
        weir_arena_printf(&c->plan.arena, WEIR_STR_FMT "__", WEIR_STR_ARG(c->feed->nest->suffix));
    c->plan.exclude = &r->stream.exclude;
    c->plan.stop = r->plan.stop;
    c->plan.own = c->feed;
    c->plan.partial = true;
    c->plan.whole =
        !r->target || (r->plan.whole && !weir_source_apply_keeps(&r->stream, r->target));
    int rc = prefix ? weir_feed_plan_columns(c->feed, weir_str_of(prefix), &c->plan, err)
                    : no_memory(err);
    for (size_t i = 0; rc == 0 && r->stream.mode == WEIR_SOURCE_HISTORY && i < c->plan.column_count;
         i++) {
        if (weir_source_of_history(c->plan.columns[i].name)) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "it has a column \"" WEIR_STR_FMT
                           "\", which `mode: history` makes itself; rename it at the source, or "
                           "leave it out by `exclude: [" WEIR_STR_FMT "__" WEIR_STR_FMT "]`",
                           WEIR_STR_ARG(c->plan.columns[i].name),
                           WEIR_STR_ARG(c->feed->nest->suffix),
                           WEIR_STR_ARG(c->plan.columns[i].name));
        }
    }
    return rc ? rc : make_cursor(c, r, err);
}

/* A table that is new beside one that is not is a change of what the stream has. */
static int check_new(struct weir_stream_run *c, struct weir_stream_run *r, struct weir_error *err)
{
    if (c->target || !r->target) {
        return 0;
    }
    if (r->stream.contract == WEIR_SOURCE_FREEZE) {
        return weir_fail(err, WEIR_EINVAL,
                         "the list \"" WEIR_STR_FMT
                         "\" is new, and the contract of stream \"%s\" is freeze: nothing was "
                         "loaded; set `contract: evolve`, or leave it out by `exclude`",
                         WEIR_STR_ARG(c->feed->nest->suffix), r->stream.name);
    }
    return r->stream.contract == WEIR_SOURCE_EVOLVE
               ? weir_source_settled_note(&r->settled, "new table", weir_str_of(c->stream.table),
                                          "", err)
               : 0;
}

/* The column that only the joining with the stream's own rows needs is none of the table's. */
static void hide_row(struct weir_stream_run *c)
{
    size_t n = c->settled.count;
    c->settled.count--; /* it is the last */
    memmove(&c->stage.columns[n - 1], &c->stage.columns[n],
            (c->stage.column_count - n) * sizeof *c->stage.columns);
    c->stage.column_count--;
}

static int stage_list(struct weir_stream_run *r, struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_stream_run *c = calloc(1, sizeof *c);
    if (!c) {
        return no_memory(err);
    }
    r->lists[r->list_count++] = c;
    *c = (struct weir_stream_run){.run = r->run,
                                  .id = r->id,
                                  .config = r->config,
                                  .connection = r->connection,
                                  .session = r->session,
                                  .feed = s,
                                  .parent = r};
    weir_source_plan_init(&c->plan);
    const char *table = weir_arena_printf(&c->plan.arena, "%s__" WEIR_STR_FMT, r->stream.table,
                                          WEIR_STR_ARG(s->nest->suffix));
    if (!table) {
        return no_memory(err);
    }
    settle_stream(c, r, s->name.ptr, table);
    c->load = r->load;
    c->load.stream = s->name.ptr;
    c->load.table = table;
    c->load.source_checksum = c->read_checksum;
    c->load.warehouse_checksum = c->stored_checksum;
    c->load.bytes = c->load.rows_read = 0;
    c->load.changes = WEIR_STR("");
    int rc = weir_stream_run_find_target(c, err);
    rc = rc ? rc : make_plan(c, r, err);
    rc = rc ? rc : check_new(c, r, err);
    rc = rc ? rc : weir_stream_run_stage(c, err);
    if (rc == 0) {
        hide_row(c);
    }
    return rc ? weir_error_prefix(err, rc, "list " WEIR_STR_FMT, WEIR_STR_ARG(s->nest->suffix)) : 0;
}

/* --- which lists there are ----------------------------------------------------------------------
 */

struct known {
    struct weir_str name, list, table;
    int64_t depth;
};

static int read_known(struct weir_stream_run *r, struct known **out, size_t *count,
                      struct weir_error *err)
{
    struct weir_arena *arena = &r->plan.arena;
    struct weir_result *result = NULL;
    struct weir_batch b;
    const struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = weir_str_of(r->config->name)},
                                        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(r->stream.name)}};
    *out = NULL;
    *count = 0;
    int rc = weir_session_query(
        r->session,
        "SELECT stream, json_extract_string(cursor, '$.list'), json_extract_string(cursor, "
        "'$.table'), CAST(json_extract_string(cursor, '$.depth') AS BIGINT) FROM weir.source_state "
        "WHERE source = $1 AND json_extract_string(cursor, '$.child_of') = $2 ORDER BY ALL",
        params, 2, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        struct known *grown = weir_arena_calloc(arena, (*count + b.rows) * sizeof *grown);
        if (!grown) {
            rc = no_memory(err);
            break;
        }
        if (*count) {
            memcpy(grown, *out, *count * sizeof *grown);
        }
        *out = grown;
        for (size_t i = 0; rc == 0 && i < b.rows; i++) {
            struct known *k = &(*out)[(*count)++];
            k->name = weir_arena_dup(arena, b.columns[0].strs[i]);
            k->list = weir_arena_dup(arena, b.columns[1].strs[i]);
            k->table = weir_arena_dup(arena, b.columns[2].strs[i]);
            k->depth = b.columns[3].ints[i];
            rc = k->name.ptr && k->list.ptr && k->table.ptr ? 0 : no_memory(err);
        }
    }
    weir_result_free(result);
    return rc;
}

static bool is_list_of(const struct weir_feed_stream *s, const struct weir_feed_stream *root)
{
    return s->nest && s->nest->parent && s->nest->root == root;
}

static bool is_known(const struct known *known, size_t count, struct weir_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(known[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int take_notes(struct weir_stream_run *r, const struct weir_feed_stream *root,
                      struct weir_error *err)
{
    size_t at;
    int rc = weir_source_settled_add(&r->settled, weir_buf_str(&root->nest->notes), err);
    for (size_t i = 0; rc == 0 && i < root->nest->count; i++) {
        const struct weir_feed_stream *child = root->nest->children[i];
        if (weir_feed_nest_mixed(child, &at)) {
            rc = weir_source_settled_note(&r->settled, "column", root->columns[at].name,
                                          " has the values that are no lists", err);
        }
    }
    r->load.changes = r->settled.changes.len > 2 ? weir_buf_str(&r->settled.changes) : WEIR_STR("");
    return rc;
}

int weir_lists_stage(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_feed_stream *root = r->plan.nest;
    struct known *known;
    size_t count;
    int rc = read_known(r, &known, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) { /* those that do not come any more */
        rc =
            weir_feed_nest_empty(root, known[i].name, known[i].list, (unsigned)known[i].depth, err);
    }
    if (rc) {
        return rc;
    }
    r->lists = calloc(root->feed->stream_count + 1, sizeof(struct weir_stream_run *));
    if (!r->lists) {
        return no_memory(err);
    }
    for (size_t i = 0; rc == 0 && i < root->feed->stream_count; i++) {
        struct weir_feed_stream *s = root->feed->streams[i];
        if (is_list_of(s, root) && (!s->nest->left_out || is_known(known, count, s->name))) {
            rc = stage_list(r, s, err);
        }
    }
    return rc ? rc : take_notes(r, root, err);
}

int weir_lists_each(struct weir_stream_run *r,
                    int (*each)(void *of, struct weir_str list, struct weir_str table,
                                struct weir_error *err),
                    void *of, struct weir_error *err)
{
    struct known *known;
    size_t count;
    int rc = read_known(r, &known, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = each(of, known[i].list, known[i].table, err);
    }
    return rc;
}

int weir_lists_missing(struct weir_stream_run *r, bool *missing, struct weir_error *err)
{
    struct weir_table *tables;
    struct known *known;
    size_t count = 0, table_count = 0;
    *missing = false;
    int rc = r->stream.nested == WEIR_SOURCE_NESTED_TABLES ? read_known(r, &known, &count, err) : 0;
    rc = rc || count == 0
             ? rc
             : weir_session_describe(r->session, &r->plan.arena, &tables, &table_count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        *missing = *missing || !weir_tables_find(tables, table_count,
                                                 weir_str_of(r->config->schema), known[i].table);
    }
    return rc;
}
