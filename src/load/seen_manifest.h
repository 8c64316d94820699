/* The manifest of the dedup index: which runs there are, up to where they are complete, and the key
 * that ids are hashed under. A small text file, replaced atomically; drawn in docs/format/seen.md.
 */
#ifndef WEIR_LOAD_SEEN_MANIFEST_H
#define WEIR_LOAD_SEEN_MANIFEST_H

#include <stdint.h>

#include "base/error.h"

enum { WEIR_SEEN_MAX_RUNS = 256 };

struct weir_seen_manifest {
    uint64_t key[2];
    uint64_t complete; /* every position below is in the runs */
    uint64_t next_number;
    unsigned run_count;
    struct {
        uint64_t number;
        uint64_t header_sum;
    } runs[WEIR_SEEN_MAX_RUNS];
};

/* WEIR_ENOENT when there is none, WEIR_ECORRUPT when it does not verify. */
int weir_seen_manifest_read(const char *dir, struct weir_seen_manifest *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_seen_manifest_write(const char *dir, const struct weir_seen_manifest *manifest,
                             struct weir_error *err) WEIR_MUST_CHECK;

#endif
