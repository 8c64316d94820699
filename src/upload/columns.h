/* The columns of an upload: names that SQL takes without quotes, and types. Private to src/upload.
 */
#ifndef WEIR_UPLOAD_COLUMNS_H
#define WEIR_UPLOAD_COLUMNS_H

#include "upload/csv.h"
#include "upload/guess.h"
#include "upload/upload.h"

struct weir_upload_columns {
    size_t count;
    struct weir_str *header; /* what stood in the file; "" without a header */
    struct weir_column *columns;
    struct weir_guess *guesses;
    bool has_header;
    struct weir_arena arena;
};

/* Reads the whole file: how many columns there are, whether the first line names them, and the
 * types. Free it also after a failure. */
int weir_upload_columns_read(struct weir_upload_columns *c, struct weir_csv *csv,
                             enum weir_upload_header header, uint32_t max_columns,
                             struct weir_error *err) WEIR_MUST_CHECK;
void weir_upload_columns_free(struct weir_upload_columns *c);
/* Is this no record of the table? Its reason, in `room` or static; NULL: it is one. */
const char *weir_upload_bad(const struct weir_upload_columns *c,
                            const struct weir_csv_record *record, char room[160]);
void weir_upload_columns_print(const struct weir_upload_columns *c, struct weir_jw *w);

#endif
