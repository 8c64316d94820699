#include "conf/option.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/closest.h"

/* A plain alternative to `int *` casts: the place of an option in the caller's struct. */
static void *slot_of(const struct weir_option *option, void *settings)
{
    return (char *)settings + option->offset;
}

static int fail_value(struct weir_error *err, const struct weir_option *option, const char *where,
                      const char *text, const char *expected)
{
    return weir_fail(err, WEIR_EINVAL, "%s: \"%s\" is \"%.80s\"; it must be %s", where,
                     option->name, text, expected);
}

/* "250ms", "30s", "15m", "12h", "7d", "0"; a number alone but 0 has no unit and is refused. */
static bool parse_duration(struct weir_str s, weir_time *out)
{
    static const struct {
        const char *unit;
        weir_time length;
    } units[] = {{"us", 1},
                 {"ms", 1000},
                 {"s", WEIR_SECOND},
                 {"m", 60 * WEIR_SECOND},
                 {"h", 3600 * WEIR_SECOND},
                 {"d", WEIR_DAY}};
    size_t digits = 0;
    int64_t n;
    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9') {
        digits++;
    }
    if (!weir_str_to_i64((struct weir_str){s.ptr, digits}, &n)) {
        return false;
    }
    struct weir_str unit = weir_str_trim((struct weir_str){s.ptr + digits, s.len - digits});
    if (unit.len == 0 && n == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (weir_str_is(unit, units[i].unit)) {
            return !__builtin_mul_overflow(n, units[i].length, out);
        }
    }
    return false;
}

static bool outside(const struct weir_option *option, int64_t value)
{
    return (option->min || option->max) && (value < option->min || value > option->max);
}

static int set_int(const struct weir_option *option, void *slot, const char *text,
                   const char *where, struct weir_error *err)
{
    int64_t value;
    char expected[96] = "a whole number";
    if (option->min || option->max) {
        snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64,
                 option->min, option->max);
    }
    if (!weir_str_to_i64(weir_str_of(text), &value) || outside(option, value)) {
        return fail_value(err, option, where, text, expected);
    }
    *(int64_t *)slot = value;
    return WEIR_OK;
}

static int set_bytes(const struct weir_option *option, void *slot, const char *text,
                     const char *where, struct weir_error *err)
{
    uint64_t value;
    char expected[128] = "a size such as 500, 64k or 32MB";
    if (option->min || option->max) {
        snprintf(expected, sizeof expected,
                 "a size such as 64k or 32MB, from %" PRId64 " to %" PRId64 " bytes", option->min,
                 option->max);
    }
    if (!weir_str_to_bytes(weir_str_of(text), &value) || value > INT64_MAX ||
        outside(option, (int64_t)value)) {
        return fail_value(err, option, where, text, expected);
    }
    *(uint64_t *)slot = value;
    return WEIR_OK;
}

static int set_duration(const struct weir_option *option, void *slot, const char *text,
                        const char *where, struct weir_error *err)
{
    weir_time value;
    if (!parse_duration(weir_str_of(text), &value) || outside(option, value)) {
        char expected[160] = "a duration such as 250ms, 30s, 15m, 12h or 7d";
        if (option->min || option->max) {
            snprintf(expected, sizeof expected,
                     "a duration such as 250ms, 30s, 15m, 12h or 7d, from %" PRId64 "ms to %" PRId64
                     "ms",
                     option->min / 1000, option->max / 1000);
        }
        return fail_value(err, option, where, text, expected);
    }
    *(weir_time *)slot = value;
    return WEIR_OK;
}

static int set_choice(const struct weir_option *option, void *slot, const char *text,
                      const char *where, struct weir_error *err)
{
    char expected[256] = "one of";
    size_t len = strlen(expected);
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *(int *)slot = i;
            return WEIR_OK;
        }
        int n = snprintf(expected + len, sizeof expected - len, "%s %s", i ? "," : "",
                         option->choices[i]);
        len = len + (size_t)n < sizeof expected ? len + (size_t)n : sizeof expected - 1;
    }
    return fail_value(err, option, where, text, expected);
}

bool weir_text_list_has(const struct weir_text_list *list, struct weir_str text)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (weir_str_is(text, list->items[i])) {
            return true;
        }
    }
    return false;
}

