/* Comparing tables with MySQL and MariaDB: sums of buckets of rows, in the plan's snapshot. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "source/mysql/capture.h"

#define SQL_BYTES (15u << 20)

/* --- the canonical text of verify.h -------------------------------------------------------------
 */

/* The template, with `x` for each '$' and `y` for each '@'. */
static void fill(struct weir_buf *out, const char *template, const struct weir_buf *x,
                 const struct weir_buf *y)
{
    for (const char *p = template; *p; p++) {
        if (*p == '$') {
            weir_buf_adds(out, weir_buf_str(x));
        } else if (*p == '@') {
            weir_buf_adds(out, weir_buf_str(y));
        } else {
            weir_buf_addc(out, *p);
        }
    }
}

/* The double that has the float's shortest text, as it is read. Of numbers beyond 10^15 or below
 * 10^-14 its last bit may be another: then more is read than has to be. */
#define ROUNDED(digits) "round($ + 0e0, " #digits " - 1 - floor(log10(abs($ + 0e0))))"
static const char widened[] =
    "(CASE WHEN CAST(CAST($ AS CHAR) AS FLOAT) = $ THEN CAST(CAST($ AS CHAR) AS DOUBLE) WHEN CAST("
    "" ROUNDED(7) " AS FLOAT) = $ THEN " ROUNDED(7) " WHEN CAST(" ROUNDED(
        8) " AS FLOAT) = $ THEN "
           "" ROUNDED(8) " ELSE " ROUNDED(9) " END)";

/* Its 64 bits, computed: dividing by powers of two is exact. `@` is the number divided by the power
 * of two below it, or, where the logarithm is not exact, by one of its neighbours. */
static const char quotient[] = "(abs($) / pow(2, least(floor(log2(abs($))), 1023)))";
static const char bits[] =
    "(CASE WHEN $ = 0 THEN '1:0' ELSE concat('64:', lpad(bin(CAST($ < 0 AS UNSIGNED) << 63 | CASE "
    "WHEN abs($) < "
    "2.2250738585072014e-308 THEN CAST(abs($) * pow(2, 537) * pow(2, 537) AS UNSIGNED) ELSE "
    "(CAST(least(floor(log2(abs($))), 1023) + 1023 AS UNSIGNED) << 52) + CAST((@ - 1 - greatest(@ "
    "- 2, 0) / 2 + least(@ - 1, 0)) * 4503599627370496e0 AS SIGNED) END), 64, '0')) END)";

static void add_double(struct weir_buf *sql, const struct weir_my_column *c,
                       const struct weir_buf *value)
{
    struct weir_buf x, y;
    weir_buf_init(&x, 1u << 16);
    weir_buf_init(&y, 1u << 18);
    fill(&x,
         c->form == WEIR_MY_FLOAT    ? widened
         : c->form == WEIR_MY_DOUBLE ? "$"
                                     : "($ + 0e0)",
         value, NULL);
    fill(&y, quotient, &x, NULL);
    fill(sql, bits, &x, &y);
    sql->failed = sql->failed || x.failed || y.failed;
    weir_buf_free(&x);
    weir_buf_free(&y);
}

/* MySQL's days have no 29 February of year 0, which is a leap year. */
#define DAYS "to_days($) - (year($) = 0 AND month($) < 3) - 719528"

