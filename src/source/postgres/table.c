#include <stdlib.h>

#include "csv/columns.h"
#include "source/postgres/postgres.h"

/* $1: schemas as an array's text. Those of the first schema have no prefix. */
#define SHOWN "CASE WHEN n.nspname = ($1::text[])[1] THEN '' ELSE n.nspname || '.' END || c.relname"
#define TABLES                                                                                     \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "  \
    "n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'v', 'm', 'p', 'f') "

/* Of an array's text. */
static void add_item(struct weir_buf *out, const char *item, bool first)
{
    weir_buf_addz(out, first ? "\"" : ",\"");
    for (const char *p = item; *p; p++) {
        weir_buf_addz(out, *p == '"' || *p == '\\' ? "\\" : "");
        weir_buf_addc(out, *p);
    }
    weir_buf_addc(out, '"');
}

static void add_schemas(const struct weir_pg *pg, struct weir_buf *out)
{
    weir_buf_addc(out, '{');
    for (size_t i = 0; i < pg->settings->schemas.count; i++) {
        add_item(out, pg->settings->schemas.items[i], i == 0);
    }
    weir_buf_addc(out, '}');
}

/* What the table of a stream may be called: all of its name, or what is behind one of the dots. By
 * these the server looks in its index; else it compares the names of all tables for each of them.
 */
static void add_names(const char *stream, struct weir_buf *out)
{
    weir_buf_addc(out, '{');
    add_item(out, stream, true);
    for (const char *dot = strchr(stream, '.'); dot; dot = strchr(dot + 1, '.')) {
        add_item(out, dot + 1, false);
    }
    weir_buf_addc(out, '}');
}

/* Rows are of the server's last look at the table; the key's rule is that of capture_table.c. */
static const char tables_sql[] =
    "SELECT " SHOWN ", c.relpages::bigint * 8192, CASE WHEN c.reltuples > 0 THEN "
    "c.reltuples::bigint ELSE 0 END, $2::bool AND c.relreplident <> 'f' AND (c.relreplident = 'n' "
    "OR NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid "
    "AND i.indimmediate AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary "
    "END))" TABLES "AND NOT c.relispartition AND pg_catalog.has_table_privilege(c.oid, 'SELECT') "
    "AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "
    "AND NOT a.attisdropped) AND (NOT $2::bool OR c.relkind IN ('r', 'p')) ORDER BY 1";

/* Of tables that the user may read: other schemas that have some, and what `capture` leaves out.
 * And those that she may not, or not all of; and those with columns that `capture` leaves out. */
static const char others_sql[] =
    "SELECT (SELECT pg_catalog.string_agg(o.s, ', ' ORDER BY o.s) FROM (SELECT n.nspname || ' (' "
    "|| pg_catalog.count(*) || ')' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON "
    "n.oid = c.relnamespace WHERE n.nspname <> ALL ($1::text[]) AND n.nspname !~ '^pg_' AND "
    "n.nspname <> 'information_schema' AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT "
    "c.relispartition AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
    "pg_catalog.has_table_privilege(c.oid, 'SELECT') GROUP BY n.nspname LIMIT 20) o (s)), (SELECT "
    "pg_catalog.count(*)" TABLES "AND $2::bool AND c.relkind IN ('v', 'm', 'f')), (SELECT "
    "pg_catalog.string_agg(o.s, ', ' ORDER BY o.s) FROM (SELECT " SHOWN TABLES
    "AND NOT c.relispartition AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1 "
    "LIMIT 20) o (s)), (SELECT pg_catalog.string_agg(o.s, ', ' ORDER BY o.s) FROM (SELECT " SHOWN
        /* Servers before 12 have no such columns, and no `attgenerated`. */
        TABLES
    "AND $2::bool AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND EXISTS (SELECT "
    "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT "
    "a.attisdropped AND a.atthasdef AND pg_catalog.to_jsonb(a) ->> 'attgenerated' <> '') ORDER BY "
    "1 LIMIT 20) o (s))";

