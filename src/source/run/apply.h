/* From the stage into the table: in one transaction with the cursor and the ledger. Private to
 * src/source. */
#ifndef WEIR_SOURCE_APPLY_H
#define WEIR_SOURCE_APPLY_H

#include "source/run/contract.h"
#include "source/run/stage.h"

struct weir_source_apply {
    struct weir_source_stage *stage;
    const struct weir_source_plan *plan;
    const struct weir_source_stream *stream;
    const struct weir_source_settled *settled;
    const struct weir_table *target; /* as it was; NULL: there is none */
    struct weir_source_load *load;   /* rows_* and status are filled in */
    /* Tables of the lists in its rows, which are applied with it. */
    struct weir_source_apply *lists;
    size_t list_count;
    /* Of one of those: the stream; and rows of it that went, because their row came once more in
     * the same run, or was set aside. */
    const struct weir_source_apply *up;
    uint64_t doubled, lost;
    bool taken; /* some did */
};
/* Begins and commits; after a failure nothing has changed but that the stage may have lost rows.
 * WEIR_ECORRUPT when the table does not hold what the stage held. */
int weir_source_apply(struct weir_source_apply *a, struct weir_error *err) WEIR_MUST_CHECK;
/* The same in a transaction that the caller has begun, and ends. */
int weir_source_apply_in(struct weir_source_apply *a, struct weir_error *err) WEIR_MUST_CHECK;
/* The stage becomes what a load would write into the table that is there: what does not fit goes to
 * the discards, and of rows with one key the last counts. In a transaction of the caller. */
int weir_source_apply_fit(struct weir_source_apply *a, struct weir_error *err) WEIR_MUST_CHECK;
/* What the table takes from a column of the stage: NULL for a value that does not fit. */
void weir_source_apply_value(struct weir_source_apply *a, struct weir_str name,
                             struct weir_buf *out);

/* Holds the table what no source can tell again (versions, marks of deleted rows)? It is never
 * built anew then, also by --full. `target` may be NULL. */
bool weir_source_apply_keeps(const struct weir_source_stream *stream,
                             const struct weir_table *target);

#endif
