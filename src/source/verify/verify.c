/* Comparing the tables of a source with it, stream by stream. */
#include "source/verify/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "source/feed/feed_nest.h"
#include "source/ledger/gone.h"
#include "source/schedule/follow.h"
#include "source/schedule/watch.h"

#define MAX_CATALOG (64u << 20)
#define OF_BUCKET   1000 /* rows */
#define TRIES       5    /* until a source that is followed stands still for a moment */

void weir_verify_add_wanted(struct weir_buf *sql, const struct weir_source_compare *compare)
{
    bool any = false;
    weir_buf_addz(sql, " IN (");
    for (unsigned i = 0; i < compare->buckets; i++) {
        if (compare->wanted[i]) {
            weir_buf_addf(sql, "%s%u", any ? "," : "", i);
            any = true;
        }
    }
    weir_buf_addc(sql, ')');
}

void weir_verify_take(const struct weir_source_compare *compare, struct weir_str bucket,
                      struct weir_str rows, struct weir_str sum, struct weir_source_bucket *out)
{
    uint64_t at = (uint64_t)weir_number_scaled(bucket);
    if (at < compare->buckets) {
        out[at].rows = (uint64_t)weir_number_scaled(rows);
        out[at].sum = weir_number_scaled(sum);
    }
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for comparing a table");
}

bool weir_verify_is_wrong(const struct weir_source_verified *v)
{
    return v->missing + v->extra + v->different > 0;
}

/* --- what is compared ---------------------------------------------------------------------------
 */

/* Columns that the table has as they come; the others are named. */
static int choose_columns(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_buf names;
    /* What a contract keeps out of the table is none of its values by then. */
    bool fits = v->table.anew && r->stream.contract != WEIR_SOURCE_EVOLVE;
    struct weir_arena *arena = &r->plan.arena;
    struct weir_column *columns =
        weir_arena_calloc(arena, (r->settled.count + 1) * sizeof *columns);
    size_t *compared = weir_arena_calloc(arena, (r->settled.count + 1) * sizeof *compared);
    weir_buf_init(&names, MAX_CATALOG);
    struct weir_jw w = weir_jw_on(&names);
    weir_jw_array(&w);
    for (size_t i = 0; columns && compared && i < r->settled.count; i++) {
        const struct weir_column *c = &r->settled.columns[i];
        const struct weir_column *old = weir_source_find_column(r->target, c->name);
        if (weir_source_column_reserved(c->name)) {
            continue; /* ids and versions are others each time */
        }
        columns[i] = *c;
        if (old && fits) {
            columns[i] = *old;
            columns[i].name = c->name;
        }
        if (old && weir_source_same_type(old, &columns[i])) {
            compared[v->compare.compared_count++] = i;
        } else {
            weir_jw_str(&w, c->name);
        }
    }
    for (size_t i = 0; r->plan.nest && i < r->plan.nest->nest->count; i++) {
        const struct weir_feed_nest *list = r->plan.nest->nest->children[i]->nest;
        const char *table = weir_arena_printf(arena, "%s__" WEIR_STR_FMT, r->stream.table,
                                              WEIR_STR_ARG(list->suffix));
        if (!list->left_out) {
            weir_jw_strz(&w, table ? table : "");
        }
    }
    weir_jw_array_end(&w);
    v->compare.compared = compared;
    v->compare.columns = columns;
    v->out->not_compared = weir_arena_dup(arena, weir_buf_str(&names));
    weir_buf_free(&names);
    return !columns || !compared || !v->out->not_compared.ptr ? no_memory(err)
           : v->compare.compared_count                        ? 0
                                       : weir_fail(err, WEIR_EINVAL, "no column can be compared");
}

static bool is_compared(const struct weir_verifying *v, size_t column)
{
    for (size_t i = 0; i < v->compare.compared_count; i++) {
        if (v->compare.compared[i] == column) {
            return true;
        }
    }
    return false;
}

