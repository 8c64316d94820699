#include "base/base64.h"

#include <string.h>

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-' || c == ' ') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

bool weir_base64_decode(struct weir_str text, struct weir_buf *out)
{
    while (text.len && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    char *to = weir_buf_room(out, text.len / 4 * 3 + 3);
    if (!to || text.len % 4 == 1) {
        return false;
    }
    unsigned bits = 0;
    int have = 0;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int d = digit(text.ptr[i]);
        if (d < 0) {
            return false;
        }
        bits = bits << 6 | (unsigned)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[n++] = (char)(bits >> have);
        }
    }
    out->len += n;
    out->data[out->len] = '\0';
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void weir_base64url_add(struct weir_buf *out, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        unsigned bits = (unsigned)from[i] << 16;
        bits |= have > 1 ? (unsigned)from[i + 1] << 8 : 0;
        bits |= have > 2 ? (unsigned)from[i + 2] : 0;
        for (size_t k = 0; k <= have; k++) {
            weir_buf_addc(out, alphabet[bits >> (18 - 6 * k) & 63]);
        }
    }
}

bool weir_is_base64url(struct weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!text.ptr[i] || !strchr(alphabet, text.ptr[i])) {
            return false;
        }
    }
    return text.len % 4 != 1;
}
