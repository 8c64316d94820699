#include "serve/page_memo.h"

#include <stdlib.h>

#include "serve/shelf.h"

#define MAX_KEYS  50000
#define MAX_BYTES (64u << 20)

struct weir_page_memo {
    struct weir_documents *all; /* held, so that no other can have its place */
    uint64_t catalog;
    int64_t quarter; /* of the zone's distance */
    weir_time now;
    uint64_t when; /* grows when any of these changes */
    struct weir_map keys;
    struct weir_arena arena;
};

struct weir_page_memo *weir_page_memo_new(void)
{
    struct weir_page_memo *m = calloc(1, sizeof *m);
    if (m) {
        weir_map_init(&m->keys);
        weir_arena_init(&m->arena, MAX_BYTES);
    }
    return m;
}

void weir_page_memo_free(struct weir_page_memo *m)
{
    if (m) {
        weir_documents_release(m->all);
        weir_map_free(&m->keys);
        weir_arena_free(&m->arena);
        free(m);
    }
}

static void forget(struct weir_page_memo *m)
{
    m->when++;
    weir_map_clear(&m->keys);
    weir_arena_reset(&m->arena);
}

uint64_t weir_page_memo_begin(struct weir_page_memo *m, const struct weir_server *s, weir_time now)
{
    struct weir_documents *all = weir_shelf_hold(s->shelf);
    uint64_t catalog = weir_warehouse_catalog_version(s->warehouse);
    if (all != m->all || catalog != m->catalog || s->zone_quarter != m->quarter || now != m->now) {
        forget(m);
        weir_documents_release(m->all);
        m->all = all;
        m->catalog = catalog;
        m->quarter = s->zone_quarter;
        m->now = now;
    } else {
        weir_documents_release(all);
    }
    return m->when;
}

struct weir_page_key weir_page_memo_find(const struct weir_page_memo *m, struct weir_str question)
{
    const struct weir_page_key *key = weir_map_get(&m->keys, question);
    return key ? *key : (struct weir_page_key){0};
}

void weir_page_memo_add(struct weir_page_memo *m, uint64_t when, struct weir_str question,
                        struct weir_page_key key)
{
    if (when != m->when) {
        return;
    }
    if (m->keys.count >= MAX_KEYS) {
        forget(m);
        return;
    }
    struct weir_page_key *copy = weir_arena_calloc(&m->arena, sizeof *copy);
    if (copy) {
        copy->key = weir_arena_dup(&m->arena, key.key);
        copy->params = weir_arena_dup(&m->arena, key.params);
    }
    if (!copy || !copy->key.ptr || !copy->params.ptr || weir_map_put(&m->keys, question, copy)) {
        forget(m); /* it is full */
    }
}
