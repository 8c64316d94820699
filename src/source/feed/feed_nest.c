#include "source/feed/feed_nest.h"

#include <stdlib.h>

#include "csv/columns.h"

#define MAX_DEPTH  8   /* lists in lists */
#define MAX_TABLES 500 /* of a stream */
#define MAX_NAME   200 /* bytes of a table's */
#define MAX_BUF    (64u << 20)

/* A list that stays JSON, in the column of its name. */
#define STAYS ((struct weir_feed_stream *)(uintptr_t)1)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the rows of a run");
}

static int add_own(struct weir_feed_stream *s, const char *name, enum weir_type type, size_t *at,
                   struct weir_error *err)
{
    struct weir_feed_column column = {.type = type, .own = true};
    return weir_feed_add_column(s, weir_str_of(name), &column, at, err);
}

static int make_nest(struct weir_feed_stream *s, struct weir_feed_stream *parent, unsigned depth,
                     struct weir_str suffix, struct weir_error *err)
{
    struct weir_feed_nest *n = weir_arena_calloc(&s->feed->arena, sizeof *n);
    if (!n) {
        return no_memory(err);
    }
    s->nest = n;
    n->parent = parent;
    n->root = parent ? parent->nest->root : s;
    n->depth = depth;
    n->suffix = suffix;
    n->key_of = SIZE_MAX;
    weir_map_init(&n->lists);
    weir_buf_init(&n->path, MAX_BUF);
    weir_buf_init(&n->id_text, MAX_BUF);
    weir_buf_init(&n->notes, 1u << 20);
    int rc = add_own(s, WEIR_SOURCE_ID, WEIR_TYPE_TEXT, &n->id, err);
    if (rc == 0 && parent) {
        rc = add_own(s, WEIR_SOURCE_PARENT, WEIR_TYPE_TEXT, &n->up, err);
        rc = rc ? rc : add_own(s, WEIR_SOURCE_INDEX, WEIR_TYPE_INT, &n->index, err);
        rc = rc || n->depth < 2 ? rc : add_own(s, WEIR_SOURCE_ROOT, WEIR_TYPE_TEXT, &n->top, err);
        rc = rc ? rc : add_own(s, WEIR_SOURCE_ROW, WEIR_TYPE_INT, &n->row, err);
    }
    return rc;
}

int weir_feed_nest_open(struct weir_feed_stream *s, const struct weir_source_stream *own,
                        struct weir_error *err)
{
    s->own = own;
    s->flat = own->nested != WEIR_SOURCE_NESTED_JSON;
    return own->nested == WEIR_SOURCE_NESTED_TABLES ? make_nest(s, NULL, 0, WEIR_STR(""), err) : 0;
}

void weir_feed_nest_free(struct weir_feed_stream *s)
{
    if (s->nest) {
        weir_map_free(&s->nest->lists);
        weir_buf_free(&s->nest->path);
        weir_buf_free(&s->nest->id_text);
        weir_buf_free(&s->nest->notes);
        free(s->nest->children);
    }
}

bool weir_feed_is_list(const struct weir_feed_stream *s)
{
    return s->nest && s->nest->parent;
}

/* --- the streams of lists -----------------------------------------------------------------------
 */

/* "items" of a path, as a column of it would be called. */
static int name_of(const struct weir_feed_stream *s, struct weir_str path, struct weir_str *out,
                   struct weir_error *err)
{
    struct weir_arena *arena = &s->feed->arena;
    struct weir_column named = {.name = {NULL, 0}};
    struct weir_str header =
        weir_str_is(path, WEIR_FEED_ELEMENT) ? WEIR_STR("value") : weir_feed_original(arena, path);
    int rc = header.ptr ? weir_csv_name_columns(arena, &header, 1, &named, err) : no_memory(err);
    const char *name = rc                ? NULL
                       : s->nest->parent ? weir_arena_printf(arena, WEIR_STR_FMT "__" WEIR_STR_FMT,
                                                             WEIR_STR_ARG(s->nest->suffix),
                                                             WEIR_STR_ARG(named.name))
                                         : weir_arena_dup(arena, named.name).ptr;
    *out = weir_str_of(name ? name : "");
    return rc ? rc : name ? 0 : no_memory(err);
}

