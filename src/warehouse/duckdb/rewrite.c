/* Puts the rules into a statement's tree: the tree is walked, and written out with a subquery in
 * the place of every table. Nothing is changed in place, and what is not understood is refused.
 *
 * A name is a common table expression only where the walk has seen it defined; each gets a name of
 * our own that no table has. So a mistake about scopes ends in an error of the engine, never in a
 * table that is read without its rule. */
#include <stdio.h>
#include <stdlib.h>

#include "warehouse/duckdb/functions.h"
#include "warehouse/duckdb/rewrite.h"

static int write_node(struct rewriting *r, struct weir_json node, struct place at);

/* --- scopes --------------------------------------------------------------------------------- */

/* The tables without an alias in one FROM. Two of one name need aliases of their own, for a
 * subquery's alias has no schema. */
static int gather(struct rewriting *r, struct weir_json node, struct place at, struct scope *scope)
{
    struct weir_str type = weir_json_get_str(node, "type");
    if (at.depth++ > DUCK_MAX_DEPTH) {
        return weir_fail(r->err, WEIR_ETOOBIG, "the statement is nested too deeply");
    }
    if (weir_str_is(type, "JOIN")) {
        int rc = gather(r, weir_json_get(node, "left"), at, scope);
        return rc ? rc : gather(r, weir_json_get(node, "right"), at, scope);
    }
    if (!weir_str_is(type, "BASE_TABLE") || weir_json_get_str(node, "alias").len ||
        weir_duck_is_cte(r, node, at)) {
        return 0;
    }
    const struct duck_relation *relation = weir_duck_relation_of(r, node);
    struct source *source = weir_arena_calloc(&r->arena, sizeof *source);
    if (!relation || !source) {
        return relation ? weir_duck_rewrite_no_memory(r) : 0;
    }
    *source = (struct source){scope->sources, relation, weir_json_get_str(node, "table_name")};
    for (struct source *s = scope->sources; s; s = s->next) {
        if (s->relation != relation && weir_str_eq_nocase(s->relation->name, relation->name)) {
            struct source *both[] = {s, source};
            for (size_t i = 0; i < 2; i++) {
                const struct duck_relation *it = both[i]->relation;
                both[i]->alias = weir_str_of(
                    weir_arena_printf(&r->arena, WEIR_STR_FMT "." WEIR_STR_FMT,
                                      WEIR_STR_ARG(it->schema), WEIR_STR_ARG(it->name)));
            }
        }
    }
    scope->sources = source;
    return source->alias.ptr ? 0 : weir_duck_rewrite_no_memory(r);
}

/* A name that no table has and nobody writes. */
static int name_cte(struct rewriting *r, struct cte *cte)
{
    do {
        const char *name = weir_arena_printf(&r->arena, WEIR_STR_FMT " (weir %u)",
                                             WEIR_STR_ARG(cte->name), ++r->ctes);
        if (!name) {
            return weir_duck_rewrite_no_memory(r);
        }
        cte->renamed = weir_str_of(name);
    } while (weir_duck_catalog_find(r->catalog, WEIR_STR("main"), cte->renamed));
    return 0;
}

/* The node's common table expressions, each inside those before it. */
static int define_ctes(struct rewriting *r, struct weir_json node, const struct cte **ctes)
{
    struct weir_json entry;
    struct weir_json_iter it =
        weir_json_begin(weir_json_get(weir_json_get(node, "cte_map"), "map"));
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, NULL, &entry)) {
        struct cte *cte = weir_arena_calloc(&r->arena, sizeof *cte);
        if (!cte) {
            return weir_duck_rewrite_no_memory(r);
        }
        *cte = (struct cte){.outer = *ctes, .name = weir_json_get_str(entry, "key")};
        rc = name_cte(r, cte);
        *ctes = cte;
    }
    return rc;
}

