/* Mode `history`: each row has a version for each time that it changed, valid from the run that
 * saw it first to the one that saw the next, or that did not see it any more. */
#include <inttypes.h>

#include "source/run/apply_write.h"

static void add_time(struct weir_writing *w)
{
    weir_buf_addf(&w->sql, "make_timestamp(%" PRId64 ")", w->stage->at);
}

int weir_apply_history_columns(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_column own[] = {
        {WEIR_STR(WEIR_SOURCE_FROM), WEIR_TYPE_TIMESTAMP, {0}},
        {WEIR_STR(WEIR_SOURCE_TO), WEIR_TYPE_TIMESTAMP, {0}},
        {WEIR_STR(WEIR_SOURCE_CURRENT), WEIR_TYPE_BOOL, {0}},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = weir_source_find_column(w->a->target, own[i].name)
                 ? 0
                 : weir_session_add_columns(w->session, w->stage->schema, w->target, &own[i], 1,
                                            err);
    }
    return rc;
}

int weir_apply_history_begin(struct weir_writing *w, struct weir_error *err)
{
    bool marked = weir_source_find_column(w->a->target, WEIR_STR(WEIR_SOURCE_DELETED));
    int rc = weir_apply_history_columns(w, err);
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "UPDATE ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " SET " WEIR_SOURCE_FROM " = ");
    if (marked) {
        weir_buf_addz(&w->sql, "CASE WHEN " WEIR_SOURCE_DELETED
                               " IS NOT NULL THEN " WEIR_SOURCE_LOADED_AT " ELSE ");
    }
    add_time(w);
    weir_buf_addz(&w->sql, marked ? " END, " WEIR_SOURCE_TO " = " WEIR_SOURCE_DELETED
                                    ", " WEIR_SOURCE_CURRENT " = " WEIR_SOURCE_DELETED " IS NULL"
                                  : ", " WEIR_SOURCE_CURRENT " = true");
    weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_CURRENT " IS NULL");
    return rc ? rc : weir_apply_exec(w, err);
}

/* UPDATE table SET … WHERE: versions that end now. A clock that was set back ends none before it
 * began. */
static void add_end(struct weir_writing *w)
{
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "UPDATE ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " SET " WEIR_SOURCE_CURRENT " = false, " WEIR_SOURCE_TO " = greatest(");
    add_time(w);
    weir_buf_addz(&w->sql, ", " WEIR_SOURCE_FROM ") WHERE ");
}

static int end_vanished(struct weir_writing *w, struct weir_error *err)
{
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_apply_vanished(w, "old." WEIR_SOURCE_CURRENT);
    int rc = weir_apply_ask(w, &w->a->load->rows_deleted, err);
    if (rc || w->a->load->rows_deleted == 0) {
        return rc;
    }
    add_end(w);
    weir_apply_vanished(w, "old." WEIR_SOURCE_CURRENT);
    return weir_apply_exec(w, err);
}

/* Columns of the stage that the source has, and the table, too. */
static bool compared(const struct weir_writing *w, size_t i)
{
    struct weir_str name = w->stage->columns[i].name;
    return !weir_source_column_reserved(name) && (w->a->stream->contract == WEIR_SOURCE_EVOLVE ||
                                                  weir_source_find_column(w->a->target, name));
}

static int take_out_unchanged(struct weir_writing *w, struct weir_error *err)
{
    weir_buf_addz(&w->sql, "rowid IN (SELECT new.\"weir row\" FROM ");
    weir_apply_new(w, true);
    weir_buf_addz(&w->sql, " JOIN ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS old ON ");
    weir_apply_same_key(w);
    weir_apply_lists_join(w);
    weir_buf_addz(&w->sql, " WHERE old." WEIR_SOURCE_CURRENT);
    weir_apply_lists_same(w);
    for (size_t i = 0; i < w->stage->column_count; i++) {
        if (compared(w, i)) {
            weir_buf_addz(&w->sql, " AND old.");
            weir_sql_ident(&w->sql, w->stage->columns[i].name);
            weir_buf_addz(&w->sql, " IS NOT DISTINCT FROM new.");
            weir_sql_ident(&w->sql, w->stage->columns[i].name);
        }
    }
    for (size_t i = 0; i < w->a->target->column_count; i++) {
        if (weir_apply_emptied(w, w->a->target->columns[i].name)) {
            weir_buf_addz(&w->sql, " AND old.");
            weir_sql_ident(&w->sql, w->a->target->columns[i].name);
            weir_buf_addz(&w->sql, " IS NULL");
        }
    }
    weir_buf_addc(&w->sql, ')');
    return weir_apply_take_out_said(w, &w->a->load->rows_superseded, err);
}

int weir_apply_history_settle(struct weir_writing *w, struct weir_error *err)
{
    int rc = w->ends ? end_vanished(w, err) : 0;
    return rc ? rc : take_out_unchanged(w, err);
}

int weir_apply_history(struct weir_writing *w, struct weir_error *err)
{
    add_end(w);
    weir_buf_addz(&w->sql, "rowid IN (SELECT old.rowid FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS old SEMI JOIN ");
    weir_apply_new(w, false);
    weir_buf_addz(&w->sql, " ON ");
    weir_apply_same_key(w);
    weir_buf_addz(&w->sql, " WHERE old." WEIR_SOURCE_CURRENT ")");
    int rc = weir_apply_exec(w, err);
    weir_buf_addz(&w->sql, "INSERT INTO ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " (" WEIR_SOURCE_FROM ", " WEIR_SOURCE_CURRENT ", ");
    weir_apply_columns(w, "", false);
    weir_buf_addz(&w->sql, ") SELECT ");
    add_time(w);
    weir_buf_addz(&w->sql, ", true, ");
    weir_apply_columns(w, "", true);
    weir_buf_addz(&w->sql, " FROM ");
    weir_apply_stage(w);
    return rc ? rc : weir_apply_exec(w, err);
}
