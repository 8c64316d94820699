#include "eventlog/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "eventlog/segments.h"

#define WINDOW_BYTES (256u << 10)
#define KEEP_BYTES   (4u << 20)

void weir_scan_init(struct weir_scan *scan, weir_eventlog_on_damage on_damage, void *arg)
{
    *scan = (struct weir_scan){.fd = -1, .on_damage = on_damage, .arg = arg};
    weir_buf_init(&scan->window, WEIR_FRAME_STORED_MAX + WEIR_FRAME_HEADER + WINDOW_BYTES);
    weir_buf_init(&scan->raw, WEIR_FRAME_RAW_MAX);
}

/* Keeps buffers. */
static void scan_close(struct weir_scan *scan)
{
    if (scan->fd >= 0) {
        close(scan->fd);
        scan->fd = -1;
    }
    weir_buf_reset(&scan->window);
    weir_buf_trim(&scan->window, KEEP_BYTES);
    weir_buf_reset(&scan->raw);
    weir_buf_trim(&scan->raw, KEEP_BYTES);
}

void weir_scan_free(struct weir_scan *scan)
{
    scan_close(scan);
    weir_buf_free(&scan->window);
    weir_buf_free(&scan->raw);
    ZSTD_freeDCtx(scan->zstd);
    scan->zstd = NULL;
}

static void window_drop(struct weir_scan *scan)
{
    weir_buf_reset(&scan->window);
    scan->window_below = 0;
}

/* Makes `n` bytes from `at` on available, fewer at the end of the file. */
static int window_load(struct weir_scan *scan, uint64_t at, size_t n, uint64_t limit,
                       const char **bytes, size_t *got, struct weir_error *err)
{
    struct weir_buf *w = &scan->window;
    if (at < scan->window_at || at > scan->window_at + w->len) {
        weir_buf_reset(w);
    }
    size_t skip = w->len ? (size_t)(at - scan->window_at) : 0;
    if (w->len - skip < n) {
        size_t keep = w->len - skip;
        if (keep) {
            memmove(w->data, w->data + skip, keep);
        }
        scan->window_below = keep && scan->window_below < limit ? scan->window_below : limit;
        scan->window_at = at;
        w->len = keep;
        skip = 0;
        size_t want = n > WINDOW_BYTES ? n : WINDOW_BYTES;
        if (!weir_buf_room(w, want - keep)) {
            window_drop(scan);
            return weir_fail(err, WEIR_ENOMEM, "%s: no memory for %zu bytes", scan->name, want);
        }
        while (w->len < want) {
            ssize_t more = pread(scan->fd, w->data + w->len, want - w->len, (off_t)(at + w->len));
            if (more < 0 && errno == EINTR) {
                continue;
            }
            if (more < 0) {
                int code = weir_fail_errno(err, errno, "read %s", scan->name);
                window_drop(scan);
                return code;
            }
            if (more == 0) {
                break;
            }
            w->len += (size_t)more;
        }
    }
    *bytes = w->data + skip;
    *got = w->len - skip < n ? w->len - skip : n;
    return WEIR_OK;
}

static void report(struct weir_scan *scan, uint64_t first, uint64_t end)
{
    if (!scan->on_damage || first >= end || end <= scan->quiet_below) {
        return;
    }
    struct weir_eventlog_damage damage = {.offset = scan->offset, .first = first};
    if (damage.first < scan->quiet_below) {
        damage.first = scan->quiet_below;
    }
    damage.count = end - damage.first;
    memcpy(damage.segment, scan->name, sizeof damage.segment);
    scan->on_damage(&damage, scan->arg);
}

