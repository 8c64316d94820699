#include "serve/gather.h"

#include <stdlib.h>

#include "base/cond.h"
#include "serve/history.h"

#define MAX_AT_ONCE 8
#define MAX_ROWS    100000
#define MAX_BYTES   (32u << 20) /* of one statement's rows */
#define MAX_DEPTH   64

struct weir_gather_inside {
    struct weir_gather_how how;
    weir_time deadline; /* monotonic */
    struct weir_json_parser *parser;
    int code;
    struct weir_error err;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t ended;
    struct weir_buf rows; /* of the statement under way; read when it is over */
    char id[17];          /* "": none runs */
    bool gone;            /* nobody waits for the answer */
    bool over;
    int run_code;
    struct weir_error run_err;
    int64_t offset;
};

/* --- one statement -------------------------------------------------------------------------- */

static int sink(struct weir_str bytes, void *arg)
{
    struct weir_gather_inside *in = arg;
    pthread_mutex_lock(&in->lock);
    weir_buf_adds(&in->rows, bytes);
    bool room = weir_buf_ok(&in->rows);
    pthread_mutex_unlock(&in->lock);
    return room ? 0 : WEIR_ETOOBIG;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg)
{
    struct weir_gather_inside *in = arg;
    pthread_mutex_lock(&in->lock);
    in->run_code = code;
    if (err) {
        in->run_err = *err;
    }
    in->offset = summary->error_offset;
    in->over = true;
    pthread_cond_signal(&in->ended);
    pthread_mutex_unlock(&in->lock);
}

/* Nobody signals when the server stops, so it looks every now and then. */
static void wait_for_end(struct weir_gather *g)
{
    struct weir_gather_inside *in = g->inside;
    bool canceled = false;
    pthread_mutex_lock(&in->lock);
    while (!in->over) {
        if (!canceled && (in->gone || atomic_load(&g->call.server->stopping))) {
            canceled = true;
            pthread_mutex_unlock(&in->lock);
            int rc = weir_query_cancel(g->call.server->pool, in->id, NULL);
            (void)rc; /* it may have ended by itself */
            pthread_mutex_lock(&in->lock);
            continue;
        }
        weir_cond_wait_until(&in->ended, &in->lock, weir_mono() + WEIR_SECOND / 5);
    }
    in->id[0] = 0;
    pthread_mutex_unlock(&in->lock);
}

static int run(struct weir_gather *g, const char *sql, const struct weir_param *params,
               size_t param_count, struct weir_error *err)
{
    struct weir_gather_inside *in = g->inside;
    weir_time left = in->deadline - weir_mono();
    char id[17];
    if (left <= 0) {
        return weir_fail(err, WEIR_ETIMEDOUT, "there was not enough time for all of this answer");
    }
    pthread_mutex_lock(&in->lock);
    bool gone = in->gone;
    in->over = false;
    in->offset = -1;
    weir_buf_reset(&in->rows);
    pthread_mutex_unlock(&in->lock);
    if (gone || atomic_load(&g->call.server->stopping)) {
        return weir_fail(err, WEIR_ECANCELED, "nobody waits for this answer any more");
    }
    struct weir_query_request request = {.sql = sql,
                                         .access = g->access,
                                         .owner = weir_caller_asker(&g->call.who),
                                         .params = params,
                                         .param_count = param_count,
                                         .format = WEIR_FORMAT_JSON,
                                         .limits = {.rows = MAX_ROWS, .timeout = left},
                                         .sink = sink,
                                         .done = done,
                                         .arg = in};
    weir_serve_limit(&g->call, &request.limits);
    int rc = weir_query_start(g->call.server->pool, &request, id, err);
    if (rc) {
        return rc;
    }
    pthread_mutex_lock(&in->lock);
    memcpy(in->id, id, sizeof in->id);
    pthread_mutex_unlock(&in->lock);
    wait_for_end(g);
    g->offset = in->offset;
    if (in->run_code && err) {
        *err = in->run_err;
    }
    return in->run_code ? in->run_code : weir_buf_check(&in->rows, "a part of the answer", err);
}

