/* Tables of lists: their rows are those of the stream's rows that are written, and go with them. */
#include "source/run/apply_write.h"

/* The column that has the id of the stream's own row. */
static const char *root_of(const struct weir_source_apply *list)
{
    for (size_t i = 0; i < list->settled->count; i++) {
        if (weir_str_is(list->settled->columns[i].name, WEIR_SOURCE_ROOT)) {
            return WEIR_SOURCE_ROOT;
        }
    }
    return WEIR_SOURCE_PARENT;
}

/* Lists of rows that have versions have them, too: those of old ones stay. */
static bool is_of_versions(const struct weir_source_apply *list)
{
    return list->up && list->up->stream->mode == WEIR_SOURCE_HISTORY;
}

/* Elements whose row is not in the stage any more. */
static int take_out(struct weir_writing *w, struct weir_writing *list, bool again,
                    struct weir_error *err)
{
    struct weir_buf gone;
    int rc = 0;
    weir_buf_init(&gone, 1u << 20);
    weir_buf_addz(&gone, WEIR_SOURCE_ROW " NOT IN (SELECT rowid FROM ");
    weir_sql_table(&gone, w->stage->schema, w->stage->table);
    weir_buf_addc(&gone, ')');
    if (!again) {
        weir_apply_discards(list, "NULL", "NULL", "the row that the list is in was set aside");
        weir_buf_adds(&list->sql, weir_buf_str(&gone));
        rc = weir_apply_exec(list, err);
    }
    rc = rc ? rc
            : weir_apply_take_out(list, weir_buf_str(&gone),
                                  again ? &list->a->doubled : &list->a->lost, err);
    weir_buf_free(&gone);
    return rc;
}

static int take_out_all(struct weir_writing *w, bool again, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->a->list_count; i++) {
        struct weir_source_apply *a = &w->a->lists[i];
        struct weir_writing list = {.a = a,
                                    .session = w->session,
                                    .stage = a->stage,
                                    .target = weir_str_of(a->stream->table)};
        weir_buf_init(&list.sql, WEIR_APPLY_SQL);
        rc = take_out(w, &list, again, err);
        a->taken = a->taken || list.taken;
        weir_buf_free(&list.sql);
    }
    return rc;
}

static int delete_old(struct weir_writing *w, struct weir_str table, bool anew,
                      struct weir_error *err)
{
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    weir_apply_target(w);
    weir_buf_addf(&w->sql, " AS old WHERE %sEXISTS (SELECT 1 FROM ", anew ? "" : "NOT ");
    weir_sql_table(&w->sql, w->stage->schema, table);
    weir_buf_addf(&w->sql, " AS up WHERE up." WEIR_SOURCE_ID " = old.%s)", root_of(w->a));
    return weir_apply_exec(w, err);
}

int weir_apply_lists_lost(struct weir_writing *w, struct weir_error *err)
{
    for (size_t i = 0; i < w->a->list_count; i++) {
        w->a->lists[i].lost = w->a->lists[i].doubled = 0;
        w->a->lists[i].taken = false;
    }
    return w->a->load->rows_discarded > w->stage->reject_count ? take_out_all(w, false, err) : 0;
}

int weir_apply_lists_doubled(struct weir_writing *w, struct weir_error *err)
{
    return w->a->load->rows_superseded ? take_out_all(w, true, err) : 0;
}

int weir_apply_list_replace(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *up = w->a->up;
    if (!up || !w->a->target || w->a->plan->whole || is_of_versions(w->a)) {
        return 0;
    }
    bool keyed = up->stream->key.count;
    int rc = keyed ? delete_old(w, up->stage->table, true, err) : 0; /* rows that came again */
    bool less = keyed || up->plan->part_count || up->plan->versioned;
    return rc || !less ? rc : delete_old(w, weir_str_of(up->stream->table), false, err);
}

int weir_apply_lists(struct weir_writing *w, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->a->list_count; i++) {
        rc = weir_source_apply_in(&w->a->lists[i], err);
    }
    return rc;
}

