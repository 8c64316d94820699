/* A grant's `rows` condition: read by the engine, checked node by node, its user.<attribute>s made
 * parameters. */
#include <stdio.h>
#include <stdlib.h>

#include "warehouse/duckdb/functions.h"
#include "warehouse/duckdb/rules.h"

#define MAX_CONDITION 65536
#define MAX_DEPTH     200

struct reading {
    const struct weir_access *access;
    const struct duck_relation *relation;
    const struct duck_catalog *catalog;
    bool *used;
    struct weir_jw w;
    struct weir_error *err;
};

static int refuse(const struct reading *r, const char *what, struct weir_str name)
{
    struct weir_str shown = weir_utf8_cut(name, 80);
    return weir_fail(r->err, WEIR_EINVAL, "%s \"" WEIR_STR_FMT "\" is not allowed in a condition",
                     what, WEIR_STR_ARG(shown));
}

/* --- names ---------------------------------------------------------------------------------- */

static const struct weir_column *column_named(const struct duck_relation *relation,
                                              struct weir_str name)
{
    for (size_t i = 0; i < relation->column_count; i++) {
        if (weir_str_eq_nocase(relation->columns[i].name, name)) {
            return &relation->columns[i];
        }
    }
    return NULL;
}

/* The parts of a column reference, as many as there is room for; returns how many there are. */
static size_t parts_of(struct weir_json node, struct weir_str *parts, size_t max)
{
    size_t n = 0;
    struct weir_json part;
    struct weir_json_iter it = weir_json_begin(weir_json_get(node, "column_names"));
    while (weir_json_next(&it, NULL, &part)) {
        if (n < max) {
            (void)weir_json_str(part, &parts[n]);
        }
        n++;
    }
    return n;
}

/* user.<attribute>: its name. */
static bool is_attribute(struct weir_json node, struct weir_str *name)
{
    struct weir_str parts[3] = {0};
    if (!weir_str_is(weir_json_get_str(node, "class"), "COLUMN_REF") ||
        parts_of(node, parts, 3) != 2 || !weir_str_eq_nocase(parts[0], WEIR_STR("user"))) {
        return false;
    }
    *name = parts[1];
    return true;
}

/* The column that a reference begins with; `*skip` names stand before it. */
static const struct weir_column *column_of(const struct reading *r, struct weir_json node,
                                           size_t *skip)
{
    struct weir_str parts[3] = {0};
    size_t n = parts_of(node, parts, 3);
    const struct weir_column *column = NULL;
    *skip = 0;
    if (n > 1 && weir_str_eq_nocase(parts[0], r->relation->name)) {
        column = column_named(r->relation, parts[1]);
        *skip = 1;
    }
    if (!column && n > 0) {
        column = column_named(r->relation, parts[0]);
        *skip = 0;
    }
    return column;
}

/* --- values --------------------------------------------------------------------------------- */

static void write_value(struct reading *r, const struct weir_attribute *a, size_t item)
{
    static const char *const types[] = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR"};
    size_t index = (size_t)(a - r->access->attributes);
    struct weir_jw *w = &r->w;
    char name[64];
    snprintf(name, sizeof name, "weir_%zu_%zu", index, item);
    r->used[index] = true;
    weir_duck_node(w, "CAST", "OPERATOR_CAST", WEIR_STR(""));
    weir_jw_keyz(w, "child");
    weir_duck_node(w, "PARAMETER", "VALUE_PARAMETER", WEIR_STR(""));
    weir_jw_kstrz(w, "identifier", name);
    weir_jw_object_end(w);
    weir_jw_keyz(w, "cast_type");
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", types[a->kind]);
    weir_jw_keyz(w, "type_info");
    weir_jw_null(w);
    weir_jw_object_end(w);
    weir_jw_kbool(w, "try_cast", false);
    weir_jw_object_end(w);
}

/* Every item of a list, one after the other; NULL when there is none, so that neither IN nor NOT IN
 * holds for any row. */
