#include "serve/template.h"

#include <ctype.h>
#include <stdlib.h>

#include "io/file.h"

#define MAX_COMPILE (128u << 20)

struct lookup {
    const struct weir_template_site *site;
    struct weir_table *tables; /* NULL: not asked for yet */
    size_t count;
    struct weir_arena arena;
};

/* --- documents -------------------------------------------------------------------------------- */

static int document(void *arg, enum weir_param_read_kind kind, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *text, struct weir_error *err)
{
    const struct lookup *l = arg;
    struct weir_buf bytes;
    /* The compiler's names are letters, digits and _ (and what is beyond ASCII): no path. */
    char *path = weir_arena_printf(arena, "%s/%ss/" WEIR_STR_FMT ".sql", l->site->workspace->dir,
                                   weir_param_read_name(kind), WEIR_STR_ARG(name));
    if (!path || memchr(name.ptr, '/', name.len) || memchr(name.ptr, 0, name.len)) {
        return path ? WEIR_ENOENT : weir_fail(err, WEIR_ENOMEM, "no memory for a path");
    }
    weir_buf_init(&bytes, WEIR_PARAM_MAX_TEXT);
    int rc = weir_file_read(path, &bytes, err);
    if (rc == 0 && !weir_utf8_valid(weir_buf_str(&bytes))) {
        rc = weir_fail(err, WEIR_EINVAL, "%ss/" WEIR_STR_FMT ".sql is not valid UTF-8",
                       weir_param_read_name(kind), WEIR_STR_ARG(name));
    }
    if (rc == 0) {
        *text = weir_arena_dup(arena, weir_buf_str(&bytes));
        rc = text->ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %s", path);
    }
    weir_buf_free(&bytes);
    return rc;
}

/* --- the catalog ------------------------------------------------------------------------------ */

static int describe(struct lookup *l, struct weir_error *err)
{
    struct weir_session *session;
    if (l->tables) {
        return 0;
    }
    if (!l->site->ask) {
        return weir_fail(err, WEIR_EAGAIN, "the catalog must be asked");
    }
    int rc = weir_session_new(l->site->warehouse, WEIR_SESSION_READER, &session, err);
    if (rc == 0) { /* what a person may not see is not there for her */
        rc = weir_session_set_access(session, l->site->access, err);
        rc = rc ? rc : weir_session_describe(session, &l->arena, &l->tables, &l->count, err);
        weir_session_free(session);
    }
    return rc;
}

static bool named(const struct weir_table *t, struct weir_str name)
{
    size_t n = t->schema.len;
    return weir_str_eq_nocase(t->name, name) ||
           (name.len == n + 1 + t->name.len && name.ptr[n] == '.' &&
            weir_str_eq_nocase((struct weir_str){name.ptr, n}, t->schema) &&
            weir_str_eq_nocase((struct weir_str){name.ptr + n + 1, name.len - n - 1}, t->name));
}

static int table(void *arg, struct weir_str name, struct weir_arena *arena,
                 struct weir_param_table *out, struct weir_error *err)
{
    struct lookup *l = arg;
    const struct weir_table *found = NULL;
    int rc = describe(l, err);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        if (named(&l->tables[i], name)) {
            if (found) {
                return weir_fail(err, WEIR_EINVAL,
                                 "\"" WEIR_STR_FMT "\" is the name of several tables; write its "
                                 "schema before it: " WEIR_STR_FMT "." WEIR_STR_FMT,
                                 WEIR_STR_ARG(name), WEIR_STR_ARG(found->schema),
                                 WEIR_STR_ARG(found->name));
            }
            found = &l->tables[i];
        }
    }
    if (rc || !found) {
        return rc ? rc : WEIR_ENOENT;
    }
    struct weir_str *columns = weir_arena_alloc(arena, (found->column_count + 1) * sizeof *columns);
    *out = (struct weir_param_table){.schema = weir_arena_dup(arena, found->schema),
                                     .name = weir_arena_dup(arena, found->name),
                                     .columns = columns,
                                     .primary_key = {"", 0}};
    for (size_t i = 0; columns && i < found->column_count; i++) {
        struct weir_str *to = &columns[out->column_count++];
        *to = weir_arena_dup(arena, found->columns[i].name);
        columns = to->ptr ? columns : NULL;
    }
    return columns && out->schema.ptr && out->name.ptr
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
}

