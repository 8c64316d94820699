#include "serve/source_ills.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "source/schedule/standing.h"
#include "source/source.h"

#define MOST      10000
#define MAX_TEXTS (64u << 20)
#define OF_LOADS  (1u << WEIR_SOURCE_FAILS | 1u << WEIR_SOURCE_GONE)
#define OF_FILES  (1u << WEIR_SOURCE_REMOVED | 1u << WEIR_SOURCE_BROKEN | 1u << WEIR_SOURCE_PAUSED)

struct weir_source_ills {
    pthread_mutex_t lock;          /* guards all below */
    struct weir_source_ill *items; /* by schema and table; their texts are one allocation each */
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

static void drop(const struct weir_source_ill *item)
{
    free((char *)item->source.ptr);
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

/* --- the list; with the lock --------------------------------------------------------------------
 */

static int compare_texts(struct weir_str a, struct weir_str b)
{
    int first = strncasecmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return first ? first : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *left, const void *right)
{
    const struct weir_source_ill *a = left, *b = right;
    int first = compare_texts(a->schema, b->schema);
    return first ? first : compare_texts(a->table, b->table);
}

/* The first of this table, and how many it has. */
static size_t find(const struct weir_source_ills *ills, const struct weir_source_ill *of,
                   size_t *count)
{
    size_t low = 0, high = ills->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(&ills->items[mid], of) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    for (*count = 0; low + *count < ills->count && compare(&ills->items[low + *count], of) == 0;) {
        ++*count;
    }
    return low;
}

static bool has(const struct weir_source_ills *ills, const struct weir_source_ill *of)
{
    size_t count, at = find(ills, of, &count);
    bool found = false;
    for (size_t i = at; i < at + count; i++) {
        const struct weir_source_ill *one = &ills->items[i];
        found = found || (one->kind == of->kind && one->since == of->since &&
                          weir_str_eq(one->source, of->source));
    }
    return found;
}

/* Of these kinds, and this source (ptr NULL: of any): how many there are; or, with `away`, they go.
 */
static size_t count_of(struct weir_source_ills *ills, unsigned kinds, struct weir_str source,
                       bool away)
{
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < ills->count; i++) {
        struct weir_source_ill item = ills->items[i];
        bool own = (kinds & 1u << item.kind) && (!source.ptr || weir_str_eq(item.source, source));
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

static struct weir_str copy_text(char **to, struct weir_str text)
{
    struct weir_str copy = {memcpy(*to, text.ptr, text.len), text.len};
    *to += text.len;
    return copy;
}

static void add(struct weir_source_ills *ills, const struct weir_source_ill *item)
{
    struct weir_source_ill *grown =
        ills->count < MOST ? realloc(ills->items, (ills->count + 1) * sizeof *grown) : NULL;
    ills->items = grown ? grown : ills->items;
    char *texts = grown ? malloc(item->source.len + item->schema.len + item->table.len) : NULL;
    if (texts) {
        struct weir_source_ill *own = &grown[ills->count++];
        *own = *item;
        own->source = copy_text(&texts, item->source);
        own->schema = copy_text(&texts, item->schema);
        own->table = copy_text(&texts, item->table);
    }
}

/* These in the place of all that there are of these kinds, and this source. */
static void set(struct weir_source_ills *ills, unsigned kinds, struct weir_str source,
                const struct weir_source_ill *items, size_t count)
{
    size_t same = 0;
    pthread_mutex_lock(&ills->lock);
    for (size_t i = 0; i < count; i++) {
        same += has(ills, &items[i]);
    }
    if (same != count || count_of(ills, kinds, source, false) != count) {
        (void)count_of(ills, kinds, source, true);
        for (size_t i = 0; i < count; i++) {
            add(ills, &items[i]);
        }
        if (ills->count) {
            qsort(ills->items, ills->count, sizeof *ills->items, compare);
        }
        ills->changed = true;
    }
    pthread_mutex_unlock(&ills->lock);
}

/* --- what loads say -----------------------------------------------------------------------------
 */

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

/* A table that it never loaded is another's. */
static struct weir_source_ill ill_of(const struct weir_source_standing *s, weir_time whole)
{
    bool gone = weir_str_is(s->status, "gone");
    bool table = s->table.len && s->good_run.len && !weir_str_is(s->stream, WEIR_SOURCE_ALL);
    weir_time since = weir_source_standing_fails(s) ? s->failing_since : 0;
    return (struct weir_source_ill){.source = s->source,
                                    .schema = s->schema,
                                    .table = s->table,
                                    .kind = gone ? WEIR_SOURCE_GONE : WEIR_SOURCE_FAILS,
                                    .since = !table ? 0
                                             : gone ? s->ended_at
                                                    : weir_time_first(since, whole)};
}

static void put(struct weir_source_ills *ills, const char *source,
                const struct weir_source_standing *items, size_t count, struct weir_arena *arena)
{
    weir_time whole = whole_since(items, count);
    struct weir_source_ill *found = weir_arena_calloc(arena, (count + 1) * sizeof *found);
    size_t now = 0;
    for (size_t i = 0; found && i < count; i++) {
        found[now] = ill_of(&items[i], whole);
        now += found[now].since != 0;
    }
    if (found) {
        set(ills, OF_LOADS, weir_str_of(source), found, now);
    }
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
        put(ills, source, items, count, &arena);
    }
    weir_session_free(session);
    weir_arena_free(&arena);
}

void weir_source_ills_clear(struct weir_source_ills *ills, const char *source)
{
    set(ills, OF_LOADS, weir_str_of(source), NULL, 0);
}

/* --- what files say -----------------------------------------------------------------------------
 */

void weir_source_ills_of_files(struct weir_source_ills *ills, const struct weir_source_ill *items,
                               size_t count)
{
    set(ills, OF_FILES, (struct weir_str){NULL, 0}, items, count);
}

/* ------------------------------------------------------------------------------------------------
 */

void weir_source_ills_add(struct weir_source_ills *ills, struct weir_str schema,
                          struct weir_str table, struct weir_source_since *first)
{
    const struct weir_source_ill of = {.schema = schema, .table = table};
    pthread_mutex_lock(&ills->lock);
    size_t count, at = find(ills, &of, &count);
    for (size_t i = at; i < at + count; i++) {
        weir_time *since = &first->of[ills->items[i].kind];
        *since = weir_time_first(*since, ills->items[i].since);
    }
    pthread_mutex_unlock(&ills->lock);
}

bool weir_source_ills_changed(struct weir_source_ills *ills)
{
    pthread_mutex_lock(&ills->lock);
    bool changed = ills->changed;
    ills->changed = false;
    pthread_mutex_unlock(&ills->lock);
    return changed;
}
