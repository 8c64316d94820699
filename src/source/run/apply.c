#include "source/run/apply.h"

#include <inttypes.h>
#include <stdio.h>

#include "source/run/apply_write.h"
#include "source/run/omitted.h"

void weir_apply_stage(struct weir_writing *w)
{
    weir_sql_table(&w->sql, w->stage->schema, w->stage->table);
}

void weir_apply_target(struct weir_writing *w)
{
    weir_sql_table(&w->sql, w->stage->schema, w->target);
}

void weir_apply_touch_target(struct weir_writing *w)
{
    weir_session_touch(w->session, w->stage->schema, w->target);
}

void weir_apply_touch_stage(struct weir_writing *w)
{
    weir_session_touch(w->session, w->stage->schema, w->stage->table);
}

int weir_apply_exec(struct weir_writing *w, struct weir_error *err)
{
    return weir_session_exec_buf(w->session, &w->sql, err);
}

int weir_apply_ask(struct weir_writing *w, uint64_t *out, struct weir_error *err)
{
    return weir_session_number_buf(w->session, &w->sql, out, err);
}

static int count_stage(struct weir_writing *w, uint64_t *out, struct weir_error *err)
{
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_stage(w);
    return weir_apply_ask(w, out, err);
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* A column of the table that no row has any more; but what the stage of a list has for itself is
 * none of a table's. */
static bool stays(const struct weir_writing *w, struct weir_str name)
{
    return !weir_source_stage_has(w->stage, name) && !weir_str_is(name, WEIR_SOURCE_ROW);
}

/* The table is made anew of the stage's rows; columns that do not come any more are kept, empty. */
static int copy(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_table *t = w->a->target;
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "DROP TABLE IF EXISTS ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, "; CREATE TABLE ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS SELECT ");
    for (size_t i = 0; i < w->stage->column_count; i++) {
        weir_buf_addz(&w->sql, i ? ", " : "");
        weir_sql_ident(&w->sql, w->stage->columns[i].name);
    }
    for (size_t i = 0; t && i < t->column_count; i++) {
        if (stays(w, t->columns[i].name)) {
            weir_source_add_null(&w->sql, &t->columns[i]);
        }
    }
    weir_buf_addz(&w->sql, " FROM ");
    weir_apply_stage(w);
    return weir_apply_exec(w, err);
}

/* The same without a copy: the stage takes the table's place. The engine alters no table that rows
 * were deleted from in the same transaction. */
static int swap(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_table *t = w->a->target;
    size_t staying = 0;
    int rc = 0;
    for (size_t i = 0; t && i < t->column_count; i++) {
        staying += stays(w, t->columns[i].name);
    }
    if (w->taken || weir_source_made_anew(w->stage->column_count, staying)) {
        return copy(w, err);
    }
    for (size_t i = 0; rc == 0 && t && i < t->column_count; i++) {
        if (stays(w, t->columns[i].name)) {
            struct weir_column kept = t->columns[i];
            rc = weir_session_add_columns(w->session, w->stage->schema, w->stage->table, &kept, 1,
                                          err);
        }
    }
    if (rc) {
        return rc;
    }
    weir_apply_touch_stage(w);
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "DROP TABLE IF EXISTS ");
    weir_apply_target(w);
    if (w->a->up) {
        weir_buf_addz(&w->sql, "; ALTER TABLE ");
        weir_apply_stage(w);
        weir_buf_addz(&w->sql, " DROP COLUMN " WEIR_SOURCE_ROW);
    }
    weir_buf_addz(&w->sql, "; ALTER TABLE ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, " RENAME TO ");
    weir_sql_ident(&w->sql, w->target);
    return weir_apply_exec(w, err);
}

static int drop_parts(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_plan *plan = w->a->plan;
    if (!plan->whole && plan->part_count == 0) {
        return 0;
    }
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    weir_apply_target(w);
    if (!plan->whole) {
        weir_buf_addz(&w->sql, " WHERE " WEIR_SOURCE_FILE " IN (");
        for (size_t i = 0; i < plan->part_count; i++) {
            weir_buf_addz(&w->sql, i ? ", " : "");
            weir_sql_text(&w->sql, plan->parts[i]);
        }
        weir_buf_addc(&w->sql, ')');
    }
    return weir_apply_exec(w, err);
}

static int insert(struct weir_writing *w, struct weir_error *err)
{
    int rc = drop_parts(w, err);
    if (rc) {
        return rc;
    }
    weir_session_touch(w->session, w->stage->schema, w->target);
    weir_buf_addz(&w->sql, "INSERT INTO ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " (");
    weir_apply_columns(w, "", false);
    weir_buf_addz(&w->sql, ") SELECT ");
    weir_apply_columns(w, "", true);
    weir_buf_addz(&w->sql, " FROM ");
    weir_apply_stage(w);
    return weir_apply_exec(w, err);
}

bool weir_source_apply_keeps(const struct weir_source_stream *stream,
                             const struct weir_table *target)
{
    const char *mark = stream->mode == WEIR_SOURCE_HISTORY           ? WEIR_SOURCE_CURRENT
                       : stream->deletes == WEIR_SOURCE_DELETES_SOFT ? WEIR_SOURCE_DELETED
                                                                     : NULL;
    return mark && target && weir_source_find_column(target, weir_str_of(mark));
}

static bool builds_anew(const struct weir_source_apply *a)
{
    return !a->target || (a->plan->whole && a->stream->contract == WEIR_SOURCE_EVOLVE &&
                          !weir_source_apply_keeps(a->stream, a->target));
}

/* The columns of weir's own that the mode needs. */
static int add_marks(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_stream *stream = w->a->stream;
    bool soft = stream->deletes == WEIR_SOURCE_DELETES_SOFT &&
                !weir_source_find_column(w->a->target, WEIR_STR(WEIR_SOURCE_DELETED));
    return stream->mode == WEIR_SOURCE_HISTORY ? weir_apply_history_begin(w, err)
           : soft                              ? weir_apply_mark_column(w, err)
                                               : 0;
}

/* Rows that are gone at the source are marked or deleted, or their version ends. */
static bool follows_deletes(const struct weir_source_stream *stream)
{
    return stream->mode == WEIR_SOURCE_HISTORY ||
           (stream->mode == WEIR_SOURCE_MERGE && stream->deletes);
}

/* Rows of this load: a run may have several. */
static void add_of_load(struct weir_writing *w)
{
    weir_buf_addz(&w->sql, WEIR_SOURCE_RUN " = ");
    weir_sql_text(&w->sql, weir_str_of(w->stage->run));
    weir_buf_addf(&w->sql, " AND " WEIR_SOURCE_LOADED_AT " = make_timestamp(%" PRId64 ")",
                  w->stage->at);
}

/* Versions that the source has left behind; where deletes are followed, their rows are among those
 * that are gone. */
static int drop_versions(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_plan *plan = w->a->plan;
    if (!plan->versioned || plan->whole || follows_deletes(w->a->stream) ||
        (w->a->target && !weir_source_find_column(w->a->target, WEIR_STR(WEIR_SOURCE_VERSION)) &&
         w->a->stream->contract != WEIR_SOURCE_EVOLVE)) {
        return 0;
    }
    weir_apply_touch_target(w);
    weir_buf_addz(&w->sql, "DELETE FROM ");
    weir_apply_target(w);
    weir_buf_addf(&w->sql,
                  " WHERE (" WEIR_SOURCE_VERSION " IS NULL OR " WEIR_SOURCE_VERSION
                  " < %lld) AND NOT (",
                  (long long)plan->version);
    add_of_load(w);
    weir_buf_addc(&w->sql, ')');
    return weir_apply_exec(w, err);
}

static int build(struct weir_writing *w, struct weir_error *err)
{
    int rc = swap(w, err);
    return rc ? rc : add_marks(w, err);
}

static int write_rows(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    bool keyed = a->stream->mode == WEIR_SOURCE_MERGE &&
                 (!a->plan->whole || weir_source_apply_keeps(a->stream, a->target));
    if (builds_anew(a)) {
        return build(w, err);
    }
    if (a->stream->mode == WEIR_SOURCE_HISTORY) {
        return weir_apply_history(w, err);
    }
    int rc = keyed ? weir_apply_merge(w, err) : insert(w, err);
    return rc || !w->ends ? rc : weir_apply_deletes(w, err);
}

/* Every row of the stage is one row of the table now; and when all rows of the source were read,
 * the table has no other. */
static int verify(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_stream *stream = w->a->stream;
    struct weir_source_load *l = w->a->load;
    uint64_t written = 0, live = w->there;
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " WHERE ");
    add_of_load(w);
    int rc = weir_apply_ask(w, &written, err);
    if (rc == 0 && w->ends) {
        weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
        weir_apply_target(w);
        weir_buf_addz(&w->sql, stream->mode == WEIR_SOURCE_HISTORY ? " WHERE " WEIR_SOURCE_CURRENT
                               : stream->deletes == WEIR_SOURCE_DELETES_SOFT
                                   ? " WHERE " WEIR_SOURCE_DELETED " IS NULL"
                                   : "");
        rc = weir_apply_ask(w, &live, err);
    }
    if (rc == 0 && (written != l->rows_written ||
                    l->rows_read != l->rows_written + l->rows_discarded + l->rows_superseded)) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "the table would hold %llu rows of this run, not the %llu of the %llu read "
                       "that are to be written; nothing was loaded",
                       (unsigned long long)written, (unsigned long long)l->rows_written,
                       (unsigned long long)l->rows_read);
    } else if (rc == 0 && live != w->there) {
        rc =
            weir_fail(err, WEIR_ECORRUPT,
                      "the table would hold %llu rows, and the source has %llu; nothing was loaded",
                      (unsigned long long)live, (unsigned long long)w->there);
    }
    return rc;
}

