#include "serve/publication.h"

#include "serve/published.h"
#include "state/publication.h"

/* --- printing ------------------------------------------------------------------------------- */

static void print_values(struct weir_jw *w, const char *key, struct weir_str json)
{
    weir_jw_keyz(w, key);
    weir_jw_raw(w, json);
}

/* Members. */
static void print_one(struct weir_jw *w, const struct weir_publication *p)
{
    weir_jw_kstr_or_null(w, "version", p->version);
    weir_jw_ktime_or_null(w, "at", p->at);
    weir_jw_kstr_or_null(w, "by", p->by);
    weir_jw_kbool(w, "company", p->company);
    weir_jw_keyz(w, "people");
    weir_jw_array(w);
    for (size_t i = 0; i < p->person_count; i++) {
        weir_jw_str(w, p->people[i]);
    }
    weir_jw_array_end(w);
    weir_jw_keyz(w, "groups");
    weir_jw_array(w);
    for (size_t i = 0; i < p->group_count; i++) {
        weir_jw_object(w);
        weir_jw_kstr(w, "group", p->groups[i].id);
        weir_jw_kstr(w, "name", p->groups[i].name);
        print_values(w, "defaults", p->groups[i].defaults);
        print_values(w, "forced", p->groups[i].forced);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

/* `version`: of the draft. */
static void print_both(struct weir_jw *w, const struct weir_publication *now,
                       const struct weir_publication *scheduled, const char *version)
{
    weir_jw_object(w);
    print_one(w, now);
    weir_jw_keyz(w, "scheduled");
    if (scheduled->version.ptr) {
        weir_jw_object(w);
        print_one(w, scheduled);
        weir_jw_object_end(w);
    } else {
        weir_jw_null(w);
    }
    weir_jw_kbool(w, "behind", now->version.ptr && !weir_str_is(now->version, version));
    weir_jw_object_end(w);
}

static int print_whole(struct weir_shelf_job *job, const char *report, const char *version,
                       struct weir_error *err)
{
    struct weir_publication now, scheduled;
    struct weir_state *state = job->call.server->state;
    struct weir_str id = weir_str_of(report);
    int rc = weir_publication_get(state, id, false, &job->arena, &now, err);
    rc = rc ? rc : weir_publication_get(state, id, true, &job->arena, &scheduled, err);
    if (rc == 0 && !now.version.ptr && !scheduled.version.ptr) {
        weir_jw_null(&job->w);
    } else if (rc == 0) {
        print_both(&job->w, &now, &scheduled, version);
    }
    return rc;
}

/* Of the draft; with mistakes on disk, the last good one. */
static const char *draft_version(const struct weir_document *d)
{
    return d->good ? d->good->version : d->version;
}

int weir_publication_print(struct weir_shelf_job *job, const struct weir_report_look *look,
                           struct weir_error *err)
{
    const struct weir_published *p = weir_levels_published(&job->levels, look->d->key);
    if (look->level == WEIR_LEVEL_EDIT) {
        const struct weir_document *now =
            weir_documents_find(look->all, WEIR_DOCUMENT_REPORT, weir_str_of(look->d->key));
        return print_whole(job, look->d->key, now ? draft_version(now) : "", err);
    }
    if (p) {
        weir_jw_object(&job->w);
        weir_jw_kstr(&job->w, "version", p->version);
        weir_jw_ktime(&job->w, "at", p->at);
        weir_jw_object_end(&job->w);
    } else {
        weir_jw_null(&job->w);
    }
    return WEIR_OK;
}

/* --- reading -------------------------------------------------------------------------------- */

static int wrong(struct weir_error *err, struct weir_str key)
{
    return weir_fail(err, WEIR_EINVAL,
                     "\"" WEIR_STR_FMT "\" is not known, twice, or of the wrong type; there are "
                     "version, at, company, people (ids) and groups ({group, defaults, forced})",
                     WEIR_STR_ARG(weir_utf8_cut(key, 60)));
}

static int read_people(struct weir_shelf_job *job, struct weir_json list,
                       struct weir_publication *out, struct weir_error *err)
{
    struct weir_json item;
    if (out->people || weir_json_type(list) != WEIR_JSON_ARRAY) {
        return wrong(err, WEIR_STR("people"));
    }
    out->people = weir_arena_calloc(&job->arena, (weir_json_count(list) + 1) * sizeof *out->people);
    if (!out->people) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for \"people\"");
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (weir_json_next(&it, NULL, &item)) {
        if (!weir_json_str(item, &out->people[out->person_count++])) {
            return wrong(err, WEIR_STR("people"));
        }
    }
    return WEIR_OK;
}

/* The values as JSON, once they fit the version's parameters. */
static int read_values(struct weir_shelf_job *job, const struct weir_data *report,
                       struct weir_json object, const char *what, struct weir_str *out,
                       struct weir_error *err)
{
    struct weir_data *values;
    struct weir_buf text;
    if (weir_json_type(object) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" must be an object: a value by parameter", what);
    }
    int rc = weir_data_from_json(&job->arena, object, &values, err);
    rc = rc ? rc : weir_publication_check_values(report, values, what, err);
    weir_buf_init(&text, WEIR_MAX_VALUES);
    if (rc == 0) {
        struct weir_jw w = weir_jw_on(&text);
        weir_data_print(values, &w);
        rc = weir_buf_check(&text, "the values of a group", err);
    }
    if (rc == 0) {
        *out = weir_arena_dup(&job->arena, weir_buf_str(&text));
        rc = out->ptr ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for a group's values");
    }
    weir_buf_free(&text);
    return rc;
}

