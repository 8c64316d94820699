/* Conditions of {% if %}: comparisons joined by `and` and `or`, read from the right as in Liquid.
 */
#include <stdlib.h>

#include "param/compile.h"

struct reader {
    struct param_compiler *c;
    const struct param_frame *f;
    size_t at;
    struct weir_str rest;
    unsigned depth;
};

enum constant { NO_CONSTANT, NIL, BLANK };

struct operand {
    struct weir_param_datum datum;
    enum constant constant;
};

static void skip_blanks(struct reader *r)
{
    while (r->rest.len && param_blank(r->rest.ptr[0])) {
        r->rest.ptr++;
        r->rest.len--;
    }
}

static struct weir_str take(struct reader *r, size_t n)
{
    struct weir_str taken = {r->rest.ptr, n};
    r->rest.ptr += n;
    r->rest.len -= n;
    return taken;
}

static int expected(struct reader *r, const char *what)
{
    struct weir_str shown = weir_utf8_cut(weir_str_trim(r->rest), 30);
    return weir_param_fail(r->c, r->f, r->at,
                           "this condition needs %s%s" WEIR_STR_FMT
                           "%s; write `sport == 'rugby' and n > 3`, `sports contains 'rugby'`, "
                           "`q != blank`",
                           what, shown.len ? " at `" : " at its end", WEIR_STR_ARG(shown),
                           shown.len ? "`" : "");
}

/* --- operands --------------------------------------------------------------------------------- */

static int quoted(struct reader *r, struct operand *out)
{
    const char *end = memchr(r->rest.ptr + 1, r->rest.ptr[0], r->rest.len - 1);
    if (!end) {
        return expected(r, "a closing quote");
    }
    struct weir_str text = take(r, (size_t)(end - r->rest.ptr) + 1);
    out->datum.kind = WEIR_DATUM_TEXT;
    out->datum.s = (struct weir_str){text.ptr + 1, text.len - 2};
    return 0;
}

static bool number_of(struct weir_str text, double *out)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof copy) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!text.ptr[i] || !strchr("0123456789.+-eE", text.ptr[i])) {
            return false;
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    *out = strtod(copy, &end);
    return *end == 0;
}

static int named(struct reader *r, struct operand *out)
{
    struct weir_str word = take(r, weir_param_word_length(r->rest));
    struct param_value v;
    out->constant = weir_str_is(word, "nil") || weir_str_is(word, "null")      ? NIL
                    : weir_str_is(word, "blank") || weir_str_is(word, "empty") ? BLANK
                                                                               : NO_CONSTANT;
    if (out->constant) {
        return 0;
    }
    if (weir_str_is(word, "true") || weir_str_is(word, "false")) {
        out->datum =
            (struct weir_param_datum){.kind = WEIR_DATUM_BOOL, .b = weir_str_is(word, "true")};
        return 0;
    }
    int rc = weir_param_value_of(r->c, r->f, r->at, word, &v);
    out->datum = v.datum;
    if (rc == 0 && r->rest.len && r->rest.ptr[0] == '.') {
        take(r, 1);
        struct weir_str part = take(r, weir_param_word_length(r->rest));
        if (!weir_str_is(part, "size") && !weir_str_is(part, "compare") &&
            !weir_str_is(part, "from") && !weir_str_is(part, "to")) {
            return expected(r, ".size, .compare, .from or .to, the parts that can be compared,");
        }
        rc = weir_param_take_part(r->c, r->f, r->at, part, &v);
        out->datum = v.datum;
    }
    return rc;
}

