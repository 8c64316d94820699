#include "param/token.h"

#include "param/param.h"

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

static struct weir_str behind(struct weir_str s, size_t n)
{
    return (struct weir_str){s.ptr + n, s.len - n};
}

/* The engine takes these for a blank before its own lexer sees them. */
static size_t unicode_blank(struct weir_str s)
{
    static const char *const blanks[] = {"\xc2\xa0",     "\xe2\x80\xaf", "\xe2\x81\x9f",
                                         "\xe2\x81\xa0", "\xe3\x80\x80", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        if (weir_str_starts(s, weir_str_of(blanks[i]))) {
            return strlen(blanks[i]);
        }
    }
    bool general = s.len > 2 && memcmp(s.ptr, "\xe2\x80", 2) == 0;
    return general && (unsigned char)s.ptr[2] >= 0x80 && (unsigned char)s.ptr[2] <= 0x8d ? 3 : 0;
}

static size_t comment(struct weir_str s)
{
    size_t n = 2, depth = 1;
    if (s.len < 2) {
        return 0;
    }
    if (s.ptr[0] == '-' && s.ptr[1] == '-') {
        while (n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\r') {
            n++;
        }
        return n;
    }
    if (s.ptr[0] != '/' || s.ptr[1] != '*') {
        return 0;
    }
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

static size_t blank(struct weir_str s)
{
    size_t n = 0;
    while (n < s.len) {
        struct weir_str rest = behind(s, n);
        size_t more = param_blank(rest.ptr[0]) ? 1 : unicode_blank(rest);
        more = more ? more : comment(rest);
        if (more == SIZE_MAX) {
            return n ? n : SIZE_MAX;
        }
        if (more == 0) {
            break;
        }
        n += more;
    }
    return n;
}

/* --- templates ------------------------------------------------------------------------------ */

size_t weir_param_word_length(struct weir_str s)
{
    size_t n = 0;
    while (n < s.len && word_start((unsigned char)s.ptr[0]) && word_part((unsigned char)s.ptr[n])) {
        n++;
    }
    return n;
}

static size_t skip_blanks(struct weir_str s, size_t n)
{
    while (n < s.len && param_blank(s.ptr[n])) {
        n++;
    }
    return n;
}

/* A filter's argument: 'text', "text", a number or a word. */
static size_t argument(struct weir_str s)
{
    if (s.len && (s.ptr[0] == '\'' || s.ptr[0] == '"')) {
        const char *end = memchr(s.ptr + 1, s.ptr[0], s.len - 1);
        return end && !memchr(s.ptr, '\n', (size_t)(end - s.ptr)) ? (size_t)(end - s.ptr) + 1 : 0;
    }
    size_t n = s.len && s.ptr[0] == '-' ? 1 : 0;
    while (n < s.len && (word_part((unsigned char)s.ptr[n]) || s.ptr[n] == '.')) {
        n++;
    }
    return n;
}

size_t weir_param_expr_length(struct weir_str s)
{
    if (s.len < 5 || s.ptr[0] != '{' || s.ptr[1] != '{') {
        return 0;
    }
    size_t n = s.ptr[2] == '-' ? 3 : 2;
    n = skip_blanks(s, n);
    n += n < s.len && s.ptr[n] == '@';
    size_t name = weir_param_word_length(behind(s, n));
    n += name;
    while (name && n < s.len && s.ptr[n] == '.') {
        name = weir_param_word_length(behind(s, n + 1));
        n += name + 1;
    }
    for (n = skip_blanks(s, n); name && n < s.len && s.ptr[n] == '|'; n = skip_blanks(s, n)) {
        n = skip_blanks(s, n + 1);
        name = weir_param_word_length(behind(s, n));
        n = skip_blanks(s, n + name);
        if (name && n < s.len && s.ptr[n] == ':') {
            n = skip_blanks(s, n + 1);
            name = argument(behind(s, n));
            n += name;
        }
    }
    n += n < s.len && s.ptr[n] == '-';
    return name && n + 1 < s.len && s.ptr[n] == '}' && s.ptr[n + 1] == '}' ? n + 2 : 0;
}

struct weir_str weir_param_tag_word(struct weir_str tag)
{
    size_t n = tag.len > 2 && tag.ptr[2] == '-' ? 3 : 2;
    n = skip_blanks(tag, n);
    return n <= tag.len ? (struct weir_str){tag.ptr + n, weir_param_word_length(behind(tag, n))}
                        : (struct weir_str){"", 0};
}

static size_t tag(struct weir_str s)
{
    char quote = 0;
    for (size_t n = 2; n + 1 < s.len; n++) {
        char c = s.ptr[n];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '%' && s.ptr[n + 1] == '}') {
            return n + 2;
        }
    }
    return SIZE_MAX;
}

