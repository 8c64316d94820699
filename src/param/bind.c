/* Values and their placeholders. */
#include <stdio.h>

#include "param/compile.h"

static bool same(const struct weir_param_bound *a, const struct weir_param_bound *b)
{
    if (a->type != b->type || a->null != b->null || a->null) {
        return a->type == b->type && a->null == b->null;
    }
    switch (a->type) {
    case WEIR_PARAM_BOUND_BOOL:
        return a->b == b->b;
    case WEIR_PARAM_BOUND_DOUBLE:
        return memcmp(&a->d, &b->d, sizeof a->d) == 0;
    case WEIR_PARAM_BOUND_TEXT:
        return weir_str_eq(a->s, b->s);
    default:
        return a->i == b->i;
    }
}

/* The engine ignores case in placeholders. */
static struct weir_str lower(struct param_compiler *c, const char *text)
{
    char *copy = text ? weir_arena_strdup(c->arena, text) : NULL;
    for (char *p = copy; p && *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    }
    return (struct weir_str){copy, copy ? strlen(copy) : 0};
}

static int add(struct param_compiler *c, struct weir_str name, const struct weir_param_bound *value,
               const struct weir_param_bound **out)
{
    if (c->bound_count == WEIR_PARAM_MAX_BOUND) {
        return weir_fail(c->err, WEIR_ETOOBIG, "a statement may have %d bound values",
                         WEIR_PARAM_MAX_BOUND);
    }
    struct weir_param_bound *bound = &c->bound[c->bound_count++];
    *bound = *value;
    bound->name = name;
    *out = bound;
    return weir_map_put(&c->places, name, bound) ? weir_param_no_memory(c) : 0;
}

int weir_param_bind(struct param_compiler *c, struct weir_str name, const char *suffix,
                    const struct weir_param_bound *value, const struct weir_param_bound **out)
{
    for (unsigned i = 1; i <= WEIR_PARAM_MAX_BOUND; i++) {
        char *text =
            i == 1
                ? weir_arena_printf(c->arena, WEIR_STR_FMT "%s", WEIR_STR_ARG(name), suffix)
                : weir_arena_printf(c->arena, WEIR_STR_FMT "%s__%u", WEIR_STR_ARG(name), suffix, i);
        struct weir_str place = lower(c, text);
        if (!place.ptr) {
            return weir_param_no_memory(c);
        }
        const struct weir_param_bound *known = weir_map_get(&c->places, place);
        if (!known) {
            return add(c, place, value, out);
        }
        if (known != &c->by_hand && same(known, value)) {
            *out = known;
            return 0;
        }
    }
    return weir_param_no_memory(c);
}

int weir_param_bind_text(struct param_compiler *c, struct weir_str name, const char *suffix,
                         struct weir_str text, const struct weir_param_bound **out)
{
    struct weir_param_bound value = {.type = WEIR_PARAM_BOUND_TEXT, .s = text};
    return weir_param_bind(c, name, suffix, &value, out);
}

static bool typed(struct param_compiler *c, const struct param_value *v,
                  const struct weir_param_datum *d, struct weir_param_bound *out)
{
    switch (d->kind) {
    case WEIR_DATUM_NONE:
        *out = (struct weir_param_bound){.type = WEIR_PARAM_BOUND_TEXT, .null = true};
        return true;
    case WEIR_DATUM_BOOL:
        *out = (struct weir_param_bound){.type = WEIR_PARAM_BOUND_BOOL, .b = d->b};
        return true;
    case WEIR_DATUM_INT:
        *out = (struct weir_param_bound){.type = WEIR_PARAM_BOUND_INT, .i = d->i};
        return true;
    case WEIR_DATUM_DOUBLE:
        *out = (struct weir_param_bound){.type = WEIR_PARAM_BOUND_DOUBLE, .d = d->d};
        return true;
    case WEIR_DATUM_TEXT:
        *out = (struct weir_param_bound){.type = WEIR_PARAM_BOUND_TEXT, .s = d->s};
        if (v->field->kind == WEIR_PARAM_DATE) {
            out->type = WEIR_PARAM_BOUND_DATE;
            return weir_param_date_parse(d->s, c->in->now, c->in->utc_offset, &out->i);
        }
        return true;
    default:
        return false;
    }
}

int weir_param_bind_datum(struct param_compiler *c, const struct param_frame *f, size_t at,
                          const struct param_value *v, const struct weir_param_datum *datum,
                          struct weir_str name, const char *suffix,
                          const struct weir_param_bound **out)
{
    struct weir_param_bound value;
    if (!typed(c, v, datum, &value)) {
        return weir_param_fail(
            c, f, at, "parameter \"" WEIR_STR_FMT "\" is a %s and cannot stand for one value",
            WEIR_STR_ARG(v->field->name), datum->kind == WEIR_DATUM_LIST ? "list" : "range");
    }
    int rc = weir_param_bind(c, name, suffix, &value, out);
    return rc ? weir_param_fail_at(c, f, at, rc) : 0;
}

