/* Private to src/param: a template as tokens, all bytes kept. */
#ifndef WEIR_PARAM_TOKEN_H
#define WEIR_PARAM_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum param_token_kind {
    PARAM_BLANK, /* white space and comments */
    PARAM_WORD,
    PARAM_NAME,   /* "quoted identifier" */
    PARAM_STRING, /* 'text' and e'text' */
    PARAM_OPAQUE, /* $$text$$, x'00', b'01', U&'…': nothing is looked for inside */
    PARAM_NUMBER,
    PARAM_PLACE,   /* $name, $1 */
    PARAM_MARK,    /* one byte of anything else */
    PARAM_EXPR,    /* {{ … }} */
    PARAM_TAG,     /* {% … %} */
    PARAM_FORM,    /* {% form %} … {% endform %} */
    PARAM_COMMENT, /* {% comment %} … {% endcomment %} */
    PARAM_RAW,     /* {% raw %} … {% endraw %} */
    PARAM_BROKEN   /* a quote, comment or tag that is never closed: the rest of the text */
};
#define PARAM_NO_MATCH UINT32_MAX

struct param_token {
    uint32_t at, len;
    uint32_t match; /* of ( [ { and ) ] }: the index of the other one, or PARAM_NO_MATCH */
    uint8_t kind;
};

struct param_tokens {
    struct param_token *items;
    size_t count;
    bool balanced; /* each bracket has its match and nothing is broken */
};

/* WEIR_ETOOBIG beyond WEIR_PARAM_MAX_TEXT. */
int weir_param_tokenize(struct weir_arena *arena, struct weir_str text, struct param_tokens *out,
                        struct weir_error *err) WEIR_MUST_CHECK;

/* Length of `{{ name | filter … }}` at the start of `s`; 0 when it is none. */
size_t weir_param_expr_length(struct weir_str s);
/* Length of the word at the start of `s`; 0 when there is none. */
size_t weir_param_word_length(struct weir_str s);
/* The word after `{%` and blanks; empty when there is none. */
struct weir_str weir_param_tag_word(struct weir_str tag);
static inline bool param_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
