/* Where a write key may stand in a request's head. Pure. */
#ifndef WEIR_COLLECT_AUTH_H
#define WEIR_COLLECT_AUTH_H

#include "base/buf.h"
#include "base/str.h"

/* Basic authentication: the user name of base64(writeKey:), also without its colon, in either
 * alphabet, padded or not. Appends the key to `key`; false when the header holds none (it is
 * absent, Bearer, damaged or empty): the body may have one. */
bool weir_auth_basic(struct weir_str authorization, struct weir_buf *key);

#endif
