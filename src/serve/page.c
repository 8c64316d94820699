/* POST /api/page: the results of a report's queries in one answer, each as soon as it is there
 * (docs/format/page.md).
 *
 * A client that reads slowly holds the results that it was not sent yet: a page begins no further
 * query while it is clogged, so these are few. */
#include <stdlib.h>

#include "serve/history.h"
#include "serve/keeper.h"
#include "serve/page.h"

#include "serve/known.h"
#include "serve/page_memo.h"
#include "serve/query_report.h"
#include "serve/shelf.h"
#include "serve/usage.h"
#include "serve/views.h"
#include "serve/warm.h"
#include "state/person.h"

#define MAX_PARAMS  (1u << 16)
#define MAX_VALUES  (1u << 20)
#define MAX_RUNNING 4 /* queries of one page at the same time */
#define MAX_DEPTH   64

/* --- the end ---------------------------------------------------------------------------------- */

static void free_page(struct page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->tiles[i].state != TILE_SENT) {
            weir_page_drop(&p->tiles[i]);
        }
    }
    weir_report_look_end(&p->look);
    weir_buf_free(&p->out);
    weir_buf_free(&p->question);
    weir_arena_free(&p->arena);
    free(p);
}

/* What is computed ahead is nobody's, but costs as much. */
static void note_cost(const struct page *p)
{
    const struct weir_usage_count count = {.queries = p->warmed ? 0 : (int64_t)p->hits + p->misses,
                                           .hits = p->warmed ? 0 : p->hits,
                                           .failures = p->warmed ? 0 : p->failures,
                                           .engine = p->engine};
    weir_usage_add(p->call.server->usage, p->warmed ? "" : weir_caller_asker(&p->call.who),
                   p->d->key, &count);
}

static void end(void *arg)
{
    struct page *p = arg;
    note_cost(p);
    if (p->warmed) {
        p->warmed(p->warmed_arg);
        free_page(p);
        return;
    }
    weir_http_on_gone(p->call.req, NULL, NULL);
    weir_http_on_drain(p->call.req, NULL, NULL);
    if (!p->gone) {
        weir_page_add_done(p);
    }
    if (p->begun) {
        weir_http_chunk(p->call.req, weir_buf_str(&p->out));
        weir_http_end(p->call.req);
    } else { /* one piece, so one write */
        p->call.server->requests[2]++;
        weir_http_reply(p->call.req, 200, "application/vnd.weir.page", weir_buf_str(&p->out));
    }
    free_page(p);
}

static void go_on(struct page *p);

