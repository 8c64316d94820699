/* POST /api/exports, then GET /api/exports/{token}/{filename}: a result that the browser downloads
 * by itself, straight to the disk.
 *
 * What the first asks for is kept for a minute, for one use, by the same person. The query runs
 * when the browser comes for it, with what she may see at that moment. */
#include <stdio.h>
#include <stdlib.h>

#include "serve/compile.h"
#include "serve/send_file.h"
#include "serve/server.h"

#define MAX_TICKETS 512
#define MAX_KEPT    (64u << 20) /* bytes of statements */
#define LIFE        (60 * WEIR_SECOND)

struct ticket {
    struct ticket *next;
    char token[WEIR_SECRET_SIZE];
    weir_time until;
    struct weir_buf body; /* of POST /api/query */
    char name[WEIR_DOWNLOAD_NAME + 16];
    char person[WEIR_ID_SIZE];      /* who asked */
    char as[WEIR_MAX_EMAIL + 1];    /* through whose eyes, or "" */
    char session[WEIR_SECRET_SIZE]; /* the cookie's, or "" */
};

struct weir_exports {
    struct ticket *first;
    size_t count, bytes;
};

struct weir_exports *weir_exports_new(void)
{
    return calloc(1, sizeof(struct weir_exports));
}

static void ticket_free(struct ticket *t)
{
    weir_buf_free(&t->body);
    free(t);
}

static void drop(struct weir_exports *e, struct ticket **link)
{
    struct ticket *t = *link;
    *link = t->next;
    e->count--;
    e->bytes -= t->body.len;
    ticket_free(t);
}

void weir_exports_free(struct weir_exports *e)
{
    while (e && e->first) {
        drop(e, &e->first);
    }
    free(e);
}

static void drop_old(struct weir_exports *e)
{
    weir_time now = weir_mono();
    for (struct ticket **link = &e->first; *link;) {
        if ((*link)->until < now) {
            drop(e, link);
        } else {
            link = &(*link)->next;
        }
    }
}

/* --- asking ------------------------------------------------------------------------------------
 */

static const char *const formats[] = {"csv", "xlsx", "json", "ndjson", "parquet"};

static const char *format_of(struct weir_json root)
{
    struct weir_str format = weir_json_get_str(root, "format");
    for (size_t i = 0; format.ptr && i < sizeof formats / sizeof formats[0]; i++) {
        if (weir_str_is(format, formats[i])) {
            return formats[i];
        }
    }
    return NULL;
}

/* The body of the query to be: all but `filename` and `raw`, of which the latter says whether texts
 * are guarded against being run as formulas. */
static int make_body(struct weir_json root, const char *format, struct weir_buf *out,
                     struct weir_error *err)
{
    struct weir_jw w = weir_jw_on(out);
    struct weir_json_iter it = weir_json_begin(root);
    struct weir_json value, raw = weir_json_get(root, "raw");
    struct weir_str key;
    bool exact = false;
    if (weir_json_exists(raw) && !weir_json_bool(raw, &exact)) {
        return weir_fail(err, WEIR_EINVAL, "\"raw\" is true or false");
    }
    weir_jw_object(&w);
    while (weir_json_next(&it, &key, &value)) {
        if (!weir_str_is(key, "filename") && !weir_str_is(key, "raw") &&
            !weir_str_is(key, "guard")) {
            struct weir_buf text;
            weir_buf_init(&text, 16u << 20);
            weir_json_print(value, &text);
            weir_jw_key(&w, key);
            weir_jw_raw(&w, weir_buf_str(&text));
            out->failed = out->failed || text.failed;
            weir_buf_free(&text);
        }
    }
    if (strcmp(format, "csv") == 0 && !exact) {
        weir_jw_kbool(&w, "guard", true);
    }
    weir_jw_object_end(&w);
    int rc = weir_buf_check(out, "the request", err);
    return rc || weir_buf_room(out, WEIR_BUF_PADDING)
               ? rc
               : weir_fail(err, WEIR_ENOMEM, "no memory for the request");
}

/* Says what is wrong now, while the page can still show it. */
static int check_body(const struct weir_call *call, struct weir_str text, struct weir_error *err)
{
    struct weir_query_body body;
    int rc = weir_query_body_read(&body, text, err);
    rc = rc ? rc : weir_query_find_access(call, &body, err);
    weir_query_body_free(&body);
    return rc;
}