/* With its length. */
static void add_value(struct weir_buf *sql, const struct weir_my_column *c,
                      const struct weir_column *to)
{
    static const char *const texts[] = {[WEIR_TYPE_BOOL] = "elt(1 + ($ <> 0), 'false', 'true')",
                                        [WEIR_TYPE_INT] = "CAST($ + 0 AS CHAR)",
                                        [WEIR_TYPE_TIMESTAMP] =
                                            "CAST((to_seconds($) % 86400 + (" DAYS
                                            ") * 86400) * 1000000 + microsecond($) AS CHAR)",
                                        [WEIR_TYPE_DATE] = "CAST(" DAYS " AS CHAR)",
                                        [WEIR_TYPE_TEXT] = "CONVERT($ USING utf8mb4)",
                                        [WEIR_TYPE_JSON] = "CONVERT($ USING utf8mb4)",
                                        [WEIR_TYPE_OTHER] = "CAST(CAST($ AS @) AS CHAR)"};
    struct weir_buf value, type, text;
    weir_buf_init(&value, 4096);
    weir_buf_init(&type, 4096);
    weir_buf_init(&text, 65536);
    weir_buf_addc(&value, '(');
    weir_my_expression(&value, c, to);
    weir_buf_addc(&value, ')');
    weir_buf_adds(&type, to->type == WEIR_TYPE_OTHER ? to->type_name : WEIR_STR(""));
    if (to->type == WEIR_TYPE_DOUBLE) {
        add_double(sql, c, &value);
    } else {
        fill(&text, c->form == WEIR_MY_BYTES ? "concat('\\x', lower(hex($)))" : texts[to->type],
             &value, &type);
        fill(sql, "concat(char_length($), ':', CAST($ AS BINARY))", &text, NULL);
    }
    sql->failed = sql->failed || value.failed || type.failed || text.failed;
    weir_buf_free(&text);
    weir_buf_free(&value);
    weir_buf_free(&type);
}

/* A hash of the canonical text of these columns. As bytes, or collations would not go together. */
static void add_hash(struct weir_buf *sql, const struct weir_my_table *t,
                     const struct weir_source_compare *c, const size_t *columns, size_t count)
{
    weir_buf_addz(sql, c->sha256 ? "sha2(concat(''" : "md5(concat(''");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(sql, ", coalesce(");
        add_value(sql, weir_my_column_of(t, columns[i]), &c->columns[columns[i]]);
        weir_buf_addz(sql, ", '~')");
    }
    weir_buf_addz(sql, c->sha256 ? "), 256)" : "))");
}

static void add_bucket(struct weir_buf *sql, const struct weir_my_table *t,
                       const struct weir_source_compare *c)
{
    weir_buf_addz(sql, "(CAST(conv(substr(");
    add_hash(sql, t, c, c->key, c->key_count);
    weir_buf_addf(sql, ", 1, 4), 16, 10) AS UNSIGNED) & %u)", c->buckets - 1);
}

/* --- the verifier -------------------------------------------------------------------------------
 */

/* MySQL 9.6 took it out. */
bool weir_my_verify_sha256(const void *connection)
{
    const struct weir_my *my = connection;
    return !my->mariadb && mysql_get_server_version(my->con) >= 90600;
}

int weir_my_verify_key(void *connection, const struct weir_source_plan *plan, size_t *out,
                       size_t *count, struct weir_error *err)
{
    const struct weir_my_table *t = plan->own;
    struct weir_my *my = connection;
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    struct weir_buf sql;
    weir_buf_init(&sql, 65536);
    *count = 0;
    weir_buf_addz(&sql, "SELECT COLUMN_NAME FROM information_schema.COLUMNS");
    weir_my_where(&sql, my, "TABLE_SCHEMA", t->name);
    weir_buf_addz(&sql, " AND COLUMN_KEY = 'PRI' ORDER BY ORDINAL_POSITION");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        size_t index = weir_source_plan_find(plan, weir_my_cell(row, lengths, 0));
        if (index == SIZE_MAX) { /* it is left out: nothing tells rows apart */
            *count = 0;
            break;
        }
        out[(*count)++] = index;
    }
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

static int take_sums(const struct weir_source_compare *c, MYSQL_RES *result,
                     struct weir_source_bucket *out, struct weir_error *err)
{
    MYSQL_ROW row;
    unsigned long *lengths;
    while ((row = weir_my_next(result, &lengths))) {
        if (!row[0]) {
            return weir_fail(err, WEIR_EUNSUPPORTED,
                             "a row cannot be compared: what tells it from others is larger than "
                             "the server's max_allowed_packet; name a `key`");
        }
        weir_verify_take(c, weir_my_cell(row, lengths, 0), weir_my_cell(row, lengths, 1),
                         weir_my_cell(row, lengths, 2), out);
    }
    return 0;
}

