#include "serve/source_ills.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "source/source.h"
#include "source/standing.h"

#define MOST      10000
#define MAX_TEXTS (64u << 20)

struct ill {
    char *source, *schema, *table;
    weir_time since;
};
struct weir_source_ills {
    pthread_mutex_t lock; /* guards all below */
    struct ill *items;
    size_t count;
    bool changed;
};

struct weir_source_ills *weir_source_ills_new(void)
{
    struct weir_source_ills *ills = calloc(1, sizeof *ills);
    if (ills) {
        pthread_mutex_init(&ills->lock, NULL);
    }
    return ills;
}

static void drop(struct ill *item)
{
    free(item->source);
    free(item->schema);
    free(item->table);
}

void weir_source_ills_free(struct weir_source_ills *ills)
{
    if (ills) {
        for (size_t i = 0; i < ills->count; i++) {
            drop(&ills->items[i]);
        }
        free(ills->items);
        pthread_mutex_destroy(&ills->lock);
        free(ills);
    }
}

/* Since when the source as a whole fails; not when one of its streams was looked at later. */
static weir_time whole_since(const struct weir_source_standing *items, size_t count)
{
    weir_time since = 0, ended = 0;
    for (size_t i = 0; i < count; i++) {
        if (weir_str_is(items[i].stream, WEIR_SOURCE_ALL) &&
            weir_source_standing_fails(&items[i])) {
            since = items[i].failing_since;
            ended = items[i].ended_at;
        }
    }
    for (size_t i = 0; i < count; i++) {
        since = items[i].ended_at > ended ? 0 : since;
    }
    return since;
}

/* With the lock. */
static const struct ill *find(const struct weir_source_ills *ills, struct weir_str schema,
                              struct weir_str table)
{
    for (size_t i = 0; i < ills->count; i++) {
        if (weir_str_eq_nocase(weir_str_of(ills->items[i].schema), schema) &&
            weir_str_eq_nocase(weir_str_of(ills->items[i].table), table)) {
            return &ills->items[i];
        }
    }
    return NULL;
}

/* With the lock: how many of this source there are; or, with `away`, they go. */
static size_t count_of(struct weir_source_ills *ills, const char *source, bool away)
{
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < ills->count; i++) {
        struct ill item = ills->items[i];
        bool own = strcmp(item.source, source) == 0;
        found += own;
        if (own && away) {
            drop(&item);
        } else {
            ills->items[kept++] = item;
        }
    }
    ills->count = kept;
    return found;
}

static void add(struct weir_source_ills *ills, const char *source,
                const struct weir_source_standing *s, weir_time since)
{
    struct ill item = {strdup(source), strndup(s->schema.ptr, s->schema.len),
                       strndup(s->table.ptr, s->table.len), since};
    struct ill *grown =
        ills->count < MOST ? realloc(ills->items, (ills->count + 1) * sizeof *grown) : NULL;
    ills->items = grown ? grown : ills->items;
    if (grown && item.source && item.schema && item.table) {
        grown[ills->count++] = item;
    } else {
        drop(&item);
    }
}

/* A table that it never loaded is another's. */
static weir_time since_of(const struct weir_source_standing *s, weir_time whole)
{
    weir_time since = weir_source_standing_fails(s) ? s->failing_since : 0;
    bool table = s->table.len && s->good_run.len && !weir_str_is(s->stream, WEIR_SOURCE_ALL);
    return table ? weir_time_first(since, whole) : 0;
}

static void put(struct weir_source_ills *ills, const char *source,
                const struct weir_source_standing *items, size_t count)
{
    weir_time whole = whole_since(items, count);
    size_t same = 0, now = 0;
    pthread_mutex_lock(&ills->lock);
    for (size_t i = 0; i < count; i++) {
        weir_time since = since_of(&items[i], whole);
        const struct ill *before = since ? find(ills, items[i].schema, items[i].table) : NULL;
        same += before && before->since == since && strcmp(before->source, source) == 0;
        now += since != 0;
    }
    if (same != now || count_of(ills, source, false) != now) {
        (void)count_of(ills, source, true);
        for (size_t i = 0; i < count; i++) {
            weir_time since = since_of(&items[i], whole);
            if (since) {
                add(ills, source, &items[i], since);
            }
        }
        ills->changed = true;
    }
    pthread_mutex_unlock(&ills->lock);
}

void weir_source_ills_look(struct weir_source_ills *ills, struct weir_warehouse *warehouse,
                           const char *source)
{
    struct weir_session *session = NULL;
    struct weir_source_standing *items = NULL;
    struct weir_error ignored; /* the ledger's own trouble is said by who writes it */
    struct weir_arena arena;
    size_t count = 0;
    weir_arena_init(&arena, MAX_TEXTS);
    if (weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &ignored) == 0 &&
        weir_source_standing_read(session, source, &arena, &items, &count, &ignored) == 0) {
        put(ills, source, items, count);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
}

void weir_source_ills_clear(struct weir_source_ills *ills, const char *source)
{
    pthread_mutex_lock(&ills->lock);
    ills->changed = count_of(ills, source, true) > 0 || ills->changed;
    pthread_mutex_unlock(&ills->lock);
}

weir_time weir_source_ills_since(struct weir_source_ills *ills, struct weir_str schema,
                                 struct weir_str table)
{
    pthread_mutex_lock(&ills->lock);
    const struct ill *item = find(ills, schema, table);
    weir_time since = item ? item->since : 0;
    pthread_mutex_unlock(&ills->lock);
    return since;
}

bool weir_source_ills_changed(struct weir_source_ills *ills)
{
    pthread_mutex_lock(&ills->lock);
    bool changed = ills->changed;
    ills->changed = false;
    pthread_mutex_unlock(&ills->lock);
    return changed;
}
