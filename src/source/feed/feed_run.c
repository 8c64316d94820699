/* A run of a foreign connector. Its process speaks of all streams, and its state of all of them:
 * so what came before a state is loaded with it, or is not, nor is the state saved. */
#include <stdio.h>
#include <stdlib.h>

#include "source/define/account.h"
#include "source/feed/feed_ahead.h"
#include "source/ledger/gone.h"
#include "source/ledger/keep.h"
#include "source/run/lists.h"
#include "source/run/omitted.h"
#include "source/run/run.h"
#include "source/schedule/watch.h"

#define MAX_CATALOG (512u << 20)
#define MAX_STREAMS 10000

struct feed_run {
    const struct weir_source_run *run;
    const char *id;
    struct weir_source_config *config;
    void *connection;
    struct weir_session *session;
    struct weir_source_catalog catalog;
    struct weir_feed feed;
    struct weir_feed_ahead *ahead;
    /* Of the load that is made: those of the feed's that are in it. */
    struct weir_stream_run **streams;
    size_t count;
    bool asked;            /* for a stream that there is not: its source has not failed */
    weir_time at;          /* when it began; each has a later time */
    uint64_t told_bytes;   /* in weir.loads */
    struct weir_buf saved; /* the state that weir.source_state has */
    weir_time removed;     /* when a source of this name was; 0: none was */
    bool began;            /* the feed was opened */
    bool well;             /* something was loaded */
    int failed;            /* of the first stream that was set aside */
    struct weir_error why;
};

/* --- before ------------------------------------------------------------------------------------
 */

/* Those that a stream may still have. */
static int copy_columns(struct feed_run *f, const struct weir_table *table,
                        const struct weir_text_list *exclude, struct weir_text_list *out,
                        struct weir_error *err)
{
    size_t count = table ? table->column_count : 0;
    const char **names = weir_arena_calloc(&f->feed.arena, (count + 1) * sizeof *names);
    for (size_t i = 0; names && i < count; i++) {
        struct weir_str name = table->columns[i].name;
        if (!weir_source_column_reserved(name) && !weir_source_of_history(name) &&
            !weir_text_list_has(exclude, name)) {
            names[out->count++] = weir_arena_dup(&f->feed.arena, name).ptr;
            names = names[out->count - 1] ? names : NULL;
        }
    }
    out->items = names;
    return names ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
}

/* What there is of a stream: its settings, its table, its cursor. */
static int prepare(struct feed_run *f, struct weir_str name, struct weir_feed_wanted *out,
                   struct weir_error *err)
{
    struct weir_stream_run *r = calloc(1, sizeof *r);
    if (!r) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    bool missing = false;
    int rc = weir_stream_run_init(r, f->run, f->id, f->config, name, err);
    r->session = f->session;
    rc = rc ? rc : weir_stream_run_find_target(r, err);
    out->stream = r->stream;
    rc = rc ? rc
            : weir_source_ledger_cursor(f->session, f->config->name, r->stream.name,
                                        f->config->schema, NULL, &f->feed.arena, &out->cursor, err);
    rc = rc ? rc : weir_lists_missing(r, &missing, err);
    out->there = r->target != NULL;
    rc = rc ? rc : weir_source_account_check(r, out->cursor, f->removed, true, err);
    rc = rc ? rc : copy_columns(f, r->target, &r->stream.exclude, &out->columns, err);
    out->anew = f->run->full || missing || !r->target || !out->cursor.len ||
                (r->stream.mode_said && weir_feed_changed(&r->stream, out->cursor));
    weir_stream_run_free(r);
    free(r);
    return rc;
}

