/* GET /api/reports/{id}: the version that the caller sees, or the one that she asks for. */
#include <stdio.h>

#include "serve/publication.h"
#include "serve/query_report.h"
#include "state/comment.h"
#include "state/home.h"
#include "state/publication.h"

static void print_values(struct weir_jw *w, const char *key, const struct weir_data *values)
{
    weir_jw_keyz(w, key);
    if (values) {
        weir_data_print(values, w);
    } else {
        weir_jw_object(w);
        weir_jw_object_end(w);
    }
}

/* Who answers for it: whom the document names, else who published it. */
static int print_owner(struct weir_shelf_job *job, const struct weir_report_look *look,
                       struct weir_error *err)
{
    struct weir_publication p;
    struct weir_str owner = weir_data_get_text(look->d->report.data, "owner");
    int rc = owner.ptr ? WEIR_OK
                       : weir_publication_get(job->call.server->state, weir_str_of(look->d->key),
                                              false, &job->arena, &p, err);
    if (rc == 0) {
        weir_jw_kstr_or_null(&job->w, "owner", owner.ptr ? owner : p.by);
    }
    return rc;
}

/* What she herself wants of it. */
static int print_hers(struct weir_shelf_job *job, const char *report, struct weir_error *err)
{
    struct weir_state *state = job->call.server->state;
    struct weir_str me = weir_str_of(job->call.who.id), *ids;
    struct weir_subscription s;
    size_t count;
    bool favourite = false;
    int rc = weir_favourite_list(state, me, &job->arena, &ids, &count, err);
    rc = rc ? rc : weir_subscription_get(state, me, weir_str_of(report), &job->arena, &s, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        favourite = favourite || weir_str_is(ids[i], report);
    }
    if (rc == 0) {
        struct weir_jw *w = &job->w;
        weir_jw_kbool(w, "favourite", favourite);
        weir_jw_keyz(w, "subscription");
        if (s.every.ptr) {
            weir_jw_object(w);
            weir_jw_keyz(w, "values");
            weir_jw_raw(w, s.values);
            weir_jw_keyz(w, "every");
            weir_jw_raw(w, s.every);
            weir_jw_object_end(w);
        } else {
            weir_jw_null(w);
        }
    }
    return rc;
}

/* --- for an embedded page ------------------------------------------------------------------- */

static bool add_copy(struct weir_arena *arena, struct weir_data *list, const struct weir_data *item,
                     const char *without)
{
    struct weir_data *copy = weir_data_copy(arena, item);
    if (copy) {
        weir_data_unset(copy, without);
        weir_data_add(list, copy);
    }
    return copy;
}

/* The list at `key` without what is not for her. */
static bool cut(struct weir_arena *arena, struct weir_data *report, const char *key,
                const struct weir_report_look *look,
                bool (*keeps)(const struct weir_report_look *look, const struct weir_data *item))
{
    const struct weir_data *all = weir_data_get(report, key);
    struct weir_data *list = weir_data_new(arena, WEIR_DATA_LIST);
    bool good = list;
    for (const struct weir_data *i = all ? all->first : NULL; good && i; i = i->next) {
        good = !keeps(look, i) || add_copy(arena, list, i, "owner");
    }
    return good && (!all || weir_data_set(arena, report, weir_str_of(key), list));
}

static bool keeps_parameter(const struct weir_report_look *look, const struct weir_data *item)
{
    struct weir_str name = weir_data_get_text(item, "name");
    for (const struct weir_data *v = look->forced ? look->forced->first : NULL; v; v = v->next) {
        if (weir_str_eq(v->key, name)) {
            return false;
        }
    }
    return true;
}

static bool keeps_query(const struct weir_report_look *look, const struct weir_data *item)
{
    struct weir_error ignored;
    char id[64];
    snprintf(id, sizeof id, WEIR_STR_FMT,
             WEIR_STR_ARG(weir_utf8_cut(weir_data_get_text(item, "id"), sizeof id - 1)));
    return weir_query_may_run(look, id, &ignored) == 0;
}

