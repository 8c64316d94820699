/* base64 (RFC 4648), read leniently; written as base64url without padding. Pure. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "base/buf.h"

/* Decodes base64 in either alphabet, padded or not; blanks stand for '+' (a form decoder has been
 * there). False when it is no base64, or when `out` is full. */
bool weir_base64_decode(struct weir_str text, struct weir_buf *out);
/* Adds the bytes as base64url. */
void weir_base64url_add(struct weir_buf *out, const void *bytes, size_t len);
/* Is it base64url, without padding, and nothing else? */
bool weir_is_base64url(struct weir_str text);

#endif