static bool is_excluded(const struct weir_feed_stream *root, struct weir_str name)
{
    for (size_t i = 0; i < root->own->exclude.count; i++) {
        if (weir_str_is(name, root->own->exclude.items[i])) {
            return true;
        }
    }
    return false;
}

static int stay(struct weir_feed_stream *s, struct weir_str path, struct weir_str suffix,
                struct weir_error *err)
{
    struct weir_buf text, *notes = &s->nest->root->nest->notes;
    weir_buf_init(&text, 4096);
    weir_buf_addf(&text,
                  "lists at " WEIR_STR_FMT " stay JSON: there are %d levels of tables, with names "
                  "of %d bytes at most",
                  WEIR_STR_ARG(weir_utf8_cut(suffix, 300)), MAX_DEPTH, MAX_NAME);
    weir_buf_addz(notes, notes->len ? "," : "");
    weir_json_quote(notes, weir_buf_str(&text));
    weir_buf_free(&text);
    return weir_map_put(&s->nest->lists, path, STAYS) ? no_memory(err) : 0;
}

static int add_child(struct weir_feed_nest *n, struct weir_feed_stream *child,
                     struct weir_error *err)
{
    if (n->count == n->room) {
        size_t room = n->room ? 2 * n->room : 8;
        struct weir_feed_stream **grown =
            reallocarray(n->children, room, sizeof(struct weir_feed_stream *));
        if (!grown) {
            return no_memory(err);
        }
        n->children = grown;
        n->room = room;
    }
    n->children[n->count++] = child;
    return 0;
}

/* What an earlier load of the run made for its table alone is the list that comes now. */
static int make_list(struct weir_feed_stream *s, const char *name, struct weir_str suffix,
                     struct weir_feed_stream **out, struct weir_error *err)
{
    struct weir_feed_stream *child = weir_map_get(&s->feed->by_name, weir_str_of(name));
    int rc = 0;
    if (!child) {
        rc = weir_feed_stream(s->feed, weir_str_of(name), &child, err);
        rc = rc ? rc : make_nest(child, s, s->nest->depth + 1, suffix, err);
    }
    *out = child;
    if (rc == 0) {
        child->own = s->nest->root->own;
        child->flat = child->came = true;
        child->version = s->version;
        child->file = s->file;
        child->nest->parent = s;
        child->nest->awaited = false;
        child->nest->left_out = is_excluded(s->nest->root, suffix);
    }
    return rc;
}

static int make_child(struct weir_feed_stream *s, struct weir_str path, struct weir_str suffix,
                      struct weir_error *err)
{
    struct weir_feed_stream *root = s->nest->root, *child = NULL;
    const char *name = weir_arena_printf(&s->feed->arena, WEIR_STR_FMT "." WEIR_STR_FMT "[]",
                                         WEIR_STR_ARG(root->name), WEIR_STR_ARG(suffix));
    if (!name) {
        return no_memory(err);
    }
    if (root->nest->all++ == MAX_TABLES) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "stream \"" WEIR_STR_FMT "\" has more than %d lists, one of them at "
                         "\"" WEIR_STR_FMT "\"; leave some out by `exclude`, or say `nested: "
                         "flatten` or `json`",
                         WEIR_STR_ARG(root->name), MAX_TABLES, WEIR_STR_ARG(suffix));
    }
    child = weir_map_get(&s->feed->by_name, weir_str_of(name));
    if (child && !(child->nest && child->nest->awaited)) {
        return weir_fail(err, WEIR_EINVAL,
                         "stream \"" WEIR_STR_FMT "\" has two lists whose table would end in "
                         "\"__" WEIR_STR_FMT "\"; leave them out by `exclude: [" WEIR_STR_FMT
                         "]`, or say `nested: flatten` or `json`",
                         WEIR_STR_ARG(root->name), WEIR_STR_ARG(suffix), WEIR_STR_ARG(suffix));
    }
    int rc = make_list(s, name, suffix, &child, err);
    rc = rc ? rc : add_child(s->nest, child, err);
    return rc ? rc : weir_map_put(&s->nest->lists, path, child) ? no_memory(err) : 0;
}