/* One sentence more, with a number in it. */
static int add_change(struct weir_writing *w, const char *what, uint64_t number,
                      struct weir_error *err)
{
    struct weir_source_load *load = w->a->load;
    struct weir_str so_far = load->changes.len ? load->changes : WEIR_STR("[]");
    struct weir_buf text;
    weir_buf_init(&text, 4u << 20);
    weir_buf_adds(&text, (struct weir_str){so_far.ptr, so_far.len - 1});
    weir_buf_addz(&text, so_far.len > 2 ? ",\"" : "\"");
    weir_buf_addf(&text, what, (unsigned long long)number);
    weir_buf_addz(&text, "\"]");
    load->changes = weir_arena_dup(w->stage->arena, weir_buf_str(&text));
    bool well = weir_buf_ok(&text) && load->changes.ptr;
    weir_buf_free(&text);
    return well ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
}

/* Rows that only the table has, and that go because somebody asked for all of it anew: as far as
 * keys tell, or their number. */
static int tell_dropped(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    const struct weir_text_list *key = &a->stream->key;
    uint64_t before = 0, gone = 0;
    bool known = key->count > 0;
    if (!a->plan->drops || !a->target || !a->plan->whole ||
        weir_source_apply_keeps(a->stream, a->target)) {
        return 0;
    }
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_target(w);
    int rc = weir_apply_ask(w, &before, err);
    weir_buf_addz(&w->sql, "SELECT count(*) FROM ");
    weir_apply_target(w);
    weir_buf_addz(&w->sql, " AS old ANTI JOIN ");
    weir_apply_stage(w);
    weir_buf_addz(&w->sql, " AS new ON ");
    for (size_t i = 0; i < key->count; i++) {
        struct weir_str name = weir_str_of(key->items[i]);
        known = known && weir_source_find_column(a->target, name);
        weir_buf_addz(&w->sql, i ? " AND CAST(old." : "CAST(old.");
        weir_sql_ident(&w->sql, name);
        weir_buf_addz(&w->sql, " AS VARCHAR) = CAST(new.");
        weir_sql_ident(&w->sql, name);
        weir_buf_addz(&w->sql, " AS VARCHAR)");
    }
    if (!known) {
        weir_buf_reset(&w->sql);
    }
    rc = rc || !known ? rc : weir_apply_ask(w, &gone, err);
    uint64_t fewer = before > w->there ? before - w->there : 0;
    a->load->rows_deleted = gone > fewer ? gone : fewer;
    return rc || !a->load->rows_deleted
               ? rc
               : add_change(w,
                            "the table was built anew, as was asked: %llu rows went that the "
                            "source does not have any more",
                            a->load->rows_deleted, err);
}

