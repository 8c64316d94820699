/* Parameters as they are declared: `type`, `default`, `options`, … in YAML. */
#include <math.h>
#include <stdlib.h>

#include "param/compile.h"

#define MAX_OPTIONS 10000

static const char *const kinds[] = {"text",         "number",    "date",        "select",
                                    "multiselect",  "daterange", "aggregation", "boolean",
                                    "number_range", "any"};

const char *weir_param_kind_name(enum weir_param_kind kind)
{
    return kinds[kind];
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the parameters");
}

static int copy(struct weir_arena *arena, struct weir_str from, struct weir_str *out,
                struct weir_error *err)
{
    *out = weir_arena_dup(arena, from);
    return out->ptr ? 0 : no_memory(err);
}

static int text_of(struct weir_arena *arena, const struct weir_yaml *doc,
                   const struct weir_yaml_node *node, struct weir_str *out, struct weir_error *err)
{
    struct weir_str text = {"", 0};
    if (node->type != WEIR_YAML_NULL && !weir_yaml_str(node, &text)) {
        return weir_yaml_fail(err, doc, node, "\"" WEIR_STR_FMT "\" must be text",
                              WEIR_STR_ARG(node->key));
    }
    return copy(arena, text, out, err);
}

static bool good_name(struct weir_str name)
{
    static const char start[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    for (size_t i = 0; i < name.len; i++) {
        bool digit = name.ptr[i] >= '0' && name.ptr[i] <= '9';
        if (!name.ptr[i] || (!strchr(start, name.ptr[i]) && !(digit && i))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 60;
}

/* --- defaults ------------------------------------------------------------------------------- */

static int scalar(struct weir_arena *arena, const struct weir_yaml *doc,
                  const struct weir_yaml_node *node, struct weir_param_datum *out,
                  struct weir_error *err)
{
    struct weir_str text;
    if (node->type == WEIR_YAML_NULL) {
        out->kind = WEIR_DATUM_NONE;
        return 0;
    }
    if (!weir_yaml_str(node, &text)) {
        return weir_yaml_fail(err, doc, node, "a value here must be text, a number, true or false");
    }
    out->kind = WEIR_DATUM_TEXT;
    return copy(arena, text, &out->s, err);
}

static size_t count_of(const struct weir_yaml_node *node)
{
    size_t n = 0;
    for (const struct weir_yaml_node *m = node->first; m; m = m->next) {
        n++;
    }
    return n;
}

static int initial_of(struct weir_arena *arena, const struct weir_yaml *doc,
                      const struct weir_yaml_node *node, struct weir_param_datum *out,
                      struct weir_error *err)
{
    int rc = 0;
    if (node->type != WEIR_YAML_SEQUENCE && node->type != WEIR_YAML_MAPPING) {
        return scalar(arena, doc, node, out, err);
    }
    bool range = node->type == WEIR_YAML_MAPPING;
    out->kind = range ? WEIR_DATUM_RANGE : WEIR_DATUM_LIST;
    out->count = range ? 2 : count_of(node);
    if (out->count > MAX_OPTIONS) {
        return weir_yaml_fail(err, doc, node, "a default may have %d items", MAX_OPTIONS);
    }
    out->items = weir_arena_calloc(arena, (out->count + 3) * sizeof *out->items);
    out->s = (struct weir_str){"", 0};
    if (!out->items) {
        return no_memory(err);
    }
    size_t i = 0;
    for (const struct weir_yaml_node *n = node->first; n && !rc; n = n->next, i++) {
        struct weir_param_datum *to = range ? weir_param_range_part(out, n->key) : &out->items[i];
        if (!to) {
            return weir_yaml_fail(
                err, doc, n,
                "a range of dates has `start` and `end`, or `range` in words, and "
                "`compare`; one of numbers has `from` and `to`");
        }
        rc = scalar(arena, doc, n, to, err);
        if (rc == 0 && to != out->items && to != out->items + 1) {
            out->s = to->kind == WEIR_DATUM_TEXT ? to->s : (struct weir_str){"", 0};
        }
    }
    return rc;
}

/* --- options -------------------------------------------------------------------------------- */

static int option_of(struct weir_arena *arena, const struct weir_yaml *doc,
                     const struct weir_yaml_node *node, struct weir_param_option *out,
                     struct weir_error *err)
{
    const struct weir_yaml_node *label = node, *value = node;
    if (node->type == WEIR_YAML_SEQUENCE) {
        label = node->first;
        value = label ? label->next : NULL;
    } else if (node->type == WEIR_YAML_MAPPING) {
        value = weir_yaml_get(node, "value");
        label = weir_yaml_get(node, "label");
        label = label ? label : value;
    }
    if (!label || !value) {
        return weir_yaml_fail(err, doc, node,
                              "an option is a value, [label, value] or {label, value}");
    }
    int rc = text_of(arena, doc, label, &out->label, err);
    return rc ? rc : text_of(arena, doc, value, &out->value, err);
}

static int options_from_query(struct weir_arena *arena, const struct weir_yaml *doc,
                              const struct weir_yaml_node *node, struct weir_param_field *out,
                              struct weir_error *err)
{
    int rc = 0;
    for (const struct weir_yaml_node *n = node->first; n && !rc; n = n->next) {
        if (weir_str_is(n->key, "query")) {
            rc = text_of(arena, doc, n, &out->query, err);
        } else if (weir_str_is(n->key, "value") || weir_str_is(n->key, "values")) {
            rc = text_of(arena, doc, n, &out->query_value, err);
        } else if (weir_str_is(n->key, "label") || weir_str_is(n->key, "labels")) {
            rc = text_of(arena, doc, n, &out->query_label, err);
        } else {
            rc = weir_yaml_fail(
                err, doc, n, "options have `query`, `value` and `label`, not \"" WEIR_STR_FMT "\"",
                WEIR_STR_ARG(n->key));
        }
    }
    if (!rc && out->query_value.len == 0) {
        rc = weir_yaml_fail(err, doc, node, "options from a query need `value: COLUMN`");
    }
    if (!rc && out->query_label.len == 0) {
        out->query_label = out->query_value;
    }
    return rc;
}

static int options_of(struct weir_arena *arena, const struct weir_yaml *doc,
                      const struct weir_yaml_node *node, struct weir_param_field *out,
                      struct weir_error *err)
{
    int rc = 0;
    if (node->type == WEIR_YAML_MAPPING) {
        return options_from_query(arena, doc, node, out, err);
    }
    if (node->type != WEIR_YAML_SEQUENCE) {
        return weir_yaml_fail(err, doc, node,
                              "options are a list, or {query: …, value: …, label: …}");
    }
    size_t count = count_of(node);
    if (count > MAX_OPTIONS) {
        return weir_yaml_fail(err, doc, node, "there may be %d options", MAX_OPTIONS);
    }
    out->options = weir_arena_calloc(arena, (count + 1) * sizeof *out->options);
    if (!out->options) {
        return no_memory(err);
    }
    for (const struct weir_yaml_node *n = node->first; n && !rc; n = n->next) {
        rc = option_of(arena, doc, n, &out->options[out->option_count++], err);
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

static int kind_of(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                   enum weir_param_kind *out, struct weir_error *err)
{
    struct weir_str text = {"", 0};
    bool word = weir_yaml_str(node, &text);
    for (int i = 0; word && i < WEIR_PARAM_ANY; i++) {
        if (weir_str_eq_nocase(text, weir_str_of(kinds[i]))) {
            *out = (enum weir_param_kind)i;
            return 0;
        }
    }
    return weir_yaml_fail(err, doc, node,
                          "type \"" WEIR_STR_FMT "\" is not known; there are text, number, date, "
                          "select, multiselect, daterange, aggregation, boolean and number_range",
                          WEIR_STR_ARG(text));
}

static int as_of(const struct weir_yaml *doc, const struct weir_yaml_node *node,
                 enum weir_param_as *out, struct weir_error *err)
{
    struct weir_str text = {"", 0};
    bool word = weir_yaml_str(node, &text);
    *out = weir_str_is(text, "column")  ? WEIR_PARAM_AS_COLUMN
           : weir_str_is(text, "table") ? WEIR_PARAM_AS_TABLE
                                        : WEIR_PARAM_AS_VALUE;
    return word && (*out || weir_str_is(text, "value"))
               ? 0
               : weir_yaml_fail(err, doc, node, "`as` is value, column or table");
}

/* --- an expression to match by ----------------------------------------------------------------
 */

int weir_param_match_check(struct weir_arena *arena, struct weir_str match, struct weir_error *err)
{
    struct param_tokens tokens;
    struct param_source source = {.text = match};
    struct param_frame f = {.source = &source};
    bool column = false, value = false, plain = true;
    int rc = weir_param_tokenize(arena, match, &tokens, err);
    if (rc) {
        return rc;
    }
    source.tokens = tokens;
    for (size_t i = 0; i < tokens.count; i++) {
        enum param_match_part part = weir_param_match_part(&f, i);
        column = column || part == PARAM_MATCH_COLUMN;
        value = value || part == PARAM_MATCH_VALUE;
        struct weir_str text = param_text(&f, i);
        bool comment = tokens.items[i].kind == PARAM_BLANK && weir_str_trim(text).len;
        plain = plain && tokens.items[i].kind < PARAM_EXPR && !comment &&
                tokens.items[i].kind != PARAM_PLACE && !param_is_mark(&f, i, ';');
        i += part ? 2 : 0;
    }
    return tokens.balanced && column && value && plain && match.len <= 2000
               ? 0
               : weir_fail(
                     err, WEIR_EINVAL,
                     "`match` is an expression with [column] and [value] in it, such as "
                     "lower([column]) like '%%' || lower([value]) || '%%': closed brackets and "
                     "quotes, and no comment, semicolon, placeholder or {{ }}");
}

static int match_of(struct weir_arena *arena, const struct weir_yaml *doc,
                    const struct weir_yaml_node *node, struct weir_param_field *out,
                    struct weir_error *err)
{
    struct weir_error why;
    int rc = text_of(arena, doc, node, &out->match, err);
    if (rc || out->match.len == 0) {
        return rc;
    }
    rc = weir_param_match_check(arena, out->match, &why);
    return rc ? weir_yaml_fail(err, doc, node, "%s", why.message) : 0;
}

/* --- the rest ------------------------------------------------------------------------------- */

static int number_of(const struct weir_yaml *doc, const struct weir_yaml_node *node, double *out,
                     struct weir_error *err)
{
    char text[64], *end = text;
    struct weir_str s = {"", 0};
    if (weir_yaml_str(node, &s) && s.len && s.len < sizeof text) {
        memcpy(text, s.ptr, s.len);
        text[s.len] = 0;
        *out = strtod(text, &end);
    }
    return end != text && *end == 0 && isfinite(*out)
               ? 0
               : weir_yaml_fail(err, doc, node, "\"" WEIR_STR_FMT "\" must be a number",
                                WEIR_STR_ARG(node->key));
}

/* *known is false when it is none of these. */
static int dashboard_member(struct weir_arena *arena, const struct weir_yaml *doc,
                            const struct weir_yaml_node *n, struct weir_param_field *out,
                            bool *known, struct weir_error *err)
{
    int64_t month = 0;
    bool hidden = weir_str_is(n->key, "hidden");
    *known = true;
    if (hidden || weir_str_is(n->key, "compare")) {
        return weir_yaml_bool(n, hidden ? &out->hidden : &out->compare)
                   ? 0
                   : weir_yaml_fail(err, doc, n, "\"" WEIR_STR_FMT "\" must be true or false",
                                    WEIR_STR_ARG(n->key));
    }
    if (weir_str_is(n->key, "match")) {
        return match_of(arena, doc, n, out, err);
    }
    if (weir_str_is(n->key, "min") || weir_str_is(n->key, "max")) {
        return number_of(doc, n, weir_str_is(n->key, "min") ? &out->min : &out->max, err);
    }
    if (weir_str_is(n->key, "fiscal_year_start")) {
        bool good = weir_yaml_i64(n, &month) && month >= 1 && month <= 12;
        out->fiscal_year_start = (int)month;
        return good ? 0
                    : weir_yaml_fail(err, doc, n, "the fiscal year starts in a month from 1 to 12");
    }
    *known = false;
    return 0;
}

static int member(struct weir_arena *arena, const struct weir_yaml *doc,
                  const struct weir_yaml_node *n, struct weir_param_field *out,
                  struct weir_error *err)
{
    bool known;
    int rc = dashboard_member(arena, doc, n, out, &known, err);
    if (known) {
        return rc;
    }
    if (weir_str_is(n->key, "type")) {
        return kind_of(doc, n, &out->kind, err);
    }
    if (weir_str_is(n->key, "as")) {
        return as_of(doc, n, &out->as, err);
    }
    if (weir_str_is(n->key, "default")) {
        return initial_of(arena, doc, n, &out->initial, err);
    }
    if (weir_str_is(n->key, "options")) {
        return options_of(arena, doc, n, out, err);
    }
    if (weir_str_is(n->key, "label")) {
        return text_of(arena, doc, n, &out->label, err);
    }
    if (weir_str_is(n->key, "description")) {
        return text_of(arena, doc, n, &out->description, err);
    }
    if (weir_str_is(n->key, "name")) {
        return out->name.len ? 0 : text_of(arena, doc, n, &out->name, err);
    }
    return weir_yaml_fail(err, doc, n,
                          "\"" WEIR_STR_FMT "\" is not known; there are type, label, description, "
                          "default, options, as, hidden, match, compare, min, max and "
                          "fiscal_year_start",
                          WEIR_STR_ARG(n->key));
}

static bool takes_match(enum weir_param_kind kind)
{
    return kind == WEIR_PARAM_TEXT || kind == WEIR_PARAM_NUMBER || kind == WEIR_PARAM_DATE ||
           kind == WEIR_PARAM_SELECT || kind == WEIR_PARAM_MULTISELECT;
}

int weir_param_field_read(struct weir_arena *arena, const struct weir_yaml *doc,
                          const struct weir_yaml_node *node, const struct weir_str *name,
                          struct weir_param_field *out, struct weir_error *err)
{
    struct weir_str none = {"", 0};
    *out = (struct weir_param_field){.label = none,
                                     .description = none,
                                     .name = none,
                                     .query = none,
                                     .match = none,
                                     .min = NAN,
                                     .max = NAN,
                                     .query_value = none,
                                     .query_label = none};
    int rc = name ? copy(arena, *name, &out->name, err) : 0;
    if (!rc && node->type != WEIR_YAML_MAPPING && node->type != WEIR_YAML_NULL) {
        rc = weir_yaml_fail(err, doc, node, "a parameter is described by `type:`, `default:`, …");
    }
    for (const struct weir_yaml_node *n = rc ? NULL : node->first; n && !rc; n = n->next) {
        rc = member(arena, doc, n, out, err);
    }
    if (!rc && !good_name(out->name)) {
        rc = weir_yaml_fail(err, doc, node,
                            "\"" WEIR_STR_FMT "\" is no parameter's name: a letter or _, then "
                            "letters, digits and _, at most 60",
                            WEIR_STR_ARG(out->name));
    }
    if (!rc && out->as && (out->kind != WEIR_PARAM_SELECT || !out->option_count)) {
        rc = weir_yaml_fail(err, doc, node,
                            "`as: column` and `as: table` need `type: select` and a list of "
                            "`options`: only what is on the list can be chosen");
    }
    if (!rc && out->match.len && (out->as || !takes_match(out->kind))) {
        rc = weir_yaml_fail(err, doc, node,
                            "`match` is for text, number, date, select and multiselect");
    }
    if (!rc && out->label.len == 0) {
        out->label = out->name;
    }
    return rc;
}

/* --- as JSON -------------------------------------------------------------------------------- */

static void print_datum(struct weir_jw *w, const struct weir_param_datum *d, bool numbers)
{
    switch (d->kind) {
    case WEIR_DATUM_BOOL:
        weir_jw_bool(w, d->b);
        break;
    case WEIR_DATUM_INT:
        weir_jw_i64(w, d->i);
        break;
    case WEIR_DATUM_DOUBLE:
        weir_jw_double(w, d->d);
        break;
    case WEIR_DATUM_TEXT:
        weir_jw_str(w, d->s);
        break;
    case WEIR_DATUM_LIST:
        weir_jw_array(w);
        for (size_t i = 0; i < d->count; i++) {
            print_datum(w, &d->items[i], numbers);
        }
        weir_jw_array_end(w);
        break;
    case WEIR_DATUM_RANGE:
        weir_jw_object(w);
        weir_jw_keyz(w, d->b ? "range" : numbers ? "from" : "start");
        print_datum(w, &d->items[0], numbers);
        if (!d->b) {
            weir_jw_keyz(w, numbers ? "to" : "end");
            print_datum(w, &d->items[1], numbers);
        }
        if (d->s.len) {
            weir_jw_kstr(w, "compare", d->s);
        }
        weir_jw_object_end(w);
        break;
    default:
        weir_jw_null(w);
    }
}

/* What is seldom said is printed when it is. */
static void print_more(struct weir_jw *w, const struct weir_param_field *field)
{
    const double bounds[] = {field->min, field->max};
    if (field->hidden) {
        weir_jw_kbool(w, "hidden", true);
    }
    if (field->compare) {
        weir_jw_kbool(w, "compare", true);
    }
    for (int i = 0; i < 2; i++) {
        if (isfinite(bounds[i])) {
            weir_jw_keyz(w, i ? "max" : "min");
            weir_jw_double(w, bounds[i]);
        }
    }
}

void weir_param_field_print(struct weir_jw *w, const struct weir_param_field *field)
{
    static const char *const as[] = {"value", "column", "table"};
    weir_jw_object(w);
    weir_jw_kstr(w, "name", field->name);
    weir_jw_kstrz(w, "type", kinds[field->kind == WEIR_PARAM_ANY ? WEIR_PARAM_TEXT : field->kind]);
    weir_jw_kstr(w, "label", field->label);
    weir_jw_kstr(w, "description", field->description);
    weir_jw_kstrz(w, "as", as[field->as]);
    weir_jw_keyz(w, "default");
    print_datum(w, &field->initial, field->kind == WEIR_PARAM_NUMBER_RANGE);
    print_more(w, field);
    weir_jw_keyz(w, "options");
    if (field->query_value.len) {
        weir_jw_object(w);
        weir_jw_kstr(w, "query", field->query);
        weir_jw_kstr(w, "value", field->query_value);
        weir_jw_kstr(w, "label", field->query_label);
        weir_jw_object_end(w);
    } else {
        weir_jw_array(w);
        for (size_t i = 0; i < field->option_count; i++) {
            weir_jw_object(w);
            weir_jw_kstr(w, "label", field->options[i].label);
            weir_jw_kstr(w, "value", field->options[i].value);
            weir_jw_object_end(w);
        }
        weir_jw_array_end(w);
    }
    weir_jw_object_end(w);
}
