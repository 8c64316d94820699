#include "source/apply.h"

#include <stdio.h>

#define SQL_BYTES (64u << 20)

struct writing {
    struct weir_source_apply *a;
    struct weir_session *session;
    struct weir_source_stage *stage;
    struct weir_str target; /* the table's name */
    struct weir_buf sql;
};

static void add_stage(struct writing *w)
{
    weir_sql_table(&w->sql, w->stage->schema, w->stage->table);
}

static void add_target(struct writing *w)
{
    weir_sql_table(&w->sql, w->stage->schema, w->target);
}

static void touch_stage(struct writing *w)
{
    weir_session_touch(w->session, w->stage->schema, w->stage->table);
}

static int exec(struct writing *w, struct weir_error *err)
{
    return weir_session_exec_buf(w->session, &w->sql, err);
}

/* The number that the statement in `sql` answers. */
static int ask(struct writing *w, uint64_t *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_buf_check(&w->sql, "a statement", err);
    rc = rc ? rc : weir_session_query(w->session, weir_buf_cstr(&w->sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    *out = rc == 0 && batch.rows ? (uint64_t)batch.columns[0].ints[0] : 0;
    weir_result_free(result);
    weir_buf_reset(&w->sql);
    return rc;
}

/* --- what does not fit --------------------------------------------------------------------------
 */

/* Does this column of the stage have another type than the table's, or none there? */
static bool misfits(const struct writing *w, size_t i, const struct weir_column **old)
{
    const struct weir_column *c = &w->a->settled->columns[i];
    *old = weir_source_find_column(w->a->target, c->name);
    return !*old || !weir_source_same_type(*old, c);
}

/* A value fits when it is the same after it was cast there and back; of a text, it is enough that
 * it can be read. */
static void add_misfit(struct writing *w, const struct weir_column *c,
                       const struct weir_column *old)
{
    weir_buf_addc(&w->sql, '(');
    weir_sql_ident(&w->sql, c->name);
    weir_buf_addz(&w->sql, " IS NOT NULL");
    if (old) {
        weir_buf_addz(&w->sql, " AND TRY_CAST(");
        weir_buf_addz(&w->sql, c->type == WEIR_TYPE_TEXT ? "" : "TRY_CAST(");
        weir_sql_ident(&w->sql, c->name);
        weir_buf_addf(&w->sql, " AS " WEIR_STR_FMT ")", WEIR_STR_ARG(old->type_name));
        if (c->type == WEIR_TYPE_TEXT) {
            weir_buf_addz(&w->sql, " IS NULL");
        } else {
            weir_buf_addf(&w->sql, " AS " WEIR_STR_FMT ") IS DISTINCT FROM ",
                          WEIR_STR_ARG(weir_source_column_sql(c)));
            weir_sql_ident(&w->sql, c->name);
        }
    }
    weir_buf_addc(&w->sql, ')');
}

/* INSERT INTO weir.source_discards … SELECT …, COLUMN, VALUE, REASON, ROW FROM stage */
static void add_discards(struct writing *w, const char *column, const char *value,
                         const char *reason)
{
    weir_session_touch(w->session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    weir_buf_addz(&w->sql,
                  "INSERT INTO weir.source_discards (run, source, stream, discarded_at, file, "
                  "column_name, value, reason, row_json) SELECT " WEIR_SOURCE_RUN ", ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->source));
    weir_buf_addz(&w->sql, ", ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->stream));
    weir_buf_addf(&w->sql, ", " WEIR_SOURCE_LOADED_AT ", " WEIR_SOURCE_FILE ", %s, %s, ", column,
                  value);
    weir_sql_text(&w->sql, weir_str_of(reason));
    weir_buf_addz(&w->sql, ", to_json(staged) FROM ");
    add_stage(w);
    weir_buf_addz(&w->sql, " AS staged WHERE ");
}

static int count_and_delete(struct writing *w, struct weir_str condition, uint64_t *count,
                            struct weir_error *err)
{
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    add_stage(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_buf_adds(&w->sql, condition);
    uint64_t n = 0;
    int rc = ask(w, &n, err);
    *count += n;
    if (rc || n == 0) {
        return rc;
    }
    touch_stage(w);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    add_stage(w);
    weir_buf_addz(&w->sql, " WHERE ");
    weir_buf_adds(&w->sql, condition);
    return exec(w, err);
}

static int discard_values(struct writing *w, struct weir_error *err)
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
        add_discards(w, weir_buf_cstr(&column), weir_buf_cstr(&value),
                     old ? "the value is none of its column's type (contract: discard_value)"
                         : "the table has no such column (contract: discard_value)");
        add_misfit(w, c, old);
        rc = exec(w, err);
        weir_buf_free(&column);
        weir_buf_free(&value);
    }
    return rc;
}

static int discard_rows(struct writing *w, struct weir_error *err)
{
    const struct weir_column *old;
    struct weir_buf condition;
    bool any = false;
    weir_buf_init(&condition, SQL_BYTES);
    for (size_t i = 0; i < w->a->settled->count; i++) {
        if (misfits(w, i, &old)) {
            weir_buf_addz(&w->sql, any ? " OR " : "(");
            add_misfit(w, &w->a->settled->columns[i], old);
            any = true;
        }
    }
    weir_buf_addz(&w->sql, any ? ")" : "");
    weir_buf_adds(&condition, weir_buf_str(&w->sql));
    weir_buf_reset(&w->sql);
    int rc = 0;
    if (any) {
        add_discards(w, "NULL", "NULL", "a value does not fit its column (contract: discard_row)");
        weir_buf_adds(&w->sql, weir_buf_str(&condition));
        rc = exec(w, err);
        rc = rc ? rc
                : count_and_delete(w, weir_buf_str(&condition), &w->a->load->rows_discarded, err);
    }
    weir_buf_free(&condition);
    return rc;
}

/* Rows without a key go to the discards; of rows with one key, the last that was read counts. */
static int settle_keys(struct writing *w, struct weir_error *err)
{
    const struct weir_text_list *key = &w->a->stream->key;
    struct weir_buf empty, older;
    weir_buf_init(&empty, 1u << 20);
    weir_buf_init(&older, 1u << 20);
    weir_buf_addz(&older, "rowid NOT IN (SELECT max(rowid) FROM ");
    weir_sql_table(&older, w->stage->schema, w->stage->table);
    weir_buf_addz(&older, " GROUP BY ");
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&empty, i ? " OR " : "(");
        weir_sql_ident(&empty, weir_str_of(key->items[i]));
        weir_buf_addz(&empty, " IS NULL");
        weir_buf_addz(&older, i ? ", " : "");
        weir_sql_ident(&older, weir_str_of(key->items[i]));
    }
    weir_buf_addc(&empty, ')');
    weir_buf_addc(&older, ')');
    add_discards(w, "NULL", "NULL", "a column of the key is empty");
    weir_buf_adds(&w->sql, weir_buf_str(&empty));
    int rc = exec(w, err);
    rc = rc ? rc : count_and_delete(w, weir_buf_str(&empty), &w->a->load->rows_discarded, err);
    rc = rc ? rc : count_and_delete(w, weir_buf_str(&older), &w->a->load->rows_superseded, err);
    weir_buf_free(&empty);
    weir_buf_free(&older);
    return rc;
}

/* --- the table's columns ------------------------------------------------------------------------
 */

static int widen_decimal(struct writing *w, const struct weir_column *c, struct weir_error *err)
{
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "ALTER TABLE ");
    add_target(w);
    weir_buf_addz(&w->sql, " ALTER COLUMN ");
    weir_sql_ident(&w->sql, c->name);
    weir_buf_addz(&w->sql, " SET DATA TYPE ");
    weir_buf_adds(&w->sql, weir_source_column_sql(c));
    return exec(w, err);
}

static int evolve(struct writing *w, struct weir_error *err)
{
    const struct weir_table *t = w->a->target;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->stage->column_count; i++) {
        const struct weir_column *c = &w->stage->columns[i];
        const struct weir_column *old = weir_source_find_column(t, c->name);
        if (!old) {
            rc = weir_session_add_columns(w->session, w->stage->schema, w->target, c, 1, err);
        } else if (!weir_source_same_type(old, c) && c->type == WEIR_TYPE_OTHER) {
            rc = widen_decimal(w, c, err);
        } else if (old->type != c->type) {
            rc = weir_session_widen_column(w->session, w->stage->schema, w->target, old->name,
                                           old->type, c->type, err);
        }
    }
    return rc;
}

