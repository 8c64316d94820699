/* What people find first: GET /api/home, favourites, the home pages of groups. */
#include "state/home.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/published.h"
#include "serve/shelf.h"
#include "state/comment.h"
#include "state/publication.h"
#include "state/report_use.h"

#define POPULAR_SINCE (28 * WEIR_DAY)
#define NEW_SINCE     (7 * WEIR_DAY) /* for whoever is here for the first time */
#define SHOWN         12

/* --- one report ----------------------------------------------------------------------------- */

/* What is printed of a report that she sees; false when she does not. */
static bool print_report(struct weir_shelf_job *job, const struct weir_documents *all,
                         struct weir_str id, int64_t people)
{
    struct weir_jw *w = &job->w;
    char key[64];
    snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(weir_utf8_cut(id, sizeof key - 1)));
    const struct weir_published *p = weir_levels_published(&job->levels, key);
    const struct weir_document *now = weir_documents_find(all, WEIR_DOCUMENT_REPORT, id);
    struct weir_document *held =
        p ? weir_publishing_hold(weir_shelf_publishing(job->call.server->shelf), p->report,
                                 p->version)
          : NULL;
    const struct weir_document *any = now && now->usable ? now : held;
    enum weir_level level =
        any ? weir_level_of(&job->levels, key, any->report.collection) : WEIR_LEVEL_NONE;
    const struct weir_document *d = held ? held : any;
    if (level != WEIR_LEVEL_NONE) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "id", d->key);
        weir_jw_kstrz(w, "title", d->title);
        weir_jw_kstrz(w, "description", d->description);
        weir_jw_kstrz(w, "collection", any->report.collection);
        weir_jw_kstrz(w, "level", weir_level_name(level));
        weir_jw_ktime_or_null(w, "published_at", p ? p->at : 0);
        if (people >= 0) {
            weir_jw_ki64(w, "people", people);
        }
        weir_jw_object_end(w);
    }
    weir_document_release(held);
    return level != WEIR_LEVEL_NONE;
}

/* --- the lists ------------------------------------------------------------------------------ */

static int favourites(struct weir_shelf_job *job, const struct weir_documents *all,
                      struct weir_error *err)
{
    struct weir_str *ids;
    size_t count;
    int rc = weir_favourite_list(job->call.server->state, weir_str_of(job->call.who.id),
                                 &job->arena, &ids, &count, err);
    weir_jw_keyz(&job->w, "favourites");
    weir_jw_array(&job->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (void)print_report(job, all, ids[i], -1);
    }
    weir_jw_array_end(&job->w);
    return rc;
}

static int newest_first(const void *a, const void *b)
{
    const struct weir_report_use *x = a, *y = b;
    return (x->opened_at < y->opened_at) - (x->opened_at > y->opened_at);
}

static int recent(struct weir_shelf_job *job, const struct weir_documents *all,
                  struct weir_error *err)
{
    struct weir_report_use *use;
    size_t count, shown = 0;
    int rc = weir_report_use_of(job->call.server->state, weir_str_of(job->call.who.id), &job->arena,
                                &use, &count, err);
    if (rc == 0 && count) {
        qsort(use, count, sizeof *use, newest_first);
    }
    weir_jw_keyz(&job->w, "recent");
    weir_jw_array(&job->w);
    for (size_t i = 0; rc == 0 && i < count && shown < SHOWN; i++) {
        shown += print_report(job, all, use[i].report, -1);
    }
    weir_jw_array_end(&job->w);
    return rc;
}

/* Only the number of people is told, of reports that she sees anyway. */
static int popular(struct weir_shelf_job *job, const struct weir_documents *all,
                   struct weir_error *err)
{
    struct weir_popular *list;
    size_t count, shown = 0;
    int rc = weir_popular_list(job->call.server->state, weir_now() - POPULAR_SINCE, &job->arena,
                               &list, &count, err);
    weir_jw_keyz(&job->w, "popular");
    weir_jw_array(&job->w);
    for (size_t i = 0; rc == 0 && i < count && shown < SHOWN; i++) {
        shown += print_report(job, all, list[i].report, list[i].people);
    }
    weir_jw_array_end(&job->w);
    return rc;
}

/* The first of her groups' home pages that she sees. */
static int group(struct weir_shelf_job *job, const struct weir_documents *all,
                 struct weir_error *err)
{
    struct weir_group_home *homes;
    size_t count;
    bool found = false;
    struct weir_jw *w = &job->w;
    int rc = weir_home_of(job->call.server->state, weir_str_of(job->call.who.id), &job->arena,
                          &homes, &count, err);
    weir_jw_keyz(w, "group");
    for (size_t i = 0; rc == 0 && i < count && !found; i++) {
        size_t before = job->out.len;
        bool comma = w->comma;
        weir_jw_object(w);
        weir_jw_kstr(w, "id", homes[i].group);
        weir_jw_kstr(w, "name", homes[i].name);
        weir_jw_keyz(w, "report");
        found = print_report(job, all, homes[i].report, -1);
        weir_jw_object_end(w);
        if (!found) { /* as if it had not been written */
            job->out.len = before;
            w->comma = comma;
        }
    }
    if (!found) {
        weir_jw_null(w);
    }
    return rc;
}

static int newest_publication(const void *a, const void *b)
{
    const struct weir_published *x = a, *y = b;
    return (x->at < y->at) - (x->at > y->at);
}

