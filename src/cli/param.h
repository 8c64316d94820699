/* `--param name=value` and `--param name:type=value` as a bound value. */
#ifndef WEIR_CLI_PARAM_H
#define WEIR_CLI_PARAM_H

#include "base/json_write.h"
#include "warehouse/warehouse.h"

/* Borrows from `text`. Without a type: an integer, a number, true or false are what they look like,
 * all else is text. */
int weir_param_parse(const char *text, struct weir_param *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* As POST /api/query takes it: {"type":…,"value":…}. */
void weir_param_json(struct weir_jw *w, const struct weir_param *param);

#endif