/* The request is held until it is ended, which must not happen while the connection tells. */
static void client_gone(void *arg)
{
    struct page *p = arg;
    p->gone = true;
    for (size_t i = 0; i < p->count; i++) {
        if (p->tiles[i].state == TILE_RUNNING) {
            struct weir_error err;
            weir_fail(&err, WEIR_ECANCELED, "the page was closed");
            weir_results_leave(p->call.server->results, &p->tiles[i].want);
            weir_history_end(p->call.server->history, p->tiles[i].entry, NULL, &err);
            p->tiles[i].state = TILE_READY;
            p->running--;
        }
    }
    if (p->compiling == 0 && weir_loop_post(p->call.server->loop, end, p)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

static void drained(void *arg)
{
    go_on(arg);
}

/* --- running ---------------------------------------------------------------------------------- */

static void failed(struct tile *t, const struct weir_error *err, int64_t offset)
{
    struct weir_views *views = weir_shelf_views(t->page->call.server->shelf);
    t->page->failures++;
    t->err = *err;
    if (t->from) {
        weir_views_explain(views, t->page->access, t->from->body.request.sql, &t->err);
    }
    t->offset = offset;
    t->state = TILE_READY;
}

static void ready(struct weir_want *want, struct weir_kept *kept,
                  const struct weir_query_summary *ran, const struct weir_error *err)
{
    struct tile *t = want->arg;
    struct page *p = t->page;
    p->running--;
    if (ran || err) { /* it is her run */
        p->misses++;
        p->engine += ran ? ran->elapsed : 0;
        weir_history_end(p->call.server->history, t->entry, ran, err);
    } else {
        p->hits++;
        weir_history_drop(t->entry);
    }
    if (kept) {
        t->kept = kept;
        t->cached = !ran;
        t->state = TILE_READY;
    } else {
        int64_t at = ran ? ran->error_offset : -1;
        failed(t, err, t->from ? weir_param_source_offset(&t->from->t.out, at) : -1);
    }
    go_on(p);
}

static void run(struct tile *t)
{
    struct page *p = t->page;
    struct weir_error err;
    t->want = (struct weir_want){.request = &t->request, .ready = ready, .arg = t};
    t->entry = p->warmed ? NULL : weir_history_begin(&p->call, &t->from->body);
    t->state = TILE_RUNNING;
    p->running++;
    if (weir_results_want(p->call.server->results, t->key, &t->want, &err)) {
        p->running--;
        weir_history_end(p->call.server->history, t->entry, NULL, &err);
        failed(t, &err, -1);
    }
}

static void go_on(struct page *p)
{
    if (p->gone || p->starting) {
        return;
    }
    size_t most = p->warmed ? 1 : MAX_RUNNING;
    for (size_t i = 0; i < p->count && p->running < most && !weir_page_is_clogged(p); i++) {
        if (p->tiles[i].state == TILE_COMPILED) {
            run(&p->tiles[i]);
        }
    }
    weir_page_send(p);
    if (p->unsent == 0) {
        end(p);
    }
}

/* --- compiling -------------------------------------------------------------------------------- */

static int find_key(struct tile *t, struct weir_error *err)
{
    struct page *p = t->page;
    struct weir_buf key;
    t->request = t->from->body.request;
    t->request.sql = t->from->t.out.sql.ptr;
    t->request.params = t->from->t.params;
    t->request.param_count = t->from->t.param_count;
    t->request.owner = p->warmed ? NULL : weir_caller_asker(&p->call.who);
    t->request.report = p->d->key;
    t->request.query = t->query;
    t->request.background = p->warmed != NULL;
    weir_buf_init(&key, 64u << 20);
    weir_results_key(p->call.server->results, &t->request, &key);
    int rc = weir_buf_check(&key, "the query with its values", err);
    if (rc == 0) {
        t->key = weir_arena_dup(&p->arena, weir_buf_str(&key));
        rc = t->key.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a query");
    }
    weir_buf_free(&key);
    return rc;
}

/* Which parameters decide this result, so that a page can show what a filter reaches. */
static int find_params(struct tile *t, struct weir_error *err)
{
    const struct weir_param_output *out = &t->from->t.out;
    struct weir_buf list;
    weir_buf_init(&list, MAX_PARAMS);
    struct weir_jw w = weir_jw_on(&list);
    weir_jw_array(&w);
    for (size_t i = 0; i < out->field_count; i++) {
        if (out->fields[i].asked) {
            weir_jw_str(&w, out->fields[i].name);
        }
    }
    weir_jw_array_end(&w);
    int rc = weir_buf_check(&list, "the parameters of a query", err);
    if (rc == 0) {
        t->params = weir_arena_dup(&t->page->arena, weir_buf_str(&list));
        rc = t->params.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a query");
    }
    weir_buf_free(&list);
    return rc;
}

static void remember(struct tile *t)
{
    struct page *p = t->page;
    size_t len = p->question.len;
    weir_buf_addz(&p->question, t->query);
    if (weir_buf_ok(&p->question)) {
        weir_page_memo_add(p->call.server->page_memo, p->when, weir_buf_str(&p->question),
                           (struct weir_page_key){t->key, t->params});
    }
    p->question.len = len;
}

static void compiled(struct weir_compiling *c)
{
    struct tile *t = c->body.request.arg;
    struct page *p = t->page;
    p->compiling--;
    t->from = c;
    t->state = TILE_COMPILED;
    if (c->code) {
        failed(t, &c->err, c->t.out.error_offset);
    } else if (find_key(t, &c->err) || find_params(t, &c->err)) {
        failed(t, &c->err, -1);
    } else {
        remember(t);
        t->kept = weir_keeper_find(p->call.server->keeper, t->key, !p->warmed);
    }
    if (t->kept) {
        t->cached = true;
        t->state = TILE_READY;
        p->hits++;
    }
    if (p->gone && p->compiling == 0) {
        end(p);
    } else {
        go_on(p);
    }
}

/* The report as she sees it, her values, and which tables she sees; the query comes behind it. */
static void ask_question(struct page *p)
{
    struct weir_server *s = p->call.server;
    weir_time clock = weir_keeper_settings(s->keeper)->clock;
    const struct weir_document *d = p->d;
    const char *version = d->good ? d->good->version : d->version;
    p->now = weir_now();
    p->now -= clock > 0 ? p->now % clock : 0;
    p->when = weir_page_memo_begin(s->page_memo, s, p->now);
    weir_buf_addf(&p->question, "%s %s %d %d ", d->key, version, p->look.published,
                  p->call.who.role);
    if (p->access) {
        weir_buf_add(&p->question, &p->access->fingerprint, sizeof p->access->fingerprint);
    }
    weir_buf_addf(&p->question, "%zu ", p->values.len);
    weir_buf_adds(&p->question, p->values);
}

/* The key, when the same was compiled before; then its result is looked for. */
static bool find_again(struct tile *t)
{
    struct page *p = t->page;
    size_t len = p->question.len;
    weir_buf_addz(&p->question, t->query);
    struct weir_page_key known =
        weir_buf_ok(&p->question)
            ? weir_page_memo_find(p->call.server->page_memo, weir_buf_str(&p->question))
            : (struct weir_page_key){0};
    p->question.len = len;
    t->kept =
        known.key.ptr ? weir_keeper_find(p->call.server->keeper, known.key, !p->warmed) : NULL;
    if (t->kept) { /* the memo may forget its own before this is sent */
        t->params = weir_arena_dup(&p->arena, known.params);
        t->cached = true;
        t->state = TILE_READY;
        p->hits++;
    }
    return t->kept;
}

static int read_values(struct weir_query_body *body, struct weir_str values, struct weir_error *err)
{
    struct weir_buf text; /* with the room that the reader wants behind it */
    weir_buf_init(&text, MAX_VALUES);
    weir_buf_adds(&text, values);
    int rc = weir_buf_check(&text, "the values", err);
    rc = rc ? rc : weir_json_parse(body->parser, weir_buf_str(&text), &body->values, err);
    weir_buf_free(&text);
    return rc;
}

static int compile(struct tile *t, struct weir_error *err)
{
    struct page *p = t->page;
    struct weir_query_body body = {
        .request = {.format = WEIR_FORMAT_COLUMNS,
                    .limits = {.bytes = weir_keeper_settings(p->call.server->keeper)->result}}};
    weir_arena_init(&body.arena, 64u << 20);
    body.parser = weir_json_parser_new(MAX_DEPTH);
    body.report = p->d->key;
    body.query = t->query;
    weir_serve_limit(&p->call, &body.request.limits);
    body.now = p->now;
    body.request.access = p->access;
    body.request.arg = t;
    int rc = body.parser ? weir_query_with_form(&body.arena, p->d, t->query, &body.request.sql, err)
                         : weir_fail(err, WEIR_ENOMEM, "no memory to compile a query");
    rc = rc ? rc : read_values(&body, p->values, err);
    if (rc) {
        weir_query_body_free(&body);
        return rc;
    }
    p->compiling++;
    rc = weir_compiling_start(&p->call, &body, compiled, err);
    p->compiling -= rc != 0;
    return rc;
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int make_tiles(struct page *p, struct weir_error *err)
{
    const struct weir_page_body *body = &p->body;
    p->count = body->queries ? body->query_count : p->d->report.count;
    if (p->count > WEIR_PAGE_QUERIES) {
        return weir_fail(err, WEIR_ETOOBIG, "a page has at most %d queries", WEIR_PAGE_QUERIES);
    }
    p->tiles = weir_arena_calloc(&p->arena, (p->count + 1) * sizeof *p->tiles);
    if (!p->tiles) {
        p->count = 0;
        return weir_fail(err, WEIR_ENOMEM, "no memory for a page");
    }
    for (size_t i = 0; i < p->count; i++) {
        struct tile *t = &p->tiles[i];
        t->page = p;
        t->index = (uint16_t)i;
        t->query = body->queries ? body->queries[i] : p->d->report.items[i].id;
        t->offset = -1;
        for (size_t k = 0; k < body->known_count; k++) {
            if (weir_str_is(body->known[k].query, t->query)) {
                t->known = body->known[k].etag;
            }
        }
    }
    p->unsent = p->count;
    return 0;
}

static int prepare(struct page *p, struct weir_str text, struct weir_error *err)
{
    struct weir_server *s = p->call.server;
    int rc = weir_page_body_read(&p->body, &p->arena, text, err);
    const char *zone = s->query_settings.time_zone;
    if (rc == 0 && p->body.time_zone && strcmp(p->body.time_zone, zone) != 0) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the days of this server's reports are those of %s (query.time_zone); leave "
                       "time_zone out",
                       zone);
    }
    const struct weir_known_person *known = NULL;
    rc = rc ? rc : weir_known_of(s->known, &p->call, &known, err);
    rc = rc ? rc
            : weir_report_look(&p->call, &known->levels, &p->arena, p->body.report, p->body.version,
                               &p->look, err);
    p->d = p->look.d;
    rc = rc ? rc : weir_query_values(&p->look, &p->arena, p->body.values, &p->values, err);
    if (rc == 0 && known->access) { /* what is known may be forgotten before the page ends */
        p->access = weir_access_copy(known->access, &p->arena);
        rc = p->access ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a page");
    }
    rc = rc ? rc : make_tiles(p, err);
    if (rc == 0) {
        ask_question(p);
    }
    return rc;
}

/* Without what the client knows, which is another thing each time. */
static void note_use(struct page *p)
{
    const struct weir_page_body *body = &p->body;
    struct weir_buf text;
    if (p->call.embed.ptr) {
        return; /* what it forces comes with its request only */
    }
    weir_buf_init(&text, 64u << 10);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "report", body->report);
    if (body->version) {
        weir_jw_kstrz(&w, "version", body->version);
    }
    weir_jw_keyz(&w, "values");
    weir_jw_raw(&w, body->values);
    if (body->queries) {
        weir_jw_keyz(&w, "queries");
        weir_jw_array(&w);
        for (size_t i = 0; i < body->query_count; i++) {
            weir_jw_strz(&w, body->queries[i]);
        }
        weir_jw_array_end(&w);
    }
    weir_jw_object_end(&w);
    if (weir_buf_ok(&text)) {
        uint64_t rules = weir_report_look_rules(&p->look, p->access).lo;
        weir_warm_used(p->call.server->warm, &p->call.who, rules, weir_buf_str(&text));
    }
    weir_buf_free(&text);
}

