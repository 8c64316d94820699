/* The questions that the demo asks: SQL files (src/demo/questions), embedded in the program.
 *
 * A file begins with comment lines `-- title:`, then at most one chart (`-- bars: LABEL VALUE` or
 * `-- line: VALUE`, by column name), then `-- reading:`, a sentence with fields that are filled
 * from the answer: {mrr}                 the first row's {last mrr}            the last row's {sum
 * mrr}  {count}    of all rows; how many rows {max growth sport}    the sport in the row with the
 * largest growth {row 4}               the last column of the fourth row */
#ifndef WEIR_DEMO_QUESTION_H
#define WEIR_DEMO_QUESTION_H

#include <stddef.h>

#include "base/str.h"

struct weir_demo_question_text {
    const char *name; /* of the file, "01-subscribers" */
    const char *text; /* all of it */
};
extern const struct weir_demo_question_text weir_demo_question_texts[]; /* ends with a NULL name */

enum weir_demo_chart { WEIR_DEMO_NO_CHART, WEIR_DEMO_BARS, WEIR_DEMO_LINE };

struct weir_demo_question {
    const char *name;
    struct weir_str title;
    struct weir_str reading;
    enum weir_demo_chart chart;
    struct weir_str chart_value; /* a column */
    struct weir_str sql;         /* without the head, comments kept; NUL-terminated */
};

/* Borrows from `text`. */
struct weir_demo_question weir_demo_question_read(const struct weir_demo_question_text *text);

#endif
