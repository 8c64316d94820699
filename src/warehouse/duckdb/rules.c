/* A session's person, and the statements and rules that were made for her. Pooled sessions serve
 * many people in turn, so what was made is kept by the fingerprint of what one may see. */
#include "warehouse/duckdb/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "warehouse/duckdb/lexer.h"

#define MAX_ACCESS     (64u << 20)
#define MAX_RULES      1024
#define MAX_REMEMBERED (256u << 10)

/* --- the person ----------------------------------------------------------------------------- */

static void free_statement(struct duck_statement *statement)
{
    if (statement) {
        weir_arena_free(&statement->arena);
        free(statement->sql);
        free(statement);
    }
}

void weir_duck_rules_free(struct duck_rules *rules)
{
    if (!rules) {
        return;
    }
    for (size_t i = 0; i < DUCK_STATEMENTS; i++) {
        free_statement(rules->statements[i]);
    }
    weir_duck_catalog_free(&rules->catalog);
    weir_map_free(&rules->rules);
    weir_arena_free(&rules->rule_arena);
    weir_arena_free(&rules->arena);
    free(rules);
}

static struct duck_rules *new_rules(void)
{
    struct duck_rules *rules = calloc(1, sizeof *rules);
    if (rules) {
        weir_arena_init(&rules->arena, MAX_ACCESS);
        weir_arena_init(&rules->rule_arena, 512u << 20);
        weir_map_init(&rules->rules);
        weir_duck_catalog_init(&rules->catalog);
    }
    return rules;
}

int weir_duck_set_access(struct weir_session *session, const struct weir_access *access,
                         struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    bool none = !access || access->unrestricted;
    if (none && !s->rules) {
        return 0;
    }
    if (!s->rules && !(s->rules = new_rules())) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for what a person may see");
    }
    if (none) {
        s->rules->access = NULL;
        return 0;
    }
    const struct weir_access *held = s->rules->access;
    if (held && memcmp(&held->fingerprint, &access->fingerprint, sizeof held->fingerprint) == 0) {
        return 0;
    }
    /* On failure nothing may be seen: an access without grants. */
    static const struct weir_access nothing = {0};
    s->rules->access = &nothing;
    weir_arena_reset(&s->rules->arena);
    const struct weir_access *copy = weir_access_copy(access, &s->rules->arena);
    if (!copy) {
        return weir_fail(err, WEIR_ETOOBIG, "what this person may see takes too much to describe");
    }
    s->rules->access = copy;
    return 0;
}

/* --- the catalog ---------------------------------------------------------------------------- */

int weir_duck_rules_ready(struct duck_session *s, struct weir_error *err)
{
    struct duck_rules *rules = s->rules;
    if (rules->version == s->version && rules->rules.count < MAX_RULES) {
        return 0;
    }
    weir_map_clear(&rules->rules);
    weir_arena_reset(&rules->rule_arena);
    if (rules->version == s->version) {
        return 0;
    }
    rules->version = 0;
    s->trusted++;
    int rc = weir_duck_catalog_read(s, &rules->catalog, err);
    s->trusted--;
    rules->version = rc ? 0 : s->version;
    return rc;
}

/* --- values --------------------------------------------------------------------------------- */

static bool add_value(struct duck_statement *statement, size_t attribute, size_t item,
                      const struct weir_attribute *a)
{
    static const enum weir_type types[] = {WEIR_TYPE_TEXT, WEIR_TYPE_INT, WEIR_TYPE_DOUBLE,
                                           WEIR_TYPE_BOOL, WEIR_TYPE_TEXT};
    const char *name = weir_arena_printf(&statement->arena, "weir_%zu_%zu", attribute, item);
    struct weir_param *p = &statement->values[statement->value_count];
    *p = (struct weir_param){.name = weir_str_of(name), .type = types[a->kind]};
    switch (a->kind) {
    case WEIR_ATTRIBUTE_INTEGER:
        p->i = a->integer;
        break;
    case WEIR_ATTRIBUTE_NUMBER:
        p->d = a->number;
        break;
    case WEIR_ATTRIBUTE_BOOL:
        p->b = a->boolean;
        break;
    default:
        p->s = weir_arena_dup(&statement->arena,
                              a->kind == WEIR_ATTRIBUTE_LIST ? a->items[item] : a->text);
        if (!p->s.ptr) {
            return false;
        }
    }
    statement->value_count++;
    return name;
}

static int add_values(struct duck_statement *statement, const struct weir_access *access,
                      const bool *used, struct weir_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < access->attribute_count; i++) {
        const struct weir_attribute *a = &access->attributes[i];
        count += !used[i] ? 0 : a->kind == WEIR_ATTRIBUTE_LIST ? a->item_count : 1;
    }
    statement->values =
        weir_arena_calloc(&statement->arena, (count + 1) * sizeof *statement->values);
    bool ok = statement->values;
    for (size_t i = 0; ok && i < access->attribute_count; i++) {
        const struct weir_attribute *a = &access->attributes[i];
        size_t items = !used[i] ? 0 : a->kind == WEIR_ATTRIBUTE_LIST ? a->item_count : 1;
        for (size_t k = 0; ok && k < items; k++) {
            ok = add_value(statement, i, k, a);
        }
    }
    return ok ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the values of a rule");
}

/* --- statements ----------------------------------------------------------------------------- */

