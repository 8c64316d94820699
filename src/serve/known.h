/* Private to src/serve: who comes in, and what she may do, kept until the state store changes.
 *
 * Every request asks for it, and it seldom changes. What is given out was read after the last
 * commit to the store, whoever made it: a right that is taken away is gone with the next request.
 * The loop's thread. */
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
/* Fills in who calls, by the secret of a session or of an API token (`way`). WEIR_ENOENT: nobody
 * comes in with it, or not any more. */
int weir_known_enter(struct weir_known *known, struct weir_call *call, enum weir_way way,
                     struct weir_str secret, struct weir_error *err) WEIR_MUST_CHECK;
/* Of who calls; `out` holds until the next call. */
int weir_known_of(struct weir_known *known, const struct weir_call *call,
                  const struct weir_known_person **out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
