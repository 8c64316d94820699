/* Rows of one table's changes, from the log's bytes into the table's stage. Private to
 * src/source/mysql. */
#ifndef WEIR_SOURCE_MYSQL_CAPTURE_ROWS_H
#define WEIR_SOURCE_MYSQL_CAPTURE_ROWS_H

#include "source/mysql/binlog.h"
#include "source/run/changes.h"

struct weir_my_rows { /* a table while its changes are read */
    struct weir_source_changes *changes;
    struct weir_my_target *targets; /* by the table's columns; NULL: not opened yet */
    size_t *columns;                /* of the plan; SIZE_MAX: not wanted */
    size_t *key;                    /* of the table's columns */
    size_t count;
    struct weir_my_map *map; /* what the log says that it is */
    bool named, touched;     /* in this group: by its map, by changes */
};
struct weir_my_images { /* room for a row; every table's */
    struct weir_str *before, *after;
    struct weir_buf room;
    uint64_t seen; /* rows */
};

/* `changes` is there; in the arena. */
int weir_my_rows_open(struct weir_my_rows *to, struct weir_arena *arena,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* All rows of the change, which is of this table as `map` has it. */
int weir_my_rows_put(struct weir_my_rows *to, struct weir_my_images *images,
                     struct weir_my_change *change, struct weir_error *err) WEIR_MUST_CHECK;

#endif