static int column(void *arg, struct weir_str name, struct weir_error *err)
{
    struct lookup *l = arg;
    int rc = describe(l, err);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        for (size_t j = 0; j < l->tables[i].column_count; j++) {
            if (weir_str_eq_nocase(l->tables[i].columns[j].name, name)) {
                return 0;
            }
        }
    }
    return rc ? rc : WEIR_ENOENT;
}

/* --- time zones ------------------------------------------------------------------------------- */

int weir_template_offset(struct weir_warehouse *warehouse, const char *zone, weir_time now,
                         int64_t *offset, struct weir_error *err)
{
    int rc = weir_warehouse_offset(warehouse, zone, now, offset, err);
    return rc == WEIR_EINVAL ? weir_error_prefix(err, rc, "setting query.time_zone is \"%s\"", zone)
                             : rc;
}

/* --- compiling -------------------------------------------------------------------------------- */

static struct weir_param engine_value(const struct weir_param_bound *b)
{
    static const enum weir_type types[] = {
        [WEIR_PARAM_BOUND_BOOL] = WEIR_TYPE_BOOL,
        [WEIR_PARAM_BOUND_INT] = WEIR_TYPE_INT,
        [WEIR_PARAM_BOUND_DOUBLE] = WEIR_TYPE_DOUBLE,
        [WEIR_PARAM_BOUND_TIMESTAMP] = WEIR_TYPE_TIMESTAMP,
        [WEIR_PARAM_BOUND_DATE] = WEIR_TYPE_DATE,
        [WEIR_PARAM_BOUND_TEXT] = WEIR_TYPE_TEXT,
    };
    struct weir_param p = {.name = b->name, .type = types[b->type], .null = b->null};
    switch (b->type) {
    case WEIR_PARAM_BOUND_BOOL:
        p.b = b->b;
        break;
    case WEIR_PARAM_BOUND_DOUBLE:
        p.d = b->d;
        break;
    case WEIR_PARAM_BOUND_TEXT:
        p.s = b->s;
        break;
    default:
        p.i = b->i;
    }
    return p;
}

static int collect(struct weir_template *t, const struct weir_param *raw, size_t raw_count,
                   struct weir_error *err)
{
    size_t n = t->out.bound_count;
    t->params = weir_arena_alloc(&t->arena, (n + raw_count + 1) * sizeof *t->params);
    if (!t->params) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the values");
    }
    for (size_t i = 0; i < n; i++) {
        t->params[i] = engine_value(&t->out.bound[i]);
    }
    for (size_t i = 0; i < raw_count; i++) {
        if (n && raw[i].name.len == 0) {
            return weir_fail(err, WEIR_EINVAL,
                             "values by position (? and $1) cannot stand beside parameters; give "
                             "them names");
        }
        for (size_t j = 0; j < n; j++) {
            if (weir_str_eq_nocase(raw[i].name, t->out.bound[j].name)) {
                return weir_fail(err, WEIR_EINVAL,
                                 "$" WEIR_STR_FMT " has a value among `params` and one among "
                                 "`values`; leave one out",
                                 WEIR_STR_ARG(raw[i].name));
            }
        }
        t->params[n + i] = raw[i];
    }
    t->param_count = n + raw_count;
    return 0;
}

int weir_template_compile(const struct weir_template_site *site, struct weir_str sql,
                          struct weir_json values, const struct weir_param *raw, size_t raw_count,
                          struct weir_template *out, struct weir_error *err)
{
    struct lookup l = {.site = site};
    struct weir_param_input in = {.text = sql,
                                  .values = values,
                                  .now = site->now ? site->now : weir_now(),
                                  .zone = weir_zone_is_utc(site->zone) ? NULL : site->zone,
                                  .utc_offset = site->utc_offset,
                                  .fiscal_year_start = site->fiscal_year_start,
                                  .library = {document, table, column, &l}};
    *out = (struct weir_template){.out = {.error_offset = -1}};
    weir_arena_init(&out->arena, MAX_COMPILE);
    weir_arena_init(&l.arena, 256u << 20);
    int rc = weir_param_compile(&out->arena, &in, &out->out, err);
    rc = rc ? rc : collect(out, raw, raw_count, err);
    weir_arena_free(&l.arena);
    return rc;
}

void weir_template_free(struct weir_template *t)
{
    weir_arena_free(&t->arena);
    *t = (struct weir_template){0};
}

