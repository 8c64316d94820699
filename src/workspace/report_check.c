#include "workspace/report_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/closest.h"

void weir_check_note(struct weir_check *check, const struct weir_yaml_node *at, const char *fmt,
                     ...)
{
    struct weir_error words = {0}, line = {0};
    va_list args;
    va_start(args, fmt);
    weir_failv(&words, WEIR_EINVAL, fmt, args);
    va_end(args);
    (void)weir_yaml_fail(&line, check->doc, at, "%s", words.message);
    size_t len = strlen(check->problems);
    snprintf(check->problems + len, sizeof check->problems - len, "%s%s", len ? "\n" : "",
             line.message);
    check->code = check->code ? check->code : WEIR_EINVAL;
}

static void unknown_key(struct weir_check *check, const struct weir_yaml_node *member,
                        const struct weir_key *keys)
{
    struct weir_closest near = weir_closest_to(member->key);
    char known[400] = "";
    for (const struct weir_key *k = keys; k->name; k++) {
        size_t len = strlen(known);
        weir_closest_consider(&near, k->name);
        snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", k->name);
    }
    int shown = (int)(member->key.len < 80 ? member->key.len : 80);
    if (near.best) {
        weir_check_note(check, member, "there is no key \"%.*s\"; did you mean \"%s\"?", shown,
                        member->key.ptr, near.best);
    } else {
        weir_check_note(check, member, "there is no key \"%.*s\"; there are %s", shown,
                        member->key.ptr, known);
    }
}

static void check_choice(struct weir_check *check, const struct weir_yaml_node *node,
                         const struct weir_key *key)
{
    struct weir_str text = {0};
    char known[200] = "";
    (void)weir_yaml_str(node, &text);
    for (const char *const *c = key->choices; *c; c++) {
        size_t len = strlen(known);
        if (text.ptr && weir_str_is(text, *c)) {
            return;
        }
        snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", *c);
    }
    weir_check_note(check, node, "\"%s\" is one of %s", key->name, known);
}

/* As JSON writes it: `04` and `+4` would come back as text. */
static bool whole_number(const struct weir_yaml_node *node, int64_t *out)
{
    char text[24];
    if (!weir_yaml_i64(node, out)) {
        return false;
    }
    snprintf(text, sizeof text, "%lld", (long long)*out);
    return weir_str_is(node->scalar, text);
}

static bool is_number(const struct weir_yaml_node *node)
{
    char text[64], *end = text;
    struct weir_str s = {0};
    if (!weir_yaml_str(node, &s) || s.len == 0 || s.len >= sizeof text ||
        memchr("0123456789-", s.ptr[0], 11) == NULL) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    double value = strtod(text, &end);
    return *end == 0 && isfinite(value) && !strpbrk(text, "xX");
}

static void check_value(struct weir_check *check, const struct weir_yaml_node *node,
                        const struct weir_key *key)
{
    bool truth;
    int64_t number = 0;
    switch (key->kind) {
    case WEIR_KEY_TEXT:
        if (node->type != WEIR_YAML_SCALAR) {
            weir_check_note(check, node, "\"%s\" is text", key->name);
        }
        return;
    case WEIR_KEY_BOOL:
        if (!weir_yaml_bool(node, &truth)) {
            weir_check_note(check, node, "\"%s\" is true or false", key->name);
        }
        return;
    case WEIR_KEY_INT:
        if (!whole_number(node, &number) || number < key->min || number > key->max) {
            weir_check_note(check, node, "\"%s\" is a whole number from %lld to %lld", key->name,
                            (long long)key->min, (long long)key->max);
        }
        return;
    case WEIR_KEY_NUMBER:
        if (!is_number(node)) {
            weir_check_note(check, node, "\"%s\" is a number", key->name);
        }
        return;
    case WEIR_KEY_CHOICE:
        check_choice(check, node, key);
        return;
    case WEIR_KEY_OBJECT:
        if (node->type != WEIR_YAML_MAPPING) {
            weir_check_note(check, node, "\"%s\" holds keys and values", key->name);
        }
        return;
    case WEIR_KEY_LIST:
        if (node->type != WEIR_YAML_SEQUENCE && node->type != WEIR_YAML_NULL) {
            weir_check_note(check, node, "\"%s\" is a list", key->name);
        }
        for (const struct weir_yaml_node *n = node->first; n && node->type == WEIR_YAML_SEQUENCE;
             n = n->next) {
            weir_check_keys(check, n, key->items);
        }
        return;
    default:
        return;
    }
}

void weir_check_keys(struct weir_check *check, const struct weir_yaml_node *object,
                     const struct weir_key *keys)
{
    if (object->type != WEIR_YAML_MAPPING) {
        weir_check_note(check, object, "keys and values are expected here (`%s: ...`)", keys->name);
        return;
    }
    for (const struct weir_yaml_node *n = object->first; n; n = n->next) {
        const struct weir_key *key = keys;
        while (key->name && !weir_str_is(n->key, key->name)) {
            key++;
        }
        if (key->name) {
            check_value(check, n, key);
        } else {
            unknown_key(check, n, keys);
        }
    }
    for (const struct weir_key *k = keys; k->name; k++) {
        if (k->required && !weir_yaml_get(object, k->name)) {
            weir_check_note(check, object, "key \"%s\" is missing; add it", k->name);
        }
    }
}
