/* Releasing the quarantine: when the owner asks a running collector over its socket, and when a key
 * becomes known. It is done in slices, so that collection goes on in between. */
#include "collect/control.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "collect/quarantine.h"

#define SLICE_BYTES     (1u << 20)
#define TRY_AGAIN_AFTER (30 * WEIR_SECOND)

struct weir_control_release {
    struct weir_collector *collector;
    struct weir_http_request *req; /* NULL: nobody waits for it, a key has become known */
    const char *route;
    struct weir_release release;
    bool restart; /* from the first record: more is to be released than when it began */
};

static void answer(struct weir_control_release *r, int rc, const struct weir_error *err)
{
    struct weir_buf body;
    weir_buf_init(&body, 8192);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_kbool(&w, "success", rc == 0);
    weir_jw_ku64(&w, "released", r->release.moved);
    if (rc) {
        weir_jw_kstrz(&w, "message", err->message);
    }
    weir_jw_object_end(&w);
    weir_collect_reply(r->collector, r->req, r->route, rc ? 503 : 200, "application/json",
                       weir_buf_str(&body));
    weir_buf_free(&body);
}

static void tell(struct weir_control_release *r, int rc, const struct weir_error *err)
{
    struct weir_collector *c = r->collector;
    if (rc) {
        weir_log(c->log, WEIR_LOG_WARN, "the quarantine could not be released; trying again soon",
                 "error", err->message);
        c->release_at = weir_mono() + TRY_AGAIN_AFTER;
    } else if (r->release.moved) {
        weir_log(c->log, WEIR_LOG_INFO, "calls left the quarantine: their key has a source now",
                 "calls", weir_log_num((int64_t)r->release.moved).text);
    }
}

static void finish(struct weir_control_release *r, int rc, const struct weir_error *err)
{
    if (r->req) {
        answer(r, rc, err);
    } else {
        tell(r, rc, err);
    }
    weir_control_end(r->collector);
}

void weir_control_end(struct weir_collector *c)
{
    if (c->release) {
        weir_release_end(&c->release->release);
        free(c->release);
        c->release = NULL;
    }
}

static int begin(struct weir_control_release *r, struct weir_error *err)
{
    uint64_t moved = r->release.moved;
    weir_release_end(&r->release);
    int rc = weir_release_begin(&r->release, r->collector->quarantine_dir, err);
    r->release.moved = moved;
    r->release.unknown_only = !r->req;
    r->restart = false;
    return rc;
}

static void slice(void *arg)
{
    struct weir_control_release *r = arg;
    struct weir_collector *c = r->collector;
    struct weir_error err = {0};
    bool done = false;
    uint64_t before = r->release.moved;
    weir_group_commit(c); /* what waits is answered by its own commit, not by ours */
    int rc = r->restart ? begin(r, &err) : 0;
    if (!rc) {
        rc = weir_release_some(&r->release, &c->sources, c->events, SLICE_BYTES, &done, &err);
    }
    c->metrics.released += r->release.moved - before;
    if (!rc && !done && !c->stopping) {
        rc = weir_loop_post(c->loop, slice, r);
        if (!rc) {
            return;
        }
        weir_fail(&err, rc, "out of memory");
    }
    finish(r, rc, &err);
}

static bool start(struct weir_collector *c, struct weir_http_request *req, const char *route)
{
    struct weir_control_release *r = calloc(1, sizeof *r);
    if (!r) {
        return false;
    }
    *r = (struct weir_control_release){.collector = c, .req = req, .route = route, .restart = true};
    if (weir_loop_post(c->loop, slice, r)) {
        free(r);
        return false;
    }
    c->release = r;
    return true;
}

void weir_control_release(struct weir_collector *c, struct weir_http_request *req,
                          const struct weir_route *route)
{
    weir_watch_sources(c);
    if (c->release && c->release->req) {
        weir_collect_refuse(c, req, route->name, 503, "a release is under way already");
    } else if (c->release) {
        c->release->req = req;
        c->release->route = route->name;
        c->release->restart = true;
    } else if (!start(c, req, route->name)) {
        weir_collect_refuse(c, req, route->name, 503, "out of memory");
    }
}

void weir_control_auto_release(struct weir_collector *c)
{
    if (c->release) {
        c->release->restart = true;
    } else if (!c->stopping && !start(c, NULL, NULL)) {
        c->release_at = weir_mono() + TRY_AGAIN_AFTER;
    }
}
