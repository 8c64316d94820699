/* Rows on their way: batches in memory and in one file that has no name (spool_file.h), so nothing
 * of it is left when weir is killed. Written by this process, and read by it. Private to
 * src/source. */
#ifndef WEIR_SOURCE_SPOOL_H
#define WEIR_SOURCE_SPOOL_H

#include "warehouse/warehouse.h"

struct weir_spool {
    struct weir_spool_file *file;
    uint64_t blocks;    /* that are not dropped */
    uint64_t held, max; /* bytes that they, and those whose room is not free, take */
};
/* Where a batch is read into. While one thread writes, another may read what was written, with a
 * room of its own. */
struct weir_spool_room {
    char *block;
    size_t size, len; /* of the memory; of the block */
    struct weir_arena arena;
};
struct weir_spool_block { /* where a batch is */
    uint64_t at;
    size_t bytes, rows; /* rows: as many as were written, or fewer: the first of them */
    int64_t version;    /* the caller's, and this: the file that the rows are of */
    struct weir_str file;
};

/* In a folder that is there; free it also after a failure. */
int weir_spool_open(struct weir_spool *s, const char *dir, uint64_t max,
                    struct weir_error *err) WEIR_MUST_CHECK;
void weir_spool_free(struct weir_spool *s);
/* WEIR_ETOOBIG beyond `max`. */
int weir_spool_write(struct weir_spool *s, const struct weir_batch *batch,
                     struct weir_spool_block *out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_spool_room_init(struct weir_spool_room *room);
void weir_spool_room_free(struct weir_spool_room *room);
/* Good until the room's next use. A column of a batch has the type that it was written with. */
int weir_spool_read(const struct weir_spool *s, const struct weir_spool_block *block,
                    struct weir_spool_room *room, struct weir_batch *out,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* It is not read again, and its room on the disk is free, where the file system can do that. */
void weir_spool_drop(struct weir_spool *s, const struct weir_spool_block *block);

#endif
