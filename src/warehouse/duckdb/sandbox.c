/* What a reader may run: see docs/design/sandbox.md.
 *
 * The engine's own parser turns the text into a tree (json_serialize_sql), so nothing depends on
 * our reading of SQL. It takes SELECT-like statements only; the two shapes that people need and it
 * refuses, EXPLAIN and PIVOT over values that it must look up, are handled below. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "warehouse/duckdb/duck.h"
#include "warehouse/duckdb/functions.h"
#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/tree.h"

#define MAX_REMEMBERED 16384

struct check {
    struct duck_session *s;
    struct weir_str database; /* the catalog's name: the file's, up to its first dot */
    struct weir_error *err;
};

static int refuse(struct weir_error *err, const char *what, struct weir_str name)
{
    struct weir_str shown = weir_utf8_cut(name, 80);
    return weir_fail(err, WEIR_EPERM, "%s \"" WEIR_STR_FMT "\" is not allowed in queries", what,
                     WEIR_STR_ARG(shown));
}

static int refuse_statement(struct weir_error *err, struct weir_str keyword)
{
    struct weir_str shown = weir_utf8_cut(keyword, 40);
    return weir_fail(
        err, WEIR_EPERM,
        "\"" WEIR_STR_FMT "\" is not allowed in queries: only one statement that reads "
        "(SELECT, FROM, WITH, VALUES, PIVOT, UNPIVOT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN)",
        WEIR_STR_ARG(shown));
}

/* --- names ---------------------------------------------------------------------------------- */

/* A table that does not exist is looked for as a file: `FROM 'a.csv'`. Access to files is off
 * anyway, but for the folder that exports and spills are written to. */
static bool looks_like_path(struct weir_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (strchr("/\\:*?[", name.ptr[i])) {
            return true; /* a NUL byte too */
        }
    }
    return false;
}

static bool has_prefix(struct weir_str name, const char *prefix)
{
    size_t n = strlen(prefix);
    return name.len >= n && weir_str_eq_nocase((struct weir_str){name.ptr, n}, weir_str_of(prefix));
}

static bool is_system_name(struct weir_str name)
{
    return has_prefix(name, "duckdb_") || has_prefix(name, "pg_") || has_prefix(name, "pragma_") ||
           has_prefix(name, "sqlite_");
}

static bool is_system_schema(const struct check *c, struct weir_str schema)
{
    static const char *const names[] = {"", "main", "pg_catalog", "system", "temp", "memory"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_str_eq_nocase(schema, weir_str_of(names[i]))) {
            return true;
        }
    }
    return weir_str_eq_nocase(schema, c->database);
}

static int check_table(const struct check *c, struct weir_json node)
{
    struct weir_str name = weir_json_get_str(node, "table_name");
    struct weir_str schema = weir_json_get_str(node, "schema_name");
    struct weir_str catalog = weir_json_get_str(node, "catalog_name");
    if (looks_like_path(name) || looks_like_path(schema) || looks_like_path(catalog)) {
        return refuse(c->err, "the file", name);
    }
    if (is_system_name(name) && is_system_schema(c, schema) &&
        !weir_duck_system_view_allowed(name)) {
        return refuse(c->err, "the system view", name);
    }
    return 0;
}

/* --- the tree ------------------------------------------------------------------------------- */

static int check_function(const struct check *c, struct weir_json node, bool behind_from)
{
    struct weir_str name = weir_json_get_str(node, "function_name");
    bool state = false;
    if (weir_json_bool(weir_json_get(node, "export_state"), &state) && state) {
        return refuse(c->err, "the state of the aggregate", name);
    }
    if (behind_from ? weir_duck_table_function_allowed(name) : weir_duck_scalar_allowed(name)) {
        return 0;
    }
    return refuse(c->err, behind_from ? "the table function" : "the function", name);
}

static bool known_source(struct weir_str type)
{
    static const char *const known[] = {"BASE_TABLE", "SUBQUERY", "JOIN",     "TABLE_FUNCTION",
                                        "EMPTY",      "PIVOT",    "SHOW_REF", "EXPRESSION_LIST"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (weir_str_is(type, known[i])) {
            return true;
        }
    }
    return false;
}

/* Everything that can stand behind FROM has a sample, and nothing else with a type has a
 * query_location beside it. */
static int check_source(const struct check *c, struct weir_json node, struct weir_str type)
{
    if (!weir_json_exists(weir_json_get(node, "sample")) ||
        !weir_json_exists(weir_json_get(node, "query_location"))) {
        return 0;
    }
    if (!known_source(type)) {
        return refuse(c->err, "the construct", type);
    }
    if (weir_str_is(type, "BASE_TABLE") || weir_str_is(type, "SHOW_REF")) {
        return check_table(c, node);
    }
    return 0;
}