/* --- $name, written by hand ------------------------------------------------------------------- */

int weir_param_see_place(struct param_compiler *c, const struct param_frame *f, size_t token)
{
    struct weir_str text = param_text(f, token);
    struct weir_str name = {text.ptr + 1, text.len - 1};
    struct weir_str place = lower(c, weir_arena_dup(c->arena, name).ptr);
    size_t at = param_at(f, token);
    if (!place.ptr) {
        return weir_param_no_memory(c);
    }
    const struct weir_param_bound *known = weir_map_get(&c->places, place), *made;
    if (weir_param_field(c, name) || weir_param_given(c, name)) {
        struct param_value v;
        int rc = weir_param_value_of(c, f, at, name, &v);
        rc = rc ? rc : weir_param_bind_datum(c, f, at, &v, &v.datum, place, "", &made);
        if (rc || weir_str_eq(made->name, place)) {
            return rc;
        }
    } else if (!known) {
        return weir_map_put(&c->places, place, &c->by_hand) ? weir_param_no_memory(c) : 0;
    } else if (known == &c->by_hand) {
        return 0;
    }
    return weir_param_fail(c, f, at,
                           "$" WEIR_STR_FMT
                           " is the name of another value that parameters make here; "
                           "give yours another name",
                           WEIR_STR_ARG(name));
}

/* --- writing values --------------------------------------------------------------------------- */

int weir_param_put_items(struct param_compiler *c, const struct param_frame *f, size_t at,
                         const struct param_value *v)
{
    char suffix[24];
    for (size_t i = 0; i < v->datum.count; i++) {
        const struct weir_param_bound *bound;
        snprintf(suffix, sizeof suffix, "_%zu", i + 1);
        int rc =
            weir_param_bind_datum(c, f, at, v, &v->datum.items[i], v->field->name, suffix, &bound);
        if (rc) {
            return rc;
        }
        weir_param_put(c, f, at, i ? ", " : "");
        weir_param_put_place(c, f, at, bound);
    }
    return 0;
}

/* After IN: a list of its own, or all or a part of what stands between the parentheses. */
static int put_list(struct param_compiler *c, const struct param_frame *f, size_t at, size_t next,
                    const struct param_value *v)
{
    bool behind_in = weir_str_eq_nocase(c->word, WEIR_STR("in"));
    bool item = !c->operand && weir_param_level(c)->in && (c->mark == '(' || c->mark == ',');
    size_t after = param_skip(f, next, f->source->tokens.count);
    bool closes = after < f->source->tokens.count && param_is_mark(f, after, ')');
    bool alone = c->mark == '(' && closes;
    int rc = 0;
    if (v->datum.count == 0 && item && !alone) {
        return weir_param_fail(
            c, f, at,
            "the list \"" WEIR_STR_FMT "\" is empty and stands beside other values; "
            "give it an IN of its own: `x IN (1, 2) OR x IN {{ " WEIR_STR_FMT " }}`",
            WEIR_STR_ARG(v->field->name), WEIR_STR_ARG(v->field->name));
    }
    if (v->datum.count == 0) {
        weir_param_put(c, f, at,
                       behind_in ? "(SELECT NULL WHERE false)"
                       : item    ? "SELECT NULL WHERE false"
                                 : "CAST([] AS VARCHAR[])");
        return 0;
    }
    weir_param_put(c, f, at, item ? "" : behind_in ? "(" : "[");
    rc = weir_param_put_items(c, f, at, v);
    weir_param_put(c, f, at, item ? "" : behind_in ? ")" : "]");
    return rc;
}

