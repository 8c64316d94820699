/* Private to src/serve: what people may do, kept until the state store changes.
 *
 * Every page asks for it, and it seldom changes. What is given out was read after the last commit
 * to the store, whoever made it: a right that is taken away is gone with the next request. The
 * loop's thread. */
#ifndef WEIR_SERVE_KNOWN_H
#define WEIR_SERVE_KNOWN_H

#include "serve/shelf.h"

struct weir_known;

struct weir_known_person {
    struct weir_levels levels;
    struct weir_access *access; /* NULL: she sees everything */
};

struct weir_known *weir_known_new(void);        /* NULL without memory */
void weir_known_free(struct weir_known *known); /* NULL is fine */
/* Of who calls; `out` holds until the next call. */
int weir_known_of(struct weir_known *known, const struct weir_call *call,
                  const struct weir_known_person **out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
