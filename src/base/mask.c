#include "base/mask.h"

#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

#define MAX_CODED (1u << 20)
#define SLASHES   64 /* looked at in a row: a long row of them is looked at from each of them */
#define LEAST     8  /* characters of base64: fewer are in many a word of chance */

static int add_one(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                   bool coded, struct weir_error *err)
{
    if (text.len < (coded ? LEAST : WEIR_MASK_MIN)) {
        return 0;
    }
    struct weir_mask *m = weir_arena_alloc(arena, sizeof *m);
    struct weir_str copy = m ? weir_arena_dup(arena, text) : (struct weir_str){NULL, 0};
    if (!copy.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for what must not be said");
    }
    *m = (struct weir_mask){copy, coded, *mask};
    *mask = m;
    return 0;
}

/* In both alphabets of base64, behind any number of bytes that are not known ("user:"): what of it
 * is the same whatever stands before and behind. */
static int add_coded(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                     struct weir_error *err)
{
    int rc = 0;
    for (size_t before = 0; rc == 0 && before < 3; before++) {
        struct weir_buf bytes, coded;
        weir_buf_init(&bytes, MAX_CODED);
        weir_buf_init(&coded, MAX_CODED);
        weir_buf_add(&bytes, "\0\0", before);
        weir_buf_adds(&bytes, text);
        weir_base64url_add(&coded, bytes.data, bytes.len);
        rc = weir_buf_check(&coded, "what must not be said", err);
        size_t from = (before * 8 + 5) / 6, to = bytes.len * 8 / 6;
        bool signs = false;
        for (size_t i = 0; rc == 0 && i < coded.len; i++) {
            signs = signs || coded.data[i] == '-' || coded.data[i] == '_';
        }
        for (int pass = 0; rc == 0 && from < to && pass < (signs ? 2 : 1); pass++) {
            for (size_t i = 0; pass && i < coded.len; i++) {
                char c = coded.data[i];
                coded.data[i] = c == '-' ? '+' : c == '_' ? '/' : c;
            }
            rc = add_one(mask, arena, (struct weir_str){coded.data + from, to - from}, true, err);
        }
        weir_buf_free(&bytes);
        weir_buf_free(&coded);
    }
    return rc;
}

/* As it stands in its address, and as the server is told it: "p%40ss" is "p@ss". */
static int add_password(struct weir_mask **mask, struct weir_arena *arena, struct weir_str password,
                        struct weir_error *err)
{
    struct weir_buf plain;
    weir_buf_init(&plain, MAX_CODED);
    for (size_t i = 0; i < password.len; i++) {
        bool coded = password.ptr[i] == '%' && password.len - i > 2;
        int byte = coded ? weir_hex_number(password.ptr + i + 1, 2) : -1;
        weir_buf_addc(&plain, byte < 0 ? password.ptr[i] : (char)byte);
        i += byte < 0 ? 0 : 2;
    }
    int rc = weir_buf_check(&plain, "what must not be said", err);
    rc = rc ? rc : add_one(mask, arena, password, false, err);
    rc = rc ? rc : add_one(mask, arena, weir_buf_str(&plain), false, err);
    rc = rc ? rc : add_coded(mask, arena, weir_buf_str(&plain), err);
    weir_buf_free(&plain);
    return rc;
}

int weir_mask_add(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                  struct weir_error *err)
{
    struct weir_str rest = text, password;
    int rc = add_one(mask, arena, text, false, err);
    rc = rc ? rc : add_coded(mask, arena, text, err);
    bool lines = text.len && memchr(text.ptr, '\n', text.len);
    while (rc == 0 && lines && rest.ptr) {
        rc = add_one(mask, arena, weir_str_trim(weir_str_cut(&rest, '\n')), false, err);
    }
    return rc || !weir_mask_in_address(text, &password) ? rc
                                                        : add_password(mask, arena, password, err);
}

bool weir_mask_in_address(struct weir_str text, struct weir_str *password)
{
    const char *end = text.ptr + text.len, *at = text.ptr;
    while (at && (at = memmem(at, (size_t)(end - at), "://", 3))) {
        const char *scheme = at, *stop = at += 3, *host = NULL;
        bool web = (scheme - text.ptr >= 4 && strncasecmp(scheme - 4, "http", 4) == 0) ||
                   (scheme - text.ptr >= 5 && strncasecmp(scheme - 5, "https", 5) == 0);
        while (stop < end && (unsigned char)*stop > ' ' && !strchr("/?#\"'<>", *stop)) {
            host = *stop == '@' ? stop : host;
            stop++;
        }
        const char *colon = host ? memchr(at, ':', (size_t)(host - at)) : NULL;
        const char *from = colon ? colon + 1 : at;
        bool template = host && memchr(at, '{', (size_t)(host - at));
        if (host && from < host && !template && (colon || web)) {
            *password = (struct weir_str){from, (size_t)(host - from)};
            return true;
        }
    }
    return false;
}

