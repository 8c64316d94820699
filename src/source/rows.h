/* Rows that a connector makes value by value, on their way into a sink. Private to src/source. */
#ifndef WEIR_SOURCE_ROWS_H
#define WEIR_SOURCE_ROWS_H

#include "source/connector.h"

struct weir_source_rows {
    struct weir_source_sink *sink;
    struct weir_str part;
    struct weir_vector *vectors; /* of the sink's columns */
    size_t count, most;
    struct weir_arena own, texts; /* texts: of the batch */
};

/* Free it also after a failure. */
int weir_source_rows_open(struct weir_source_rows *r, struct weir_source_sink *sink,
                          struct weir_str part, struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_rows_free(struct weir_source_rows *r);
/* Values of the row that is being made; a column that nothing is set of is NULL. The type is the
 * caller's to match. */
void weir_source_rows_bool(struct weir_source_rows *r, size_t column, bool value);
void weir_source_rows_int(struct weir_source_rows *r, size_t column, int64_t value);
void weir_source_rows_double(struct weir_source_rows *r, size_t column, double value);
int weir_source_rows_text(struct weir_source_rows *r, size_t column, struct weir_str text,
                          struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_rows_forget(struct weir_source_rows *r); /* what was set of this row */
/* The row is made; a full batch goes to the sink. */
int weir_source_rows_end(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_rows_flush(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;

#endif
