#include "serve/stored.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/keeper.h"
#include "serve/stored_item.h"
#include "serve/views.h"

#define LOOK_EVERY WEIR_SECOND
#define REST       4 /* times what it took */
#define MOST_REST  (10 * 60 * WEIR_SECOND)
#define MAX_NOTE   (1u << 20)
#define MAX_READS  (8u << 20)

/* --- items ------------------------------------------------------------------------------------ */

static void free_items(struct weir_stored_one *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_arena_free(&items[i].arena);
        free(items[i].sql);
        free(items[i].note);
    }
    free(items);
}

struct weir_stored_one *weir_stored_find(struct weir_stored *s, struct weir_str name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (weir_str_is(name, s->items[i].name)) {
            return &s->items[i];
        }
    }
    return NULL;
}

/* With the lock. `why` is kept until it can be computed, or is looked at again. */
static void fails(struct weir_stored *s, struct weir_stored_one *item, const char *why)
{
    snprintf(item->error, sizeof item->error, "%.590s", why);
    if (!item->failing_since) {
        item->failing_since = weir_now();
        s->failed = true;
    }
}

static bool item_init(struct weir_stored *s, struct weir_stored_one *to,
                      const struct weir_stored_item *from, const struct weir_stored_one *old)
{
    snprintf(to->name, sizeof to->name, "%s", from->name);
    to->text = from->text;
    to->materialized = from->materialized;
    to->able = !from->why_not;
    weir_arena_init(&to->arena, MAX_READS);
    to->sql = strdup(from->sql);
    if (from->rows) {
        to->note = strndup(from->rows->note.ptr, from->rows->note.len);
        to->rows = from->rows->rows;
        to->stored_at = from->rows->stored_at;
    }
    if (old && to->materialized && strcmp(old->text.hex, to->text.hex) == 0) {
        to->wanted = old->wanted;
        to->running = old->running;
        to->next = old->fails ? 0 : old->next; /* what failed may be there now */
        to->failing_since = old->failing_since;
    }
    if (from->why_not) {
        fails(s, to, from->why_not);
    }
    return to->sql && (!from->rows || to->note);
}

static bool any_running(const struct weir_stored *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].running) {
            return true;
        }
    }
    return false;
}

int weir_stored_set(struct weir_stored *s, const struct weir_stored_item *from, size_t count,
                    struct weir_error *err)
{
    struct weir_stored_one *items = calloc(count + 1, sizeof *items), *old;
    bool ok = items;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; ok && i < count; i++) {
        ok = item_init(s, &items[i], &from[i], weir_stored_find(s, weir_str_of(from[i].name)));
    }
    old = ok ? s->items : items;
    size_t old_count = ok ? s->count : count;
    s->items = ok ? items : s->items;
    s->count = ok ? count : s->count;
    if (ok && s->session && !any_running(s)) {
        weir_session_cancel(s->session); /* what it computes is another view now, or gone */
    }
    pthread_mutex_unlock(&s->lock);
    if (old) {
        free_items(old, old_count);
    }
    return ok ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the materialized views");
}

void weir_stored_hold(struct weir_stored *s)
{
    pthread_mutex_lock(&s->writing);
}

void weir_stored_give_back(struct weir_stored *s)
{
    pthread_mutex_unlock(&s->writing);
}

/* --- notes: what rows are made from ----------------------------------------------------------- */

/* With the lock. By versions of tables, and by the texts of views: these are made anew at each
 * start, and are the same for all that. */
static bool print_note(struct weir_stored *s, const struct weir_stored_one *item,
                       struct weir_buf *out)
{
    weir_buf_reset(out);
    weir_buf_addf(out, "%s;", item->text.hex);
    for (size_t i = 0; i < item->reads.count; i++) {
        const struct weir_table_read *t = &item->reads.tables[i];
        struct weir_stored_one *view = weir_str_eq_nocase(t->schema, WEIR_STR(WEIR_VIEWS_SCHEMA))
                                           ? weir_stored_find(s, t->table)
                                           : NULL;
        weir_buf_addf(out, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(t->schema),
                      WEIR_STR_ARG(t->table));
        if (view) {
            weir_buf_addf(out, ":%s;", view->text.hex);
        } else {
            struct weir_table_version v =
                weir_warehouse_version_of(s->server->warehouse, t->schema, t->table);
            weir_buf_addf(out, "=%llu;", (unsigned long long)v.version);
        }
    }
    if (item->reads.clock == WEIR_CLOCK_DAY) {
        weir_buf_addf(out, "day=%lld;", (long long)(weir_now() / WEIR_DAY));
    }
    return item->catalog && weir_buf_ok(out);
}

