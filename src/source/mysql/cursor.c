/* The cursor of a stream: {"v":1,"options":HEX,"column":NAME,"value":TEXT,"equal":ROWS,"sum":TEXT}.
 *
 * `value` is the greatest value of the column, `equal` how many rows had it, and `sum` what was in
 * them. Rows of that value may come later, or change (within a DATETIME's second): then merge reads
 * them again (>=). append does not (>), and keeps no sum. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "source/mysql/mysql.h"

#define MAX_CURSOR (16u << 20)
#define MAX_MARK   (4u << 20)

struct mark {
    struct weir_str value; /* ptr NULL: there is none */
    int64_t equal;
    struct weir_str sum;
};

uint64_t weir_my_options_hash(const struct weir_source_stream *s)
{
    const char *const texts[] = {s->table, s->cursor};
    const struct weir_text_list *const lists[] = {&s->key, &s->exclude};
    uint64_t hash = weir_hash64(&s->mode, sizeof s->mode, 1);
    for (size_t i = 0; i < 2; i++) {
        hash = weir_hash64(texts[i], strlen(texts[i]) + 1, hash);
        for (size_t k = 0; k < lists[i]->count; k++) {
            hash = weir_hash64(lists[i]->items[k], strlen(lists[i]->items[k]) + 1, hash + i);
        }
    }
    return hash;
}

static int read_cursor(struct weir_str text, const char *hash, struct weir_arena *arena,
                       struct mark *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf buf;
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, text);
    *out = (struct mark){.value = {NULL, 0}};
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc || !text.len ? rc : weir_json_parse(parser, weir_buf_str(&buf), &root, err);
    if (rc == 0 && text.len && weir_str_is(weir_json_get_str(root, "options"), hash)) {
        struct weir_str value = weir_json_get_str(root, "value");
        out->value = value.ptr ? weir_arena_dup(arena, value) : value;
        out->sum = weir_arena_dup(arena, weir_json_get_str(root, "sum"));
        (void)weir_json_i64(weir_json_get(root, "equal"), &out->equal);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return rc;
}

static const struct weir_my_column *find_cursor(const struct weir_my_table *t, const char *name)
{
    for (size_t i = 0; i < t->plan->column_count; i++) {
        if (weir_str_is(t->plan->columns[i].name, name)) {
            return weir_my_column_of(t, i);
        }
    }
    return NULL;
}

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

/* The greatest value now, in the snapshot, how many rows have it, and what is in them. */
static int ask_mark(struct weir_my *my, const struct weir_my_table *t,
                    const struct weir_my_column *c, bool append, struct weir_arena *arena,
                    struct mark *out, struct weir_error *err)
{
    struct weir_str database = weir_str_of(my->settings->database);
    struct weir_buf sql;
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    weir_buf_init(&sql, MAX_MARK);
    weir_buf_addz(&sql, "SELECT CAST(weir_m.m AS CHAR), count(*), ");
    if (append) {
        weir_buf_addz(&sql, "''");
    } else {
        add_sum(&sql, t);
    }
    weir_buf_addz(&sql, " FROM (SELECT max(");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, ") AS m FROM ");
    weir_sql_table(&sql, database, t->name);
    weir_buf_addz(&sql, ") AS weir_m JOIN ");
    weir_sql_table(&sql, database, t->name);
    weir_buf_addz(&sql, " AS weir_t ON weir_t.");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, " = weir_m.m GROUP BY weir_m.m");
    int rc = weir_buf_check(&sql, "a statement", err);
    my->most = 0;
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    my->most = my->settings->timeout;
    *out = (struct mark){.value = {NULL, 0}};
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    if (row && row[0]) {
        out->value = weir_arena_dup(arena, weir_my_cell(row, lengths, 0));
        (void)weir_str_to_i64(weir_my_cell(row, lengths, 1), &out->equal);
        out->sum = weir_arena_dup(arena, weir_my_cell(row, lengths, 2));
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

static int keep(struct weir_buf *sql, struct weir_source_plan *plan, struct weir_str *out,
                struct weir_error *err)
{
    int rc = weir_buf_check(sql, "a cursor", err);
    *out = weir_arena_dup(&plan->arena, weir_buf_str(sql));
    weir_buf_free(sql);
    return rc || out->ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
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
    return keep(&sql, plan, condition, err);
}

/* Where rows come while others are read (no snapshot), those beyond the mark are for the next run.
 */
static int plan_condition(struct weir_my *my, struct weir_my_table *t,
                          const struct weir_my_column *c, const struct mark *old,
                          const struct mark *now, bool append, struct weir_source_plan *plan,
                          struct weir_error *err)
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
    return keep(&sql, plan, &t->condition, err);
}

static int print_cursor(const struct weir_source_stream *stream, const char *hash,
                        const struct mark *now, struct weir_source_plan *plan,
                        struct weir_error *err)
{
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "options", hash);
    if (now->value.ptr) {
        weir_jw_kstrz(&w, "column", stream->cursor);
        weir_jw_kstr(&w, "value", now->value);
        weir_jw_ki64(&w, "equal", now->equal);
        weir_jw_kstr(&w, "sum", now->sum);
    }
    weir_jw_object_end(&w);
    return keep(&out, plan, &plan->cursor, err);
}

int weir_my_plan_cursor(struct weir_my *my, const struct weir_source_stream *stream,
                        struct weir_my_table *t, struct weir_str cursor,
                        struct weir_source_plan *plan, struct weir_error *err)
{
    char hash[17];
    struct mark old, now = {.value = {NULL, 0}};
    const struct weir_my_column *c = *stream->cursor ? find_cursor(t, stream->cursor) : NULL;
    bool append = stream->mode == WEIR_SOURCE_APPEND;
    snprintf(hash, sizeof hash, "%016" PRIx64, weir_my_options_hash(stream));
    if (*stream->cursor && !c) {
        return weir_fail(err, WEIR_EINVAL,
                         "the cursor \"%s\" of stream \"%s\" is no column of it; `weir source "
                         "discover` shows the columns",
                         stream->cursor, stream->name);
    }
    if (c && !ordered(c)) {
        return weir_fail(err, WEIR_EINVAL,
                         "the cursor \"%s\" of stream \"%s\" is of type " WEIR_STR_FMT
                         ", whose values cannot be compared with one that was kept; take a column "
                         "of numbers, times or texts",
                         stream->cursor, stream->name, WEIR_STR_ARG(c->declared));
    }
    if (plan->from.ptr && c) {
        return plan_range(my, c, cursor, plan, &t->condition, err);
    }
    int rc = read_cursor(cursor, hash, &plan->arena, &old, err);
    rc = rc || !c ? rc : ask_mark(my, t, c, append, &plan->arena, &now, err);
    plan->whole = stream->mode == WEIR_SOURCE_REPLACE || (c ? !old.value.ptr : !cursor.len);
    plan->complete = !c;
    if (rc == 0 && c) {
        bool same = old.equal == now.equal && weir_str_eq(old.sum, now.sum);
        plan->nothing = old.value.ptr &&
                        (!now.value.ptr || (weir_str_eq(old.value, now.value) && (same || append)));
        rc = plan_condition(my, t, c, &old, &now, append, plan, err);
    }
    return rc ? rc : print_cursor(stream, hash, &now, plan, err);
}
