/* A run of a foreign connector. Its process speaks of all streams, and its state of all of them:
 * so all are loaded, with the state, or none is. */
#include <stdio.h>
#include <stdlib.h>

#include "source/run.h"
#include "source/watch.h"

#define MAX_CATALOG  (512u << 20)
#define STATE_STREAM "*" /* where the state stands in weir.source_state */
#define MAX_STREAMS  10000

struct feed_run {
    const struct weir_source_run *run;
    const char *id;
    struct weir_source_config *config;
    void *connection;
    struct weir_session *session;
    struct weir_source_catalog catalog;
    struct weir_feed feed;
    struct weir_stream_run **streams; /* of the feed's, those that came */
    size_t count;
    bool began; /* the feed was opened */
};

/* --- before ------------------------------------------------------------------------------------
 */

/* What there is of a stream: its settings, its table, its cursor. */
static int prepare(struct feed_run *f, struct weir_str name, struct weir_feed_wanted *out,
                   struct weir_error *err)
{
    struct weir_stream_run *r = calloc(1, sizeof *r);
    if (!r) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    int rc = weir_stream_run_init(r, f->run, f->id, f->config, name, err);
    r->session = f->session;
    rc = rc ? rc : weir_stream_run_find_target(r, err);
    out->stream = r->stream;
    rc = rc ? rc
            : weir_source_ledger_cursor(f->session, f->config->name, r->stream.name, &f->feed.arena,
                                        &out->cursor, err);
    out->anew = f->run->full || !r->target || !out->cursor.len ||
                (r->stream.mode_said && weir_feed_changed(&r->stream, out->cursor));
    weir_stream_run_free(r);
    free(r);
    return rc;
}

static int prepare_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    bool found = false;
    int rc = f->config->connector->discover(f->connection, &f->catalog, err);
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
    }
    /* The others' part of it stays, when one stream begins anew. */
    bool forgets = f->run->full && !(f->run->stream && found);
    rc = rc || forgets ? rc
                       : weir_source_ledger_cursor(f->session, f->config->name, STATE_STREAM,
                                                   &feed->arena, &feed->state, err);
    return rc;
}

/* --- after --------------------------------------------------------------------------------------
 */

static int stage_one(struct feed_run *f, struct weir_feed_stream *s, struct weir_error *err)
{
    struct weir_stream_run *r = calloc(1, sizeof *r);
    const struct weir_feed_wanted *w = weir_feed_find_wanted(&f->feed, s->name);
    struct weir_str cursor = {NULL, 0};
    if (!r) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    f->streams[f->count++] = r;
    int rc = weir_stream_run_init(r, f->run, f->id, f->config, s->name, err);
    r->session = f->session;
    r->feed = s;
    rc = rc ? rc : weir_stream_run_find_target(r, err);
    if (rc == 0 && r->target && !f->run->full && !f->feed.forgot) {
        rc = weir_source_ledger_cursor(f->session, f->config->name, r->stream.name, &r->plan.arena,
                                       &cursor, err);
    }
    rc = rc ? rc : weir_feed_settle_mode(s, &r->stream, &r->plan.arena, err);
    r->load.mode = weir_source_mode_name(r->stream.mode);
    r->plan.exclude = &r->stream.exclude;
    rc = rc ? rc : weir_feed_plan(s, &r->stream, cursor, &r->plan, err);
    if (rc == 0 && r->plan.whole && w && !w->anew && r->stream.mode != WEIR_SOURCE_REPLACE) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the stream \"%s\" is loaded in another way now (mode, key or columns), and "
                       "what came is only what is new: `weir sync %s --full` reads all of it",
                       r->stream.name, f->config->name);
    }
    r->load.bytes = f->count == 1 ? f->feed.bytes : 0; /* of all streams */
    r->load.status = "unchanged";
    return rc || r->plan.nothing ? rc : weir_stream_run_stage(r, err);
}

static int stage_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    int rc = 0;
    f->streams = calloc(feed->stream_count + 1, sizeof(struct weir_stream_run *));
    if (!f->streams) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    for (size_t i = 0; rc == 0 && i < feed->stream_count; i++) {
        for (size_t k = 0; k < f->count; k++) {
            struct weir_source_stream other = f->streams[k]->stream, mine;
            rc = weir_source_config_stream(f->config, feed->streams[i]->name, &mine, err);
            if (rc == 0 && strcmp(other.table, mine.table) == 0) {
                rc = weir_fail(err, WEIR_EINVAL,
                               "the streams \"%s\" and \"%s\" would share the table \"%s\"; give "
                               "one of them another `table:`",
                               other.name, mine.name, mine.table);
            }
            if (rc) {
                return rc;
            }
        }
        rc = stage_one(f, feed->streams[i], err);
        if (rc && f->count) {
            struct weir_error why = *err;
            weir_fail(err, rc, "stream \"%s\": %s", f->streams[f->count - 1]->stream.name,
                      why.message);
        }
    }
    return rc;
}