bool weir_stored_is_fresh(struct weir_stored *s, const struct weir_stored_one *item)
{
    struct weir_buf now;
    weir_buf_init(&now, MAX_NOTE);
    bool fresh = s->clean && item->note && print_note(s, item, &now) &&
                 strcmp(weir_buf_cstr(&now), item->note) == 0;
    weir_buf_free(&now);
    return fresh;
}

static const char *clock_of(const struct weir_stored_one *item)
{
    return item->reads.clock == WEIR_CLOCK_NOW
               ? "it asks what time it is (now()), so its rows would be old at once: use "
                 "current_date, or leave it as it is"
           : item->reads.clock == WEIR_CLOCK_NEVER
               ? "it asks chance, or the engine's own catalog, so its rows would be others each "
                 "time: leave it as it is"
               : NULL;
}

/* --- computing -------------------------------------------------------------------------------- */

struct job {
    char name[64];
    struct weir_stored_text text;
    struct weir_buf note;
    uint64_t rows;
    weir_time at; /* of when they are */
};

/* With the lock. */
static void failed(struct weir_stored *s, struct weir_stored_one *item, const char *why)
{
    weir_time every = s->server->workspace_settings.refresh_every;
    unsigned shift = item->fails < 10 ? item->fails : 10;
    weir_time rest = (every > WEIR_SECOND ? every : WEIR_SECOND) << shift;
    item->fails++;
    item->next = weir_mono() + (rest < MOST_REST ? rest : MOST_REST);
    if (strcmp(item->error, why) != 0) {
        fails(s, item, why);
        weir_log(s->server->log, WEIR_LOG_WARN, "a materialized view cannot be computed", "view",
                 item->name, "error", item->error);
    }
}

/* With the lock. */
static void succeeded(struct weir_stored *s, struct weir_stored_one *item, char *note,
                      const struct job *job, weir_time began)
{
    weir_time now = weir_mono(), rest = REST * (now - began);
    weir_time every = s->server->workspace_settings.refresh_every;
    free(item->note);
    item->note = note;
    item->rows = job->rows;
    item->stored_at = job->at;
    item->fails = 0;
    item->failing_since = 0;
    item->error[0] = 0;
    item->next = began + every > now + rest ? began + every : now + rest;
}

/* Is the view still what it was when the job began? With the lock. */
static struct weir_stored_one *still(struct weir_stored *s, const struct job *job)
{
    struct weir_stored_one *item = weir_stored_find(s, weir_str_of(job->name));
    return item && item->materialized && strcmp(item->text.hex, job->text.hex) == 0 ? item : NULL;
}

static int compute(struct weir_stored *s, struct job *job, struct weir_session *session,
                   struct weir_error *err)
{
    struct weir_str schema = weir_str_of(WEIR_VIEWS_SCHEMA), name = weir_str_of(job->name);
    job->at = weir_now();
    int rc = weir_session_stored_compute(session, schema, name, &job->rows, err);
    if (rc) {
        return rc;
    }
    pthread_mutex_lock(&s->writing);
    pthread_mutex_lock(&s->lock);
    bool wanted = still(s, job);
    pthread_mutex_unlock(&s->lock);
    struct weir_stored_view what = {
        .note = weir_buf_str(&job->note), .rows = job->rows, .stored_at = job->at};
    rc = wanted ? weir_session_stored_swap(session, schema, name, &what, err)
                : weir_fail(err, WEIR_ECANCELED, "the view was changed meanwhile");
    pthread_mutex_unlock(&s->writing);
    return rc;
}

