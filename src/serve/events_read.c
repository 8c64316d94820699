#include <stdlib.h>

#include "event/event.h"
#include "eventlog/eventlog.h"
#include "serve/events.h"

#define MAX_TEXT  500
#define MAX_JSON  (32u << 10)
#define MAX_READ  (64u << 20) /* bytes of bodies, of one asking */
#define MAX_WHOLE (64u << 20)

struct reading {
    const struct weir_events_want *want;
    struct weir_recents *out;
    const struct weir_record *record;
    uint64_t loaded; /* every record before it is in the warehouse */
};

static const char *dir_of(struct weir_server *s, bool quarantine)
{
    return weir_workspace_path(s->run->workspace, quarantine ? "quarantine" : "log");
}

int weir_events_next_seq(struct weir_server *s, bool quarantine, uint64_t *out,
                         struct weir_error *err)
{
    const char *dir = dir_of(s, quarantine);
    return dir ? weir_eventlog_durable_seq(dir, out, err)
               : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

/* --- keeping -------------------------------------------------------------------------------- */

static void drop(struct weir_recent *e)
{
    weir_arena_free(&e->arena);
    free(e);
}

void weir_recents_free(struct weir_recents *events)
{
    for (size_t i = 0; i < events->count; i++) {
        drop(events->items[i]);
    }
    events->count = 0;
}

static struct weir_recent *add(struct weir_recents *out)
{
    if (out->count == out->limit) {
        drop(out->items[0]);
        memmove(out->items, out->items + 1, (out->count - 1) * sizeof out->items[0]);
        out->count--;
        out->passed++;
    }
    struct weir_recent *e = calloc(1, sizeof *e);
    if (e) {
        weir_arena_init(&e->arena, 1u << 20);
        out->items[out->count++] = e;
    }
    return e;
}

static struct weir_str copy(struct weir_recent *e, struct weir_str s, size_t most)
{
    return s.ptr && s.len ? weir_arena_dup(&e->arena, weir_utf8_cut(s, most)) : WEIR_STR("");
}

static struct weir_recent *begin(struct reading *r)
{
    const struct weir_record *record = r->record;
    struct weir_recent *e = add(r->out);
    if (e) {
        e->quarantined = r->want->quarantine;
        e->seq = record->seq;
        e->received_at = record->received_at;
        e->source = copy(e, record->source, MAX_TEXT);
        e->method = copy(e, record->method, MAX_TEXT);
    }
    return e;
}

static void keep_json(struct weir_recent *e, struct weir_str text)
{
    e->json_size = text.len;
    e->json = copy(e, text, MAX_JSON);
}

static enum weir_fate fate_of(const struct reading *r, const struct weir_event *event)
{
    bool duplicate;
    if (r->want->quarantine) {
        return WEIR_FATE_QUARANTINED;
    }
    if (r->record->seq >= r->loaded) {
        return WEIR_FATE_WAITING;
    }
    if (event->reason) {
        return WEIR_FATE_SET_ASIDE;
    }
    duplicate = weir_loader_is_duplicate(r->want->server->loader, r->record->source,
                                         event->message_id, r->record->seq, event->index);
    return duplicate ? WEIR_FATE_DUPLICATE : WEIR_FATE_LOADED;
}

static int on_event(const struct weir_event *event, void *arg, struct weir_error *err)
{
    struct reading *r = arg;
    struct weir_buf text;
    if (r->want->index >= 0 && r->want->index != event->index) {
        return 0;
    }
    struct weir_recent *e = begin(r);
    if (!e) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for events");
    }
    e->index = event->index;
    e->fate = fate_of(r, event);
    e->type = event->type == WEIR_EVENT_BAD ? WEIR_STR("")
                                            : weir_str_of(weir_event_type_name(event->type));
    e->name = copy(e, event->event.len ? event->event : event->name, MAX_TEXT);
    e->message_id = copy(e, event->message_id, MAX_TEXT);
    e->user_id = copy(e, event->user_id, MAX_TEXT);
    e->anonymous_id = copy(e, event->anonymous_id, MAX_TEXT);
    e->reason = weir_str_of(event->reason ? event->reason : "");
    weir_buf_init(&text, MAX_WHOLE);
    weir_json_print(event->root, &text);
    keep_json(e, weir_buf_str(&text));
    weir_buf_free(&text);
    return 0;
}

