/* A query's answer as texts: what a table is laid out from. */
#ifndef WEIR_DEMO_CELLS_H
#define WEIR_DEMO_CELLS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

struct weir_demo_column {
    struct weir_str name;
    bool number;
    int decimals; /* of all its values alike */
    size_t width; /* of the widest value, in characters */
};

struct weir_demo_cell {
    struct weir_str text; /* ptr NULL: null */
    double value;         /* of a number */
};

struct weir_demo_cells {
    size_t rows, columns;
    struct weir_demo_column *column;
    struct weir_demo_cell *cell; /* row by row */
};

int weir_demo_cells_read(struct weir_demo_cells *cells, struct weir_arena *arena,
                         struct weir_json answer, struct weir_error *err) WEIR_MUST_CHECK;
/* SIZE_MAX when there is none. */
size_t weir_demo_cells_column(const struct weir_demo_cells *cells, struct weir_str name);
static inline const struct weir_demo_cell *weir_demo_cells_at(const struct weir_demo_cells *cells,
                                                              size_t row, size_t column)
{
    return &cells->cell[row * cells->columns + column];
}
/* "12,345.60" */
struct weir_str weir_demo_number(struct weir_arena *arena, double value, int decimals);
/* Characters, taking each code point as one column wide. */
size_t weir_demo_width(struct weir_str text);

#endif
