/* Checking a YAML document against tables of keys; all mistakes are told, each with its line.
 * Inside src/workspace. */
#ifndef WEIR_WORKSPACE_REPORT_CHECK_H
#define WEIR_WORKSPACE_REPORT_CHECK_H

#include "base/error.h"
#include "base/map.h"
#include "base/yaml.h"

enum weir_key_kind {
    WEIR_KEY_ANY,
    WEIR_KEY_TEXT,
    WEIR_KEY_BOOL,
    WEIR_KEY_INT,
    WEIR_KEY_NUMBER,
    WEIR_KEY_CHOICE,
    WEIR_KEY_OBJECT,
    WEIR_KEY_LIST /* of objects with `items` for keys */
};

struct weir_key {
    const char *name; /* NULL ends the table */
    enum weir_key_kind kind;
    bool required;
    const char *const *choices;
    int64_t min, max;
    const struct weir_key *items;
};

struct weir_check {
    const struct weir_yaml *doc;
    int code; /* of the first problem */
    char problems[sizeof((struct weir_error *)0)->message];
};

void weir_check_note(struct weir_check *check, const struct weir_yaml_node *at, const char *fmt,
                     ...) WEIR_PRINTF(3, 4);
void weir_check_keys(struct weir_check *check, const struct weir_yaml_node *object,
                     const struct weir_key *keys);

/* --- report_tiles.c --- */
void weir_check_tiles(struct weir_check *check, const struct weir_yaml_node *root);
/* The text at `key`; ptr NULL when there is none. */
struct weir_str weir_check_text(const struct weir_yaml_node *node, const char *key);
/* 1 to 63 letters, digits, _ and -. */
bool weir_check_name_ok(struct weir_str name);
/* Each item's identity is well formed and stands once. */
void weir_check_identities(struct weir_check *check, const struct weir_yaml_node *list,
                           const char *key, const char *what);
/* The holder's "query" is one of these. */
void weir_check_query_name(struct weir_check *check, const struct weir_yaml_node *queries,
                           const struct weir_yaml_node *holder);

#endif
