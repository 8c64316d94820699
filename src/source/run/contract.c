#include "source/run/contract.h"

#include "source/run/apply.h"
#include "source/run/mark.h"
#include "source/run/stage.h"

#define MOST_KEPT 65536 /* columns, of all those that are added together */

const struct weir_column *weir_source_find_column(const struct weir_table *table,
                                                  struct weir_str name)
{
    for (size_t i = 0; table && i < table->column_count; i++) {
        if (weir_str_eq_nocase(table->columns[i].name, name)) { /* as the engine has it */
            return &table->columns[i];
        }
    }
    return NULL;
}

/* Is there a row in which the column is so? */
static int has_any(struct weir_session *session, const struct weir_table *table,
                   struct weir_str column, const char *before, const char *behind, bool *out,
                   struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch rows = {0};
    weir_buf_init(&sql, 8192);
    weir_buf_addz(&sql, "SELECT 1 FROM ");
    weir_sql_table(&sql, table->schema, table->name);
    weir_buf_addf(&sql, " WHERE %s", before);
    weir_sql_ident(&sql, column);
    weir_buf_addf(&sql, "%s LIMIT 1", behind);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(&sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &rows, err);
    *out = rc == 0 && rows.rows > 0;
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

static void note(struct weir_source_settled *out, const char *what, struct weir_str column,
                 const char *more)
{
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    weir_buf_addf(&text, "%s " WEIR_STR_FMT "%s", what, WEIR_STR_ARG(column), more);
    weir_buf_addc(&out->changes, out->changes.len > 1 ? ',' : ' ');
    weir_json_quote(&out->changes, weir_buf_str(&text));
    weir_buf_free(&text);
}

int weir_source_settled_add(struct weir_source_settled *settled, struct weir_str texts,
                            struct weir_error *err)
{
    struct weir_buf *out = &settled->changes;
    if (texts.len) {
        out->len--; /* its bracket */
        weir_buf_addc(out, out->len > 1 ? ',' : ' ');
        weir_buf_adds(out, texts);
        weir_buf_addc(out, ']');
    }
    return weir_buf_check(out, "what changed in a table", err);
}

int weir_source_settled_note(struct weir_source_settled *settled, const char *what,
                             struct weir_str name, const char *more, struct weir_error *err)
{
    settled->changes.len--;
    note(settled, what, name, more);
    weir_buf_addc(&settled->changes, ']');
    return weir_buf_check(&settled->changes, "what changed in a table", err);
}

static int frozen(const struct weir_source_stream *stream, const struct weir_source_column *c,
                  const char *what, struct weir_error *err)
{
    return weir_fail(err, WEIR_EINVAL,
                     "column \"" WEIR_STR_FMT "\" (\"" WEIR_STR_FMT
                     "\") %s, and the contract of stream \"%s\" is freeze: nothing was loaded; set "
                     "`contract: evolve`, or leave the column out by `exclude`",
                     WEIR_STR_ARG(c->name), WEIR_STR_ARG(c->original), what, stream->name);
}

static bool discards(const struct weir_source_stream *stream)
{
    return stream->contract == WEIR_SOURCE_DISCARD_ROW ||
           stream->contract == WEIR_SOURCE_DISCARD_VALUE;
}

static int settle_new(const struct weir_source_stream *stream, const struct weir_table *target,
                      const struct weir_source_column *c, struct weir_column *out,
                      struct weir_source_settled *settled, struct weir_error *err)
{
    out->type = c->type;
    out->type_name = c->type_name;
    if (!target || discards(stream) || weir_str_is(c->name, WEIR_SOURCE_ROW)) {
        return 0;
    }
    if (stream->contract == WEIR_SOURCE_FREEZE) {
        return frozen(stream, c, "is new", err);
    }
    note(settled, "new column", c->name, "");
    return 0;
}

/* A column is text, too, where no value was ever there to say what it is: a file of names only. Of
 * JSON it was once made JSON. */
static bool may_get_type(const struct weir_source_stream *stream, const struct weir_column *old,
                         const struct weir_source_column *c)
{
    return stream->contract == WEIR_SOURCE_EVOLVE && !c->untyped &&
           (old->type == WEIR_TYPE_TEXT || old->type == WEIR_TYPE_JSON) &&
           c->type != WEIR_TYPE_TEXT && c->type != old->type;
}

/* "13.02.2026" is a day, and 2026-02-13 in the table: as a text it would be another key. */
static int check_written(const struct weir_source_stream *stream, const struct weir_table *target,
                         const struct weir_column *old, const struct weir_source_column *c,
                         struct weir_error *err)
{
    bool key = false,
         anew = stream->contract == WEIR_SOURCE_EVOLVE && !weir_source_apply_keeps(stream, target);
    for (size_t i = 0; c->written && i < stream->key.count; i++) {
        key = key || weir_str_is(c->name, stream->key.items[i]);
    }
    return !key || discards(stream) || old->type == WEIR_TYPE_INT || old->type >= WEIR_TYPE_TEXT
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "the column \"" WEIR_STR_FMT "\" of the key has values of another type, "
                           "which would make texts of it; the rows that the table has would not be "
                           "known by these again. Mend the file; or `contract: discard_row` sets "
                           "such rows aside, and %s",
                           WEIR_STR_ARG(c->original),
                           anew ? "`weir sync --full` builds the table anew"
                                : "another `table:` takes all rows as they are now");
}

