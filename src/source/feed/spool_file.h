/* A file without a name, of blocks that are written once, and mostly read soon after: the newest
 * are in memory, and on the disk only when there are too many of them. What one thread adds,
 * another one may read meanwhile; one of them at a time drops. Private to src/source. */
#ifndef WEIR_SOURCE_SPOOL_FILE_H
#define WEIR_SOURCE_SPOOL_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_SPOOL_ALIGN 4096 /* of blocks, in memory and in the file, and of their sizes */

struct weir_spool_file;

/* What a block takes. */
static inline size_t weir_spool_size(size_t bytes)
{
    return (bytes + WEIR_SPOOL_ALIGN - 1) & ~(size_t)(WEIR_SPOOL_ALIGN - 1);
}
/* Aligned; freed by free(). NULL: no memory. */
void *weir_spool_alloc(size_t size);

/* In a folder that is there. */
int weir_spool_file_open(struct weir_spool_file **out, const char *dir,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_spool_file_free(struct weir_spool_file *f); /* NULL is fine */
/* Room for the next block, of at least so many bytes; good until it is added or asked for anew. */
int weir_spool_file_room(struct weir_spool_file *f, size_t bytes, char **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The first `bytes` of the room are the block. Waits while the disk is far behind. A failure of the
 * disk is that of whoever adds next: what was added before can be read all the same. */
int weir_spool_file_add(struct weir_spool_file *f, size_t bytes, uint64_t *at,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* `to`: aligned, and of the block's whole size. */
int weir_spool_file_read(struct weir_spool_file *f, uint64_t at, size_t bytes, void *to,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* The block is not read again. False: its room on the disk stays taken until all are dropped. */
bool weir_spool_file_drop(struct weir_spool_file *f, uint64_t at, size_t bytes);

#endif