/* Which rows are gone at the source is known only when every row of it is known. */
static int settle_deletes(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    bool complete = follows_deletes(a->stream) && (a->plan->whole || a->plan->complete);
    w->ends = complete && a->load->rows_discarded == 0;
    return complete && !w->ends
               ? add_change(w,
                            "rows that are gone at the source were not looked for: %llu rows of it "
                            "are unknown (weir.source_discards)",
                            a->load->rows_discarded, err)
               : 0;
}

/* What does not fit goes, and what came more than once. */
static int fit_stage(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    bool keyed = a->stream->key.count > 0;
    int rc = 0;
    if (a->target && a->stream->contract == WEIR_SOURCE_DISCARD_VALUE) {
        rc = weir_apply_discard_values(w, err);
    } else if (a->target && a->stream->contract == WEIR_SOURCE_DISCARD_ROW) {
        rc = weir_apply_discard_rows(w, err);
    }
    rc = rc || !keyed ? rc : weir_apply_empty_keys(w, err);
    rc = rc ? rc : weir_apply_lists_lost(w, err);
    rc = rc || !keyed ? rc : weir_apply_older_keys(w, err);
    return rc ? rc : weir_apply_lists_doubled(w, err);
}

/* What is left out now. The engine alters no table whose rows were changed before in the same
 * transaction: so the load of a list does that of its table, behind its new columns. */
