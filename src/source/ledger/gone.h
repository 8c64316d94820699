/* Streams that were loaded and that the source has no more, where its file names none: their tables
 * stay as they were, and the ledger says so once (status "gone"), until they come again. Private to
 * src/source. */
#ifndef WEIR_SOURCE_GONE_H
#define WEIR_SOURCE_GONE_H

#include "base/map.h"
#include "source/source.h"

#define WEIR_SOURCE_GONE                                                                           \
    "it is gone at the source, or not shown to weir any more; its table stays as it was"
#define WEIR_SOURCE_GONE_NAMES 200

struct weir_source_config;
struct weir_source_gone {
    const struct weir_source_run *run;
    const char *id;
    const struct weir_source_config *config;
    bool compares;         /* a comparison: each time it is told of those that are gone */
    bool unsure;           /* there may be others: nothing is found gone by those that are told */
    struct weir_map there; /* weir_source_gone_there() */
    bool failed;
};
/* A stream that there is. */
void weir_source_gone_there(struct weir_source_gone *g, struct weir_str name);
/* Behind the loads of a run of all streams, of which it tells in the report; frees what was told.
 */
int weir_source_gone_tell(struct weir_source_gone *g, struct weir_jw *w,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* "b, c and 3 more", those that are gone by the ledger and whose tables are there; or "". */
int weir_source_gone_names(struct weir_warehouse *warehouse,
                           const struct weir_source_config *config,
                           char out[WEIR_SOURCE_GONE_NAMES],
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
