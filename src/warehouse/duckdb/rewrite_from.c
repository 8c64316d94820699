/* What stands behind FROM: a subquery with the rules in the place of each table. */
#include "warehouse/duckdb/functions.h"
#include "warehouse/duckdb/rewrite.h"

static const char sample_all[] =
    "{\"sample_size\":{\"type\":{\"id\":\"DOUBLE\",\"type_info\":null},\"is_null\":false,"
    "\"value\":100.0},\"is_percentage\":true,\"method\":\"System\",\"seed\":-1}";

int weir_duck_rewrite_no_memory(const struct rewriting *r)
{
    return weir_fail(r->err, WEIR_ENOMEM, "no memory to read the statement");
}

/* --- names ---------------------------------------------------------------------------------- */

const struct cte *weir_duck_cte_named(const struct cte *ctes, struct weir_str name)
{
    while (ctes && !weir_str_eq_nocase(ctes->name, name)) {
        ctes = ctes->outer;
    }
    return ctes;
}

const struct duck_relation *weir_duck_relation_of(const struct rewriting *r, struct weir_json node)
{
    struct weir_str catalog = weir_json_get_str(node, "catalog_name");
    struct weir_str schema = weir_json_get_str(node, "schema_name");
    struct weir_str name = weir_json_get_str(node, "table_name");
    const struct duck_relation *found = NULL;
    if (catalog.len) {
        return weir_str_eq_nocase(catalog, r->catalog->database)
                   ? weir_duck_catalog_find(r->catalog, schema.len ? schema : WEIR_STR("main"),
                                            name)
                   : NULL;
    }
    if (schema.len) {
        found = weir_duck_catalog_find(r->catalog, schema, name);
        return found || !weir_str_eq_nocase(schema, r->catalog->database)
                   ? found
                   : weir_duck_catalog_find(r->catalog, WEIR_STR("main"), name);
    }
    if (r->view) { /* a view looks in its own schema first */
        found = weir_duck_catalog_find(r->catalog, *r->view, name);
    }
    return found ? found : weir_duck_catalog_find(r->catalog, WEIR_STR("main"), name);
}

bool weir_duck_is_cte(const struct rewriting *r, struct weir_json node, struct place at)
{
    (void)r;
    return weir_json_get_str(node, "schema_name").len == 0 &&
           weir_json_get_str(node, "catalog_name").len == 0 &&
           weir_duck_cte_named(at.ctes, weir_json_get_str(node, "table_name"));
}

/* The same words whether it is not there or not to be seen. */
static int no_table(const struct rewriting *r, struct weir_json node)
{
    struct weir_str schema = weir_utf8_cut(weir_json_get_str(node, "schema_name"), 100);
    struct weir_str name = weir_utf8_cut(weir_json_get_str(node, "table_name"), 100);
    return weir_fail(r->err, WEIR_ENOENT,
                     "table \"" WEIR_STR_FMT "%s" WEIR_STR_FMT
                     "\" does not exist, or you may not see it",
                     WEIR_STR_ARG(schema), schema.len ? "." : "", WEIR_STR_ARG(name));
}

/* --- what stands in a table's place --------------------------------------------------------- */

/* (query) AS alias, with a wall between the query and whatever the person does with its rows: the
 * engine moves nothing across a sample, and a sample of all rows is all rows. */