static int refuse_shape(struct weir_str sql, int rc, struct weir_error *err)
{
    struct weir_str rest = sql;
    if (rc != WEIR_EUNSUPPORTED) {
        return rc;
    }
    if (duck_token_is(weir_duck_next_token(&rest), "explain")) {
        return weir_fail(err, WEIR_EPERM,
                         "EXPLAIN is not open to you: a plan tells of rows that you may not see");
    }
    return weir_fail(err, WEIR_EPERM,
                     "PIVOT needs its list of values here: write ON column IN (value, ...)");
}

/* The statement's tree, which the sandbox may have read a moment ago. */
static int read_tree(struct duck_session *s, const char *sql, struct weir_json_parser **parser,
                     struct weir_buf *text, struct weir_json *tree, struct weir_error *err)
{
    if (s->parsed == sql) {
        *tree = s->tree;
        return 0;
    }
    *parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    int rc = weir_duck_tree_read(s, *parser, weir_str_of(sql), text, tree, err);
    return refuse_shape(weir_str_of(sql), rc, err);
}

static int make_statement(struct duck_session *s, const char *sql, struct duck_statement *statement,
                          struct weir_error *err)
{
    struct weir_buf text, tree, out;
    struct weir_json read;
    const struct weir_access *access = s->rules->access;
    struct weir_json_parser *parser = NULL;
    bool *used = weir_arena_calloc(&statement->arena, access->attribute_count + 1);
    weir_buf_init(&text, DUCK_MAX_TREE);
    weir_buf_init(&tree, DUCK_MAX_TREE);
    weir_buf_init(&out, DUCK_MAX_TREE);
    int rc = used ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a statement");
    rc = rc ? rc : read_tree(s, sql, &parser, &text, &read, err);
    rc = rc ? rc : weir_duck_rewrite(s, weir_json_get(read, "node"), NULL, used, &tree, err);
    rc = rc ? rc : weir_duck_tree_print(s, weir_buf_str(&tree), &out, err);
    if (rc == 0) {
        statement->text = weir_arena_strdup(&statement->arena, weir_buf_cstr(&out));
        rc = statement->text ? add_values(statement, access, used, err)
                             : weir_fail(err, WEIR_ENOMEM, "no memory for a statement");
    }
    s->base.error_offset = -1;
    weir_buf_free(&text);
    weir_buf_free(&tree);
    weir_buf_free(&out);
    weir_json_parser_free(parser);
    return rc;
}

static bool is_for(const struct duck_statement *statement, const char *sql,
                   const struct weir_hash128 *fingerprint, uint64_t version)
{
    return statement && statement->version == version &&
           memcmp(&statement->fingerprint, fingerprint, sizeof *fingerprint) == 0 &&
           strcmp(statement->sql, sql) == 0;
}

int weir_duck_rules_apply(struct duck_session *s, const char *sql,
                          const struct duck_statement **out, struct weir_error *err)
{
    int rc = weir_duck_rules_ready(s, err);
    if (rc) {
        return rc;
    }
    const struct weir_hash128 *fingerprint = &s->rules->access->fingerprint;
    uint64_t hash = weir_hash64(sql, strlen(sql), fingerprint->lo);
    struct duck_statement **slot = &s->rules->statements[hash % DUCK_STATEMENTS];
    if (is_for(*slot, sql, fingerprint, s->version)) {
        *out = *slot;
        return 0;
    }
    free_statement(*slot);
    *slot = calloc(1, sizeof **slot);
    if (*slot) {
        weir_arena_init(&(*slot)->arena, 2 * DUCK_MAX_TREE);
        (*slot)->sql = strdup(sql);
        (*slot)->fingerprint = *fingerprint;
        (*slot)->version = s->version;
    }
    rc = *slot && (*slot)->sql ? make_statement(s, sql, *slot, err)
                               : weir_fail(err, WEIR_ENOMEM, "no memory for a statement");
    if (rc) {
        free_statement(*slot);
        *slot = NULL;
        return rc;
    }
    *out = *slot;
    if ((*slot)->arena.used > MAX_REMEMBERED) {
        (*slot)->version = 0; /* it runs once, and is made again */
    }
    return 0;
}

/* --- for people ----------------------------------------------------------------------------- */

int weir_duck_check_rows(struct weir_session *session, struct weir_table_name name,
                         struct weir_str rows, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct weir_grant grant = {
        .group = WEIR_STR("x"), .schema = name.schema, .table = name.table, .rows = rows};
    struct weir_access access = {.grants = &grant, .grant_count = 1};
    bool own = !s->in_transaction;
    int rc = weir_access_seal(&access, err);
    rc = rc || !own ? rc : weir_duck_begin(session, err);
    own = own && rc == 0;
    rc = rc ? rc : weir_duck_set_access(session, &access, err);
    rc = rc ? rc : weir_duck_rules_ready(s, err);
    if (rc == 0) {
        const struct duck_relation *relation =
            weir_duck_catalog_find(&s->rules->catalog, name.schema, name.table);
        const struct duck_rule *rule = relation ? weir_duck_rule_of(s, relation) : NULL;
        if (!relation) {
            rc = weir_fail(err, WEIR_ENOENT, "there is no table " WEIR_STR_FMT "." WEIR_STR_FMT,
                           WEIR_STR_ARG(name.schema), WEIR_STR_ARG(name.table));
        } else if (!rule || rule->code) {
            rc = weir_fail(err, WEIR_EINVAL, "%s",
                           rule && rule->detail ? rule->detail : "no memory for a rule");
        }
    }
    if (s->rules) {
        s->rules->access = NULL;
    }
    if (own) {
        weir_duck_rollback(session);
    }
    return rc;
}
