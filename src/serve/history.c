#include "serve/history.h"

#include <stdlib.h>

#include "state/run.h"

#define MAX_WAITING (16u << 20) /* bytes */
#define MAX_BATCH   256
#define MAX_ERROR   2000

struct weir_history_entry {
    struct weir_history_entry *next;
    struct weir_run run; /* its strings are in the arena */
    struct weir_arena arena;
    size_t size;
};

struct weir_history {
    struct weir_state *state;
    const struct weir_log *log;
    int64_t keep;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t added;
    struct weir_history_entry *first, **last;
    size_t waiting; /* bytes */
    uint64_t lost;
    bool ending;
};

/* --- writing -------------------------------------------------------------------------------- */

static void free_entry(struct weir_history_entry *e)
{
    weir_arena_free(&e->arena);
    free(e);
}

static struct weir_history_entry *take(struct weir_history *h, size_t *count)
{
    struct weir_history_entry *list = h->first, **end = &h->first;
    for (*count = 0; *end && *count < MAX_BATCH; end = &(*end)->next, ++*count) {
        h->waiting -= (*end)->size;
    }
    h->first = *end;
    *end = NULL;
    if (!h->first) {
        h->last = &h->first;
    }
    return list;
}

static void write_runs(struct weir_history *h, struct weir_history_entry *list, size_t count)
{
    struct weir_run runs[MAX_BATCH] = {0};
    struct weir_error err;
    size_t n = 0;
    for (const struct weir_history_entry *e = list; e; e = e->next) {
        runs[n++] = e->run;
    }
    if (weir_runs_add(h->state, runs, count, h->keep, &err)) {
        weir_log(h->log, WEIR_LOG_WARN, "the history of queries was not written", "runs",
                 weir_log_num((int64_t)count).text, "error", err.message);
    }
    while (list) {
        struct weir_history_entry *e = list;
        list = e->next;
        free_entry(e);
    }
}

static void *writer(void *arg)
{
    struct weir_history *h = arg;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        while (!h->first && !h->ending) {
            pthread_cond_wait(&h->added, &h->lock);
        }
        if (!h->first) {
            break;
        }
        size_t count;
        struct weir_history_entry *list = take(h, &count);
        uint64_t lost = h->lost;
        h->lost = 0;
        pthread_mutex_unlock(&h->lock);
        if (lost) {
            weir_log(h->log, WEIR_LOG_WARN, "queries ended faster than their history is written",
                     "left_out", weir_log_num((int64_t)lost).text);
        }
        write_runs(h, list, count);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

int weir_history_new(const char *state_path, int64_t keep, const struct weir_log *log,
                     struct weir_history **out, struct weir_error *err)
{
    struct weir_history *h = *out = calloc(1, sizeof *h);
    if (!h) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the history of queries");
    }
    h->log = log;
    h->keep = keep;
    h->last = &h->first;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->added, NULL);
    int rc = weir_state_open_loose(state_path, &h->state, err);
    if (rc == 0 && pthread_create(&h->thread, NULL, writer, h)) {
        rc = weir_fail(err, WEIR_EAGAIN, "no thread for the history of queries");
    }
    h->started = rc == 0;
    if (rc) {
        weir_history_free(h);
        *out = NULL;
    }
    return rc;
}

void weir_history_free(struct weir_history *h)
{
    if (!h) {
        return;
    }
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_cond_signal(&h->added);
    pthread_mutex_unlock(&h->lock);
    if (h->started) {
        pthread_join(h->thread, NULL);
    }
    pthread_cond_destroy(&h->added);
    pthread_mutex_destroy(&h->lock);
    weir_state_close(h->state);
    free(h);
}

struct weir_state *weir_history_state(struct weir_history *h)
{
    return h->state;
}

/* --- one run -------------------------------------------------------------------------------- */

static struct weir_str copy(struct weir_history_entry *e, struct weir_str s)
{
    struct weir_str out = s.len ? weir_arena_dup(&e->arena, s) : WEIR_STR("");
    e->size += out.ptr ? s.len : 0;
    return out.ptr ? out : WEIR_STR("");
}

static struct weir_str copy_values(struct weir_history_entry *e, struct weir_json values)
{
    struct weir_buf text;
    struct weir_str out = WEIR_STR("");
    if (!weir_json_exists(values)) {
        return out;
    }
    weir_buf_init(&text, WEIR_RUN_MAX_VALUES);
    weir_json_print(values, &text);
    if (weir_buf_ok(&text)) {
        out = copy(e, weir_buf_str(&text));
    }
    weir_buf_free(&text);
    return out;
}

