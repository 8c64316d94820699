/* For the files of this folder only: commands over the collector's own socket. */
#ifndef WEIR_COLLECT_CONTROL_H
#define WEIR_COLLECT_CONTROL_H

#include "collect/collector.h"
#include "collect/watch.h"

void weir_control_release(struct weir_collector *c, struct weir_http_request *req,
                          const struct weir_route *route);
/* Begins to move the calls whose unknown key has become known. */
void weir_control_auto_release(struct weir_collector *c);
/* Ends the release under way, if any, unanswered; when the loop has ended. */
void weir_control_end(struct weir_collector *c);

#endif
