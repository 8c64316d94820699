/* Memory that is freed all at once: a request's, a batch's, a parse's.
 *
 * Allocations are zero-cost to free, aligned to 16, and valid until reset or free. An arena has a
 * maximum so that hostile input cannot take all memory: past it, allocation returns NULL.
 * One thread at a time. */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct weir_arena_block;

struct weir_arena {
    struct weir_arena_block *blocks; /* newest first */
    size_t used;                     /* bytes in all blocks */
    size_t max;
};

void weir_arena_init(struct weir_arena *arena, size_t max);
void weir_arena_free(struct weir_arena *arena);
/* Forgets all allocations; keeps the newest block for reuse. */
void weir_arena_reset(struct weir_arena *arena);

void *weir_arena_alloc(struct weir_arena *arena, size_t n);  /* not cleared; NULL when full */
void *weir_arena_calloc(struct weir_arena *arena, size_t n); /* cleared */
/* Room in `*items`, of which `count` are there, for `more` of `size` bytes each; `*room` says for
 * how many. What it held before stays in the arena. False when full. */
bool weir_arena_grow(struct weir_arena *arena, void **items, size_t count, size_t more,
                     size_t *room, size_t size);
/* A copy with a NUL behind it; ptr is NULL when full. */
struct weir_str weir_arena_dup(struct weir_arena *arena, struct weir_str s);
char *weir_arena_strdup(struct weir_arena *arena, const char *cstr);
char *weir_arena_printf(struct weir_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
