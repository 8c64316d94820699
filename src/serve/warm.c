#include "serve/warm.h"

#include <stdlib.h>

#define LOOK_EVERY WEIR_SECOND
#define LEAST_REST (2 * WEIR_SECOND)
#define REST       4 /* times what a round took */
#define MAX_BODY   (64u << 10)
#define FORGET     WEIR_DAY /* nobody opened it for so long */

struct set {
    struct weir_caller who;
    uint64_t hash;
    weir_time used_at;
    struct weir_buf body;
};

struct weir_warm {
    struct weir_server *server;
    struct weir_timer *look;
    struct set **sets; /* the latest used first */
    size_t count, most;
    size_t next;           /* of the round under way */
    bool running;          /* a page is */
    uint64_t change;       /* of the warehouse, that the latest round began with */
    weir_time began, rest; /* monotonic: of the round, and until when nothing begins */
};

static void free_set(struct set *s)
{
    if (s) {
        weir_buf_free(&s->body);
        free(s);
    }
}

/* --- what people use -------------------------------------------------------------------------- */

static struct set *set_new(const struct weir_caller *who, uint64_t hash, struct weir_str body)
{
    struct set *s = calloc(1, sizeof *s);
    if (s) {
        s->who = *who;
        s->hash = hash;
        weir_buf_init(&s->body, MAX_BODY);
        weir_buf_adds(&s->body, body);
        if (!weir_buf_ok(&s->body)) {
            free_set(s);
            s = NULL;
        }
    }
    return s;
}

void weir_warm_used(struct weir_warm *w, const struct weir_caller *who, uint64_t rules,
                    struct weir_str body)
{
    uint64_t hash = weir_hash64(body.ptr, body.len, rules);
    size_t at = 0;
    while (at < w->count && w->sets[at]->hash != hash) {
        at++;
    }
    struct set *s = at < w->count ? w->sets[at] : NULL;
    if (!s && w->most) {
        s = set_new(who, hash, body);
        if (s && w->count == w->most) {
            free_set(w->sets[--w->count]);
        }
        at = w->count;
        w->count += s != NULL;
    }
    if (s) {
        s->used_at = weir_mono();
        memmove(w->sets + 1, w->sets, at * sizeof(struct set *));
        w->sets[0] = s;
    }
}

/* --- a round ---------------------------------------------------------------------------------- */

static void step(void *arg);

/* Not by a call, so that a thousand pages that still hold do not lie on the stack. */
static void done(void *arg)
{
    struct weir_warm *w = arg;
    if (weir_loop_post(w->server->loop, step, w)) {
        abort(); /* no memory for a few bytes */
    }
}

static void step(void *arg)
{
    struct weir_warm *w = arg;
    weir_time now = weir_mono();
    while (w->next < w->count && now - w->sets[w->next]->used_at > FORGET) {
        free_set(w->sets[w->next]);
        w->sets[w->next] = w->sets[--w->count];
    }
    if (w->next >= w->count || atomic_load(&w->server->stopping)) {
        weir_time rest = REST * (now - w->began);
        w->running = false;
        w->rest = now + (rest > LEAST_REST ? rest : LEAST_REST);
        return;
    }
    struct set *s = w->sets[w->next++];
    weir_page_warm(w->server, &s->who, weir_buf_str(&s->body), done, w);
}

static void look(void *arg)
{
    struct weir_warm *w = arg;
    uint64_t change = weir_warehouse_change(w->server->warehouse);
    if (w->running || change == w->change || weir_mono() < w->rest) {
        return;
    }
    w->change = change;
    w->running = true;
    w->next = 0;
    w->began = weir_mono();
    step(w);
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_warm_new(struct weir_server *server, int64_t most, struct weir_warm **out,
                  struct weir_error *err)
{
    struct weir_warm *w = *out = calloc(1, sizeof *w);
    if (w) {
        w->server = server;
        w->most = (size_t)most;
        w->change = weir_warehouse_change(server->warehouse);
        w->sets = calloc(w->most + 1, sizeof(struct set *));
    }
    if (!w || !w->sets || weir_timer_new(server->loop, LOOK_EVERY, LOOK_EVERY, look, w, &w->look)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the pages that are used");
    }
    return 0;
}

void weir_warm_stop(struct weir_warm *w)
{
    if (w) {
        weir_timer_free(w->look);
        w->look = NULL;
    }
}

void weir_warm_free(struct weir_warm *w)
{
    if (w) {
        for (size_t i = 0; w->sets && i < w->count; i++) {
            free_set(w->sets[i]);
        }
        free(w->sets);
        free(w);
    }
}
