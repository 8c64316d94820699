/* Plain data: what YAML and JSON have in common, to be read from one and written as the other.
 *
 * Nothing is lost on the way: members keep their order, numbers keep their digits, text keeps its
 * bytes. Everything lives in the caller's arena and may be shared between trees. One thread at a
 * time while it is changed. */
#ifndef WEIR_BASE_DATA_H
#define WEIR_BASE_DATA_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/yaml.h"

#define WEIR_DATA_MEMBERS 4096 /* of one list or object */
#define WEIR_DATA_DEPTH   30   /* YAML reads 32 */

enum weir_data_type {
    WEIR_DATA_NULL,
    WEIR_DATA_BOOL,
    WEIR_DATA_NUMBER, /* `text` holds it as JSON writes it */
    WEIR_DATA_TEXT,
    WEIR_DATA_LIST,
    WEIR_DATA_OBJECT
};

struct weir_data {
    enum weir_data_type type;
    bool truth;
    struct weir_str text;
    struct weir_str key;     /* as a member of an object */
    struct weir_data *first; /* members, in order */
    struct weir_data *last;
    struct weir_data *next;
    size_t count;
};

/* NULL when the arena is full. */
struct weir_data *weir_data_new(struct weir_arena *arena, enum weir_data_type type);
struct weir_data *weir_data_text(struct weir_arena *arena, struct weir_str text); /* copied */
struct weir_data *weir_data_number(struct weir_arena *arena, int64_t value);

int weir_data_from_yaml(struct weir_arena *arena, const struct weir_yaml_node *node,
                        struct weir_data **out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_data_from_json(struct weir_arena *arena, struct weir_json json, struct weir_data **out,
                        struct weir_error *err) WEIR_MUST_CHECK;
void weir_data_print(const struct weir_data *data, struct weir_jw *w);

/* Member by key, or NULL (also when `object` is NULL or no object). */
struct weir_data *weir_data_get(const struct weir_data *object, const char *key);
/* The text at `key`; ptr NULL when it is absent or no text. */
struct weir_str weir_data_get_text(const struct weir_data *object, const char *key);

/* Adds at the end; `value` must be in no other list or object. */
void weir_data_add(struct weir_data *list, struct weir_data *value);
/* A copy of the head with the members shared, so that it can be put somewhere else. */
struct weir_data *weir_data_share(struct weir_arena *arena, const struct weir_data *value);
/* Everything anew, in this arena. */
struct weir_data *weir_data_copy(struct weir_arena *arena, const struct weir_data *value);
/* Adds or replaces. False when the arena is full. */
bool weir_data_set(struct weir_arena *arena, struct weir_data *object, struct weir_str key,
                   const struct weir_data *value);
void weir_data_unset(struct weir_data *object, const char *key);

/* Objects are equal in any order, lists in the same one. NULL equals NULL only. */
bool weir_data_equal(const struct weir_data *a, const struct weir_data *b);

/* What tells a list's item from the others: its "id", else its "name"; else ptr NULL. */
struct weir_str weir_data_identity(const struct weir_data *item);

/* A copy of `data` whose objects have the keys that `like` has too in the order of `like`, and the
 * others behind: so that a rewritten file differs from the old one where it was changed only. */
struct weir_data *weir_data_order_like(struct weir_arena *arena, const struct weir_data *data,
                                       const struct weir_data *like);

#endif
