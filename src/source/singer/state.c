/* What a tap's state covers, so that rows are loaded with it before the tap has ended. It is opaque
 * but for the custom `bookmarks.STREAM`. docs/design/sources.md. */
#include "base/hash.h"
#include "source/singer/singer.h"

#define MAX_DEPTH 60
#define MAX_STATE (256u << 20)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a tap's state");
}

int weir_singer_base(struct weir_singer_reader *r, struct weir_str state, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_buf text;
    struct weir_json root;
    r->base = NULL;
    weir_buf_reset(&r->base_text);
    weir_buf_adds(&r->base_text, state);
    weir_arena_reset(&r->base_arena);
    weir_buf_init(&text, MAX_STATE + 64);
    weir_buf_adds(&text, state);
    int rc = parser ? weir_buf_check(&text, "a tap's state", err) : no_memory(err);
    rc = rc || !text.len ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    rc = rc || !text.len ? rc : weir_data_from_json(&r->base_arena, root, &r->base, err);
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

static struct weir_data *base_of(const struct weir_singer_reader *r,
                                 const struct weir_feed_stream *s)
{
    return weir_data_get(weir_data_get(r->base, "bookmarks"), weir_singer_id(r, s));
}

/* --- rows that are appended ---------------------------------------------------------------------
 */

static uint64_t hash_of(const struct weir_data *bookmark)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_STATE);
    struct weir_jw w = weir_jw_on(&text);
    if (bookmark) {
        weir_data_print(bookmark, &w);
    }
    uint64_t hash = weir_hash64(text.data, text.len, 1);
    weir_buf_free(&text);
    return hash;
}

static bool may_be_appended(const struct weir_feed_stream *s)
{
    const struct weir_feed_wanted *w = weir_feed_find_wanted(s->feed, s->name);
    return w && w->stream.mode_said ? w->stream.mode == WEIR_SOURCE_APPEND : s->key.count == 0;
}

/* The rows that came are behind the stream's bookmark when that moved since the state before, and
 * does not say of itself that no read can go on from it. */
static int look_at_bookmark(struct weir_singer_reader *r, struct weir_feed_stream *s,
                            struct weir_json bookmarks, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_data *data = NULL;
    struct weir_json bookmark = weir_json_get(bookmarks, weir_singer_id(r, s));
    weir_arena_init(&arena, MAX_STATE);
    int rc = weir_json_exists(bookmark) ? weir_data_from_json(&arena, bookmark, &data, err) : 0;
    uint64_t hash = hash_of(data);
    uint64_t before = s->bookmark_known ? s->bookmark : hash_of(base_of(r, s));
    const struct weir_data *markers = weir_data_get(data, "progress_markers");
    s->covered = (s->covered || (data && hash != before)) && !(markers && markers->count);
    s->bookmark = hash;
    s->bookmark_known = true;
    weir_arena_free(&arena);
    return rc;
}

/* --- the state that is saved --------------------------------------------------------------------
 */

/* Without what it says of streams that are held back, which is as it was before. */
static int print_part(struct weir_singer_reader *r, struct weir_json value, struct weir_buf *out,
                      struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_data *state = NULL;
    weir_arena_init(&arena, MAX_STATE);
    int rc = weir_data_from_json(&arena, value, &state, err);
    struct weir_data *bookmarks = weir_data_get(state, "bookmarks");
    for (size_t i = 0; rc == 0 && i < r->feed->stream_count; i++) {
        const struct weir_feed_stream *s = r->feed->streams[i];
        if (s->taken || !s->part.rows) {
            continue;
        }
        const char *id = weir_singer_id(r, s);
        const struct weir_data *base = base_of(r, s);
        struct weir_data *copy = base ? weir_data_copy(&arena, base) : NULL;
        if (!base) {
            weir_data_unset(bookmarks, id);
        } else if (!copy || !weir_data_set(&arena, bookmarks, weir_str_of(id), copy)) {
            rc = no_memory(err);
        }
    }
    if (rc == 0) {
        weir_data_unset(state, "currently_syncing");
        struct weir_jw w = weir_jw_on(out);
        weir_data_print(state, &w);
        rc = weir_buf_check(out, "a tap's state", err);
    }
    weir_arena_free(&arena);
    return rc;
}

static int load(struct weir_singer_reader *r, struct weir_json value, bool held,
                struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_STATE);
    int rc = 0;
    if (held) {
        rc = print_part(r, value, &text, err);
    } else {
        weir_buf_adds(&text, weir_buf_str(&r->feed->new_state));
        rc = weir_buf_check(&text, "a tap's state", err);
    }
    rc = rc ? rc : r->feed->load(r->feed, weir_buf_str(&text), false, err);
    r->feed->unsaved = r->feed->unsaved && rc;
    rc = rc ? rc : weir_singer_base(r, weir_buf_str(&text), err);
    weir_buf_free(&text);
    return rc;
}

int weir_singer_covers(struct weir_singer_reader *r, struct weir_json value, struct weir_error *err)
{
    struct weir_feed *feed = r->feed;
    struct weir_json bookmarks = weir_json_get(value, "bookmarks");
    int rc = 0;
    if (!feed->load || !feed->checkpoint) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < feed->stream_count; i++) {
        struct weir_feed_stream *s = feed->streams[i];
        rc = may_be_appended(s) ? look_at_bookmark(r, s, bookmarks, err) : 0;
        weir_feed_mark(s);
    }
    return rc || !weir_feed_due(feed, NULL) ? rc : weir_singer_load_covered(r, value, err);
}

int weir_singer_load_covered(struct weir_singer_reader *r, struct weir_json value,
                             struct weir_error *err)
{
    struct weir_feed *feed = r->feed;
    struct weir_json bookmarks = weir_json_get(value, "bookmarks");
    bool any, held, divided = weir_json_type(bookmarks) == WEIR_JSON_OBJECT;
    for (size_t i = 0; i < feed->stream_count; i++) {
        weir_singer_look(r, feed->streams[i], bookmarks);
    }
    weir_feed_take(feed, &any, &held);
    if (any && (divided || !held)) {
        return load(r, value, held, err);
    }
    /* The state speaks of rows that wait. What is merged may be read again: it is loaded with the
     * state that the tap was given. */
    if (any) {
        weir_feed_take_repeatable(feed, &any);
    }
    if (any) {
        feed->unsaved = true;
        return feed->load(feed, weir_buf_str(&r->base_text), false, err);
    }
    weir_feed_pass(feed, NULL);
    return 0;
}
