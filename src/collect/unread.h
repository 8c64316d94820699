/* Requests that were refused before anybody read a call in them: too large, undecodable, no HTTP.
 *
 * An SDK drops what is answered 4xx, and there is no body to keep, so what is known is kept: one
 * line in the log and the same in .weir/unread.ndjson (docs/guide/tracking-api.md says what is in
 * it). Both are limited, a burst and then one a second, because anybody can send rubbish; what is
 * left out is counted and said with the next line. The file is turned over once, at
 * WEIR_UNREAD_BYTES. On the loop's thread. */
#ifndef WEIR_COLLECT_UNREAD_H
#define WEIR_COLLECT_UNREAD_H

#include "base/time.h"
#include "io/http.h"

#define WEIR_UNREAD_FILE  "unread.ndjson" /* in the data folder; the older half: with .1 */
#define WEIR_UNREAD_BYTES (1u << 20)

struct weir_unread {
    const char *path, *older; /* the workspace's */
    weir_time from;           /* lines were allowed since; monotonic */
    uint64_t lines;           /* written since then */
    uint64_t left_out;
};

/* Answers, counts, and keeps what is known; weir_http_options.refused of the collector. */
void weir_unread_refuse(struct weir_http_request *req, int status, const char *why,
                        void *collector);

#endif
