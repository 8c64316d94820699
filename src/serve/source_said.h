/* Runs of sources as they are told, kept in the state store over the server's end: what failed, and
 * what loaded something. */
#ifndef WEIR_SERVE_SOURCE_SAID_H
#define WEIR_SERVE_SOURCE_SAID_H

#include "base/json_write.h"
#include "base/log.h"
#include "state/run_log.h"

/* What is kept of one run. */
#define WEIR_SAID_STREAMS 100
#define WEIR_SAID_BYTES   (64u << 10) /* of its log */

/* A failure is a line of the log. */
void weir_source_said_keep(struct weir_state *state, const struct weir_log *log,
                           const struct weir_run_log *run);
/* Prints the run with its "log", and "report": null; false: it is not kept. */
bool weir_source_said_print(struct weir_state *state, const char *run, struct weir_jw *w);

#endif
