/* Parameters inside quotes: '%{{ q }}%' becomes ('%' || $q || '%'). */
#include "param/compile.h"

#define MAX_DEFAULT 300 /* bytes of the default in '[name|default]' */

/* `[name]` or `[name|default]` inside a quoted text is a parameter only when there is one of this
 * name: else it is what it says, such as a class of characters in a pattern. */
static size_t bracket_length(struct param_compiler *c, const struct param_frame *f,
                             struct weir_str s, struct weir_str *name, struct weir_str *fallback)
{
    struct weir_str rest = {s.ptr + 1, s.len - 1};
    const struct weir_param_field *field;
    bool end;
    *name = (struct weir_str){rest.ptr, weir_param_word_length(rest)};
    size_t n = name->len + 1;
    *fallback = (struct weir_str){NULL, 0};
    if (name->len == 0 || n >= s.len || name->len > 60) {
        return 0;
    }
    if (s.ptr[n] == '|') {
        size_t reach = s.len - n < MAX_DEFAULT ? s.len - n : MAX_DEFAULT;
        const char *close = memchr(s.ptr + n, ']', reach);
        const char *line = close ? memchr(s.ptr + n, '\n', (size_t)(close - s.ptr) - n) : NULL;
        if (!close || line) {
            return 0;
        }
        *fallback = (struct weir_str){s.ptr + n + 1, (size_t)(close - s.ptr) - n - 1};
        n = (size_t)(close - s.ptr);
    }
    bool known = n < s.len && s.ptr[n] == ']' &&
                 (weir_param_argument(f, *name) || weir_param_known(c, *name) ||
                  weir_param_range_name(c, *name, &end, &field));
    return known ? n + 1 : 0;
}

/* A tag in a quoted text would be text, which nobody means. */
static bool is_tag(struct weir_str s)
{
    static const char *const words[] = {"if",        "elsif", "else",    "endif", "unless",
                                        "endunless", "form",  "endform", "for",   "case",
                                        "assign",    "raw",   "comment"};
    struct weir_str word = weir_param_tag_word(s);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (weir_str_is(word, words[i])) {
            return true;
        }
    }
    return false;
}

struct scan {
    struct weir_str text; /* between the quotes */
    bool escapes;
    size_t at;
};

/* Moves to the next parameter: its length, or 0 at the end of the text. */
static size_t next(struct param_compiler *c, const struct param_frame *f, struct scan *s,
                   struct weir_str *name, struct weir_str *fallback)
{
    while (s->at < s->text.len) {
        struct weir_str rest = {s->text.ptr + s->at, s->text.len - s->at};
        size_t n = 0;
        if (rest.ptr[0] == '{') {
            *name = (struct weir_str){NULL, 0};
            n = weir_param_expr_length(rest);
        } else if (rest.ptr[0] == '[') {
            n = bracket_length(c, f, rest, name, fallback);
        }
        if (n) {
            return n;
        }
        bool pair = (s->escapes && rest.ptr[0] == '\\') || rest.ptr[0] == '\'';
        s->at += pair && rest.len > 1 ? 2 : 1;
    }
    return 0;
}

static int bracket_piece(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str name, struct weir_str fallback, struct param_piece *out)
{
    const struct weir_param_field *field;
    struct param_value v;
    if (!weir_param_field(c, name) && weir_param_range_name(c, name, &out->end, &field)) {
        *out = (struct param_piece){.name = name, .range = true, .end = out->end};
        return weir_param_range_value(c, f, at, name, &out->value);
    }
    int rc = weir_param_value_of(c, f, at, name, &v);
    bool unset = rc == 0 && !weir_param_is_set(&v.datum);
    if (unset && fallback.ptr) {
        v.datum = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = fallback};
    }
    return rc ? rc : weir_param_piece_of(c, f, at, &v, unset && fallback.ptr, out);
}

/* A date or the end of a range that is all of the text keeps its type: a text could not be compared
 * with a column of dates or timestamps. */
