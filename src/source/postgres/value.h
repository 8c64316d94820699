/* Values as PostgreSQL writes them, as the sink's columns want them: pure, any text may come.
 * Private to src/source/postgres. */
#ifndef WEIR_SOURCE_POSTGRES_VALUE_H
#define WEIR_SOURCE_POSTGRES_VALUE_H

#include "source/run/rows.h"

struct weir_pg_target { /* a column of the sink */
    enum weir_type type;
    unsigned precision, scale; /* of OTHER: an exact decimal */
    uint32_t oid;              /* the type at the source */
    uint32_t element;          /* of an array, the type of its elements; else 0 */
};
/* Sets it in the row that is being made. *why: the column cannot hold it, and nothing was set. */
int weir_pg_value_put(struct weir_source_rows *rows, size_t column,
                      const struct weir_pg_target *target, struct weir_str text,
                      struct weir_buf *room, const char **why,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* An array as JSON; false: it is none. */
bool weir_pg_array(struct weir_str text, uint32_t element, struct weir_buf *out);

#endif