static int look(struct weir_feed *feed, struct weir_str name, struct weir_error *err)
{
    size_t n = feed->wanted_count;
    struct weir_feed_wanted *grown = weir_arena_calloc(&feed->arena, (n + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", n);
    }
    if (n) {
        memcpy(grown, feed->wanted, n * sizeof *grown);
    }
    struct feed_run *f = feed->loader;
    weir_feed_ahead_pause(f->ahead);
    int rc = prepare(f, name, &grown[n], err);
    weir_feed_ahead_go_on(f->ahead);
    if (rc == 0) {
        feed->wanted = grown;
        feed->wanted_count++;
    }
    return rc;
}

static int prepare_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    bool found = false;
    int rc = f->config->connector->discover(f->connection, &f->catalog, err);
    rc = rc ? rc : weir_source_account_removed(f->run, &f->removed, err);
    feed->wanted = weir_arena_calloc(&feed->arena, (f->catalog.count + 1) * sizeof *feed->wanted);
    if (rc == 0 && !feed->wanted) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", f->catalog.count);
    }
    for (size_t i = 0; rc == 0 && i < f->catalog.count; i++) {
        struct weir_str name = f->catalog.streams[i].name;
        if (f->run->stream && !weir_str_is(name, f->run->stream)) {
            continue;
        }
        found = true;
        rc = prepare(f, name, &feed->wanted[feed->wanted_count++], err);
    }
    if (rc == 0 && !found && f->catalog.count) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "source \"%s\" has no stream \"%s\"; `weir source discover %s` shows them",
                       f->config->name, f->run->stream ? f->run->stream : "", f->config->name);
        f->asked = f->run->stream;
    }
    /* The others' part of it stays, when one stream begins anew. */
    bool forgets = f->run->full && !(f->run->stream && found);
    rc = rc || forgets ? rc
                       : weir_source_ledger_cursor(f->session, f->config->name, WEIR_SOURCE_ALL,
                                                   NULL, NULL, &feed->arena, &feed->state, err);
    weir_buf_adds(&f->saved, feed->state);
    return rc;
}

/* --- a load ------------------------------------------------------------------------------------
 */

/* Was it loaded by this run already, or is it as the table's cursor says? */
static int check_way(struct feed_run *f, const struct weir_feed_stream *s,
                     const struct weir_stream_run *r, struct weir_error *err)
{
    const struct weir_feed_wanted *w = weir_feed_find_wanted(&f->feed, s->name);
    bool known = s->parts || (w && !w->anew && r->stream.mode != WEIR_SOURCE_REPLACE);
    return !r->plan.whole || !known
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "the stream \"%s\" is loaded in another way now (mode, key or columns), "
                           "and what came is only what is new: `weir sync %s --full` reads all of "
                           "it",
                           r->stream.name, f->config->name);
}

static int plan_one(struct feed_run *f, struct weir_feed_stream *s, struct weir_stream_run *r,
                    struct weir_error *err)
{
    struct weir_str cursor = {NULL, 0};
    bool missing = false, elsewhere = false;
    int rc = weir_stream_run_init(r, f->run, f->id, f->config, s->name, err);
    r->session = f->session;
    r->feed = s;
    r->load.started_at = f->at;
    rc = rc ? rc : weir_stream_run_find_target(r, err);
    rc = rc ? rc : weir_lists_missing(r, &missing, err);
    bool counts = s->parts || (!f->run->full && !f->feed.forgot && !missing);
    if (rc == 0 && r->target) {
        rc = weir_source_ledger_cursor(f->session, f->config->name, r->stream.name,
                                       f->config->schema, &elsewhere, &r->plan.arena, &r->plan.last,
                                       err);
    }
    cursor = rc == 0 && r->target && counts && !elsewhere ? r->plan.last : cursor;
    rc = rc || s->parts ? rc : weir_source_account_check(r, r->plan.last, f->removed, false, err);
    rc = rc ? rc : weir_feed_settle_mode(s, &r->stream, &r->plan.arena, err);
    r->load.mode = weir_source_mode_name(r->stream.mode);
    r->plan.exclude = &r->stream.exclude;
    r->plan.there = r->target;
    rc = rc ? rc : weir_feed_plan(s, &r->stream, cursor, &r->plan, err);
    r->plan.other = r->plan.other || elsewhere;
    rc = rc ? rc : weir_feed_plan_odd(s, &r->plan, err);
    rc = rc ? rc : check_way(f, s, r, err);
    rc = rc || r->plan.nothing ? rc : weir_source_keep(r, err);
    return rc || r->plan.nothing ? rc : weir_source_omitted_find(r, err);
}

static int stage_one(struct feed_run *f, struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_stream_run *r = calloc(1, sizeof *r);
    if (!r) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    f->streams[f->count++] = r;
    int rc = plan_one(f, s, r, err);
    r->load.bytes = f->count == 1 ? f->feed.bytes - f->told_bytes : 0; /* of all streams */
    r->load.status = "unchanged";
    return rc || r->plan.nothing ? rc : weir_stream_run_stage(r, err);
}

static void next_time(struct feed_run *f)
{
    weir_time now = weir_now();
    f->at = now > f->at ? now : f->at + 1;
}

