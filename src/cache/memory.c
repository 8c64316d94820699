#include <stdlib.h>

#include "cache/cache.h"

#define MIN_COST (WEIR_SECOND / 2000) /* what an answer costs beside the engine */

struct entry {
    struct weir_kept *kept;
    struct entry *next; /* in its bucket */
    uint64_t hash;
    size_t size;
    size_t at; /* in the heap */
    double worth;
};

struct weir_cache {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    struct entry **heap; /* the least worth first */
    size_t count, room;
    uint64_t bytes, budget;
    double clock; /* the worth of what went last: so that what is not asked for gets old */
};

/* --- the heap --------------------------------------------------------------------------------- */

static void place(struct weir_cache *c, size_t at, struct entry *e)
{
    c->heap[at] = e;
    e->at = at;
}

static void rise(struct weir_cache *c, struct entry *e)
{
    size_t at = e->at;
    while (at && c->heap[(at - 1) / 2]->worth > e->worth) {
        place(c, at, c->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(c, at, e);
}

static void sink(struct weir_cache *c, struct entry *e)
{
    size_t at = e->at;
    for (size_t child = 2 * at + 1; child < c->count; child = 2 * at + 1) {
        child += child + 1 < c->count && c->heap[child + 1]->worth < c->heap[child]->worth;
        if (c->heap[child]->worth >= e->worth) {
            break;
        }
        place(c, at, c->heap[child]);
        at = child;
    }
    place(c, at, e);
}

static void value(struct weir_cache *c, struct entry *e)
{
    weir_time cost = e->kept->elapsed > MIN_COST ? e->kept->elapsed : MIN_COST;
    e->worth = c->clock + (double)cost / (double)e->size;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry **slot_of(const struct weir_cache *c, uint64_t hash, struct weir_str key)
{
    struct entry **at = &c->buckets[hash & (c->bucket_count - 1)];
    while (*at && ((*at)->hash != hash || !weir_str_eq((*at)->kept->key, key))) {
        at = &(*at)->next;
    }
    return at;
}

static void drop(struct weir_cache *c, struct entry *e)
{
    struct entry **slot = &c->buckets[e->hash & (c->bucket_count - 1)];
    while (*slot != e) {
        slot = &(*slot)->next;
    }
    *slot = e->next;
    struct entry *last = c->heap[--c->count];
    if (last != e) {
        place(c, e->at, last);
        sink(c, last);
        rise(c, last);
    }
    c->bytes -= e->size;
    weir_kept_release(e->kept);
    free(e);
}

static bool grow(struct weir_cache *c)
{
    if (c->count < c->room) {
        return true;
    }
    size_t room = c->room * 2;
    struct entry **heap = realloc(c->heap, room * sizeof(struct entry *));
    struct entry **buckets = heap ? calloc(room, sizeof(struct entry *)) : NULL;
    c->heap = heap ? heap : c->heap;
    if (!buckets) {
        return false;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = c->heap[i];
        struct entry **head = &buckets[e->hash & (room - 1)];
        e->next = *head;
        *head = e;
    }
    free(c->buckets);
    c->buckets = buckets;
    c->bucket_count = c->room = room;
    return true;
}

struct weir_kept *weir_cache_find(struct weir_cache *c, struct weir_str key)
{
    struct entry *e = *slot_of(c, weir_hash64(key.ptr, key.len, 0), key);
    if (!e) {
        return NULL;
    }
    value(c, e);
    sink(c, e); /* it is never worth less than before */
    return e->kept;
}

void weir_cache_remove(struct weir_cache *c, struct weir_str key)
{
    struct entry *e = *slot_of(c, weir_hash64(key.ptr, key.len, 0), key);
    if (e) {
        drop(c, e);
    }
}

void weir_cache_add(struct weir_cache *c, struct weir_kept *kept)
{
    uint64_t hash = weir_hash64(kept->key.ptr, kept->key.len, 0);
    size_t size = sizeof(struct entry) + weir_kept_size(kept);
    weir_cache_remove(c, kept->key);
    if (size > c->budget / 4 || !grow(c)) {
        return;
    }
    while (c->count && c->bytes + size > c->budget) {
        c->clock = c->heap[0]->worth;
        drop(c, c->heap[0]);
    }
    struct entry *e = calloc(1, sizeof *e);
    if (!e) {
        return;
    }
    *e = (struct entry){.kept = weir_kept_hold(kept), .hash = hash, .size = size};
    struct entry **head = &c->buckets[hash & (c->bucket_count - 1)];
    e->next = *head;
    *head = e;
    c->bytes += size;
    value(c, e);
    place(c, c->count++, e);
    rise(c, e);
}

void weir_cache_clear(struct weir_cache *c)
{
    while (c->count) {
        drop(c, c->heap[c->count - 1]);
    }
}

void weir_cache_size(const struct weir_cache *c, struct weir_cache_size *out)
{
    *out = (struct weir_cache_size){c->count, c->bytes, c->budget};
}

/* --- life ------------------------------------------------------------------------------------- */

int weir_cache_new(uint64_t budget, struct weir_cache **out, struct weir_error *err)
{
    struct weir_cache *c = calloc(1, sizeof *c);
    *out = NULL;
    if (c) {
        c->budget = budget;
        c->room = c->bucket_count = 256;
        c->heap = calloc(c->room, sizeof(struct entry *));
        c->buckets = calloc(c->room, sizeof(struct entry *));
    }
    if (!c || !c->heap || !c->buckets) {
        weir_cache_free(c);
        return weir_fail(err, WEIR_ENOMEM, "no memory for the cache");
    }
    *out = c;
    return 0;
}

void weir_cache_free(struct weir_cache *c)
{
    if (c) {
        if (c->heap && c->buckets) {
            weir_cache_clear(c);
        }
        free(c->heap);
        free(c->buckets);
        free(c);
    }
}
