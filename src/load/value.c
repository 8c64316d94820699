#include "load/value.h"

#include "base/json_write.h"

/* Cheap refusal before the real parse: most strings are no timestamps. */
static bool may_be_time(struct weir_str s)
{
    return s.len >= 16 && s.len <= 40 && s.ptr[4] == '-' && s.ptr[7] == '-' && s.ptr[13] == ':';
}

bool weir_value_of_json(struct weir_json json, struct weir_buf *scratch, struct weir_value *out)
{
    uint64_t u = 0;
    switch (weir_json_type(json)) {
    case WEIR_JSON_BOOL:
        out->type = WEIR_TYPE_BOOL;
        return weir_json_bool(json, &out->b);
    case WEIR_JSON_INT:
        out->type = WEIR_TYPE_INT;
        return weir_json_i64(json, &out->i);
    case WEIR_JSON_DOUBLE:
        out->type = WEIR_TYPE_DOUBLE;
        return weir_json_double(json, &out->d);
    case WEIR_JSON_STRING:
        weir_json_str(json, &out->s);
        out->type = WEIR_TYPE_TEXT;
        weir_time when;
        if (may_be_time(out->s) && weir_time_parse(out->s, &when)) {
            out->type = WEIR_TYPE_TIMESTAMP;
            out->text = out->s;
            out->i = when;
        }
        return true;
    case WEIR_JSON_UINT:
        weir_json_u64(json, &u);
        weir_buf_reset(scratch);
        weir_buf_add_u64(scratch, u);
        out->type = WEIR_TYPE_TEXT;
        out->s = weir_buf_str(scratch);
        return true;
    case WEIR_JSON_ARRAY:
        weir_buf_reset(scratch);
        weir_json_print(json, scratch);
        out->type = WEIR_TYPE_JSON;
        out->s = weir_buf_str(scratch);
        return true;
    default:
        return false;
    }
}

enum weir_type weir_type_join(enum weir_type a, enum weir_type b, bool unsafe_ints)
{
    if (a == b || b == WEIR_TYPE_NONE) {
        return a;
    }
    if (a == WEIR_TYPE_NONE) {
        return b;
    }
    bool numbers = (a == WEIR_TYPE_INT && b == WEIR_TYPE_DOUBLE) ||
                   (a == WEIR_TYPE_DOUBLE && b == WEIR_TYPE_INT);
    return numbers && !unsafe_ints ? WEIR_TYPE_DOUBLE : WEIR_TYPE_TEXT;
}

void weir_value_text(const struct weir_value *value, struct weir_buf *out)
{
    switch (value->type) {
    case WEIR_TYPE_BOOL:
        weir_buf_addz(out, value->b ? "true" : "false");
        return;
    case WEIR_TYPE_INT:
        weir_buf_add_i64(out, value->i);
        return;
    case WEIR_TYPE_DOUBLE:
        weir_json_number(out, value->d);
        return;
    case WEIR_TYPE_TIMESTAMP:
        if (value->text.ptr) {
            weir_buf_adds(out, value->text);
        } else {
            /* as the warehouse's own widening does */
            weir_time_print(out, value->i, value->i % 1000 ? 6 : 3);
        }
        return;
    default:
        weir_buf_adds(out, value->s);
        return;
    }
}

void weir_text_clean(struct weir_str text, struct weir_buf *out)
{
    while (text.len) {
        size_t good = weir_utf8_valid_prefix(text);
        weir_buf_add(out, text.ptr, good);
        text.ptr += good;
        text.len -= good;
        bool bad = false;
        while (text.len && weir_utf8_valid_prefix(
                               (struct weir_str){text.ptr, text.len < 4 ? text.len : 4}) == 0) {
            bad = true;
            text.ptr++;
            text.len--;
        }
        if (bad) {
            weir_buf_addz(out, "\xEF\xBF\xBD");
        }
    }
}
