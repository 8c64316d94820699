#include "param/compile.h"

#include <stdarg.h>
#include <stdlib.h>

/* --- errors --------------------------------------------------------------------------------- */

static void name_frame(const struct param_frame *f, struct weir_buf *out)
{
    if (!f->up) {
        return;
    }
    name_frame(f->up, out);
    weir_buf_addf(out, "%s%s \"" WEIR_STR_FMT "\"", f->up->up ? " → " : "",
                  weir_param_read_name(f->source->kind), WEIR_STR_ARG(f->source->name));
}

int weir_param_fail_at(struct param_compiler *c, const struct param_frame *f, size_t at, int code)
{
    if (!f) {
        return code;
    }
    if (f->up) {
        struct weir_buf chain;
        int line = 1;
        for (size_t i = 0; i < at && i < f->source->text.len; i++) {
            line += f->source->text.ptr[i] == '\n';
        }
        weir_buf_init(&chain, 512);
        name_frame(f, &chain);
        weir_error_prefix(c->err, code, "%s, line %d", weir_buf_cstr(&chain), line);
        weir_buf_free(&chain);
    }
    while (f->up) {
        at = f->at;
        f = f->up;
    }
    c->out->error_offset = (int64_t)at;
    return code;
}

int weir_param_fail(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int code = weir_failv(c->err, WEIR_EINVAL, fmt, args);
    va_end(args);
    return weir_param_fail_at(c, f, at, code);
}

int weir_param_no_memory(struct param_compiler *c)
{
    return weir_fail(c->err, WEIR_ETOOBIG,
                     "the statement needs more memory than a compilation may take");
}

/* --- writing -------------------------------------------------------------------------------- */

static void segment(struct param_compiler *c, const struct param_frame *f, size_t at, bool verbatim)
{
    struct weir_param_output *out = c->out;
    verbatim = verbatim && !f->up;
    while (f->up) {
        at = f->at;
        f = f->up;
    }
    while (out->segment_count && out->segments[out->segment_count - 1].out >= c->sql.len) {
        out->segment_count--; /* what was written there was taken back */
    }
    struct weir_param_segment *last =
        out->segment_count ? &out->segments[out->segment_count - 1] : NULL;
    if (last && last->verbatim == verbatim &&
        (verbatim ? last->source + (c->sql.len - last->out) == at : last->source == at)) {
        return;
    }
    if (out->segment_count == c->segment_cap) {
        size_t cap = c->segment_cap ? 2 * c->segment_cap : 64;
        struct weir_param_segment *more = weir_arena_alloc(c->arena, cap * sizeof *more);
        if (!more) {
            c->sql.failed = true;
            return;
        }
        if (out->segment_count) {
            memcpy(more, out->segments, out->segment_count * sizeof *more);
        }
        out->segments = more;
        c->segment_cap = cap;
    }
    out->segments[out->segment_count++] =
        (struct weir_param_segment){(uint32_t)c->sql.len, (uint32_t)at, verbatim};
}

void weir_param_puts(struct param_compiler *c, const struct param_frame *f, size_t at,
                     struct weir_str text)
{
    segment(c, f, at, false);
    weir_buf_adds(&c->sql, text);
}

void weir_param_put(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const char *text)
{
    weir_param_puts(c, f, at, weir_str_of(text));
}

void weir_param_put_place(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct weir_param_bound *bound)
{
    weir_param_put(c, f, at, "$");
    weir_buf_adds(&c->sql, bound->name);
}

static void put_quoted(struct param_compiler *c, const struct param_frame *f, size_t at,
                       struct weir_str text, char quote)
{
    segment(c, f, at, false);
    weir_buf_addc(&c->sql, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote) {
            weir_buf_addc(&c->sql, quote);
        }
        weir_buf_addc(&c->sql, text.ptr[i]);
    }
    weir_buf_addc(&c->sql, quote);
}

void weir_param_put_ident(struct param_compiler *c, const struct param_frame *f, size_t at,
                          struct weir_str name)
{
    put_quoted(c, f, at, name, '"');
}

