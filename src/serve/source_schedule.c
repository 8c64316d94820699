/* Begins runs of sources as their files say. Looks once a second, and when a run ends that others
 * wait for, on a thread of its own: at the sources when their files changed, and at what is due. */
#include "serve/source_schedule.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "io/loop.h"
#include "serve/server.h"
#include "serve/source.h"
#include "serve/source_files.h"

#define LOOK_EVERY WEIR_SECOND
#define LOOK_LEAST (WEIR_SECOND / 20) /* from one look to the next */
#define MOST       1000

struct entry {
    char name[64];
    struct weir_source_rota rota; /* `verify`: when its tables are compared with it */
    struct weir_source_turn turn, verify_turn;
    double chance; /* of this turn */
    weir_time due; /* WEIR_TIME_MAX: not by itself */
    bool ready;    /* no run of it goes on */
    bool never;    /* its schedule names no time zone that there is */
};

#define OFFSETS 64
struct known_offset { /* of a zone in a quarter of an hour */
    char zone[64];
    int64_t quarter;
    weir_time offset;
};

struct weir_source_scheduler {
    struct weir_server *server;
    struct weir_work *work;
    struct weir_timer *timer;
    atomic_bool queued;
    atomic_bool awaits; /* something may be due when a run ends */
    /* of the thread */
    weir_time looked_at; /* of weir_mono() */
    weir_time prune_at;
    struct weir_sources sources;
    struct weir_source_files *files;
    bool loaded;
    struct known_offset offsets[OFFSETS];
    size_t next_offset;
    pthread_mutex_t lock;  /* other threads read the entries' names and `due` with it */
    struct entry *entries; /* changed with it, too */
    size_t count;
};

/* --- time zones ---------------------------------------------------------------------------------
 */

#define QUARTER (15 * 60 * WEIR_SECOND)

/* The engine knows them. What it said of a quarter of an hour is remembered. */
static bool zone_offset(void *arg, const char *zone, weir_time utc, weir_time *offset)
{
    struct weir_source_scheduler *s = arg;
    struct weir_error err;
    int64_t quarter = utc / QUARTER - (utc % QUARTER < 0);
    for (size_t i = 0; i < OFFSETS; i++) {
        if (s->offsets[i].quarter == quarter && strcmp(s->offsets[i].zone, zone) == 0) {
            *offset = s->offsets[i].offset;
            return true;
        }
    }
    if (weir_warehouse_offset(s->server->warehouse, zone, utc, offset, &err)) {
        return false;
    }
    struct known_offset *kept = &s->offsets[s->next_offset++ % OFFSETS];
    kept->quarter = quarter;
    kept->offset = *offset;
    snprintf(kept->zone, sizeof kept->zone, "%s", zone);
    return true;
}

/* What was due while no server ran is due now, once; a source that never ran waits for its time. */
static void begin_cron(struct weir_source_scheduler *s, struct entry *e,
                       const struct weir_source_schedule *schedule, struct weir_source_turn *turn)
{
    const struct weir_zone_clock clock = {zone_offset, s};
    turn->known = weir_source_schedule_known(turn, weir_now());
    if (schedule->kind == WEIR_SOURCE_CRON &&
        weir_cron_next(&schedule->cron, turn->known, &clock) == WEIR_TIME_MAX) {
        e->never = true;
        weir_log(s->server->log, WEIR_LOG_ERROR,
                 "a source never runs: its schedule names no time zone that there is, or a day "
                 "that is years away",
                 "source", e->name, "zone", schedule->cron.zone);
    }
}

