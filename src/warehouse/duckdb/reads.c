/* What a statement reads, from its tree: the tables in it and in the views that it reads, and
 * whether it asks the clock or something else that no table decides.
 *
 * Whatever is not known to be decided by tables and values alone makes the result good for once.
 * Reading too much is harmless (a table too many makes a kept result go too early), so a name
 * counts as a table also where a common table expression has it. */
#include "warehouse/duckdb/reads.h"

#include <stdlib.h>

#include "warehouse/duckdb/functions.h"
#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/rules.h"
#include "warehouse/duckdb/stored.h"
#include "warehouse/duckdb/tree.h"
#include "warehouse/versions.h"

#define MAX_VIEWS_DEEP 64

struct reading {
    struct duck_session *s;
    struct duck_reads *known;
    struct weir_arena *arena;
    struct weir_reads *out;
    size_t room;
    unsigned views; /* inside views */
    struct weir_error *err;
};

/* --- which views there are -------------------------------------------------------------------- */

void weir_duck_reads_free(struct duck_reads *known)
{
    if (known) {
        weir_map_free(&known->views);
        weir_map_free(&known->macros);
        weir_map_free(&known->tables);
        weir_arena_free(&known->arena);
        free(known);
    }
}

static int take(struct duck_reads *known, const struct weir_batch *batch, size_t row)
{
    char room[WEIR_NAME_KEY];
    struct weir_str schema = batch->columns[1].strs[row], name = batch->columns[2].strs[row];
    struct weir_map *const maps[] = {&known->views, &known->macros, &known->tables};
    size_t kind = (size_t)batch->columns[0].ints[row];
    struct weir_str key = weir_name_key(schema, name, room);
    struct weir_str *text = weir_arena_calloc(&known->arena, sizeof *text);
    if (!text || !key.ptr) {
        return text ? 0 : WEIR_ENOMEM;
    }
    *text = weir_arena_dup(&known->arena, batch->columns[3].strs[row]);
    return text->ptr ? weir_map_put(maps[kind], key, text) : WEIR_ENOMEM;
}

static int read_views(struct duck_session *s, struct duck_reads *known, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    weir_map_clear(&known->views);
    weir_map_clear(&known->macros);
    weir_map_clear(&known->tables);
    weir_arena_reset(&known->arena);
    s->trusted++;
    int rc = weir_duck_query(&s->base,
                             "SELECT 0::BIGINT, schema_name, view_name, coalesce(sql, '') "
                             "FROM duckdb_views() WHERE NOT internal UNION ALL "
                             "SELECT 1, '', function_name, '' FROM duckdb_functions() "
                             "WHERE NOT internal UNION ALL "
                             "SELECT 2, schema_name, table_name, '' FROM duckdb_tables() "
                             "WHERE schema_name = 'main'",
                             NULL, 0, &result, err);
    while (rc == 0) {
        rc = weir_duck_result_next(result, &batch, err);
        if (rc || batch.rows == 0) {
            break;
        }
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            rc = take(known, &batch, i);
            rc = rc ? weir_fail(err, rc, "no memory for the views") : 0;
        }
    }
    if (result) {
        weir_duck_result_free(result);
    }
    s->trusted--;
    return rc;
}

/* --- tables ----------------------------------------------------------------------------------- */

static int read_statement(struct reading *r, struct weir_str sql);

static void at_least(struct reading *r, enum weir_clock clock)
{
    r->out->clock = clock > r->out->clock ? clock : r->out->clock;
}

static bool has(const struct reading *r, struct weir_str schema, struct weir_str table)
{
    for (size_t i = 0; i < r->out->count; i++) {
        if (weir_str_eq_nocase(r->out->tables[i].table, table) &&
            weir_str_eq_nocase(r->out->tables[i].schema, schema)) {
            return true;
        }
    }
    return false;
}

static int add_table(struct reading *r, struct weir_str schema, struct weir_str table)
{
    struct weir_reads *out = r->out;
    if (out->count == r->room) {
        size_t room = r->room ? 2 * r->room : 8;
        struct weir_table_read *grown = weir_arena_alloc(r->arena, room * sizeof *grown);
        if (!grown) {
            return weir_fail(r->err, WEIR_ENOMEM, "no memory for what a statement reads");
        }
        if (out->count) {
            memcpy(grown, out->tables, out->count * sizeof *grown);
        }
        out->tables = grown;
        r->room = room;
    }
    struct weir_table_read *read = &out->tables[out->count];
    *read = (struct weir_table_read){.schema = weir_arena_dup(r->arena, schema),
                                     .table = weir_arena_dup(r->arena, table)};
    out->count++;
    return read->schema.ptr && read->table.ptr
               ? 0
               : weir_fail(r->err, WEIR_ENOMEM, "no memory for what a statement reads");
}

