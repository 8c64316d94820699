/* Private to src/serve: results that several may want at once.
 *
 * Whoever wants the result of a compiled query asks here. Equal wants (the same SQL, values, rules
 * and limits) that come while the query runs share its one run; it is canceled when the last of
 * them has left. Everything on the loop's thread. */
#ifndef WEIR_SERVE_RESULTS_H
#define WEIR_SERVE_RESULTS_H

#include "cache/kept.h"
#include "serve/server.h"

struct weir_results;
struct weir_flight;

struct weir_want {
    /* What is to be run; no sink, no done. Whoever wants keeps it until `ready` or leaving. */
    const struct weir_query_request *request;
    /* Once: the result, which is its holder's to release; or NULL and why not. `ran`: of the run,
     * or NULL when nothing ran. */
    void (*ready)(struct weir_want *want, struct weir_kept *kept,
                  const struct weir_query_summary *ran, const struct weir_error *err);
    void *arg;

    /* private */
    struct weir_flight *flight; /* NULL: it waits for nothing */
    struct weir_want *next;
};

int weir_results_new(struct weir_server *server, struct weir_results **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* When the query pool is gone: tells all that still wait. */
void weir_results_stop(struct weir_results *results);
void weir_results_free(struct weir_results *results); /* NULL is fine */

/* All that decides a result but for the tables, as bytes. */
void weir_results_key(const struct weir_results *results, const struct weir_query_request *request,
                      struct weir_buf *out);
/* Begins the run, or joins the one that is under way. More wants than the pool takes wait here. */
int weir_results_want(struct weir_results *results, struct weir_str key, struct weir_want *want,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* `ready` will not be called. Fine when it was called already. */
void weir_results_leave(struct weir_results *results, struct weir_want *want);

#endif
