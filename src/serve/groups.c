/* /api/groups */
#include <stdio.h>

#include "serve/ask.h"
#include "state/group.h"
#include "state/home.h"

#define MAX_GRANTS 10000
#define MAX_TRIED  200  /* tables of one pattern */
#define MAX_ROWS   8192 /* bytes of a condition */

static void print_names(struct weir_jw *w, const char *key, const struct weir_str *names,
                        size_t count)
{
    weir_jw_keyz(w, key);
    weir_jw_array(w);
    for (size_t i = 0; i < count; i++) {
        weir_jw_str(w, names[i]);
    }
    weir_jw_array_end(w);
}

static void print_tables(struct weir_jw *w, const struct weir_group *g)
{
    weir_jw_keyz(w, "tables");
    weir_jw_array(w);
    for (size_t i = 0; i < g->table_count; i++) {
        const struct weir_grant *t = &g->tables[i];
        weir_jw_object(w);
        weir_jw_kstr(w, "schema", t->schema);
        weir_jw_kstr(w, "table", t->table);
        weir_jw_keyz(w, "rows");
        if (t->rows.len) {
            weir_jw_str(w, t->rows);
        } else {
            weir_jw_null(w);
        }
        print_names(w, "hidden", t->hidden, t->hidden_count);
        print_names(w, "masked", t->masked, t->masked_count);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

/* Editors see which groups there are, to share with them; admins see all. */
static void print_group(struct weir_ask *ask, const struct weir_group *g)
{
    struct weir_jw *w = &ask->w;
    weir_jw_object(w);
    weir_jw_kstr(w, "id", g->id);
    weir_jw_kstr(w, "name", g->name);
    weir_jw_kstr(w, "description", g->description);
    weir_jw_kbool(w, "builtin", g->builtin);
    if (ask->who.role == WEIR_ROLE_ADMIN) {
        print_names(w, "members", g->members, g->member_count);
        print_tables(w, g);
        struct weir_error ignored;
        struct weir_str home;
        weir_jw_kstr_or_null(
            w, "home",
            weir_home_get(ask->state, g->id, &ask->arena, &home, &ignored) ? WEIR_STR("") : home);
        weir_jw_keyz(w, "collections");
        weir_jw_array(w);
        for (size_t i = 0; i < g->collection_count; i++) {
            weir_jw_object(w);
            weir_jw_kstr(w, "collection", g->collections[i].collection);
            weir_jw_kstrz(w, "level", g->collections[i].edit ? "edit" : "view");
            weir_jw_object_end(w);
        }
        weir_jw_array_end(w);
    }
    weir_jw_object_end(w);
}

int weir_ask_groups(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_group *groups;
    size_t count = 0;
    int rc = weir_groups_list(ask->state, &ask->arena, &groups, &count, err);
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "groups");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        print_group(ask, &groups[i]);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_object_end(&ask->w);
    return rc;
}

int weir_ask_group(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_group g;
    int rc = weir_group_get(ask->state, ask->id, &ask->arena, &g, err);
    if (rc == 0) {
        print_group(ask, &g);
    }
    return rc;
}

/* --- what a body says ----------------------------------------------------------------------- */

static bool is_pattern(struct weir_str s)
{
    return s.len > 0 && s.len <= 200 && !memchr(s.ptr, 0, s.len);
}

static int read_table(struct weir_ask *ask, struct weir_json object, size_t i,
                      struct weir_grant *out, struct weir_error *err)
{
    static const char *const known[] = {"schema", "table", "rows", "hidden", "masked", NULL};
    char where[32];
    struct weir_str *hidden, *masked;
    snprintf(where, sizeof where, "tables[%zu]", i);
    int rc = weir_ask_keys(object, where, known, err);
    if (rc) {
        return rc;
    }
    out->schema = weir_json_get_str(object, "schema");
    out->table = weir_json_get_str(object, "table");
    if (!is_pattern(out->schema) || !is_pattern(out->table)) {
        return weir_fail(err, WEIR_EINVAL,
                         "%s needs \"schema\" and \"table\": names, in which * stands for any "
                         "characters",
                         where);
    }
    struct weir_json rows = weir_json_get(object, "rows");
    if (weir_json_type(rows) != WEIR_JSON_NULL &&
        (!weir_json_str(rows, &out->rows) || out->rows.len > MAX_ROWS ||
         weir_str_trim(out->rows).len == 0 || memchr(out->rows.ptr, 0, out->rows.len))) {
        return weir_fail(err, WEIR_EINVAL,
                         "%s.rows must be null (all rows) or a condition in SQL of at most %d "
                         "bytes, such as: sport in (user.sports)",
                         where, MAX_ROWS);
    }
    rc = weir_ask_texts(ask, object, "hidden", &hidden, &out->hidden_count, err);
    rc = rc ? rc : weir_ask_texts(ask, object, "masked", &masked, &out->masked_count, err);
    if (rc == 0) {
        out->hidden = hidden;
        out->masked = masked;
    }
    return rc;
}

static int read_tables(struct weir_ask *ask, struct weir_group *g, struct weir_error *err)
{
    struct weir_json list = weir_json_get(ask->body, "tables"), item;
    int rc = 0;
    if (!weir_json_exists(list)) {
        return 0;
    }
    if (weir_json_type(list) != WEIR_JSON_ARRAY || weir_json_count(list) > MAX_GRANTS) {
        return weir_fail(err, WEIR_EINVAL, "\"tables\" must be a list of at most %d", MAX_GRANTS);
    }
    g->tables = weir_arena_calloc(&ask->arena, (weir_json_count(list) + 1) * sizeof *g->tables);
    if (!g->tables) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the tables");
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (rc == 0 && weir_json_next(&it, NULL, &item)) {
        rc = read_table(ask, item, g->table_count, &g->tables[g->table_count], err);
        g->table_count++;
    }
    return rc;
}

static int read_collections(struct weir_ask *ask, struct weir_group *g, struct weir_error *err)
{
    static const char *const known[] = {"collection", "level", NULL};
    struct weir_json list = weir_json_get(ask->body, "collections"), item;
    if (!weir_json_exists(list)) {
        return 0;
    }
    if (weir_json_type(list) != WEIR_JSON_ARRAY || weir_json_count(list) > MAX_GRANTS) {
        return weir_fail(err, WEIR_EINVAL, "\"collections\" must be a list of at most %d",
                         MAX_GRANTS);
    }
    g->collections =
        weir_arena_calloc(&ask->arena, (weir_json_count(list) + 1) * sizeof *g->collections);
    if (!g->collections) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the collections");
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        struct weir_collection_grant *c = &g->collections[g->collection_count++];
        int rc = weir_ask_keys(item, "a collection", known, err);
        if (rc) {
            return rc;
        }
        struct weir_str level = weir_json_get_str(item, "level");
        c->collection = weir_json_get_str(item, "collection");
        c->edit = weir_str_is(level, "edit");
        if (!is_pattern(c->collection) || (!c->edit && !weir_str_is(level, "view"))) {
            return weir_fail(err, WEIR_EINVAL,
                             "a collection needs \"collection\", its slug or *, and \"level\", "
                             "view or edit");
        }
    }
    return 0;
}