static int write_cte_map(struct rewriting *r, struct weir_json node, const struct cte *all,
                         struct place outer)
{
    struct weir_json list = weir_json_get(weir_json_get(node, "cte_map"), "map"), entry, member;
    size_t count = weir_json_count(list), i = 0;
    struct weir_str key;
    int rc = 0;
    weir_jw_object(&r->w);
    weir_jw_keyz(&r->w, "map");
    weir_jw_array(&r->w);
    struct weir_json_iter it = weir_json_begin(list);
    while (rc == 0 && weir_json_next(&it, NULL, &entry)) {
        const struct cte *cte = all;
        for (size_t back = count - ++i; back; back--) {
            cte = cte->outer;
        }
        struct weir_json body =
            weir_json_get(weir_json_get(weir_json_get(entry, "value"), "query"), "node");
        struct place inside = outer;
        bool recursive = weir_str_is(weir_json_get_str(body, "type"), "RECURSIVE_CTE_NODE");
        inside.ctes = recursive ? cte : cte->outer;
        weir_jw_object(&r->w);
        struct weir_json_iter members = weir_json_begin(entry);
        while (rc == 0 && weir_json_next(&members, &key, &member)) {
            weir_jw_key(&r->w, key);
            if (weir_str_is(key, "key")) {
                weir_jw_str(&r->w, cte->renamed);
            } else {
                rc = write_node(r, member, inside);
            }
        }
        weir_jw_object_end(&r->w);
    }
    weir_jw_array_end(&r->w);
    weir_jw_object_end(&r->w);
    return rc;
}

static int write_query(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str type = weir_json_get_str(node, "type"), key;
    struct place outer = at;
    struct scope scope = {.outer = at.scope};
    struct weir_json member;
    if (!weir_str_is(type, "SELECT_NODE") && !weir_str_is(type, "SET_OPERATION_NODE") &&
        !weir_str_is(type, "RECURSIVE_CTE_NODE")) {
        return weir_fail(r->err, WEIR_EPERM,
                         "the construct \"" WEIR_STR_FMT "\" is not open to you",
                         WEIR_STR_ARG(type));
    }
    int rc = define_ctes(r, node, &at.ctes);
    if (rc == 0 && weir_str_is(type, "SELECT_NODE")) {
        rc = gather(r, weir_json_get(node, "from_table"), at, &scope);
        at.scope = &scope;
    }
    struct weir_json_iter it = weir_json_begin(node);
    weir_jw_object(&r->w);
    while (rc == 0 && weir_json_next(&it, &key, &member)) {
        weir_jw_key(&r->w, key);
        if (weir_str_is(key, "cte_map")) {
            rc = write_cte_map(r, node, at.ctes, outer);
        } else if (weir_str_is(key, "cte_name")) {
            const struct cte *self =
                weir_duck_cte_named(outer.ctes, weir_json_get_str(node, "cte_name"));
            weir_jw_str(&r->w, self ? self->renamed : weir_json_get_str(node, "cte_name"));
        } else {
            rc = write_node(r, member, at);
        }
    }
    weir_jw_object_end(&r->w);
    return rc;
}

/* --- expressions ---------------------------------------------------------------------------- */

/* The alias that schema.table (or database.schema.table) has got; *skip names stand for it. */
static bool alias_in_scope(const struct rewriting *r, struct place at, const struct weir_str *parts,
                           size_t count, struct weir_str *alias, size_t *skip)
{
    bool database = count >= 4 && weir_str_eq_nocase(parts[0], r->catalog->database);
    for (const struct scope *scope = at.scope; scope; scope = scope->outer) {
        for (const struct source *s = scope->sources; s; s = s->next) {
            for (size_t i = 0; i <= (database ? 1u : 0u); i++) {
                if (weir_str_eq_nocase(parts[i], s->relation->schema) &&
                    weir_str_eq_nocase(parts[i + 1], s->relation->name)) {
                    *alias = s->alias;
                    *skip = i + 2;
                    return true;
                }
            }
        }
    }
    return false;
}

static int write_column(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_json names = weir_json_get(node, "column_names"), member;
    struct weir_str parts[3] = {0}, alias, key, name;
    size_t count = 0, skip = 0, i = 0;
    struct weir_json_iter it = weir_json_begin(names);
    for (; weir_json_next(&it, NULL, &member); count++) {
        if (count < 3) {
            (void)weir_json_str(member, &parts[count]);
        }
    }
    if (count < 3 || !alias_in_scope(r, at, parts, count, &alias, &skip)) {
        weir_duck_node_copy(&r->w, node);
        return 0;
    }
    weir_jw_object(&r->w);
    it = weir_json_begin(node);
    while (weir_json_next(&it, &key, &member)) {
        weir_jw_key(&r->w, key);
        if (!weir_str_is(key, "column_names")) {
            weir_duck_node_copy(&r->w, member);
            continue;
        }
        weir_jw_array(&r->w);
        weir_jw_str(&r->w, alias);
        struct weir_json_iter rest = weir_json_begin(names);
        while (weir_json_next(&rest, NULL, &member)) {
            if (i++ >= skip && weir_json_str(member, &name)) {
                weir_jw_str(&r->w, name);
            }
        }
        weir_jw_array_end(&r->w);
    }
    weir_jw_object_end(&r->w);
    return 0;
}

