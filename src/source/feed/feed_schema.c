/* What the process declares: columns, and the key. */
#include "source/feed/feed_nest.h"

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the rows of a run");
}

/* Is it one of the types that the schema names? */
static bool has_type(struct weir_json schema, const char *wanted)
{
    struct weir_json type = weir_json_get(schema, "type"), one;
    struct weir_json_iter it = weir_json_begin(type);
    struct weir_str name;
    bool is = weir_json_str(type, &name) && weir_str_is(name, wanted);
    while (!is && weir_json_type(type) == WEIR_JSON_ARRAY && weir_json_next(&it, NULL, &one)) {
        is = weir_json_str(one, &name) && weir_str_is(name, wanted);
    }
    return is;
}

static bool is_object(struct weir_json schema)
{
    return has_type(schema, "object") || weir_json_get(schema, "properties").doc;
}

static int declare(struct weir_feed_stream *s, struct weir_str path, struct weir_json property,
                   struct weir_error *err)
{
    struct weir_feed_column type = {0};
    size_t at = (size_t)(uintptr_t)weir_map_get(&s->by_path, path);
    int rc = 0;
    (void)weir_feed_type_of(property, &type);
    if (type.type == WEIR_TYPE_OTHER && !s->nest && memchr(path.ptr, WEIR_FEED_STEP, path.len)) {
        /* The digits of numbers in objects are not kept: they come as doubles. */
        type = (struct weir_feed_column){.type = WEIR_TYPE_DOUBLE};
    }
    if (s->nest && has_type(property, "array")) {
        bool takes;
        rc = weir_feed_nest_takes(s, path, &takes, err);
        if (rc || takes) {
            return rc ? rc : weir_feed_nest_declare(s, path, property, err);
        }
    }
    if (at == 0) {
        rc = weir_feed_close(s, err);
        return rc ? rc : weir_feed_add_column(s, path, &type, &at, err);
    }
    struct weir_feed_column joined = s->columns[at - 1];
    if (weir_feed_join(&joined, &type)) {
        rc = weir_feed_close(s, err);
        s->columns[at - 1] = joined;
    }
    return rc;
}

static int declare_all(struct weir_feed_stream *s, struct weir_json schema, size_t length,
                       unsigned depth, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(weir_json_get(schema, "properties"));
    struct weir_str key;
    struct weir_json property;
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, &key, &property)) {
        if (s->flat && depth < WEIR_FEED_STEPS && key.len && is_object(property)) {
            rc = declare_all(s, property, weir_feed_enter(s->feed, length, key), depth + 1, err);
        } else {
            rc = declare(s, weir_feed_step(s, length, key), property, err);
        }
    }
    return rc;
}

static bool is_exact(const struct weir_feed_stream *s)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (s->columns[i].type == WEIR_TYPE_OTHER) {
            return true;
        }
    }
    return false;
}

int weir_feed_schema(struct weir_feed_stream *s, struct weir_json schema, struct weir_error *err)
{
    s->came = true;
    int rc = declare_all(s, schema, 0, 0, err);
    s->exact = s->exact || is_exact(s); /* of a column that became text, too */
    for (size_t i = 0; s->nest && i < s->feed->stream_count; i++) {
        const struct weir_feed_stream *list = s->feed->streams[i];
        s->exact = s->exact || (list->nest && list->nest->root == s && is_exact(list));
    }
    return rc;
}

int weir_feed_declare_element(struct weir_feed_stream *s, struct weir_json items,
                              struct weir_error *err)
{
    /* The schema that the list is in goes on with its own path. */
    struct weir_buf up, *path = &s->feed->path;
    weir_buf_init(&up, path->max);
    weir_buf_adds(&up, weir_buf_str(path));
    int rc = weir_buf_check(&up, "the path of a list", err);
    rc = rc                 ? rc
         : is_object(items) ? declare_all(s, items, 0, 0, err)
                            : declare(s, WEIR_STR(WEIR_FEED_ELEMENT), items, err);
    weir_buf_reset(path);
    weir_buf_adds(path, weir_buf_str(&up));
    weir_buf_free(&up);
    return rc;
}

int weir_feed_set_key(struct weir_feed_stream *s, struct weir_json names, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(names);
    struct weir_json item;
    size_t count = weir_json_count(names), n = 0;
    const char **items = weir_arena_calloc(&s->feed->arena, (count + 1) * sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    while (n < count && weir_json_next(&it, NULL, &item)) {
        struct weir_str name;
        struct weir_json first = item;
        /* Airbyte's are paths; those of one step are columns. */
        if (weir_json_type(item) == WEIR_JSON_ARRAY && weir_json_count(item) == 1) {
            struct weir_json_iter inner = weir_json_begin(item);
            (void)weir_json_next(&inner, NULL, &first);
        }
        if (!weir_json_str(first, &name) || memchr(name.ptr, 0, name.len)) {
            return weir_fail(err, WEIR_EINVAL,
                             "stream \"" WEIR_STR_FMT "\": its key is no list of its columns; say "
                             "`key:` in the source's file",
                             WEIR_STR_ARG(s->name));
        }
        items[n++] = weir_arena_dup(&s->feed->arena, name).ptr;
        if (!items[n - 1]) {
            return no_memory(err);
        }
    }
    s->key = (struct weir_text_list){items, n};
    if (s->nest) {
        s->nest->key_of = SIZE_MAX; /* it is looked up anew */
    }
    return 0;
}