static int operand(struct reader *r, struct operand *out)
{
    *out = (struct operand){0};
    skip_blanks(r);
    if (r->rest.len == 0) {
        return expected(r, "a name or value");
    }
    char first = r->rest.ptr[0];
    if (first == '\'' || first == '"') {
        return quoted(r, out);
    }
    if (weir_param_word_length(r->rest)) {
        return named(r, out);
    }
    size_t n = 0;
    while (n < r->rest.len && strchr("0123456789.-", r->rest.ptr[n]) && r->rest.ptr[n]) {
        n++;
    }
    out->datum.kind = WEIR_DATUM_DOUBLE;
    return n && number_of((struct weir_str){r->rest.ptr, n}, &out->datum.d)
               ? (take(r, n), 0)
               : expected(r, "a name or value");
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool truthy(const struct operand *o)
{
    return o->constant != NIL && o->datum.kind != WEIR_DATUM_NONE &&
           !(o->datum.kind == WEIR_DATUM_BOOL && !o->datum.b);
}

static bool empty(const struct operand *o)
{
    const struct weir_param_datum *d = &o->datum;
    return o->constant || d->kind == WEIR_DATUM_NONE ||
           (d->kind == WEIR_DATUM_TEXT && weir_str_trim(d->s).len == 0) ||
           (d->kind == WEIR_DATUM_LIST && d->count == 0);
}

static bool as_number(const struct weir_param_datum *d, double *out)
{
    *out = d->kind == WEIR_DATUM_INT ? (double)d->i : d->d;
    return d->kind == WEIR_DATUM_INT || d->kind == WEIR_DATUM_DOUBLE ||
           (d->kind == WEIR_DATUM_TEXT && number_of(d->s, out));
}

/* <0, 0, >0; false in *comparable when one of them has no order. */
static int order(struct reader *r, const struct operand *a, const struct operand *b,
                 bool *comparable)
{
    struct weir_str left = {"", 0}, right = {"", 0};
    double x, y;
    *comparable = a->datum.kind != WEIR_DATUM_NONE && b->datum.kind != WEIR_DATUM_NONE;
    if (as_number(&a->datum, &x) && as_number(&b->datum, &y)) {
        return x < y ? -1 : x > y;
    }
    if (weir_param_datum_text(r->c, &a->datum, ",", &left) ||
        weir_param_datum_text(r->c, &b->datum, ",", &right)) {
        *comparable = false;
        return 1;
    }
    size_t n = left.len < right.len ? left.len : right.len;
    int c = n ? memcmp(left.ptr, right.ptr, n) : 0;
    return c ? c : left.len < right.len ? -1 : left.len > right.len;
}

static bool equal(struct reader *r, const struct operand *a, const struct operand *b)
{
    bool comparable;
    if (a->constant || b->constant) {
        const struct operand *constant = a->constant ? a : b, *other = a->constant ? b : a;
        return constant->constant == BLANK
                   ? empty(other)
                   : !other->constant && other->datum.kind == WEIR_DATUM_NONE;
    }
    int c = order(r, a, b, &comparable);
    return comparable ? c == 0 : a->datum.kind == b->datum.kind;
}

static bool contains(struct reader *r, const struct operand *a, const struct operand *b)
{
    struct weir_str needle = {"", 0}, hay = {"", 0};
    if (a->datum.kind == WEIR_DATUM_LIST) {
        for (size_t i = 0; i < a->datum.count; i++) {
            struct operand item = {.datum = a->datum.items[i]};
            if (equal(r, &item, b)) {
                return true;
            }
        }
        return false;
    }
    return a->datum.kind == WEIR_DATUM_TEXT &&
           weir_param_datum_text(r->c, &b->datum, ",", &needle) == 0 &&
           weir_param_datum_text(r->c, &a->datum, ",", &hay) == 0 &&
           (needle.len == 0 || memmem(hay.ptr, hay.len, needle.ptr, needle.len));
}

/* --- the grammar ------------------------------------------------------------------------------ */

static bool word_is(struct reader *r, const char *word)
{
    skip_blanks(r);
    return weir_str_is((struct weir_str){r->rest.ptr, weir_param_word_length(r->rest)}, word);
}

static int comparison(struct reader *r, bool *out)
{
    static const char *const signs[] = {"==", "!=", "<>", "<=", ">=", "<", ">"};
    struct operand a, b;
    int rc = operand(r, &a);
    if (rc) {
        return rc;
    }
    bool comparable;
    if (word_is(r, "contains")) {
        take(r, 8);
        rc = operand(r, &b);
        *out = rc == 0 && contains(r, &a, &b);
        return rc;
    }
    size_t sign = 0;
    while (sign < 7 && !weir_str_starts(r->rest, weir_str_of(signs[sign]))) {
        sign++;
    }
    if (sign == 7) {
        *out = truthy(&a);
        return 0;
    }
    take(r, strlen(signs[sign]));
    rc = operand(r, &b);
    if (rc || sign < 3) {
        *out = rc == 0 && equal(r, &a, &b) == (sign == 0);
        return rc;
    }
    int c = order(r, &a, &b, &comparable);
    bool yes = sign == 3 ? c <= 0 : sign == 4 ? c >= 0 : sign == 5 ? c < 0 : c > 0;
    *out = comparable && yes;
    return 0;
}

static int condition(struct reader *r, bool *out)
{
    bool right;
    if (++r->depth > PARAM_NESTING) {
        return weir_param_fail(r->c, r->f, r->at, "a condition may have %d parts", PARAM_NESTING);
    }
    int rc = comparison(r, out);
    bool and = rc == 0 && word_is(r, "and"), or = rc == 0 && word_is(r, "or");
    if (and || or) {
        take(r, and? 3 : 2);
        rc = condition(r, &right);
        *out = and? *out && right : *out || right;
    }
    return rc;
}

int weir_param_condition(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str text, bool *out)
{
    struct reader r = {.c = c, .f = f, .at = at, .rest = text};
    int rc = condition(&r, out);
    skip_blanks(&r);
    return rc == 0 && r.rest.len ? expected(&r, "`and`, `or`, a comparison or nothing") : rc;
}
