/* The bytes of an uploaded file as UTF-8, whatever they are.
 *
 * The whole file is looked at before: it is UTF-8 (with or without a mark), UTF-16 (by its mark, or
 * by its zeros), or else Windows-1252, which Excel writes and which Latin-1 is a part of. What is
 * no text at all (a workbook, a zip, a web page, a picture) is refused by name. */
#ifndef WEIR_CSV_TEXT_H
#define WEIR_CSV_TEXT_H

#include <stdatomic.h>

#include "base/buf.h"

enum weir_csv_encoding { WEIR_CSV_UTF8, WEIR_CSV_UTF16LE, WEIR_CSV_UTF16BE, WEIR_CSV_WINDOWS_1252 };
const char *weir_csv_encoding_name(enum weir_csv_encoding encoding);

struct weir_csv_text {
    enum weir_csv_encoding encoding;
    struct weir_buf window; /* decoded; what is consumed is taken off its front */
    bool end;               /* all of the file is in the window, or was */
    bool page;              /* it was refused as a web page, or XML */

    /* private */
    const atomic_bool *stop;
    int fd;
    uint64_t at;   /* in the file */
    unsigned skip; /* bytes of the mark */
    char *raw;     /* what was read and is not decoded yet */
    size_t raw_len;
};

/* Opens the file and finds its encoding. Free it also after a failure. While `stop` (NULL: never)
 * is set, this and weir_csv_text_more end with WEIR_ECANCELED. */
int weir_csv_text_open(struct weir_csv_text *text, const char *path, const atomic_bool *stop,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_csv_text_free(struct weir_csv_text *text);
/* Back to the beginning. */
void weir_csv_text_rewind(struct weir_csv_text *text);
/* Adds to the window, or sets `end`. */
int weir_csv_text_more(struct weir_csv_text *text, struct weir_error *err) WEIR_MUST_CHECK;
/* Takes n bytes off the front of the window. */
void weir_csv_text_take(struct weir_csv_text *text, size_t n);

#endif