static int make_ticket(const struct weir_call *call, struct weir_json root, struct ticket *t,
                       struct weir_error *err)
{
    const char *format = format_of(root);
    struct weir_json filename = weir_json_get(root, "filename");
    struct weir_str name = {0};
    if (!format) {
        return weir_fail(err, WEIR_EINVAL, "\"format\" must be csv, xlsx, json, ndjson or parquet");
    }
    if (weir_json_exists(filename) && !weir_json_str(filename, &name)) {
        return weir_fail(err, WEIR_EINVAL, "\"filename\" must be text");
    }
    weir_download_name(name, format, t->name);
    int rc = make_body(root, format, &t->body, err);
    rc = rc ? rc : check_body(call, weir_buf_str(&t->body), err);
    const struct weir_caller *who = &call->who;
    weir_secret_make(t->token);
    t->until = weir_mono() + LIFE;
    memcpy(t->session, who->session, sizeof t->session);
    snprintf(t->person, sizeof t->person, "%s", who->by_id[0] ? who->by_id : who->id);
    snprintf(t->as, sizeof t->as, "%s", who->by_id[0] ? who->email : "");
    return rc;
}

static void answer_ticket(const struct weir_call *call, const struct ticket *t)
{
    struct weir_buf url, body;
    weir_buf_init(&url, 4096);
    weir_buf_init(&body, 8192);
    weir_buf_addf(&url, "/api/exports/%s/", t->token);
    weir_add_escaped(&url, weir_str_of(t->name));
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "url", weir_buf_str(&url));
    weir_jw_kstrz(&w, "filename", t->name);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    weir_serve_reply_json(call, 201, &body);
    weir_buf_free(&url);
    weir_buf_free(&body);
}

void weir_serve_export_ask(const struct weir_call *call)
{
    struct weir_exports *e = call->server->exports;
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct ticket *t = calloc(1, sizeof *t);
    struct weir_error err;
    struct weir_json root;
    int rc = parser && t ? weir_json_parse(parser, weir_http_body(call->req), &root, &err)
                         : weir_fail(&err, WEIR_ENOMEM, "no memory for an export");
    if (t) {
        weir_buf_init(&t->body, 16u << 20);
    }
    if (rc == 0 && weir_json_type(root) != WEIR_JSON_OBJECT) {
        rc = weir_fail(&err, WEIR_EINVAL, "the body must be a JSON object");
    }
    drop_old(e);
    if (rc == 0 && (e->count >= MAX_TICKETS || e->bytes >= MAX_KEPT)) {
        rc = weir_fail(&err, WEIR_EBUSY, "too many exports wait to be fetched; try again");
    }
    rc = rc ? rc : make_ticket(call, root, t, &err);
    if (rc) {
        weir_serve_reply_error(call, &err);
        if (t) {
            ticket_free(t);
        }
    } else {
        t->next = e->first;
        e->first = t;
        e->count++;
        e->bytes += t->body.len;
        answer_ticket(call, t);
    }
    weir_json_parser_free(parser);
}

/* --- fetching ----------------------------------------------------------------------------------
 */

static struct ticket *take(struct weir_exports *e, const struct weir_call *call)
{
    struct weir_str id = call->id; /* TOKEN/filename */
    struct weir_str token = weir_str_cut(&id, '/');
    for (struct ticket **link = &e->first; *link; link = &(*link)->next) {
        struct ticket *t = *link;
        if (weir_secret_same(token, weir_str_of(t->token)) &&
            strcmp(t->person, call->who.id) == 0 && strcmp(t->session, call->who.session) == 0) {
            *link = t->next;
            e->count--;
            e->bytes -= t->body.len;
            return t;
        }
    }
    return NULL;
}

void weir_serve_export(const struct weir_call *call)
{
    struct weir_exports *e = call->server->exports;
    struct weir_call fetching = *call;
    struct weir_error err;
    struct weir_buf disposition;
    drop_old(e);
    struct ticket *t = take(e, call);
    if (!t) {
        weir_fail(&err, WEIR_ENOENT,
                  "there is no such export: its address works once, for a minute, for whoever "
                  "asked for it; export again");
        weir_serve_reply_error(call, &err);
        return;
    }
    weir_buf_init(&disposition, 4096);
    weir_add_disposition(&disposition, t->name);
    int rc = t->as[0]
                 ? weir_caller_see_as(&fetching.who, call->server->state, weir_str_of(t->as), &err)
                 : 0;
    rc = rc ? rc : weir_buf_check(&disposition, "the file's name", &err);
    if (rc) {
        weir_serve_reply_error(call, &err);
    } else {
        fetching.disposition = weir_buf_cstr(&disposition);
        weir_serve_query_text(&fetching, weir_buf_str(&t->body));
    }
    weir_buf_free(&disposition);
    ticket_free(t);
}
