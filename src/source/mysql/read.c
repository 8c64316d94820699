/* Rows: a prepared statement in the plan's snapshot for each range, row by row from the network
 * into batches. One thread reads all ranges, as their rows go one way from here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/number.h"
#include "source/mysql/mysql.h"
#include "source/run/rows.h"

#define SQL_BYTES  (8u << 20)
#define FIRST_TEXT 256
#define MAX_ROW    (192u << 20) /* bytes; a batch may hold 256 MB of texts */
#define JSON_DEPTH 1000
#define AT_ONCE    1024 /* rows of a range, then others have their turn */

/* --- rows ---------------------------------------------------------------------------------------
 */

struct cell {
    const struct weir_my_column *from;
    enum weir_type type;
    union {
        long long whole;
        double number;
        float half;
        MYSQL_TIME time;
    } value;
    char *text;
    unsigned long room, length;
    my_bool null, error;
    bool scaled; /* a decimal of few digits: as its number without the point */
    unsigned scale;
};
struct shared { /* by all ranges */
    struct weir_buf hex;
    struct weir_json_parser *parser;
};
struct reading { /* of a range */
    struct weir_my *my;
    MYSQL *con;
    MYSQL_STMT *stmt;
    MYSQL_BIND *binds;
    struct cell *cells;
    size_t count;
    struct weir_source_rows *to;
    struct shared *shared;
    uint64_t row_bytes; /* as the table takes them at the server, about */
    bool open;          /* rows are to come */
    int waiting; /* for what the library waits (MYSQL_WAIT_…) in the middle of a row, or 0 */
    int got;     /* what it said of the latest row */
};

static bool is_text(const struct cell *c)
{
    return c->type == WEIR_TYPE_TEXT || c->type == WEIR_TYPE_JSON || c->type == WEIR_TYPE_OTHER;
}

static void bind_cell(struct cell *c, MYSQL_BIND *b)
{
    *b = (MYSQL_BIND){.is_null = &c->null, .length = &c->length, .error = &c->error};
    b->buffer = &c->value;
    if (is_text(c)) {
        b->buffer_type = c->from->form == WEIR_MY_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
        b->buffer = c->text;
        b->buffer_length = c->room;
    } else if (c->type == WEIR_TYPE_DOUBLE) {
        b->buffer_type = weir_my_is_whole(c->from)        ? MYSQL_TYPE_LONGLONG
                         : c->from->form == WEIR_MY_FLOAT ? MYSQL_TYPE_FLOAT
                                                          : MYSQL_TYPE_DOUBLE;
        b->is_unsigned = c->from->form != WEIR_MY_INT;
    } else if (c->type == WEIR_TYPE_DATE || c->type == WEIR_TYPE_TIMESTAMP) {
        b->buffer_type = MYSQL_TYPE_DATETIME;
        b->buffer_length = sizeof c->value.time;
    } else {
        b->buffer_type = MYSQL_TYPE_LONGLONG;
    }
}

static int bind_all(struct reading *r, struct weir_error *err)
{
    for (size_t i = 0; i < r->count; i++) {
        bind_cell(&r->cells[i], &r->binds[i]);
    }
    return mysql_stmt_bind_result(r->stmt, r->binds)
               ? weir_my_execute_fail(r->my, r->con, r->stmt, err)
               : 0;
}

static int prepare(struct reading *r, const struct weir_my_table *t, size_t number,
                   struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < r->count; i++) {
        weir_buf_addz(&sql, i ? ", " : "");
        weir_my_expression(&sql, r->cells[i].from, &r->to->sink->columns[i]);
    }
    weir_my_ranges_from(&sql, r->my, t, number);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_execute(r->my, r->con, r->stmt, weir_buf_str(&sql), err);
    weir_buf_free(&sql);
    r->open = rc == 0;
    return rc;
}

