/* Which tables changed, counted where they are committed. Private to src/warehouse; what others
 * read of it is in warehouse.h ("what changed").
 *
 * Threads: any; there is a lock inside. A `struct weir_touched` belongs to its session. */
#ifndef WEIR_WAREHOUSE_VERSIONS_H
#define WEIR_WAREHOUSE_VERSIONS_H

#include "warehouse/warehouse.h"

struct weir_versions;
struct weir_version_entry;

/* What a transaction has changed so far. */
struct weir_touched {
    struct weir_version_entry **entries;
    size_t count, room;
    bool all;   /* it may have changed any table */
    bool named; /* what the next statement changes was said */
};

#define WEIR_NAME_KEY 1024 /* bytes of the longest */

/* What stands for a table in a map, in `room`: names are one to the engine in whatever case. ptr
 * NULL: longer than any name. */
struct weir_str weir_name_key(struct weir_str schema, struct weir_str table,
                              char room[WEIR_NAME_KEY]);

struct weir_versions *weir_versions_new(void); /* NULL without memory */
void weir_versions_free(struct weir_versions *versions);

/* Adds a table. Without memory it becomes a change of all: too much is invalidated, never too
 * little. */
void weir_versions_touch(struct weir_versions *versions, struct weir_touched *touched,
                         struct weir_str schema, struct weir_str table);
/* Before what was touched is committed: nothing that was read of it may be kept or served. */
void weir_versions_unsettle(struct weir_versions *versions, const struct weir_touched *touched);
/* After the commit, or its failure: new versions. Forgets what was touched. */
void weir_versions_settle(struct weir_versions *versions, struct weir_touched *touched);
/* The same for all tables: the engine came back without its last transactions. */
void weir_versions_change_all(struct weir_versions *versions);
/* Taken back: nothing changed. */
void weir_touched_forget(struct weir_touched *touched);
void weir_touched_free(struct weir_touched *touched);

#endif
