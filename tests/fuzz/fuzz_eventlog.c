/* A segment file from anywhere: walked as the reader, recovery and `verify` walk it.
 *
 * Random bytes never pass a checksum, so the first byte may ask for all checksums to be put right
 * before the walk: then lengths, counts, codecs and records are what the fuzzer makes of them. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "eventlog/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

/* Segment header, and every frame header that the magic shows. */
static void mend(unsigned char *bytes, size_t n)
{
    if (n < WEIR_SEGMENT_HEADER) {
        return;
    }
    uint64_t salt = get64(bytes + 16);
    put64(bytes + 120, weir_hash64(bytes, 120, 0));
    for (size_t at = WEIR_SEGMENT_HEADER; at + WEIR_FRAME_HEADER <= n; at++) {
        if (memcmp(bytes + at, WEIR_FRAME_MAGIC_BYTES, 4) == 0) {
            unsigned char *frame = bytes + at;
            size_t stored = get32(frame + 8);
            size_t left = n - at - WEIR_FRAME_HEADER;
            put64(frame + 24, salt);
            put64(frame + 56,
                  weir_frame_sum(frame + WEIR_FRAME_HEADER, stored < left ? stored : left, salt));
            put64(frame + 64, weir_hash64(frame, 64, salt));
        }
    }
}

struct checks {
    uint64_t end; /* of the last damage */
};

static void on_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct checks *checks = arg;
    if (damage->first < checks->end || damage->count == 0) {
        abort(); /* ranges ascend and never overlap */
    }
    checks->end = damage->first + damage->count;
}

/* What is handed out must be in order, within the limit, and well-formed. */
static void walk(int fd, uint64_t limit, uint64_t want, bool headers_only)
{
    struct checks checks = {0};
    struct weir_scan scan;
    struct weir_scan_frame frame;
    uint64_t expect = 1;
    weir_scan_init(&scan, on_damage, &checks);
    scan.headers_only = headers_only;
    if (weir_scan_open_fd(&scan, dup(fd), 1, NULL)) {
        weir_scan_free(&scan); /* of a later version */
        return;
    }
    while (weir_scan_next(&scan, limit, want, &frame, NULL) == WEIR_OK) {
        if (frame.header.first_seq < expect ||
            frame.header.first_seq + frame.header.records > limit) {
            abort();
        }
        expect = frame.header.first_seq + frame.header.records;
        for (uint32_t i = 0; !headers_only && i < frame.header.records; i++) {
            struct weir_record record;
            size_t used;
            if (!weir_record_decode(frame.records, frame.n, &record, &used)) {
                abort();
            }
            frame.records += used;
            frame.n -= used;
        }
    }
    weir_scan_free(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > (4u << 20)) {
        return 0;
    }
    unsigned char *bytes = malloc(size);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1) {
        mend(bytes, size - 1);
    }
    int fd = memfd_create("segment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size - 1) != (ssize_t)(size - 1)) {
        abort();
    }
    walk(fd, WEIR_SCAN_TO_END, 0, false);
    walk(fd, WEIR_SCAN_TO_END, 0, true);
    walk(fd, 6, 2, false);
    close(fd);
    free(bytes);
    return 0;
}
