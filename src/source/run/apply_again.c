/* Rows of a program that is asked for what is new, and gives what it gave last once more: taps and
 * Airbyte's sources read the greatest value of their cursor again, as others may have come with it.
 * Where no key tells rows apart, those that are as rows of the table are not added again. */
#include "source/run/apply_write.h"

/* Columns that tell a row apart from others: of weir's own, its version, since rows of older ones
 * go. */
static bool tells(const struct weir_writing *w, const struct weir_column *c)
{
    return (weir_str_is(c->name, WEIR_SOURCE_VERSION) || !weir_source_column_reserved(c->name)) &&
           weir_source_stage_has(w->stage, c->name);
}

static void add_columns(struct weir_writing *w, const char *before)
{
    const struct weir_table *t = w->a->target;
    bool any = false;
    for (size_t i = 0; i < t->column_count; i++) {
        if (tells(w, &t->columns[i])) {
            weir_buf_addz(&w->sql, any ? ", " : "");
            weir_buf_addz(&w->sql, before);
            weir_sql_ident(&w->sql, t->columns[i].name);
            any = true;
        }
    }
}

static void add_empty(struct weir_writing *w, struct weir_str name)
{
    weir_buf_addz(&w->sql, " AND ");
    weir_sql_ident(&w->sql, name);
    weir_buf_addz(&w->sql, " IS NULL");
}

/* One row of the table for each that came: of three equal ones, where two are there, one is new. */
static void add_condition(struct weir_writing *w)
{
    const struct weir_table *t = w->a->target;
    struct weir_str by = w->a->plan->again;
    weir_buf_addz(&w->sql, "rowid IN (SELECT new.\"weir row\" FROM (SELECT *, row_number() OVER "
                           "(PARTITION BY ");
    add_columns(w, "");
    weir_buf_addz(&w->sql, ") AS \"weir nth\" FROM ");
    weir_apply_new(w, true);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_sql_ident(&w->sql, by);
    weir_buf_addz(&w->sql, " <= (SELECT max(");
    weir_sql_ident(&w->sql, by);
    weir_buf_addz(&w->sql, ") FROM ");
    weir_apply_target(w);
    weir_buf_addc(&w->sql, ')');
    for (size_t i = 0; i < w->stage->column_count; i++) { /* what rows of the table never had */
        struct weir_str name = w->stage->columns[i].name;
        if (w->a->stream->contract == WEIR_SOURCE_EVOLVE && !weir_source_find_column(t, name)) {
            add_empty(w, name);
        }
    }
    weir_buf_addz(&w->sql, ") AS new JOIN (SELECT ");
    add_columns(w, "");
    weir_buf_addz(&w->sql, ", count(*) AS \"weir nth\" FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_sql_ident(&w->sql, by);
    weir_buf_addz(&w->sql, " >= (SELECT min(");
    weir_sql_ident(&w->sql, by);
    weir_buf_addz(&w->sql, ") FROM ");
    weir_apply_new(w, false);
    weir_buf_addc(&w->sql, ')');
    for (size_t i = 0; i < t->column_count; i++) {
        if (!weir_source_column_reserved(t->columns[i].name) && !tells(w, &t->columns[i])) {
            add_empty(w, t->columns[i].name);
        }
    }
    weir_buf_addz(&w->sql, " GROUP BY ");
    add_columns(w, "");
    weir_buf_addz(&w->sql, ") AS old ON new.\"weir nth\" <= old.\"weir nth\"");
    for (size_t i = 0; i < t->column_count; i++) {
        if (tells(w, &t->columns[i])) {
            weir_buf_addz(&w->sql, " AND new.");
            weir_sql_ident(&w->sql, t->columns[i].name);
            weir_buf_addz(&w->sql, " IS NOT DISTINCT FROM old.");
            weir_sql_ident(&w->sql, t->columns[i].name);
        }
    }
    weir_buf_addc(&w->sql, ')');
}

int weir_apply_again(struct weir_writing *w, struct weir_error *err)
{
    struct weir_str by = w->a->plan->again;
    const struct weir_column *column =
        by.len && w->a->target ? weir_source_find_column(w->a->target, by) : NULL;
    if (!column || !tells(w, column)) {
        return 0;
    }
    add_condition(w);
    return weir_apply_take_out_said(w, &w->a->load->rows_superseded, err);
}
