/* Snapshots that there are: who may see them, and what is in them.
 *
 * A snapshot holds rows as its maker saw them. Others see it when they may see the report and their
 * rules are the very same, so that nobody reads in it what her own query would not give her. */
#include "serve/snapshot.h"

#include <stdio.h>

#include "io/pack.h"
#include "serve/shelf.h"

#define MAX_MANIFEST (64u << 20)
#define MAX_DEPTH    40
#define PATH_SIZE    4096

/* --- who may see one -------------------------------------------------------------------------- */

struct viewer {
    const struct weir_caller *who;
    struct weir_access *access; /* NULL: sees everything */
    struct weir_hash128 rules;  /* as to one report */
};

/* `look` may be empty: then of no report. */
static int viewer_of(struct weir_shelf_job *job, const struct weir_report_look *look,
                     struct viewer *out, struct weir_error *err)
{
    out->who = &job->call.who;
    int rc = weir_caller_access(job->call.server->state, out->who, &job->arena, &out->access, err);
    if (rc == 0) {
        out->rules = weir_report_look_rules(look, out->access);
    }
    return rc;
}

static bool owns(const struct viewer *v, const struct weir_snapshot *s)
{
    return !v->access || strcmp(v->who->id, s->by_id) == 0;
}

/* Once it is known that she may see the report. */
static bool sees(const struct viewer *v, const struct weir_snapshot *s)
{
    return owns(v, s) ||
           (s->restricted && s->rules.hi == v->rules.hi && s->rules.lo == v->rules.lo);
}

/* The snapshot, when the caller may see it, or (`own`) remove it. */
static int find(struct weir_shelf_job *job, const char *id, bool own, struct weir_snapshot *out,
                struct weir_error *err)
{
    struct viewer v;
    struct weir_report_look look = {0};
    struct weir_error ignored;
    int rc = weir_snapshots_get(job->call.server->snapshots, id, &job->arena, out, err);
    if (rc) {
        return rc;
    }
    bool sees_report = weir_report_look(&job->call, &job->levels, &job->arena, out->report, NULL,
                                        &look, &ignored) == 0;
    rc = viewer_of(job, &look, &v, err);
    weir_report_look_end(&look);
    if (rc == 0 && !owns(&v, out) && (!sees(&v, out) || !sees_report)) {
        rc = weir_fail(err, WEIR_ENOENT, "there is no snapshot %.40s, or you may not see it", id);
    } else if (rc == 0 && own && !owns(&v, out)) {
        rc = weir_fail(err, WEIR_EPERM, "a snapshot is deleted by who made it, or by an admin");
    }
    return rc;
}

/* --- the list ------------------------------------------------------------------------------- */

/* Without the braces. */
static void print_head(struct weir_jw *w, const struct weir_snapshot *s)
{
    weir_jw_kstrz(w, "id", s->id);
    weir_jw_kstrz(w, "report", s->report);
    weir_jw_kstrz(w, "title", s->title);
    weir_jw_ktime(w, "at", s->at);
    weir_jw_keyz(w, "by");
    weir_jw_object(w);
    weir_jw_kstrz(w, "name", s->by_name);
    weir_jw_kstrz(w, "email", s->by_email);
    weir_jw_object_end(w);
    weir_jw_keyz(w, "values");
    weir_jw_raw(w, s->values);
    weir_jw_ku64(w, "bytes", s->bytes);
}

struct listing {
    struct weir_jw *w;
    struct viewer viewer;
};

static void list_one(const struct weir_snapshot *s, void *arg)
{
    const struct listing *l = arg;
    if (sees(&l->viewer, s)) {
        weir_jw_object(l->w);
        print_head(l->w, s);
        weir_jw_kbool(l->w, "mine", owns(&l->viewer, s));
        weir_jw_object_end(l->w);
    }
}

static int run_list(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_documents *all;
    const struct weir_document *d;
    struct listing l = {.w = &job->w};
    int rc = weir_shelf_find(job, WEIR_LEVEL_VIEW, &all, &d, err);
    rc = rc ? rc : viewer_of(job, &job->look, &l.viewer, err);
    if (rc == 0) {
        weir_jw_object(&job->w);
        weir_jw_keyz(&job->w, "snapshots");
        weir_jw_array(&job->w);
        weir_snapshots_each(job->call.server->snapshots, d->key, list_one, &l);
        weir_jw_array_end(&job->w);
        weir_jw_object_end(&job->w);
    }
    weir_documents_release(all);
    return rc;
}

