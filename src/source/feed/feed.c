#include "source/feed/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "csv/columns.h"
#include "source/feed/feed_nest.h"
#include "source/schedule/watch.h"

#define MAX_STREAMS 10000
#define MAX_ARENA   (512u << 20)
#define MAX_TEXT    (256u << 20)
#define MOST_OPEN   8  /* batches: what the rows of a run take in memory */
#define MOST_NARROW 64 /* of lists, whose rows are short */

int weir_feed_open(struct weir_feed *f, const char *dir, uint64_t max_spool, struct weir_error *err)
{
    *f = (struct weir_feed){0};
    weir_buf_init(&f->new_state, MAX_TEXT);
    weir_buf_init(&f->text, MAX_TEXT);
    weir_buf_init(&f->path, MAX_TEXT);
    weir_arena_init(&f->arena, MAX_ARENA);
    weir_map_init(&f->by_name);
    f->part.since = weir_mono();
    weir_source_run_id(f->id);
    return weir_spool_open(&f->spool, dir, max_spool, err);
}

static void close_batch(struct weir_feed_stream *s)
{
    s->feed->open_count[s->narrow] -= s->open;
    if (s->open) {
        weir_source_rows_free(&s->batch);
    }
    s->open = false;
}

void weir_feed_free(struct weir_feed *f)
{
    for (size_t i = 0; i < f->stream_count; i++) {
        close_batch(f->streams[i]);
        weir_feed_nest_free(f->streams[i]);
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
    const struct weir_feed_wanted *w = weir_feed_find_wanted(f, name);
    weir_feed_read_version(s, w ? w->cursor : WEIR_STR(""));
    weir_map_init(&s->by_path);
    f->streams[f->stream_count++] = s;
    *out = s;
    int rc = s->name.ptr && weir_map_put(&f->by_name, name, s) == 0 ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && f->config && i < f->config->stream_count; i++) {
        const struct weir_source_stream *own = &f->config->streams[i];
        rc = weir_str_is(name, own->name) ? weir_feed_nest_open(s, own, err) : 0;
    }
    return rc;
}

/* --- columns ------------------------------------------------------------------------------------
 */

