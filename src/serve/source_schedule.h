/* Begins runs of sources as the `schedule:` of their files says. */
#ifndef WEIR_SERVE_SOURCE_SCHEDULE_H
#define WEIR_SERVE_SOURCE_SCHEDULE_H

#include "base/error.h"
#include "base/time.h"

struct weir_server;
struct weir_source_scheduler;

int weir_source_scheduler_new(struct weir_server *server, struct weir_source_scheduler **out,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* Begins nothing more; to be called before the loop and the runs go. NULL is fine. */
void weir_source_scheduler_free(struct weir_source_scheduler *scheduler);
/* Any thread: when the next run of this source begins by itself, as of the latest look; 0: not
 * before something happens. A time that has passed means: soon. */
weir_time weir_source_scheduler_due(struct weir_source_scheduler *scheduler, const char *source);
/* Why it never runs by itself, "" when it does. Of static storage. */
const char *weir_source_scheduler_trouble(struct weir_source_scheduler *scheduler,
                                          const char *source);

#endif
