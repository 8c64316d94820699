/* The catalog, and statements that change it. */
#include <stdlib.h>

#include "base/number.h"
#include "warehouse/duckdb/compression.h"
#include "warehouse/duckdb/rules.h"

/* --- describe ------------------------------------------------------------------------------- */

static const char describe_sql[] =
    "SELECT c.schema_name, c.table_name, t.table_name IS NULL, coalesce(t.estimated_size, -1), "
    "c.column_name, c.data_type "
    "FROM duckdb_columns() c LEFT JOIN duckdb_tables() t USING (database_name, schema_name, "
    "table_name) "
    "WHERE NOT c.internal AND c.database_name = current_database() "
    "ORDER BY c.schema_name, c.table_name, c.column_index";

struct catalog {
    struct weir_arena *arena;
    struct weir_table *tables;
    struct weir_column *columns;
    size_t table_count, table_cap;
    size_t column_count, column_cap;
};

static void *grow(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return items;
    }
    size_t wanted = *cap ? *cap * 2 : 64;
    void *more = realloc(items, wanted * size);
    if (more) {
        *cap = wanted;
    }
    return more;
}

static int add_row(struct catalog *c, const struct weir_batch *b, size_t row)
{
    struct weir_str schema = b->columns[0].strs[row], name = b->columns[1].strs[row];
    struct weir_table *last = c->table_count ? &c->tables[c->table_count - 1] : NULL;
    if (!last || !weir_str_eq(last->schema, schema) || !weir_str_eq(last->name, name)) {
        void *more = grow(c->tables, c->table_count, &c->table_cap, sizeof *c->tables);
        if (!more) {
            return WEIR_ENOMEM;
        }
        c->tables = more;
        last = &c->tables[c->table_count++];
        *last = (struct weir_table){.schema = weir_arena_dup(c->arena, schema),
                                    .name = weir_arena_dup(c->arena, name),
                                    .view = b->columns[2].bools[row],
                                    .estimated_rows = b->columns[3].ints[row]};
    }
    void *more = grow(c->columns, c->column_count, &c->column_cap, sizeof *c->columns);
    if (!more) {
        return WEIR_ENOMEM;
    }
    c->columns = more;
    struct weir_str type = weir_arena_dup(c->arena, b->columns[5].strs[row]);
    c->columns[c->column_count] = (struct weir_column){
        weir_arena_dup(c->arena, b->columns[4].strs[row]), weir_duck_type_of_name(type), type};
    last->column_count++;
    return c->columns[c->column_count++].name.ptr && type.ptr && last->schema.ptr && last->name.ptr
               ? 0
               : WEIR_ENOMEM;
}

static int read_catalog(struct weir_session *session, const char *sql, struct catalog *c,
                        struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    struct duck_session *s = duck_session_of(session);
    s->trusted++;
    int rc = weir_duck_query(session, sql, NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_duck_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            rc = add_row(c, &batch, i);
        }
        if (rc) {
            weir_fail(err, rc, "no memory for the catalog");
        }
    }
    if (result) {
        weir_duck_result_free(result);
    }
    s->trusted--;
    return rc;
}

static int describe(struct weir_session *session, const char *sql, struct weir_arena *arena,
                    struct weir_table **tables, size_t *count, struct weir_error *err)
{
    struct catalog c = {.arena = arena};
    int rc = read_catalog(session, sql, &c, err);
    *tables = NULL;
    *count = 0;
    if (rc == 0) {
        struct weir_column *columns =
            weir_arena_alloc(arena, (c.column_count + 1) * sizeof *columns);
        *tables = weir_arena_alloc(arena, (c.table_count + 1) * sizeof **tables);
        if (!columns || !*tables) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for the catalog");
            goto out;
        }
        for (size_t i = 0, at = 0; i < c.table_count; at += c.tables[i++].column_count) {
            c.tables[i].columns = columns + at;
        }
        if (c.table_count) {
            memcpy(columns, c.columns, c.column_count * sizeof *columns);
            memcpy(*tables, c.tables, c.table_count * sizeof **tables);
        }
        *count = c.table_count;
    }
out:
    free(c.tables);
    free(c.columns);
    return rc;
}

/* No table has that name. One that ends as files do (`shop.json`) is looked for among files then,
 * which are closed to the engine. */
