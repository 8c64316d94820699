#include "state/group.h"

#include "base/json.h"
#include "base/json_write.h"
#include "state/db.h"

static int no_group(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOENT, "there is no such group");
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the groups");
}

/* --- lists of names, as JSON in a column ---------------------------------------------------- */

static int read_names(struct weir_str json, struct weir_arena *arena, const struct weir_str **out,
                      size_t *count, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(4);
    struct weir_buf text;
    struct weir_json root, item;
    weir_buf_init(&text, 16u << 20);
    weir_buf_adds(&text, json);
    int rc = parser && weir_buf_ok(&text) ? weir_json_parse(parser, weir_buf_str(&text), &root, err)
                                          : no_memory(err);
    size_t n = 0;
    struct weir_str *names = NULL;
    if (rc == 0) {
        names = weir_arena_calloc(arena, (weir_json_count(root) + 1) * sizeof *names);
        struct weir_json_iter it = weir_json_begin(root);
        while (names && weir_json_next(&it, NULL, &item)) {
            struct weir_str name = WEIR_STR("");
            weir_json_str(item, &name);
            names[n] = weir_arena_dup(arena, name);
            rc = names[n++].ptr ? rc : no_memory(err);
        }
        rc = names ? rc : no_memory(err);
    }
    *out = names;
    *count = n;
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return rc;
}

static void print_names(struct weir_buf *out, const struct weir_str *names, size_t count)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_array(&w);
    for (size_t i = 0; i < count; i++) {
        weir_jw_str(&w, names[i]);
    }
    weir_jw_array_end(&w);
}

/* --- reading -------------------------------------------------------------------------------- */

/* How many rows a group has in a table, so that room for them can be made. */
static int count_of(struct weir_state *state, const char *sql, struct weir_str id, size_t *out,
                    struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, sql);
    weir_db_text(&q, id);
    *out = weir_db_row(&q) ? (size_t)weir_db_int(&q, 0) : 0;
    return weir_db_end(&q, err);
}

static int read_tables(struct weir_state *state, struct weir_arena *arena, struct weir_group *g,
                       struct weir_error *err)
{
    size_t count;
    int rc = count_of(state, "select count(*) from grants where group_id = ?", g->id, &count, err);
    if (rc) {
        return rc;
    }
    g->tables = weir_arena_calloc(arena, (count + 1) * sizeof *g->tables);
    if (!g->tables) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, "select schema_name, table_name, rows, hidden, masked "
                                         "from grants where group_id = ? order by place");
    weir_db_text(&q, g->id);
    while (rc == 0 && g->table_count < count && weir_db_row(&q)) {
        struct weir_grant *t = &g->tables[g->table_count++];
        t->group = g->name;
        t->schema = weir_db_str(&q, 0, arena);
        t->table = weir_db_str(&q, 1, arena);
        t->rows = weir_db_str(&q, 2, arena);
        rc = read_names(weir_db_str(&q, 3, arena), arena, &t->hidden, &t->hidden_count, err);
        rc = rc ? rc
                : read_names(weir_db_str(&q, 4, arena), arena, &t->masked, &t->masked_count, err);
    }
    struct weir_error ignored;
    int ended = weir_db_end(&q, rc ? &ignored : err);
    return rc ? rc : ended;
}

static int read_collections(struct weir_state *state, struct weir_arena *arena,
                            struct weir_group *g, struct weir_error *err)
{
    size_t count;
    int rc = count_of(state, "select count(*) from collection_grants where group_id = ?", g->id,
                      &count, err);
    if (rc) {
        return rc;
    }
    g->collections = weir_arena_calloc(arena, (count + 1) * sizeof *g->collections);
    if (!g->collections) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, "select collection, level = 'edit' from collection_grants "
                                         "where group_id = ? order by collection");
    weir_db_text(&q, g->id);
    while (g->collection_count < count && weir_db_row(&q)) {
        struct weir_collection_grant *c = &g->collections[g->collection_count++];
        c->collection = weir_db_str(&q, 0, arena);
        c->edit = weir_db_int(&q, 1) != 0;
    }
    return weir_db_end(&q, err);
}

