/* Files that are packed as a whole, by gzip or zstd, read from their beginning to their end. What
 * it is say its first bytes. One thread. */
#ifndef WEIR_IO_PACKED_H
#define WEIR_IO_PACKED_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"

/* "gzip", "zstd", or NULL: it is neither. */
const char *weir_packed_name(struct weir_str head);
/* All bytes that it holds, in order; several gzip members or zstd frames are one after the other,
 * and zeros behind them nothing. WEIR_ECORRUPT when it does not unpack, has no end or something
 * else behind it, WEIR_ETOOBIG when it holds more than `max` (0: any), or is large and more than
 * 500 times what it is packed to, WEIR_ECANCELED when `stop` (or NULL) is set. Non-zero of `fn`
 * ends it and becomes its result. */
int weir_packed_read(const char *path, uint64_t max, const atomic_bool *stop,
                     int (*fn)(void *arg, struct weir_str bytes, struct weir_error *err), void *arg,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
