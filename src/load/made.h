/* weir.tables: which tables the loader made. Only those may be dropped when no event makes them any
 * longer; all others are somebody's own, whatever they look like. */
#ifndef WEIR_LOAD_MADE_H
#define WEIR_LOAD_MADE_H

#include "load/table.h"

/* Makes weir.tables where it is missing. In a warehouse of an older weir it then names the tables
 * that have the event schema's columns and the name of an event of their schema's `tracks`, or of a
 * kind of calls. */
int weir_made_open(struct weir_session *session, struct weir_error *err) WEIR_MUST_CHECK;
/* In the caller's transaction. */
int weir_made_add(struct weir_session *session, struct weir_str schema, struct weir_str table,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* In the caller's transaction: drops those that the replay's catalog did not make, of one schema or
 * (empty) of all, and forgets those that are gone. `tables` is what the warehouse had before. */
int weir_made_drop_others(struct weir_session *session, const struct weir_catalog *catalog,
                          struct weir_str schema, const struct weir_table *tables, size_t count,
                          struct weir_error *err) WEIR_MUST_CHECK;

#endif
