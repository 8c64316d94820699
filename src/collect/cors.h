/* Cross-origin rules: a tracking API is called from everywhere, and holds nothing that a browser's
 * credentials could open. */
#ifndef WEIR_COLLECT_CORS_H
#define WEIR_COLLECT_CORS_H

#include "io/http.h"

/* For every answer: the origin echoed (none asked for: nothing is set). */
void weir_cors_allow(struct weir_http_request *req);
/* The answer to OPTIONS: 204, with whatever headers the browser asks about. */
void weir_cors_preflight(struct weir_http_request *req);

#endif
