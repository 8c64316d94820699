#include "base/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_data *weir_data_new(struct weir_arena *arena, enum weir_data_type type)
{
    struct weir_data *data = weir_arena_calloc(arena, sizeof *data);
    if (data) {
        data->type = type;
    }
    return data;
}

struct weir_data *weir_data_text(struct weir_arena *arena, struct weir_str text)
{
    struct weir_data *data = weir_data_new(arena, WEIR_DATA_TEXT);
    if (data) {
        data->text = weir_arena_dup(arena, text);
    }
    return data && data->text.ptr ? data : NULL;
}

struct weir_data *weir_data_number(struct weir_arena *arena, int64_t value)
{
    struct weir_data *data = weir_data_new(arena, WEIR_DATA_NUMBER);
    char *text = weir_arena_printf(arena, "%lld", (long long)value);
    if (data && text) {
        data->text = weir_str_of(text);
    }
    return text ? data : NULL;
}

void weir_data_add(struct weir_data *list, struct weir_data *value)
{
    if (list->last) {
        list->last->next = value;
    } else {
        list->first = value;
    }
    list->last = value;
    list->count++;
}

struct weir_data *weir_data_share(struct weir_arena *arena, const struct weir_data *value)
{
    struct weir_data *copy = value ? weir_arena_alloc(arena, sizeof *copy) : NULL;
    if (copy) {
        *copy = *value;
        copy->next = NULL;
        copy->key = (struct weir_str){0};
    }
    return copy;
}

struct weir_data *weir_data_copy(struct weir_arena *arena, const struct weir_data *value)
{
    struct weir_data *copy = weir_data_share(arena, value);
    if (!copy || (copy->text.ptr && !(copy->text = weir_arena_dup(arena, copy->text)).ptr)) {
        return NULL;
    }
    copy->first = copy->last = NULL;
    copy->count = 0;
    for (const struct weir_data *d = value->first; d; d = d->next) {
        struct weir_data *member = weir_data_copy(arena, d);
        if (!member || (d->key.ptr && !(member->key = weir_arena_dup(arena, d->key)).ptr)) {
            return NULL;
        }
        weir_data_add(copy, member);
    }
    return copy;
}

/* --- reading --------------------------------------------------------------------------------- */

static size_t digits(struct weir_str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9') {
        n++;
    }
    return n;
}

/* A number as JSON writes it (RFC 8259) that also fits what JSON readers keep. All else is text. */
static bool is_number(struct weir_str s)
{
    size_t at = s.len && s.ptr[0] == '-' ? 1 : 0;
    size_t n = digits(s, at);
    bool whole = true;
    if (n == 0 || (n > 1 && s.ptr[at] == '0') || s.len > 40) {
        return false;
    }
    at += n;
    if (at < s.len && s.ptr[at] == '.') {
        n = digits(s, at + 1);
        at += 1 + n;
        whole = false;
        if (n == 0) {
            return false;
        }
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
        n = digits(s, at);
        at += n;
        whole = false;
        if (n == 0) {
            return false;
        }
    }
    char text[48];
    int64_t i;
    uint64_t u;
    snprintf(text, sizeof text, WEIR_STR_FMT, WEIR_STR_ARG(s));
    return at == s.len && (whole ? weir_str_to_i64(s, &i) || weir_str_to_u64(s, &u)
                                 : isfinite(strtod(text, NULL)));
}

struct reading {
    struct weir_arena *arena;
    struct weir_error *err;
};

static int full(struct reading *r)
{
    return weir_fail(r->err, WEIR_ETOOBIG, "this document is too large");
}

static int too_deep(struct reading *r)
{
    return weir_fail(r->err, WEIR_ETOOBIG, "lists and objects lie more than %d deep",
                     WEIR_DATA_DEPTH);
}

static int too_many(struct reading *r)
{
    return weir_fail(r->err, WEIR_ETOOBIG, "a list or object has more than %d members",
                     WEIR_DATA_MEMBERS);
}

