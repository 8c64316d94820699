/* What stands between the bytes of a request body on the wire and the body itself: chunks and
 * content encodings. Every output has a cap, so that no small input becomes a large body. */
#ifndef WEIR_IO_HTTP_BODY_H
#define WEIR_IO_HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* --- chunked transfer coding (RFC 9112, 7.1) ---------------------------------------------------
 */
enum weir_http_chunk_state {
    WEIR_HTTP_CHUNK_SIZE,
    WEIR_HTTP_CHUNK_DATA,
    WEIR_HTTP_CHUNK_DATA_END,
    WEIR_HTTP_CHUNK_TRAILER,
    WEIR_HTTP_CHUNK_DONE
};

struct weir_http_chunks {
    enum weir_http_chunk_state state;
    uint64_t left;    /* of the chunk that is being read */
    uint32_t trailer; /* bytes of trailer fields so far */
};

/* Decodes as much of raw[0, n) as it can to `out`, which may be `raw` or lie before it. `used` are
 * the raw bytes that need not be shown again, `made` the decoded ones. Returns 0, or the status to
 * refuse with. */
int weir_http_chunks_feed(struct weir_http_chunks *chunks, const char *raw, size_t n, char *out,
                          size_t *used, size_t *made, const char **why);

/* --- content codings ---------------------------------------------------------------------------
 */
struct weir_http_codec; /* keeps its decoders' memory between requests; one thread */

struct weir_http_codec *weir_http_codec_new(void);
void weir_http_codec_free(struct weir_http_codec *codec);

/* True when the value of Content-Encoding asks for no decoding at all. */
bool weir_http_is_identity(struct weir_str encoding);
/* Decodes into `out`, up to out->max. Returns 0, or 400 (damaged), 413 or 415 and the reason. */
int weir_http_decode(struct weir_http_codec *codec, struct weir_str encoding, struct weir_str in,
                     struct weir_buf *out, const char **why);

#endif
