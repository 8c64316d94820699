/* A result that several may use: bytes that never change, and what they were made from.
 *
 * It is one block of memory. Any thread may hold and release it. */
#ifndef WEIR_CACHE_KEPT_H
#define WEIR_CACHE_KEPT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/time.h"

enum weir_kept_life {
    WEIR_LIFE_NONE,    /* it is good for whoever waited for it, and for nobody else */
    WEIR_LIFE_SECONDS, /* until expires_at, a moment away: it was made from the clock */
    WEIR_LIFE_TABLES   /* while what it read has the same versions, and before expires_at */
};

/* A table or view, and the version that it had before the result was begun. */
struct weir_kept_read {
    struct weir_str schema, table;
    uint64_t version;
};

struct weir_kept {
    struct weir_str key; /* all that decides the result but for the tables; any bytes */
    struct weir_hash128 etag;
    weir_time computed_at;
    weir_time elapsed;    /* what it cost */
    weir_time expires_at; /* 0: never */
    uint64_t rows;
    bool truncated;
    enum weir_kept_life life;
    const struct weir_kept_read *reads;
    size_t read_count;
    struct weir_str bytes;

    /* private */
    atomic_uint holders;
};

/* A copy of `model` and all that it points to, with one holder; NULL without memory. */
struct weir_kept *weir_kept_new(const struct weir_kept *model);
struct weir_kept *weir_kept_hold(struct weir_kept *kept);
void weir_kept_release(struct weir_kept *kept);      /* NULL is fine */
size_t weir_kept_size(const struct weir_kept *kept); /* bytes of memory */

#endif