/* CAST(… AS DOUBLE) came with 8.0.17. */
static int check_doubles(const struct weir_my *my, const struct weir_my_table *t,
                         const struct weir_source_compare *c, struct weir_error *err)
{
    for (size_t i = 0; i < c->compared_count; i++) {
        enum weir_my_form form = weir_my_column_of(t, c->compared[i])->form;
        if ((form == WEIR_MY_FLOAT || form == WEIR_MY_DOUBLE) && !my->mariadb &&
            mysql_get_server_version(my->con) < 80017) {
            return weir_fail(err, WEIR_EUNSUPPORTED,
                             "MySQL before 8.0.17 cannot be asked for the text of a float or a "
                             "double; name these columns in `exclude`");
        }
    }
    return 0;
}

int weir_my_verify_sums(void *connection, const struct weir_source_plan *plan,
                        const struct weir_source_compare *c, struct weir_source_bucket *out,
                        struct weir_error *err)
{
    const struct weir_my_table *t = plan->own;
    struct weir_my *my = connection;
    MYSQL_RES *result = NULL;
    struct weir_buf sql;
    if (!t->snapshot && !t->view) {
        return weir_fail(
            err, WEIR_EUNSUPPORTED,
            "a table whose engine has no snapshots cannot be compared: rows may change "
            "while they are; ALTER TABLE … ENGINE = InnoDB, or read it as a whole");
    }
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT bucket, count(*), sum(hash) FROM (SELECT ");
    add_bucket(&sql, t, c);
    weir_buf_addz(&sql, " AS bucket, CAST(conv(substr(");
    add_hash(&sql, t, c, c->compared, c->compared_count);
    weir_buf_addz(&sql, ", 1, 15), 16, 10) AS UNSIGNED) AS hash");
    weir_my_from(&sql, my, t);
    weir_buf_addz(&sql, ") AS hashes GROUP BY bucket");
    int rc = weir_buf_check(&sql, "the sums of a table", err);
    rc = rc ? rc : check_doubles(my, t, c, err);
    my->most = 0;
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    my->most = my->settings->timeout;
    rc = rc ? rc : take_sums(c, result, out, err);
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

int weir_my_verify_narrow(void *connection, struct weir_source_plan *plan,
                          const struct weir_source_compare *c, struct weir_error *err)
{
    struct weir_my_table *t = plan->own;
    struct weir_buf sql;
    (void)connection;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, " WHERE ");
    add_bucket(&sql, t, c);
    weir_verify_add_wanted(&sql, c);
    return weir_source_plan_keep(plan, &sql, &t->condition, err);
}

/* --- tables that are followed -------------------------------------------------------------------
 */

/* May the event change the table? What is not understood may. */
static int changes(const struct weir_my *my, const struct weir_my_table *t,
                   const struct weir_my_event *e, struct weir_my_map *map, bool *out,
                   struct weir_error *err)
{
    struct weir_my_query query;
    struct weir_str ignored;
    int rc = 0;
    if (e->kind == WEIR_MY_TABLE_MAP) {
        rc = weir_my_map_read(e->body, map, err);
        *out = rc == 0 && weir_str_is(map->schema, my->settings->database) &&
               weir_str_eq(map->table, t->name);
    } else if (e->kind == WEIR_MY_QUERY || e->kind == WEIR_MY_LOAD_QUERY) {
        rc = weir_my_query_read(e, &query, err);
        enum weir_my_reach reach =
            rc ? WEIR_MY_NOTHING : weir_my_query_reach(&query, my->settings->database, &ignored);
        *out =
            reach == WEIR_MY_ANYTHING ||
            (reach == WEIR_MY_NAMED && !weir_str_is(query.statement, "BEGIN") &&
             (weir_my_query_names(&query, my->settings->database, t->name) ||
              weir_str_starts(query.statement, WEIR_STR("XA COMMIT")))); /* of what stands before */
    } else {
        *out = e->kind == WEIR_MY_INCIDENT ||
               (e->kind >= WEIR_MY_COMPRESSED_FIRST && e->kind <= WEIR_MY_COMPRESSED_LAST);
    }
    return rc;
}

/* Does any event of a compressed transaction? */
static int changes_within(const struct weir_my *my, const struct weir_my_table *t,
                          const struct weir_my_event *whole, struct weir_my_map *map, bool *out,
                          struct weir_error *err)
{
    struct weir_my_payload *p;
    struct weir_my_event e;
    struct weir_str bytes = WEIR_STR("");
    bool none = false;
    int rc = weir_my_payload_open(whole->body, &p, err);
    while (rc == 0 && !*out && !(my->stop && atomic_load(my->stop))) {
        rc = weir_my_payload_next(p, &bytes, err);
        if (rc || !bytes.ptr) {
            break;
        }
        rc = weir_my_event_read(bytes, &none, &e, err);
        rc = rc ? rc : changes(my, t, &e, map, out, err);
    }
    weir_my_payload_close(p);
    return rc;
}

/* The log from the position that the tables have to its end, which is behind the snapshot. */
static int look_behind(struct weir_my *my, const struct weir_my_table *t,
                       const struct weir_my_position *from, bool *behind, struct weir_error *err)
{
    struct weir_my_map *map = calloc(1, sizeof *map);
    struct weir_str bytes = WEIR_STR("");
    struct weir_my_event e;
    MYSQL *con = NULL;
    bool checksums = false;
    int rc = map ? weir_my_log_open(my, from->file, from->at, &con, err)
                 : weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    *behind = false;
    while (rc == 0 && !*behind) {
        rc = weir_my_log_next(my, con, &bytes, err);
        if (rc || !bytes.ptr) {
            break;
        }
        rc = weir_my_event_read(bytes, &checksums, &e, err);
        rc = rc                          ? rc
             : e.kind == WEIR_MY_PAYLOAD ? changes_within(my, t, &e, map, behind, err)
                                         : changes(my, t, &e, map, behind, err);
    }
    weir_my_log_close(con);
    free(map);
    return rc;
}

/* After a replica took over, the position is one of another log: it is found when the tables are
 * followed on. */
static int is_same_server(struct weir_my *my, struct weir_str server, bool *out,
                          struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    struct weir_buf sql;
    weir_buf_init(&sql, 4096);
    weir_buf_addz(&sql, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_id', 'server_uuid') "
                        "AND Value = ");
    weir_sql_text(&sql, server);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &result, err);
    *out = rc == 0 && mysql_num_rows(result);
    mysql_free_result(result);
    weir_buf_free(&sql);
    return rc;
}

