/* A transaction that was compressed into one event: the events in it, one after the other. */
#include <stdlib.h>
#include <zstd.h>

#include "source/mysql/binlog_bytes.h"

#define EVENT_MOST (512u << 20)
#define HEADER     19

enum { FIELD_END, FIELD_SIZE, FIELD_KIND, FIELD_WHOLE }; /* what its head tells */
enum { KIND_ZSTD = 0, KIND_NONE = 255 };

struct weir_my_payload {
    struct weir_str rest;
    ZSTD_DStream *stream; /* NULL: it is not compressed */
    struct weir_buf event;
};

static bool read_head(struct weir_str *body, uint64_t *kind)
{
    uint64_t field = FIELD_SIZE, len, value;
    struct weir_str bytes;
    *kind = KIND_NONE;
    while (true) {
        if (!weir_my_take_packed(body, &field)) {
            return false;
        }
        if (field == FIELD_END) {
            return true;
        }
        if (!weir_my_take_packed(body, &len) || len > body->len ||
            !weir_my_take(body, len, &bytes) || !weir_my_take_packed(&bytes, &value)) {
            return false;
        }
        *kind = field == FIELD_KIND ? value : *kind;
    }
}

int weir_my_payload_open(struct weir_str body, struct weir_my_payload **out, struct weir_error *err)
{
    uint64_t kind;
    *out = NULL;
    if (!read_head(&body, &kind) || (kind != KIND_ZSTD && kind != KIND_NONE)) {
        return weir_my_damaged(err, "a compressed transaction");
    }
    struct weir_my_payload *p = *out = calloc(1, sizeof *p);
    if (p) {
        p->rest = body;
        p->stream = kind == KIND_ZSTD ? ZSTD_createDStream() : NULL;
        weir_buf_init(&p->event, EVENT_MOST);
    }
    return p && (kind != KIND_ZSTD || p->stream)
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for a compressed transaction");
}

/* As many bytes more into the event; fewer: that was all. */
static int fill(struct weir_my_payload *p, size_t wanted, struct weir_error *err)
{
    if (wanted > EVENT_MOST) {
        return weir_my_damaged(err, "an event of a compressed transaction");
    }
    if (!p->stream) {
        size_t n = wanted < p->rest.len ? wanted : p->rest.len;
        weir_buf_add(&p->event, p->rest.ptr, n);
        p->rest.ptr += n;
        p->rest.len -= n;
        return weir_buf_check(&p->event, "an event", err);
    }
    char room[65536];
    while (wanted) {
        ZSTD_inBuffer in = {p->rest.ptr, p->rest.len, 0};
        ZSTD_outBuffer made = {room, wanted < sizeof room ? wanted : sizeof room, 0};
        size_t said = ZSTD_decompressStream(p->stream, &made, &in);
        if (ZSTD_isError(said)) {
            return weir_my_damaged(err, "a compressed transaction");
        }
        p->rest.ptr += in.pos;
        p->rest.len -= in.pos;
        weir_buf_add(&p->event, room, made.pos);
        wanted -= made.pos;
        if (!made.pos && !in.pos) {
            break;
        }
    }
    return weir_buf_check(&p->event, "an event", err);
}

int weir_my_payload_next(struct weir_my_payload *p, struct weir_str *out, struct weir_error *err)
{
    *out = (struct weir_str){NULL, 0};
    weir_buf_reset(&p->event);
    int rc = fill(p, HEADER, err);
    if (rc || !p->event.len) {
        return rc;
    }
    uint64_t size =
        p->event.len == HEADER ? weir_my_little((struct weir_str){p->event.data + 9, 4}) : 0;
    rc = size < HEADER ? weir_my_damaged(err, "an event of a compressed transaction")
                       : fill(p, size - HEADER, err);
    if (rc == 0 && p->event.len != size) {
        rc = weir_my_damaged(err, "a compressed transaction ends within an event");
    }
    *out = rc ? *out : weir_buf_str(&p->event);
    return rc;
}

void weir_my_payload_close(struct weir_my_payload *p)
{
    if (p) {
        ZSTD_freeDStream(p->stream);
        weir_buf_free(&p->event);
        free(p);
    }
}