void weir_param_put_text(struct param_compiler *c, const struct param_frame *f, size_t at,
                         struct weir_str text)
{
    put_quoted(c, f, at, text, '\'');
}

void weir_param_operand(struct param_compiler *c)
{
    c->operand = true;
    c->after_dot = c->table_next = false;
    c->word.len = 0;
    c->mark = 0;
}

int weir_param_add_read(struct param_compiler *c, enum weir_param_read_kind kind,
                        struct weir_str name)
{
    struct weir_param_output *out = c->out;
    for (size_t i = 0; i < out->read_count; i++) {
        if (out->reads[i].kind == kind && weir_str_eq_nocase(out->reads[i].name, name)) {
            return 0;
        }
    }
    if (out->read_count == c->read_cap) {
        size_t cap = c->read_cap ? 2 * c->read_cap : 16;
        struct weir_param_read *more = weir_arena_alloc(c->arena, cap * sizeof *more);
        if (!more) {
            return weir_param_no_memory(c);
        }
        if (out->read_count) {
            memcpy(more, out->reads, out->read_count * sizeof *more);
        }
        out->reads = more;
        c->read_cap = cap;
    }
    out->reads[out->read_count++] = (struct weir_param_read){kind, name};
    return 0;
}

/* --- what stands where ------------------------------------------------------------------------ */

struct param_level *weir_param_level(struct param_compiler *c)
{
    return &c->levels[c->level < PARAM_LEVELS ? c->level : PARAM_LEVELS - 1];
}

static void see_word(struct param_compiler *c, struct weir_str word)
{
    bool name = c->after_dot;
    bool distinct = weir_str_eq_nocase(c->word, WEIR_STR("distinct"));
    c->operand = name || !weir_param_opens_value(word);
    c->after_dot = false;
    c->table_next = false;
    c->word = name ? (struct weir_str){"", 0} : word;
    c->mark = 0;
    if (name) {
        return;
    }
    if (weir_str_eq_nocase(word, WEIR_STR("join")) ||
        (weir_str_eq_nocase(word, WEIR_STR("from")) && !distinct &&
         !weir_param_level(c)->no_table)) {
        weir_param_level(c)->from = c->table_next = true;
    } else if (weir_param_ends_from(word)) {
        weir_param_level(c)->from = false;
    }
}

static void see_mark(struct param_compiler *c, char mark)
{
    bool tables = c->table_next;
    c->operand = mark == ')' || mark == ']' || mark == '}' || mark == '?';
    c->after_dot = mark == '.';
    c->table_next = mark == ',' && weir_param_level(c)->from;
    if (mark == '(') {
        struct param_level inner = {.from = tables,
                                    .no_table = weir_param_takes_from(c->word),
                                    .in = weir_str_eq_nocase(c->word, WEIR_STR("in"))};
        c->level++;
        *weir_param_level(c) = inner;
        c->table_next = tables;
    } else if (mark == ')' && c->level) {
        c->level--;
    } else if (mark == ';') {
        weir_param_level(c)->from = false;
    }
    c->word.len = 0;
    c->mark = mark;
}

void weir_param_put_verbatim(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str text = param_text(f, token);
    segment(c, f, param_at(f, token), true);
    switch (f->source->tokens.items[token].kind) {
    case PARAM_BLANK:
        break;
    case PARAM_WORD:
        c->word_at = c->sql.len;
        see_word(c, text);
        break;
    case PARAM_MARK:
        see_mark(c, text.ptr[0]);
        break;
    default:
        weir_param_operand(c);
    }
    weir_buf_adds(&c->sql, text);
}

int weir_param_emit_inner(struct param_compiler *c, const struct param_range *range)
{
    struct param_level outer = *weir_param_level(c);
    unsigned level = c->level++;
    *weir_param_level(c) = (struct param_level){0};
    c->operand = c->after_dot = c->table_next = false;
    c->word.len = 0;
    c->mark = '(';
    int rc = weir_param_emit(c, range->frame, range->first, range->end);
    c->level = level;
    *weir_param_level(c) = outer;
    weir_param_operand(c);
    return rc;
}

