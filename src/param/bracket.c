/* Periscope's brackets where a value may stand, told apart from the engine's lists.
 *
 * The rules are written down in docs/format/parameters.md; each has its cases on both sides. */
#include "param/compile.h"

/* The top level of what stands between [ and ]: first..end without blanks around it. */
struct content {
    size_t first, end;
    size_t colon;  /* the first single `:`, or SIZE_MAX; likewise below */
    size_t equals; /* the last single `=` */
    size_t bar;    /* the first single `|` */
    size_t as;
    bool list; /* a comma or FOR: a list or comprehension */
    bool tags;
};

static bool adjacent_mark(const struct param_frame *f, size_t i, size_t first, size_t end,
                          const char *marks)
{
    bool before = i > first && param_is_kind(f, i - 1, PARAM_MARK) &&
                  strchr(marks, param_text(f, i - 1).ptr[0]);
    bool after = i + 1 < end && param_is_kind(f, i + 1, PARAM_MARK) &&
                 strchr(marks, param_text(f, i + 1).ptr[0]);
    return before || after;
}

static void note_mark(const struct param_frame *f, size_t i, struct content *t)
{
    char mark = param_text(f, i).ptr[0];
    if (mark == ',') {
        t->list = true;
    } else if (mark == ':' && t->colon == SIZE_MAX &&
               !adjacent_mark(f, i, t->first, t->end, ":=")) {
        t->colon = i;
    } else if (mark == '=' && !adjacent_mark(f, i, t->first, t->end, "=<>!:~|&+-*/^%@#")) {
        t->equals = i;
    } else if (mark == '|' && t->bar == SIZE_MAX && !adjacent_mark(f, i, t->first, t->end, "|=")) {
        t->bar = i;
    }
}

static struct content look(const struct param_frame *f, size_t open, size_t close)
{
    struct content t = {.first = param_skip(f, open + 1, close),
                        .end = close,
                        .colon = SIZE_MAX,
                        .equals = SIZE_MAX,
                        .bar = SIZE_MAX,
                        .as = SIZE_MAX};
    while (t.end > t.first && param_is_kind(f, t.end - 1, PARAM_BLANK)) {
        t.end--;
    }
    for (size_t i = t.first; i < t.end; i++) {
        const struct param_token *token = &f->source->tokens.items[i];
        bool dotted = i > t.first && param_is_mark(f, i - 1, '.');
        if (token->kind == PARAM_TAG || token->kind == PARAM_RAW || token->kind == PARAM_BROKEN) {
            t.tags = true;
        } else if (token->kind == PARAM_WORD && !dotted) {
            t.list = t.list || weir_str_eq_nocase(param_text(f, i), WEIR_STR("for"));
            t.as = weir_str_eq_nocase(param_text(f, i), WEIR_STR("as")) ? i : t.as;
        } else if (token->kind == PARAM_MARK && token->match != PARAM_NO_MATCH &&
                   token->match > i && token->match < t.end) {
            i = token->match;
        } else if (token->kind == PARAM_MARK) {
            note_mark(f, i, &t);
        }
    }
    return t;
}

/* The one word between two tokens; false when it is anything else. */
static bool single_word(const struct param_frame *f, size_t first, size_t end, size_t *word)
{
    first = param_skip(f, first, end);
    *word = first;
    return first < end && param_is_kind(f, first, PARAM_WORD) &&
           param_skip(f, first + 1, end) == end;
}

const struct param_range *weir_param_argument(const struct param_frame *f, struct weir_str name)
{
    for (size_t i = 0; f->args && i < f->source->arg_count; i++) {
        if (weir_str_eq_nocase(f->source->args[i], name)) {
            return &f->args[i];
        }
    }
    return NULL;
}

/* --- [name] ------------------------------------------------------------------------------------
 */

static int snippet_named(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str name, const struct param_source **out)
{
    return weir_param_find_source(c, f, at, WEIR_PARAM_READ_SNIPPET, name, out);
}

static int put_argument(struct param_compiler *c, const struct param_frame *f, size_t at,
                        const struct param_range *argument)
{
    /* A snippet may ask for its own arguments only so deep. */
    if (++c->nesting > PARAM_NESTING) {
        c->nesting--;
        return weir_param_fail(c, f, at, "arguments of snippets are nested over %d deep",
                               PARAM_NESTING);
    }
    int rc = weir_param_emit(c, argument->frame, argument->first, argument->end);
    c->nesting--;
    return rc;
}