static bool is_not_there(int rc, const struct weir_error *err)
{
    return (rc == WEIR_EINVAL && strstr(err->message, "does not exist")) ||
           (rc == WEIR_EPERM && strstr(err->message, "Cannot access file"));
}

/* The engine's tables of its catalog are made of all that there is, whatever is asked of them; this
 * looks one up. That it is not there is an error which ends no transaction. */
int weir_duck_describe_table(struct weir_session *session, struct weir_str schema,
                             struct weir_str name, struct weir_arena *arena,
                             const struct weir_table **out, struct weir_error *err)
{
    struct weir_table *tables = NULL;
    struct weir_buf sql;
    size_t count = 0;
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql, "SELECT ");
    weir_sql_text(&sql, schema);
    weir_buf_addz(&sql, ", ");
    weir_sql_text(&sql, name);
    weir_buf_addz(&sql, ", false, CAST(-1 AS BIGINT), column_name, column_type FROM (DESCRIBE ");
    weir_sql_ident(&sql, schema);
    weir_buf_addc(&sql, '.');
    weir_sql_ident(&sql, name);
    weir_buf_addc(&sql, ')');
    int rc = weir_buf_check(&sql, "the name of a table", err);
    rc = rc ? rc : describe(session, weir_buf_cstr(&sql), arena, &tables, &count, err);
    rc = is_not_there(rc, err) ? 0 : rc;
    *out = rc == 0 && count ? tables : NULL;
    weir_buf_free(&sql);
    return rc;
}

/* What holds the rows of stored views: their names read it. */
static void leave_out_stored(struct weir_table *tables, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!weir_str_is(tables[i].schema, WEIR_STORED_SCHEMA)) {
            tables[kept++] = tables[i];
        }
    }
    *count = kept;
}

/* What the session's person sees of it. */
static int keep_seen(struct duck_session *s, struct weir_table *tables, size_t *count,
                     struct weir_error *err)
{
    size_t kept = 0;
    int rc = weir_duck_rules_ready(s, err);
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        struct weir_table *t = &tables[i];
        const struct duck_relation *relation =
            weir_duck_catalog_find(&s->rules->catalog, t->schema, t->name);
        const struct duck_rule *rule = relation ? weir_duck_rule_of(s, relation) : NULL;
        if (!rule || rule->code) {
            continue;
        }
        size_t columns = 0;
        for (size_t k = 0, at = 0; k < t->column_count && at < rule->column_count; k++) {
            if (weir_str_eq(t->columns[k].name, rule->columns[at])) {
                t->columns[columns++] = t->columns[k];
                at++;
            }
        }
        t->column_count = columns;
        t->estimated_rows = rule->barrier ? -1 : t->estimated_rows;
        tables[kept++] = *t;
    }
    *count = kept;
    return rc;
}

int weir_duck_describe(struct weir_session *session, struct weir_arena *arena,
                       struct weir_table **tables, size_t *count, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    if (s->trusted || !weir_duck_access(s)) {
        int rc = describe(session, describe_sql, arena, tables, count, err);
        if (rc == 0 && !s->trusted) {
            leave_out_stored(*tables, count);
        }
        return rc;
    }
    bool own = !s->in_transaction;
    int rc = own ? weir_duck_begin(session, err) : 0;
    rc = rc ? rc : describe(session, describe_sql, arena, tables, count, err);
    rc = rc ? rc : keep_seen(s, *tables, count, err);
    if (own) {
        weir_duck_rollback(session);
    }
    return rc;
}

/* --- DDL ------------------------------------------------------------------------------------ */

static void add_column(struct weir_buf *out, const struct weir_column *column)
{
    unsigned precision, scale;
    weir_sql_ident(out, column->name);
    weir_buf_addc(out, ' ');
    /* An exact decimal is the one foreign type that tables are made with; its values come as text,
     * which the engine reads. */
    if (column->type == WEIR_TYPE_OTHER &&
        weir_number_decimal(column->type_name, &precision, &scale)) {
        weir_buf_adds(out, column->type_name);
    } else {
        weir_buf_addz(out, weir_duck_sql_type(column->type));
    }
}

/* Runs and frees what was built. */
static int run_built(struct weir_session *session, struct weir_buf *sql, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : weir_buf_check(sql, "a statement", err);
    rc = rc ? rc : weir_duck_run(s, weir_buf_cstr(sql), err);
    weir_duck_catalog_changed(s);
    weir_buf_free(sql);
    return rc;
}

