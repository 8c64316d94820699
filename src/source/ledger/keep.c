#include "source/ledger/keep.h"

#include "base/json.h"
#include "source/schedule/follow.h"

#define MAX_CURSOR (256u << 20)
#define MAX_SQL    (4u << 20)
#define NAMES_SAID 20

static const char *const deletes[] = {"none", "soft", "hard"};
enum { MODE, TABLE, KEY, CURSOR, EXCLUDE, DELETES, NESTED, SETTINGS };
static const char *const names[] = {"mode",    "table",   "key",   "cursor",
                                    "exclude", "deletes", "nested"};

struct made {
    bool known;
    int mode, deletes; /* -1: it is not known */
    bool cursor;       /* it had one */
    bool other[SETTINGS];
    bool shorter; /* `exclude` has not all that it had */
};

/* --- in the cursor ------------------------------------------------------------------------------
 */

static void print_list(struct weir_jw *w, const char *name, const struct weir_text_list *list)
{
    weir_jw_keyz(w, name);
    weir_jw_array(w);
    for (size_t i = 0; i < list->count; i++) {
        weir_jw_strz(w, list->items[i]);
    }
    weir_jw_array_end(w);
}

struct weir_str weir_source_made_add(struct weir_arena *arena, struct weir_str cursor,
                                     const struct weir_source_stream *s)
{
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    weir_buf_adds(&out, (struct weir_str){cursor.ptr, cursor.len - 1}); /* its brace */
    weir_buf_addz(&out, ",\"made\":");
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, names[MODE], weir_source_mode_name(s->mode));
    weir_jw_kstrz(&w, names[TABLE], s->table);
    print_list(&w, names[KEY], &s->key);
    weir_jw_kstrz(&w, names[CURSOR], s->cursor);
    print_list(&w, names[EXCLUDE], &s->exclude);
    weir_jw_kstrz(&w, names[DELETES], deletes[s->deletes]);
    weir_jw_ki64(&w, names[NESTED], s->nested);
    weir_jw_object_end(&w);
    weir_buf_addc(&out, '}');
    struct weir_str text =
        weir_buf_ok(&out) ? weir_arena_dup(arena, weir_buf_str(&out)) : (struct weir_str){NULL, 0};
    weir_buf_free(&out);
    return text;
}

static bool has_all(struct weir_json list, const struct weir_text_list *of)
{
    struct weir_json_iter it = weir_json_begin(list);
    struct weir_json item;
    struct weir_str name;
    bool all = true;
    while (all && weir_json_next(&it, NULL, &item)) {
        all = weir_json_str(item, &name) && weir_text_list_has(of, name);
    }
    return all;
}

/* In the same order: it is none of the settings' that another one makes a difference. */
static bool is_list(struct weir_json list, const struct weir_text_list *of)
{
    return weir_json_count(list) == of->count && has_all(list, of);
}

static int place_of(struct weir_str name, const char *const *all, int count)
{
    for (int i = 0; i < count; i++) {
        if (weir_str_is(name, all[i])) {
            return i;
        }
    }
    return -1;
}

static int mode_of(struct weir_str name)
{
    const char *const modes[] = {weir_source_mode_name(0), weir_source_mode_name(1),
                                 weir_source_mode_name(2), weir_source_mode_name(3)};
    return place_of(name, modes, 4);
}

/* `made` of a cursor; absent when it does not say it. */
struct reading {
    struct weir_json_parser *parser;
    struct weir_buf text;
    struct weir_json made;
};

static void begin_reading(struct reading *r, struct weir_str cursor)
{
    struct weir_json root;
    struct weir_error ignored;
    *r = (struct reading){.parser = weir_json_parser_new(8)};
    weir_buf_init(&r->text, MAX_CURSOR);
    weir_buf_adds(&r->text, cursor);
    if (r->parser && cursor.len && weir_buf_ok(&r->text) &&
        weir_json_parse(r->parser, weir_buf_str(&r->text), &root, &ignored) == 0) {
        r->made = weir_json_get(root, "made");
    }
}