bool weir_apply_list_refused(const struct weir_source_apply *a)
{
    bool discards = a->stream->contract == WEIR_SOURCE_DISCARD_ROW ||
                    a->stream->contract == WEIR_SOURCE_DISCARD_VALUE;
    return a->up && a->up->target && !a->target && discards;
}

int weir_apply_refuse_list(struct weir_writing *w, struct weir_error *err)
{
    weir_apply_discards(w, "NULL", "NULL",
                        "the stream has no table for this list (contract: discard)");
    weir_buf_addz(&w->sql, "true");
    int rc = weir_apply_exec(w, err);
    return rc ? rc : weir_apply_take_out(w, WEIR_STR("true"), &w->a->load->rows_discarded, err);
}

/* --- versions -----------------------------------------------------------------------------------
 */

int weir_apply_list_versions(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    if (!is_of_versions(a)) {
        return 0;
    }
    const char *root = root_of(a);
    int rc = weir_apply_history_columns(w, err);
    weir_apply_touch_target(w);
    /* A version that ended took its lists along; one that began is of this load, as they are. */
    weir_buf_addz(&w->sql, "UPDATE ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS list SET " WEIR_SOURCE_FROM " = up." WEIR_SOURCE_FROM
                           ", " WEIR_SOURCE_TO " = up." WEIR_SOURCE_TO ", " WEIR_SOURCE_CURRENT
                           " = up." WEIR_SOURCE_CURRENT " FROM ");
    weir_sql_table(&w->sql, w->stage->schema, weir_str_of(a->up->stream->table));
    weir_buf_addf(&w->sql,
                  " AS up WHERE up." WEIR_SOURCE_ID " = list.%s AND (list." WEIR_SOURCE_CURRENT
                  " IS NULL OR (list." WEIR_SOURCE_CURRENT " AND NOT up." WEIR_SOURCE_CURRENT "))",
                  root);
    return rc ? rc : weir_apply_exec(w, err);
}

/* The value of a column as a text, with its length before it, so that no two rows read alike. */
static void add_text(struct weir_writing *w, struct weir_writing *staged, struct weir_str name,
                     struct weir_str type)
{
    struct weir_buf value;
    weir_buf_init(&value, 1u << 20);
    weir_buf_addz(&value, "CAST(TRY_CAST(");
    if (staged) {
        weir_apply_value(staged, &value, name);
    } else {
        weir_sql_ident(&value, name);
    }
    weir_buf_addf(&value, " AS " WEIR_STR_FMT ") AS VARCHAR)", WEIR_STR_ARG(type));
    weir_buf_addf(&w->sql,
                  " || coalesce(CAST(length(" WEIR_STR_FMT ") AS VARCHAR) || ':' || " WEIR_STR_FMT
                  ", '~')",
                  WEIR_STR_ARG(weir_buf_str(&value)), WEIR_STR_ARG(weir_buf_str(&value)));
    weir_buf_free(&value);
}

static bool is_own(struct weir_str name)
{
    return weir_source_column_reserved(name) || weir_source_of_history(name);
}

static const struct weir_column *staged_column(const struct weir_source_apply *list,
                                               struct weir_str name)
{
    for (size_t i = 0; i < list->stage->column_count; i++) {
        if (weir_str_eq(list->stage->columns[i].name, name)) {
            return &list->stage->columns[i];
        }
    }
    return NULL;
}

/* Of the stage: what the table takes of it. Its elements are fitted behind the stream's rows. */
static void add_condition(struct weir_writing *w, const struct weir_writing *list)
{
    struct weir_buf misfits;
    weir_buf_init(&misfits, WEIR_APPLY_SQL);
    if (list->a->target && list->a->stream->contract == WEIR_SOURCE_DISCARD_ROW) {
        weir_apply_misfits(list, &misfits);
    }
    if (misfits.len) {
        weir_buf_addf(&w->sql, " WHERE NOT " WEIR_STR_FMT, WEIR_STR_ARG(weir_buf_str(&misfits)));
    }
    weir_buf_free(&misfits);
}

