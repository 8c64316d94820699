/* Private to src/serve: who ran what, kept in the state store.
 *
 * A run is begun when a statement is taken and ended when its answer has gone out; a thread of its
 * own writes it then, with a connection of its own, many in one transaction. So an answer never
 * waits for the store, nor does the loop. When runs come faster than they can be written, the
 * newest are left out, and the log says how many. */
#ifndef WEIR_SERVE_HISTORY_H
#define WEIR_SERVE_HISTORY_H

#include "serve/body.h"
#include "serve/server.h"

struct weir_history_entry; /* a run under way */

/* `keep`: how many runs of each person stay; 0: nothing is noted. */
int weir_history_new(const char *state_path, int64_t keep, const struct weir_log *log,
                     struct weir_history **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Writes what waits. NULL is fine. */
void weir_history_free(struct weir_history *history);
/* For reading, from any thread. */
struct weir_state *weir_history_state(struct weir_history *history);

/* Copies what it needs. NULL when nothing is to be noted, or without memory. */
struct weir_history_entry *weir_history_begin(const struct weir_call *call,
                                              const struct weir_query_body *body);
/* Takes the entry over; NULL is fine. `summary` may be NULL when nothing ran, `err` when it ended
 * well. */
void weir_history_end(struct weir_history *history, struct weir_history_entry *entry,
                      const struct weir_query_summary *summary, const struct weir_error *err);

/* Nothing ran after all. NULL is fine. */
void weir_history_drop(struct weir_history_entry *entry);

#endif
