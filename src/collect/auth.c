#include "collect/auth.h"

#include <strings.h>

#include "base/base64.h"

bool weir_auth_basic(struct weir_str authorization, struct weir_buf *key)
{
    struct weir_str text = weir_str_trim(authorization);
    if (text.len < 7 || strncasecmp(text.ptr, "Basic ", 6) != 0) {
        return false;
    }
    text = weir_str_trim((struct weir_str){text.ptr + 6, text.len - 6});
    size_t before = key->len;
    if (!weir_base64_decode(text, key)) {
        key->len = before;
        return false;
    }
    char *colon = memchr(key->data + before, ':', key->len - before);
    if (colon) {
        key->len = (size_t)(colon - key->data);
        *colon = '\0';
    }
    return key->len > before;
}
