#include "workspace/merge.h"

#include <stdio.h>

#include "workspace/git.h"

struct merge {
    struct weir_arena *arena;
    struct weir_data *conflicts;
    struct weir_error *err;
    char path[600];
};

static int merge(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                 const struct weir_data *theirs, const struct weir_data **out);

static int no_memory(struct merge *m)
{
    return weir_fail(m->err, WEIR_ETOOBIG, "the document is too large to be merged");
}

static int conflict(struct merge *m)
{
    struct weir_data *path = weir_data_text(m->arena, weir_str_of(m->path));
    if (!path) {
        return no_memory(m);
    }
    weir_data_add(m->conflicts, path);
    return WEIR_OK;
}

static size_t enter(struct merge *m, struct weir_str part)
{
    size_t at = strlen(m->path);
    snprintf(m->path + at, sizeof m->path - at, "%s%.*s", at ? "/" : "",
             (int)(part.len < 200 ? part.len : 200), part.ptr);
    return at;
}

/* --- objects --------------------------------------------------------------------------------- */

static const struct weir_data *at_key(const struct weir_data *object, struct weir_str key)
{
    for (const struct weir_data *d = object ? object->first : NULL; d; d = d->next) {
        if (weir_str_eq(d->key, key)) {
            return d;
        }
    }
    return NULL;
}

static int put_key(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                   const struct weir_data *theirs, struct weir_str key, struct weir_data *out)
{
    const struct weir_data *merged;
    size_t cut = enter(m, key);
    int code = merge(m, at_key(base, key), at_key(mine, key), at_key(theirs, key), &merged);
    m->path[cut] = '\0';
    if (!code && merged && !weir_data_set(m->arena, out, key, merged)) {
        code = no_memory(m);
    }
    return code;
}

static int objects(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                   const struct weir_data *theirs, const struct weir_data **out)
{
    struct weir_data *object = weir_data_new(m->arena, WEIR_DATA_OBJECT);
    int code = object ? WEIR_OK : no_memory(m);
    for (const struct weir_data *d = mine->first; !code && d; d = d->next) {
        code = put_key(m, base, mine, theirs, d->key, object);
    }
    for (const struct weir_data *d = theirs->first; !code && d; d = d->next) {
        code = at_key(mine, d->key) ? WEIR_OK : put_key(m, base, mine, theirs, d->key, object);
    }
    /* What both dropped needs no look; what one dropped was seen from the other. */
    *out = object;
    return code;
}

/* --- lists ----------------------------------------------------------------------------------- */

static const struct weir_data *at_id(const struct weir_data *list, struct weir_str id)
{
    for (const struct weir_data *d = list ? list->first : NULL; d; d = d->next) {
        if (weir_str_eq(weir_data_identity(d), id)) {
            return d;
        }
    }
    return NULL;
}

static bool has_identities(const struct weir_data *list)
{
    for (const struct weir_data *d = list ? list->first : NULL; d; d = d->next) {
        struct weir_str id = weir_data_identity(d);
        if (!id.ptr || at_id(list, id) != d) {
            return false;
        }
    }
    return true;
}

/* Do the items that both have stand in the same order? */
static bool same_order(const struct weir_data *a, const struct weir_data *b)
{
    const struct weir_data *y = b->first;
    for (const struct weir_data *x = a->first; x; x = x->next) {
        struct weir_str id = weir_data_identity(x);
        if (!at_id(b, id)) {
            continue;
        }
        while (y && !weir_str_eq(weir_data_identity(y), id)) {
            if (at_id(a, weir_data_identity(y))) {
                return false;
            }
            y = y->next;
        }
        y = y ? y->next : NULL;
    }
    return true;
}

static int put_item(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                    const struct weir_data *theirs, struct weir_str id, struct weir_data *list)
{
    const struct weir_data *merged;
    size_t cut = enter(m, id);
    int code = merge(m, at_id(base, id), at_id(mine, id), at_id(theirs, id), &merged);
    m->path[cut] = '\0';
    struct weir_data *copy = !code && merged ? weir_data_share(m->arena, merged) : NULL;
    if (copy) {
        weir_data_add(list, copy);
    }
    return !code && merged && !copy ? no_memory(m) : code;
}