/* From `{% name %}` to `{% endname %}`, for what is no SQL inside. */
static size_t block(struct weir_str s, size_t first, const char *end)
{
    for (size_t n = first; n + 1 < s.len; n++) {
        if (s.ptr[n] == '{' && s.ptr[n + 1] == '%' &&
            weir_str_is(weir_param_tag_word(behind(s, n)), end)) {
            size_t last = tag(behind(s, n));
            return last == SIZE_MAX ? last : n + last;
        }
    }
    return SIZE_MAX;
}

static size_t tag_token(struct weir_str s, uint8_t *kind)
{
    size_t n = tag(s);
    if (n == SIZE_MAX) {
        return n;
    }
    struct weir_str word = weir_param_tag_word((struct weir_str){s.ptr, n});
    *kind = PARAM_TAG;
    if (weir_str_is(word, "form")) {
        *kind = PARAM_FORM;
        return block(s, n, "endform");
    }
    if (weir_str_is(word, "comment")) {
        *kind = PARAM_COMMENT;
        return block(s, n, "endcomment");
    }
    if (weir_str_is(word, "raw")) {
        *kind = PARAM_RAW;
        return block(s, n, "endraw");
    }
    return n;
}

/* --- quotes --------------------------------------------------------------------------------- */

/* A `{{ q | default: 'x' }}` inside does not end the text at its quote. */
static size_t quoted(struct weir_str s, bool backslash)
{
    char quote = s.ptr[0];
    for (size_t n = 1; n < s.len;) {
        size_t expr = s.ptr[n] == '{' ? weir_param_expr_length(behind(s, n)) : 0;
        if (expr) {
            n += expr;
        } else if (backslash && s.ptr[n] == '\\') {
            n += 2;
        } else if (s.ptr[n] != quote) {
            n++;
        } else if (n + 1 < s.len && s.ptr[n + 1] == quote) {
            n += 2;
        } else {
            return n + 1;
        }
    }
    return SIZE_MAX;
}

static size_t dollar(struct weir_str s, uint8_t *kind)
{
    size_t n = 1;
    while (n < s.len && word_part((unsigned char)s.ptr[n]) && s.ptr[n] != '$') {
        n++;
    }
    if (n < s.len && s.ptr[n] == '$' && !(n > 1 && digit((unsigned char)s.ptr[1]))) {
        n++;
        const char *end = s.len > n ? memmem(s.ptr + n, s.len - n, s.ptr, n) : NULL;
        *kind = PARAM_OPAQUE;
        return end ? (size_t)(end - s.ptr) + n : SIZE_MAX;
    }
    *kind = n > 1 ? PARAM_PLACE : PARAM_MARK;
    return n;
}

static size_t word(struct weir_str s, uint8_t *kind)
{
    char first = (char)(s.ptr[0] | 0x20);
    char next = s.len > 1 ? s.ptr[1] : 0;
    size_t n;
    if (next == '\'' && (first == 'e' || first == 'x' || first == 'b' || first == 'n')) {
        *kind = first == 'e' ? PARAM_STRING : PARAM_OPAQUE;
        n = quoted(behind(s, 1), first == 'e');
        return n == SIZE_MAX ? n : n + 1;
    }
    if (first == 'u' && next == '&' && s.len > 2 && (s.ptr[2] == '\'' || s.ptr[2] == '"')) {
        *kind = PARAM_OPAQUE;
        n = quoted(behind(s, 2), false);
        return n == SIZE_MAX ? n : n + 2;
    }
    *kind = PARAM_WORD;
    for (n = 1; n < s.len && word_part((unsigned char)s.ptr[n]) && !unicode_blank(behind(s, n));) {
        n++;
    }
    return n;
}