static int apply_all(struct feed_run *f, struct weir_error *err)
{
    int rc = weir_session_begin(f->session, err);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        struct weir_stream_run *r = f->streams[i];
        if (!r->plan.nothing) {
            weir_source_watch_write(f->run->progress ? f->run->progress->watch : NULL,
                                    r->stream.name);
            struct weir_source_apply apply = {&r->stage,   &r->plan,  &r->stream,
                                              &r->settled, r->target, &r->load};
            rc = weir_source_apply_in(&apply, err);
        }
    }
    struct weir_str state = weir_buf_str(&f->feed.new_state);
    if (rc == 0 && state.len && !weir_str_eq(state, f->feed.state)) {
        rc = weir_source_ledger_set_cursor(f->session, f->config->name, STATE_STREAM, f->id, state,
                                           weir_now(), err);
    }
    rc = rc ? rc : weir_session_commit(f->session, err);
    if (rc) {
        weir_session_rollback(f->session);
    }
    return rc;
}

/* The ledger says of each stream why it was not loaded; of those that did no wrong, that too. */
static void note_failures(struct feed_run *f, int rc, const struct weir_error *err)
{
    for (size_t i = 0; i < f->count; i++) {
        weir_stream_run_note_failure(f->streams[i], rc, err);
    }
    if (f->count == 0) { /* it failed before any stream was looked at */
        struct weir_stream_run *r = calloc(1, sizeof *r);
        struct weir_error ignored;
        struct weir_str name = weir_str_of(f->run->stream ? f->run->stream : STATE_STREAM);
        if (r && weir_stream_run_init(r, f->run, f->id, f->config, name, &ignored) == 0) {
            r->load.table = "";
            r->load.mode = "";
            weir_stream_run_note_failure(r, rc, err);
        }
        if (r) {
            weir_stream_run_free(r);
        }
        free(r);
    }
}

static int load_all(struct feed_run *f, struct weir_error *err)
{
    int rc = stage_all(f, err);
    for (int i = 0; rc == 0 && i < WEIR_SOURCE_TRIES; i++) {
        rc = apply_all(f, err);
        if (rc != WEIR_EAGAIN || i + 1 == WEIR_SOURCE_TRIES) {
            break;
        }
        rc = 0;
    }
    return rc;
}

static int read_all(struct feed_run *f, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/tmp/source", f->run->site->data);
    const struct weir_option *o = f->config->connector->options;
    uint64_t most = 0;
    for (; o->name; o++) {
        if (strcmp(o->name, "max_spool") == 0) {
            most =
                *(const uint64_t *)(const void *)((const char *)f->config->connection + o->offset);
        }
    }
    int rc = weir_feed_open(feed, dir, most, err);
    f->began = true;
    feed->config = f->config;
    feed->only = f->run->stream;
    feed->progress = f->run->progress;
    feed->stop = f->run->progress ? &f->run->progress->stop : NULL;
    feed->log = f->run->log;
    rc = rc ? rc : prepare_all(f, err);
    rc = rc ? rc : f->config->connector->feed(f->connection, feed, err);
    if (rc == 0 && feed->ignored) {
        weir_log(f->run->log, WEIR_LOG_INFO, "records of streams that nobody wants were left out",
                 "source", f->config->name, "records", weir_log_num((int64_t)feed->ignored).text);
    }
    return rc;
}

int weir_source_run_feed(const struct weir_source_run *run, const char *id,
                         struct weir_source_config *config, void *connection, const char **status,
                         struct weir_jw *w, struct weir_error *err)
{
    struct feed_run f = {.run = run, .id = id, .config = config, .connection = connection};
    weir_arena_init(&f.catalog.arena, MAX_CATALOG);
    int rc = weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &f.session, err);
    rc = rc ? rc : weir_source_ledger_open(f.session, err);
    rc = rc ? rc : read_all(&f, err);
    rc = rc ? rc : load_all(&f, err);
    for (size_t i = 0; i < f.count; i++) {
        weir_stream_run_unstage(f.streams[i], rc);
    }
    weir_session_free(f.session);
    if (rc) {
        *status = rc == WEIR_ECORRUPT ? "mismatch" : "failed";
        note_failures(&f, rc, err);
    }
    for (size_t i = 0; i < f.count; i++) {
        if (rc == 0 && strcmp(f.streams[i]->load.status, "unchanged") != 0) {
            *status = f.streams[i]->load.status;
        }
        weir_source_watch_end(run->progress ? run->progress->watch : NULL, &f.streams[i]->load);
        weir_source_load_print(&f.streams[i]->load, w);
        weir_stream_run_free(f.streams[i]);
        free(f.streams[i]);
    }
    free(f.streams);
    if (f.began) {
        weir_feed_free(&f.feed);
    }
    weir_arena_free(&f.catalog.arena);
    return rc ? weir_error_prefix(err, rc, "%s", config->name) : 0;
}
