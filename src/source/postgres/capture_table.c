/* The tables that are followed: what they are, whether they are as they were, and the publication
 * that has them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "source/postgres/capture.h"

#define SQL_BYTES  (8u << 20)
#define MAX_CURSOR (16u << 20)

/* $1: schemas, $2: names, $3: the publication. The shape is another one when rows may be others
 * than the changes tell: the table was written anew, emptied, or is another one; partitions came or
 * went; the publication was altered (xmin), or the table was taken out of it and put back. */
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
    "AND r.prrelid = c.oid WHERE p.pubname = $3))), a.columns, a.missing FROM "
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
    "LATERAL (SELECT pg_catalog.json_agg(x.attname ORDER BY x.attnum)::text AS key FROM "
    "pg_catalog.pg_index i JOIN pg_catalog.pg_attribute x ON x.attrelid = c.oid AND x.attnum = ANY "
    "((i.indkey::int2[])[0:i.indnkeyatts - 1]) WHERE i.indrelid = c.oid AND i.indisvalid AND CASE "
    "c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) k ON c.relreplident <> "
    "'n' LEFT JOIN LATERAL (SELECT "
    "pg_catalog.json_agg(pg_catalog.json_build_array(x.attnum, pg_catalog.format_type(x.atttypid, "
    "x.atttypmod), x.attname) ORDER BY x.attnum)::text AS columns, coalesce(max(x.attnum) FILTER "
    "(WHERE x.atthasmissing), 0) AS missing FROM pg_catalog.pg_attribute x WHERE x.attrelid = "
    "c.oid "
    "AND x.attnum > 0 AND NOT x.attisdropped AND x.attgenerated = '') a ON true WHERE n.nspname = "
    "ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ((CASE WHEN n.nspname = "
    "($1::text[])[1] THEN '' ELSE n.nspname || '.' END || c.relname) = ANY ($2::text[]) OR "
    "n.nspname || '.' || c.relname = ANY ($2::text[]))";

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
        struct weir_str schema = weir_pg_cell(r, i, 1), table = weir_pg_cell(r, i, 2);
        if (weir_str_eq(weir_pg_cell(r, i, 0), stream)) {
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

static const char *refusal(const struct weir_pg_followed *t, char persistence)
{
    if (t->kind != 'r' && t->kind != 'p') {
        return "only tables tell of their changes; load it by another source, without `capture`";
    }
    if (persistence != 'p') {
        return "it is not logged, so nothing tells of its changes; ALTER TABLE … SET LOGGED";
    }
    if (t->identity == 'n' || (t->identity != 'f' && !t->key.len)) {
        return "nothing says which row a change is of; ALTER TABLE … ADD PRIMARY KEY (…), or "
               "… REPLICA IDENTITY FULL";
    }
    return NULL;
}

struct numbered { /* a column */
    int64_t number;
    struct weir_str type, name;
};
struct numbered_list {
    struct numbered *items;
    size_t count;
    int64_t most; /* number */
};

static int read_columns(struct weir_json list, struct weir_arena *arena, struct numbered_list *out,
                        struct weir_error *err)
{
    struct weir_json column, member;
    *out = (struct numbered_list){
        .items = weir_arena_calloc(arena, (weir_json_count(list) + 1) * sizeof *out->items)};
    struct weir_json_iter it = weir_json_begin(list);
    while (out->items && weir_json_next(&it, NULL, &column)) {
        struct numbered *n = &out->items[out->count++];
        struct weir_json_iter parts = weir_json_begin(column);
        struct weir_str text = WEIR_STR("");
        for (int i = 0; weir_json_next(&parts, NULL, &member); i++) {
            if (i == 0) {
                (void)weir_json_i64(member, &n->number);
            } else if (weir_json_str(member, &text)) {
                *(i == 1 ? &n->type : &n->name) = weir_arena_dup(arena, text);
            }
        }
        out->most = n->number > out->most ? n->number : out->most;
    }
    return out->items ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns of a table");
}

/* Is the table good as it is, when its columns were those and are these? New ones must be behind,
 * and have no value in older rows; names and types of those that stayed must be the same. */
static bool still_fits(const struct numbered_list *was, const struct numbered_list *now,
                       const struct weir_pg_followed *t)
{
    bool fits = t->missing <= was->most;
    for (size_t i = 0; fits && i < now->count; i++) {
        const struct numbered *n = &now->items[i];
        bool same = false;
        for (size_t k = 0; !same && k < was->count; k++) {
            const struct numbered *old = &was->items[k];
            same = old->number == n->number && weir_str_eq(old->type, n->type) &&
                   weir_str_eq(old->name, n->name);
        }
        fits = same || (n->number > was->most && t->kind == 'r');
    }
    return fits;
}

/* --- the cursor of a table: {"v":1,"from":LSN,"options":HEX,"shape":HEX,"columns":[…]} ----------
 */

static struct weir_str write_cursor(struct weir_arena *arena, const struct weir_pg_followed *t,
                                    const char *options, uint64_t from)
{
    char lsn[WEIR_PG_LSN_SIZE];
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    struct weir_jw w = weir_jw_on(&out);
    weir_pg_lsn_format(from, lsn);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "from", lsn);
    weir_jw_kstrz(&w, "options", options);
    weir_jw_kstr(&w, "shape", t->shape);
    weir_jw_keyz(&w, "columns");
    weir_jw_raw(&w, t->columns);
    weir_jw_object_end(&w);
    struct weir_str text =
        weir_buf_ok(&out) ? weir_arena_dup(arena, weir_buf_str(&out)) : (struct weir_str){NULL, 0};
    weir_buf_free(&out);
    return text;
}

