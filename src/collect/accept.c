/* Tracking calls: whose they are, whether they are calls at all, and the record that is kept.
 *
 * What is refused here is refused for good (SDKs drop on 4xx), so only two things are: a body that
 * is no tracking call, and a call without a write key. Both are kept in the log with their reason.
 * A bad event inside a batch is not looked at: the loader sets it aside. */
#include <stdio.h>

#include "base/hash.h"
#include "collect/auth.h"
#include "collect/collector.h"
#include "collect/cors.h"
#include "collect/pixel.h"
#include "collect/watch.h"
#include "event/event.h"

#define MAX_REFUSED_BODY (64 * 1024)
#define MAX_USER_AGENT   2048
#define MAX_WRITE_KEY    128  /* of a source; a longer one can belong to none, ever */
#define RECORD_BYTES     150  /* about what a record takes besides its body */
#define STOP_WALKING     (-1) /* not an error: the first event of a batch says enough */

struct call {
    struct weir_http_request *req;
    const struct weir_route *route;
    const struct weir_source *source;
    struct weir_str key;
    struct weir_str body;
    weir_time received_at;
    uint32_t events;
    int status; /* 0: to be kept */
    const char *reason;
    char message[256];
};

static const struct {
    const char *reason;
    const char *sentence;
} sentences[] = {
    {"no_user_anon_id", "no_user_anon_id: a call needs a userId or an anonymousId"},
    {"no_event", "no_event: a track call needs the name of its event in \"event\""},
    {"no_group_id", "no_group_id: a group call needs a groupId"},
    {"no_previous_id", "no_previous_id: an alias call needs a previousId"},
    {"no_user_id", "no_user_id: an alias call needs a userId"},
    {"no_write_key",
     "no_write_key: say it by Basic authentication, or as \"writeKey\" in the body"},
    {"bad_write_key", "bad_write_key: a write key has at most 128 characters"},
    {"unknown_write_key", "unknown_write_key: no source has this write key"},
};

static void refuse(struct call *call, int status, const char *reason)
{
    call->status = status;
    call->reason = reason;
    const char *text = reason;
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(sentences[i].reason, reason) == 0) {
            text = sentences[i].sentence;
        }
    }
    snprintf(call->message, sizeof call->message, "%s", text);
}

bool weir_accept_head_key(struct weir_collector *c, struct weir_http_request *req)
{
    weir_buf_reset(&c->key);
    struct weir_str authorization = weir_http_header(req, "Authorization");
    if (authorization.len && weir_auth_basic(authorization, &c->key)) {
        return true;
    }
    struct weir_str query = weir_http_query(req);
    return query.len && weir_http_param(query, "writeKey", &c->key) && c->key.len > 0;
}

static int on_event(const struct weir_event *event, void *arg, struct weir_error *err)
{
    (void)err;
    struct call *call = arg;
    if (strcmp(call->route->method, "batch") == 0) {
        return STOP_WALKING;
    }
    call->events = 1;
    if (event->type == WEIR_EVENT_BAD) {
        refuse(call, 400, event->reason);
    }
    return 0;
}

/* Parses the body once: is it a call, whose is it, how many events are in it? */
static void judge(struct weir_collector *c, struct call *call)
{
    struct weir_error err = {0};
    struct weir_json root;
    struct weir_json_repairs repairs = {0};
    int code = weir_json_parse_lenient(c->parser, call->body, &root, &repairs, &err);
    if (!code) {
        static const unsigned char no_id[16];
        struct weir_event_request request = {weir_str_of(call->route->method), no_id,
                                             call->received_at};
        weir_arena_reset(&c->arena);
        code = weir_event_walk(root, &c->arena, &request, &WEIR_EVENT_LIMITS_DEFAULT, on_event,
                               call, &err);
    }
    if (code == STOP_WALKING) {
        call->events = (uint32_t)weir_json_count(weir_json_get(root, "batch"));
        code = 0;
    }
    if (code) {
        refuse(call, code == WEIR_ENOMEM ? 503 : 400, "not_a_call");
        snprintf(call->message, sizeof call->message, "%.200s", err.message);
        return;
    }
    if (!call->key.len) {
        call->key = weir_event_write_key(root);
    }
}

static void find_source(struct weir_collector *c, struct call *call)
{
    call->source = call->key.len ? weir_sources_by_key(&c->sources, call->key) : NULL;
    if (call->source || call->status) {
        return;
    }
    if (!call->key.len) {
        refuse(call, 400, "no_write_key");
    } else if (call->key.len > MAX_WRITE_KEY) {
        refuse(call, 400, "bad_write_key");
    } else if (c->sources.strict) {
        refuse(call, 401, "unknown_write_key");
    }
}

void weir_address_apply(enum weir_ip_policy policy, char address[WEIR_ADDRESS_MAX])
{
    if (policy == WEIR_IP_DROP) {
        address[0] = '\0';
    } else if (policy == WEIR_IP_ANONYMIZE) {
        weir_address_anonymize(address);
    }
}

void weir_accept_address(struct weir_collector *c, struct weir_http_request *req,
                         char out[WEIR_ADDRESS_MAX])
{
    weir_address_of(req, &c->proxies, &c->forwarded, out);
}

