/* Records of a CSV file, one by one, as forgiving as can be told.
 *
 * RFC 4180, with any of , ; tab | between the fields, and lines that end by LF, CR LF or CR. A
 * record that cannot be read is handed out all the same, with its line, its text and the reason;
 * the next one begins on the next line, so a quote that is never closed costs its own line and
 * nothing else. */
#ifndef WEIR_CSV_CSV_H
#define WEIR_CSV_CSV_H

#include "csv/text.h"

#define WEIR_CSV_MAX_RECORD (1u << 20) /* bytes */
#define WEIR_CSV_MAX_FIELDS 100000

struct weir_csv_field {
    struct weir_str text;
    bool quoted; /* an empty one that was quoted is an empty text, else it is nothing */
};

struct weir_csv_record {
    struct weir_csv_field *fields;
    size_t count;        /* 0: the end, unless `bad` */
    uint64_t line;       /* on which it begins, from 1 */
    struct weir_str raw; /* its text, without the line's end; may be no UTF-8 when it is bad */
    const char *bad;     /* why it cannot be read, or NULL */
    bool above;          /* bad, and no row either: it stands above the table (columns.h) */
};

struct weir_csv {
    struct weir_csv_text *text;
    char separator;
    char newline;  /* '\n', or '\r' in files that have no other */
    uint64_t skip; /* lines above the table that are no part of it: 0 */
    bool sheet;    /* of a workbook: what is not quoted is no text */
    bool counts;   /* values of each format are counted (guess.h). All five may be set behind
                    * weir_csv_open, by who knows them */

    /* private */
    size_t at; /* in the text's window */
    uint64_t line;
    unsigned runaways;
    bool skipping; /* to the end of a line that is too long */
    struct weir_buf cells;
    struct weir_csv_field *fields;
    size_t *offsets;
    size_t room;
};

/* Looks at the first megabyte: what separates fields, how lines end. Free it also after a failure.
 */
int weir_csv_open(struct weir_csv *csv, struct weir_csv_text *text,
                  struct weir_error *err) WEIR_MUST_CHECK;
void weir_csv_free(struct weir_csv *csv);
void weir_csv_rewind(struct weir_csv *csv);
/* The number of fields that most records have, the greatest of equally many; `of` gets how many. */
size_t weir_csv_usual(const size_t *counts, size_t n, size_t *of);
/* The next record, valid until the next call; empty lines are passed over. */
int weir_csv_next(struct weir_csv *csv, struct weir_csv_record *out,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