/* The source's own key. */
static int own_key(struct weir_verifying *v, size_t *key, size_t *count, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_source_verifier *verifier = r->config->connector->verifier;
    if (verifier) {
        return verifier->key(r->connection, &r->plan, key, count, err);
    }
    for (size_t i = 0; r->feed && i < r->plan.column_count; i++) {
        if (weir_text_list_has(&r->feed->key, r->plan.columns[i].original)) {
            key[(*count)++] = i;
        }
    }
    return 0;
}

/* The file's key, else the source's own, else the whole row. */
static int choose_key(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    size_t *key = weir_arena_calloc(&r->plan.arena, (r->settled.count + 1) * sizeof *key);
    size_t count = 0;
    int rc = key ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < r->settled.count; i++) {
        if (weir_text_list_has(&r->stream.key, r->settled.columns[i].name)) {
            key[count++] = i;
        }
    }
    rc = rc || count ? rc : own_key(v, key, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        count = is_compared(v, key[i]) ? count : 0;
    }
    if (rc == 0 && count == 0 && r->stream.key.count) {
        bool fits = r->stream.contract == WEIR_SOURCE_EVOLVE;
        char word[WEIR_SOURCE_WORD];
        rc = weir_fail(err, WEIR_EINVAL,
                       "a column of its key has another type at the source now; `weir sync %s%s` "
                       "brings the table to that first",
                       weir_source_word(r->config->name, r->stream.name, word),
                       fits ? "" : " --full");
    }
    v->compare.key = count ? key : v->compare.compared;
    v->compare.key_count = count ? count : v->compare.compared_count;
    return rc;
}

