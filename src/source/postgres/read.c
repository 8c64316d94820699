/* Rows: COPY in the plan's snapshot, and what the server says of them in the same one. */
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "source/postgres/copy.h"
#include "source/postgres/postgres.h"

#define SQL_BYTES       (8u << 20)
#define LARGE_PAGES     4096 /* 32 MB: then two connections read */
#define RANGES          2
#define COLUMNS_AT_ONCE 500

/* Every type is named, so that one that has become another one meanwhile fails, and is not misread.
 */
void weir_pg_expression(struct weir_buf *sql, const struct weir_pg_column *c, enum weir_type type)
{
    static const char *const casts[] = {
        [WEIR_TYPE_BOOL] = "::boolean",  [WEIR_TYPE_INT] = "::bigint",
        [WEIR_TYPE_DOUBLE] = "::float8", [WEIR_TYPE_TIMESTAMP] = "::timestamp",
        [WEIR_TYPE_DATE] = "::date",     [WEIR_TYPE_TEXT] = "::text",
        [WEIR_TYPE_JSON] = "::text",     [WEIR_TYPE_OTHER] = "::numeric"};
    const char *before = c->array ? "pg_catalog.to_json(" : "";
    const char *cast = casts[type];
    bool text = type == WEIR_TYPE_TEXT || type == WEIR_TYPE_JSON;
    if (type == WEIR_TYPE_DOUBLE && c->oid == WEIR_PG_FLOAT4) {
        cast = "::real";
    } else if (type == WEIR_TYPE_TIMESTAMP && c->oid == WEIR_PG_TIMESTAMPTZ) {
        cast = "::timestamptz";
    } else if (text && c->oid == WEIR_PG_BPCHAR) {
        cast = "::bpchar"; /* text would cut the blanks of char(n) */
    } else if (text && c->oid == WEIR_PG_INET) {
        before = "pg_catalog.textin(pg_catalog.inet_out("; /* text would show each as a network */
        cast = "))";
    } else if (text && c->oid == WEIR_PG_XML) {
        before = "pg_catalog.textin(pg_catalog.xml_out("; /* as changes have it: no encoding */
        cast = "))";
    }
    weir_buf_addz(sql, before);
    weir_sql_ident(sql, c->name);
    weir_buf_addz(sql, c->array ? ")" : "");
    weir_buf_addz(sql, cast);
}

void weir_pg_from(struct weir_buf *sql, const struct weir_pg_table *t)
{
    weir_buf_addz(sql, t->only ? " FROM ONLY " : " FROM ");
    weir_sql_table(sql, t->schema, t->name);
    weir_buf_adds(sql, t->condition);
}

/* --- what the server says -----------------------------------------------------------------------
 */

static void add_figure(struct weir_buf *sql, const struct weir_pg_column *c,
                       const struct weir_column *to, bool utf8)
{
    static const char *const sums[] = {
        [WEIR_TYPE_BOOL] = "count(*) FILTER (WHERE $), NULL",
        [WEIR_TYPE_INT] = "sum($), NULL",
        /* NaN is greater than all others, and so is -NaN. */
        [WEIR_TYPE_DOUBLE] = "min($), -min(-$)",
        /* Doubles are exact to the microsecond around now, and much faster than decimals. What
         * ranges of times take for their distance is twice as fast as date_part(). */
        [WEIR_TYPE_TIMESTAMP] =
            "coalesce(sum(CASE WHEN $ >= '1900-01-01' AND $ < '2041-01-01' THEN "
            "(@range_subdiff($, 'epoch') * 1000000)::bigint END), 0) + coalesce(trunc(sum(extract("
            "epoch FROM $)) FILTER (WHERE ($ < '1900-01-01' OR $ >= '2041-01-01') AND "
            "isfinite($)) * 1000000), 0), NULL",
        [WEIR_TYPE_DATE] = "sum($ - DATE '1970-01-01') FILTER (WHERE isfinite($)), NULL",
        [WEIR_TYPE_TEXT] = "sum(octet_length($)), NULL",
        [WEIR_TYPE_JSON] = "sum(octet_length($)), NULL",
        /* With a NaN among them it is one: then its row is rejected, and sums are not compared. */
        [WEIR_TYPE_OTHER] = "trunc(sum($) * #), NULL"};
    unsigned precision = 0, scale = 0;
    (void)weir_number_decimal(to->type_name, &precision, &scale);
    const char *sum = sums[to->type];
    if (!utf8 && (to->type == WEIR_TYPE_TEXT || to->type == WEIR_TYPE_JSON)) {
        sum = "sum(octet_length(convert_to($, 'UTF8'))), NULL";
    }
    weir_buf_addz(sql, ", count(");
    weir_sql_ident(sql, c->name);
    weir_buf_addz(sql, "), ");
    for (const char *p = sum; *p; p++) {
        if (*p == '$') {
            weir_buf_addc(sql, '(');
            weir_pg_expression(sql, c, to->type);
            weir_buf_addc(sql, ')');
        } else if (*p == '@') {
            weir_buf_addz(sql, c->oid == WEIR_PG_TIMESTAMPTZ ? "tstz" : "ts");
        } else if (*p == '#') {
            weir_buf_addz(sql, "1");
            for (unsigned i = 0; i < scale; i++) {
                weir_buf_addc(sql, '0');
            }
        } else {
            weir_buf_addc(sql, *p);
        }
    }
}

