/* Private to src/serve: pages that people opened lately are computed anew after a load, before
 * somebody asks.
 *
 * One page after another, one query at a time, and only when nobody else's runs; what still holds
 * is found and costs nothing. A round over all is followed by a rest of four times its length. The
 * loop's thread. */
#ifndef WEIR_SERVE_WARM_H
#define WEIR_SERVE_WARM_H

#include "serve/server.h"

struct weir_warm;

int weir_warm_new(struct weir_server *server, int64_t most, struct weir_warm **out,
                  struct weir_error *err) WEIR_MUST_CHECK;
void weir_warm_stop(struct weir_warm *warm); /* while there is a loop; NULL is fine */
void weir_warm_free(struct weir_warm *warm); /* when it is gone; NULL is fine */
/* She asked for this page, a body of POST /api/page; `rules`: what she sees of its rows. */
void weir_warm_used(struct weir_warm *warm, const struct weir_caller *who, uint64_t rules,
                    struct weir_str body);

/* --- page.c --- */
/* Computes a page for nobody. `done` comes once, perhaps at once. The body has WEIR_BUF_PADDING
 * bytes behind it. */
void weir_page_warm(struct weir_server *server, const struct weir_caller *who, struct weir_str body,
                    void (*done)(void *arg), void *arg);

#endif