/* --- finding ------------------------------------------------------------------------------------
 */

/* "\u00e9", and pairs of them, as UTF-8: the bytes of text that it takes, or 0. */
static size_t escaped(const char *text, size_t len, char out[4], size_t *bytes)
{
    int one = len >= 6 && text[1] == 'u' ? weir_hex_number(text + 2, 4) : -1;
    int two = one >= 0xd800 && one < 0xdc00 && len >= 12 && text[6] == '\\' && text[7] == 'u'
                  ? weir_hex_number(text + 8, 4)
                  : -1;
    size_t taken = two >= 0 ? 12 : 6;
    if (one < 0 && len >= 4 && text[1] == 'x') {
        out[0] = (char)(one = weir_hex_number(text + 2, 2));
        *bytes = 1;
        return one < 0 ? 0 : 4;
    }
    unsigned c = two >= 0 ? 0x10000 + (((unsigned)one & 0x3ff) << 10) + ((unsigned)two & 0x3ff)
                          : (unsigned)one;
    *bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = *bytes; i-- > 1;) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(first[*bytes] | c);
    return one < 0 ? 0 : taken;
}

/* How many bytes of `text` say the next `*bytes` of the secret; 0: others. In addresses, JSON (also
 * JSON within JSON) and forms. */
static size_t say(struct weir_str rest, const char *text, size_t len, size_t *bytes)
{
    static const char letters[] = "nrtbf", means[] = "\n\r\t\b\f";
    size_t slashes = 0, own = 0, taken;
    char utf8[4];
    *bytes = 1;
    if (len >= 3 && text[0] == '%' && weir_hex_number(text + 1, 2) == (unsigned char)rest.ptr[0]) {
        return 3;
    }
    if (text[0] == '\\') {
        while (slashes < len && slashes < SLASHES && text[slashes] == '\\') {
            slashes++;
        }
        while (own < rest.len && own < SLASHES && rest.ptr[own] == '\\') {
            own++;
        }
        *bytes = own;
        if (own) {
            return slashes >= own ? slashes : 0;
        }
        taken = escaped(text + slashes - 1, len - slashes + 1, utf8, bytes);
        if (taken && *bytes <= rest.len && memcmp(utf8, rest.ptr, *bytes) == 0) {
            return slashes - 1 + taken;
        }
        *bytes = 1;
        const char *letter = slashes < len ? strchr(letters, text[slashes]) : NULL;
        bool same =
            slashes < len && (text[slashes] == rest.ptr[0] ||
                              (letter && *letter && means[letter - letters] == rest.ptr[0]));
        return same ? slashes + 1 : 0;
    }
    return text[0] == rest.ptr[0] || (text[0] == '+' && rest.ptr[0] == ' ');
}

/* At the beginning of `text`: all of the secret, or as much of it as there is text; 0: no. */
static size_t said(struct weir_str secret, const char *text, size_t len)
{
    size_t at = 0, done = 0, bytes = 0;
    while (done < secret.len && at < len) {
        struct weir_str rest = {secret.ptr + done, secret.len - done};
        size_t n = say(rest, text + at, len - at, &bytes);
        if (n == 0) {
            bool cut = done >= WEIR_MASK_MIN &&
                       (text[at] == '%' ? len - at < 3 : text[at] == '\\' && len - at < 6);
            return cut ? len : 0;
        }
        at += n;
        done += bytes;
    }
    return done >= WEIR_MASK_MIN ? at : 0;
}

/* How many bytes at the beginning of `text` are to go: of the longest that fits. */
static size_t hidden(const struct weir_mask *mask, const char *text, size_t len)
{
    size_t most = 0;
    for (const struct weir_mask *m = mask; m; m = m->next) {
        size_t n = m->text.len < len ? m->text.len : len;
        bool same = n >= (m->coded ? LEAST : WEIR_MASK_MIN) && memcmp(m->text.ptr, text, n) == 0;
        size_t written = m->coded ? 0 : said(m->text, text, len);
        n = same && n > written ? n : written;
        most = n > most ? n : most;
    }
    return most;
}

size_t weir_mask_bytes(const struct weir_mask *mask, char *text, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; mask && i < len;) {
        size_t n = hidden(mask, text + i, len - i);
        if (n) {
            memcpy(text + kept, "***", 3);
            kept += 3;
            i += n;
        } else {
            text[kept++] = text[i++];
        }
    }
    return mask ? kept : len;
}

void weir_mask_error(const struct weir_mask *mask, struct weir_error *err)
{
    if (err && mask) {
        err->message[weir_mask_bytes(mask, err->message, strlen(err->message))] = 0;
    }
}
