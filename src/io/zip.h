/* Parts of a zip file, read from their beginning to their end: libzip behind one file.
 *
 * A part says how large it is, and is never longer; one that is packed more than 500 times smaller
 * than it is, and is large, is refused, and so is a file with more than 10,000 parts. One thread.
 */
#ifndef WEIR_IO_ZIP_H
#define WEIR_IO_ZIP_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"

struct weir_zip;
int weir_zip_open(const char *path, struct weir_zip **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_zip_close(struct weir_zip *zip); /* NULL is fine */
bool weir_zip_has(const struct weir_zip *zip, const char *part);
/* All bytes of a part, in order; WEIR_ENOENT when there is none of this name (case counts not),
 * WEIR_ETOOBIG when it is larger than `max`, WEIR_ECORRUPT when it does not unpack, WEIR_ECANCELED
 * when `stop` (or NULL) is set. Non-zero of `fn` ends it and becomes its result. */
int weir_zip_read(struct weir_zip *zip, const char *part, uint64_t max, const atomic_bool *stop,
                  int (*fn)(void *arg, struct weir_str bytes, struct weir_error *err), void *arg,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
