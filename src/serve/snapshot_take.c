/* POST /api/reports/{id}/snapshots: each query of the report runs as whoever asks, one after the
 * other, and its rows go to a file; then the whole is published. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/file.h"
#include "io/pack.h"
#include "serve/compile.h"
#include "serve/query_report.h"
#include "serve/shelf.h"
#include "serve/snapshot.h"

#define MAX_TAKING 4
#define MAX_TEXT   (32u << 20)
#define MAX_VALUES (1u << 20)
#define MAX_TITLE  300
#define MAX_DEPTH  40
#define MIN_FREE   (256ull << 20) /* of the disk */
#define PATH_SIZE  4096

struct taking {
    struct weir_call call;
    struct weir_arena arena;
    struct weir_report_look look; /* holds the next */
    const struct weir_document *d;
    struct weir_access *access; /* NULL: unrestricted */
    const char *title;
    struct weir_str values; /* JSON */
    weir_time began_at;
    uint64_t log_before; /* the loader's position */
    char id[WEIR_ID_LENGTH + 1];
    char dir[PATH_SIZE];
    size_t next;             /* query */
    struct weir_buf queries; /* what the manifest says of them */
    struct weir_jw w;        /* on it */
    bool gone;               /* the client; the loop's, as all above */
    char running[17];

    /* Of the query that runs: its worker's, then the loop's again. */
    struct weir_pack *pack;
    uint64_t used; /* bytes of rows so far, of all queries */
    int pack_code;
    int query_code;
    struct weir_query_summary summary;
    struct weir_error err;

    int code; /* why there will be no snapshot */
};

static void rows_path(const struct taking *t, char *out)
{
    int n = snprintf(out, PATH_SIZE, "%s/%zu.zst", t->dir, t->next);
    out[n < 0 || n >= PATH_SIZE ? 0 : n] = '\0';
}

/* --- the end -------------------------------------------------------------------------------- */

static void taking_free(struct taking *t)
{
    t->call.server->snapshots_taking--;
    weir_pack_free(t->pack);
    weir_report_look_end(&t->look);
    weir_buf_free(&t->queries);
    weir_arena_free(&t->arena);
    free(t);
}

static void answer(void *arg)
{
    struct taking *t = arg;
    weir_http_on_gone(t->call.req, NULL, NULL);
    if (t->code) {
        weir_snapshots_abandon(t->call.server->snapshots, t->id);
        weir_serve_reply_error(&t->call, &t->err);
    } else {
        struct weir_buf out;
        weir_buf_init(&out, MAX_TEXT);
        struct weir_jw w = weir_jw_on(&out);
        weir_jw_object(&w);
        weir_jw_kstrz(&w, "id", t->id);
        weir_jw_kstrz(&w, "report", t->d->key);
        weir_jw_kstrz(&w, "title", t->title);
        weir_jw_ktime(&w, "at", t->began_at);
        weir_jw_object_end(&w);
        weir_buf_addc(&out, '\n');
        weir_serve_reply_json(&t->call, 201, &out);
        weir_buf_free(&out);
    }
    taking_free(t);
}

static void fail(struct taking *t, int code)
{
    t->code = code;
    answer(t);
}

static void print_data_version(struct taking *t, struct weir_jw *w)
{
    struct weir_load_stats load;
    weir_loader_stats(t->call.server->loader, &load);
    weir_jw_keyz(w, "data_version");
    weir_jw_object(w);
    weir_jw_ku64(w, "log_before", t->log_before);
    weir_jw_ku64(w, "log_after", load.next_seq);
    weir_jw_object_end(w);
}

static void print_rules(const struct taking *t, struct weir_jw *w)
{
    char hex[33];
    weir_jw_keyz(w, "rules");
    if (t->access) {
        struct weir_hash128 rules = weir_report_look_rules(&t->look, t->access);
        snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)rules.hi,
                 (unsigned long long)rules.lo);
        weir_jw_strz(w, hex);
    } else {
        weir_jw_null(w);
    }
}