static void end_reading(struct reading *r)
{
    weir_json_parser_free(r->parser);
    weir_buf_free(&r->text);
}

static void read_made(struct weir_str cursor, const struct weir_source_stream *s, struct made *out)
{
    struct reading r;
    int64_t nested = 0;
    *out = (struct made){.mode = -1, .deletes = -1};
    begin_reading(&r, cursor);
    if (weir_json_exists(r.made)) {
        out->known = true;
        out->mode = mode_of(weir_json_get_str(r.made, names[MODE]));
        out->deletes = place_of(weir_json_get_str(r.made, names[DELETES]), deletes, 3);
        out->cursor = weir_json_get_str(r.made, names[CURSOR]).len > 0;
        (void)weir_json_i64(weir_json_get(r.made, names[NESTED]), &nested);
        out->other[MODE] = out->mode != s->mode;
        out->other[TABLE] = !weir_str_is(weir_json_get_str(r.made, names[TABLE]), s->table);
        out->other[KEY] = !is_list(weir_json_get(r.made, names[KEY]), &s->key);
        out->other[CURSOR] = !weir_str_is(weir_json_get_str(r.made, names[CURSOR]), s->cursor);
        out->other[EXCLUDE] = !is_list(weir_json_get(r.made, names[EXCLUDE]), &s->exclude);
        out->shorter = !has_all(weir_json_get(r.made, names[EXCLUDE]), &s->exclude);
        out->other[DELETES] = out->deletes != s->deletes;
        out->other[NESTED] = nested != s->nested;
    }
    end_reading(&r);
}

bool weir_source_made_replaces(struct weir_str cursor)
{
    struct reading r;
    begin_reading(&r, cursor);
    bool is = weir_json_exists(r.made) &&
              mode_of(weir_json_get_str(r.made, names[MODE])) == WEIR_SOURCE_REPLACE;
    end_reading(&r);
    return is;
}

bool weir_source_made_goes_on(struct weir_str cursor, const struct weir_source_stream *stream,
                              bool any)
{
    struct made m;
    read_made(cursor, stream, &m);
    for (int i = 0; m.known && i < SETTINGS; i++) {
        m.known = i == EXCLUDE || !m.other[i];
    }
    return m.known && (any || !m.shorter);
}

/* Cursors of before do not say it; what loaded the table last is in the ledger. */
static int find_made(struct weir_stream_run *r, struct made *m, struct weir_error *err)
{
    struct weir_str mode;
    read_made(r->plan.last, &r->stream, m);
    if (m->known) {
        return 0;
    }
    int rc = weir_source_ledger_mode(r->session, r->config->name, r->stream.name, &r->plan.arena,
                                     &mode, err);
    bool marked = weir_source_find_column(r->target, WEIR_STR(WEIR_SOURCE_DELETED));
    m->mode = rc ? -1 : mode_of(mode);
    m->deletes = marked ? WEIR_SOURCE_DELETES_SOFT : WEIR_SOURCE_DELETES_NONE;
    m->mode = m->mode < 0 && marked ? WEIR_SOURCE_MERGE : m->mode;
    m->other[MODE] = m->mode != r->stream.mode;
    m->other[KEY] = r->plan.other;
    m->cursor = true;
    return rc;
}

/* --- what is left out ---------------------------------------------------------------------------
 */

static bool list_has(struct weir_json list, const char *text)
{
    struct weir_json_iter it = weir_json_begin(list);
    struct weir_json item;
    struct weir_str name;
    while (weir_json_next(&it, NULL, &item)) {
        if (weir_json_str(item, &name) && weir_str_is(name, text)) {
            return true;
        }
    }
    return false;
}

static int refuse_excluded(const struct weir_stream_run *r, const char *name,
                           struct weir_error *err)
{
    struct weir_buf listed;
    weir_buf_init(&listed, 1u << 20);
    for (size_t i = 0; i < r->plan.column_count && i < NAMES_SAID; i++) {
        weir_buf_addz(&listed, i ? ", " : "");
        weir_buf_adds(&listed, r->plan.columns[i].name);
    }
    weir_buf_addz(&listed, r->plan.column_count > NAMES_SAID ? ", …" : "");
    int rc =
        weir_fail(err, WEIR_EINVAL,
                  "`exclude` of stream \"%s\" names \"%s\", which is none of its columns: nothing "
                  "was loaded, as what is to be left out may have another name. It has %s",
                  r->stream.name, name, weir_buf_ok(&listed) ? weir_buf_cstr(&listed) : "others");
    weir_buf_free(&listed);
    return rc;
}