/* Is the column left out now (or the whole list: name NULL)? Then it makes no difference. */
static bool is_omitted(const struct weir_source_apply *list, const struct weir_str *name)
{
    const struct weir_source_plan *plan = list->up->plan;
    bool is = false;
    for (size_t i = 0; !is && i < plan->omitted_count; i++) {
        const struct weir_source_omitted *o = &plan->omitted[i];
        is = weir_str_is(o->table, list->stream->table) &&
             (name ? o->column.ptr && weir_str_eq(o->column, *name) : !o->column.ptr);
    }
    return is;
}

/* All elements of each row as one text's hash: in the stage, or in the table. An element's id is
 * that of its row, and its place behind it. */
static void add_hashes(struct weir_writing *w, struct weir_source_apply *list, bool staged)
{
    struct weir_writing own = {.a = list,
                               .session = w->session,
                               .stage = list->stage,
                               .target = weir_str_of(list->stream->table)};
    const struct weir_table *t = list->target;
    const char *root = root_of(list);
    bool evolves = list->stream->contract == WEIR_SOURCE_EVOLVE || !t;
    weir_buf_addf(&w->sql,
                  "(SELECT %s AS id, md5(string_agg(text, '|' ORDER BY text)) AS hash FROM (SELECT "
                  "%s, substr(" WEIR_SOURCE_ID ", length(%s) + 1)",
                  root, root, root);
    for (size_t i = 0; i < list->stage->column_count; i++) {
        const struct weir_column *c = &list->stage->columns[i];
        const struct weir_column *old = weir_source_find_column(t, c->name);
        if (is_own(c->name) || (!evolves && !old)) {
            continue;
        }
        if (!staged && !old) { /* it comes with this load */
            weir_buf_addz(&w->sql, " || '~'");
        } else {
            add_text(w, staged ? &own : NULL, c->name, weir_source_column_sql(evolves ? c : old));
        }
    }
    for (size_t i = 0; t && i < t->column_count; i++) {
        const struct weir_column *old = &t->columns[i];
        if (is_own(old->name) || staged_column(list, old->name) || is_omitted(list, &old->name)) {
            continue;
        }
        if (staged) { /* it does not come any more */
            weir_buf_addz(&w->sql, " || '~'");
        } else {
            add_text(w, NULL, old->name, weir_source_column_sql(old));
        }
    }
    weir_buf_addz(&w->sql, " AS text FROM ");
    weir_sql_table(&w->sql, w->stage->schema,
                   staged ? list->stage->table : weir_str_of(list->stream->table));
    if (staged) {
        add_condition(w, &own);
    } else if (weir_source_find_column(t, WEIR_STR(WEIR_SOURCE_CURRENT))) {
        weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_CURRENT);
    }
    weir_buf_addz(&w->sql, ") GROUP BY id)");
}

void weir_apply_lists_join(struct weir_writing *w)
{
    for (size_t i = 0; i < w->a->list_count; i++) {
        struct weir_source_apply *list = &w->a->lists[i];
        if (weir_apply_list_refused(list) || is_omitted(list, NULL)) {
            continue;
        }
        weir_buf_addz(&w->sql, " LEFT JOIN ");
        add_hashes(w, list, true);
        weir_buf_addf(&w->sql, " AS new%zu ON new%zu.id = new." WEIR_SOURCE_ID, i, i);
        if (list->target) {
            weir_buf_addz(&w->sql, " LEFT JOIN ");
            add_hashes(w, list, false);
            weir_buf_addf(&w->sql, " AS old%zu ON old%zu.id = old." WEIR_SOURCE_ID, i, i);
        }
    }
}

void weir_apply_lists_same(struct weir_writing *w)
{
    for (size_t i = 0; i < w->a->list_count; i++) {
        if (weir_apply_list_refused(&w->a->lists[i]) || is_omitted(&w->a->lists[i], NULL)) {
            continue;
        }
        weir_buf_addf(&w->sql, " AND new%zu.hash IS NOT DISTINCT FROM ", i);
        if (w->a->lists[i].target) {
            weir_buf_addf(&w->sql, "old%zu.hash", i);
        } else {
            weir_buf_addz(&w->sql, "NULL");
        }
    }
}