/* Texts that were longer than their room. */
static int take_rest(struct reading *r, struct weir_error *err)
{
    bool grown = false;
    for (size_t i = 0; i < r->count; i++) {
        struct cell *c = &r->cells[i];
        if (!is_text(c) || c->null || c->length <= c->room) {
            continue;
        }
        unsigned long room = c->length + c->length / 2;
        char *more = realloc(c->text, room + WEIR_BUF_PADDING);
        if (!more) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a text of %lu bytes", c->length);
        }
        c->text = more;
        c->room = room;
        grown = true;
        bind_cell(c, &r->binds[i]);
        if (mysql_stmt_fetch_column(r->stmt, &r->binds[i], (unsigned)i, 0)) {
            return weir_my_execute_fail(r->my, r->con, r->stmt, err);
        }
    }
    return grown ? bind_all(r, err) : 0;
}

/* Whole numbers that a double keeps. Decimals never come here: with DOUBLE they become a text. */
static int put_double(struct reading *r, size_t i, struct weir_error *err)
{
    const struct cell *c = &r->cells[i];
    double value = c->value.number;
    if (weir_my_is_whole(c->from)) {
        long long v = c->value.whole, most = 1ll << 53;
        bool has_sign = c->from->form == WEIR_MY_INT;
        if (v > most || v < (has_sign ? -most : 0)) {
            char text[32];
            snprintf(text, sizeof text, has_sign ? "%lld" : "%llu", v);
            return weir_source_rows_flaw(r->to, i, weir_str_of(text),
                                         "a number has more digits than the table's DOUBLE keeps",
                                         err);
        }
        value = (double)v;
    } else if (c->from->form == WEIR_MY_FLOAT) {
        value = weir_number_widen(c->value.half);
    }
    weir_source_rows_double(r->to, i, value);
    return 0;
}

static int put_time(struct reading *r, size_t i, struct weir_error *err)
{
    struct weir_my_times *times = &r->my->times[i];
    const MYSQL_TIME *m = &r->cells[i].value.time;
    struct weir_my_time t = {
        m->year, m->month, m->day, m->hour, m->minute, m->second, (unsigned)m->second_part};
    bool none;
    int64_t value;
    times->came++;
    times->numbers += weir_my_time_number(&t, r->cells[i].type);
    if (!weir_my_time_of(&t, r->cells[i].type == WEIR_TYPE_DATE, &none, &value)) {
        struct weir_buf *text = &r->shared->hex;
        weir_buf_reset(text);
        weir_my_time_text(&t, r->cells[i].from->form == WEIR_MY_DATE, text);
        return weir_source_rows_flaw(r->to, i, weir_buf_str(text), "a date is no day", err);
    }
    if (!none) {
        times->given++;
        times->sum += value;
        weir_source_rows_int(r->to, i, value);
    }
    return 0;
}

/* MariaDB's are texts with a check, which can be switched off. */
static bool is_json(struct reading *r, struct weir_str text)
{
    struct weir_json root;
    struct weir_json_repairs repairs = {0};
    struct weir_error ignored;
    return weir_json_parse_lenient(r->shared->parser, text, &root, &repairs, &ignored) == 0 &&
           !repairs.control && !repairs.not_finite;
}

static int put_text(struct reading *r, size_t i, struct weir_error *err)
{
    const struct cell *c = &r->cells[i];
    struct weir_str text = {c->text, c->length};
    int64_t value;
    if (c->scaled) {
        if (!weir_my_scaled(text, c->scale, &value)) {
            return weir_source_rows_flaw(r->to, i, text,
                                         "a decimal has other digits than its column", err);
        }
        weir_source_rows_int(r->to, i, value);
        return 0;
    }
    if (c->from->form == WEIR_MY_BYTES) {
        weir_buf_reset(&r->shared->hex);
        weir_my_hex(text, &r->shared->hex);
        int rc = weir_buf_check(&r->shared->hex, "a value", err);
        return rc ? rc : weir_source_rows_text(r->to, i, weir_buf_str(&r->shared->hex), err);
    }
    if (!weir_utf8_valid(text)) {
        return weir_source_rows_flaw(r->to, i, text, "a text is no UTF-8", err);
    }
    if (c->type == WEIR_TYPE_JSON && r->my->mariadb && !is_json(r, text)) {
        return weir_source_rows_flaw(r->to, i, text, "a JSON is none", err);
    }
    return weir_source_rows_text(r->to, i, text, err);
}

