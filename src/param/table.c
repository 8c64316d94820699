/* Periscope's brackets where a table must stand: [view], [view as v], [A+B], [A<B]. */
#include "param/compile.h"

/* name, schema.name, each part bare or in double quotes. */
struct table_name {
    size_t first, end;    /* its tokens */
    struct weir_str full; /* without quotes */
    struct weir_str last; /* its last part */
    bool simple;          /* one part */
};

static struct weir_str part_of(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str text = param_text(f, token);
    if (!param_is_kind(f, token, PARAM_NAME)) {
        return text;
    }
    char *copy = weir_arena_alloc(c->arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 1; copy && i + 1 < text.len; i++) {
        copy[n++] = text.ptr[i];
        i += text.ptr[i] == '"';
    }
    return (struct weir_str){copy ? copy : "", n};
}

/* Reads a name at token `i`; moves it behind. False when there is none. */
static bool read_name(struct param_compiler *c, const struct param_frame *f, size_t *i, size_t end,
                      struct table_name *out)
{
    *out = (struct table_name){.first = *i, .full = {"", 0}, .simple = true};
    for (;;) {
        if (*i >= end || (!param_is_kind(f, *i, PARAM_WORD) && !param_is_kind(f, *i, PARAM_NAME))) {
            return false;
        }
        out->last = part_of(c, f, *i);
        char *full =
            weir_arena_printf(c->arena, WEIR_STR_FMT "%s" WEIR_STR_FMT, WEIR_STR_ARG(out->full),
                              out->full.len ? "." : "", WEIR_STR_ARG(out->last));
        out->full = weir_str_of(full ? full : "");
        out->end = ++*i;
        if (*i >= end || !param_is_mark(f, *i, '.')) {
            return out->full.len > 0;
        }
        out->simple = false;
        ++*i;
    }
}

/* --- what is named -------------------------------------------------------------------------------
 */

static int find_table(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct table_name *name, struct weir_param_table *out, bool *found)
{
    struct weir_param_library library = c->in->library;
    struct weir_error err;
    int rc =
        library.table ? library.table(library.arg, name->full, c->arena, out, &err) : WEIR_ENOENT;
    *found = rc == 0;
    if (rc && rc != WEIR_ENOENT) {
        *c->err = err;
        return weir_param_fail_at(c, f, at, rc);
    }
    return *found ? weir_param_add_read(c, WEIR_PARAM_READ_TABLE, name->full) : 0;
}

static int missing(struct param_compiler *c, const struct param_frame *f, size_t at,
                   struct weir_str name)
{
    struct weir_str shown = weir_utf8_cut(name, 60);
    return weir_param_fail(c, f, at,
                           "there is no view, snippet or table \"" WEIR_STR_FMT
                           "\"; a view is the file views/NAME.sql",
                           WEIR_STR_ARG(shown));
}

/* A name without a schema gets the one in which the table was found. */
static void put_table(struct param_compiler *c, const struct param_frame *f, size_t at,
                      const struct table_name *name, const struct weir_param_table *table)
{
    if (name->simple) {
        weir_param_put_ident(c, f, at, table->schema);
        weir_param_put(c, f, at, ".");
        weir_param_put_ident(c, f, at, table->name);
        return;
    }
    for (size_t i = name->first; i < name->end; i++) {
        weir_param_put_verbatim(c, f, i);
    }
}

static int put_named(struct param_compiler *c, const struct param_frame *f, size_t at, size_t close,
                     const struct table_name *name, struct weir_str alias, bool alias_follows)
{
    const struct weir_param_field *field = name->simple ? weir_param_field(c, name->full) : NULL;
    const struct param_source *source = NULL;
    struct weir_param_table table;
    struct param_value v;
    bool found = false;
    int rc = 0;
    if (name->simple && weir_param_argument(f, name->full)) {
        const struct param_range *argument = weir_param_argument(f, name->full);
        rc = weir_param_emit(c, argument->frame, argument->first, argument->end);
    } else if (field && field->as == WEIR_PARAM_AS_TABLE) {
        rc = weir_param_value_of(c, f, at, name->full, &v);
        rc = rc ? rc : weir_param_put_value(c, f, at, close + 1, v.field->name, &v);
    } else {
        if (name->simple) {
            rc = weir_param_find_source(c, f, at, WEIR_PARAM_READ_VIEW, name->full, &source);
        }
        if (rc == 0 && source) {
            bool own = !alias.len && !alias_follows;
            return weir_param_put_query(c, f, at, source, own ? source->name : alias);
        }
        if (rc == 0 && name->simple) {
            rc = weir_param_find_source(c, f, at, WEIR_PARAM_READ_SNIPPET, name->full, &source);
        }
        if (rc == 0 && source) {
            rc = weir_param_put_snippet(c, f, at, source, 0, 0);
        } else if (rc == 0) {
            rc = find_table(c, f, at, name, &table, &found);
            rc = rc || found ? rc : missing(c, f, at, name->full);
            if (rc == 0) {
                put_table(c, f, at, name, &table);
            }
        }
    }
    if (rc == 0 && alias.len) {
        weir_param_put(c, f, at, " AS ");
        weir_param_put_ident(c, f, at, alias);
    }
    return rc;
}