/* *known: there is one, and it is of this server. */
static int read_position(struct weir_my *my, struct weir_str cursor, struct weir_my_position *out,
                         bool *known, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_buf text;
    int64_t at = 0;
    weir_buf_init(&text, 1u << 20);
    weir_buf_adds(&text, cursor.ptr ? cursor : WEIR_STR("{}"));
    int rc = parser ? weir_json_parse(parser, weir_buf_str(&text), &root, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    *known = false;
    if (rc == 0) {
        struct weir_str file = weir_json_get_str(root, "file");
        *known = file.len && file.len < sizeof out->file &&
                 weir_json_i64(weir_json_get(root, "position"), &at) && at > 0;
        if (*known) {
            memcpy(out->file, file.ptr, file.len);
            out->file[file.len] = '\0';
            out->at = (uint64_t)at;
            rc = is_same_server(my, weir_json_get_str(root, "server"), known, err);
        }
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

int weir_my_verify_ready(void *connection, const struct weir_source_plan *plan,
                         struct weir_str cursor, char why[200], struct weir_error *err)
{
    struct weir_my *my = connection;
    struct weir_my_position from;
    bool known = false, behind = true;
    *why = 0;
    if (!my->settings->capture) {
        return 0;
    }
    int rc = read_position(my, cursor, &from, &known, err);
    rc = rc || !known ? rc : look_behind(my, plan->own, &from, &behind, err);
    snprintf(why, 200, "%s",
             rc || !behind ? ""
                           : "the source changes faster than its tables follow: they were never "
                             "both at one position; compare them at a quieter time");
    return rc;
}
