/* The engine's own catalog, as a person may see it: only what is granted to her, without sizes, SQL
 * texts and numbers that tell of what is not. Everything that has no query here is refused. */
#include <stdlib.h>

#include "warehouse/duckdb/rules.h"

#define MAX_SQL (64u << 20)

enum filter { BY_TABLE, BY_COLUMN, BY_SCHEMA, ENGINES_OWN };

struct system_relation {
    const char *schema; /* "": a table function, and a view of the same name */
    const char *name;
    const char *select; /* up to WHERE */
    enum filter filter;
    const char *keys[3]; /* the columns with schema, table and column */
    bool views_only;
};

#define DENSE                                                                                      \
    "CAST(row_number() OVER (PARTITION BY schema_name, table_name ORDER BY column_index) AS "      \
    "INTEGER)"

static const struct system_relation relations[] = {
    {"",
     "duckdb_tables",
     "SELECT * REPLACE (CAST(NULL AS BIGINT) AS table_oid, CAST(NULL AS BIGINT) AS estimated_size, "
     "CAST(NULL AS BIGINT) AS column_count, CAST(NULL AS BIGINT) AS index_count, CAST(NULL AS "
     "BIGINT) AS check_constraint_count, CAST(NULL AS VARCHAR) AS sql, CAST(NULL AS BIGINT) AS "
     "schema_oid) FROM duckdb_tables()",
     BY_TABLE,
     {"schema_name", "table_name", NULL},
     false},
    {"",
     "duckdb_columns",
     "SELECT * REPLACE (CAST(NULL AS BIGINT) AS table_oid, CAST(NULL AS BIGINT) AS schema_oid, "
     "CAST(NULL AS VARCHAR) AS column_default, " DENSE " AS column_index) FROM duckdb_columns()",
     BY_COLUMN,
     {"schema_name", "table_name", "column_name"},
     false},
    {"",
     "duckdb_views",
     "SELECT * REPLACE (CAST(NULL AS BIGINT) AS view_oid, CAST(NULL AS BIGINT) AS schema_oid, "
     "CAST(NULL AS BIGINT) AS column_count, CAST(NULL AS VARCHAR) AS sql) FROM duckdb_views()",
     BY_TABLE,
     {"schema_name", "view_name", NULL},
     true},
    {"",
     "duckdb_schemas",
     "SELECT * REPLACE (CAST(NULL AS BIGINT) AS oid, CAST(NULL AS VARCHAR) AS sql) FROM "
     "duckdb_schemas()",
     BY_SCHEMA,
     {"schema_name", NULL, NULL},
     false},
    {"", "duckdb_functions", "SELECT * FROM duckdb_functions()", ENGINES_OWN, {NULL}, false},
    {"", "duckdb_types", "SELECT * FROM duckdb_types()", ENGINES_OWN, {NULL}, false},
    {"information_schema",
     "tables",
     "SELECT * FROM information_schema.tables",
     BY_TABLE,
     {"table_schema", "table_name", NULL},
     false},
    {"information_schema",
     "columns",
     "SELECT * REPLACE (CAST(row_number() OVER (PARTITION BY table_schema, table_name ORDER BY "
     "ordinal_position) AS INTEGER) AS ordinal_position, CAST(NULL AS VARCHAR) AS column_default) "
     "FROM information_schema.columns",
     BY_COLUMN,
     {"table_schema", "table_name", "column_name"},
     false},
    {"information_schema",
     "schemata",
     "SELECT * FROM information_schema.schemata",
     BY_SCHEMA,
     {"schema_name", NULL, NULL},
     false},
    {"show",
     "tables",
     "SELECT table_name AS name FROM duckdb_columns()",
     BY_COLUMN,
     {"schema_name", "table_name", "column_name"},
     false},
    {"show",
     "__show_tables_expanded",
     "SELECT database_name AS database, schema_name AS \"schema\", table_name AS name, "
     "list(column_name ORDER BY column_index) AS column_names, list(data_type ORDER BY "
     "column_index) AS column_types, false AS temporary FROM duckdb_columns()",
     BY_COLUMN,
     {"schema_name", "table_name", "column_name"},
     false},
};

/* --- what is granted ------------------------------------------------------------------------ */

struct listing {
    struct duck_session *s;
    const struct system_relation *relation;
    struct weir_buf *sql;
};

static void add_text(struct weir_buf *sql, const char *before, struct weir_str value)
{
    weir_buf_addz(sql, before);
    weir_sql_text(sql, value);
}

