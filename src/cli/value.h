/* `--value name=VALUE`: a parameter's value, as JSON for src/param. */
#ifndef WEIR_CLI_VALUE_H
#define WEIR_CLI_VALUE_H

#include "base/json_write.h"
#include "cli/args.h"

/* An object of all `--value`s. VALUE is JSON when it reads as a number, true, false, null, a list,
 * an object or a text in double quotes; all else is text as it stands. */
int weir_value_print(struct weir_jw *w, const struct weir_args *args,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* What `weir query --compiled` shows of an answer of POST /api/compile: the statement, then a line
 * for each value. An answer with errors becomes an error that begins with its place. */
int weir_compiled_show(struct weir_str answer, struct weir_error *err) WEIR_MUST_CHECK;

/* Prints the answer of POST /api/explain for people. */
int weir_plan_show(struct weir_str answer, struct weir_error *err) WEIR_MUST_CHECK;

#endif
