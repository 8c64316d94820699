/* Changes that were staged, brought into their table: values that were not sent are filled in, the
 * last state of each key counts. What a row that is marked as gone says does not depend on where
 * runs divide the changes. */
#include "source/run/changes.h"

#define SQL_BYTES (64u << 20)

struct applying {
    struct weir_source_changes *c;
    struct weir_session *session;
    struct weir_buf sql;
    int64_t from, to; /* of the segment */
    bool repeats;     /* its keys */
};

static void add(struct applying *a, const char *text)
{
    weir_buf_addz(&a->sql, text);
}

static void add_stage(struct applying *a)
{
    weir_sql_table(&a->sql, a->c->stage.schema, a->c->stage.table);
}

static void add_target(struct applying *a)
{
    weir_sql_table(&a->sql, a->c->stage.schema, weir_str_of(a->c->stream.table));
}

/* "alias._weir_seq >= … AND alias._weir_seq < …" */
static void add_segment_of(struct applying *a, const char *alias)
{
    weir_buf_addf(&a->sql, "%s._weir_seq >= %lld AND %s._weir_seq < %lld", alias,
                  (long long)a->from, alias, (long long)a->to);
}

/* "stage AS s WHERE … AND s is in the segment" */
static void add_staged(struct applying *a, const char *condition)
{
    add_stage(a);
    weir_buf_addz(&a->sql, " AS s WHERE ");
    weir_buf_addz(&a->sql, condition);
    add_segment_of(a, "s");
}

static size_t key_count(const struct weir_source_changes *c)
{
    return c->key_count ? c->key_count : c->settled.count;
}

static struct weir_str key_name(const struct weir_source_changes *c, size_t i)
{
    return c->settled.columns[c->key_count ? c->key[i] : i].name;
}

static void add_key(struct applying *a, const char *alias)
{
    for (size_t i = 0; i < key_count(a->c); i++) {
        add(a, i ? ", " : "");
        add(a, alias);
        weir_sql_ident(&a->sql, key_name(a->c, i));
    }
}

/* "one.K = other.K AND …"; of a bag, NULLs are equal. */
static void add_same_key(struct applying *a, const char *one, const char *other)
{
    for (size_t i = 0; i < key_count(a->c); i++) {
        weir_buf_addf(&a->sql, i ? " AND %s." : "%s.", one);
        weir_sql_ident(&a->sql, key_name(a->c, i));
        weir_buf_addf(&a->sql, a->c->key_count ? " = %s." : " IS NOT DISTINCT FROM %s.", other);
        weir_sql_ident(&a->sql, key_name(a->c, i));
    }
}

/* All columns, also the table's own of weir. */
static void add_columns(struct applying *a, const char *alias)
{
    for (size_t i = 0; i < a->c->stage.column_count; i++) {
        struct weir_str name = a->c->stage.columns[i].name;
        bool extra = i >= a->c->settled.count && i < a->c->settled.count + WEIR_CHANGES_EXTRAS;
        if (!extra) {
            add(a, i ? ", " : "");
            add(a, alias);
            weir_sql_ident(&a->sql, name);
        }
    }
}

static int exec(struct applying *a, struct weir_error *err)
{
    weir_session_touch(a->session, a->c->stage.schema, a->c->stage.table);
    weir_session_touch(a->session, a->c->stage.schema, weir_str_of(a->c->stream.table));
    return weir_session_exec_buf(a->session, &a->sql, err);
}

static int ask(struct applying *a, uint64_t *out, struct weir_error *err)
{
    return weir_session_number_buf(a->session, &a->sql, out, err);
}

/* --- values that were not sent ---
 *
 * Those of a row that moved are those of the row that it was, in the table. Those of other rows are
 * the last ones that were sent for the key in this segment, else the table's; but none from before
 * a row of the key that is gone, was discarded (which is as if it were gone), or moved and is not
 * known: such a value may be an old one. */

static void add_is_kept(struct applying *a, const char *alias, size_t column)
{
    weir_buf_addf(&a->sql, "contains(coalesce(%s._weir_kept, ''), ',%zu,')", alias, column);
}

