/* Sources that change while the collector runs, and the quarantine's own clock. */
#include "collect/watch.h"
#include "collect/collector.h"

static void note_broken(struct weir_collector *c, const struct weir_error *err)
{
    c->metrics.source_errors++;
    if (strcmp(c->sources_error.message, err->message) != 0) {
        c->sources_error = *err;
        weir_log(c->log, WEIR_LOG_ERROR, "sources/ cannot be read; the last good state stays",
                 "error", err->message);
    }
}

void weir_watch_sources(void *collector)
{
    struct weir_collector *c = collector;
    struct weir_error err = {0};
    struct weir_sources fresh = {0};
    if (!weir_sources_changed(c->workspace, &c->sources)) {
        return;
    }
    if (weir_sources_load(c->workspace, &fresh, &err)) {
        note_broken(c, &err);
        return;
    }
    weir_sources_free(&c->sources);
    c->sources = fresh;
    c->sources_error = (struct weir_error){0};
    weir_log(c->log, WEIR_LOG_INFO, "sources read again", "sources",
             weir_log_num((int64_t)c->sources.count).text);
}

void weir_watch_expiry(void *collector)
{
    struct weir_collector *c = collector;
    struct weir_error err = {0};
    unsigned removed = 0;
    weir_time before = weir_now() - c->settings.quarantine_for;
    if (weir_eventlog_expire(c->quarantine_dir, before, &removed, &err)) {
        weir_log(c->log, WEIR_LOG_WARN, "the quarantine could not be cleared of old calls", "error",
                 err.message);
    } else if (removed) {
        weir_log(c->log, WEIR_LOG_INFO, "old calls left the quarantine", "segments",
                 weir_log_num(removed).text);
    }
}