/* CREATE VIEW name [(columns)] AS query: the engine wrote it. */
static bool cut_definition(struct weir_str definition, struct weir_str *query)
{
    struct weir_str rest = definition;
    for (unsigned open = 0;;) {
        struct duck_token token = weir_duck_next_token(&rest);
        if (token.kind == DUCK_TOKEN_END || token.kind == DUCK_TOKEN_BROKEN) {
            return false;
        }
        open += duck_token_is_mark(token, '(');
        open -= open && duck_token_is_mark(token, ')');
        if (!open && duck_token_is(token, "as")) {
            *query = weir_duck_trim_statement(rest);
            return true;
        }
    }
}

static int read_view(struct reading *r, struct weir_str text)
{
    struct weir_str sql;
    if (r->views >= MAX_VIEWS_DEEP || !cut_definition(text, &sql)) {
        at_least(r, WEIR_CLOCK_NEVER);
        return 0;
    }
    r->views++;
    int rc = read_statement(r, sql);
    r->views--;
    return rc;
}

static int one_relation(struct reading *r, struct weir_str schema, struct weir_str table)
{
    char room[WEIR_NAME_KEY];
    if (weir_duck_system_relation(schema, table)) {
        at_least(r, WEIR_CLOCK_NEVER);
        return 0;
    }
    if (has(r, schema, table)) {
        return 0;
    }
    int rc = add_table(r, schema, table);
    struct weir_str key = weir_name_key(schema, table, room);
    const struct weir_str *view = key.ptr ? weir_map_get(&r->known->views, key) : NULL;
    rc = rc || !view ? rc : read_view(r, *view);
    if (rc == 0 && view && weir_duck_access(r->s)) { /* by rules it may be what is stored, or not */
        key = weir_duck_stored_key(schema, table, true, room);
        view = key.ptr ? weir_map_get(&r->known->views, key) : NULL;
        rc = view ? read_view(r, *view) : 0;
    }
    return rc;
}

/* The catalog's name is the file's, up to its first dot. */
static bool is_database(const struct reading *r, struct weir_str name)
{
    const char *file = strrchr(r->s->db->options.path, '/');
    struct weir_str database = weir_str_of(file ? file + 1 : r->s->db->options.path);
    database.len = strcspn(database.ptr, ".");
    return weir_str_eq_nocase(name, database);
}

static bool is_known(const struct reading *r, struct weir_str schema, struct weir_str table)
{
    char room[WEIR_NAME_KEY];
    struct weir_str key = weir_name_key(schema, table, room);
    return !key.ptr || weir_map_get(&r->known->views, key) || weir_map_get(&r->known->tables, key);
}

/* `a.b` is a table of the schema a, or, when a is the database, of its schema main. A name alone
 * that main does not have is a common table expression's, or the statement fails. */
static int relation(struct reading *r, struct weir_json node)
{
    struct weir_str table = weir_json_get_str(node, "table_name");
    struct weir_str schema = weir_json_get_str(node, "schema_name");
    struct weir_str catalog = weir_json_get_str(node, "catalog_name");
    if (!schema.len && !weir_duck_system_relation(schema, table) &&
        !is_known(r, WEIR_STR("main"), table)) {
        return 0;
    }
    int rc = one_relation(r, schema.len ? schema : WEIR_STR("main"), table);
    if (rc == 0 && schema.len && !catalog.len && is_database(r, schema)) {
        rc = one_relation(r, WEIR_STR("main"), table);
    }
    return rc;
}

/* --- expressions ------------------------------------------------------------------------------ */

static void function(struct reading *r, struct weir_json node, bool behind_from)
{
    char room[WEIR_NAME_KEY];
    struct weir_str name = weir_json_get_str(node, "function_name");
    struct weir_str key = weir_name_key(WEIR_STR(""), name, room);
    size_t arguments = weir_json_count(weir_json_get(node, "children"));
    if (!key.ptr || weir_map_get(&r->known->macros, key) ||
        (behind_from ? !weir_duck_table_function_pure(name) : !weir_duck_scalar_allowed(name))) {
        at_least(r, WEIR_CLOCK_NEVER);
    } else if (!behind_from && (arguments < 2 || !weir_str_eq_nocase(name, WEIR_STR("age")))) {
        at_least(r, weir_duck_scalar_clock(name));
    }
}

