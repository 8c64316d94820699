/* GET /api/tables/{schema.table}: what is in a table, as the asker sees it.
 *
 * Everything is asked in SQL through the asker's rules, so nothing is told that she could not find
 * out by a query of her own: hidden columns are absent, masked ones are NULL, rows are hers. */
#include <stdlib.h>

#include "serve/gather.h"

#define TIME      (20 * WEIR_SECOND)
#define MAX_WHOLE 200000 /* rows; of larger tables a sample of about so many is looked at */
#define BATCH     40     /* columns of one statement */
#define TOP       10
#define SAMPLE    20
#define MAX_SHOWN 200 /* characters of a value */
#define MAX_SQL   (4u << 20)
#define NOT_THERE "table \"" WEIR_STR_FMT "\" does not exist, or you may not see it"

struct look {
    struct weir_gather *g;
    const struct weir_table *table;
    bool *as_text; /* by column: only its text can be compared */
    int64_t rows;
    bool sampled;
    int64_t looked_at; /* rows */
    struct found *found;
    struct weir_buf sql;
};

struct found { /* of one column */
    int64_t nulls, distinct;
    struct weir_str min, max; /* ptr NULL: none */
    struct weir_str top;      /* JSON, with commas between; ptr NULL: not known */
};

/* --- which table ---------------------------------------------------------------------------- */

/* Is `asked` schema.table, or "schema"."table" with quotes, for names with dots? */
static bool is_named(const struct weir_table *t, struct weir_str asked, bool quoted)
{
    struct weir_buf name;
    weir_buf_init(&name, 1 << 16);
    if (quoted) {
        weir_sql_table(&name, t->schema, t->name);
    } else {
        weir_buf_adds(&name, t->schema);
        weir_buf_addc(&name, '.');
        weir_buf_adds(&name, t->name);
    }
    bool same = weir_buf_ok(&name) && weir_str_eq_nocase(weir_buf_str(&name), asked);
    weir_buf_free(&name);
    return same;
}

static int find(const struct weir_table *tables, size_t count, struct weir_str asked,
                const struct weir_table **out, struct weir_error *err)
{
    *out = NULL;
    for (int quoted = 1; quoted >= 0 && !*out; quoted--) {
        for (size_t i = 0; i < count; i++) {
            if (!is_named(&tables[i], asked, quoted)) {
                continue;
            }
            if (*out) {
                return weir_fail(err, WEIR_EINVAL,
                                 "\"" WEIR_STR_FMT
                                 "\" is the name of several tables; write \"schema\".\"table\", "
                                 "with the quotes",
                                 WEIR_STR_ARG(weir_utf8_cut(asked, 200)));
            }
            *out = &tables[i];
        }
    }
    return *out ? 0
                : weir_fail(err, WEIR_ENOENT, NOT_THERE, WEIR_STR_ARG(weir_utf8_cut(asked, 200)));
}

static int find_table(struct look *l, struct weir_error *err)
{
    struct weir_gather *g = l->g;
    struct weir_session *session;
    struct weir_table *tables;
    size_t count;
    int rc = weir_session_new(g->call.server->warehouse, WEIR_SESSION_READER, &session, err);
    if (rc) {
        return rc;
    }
    rc = weir_session_set_access(session, g->access, err);
    rc = rc ? rc : weir_session_describe(session, &g->arena, &tables, &count, err);
    rc = rc ? rc : find(tables, count, *(struct weir_str *)g->arg, &l->table, err);
    weir_session_free(session);
    return rc;
}

/* --- writing SQL ------------------------------------------------------------------------------ */

static void add_column(struct look *l, size_t i)
{
    weir_buf_addz(&l->sql, l->as_text[i] ? "CAST(t." : "t.");
    weir_sql_ident(&l->sql, l->table->columns[i].name);
    weir_buf_addz(&l->sql, l->as_text[i] ? " AS VARCHAR)" : "");
}

