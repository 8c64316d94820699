/* How the server answers what only the state store answers. */
#include <stdio.h>
#include <stdlib.h>

#include "serve/changes.h"
#include "serve/events.h"
#include "serve/history.h"
#include "serve/listeners.h"
#include "serve/server.h"

#define MAX_DEPTH 32

struct weir_asking {
    struct weir_call call;
    struct weir_asking *next, **link; /* of those that a worker has; loop's thread */
    atomic_bool stop;
    struct weir_ask ask;
    struct weir_json_parser *parser;
    weir_ask_fn fn;
    int code;
    struct weir_error err;
};

const char *weir_serve_base(const struct weir_call *call, struct weir_arena *arena)
{
    const struct weir_server *s = call->server;
    struct weir_str host = weir_http_header(call->req, "Host");
    const char *base;
    if (*s->settings.url) {
        size_t len = strlen(s->settings.url);
        len -= s->settings.url[len - 1] == '/';
        base = weir_arena_printf(arena, "%.*s", (int)len, s->settings.url);
    } else if (!call->local && host.ptr) {
        base = weir_arena_printf(arena, "%s://" WEIR_STR_FMT,
                                 weir_serve_by_https(call) ? "https" : "http", WEIR_STR_ARG(host));
    } else {
        base = weir_arena_printf(arena, "http://%s", s->address);
    }
    return base ? base : "";
}

static void set_cookie(const struct weir_asking *a)
{
    const struct weir_server *s = a->call.server;
    char value[256];
    bool set = a->ask.cookie == WEIR_COOKIE_SET;
    snprintf(
        value, sizeof value, "weir_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
        set ? a->ask.who.session : "", set ? (long long)(s->session_limits.age / WEIR_SECOND) : 0,
        strncmp(s->settings.url, "https://", 8) == 0 || weir_serve_by_https(&a->call) ? "; Secure"
                                                                                      : "");
    weir_http_set(a->call.req, "Set-Cookie", value);
}

/* --- nobody waits for the answer ----------------------------------------------------------------
 */

static void gone(void *arg)
{
    atomic_store(&((struct weir_asking *)arg)->stop, true);
}

static void note(struct weir_asking *a)
{
    struct weir_asking **first = &a->call.server->askings;
    a->next = *first;
    a->link = first;
    if (a->next) {
        a->next->link = &a->next;
    }
    *first = a;
    atomic_store(&a->stop, atomic_load(&a->call.server->ending));
    weir_http_on_gone(a->call.req, gone, a);
}

static void forget(struct weir_asking *a)
{
    if (a->link) {
        weir_http_on_gone(a->call.req, NULL, NULL);
        *a->link = a->next;
        if (a->next) {
            a->next->link = a->link;
        }
        a->link = NULL;
    }
}

void weir_serve_asks_stop(struct weir_server *server)
{
    for (struct weir_asking *a = server->askings; a; a = a->next) {
        atomic_store(&a->stop, true);
    }
}

/* ------------------------------------------------------------------------------------------------
 */

static void reply(void *arg)
{
    struct weir_asking *a = arg;
    struct weir_ask *ask = &a->ask;
    forget(a);
    if (ask->retry_after) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%lld",
                 (long long)((ask->retry_after + WEIR_SECOND - 1) / WEIR_SECOND));
        weir_http_set(a->call.req, "Retry-After", seconds);
    }
    if (a->code) {
        if (ask->status >= 400) {
            weir_serve_reply_status(&a->call, ask->status, &a->err);
        } else {
            weir_serve_reply_error(&a->call, &a->err);
        }
    } else {
        if (ask->rights_of[0] && a->call.server->shelf) {
            struct weir_server *server = a->call.server;
            weir_listeners_let_in_anew(weir_changes_pages(weir_shelf_changes(server->shelf)),
                                       ask->rights_of);
            weir_listeners_let_in_anew(weir_event_streams_pages(server->event_streams),
                                       ask->rights_of);
        }
        if (ask->cookie != WEIR_COOKIE_KEEP) {
            set_cookie(a);
        }
        if (ask->status == 204) {
            a->call.server->requests[2]++;
            weir_http_reply(a->call.req, 204, NULL, WEIR_STR(""));
        } else {
            weir_buf_addc(&ask->out, '\n');
            weir_serve_reply_json(&a->call, ask->status, &ask->out);
        }
    }
    weir_ask_free(ask);
    weir_json_parser_free(a->parser);
    free(a);
}

static void work(void *arg)
{
    struct weir_asking *a = arg;
    a->code = a->fn(&a->ask, &a->err);
    if (weir_loop_post(a->call.server->loop, reply, a)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

void weir_serve_ask(const struct weir_call *call, weir_ask_fn fn, struct weir_work *pool)
{
    struct weir_server *s = call->server;
    struct weir_asking *a = calloc(1, sizeof *a);
    struct weir_error err = {0};
    if (!a || !(a->parser = weir_json_parser_new(MAX_DEPTH))) {
        free(a);
        weir_fail(&err, WEIR_ENOMEM, "no memory for a request");
        weir_serve_reply_error(call, &err);
        return;
    }
    a->call = *call;
    a->fn = fn;
    weir_ask_init(&a->ask);
    a->ask.state = s->state;
    a->ask.server = s;
    a->ask.warehouse = s->warehouse;
    a->ask.runs = weir_history_state(s->history);
    a->ask.who = call->who;
    a->ask.backoff = s->backoff;
    a->ask.limits = &s->session_limits;
    a->ask.stop = &a->stop;
    a->ask.base = weir_serve_base(call, &a->ask.arena);
    a->ask.id = call->id;
    a->ask.query = weir_http_query(call->req);
    int rc = weir_ask_read_body(&a->ask, a->parser, weir_http_body(call->req), &err);
    if (rc == 0 && pool) {
        note(a);
        rc = weir_work_add(pool, work, a, &err);
        if (rc == 0) {
            return; /* it is the worker's from here on */
        }
    } else if (rc == 0) {
        rc = fn(&a->ask, &err);
    }
    a->code = rc;
    a->err = err;
    reply(a);
}
