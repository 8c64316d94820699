/* From the state store to what one person may see. */
#include "base/json.h"
#include "serve/caller.h"
#include "state/group.h"

#define MAX_ATTRIBUTES 200
#define MAX_ITEMS      10000
#define MAX_TEXT       10000

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for what a person may see");
}

/* --- attributes ----------------------------------------------------------------------------- */

static bool is_name(struct weir_str s)
{
    if (s.len == 0 || s.len > 40 || s.ptr[0] < 'a' || s.ptr[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return true;
}

static bool is_text(struct weir_json value)
{
    struct weir_str s;
    return weir_json_str(value, &s) && s.len <= MAX_TEXT && !memchr(s.ptr, 0, s.len);
}

static bool is_text_list(struct weir_json value)
{
    struct weir_json item;
    struct weir_json_iter it = weir_json_begin(value);
    while (weir_json_next(&it, NULL, &item)) {
        if (!is_text(item)) {
            return false;
        }
    }
    return weir_json_count(value) <= MAX_ITEMS;
}

static bool is_value(struct weir_json value)
{
    switch (weir_json_type(value)) {
    case WEIR_JSON_STRING:
        return is_text(value);
    case WEIR_JSON_ARRAY:
        return is_text_list(value);
    case WEIR_JSON_BOOL:
    case WEIR_JSON_INT:
    case WEIR_JSON_DOUBLE:
        return true;
    default:
        return false;
    }
}

int weir_attributes_check(struct weir_json attributes, struct weir_error *err)
{
    struct weir_str key;
    struct weir_json value;
    if (weir_json_type(attributes) != WEIR_JSON_OBJECT ||
        weir_json_count(attributes) > MAX_ATTRIBUTES) {
        return weir_fail(err, WEIR_EINVAL, "\"attributes\" must be an object of at most %d values",
                         MAX_ATTRIBUTES);
    }
    struct weir_json_iter it = weir_json_begin(attributes);
    while (weir_json_next(&it, &key, &value)) {
        if (!is_name(key) || weir_str_is(key, "email") || weir_str_is(key, "name")) {
            return weir_fail(err, WEIR_EINVAL,
                             "the attribute \"" WEIR_STR_FMT
                             "\" needs another name: a to z, 0 to 9 and _, beginning with a "
                             "letter; email and name are there already",
                             WEIR_STR_ARG(weir_utf8_cut(key, 60)));
        }
        if (!is_value(value)) {
            return weir_fail(err, WEIR_EINVAL,
                             "the attribute \"" WEIR_STR_FMT
                             "\" must be text, a number, true, false or a list of text",
                             WEIR_STR_ARG(key));
        }
    }
    return 0;
}

static int read_list(struct weir_json value, struct weir_arena *arena, struct weir_attribute *out,
                     struct weir_error *err)
{
    struct weir_str *items = weir_arena_calloc(arena, (weir_json_count(value) + 1) * sizeof *items);
    struct weir_json item;
    struct weir_json_iter it = weir_json_begin(value);
    while (items && weir_json_next(&it, NULL, &item)) {
        struct weir_str text = WEIR_STR("");
        weir_json_str(item, &text);
        items[out->item_count] = weir_arena_dup(arena, text);
        if (!items[out->item_count++].ptr) {
            return no_memory(err);
        }
    }
    out->kind = WEIR_ATTRIBUTE_LIST;
    out->items = items;
    return items ? 0 : no_memory(err);
}

static int read_attribute(struct weir_str key, struct weir_json value, struct weir_arena *arena,
                          struct weir_attribute *out, struct weir_error *err)
{
    struct weir_str text;
    out->name = weir_arena_dup(arena, key);
    if (!out->name.ptr) {
        return no_memory(err);
    }
    if (weir_json_str(value, &text)) {
        out->kind = WEIR_ATTRIBUTE_TEXT;
        out->text = weir_arena_dup(arena, text);
        return out->text.ptr ? 0 : no_memory(err);
    }
    if (weir_json_i64(value, &out->integer)) {
        out->kind = WEIR_ATTRIBUTE_INTEGER;
        return 0;
    }
    if (weir_json_double(value, &out->number)) {
        out->kind = WEIR_ATTRIBUTE_NUMBER;
        return 0;
    }
    if (weir_json_bool(value, &out->boolean)) {
        out->kind = WEIR_ATTRIBUTE_BOOL;
        return 0;
    }
    return read_list(value, arena, out, err);
}

/* The store's text was checked when it was written; what does not read now gives no access. */
static int read_attributes(struct weir_json_parser *parser, const struct weir_person *p,
                           struct weir_arena *arena, struct weir_access *out,
                           struct weir_error *err)
{
    struct weir_json root;
    struct weir_str key;
    struct weir_json value;
    struct weir_buf text;
    weir_buf_init(&text, 16u << 20);
    weir_buf_adds(&text, p->attributes);
    int rc = weir_buf_check(&text, "a person's attributes", err);
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    rc = rc ? rc : weir_attributes_check(root, err);
    weir_buf_free(&text);
    if (rc) {
        return rc;
    }
    struct weir_attribute *list =
        weir_arena_calloc(arena, (weir_json_count(root) + 2) * sizeof *list);
    if (!list) {
        return no_memory(err);
    }
    list[0] = (struct weir_attribute){.name = WEIR_STR("email"), .text = p->email};
    list[1] = (struct weir_attribute){.name = WEIR_STR("name"), .text = p->name};
    size_t n = 2;
    struct weir_json_iter it = weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        rc = read_attribute(key, value, arena, &list[n++], err);
    }
    out->attributes = list;
    out->attribute_count = n;
    return rc;
}

/* --- grants --------------------------------------------------------------------------------- */

static int read_grants(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                       struct weir_access *out, struct weir_error *err)
{
    struct weir_group *groups;
    size_t count, all = 0;
    int rc = weir_groups_of(state, person, arena, &groups, &count, err);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        all += groups[i].table_count;
    }
    struct weir_grant *grants = weir_arena_calloc(arena, (all + 1) * sizeof *grants);
    if (!grants) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (groups[i].table_count) {
            memcpy(grants + out->grant_count, groups[i].tables,
                   groups[i].table_count * sizeof *grants);
        }
        out->grant_count += groups[i].table_count;
    }
    out->grants = grants;
    return 0;
}

static int build(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                 struct weir_access *out, struct weir_error *err)
{
    struct weir_person person;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    int rc = parser ? weir_person_get(state, id, arena, &person, err) : no_memory(err);
    if (rc == 0) {
        out->email = person.email;
        rc = read_attributes(parser, &person, arena, out, err);
    }
    rc = rc ? rc : read_grants(state, id, arena, out, err);
    weir_json_parser_free(parser);
    return rc ? rc : weir_access_seal(out, err);
}

int weir_caller_access(struct weir_state *state, const struct weir_caller *who,
                       struct weir_arena *arena, struct weir_access **out, struct weir_error *err)
{
    *out = NULL;
    if (who->role == WEIR_ROLE_ADMIN && who->way != WEIR_WAY_NOBODY) {
        return 0;
    }
    struct weir_access *access = weir_arena_calloc(arena, sizeof *access);
    int rc = access ? weir_state_begin(state, err) : no_memory(err); /* one view of all of it */
    if (rc) {
        return rc;
    }
    rc = weir_state_end(state, build(state, weir_str_of(who->id), arena, access, err), err);
    if (rc == 0) {
        *out = access;
    }
    return rc;
}
