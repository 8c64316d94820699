#include "source/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "csv/columns.h"
#include "source/watch.h"

#define MAX_STREAMS 10000
#define MAX_ARENA   (512u << 20)
#define MAX_TEXT    (256u << 20)
#define MAX_FLAT    20 /* steps of a path */
#define MOST_OPEN   8  /* batches: what the rows of a run take in memory */

int weir_feed_open(struct weir_feed *f, const char *dir, uint64_t max_spool, struct weir_error *err)
{
    *f = (struct weir_feed){0};
    weir_buf_init(&f->new_state, MAX_TEXT);
    weir_buf_init(&f->text, MAX_TEXT);
    weir_buf_init(&f->path, MAX_TEXT);
    weir_arena_init(&f->arena, MAX_ARENA);
    weir_map_init(&f->by_name);
    f->part.since = weir_mono();
    return weir_spool_open(&f->spool, dir, max_spool, err);
}

static void close_batch(struct weir_feed_stream *s)
{
    s->feed->open_count -= s->open;
    if (s->open) {
        weir_source_rows_free(&s->batch);
    }
    s->open = false;
}

void weir_feed_free(struct weir_feed *f)
{
    for (size_t i = 0; i < f->stream_count; i++) {
        close_batch(f->streams[i]);
        weir_map_free(&f->streams[i]->by_path);
        free(f->streams[i]->blocks);
        free(f->streams[i]->columns);
    }
    free(f->streams);
    weir_spool_free(&f->spool);
    weir_map_free(&f->by_name);
    weir_buf_free(&f->new_state);
    weir_buf_free(&f->text);
    weir_buf_free(&f->path);
    weir_arena_free(&f->arena);
}

bool weir_feed_wants(const struct weir_feed *f, struct weir_str name)
{
    bool all = f->config->stream_count == 0;
    for (size_t i = 0; !all && i < f->config->stream_count; i++) {
        all = weir_str_is(name, f->config->streams[i].name);
    }
    return all && (!f->only || weir_str_is(name, f->only));
}

const struct weir_feed_wanted *weir_feed_find_wanted(const struct weir_feed *f,
                                                     struct weir_str name)
{
    for (size_t i = 0; i < f->wanted_count; i++) {
        if (weir_str_is(name, f->wanted[i].stream.name)) {
            return &f->wanted[i];
        }
    }
    return NULL;
}

int weir_feed_forget(struct weir_feed *f, struct weir_error *err)
{
    f->forgot = true;
    for (size_t i = 0; i < f->wanted_count; i++) {
        f->wanted[i].anew = true;
    }
    return !f->only ? 0
                    : weir_fail(err, WEIR_EINVAL,
                                "its state does not tell streams apart, so \"%s\" cannot be read "
                                "anew alone: `weir sync %s --full` reads all of them",
                                f->only, f->config->name);
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the rows of a run");
}

/* One more at the end of a malloc'ed array. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    size_t more = *room ? *room * 2 : 16;
    void *grown = reallocarray(items, more, size);
    *room = grown ? more : *room;
    return grown;
}

int weir_feed_stream(struct weir_feed *f, struct weir_str name, struct weir_feed_stream **out,
                     struct weir_error *err)
{
    *out = weir_map_get(&f->by_name, name);
    if (*out) {
        return 0;
    }
    if (f->stream_count == MAX_STREAMS || name.len == 0 || name.len > 1000 ||
        memchr(name.ptr, 0, name.len)) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "a source may have %d streams, each with a name of at most 1,000 bytes",
                         MAX_STREAMS);
    }
    struct weir_feed_stream **grown =
        grow(f->streams, f->stream_count, &f->stream_room, sizeof *grown);
    struct weir_feed_stream *s = weir_arena_calloc(&f->arena, sizeof *s);
    f->streams = grown ? grown : f->streams;
    if (!grown || !s) {
        return no_memory(err);
    }
    s->feed = f;
    s->version = WEIR_FEED_NO_VERSION;
    s->part.since = weir_mono();
    s->name = weir_arena_dup(&f->arena, name);
    for (size_t i = 0; f->config && i < f->config->stream_count; i++) {
        const struct weir_source_stream *own = &f->config->streams[i];
        s->flat = s->flat || (weir_str_is(name, own->name) && own->nested);
    }
    const struct weir_feed_wanted *w = weir_feed_find_wanted(f, name);
    weir_feed_read_version(s, w ? w->cursor : WEIR_STR(""));
    weir_map_init(&s->by_path);
    f->streams[f->stream_count++] = s;
    *out = s;
    return s->name.ptr && weir_map_put(&f->by_name, name, s) == 0 ? 0 : no_memory(err);
}

/* --- columns ------------------------------------------------------------------------------------
 */

