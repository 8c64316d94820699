#include "csv/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK      (256u << 10)
#define MAX_WINDOW (8u << 20)

const char *weir_csv_encoding_name(enum weir_csv_encoding encoding)
{
    static const char *const names[] = {"UTF-8", "UTF-16LE", "UTF-16BE", "Windows-1252"};
    return names[encoding];
}

/* --- what is no text ----------------------------------------------------------------------------
 */

static const struct {
    struct weir_str begins;
    const char *what;
} others[] = {
    {WEIR_STR("PK\x03\x04"), "an Excel workbook (or another zip file): open it and save it as CSV"},
    {WEIR_STR("\xd0\xcf\x11\xe0"), "an old Excel workbook: open it and save it as CSV"},
    {WEIR_STR("%PDF"), "a PDF"},
    {WEIR_STR("\x1f\x8b"), "a gzip file: unpack it first"},
    {WEIR_STR("\x28\xb5\x2f\xfd"), "a zstd file: unpack it first"},
    {WEIR_STR("BZh"), "a bzip2 file: unpack it first"},
    {WEIR_STR("PAR1"), "a Parquet file"},
    {WEIR_STR("SQLite format 3"), "an SQLite database"},
    {WEIR_STR("\x89PNG"), "a picture"},
    {WEIR_STR("\xff\xd8\xff"), "a picture"},
    {WEIR_STR("{\\rtf"), "an RTF document"},
};

/* Behind the JSON value that begins here; NULL: it does not end here. */
static const char *skip_json(const char *at, const char *end)
{
    size_t deep = 0;
    bool in_text = false;
    for (; at < end; at++) {
        if (in_text && *at == '\\') {
            at++;
        } else if (in_text) {
            in_text = *at != '"';
        } else if (*at == '"') {
            in_text = true;
        } else if (*at == '{' || *at == '[') {
            deep++;
        } else if ((*at == '}' || *at == ']') && --deep == 0) {
            return at + 1;
        }
    }
    return NULL;
}

/* One value of JSON, or one a line: what stands behind the first in its line would be a field. */
static bool is_json(struct weir_str s, bool whole)
{
    struct weir_str in = s.len ? weir_str_trim((struct weir_str){s.ptr + 1, s.len - 1}) : s;
    char next = in.len ? *in.ptr : 0;
    bool begins = s.len > 1 && ((*s.ptr == '{' && (next == '"' || next == '}')) ||
                                (*s.ptr == '[' && next && strchr("{[\"]", next)));
    const char *end = s.ptr + s.len, *at = begins ? skip_json(s.ptr, end) : NULL;
    if (!at) {
        return begins && !whole;
    }
    bool line = false;
    for (; at < end && strchr(" \t\r\n", *at); at++) {
        line = line || *at == '\n' || *at == '\r';
    }
    return at == end || (line && (*at == '{' || *at == '['));
}

static int refuse_json(struct weir_str s, struct weir_error *err)
{
    char shown[81];
    size_t n = s.len < 80 ? s.len : 80;
    n = weir_utf8_valid_prefix((struct weir_str){s.ptr, n});
    for (size_t i = 0; i < n; i++) {
        shown[i] = (unsigned char)s.ptr[i] < ' ' ? ' ' : s.ptr[i];
    }
    shown[n] = 0;
    return weir_fail(err, WEIR_EINVAL,
                     "this is no CSV but JSON, perhaps what a server said in place of the file: "
                     "%s%s",
                     shown, n < s.len ? "…" : "");
}

static int refuse_others(struct weir_str head, bool whole, bool *page, struct weir_error *err)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (weir_str_starts(head, others[i].begins)) {
            return weir_fail(err, WEIR_EINVAL, "this is no CSV but %s", others[i].what);
        }
    }
    struct weir_str rest = weir_str_trim(head);
    if (weir_str_starts(rest, WEIR_STR("\xef\xbb\xbf"))) {
        rest = weir_str_trim((struct weir_str){rest.ptr + 3, rest.len - 3});
    }
    if (is_json(rest, whole)) {
        return refuse_json(rest, err);
    }
    static const char *const pages[] = {"<!doctype", "<html",  "<?xml",
                                        "<head",     "<table", "<script"};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct weir_str begins = weir_str_of(pages[i]);
        if (rest.len > begins.len && weir_str_starts_nocase(rest, begins)) {
            *page = true;
            return weir_fail(
                err, WEIR_EINVAL,
                "this is no CSV but a web page or XML; it may be the page on which one "
                "logs in to where the CSV is: download it again");
        }
    }
    return 0;
}