static struct page *page_new(const struct weir_call *call)
{
    struct page *p = calloc(1, sizeof *p);
    if (p) {
        p->call = *call;
        p->began = weir_mono();
        weir_arena_init(&p->arena, 256u << 20);
        weir_buf_init(&p->out, 64u << 20);
        weir_buf_init(&p->question, 2 * MAX_VALUES);
    }
    return p;
}

static void start(struct page *p)
{
    struct weir_error err;
    p->starting = true;
    for (size_t i = 0; i < p->count; i++) {
        struct tile *t = &p->tiles[i];
        if (weir_query_may_run(&p->look, t->query, &err) || (!find_again(t) && compile(t, &err))) {
            failed(t, &err, -1);
        }
    }
    p->starting = false;
    go_on(p);
}

/* As whoever opened it is now. */
void weir_page_warm(struct weir_server *server, const struct weir_caller *who, struct weir_str body,
                    void (*done)(void *arg), void *arg)
{
    struct weir_call call = {.server = server, .who = *who, .id = {"", 0}};
    struct weir_person person;
    struct weir_error err;
    struct page *p = page_new(&call);
    if (!p) {
        done(arg);
        return;
    }
    int rc = weir_caller_is_owner(who)
                 ? 0
                 : weir_person_get(server->state, weir_str_of(who->id), &p->arena, &person, &err);
    if (rc == 0 && !weir_caller_is_owner(who)) {
        rc = person.disabled ? WEIR_EPERM : 0;
        weir_caller_person(&p->call.who, &person);
    }
    if (rc || prepare(p, body, &err)) {
        free_page(p);
        done(arg);
        return;
    }
    p->warmed = done;
    p->warmed_arg = arg;
    start(p);
}

void weir_serve_page_queries(const struct weir_call *call)
{
    struct weir_error err;
    struct page *p = page_new(call);
    if (!p) {
        weir_fail(&err, WEIR_ENOMEM, "no memory for a page");
        weir_serve_reply_error(call, &err);
        return;
    }
    if (prepare(p, weir_http_body(call->req), &err)) {
        weir_serve_reply_error(call, &err);
        free_page(p);
        return;
    }
    note_use(p);
    weir_http_on_gone(call->req, client_gone, p);
    weir_http_on_drain(call->req, drained, p);
    start(p);
}
