/* Comparing a table with a source that computes no sums: all of it is read anew, as in its first
 * run, into a stage beside the table, and both are compared by the engine. */
#include "source/verify/verify.h"

#include <stdio.h>
#include <stdlib.h>

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for comparing a table");
}

/* --- files --------------------------------------------------------------------------------------
 */

/* Rows without a key are told apart by their file, too. */
static int add_file(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_source_compare *c = &v->compare;
    size_t n = r->settled.count, count = c->compared_count;
    struct weir_column *columns = weir_arena_calloc(&r->plan.arena, (n + 1) * sizeof *columns);
    size_t *compared = weir_arena_calloc(&r->plan.arena, (count + 1) * sizeof *compared);
    if (!columns || !compared) {
        return no_memory(err);
    }
    memcpy(columns, c->columns, n * sizeof *columns);
    memcpy(compared, c->compared, count * sizeof *compared);
    columns[n] = (struct weir_column){WEIR_STR(WEIR_SOURCE_FILE), WEIR_TYPE_TEXT, {0}};
    compared[count] = n;
    c->columns = columns;
    c->compared = c->key = compared;
    c->compared_count = c->key_count = count + 1;
    return 0;
}

int weir_verify_parts(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_str cursor = {NULL, 0};
    v->table.with_files = weir_source_find_column(r->target, WEIR_STR(WEIR_SOURCE_FILE));
    if (!v->table.with_files) {
        return 0;
    }
    int rc = weir_source_ledger_cursor(r->session, r->config->name, r->stream.name,
                                       r->config->schema, NULL, &r->plan.arena, &cursor, err);
    rc = rc ? rc
            : r->config->connector->parts(r->connection, &r->stream, &r->plan, cursor,
                                          &v->table.parts, err);
    return rc || r->stream.key.count ? rc : add_file(v, err);
}

/* --- programs -----------------------------------------------------------------------------------
 */

/* Streams whose table is there: of others nothing is compared. */
static int add_wanted(struct weir_verify_feed *f, const struct weir_source_run *run, const char *id,
                      struct weir_source_config *config, struct weir_session *session,
                      struct weir_str name, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    struct weir_stream_run *r = calloc(1, sizeof *r);
    if (!r) {
        return no_memory(err);
    }
    struct weir_error ignored;
    int rc = weir_stream_run_init(r, run, id, config, name, err);
    r->session = session;
    if (rc == 0 && weir_stream_run_find_target(r, &ignored) == 0 && r->target) {
        feed->wanted[feed->wanted_count++] =
            (struct weir_feed_wanted){.stream = r->stream, .anew = true, .there = true};
    }
    weir_stream_run_free(r);
    free(r);
    return rc;
}

static int read_all(struct weir_verify_feed *f, const struct weir_source_run *run, const char *id,
                    struct weir_source_config *config, void *connection,
                    const struct weir_source_catalog *catalog, struct weir_error *err)
{
    struct weir_feed *feed = &f->feed;
    struct weir_session *session = NULL;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/tmp/source", run->site->data);
    int rc = weir_feed_open(feed, dir, weir_source_config_number(config, "max_spool"), err);
    f->opened = true;
    feed->config = config;
    feed->only = run->stream;
    feed->progress = run->progress;
    feed->stop = run->progress ? &run->progress->stop : NULL;
    feed->log = run->log;
    feed->wanted = weir_arena_calloc(&feed->arena, (catalog->count + 1) * sizeof *feed->wanted);
    rc = rc || feed->wanted ? rc : no_memory(err);
    rc = rc ? rc : weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &session, err);
    rc = rc ? rc : weir_source_ledger_open(session, err);
    for (size_t i = 0; rc == 0 && i < catalog->count; i++) {
        if (!run->stream || weir_str_is(catalog->streams[i].name, run->stream)) {
            rc = add_wanted(f, run, id, config, session, catalog->streams[i].name, err);
        }
    }
    weir_session_free(session);
    rc = rc || !feed->wanted_count ? rc : config->connector->feed(connection, feed, err);
    return rc ? rc : weir_feed_end(feed, err);
}

void weir_verify_feed_read(struct weir_verify_feed *f, const struct weir_source_run *run,
                           const char *id, struct weir_source_config *config, void *connection,
                           const struct weir_source_catalog *catalog)
{
    f->failed = read_all(f, run, id, config, connection, catalog, &f->why);
}

void weir_verify_feed_free(struct weir_verify_feed *f)
{
    if (f->opened) {
        weir_feed_free(&f->feed);
    }
}

