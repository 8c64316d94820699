/* From the spool to a stage. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "source/define/account.h"
#include "source/feed/feed_nest.h"
#include "source/ledger/keep.h"
#include "source/run/contract.h"

#define MAX_BATCH   (1u << 30)
#define EXACT_WHOLE ((int64_t)1 << 53)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the rows of a run");
}

/* --- how it is loaded ---------------------------------------------------------------------------
 */

static const struct weir_feed_column *find_original(const struct weir_feed_stream *s,
                                                    const char *original)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (weir_str_is(s->columns[i].original, original)) {
            return &s->columns[i];
        }
    }
    return NULL;
}

int weir_feed_settle_mode(const struct weir_feed_stream *s, struct weir_source_stream *stream,
                          struct weir_arena *arena, struct weir_error *err)
{
    if (stream->mode_said) {
        return 0;
    }
    stream->mode = s->key.count                     ? WEIR_SOURCE_MERGE
                   : s->incremental || s->versioned ? WEIR_SOURCE_APPEND
                                                    : WEIR_SOURCE_REPLACE;
    const char **names = weir_arena_calloc(arena, (s->key.count + 1) * sizeof *names);
    if (!names) {
        return no_memory(err);
    }
    for (size_t i = 0; i < s->key.count; i++) {
        const struct weir_feed_column *c = find_original(s, s->key.items[i]);
        if (!c) {
            return weir_fail(err, WEIR_EINVAL,
                             "stream \"%s\": its key \"%s\" is none of its columns; say `mode:` "
                             "and `key:` in the source's file",
                             stream->name, s->key.items[i]);
        }
        names[i] = c->name.ptr;
    }
    stream->key = (struct weir_text_list){names, s->key.count};
    return 0;
}

static uint64_t hash_options(const struct weir_source_stream *s)
{
    const struct weir_text_list *const lists[] = {&s->key, &s->exclude};
    uint64_t hash = weir_hash64(&s->mode, sizeof s->mode, 1);
    hash = weir_hash64(s->table, strlen(s->table) + 1, hash);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            hash = weir_hash64(lists[i]->items[k], strlen(lists[i]->items[k]) + 1, hash + i);
        }
    }
    return s->nested ? weir_hash64(&s->nested, sizeof s->nested, hash) : hash;
}

struct mark {
    bool same; /* made by these settings */
    bool versioned;
    int64_t version, generation;
};

/* {"v":1,"options":HEX,"version":NUMBER,"generation":NUMBER} */
static struct mark read_mark(const char *hash, struct weir_str cursor)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_error ignored;
    struct weir_buf buf;
    struct mark mark = {0};
    weir_buf_init(&buf, 1u << 20);
    weir_buf_adds(&buf, cursor);
    if (parser && cursor.len && weir_buf_ok(&buf) &&
        weir_json_parse(parser, weir_buf_str(&buf), &root, &ignored) == 0) {
        mark.same = weir_str_is(weir_json_get_str(root, "options"), hash);
        mark.versioned = weir_json_i64(weir_json_get(root, "version"), &mark.version);
        (void)weir_json_i64(weir_json_get(root, "generation"), &mark.generation);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&buf);
    return mark;
}

static void hash_text(const struct weir_source_stream *stream, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, hash_options(stream));
}

int64_t weir_feed_generation(struct weir_str cursor)
{
    return read_mark("", cursor).generation;
}

void weir_feed_read_version(struct weir_feed_stream *s, struct weir_str cursor)
{
    struct mark mark = read_mark("", cursor);
    s->table_versioned = mark.versioned;
    s->table_version = mark.version;
}

/* A column that is left out now, and was not before, needs nothing to be read again; nor does, in
 * what is appended, one that comes now. */
static bool goes_on(const struct weir_source_stream *stream, const struct mark *mark,
                    struct weir_str cursor)
{
    return mark->same ||
           weir_source_made_goes_on(cursor, stream, stream->mode == WEIR_SOURCE_APPEND);
}