/* A row that is marked as gone has values of before that. */
static void add_live(struct applying *a)
{
    add(a, a->c->soft ? " AND old." WEIR_SOURCE_DELETED " IS NULL" : "");
}

static int fill_moved(struct applying *a, struct weir_error *err)
{
    add(a, "UPDATE ");
    add_stage(a);
    add(a, " AS new SET _weir_kept = NULL");
    for (size_t i = 0; i < a->c->settled.count; i++) {
        if (a->c->kept[i]) {
            add(a, ", ");
            weir_sql_ident(&a->sql, a->c->settled.columns[i].name);
            add(a, " = CASE WHEN ");
            add_is_kept(a, "new", i);
            add(a, " THEN src.");
            weir_sql_ident(&a->sql, a->c->settled.columns[i].name);
            add(a, " ELSE new.");
            weir_sql_ident(&a->sql, a->c->settled.columns[i].name);
            add(a, " END");
        }
    }
    add(a, " FROM (SELECT was._weir_seq + 1 AS \"weir at\", old.* FROM ");
    add_stage(a);
    add(a, " AS was JOIN ");
    add_target(a);
    add(a, " AS old ON ");
    add_same_key(a, "old", "was");
    add_live(a);
    add(a, " WHERE NOT was._weir_put AND ");
    add_segment_of(a, "was");
    add(a, ") src WHERE src.\"weir at\" = new._weir_seq AND starts_with(new._weir_kept, 'm') AND ");
    add_segment_of(a, "new");
    return exec(a, err);
}

/* Of each row of the segment and each column with kept values, "weir N": {v: the last value that
 * was sent for the key up to here, gone: it went since}; NULL: nothing of that. */
static void add_seen(struct applying *a)
{
    add(a, "(SELECT *");
    for (size_t i = 0; i < a->c->settled.count; i++) {
        if (a->c->kept[i]) {
            add(a, ", last_value(CASE WHEN NOT s._weir_put OR starts_with(s._weir_kept, 'm') THEN "
                   "{'v': NULL, 'gone': true} WHEN NOT ");
            add_is_kept(a, "s", i);
            add(a, " THEN {'v': s.");
            weir_sql_ident(&a->sql, a->c->settled.columns[i].name);
            add(a, ", 'gone': false} END IGNORE NULLS) OVER (PARTITION BY ");
            add_key(a, "s.");
            weir_buf_addf(&a->sql,
                          " ORDER BY s._weir_seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) "
                          "AS \"weir %zu\"",
                          i);
        }
    }
    add(a, " FROM ");
    add_staged(a, "");
    add(a, ")");
}

static int fill_kept(struct applying *a, struct weir_error *err)
{
    struct weir_source_changes *c = a->c;
    add(a, "UPDATE ");
    add_stage(a);
    add(a, " AS new SET _weir_kept = NULL");
    for (size_t i = 0; i < c->settled.count; i++) {
        if (c->kept[i]) {
            add(a, ", ");
            weir_sql_ident(&a->sql, c->settled.columns[i].name);
            weir_buf_addf(&a->sql, " = src.v%zu", i);
        }
    }
    add(a, " FROM (SELECT seen._weir_seq AS at");
    for (size_t i = 0; i < c->settled.count; i++) {
        if (c->kept[i]) {
            weir_buf_addf(&a->sql, ", CASE WHEN seen.\"weir %zu\" IS NOT NULL", i);
            weir_buf_addf(&a->sql, " THEN seen.\"weir %zu\".v ELSE old.", i);
            weir_sql_ident(&a->sql, c->settled.columns[i].name);
            weir_buf_addf(&a->sql,
                          " END AS v%zu, CASE WHEN seen.\"weir %zu\" IS NOT NULL THEN NOT "
                          "seen.\"weir %zu\".gone ELSE old._weir_run IS NOT NULL END AS k%zu",
                          i, i, i, i);
        }
    }
    add(a, " FROM ");
    add_seen(a);
    add(a, " AS seen LEFT JOIN ");
    add_target(a);
    add(a, " AS old ON ");
    add_same_key(a, "old", "seen");
    add_live(a);
    add(a, " WHERE seen._weir_kept IS NOT NULL AND NOT starts_with(seen._weir_kept, 'm')) AS src "
           "WHERE src.at = new._weir_seq AND new._weir_kept IS NOT NULL");
    for (size_t i = 0; i < c->settled.count; i++) { /* all that it needs is known */
        if (c->kept[i]) {
            weir_buf_addf(&a->sql, " AND (src.k%zu OR NOT ", i);
            add_is_kept(a, "new", i);
            add(a, ")");
        }
    }
    return exec(a, err);
}

