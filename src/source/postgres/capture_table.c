/* The tables that are followed: what they are, whether they are as they were, and the publication
 * that has them. */
#include <stdio.h>
#include <stdlib.h>

#include "source/postgres/capture.h"

#define SQL_BYTES (8u << 20)

/* $1: schemas, $2: names, $3: the publication. The shape is another one when rows may be others
 * than the changes tell: the table was written anew, emptied, or is another one; partitions came or
 * went; the publication was altered (xmin), or the table was taken out of it and put back; a
 * composite type has other attributes.
 * `leaves`: the server would refuse changes of a partition, or would tell of them otherwise.
 * `above`: the publication has a table that this is a partition of. */
static const char tables_sql[] =
    "SELECT CASE WHEN n.nspname = ($1::text[])[1] THEN '' ELSE n.nspname || '.' END || c.relname, "
    "n.nspname, c.relname, c.oid, c.relkind, c.relpersistence, c.relreplident, k.key, "
    "pg_catalog.md5(pg_catalog.concat_ws(',', c.oid, c.relreplident, k.key, "
    "pg_catalog.pg_relation_filenode(c.oid), CASE WHEN c.relkind = 'p' THEN (SELECT "
    "pg_catalog.string_agg(pg_catalog.concat_ws(':', t.relid::oid, "
    "pg_catalog.pg_relation_filenode(t.relid)), ',' ORDER BY t.relid::oid) FROM "
    "pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf) END, (SELECT "
    "pg_catalog.string_agg(pg_catalog.concat_ws(':', p.oid, p.xmin, r.oid), ',') FROM "
    "pg_catalog.pg_publication p LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid "
    "AND r.prrelid = c.oid WHERE p.pubname = $3), m.attributes)), a.columns, a.missing, "
    "c.relnatts, m.labels, "
    "c.relkind = 'p' AND EXISTS (SELECT FROM "
    "pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE "
    "t.isleaf AND (l.relkind <> 'r' OR l.relpersistence <> 'p' OR l.relreplident <> c.relreplident "
    "OR (l.relreplident = 'i' AND k.names IS DISTINCT FROM (SELECT "
    "pg_catalog.array_agg(x.attname::text ORDER BY x.attname::text) FROM pg_catalog.pg_index i "
    "JOIN "
    "pg_catalog.pg_attribute x ON x.attrelid = l.oid AND x.attnum = ANY "
    "((i.indkey::int2[])[0:i.indnkeyatts - 1]) WHERE i.indrelid = l.oid AND i.indisreplident)))), "
    "CASE WHEN c.relispartition THEN (SELECT ',' || pg_catalog.string_agg(t.relid::oid::text, ',') "
    "|| ',' FROM pg_catalog.pg_partition_ancestors(c.oid) t WHERE t.relid <> c.oid) END, "
    "c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) t JOIN "
    "pg_catalog.pg_class l ON l.oid = t.relid JOIN pg_catalog.pg_namespace m ON m.oid = "
    "l.relnamespace JOIN pg_catalog.pg_publication_tables b ON b.schemaname = m.nspname AND "
    "b.tablename = l.relname WHERE t.relid <> c.oid AND b.pubname = $3) FROM "
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
    "LATERAL (SELECT pg_catalog.json_agg(x.attname ORDER BY x.attnum)::text AS key, "
    "pg_catalog.array_agg(x.attname::text ORDER BY x.attname::text) AS names FROM "
    "pg_catalog.pg_index i JOIN pg_catalog.pg_attribute x ON x.attrelid = c.oid AND x.attnum = ANY "
    "((i.indkey::int2[])[0:i.indnkeyatts - 1]) WHERE i.indrelid = c.oid AND i.indisvalid AND "
    "i.indimmediate AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary "
    "END) k ON c.relreplident <> 'n' LEFT JOIN LATERAL (SELECT "
    "pg_catalog.json_agg(pg_catalog.json_build_array(x.attnum, pg_catalog.format_type(x.atttypid, "
    "x.atttypmod), x.attname) ORDER BY x.attnum)::text AS columns, coalesce(max(x.attnum) FILTER "
    "(WHERE x.atthasmissing), 0) AS missing FROM pg_catalog.pg_attribute x WHERE x.attrelid = "
    "c.oid AND x.attnum > 0 AND NOT x.attisdropped AND x.attgenerated = '') a ON true LEFT JOIN "
    /* What its columns are made of: labels of enums, attributes of composite types. */
    "LATERAL (WITH RECURSIVE u (t) AS (SELECT x.atttypid FROM pg_catalog.pg_attribute x WHERE "
    "x.attrelid = c.oid AND x.attnum > 0 AND NOT x.attisdropped AND x.atttypid >= 16384 UNION "
    "SELECT v.t FROM u JOIN pg_catalog.pg_type y ON y.oid = u.t CROSS JOIN LATERAL (SELECT "
    "y.typbasetype UNION ALL SELECT y.typelem UNION ALL SELECT g.rngsubtype FROM "
    "pg_catalog.pg_range g WHERE y.oid IN (g.rngtypid, g.rngmultitypid) UNION ALL SELECT "
    "z.atttypid FROM pg_catalog.pg_attribute z WHERE z.attrelid = y.typrelid AND z.attnum > 0) v "
    "(t) WHERE v.t >= 16384) SELECT (SELECT "
    "pg_catalog.json_agg(pg_catalog.json_build_array(e.oid::bigint, e.enumlabel) ORDER BY "
    "e.oid)::text FROM u JOIN pg_catalog.pg_enum e ON e.enumtypid = u.t) AS labels, (SELECT "
    "pg_catalog.string_agg(pg_catalog.concat_ws(':', z.attrelid, z.attnum, z.atttypid, "
    "z.atttypmod), ',' ORDER BY z.attrelid, z.attnum) FROM u JOIN pg_catalog.pg_type y ON y.oid = "
    "u.t JOIN pg_catalog.pg_attribute z ON z.attrelid = y.typrelid WHERE z.attnum > 0 AND NOT "
    "z.attisdropped) AS attributes) m ON true WHERE "
    "n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ((CASE WHEN "
    "n.nspname = ($1::text[])[1] THEN '' ELSE n.nspname || '.' END || c.relname) = ANY "
    "($2::text[]) OR n.nspname || '.' || c.relname = ANY ($2::text[]))";
