/* Comparing the tables of a source with it, stream by stream. */
#include "source/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/follow.h"
#include "source/watch.h"

#define MAX_CATALOG (64u << 20)
#define OF_BUCKET   1000 /* rows */
#define TRIES       5    /* until a source that is followed stands still for a moment */
#define ALL         "*"

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
    uint64_t at = (uint64_t)weir_figures_number(bucket);
    if (at < compare->buckets) {
        out[at].rows = (uint64_t)weir_figures_number(rows);
        out[at].sum = weir_figures_number(sum);
    }
}

struct verifying {
    struct weir_stream_run run; /* first */
    struct weir_source_compare compare;
    struct weir_source_bucket *there, *here;
    bool *wanted;
    struct weir_verify_table table;
    struct weir_source_verified *out;
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for comparing a table");
}

static struct weir_source_watch *watch_of(const struct weir_source_run *run)
{
    return run->progress ? run->progress->watch : NULL;
}

static bool is_wrong(const struct weir_source_verified *v)
{
    return v->missing + v->extra + v->different > 0;
}

/* --- what is compared ---------------------------------------------------------------------------
 */

/* Columns that the table has as they come; the others are named. */
static int choose_columns(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_buf names;
    size_t *compared = weir_arena_calloc(&r->plan.arena, (r->settled.count + 1) * sizeof *compared);
    weir_buf_init(&names, MAX_CATALOG);
    struct weir_jw w = weir_jw_on(&names);
    weir_jw_array(&w);
    for (size_t i = 0; compared && i < r->settled.count; i++) {
        const struct weir_column *c = &r->settled.columns[i];
        const struct weir_column *old = weir_source_find_column(r->target, c->name);
        if (old && weir_source_same_type(old, c)) {
            compared[v->compare.compared_count++] = i;
        } else {
            weir_jw_str(&w, c->name);
        }
    }
    weir_jw_array_end(&w);
    v->compare.compared = compared;
    v->compare.columns = r->settled.columns;
    v->out->not_compared = weir_arena_dup(&r->plan.arena, weir_buf_str(&names));
    weir_buf_free(&names);
    return !compared || !v->out->not_compared.ptr ? no_memory(err)
           : v->compare.compared_count            ? 0
                                       : weir_fail(err, WEIR_EINVAL, "no column can be compared");
}

static bool is_compared(const struct verifying *v, size_t column)
{
    for (size_t i = 0; i < v->compare.compared_count; i++) {
        if (v->compare.compared[i] == column) {
            return true;
        }
    }
    return false;
}

/* The file's key, else the source's own, else the whole row. */
static int choose_key(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_text_list *named = &r->stream.key;
    size_t *key = weir_arena_calloc(&r->plan.arena, (r->settled.count + 1) * sizeof *key);
    size_t count = 0;
    int rc = key ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < r->settled.count; i++) {
        for (size_t k = 0; k < named->count; k++) {
            if (weir_str_is(r->settled.columns[i].name, named->items[k])) {
                key[count++] = i;
            }
        }
    }
    rc = rc || count
             ? rc
             : r->config->connector->verifier->key(r->connection, &r->plan, key, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        count = is_compared(v, key[i]) ? count : 0;
    }
    v->compare.key = count ? key : v->compare.compared;
    v->compare.key_count = count ? count : v->compare.compared_count;
    return rc;
}

/* The greatest value of the cursor column that was read. */
static int read_mark(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_str cursor = {NULL, 0};
    struct weir_json root;
    struct weir_buf text;
    weir_buf_init(&text, MAX_CATALOG);
    int rc = parser ? weir_source_ledger_cursor(r->session, r->config->name, r->stream.name,
                                                &r->plan.arena, &cursor, err)
                    : no_memory(err);
    weir_buf_adds(&text, cursor.ptr ? cursor : WEIR_STR("{}"));
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    struct weir_str value = rc ? (struct weir_str){NULL, 0} : weir_json_get_str(root, "value");
    v->table.mark = value.ptr ? weir_arena_dup(&r->plan.arena, value) : value;
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    return rc;
}