static int read_members(struct weir_state *state, struct weir_arena *arena, struct weir_group *g,
                        struct weir_error *err)
{
    size_t count;
    /* Built-in: everybody. */
    int rc = count_of(state,
                      "select count(*) from people p where exists (select 1 from groups g "
                      "where g.id = ?1 and (g.builtin or exists (select 1 from members m "
                      "where m.group_id = ?1 and m.person_id = p.id)))",
                      g->id, &count, err);
    if (rc) {
        return rc;
    }
    g->members = weir_arena_calloc(arena, (count + 1) * sizeof *g->members);
    if (!g->members) {
        return no_memory(err);
    }
    struct weir_db q =
        weir_db_on(state, "select p.id from people p where exists (select 1 from groups g "
                          "where g.id = ?1 and (g.builtin or exists (select 1 from members "
                          "m where m.group_id = ?1 and m.person_id = p.id))) "
                          "order by p.email");
    weir_db_text(&q, g->id);
    while (g->member_count < count && weir_db_row(&q)) {
        g->members[g->member_count++] = weir_db_str(&q, 0, arena);
    }
    return weir_db_end(&q, err);
}

static int read_parts(struct weir_state *state, struct weir_arena *arena, struct weir_group *g,
                      struct weir_error *err)
{
    int rc = read_tables(state, arena, g, err);
    rc = rc ? rc : read_collections(state, arena, g, err);
    return rc ? rc : read_members(state, arena, g, err);
}

#define GROUP "select id, name, description, builtin from groups "

/* `argument` is bound to ?1. */
static int read_groups(struct weir_state *state, const char *sql, struct weir_str argument,
                       struct weir_arena *arena, struct weir_group **out, size_t *count,
                       struct weir_error *err)
{
    size_t all, n = 0;
    int rc =
        count_of(state, "select count(*) from groups where ?1 is not null", argument, &all, err);
    if (rc) {
        return rc;
    }
    *out = weir_arena_calloc(arena, (all + 1) * sizeof **out);
    if (!*out) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, sql);
    weir_db_text(&q, argument);
    while (n < all && weir_db_row(&q)) {
        struct weir_group *g = &(*out)[n++];
        g->id = weir_db_str(&q, 0, arena);
        g->name = weir_db_str(&q, 1, arena);
        g->description = weir_db_str(&q, 2, arena);
        g->builtin = weir_db_int(&q, 3) != 0;
    }
    rc = weir_db_end(&q, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = read_parts(state, arena, &(*out)[i], err);
    }
    *count = n;
    return rc;
}

/* In a transaction, so that a group's parts fit each other. */
static int in_one(struct weir_state *state, const char *sql, struct weir_str argument,
                  struct weir_arena *arena, struct weir_group **out, size_t *count,
                  struct weir_error *err)
{
    *count = 0;
    int rc = weir_state_begin(state, err);
    return rc ? rc
              : weir_state_end(state, read_groups(state, sql, argument, arena, out, count, err),
                               err);
}

int weir_groups_list(struct weir_state *state, struct weir_arena *arena, struct weir_group **out,
                     size_t *count, struct weir_error *err)
{
    return in_one(state, GROUP "where ?1 is not null order by builtin desc, name", WEIR_STR(""),
                  arena, out, count, err);
}

int weir_groups_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                   struct weir_group **out, size_t *count, struct weir_error *err)
{
    return in_one(state,
                  GROUP "where exists (select 1 from people where id = ?1) and (builtin or id in "
                        "(select group_id from members where person_id = ?1)) "
                        "order by builtin desc, name",
                  person, arena, out, count, err);
}

