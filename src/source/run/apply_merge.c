/* Modes that know a row by its key: one version of each. */
#include <inttypes.h>

#include "source/run/apply_write.h"

int weir_apply_empty_keys(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_text_list *key = &w->a->stream->key;
    struct weir_buf empty;
    weir_buf_init(&empty, 1u << 20);
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&empty, i ? " OR " : "(");
        weir_apply_value(w, &empty, weir_str_of(key->items[i]));
        weir_buf_addz(&empty, " IS NULL");
    }
    weir_buf_addc(&empty, ')');
    weir_apply_discards(w, "NULL", "NULL", "a column of the key is empty");
    weir_buf_adds(&w->sql, weir_buf_str(&empty));
    int rc = weir_apply_exec(w, err);
    rc = rc ? rc : weir_apply_take_out(w, weir_buf_str(&empty), &w->a->load->rows_discarded, err);
    weir_buf_free(&empty);
    return rc;
}

int weir_apply_older_keys(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_text_list *key = &w->a->stream->key;
    struct weir_buf older;
    weir_buf_init(&older, 1u << 20);
    weir_buf_addz(&older, "rowid NOT IN (SELECT max(rowid) FROM ");
    weir_sql_table(&older, w->stage->schema, w->stage->table);
    weir_buf_addz(&older, " GROUP BY ");
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&older, i ? ", " : "");
        weir_apply_value(w, &older, weir_str_of(key->items[i]));
    }
    weir_buf_addc(&older, ')');
    int rc = weir_apply_take_out(w, weir_buf_str(&older), &w->a->load->rows_superseded, err);
    weir_buf_free(&older);
    return rc;
}

static bool is_key(const struct weir_writing *w, struct weir_str name)
{
    for (size_t i = 0; i < w->a->stream->key.count; i++) {
        if (weir_str_is(name, w->a->stream->key.items[i])) {
            return true;
        }
    }
    return false;
}

void weir_apply_same_key(struct weir_writing *w)
{
    const struct weir_text_list *key = &w->a->stream->key;
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&w->sql, i ? " AND old." : "old.");
        weir_sql_ident(&w->sql, weir_str_of(key->items[i]));
        weir_buf_addz(&w->sql, " = new.");
        weir_sql_ident(&w->sql, weir_str_of(key->items[i]));
    }
}

/* Rows that loads of this run merged before do not have the columns that came only now. */
static int empty_late(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_plan *plan = w->a->plan;
    bool any = false;
    weir_buf_addz(&w->sql, "UPDATE ");
    weir_apply_target(w);
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        if (c->late && weir_source_find_column(w->a->target, c->name)) {
            weir_buf_addz(&w->sql, any ? ", " : " SET ");
            weir_sql_ident(&w->sql, c->name);
            weir_buf_addz(&w->sql, " = NULL");
            any = true;
        }
    }
    weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_RUN " = ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->run));
    weir_buf_addf(&w->sql, " AND " WEIR_SOURCE_LOADED_AT " < make_timestamp(%" PRId64 ")",
                  w->stage->at);
    if (!any) {
        weir_buf_reset(&w->sql);
        return 0;
    }
    return weir_apply_exec(w, err);
}

int weir_apply_merge(struct weir_writing *w, struct weir_error *err)
{
    bool evolves = w->a->stream->contract == WEIR_SOURCE_EVOLVE;
    weir_apply_touch_target(w);
    int rc = empty_late(w, err);
    if (rc) {
        return rc;
    }
    weir_buf_addz(&w->sql, "MERGE INTO ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS old USING ");
    weir_apply_new(w, false);
    weir_buf_addz(&w->sql, " ON ");
    weir_apply_same_key(w);
    weir_buf_addz(&w->sql, " WHEN MATCHED THEN UPDATE SET ");
    bool any = false; /* weir's own columns are always among them */
    for (size_t i = 0; i < w->stage->column_count; i++) {
        struct weir_str name = w->stage->columns[i].name;
        if (is_key(w, name) || (!evolves && !weir_source_find_column(w->a->target, name))) {
            continue;
        }
        weir_buf_addz(&w->sql, any ? ", " : "");
        weir_sql_ident(&w->sql, name);
        weir_buf_addz(&w->sql, " = new.");
        weir_sql_ident(&w->sql, name);
        any = true;
    }
    for (size_t i = 0; i < w->a->target->column_count; i++) {
        if (weir_apply_emptied(w, w->a->target->columns[i].name)) {
            weir_buf_addz(&w->sql, ", ");
            weir_sql_ident(&w->sql, w->a->target->columns[i].name);
            weir_buf_addz(&w->sql, " = NULL");
        }
    }
    if (weir_source_find_column(w->a->target, WEIR_STR(WEIR_SOURCE_DELETED))) {
        weir_buf_addz(&w->sql, ", " WEIR_SOURCE_DELETED " = NULL"); /* it is back */
    }
    weir_buf_addz(&w->sql, " WHEN NOT MATCHED THEN INSERT (");
    weir_apply_columns(w, "", false);
    weir_buf_addz(&w->sql, ") VALUES (");
    weir_apply_columns(w, "new.", false);
    weir_buf_addc(&w->sql, ')');
    return weir_apply_exec(w, err);
}

/* --- rows that are gone at the source -----------------------------------------------------------
 */

void weir_apply_vanished(struct weir_writing *w, const char *live)
{
    weir_buf_addz(&w->sql, "rowid IN (SELECT old.rowid FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS old ANTI JOIN ");
    weir_apply_new(w, false);
    weir_buf_addz(&w->sql, " ON ");
    weir_apply_same_key(w);
    weir_buf_addf(&w->sql, " WHERE %s)", live);
}

int weir_apply_mark_column(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_column mark = {WEIR_STR(WEIR_SOURCE_DELETED), WEIR_TYPE_TIMESTAMP, {0}};
    return weir_session_add_columns(w->session, w->stage->schema, w->target, &mark, 1, err);
}

int weir_apply_deletes(struct weir_writing *w, struct weir_error *err)
{
    bool soft = w->a->stream->deletes == WEIR_SOURCE_DELETES_SOFT;
    const char *live = soft ? "old." WEIR_SOURCE_DELETED " IS NULL" : "true";
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_apply_vanished(w, live);
    int rc = weir_apply_ask(w, &w->a->load->rows_deleted, err);
    if (rc || w->a->load->rows_deleted == 0) {
        return rc;
    }
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, soft ? "UPDATE " : "DELETE FROM ");
    weir_apply_target(w);
    if (soft) {
        weir_buf_addf(&w->sql, " SET " WEIR_SOURCE_DELETED " = make_timestamp(%" PRId64 ")",
                      w->stage->at);
    }
    weir_buf_addz(&w->sql, " WHERE ");
    weir_apply_vanished(w, live);
    return weir_apply_exec(w, err);
}