int weir_scan_open_fd(struct weir_scan *scan, int fd, uint64_t first_seq, struct weir_error *err)
{
    scan_close(scan);
    window_drop(scan);
    scan->fd = fd;
    scan->first_seq = first_seq;
    weir_segment_name(first_seq, scan->name);
    scan->header = (struct weir_segment_header){0};
    scan->offset = WEIR_SEGMENT_HEADER;
    scan->good_end = WEIR_SEGMENT_HEADER;
    scan->expect = first_seq;
    scan->torn = false;
    scan->salt = 0;
    char bytes[WEIR_SEGMENT_HEADER + WEIR_FRAME_HEADER];
    ssize_t got;
    do {
        got = pread(fd, bytes, sizeof bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        int code = weir_fail_errno(err, errno, "read %s", scan->name);
        scan_close(scan);
        return code;
    }
    uint32_t newer = got >= WEIR_SEGMENT_HEADER ? weir_segment_header_newer(bytes) : 0;
    if (newer) {
        scan_close(scan);
        return weir_fail(
            err, WEIR_EUNSUPPORTED,
            "%s was written by a later weir (format %u, this one knows 1); use that one",
            scan->name, newer);
    }
    scan->header_ok = got >= WEIR_SEGMENT_HEADER &&
                      weir_segment_header_decode(bytes, &scan->header) &&
                      scan->header.first_seq == first_seq;
    struct weir_frame_header frame;
    if (scan->header_ok) {
        scan->salt = scan->header.salt;
    } else if (got == (ssize_t)sizeof bytes &&
               weir_frame_header_decode(bytes + WEIR_SEGMENT_HEADER, 0, &frame) &&
               frame.first_seq == first_seq) {
        scan->salt = frame.salt;
    }
    return WEIR_OK;
}

int weir_scan_open(struct weir_scan *scan, const char *dir, uint64_t first_seq,
                   struct weir_error *err)
{
    int fd;
    int code = weir_segment_open(dir, first_seq, O_RDONLY, &fd, err);
    return code ? code : weir_scan_open_fd(scan, fd, first_seq, err);
}

/* Looks behind `offset` for the next header that verifies with this segment's salt. */
static int resync(struct weir_scan *scan, uint64_t limit, uint64_t *found, uint64_t *first,
                  struct weir_error *err)
{
    *found = 0;
    uint64_t at = scan->offset + 1;
    while (scan->salt) {
        const char *bytes;
        size_t got;
        int code = window_load(scan, at, WINDOW_BYTES, limit, &bytes, &got, err);
        if (code) {
            return code;
        }
        if (got < WEIR_FRAME_HEADER) {
            break;
        }
        size_t starts = got - WEIR_FRAME_HEADER + 1; /* places where a header could begin */
        for (const char *p = bytes; p < bytes + starts; p++) {
            p = memmem(p, (size_t)(bytes + starts - p) + 3, WEIR_FRAME_MAGIC_BYTES, 4);
            struct weir_frame_header h;
            if (!p) {
                break;
            }
            if (weir_frame_header_decode(p, scan->salt, &h) && h.first_seq >= scan->expect &&
                h.first_seq + h.records <= limit) {
                *found = at + (uint64_t)(p - bytes);
                *first = h.first_seq;
                return WEIR_OK;
            }
        }
        at += starts;
    }
    return WEIR_OK;
}

/* There is no good frame at `offset`: goes on to the next one, or ends the walk (WEIR_EAGAIN). */
static int bridge(struct weir_scan *scan, uint64_t limit, struct weir_error *err)
{
    uint64_t found;
    uint64_t first;
    int code = resync(scan, limit, &found, &first, err);
    if (code) {
        return code;
    }
    if (found) {
        report(scan, scan->expect, first);
        scan->offset = found;
        scan->expect = first;
        return WEIR_OK;
    }
    if (limit == WEIR_SCAN_TO_END) {
        struct stat st;
        if (fstat(scan->fd, &st)) {
            return weir_fail_errno(err, errno, "stat %s", scan->name);
        }
        scan->torn = (uint64_t)st.st_size > scan->offset;
    } else {
        /* offset stays: frames that become settled later are found from here */
        report(scan, scan->expect, limit);
        scan->expect = limit;
    }
    return WEIR_EAGAIN;
}

static bool records_well_formed(const char *bytes, size_t n, uint32_t records)
{
    struct weir_record record;
    size_t size;
    for (uint32_t i = 0; i < records; i++) {
        if (!weir_record_decode(bytes, n, &record, &size)) {
            return false;
        }
        bytes += size;
        n -= size;
    }
    return n == 0;
}

static int decompress(struct weir_scan *scan, const struct weir_frame_header *h, const char *stored,
                      bool *good, struct weir_error *err)
{
    *good = false;
    if (ZSTD_getFrameContentSize(stored, h->stored) != h->raw) {
        return WEIR_OK;
    }
    if (!scan->zstd) {
        scan->zstd = ZSTD_createDCtx();
    }
    weir_buf_reset(&scan->raw);
    char *to = weir_buf_room(&scan->raw, h->raw);
    if (!scan->zstd || !to) {
        return weir_fail(err, WEIR_ENOMEM, "%s: no memory for a frame of %u bytes", scan->name,
                         h->raw);
    }
    *good = ZSTD_decompressDCtx(scan->zstd, to, h->raw, stored, h->stored) == h->raw;
    scan->raw.len = h->raw;
    return WEIR_OK;
}

/* `there`: the file holds all of it. `good`: it verifies, and `out` has it. */
static int load_payload(struct weir_scan *scan, uint64_t limit, struct weir_scan_frame *out,
                        bool *there, bool *good, struct weir_error *err)
{
    const struct weir_frame_header *h = &out->header;
    const char *bytes;
    size_t got;
    size_t need = WEIR_FRAME_HEADER + (size_t)h->stored;
    *good = false;
    int code = window_load(scan, scan->offset, need, limit, &bytes, &got, err);
    *there = got == need;
    if (code || !*there) {
        return code;
    }
    bytes += WEIR_FRAME_HEADER;
    if (weir_frame_sum(bytes, h->stored, h->salt) != h->payload_sum) {
        return WEIR_OK;
    }
    out->records = bytes;
    out->n = h->stored;
    if (h->codec == WEIR_CODEC_ZSTD) {
        code = decompress(scan, h, bytes, good, err);
        if (code || !*good) {
            return code;
        }
        out->records = scan->raw.data;
        out->n = scan->raw.len;
    }
    *good = records_well_formed(out->records, out->n, h->records);
    return WEIR_OK;
}

/* The header at `offset`, when it is one that may come here. */
static int load_header(struct weir_scan *scan, uint64_t limit, struct weir_frame_header *h,
                       bool *good, struct weir_error *err)
{
    const char *bytes;
    size_t got;
    int code = window_load(scan, scan->offset, WEIR_FRAME_HEADER, limit, &bytes, &got, err);
    *good = !code && got == WEIR_FRAME_HEADER && scan->salt &&
            weir_frame_header_decode(bytes, scan->salt, h) && h->first_seq >= scan->expect &&
            h->first_seq + h->records <= limit;
    return code;
}

static int payload_in_file(struct weir_scan *scan, const struct weir_frame_header *h, bool *there,
                           struct weir_error *err)
{
    struct stat st;
    if (fstat(scan->fd, &st)) {
        return weir_fail_errno(err, errno, "stat %s", scan->name);
    }
    *there = (uint64_t)st.st_size >= scan->offset + WEIR_FRAME_HEADER + h->stored;
    return WEIR_OK;
}

int weir_scan_next(struct weir_scan *scan, uint64_t limit, uint64_t want,
                   struct weir_scan_frame *out, struct weir_error *err)
{
    while (scan->expect < limit) {
        if (scan->expect >= scan->window_below) {
            window_drop(scan);
        }
        bool good;
        bool there = true;
        struct weir_frame_header *h = &out->header;
        *out = (struct weir_scan_frame){.offset = scan->offset};
        int code = load_header(scan, limit, h, &good, err);
        uint64_t end = good ? h->first_seq + h->records : 0;
        if (!code && good && end > want) {
            code = scan->headers_only ? payload_in_file(scan, h, &there, err)
                                      : load_payload(scan, limit, out, &there, &good, err);
            good = scan->headers_only ? there : good;
        }
        if (code) {
            return code;
        }
        if (!good && scan->window_below < limit) {
            window_drop(scan); /* some of these bytes are older than the limit */
            continue;
        }
        if (!end || (!there && limit == WEIR_SCAN_TO_END)) {
            code = bridge(scan, limit, err);
            if (code) {
                return code;
            }
            continue;
        }
        report(scan, scan->expect, good ? h->first_seq : end);
        scan->offset += WEIR_FRAME_HEADER + (uint64_t)h->stored;
        scan->expect = end;
        if (good) {
            scan->good_end = scan->offset;
            if (end > want) {
                return WEIR_OK;
            }
        }
    }
    return WEIR_EAGAIN;
}