int weir_duck_create_schema(struct weir_session *session, struct weir_str schema,
                            struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, 1 << 16);
    weir_buf_addz(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    weir_sql_ident(&sql, schema);
    return run_built(session, &sql, err);
}

int weir_duck_create_table(struct weir_session *session, struct weir_table_name name,
                           const struct weir_column *columns, size_t count,
                           const struct weir_batch *rows, struct weir_error *err)
{
    struct weir_buf sql;
    bool zstd = rows && duck_session_of(session)->db->takes_zstd;
    weir_buf_init(&sql, 16u << 20);
    weir_buf_addz(&sql, "CREATE TABLE ");
    weir_sql_table(&sql, name.schema, name.table);
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&sql, i ? ", " : " (");
        add_column(&sql, &columns[i]);
        if (zstd && weir_duck_texts_differ(&rows->columns[i], rows->rows)) {
            weir_buf_addz(&sql, " USING COMPRESSION zstd");
        }
    }
    weir_buf_addc(&sql, ')');
    return run_built(session, &sql, err);
}

/* The engine keeps a table's constraints as the statement that makes it. What follows the name is
 * from the first parenthesis that is not inside the name. */
static struct weir_str after_name(struct weir_str sql)
{
    bool quoted = false;
    for (; sql.len && (quoted || *sql.ptr != '('); sql.ptr++, sql.len--) {
        quoted = quoted != (*sql.ptr == '"');
    }
    return sql;
}

int weir_duck_copy_table(struct weir_session *session, struct weir_table_name name,
                         struct weir_str copy, struct weir_error *err)
{
    const struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = name.schema},
                                        {.type = WEIR_TYPE_TEXT, .s = name.table}};
    struct weir_result *result = NULL;
    struct weir_batch batch;
    struct weir_buf sql;
    weir_buf_init(&sql, 16u << 20);
    weir_buf_addz(&sql, "CREATE TABLE ");
    weir_sql_table(&sql, name.schema, copy);
    int rc = weir_duck_query(session,
                             "SELECT sql FROM duckdb_tables() WHERE database_name = "
                             "current_database() AND schema_name = $1 AND table_name = $2",
                             params, 2, &result, err);
    rc = rc ? rc : weir_duck_result_next(result, &batch, err);
    if (rc == 0 && batch.rows != 1) {
        rc = weir_fail(err, WEIR_ENOENT, "no table \"" WEIR_STR_FMT "\"", WEIR_STR_ARG(name.table));
    }
    if (rc == 0) {
        weir_buf_adds(&sql, after_name(batch.columns[0].strs[0]));
    }
    if (result) {
        weir_duck_result_free(result);
    }
    if (rc) {
        weir_buf_free(&sql);
        return rc;
    }
    return run_built(session, &sql, err);
}

int weir_duck_add_columns(struct weir_session *session, struct weir_table_name name,
                          const struct weir_column *columns, size_t count, struct weir_error *err)
{
    if (count == 0) {
        return 0;
    }
    struct weir_buf sql;
    weir_buf_init(&sql, 32u << 20);
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&sql, "ALTER TABLE ");
        weir_sql_table(&sql, name.schema, name.table);
        weir_buf_addz(&sql, " ADD COLUMN ");
        add_column(&sql, &columns[i]);
        weir_buf_addz(&sql, ";\n");
    }
    return run_built(session, &sql, err);
}

/* --- widening ------------------------------------------------------------------------------- */

/* JavaScript's Number::toString over the engine's own text, which has the same digits (shortest
 * that read back) in another notation.
 * $m: digits of the mantissa without its point; $e: the exponent, of text like 1.5e+16. */
static const char double_to_text[] =
    "CASE WHEN $c IS NULL THEN NULL "
    "WHEN isnan($c) THEN 'NaN' "
    "WHEN isinf($c) THEN CASE WHEN $c > 0 THEN 'Infinity' ELSE '-Infinity' END "
    "WHEN $c = 0 THEN '0' "
    "WHEN NOT contains($t, 'e') THEN regexp_replace($t, '\\.0$', '') "
    "ELSE CASE WHEN $c < 0 THEN '-' ELSE '' END || "
    "CASE WHEN $e >= 21 THEN $f || 'e+' || $e "
    "WHEN $e >= 0 THEN rpad($m, CAST(greatest($e + 1, length($m)) AS INTEGER), '0') "
    "WHEN $e >= -6 THEN '0.' || repeat('0', -$e - 1) || $m "
    "ELSE $f || 'e' || $e END END";

