/* POST /api/page: the results of a report's queries in one answer, each as soon as it is there
 * (docs/format/page.md).
 *
 * A client that reads slowly holds the results that it was not sent yet: a page begins no further
 * query while it is clogged, so these are few. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/compile.h"
#include "serve/history.h"
#include "serve/keeper.h"
#include "serve/page_body.h"
#include "serve/page_memo.h"
#include "serve/query_report.h"
#include "serve/results.h"
#include "serve/shelf.h"

#define MAX_VALUES  (1u << 20)
#define MAX_HEAD    (1u << 20)
#define MAX_RUNNING 4            /* queries of one page at the same time */
#define MAX_PENDING (1u << 20)   /* bytes that wait for the client */
#define PART        (256u << 10) /* bytes of a result in one frame; a multiple of 8 */
#define MAX_DEPTH   64

enum frame { FRAME_HEAD = 1, FRAME_BYTES, FRAME_END, FRAME_SAME, FRAME_ERROR, FRAME_DONE };

enum tile_state {
    TILE_COMPILING,
    TILE_COMPILED, /* and not there: it must run */
    TILE_RUNNING,
    TILE_READY, /* there, or it failed */
    TILE_SENT
};

struct tile {
    struct page *page;
    uint16_t index;
    enum tile_state state;
    const char *query;
    struct weir_str known; /* etag, or "" */
    struct weir_compiling *from;
    struct weir_query_request request;
    struct weir_str key;
    struct weir_want want;
    struct weir_history_entry *entry;

    struct weir_kept *kept; /* NULL: it failed */
    bool cached;
    int64_t offset; /* of the error in the template */
    struct weir_error err;
    size_t sent; /* bytes */
    bool headed;
};

struct page {
    struct weir_call call;
    struct weir_arena arena;
    struct weir_page_body body;
    struct weir_report_look look; /* holds the next */
    const struct weir_document *d;
    struct weir_str values;     /* those that hold */
    struct weir_access *access; /* NULL: unrestricted */
    struct tile *tiles;
    size_t count, compiling, running, unsent;
    struct tile *sending;     /* it has begun */
    struct weir_buf out;      /* frames on their way to the connection */
    struct weir_buf question; /* what decides how its queries are compiled */
    uint64_t when;            /* of the memo */
    weir_time now;            /* for all of its queries, rounded down */
    weir_time began;          /* monotonic */
    unsigned hits, misses;
    bool starting; /* not all tiles were looked at yet */
    bool begun;    /* the answer */
    bool gone;     /* the client */
};

/* --- frames ----------------------------------------------------------------------------------- */

static void add_frame(struct weir_buf *out, enum frame kind, uint16_t index, struct weir_str bytes)
{
    size_t fill = -bytes.len & 7;
    uint32_t len = htole32((uint32_t)(bytes.len + fill));
    uint16_t place = htole16(index);
    const char kinds[2] = {(char)kind};
    weir_buf_add(out, &len, sizeof len);
    weir_buf_add(out, kinds, sizeof kinds);
    weir_buf_add(out, &place, sizeof place);
    weir_buf_adds(out, bytes);
    weir_buf_add(out, "       ", fill);
}

static void print_etag(const struct weir_kept *kept, char out[33])
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)kept->etag.hi,
             (unsigned long long)kept->etag.lo);
}

/* Names of what she sees of it, and when the latest of that came, if she sees all of its rows. */
static void print_reads(const struct page *p, const struct weir_kept *kept, struct weir_jw *w)
{
    weir_time fresh_at = 0;
    bool all = true;
    struct weir_buf name;
    weir_buf_init(&name, 4096);
    weir_jw_keyz(w, "reads");
    weir_jw_array(w);
    for (size_t i = 0; i < kept->read_count; i++) {
        const struct weir_kept_read *r = &kept->reads[i];
        struct weir_table_version v =
            weir_warehouse_version_of(p->call.server->warehouse, r->schema, r->table);
        if (!p->access || weir_access_sees(p->access, r->schema, r->table)) {
            weir_buf_reset(&name);
            weir_buf_addf(&name, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(r->schema),
                          WEIR_STR_ARG(r->table));
            weir_jw_str(w, weir_buf_str(&name));
        }
        all = all && (!p->access || weir_access_all_rows(p->access, r->schema, r->table));
        fresh_at = v.changed_at > fresh_at ? v.changed_at : fresh_at;
    }
    weir_jw_array_end(w);
    weir_jw_ktime_or_null(w, "fresh_at", all ? fresh_at : 0);
    weir_buf_free(&name);
}