/* The greatest value of the cursor column that was read. */
static int read_mark(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_str cursor = {NULL, 0};
    struct weir_json root;
    struct weir_buf text;
    weir_buf_init(&text, MAX_CATALOG);
    int rc = parser
                 ? weir_source_ledger_cursor(r->session, r->config->name, r->stream.name,
                                             r->config->schema, NULL, &r->plan.arena, &cursor, err)
                 : no_memory(err);
    weir_buf_adds(&text, cursor.ptr ? cursor : WEIR_STR("{}"));
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    struct weir_str value = rc ? (struct weir_str){NULL, 0} : weir_json_get_str(root, "value");
    v->table.mark = value.ptr ? weir_arena_dup(&r->plan.arena, value) : value;
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

/* A program without a state gives what its own settings say, such as the last 90 days: a row that
 * does not come is gone where a run would say so, too. */
static bool knows_all(const struct weir_stream_run *r)
{
    const struct weir_feed_stream *s = r->feed;
    return weir_source_stream_ends(&r->stream) && (!s || s->activated || (s->whole && s->complete));
}

static enum weir_verify_extras extras_of(const struct weir_stream_run *r)
{
    return r->stream.mode == WEIR_SOURCE_REPLACE || knows_all(r) ? WEIR_VERIFY_WRONG
           : r->stream.mode == WEIR_SOURCE_APPEND && r->config->connector->files
               ? WEIR_VERIFY_OF_FILES
               : WEIR_VERIFY_KEPT;
}

/* Where a source is followed and runs loaded others, what they have no word of is a table whose
 * changes cannot be had, or one that is new. */
static int refuse_unloaded(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    char word[WEIR_SOURCE_WORD];
    struct weir_str status, error;
    int rc = weir_source_ledger_latest(r->session, r->config->name, r->stream.name, &r->plan.arena,
                                       &status, &error, err);
    bool seen = true, any = false, follows = weir_source_follows(r->config);
    if (rc == 0 && !r->run->stream && !r->config->stream_count && follows) {
        rc = weir_source_ledger_seen(r->session, r->config->name, r->stream.name, &r->plan.arena,
                                     &seen, err);
        rc = rc || seen ? rc
                        : weir_source_ledger_seen(r->session, r->config->name, WEIR_SOURCE_ALL,
                                                  &r->plan.arena, &any, err);
    }
    v->refused = rc == 0 && !seen && any;
    if (rc) {
        return rc;
    }
    error = weir_utf8_cut(error, 400);
    return status.ptr && error.len
               ? weir_fail(err, WEIR_EINVAL,
                           "stream \"%s\" was not loaded yet, as its runs fail: " WEIR_STR_FMT,
                           r->stream.name, WEIR_STR_ARG(error))
               : weir_fail(err, WEIR_EINVAL,
                           "stream \"%s\" was not loaded yet; `weir sync %s` loads it",
                           r->stream.name,
                           follows ? r->config->name /* its tables follow together */
                                   : weir_source_word(r->config->name, r->stream.name, word));
}

static int plan_all(struct weir_verifying *v, struct weir_verify_feed *feed, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_str none = {NULL, 0};
    int rc = weir_stream_run_find_target(r, err);
    if (rc == 0 && !r->target) {
        rc = refuse_unloaded(v, err);
    }
    rc =
        rc ? rc
           : weir_source_ledger_cursor(r->session, r->config->name, r->stream.name,
                                       r->config->schema, NULL, &r->plan.arena, &r->plan.last, err);
    r->plan.exclude = &r->stream.exclude;
    r->plan.there = r->target;
    r->plan.stop = r->run->progress ? &r->run->progress->stop : NULL;
    rc = rc     ? rc
         : feed ? weir_verify_feed_plan(feed, v, err)
                : r->config->connector->plan(r->connection, &r->stream, none, &r->plan, err);
    r->plan.whole = r->plan.complete = r->plan.nothing = false;
    return rc;
}

static int make_plan(struct weir_verifying *v, struct weir_verify_feed *feed,
                     struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    int rc = plan_all(v, feed, err);
    rc =
        rc ? rc : weir_source_settle(&r->plan, &r->stream, r->target, r->session, &r->settled, err);
    weir_buf_free(&r->settled.changes);
    v->table = (struct weir_verify_table){.run = r,
                                          .compare = &v->compare,
                                          .extras = extras_of(r),
                                          .anew = !r->config->connector->verifier};
    rc = rc ? rc : choose_columns(v, err);
    rc = rc ? rc : choose_key(v, err);
    rc = rc || !r->config->connector->parts ? rc : weir_verify_parts(v, err);
    if (rc || v->table.anew || !*r->stream.cursor) {
        return rc;
    }
    v->table.mark_column = weir_source_find_column(r->target, weir_str_of(r->stream.cursor));
    return read_mark(v, err);
}

/* --- comparing ----------------------------------------------------------------------------------
 */

int weir_verify_room(struct weir_verifying *v, uint64_t rows, struct weir_error *err)
{
    struct weir_arena *arena = &v->run.plan.arena;
    v->compare.buckets = 1;
    while (v->compare.buckets < WEIR_VERIFY_BUCKETS && rows / v->compare.buckets > OF_BUCKET) {
        v->compare.buckets *= 2;
    }
    v->there = weir_arena_calloc(arena, v->compare.buckets * sizeof *v->there);
    v->here = weir_arena_calloc(arena, v->compare.buckets * sizeof *v->here);
    v->wanted = weir_arena_calloc(arena, v->compare.buckets * sizeof *v->wanted);
    v->compare.wanted = v->wanted;
    return v->there && v->here && v->wanted ? 0 : no_memory(err);
}

bool weir_verify_differ(struct weir_verifying *v)
{
    bool any = false;
    for (unsigned i = 0; i < v->compare.buckets; i++) {
        v->wanted[i] = v->there[i].rows != v->here[i].rows || v->there[i].sum != v->here[i].sum;
        any = any || v->wanted[i];
    }
    return any;
}

static int compare_sums(struct weir_verifying *v, bool *differ, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    int rc = weir_verify_count(&v->table, &v->out->rows, err);
    rc = rc ? rc : weir_verify_room(v, v->out->rows, err);
    rc = rc ? rc
            : r->config->connector->verifier->sums(r->connection, &r->plan, &v->compare, v->there,
                                                   err);
    rc = rc ? rc : weir_verify_sums(&v->table, false, v->here, err);
    *differ = rc == 0 && weir_verify_differ(v);
    return rc;
}

/* A value of another type would be lost, or keep the row out. */
static int check_types(const struct weir_stream_run *r, struct weir_error *err)
{
    char word[WEIR_SOURCE_WORD];
    for (size_t i = 0; r->stream.contract == WEIR_SOURCE_EVOLVE && i < r->settled.count; i++) {
        const struct weir_column *c = &r->settled.columns[i];
        const struct weir_column *old = weir_source_find_column(r->target, c->name);
        if (!weir_source_column_reserved(c->name) && !(old && weir_source_same_type(old, c))) {
            return weir_fail(err, WEIR_EINVAL,
                             "its rows cannot be loaded again: the column \"" WEIR_STR_FMT
                             "\" is new, or of another type, at the source; `weir sync %s` "
                             "brings the table to that first",
                             WEIR_STR_ARG(c->name),
                             weir_source_word(r->config->name, r->stream.name, word));
        }
    }
    return 0;
}

/* What no repair puts right. */
static int check_mending(const struct weir_verifying *v, struct weir_error *err)
{
    const struct weir_stream_run *r = &v->run;
    char word[WEIR_SOURCE_WORD];
    weir_source_word(r->config->name, r->stream.name, word);
    if (r->plan.nest) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "its lists are tables of their own, whose rows no repair can load again; "
                         "`weir sync %s --full` reads all of it anew",
                         word);
    }
    if (r->feed && r->stream.mode == WEIR_SOURCE_APPEND && v->out->missing) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "%llu rows that the table lacks cannot be added by themselves: the stream "
                         "is appended to, and its next run might bring them once more; `weir sync "
                         "%s --full` reads all of it anew",
                         (unsigned long long)v->out->missing, word);
    }
    return check_types(r, err);
}