static int make_plan(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_str none = {NULL, 0};
    int rc = weir_stream_run_find_target(r, err);
    if (rc == 0 && !r->target) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "stream \"%s\" was not loaded yet; `weir sync %s.%s` loads it",
                       r->stream.name, r->config->name, r->stream.name);
    }
    r->plan.exclude = &r->stream.exclude;
    r->plan.stop = r->run->progress ? &r->run->progress->stop : NULL;
    rc = rc ? rc : r->config->connector->plan(r->connection, &r->stream, none, &r->plan, err);
    r->plan.whole = r->plan.complete = r->plan.nothing = false;
    rc =
        rc ? rc : weir_source_settle(&r->plan, &r->stream, r->target, r->session, &r->settled, err);
    weir_buf_free(&r->settled.changes);
    v->table = (struct weir_verify_table){.run = r, .compare = &v->compare};
    v->table.extras = r->stream.mode == WEIR_SOURCE_REPLACE ||
                      r->stream.mode == WEIR_SOURCE_HISTORY || r->stream.deletes;
    rc = rc ? rc : choose_columns(v, err);
    rc = rc ? rc : choose_key(v, err);
    return rc || !*r->stream.cursor ? rc : read_mark(v, err);
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static int compare_sums(struct verifying *v, bool *differ, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    int rc = weir_verify_count(&v->table, &v->out->rows, err);
    v->compare.buckets = 1;
    while (v->compare.buckets < WEIR_VERIFY_BUCKETS &&
           v->out->rows / v->compare.buckets > OF_BUCKET) {
        v->compare.buckets *= 2;
    }
    v->there = weir_arena_calloc(&r->plan.arena, v->compare.buckets * sizeof *v->there);
    v->here = weir_arena_calloc(&r->plan.arena, v->compare.buckets * sizeof *v->here);
    v->wanted = weir_arena_calloc(&r->plan.arena, v->compare.buckets * sizeof *v->wanted);
    v->compare.wanted = v->wanted;
    rc = rc || (v->there && v->here && v->wanted) ? rc : no_memory(err);
    rc = rc ? rc
            : r->config->connector->verifier->sums(r->connection, &r->plan, &v->compare, v->there,
                                                   err);
    rc = rc ? rc : weir_verify_sums(&v->table, v->here, err);
    *differ = false;
    for (unsigned i = 0; rc == 0 && i < v->compare.buckets; i++) {
        v->wanted[i] = v->there[i].rows != v->here[i].rows || v->there[i].sum != v->here[i].sum;
        *differ = *differ || v->wanted[i];
    }
    return rc;
}

static int mend(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    struct weir_source_load *l = &r->load;
    int rc = weir_verify_repair(&v->table, err);
    l->mode = "repair";
    l->status = "loaded";
    l->rows_discarded = r->stage.reject_count;
    l->rows_written = v->out->missing + v->out->different;
    l->rows_superseded = l->rows_read - l->rows_discarded - l->rows_written;
    l->rows_deleted = v->out->extra;
    l->ended_at = weir_now();
    v->out->status = "repaired";
    rc = rc ? rc : weir_source_ledger_add(r->session, l, err);
    return rc ? rc : weir_source_ledger_verified(r->session, v->out, err);
}

/* The stage beside the table, in one transaction. */
static int compare_rows(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    int rc = weir_session_begin(r->session, err);
    if (rc) {
        return rc;
    }
    rc = weir_verify_differences(&v->table, v->out, err);
    bool mends = rc == 0 && is_wrong(v->out) && r->run->repair;
    rc = mends ? mend(v, err) : rc;
    rc = mends && rc == 0 ? weir_session_commit(r->session, err) : rc;
    if (rc || !mends) {
        weir_session_rollback(r->session);
    }
    return rc;
}

