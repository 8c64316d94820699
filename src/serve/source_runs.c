#include "serve/source_item.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/server.h"
#include "serve/source_ills.h"
#include "source/schedule/watch.h"

#define OF_SOURCE  100 /* runs that are remembered, of one source */
#define MAX_REPORT (16u << 20)
#define REPORTS    (64u << 20)       /* of all together: weir.loads has what is in them, too */
#define SILENT     (5 * WEIR_SECOND) /* a run that only waits keeps none from beginning, */
#define SILENT_NOW WEIR_SECOND       /* nor one whose source failed the last time */
#define WAITING    8                 /* of those, for each place: each has a thread, or a tap */
#define PATIENCE   (2 * 60 * WEIR_SECOND) /* of who waits for an answer */

const struct weir_source_site *weir_source_runs_site(const struct weir_source_runs *runs)
{
    return &runs->site;
}

struct weir_source_counts *weir_source_runs_counts(const struct weir_source_runs *runs)
{
    return runs->counts;
}

struct weir_source_ills *weir_source_runs_ills(const struct weir_source_runs *runs)
{
    return runs->ills;
}

static void free_item(struct weir_source_item *item)
{
    if (!item->joined) {
        pthread_join(item->thread, NULL);
    }
    weir_buf_free(&item->report);
    weir_source_watch_free(item->progress.watch);
    free(item);
}

/* With the lock. The oldest reports go where all together are too large. */
static void forget_reports(struct weir_source_runs *runs)
{
    size_t held = 0;
    for (size_t i = runs->count; i-- > 0;) {
        held += runs->items[i]->report.len;
        if (held > REPORTS && !runs->items[i]->running) {
            held -= runs->items[i]->report.len;
            weir_buf_free(&runs->items[i]->report);
        }
    }
}

/* What its tables are to those who read them, after this run. */
static void tell_readers(const struct weir_source_item *item, int rc)
{
    struct weir_source_ills *ills = item->runs->ills;
    bool said = rc && weir_source_only_rested(&item->progress);
    bool gone = atomic_load(&item->progress.gone);
    if ((item->verify && !gone) || rc == WEIR_ECANCELED || said ||
        atomic_load(&item->progress.asked)) {
        return;
    }
    if (rc == 0 && !gone && !*item->stream && !*item->from) {
        weir_source_ills_clear(ills, item->source);
    } else {
        weir_source_ills_look(ills, item->runs->server->warehouse, item->source);
    }
}

static void *work(void *arg)
{
    struct weir_source_item *item = arg;
    struct weir_server *s = item->runs->server;
    struct weir_error err = {0};
    struct weir_buf report;
    struct weir_source_run run = {.site = &item->runs->site,
                                  .warehouse = s->warehouse,
                                  .log = s->log,
                                  .source = item->source,
                                  .stream = *item->stream ? item->stream : NULL,
                                  .from = *item->from ? item->from : NULL,
                                  .to = *item->to ? item->to : NULL,
                                  .well = item->well,
                                  .rest = item->rest,
                                  .full = item->full,
                                  .moved = item->moved,
                                  .verify = item->verify,
                                  .repair = item->repair,
                                  .progress = &item->progress};
    weir_buf_init(&report, MAX_REPORT);
    struct weir_jw w = weir_jw_on(&report);
    int rc = weir_source_sync(&run, item->id, &w, &err);
    if (rc && !weir_source_only_rested(&item->progress)) {
        weir_log(s->log, WEIR_LOG_ERROR, "a source's run failed", "source", item->source, "run",
                 item->id, "error", err.message);
    }
    tell_readers(item, rc);
    pthread_mutex_lock(&item->runs->lock);
    item->report = report;
    /* What somebody ended is not tried again until it is due. */
    bool partly = atomic_load(&item->progress.well);
    item->failures = rc && rc != WEIR_ECANCELED
                         ? weir_source_failures_after(item->failures, item->partly, partly)
                         : 0;
    item->partly = item->failures && partly;
    /* One of a stream alone says nothing of the others. */
    item->well = rc == 0 && (item->well || !(*item->stream || *item->from));
    item->status = rc == WEIR_ECANCELED ? "stopped"
                   : rc && strcmp(weir_source_watch_status(item->progress.watch), "mismatch") != 0
                       ? "failed"
                       : weir_source_watch_status(item->progress.watch);
    snprintf(item->error, sizeof item->error, "%s", rc ? err.message : "");
    item->ended_at = weir_now();
    item->running = false;
    forget_reports(item->runs);
    if (item->runs->ended) {
        item->runs->ended(item->runs->ended_arg);
    }
    pthread_mutex_unlock(&item->runs->lock);
    weir_source_runs_keep_said(item); /* it is forgotten only when this thread has ended */
    return NULL;
}

