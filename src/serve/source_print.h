/* Sources as the API tells of them. */
#ifndef WEIR_SERVE_SOURCE_PRINT_H
#define WEIR_SERVE_SOURCE_PRINT_H

#include "serve/ask.h"

/* Does she see all tables? Streams and columns of a source, and the words of what failed, tell of
 * tables and of values. */
int weir_source_sees_all(struct weir_ask *ask, bool *all, struct weir_error *err) WEIR_MUST_CHECK;
/* {"sources":[…]} */
int weir_source_print_list(struct weir_ask *ask, struct weir_error *err) WEIR_MUST_CHECK;
/* One of those that weir reads from; `file`: with its file. */
int weir_source_print_one(struct weir_ask *ask, const char *name, bool file,
                          struct weir_error *err) WEIR_MUST_CHECK;

#endif
