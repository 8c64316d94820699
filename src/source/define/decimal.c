/* Exact decimals: their types, what holds the values of two, and their texts. */
#include "base/number.h"
#include "source/define/catalog.h"

static bool digits_of(const struct weir_column *c, unsigned *whole, unsigned *scale)
{
    unsigned precision = 19; /* of 64 bits */
    *scale = 0;
    bool exact = c->type == WEIR_TYPE_INT || (c->type == WEIR_TYPE_OTHER &&
                                              weir_number_decimal(c->type_name, &precision, scale));
    *whole = precision - *scale;
    return exact;
}

static struct weir_str join_decimals(const struct weir_column *a, const struct weir_column *b,
                                     struct weir_arena *arena)
{
    unsigned whole, scale, more, longer;
    if (!digits_of(a, &whole, &scale) || !digits_of(b, &more, &longer)) {
        return (struct weir_str){NULL, 0};
    }
    whole = whole > more ? whole : more;
    scale = scale > longer ? scale : longer;
    return whole + scale > 38
               ? (struct weir_str){NULL, 0}
               : weir_str_of(weir_arena_printf(arena, "DECIMAL(%u,%u)", whole + scale, scale));
}

struct weir_column weir_source_types_join(const struct weir_column *a, const struct weir_column *b,
                                          struct weir_arena *arena)
{
    struct weir_column both = {a->name, weir_source_type_join(a->type, b->type), a->type_name};
    unsigned precision, scale;
    if (!weir_source_same_type(a, b)) {
        bool exact = a->type == WEIR_TYPE_OTHER || b->type == WEIR_TYPE_OTHER;
        both.type_name = exact ? join_decimals(a, b, arena) : (struct weir_str){NULL, 0};
        both.type = exact ? WEIR_TYPE_OTHER : both.type;
    }
    if (both.type == WEIR_TYPE_OTHER && !weir_number_decimal(both.type_name, &precision, &scale)) {
        both.type = WEIR_TYPE_TEXT;
    }
    return both;
}

bool weir_source_decimal_text(struct weir_str text, unsigned precision, unsigned scale,
                              struct weir_buf *out)
{
    struct weir_str rest = text, whole;
    weir_buf_reset(out);
    if (rest.len && rest.ptr[0] == '-') {
        weir_buf_addc(out, '-');
        rest.ptr++;
        rest.len--;
    }
    whole = weir_str_cut(&rest, '.');
    struct weir_str part = rest.ptr ? rest : WEIR_STR("");
    while (whole.len > 1 && whole.ptr[0] == '0') {
        whole.ptr++;
        whole.len--;
    }
    while (part.len > scale && part.ptr[part.len - 1] == '0') {
        part.len--;
    }
    size_t digits = whole.len == 1 && whole.ptr[0] == '0' ? 0 : whole.len;
    bool good = whole.len > 0 && part.len <= scale && digits <= precision - scale;
    for (size_t i = 0; good && i < whole.len + part.len; i++) {
        char c = i < whole.len ? whole.ptr[i] : part.ptr[i - whole.len];
        good = c >= '0' && c <= '9';
    }
    weir_buf_adds(out, whole);
    if (scale) {
        weir_buf_addc(out, '.');
        weir_buf_adds(out, part);
        for (size_t i = part.len; i < scale; i++) {
            weir_buf_addc(out, '0');
        }
    }
    return good && weir_buf_ok(out);
}