/* What is greater than the table has it was not read yet, where runs go on by a column. */
static int find_mark(struct weir_verifying *v, const char *column, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    struct weir_buf sql;
    const struct weir_column *c = weir_source_find_column(r->target, weir_str_of(column));
    if (!c || !r->feed->incremental || r->stream.mode == WEIR_SOURCE_REPLACE) {
        return 0;
    }
    weir_buf_init(&sql, 65536);
    weir_buf_addz(&sql, "SELECT CAST(max(");
    weir_sql_ident(&sql, c->name);
    weir_buf_addz(&sql, ") AS VARCHAR) FROM ");
    weir_sql_table(&sql, weir_str_of(r->config->schema), weir_str_of(r->stream.table));
    int rc = weir_session_query(r->session, weir_buf_cstr(&sql), NULL, 0, &result, err);
    rc = rc ? rc : weir_result_next(result, &b, err);
    if (rc == 0 && b.rows && weir_vector_valid(&b.columns[0], 0)) {
        v->table.mark = weir_arena_dup(&r->plan.arena, b.columns[0].strs[0]);
        v->table.mark_column = c;
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

int weir_verify_feed_plan(struct weir_verify_feed *f, struct weir_verifying *v,
                          struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_str none = {NULL, 0};
    if (f->failed) {
        return weir_fail(err, f->failed, "%s", f->why.message);
    }
    r->feed = weir_map_get(&f->feed.by_name, weir_str_of(r->stream.name));
    if (!r->feed || !r->feed->came) {
        return weir_fail(err, WEIR_EINVAL,
                         "the program told nothing of the stream \"%s\", neither rows nor columns",
                         r->stream.name);
    }
    int rc = weir_feed_settle_mode(r->feed, &r->stream, &r->plan.arena, err);
    r->plan.there = r->target;
    return rc ? rc : weir_feed_plan(r->feed, &r->stream, none, &r->plan, err);
}

static int look_for_mark(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    if (!r->feed) {
        return 0;
    }
    if (*r->stream.cursor) {
        return find_mark(v, r->stream.cursor, err);
    }
    for (size_t i = 0; r->feed->goes_by.ptr && i < r->plan.column_count; i++) {
        if (weir_str_eq(r->plan.columns[i].original, r->feed->goes_by)) {
            return find_mark(v, r->plan.columns[i].name.ptr, err);
        }
    }
    return 0;
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static int compare_in(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    uint64_t rows = r->load.rows_read;
    int rc = weir_verify_fit(v, err);
    rc = rc ? rc : weir_verify_count(&v->table, &v->out->rows, err);
    rc = rc ? rc : weir_verify_room(v, v->out->rows > rows ? v->out->rows : rows, err);
    rc = rc ? rc : weir_verify_sums(&v->table, true, v->there, err);
    rc = rc ? rc : weir_verify_sums(&v->table, false, v->here, err);
    if (rc || !weir_verify_differ(v)) {
        return rc;
    }
    v->out->compared = 0;
    for (unsigned i = 0; i < v->compare.buckets; i++) {
        v->out->compared += v->wanted[i] ? v->there[i].rows : 0;
    }
    rc = weir_verify_differences(&v->table, v->out, err);
    return rc || !r->run->repair || !weir_verify_is_wrong(v->out) ? rc : weir_verify_mend(v, err);
}

/* In one transaction, which counts only when something was mended: the stage is changed in it. */
static int compare_once(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_session *session = v->run.session;
    int rc = weir_session_begin(session, err);
    if (rc) {
        return rc;
    }
    rc = compare_in(v, err);
    bool mended = rc == 0 && v->run.run->repair && weir_verify_is_wrong(v->out);
    rc = mended ? weir_session_commit(session, err) : rc;
    if (rc || !mended) {
        weir_session_rollback(session);
    }
    return rc;
}

int weir_verify_anew(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_feed_stream *lists = r->plan.nest;
    int rc = look_for_mark(v, err);
    r->plan.nest = NULL; /* their tables are not compared */
    rc = rc ? rc : weir_stream_run_stage(r, err);
    r->plan.nest = lists;
    r->load.bytes = r->plan.bytes;
    for (int i = 0; rc == 0 && i < WEIR_SOURCE_TRIES; i++) {
        rc = compare_once(v, err);
        if (rc != WEIR_EAGAIN || i + 1 == WEIR_SOURCE_TRIES) {
            break;
        }
        rc = 0;
    }
    weir_stream_run_unstage(r, rc ? rc : WEIR_ECORRUPT); /* the stage goes in any case */
    if (rc == 0 && weir_verify_is_wrong(v->out) && !r->run->repair) {
        v->out->status = "differs";
    }
    return rc;
}
