/* The query that stands in the place of one table or view, for one person. */
#include <stdlib.h>

#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/rules.h"

#define MAX_VIEW_DEPTH 16
#define MAX_RULES      512

struct making {
    struct duck_session *s;
    const struct duck_relation *relation; /* a view's columns are those that are left */
    const struct duck_relation *stored;   /* a view's rows, when they are all hers; or NULL */
    bool cut;                             /* a view: what it reads is not whole */
    const struct weir_grant **grants;
    struct duck_condition *conditions; /* by grant; no terms: all rows */
    bool *used;                        /* by grant, then attribute: what its condition names */
    size_t count;
    struct duck_rule *rule;
    struct weir_buf query;
    struct weir_buf source; /* a view's own query, with the rules of what it reads */
    struct weir_buf aliases;
    struct weir_jw w;
    struct weir_error err;
};

static struct weir_arena *arena_of(const struct making *m)
{
    return &m->s->rules->rule_arena;
}

/* --- conditions ----------------------------------------------------------------------------- */

static int read_conditions(struct making *m)
{
    const struct weir_access *access = m->s->rules->access;
    size_t applying = weir_access_applying(access, m->relation->schema, m->relation->name, NULL, 0);
    m->grants = weir_arena_alloc(arena_of(m), (applying + 1) * sizeof *m->grants);
    m->conditions = weir_arena_calloc(arena_of(m), (applying + 1) * sizeof *m->conditions);
    m->rule->used = weir_arena_calloc(arena_of(m), access->attribute_count + 1);
    m->used = weir_arena_calloc(arena_of(m), applying * access->attribute_count + 1);
    if (!m->grants || !m->conditions || !m->rule->used || !m->used) {
        return weir_fail(&m->err, WEIR_ENOMEM, "no memory for the rule of a table");
    }
    m->count =
        weir_access_applying(access, m->relation->schema, m->relation->name, m->grants, applying);
    for (size_t i = 0; i < m->count; i++) {
        int rc = 0;
        if (weir_str_trim(m->grants[i]->rows).len) {
            rc = weir_duck_condition_read(m->s, m->relation, m->grants[i]->rows, arena_of(m),
                                          m->used + i * access->attribute_count, &m->conditions[i],
                                          &m->err);
        }
        if (rc) {
            return weir_error_prefix(&m->err, rc, "the rows of group \"" WEIR_STR_FMT "\"",
                                     WEIR_STR_ARG(m->grants[i]->group));
        }
    }
    return 0;
}