static int put_piece(struct param_compiler *c, const struct param_frame *f, size_t at,
                     const struct param_piece *piece, bool whole)
{
    const struct weir_param_bound *bound;
    const struct param_value *v = &piece->value;
    if (piece->range && whole) {
        return weir_param_put_bound(c, f, at, v, piece->end, true);
    }
    if (v->field && v->field->kind == WEIR_PARAM_DATE && whole && !piece->made) {
        int rc = weir_param_bind_datum(c, f, at, v, &v->datum, piece->name, "", &bound);
        if (rc == 0) {
            weir_param_put_place(c, f, at, bound);
        }
        return rc;
    }
    if (piece->range) {
        weir_param_put(c, f, at, "CAST(");
        int rc = weir_param_put_bound(c, f, at, &piece->value, piece->end, true);
        weir_param_put(c, f, at, " AS VARCHAR)");
        return rc;
    }
    int rc = weir_param_bind_text(c, piece->name, piece->suffix, piece->text, &bound);
    if (rc == 0) {
        weir_param_put_place(c, f, at, bound);
    }
    return rc ? weir_param_fail_at(c, f, at, rc) : 0;
}

/* A snippet's argument is its author's text: it stays one inside the quotes. */
static int put_argument(struct param_compiler *c, const struct param_frame *f, size_t at,
                        const struct param_range *argument)
{
    size_t first = param_skip(argument->frame, argument->first, argument->end);
    size_t from = param_at(argument->frame, first), to = from;
    for (size_t i = first; i < argument->end; i++) {
        uint8_t kind = argument->frame->source->tokens.items[i].kind;
        if (kind == PARAM_EXPR || kind == PARAM_TAG || kind == PARAM_RAW) {
            return weir_param_fail(
                c, f, at,
                "this argument holds a parameter and stands in a quoted text inside "
                "the snippet; give the text itself");
        }
        to = kind == PARAM_BLANK
                 ? to
                 : param_at(argument->frame, i) + argument->frame->source->tokens.items[i].len;
    }
    weir_param_put_text(c, f, at,
                        (struct weir_str){argument->frame->source->text.ptr + from, to - from});
    return 0;
}

/* Writes all pieces, joined by ||. `prefix` is the length of what opens the literal: e' or '. */
static int put_pieces(struct param_compiler *c, const struct param_frame *f, size_t at,
                      struct weir_str literal, size_t prefix, struct scan *s)
{
    struct weir_str name = {NULL, 0}, fallback;
    size_t begin = 0;
    bool first = true;
    int rc = 0;
    for (s->at = 0; rc == 0;) {
        size_t n = next(c, f, s, &name, &fallback);
        size_t place = at + prefix + s->at;
        if (s->at > begin) {
            weir_param_put(c, f, at + prefix + begin, first ? "" : " || ");
            weir_param_puts(c, f, at + prefix + begin, (struct weir_str){literal.ptr, prefix});
            weir_param_puts(c, f, at + prefix + begin,
                            (struct weir_str){s->text.ptr + begin, s->at - begin});
            weir_param_put(c, f, place, "'");
            first = false;
        }
        if (n == 0) {
            break;
        }
        struct param_piece piece = {0};
        const struct param_range *argument = name.ptr ? weir_param_argument(f, name) : NULL;
        weir_param_put(c, f, place, first ? "" : " || ");
        first = false;
        if (argument) {
            rc = put_argument(c, f, place, argument);
        } else {
            rc = name.ptr ? bracket_piece(c, f, place, name, fallback, &piece)
                          : weir_param_expr_text(c, f, place,
                                                 (struct weir_str){s->text.ptr + s->at, n}, &piece);
            rc = rc ? rc : put_piece(c, f, place, &piece, s->at == 0 && n == s->text.len);
        }
        s->at += n;
        begin = s->at;
    }
    return rc;
}

