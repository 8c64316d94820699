/* A result as an Excel workbook, written row by row in constant memory.
 *
 * Texts are texts, never formulas. Numbers that a spreadsheet would round, and dates before 1900,
 * are texts. A sheet holds 1,048,576 rows of 16,384 columns and a cell 32,767 characters: what is
 * cut is told on a second sheet, "Note". */
#ifndef WEIR_QUERY_XLSX_H
#define WEIR_QUERY_XLSX_H

#include "warehouse/warehouse.h"

struct weir_xlsx;

/* Writes to `path`; parts wait in files of `temp_dir`. `columns` must outlive it. `max_rows` 0: as
 * many as a sheet holds. */
int weir_xlsx_new(const char *path, const char *temp_dir, const struct weir_column *columns,
                  size_t column_count, uint64_t max_rows, struct weir_xlsx **out,
                  struct weir_error *err) WEIR_MUST_CHECK;
int weir_xlsx_add(struct weir_xlsx *book, const struct weir_batch *batch,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* There were rows that did not go in. */
bool weir_xlsx_full(const struct weir_xlsx *book);
uint64_t weir_xlsx_rows(const struct weir_xlsx *book);
/* Ends the file and frees the book. `rc` is how it went so far: after a failure, which is returned
 * again, nothing is in the file that could be used. */
int weir_xlsx_close(struct weir_xlsx *book, int rc, struct weir_error *err) WEIR_MUST_CHECK;

#endif