/* --- the loop --------------------------------------------------------------------------------- */

/* What stands between the first tag of a block and its last one. */
static struct weir_str block_body(struct weir_str block)
{
    const char *begin = (const char *)memmem(block.ptr, block.len, "%}", 2) + 2;
    const char *end = block.ptr + block.len - 2;
    while (end > begin && !(end[0] == '{' && end[1] == '%')) {
        end--;
    }
    return (struct weir_str){begin, (size_t)(end - begin)};
}

static int form(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str yaml = block_body(param_text(f, token));
    struct weir_yaml *doc = NULL;
    struct weir_error err;
    int rc = weir_yaml_parse(yaml, "form", &doc, &err);
    const struct weir_yaml_node *root = rc ? NULL : weir_yaml_root(doc);
    size_t at = param_at(f, token);
    if (!rc && root->type != WEIR_YAML_MAPPING && root->type != WEIR_YAML_NULL) {
        rc = weir_yaml_fail(&err, doc, root, "a form is a list of `name:` with `type:` below it");
    }
    for (const struct weir_yaml_node *n = rc ? NULL : root->first; n && !rc; n = n->next) {
        struct weir_param_field field;
        rc = weir_param_field_read(c->arena, doc, n, &n->key, &field, &err);
        rc = rc ? rc : weir_param_add_field(c, &field, &err);
        for (int line = 1; rc && line < n->key_line && at < f->source->text.len; at++) {
            line += f->source->text.ptr[at] == '\n';
        }
    }
    weir_yaml_free(doc);
    if (rc) {
        *c->err = err;
        return weir_param_fail_at(c, f, at, rc);
    }
    return 0;
}

static void raw(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str body = block_body(param_text(f, token));
    segment(c, f, (size_t)(body.ptr - f->source->text.ptr), true);
    weir_buf_adds(&c->sql, body);
    weir_param_operand(c);
}

static int bracket(struct param_compiler *c, const struct param_frame *f, size_t *token, size_t end)
{
    size_t close = f->source->tokens.items[*token].match;
    bool handled = false;
    int rc = 0;
    if (close == PARAM_NO_MATCH || close >= end) {
        weir_param_put_verbatim(c, f, *token);
        return 0;
    }
    if (++c->nesting > PARAM_NESTING) {
        handled = false; /* so deep that only a list of lists can be meant */
    } else if (c->table_next) {
        handled = true;
        rc = weir_param_table_bracket(c, f, *token, end);
    } else if (!c->operand) {
        rc = weir_param_bracket(c, f, *token, &handled);
    }
    c->nesting--;
    if (rc == 0 && handled) {
        *token = close;
        weir_param_operand(c);
    } else if (rc == 0) {
        weir_param_put_verbatim(c, f, *token);
    }
    return rc;
}

static int mark(struct param_compiler *c, const struct param_frame *f, size_t *token, size_t end)
{
    if (param_is_mark(f, *token, '[')) {
        return bracket(c, f, token, end);
    }
    bool twice = param_is_mark(f, *token, '{') && *token + 1 < end &&
                 param_is_mark(f, *token + 1, '{') &&
                 param_at(f, *token + 1) == param_at(f, *token) + 1;
    if (twice && !weir_str_eq_nocase(c->word, WEIR_STR("map"))) {
        return weir_param_fail(
            c, f, param_at(f, *token),
            "`{{` must be followed by a parameter's name and `}}`, as in "
            "`{{ sport }}`, `{{ dates.start }}` or `{{ @definition }}`; a filter is "
            "`{{ sport | default: 'rugby' }}`");
    }
    weir_param_put_verbatim(c, f, *token);
    return 0;
}