static int add_note(struct weir_pg *pg, const char *const values[2],
                    struct weir_source_catalog *out, struct weir_error *err)
{
    PGresult *result = NULL;
    struct weir_buf note;
    int64_t views = 0;
    weir_buf_init(&note, 65536);
    int rc = weir_pg_ask(pg, pg->con, others_sql, values, 2, &result, err);
    struct weir_str others = rc ? WEIR_STR("") : weir_pg_cell(result, 0, 0);
    if (others.len) {
        weir_buf_addf(&note,
                      "There are tables in other schemas, too: " WEIR_STR_FMT
                      "; name the schemas in `schemas`, with commas between, to have "
                      "them. ",
                      WEIR_STR_ARG(others));
    }
    if (rc == 0 && weir_str_to_i64(weir_pg_cell(result, 0, 1), &views) && views) {
        weir_buf_addf(
            &note,
            "With `capture`, views and foreign tables (%d here) are no streams; load them "
            "by another source. ",
            (int)views);
    }
    struct weir_str shut = rc ? WEIR_STR("") : weir_pg_cell(result, 0, 2);
    if (shut.len) {
        weir_buf_addf(&note,
                      "Tables that \"%s\" may not read are no streams: " WEIR_STR_FMT
                      "; GRANT SELECT on them, or name one whose other columns it may read in "
                      "`streams`, with `exclude`. ",
                      pg->settings->user, WEIR_STR_ARG(shut));
    }
    struct weir_str generated = rc ? WEIR_STR("") : weir_pg_cell(result, 0, 3);
    if (generated.len) {
        weir_buf_addf(
            &note,
            "With `capture`, generated columns are left out, as the changes do not tell of "
            "them; these tables have some: " WEIR_STR_FMT ". ",
            WEIR_STR_ARG(generated));
    }
    if (rc == 0 && note.len) {
        struct weir_str text = weir_buf_str(&note);
        out->note = weir_arena_dup(&out->arena, (struct weir_str){text.ptr, text.len - 1});
        rc = out->note.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the streams");
    }
    PQclear(result);
    weir_buf_free(&note);
    return rc;
}

static int add_found(struct weir_source_catalog *out, const PGresult *result, int row,
                     struct weir_error *err)
{
    struct weir_source_found *f = &out->streams[out->count];
    int64_t bytes = 0, rows = 0;
    f->name = weir_arena_dup(&out->arena, weir_pg_cell(result, row, 0));
    (void)weir_str_to_i64(weir_pg_cell(result, row, 1), &bytes);
    (void)weir_str_to_i64(weir_pg_cell(result, row, 2), &rows);
    f->bytes = bytes > 0 ? (uint64_t)bytes : 0;
    f->rows = (uint64_t)rows;
    f->refused = weir_str_of(*PQgetvalue(result, row, 3) == 't' ? WEIR_PG_NO_KEY : "");
    out->count++;
    return f->name.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for streams");
}

int weir_pg_tables(struct weir_pg *pg, struct weir_source_catalog *out, struct weir_error *err)
{
    struct weir_buf schemas;
    PGresult *result = NULL;
    weir_buf_init(&schemas, 1u << 20);
    add_schemas(pg, &schemas);
    const char *const values[] = {weir_buf_cstr(&schemas), pg->settings->capture ? "t" : "f"};
    int rc = weir_pg_ask(pg, pg->con, tables_sql, values, 2, &result, err);
    rc = rc ? rc : add_note(pg, values, out, err);
    int rows = rc ? 0 : PQntuples(result);
    out->streams = weir_arena_calloc(&out->arena, ((size_t)rows + 1) * sizeof *out->streams);
    if (rc == 0 && !out->streams) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %d streams", rows);
    }
    if (rc == 0 && rows == 0) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no table that \"%s\" may read in the schemas %s; check "
                       "`schemas`%s, or GRANT USAGE on the schema and SELECT on its tables. "
                       "" WEIR_STR_FMT,
                       pg->settings->user, weir_buf_cstr(&schemas),
                       strpbrk(weir_buf_cstr(&schemas), " ;")
                           ? " (several are a list, with commas: [public, sales])"
                           : "",
                       WEIR_STR_ARG(out->note));
    }
    for (int i = 0; rc == 0 && i < rows; i++) {
        rc = add_found(out, result, i, err);
    }
    PQclear(result);
    weir_buf_free(&schemas);
    return rc;
}

/* --- one table ----------------------------------------------------------------------------------
 */

