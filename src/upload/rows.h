/* Rows of one table on their way into it, written in batches by the transaction that its session is
 * in. Private to src/upload. */
#ifndef WEIR_UPLOAD_ROWS_H
#define WEIR_UPLOAD_ROWS_H

#include "warehouse/texts.h"

struct weir_upload_rows {
    struct weir_session *session;
    struct weir_str schema, table;
    const struct weir_column *columns;
    size_t column_count, most; /* most: rows of a batch */
    struct weir_vector *vectors;
    size_t count; /* of the batch */
    uint64_t total;
    struct weir_arena texts; /* of the batch; freed by the owner */
    struct weir_texts asked;
};

/* What stands above `vectors` is filled in before; the vectors live in `arena`. */
int weir_upload_rows_open(struct weir_upload_rows *r, struct weir_arena *arena,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Values of the row that is being made; a column that nothing is set of is NULL. */
void weir_upload_set_valid(struct weir_upload_rows *r, size_t column);
int weir_upload_set_text(struct weir_upload_rows *r, size_t column, struct weir_str text,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_upload_set_int(struct weir_upload_rows *r, size_t column, int64_t value);
/* The row is made; a full batch is written. */
int weir_upload_rows_end(struct weir_upload_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
int weir_upload_rows_flush(struct weir_upload_rows *r, struct weir_error *err) WEIR_MUST_CHECK;

#endif
