/* Rows of one table that changed at its source, staged in their order and applied to the table: the
 * last state of each key counts. Private to src/source.
 *
 * A connector sets the values of a row in `rows` (those of the plan's columns; of a row that is
 * gone, the key's), and ends it. A table without a key is a bag: a row that is gone is given whole,
 * and takes one that is equal with it. */
#ifndef WEIR_SOURCE_CHANGES_H
#define WEIR_SOURCE_CHANGES_H

#include "source/run/contract.h"
#include "source/run/stage.h"

/* Columns of the stage behind the plan's: the number of the row, whether it is there now, and which
 * values were not sent. */
#define WEIR_CHANGES_EXTRAS 3

struct weir_source_segment { /* what is applied at once */
    int64_t from;            /* its first row */
    bool repeats;            /* some key may be in it more than once */
};

struct weir_source_changes {
    struct weir_source_stage stage;
    struct weir_source_rows rows;
    struct weir_source_plan plan;
    struct weir_source_settled settled;
    struct weir_source_stream stream;
    const struct weir_table *target;
    size_t *key, key_count; /* of the plan's columns; 0: a bag */
    bool soft;              /* rows that are gone are marked, and not deleted */
    void *own;              /* the connector's */
    struct weir_source_load load;
    char read_checksum[17], stored_checksum[17];
    int64_t next; /* of the next row */
    bool *kept;   /* of the plan's columns: some value was not sent */
    bool any_kept;
    bool rests;     /* `rows` takes no memory, and no row */
    uint64_t ended; /* apply(): keys that are gone at the end, in the table before or not */
    struct weir_source_segment *segments;
    size_t segment_count, segment_room;
    uint64_t *touched; /* hashes of the keys of the last segment */
    size_t touched_count;
};

/* `plan`, `stream`, `target`, `key`, `load` and what stands above `columns` in `stage` are filled
 * in before. Free it also after a failure. */
int weir_source_changes_open(struct weir_source_changes *c, struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_changes_free(struct weir_source_changes *c);

/* Its session is the caller's, and in no transaction, until the next row. */
int weir_source_changes_pause(struct weir_source_changes *c,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Writes what came so far, and gives its memory back; `rows` is good again after wake(). */
int weir_source_changes_rest(struct weir_source_changes *c, struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_changes_wake(struct weir_source_changes *c, struct weir_error *err) WEIR_MUST_CHECK;
/* The row is there now. `hash` is of its key. `kept`: of which columns the value was not sent,
 * because it did not change, as ",3,7,"; "": of none. `moved`: its key was another one before, that
 * of the row that was ended just now as gone: its kept values are those. */
int weir_source_changes_put(struct weir_source_changes *c, uint64_t hash, struct weir_str kept,
                            bool moved, struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_changes_gone(struct weir_source_changes *c, uint64_t hash,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Before the two of a moved row with kept values: they must be in the table then, so what touched
 * that key is applied first. */
int weir_source_changes_moves(struct weir_source_changes *c, uint64_t hash,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* After the last: proves the stage. */
int weir_source_changes_close(struct weir_source_changes *c,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* In the transaction of the caller, who may take it back and try again. Adds the row of weir.loads.
 */
int weir_source_changes_apply(struct weir_source_changes *c,
                              struct weir_error *err) WEIR_MUST_CHECK;

#endif