/* Once, also where its error says so already. */
static void name_stream(const struct weir_stream_run *r, int rc, struct weir_error *err)
{
    struct weir_error why = *err;
    char named[1100];
    snprintf(named, sizeof named, "stream \"%s\": ", r->stream.name);
    if (strncmp(why.message, named, strlen(named)) != 0) {
        weir_fail(err, rc, "%s%s", named, why.message);
    }
}

static int stage_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    int rc = 0;
    next_time(f);
    f->streams = calloc(feed->stream_count + 1, sizeof(struct weir_stream_run *));
    if (!f->streams) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    for (size_t i = 0, count = feed->stream_count; rc == 0 && i < count; i++) {
        struct weir_feed_stream *s = feed->streams[i];
        if (!s->taken) {
            continue;
        }
        rc = weir_feed_flush(s, err);
        rc = rc ? rc : weir_feed_check_table(f->config, feed, s, err);
        rc = rc ? rc : stage_one(f, s, err);
        if (rc && f->count && f->streams[f->count - 1]->feed == s) {
            name_stream(f->streams[f->count - 1], rc, err);
        }
        rc = rc ? rc : weir_feed_check_lists(f->streams, f->count, err);
    }
    return rc;
}

/* Streams that began anew and are not loaded yet begin anew in the next run, too, when this one
 * fails: the state that is saved does not speak of what their tables have. */
static int drop_cursors(struct feed_run *f, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->feed.wanted_count; i++) {
        const struct weir_feed_wanted *w = &f->feed.wanted[i];
        const struct weir_feed_stream *s =
            weir_map_get(&f->feed.by_name, weir_str_of(w->stream.name));
        if (w->anew && w->cursor.len && !(s && (s->parts || s->taken))) {
            rc = weir_source_ledger_drop_cursor(f->session, f->config->name, w->stream.name, err);
        }
    }
    return rc;
}

static int apply_all(struct feed_run *f, struct weir_str state, struct weir_error *err)
{
    int rc = weir_session_begin(f->session, err);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_stream_run *r = f->streams[i];
        if (!r->plan.nothing) {
            if (!f->feed.on_the_way && f->run->progress) {
                weir_source_watch_write(f->run->progress->watch, r->stream.name);
            }
            struct weir_source_apply *apply = weir_stream_run_apply(r);
            rc = apply ? weir_source_apply_in(apply, err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
            if (rc) {
                name_stream(r, rc, err);
            }
        }
    }
    rc = rc ? rc : drop_cursors(f, err);
    if (rc == 0 && state.len && !weir_str_eq(state, weir_buf_str(&f->saved))) {
        rc = weir_source_ledger_set_cursor(f->session, f->config->name, WEIR_SOURCE_ALL,
                                           f->config->schema, f->id, state, weir_now(), err);
    }
    if (rc == 0 && !state.len && f->feed.unsaved) { /* the tap was given none */
        rc = weir_source_ledger_drop_cursor(f->session, f->config->name, WEIR_SOURCE_ALL, err);
    }
    rc = rc ? rc : weir_session_commit(f->session, err);
    if (rc) {
        weir_session_rollback(f->session);
    }
    return rc;
}

/* What was loaded is the feed's no more. */
static int settle(struct feed_run *f, struct weir_str state, struct weir_error *err)
{
    struct weir_source_watch *watch = weir_source_watch_of(f->run->progress);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_stream_run *r = f->streams[i];
        rc = weir_feed_add_up(&f->feed, r, err);
        for (size_t k = 0; rc == 0 && k < r->list_count; k++) {
            rc = weir_feed_add_up(&f->feed, r->lists[k], err);
            weir_feed_loaded(r->lists[k]->feed);
        }
        if (f->feed.on_the_way && !r->plan.nothing && !r->feed->complete) {
            weir_source_watch_part(watch, &r->load);
        }
        weir_feed_loaded(r->feed);
        f->told_bytes += r->load.bytes;
    }
    if (state.len || f->feed.unsaved) {
        weir_buf_reset(&f->saved);
        weir_buf_adds(&f->saved, state);
        rc = rc ? rc : weir_buf_check(&f->saved, "the state of a source", err);
    }
    return rc;
}

static void end_streams(struct feed_run *f, int rc)
{
    for (size_t i = 0; i < f->count; i++) {
        weir_stream_run_unstage(f->streams[i], rc);
    }
}

static void free_streams(struct feed_run *f)
{
    for (size_t i = 0; i < f->count; i++) {
        weir_stream_run_free(f->streams[i]);
        free(f->streams[i]);
    }
    free(f->streams);
    f->streams = NULL;
    f->count = 0;
}

