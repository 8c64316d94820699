/* How many rows the tables of sources have: counted, as the engine's own estimate counts deleted
 * ones, too. A count is kept until its table changes. Any thread; there is a lock inside. */
#ifndef WEIR_SOURCE_COUNTS_H
#define WEIR_SOURCE_COUNTS_H

#include "source/schedule/standing.h"

struct weir_source_counts;

struct weir_source_counts *weir_source_counts_new(void); /* NULL without memory */
void weir_source_counts_free(struct weir_source_counts *counts);

/* Sets `rows` of each; -1: there is no such table. Of a table whose counting took long, it may be
 * the number of a moment ago: what counting costs is a small part of the time. */
int weir_source_counts_take(struct weir_source_counts *counts, struct weir_warehouse *warehouse,
                            struct weir_session *session, struct weir_source_standing *items,
                            size_t count, struct weir_error *err) WEIR_MUST_CHECK;

#endif