/* A condition that could fail on a row counts as false there: its error could tell of the row. */
static void add_term(struct weir_jw *w, const struct duck_condition *c)
{
    if (c->certain) {
        weir_jw_raw(w, c->terms);
        return;
    }
    weir_duck_node(w, "OPERATOR", "OPERATOR_TRY", WEIR_STR(""));
    weir_jw_keyz(w, "children");
    weir_jw_array(w);
    if (c->term_count > 1) {
        weir_duck_node(w, "CONJUNCTION", "CONJUNCTION_OR", WEIR_STR(""));
        weir_jw_keyz(w, "children");
        weir_jw_array(w);
    }
    weir_jw_raw(w, c->terms);
    if (c->term_count > 1) {
        weir_jw_array_end(w);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

/* Its condition is written: the values that it names must be bound, and no others. */
static void use_condition(struct making *m, size_t grant)
{
    size_t attributes = m->s->rules->access->attribute_count;
    for (size_t i = 0; i < attributes; i++) {
        m->rule->used[i] = m->rule->used[i] || m->used[grant * attributes + i];
    }
}

/* OR of the conditions of the grants that `column` is shown by (NULL: of all grants). Returns
 * false, and writes nothing, when one of them gives all rows. */
static bool write_any(struct making *m, struct weir_buf *out, const struct weir_str *column)
{
    struct weir_buf terms;
    weir_buf_init(&terms, DUCK_MAX_TREE);
    struct weir_jw w = weir_jw_on(&terms);
    size_t count = 0;
    bool all = false;
    for (size_t i = 0; !all && i < m->count; i++) {
        if (column && weir_grant_column(m->grants[i], *column) != WEIR_COLUMN_SHOWN) {
            continue;
        }
        all = m->conditions[i].terms.len == 0;
        bool again = false;
        for (size_t k = 0; k < i && !all; k++) {
            again = again ||
                    ((!column || weir_grant_column(m->grants[k], *column) == WEIR_COLUMN_SHOWN) &&
                     weir_str_eq(m->conditions[k].terms, m->conditions[i].terms));
        }
        if (!all && !again) {
            add_term(&w, &m->conditions[i]);
            count += m->conditions[i].certain ? m->conditions[i].term_count : 1;
        }
    }
    for (size_t i = 0; !all && i < m->count; i++) {
        if (!column || weir_grant_column(m->grants[i], *column) == WEIR_COLUMN_SHOWN) {
            use_condition(m, i);
        }
    }
    if (!all) {
        struct weir_jw to = weir_jw_on(out);
        if (count > 1) {
            weir_duck_node(&to, "CONJUNCTION", "CONJUNCTION_OR", WEIR_STR(""));
            weir_jw_keyz(&to, "children");
            weir_jw_array(&to);
        }
        weir_jw_raw(&to, weir_buf_str(&terms));
        if (count > 1) {
            weir_jw_array_end(&to);
            weir_jw_object_end(&to);
        }
    }
    out->failed = out->failed || terms.failed;
    weir_buf_free(&terms);
    return !all;
}

/* --- columns -------------------------------------------------------------------------------- */

/* CASE WHEN condition THEN column END, which is NULL of the column's own type elsewhere. */
static void write_case(struct making *m, struct weir_str condition, struct weir_str column)
{
    struct weir_jw *w = &m->w;
    weir_duck_node(w, "CASE", "CASE_EXPR", column);
    weir_jw_keyz(w, "case_checks");
    weir_jw_array(w);
    weir_jw_object(w);
    weir_jw_keyz(w, "when_expr");
    weir_jw_raw(w, condition);
    weir_jw_keyz(w, "then_expr");
    weir_duck_node_column(w, WEIR_STR(DUCK_RULE_ALIAS), column, WEIR_STR(""));
    weir_jw_object_end(w);
    weir_jw_array_end(w);
    weir_jw_keyz(w, "else_expr");
    weir_duck_node_null(w, WEIR_STR(""));
    weir_jw_object_end(w);
}

enum cell { PLAIN, SOMETIMES, NEVER, ABSENT };

static enum cell cell_of(const struct making *m, struct weir_str column)
{
    bool shown = false, masked = false, by_all = true, unconditional = false;
    for (size_t i = 0; i < m->count; i++) {
        enum weir_column_access here = weir_grant_column(m->grants[i], column);
        shown = shown || here == WEIR_COLUMN_SHOWN;
        masked = masked || here == WEIR_COLUMN_MASKED;
        by_all = by_all && here == WEIR_COLUMN_SHOWN;
        unconditional =
            unconditional || (here == WEIR_COLUMN_SHOWN && m->conditions[i].terms.len == 0);
    }
    if (!shown) {
        return masked ? NEVER : ABSENT;
    }
    return by_all || unconditional ? PLAIN : SOMETIMES;
}

static void write_column(struct making *m, struct weir_str column, enum cell cell)
{
    struct weir_buf condition;
    weir_buf_init(&condition, DUCK_MAX_TREE);
    struct weir_jw w = weir_jw_on(&condition);
    if (cell == PLAIN) {
        weir_duck_node_column(&m->w, WEIR_STR(DUCK_RULE_ALIAS), column, WEIR_STR(""));
    } else if (cell == SOMETIMES) {
        (void)write_any(m, &condition, &column);
        write_case(m, weir_buf_str(&condition), column);
    } else if (cell == NEVER) {
        weir_duck_node_bool(&w, false);
        write_case(m, weir_buf_str(&condition), column);
    }
    m->query.failed = m->query.failed || condition.failed;
    weir_buf_free(&condition);
}

static int write_columns(struct making *m)
{
    struct duck_rule *rule = m->rule;
    const struct duck_relation *relation = m->relation;
    rule->columns =
        weir_arena_alloc(arena_of(m), (relation->column_count + 1) * sizeof *rule->columns);
    if (!rule->columns) {
        return weir_fail(&m->err, WEIR_ENOMEM, "no memory for the rule of a table");
    }
    rule->all_columns = true;
    for (size_t i = 0; i < relation->column_count; i++) {
        enum cell cell = cell_of(m, relation->columns[i].name);
        rule->all_columns = rule->all_columns && cell == PLAIN;
        if (cell != ABSENT) {
            rule->columns[rule->column_count++] = relation->columns[i].name;
        }
    }
    if (rule->column_count == 0) { /* nothing to see is as good as no table */
        return weir_fail(&m->err, WEIR_ENOENT, "every column is hidden");
    }
    if (rule->all_columns) {
        weir_duck_node_star(&m->w);
        return 0;
    }
    for (size_t i = 0; i < relation->column_count; i++) {
        write_column(m, relation->columns[i].name, cell_of(m, relation->columns[i].name));
    }
    return 0;
}

/* --- views ---------------------------------------------------------------------------------- */

/* "name" without its quotes. */
static void unquote(struct duck_token token, struct weir_buf *out)
{
    struct weir_str text = token.text;
    if (token.kind != DUCK_TOKEN_NAME || text.len < 2) {
        weir_buf_adds(out, text);
        return;
    }
    for (size_t i = 1; i + 1 < text.len; i++) {
        weir_buf_addc(out, text.ptr[i]);
        i += text.ptr[i] == '"';
    }
}

/* CREATE VIEW name [(columns)] AS query: the engine wrote it. The columns go to m->aliases. */
static bool cut_definition(struct making *m, struct weir_str definition, struct weir_str *query)
{
    struct weir_str rest = definition;
    struct weir_jw w = weir_jw_on(&m->aliases);
    bool inside = false;
    weir_jw_array(&w);
    for (unsigned i = 0; i < 20000; i++) {
        struct duck_token token = weir_duck_next_token(&rest);
        if (token.kind == DUCK_TOKEN_END || token.kind == DUCK_TOKEN_BROKEN) {
            return false;
        }
        if (duck_token_is_mark(token, '(')) {
            inside = true;
        } else if (inside && (token.kind == DUCK_TOKEN_WORD || token.kind == DUCK_TOKEN_NAME)) {
            struct weir_buf name;
            weir_buf_init(&name, 1 << 16);
            unquote(token, &name);
            weir_jw_str(&w, weir_buf_str(&name));
            weir_buf_free(&name);
        } else if (inside && duck_token_is_mark(token, ')')) {
            inside = false;
        } else if (!inside && duck_token_is(token, "as")) {
            weir_jw_array_end(&w);
            *query = weir_duck_trim_statement(rest);
            return true;
        }
    }
    return false;
}

static int read_view(struct making *m, const struct duck_relation *view)
{
    struct weir_buf text;
    struct weir_str query = {0};
    struct weir_json statement;
    struct weir_json_parser *parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    weir_buf_init(&text, DUCK_MAX_TREE);
    const struct duck_relation *held = weir_duck_catalog_stored(&m->s->rules->catalog, view, true);
    struct weir_str definition = held ? held->definition : view->definition;
    int rc = 0;
    if (m->s->rules->view_depth >= MAX_VIEW_DEPTH) {
        rc = weir_fail(&m->err, WEIR_ETOOBIG, "views stand in each other too deeply");
    } else if (!definition.ptr || !cut_definition(m, definition, &query)) {
        rc = weir_fail(&m->err, WEIR_EINVAL, "the view's text cannot be read");
    }
    m->s->rules->view_depth++;
    rc = rc ? rc : weir_duck_tree_read(m->s, parser, query, &text, &statement, &m->err);
    rc = rc ? rc
            : weir_duck_rewrite(m->s, weir_json_get(statement, "node"), &view->schema,
                                m->rule->used, &m->source, &m->err);
    m->s->rules->view_depth--;
    m->s->base.error_offset = -1;
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return rc;
}

/* The columns that the view has for this person, which its definition's may be more than. */
static int learn_columns(struct making *m, const struct duck_relation *view,
                         duckdb_prepared_statement statement)
{
    struct duck_relation *seen = weir_arena_calloc(arena_of(m), sizeof *seen);
    idx_t count = duckdb_prepared_statement_column_count(statement);
    struct weir_column *columns =
        weir_arena_calloc(arena_of(m), (size_t)(count + 1) * sizeof *columns);
    if (!seen || !columns) {
        return weir_fail(&m->err, WEIR_ENOMEM, "no memory for the rule of a view");
    }
    for (idx_t i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        columns[i].name = weir_arena_dup(arena_of(m), weir_str_of(name));
        duckdb_free((void *)(uintptr_t)name);
        if (!columns[i].name.ptr) {
            return weir_fail(&m->err, WEIR_ENOMEM, "no memory for the rule of a view");
        }
    }
    *seen = *view;
    seen->columns = columns;
    seen->column_count = count;
    m->relation = seen;
    return 0;
}

/* Binds a query node; what fails here would fail, and tell too much, in the person's statement. */
static int try_out(struct making *m, struct weir_str query, const struct duck_relation *view)
{
    struct weir_buf sql;
    duckdb_prepared_statement statement = NULL;
    weir_buf_init(&sql, DUCK_MAX_TREE);
    int rc = weir_duck_tree_print(m->s, query, &sql, &m->err);
    if (rc == 0 && duckdb_prepare(m->s->con, weir_buf_cstr(&sql), &statement)) {
        rc = weir_duck_fail(m->s, duckdb_prepare_error(statement), &m->err);
        m->s->base.error_offset = -1;
    }
    if (rc == 0 && view) {
        rc = learn_columns(m, view, statement);
    }
    if (statement) {
        duckdb_destroy_prepare(&statement);
    }
    weir_buf_free(&sql);
    return rc;
}

static void write_base(const struct making *m, struct weir_jw *w,
                       const struct duck_relation *relation)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "type", "BASE_TABLE");
    weir_jw_kstrz(w, "alias", DUCK_RULE_ALIAS);
    weir_jw_keyz(w, "sample");
    weir_jw_null(w);
    weir_jw_ki64(w, "query_location", 0);
    weir_jw_kstr(w, "schema_name", relation->schema);
    weir_jw_kstr(w, "table_name", relation->name);
    weir_jw_keyz(w, "column_name_alias");
    weir_jw_raw(w, WEIR_STR("[]"));
    weir_jw_kstr(w, "catalog_name", m->s->rules->catalog.database);
    weir_jw_keyz(w, "at_clause");
    weir_jw_null(w);
    weir_jw_object_end(w);
}