/* A name from the closed list, as the catalog knows it. */
static int put_name(struct param_compiler *c, const struct param_frame *f, size_t at,
                    const struct param_value *v)
{
    const struct weir_param_field *field = v->field;
    struct weir_str text = {"", 0};
    bool listed = false;
    int rc = v->datum.kind == WEIR_DATUM_NONE ? 0 : weir_param_datum_text(c, &v->datum, "", &text);
    for (size_t i = 0; rc == 0 && i < field->option_count; i++) {
        listed = listed || weir_str_eq(field->options[i].value, text);
    }
    if (rc || !listed) {
        struct weir_str shown = weir_utf8_cut(text, 60);
        return rc ? rc
                  : weir_param_fail(c, f, at,
                                    "\"" WEIR_STR_FMT "\" is none of the options of \"" WEIR_STR_FMT
                                    "\"; a %s can only be chosen from its list",
                                    WEIR_STR_ARG(shown), WEIR_STR_ARG(field->name),
                                    field->as == WEIR_PARAM_AS_TABLE ? "table" : "column");
    }
    struct weir_param_table table = {0};
    struct weir_error err;
    if (field->as == WEIR_PARAM_AS_COLUMN) {
        rc = c->in->library.column ? c->in->library.column(c->in->library.arg, text, &err)
                                   : WEIR_ENOENT;
    } else {
        rc = c->in->library.table
                 ? c->in->library.table(c->in->library.arg, text, c->arena, &table, &err)
                 : WEIR_ENOENT;
    }
    if (rc == WEIR_ENOENT) {
        return weir_param_fail(c, f, at,
                               "the warehouse has no %s \"" WEIR_STR_FMT "\", which is chosen "
                               "for \"" WEIR_STR_FMT "\"",
                               field->as == WEIR_PARAM_AS_TABLE ? "table" : "column",
                               WEIR_STR_ARG(text), WEIR_STR_ARG(field->name));
    }
    if (rc) {
        *c->err = err;
        return weir_param_fail_at(c, f, at, rc);
    }
    if (field->as == WEIR_PARAM_AS_COLUMN) {
        weir_param_put_ident(c, f, at, text);
        return 0;
    }
    weir_param_put_ident(c, f, at, table.schema);
    weir_param_put(c, f, at, ".");
    weir_param_put_ident(c, f, at, table.name);
    struct weir_str full =
        weir_str_of(weir_arena_printf(c->arena, WEIR_STR_FMT "." WEIR_STR_FMT,
                                      WEIR_STR_ARG(table.schema), WEIR_STR_ARG(table.name)));
    return full.ptr ? weir_param_add_read(c, WEIR_PARAM_READ_TABLE, full) : weir_param_no_memory(c);
}

int weir_param_put_value(struct param_compiler *c, const struct param_frame *f, size_t at,
                         size_t next, struct weir_str name, const struct param_value *v)
{
    const struct weir_param_bound *bound;
    struct weir_str field = v->field->name;
    if (v->field->as) {
        return put_name(c, f, at, v);
    }
    if (c->table_next || (weir_str_eq_nocase(c->word, WEIR_STR("by")) && !c->operand)) {
        return weir_param_fail(c, f, at,
                               "\"" WEIR_STR_FMT "\" is a value and cannot be a %s; to choose one, "
                               "declare it with type: select, options and as: %s",
                               WEIR_STR_ARG(field), c->table_next ? "table" : "column",
                               c->table_next ? "table" : "column");
    }
    if (v->datum.kind == WEIR_DATUM_LIST) {
        return put_list(c, f, at, next, v);
    }
    if (weir_param_is_range(v)) {
        bool numbers = v->field->kind == WEIR_PARAM_NUMBER_RANGE;
        return weir_param_fail(c, f, at,
                               "\"" WEIR_STR_FMT "\" is a range of %s; write {{ " WEIR_STR_FMT
                               ".%s }} and {{ " WEIR_STR_FMT ".%s }}, or [column=" WEIR_STR_FMT "]",
                               WEIR_STR_ARG(field), numbers ? "numbers" : "dates",
                               WEIR_STR_ARG(field), numbers ? "from" : "start", WEIR_STR_ARG(field),
                               numbers ? "to" : "end", WEIR_STR_ARG(field));
    }
    bool behind_in = weir_str_eq_nocase(c->word, WEIR_STR("in"));
    bool interval = weir_str_eq_nocase(c->word, WEIR_STR("interval"));
    int rc = weir_param_bind_datum(c, f, at, v, &v->datum, name, "", &bound);
    if (rc == 0) {
        weir_param_put(c, f, at, behind_in || interval ? "(" : "");
        weir_param_put_place(c, f, at, bound);
        weir_param_put(c, f, at, behind_in || interval ? ")" : "");
    }
    return rc;
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

const char *weir_param_type_name(enum weir_param_type type)
{
    static const char *const names[] = {"bool", "int", "double", "timestamp", "date", "text"};
    return names[type];
}

void weir_param_bound_print(struct weir_jw *w, const struct weir_param_bound *bound)
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_jw_object(w);
    weir_jw_kstr(w, "name", bound->name);
    weir_jw_kstrz(w, "type", weir_param_type_name(bound->type));
    weir_jw_keyz(w, "value");
    if (bound->null) {
        weir_jw_null(w);
    } else if (bound->type == WEIR_PARAM_BOUND_BOOL) {
        weir_jw_bool(w, bound->b);
    } else if (bound->type == WEIR_PARAM_BOUND_INT) {
        weir_jw_i64(w, bound->i);
    } else if (bound->type == WEIR_PARAM_BOUND_DOUBLE) {
        weir_jw_double(w, bound->d);
    } else if (bound->type == WEIR_PARAM_BOUND_TEXT) {
        weir_jw_str(w, bound->s);
    } else {
        bool date = bound->type == WEIR_PARAM_BOUND_DATE;
        weir_time_print(&text, date ? bound->i * WEIR_DAY : bound->i, 0);
        text.len = date && text.len > 10 ? 10 : text.len;
        weir_jw_str(w, weir_buf_str(&text));
    }
    weir_jw_object_end(w);
    weir_buf_free(&text);
}
