#include "load/path.h"

#include <stdlib.h>

#include "base/hash.h"
#include "event/naming.h"

/* Paths are remembered, so a key of megabytes would soon leave no memory for any other. */
enum { NAME_BYTES = 64 * 1024, PATHS_BYTES = 256 << 20, LONGEST_KEY = 1024 };

int weir_paths_init(struct weir_paths *paths, const char *prefix, uint32_t max,
                    struct weir_error *err)
{
    *paths = (struct weir_paths){.max = max, .slot_count = 64};
    paths->root.name = weir_str_of(prefix);
    weir_arena_init(&paths->arena, PATHS_BYTES);
    weir_buf_init(&paths->name, NAME_BYTES);
    paths->slots = calloc(paths->slot_count, sizeof *paths->slots);
    return paths->slots ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for column names");
}

void weir_paths_free(struct weir_paths *paths)
{
    free(paths->slots);
    weir_arena_free(&paths->arena);
    weir_buf_free(&paths->name);
    *paths = (struct weir_paths){0};
}

static void grow_slots(struct weir_paths *paths)
{
    size_t count = paths->slot_count * 4;
    struct weir_path **slots = calloc(count, sizeof *slots);
    if (!slots) {
        return; /* longer chains, nothing worse */
    }
    for (size_t i = 0; i < paths->slot_count; i++) {
        for (struct weir_path *path = paths->slots[i], *next; path; path = next) {
            next = path->chain;
            path->chain = slots[path->hash & (count - 1)];
            slots[path->hash & (count - 1)] = path;
        }
    }
    free(paths->slots);
    paths->slots = slots;
    paths->slot_count = count;
}

static bool spells(struct weir_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            return true;
        }
    }
    return false;
}

static struct weir_path *add(struct weir_paths *paths, struct weir_path *parent,
                             struct weir_str key, uint64_t hash)
{
    struct weir_path *path = weir_arena_calloc(&paths->arena, sizeof *path);
    if (!path || paths->count >= paths->max) {
        return NULL;
    }
    weir_buf_reset(&paths->name);
    weir_buf_adds(&paths->name, parent->name);
    if (parent->name.len) {
        weir_buf_addc(&paths->name, '_');
    }
    size_t start = paths->name.len;
    weir_name_make(key, "c", &paths->name);
    path->odd = parent->odd || !spells(key) || paths->name.len - start == WEIR_NAME_MAX;
    path->key = weir_arena_dup(&paths->arena, key);
    path->name = weir_arena_dup(&paths->arena, weir_buf_str(&paths->name));
    if (!weir_buf_ok(&paths->name) || !path->key.ptr || !path->name.ptr) {
        return NULL;
    }
    path->parent = parent;
    path->depth = parent->depth + 1;
    path->hash = hash;
    path->id = ++paths->count;
    if (paths->count > paths->slot_count) {
        grow_slots(paths);
    }
    struct weir_path **slot = &paths->slots[hash & (paths->slot_count - 1)];
    path->chain = *slot;
    *slot = path;
    return path;
}

struct weir_path *weir_path_child(struct weir_paths *paths, struct weir_path *parent,
                                  struct weir_path *before, struct weir_str key)
{
    struct weir_path **guess = before ? &before->guess : &parent->first;
    if (*guess && weir_str_eq((*guess)->key, key)) {
        return *guess;
    }
    uint64_t hash = weir_hash64(key.ptr, key.len, (uint64_t)(uintptr_t)parent);
    struct weir_path *path = paths->slots[hash & (paths->slot_count - 1)];
    while (path && (path->hash != hash || path->parent != parent || !weir_str_eq(path->key, key))) {
        path = path->chain;
    }
    if (!path && key.len <= LONGEST_KEY) {
        path = add(paths, parent, key, hash);
    }
    if (path) {
        *guess = path;
    }
    return path;
}

struct weir_str weir_path_column(struct weir_paths *paths, const struct weir_path *path)
{
    if (path->name.len <= WEIR_NAME_MAX) {
        return path->name;
    }
    weir_buf_reset(&paths->name);
    weir_name_make(path->name, "c", &paths->name);
    return weir_buf_str(&paths->name);
}

void weir_path_print(const struct weir_path *path, struct weir_buf *out)
{
    if (path->parent && path->parent->parent) {
        weir_path_print(path->parent, out);
        weir_buf_addc(out, '.');
    }
    weir_buf_adds(out, path->key);
}
