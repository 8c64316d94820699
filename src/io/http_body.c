#include "io/http_body.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "base/hash.h"
#include "io/http.h"

#define MAX_CHUNK_LINE 256
#define MAX_TRAILER    8192
/* A zstd frame may ask for a window of gigabytes; 8 MB is what its own tools send by default. */
#define MAX_ZSTD_WINDOW_LOG 23

/* --- chunks ------------------------------------------------------------------------------------
 */

/* The line at raw, without its end; false when the end is not there yet. */
static bool take_line(const char *raw, size_t n, struct weir_str *line)
{
    const char *end = n ? memmem(raw, n, "\r\n", 2) : NULL;
    if (!end) {
        return false;
    }
    *line = (struct weir_str){raw, (size_t)(end - raw)};
    return true;
}

/* At least how long the line is; the last byte that is here may be half of its end. */
static size_t line_so_far(bool found, struct weir_str line, size_t n)
{
    return found ? line.len : n ? n - 1 : 0;
}

static bool parse_size(struct weir_str line, uint64_t *size)
{
    size_t i = 0;
    *size = 0;
    for (; i < line.len && weir_hex_digit(line.ptr[i]) >= 0; i++) {
        if (i == 15) {
            return false;
        }
        *size = *size << 4 | (uint64_t)weir_hex_digit(line.ptr[i]);
    }
    if (i == 0) {
        return false;
    }
    struct weir_str rest = weir_str_trim((struct weir_str){line.ptr + i, line.len - i});
    return rest.len == 0 || rest.ptr[0] == ';';
}

static int feed_size(struct weir_http_chunks *chunks, const char *raw, size_t n, size_t *used,
                     const char **why)
{
    struct weir_str line = {0};
    *used = 0;
    bool found = take_line(raw, n, &line);
    if (line_so_far(found, line, n) > MAX_CHUNK_LINE) {
        *why = "chunk size line is too long";
        return 400;
    }
    if (!found) {
        return 0;
    }
    if (!parse_size(line, &chunks->left)) {
        *why = "malformed chunk size";
        return 400;
    }
    chunks->state = chunks->left ? WEIR_HTTP_CHUNK_DATA : WEIR_HTTP_CHUNK_TRAILER;
    *used = line.len + 2;
    return 0;
}

/* Trailer fields say nothing that this server needs; they are read over. */
static int feed_trailer(struct weir_http_chunks *chunks, const char *raw, size_t n, size_t *used,
                        const char **why)
{
    struct weir_str line = {0};
    *used = 0;
    bool found = take_line(raw, n, &line);
    if (chunks->trailer + line_so_far(found, line, n) > MAX_TRAILER) {
        *why = "trailer fields are too large";
        return 431;
    }
    if (found) {
        *used = line.len + 2;
        chunks->trailer += (uint32_t)line.len + 2;
        if (line.len == 0) {
            chunks->state = WEIR_HTTP_CHUNK_DONE;
        }
    }
    return 0;
}

static int feed_data_end(struct weir_http_chunks *chunks, const char *raw, size_t n, size_t *used,
                         const char **why)
{
    *used = 0;
    if ((n > 0 && raw[0] != '\r') || (n > 1 && raw[1] != '\n')) {
        *why = "chunk is longer than its size";
        return 400;
    }
    if (n > 1) {
        *used = 2;
        chunks->state = WEIR_HTTP_CHUNK_SIZE;
    }
    return 0;
}

int weir_http_chunks_feed(struct weir_http_chunks *chunks, const char *raw, size_t n, char *out,
                          size_t *used, size_t *made, const char **why)
{
    size_t at = 0;
    *used = *made = 0;
    while (chunks->state != WEIR_HTTP_CHUNK_DONE) {
        size_t step = 0;
        int status = 0;
        switch (chunks->state) {
        case WEIR_HTTP_CHUNK_SIZE:
            status = feed_size(chunks, raw + at, n - at, &step, why);
            break;
        case WEIR_HTTP_CHUNK_DATA:
            step = n - at < chunks->left ? n - at : (size_t)chunks->left;
            memmove(out + *made, raw + at, step);
            *made += step;
            chunks->left -= step;
            if (chunks->left == 0) {
                chunks->state = WEIR_HTTP_CHUNK_DATA_END;
            }
            break;
        case WEIR_HTTP_CHUNK_DATA_END:
            status = feed_data_end(chunks, raw + at, n - at, &step, why);
            break;
        default:
            status = feed_trailer(chunks, raw + at, n - at, &step, why);
            break;
        }
        if (status) {
            return status;
        }
        if (step == 0) {
            break;
        }
        at += step;
    }
    *used = at;
    return 0;
}

/* --- codings -----------------------------------------------------------------------------------
 */

struct weir_http_codec {
    z_stream z;
    bool z_ready;
    ZSTD_DCtx *zstd;
};

struct weir_http_codec *weir_http_codec_new(void)
{
    return calloc(1, sizeof(struct weir_http_codec));
}

void weir_http_codec_free(struct weir_http_codec *codec)
{
    if (codec) {
        if (codec->z_ready) {
            inflateEnd(&codec->z);
        }
        ZSTD_freeDCtx(codec->zstd);
        free(codec);
    }
}