int weir_source_check_excluded(const struct weir_stream_run *r, struct weir_error *err)
{
    const struct weir_source_plan *p = &r->plan;
    const struct weir_text_list *left = &r->stream.exclude;
    if (left->count == 0 || !p->column_count || (p->partial && !p->whole) || p->nothing ||
        r->stream.nested) {
        return 0;
    }
    struct reading before;
    int rc = 0;
    begin_reading(&before, p->last);
    for (size_t i = 0; rc == 0 && i < left->count; i++) {
        bool is = (p->excluded && p->excluded[i].ptr) ||
                  list_has(weir_json_get(before.made, names[EXCLUDE]), left->items[i]);
        rc = is ? 0 : refuse_excluded(r, left->items[i], err);
    }
    end_reading(&before);
    return rc;
}

/* --- what becomes of the rows -------------------------------------------------------------------
 */

/* For the run's changes. */
static int say_changed(struct weir_stream_run *r, const struct made *m, struct weir_error *err)
{
    struct weir_source_plan *p = &r->plan;
    bool goes_on = !p->whole && r->stream.mode == WEIR_SOURCE_APPEND &&
                   !r->config->connector->files && !r->feed;
    struct weir_buf text;
    bool any = false;
    weir_buf_init(&text, 4096);
    weir_buf_addz(&text, "its settings changed");
    for (int i = 0; i < SETTINGS; i++) {
        if (m->known && m->other[i]) {
            weir_buf_addf(&text, "%s%s", any ? ", " : " (", names[i]);
            any = true;
        }
    }
    weir_buf_addz(&text, any ? "): " : ": ");
    weir_buf_addz(&text,
                  goes_on ? "rows that are there are not read again" : "all of it was read again");
    if (!p->other && !any) {
        weir_buf_free(&text);
        return 0;
    }
    return weir_source_plan_keep(p, &text, &p->changed, err);
}

static int count_rows(struct weir_stream_run *r, const char *where, uint64_t *out,
                      struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, "SELECT count(*) FROM ");
    weir_sql_table(&sql, r->target->schema, r->target->name);
    weir_buf_addz(&sql, where);
    int rc = weir_session_number_buf(r->session, &sql, out, err);
    weir_buf_free(&sql);
    return rc;
}

static int refuse(const struct weir_stream_run *r, const char *why, uint64_t rows,
                  struct weir_error *err)
{
    bool all = weir_source_follows(r->config);
    return weir_fail(err, WEIR_EINVAL,
                     "%s: %llu rows of %s.%s would be lost, which the source may not have any "
                     "more; nothing was loaded. Take back what was changed, give the stream "
                     "another `table:`, which leaves this one as it is, or let `weir sync %s%s%s "
                     "--full` build the table anew, without them",
                     why, (unsigned long long)rows, r->config->schema, r->stream.table,
                     r->config->name, all ? "" : ".", all ? "" : r->stream.name);
}

/* Of what was loaded by `deletes: soft`, and known to be there, the source has all but what is
 * marked. */
static int refuse_loss(struct weir_stream_run *r, const struct made *m, struct weir_error *err)
{
    bool marked = m->mode == WEIR_SOURCE_MERGE && m->deletes == WEIR_SOURCE_DELETES_SOFT &&
                  (m->known ? !m->cursor : !*r->stream.cursor) &&
                  weir_source_find_column(r->target, WEIR_STR(WEIR_SOURCE_DELETED));
    const char *now = weir_source_mode_name(r->stream.mode);
    const char *why =
        m->other[MODE]
            ? weir_arena_printf(&r->plan.arena,
                                "stream \"%s\" was loaded by `mode: %s`, and is "
                                "`mode: %s` now",
                                r->stream.name, weir_source_mode_name(m->mode), now)
            : weir_arena_printf(&r->plan.arena,
                                "the settings of stream \"%s\"%s changed, and `mode: %s` has no "
                                "key to tell rows apart by",
                                r->stream.name, m->other[CURSOR] ? " (its `cursor`)" : "", now);
    uint64_t rows = 0;
    int rc = why ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    rc = rc ? rc
            : count_rows(r, marked ? " WHERE " WEIR_SOURCE_DELETED " IS NOT NULL" : "", &rows, err);
    return rc || !rows ? rc : refuse(r, why, rows, err);
}