static void write_items(struct reading *r, const struct weir_attribute *a)
{
    if (!a || (a->kind == WEIR_ATTRIBUTE_LIST && a->item_count == 0)) {
        weir_duck_node_null(&r->w, WEIR_STR(""));
        return;
    }
    size_t count = a->kind == WEIR_ATTRIBUTE_LIST ? a->item_count : 1;
    for (size_t i = 0; i < count; i++) {
        write_value(r, a, i);
    }
}

static void write_attribute(struct reading *r, struct weir_str name)
{
    const struct weir_attribute *a = weir_access_attribute(r->access, name);
    if (!a || a->kind != WEIR_ATTRIBUTE_LIST || a->item_count == 0) {
        write_items(r, a);
        return;
    }
    weir_duck_node(&r->w, "FUNCTION", "FUNCTION", WEIR_STR(""));
    weir_jw_kstrz(&r->w, "function_name", "list_value");
    weir_jw_kstrz(&r->w, "schema", "main");
    weir_jw_keyz(&r->w, "children");
    weir_jw_array(&r->w);
    write_items(r, a);
    weir_jw_array_end(&r->w);
    weir_jw_keyz(&r->w, "filter");
    weir_jw_null(&r->w);
    weir_jw_keyz(&r->w, "order_bys");
    weir_jw_raw(&r->w, WEIR_STR("{\"type\":\"ORDER_MODIFIER\",\"orders\":[]}"));
    weir_jw_kbool(&r->w, "distinct", false);
    weir_jw_kbool(&r->w, "is_operator", false);
    weir_jw_kbool(&r->w, "export_state", false);
    weir_jw_kstrz(&r->w, "catalog", "");
    weir_jw_object_end(&r->w);
}

/* --- the tree ------------------------------------------------------------------------------- */

static int write_node(struct reading *r, struct weir_json node, unsigned depth);

static int write_reference(struct reading *r, struct weir_json node)
{
    struct weir_str attribute, part;
    size_t skip, at = 0;
    if (is_attribute(node, &attribute)) {
        write_attribute(r, attribute);
        return 0;
    }
    const struct weir_column *column = column_of(r, node, &skip);
    if (!column) {
        struct weir_str parts[1] = {0};
        (void)parts_of(node, parts, 1);
        return weir_fail(r->err, WEIR_EINVAL,
                         "there is no column \"" WEIR_STR_FMT "\" in " WEIR_STR_FMT "." WEIR_STR_FMT
                         "; what belongs to the person is written user.<attribute>",
                         WEIR_STR_ARG(parts[0]), WEIR_STR_ARG(r->relation->schema),
                         WEIR_STR_ARG(r->relation->name));
    }
    weir_duck_node(&r->w, "COLUMN_REF", "COLUMN_REF", WEIR_STR(""));
    weir_jw_keyz(&r->w, "column_names");
    weir_jw_array(&r->w);
    weir_jw_strz(&r->w, DUCK_RULE_ALIAS);
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(weir_json_get(node, "column_names"));
    while (weir_json_next(&it, NULL, &member)) {
        if (at++ >= skip && weir_json_str(member, &part)) {
            weir_jw_str(&r->w, part);
        }
    }
    weir_jw_array_end(&r->w);
    weir_jw_object_end(&r->w);
    return 0;
}

static int check_class(const struct reading *r, struct weir_json node)
{
    static const char *const known[] = {"CONSTANT", "COMPARISON", "CONJUNCTION",
                                        "OPERATOR", "BETWEEN",    "CAST",
                                        "CASE",     "FUNCTION",   "COLLATE"};
    struct weir_str class = weir_json_get_str(node, "class");
    bool allowed = !class.ptr;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        allowed = allowed || weir_str_is(class, known[i]);
    }
    if (!allowed) {
        return refuse(r, "the construct", class);
    }
    struct weir_str function = weir_json_get_str(node, "function_name");
    if (weir_str_is(class, "FUNCTION") &&
        (!weir_duck_scalar_allowed(function) || weir_duck_catalog_macro(r->catalog, function) ||
         weir_str_eq_nocase(function, WEIR_STR("current_query")))) {
        return refuse(r, "the function", function);
    }
    return 0;
}