struct weir_source_item *weir_source_runs_find(struct weir_source_runs *runs, const char *id)
{
    for (size_t i = runs->count; i-- > 0;) {
        if (strcmp(runs->items[i]->id, id) == 0) {
            return runs->items[i];
        }
    }
    return NULL;
}

struct weir_source_item *weir_source_runs_latest(struct weir_source_runs *runs, const char *source,
                                                 bool verify, bool whole)
{
    for (size_t i = runs->count; i-- > 0;) {
        struct weir_source_item *item = runs->items[i];
        if (item->verify == verify && strcmp(item->source, source) == 0 &&
            !atomic_load(&item->progress.asked) && !(whole && (*item->stream || *item->from))) {
            return item;
        }
    }
    return NULL;
}

static char *held_of(struct weir_source_runs *runs, const char *source)
{
    for (size_t i = 0; i < WEIR_RUNS_HELD; i++) {
        if (strcmp(runs->held[i], source) == 0) {
            return runs->held[i];
        }
    }
    return NULL;
}

struct weir_source_item *weir_source_runs_running(struct weir_source_runs *runs, const char *source)
{
    for (size_t i = runs->count; i-- > 0;) {
        if (runs->items[i]->running && strcmp(runs->items[i]->source, source) == 0) {
            return runs->items[i];
        }
    }
    return NULL;
}

/* Has its source a later one of its sort? Then the page can do without it. */
static bool is_outdone(const struct weir_source_runs *runs, size_t at)
{
    const struct weir_source_item *item = runs->items[at];
    bool later = false;
    for (size_t i = at + 1; !later && i < runs->count; i++) {
        later = runs->items[i]->verify == item->verify &&
                strcmp(runs->items[i]->source, item->source) == 0;
    }
    return later;
}

static void forget(struct weir_source_runs *runs, size_t at)
{
    free_item(runs->items[at]);
    runs->count--;
    memmove(&runs->items[at], &runs->items[at + 1], (runs->count - at) * sizeof runs->items[0]);
}

/* Room for one more of this source: the oldest of it that has ended is forgotten when it has many;
 * else, when all have, the oldest that another one of its source has followed, so that a source
 * that runs each second pushes out none of others. */
static bool make_room(struct weir_source_runs *runs, const char *source)
{
    size_t own = 0, oldest = SIZE_MAX, outdone = SIZE_MAX, first = SIZE_MAX;
    for (size_t i = runs->count; i-- > 0;) {
        bool is_own = strcmp(runs->items[i]->source, source) == 0;
        own += is_own;
        if (!runs->items[i]->running) {
            first = is_own ? i : first;
            oldest = i;
        }
    }
    if (own >= OF_SOURCE && first != SIZE_MAX) {
        forget(runs, first);
        return true;
    }
    if (runs->count < WEIR_RUNS_KEPT) {
        return true;
    }
    for (size_t i = 0; outdone == SIZE_MAX && i < runs->count; i++) {
        outdone = !runs->items[i]->running && is_outdone(runs, i) ? i : SIZE_MAX;
    }
    size_t at = outdone != SIZE_MAX ? outdone : oldest;
    if (at != SIZE_MAX) {
        forget(runs, at);
    }
    return at != SIZE_MAX;
}

/* With the lock. */
static int add(struct weir_source_runs *runs, struct weir_source_item *item, struct weir_error *err)
{
    if (runs->stopped) {
        return weir_fail(err, WEIR_EBUSY, "the server stops");
    }
    if (weir_source_runs_running(runs, item->source)) {
        return weir_fail(err, WEIR_EBUSY, "source \"%s\" is being synced already; wait for its end",
                         item->source);
    }
    if (held_of(runs, item->source)) {
        return weir_fail(err, WEIR_EBUSY, "source \"%s\" is being removed", item->source);
    }
    if (!make_room(runs, item->source)) {
        return weir_fail(err, WEIR_EBUSY, "%d sources are being synced; try again later",
                         WEIR_RUNS_KEPT);
    }
    for (size_t i = 0; i < runs->count; i++) { /* what they leave behind goes: their stacks */
        struct weir_source_item *old = runs->items[i];
        if (!old->running && !old->joined) {
            pthread_join(old->thread, NULL);
            old->joined = true;
        }
    }
    const struct weir_source_item *before =
        weir_source_runs_latest(runs, item->source, item->verify, true);
    item->failures = before ? before->failures : item->failures;
    item->partly = before ? before->partly : item->partly;
    item->rest = item->rest && item->partly;
    const struct weir_source_item *any = weir_source_runs_latest(runs, item->source, false, false);
    item->well = any && any->well;
    item->running = true;
    if (pthread_create(&item->thread, NULL, work, item)) {
        return weir_fail(err, WEIR_EBUSY, "no thread for a run; try again in a moment");
    }
    runs->items[runs->count++] = item;
    return 0;
}

