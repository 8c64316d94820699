/* Columns held against values in other ways than `=`: by an expression of the parameter's own, or
 * between two numbers. */
#include <stdio.h>

#include "param/compile.h"

enum param_match_part weir_param_match_part(const struct param_frame *f, size_t i)
{
    const struct param_tokens *tokens = &f->source->tokens;
    if (i + 2 >= tokens->count || !param_is_mark(f, i, '[') || tokens->items[i].match != i + 2 ||
        !param_is_kind(f, i + 1, PARAM_WORD)) {
        return PARAM_MATCH_NONE;
    }
    struct weir_str word = param_text(f, i + 1);
    return weir_str_eq_nocase(word, WEIR_STR("column"))  ? PARAM_MATCH_COLUMN
           : weir_str_eq_nocase(word, WEIR_STR("value")) ? PARAM_MATCH_VALUE
                                                         : PARAM_MATCH_NONE;
}

/* `(expression)`, for one value. */
static int put_one(struct param_compiler *c, const struct param_frame *f, size_t at,
                   const struct param_range *column, const struct param_frame *match,
                   const struct weir_param_bound *bound)
{
    int rc = 0;
    weir_param_put(c, f, at, "(");
    for (size_t i = 0; rc == 0 && i < match->source->tokens.count; i++) {
        enum param_match_part part = weir_param_match_part(match, i);
        if (part == PARAM_MATCH_COLUMN) {
            rc = weir_param_put_column(c, f, at, column);
        } else if (part == PARAM_MATCH_VALUE) {
            weir_param_put_place(c, f, at, bound);
        } else {
            weir_param_puts(c, f, at, param_text(match, i));
        }
        i += part ? 2 : 0;
    }
    weir_param_put(c, f, at, ")");
    return rc;
}

int weir_param_put_match(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_range *column, const struct param_value *v)
{
    struct param_source source = {.text = v->field->match};
    struct param_frame match = {.source = &source, .up = f, .at = at};
    const struct weir_param_bound *bound;
    bool list = v->datum.kind == WEIR_DATUM_LIST;
    size_t count = list ? v->datum.count : 1;
    char suffix[24] = "";
    int rc = weir_param_tokenize(c->arena, source.text, &source.tokens, c->err);
    weir_param_put(c, f, at, list ? "(" : "");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (list) {
            snprintf(suffix, sizeof suffix, "_%zu", i + 1);
        }
        rc = weir_param_bind_datum(c, f, at, v, list ? &v->datum.items[i] : &v->datum,
                                   v->field->name, suffix, &bound);
        weir_param_put(c, f, at, i ? " OR " : "");
        rc = rc ? rc : put_one(c, f, at, column, &match, bound);
    }
    weir_param_put(c, f, at, list ? ")" : "");
    return rc;
}

/* --- numbers -------------------------------------------------------------------------------- */

static int put_end(struct param_compiler *c, const struct param_frame *f, size_t at,
                   const struct param_range *column, const struct param_value *v, bool to)
{
    const struct weir_param_bound *bound;
    int rc = weir_param_put_column(c, f, at, column);
    weir_param_put(c, f, at, to ? " <= " : " >= ");
    rc = rc ? rc
            : weir_param_bind_datum(c, f, at, v, &v->datum.items[to], v->field->name,
                                    to ? "_to" : "_from", &bound);
    if (rc == 0) {
        weir_param_put_place(c, f, at, bound);
    }
    return rc;
}

int weir_param_put_number_range(struct param_compiler *c, const struct param_frame *f, size_t at,
                                const struct param_range *column, const struct param_value *v)
{
    bool from = v->datum.items[0].kind != WEIR_DATUM_NONE;
    bool to = v->datum.items[1].kind != WEIR_DATUM_NONE;
    int rc = 0;
    if (!from && !to) {
        weir_param_put(c, f, at, "TRUE");
        return 0;
    }
    weir_param_put(c, f, at, "(");
    rc = from ? put_end(c, f, at, column, v, false) : 0;
    weir_param_put(c, f, at, from && to ? " AND " : "");
    rc = rc || !to ? rc : put_end(c, f, at, column, v, true);
    weir_param_put(c, f, at, ")");
    return rc;
}