static int from_yaml(struct reading *r, const struct weir_yaml_node *node, unsigned depth,
                     struct weir_data **out)
{
    bool truth = false;
    enum weir_data_type type = WEIR_DATA_NULL;
    if (node->type == WEIR_YAML_SEQUENCE || node->type == WEIR_YAML_MAPPING) {
        type = node->type == WEIR_YAML_SEQUENCE ? WEIR_DATA_LIST : WEIR_DATA_OBJECT;
    } else if (node->type == WEIR_YAML_SCALAR) {
        type = weir_yaml_bool(node, &truth)               ? WEIR_DATA_BOOL
               : !node->quoted && is_number(node->scalar) ? WEIR_DATA_NUMBER
                                                          : WEIR_DATA_TEXT;
    }
    struct weir_data *data = *out = weir_data_new(r->arena, type);
    if (!data) {
        return full(r);
    }
    data->truth = truth;
    if (type == WEIR_DATA_NUMBER || type == WEIR_DATA_TEXT) {
        data->text = weir_arena_dup(r->arena, node->scalar);
        return data->text.ptr ? WEIR_OK : full(r);
    }
    if (node->first && depth == WEIR_DATA_DEPTH) {
        return too_deep(r);
    }
    for (const struct weir_yaml_node *n = node->first; n; n = n->next) {
        struct weir_data *member;
        int code =
            data->count == WEIR_DATA_MEMBERS ? too_many(r) : from_yaml(r, n, depth + 1, &member);
        if (code) {
            return code;
        }
        if (type == WEIR_DATA_OBJECT) {
            member->key = weir_arena_dup(r->arena, n->key);
            if (!member->key.ptr) {
                return full(r);
            }
        }
        weir_data_add(data, member);
    }
    return WEIR_OK;
}

int weir_data_from_yaml(struct weir_arena *arena, const struct weir_yaml_node *node,
                        struct weir_data **out, struct weir_error *err)
{
    struct reading r = {arena, err};
    return from_yaml(&r, node, 0, out);
}

static int json_scalar(struct reading *r, struct weir_json json, struct weir_data *data)
{
    struct weir_str text;
    struct weir_buf number;
    switch (weir_json_type(json)) {
    case WEIR_JSON_BOOL:
        data->type = WEIR_DATA_BOOL;
        return weir_json_bool(json, &data->truth) ? WEIR_OK : WEIR_EINVAL;
    case WEIR_JSON_STRING:
        data->type = WEIR_DATA_TEXT;
        data->text =
            weir_json_str(json, &text) ? weir_arena_dup(r->arena, text) : (struct weir_str){0};
        return data->text.ptr ? WEIR_OK : full(r);
    case WEIR_JSON_INT:
    case WEIR_JSON_UINT:
    case WEIR_JSON_DOUBLE:
        data->type = WEIR_DATA_NUMBER;
        weir_buf_init(&number, 400);
        weir_json_print(json, &number);
        data->text = weir_arena_dup(r->arena, weir_buf_str(&number));
        weir_buf_free(&number);
        return data->text.ptr ? WEIR_OK : full(r);
    default:
        data->type = WEIR_DATA_NULL;
        return WEIR_OK;
    }
}

static int from_json(struct reading *r, struct weir_json json, unsigned depth,
                     struct weir_data **out)
{
    enum weir_json_type type = weir_json_type(json);
    struct weir_data *data = *out = weir_data_new(r->arena, WEIR_DATA_NULL);
    if (!data) {
        return full(r);
    }
    if (type != WEIR_JSON_ARRAY && type != WEIR_JSON_OBJECT) {
        return json_scalar(r, json, data);
    }
    data->type = type == WEIR_JSON_ARRAY ? WEIR_DATA_LIST : WEIR_DATA_OBJECT;
    struct weir_json_iter it = weir_json_begin(json);
    struct weir_str key = {0};
    struct weir_json value;
    while (weir_json_next(&it, &key, &value)) {
        struct weir_data *member;
        int code = data->count == WEIR_DATA_MEMBERS ? too_many(r)
                   : depth == WEIR_DATA_DEPTH       ? too_deep(r)
                                                    : from_json(r, value, depth + 1, &member);
        if (code) {
            return code;
        }
        if (type == WEIR_JSON_OBJECT) {
            char shown[201];
            snprintf(shown, sizeof shown, WEIR_STR_FMT, WEIR_STR_ARG(weir_utf8_cut(key, 200)));
            if (key.len > 200 || memchr(key.ptr, 0, key.len)) {
                return weir_fail(r->err, WEIR_EINVAL, "the key \"%s\" is too long", shown);
            }
            if (weir_data_get(data, shown)) {
                return weir_fail(r->err, WEIR_EINVAL, "the key \"%s\" is there twice", shown);
            }
            member->key = weir_arena_dup(r->arena, key);
            if (!member->key.ptr) {
                return full(r);
            }
        }
        weir_data_add(data, member);
    }
    return WEIR_OK;
}

int weir_data_from_json(struct weir_arena *arena, struct weir_json json, struct weir_data **out,
                        struct weir_error *err)
{
    struct reading r = {arena, err};
    return from_json(&r, json, 0, out);
}

/* --- writing --------------------------------------------------------------------------------- */

