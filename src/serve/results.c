#include "serve/results.h"

#include <stdlib.h>

#include "serve/keeper.h"
#include "serve/outcome.h"

#define BUCKETS   1024 /* a power of two */
#define MAX_BYTES (512u << 20)
#define TRY_EVERY (WEIR_SECOND / 20)
#define KEY_MAX   (80u << 20)

/* A query under way for all who want its result. */
struct weir_flight {
    struct weir_results *results;
    struct weir_flight *next, **link; /* in its bucket; link NULL: nobody may join any more */
    struct weir_flight *next_parked;  /* it waits for the pool */
    struct weir_want *wants;
    uint64_t hash;
    struct weir_str key; /* behind the struct */
    uint64_t still;      /* of the warehouse, when it took off; 0: it may not be joined */
    char id[17];         /* "": it has not taken off */
    bool reading;        /* it looks for a file */
    bool background;
    bool landed;

    /* its worker's until it has landed */
    struct weir_outcome outcome;
    int code;
    struct weir_error err;
};

struct weir_results {
    struct weir_server *server;
    struct weir_flight *buckets[BUCKETS];
    struct weir_flight *parked, **parked_last;
    struct weir_timer *again; /* parked ones try again */
};

/* --- keys ------------------------------------------------------------------------------------- */

static void add_text(struct weir_buf *out, struct weir_str s)
{
    weir_buf_add(out, &s.len, sizeof s.len);
    weir_buf_adds(out, s);
}

static void add_param(struct weir_buf *out, const struct weir_param *p)
{
    const char kind[2] = {(char)p->type, p->null};
    add_text(out, p->name);
    weir_buf_add(out, kind, sizeof kind);
    if (p->null) {
        return;
    }
    switch (p->type) {
    case WEIR_TYPE_BOOL:
        weir_buf_addc(out, p->b);
        return;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        weir_buf_add(out, &p->i, sizeof p->i);
        return;
    case WEIR_TYPE_DOUBLE:
        weir_buf_add(out, &p->d, sizeof p->d);
        return;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        break;
    }
    add_text(out, p->s);
}

void weir_results_key(const struct weir_results *results, const struct weir_query_request *r,
                      struct weir_buf *out)
{
    const struct weir_server *s = results->server;
    const char shape[] = {(char)r->format, r->plain, r->guard, r->access != NULL};
    weir_buf_reset(out);
    add_text(out, WEIR_STR(WEIR_VERSION)); /* which may write results in another way */
    add_text(out, weir_str_of(weir_warehouse_version(s->warehouse)));
    add_text(out, weir_str_of(s->query_settings.time_zone));
    weir_buf_add(out, shape, sizeof shape);
    weir_buf_add(out, &r->width, sizeof r->width);
    weir_buf_add(out, &r->limits.rows, sizeof r->limits.rows);
    weir_buf_add(out, &r->limits.bytes, sizeof r->limits.bytes);
    if (r->access) {
        weir_buf_add(out, &r->access->rules, sizeof r->access->rules);
    }
    add_text(out, weir_str_of(r->sql));
    for (size_t i = 0; i < r->param_count; i++) {
        add_param(out, &r->params[i]);
    }
}

/* --- flights ---------------------------------------------------------------------------------- */

static struct weir_flight *find(const struct weir_results *r, uint64_t hash, struct weir_str key)
{
    struct weir_flight *f = r->buckets[hash % BUCKETS];
    while (f && (f->hash != hash || !weir_str_eq(f->key, key))) {
        f = f->next;
    }
    return f;
}

static void close_door(struct weir_flight *f)
{
    if (f->link) {
        *f->link = f->next;
        if (f->next) {
            f->next->link = f->link;
        }
        f->link = NULL;
    }
}

static void free_flight(struct weir_flight *f)
{
    weir_outcome_free(&f->outcome);
    free(f);
}

static void unpark(struct weir_flight *f)
{
    struct weir_results *r = f->results;
    struct weir_flight **at = &r->parked;
    while (*at && *at != f) {
        at = &(*at)->next_parked;
    }
    if (*at) {
        *at = f->next_parked;
        if (r->parked_last == &f->next_parked) {
            r->parked_last = at;
        }
    }
}

