#include "warehouse/versions.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "warehouse/driver.h"

struct weir_version_entry {
    struct weir_str schema, table; /* as they were first named */
    uint64_t version;
    uint64_t change;  /* the number of the change that made it, of all tables' */
    unsigned commits; /* under way */
    weir_time changed_at;
};

struct weir_versions {
    pthread_mutex_t lock; /* guards the rest */
    struct weir_arena arena;
    struct weir_map entries; /* lower-case schema, NUL, lower-case table */
    uint64_t change;         /* grows with every commit that changed something */
    uint64_t all;            /* how often every table may have changed */
    uint64_t all_change;     /* the number of the latest of these */
    unsigned all_commits;    /* under way */
    uint64_t motion;         /* grows when a commit begins, and when it has ended */
    unsigned commits;        /* under way */
};

struct weir_versions *weir_versions_new(void)
{
    struct weir_versions *v = calloc(1, sizeof *v);
    if (v) {
        pthread_mutex_init(&v->lock, NULL);
        weir_arena_init(&v->arena, 256u << 20);
        weir_map_init(&v->entries);
    }
    return v;
}

void weir_versions_free(struct weir_versions *v)
{
    if (v) {
        weir_map_free(&v->entries);
        weir_arena_free(&v->arena);
        pthread_mutex_destroy(&v->lock);
        free(v);
    }
}

/* --- entries -------------------------------------------------------------------------------- */

struct weir_str weir_name_key(struct weir_str schema, struct weir_str table,
                              char room[WEIR_NAME_KEY])
{
    if (schema.len + 1 + table.len > WEIR_NAME_KEY) {
        return (struct weir_str){0};
    }
    memcpy(room, schema.ptr, schema.len);
    room[schema.len] = 0;
    memcpy(room + schema.len + 1, table.ptr, table.len);
    for (size_t i = 0; i < schema.len + 1 + table.len; i++) {
        room[i] = room[i] >= 'A' && room[i] <= 'Z' ? (char)(room[i] | 0x20) : room[i];
    }
    return (struct weir_str){room, schema.len + 1 + table.len};
}

static struct weir_version_entry *entry_of(struct weir_versions *v, struct weir_str schema,
                                           struct weir_str table)
{
    char room[WEIR_NAME_KEY];
    struct weir_str key = weir_name_key(schema, table, room);
    struct weir_version_entry *e = key.ptr ? weir_map_get(&v->entries, key) : NULL;
    if (e || !key.ptr) {
        return e;
    }
    e = weir_arena_calloc(&v->arena, sizeof *e);
    if (e) {
        e->schema = weir_arena_dup(&v->arena, schema);
        e->table = weir_arena_dup(&v->arena, table);
        if (!e->schema.ptr || !e->table.ptr || weir_map_put(&v->entries, key, e)) {
            e = NULL;
        }
    }
    return e;
}

static bool add(struct weir_touched *touched, struct weir_version_entry *e)
{
    for (size_t i = touched->count; i-- > 0;) { /* the latest come again first */
        if (touched->entries[i] == e) {
            return true;
        }
    }
    if (touched->count == touched->room) {
        size_t room = touched->room ? touched->room * 2 : 16;
        void *more = realloc(touched->entries, room * sizeof(struct weir_version_entry *));
        if (!more) {
            return false;
        }
        touched->entries = more;
        touched->room = room;
    }
    touched->entries[touched->count++] = e;
    return true;
}

void weir_versions_touch(struct weir_versions *v, struct weir_touched *touched,
                         struct weir_str schema, struct weir_str table)
{
    pthread_mutex_lock(&v->lock);
    struct weir_version_entry *e = entry_of(v, schema, table);
    pthread_mutex_unlock(&v->lock);
    touched->all = !e || !add(touched, e) || touched->all;
}

/* --- commits -------------------------------------------------------------------------------- */

void weir_versions_unsettle(struct weir_versions *v, const struct weir_touched *touched)
{
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < touched->count; i++) {
        touched->entries[i]->commits++;
    }
    v->all_commits += touched->all;
    v->motion++;
    v->commits++;
    pthread_mutex_unlock(&v->lock);
}

void weir_versions_settle(struct weir_versions *v, struct weir_touched *touched)
{
    weir_time now = weir_now();
    pthread_mutex_lock(&v->lock);
    v->motion++;
    v->commits--;
    v->change += touched->count || touched->all;
    for (size_t i = 0; i < touched->count; i++) {
        struct weir_version_entry *e = touched->entries[i];
        e->commits--;
        e->version++;
        e->change = v->change;
        e->changed_at = now;
    }
    if (touched->all) {
        v->all_commits--;
        v->all++;
        v->all_change = v->change;
    }
    pthread_mutex_unlock(&v->lock);
    weir_touched_forget(touched);
}

void weir_versions_change_all(struct weir_versions *v)
{
    pthread_mutex_lock(&v->lock);
    v->all++;
    v->motion++;
    v->all_change = ++v->change;
    pthread_mutex_unlock(&v->lock);
}

