/* What proves that a stage holds what was read: per column how many values, and a sum over all of
 * them (of texts: of their bytes; of times: of their microseconds; of doubles, whose sums depend on
 * the order, the least and the greatest). Counted once while reading, and once more by the
 * warehouse. Private to src/source. */
#ifndef WEIR_SOURCE_FIGURES_H
#define WEIR_SOURCE_FIGURES_H

#include "warehouse/warehouse.h"

#define WEIR_FIGURES_DIGITS 18 /* of a decimal that is a number of 64 bits */

struct weir_figure {
    uint64_t values;
    __int128 sum; /* of long decimals its lowest 128 bits */
    /* Of decimals, where their sum may be more than the warehouse's engine takes: the sum of what
     * is left of each by 10^18, and how many digits the longest has. */
    __int128 rest;
    size_t digits;
    double least, greatest; /* of DOUBLE: both 0 when there is none but NaN */
    bool any;
};
struct weir_figures {
    uint64_t rows;
    size_t count;
    struct weir_figure *columns;
};

/* In the arena. */
int weir_figures_init(struct weir_figures *f, size_t columns, struct weir_arena *arena,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_figures_add(struct weir_figures *f, const struct weir_batch *batch);
/* Of a table that has these columns, and should have the rows of which `read` is. */
int weir_figures_ask(struct weir_figures *f, const struct weir_figures *read,
                     struct weir_session *session, struct weir_str schema, struct weir_str table,
                     const struct weir_column *columns, struct weir_error *err) WEIR_MUST_CHECK;
/* The first column in which they differ, `count` when only the number of rows does; false: they
 * are equal. */
bool weir_figures_differ(const struct weir_figures *a, const struct weir_figures *b,
                         size_t *column);
/* 16 hex digits: equal for equal figures. */
void weir_figures_checksum(const struct weir_figures *f, char out[17]);

#endif
