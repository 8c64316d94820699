/* Is the first line of a table, which says no more than the others do by their types, its names?
 *
 * Two kinds of names look like values: an index has none (", name, city" of pandas and R), and the
 * columns of a pivot are called by numbers that count (2023, 2024, 2025). What stands below tells
 * them from a row. Private to src/csv. */
#ifndef WEIR_CSV_FIRST_H
#define WEIR_CSV_FIRST_H

#include "csv/csv.h"

struct weir_csv_first {
    bool may;     /* it may be names of these kinds; nothing else is looked for when not */
    bool unnamed; /* its first field is empty */
    bool years;
    size_t numbers; /* fields with one: years in their order, or 0, 1, 2, … and 1, 2, 3, … */
    /* of the rows */
    uint64_t rows;
    uint64_t empty; /* whose first field is, */
    uint64_t alike; /* and those whose numbers count as well, or are years, too */
    bool repeats;   /* some name stands below itself */
    int64_t begins; /* of an index: what the first row has, */
    bool counts;    /* and each next one is one more */
};

/* By the line alone. The texts must live as long. */
void weir_csv_first_look(struct weir_csv_first *f, const struct weir_str *fields, size_t count);
/* A row below it, of as many fields. */
void weir_csv_first_see(struct weir_csv_first *f, const struct weir_str *fields, size_t count,
                        const struct weir_csv_field *row);
bool weir_csv_first_names(const struct weir_csv_first *f);

#endif