static int compare(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    bool differ = false;
    int rc = compare_sums(v, &differ, err);
    v->out->status = "equal";
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
    if (rc == 0 && is_wrong(v->out) && !r->run->repair) {
        v->out->status = "differs";
    }
    return rc;
}

/* --- one stream ---------------------------------------------------------------------------------
 */

/* Of a source that is followed: its tables and the snapshot must be at one position. */
static int stand_still(struct verifying *v, struct weir_error *err)
{
    struct weir_stream_run *r = &v->run;
    const struct weir_source_verifier *verifier = r->config->connector->verifier;
    struct weir_str cursor = {NULL, 0};
    char why[200] = "";
    if (!verifier->ready) {
        return 0;
    }
    int rc =
        weir_source_ledger_cursor(r->session, r->config->name, ALL, &r->plan.arena, &cursor, err);
    rc = rc ? rc : verifier->ready(r->connection, &r->plan, cursor, why, err);
    return rc || !*why ? rc : weir_fail(err, WEIR_EBUSY, "%s", why);
}

static int verify_once(const struct weir_source_run *run, const char *id,
                       struct weir_source_config *config, void *connection, struct weir_str name,
                       struct weir_source_verified *out, struct verifying *v,
                       struct weir_error *err)
{
    *v = (struct verifying){.out = out};
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
                                         .started_at = v->run.load.started_at,
                                         .error = ""};
    rc = rc ? rc : weir_session_new(run->warehouse, WEIR_SESSION_OWNER, &v->run.session, err);
    rc = rc ? rc : weir_source_ledger_open(v->run.session, err);
    rc = rc ? rc : make_plan(v, err);
    rc = rc ? rc : stand_still(v, err);
    return rc ? rc : compare(v, err);
}

static void end_once(struct verifying *v)
{
    weir_session_free(v->run.session);
    v->run.session = NULL;
    weir_stream_run_free(&v->run);
}

static void print(const struct weir_source_verified *v, struct weir_jw *w)
{
    weir_jw_object(w);
    weir_jw_kstrz(w, "stream", v->stream);
    weir_jw_kstrz(w, "schema", v->schema);
    weir_jw_kstrz(w, "table", v->table);
    weir_jw_kstrz(w, "status", v->status);
    weir_jw_ku64(w, "rows", v->rows);
    weir_jw_ku64(w, "compared", v->compared);
    weir_jw_ku64(w, "missing", v->missing);
    weir_jw_ku64(w, "extra", v->extra);
    weir_jw_ku64(w, "different", v->different);
    weir_jw_ku64(w, "pending", v->pending);
    weir_jw_keyz(w, "keys");
    weir_jw_raw(w, v->keys);
    weir_jw_keyz(w, "not_compared");
    weir_jw_raw(w, v->not_compared);
    weir_jw_kstr_or_null(w, "error", weir_str_of(v->error));
    weir_jw_object_end(w);
}

/* What came of it is a row of weir.verifications, and a line of the log. */
static int keep(struct verifying *v, int rc, struct weir_error *err)
{
    const struct weir_source_run *run = v->run.run;
    struct weir_source_verified *out = v->out;
    struct weir_source_load *load = &v->run.load;
    struct weir_error why = {0};
    char words[256];
    out->ended_at = weir_now();
    snprintf(words, sizeof words, "%llu missing, %llu extra and %llu different of %llu rows",
             (unsigned long long)out->missing, (unsigned long long)out->extra,
             (unsigned long long)out->different, (unsigned long long)out->rows);
    if (rc == 0 && strcmp(out->status, "differs") == 0) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "%s.%s is not what its source is: %s; `weir verify %s.%s --repair` loads "
                       "these again",
                       out->schema, out->table, words, out->source, out->stream);
    } else if (rc) {
        out->status = "failed";
        out->missing = out->extra = out->different = out->pending = 0;
        out->keys = WEIR_STR("[]");
    }
    out->error = rc ? err->message : "";
    load->status = rc == WEIR_ECORRUPT                    ? "mismatch"
                   : rc                                   ? "failed"
                   : strcmp(out->status, "repaired") == 0 ? "loaded"
                                                          : "unchanged";
    load->error = out->error;
    if (rc) {
        weir_log(run->log, WEIR_LOG_ERROR,
                 "a table is not what its source is, or that is not known", "source", out->source,
                 "stream", out->stream, "error", out->error);
    }
    weir_source_watch_say(watch_of(run), "%s: %s%s%s", out->stream, out->status,
                          rc              ? ": "
                          : is_wrong(out) ? ": "
                                          : "",
                          rc              ? out->error
                          : is_wrong(out) ? words
                                          : "");
    int failed = strcmp(out->status, "repaired") == 0 || !v->run.session
                     ? 0
                     : weir_source_ledger_verified(v->run.session, out, &why);
    return rc ? rc : failed ? weir_fail(err, failed, "%s", why.message) : 0;
}