static int write_walled(struct rewriting *r, struct weir_str query, bool wall,
                        struct weir_str alias, struct weir_json node)
{
    struct weir_json sample = weir_json_get(node, "sample");
    struct weir_json columns = weir_json_get(node, "column_name_alias");
    struct weir_buf inner, own, aliases;
    weir_buf_init(&inner, DUCK_MAX_TREE);
    weir_buf_init(&own, 1 << 16);
    weir_buf_init(&aliases, 4 << 20);
    struct weir_jw to_own = weir_jw_on(&own), to_aliases = weir_jw_on(&aliases);
    weir_duck_node_copy(&to_own, sample);
    if (weir_json_exists(columns)) {
        weir_duck_node_copy(&to_aliases, columns);
    } else {
        weir_buf_addz(&aliases, "[]");
    }
    if (wall && weir_json_type(sample) != WEIR_JSON_NULL) {
        struct weir_jw w = weir_jw_on(&inner);
        weir_duck_select_begin(&w);
        weir_duck_node_star(&w);
        weir_duck_select_from(&w);
        weir_duck_node_subquery(&w, query, WEIR_STR(DUCK_RULE_ALIAS), weir_str_of(sample_all),
                                WEIR_STR("[]"));
        weir_duck_select_end(&w, WEIR_STR(""));
        query = weir_buf_str(&inner);
        wall = false;
    }
    weir_duck_node_subquery(&r->w, query, alias,
                            wall      ? weir_str_of(sample_all)
                            : own.len ? weir_buf_str(&own)
                                      : WEIR_STR("null"),
                            weir_buf_str(&aliases));
    int rc = weir_buf_check(&inner, "the statement", r->err);
    rc = rc ? rc : weir_buf_check(&own, "the statement", r->err);
    rc = rc ? rc : weir_buf_check(&aliases, "the statement", r->err);
    weir_buf_free(&inner);
    weir_buf_free(&own);
    weir_buf_free(&aliases);
    return rc;
}

static int write_relation(struct rewriting *r, const struct duck_relation *relation,
                          struct weir_json node, struct weir_str alias)
{
    const struct duck_rule *rule = weir_duck_rule_of(r->s, relation);
    if (!rule) {
        return weir_duck_rewrite_no_memory(r);
    }
    if (rule->code == WEIR_ENOENT) {
        return no_table(r, node);
    }
    if (rule->code) {
        return weir_fail(r->err, rule->code, "%s", rule->why);
    }
    r->s->rules->cut = r->s->rules->cut || !rule->whole;
    for (size_t i = 0; i < r->s->rules->access->attribute_count; i++) {
        r->used[i] = r->used[i] || rule->used[i];
    }
    return write_walled(r, rule->query, rule->barrier, alias, node);
}

static int write_system(struct rewriting *r, struct weir_str schema, struct weir_str name,
                        struct weir_json node)
{
    struct weir_buf query;
    struct weir_str alias = weir_json_get_str(node, "alias");
    weir_buf_init(&query, DUCK_MAX_TREE);
    r->s->rules->cut = true;
    int rc = weir_duck_system_query(r->s, schema, name, &query, r->err);
    rc = rc ? rc : write_walled(r, weir_buf_str(&query), true, alias.len ? alias : name, node);
    weir_buf_free(&query);
    return rc;
}

/* --- what stands behind FROM ---------------------------------------------------------------- */

static struct weir_str alias_of(const struct place *at, const struct duck_relation *relation,
                                struct weir_str table_name)
{
    for (struct source *s = at->scope ? at->scope->sources : NULL; s; s = s->next) {
        if (s->relation == relation) {
            return s->alias;
        }
    }
    return table_name;
}

static int write_cte(struct rewriting *r, struct weir_json node, const struct cte *cte)
{
    struct weir_str key, alias = weir_json_get_str(node, "alias");
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(node);
    weir_jw_object(&r->w);
    while (weir_json_next(&it, &key, &member)) {
        weir_jw_key(&r->w, key);
        if (weir_str_is(key, "table_name")) {
            weir_jw_str(&r->w, cte->renamed);
        } else if (weir_str_is(key, "alias")) {
            weir_jw_str(&r->w, alias.len ? alias : weir_json_get_str(node, "table_name"));
        } else {
            weir_duck_node_copy(&r->w, member);
        }
    }
    weir_jw_object_end(&r->w);
    return 0;
}