bool weir_feed_changed(const struct weir_source_stream *stream, struct weir_str cursor)
{
    char hash[17];
    hash_text(stream, hash);
    struct mark mark = read_mark(hash, cursor);
    return !goes_on(stream, &mark, cursor);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

/* Of a list, the stream that it is in. */
static const struct weir_feed_stream *root_of(const struct weir_feed_stream *s)
{
    return s->nest ? s->nest->root : s;
}

bool weir_feed_is_old(const struct weir_feed_stream *of, const struct weir_spool_block *block)
{
    const struct weir_feed_stream *s = root_of(of);
    return s->activated && block->version != WEIR_FEED_NO_VERSION && block->version < s->active;
}

static uint64_t live_rows(const struct weir_feed_stream *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->block_count; i++) {
        n += weir_feed_is_old(s, &s->blocks[i]) ? 0 : s->blocks[i].rows;
    }
    return n;
}

/* A load on the way leaves out columns that have no type, and no value, yet; but a contract is to
 * say the same of them as at the end. */
static bool leaves_out_untyped(const struct weir_feed_stream *s,
                               const struct weir_source_plan *plan)
{
    const struct weir_feed_stream *root = root_of(s);
    bool waits = s->feed->on_the_way && !root->complete &&
                 (!root->own || root->own->contract == WEIR_SOURCE_EVOLVE);
    bool any = false;
    for (size_t i = 0; waits && !any && i < s->column_count; i++) {
        any = !s->columns[i].untyped && !weir_source_plan_excludes(plan, s->columns[i].name);
    }
    return any;
}

static bool is_excluded(struct weir_source_plan *plan, struct weir_str prefix, struct weir_str name,
                        struct weir_str original)
{
    if (prefix.len == 0 || !plan->exclude || plan->exclude->count == 0) {
        return weir_source_plan_leaves_out(plan, name, original);
    }
    struct weir_buf whole;
    weir_buf_init(&whole, 1u << 20);
    weir_buf_adds(&whole, prefix);
    weir_buf_adds(&whole, name);
    bool is = weir_source_plan_excludes(plan, weir_buf_str(&whole));
    weir_buf_free(&whole);
    return is;
}

int weir_feed_plan_columns(const struct weir_feed_stream *s, struct weir_str prefix,
                           struct weir_source_plan *out, struct weir_error *err)
{
    size_t at, n = s->column_count;
    bool less = leaves_out_untyped(s, out);
    for (size_t k = 0; k < 2 * n; k++) {
        const struct weir_feed_column *c = &s->columns[k % n];
        struct weir_source_column column = {.name = c->name,
                                            .original = c->original,
                                            .type = weir_feed_guess(c),
                                            .untyped = c->untyped,
                                            .late = s->parts && k % n >= s->loaded_columns};
        if (c->type == WEIR_TYPE_OTHER) {
            column.type_name = weir_str_of(
                weir_arena_printf(&out->arena, "DECIMAL(%u,%u)", c->precision, c->scale));
        }
        /* What the table has of it is NULL now. */
        bool waits = less && c->untyped && !weir_source_find_column(out->there, c->name);
        bool wanted =
            c->own ? k >= n : k < n && !waits && !is_excluded(out, prefix, c->name, c->original);
        if (wanted && !weir_source_plan_column(out, &column, &at)) {
            return no_memory(err);
        }
    }
    struct weir_source_column version = {.name = WEIR_STR(WEIR_SOURCE_VERSION),
                                         .original = WEIR_STR("version"),
                                         .type = WEIR_TYPE_INT};
    bool child = s->nest && s->nest->parent;
    return child || !s->versioned || weir_source_plan_column(out, &version, &at) ? 0
                                                                                 : no_memory(err);
}

/* Later loads of this run are not looked at: of equal rows nobody knew which were in which. Nor are
 * those with tables of lists, whose rows have ids of their own. */
static struct weir_str find_again(const struct weir_feed_stream *s,
                                  const struct weir_source_stream *stream,
                                  const struct weir_source_plan *plan)
{
    bool may =
        stream->mode == WEIR_SOURCE_APPEND && !plan->whole && !s->whole && !s->parts && !s->nest;
    for (size_t i = 0; may && i < plan->column_count; i++) {
        const struct weir_source_column *c = &plan->columns[i];
        if (*stream->cursor
                ? weir_str_is(c->name, stream->cursor) || weir_str_is(c->original, stream->cursor)
                : s->goes_by.len && weir_str_eq(c->original, s->goes_by)) {
            return c->name;
        }
    }
    return (struct weir_str){NULL, 0};
}

