/* Names of tables and columns, as Segment's warehouses make them
 * (github.com/segmentio/go-snakecase, MIT; vectors in tests/cases/naming). */
#ifndef WEIR_EVENT_NAMING_H
#define WEIR_EVENT_NAMING_H

#include "base/buf.h"
#include "base/str.h"

#define WEIR_NAME_MAX 127 /* bytes; longer ones are cut and end in _ and 8 hex digits of a hash */

/* snake_case of `text` appended to `out`: ASCII only; each word is a run of [A-Z0-9] then a run of
 * [a-z0-9]; all else separates; text that is already snake passes unchanged; a digit before a
 * capital opens a new word. May append nothing (no letter or digit in ASCII). */
void weir_name_snake(struct weir_str text, struct weir_buf *out);

/* The same, always usable as an identifier: a name that comes out empty becomes `prefix` + 8 hex
 * digits of a hash of the original text; one over WEIR_NAME_MAX is cut. */
void weir_name_make(struct weir_str text, const char *prefix, struct weir_buf *out);

#endif