/* `current_date` without parentheses is a column's name to the parser. */
static void column(struct reading *r, struct weir_json node)
{
    struct weir_json names = weir_json_get(node, "column_names"), first;
    struct weir_str name;
    struct weir_json_iter it = weir_json_begin(names);
    if (weir_json_count(names) == 1 && weir_json_next(&it, NULL, &first) &&
        weir_json_str(first, &name)) {
        at_least(r, weir_duck_word_clock(name));
    }
}

static int object(struct reading *r, struct weir_json node)
{
    struct weir_str type = weir_json_get_str(node, "type");
    struct weir_json sample = weir_json_get(node, "sample");
    if (weir_json_exists(sample) && weir_json_type(sample) == WEIR_JSON_OBJECT) {
        at_least(r, WEIR_CLOCK_NEVER);
    }
    if (weir_json_get_str(node, "pivot_enum").len || weir_str_is(type, "SHOW_REF")) {
        at_least(r, WEIR_CLOCK_NEVER);
    }
    if (weir_str_is(weir_json_get_str(node, "class"), "COLUMN_REF")) {
        column(r, node);
    }
    return weir_str_is(type, "BASE_TABLE") ? relation(r, node) : 0;
}

static int walk(struct reading *r, struct weir_json node, unsigned depth)
{
    enum weir_json_type kind = weir_json_type(node);
    struct weir_str key;
    struct weir_json member;
    if (kind != WEIR_JSON_OBJECT && kind != WEIR_JSON_ARRAY) {
        return 0;
    }
    if (depth > DUCK_MAX_DEPTH) {
        return weir_fail(r->err, WEIR_ETOOBIG, "the statement is nested too deeply");
    }
    bool source = weir_str_is(weir_json_get_str(node, "type"), "TABLE_FUNCTION");
    int rc = kind == WEIR_JSON_OBJECT ? object(r, node) : 0;
    struct weir_json_iter it = weir_json_begin(node);
    while (rc == 0 && weir_json_next(&it, &key, &member)) {
        if (weir_json_exists(weir_json_get(member, "function_name"))) {
            function(r, member, source && weir_str_is(key, "function"));
        }
        rc = walk(r, member, depth + 1);
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int views_known(struct duck_session *s, uint64_t version, struct weir_error *err)
{
    if (!s->reads) {
        s->reads = calloc(1, sizeof *s->reads);
        if (!s->reads) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for what a statement reads");
        }
        weir_arena_init(&s->reads->arena, 256u << 20);
        weir_map_init(&s->reads->views);
        weir_map_init(&s->reads->macros);
        weir_map_init(&s->reads->tables);
    }
    if (s->reads->version == version) {
        return 0;
    }
    s->reads->version = 0;
    int rc = read_views(s, s->reads, err);
    s->reads->version = rc ? 0 : version;
    return rc;
}

static int read_statement(struct reading *r, struct weir_str sql)
{
    struct weir_json statement;
    struct weir_buf tree;
    struct weir_json_parser *parser = weir_json_parser_new(DUCK_MAX_DEPTH + 2);
    if (!parser) {
        return weir_fail(r->err, WEIR_ENOMEM, "no memory to read a statement");
    }
    weir_buf_init(&tree, DUCK_MAX_TREE);
    int rc = weir_duck_tree_read(r->s, parser, sql, &tree, &statement, r->err);
    if (rc == WEIR_EUNSUPPORTED) { /* EXPLAIN, or PIVOT over values that it must look up */
        at_least(r, WEIR_CLOCK_NEVER);
        rc = 0;
    } else if (rc == 0) {
        rc = walk(r, statement, 0);
    }
    weir_buf_free(&tree);
    weir_json_parser_free(parser);
    return rc;
}

int weir_duck_reads(struct weir_session *session, const char *sql, struct weir_arena *arena,
                    struct weir_reads *out, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    uint64_t version = atomic_load(&s->db->catalog_version);
    struct reading r = {.s = s, .arena = arena, .out = out, .err = err};
    int rc = weir_duck_usable(s, err);
    rc = rc ? rc : views_known(s, version, err);
    r.known = s->reads;
    return rc ? rc : read_statement(&r, weir_str_of(sql));
}
