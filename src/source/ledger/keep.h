/* How a stream's table was loaded, which its cursor says (`made`, docs/format/loads.md), and what a
 * change of that may do to rows that only the table has. Private to src/source. */
#ifndef WEIR_SOURCE_KEEP_H
#define WEIR_SOURCE_KEEP_H

#include "source/run/run.h"

/* Behind the connector's plan, whose `last` is the cursor of the last run. Rows that the stream's
 * mode promised to keep stay: what would build their table anew is merged into it, or refused
 * (WEIR_EINVAL), but for a full run. Then the plan's cursor says how the table is made now. */
int weir_source_keep(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* Each name of `exclude` is that of a column, or was when the table was last loaded; else
 * WEIR_EINVAL, since what was to be left out would be read. Where not all columns are known,
 * nothing is said. */
int weir_source_check_excluded(const struct weir_stream_run *r,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* A cursor that says it; ptr NULL: no memory. */
struct weir_str weir_source_made_add(struct weir_arena *arena, struct weir_str cursor,
                                     const struct weir_source_stream *stream);
/* Was its table made of what came, and of nothing else? */
bool weir_source_made_replaces(struct weir_str cursor);
/* Says the cursor that nothing but `exclude` was another then, which may be longer now, or any at
 * all where `any` is said? Rows that are there need not be read again. */
bool weir_source_made_goes_on(struct weir_str cursor, const struct weir_source_stream *stream,
                              bool any);

#endif
