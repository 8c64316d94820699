/* The columns of a CSV file: names that SQL takes without quotes, and types guessed over all of it.
 */
#ifndef WEIR_CSV_COLUMNS_H
#define WEIR_CSV_COLUMNS_H

#include "base/json_write.h"
#include "csv/csv.h"
#include "csv/first.h"
#include "csv/guess.h"

enum weir_csv_header { WEIR_CSV_HEADER_GUESS, WEIR_CSV_HEADER_YES, WEIR_CSV_HEADER_NO };

struct weir_csv_columns {
    size_t count;
    struct weir_str *header; /* what stood in the file; "" without a header */
    struct weir_column *columns;
    struct weir_guess *guesses;
    uint64_t rows; /* without those that are bad, and without the first line */
    struct weir_csv_first first;
    bool commas; /* its numbers have decimal commas, as far as is seen */
    bool has_header;
    bool in_rows; /* the walk of weir_csv_columns_next is behind the header */
    /* The line where the table begins, when others stand above it: titles, "generated at". They are
     * handed out as bad ones. Guessed with WEIR_CSV_HEADER_GUESS only. */
    uint64_t first_line;
    uint64_t header_line; /* where names are, or the first row */
    struct weir_arena arena;
};

/* Reads the whole file: how many columns there are, whether the first line names them, and the
 * types. Free it also after a failure. */
int weir_csv_columns_read(struct weir_csv_columns *c, struct weir_csv *csv,
                          enum weir_csv_header header, uint32_t max_columns,
                          struct weir_error *err) WEIR_MUST_CHECK;
void weir_csv_columns_free(struct weir_csv_columns *c);
/* The rows: back to the first, and the next one (as weir_csv_next, without the header). */
void weir_csv_columns_rewind(struct weir_csv_columns *c, struct weir_csv *csv);
int weir_csv_columns_next(struct weir_csv_columns *c, struct weir_csv *csv,
                          struct weir_csv_record *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Is this no record of the table? Its reason, in `room` or static; NULL: it is one. */
const char *weir_csv_bad(const struct weir_csv_columns *c, const struct weir_csv_record *record,
                         char room[160]);
void weir_csv_columns_print(const struct weir_csv_columns *c, struct weir_jw *w);
/* Gives each of `count` columns the name that its header makes ("Order Date (UTC)" becomes
 * order_date_utc), each another one. Texts live in the arena. */
int weir_csv_name_columns(struct weir_arena *arena, const struct weir_str *headers, size_t count,
                          struct weir_column *columns, struct weir_error *err) WEIR_MUST_CHECK;
/* The name that a header makes, or column_N by its place when it makes none. ptr NULL when the
 * arena is full. */
struct weir_str weir_csv_plain_name(struct weir_arena *arena, struct weir_str header, size_t at);
/* Any bytes as text: what is no UTF-8, and NUL, become U+FFFD. ptr NULL when the arena is full. */
struct weir_str weir_csv_readable(struct weir_arena *arena, struct weir_str raw);

#endif