static void expand(struct weir_buf *out, const char *template, struct weir_str column)
{
    for (const char *p = template; *p; p++) {
        if (*p != '$' || !strchr("ctefm", p[1]) || !p[1]) {
            weir_buf_addc(out, *p);
            continue;
        }
        switch (*++p) {
        case 'c':
            weir_sql_ident(out, column);
            break;
        case 't':
            expand(out, "CAST($c AS VARCHAR)", column);
            break;
        case 'e':
            expand(out, "CAST(split_part($t, 'e', 2) AS INTEGER)", column);
            break;
        case 'f': /* mantissa without its sign and without .0 */
            expand(out, "regexp_replace(ltrim(split_part($t, 'e', 1), '-'), '\\.0\\z', '')",
                   column);
            break;
        default:
            expand(out, "replace($f, '.', '')", column);
        }
    }
}

/* A cast may stand in ALTER. Any other expression may not: it would go into the write-ahead log,
 * and the engine cannot bind functions when it replays that (seen with 1.5.6: the database then
 * does not open). Such a table is written anew instead, in the same transaction. */
struct widening {
    const char *cast;    /* the new type is enough */
    const char *rewrite; /* or an expression */
};

static bool widening_of(enum weir_type from, enum weir_type to, struct widening *out)
{
    *out = (struct widening){0};
    if (to == WEIR_TYPE_TEXT && from == WEIR_TYPE_DOUBLE) {
        out->rewrite = double_to_text;
    } else if (to == WEIR_TYPE_TEXT && from == WEIR_TYPE_TIMESTAMP) {
        /* As JavaScript prints it; microseconds only where there are any. */
        out->rewrite =
            "CASE WHEN microsecond($c) % 1000 = 0 THEN strftime($c, '%Y-%m-%dT%H:%M:%S.%gZ') "
            "ELSE strftime($c, '%Y-%m-%dT%H:%M:%S.%fZ') END";
    } else if (to == WEIR_TYPE_JSON && from == WEIR_TYPE_TIMESTAMP) {
        return false; /* its text first, then JSON */
    } else if (to == WEIR_TYPE_JSON) {
        out->rewrite = "to_json($c)";
    } else if (to == WEIR_TYPE_TEXT || (from == WEIR_TYPE_INT && to == WEIR_TYPE_DOUBLE) ||
               (from == WEIR_TYPE_DATE && to == WEIR_TYPE_TIMESTAMP)) {
        out->cast = weir_duck_sql_type(to);
    } else {
        return false;
    }
    return true;
}

static void alter_type(struct weir_buf *sql, struct weir_table_name name, struct weir_str column,
                       const char *type)
{
    weir_buf_addz(sql, "ALTER TABLE ");
    weir_sql_table(sql, name.schema, name.table);
    weir_buf_addz(sql, " ALTER COLUMN ");
    weir_sql_ident(sql, column);
    weir_buf_addz(sql, " SET DATA TYPE ");
    weir_buf_addz(sql, type);
}

/* Adds the one text column of a query about a table, each row followed by @p end. */
static int add_rows(struct weir_session *session, struct weir_table_name name, const char *query,
                    const struct weir_param *more, const char *end, struct weir_buf *out,
                    struct weir_error *err)
{
    struct weir_param params[4] = {{.type = WEIR_TYPE_TEXT, .s = name.schema},
                                   {.type = WEIR_TYPE_TEXT, .s = name.table}};
    size_t count = 2;
    if (more) {
        params[count++] = more[0];
        params[count++] = more[1];
    }
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    int rc = weir_duck_query(session, query, params, count, &result, err);
    do {
        rc = rc ? rc : weir_duck_result_next(result, &batch, err);
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            weir_buf_adds(out, batch.columns[0].strs[i]);
            weir_buf_addz(out, end);
        }
    } while (rc == 0 && batch.rows);
    if (result) {
        weir_duck_result_free(result);
    }
    return rc;
}

#define OF_TABLE                                                                                   \
    " WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2 "