static void hash_options(const struct weir_source_stream *s, char out[17])
{
    snprintf(out, 17, "%016" PRIx64,
             weir_hash64(&s->deletes, sizeof s->deletes, weir_pg_options_hash(s)));
}

struct weir_str weir_pg_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_pg_followed *t,
                                             const struct weir_source_stream *stream, uint64_t from)
{
    char options[17];
    hash_options(stream, options);
    return write_cursor(arena, t, options, from);
}

static int parse(struct weir_json_parser *parser, struct weir_str text, struct weir_json *out,
                 struct weir_error *err)
{
    struct weir_buf buf;
    weir_buf_init(&buf, MAX_CURSOR);
    weir_buf_adds(&buf, text);
    int rc = parser ? weir_buf_check(&buf, "a cursor", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&buf), out, err);
    weir_buf_free(&buf);
    return rc;
}

/* What the last load or run kept of it: is it still good? */
static int compare(struct weir_source_follow *f, struct weir_source_follow_stream *s,
                   struct weir_pg_followed *t, const struct weir_source_stream *stream,
                   struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root, list;
    struct numbered_list was = {.count = 0}, now = {.count = 0};
    char options[17];
    hash_options(stream, options);
    int rc = parse(parser, s->cursor, &root, err);
    if (rc == 0) {
        s->anew = !weir_str_is(weir_json_get_str(root, "options"), options) ||
                  !weir_str_eq(weir_json_get_str(root, "shape"), t->shape) ||
                  !weir_pg_lsn_read(weir_json_get_str(root, "from"), &t->from);
        rc = read_columns(weir_json_get(root, "columns"), &f->arena, &was, err);
    }
    rc = rc ? rc : parse(parser, t->columns, &list, err);
    rc = rc ? rc : read_columns(list, &f->arena, &now, err);
    if (rc == 0 && !s->anew && !still_fits(&was, &now, t)) {
        s->anew = true;
    }
    bool same = was.count == now.count;
    for (size_t i = 0; same && i < now.count; i++) {
        same = was.items[i].number == now.items[i].number;
    }
    if (rc == 0 && !s->anew && !same) {
        s->changed = write_cursor(&f->arena, t, options, t->from);
        rc = s->changed.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    weir_json_parser_free(parser);
    return rc;
}

static int read_row(struct weir_pg *pg, const PGresult *r, int row, size_t i,
                    struct weir_error *err)
{
    struct weir_source_follow *f = pg->capture->f;
    struct weir_source_follow_stream *s = &f->streams[i];
    struct weir_pg_followed *t = &pg->capture->tables[i];
    struct weir_source_stream stream;
    int rc = weir_source_config_stream(f->config, s->name, &stream, err);
    if (rc) {
        return rc;
    }
    s->changed = WEIR_STR("");
    t->schema = weir_arena_dup(&f->arena, weir_pg_cell(r, row, 1));
    t->name = weir_arena_dup(&f->arena, weir_pg_cell(r, row, 2));
    t->oid = (uint32_t)strtoul(PQgetvalue(r, row, 3), NULL, 10);
    t->kind = *PQgetvalue(r, row, 4);
    t->identity = *PQgetvalue(r, row, 6);
    t->key = weir_arena_dup(&f->arena, weir_pg_cell(r, row, 7));
    t->shape = weir_arena_dup(&f->arena, weir_pg_cell(r, row, 8));
    t->columns = weir_arena_dup(&f->arena, weir_pg_cell(r, row, 9));
    (void)weir_str_to_i64(weir_pg_cell(r, row, 10), &t->missing);
    if (!t->schema.ptr || !t->name.ptr || !t->key.ptr || !t->shape.ptr || !t->columns.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a table");
    }
    const char *why = refusal(t, *PQgetvalue(r, row, 5));
    s->refused = weir_str_of(why ? why : "");
    s->anew = !why && !s->cursor.ptr;
    return why || s->anew ? 0 : compare(f, s, t, &stream, err);
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
            (row >= 0 && (!weir_str_eq(weir_pg_cell(r, row, 8), t->shape) ||
                          !weir_str_eq(weir_pg_cell(r, row, 9), t->columns)))) {
            *same = false;
        }
    }
    PQclear(r);
    return rc;
}