/* --- one ------------------------------------------------------------------------------------- */

static int read_manifest(struct weir_shelf_job *job, const char *id,
                         struct weir_json_parser *parser, struct weir_json *out,
                         struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_MANIFEST);
    int rc = parser ? weir_snapshots_manifest(job->call.server->snapshots, id, &text, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a snapshot");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&text), out, err);
    weir_buf_free(&text);
    return rc;
}

static int print_member(struct weir_shelf_job *job, struct weir_json manifest, const char *key,
                        struct weir_error *err)
{
    weir_jw_keyz(&job->w, key);
    weir_json_print(weir_json_get(manifest, key), &job->out);
    job->w.comma = true;
    return weir_buf_check(&job->out, "the snapshot", err);
}

static int run_get(struct weir_shelf_job *job, struct weir_error *err)
{
    static const char *const members[] = {"version", "data_version", "document", "queries"};
    struct weir_snapshot s;
    struct weir_json manifest;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    int rc = find(job, job->id, false, &s, err);
    rc = rc ? rc : read_manifest(job, s.id, parser, &manifest, err);
    if (rc == 0) {
        weir_jw_object(&job->w);
        print_head(&job->w, &s);
        for (size_t i = 0; rc == 0 && i < sizeof members / sizeof members[0]; i++) {
            rc = print_member(job, manifest, members[i], err);
        }
        weir_jw_object_end(&job->w);
    }
    weir_json_parser_free(parser);
    return rc;
}

/* The place of a query in the manifest, by which its file is called. */
static int find_query(struct weir_json manifest, const char *id, size_t *n, struct weir_error *err)
{
    struct weir_str key;
    struct weir_json query;
    struct weir_json_iter it = weir_json_begin(weir_json_get(manifest, "queries"));
    for (*n = 0; weir_json_next(&it, &key, &query); (*n)++) {
        struct weir_str error = weir_json_get_str(query, "error");
        if (weir_str_is(key, id)) {
            return error.ptr ? weir_fail(err, WEIR_ENOENT,
                                         "the query %.60s had no rows but an error: %.400s", id,
                                         error.ptr)
                             : WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_ENOENT, "the snapshot has no query %.60s", id);
}

static int run_rows(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_snapshot s;
    struct weir_json manifest;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    char path[PATH_SIZE];
    size_t n = 0;
    char *query = strchr(job->id, '/'); /* the route has two places: {id}/{query} */
    int rc = query ? WEIR_OK : weir_fail(err, WEIR_EINVAL, "a query is missing");
    if (rc == 0) {
        *query++ = '\0';
        rc = find(job, job->id, false, &s, err);
    }
    rc = rc ? rc : read_manifest(job, s.id, parser, &manifest, err);
    rc = rc ? rc : find_query(manifest, query, &n, err);
    if (rc == 0) {
        weir_snapshots_rows_path(job->call.server->snapshots, s.id, n, path);
        rc = weir_pack_read(path, &job->out, err);
        job->type = "application/vnd.weir.columns";
    }
    weir_json_parser_free(parser);
    return rc;
}

static int run_remove(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_snapshot s;
    int rc = find(job, job->id, true, &s, err);
    rc = rc ? rc : weir_snapshots_remove(job->call.server->snapshots, s.id, err);
    rc = rc ? rc
            : weir_caller_note(job->call.server->state, &job->call.who, "snapshot.remove",
                               weir_str_of(s.id), (struct weir_str){0}, err);
    job->status = 204;
    return rc;
}

void weir_serve_snapshots(const struct weir_call *call)
{
    weir_shelf_answer(call, run_list);
}

void weir_serve_snapshot(const struct weir_call *call)
{
    weir_shelf_start(call, run_get);
}

void weir_serve_snapshot_rows(const struct weir_call *call)
{
    weir_shelf_start(call, run_rows);
}

void weir_serve_snapshot_remove(const struct weir_call *call)
{
    weir_shelf_start(call, run_remove);
}
