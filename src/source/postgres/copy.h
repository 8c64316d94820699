/* What PostgreSQL sends for COPY … TO STDOUT (FORMAT binary): pure, any bytes may come. Private to
 * src/source/postgres. */
#ifndef WEIR_SOURCE_POSTGRES_COPY_H
#define WEIR_SOURCE_POSTGRES_COPY_H

#include "source/run/rows.h"

struct weir_pg_copy {
    struct weir_source_rows *rows;
    const unsigned *scales; /* of the sink's columns: digits behind the point of decimals */
    bool begun, ended;
    uint64_t count; /* rows, of them also those that were rejected */
    struct weir_buf text;
};

void weir_pg_copy_init(struct weir_pg_copy *copy, struct weir_source_rows *rows,
                       const unsigned *scales);
void weir_pg_copy_free(struct weir_pg_copy *copy);
/* One message: the header, whole rows, the trailer, each where it may stand. What each field is,
 * its sink's column says: BOOL 1 byte; INT 2, 4 or 8; DOUBLE 4 or 8; DATE 4 (days since 2000);
 * TIMESTAMP 8 (microseconds since 2000); OTHER a numeric; TEXT and JSON the text. WEIR_ECORRUPT
 * when it is not that. A row with a value that its column cannot hold is rejected. */
int weir_pg_copy_message(struct weir_pg_copy *copy, struct weir_str message,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* A numeric as text with exactly `scale` digits behind the point. False: it is damaged, is NaN or
 * infinite, or has other digits behind. `scale` is 64 at most. */
bool weir_pg_numeric(struct weir_str field, unsigned scale, struct weir_buf *out);

/* The same times 10^scale, of at most 18 digits. */
bool weir_pg_scaled(struct weir_str field, unsigned scale, int64_t *out);

#endif