static int list_add(struct weir_text_list *list, struct weir_arena *arena, struct weir_str item,
                    struct weir_error *err)
{
    /* Grown at powers of two: what is left behind in the arena is no more than the list itself. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count ? list->count * 2 : 1;
        const char **items = weir_arena_alloc(arena, room * sizeof *items);
        if (!items) {
            return weir_fail(err, WEIR_ENOMEM, "out of memory for a list of settings");
        }
        if (list->count) {
            memcpy(items, list->items, list->count * sizeof *items);
        }
        list->items = items;
    }
    struct weir_str copy = weir_arena_dup(arena, item);
    if (!copy.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for a list of settings");
    }
    list->items[list->count++] = copy.ptr;
    return WEIR_OK;
}

static int set_list(void *slot, struct weir_arena *arena, const char *text, struct weir_error *err)
{
    struct weir_text_list *list = slot;
    struct weir_str rest = weir_str_of(text);
    *list = (struct weir_text_list){0};
    while (rest.ptr) {
        struct weir_str item = weir_str_trim(weir_str_cut(&rest, ','));
        if (item.len > 0) {
            int code = list_add(list, arena, item, err);
            if (code) {
                return code;
            }
        }
    }
    return WEIR_OK;
}

static int set_data(const struct weir_option *option, void *slot, struct weir_arena *arena,
                    const char *text, const char *where, struct weir_error *err)
{
    struct weir_yaml *doc = NULL;
    struct weir_data *data = NULL;
    struct weir_error why;
    int rc = *text ? weir_yaml_parse(weir_str_of(text), "line", &doc, &why) : 0;
    rc = rc || !*text ? rc : weir_data_from_yaml(arena, weir_yaml_root(doc), &data, &why);
    if (rc) {
        rc = weir_fail(err, rc, "%s: \"%s\" cannot be read as YAML or JSON: %s", where,
                       option->name, why.message);
    }
    if (rc == 0 && data && data->type != WEIR_DATA_OBJECT) {
        rc = fail_value(err, option, where, text, "a mapping such as {start_date: 2026-01-01}");
    }
    weir_yaml_free(doc);
    *(const struct weir_data **)slot = data;
    return rc;
}

int weir_option_set(const struct weir_option *option, void *settings, struct weir_arena *arena,
                    const char *text, const char *where, struct weir_error *err)
{
    void *slot = slot_of(option, settings);
    switch (option->type) {
    case WEIR_OPT_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return fail_value(err, option, where, text, "true or false");
        }
        *(bool *)slot = text[0] == 't';
        return WEIR_OK;
    case WEIR_OPT_INT:
        return set_int(option, slot, text, where, err);
    case WEIR_OPT_BYTES:
        return set_bytes(option, slot, text, where, err);
    case WEIR_OPT_DURATION:
        return set_duration(option, slot, text, where, err);
    case WEIR_OPT_CHOICE:
        return set_choice(option, slot, text, where, err);
    case WEIR_OPT_LIST:
        return set_list(slot, arena, text, err);
    case WEIR_OPT_DATA:
        return set_data(option, slot, arena, text, where, err);
    case WEIR_OPT_TEXT:
        *(const char **)slot = weir_arena_strdup(arena, text);
        return *(const char **)slot ? WEIR_OK
                                    : weir_fail(err, WEIR_ENOMEM, "out of memory for settings");
    }
    return weir_fail(err, WEIR_EINVAL, "%s: \"%s\" has an unknown type", where, option->name);
}

int weir_options_default(const struct weir_option *table, void *settings, struct weir_arena *arena,
                         struct weir_error *err)
{
    for (const struct weir_option *o = table; o->name; o++) {
        int code = o->fallback
                       ? weir_option_set(o, settings, arena, o->fallback, "the default", err)
                       : WEIR_OK;
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static const struct weir_option *find(const struct weir_option *table, struct weir_str name,
                                      const char **near)
{
    struct weir_closest closest = weir_closest_to(name);
    for (; table->name; table++) {
        if (weir_str_is(name, table->name)) {
            return table;
        }
        weir_closest_consider(&closest, table->name);
    }
    *near = closest.best;
    return NULL;
}

static int set_list_node(const struct weir_option *option, void *settings, struct weir_arena *arena,
                         const struct weir_yaml *doc, const struct weir_yaml_node *node,
                         struct weir_error *err)
{
    struct weir_text_list *list = slot_of(option, settings);
    *list = (struct weir_text_list){0};
    for (const struct weir_yaml_node *n = node->first; n; n = n->next) {
        if (n->type != WEIR_YAML_SCALAR) {
            return weir_yaml_fail(err, doc, n, "\"%s\" must be a list of plain values",
                                  option->name);
        }
        if (memchr(n->scalar.ptr, '\0', n->scalar.len)) {
            return weir_yaml_fail(err, doc, n, "\"%s\" holds a NUL character", option->name);
        }
        int code = list_add(list, arena, n->scalar, err);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static int set_node(const struct weir_option *option, void *settings, struct weir_arena *arena,
                    const struct weir_yaml *doc, const struct weir_yaml_node *node,
                    struct weir_error *err)
{
    if (node->type == WEIR_YAML_NULL) {
        return WEIR_OK; /* "key:" with nothing behind it: the default */
    }
    if (option->type == WEIR_OPT_LIST && node->type == WEIR_YAML_SEQUENCE) {
        return set_list_node(option, settings, arena, doc, node, err);
    }
    if (option->type == WEIR_OPT_DATA && node->type == WEIR_YAML_MAPPING) {
        struct weir_data *data = NULL;
        int rc = weir_data_from_yaml(arena, node, &data, err);
        *(const struct weir_data **)slot_of(option, settings) = data;
        return rc;
    }
    if (node->type != WEIR_YAML_SCALAR) {
        return weir_yaml_fail(err, doc, node, "\"%s\" must be a single value%s", option->name,
                              option->type == WEIR_OPT_LIST   ? " or a list of them"
                              : option->type == WEIR_OPT_DATA ? " or a mapping"
                                                              : "");
    }
    if (memchr(node->scalar.ptr, '\0', node->scalar.len)) {
        return weir_yaml_fail(err, doc, node, "\"%s\" holds a NUL character", option->name);
    }
    bool scalar_type = option->type == WEIR_OPT_BOOL || option->type == WEIR_OPT_INT;
    if (scalar_type && node->quoted) {
        return weir_yaml_fail(err, doc, node, "\"%s\" is text in quotes; write %s without quotes",
                              option->name,
                              option->type == WEIR_OPT_BOOL ? "true or false" : "the number");
    }
    char where[512];
    snprintf(where, sizeof where, "%s:%d", weir_yaml_name(doc), node->line);
    return weir_option_set(option, settings, arena, node->scalar.ptr, where, err);
}