/* NULL in *out: it stays JSON. */
static int list_of(struct weir_feed_stream *s, struct weir_str path, struct weir_feed_stream **out,
                   struct weir_error *err)
{
    struct weir_str suffix, kept;
    int rc = 0;
    *out = weir_map_get(&s->nest->lists, path);
    if (!*out) {
        kept = weir_arena_dup(&s->feed->arena, path);
        rc = kept.ptr ? name_of(s, kept, &suffix, err) : no_memory(err);
        if (rc == 0 &&
            (s->nest->depth + 1 > MAX_DEPTH || suffix.len + s->nest->root->name.len > MAX_NAME)) {
            rc = stay(s, kept, suffix, err);
        } else {
            rc = rc ? rc : make_child(s, kept, suffix, err);
        }
        *out = rc ? NULL : weir_map_get(&s->nest->lists, path);
    }
    *out = *out == STAYS ? NULL : *out;
    return rc;
}

int weir_feed_nest_takes(struct weir_feed_stream *s, struct weir_str path, bool *takes,
                         struct weir_error *err)
{
    struct weir_feed_stream *child;
    int rc = list_of(s, path, &child, err);
    *takes = rc == 0 && child;
    return rc;
}

int weir_feed_nest_declare(struct weir_feed_stream *s, struct weir_str path,
                           struct weir_json property, struct weir_error *err)
{
    struct weir_feed_stream *child;
    struct weir_json items = weir_json_get(property, "items");
    int rc = list_of(s, path, &child, err);
    return rc || !child || !items.doc ? rc : weir_feed_declare_element(child, items, err);
}

int weir_feed_nest_empty(struct weir_feed_stream *root, struct weir_str name,
                         struct weir_str suffix, unsigned depth, struct weir_error *err)
{
    struct weir_feed_stream *child = weir_map_get(&root->feed->by_name, name);
    if (child) {
        return 0;
    }
    int rc = weir_feed_stream(root->feed, name, &child, err);
    if (rc == 0) {
        child->own = root->own;
        child->came = true;
        rc = make_nest(child, root, depth, weir_arena_dup(&root->feed->arena, suffix), err);
    }
    if (rc == 0) {
        child->nest->awaited = true;
    }
    return rc;
}

bool weir_feed_nest_mixed(const struct weir_feed_stream *child, size_t *column)
{
    const struct weir_feed_stream *s = child->nest->parent;
    for (size_t i = 0; i < s->column_count; i++) {
        if (!s->columns[i].own && weir_map_get(&s->nest->lists, s->columns[i].path) == child) {
            *column = i;
            return true;
        }
    }
    return false;
}

int weir_feed_nest_show(struct weir_feed_stream *s, struct weir_source_plan *plan,
                        struct weir_error *err)
{
    struct weir_feed *f = s->feed;
    plan->lists = weir_arena_calloc(&plan->arena, (s->nest->all + 1) * sizeof *plan->lists);
    for (size_t i = 0; plan->lists && i < f->stream_count; i++) {
        const struct weir_feed_stream *child = f->streams[i];
        if (!child->nest || !child->nest->parent || child->nest->left_out ||
            plan->list_count == s->nest->all) {
            continue;
        }
        struct weir_source_list *list = &plan->lists[plan->list_count++];
        size_t n = child->column_count;
        list->suffix = weir_arena_dup(&plan->arena, child->nest->suffix);
        list->columns = weir_arena_calloc(&plan->arena, (n + 1) * sizeof *list->columns);
        if (!list->suffix.ptr || !list->columns) {
            return no_memory(err);
        }
        for (size_t k = 0; k < 2 * n; k++) { /* weir's own behind the others */
            const struct weir_feed_column *c = &child->columns[k % n];
            if (c->own == (k >= n) && !weir_str_is(c->name, WEIR_SOURCE_ROW)) {
                list->columns[list->column_count++] = (struct weir_source_column){
                    .name = weir_arena_dup(&plan->arena, c->name),
                    .original = weir_arena_dup(&plan->arena, c->original),
                    .type = c->type};
            }
        }
    }
    return plan->lists ? 0 : no_memory(err);
}

/* --- ids ----------------------------------------------------------------------------------------
 */

