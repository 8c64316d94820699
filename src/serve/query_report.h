#ifndef WEIR_SERVE_QUERY_REPORT_H
#define WEIR_SERVE_QUERY_REPORT_H

#include "base/arena.h"
#include "serve/server.h"

/* The SQL of a report's query with the report's parameters as its form, in the arena. WEIR_ENOENT
 * when there is no such report or query, or when the caller may not see the report. */
int weir_query_of_report(const struct weir_call *call, struct weir_arena *arena, const char *report,
                         const char *query, const char **sql,
                         struct weir_error *err) WEIR_MUST_CHECK;

#endif
