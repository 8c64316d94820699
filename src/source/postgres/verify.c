/* Comparing tables with PostgreSQL: sums of buckets of rows, in the plan's snapshot. */
#include <stdio.h>

#include "base/number.h"
#include "source/postgres/postgres.h"

#define SQL_BYTES (32u << 20)

/* The canonical text of a column (verify.h). */
static void add_text(struct weir_buf *sql, const struct weir_pg_column *c,
                     const struct weir_column *to)
{
    static const char *const texts[] = {
        [WEIR_TYPE_BOOL] = "($)::text",
        [WEIR_TYPE_INT] = "($)::text",
        [WEIR_TYPE_DOUBLE] = "CASE WHEN ($) = 'NaN' THEN 'nan' WHEN ($) = 0 THEN '0' ELSE ('x' || "
                             "encode(float8send($), 'hex'))::bit(64)::text END",
        [WEIR_TYPE_TIMESTAMP] = "CASE WHEN isfinite($) THEN trunc(extract(epoch FROM $) * "
                                "1000000)::text ELSE ($)::text END",
        [WEIR_TYPE_DATE] = "CASE WHEN isfinite($) THEN ($ - DATE '1970-01-01')::text ELSE "
                           "($)::text END",
        [WEIR_TYPE_TEXT] = "$",
        [WEIR_TYPE_JSON] = "$",
        [WEIR_TYPE_OTHER] = "($)::text"};
    unsigned precision, scale;
    bool text = to->type == WEIR_TYPE_TEXT || to->type == WEIR_TYPE_JSON;
    for (const char *p = texts[to->type]; *p; p++) {
        if (*p != '$') {
            weir_buf_addc(sql, *p);
        } else if (text && c->oid == WEIR_PG_BPCHAR) { /* a cast would cut its blanks */
            weir_buf_addz(sql, "textin(bpcharout(");
            weir_sql_ident(sql, c->name);
            weir_buf_addz(sql, "))");
        } else {
            weir_buf_addc(sql, '(');
            weir_pg_expression(sql, c, to->type);
            if (to->type == WEIR_TYPE_DOUBLE && c->oid == WEIR_PG_FLOAT4) {
                weir_buf_addz(sql, "::text::float8"); /* as it is read */
            } else if (to->type == WEIR_TYPE_OTHER &&
                       weir_number_decimal(to->type_name, &precision, &scale)) {
                weir_buf_addf(sql, "::numeric(%u,%u)", precision, scale);
            }
            weir_buf_addc(sql, ')');
        }
    }
}

/* Of a database without an encoding: bytes that begin a character of UTF-8. */
#define STARTS "octet_length(translate("
#define STARTS_END                                                                                 \
    ", convert_from('\\x808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"          \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"                             \
    "'::bytea, 'SQL_ASCII'), ''))"

/* md5 of the canonical text of these columns. */
static void add_hash(struct weir_buf *sql, const struct weir_pg_table *t,
                     const struct weir_source_compare *c, const size_t *columns, size_t count)
{
    /* Characters as UTF-8 counts them. */
    const char *before = t->utf8 ? "length(" : t->bytes ? STARTS : "length(convert_to(";
    const char *behind = t->utf8 ? ")" : t->bytes ? STARTS_END : ", 'UTF8'), 'UTF8')";
    weir_buf_addz(sql, "md5(convert_to(''");
    for (size_t i = 0; i < count; i++) {
        const struct weir_pg_column *from = weir_pg_column_of(t, columns[i]);
        weir_buf_addf(sql, " || coalesce(%s", before);
        add_text(sql, from, &c->columns[columns[i]]);
        weir_buf_addf(sql, "%s::text || ':' || ", behind);
        add_text(sql, from, &c->columns[columns[i]]);
        weir_buf_addz(sql, ", '~')");
    }
    weir_buf_addz(sql, t->bytes ? ", 'SQL_ASCII'))" : ", 'UTF8'))");
}

static void add_bucket(struct weir_buf *sql, const struct weir_pg_table *t,
                       const struct weir_source_compare *c)
{
    weir_buf_addz(sql, "(('x' || substr(");
    add_hash(sql, t, c, c->key, c->key_count);
    weir_buf_addf(sql, ", 1, 4))::bit(16)::int & %u)", c->buckets - 1);
}