static void write_view_source(struct making *m, struct weir_jw *w)
{
    if (m->stored) {
        write_base(m, w, m->stored);
        return;
    }
    weir_duck_node_subquery(w, weir_buf_str(&m->source), WEIR_STR(DUCK_RULE_ALIAS),
                            WEIR_STR("null"), weir_buf_str(&m->aliases));
}

static int settle_view(struct making *m)
{
    struct weir_buf probe;
    const struct duck_relation *view = m->relation;
    weir_buf_init(&probe, DUCK_MAX_TREE);
    bool outer = m->s->rules->cut;
    m->s->rules->cut = false;
    int rc = read_view(m, view);
    m->cut = m->s->rules->cut;
    m->s->rules->cut = outer;
    if (!m->cut) { /* what is stored was made from what she sees, all of it */
        m->stored = weir_duck_catalog_stored(&m->s->rules->catalog, view, false);
    }
    struct weir_jw w = weir_jw_on(&probe);
    weir_duck_select_begin(&w);
    weir_duck_node_star(&w);
    weir_duck_select_from(&w);
    write_view_source(m, &w);
    weir_duck_select_end(&w, WEIR_STR(""));
    rc = rc ? rc : weir_buf_check(&probe, "a view", &m->err);
    rc = rc ? rc : try_out(m, weir_buf_str(&probe), view);
    weir_buf_free(&probe);
    return rc == WEIR_ENOENT ? WEIR_EPERM : rc; /* the view itself is there */
}

