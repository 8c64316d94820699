/* What a column's values are, by all of them: the narrowest type that loses nothing of any.
 *
 * What would lose something stays text, and the guess says why: numbers that begin with zeros or
 * have more digits than a number keeps (ids, postcodes), dates that may be day or month first,
 * "1,234" that may be a thousand or a fraction, NO alone. Pure. */
#ifndef WEIR_CSV_GUESS_H
#define WEIR_CSV_GUESS_H

#include "warehouse/warehouse.h"

enum weir_guess_format {
    WEIR_GUESS_BOOL,
    WEIR_GUESS_INT,
    WEIR_GUESS_DOUBLE,
    WEIR_GUESS_DOUBLE_COMMA, /* 1.234,5 */
    WEIR_GUESS_DATE,         /* year first */
    WEIR_GUESS_DATE_DMY,
    WEIR_GUESS_DATE_MDY,
    WEIR_GUESS_TIME,
    WEIR_GUESS_TIME_DMY,
    WEIR_GUESS_TIME_MDY,
    WEIR_GUESS_TEXT
};

struct weir_guess {
    unsigned fits;      /* a bit a format that fits all values so far */
    uint64_t values;    /* that say something */
    uint64_t missing;   /* NULL, NA, N/A and the like: nothing, unless the column is text */
    bool comma_is_sure; /* 12,5: no thousands */
    bool comma_is_seen;
    bool wide;                       /* some whole number is beyond 2^53 */
    bool no_only;                    /* each is NO, which is a country, too */
    bool zeros;                      /* some number begins with zeros */
    bool digits;                     /* some number has too many digits */
    bool fine;                       /* some time has digits behind the microsecond */
    bool was_number;                 /* the first values were numbers */
    bool counts;                     /* set behind the init: votes are wanted */
    uint64_t votes[WEIR_GUESS_TEXT]; /* values that each format fits */
    unsigned last;                   /* formats that fit the value that was seen last */
    enum weir_guess_format format;   /* once settled */
    char example[40]; /* the first value that was no number or date, as the others were */
};

void weir_guess_init(struct weir_guess *guess);
/* A number, a time or the like, which names nothing. */
bool weir_guess_is_value(struct weir_str text);
/* Empty values say nothing and are not shown to it. */
void weir_guess_see(struct weir_guess *guess, struct weir_str text);
/* The value that was seen last is a number whose mark, if any, is a decimal point. */
void weir_guess_point(struct weir_guess *guess);
/* Settled: are its numbers such? */
bool weir_guess_has_point(const struct weir_guess *guess);
/* Settled: is it text only because each of its values is NO? Other files may say that it is none of
 * a country. */
bool weir_guess_is_no(const struct weir_guess *guess);
/* `commas`: other columns of the file have decimal commas; `thousands`: points may be marks of
 * thousands. */
void weir_guess_settle(struct weir_guess *guess, bool commas, bool thousands);
enum weir_type weir_guess_type(enum weir_guess_format format);
/* "whole numbers", "text: some begin with zeros (007)"; a sentence for people. */
void weir_guess_words(const struct weir_guess *guess, struct weir_buf *out);

/* The format of most values for a column of this type, whatever the others are; TEXT: none is
 * known, or a day might be a month. `commas`: "1.234" is a thousand. */
enum weir_guess_format weir_guess_likely(const struct weir_guess *guess, enum weir_type type,
                                         bool commas);
/* Is the text such a value? */
bool weir_guess_fits(enum weir_guess_format format, struct weir_str text);

struct weir_guess_value {
    bool null;
    bool b;
    int64_t i; /* also dates and times */
    double d;
};
/* The value of a text in a column that is no text; false: it is none of that format. */
bool weir_guess_value(enum weir_guess_format format, struct weir_str text,
                      struct weir_guess_value *out);

#endif
