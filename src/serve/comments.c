/* Comments on reports and tiles, and subscriptions to reports. Whoever sees a report reads and
 * writes its comments; who wrote one may change and delete it, and who may edit the report may
 * delete it and say that it is resolved. */
#include "state/comment.h"

#include <stdio.h>

#include "serve/shelf.h"

static void print_comment(struct weir_jw *w, const struct weir_comment *c, const char *me)
{
    weir_jw_object(w);
    weir_jw_kstr(w, "id", c->id);
    weir_jw_kstr(w, "report", c->report);
    weir_jw_kstr_or_null(w, "tile", c->tile);
    weir_jw_kstr(w, "text", c->text);
    weir_jw_keyz(w, "values");
    weir_jw_raw(w, c->values);
    weir_jw_keyz(w, "by");
    weir_jw_object(w);
    weir_jw_kstr(w, "name", c->name);
    weir_jw_kstr(w, "email", c->by);
    weir_jw_object_end(w);
    weir_jw_kbool(w, "mine", weir_str_is(c->person, me));
    weir_jw_ktime(w, "at", c->at);
    weir_jw_ktime_or_null(w, "edited_at", c->edited_at);
    weir_jw_kbool(w, "resolved", c->resolved_at);
    weir_jw_ktime_or_null(w, "resolved_at", c->resolved_at);
    weir_jw_kstr_or_null(w, "resolved_by", c->resolved_by);
    weir_jw_object_end(w);
}

static int run_list(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_comment *list;
    struct weir_buf tile;
    size_t count;
    weir_buf_init(&tile, 400);
    (void)weir_http_param(weir_http_query(job->call.req), "tile", &tile);
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc : weir_buf_check(&tile, "a tile's id", err);
    rc = rc ? rc
            : weir_comment_list(job->call.server->state, weir_str_of(job->id), weir_buf_str(&tile),
                                &job->arena, &list, &count, err);
    if (rc == 0) {
        weir_jw_object(&job->w);
        weir_jw_keyz(&job->w, "comments");
        weir_jw_array(&job->w);
        for (size_t i = 0; i < count; i++) {
            print_comment(&job->w, &list[i], job->call.who.id);
        }
        weir_jw_array_end(&job->w);
        weir_jw_object_end(&job->w);
    }
    weir_buf_free(&tile);
    weir_documents_release(all);
    return rc;
}

/* --- writing -------------------------------------------------------------------------------- */

static int read_text(struct weir_json body, struct weir_str *out, struct weir_error *err)
{
    *out = weir_json_get_str(body, "text");
    return out->ptr && weir_str_trim(*out).len && out->len <= WEIR_MAX_COMMENT &&
                   !memchr(out->ptr, 0, out->len)
               ? WEIR_OK
               : weir_fail(err, WEIR_EINVAL, "\"text\" must be there, as text of at most %d bytes",
                           WEIR_MAX_COMMENT);
}

/* An object as compact JSON; absent is {}. */
static int read_object(struct weir_shelf_job *job, const char *key, struct weir_str *out,
                       struct weir_error *err)
{
    struct weir_json value = weir_json_get(job->body, key);
    struct weir_buf text;
    *out = WEIR_STR("{}");
    if (!weir_json_exists(value)) {
        return WEIR_OK;
    }
    if (weir_json_type(value) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "\"%s\" must be an object", key);
    }
    weir_buf_init(&text, WEIR_MAX_COMMENT_VALUES);
    weir_json_print(value, &text);
    int rc = weir_buf_check(&text, "an object of values", err);
    if (rc == 0) {
        *out = weir_arena_dup(&job->arena, weir_buf_str(&text));
        rc = out->ptr ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    }
    weir_buf_free(&text);
    return rc;
}