/* Which rows are gone is known only where every row of the source is. */
static void settle_extras(struct weir_verifying *v)
{
    if (v->run.load.rows_discarded && weir_source_stream_ends(&v->run.stream)) {
        v->table.extras = WEIR_VERIFY_KEPT;
    }
}

int weir_verify_fit(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_source_verified *out = v->out; /* a try before may have left something in it */
    out->missing = out->extra = out->different = out->pending = out->kept = 0;
    out->keys = WEIR_STR("[]");
    out->files = WEIR_STR("");
    out->status = "equal";
    v->table.apply = weir_stream_run_apply(&v->run);
    int rc = v->table.apply ? weir_source_apply_fit(v->table.apply, err) : no_memory(err);
    out->set_aside = v->run.load.rows_discarded;
    settle_extras(v);
    return rc;
}

int weir_verify_mend(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_source_load *l = &r->load;
    int rc = check_mending(v, err);
    rc = rc ? rc : weir_verify_repair(&v->table, err);
    l->mode = "repair";
    l->status = "loaded";
    l->rows_written = v->out->missing + v->out->different;
    l->rows_superseded = l->rows_read - l->rows_discarded - l->rows_written;
    l->rows_deleted = v->out->extra;
    l->changes = WEIR_STR("");
    v->out->status = "repaired";
    rc = rc ? rc : weir_source_stage_end(&r->stage, err);
    l->ended_at = weir_now();
    rc = rc ? rc : weir_source_ledger_add(r->session, l, err);
    return rc ? rc : weir_source_ledger_verified(r->session, v->out, err);
}

