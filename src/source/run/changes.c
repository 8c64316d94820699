#include "source/run/changes.h"

#include <stdlib.h>

#define SLOTS (1u << 17) /* of the hashes; half of them are used at most */

/* Of the stage, behind the plan's columns. */
static const struct weir_column extras[WEIR_CHANGES_EXTRAS] = {
    {WEIR_STR("_weir_seq"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("_weir_put"), WEIR_TYPE_BOOL, {0}},
    {WEIR_STR("_weir_kept"), WEIR_TYPE_TEXT, {0}}};

/* --- staging ------------------------------------------------------------------------------------
 */

static int add_segment(struct weir_source_changes *c, struct weir_error *err)
{
    if (c->segment_count == c->segment_room) {
        size_t room = c->segment_room ? 2 * c->segment_room : 16;
        struct weir_source_segment *more = realloc(c->segments, room * sizeof *more);
        if (!more) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for the changes of a table");
        }
        c->segments = more;
        c->segment_room = room;
    }
    c->segments[c->segment_count++] = (struct weir_source_segment){.from = c->next};
    memset(c->touched, 0, SLOTS * sizeof *c->touched);
    c->touched_count = 0;
    return 0;
}

/* Whether it was touched in this segment; when there are too many to know, it may have been. */
static bool is_touched(const struct weir_source_changes *c, uint64_t hash)
{
    hash += hash == 0;
    for (size_t i = hash % SLOTS; c->touched[i]; i = (i + 1) % SLOTS) {
        if (c->touched[i] == hash) {
            return true;
        }
    }
    return c->touched_count >= SLOTS / 2;
}

static void touch(struct weir_source_changes *c, uint64_t hash)
{
    hash += hash == 0;
    size_t i = hash % SLOTS;
    while (c->touched[i] && c->touched[i] != hash) {
        i = (i + 1) % SLOTS;
    }
    bool new = !c->touched[i] && c->touched_count < SLOTS / 2;
    if (new) {
        c->touched[i] = hash;
        c->touched_count++;
    }
    c->segments[c->segment_count - 1].repeats |= !new;
}

int weir_source_changes_open(struct weir_source_changes *c, struct weir_error *err)
{
    struct weir_arena *arena = &c->plan.arena;
    int rc =
        weir_source_settle(&c->plan, &c->stream, c->target, c->stage.session, &c->settled, err);
    size_t count = c->settled.count;
    struct weir_column *columns =
        rc ? NULL : weir_arena_calloc(arena, (count + WEIR_CHANGES_EXTRAS) * sizeof *columns);
    c->kept = weir_arena_calloc(arena, count + 1);
    c->touched = calloc(SLOTS, sizeof *c->touched);
    if (rc == 0 && (!columns || !c->kept || !c->touched)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the changes of a table");
    }
    if (rc == 0) {
        memcpy(columns, c->settled.columns, count * sizeof *columns);
        memcpy(columns + count, extras, sizeof extras);
        rc = weir_source_stage_open(&c->stage, columns, count + WEIR_CHANGES_EXTRAS, err);
    }
    rc = rc ? rc : weir_source_rows_open_aside_small(&c->rows, &c->stage.sink, WEIR_STR(""), err);
    return rc ? rc : add_segment(c, err);
}

void weir_source_changes_free(struct weir_source_changes *c)
{
    weir_source_rows_free(&c->rows);
    weir_source_stage_free(&c->stage);
    weir_buf_free(&c->settled.changes);
    free(c->segments);
    free(c->touched);
    weir_source_plan_free(&c->plan);
    free(c);
}

static int end_row(struct weir_source_changes *c, uint64_t hash, bool put, struct weir_str kept,
                   struct weir_error *err)
{
    size_t at = c->settled.count;
    weir_source_rows_int(&c->rows, at, c->next++);
    weir_source_rows_bool(&c->rows, at + 1, put);
    int rc = kept.len ? weir_source_rows_text(&c->rows, at + 2, kept, err) : 0;
    touch(c, hash);
    return rc ? rc : weir_source_rows_end(&c->rows, err);
}

int weir_source_changes_put(struct weir_source_changes *c, uint64_t hash, struct weir_str kept,
                            bool moved, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 1u << 20);
    if (kept.len) {
        weir_buf_addz(&text, moved ? "m" : "");
        weir_buf_adds(&text, kept);
        c->any_kept = true;
    }
    int rc = weir_buf_check(&text, "a row", err);
    rc = rc ? rc : end_row(c, hash, true, weir_buf_str(&text), err);
    weir_buf_free(&text);
    return rc;
}

int weir_source_changes_gone(struct weir_source_changes *c, uint64_t hash, struct weir_error *err)
{
    return end_row(c, hash, false, WEIR_STR(""), err);
}

int weir_source_changes_moves(struct weir_source_changes *c, uint64_t hash, struct weir_error *err)
{
    return is_touched(c, hash) ? add_segment(c, err) : 0;
}

int weir_source_changes_pause(struct weir_source_changes *c, struct weir_error *err)
{
    int rc = c->rests ? 0 : weir_source_rows_wait(&c->rows, err);
    return rc ? rc : weir_source_stage_commit(&c->stage, err);
}

int weir_source_changes_rest(struct weir_source_changes *c, struct weir_error *err)
{
    int rc = c->rests ? 0 : weir_source_rows_flush(&c->rows, err);
    rc = rc ? rc : weir_source_stage_commit(&c->stage, err);
    weir_source_rows_free(&c->rows);
    c->rests = true;
    return rc;
}

int weir_source_changes_wake(struct weir_source_changes *c, struct weir_error *err)
{
    int rc = c->rests
                 ? weir_source_rows_open_aside_small(&c->rows, &c->stage.sink, WEIR_STR(""), err)
                 : 0;
    c->rests = c->rests && rc;
    return rc;
}

int weir_source_changes_close(struct weir_source_changes *c, struct weir_error *err)
{
    int rc = weir_source_changes_rest(c, err);
    rc = rc ? rc : weir_source_stage_close(&c->stage, err);
    c->load.rows_read = c->stage.read.rows + c->stage.reject_count;
    weir_figures_checksum(&c->stage.read, c->read_checksum);
    weir_figures_checksum(&c->stage.stored, c->stored_checksum);
    return rc;
}