int weir_feed_plan(struct weir_feed_stream *s, const struct weir_source_stream *stream,
                   struct weir_str cursor, struct weir_source_plan *out, struct weir_error *err)
{
    char hash[17];
    struct weir_buf text;
    hash_text(stream, hash);
    struct mark mark = read_mark(hash, cursor);
    int rc = weir_feed_plan_columns(s, WEIR_STR(""), out, err);
    out->partial = true;
    out->nest = s->nest ? s : NULL;
    out->other = cursor.len && !goes_on(stream, &mark, cursor);
    out->whole = stream->mode == WEIR_SOURCE_REPLACE || !cursor.len || out->other;
    out->versioned = s->activated;
    out->version = s->active;
    bool prunes = s->activated && !(mark.versioned && mark.version == s->active);
    out->complete = prunes && !out->whole;
    out->nothing =
        !s->came || out->column_count == 0 || (!out->whole && !prunes && live_rows(s) == 0);
    out->own = s;
    out->again = find_again(s, stream, out);
    weir_buf_init(&text, 4096);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", 1);
    weir_jw_kstrz(&w, "options", hash);
    struct weir_str account = {NULL, 0};
    if (s->feed->config && s->feed->config->connection) { /* else somebody only looks */
        account = weir_source_account(s->feed->config, &out->arena);
        weir_jw_key(&w, WEIR_STR("of"));
        weir_jw_object(&w);
        weir_jw_kstr(&w, "at", account);
        weir_jw_object_end(&w);
    }
    if (s->activated || mark.versioned) {
        weir_jw_ki64(&w, "version", s->activated ? s->active : mark.version);
    }
    if (s->generation) {
        weir_jw_ki64(&w, "generation", s->generation);
    }
    weir_jw_object_end(&w);
    out->cursor = weir_arena_dup(&out->arena, weir_buf_str(&text));
    weir_buf_free(&text);
    return rc ? rc : out->cursor.ptr ? 0 : no_memory(err);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

struct weir_feed_reading {
    struct weir_feed_stream *s;
    struct weir_source_sink *sink;
    struct weir_spool_room room; /* of a batch, as */
    struct weir_arena arena;     /* it was kept, as it is wanted */
    int64_t active;              /* the version of rows that say none */
    struct weir_buf text;
    struct weir_vector *vectors; /* of the sink */
    /* Of a list: how many rows of the stream were left out before the one that it is in. */
    size_t old_block;
    uint64_t old_rows, seen_rows;
    size_t *from; /* the feed's column of each of the sink's; SIZE_MAX: the version */
};

static struct weir_str print_value(struct weir_feed_reading *r, const struct weir_vector *v,
                                   size_t row)
{
    char time[28];
    struct weir_buf *b = &r->text;
    weir_buf_reset(b);
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        return v->bools[row] ? WEIR_STR("true") : WEIR_STR("false");
    case WEIR_TYPE_INT:
        weir_buf_add_i64(b, v->ints[row]);
        break;
    case WEIR_TYPE_DOUBLE:
        weir_json_number(b, v->doubles[row]);
        break;
    case WEIR_TYPE_TIMESTAMP:
        weir_time_print(b, v->ints[row], v->ints[row] % WEIR_SECOND ? 6 : 0);
        break;
    case WEIR_TYPE_DATE:
        weir_time_format(v->ints[row] * WEIR_DAY, time);
        weir_buf_add(b, time, 10);
        break;
    default:
        return v->strs[row];
    }
    return weir_buf_str(b);
}

static int to_texts(struct weir_feed_reading *r, const struct weir_column *c,
                    const struct weir_vector *in, struct weir_vector *out, size_t rows,
                    struct weir_error *err)
{
    unsigned precision = 0, scale = 0;
    struct weir_buf digits;
    bool exact = c->type == WEIR_TYPE_OTHER;
    int rc = 0;
    out->strs = weir_arena_calloc(&r->arena, rows * sizeof *out->strs);
    weir_buf_init(&digits, 256);
    if (!out->strs || (exact && !weir_number_decimal(c->type_name, &precision, &scale))) {
        return no_memory(err);
    }
    for (size_t i = 0; rc == 0 && i < rows; i++) {
        if (!weir_vector_valid(in, i)) {
            continue;
        }
        struct weir_str text = print_value(r, in, i);
        if (exact && !weir_source_decimal_text(text, precision, scale, &digits)) {
            rc = weir_fail(err, WEIR_ECORRUPT,
                           "a decimal does not fit its column \"" WEIR_STR_FMT
                           "\"; nothing was loaded",
                           WEIR_STR_ARG(c->name));
            break;
        }
        out->strs[i] = weir_arena_dup(&r->arena, exact ? weir_buf_str(&digits) : text);
        rc = out->strs[i].ptr ? 0 : no_memory(err);
    }
    weir_buf_free(&digits);
    return rc;
}