static void read_figure(struct weir_figure *to, enum weir_type type, const PGresult *r, int at)
{
    to->values = (uint64_t)weir_number_scaled(weir_pg_cell(r, 0, at));
    if (type == WEIR_TYPE_DOUBLE) {
        /* A float's text is the shortest, as the double that the decoder makes has it. */
        double least = strtod(PQgetvalue(r, 0, at + 1), NULL);
        to->any = !PQgetisnull(r, 0, at + 1) && !isnan(least);
        to->least = to->any ? least : 0;
        to->greatest = to->any ? strtod(PQgetvalue(r, 0, at + 2), NULL) : 0;
    } else {
        to->sum = weir_number_scaled(weir_pg_cell(r, 0, at + 1));
    }
}

/* Of columns `from` to before `to`: an answer may have 1,664. */
static int send_some(struct weir_pg *pg, PGconn *con, const struct weir_pg_table *t,
                     const struct weir_source_sink *sink, size_t from, size_t to,
                     struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT count(*)");
    for (size_t i = from; i < to; i++) {
        add_figure(&sql, weir_pg_column_of(t, i), &sink->columns[i], t->utf8 || t->bytes);
    }
    weir_pg_from(&sql, t);
    int rc = weir_buf_check(&sql, "the sums of a table", err);
    rc = rc ? rc : weir_pg_send(pg, con, weir_buf_cstr(&sql), NULL, 0, err);
    weir_buf_free(&sql);
    return rc;
}

static int take_some(struct weir_pg *pg, PGconn *con, struct weir_source_sink *sink, size_t from,
                     size_t to, struct weir_error *err)
{
    struct weir_figures *f = sink->source;
    PGresult *r = NULL;
    pg->patient = true;
    int rc = weir_pg_take(pg, con, &r, err);
    pg->patient = false;
    f->rows = rc ? 0 : (uint64_t)weir_number_scaled(weir_pg_cell(r, 0, 0));
    for (size_t i = from; rc == 0 && i < to; i++) {
        read_figure(&f->columns[i], sink->columns[i].type, r, 1 + 3 * (int)(i - from));
    }
    PQclear(r);
    return rc;
}

/* A view is not asked: what it computes with fractions may differ from one plan of the server to
 * the next. Nor are servers whose extract() is not exact. */
static bool tells(const struct weir_pg *pg, const struct weir_pg_table *t)
{
    return t->kind != 'v' && PQserverVersion(pg->con) >= 140000;
}

/* `early`: the connection on which they were sent before the rows were read, or NULL. When it is
 * lost meanwhile, that of the rows is asked. */
static int ask_figures(struct weir_pg *pg, PGconn *early, const struct weir_pg_table *t,
                       struct weir_source_sink *sink, struct weir_error *err)
{
    int rc = 0;
    if (!tells(pg, t)) {
        return 0;
    }
    if (early) {
        rc = take_some(pg, early, sink, 0, sink->column_count, err);
        sink->told = rc == 0;
        if (rc == 0 || rc == WEIR_ECANCELED) {
            return rc;
        }
        rc = 0;
    }
    for (size_t from = 0; rc == 0 && from < sink->column_count; from += COLUMNS_AT_ONCE) {
        size_t to = from + COLUMNS_AT_ONCE;
        to = to < sink->column_count ? to : sink->column_count;
        rc = send_some(pg, pg->con, t, sink, from, to, err);
        rc = rc ? rc : take_some(pg, pg->con, sink, from, to, err);
    }
    sink->told = rc == 0;
    return rc;
}

