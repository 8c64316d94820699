#include "base/json_repair.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json_write.h"

struct repair {
    const char *at;
    const char *end;
    struct weir_buf *out;
    struct weir_json_repairs *n;
};

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

/* One character that is not ASCII: copied when valid, replaced (with the bad bytes behind it) when
 * not. */
static void high_byte(struct repair *r)
{
    size_t left = (size_t)(r->end - r->at);
    unsigned char c = (unsigned char)*r->at;
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    struct weir_str head = {r->at, left < need ? left : need};
    if (head.len == need && weir_utf8_valid(head)) {
        weir_buf_adds(r->out, head);
        r->at += need;
        return;
    }
    weir_buf_addz(r->out, REPLACEMENT);
    r->n->bad_utf8++;
    r->at++;
    while (r->at < r->end && ((unsigned char)*r->at & 0xC0) == 0x80) {
        r->at++;
    }
}

static int hex4(const char *p, const char *end)
{
    return end - p < 4 ? -1 : weir_hex_number(p, 4);
}

/* At a backslash inside a string. */
static void escape(struct repair *r)
{
    if (r->end - r->at < 2) {
        weir_buf_addc(r->out, *r->at++);
        return;
    }
    int unit = r->at[1] == 'u' ? hex4(r->at + 2, r->end) : -1;
    if (unit < 0xD800 || unit > 0xDFFF) {
        size_t used = unit < 0 ? 2 : 6;
        if (unit < 0 && (unsigned char)r->at[1] >= 0x80) {
            used = 1; /* a bad escape; the strict parse will say so */
        }
        weir_buf_add(r->out, r->at, used);
        r->at += used;
        return;
    }
    bool high = unit < 0xDC00;
    if (high && r->end - r->at >= 12 && r->at[6] == '\\' && r->at[7] == 'u') {
        int low = hex4(r->at + 8, r->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            weir_buf_add(r->out, r->at, 12);
            r->at += 12;
            return;
        }
    }
    weir_buf_addz(r->out, REPLACEMENT);
    r->n->surrogates++;
    r->at += 6;
}

static void string(struct repair *r)
{
    weir_buf_addc(r->out, *r->at++); /* the opening quote */
    while (r->at < r->end && *r->at != '"') {
        unsigned char c = (unsigned char)*r->at;
        if (c == '\\') {
            escape(r);
        } else if (c >= 0x80) {
            high_byte(r);
        } else if (c < 0x20) {
            weir_buf_addf(r->out, "\\u%04x", c);
            r->n->control++;
            r->at++;
        } else {
            weir_buf_addc(r->out, (char)c);
            r->at++;
        }
    }
    if (r->at < r->end) {
        weir_buf_addc(r->out, *r->at++);
    }
}

enum number_kind { NUMBER_FITS, NUMBER_IS_DOUBLE, NUMBER_IS_TEXT };

static bool prints_as(double value, struct weir_str token)
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_json_number(&text, value);
    bool same = weir_str_eq(weir_buf_str(&text), token);
    weir_buf_free(&text);
    return same;
}

/* JavaScript writes doubles below 1e21 without an exponent: such an integer is a double. One that a
 * double cannot hold stays exact, as text. */
static enum number_kind classify(struct weir_str token)
{
    int64_t i;
    uint64_t u;
    char text[512];
    if (weir_str_to_i64(token, &i) || weir_str_to_u64(token, &u)) {
        return NUMBER_FITS;
    }
    if (token.len >= sizeof text) {
        return NUMBER_IS_TEXT;
    }
    memcpy(text, token.ptr, token.len);
    text[token.len] = '\0';
    char *stop;
    double value = strtod(text, &stop);
    if (*stop != '\0') {
        return NUMBER_FITS; /* no number at all: the strict parse says so */
    }
    if (!isfinite(value)) {
        return NUMBER_IS_TEXT;
    }
    if (strpbrk(text, ".eE")) {
        return NUMBER_FITS;
    }
    return prints_as(value, token) ? NUMBER_IS_DOUBLE : NUMBER_IS_TEXT;
}

static void number(struct repair *r)
{
    const char *start = r->at;
    while (r->at < r->end && (*r->at == '-' || *r->at == '+' || *r->at == '.' || *r->at == 'e' ||
                              *r->at == 'E' || (*r->at >= '0' && *r->at <= '9'))) {
        r->at++;
    }
    struct weir_str token = {start, (size_t)(r->at - start)};
    enum number_kind kind = classify(token);
    if (kind == NUMBER_IS_TEXT) {
        weir_json_quote(r->out, token);
        r->n->big_numbers++;
        return;
    }
    weir_buf_adds(r->out, token);
    if (kind == NUMBER_IS_DOUBLE) {
        weir_buf_addz(r->out, "e0");
    }
}

/* What Python's json module, among others, makes of a float that is no number. */
static bool not_finite(struct repair *r)
{
    static const struct weir_str words[] = {WEIR_STR("NaN"), WEIR_STR("Infinity"),
                                            WEIR_STR("-Infinity")};
    const struct weir_str rest = {r->at, (size_t)(r->end - r->at)};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (weir_str_starts(rest, words[i])) {
            weir_buf_addz(r->out, "null");
            r->n->not_finite++;
            r->at += words[i].len;
            return true;
        }
    }
    return false;
}

int weir_json_repair(struct weir_str text, struct weir_buf *out, struct weir_json_repairs *repairs,
                     struct weir_error *err)
{
    struct repair r = {text.ptr, text.ptr + text.len, out, repairs};
    while (r.at < r.end) {
        unsigned char c = (unsigned char)*r.at;
        if (c == '"') {
            string(&r);
        } else if ((c == 'N' || c == 'I' || c == '-') && not_finite(&r)) {
            continue;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            number(&r);
        } else if (c >= 0x80) {
            high_byte(&r);
        } else {
            weir_buf_addc(out, (char)c);
            r.at++;
        }
    }
    return weir_buf_check(out, "the repaired JSON", err);
}
