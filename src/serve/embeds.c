#include "serve/embeds.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/query_report.h"
#include "serve/shelf.h"
#include "state/person.h"

struct weir_embeds {
    bool on;
    struct weir_embed_key key;
    struct weir_text_list origins;
    char *ancestors;
};

/* --- life ----------------------------------------------------------------------------------- */

static int read_origins(struct weir_embeds *e, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, 64u << 10);
    for (size_t i = 0; i < e->origins.count; i++) {
        const char *origin = e->origins.items[i];
        if (!weir_is_origin(weir_str_of(origin)) || i == WEIR_EMBED_MAX_ORIGINS) {
            weir_buf_free(&text);
            return weir_fail(err, WEIR_EINVAL,
                             "serve.embed_origins: \"%.100s\" is no origin, or there are more than "
                             "%d; write https://app.example.com, in small letters and without a "
                             "path",
                             origin, WEIR_EMBED_MAX_ORIGINS);
        }
        weir_buf_addf(&text, "%s%s", i ? " " : "", origin);
    }
    e->ancestors = e->on && e->origins.count ? strdup(weir_buf_cstr(&text)) : strdup("'none'");
    int rc = weir_buf_check(&text, "serve.embed_origins", err);
    weir_buf_free(&text);
    return rc || e->ancestors ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the server");
}

int weir_embeds_new(struct weir_workspace *workspace, const struct weir_serve_settings *settings,
                    struct weir_embeds **out, struct weir_error *err)
{
    struct weir_embeds *e = *out = calloc(1, sizeof *e);
    if (!e) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the server");
    }
    e->on = settings->embed;
    e->origins = settings->embed_origins;
    int rc = weir_embed_key_init(&e->key, workspace, err);
    return rc ? rc : read_origins(e, err);
}

void weir_embeds_free(struct weir_embeds *e)
{
    if (e) {
        weir_embed_key_free(&e->key);
        free(e->ancestors);
        free(e);
    }
}

const char *weir_embeds_ancestors(const struct weir_embeds *e)
{
    return e->on ? e->ancestors : NULL;
}

/* --- who comes with a token ----------------------------------------------------------------- */

static int open_token(const struct weir_server *server, struct weir_str token,
                      struct weir_arena *arena, struct weir_embed *out, struct weir_error *err)
{
    struct weir_embeds *e = server->embeds;
    return e->on ? weir_embed_open(&e->key, token, weir_now(), arena, out, err)
                 : weir_fail(err, WEIR_ENOENT,
                             "nothing of this weir may be embedded; an admin can turn it on "
                             "(serve.embed)");
}

/* The person as she is now, held to the report. */
static int become(struct weir_call *call, const struct weir_embed *embed, struct weir_arena *arena,
                  struct weir_error *err)
{
    struct weir_person p;
    char report[WEIR_ID_SIZE];
    int rc = embed->report.len < sizeof report
                 ? weir_person_by_email(call->server->state, embed->person, arena, &p, err)
                 : WEIR_ENOENT;
    if (rc == WEIR_ENOENT || (rc == 0 && p.disabled)) {
        return weir_fail(err, WEIR_ENOENT,
                         "this link is not good any more: whoever it shows things for is not here");
    }
    if (rc == 0) {
        snprintf(report, sizeof report, WEIR_STR_FMT, WEIR_STR_ARG(embed->report));
        weir_caller_person(&call->who, &p);
        weir_caller_hold_to(&call->who, report);
    }
    return rc;
}

int weir_embeds_find(struct weir_call *call, struct weir_str token, struct weir_arena *arena,
                     struct weir_error *err)
{
    struct weir_embed embed;
    int rc = open_token(call->server, token, arena, &embed, err);
    rc = rc ? rc : become(call, &embed, arena, err);
    call->embed = rc ? (struct weir_str){0} : token;
    return rc;
}

int weir_embeds_of(const struct weir_call *call, struct weir_arena *arena, struct weir_embed **out,
                   struct weir_error *err)
{
    *out = NULL;
    if (!call->embed.ptr) {
        return 0;
    }
    *out = weir_arena_calloc(arena, sizeof **out);
    return *out ? open_token(call->server, call->embed, arena, *out, err)
                : weir_fail(err, WEIR_ENOMEM, "no memory for an embedded page");
}

bool weir_embeds_hold(const struct weir_server *server, struct weir_str token)
{
    struct weir_arena arena;
    struct weir_embed embed;
    struct weir_error ignored;
    weir_arena_init(&arena, 1u << 20);
    bool good = open_token(server, token, &arena, &embed, &ignored) == 0;
    weir_arena_free(&arena);
    return good;
}