static int put(struct reading *r, size_t i, struct weir_error *err)
{
    const struct cell *c = &r->cells[i];
    switch (c->type) {
    case WEIR_TYPE_BOOL:
        weir_source_rows_bool(r->to, i, c->value.whole != 0);
        return 0;
    case WEIR_TYPE_INT:
        weir_source_rows_int(r->to, i, c->value.whole);
        return 0;
    case WEIR_TYPE_DOUBLE:
        return put_double(r, i, err);
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        return put_time(r, i, err);
    default:
        return put_text(r, i, err);
    }
}

static bool fits(const struct reading *r, size_t *at)
{
    size_t bytes = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct cell *c = &r->cells[i];
        if (is_text(c) && !c->null) {
            bytes += c->from->form == WEIR_MY_BYTES ? 2 + 2 * c->length : c->length;
            *at = i;
            if (bytes > MAX_ROW) {
                return false;
            }
        }
    }
    return true;
}

/* By its beginning, which is all that was taken of it. */
static int flaw_large(struct reading *r, size_t i, struct weir_error *err)
{
    const struct cell *c = &r->cells[i];
    struct weir_str begun = {c->text, c->length < c->room ? c->length : c->room};
    return weir_source_rows_flaw(r->to, i, begun, "the row has more than 192 MB", err);
}

static int put_row(struct reading *r, bool truncated, struct weir_error *err)
{
    size_t at = 0;
    bool small = fits(r, &at);
    int rc = !small ? flaw_large(r, at, err) : truncated ? take_rest(r, err) : 0;
    for (size_t i = 0; rc == 0 && i < r->count; i++) {
        const struct cell *c = &r->cells[i];
        if (!c->null) {
            rc = !small && is_text(c) ? flaw_large(r, i, err) : put(r, i, err);
        }
    }
    if (rc) {
        return rc;
    }
    return weir_source_rows_flawed(r->to) ? weir_source_rows_set_aside(r->to, err)
                                          : weir_source_rows_end(r->to, err);
}

static int put_fetched(struct reading *r, struct weir_error *err)
{
    r->open = r->got == 0 || r->got == MYSQL_DATA_TRUNCATED;
    return r->open                   ? put_row(r, r->got == MYSQL_DATA_TRUNCATED, err)
           : r->got == MYSQL_NO_DATA ? 0
                                     : weir_my_execute_fail(r->my, r->con, r->stmt, err);
}

/* What has come of a range, as far as one turn goes. */
static int drain(struct reading *r, struct weir_error *err)
{
    struct weir_source_sink *sink = r->to->sink;
    int rc = 0, left = AT_ONCE;
    for (; rc == 0 && r->open && left; left--) {
        r->waiting = mysql_stmt_fetch_start(&r->got, r->stmt);
        if (r->waiting) {
            break;
        }
        rc = put_fetched(r, err);
    }
    if (sink->bytes && r->row_bytes && left < AT_ONCE) {
        sink->bytes(sink, (uint64_t)(AT_ONCE - left) * r->row_bytes);
    }
    return rc;
}

/* Rows that were waited for. */
static int go_on(struct reading *r, int ready, struct weir_error *err)
{
    if (!ready) {
        return 0;
    }
    r->waiting = mysql_stmt_fetch_cont(&r->got, r->stmt, ready);
    return r->waiting ? 0 : put_fetched(r, err);
}

static int fetch_all(struct reading *ranges, size_t count, struct weir_error *err)
{
    int rc = 0;
    bool open = true;
    while (rc == 0 && open) {
        struct weir_my_waiting waiting[WEIR_MY_RANGES];
        struct reading *waits[WEIR_MY_RANGES];
        size_t n = 0;
        bool more = false;
        open = false;
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = ranges[i].open && !ranges[i].waiting ? drain(&ranges[i], err) : 0;
            more = more || (ranges[i].open && !ranges[i].waiting);
            open = open || ranges[i].open;
            if (ranges[i].waiting) {
                waits[n] = &ranges[i];
                waiting[n++] = (struct weir_my_waiting){ranges[i].con, ranges[i].waiting};
            }
        }
        rc = rc || !n ? rc : weir_my_wait_any(ranges[0].my, waiting, n, !more, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            rc = go_on(waits[i], waiting[i].status, err);
        }
    }
    return rc;
}

