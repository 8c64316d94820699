/* Loads on the way: when, and of which streams. docs/design/sources.md. */
#include "source/feed/feed_nest.h"
#include "source/run/run.h"

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

/* Versions that are as they were get no mark of the run: so all columns that they have must be
 * known when they are compared. */
static bool knows_columns(const struct weir_feed_stream *s, const struct weir_feed_wanted *w)
{
    for (size_t i = 0; i < w->columns.count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < s->column_count; k++) {
            found = weir_str_is(s->columns[k].name, w->columns.items[i]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
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
    if (stream.mode == WEIR_SOURCE_HISTORY && !stream.nested && !knows_columns(s, w)) {
        return false;
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

bool weir_feed_repeatable(struct weir_feed_stream *s)
{
    const struct weir_feed_wanted *w = weir_feed_find_wanted(s->feed, s->name);
    struct weir_source_stream stream = w ? w->stream : (struct weir_source_stream){0};
    struct weir_error ignored;
    return w && weir_feed_settle_mode(s, &stream, &s->feed->arena, &ignored) == 0 &&
           stream.mode == WEIR_SOURCE_MERGE && !stream.deletes;
}

void weir_feed_take_repeatable(struct weir_feed *f, bool *any)
{
    *any = false;
    for (size_t i = 0; i < f->stream_count; i++) {
        struct weir_feed_stream *s = f->streams[i];
        s->taken = s->taken && weir_feed_repeatable(s);
        *any = *any || s->taken;
    }
}

/* --- the end of a process that failed ------------------------------------------------------------
 */

void weir_feed_mark(struct weir_feed_stream *s)
{
    s->part.marked = s->part.rows;
    s->part.marked_covered = s->covered;
    for (size_t i = 0; s->nest && i < s->nest->count; i++) {
        weir_feed_mark(s->nest->children[i]);
    }
}

static void cut(struct weir_feed_stream *s)
{
    struct weir_feed_part *p = &s->part, *all = &s->feed->part;
    uint64_t left = p->marked, bytes = 0;
    size_t count = 0;
    for (size_t i = 0; i < s->block_count; i++) {
        struct weir_spool_block *b = &s->blocks[i];
        if (left == 0) {
            weir_spool_drop(&s->feed->spool, b);
            bytes += b->bytes;
            continue;
        }
        b->rows = b->rows < left ? b->rows : left;
        left -= b->rows;
        count++;
    }
    s->block_count = count;
    all->rows -= p->rows - p->marked;
    all->bytes -= bytes;
    p->rows = p->marked;
    p->bytes -= bytes;
    s->covered = p->marked_covered;
}

int weir_feed_cut(struct weir_feed *f, struct weir_error *err)
{
    int rc = 0;
    f->came = NULL; /* nothing is stored ahead any more */
    for (size_t i = 0; rc == 0 && i < f->stream_count; i++) {
        struct weir_feed_stream *s = f->streams[i];
        if (s->part.rows > s->part.marked) {
            rc = weir_feed_close(s, err);
            if (rc == 0) {
                cut(s);
            }
        }
        if (weir_feed_is_list(s)) { /* also those of a row that was not made whole */
            s->nest->elements = s->part.rows;
        }
    }
    return rc;
}

bool weir_feed_saves(const struct weir_feed *f, int rc)
{
    return f->load && f->checkpoint && !f->load_failed &&
           (rc == WEIR_EIO || rc == WEIR_ETIMEDOUT || rc == WEIR_EINVAL || rc == WEIR_ETOOBIG ||
            rc == WEIR_EUNSUPPORTED);
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
    p->rows = p->bytes = p->marked = 0;
    s->odd = (struct weir_feed_odd){0};
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
    s->loaded_columns = s->column_count;
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

/* --- values that are not what the source has -----------------------------------------------------
 */

void weir_feed_note_repairs(struct weir_feed_stream *s, const struct weir_json_repairs *n)
{
    s->odd.not_finite += n->not_finite;
    s->odd.bad_texts += n->bad_utf8 + n->surrogates;
}

int weir_feed_plan_odd(const struct weir_feed_stream *s, struct weir_source_plan *out,
                       struct weir_error *err)
{
    const struct weir_feed_odd *odd = &s->odd;
    const struct {
        uint64_t n;
        const char *what;
    } kinds[] = {{odd->not_finite, "NaN or Infinity came and is NULL"},
                 {odd->bad_texts, "bytes that are no UTF-8 came and are U+FFFD"},
                 {odd->changed, "the source says that it changed a value before it came"}};
    struct weir_buf text;
    weir_buf_init(&text, 1000);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].n) {
            weir_buf_addf(&text, "%s%s (%llu times)", text.len ? "; " : "", kinds[i].what,
                          (unsigned long long)kinds[i].n);
        }
    }
    if (text.len) {
        out->said = weir_arena_dup(&out->arena, weir_buf_str(&text));
        out->note = out->said.ptr;
    }
    bool well = text.len == 0 || out->said.ptr;
    weir_buf_free(&text);
    return well ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

/* --- what they brought --------------------------------------------------------------------------
 */

int weir_feed_add_up(struct weir_feed *f, const struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_arena *arena = &f->arena;
    struct weir_source_load *all = r->feed->loaded;
    const struct weir_source_load *l = &r->load;
    if (!all) {
        all = r->feed->loaded = weir_arena_calloc(arena, sizeof *all);
        if (!all) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
        }
        *all = (struct weir_source_load){.run = r->id,
                                         .source = f->config->name,
                                         .stream = r->feed->name.ptr,
                                         .schema = f->config->schema,
                                         .status = "unchanged",
                                         .error = "",
                                         .started_at = l->started_at};
    }
    if (strcmp(l->status, "unchanged") != 0) {
        all->status = l->status;
    }
    bool more = l->changes.len > 2 && all->changes.len > 2;
    const char *changes = weir_arena_printf(
        arena, WEIR_STR_FMT "%s" WEIR_STR_FMT, (int)all->changes.len - more, all->changes.ptr,
        more ? "," : "", (int)l->changes.len - more, l->changes.ptr + more);
    all->mode = l->mode;
    all->table = weir_arena_dup(arena, weir_str_of(l->table)).ptr;
    all->source_checksum = weir_arena_dup(arena, weir_str_of(l->source_checksum)).ptr;
    all->warehouse_checksum = weir_arena_dup(arena, weir_str_of(l->warehouse_checksum)).ptr;
    all->changes = weir_str_of(changes ? changes : "");
    all->rows_read += l->rows_read;
    all->rows_written += l->rows_written;
    all->rows_discarded += l->rows_discarded;
    all->rows_superseded += l->rows_superseded;
    all->rows_deleted += l->rows_deleted;
    all->bytes += l->bytes;
    all->ended_at = l->ended_at;
    return changes && all->table && all->source_checksum && all->warehouse_checksum
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
}

void weir_feed_leave_out_lies(struct weir_error *err)
{
    static const char *const lies[] = {"; nothing was loaded", ": nothing was loaded",
                                       "; nothing changed"};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char *at = strstr(err->message, lies[i]);
        if (at) {
            memmove(at, at + strlen(lies[i]), strlen(at + strlen(lies[i])) + 1);
        }
    }
}
