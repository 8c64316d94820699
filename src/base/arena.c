#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 16 * 1024, ALIGN = 16 };

struct weir_arena_block {
    struct weir_arena_block *next;
    size_t cap;
    size_t len;
    _Alignas(16) char data[];
};

void weir_arena_init(struct weir_arena *arena, size_t max)
{
    *arena = (struct weir_arena){.max = max};
}

static void free_blocks(struct weir_arena_block *block)
{
    while (block) {
        struct weir_arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void weir_arena_free(struct weir_arena *arena)
{
    free_blocks(arena->blocks);
    weir_arena_init(arena, arena->max);
}

void weir_arena_reset(struct weir_arena *arena)
{
    if (!arena->blocks) {
        return;
    }
    free_blocks(arena->blocks->next);
    arena->blocks->next = NULL;
    arena->blocks->len = 0;
    arena->used = arena->blocks->cap;
}

/* In a new block. */
static void *alloc_more(struct weir_arena *arena, size_t n)
{
    struct weir_arena_block *block = arena->blocks;
    size_t cap = block ? block->cap * 2 : FIRST_BLOCK;
    if (cap > 8u * 1024 * 1024) {
        cap = 8u * 1024 * 1024;
    }
    if (cap < n) {
        cap = n;
    }
    if (cap > arena->max || arena->used > arena->max - cap) {
        cap = n;
        if (cap > arena->max || arena->used > arena->max - cap) {
            return NULL;
        }
    }
    block = malloc(sizeof *block + cap);
    if (!block) {
        return NULL;
    }
    *block = (struct weir_arena_block){.next = arena->blocks, .cap = cap, .len = n};
    arena->blocks = block;
    arena->used += cap;
    return block->data;
}

static inline void *alloc(struct weir_arena *arena, size_t n)
{
    if (n > SIZE_MAX - ALIGN) {
        return NULL;
    }
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct weir_arena_block *block = arena->blocks;
    if (!block || block->cap - block->len < n) {
        return alloc_more(arena, n);
    }
    void *out = block->data + block->len;
    block->len += n;
    return out;
}

void *weir_arena_alloc(struct weir_arena *arena, size_t n)
{
    return alloc(arena, n);
}

void *weir_arena_calloc(struct weir_arena *arena, size_t n)
{
    void *out = weir_arena_alloc(arena, n);
    return out ? memset(out, 0, n) : NULL;
}

bool weir_arena_grow(struct weir_arena *arena, void **items, size_t count, size_t more,
                     size_t *room, size_t size)
{
    if (count + more <= *room) {
        return true;
    }
    size_t wanted = 2 * *room + more;
    void *grown = weir_arena_calloc(arena, wanted * size);
    if (!grown) {
        return false;
    }
    if (count) {
        memcpy(grown, *items, count * size);
    }
    *items = grown;
    *room = wanted;
    return true;
}

struct weir_str weir_arena_dup(struct weir_arena *arena, struct weir_str s)
{
    char *copy = alloc(arena, s.len + 1);
    if (!copy) {
        return (struct weir_str){NULL, 0};
    }
    if (s.len) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return (struct weir_str){copy, s.len};
}

char *weir_arena_strdup(struct weir_arena *arena, const char *cstr)
{
    return (char *)weir_arena_dup(arena, weir_str_of(cstr)).ptr;
}

char *weir_arena_printf(struct weir_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *out = n < 0 ? NULL : weir_arena_alloc(arena, (size_t)n + 1);
    if (out) {
        vsnprintf(out, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return out;
}
