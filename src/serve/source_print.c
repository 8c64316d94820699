#include "serve/source_print.h"

#include <stdio.h>

#include "serve/server.h"
#include "serve/source.h"
#include "serve/source_schedule.h"
#include "source/ledger/counts.h"
#include "state/last_run.h"

struct standing {
    bool all; /* she sees all tables */
    struct weir_source_standing *items;
    size_t count;
};

int weir_source_sees_all(struct weir_ask *ask, bool *all, struct weir_error *err)
{
    struct weir_access *access = NULL;
    int rc = weir_caller_access(ask->state, &ask->who, &ask->arena, &access, err);
    *all = rc == 0 && (!access || weir_access_shows_all(access));
    return rc;
}

static int read_standing(struct weir_ask *ask, const char *source, struct standing *out,
                         struct weir_error *err)
{
    struct weir_session *session = NULL;
    *out = (struct standing){0};
    int rc = weir_source_sees_all(ask, &out->all, err);
    if (rc || !out->all) {
        return rc;
    }
    rc = weir_session_new(ask->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc =
        rc ? rc
           : weir_source_standing_read(session, source, &ask->arena, &out->items, &out->count, err);
    rc = rc ? rc
            : weir_source_counts_take(weir_source_runs_counts(ask->server->source_runs),
                                      ask->warehouse, session, out->items, out->count, err);
    weir_session_free(session);
    return rc;
}

static void print_tracking(struct weir_jw *w, const char *name, const char *shares)
{
    char error[256] = "";
    if (shares) {
        snprintf(error, sizeof error,
                 "it has a write key of %s, too: an event could not say whose it is; give one of "
                 "them another",
                 shares);
    }
    weir_jw_kstrz(w, "name", name);
    weir_jw_kstrz(w, "kind", "tracking");
    weir_jw_kstrz(w, "schema", name);
    weir_jw_keyz(w, "schedule");
    weir_jw_null(w);
    weir_jw_keyz(w, "verify");
    weir_jw_null(w);
    weir_jw_kbool(w, "verifies", false);
    weir_jw_kbool(w, "paused", false);
    weir_jw_kbool(w, "follows", false);
    weir_jw_kstr_or_null(w, "kept", WEIR_STR(""));
    weir_jw_kstr_or_null(w, "run", WEIR_STR(""));
    weir_jw_kstr_or_null(w, "error", weir_str_of(error));
    weir_jw_ktime_or_null(w, "next_at", 0);
    weir_jw_ktime_or_null(w, "as_of", 0);
    weir_jw_keyz(w, "latest");
    weir_jw_null(w);
    weir_jw_keyz(w, "streams");
    weir_jw_null(w);
}

static int print_read(struct weir_ask *ask, const struct standing *standing, const char *name,
                      struct weir_error *err)
{
    struct weir_server *s = ask->server;
    struct weir_jw *w = &ask->w;
    char run[WEIR_SOURCE_RUN_SIZE];
    struct weir_last_run last = {0};
    weir_source_runs_of(s->source_runs, name, run);
    int rc =
        standing->all ? weir_last_run_get(ask->state, weir_str_of(name), "sync", &last, err) : 0;
    rc = rc ? rc
            : weir_source_describe(weir_source_runs_site(s->source_runs)->dir,
                                   standing->all ? s->warehouse : NULL, name, run,
                                   weir_source_scheduler_trouble(s->source_scheduler, name),
                                   weir_source_scheduler_due(s->source_scheduler, name), w, err);
    weir_jw_ktime_or_null(w, "as_of", last.well);
    weir_jw_keyz(w, "latest");
    if (standing->all) {
        weir_source_runs_print_latest(s->source_runs, name, w);
    } else {
        weir_jw_null(w);
    }
    weir_jw_keyz(w, "streams");
    if (standing->all) {
        weir_source_standing_print(standing->items, standing->count, name,
                                   last.failures ? 0 : last.ended, w);
    } else {
        weir_jw_null(w);
    }
    return rc;
}

/* What sources whose files are gone left at their servers. */
static int print_left(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_jw *w = &ask->w;
    struct weir_session *session = NULL;
    struct weir_source_left *left = NULL;
    size_t count = 0;
    bool all = false;
    int rc = weir_source_sees_all(ask, &all, err);
    if (rc == 0 && all) {
        rc = weir_session_new(ask->warehouse, WEIR_SESSION_OWNER, &session, err);
        rc = rc ? rc
                : weir_source_left_read(session, ask->server->run->workspace->dir, &ask->arena,
                                        &left, &count, err);
    }
    weir_jw_keyz(w, "left");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "name", left[i].source);
        weir_jw_kstrz(w, "note", left[i].says);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_session_free(session);
    return rc;
}