static int look_up_key(struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_feed_nest *n = s->nest;
    bool said = s->own->mode_said;
    const struct weir_text_list *key = said ? &s->own->key : &s->key;
    if (n->key_of == s->column_count) {
        return 0;
    }
    n->key_of = s->column_count;
    n->key_count = 0;
    n->key = weir_arena_calloc(&s->feed->arena, (key->count + 1) * sizeof *n->key);
    if (!n->key) {
        return no_memory(err);
    }
    for (size_t i = 0; i < key->count; i++) {
        for (size_t k = 0; k < s->column_count; k++) {
            const struct weir_feed_column *c = &s->columns[k];
            if (weir_str_is(said ? c->name : c->original, key->items[i])) {
                n->key[n->key_count++] = c->path;
                break;
            }
        }
    }
    n->key_count = n->key_count == key->count ? key->count : 0;
    return 0;
}

static struct weir_json member(struct weir_json object, struct weir_str path)
{
    struct weir_json_iter it = weir_json_begin(object);
    struct weir_json value, none = {NULL, 0};
    struct weir_str key, rest = path, first = weir_str_cut(&rest, WEIR_FEED_STEP);
    while (weir_json_type(object) == WEIR_JSON_OBJECT && weir_json_next(&it, &key, &value)) {
        if (weir_str_eq(key, rest.ptr ? first : path)) {
            return rest.ptr ? member(value, rest) : value;
        }
    }
    return none;
}

/* One text for all ways to write a number. */
static void add_key(struct weir_buf *out, struct weir_json value)
{
    struct weir_str text;
    double d;
    if (weir_json_str(value, &text)) {
        weir_buf_adds(out, text);
    } else if (weir_json_type(value) == WEIR_JSON_DOUBLE && weir_json_double(value, &d) &&
               d >= -1e15 && d <= 1e15 && !(d < (double)(int64_t)d) && !(d > (double)(int64_t)d)) {
        weir_buf_add_i64(out, (int64_t)d);
    } else {
        weir_json_print(value, out);
    }
}

/* That of its key, else one that no other row ever has: so has each version of a row. */
static int make_id(struct weir_feed_stream *s, struct weir_json record, struct weir_error *err)
{
    struct weir_feed_nest *n = s->nest;
    struct weir_buf *out = &n->id_text, *part = &s->feed->text;
    int rc = look_up_key(s, err);
    bool keyed = n->key_count > 0 && s->own->mode != WEIR_SOURCE_HISTORY;
    weir_buf_reset(out);
    weir_buf_addz(out, n->key_count > 1 ? "[" : "");
    for (size_t i = 0; rc == 0 && i < n->key_count; i++) {
        struct weir_json value = member(record, n->key[i]);
        keyed = keyed && weir_json_type(value) != WEIR_JSON_NULL;
        if (n->key_count == 1) {
            add_key(out, value);
        } else {
            weir_buf_reset(part);
            add_key(part, value);
            weir_buf_addz(out, i ? "," : "");
            weir_json_quote(out, weir_buf_str(part));
        }
    }
    weir_buf_addz(out, n->key_count > 1 ? "]" : "");
    if (!keyed) {
        weir_buf_reset(out);
        weir_buf_addf(out, "%s-%llu", s->feed->id, (unsigned long long)++s->feed->ids);
    }
    return rc ? rc : weir_buf_check(out, "the id of a row", err);
}

int weir_feed_nest_row(struct weir_feed_stream *s, struct weir_json record, struct weir_error *err)
{
    int rc = make_id(s, record, err);
    return rc ? rc
              : weir_source_rows_text(&s->batch, s->nest->id, weir_buf_str(&s->nest->id_text), err);
}

/* --- elements -----------------------------------------------------------------------------------
 */

struct place { /* of an element */
    uint64_t row;
    int64_t index;
};

static int set_own(struct weir_feed_stream *s, const struct place *at, struct weir_error *err)
{
    struct weir_feed_nest *n = s->nest;
    struct weir_str up = weir_buf_str(&n->parent->nest->id_text);
    weir_buf_reset(&n->id_text);
    weir_buf_adds(&n->id_text, up);
    weir_buf_addc(&n->id_text, '/');
    weir_buf_add_i64(&n->id_text, at->index);
    int rc = weir_buf_check(&n->id_text, "the id of a row", err);
    rc = rc ? rc : weir_source_rows_text(&s->batch, n->id, weir_buf_str(&n->id_text), err);
    rc = rc ? rc : weir_source_rows_text(&s->batch, n->up, up, err);
    if (rc == 0 && n->depth > 1) {
        rc = weir_source_rows_text(&s->batch, n->top, weir_buf_str(&n->root->nest->id_text), err);
    }
    if (rc == 0) {
        weir_source_rows_int(&s->batch, n->index, at->index);
        weir_source_rows_int(&s->batch, n->row, (int64_t)at->row);
    }
    return rc;
}

