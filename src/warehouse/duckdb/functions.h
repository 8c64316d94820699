/* The sandbox's lists. Names are compared without regard to ASCII case. */
#ifndef WEIR_WAREHOUSE_DUCKDB_FUNCTIONS_H
#define WEIR_WAREHOUSE_DUCKDB_FUNCTIONS_H

#include <stdbool.h>

#include "base/str.h"
#include "warehouse/warehouse.h"

bool weir_duck_scalar_allowed(struct weir_str name);
bool weir_duck_table_function_allowed(struct weir_str name);
bool weir_duck_system_view_allowed(struct weir_str name);
/* Does an allowed function behind FROM depend on its arguments alone? */
bool weir_duck_table_function_pure(struct weir_str name);
/* What an allowed scalar function asks beside its arguments. */
enum weir_clock weir_duck_scalar_clock(struct weir_str name);
/* The same of a name that stands alone: `current_date`. */
enum weir_clock weir_duck_word_clock(struct weir_str name);

#endif
