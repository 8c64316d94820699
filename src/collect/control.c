/* What the owner may ask a running collector over its socket: to release the quarantine. It is done
 * in slices, so that collection goes on in between. */
#include "collect/control.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "collect/quarantine.h"

#define SLICE_BYTES (1u << 20)

struct weir_control_release {
    struct weir_collector *collector;
    struct weir_http_request *req;
    const char *route;
    struct weir_release release;
};

static void finish(struct weir_control_release *r, int rc, const struct weir_error *err)
{
    struct weir_collector *c = r->collector;
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
    weir_collect_reply(c, r->req, r->route, rc ? 503 : 200, "application/json",
                       weir_buf_str(&body));
    weir_buf_free(&body);
    weir_release_end(&r->release);
    c->release = NULL;
    free(r);
}

static void slice(void *arg)
{
    struct weir_control_release *r = arg;
    struct weir_collector *c = r->collector;
    struct weir_error err = {0};
    bool done = false;
    uint64_t before = r->release.moved;
    weir_group_commit(c); /* what waits is answered by its own commit, not by ours */
    int rc = weir_release_some(&r->release, &c->sources, c->events, SLICE_BYTES, &done, &err);
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

void weir_control_release(struct weir_collector *c, struct weir_http_request *req,
                          const struct weir_route *route)
{
    struct weir_error err = {0};
    if (c->release) {
        weir_collect_refuse(c, req, route->name, 503, "a release is under way already");
        return;
    }
    struct weir_control_release *r = calloc(1, sizeof *r);
    if (!r) {
        weir_collect_refuse(c, req, route->name, 503, "out of memory");
        return;
    }
    r->collector = c;
    r->req = req;
    r->route = route->name;
    weir_watch_sources(c);
    int rc = weir_release_begin(&r->release, c->quarantine_dir, &err);
    c->release = r;
    if (!rc) {
        rc = weir_loop_post(c->loop, slice, r);
    }
    if (rc) {
        finish(r, rc, &err);
    }
}
