/* POST /api/replay starts one, GET /api/replay says how far it is. */
#include <stdlib.h>

#include "base/json.h"
#include "serve/server.h"

void weir_replay_job_init(struct weir_replay_job *job)
{
    memset(job, 0, sizeof *job);
    pthread_mutex_init(&job->lock, NULL);
    weir_arena_init(&job->arena, 1 << 20);
}

void weir_replay_job_free(struct weir_replay_job *job)
{
    if (job->started) {
        pthread_join(job->thread, NULL);
    }
    weir_arena_free(&job->arena);
    pthread_mutex_destroy(&job->lock);
}

static void print_report(const struct weir_replay_job *job, struct weir_jw *w)
{
    weir_jw_ktime(w, "ended_at", job->ended_at);
    if (job->code) {
        weir_jw_keyz(w, "error");
        weir_jw_object(w);
        weir_jw_kstrz(w, "code", weir_code_name(job->code));
        weir_jw_kstrz(w, "message", job->err.message);
        weir_jw_object_end(w);
        return;
    }
    weir_jw_keyz(w, "report");
    weir_jw_object(w);
    weir_jw_ku64(w, "records", job->report.records);
    weir_jw_ku64(w, "events", job->report.events);
    weir_jw_ku64(w, "tables", job->report.tables);
    weir_jw_ku64(w, "discards", job->report.discards);
    weir_jw_object_end(w);
}

void weir_replay_job_print(struct weir_replay_job *job, struct weir_jw *w)
{
    pthread_mutex_lock(&job->lock);
    weir_jw_object(w);
    weir_jw_kstrz(w, "state",
                  !job->ever     ? "none"
                  : job->running ? "running"
                  : job->code    ? "failed"
                                 : "done");
    if (job->ever) {
        weir_jw_kbool(w, "dry_run", job->what.dry_run);
        weir_jw_ku64(w, "done", job->done);
        weir_jw_ku64(w, "total", job->total);
        weir_jw_ktime(w, "started_at", job->started_at);
    }
    if (job->ever && !job->running) {
        print_report(job, w);
    }
    weir_jw_object_end(w);
    pthread_mutex_unlock(&job->lock);
}

static void note_progress(uint64_t done, uint64_t total, void *arg)
{
    struct weir_server *s = arg;
    pthread_mutex_lock(&s->replay.lock);
    s->replay.done = done;
    s->replay.total = total;
    pthread_mutex_unlock(&s->replay.lock);
}

static void *work(void *arg)
{
    struct weir_server *s = arg;
    struct weir_replay_job *job = &s->replay;
    struct weir_replay_report report = {0};
    struct weir_error err = {0};
    int code = weir_loader_replay(s->loader, &job->what, &report, &err);
    pthread_mutex_lock(&job->lock);
    job->report = report;
    job->code = code;
    job->err = err;
    job->ended_at = weir_now();
    job->running = false;
    pthread_mutex_unlock(&job->lock);
    if (code) {
        weir_log(s->log, WEIR_LOG_ERROR, "the replay failed", "error", err.message);
    }
    return NULL;
}

/* --- the request ---------------------------------------------------------------------------- */

static int read_time(struct weir_str key, struct weir_str text, weir_time *out,
                     struct weir_error *err)
{
    if (weir_time_parse_lenient(text, out)) {
        return 0;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "\"" WEIR_STR_FMT "\" is no time; write 2026-01-31T12:00:00Z",
                     WEIR_STR_ARG(key));
}

static int read_member(struct weir_replay_job *job, struct weir_str key, struct weir_json value,
                       struct weir_error *err)
{
    struct weir_replay *what = &job->what;
    struct weir_str text;
    if (weir_str_is(key, "dry_run") && weir_json_bool(value, &what->dry_run)) {
        return 0;
    }
    if (weir_json_str(value, &text)) {
        if (weir_str_is(key, "source")) {
            what->source = weir_arena_dup(&job->arena, text).ptr;
            return what->source ? 0 : weir_fail(err, WEIR_ETOOBIG, "\"source\" is too long");
        }
        if (weir_str_is(key, "event")) {
            what->event = weir_arena_dup(&job->arena, text).ptr;
            return what->event ? 0 : weir_fail(err, WEIR_ETOOBIG, "\"event\" is too long");
        }
        if (weir_str_is(key, "from")) {
            return read_time(key, text, &what->from, err);
        }
        if (weir_str_is(key, "to")) {
            return read_time(key, text, &what->to, err);
        }
    }
    return weir_fail(err, WEIR_EINVAL,
                     "\"" WEIR_STR_FMT
                     "\" is not known, or of the wrong type; there are source, event, from, to and "
                     "dry_run",
                     WEIR_STR_ARG(key));
}

static int read_body(struct weir_replay_job *job, struct weir_str body, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root, value;
    struct weir_str key;
    if (!parser) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to read the request");
    }
    int rc = weir_json_parse(parser, body, &root, err);
    if (rc == 0 && weir_json_type(root) != WEIR_JSON_OBJECT) {
        rc = weir_fail(err, WEIR_EINVAL, "the body must be a JSON object; {} replays everything");
    }
    struct weir_json_iter it = weir_json_begin(rc ? (struct weir_json){NULL, 0} : root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        rc = read_member(job, key, value, err);
    }
    weir_json_parser_free(parser);
    return rc;
}

/* With the lock held, and none running. */
static int start(struct weir_server *s, struct weir_str body, struct weir_error *err)
{
    struct weir_replay_job *job = &s->replay;
    if (job->started) {
        pthread_join(job->thread, NULL); /* it has ended, or is about to return */
        job->started = false;
    }
    weir_arena_reset(&job->arena);
    job->what = (struct weir_replay){
        .from = WEIR_TIME_MIN, .to = WEIR_TIME_MAX, .progress = note_progress, .arg = s};
    int rc = read_body(job, body, err);
    if (rc == 0 && pthread_create(&job->thread, NULL, work, s)) {
        rc = weir_fail(err, WEIR_EBUSY, "no thread for a replay; try again in a moment");
    }
    if (rc == 0) {
        job->started = job->running = job->ever = true;
        job->code = 0;
        job->done = job->total = 0;
        job->started_at = weir_now();
    }
    return rc;
}

void weir_serve_replay_start(const struct weir_call *call)
{
    struct weir_server *s = call->server;
    struct weir_error err;
    pthread_mutex_lock(&s->replay.lock);
    int rc = s->replay.running
                 ? weir_fail(&err, WEIR_EBUSY, "a replay is running; wait for its end")
                 : start(s, weir_http_body(call->req), &err);
    pthread_mutex_unlock(&s->replay.lock);
    if (rc) {
        weir_serve_reply_error(call, &err);
        return;
    }
    struct weir_buf body;
    weir_buf_init(&body, 8192);
    struct weir_jw w = weir_jw_on(&body);
    weir_replay_job_print(&s->replay, &w);
    weir_serve_reply_json(call, 202, &body);
    weir_buf_free(&body);
}

void weir_serve_replay_progress(const struct weir_call *call)
{
    struct weir_buf body;
    weir_buf_init(&body, 8192);
    struct weir_jw w = weir_jw_on(&body);
    weir_replay_job_print(&call->server->replay, &w);
    weir_serve_reply_json(call, 200, &body);
    weir_buf_free(&body);
}
