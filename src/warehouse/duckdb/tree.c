#include "warehouse/duckdb/tree.h"

#include <stdio.h>
#include <stdlib.h>

/* --- asking the engine ---------------------------------------------------------------------- */

static int ready(struct duck_session *s, duckdb_prepared_statement *statement, const char *sql,
                 struct weir_error *err)
{
    if (!*statement && duckdb_prepare(s->con, sql, statement)) {
        int rc = weir_duck_fail(s, duckdb_prepare_error(*statement), err);
        duckdb_destroy_prepare(statement);
        return rc;
    }
    return 0;
}

static int copy_text(duckdb_result *result, struct weir_buf *out, struct weir_error *err)
{
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    if (!chunk || duckdb_data_chunk_get_size(chunk) == 0) {
        return weir_fail(err, WEIR_EINVAL, "the statement cannot be read");
    }
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, 0);
    uint64_t *valid = duckdb_vector_get_validity(vector);
    int rc = 0;
    if (valid && !duckdb_validity_row_is_valid(valid, 0)) {
        rc = weir_fail(err, WEIR_EINVAL, "the statement cannot be read");
    } else {
        duckdb_string_t *text = duckdb_vector_get_data(vector);
        weir_buf_add(out, duckdb_string_t_data(text), duckdb_string_t_length(*text));
        rc = weir_buf_check(out, "the statement's tree", err);
    }
    duckdb_destroy_data_chunk(&chunk);
    return rc;
}

static int ask_text(struct duck_session *s, duckdb_prepared_statement statement,
                    struct weir_str argument, struct weir_buf *out, struct weir_error *err)
{
    duckdb_result result;
    if (duckdb_bind_varchar_length(statement, 1, argument.ptr, argument.len)) {
        return weir_fail(err, WEIR_EINVAL, "the statement is not valid UTF-8");
    }
    int rc = 0;
    if (duckdb_execute_prepared(statement, &result)) {
        rc = weir_duck_fail(s, duckdb_result_error(&result), err);
    }
    rc = rc ? rc : copy_text(&result, out, err);
    duckdb_destroy_result(&result);
    return rc;
}

static int not_read(struct duck_session *s, struct weir_json root, struct weir_error *err)
{
    struct weir_str type = weir_json_get_str(root, "error_type");
    struct weir_str message = weir_json_get_str(root, "error_message");
    uint64_t offset;
    if (weir_str_to_u64(weir_json_get_str(root, "position"), &offset)) {
        s->base.error_offset = (int64_t)offset;
    }
    return weir_fail(err, weir_str_is(type, "not implemented") ? WEIR_EUNSUPPORTED : WEIR_EINVAL,
                     WEIR_STR_FMT, WEIR_STR_ARG(message));
}

int weir_duck_tree_read(struct duck_session *s, struct weir_json_parser *parser,
                        struct weir_str sql, struct weir_buf *text, struct weir_json *statement,
                        struct weir_error *err)
{
    struct weir_json root;
    bool failed = true;
    if (!parser) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to read a statement");
    }
    weir_buf_reset(text);
    int rc = ready(s, &s->serialize,
                   "SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)", err);
    rc = rc ? rc : ask_text(s, s->serialize, sql, text, err);
    if (rc) {
        return rc;
    }
    if (weir_json_parse(parser, weir_buf_str(text), &root, err)) {
        return weir_fail(err, WEIR_ETOOBIG, "the statement is nested too deeply");
    }
    if (!weir_json_bool(weir_json_get(root, "error"), &failed) || failed) {
        return not_read(s, root, err);
    }
    struct weir_json statements = weir_json_get(root, "statements");
    if (weir_json_count(statements) != 1) {
        return weir_json_count(statements)
                   ? weir_fail(err, WEIR_EPERM,
                               "only one statement may run; remove what follows "
                               "`;`")
                   : weir_fail(err, WEIR_EINVAL, "the statement is empty; write a query");
    }
    struct weir_json_iter it = weir_json_begin(statements);
    weir_json_next(&it, NULL, statement);
    return 0;
}

/* --- is it the tree that was meant? --------------------------------------------------------- */

static bool same(struct weir_json a, struct weir_json b, unsigned depth);

/* VALUES is printed as a subquery that selects from them. */
static bool same_values(struct weir_json a, struct weir_json b, unsigned depth)
{
    struct weir_json select = weir_json_get(weir_json_get(b, "subquery"), "node");
    struct weir_json list = weir_json_get(select, "select_list");
    struct weir_json item = {0};
    struct weir_json_iter it = weir_json_begin(list);
    return weir_str_eq(weir_json_get_str(a, "alias"), weir_json_get_str(b, "alias")) &&
           weir_str_is(weir_json_get_str(select, "type"), "SELECT_NODE") &&
           weir_json_type(weir_json_get(select, "where_clause")) == WEIR_JSON_NULL &&
           weir_json_type(weir_json_get(b, "sample")) == WEIR_JSON_NULL &&
           weir_json_count(list) == 1 && weir_json_next(&it, NULL, &item) &&
           weir_str_is(weir_json_get_str(item, "type"), "STAR") &&
           same(a, weir_json_get(select, "from_table"), depth + 1);
}

