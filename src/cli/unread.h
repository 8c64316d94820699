/* What `weir collect` kept of requests that it refused unread (collect/unread.h). Only src/cli
 * includes this. */
#ifndef WEIR_CLI_UNREAD_H
#define WEIR_CLI_UNREAD_H

#include "base/time.h"
#include "workspace/workspace.h"

struct weir_unread_sum {
    uint64_t count; /* in the two files */
    weir_time last_at;
    char what[320]; /* of the last one: "413 body is too large (source web, from 127.0.0.1)" */
};
/* Nothing was refused, or the files cannot be read: zeros. */
void weir_unread_sum(struct weir_workspace *workspace, struct weir_unread_sum *out);

#endif