static int empty_omitted(struct weir_writing *w, bool anew, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a, *up = a->up ? a->up : a;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < up->plan->omitted_count; i++) {
        const struct weir_source_omitted *o = &up->plan->omitted[i];
        bool mine = weir_str_eq(o->table, w->target) || !a->up;
        for (size_t k = 0; !a->up && k < a->list_count; k++) {
            mine = mine && !weir_str_is(o->table, a->lists[k].stream->table);
        }
        rc = mine ? weir_source_omitted_empty(w->session, w->stage->schema, o, a->load, anew, err)
                  : 0;
    }
    return rc;
}

/* The stage becomes what is to be written. */
static int settle_stage(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    int rc = fit_stage(w, err);
    rc = rc ? rc : settle_deletes(w, err);
    rc = rc ? rc : count_stage(w, &w->there, err);
    if (rc == 0 && builds_anew(a)) {
        rc = empty_omitted(w, true, err);
    } else if (rc == 0) {
        rc = a->stream->contract == WEIR_SOURCE_EVOLVE
                 ? weir_source_evolve(w->session, w->stage->schema, a->target, w->stage->columns,
                                      w->stage->column_count, err)
                 : 0;
        rc = rc ? rc : add_marks(w, err);
        rc = rc ? rc : empty_omitted(w, false, err);
        rc = rc ? rc : weir_apply_again(w, err);
        rc = rc || a->stream->mode != WEIR_SOURCE_HISTORY ? rc : weir_apply_history_settle(w, err);
        rc = rc ? rc : weir_apply_lists_doubled(w, err); /* those of rows that are as they were */
    }
    return rc ? rc : count_stage(w, &a->load->rows_written, err);
}

static int write_stage(struct weir_writing *w, struct weir_error *err)
{
    int rc = settle_stage(w, err);
    rc = rc ? rc : tell_dropped(w, err);
    rc = rc ? rc : weir_apply_list_replace(w, err);
    rc = rc ? rc : write_rows(w, err);
    rc = rc ? rc : weir_apply_list_versions(w, err);
    rc = rc ? rc : drop_versions(w, err);
    rc = rc ? rc : verify(w, err);
    return rc ? rc : weir_apply_lists(w, err);
}

static int change_all(struct weir_writing *w, struct weir_error *err)
{
    const struct weir_source_apply *a = w->a;
    struct weir_source_load *l = a->load;
    l->rows_discarded = w->stage->reject_count;
    l->rows_written = l->rows_deleted = 0;
    l->rows_discarded += a->lost;
    l->rows_superseded = a->doubled;
    int rc = weir_apply_list_refused(a) ? weir_apply_refuse_list(w, err) : write_stage(w, err);
    rc = rc ? rc : weir_source_stage_end(w->stage, err);
    l->ended_at = weir_now();
    l->status = "loaded";
    rc = rc ? rc : weir_source_ledger_add(w->session, l, err);
    return rc ? rc
              : weir_source_ledger_set_cursor(w->session, l->source, l->stream, l->schema, l->run,
                                              a->plan->cursor, l->ended_at, err);
}

static struct weir_writing writing(struct weir_source_apply *a)
{
    struct weir_writing w = {.a = a,
                             .session = a->stage->session,
                             .stage = a->stage,
                             .target = weir_str_of(a->stream->table),
                             .taken = a->taken};
    weir_buf_init(&w.sql, WEIR_APPLY_SQL);
    return w;
}

int weir_source_apply_fit(struct weir_source_apply *a, struct weir_error *err)
{
    struct weir_writing w = writing(a);
    a->load->rows_discarded = a->stage->reject_count;
    a->load->rows_superseded = 0;
    int rc = fit_stage(&w, err);
    weir_buf_free(&w.sql);
    return rc;
}

void weir_source_apply_value(struct weir_source_apply *a, struct weir_str name,
                             struct weir_buf *out)
{
    struct weir_writing w = writing(a);
    weir_apply_value(&w, out, name);
    weir_buf_free(&w.sql);
}

int weir_source_apply_in(struct weir_source_apply *a, struct weir_error *err)
{
    struct weir_writing w = writing(a);
    struct weir_str changes = a->load->changes; /* it may be tried again */
    int rc = change_all(&w, err);
    a->load->changes = rc ? changes : a->load->changes;
    weir_buf_free(&w.sql);
    return rc;
}

int weir_source_apply(struct weir_source_apply *a, struct weir_error *err)
{
    struct weir_session *session = a->stage->session;
    int rc = weir_session_begin(session, err);
    if (rc == 0) {
        rc = weir_source_apply_in(a, err);
        rc = rc ? rc : weir_session_commit(session, err);
        if (rc) {
            weir_session_rollback(session);
        }
    }
    return rc;
}