/* numeric(p,s); all else that is exact is text. */
static bool decimal(struct weir_str type, struct weir_source_column *c, struct weir_arena *arena)
{
    struct weir_str start = WEIR_STR("numeric("), rest = type;
    int64_t p, s;
    if (!weir_str_starts(type, start)) {
        return false;
    }
    rest = (struct weir_str){rest.ptr + start.len, rest.len - start.len - 1};
    struct weir_str first = weir_str_cut(&rest, ',');
    if (!rest.ptr || !weir_str_to_i64(first, &p) || !weir_str_to_i64(rest, &s)) {
        return false;
    }
    p = s < 0 ? p - s : s > p ? s : p;
    s = s < 0 ? 0 : s;
    if (p > 38) {
        return false;
    }
    c->type = WEIR_TYPE_OTHER;
    c->type_name = weir_str_of(weir_arena_printf(arena, "DECIMAL(%d,%d)", (int)p, (int)s));
    return c->type_name.ptr;
}

static void type_of(const struct weir_pg_column *from, struct weir_source_column *c,
                    struct weir_arena *arena)
{
    static const struct {
        enum weir_pg_oid oid;
        enum weir_type type;
    } known[] = {{WEIR_PG_BOOL, WEIR_TYPE_BOOL},
                 {WEIR_PG_INT2, WEIR_TYPE_INT},
                 {WEIR_PG_INT4, WEIR_TYPE_INT},
                 {WEIR_PG_INT8, WEIR_TYPE_INT},
                 {WEIR_PG_OID, WEIR_TYPE_INT},
                 {WEIR_PG_FLOAT4, WEIR_TYPE_DOUBLE},
                 {WEIR_PG_FLOAT8, WEIR_TYPE_DOUBLE},
                 {WEIR_PG_DATE, WEIR_TYPE_DATE},
                 {WEIR_PG_TIMESTAMP, WEIR_TYPE_TIMESTAMP},
                 {WEIR_PG_TIMESTAMPTZ, WEIR_TYPE_TIMESTAMP},
                 {WEIR_PG_JSON, WEIR_TYPE_JSON},
                 {WEIR_PG_JSONB, WEIR_TYPE_JSON}};
    c->type = from->array ? WEIR_TYPE_JSON : WEIR_TYPE_TEXT;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        c->type = from->oid == known[i].oid ? known[i].type : c->type;
    }
    if (from->oid == WEIR_PG_NUMERIC && !decimal(from->type, c, arena)) {
        c->type = WEIR_TYPE_TEXT;
    }
}

static int add_columns(struct weir_pg_table *t, const PGresult *result,
                       struct weir_source_plan *plan, struct weir_error *err)
{
    size_t count = (size_t)PQntuples(result);
    struct weir_column *named = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *named);
    struct weir_str *names = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *names);
    t->columns = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *t->columns);
    if (!named || !names || !t->columns) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = weir_arena_dup(&plan->arena, weir_pg_cell(result, (int)i, 0));
        t->columns[i].name = names[i];
        t->columns[i].type = weir_arena_dup(&plan->arena, weir_pg_cell(result, (int)i, 1));
        t->columns[i].oid = (uint32_t)strtoul(PQgetvalue(result, (int)i, 2), NULL, 10);
        t->columns[i].array = *PQgetvalue(result, (int)i, 3) == 't';
        t->columns[i].element = (uint32_t)strtoul(PQgetvalue(result, (int)i, 4), NULL, 10);
        t->columns[i].index = SIZE_MAX;
        if (!names[i].ptr || !t->columns[i].type.ptr) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
        }
    }
    t->column_count = count;
    int rc = weir_csv_name_columns(&plan->arena, names, count, named, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_source_column c = {.name = named[i].name, .original = names[i]};
        type_of(&t->columns[i], &c, &plan->arena);
        if (weir_source_column_reserved(c.name)) {
            return weir_fail(err, WEIR_EINVAL,
                             "the column \"" WEIR_STR_FMT "\" has a name that weir keeps for its "
                             "own; read a view that names it otherwise",
                             WEIR_STR_ARG(c.original));
        }
        if (!weir_source_plan_leaves_out(plan, c.name, c.original) &&
            !weir_source_plan_column(plan, &c, &t->columns[i].index)) {
            rc = weir_fail(err, WEIR_ETOOBIG, "no memory for %zu columns", count);
        }
    }
    return rc || plan->column_count ? rc
                                    : weir_fail(err, WEIR_EINVAL, "no column is left to be read");
}