static int read_group(struct weir_shelf_job *job, const struct weir_data *report,
                      struct weir_json object, struct weir_published_group *out,
                      struct weir_error *err)
{
    struct weir_str key;
    struct weir_json value;
    int rc = WEIR_OK;
    *out = (struct weir_published_group){.defaults = WEIR_STR("{}"), .forced = WEIR_STR("{}")};
    struct weir_json_iter it = weir_json_begin(object);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (weir_str_is(key, "defaults")) {
            rc = read_values(job, report, value, "defaults", &out->defaults, err);
        } else if (weir_str_is(key, "forced")) {
            rc = read_values(job, report, value, "forced", &out->forced, err);
        } else if (!weir_str_is(key, "group") || !weir_json_str(value, &out->id)) {
            rc = wrong(err, key);
        }
    }
    return rc || out->id.ptr ? rc : weir_fail(err, WEIR_EINVAL, "a group needs \"group\", its id");
}

static int read_groups(struct weir_shelf_job *job, const struct weir_data *report,
                       struct weir_json list, struct weir_publication *out, struct weir_error *err)
{
    struct weir_json item;
    int rc = WEIR_OK;
    out->groups = weir_arena_calloc(&job->arena, (weir_json_count(list) + 1) * sizeof *out->groups);
    if (!out->groups) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for \"groups\"");
    }
    struct weir_json_iter it = weir_json_begin(list);
    while (rc == 0 && weir_json_next(&it, NULL, &item)) {
        rc = weir_json_type(item) == WEIR_JSON_OBJECT
                 ? read_group(job, report, item, &out->groups[out->group_count++], err)
                 : wrong(err, WEIR_STR("groups"));
    }
    return rc;
}

struct wish {
    struct weir_publication to;
    const char *version;     /* as it was asked for; NULL: the draft */
    struct weir_json groups; /* read once the version is known */
    weir_time at;            /* 0: now */
};

