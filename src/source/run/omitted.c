/* Columns, and lists, that are left out now (`exclude`), and that the table has values of: of a
 * time when they were not. They are emptied, in each version and in marked rows, too. */
#include "source/run/omitted.h"

#include <stdlib.h>

#include "source/run/lists.h"

#define MAX_SQL (4u << 20)

/* --- what there is ------------------------------------------------------------------------------
 */

static int has_rows(struct weir_session *session, const struct weir_table *t,
                    const struct weir_str *column, bool *has, struct weir_error *err)
{
    struct weir_buf sql;
    uint64_t rows = 0;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, "SELECT count(*) FROM (SELECT 1 FROM ");
    weir_sql_table(&sql, t->schema, t->name);
    if (column) {
        weir_buf_addz(&sql, " WHERE ");
        weir_sql_ident(&sql, *column);
        weir_buf_addz(&sql, " IS NOT NULL");
    }
    weir_buf_addz(&sql, " LIMIT 1)");
    int rc = weir_session_number_buf(session, &sql, &rows, err);
    weir_buf_free(&sql);
    *has = rows > 0;
    return rc;
}

static int add_omitted(struct weir_source_plan *plan, struct weir_str table,
                       const struct weir_str *column, struct weir_error *err)
{
    size_t n = plan->omitted_count;
    struct weir_source_omitted *grown = weir_arena_calloc(&plan->arena, (n + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the columns that are left out");
    }
    if (n) {
        memcpy(grown, plan->omitted, n * sizeof *grown);
    }
    grown[n].table = table;
    grown[n].column = column ? *column : (struct weir_str){NULL, 0};
    plan->omitted = grown;
    plan->omitted_count++;
    return 0;
}

/* "items__price" of the list "items". */
static bool is_excluded(const struct weir_source_stream *stream,
                        const struct weir_source_plan *plan, struct weir_str list,
                        struct weir_str name)
{
    bool is = false;
    for (size_t i = 0; !is && i < stream->exclude.count; i++) {
        struct weir_str one = weir_str_of(stream->exclude.items[i]);
        struct weir_str start = {one.ptr, list.len};
        struct weir_str rest = {one.ptr + list.len + 2, one.len - list.len - 2};
        is = list.len == 0
                 ? weir_str_eq_nocase(one, name) ||
                       (plan->excluded && weir_str_eq(plan->excluded[i], name))
                 : one.len > list.len + 2 && weir_str_eq(start, list) &&
                       memcmp(one.ptr + list.len, "__", 2) == 0 && weir_str_eq_nocase(rest, name);
    }
    return is;
}

/* A list, or one that it is in. */
static bool is_list_excluded(const struct weir_source_stream *stream, struct weir_str list)
{
    bool is = false;
    for (size_t i = 0; !is && i < stream->exclude.count; i++) {
        struct weir_str one = weir_str_of(stream->exclude.items[i]);
        is = weir_str_eq(one, list) || (list.len > one.len + 2 && weir_str_starts(list, one) &&
                                        memcmp(list.ptr + one.len, "__", 2) == 0);
    }
    return is;
}

static bool is_read(const struct weir_source_plan *plan, struct weir_str name)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        if (weir_str_eq_nocase(plan->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int look(struct weir_stream_run *r, const struct weir_table *t, struct weir_str list,
                struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->column_count; i++) {
        struct weir_str name = t->columns[i].name;
        bool own = weir_source_column_reserved(name) ||
                   (r->stream.mode == WEIR_SOURCE_HISTORY && weir_source_of_history(name));
        bool has = false;
        if (!own && is_excluded(&r->stream, &r->plan, list, name) &&
            (list.len || !is_read(&r->plan, name))) {
            rc = has_rows(r->session, t, &name, &has, err);
            rc = rc || !has ? rc : add_omitted(&r->plan, t->name, &name, err);
        }
    }
    return rc;
}

static int look_at_list(void *of, struct weir_str list, struct weir_str table,
                        struct weir_error *err)
{
    struct weir_stream_run *r = of;
    const struct weir_table *t = NULL;
    bool has = false;
    int rc = weir_session_describe_table(r->session, weir_str_of(r->config->schema), table,
                                         &r->plan.arena, &t, err);
    if (rc || !t) {
        return rc;
    }
    if (!is_list_excluded(&r->stream, list)) {
        return look(r, t, list, err);
    }
    rc = has_rows(r->session, t, NULL, &has, err);
    return rc || !has ? rc : add_omitted(&r->plan, t->name, NULL, err);
}

int weir_source_omitted_find(struct weir_stream_run *r, struct weir_error *err)
{
    if (!r->target || !r->stream.exclude.count) {
        return 0;
    }
    int rc = look(r, r->target, WEIR_STR(""), err);
    return rc ? rc : weir_lists_each(r, look_at_list, r, err);
}

int weir_source_omitted_say(struct weir_stream_run *r, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->plan.omitted_count; i++) {
        const struct weir_source_omitted *l = &r->plan.omitted[i];
        bool own = weir_str_is(l->table, r->stream.table);
        const char *more = !l->column.ptr ? " is left out now; its rows were removed"
                           : own          ? " is left out now; its values were removed"
                                          : weir_arena_printf(&r->plan.arena,
                                                              " of " WEIR_STR_FMT
                                                              " is left out now; its values were removed",
                                                              WEIR_STR_ARG(l->table));
        rc = more ? weir_source_settled_note(&r->settled, l->column.ptr ? "column" : "table",
                                             l->column.ptr ? l->column : l->table, more, err)
                  : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    return rc;
}

/* --- emptying -----------------------------------------------------------------------------------
 */

/* Rows that were set aside hold them, too: `value` of that column, and all of the row. */
static int empty_discards(struct weir_session *session, struct weir_str column, const char *source,
                          const char *stream, struct weir_error *err)
{
    struct weir_buf sql, quoted, patch;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_init(&quoted, 1u << 16);
    weir_buf_init(&patch, 1u << 16);
    weir_json_quote(&quoted, column);
    weir_buf_addf(&patch, "{" WEIR_STR_FMT ":null}", WEIR_STR_ARG(weir_buf_str(&quoted)));
    weir_session_touch(session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    weir_buf_addz(&sql, "UPDATE weir.source_discards SET value = CASE WHEN column_name = ");
    weir_sql_text(&sql, column);
    weir_buf_addz(&sql, " THEN NULL ELSE value END, row_json = json_merge_patch(row_json, ");
    weir_sql_text(&sql, weir_buf_str(&patch));
    weir_buf_addz(&sql, ") WHERE source = ");
    weir_sql_text(&sql, weir_str_of(source));
    weir_buf_addz(&sql, " AND stream = ");
    weir_sql_text(&sql, weir_str_of(stream));
    weir_buf_addz(&sql, " AND (column_name = ");
    weir_sql_text(&sql, column);
    weir_buf_addz(&sql, " OR contains(CAST(row_json AS VARCHAR), ");
    weir_sql_text(&sql, weir_buf_str(&quoted));
    weir_buf_addz(&sql, "))");
    int rc = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    weir_buf_free(&quoted);
    weir_buf_free(&patch);
    return rc;
}

int weir_source_omitted_empty(struct weir_session *session, struct weir_str schema,
                              const struct weir_source_omitted *o,
                              const struct weir_source_load *load, bool anew,
                              struct weir_error *err)
{
    struct weir_buf sql;
    bool own = weir_str_is(o->table, load->table);
    int rc = 0;
    weir_buf_init(&sql, MAX_SQL);
    if (!own || !anew) {
        weir_session_touch(session, schema, o->table);
        weir_buf_addz(&sql, o->column.ptr ? "UPDATE " : "DELETE FROM ");
        weir_sql_table(&sql, schema, o->table);
        if (o->column.ptr) {
            weir_buf_addz(&sql, " SET ");
            weir_sql_ident(&sql, o->column);
            weir_buf_addz(&sql, " = NULL WHERE ");
            weir_sql_ident(&sql, o->column);
            weir_buf_addz(&sql, " IS NOT NULL");
        }
        rc = weir_session_exec_buf(session, &sql, err);
    }
    weir_buf_free(&sql);
    return rc || !own || !o->column.ptr
               ? rc
               : empty_discards(session, o->column, load->source, load->stream, err);
}

static int empty_once(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_source_load *l = &r->load;
    int rc = weir_session_begin(r->session, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < r->plan.omitted_count; i++) {
        rc = weir_source_omitted_empty(r->session, weir_str_of(r->config->schema),
                                       &r->plan.omitted[i], l, false, err);
    }
    l->ended_at = weir_now();
    l->status = "loaded";
    rc = rc ? rc : weir_source_ledger_add(r->session, l, err);
    rc = rc || !r->plan.cursor.len
             ? rc
             : weir_source_ledger_set_cursor(r->session, l->source, l->stream, l->schema, l->run,
                                             r->plan.cursor, l->ended_at, err);
    rc = rc ? rc : weir_session_commit(r->session, err);
    if (rc) {
        weir_session_rollback(r->session);
    }
    return rc;
}

int weir_source_omitted_load(struct weir_stream_run *r, struct weir_error *err)
{
    if (r->plan.omitted_count == 0) {
        return 0;
    }
    weir_buf_init(&r->settled.changes, MAX_SQL);
    weir_buf_addz(&r->settled.changes, "[]");
    int rc = weir_stream_run_say(r, r->plan.changed, err);
    rc = rc ? rc : weir_source_omitted_say(r, err);
    r->load.bytes = 0;
    r->load.changes = weir_buf_str(&r->settled.changes);
    for (int i = 0; rc == 0 && i < WEIR_SOURCE_TRIES; i++) {
        rc = empty_once(r, err);
        if (rc != WEIR_EAGAIN || i + 1 == WEIR_SOURCE_TRIES) {
            break;
        }
        rc = 0;
    }
    return rc;
}

static int load_of_feed(struct weir_feed *feed, struct weir_stream_run *r, struct weir_jw *w,
                        struct weir_error *err)
{
    r->feed = weir_map_get(&feed->by_name, weir_str_of(r->stream.name));
    const struct weir_source_load *loaded = r->feed ? r->feed->loaded : NULL;
    if (loaded && strcmp(loaded->status, "unchanged") != 0) {
        return 0; /* its own load did that, or failed */
    }
    int rc = weir_stream_run_find_target(r, err);
    rc = rc ? rc : weir_source_omitted_find(r, err);
    rc = rc ? rc : weir_source_omitted_load(r, err);
    if (rc == 0 && r->plan.omitted_count && r->feed) {
        rc = weir_feed_add_up(feed, r, err);
    } else if (rc == 0 && r->plan.omitted_count) {
        weir_source_load_print(&r->load, w);
    }
    return rc;
}

int weir_source_omitted_feed(const struct weir_stream_run *like, struct weir_feed *feed,
                             struct weir_source_config *config, struct weir_jw *w,
                             struct weir_error *err)
{
    struct weir_stream_run *r = calloc(1, sizeof *r);
    int rc = r ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    for (size_t i = 0; rc == 0 && i < feed->wanted_count; i++) {
        const struct weir_feed_wanted *wanted = &feed->wanted[i];
        if (wanted->there && wanted->stream.exclude.count) {
            rc = weir_stream_run_init(r, like->run, like->id, config,
                                      weir_str_of(wanted->stream.name), err);
            r->session = like->session;
            rc = rc ? rc : load_of_feed(feed, r, w, err);
            weir_stream_run_free(r);
        }
    }
    free(r);
    return rc;
}
