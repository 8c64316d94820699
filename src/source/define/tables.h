/* Tables of the streams that were found in a database. Private to src/source. */
#ifndef WEIR_SOURCE_TABLES_H
#define WEIR_SOURCE_TABLES_H

#include "source/connector.h"
#include "warehouse/warehouse.h"

/* Gives each stream a table of its own, which weir_source_config_stream() then tells. Where names
 * would be one, the stream that is called so has it, else the first by the order of bytes; others
 * get
 * "_2", "_3" behind it. A stream that was loaded keeps its table, as far as the session's warehouse
 * knows (`session` NULL: nothing was loaded). */
int weir_source_tables_give(struct weir_source_config *config,
                            const struct weir_source_catalog *catalog, struct weir_session *session,
                            struct weir_error *err) WEIR_MUST_CHECK;

#endif