/* Names must not change when a column is added: those before are named again, as they were. */
static int name_column(struct weir_feed_stream *s, struct weir_feed_column *added,
                       struct weir_error *err)
{
    struct weir_arena scratch;
    weir_arena_init(&scratch, 64u << 20);
    size_t count = s->column_count + 1;
    struct weir_str *headers = weir_arena_calloc(&scratch, count * sizeof *headers);
    struct weir_column *named = weir_arena_calloc(&scratch, count * sizeof *named);
    int rc = headers && named ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i + 1 < count; i++) {
        headers[i] = s->columns[i].original;
    }
    if (rc == 0) {
        headers[count - 1] = added->original;
        rc = weir_csv_name_columns(&scratch, headers, count, named, err);
    }
    added->name =
        rc ? (struct weir_str){NULL, 0} : weir_arena_dup(&s->feed->arena, named[count - 1].name);
    weir_arena_free(&scratch);
    if (rc == 0 && added->name.ptr && weir_source_column_reserved(added->name)) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "stream \"" WEIR_STR_FMT "\": the column \"" WEIR_STR_FMT
                       "\" has a name that weir keeps for its own; leave it out at the source",
                       WEIR_STR_ARG(s->name), WEIR_STR_ARG(added->original));
    }
    return rc ? rc : added->name.ptr ? 0 : no_memory(err);
}

/* "a__b" of a path. */
static struct weir_str original_of(struct weir_arena *arena, struct weir_str path)
{
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == WEIR_FEED_STEP) {
            weir_buf_addz(&text, "__");
        } else {
            weir_buf_addc(&text, path.ptr[i]);
        }
    }
    struct weir_str out = weir_buf_ok(&text) ? weir_arena_dup(arena, weir_buf_str(&text))
                                             : (struct weir_str){NULL, 0};
    weir_buf_free(&text);
    return out;
}

static int add_column(struct weir_feed_stream *s, struct weir_str path,
                      const struct weir_feed_column *type, size_t *at, struct weir_error *err)
{
    if (s->column_count == WEIR_SOURCE_MAX_COLUMNS || path.len > 1000) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "stream \"" WEIR_STR_FMT "\" has more than %d columns, or one with a name "
                         "of more than 1,000 bytes",
                         WEIR_STR_ARG(s->name), WEIR_SOURCE_MAX_COLUMNS);
    }
    struct weir_feed_column *grown =
        grow(s->columns, s->column_count, &s->column_room, sizeof *grown);
    if (!grown) {
        return no_memory(err);
    }
    s->columns = grown;
    struct weir_feed_column *c = &s->columns[s->column_count];
    *c = *type;
    c->path = weir_arena_dup(&s->feed->arena, path);
    c->original = s->flat ? original_of(&s->feed->arena, path) : c->path;
    int rc = c->path.ptr && c->original.ptr ? name_column(s, c, err) : no_memory(err);
    if (rc == 0 && weir_map_put(&s->by_path, path, (void *)(uintptr_t)(s->column_count + 1))) {
        rc = no_memory(err);
    }
    *at = s->column_count;
    s->column_count += rc == 0;
    return rc;
}

/* --- batches ------------------------------------------------------------------------------------
 */

static void tell(struct weir_feed_stream *s, uint64_t rows)
{
    struct weir_feed *f = s->feed;
    uint64_t bytes = f->bytes - f->told;
    if (f->progress) {
        if (s->block_count == 1 && s->parts == 0) {
            weir_source_watch_read(f->progress->watch, s->name.ptr, 0);
        }
        atomic_fetch_add(&f->progress->rows, rows);
        atomic_fetch_add(&f->progress->bytes, bytes);
        weir_source_watch_more(f->progress->watch, s->name.ptr, rows, bytes);
    }
    f->told = f->bytes;
}

