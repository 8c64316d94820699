/* What is new of a stream by its cursor column (source/run/mark.h).
 *
 * `sum` is what was in the rows of the greatest value, and beyond it. Rows of that value may come
 * later, or change (within a DATETIME's second): then merge reads them again (>=). append does not
 * (>), and keeps no sum. */
#include <inttypes.h>
#include <stdlib.h>

#include "source/mysql/mysql.h"
#include "source/run/mark.h"

#define MAX_CURSOR (16u << 20)
#define MAX_MARK   (4u << 20)

/* --- values -------------------------------------------------------------------------------------
 */

static bool ordered(const struct weir_my_column *c)
{
    switch (c->form) {
    case WEIR_MY_INT:
    case WEIR_MY_BIGINT_UNSIGNED:
    case WEIR_MY_DECIMAL:
    case WEIR_MY_DOUBLE:
    case WEIR_MY_DATE:
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
    case WEIR_MY_YEAR:
    case WEIR_MY_TEXT:
        return true;
    default:
        return false;
    }
}

/* A number as it stands in SQL: digits, a sign, a point; of doubles, an exponent. */
static bool is_number(struct weir_str text, bool exponent)
{
    char copy[400], *end = NULL;
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(exponent ? "+-.0123456789e" : "+-.0123456789", text.ptr[i])) {
            return false;
        }
    }
    if (!text.len || text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    (void)strtod(copy, &end);
    return *end == '\0';
}

/* Numbers are compared as numbers, not as texts that the server would make doubles of. False: the
 * column cannot have such a value. */
static bool add_value(struct weir_buf *sql, const struct weir_my_column *c, struct weir_str value)
{
    bool time =
        c->form == WEIR_MY_DATE || c->form == WEIR_MY_DATETIME || c->form == WEIR_MY_TIMESTAMP;
    if (time || c->form == WEIR_MY_TEXT) {
        weir_buf_addz(sql, time ? "CAST(" : "");
        weir_sql_text(sql, value);
        weir_buf_addz(sql, time ? " AS DATETIME(6))" : "");
        return true;
    }
    if (!is_number(value, c->form == WEIR_MY_DOUBLE)) {
        return false;
    }
    weir_buf_adds(sql, value);
    weir_buf_addz(sql, c->form == WEIR_MY_DOUBLE && !memchr(value.ptr, 'e', value.len) ? "e0" : "");
    return true;
}

/* A text that is no time would be NULL at the server, and no row greater than it. */
static int check_value(struct weir_my *my, const struct weir_my_column *c, struct weir_str value,
                       struct weir_error *err)
{
    struct weir_buf sql;
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    weir_buf_init(&sql, MAX_CURSOR);
    weir_buf_addz(&sql, "SELECT (");
    bool fits = add_value(&sql, c, value);
    weir_buf_addz(&sql, ") IS NOT NULL");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc || !fits ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    MYSQL_ROW row = rc || !fits ? NULL : weir_my_next(result, &lengths);
    fits = row && row[0] && *row[0] == '1';
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc || fits
               ? rc
               : weir_fail(err, WEIR_EINVAL,
                           "\"" WEIR_STR_FMT "\" is no value of column \"" WEIR_STR_FMT
                           "\" (" WEIR_STR_FMT ")",
                           WEIR_STR_ARG(value), WEIR_STR_ARG(c->name), WEIR_STR_ARG(c->declared));
}