int weir_options_yaml(const struct weir_option *table, void *settings, struct weir_arena *arena,
                      const struct weir_yaml *doc, const struct weir_yaml_node *section,
                      struct weir_error *err)
{
    if (section && section->type != WEIR_YAML_MAPPING && section->type != WEIR_YAML_NULL) {
        return weir_yaml_fail(err, doc, section, "expected settings here (`name: value`)");
    }
    for (const struct weir_yaml_node *n = section ? section->first : NULL; n; n = n->next) {
        const char *near = NULL;
        const struct weir_option *option = find(table, n->key, &near);
        if (!option) {
            return weir_yaml_fail(err, doc, n,
                                  near ? "there is no setting \"%.80s\"; did you mean \"%s\"?"
                                       : "there is no setting \"%.80s\"; remove it, or see "
                                         "docs/guide/settings.md%s",
                                  n->key.ptr, near ? near : "");
        }
        int code = set_node(option, settings, arena, doc, n, err);
        if (code) {
            return code;
        }
    }
    for (const struct weir_option *o = table; o->name; o++) {
        const struct weir_yaml_node *n = o->fallback ? NULL : weir_yaml_get(section, o->name);
        bool from_env = o->env && getenv(o->env);
        if (!o->fallback && (!n || n->type == WEIR_YAML_NULL) && !from_env) {
            return weir_yaml_fail(err, doc, n ? n : section, "key \"%s\" is missing; add it%s%s",
                                  o->name, o->env ? ", or set " : "", o->env ? o->env : "");
        }
    }
    return WEIR_OK;
}

int weir_options_env(const struct weir_option *table, void *settings, struct weir_arena *arena,
                     struct weir_error *err)
{
    for (const struct weir_option *o = table; o->name; o++) {
        const char *text = o->env ? getenv(o->env) : NULL;
        int code = text ? weir_option_set(o, settings, arena, text, o->env, err) : WEIR_OK;
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

static void cell(struct weir_buf *out, const char *text)
{
    for (; *text; text++) {
        weir_buf_addz(out, *text == '|' ? "\\" : "");
        weir_buf_addc(out, *text);
    }
}

static const char *type_text(const struct weir_option *option, struct weir_buf *text)
{
    static const char *const names[] = {"true or false", "number", "size",          "duration",
                                        "text",          "",       "list of texts", "mapping"};
    weir_buf_reset(text);
    if (option->type == WEIR_OPT_CHOICE) {
        for (int i = 0; option->choices[i]; i++) {
            weir_buf_addf(text, "%s`%s`", i ? ", " : "", option->choices[i]);
        }
    } else {
        weir_buf_addz(text, names[option->type]);
        if (option->type == WEIR_OPT_INT && (option->min || option->max)) {
            weir_buf_addf(text, ", %" PRId64 " to %" PRId64, option->min, option->max);
        }
    }
    return weir_buf_cstr(text);
}

void weir_options_markdown(const struct weir_option *table, struct weir_buf *out)
{
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    weir_buf_addz(out, "| setting | kind | default | what it is |\n|---|---|---|---|\n");
    for (const struct weir_option *o = table; o->name; o++) {
        weir_buf_addf(out, "| `%s` | %s | ", o->name, type_text(o, &text));
        if (!o->fallback) {
            weir_buf_addz(out, "required");
        } else if (*o->fallback) {
            weir_buf_addf(out, "`%s`", o->fallback);
        } else {
            weir_buf_addz(out, "none");
        }
        weir_buf_addz(out, " | ");
        cell(out, o->help);
        if (o->env) {
            weir_buf_addf(out, " (environment: `%s`)", o->env);
        }
        weir_buf_addz(out, " |\n");
    }
    weir_buf_free(&text);
}
