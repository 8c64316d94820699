/* What does not fit its column, and the columns that the table gets. */
#include "base/number.h"
#include "source/run/apply_write.h"

/* Does this column of the stage have another type than the table's, or none there? */
static bool misfits(const struct weir_writing *w, size_t i, const struct weir_column **old)
{
    const struct weir_column *c = &w->a->settled->columns[i];
    *old = weir_source_find_column(w->a->target, c->name);
    return !*old || !weir_source_same_type(*old, c);
}

/* The value as another type; NULL: it is none. */
static void add_try(struct weir_buf *sql, const struct weir_column *c, struct weir_str type)
{
    weir_buf_addz(sql, "TRY_CAST(");
    weir_sql_ident(sql, c->name);
    weir_buf_addf(sql, " AS " WEIR_STR_FMT ")", WEIR_STR_ARG(type));
}

/* A number of so many digits behind the point at most, or one that is written by its power of ten
 * and is a double that all numbers around it have. */
static void add_rounded(struct weir_buf *sql, const struct weir_column *c,
                        const struct weir_column *old, unsigned scale)
{
    weir_buf_addz(sql, " OR NOT (regexp_full_match(");
    weir_sql_ident(sql, c->name);
    weir_buf_addf(sql, ", '\\s*[+-]?[0-9]*([.][0-9]{0,%u}0*)?\\s*') OR coalesce(", scale);
    add_try(sql, c, WEIR_STR("DOUBLE"));
    weir_buf_addz(sql, " = CAST(");
    add_try(sql, c, old->type_name);
    weir_buf_addz(sql, " AS DOUBLE) AND abs(");
    add_try(sql, c, WEIR_STR("DOUBLE"));
    weir_buf_addz(sql, ") <= 9007199254740992, false))");
}

/* Of a text that the column's type can read: is something of it lost? */
static void add_loss(struct weir_buf *sql, const struct weir_column *c,
                     const struct weir_column *old)
{
    unsigned precision, scale = 0;
    if (old->type == WEIR_TYPE_INT || weir_number_decimal(old->type_name, &precision, &scale)) {
        add_rounded(sql, c, old, scale);
    } else if (old->type == WEIR_TYPE_DOUBLE) { /* a whole number beyond 2^53 */
        weir_buf_addz(sql, " OR (regexp_full_match(");
        weir_sql_ident(sql, c->name);
        weir_buf_addz(sql, ", '\\s*[+-]?[0-9]+\\s*') AND TRY_CAST(");
        add_try(sql, c, WEIR_STR("DOUBLE"));
        weir_buf_addz(sql, " AS HUGEINT) IS DISTINCT FROM ");
        add_try(sql, c, WEIR_STR("HUGEINT"));
        weir_buf_addc(sql, ')');
    } else if (old->type == WEIR_TYPE_DATE) {
        weir_buf_addz(sql, " OR CAST(");
        add_try(sql, c, WEIR_STR("DATE"));
        weir_buf_addz(sql, " AS TIMESTAMP) IS DISTINCT FROM ");
        add_try(sql, c, WEIR_STR("TIMESTAMP"));
    } else if (old->type == WEIR_TYPE_TIMESTAMP) { /* behind the microsecond */
        weir_buf_addz(sql, " OR regexp_matches(");
        weir_sql_ident(sql, c->name);
        weir_buf_addz(sql, ", '[.][0-9]{6}[0-9]*[1-9]')");
    }
}

/* A value fits when it is the same after it was cast there and back; a text, when it can be read
 * and nothing of it is lost. */
static void add_misfit(struct weir_buf *sql, const struct weir_column *c,
                       const struct weir_column *old)
{
    bool text = c->type == WEIR_TYPE_TEXT;
    weir_buf_addc(sql, '(');
    weir_sql_ident(sql, c->name);
    weir_buf_addz(sql, " IS NOT NULL");
    if (old && text) {
        weir_buf_addz(sql, " AND (");
        add_try(sql, c, old->type_name);
        weir_buf_addz(sql, " IS NULL");
        add_loss(sql, c, old);
        weir_buf_addc(sql, ')');
    } else if (old) {
        weir_buf_addz(sql, " AND TRY_CAST(");
        add_try(sql, c, old->type_name);
        weir_buf_addf(sql, " AS " WEIR_STR_FMT ") IS DISTINCT FROM ",
                      WEIR_STR_ARG(weir_source_column_sql(c)));
        weir_sql_ident(sql, c->name);
    }
    weir_buf_addc(sql, ')');
}

