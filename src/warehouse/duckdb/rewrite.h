/* The walk over a statement's tree, for the two files that make it: rewrite.c has scopes and
 * expressions, rewrite_from.c what stands behind FROM. weir_duck_rewrite is in rules.h. */
#ifndef WEIR_WAREHOUSE_DUCKDB_REWRITE_H
#define WEIR_WAREHOUSE_DUCKDB_REWRITE_H

#include "warehouse/duckdb/rules.h"

struct cte {
    const struct cte *outer;
    struct weir_str name;
    struct weir_str renamed;
};

/* A table behind FROM that has no alias: columns may name it with its schema. */
struct source {
    struct source *next;
    const struct duck_relation *relation;
    struct weir_str alias;
};

struct scope {
    const struct scope *outer;
    struct source *sources;
};

struct rewriting {
    struct duck_session *s;
    const struct duck_catalog *catalog;
    const struct weir_str *view;
    bool *used;
    struct weir_jw w;
    struct weir_arena arena;
    unsigned ctes;
    struct weir_error *err;
};

/* Where the walk is. */
struct place {
    const struct cte *ctes;
    const struct scope *scope;
    unsigned depth;
};

/* Fails with WEIR_ENOMEM. */
int weir_duck_rewrite_no_memory(const struct rewriting *r);

/* The innermost common table expression of that name; NULL: none. */
const struct cte *weir_duck_cte_named(const struct cte *ctes, struct weir_str name);

/* Whether a BASE_TABLE means a common table expression here. */
bool weir_duck_is_cte(const struct rewriting *r, struct weir_json node, struct place at);

/* The relation that a BASE_TABLE means, as the engine would look for it; NULL: none of ours. */
const struct duck_relation *weir_duck_relation_of(const struct rewriting *r, struct weir_json node);

/* Writes what stands in a source's place; refuses what is not understood. */
int weir_duck_rewrite_source(struct rewriting *r, struct weir_json node, struct place at);

/* Writes an object or a list as it is, with all that is in it walked. */
int weir_duck_rewrite_members(struct rewriting *r, struct weir_json node, struct place at);

#endif
