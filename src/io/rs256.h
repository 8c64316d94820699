/* Signatures of JSON Web Tokens by RSA and SHA-256 (RFC 7518, RS256): libcrypto behind one file. */
#ifndef WEIR_IO_RS256_H
#define WEIR_IO_RS256_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the signature of `text`, in bytes. `key` is a private key in PEM; WEIR_EINVAL, without a
 * word of it, when it is none. */
int weir_rs256_sign(struct weir_str key, struct weir_str text, struct weir_buf *out,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* Forgets what a failed TLS connection of another library left in this thread's list of errors,
 * which the next one would take for its own. */
void weir_rs256_forget_errors(void);

#endif
