/* The segment files of a log folder: their names, and which there are. Private to this folder. */
#ifndef WEIR_EVENTLOG_SEGMENTS_H
#define WEIR_EVENTLOG_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct weir_segments {
    uint64_t *first; /* first seqs, ascending */
    size_t count;
    size_t cap;
};

void weir_segment_name(uint64_t first_seq, char out[64]); /* "00000000000000000001.wlog" */
/* "<dir>/<name><suffix>", malloc'ed; NULL when memory ran out. */
char *weir_segment_path(const char *dir, uint64_t first_seq, const char *suffix);
int weir_segment_open(const char *dir, uint64_t first_seq, int flags, int *fd,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* A missing folder has none. Replaces what the list held. */
int weir_segments_list(struct weir_segments *list, const char *dir,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_segments_free(struct weir_segments *list);
/* Index of the segment that holds `seq`: the last one that begins at or before it, else 0. */
size_t weir_segments_find(const struct weir_segments *list, uint64_t seq);
/* First seq of the segment behind the one that begins with `first_seq`; 0 when it is the last. */
uint64_t weir_segments_after(const struct weir_segments *list, uint64_t first_seq);

#endif
