/* What is told of runs: to who asks, to who looks on, and after the server's next start. */
#include "serve/server.h"
#include "serve/source_item.h"
#include "serve/source_said.h"
#include "source/watch.h"

/* With the lock: members of an object. */
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

void weir_source_runs_keep_said(struct weir_source_item *item)
{
    struct weir_server *s = item->runs->server;
    struct weir_buf told, log;
    bool failed = strcmp(item->status, "loaded") != 0;
    if (strcmp(item->status, "unchanged") == 0 || atomic_load(&item->progress.asked)) {
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
