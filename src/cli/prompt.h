/* Questions on a terminal. Only src/cli includes this. */
#ifndef WEIR_CLI_PROMPT_H
#define WEIR_CLI_PROMPT_H

#include <stdbool.h>

#include "base/buf.h"

/* One line of standard input, without its end, behind what is in `out`. On a terminal the question
 * is put to stderr, and with `hidden` what is typed is not shown. WEIR_CLI_USAGE at the end of the
 * input. */
int weir_prompt(const char *question, bool hidden, struct weir_buf *out,
                struct weir_error *err) WEIR_MUST_CHECK;

#endif