static int read_group(struct weir_ask *ask, struct weir_group *g, struct weir_error *err)
{
    static const char *const known[] = {
        "id", "name", "description", "builtin", "members", "tables", "collections", "home", NULL};
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "name", true, &g->name, err);
    rc = rc ? rc : weir_name_check(g->name, err);
    rc = rc ? rc : weir_ask_text(ask, "description", false, &g->description, err);
    if (rc == 0 && g->description.len > 2000) {
        rc = weir_fail(err, WEIR_EINVAL, "\"description\" has at most 2,000 bytes");
    }
    rc = rc ? rc : weir_ask_texts(ask, ask->body, "members", &g->members, &g->member_count, err);
    rc = rc ? rc : read_tables(ask, g, err);
    return rc ? rc : read_collections(ask, g, err);
}

/* --- trying the conditions -------------------------------------------------------------------- */

static int say_broken(struct weir_ask *ask, const struct weir_grant *g, const struct weir_table *t,
                      const struct weir_error *why, struct weir_error *err)
{
    ask->status = 422;
    return weir_fail(err, WEIR_EINVAL,
                     "the condition \"" WEIR_STR_FMT "\" cannot be applied to " WEIR_STR_FMT
                     "." WEIR_STR_FMT ": %s; correct it, or give that table a line of its own",
                     WEIR_STR_ARG(weir_utf8_cut(g->rows, 200)), WEIR_STR_ARG(t->schema),
                     WEIR_STR_ARG(t->name), why->message);
}

/* A name must fit. A pattern must fit one of its tables: the others, which have no such column,
 * stay closed. */