static int settle_old(const struct weir_source_stream *stream, const struct weir_table *target,
                      const struct weir_column *old, const struct weir_source_column *c,
                      struct weir_session *session, struct weir_arena *arena,
                      struct weir_column *out, struct weir_source_settled *settled,
                      struct weir_error *err)
{
    bool large = false, any = true;
    const struct weir_column comes = {c->name, c->type, c->type_name};
    *out = weir_source_types_join(old, c->untyped ? old : &comes, arena);
    int rc = 0;
    if (out->type == WEIR_TYPE_DOUBLE && old->type == WEIR_TYPE_INT) {
        /* Whole numbers beyond 2^53 do not all have a double. */
        rc = has_any(session, target, old->name, "abs(CAST(", " AS HUGEINT)) > 9007199254740992",
                     &large, err);
    } else if (may_get_type(stream, old, c)) {
        rc = has_any(session, target, old->name, "", " IS NOT NULL", &any, err);
    }
    out->type = large ? WEIR_TYPE_TEXT : any ? out->type : c->type;
    out->type_name = any ? out->type_name : c->type_name;
    if (rc || weir_source_same_type(out, old)) {
        return rc;
    }
    if (!any) {
        note(settled, "column", c->name, " gets the type of its first values");
        return 0;
    }
    rc = check_written(stream, target, old, c, err);
    if (rc) {
        return rc;
    }
    if (stream->contract == WEIR_SOURCE_FREEZE) {
        return frozen(stream, c, "has values of another type", err);
    }
    if (discards(stream)) {
        out->type = c->type; /* what fits of it is found by casting it */
        out->type_name = c->type_name;
        return 0;
    }
    note(settled, "column", c->name,
         out->type == WEIR_TYPE_TEXT ? " is text now" : " is wider now");
    return 0;
}

bool weir_source_of_history(struct weir_str name)
{
    return weir_str_eq_nocase(name, WEIR_STR(WEIR_SOURCE_FROM)) ||
           weir_str_eq_nocase(name, WEIR_STR(WEIR_SOURCE_TO)) ||
           weir_str_eq_nocase(name, WEIR_STR(WEIR_SOURCE_CURRENT));
}