/* All parameters get names: `?` and $1 become $p1. Those of the rules begin with weir_. */
static int write_parameter(struct rewriting *r, struct weir_json node)
{
    struct weir_str id = weir_json_get_str(node, "identifier");
    uint64_t position;
    char name[32];
    if (id.len >= 5 && weir_str_eq_nocase((struct weir_str){id.ptr, 5}, WEIR_STR("weir_"))) {
        return weir_fail(r->err, WEIR_EINVAL, "a parameter's name may not begin with weir_");
    }
    if (weir_str_to_u64(id, &position)) {
        snprintf(name, sizeof name, "p%llu", (unsigned long long)position);
        id = weir_str_of(name);
    }
    weir_duck_node(&r->w, "PARAMETER", "VALUE_PARAMETER", weir_json_get_str(node, "alias"));
    weir_jw_kstr(&r->w, "identifier", id);
    weir_jw_object_end(&r->w);
    return 0;
}

static int check_function(const struct rewriting *r, struct weir_json node)
{
    struct weir_str name = weir_json_get_str(node, "function_name");
    if (weir_str_eq_nocase(name, WEIR_STR("current_query")) ||
        weir_duck_catalog_macro(r->catalog, name)) {
        return weir_fail(r->err, WEIR_EPERM, "the function \"" WEIR_STR_FMT "\" is not open to you",
                         WEIR_STR_ARG(name));
    }
    return 0;
}

int weir_duck_rewrite_members(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str key;
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(node);
    bool object = weir_json_type(node) == WEIR_JSON_OBJECT;
    int rc = 0;
    if (object) {
        weir_jw_object(&r->w);
    } else {
        weir_jw_array(&r->w);
    }
    while (rc == 0 && weir_json_next(&it, &key, &member)) {
        if (object) {
            weir_jw_key(&r->w, key);
        }
        rc = write_node(r, member, at);
    }
    if (object) {
        weir_jw_object_end(&r->w);
    } else {
        weir_jw_array_end(&r->w);
    }
    return rc;
}

static int write_object(struct rewriting *r, struct weir_json node, struct place at)
{
    struct weir_str class = weir_json_get_str(node, "class");
    if (weir_json_exists(weir_json_get(node, "cte_map"))) {
        return write_query(r, node, at);
    }
    if (weir_json_exists(weir_json_get(node, "sample")) &&
        weir_json_exists(weir_json_get(node, "query_location"))) {
        return weir_duck_rewrite_source(r, node, at);
    }
    if (weir_str_is(class, "COLUMN_REF")) {
        return write_column(r, node, at);
    }
    if (weir_duck_node_constant(&r->w, node)) {
        return 0;
    }
    if (weir_str_is(class, "PARAMETER")) {
        return write_parameter(r, node);
    }
    int rc = weir_json_exists(weir_json_get(node, "function_name")) ? check_function(r, node) : 0;
    struct weir_str pivot = weir_json_get_str(node, "pivot_enum");
    if (rc == 0 && pivot.len) {
        rc = weir_fail(r->err, WEIR_EPERM, "PIVOT over a type is not open to you; list the values");
    }
    return rc ? rc : weir_duck_rewrite_members(r, node, at);
}

static int write_node(struct rewriting *r, struct weir_json node, struct place at)
{
    if (++at.depth > DUCK_MAX_DEPTH) {
        return weir_fail(r->err, WEIR_ETOOBIG, "the statement is nested too deeply");
    }
    switch (weir_json_type(node)) {
    case WEIR_JSON_OBJECT:
        return write_object(r, node, at);
    case WEIR_JSON_ARRAY:
        return weir_duck_rewrite_members(r, node, at);
    default:
        weir_duck_node_copy(&r->w, node);
        return 0;
    }
}

int weir_duck_rewrite(struct duck_session *s, struct weir_json node, const struct weir_str *view,
                      bool *used, struct weir_buf *out, struct weir_error *err)
{
    struct rewriting r = {.s = s,
                          .catalog = &s->rules->catalog,
                          .view = view,
                          .used = used,
                          .w = weir_jw_on(out),
                          .err = err};
    weir_arena_init(&r.arena, 64u << 20);
    int rc = write_node(&r, node, (struct place){0});
    rc = rc ? rc : weir_buf_check(out, "the statement", err);
    weir_arena_free(&r.arena);
    return rc;
}