static struct weir_json item_at(struct weir_json list, uint64_t at)
{
    struct weir_json item = {0};
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        if (at-- == 0) {
            return item;
        }
    }
    return (struct weir_json){0};
}

/* Is the grouping expression that `index` stands for in one of `set`? */
static bool set_has(struct weir_json a, struct weir_json index, struct weir_json b,
                    struct weir_json set, unsigned depth)
{
    uint64_t at, other;
    struct weir_json member;
    if (!weir_json_u64(index, &at)) {
        return false;
    }
    struct weir_json wanted = item_at(weir_json_get(a, "group_expressions"), at);
    struct weir_json_iter it = weir_json_begin(set);
    while (weir_json_next(&it, NULL, &member)) {
        if (weir_json_u64(member, &other) &&
            same(wanted, item_at(weir_json_get(b, "group_expressions"), other), depth + 1)) {
            return true;
        }
    }
    return false;
}

/* Sets that name their expressions by position: the order of the expressions may differ. */
static bool same_grouping(struct weir_json a, struct weir_json b, unsigned depth)
{
    struct weir_json sets_a = weir_json_get(a, "group_sets"), set_a, index;
    struct weir_json sets_b = weir_json_get(b, "group_sets"), set_b;
    if (weir_json_count(sets_a) != weir_json_count(sets_b) ||
        weir_json_count(weir_json_get(a, "group_expressions")) !=
            weir_json_count(weir_json_get(b, "group_expressions"))) {
        return false;
    }
    struct weir_json_iter it_a = weir_json_begin(sets_a), it_b = weir_json_begin(sets_b);
    while (weir_json_next(&it_a, NULL, &set_a) && weir_json_next(&it_b, NULL, &set_b)) {
        if (weir_json_count(set_a) != weir_json_count(set_b)) {
            return false;
        }
        struct weir_json_iter it = weir_json_begin(set_a);
        while (weir_json_next(&it, NULL, &index)) {
            if (!set_has(a, index, b, set_b, depth)) {
                return false;
            }
        }
    }
    return true;
}

/* Members that say nothing about what the statement means, or are compared apart. */
static bool passed_over(struct weir_str key, bool grouping)
{
    return weir_str_is(key, "query_location") || weir_str_is(key, "named_param_map") ||
           (grouping && (weir_str_is(key, "group_expressions") || weir_str_is(key, "group_sets")));
}

static bool same_members(struct weir_json a, struct weir_json b, unsigned depth)
{
    bool grouping = weir_json_count(weir_json_get(a, "group_sets")) > 1;
    struct weir_str key_a = {0}, key_b = {0};
    struct weir_json member_a, member_b;
    struct weir_json_iter it_a = weir_json_begin(a), it_b = weir_json_begin(b);
    for (;;) {
        bool more = weir_json_next(&it_a, &key_a, &member_a);
        if (more != weir_json_next(&it_b, &key_b, &member_b)) {
            return false;
        }
        if (!more) {
            return !grouping || same_grouping(a, b, depth);
        }
        if (!weir_str_eq(key_a, key_b) ||
            (!passed_over(key_a, grouping) && !same(member_a, member_b, depth + 1))) {
            return false;
        }
    }
}

static bool same_scalar(struct weir_json a, struct weir_json b, enum weir_json_type kind)
{
    struct weir_str text_a, text_b;
    bool yes_a = false, yes_b = false;
    int64_t i = 0, j = 0;
    uint64_t u = 0, v = 0;
    double x = 0, y = 0;
    switch (kind) {
    case WEIR_JSON_STRING:
        return weir_json_str(a, &text_a) && weir_json_str(b, &text_b) &&
               weir_str_eq(text_a, text_b);
    case WEIR_JSON_BOOL:
        return weir_json_bool(a, &yes_a) && weir_json_bool(b, &yes_b) && yes_a == yes_b;
    case WEIR_JSON_INT:
        return weir_json_i64(a, &i) && weir_json_i64(b, &j) && i == j;
    case WEIR_JSON_UINT:
        return weir_json_u64(a, &u) && weir_json_u64(b, &v) && u == v;
    case WEIR_JSON_DOUBLE:
        return weir_json_double(a, &x) && weir_json_double(b, &y) && memcmp(&x, &y, sizeof x) == 0;
    default:
        return true;
    }
}