/* What is shown, and nobody's name. */
static int print_embedded(struct weir_shelf_job *job, const struct weir_report_look *look,
                          struct weir_error *err)
{
    struct weir_jw *w = &job->w;
    struct weir_arena *arena = &job->arena;
    struct weir_data *report = weir_data_copy(arena, look->d->report.data);
    struct weir_data *nothing = weir_data_new(arena, WEIR_DATA_OBJECT);
    if (!report || !nothing || !cut(arena, report, "tiles", look, weir_look_shows) ||
        !cut(arena, report, "parameters", look, keeps_parameter) ||
        !cut(arena, report, "queries", look, keeps_query)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the report");
    }
    weir_data_unset(report, "owner");
    weir_data_unset(report, "collection");
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", look->d->key);
    weir_shelf_print_content(w, (struct weir_content){report, nothing});
    weir_jw_kstrz(w, "version", look->d->version);
    weir_jw_kbool(w, "published", true);
    weir_jw_kstrz(w, "slug", "");
    weir_jw_kstrz(w, "level", weir_level_name(look->level));
    weir_jw_kbool(w, "archived", false);
    weir_jw_kstr_or_null(w, "error", WEIR_STR(""));
    print_values(w, "forced", NULL);
    print_values(w, "defaults", look->defaults);
    weir_jw_ki64(w, "fiscal_year_start", job->call.server->workspace_settings.fiscal_year_start);
    weir_jw_kstr_or_null(w, "owner", WEIR_STR(""));
    weir_jw_kbool(w, "favourite", false);
    weir_jw_keyz(w, "subscription");
    weir_jw_null(w);
    weir_jw_keyz(w, "publication");
    int rc = weir_publication_print(job, look, err);
    weir_jw_object_end(w);
    return rc;
}

static int print_report(struct weir_shelf_job *job, const struct weir_report_look *look,
                        struct weir_error *err)
{
    struct weir_jw *w = &job->w;
    const struct weir_document *d = look->d;
    if (look->embed) {
        return print_embedded(job, look, err);
    }
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", d->key);
    weir_shelf_print_content(w, (struct weir_content){d->report.data, d->report.queries});
    weir_jw_kstrz(w, "version", d->good ? d->good->version : d->version);
    weir_jw_kbool(w, "published", look->published);
    weir_jw_kstrz(w, "slug", d->slug);
    weir_jw_kstrz(w, "level", weir_level_name(look->level));
    weir_jw_kbool(w, "archived", d->report.archived);
    weir_jw_kstr_or_null(w, "error", weir_str_of(d->error));
    print_values(w, "forced", look->forced);
    print_values(w, "defaults", look->defaults);
    weir_jw_ki64(w, "fiscal_year_start", job->call.server->workspace_settings.fiscal_year_start);
    int rc = print_owner(job, look, err);
    rc = rc ? rc : print_hers(job, d->key, err);
    weir_jw_keyz(w, "publication");
    rc = rc ? rc : weir_publication_print(job, look, err);
    if (rc == 0 && look->level == WEIR_LEVEL_EDIT) {
        weir_jw_keyz(w, "share");
        rc = weir_share_print(job, d->key, err);
    }
    weir_jw_object_end(w);
    return rc;
}

/* *out is NULL when none is asked for. */
static int asked_version(const struct weir_http_request *req, struct weir_arena *arena,
                         const char **out, struct weir_error *err)
{
    struct weir_buf value;
    *out = NULL;
    weir_buf_init(&value, 200);
    if (weir_http_param(weir_http_query(req), "version", &value) && value.len) {
        *out = weir_arena_dup(arena, weir_buf_str(&value)).ptr;
    }
    int rc = weir_buf_check(&value, "a version", err);
    weir_buf_free(&value);
    return rc;
}

static int run_get(struct weir_shelf_job *job, struct weir_error *err)
{
    const char *version;
    int rc = asked_version(job->call.req, &job->arena, &version, err);
    rc = rc ? rc
            : weir_report_look(&job->call, &job->levels, &job->arena, job->id, version, &job->look,
                               err);
    return rc ? rc : print_report(job, &job->look, err);
}

/* A version that is neither the draft nor published is read from git. */
static int look_back(struct weir_shelf_job *job, const char *version, struct weir_error *err)
{
    struct weir_document *old;
    struct weir_report_look *look = &job->look;
    int rc = weir_report_document_at(job->library, job->id, version, &old, err);
    if (rc) {
        return rc;
    }
    weir_document_release(look->held);
    look->held = old;
    look->d = old;
    return weir_report_may_look_back(job, &old->report, err);
}

static int run_get_old(struct weir_shelf_job *job, struct weir_error *err)
{
    const char *version;
    int rc = asked_version(job->call.req, &job->arena, &version, err);
    rc = rc ? rc
            : weir_report_look(&job->call, &job->levels, &job->arena, job->id, version, &job->look,
                               err);
    if (rc == WEIR_ENOENT && job->look.level == WEIR_LEVEL_EDIT) {
        rc = look_back(job, version, err);
    }
    return rc ? rc : print_report(job, &job->look, err);
}

void weir_serve_report_get(const struct weir_call *call)
{
    struct weir_buf value;
    weir_buf_init(&value, 200);
    bool old = weir_http_param(weir_http_query(call->req), "version", &value) && value.len == 40;
    weir_buf_free(&value);
    if (old) {
        weir_shelf_start(call, run_get_old);
    } else {
        weir_shelf_answer(call, run_get);
    }
}
