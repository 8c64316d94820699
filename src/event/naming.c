#include "event/naming.h"

#include "base/hash.h"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How much of `s` is snake case already: lower-case letters, digits, and single underscores before
 * one of them. The last digit before something else belongs to the next word, as in the original:
 * "abc1Def" is abc_1def. */
static size_t snake_prefix(struct weir_str s)
{
    size_t i = 0;
    while (i < s.len) {
        char c = s.ptr[i];
        char next = i + 1 < s.len ? s.ptr[i + 1] : '\0';
        if (!is_lower(c) && !is_digit(c) && !(c == '_' && (is_lower(next) || is_digit(next)))) {
            break;
        }
        i++;
    }
    return i < s.len && i > 0 && is_digit(s.ptr[i - 1]) ? i - 1 : i;
}

/* Appends at most `limit` bytes: whoever cuts the name needs no more of a huge one. */
static size_t snake(struct weir_str text, size_t limit, struct weir_buf *out)
{
    size_t i = snake_prefix(text);
    size_t made = i < limit ? i : limit;
    weir_buf_add(out, text.ptr, made);
    while (i < text.len && made < limit) {
        char c = text.ptr[i];
        if (!is_lower(c) && !is_upper(c) && !is_digit(c)) {
            i++;
            continue;
        }
        if (made) {
            weir_buf_addc(out, '_');
            made++;
        }
        bool head = true; /* the run of capitals and digits that a word begins with */
        for (; i < text.len && made < limit; i++, made++) {
            c = text.ptr[i];
            head = head && !is_lower(c);
            if (!is_lower(c) && !is_digit(c) && !(head && is_upper(c))) {
                break;
            }
            weir_buf_addc(out, is_upper(c) ? (char)(c + 32) : c);
        }
    }
    return made;
}

void weir_name_snake(struct weir_str text, struct weir_buf *out)
{
    snake(text, SIZE_MAX, out);
}

static void add_hash(struct weir_str text, struct weir_buf *out)
{
    weir_buf_addf(out, "%08x", (unsigned)(weir_hash64(text.ptr, text.len, 0) & 0xFFFFFFFFu));
}

void weir_name_make(struct weir_str text, const char *prefix, struct weir_buf *out)
{
    enum { HASH_DIGITS = 8 };
    size_t start = out->len;
    size_t made = snake(text, WEIR_NAME_MAX + 1, out);
    if (out->failed) {
        return;
    }
    if (made == 0) {
        weir_buf_addz(out, prefix);
        add_hash(text, out);
    } else if (made > WEIR_NAME_MAX) {
        out->len = start + WEIR_NAME_MAX - HASH_DIGITS - 1;
        weir_buf_addc(out, '_');
        add_hash(text, out);
    }
}