/* As weir_source_rows_set_aside() has it: what was not sent of some row is left out. */
static void add_row_json(struct applying *a)
{
    const struct weir_source_settled *settled = &a->c->settled;
    bool any = false;
    add(a, "json_object(");
    for (size_t i = 0; i < settled->count; i++) {
        const struct weir_column *column = &settled->columns[i];
        bool bare = column->type == WEIR_TYPE_BOOL || column->type == WEIR_TYPE_INT ||
                    column->type == WEIR_TYPE_OTHER;
        if (a->c->kept[i]) {
            continue;
        }
        add(a, any ? ", " : "");
        weir_sql_text(&a->sql, column->name);
        add(a, bare ? ", s." : ", left(CAST(s.");
        weir_sql_ident(&a->sql, column->name);
        add(a, bare ? "" : " AS VARCHAR), 1000)");
        any = true;
    }
    add(a, ")");
}

/* Which column it is. */
static void add_unknown(struct applying *a)
{
    add(a, "CASE");
    for (size_t i = 0; i < a->c->settled.count; i++) {
        if (a->c->kept[i]) {
            add(a, " WHEN ");
            add_is_kept(a, "s", i);
            add(a, " THEN ");
            weir_sql_text(&a->sql, a->c->settled.columns[i].name);
        }
    }
    add(a, " END");
}

/* A row whose kept values are nowhere was discarded before: so is this. */
static int discard_unknown(struct applying *a, struct weir_error *err)
{
    struct weir_source_changes *c = a->c;
    uint64_t count = 0;
    add(a, "SELECT count(*) FROM ");
    add_staged(a, "s._weir_kept IS NOT NULL AND ");
    int rc = ask(a, &count, err);
    if (rc || count == 0) {
        return rc;
    }
    weir_session_touch(a->session, WEIR_STR("weir"), WEIR_STR("source_discards"));
    add(a, "INSERT INTO weir.source_discards (run, source, stream, discarded_at, reason, "
           "column_name, row_json) SELECT _weir_run, ");
    weir_sql_text(&a->sql, weir_str_of(c->stage.source));
    add(a, ", ");
    weir_sql_text(&a->sql, weir_str_of(c->stage.stream));
    add(a, ", _weir_loaded_at, 'a large value did not change, and the row that it was in is not "
           "there', ");
    add_unknown(a);
    add(a, ", ");
    add_row_json(a);
    add(a, " FROM ");
    add_staged(a, "s._weir_kept IS NOT NULL AND ");
    add(a, "; UPDATE ");
    add_stage(a);
    add(a, " AS s SET _weir_put = false WHERE s._weir_kept IS NOT NULL AND ");
    add_segment_of(a, "s");
    c->load.rows_discarded += count;
    c->load.rows_read += count; /* the row, and that what it was is gone */
    return exec(a, err);
}

static int fill(struct applying *a, struct weir_error *err)
{
    int rc = fill_moved(a, err);
    rc = rc ? rc : fill_kept(a, err);
    return rc ? rc : discard_unknown(a, err);
}

/* --- rows --- */