static int refuse_tags(struct param_compiler *c, const struct param_frame *f, size_t at,
                       struct weir_str text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '{' && text.ptr[i + 1] == '%' &&
            is_tag((struct weir_str){text.ptr + i, text.len - i})) {
            return weir_param_fail(
                c, f, at + i,
                "a tag inside a quoted text is not seen as one; put it around the "
                "whole text ({%% if x %%}'a'{%% else %%}'b'{%% endif %%}), or write "
                "the text between $$ and $$ if it is no tag");
        }
    }
    return 0;
}

/* INTERVAL '…' day */
static bool interval_with_unit(const struct param_compiler *c, const struct param_frame *f,
                               size_t token)
{
    static const char *const units[] = {"second", "minute", "hour",    "day",
                                        "week",   "month",  "quarter", "year"};
    size_t i = param_skip(f, token + 1, f->source->tokens.count);
    if (!weir_str_eq_nocase(c->word, WEIR_STR("interval")) || i == f->source->tokens.count ||
        !param_is_kind(f, i, PARAM_WORD)) {
        return false;
    }
    struct weir_str word = param_text(f, i);
    word.len -= (word.ptr[word.len - 1] | 0x20) == 's';
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        if (weir_str_eq_nocase(word, weir_str_of(units[u]))) {
            return true;
        }
    }
    return false;
}

int weir_param_literal(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str literal = param_text(f, token);
    size_t prefix = literal.ptr[0] == '\'' ? 1 : 2;
    struct scan s = {.text = {literal.ptr + prefix, literal.len - prefix - 1},
                     .escapes = prefix == 2};
    struct weir_str name, fallback, type = {"", 0};
    size_t at = param_at(f, token);
    int rc = refuse_tags(c, f, at, literal);
    if (rc || next(c, f, &s, &name, &fallback) == 0) {
        if (rc == 0) {
            weir_param_put_verbatim(c, f, token);
        }
        return rc;
    }
    bool whole = s.at == 0 && next(c, f, &s, &name, &fallback) == s.text.len;
    bool unit = interval_with_unit(c, f, token);
    if (c->word.len && weir_param_type_word(c->word) && !unit) {
        /* DATE '…' wants a literal; a cast takes any text. */
        type = c->word;
        c->sql.len = c->word_at;
        weir_param_put(c, f, at, "CAST(");
    }
    bool enclosed = (!whole && !type.len) || unit;
    weir_param_put(c, f, at, enclosed ? "(" : "");
    rc = put_pieces(c, f, at, literal, prefix, &s);
    weir_param_put(c, f, at, enclosed ? ")" : "");
    if (type.len) {
        weir_param_put(c, f, at, " AS ");
        weir_param_puts(c, f, at, type);
        weir_param_put(c, f, at, ")");
    }
    weir_param_operand(c);
    return rc;
}

/* "{{ column }}": the chosen column's name, quoted as it is anyway. */
int weir_param_name_literal(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str text = param_text(f, token);
    struct weir_str inside = {text.ptr + 1, text.len - 2};
    size_t at = param_at(f, token);
    const char *brace = inside.len ? memmem(inside.ptr, inside.len, "{{", 2) : NULL;
    size_t n = brace ? weir_param_expr_length(
                           (struct weir_str){brace, (size_t)(inside.ptr + inside.len - brace)})
                     : 0;
    if (n == 0) {
        weir_param_put_verbatim(c, f, token);
        return 0;
    }
    struct weir_str word = {brace + 2, n - 4};
    word = weir_str_trim(word);
    struct param_value v = {0};
    int rc = 0;
    if (n == inside.len && weir_param_word_length(word) == word.len) {
        rc = weir_param_value_of(c, f, at, word, &v);
    }
    if (rc == 0 && !(v.field && v.field->as)) {
        return weir_param_fail(
            c, f, at,
            "a name in double quotes may be a parameter only as a whole, \"{{ column "
            "}}\", and only one declared with type: select, options and as: column; "
            "a text has single quotes");
    }
    rc = rc ? rc : weir_param_put_value(c, f, at, token + 1, v.field->name, &v);
    weir_param_operand(c);
    return rc;
}
