#include "eventlog/format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

static const char segment_magic[8] = {'W', 'E', 'I', 'R', 'S', 'E', 'G', '1'};
#define SEGMENT_VERSION     1u
#define SEGMENT_FLAG_SEALED 1u

static bool all_zero(const unsigned char *at, size_t n)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < n; i++) {
        seen |= at[i];
    }
    return seen == 0;
}

void weir_segment_header_encode(const struct weir_segment_header *header,
                                unsigned char out[WEIR_SEGMENT_HEADER])
{
    memset(out, 0, WEIR_SEGMENT_HEADER);
    memcpy(out, segment_magic, sizeof segment_magic);
    weir_put32(out + 8, SEGMENT_VERSION);
    weir_put32(out + 12, header->sealed ? SEGMENT_FLAG_SEALED : 0);
    weir_put64(out + 16, header->salt);
    weir_put64(out + 24, header->first_seq);
    weir_put64(out + 32, (uint64_t)header->created_at);
    if (header->sealed) {
        weir_put64(out + 40, header->end_seq);
        weir_put64(out + 48, header->records);
        weir_put64(out + 56, header->frames);
        weir_put64(out + 64, header->raw_bytes);
        weir_put64(out + 72, (uint64_t)header->first_at);
        weir_put64(out + 80, (uint64_t)header->last_at);
    }
    weir_put64(out + 120, weir_hash64(out, 120, 0));
}

bool weir_segment_header_decode(const void *bytes, struct weir_segment_header *out)
{
    const unsigned char *at = bytes;
    uint32_t flags = weir_get32(at + 12);
    if (memcmp(at, segment_magic, sizeof segment_magic) != 0 ||
        weir_get32(at + 8) != SEGMENT_VERSION || weir_get64(at + 120) != weir_hash64(at, 120, 0) ||
        (flags & ~SEGMENT_FLAG_SEALED) || !all_zero(at + 88, 32)) {
        return false;
    }
    *out = (struct weir_segment_header){
        .sealed = flags & SEGMENT_FLAG_SEALED,
        .salt = weir_get64(at + 16),
        .first_seq = weir_get64(at + 24),
        .created_at = (weir_time)weir_get64(at + 32),
        .end_seq = weir_get64(at + 40),
        .records = weir_get64(at + 48),
        .frames = weir_get64(at + 56),
        .raw_bytes = weir_get64(at + 64),
        .first_at = (weir_time)weir_get64(at + 72),
        .last_at = (weir_time)weir_get64(at + 80),
    };
    return out->salt != 0 && out->first_seq != 0 &&
           (out->sealed ? out->end_seq >= out->first_seq : all_zero(at + 40, 48));
}

uint32_t weir_segment_header_newer(const void *bytes)
{
    const unsigned char *at = bytes;
    struct weir_segment_header header;
    bool ours = memcmp(at, segment_magic, sizeof segment_magic) == 0 &&
                weir_get64(at + 120) == weir_hash64(at, 120, 0);
    return ours && !weir_segment_header_decode(bytes, &header) ? weir_get32(at + 8) : 0;
}

void weir_frame_header_encode(const struct weir_frame_header *header,
                              unsigned char out[WEIR_FRAME_HEADER])
{
    memset(out, 0, WEIR_FRAME_HEADER);
    memcpy(out, WEIR_FRAME_MAGIC_BYTES, 4);
    out[4] = (unsigned char)header->codec;
    weir_put32(out + 8, header->stored);
    weir_put32(out + 12, header->raw);
    weir_put32(out + 16, header->records);
    weir_put64(out + 24, header->salt);
    weir_put64(out + 32, header->first_seq);
    weir_put64(out + 40, (uint64_t)header->first_at);
    weir_put64(out + 48, (uint64_t)header->last_at);
    weir_put64(out + 56, header->payload_sum);
    weir_put64(out + 64, weir_hash64(out, 64, header->salt));
}