enum { /* its columns */
       AT_STREAM,
       AT_SCHEMA,
       AT_NAME,
       AT_OID,
       AT_KIND,
       AT_PERSISTENCE,
       AT_IDENTITY,
       AT_KEY,
       AT_SHAPE,
       AT_COLUMNS,
       AT_MISSING,
       AT_MOST,
       AT_LABELS,
       AT_LEAVES,
       AT_UNDER,
       AT_ABOVE
};

static void add_item(struct weir_buf *out, struct weir_str text)
{
    weir_buf_addz(out, out->len > 1 ? ",\"" : "\"");
    for (size_t i = 0; i < text.len; i++) {
        weir_buf_addz(out, text.ptr[i] == '"' || text.ptr[i] == '\\' ? "\\" : "");
        weir_buf_addc(out, text.ptr[i]);
    }
    weir_buf_addc(out, '"');
}

static int ask_tables(struct weir_pg *pg, PGresult **out, struct weir_error *err)
{
    const struct weir_source_follow *f = pg->capture->f;
    struct weir_buf schemas, names;
    weir_buf_init(&schemas, SQL_BYTES);
    weir_buf_init(&names, SQL_BYTES);
    weir_buf_addc(&schemas, '{');
    weir_buf_addc(&names, '{');
    for (size_t i = 0; i < pg->settings->schemas.count; i++) {
        add_item(&schemas, weir_str_of(pg->settings->schemas.items[i]));
    }
    for (size_t i = 0; i < f->count; i++) {
        add_item(&names, f->streams[i].name);
    }
    weir_buf_addc(&schemas, '}');
    weir_buf_addc(&names, '}');
    const char *const values[] = {weir_buf_cstr(&schemas), weir_buf_cstr(&names),
                                  pg->capture->publication};
    int rc = weir_buf_check(&names, "the names of streams", err);
    rc = rc ? rc : weir_buf_check(&schemas, "the names of schemas", err);
    /* Of many tables the server takes longer to compile it (a second) than to answer. */
    rc = rc || PQserverVersion(pg->con) < 110000
             ? rc
             : weir_pg_ask(pg, pg->con, "SET jit = off", NULL, 0, NULL, err);
    rc = rc ? rc : weir_pg_ask(pg, pg->con, tables_sql, values, 3, out, err);
    weir_buf_free(&schemas);
    weir_buf_free(&names);
    return rc;
}