/* --- the publication ----------------------------------------------------------------------------
 */

static int run_ddl(struct weir_pg *pg, struct weir_buf *sql, struct weir_error *err)
{
    struct weir_error why;
    int rc = weir_buf_check(sql, "a statement", err);
    if (rc == 0 && (rc = weir_pg_ask(pg, pg->con, weir_buf_cstr(sql), NULL, 0, NULL, &why))) {
        struct weir_str shown = weir_utf8_cut(weir_buf_str(sql), 400);
        rc = weir_fail(err, rc, "%s. Whoever owns the tables can run: " WEIR_STR_FMT, why.message,
                       WEIR_STR_ARG(shown));
    }
    return rc;
}

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

static int add_missing(struct weir_pg *pg, bool exists, bool *altered, struct weir_error *err)
{
    struct weir_pg_capture *c = pg->capture;
    struct weir_buf sql;
    PGresult *r = NULL;
    bool any = false;
    weir_buf_init(&sql, SQL_BYTES);
    weir_buf_addz(&sql, exists ? "ALTER PUBLICATION " : "CREATE PUBLICATION ");
    weir_sql_ident(&sql, weir_str_of(c->publication));
    weir_buf_addz(&sql, exists ? " ADD TABLE " : " FOR TABLE ");
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
            weir_buf_addz(&sql, any ? ", " : "");
            weir_buf_addz(&sql, c->tables[i].kind == 'r' ? "ONLY " : "");
            weir_sql_table(&sql, c->tables[i].schema, c->tables[i].name);
            any = true;
        }
    }
    weir_buf_addz(&sql, exists ? "" : " WITH (publish_via_partition_root = true)");
    rc = rc || !any ? rc : run_ddl(pg, &sql, err);
    *altered = any;
    PQclear(r);
    weir_buf_free(&sql);
    return rc;
}

int weir_pg_capture_publish(struct weir_pg *pg, bool *altered, struct weir_error *err)
{
    const char *const values[] = {pg->capture->publication};
    PGresult *r = NULL;
    int rc =
        weir_pg_ask(pg, pg->con,
                    "SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubviaroot "
                    "FROM pg_catalog.pg_publication WHERE pubname = $1",
                    values, 1, &r, err);
    bool exists = rc == 0 && PQntuples(r) > 0;
    bool all = exists && *PQgetvalue(r, 0, 0) == 't';
    if (exists && *PQgetvalue(r, 0, 1) != 't') {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the publication \"%s\" must tell of inserts, updates and deletes, and of "
                       "partitions by their root; ALTER PUBLICATION … SET (publish = 'insert, "
                       "update, delete, truncate', publish_via_partition_root = true)",
                       pg->capture->publication);
    }
    PQclear(r);
    return rc || all ? rc : add_missing(pg, exists, altered, err);
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