void weir_touched_forget(struct weir_touched *touched)
{
    touched->count = 0;
    touched->all = touched->named = false;
}

void weir_touched_free(struct weir_touched *touched)
{
    free(touched->entries);
    *touched = (struct weir_touched){0};
}

/* --- what others read ------------------------------------------------------------------------- */

struct weir_table_version weir_warehouse_version_of(const struct weir_warehouse *warehouse,
                                                    struct weir_str schema, struct weir_str table)
{
    struct weir_versions *v = warehouse->versions;
    char room[WEIR_NAME_KEY];
    struct weir_str key = weir_name_key(schema, table, room);
    pthread_mutex_lock(&v->lock);
    const struct weir_version_entry *e = key.ptr ? weir_map_get(&v->entries, key) : NULL;
    struct weir_table_version out = {.version = v->all + (e ? e->version : 0),
                                     .settled =
                                         key.ptr && v->all_commits == 0 && (!e || e->commits == 0),
                                     .changed_at = e ? e->changed_at : 0};
    pthread_mutex_unlock(&v->lock);
    return out;
}

void weir_warehouse_set_changed_at(struct weir_warehouse *warehouse, struct weir_str schema,
                                   struct weir_str table, weir_time at)
{
    struct weir_versions *v = warehouse->versions;
    pthread_mutex_lock(&v->lock);
    struct weir_version_entry *e = entry_of(v, schema, table);
    if (e && !e->changed_at) { /* without memory it is not known */
        e->changed_at = at;
    }
    pthread_mutex_unlock(&v->lock);
}

uint64_t weir_warehouse_stillness(const struct weir_warehouse *warehouse)
{
    struct weir_versions *v = warehouse->versions;
    pthread_mutex_lock(&v->lock);
    uint64_t still = v->commits ? 0 : v->motion + 1;
    pthread_mutex_unlock(&v->lock);
    return still;
}

int weir_warehouse_versions(const struct weir_warehouse *warehouse, struct weir_arena *arena,
                            struct weir_all_versions *out, struct weir_error *err)
{
    struct weir_versions *v = warehouse->versions;
    *out = (struct weir_all_versions){0};
    pthread_mutex_lock(&v->lock);
    out->tables = weir_arena_calloc(arena, (v->entries.count + 1) * sizeof *out->tables);
    bool ok = out->tables;
    for (size_t i = 0; ok && i < v->entries.count; i++) {
        const struct weir_version_entry *e = v->entries.entries[i].value;
        struct weir_table_read *to = &out->tables[out->count++];
        *to = (struct weir_table_read){.schema = weir_arena_dup(arena, e->schema),
                                       .table = weir_arena_dup(arena, e->table),
                                       .version = v->all + e->version};
        ok = to->schema.ptr && to->table.ptr;
    }
    out->rest = v->all;
    pthread_mutex_unlock(&v->lock);
    return ok ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the versions of tables");
}

int weir_warehouse_set_versions(struct weir_warehouse *warehouse,
                                const struct weir_all_versions *from, struct weir_error *err)
{
    struct weir_versions *v = warehouse->versions;
    bool ok = true;
    pthread_mutex_lock(&v->lock);
    v->all += from->rest;
    for (size_t i = 0; ok && i < from->count; i++) {
        const struct weir_table_read *t = &from->tables[i];
        struct weir_version_entry *e = entry_of(v, t->schema, t->table);
        ok = e && t->version >= from->rest;
        if (ok) {
            e->version += t->version - from->rest;
        }
    }
    pthread_mutex_unlock(&v->lock);
    return ok ? 0 : weir_fail(err, WEIR_EINVAL, "the versions of tables cannot be taken over");
}

uint64_t weir_warehouse_change(const struct weir_warehouse *warehouse)
{
    struct weir_versions *v = warehouse->versions;
    pthread_mutex_lock(&v->lock);
    uint64_t change = v->change;
    pthread_mutex_unlock(&v->lock);
    return change;
}

int weir_warehouse_changed_since(const struct weir_warehouse *warehouse, uint64_t since,
                                 struct weir_arena *arena, struct weir_changed *out,
                                 struct weir_error *err)
{
    struct weir_versions *v = warehouse->versions;
    *out = (struct weir_changed){0};
    pthread_mutex_lock(&v->lock);
    out->change = v->change;
    out->all = v->all_change > since;
    out->tables = weir_arena_calloc(arena, (v->entries.count + 1) * sizeof *out->tables);
    for (size_t i = 0; out->tables && i < v->entries.count; i++) {
        const struct weir_version_entry *e = v->entries.entries[i].value;
        if (e->change > since) { /* its names live as long as the warehouse */
            out->tables[out->count++] = (struct weir_changed_table){e->schema, e->table};
        }
    }
    pthread_mutex_unlock(&v->lock);
    return out->tables ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for what changed");
}