/* The row of this stream, as weir_pg_find would have it; -1: there is none. */
static int row_of(const PGresult *r, struct weir_str stream)
{
    int found = -1;
    for (int i = 0; i < PQntuples(r); i++) {
        struct weir_str schema = weir_pg_cell(r, i, AT_SCHEMA), table = weir_pg_cell(r, i, AT_NAME);
        if (weir_str_eq(weir_pg_cell(r, i, AT_STREAM), stream)) {
            return i;
        }
        if (stream.len == schema.len + 1 + table.len && weir_str_starts(stream, schema) &&
            weir_str_ends(stream, table) && stream.ptr[schema.len] == '.') {
            found = i;
        }
    }
    return found;
}

/* --- what may be followed -----------------------------------------------------------------------
 */

static const char *refusal(const struct weir_pg_followed *t, char persistence, bool leaves)
{
    if (t->kind != 'r' && t->kind != 'p') {
        return "only tables tell of their changes; load it by another source, without `capture`";
    }
    if (persistence != 'p') {
        return "it is not logged, so nothing tells of its changes; ALTER TABLE … SET LOGGED";
    }
    if (t->identity == 'n' || (t->identity != 'f' && !t->key.len)) {
        return WEIR_PG_NO_KEY;
    }
    if (leaves) {
        return "a partition of it has another REPLICA IDENTITY, is not logged or is foreign, so "
               "the "
               "server would refuse its changes, or tell of them otherwise; ALTER TABLE … REPLICA "
               "IDENTITY …, or … SET LOGGED, for each partition";
    }
    if (t->above) {
        return "its changes come under the table that it is a partition of; make that one the "
               "stream, or take it out of the publication";
    }
    return NULL;
}

static int read_row(struct weir_pg *pg, const PGresult *r, int row, size_t i,
                    struct weir_error *err)
{
    struct weir_source_follow *f = pg->capture->f;
    struct weir_source_follow_stream *s = &f->streams[i];
    struct weir_pg_followed *t = &pg->capture->tables[i];
    struct weir_source_stream stream;
    bool hides = false;
    int rc = weir_source_config_stream(f->config, s->name, &stream, err);
    if (rc) {
        return rc;
    }
    s->changed = WEIR_STR("");
    t->schema = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_SCHEMA));
    t->name = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_NAME));
    t->oid = (uint32_t)strtoul(PQgetvalue(r, row, AT_OID), NULL, 10);
    t->kind = *PQgetvalue(r, row, AT_KIND);
    t->identity = *PQgetvalue(r, row, AT_IDENTITY);
    t->key = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_KEY));
    t->shape = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_SHAPE));
    t->columns = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_COLUMNS));
    t->labels = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_LABELS));
    t->under = weir_arena_dup(&f->arena, weir_pg_cell(r, row, AT_UNDER));
    t->above = *PQgetvalue(r, row, AT_ABOVE) == 't';
    (void)weir_str_to_i64(weir_pg_cell(r, row, AT_MISSING), &t->missing);
    (void)weir_str_to_i64(weir_pg_cell(r, row, AT_MOST), &t->most);
    if (!t->schema.ptr || !t->name.ptr || !t->key.ptr || !t->shape.ptr || !t->columns.ptr ||
        !t->labels.ptr || !t->under.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    rc = weir_pg_capture_hides_rowid(&f->arena, t, &stream.exclude, &hides, err);
    const char *why =
        refusal(t, *PQgetvalue(r, row, AT_PERSISTENCE), *PQgetvalue(r, row, AT_LEAVES) == 't');
    if (!why && hides) {
        why = "it has no key, and a column \"rowid\", which hides what tells equal rows apart; "
              "ALTER TABLE … ADD PRIMARY KEY (…), or leave the column out by `exclude`";
    }
    s->refused = weir_str_of(why ? why : "");
    s->anew = !why && !s->cursor.ptr;
    return rc || why || s->anew ? rc : weir_pg_capture_compare(f, s, t, &stream, err);
}

/* A partition beside the table that it is one of. */
static void refuse_parts(struct weir_pg_capture *c)
{
    char number[24];
    for (size_t i = 0; i < c->f->count; i++) {
        struct weir_source_follow_stream *s = &c->f->streams[i];
        for (size_t k = 0; c->tables[i].under.len && k < c->f->count; k++) {
            snprintf(number, sizeof number, ",%u,", c->tables[k].oid);
            if (c->tables[k].oid && strstr(c->tables[i].under.ptr, number)) {
                s->refused = WEIR_STR("its changes come under the table that it is a partition of, "
                                      "which is a stream, too");
                s->anew = false;
                s->changed = WEIR_STR("");
            }
        }
    }
}

