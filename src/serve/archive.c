#include "serve/archive.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/shelf.h"
#include "serve/snapshot.h"
#include "serve/usage.h"

/* --- which ---------------------------------------------------------------------------------- */

/* What is not put away whatever its age: what is published. That somebody shared a report is no
 * reason: nobody opened it all the same. */
static bool is_kept(const struct weir_document *d, const struct weir_report_use *use)
{
    return d->report.archived || !d->usable || d->error || use->published;
}

bool weir_archive_due(const struct weir_document *report, const struct weir_report_use *use,
                      weir_time after, weir_time now)
{
    weir_time last = report->modified_at;
    last = use->seen_at > last ? use->seen_at : last;
    last = use->opened_at > last ? use->opened_at : last;
    return !is_kept(report, use) && now - last >= after;
}

/* --- putting away --------------------------------------------------------------------------- */

static int archive(struct weir_library *library, const struct weir_document *d, weir_time after,
                   struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_saved saved = {0};
    char message[400];
    snprintf(message, sizeof message,
             "Archive %.200s\n\nNobody opened or changed it for %lld days (workspace.archive_after "
             "in weir.yml).",
             d->title, (long long)(after / WEIR_DAY));
    struct weir_save how = {
        .author = {"weir", "weir@localhost"}, .base = d->version, .message = message};
    weir_arena_init(&arena, 64u << 20);
    struct weir_data *report = weir_data_copy(&arena, d->report.data);
    struct weir_data *yes = weir_data_new(&arena, WEIR_DATA_BOOL);
    int rc = WEIR_OK;
    if (yes) {
        yes->truth = true;
    }
    if (!report || !yes || !weir_data_set(&arena, report, WEIR_STR("archived"), yes)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory to archive %.80s", d->path);
    }
    if (rc == 0) {
        struct weir_content content = {report, d->report.queries};
        rc = weir_report_save(library, d->key, content, &how, &saved, err);
        weir_saved_free(&saved);
    }
    weir_arena_free(&arena);
    return rc ? weir_error_prefix(err, rc, "%.80s cannot be archived", d->path) : WEIR_OK;
}

/* The reports that have an id, with their ids beside them. */
static size_t list(const struct weir_documents *all, const struct weir_document **reports,
                   struct weir_str *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct weir_document *d = all->items[i];
        if (d->kind == WEIR_DOCUMENT_REPORT && d->usable && !d->twin) {
            reports[n] = d;
            ids[n++] = weir_str_of(d->key);
        }
    }
    return n;
}

int weir_archive_sweep(struct weir_library *library, struct weir_state *state, weir_time after,
                       weir_time now, size_t *archived, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_report_use *use = NULL;
    struct weir_documents *all = weir_library_hold(library);
    weir_arena_init(&arena, 64u << 20);
    const struct weir_document **reports =
        weir_arena_calloc(&arena, (all->count + 1) * sizeof(struct weir_document *));
    struct weir_str *ids = weir_arena_calloc(&arena, (all->count + 1) * sizeof *ids);
    int rc = reports && ids ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the reports");
    size_t count = rc ? 0 : list(all, reports, ids);
    *archived = 0;
    rc = rc ? rc : weir_report_use_sync(state, ids, count, now, &arena, &use, err);
    for (size_t i = 0; rc == 0 && after && i < count && *archived < WEIR_ARCHIVE_AT_ONCE; i++) {
        if (weir_archive_due(reports[i], &use[i], after, now)) {
            rc = archive(library, reports[i], after, err);
            *archived += rc == 0;
        }
    }
    weir_arena_free(&arena);
    weir_documents_release(all);
    return rc;
}

/* --- snapshots ------------------------------------------------------------------------------ */

struct forgotten {
    struct weir_state *state;
    char report[64]; /* "": none was found */
    int code;
    struct weir_error *err;
};

static void look_at(const struct weir_snapshot *s, void *arg)
{
    struct forgotten *f = arg;
    bool known = true;
    if (f->code == 0 && !f->report[0]) {
        f->code = weir_report_use_known(f->state, weir_str_of(s->report), &known, f->err);
        snprintf(f->report, sizeof f->report, "%s", known ? "" : s->report);
    }
}

int weir_archive_snapshots(struct weir_snapshots *snapshots, struct weir_state *state,
                           struct weir_error *err)
{
    int rc;
    struct forgotten f;
    do {
        f = (struct forgotten){.state = state, .err = err};
        weir_snapshots_each(snapshots, NULL, look_at, &f);
        rc = f.code;
        if (rc == 0 && f.report[0]) {
            rc = weir_snapshots_remove_of(snapshots, f.report, err);
        }
    } while (rc == 0 && f.report[0]);
    return rc;
}

/* --- POST /api/reports/{id}/open ------------------------------------------------------------ */

static int run_open(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    const struct weir_caller *who = &job->call.who;
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    if (rc == 0 && !who->by_id[0]) { /* an admin behind somebody's eyes is not that person */
        rc = weir_report_use_open(job->call.server->state, weir_str_of(d->key),
                                  weir_str_of(who->id), weir_now(), err);
        weir_usage_opened(job->call.server->usage, who->id, d->key);
    }
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

void weir_serve_report_open(const struct weir_call *call)
{
    weir_shelf_answer(call, run_open);
}