/* --- GET /api/embed ------------------------------------------------------------------------- */

static bool lists(const struct weir_data *list, const char *origin)
{
    for (const struct weir_data *o = list->first; o; o = o->next) {
        if (weir_str_is(o->text, origin)) {
            return true;
        }
    }
    return false;
}

static int run_get(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_embed *embed;
    struct weir_jw *w = &job->w;
    const struct weir_text_list *all = &job->call.server->embeds->origins;
    int rc = weir_embeds_of(&job->call, &job->arena, &embed, err);
    if (rc == 0 && !embed) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "this is for embedded pages: send a link's token in X-Weir-Pass");
    }
    rc = rc ? rc
            : weir_report_look(&job->call, &job->levels, &job->arena, job->call.who.only, NULL,
                               &job->look, err);
    if (rc) {
        return rc;
    }
    weir_jw_object(w);
    weir_jw_kstr(w, "report", embed->report);
    weir_jw_kstr_or_null(w, "tile", embed->tile);
    weir_jw_kbool(w, "filters", embed->filters);
    weir_jw_ktime(w, "expires_at", embed->expires_at);
    weir_jw_keyz(w, "origins");
    weir_jw_array(w);
    for (size_t i = 0; i < all->count; i++) {
        if (!embed->origins || lists(embed->origins, all->items[i])) {
            weir_jw_strz(w, all->items[i]);
        }
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    return 0;
}

void weir_serve_embed(const struct weir_call *call)
{
    weir_shelf_answer(call, run_get);
}

/* --- GET /api/embeds ------------------------------------------------------------------------ */

static int run_settings(struct weir_shelf_job *job, struct weir_error *err)
{
    const struct weir_embeds *e = job->call.server->embeds;
    struct weir_jw *w = &job->w;
    (void)err;
    weir_jw_object(w);
    weir_jw_kbool(w, "on", e->on);
    weir_jw_keyz(w, "origins");
    weir_jw_array(w);
    for (size_t i = 0; i < e->origins.count; i++) {
        weir_jw_strz(w, e->origins.items[i]);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
    return 0;
}

void weir_serve_embed_settings(const struct weir_call *call)
{
    weir_shelf_answer(call, run_settings);
}

/* --- POST /api/embeds ----------------------------------------------------------------------- */

static int read_person(struct weir_shelf_job *job, struct weir_embed *out, struct weir_error *err)
{
    const struct weir_caller *who = &job->call.who;
    struct weir_json named = weir_json_get(job->body, "person");
    out->person = weir_str_of(who->email);
    if (weir_json_exists(named) && !weir_json_str(named, &out->person)) {
        return weir_fail(err, WEIR_EINVAL, "\"person\" is an e-mail address");
    }
    unsigned lacking = (WEIR_SCOPE_READ | WEIR_SCOPE_QUERY) & ~who->scopes;
    if (lacking) { /* the link would do what the token may not */
        return weir_fail(err, WEIR_EPERM,
                         "a link reads and runs queries, and this token may not: "
                         "it needs the scopes read, query and write");
    }
    bool any = who->role == WEIR_ROLE_ADMIN && who->scopes & WEIR_SCOPE_ADMIN;
    if (!any && !weir_str_is(out->person, who->email)) {
        return weir_fail(err, WEIR_EPERM,
                         "what you embed shows what you may see; only admins may make links with "
                         "the rights of somebody else");
    }
    return out->person.len ? 0
                           : weir_fail(err, WEIR_EINVAL,
                                       "say whose rights it has: \"person\", an e-mail address");
}

static int read_values(struct weir_shelf_job *job, struct weir_embed *out, struct weir_error *err)
{
    struct weir_json values = weir_json_get(job->body, "values");
    struct weir_json origins = weir_json_get(job->body, "origins");
    struct weir_json filters = weir_json_get(job->body, "filters");
    struct weir_str expires = weir_json_get_str(job->body, "expires_at");
    out->filters = true;
    out->values = weir_data_new(&job->arena, WEIR_DATA_OBJECT);
    if (!out->values) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a link");
    }
    if (weir_json_exists(values) && weir_json_type(values) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "\"values\" is an object: a value by parameter");
    }
    if (weir_json_exists(filters) && !weir_json_bool(filters, &out->filters)) {
        return weir_fail(err, WEIR_EINVAL, "\"filters\" is true or false");
    }
    if (!expires.ptr || !weir_time_parse(expires, &out->expires_at)) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"expires_at\" is a time such as 2026-12-24T08:00:00Z, at most 400 days "
                         "from now");
    }
    int rc =
        weir_json_exists(values) ? weir_data_from_json(&job->arena, values, &out->values, err) : 0;
    if (rc == 0 && weir_json_exists(origins)) {
        rc = weir_data_from_json(&job->arena, origins, &out->origins, err);
    }
    return rc;
}