static int read_wish(struct weir_shelf_job *job, struct wish *out, struct weir_error *err)
{
    struct weir_str key, text;
    struct weir_json value;
    int rc = WEIR_OK;
    *out = (struct wish){0};
    struct weir_json_iter it = weir_json_begin(job->body);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (weir_json_type(value) == WEIR_JSON_NULL) {
            continue;
        }
        if (weir_str_is(key, "version") && weir_json_str(value, &text)) {
            out->version = weir_arena_dup(&job->arena, text).ptr;
            rc = out->version ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for a version");
        } else if (weir_str_is(key, "at") && weir_json_str(value, &text)) {
            rc = weir_time_parse_lenient(text, &out->at) && out->at > weir_now()
                     ? WEIR_OK
                     : weir_fail(err, WEIR_EINVAL,
                                 "\"at\" must be a time to come, such as 2026-12-24T08:00:00Z; "
                                 "leave it out to publish now");
        } else if (weir_str_is(key, "people")) {
            rc = read_people(job, value, &out->to, err);
        } else if (weir_str_is(key, "groups") && weir_json_type(value) == WEIR_JSON_ARRAY) {
            out->groups = value;
        } else if (!weir_str_is(key, "company") || !weir_json_bool(value, &out->to.company)) {
            rc = wrong(err, key);
        }
    }
    if (rc == 0 && !out->to.company && !out->to.person_count && weir_json_count(out->groups) == 0) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "say to whom it is published: company (true), people or groups");
    }
    return rc;
}

/* --- groups that cannot both be obeyed ------------------------------------------------------ */

static int parse_forced(struct weir_shelf_job *job, struct weir_json list,
                        const struct weir_publication *to, struct weir_data **out,
                        struct weir_error *err)
{
    struct weir_json item;
    size_t i = 0;
    int rc = WEIR_OK;
    struct weir_json_iter it = weir_json_begin(list);
    while (rc == 0 && i < to->group_count && weir_json_next(&it, NULL, &item)) {
        struct weir_json forced = weir_json_get(item, "forced");
        rc = weir_json_exists(forced) ? weir_data_from_json(&job->arena, forced, &out[i], err)
                                      : WEIR_OK;
        i++;
    }
    return rc;
}

/* The value, unless it is a list's, which add up. */
static const struct weir_data *find_forced(const struct weir_data *forced,
                                           const struct weir_data *like)
{
    for (const struct weir_data *v = forced ? forced->first : NULL; v; v = v->next) {
        if (weir_str_eq_nocase(v->key, like->key) &&
            !(v->type == WEIR_DATA_LIST && like->type == WEIR_DATA_LIST)) {
            return v;
        }
    }
    return NULL;
}

static int check_pair(struct weir_shelf_job *job, const struct weir_publication *to, size_t a,
                      size_t b, struct weir_data *const *forced, struct weir_error *err)
{
    struct weir_str who = {0};
    int rc = WEIR_OK;
    for (const struct weir_data *v = forced[a] ? forced[a]->first : NULL; rc == 0 && v;
         v = v->next) {
        const struct weir_data *other = find_forced(forced[b], v);
        if (!other || weir_data_equal(v, other)) {
            continue;
        }
        rc = weir_publication_shared_member(job->call.server->state, to->groups[a].id,
                                            to->groups[b].id, &job->arena, &who, err);
        if (rc == 0 && who.ptr) {
            rc = weir_fail(err, WEIR_EINVAL,
                           "the groups \"%.60s\" and \"%.60s\" force different values of "
                           "\"" WEIR_STR_FMT "\", and " WEIR_STR_FMT " is in both; take her out of "
                           "one, or force the same",
                           to->groups[a].id.ptr, to->groups[b].id.ptr,
                           WEIR_STR_ARG(weir_utf8_cut(v->key, 60)), WEIR_STR_ARG(who));
        }
    }
    return rc;
}

