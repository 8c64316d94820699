/* An answer at a terminal: an aligned table, a thin chart beside or below it, and a sentence.
 *
 * Takes what POST /api/query gives as JSON. Fits the width it is told: bars shrink first, then the
 * widest text column is cut. Without UTF-8 everything is ASCII, without colour nothing is coloured.
 */
#ifndef WEIR_DEMO_ANSWER_H
#define WEIR_DEMO_ANSWER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "demo/question.h"

struct weir_demo_style {
    unsigned width; /* columns of the terminal; at least 40 */
    bool utf8;
    bool colour;
};
/* From the environment: COLUMNS or the terminal's size, LC_ALL, LC_CTYPE, LANG, NO_COLOR, TERM. */
struct weir_demo_style weir_demo_style_of(int fd);

/* Appends the question, its SQL and its answer to `out`. */
void weir_demo_question_print(const struct weir_demo_question *question, size_t number,
                              const struct weir_demo_style *style, struct weir_buf *out);
/* WEIR_EINVAL when `answer` is not a query's answer. */
int weir_demo_answer_print(const struct weir_demo_question *question, struct weir_json answer,
                           double milliseconds, const struct weir_demo_style *style,
                           struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