int weir_pg_capture_tables(struct weir_pg *pg, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    struct weir_source_follow *f = c->f;
    PGresult *r = NULL;
    c->tables = weir_arena_calloc(&f->arena, (f->count + 1) * sizeof *c->tables);
    int rc = c->tables ? ask_tables(pg, &r, err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for %zu tables", f->count);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        int row = row_of(r, f->streams[i].name);
        if (row < 0) {
            f->streams[i].refused = WEIR_STR("there is no such table; `weir source discover` shows "
                                             "those that there are");
        } else {
            rc = read_row(pg, r, row, i, err);
        }
    }
    if (rc == 0) {
        refuse_parts(c);
    }
    PQclear(r);
    return rc;
}

int weir_pg_capture_same(struct weir_pg *pg, bool *same, struct weir_error *err)
{
    const struct weir_pg_capture *c = pg->capture;
    PGresult *r = NULL;
    int rc = ask_tables(pg, &r, err);
    *same = true;
    for (size_t i = 0; rc == 0 && i < c->f->count; i++) {
        const struct weir_pg_followed *t = &c->tables[i];
        int row = row_of(r, c->f->streams[i].name);
        if ((row < 0) != (t->oid == 0) ||
            (row >= 0 && (!weir_str_eq(weir_pg_cell(r, row, AT_SHAPE), t->shape) ||
                          !weir_str_eq(weir_pg_cell(r, row, AT_LABELS), t->labels) ||
                          !weir_str_eq(weir_pg_cell(r, row, AT_COLUMNS), t->columns)))) {
            *same = false;
        }
    }
    PQclear(r);
    return rc;
}

/* --- the publication ----------------------------------------------------------------------------
 */

static bool wanted(const struct weir_source_follow *f, size_t i)
{
    return f->streams[i].refused.len == 0;
}

/* Tables that are in it, by number; the answer's second column says that one is there in part. */
static int ask_published(struct weir_pg *pg, PGresult **out, struct weir_error *err)
{
    const char *const values[] = {pg->capture->publication};
    return weir_pg_ask(
        pg, pg->con,
        PQserverVersion(pg->con) >= 150000
            ? "SELECT r.prrelid, r.prqual IS NOT NULL OR r.prattrs IS NOT NULL FROM "
              "pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON "
              "p.oid = r.prpubid WHERE p.pubname = $1"
            : "SELECT r.prrelid, false FROM pg_catalog.pg_publication_rel r JOIN "
              "pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1",
        values, 1, out, err);
}

/* `sql` makes or alters it so that it has all tables; *count of them are missing, whose numbers are
 * `oids`. */
static int find_missing(struct weir_pg *pg, bool exists, struct weir_buf *sql,
                        struct weir_buf *oids, size_t *count, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    PGresult *r = NULL;
    weir_buf_addz(sql, exists ? "ALTER PUBLICATION " : "CREATE PUBLICATION ");
    weir_sql_ident(sql, weir_str_of(c->publication));
    weir_buf_addz(sql, exists ? " ADD TABLE " : " FOR TABLE ");
    weir_buf_addz(oids, "{");
    int rc = ask_published(pg, &r, err);
    for (size_t i = 0; rc == 0 && i < c->f->count; i++) {
        bool there = !wanted(c->f, i);
        for (int row = 0; !there && row < PQntuples(r); row++) {
            there = strtoul(PQgetvalue(r, row, 0), NULL, 10) == c->tables[i].oid;
            if (there && *PQgetvalue(r, row, 1) == 't') {
                rc = weir_fail(err, WEIR_EINVAL,
                               "the publication \"%s\" has not all rows and columns of the table "
                               "\"" WEIR_STR_FMT "\"; take its WHERE and its list of columns away",
                               c->publication, WEIR_STR_ARG(c->tables[i].name));
            }
        }
        if (!there) {
            weir_buf_addz(sql, *count ? ", " : "");
            weir_buf_addz(sql, c->tables[i].kind == 'r' ? "ONLY " : "");
            weir_sql_table(sql, c->tables[i].schema, c->tables[i].name);
            weir_buf_addf(oids, "%s%u", *count ? "," : "", c->tables[i].oid);
            ++*count;
        }
    }
    weir_buf_addz(sql, exists ? "" : " WITH (publish_via_partition_root = true)");
    weir_buf_addz(oids, "}");
    PQclear(r);
    rc = rc ? rc : weir_buf_check(sql, "a statement", err);
    return rc ? rc : weir_buf_check(oids, "a list of tables", err);
}