static int read_ids(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                    struct weir_str **out, size_t *count, struct weir_error *err)
{
    size_t all;
    int rc = count_of(state, "select count(*) from groups where ?1 is not null", person, &all, err);
    if (rc) {
        return rc;
    }
    *out = weir_arena_calloc(arena, (all + 1) * sizeof **out);
    if (!*out) {
        return no_memory(err);
    }
    struct weir_db q = weir_db_on(state, "select id from groups where builtin or id in (select "
                                         "group_id from members where person_id = ?1) "
                                         "order by builtin desc, name");
    weir_db_text(&q, person);
    while (*count < all && weir_db_row(&q)) {
        (*out)[(*count)++] = weir_db_str(&q, 0, arena);
    }
    return weir_db_end(&q, err);
}

int weir_groups_ids_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                       struct weir_str **out, size_t *count, struct weir_error *err)
{
    *count = 0;
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, read_ids(state, person, arena, out, count, err), err);
}

int weir_group_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                   struct weir_group *out, struct weir_error *err)
{
    struct weir_group *found;
    size_t count;
    int rc = in_one(state, GROUP "where id = ?1 or name = ?1 order by id = ?1 desc limit 1", id,
                    arena, &found, &count, err);
    if (rc == 0 && count == 0) {
        return no_group(err);
    }
    if (rc == 0) {
        *out = found[0];
    }
    return rc;
}

/* --- writing -------------------------------------------------------------------------------- */

static int clear(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    static const char *const parts[] = {"delete from grants where group_id = ?",
                                        "delete from collection_grants where group_id = ?",
                                        "delete from members where group_id = ?"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        struct weir_db q = weir_db_on(state, parts[i]);
        weir_db_text(&q, id);
        rc = weir_db_run(&q, NULL, err);
    }
    return rc;
}

static int write_table(struct weir_state *state, const struct weir_group *g, size_t i,
                       struct weir_error *err)
{
    const struct weir_grant *t = &g->tables[i];
    struct weir_buf hidden, masked;
    weir_buf_init(&hidden, 1u << 20);
    weir_buf_init(&masked, 1u << 20);
    print_names(&hidden, t->hidden, t->hidden_count);
    print_names(&masked, t->masked, t->masked_count);
    int rc = weir_buf_check(&hidden, "the list of hidden columns", err);
    rc = rc ? rc : weir_buf_check(&masked, "the list of masked columns", err);
    if (rc == 0) {
        struct weir_db q =
            weir_db_on(state, "insert into grants (group_id, place, schema_name, table_name, rows, "
                              "hidden, masked) values (?, ?, ?, ?, ?, ?, ?)");
        weir_db_text(&q, g->id);
        weir_db_i64(&q, (int64_t)i);
        weir_db_text(&q, t->schema);
        weir_db_text(&q, t->table);
        weir_db_text(&q, t->rows.len ? t->rows : (struct weir_str){0});
        weir_db_text(&q, weir_buf_str(&hidden));
        weir_db_text(&q, weir_buf_str(&masked));
        rc = weir_db_run(&q, NULL, err);
    }
    weir_buf_free(&hidden);
    weir_buf_free(&masked);
    return rc;
}

static int write_collection(struct weir_state *state, const struct weir_group *g, size_t i,
                            struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert into collection_grants (group_id, collection, level) "
                          "values (?, ?, ?)");
    weir_db_text(&q, g->id);
    weir_db_text(&q, g->collections[i].collection);
    weir_db_textz(&q, g->collections[i].edit ? "edit" : "view");
    int rc = weir_db_run(&q, NULL, err);
    return rc == WEIR_EEXIST ? weir_fail(err, WEIR_EINVAL, "a collection stands there twice") : rc;
}