/* Unique in all time and all processes: a name for this one, and a count. */
static void make_request_id(struct weir_collector *c, unsigned char out[16])
{
    struct {
        unsigned char process[16];
        uint64_t number;
    } seed;
    memset(&seed, 0, sizeof seed);
    memcpy(seed.process, c->process_id, sizeof seed.process);
    seed.number = ++c->request_number;
    struct weir_hash128 hash = weir_hash128(&seed, sizeof seed);
    memcpy(out, &hash.hi, 8);
    memcpy(out + 8, &hash.lo, 8);
}

/* What was answered 200 stays; what comes when there is no room is not taken, and said so. */
static bool quarantine_has_room(struct weir_collector *c)
{
    if (c->quarantine_bytes >= c->settings.quarantine_max && weir_mono() >= c->quarantine_look_at) {
        weir_watch_quarantine(c); /* what was added up is not compressed */
    }
    if (c->quarantine_bytes < c->settings.quarantine_max) {
        return true;
    }
    if (!c->quarantine_full) {
        c->quarantine_full = true;
        weir_log(c->log, WEIR_LOG_ERROR,
                 "the quarantine is full: calls with an unknown write key get 503. See `weir "
                 "quarantine list`; give the keys a source, or raise collect.quarantine_max",
                 "bytes", weir_log_num((int64_t)c->quarantine_bytes).text);
    }
    c->metrics.quarantine_turned_away++;
    return false;
}

static void keep(struct weir_collector *c, struct call *call, enum weir_answer_kind answer)
{
    char address[WEIR_ADDRESS_MAX];
    struct weir_record record = {.received_at = call->received_at};
    bool known = call->source && !call->source->disabled;
    weir_accept_address(c, call->req, address);
    weir_address_apply(call->source ? (enum weir_ip_policy)call->source->ip : WEIR_IP_KEEP,
                       address);
    make_request_id(c, record.request_id);
    record.method = weir_str_of(call->route->method);
    record.ip = weir_str_of(address);
    record.user_agent = weir_utf8_cut(weir_http_header(call->req, "User-Agent"), MAX_USER_AGENT);
    record.body = call->body;
    record.source = call->source ? weir_str_of(call->source->name) : WEIR_STR("");
    record.note = WEIR_STR("");
    struct weir_waiting waiting = {.req = call->req,
                                   .kind = answer,
                                   .status = 200,
                                   .route = call->route->name,
                                   .events = call->events};
    if (call->status) {
        record.kind = WEIR_RECORD_REFUSED;
        record.note = weir_str_of(call->reason);
        record.body.len = call->body.len < MAX_REFUSED_BODY ? call->body.len : MAX_REFUSED_BODY;
        waiting.status = answer == WEIR_ANSWER_PIXEL ? 200 : call->status;
        waiting.message = call->message;
        waiting.refused = true;
    } else if (!known && !quarantine_has_room(c)) {
        weir_group_turn_away(c, call->req, call->route->name, "the quarantine is full");
        return;
    } else if (!known) {
        c->quarantine_bytes += call->body.len + RECORD_BYTES;
        record.kind = WEIR_RECORD_UNKNOWN_KEY;
        record.write_key = call->key;
        waiting.quarantined = true;
    } else {
        record.kind = WEIR_RECORD_CALL;
    }
    weir_group_add(c, &record, &waiting);
}

static void accept(struct weir_collector *c, struct call *call, enum weir_answer_kind answer)
{
    const char *why;
    weir_cors_allow(call->req);
    if (weir_group_in_trouble(c, &why)) {
        weir_group_turn_away(c, call->req, call->route->name, why);
        return;
    }
    call->received_at = weir_now();
    judge(c, call);
    if (call->status == 503) {
        weir_group_turn_away(c, call->req, call->route->name, call->message);
        return;
    }
    find_source(c, call);
    keep(c, call, answer);
}

void weir_accept_call(struct weir_collector *c, struct weir_http_request *req,
                      const struct weir_route *route)
{
    struct call call = {.req = req, .route = route, .body = weir_http_body(req)};
    if (weir_accept_head_key(c, req)) {
        call.key = weir_buf_str(&c->key);
    }
    accept(c, &call, WEIR_ANSWER_JSON);
}

void weir_accept_pixel(struct weir_collector *c, struct weir_http_request *req,
                       const struct weir_route *route)
{
    struct call call = {.req = req, .route = route};
    weir_buf_reset(&c->scratch);
    weir_arena_reset(&c->arena);
    if (!weir_pixel_body(weir_http_query(req), &c->arena, &c->scratch)) {
        weir_buf_reset(&c->scratch); /* refused with what was asked */
        weir_buf_adds(&c->scratch, weir_http_query(req));
    }
    call.body = weir_buf_str(&c->scratch);
    if (weir_accept_head_key(c, req)) {
        call.key = weir_buf_str(&c->key);
    }
    weir_http_set(req, "Cache-Control", "no-store");
    accept(c, &call, WEIR_ANSWER_PIXEL);
}