static bool is_in(struct weir_json node)
{
    struct weir_str type = weir_json_get_str(node, "type");
    return weir_str_is(type, "COMPARE_IN") || weir_str_is(type, "COMPARE_NOT_IN");
}

static int write_in_list(struct reading *r, struct weir_json children, unsigned depth)
{
    struct weir_json child;
    struct weir_str attribute;
    int rc = 0;
    struct weir_json_iter it = weir_json_begin(children);
    weir_jw_array(&r->w);
    for (bool first = true; rc == 0 && weir_json_next(&it, NULL, &child); first = false) {
        if (!first && is_attribute(child, &attribute)) {
            write_items(r, weir_access_attribute(r->access, attribute));
        } else {
            rc = write_node(r, child, depth + 1);
        }
    }
    weir_jw_array_end(&r->w);
    return rc;
}

/* Where an OR has these beside other comparisons of the same column, the engine leaves out groups
 * of rows that hold NULLs, for its statistics take them to be never true. Such an OR comes from two
 * groups as well; a comparison of its result it leaves alone. */
static bool is_distinct(struct weir_json node)
{
    struct weir_str type = weir_json_get_str(node, "type");
    return weir_str_is(type, "COMPARE_DISTINCT_FROM") ||
           weir_str_is(type, "COMPARE_NOT_DISTINCT_FROM");
}

static int write_members(struct reading *r, struct weir_json node, unsigned depth)
{
    struct weir_str key;
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(node);
    bool in = is_in(node);
    int rc = check_class(r, node);
    weir_jw_object(&r->w);
    while (rc == 0 && weir_json_next(&it, &key, &member)) {
        weir_jw_key(&r->w, key);
        rc = in && weir_str_is(key, "children") ? write_in_list(r, member, depth + 1)
                                                : write_node(r, member, depth + 1);
    }
    weir_jw_object_end(&r->w);
    return rc;
}

/* (a IS DISTINCT FROM b) IS TRUE, which is the same, for it is never NULL. */
static int write_distinct(struct reading *r, struct weir_json node, unsigned depth)
{
    weir_duck_node(&r->w, "COMPARISON", "COMPARE_NOT_DISTINCT_FROM", WEIR_STR(""));
    weir_jw_keyz(&r->w, "left");
    int rc = write_members(r, node, depth + 1);
    weir_jw_keyz(&r->w, "right");
    weir_duck_node_bool(&r->w, true);
    weir_jw_object_end(&r->w);
    return rc;
}

static int write_node(struct reading *r, struct weir_json node, unsigned depth)
{
    if (depth > MAX_DEPTH) {
        return weir_fail(r->err, WEIR_ETOOBIG, "the condition is nested too deeply");
    }
    struct weir_json member;
    int rc = 0;
    switch (weir_json_type(node)) {
    case WEIR_JSON_OBJECT:
        if (weir_duck_node_constant(&r->w, node)) {
            return 0;
        }
        if (weir_str_is(weir_json_get_str(node, "class"), "COLUMN_REF")) {
            return write_reference(r, node);
        }
        return is_distinct(node) ? write_distinct(r, node, depth) : write_members(r, node, depth);
    case WEIR_JSON_ARRAY:
        weir_jw_array(&r->w);
        for (struct weir_json_iter it = weir_json_begin(node);
             rc == 0 && weir_json_next(&it, NULL, &member);) {
            rc = write_node(r, member, depth + 1);
        }
        weir_jw_array_end(&r->w);
        return rc;
    default:
        weir_duck_node_copy(&r->w, node);
        return 0;
    }
}

/* --- can it fail on a row? ------------------------------------------------------------------ */

/* What a value is, as far as comparing it is concerned. A literal text becomes the other side's
 * type when the statement is bound, not when rows are read. */
enum sort { UNKNOWN, TEXT, INTEGER, NUMBER, BOOLEAN, TIMESTAMP, DATE, LITERAL, NOTHING };