static int check_history(const struct weir_source_stream *stream,
                         const struct weir_source_settled *settled, struct weir_error *err)
{
    for (size_t i = 0; stream->mode == WEIR_SOURCE_HISTORY && i < settled->count; i++) {
        if (weir_source_of_history(settled->columns[i].name)) {
            return weir_fail(err, WEIR_EINVAL,
                             "stream \"%s\" has a column \"" WEIR_STR_FMT
                             "\", which `mode: history` makes itself; rename it at the source, or "
                             "leave it out by `exclude`",
                             stream->name, WEIR_STR_ARG(settled->columns[i].name));
        }
    }
    return 0;
}

static int check_key(const struct weir_source_stream *stream, const struct weir_source_plan *plan,
                     const struct weir_source_settled *settled, struct weir_error *err)
{
    for (size_t i = 0; i < stream->key.count; i++) {
        bool found = false;
        for (size_t k = 0; k < settled->count; k++) {
            if (weir_str_eq_nocase(settled->columns[k].name, WEIR_STR("rowid"))) {
                return weir_fail(
                    err, WEIR_EINVAL,
                    "stream \"%s\" has a column \"rowid\", which hides the order of "
                    "rows that `merge` needs; rename it at the source, or leave it out "
                    "by `exclude`",
                    stream->name);
            }
            found = found || weir_str_is(settled->columns[k].name, stream->key.items[i]);
        }
        if (!found) {
            return weir_source_no_column("key", stream->key.items[i], stream, plan, err);
        }
    }
    return 0;
}

int weir_source_settle(const struct weir_source_plan *plan, const struct weir_source_stream *stream,
                       const struct weir_table *target, struct weir_session *session,
                       struct weir_source_settled *out, struct weir_error *err)
{
    struct weir_arena *arena = (struct weir_arena *)(uintptr_t)&plan->arena;
    bool rows = false;
    int rc = target && plan->stranger ? has_any(session, target, target->columns[0].name, "(",
                                                " IS NULL OR true)", &rows, err)
                                      : 0;
    rc = rows ? weir_fail(err, WEIR_EINVAL, "%s", plan->stranger) : rc;
    out->count = plan->column_count;
    out->columns = weir_arena_calloc(arena, (out->count + 1) * sizeof *out->columns);
    weir_buf_init(&out->changes, 4u << 20);
    weir_buf_addc(&out->changes, '[');
    if (!out->columns) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", out->count);
    }
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        const struct weir_column *old = weir_source_find_column(target, c->name);
        out->columns[i].name = c->name;
        rc = old ? settle_old(stream, target, old, c, session, arena, &out->columns[i], out, err)
                 : settle_new(stream, target, c, &out->columns[i], out, err);
    }
    bool only_gone = out->changes.len == 1;
    for (size_t i = 0; rc == 0 && target && i < target->column_count; i++) {
        struct weir_str name = target->columns[i].name;
        bool there = weir_source_column_reserved(name) || weir_source_plan_excludes(plan, name) ||
                     (stream->mode == WEIR_SOURCE_HISTORY && weir_source_of_history(name));
        for (size_t k = 0; !there && k < out->count; k++) {
            there = weir_str_eq_nocase(out->columns[k].name, name);
        }
        if (!there && !plan->nothing && (plan->whole || !plan->partial)) {
            note(out, "column", name, " does not come any more; it is kept");
        }
    }
    weir_buf_addc(&out->changes, ']');
    out->only_gone = only_gone ? out->changes.len : 0;
    rc = rc ? rc : check_history(stream, out, err);
    return rc ? rc : check_key(stream, plan, out, err);
}

/* --- the table's columns ------------------------------------------------------------------------
 */