static bool fill(char *to, size_t size, const char *text)
{
    return snprintf(to, size, "%s", text ? text : "") < (int)size;
}

int weir_source_runs_start(struct weir_source_runs *runs, const char *source,
                           const struct weir_source_wanted *wanted, char id[WEIR_SOURCE_RUN_SIZE],
                           struct weir_error *err)
{
    struct weir_source_item *item = calloc(1, sizeof *item);
    if (!item) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    }
    bool fits = fill(item->source, sizeof item->source, source) &&
                fill(item->stream, sizeof item->stream, wanted->stream) &&
                fill(item->from, sizeof item->from, wanted->from) &&
                fill(item->to, sizeof item->to, wanted->to);
    item->runs = runs;
    item->full = wanted->full;
    item->moved = wanted->moved;
    item->verify = wanted->verify;
    item->repair = wanted->repair;
    item->rest = wanted->rest;
    item->started_at = weir_now();
    item->progress.watch = weir_source_watch_new();
    weir_source_run_id(item->id);
    memcpy(id, item->id, sizeof item->id);
    int rc = !fits                  ? weir_fail(err, WEIR_EINVAL,
                                                "the name of a source or a stream, or `from` or `to`, is too long")
             : item->progress.watch ? 0
                                    : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    if (rc == 0) {
        struct weir_source_turn kept = {0};
        struct weir_error ignored;
        if (weir_source_turn_get(&runs->site, source, wanted->verify ? "verify" : "sync", &kept,
                                 &ignored) == 0) {
            item->failures = kept.failures;
            item->partly = kept.partly;
        }
        if (weir_source_runs_note_begin(item, &ignored)) {
            weir_log(runs->server->log, WEIR_LOG_WARN,
                     "a run that this server does not live to end will not be told", "source",
                     source, "error", ignored.message);
        }
    }
    if (rc == 0) {
        pthread_mutex_lock(&runs->lock);
        rc = add(runs, item, err);
        pthread_mutex_unlock(&runs->lock);
        if (rc) {
            weir_source_runs_note_nothing(item);
        }
    }
    if (rc) {
        weir_source_watch_free(item->progress.watch);
        free(item);
    }
    return rc;
}

void weir_source_runs_on_end(struct weir_source_runs *runs, void (*ended)(void *arg), void *arg)
{
    pthread_mutex_lock(&runs->lock);
    runs->ended = ended;
    runs->ended_arg = arg;
    pthread_mutex_unlock(&runs->lock);
}

int weir_source_runs_hold(struct weir_source_runs *runs, const char *source, struct weir_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&runs->lock);
    char *place = held_of(runs, "");
    if (weir_source_runs_running(runs, source)) {
        rc = weir_fail(err, WEIR_EBUSY, "the source is being synced; wait for its end");
    } else if (held_of(runs, source) || !place) {
        rc = weir_fail(err, WEIR_EBUSY, "sources are being removed; try again in a moment");
    } else if (!fill(place, sizeof runs->held[0], source)) {
        *place = 0;
        rc = weir_fail(err, WEIR_EINVAL, "the name of the source is too long");
    }
    pthread_mutex_unlock(&runs->lock);
    return rc;
}

bool weir_source_runs_is_held(struct weir_source_runs *runs, const char *source)
{
    pthread_mutex_lock(&runs->lock);
    bool held = held_of(runs, source) != NULL;
    pthread_mutex_unlock(&runs->lock);
    return held;
}

void weir_source_runs_release(struct weir_source_runs *runs, const char *source)
{
    pthread_mutex_lock(&runs->lock);
    char *place = held_of(runs, source);
    if (place) {
        *place = 0;
    }
    pthread_mutex_unlock(&runs->lock);
}

void weir_source_runs_touch(struct weir_source_runs *runs)
{
    atomic_store(&runs->touched, true);
}

bool weir_source_runs_touched(struct weir_source_runs *runs)
{
    return atomic_exchange(&runs->touched, false);
}