static int check_tile(const struct weir_document *d, struct weir_str tile, struct weir_error *err)
{
    const struct weir_data *tiles = weir_data_get(d->report.data, "tiles");
    for (const struct weir_data *t = tiles ? tiles->first : NULL; t; t = t->next) {
        if (weir_str_eq(weir_data_get_text(t, "id"), tile)) {
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_EINVAL, "the report has no tile \"" WEIR_STR_FMT "\"",
                     WEIR_STR_ARG(weir_utf8_cut(tile, 60)));
}

static int run_add(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    const struct weir_caller *who = &job->call.who;
    char id[WEIR_ID_SIZE];
    struct weir_comment c = {.report = weir_str_of(job->id),
                             .tile = weir_json_get_str(job->body, "tile"),
                             .person = weir_str_of(who->id),
                             .by = weir_str_of(who->email),
                             .name = weir_str_of(who->name),
                             .at = weir_now()};
    weir_state_id(id);
    c.id = weir_str_of(id);
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc : read_text(job->body, &c.text, err);
    rc = rc ? rc : read_object(job, "values", &c.values, err);
    if (rc == 0 && c.tile.ptr) {
        rc = check_tile(d, c.tile, err);
    }
    c.tile = c.tile.ptr ? c.tile : WEIR_STR("");
    rc = rc ? rc : weir_comment_add(job->call.server->state, &c, err);
    if (rc == 0) {
        job->status = 201;
        print_comment(&job->w, &c, who->id);
        weir_shelf_tell_comment(job->call.server->shelf, job->id, who->name);
    }
    weir_documents_release(all);
    return rc;
}

/* The comment, when the caller sees its report; what stood in {id} becomes the report's. */
static int find(struct weir_shelf_job *job, struct weir_comment *out, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    int rc = weir_comment_get(job->call.server->state, weir_str_of(job->id), &job->arena, out, err);
    if (rc) {
        return rc;
    }
    snprintf(job->id, sizeof job->id, WEIR_STR_FMT, WEIR_STR_ARG(out->report));
    rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    weir_documents_release(all);
    return rc == WEIR_ENOENT ? weir_fail(err, WEIR_ENOENT, "there is no such comment") : rc;
}

static int change(struct weir_shelf_job *job, struct weir_comment *c, struct weir_error *err)
{
    const struct weir_caller *who = &job->call.who;
    bool mine = weir_str_is(c->person, who->id), resolved = c->resolved_at;
    struct weir_json value = weir_json_get(job->body, "resolved");
    if (weir_json_exists(weir_json_get(job->body, "text"))) {
        int rc = mine ? read_text(job->body, &c->text, err)
                      : weir_fail(err, WEIR_EPERM, "a comment is changed by who wrote it");
        if (rc) {
            return rc;
        }
        c->edited_at = weir_now();
    }
    if (weir_json_exists(value)) {
        if (!weir_json_bool(value, &resolved)) {
            return weir_fail(err, WEIR_EINVAL, "\"resolved\" must be true or false");
        }
        if (!mine && job->look.level != WEIR_LEVEL_EDIT) {
            return weir_fail(err, WEIR_EPERM,
                             "a comment is resolved by who wrote it, or who may edit the report");
        }
    }
    if (resolved != (c->resolved_at != 0)) {
        c->resolved_at = resolved ? weir_now() : 0;
        c->resolved_by = weir_str_of(who->email);
    }
    return WEIR_OK;
}

static int run_patch(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_comment c;
    int rc = find(job, &c, err);
    rc = rc ? rc : change(job, &c, err);
    rc = rc ? rc : weir_comment_save(job->call.server->state, &c, err);
    if (rc == 0) {
        print_comment(&job->w, &c, job->call.who.id);
        weir_shelf_tell_comment(job->call.server->shelf, job->id, job->call.who.name);
    }
    return rc;
}

static int run_remove(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_comment c;
    int rc = find(job, &c, err);
    if (rc == 0 && !weir_str_is(c.person, job->call.who.id) && job->look.level != WEIR_LEVEL_EDIT) {
        rc = weir_fail(err, WEIR_EPERM,
                       "a comment is deleted by who wrote it, or who may edit the report");
    }
    rc = rc ? rc : weir_comment_remove(job->call.server->state, c.id, err);
    if (rc == 0) {
        weir_shelf_tell_comment(job->call.server->shelf, job->id, job->call.who.name);
    }
    job->status = 204;
    return rc;
}

/* --- subscriptions -------------------------------------------------------------------------- */

static bool is_between(struct weir_json value, int64_t min, int64_t max)
{
    int64_t n;
    return weir_json_i64(value, &n) && n >= min && n <= max;
}

/* {unit: day | week | month, day?, at: "08:00"} */
static int check_every(struct weir_json every, struct weir_error *err)
{
    struct weir_str unit = weir_json_get_str(every, "unit"), at = weir_json_get_str(every, "at");
    struct weir_json day = weir_json_get(every, "day");
    bool week = weir_str_is(unit, "week"), month = weir_str_is(unit, "month");
    bool good = (weir_str_is(unit, "day") && !weir_json_exists(day)) ||
                (week && is_between(day, 1, 7)) || (month && is_between(day, 1, 28));
    int64_t hour, minute;
    good = good && at.len == 5 && at.ptr[2] == ':' &&
           weir_str_to_i64((struct weir_str){at.ptr, 2}, &hour) && hour >= 0 && hour < 24 &&
           weir_str_to_i64((struct weir_str){at.ptr + 3, 2}, &minute) && minute >= 0 &&
           minute < 60 && weir_json_count(every) == (size_t)(week || month ? 3 : 2);
    return good ? WEIR_OK
                : weir_fail(err, WEIR_EINVAL,
                            "\"every\" is {\"unit\": \"day\", \"at\": \"08:00\"}; of a week with "
                            "\"day\" 1 (Monday) to 7, of a month with \"day\" 1 to 28");
}

static int run_subscribe(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct weir_subscription s = {.at = weir_now()};
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc : check_every(weir_json_get(job->body, "every"), err);
    rc = rc ? rc : read_object(job, "every", &s.every, err);
    rc = rc ? rc : read_object(job, "values", &s.values, err);
    rc = rc ? rc
            : weir_subscription_put(job->call.server->state, weir_str_of(job->call.who.id),
                                    weir_str_of(job->id), &s, err);
    job->status = 204;
    weir_documents_release(all);
    return rc;
}

static int run_unsubscribe(struct weir_shelf_job *job, struct weir_error *err)
{
    job->status = 204;
    return weir_subscription_remove(job->call.server->state, weir_str_of(job->call.who.id),
                                    weir_str_of(job->id), err);
}

/* --- the handlers --------------------------------------------------------------------------- */

void weir_serve_comments(const struct weir_call *call)
{
    weir_shelf_answer(call, run_list);
}

void weir_serve_comment_add(const struct weir_call *call)
{
    weir_shelf_answer(call, run_add);
}

void weir_serve_comment_change(const struct weir_call *call)
{
    weir_shelf_answer(call, run_patch);
}

void weir_serve_comment_remove(const struct weir_call *call)
{
    weir_shelf_answer(call, run_remove);
}

void weir_serve_subscribe(const struct weir_call *call)
{
    weir_shelf_answer(call, run_subscribe);
}

void weir_serve_unsubscribe(const struct weir_call *call)
{
    weir_shelf_answer(call, run_unsubscribe);
}