/* The stage beside the table, in one transaction. */
static int compare_rows(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    int rc = weir_session_begin(r->session, err);
    if (rc) {
        return rc;
    }
    rc = weir_verify_fit(v, err);
    rc = rc ? rc : weir_verify_differences(&v->table, v->out, err);
    bool mends = rc == 0 && weir_verify_is_wrong(v->out) && r->run->repair;
    rc = mends ? weir_verify_mend(v, err) : rc;
    rc = mends && rc == 0 ? weir_session_commit(r->session, err) : rc;
    if (rc || !mends) {
        weir_session_rollback(r->session);
    }
    return rc;
}

static int compare(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    bool differ = false;
    v->out->status = "equal";
    if (v->table.anew) {
        return weir_verify_anew(v, err);
    }
    int rc = compare_sums(v, &differ, err);
    if (rc || !differ) {
        return rc;
    }
    rc = r->config->connector->verifier->narrow(r->connection, &r->plan, &v->compare, err);
    rc = rc ? rc : weir_stream_run_stage(r, err);
    v->out->compared = r->load.rows_read;
    rc = rc ? rc : compare_rows(v, err);
    for (int i = 1; rc == WEIR_EAGAIN && i < WEIR_SOURCE_TRIES; i++) {
        rc = compare_rows(v, err);
    }
    weir_stream_run_unstage(r, rc ? rc : WEIR_ECORRUPT); /* the stage goes in any case */
    if (rc == 0 && weir_verify_is_wrong(v->out) && !r->run->repair) {
        v->out->status = "differs";
    }
    return rc;
}

/* --- one stream ---------------------------------------------------------------------------------
 */

/* Of a source that is followed: its tables and the snapshot must be at one position. */
static int stand_still(struct weir_verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_source_verifier *verifier = r->config->connector->verifier;
    struct weir_str cursor = {NULL, 0};
    char why[200] = "";
    if (!verifier || !verifier->ready) {
        return 0;
    }
    int rc = weir_source_ledger_cursor(r->session, r->config->name, WEIR_SOURCE_ALL, NULL, NULL,
                                       &r->plan.arena, &cursor, err);
    rc = rc ? rc : verifier->ready(r->connection, &r->plan, cursor, why, err);
    v->compare.sha256 = rc == 0 && verifier->sha256 && verifier->sha256(r->connection);
    return rc || !*why ? rc : weir_fail(err, WEIR_EBUSY, "%s", why);
}

static int verify_once(const struct weir_source_run *run, const char *id,
                       struct weir_source_config *config, void *connection,
                       struct weir_verify_feed *feed, struct weir_str name,
                       struct weir_source_verified *out, struct weir_verifying *v,
                       struct weir_error *err)
{
    *v = (struct weir_verifying){.out = out};
    int rc = weir_stream_run_init(&v->run, run, id, config, name, err);
    v->run.connection = connection;
    *out = (struct weir_source_verified){.run = id,
                                         .source = config->name,
                                         .stream = v->run.load.stream,
                                         .schema = config->schema,
                                         .table = v->run.load.table,
                                         .status = "failed",
                                         .keys = WEIR_STR("[]"),
                                         .not_compared = WEIR_STR("[]"),
                                         .files = WEIR_STR(""),
                                         .started_at = v->run.load.started_at,
                                         .error = ""};
    rc = rc ? rc : weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &v->run.session, err);
    rc = rc ? rc : weir_source_ledger_open(v->run.session, err);
    rc = rc ? rc : make_plan(v, feed, err);
    rc = rc ? rc : stand_still(v, err);
    return rc ? rc : compare(v, err);
}

static void end_once(struct weir_verifying *v)
{
    weir_session_free(v->run.session);
    v->run.session = NULL;
    weir_stream_run_free(&v->run);
}

