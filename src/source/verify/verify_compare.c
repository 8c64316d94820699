/* The warehouse's side of comparing a table with its source, and the mending of what differs. */
#include <inttypes.h>

#include "base/number.h"
#include "source/verify/verify.h"

#define SQL_BYTES (64u << 20)
/* What differs: what (missing, extra, different, kept), old_row, new_row, pending, file, key. */
#define FOUND "temp.main.\"weir verify\""
#define KEYS  20 /* that are told */
#define FILES 100

static struct weir_str schema_of(const struct weir_verify_table *t)
{
    return weir_str_of(t->run->config->schema);
}

static void add_target(struct weir_verify_table *t)
{
    weir_sql_table(&t->sql, schema_of(t), weir_str_of(t->run->stream.table));
}

static void add_name(struct weir_verify_table *t, size_t column)
{
    weir_sql_ident(&t->sql, t->compare->columns[column].name);
}

static bool is_soft(const struct weir_verify_table *t)
{
    return t->run->stream.deletes == WEIR_SOURCE_DELETES_SOFT &&
           weir_source_find_column(t->run->target, WEIR_STR(WEIR_SOURCE_DELETED));
}

static bool is_history(const struct weir_verify_table *t)
{
    return t->run->stream.mode == WEIR_SOURCE_HISTORY;
}

/* --- sums ---------------------------------------------------------------------------------------
 */

/* The canonical text of verify.h. */
static void add_text(struct weir_verify_table *t, size_t column)
{
    static const char *const texts[] = {
        [WEIR_TYPE_BOOL] = "CAST($ AS VARCHAR)",
        [WEIR_TYPE_INT] = "CAST($ AS VARCHAR)",
        [WEIR_TYPE_DOUBLE] = "CASE WHEN isnan($) THEN 'nan' WHEN $ = 0 THEN '0' ELSE CAST(CAST($ "
                             "AS BIT) AS VARCHAR) END",
        [WEIR_TYPE_TIMESTAMP] = "CASE WHEN isfinite($) THEN CAST(epoch_us($) AS VARCHAR) ELSE "
                                "CAST($ AS VARCHAR) END",
        [WEIR_TYPE_DATE] = "CASE WHEN isfinite($) THEN CAST($ - DATE '1970-01-01' AS VARCHAR) "
                           "ELSE CAST($ AS VARCHAR) END",
        [WEIR_TYPE_TEXT] = "$",
        [WEIR_TYPE_JSON] = "CAST($ AS VARCHAR)",
        [WEIR_TYPE_OTHER] = "CAST($ AS VARCHAR)"};
    const struct weir_column *c = &t->compare->columns[column];
    unsigned precision, scale;
    bool fraction = c->type == WEIR_TYPE_OTHER &&
                    weir_number_decimal(c->type_name, &precision, &scale) && precision == scale;
    /* ".05", where all digits are places: here and in no other engine */
    const char *text = fraction ? "replace('0' || CAST($ AS VARCHAR), '0-', '-0')" : texts[c->type];
    for (const char *p = text; *p; p++) {
        if (*p == '$') {
            add_name(t, column);
        } else {
            weir_buf_addc(&t->sql, *p);
        }
    }
}

static void add_hash(struct weir_verify_table *t, const size_t *columns, size_t count)
{
    /* By concat(): the engine reads no more than a thousand || that follow each other. */
    weir_buf_addz(&t->sql, t->compare->sha256 ? "sha256(concat(''" : "md5(concat(''");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&t->sql, ", coalesce(CAST(length(");
        add_text(t, columns[i]);
        weir_buf_addz(&t->sql, ") AS VARCHAR) || ':' || ");
        add_text(t, columns[i]);
        weir_buf_addz(&t->sql, ", '~')");
    }
    weir_buf_addz(&t->sql, "))");
}

