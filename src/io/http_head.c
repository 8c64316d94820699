#include "io/http_head.h"

#include <strings.h>

#include "base/hash.h"
#include "io/http.h"

/* RFC 9110 tchar */
static const unsigned char token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static const struct {
    const char *name;
    enum weir_http_method method;
} methods[] = {
    {"POST", WEIR_HTTP_POST},   {"GET", WEIR_HTTP_GET}, {"OPTIONS", WEIR_HTTP_OPTIONS},
    {"HEAD", WEIR_HTTP_HEAD},   {"PUT", WEIR_HTTP_PUT}, {"DELETE", WEIR_HTTP_DELETE},
    {"PATCH", WEIR_HTTP_PATCH},
};

static int method_of(struct weir_str name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (weir_str_is(name, methods[i].name)) {
            return methods[i].method;
        }
    }
    return 0;
}

static struct weir_http_span span(const char *text, struct weir_str s)
{
    return (struct weir_http_span){(uint32_t)(s.ptr - text), (uint32_t)s.len};
}

/* "GET http://host/path?query" names a path as well as "GET /path?query" does. */
static struct weir_str without_authority(struct weir_str target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (target.len > n && strncasecmp(target.ptr, schemes[i], n) == 0) {
            const char *slash = memchr(target.ptr + n, '/', target.len - n);
            const char *end = target.ptr + target.len;
            return slash ? (struct weir_str){slash, (size_t)(end - slash)}
                         : (struct weir_str){end, 0};
        }
    }
    return target;
}

static int parse_request_line(const char *text, struct weir_str line, struct weir_http_head *head,
                              const char **why)
{
    struct weir_str rest = line;
    struct weir_str method = weir_str_cut(&rest, ' ');
    struct weir_str target = rest.ptr ? weir_str_cut(&rest, ' ') : (struct weir_str){0};
    *why = "malformed request line";
    if (!rest.ptr || method.len == 0 || target.len == 0) {
        return 400;
    }
    for (size_t i = 0; i < method.len; i++) {
        if (!token[(unsigned char)method.ptr[i]]) {
            return 400;
        }
    }
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c < 0x21 || c == 0x7f) {
            return 400;
        }
    }
    if (rest.len != 8 || memcmp(rest.ptr, "HTTP/", 5) != 0 || rest.ptr[6] != '.') {
        return 400;
    }
    if (rest.ptr[5] != '1' || rest.ptr[7] < '0' || rest.ptr[7] > '9') {
        *why = "this server speaks HTTP/1.1";
        return 505;
    }
    head->minor = rest.ptr[7] == '0' ? 0 : 1;
    head->method = method_of(method);
    target = without_authority(target);
    const char *mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
    size_t path_len = mark ? (size_t)(mark - target.ptr) : target.len;
    head->path = span(text, (struct weir_str){target.ptr, path_len});
    head->query = mark ? span(text, (struct weir_str){mark + 1, target.len - path_len - 1})
                       : (struct weir_http_span){head->path.at + head->path.len, 0};
    return 0;
}

static bool list_has(struct weir_str list, const char *item)
{
    while (list.ptr) {
        struct weir_str part = weir_str_trim(weir_str_cut(&list, ','));
        if (weir_str_eq_nocase(part, weir_str_of(item))) {
            return true;
        }
    }
    return false;
}