static int verify_stream(const struct weir_source_run *run, const char *id,
                         struct weir_source_config *config, void *connection,
                         struct weir_verify_feed *feed, struct weir_str name, bool follows,
                         const char **status, struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_verified out;
    struct weir_error why;
    struct weir_buf report;
    const char *ignored = "";
    struct weir_verifying *v = calloc(1, sizeof *v);
    if (!v) {
        return no_memory(err);
    }
    weir_buf_init(&report, MAX_CATALOG);
    struct weir_jw unseen = weir_jw_on(&report);
    struct weir_source_run all = *run; /* tables follow together */
    all.stream = NULL;
    weir_jw_array(&unseen);
    int rc = verify_once(run, id, config, connection, feed, name, &out, v, err);
    weir_source_watch_look(weir_source_watch_of(run->progress), out.stream);
    for (int i = 0; rc == WEIR_EBUSY && follows && i < TRIES; i++) {
        rc = weir_source_follow_all(&all, id, config, connection, &ignored, &unseen, &why)
                 ? weir_fail(err, WEIR_EAGAIN, "%s", why.message)
                 : 0;
        if (rc == 0) {
            end_once(v);
            rc = verify_once(run, id, config, connection, feed, name, &out, v, err);
        }
    }
    rc = v->refused ? weir_verify_pass(v) : weir_verify_keep(v, rc, err);
    *status = v->run.load.status;
    weir_source_watch_end(weir_source_watch_of(run->progress), &v->run.load);
    weir_verify_print(&out, w);
    end_once(v);
    weir_buf_free(&report);
    free(v);
    return rc;
}

/* --- all of a source ----------------------------------------------------------------------------
 */

static int tell_gone(const struct weir_source_run *run, const char *id,
                     const struct weir_source_config *config,
                     const struct weir_source_catalog *catalog, struct weir_jw *w,
                     struct weir_error *err)
{
    struct weir_source_gone gone = {.run = run,
                                    .id = id,
                                    .config = config,
                                    .compares = true,
                                    .unsure = config->connector->feed != NULL};
    for (size_t i = 0; i < catalog->count; i++) {
        weir_source_gone_there(&gone, catalog->streams[i].name);
    }
    return weir_source_gone_tell(&gone, w, err);
}

int weir_source_verify_all(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection, const char **status,
                           struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_catalog catalog = {.count = 0};
    struct weir_verify_feed feed = {.opened = false};
    const struct weir_source_connector *c = config->connector;
    struct weir_error why;
    bool found = false;
    int first = 0, rc = 0;
    weir_arena_init(&catalog.arena, MAX_CATALOG);
    rc = weir_source_streams(run, config, connection, &catalog, err);
    if (rc == 0 && c->feed) {
        weir_verify_feed_read(&feed, run, id, config, connection, &catalog);
    }
    for (size_t i = 0; rc == 0 && i < catalog.count && first != WEIR_ECANCELED; i++) {
        const char *one = "failed";
        if (run->stream && !weir_str_is(catalog.streams[i].name, run->stream)) {
            continue;
        }
        found = true;
        int code =
            verify_stream(run, id, config, connection, c->feed ? &feed : NULL,
                          catalog.streams[i].name, weir_source_follows(config), &one, w, &why);
        if (code && (first == 0 || code == WEIR_ECORRUPT)) {
            *status = one;
        } else if (first == 0 && strcmp(*status, "unchanged") == 0) {
            *status = one;
        }
        first = code && (first == 0 || code == WEIR_ECANCELED)
                    ? weir_fail(err, code, "%s", why.message)
                    : first;
    }
    if (rc == 0 && !found) {
        *status = run->stream ? WEIR_SOURCE_ASKED : *status;
        rc = weir_fail(err, WEIR_ENOENT,
                       "source \"%s\" has no stream%s%s%s; `weir source discover %s` shows them",
                       config->name, run->stream ? " \"" : "", run->stream ? run->stream : "",
                       run->stream ? "\"" : "", config->name);
    }
    if (rc == 0 && !run->stream && first != WEIR_ECANCELED) {
        int code = tell_gone(run, id, config, &catalog, w, &why);
        first = first || !code ? first : weir_fail(err, code, "%s", why.message);
    }
    weir_verify_feed_free(&feed);
    weir_arena_free(&catalog.arena);
    return rc ? rc : first;
}
