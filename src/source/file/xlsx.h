/* Workbooks of Excel (.xlsx, .xlsm): sheets, and their rows as texts. ECMA-376 part 1, as much of
 * it as tables need. Private to src/source/file.
 *
 * Rows come one by one, so memory depends on the shared strings and on nothing else. A value is a
 * text that src/csv reads as what it was: whole and other numbers, true and false, dates and times
 * by the number format of their cell (2026-01-31, 2026-01-31 08:30:00, 08:30:00; both of the two
 * calendars). Errors (#N/A) are no values, and counted. One thread. */
#ifndef WEIR_SOURCE_FILE_XLSX_H
#define WEIR_SOURCE_FILE_XLSX_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "io/zip.h"

#define WEIR_EXCEL_MOST_ROWS    1048576
#define WEIR_EXCEL_MOST_COLUMNS 16384

/* What a number format makes of a number. */
enum weir_excel_kind {
    WEIR_EXCEL_NUMBER,
    WEIR_EXCEL_DATE,
    WEIR_EXCEL_DATETIME,
    WEIR_EXCEL_TIME,    /* of a day */
    WEIR_EXCEL_DURATION /* hours beyond 24 */
};

struct weir_excel_sheet {
    const char *name, *part;
    bool hidden;
};

struct weir_excel {
    struct weir_zip *zip;
    const atomic_bool *stop;
    struct weir_arena arena;
    struct weir_excel_sheet *sheets; /* with cells, in their order */
    size_t sheet_count;
    bool from_1904;
    enum weir_excel_kind *styles; /* of each cell format */
    size_t style_count;
    struct weir_buf strings; /* shared ones, one behind the other */
    struct weir_buf ends;    /* uint64_t: where each ends */
};

struct weir_excel_value {
    struct weir_str text;
    bool is_text; /* also the empty one; else a number, a date or a truth */
    bool there;   /* false: the cell is empty */
};

struct weir_excel_row {
    uint32_t number;                       /* from 1 */
    const struct weir_excel_value *values; /* by column, from A */
    size_t count;                          /* the last one is there; 0: nothing is */
};

/* Free it also after a failure. */
int weir_excel_open(struct weir_excel *x, const char *path, const atomic_bool *stop,
                    struct weir_error *err) WEIR_MUST_CHECK;
void weir_excel_close(struct weir_excel *x);
/* By its name, else by its number from 1; "": the first one that is not hidden. */
int weir_excel_sheet(const struct weir_excel *x, const char *which, size_t *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* One that cannot be read has none. */
bool weir_excel_has_values(struct weir_excel *x, size_t sheet);
/* All rows that have a value, in order. `errors` counts cells that have an error for a value. */
int weir_excel_rows(struct weir_excel *x, size_t sheet, uint64_t *errors,
                    int (*fn)(void *arg, const struct weir_excel_row *row, struct weir_error *err),
                    void *arg, struct weir_error *err) WEIR_MUST_CHECK;

/* --- xlsx_number.c: pure --- */
enum weir_excel_kind weir_excel_kind_of_builtin(uint64_t id);
enum weir_excel_kind weir_excel_kind_of(struct weir_str format);
/* The number as a text of that kind; what is no date of the calendar stays a number. */
void weir_excel_print(struct weir_buf *out, double number, enum weir_excel_kind kind,
                      bool from_1904);
/* "_x000D_" and the like: what XML cannot say otherwise. */
void weir_excel_unescape(struct weir_buf *out, struct weir_str text);
/* "AB12": column from 0. False when it is none. */
bool weir_excel_reference(const char *text, uint32_t *column);

#endif
