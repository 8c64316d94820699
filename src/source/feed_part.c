/* Loads on the way: when, and of which streams. docs/design/sources.md. */
#include "source/feed_nest.h"

#define MOST_BYTES (64u << 20)
#define MOST_TIME  (60 * WEIR_SECOND)
#define SHARE      8  /* of what was loaded already: what is merged costs more in a large table */
#define TIMES      10 /* the last load's time: what loads cost at most of the run's */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool weir_feed_due(const struct weir_feed *f, const struct weir_feed_stream *s)
{
    const struct weir_feed_part *p = s ? &s->part : &f->part;
    uint64_t rows = p->rows - p->passed_rows;
    if (!f->load || !f->checkpoint || !rows) {
        return false;
    }
    weir_time waited = weir_mono() - p->since;
    return rows >= larger(f->checkpoint, p->loaded / SHARE) ||
           p->bytes - p->passed_bytes >= larger(MOST_BYTES, p->loaded_bytes / SHARE) ||
           (waited >= MOST_TIME && waited >= TIMES * p->took);
}

void weir_feed_pass(struct weir_feed *f, struct weir_feed_stream *s)
{
    struct weir_feed_part *p = s ? &s->part : &f->part;
    p->passed_rows = p->rows;
    p->passed_bytes = p->bytes;
    p->since = weir_mono();
}

/* --- which streams ------------------------------------------------------------------------------
 */

/* Rows of a version that is the table's, or that replaces nothing. */
static bool versions_flow(const struct weir_feed_stream *s, bool there)
{
    bool pruned = s->table_versioned && s->table_version == s->active;
    int64_t known = s->activated ? s->active : s->table_version;
    if (s->activated ? there && !pruned : !s->table_versioned) {
        return false;
    }
    bool well = !s->open || s->version == known || (s->activated && s->version <= known);
    for (size_t i = 0; well && i < s->block_count; i++) {
        int64_t version = s->blocks[i].version;
        well = version == known || (s->activated && version <= known);
    }
    return well;
}

bool weir_feed_flows(struct weir_feed_stream *s)
{
    const struct weir_feed_wanted *w = weir_feed_find_wanted(s->feed, s->name);
    struct weir_error ignored;
    if (!w && s->feed->look && !weir_feed_is_list(s) &&
        s->feed->look(s->feed, s->name, &ignored) == 0) {
        w = weir_feed_find_wanted(s->feed, s->name);
        weir_feed_read_version(s, w ? w->cursor : WEIR_STR(""));
    }
    if (!w || !s->came || s->whole) {
        return w && s->came && s->complete;
    }
    struct weir_source_stream stream = w->stream;
    if (weir_feed_settle_mode(s, &stream, &s->feed->arena, &ignored) ||
        stream.mode == WEIR_SOURCE_REPLACE || (stream.mode == WEIR_SOURCE_APPEND && !s->covered)) {
        return false;
    }
    if (stream.contract != WEIR_SOURCE_EVOLVE && !w->there) {
        return false; /* its first part would be all that the contract lets in */
    }
    bool replaces = s->parts == 0 && w->there && (w->anew || weir_feed_changed(&stream, w->cursor));
    return !replaces && (!s->versioned || versions_flow(s, w->there || s->parts));
}

bool weir_feed_is_done(const struct weir_feed_stream *s)
{
    return s->complete && s->parts;
}

void weir_feed_take(struct weir_feed *f, bool *any, bool *held)
{
    *any = *held = false;
    for (size_t i = 0; i < f->stream_count; i++) {
        struct weir_feed_stream *s = f->streams[i];
        if (weir_feed_is_list(s)) { /* with that which it is in */
            continue;
        }
        s->taken = s->part.rows && weir_feed_flows(s);
        *any = *any || s->taken;
        *held = *held || (s->part.rows && !s->taken);
    }
}

static void drop_rows(struct weir_feed_stream *s)
{
    struct weir_feed_part *p = &s->part, *all = &s->feed->part;
    for (size_t i = 0; i < s->block_count; i++) {
        weir_spool_drop(&s->feed->spool, &s->blocks[i]);
    }
    s->block_count = 0;
    all->rows -= p->rows;
    all->bytes -= p->bytes;
    all->passed_rows = all->passed_rows < all->rows ? all->passed_rows : all->rows;
    all->passed_bytes = all->passed_bytes < all->bytes ? all->passed_bytes : all->bytes;
    p->rows = p->bytes = 0;
    if (s->nest) {
        s->nest->elements = 0;
    }
    weir_feed_pass(s->feed, s);
}

void weir_feed_loaded(struct weir_feed_stream *s)
{
    struct weir_feed_part *p = &s->part, *all = &s->feed->part;
    all->loaded += p->rows;
    all->loaded_bytes += p->bytes;
    p->loaded += p->rows;
    p->loaded_bytes += p->bytes;
    s->parts++;
    if (s->activated) {
        s->table_versioned = true;
        s->table_version = s->active;
    }
    drop_rows(s);
}

void weir_feed_set_aside(struct weir_feed_stream *s)
{
    s->failed = true;
    s->taken = false;
    drop_rows(s);
    for (size_t i = 0; s->nest && i < s->nest->count; i++) {
        weir_feed_set_aside(s->nest->children[i]);
    }
}