static void add_bucket(struct weir_verify_table *t)
{
    weir_buf_addz(&t->sql, "(CAST('0x' || substr(");
    add_hash(t, t->compare->key, t->compare->key_count);
    weir_buf_addf(&t->sql, ", 1, 4) AS INTEGER) & %u)", t->compare->buckets - 1);
}

/* FROM table WHERE: rows that stand for what the source has now. */
static void add_live(struct weir_verify_table *t)
{
    weir_buf_addz(&t->sql, " FROM ");
    add_target(t);
    weir_buf_addz(&t->sql, is_history(t) ? " WHERE " WEIR_SOURCE_CURRENT
                           : is_soft(t)  ? " WHERE " WEIR_SOURCE_DELETED " IS NULL"
                                         : " WHERE true");
}

int weir_verify_count(struct weir_verify_table *t, uint64_t *rows, struct weir_error *err)
{
    weir_buf_init(&t->sql, SQL_BYTES);
    weir_buf_addz(&t->sql, "SELECT count(*)");
    add_live(t);
    int rc = weir_session_number_buf(t->run->session, &t->sql, rows, err);
    weir_buf_free(&t->sql);
    return rc;
}

/* FROM stage: as the table takes it, where its contract says so. */
static void add_staged(struct weir_verify_table *t)
{
    const struct weir_stream_run *r = t->run;
    bool any = false;
    weir_buf_addz(&t->sql, " FROM (SELECT rowid, *");
    for (size_t i = 0; r->stream.contract != WEIR_SOURCE_EVOLVE && i < r->settled.count; i++) {
        const struct weir_column *c = &r->settled.columns[i];
        const struct weir_column *old = weir_source_find_column(r->target, c->name);
        if (old && !weir_source_same_type(old, c)) {
            weir_buf_addz(&t->sql, any ? ", " : " REPLACE (");
            weir_source_apply_value(t->apply, c->name, &t->sql);
            weir_buf_addz(&t->sql, " AS ");
            weir_sql_ident(&t->sql, c->name);
            any = true;
        }
    }
    weir_buf_addz(&t->sql, any ? ") FROM " : " FROM ");
    weir_sql_table(&t->sql, schema_of(t), r->stage.table);
    weir_buf_addz(&t->sql, ") AS staged");
}

int weir_verify_sums(struct weir_verify_table *t, bool staged, struct weir_source_bucket *out,
                     struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    weir_buf_init(&t->sql, SQL_BYTES);
    weir_buf_addz(&t->sql, "SELECT CAST(bucket AS BIGINT), count(*), CAST(sum(hash) AS VARCHAR) "
                           "FROM (SELECT ");
    add_bucket(t);
    weir_buf_addz(&t->sql, " AS bucket, CAST('0x' || substr(");
    add_hash(t, t->compare->compared, t->compare->compared_count);
    weir_buf_addz(&t->sql, ", 1, 15) AS BIGINT) AS hash");
    (staged ? add_staged : add_live)(t);
    weir_buf_addz(&t->sql, ") GROUP BY bucket");
    int rc = weir_buf_check(&t->sql, "the sums of a table", err);
    rc = rc ? rc
            : weir_session_query(t->run->session, weir_buf_cstr(&t->sql), NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &b, err)) == 0 && b.rows) {
        for (size_t row = 0; row < b.rows; row++) {
            uint64_t bucket = (uint64_t)b.columns[0].ints[row];
            if (bucket < t->compare->buckets) {
                out[bucket].rows = (uint64_t)b.columns[1].ints[row];
                out[bucket].sum = weir_number_scaled(b.columns[2].strs[row]);
            }
        }
    }
    weir_result_free(result);
    weir_buf_free(&t->sql);
    return rc;
}

/* --- what differs -------------------------------------------------------------------------------
 */

/* Of `append` a database's key may be there once for each change of its row, the latest of which is
 * what the source has; all of the row cannot be there twice. */
static bool has_versions(const struct weir_verify_table *t)
{
    return t->run->stream.mode == WEIR_SOURCE_APPEND && !t->anew &&
           t->compare->key != t->compare->compared;
}