static int try_grant(struct weir_ask *ask, struct weir_session *session, const struct weir_grant *g,
                     const struct weir_table *tables, size_t count, struct weir_error *err)
{
    const struct weir_table *broken = NULL;
    struct weir_error why = {0}, first = {0};
    size_t tried = 0;
    for (size_t i = 0; i < count && tried < MAX_TRIED; i++) {
        const struct weir_table *t = &tables[i];
        if (!weir_access_means_schema(g->schema, t->schema) ||
            !weir_access_matches(g->table, t->name)) {
            continue;
        }
        tried++;
        int rc = weir_session_check_rows(session, t->schema, t->name, g->rows, &why);
        if (rc == 0) {
            return 0;
        }
        if (rc != WEIR_EINVAL && rc != WEIR_ENOENT) {
            *err = why;
            return rc;
        }
        if (rc == WEIR_EINVAL && !broken) {
            broken = t;
            first = why;
        }
    }
    return broken ? say_broken(ask, g, broken, &first, err) : 0;
}

/* A condition that its table cannot answer would close the table; better it is known now. Tables
 * that are not there yet cannot be asked. */
static int try_rows(struct weir_ask *ask, const struct weir_group *g, struct weir_error *err)
{
    struct weir_session *session;
    struct weir_table *tables;
    size_t count, conditions = 0;
    for (size_t i = 0; i < g->table_count; i++) {
        conditions += g->tables[i].rows.len > 0;
    }
    if (!ask->warehouse || conditions == 0) {
        return 0;
    }
    int rc = weir_session_new(ask->warehouse, WEIR_SESSION_READER, &session, err);
    if (rc == 0) {
        rc = weir_session_describe(session, &ask->arena, &tables, &count, err);
        for (size_t i = 0; rc == 0 && i < g->table_count; i++) {
            if (g->tables[i].rows.len) {
                rc = try_grant(ask, session, &g->tables[i], tables, count, err);
            }
        }
        weir_session_free(session);
    }
    return rc == WEIR_EFATAL
               ? weir_fail(err, WEIR_EBUSY, "the warehouse is being reopened; try again")
               : rc;
}

/* --- changing ------------------------------------------------------------------------------- */

static int put(struct weir_ask *ask, const struct weir_group *g, const char *action,
               struct weir_error *err)
{
    struct weir_str detail;
    struct weir_error ignored;
    struct weir_group made;
    int rc = weir_group_put(ask->state, g, err);
    rc = rc ? rc : weir_group_get(ask->state, g->id, &ask->arena, &made, err);
    if (rc == 0 && weir_ask_json(ask, ask->body, &detail, &ignored)) {
        detail = WEIR_STR("{\"large\":true}");
    }
    rc = rc ? rc : weir_ask_note(ask, action, made.name, detail, err);
    if (rc == 0) {
        weir_ask_rights(ask, NULL);
        print_group(ask, &made);
    }
    return rc;
}

int weir_ask_group_add(struct weir_ask *ask, struct weir_error *err)
{
    char id[WEIR_ID_SIZE];
    weir_state_id(id);
    struct weir_group g = {.id = weir_str_of(id)};
    int rc = read_group(ask, &g, err);
    rc = rc ? rc : try_rows(ask, &g, err);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    rc = rc ? rc : weir_state_end(ask->state, put(ask, &g, "group.add", err), err);
    ask->status = rc ? ask->status : 201;
    return rc;
}

static int replace(struct weir_ask *ask, struct weir_group *g, struct weir_error *err)
{
    struct weir_group there;
    int rc = weir_group_get(ask->state, ask->id, &ask->arena, &there, err);
    g->id = there.id;
    return rc ? rc : put(ask, g, "group.change", err);
}

int weir_ask_group_put(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_group g = {0};
    int rc = read_group(ask, &g, err);
    rc = rc ? rc : try_rows(ask, &g, err);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, replace(ask, &g, err), err);
}

static int remove_group(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_group g;
    int rc = weir_group_get(ask->state, ask->id, &ask->arena, &g, err);
    rc = rc ? rc : weir_group_remove(ask->state, g.id, err);
    ask->status = rc ? ask->status : 204;
    weir_ask_rights(ask, NULL);
    return rc ? rc : weir_ask_note(ask, "group.remove", g.name, WEIR_STR(""), err);
}

int weir_ask_group_remove(struct weir_ask *ask, struct weir_error *err)
{
    int rc = weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, remove_group(ask, err), err);
}
