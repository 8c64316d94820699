/* Private to src/serve: a result that goes out while it is computed, or as it was kept.
 *
 * A worker encodes; the loop sends. What the worker made and the client has not taken yet is
 * bounded: beyond it the worker waits, and with it the engine. On its way a copy is made, up to
 * `cache.result`, for whoever asks the same next (docs/design/cache.md). */
#ifndef WEIR_SERVE_STREAM_H
#define WEIR_SERVE_STREAM_H

#include "serve/compile.h"

/* Answers the call, now or later. Takes over the body, or what it was compiled from (the other is
 * NULL). A file to download (call->disposition) is computed each time and not kept. */
void weir_stream_start(const struct weir_call *call, struct weir_query_body *body,
                       struct weir_compiling *from);

#endif