/* --- all together --------------------------------------------------------------------------- */

static int make_query(struct making *m)
{
    struct weir_buf where;
    weir_buf_init(&where, DUCK_MAX_TREE);
    m->w = weir_jw_on(&m->query);
    weir_duck_select_begin(&m->w);
    int rc = write_columns(m);
    weir_duck_select_from(&m->w);
    if (m->relation->view) {
        write_view_source(m, &m->w);
    } else {
        write_base(m, &m->w, m->relation);
    }
    m->rule->barrier = write_any(m, &where, NULL);
    m->rule->whole = !m->rule->barrier && m->rule->all_columns && !m->cut;
    weir_duck_select_end(&m->w, weir_buf_str(&where));
    rc = rc ? rc : weir_buf_check(&where, "the rule of a table", &m->err);
    rc = rc ? rc : weir_buf_check(&m->query, "the rule of a table", &m->err);
    if (rc == 0 && (m->rule->barrier || !m->rule->all_columns)) {
        rc = try_out(m, weir_buf_str(&m->query), NULL);
    }
    m->rule->query = weir_arena_dup(arena_of(m), weir_buf_str(&m->query));
    weir_buf_free(&where);
    return rc || m->rule->query.ptr ? rc : weir_fail(&m->err, WEIR_ENOMEM, "no memory for a rule");
}

