/* Private to src/render: Chromium's DevTools protocol over two pipes. One thread. */
#ifndef WEIR_RENDER_CDP_H
#define WEIR_RENDER_CDP_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_write.h"

struct weir_cdp {
    int to, from;    /* not blocking */
    weir_time until; /* weir_mono() */
    const atomic_bool *cancel;
    struct weir_json_parser *parser;
    struct weir_buf in, out;
    size_t taken;     /* bytes of `in` that were answered with */
    char session[64]; /* of the page; "": the browser itself */
    int64_t id;
};

int weir_cdp_init(struct weir_cdp *cdp, int to, int from, weir_time until,
                  const atomic_bool *cancel, struct weir_error *err) WEIR_MUST_CHECK;
void weir_cdp_free(struct weir_cdp *cdp);

/* The parameters of the next call: an open object on the writer. */
struct weir_jw weir_cdp_begin(struct weir_cdp *cdp, const char *method);
/* Sends it and waits for its answer, which is good until the next call. */
int weir_cdp_call(struct weir_cdp *cdp, struct weir_jw *w, struct weir_json *result,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