int weir_template_rule(const struct weir_template_site *site, struct weir_template *t,
                       struct weir_compiled *out, struct weir_error *err)
{
    struct weir_session *session;
    int rc = weir_session_new(site->warehouse, WEIR_SESSION_READER, &session, err);
    if (rc) {
        return rc;
    }
    rc = weir_session_set_access(session, site->access, err);
    rc = rc ? rc
            : weir_session_compile(session, t->out.sql.ptr, t->params, t->param_count, &t->arena,
                                   out, err);
    weir_session_free(session);
    return rc;
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

void weir_template_position(struct weir_jw *w, const char *text, int64_t offset)
{
    int64_t line = 1, column = 1;
    for (int64_t i = 0; i < offset && text[i]; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else {
            column += (c & 0xc0) != 0x80; /* characters, not bytes */
        }
    }
    weir_jw_object(w);
    weir_jw_ki64(w, "offset", offset);
    weir_jw_ki64(w, "line", line);
    weir_jw_ki64(w, "column", column);
    weir_jw_object_end(w);
}

static void print_failure(struct weir_jw *w, const struct weir_template *t, const char *text,
                          const struct weir_error *failure)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "message", failure->message);
    weir_jw_keyz(w, "position");
    if (t->out.error_offset >= 0) {
        weir_template_position(w, text, t->out.error_offset);
    } else {
        weir_jw_null(w);
    }
    weir_jw_object_end(w);
}

static void print_param(struct weir_jw *w, const struct weir_param *p)
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_jw_object(w);
    weir_jw_kstr(w, "name", p->name);
    weir_jw_kstrz(w, "type", weir_type_name(p->type));
    weir_jw_keyz(w, "value");
    if (p->null) {
        weir_jw_null(w);
    } else if (p->type == WEIR_TYPE_BOOL) {
        weir_jw_bool(w, p->b);
    } else if (p->type == WEIR_TYPE_INT) {
        weir_jw_i64(w, p->i);
    } else if (p->type == WEIR_TYPE_DOUBLE) {
        weir_jw_double(w, p->d);
    } else if (p->type == WEIR_TYPE_TIMESTAMP || p->type == WEIR_TYPE_DATE) {
        bool date = p->type == WEIR_TYPE_DATE;
        weir_time_print(&text, date ? p->i * WEIR_DAY : p->i, 0);
        text.len = date && text.len > 10 ? 10 : text.len;
        weir_jw_str(w, weir_buf_str(&text));
    } else {
        weir_jw_str(w, p->s);
    }
    weir_jw_object_end(w);
    weir_buf_free(&text);
}

static void print_ruled(struct weir_jw *w, const struct weir_compiled *ruled)
{
    weir_jw_keyz(w, "ruled");
    if (!ruled->sql.ptr) {
        weir_jw_null(w);
        return;
    }
    weir_jw_object(w);
    weir_jw_kstr(w, "sql", ruled->sql);
    weir_jw_keyz(w, "params");
    weir_jw_array(w);
    for (size_t i = 0; i < ruled->param_count; i++) {
        print_param(w, &ruled->params[i]);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

void weir_template_print(struct weir_jw *w, const struct weir_template *t, const char *text,
                         const struct weir_error *failure, const struct weir_compiled *ruled)
{
    weir_jw_object(w);
    weir_jw_keyz(w, "sql");
    if (failure) {
        weir_jw_null(w);
    } else {
        weir_jw_str(w, t->out.sql);
    }
    weir_jw_keyz(w, "params");
    weir_jw_array(w);
    for (size_t i = 0; !failure && i < t->out.bound_count; i++) {
        weir_param_bound_print(w, &t->out.bound[i]);
    }
    weir_jw_array_end(w);
    weir_jw_keyz(w, "fields");
    weir_jw_array(w);
    for (size_t i = 0; i < t->out.field_count; i++) {
        weir_param_field_print(w, &t->out.fields[i]);
    }
    weir_jw_array_end(w);
    weir_jw_keyz(w, "reads");
    weir_jw_array(w);
    for (size_t i = 0; i < t->out.read_count; i++) {
        weir_jw_object(w);
        weir_jw_kstrz(w, "kind", weir_param_read_name(t->out.reads[i].kind));
        weir_jw_kstr(w, "name", t->out.reads[i].name);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_keyz(w, "errors");
    weir_jw_array(w);
    if (failure) {
        print_failure(w, t, text, failure);
    }
    weir_jw_array_end(w);
    if (ruled) {
        print_ruled(w, ruled);
    }
    weir_jw_object_end(w);
}
