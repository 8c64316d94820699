/* What the server says of the rows that are read, in the same snapshot. */
#include <stdlib.h>

#include "base/number.h"
#include "source/mysql/mysql.h"

#define SQL_BYTES       (8u << 20)
#define COLUMNS_AT_ONCE 500
#define PLACES          6 /* of a time's number */

static const char *sums_of(const struct weir_my_column *c, const struct weir_column *to)
{
    static const char *const sums[] = {
        [WEIR_TYPE_BOOL] = "count($), sum($), NULL",
        [WEIR_TYPE_INT] = "count($), sum($), NULL",
        [WEIR_TYPE_DOUBLE] = "count($), min($ + 0e0), max($ + 0e0)",
        /* weir_my_times; a third of what it takes for days or seconds since a day. */
        [WEIR_TYPE_TIMESTAMP] = "count($), sum($ + 0), NULL",
        [WEIR_TYPE_DATE] = "count($), sum($ + 0), NULL",
        [WEIR_TYPE_TEXT] = "count($), sum(octet_length($)), NULL",
        [WEIR_TYPE_JSON] = "count($), sum(octet_length($)), NULL",
        [WEIR_TYPE_OTHER] = "count($), sum($), NULL"};
    bool text = to->type == WEIR_TYPE_TEXT || to->type == WEIR_TYPE_JSON;
    bool places = memchr(c->declared.ptr, '(', c->declared.len); /* datetime(6), double(10,2) */
    if (c->form == WEIR_MY_BYTES) {
        return "count($), sum(2 + 2 * octet_length($)), NULL"; /* as hex digits */
    }
    if (text && !c->utf8) {
        return "count($), sum(octet_length(CONVERT($ USING utf8mb4))), NULL";
    }
    if (c->form == WEIR_MY_DOUBLE && !places) {
        return "count($), min($), max($)";
    }
    return sums[to->type];
}

static void add_figure(struct weir_buf *sql, const struct weir_my_column *c,
                       const struct weir_column *to)
{
    weir_buf_addz(sql, ", ");
    for (const char *p = sums_of(c, to); *p; p++) {
        if (*p == '$') {
            weir_buf_addc(sql, '(');
            weir_my_expression(sql, c, to);
            weir_buf_addc(sql, ')');
        } else {
            weir_buf_addc(sql, *p);
        }
    }
}

static double read_double(const char *text, const struct weir_my_column *c)
{
    double d = text ? strtod(text, NULL) : 0;
    return c->form == WEIR_MY_FLOAT ? weir_number_widen((float)d) : d;
}

/* The sum of times as numbers ("20260102030405.5"), in its last place. */
static __int128 read_numbers(struct weir_str text, enum weir_type type)
{
    const char *point = text.len ? memchr(text.ptr, '.', text.len) : NULL;
    size_t places = point ? (size_t)(text.ptr + text.len - point) - 1 : 0;
    __int128 sum = weir_number_scaled(text);
    for (; type == WEIR_TYPE_TIMESTAMP && places < PLACES; places++) {
        sum *= 10;
    }
    return sum;
}

__int128 weir_my_time_number(const struct weir_my_time *t, enum weir_type type)
{
    int64_t day = (t->year * 100ll + t->month) * 100 + t->day;
    int64_t second = (t->hour * 100ll + t->minute) * 100 + t->second;
    return type == WEIR_TYPE_DATE ? day : (__int128)(day * 1000000 + second) * 1000000 + t->micros;
}

static void read_figure(struct weir_figure *to, const struct weir_my_column *c, enum weir_type type,
                        const struct weir_my_times *times, MYSQL_ROW row,
                        const unsigned long *lengths, unsigned at)
{
    struct weir_str sum = weir_my_cell(row, lengths, at + 1);
    to->values = (uint64_t)weir_number_scaled(weir_my_cell(row, lengths, at));
    if (type == WEIR_TYPE_DOUBLE) {
        to->any = row[at + 1] != NULL;
        to->least = read_double(row[at + 1], c);
        to->greatest = read_double(row[at + 2], c);
    } else if (type == WEIR_TYPE_TIMESTAMP || type == WEIR_TYPE_DATE) {
        to->values = times->given + (to->values - times->came);
        to->sum = times->sum + (read_numbers(sum, type) - times->numbers);
    } else {
        to->sum = weir_number_scaled(sum);
    }
}

/* Of columns `from` to before `to`. */
static int send_some(struct weir_my *my, MYSQL *con, const struct weir_my_table *t,
                     const struct weir_source_sink *sink, size_t from, size_t to,
                     struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT count(*)");
    for (size_t i = from; i < to; i++) {
        add_figure(&sql, weir_my_column_of(t, i), &sink->columns[i]);
    }
    weir_my_from(&sql, my, t);
    int rc = weir_buf_check(&sql, "the sums of a table", err);
    rc = rc ? rc : weir_my_send(my, con, weir_buf_str(&sql), err);
    weir_buf_free(&sql);
    return rc;
}

static int take_some(struct weir_my *my, MYSQL *con, const struct weir_my_table *t,
                     struct weir_source_sink *sink, size_t from, size_t to, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    unsigned long *lengths;
    my->most = 0;
    int rc = weir_my_take(my, con, &result, err);
    my->most = my->settings->timeout;
    MYSQL_ROW row = rc ? NULL : weir_my_next(result, &lengths);
    if (row) {
        sink->source->rows = (uint64_t)weir_number_scaled(weir_my_cell(row, lengths, 0));
        for (size_t i = from; i < to; i++) {
            read_figure(&sink->source->columns[i], weir_my_column_of(t, i), sink->columns[i].type,
                        &my->times[i], row, lengths, 1 + 3 * (unsigned)(i - from));
        }
    }
    mysql_free_result(result);
    return rc;
}

void weir_my_figures_begin(struct weir_my *my, const struct weir_my_table *t,
                           const struct weir_source_sink *sink)
{
    struct weir_error ignored;
    my->summing = my->beside_count && sink->column_count <= COLUMNS_AT_ONCE &&
                  send_some(my, my->beside[0], t, sink, 0, sink->column_count, &ignored) == 0;
}

/* A view is not asked: what it computes with fractions may differ from one plan of the server to
 * the next. Nor is a table whose engine has no snapshots. */
int weir_my_figures_end(struct weir_my *my, const struct weir_my_table *t,
                        struct weir_source_sink *sink, struct weir_error *err)
{
    int rc = 0;
    if (!t->snapshot) {
        return 0;
    }
    if (my->summing) {
        bool broken = my->broken;
        rc = take_some(my, my->beside[0], t, sink, 0, sink->column_count, err);
        my->summing = false;
        my->broken = broken;
        sink->told = rc == 0;
        if (rc == 0 || rc == WEIR_ECANCELED) {
            return rc;
        }
        rc = 0; /* that connection is lost, say */
    }
    for (size_t from = 0; rc == 0 && from < sink->column_count; from += COLUMNS_AT_ONCE) {
        size_t to = from + COLUMNS_AT_ONCE;
        to = to < sink->column_count ? to : sink->column_count;
        rc = send_some(my, my->con, t, sink, from, to, err);
        rc = rc ? rc : take_some(my, my->con, t, sink, from, to, err);
    }
    sink->told = rc == 0;
    return rc;
}