/* $3: the column that changes, $4: its new type */
static const char columns_as_sql[] =
    "SELECT '\"' || replace(column_name, '\"', '\"\"') || '\" ' || CASE WHEN column_name = $3 THEN "
    "$4 "
    "ELSE data_type END || CASE WHEN is_nullable THEN '' ELSE ' NOT NULL' END || "
    "coalesce(' DEFAULT ' || column_default, '') FROM duckdb_columns()" OF_TABLE
    "ORDER BY column_index";
static const char constraints_as_sql[] =
    "SELECT constraint_text FROM duckdb_constraints()" OF_TABLE
    "AND constraint_type <> 'NOT NULL' ORDER BY constraint_index";
static const char indexes_as_sql[] = "SELECT rtrim(sql, '; ') FROM duckdb_indexes()" OF_TABLE
                                     "AND sql IS NOT NULL ORDER BY index_oid";

/* With what somebody has added to the table: constraints, defaults, indexes. The new one has the
 * column's new type from its beginning: ALTER to JSON calls a function, too. */
static int rewrite_in(struct weir_session *session, struct weir_table_name name,
                      struct weir_str column, const char *expression, enum weir_type to,
                      struct weir_error *err)
{
    struct weir_table_name copy = {name.schema, WEIR_STR("weir rewrites this")};
    const struct weir_param change[] = {
        {.type = WEIR_TYPE_TEXT, .s = column},
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(weir_duck_sql_type(to))}};
    struct weir_buf sql, indexes;
    weir_buf_init(&sql, 32u << 20);
    weir_buf_init(&indexes, 16u << 20);
    weir_buf_addz(&sql, "CREATE TABLE ");
    weir_sql_table(&sql, copy.schema, copy.table);
    weir_buf_addz(&sql, " (");
    int rc = add_rows(session, name, columns_as_sql, change, ", ", &sql, err);
    rc = rc ? rc : add_rows(session, name, constraints_as_sql, NULL, ", ", &sql, err);
    rc = rc ? rc : add_rows(session, name, indexes_as_sql, NULL, "; ", &indexes, err);
    weir_buf_addz(&sql, "); INSERT INTO ");
    weir_sql_table(&sql, copy.schema, copy.table);
    weir_buf_addz(&sql, " SELECT * REPLACE (");
    expand(&sql, expression, column);
    weir_buf_addz(&sql, " AS ");
    weir_sql_ident(&sql, column);
    weir_buf_addz(&sql, ") FROM ");
    weir_sql_table(&sql, name.schema, name.table);
    weir_buf_addz(&sql, "; DROP TABLE ");
    weir_sql_table(&sql, name.schema, name.table);
    weir_buf_addz(&sql, "; ALTER TABLE ");
    weir_sql_table(&sql, copy.schema, copy.table);
    weir_buf_addz(&sql, " RENAME TO ");
    weir_sql_ident(&sql, name.table);
    rc = rc ? rc : run_built(session, &sql, err);
    rc = rc || indexes.len == 0 ? rc : run_built(session, &indexes, err);
    weir_buf_free(&sql);
    weir_buf_free(&indexes);
    return rc;
}

static int rewrite(struct weir_session *session, struct weir_table_name name,
                   struct weir_str column, const char *expression, enum weir_type to,
                   struct weir_error *err)
{
    bool own = !duck_session_of(session)->in_transaction;
    int rc = own ? weir_duck_begin(session, err) : 0;
    rc = rc ? rc : rewrite_in(session, name, column, expression, to, err);
    if (own && rc == 0) {
        rc = weir_duck_commit(session, err);
    } else if (own) {
        weir_duck_rollback(session);
    }
    return rc;
}

int weir_duck_widen_column(struct weir_session *session, struct weir_table_name name,
                           struct weir_str column, enum weir_type from, enum weir_type to,
                           struct weir_error *err)
{
    struct widening how;
    if (!widening_of(from, to, &how)) {
        return weir_fail(err, WEIR_EINVAL,
                         "column \"" WEIR_STR_FMT "\" of type %s cannot become %s without loss",
                         WEIR_STR_ARG(column), weir_type_name(from), weir_type_name(to));
    }
    if (how.rewrite) {
        return rewrite(session, name, column, how.rewrite, to, err);
    }
    struct weir_buf sql;
    weir_buf_init(&sql, 1 << 20);
    alter_type(&sql, name, column, how.cast);
    return run_built(session, &sql, err);
}