bool weir_frame_header_decode(const void *bytes, uint64_t salt, struct weir_frame_header *out)
{
    const unsigned char *at = bytes;
    uint64_t own = weir_get64(at + 24);
    if (memcmp(at, WEIR_FRAME_MAGIC_BYTES, 4) != 0 || own == 0 || (salt && own != salt) ||
        weir_get64(at + 64) != weir_hash64(at, 64, own) || at[4] > WEIR_CODEC_ZSTD ||
        !all_zero(at + 5, 3) || !all_zero(at + 20, 4)) {
        return false;
    }
    *out = (struct weir_frame_header){
        .codec = (enum weir_frame_codec)at[4],
        .stored = weir_get32(at + 8),
        .raw = weir_get32(at + 12),
        .records = weir_get32(at + 16),
        .salt = own,
        .first_seq = weir_get64(at + 32),
        .first_at = (weir_time)weir_get64(at + 40),
        .last_at = (weir_time)weir_get64(at + 48),
        .payload_sum = weir_get64(at + 56),
    };
    return out->raw <= WEIR_FRAME_RAW_MAX && out->stored <= WEIR_FRAME_STORED_MAX &&
           (out->codec != WEIR_CODEC_NONE || out->stored == out->raw) && out->records > 0 &&
           out->records <= out->raw / WEIR_RECORD_HEADER && out->first_seq > 0 &&
           out->first_seq <= UINT64_MAX - out->records;
}

uint64_t weir_frame_sum(const void *stored, size_t n, uint64_t salt)
{
    return weir_hash64(stored, n, salt);
}

size_t weir_record_size(const struct weir_record *record)
{
    const struct weir_str *const shorts[] = {&record->source,     &record->method,
                                             &record->write_key,  &record->ip,
                                             &record->user_agent, &record->note};
    size_t size = WEIR_RECORD_HEADER;
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++) {
        if (shorts[i]->len > UINT16_MAX) {
            return 0;
        }
        size += shorts[i]->len;
    }
    return record->body.len > WEIR_FRAME_RAW_MAX - size ? 0 : size + record->body.len;
}

static char *put_str(char *at, struct weir_str s)
{
    if (s.len) {
        memcpy(at, s.ptr, s.len);
    }
    return at + s.len;
}

void weir_record_encode(const struct weir_record *record, char *out)
{
    unsigned char *head = (unsigned char *)out;
    memset(head, 0, WEIR_RECORD_HEADER);
    weir_put32(head, (uint32_t)record->body.len);
    head[4] = (unsigned char)record->kind;
    weir_put16(head + 6, (uint16_t)record->source.len);
    weir_put16(head + 8, (uint16_t)record->method.len);
    weir_put16(head + 10, (uint16_t)record->write_key.len);
    weir_put16(head + 12, (uint16_t)record->ip.len);
    weir_put16(head + 14, (uint16_t)record->user_agent.len);
    weir_put16(head + 16, (uint16_t)record->note.len);
    weir_put64(head + 24, (uint64_t)record->received_at);
    memcpy(head + 32, record->request_id, sizeof record->request_id);
    char *at = out + WEIR_RECORD_HEADER;
    at = put_str(at, record->source);
    at = put_str(at, record->method);
    at = put_str(at, record->write_key);
    at = put_str(at, record->ip);
    at = put_str(at, record->user_agent);
    at = put_str(at, record->note);
    put_str(at, record->body);
}

static struct weir_str take_str(const char **at, size_t n)
{
    struct weir_str s = {*at, n};
    *at += n;
    return s;
}

bool weir_record_decode(const char *bytes, size_t n, struct weir_record *out, size_t *size)
{
    const unsigned char *head = (const unsigned char *)bytes;
    if (n < WEIR_RECORD_HEADER || head[4] < WEIR_RECORD_CALL || head[4] > WEIR_RECORD_UNKNOWN_KEY ||
        head[5] != 0 || !all_zero(head + 18, 6)) {
        return false;
    }
    size_t body = weir_get32(head);
    size_t need = WEIR_RECORD_HEADER + body;
    for (size_t i = 6; i < 18; i += 2) {
        need += weir_get16(head + i);
    }
    if (need > n) {
        return false;
    }
    *size = need;
    out->kind = (enum weir_record_kind)head[4];
    out->received_at = (weir_time)weir_get64(head + 24);
    memcpy(out->request_id, head + 32, sizeof out->request_id);
    const char *at = bytes + WEIR_RECORD_HEADER;
    out->source = take_str(&at, weir_get16(head + 6));
    out->method = take_str(&at, weir_get16(head + 8));
    out->write_key = take_str(&at, weir_get16(head + 10));
    out->ip = take_str(&at, weir_get16(head + 12));
    out->user_agent = take_str(&at, weir_get16(head + 14));
    out->note = take_str(&at, weir_get16(head + 16));
    out->body = take_str(&at, body);
    return true;
}