static size_t number(struct weir_str s)
{
    size_t n = 1;
    while (n < s.len && (word_part((unsigned char)s.ptr[n]) || s.ptr[n] == '.')) {
        n++;
    }
    return n;
}

/* --- all together --------------------------------------------------------------------------- */

static size_t next(struct weir_str s, uint8_t *kind)
{
    unsigned char c = (unsigned char)s.ptr[0];
    size_t n = blank(s);
    *kind = PARAM_BLANK;
    if (n) {
        return n;
    }
    if (word_start(c)) {
        return word(s, kind);
    }
    if (digit(c)) {
        *kind = PARAM_NUMBER;
        return number(s);
    }
    if (c == '\'' || c == '"') {
        *kind = c == '"' ? PARAM_NAME : PARAM_STRING;
        return quoted(s, false);
    }
    if (c == '$') {
        return dollar(s, kind);
    }
    if (c == '{' && s.len > 1 && s.ptr[1] == '%') {
        return tag_token(s, kind);
    }
    *kind = PARAM_EXPR;
    n = c == '{' ? weir_param_expr_length(s) : 0;
    if (n == 0) {
        *kind = PARAM_MARK;
        n = 1;
    }
    return n;
}

static struct param_token take(struct weir_str text, size_t at)
{
    uint8_t kind;
    size_t n = next(behind(text, at), &kind);
    if (n > text.len - at) {
        kind = PARAM_BROKEN;
        n = text.len - at;
    }
    return (struct param_token){(uint32_t)at, (uint32_t)n, PARAM_NO_MATCH, kind};
}

/* Open brackets are chained through `match` until they are closed. */
static void pair(struct param_tokens *t, struct weir_str text)
{
    uint32_t top = PARAM_NO_MATCH;
    for (uint32_t i = 0; i < t->count; i++) {
        struct param_token *token = &t->items[i];
        char c = text.ptr[token->at];
        t->balanced = t->balanced && token->kind != PARAM_BROKEN;
        if (token->kind != PARAM_MARK || !memchr("()[]{}", c, 6)) {
            continue;
        }
        if (c == '(' || c == '[' || c == '{') {
            token->match = top;
            top = i;
            continue;
        }
        char open = c == ')' ? '(' : c == ']' ? '[' : '{';
        if (top == PARAM_NO_MATCH || text.ptr[t->items[top].at] != open) {
            t->balanced = false;
            continue;
        }
        uint32_t opener = top;
        top = t->items[opener].match;
        t->items[opener].match = i;
        token->match = opener;
    }
    while (top != PARAM_NO_MATCH) {
        uint32_t below = t->items[top].match;
        t->items[top].match = PARAM_NO_MATCH;
        t->balanced = false;
        top = below;
    }
}

int weir_param_tokenize(struct weir_arena *arena, struct weir_str text, struct param_tokens *out,
                        struct weir_error *err)
{
    if (text.len > WEIR_PARAM_MAX_TEXT) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "a statement with parameters may have %u bytes, this has %zu",
                         WEIR_PARAM_MAX_TEXT, text.len);
    }
    *out = (struct param_tokens){.balanced = true};
    size_t count = 0;
    for (size_t at = 0; at < text.len; at += take(text, at).len) {
        count++;
    }
    out->items = weir_arena_alloc(arena, (count + 1) * sizeof *out->items);
    if (!out->items) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the statement's tokens");
    }
    for (size_t at = 0; at < text.len; at += out->items[out->count++].len) {
        out->items[out->count] = take(text, at);
    }
    pair(out, text);
    return 0;
}