/* The streams that are taken, with this state. After a failure they are there for whoever tells of
 * it. */
static int load_taken(struct feed_run *f, struct weir_str state, struct weir_error *err)
{
    free_streams(f);
    int rc = stage_all(f, err);
    for (int i = 0; rc == 0 && i < WEIR_SOURCE_TRIES; i++) {
        rc = apply_all(f, state, err);
        if (rc != WEIR_EAGAIN || i + 1 == WEIR_SOURCE_TRIES) {
            break;
        }
        rc = 0;
    }
    end_streams(f, rc);
    f->well = f->well || (rc == 0 && f->count);
    return rc ? rc : settle(f, state, err);
}

static int plan_ahead(void *of, struct weir_feed_stream *s, struct weir_stream_run *r,
                      struct weir_error *err)
{
    struct feed_run *f = of;
    bool on_the_way = f->feed.on_the_way;
    f->feed.on_the_way = f->feed.checkpoint && weir_feed_flows(s); /* as it probably is loaded */
    next_time(f);
    int rc = plan_one(f, s, r, err);
    f->feed.on_the_way = on_the_way;
    return rc ? rc : weir_feed_check_table(f->config, &f->feed, s, err);
}

static void came(struct weir_feed *feed, struct weir_feed_stream *s)
{
    struct feed_run *f = feed->loader;
    weir_feed_ahead_came(f->ahead, s);
}

/* Of the stream alone, and not of the run. */
static bool is_own(int rc)
{
    return rc != WEIR_ECANCELED && rc != WEIR_EFATAL && rc != WEIR_ENOMEM && rc != WEIR_EIO;
}

/* The ledger says of each stream of the load why it was not loaded. */
static void note_streams(struct feed_run *f, int rc, const struct weir_error *err)
{
    struct weir_error ignored;
    for (size_t i = 0; i < f->count; i++) {
        struct weir_stream_run *r = f->streams[i];
        weir_stream_run_note_failure(r, rc, err);
        if (weir_feed_add_up(&f->feed, r, &ignored) == 0) {
            const char *copy = weir_arena_dup(&f->feed.arena, weir_str_of(err->message)).ptr;
            r->feed->loaded->error = copy ? copy : "no memory for a run";
        }
    }
}

static void set_aside(struct feed_run *f, int rc, const struct weir_error *err)
{
    note_streams(f, rc, err);
    for (size_t i = 0; i < f->count; i++) {
        weir_feed_set_aside(f->streams[i]->feed);
    }
    if (!f->failed) {
        f->failed = rc;
        f->why = *err;
        weir_feed_leave_out_lies(&f->why);
    }
    free_streams(f);
}

static int load_on_the_way(struct weir_feed *feed, struct weir_str state, bool apart,
                           struct weir_error *err)
{
    struct feed_run *f = feed->loader;
    weir_time began = weir_mono();
    feed->on_the_way = true;
    weir_feed_ahead_pause(f->ahead);
    int rc = load_taken(f, state, err);
    weir_feed_ahead_go_on(f->ahead);
    feed->on_the_way = false;
    weir_feed_pass(feed, NULL);
    feed->part.took = weir_mono() - began;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        f->streams[i]->feed->part.took = feed->part.took;
    }
    if (rc && apart && f->count && is_own(rc)) {
        set_aside(f, rc, err);
        rc = 0;
    }
    if (rc == 0) {
        free_streams(f);
    }
    feed->load_failed = rc != 0;
    return rc;
}

static int load_rest(struct feed_run *f, struct weir_error *err)
{
    for (size_t i = 0; i < f->feed.stream_count; i++) {
        struct weir_feed_stream *s = f->feed.streams[i];
        s->taken = !s->failed && !weir_feed_is_list(s) && !weir_feed_is_done(s);
    }
    weir_feed_ahead_pause(f->ahead);
    return load_taken(f, weir_buf_str(&f->feed.new_state), err);
}

/* --- after --------------------------------------------------------------------------------------
 */

static void note_failures(struct feed_run *f, weir_time began, int rc, const struct weir_error *err)
{
    note_streams(f, rc, err);         /* of those that did no wrong, that too */
    if (f->count == 0 && !f->asked) { /* it failed while no stream was looked at */
        weir_source_note_failure(f->run, f->id, f->config, began, rc, err);
    }
}