static int check_groups(struct weir_shelf_job *job, const struct wish *wish, struct weir_error *err)
{
    const struct weir_publication *to = &wish->to;
    struct weir_data **forced =
        weir_arena_calloc(&job->arena, (to->group_count + 1) * sizeof(struct weir_data *));
    int rc = forced ? parse_forced(job, wish->groups, to, forced, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for the groups");
    for (size_t a = 0; rc == 0 && a < to->group_count; a++) {
        for (size_t b = a + 1; rc == 0 && b < to->group_count; b++) {
            rc = check_pair(job, to, a, b, forced, err);
        }
    }
    return rc;
}

/* --- publishing ----------------------------------------------------------------------------- */

static int note(struct weir_shelf_job *job, const char *action, const char *title,
                const struct weir_publication *p, struct weir_error *err)
{
    struct weir_buf detail;
    weir_buf_init(&detail, 64u << 20);
    struct weir_jw w = weir_jw_on(&detail);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "title", title);
    if (p) {
        weir_jw_keyz(&w, "publication");
        weir_jw_object(&w);
        print_one(&w, p);
        weir_jw_object_end(&w);
    }
    weir_jw_object_end(&w);
    int rc = weir_buf_check(&detail, "the audit log's entry", err);
    rc = rc ? rc
            : weir_caller_note(job->call.server->state, &job->call.who, action,
                               weir_str_of(job->id), weir_buf_str(&detail), err);
    weir_buf_free(&detail);
    return rc;
}

/* All or nothing: what is published, and that it was. */
static int store(struct weir_shelf_job *job, struct wish *wish, const char *title,
                 struct weir_error *err)
{
    struct weir_state *state = job->call.server->state;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = weir_publication_put(state, weir_str_of(job->id), wish->at, &wish->to, err);
    rc =
        rc ? rc : note(job, wish->at ? "report.schedule" : "report.publish", title, &wish->to, err);
    return weir_state_end(state, rc, err);
}

static int publish(struct weir_shelf_job *job, const struct weir_document *draft,
                   struct weir_error *err)
{
    struct weir_publishing *publishing = weir_shelf_publishing(job->call.server->shelf);
    const struct weir_document *version;
    struct wish wish;
    int rc = read_wish(job, &wish, err);
    rc = rc ? rc
            : weir_publishing_read(publishing, job->id,
                                   wish.version ? wish.version : draft_version(draft), &version,
                                   err);
    rc = rc ? rc : read_groups(job, version->report.data, wish.groups, &wish.to, err);
    rc = rc ? rc : check_groups(job, &wish, err);
    if (rc == 0) {
        wish.to.version = weir_str_of(version->version);
        wish.to.at = wish.at ? wish.at : weir_now();
        wish.to.by = weir_str_of(job->author.email);
        rc = store(job, &wish, version->report.title, err);
    }
    if (rc == 0 && !wish.at) {
        weir_shelf_tell_publication(job->call.server->shelf, job->id, version->version,
                                    job->author.name);
    }
    weir_publishing_sync(publishing);
    return rc;
}

static int run_put(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    if (rc == 0 && job->look.published) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the report's files have mistakes, or are not there; repair them first");
    }
    rc = rc ? rc : publish(job, d, err);
    rc = rc ? rc : print_whole(job, job->id, draft_version(d), err);
    weir_documents_release(all);
    return rc;
}

static int unpublish(struct weir_shelf_job *job, const char *title, struct weir_error *err)
{
    struct weir_state *state = job->call.server->state;
    int rc = weir_state_begin(state, err);
    if (rc) {
        return rc;
    }
    rc = weir_publication_remove(state, weir_str_of(job->id), err);
    rc = rc ? rc : note(job, "report.unpublish", title, NULL, err);
    return weir_state_end(state, rc, err);
}

static int run_delete(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    int rc = weir_shelf_find(job, WEIR_LEVEL_EDIT, &all, &d, err);
    rc = rc ? rc : unpublish(job, d->title, err);
    if (rc == 0) {
        weir_shelf_tell_publication(job->call.server->shelf, job->id, "", job->author.name);
        weir_publishing_sync(weir_shelf_publishing(job->call.server->shelf));
    }
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

void weir_serve_report_publish(const struct weir_call *call)
{
    weir_shelf_start(call, run_put);
}

void weir_serve_report_unpublish(const struct weir_call *call)
{
    weir_shelf_start(call, run_delete);
}