void weir_source_runs_of(struct weir_source_runs *runs, const char *source,
                         char id[WEIR_SOURCE_RUN_SIZE])
{
    pthread_mutex_lock(&runs->lock);
    const struct weir_source_item *item = weir_source_runs_running(runs, source);
    snprintf(id, WEIR_SOURCE_RUN_SIZE, "%s", item ? item->id : "");
    pthread_mutex_unlock(&runs->lock);
}

bool weir_source_runs_turn(struct weir_source_runs *runs, const char *source, bool verify,
                           struct weir_source_turn *turn)
{
    pthread_mutex_lock(&runs->lock);
    const struct weir_source_item *item = weir_source_runs_latest(runs, source, verify, true);
    bool running = weir_source_runs_running(runs, source) != NULL;
    if (item && !item->running) {
        turn->began = item->started_at;
        if (strcmp(item->status, "stopped") != 0) {
            turn->ended = item->ended_at;
        } else if (turn->failures) { /* no failure, and no good end either */
            turn->ended = 0;
        }
        turn->failures = item->failures;
        turn->partly = item->partly;
    }
    pthread_mutex_unlock(&runs->lock);
    return running;
}

/* Connecting, or waiting for the first row: it holds nothing that others need. */
static bool only_waits(const struct weir_source_item *item, weir_time now)
{
    weir_time silent = item->failures ? SILENT_NOW : SILENT;
    return !item->verify && now - item->started_at > silent &&
           atomic_load(&item->progress.rows) == 0 && atomic_load(&item->progress.bytes) == 0;
}

size_t weir_source_runs_count(struct weir_source_runs *runs)
{
    size_t busy = 0, waiting = 0, most = (size_t)runs->site.runs;
    weir_time now = weir_now();
    pthread_mutex_lock(&runs->lock);
    for (size_t i = 0; i < runs->count; i++) {
        const struct weir_source_item *item = runs->items[i];
        bool waits = item->running && only_waits(item, now);
        waiting += waits;
        busy += item->running && !waits;
    }
    pthread_mutex_unlock(&runs->lock);
    return busy + (waiting > WAITING * most ? waiting - WAITING * most : 0);
}

bool weir_source_runs_is_busy(struct weir_source_runs *runs, const char *source)
{
    pthread_mutex_lock(&runs->lock);
    const struct weir_source_item *item = weir_source_runs_running(runs, source);
    bool busy = item && !only_waits(item, weir_now());
    pthread_mutex_unlock(&runs->lock);
    return busy;
}

bool weir_source_runs_cancel(struct weir_source_runs *runs, const char *id)
{
    pthread_mutex_lock(&runs->lock);
    struct weir_source_item *item = weir_source_runs_find(runs, id);
    bool running = item && item->running;
    if (running) {
        atomic_store(&item->progress.stop, true);
    }
    pthread_mutex_unlock(&runs->lock);
    return running;
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_source_runs_new(struct weir_server *server, struct weir_source_runs **out,
                         struct weir_error *err)
{
    struct weir_source_runs *runs = *out = calloc(1, sizeof *runs);
    if (!runs) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the sources");
    }
    runs->server = server;
    pthread_mutex_init(&runs->lock, NULL);
    int rc = weir_source_site_init(server->run->workspace, &runs->site, err);
    const char *path = weir_workspace_path(server->run->workspace, "state.sqlite");
    rc = rc || path ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the sources");
    rc = rc ? rc : weir_state_open_loose(path, &runs->begun, err);
    runs->counts = weir_source_counts_new();
    runs->ills = weir_source_ills_new();
    rc = rc || (runs->counts && runs->ills)
             ? rc
             : weir_fail(err, WEIR_ENOMEM, "no memory for the sources");
    runs->site.stop = &server->ending;
    runs->site.patience = PATIENCE;
    return rc ? rc : weir_source_runs_note_cut(runs, err);
}

void weir_source_runs_stop(struct weir_source_runs *runs)
{
    if (!runs) {
        return;
    }
    pthread_mutex_lock(&runs->lock);
    runs->stopped = true;
    for (size_t i = 0; i < runs->count; i++) {
        atomic_store(&runs->items[i]->progress.stop, true);
    }
    size_t count = runs->count;
    runs->count = 0; /* nobody adds any more */
    pthread_mutex_unlock(&runs->lock);
    for (size_t i = 0; i < count; i++) {
        free_item(runs->items[i]);
    }
}

void weir_source_runs_free(struct weir_source_runs *runs)
{
    if (runs) {
        weir_source_runs_stop(runs);
        weir_source_counts_free(runs->counts);
        weir_source_ills_free(runs->ills);
        weir_state_close(runs->begun);
        pthread_mutex_destroy(&runs->lock);
        free(runs);
    }
}
