/* A stream whose rows (all, or those of files that changed) are read again, and are those that its
 * table has: the table stays as it is, so that nothing that was computed of it is computed again.
 */
#include "source/ledger/ledger.h"
#include "source/run/run.h"

/* What says of a row when and by which run it came. */
static bool is_of_run(struct weir_str name)
{
    return weir_str_is(name, WEIR_SOURCE_LOADED_AT) || weir_str_is(name, WEIR_SOURCE_RUN);
}

/* In one order; between them, the table may have some that the source has no more. */
static bool same_columns(const struct weir_source_stage *s, const struct weir_table *t)
{
    size_t found = 0;
    for (size_t i = 0; found < s->column_count && i < t->column_count; i++) {
        const struct weir_column *a = &s->columns[found], *b = &t->columns[i];
        found += weir_str_eq(a->name, b->name) &&
                 weir_str_eq(weir_source_column_sql(a), weir_source_column_sql(b));
    }
    return found == s->column_count;
}

/* Was the latest load well and whole, and had it rows of the same figures? Only then is it worth to
 * look at all of them. */
static int had_figures(const struct weir_stream_run *r, bool *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b;
    const struct weir_param params[] = {
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(r->load.source)},
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(r->load.stream)},
        {.type = WEIR_TYPE_TEXT, .s = weir_str_of(r->stored_checksum)},
    };
    int rc = weir_session_query(
        r->session,
        "SELECT CAST(status = 'loaded' AND rows_discarded = 0 AND mode = 'replace' AND "
        "warehouse_checksum = $3 AS BIGINT) FROM weir.loads WHERE source = $1 AND stream IN ($2, "
        "'" WEIR_SOURCE_ALL "') ORDER BY started_at DESC LIMIT 1",
        params, 3, &result, err);
    rc = rc ? rc : weir_result_next(result, &b, err);
    *out = rc == 0 && b.rows && weir_vector_valid(&b.columns[0], 0) && b.columns[0].ints[0];
    weir_result_free(result);
    return rc;
}

/* `files`: of rows of these alone; NULL: of all. */
static void add_files(struct weir_buf *sql, const struct weir_source_plan *files)
{
    for (size_t i = 0; files && i < files->part_count; i++) {
        weir_buf_addz(sql, i ? ", " : " WHERE " WEIR_SOURCE_FILE " IN (");
        weir_sql_text(sql, files->parts[i]);
    }
    weir_buf_addz(sql, files ? ")" : "");
}

/* The columns that are gone are empty in them. */
static void add_empty(struct weir_buf *sql, const struct weir_stream_run *r,
                      const struct weir_source_plan *files)
{
    weir_buf_addz(sql, " AND (SELECT 0");
    for (size_t i = 0; i < r->target->column_count; i++) {
        struct weir_str name = r->target->columns[i].name;
        if (!weir_source_stage_has(&r->stage, name)) {
            weir_buf_addz(sql, " + count(");
            weir_sql_ident(sql, name);
            weir_buf_addc(sql, ')');
        }
    }
    weir_buf_addz(sql, " FROM ");
    weir_sql_table(sql, r->stage.schema, weir_str_of(r->stream.table));
    add_files(sql, files);
    weir_buf_addz(sql, ") = 0");
}

static void add_sums(struct weir_buf *sql, const struct weir_source_stage *s, struct weir_str table,
                     const struct weir_source_plan *files)
{
    const char *before = "";
    weir_buf_addz(sql,
                  "(SELECT (count(*), sum(CAST(h AS HUGEINT)), bit_xor(h)) FROM (SELECT hash(");
    for (size_t i = 0; i < s->column_count; i++) {
        if (!is_of_run(s->columns[i].name)) {
            weir_buf_addz(sql, before);
            weir_sql_ident(sql, s->columns[i].name);
            before = ", ";
        }
    }
    weir_buf_addz(sql, ") AS h FROM ");
    weir_sql_table(sql, s->schema, table);
    add_files(sql, files);
    weir_buf_addz(sql, "))");
}

/* In whatever order; each row by a hash of all of its columns. */
static int compare(const struct weir_stream_run *r, bool *out, struct weir_error *err)
{
    struct weir_buf sql;
    const struct weir_source_plan *files = r->plan.whole ? NULL : &r->plan;
    uint64_t same = 0;
    weir_buf_init(&sql, 4u << 20);
    weir_buf_addz(&sql, "SELECT CAST(");
    add_sums(&sql, &r->stage, r->stage.table, NULL);
    weir_buf_addz(&sql, " IS NOT DISTINCT FROM ");
    add_sums(&sql, &r->stage, weir_str_of(r->stream.table), files);
    if (r->target->column_count > r->stage.column_count) {
        add_empty(&sql, r, files);
    }
    weir_buf_addz(&sql, " AS BIGINT)");
    int rc = weir_session_number_buf(r->session, &sql, &same, err);
    weir_buf_free(&sql);
    *out = rc == 0 && same;
    return rc;
}

/* How far it is, is kept all the same: which files were read, and when. */
static int keep_cursor(struct weir_stream_run *r, struct weir_error *err)
{
    int rc = weir_session_begin(r->session, err);
    if (rc == 0) {
        rc = weir_source_ledger_set_cursor(r->session, r->load.source, r->load.stream,
                                           r->load.schema, r->id, r->plan.cursor, weir_now(), err);
        rc = rc ? rc : weir_session_commit(r->session, err);
        if (rc) {
            weir_session_rollback(r->session);
        }
    }
    return rc;
}

int weir_stream_run_same(struct weir_stream_run *r, bool *same, struct weir_error *err)
{
    bool may = !r->run->full && !r->run->from && r->stream.mode == WEIR_SOURCE_REPLACE &&
               (r->plan.whole || r->plan.part_count) && !r->plan.nest && r->target &&
               r->stage.reject_count == 0 &&
               (r->load.changes.len == 0 || r->load.changes.len == r->settled.only_gone) &&
               same_columns(&r->stage, r->target);
    *same = false;
    int rc = may ? had_figures(r, &may, err) : 0;
    rc = rc || !may ? rc : compare(r, same, err);
    if (rc == 0 && *same) {
        rc = keep_cursor(r, err);
        r->load.status = "unchanged";
        r->load.changes = WEIR_STR(""); /* they were told when they went */
    }
    return rc;
}