static int compute_in_session(struct weir_stored *s, struct job *job, struct weir_error *err)
{
    struct weir_session *session;
    int rc = weir_session_new(s->server->warehouse, WEIR_SESSION_OWNER, &session, err);
    if (rc) {
        return rc;
    }
    pthread_mutex_lock(&s->lock);
    s->session = session;
    weir_time most = s->server->query_settings.timeout;
    s->until = most ? weir_mono() + most : INT64_MAX;
    pthread_mutex_unlock(&s->lock);
    if (!atomic_load(&s->stopping)) {
        rc = compute(s, job, session, err);
    }
    pthread_mutex_lock(&s->lock);
    s->session = NULL;
    pthread_mutex_unlock(&s->lock);
    weir_session_free(session);
    return rc;
}

static void run(struct weir_stored *s, struct job *job)
{
    struct weir_error err;
    weir_time began = weir_mono();
    int rc = compute_in_session(s, job, &err);
    if (rc && s->late) { /* set only while a session computes */
        rc =
            weir_fail(&err, WEIR_ETIMEDOUT,
                      "it takes longer than a query may (query.timeout); make it cheaper, or leave "
                      "it as it is");
    }
    char *note = rc || atomic_load(&s->stopping) ? NULL : strdup(weir_buf_cstr(&job->note));
    pthread_mutex_lock(&s->lock);
    struct weir_stored_one *item = still(s, job);
    if (item) {
        item->running = false;
    }
    if (item && note) {
        succeeded(s, item, note, job, began);
        note = NULL;
    } else if (item && rc && rc != WEIR_ECANCELED) {
        failed(s, item, err.message);
        weir_time now = weir_mono(), rested = now + REST * (now - began);
        item->next = item->next > rested ? item->next : rested;
    }
    s->late = false;
    pthread_mutex_unlock(&s->lock);
    free(note);
}

/* --- what is due ------------------------------------------------------------------------------ */

/* With the lock. */
static bool is_due(struct weir_stored *s, const struct weir_stored_one *item)
{
    bool now = item->wanted || weir_mono() >= item->next;
    return item->materialized && item->able && now &&
           (item->wanted || !weir_stored_is_fresh(s, item));
}

/* Does it read a view that will be computed, too? That one comes first. */
static bool waits(struct weir_stored *s, const struct weir_stored_one *item)
{
    for (size_t i = 0; i < item->reads.count; i++) {
        const struct weir_table_read *t = &item->reads.tables[i];
        struct weir_stored_one *other = weir_str_eq_nocase(t->schema, WEIR_STR(WEIR_VIEWS_SCHEMA))
                                            ? weir_stored_find(s, t->table)
                                            : NULL;
        if (other && other != item && is_due(s, other)) {
            return true;
        }
    }
    return false;
}