static int to_times(struct weir_feed_reading *r, const struct weir_column *c,
                    const struct weir_vector *in, struct weir_vector *out, size_t rows,
                    struct weir_error *err)
{
    out->ints = weir_arena_calloc(&r->arena, rows * sizeof *out->ints);
    for (size_t i = 0; out->ints && i < rows; i++) {
        if (weir_vector_valid(in, i) && !weir_feed_time(c->type, in->strs[i], &out->ints[i])) {
            return weir_fail(err, WEIR_ECORRUPT,
                             "column \"" WEIR_STR_FMT "\" has a text that is no time; nothing was "
                             "loaded",
                             WEIR_STR_ARG(c->name));
        }
    }
    return out->ints ? 0 : no_memory(err);
}

static int to_numbers(struct weir_feed_reading *r, const struct weir_column *c,
                      const struct weir_vector *in, struct weir_vector *out, size_t rows,
                      struct weir_error *err)
{
    out->ints = weir_arena_calloc(&r->arena, rows * sizeof *out->ints);
    if (!out->ints) {
        return no_memory(err);
    }
    for (size_t i = 0; i < rows; i++) {
        if (!weir_vector_valid(in, i)) {
            continue;
        }
        if (c->type == WEIR_TYPE_TIMESTAMP && in->type == WEIR_TYPE_DATE) {
            out->ints[i] = in->ints[i] * WEIR_DAY;
        } else if (c->type == WEIR_TYPE_DOUBLE && in->type == WEIR_TYPE_INT &&
                   in->ints[i] <= EXACT_WHOLE && in->ints[i] >= -EXACT_WHOLE) {
            out->doubles[i] = (double)in->ints[i];
        } else {
            return weir_fail(err, WEIR_EINVAL,
                             "column \"" WEIR_STR_FMT
                             "\": a whole number has more digits than a number with a fraction "
                             "keeps; --full finds the types of the columns anew",
                             WEIR_STR_ARG(c->name));
        }
    }
    return 0;
}

/* A column of a batch as the warehouse has it. */
static int convert(struct weir_feed_reading *r, const struct weir_column *c,
                   const struct weir_vector *in, struct weir_vector *out, size_t rows,
                   struct weir_error *err)
{
    *out = *in;
    out->type = c->type;
    bool any = false;
    for (size_t i = 0; !any && i < (rows + 63) / 64; i++) {
        any = in->valid[i] != 0;
    }
    if (!any) {
        out->ints = NULL; /* all are NULL */
        return 0;
    }
    if (c->type == WEIR_TYPE_OTHER || (in->type < WEIR_TYPE_TEXT && c->type == WEIR_TYPE_TEXT)) {
        return to_texts(r, c, in, out, rows, err);
    }
    if (in->type == WEIR_TYPE_TEXT && c->type != WEIR_TYPE_TEXT && c->type < WEIR_TYPE_TEXT) {
        return to_times(r, c, in, out, rows, err);
    }
    return in->type == c->type || c->type >= WEIR_TYPE_TEXT ? 0
                                                            : to_numbers(r, c, in, out, rows, err);
}

/* Which row of the stage a list was in: those of versions that were left behind are not there. */
static int count_rows(struct weir_feed_reading *r, struct weir_vector *v, size_t rows,
                      struct weir_error *err)
{
    const struct weir_feed_stream *root = r->s->nest->root;
    int64_t *out = weir_arena_calloc(&r->arena, rows * sizeof *out);
    if (!out) {
        return no_memory(err);
    }
    for (size_t i = 0; i < rows; i++) {
        const struct weir_spool_block *b = &root->blocks[r->old_block];
        while (r->old_block < root->block_count && (uint64_t)v->ints[i] >= r->seen_rows + b->rows) {
            r->seen_rows += b->rows;
            r->old_rows += weir_feed_is_old(root, b) ? b->rows : 0;
            b = &root->blocks[++r->old_block];
        }
        out[i] = v->ints[i] - (int64_t)r->old_rows;
    }
    v->ints = out;
    return 0;
}

