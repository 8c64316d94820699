#ifndef WEIR_SERVE_QUERY_REPORT_H
#define WEIR_SERVE_QUERY_REPORT_H

#include "base/arena.h"
#include "serve/server.h"
#include "workspace/document.h"

/* The report, when the caller may see it; else WEIR_ENOENT. It is `all`'s. */
int weir_query_find_report(const struct weir_call *call, struct weir_arena *arena,
                           const struct weir_documents *all, const char *id,
                           const struct weir_document **out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* The same for one of its versions: NULL, "draft", "published", or what a save answered. */
int weir_query_find_version(const struct weir_call *call, struct weir_arena *arena,
                            const struct weir_documents *all, const char *id, const char *version,
                            const struct weir_document **out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* The values that hold for the caller when she gives these: `given` and `out` are JSON objects.
 * What is forced upon her takes the place of what she gave. */
int weir_query_values(const struct weir_call *call, struct weir_arena *arena,
                      const struct weir_document *d, struct weir_str given, struct weir_str *out,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The SQL of its query, with its parameters as the form. */
int weir_query_with_form(struct weir_arena *arena, const struct weir_document *d, const char *query,
                         const char **sql, struct weir_error *err) WEIR_MUST_CHECK;
/* Both: the SQL of a report's query with the report's parameters as its form, in the arena.
 * WEIR_ENOENT when there is no such report or query, or when the caller may not see the report. */
int weir_query_of_report(const struct weir_call *call, struct weir_arena *arena, const char *report,
                         const char *query, const char **sql,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