static int check_tree(const struct check *c, struct weir_json node, unsigned depth)
{
    enum weir_json_type kind = weir_json_type(node);
    if (kind != WEIR_JSON_OBJECT && kind != WEIR_JSON_ARRAY) {
        return 0;
    }
    if (depth > DUCK_MAX_DEPTH) {
        return weir_fail(c->err, WEIR_ETOOBIG, "the statement is nested too deeply");
    }
    bool table_function = false;
    int rc = 0;
    if (kind == WEIR_JSON_OBJECT) {
        struct weir_str type = weir_json_get_str(node, "type");
        table_function = weir_str_is(type, "TABLE_FUNCTION");
        rc = check_source(c, node, type);
    }
    struct weir_str key;
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(node);
    while (rc == 0 && weir_json_next(&it, &key, &member)) {
        if (weir_json_exists(weir_json_get(member, "function_name"))) {
            rc = check_function(c, member, table_function && weir_str_is(key, "function"));
        }
        rc = rc ? rc : check_tree(c, member, depth + 1);
    }
    return rc;
}

/* --- SELECT ----------------------------------------------------------------------------------- */

/* 0: read and allowed. WEIR_EUNSUPPORTED: it parses, and is not a SELECT. */
static int check_select(struct duck_session *s, struct weir_str sql, struct weir_error *err)
{
    struct weir_json statement;
    struct weir_buf tree;
    if (!s->parser) {
        s->parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    }
    weir_buf_init(&tree, DUCK_MAX_TREE);
    int rc = weir_duck_tree_read(s, s->parser, sql, &tree, &statement, err);
    if (rc == 0) {
        const char *file = strrchr(s->db->options.path, '/');
        struct check c = {s, weir_str_of(file ? file + 1 : s->db->options.path), err};
        c.database.len = strcspn(c.database.ptr, ".");
        rc = check_tree(&c, statement, 0);
    }
    if (rc == 0) { /* the rules need it next */
        s->parsed = sql.ptr;
        s->tree = statement;
    }
    weir_buf_free(&tree);
    return rc;
}

/* --- EXPLAIN -------------------------------------------------------------------------------- */

/* Moves `*rest` behind EXPLAIN's own options; false when they are not ones that are known. */
static bool skip_explain_options(struct weir_str *rest)
{
    struct weir_str look = *rest;
    struct duck_token token = weir_duck_next_token(&look);
    if (duck_token_is(token, "analyze") || duck_token_is(token, "analyse")) {
        *rest = look;
        token = weir_duck_next_token(&look);
    }
    if (!duck_token_is_mark(token, '(')) {
        return true;
    }
    for (bool any = false;; any = true) {
        token = weir_duck_next_token(&look);
        if (duck_token_is(token, "format")) {
            struct duck_token format = weir_duck_next_token(&look);
            if (format.kind != DUCK_TOKEN_WORD) {
                return false;
            }
        } else if (!duck_token_is(token, "analyze")) {
            return !any; /* not options but a query between parentheses */
        }
        token = weir_duck_next_token(&look);
        if (duck_token_is_mark(token, ')')) {
            *rest = look;
            return true;
        }
        if (!duck_token_is_mark(token, ',')) {
            return false;
        }
    }
}

/* --- PIVOT ---------------------------------------------------------------------------------- */

/* A PIVOT without its list of values becomes several statements inside the engine, which has no
 * tree to show for it. Its words are looked at instead, and more is refused than need be: any name
 * before `(` that is no allowed function, any text that could be a path, any verb that changes. */
static const char *const pivot_syntax[] = {
    "all",    "and",          "any",       "array",       "as",       "between",  "by",
    "case",   "cast",         "columns",   "cube",        "decimal",  "distinct", "else",
    "except", "exclude",      "exists",    "extract",     "filter",   "from",     "group",
    "having", "in",           "intersect", "interval",    "join",     "lateral",  "like",
    "limit",  "materialized", "not",       "numeric",     "on",       "or",       "order",
    "over",   "partition",    "pivot",     "pivot_wider", "qualify",  "rename",   "rollup",
    "select", "sets",         "struct",    "then",        "try_cast", "union",    "unpivot",
    "using",  "values",       "varchar",   "when",        "where",    "with",     NULL};
static const char *const pivot_verbs[] = {
    "alter",    "attach", "begin", "call",    "checkpoint", "commit", "copy",     "create",
    "delete",   "detach", "drop",  "execute", "explain",    "export", "import",   "insert",
    "install",  "load",   "merge", "pragma",  "prepare",    "reset",  "rollback", "set",
    "truncate", "update", "use",   "vacuum",  NULL};

static bool one_of(struct duck_token token, const char *const *words)
{
    for (; *words; words++) {
        if (duck_token_is(token, *words)) {
            return true;
        }
    }
    return false;
}

/* `FROM 'a'` is `FROM "a"`, and the engine takes Unicode spaces that we see as a part of a word: so
 * each run of letters, digits and _ counts as a name, whatever stands around it. */
