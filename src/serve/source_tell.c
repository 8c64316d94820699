/* What is told of runs: to who asks, to who looks on, and after the server's next start. */
#include <stdio.h>

#include "serve/server.h"
#include "serve/source_item.h"
#include "serve/source_said.h"
#include "source/schedule/watch.h"

/* Members of an object; of a run that is in the list, with the lock. */
static void print_item(const struct weir_source_item *item, size_t streams, struct weir_jw *w)
{
    weir_jw_kstrz(w, "run", item->id);
    weir_jw_kstrz(w, "source", item->source);
    weir_jw_kstr_or_null(w, "stream", weir_str_of(item->stream));
    weir_jw_kbool(w, "full", item->full);
    weir_jw_kbool(w, "verify", item->verify);
    weir_jw_kstrz(w, "state", item->running ? "running" : "done");
    weir_jw_kstr_or_null(w, "status", weir_str_of(item->running ? "" : item->status));
    weir_jw_kstr_or_null(w, "error", weir_str_of(item->error));
    weir_jw_ktime(w, "started_at", item->started_at);
    weir_jw_ktime_or_null(w, "ended_at", item->ended_at);
    weir_source_watch_print(item->progress.watch, item->running, streams, w);
}

int weir_source_runs_note_begin(struct weir_source_item *item, struct weir_error *err)
{
    struct weir_buf told;
    weir_buf_init(&told, 1u << 20);
    struct weir_jw w = weir_jw_on(&told);
    snprintf(item->error, sizeof item->error, "%s", WEIR_SOURCE_CUT_OFF);
    item->status = "failed";
    weir_jw_object(&w);
    print_item(item, 0, &w);
    weir_jw_object_end(&w);
    item->status = NULL;
    item->error[0] = '\0';
    int rc = weir_buf_check(&told, "a run", err);
    rc = rc ? rc
            : weir_run_log_begin(item->runs->begun,
                                 &(struct weir_run_log){.run = weir_str_of(item->id),
                                                        .source = weir_str_of(item->source),
                                                        .told = weir_buf_str(&told),
                                                        .log = WEIR_STR("[]"),
                                                        .ended_at = item->started_at},
                                 err);
    weir_buf_free(&told);
    return rc;
}

void weir_source_runs_note_nothing(struct weir_source_item *item)
{
    struct weir_error err;
    if (weir_run_log_drop(item->runs->begun, weir_str_of(item->id), &err)) {
        weir_log(item->runs->server->log, WEIR_LOG_WARN,
                 "a run that ended will be told as one that did not", "error", err.message);
    }
}

