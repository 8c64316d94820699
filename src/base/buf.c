#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void weir_buf_init(struct weir_buf *buf, size_t max)
{
    *buf = (struct weir_buf){.max = max};
}

void weir_buf_free(struct weir_buf *buf)
{
    free(buf->data);
    weir_buf_init(buf, buf->max);
}

void weir_buf_reset(struct weir_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data) {
        buf->data[0] = '\0';
    }
}

void weir_buf_trim(struct weir_buf *buf, size_t keep)
{
    if (buf->cap > keep) {
        weir_buf_free(buf);
    }
}

int weir_buf_check(const struct weir_buf *buf, const char *what, struct weir_error *err)
{
    if (!buf->failed) {
        return WEIR_OK;
    }
    return weir_fail(err, WEIR_ETOOBIG, "%s is larger than %zu bytes, or memory ran out", what,
                     buf->max);
}

char *weir_buf_room(struct weir_buf *buf, size_t n)
{
    if (buf->failed || n > buf->max || buf->len > buf->max - n) {
        buf->failed = true;
        return NULL;
    }
    size_t need = buf->len + n;
    if (need > buf->cap || !buf->data) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap < need) {
            cap = cap > buf->max / 2 ? buf->max : cap * 2;
        }
        if (cap > buf->max) {
            cap = buf->max;
        }
        char *data = realloc(buf->data, cap + WEIR_BUF_PADDING);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        memset(data + cap, 0, WEIR_BUF_PADDING);
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void weir_buf_add(struct weir_buf *buf, const void *bytes, size_t n)
{
    bool there = buf->data && !buf->failed && n <= buf->cap - buf->len;
    char *to = there ? buf->data + buf->len : weir_buf_room(buf, n);
    if (!to) {
        return;
    }
    if (n) {
        memcpy(to, bytes, n);
    }
    buf->len += n;
    buf->data[buf->len] = '\0';
}

void weir_buf_adds(struct weir_buf *buf, struct weir_str s)
{
    weir_buf_add(buf, s.ptr, s.len);
}

void weir_buf_addz(struct weir_buf *buf, const char *cstr)
{
    weir_buf_add(buf, cstr, strlen(cstr));
}

void weir_buf_addf(struct weir_buf *buf, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof small) {
        weir_buf_add(buf, small, (size_t)n);
    } else if (n >= 0) {
        char *to = weir_buf_room(buf, (size_t)n + 1);
        if (to) {
            vsnprintf(to, (size_t)n + 1, fmt, again);
            buf->len += (size_t)n;
        }
    } else {
        buf->failed = true;
    }
    va_end(again);
}

void weir_buf_add_u64(struct weir_buf *buf, uint64_t value)
{
    char digits[20];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    weir_buf_add(buf, digits + i, sizeof digits - i);
}

void weir_buf_add_i64(struct weir_buf *buf, int64_t value)
{
    if (value < 0) {
        weir_buf_addc(buf, '-');
    }
    weir_buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}