static void add_bound(struct weir_buf *sql, const struct weir_my_column *c, const char *compare,
                      struct weir_str value)
{
    weir_buf_addz(sql, sql->len ? " AND " : " WHERE ");
    weir_sql_ident(sql, c->name);
    weir_buf_addf(sql, " %s ", compare);
    (void)add_value(sql, c, value);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

/* Of what a row has: 60 bits, added up over rows. */
static void add_sum(struct weir_buf *sql, const struct weir_my_table *t)
{
    weir_buf_addz(sql, "sum(CAST(conv(left(sha2(concat_ws(','");
    for (size_t i = 0; i < t->column_count; i++) {
        const struct weir_my_column *c = &t->columns[i];
        if (c->index == SIZE_MAX) {
            continue;
        }
        weir_buf_addz(sql, ", coalesce(sha2(");
        weir_buf_addz(sql, c->form == WEIR_MY_BYTES ? "hex(weir_t." : "weir_t.");
        weir_sql_ident(sql, c->name);
        weir_buf_addz(sql, c->form == WEIR_MY_BYTES   ? ")"
                           : c->form == WEIR_MY_FLOAT ? " + 0e0"
                                                      : "");
        weir_buf_addz(sql, ", 256), '-')");
    }
    weir_buf_addz(sql, "), 256), 15), 16, 10) AS UNSIGNED))");
}

/* Of days to come there may be values that no row passes: merge leaves them out of the mark; they
 * are among the rows beyond it. Without a zone, it may be tomorrow. */
static const char *passable(const struct weir_my_column *c)
{
    switch (c->form) {
    case WEIR_MY_DATE:
    case WEIR_MY_DATETIME:
    case WEIR_MY_TIMESTAMP:
        return " < utc_timestamp() + INTERVAL 1 DAY";
    default:
        return NULL;
    }
}

static int ask_one(struct weir_my *my, struct weir_buf *sql, MYSQL_RES **out,
                   struct weir_error *err)
{
    int rc = weir_buf_check(sql, "a statement", err);
    my->most = 0;
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(sql), out, err);
    my->most = my->settings->timeout;
    weir_buf_free(sql);
    return rc;
}

static int ask_greatest(struct weir_my *my, const struct weir_my_table *t,
                        const struct weir_my_column *c, bool append, MYSQL_RES **out,
                        struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, MAX_MARK);
    weir_buf_addz(&sql, "SELECT CAST(max(");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, ") AS CHAR) FROM ");
    weir_sql_table(&sql, weir_str_of(my->settings->database), t->name);
    if (!append && passable(c)) {
        weir_buf_addz(&sql, " WHERE ");
        weir_sql_ident(&sql, c->name);
        weir_buf_addz(&sql, passable(c));
    }
    return ask_one(my, &sql, out, err);
}

/* What is in the rows of the greatest value, or beyond it. Before rows are read, so that one that
 * comes meanwhile, where there is no snapshot, is in the next sum at the latest. */
static int ask_sum(struct weir_my *my, const struct weir_my_table *t,
                   const struct weir_my_column *c, struct weir_str value, MYSQL_RES **out,
                   struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, MAX_CURSOR);
    weir_buf_addz(&sql, "SELECT count(*), ");
    add_sum(&sql, t);
    weir_buf_addz(&sql, " FROM ");
    weir_sql_table(&sql, weir_str_of(my->settings->database), t->name);
    weir_buf_addz(&sql, " AS weir_t WHERE weir_t.");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, " >= ");
    (void)add_value(&sql, c, value);
    return ask_one(my, &sql, out, err);
}

/* Where all rows that are there are beyond the mark of before, it stays. */
static int ask_mark(struct weir_my *my, const struct weir_my_table *t,
                    const struct weir_my_column *c, bool append, struct weir_arena *arena,
                    const struct weir_source_mark *old, struct weir_source_mark *out,
                    struct weir_error *err)
{
    MYSQL_RES *greatest = NULL, *sum = NULL;
    unsigned long *lengths;
    *out = (struct weir_source_mark){.value = {NULL, 0}};
    int rc = ask_greatest(my, t, c, append, &greatest, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(greatest, &lengths);
    if (row && row[0]) {
        out->value = weir_arena_dup(arena, weir_my_cell(row, lengths, 0));
    } else if (rc == 0 && !append && passable(c)) {
        out->value = old->value;
    }
    rc = rc || append || !out->value.ptr ? rc : ask_sum(my, t, c, out->value, &sum, err);
    row = rc || !sum ? NULL : weir_my_next(sum, &lengths);
    if (row) {
        (void)weir_str_to_i64(weir_my_cell(row, lengths, 0), &out->equal);
        out->sum = weir_arena_dup(arena, weir_my_cell(row, lengths, 1));
    }
    mysql_free_result(greatest);
    mysql_free_result(sum);
    return rc;
}

/* A back-fill: the cursor stays. */
static int plan_range(struct weir_my *my, const struct weir_my_column *c, struct weir_str cursor,
                      struct weir_source_plan *plan, struct weir_str *condition,
                      struct weir_error *err)
{
    struct weir_buf sql;
    int rc = check_value(my, c, plan->from, err);
    rc = rc || !plan->to.ptr ? rc : check_value(my, c, plan->to, err);
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, MAX_CURSOR);
    add_bound(&sql, c, ">=", plan->from);
    if (plan->to.ptr) {
        add_bound(&sql, c, "<", plan->to);
    }
    plan->cursor = cursor;
    return weir_source_plan_keep(plan, &sql, condition, err);
}

