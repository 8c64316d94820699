#include "serve/results.h"

#include <stdlib.h>

#include "serve/keeper.h"

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
    weir_time computed_at;
    uint64_t still; /* of the warehouse, when it took off; 0: it may not be joined */
    char id[17];    /* "": it has not taken off */
    bool reading;   /* it looks for a file */
    bool background;
    bool landed;

    /* its worker's until it has landed */
    struct weir_buf bytes;
    int code;
    struct weir_query_summary summary;
    struct weir_error err;
    struct weir_arena arena; /* holds the next */
    struct weir_reads *reads;
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
    weir_buf_free(&f->bytes);
    weir_arena_free(&f->arena);
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

/* Of everything but the last frame, which tells the time that it took: so a result that was
 * computed anew and did not change has the same one. */
static struct weir_hash128 etag_of(const struct weir_flight *f)
{
    size_t len = f->bytes.len, at = 0;
    const unsigned char *p = (const unsigned char *)f->bytes.data;
    while (at + 8 <= len && p[at + 4] != WEIR_COLUMNS_END) {
        uint32_t n = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16 |
                     (uint32_t)p[at + 3] << 24;
        at += 8 + (size_t)n;
    }
    struct weir_hash128 h = weir_hash128(f->bytes.data ? f->bytes.data : "", at < len ? at : len);
    h.lo += f->summary.truncated;
    return h;
}

static struct weir_kept *keep(struct weir_flight *f)
{
    struct weir_keeper *keeper = f->results->server->keeper;
    size_t count = f->reads ? f->reads->count : 0;
    struct weir_kept_read *reads = calloc(count + 1, sizeof *reads);
    struct weir_kept model = {.key = f->key,
                              .etag = etag_of(f),
                              .computed_at = f->computed_at,
                              .elapsed = f->summary.elapsed,
                              .rows = f->summary.rows,
                              .truncated = f->summary.truncated,
                              .reads = reads,
                              .read_count = count,
                              .bytes = weir_buf_str(&f->bytes)};
    for (size_t i = 0; reads && i < count; i++) {
        const struct weir_table_read *t = &f->reads->tables[i];
        reads[i] = (struct weir_kept_read){t->schema, t->table, t->version};
    }
    weir_keeper_judge(keeper, f->reads, &model);
    struct weir_kept *kept = reads ? weir_kept_new(&model) : NULL;
    free(reads);
    if (kept) {
        weir_keeper_take(keeper, kept);
    } else {
        f->code = weir_fail(&f->err, WEIR_ENOMEM, "no memory for a result");
    }
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
    hand_out(f, f->code == 0 ? keep(f) : NULL, &f->summary);
    try_parked(r);
}

/* On a worker. */
static int sink(struct weir_str bytes, void *arg)
{
    struct weir_flight *f = arg;
    weir_buf_adds(&f->bytes, bytes);
    return weir_buf_ok(&f->bytes) ? 0 : WEIR_ETOOBIG;
}

/* NULL without memory: then it is not kept. */
static struct weir_reads *copy_reads(struct weir_arena *arena, const struct weir_reads *from)
{
    struct weir_reads *to = weir_arena_calloc(arena, sizeof *to);
    struct weir_table_read *tables = weir_arena_calloc(arena, (from->count + 1) * sizeof *tables);
    bool ok = to && tables;
    for (size_t i = 0; ok && i < from->count; i++) {
        tables[i] =
            (struct weir_table_read){.schema = weir_arena_dup(arena, from->tables[i].schema),
                                     .table = weir_arena_dup(arena, from->tables[i].table),
                                     .version = from->tables[i].version};
        ok = tables[i].schema.ptr && tables[i].table.ptr;
    }
    if (!ok) {
        return NULL;
    }
    *to = *from;
    to->tables = tables;
    return to;
}

static void done(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg)
{
    struct weir_flight *f = arg;
    f->code = code;
    f->summary = *summary;
    f->summary.reads = NULL; /* they end with this call */
    if (code == 0 && summary->reads) {
        f->reads = copy_reads(&f->arena, summary->reads);
    }
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
    f->computed_at = weir_now();
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
        f->code = take_off(f, &f->err);
        if (f->code == WEIR_EBUSY) {
            return;
        }
        unpark(f);
        if (f->code) {
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
    weir_buf_init(&f->bytes, MAX_BYTES);
    weir_arena_init(&f->arena, 16u << 20);
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
    f->code = atomic_load(&r->server->stopping)
                  ? weir_fail(&f->err, WEIR_ECANCELED, "the server is stopping")
              : r->parked ? WEIR_EBUSY
                          : take_off(f, &f->err);
    if (f->code == WEIR_EBUSY) {
        f->code = 0;
        park(f);
    } else if (f->code) {
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
