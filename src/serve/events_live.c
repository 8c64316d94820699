/* GET /api/events/live: once a second, what came since.
 *
 * Events are told when they are loaded, so with what became of them; when loading is behind,
 * without. More than are shown in a second are passed over, and how many is said. One thread reads
 * for all streams; one that does not keep up is told less often, until it is ended. */
#include <stdlib.h>

#include "serve/events.h"
#include "serve/listeners.h"
#include "state/person.h"

#define EVERY       WEIR_SECOND
#define MAX_STREAMS 20
#define MAX_PENDING (8u << 20)
#define BEAT        (10 * WEIR_SECOND)
#define BEHIND      (5 * WEIR_SECOND) /* loading, so that waiting events are shown, too */
#define AT_ONCE     100               /* events */
#define LOOK_BACK   2000              /* records, for those of one source */

struct stream {
    struct weir_listener page;
    struct weir_event_streams *all;
    struct weir_str source; /* behind the struct */
    uint64_t cursors[2];    /* of the log and the quarantine */
    weir_time told_at;
};

struct weir_event_streams {
    struct weir_server *server;
    struct weir_listeners pages; /* struct stream */
    struct weir_timer *timer;
};

/* One reading. The thread's, until it is told. */
struct reading {
    struct stream *stream;
    struct weir_server *server;
    uint64_t cursors[2];
    uint64_t skipped;
    bool any;
    struct weir_buf out;
};

/* --- on the thread ------------------------------------------------------------------------- */

static int read_log(struct reading *r, bool quarantine, struct weir_recents *out,
                    struct weir_error *err)
{
    struct weir_load_stats stats;
    struct weir_events_want want = {.server = r->server,
                                    .source = r->stream->source,
                                    .quarantine = quarantine,
                                    .from = r->cursors[quarantine],
                                    .index = -1};
    uint64_t back = want.source.len ? LOOK_BACK : AT_ONCE;
    int rc = weir_events_next_seq(r->server, quarantine, &want.to, err);
    weir_loader_stats(r->server->loader, &stats);
    if (!quarantine && stats.lag < BEHIND && stats.next_seq < want.to) {
        want.to = stats.next_seq;
    }
    if (rc || want.to <= want.from) {
        return rc;
    }
    if (want.to - want.from > back) {
        r->skipped += want.to - want.from - back;
        want.from = want.to - back;
    }
    r->cursors[quarantine] = want.to;
    return weir_events_read(&want, out, err);
}

static void print(struct reading *r, struct weir_recents *events)
{
    struct weir_load_stats stats;
    struct weir_error ignored;
    struct weir_jw w = weir_jw_on(&r->out);
    weir_loader_stats(r->server->loader, &stats);
    weir_buf_addz(&r->out, "data: ");
    weir_jw_object(&w);
    weir_jw_ku64(&w, "next_seq", stats.durable_seq);
    weir_jw_ku64(&w, "loaded_seq", stats.next_seq);
    weir_jw_ku64(&w, "skipped", r->skipped + events->passed);
    r->any = weir_events_print(r->server, events, &w, &ignored) == 0;
    weir_jw_object_end(&w);
    weir_buf_addz(&r->out, "\n\n");
    r->any = r->any && weir_buf_ok(&r->out);
}

static void told(void *arg)
{
    struct reading *r = arg;
    struct stream *s = r->stream;
    if (weir_listener_rests(&s->page)) {
        memcpy(s->cursors, r->cursors, sizeof s->cursors);
        if (r->any) {
            s->told_at = weir_mono();
            weir_http_chunk(s->page.req, weir_buf_str(&r->out));
        }
    }
    weir_buf_free(&r->out);
    free(r);
}

