/* Changes of the files of sources, in git. Private to src/serve. */
#ifndef WEIR_SERVE_SOURCE_COMMIT_H
#define WEIR_SERVE_SOURCE_COMMIT_H

#include "serve/ask.h"

/* Calls `write`, which changes sources/NAME.yml, while nobody else does, and commits the file in
 * the caller's name: "VERB the source NAME". WEIR_EBUSY while somebody's own git is in the middle
 * of a merge. */
int weir_source_commit(struct weir_ask *ask, const char *name, const char *verb,
                       int (*write)(struct weir_ask *ask, void *arg, struct weir_error *err),
                       void *arg, struct weir_error *err) WEIR_MUST_CHECK;

#endif
