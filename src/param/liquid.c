/* Mode's Liquid: {{ name }}, {{ name.part | filter }}, {{ @definition }} and the tags. */
#include <stdio.h>

#include "param/compile.h"

struct expr {
    struct weir_str name, part, filters;
    bool definition;
    bool previous; /* an end of the range that it is compared with */
};

static struct weir_str skip(struct weir_str s, size_t n)
{
    n = n < s.len ? n : s.len;
    s = (struct weir_str){s.ptr + n, s.len - n};
    while (s.len && param_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

/* `text` is a whole `{{ … }}` that weir_param_expr_length() has measured. */
static struct expr read_expr(struct weir_str text)
{
    struct expr e = {.part = {"", 0}};
    struct weir_str s = {text.ptr + 2, text.len - 4};
    s = skip(s, s.len && s.ptr[0] == '-');
    if (s.len && s.ptr[s.len - 1] == '-') {
        s.len--;
    }
    e.definition = s.len && s.ptr[0] == '@';
    s = e.definition ? (struct weir_str){s.ptr + 1, s.len - 1} : s;
    e.name = (struct weir_str){s.ptr, weir_param_word_length(s)};
    s = (struct weir_str){s.ptr + e.name.len, s.len - e.name.len};
    if (s.len && s.ptr[0] == '.') {
        const char *end = s.ptr + 1;
        while (end < s.ptr + s.len && !param_blank(*end) && *end != '|') {
            end++;
        }
        e.part = (struct weir_str){s.ptr + 1, (size_t)(end - s.ptr) - 1};
        s = (struct weir_str){end, s.len - e.part.len - 1};
    }
    e.filters = skip(s, 0);
    return e;
}

/* --- filters ---------------------------------------------------------------------------------- */

static struct weir_str unquote(struct weir_str s)
{
    bool quoted =
        s.len >= 2 && (s.ptr[0] == '\'' || s.ptr[0] == '"') && s.ptr[s.len - 1] == s.ptr[0];
    return quoted ? (struct weir_str){s.ptr + 1, s.len - 2} : s;
}

static bool empty(const struct weir_param_datum *d)
{
    return d->kind == WEIR_DATUM_NONE || (d->kind == WEIR_DATUM_TEXT && d->s.len == 0) ||
           (d->kind == WEIR_DATUM_LIST && d->count == 0);
}

static int change_case(struct param_compiler *c, struct weir_param_datum *d, bool up)
{
    struct weir_str text;
    int rc = weir_param_datum_text(c, d, ",", &text);
    char *bytes = rc ? NULL : (char *)weir_arena_dup(c->arena, text).ptr;
    for (size_t i = 0; bytes && i < text.len; i++) {
        char ch = bytes[i], low = up ? 'a' : 'A';
        bytes[i] = (char)(ch >= low && ch <= low + 25 ? ch ^ 0x20 : ch);
    }
    *d = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = {bytes, text.len}};
    return rc ? rc : bytes ? 0 : weir_param_no_memory(c);
}

static int filter(struct param_compiler *c, const struct param_frame *f, size_t at,
                  struct weir_str name, struct weir_str argument, struct weir_param_datum *d)
{
    struct weir_str text = {"", 0};
    if (weir_str_is(name, "default")) {
        if (empty(d)) {
            int64_t n;
            *d = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = unquote(argument)};
            if (d->s.ptr == argument.ptr && weir_str_to_i64(argument, &n)) {
                *d = (struct weir_param_datum){.kind = WEIR_DATUM_INT, .i = n};
            }
        }
        return 0;
    }
    if (weir_str_is(name, "join")) {
        char *joint = (char *)weir_arena_dup(c->arena, unquote(argument)).ptr;
        int rc = joint ? weir_param_datum_text(c, d, argument.len ? joint : " ", &text)
                       : weir_param_no_memory(c);
        *d = (struct weir_param_datum){.kind = WEIR_DATUM_TEXT, .s = text};
        return rc;
    }
    if (weir_str_is(name, "upcase") || weir_str_is(name, "downcase")) {
        return d->kind == WEIR_DATUM_NONE ? 0 : change_case(c, d, weir_str_is(name, "upcase"));
    }
    if (weir_str_is(name, "strip")) {
        d->s = d->kind == WEIR_DATUM_TEXT ? weir_str_trim(d->s) : d->s;
        return 0;
    }
    struct weir_str shown = weir_utf8_cut(name, 40);
    return weir_param_fail(c, f, at,
                           "the filter \"" WEIR_STR_FMT "\" is not known; there are default, join, "
                           "upcase, downcase and strip (do the rest in SQL)",
                           WEIR_STR_ARG(shown));
}