static int write_table(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str schema = weir_json_get_str(node, "schema_name");
    struct weir_str catalog = weir_json_get_str(node, "catalog_name");
    struct weir_str name = weir_json_get_str(node, "table_name");
    struct weir_str alias = weir_json_get_str(node, "alias");
    if (weir_json_type(weir_json_get(node, "at_clause")) != WEIR_JSON_NULL) {
        return weir_fail(r->err, WEIR_EPERM, "AT is not allowed behind a table's name");
    }
    if (weir_duck_is_cte(r, node, at)) {
        return write_cte(r, node, weir_duck_cte_named(at.ctes, name));
    }
    const struct duck_relation *relation = weir_duck_relation_of(r, node);
    if (relation) {
        return write_relation(r, relation, node, alias.len ? alias : alias_of(&at, relation, name));
    }
    bool ours = catalog.len == 0 || weir_str_eq_nocase(catalog, r->catalog->database) ||
                weir_str_eq_nocase(catalog, WEIR_STR("system"));
    if (ours && weir_duck_system_relation(schema, name)) {
        return write_system(r, schema, name, node);
    }
    return no_table(r, node);
}

/* DESCRIBE and SUMMARIZE of a query are that query's; a list of tables is a list of what is seen.
 */
static int write_show(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str name = weir_json_get_str(node, "table_name");
    if (weir_json_type(weir_json_get(node, "query")) == WEIR_JSON_OBJECT) {
        return weir_duck_rewrite_members(r, node, at);
    }
    bool unqualified = weir_str_is(weir_json_get_str(node, "show_type"), "SHOW_UNQUALIFIED");
    if (unqualified && weir_str_is(name, "\"tables\"")) {
        return write_system(r, WEIR_STR("show"), WEIR_STR("tables"), node);
    }
    if (unqualified && weir_str_is(name, "__show_tables_expanded")) {
        return write_system(r, WEIR_STR("show"), name, node);
    }
    return weir_fail(r->err, WEIR_EPERM,
                     "this SHOW is not open to you; SHOW TABLES, SHOW ALL TABLES and DESCRIBE are");
}

static int write_table_function(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_json function = weir_json_get(node, "function");
    struct weir_str name = weir_json_get_str(function, "function_name");
    static const char *const catalogs[] = {
        "duckdb_columns", "duckdb_tables",    "duckdb_views",       "duckdb_schemas",
        "duckdb_types",   "duckdb_functions", "duckdb_constraints", NULL};
    for (const char *const *c = catalogs; *c; c++) {
        if (weir_str_eq_nocase(name, weir_str_of(*c))) {
            return write_system(r, WEIR_STR(""), name, node);
        }
    }
    if (!weir_duck_table_function_allowed(name) || weir_duck_catalog_macro(r->catalog, name)) {
        return weir_fail(r->err, WEIR_EPERM,
                         "the table function \"" WEIR_STR_FMT "\" is not open to you",
                         WEIR_STR_ARG(name));
    }
    return weir_duck_rewrite_members(r, node, at);
}

int weir_duck_rewrite_source(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str type = weir_json_get_str(node, "type");
    static const char *const walked[] = {"SUBQUERY", "JOIN", "EMPTY", "PIVOT", "EXPRESSION_LIST"};
    if (weir_str_is(type, "BASE_TABLE")) {
        return write_table(r, node, at);
    }
    if (weir_str_is(type, "SHOW_REF")) {
        return write_show(r, node, at);
    }
    if (weir_str_is(type, "TABLE_FUNCTION")) {
        return write_table_function(r, node, at);
    }
    for (size_t i = 0; i < sizeof walked / sizeof walked[0]; i++) {
        if (weir_str_is(type, walked[i])) {
            return weir_duck_rewrite_members(r, node, at);
        }
    }
    return weir_fail(r->err, WEIR_EPERM, "the construct \"" WEIR_STR_FMT "\" is not open to you",
                     WEIR_STR_ARG(type));
}