static struct weir_kept *keep(struct weir_flight *f)
{
    struct weir_keeper *keeper = f->results->server->keeper;
    struct weir_kept *kept = NULL;
    f->code = weir_outcome_keep(&f->outcome, keeper, f->key, &kept, &f->err);
    return kept;
}

static void try_parked(struct weir_results *r);

/* To all who wait; the flight is over. `ran` is NULL when nothing did. */
static void hand_out(struct weir_flight *f, struct weir_kept *kept,
                     const struct weir_query_summary *ran)
{
    f->landed = true;
    close_door(f);
    while (f->wants) {
        struct weir_want *w = f->wants;
        f->wants = w->next;
        w->flight = NULL;
        w->ready(w, kept ? weir_kept_hold(kept) : NULL, ran, f->code ? &f->err : NULL);
        ran = f->code ? ran : NULL; /* it is the run of the first */
    }
    weir_kept_release(kept);
    free_flight(f);
}

/* On the loop: it ended. */
static void land(void *arg)
{
    struct weir_flight *f = arg;
    struct weir_results *r = f->results;
    hand_out(f, f->code == 0 ? keep(f) : NULL, &f->outcome.summary);
    try_parked(r);
}

/* On a worker. */
static int sink(struct weir_str bytes, void *arg)
{
    struct weir_flight *f = arg;
    weir_buf_adds(&f->outcome.bytes, bytes);
    return weir_buf_ok(&f->outcome.bytes) ? 0 : WEIR_ETOOBIG;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg)
{
    struct weir_flight *f = arg;
    f->code = code;
    weir_outcome_end(&f->outcome, code, summary);
    if (err) {
        f->err = *err;
    }
    if (weir_loop_post(f->results->server->loop, land, f)) {
        abort(); /* no memory for a few bytes; the requests would never be answered */
    }
}

/* WEIR_EBUSY when the pool takes no more now. */
static int take_off(struct weir_flight *f, struct weir_error *err)
{
    struct weir_query_request request = *f->wants->request;
    struct weir_server *s = f->results->server;
    request.sink = sink;
    request.done = done;
    request.arg = f;
    request.reads = true;
    weir_outcome_begin(&f->outcome, request.format);
    f->still = weir_warehouse_stillness(s->warehouse);
    return weir_query_start(s->pool, &request, f->id, err);
}

static void park(struct weir_flight *f)
{
    struct weir_results *r = f->results;
    f->next_parked = NULL;
    *r->parked_last = f;
    r->parked_last = &f->next_parked;
}

static void try_parked(struct weir_results *r)
{
    while (r->parked && !atomic_load(&r->server->stopping)) {
        struct weir_flight *f = r->parked;
        int rc = take_off(f, &f->err);
        if (rc == WEIR_EBUSY) {
            return;
        }
        unpark(f);
        if (rc) {
            f->code = rc;
            hand_out(f, NULL, NULL);
        }
    }
}

static void on_again(void *arg)
{
    try_parked(arg);
}

/* --- wanting ---------------------------------------------------------------------------------- */

static struct weir_flight *flight_new(struct weir_results *r, uint64_t hash, struct weir_str key)
{
    struct weir_flight *f = calloc(1, sizeof *f + key.len);
    if (!f) {
        return NULL;
    }
    f->results = r;
    f->hash = hash;
    f->key = (struct weir_str){(char *)(f + 1), key.len};
    memcpy(f + 1, key.ptr, key.len);
    weir_outcome_init(&f->outcome, MAX_BYTES);
    f->link = &r->buckets[hash % BUCKETS];
    f->next = *f->link;
    if (f->next) {
        f->next->link = &f->next;
    }
    *f->link = f;
    return f;
}