static void add_head(struct page *p, const struct tile *t, enum frame kind)
{
    static const char *const lives[] = {"none", "seconds", "tables"};
    char etag[33];
    struct weir_buf json;
    weir_buf_init(&json, MAX_HEAD);
    struct weir_jw w = weir_jw_on(&json);
    print_etag(t->kept, etag);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "query", t->query);
    weir_jw_kstrz(&w, "etag", etag);
    weir_jw_kbool(&w, "cached", t->cached);
    weir_jw_ktime(&w, "computed_at", t->kept->computed_at);
    print_reads(p, t->kept, &w);
    weir_jw_kstrz(&w, "life", lives[t->kept->life]);
    if (t->kept->expires_at) {
        weir_jw_ktime(&w, "expires_at", t->kept->expires_at);
    }
    weir_jw_object_end(&w);
    add_frame(&p->out, kind, t->index, weir_buf_str(&json));
    weir_buf_free(&json);
}

static void add_error(struct page *p, const struct tile *t)
{
    struct weir_buf json;
    weir_buf_init(&json, 16384);
    weir_serve_print_error(&json, &t->err, t->from ? t->from->body.request.sql : NULL, t->offset);
    add_frame(&p->out, FRAME_ERROR, t->index, weir_buf_str(&json));
    weir_buf_free(&json);
}

static void add_end(struct page *p, const struct tile *t)
{
    char json[128];
    int n = snprintf(json, sizeof json, "{\"rows\":%llu,\"truncated\":%s,\"elapsed_ms\":%.3f}",
                     (unsigned long long)t->kept->rows, t->kept->truncated ? "true" : "false",
                     (double)t->kept->elapsed / 1000);
    add_frame(&p->out, FRAME_END, t->index, (struct weir_str){json, (size_t)n});
}

static void add_done(struct page *p)
{
    char json[128];
    int n = snprintf(json, sizeof json, "{\"elapsed_ms\":%.3f,\"hits\":%u,\"misses\":%u}",
                     (double)(weir_mono() - p->began) / 1000, p->hits, p->misses);
    add_frame(&p->out, FRAME_DONE, 0, (struct weir_str){json, (size_t)n});
}

/* --- sending ---------------------------------------------------------------------------------- */

static void drop(struct tile *t)
{
    weir_kept_release(t->kept);
    weir_compiling_free(t->from);
    t->kept = NULL;
    t->from = NULL;
    t->state = TILE_SENT;
    t->page->unsent--;
}

/* A frame or more of this tile; true when that was all. */
static bool add_part(struct page *p, struct tile *t)
{
    char etag[33];
    if (!t->kept) {
        add_error(p, t);
        return true;
    }
    if (!t->headed) {
        print_etag(t->kept, etag);
        t->headed = true;
        if (weir_str_is(t->known, etag)) {
            add_head(p, t, FRAME_SAME);
            return true;
        }
        add_head(p, t, FRAME_HEAD);
    }
    struct weir_str rest = {t->kept->bytes.ptr + t->sent, t->kept->bytes.len - t->sent};
    rest.len = rest.len > PART ? PART : rest.len;
    add_frame(&p->out, FRAME_BYTES, t->index, rest);
    t->sent += rest.len;
    if (t->sent < t->kept->bytes.len) {
        return false;
    }
    add_end(p, t);
    return true;
}

static struct tile *next_ready(const struct page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->tiles[i].state == TILE_READY) {
            return &p->tiles[i];
        }
    }
    return NULL;
}

static void begin(struct page *p)
{
    if (!p->begun) {
        p->begun = true;
        p->call.server->requests[2]++;
        weir_http_begin(p->call.req, 200, "application/vnd.weir.page");
    }
}

static bool is_clogged(const struct page *p)
{
    return p->begun && weir_http_pending(p->call.req) > MAX_PENDING;
}

static void pass_on(struct page *p)
{
    begin(p);
    weir_http_chunk(p->call.req, weir_buf_str(&p->out));
    weir_buf_reset(&p->out);
}

