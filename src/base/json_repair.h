/* The lenient pass behind weir_json_parse_lenient(): copies JSON text and mends on the way what
 * real SDKs send and a strict parser refuses (see struct weir_json_repairs). It never judges
 * grammar: what it does not understand is copied as it is, and the strict parse decides. */
#ifndef WEIR_BASE_JSON_REPAIR_H
#define WEIR_BASE_JSON_REPAIR_H

#include "base/json.h"

/* Appends the mended text to `out`. Fails only when `out` is full. */
int weir_json_repair(struct weir_str text, struct weir_buf *out, struct weir_json_repairs *repairs,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