/* --- COPY ---------------------------------------------------------------------------------------
 */

struct range {
    PGconn *con;
    struct weir_pg_copy copy;
    bool open;
};

static int start(struct weir_pg *pg, const struct weir_pg_table *t, struct range *r, int number,
                 int count, struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < sink->column_count; i++) {
        weir_buf_addz(&sql, i ? ", " : "");
        weir_pg_expression(&sql, weir_pg_column_of(t, i), sink->columns[i].type);
    }
    weir_pg_from(&sql, t);
    if (count > 1) { /* what was added since the pages were counted is behind the last border */
        weir_buf_addf(&sql, "%s ctid %s '(%lld,0)'::tid", t->condition.len ? " AND" : " WHERE",
                      number ? ">=" : "<", (long long)(t->pages / 2));
    }
    weir_buf_addz(&sql, ") TO STDOUT (FORMAT binary)");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc || !t->bytes
             ? rc
             : weir_pg_ask(pg, r->con, "SET LOCAL " WEIR_PG_AS_BYTES, NULL, 0, NULL, err);
    rc = rc ? rc : weir_pg_ask(pg, r->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    r->open = rc == 0;
    weir_buf_free(&sql);
    return rc;
}

/* What a row takes of its page beyond its values, about: the size of the whole is told in pages. */
#define ROW_ROOM 28

/* All that has come. */
static int drain(struct weir_pg *pg, struct range *r, struct weir_error *err)
{
    char *bytes = NULL;
    int n = 0, rc = 0;
    int64_t sent = 0;
    struct weir_source_sink *sink = r->copy.rows->sink;
    size_t lengths = 2 + 4 * sink->column_count; /* of the values: no page has them so */
    uint64_t came = 0;
    while (rc == 0 && (n = PQgetCopyData(r->con, &bytes, 1)) > 0) {
        rc = weir_pg_copy_message(&r->copy, (struct weir_str){bytes, (size_t)n}, err);
        PQfreemem(bytes);
        came += ((size_t)n > lengths ? (size_t)n - lengths : 0) + ROW_ROOM;
    }
    pg->heard = came ? weir_mono() : pg->heard;
    if (came && sink->bytes) {
        sink->bytes(sink, came);
    }
    if (rc || n == 0) {
        return rc;
    }
    r->open = false;
    PGresult *end = PQgetResult(r->con);
    if (n == -2 || PQresultStatus(end) != PGRES_COMMAND_OK) {
        rc = weir_pg_fail(r->con, end, "reading rows", err);
    } else if (!r->copy.ended) {
        rc = weir_fail(err, WEIR_ECORRUPT, "the server's rows end without their end's mark");
    } else if (!weir_str_to_i64(weir_str_of(PQcmdTuples(end)), &sent) ||
               (uint64_t)sent != r->copy.count) {
        rc = weir_fail(err, WEIR_ECORRUPT, "the server sent %lld rows, and %llu came",
                       (long long)sent, (unsigned long long)r->copy.count);
    }
    while (end) {
        PQclear(end);
        end = PQgetResult(r->con);
    }
    return rc;
}

/* The library reads as much at once as its buffer has room, 16 KB, until a message is larger; then
 * it stays larger. */
static int widen(struct weir_pg *pg, PGconn *con, struct weir_error *err)
{
    return weir_pg_ask(pg, con, "SELECT pg_catalog.repeat(' ', 200000)", NULL, 0, NULL, err);
}

static int copy_all(struct weir_pg *pg, struct range *ranges, int count, struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && (ranges[0].open || ranges[1].open)) {
        for (int i = 0; rc == 0 && i < count; i++) {
            rc = ranges[i].open ? drain(pg, &ranges[i], err) : 0;
        }
        if (rc == 0 && (ranges[0].open || ranges[1].open)) {
            rc = weir_pg_wait(pg, ranges[0].open ? ranges[0].con : NULL,
                              ranges[1].open ? ranges[1].con : NULL, err);
        }
    }
    return rc;
}