static int one_word(struct param_compiler *c, const struct param_frame *f, size_t token,
                    struct weir_str name, bool *handled)
{
    const struct param_range *argument = weir_param_argument(f, name);
    const struct weir_param_field *field;
    const struct param_source *snippet = NULL;
    struct param_value v;
    size_t at = param_at(f, token);
    size_t after = f->source->tokens.items[token].match + 1;
    bool end;
    *handled = true;
    if (argument) {
        return put_argument(c, f, at, argument);
    }
    if (!weir_param_field(c, name) && weir_param_range_name(c, name, &end, &field)) {
        int rc = weir_param_range_value(c, f, at, name, &v);
        return rc ? rc : weir_param_put_bound(c, f, at, &v, end, true);
    }
    if (weir_param_known(c, name)) {
        int rc = weir_param_value_of(c, f, at, name, &v);
        return rc ? rc : weir_param_put_value(c, f, at, after, v.field->name, &v);
    }
    int rc = snippet_named(c, f, at, name, &snippet);
    *handled = rc || snippet;
    return snippet ? weir_param_put_snippet(c, f, at, snippet, 0, 0) : rc;
}

/* --- [name|default] -----------------------------------------------------------------------------
 */

static struct weir_param_datum fallback_of(const struct param_frame *f, size_t first, size_t end)
{
    size_t from = param_at(f, param_skip(f, first, end)), to = param_at(f, end);
    struct weir_str text = weir_str_trim((struct weir_str){f->source->text.ptr + from, to - from});
    struct weir_param_datum d = {.kind = WEIR_DATUM_TEXT, .s = text};
    if (weir_str_to_i64(text, &d.i)) {
        d.kind = WEIR_DATUM_INT;
    } else if (text.len >= 2 && text.ptr[0] == '\'' && text.ptr[text.len - 1] == '\'' &&
               !memchr(text.ptr + 1, '\'', text.len - 2)) {
        d.s = (struct weir_str){text.ptr + 1, text.len - 2};
    }
    return d;
}

static int with_default(struct param_compiler *c, const struct param_frame *f, size_t token,
                        const struct content *t, size_t word)
{
    struct weir_str name = param_text(f, word);
    size_t at = param_at(f, token);
    struct param_value v;
    if (!weir_param_known(c, name)) {
        return weir_param_fail(
            c, f, at,
            "[" WEIR_STR_FMT "|…] is a parameter with a default, and there is no "
            "parameter \"" WEIR_STR_FMT "\"; declare it, or write [(" WEIR_STR_FMT
            " | …)] for a list with one number",
            WEIR_STR_ARG(name), WEIR_STR_ARG(name), WEIR_STR_ARG(name));
    }
    int rc = weir_param_value_of(c, f, at, name, &v);
    if (rc == 0 && !weir_param_is_set(&v.datum)) {
        v.datum = fallback_of(f, t->bar + 1, t->end);
    }
    return rc ? rc
              : weir_param_put_value(c, f, at, f->source->tokens.items[token].match + 1,
                                     v.field->name, &v);
}

/* --- [column=filter] -----------------------------------------------------------------------------
 */

static bool simple(const struct param_range *r)
{
    for (size_t i = r->first; i < r->end; i++) {
        const struct param_frame *f = r->frame;
        if (!param_is_kind(f, i, PARAM_WORD) && !param_is_kind(f, i, PARAM_NAME) &&
            !param_is_mark(f, i, '.')) {
            return false;
        }
    }
    return true;
}

int weir_param_put_column(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct param_range *column)
{
    bool bare = simple(column);
    weir_param_put(c, f, at, bare ? "" : "(");
    int rc = weir_param_emit_inner(c, column);
    weir_param_put(c, f, at, bare ? "" : ")");
    return rc;
}

static int put_filter(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct param_range *column, const struct param_value *v)
{
    const struct weir_param_bound *bound;
    int rc = weir_param_put_column(c, f, at, column);
    if (rc == 0 && v->datum.kind == WEIR_DATUM_LIST) {
        weir_param_put(c, f, at, " IN (");
        rc = weir_param_put_items(c, f, at, v);
        weir_param_put(c, f, at, ")");
        return rc;
    }
    rc = rc ? rc : weir_param_bind_datum(c, f, at, v, &v->datum, v->field->name, "", &bound);
    if (rc == 0) {
        weir_param_put(c, f, at, " = ");
        weir_param_put_place(c, f, at, bound);
    }
    return rc;
}

/* `r_no_tz` is r without the site's time zone. */
static struct weir_str without_zone(struct param_compiler *c, struct weir_str name, bool *zoned)
{
    struct weir_str base = {name.ptr, name.len - (name.len > 6 ? 6 : 0)};
    *zoned = weir_param_field(c, name) || !weir_str_ends(name, WEIR_STR("_no_tz")) ||
             !weir_param_known(c, base);
    return *zoned ? name : base;
}