/* What the views read, as the catalog is. Not with the lock, which the loop's thread takes, too. */
static bool take_unknown(struct weir_stored *s, uint64_t catalog, struct job *job, char **sql)
{
    *sql = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; !*sql && i < s->count; i++) {
        struct weir_stored_one *item = &s->items[i];
        if (item->materialized && item->able && item->catalog != catalog) {
            memcpy(job->name, item->name, sizeof job->name);
            job->text = item->text;
            *sql = strdup(item->sql);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return *sql;
}

static int learn_one(struct weir_stored *s, struct weir_session *session, const struct job *job,
                     const char *sql, uint64_t catalog, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_reads reads = {0};
    bool kept = false;
    weir_arena_init(&arena, MAX_READS);
    int rc = weir_session_reads(session, sql, &arena, &reads, err);
    pthread_mutex_lock(&s->lock);
    struct weir_stored_one *item = still(s, job);
    if (item && rc && weir_views_is_its_own(rc)) { /* until the views are looked at again */
        fails(s, item, err->message);
        item->able = false;
        rc = 0;
    } else if (item && rc == 0) {
        weir_arena_free(&item->arena);
        item->arena = arena;
        item->reads = reads;
        item->catalog = catalog;
        kept = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (!kept) {
        weir_arena_free(&arena);
    }
    return rc;
}

static int learn_reads(struct weir_stored *s, struct job *job, struct weir_error *err)
{
    uint64_t catalog = weir_warehouse_catalog_version(s->server->warehouse);
    struct weir_session *session = NULL;
    int rc = 0;
    for (char *sql; rc == 0 && take_unknown(s, catalog, job, &sql); free(sql)) {
        rc =
            session ? 0 : weir_session_new(s->server->warehouse, WEIR_SESSION_OWNER, &session, err);
        rc = rc ? rc : learn_one(s, session, job, sql, catalog, err);
    }
    weir_session_free(session);
    return rc;
}

/* With the lock: what is to be computed next; false: nothing. */
static bool next_job(struct weir_stored *s, struct job *job)
{
    for (size_t i = 0; i < s->count; i++) {
        struct weir_stored_one *item = &s->items[i];
        if (!is_due(s, item) || waits(s, item)) {
            continue;
        }
        const char *why = clock_of(item);
        item->wanted = false;
        if (why) {
            failed(s, item, why);
            item->next = INT64_MAX; /* until the view is another one */
            continue;
        }
        if (!print_note(s, item, &job->note)) {
            continue;
        }
        item->running = true;
        memcpy(job->name, item->name, sizeof job->name);
        job->text = item->text;
        return true;
    }
    return false;
}

/* After a start that goes on from nothing, the versions in the notes mean other rows. */
static int check_notes(struct weir_stored *s, struct weir_error *err)
{
    struct weir_session *session;
    if (s->clean) {
        return 0;
    }
    int rc = weir_session_new(s->server->warehouse, WEIR_SESSION_OWNER, &session, err);
    if (rc) {
        return rc;
    }
    rc = weir_session_stored_forget_notes(session, err);
    weir_session_free(session);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        free(s->items[i].note);
        s->items[i].note = NULL;
    }
    s->clean = rc == 0;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void pass(void *arg)
{
    struct weir_stored *s = arg;
    struct weir_error err;
    struct job job = {0};
    atomic_store(&s->queued, false);
    weir_buf_init(&job.note, MAX_NOTE);
    bool more = check_notes(s, &err) == 0;
    while (more && !atomic_load(&s->stopping)) {
        more = learn_reads(s, &job, &err) == 0;
        pthread_mutex_lock(&s->lock);
        more = more && next_job(s, &job);
        pthread_mutex_unlock(&s->lock);
        if (more) {
            run(s, &job);
        }
    }
    weir_buf_free(&job.note);
}

static void look(void *arg)
{
    struct weir_stored *s = arg;
    struct weir_error ignored;
    bool any = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        any = any || s->items[i].materialized;
    }
    if (s->session && weir_mono() > s->until) { /* others wait for their turn */
        s->late = true;
        weir_session_cancel(s->session);
    }
    pthread_mutex_unlock(&s->lock);
    if (any && !atomic_load(&s->stopping) && !atomic_exchange(&s->queued, true) &&
        weir_work_add(s->work, pass, s, &ignored)) {
        atomic_store(&s->queued, false);
    }
}

bool weir_stored_refresh(struct weir_stored *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    struct weir_stored_one *item = weir_stored_find(s, weir_str_of(name));
    bool found = item && item->materialized;
    if (found) {
        item->wanted = item->able;
    }
    pthread_mutex_unlock(&s->lock);
    if (found) {
        look(s);
    }
    return found;
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_stored_new(struct weir_server *server, struct weir_stored **out, struct weir_error *err)
{
    struct weir_stored *s = *out = calloc(1, sizeof *s);
    if (!s) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the materialized views");
    }
    s->server = server;
    s->clean = weir_keeper_goes_on(server->keeper);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->writing, NULL);
    struct weir_error ignored;
    int rc = check_notes(s, &ignored); /* else it is tried again, and nothing counts as fresh */
    rc = weir_work_new(1, 4, &s->work, err);
    return rc ? rc
           : weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, look, s, &s->look)
               ? weir_fail(err, WEIR_ENOMEM, "no memory for a timer")
               : WEIR_OK;
}

void weir_stored_stop(struct weir_stored *s)
{
    if (s && s->work) {
        atomic_store(&s->stopping, true);
        weir_timer_free(s->look);
        s->look = NULL;
        pthread_mutex_lock(&s->lock);
        if (s->session) {
            weir_session_cancel(s->session);
        }
        pthread_mutex_unlock(&s->lock);
        weir_work_free(s->work);
        s->work = NULL;
    }
}

void weir_stored_free(struct weir_stored *s)
{
    if (s) {
        weir_timer_free(s->look);
        weir_work_free(s->work);
        free_items(s->items, s->count);
        pthread_mutex_destroy(&s->lock);
        pthread_mutex_destroy(&s->writing);
        free(s);
    }
}