/* A body in which there are no events to be found. */
static int keep_body(struct reading *r, enum weir_fate fate, struct weir_str reason,
                     struct weir_error *err)
{
    struct weir_recent *e = r->want->index > 0 ? NULL : begin(r);
    if (r->want->index > 0) {
        return 0;
    }
    if (!e) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for events");
    }
    e->fate = fate;
    e->type = WEIR_STR("");
    e->reason = copy(e, reason, MAX_TEXT);
    keep_json(e, r->record->body);
    return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

static int read_record(struct reading *r, struct weir_json_parser *parser, struct weir_arena *arena,
                       struct weir_error *err)
{
    const struct weir_record *record = r->record;
    const struct weir_event_request request = {.method = record->method,
                                               .request_id = record->request_id,
                                               .received_at = record->received_at};
    struct weir_json_repairs repairs = {0};
    struct weir_buf body;
    bool waits = record->seq >= r->loaded;
    if (record->kind == WEIR_RECORD_REFUSED) {
        return keep_body(r, WEIR_FATE_REFUSED, record->note, err);
    }
    weir_buf_init(&body, MAX_WHOLE + 4096); /* with the room that the parser wants behind it */
    weir_buf_adds(&body, record->body);
    int rc = weir_buf_check(&body, "a request's body", err);
    weir_arena_reset(arena);
    rc = rc ? rc
            : weir_event_each(parser, arena, &request, weir_buf_str(&body),
                              &WEIR_EVENT_LIMITS_DEFAULT, &repairs, on_event, r, err);
    weir_buf_free(&body);
    if (rc == WEIR_EINVAL || rc == WEIR_ETOOBIG) {
        rc = keep_body(r,
                       r->want->quarantine ? WEIR_FATE_QUARANTINED
                       : waits             ? WEIR_FATE_WAITING
                                           : WEIR_FATE_SET_ASIDE,
                       WEIR_STR("not_a_call"), err);
    }
    return rc;
}

static void on_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    (void)damage; /* the loader says it */
    (void)arg;
}

int weir_events_read(const struct weir_events_want *want, struct weir_recents *out,
                     struct weir_error *err)
{
    struct weir_load_stats stats;
    struct weir_record record;
    struct weir_eventlog_reader *log = NULL;
    struct weir_arena arena;
    size_t bytes = 0;
    const char *dir = dir_of(want->server, want->quarantine);
    struct weir_json_parser *parser = weir_json_parser_new(WEIR_EVENT_MAX_DEPTH);
    weir_arena_init(&arena, 256u << 20);
    weir_loader_stats(want->server->loader, &stats);
    struct reading r = {.want = want, .out = out, .record = &record, .loaded = stats.next_seq};
    int rc = dir && parser ? weir_eventlog_reader_open(dir, want->from, on_damage, NULL, &log, err)
                           : weir_fail(err, WEIR_ENOMEM, "no memory for events");
    while (rc == 0 && bytes < MAX_READ && (rc = weir_eventlog_read(log, &record, err)) == 0 &&
           record.seq < want->to) {
        bytes += record.body.len;
        if (want->source.len == 0 || weir_str_eq(record.source, want->source)) {
            rc = read_record(&r, parser, &arena, err);
        }
    }
    weir_eventlog_reader_close(log);
    weir_json_parser_free(parser);
    weir_arena_free(&arena);
    return rc == WEIR_EAGAIN ? 0 : rc;
}

static int older_first(const void *a, const void *b)
{
    const struct weir_recent *x = *(struct weir_recent *const *)a,
                             *y = *(struct weir_recent *const *)b;
    if (x->received_at != y->received_at) {
        return x->received_at < y->received_at ? -1 : 1;
    }
    return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1)
                            : (x->index > y->index) - (x->index < y->index);
}

void weir_events_merge(struct weir_recents *to, struct weir_recents *from)
{
    struct weir_recent *all[2 * WEIR_EVENTS_MAX];
    size_t count = to->count + from->count, extra = count > to->limit ? count - to->limit : 0;
    memcpy(all, to->items, to->count * sizeof all[0]);
    memcpy(all + to->count, from->items, from->count * sizeof all[0]);
    qsort(all, count, sizeof all[0], older_first);
    for (size_t i = 0; i < extra; i++) {
        drop(all[i]);
    }
    to->count = count - extra;
    to->passed += from->passed + extra;
    memcpy(to->items, all + extra, to->count * sizeof all[0]);
    from->count = 0;
}