static int write_member(struct weir_state *state, const struct weir_group *g, size_t i,
                        struct weir_error *err)
{
    struct weir_db q =
        weir_db_on(state, "insert or ignore into members (group_id, person_id) values (?, ?)");
    weir_db_text(&q, g->id);
    weir_db_text(&q, g->members[i]);
    int rc = weir_db_run(&q, NULL, err);
    return rc == WEIR_EINVAL
               ? weir_fail(err, rc,
                           "\"" WEIR_STR_FMT "\" is nobody, or \"" WEIR_STR_FMT "\" is no group",
                           WEIR_STR_ARG(g->members[i]), WEIR_STR_ARG(g->id))
               : rc;
}

static int is_builtin(struct weir_state *state, struct weir_str id, bool *out,
                      struct weir_error *err)
{
    struct weir_db q = weir_db_on(state, "select builtin from groups where id = ?");
    weir_db_text(&q, id);
    *out = weir_db_row(&q) && weir_db_int(&q, 0);
    return weir_db_end(&q, err);
}

static int write_head(struct weir_state *state, const struct weir_group *g, struct weir_error *err)
{
    struct weir_db q = weir_db_on(
        state, "insert into groups (id, name, description, created_at) values (?, ?, ?, ?) "
               "on conflict (id) do update set description = excluded.description, "
               "name = case when builtin then name else excluded.name end");
    weir_db_text(&q, g->id);
    weir_db_text(&q, g->name);
    weir_db_text(&q, g->description.ptr ? g->description : WEIR_STR(""));
    weir_db_i64(&q, weir_now());
    int rc = weir_db_run(&q, NULL, err);
    return rc == WEIR_EEXIST ? weir_fail(err, rc, "another group has this name already") : rc;
}

static int put(struct weir_state *state, const struct weir_group *g, struct weir_error *err)
{
    bool builtin;
    int rc = write_head(state, g, err);
    rc = rc ? rc : is_builtin(state, g->id, &builtin, err);
    rc = rc ? rc : clear(state, g->id, err);
    for (size_t i = 0; rc == 0 && i < g->table_count; i++) {
        rc = write_table(state, g, i, err);
    }
    for (size_t i = 0; rc == 0 && i < g->collection_count; i++) {
        rc = write_collection(state, g, i, err);
    }
    for (size_t i = 0; rc == 0 && !builtin && i < g->member_count; i++) {
        rc = write_member(state, g, i, err);
    }
    return rc;
}

int weir_group_put(struct weir_state *state, const struct weir_group *group, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, put(state, group, err), err);
}

static int set_of(struct weir_state *state, struct weir_str person, const struct weir_str *groups,
                  size_t count, struct weir_error *err)
{
    bool builtin;
    struct weir_db q = weir_db_on(state, "delete from members where person_id = ?");
    weir_db_text(&q, person);
    int rc = weir_db_run(&q, NULL, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_group g = {.id = groups[i], .members = &person, .member_count = 1};
        rc = is_builtin(state, groups[i], &builtin, err);
        rc = rc || builtin ? rc : write_member(state, &g, 0, err);
    }
    return rc;
}

int weir_groups_set_of(struct weir_state *state, struct weir_str person,
                       const struct weir_str *groups, size_t count, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, set_of(state, person, groups, count, err), err);
}

static int delete_one(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    bool builtin;
    int64_t changes;
    int rc = is_builtin(state, id, &builtin, err);
    if (rc == 0 && builtin) {
        return weir_fail(err, WEIR_EPERM,
                         "this group is built in; take its grants away instead of itself");
    }
    if (rc == 0) {
        struct weir_db q = weir_db_on(state, "delete from groups where id = ?");
        weir_db_text(&q, id);
        rc = weir_db_run(&q, &changes, err);
    }
    return rc == 0 && changes == 0 ? no_group(err) : rc;
}

int weir_group_remove(struct weir_state *state, struct weir_str id, struct weir_error *err)
{
    int rc = weir_state_begin(state, err);
    return rc ? rc : weir_state_end(state, delete_one(state, id, err), err);
}