/* --- which encoding ------------------------------------------------------------------------------
 */

struct look {
    uint64_t good, bad; /* characters beyond ASCII; bytes that are none */
    uint64_t even, odd; /* zeros at such offsets */
    uint64_t bytes;
    unsigned char carry[4];
    size_t carried;
};

static void look_at(struct look *l, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == 0) {
            if ((l->bytes + i) & 1) {
                l->odd++;
            } else {
                l->even++;
            }
        }
    }
    l->bytes += n;
}

static void look_for_utf8(struct look *l, struct weir_str s, bool last)
{
    while (s.len) {
        size_t valid = weir_utf8_valid_prefix(s);
        for (size_t i = 0; i < valid; i++) {
            l->good += ((unsigned char)s.ptr[i] & 0xc0) == 0xc0;
        }
        s.ptr += valid;
        s.len -= valid;
        if (s.len && s.len < 4 && !last) {
            memcpy(l->carry, s.ptr, s.len); /* the rest of it may be in the next piece */
            l->carried = s.len;
            return;
        }
        if (s.len) {
            l->bad++;
            s.ptr++;
            s.len--;
        }
    }
}

static enum weir_csv_encoding judge(const struct look *l)
{
    uint64_t most = l->even > l->odd ? l->even : l->odd;
    uint64_t least = l->even > l->odd ? l->odd : l->even;
    if (most > l->bytes / 8 && most > least * 8) {
        return l->odd == most ? WEIR_CSV_UTF16LE : WEIR_CSV_UTF16BE;
    }
    return l->bad > l->good ? WEIR_CSV_WINDOWS_1252 : WEIR_CSV_UTF8;
}

static ssize_t read_at(struct weir_csv_text *t, char *to, size_t n)
{
    ssize_t got;
    do {
        got = pread(t->fd, to, n, (off_t)t->at);
    } while (got < 0 && errno == EINTR);
    t->at += got > 0 ? (uint64_t)got : 0;
    return got;
}

static int go_on(const struct weir_csv_text *t, struct weir_error *err)
{
    return t->stop && atomic_load(t->stop)
               ? weir_fail(err, WEIR_ECANCELED, "the reading of the file was stopped")
               : 0;
}

static int find_encoding(struct weir_csv_text *t, struct weir_error *err)
{
    struct look l = {0};
    ssize_t n;
    while ((n = read_at(t, t->raw + 4, CHUNK)) > 0) {
        char *from = t->raw + 4 - l.carried;
        memcpy(from, l.carry, l.carried);
        size_t len = (size_t)n + l.carried;
        int rc = go_on(t, err);
        if (rc) {
            return rc;
        }
        if (l.bytes == 0) {
            struct weir_str head = {from, len};
            rc = refuse_others(head, len < CHUNK, &t->page, err);
            if (rc) {
                return rc;
            }
            if (weir_str_starts(head, WEIR_STR("\xff\xfe"))) {
                t->encoding = WEIR_CSV_UTF16LE;
                t->skip = 2;
                return 0;
            }
            if (weir_str_starts(head, WEIR_STR("\xfe\xff"))) {
                t->encoding = WEIR_CSV_UTF16BE;
                t->skip = 2;
                return 0;
            }
            t->skip = weir_str_starts(head, WEIR_STR("\xef\xbb\xbf")) ? 3 : 0;
        }
        look_at(&l, (const unsigned char *)t->raw + 4, (size_t)n);
        l.carried = 0;
        look_for_utf8(&l, (struct weir_str){from, len}, false);
    }
    if (n < 0) {
        return weir_fail_errno(err, errno, "the uploaded file cannot be read");
    }
    l.bad += l.carried > 0;
    t->encoding = t->skip == 3 ? WEIR_CSV_UTF8 : judge(&l);
    return l.bytes ? 0 : weir_fail(err, WEIR_EINVAL, "the file is empty");
}