static void add_number(struct weir_verify_table *t, const size_t *columns, size_t count,
                       const char *name)
{
    weir_buf_addz(&t->sql, ", row_number() OVER (PARTITION BY ");
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&t->sql, i ? ", " : "");
        add_name(t, columns[i]);
    }
    weir_buf_addf(&t->sql, " ORDER BY rowid%s) AS %s", has_versions(t) ? " DESC" : "", name);
}

/* Equal keys are numbered: without a key, or where the table has one twice, they are told apart. */
static void add_rows(struct weir_verify_table *t, const char *name)
{
    weir_buf_addf(&t->sql, "%s AS (SELECT rowid AS \"weir row\"", name);
    add_number(t, t->compare->key, t->compare->key_count, "\"weir n\"");
    if (has_versions(t)) {
        add_number(t, t->compare->compared, t->compare->compared_count, "\"weir same\"");
    }
    weir_buf_addz(&t->sql, ", *");
}

static void add_both(struct weir_verify_table *t, const char *before, size_t column,
                     const char *between)
{
    weir_buf_addz(&t->sql, before);
    weir_buf_addz(&t->sql, "old.");
    add_name(t, column);
    weir_buf_addz(&t->sql, between);
    weir_buf_addz(&t->sql, "new.");
    add_name(t, column);
}

/* Is the row of one of these files? */
static void add_of_files(struct weir_verify_table *t, const char *side,
                         const struct weir_str *names, size_t count)
{
    weir_buf_addf(&t->sql, "coalesce(%s." WEIR_SOURCE_FILE " IN (NULL", side);
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(&t->sql, ", ");
        weir_sql_text(&t->sql, names[i]);
    }
    weir_buf_addz(&t->sql, "), false)");
}

static void add_pending(struct weir_verify_table *t)
{
    const struct weir_source_parts *p = &t->parts;
    const struct weir_column *c = t->mark.ptr ? t->mark_column : NULL;
    if (t->with_files && p->news_count) {
        add_of_files(t, "new", p->news, p->news_count);
        weir_buf_addz(&t->sql, " OR ");
        add_of_files(t, "old", p->news, p->news_count);
    } else if (c) {
        weir_buf_addz(&t->sql, "coalesce(new.");
        weir_sql_ident(&t->sql, c->name);
        weir_buf_addz(&t->sql, " > TRY_CAST(");
        weir_sql_text(&t->sql, t->mark);
        weir_buf_addf(&t->sql, " AS " WEIR_STR_FMT "), false)", WEIR_STR_ARG(c->type_name));
    } else {
        weir_buf_addz(&t->sql, "false");
    }
}

/* A row that only the table has. One that is there twice is none that the source has no more. */
static void add_extra(struct weir_verify_table *t)
{
    enum weir_source_mode mode = t->run->stream.mode;
    bool keyed = mode == WEIR_SOURCE_MERGE || mode == WEIR_SOURCE_HISTORY;
    weir_buf_addf(&t->sql, "CASE WHEN %s THEN 'extra' ELSE ",
                  keyed             ? "old.\"weir n\" > 1"
                  : has_versions(t) ? "old.\"weir same\" > 1"
                                    : "false");
    if (t->extras == WEIR_VERIFY_OF_FILES) {
        weir_buf_addz(&t->sql, "CASE WHEN ");
        add_of_files(t, "old", t->parts.there, t->parts.there_count);
        weir_buf_addz(&t->sql, " THEN 'extra' ELSE 'kept' END");
    } else {
        weir_buf_addz(&t->sql, t->extras == WEIR_VERIFY_WRONG ? "'extra'" : "'kept'");
    }
    weir_buf_addz(&t->sql, " END");
}