static int put_batch(struct weir_source_sink *sink, struct weir_str part,
                     const struct weir_batch *batch, struct weir_error *err)
{
    struct weir_feed_stream *s =
        (struct weir_feed_stream *)((char *)sink - offsetof(struct weir_feed_stream, sink));
    (void)part;
    struct weir_spool_block *grown = grow(s->blocks, s->block_count, &s->block_room, sizeof *grown);
    if (!grown) {
        return no_memory(err);
    }
    s->blocks = grown;
    int rc = weir_spool_write(&s->feed->spool, batch, &s->blocks[s->block_count], err);
    if (rc == 0) {
        s->part.bytes += s->blocks[s->block_count].bytes;
        s->feed->part.bytes += s->blocks[s->block_count].bytes;
        s->blocks[s->block_count++].version = s->version;
        tell(s, batch->rows);
    }
    return rc;
}

static int end_batch(struct weir_feed_stream *s, struct weir_error *err)
{
    int rc = s->open ? weir_source_rows_flush(&s->batch, err) : 0;
    close_batch(s);
    return rc;
}

static int make_room_for_one(struct weir_feed *f, struct weir_error *err)
{
    while (f->open_count >= MOST_OPEN) {
        struct weir_feed_stream *oldest = NULL;
        for (size_t i = 0; i < f->stream_count; i++) {
            struct weir_feed_stream *s = f->streams[i];
            oldest = s->open && (!oldest || s->used < oldest->used) ? s : oldest;
        }
        int rc = oldest ? end_batch(oldest, err) : 0;
        if (rc || !oldest) {
            return rc;
        }
    }
    return 0;
}

static int open_batch(struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_feed *f = s->feed;
    int rc = make_room_for_one(f, err);
    struct weir_column *columns = calloc(s->column_count + 1, sizeof *columns);
    if (rc || !columns) {
        free(columns);
        return rc ? rc : no_memory(err);
    }
    for (size_t i = 0; i < s->column_count; i++) {
        columns[i].type = s->columns[i].type;
    }
    s->sink = (struct weir_source_sink){
        .columns = columns, .column_count = s->column_count, .rows = put_batch};
    rc = weir_source_rows_open(&s->batch, &s->sink, WEIR_STR(""), err);
    free(columns); /* the vectors have the types now */
    s->sink.columns = NULL;
    s->open = true;
    f->open_count++;
    return rc;
}

/* --- what the process says ----------------------------------------------------------------------
 */

/* The path of a member of the object that `path` has now; what stood there is its first `length`
 * bytes. */
static struct weir_str step(struct weir_feed *f, size_t length, struct weir_str key)
{
    f->path.len = length;
    if (length == 0) {
        return key;
    }
    weir_buf_addc(&f->path, WEIR_FEED_STEP);
    weir_buf_adds(&f->path, key);
    return weir_buf_str(&f->path);
}

/* Into an object: the length of its own path. */
static size_t enter(struct weir_feed *f, size_t length, struct weir_str key)
{
    if (length == 0) {
        weir_buf_reset(&f->path);
        weir_buf_adds(&f->path, key);
    } else {
        (void)step(f, length, key);
    }
    return f->path.len;
}

static bool is_object(struct weir_json schema)
{
    struct weir_json type = weir_json_get(schema, "type"), one;
    struct weir_json_iter it = weir_json_begin(type);
    struct weir_str name;
    bool is = weir_json_str(type, &name) && weir_str_is(name, "object");
    while (!is && weir_json_type(type) == WEIR_JSON_ARRAY && weir_json_next(&it, NULL, &one)) {
        is = weir_json_str(one, &name) && weir_str_is(name, "object");
    }
    return is || weir_json_get(schema, "properties").doc;
}

