/* Where a value sits inside an event's objects: a tree of the keys seen so far.
 *
 * Events of one kind repeat one shape, so each node guesses the key that follows (the one that
 * followed last time); a repeated shape costs one comparison a key. Nodes have small ids, by which
 * tables find the column for a path without hashing. One thread at a time. */
#ifndef WEIR_LOAD_PATH_H
#define WEIR_LOAD_PATH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

struct weir_path {
    struct weir_path *parent;
    struct weir_path *guess; /* the sibling that followed last time */
    struct weir_path *first; /* the child that came first last time */
    struct weir_path *chain; /* next in its hash slot */
    struct weir_str key;     /* as it came */
    struct weir_str name;    /* the keys down to here as one snake-case name */
    uint64_t hash;
    uint32_t id;
    uint32_t depth;
    bool odd; /* the name does not spell the keys: a part was empty or cut */
};

struct weir_paths {
    struct weir_path root;
    struct weir_path **slots;
    size_t slot_count;
    uint32_t count;
    uint32_t max; /* beyond it nothing is remembered: weir_path_child gives NULL */
    struct weir_arena arena;
    struct weir_buf name;
};

/* `prefix` begins every name: "context", or "". */
int weir_paths_init(struct weir_paths *paths, const char *prefix, uint32_t max,
                    struct weir_error *err) WEIR_MUST_CHECK;
void weir_paths_free(struct weir_paths *paths);

/* The child of `parent` with this key; `before` is the member visited before it (NULL: none). NULL
 * when the tree is full or memory ran out. */
struct weir_path *weir_path_child(struct weir_paths *paths, struct weir_path *parent,
                                  struct weir_path *before, struct weir_str key);

/* The column's name for this path; at most WEIR_NAME_MAX bytes, valid until the next call. */
struct weir_str weir_path_column(struct weir_paths *paths, const struct weir_path *path);
/* "cart.items": the keys as they came, for people. */
void weir_path_print(const struct weir_path *path, struct weir_buf *out);

#endif
