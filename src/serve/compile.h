/* Private to src/serve: a request's template, compiled on the loop, or on a thread when the catalog
 * must be asked. */
#ifndef WEIR_SERVE_COMPILE_H
#define WEIR_SERVE_COMPILE_H

#include "serve/body.h"
#include "serve/server.h"
#include "serve/template.h"

struct weir_compiling {
    struct weir_call call;
    struct weir_query_body body;
    struct weir_template t;
    struct weir_compiled ruled; /* with body.show_rules, when it compiled */
    int code;
    struct weir_error err;
    int64_t utc_offset;
    void (*done)(struct weir_compiling *compiling); /* on the loop; frees it */
};

/* Through whose eyes the body's statement sees the tables; WEIR_EPERM for those who write no SQL of
 * their own. (In query.c.) */
int weir_query_find_access(const struct weir_call *call, struct weir_query_body *body,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* Takes the body over, also when it fails; then `done` is not called. */
int weir_compiling_start(const struct weir_call *call, struct weir_query_body *body,
                         void (*done)(struct weir_compiling *compiling),
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_compiling_free(struct weir_compiling *compiling); /* NULL is fine */

#endif