static int declare(struct weir_feed_stream *s, struct weir_str path, struct weir_json property,
                   struct weir_error *err)
{
    struct weir_feed_column type = {0};
    size_t at = (size_t)(uintptr_t)weir_map_get(&s->by_path, path);
    int rc = 0;
    (void)weir_feed_type_of(property, &type);
    if (type.type == WEIR_TYPE_OTHER && memchr(path.ptr, WEIR_FEED_STEP, path.len)) {
        /* The digits of numbers in objects are not kept: they come as doubles. */
        type = (struct weir_feed_column){.type = WEIR_TYPE_DOUBLE};
    }
    if (at == 0) {
        rc = s->open ? end_batch(s, err) : 0;
        return rc ? rc : add_column(s, path, &type, &at, err);
    }
    struct weir_feed_column joined = s->columns[at - 1];
    if (weir_feed_join(&joined, &type)) {
        rc = end_batch(s, err);
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
        if (s->flat && depth < MAX_FLAT && key.len && is_object(property)) {
            rc = declare_all(s, property, enter(s->feed, length, key), depth + 1, err);
        } else {
            rc = declare(s, step(s->feed, length, key), property, err);
        }
    }
    return rc;
}

int weir_feed_schema(struct weir_feed_stream *s, struct weir_json schema, struct weir_error *err)
{
    s->came = true;
    int rc = declare_all(s, schema, 0, 0, err);
    s->exact = false;
    for (size_t i = 0; i < s->column_count; i++) {
        s->exact = s->exact || s->columns[i].type == WEIR_TYPE_OTHER;
    }
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
    return 0;
}

static int column_of(struct weir_feed_stream *s, struct weir_str key, size_t *at, bool *changed,
                     struct weir_error *err)
{
    /* Members mostly come in the order of the columns. */
    if (s->guess < s->column_count && weir_str_eq(s->columns[s->guess].path, key)) {
        *at = s->guess;
    } else {
        *at = (size_t)(uintptr_t)weir_map_get(&s->by_path, key) - 1;
        if (*at == SIZE_MAX) {
            struct weir_feed_column none = {.type = WEIR_TYPE_TEXT, .untyped = true};
            *changed = true;
            return add_column(s, key, &none, at, err);
        }
    }
    s->guess = *at + 1;
    return 0;
}

static int put_members(struct weir_feed_stream *s, struct weir_json object, size_t length,
                       unsigned depth, bool *changed, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(object);
    struct weir_str key;
    struct weir_json value;
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        size_t at;
        if (s->flat && depth < MAX_FLAT && key.len && weir_json_type(value) == WEIR_JSON_OBJECT) {
            rc = put_members(s, value, enter(s->feed, length, key), depth + 1, changed, err);
            continue;
        }
        struct weir_str path = step(s->feed, length, key);
        if (s->flat && weir_json_type(value) == WEIR_JSON_NULL &&
            !weir_map_get(&s->by_path, path)) {
            continue; /* of an object that is not there */
        }
        rc = column_of(s, path, &at, changed, err);
        rc = rc ? rc : weir_feed_put(s, at, value, changed, err);
    }
    return rc;
}

/* One pass over the record. *changed: columns came or became wider, and it is to be made again. */
static int put_record(struct weir_feed_stream *s, struct weir_json record, bool *changed,
                      struct weir_error *err)
{
    s->guess = 0;
    return put_members(s, record, 0, 0, changed, err);
}

int weir_feed_record(struct weir_feed_stream *s, struct weir_json record, struct weir_error *err)
{
    bool changed = true;
    int rc = 0;
    s->came = true;
    s->used = ++s->feed->clock;
    while (rc == 0 && changed) {
        rc = s->open ? 0 : open_batch(s, err);
        changed = false;
        rc = rc ? rc : put_record(s, record, &changed, err);
        if (rc == 0 && changed) {
            weir_source_rows_forget(&s->batch);
            rc = end_batch(s, err);
        }
    }
    rc = rc ? rc : weir_source_rows_end(&s->batch, err);
    s->part.rows += rc == 0;
    s->feed->part.rows += rc == 0;
    s->covered = false;
    return rc;
}

int weir_feed_version(struct weir_feed_stream *s, int64_t version, struct weir_error *err)
{
    int rc = s->version == version ? 0 : end_batch(s, err);
    s->versioned = true;
    s->version = version;
    return rc;
}

int weir_feed_flush(struct weir_feed_stream *s, struct weir_error *err)
{
    return end_batch(s, err);
}

int weir_feed_end(struct weir_feed *f, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->stream_count; i++) {
        rc = end_batch(f->streams[i], err);
    }
    return rc;
}
