#include "cli/param.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cli/commands.h"

static bool read_double(struct weir_str text, double *out)
{
    /* strtod also takes hexadecimal, "nan" and "infinity", which are more likely names. */
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("0123456789+-.eE", text.ptr[i])) {
            return false;
        }
    }
    char *end;
    *out = strtod(text.ptr, &end);
    return text.len && end == text.ptr + text.len && isfinite(*out);
}

static bool read_bool(struct weir_str text, bool *out)
{
    *out = weir_str_is(text, "true");
    return *out || weir_str_is(text, "false");
}

static bool read_as(enum weir_type type, struct weir_str text, struct weir_param *out)
{
    weir_time at;
    out->type = type;
    switch (type) {
    case WEIR_TYPE_BOOL:
        return read_bool(text, &out->b);
    case WEIR_TYPE_INT:
        return weir_str_to_i64(text, &out->i);
    case WEIR_TYPE_DOUBLE:
        return read_double(text, &out->d);
    case WEIR_TYPE_TIMESTAMP:
        return weir_time_parse_lenient(text, &out->i);
    case WEIR_TYPE_DATE:
        if (!weir_time_parse_lenient(text, &at)) {
            return false;
        }
        out->i = (at - (at % WEIR_DAY + WEIR_DAY) % WEIR_DAY) / WEIR_DAY;
        return true;
    default:
        out->s = text;
        return true;
    }
}

static int typed(struct weir_str name, struct weir_str type, struct weir_str value,
                 struct weir_param *out, struct weir_error *err)
{
    for (int t = WEIR_TYPE_BOOL; t < WEIR_TYPE_OTHER; t++) {
        if (weir_str_is(type, weir_type_name((enum weir_type)t))) {
            return read_as((enum weir_type)t, value, out)
                       ? WEIR_OK
                       : weir_fail(err, WEIR_CLI_USAGE,
                                   "--param " WEIR_STR_FMT ": \"" WEIR_STR_FMT "\" is no %s",
                                   WEIR_STR_ARG(name), WEIR_STR_ARG(value),
                                   weir_type_name((enum weir_type)t));
        }
    }
    return weir_fail(err, WEIR_CLI_USAGE,
                     "--param " WEIR_STR_FMT ": \"" WEIR_STR_FMT
                     "\" is no type; there are bool, int, double, text, timestamp, date and json",
                     WEIR_STR_ARG(name), WEIR_STR_ARG(type));
}

int weir_param_parse(const char *text, struct weir_param *out, struct weir_error *err)
{
    struct weir_str value = weir_str_of(text);
    struct weir_str type = weir_str_cut(&value, '=');
    struct weir_str name = weir_str_cut(&type, ':');
    *out = (struct weir_param){0};
    if (!value.ptr || name.len == 0) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "--param is \"%s\"; it must be NAME=VALUE or NAME:TYPE=VALUE", text);
    }
    out->name = name.ptr[0] == '$' ? (struct weir_str){name.ptr + 1, name.len - 1} : name;
    if (type.ptr) {
        return typed(name, type, value, out, err);
    }
    if (!read_as(WEIR_TYPE_INT, value, out) && !read_as(WEIR_TYPE_DOUBLE, value, out) &&
        !read_as(WEIR_TYPE_BOOL, value, out)) {
        (void)read_as(WEIR_TYPE_TEXT, value, out);
    }
    return WEIR_OK;
}

void weir_param_json(struct weir_jw *w, const struct weir_param *p)
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_jw_object(w);
    weir_jw_kstrz(w, "type", weir_type_name(p->type));
    weir_jw_keyz(w, "value");
    switch (p->type) {
    case WEIR_TYPE_BOOL:
        weir_jw_bool(w, p->b);
        break;
    case WEIR_TYPE_INT:
        weir_jw_i64(w, p->i);
        break;
    case WEIR_TYPE_DOUBLE:
        weir_jw_double(w, p->d);
        break;
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        weir_time_print(&text, p->type == WEIR_TYPE_DATE ? p->i * WEIR_DAY : p->i, 6);
        weir_jw_str(w, weir_buf_str(&text));
        break;
    default:
        weir_jw_str(w, p->s);
    }
    weir_jw_object_end(w);
    weir_buf_free(&text);
}
