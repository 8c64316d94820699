/* The engine has the texts of WEIR_ROWS_AT_ONCE rows in its memory at once, whenever it writes or
 * moves them. Where they do not fit it fails for good, and with it all that people ask just then:
 * so whoever appends rows of strangers asks here before. */
#ifndef WEIR_WAREHOUSE_TEXTS_H
#define WEIR_WAREHOUSE_TEXTS_H

#include "warehouse/warehouse.h"

/* Of the rows that the engine has at once, those that were asked for already. Begin with zeros; one
 * for each table. */
struct weir_texts {
    size_t rows;
    uint64_t bytes;
};

/* Bytes of the texts in rows [from, to) of a batch. */
uint64_t weir_texts_of(const struct weir_column *columns, size_t count,
                       const struct weir_batch *batch, size_t from, size_t to);

/* May these be appended, behind those before? `all`: bytes of the batch's texts. WEIR_ETOOBIG: they
 * do not fit; the message ends with `rows` of the first part ("rows that would be set aside") and
 * with what can be done: more memory, or `advice`. */
int weir_texts_check(struct weir_texts *window, const struct weir_session *session,
                     const struct weir_column *columns, size_t count,
                     const struct weir_batch *batch, uint64_t all, const char *rows,
                     const char *advice, struct weir_error *err) WEIR_MUST_CHECK;

#endif