static int one(struct param_compiler *c, const struct param_frame *f, size_t *token, size_t end)
{
    switch (f->source->tokens.items[*token].kind) {
    case PARAM_EXPR:
        return weir_param_expr(c, f, *token, end);
    case PARAM_TAG:
        return weir_param_tag(c, f, token, end);
    case PARAM_FORM:
        return 0; /* read before */
    case PARAM_COMMENT:
        return 0;
    case PARAM_RAW:
        raw(c, f, *token);
        return 0;
    case PARAM_STRING:
        return weir_param_literal(c, f, *token);
    case PARAM_NAME:
        return weir_param_name_literal(c, f, *token);
    case PARAM_PLACE:
        weir_param_put_verbatim(c, f, *token);
        return weir_param_see_place(c, f, *token);
    case PARAM_MARK:
        return mark(c, f, token, end);
    case PARAM_BROKEN:
        if (weir_str_starts(param_text(f, *token), WEIR_STR("{%"))) {
            return weir_param_fail(
                c, f, param_at(f, *token),
                "this tag is never closed; `{%% if %%}` needs its `{%% endif %%}`, "
                "and every tag its `%%}`");
        }
        weir_param_put_verbatim(c, f, *token);
        return 0;
    default:
        weir_param_put_verbatim(c, f, *token);
        return 0;
    }
}

int weir_param_emit(struct param_compiler *c, const struct param_frame *f, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        int rc = one(c, f, &i, end);
        if (rc) {
            return rc;
        }
        if (!weir_buf_ok(&c->sql)) {
            weir_fail(c->err, WEIR_ETOOBIG, "the compiled statement is over %u bytes",
                      WEIR_PARAM_MAX_OUTPUT);
            return weir_param_fail_at(c, f, param_at(f, i), WEIR_ETOOBIG);
        }
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

int weir_param_read_forms(struct param_compiler *c, const struct param_frame *f)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->source->tokens.count; i++) {
        if (param_is_kind(f, i, PARAM_FORM)) {
            rc = form(c, f, i);
        }
    }
    return rc;
}

static int run(struct param_compiler *c)
{
    struct param_source main = {.text = c->in->text};
    struct param_frame frame = {.source = &main};
    int rc = weir_param_read_values(c);
    for (size_t i = 0; rc == 0 && i < c->in->field_count; i++) {
        rc = weir_param_add_field(c, &c->in->fields[i], c->err);
    }
    rc = rc ? rc : weir_param_tokenize(c->arena, main.text, &main.tokens, c->err);
    rc = rc ? rc : weir_param_read_forms(c, &frame);
    rc = rc ? rc : weir_param_emit(c, &frame, 0, main.tokens.count);
    return rc ? rc : weir_param_check_values(c);
}

int weir_param_compile(struct weir_arena *arena, const struct weir_param_input *input,
                       struct weir_param_output *out, struct weir_error *err)
{
    struct weir_error own;
    struct param_compiler *c = calloc(1, sizeof *c);
    *out = (struct weir_param_output){.error_offset = -1};
    if (!c) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to compile a statement");
    }
    c->arena = arena;
    c->in = input;
    c->out = out;
    c->err = err ? err : &own;
    weir_buf_init(&c->sql, WEIR_PARAM_MAX_OUTPUT);
    weir_map_init(&c->places);
    weir_map_init(&c->values);
    c->fields = weir_arena_alloc(arena, WEIR_PARAM_MAX_FIELDS * sizeof *c->fields);
    c->bound = weir_arena_alloc(arena, WEIR_PARAM_MAX_BOUND * sizeof *c->bound);
    int rc = c->fields && c->bound ? run(c) : weir_param_no_memory(c);
    out->fields = c->fields;
    out->field_count = c->field_count;
    if (rc == 0) {
        out->sql = weir_arena_dup(arena, weir_buf_str(&c->sql));
        out->bound = c->bound;
        out->bound_count = c->bound_count;
        rc = out->sql.ptr ? 0 : weir_param_no_memory(c);
    }
    weir_map_free(&c->places);
    weir_map_free(&c->values);
    weir_buf_free(&c->sql);
    free(c);
    return rc;
}

int64_t weir_param_source_offset(const struct weir_param_output *out, int64_t offset)
{
    size_t low = 0, high = out->segment_count;
    if (offset < 0) {
        return offset;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (out->segments[middle].out <= (uint64_t)offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return -1;
    }
    const struct weir_param_segment *s = &out->segments[low - 1];
    return s->verbatim ? s->source + (offset - s->out) : s->source;
}