int weir_csv_text_open(struct weir_csv_text *t, const char *path, const atomic_bool *stop,
                       struct weir_error *err)
{
    *t = (struct weir_csv_text){.fd = open(path, O_RDONLY | O_CLOEXEC), .stop = stop};
    weir_buf_init(&t->window, MAX_WINDOW);
    t->raw = malloc(CHUNK + 16);
    if (t->fd < 0) {
        return weir_fail_errno(err, errno, "%s", path);
    }
    int rc =
        t->raw ? find_encoding(t, err) : weir_fail(err, WEIR_ENOMEM, "no memory to read an upload");
    weir_csv_text_rewind(t);
    return rc;
}

void weir_csv_text_free(struct weir_csv_text *t)
{
    if (t->fd >= 0) {
        close(t->fd);
    }
    t->fd = -1;
    free(t->raw);
    t->raw = NULL;
    weir_buf_free(&t->window);
}

void weir_csv_text_rewind(struct weir_csv_text *t)
{
    t->at = t->skip;
    t->raw_len = 0;
    t->end = false;
    weir_buf_reset(&t->window);
}

/* --- decoding ------------------------------------------------------------------------------------
 */

static size_t from_utf16(struct weir_csv_text *t, bool last)
{
    const unsigned char *b = (const unsigned char *)t->raw;
    unsigned low = t->encoding == WEIR_CSV_UTF16LE ? 0 : 1;
    size_t i = 0;
    for (; i + 2 <= t->raw_len; i += 2) {
        uint32_t c = (uint32_t)b[i + low] | (uint32_t)b[i + 1 - low] << 8;
        char out[4];
        if (c >= 0xd800 && c < 0xdc00) {
            if (i + 4 > t->raw_len && !last) {
                break;
            }
            uint32_t d =
                i + 4 <= t->raw_len ? (uint32_t)b[i + 2 + low] | (uint32_t)b[i + 3 - low] << 8 : 0;
            if (d >= 0xdc00 && d < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
                i += 2;
            }
        }
        weir_buf_add(&t->window, out, weir_utf8_encode(c, out));
    }
    return last ? t->raw_len : i;
}

static size_t from_windows_1252(struct weir_csv_text *t)
{
    static const uint16_t above[32] = {
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
    for (size_t i = 0; i < t->raw_len; i++) {
        unsigned char c = (unsigned char)t->raw[i];
        char out[4];
        if (c < 0x80) {
            weir_buf_addc(&t->window, (char)c);
        } else {
            weir_buf_add(&t->window, out, weir_utf8_encode(c < 0xa0 ? above[c - 0x80] : c, out));
        }
    }
    return t->raw_len;
}

int weir_csv_text_more(struct weir_csv_text *t, struct weir_error *err)
{
    int rc = go_on(t, err);
    if (rc) {
        return rc;
    }
    ssize_t n = read_at(t, t->raw + t->raw_len, CHUNK - t->raw_len);
    if (n < 0) {
        return weir_fail_errno(err, errno, "the uploaded file cannot be read");
    }
    t->end = n == 0;
    t->raw_len += (size_t)n;
    size_t used = t->raw_len;
    if (t->encoding == WEIR_CSV_UTF8) {
        weir_buf_add(&t->window, t->raw, t->raw_len);
    } else if (t->encoding == WEIR_CSV_WINDOWS_1252) {
        used = from_windows_1252(t);
    } else {
        used = from_utf16(t, t->end);
    }
    t->raw_len -= used;
    memmove(t->raw, t->raw + used, t->raw_len);
    return weir_buf_check(&t->window, "a part of the upload", err);
}

void weir_csv_text_take(struct weir_csv_text *t, size_t n)
{
    t->window.len -= n;
    memmove(t->window.data, t->window.data + n, t->window.len);
}
