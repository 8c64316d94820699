#include "serve/listeners.h"

#include <stdlib.h>

#define MAX_AGE (15 * 60 * WEIR_SECOND)

static void unlink_listener(struct weir_listener *l)
{
    *l->link = l->next;
    if (l->next) {
        l->next->link = l->link;
    }
    l->all->count--;
    l->gone = true;
}

/* What a client that does not read would still have to take is given up with its connection. */
static void finish(void *arg)
{
    struct weir_listener *l = arg;
    if (weir_http_pending(l->req) > l->all->max_pending) {
        weir_http_abort(l->req);
    } else {
        weir_http_end(l->req);
    }
    l->all->free(l);
}

/* The request is held until it is ended, which must not happen while the connection tells. */
static void gone(void *arg)
{
    struct weir_listener *l = arg;
    unlink_listener(l);
    if (!l->busy && weir_loop_post(l->all->loop, finish, l)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

void weir_listener_begin(struct weir_listeners *all, struct weir_listener *l,
                         const struct weir_call *call)
{
    l->all = all;
    l->req = call->req;
    l->who = call->who;
    l->begun_at = weir_mono();
    l->next = all->first;
    l->link = &all->first;
    if (all->first) {
        all->first->link = &l->next;
    }
    all->first = l;
    all->count++;
    call->server->requests[2]++;
    weir_http_on_gone(call->req, gone, l);
    weir_http_begin(call->req, 200, "text/event-stream");
    weir_http_chunk(call->req, WEIR_STR("retry: 2000\n\n"));
}

bool weir_listener_is_over(const struct weir_listener *l)
{
    return weir_http_pending(l->req) > l->all->max_pending || weir_mono() - l->begun_at > MAX_AGE;
}

void weir_listener_end(struct weir_listener *l)
{
    weir_http_on_gone(l->req, NULL, NULL);
    unlink_listener(l);
    if (!l->busy) {
        finish(l);
    }
}

bool weir_listener_rests(struct weir_listener *l)
{
    l->busy = false;
    if (l->gone) {
        finish(l);
        return false;
    }
    return true;
}

void weir_listeners_let_in_anew(struct weir_listeners *all, const char *person)
{
    bool everybody = strcmp(person, "*") == 0;
    for (struct weir_listener *l = all ? all->first : NULL, *next; l; l = next) {
        next = l->next;
        if (everybody || strcmp(l->who.id, person) == 0 || strcmp(l->who.by_id, person) == 0) {
            weir_listener_end(l);
        }
    }
}

void weir_listeners_hang_up(struct weir_listeners *all)
{
    if (all) {
        all->ended = true;
        while (all->first) {
            weir_listener_end(all->first);
        }
    }
}
