/* What there is to be seen: the tables and views of the warehouse, as the rules need them.
 *
 * Belongs to a session, and is as old as the session's transaction: see duck_db.catalog_version. */
#ifndef WEIR_WAREHOUSE_DUCKDB_CATALOG_H
#define WEIR_WAREHOUSE_DUCKDB_CATALOG_H

#include "base/arena.h"
#include "base/map.h"
#include "warehouse/duckdb/duck.h"

struct duck_relation {
    struct weir_str schema;
    struct weir_str name;
    bool view;
    struct weir_str definition; /* a view's: CREATE VIEW ... AS SELECT ... */
    const struct weir_column *columns;
    size_t column_count;
};

struct duck_catalog {
    struct weir_arena arena;
    struct weir_str database; /* the catalog's own name */
    struct duck_relation *relations;
    size_t relation_count;
    struct weir_map by_name; /* lower-case schema, NUL, lower-case name */
    struct weir_map stored;  /* the same, of what holds stored views: no name leads there */
    struct weir_map macros;  /* functions that somebody made, by lower-case name */
};

void weir_duck_catalog_init(struct duck_catalog *catalog);
void weir_duck_catalog_free(struct duck_catalog *catalog);
/* Reads it anew, inside the session's transaction if there is one. */
int weir_duck_catalog_read(struct duck_session *s, struct duck_catalog *catalog,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* NULL when there is none. */
const struct duck_relation *weir_duck_catalog_find(const struct duck_catalog *catalog,
                                                   struct weir_str schema, struct weir_str name);
/* What holds the rows of a view, or its text; NULL: they are not stored. */
const struct duck_relation *weir_duck_catalog_stored(const struct duck_catalog *catalog,
                                                     const struct duck_relation *view, bool text);
/* A function that somebody made, whatever it does. */
bool weir_duck_catalog_macro(const struct duck_catalog *catalog, struct weir_str name);

#endif
