/* A run: an immutable file of dedup entries in hash order, with its own Bloom filter.
 *
 * Drawn in docs/format/seen.md. Everything that is read is verified first: the header and the
 * fences when the file is opened, a Bloom block or a page of entries each time it is used. */
#ifndef WEIR_LOAD_SEEN_RUN_H
#define WEIR_LOAD_SEEN_RUN_H

#include "load/seen_table.h"

struct weir_seen_run {
    uint64_t number; /* names the file: %016x.run */
    unsigned level;
    uint64_t entries;
    uint64_t header_sum;
    char name[32];
    int fd;
    unsigned char *map; /* header, filter and fences; the entries are read with pread */
    size_t map_bytes;
    const unsigned char *blocks;
    uint64_t block_count;
    const uint64_t *fences; /* first hash (high half) of each page */
    uint64_t pages;
    uint64_t pages_at;
    uint64_t file_bytes;
};

int weir_seen_run_open(const char *dir, uint64_t number, struct weir_seen_run **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_seen_run_close(struct weir_seen_run *run);
/* *position is the entry's, or 0 when the run does not hold the id. */
int weir_seen_run_find(const struct weir_seen_run *run, struct weir_hash128 id, uint64_t *position,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Reads a run from its first entry to its last. */
struct weir_seen_cursor {
    const struct weir_seen_run *run;
    unsigned char *buffer;
    uint64_t page; /* the next to read into the buffer */
    size_t pages_held;
    size_t page_at;  /* in the buffer */
    size_t entry_at; /* in the page */
    struct weir_seen_entry now;
    bool done;
};
int weir_seen_cursor_open(struct weir_seen_cursor *cursor, const struct weir_seen_run *run,
                          struct weir_error *err) WEIR_MUST_CHECK;
int weir_seen_cursor_next(struct weir_seen_cursor *cursor, struct weir_error *err) WEIR_MUST_CHECK;
void weir_seen_cursor_close(struct weir_seen_cursor *cursor);

/* Writes a run; entries come in hash order, at most `max_entries` of them. */
struct weir_seen_writer;
int weir_seen_writer_new(const char *dir, uint64_t number, unsigned level, uint64_t max_entries,
                         struct weir_seen_writer **out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_seen_writer_add(struct weir_seen_writer *writer, const struct weir_seen_entry *entry,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Syncs the file and its folder. */
int weir_seen_writer_finish(struct weir_seen_writer *writer,
                            struct weir_error *err) WEIR_MUST_CHECK;
void weir_seen_writer_free(struct weir_seen_writer *writer); /* removes what is not finished */

#endif