/* Names must not change when a column is added: those before are named again, as they were. */
static int name_column(struct weir_feed_stream *s, struct weir_feed_column *added,
                       struct weir_error *err)
{
    struct weir_arena scratch;
    weir_arena_init(&scratch, 64u << 20);
    size_t room = s->column_count + 1, count = 0;
    struct weir_str *headers = weir_arena_calloc(&scratch, room * sizeof *headers);
    struct weir_column *named = weir_arena_calloc(&scratch, room * sizeof *named);
    int rc = headers && named ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < s->column_count; i++) {
        if (!s->columns[i].own) {
            headers[count++] = s->columns[i].original;
        }
    }
    if (rc == 0) {
        headers[count++] = added->original;
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

struct weir_str weir_feed_original(struct weir_arena *arena, struct weir_str path)
{
    struct weir_buf text;
    if (weir_str_is(path, WEIR_FEED_ELEMENT)) {
        return WEIR_STR("value");
    }
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

int weir_feed_add_column(struct weir_feed_stream *s, struct weir_str path,
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
    c->original = s->flat && !c->own ? weir_feed_original(&s->feed->arena, path) : c->path;
    c->name = c->original;
    int rc = !c->path.ptr || !c->original.ptr ? no_memory(err)
             : c->own                         ? 0 /* no key of a record leads to it */
                                              : name_column(s, c, err);
    if (rc == 0 && !c->own &&
        weir_map_put(&s->by_path, path, (void *)(uintptr_t)(s->column_count + 1))) {
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
        s->blocks[s->block_count].file = s->file;
        s->blocks[s->block_count++].version = s->version;
        tell(s, batch->rows);
        if (s->feed->came) {
            s->feed->came(s->feed, s);
        }
    }
    return rc;
}

static int end_batch(struct weir_feed_stream *s, struct weir_error *err)
{
    int rc = s->open ? weir_source_rows_flush(&s->batch, err) : 0;
    close_batch(s);
    return rc;
}

static bool is_narrow(const struct weir_feed_stream *s)
{
    return s->nest && s->nest->parent && s->column_count < 100;
}

static int make_room_for_one(const struct weir_feed_stream *one, struct weir_error *err)
{
    struct weir_feed *f = one->feed;
    size_t most = is_narrow(one) ? MOST_NARROW : MOST_OPEN;
    while (f->open_count[is_narrow(one)] >= most) {
        struct weir_feed_stream *oldest = NULL;
        for (size_t i = 0; i < f->stream_count; i++) {
            struct weir_feed_stream *s = f->streams[i];
            bool may = s->open && s->narrow == is_narrow(one);
            oldest = may && (!oldest || s->used < oldest->used) ? s : oldest;
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
    int rc = make_room_for_one(s, err);
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
    s->narrow = is_narrow(s);
    f->open_count[s->narrow]++;
    return rc;
}

/* --- what the process says ----------------------------------------------------------------------
 */

void weir_feed_add_step(struct weir_buf *path, struct weir_str key)
{
    if (path->len) {
        weir_buf_addc(path, WEIR_FEED_STEP);
    }
    for (size_t i = 0; i < key.len; i++) {
        weir_buf_addc(path, key.ptr[i]);
        if (key.ptr[i] == WEIR_FEED_STEP) {
            weir_buf_addc(path, WEIR_FEED_STEP);
        }
    }
}

struct weir_str weir_feed_step(const struct weir_feed_stream *s, size_t length, struct weir_str key)
{
    struct weir_buf *path = &s->feed->path;
    if (!s->flat || (length == 0 && !memchr(key.ptr, WEIR_FEED_STEP, key.len))) {
        return key;
    }
    path->len = length;
    weir_feed_add_step(path, key);
    return weir_buf_str(path);
}

size_t weir_feed_enter(struct weir_feed *f, size_t length, struct weir_str key)
{
    f->path.len = length;
    weir_feed_add_step(&f->path, key);
    return f->path.len;
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
            return weir_feed_add_column(s, key, &none, at, err);
        }
    }
    s->guess = *at + 1;
    return 0;
}

static inline int put_one(struct weir_feed_stream *s, struct weir_str path, struct weir_json value,
                          bool *changed, struct weir_error *err)
{
    size_t at;
    if (s->nest && weir_json_type(value) == WEIR_JSON_ARRAY) {
        bool takes;
        int rc = weir_feed_nest_takes(s, path, &takes, err);
        if (rc || takes) {
            return rc;
        }
    }
    int rc = column_of(s, path, &at, changed, err);
    return rc ? rc : weir_feed_put(s, at, value, changed, err);
}

int weir_feed_put_one(struct weir_feed_stream *s, struct weir_str path, struct weir_json value,
                      bool *changed, struct weir_error *err)
{
    return put_one(s, path, value, changed, err);
}

static int put_members(struct weir_feed_stream *s, struct weir_json object, size_t length,
                       unsigned depth, bool *changed, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(object);
    struct weir_str key;
    struct weir_json value;
    int rc = 0;
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (s->flat && depth < WEIR_FEED_STEPS && key.len &&
            weir_json_type(value) == WEIR_JSON_OBJECT) {
            rc = put_members(s, value, weir_feed_enter(s->feed, length, key), depth + 1, changed,
                             err);
            continue;
        }
        struct weir_str path = s->flat ? weir_feed_step(s, length, key) : key;
        if (s->flat && weir_json_type(value) == WEIR_JSON_NULL &&
            !weir_map_get(&s->by_path, path)) {
            continue; /* of an object that is not there */
        }
        rc = put_one(s, path, value, changed, err);
    }
    return rc;
}

int weir_feed_put_members(struct weir_feed_stream *s, struct weir_json object, bool *changed,
                          struct weir_error *err)
{
    s->guess = 0;
    return put_members(s, object, 0, 0, changed, err);
}

int weir_feed_batch(struct weir_feed_stream *s, struct weir_error *err)
{
    return s->open ? 0 : open_batch(s, err);
}

int weir_feed_close(struct weir_feed_stream *s, struct weir_error *err)
{
    return end_batch(s, err);
}

int weir_feed_again(struct weir_feed_stream *s, struct weir_error *err)
{
    weir_source_rows_forget(&s->batch);
    return end_batch(s, err);
}

int weir_feed_record(struct weir_feed_stream *s, struct weir_json record, struct weir_error *err)
{
    bool changed = true;
    uint64_t row = s->part.rows;
    int rc = 0;
    s->came = true;
    s->used = ++s->feed->clock;
    while (rc == 0 && changed) { /* columns came or became wider: it is made again */
        rc = weir_feed_batch(s, err);
        changed = false;
        rc = rc ? rc : weir_feed_put_members(s, record, &changed, err);
        rc = rc || !changed ? rc : weir_feed_again(s, err);
    }
    rc = rc || !s->nest ? rc : weir_feed_nest_row(s, record, err);
    rc = rc ? rc : weir_source_rows_end(&s->batch, err);
    s->part.rows += rc == 0;
    s->feed->part.rows += rc == 0;
    s->covered = false;
    return rc || !s->nest ? rc : weir_feed_nest_lists(s, record, row, err);
}

int weir_feed_version(struct weir_feed_stream *s, int64_t version, struct weir_error *err)
{
    int rc = s->version == version ? 0 : end_batch(s, err);
    s->versioned = true;
    s->version = version;
    for (size_t i = 0; rc == 0 && s->nest && i < s->nest->count; i++) {
        rc = weir_feed_version(s->nest->children[i], version, err);
    }
    return rc;
}

int weir_feed_flush(struct weir_feed_stream *s, struct weir_error *err)
{
    int rc = end_batch(s, err);
    for (size_t i = 0; rc == 0 && s->nest && i < s->nest->count; i++) {
        rc = weir_feed_flush(s->nest->children[i], err);
    }
    return rc;
}

int weir_feed_end(struct weir_feed *f, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->stream_count; i++) {
        rc = end_batch(f->streams[i], err);
    }
    return rc;
}