static int read_wish(struct weir_shelf_job *job, struct weir_embed *out, struct weir_error *err)
{
    static const char *const known[] = {"report",  "tile",    "values", "expires_at",
                                        "origins", "filters", "person", NULL};
    *out = (struct weir_embed){0};
    int rc = weir_json_exists(job->body)
                 ? weir_ask_keys(job->body, "the body", known, err)
                 : weir_fail(err, WEIR_EINVAL, "the body says what is embedded, and until when");
    if (rc) {
        return rc;
    }
    out->report = weir_json_get_str(job->body, "report");
    out->tile = weir_json_get_str(job->body, "tile");
    if (!out->report.len || out->report.len >= WEIR_ID_SIZE) {
        return weir_fail(err, WEIR_EINVAL, "\"report\" is a report's id");
    }
    rc = read_person(job, out, err);
    return rc ? rc : read_values(job, out, err);
}

/* Is it published, and may she edit it? */
static int may_embed(struct weir_shelf_job *job, const struct weir_embed *embed,
                     struct weir_error *err)
{
    char id[WEIR_ID_SIZE];
    snprintf(id, sizeof id, WEIR_STR_FMT, WEIR_STR_ARG(embed->report));
    int rc =
        weir_report_look(&job->call, &job->levels, &job->arena, id, "published", &job->look, err);
    return rc || job->look.level == WEIR_LEVEL_EDIT
               ? rc
               : weir_fail(err, WEIR_EPERM, "only who may edit a report embeds it");
}

/* As its page will: what it could not open is not handed out. */
static int try_token(struct weir_shelf_job *job, struct weir_str token, struct weir_error *err)
{
    struct weir_call call = job->call;
    struct weir_report_look look = {0};
    call.who = (struct weir_caller){0};
    int rc = weir_embeds_find(&call, token, &job->arena, err);
    rc = rc ? rc : weir_query_find_report(&call, &job->arena, call.who.only, NULL, &look, err);
    weir_report_look_end(&look);
    if (rc == WEIR_ENOENT) {
        rc = err->code = WEIR_EINVAL; /* there is nothing wrong with the address */
    }
    return rc;
}

static int note(struct weir_shelf_job *job, const struct weir_embed *embed, struct weir_error *err)
{
    struct weir_buf detail;
    weir_buf_init(&detail, 64u << 10);
    struct weir_jw w = weir_jw_on(&detail);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "person", embed->person);
    weir_jw_kstr_or_null(&w, "tile", embed->tile);
    weir_jw_keyz(&w, "values");
    weir_data_print(embed->values, &w);
    weir_jw_ktime(&w, "expires_at", embed->expires_at);
    weir_jw_object_end(&w);
    int rc = weir_buf_check(&detail, "the audit log's entry", err);
    rc = rc ? rc
            : weir_caller_note(job->call.server->state, &job->call.who, "report.embed",
                               embed->report, weir_buf_str(&detail), err);
    weir_buf_free(&detail);
    return rc;
}

static int run_add(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_embed embed;
    struct weir_str token = {0};
    struct weir_embeds *e = job->call.server->embeds;
    int rc = e->on ? read_wish(job, &embed, err)
                   : weir_fail(err, WEIR_EPERM,
                               "nothing of this weir may be embedded; an admin can turn it on "
                               "(serve.embed in weir.yml)");
    rc = rc ? rc : may_embed(job, &embed, err);
    rc = rc ? rc : weir_embed_sign(&e->key, &embed, &job->arena, &token, err);
    rc = rc ? rc : try_token(job, token, err);
    rc = rc ? rc : note(job, &embed, err);
    if (rc == 0) {
        struct weir_jw *w = &job->w;
        job->status = 201;
        weir_jw_object(w);
        weir_jw_kstrz(w, "url",
                      weir_arena_printf(&job->arena, "%s/embed/#" WEIR_STR_FMT,
                                        weir_serve_base(&job->call, &job->arena),
                                        WEIR_STR_ARG(token)));
        weir_jw_kstr(w, "token", token);
        weir_jw_kstr(w, "person", embed.person);
        weir_jw_ktime(w, "expires_at", embed.expires_at);
        weir_jw_object_end(w);
    }
    return rc;
}

void weir_serve_embed_add(const struct weir_call *call)
{
    weir_shelf_answer(call, run_add);
}