struct weir_history_entry *weir_history_begin(const struct weir_call *call,
                                              const struct weir_query_body *body)
{
    const struct weir_history *h = call->server->history;
    struct weir_history_entry *e =
        h->keep && !body->unnoted && !call->embed.ptr ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        return NULL;
    }
    weir_arena_init(&e->arena, 1u << 20);
    e->size = sizeof *e;
    e->run.at = weir_now();
    e->run.person = copy(e, weir_str_of(weir_caller_asker(&call->who)));
    e->run.values = copy_values(e, body->values);
    if (body->report) { /* its SQL is the report's; whoever runs it need not be shown it */
        e->run.report = copy(e, weir_str_of(body->report));
        e->run.query = copy(e, weir_str_of(body->query));
    } else {
        e->run.sql = copy(e, weir_utf8_cut(weir_str_of(body->request.sql), WEIR_RUN_MAX_SQL));
    }
    return e;
}

void weir_history_end(struct weir_history *h, struct weir_history_entry *e,
                      const struct weir_query_summary *summary, const struct weir_error *err)
{
    if (!e) {
        return;
    }
    e->run.rows = err || !summary ? -1 : (int64_t)summary->rows;
    e->run.truncated = summary && summary->truncated;
    e->run.elapsed = summary ? summary->elapsed : 0;
    e->run.error =
        err ? copy(e, weir_utf8_cut(weir_str_of(err->message), MAX_ERROR)) : WEIR_STR("");
    pthread_mutex_lock(&h->lock);
    bool room = h->waiting + e->size <= MAX_WAITING;
    if (room) {
        h->waiting += e->size;
        *h->last = e;
        h->last = &e->next;
        pthread_cond_signal(&h->added);
    } else {
        h->lost++;
    }
    pthread_mutex_unlock(&h->lock);
    if (!room) {
        free_entry(e);
    }
}

void weir_history_drop(struct weir_history_entry *e)
{
    if (e) {
        free_entry(e);
    }
}

/* --- GET /api/history ------------------------------------------------------------------------- */

static int number(struct weir_ask *ask, const char *name, int64_t least, int64_t *out,
                  struct weir_error *err)
{
    struct weir_str text = weir_ask_param(ask, name);
    return !text.ptr || (weir_str_to_i64(text, out) && *out >= least)
               ? 0
               : weir_fail(err, WEIR_EINVAL, "\"%s\" must be a number from %d", name, (int)least);
}

static void print_run(struct weir_ask *ask, const struct weir_run *run)
{
    struct weir_jw *w = &ask->w;
    weir_jw_object(w);
    weir_jw_ki64(w, "id", run->id);
    weir_jw_ktime_or_null(&ask->w, "at", run->at);
    weir_jw_kstr_or_null(w, "sql", run->sql);
    weir_jw_keyz(w, "values");
    if (run->values.len) {
        weir_jw_raw(w, run->values);
    } else {
        weir_jw_null(w);
    }
    weir_jw_kstr_or_null(w, "report", run->report);
    weir_jw_kstr_or_null(w, "query", run->query);
    weir_jw_keyz(w, "rows");
    if (run->rows < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_i64(w, run->rows);
    }
    weir_jw_kbool(w, "truncated", run->truncated);
    weir_jw_keyz(w, "elapsed_ms");
    weir_jw_double(w, (double)run->elapsed / 1000);
    weir_jw_kstr_or_null(w, "error", run->error);
    weir_jw_object_end(w);
}

int weir_ask_history(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_run_filter filter = {.person = weir_str_of(weir_caller_asker(&ask->who)),
                                     .limit = 50,
                                     .text = weir_ask_param(ask, "q")};
    struct weir_run *runs;
    size_t count = 0;
    bool more = false;
    int rc = number(ask, "before", 0, &filter.before, err);
    rc = rc ? rc : number(ask, "limit", 1, &filter.limit, err);
    rc = rc ? rc : weir_runs_list(ask->runs, &filter, &ask->arena, &runs, &count, &more, err);
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "runs");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        print_run(ask, &runs[i]);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_kbool(&ask->w, "more", more);
    weir_jw_object_end(&ask->w);
    return rc;
}