static bool names_system_view(struct weir_str text)
{
    static const char part[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (size_t i = 0; i < text.len;) {
        size_t n = 0;
        while (i + n < text.len && text.ptr[i + n] && strchr(part, text.ptr[i + n])) {
            n++;
        }
        struct weir_str name = {text.ptr + i, n};
        if (is_system_name(name) && !weir_duck_system_view_allowed(name)) {
            return true;
        }
        i += n + 1;
    }
    return false;
}

static int check_pivot_token(struct duck_token token, bool called, struct weir_error *err)
{
    struct weir_str text = token.text;
    if (token.kind == DUCK_TOKEN_BROKEN) {
        return weir_fail(err, WEIR_EINVAL, "a quote or comment is never closed");
    }
    if ((token.kind == DUCK_TOKEN_STRING || token.kind == DUCK_TOKEN_NAME) &&
        looks_like_path(text)) {
        return refuse(err, "in a PIVOT without a list of values, the text", text);
    }
    if (names_system_view(text)) {
        return refuse(err, "the system view", text);
    }
    if (token.kind == DUCK_TOKEN_WORD && one_of(token, pivot_verbs)) {
        return refuse_statement(err, text);
    }
    bool callable = token.kind == DUCK_TOKEN_WORD &&
                    (one_of(token, pivot_syntax) || weir_duck_scalar_allowed(text) ||
                     weir_duck_table_function_allowed(text));
    bool name = token.kind == DUCK_TOKEN_WORD || token.kind == DUCK_TOKEN_NAME ||
                token.kind == DUCK_TOKEN_STRING;
    if (called && name && !callable) {
        return refuse(err, "the function", text);
    }
    return 0;
}

static int check_pivot(struct weir_str sql, struct weir_error *err)
{
    struct weir_str rest = weir_duck_trim_statement(sql);
    struct duck_token token = weir_duck_next_token(&rest);
    bool pivots = false;
    int rc = 0;
    while (rc == 0 && token.kind != DUCK_TOKEN_END) {
        struct duck_token next = weir_duck_next_token(&rest);
        if (token.kind == DUCK_TOKEN_STRING && next.kind == DUCK_TOKEN_STRING) {
            return weir_fail(err, WEIR_EPERM,
                             "a text in two parts is not allowed in a PIVOT without a list of "
                             "values; write it as one");
        }
        pivots = pivots || duck_token_is(token, "pivot") || duck_token_is(token, "pivot_wider");
        rc = duck_token_is_mark(token, ';')
                 ? weir_fail(err, WEIR_EPERM, "only one statement may run; remove what follows `;`")
                 : check_pivot_token(token, duck_token_is_mark(next, '('), err);
        token = next;
    }
    if (rc == 0 && !pivots) {
        struct weir_str from = sql;
        rc = refuse_statement(err, weir_duck_next_token(&from).text);
    }
    return rc;
}

/* --- all together --------------------------------------------------------------------------- */

static int check(struct duck_session *s, const char *sql, struct weir_error *err)
{
    struct weir_str text = weir_str_of(sql);
    if (!weir_utf8_valid(text)) {
        return weir_fail(err, WEIR_EINVAL, "the statement is not valid UTF-8");
    }
    struct weir_str rest = text;
    struct duck_token first = weir_duck_next_token(&rest);
    if (duck_token_is(first, "explain")) {
        if (!skip_explain_options(&rest)) {
            return weir_fail(err, WEIR_EPERM,
                             "EXPLAIN takes ANALYZE and FORMAT here, nothing else");
        }
        int rc = check_select(s, rest, err);
        if (s->base.error_offset >= 0) {
            s->base.error_offset += rest.ptr - text.ptr;
        }
        return rc == WEIR_EUNSUPPORTED ? refuse_statement(err, weir_duck_next_token(&rest).text)
                                       : rc;
    }
    int rc = check_select(s, text, err);
    if (rc != WEIR_EUNSUPPORTED) {
        return rc;
    }
    bool may_pivot = duck_token_is(first, "pivot") || duck_token_is(first, "pivot_wider") ||
                     duck_token_is(first, "with") || duck_token_is(first, "from") ||
                     duck_token_is(first, "select") || duck_token_is_mark(first, '(');
    return may_pivot ? check_pivot(text, err) : refuse_statement(err, first.text);
}

/* The verdict depends on the text alone, and dashboards ask the same again and again. The texts are
 * compared, not their hashes: those could be made to collide. */
int weir_duck_sandbox_check(struct duck_session *s, const char *sql, struct weir_error *err)
{
    size_t n = strlen(sql);
    char **known = &s->allowed[weir_hash64(sql, n, 0) % DUCK_ALLOWED];
    if (*known && strcmp(*known, sql) == 0) {
        return 0;
    }
    int rc = check(s, sql, err);
    if (rc == 0 && n <= MAX_REMEMBERED) {
        free(*known);
        *known = strdup(sql); /* NULL only means that it is checked again */
    }
    return rc;
}