/* Columns of the table that are in the stage, too, and how the stage's value becomes the table's.
 */
static void add_columns(struct writing *w, const char *before, bool values)
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
        bool cast = values && !same && !weir_source_same_type(old, c);
        if (cast) { /* what does not fit is in the discards, and nothing here */
            weir_buf_addz(&w->sql, "CASE WHEN ");
            add_misfit(w, c, old);
            weir_buf_addz(&w->sql, " THEN NULL ELSE TRY_CAST(");
        }
        weir_sql_ident(&w->sql, c->name);
        if (cast) {
            weir_buf_addf(&w->sql, " AS " WEIR_STR_FMT ") END AS ", WEIR_STR_ARG(old->type_name));
            weir_sql_ident(&w->sql, c->name);
        }
    }
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* The stage takes the table's place; columns that do not come any more are kept, empty. */
static int swap(struct writing *w, struct weir_error *err)
{
    const struct weir_table *t = w->a->target;
    int rc = 0;
    for (size_t i = 0; rc == 0 && t && i < t->column_count; i++) {
        bool there = false;
        for (size_t k = 0; !there && k < w->stage->column_count; k++) {
            there = weir_str_eq_nocase(w->stage->columns[k].name, t->columns[i].name);
        }
        if (!there) {
            struct weir_column kept = t->columns[i];
            rc = weir_session_add_columns(w->session, w->stage->schema, w->stage->table, &kept, 1,
                                          err);
        }
    }
    if (rc) {
        return rc;
    }
    touch_stage(w);
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "DROP TABLE IF EXISTS ");
    add_target(w);
    weir_buf_addz(&w->sql, "; ALTER TABLE ");
    add_stage(w);
    weir_buf_addz(&w->sql, " RENAME TO ");
    weir_sql_ident(&w->sql, w->target);
    return exec(w, err);
}