static void add_from(struct look *l, bool sample)
{
    weir_buf_addz(&l->sql, " FROM ");
    weir_sql_table(&l->sql, l->table->schema, l->table->name);
    weir_buf_addz(&l->sql, " AS t");
    if (sample && l->sampled) {
        weir_buf_addf(&l->sql, " TABLESAMPLE system(%.6f PERCENT) REPEATABLE (1)",
                      100.0 * MAX_WHOLE / (double)l->rows);
    }
}

static int ask(struct look *l, struct weir_json *rows, struct weir_error *err)
{
    int rc = weir_buf_check(&l->sql, "a statement about the table", err);
    rc = rc ? rc : weir_gather_rows(l->g, weir_buf_cstr(&l->sql), NULL, 0, rows, err);
    weir_buf_reset(&l->sql);
    return rc;
}

/* The values of the only row. */
static int ask_one(struct look *l, struct weir_json_iter *out, struct weir_error *err)
{
    struct weir_json rows, row = {0};
    int rc = ask(l, &rows, err);
    struct weir_json_iter it = weir_json_begin(rc ? (struct weir_json){0} : rows);
    if (rc == 0 && !weir_json_next(&it, NULL, &row)) {
        rc = weir_fail(err, WEIR_EIO, "the engine gave no row");
    }
    *out = weir_json_begin(row);
    return rc;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int64_t next_count(struct weir_json_iter *it)
{
    struct weir_json value;
    int64_t n = 0;
    if (weir_json_next(it, NULL, &value)) {
        (void)weir_json_i64(value, &n);
    }
    return n;
}

static struct weir_str next_text(struct weir_json_iter *it, struct weir_arena *arena)
{
    struct weir_json value;
    struct weir_str text = {0};
    if (weir_json_next(it, NULL, &value) && weir_json_str(value, &text)) {
        text = weir_arena_dup(arena, text);
    }
    return text;
}

static int count_rows(struct look *l, struct weir_error *err)
{
    struct weir_json_iter it;
    weir_buf_addz(&l->sql, "SELECT count(*)");
    add_from(l, false);
    int rc = ask_one(l, &it, err);
    l->rows = rc ? 0 : next_count(&it);
    l->sampled = l->rows > MAX_WHOLE;
    l->looked_at = l->rows;
    return rc;
}

static int measure(struct look *l, size_t from, size_t to, struct weir_error *err)
{
    struct weir_json_iter it;
    weir_buf_addz(&l->sql, "SELECT count(*)");
    for (size_t i = from; i < to; i++) {
        static const char *const shapes[] = {", count(", ", approx_count_distinct(",
                                             ", left(CAST(min(", ", left(CAST(max("};
        for (size_t k = 0; k < 4; k++) {
            weir_buf_addz(&l->sql, shapes[k]);
            add_column(l, i);
            weir_buf_addz(&l->sql, ")");
            if (k >= 2) {
                weir_buf_addf(&l->sql, " AS VARCHAR), %d)", MAX_SHOWN);
            }
        }
    }
    add_from(l, true);
    int rc = ask_one(l, &it, err);
    if (rc) {
        return rc;
    }
    l->looked_at = next_count(&it);
    for (size_t i = from; i < to; i++) {
        struct found *f = &l->found[i];
        f->nulls = l->looked_at - next_count(&it);
        f->distinct = next_count(&it);
        f->min = next_text(&it, &l->g->arena);
        f->max = next_text(&it, &l->g->arena);
    }
    return 0;
}

static void add_top(struct look *l, size_t i)
{
    weir_buf_addf(&l->sql, "(SELECT %zu, left(CAST(", i);
    add_column(l, i);
    weir_buf_addf(&l->sql, " AS VARCHAR), %d), count(*)", MAX_SHOWN);
    add_from(l, true);
    weir_buf_addz(&l->sql, " WHERE ");
    add_column(l, i);
    weir_buf_addf(&l->sql, " IS NOT NULL GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %d)", TOP);
}

static void take_top(struct look *l, size_t i, struct weir_buf *list)
{
    l->found[i].top = weir_arena_dup(&l->g->arena, weir_buf_str(list));
    weir_buf_reset(list);
}

static int rank(struct look *l, size_t from, size_t to, struct weir_error *err)
{
    struct weir_json rows, row;
    struct weir_buf list;
    weir_buf_init(&list, 1u << 20);
    weir_buf_addz(&l->sql, "SELECT * FROM (");
    for (size_t i = from; i < to; i++) {
        weir_buf_addz(&l->sql, i > from ? " UNION ALL " : "");
        add_top(l, i);
    }
    /* Around it, because one alone in parentheses may not be ordered twice. */
    weir_buf_addz(&l->sql, ") AS tops ORDER BY 1, 3 DESC, 2");
    int rc = ask(l, &rows, err);
    struct weir_json_iter it = weir_json_begin(rc ? (struct weir_json){0} : rows);
    size_t at = from;
    while (rc == 0 && weir_json_next(&it, NULL, &row)) {
        struct weir_json_iter cells = weir_json_begin(row);
        struct weir_jw w = weir_jw_on(&list);
        struct weir_json value;
        struct weir_str text = WEIR_STR("");
        int64_t column = next_count(&cells);
        while (at < (size_t)column && at + 1 < to) {
            take_top(l, at++, &list);
        }
        if (weir_json_next(&cells, NULL, &value)) {
            (void)weir_json_str(value, &text);
        }
        weir_buf_addz(&list, list.len ? "," : "");
        weir_jw_object(&w);
        weir_jw_kstr(&w, "value", text);
        weir_jw_ki64(&w, "count", next_count(&cells));
        weir_jw_object_end(&w);
    }
    while (rc == 0 && at < to) {
        take_top(l, at++, &list);
    }
    weir_buf_free(&list);
    return rc;
}

static int look_at_columns(struct look *l, struct weir_error *err)
{
    int rc = 0;
    size_t count = l->table->column_count;
    for (size_t i = 0; rc == 0 && i < count; i += BATCH) {
        rc = measure(l, i, i + BATCH < count ? i + BATCH : count, err);
    }
    for (size_t i = 0; rc == 0 && i < count; i += BATCH) {
        rc = rank(l, i, i + BATCH < count ? i + BATCH : count, err);
    }
    return rc;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Here an empty text is a value. */
static void text_or_null(struct weir_jw *w, const char *key, struct weir_str text)
{
    weir_jw_keyz(w, key);
    if (text.ptr) {
        weir_jw_str(w, text);
    } else {
        weir_jw_null(w);
    }
}

static void print_columns(struct look *l)
{
    struct weir_jw *w = &l->g->w;
    weir_jw_keyz(w, "columns");
    weir_jw_array(w);
    for (size_t i = 0; i < l->table->column_count; i++) {
        const struct found *f = &l->found[i];
        weir_jw_object(w);
        weir_jw_kstr(w, "name", l->table->columns[i].name);
        weir_jw_kstrz(w, "type", weir_type_name(l->table->columns[i].type));
        weir_jw_ki64(w, "nulls", f->nulls);
        weir_jw_ki64(w, "distinct", f->distinct);
        text_or_null(w, "min", f->min);
        text_or_null(w, "max", f->max);
        weir_jw_keyz(w, "top");
        weir_jw_array(w);
        if (f->top.len) {
            weir_jw_raw(w, f->top);
        }
        weir_jw_array_end(w);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
}

static int print_sample(struct look *l, struct weir_error *err)
{
    struct weir_jw *w = &l->g->w;
    struct weir_json rows;
    weir_buf_addz(&l->sql, "SELECT ");
    for (size_t i = 0; i < l->table->column_count; i++) {
        weir_buf_addz(&l->sql, i ? ", left(CAST(" : "left(CAST(");
        add_column(l, i);
        weir_buf_addf(&l->sql, " AS VARCHAR), %d)", MAX_SHOWN);
    }
    add_from(l, false);
    weir_buf_addf(&l->sql, " LIMIT %d", SAMPLE);
    int rc = ask(l, &rows, err);
    weir_jw_keyz(w, "sample");
    weir_jw_object(w);
    weir_jw_keyz(w, "columns");
    weir_jw_array(w);
    for (size_t i = 0; i < l->table->column_count; i++) {
        weir_jw_object(w);
        weir_jw_kstr(w, "name", l->table->columns[i].name);
        weir_jw_kstrz(w, "type", weir_type_name(l->table->columns[i].type));
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_keyz(w, "rows");
    struct weir_buf text;
    weir_buf_init(&text, 32u << 20);
    if (rc == 0) {
        weir_json_print(rows, &text);
        rc = weir_buf_check(&text, "the sample", err);
    }
    weir_jw_raw(w, rc ? WEIR_STR("[]") : weir_buf_str(&text));
    weir_buf_free(&text);
    weir_jw_object_end(w);
    return rc;
}

static int print(struct look *l, struct weir_error *err)
{
    struct weir_jw *w = &l->g->w;
    weir_jw_object(w);
    weir_jw_kstr(w, "schema", l->table->schema);
    weir_jw_kstr(w, "name", l->table->name);
    weir_jw_kbool(w, "view", l->table->view);
    weir_jw_ki64(w, "rows", l->rows);
    weir_jw_keyz(w, "sampled");
    if (l->sampled) {
        weir_jw_i64(w, l->looked_at);
    } else {
        weir_jw_null(w);
    }
    weir_time fresh_at =
        weir_warehouse_version_of(l->g->call.server->warehouse, l->table->schema, l->table->name)
            .changed_at;
    bool told =
        !l->g->access || weir_access_all_rows(l->g->access, l->table->schema, l->table->name);
    weir_jw_ktime_or_null(w, "fresh_at", told ? fresh_at : 0);
    print_columns(l);
    int rc = print_sample(l, err);
    weir_jw_object_end(w);
    return rc;
}

static int work(struct weir_gather *g, struct weir_error *err)
{
    struct look l = {.g = g};
    weir_buf_init(&l.sql, MAX_SQL);
    int rc = find_table(&l, err);
    size_t columns = rc ? 0 : l.table->column_count;
    l.found = weir_arena_calloc(&g->arena, (columns + 1) * sizeof *l.found);
    l.as_text = weir_arena_calloc(&g->arena, columns + 1);
    if (rc == 0 && (!l.found || !l.as_text)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a table's columns");
    }
    for (size_t i = 0; rc == 0 && i < columns; i++) { /* structs, lists and maps have no order */
        struct weir_str type = l.table->columns[i].type_name;
        l.as_text[i] =
            l.table->columns[i].type == WEIR_TYPE_JSON || memchr(type.ptr, '[', type.len) ||
            (l.table->columns[i].type == WEIR_TYPE_OTHER && memchr(type.ptr, ' ', type.len));
    }
    rc = rc ? rc : count_rows(&l, err);
    rc = rc ? rc : look_at_columns(&l, err);
    rc = rc ? rc : print(&l, err);
    if (rc == WEIR_ETIMEDOUT) {
        rc = weir_fail(err, rc,
                       "looking at this table took longer than %d s; ask for what you need with a "
                       "query (SUMMARIZE shows a table's columns)",
                       (int)(TIME / WEIR_SECOND));
    }
    weir_buf_free(&l.sql);
    return rc;
}

void weir_serve_table(const struct weir_call *call)
{
    static const struct weir_gather_how how = {.work = work, .time = TIME};
    struct weir_arena arena;
    struct weir_access *access;
    struct weir_error err;
    weir_arena_init(&arena, 256u << 20);
    struct weir_str *asked = weir_arena_calloc(&arena, sizeof *asked);
    int rc = asked ? weir_caller_access(call->server->state, &call->who, &arena, &access, &err)
                   : weir_fail(&err, WEIR_ENOMEM, "no memory for a request");
    if (rc == 0) {
        *asked = weir_arena_dup(&arena, call->id);
        rc = asked->ptr ? 0 : weir_fail(&err, WEIR_ENOMEM, "no memory for a request");
    }
    if (rc) {
        weir_arena_free(&arena);
        weir_serve_reply_error(call, &err);
        return;
    }
    weir_gather_start(call, &how, &arena, access, asked);
}