/* No JSON has NaN and infinity, which the engine writes bare. */
static void add_json(struct weir_verify_table *t, size_t column)
{
    const struct weir_column *c = &t->compare->columns[column];
    unsigned precision, scale;
    bool bare =
        c->type == WEIR_TYPE_BOOL || c->type == WEIR_TYPE_INT || c->type == WEIR_TYPE_TEXT ||
        (c->type == WEIR_TYPE_OTHER && weir_number_decimal(c->type_name, &precision, &scale));
    if (!bare) {
        add_both(t, ", CASE WHEN regexp_matches(CAST(coalesce(", column, ", ");
        add_both(t, ") AS VARCHAR), '(?i)nan|inf') THEN to_json(CAST(coalesce(", column, ", ");
        weir_buf_addz(&t->sql, ") AS VARCHAR)) ELSE to_json(coalesce(");
    }
    add_both(t, bare ? ", coalesce(" : "", column, ", ");
    weir_buf_addz(&t->sql, bare ? ")" : ")) END");
}

static void add_key(struct weir_verify_table *t)
{
    const struct weir_source_compare *c = t->compare;
    weir_buf_addz(&t->sql, " AS pending, left(CAST(json_object(");
    for (size_t i = 0; i < c->key_count; i++) {
        weir_buf_addz(&t->sql, i ? ", " : "");
        weir_sql_text(&t->sql, c->columns[c->key[i]].name);
        add_json(t, c->key[i]);
    }
    weir_buf_addz(&t->sql, ") AS VARCHAR), 500) AS key, ");
    weir_buf_addz(&t->sql, t->with_files ? "coalesce(new." WEIR_SOURCE_FILE
                                           ", old." WEIR_SOURCE_FILE ")"
                                         : "NULL");
    weir_buf_addz(&t->sql, " AS file");
}

/* Makes FOUND. */
static int find(struct weir_verify_table *t, struct weir_error *err)
{
    const struct weir_source_compare *c = t->compare;
    weir_buf_addz(&t->sql, "CREATE OR REPLACE TEMP TABLE \"weir verify\" AS WITH ");
    add_rows(t, "old");
    add_live(t);
    weir_buf_addz(&t->sql, " AND ");
    add_bucket(t);
    weir_verify_add_wanted(&t->sql, c);
    weir_buf_addz(&t->sql, "), ");
    add_rows(t, "new");
    add_staged(t);
    if (t->anew) { /* else just these were read */
        weir_buf_addz(&t->sql, " WHERE ");
        add_bucket(t);
        weir_verify_add_wanted(&t->sql, c);
    }
    weir_buf_addz(&t->sql, ") SELECT CASE WHEN old.\"weir row\" IS NULL THEN 'missing' WHEN "
                           "new.\"weir row\" IS NULL THEN ");
    add_extra(t);
    weir_buf_addz(&t->sql, " ELSE 'different' END AS what, old.\"weir row\" AS old_row, "
                           "new.\"weir row\" AS new_row, ");
    add_pending(t);
    add_key(t);
    weir_buf_addz(&t->sql, " FROM old FULL JOIN new ON old.\"weir n\" = new.\"weir n\"");
    for (size_t i = 0; i < c->key_count; i++) {
        add_both(t, " AND ", c->key[i], " IS NOT DISTINCT FROM ");
    }
    weir_buf_addz(&t->sql, " WHERE old.\"weir row\" IS NULL OR new.\"weir row\" IS NULL");
    for (size_t i = 0; i < c->compared_count; i++) {
        add_both(t, " OR ", c->compared[i], " IS DISTINCT FROM ");
    }
    weir_session_touch(t->run->session, schema_of(t), t->run->stage.table);
    return weir_session_exec_buf(t->run->session, &t->sql, err);
}