void weir_apply_discards(struct weir_writing *w, const char *column, const char *value,
                         const char *reason)
{
    weir_session_touch(w->session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    weir_buf_addz(&w->sql,
                  "INSERT INTO weir.source_discards (run, source, stream, discarded_at, file, "
                  "column_name, value, reason, row_json) SELECT " WEIR_SOURCE_RUN ", ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->source));
    weir_buf_addz(&w->sql, ", ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->stream));
    weir_buf_addf(&w->sql, ", " WEIR_SOURCE_LOADED_AT ", %s, %s, %s, ",
                  w->stage->files ? WEIR_SOURCE_FILE : "NULL", column, value);
    weir_sql_text(&w->sql, weir_str_of(reason));
    weir_buf_addz(&w->sql, ", to_json(staged) FROM ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, " AS staged WHERE ");
}

int weir_apply_take_out(struct weir_writing *w, struct weir_str condition, uint64_t *count,
                        struct weir_error *err)
{
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_buf_adds(&w->sql, condition);
    uint64_t n = 0;
    int rc = weir_apply_ask(w, &n, err);
    *count += n;
    if (rc || n == 0) {
        return rc;
    }
    w->taken = true;
    weir_apply_touch_stage(w);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_buf_adds(&w->sql, condition);
    return weir_apply_exec(w, err);
}

int weir_apply_take_out_said(struct weir_writing *w, uint64_t *count, struct weir_error *err)
{
    struct weir_buf condition;
    weir_buf_init(&condition, WEIR_APPLY_SQL);
    weir_buf_adds(&condition, weir_buf_str(&w->sql));
    weir_buf_reset(&w->sql);
    int rc = weir_buf_check(&condition, "a statement", err);
    rc = rc ? rc : weir_apply_take_out(w, weir_buf_str(&condition), count, err);
    weir_buf_free(&condition);
    return rc;
}

int weir_apply_discard_values(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_column *old;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->a->settled->count; i++) {
        const struct weir_column *c = &w->a->settled->columns[i];
        struct weir_buf column, value;
        if (!misfits(w, i, &old)) {
            continue;
        }
        weir_buf_init(&column, 4096);
        weir_buf_init(&value, 4096);
        weir_sql_text(&column, c->name);
        weir_buf_addz(&value, "CAST(");
        weir_sql_ident(&value, c->name);
        weir_buf_addz(&value, " AS VARCHAR)");
        weir_apply_discards(w, weir_buf_cstr(&column), weir_buf_cstr(&value),
                            old ? "the value is none of its column's type (contract: discard_value)"
                                : "the table has no such column (contract: discard_value)");
        add_misfit(&w->sql, c, old);
        rc = weir_apply_exec(w, err);
        weir_buf_free(&column);
        weir_buf_free(&value);
    }
    return rc;
}

void weir_apply_misfits(const struct weir_writing *w, struct weir_buf *out)
{
    const struct weir_column *old;
    bool any = false;
    for (size_t i = 0; i < w->a->settled->count; i++) {
        if (misfits(w, i, &old)) {
            weir_buf_addz(out, any ? " OR " : "(");
            add_misfit(out, &w->a->settled->columns[i], old);
            any = true;
        }
    }
    weir_buf_addz(out, any ? ")" : "");
}

int weir_apply_discard_rows(struct weir_writing *w, struct weir_error *err)
{
    struct weir_buf condition;
    weir_buf_init(&condition, WEIR_APPLY_SQL);
    weir_apply_misfits(w, &condition);
    int rc = 0;
    if (condition.len) {
        weir_apply_discards(w, "NULL", "NULL",
                            "a value does not fit its column (contract: discard_row)");
        weir_buf_adds(&w->sql, weir_buf_str(&condition));
        rc = weir_apply_exec(w, err);
        rc =
            rc ? rc
               : weir_apply_take_out(w, weir_buf_str(&condition), &w->a->load->rows_discarded, err);
    }
    weir_buf_free(&condition);
    return rc;
}

/* --- the table's columns ------------------------------------------------------------------------
 */

bool weir_apply_emptied(const struct weir_writing *w, struct weir_str name)
{
    return w->a->stream->nested && !weir_source_stage_has(w->stage, name) &&
           !weir_source_column_reserved(name) && !weir_source_of_history(name);
}

void weir_apply_value(struct weir_writing *w, struct weir_buf *out, struct weir_str name)
{
    const struct weir_column *old = weir_source_find_column(w->a->target, name), *c = NULL;
    for (size_t i = 0; i < w->stage->column_count; i++) {
        if (weir_str_eq(w->stage->columns[i].name, name)) {
            c = &w->stage->columns[i];
        }
    }
    bool cast =
        old && c && w->a->stream->contract != WEIR_SOURCE_EVOLVE && !weir_source_same_type(old, c);
    if (!cast) {
        weir_sql_ident(out, name);
        return;
    }
    /* What does not fit is in the discards, and nothing here. */
    weir_buf_addz(out, "CASE WHEN ");
    add_misfit(out, c, old);
    weir_buf_addz(out, " THEN NULL ELSE ");
    add_try(out, c, old->type_name);
    weir_buf_addz(out, " END");
}

void weir_apply_columns(struct weir_writing *w, const char *before, bool values)
{
    bool any = false;
    bool same = w->a->stream->contract == WEIR_SOURCE_EVOLVE || !w->a->target;
    for (size_t i = 0; i < w->stage->column_count; i++) {
        const struct weir_column *c = &w->stage->columns[i];
        const struct weir_column *old = weir_source_find_column(w->a->target, c->name);
        if (!same && !old) {
            continue;
        }
        weir_buf_addz(&w->sql, any ? ", " : "");
        weir_buf_addz(&w->sql, before);
        any = true;
        if (values) {
            weir_apply_value(w, &w->sql, c->name);
            weir_buf_addz(&w->sql, " AS ");
        }
        weir_sql_ident(&w->sql, c->name);
    }
}

void weir_apply_new(struct weir_writing *w, bool rowid)
{
    weir_buf_addz(&w->sql, rowid ? "(SELECT rowid AS \"weir row\", " : "(SELECT ");
    weir_apply_columns(w, "", true);
    weir_buf_addz(&w->sql, " FROM ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, ") AS new");
}