int weir_gather_rows(struct weir_gather *g, const char *sql, const struct weir_param *params,
                     size_t param_count, struct weir_json *rows, struct weir_error *err)
{
    struct weir_json root;
    int rc = run(g, sql, params, param_count, err);
    rc = rc ? rc : weir_json_parse(g->inside->parser, weir_buf_str(&g->inside->rows), &root, err);
    if (rc == 0) {
        *rows = weir_json_get(root, "rows");
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void free_gather(struct weir_gather *g)
{
    struct weir_gather_inside *in = g->inside;
    if (in) {
        if (in->how.end) {
            in->how.end(g->arg);
        }
        weir_json_parser_free(in->parser);
        weir_buf_free(&in->rows);
        pthread_cond_destroy(&in->ended);
        pthread_mutex_destroy(&in->lock);
        free(in);
    }
    weir_buf_free(&g->out);
    weir_arena_free(&g->arena);
    free(g);
}

static void client_gone(void *arg)
{
    struct weir_gather *g = arg;
    struct weir_gather_inside *in = g->inside;
    pthread_mutex_lock(&in->lock);
    in->gone = true;
    pthread_cond_signal(&in->ended);
    pthread_mutex_unlock(&in->lock);
}

static void finish(void *arg)
{
    struct weir_gather *g = arg;
    struct weir_gather_inside *in = g->inside;
    weir_http_on_gone(g->call.req, NULL, NULL);
    if (in->code == 0) {
        weir_buf_addc(&g->out, '\n');
        weir_serve_reply_json(&g->call, 200, &g->out);
    } else if (in->how.failed) {
        in->how.failed(g, &in->err);
    } else {
        weir_serve_reply_error(&g->call, &in->err);
    }
    free_gather(g);
}

static void *work(void *arg)
{
    struct weir_gather *g = arg;
    struct weir_server *server = g->call.server;
    g->inside->code = g->inside->how.work(g, &g->inside->err);
    if (g->inside->code == WEIR_EFATAL) {
        g->inside->code =
            weir_fail(&g->inside->err, WEIR_EBUSY, "the warehouse is being reopened; try again");
    }
    if (weir_loop_post(server->loop, finish, g)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
    atomic_fetch_sub(&server->gather_threads, 1);
    return NULL;
}

static struct weir_gather *make(const struct weir_call *call, const struct weir_gather_how *how,
                                struct weir_arena *arena, const struct weir_access *access,
                                void *arg)
{
    struct weir_gather *g = calloc(1, sizeof *g);
    struct weir_gather_inside *in = calloc(1, sizeof *in);
    if (!g || !in || !(in->parser = weir_json_parser_new(MAX_DEPTH))) {
        free(g);
        free(in);
        return NULL;
    }
    *g = (struct weir_gather){
        .call = *call, .access = access, .arg = arg, .offset = -1, .inside = in};
    g->arena = *arena;
    weir_buf_init(&g->out, 64u << 20);
    g->w = weir_jw_on(&g->out);
    in->how = *how;
    in->deadline = weir_mono() + how->time;
    weir_buf_init(&in->rows, MAX_BYTES);
    pthread_mutex_init(&in->lock, NULL);
    weir_cond_init(&in->ended);
    return g;
}

void weir_gather_start(const struct weir_call *call, const struct weir_gather_how *how,
                       struct weir_arena *arena, const struct weir_access *access, void *arg)
{
    struct weir_server *server = call->server;
    struct weir_error err;
    pthread_t thread;
    bool busy = atomic_load(&server->gather_threads) >= MAX_AT_ONCE;
    struct weir_gather *g = busy ? NULL : make(call, how, arena, access, arg);
    if (!g) {
        weir_fail(&err, busy ? WEIR_EBUSY : WEIR_ENOMEM, "%s",
                  busy ? "too much is asked at once; try again in a moment"
                       : "no memory for this answer");
        if (how->end) {
            how->end(arg);
        }
        weir_arena_free(arena);
        weir_serve_reply_error(call, &err);
        return;
    }
    atomic_fetch_add(&server->gather_threads, 1);
    weir_http_on_gone(call->req, client_gone, g);
    if (pthread_create(&thread, NULL, work, g)) {
        atomic_fetch_sub(&server->gather_threads, 1);
        weir_http_on_gone(call->req, NULL, NULL);
        weir_fail(&err, WEIR_EBUSY, "no thread for this request; try again in a moment");
        weir_serve_reply_error(call, &err);
        free_gather(g);
        return;
    }
    pthread_detach(thread);
}
