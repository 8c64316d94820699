/* The head of an HTTP/1 request: request line and header fields, from one contiguous run of bytes.
 *
 * Strict where leniency lets two servers see two different requests (RFC 9112: no bare LF, no white
 * space before the colon, no folded lines, one length, never a length together with chunks),
 * lenient elsewhere. Positions are offsets, so the bytes may move while the body is read. Pure. */
#ifndef WEIR_IO_HTTP_HEAD_H
#define WEIR_IO_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define WEIR_HTTP_MAX_FIELDS 100

struct weir_http_span {
    uint32_t at;
    uint32_t len;
};

struct weir_http_field {
    struct weir_http_span name;
    struct weir_http_span value;
};

struct weir_http_head {
    int method; /* enum weir_http_method; 0: a well-formed method that this server does not have */
    int minor;  /* HTTP/1.minor: 0 or 1 */
    struct weir_http_span path;
    struct weir_http_span query;
    uint32_t field_count;
    bool chunked;
    bool has_length;
    bool keep_alive;
    bool expect_continue;
    uint64_t length;
    struct weir_http_field fields[WEIR_HTTP_MAX_FIELDS];
};

/* Parses text[0, len), which ends with the empty line. Returns 0, or the status to refuse with and
 * its reason. */
int weir_http_head_parse(const char *text, uint32_t len, struct weir_http_head *head,
                         const char **why);

/* The index of the next field with this name at or after `from`, or -1. */
int weir_http_head_find(const struct weir_http_head *head, const char *text, const char *name,
                        uint32_t from);

/* Percent-decodes; a malformed escape stays as it is. Returns the length written (never longer than
 * the input, so `out` may be the input). `plus`: + is a blank, as in forms. */
size_t weir_http_unescape(struct weir_str in, char *out, bool plus);

#endif
