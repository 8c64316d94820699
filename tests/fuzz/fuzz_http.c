/* A request's bytes: its head parses or is refused, and what parses is framed in one way only; a
 * chunked body reads the same whole and byte by byte; a coded body stays under its cap. */
#include <stdlib.h>
#include <string.h>

#include "io/http.h"
#include "io/http_body.h"
#include "io/http_head.h"

#define MAX_BODY (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_span(struct weir_http_span span, size_t len)
{
    require(span.at <= len && span.len <= len - span.at);
}

static int count_fields(const struct weir_http_head *head, const char *text, const char *name)
{
    int n = 0;
    for (int at = -1; (at = weir_http_head_find(head, text, name, (uint32_t)(at + 1))) >= 0;) {
        n++;
    }
    return n;
}

/* What another server in front of us could read differently must not have parsed. */
static void check_head(const struct weir_http_head *head, const char *text, size_t len)
{
    require(head->method >= 0 && head->method <= WEIR_HTTP_PATCH);
    require(head->field_count <= WEIR_HTTP_MAX_FIELDS);
    check_span(head->path, len);
    check_span(head->query, len);
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct weir_http_field *f = &head->fields[i];
        check_span(f->name, len);
        check_span(f->value, len);
        require(f->name.len > 0);
        for (uint32_t k = 0; k < f->name.len; k++) {
            unsigned char c = (unsigned char)text[f->name.at + k];
            require(c > 0x20 && c < 0x7f && c != ':');
        }
        require(!memchr(text + f->value.at, '\r', f->value.len));
        require(!memchr(text + f->value.at, '\n', f->value.len));
        require(!memchr(text + f->value.at, '\0', f->value.len));
    }
    int lengths = count_fields(head, text, "Content-Length");
    int codings = count_fields(head, text, "Transfer-Encoding");
    require(!(head->chunked && head->has_length));
    require(head->has_length == (lengths > 0));
    require(head->chunked == (codings == 1) && codings <= 1);
    require(head->minor == 0 || count_fields(head, text, "Host") > 0);
}

/* Feeds in pieces of `step` bytes; returns the status and the body. */
static int dechunk(const char *raw, size_t n, size_t step, struct weir_buf *out, bool *done)
{
    struct weir_http_chunks chunks = {0};
    char *work = malloc(n + 1);
    size_t have = 0;
    int status = 0;
    for (size_t at = 0; !status && at < n && chunks.state != WEIR_HTTP_CHUNK_DONE;) {
        size_t used, made;
        const char *why = NULL;
        size_t take = n - at < step ? n - at : step;
        memcpy(work + have, raw + at, take);
        have += take;
        at += take;
        status = weir_http_chunks_feed(&chunks, work, have, work, &used, &made, &why);
        require(status == 0 || why != NULL);
        if (!status) {
            require(used <= have && made <= used);
            weir_buf_add(out, work, made);
            memmove(work, work + used, have - used);
            have -= used;
        }
    }
    *done = chunks.state == WEIR_HTTP_CHUNK_DONE;
    free(work);
    return status;
}

static void check_chunks(const char *raw, size_t n)
{
    struct weir_buf whole, bytes;
    bool whole_done, bytes_done;
    weir_buf_init(&whole, n + 1);
    weir_buf_init(&bytes, n + 1);
    int a = dechunk(raw, n, n, &whole, &whole_done);
    int b = dechunk(raw, n, 1, &bytes, &bytes_done);
    require(a == b);
    if (!a) {
        require(whole_done == bytes_done);
        require(weir_str_eq(weir_buf_str(&whole), weir_buf_str(&bytes)));
    }
    weir_buf_free(&whole);
    weir_buf_free(&bytes);
}

static void check_coding(struct weir_http_codec *codec, const char *coding, const char *raw,
                         size_t n)
{
    struct weir_buf out;
    const char *why = NULL;
    weir_buf_init(&out, MAX_BODY);
    int status =
        weir_http_decode(codec, weir_str_of(coding), (struct weir_str){raw, n}, &out, &why);
    require(out.len <= MAX_BODY && (status == 0 || why != NULL));
    weir_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_http_codec *codec;
    codec = codec ? codec : weir_http_codec_new();
    char *text = malloc(size + 1); /* exactly as long as it is, for AddressSanitizer */
    memcpy(text, data, size);
    const char *end = size ? memmem(text, size, "\r\n\r\n", 4) : NULL;
    size_t head_len = end ? (size_t)(end - text) + 4 : 0;
    if (end) {
        struct weir_http_head head;
        const char *why = NULL;
        int status = weir_http_head_parse(text, (uint32_t)head_len, &head, &why);
        require(status == 0 || (status >= 400 && why != NULL));
        if (!status) {
            check_head(&head, text, head_len);
            char *path = malloc(head.path.len + 1);
            struct weir_str raw = {text + head.path.at, head.path.len};
            require(weir_http_unescape(raw, path, true) <= raw.len);
            free(path);
        }
    }
    check_chunks(text + head_len, size - head_len);
    check_coding(codec, "gzip", text + head_len, size - head_len);
    check_coding(codec, "deflate", text + head_len, size - head_len);
    check_coding(codec, "zstd", text + head_len, size - head_len);
    free(text);
    return 0;
}