static struct entry *find(struct entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

static double chance(void)
{
    return (double)(weir_random_u64() >> 11) / 9007199254740992.0;
}

static void remember(struct weir_source_scheduler *s, struct entry *e)
{
    const struct weir_source_site *site = weir_source_runs_site(s->server->source_runs);
    struct weir_error err;
    if (weir_source_turn_get(site, e->name, "sync", &e->turn, &err) ||
        weir_source_turn_get(site, e->name, "verify", &e->verify_turn, &err)) {
        weir_log(s->server->log, WEIR_LOG_WARN, "when a source ran is not known", "source", e->name,
                 "error", err.message);
    }
    if (e->turn.failures || *e->turn.gone || *e->verify_turn.gone) {
        weir_source_ills_look(weir_source_runs_ills(s->server->source_runs), s->server->warehouse,
                              e->name);
    }
}

/* A server's disk fills by what nobody reads any more, so it is said when files change. */
static void tell_left(const struct weir_source_scheduler *s)
{
    struct weir_session *session = NULL;
    struct weir_source_left *left = NULL;
    struct weir_error err;
    struct weir_arena arena;
    size_t count = 0;
    weir_arena_init(&arena, 4u << 20);
    int rc = weir_session_new(s->server->warehouse, WEIR_SESSION_OWNER, &session, &err);
    rc = rc ? rc
            : weir_source_left_read(session, s->server->run->workspace->dir, &arena, &left, &count,
                                    &err);
    for (size_t i = 0; i < count; i++) {
        if (!weir_source_runs_is_held(s->server->source_runs, left[i].source)) {
            weir_log(s->server->log, WEIR_LOG_WARN, "a source is gone, and is still kept for",
                     "source", left[i].source, "kept", left[i].says);
        }
    }
    if (rc) {
        weir_log(s->server->log, WEIR_LOG_WARN, "what sources left at their servers is not known",
                 "error", err.message);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
}

/* The sources as their files have them now; what is known of their runs stays. A file with a
 * mistake is left out until it is mended. */
static void read_sources(struct weir_source_scheduler *s)
{
    struct weir_workspace *workspace = s->server->run->workspace;
    struct weir_sources sources = {0};
    struct weir_error err;
    if (s->loaded && !weir_sources_changed(workspace, &s->sources)) {
        return;
    }
    int rc = weir_sources_load_most(workspace, &sources, &err);
    if (rc == WEIR_ENOMEM || sources.fingerprint == 0) {
        weir_sources_free(&sources);
        return;
    }
    if (rc) {
        weir_log(s->server->log, WEIR_LOG_ERROR,
                 "sources whose files have mistakes rest until they are mended", "error",
                 err.message);
    }
    struct entry *entries = calloc(MOST, sizeof *entries);
    size_t count = 0;
    weir_source_files_begin(s->files);
    for (size_t i = 0; i < sources.broken_count; i++) {
        weir_source_files_rests(s->files, sources.broken[i], WEIR_SOURCE_BROKEN);
    }
    for (size_t i = 0; entries && i < sources.read_count && count < MOST; i++) {
        struct entry *e = &entries[count], *before;
        *e = (struct entry){.chance = chance(), .due = WEIR_TIME_MAX};
        before = find(s->entries, s->count, sources.read[i].name);
        snprintf(e->name, sizeof e->name, "%s", sources.read[i].name);
        if (before) {
            e->turn = before->turn;
            e->verify_turn = before->verify_turn;
        } else {
            remember(s, e);
        }
        bool well = weir_source_schedule_of(workspace->dir, e->name, &e->rota, &err) == 0;
        if (well) {
            begin_cron(s, e, &e->rota.schedule, &e->turn);
            begin_cron(s, e, &e->rota.verify, &e->verify_turn);
        } else {
            weir_log(s->server->log, WEIR_LOG_ERROR, "a source rests until its file is mended",
                     "source", e->name, "error", err.message);
        }
        count += well;
        if (!well || e->rota.paused) {
            weir_source_files_rests(s->files, e->name,
                                    well ? WEIR_SOURCE_PAUSED : WEIR_SOURCE_BROKEN);
        }
    }
    if (entries) {
        struct entry *old = s->entries;
        pthread_mutex_lock(&s->lock);
        s->entries = entries;
        s->count = count;
        pthread_mutex_unlock(&s->lock);
        free(old);
    }
    weir_sources_free(&s->sources);
    s->sources = sources;
    s->loaded = true;
    weir_source_runs_touch(s->server->source_runs);
    weir_source_files_tell(s->files);
    tell_left(s);
}

static void begin(struct weir_source_scheduler *s, struct entry *e)
{
    const struct weir_source_wanted all = {.rest = true};
    char id[WEIR_SOURCE_RUN_SIZE];
    struct weir_error err;
    e->chance = chance();
    /* Busy: somebody else's run goes on, which counts as well. */
    (void)!weir_source_runs_start(s->server->source_runs, e->name, &all, id, &err);
}

/* Beside those that do not only wait. One alone always runs. */
static bool has_room(const struct weir_source_scheduler *s, const struct entry *e)
{
    uint64_t most = weir_source_runs_site(s->server->source_runs)->memory, used = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct entry *other = &s->entries[i];
        used +=
            weir_source_runs_is_busy(s->server->source_runs, other->name) ? other->rota.memory : 0;
    }
    return used == 0 || (used <= most && e->rota.memory <= most - used);
}

/* False: some of what is due waits for the end of others. */
static bool begin_due(struct weir_source_scheduler *s, weir_time now)
{
    size_t most = (size_t)weir_source_runs_site(s->server->source_runs)->runs;
    size_t running = weir_source_runs_count(s->server->source_runs);
    for (;; running++) {
        struct entry *first = NULL;
        for (size_t i = 0; i < s->count; i++) {
            struct entry *e = &s->entries[i];
            bool due = e->ready && e->due <= now;
            bool better = due && (!first || weir_source_schedule_before(
                                                &e->rota, e->due, &first->rota, first->due, now));
            first = better ? e : first;
        }
        if (!first || running >= most || !has_room(s, first)) {
            return !first; /* what is smaller does not pass it by: it would never find room */
        }
        first->ready = false;
        begin(s, first);
    }
}

/* Of sources at rest. Whatever came of the last time, the next is when it is due. */
static void begin_comparing(struct weir_source_scheduler *s, weir_time now)
{
    const struct weir_source_wanted wanted = {.verify = true};
    const struct weir_zone_clock clock = {zone_offset, s};
    char id[WEIR_SOURCE_RUN_SIZE];
    struct weir_error err;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        (void)weir_source_runs_turn(s->server->source_runs, e->name, true, &e->verify_turn);
        e->verify_turn.known = weir_source_schedule_known(&e->verify_turn, now);
        struct weir_source_turn turn = e->verify_turn;
        turn.failures = 0;
        /* One that was never compared waits for its time, as a cron schedule does. */
        turn.began = turn.began ? turn.began : turn.known;
        if (e->ready && !e->rota.paused &&
            weir_source_schedule_next(&e->rota.verify, &turn, now, 0, &clock) <= now &&
            weir_source_runs_count(s->server->source_runs) <
                (size_t)weir_source_runs_site(s->server->source_runs)->runs &&
            has_room(s, e)) {
            (void)!weir_source_runs_start(s->server->source_runs, e->name, &wanted, id, &err);
        }
    }
}

