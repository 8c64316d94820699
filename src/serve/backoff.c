#include "serve/backoff.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

#define SLOTS 65536

struct slot {
    weir_time last;  /* attempt */
    weir_time until; /* no attempt before this */
    unsigned failures;
};

struct weir_backoff {
    pthread_mutex_t lock; /* guards the slots */
    uint64_t seed;
    struct slot slots[SLOTS];
};

struct weir_backoff *weir_backoff_new(void)
{
    struct weir_backoff *b = calloc(1, sizeof *b);
    if (b) {
        pthread_mutex_init(&b->lock, NULL);
        b->seed = weir_random_u64();
    }
    return b;
}

void weir_backoff_free(struct weir_backoff *b)
{
    if (b) {
        pthread_mutex_destroy(&b->lock);
        free(b);
    }
}

static struct slot *slot_of(struct weir_backoff *b, struct weir_str key)
{
    return &b->slots[weir_hash64(key.ptr, key.len, b->seed) % SLOTS];
}

static weir_time wait_after(unsigned failures, const struct weir_backoff_rule *rule)
{
    if (failures < rule->free) {
        return 0;
    }
    unsigned doublings = failures - rule->free;
    weir_time wait = rule->first;
    while (doublings-- && wait < rule->most) {
        wait *= 2;
    }
    return wait < rule->most ? wait : rule->most;
}

weir_time weir_backoff_try(struct weir_backoff *b, struct weir_str key,
                           const struct weir_backoff_rule *rule, weir_time now)
{
    pthread_mutex_lock(&b->lock);
    struct slot *s = slot_of(b, key);
    weir_time wait = 0;
    if (s->failures && now - s->last > rule->forget) {
        *s = (struct slot){0};
    }
    if (now < s->until) {
        wait = s->until - now;
    } else {
        s->failures += s->failures < 1000;
        s->last = now;
        s->until = now + wait_after(s->failures, rule);
    }
    pthread_mutex_unlock(&b->lock);
    return wait;
}

void weir_backoff_undo(struct weir_backoff *b, struct weir_str key)
{
    pthread_mutex_lock(&b->lock);
    struct slot *s = slot_of(b, key);
    s->failures -= s->failures > 0;
    s->until = 0;
    pthread_mutex_unlock(&b->lock);
}

void weir_backoff_clear(struct weir_backoff *b, struct weir_str key)
{
    pthread_mutex_lock(&b->lock);
    *slot_of(b, key) = (struct slot){0};
    pthread_mutex_unlock(&b->lock);
}