/* Of the segment's keys: how many are written, and how many are gone at the end. */
static int count_keyed(struct applying *a, struct weir_error *err)
{
    struct weir_source_changes *c = a->c;
    uint64_t all = 0, there = 0;
    add(a, "SELECT count(*) FROM ");
    add_staged(a, "");
    int rc = ask(a, &all, err);
    add(a, "SELECT count(*) FROM ");
    add_staged(a, "s._weir_put AND ");
    rc = rc ? rc : ask(a, &there, err);
    c->load.rows_written += there;
    c->ended += all - there;
    return rc;
}

/* The last state of each key counts; of one that is gone and stays, marked, the last values, too.
 * Looking whether any came twice is cheaper than deleting. */
static int drop_older(struct applying *a, struct weir_error *err)
{
    uint64_t older = 0;
    if (!a->repeats) {
        return 0;
    }
    add(a, "SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT) FROM (SELECT count(*) AS n FROM ");
    add_staged(a, "");
    add(a, " GROUP BY ");
    add_key(a, "s.");
    add(a, ")");
    int rc = ask(a, &older, err);
    if (rc || !older) {
        return rc;
    }
    add(a, "DELETE FROM ");
    add_staged(a, "");
    add(a, " AND s._weir_seq NOT IN (SELECT ");
    add(a, a->c->soft ? "unnest([max(s._weir_seq), coalesce(max(s._weir_seq) FILTER "
                        "(s._weir_put), max(s._weir_seq))])"
                      : "max(s._weir_seq)");
    add(a, " FROM ");
    add_staged(a, "");
    add(a, " GROUP BY ");
    add_key(a, "s.");
    add(a, ")");
    return exec(a, err);
}

static void add_gone(struct applying *a)
{
    add_stage(a);
    add(a, " AS s WHERE NOT s._weir_put AND ");
    add(a, a->c->soft ? "old." WEIR_SOURCE_DELETED " IS NULL AND " : "");
    add_same_key(a, "old", "s");
    add(a, " AND ");
    add_segment_of(a, "s");
}

/* Rows that are there, and gone at the end. */
static int count_deleted(struct applying *a, struct weir_error *err)
{
    uint64_t deleted = 0;
    add(a, "SELECT count(*) FROM ");
    add_target(a);
    add(a, " AS old, ");
    add_gone(a);
    int rc = ask(a, &deleted, err);
    a->c->load.rows_deleted += deleted;
    return rc;
}

static int mark_gone(struct applying *a, struct weir_error *err)
{
    int rc = count_deleted(a, err);
    add(a, "UPDATE ");
    add_target(a);
    add(a, " AS old SET " WEIR_SOURCE_DELETED " = s._weir_loaded_at FROM ");
    add_gone(a);
    return rc ? rc : exec(a, err);
}

static int write_keyed(struct applying *a, struct weir_error *err)
{
    struct weir_source_changes *c = a->c;
    uint64_t ended = c->ended;
    int rc = drop_older(a, err);
    rc = rc ? rc : count_keyed(a, err);
    ended = c->ended - ended;
    rc = rc || c->soft || !ended ? rc : count_deleted(a, err);
    add(a, "DELETE FROM ");
    add_target(a);
    add(a, " AS old USING ");
    add_stage(a);
    add(a, " AS s WHERE ");
    add_same_key(a, "old", "s");
    add(a, c->soft ? " AND s._weir_put AND " : " AND ");
    add_segment_of(a, "s");
    rc = rc ? rc : exec(a, err);
    add(a, "INSERT INTO ");
    add_target(a);
    add(a, " (");
    add_columns(a, "");
    add(a, ") SELECT ");
    add_columns(a, "s.");
    add(a, " FROM ");
    add_staged(a, "s._weir_put AND ");
    rc = rc ? rc : exec(a, err);
    /* Those that came, or changed, and went are marked with their last values. */
    return rc || !c->soft || !ended ? rc : mark_gone(a, err);
}