static void print_manifest(struct taking *t, struct weir_buf *out)
{
    const struct weir_caller *who = &t->call.who;
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "format", 1);
    weir_jw_kstrz(&w, "id", t->id);
    weir_jw_kstrz(&w, "report", t->d->key);
    weir_jw_kstrz(&w, "version", t->d->good ? t->d->good->version : t->d->version);
    weir_jw_kstrz(&w, "title", t->title);
    weir_jw_ktime(&w, "at", t->began_at);
    weir_jw_keyz(&w, "by");
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "id", who->id);
    weir_jw_kstrz(&w, "name", who->name);
    weir_jw_kstrz(&w, "email", who->email);
    weir_jw_object_end(&w);
    print_rules(t, &w);
    weir_jw_keyz(&w, "values");
    weir_jw_raw(&w, t->values);
    print_data_version(t, &w);
    weir_jw_keyz(&w, "document");
    weir_data_print(t->d->report.data, &w);
    weir_jw_keyz(&w, "queries");
    weir_jw_raw(&w, weir_buf_str(&t->queries));
    weir_jw_object_end(&w);
    weir_buf_addc(out, '\n');
}

/* On a thread that may wait for the disk. */
static void publish(void *arg)
{
    struct taking *t = arg;
    struct weir_snapshots *all = t->call.server->snapshots;
    struct weir_buf manifest;
    weir_buf_init(&manifest, 2 * MAX_TEXT);
    t->code = weir_buf_check(&t->queries, "what the snapshot says of its queries", &t->err);
    if (t->code == 0) {
        print_manifest(t, &manifest);
        t->code = weir_buf_check(&manifest, "the snapshot", &t->err);
    }
    t->code = t->code ? t->code : weir_snapshots_add(all, t->id, weir_buf_str(&manifest), &t->err);
    weir_buf_free(&manifest);
    if (weir_loop_post(t->call.server->loop, answer, t)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

/* --- one query ------------------------------------------------------------------------------ */

static void step(void *arg);

/* Not by a call, so that a thousand queries do not lie on the stack. */
static void go_on(struct taking *t)
{
    t->next++;
    if (weir_loop_post(t->call.server->loop, step, t)) {
        abort();
    }
}

/* What is the query's own fault is a part of the snapshot; all else ends it. */
static bool is_querys_fault(int code)
{
    return code != WEIR_ECANCELED && code != WEIR_EBUSY && code != WEIR_ENOMEM &&
           code != WEIR_EFATAL && code != WEIR_EIO;
}

static void print_end(struct taking *t, const char *error, uint64_t rows, bool truncated)
{
    weir_jw_kstr_or_null(&t->w, "error", weir_str_of(error));
    weir_jw_ku64(&t->w, "rows", rows);
    weir_jw_kbool(&t->w, "truncated", truncated);
    weir_jw_object_end(&t->w);
}

static void queried(void *arg)
{
    struct taking *t = arg;
    t->running[0] = '\0';
    if (t->pack_code || (t->query_code && !is_querys_fault(t->query_code))) {
        fail(t, t->pack_code ? t->pack_code : t->query_code);
        return;
    }
    print_end(t, t->query_code ? t->err.message : NULL, t->query_code ? 0 : t->summary.rows,
              !t->query_code && t->summary.truncated);
    go_on(t);
}

static int sink(struct weir_str bytes, void *arg)
{
    struct taking *t = arg;
    char path[PATH_SIZE];
    if (!t->pack) {
        rows_path(t, path);
        t->pack_code = weir_pack_new(path, &t->pack, &t->err);
    }
    t->pack_code = t->pack_code ? t->pack_code : weir_pack_add(t->pack, bytes, &t->err);
    t->used += bytes.len;
    return t->pack_code;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg)
{
    struct taking *t = arg;
    char path[PATH_SIZE];
    t->query_code = code;
    t->summary = *summary;
    if (code && !t->pack_code && err) {
        t->err = *err;
    }
    if (code) {
        weir_pack_free(t->pack);
        rows_path(t, path);
        (void)unlink(path); /* a part of a result is none */
    } else if (t->pack) {
        t->pack_code = weir_pack_end(t->pack, NULL, &t->err);
    }
    t->pack = NULL;
    if (weir_loop_post(t->call.server->loop, queried, t)) {
        abort();
    }
}

static void print_begin(struct taking *t, const struct weir_report_query *q,
                        const struct weir_compiling *c)
{
    struct weir_jw *w = &t->w;
    weir_jw_keyz(w, q->id);
    weir_jw_object(w);
    weir_jw_kstrz(w, "title", q->title);
    weir_jw_keyz(w, "sql");
    if (c->code) {
        weir_jw_null(w);
    } else {
        weir_jw_str(w, c->t.out.sql);
    }
    weir_jw_keyz(w, "params");
    weir_jw_array(w);
    for (size_t i = 0; !c->code && i < c->t.out.bound_count; i++) {
        weir_param_bound_print(w, &c->t.out.bound[i]);
    }
    weir_jw_array_end(w);
}

static void compiled(struct weir_compiling *c)
{
    struct taking *t = c->body.request.arg;
    const struct weir_workspace_settings *settings = &t->call.server->workspace_settings;
    struct weir_query_request request = c->body.request;
    int code = c->code;
    if (code && !is_querys_fault(code)) {
        t->err = c->err;
        weir_compiling_free(c);
        fail(t, code);
        return;
    }
    print_begin(t, &t->d->report.items[t->next], c);
    if (code) {
        print_end(t, c->err.message, 0, false);
        weir_compiling_free(c);
        go_on(t);
        return;
    }
    request.sql = c->t.out.sql.ptr;
    request.params = c->t.params;
    request.param_count = c->t.param_count;
    request.limits.rows = (uint64_t)settings->snapshot_rows;
    request.limits.bytes =
        settings->snapshot_bytes > t->used ? settings->snapshot_bytes - t->used : 1;
    weir_serve_limit(&t->call, &request.limits);
    request.sink = sink;
    request.done = done;
    code = weir_query_start(t->call.server->pool, &request, t->running, &t->err);
    weir_compiling_free(c);
    if (code) {
        fail(t, code);
    }
}

static int compile(struct taking *t, const struct weir_report_query *q)
{
    struct weir_query_body body = {.request = {.format = WEIR_FORMAT_COLUMNS}};
    weir_arena_init(&body.arena, 64u << 20);
    body.parser = weir_json_parser_new(MAX_DEPTH);
    body.request.access = t->access;
    body.request.arg = t;
    int rc = body.parser
                 ? weir_query_with_form(&body.arena, t->d, q->id, &body.request.sql, &t->err)
                 : weir_fail(&t->err, WEIR_ENOMEM, "no memory to compile a query");
    if (rc == 0) {
        struct weir_buf text;
        weir_buf_init(&text, MAX_VALUES);
        weir_buf_adds(&text, t->values);
        rc = weir_buf_check(&text, "the values", &t->err);
        rc = rc ? rc : weir_json_parse(body.parser, weir_buf_str(&text), &body.values, &t->err);
        weir_buf_free(&text);
    }
    if (rc) {
        weir_query_body_free(&body);
        return rc;
    }
    return weir_compiling_start(&t->call, &body, compiled, &t->err);
}

static void step(void *arg)
{
    struct taking *t = arg;
    struct weir_server *s = t->call.server;
    int rc = WEIR_OK;
    if (t->gone || atomic_load(&s->stopping)) {
        rc = weir_fail(&t->err, WEIR_ECANCELED, "the snapshot was given up");
    } else if (t->next < t->d->report.count) {
        t->pack_code = t->query_code = 0;
        rc = compile(t, &t->d->report.items[t->next]);
    } else {
        weir_jw_object_end(&t->w);
        rc = weir_work_add(s->work, publish, t, &t->err);
    }
    if (rc) {
        fail(t, rc);
    }
}

/* --- the beginning -------------------------------------------------------------------------- */

static void client_gone(void *arg)
{
    struct taking *t = arg;
    t->gone = true;
    if (t->running[0]) {
        int rc = weir_query_cancel(t->call.server->pool, t->running, NULL);
        (void)rc; /* it may have ended by itself */
    }
}

static int read_body(struct taking *t, struct weir_error *err)
{
    struct weir_json root, value;
    struct weir_str key, title;
    struct weir_buf values;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    weir_buf_init(&values, MAX_VALUES);
    int rc = parser ? weir_json_parse(parser, weir_http_body(t->call.req), &root, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory to read the request");
    if (rc == 0 && weir_json_type(root) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_EINVAL, "the body must be a JSON object");
    }
    struct weir_json_iter it = rc ? (struct weir_json_iter){0} : weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        if (weir_str_is(key, "title") && weir_json_str(value, &title) && title.len <= MAX_TITLE) {
            t->title = weir_arena_dup(&t->arena, title).ptr;
            rc = t->title ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for a title");
        } else if (weir_str_is(key, "values") && weir_json_type(value) == WEIR_JSON_OBJECT) {
            weir_buf_reset(&values);
            weir_json_print(value, &values);
            rc = weir_buf_check(&values, "\"values\"", err);
        } else {
            rc = weir_fail(err, WEIR_EINVAL,
                           "\"" WEIR_STR_FMT "\" is not known, too long, or of the wrong type; "
                           "there are values (an object) and title",
                           WEIR_STR_ARG(weir_utf8_cut(key, 60)));
        }
    }
    if (rc == 0) {
        t->values = values.len ? weir_arena_dup(&t->arena, weir_buf_str(&values)) : WEIR_STR("{}");
        rc = t->values.ptr ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    }
    rc = rc ? rc : weir_query_values(&t->look, &t->arena, t->values, &t->values, err);
    weir_buf_free(&values);
    weir_json_parser_free(parser);
    return rc;
}

static void count_one(const struct weir_snapshot *snapshot, void *arg)
{
    int64_t *count = arg;
    (void)snapshot;
    (*count)++;
}

static int check_room(const struct taking *t, struct weir_error *err)
{
    struct weir_server *s = t->call.server;
    int64_t count = 0;
    uint64_t space;
    weir_snapshots_each(s->snapshots, t->d->key, count_one, &count);
    if (count >= s->workspace_settings.snapshots) {
        return weir_fail(err, WEIR_EEXIST,
                         "the report has %lld snapshots, which is all that it may have "
                         "(workspace.snapshots); delete some first",
                         (long long)count);
    }
    if (t->d->report.count > WEIR_SNAPSHOT_QUERIES) {
        return weir_fail(err, WEIR_ETOOBIG, "a snapshot has at most %d queries",
                         WEIR_SNAPSHOT_QUERIES);
    }
    int rc = weir_disk_free(s->run->workspace->data, &space, err);
    return rc || space > MIN_FREE + s->workspace_settings.snapshot_bytes
               ? rc
               : weir_fail(err, WEIR_EBUSY, "the disk is nearly full: no snapshots for now");
}

static int begin(struct taking *t, struct weir_error *err)
{
    struct weir_server *s = t->call.server;
    struct weir_load_stats load;
    char report[64];
    snprintf(report, sizeof report, WEIR_STR_FMT,
             (int)(t->call.id.len < sizeof report ? t->call.id.len : 0), t->call.id.ptr);
    int rc = weir_query_find_report(&t->call, &t->arena, report, NULL, &t->look, err);
    t->d = t->look.d;
    rc = rc ? rc : read_body(t, err);
    rc = rc ? rc : check_room(t, err);
    rc = rc ? rc : weir_caller_access(s->state, &t->call.who, &t->arena, &t->access, err);
    rc = rc ? rc : weir_snapshots_begin(s->snapshots, t->id, t->dir, err);
    if (rc == 0) {
        t->title = t->title ? t->title : t->d->title;
        weir_loader_stats(s->loader, &load);
        t->log_before = load.next_seq;
        weir_jw_object(&t->w);
    }
    return rc;
}

void weir_serve_snapshot_add(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_error err;
    struct taking *t = s->snapshots_taking < MAX_TAKING ? calloc(1, sizeof *t) : NULL;
    if (!t) {
        weir_fail(&err, WEIR_EBUSY, "other snapshots are being made; try again in a moment");
        weir_serve_reply_error(call, &err);
        return;
    }
    s->snapshots_taking++;
    t->call = *call;
    t->began_at = weir_now();
    weir_id_fresh(t->id);
    weir_arena_init(&t->arena, 64u << 20);
    weir_buf_init(&t->queries, MAX_TEXT);
    t->w = weir_jw_on(&t->queries);
    int rc = begin(t, &err);
    if (rc) {
        if (rc == WEIR_EEXIST) {
            weir_serve_reply_status(call, 409, &err);
        } else {
            weir_serve_reply_error(call, &err);
        }
        taking_free(t);
        return;
    }
    weir_http_on_gone(call->req, client_gone, t);
    step(t);
}