static int drop_parts(struct writing *w, struct weir_error *err)
{
    const struct weir_source_plan *plan = w->a->plan;
    if (!plan->whole && plan->part_count == 0) {
        return 0;
    }
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    add_target(w);
    if (!plan->whole) {
        weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_FILE " IN (");
        for (size_t i = 0; i < plan->part_count; i++) {
            weir_buf_addz(&w->sql, i ? ", " : "");
            weir_sql_text(&w->sql, plan->parts[i]);
        }
        weir_buf_addc(&w->sql, ')');
    }
    return exec(w, err);
}

static int insert(struct writing *w, struct weir_error *err)
{
    int rc = drop_parts(w, err);
    if (rc) {
        return rc;
    }
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "INSERT INTO ");
    add_target(w);
    weir_buf_addz(&w->sql, " (");
    add_columns(w, "", false);
    weir_buf_addz(&w->sql, ") SELECT ");
    add_columns(w, "", true);
    weir_buf_addz(&w->sql, " FROM ");
    add_stage(w);
    return exec(w, err);
}

static bool is_key(const struct writing *w, struct weir_str name)
{
    for (size_t i = 0; i < w->a->stream->key.count; i++) {
        if (weir_str_is(name, w->a->stream->key.items[i])) {
            return true;
        }
    }
    return false;
}

static int merge(struct writing *w, struct weir_error *err)
{
    const struct weir_text_list *key = &w->a->stream->key;
    bool evolves = w->a->stream->contract == WEIR_SOURCE_EVOLVE;
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "MERGE INTO ");
    add_target(w);
    weir_buf_addz(&w->sql, " AS old USING (SELECT ");
    add_columns(w, "", true);
    weir_buf_addz(&w->sql, " FROM ");
    add_stage(w);
    weir_buf_addz(&w->sql, ") AS new ON ");
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&w->sql, i ? " AND old." : "old.");
        weir_sql_ident(&w->sql, weir_str_of(key->items[i]));
        weir_buf_addz(&w->sql, " = new.");
        weir_sql_ident(&w->sql, weir_str_of(key->items[i]));
    }
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
    weir_buf_addz(&w->sql, " WHEN NOT MATCHED THEN INSERT (");
    add_columns(w, "", false);
    weir_buf_addz(&w->sql, ") VALUES (");
    add_columns(w, "new.", false);
    weir_buf_addc(&w->sql, ')');
    return exec(w, err);
}

