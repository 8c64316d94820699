/* Views, definitions and snippets: found, checked, and compiled where they are named. */
#include "param/compile.h"

const char *weir_param_read_name(enum weir_param_read_kind kind)
{
    static const char *const names[] = {"view", "snippet", "definition", "table"};
    return names[kind];
}

/* --- a snippet's own parameters ------------------------------------------------------------------
 */

#define MAX_ARGS 32

/* `-- name(a, b)` or `-- (a, b)`; anything else is a comment. */
static int read_signature_line(struct param_compiler *c, struct param_source *source,
                               struct weir_str line)
{
    const char *open = memchr(line.ptr, '(', line.len);
    if (!open || line.ptr[line.len - 1] != ')') {
        return 0;
    }
    struct weir_str name =
        weir_str_trim((struct weir_str){line.ptr + 2, (size_t)(open - line.ptr) - 2});
    if (name.len && !weir_str_eq_nocase(name, source->name)) {
        return 0;
    }
    struct weir_str list = {open + 1, (size_t)(line.ptr + line.len - 1 - open) - 1};
    source->args = weir_arena_calloc(c->arena, MAX_ARGS * sizeof *source->args);
    if (!source->args) {
        return weir_param_no_memory(c);
    }
    while (list.ptr && weir_str_trim(list).len) {
        struct weir_str arg = weir_str_trim(weir_str_cut(&list, ','));
        if (weir_param_word_length(arg) != arg.len || arg.len == 0 ||
            source->arg_count == MAX_ARGS) {
            source->arg_count = 0;
            return 0;
        }
        source->args[source->arg_count++] = arg;
    }
    return 0;
}

/* A line of the comment at the top may say them. */
static int read_signature(struct param_compiler *c, struct param_source *source)
{
    struct weir_str rest = source->text;
    int rc = 0;
    while (rc == 0 && rest.ptr && source->arg_count == 0) {
        struct weir_str line = weir_str_trim(weir_str_cut(&rest, '\n'));
        if (line.len && !weir_str_starts(line, WEIR_STR("--"))) {
            break;
        }
        rc = line.len ? read_signature_line(c, source, line) : 0;
    }
    return rc;
}

/* --- finding
 * --------------------------------------------------------------------------------------- */

static int load(struct param_compiler *c, const struct param_frame *f, size_t at,
                struct param_source *source)
{
    struct param_frame inside = {.source = source, .up = f, .at = at};
    int rc = weir_param_tokenize(c->arena, source->text, &source->tokens, c->err);
    if (rc) {
        return weir_param_fail_at(c, &inside, 0, rc);
    }
    if (!source->tokens.balanced) {
        return weir_param_fail(
            c, &inside, 0,
            "its brackets or quotes do not match, so it cannot stand inside another "
            "statement");
    }
    rc = source->kind == WEIR_PARAM_READ_SNIPPET ? read_signature(c, source) : 0;
    return rc ? rc : weir_param_read_forms(c, &inside);
}

int weir_param_find_source(struct param_compiler *c, const struct param_frame *f, size_t at,
                           enum weir_param_read_kind kind, struct weir_str name,
                           const struct param_source **out)
{
    struct weir_param_library library = c->in->library;
    struct weir_str text = {"", 0};
    *out = NULL;
    for (const struct param_source *s = c->sources; s; s = s->next) {
        if (s->kind == kind && weir_str_eq_nocase(s->name, name)) {
            *out = s->missing ? NULL : s;
            return 0;
        }
    }
    struct weir_error err;
    int rc = library.document ? library.document(library.arg, kind, name, c->arena, &text, &err)
                              : WEIR_ENOENT;
    if (rc && rc != WEIR_ENOENT) {
        *c->err = err;
        return weir_param_fail_at(c, f, at, rc);
    }
    if (++c->source_count > PARAM_INCLUDES) {
        return weir_param_fail(c, f, at, "a statement may name %d snippets, views and lists",
                               PARAM_INCLUDES);
    }
    struct param_source *source = weir_arena_calloc(c->arena, sizeof *source);
    struct weir_str copy = weir_arena_dup(c->arena, name);
    if (!source || !copy.ptr) {
        return weir_param_no_memory(c);
    }
    *source = (struct param_source){
        .kind = kind, .name = copy, .text = text, .missing = rc == WEIR_ENOENT, .next = c->sources};
    c->sources = source;
    if (source->missing) {
        return 0;
    }
    rc = load(c, f, at, source);
    *out = source;
    return rc;
}

/* --- compiling -----------------------------------------------------------------------------------
 */

