#ifndef WEIR_WAREHOUSE_DUCKDB_READS_H
#define WEIR_WAREHOUSE_DUCKDB_READS_H

#include "base/map.h"
#include "warehouse/duckdb/duck.h"

/* A session's own: which views and macros there are, as of a version of the catalog. */
struct duck_reads {
    struct weir_arena arena;
    struct weir_map views;  /* lower-case schema, NUL, lower-case name → text (struct weir_str) */
    struct weir_map macros; /* NUL, lower-case name */
    struct weir_map tables; /* of schema main, which need not be named; as views */
    uint64_t version;       /* 0: none is known */
};

void weir_duck_reads_free(struct duck_reads *known); /* NULL is fine */
int weir_duck_reads(struct weir_session *session, const char *sql, struct weir_arena *arena,
                    struct weir_reads *out, struct weir_error *err);

#endif
