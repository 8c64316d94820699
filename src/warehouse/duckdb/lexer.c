#include "warehouse/duckdb/lexer.h"

static bool word_start(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool word_part(unsigned char c)
{
    return word_start(c) || digit(c) || c == '$';
}

static bool blank(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Length of the comment at the start of `s`; 0 when there is none, SIZE_MAX when it never ends.
 * Block comments nest, as in the engine's grammar. */
static size_t comment(struct weir_str s)
{
    if (s.len < 2) {
        return 0;
    }
    if (s.ptr[0] == '-' && s.ptr[1] == '-') {
        size_t n = 2;
        while (n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\r') {
            n++;
        }
        return n;
    }
    if (s.ptr[0] != '/' || s.ptr[1] != '*') {
        return 0;
    }
    size_t depth = 1, n = 2;
    for (; depth && n + 1 < s.len; n++) {
        if (s.ptr[n] == '/' && s.ptr[n + 1] == '*') {
            depth++;
            n++;
        } else if (s.ptr[n] == '*' && s.ptr[n + 1] == '/') {
            depth--;
            n++;
        }
    }
    return depth ? SIZE_MAX : n;
}

/* Length of a quoted run that begins at `s` with its quote; SIZE_MAX when it never ends. */
static size_t quoted(struct weir_str s, bool backslash)
{
    char quote = s.ptr[0];
    for (size_t n = 1; n < s.len; n++) {
        if (backslash && s.ptr[n] == '\\') {
            n++;
        } else if (s.ptr[n] == quote) {
            if (n + 1 < s.len && s.ptr[n + 1] == quote) {
                n++;
            } else {
                return n + 1;
            }
        }
    }
    return SIZE_MAX;
}

/* $tag$ ... $tag$; 0 when `s` does not begin one. */
static size_t dollar_quoted(struct weir_str s)
{
    size_t tag = 1;
    while (tag < s.len && word_part((unsigned char)s.ptr[tag]) && s.ptr[tag] != '$') {
        tag++;
    }
    if (tag >= s.len || s.ptr[tag] != '$' || (tag > 1 && digit((unsigned char)s.ptr[1]))) {
        return 0;
    }
    tag++;
    const char *end = s.len > tag ? memmem(s.ptr + tag, s.len - tag, s.ptr, tag) : NULL;
    return end ? (size_t)(end - s.ptr) + tag : SIZE_MAX;
}

static struct duck_token take(struct weir_str *rest, enum duck_token_kind kind, size_t n)
{
    struct duck_token token = {kind, {rest->ptr, n}};
    if (n == SIZE_MAX || n > rest->len) {
        token = (struct duck_token){DUCK_TOKEN_BROKEN, *rest};
        n = rest->len;
    }
    rest->ptr += n;
    rest->len -= n;
    return token;
}

static struct duck_token word(struct weir_str *rest)
{
    size_t n = 1;
    char first = (char)(rest->ptr[0] | 0x20);
    if ((first == 'e' || first == 'x' || first == 'b' || first == 'n') && rest->len > 1 &&
        rest->ptr[1] == '\'') {
        struct weir_str text = {rest->ptr + 1, rest->len - 1};
        size_t length = quoted(text, first == 'e');
        return take(rest, DUCK_TOKEN_STRING, length == SIZE_MAX ? length : length + 1);
    }
    if (first == 'u' && rest->len > 2 && rest->ptr[1] == '&' &&
        (rest->ptr[2] == '\'' || rest->ptr[2] == '"')) {
        struct weir_str text = {rest->ptr + 2, rest->len - 2};
        size_t length = quoted(text, false);
        return take(rest, rest->ptr[2] == '"' ? DUCK_TOKEN_NAME : DUCK_TOKEN_STRING,
                    length == SIZE_MAX ? length : length + 2);
    }
    while (n < rest->len && word_part((unsigned char)rest->ptr[n])) {
        n++;
    }
    return take(rest, DUCK_TOKEN_WORD, n);
}

struct duck_token weir_duck_next_token(struct weir_str *rest)
{
    for (;;) {
        while (rest->len && blank((unsigned char)rest->ptr[0])) {
            rest->ptr++;
            rest->len--;
        }
        size_t n = comment(*rest);
        if (n == 0) {
            break;
        }
        if (n > rest->len) {
            return take(rest, DUCK_TOKEN_BROKEN, n);
        }
        rest->ptr += n;
        rest->len -= n;
    }
    if (rest->len == 0) {
        return (struct duck_token){DUCK_TOKEN_END, *rest};
    }
    unsigned char c = (unsigned char)rest->ptr[0];
    if (word_start(c)) {
        return word(rest);
    }
    if (c == '\'') {
        return take(rest, DUCK_TOKEN_STRING, quoted(*rest, false));
    }
    if (c == '"') {
        return take(rest, DUCK_TOKEN_NAME, quoted(*rest, false));
    }
    if (digit(c)) {
        size_t n = 1;
        while (n < rest->len && (word_part((unsigned char)rest->ptr[n]) || rest->ptr[n] == '.')) {
            n++;
        }
        return take(rest, DUCK_TOKEN_NUMBER, n);
    }
    size_t dollar = c == '$' ? dollar_quoted(*rest) : 0;
    return dollar ? take(rest, DUCK_TOKEN_STRING, dollar) : take(rest, DUCK_TOKEN_MARK, 1);
}

struct weir_str weir_duck_trim_statement(struct weir_str sql)
{
    struct weir_str rest = sql;
    const char *end = sql.ptr;
    for (;;) {
        struct duck_token token = weir_duck_next_token(&rest);
        if (token.kind == DUCK_TOKEN_END || token.kind == DUCK_TOKEN_BROKEN) {
            break;
        }
        if (!duck_token_is_mark(token, ';')) {
            end = token.text.ptr + token.text.len;
        }
    }
    return (struct weir_str){sql.ptr, (size_t)(end - sql.ptr)};
}