static int apply_filters(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str s, struct weir_param_datum *d)
{
    int rc = 0;
    while (rc == 0 && s.len && s.ptr[0] == '|') {
        struct weir_str argument = {"", 0};
        s = skip(s, 1);
        struct weir_str name = {s.ptr, weir_param_word_length(s)};
        s = skip(s, name.len);
        if (s.len && s.ptr[0] == ':') {
            s = skip(s, 1);
            size_t n = 0;
            bool quoted = s.len && (s.ptr[0] == '\'' || s.ptr[0] == '"');
            for (n = quoted; n < s.len && (quoted ? s.ptr[n] != s.ptr[0]
                                                  : !param_blank(s.ptr[n]) && s.ptr[n] != '|');) {
                n++;
            }
            n += quoted && n < s.len;
            argument = (struct weir_str){s.ptr, n};
            s = skip(s, n);
        }
        rc = filter(c, f, at, name, argument, d);
    }
    return rc;
}

/* --- {{ … }} -----------------------------------------------------------------------------------
 */

/* `r.start`, `r.end`, and `r_start`, `r_end` when there is no such parameter. */
static bool range_end(struct param_compiler *c, struct expr *e, bool *end)
{
    const struct weir_param_field *field;
    e->previous = weir_str_is(e->part, "previous_start") || weir_str_is(e->part, "previous_end");
    if (e->previous) {
        *end = weir_str_is(e->part, "previous_end");
        return true;
    }
    if (weir_str_is(e->part, "start") || weir_str_is(e->part, "end")) {
        *end = weir_str_is(e->part, "end");
        return true;
    }
    return e->part.len == 0 && !weir_param_field(c, e->name) &&
           weir_param_range_name(c, e->name, end, &field);
}

bool weir_param_range_name(struct param_compiler *c, struct weir_str name, bool *end,
                           const struct weir_param_field **field)
{
    struct weir_str base = name;
    bool start = weir_str_ends(name, WEIR_STR("_start"));
    *end = weir_str_ends(name, WEIR_STR("_end"));
    *field = NULL;
    if (!start && !*end) {
        return false;
    }
    base.len -= start ? 6 : 4;
    *field = weir_param_field(c, base);
    return (*field && (*field)->kind == WEIR_PARAM_DATERANGE) ||
           (!*field && weir_str_eq_nocase(base, WEIR_STR("daterange")));
}

int weir_param_take_part(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str part, struct param_value *v)
{
    struct weir_param_datum *d = &v->datum;
    bool range = d->kind == WEIR_DATUM_RANGE;
    bool numbers = v->field->kind == WEIR_PARAM_NUMBER_RANGE;
    if (weir_str_is(part, "size")) {
        int64_t n = d->kind == WEIR_DATUM_LIST   ? (int64_t)d->count
                    : d->kind == WEIR_DATUM_TEXT ? (int64_t)d->s.len
                                                 : 0;
        *d = (struct weir_param_datum){.kind = WEIR_DATUM_INT, .i = n};
    } else if (numbers && (weir_str_is(part, "from") || weir_str_is(part, "to"))) {
        *d = range ? d->items[weir_str_is(part, "to")] : (struct weir_param_datum){0};
    } else if (v->field->kind == WEIR_PARAM_DATERANGE && weir_str_is(part, "compare")) {
        struct weir_str s = range ? d->s : (struct weir_str){"", 0};
        *d = (struct weir_param_datum){.kind = s.len ? WEIR_DATUM_TEXT : WEIR_DATUM_NONE, .s = s};
    } else {
        struct weir_str shown = weir_utf8_cut(part, 40);
        return weir_param_fail(c, f, at,
                               "a parameter has no \"." WEIR_STR_FMT
                               "\"; a range of dates has .start, .end, .previous_start, "
                               ".previous_end and .compare, one of numbers .from and .to, a list "
                               ".size",
                               WEIR_STR_ARG(shown));
    }
    v->part = true;
    return 0;
}

static int value_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const struct expr *e, struct param_value *v)
{
    int rc = weir_param_value_of(c, f, at, e->name, v);
    if (rc == 0 && e->part.len) {
        rc = weir_param_take_part(c, f, at, e->part, v);
    }
    return rc ? rc : apply_filters(c, f, at, e->filters, &v->datum);
}