static int verify_stream(const struct weir_source_run *run, const char *id,
                         struct weir_source_config *config, void *connection, struct weir_str name,
                         bool follows, const char **status, struct weir_jw *w,
                         struct weir_error *err)
{
    struct weir_source_verified out;
    struct weir_error why;
    struct weir_buf report;
    const char *ignored = "";
    struct verifying *v = calloc(1, sizeof *v);
    if (!v) {
        return no_memory(err);
    }
    weir_buf_init(&report, MAX_CATALOG);
    struct weir_jw unseen = weir_jw_on(&report);
    struct weir_source_run all = *run; /* tables follow together */
    all.stream = NULL;
    weir_jw_array(&unseen);
    int rc = verify_once(run, id, config, connection, name, &out, v, err);
    weir_source_watch_look(watch_of(run), out.stream);
    for (int i = 0; rc == WEIR_EBUSY && follows && i < TRIES; i++) {
        rc = weir_source_follow_all(&all, id, config, connection, &ignored, &unseen, &why)
                 ? weir_fail(err, WEIR_EAGAIN, "%s", why.message)
                 : 0;
        if (rc == 0) {
            end_once(v);
            rc = verify_once(run, id, config, connection, name, &out, v, err);
        }
    }
    rc = keep(v, rc, err);
    *status = v->run.load.status;
    weir_source_watch_end(watch_of(run), &v->run.load);
    print(&out, w);
    end_once(v);
    weir_buf_free(&report);
    free(v);
    return rc;
}

/* --- all of a source ----------------------------------------------------------------------------
 */

int weir_source_verify_all(const struct weir_source_run *run, const char *id,
                           struct weir_source_config *config, void *connection, const char **status,
                           struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_catalog catalog = {.count = 0};
    const struct weir_source_capture *capture = config->connector->capture;
    struct weir_error why;
    bool found = false;
    int first = 0, rc = 0;
    if (!config->connector->verifier) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "sources of kind %s cannot be compared row by row; each load of theirs is "
                         "proven, and `weir sync %s --full` reads all of it anew",
                         config->connector->name, config->name);
    }
    weir_arena_init(&catalog.arena, MAX_CATALOG);
    size_t count = config->stream_count;
    rc = count ? 0 : config->connector->discover(connection, &catalog, err);
    count = count ? count : catalog.count;
    for (size_t i = 0; rc == 0 && i < count && first != WEIR_ECANCELED; i++) {
        struct weir_str name =
            config->stream_count ? weir_str_of(config->streams[i].name) : catalog.streams[i].name;
        const char *one = "failed";
        if (run->stream && !weir_str_is(name, run->stream)) {
            continue;
        }
        found = true;
        int code = verify_stream(run, id, config, connection, name,
                                 capture && capture->on(connection), &one, w, &why);
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
        rc = weir_fail(err, WEIR_ENOENT,
                       "source \"%s\" has no such stream; `weir source discover %s` shows them",
                       config->name, config->name);
    }
    weir_arena_free(&catalog.arena);
    return rc ? rc : first;
}
