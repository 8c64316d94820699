/* Begins runs of sources as the `schedule:` of their files says. */
#ifndef WEIR_SERVE_SOURCE_SCHEDULE_H
#define WEIR_SERVE_SOURCE_SCHEDULE_H

#include "base/error.h"

struct weir_server;
struct weir_source_scheduler;

int weir_source_scheduler_new(struct weir_server *server, struct weir_source_scheduler **out,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Begins nothing more; to be called before the loop and the runs go. NULL is fine. */
void weir_source_scheduler_free(struct weir_source_scheduler *scheduler);

#endif
