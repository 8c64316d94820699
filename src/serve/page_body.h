/* Private to src/serve: the body of POST /api/page; see docs/openapi.yaml. */
#ifndef WEIR_SERVE_PAGE_BODY_H
#define WEIR_SERVE_PAGE_BODY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#define WEIR_PAGE_QUERIES 1000

struct weir_page_known {
    struct weir_str query, etag;
};

struct weir_page_body { /* everything in the arena */
    const char *report;
    const char *version;    /* NULL: the one that she sees */
    const char *time_zone;  /* NULL: the site's */
    struct weir_str values; /* a JSON object */
    const char **queries;   /* NULL: all of the report */
    size_t query_count;
    struct weir_page_known *known;
    size_t known_count;
};

/* `text` has WEIR_BUF_PADDING readable bytes behind it. */
int weir_page_body_read(struct weir_page_body *out, struct weir_arena *arena, struct weir_str text,
                        struct weir_error *err) WEIR_MUST_CHECK;

#endif
