/* An engine's plan in words that people read. */
#ifndef WEIR_SERVE_PLAN_H
#define WEIR_SERVE_PLAN_H

#include "base/json.h"
#include "base/json_write.h"
#include "warehouse/warehouse.h"

#define WEIR_PLAN_PREFIX "EXPLAIN (FORMAT JSON) " /* before a statement: its plan, as JSON */

/* Prints {"plan":{"name","detail","rows","children"},"text"} of what the engine answered to
 * WEIR_PLAN_PREFIX, a JSON text. */
int weir_plan_print(struct weir_str engine, struct weir_jw *w,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* The same without a server, for a statement on this session: asks the engine first. */
int weir_plan_of(struct weir_session *session, const char *sql, const struct weir_param *params,
                 size_t param_count, struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;

#endif