static enum sort sort_of_type(struct weir_str type)
{
    static const struct {
        const char *name;
        enum sort sort;
    } sorts[] = {{"VARCHAR", TEXT},     {"BIGINT", INTEGER},      {"INTEGER", INTEGER},
                 {"SMALLINT", INTEGER}, {"TINYINT", INTEGER},     {"DOUBLE", NUMBER},
                 {"BOOLEAN", BOOLEAN},  {"TIMESTAMP", TIMESTAMP}, {"DATE", DATE},
                 {"NULL", NOTHING}};
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (weir_str_is(type, sorts[i].name)) {
            return sorts[i].sort;
        }
    }
    return UNKNOWN;
}

static enum sort sort_of(const struct reading *r, struct weir_json node)
{
    static const enum sort of_kind[] = {TEXT, INTEGER, NUMBER, BOOLEAN, TEXT};
    struct weir_str class = weir_json_get_str(node, "class"), name;
    size_t skip;
    if (is_attribute(node, &name)) {
        const struct weir_attribute *a = weir_access_attribute(r->access, name);
        return a ? of_kind[a->kind] : NOTHING;
    }
    if (weir_str_is(class, "COLUMN_REF")) {
        const struct weir_column *column = column_of(r, node, &skip);
        bool whole = weir_json_count(weir_json_get(node, "column_names")) == skip + 1;
        return column && whole ? sort_of_type(column->type_name) : UNKNOWN;
    }
    struct weir_json value = weir_json_get(node, "value");
    enum sort sort = sort_of_type(weir_json_get_str(weir_json_get(value, "type"), "id"));
    if (weir_str_is(class, "CONSTANT")) {
        return sort == TEXT ? LITERAL : sort;
    }
    /* true and false are written as casts */
    struct weir_json child = weir_json_get(node, "child");
    return weir_str_is(class, "CAST") &&
                   weir_str_is(weir_json_get_str(child, "class"), "CONSTANT") &&
                   weir_str_is(weir_json_get_str(weir_json_get(node, "cast_type"), "id"), "BOOLEAN")
               ? BOOLEAN
               : UNKNOWN;
}

static bool comparable(enum sort a, enum sort b)
{
    if (a == UNKNOWN || b == UNKNOWN) {
        return false;
    }
    return a == b || a == NOTHING || b == NOTHING ||
           (a == LITERAL && (b == TEXT || b == TIMESTAMP || b == DATE)) ||
           (b == LITERAL && (a == TEXT || a == TIMESTAMP || a == DATE)) ||
           (a == INTEGER && b == NUMBER) || (a == NUMBER && b == INTEGER);
}

static bool children_comparable(const struct reading *r, struct weir_json children)
{
    struct weir_json child;
    struct weir_json_iter it = weir_json_begin(children);
    enum sort first = weir_json_next(&it, NULL, &child) ? sort_of(r, child) : UNKNOWN;
    while (weir_json_next(&it, NULL, &child)) {
        if (!comparable(first, sort_of(r, child))) {
            return false;
        }
    }
    return first != UNKNOWN;
}

static bool certain(const struct reading *r, struct weir_json node, unsigned depth);