int weir_param_range_value(struct param_compiler *c, const struct param_frame *f, size_t at,
                           struct weir_str name, struct param_value *v)
{
    if (!weir_param_field(c, name) &&
        (weir_str_ends(name, WEIR_STR("_start")) || weir_str_ends(name, WEIR_STR("_end")))) {
        name.len -= weir_str_ends(name, WEIR_STR("_start")) ? 6 : 4;
    }
    int rc = weir_param_value_of(c, f, at, name, v);
    if (rc == 0 && v->field->kind != WEIR_PARAM_DATERANGE &&
        (v->datum.kind != WEIR_DATUM_RANGE || v->field->kind == WEIR_PARAM_NUMBER_RANGE)) {
        rc = weir_param_fail(c, f, at, "parameter \"" WEIR_STR_FMT "\" is no range of dates",
                             WEIR_STR_ARG(v->field->name));
    }
    return rc;
}

static int put_definition(struct param_compiler *c, const struct param_frame *f, size_t token,
                          size_t end, struct weir_str name)
{
    const struct param_source *source;
    size_t at = param_at(f, token);
    struct weir_str alias = {"", 0};
    int rc = weir_param_find_source(c, f, at, WEIR_PARAM_READ_DEFINITION, name, &source);
    if (rc == 0 && !source) {
        struct weir_str shown = weir_utf8_cut(name, 60);
        return weir_param_fail(c, f, at,
                               "there is no definition \"" WEIR_STR_FMT
                               "\"; it would be the file definitions/" WEIR_STR_FMT ".sql",
                               WEIR_STR_ARG(shown), WEIR_STR_ARG(shown));
    }
    size_t next = param_skip(f, token + 1, end);
    bool enclosed = c->mark == '(' && next < end && param_is_mark(f, next, ')');
    if (c->table_next && !enclosed && !weir_param_alias_follows(f, token + 1, end)) {
        alias = name;
    }
    return rc ? rc : weir_param_put_query(c, f, at, source, alias);
}

int weir_param_expr(struct param_compiler *c, const struct param_frame *f, size_t token, size_t end)
{
    struct expr e = read_expr(param_text(f, token));
    size_t at = param_at(f, token);
    struct param_value v;
    bool second;
    int rc;
    if (e.definition) {
        rc = put_definition(c, f, token, end, e.name);
    } else if (range_end(c, &e, &second)) {
        rc = weir_param_range_value(c, f, at, e.name, &v);
        v.previous = e.previous;
        rc = rc ? rc : weir_param_put_bound(c, f, at, &v, second, true);
    } else {
        struct weir_str name = e.name;
        rc = value_of(c, f, at, &e, &v);
        if (rc == 0 && (e.filters.len || e.part.len)) {
            char *made = weir_arena_printf(c->arena, WEIR_STR_FMT "_made", WEIR_STR_ARG(name));
            name = weir_str_of(made);
            rc = made ? 0 : weir_param_no_memory(c);
        }
        rc = rc ? rc : weir_param_put_value(c, f, at, token + 1, name, &v);
    }
    if (rc == 0) {
        weir_param_operand(c);
    }
    return rc;
}

/* Inside a quoted text: what is bound there. A range's end has no text here: *range is set. */
int weir_param_expr_text(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str text, struct param_piece *out)
{
    struct expr e = read_expr(text);
    struct param_value v;
    *out = (struct param_piece){.name = e.name};
    if (e.definition) {
        return weir_param_fail(c, f, at, "a definition cannot stand inside a quoted text");
    }
    if (range_end(c, &e, &out->end)) {
        out->range = true;
        int rc = weir_param_range_value(c, f, at, e.name, &out->value);
        out->value.previous = e.previous;
        return rc;
    }
    int rc = value_of(c, f, at, &e, &v);
    return rc ? rc : weir_param_piece_of(c, f, at, &v, e.filters.len || e.part.len, out);
}

int weir_param_piece_of(struct param_compiler *c, const struct param_frame *f, size_t at,
                        const struct param_value *v, bool made, struct param_piece *out)
{
    struct weir_str name = v->field->name;
    if (v->field->as) {
        return weir_param_fail(c, f, at,
                               "\"" WEIR_STR_FMT
                               "\" is a column's or table's name; it stands without "
                               "quotes, or in double ones",
                               WEIR_STR_ARG(name));
    }
    if (v->datum.kind == WEIR_DATUM_LIST) {
        return weir_param_fail(
            c, f, at,
            "\"" WEIR_STR_FMT "\" is a list and stands in a quoted text; write IN "
            "({{ " WEIR_STR_FMT " }}) without quotes, or {{ " WEIR_STR_FMT " | join: ',' }}",
            WEIR_STR_ARG(name), WEIR_STR_ARG(name), WEIR_STR_ARG(name));
    }
    if (weir_param_is_range(v)) {
        bool numbers = v->field->kind == WEIR_PARAM_NUMBER_RANGE;
        return weir_param_fail(c, f, at,
                               "\"" WEIR_STR_FMT "\" is a range; write {{ " WEIR_STR_FMT
                               ".%s }} or {{ " WEIR_STR_FMT ".%s }}",
                               WEIR_STR_ARG(name), WEIR_STR_ARG(name), numbers ? "from" : "start",
                               WEIR_STR_ARG(name), numbers ? "to" : "end");
    }
    bool text = v->datum.kind == WEIR_DATUM_TEXT && v->field->kind != WEIR_PARAM_DATE;
    *out = (struct param_piece){.name = name,
                                .suffix = made   ? "_made"
                                          : text ? ""
                                                 : "_text",
                                .made = made,
                                .value = *v};
    return weir_param_datum_text(c, &v->datum, "", &out->text);
}