static int enter(struct param_compiler *c, const struct param_frame *f, size_t at,
                 const struct param_source *source, struct param_frame *out)
{
    *out = (struct param_frame){.source = source, .up = f, .at = at, .depth = f->depth + 1};
    for (const struct param_frame *up = f; up; up = up->up) {
        if (up->source == source) {
            return weir_param_fail(c, out, 0,
                                   "it leads back to itself; take it out of its own text");
        }
    }
    if (out->depth > WEIR_PARAM_MAX_DEPTH) {
        return weir_param_fail(c, out, 0, "views, definitions and snippets are nested over %d deep",
                               WEIR_PARAM_MAX_DEPTH);
    }
    if (++c->includes > PARAM_INCLUDES) {
        return weir_param_fail(c, out, 0,
                               "a statement may take in %d views, definitions and snippets",
                               PARAM_INCLUDES);
    }
    return weir_param_add_read(c, source->kind, source->name);
}

/* The tokens of one statement, without what ends it. */
static int body_of(struct param_compiler *c, const struct param_frame *f, struct param_range *out)
{
    size_t count = f->source->tokens.count;
    *out = (struct param_range){f, 0, 0};
    size_t ends = count;
    for (size_t i = 0; i < count; i++) {
        uint8_t kind = f->source->tokens.items[i].kind;
        if (param_is_mark(f, i, ';')) {
            ends = ends == count ? i : ends;
        } else if (kind != PARAM_BLANK && kind != PARAM_FORM && kind != PARAM_COMMENT) {
            if (ends < i) {
                return weir_param_fail(c, f, param_at(f, ends),
                                       "it must be one statement; take out what follows `;`");
            }
            out->end = i + 1;
        }
    }
    if (out->end == 0) {
        return weir_param_fail(c, f, 0, "it is empty; write a statement in it");
    }
    return 0;
}

int weir_param_put_query(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_source *source, struct weir_str alias)
{
    struct param_frame inside;
    struct param_range body;
    int rc = enter(c, f, at, source, &inside);
    rc = rc ? rc : body_of(c, &inside, &body);
    if (rc) {
        return rc;
    }
    weir_param_put(c, f, at, "(");
    rc = weir_param_emit_inner(c, &body);
    weir_param_put(c, f, at, ")");
    if (alias.len) {
        weir_param_put(c, f, at, " AS ");
        weir_param_put_ident(c, f, at, alias);
    }
    return rc;
}

/* --- snippet(a, b)
 * --------------------------------------------------------------------------------- */

static int read_args(struct param_compiler *c, const struct param_frame *f, size_t open,
                     size_t close, struct param_range *args, size_t *count)
{
    size_t first = open + 1;
    *count = 0;
    if (open == close || param_skip(f, first, close) == close) {
        return 0;
    }
    for (size_t i = first; i <= close; i++) {
        uint32_t match = f->source->tokens.items[i].match;
        if (i == close || param_is_mark(f, i, ',')) {
            if (*count == MAX_ARGS) {
                return weir_param_fail(c, f, param_at(f, i), "a snippet may have %d arguments",
                                       MAX_ARGS);
            }
            size_t begin = param_skip(f, first, i), end = i;
            while (end > begin && param_is_kind(f, end - 1, PARAM_BLANK)) {
                end--;
            }
            args[(*count)++] = (struct param_range){f, begin, end};
            first = i + 1;
        } else if (match != PARAM_NO_MATCH && match > i && match < close) {
            i = match;
        }
    }
    return 0;
}

int weir_param_put_snippet(struct param_compiler *c, const struct param_frame *f, size_t at,
                           const struct param_source *source, size_t open, size_t close)
{
    struct param_range args[MAX_ARGS], body;
    struct param_frame inside;
    size_t count;
    int rc = read_args(c, f, open, close, args, &count);
    rc = rc ? rc : enter(c, f, at, source, &inside);
    if (rc) {
        return rc;
    }
    if (count != source->arg_count) {
        return weir_param_fail(
            c, f, at,
            "the snippet \"" WEIR_STR_FMT "\" takes %zu arguments and is given %zu; "
            "the comment at its top says which: `-- " WEIR_STR_FMT "(a, b)`",
            WEIR_STR_ARG(source->name), source->arg_count, count, WEIR_STR_ARG(source->name));
    }
    inside.args = args;
    rc = body_of(c, &inside, &body);
    return rc ? rc
              : weir_param_emit(c, &inside, param_skip(&inside, body.first, body.end), body.end);
}
