#include "base/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

#define ONES 0x0101010101010101u /* one in each byte */

static void separate(struct weir_jw *w)
{
    if (w->comma) {
        weir_buf_addc(w->out, ',');
    }
    w->comma = true;
}

static void open_with(struct weir_jw *w, char c)
{
    separate(w);
    weir_buf_addc(w->out, c);
    w->comma = false;
}

static void close_with(struct weir_jw *w, char c)
{
    weir_buf_addc(w->out, c);
    w->comma = true;
}

void weir_jw_object(struct weir_jw *w)
{
    open_with(w, '{');
}

void weir_jw_object_end(struct weir_jw *w)
{
    close_with(w, '}');
}

void weir_jw_array(struct weir_jw *w)
{
    open_with(w, '[');
}

void weir_jw_array_end(struct weir_jw *w)
{
    close_with(w, ']');
}

void weir_jw_key(struct weir_jw *w, struct weir_str key)
{
    separate(w);
    weir_json_quote(w->out, key);
    weir_buf_addc(w->out, ':');
    w->comma = false;
}

void weir_jw_keyz(struct weir_jw *w, const char *key)
{
    weir_jw_key(w, weir_str_of(key));
}

void weir_jw_raw(struct weir_jw *w, struct weir_str json)
{
    separate(w);
    weir_buf_adds(w->out, json);
}

void weir_jw_null(struct weir_jw *w)
{
    weir_jw_raw(w, WEIR_STR("null"));
}

void weir_jw_bool(struct weir_jw *w, bool value)
{
    weir_jw_raw(w, value ? WEIR_STR("true") : WEIR_STR("false"));
}

void weir_jw_i64(struct weir_jw *w, int64_t value)
{
    separate(w);
    weir_buf_add_i64(w->out, value);
}

void weir_jw_u64(struct weir_jw *w, uint64_t value)
{
    separate(w);
    weir_buf_add_u64(w->out, value);
}

void weir_jw_double(struct weir_jw *w, double value)
{
    if (!isfinite(value)) {
        weir_jw_null(w);
        return;
    }
    separate(w);
    weir_json_number(w->out, value);
}

void weir_jw_str(struct weir_jw *w, struct weir_str value)
{
    separate(w);
    weir_json_quote(w->out, value);
}

void weir_jw_strz(struct weir_jw *w, const char *value)
{
    weir_jw_str(w, weir_str_of(value));
}

void weir_jw_kstr(struct weir_jw *w, const char *key, struct weir_str value)
{
    weir_jw_keyz(w, key);
    weir_jw_str(w, value);
}

void weir_jw_kstrz(struct weir_jw *w, const char *key, const char *value)
{
    weir_jw_kstr(w, key, weir_str_of(value));
}

void weir_jw_ki64(struct weir_jw *w, const char *key, int64_t value)
{
    weir_jw_keyz(w, key);
    weir_jw_i64(w, value);
}

void weir_jw_ku64(struct weir_jw *w, const char *key, uint64_t value)
{
    weir_jw_keyz(w, key);
    weir_jw_u64(w, value);
}

void weir_jw_kbool(struct weir_jw *w, const char *key, bool value)
{
    weir_jw_keyz(w, key);
    weir_jw_bool(w, value);
}

void weir_jw_ktime(struct weir_jw *w, const char *key, weir_time value)
{
    char text[28];
    weir_time_format(value, text);
    weir_jw_kstrz(w, key, text);
}

static void knull(struct weir_jw *w, const char *key)
{
    weir_jw_keyz(w, key);
    weir_jw_null(w);
}

void weir_jw_kstr_or_null(struct weir_jw *w, const char *key, struct weir_str value)
{
    if (value.len) {
        weir_jw_kstr(w, key, value);
    } else {
        knull(w, key);
    }
}