/* --- {% … %} ------------------------------------------------------------------------------------
 */

static struct weir_str tag_word(const struct param_frame *f, size_t token)
{
    return param_is_kind(f, token, PARAM_TAG) ? weir_param_tag_word(param_text(f, token))
                                              : (struct weir_str){"", 0};
}

/* The next part of the condition at `token`: elsif, else or its end; `end` when there is none. */
static size_t next_part(const struct param_frame *f, size_t token, size_t end)
{
    unsigned depth = 0;
    for (size_t i = token + 1; i < end; i++) {
        struct weir_str w = tag_word(f, i);
        if (weir_str_is(w, "if") || weir_str_is(w, "unless")) {
            depth++;
        } else if (weir_str_is(w, "endif") || weir_str_is(w, "endunless")) {
            if (depth-- == 0) {
                return i;
            }
        } else if (depth == 0 && (weir_str_is(w, "elsif") || weir_str_is(w, "else"))) {
            return i;
        }
    }
    return end;
}

static int holds(struct param_compiler *c, const struct param_frame *f, size_t token, bool *out)
{
    struct weir_str text = param_text(f, token), word = tag_word(f, token);
    *out = true;
    if (weir_str_is(word, "else")) {
        return 0;
    }
    const char *begin = word.ptr + word.len;
    size_t length = (size_t)(text.ptr + text.len - 2 - begin);
    length -= length && begin[length - 1] == '-';
    int rc = weir_param_condition(c, f, param_at(f, token), (struct weir_str){begin, length}, out);
    *out = weir_str_is(word, "unless") ? !*out : *out;
    return rc;
}

static int condition(struct param_compiler *c, const struct param_frame *f, size_t *token,
                     size_t end)
{
    size_t first = *token, at = first;
    bool taken = false;
    int rc = ++c->nesting > PARAM_NESTING
                 ? weir_param_fail(c, f, param_at(f, at), "conditions are nested over %d deep",
                                   PARAM_NESTING)
                 : 0;
    while (rc == 0) {
        struct weir_str word = tag_word(f, at);
        if (weir_str_is(word, "endif") || weir_str_is(word, "endunless")) {
            break;
        }
        size_t next = next_part(f, at, end);
        bool yes = false;
        if (next == end) {
            rc = weir_param_fail(c, f, param_at(f, first),
                                 "this condition has no `{%% end" WEIR_STR_FMT " %%}`",
                                 WEIR_STR_ARG(tag_word(f, first)));
        }
        rc = rc || taken ? rc : holds(c, f, at, &yes);
        if (rc == 0 && yes && !taken) {
            taken = true;
            rc = weir_param_emit(c, f, at + 1, next);
        }
        at = next;
    }
    c->nesting--;
    *token = at;
    return rc;
}

int weir_param_tag(struct param_compiler *c, const struct param_frame *f, size_t *token, size_t end)
{
    struct weir_str word = tag_word(f, *token);
    if (weir_str_is(word, "if") || weir_str_is(word, "unless")) {
        return condition(c, f, token, end);
    }
    struct weir_str shown = weir_utf8_cut(word, 40);
    bool part = weir_str_starts(word, WEIR_STR("end")) || weir_str_is(word, "else") ||
                weir_str_is(word, "elsif");
    return part ? weir_param_fail(c, f, param_at(f, *token),
                                  "`{%% " WEIR_STR_FMT " %%}` has nothing that it belongs to",
                                  WEIR_STR_ARG(shown))
                : weir_param_fail(c, f, param_at(f, *token),
                                  "the tag \"" WEIR_STR_FMT
                                  "\" is not known; there are form, if, elsif, "
                                  "else, endif, unless, comment and raw",
                                  WEIR_STR_ARG(shown));
}