/* "(SELECT row, sum(±1) AS n … HAVING n <> 0)": what a bag gets and loses. */
static void add_net(struct applying *a)
{
    add(a, "(SELECT ");
    add_key(a, "s.");
    add(a, ", CAST(sum(CASE WHEN s._weir_put THEN 1 ELSE -1 END) AS BIGINT) AS \"weir n\", "
           "max(s._weir_run) AS _weir_run, max(s._weir_loaded_at) "
           "AS _weir_loaded_at FROM ");
    add_staged(a, "");
    add(a, " GROUP BY ");
    add_key(a, "s.");
    add(a, ")");
}

static void add_lost(struct applying *a)
{
    add(a, "(SELECT r FROM (SELECT old.rowid AS r, net.\"weir n\" AS n, row_number() OVER "
           "(PARTITION BY ");
    add_key(a, "old.");
    add(a, ") AS k FROM ");
    add_target(a);
    add(a, " AS old JOIN ");
    add_net(a);
    add(a, " AS net ON ");
    add_same_key(a, "old", "net");
    add(a, " WHERE net.\"weir n\" < 0) WHERE k <= -n)");
}

static int write_bag(struct applying *a, struct weir_error *err)
{
    uint64_t wanted = 0, found = 0, written = 0;
    add(a, "SELECT CAST(coalesce(-sum(\"weir n\"), 0) AS BIGINT) FROM ");
    add_net(a);
    add(a, " WHERE \"weir n\" < 0");
    int rc = ask(a, &wanted, err);
    add(a, "SELECT count(*) FROM ");
    add_lost(a);
    rc = rc ? rc : ask(a, &found, err);
    if (rc == 0 && wanted != found) {
        return weir_fail(err, WEIR_ECORRUPT,
                         "%llu rows that are gone at the source are not in the table as they were; "
                         "nothing was loaded; `weir sync %s --full` reads all anew",
                         (unsigned long long)(wanted - found), a->c->stage.source);
    }
    add(a, "DELETE FROM ");
    add_target(a);
    add(a, " WHERE rowid IN ");
    add_lost(a);
    rc = rc ? rc : exec(a, err);
    add(a, "INSERT INTO ");
    add_target(a);
    add(a, " (");
    add_columns(a, "");
    add(a, ") SELECT ");
    add_columns(a, "net.");
    add(a, " FROM ");
    add_net(a);
    add(a, " AS net, range(net.\"weir n\") WHERE net.\"weir n\" > 0");
    rc = rc ? rc : exec(a, err);
    add(a, "SELECT CAST(coalesce(sum(\"weir n\"), 0) AS BIGINT) FROM ");
    add_net(a);
    add(a, " WHERE \"weir n\" > 0");
    rc = rc ? rc : ask(a, &written, err);
    a->c->load.rows_written += written;
    a->c->load.rows_deleted += found;
    a->c->ended += found;
    return rc;
}

int weir_source_changes_apply(struct weir_source_changes *c, struct weir_error *err)
{
    struct applying a = {.c = c, .session = c->stage.session};
    struct weir_source_load *l = &c->load;
    weir_buf_init(&a.sql, SQL_BYTES);
    l->rows_written = l->rows_deleted = c->ended = 0;
    l->rows_discarded = c->stage.reject_count;
    int rc = weir_source_evolve(a.session, c->stage.schema, c->target, c->settled.columns,
                                c->settled.count, err);
    for (size_t i = 0; rc == 0 && i < c->segment_count; i++) {
        a.from = c->segments[i].from;
        a.repeats = c->segments[i].repeats;
        a.to = i + 1 < c->segment_count ? c->segments[i + 1].from : c->next;
        rc = c->any_kept ? fill(&a, err) : 0;
        rc = rc ? rc : c->key_count ? write_keyed(&a, err) : write_bag(&a, err);
    }
    rc = rc ? rc : weir_source_stage_end(&c->stage, err);
    l->rows_superseded = l->rows_read - l->rows_written - l->rows_discarded - c->ended;
    l->status = "loaded";
    l->ended_at = weir_now();
    l->changes = c->settled.changes.len > 2 ? weir_buf_str(&c->settled.changes) : WEIR_STR("");
    weir_buf_free(&a.sql);
    return rc ? rc : weir_source_ledger_add(c->stage.session, l, err);
}