void weir_jw_ktime_or_null(struct weir_jw *w, const char *key, weir_time value)
{
    if (value) {
        weir_jw_ktime(w, key, value);
    } else {
        knull(w, key);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x7F;
}

/* The highest bit of each byte that is zero, and maybe of others behind one. */
static uint64_t zeros(uint64_t bytes)
{
    return (bytes - ONES) & ~bytes & (0x80 * ONES);
}

/* Plain ASCII that needs no escape: how much of it is in front, by eight bytes at a time. */
static size_t plain_run(struct weir_str s)
{
    size_t i = 0;
    for (uint64_t eight; i + sizeof eight <= s.len; i += sizeof eight) {
        memcpy(&eight, s.ptr + i, sizeof eight);
        uint64_t odd = (eight | (eight + ONES)) & (0x80 * ONES); /* 0x7F and more */
        odd |= (eight - 0x20 * ONES) & ~eight & (0x80 * ONES);
        if (odd | zeros(eight ^ ('"' * ONES)) | zeros(eight ^ ('\\' * ONES))) {
            break;
        }
    }
    while (i < s.len && is_plain((unsigned char)s.ptr[i])) {
        i++;
    }
    return i;
}

static void add_escape(struct weir_buf *out, unsigned char c)
{
    static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                  ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof shorts && shorts[c]) {
        char pair[2] = {'\\', shorts[c]};
        weir_buf_add(out, pair, 2);
    } else {
        weir_buf_addf(out, "\\u%04x", c);
    }
}

void weir_json_quote(struct weir_buf *out, struct weir_str value)
{
    size_t run = plain_run(value);
    char *all = run == value.len ? weir_buf_room(out, run + 2) : NULL;
    if (all) {
        all[0] = '"';
        memcpy(all + 1, run ? value.ptr : "", run);
        memcpy(all + 1 + run, "\"", 2);
        out->len += run + 2;
        return;
    }
    weir_buf_addc(out, '"');
    for (; value.len; run = plain_run(value)) {
        weir_buf_add(out, value.ptr, run);
        value.ptr += run;
        value.len -= run;
        if (!value.len) {
            break;
        }
        unsigned char c = (unsigned char)value.ptr[0];
        size_t used = 1;
        if (c < 0x80) {
            add_escape(out, c);
        } else {
            /* Only as much as could be one character is looked at. */
            struct weir_str head = {value.ptr, value.len < 4 ? value.len : 4};
            size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
            head.len = head.len < need ? head.len : need;
            if (weir_utf8_valid(head) && head.len == need) {
                weir_buf_adds(out, head);
                used = need;
            } else {
                weir_buf_addz(out, "\xEF\xBF\xBD");
            }
        }
        value.ptr += used;
        value.len -= used;
    }
    weir_buf_addc(out, '"');
}

void weir_json_number(struct weir_buf *out, double value)
{
    if (value == 0) {
        weir_buf_addc(out, '0');
        return;
    }
    char digits[WEIR_NUMBER_DIGITS + 1];
    int point; /* behind so many digits */
    int n = weir_number_digits(value, digits, &point);
    if (value < 0) {
        weir_buf_addc(out, '-');
    }
    if (point > 21 || point < -5) {
        weir_buf_addc(out, digits[0]);
        if (n > 1) {
            weir_buf_addc(out, '.');
            weir_buf_add(out, digits + 1, (size_t)n - 1);
        }
        weir_buf_addf(out, "e%+d", point - 1);
        return;
    }
    if (point <= 0) {
        weir_buf_addz(out, "0.");
        for (int i = point; i < 0; i++) {
            weir_buf_addc(out, '0');
        }
        weir_buf_add(out, digits, (size_t)n);
        return;
    }
    for (int i = 0; i < point; i++) {
        weir_buf_addc(out, i < n ? digits[i] : '0');
    }
    if (n > point) {
        weir_buf_addc(out, '.');
        weir_buf_add(out, digits + point, (size_t)(n - point));
    }
}
