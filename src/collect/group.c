/* Group commit: the records of all requests that one turn of the loop made ready go to disk with
 * one write and one fdatasync; then all of them are answered. */
#include <stdlib.h>

#include "base/json_write.h"
#include "collect/collector.h"
#include "collect/pixel.h"

#define TRY_AGAIN_AFTER WEIR_SECOND /* after a failure, how long the disk is left alone */

bool weir_group_in_trouble(struct weir_collector *c, const char **why)
{
    if (c->failing_until) {
        if (weir_mono() < c->failing_until) {
            *why = "the event log cannot be written at the moment";
            return true;
        }
        return false; /* let one through, to see whether it can again */
    }
    if (c->group.count == 0 && !weir_eventlog_has_room(c->events)) { /* once a turn */
        *why = "the disk is full";
        return true;
    }
    if (weir_http_buffered(c->server) > c->settings.max_unfinished) {
        *why = "too many requests at once";
        return true;
    }
    return false;
}

void weir_group_turn_away(struct weir_collector *c, struct weir_http_request *req,
                          const char *route, const char *why)
{
    c->metrics.turned_away++;
    weir_http_set(req, "Retry-After", "2");
    weir_collect_refuse(c, req, route, 503, why);
}

static void note_failure(struct weir_collector *c, const struct weir_error *err)
{
    if (!c->failing_until) {
        weir_log(c->log, WEIR_LOG_ERROR, "events cannot be stored; SDKs get 503 and will retry",
                 "error", err->message);
    }
    c->failing_until = weir_mono() + TRY_AGAIN_AFTER;
    c->metrics.commit_failures++;
}

static void note_success(struct weir_collector *c)
{
    if (c->failing_until) {
        c->failing_until = 0;
        weir_log(c->log, WEIR_LOG_INFO, "events can be stored again");
    }
}

static bool remember(struct weir_group *group, const struct weir_waiting *waiting)
{
    if (group->count == group->room) {
        size_t room = group->room ? group->room * 2 : 256;
        struct weir_waiting *items = realloc(group->items, room * sizeof *items);
        if (!items) {
            return false;
        }
        group->items = items;
        group->room = room;
    }
    group->items[group->count] = *waiting;
    if (waiting->message) {
        group->items[group->count].message = weir_arena_strdup(&group->arena, waiting->message);
    }
    group->count++;
    return true;
}

void weir_group_add(struct weir_collector *c, const struct weir_record *record,
                    const struct weir_waiting *waiting)
{
    struct weir_error err = {0};
    uint64_t seq;
    struct weir_eventlog *log = waiting->quarantined ? c->quarantine : c->events;
    int rc = weir_eventlog_append(log, record, &seq, &err);
    if (rc == WEIR_ETOOBIG) { /* the call's fault, and no reason to turn others away */
        weir_collect_refuse(c, waiting->req, waiting->route, 413, err.message);
        return;
    }
    if (rc) {
        note_failure(c, &err);
        weir_group_turn_away(c, waiting->req, waiting->route, "the event log is full");
        return;
    }
    *(waiting->quarantined ? &c->group.in_quarantine : &c->group.in_log) += 1;
    if (!remember(&c->group, waiting)) {
        /* The record will be on disk all the same; its retry will be known by its messageId. */
        weir_group_turn_away(c, waiting->req, waiting->route, "out of memory");
        return;
    }
    c->group.items[c->group.count - 1].body_bytes = record->body.len;
    if (weir_eventlog_pending(log) >= c->settings.max_group) {
        weir_group_commit(c);
    }
}

static void answer(struct weir_collector *c, const struct weir_waiting *w)
{
    struct weir_metrics *m = &c->metrics;
    if (w->refused) {
        m->refused++;
    } else if (w->quarantined) {
        m->quarantined++;
    } else {
        m->events += w->events;
        m->body_bytes += w->body_bytes;
    }
    if (w->kind == WEIR_ANSWER_PIXEL) {
        struct weir_str gif = {(const char *)weir_pixel_gif, weir_pixel_gif_size};
        weir_collect_reply(c, w->req, w->route, 200, "image/gif", gif);
    } else if (w->status == 200) {
        weir_collect_reply(c, w->req, w->route, 200, "application/json",
                           WEIR_STR("{\"success\":true}"));
    } else {
        weir_collect_refuse(c, w->req, w->route, w->status, w->message ? w->message : "refused");
    }
}

void weir_group_commit(void *collector)
{
    struct weir_collector *c = collector;
    struct weir_group *group = &c->group;
    if (!group->in_log && !group->in_quarantine) {
        return;
    }
    struct weir_error err = {0};
    weir_time begun = weir_mono();
    int log_rc = group->in_log ? weir_eventlog_commit(c->events, &err) : 0;
    if (log_rc) {
        note_failure(c, &err);
    }
    int quarantine_rc = group->in_quarantine ? weir_eventlog_commit(c->quarantine, &err) : 0;
    if (quarantine_rc) {
        note_failure(c, &err);
    }
    if (!log_rc && !quarantine_rc) {
        note_success(c);
    }
    weir_metrics_commit(&c->metrics, weir_mono() - begun, group->count);
    for (size_t i = 0; i < group->count; i++) {
        const struct weir_waiting *w = &group->items[i];
        if (w->quarantined ? quarantine_rc : log_rc) {
            weir_group_turn_away(c, w->req, w->route, "the event could not be stored");
        } else {
            answer(c, w);
        }
    }
    group->count = group->in_log = group->in_quarantine = 0;
    weir_arena_reset(&group->arena);
}
