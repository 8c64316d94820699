/* The sandbox's lists. Names are compared without regard to ASCII case. */
#ifndef WEIR_WAREHOUSE_DUCKDB_FUNCTIONS_H
#define WEIR_WAREHOUSE_DUCKDB_FUNCTIONS_H

#include <stdbool.h>

#include "base/str.h"

bool weir_duck_scalar_allowed(struct weir_str name);
bool weir_duck_table_function_allowed(struct weir_str name);
bool weir_duck_system_view_allowed(struct weir_str name);

#endif