/* --- [A+B], [A<B]
 * ---------------------------------------------------------------------------------- */

static bool has_column(const struct weir_param_table *t, struct weir_str name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (weir_str_eq_nocase(t->columns[i], name)) {
            return true;
        }
    }
    return false;
}

struct join {
    struct weir_str left, right; /* columns */
};

/* A declared foreign key of `a` that leads to `b`. */
static bool by_key(const struct weir_param_table *a, const struct weir_param_table *b,
                   struct join *out)
{
    for (size_t i = 0; i < a->key_count; i++) {
        if (weir_str_eq_nocase(a->keys[i].table, b->name)) {
            *out = (struct join){a->keys[i].column, a->keys[i].to};
            return true;
        }
    }
    return false;
}

/* a.user_id = users.id: the other table's name, or its singular, with _id. */
static bool by_name(struct param_compiler *c, const struct weir_param_table *a,
                    const struct weir_param_table *b, struct join *out)
{
    struct weir_str id = b->primary_key.len ? b->primary_key : WEIR_STR("id");
    struct weir_str stem = b->name;
    if (!has_column(b, id)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        const char *tail = i == 2 ? "y" : "";
        size_t cut = i == 0 ? 0 : i == 1 ? 1 : 3;
        if ((i == 1 && !weir_str_ends(b->name, WEIR_STR("s"))) ||
            (i == 2 && !weir_str_ends(b->name, WEIR_STR("ies")))) {
            continue;
        }
        stem.len = b->name.len - cut;
        char *column = weir_arena_printf(c->arena, WEIR_STR_FMT "%s_id", WEIR_STR_ARG(stem), tail);
        if (column && has_column(a, weir_str_of(column))) {
            *out = (struct join){weir_str_of(column), id};
            return true;
        }
    }
    return false;
}

/* The one column ending in _id that both have. */
static bool by_common(const struct weir_param_table *a, const struct weir_param_table *b,
                      struct join *out)
{
    size_t found = 0;
    for (size_t i = 0; i < a->column_count; i++) {
        if (weir_str_ends(a->columns[i], WEIR_STR("_id")) && has_column(b, a->columns[i])) {
            *out = (struct join){a->columns[i], a->columns[i]};
            found++;
        }
    }
    return found == 1;
}

static bool join_on(struct param_compiler *c, const struct weir_param_table *a,
                    const struct weir_param_table *b, struct join *out)
{
    struct join back;
    if (by_key(a, b, out) || by_name(c, a, b, out)) {
        return true;
    }
    if (by_key(b, a, &back) || by_name(c, b, a, &back)) {
        *out = (struct join){back.right, back.left};
        return true;
    }
    return by_common(a, b, out);
}

static int put_join(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const struct table_name *left, const struct weir_param_table *a,
                    const struct table_name *right, const struct weir_param_table *b, bool outer)
{
    struct join on;
    if (!join_on(c, a, b, &on)) {
        return weir_param_fail(
            c, f, at,
            "it is not clear by which columns \"" WEIR_STR_FMT "\" and \"" WEIR_STR_FMT
            "\" belong together (a foreign key, NAME_id with id, or the one _id that "
            "both have); write the JOIN … ON … out",
            WEIR_STR_ARG(left->full), WEIR_STR_ARG(right->full));
    }
    weir_param_put(c, f, at, outer ? " LEFT JOIN " : " JOIN ");
    put_table(c, f, at, right, b);
    weir_param_put(c, f, at, " ON ");
    weir_param_put_ident(c, f, at, left->last);
    weir_param_put(c, f, at, ".");
    weir_param_put_ident(c, f, at, on.left);
    weir_param_put(c, f, at, " = ");
    weir_param_put_ident(c, f, at, right->last);
    weir_param_put(c, f, at, ".");
    weir_param_put_ident(c, f, at, on.right);
    return 0;
}

