/* The bytes of docs/format/eventlog.md: encode, and verify before decoding. Pure; private to this
 * folder. Decoders take bytes that nobody has checked and return false for all that is not exactly
 * as drawn. */
#ifndef WEIR_EVENTLOG_FORMAT_H
#define WEIR_EVENTLOG_FORMAT_H

#include "eventlog/eventlog.h"

#define WEIR_SEGMENT_HEADER    128
#define WEIR_FRAME_HEADER      72
#define WEIR_RECORD_HEADER     48
#define WEIR_FRAME_TARGET      (1u << 20)  /* a frame is closed before it grows beyond this */
#define WEIR_FRAME_RAW_MAX     (64u << 20) /* cap for reading and for one record */
#define WEIR_FRAME_STORED_MAX  (WEIR_FRAME_RAW_MAX + (1u << 20))
#define WEIR_FRAME_MAGIC_BYTES "WFRM"

enum weir_frame_codec { WEIR_CODEC_NONE = 0, WEIR_CODEC_ZSTD = 1 };

struct weir_segment_header {
    bool sealed;
    uint64_t salt;
    uint64_t first_seq;
    weir_time created_at;
    uint64_t end_seq; /* this and the following: sealed only */
    uint64_t records;
    uint64_t frames;
    uint64_t raw_bytes;
    weir_time first_at;
    weir_time last_at;
};

struct weir_frame_header {
    enum weir_frame_codec codec;
    uint32_t stored; /* bytes */
    uint32_t raw;
    uint32_t records;
    uint64_t salt;
    uint64_t first_seq;
    weir_time first_at;
    weir_time last_at;
    uint64_t payload_sum;
};

void weir_segment_header_encode(const struct weir_segment_header *header,
                                unsigned char out[WEIR_SEGMENT_HEADER]);
bool weir_segment_header_decode(const void *bytes, struct weir_segment_header *out);
/* Not decodable, and yet its checksum holds: a later weir wrote it. Its version, else 0. */
uint32_t weir_segment_header_newer(const void *bytes);

void weir_frame_header_encode(const struct weir_frame_header *header,
                              unsigned char out[WEIR_FRAME_HEADER]);
/* With salt 0 the frame's own salt is taken: only where a frame must begin, never while searching,
 * or a frame forged inside a body would pass. */
bool weir_frame_header_decode(const void *bytes, uint64_t salt, struct weir_frame_header *out);
uint64_t weir_frame_sum(const void *stored, size_t n, uint64_t salt);

/* 0 when a field is over its cap. */
size_t weir_record_size(const struct weir_record *record);
/* Writes weir_record_size() bytes. */
void weir_record_encode(const struct weir_record *record, char *out);
/* The record at the start of `bytes`; false when it does not fit in them. `size` is what it took.
 * seq is left alone. */
bool weir_record_decode(const char *bytes, size_t n, struct weir_record *out, size_t *size);

#endif