int weir_pg_verify_key(void *connection, const struct weir_source_plan *plan, size_t *out,
                       size_t *count, struct weir_error *err)
{
    const struct weir_pg_table *t = plan->own;
    struct weir_pg *pg = connection;
    const char *const values[] = {t->schema.ptr, t->name.ptr};
    PGresult *r = NULL;
    *count = 0;
    int rc = weir_pg_ask(
        pg, pg->con,
        "SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = "
        "i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN "
        "pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[]) "
        "WHERE i.indisprimary AND n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum",
        values, 2, &r, err);
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        size_t index = weir_source_plan_find(plan, weir_pg_cell(r, i, 0));
        if (index == SIZE_MAX) { /* it is left out: nothing tells rows apart */
            *count = 0;
            break;
        }
        out[(*count)++] = index;
    }
    PQclear(r);
    return rc;
}

int weir_pg_verify_sums(void *connection, const struct weir_source_plan *plan,
                        const struct weir_source_compare *c, struct weir_source_bucket *out,
                        struct weir_error *err)
{
    const struct weir_pg_table *t = plan->own;
    struct weir_pg *pg = connection;
    struct weir_buf sql;
    PGresult *r = NULL;
    if (PQserverVersion(pg->con) < 140000) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "tables are compared with PostgreSQL 14 or later: before, its times are "
                         "not exact");
    }
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, "SELECT bucket, count(*), sum(hash) FROM (SELECT ");
    add_bucket(&sql, t, c);
    weir_buf_addz(&sql, " AS bucket, ('x' || substr(");
    add_hash(&sql, t, c, c->compared, c->compared_count);
    weir_buf_addz(&sql, ", 1, 15))::bit(60)::bigint AS hash");
    weir_pg_from(&sql, t);
    weir_buf_addz(&sql, ") AS hashes GROUP BY bucket");
    int rc = weir_buf_check(&sql, "the sums of a table", err);
    pg->patient = true;
    rc = rc ? rc : weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, &r, err);
    pg->patient = false;
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) {
        weir_verify_take(c, weir_pg_cell(r, i, 0), weir_pg_cell(r, i, 1), weir_pg_cell(r, i, 2),
                         out);
    }
    PQclear(r);
    weir_buf_free(&sql);
    return rc;
}

int weir_pg_verify_narrow(void *connection, struct weir_source_plan *plan,
                          const struct weir_source_compare *c, struct weir_error *err)
{
    struct weir_pg_table *t = plan->own;
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

/* Something was committed behind the position that the tables have: then they are not what the
 * snapshot is. Asked for in the snapshot's transaction, so whatever is committed in it is seen. */
static int ask_behind(struct weir_pg *pg, const char *slot, const char *commit, bool *behind,
                      struct weir_error *err)
{
    char publication[128];
    PGresult *r = NULL;
    snprintf(publication, sizeof publication, "%s%.60s", *pg->settings->publication ? "" : "weir_",
             *pg->settings->publication ? pg->settings->publication : pg->config->name);
    const char *const values[] = {slot, publication, commit};
    pg->patient = true;
    int rc = weir_pg_ask(
        pg, pg->con,
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_logical_slot_peek_binary_changes($1, NULL, "
        "NULL, 'proto_version', '1', 'publication_names', pg_catalog.quote_ident($2)) WHERE "
        "pg_catalog.get_byte(data, 0) = 66 AND ('x' || pg_catalog.encode(pg_catalog.substr(data, "
        "2, 8), 'hex'))::bit(64)::bigint > ($3::pg_lsn - '0/0'::pg_lsn)::bigint)",
        values, 3, &r, err);
    pg->patient = false;
    *behind = rc == 0 && *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    return rc;
}

int weir_pg_verify_ready(void *connection, const struct weir_source_plan *plan,
                         struct weir_str cursor, char why[200], struct weir_error *err)
{
    struct weir_pg *pg = connection;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_arena arena;
    struct weir_json root;
    struct weir_buf text;
    bool behind = true;
    (void)plan;
    *why = 0;
    weir_arena_init(&arena, 1u << 20);
    weir_buf_init(&text, 1u << 20);
    weir_buf_adds(&text, cursor.ptr ? cursor : WEIR_STR("{}"));
    int rc = !pg->settings->capture ? 0
             : parser               ? weir_json_parse(parser, weir_buf_str(&text), &root, err)
                                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    if (rc == 0 && pg->settings->capture) {
        struct weir_str slot = weir_json_get_str(root, "slot"),
                        commit = weir_json_get_str(root, "commit");
        if (slot.ptr && commit.ptr) {
            rc = ask_behind(pg, weir_arena_dup(&arena, slot).ptr,
                            weir_arena_dup(&arena, commit).ptr, &behind, err);
        }
        snprintf(why, 200, "%s",
                 rc || !behind
                     ? ""
                     : "the source changes faster than its tables follow: they were never "
                       "both at one position; compare them at a quieter time");
    }
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    weir_arena_free(&arena);
    return rc;
}