/* What the person is told names nothing but the table, which she may see. A view that reads what
 * she may not see is not there for her: whoever may save views would else learn which tables there
 * are.
 */
static void close_table(struct making *m, int rc)
{
    struct duck_rule *rule = m->rule;
    bool gone = rc == WEIR_ENOENT || (m->relation->view && rc != WEIR_ENOMEM);
    rule->code = rc == WEIR_EFATAL ? rc : gone ? WEIR_ENOENT : WEIR_EPERM;
    rule->why = weir_arena_printf(
        arena_of(m),
        "the rows of \"" WEIR_STR_FMT "." WEIR_STR_FMT "\" that you may see cannot be told: "
        "an administrator must mend the rule",
        WEIR_STR_ARG(m->relation->schema), WEIR_STR_ARG(m->relation->name));
    rule->detail = weir_arena_strdup(arena_of(m), m->err.message);
}

static struct duck_rule *make_rule(struct duck_session *s, const struct duck_relation *relation)
{
    struct making m = {.s = s, .relation = relation};
    m.rule = weir_arena_calloc(arena_of(&m), sizeof *m.rule);
    if (!m.rule) {
        return NULL;
    }
    weir_buf_init(&m.query, DUCK_MAX_TREE);
    weir_buf_init(&m.source, DUCK_MAX_TREE);
    weir_buf_init(&m.aliases, 1 << 20);
    int rc = weir_access_sees(s->rules->access, relation->schema, relation->name)
                 ? 0
                 : weir_fail(&m.err, WEIR_ENOENT, "no grant");
    rc = rc ? rc : read_conditions(&m);
    rc = rc || !relation->view ? rc : settle_view(&m);
    rc = rc ? rc : make_query(&m);
    if (rc) {
        close_table(&m, rc);
    }
    weir_buf_free(&m.query);
    weir_buf_free(&m.source);
    weir_buf_free(&m.aliases);
    return m.rule;
}

const struct duck_rule *weir_duck_rule_of(struct duck_session *s,
                                          const struct duck_relation *relation)
{
    struct duck_rules *rules = s->rules;
    struct weir_buf key;
    weir_buf_init(&key, 1 << 16);
    weir_buf_add(&key, &rules->access->fingerprint, sizeof rules->access->fingerprint);
    weir_buf_adds(&key, relation->schema);
    weir_buf_addc(&key, 0);
    weir_buf_adds(&key, relation->name);
    struct duck_rule *rule = weir_map_get(&rules->rules, weir_buf_str(&key));
    if (!rule) {
        rule = make_rule(s, relation);
        if (rule && (key.failed || weir_map_put(&rules->rules, weir_buf_str(&key), rule))) {
            rule = NULL;
        }
    }
    weir_buf_free(&key);
    return rule;
}
