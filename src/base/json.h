/* JSON in: simdjson behind a C face.
 *
 * A parser owns its memory and one document; parsing again invalidates every value read before.
 * Values are two words, passed by copy, and borrow from the parser (strings too) until then.
 * A parser belongs to one thread at a time.
 *
 * Strictness: RFC 8259, UTF-8 only. Duplicate keys are all visited, in order. Numbers keep their
 * kind: an integer that fits int64 is WEIR_JSON_INT, one that fits only uint64 is WEIR_JSON_UINT,
 * all else is WEIR_JSON_DOUBLE. Numbers beyond those, bad UTF-8 and lone surrogates make the strict
 * parse fail; weir_json_parse_lenient() repairs them first and counts what it repaired. */
#ifndef WEIR_BASE_JSON_H
#define WEIR_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum weir_json_type {
    WEIR_JSON_NULL,
    WEIR_JSON_BOOL,
    WEIR_JSON_INT,
    WEIR_JSON_UINT,
    WEIR_JSON_DOUBLE,
    WEIR_JSON_STRING,
    WEIR_JSON_ARRAY,
    WEIR_JSON_OBJECT
};

struct weir_json {
    /* Private. NULL: "no such value"; every reader below takes it and finds nothing. */
    const struct weir_json_doc *doc;
    size_t at;
};

struct weir_json_iter {
    struct weir_json value; /* private */
    size_t end;
    bool object;
};

/* What weir_json_parse_lenient() had to change, by kind. */
struct weir_json_repairs {
    uint32_t bad_utf8;    /* byte runs that became U+FFFD */
    uint32_t surrogates;  /* lone \uD8xx escapes that became U+FFFD */
    uint32_t big_numbers; /* numbers no int64, uint64 or finite double holds; they became strings */
    uint32_t control;     /* raw control characters inside strings; they became escapes */
    uint32_t not_finite;  /* NaN, Infinity, -Infinity; they became null */
};

struct weir_json_parser;

/* Of the library behind this: "3.0.1". */
const char *weir_json_library_version(void);

/* `max_depth` counts nested arrays and objects; a deeper document is WEIR_ETOOBIG. */
struct weir_json_parser *weir_json_parser_new(size_t max_depth);
void weir_json_parser_free(struct weir_json_parser *parser); /* NULL is fine */

/* WEIR_BUF_PADDING bytes behind `text` must be readable (any struct weir_buf gives that). The text
 * may be freed after the call. The message names the byte offset where it can. */
int weir_json_parse(struct weir_json_parser *parser, struct weir_str text, struct weir_json *root,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Strict first; when that fails on something repairable, repairs a private copy and parses that. A
 * byte order mark before the text is passed over. */
int weir_json_parse_lenient(struct weir_json_parser *parser, struct weir_str text,
                            struct weir_json *root, struct weir_json_repairs *repairs,
                            struct weir_error *err) WEIR_MUST_CHECK;

static inline enum weir_json_type
weir_json_type(struct weir_json value); /* WEIR_JSON_NULL when absent */
static inline bool weir_json_exists(struct weir_json value);

/* The typed readers return false, and leave *out alone, when the type is another one. */
static inline bool weir_json_bool(struct weir_json value, bool *out);
static inline bool weir_json_i64(struct weir_json value, int64_t *out); /* INT only */
bool weir_json_u64(struct weir_json value, uint64_t *out);              /* INT >= 0, and UINT */
bool weir_json_double(struct weir_json value, double *out);             /* INT, UINT and DOUBLE */
static inline bool weir_json_str(struct weir_json value, struct weir_str *out);

/* Member by key: the first one, or an absent value. Linear in the object's size. */
struct weir_json weir_json_get(struct weir_json object, const char *key);
/* The string at `key`, or an empty str with ptr NULL when it is absent or no string. */
struct weir_str weir_json_get_str(struct weir_json object, const char *key);

/* for (it = weir_json_begin(v); weir_json_next(&it, &key, &member);) ...
 * Works on objects and arrays (key is then empty; `key` may be NULL); nothing else has members. */
static inline struct weir_json_iter weir_json_begin(struct weir_json container);
static inline bool weir_json_next(struct weir_json_iter *it, struct weir_str *key,
                                  struct weir_json *member);
size_t weir_json_count(struct weir_json container);

/* Appends the value as compact JSON: keys in order, integers exact, doubles shortest. */
void weir_json_print(struct weir_json value, struct weir_buf *out);

#include "base/json_tape.h"

#endif
