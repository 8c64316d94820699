/* A query of a report, by name: what viewers run. Its SQL is the report's, not the reader's, and
 * what is forced on her holds whatever she sends. Every way to run one goes through here. */
#ifndef WEIR_SERVE_QUERY_REPORT_H
#define WEIR_SERVE_QUERY_REPORT_H

#include "base/arena.h"
#include "serve/look.h"
#include "serve/server.h"
#include "workspace/document.h"

/* weir_report_look() for whoever calls. */
int weir_query_find_report(const struct weir_call *call, struct weir_arena *arena, const char *id,
                           const char *version, struct weir_report_look *out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* May she run it? Embedded pages run what their tiles show, and the rows behind these. */
int weir_query_may_run(const struct weir_report_look *look, const char *query,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* The values that hold for her when she gives these, JSON objects both (`given` may be empty): what
 * is forced takes the place of what she gave. */
int weir_query_values(const struct weir_report_look *look, struct weir_arena *arena,
                      struct weir_str given, struct weir_str *out,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The SQL of its query, with its parameters as the form. */
int weir_query_with_form(struct weir_arena *arena, const struct weir_document *d, const char *query,
                         const char **sql, struct weir_error *err) WEIR_MUST_CHECK;

#endif
