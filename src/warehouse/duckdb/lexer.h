/* SQL text as tokens, as far as the sandbox needs to look at it without a grammar. */
#ifndef WEIR_WAREHOUSE_DUCKDB_LEXER_H
#define WEIR_WAREHOUSE_DUCKDB_LEXER_H

#include <stdbool.h>

#include "base/str.h"

enum duck_token_kind {
    DUCK_TOKEN_END,
    DUCK_TOKEN_WORD,   /* bare identifier or keyword */
    DUCK_TOKEN_NAME,   /* "quoted identifier", with its quotes */
    DUCK_TOKEN_STRING, /* 'text', e'text', $$text$$ ..., as written */
    DUCK_TOKEN_NUMBER,
    DUCK_TOKEN_MARK,  /* any other single byte */
    DUCK_TOKEN_BROKEN /* a quote or comment that is never closed */
};

struct duck_token {
    enum duck_token_kind kind;
    struct weir_str text;
};

/* Takes the next token from the front of `*rest`; blanks and comments are skipped. */
struct duck_token weir_duck_next_token(struct weir_str *rest);

static inline bool duck_token_is(struct duck_token token, const char *keyword)
{
    return token.kind == DUCK_TOKEN_WORD && weir_str_eq_nocase(token.text, weir_str_of(keyword));
}
static inline bool duck_token_is_mark(struct duck_token token, char mark)
{
    return token.kind == DUCK_TOKEN_MARK && token.text.ptr[0] == mark;
}

/* The text without what follows its last token other than `;`, so that it can be put between
 * parentheses. */
struct weir_str weir_duck_trim_statement(struct weir_str sql);

#endif
