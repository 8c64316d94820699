/* A file that is written once, compressed, and read back whole. Zstandard with its checksum, so
 * that damage is found before anybody uses a byte. */
#ifndef WEIR_IO_PACK_H
#define WEIR_IO_PACK_H

#include "base/buf.h"
#include "base/error.h"

struct weir_pack;

/* Makes the file (mode 0600); WEIR_EEXIST when it is there. */
int weir_pack_new(const char *path, struct weir_pack **out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_pack_add(struct weir_pack *pack, struct weir_str bytes,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* Ends the file, really on the disk; `size` (may be NULL) gets its bytes. The pack is gone after
 * it, whatever it returns. */
int weir_pack_end(struct weir_pack *pack, uint64_t *size, struct weir_error *err) WEIR_MUST_CHECK;
/* Gives up; the file stays as it is. NULL is fine. */
void weir_pack_free(struct weir_pack *pack);

/* Appends what was packed. WEIR_ECORRUPT when it does not verify; WEIR_ETOOBIG beyond out->max. */
int weir_pack_read(const char *path, struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