int weir_source_print_list(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct standing standing;
    struct weir_jw *w = &ask->w;
    /* One that has a mistake is there with it, and hides no other. */
    int rc = weir_sources_load_most(ask->server->run->workspace, &sources, err);
    rc = sources.broken_count || sources.partly ? 0 : rc;
    bool any = sources.read_count || sources.broken_count;
    rc = rc || !any ? rc : read_standing(ask, NULL, &standing, err);
    weir_jw_object(w);
    weir_jw_keyz(w, "sources");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < sources.count; i++) {
        weir_jw_object(w);
        print_tracking(w, sources.items[i].name, sources.items[i].shares);
        weir_jw_object_end(w);
    }
    for (size_t i = 0; rc == 0 && i < sources.read_count; i++) {
        weir_jw_object(w);
        rc = print_read(ask, &standing, sources.read[i].name, err);
        weir_jw_object_end(w);
    }
    for (size_t i = 0; rc == 0 && i < sources.broken_count; i++) {
        weir_jw_object(w);
        rc = print_read(ask, &standing, sources.broken[i], err);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    rc = rc ? rc : print_left(ask, err);
    weir_jw_object_end(w);
    weir_sources_free(&sources);
    return rc;
}

/* Is it one of tracking, and has it a key of another? WEIR_ENOENT when there is none of this name.
 * A mistake in the file of another source is none of its. */
static int find(struct weir_ask *ask, const char *name, bool *tracking, const char **shares,
                struct weir_error *err)
{
    struct weir_sources sources = {0};
    struct weir_error ignored;
    int rc = weir_sources_load_most(ask->server->run->workspace, &sources, &ignored);
    bool found = rc && !sources.partly; /* what cannot be read may be there */
    *tracking = false;
    *shares = NULL;
    for (size_t i = 0; i < sources.count; i++) {
        const struct weir_source *one = &sources.items[i];
        if (strcmp(one->name, name) == 0) {
            *tracking = true;
            *shares = one->shares ? weir_arena_strdup(&ask->arena, one->shares) : NULL;
        }
    }
    for (size_t i = 0; !found && i < sources.read_count; i++) {
        found = strcmp(sources.read[i].name, name) == 0;
    }
    for (size_t i = 0; !found && i < sources.broken_count; i++) {
        found = strcmp(sources.broken[i], name) == 0;
    }
    weir_sources_free(&sources);
    return found || *tracking ? 0 : weir_fail(err, WEIR_ENOENT, "there is no source \"%s\"", name);
}

int weir_source_print_one(struct weir_ask *ask, const char *name, bool file, struct weir_error *err)
{
    struct standing standing = {0};
    struct weir_jw *w = &ask->w;
    const char *shares;
    bool tracking;
    int rc = find(ask, name, &tracking, &shares, err);
    rc = rc ? rc : read_standing(ask, name, &standing, err);
    if (rc) {
        return rc;
    }
    weir_jw_object(w);
    if (tracking) {
        print_tracking(w, name, shares);
    } else {
        rc = print_read(ask, &standing, name, err);
    }
    rc = rc || !file ? rc
                     : weir_source_print_file(weir_source_runs_site(ask->server->source_runs)->dir,
                                              name, tracking || ask->who.role == WEIR_ROLE_ADMIN,
                                              &ask->arena, w, err);
    weir_jw_object_end(w);
    return rc;
}