static int new_ones(struct weir_shelf_job *job, const struct weir_documents *all,
                    struct weir_error *err)
{
    const struct weir_caller *who = &job->call.who;
    size_t count = job->levels.published_count, shown = 0;
    weir_time before = 0;
    struct weir_published *list = weir_arena_alloc(&job->arena, (count + 1) * sizeof *list);
    int rc = list ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the home page");
    if (rc == 0 && !who->by_id[0]) { /* an admin behind somebody's eyes is not that person */
        rc = weir_visit(job->call.server->state, weir_str_of(who->id), weir_now(), &before, err);
    }
    before = before ? before : weir_now() - NEW_SINCE;
    if (rc == 0 && count) {
        memcpy(list, job->levels.published, count * sizeof *list);
        qsort(list, count, sizeof *list, newest_publication);
    }
    weir_jw_keyz(&job->w, "new");
    weir_jw_array(&job->w);
    for (size_t i = 0; rc == 0 && i < count && list[i].at > before && shown < SHOWN; i++) {
        shown += print_report(job, all, list[i].report, -1);
    }
    weir_jw_array_end(&job->w);
    return rc;
}

/* All that she has, also of reports that she sees no more: she can end them. */
static int subscriptions(struct weir_shelf_job *job, const struct weir_documents *all,
                         struct weir_error *err)
{
    struct weir_jw *w = &job->w;
    struct weir_subscribed *list;
    size_t count;
    int rc = weir_subscription_list(job->call.server->state, weir_str_of(job->call.who.id),
                                    &job->arena, &list, &count, err);
    weir_jw_keyz(w, "subscriptions");
    weir_jw_object(w);
    weir_jw_ki64(w, "kept", (int64_t)count);
    weir_jw_kbool(w, "sent", false);
    weir_jw_kstrz(w, "note", "Subscriptions are kept, and not sent yet: this weir sends no mail.");
    weir_jw_keyz(w, "list");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        weir_jw_object(w);
        weir_jw_kstr(w, "id", list[i].report);
        weir_jw_keyz(w, "values");
        weir_jw_raw(w, list[i].subscription.values);
        weir_jw_keyz(w, "every");
        weir_jw_raw(w, list[i].subscription.every);
        weir_jw_keyz(w, "report");
        if (!print_report(job, all, list[i].report, -1)) {
            weir_jw_null(w);
        }
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    return rc;
}

static int run_home(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all = weir_shelf_hold(job->call.server->shelf);
    weir_jw_object(&job->w);
    int rc = favourites(job, all, err);
    rc = rc ? rc : recent(job, all, err);
    rc = rc ? rc : popular(job, all, err);
    rc = rc ? rc : group(job, all, err);
    rc = rc ? rc : new_ones(job, all, err);
    rc = rc ? rc : subscriptions(job, all, err);
    weir_jw_object_end(&job->w);
    weir_documents_release(all);
    return rc;
}

/* --- favourites ----------------------------------------------------------------------------- */

static int run_favourite(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc
            : weir_favourite_put(job->call.server->state, weir_str_of(job->call.who.id),
                                 weir_str_of(job->id), weir_now(), err);
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

/* Also of one that she sees no more. */
static int run_unfavourite(struct weir_shelf_job *job, struct weir_error *err)
{
    job->status = 204;
    return weir_favourite_remove(job->call.server->state, weir_str_of(job->call.who.id),
                                 weir_str_of(job->id), err);
}

/* --- home pages of groups ------------------------------------------------------------------- */

static int note(struct weir_shelf_job *job, struct weir_str report, struct weir_error *err)
{
    const char *detail =
        weir_arena_printf(&job->arena, "{\"report\":%s" WEIR_STR_FMT "%s}",
                          report.len ? "\"" : "null", WEIR_STR_ARG(report), report.len ? "\"" : "");
    return weir_caller_note(job->call.server->state, &job->call.who, "group.home",
                            weir_str_of(job->id), weir_str_of(detail ? detail : "{}"), err);
}

static int run_group_home(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_json value = weir_json_get(job->body, "report");
    struct weir_str report = {"", 0};
    struct weir_documents *all = weir_shelf_hold(job->call.server->shelf);
    bool text = weir_json_str(value, &report);
    int rc = WEIR_OK;
    if (!weir_json_exists(value) || (!text && weir_json_type(value) != WEIR_JSON_NULL)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"report\" must be a report's id, or null for none");
    } else if (text && !weir_documents_find(all, WEIR_DOCUMENT_REPORT, report)) {
        rc = weir_fail(err, WEIR_EINVAL, "there is no report \"" WEIR_STR_FMT "\"",
                       WEIR_STR_ARG(weir_utf8_cut(report, 60)));
    }
    rc = rc ? rc : weir_home_put(job->call.server->state, weir_str_of(job->id), report, err);
    rc = rc ? rc : note(job, report, err);
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

/* --- the handlers --------------------------------------------------------------------------- */

void weir_serve_home(const struct weir_call *call)
{
    weir_shelf_answer(call, run_home);
}

void weir_serve_favourite(const struct weir_call *call)
{
    weir_shelf_answer(call, run_favourite);
}

void weir_serve_unfavourite(const struct weir_call *call)
{
    weir_shelf_answer(call, run_unfavourite);
}

void weir_serve_group_home(const struct weir_call *call)
{
    weir_shelf_answer(call, run_group_home);
}
