/* Tables of lists: their rows are those of the stream's rows that are written, and go with them. */
#include "source/apply_write.h"

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
    if (!up || !w->a->target || w->a->plan->whole) {
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