static bool same(struct weir_json a, struct weir_json b, unsigned depth)
{
    enum weir_json_type kind = weir_json_type(a);
    double x, y;
    if (depth > DUCK_MAX_DEPTH) {
        return false;
    }
    if (kind != weir_json_type(b)) { /* our writer prints 100.0 as 100 */
        return weir_json_double(a, &x) && weir_json_double(b, &y) && memcmp(&x, &y, sizeof x) == 0;
    }
    if (kind != WEIR_JSON_OBJECT && kind != WEIR_JSON_ARRAY) {
        return same_scalar(a, b, kind);
    }
    if (kind == WEIR_JSON_OBJECT && weir_str_is(weir_json_get_str(a, "type"), "EXPRESSION_LIST") &&
        weir_str_is(weir_json_get_str(b, "type"), "SUBQUERY")) {
        return same_values(a, b, depth);
    }
    return same_members(a, b, depth);
}

/* --- printing ------------------------------------------------------------------------------- */

static int check_printed(struct duck_session *s, struct weir_str tree, struct weir_str sql,
                         struct weir_error *err)
{
    struct weir_buf text;
    struct weir_json meant, printed;
    s->meant = s->meant ? s->meant : weir_json_parser_new(DUCK_MAX_DEPTH + 16);
    s->printed = s->printed ? s->printed : weir_json_parser_new(DUCK_MAX_DEPTH + 16);
    weir_buf_init(&text, DUCK_MAX_TREE);
    int rc =
        s->meant && s->printed ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory to read a statement");
    rc = rc ? rc : weir_json_parse(s->meant, tree, &meant, err);
    rc = rc ? rc : weir_duck_tree_read(s, s->printed, sql, &text, &printed, err);
    meant = rc ? meant : item_at(weir_json_get(meant, "statements"), 0);
    if (rc || !same(weir_json_get(meant, "node"), weir_json_get(printed, "node"), 0)) {
        rc = weir_fail(err, WEIR_EUNSUPPORTED,
                       "the engine cannot print this statement exactly; write it in another way");
    }
    weir_buf_free(&text);
    return rc;
}

int weir_duck_tree_print(struct duck_session *s, struct weir_str node, struct weir_buf *sql,
                         struct weir_error *err)
{
    struct weir_buf tree;
    weir_buf_init(&tree, DUCK_MAX_TREE);
    weir_buf_addz(&tree, "{\"error\":false,\"statements\":[{\"node\":");
    weir_buf_adds(&tree, node);
    weir_buf_addz(&tree, ",\"named_param_map\":[]}]}");
    weir_buf_reset(sql);
    int rc = weir_buf_check(&tree, "the statement's tree", err);
    rc = rc ? rc
            : ready(s, &s->deserialize, "SELECT json_deserialize_sql(CAST($1 AS VARCHAR))",
                    err); /* a cast to JSON
would read it once more */
    rc = rc ? rc : ask_text(s, s->deserialize, weir_buf_str(&tree), sql, err);
    rc = rc ? rc : check_printed(s, weir_buf_str(&tree), weir_buf_str(sql), err);
    weir_buf_free(&tree);
    return rc;
}

/* --- nodes ---------------------------------------------------------------------------------- */

static void copy_double(struct weir_jw *w, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    if (!strpbrk(text, ".eni")) {
        strcat(text, ".0");
    }
    weir_jw_raw(w, weir_str_of(text));
}

void weir_duck_node_copy(struct weir_jw *w, struct weir_json value)
{
    enum weir_json_type kind = weir_json_type(value);
    struct weir_str key;
    struct weir_json member;
    double number;
    if (kind == WEIR_JSON_DOUBLE && weir_json_double(value, &number)) {
        copy_double(w, number);
    } else if (kind == WEIR_JSON_OBJECT) {
        weir_jw_object(w);
        for (struct weir_json_iter it = weir_json_begin(value);
             weir_json_next(&it, &key, &member);) {
            weir_jw_key(w, key);
            weir_duck_node_copy(w, member);
        }
        weir_jw_object_end(w);
    } else if (kind == WEIR_JSON_ARRAY) {
        weir_jw_array(w);
        for (struct weir_json_iter it = weir_json_begin(value);
             weir_json_next(&it, NULL, &member);) {
            weir_duck_node_copy(w, member);
        }
        weir_jw_array_end(w);
    } else {
        weir_jw_raw(w, WEIR_STR(""));
        weir_json_print(value, w->out);
    }
}

