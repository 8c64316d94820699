/* Which values of parameters a publication may have for a group. */
#include "serve/publication.h"

static bool is_scalar(const struct weir_data *v)
{
    return v->type == WEIR_DATA_BOOL || v->type == WEIR_DATA_NUMBER || v->type == WEIR_DATA_TEXT;
}

/* Does it say nothing? A parameter without a value cuts nothing, so it must not be forced. */
static bool is_empty(const struct weir_data *v)
{
    if (v->type == WEIR_DATA_LIST) {
        return !v->first;
    }
    if (v->type == WEIR_DATA_OBJECT) {
        for (const struct weir_data *m = v->first; m; m = m->next) {
            if (!is_empty(m)) {
                return false;
            }
        }
        return true;
    }
    return v->type == WEIR_DATA_NULL ||
           (v->type == WEIR_DATA_TEXT && weir_str_trim(v->text).len == 0);
}

static bool is_list(const struct weir_data *v)
{
    for (const struct weir_data *i = v->first; v->type == WEIR_DATA_LIST && i; i = i->next) {
        if (!is_scalar(i) || is_empty(i)) {
            return false;
        }
    }
    return v->type == WEIR_DATA_LIST;
}

/* An object of some of these keys, each of which is a scalar or null. */
static bool is_object_of(const struct weir_data *v, const char *const *keys)
{
    for (const struct weir_data *m = v->first; v->type == WEIR_DATA_OBJECT && m; m = m->next) {
        bool known = false;
        for (size_t i = 0; keys[i] && !known; i++) {
            known = weir_str_is(m->key, keys[i]);
        }
        if (!known || (!is_scalar(m) && m->type != WEIR_DATA_NULL)) {
            return false;
        }
    }
    return v->type == WEIR_DATA_OBJECT;
}

/* NULL when it fits, else what it must be. */
static const char *misfit(struct weir_str type, const struct weir_data *v)
{
    static const char *const range[] = {"start", "end", "compare", NULL};
    static const char *const numbers[] = {"from", "to", NULL};
    if (weir_str_is(type, "multiselect")) {
        return is_list(v) ? NULL : "a list of values";
    }
    if (weir_str_is(type, "daterange")) {
        return v->type == WEIR_DATA_TEXT || is_object_of(v, range)
                   ? NULL
                   : "a range: {\"start\", \"end\"}, or words such as \"last 28 days\"";
    }
    if (weir_str_is(type, "number_range")) {
        return is_object_of(v, numbers) ? NULL : "a range: {\"from\", \"to\"}";
    }
    if (weir_str_is(type, "number")) {
        return v->type == WEIR_DATA_NUMBER ? NULL : "a number";
    }
    if (weir_str_is(type, "boolean")) {
        return v->type == WEIR_DATA_BOOL ? NULL : "true or false";
    }
    if (weir_str_is(type, "select")) {
        return is_scalar(v) ? NULL : "one value";
    }
    return v->type == WEIR_DATA_TEXT ? NULL : "text";
}

int weir_publication_check_values(const struct weir_data *report, const struct weir_data *values,
                                  const char *what, struct weir_error *err)
{
    for (const struct weir_data *v = values->first; v; v = v->next) {
        const struct weir_data *p = weir_report_parameter(report, v->key);
        struct weir_str shown = weir_utf8_cut(v->key, 60);
        if (!p) {
            return weir_fail(err, WEIR_EINVAL,
                             "\"%s\" names \"" WEIR_STR_FMT
                             "\", and this version of the report has "
                             "no such parameter; add it to the report's parameters first",
                             what, WEIR_STR_ARG(shown));
        }
        if (strcmp(what, "forced") == 0 && is_empty(v)) {
            return weir_fail(err, WEIR_EINVAL,
                             "\"" WEIR_STR_FMT "\" is forced to nothing, which would show "
                             "everything; give it a value, or leave it out",
                             WEIR_STR_ARG(shown));
        }
        const char *wanted = is_empty(v) ? NULL : misfit(weir_data_get_text(p, "type"), v);
        if (wanted) {
            return weir_fail(err, WEIR_EINVAL, "the value of \"" WEIR_STR_FMT "\" must be %s",
                             WEIR_STR_ARG(shown), wanted);
        }
    }
    return WEIR_OK;
}
