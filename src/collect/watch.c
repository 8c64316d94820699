/* Sources that change while the collector runs, and the quarantine's own clock. */
#include "collect/watch.h"
#include "base/map.h"
#include "collect/collector.h"
#include "collect/control.h"
#include "collect/quarantine.h"

static void note_broken(struct weir_collector *c, const char *what, const struct weir_error *err)
{
    c->metrics.source_errors++;
    if (strcmp(c->sources_error.message, err->message) != 0) {
        c->sources_error = *err;
        weir_log(c->log, WEIR_LOG_ERROR, what, "error", err->message);
    }
}

int weir_watch_begin(struct weir_collector *c, struct weir_error *err)
{
    int rc = weir_sources_load_most(c->workspace, &c->sources, err);
    if (rc && !c->sources.partly) {
        weir_sources_free(&c->sources);
    }
    if (rc && rc != WEIR_ENOMEM) {
        note_broken(c,
                    "sources/ has mistakes; what comes with keys that are not known is kept in "
                    "quarantine until they are mended",
                    err);
        rc = 0;
    }
    return rc;
}

/* Whether `of` has a write key that `in` has not. One that two share is neither's. */
static bool has_key_beyond(const struct weir_sources *of, const struct weir_sources *in)
{
    struct weir_map known;
    bool beyond = false;
    weir_map_init(&known);
    for (int pass = 0; pass < 2; pass++) {
        const struct weir_sources *sources = pass ? of : in;
        for (size_t i = 0; i < sources->count; i++) {
            const struct weir_source *s = &sources->items[i];
            for (size_t k = 0; !s->shares && k <= s->old_write_keys.count; k++) {
                struct weir_str key =
                    weir_str_of(k ? s->old_write_keys.items[k - 1] : s->write_key);
                beyond = beyond || (pass ? !weir_map_get(&known, key)
                                         : weir_map_put(&known, key, &known) != 0);
            }
        }
    }
    weir_map_free(&known);
    return beyond;
}

/* True while what is missing may come back in a moment. */
static bool may_come_back(struct weir_collector *c, const struct weir_sources *fresh)
{
    if (!has_key_beyond(&c->sources, fresh)) {
        c->losing_since = 0;
        return false;
    }
    if (!c->losing_since) {
        c->losing_since = weir_mono();
        weir_log(c->log, WEIR_LOG_WARN,
                 "a write key is gone from sources/; the last state stays for some seconds, in "
                 "case it comes back");
    }
    return weir_mono() - c->losing_since < WEIR_WATCH_GRACE;
}

static void watch_trouble(struct weir_collector *c)
{
    weir_time now = weir_mono();
    if (c->quarantine_full && now >= c->quarantine_look_at) {
        weir_watch_quarantine(c);
    }
    if (c->release_at && now >= c->release_at) {
        c->release_at = 0;
        weir_control_auto_release(c);
    }
}

void weir_watch_sources(void *collector)
{
    struct weir_collector *c = collector;
    struct weir_error err = {0}, why;
    struct weir_sources fresh = {0};
    watch_trouble(c);
    if (!weir_sources_changed(c->workspace, &c->sources)) {
        c->losing_since = 0;
        return;
    }
    int code = weir_sources_load_most(c->workspace, &fresh, &err);
    bool partly = code && fresh.partly;
    int kept = partly ? weir_sources_keep(&fresh, &c->sources, &why) : 0;
    if (kept) {
        partly = false;
        code = weir_fail(&err, kept, "%s", why.message);
    }
    if (!code && weir_sources_gone(&fresh) && c->sources.count) {
        code = weir_fail(&err, WEIR_ENOENT,
                         "sources/ is gone; put it back (an empty folder means no sources)");
    }
    if (code) {
        note_broken(
            c,
            partly ? "sources/ has mistakes; these files count as they were, all others as they are"
                   : "sources/ cannot be read; the last good state stays",
            &err);
    }
    if (code && !partly) {
        weir_sources_free(&fresh);
        return;
    }
    if (may_come_back(c, &fresh)) {
        weir_sources_free(&fresh);
        return;
    }
    bool gained = has_key_beyond(&fresh, &c->sources);
    weir_sources_free(&c->sources);
    c->sources = fresh;
    c->sources_error = code ? c->sources_error : (struct weir_error){0};
    c->losing_since = 0;
    weir_log(c->log, WEIR_LOG_INFO, "sources read again", "sources",
             weir_log_num((int64_t)c->sources.count).text);
    if (gained) {
        weir_control_auto_release(c);
    }
}

void weir_watch_quarantine(struct weir_collector *c)
{
    struct weir_error err = {0};
    uint64_t bytes = 0;
    c->quarantine_look_at = weir_mono() + WEIR_WATCH_QUARANTINE_EVERY;
    if (weir_quarantine_bytes(c->quarantine_dir, &bytes, &err)) {
        weir_log(c->log, WEIR_LOG_WARN, "the size of the quarantine is not known", "error",
                 err.message);
        return;
    }
    c->quarantine_bytes = bytes;
    if (c->quarantine_full && bytes < c->settings.quarantine_max) {
        c->quarantine_full = false;
        weir_log(c->log, WEIR_LOG_INFO, "the quarantine has room again");
    }
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
    weir_watch_quarantine(c);
}