static bool children_certain(const struct reading *r, struct weir_json node, unsigned depth)
{
    struct weir_json child;
    struct weir_json_iter it = weir_json_begin(weir_json_get(node, "children"));
    while (weir_json_next(&it, NULL, &child)) {
        if (!certain(r, child, depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool certain(const struct reading *r, struct weir_json node, unsigned depth)
{
    struct weir_str class = weir_json_get_str(node, "class");
    struct weir_str type = weir_json_get_str(node, "type");
    if (depth > MAX_DEPTH) {
        return false;
    }
    if (weir_str_is(class, "CONJUNCTION") || weir_str_is(type, "OPERATOR_NOT")) {
        return children_certain(r, node, depth);
    }
    if (weir_str_is(class, "COMPARISON")) {
        return comparable(sort_of(r, weir_json_get(node, "left")),
                          sort_of(r, weir_json_get(node, "right")));
    }
    if (weir_str_is(class, "BETWEEN")) {
        enum sort input = sort_of(r, weir_json_get(node, "input"));
        return comparable(input, sort_of(r, weir_json_get(node, "lower"))) &&
               comparable(input, sort_of(r, weir_json_get(node, "upper")));
    }
    if (is_in(node) || weir_str_is(type, "OPERATOR_IS_NULL") ||
        weir_str_is(type, "OPERATOR_IS_NOT_NULL")) {
        return children_comparable(r, weir_json_get(node, "children"));
    }
    return sort_of(r, node) == BOOLEAN;
}

/* --- all together --------------------------------------------------------------------------- */

static bool is_null(struct weir_json node, const char *key)
{
    return weir_json_type(weir_json_get(node, key)) == WEIR_JSON_NULL;
}

/* The text could say more than WHERE. */
static bool only_where(struct weir_json node)
{
    return weir_str_is(weir_json_get_str(node, "type"), "SELECT_NODE") &&
           !is_null(node, "where_clause") && is_null(node, "having") && is_null(node, "qualify") &&
           is_null(node, "sample") && weir_json_count(weir_json_get(node, "modifiers")) == 0 &&
           weir_json_count(weir_json_get(node, "group_expressions")) == 0 &&
           weir_json_count(weir_json_get(node, "group_sets")) == 0;
}

/* The engine's parser makes one node of a OR b OR c, so conditions must be joined in the same way.
 */
static int write_terms(struct reading *r, struct weir_json where, size_t *count)
{
    struct weir_json child;
    int rc = 0;
    if (!weir_str_is(weir_json_get_str(where, "type"), "CONJUNCTION_OR")) {
        *count = 1;
        return write_node(r, where, 0);
    }
    *count = 0;
    struct weir_json_iter it = weir_json_begin(weir_json_get(where, "children"));
    while (rc == 0 && weir_json_next(&it, NULL, &child)) {
        rc = write_node(r, child, 1);
        ++*count;
    }
    return rc;
}

int weir_duck_condition_read(struct duck_session *s, const struct duck_relation *relation,
                             struct weir_str rows, struct weir_arena *arena, bool *used,
                             struct duck_condition *out, struct weir_error *err)
{
    struct weir_buf sql, text, tree;
    struct weir_json statement;
    struct weir_json_parser *parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    weir_buf_init(&sql, MAX_CONDITION + 64);
    weir_buf_init(&text, DUCK_MAX_TREE);
    weir_buf_init(&tree, DUCK_MAX_TREE);
    struct reading r = {.access = s->rules->access,
                        .relation = relation,
                        .catalog = &s->rules->catalog,
                        .used = used,
                        .w = weir_jw_on(&tree),
                        .err = err};
    weir_buf_addz(&sql, "SELECT 1 WHERE\n");
    weir_buf_adds(&sql, rows);
    int rc = weir_buf_check(&sql, "the condition", err);
    rc = rc ? rc : weir_duck_tree_read(s, parser, weir_buf_str(&sql), &text, &statement, err);
    s->base.error_offset = -1;
    struct weir_json node = rc ? (struct weir_json){0} : weir_json_get(statement, "node");
    if (rc == 0 && !only_where(node)) {
        rc = weir_fail(err, WEIR_EINVAL, "a condition is one expression that is true or false");
    }
    if (rc == 0) {
        struct weir_json where = weir_json_get(node, "where_clause");
        rc = write_terms(&r, where, &out->term_count);
        rc = rc ? rc : weir_buf_check(&tree, "the condition", err);
        out->certain = rc == 0 && certain(&r, where, 0);
        out->terms = weir_arena_dup(arena, weir_buf_str(&tree));
        rc = rc || out->terms.ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a condition");
    }
    weir_buf_free(&sql);
    weir_buf_free(&text);
    weir_buf_free(&tree);
    weir_json_parser_free(parser);
    return rc;
}