/* The few fields that decide how the message is framed. */
static int take_field(struct weir_http_head *head, struct weir_str name, struct weir_str value,
                      const char **why)
{
    switch (name.len) {
    case 6:
        if (weir_str_eq_nocase(name, WEIR_STR("expect"))) {
            if (!weir_str_eq_nocase(value, WEIR_STR("100-continue"))) {
                *why = "only Expect: 100-continue is known";
                return 417;
            }
            head->expect_continue = true;
        }
        return 0;
    case 10:
        if (weir_str_eq_nocase(name, WEIR_STR("connection"))) {
            if (list_has(value, "close")) {
                head->keep_alive = false;
            } else if (head->minor == 0 && list_has(value, "keep-alive")) {
                head->keep_alive = true;
            }
        }
        return 0;
    case 14:
        if (weir_str_eq_nocase(name, WEIR_STR("content-length"))) {
            uint64_t length;
            *why = "malformed Content-Length";
            if (value.len == 0 || value.ptr[0] < '0' || value.ptr[0] > '9' ||
                !weir_str_to_u64(value, &length) || (head->has_length && head->length != length)) {
                return 400;
            }
            head->has_length = true;
            head->length = length;
        }
        return 0;
    case 17:
        if (weir_str_eq_nocase(name, WEIR_STR("transfer-encoding"))) {
            if (head->chunked || !weir_str_eq_nocase(value, WEIR_STR("chunked"))) {
                *why = "only Transfer-Encoding: chunked is known";
                return 501;
            }
            head->chunked = true;
        }
        return 0;
    default:
        return 0;
    }
}

static int parse_field(const char *text, struct weir_str line, struct weir_http_head *head,
                       const char **why)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    *why = "malformed header field";
    if (!colon || colon == line.ptr) {
        return 400;
    }
    struct weir_str name = {line.ptr, (size_t)(colon - line.ptr)};
    for (size_t i = 0; i < name.len; i++) {
        if (!token[(unsigned char)name.ptr[i]]) {
            return 400; /* also a folded line and a blank before the colon */
        }
    }
    struct weir_str value = weir_str_trim((struct weir_str){colon + 1, line.len - name.len - 1});
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return 400; /* a bare CR or LF among them */
        }
    }
    if (head->field_count == WEIR_HTTP_MAX_FIELDS) {
        *why = "too many header fields";
        return 431;
    }
    head->fields[head->field_count++] =
        (struct weir_http_field){span(text, name), span(text, value)};
    return take_field(head, name, value, why);
}

int weir_http_head_parse(const char *text, uint32_t len, struct weir_http_head *head,
                         const char **why)
{
    const char *at = text;
    const char *end = text + len - 2; /* the empty line */
    head->field_count = 0;
    head->chunked = head->has_length = head->expect_continue = false;
    head->length = 0;
    for (bool first = true; at < end; first = false) {
        const char *cr = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!cr) {
            *why = "malformed head";
            return 400;
        }
        struct weir_str line = {at, (size_t)(cr - at)};
        int status;
        if (first) {
            status = parse_request_line(text, line, head, why);
            head->keep_alive = head->minor == 1;
        } else {
            status = parse_field(text, line, head, why);
        }
        if (status) {
            return status;
        }
        at = cr + 2;
    }
    if (head->chunked && (head->has_length || head->minor == 0)) {
        *why = "Transfer-Encoding together with Content-Length, or in HTTP/1.0";
        return 400;
    }
    if (head->minor == 1 && weir_http_head_find(head, text, "host", 0) < 0) {
        *why = "header field Host is missing";
        return 400;
    }
    return 0;
}

int weir_http_head_find(const struct weir_http_head *head, const char *text, const char *name,
                        uint32_t from)
{
    size_t n = strlen(name);
    for (uint32_t i = from; i < head->field_count; i++) {
        const struct weir_http_field *field = &head->fields[i];
        if (field->name.len == n && strncasecmp(text + field->name.at, name, n) == 0) {
            return (int)i;
        }
    }
    return -1;
}

size_t weir_http_unescape(struct weir_str in, char *out, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%' && in.len - i > 2) {
            int hi = weir_hex_digit(in.ptr[i + 1]);
            int lo = weir_hex_digit(in.ptr[i + 2]);
            if (hi >= 0 && lo >= 0) {
                out[n++] = (char)(hi << 4 | lo);
                i += 2;
                continue;
            }
        }
        out[n++] = plus && c == '+' ? ' ' : c;
    }
    return n;
}