/* [{"file","missing","extra","different"}] */
static void add_files(struct weir_verify_table *t)
{
    weir_buf_addf(&t->sql,
                  ", (SELECT CAST(to_json(list({'file': file, 'missing': missing, 'extra': extra, "
                  "'different': different} ORDER BY file)) AS VARCHAR) FROM (SELECT file, count(*) "
                  "FILTER (what = 'missing') AS missing, count(*) FILTER (what = 'extra') AS "
                  "extra, count(*) FILTER (what = 'different') AS different FROM " FOUND
                  " WHERE NOT pending AND what <> 'kept' AND file IS NOT NULL GROUP BY file ORDER "
                  "BY file LIMIT %d))",
                  FILES);
}

static int count_found(struct weir_verify_table *t, struct weir_source_verified *out,
                       struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    struct weir_arena *arena = &t->run->plan.arena;
    uint64_t *const to[] = {&out->missing, &out->extra, &out->different, &out->kept, &out->pending};
    enum { NUMBERS = sizeof to / sizeof *to };
    weir_buf_addf(
        &t->sql,
        "SELECT count(*) FILTER (what = 'missing' AND NOT pending), count(*) FILTER (what = "
        "'extra' AND NOT pending), count(*) FILTER (what = 'different' AND NOT pending), count(*) "
        "FILTER (what = 'kept'), count(*) FILTER (pending AND what <> 'kept'), (SELECT "
        "CAST(coalesce(to_json(list({'what': what, 'key': CAST(key AS JSON)})), "
        "'[]') AS VARCHAR) FROM (SELECT what, CASE WHEN json_valid(key) THEN key ELSE "
        "CAST(to_json(key) AS VARCHAR) END AS key FROM " FOUND " WHERE NOT pending AND what <> "
        "'kept' ORDER BY what, key LIMIT %d))",
        KEYS);
    add_files(t);
    weir_buf_addz(&t->sql, " FROM " FOUND);
    int rc = weir_buf_check(&t->sql, "a statement", err);
    rc = rc ? rc
            : weir_session_query(t->run->session, weir_buf_cstr(&t->sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &b, err);
    for (size_t i = 0; rc == 0 && b.rows && i < NUMBERS; i++) {
        *to[i] = (uint64_t)b.columns[i].ints[0];
    }
    if (rc == 0 && b.rows) {
        const struct weir_vector *files = &b.columns[NUMBERS + 1];
        out->keys = weir_arena_dup(arena, b.columns[NUMBERS].strs[0]);
        out->files =
            weir_vector_valid(files, 0) ? weir_arena_dup(arena, files->strs[0]) : WEIR_STR("");
        rc =
            out->keys.ptr && out->files.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for keys");
    }
    weir_buf_reset(&t->sql);
    weir_result_free(result);
    return rc;
}

int weir_verify_differences(struct weir_verify_table *t, struct weir_source_verified *out,
                            struct weir_error *err)
{
    weir_buf_init(&t->sql, SQL_BYTES);
    int rc = find(t, err);
    rc = rc ? rc : count_found(t, out, err);
    weir_buf_free(&t->sql);
    return rc;
}

/* --- mending ------------------------------------------------------------------------------------
 */

static int change(struct weir_verify_table *t, struct weir_error *err)
{
    weir_session_touch(t->run->session, schema_of(t), weir_str_of(t->run->stream.table));
    return weir_session_exec_buf(t->run->session, &t->sql, err);
}

/* WHERE rowid IN: rows of the table that are not what the source has. */
static void add_wrong(struct weir_verify_table *t, const char *what)
{
    weir_buf_addf(&t->sql,
                  " WHERE rowid IN (SELECT old_row FROM " FOUND " WHERE NOT pending AND what IN "
                  "(%s))",
                  what);
}

static int end_wrong(struct weir_verify_table *t, struct weir_error *err)
{
    if (is_history(t)) {
        weir_buf_addz(&t->sql, "UPDATE ");
        add_target(t);
        weir_buf_addf(&t->sql,
                      " SET " WEIR_SOURCE_CURRENT " = false, " WEIR_SOURCE_TO
                      " = greatest(make_timestamp(%" PRId64 "), " WEIR_SOURCE_FROM ")",
                      t->run->load.started_at);
        add_wrong(t, "'different', 'extra'");
        return change(t, err);
    }
    if (is_soft(t)) {
        weir_buf_addz(&t->sql, "UPDATE ");
        add_target(t);
        weir_buf_addf(&t->sql, " SET " WEIR_SOURCE_DELETED " = make_timestamp(%" PRId64 ")",
                      t->run->load.started_at);
        add_wrong(t, "'extra'");
        int rc = change(t, err);
        if (rc) {
            return rc;
        }
    }
    weir_buf_addz(&t->sql, "DELETE FROM ");
    add_target(t);
    add_wrong(t, is_soft(t) ? "'different'" : "'different', 'extra'");
    return change(t, err);
}

/* Rows that come back: those that were marked as gone go. */
static int drop_marked(struct weir_verify_table *t, struct weir_error *err)
{
    const struct weir_source_compare *c = t->compare;
    weir_buf_addz(&t->sql, "DELETE FROM ");
    add_target(t);
    weir_buf_addz(&t->sql, " WHERE rowid IN (SELECT old.rowid FROM ");
    add_target(t);
    weir_buf_addz(&t->sql, " AS old SEMI JOIN (SELECT * FROM ");
    weir_sql_table(&t->sql, schema_of(t), t->run->stage.table);
    weir_buf_addz(&t->sql, " WHERE rowid IN (SELECT new_row FROM " FOUND " WHERE NOT pending AND "
                           "what = 'missing')) AS new ON ");
    for (size_t i = 0; i < c->key_count; i++) {
        add_both(t, i ? " AND " : "", c->key[i], " IS NOT DISTINCT FROM ");
    }
    weir_buf_addz(&t->sql, " WHERE old." WEIR_SOURCE_DELETED " IS NOT NULL)");
    return change(t, err);
}

static void add_stored(struct weir_verify_table *t)
{
    const struct weir_source_stage *s = &t->run->stage;
    bool any = false;
    for (size_t i = 0; i < s->column_count; i++) {
        if (weir_source_find_column(t->run->target, s->columns[i].name)) {
            weir_buf_addz(&t->sql, any ? ", " : "");
            weir_sql_ident(&t->sql, s->columns[i].name);
            any = true;
        }
    }
}

static int insert(struct weir_verify_table *t, struct weir_error *err)
{
    weir_buf_addz(&t->sql, "INSERT INTO ");
    add_target(t);
    weir_buf_addz(&t->sql, " (");
    add_stored(t);
    weir_buf_addz(&t->sql, is_history(t) ? ", " WEIR_SOURCE_FROM ", " WEIR_SOURCE_CURRENT : "");
    weir_buf_addz(&t->sql, ") SELECT ");
    add_stored(t);
    if (is_history(t)) {
        weir_buf_addf(&t->sql, ", make_timestamp(%" PRId64 "), true", t->run->load.started_at);
    }
    add_staged(t);
    weir_buf_addz(&t->sql, " WHERE rowid IN (SELECT new_row FROM " FOUND " WHERE NOT pending AND "
                           "new_row IS NOT NULL)");
    return change(t, err);
}

/* Nothing may differ then: seen by looking again. */
int weir_verify_repair(struct weir_verify_table *t, struct weir_error *err)
{
    struct weir_source_verified left = {0};
    weir_buf_init(&t->sql, SQL_BYTES);
    int rc = end_wrong(t, err);
    rc = rc || !is_soft(t) ? rc : drop_marked(t, err);
    rc = rc ? rc : insert(t, err);
    rc = rc ? rc : find(t, err);
    rc = rc ? rc : count_found(t, &left, err);
    if (rc == 0 && left.missing + left.extra + left.different) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "%llu rows would differ when they were loaded again; nothing was changed",
                       (unsigned long long)(left.missing + left.extra + left.different));
    }
    weir_buf_free(&t->sql);
    return rc;
}