/* Closing a statement would read all that is left of its rows. */
static void end_all(struct reading *ranges, size_t count)
{
    MYSQL *open[WEIR_MY_RANGES];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        weir_my_cut(ranges[i].my, ranges[i].con);
        if (ranges[i].open) {
            open[n++] = ranges[i].con;
        }
    }
    weir_my_end(ranges[0].my, open, n);
    for (size_t i = 0; i < count; i++) {
        while (ranges[i].waiting) {
            ranges[i].waiting =
                mysql_stmt_fetch_cont(&ranges[i].got, ranges[i].stmt, ranges[i].waiting);
        }
    }
}

static int open_cells(struct reading *r, const struct weir_my_table *t, struct weir_error *err)
{
    r->stmt = mysql_stmt_init(r->con);
    r->cells = calloc(r->count + 1, sizeof *r->cells);
    r->binds = calloc(r->count + 1, sizeof *r->binds);
    bool there = r->cells && r->binds && r->stmt && r->shared->parser;
    for (size_t i = 0; there && i < r->count; i++) {
        struct cell *c = &r->cells[i];
        c->from = weir_my_column_of(t, i);
        c->type = r->to->sink->columns[i].type;
        unsigned precision = 0;
        c->scaled = c->type == WEIR_TYPE_OTHER &&
                    weir_number_decimal(r->to->sink->columns[i].type_name, &precision, &c->scale) &&
                    precision <= WEIR_FIGURES_DIGITS;
        c->scaled = c->scaled && weir_source_rows_scaled(r->to, i, c->scale);
        c->room = FIRST_TEXT;
        c->text = is_text(c) ? calloc(1, c->room + WEIR_BUF_PADDING) : NULL;
        there = !is_text(c) || c->text;
    }
    return there ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", r->count);
}

static void close_cells(struct reading *r)
{
    if (r->stmt) {
        mysql_stmt_close(r->stmt);
    }
    for (size_t i = 0; r->cells && i < r->count; i++) {
        free(r->cells[i].text);
    }
    free(r->cells);
    free(r->binds);
}

int weir_my_read(struct weir_my *my, const struct weir_my_table *t, struct weir_source_sink *sink,
                 struct weir_error *err)
{
    struct weir_source_rows rows;
    struct shared shared = {.parser = weir_json_parser_new(JSON_DEPTH)};
    struct reading ranges[WEIR_MY_RANGES];
    size_t count = t->bound_count + 1;
    weir_buf_init(&shared.hex, 2 * MAX_ROW + 64);
    my->times = calloc(sink->column_count + 1, sizeof *my->times);
    int rc = weir_source_rows_open_aside(&rows, sink, WEIR_STR(""), err);
    if (rc == 0 && !my->times) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", sink->column_count);
    }
    for (size_t i = 0; i < count; i++) {
        ranges[i] = (struct reading){.my = my,
                                     .con = i ? my->beside[i] : my->con,
                                     .to = &rows,
                                     .count = sink->column_count,
                                     .shared = &shared,
                                     .row_bytes = t->row_bytes};
        rc = rc ? rc : open_cells(&ranges[i], t, err);
    }
    bool begun = rc == 0;
    if (begun) {
        weir_my_figures_begin(my, t, sink);
    }
    for (size_t i = 0; i < count; i++) {
        rc = rc ? rc : prepare(&ranges[i], t, i, err);
        rc = rc ? rc : bind_all(&ranges[i], err);
    }
    rc = rc ? rc : fetch_all(ranges, count, err);
    rc = rc ? rc : weir_source_rows_flush(&rows, err);
    if (rc && begun) {
        end_all(ranges, count);
    }
    for (size_t i = 0; i < count; i++) {
        close_cells(&ranges[i]);
    }
    rc = rc ? rc : weir_my_figures_end(my, t, sink, err);
    weir_my_close_beside(my);
    free(my->times);
    my->times = NULL;
    weir_json_parser_free(shared.parser);
    weir_buf_free(&shared.hex);
    weir_source_rows_free(&rows);
    return rc;
}
