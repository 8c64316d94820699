/* Private to src/serve: who uses what, and what it costs.
 *
 * Counts are gathered in memory, one addition a page, and written each second by a thread of their
 * own: at most a second of them is lost with a crash. By day, report and person; days are those of
 * UTC. On the loop's thread, unless it says otherwise. */
#ifndef WEIR_SERVE_USAGE_H
#define WEIR_SERVE_USAGE_H

#include "serve/server.h"
#include "state/usage.h"

struct weir_usage;

int weir_usage_new(struct weir_server *server, struct weir_usage **out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Writes what is left, when no thread of the server's work runs any more. NULL is fine. */
void weir_usage_free(struct weir_usage *usage);

/* `person` "": nobody's; `report` "": free SQL. */
void weir_usage_add(struct weir_usage *usage, const char *person, const char *report,
                    const struct weir_usage_count *count);
void weir_usage_opened(struct weir_usage *usage, const char *person, const char *report);
/* Grows with each time that something was written. */
uint64_t weir_usage_written(const struct weir_usage *usage);

#endif
