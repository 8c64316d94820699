/* The body of POST /api/query: see docs/openapi.yaml. */
#ifndef WEIR_SERVE_BODY_H
#define WEIR_SERVE_BODY_H

#include "base/arena.h"
#include "base/json.h"
#include "query/query.h"

#define WEIR_MAX_PARAMS 10000

struct weir_query_body {
    struct weir_query_request request; /* borrows from the two below; no sink, no done */
    const char *as;             /* the e-mail address of the person whose eyes to use, or NULL */
    const char *report, *query; /* ids, in place of a statement; or NULL */
    const char *version;        /* of the report; NULL: what she sees */
    const char *disposition;    /* Content-Disposition of the answer, or NULL; not in the text */
    struct weir_arena arena;
    struct weir_json_parser *parser;
    struct weir_json values;         /* of parameters; absent: the statement is no template */
    struct weir_json_parser *merged; /* holds `values` once forced ones were put in; or NULL */
    weir_time now;                   /* what "today" is made of; 0: the time now; not in the text */
    const char *known;               /* the ETag of the answer that the client has, or NULL */
    bool fresh;                      /* to be computed, also when the same result is kept */
    bool unnoted;                    /* left out of the history */
    bool show_rules; /* to be compiled with what `as` may see put in, for an admin's eyes */
};

/* `text` has WEIR_BUF_PADDING readable bytes behind it. Free the body also after a failure. */
int weir_query_body_read(struct weir_query_body *out, struct weir_str text,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_query_body_free(struct weir_query_body *body);

#endif