/* Rows that are there must be known by the key. */
static int check_key(struct weir_stream_run *r, const struct made *m, struct weir_error *err)
{
    const struct weir_text_list *key = &r->stream.key;
    struct weir_buf sql;
    uint64_t rows = 0;
    bool there = true;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql,
                  "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM (SELECT count(*) AS n FROM ");
    weir_sql_table(&sql, r->target->schema, r->target->name);
    weir_buf_addz(&sql, m->mode == WEIR_SOURCE_HISTORY ? " WHERE " WEIR_SOURCE_CURRENT : "");
    for (size_t i = 0; i < key->count; i++) {
        there = there && weir_source_find_column(r->target, weir_str_of(key->items[i]));
        weir_buf_addz(&sql, i ? ", " : " GROUP BY ");
        weir_sql_ident(&sql, weir_str_of(key->items[i]));
    }
    weir_buf_addz(&sql, " HAVING count(*) > 1");
    for (size_t i = 0; i < key->count; i++) {
        weir_buf_addz(&sql, " OR ");
        weir_sql_ident(&sql, weir_str_of(key->items[i]));
        weir_buf_addz(&sql, " IS NULL");
    }
    weir_buf_addc(&sql, ')');
    int rc = there ? weir_session_number_buf(r->session, &sql, &rows, err)
                   : count_rows(r, "", &rows, err);
    weir_buf_free(&sql);
    const char *why = weir_arena_printf(&r->plan.arena,
                                        "the key of stream \"%s\" does not tell the rows apart "
                                        "that are there",
                                        r->stream.name);
    return rc || !rows ? rc
           : why       ? refuse(r, why, rows, err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
}

static int decide(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_source_plan *p = &r->plan;
    int mode = r->stream.mode;
    bool keyed = mode == WEIR_SOURCE_MERGE || mode == WEIR_SOURCE_HISTORY;
    struct made m;
    int rc = find_made(r, &m, err);
    bool kept = m.mode == WEIR_SOURCE_APPEND || m.mode == WEIR_SOURCE_HISTORY ||
                (m.mode == WEIR_SOURCE_MERGE && m.deletes != WEIR_SOURCE_DELETES_HARD);
    bool left = m.mode == WEIR_SOURCE_HISTORY && mode != WEIR_SOURCE_HISTORY;
    bool other = p->other || m.other[MODE];
    p->drops = kept && r->run->full;
    if (rc || r->run->full) {
        return rc;
    }
    rc = say_changed(r, &m, err);
    if (rc || !kept) {
        return rc;
    }
    if (left || (mode == WEIR_SOURCE_REPLACE && other) ||
        (mode == WEIR_SOURCE_APPEND && p->whole && other)) {
        return refuse_loss(r, &m, err);
    }
    if (keyed && p->whole) {
        p->whole = false;
        p->complete = true;
    }
    return keyed && (m.other[KEY] || m.mode == WEIR_SOURCE_APPEND) ? check_key(r, &m, err) : 0;
}

int weir_source_keep(struct weir_stream_run *r, struct weir_error *err)
{
    struct weir_source_plan *p = &r->plan;
    if (p->from.ptr) {
        return 0;
    }
    int rc = r->target && p->last.len && (p->whole || p->other) ? decide(r, err) : 0;
    if (rc == 0 && p->cursor.len) {
        p->cursor = weir_source_made_add(&p->arena, p->cursor, &r->stream);
        rc = p->cursor.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    return rc;
}