static int filter(struct param_compiler *c, const struct param_frame *f, size_t token,
                  const struct content *t, size_t word)
{
    struct param_range column = {f, t->first, t->equals};
    const struct param_range *argument = weir_param_argument(f, param_text(f, word));
    struct weir_str name = param_text(f, word);
    struct param_bounds bounds;
    struct param_value v;
    size_t at = param_at(f, token), inner;
    bool zoned, previous = t->colon != SIZE_MAX;
    while (column.end > column.first && param_is_kind(f, column.end - 1, PARAM_BLANK)) {
        column.end--;
    }
    if (argument && single_word(argument->frame, argument->first, argument->end, &inner)) {
        name = param_text(argument->frame, inner);
    }
    name = without_zone(c, name, &zoned);
    if (!weir_param_known(c, name)) {
        return weir_param_fail(c, f, at,
                               "[column=" WEIR_STR_FMT
                               "] is a filter, and there is no parameter \"" WEIR_STR_FMT
                               "\"; declare it, or write [(a = b)] for a list with one "
                               "comparison",
                               WEIR_STR_ARG(name), WEIR_STR_ARG(name));
    }
    int rc = weir_param_value_of(c, f, at, name, &v);
    if (rc) {
        return rc;
    }
    if (v.field->as) {
        return weir_param_fail(c, f, at,
                               "\"" WEIR_STR_FMT "\" is a name and no value to compare with",
                               WEIR_STR_ARG(v.field->name));
    }
    if (previous && v.field->kind != WEIR_PARAM_DATERANGE) {
        return weir_param_fail(c, f, at,
                               "[column=" WEIR_STR_FMT ":previous] is for ranges of dates, and "
                               "\"" WEIR_STR_FMT "\" is none",
                               WEIR_STR_ARG(name), WEIR_STR_ARG(name));
    }
    if (!weir_param_is_set(&v.datum)) {
        weir_param_put(c, f, at, previous ? "FALSE" : "TRUE");
        return 0;
    }
    if (v.field->kind == WEIR_PARAM_NUMBER_RANGE) {
        return weir_param_put_number_range(c, f, at, &column, &v);
    }
    if (weir_param_is_range(&v)) {
        v.previous = previous;
        rc = weir_param_bounds_of(c, f, at, &v, &bounds);
        struct weir_str place = weir_param_range_place(c, &v);
        rc = rc || place.ptr ? rc : weir_param_no_memory(c);
        return rc ? rc : weir_param_put_range(c, f, at, &column, place, &bounds, zoned);
    }
    return v.field->match.len ? weir_param_put_match(c, f, at, &column, &v)
                              : put_filter(c, f, at, &column, &v);
}

/* `… = word : previous`, which is no format. */
static bool is_previous(const struct param_frame *f, const struct content *t, size_t *word)
{
    size_t last;
    return t->colon != SIZE_MAX && t->equals != SIZE_MAX && t->equals > t->first &&
           t->equals < t->colon && single_word(f, t->equals + 1, t->colon, word) &&
           single_word(f, t->colon + 1, t->end, &last) &&
           weir_str_eq_nocase(param_text(f, last), WEIR_STR("previous"));
}

bool weir_param_is_set(const struct weir_param_datum *d)
{
    return d->kind != WEIR_DATUM_NONE && !(d->kind == WEIR_DATUM_TEXT && d->s.len == 0) &&
           !(d->kind == WEIR_DATUM_LIST && d->count == 0);
}

/* --- which of them
 * -------------------------------------------------------------------------------- */

static int call(struct param_compiler *c, const struct param_frame *f, size_t token,
                const struct content *t, bool *handled)
{
    size_t open = param_skip(f, t->first + 1, t->end);
    const struct param_source *snippet = NULL;
    *handled = false;
    if (!param_is_kind(f, t->first, PARAM_WORD) || open >= t->end || !param_is_mark(f, open, '(') ||
        f->source->tokens.items[open].match != t->end - 1) {
        return 0;
    }
    size_t at = param_at(f, token);
    int rc = snippet_named(c, f, at, param_text(f, t->first), &snippet);
    *handled = rc || snippet;
    return snippet ? weir_param_put_snippet(c, f, at, snippet, open, t->end - 1) : rc;
}

int weir_param_bracket(struct param_compiler *c, const struct param_frame *f, size_t token,
                       bool *handled)
{
    struct content t = look(f, token, f->source->tokens.items[token].match);
    size_t word;
    *handled = false;
    if (t.first >= t.end || t.list || t.tags) {
        return 0;
    }
    *handled = true;
    if (t.as != SIZE_MAX && t.colon == SIZE_MAX && t.as > t.first) {
        return weir_param_fail(c, f, param_at(f, token),
                               "[view as name] must stand behind FROM or JOIN");
    }
    if (is_previous(f, &t, &word)) {
        return filter(c, f, token, &t, word);
    }
    if (t.colon != SIZE_MAX) {
        struct param_range value = {f, t.first, t.colon};
        return weir_param_format(c, f, param_at(f, token), &value, t.colon, t.end);
    }
    if (single_word(f, t.first, t.end, &word)) {
        return one_word(c, f, token, param_text(f, word), handled);
    }
    if (t.equals != SIZE_MAX && t.equals > t.first && single_word(f, t.equals + 1, t.end, &word)) {
        return filter(c, f, token, &t, word);
    }
    if (t.bar != SIZE_MAX && single_word(f, t.first, t.bar, &word)) {
        return with_default(c, f, token, &t, word);
    }
    return call(c, f, token, &t, handled);
}