/* Once a day: what the ledger keeps of runs that are long over, and what trials left. */
static void prune(struct weir_source_scheduler *s, weir_time now)
{
    struct weir_session *session = NULL;
    struct weir_error err;
    uint64_t gone = 0;
    if (now < s->prune_at) {
        return;
    }
    s->prune_at = now + WEIR_DAY;
    if (weir_source_trials_prune(weir_source_runs_site(s->server->source_runs), now - WEIR_DAY,
                                 &err)) {
        weir_log(s->server->log, WEIR_LOG_WARN, "what trials of sources left stays for another day",
                 "error", err.message);
    }
    int rc = weir_session_new(s->server->warehouse, WEIR_SESSION_OWNER, &session, &err);
    rc = rc ? rc
            : weir_source_prune(session,
                                now - weir_source_runs_site(s->server->source_runs)->history, &gone,
                                &err);
    weir_session_free(session);
    if (rc) {
        weir_log(s->server->log, WEIR_LOG_WARN, "old loads of sources stay for another day",
                 "error", err.message);
    } else if (gone) {
        weir_log(s->server->log, WEIR_LOG_INFO, "old loads of sources are forgotten", "rows",
                 weir_log_num((int64_t)gone).text);
    }
}

static void look(void *arg)
{
    struct weir_source_scheduler *s = arg;
    const struct weir_zone_clock clock = {zone_offset, s};
    bool awaits = false;
    weir_time rest = s->looked_at + LOOK_LEAST - weir_mono();
    if (s->looked_at && rest > 0) {
        poll(NULL, 0, (int)(rest * 1000 / WEIR_SECOND) + 1);
    }
    atomic_store(&s->queued, false);
    s->looked_at = weir_mono();
    read_sources(s);
    weir_time now = weir_now();
    bool changed = false;
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        weir_time before = e->turn.ended;
        bool running = weir_source_runs_turn(s->server->source_runs, e->name, false, &e->turn);
        changed = changed || (e->rota.paused && e->turn.ended != before);
        now = weir_now(); /* behind what is known of it */
        e->turn.known = weir_source_schedule_known(&e->turn, now);
        if (e->rota.schedule.kind == WEIR_SOURCE_AFTER) {
            awaits = true;
            const struct entry *of = find(s->entries, s->count, e->rota.schedule.after);
            struct weir_source_turn other = of ? of->turn : (struct weir_source_turn){0};
            (void)weir_source_runs_turn(s->server->source_runs, e->rota.schedule.after, false,
                                        &other);
            e->turn.other_ended =
                other.failures == 0 && other.ended ? other.ended : e->turn.other_ended;
        }
        weir_time due = e->rota.paused ? WEIR_TIME_MAX
                                       : weir_source_schedule_next(&e->rota.schedule, &e->turn, now,
                                                                   e->chance, &clock);
        pthread_mutex_lock(&s->lock);
        e->due = due;
        pthread_mutex_unlock(&s->lock);
        e->ready = !running;
    }
    if (changed) { /* by hand: its tables may be others now */
        weir_source_files_tell(s->files);
    }
    awaits = !begin_due(s, now) || awaits;
    atomic_store(&s->awaits, awaits);
    begin_comparing(s, now);
    prune(s, now);
}