/* The order of who changed it; new items of the other stand behind what stood before them. */
static int lists(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                 const struct weir_data *theirs, const struct weir_data **out)
{
    struct weir_data *list = weir_data_new(m->arena, WEIR_DATA_LIST);
    int code = list ? WEIR_OK : no_memory(m);
    bool mine_moved = base && !same_order(base, mine);
    bool theirs_moved = base && !same_order(base, theirs);
    if (!code && mine_moved && theirs_moved && !same_order(mine, theirs)) {
        code = conflict(m);
    }
    const struct weir_data *lead = theirs_moved && !mine_moved ? theirs : mine;
    const struct weir_data *other = lead == mine ? theirs : mine;
    const struct weir_data *o = other->first;
    for (const struct weir_data *d = lead->first; !code && d; d = d->next) {
        struct weir_str id = weir_data_identity(d);
        bool shared = at_id(other, id);
        /* The other's own items up to the one that both have. */
        for (; !code && shared && o && !at_id(lead, weir_data_identity(o)); o = o->next) {
            code = put_item(m, base, mine, theirs, weir_data_identity(o), list);
        }
        code = code ? code : put_item(m, base, mine, theirs, id, list);
        if (shared && o && weir_str_eq(weir_data_identity(o), id)) {
            o = o->next;
        }
    }
    for (const struct weir_data *d = other->first; !code && d; d = d->next) {
        struct weir_str id = weir_data_identity(d);
        if (!at_id(lead, id) && !at_id(list, id)) {
            code = put_item(m, base, mine, theirs, id, list);
        }
    }
    *out = list;
    return code;
}

/* --- values ---------------------------------------------------------------------------------- */

static int texts(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                 const struct weir_data *theirs, const struct weir_data **out)
{
    struct weir_buf text;
    bool clean = false;
    weir_buf_init(&text, 8u << 20);
    int code = weir_git_merge_text(base->text, mine->text, theirs->text, &text, &clean, m->err);
    *out = mine;
    if (!code && clean) {
        *out = weir_data_text(m->arena, weir_buf_str(&text));
        code = *out ? WEIR_OK : no_memory(m);
    } else if (!code) {
        code = conflict(m);
    }
    weir_buf_free(&text);
    return code;
}

static bool all_are(enum weir_data_type type, const struct weir_data *base,
                    const struct weir_data *mine, const struct weir_data *theirs)
{
    return mine && theirs && mine->type == type && theirs->type == type &&
           (!base || base->type == type);
}

static bool has_lines(const struct weir_data *text)
{
    return text && memchr(text->text.ptr, '\n', text->text.len);
}

static int merge(struct merge *m, const struct weir_data *base, const struct weir_data *mine,
                 const struct weir_data *theirs, const struct weir_data **out)
{
    *out = mine;
    if (weir_data_equal(mine, theirs) || weir_data_equal(base, theirs)) {
        return WEIR_OK;
    }
    if (weir_data_equal(base, mine)) {
        *out = theirs;
        return WEIR_OK;
    }
    if (all_are(WEIR_DATA_OBJECT, base, mine, theirs)) {
        return objects(m, base, mine, theirs, out);
    }
    if (all_are(WEIR_DATA_LIST, base, mine, theirs) && has_identities(base) &&
        has_identities(mine) && has_identities(theirs)) {
        return lists(m, base, mine, theirs, out);
    }
    if (base && all_are(WEIR_DATA_TEXT, base, mine, theirs) && has_lines(base)) {
        return texts(m, base, mine, theirs, out);
    }
    return conflict(m);
}

int weir_data_merge(struct weir_arena *arena, const struct weir_data *base,
                    const struct weir_data *mine, const struct weir_data *theirs, const char *path,
                    struct weir_data *conflicts, const struct weir_data **out,
                    struct weir_error *err)
{
    struct merge m = {.arena = arena, .conflicts = conflicts, .err = err};
    snprintf(m.path, sizeof m.path, "%s", path);
    return merge(&m, base, mine, theirs, out);
}
