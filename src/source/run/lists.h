/* Tables of lists (`nested: tables`): each list in the rows of a stream is a run of its own, that
 * is staged from the same feed and applied in the transaction of the stream. Private to src/source.
 */
#ifndef WEIR_SOURCE_LISTS_H
#define WEIR_SOURCE_LISTS_H

#include "source/run/run.h"

/* After the stream itself was staged: its lists, and those that it had before and that do not come
 * any more. */
int weir_lists_stage(struct weir_stream_run *r, struct weir_error *err) WEIR_MUST_CHECK;
/* Is a table of them gone? Then the stream is to be read as a whole. */
int weir_lists_missing(struct weir_stream_run *r, bool *missing,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Those that it was loaded with: the list, and its table. */
int weir_lists_each(struct weir_stream_run *r,
                    int (*each)(void *of, struct weir_str list, struct weir_str table,
                                struct weir_error *err),
                    void *of, struct weir_error *err) WEIR_MUST_CHECK;

#endif
