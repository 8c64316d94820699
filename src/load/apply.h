/* Writes a batch into the warehouse: missing schemas, tables and columns, wider types, rows and the
 * log offset, in one transaction. One thread at a time. */
#ifndef WEIR_LOAD_APPLY_H
#define WEIR_LOAD_APPLY_H

#include "load/batch.h"

struct weir_applier {
    struct weir_session *session;
    struct weir_arena arena; /* of one table's columns and vectors */
    bool changed_schema;     /* since the last checkpoint */
};

void weir_applier_init(struct weir_applier *applier, struct weir_session *session);
void weir_applier_free(struct weir_applier *applier); /* not the session */

/* What the greatest row of weir.load_state says; every commit adds one. The tables are made when
 * they are missing. */
struct weir_load_state {
    uint64_t next_seq;
    uint64_t next_event; /* of that record: the ones before it are loaded; mostly 0 */
    uint64_t events, duplicates, discards;
};
int weir_load_state_read(struct weir_session *session, struct weir_load_state *out,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* Removes the rows that a later commit has outdated. */
int weir_load_state_prune(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;

/* Whether an int column holds one that a double would change. */
int weir_column_has_unsafe_ints(struct weir_session *session, struct weir_str schema,
                                struct weir_str table, struct weir_str column, bool *out,
                                struct weir_error *err) WEIR_MUST_CHECK;

enum weir_apply_mode {
    WEIR_APPLY_LOAD,  /* with the offset, then commit */
    WEIR_APPLY_PROBE, /* roll back: would the warehouse take it? */
    WEIR_APPLY_ROWS   /* rows only, inside the caller's transaction */
};
/* After a failure the catalog that the batch was built with is no longer true: read it again. */
int weir_apply(struct weir_applier *applier, struct weir_load_batch *batch,
               enum weir_apply_mode mode, struct weir_error *err) WEIR_MUST_CHECK;

#endif