/* CAST('text' AS type) */
static void node_cast(struct weir_jw *w, const char *text, const char *type, struct weir_str alias)
{
    weir_duck_node(w, "CAST", "OPERATOR_CAST", alias);
    weir_jw_keyz(w, "child");
    weir_duck_node(w, "CONSTANT", "VALUE_CONSTANT", WEIR_STR(""));
    weir_jw_keyz(w, "value");
    weir_jw_object(w);
    weir_jw_keyz(w, "type");
    weir_jw_raw(w, WEIR_STR("{\"id\":\"VARCHAR\",\"type_info\":null}"));
    weir_jw_kbool(w, "is_null", false);
    weir_jw_kstrz(w, "value", text);
    weir_jw_object_end(w);
    weir_jw_object_end(w);
    weir_jw_keyz(w, "cast_type");
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", type);
    weir_jw_keyz(w, "type_info");
    weir_jw_raw(w, WEIR_STR("null"));
    weir_jw_object_end(w);
    weir_jw_kbool(w, "try_cast", false);
    weir_jw_object_end(w);
}

bool weir_duck_node_constant(struct weir_jw *w, struct weir_json node)
{
    struct weir_json value = weir_json_get(node, "value");
    double number;
    char text[40];
    if (!weir_str_is(weir_json_get_str(node, "class"), "CONSTANT") ||
        !weir_str_is(weir_json_get_str(weir_json_get(value, "type"), "id"), "DOUBLE") ||
        !weir_json_double(weir_json_get(value, "value"), &number)) {
        return false;
    }
    snprintf(text, sizeof text, "%.17g", number);
    node_cast(w, text, "DOUBLE", weir_json_get_str(node, "alias"));
    return true;
}

void weir_duck_node(struct weir_jw *w, const char *class, const char *type, struct weir_str alias)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "class", class);
    weir_jw_kstrz(w, "type", type);
    weir_jw_kstr(w, "alias", alias);
    weir_jw_ki64(w, "query_location", 0);
}

void weir_duck_node_column(struct weir_jw *w, struct weir_str table, struct weir_str column,
                           struct weir_str alias)
{
    weir_duck_node(w, "COLUMN_REF", "COLUMN_REF", alias);
    weir_jw_keyz(w, "column_names");
    weir_jw_array(w);
    weir_jw_str(w, table);
    weir_jw_str(w, column);
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

void weir_duck_node_null(struct weir_jw *w, struct weir_str alias)
{
    weir_duck_node(w, "CONSTANT", "VALUE_CONSTANT", alias);
    weir_jw_keyz(w, "value");
    weir_jw_raw(w, WEIR_STR("{\"type\":{\"id\":\"NULL\",\"type_info\":null},\"is_null\":true}"));
    weir_jw_object_end(w);
}

void weir_duck_node_bool(struct weir_jw *w, bool value)
{
    node_cast(w, value ? "t" : "f", "BOOLEAN", WEIR_STR(""));
}

void weir_duck_node_star(struct weir_jw *w)
{
    weir_duck_node(w, "STAR", "STAR", WEIR_STR(""));
    weir_jw_kstrz(w, "relation_name", "");
    weir_jw_keyz(w, "exclude_list");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_keyz(w, "replace_list");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_kbool(w, "columns", false);
    weir_jw_keyz(w, "expr");
    weir_jw_null(w);
    weir_jw_keyz(w, "qualified_exclude_list");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_keyz(w, "rename_list");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_object_end(w);
}

void weir_duck_select_begin(struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "type", "SELECT_NODE");
    weir_jw_keyz(w, "modifiers");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_keyz(w, "cte_map");
    weir_jw_raw(w, WEIR_STR("{\"map\":[]}"));
    weir_jw_keyz(w, "select_list");
    weir_jw_array(w);
}

void weir_duck_select_from(struct weir_jw *w)
{
    weir_jw_array_end(w);
    weir_jw_keyz(w, "from_table");
}

void weir_duck_select_end(struct weir_jw *w, struct weir_str where)
{
    weir_jw_keyz(w, "where_clause");
    weir_jw_raw(w, where.len ? where : WEIR_STR("null"));
    weir_jw_keyz(w, "group_expressions");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_keyz(w, "group_sets");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_kstrz(w, "aggregate_handling", "STANDARD_HANDLING");
    static const char *const rest[] = {"having", "sample", "qualify"};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        weir_jw_keyz(w, rest[i]);
        weir_jw_null(w);
    }
    weir_jw_object_end(w);
}

void weir_duck_node_subquery(struct weir_jw *w, struct weir_str query, struct weir_str alias,
                             struct weir_str sample, struct weir_str columns)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "type", "SUBQUERY");
    weir_jw_kstr(w, "alias", alias);
    weir_jw_keyz(w, "sample");
    weir_jw_raw(w, sample);
    weir_jw_ki64(w, "query_location", 0);
    weir_jw_keyz(w, "subquery");
    weir_jw_object(w);
    weir_jw_keyz(w, "node");
    weir_jw_raw(w, query);
    weir_jw_keyz(w, "named_param_map");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_object_end(w);
    weir_jw_keyz(w, "column_name_alias");
    weir_jw_raw(w, columns);
    weir_jw_object_end(w);
}
