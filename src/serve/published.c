#include "serve/published.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/changes.h"
#include "serve/shelf.h"
#include "state/audit.h"
#include "state/publication.h"

#define RETRY_AFTER (60 * WEIR_SECOND)
#define KEY_SIZE    128

struct entry {
    struct weir_document *d;
    bool pinned, wanted;
};

struct weir_publishing {
    struct weir_server *server;
    struct weir_library *library;
    weir_time due;        /* when something is to be published; 0: never */
    pthread_mutex_t lock; /* guards the map, which only the documents' thread changes */
    struct weir_map map;  /* "REPORT/VERSION" → struct entry */
};

static struct weir_str key_of(struct weir_str report, struct weir_str version, char out[KEY_SIZE])
{
    int n = snprintf(out, KEY_SIZE, WEIR_STR_FMT "/" WEIR_STR_FMT, WEIR_STR_ARG(report),
                     WEIR_STR_ARG(version));
    return (struct weir_str){out, n > 0 && n < KEY_SIZE ? (size_t)n : 0};
}

/* --- life ----------------------------------------------------------------------------------- */

int weir_publishing_new(struct weir_server *server, struct weir_library *library,
                        struct weir_publishing **out, struct weir_error *err)
{
    struct weir_publishing *p = *out = calloc(1, sizeof *p);
    if (!p) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for what is published");
    }
    p->server = server;
    p->library = library;
    pthread_mutex_init(&p->lock, NULL);
    weir_map_init(&p->map);
    weir_publishing_sync(p);
    return WEIR_OK;
}

static void entry_free(struct entry *e)
{
    weir_document_release(e->d);
    free(e);
}

void weir_publishing_free(struct weir_publishing *p)
{
    if (p) {
        for (size_t i = 0; i < p->map.count; i++) {
            entry_free(p->map.entries[i].value);
        }
        weir_map_free(&p->map);
        pthread_mutex_destroy(&p->lock);
        free(p);
    }
}

struct weir_document *weir_publishing_hold(struct weir_publishing *p, struct weir_str report,
                                           struct weir_str version)
{
    char key[KEY_SIZE];
    struct weir_document *d = NULL;
    pthread_mutex_lock(&p->lock);
    struct entry *e = weir_map_get(&p->map, key_of(report, version, key));
    if (e) {
        d = e->d;
        weir_document_hold(d);
    }
    pthread_mutex_unlock(&p->lock);
    return d;
}

/* --- reading -------------------------------------------------------------------------------- */

static int add(struct weir_publishing *p, struct weir_document *d, struct entry **out,
               struct weir_error *err)
{
    char key[KEY_SIZE];
    struct weir_str name = key_of(weir_str_of(d->key), weir_str_of(d->version), key);
    struct entry *e = weir_map_get(&p->map, name);
    *out = e;
    if (e) {
        weir_document_release(d);
        return WEIR_OK;
    }
    e = calloc(1, sizeof *e);
    int rc = e ? WEIR_OK : WEIR_ENOMEM;
    if (e) {
        e->d = d;
        pthread_mutex_lock(&p->lock);
        rc = weir_map_put(&p->map, name, e);
        pthread_mutex_unlock(&p->lock);
    }
    if (rc) {
        weir_document_release(d);
        free(e);
        return weir_fail(err, rc, "no memory for what is published");
    }
    *out = e;
    return WEIR_OK;
}

static int read_version(struct weir_publishing *p, const char *report, const char *version,
                        struct entry **out, struct weir_error *err)
{
    char key[KEY_SIZE];
    struct weir_document *d;
    *out = weir_map_get(&p->map, key_of(weir_str_of(report), weir_str_of(version), key));
    if (*out) {
        return WEIR_OK;
    }
    int rc = weir_report_document_at(p->library, report, version, &d, err);
    return rc ? rc : add(p, d, out, err);
}

int weir_publishing_read(struct weir_publishing *p, const char *report, const char *version,
                         const struct weir_document **out, struct weir_error *err)
{
    struct entry *e;
    int rc = read_version(p, report, version, &e, err);
    *out = rc ? NULL : e->d;
    return rc;
}

/* --- as the store says ---------------------------------------------------------------------- */

static const char *kind_of(bool scheduled)
{
    return scheduled ? "scheduled" : "published";
}

static void take(struct weir_publishing *p, const struct weir_published *published)
{
    struct weir_error err;
    struct entry *e;
    char report[64], version[64];
    snprintf(report, sizeof report, WEIR_STR_FMT, WEIR_STR_ARG(published->report));
    snprintf(version, sizeof version, WEIR_STR_FMT, WEIR_STR_ARG(published->version));
    int rc = read_version(p, report, version, &e, &err);
    if (rc == 0 && !(e->pinned && !published->scheduled)) {
        /* A scheduled one is pinned again by its other name when its time comes. */
        rc = weir_git_pin(weir_library_git(p->library), kind_of(published->scheduled), report,
                          version, &err);
        e->pinned = rc == 0 && !published->scheduled;
    }
    if (rc == 0) {
        e->wanted = true;
    } else {
        weir_log(p->server->log, WEIR_LOG_WARN,
                 "a published version of a report cannot be read; publish the report again",
                 "report", report, "version", version, "error", err.message);
    }
    if (published->scheduled && (!p->due || published->at < p->due)) {
        p->due = published->at;
    }
}