/* Takes off, or waits for the pool; else ends with an error. */
static void go(struct weir_flight *f)
{
    struct weir_results *r = f->results;
    int rc = atomic_load(&r->server->stopping)
                 ? weir_fail(&f->err, WEIR_ECANCELED, "the server is stopping")
             : r->parked ? WEIR_EBUSY
                         : take_off(f, &f->err);
    if (rc == WEIR_EBUSY) {
        park(f);
    } else if (rc) {
        f->code = rc; /* of what took off, the worker's */
        hand_out(f, NULL, NULL);
    }
}

/* On the loop: it was looked for on the disk. */
static void was_read(struct weir_kept *kept, void *arg)
{
    struct weir_flight *f = arg;
    f->reading = false;
    if (kept || !f->wants) {
        hand_out(f, kept, NULL);
    } else {
        go(f);
    }
}

/* Nobody may be given what was begun before something changed that she has perhaps seen already. */
static bool may_join(const struct weir_flight *f, bool background)
{
    if (f->background && !background) {
        return false; /* it waits until nobody waits for anything */
    }
    return !f->id[0] ||
           (f->still && f->still == weir_warehouse_stillness(f->results->server->warehouse));
}

static void add_want(struct weir_flight *f, struct weir_want *want)
{
    want->flight = f;
    want->next = f->wants;
    f->wants = want;
}

int weir_results_want(struct weir_results *r, struct weir_str key, struct weir_want *want,
                      struct weir_error *err)
{
    struct weir_keeper *keeper = r->server->keeper;
    uint64_t hash = weir_hash64(key.ptr, key.len, 0);
    struct weir_flight *f = find(r, hash, key);
    want->flight = NULL;
    if (atomic_load(&r->server->stopping)) {
        return weir_fail(err, WEIR_ECANCELED, "the server is stopping");
    }
    bool background = want->request->background;
    if (f && may_join(f, background)) {
        if (!background) {
            weir_keeper_count(keeper, true);
        }
        add_want(f, want);
        return 0;
    }
    if (f) {
        close_door(f);
    }
    f = flight_new(r, hash, key);
    if (!f) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a query");
    }
    f->background = background;
    if (!background) {
        weir_keeper_count(keeper, false);
    }
    add_want(f, want);
    f->reading = weir_keeper_read(keeper, f->key, was_read, f);
    int rc = f->reading ? 0 : r->parked ? WEIR_EBUSY : take_off(f, err);
    if (rc == WEIR_EBUSY) {
        park(f);
        return 0;
    }
    if (rc) {
        want->flight = NULL;
        close_door(f);
        free_flight(f);
    }
    return rc;
}

void weir_results_leave(struct weir_results *r, struct weir_want *want)
{
    struct weir_flight *f = want->flight;
    if (!f) {
        return;
    }
    struct weir_want **at = &f->wants;
    while (*at != want) {
        at = &(*at)->next;
    }
    *at = want->next;
    want->flight = NULL;
    if (f->wants || f->landed) {
        return;
    }
    close_door(f);
    if (f->reading) {
        return; /* it ends when that does */
    }
    if (!f->id[0]) {
        unpark(f);
        free_flight(f);
        return;
    }
    int rc = weir_query_cancel(r->server->pool, f->id, NULL);
    (void)rc; /* it may have ended by itself */
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_results_new(struct weir_server *server, struct weir_results **out, struct weir_error *err)
{
    struct weir_results *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for results");
    }
    r->server = server;
    r->parked_last = &r->parked;
    if (weir_timer_new(server->loop, TRY_EVERY, TRY_EVERY, on_again, r, &r->again)) {
        free(r);
        return weir_fail(err, WEIR_ENOMEM, "no memory for a timer");
    }
    *out = r;
    return 0;
}

void weir_results_stop(struct weir_results *r)
{
    while (r && r->parked) {
        struct weir_flight *f = r->parked;
        unpark(f);
        f->code = weir_fail(&f->err, WEIR_ECANCELED, "the server is stopping");
        hand_out(f, NULL, NULL);
    }
}

void weir_results_free(struct weir_results *r)
{
    if (r) {
        weir_timer_free(r->again);
        free(r);
    }
}