static void tick(void *arg)
{
    struct weir_source_scheduler *s = arg;
    struct weir_error ignored;
    if (!atomic_exchange(&s->queued, true) && weir_work_add(s->work, look, s, &ignored)) {
        atomic_store(&s->queued, false);
    }
}

static void ended(void *arg)
{
    struct weir_source_scheduler *s = arg;
    if (atomic_load(&s->awaits)) {
        tick(s);
    }
}

int weir_source_scheduler_new(struct weir_server *server, struct weir_source_scheduler **out,
                              struct weir_error *err)
{
    struct weir_source_scheduler *s = *out = calloc(1, sizeof *s);
    if (!s) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the scheduler");
    }
    s->server = server;
    pthread_mutex_init(&s->lock, NULL);
    s->files = weir_source_files_new(server);
    int rc = s->files ? weir_work_new(1, 2, &s->work, err)
                      : weir_fail(err, WEIR_ENOMEM, "no memory for the scheduler");
    if (rc == 0 && weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, tick, s, &s->timer)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a timer");
    }
    if (rc == 0) {
        weir_source_runs_on_end(server->source_runs, ended, s);
    }
    return rc;
}

void weir_source_scheduler_free(struct weir_source_scheduler *s)
{
    if (s) {
        weir_source_runs_on_end(s->server->source_runs, NULL, NULL);
        weir_timer_free(s->timer);
        weir_work_free(s->work);
        weir_sources_free(&s->sources);
        weir_source_files_free(s->files);
        free(s->entries);
        pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

weir_time weir_source_scheduler_due(struct weir_source_scheduler *s, const char *source)
{
    if (!s) {
        return 0;
    }
    pthread_mutex_lock(&s->lock);
    const struct entry *e = find(s->entries, s->count, source);
    weir_time due = e && e->due != WEIR_TIME_MAX ? e->due : 0;
    pthread_mutex_unlock(&s->lock);
    return due;
}

const char *weir_source_scheduler_trouble(struct weir_source_scheduler *s, const char *source)
{
    if (!s) {
        return "";
    }
    pthread_mutex_lock(&s->lock);
    const struct entry *e = find(s->entries, s->count, source);
    bool never = e && e->never;
    pthread_mutex_unlock(&s->lock);
    return never ? "`schedule` names no time zone that there is, or a day that is years away: the "
                   "source never runs by itself; write, for example, Europe/Berlin"
                 : "";
}