static void send_ready(struct page *p)
{
    while (!p->gone && !is_clogged(p)) {
        p->sending = p->sending ? p->sending : next_ready(p);
        if (!p->sending) {
            break;
        }
        if (add_part(p, p->sending)) {
            drop(p->sending);
            p->sending = NULL;
        }
        if (p->out.len > PART) {
            pass_on(p);
        }
    }
    if (p->out.len && !p->gone && p->unsent) {
        pass_on(p);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void free_page(struct page *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->tiles[i].state != TILE_SENT) {
            drop(&p->tiles[i]);
        }
    }
    weir_report_look_end(&p->look);
    weir_buf_free(&p->out);
    weir_buf_free(&p->question);
    weir_arena_free(&p->arena);
    free(p);
}

static void end(void *arg)
{
    struct page *p = arg;
    weir_http_on_gone(p->call.req, NULL, NULL);
    weir_http_on_drain(p->call.req, NULL, NULL);
    if (!p->gone) {
        add_done(p);
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
    t->err = *err;
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
    t->entry = weir_history_begin(&p->call, &t->from->body);
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
    for (size_t i = 0; i < p->count && p->running < MAX_RUNNING && !is_clogged(p); i++) {
        if (p->tiles[i].state == TILE_COMPILED) {
            run(&p->tiles[i]);
        }
    }
    send_ready(p);
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
    t->request.owner = weir_caller_asker(&p->call.who);
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

static void remember(struct tile *t)
{
    struct page *p = t->page;
    size_t len = p->question.len;
    weir_buf_addz(&p->question, t->query);
    if (weir_buf_ok(&p->question)) {
        weir_page_memo_add(p->call.server->page_memo, p->when, weir_buf_str(&p->question), t->key);
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
    } else if (find_key(t, &c->err)) {
        failed(t, &c->err, -1);
    } else {
        remember(t);
        t->kept = weir_keeper_find(p->call.server->keeper, t->key);
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
    struct weir_str key =
        weir_buf_ok(&p->question)
            ? weir_page_memo_find(p->call.server->page_memo, weir_buf_str(&p->question))
            : (struct weir_str){0};
    p->question.len = len;
    t->kept = key.ptr ? weir_keeper_find(p->call.server->keeper, key) : NULL;
    if (t->kept) {
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

static int prepare(struct page *p, struct weir_error *err)
{
    struct weir_server *s = p->call.server;
    int rc = weir_page_body_read(&p->body, &p->arena, weir_http_body(p->call.req), err);
    const char *zone = s->query_settings.time_zone;
    if (rc == 0 && p->body.time_zone && strcmp(p->body.time_zone, zone) != 0) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "the days of this server's reports are those of %s (query.time_zone); leave "
                       "time_zone out",
                       zone);
    }
    rc = rc ? rc
            : weir_query_find_report(&p->call, &p->arena, p->body.report, p->body.version, &p->look,
                                     err);
    p->d = p->look.d;
    rc = rc ? rc : weir_query_values(&p->look, &p->arena, p->body.values, &p->values, err);
    rc = rc ? rc : weir_caller_access(s->state, &p->call.who, &p->arena, &p->access, err);
    rc = rc ? rc : make_tiles(p, err);
    if (rc == 0) {
        ask_question(p);
    }
    return rc;
}

void weir_serve_page_queries(const struct weir_call *call)
{
    struct weir_error err;
    struct page *p = calloc(1, sizeof *p);
    if (!p) {
        weir_fail(&err, WEIR_ENOMEM, "no memory for a page");
        weir_serve_reply_error(call, &err);
        return;
    }
    p->call = *call;
    p->began = weir_mono();
    weir_arena_init(&p->arena, 256u << 20);
    weir_buf_init(&p->out, 64u << 20);
    weir_buf_init(&p->question, 2 * MAX_VALUES);
    if (prepare(p, &err)) {
        weir_serve_reply_error(call, &err);
        free_page(p);
        return;
    }
    weir_http_on_gone(call->req, client_gone, p);
    weir_http_on_drain(call->req, drained, p);
    p->starting = true;
    for (size_t i = 0; i < p->count; i++) {
        if (!find_again(&p->tiles[i]) && compile(&p->tiles[i], &err)) {
            failed(&p->tiles[i], &err, -1);
        }
    }
    p->starting = false;
    go_on(p);
}