static int write_rows(struct writing *w, struct weir_error *err)
{
    struct weir_source_apply *a = w->a;
    bool evolves = a->stream->contract == WEIR_SOURCE_EVOLVE;
    if (!a->target || (a->plan->whole && evolves)) {
        return swap(w, err);
    }
    int rc = evolves ? evolve(w, err) : 0;
    return rc                                                        ? rc
           : a->stream->mode == WEIR_SOURCE_MERGE && !a->plan->whole ? merge(w, err)
                                                                     : insert(w, err);
}

/* Every row of the stage is one row of the table now. */
static int verify(struct writing *w, struct weir_error *err)
{
    uint64_t there = 0;
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    add_target(w);
    weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_RUN " = ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->run));
    int rc = ask(w, &there, err);
    struct weir_source_load *l = w->a->load;
    if (rc == 0 && (there != l->rows_written ||
                    l->rows_read != l->rows_written + l->rows_discarded + l->rows_superseded)) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "the table would hold %llu rows of this run, not the %llu of the %llu read "
                       "that are to be written; nothing was loaded",
                       (unsigned long long)there, (unsigned long long)l->rows_written,
                       (unsigned long long)l->rows_read);
    }
    return rc;
}

static int keep_rejects(struct writing *w, struct weir_error *err)
{
    weir_session_touch(w->session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    weir_session_touch(w->session, w->stage->schema, w->stage->reject_table);
    touch_stage(w);
    weir_buf_addz(&w->sql, "INSERT INTO weir.source_discards BY NAME SELECT * FROM ");
    weir_sql_table(&w->sql, w->stage->schema, w->stage->reject_table);
    weir_buf_addz(&w->sql, "; DROP TABLE ");
    weir_sql_table(&w->sql, w->stage->schema, w->stage->reject_table);
    weir_buf_addz(&w->sql, "; DROP TABLE IF EXISTS ");
    add_stage(w);
    return exec(w, err);
}

static int change_all(struct writing *w, struct weir_error *err)
{
    struct weir_source_apply *a = w->a;
    struct weir_source_load *l = a->load;
    l->rows_discarded = w->stage->reject_count;
    l->rows_superseded = 0;
    int rc = 0;
    if (a->target && a->stream->contract == WEIR_SOURCE_DISCARD_VALUE) {
        rc = discard_values(w, err);
    } else if (a->target && a->stream->contract == WEIR_SOURCE_DISCARD_ROW) {
        rc = discard_rows(w, err);
    }
    rc = rc || a->stream->mode != WEIR_SOURCE_MERGE ? rc : settle_keys(w, err);
    if (rc == 0) {
        weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
        add_stage(w);
        rc = ask(w, &l->rows_written, err);
    }
    rc = rc ? rc : write_rows(w, err);
    rc = rc ? rc : verify(w, err);
    rc = rc ? rc : keep_rejects(w, err);
    l->ended_at = weir_now();
    l->status = "loaded";
    rc = rc ? rc : weir_source_ledger_add(w->session, l, err);
    return rc ? rc
              : weir_source_ledger_set_cursor(w->session, l->source, l->stream, l->run,
                                              a->plan->cursor, l->ended_at, err);
}

int weir_source_apply(struct weir_source_apply *a, struct weir_error *err)
{
    struct writing w = {.a = a,
                        .session = a->stage->session,
                        .stage = a->stage,
                        .target = weir_str_of(a->stream->table)};
    weir_buf_init(&w.sql, SQL_BYTES);
    int rc = weir_session_begin(w.session, err);
    if (rc == 0) {
        rc = change_all(&w, err);
        rc = rc ? rc : weir_session_commit(w.session, err);
        if (rc) {
            weir_session_rollback(w.session);
        }
    }
    weir_buf_free(&w.sql);
    return rc;
}