/* One pass over an element. *changed: it is to be made again. */
static int put_element(struct weir_feed_stream *s, struct weir_json value, const struct place *at,
                       bool *changed, struct weir_error *err)
{
    enum weir_json_type type = weir_json_type(value);
    int rc = 0;
    if (type == WEIR_JSON_OBJECT) {
        rc = weir_feed_put_members(s, value, changed, err);
    } else if (type != WEIR_JSON_NULL) {
        rc = weir_feed_put_one(s, WEIR_STR(WEIR_FEED_ELEMENT), value, changed, err);
    }
    return rc || *changed ? rc : set_own(s, at, err);
}

static int element(struct weir_feed_stream *s, struct weir_json value, const struct place *at,
                   struct weir_error *err);

static int elements(struct weir_feed_stream *s, struct weir_str path, struct weir_json list,
                    uint64_t row, struct weir_error *err)
{
    struct weir_feed_stream *child;
    struct weir_json value;
    struct weir_json_iter it = weir_json_begin(list);
    struct place at = {row, 0};
    int rc = list_of(s, path, &child, err);
    if (rc || !child || child->nest->left_out) {
        return rc;
    }
    if (child->nest->of == s->nest->rows) {
        return weir_fail(err, WEIR_EINVAL, "the list \"" WEIR_STR_FMT "\" is twice in one object",
                         WEIR_STR_ARG(child->nest->suffix));
    }
    child->nest->of = s->nest->rows;
    child->nest->elements += weir_json_count(list);
    child->file = s->file;
    for (; rc == 0 && weir_json_next(&it, NULL, &value); at.index++) {
        rc = element(child, value, &at, err);
    }
    return rc;
}

static int lists_in(struct weir_feed_stream *s, struct weir_json object, size_t length,
                    unsigned depth, uint64_t row, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(object);
    struct weir_buf *path = &s->nest->path;
    struct weir_str key;
    struct weir_json value;
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        enum weir_json_type type = weir_json_type(value);
        if (type != WEIR_JSON_ARRAY &&
            (type != WEIR_JSON_OBJECT || depth == WEIR_FEED_STEPS || key.len == 0)) {
            continue;
        }
        path->len = length;
        weir_feed_add_step(path, key);
        rc = weir_buf_check(path, "the path of a list", err);
        rc = rc                        ? rc
             : type == WEIR_JSON_ARRAY ? elements(s, weir_buf_str(path), value, row, err)
                                       : lists_in(s, value, path->len, depth + 1, row, err);
    }
    return rc;
}

int weir_feed_nest_lists(struct weir_feed_stream *s, struct weir_json record, uint64_t row,
                         struct weir_error *err)
{
    s->nest->rows++;
    return lists_in(s, record, 0, 0, row, err);
}

static int element(struct weir_feed_stream *s, struct weir_json value, const struct place *at,
                   struct weir_error *err)
{
    bool changed = true;
    int rc = 0;
    s->used = ++s->feed->clock;
    while (rc == 0 && changed) {
        changed = false;
        rc = weir_feed_batch(s, err);
        rc = rc ? rc : put_element(s, value, at, &changed, err);
        rc = rc || !changed ? rc : weir_feed_again(s, err);
    }
    rc = rc ? rc : weir_source_rows_end(&s->batch, err);
    s->part.rows += rc == 0;
    s->feed->part.rows += rc == 0;
    s->nest->rows++;
    if (rc == 0 && weir_json_type(value) == WEIR_JSON_ARRAY) {
        rc = elements(s, WEIR_STR(WEIR_FEED_ELEMENT), value, at->row, err);
    } else if (rc == 0 && weir_json_type(value) == WEIR_JSON_OBJECT) {
        rc = lists_in(s, value, 0, 0, at->row, err);
    }
    return rc;
}