bool weir_http_is_identity(struct weir_str encoding)
{
    encoding = weir_str_trim(encoding);
    return encoding.len == 0 || weir_str_eq_nocase(encoding, WEIR_STR("identity"));
}

/* Room for the next piece of output, never beyond the cap; *n is 0 when the cap is reached. */
static char *next_room(struct weir_buf *out, size_t input, size_t *n)
{
    size_t left = out->max - out->len;
    size_t want = out->len ? out->len : input * 4;
    want = want < 4096 ? 4096 : want;
    *n = want < left ? want : left;
    return weir_buf_room(out, *n);
}

/* "deflate" is zlib's format by the book and raw deflate in many clients. */
static int window_bits(struct weir_str encoding, struct weir_str in)
{
    const unsigned char *b = (const unsigned char *)in.ptr;
    if (!weir_str_eq_nocase(encoding, WEIR_STR("deflate"))) {
        return 15 + 16;
    }
    bool zlib = in.len >= 2 && (b[0] & 15) == 8 && ((unsigned)b[0] << 8 | b[1]) % 31 == 0;
    return zlib ? 15 : -15;
}

static int inflate_all(struct weir_http_codec *codec, int bits, struct weir_str in,
                       struct weir_buf *out, const char **why)
{
    z_stream *z = &codec->z;
    int rc = codec->z_ready ? inflateReset2(z, bits) : inflateInit2(z, bits);
    if (rc != Z_OK) {
        *why = "out of memory";
        return 503;
    }
    codec->z_ready = true;
    z->next_in = (unsigned char *)(uintptr_t)in.ptr;
    z->avail_in = (unsigned)in.len;
    for (;;) {
        size_t room;
        char *to = next_room(out, in.len, &room);
        if (!to) {
            *why = "out of memory";
            return 503;
        }
        unsigned char spare[1]; /* tells "exactly at the cap" from "beyond it" */
        z->next_out = room ? (unsigned char *)to : spare;
        z->avail_out = room ? (unsigned)room : 1;
        unsigned before = z->avail_out;
        rc = inflate(z, Z_NO_FLUSH);
        size_t made = before - z->avail_out;
        if (room == 0 && made) {
            *why = "body is too large once decoded";
            return 413;
        }
        out->len += made;
        if (rc == Z_STREAM_END) {
            /* gzip members may follow one another; anything else behind the end is padding */
            if (bits > 15 && z->avail_in > 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b) {
                inflateReset(z);
                continue;
            }
            return 0;
        }
        if (rc != Z_OK && !(rc == Z_BUF_ERROR && z->avail_out == 0)) {
            *why = z->avail_in ? "body does not decode" : "encoded body is cut short";
            return 400;
        }
        if (z->avail_in == 0 && z->avail_out != 0) {
            *why = "encoded body is cut short";
            return 400;
        }
    }
}

static int unzstd_all(struct weir_http_codec *codec, struct weir_str in, struct weir_buf *out,
                      const char **why)
{
    if (!codec->zstd) {
        codec->zstd = ZSTD_createDCtx();
        if (!codec->zstd) {
            *why = "out of memory";
            return 503;
        }
        ZSTD_DCtx_setParameter(codec->zstd, ZSTD_d_windowLogMax, MAX_ZSTD_WINDOW_LOG);
    }
    ZSTD_DCtx_reset(codec->zstd, ZSTD_reset_session_only);
    ZSTD_inBuffer from = {in.ptr, in.len, 0};
    for (;;) {
        size_t room;
        char *to = next_room(out, in.len, &room);
        if (!to) {
            *why = "out of memory";
            return 503;
        }
        char spare[1];
        ZSTD_outBuffer piece = {room ? to : spare, room ? room : 1, 0};
        size_t rc = ZSTD_decompressStream(codec->zstd, &piece, &from);
        if (ZSTD_isError(rc)) {
            *why = "body does not decode";
            return 400;
        }
        if (room == 0 && piece.pos) {
            *why = "body is too large once decoded";
            return 413;
        }
        out->len += piece.pos;
        if (rc == 0 && from.pos == from.size) {
            return 0;
        }
        if (from.pos == from.size && piece.pos < piece.size) {
            *why = "encoded body is cut short";
            return 400;
        }
    }
}

int weir_http_decode(struct weir_http_codec *codec, struct weir_str encoding, struct weir_str in,
                     struct weir_buf *out, const char **why)
{
    encoding = weir_str_trim(encoding);
    int status;
    if (in.len == 0) {
        return 0; /* an SDK that compresses nothing into nothing */
    }
    if (weir_str_eq_nocase(encoding, WEIR_STR("gzip")) ||
        weir_str_eq_nocase(encoding, WEIR_STR("x-gzip")) ||
        weir_str_eq_nocase(encoding, WEIR_STR("deflate"))) {
        status = inflate_all(codec, window_bits(encoding, in), in, out, why);
    } else if (weir_str_eq_nocase(encoding, WEIR_STR("zstd"))) {
        status = unzstd_all(codec, in, out, why);
    } else {
        *why = "Content-Encoding must be gzip, deflate or zstd";
        return 415;
    }
    if (!status && out->data) {
        out->data[out->len] = '\0';
    }
    return status;
}

const char *weir_http_zlib_version(void)
{
    return zlibVersion();
}

const char *weir_http_zstd_version(void)
{
    return ZSTD_versionString();
}
