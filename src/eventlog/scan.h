/* Walks the frames of one segment file, verifying before decoding and bridging damage. Private to
 * this folder: the reader, recovery, the sealer and `stat` are all built on it.
 *
 * The file may be growing. `limit` is the seq up to which its bytes are settled; nothing at or
 * beyond it is looked at, and bytes cached before a seq was settled are read again. */
#ifndef WEIR_EVENTLOG_SCAN_H
#define WEIR_EVENTLOG_SCAN_H

#include "base/buf.h"
#include "eventlog/format.h"

#define WEIR_SCAN_TO_END UINT64_MAX /* limit: whatever verifies, to the end of the file */

struct weir_scan {
    int fd; /* -1: none open */
    char name[64];
    uint64_t first_seq; /* by its name */
    bool header_ok;
    struct weir_segment_header header;
    uint64_t salt;     /* 0: header and first frame are both damaged */
    uint64_t offset;   /* where the next frame should begin */
    uint64_t expect;   /* and its first seq */
    uint64_t good_end; /* end of the last frame that verified */
    bool torn;         /* WEIR_SCAN_TO_END only: the bytes from `offset` on are no frames */
    bool headers_only; /* payloads are neither read nor verified; frames come without records */

    weir_eventlog_on_damage on_damage;
    void *arg;
    uint64_t quiet_below; /* damage that ends before this seq is nobody's concern */

    struct weir_buf window; /* bytes of the file from window_at on */
    uint64_t window_at;
    uint64_t window_below; /* they were read when everything below this seq was settled */
    struct weir_buf raw;
    struct ZSTD_DCtx_s *zstd;
};

struct weir_scan_frame {
    struct weir_frame_header header;
    uint64_t offset;
    const char *records; /* header.records of them, well-formed; padded as a weir_buf is */
    size_t n;
};

void weir_scan_init(struct weir_scan *scan, weir_eventlog_on_damage on_damage, void *arg);
void weir_scan_free(struct weir_scan *scan);
/* Opens the segment that begins with first_seq; WEIR_ENOENT when it is gone. A damaged header is no
 * failure; a sound one that this program does not understand is (WEIR_EUNSUPPORTED). */
int weir_scan_open(struct weir_scan *scan, const char *dir, uint64_t first_seq,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* The same on a descriptor, which is taken over. */
int weir_scan_open_fd(struct weir_scan *scan, int fd, uint64_t first_seq,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* The next frame that verifies and has a seq >= want. WEIR_EAGAIN when there is none below `limit`
 * (all that is missing before it has been reported). */
int weir_scan_next(struct weir_scan *scan, uint64_t limit, uint64_t want,
                   struct weir_scan_frame *out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