/* What failed after loads on the way did not leave all as it was. */
static int tell_of_loads(const struct feed_run *f, int rc, struct weir_error *err)
{
    struct weir_error why = *err;
    weir_feed_leave_out_lies(&why);
    return weir_fail(err, rc,
                     "%s; the %llu rows that came before its last state are loaded, and the next "
                     "run %s",
                     why.message, (unsigned long long)f->feed.part.loaded,
                     f->feed.unsaved ? "reads what came again" : "goes on from there");
}

static int read_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/tmp/source", f->run->site->data);
    int rc = weir_feed_open(feed, dir, weir_source_config_number(f->config, "max_spool"), err);
    f->began = true;
    feed->config = f->config;
    feed->only = f->run->stream;
    feed->progress = f->run->progress;
    feed->stop = f->run->progress ? &f->run->progress->stop : NULL;
    feed->log = f->run->log;
    feed->checkpoint = weir_source_config_number(f->config, "checkpoint");
    feed->load = load_on_the_way;
    feed->look = look;
    feed->loader = f;
    rc = rc ? rc : weir_feed_ahead_new(&f->ahead, plan_ahead, f, err);
    rc = rc ? rc : prepare_all(f, err);
    feed->came = rc ? NULL : came;
    rc = rc ? rc : f->config->connector->feed(f->connection, feed, err);
    if (rc == 0 && feed->ignored) {
        weir_log(f->run->log, WEIR_LOG_INFO, "records of streams that nobody wants were left out",
                 "source", f->config->name, "records", weir_log_num((int64_t)feed->ignored).text);
    }
    return rc;
}

static void tell_streams(struct feed_run *f, const char **status, struct weir_jw *w)
{
    for (size_t i = 0; i < f->feed.stream_count; i++) {
        const struct weir_source_load *l = f->feed.streams[i]->loaded;
        if (l) {
            if (strcmp(l->status, "loaded") == 0 && strcmp(*status, "unchanged") == 0) {
                *status = l->status;
            }
            weir_source_watch_end(weir_source_watch_of(f->run->progress), l);
            weir_source_load_print(l, w);
        }
    }
}

/* Nothing is known where the program does not say what there is. */
static int tell_gone(const struct feed_run *f, struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_gone gone = {
        .run = f->run, .id = f->id, .config = f->config, .unsure = f->catalog.count == 0};
    for (size_t i = 0; i < f->catalog.count; i++) {
        weir_source_gone_there(&gone, f->catalog.streams[i].name);
    }
    for (size_t i = 0; i < f->feed.stream_count; i++) {
        weir_source_gone_there(&gone, f->feed.streams[i]->name);
    }
    return weir_source_gone_tell(&gone, w, err);
}

int weir_source_run_feed(const struct weir_source_run *run, const char *id,
                         struct weir_source_config *config, void *connection, const char **status,
                         struct weir_jw *w, struct weir_error *err)
{
    struct feed_run f = {.run = run, .id = id, .config = config, .connection = connection};
    weir_time began = weir_now();
    weir_arena_init(&f.catalog.arena, MAX_CATALOG);
    weir_buf_init(&f.saved, MAX_CATALOG);
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &f.session, err);
    rc = rc ? rc : weir_source_ledger_open(f.session, err);
    rc = rc ? rc : read_all(&f, err);
    rc = rc ? rc : load_rest(&f, err);
    const struct weir_stream_run like = {.run = run, .id = id, .session = f.session};
    rc = rc ? rc : weir_source_omitted_feed(&like, &f.feed, config, w, err);
    weir_feed_ahead_free(f.ahead);
    weir_session_free(f.session);
    rc = rc && f.feed.part.loaded ? tell_of_loads(&f, rc, err) : rc;
    if (rc) {
        *status = rc == WEIR_ECORRUPT ? "mismatch" : "failed";
        note_failures(&f, began, rc, err);
    } else if (f.failed) { /* of a process that failed itself, no part goes well */
        if (f.well) {
            weir_stream_run_went_well(run);
        }
        *status = f.failed == WEIR_ECORRUPT ? "mismatch" : "failed";
        rc = weir_fail(err, f.failed, "%s; all other streams are loaded", f.why.message);
    }
    if (f.began) {
        tell_streams(&f, status, w);
        rc = rc || f.run->stream ? rc : tell_gone(&f, w, err);
        free_streams(&f);
        weir_feed_free(&f.feed);
    }
    weir_buf_free(&f.saved);
    weir_arena_free(&f.catalog.arena);
    return rc ? weir_error_prefix(err, rc, "%s", config->name) : 0;
}
