/* YAML in (libfyaml), for the workspace's files: a tree whose every node knows its line.
 *
 * Only what configuration needs: one document, mappings with scalar keys, sequences, scalars.
 * Aliases and anchors are resolved with a bound on the expanded size (no billion laughs), duplicate
 * keys are errors, tags are refused. The tree borrows from its document. One thread at a time. */
#ifndef WEIR_BASE_YAML_H
#define WEIR_BASE_YAML_H

#include "base/error.h"
#include "base/str.h"

enum weir_yaml_type { WEIR_YAML_NULL, WEIR_YAML_SCALAR, WEIR_YAML_SEQUENCE, WEIR_YAML_MAPPING };

struct weir_yaml_node {
    enum weir_yaml_type type;
    bool quoted;         /* scalar written in quotes: never a number, bool or null */
    int line;            /* 1-based */
    int column;          /* 1-based */
    struct weir_str key; /* in a mapping: this member's key */
    int key_line;
    struct weir_str scalar;
    struct weir_yaml_node *first; /* members, in order */
    struct weir_yaml_node *next;
};

struct weir_yaml; /* a document */

/* Of the library behind this: "0.7.12". */
const char *weir_yaml_library_version(void);

/* `name` (a path, for messages) is copied. Errors read `name:line:column: what`. An empty text is a
 * document whose root is WEIR_YAML_NULL. */
int weir_yaml_parse(struct weir_str text, const char *name, struct weir_yaml **out,
                    struct weir_error *err) WEIR_MUST_CHECK;
void weir_yaml_free(struct weir_yaml *doc); /* NULL is fine */

const struct weir_yaml_node *weir_yaml_root(const struct weir_yaml *doc);
const char *weir_yaml_name(const struct weir_yaml *doc);

/* Member by key, or NULL (also when `mapping` is NULL or no mapping). */
const struct weir_yaml_node *weir_yaml_get(const struct weir_yaml_node *mapping, const char *key);

/* Typed reading of scalars; YAML 1.2 core schema. False when it is something else. */
bool weir_yaml_bool(const struct weir_yaml_node *node, bool *out); /* true, false */
bool weir_yaml_i64(const struct weir_yaml_node *node, int64_t *out);
bool weir_yaml_str(const struct weir_yaml_node *node, struct weir_str *out);

/* `name:line: message`, as all errors about the file's content must read. */
int weir_yaml_fail(struct weir_error *err, const struct weir_yaml *doc,
                   const struct weir_yaml_node *node, const char *fmt, ...) WEIR_PRINTF(4, 5);

#endif