/* The server's own words would be about a right alone, and not say what for. */
static int check_rights(struct weir_pg *pg, bool exists, const struct weir_buf *sql,
                        const struct weir_buf *oids, struct weir_error *err)
{
    const char *publication = pg->capture->publication;
    const char *const values[] = {publication, weir_buf_cstr(oids)};
    struct weir_str shown = weir_utf8_cut(weir_buf_str(sql), 400);
    PGresult *r = NULL;
    int rc = weir_pg_ask(
        pg, pg->con,
        "SELECT CASE WHEN p.oid IS NULL THEN pg_catalog.has_database_privilege(d.name, 'CREATE') "
        "ELSE pg_catalog.pg_has_role(p.pubowner, 'USAGE') END, pg_catalog.quote_ident(d.name), "
        "(SELECT pg_catalog.quote_ident(min(c.relname)) FROM pg_catalog.pg_class c WHERE c.oid = "
        "ANY ($2::oid[]) AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')), current_user FROM "
        "(VALUES (pg_catalog.current_database())) AS d (name) LEFT JOIN pg_catalog.pg_publication "
        "p "
        "ON p.pubname = $1",
        values, 2, &r, err);
    bool may = rc == 0 && *PQgetvalue(r, 0, 0) == 't', owns = rc == 0 && PQgetisnull(r, 0, 2);
    const char *user = rc ? "" : PQgetvalue(r, 0, 3);
    const char *out_of = "Whoever owns the tables can run: ";
    if (rc == 0 && !may && exists) {
        rc =
            weir_fail(err, WEIR_EPERM,
                      "the publication \"%s\" has not all tables, and \"%s\", who does not own it, "
                      "may not add them. %s" WEIR_STR_FMT,
                      publication, user, out_of, WEIR_STR_ARG(shown));
    } else if (rc == 0 && !may) {
        rc = weir_fail(err, WEIR_EPERM,
                       "there is no publication \"%s\", and \"%s\" may not make one (CREATE on the "
                       "database %s). %s" WEIR_STR_FMT,
                       publication, user, PQgetvalue(r, 0, 1), out_of, WEIR_STR_ARG(shown));
    } else if (rc == 0 && !owns) {
        rc = weir_fail(err, WEIR_EPERM,
                       "the publication \"%s\" %s, and \"%s\" may not publish the table %s, which "
                       "somebody else owns. %s" WEIR_STR_FMT,
                       publication, exists ? "has not all tables" : "is not there", user,
                       PQgetvalue(r, 0, 2), out_of, WEIR_STR_ARG(shown));
    }
    PQclear(r);
    return rc;
}

/* `make`: false: only look whether it could be. */
static int publish(struct weir_pg *pg, bool make, bool some, bool *altered, struct weir_error *err)
{
    const char *const values[] = {pg->capture->publication};
    struct weir_buf sql, oids;
    PGresult *r = NULL;
    size_t count = 0;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_init(&oids, SQL_BYTES);
    int rc =
        weir_pg_ask(pg, pg->con,
                    "SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubviaroot "
                    "FROM pg_catalog.pg_publication WHERE pubname = $1",
                    values, 1, &r, err);
    bool exists = rc == 0 && PQntuples(r) > 0;
    bool all = exists && (some || *PQgetvalue(r, 0, 0) == 't');
    if (exists && *PQgetvalue(r, 0, 1) != 't') {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the publication \"%s\" must tell of inserts, updates and deletes, and of "
                       "partitions by their root; ALTER PUBLICATION … SET (publish = 'insert, "
                       "update, delete, truncate', publish_via_partition_root = true)",
                       pg->capture->publication);
    }
    rc = rc || all ? rc : find_missing(pg, exists, &sql, &oids, &count, err);
    rc = rc || !count ? rc : check_rights(pg, exists, &sql, &oids, err);
    if (rc == 0 && count && make) {
        rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(&sql), NULL, 0, NULL, err);
    }
    *altered = count > 0;
    PQclear(r);
    weir_buf_free(&sql);
    weir_buf_free(&oids);
    return rc;
}

int weir_pg_capture_publish(struct weir_pg *pg, bool *altered, struct weir_error *err)
{
    return publish(pg, true, false, altered, err);
}

int weir_pg_capture_may_publish(struct weir_pg *pg, bool some, struct weir_error *err)
{
    bool altered;
    return publish(pg, false, some, &altered, err);
}

struct weir_pg_followed *weir_pg_capture_table(struct weir_pg *pg, struct weir_str stream)
{
    struct weir_pg_capture *c = pg->capture;
    for (size_t i = 0; c && c->tables && i < c->f->count; i++) {
        if (weir_str_eq(c->f->streams[i].name, stream)) {
            return &c->tables[i];
        }
    }
    return NULL;
}