/* `i` stands at the first + or <. Each further table joins the one before it. */
static int joins(struct param_compiler *c, const struct param_frame *f, size_t at, size_t i,
                 size_t end, struct table_name left)
{
    struct weir_param_table a, b;
    bool found;
    int rc = find_table(c, f, at, &left, &a, &found);
    rc = rc || found ? rc : missing(c, f, at, left.full);
    if (rc == 0) {
        put_table(c, f, at, &left, &a);
    }
    while (rc == 0 && i < end) {
        struct table_name right;
        bool outer = param_is_mark(f, i, '<');
        if (!outer && !param_is_mark(f, i, '+')) {
            return weir_param_fail(c, f, param_at(f, i),
                                   "tables are joined by + (inner) or < (left)");
        }
        i = param_skip(f, i + 1, end);
        if (!read_name(c, f, &i, end, &right)) {
            return weir_param_fail(c, f, param_at(f, i), "the name of a table must follow + or <");
        }
        rc = find_table(c, f, at, &right, &b, &found);
        rc = rc || found ? rc : missing(c, f, at, right.full);
        rc = rc ? rc : put_join(c, f, at, &left, &a, &right, &b, outer);
        left = right;
        a = b;
        i = param_skip(f, i, end);
    }
    return rc;
}

/* --- the whole
 * --------------------------------------------------------------------------------------- */

bool weir_param_alias_follows(const struct param_frame *f, size_t i, size_t end)
{
    i = param_skip(f, i, end);
    if (i >= end) {
        return false;
    }
    if (param_is_kind(f, i, PARAM_NAME)) {
        return true;
    }
    return param_is_kind(f, i, PARAM_WORD) && !weir_param_follows_table(param_text(f, i));
}

static int refuse(struct param_compiler *c, const struct param_frame *f, size_t at)
{
    return weir_param_fail(c, f, at,
                           "behind FROM or JOIN a bracket is [view], [view as v], [snippet(a, b)], "
                           "[A+B] or [A<B]; a list of values is unnest([1, 2])");
}

int weir_param_table_bracket(struct param_compiler *c, const struct param_frame *f, size_t token,
                             size_t end)
{
    size_t close = f->source->tokens.items[token].match;
    size_t i = param_skip(f, token + 1, close), at = param_at(f, token);
    const struct param_source *snippet = NULL;
    struct weir_str alias = {"", 0};
    struct table_name name;
    int rc = 0;
    if (!read_name(c, f, &i, close, &name)) {
        return refuse(c, f, at);
    }
    i = param_skip(f, i, close);
    size_t open = i;
    if (i < close && param_is_mark(f, i, '(')) {
        rc = name.simple
                 ? weir_param_find_source(c, f, at, WEIR_PARAM_READ_SNIPPET, name.full, &snippet)
                 : 0;
        if (rc || !snippet || f->source->tokens.items[i].match >= close) {
            return rc ? rc : missing(c, f, at, name.full);
        }
        i = param_skip(f, f->source->tokens.items[i].match + 1, close);
    } else if (i < close && (param_is_mark(f, i, '+') || param_is_mark(f, i, '<'))) {
        return joins(c, f, at, i, close, name);
    }
    if (i < close && param_is_kind(f, i, PARAM_WORD) &&
        weir_str_eq_nocase(param_text(f, i), WEIR_STR("as"))) {
        struct table_name as;
        i = param_skip(f, i + 1, close);
        if (!read_name(c, f, &i, close, &as) || !as.simple) {
            return refuse(c, f, at);
        }
        alias = as.full;
        i = param_skip(f, i, close);
    }
    if (i < close) {
        return refuse(c, f, at);
    }
    if (!snippet) {
        return put_named(c, f, at, close, &name, alias,
                         weir_param_alias_follows(f, close + 1, end));
    }
    rc = weir_param_put_snippet(c, f, at, snippet, open, f->source->tokens.items[open].match);
    if (rc == 0 && alias.len) {
        weir_param_put(c, f, at, " AS ");
        weir_param_put_ident(c, f, at, alias);
    }
    return rc;
}