/* The rows of one relation; nothing when the person does not see it. */
static void add_relation(struct listing *l, const struct duck_relation *r)
{
    const char *const *keys = l->relation->keys;
    const struct duck_rule *rule = weir_duck_rule_of(l->s, r);
    if (!rule || rule->code || (l->relation->views_only && !r->view)) {
        return;
    }
    weir_buf_addf(l->sql, " OR (%s = ", keys[0]);
    weir_sql_text(l->sql, r->schema);
    if (l->relation->filter != BY_SCHEMA) {
        weir_buf_addf(l->sql, " AND %s = ", keys[1]);
        weir_sql_text(l->sql, r->name);
    }
    if (l->relation->filter == BY_COLUMN &&
        (!rule->all_columns || rule->column_count != r->column_count)) {
        weir_buf_addf(l->sql, " AND %s IN (", keys[2]);
        for (size_t i = 0; i < rule->column_count; i++) {
            add_text(l->sql, i ? ", " : "", rule->columns[i]);
        }
        weir_buf_addc(l->sql, ')');
    }
    weir_buf_addc(l->sql, ')');
}

static void add_filter(struct listing *l)
{
    const struct duck_catalog *catalog = &l->s->rules->catalog;
    bool info = weir_str_is(weir_str_of(l->relation->schema), "information_schema");
    if (l->relation->filter == ENGINES_OWN) {
        weir_buf_addz(l->sql, " WHERE internal");
        return;
    }
    const char *database = !info                              ? "database_name"
                           : l->relation->filter == BY_SCHEMA ? "catalog_name"
                                                              : "table_catalog";
    weir_buf_addf(l->sql, " WHERE %s = ", database);
    weir_sql_text(l->sql, catalog->database);
    weir_buf_addz(l->sql, " AND (false");
    struct weir_str last = {0};
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct duck_relation *r = &catalog->relations[i];
        const struct duck_rule *rule = weir_duck_rule_of(l->s, r);
        if (l->relation->filter == BY_SCHEMA &&
            (weir_str_eq(last, r->schema) || !rule || rule->code)) {
            continue;
        }
        last = r->schema;
        add_relation(l, r);
    }
    weir_buf_addc(l->sql, ')');
}

/* --- the queries ---------------------------------------------------------------------------- */

static void add_end(struct listing *l)
{
    if (weir_str_is(weir_str_of(l->relation->schema), "show")) {
        weir_buf_addz(l->sql, weir_str_is(weir_str_of(l->relation->name), "tables")
                                  ? " AND schema_name = 'main' GROUP BY table_name ORDER BY 1"
                                  : " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
    }
}

static const struct system_relation *find(struct weir_str schema, struct weir_str name)
{
    bool info = weir_str_eq_nocase(schema, WEIR_STR("information_schema"));
    bool show = weir_str_is(schema, "show");
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        const struct system_relation *r = &relations[i];
        const char *wanted = info ? "information_schema" : show ? "show" : "";
        if (strcmp(r->schema, wanted) == 0 && weir_str_eq_nocase(name, weir_str_of(r->name))) {
            return r;
        }
    }
    return NULL;
}

static bool has_prefix(struct weir_str name, const char *prefix)
{
    size_t n = strlen(prefix);
    return name.len >= n && weir_str_eq_nocase((struct weir_str){name.ptr, n}, weir_str_of(prefix));
}

bool weir_duck_system_relation(struct weir_str schema, struct weir_str name)
{
    static const char *const schemas[] = {"information_schema", "pg_catalog", "system", "temp"};
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        if (weir_str_eq_nocase(schema, weir_str_of(schemas[i]))) {
            return true;
        }
    }
    return (schema.len == 0 || weir_str_eq_nocase(schema, WEIR_STR("main"))) &&
           (has_prefix(name, "duckdb_") || has_prefix(name, "pg_") || has_prefix(name, "pragma_") ||
            has_prefix(name, "sqlite_"));
}

int weir_duck_system_query(struct duck_session *s, struct weir_str schema, struct weir_str name,
                           struct weir_buf *query, struct weir_error *err)
{
    const struct system_relation *relation = find(schema, name);
    if (!relation || weir_str_eq_nocase(schema, WEIR_STR("pg_catalog"))) {
        struct weir_str shown = weir_utf8_cut(name, 80);
        return weir_fail(err, WEIR_EPERM,
                         "\"" WEIR_STR_FMT "\" is not open to you; information_schema.tables and "
                         "information_schema.columns show what you may see",
                         WEIR_STR_ARG(shown));
    }
    struct weir_buf sql, text;
    struct weir_json statement;
    struct weir_json_parser *parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_init(&text, DUCK_MAX_TREE);
    struct listing listing = {s, relation, &sql};
    weir_buf_addz(&sql, relation->select);
    add_filter(&listing);
    add_end(&listing);
    int rc = weir_buf_check(&sql, "the list of what you may see", err);
    rc = rc ? rc : weir_duck_tree_read(s, parser, weir_buf_str(&sql), &text, &statement, err);
    if (rc == 0) {
        struct weir_jw w = weir_jw_on(query);
        weir_duck_node_copy(&w, weir_json_get(statement, "node"));
        rc = weir_buf_check(query, "the list of what you may see", err);
    }
    weir_buf_free(&sql);
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return rc;
}