/* What was asked of it, as it was told. */
static int read_told(const struct weir_run_log *log, struct weir_arena *arena,
                     struct weir_source_run *run, struct weir_error *err)
{
    struct weir_json root;
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_str stream = {0};
    int rc = parser ? weir_json_parse(parser, log->told, &root, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a run");
    if (rc == 0) {
        (void)weir_json_bool(weir_json_get(root, "verify"), &run->verify);
        run->source = log->source.ptr;
        run->stream = weir_json_str(weir_json_get(root, "stream"), &stream) && stream.len
                          ? weir_arena_dup(arena, stream).ptr
                          : NULL;
    }
    weir_json_parser_free(parser);
    return rc;
}

int weir_source_runs_note_cut(struct weir_source_runs *runs, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_run_log log = {0};
    struct weir_error ignored;
    int rc = weir_source_drop_stages(runs->server->warehouse, &ignored);
    if (rc) {
        weir_log(runs->server->log, WEIR_LOG_WARN, "what runs that were cut off had staged stays",
                 "error", ignored.message);
    }
    weir_arena_init(&arena, 64u << 20);
    while ((rc = weir_run_log_begun(runs->begun, &arena, &log, err)) == 0 && log.run.ptr) {
        struct weir_source_run run = {
            .site = &runs->site, .warehouse = runs->server->warehouse, .log = runs->server->log};
        struct weir_error why;
        if (read_told(&log, &arena, &run, &why) ||
            weir_source_cut_off(&run, log.run.ptr, log.ended_at, &why)) {
            weir_log(runs->server->log, WEIR_LOG_WARN, "a run that was cut off left something",
                     "source", log.source.ptr, "error", why.message);
        }
        log.log = WEIR_STR("[]");
        log.ended_at = weir_now();
        rc = weir_run_log_put(runs->begun, &log, err);
        if (rc) {
            break;
        }
    }
    weir_arena_free(&arena);
    return rc;
}

void weir_source_runs_keep_said(struct weir_source_item *item)
{
    struct weir_server *s = item->runs->server;
    struct weir_buf told, log;
    bool failed = strcmp(item->status, "loaded") != 0;
    /* What rests was said when it failed. */
    bool said = failed && weir_source_only_rested(&item->progress);
    if (strcmp(item->status, "unchanged") == 0 || atomic_load(&item->progress.asked) || said) {
        weir_source_runs_note_nothing(item);
        return;
    }
    weir_buf_init(&told, 1u << 20);
    weir_buf_init(&log, 1u << 20);
    struct weir_jw w = weir_jw_on(&told);
    weir_jw_object(&w);
    print_item(item, WEIR_SAID_STREAMS, &w);
    weir_jw_object_end(&w);
    w = weir_jw_on(&log);
    weir_source_watch_print_log(item->progress.watch, WEIR_SAID_BYTES, &w);
    if (weir_buf_ok(&told) && weir_buf_ok(&log)) {
        weir_source_said_keep(s->state, s->log,
                              &(struct weir_run_log){.run = weir_str_of(item->id),
                                                     .source = weir_str_of(item->source),
                                                     .told = weir_buf_str(&told),
                                                     .log = weir_buf_str(&log),
                                                     .ended_at = item->ended_at,
                                                     .failed = failed});
    }
    weir_buf_free(&told);
    weir_buf_free(&log);
}

bool weir_source_runs_print(struct weir_source_runs *runs, const char *id, struct weir_jw *w)
{
    pthread_mutex_lock(&runs->lock);
    struct weir_source_item *item = weir_source_runs_find(runs, id);
    if (item) {
        weir_jw_object(w);
        print_item(item, SIZE_MAX, w);
        weir_jw_keyz(w, "log");
        weir_source_watch_print_log(item->progress.watch, SIZE_MAX, w);
        weir_jw_keyz(w, "report");
        if (item->running || !weir_buf_ok(&item->report) || !item->report.len) {
            weir_jw_null(w);
        } else {
            weir_jw_raw(w, weir_buf_str(&item->report));
        }
        weir_jw_object_end(w);
    }
    pthread_mutex_unlock(&runs->lock);
    return item || weir_source_said_print(runs->server->state, id, w);
}

void weir_source_runs_print_latest(struct weir_source_runs *runs, const char *source,
                                   struct weir_jw *w)
{
    pthread_mutex_lock(&runs->lock);
    const struct weir_source_item *item = weir_source_runs_latest(runs, source, false, false),
                                  *compares = weir_source_runs_running(runs, source);
    item = compares ? compares : item;
    if (item) {
        weir_jw_object(w);
        print_item(item, SIZE_MAX, w);
        weir_jw_object_end(w);
    } else {
        weir_jw_null(w);
    }
    pthread_mutex_unlock(&runs->lock);
}

void weir_source_runs_print_all(struct weir_source_runs *runs, const char *source,
                                struct weir_jw *w)
{
    struct weir_run_log kept[2 * WEIR_RUN_LOGS];
    struct weir_arena arena;
    struct weir_error ignored; /* those that are remembered are told all the same */
    size_t count = 0;
    weir_arena_init(&arena, 16u << 20);
    if (weir_run_logs_list(runs->server->state, weir_str_of(source), &arena, kept, &count,
                           &ignored)) {
        count = 0;
    }
    pthread_mutex_lock(&runs->lock);
    weir_jw_array(w);
    for (size_t i = runs->count; i-- > 0;) {
        if (strcmp(runs->items[i]->source, source) == 0) {
            weir_jw_object(w);
            print_item(runs->items[i], SIZE_MAX, w);
            weir_jw_object_end(w);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!weir_source_runs_find(runs, kept[i].run.ptr)) {
            weir_jw_raw(w, kept[i].told);
        }
    }
    weir_jw_array_end(w);
    pthread_mutex_unlock(&runs->lock);
    weir_arena_free(&arena);
}

void weir_source_runs_news(struct weir_source_runs *runs, weir_source_runs_tell tell, void *arg)
{
    struct weir_buf text;
    weir_buf_init(&text, 4u << 20);
    pthread_mutex_lock(&runs->lock);
    for (size_t i = 0; i < runs->count; i++) {
        struct weir_source_item *item = runs->items[i];
        unsigned long long rows = atomic_load(&item->progress.rows),
                           bytes = atomic_load(&item->progress.bytes);
        if (item->told && item->told_running == item->running && item->told_rows == rows &&
            item->told_bytes == bytes) {
            continue;
        }
        struct weir_jw w = weir_jw_on(&text);
        weir_buf_reset(&text);
        weir_jw_object(&w);
        print_item(item, SIZE_MAX, &w);
        weir_jw_object_end(&w);
        item->told = true;
        item->told_running = item->running;
        item->told_rows = rows;
        item->told_bytes = bytes;
        tell(arg, item->source, weir_buf_ok(&text) ? weir_buf_str(&text) : WEIR_STR("null"));
    }
    pthread_mutex_unlock(&runs->lock);
    weir_buf_free(&text);
}
