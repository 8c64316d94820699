/* Private to src/serve: weir's own usage as tables of the warehouse, schema `usage`
 * (docs/format/usage.md).
 *
 * Copied from the state store every `serve.usage_every`, in a transaction that also notes how far:
 * so each row is there once, whenever the process dies. */
#ifndef WEIR_SERVE_USAGE_TABLES_H
#define WEIR_SERVE_USAGE_TABLES_H

#include "serve/server.h"

struct weir_usage_tables;

int weir_usage_tables_new(struct weir_server *server, struct weir_usage_tables **out,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* When no thread of the server's lists runs any more. NULL is fine. */
void weir_usage_tables_free(struct weir_usage_tables *tables);

#endif