/* Where rows come while others are read (no snapshot), those beyond the mark are for the next run.
 */
static int plan_condition(struct weir_my *my, struct weir_my_table *t,
                          const struct weir_my_column *c, const struct weir_source_mark *old,
                          const struct weir_source_mark *now, bool append,
                          struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_buf sql;
    int rc = old->value.ptr ? check_value(my, c, old->value, err) : 0;
    if (rc) {
        return rc;
    }
    weir_buf_init(&sql, MAX_CURSOR);
    if (old->value.ptr) {
        add_bound(&sql, c, append ? ">" : ">=", old->value);
    }
    if (!t->snapshot && append && now->value.ptr) {
        add_bound(&sql, c, "<=", now->value);
        if (!old->value.ptr) { /* the first load has those without a value, too */
            weir_buf_addz(&sql, " OR ");
            weir_sql_ident(&sql, c->name);
            weir_buf_addz(&sql, " IS NULL");
        }
    }
    return weir_source_plan_keep(plan, &sql, &t->condition, err);
}

static int origin_of(const struct weir_my *my, const struct weir_my_table *t,
                     struct weir_arena *arena, struct weir_source_origin *out,
                     struct weir_error *err)
{
    const struct weir_my_settings *s = my->settings;
    out->at = weir_str_of(
        *s->socket ? weir_arena_printf(arena, "%s/%s", s->socket, s->database)
                   : weir_arena_printf(arena, "%s:%" PRId64 "/%s", s->host, s->port, s->database));
    out->server = weir_str_of(
        *my->identity ? weir_arena_printf(arena, "%s/%s", my->identity, s->database) : "");
    out->table = t->name;
    return out->at.ptr && out->server.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

int weir_my_plan_cursor(struct weir_my *my, const struct weir_source_stream *stream,
                        struct weir_my_table *t, struct weir_str cursor,
                        struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_source_mark old, now = {.value = {NULL, 0}};
    struct weir_source_origin origin;
    bool append = stream->mode == WEIR_SOURCE_APPEND;
    size_t index;
    int rc = weir_source_mark_column(stream, plan, &index, err);
    const struct weir_my_column *c = index == SIZE_MAX ? NULL : weir_my_column_of(t, index);
    if (rc == 0 && c && !ordered(c)) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the cursor \"%s\" of stream \"%s\" is of type " WEIR_STR_FMT
                       ", whose values cannot be compared with one that was kept; take a column "
                       "of numbers, times or texts",
                       stream->cursor, stream->name, WEIR_STR_ARG(c->declared));
    }
    rc = rc ? rc : origin_of(my, t, &plan->arena, &origin, err);
    rc = rc ? rc : weir_source_mark_read(stream, cursor, &origin, plan, &old, err);
    if (rc == 0 && plan->from.ptr && c) {
        return plan_range(my, c, cursor, plan, &t->condition, err);
    }
    rc = rc || !c ? rc : ask_mark(my, t, c, append, &plan->arena, &old, &now, err);
    rc = rc || !c ? rc : plan_condition(my, t, c, &old, &now, append, plan, err);
    return rc ? rc : weir_source_mark_plan(stream, cursor, &origin, &old, &now, plan, err);
}
