/* A growable byte buffer with a hard maximum and a sticky failure bit.
 *
 * Appends never need checking one by one: after the first one that does not fit (the maximum, or
 * memory) the buffer stays as it was, `failed` is set, and later appends do nothing. Check
 * weir_buf_ok() once, at the end. The bytes are always followed by a NUL that is not counted, and
 * by WEIR_BUF_PADDING readable bytes, so that the JSON reader can work on them in place.
 *
 * Ownership: init or zero-initialise with a maximum, then weir_buf_free(). One thread at a time. */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define WEIR_BUF_PADDING 64

struct weir_buf {
    char *data; /* NULL while empty and never grown */
    size_t len;
    size_t cap; /* usable bytes, without padding */
    size_t max;
    bool failed;
};

void weir_buf_init(struct weir_buf *buf, size_t max);
void weir_buf_free(struct weir_buf *buf);  /* back to the state after init */
void weir_buf_reset(struct weir_buf *buf); /* empties, keeps memory, clears `failed` */
/* Gives memory back when more than `keep` bytes are held (for buffers kept over requests). */
void weir_buf_trim(struct weir_buf *buf, size_t keep);

static inline bool weir_buf_ok(const struct weir_buf *buf)
{
    return !buf->failed;
}
/* 0, or WEIR_ETOOBIG / WEIR_ENOMEM with a message that names `what`. */
int weir_buf_check(const struct weir_buf *buf, const char *what,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* Room for `n` more bytes at data + len, or NULL (and failed). Then add to len what was used. */
char *weir_buf_room(struct weir_buf *buf, size_t n);
void weir_buf_add(struct weir_buf *buf, const void *bytes, size_t n);
void weir_buf_adds(struct weir_buf *buf, struct weir_str s);
void weir_buf_addz(struct weir_buf *buf, const char *cstr);
static inline void weir_buf_addc(struct weir_buf *buf, char c)
{
    if (buf->data && !buf->failed && buf->len < buf->cap) {
        buf->data[buf->len++] = c;
        buf->data[buf->len] = '\0';
    } else {
        weir_buf_add(buf, &c, 1);
    }
}
void weir_buf_addf(struct weir_buf *buf, const char *fmt, ...) WEIR_PRINTF(2, 3);
void weir_buf_add_i64(struct weir_buf *buf, int64_t value);
void weir_buf_add_u64(struct weir_buf *buf, uint64_t value);

static inline struct weir_str weir_buf_str(const struct weir_buf *buf)
{
    return (struct weir_str){buf->data ? buf->data : "", buf->len};
}
/* NUL-terminated view, valid until the next append. */
static inline const char *weir_buf_cstr(const struct weir_buf *buf)
{
    return buf->data ? buf->data : "";
}

#endif