static bool is_listed(const struct weir_published *list, size_t count, const char *report,
                      bool scheduled)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].scheduled == scheduled && weir_str_is(list[i].report, report)) {
            return true;
        }
    }
    return false;
}

static void drop(struct weir_publishing *p, const struct weir_document *d,
                 const struct weir_published *list, size_t count)
{
    struct weir_error err;
    for (int scheduled = 0; scheduled < 2; scheduled++) {
        if (!is_listed(list, count, d->key, scheduled) &&
            weir_git_unpin(weir_library_git(p->library), kind_of(scheduled), d->key, &err)) {
            weir_log(p->server->log, WEIR_LOG_WARN, "a version is still kept", "report", d->key,
                     "error", err.message);
        }
    }
}

/* Only what is wanted goes on. */
static void tidy(struct weir_publishing *p, const struct weir_published *list, size_t count)
{
    struct weir_map kept;
    weir_map_init(&kept);
    for (size_t i = 0; i < p->map.count; i++) {
        const struct weir_map_entry *m = &p->map.entries[i];
        const struct entry *e = m->value;
        if (e->wanted && weir_map_put(&kept, m->key, m->value)) {
            weir_map_free(&kept); /* no memory: all of it stays until the next time */
            return;
        }
    }
    pthread_mutex_lock(&p->lock);
    struct weir_map old = p->map;
    p->map = kept;
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < old.count; i++) {
        struct entry *e = old.entries[i].value;
        if (!e->wanted) {
            drop(p, e->d, list, count);
            entry_free(e);
        }
    }
    weir_map_free(&old);
}

void weir_publishing_sync(struct weir_publishing *p)
{
    struct weir_arena arena;
    struct weir_error err;
    struct weir_published *list;
    size_t count;
    weir_arena_init(&arena, 64u << 20);
    if (weir_publication_list(p->server->state, &arena, &list, &count, &err)) {
        weir_log(p->server->log, WEIR_LOG_WARN, "it cannot be read what is published", "error",
                 err.message);
    } else {
        for (size_t i = 0; i < p->map.count; i++) {
            ((struct entry *)p->map.entries[i].value)->wanted = false;
        }
        p->due = 0;
        for (size_t i = 0; i < count; i++) {
            take(p, &list[i]);
        }
        tidy(p, list, count);
    }
    weir_arena_free(&arena);
}

/* --- the timetable -------------------------------------------------------------------------- */

static int note(struct weir_publishing *p, const struct weir_publication *scheduled,
                struct weir_str report, weir_time now, struct weir_error *err)
{
    char detail[128];
    snprintf(detail, sizeof detail, "{\"version\":\"%.40s\",\"scheduled\":true}",
             scheduled->version.ptr ? scheduled->version.ptr : "");
    struct weir_audit entry = {.at = now,
                               .person_id = WEIR_STR(""),
                               .person = scheduled->by,
                               .action = WEIR_STR("report.publish"),
                               .object = report,
                               .detail = weir_str_of(detail),
                               .address = WEIR_STR("")};
    return weir_audit_add(p->server->state, &entry, err);
}

static int publish(struct weir_publishing *p, const struct weir_published *due, weir_time now,
                   struct weir_arena *arena, struct weir_error *err)
{
    struct weir_publication scheduled;
    struct weir_state *state = p->server->state;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = weir_publication_get(state, due->report, true, arena, &scheduled, err);
    rc = rc ? rc : weir_publication_promote(state, due->report, now, err);
    rc = rc ? rc : note(p, &scheduled, due->report, now, err);
    rc = weir_state_end(state, rc, err);
    if (rc == 0) {
        weir_shelf_tell_publication(p->server->shelf, due->report.ptr, due->version.ptr,
                                    scheduled.by.ptr);
    }
    return rc;
}

void weir_publishing_look(struct weir_publishing *p)
{
    struct weir_arena arena;
    struct weir_error err = {0};
    struct weir_published *list;
    size_t count;
    weir_time now = weir_now();
    if (!p->due || now < p->due) {
        return;
    }
    weir_arena_init(&arena, 64u << 20);
    int rc = weir_publication_list(p->server->state, &arena, &list, &count, &err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (list[i].scheduled && list[i].at <= now) {
            rc = publish(p, &list[i], now, &arena, &err);
        }
    }
    weir_publishing_sync(p);
    if (rc) {
        weir_log(p->server->log, WEIR_LOG_WARN, "a scheduled publication has to wait", "error",
                 err.message);
        p->due = now + RETRY_AFTER;
    }
    weir_arena_free(&arena);
}