int weir_pg_find(struct weir_pg *pg, const char *stream, struct weir_source_plan *plan,
                 struct weir_pg_table **out, struct weir_error *err)
{
    struct weir_pg_table *t = weir_arena_calloc(&plan->arena, sizeof *t);
    struct weir_buf schemas, names;
    PGresult *found = NULL;
    *out = t;
    weir_buf_init(&schemas, 1u << 20);
    weir_buf_init(&names, 1u << 20);
    add_schemas(pg, &schemas);
    add_names(stream, &names);
    const char *values[] = {weir_buf_cstr(&schemas), stream, weir_buf_cstr(&names)};
    int rc = t ? weir_buf_check(&names, "the name of a stream", err)
               : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    rc = rc ? rc
            : weir_pg_ask(pg, pg->con,
                          "SELECT n.nspname, c.relname, c.relkind, c.relpages, c.relkind IN ('r', "
                          "'p') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')" TABLES
                          "AND c.relname = ANY ($3::name[]) AND ($2 = " SHOWN
                          " OR $2 = n.nspname || '.' || c.relname) ORDER BY "
                          "n.nspname = ($1::text[])[1] DESC LIMIT 1",
                          values, 3, &found, err);
    if (rc == 0 && PQntuples(found) == 0) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no table or view \"%s\" in the schemas %s; `weir source discover` "
                       "shows those that there are",
                       stream, weir_buf_cstr(&schemas));
    }
    if (rc == 0) {
        t->plan = plan;
        t->schema = weir_arena_dup(&plan->arena, weir_pg_cell(found, 0, 0));
        t->name = weir_arena_dup(&plan->arena, weir_pg_cell(found, 0, 1));
        t->kind = *PQgetvalue(found, 0, 2);
        t->condition = WEIR_STR("");
        t->pages = strtoll(PQgetvalue(found, 0, 3), NULL, 10);
        t->only = pg->settings->capture && t->kind == 'r';
        t->lockable = *PQgetvalue(found, 0, 4) == 't';
        const char *encoding = PQparameterStatus(pg->con, "server_encoding");
        t->utf8 = encoding && strcmp(encoding, "UTF8") == 0;
        t->bytes = weir_pg_is_bytes(pg->con);
        rc = t->schema.ptr && t->name.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    }
    PQclear(found);
    weir_buf_free(&schemas);
    weir_buf_free(&names);
    return rc;
}

int weir_pg_columns(struct weir_pg *pg, struct weir_pg_table *t, struct weir_source_plan *plan,
                    struct weir_error *err)
{
    PGresult *columns = NULL;
    /* A domain is read as what it is made of, which is how both COPY and changes can be read.
     * Changes tell nothing of generated columns; and of arrays of the server's own types alone is
     * known how to_json() writes their elements. */
    bool capture = pg->settings->capture;
    const char *const values[] = {t->schema.ptr, t->name.ptr, capture ? "t" : "f"};
    int rc = weir_pg_ask(
        pg, pg->con,
        "WITH RECURSIVE d (type, oid, typmod) AS (SELECT z.oid, z.typbasetype, z.typtypmod FROM "
        "pg_catalog.pg_type z WHERE z.typtype = 'd' UNION ALL SELECT d.type, z.typbasetype, "
        "z.typtypmod FROM d JOIN pg_catalog.pg_type z ON z.oid = d.oid AND z.typtype = 'd') SELECT "
        "a.attname, pg_catalog.format_type(y.oid, coalesce(d.typmod, a.atttypmod)), y.oid, "
        "y.typcategory = 'A' AND y.typlen = -1 AND y.typelem <> 0 AND (y.typelem < 16384 OR NOT "
        "$3::bool), y.typelem FROM pg_catalog.pg_attribute a LEFT JOIN d ON d.type = a.atttypid "
        "AND "
        "NOT EXISTS (SELECT FROM pg_catalog.pg_type z WHERE z.oid = d.oid AND z.typtype = 'd') "
        "JOIN pg_catalog.pg_type y ON y.oid = coalesce(d.oid, a.atttypid) JOIN pg_catalog.pg_class "
        "c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
        "n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND "
        "(a.attgenerated = '' OR NOT $3::bool) ORDER BY a.attnum",
        values, 3, &columns, err);
    rc = rc ? rc : add_columns(t, columns, plan, err);
    PQclear(columns);
    return rc;
}

const struct weir_pg_column *weir_pg_column_of(const struct weir_pg_table *table, size_t index)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].index == index) {
            return &table->columns[i];
        }
    }
    return NULL;
}