void weir_data_print(const struct weir_data *data, struct weir_jw *w)
{
    switch (data->type) {
    case WEIR_DATA_BOOL:
        weir_jw_bool(w, data->truth);
        return;
    case WEIR_DATA_NUMBER:
        weir_jw_raw(w, data->text);
        return;
    case WEIR_DATA_TEXT:
        weir_jw_str(w, data->text);
        return;
    case WEIR_DATA_LIST:
        weir_jw_array(w);
        for (const struct weir_data *d = data->first; d; d = d->next) {
            weir_data_print(d, w);
        }
        weir_jw_array_end(w);
        return;
    case WEIR_DATA_OBJECT:
        weir_jw_object(w);
        for (const struct weir_data *d = data->first; d; d = d->next) {
            weir_jw_key(w, d->key);
            weir_data_print(d, w);
        }
        weir_jw_object_end(w);
        return;
    default:
        weir_jw_null(w);
    }
}

/* --- members --------------------------------------------------------------------------------- */

static struct weir_data *member(const struct weir_data *object, struct weir_str key)
{
    if (!object || object->type != WEIR_DATA_OBJECT) {
        return NULL;
    }
    for (struct weir_data *d = object->first; d; d = d->next) {
        if (weir_str_eq(d->key, key)) {
            return d;
        }
    }
    return NULL;
}

struct weir_data *weir_data_get(const struct weir_data *object, const char *key)
{
    return member(object, weir_str_of(key));
}

struct weir_str weir_data_get_text(const struct weir_data *object, const char *key)
{
    const struct weir_data *d = weir_data_get(object, key);
    return d && d->type == WEIR_DATA_TEXT ? d->text : (struct weir_str){0};
}

bool weir_data_set(struct weir_arena *arena, struct weir_data *object, struct weir_str key,
                   const struct weir_data *value)
{
    struct weir_data *there = member(object, key);
    struct weir_data *copy = weir_data_share(arena, value);
    if (!copy) {
        return false;
    }
    copy->key = there ? there->key : weir_arena_dup(arena, key);
    if (there) {
        copy->next = there->next;
        *there = *copy;
    } else if (copy->key.ptr) {
        weir_data_add(object, copy);
    }
    return copy->key.ptr;
}

void weir_data_unset(struct weir_data *object, const char *key)
{
    struct weir_data *before = NULL;
    for (struct weir_data *d = object->first; d; before = d, d = d->next) {
        if (weir_str_is(d->key, key)) {
            *(before ? &before->next : &object->first) = d->next;
            object->last = object->last == d ? before : object->last;
            object->count--;
            return;
        }
    }
}

bool weir_data_equal(const struct weir_data *a, const struct weir_data *b)
{
    if (a == b || !a || !b) {
        return a == b;
    }
    if (a->type != b->type || a->count != b->count || a->truth != b->truth ||
        !weir_str_eq(a->text, b->text)) {
        return false;
    }
    const struct weir_data *y = b->first;
    for (const struct weir_data *x = a->first; x; x = x->next, y = y->next) {
        const struct weir_data *other = y;
        if (a->type == WEIR_DATA_OBJECT && !weir_str_eq(x->key, y->key)) {
            other = member(b, x->key);
        }
        if (!other || !weir_data_equal(x, other)) {
            return false;
        }
    }
    return true;
}

struct weir_str weir_data_identity(const struct weir_data *item)
{
    struct weir_str id = weir_data_get_text(item, "id");
    return id.ptr ? id : weir_data_get_text(item, "name");
}

/* --- order ----------------------------------------------------------------------------------- */

static const struct weir_data *same_item(const struct weir_data *list, struct weir_str id,
                                         size_t index)
{
    size_t i = 0;
    for (const struct weir_data *d = list ? list->first : NULL; d; d = d->next, i++) {
        if (id.ptr ? weir_str_eq(weir_data_identity(d), id) : i == index) {
            return d;
        }
    }
    return NULL;
}

static bool put_ordered(struct weir_arena *arena, struct weir_data *out,
                        const struct weir_data *value, const struct weir_data *like)
{
    struct weir_data *copy = weir_data_order_like(arena, value, like);
    if (copy) {
        copy->key = value->key;
        weir_data_add(out, copy);
    }
    return copy;
}

struct weir_data *weir_data_order_like(struct weir_arena *arena, const struct weir_data *data,
                                       const struct weir_data *like)
{
    struct weir_data *out = weir_data_share(arena, data);
    if (!out || !data->first || !like || like->type != data->type) {
        return out;
    }
    out->first = out->last = NULL;
    out->count = 0;
    bool ok = true;
    size_t index = 0;
    if (data->type == WEIR_DATA_LIST) {
        for (const struct weir_data *d = data->first; ok && d; d = d->next) {
            ok = put_ordered(arena, out, d, same_item(like, weir_data_identity(d), index++));
        }
        return ok ? out : NULL;
    }
    for (const struct weir_data *l = like->first; ok && l; l = l->next) {
        const struct weir_data *d = member(data, l->key);
        ok = !d || put_ordered(arena, out, d, l);
    }
    for (const struct weir_data *d = data->first; ok && d; d = d->next) {
        ok = member(like, d->key) || put_ordered(arena, out, d, NULL);
    }
    return ok ? out : NULL;
}