/* A second connection that sees what the first sees. */
static int join_snapshot(struct weir_pg *pg, PGconn **out, struct weir_error *err)
{
    PGresult *r = NULL;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    int rc = weir_pg_ask(pg, pg->con, "SELECT pg_catalog.pg_export_snapshot()", NULL, 0, &r, err);
    if (rc == 0) {
        weir_buf_addz(&sql, "SET TRANSACTION SNAPSHOT ");
        weir_sql_text(&sql, weir_pg_cell(r, 0, 0));
    }
    rc = rc ? rc : weir_pg_connect(pg, out, err);
    rc = rc ? rc
            : weir_pg_ask(pg, *out, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0,
                          NULL, err);
    rc = rc ? rc : weir_pg_ask(pg, *out, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    PQclear(r);
    weir_buf_free(&sql);
    return rc;
}

/* Of a large table, the server sums up what it has while it sends it, when it has a connection
 * more; else afterwards. */
static PGconn *send_early(struct weir_pg *pg, const struct weir_pg_table *t,
                          const struct weir_source_sink *sink)
{
    struct weir_error ignored;
    PGconn *con = NULL;
    if (!tells(pg, t) || sink->column_count > COLUMNS_AT_ONCE ||
        join_snapshot(pg, &con, &ignored) ||
        /* Several processes take half as much again of processors that send rows meanwhile. */
        weir_pg_ask(pg, con, "SET LOCAL max_parallel_workers_per_gather = 0", NULL, 0, NULL,
                    &ignored) ||
        send_some(pg, con, t, sink, 0, sink->column_count, &ignored)) {
        PQfinish(con);
        con = NULL;
    }
    return con;
}

int weir_pg_read(struct weir_pg *pg, const struct weir_pg_table *t, struct weir_source_sink *sink,
                 struct weir_error *err)
{
    struct range ranges[RANGES] = {{.con = pg->con}};
    struct weir_source_rows rows;
    struct weir_error ignored;
    PGconn *early = NULL;
    unsigned precision, *scales = calloc(sink->column_count + 1, sizeof *scales);
    int count = t->kind == 'r' && t->pages >= LARGE_PAGES && PQserverVersion(pg->con) >= 140000
                    ? RANGES
                    : 1;
    int rc = weir_source_rows_open_aside(&rows, sink, WEIR_STR(""), err);
    if (rc == 0 && !scales) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
    }
    for (size_t i = 0; rc == 0 && i < sink->column_count; i++) {
        if (weir_number_decimal(sink->columns[i].type_name, &precision, &scales[i]) &&
            sink->columns[i].type == WEIR_TYPE_OTHER && precision <= WEIR_FIGURES_DIGITS) {
            (void)weir_source_rows_scaled(&rows, i, scales[i]); /* the decoder looks itself */
        }
    }
    if (rc == 0 && count > 1 && join_snapshot(pg, &ranges[1].con, &ignored)) {
        count = 1; /* the server has no connection left, say: one reads it, too */
        rc = pg->stop && atomic_load(pg->stop)
                 ? weir_fail(err, WEIR_ECANCELED, "%s", ignored.message)
                 : 0;
    }
    early = rc == 0 && count > 1 ? send_early(pg, t, sink) : NULL;
    for (int i = 0; i < count; i++) {
        weir_pg_copy_init(&ranges[i].copy, &rows, scales);
        rc = rc || count == 1 ? rc : widen(pg, ranges[i].con, err);
        rc = rc ? rc : start(pg, t, &ranges[i], i, count, sink, err);
    }
    rc = rc ? rc : copy_all(pg, ranges, count, err);
    rc = rc ? rc : weir_source_rows_flush(&rows, err);
    rc = rc ? rc : ask_figures(pg, early, t, sink, err);
    for (int i = 0; i < count; i++) {
        weir_pg_copy_free(&ranges[i].copy);
    }
    if (rc) {
        weir_pg_cancel(early);
    }
    PQfinish(early);
    PQfinish(ranges[1].con);
    weir_source_rows_free(&rows);
    free(scales);
    return rc;
}
