/* base64 (RFC 4648), read leniently. Pure. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "base/buf.h"

/* Decodes base64 in either alphabet, padded or not; blanks stand for '+' (a form decoder has been
 * there). False when it is no base64, or when `out` is full. */
bool weir_base64_decode(struct weir_str text, struct weir_buf *out);

#endif