static int set_type(struct weir_session *session, struct weir_str schema, struct weir_str table,
                    const struct weir_column *c, bool empty, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 1u << 20);
    weir_session_touch(session, schema, table);
    weir_buf_addz(&sql, "ALTER TABLE ");
    weir_sql_table(&sql, schema, table);
    weir_buf_addz(&sql, " ALTER COLUMN ");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, " SET DATA TYPE ");
    weir_buf_adds(&sql, weir_source_column_sql(c));
    if (empty) { /* the engine casts values of rows that were deleted, too */
        weir_buf_addf(&sql, " USING CAST(NULL AS " WEIR_STR_FMT ")",
                      WEIR_STR_ARG(weir_source_column_sql(c)));
    }
    int rc = weir_session_exec_buf(session, &sql, err);
    if (rc && empty) { /* no other type may be stored as its texts were */
        weir_buf_addz(&sql, "ALTER TABLE ");
        weir_sql_table(&sql, schema, table);
        weir_buf_addz(&sql, " DROP COLUMN ");
        weir_sql_ident(&sql, c->name);
        weir_session_touch(session, schema, table);
        rc = weir_session_exec_buf(session, &sql, err);
        rc = rc ? rc : weir_session_add_columns(session, schema, table, c, 1, err);
    }
    weir_buf_free(&sql);
    return rc;
}

void weir_source_add_null(struct weir_buf *sql, const struct weir_column *column)
{
    weir_buf_addf(sql, ", CAST(NULL AS " WEIR_STR_FMT ") AS ",
                  WEIR_STR_ARG(weir_source_column_sql(column)));
    weir_sql_ident(sql, column->name);
}

bool weir_source_made_anew(size_t columns, size_t more)
{
    return more * (columns + more) > MOST_KEPT;
}

static bool are_many_new(const struct weir_table *table, const struct weir_column *columns,
                         size_t count)
{
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        fresh += !weir_source_find_column(table, columns[i].name);
    }
    return weir_source_made_anew(table->column_count, fresh);
}

/* With those of the columns that come new. */
static int make_anew(struct weir_session *session, struct weir_str schema,
                     const struct weir_table *table, const struct weir_column *columns,
                     size_t count, struct weir_error *err)
{
    struct weir_str beside = WEIR_STR(WEIR_SOURCE_STAGES "of more columns");
    struct weir_buf sql;
    weir_buf_init(&sql, 16u << 20);
    weir_buf_addz(&sql, "CREATE TABLE ");
    weir_sql_table(&sql, schema, beside);
    weir_buf_addz(&sql, " AS SELECT *");
    for (size_t i = 0; i < count; i++) {
        if (!weir_source_find_column(table, columns[i].name)) {
            weir_source_add_null(&sql, &columns[i]);
        }
    }
    weir_buf_addz(&sql, " FROM ");
    weir_sql_table(&sql, schema, table->name);
    weir_buf_addz(&sql, "; DROP TABLE ");
    weir_sql_table(&sql, schema, table->name);
    weir_buf_addz(&sql, "; ALTER TABLE ");
    weir_sql_table(&sql, schema, beside);
    weir_buf_addz(&sql, " RENAME TO ");
    weir_sql_ident(&sql, table->name);
    weir_session_touch(session, schema, table->name);
    int rc = weir_session_exec_buf(session, &sql, err);
    weir_buf_free(&sql);
    return rc;
}

int weir_source_evolve(struct weir_session *session, struct weir_str schema,
                       const struct weir_table *table, const struct weir_column *columns,
                       size_t count, struct weir_error *err)
{
    bool many = are_many_new(table, columns, count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_column *c = &columns[i];
        const struct weir_column *old = weir_source_find_column(table, c->name);
        /* Texts, and JSON, become something else where there is none. */
        bool empty = old && (old->type == WEIR_TYPE_TEXT ||
                             (old->type == WEIR_TYPE_JSON && c->type != WEIR_TYPE_TEXT));
        if (!old) {
            rc = many ? 0 : weir_session_add_columns(session, schema, table->name, c, 1, err);
        } else if (!weir_source_same_type(old, c) && (c->type == WEIR_TYPE_OTHER || empty)) {
            rc = set_type(session, schema, table->name, c, empty, err);
        } else if (old->type != c->type) {
            rc = weir_session_widen_column(session, schema, table->name, old->name, old->type,
                                           c->type, err);
        }
    }
    return rc || !many ? rc : make_anew(session, schema, table, columns, count, err);
}