static void work(void *arg)
{
    struct reading *r = arg;
    struct weir_recents events = {.limit = AT_ONCE}, apart = {.limit = AT_ONCE};
    struct weir_error ignored;
    int rc = read_log(r, false, &events, &ignored);
    if (rc == 0 && r->stream->source.len == 0) {
        rc = read_log(r, true, &apart, &ignored);
    }
    weir_events_merge(&events, &apart);
    if (rc == 0 && events.count + r->skipped) {
        print(r, &events);
    }
    weir_recents_free(&events);
    if (weir_loop_post(r->server->loop, told, r)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

/* --- on the loop ---------------------------------------------------------------------------- */

static bool is_admin_still(const struct stream *s)
{
    struct weir_arena arena;
    struct weir_person p;
    struct weir_error ignored;
    if (weir_caller_is_owner(&s->page.who)) {
        return true;
    }
    weir_arena_init(&arena, 1u << 20);
    bool yes = weir_person_get(s->all->server->state, weir_str_of(s->page.who.id), &arena, &p,
                               &ignored) == 0 &&
               p.role == WEIR_ROLE_ADMIN && !p.disabled;
    weir_arena_free(&arena);
    return yes;
}

static void read_for(struct stream *s)
{
    struct weir_error ignored;
    struct reading *r = calloc(1, sizeof *r);
    if (!r) {
        return;
    }
    r->stream = s;
    r->server = s->all->server;
    memcpy(r->cursors, s->cursors, sizeof r->cursors);
    weir_buf_init(&r->out, 32u << 20);
    if (weir_work_add(s->all->server->lists, work, r, &ignored)) {
        free(r); /* others are before it: at the next turn */
        return;
    }
    s->page.busy = true;
}

static void on_time(void *arg)
{
    struct weir_event_streams *all = arg;
    weir_time now = weir_mono();
    for (struct weir_listener *l = all->pages.first, *next; l; l = next) {
        struct stream *s = (struct stream *)l;
        next = l->next;
        if (weir_listener_is_over(l) || !is_admin_still(s)) {
            weir_listener_end(l);
        } else if (!l->busy && weir_http_pending(l->req) < MAX_PENDING / 2) {
            read_for(s);
            if (now - s->told_at > BEAT) {
                s->told_at = now;
                weir_http_chunk(l->req, WEIR_STR(": still here\n\n"));
            }
        }
    }
}

static void free_stream(struct weir_listener *page)
{
    free(page);
}

struct weir_event_streams *weir_event_streams_new(struct weir_server *server)
{
    struct weir_event_streams *all = calloc(1, sizeof *all);
    if (all) {
        all->server = server;
        all->pages = (struct weir_listeners){
            .loop = server->loop, .free = free_stream, .max_pending = MAX_PENDING};
        if (weir_timer_new(server->loop, EVERY, EVERY, on_time, all, &all->timer)) {
            free(all);
            all = NULL;
        }
    }
    return all;
}

struct weir_listeners *weir_event_streams_pages(struct weir_event_streams *all)
{
    return all ? &all->pages : NULL;
}

void weir_event_streams_free(struct weir_event_streams *all)
{
    if (all) {
        weir_timer_free(all->timer);
        free(all);
    }
}

static int cursors_of(struct stream *s, struct weir_error *err)
{
    struct weir_load_stats stats;
    weir_loader_stats(s->all->server->loader, &stats);
    s->cursors[0] = stats.next_seq ? stats.next_seq : 1;
    return weir_events_next_seq(s->all->server, true, &s->cursors[1], err);
}

void weir_serve_events_live(const struct weir_call *call)
{
    struct weir_event_streams *all = call->server->event_streams;
    struct weir_error err;
    struct weir_buf source;
    weir_buf_init(&source, 1024);
    if (!weir_http_param(weir_http_query(call->req), "source", &source) || !weir_buf_ok(&source)) {
        weir_buf_reset(&source);
    }
    bool full = all->pages.ended || all->pages.count >= MAX_STREAMS;
    struct stream *s = full ? NULL : calloc(1, sizeof *s + source.len + 1);
    int rc = s ? 0 : weir_fail(&err, WEIR_EBUSY, "too many pages watch events; close one");
    if (rc == 0) {
        s->all = all;
        if (source.len) {
            memcpy(s + 1, source.data, source.len);
        }
        s->source = (struct weir_str){(char *)(s + 1), source.len};
        s->told_at = weir_mono();
        rc = cursors_of(s, &err);
    }
    weir_buf_free(&source);
    if (rc) {
        free(s);
        weir_serve_reply_error(call, &err);
        return;
    }
    weir_listener_begin(&all->pages, &s->page, call);
}