int weir_feed_reading_pass(struct weir_feed_reading *r, const struct weir_spool_block *block,
                           struct weir_error *err)
{
    struct weir_batch batch;
    int rc = weir_spool_read(&r->s->feed->spool, block, &r->room, &batch, err);
    weir_arena_reset(&r->arena);
    for (size_t i = 0; rc == 0 && i < r->sink->column_count; i++) {
        struct weir_vector *out = &r->vectors[i];
        if (r->from[i] == SIZE_MAX) {
            *out = (struct weir_vector){.type = WEIR_TYPE_INT};
            out->ints = weir_arena_alloc(&r->arena, batch.rows * sizeof *out->ints);
            for (size_t row = 0; out->ints && row < batch.rows; row++) {
                out->ints[row] =
                    block->version == WEIR_FEED_NO_VERSION ? r->active : block->version;
            }
            rc = out->ints ? 0 : no_memory(err);
        } else if (r->from[i] >= batch.column_count) { /* it came later */
            *out = (struct weir_vector){.type = r->sink->columns[i].type};
        } else {
            rc = convert(r, &r->sink->columns[i], &batch.columns[r->from[i]], out, batch.rows, err);
        }
        if (rc == 0 && r->s->nest && r->s->nest->parent && r->from[i] == r->s->nest->row) {
            rc = count_rows(r, out, batch.rows, err);
        }
    }
    struct weir_batch made = {batch.rows, r->sink->column_count, r->vectors};
    return rc ? rc : r->sink->rows(r->sink, block->file, &made, err);
}

static int map_columns(struct weir_feed_reading *r, const struct weir_source_plan *plan,
                       struct weir_error *err)
{
    size_t n = r->sink->column_count;
    struct weir_arena *arena = (struct weir_arena *)(uintptr_t)&plan->arena;
    r->vectors = weir_arena_calloc(arena, (n + 1) * sizeof *r->vectors);
    r->from = weir_arena_calloc(arena, (n + 1) * sizeof *r->from);
    if (!r->vectors || !r->from) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        r->from[i] = SIZE_MAX;
        for (size_t k = 0; k < r->s->column_count; k++) {
            if (weir_str_eq(r->s->columns[k].name, r->sink->columns[i].name)) {
                r->from[i] = k;
            }
        }
    }
    return 0;
}

int weir_feed_check_counts(const struct weir_feed_stream *s, struct weir_error *err)
{
    uint64_t all = 0;
    for (size_t i = 0; i < s->block_count; i++) {
        all += s->blocks[i].rows;
    }
    if (s->nest && s->nest->parent && s->nest->elements != s->part.rows) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "%llu rows were made of the %llu elements of a list; nothing was loaded",
                         (unsigned long long)s->part.rows, (unsigned long long)s->nest->elements);
    }
    return all == s->part.rows
               ? 0
               : weir_fail(err, WEIR_ECORRUPT,
                           "%llu rows were kept for loading of the %llu that came; "
                           "nothing was loaded",
                           (unsigned long long)all, (unsigned long long)s->part.rows);
}

int weir_feed_reading_open(struct weir_feed_stream *s, const struct weir_source_plan *plan,
                           struct weir_source_sink *sink, struct weir_feed_reading **out,
                           struct weir_error *err)
{
    struct weir_feed_reading *r = *out = calloc(1, sizeof *r);
    if (!r) {
        return no_memory(err);
    }
    *r = (struct weir_feed_reading){.s = s, .sink = sink, .active = s->active};
    weir_spool_room_init(&r->room);
    weir_arena_init(&r->arena, MAX_BATCH);
    weir_buf_init(&r->text, 4096);
    return map_columns(r, plan, err);
}

void weir_feed_reading_free(struct weir_feed_reading *r)
{
    if (r) {
        weir_spool_room_free(&r->room);
        weir_arena_free(&r->arena);
        weir_buf_free(&r->text);
        free(r);
    }
}

int weir_feed_read(struct weir_feed_stream *s, const struct weir_source_plan *plan,
                   struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_feed_reading *r;
    int rc = weir_feed_reading_open(s, plan, sink, &r, err);
    for (size_t i = 0; rc == 0 && i < s->block_count; i++) {
        rc = weir_feed_is_old(s, &s->blocks[i]) ? 0 : weir_feed_reading_pass(r, &s->blocks[i], err);
    }
    rc = rc ? rc : weir_feed_check_counts(s, err);
    weir_feed_reading_free(r);
    return rc;
}
