/* For the files of this folder only: the collector's state and what its parts offer each other.
 * All of it lives on the loop's thread. */
#ifndef WEIR_COLLECT_COLLECTOR_H
#define WEIR_COLLECT_COLLECTOR_H

#include "base/arena.h"
#include "base/json.h"
#include "collect/collect.h"
#include "collect/metrics.h"
#include "collect/route.h"
#include "collect/unread.h"
#include "conf/address.h"
#include "eventlog/eventlog.h"
#include "io/http.h"
#include "io/loop.h"

struct weir_collect_settings {
    const char *listen;
    const char *public_url;
    uint64_t max_body;
    uint64_t max_unfinished;
    uint64_t max_group;
    int64_t max_connections;
    weir_time idle_timeout;
    weir_time stop_timeout;
    weir_time quarantine_for;
    uint64_t quarantine_max;
    struct weir_text_list trusted_proxies;
};

/* Section `log` of weir.yml, for the event log and the quarantine. */
struct weir_log_settings {
    uint64_t segment_size;
    uint64_t keep_free;
    int64_t seal_level;
};

enum weir_answer_kind { WEIR_ANSWER_JSON, WEIR_ANSWER_PIXEL };

/* A request whose record waits for the disk. */
struct weir_waiting {
    struct weir_http_request *req;
    enum weir_answer_kind kind;
    bool quarantined; /* the record is in that log */
    bool refused;
    int status;
    uint32_t events;
    size_t body_bytes;
    const char *message; /* for a refusal; in the group's arena */
    const char *route;
};

struct weir_group {
    struct weir_waiting *items;
    size_t count, room;
    struct weir_arena arena;
    size_t in_log, in_quarantine; /* records appended since the last commit */
};

struct weir_collector {
    const struct weir_collect_run *run;
    const struct weir_log *log;
    struct weir_workspace *workspace;
    struct weir_collect_settings settings;
    struct weir_networks proxies;
    struct weir_loop *loop;
    struct weir_http_server *server;
    struct weir_eventlog *events;
    struct weir_eventlog *quarantine;
    const char *quarantine_dir;
    struct weir_sources sources;
    struct weir_error sources_error; /* the last one that was logged */
    weir_time losing_since;          /* monotonic: when a key was first missed; 0: none is */
    uint64_t quarantine_bytes;       /* about */
    bool quarantine_full;
    weir_time quarantine_look_at; /* monotonic: while it is full */
    weir_time release_at; /* monotonic: when a release that failed is tried again; 0: none */
    unsigned char process_id[16];
    uint64_t request_number;
    struct weir_json_parser *parser;
    struct weir_arena arena; /* one request's */
    struct weir_buf key;     /* one request's write key */
    struct weir_buf scratch; /* one request's made body */
    struct weir_buf forwarded;
    struct weir_group group;
    struct weir_metrics metrics;
    struct weir_unread unread;
    weir_time failing_until; /* monotonic; 0: the log takes records */
    struct weir_timer *sources_timer, *expiry_timer;
    struct weir_control_release *release; /* the one under way, or NULL */
    bool stopping;
};

/* --- accept.c: tracking calls --- */
void weir_accept_call(struct weir_collector *c, struct weir_http_request *req,
                      const struct weir_route *route);
void weir_accept_pixel(struct weir_collector *c, struct weir_http_request *req,
                       const struct weir_route *route);
/* The write key of a request's head, in c->key: Basic, then the query. */
bool weir_accept_head_key(struct weir_collector *c, struct weir_http_request *req);

/* --- group.c: what one turn of the loop made ready --- */
/* True when requests should be turned away for our own trouble; `why` says which. */
bool weir_group_in_trouble(struct weir_collector *c, const char **why);
void weir_group_turn_away(struct weir_collector *c, struct weir_http_request *req,
                          const char *route, const char *why);
/* Appends the record and remembers the request; it is answered by weir_group_commit. */
void weir_group_add(struct weir_collector *c, const struct weir_record *record,
                    const struct weir_waiting *waiting);
/* One write and one fdatasync for all, then all answers. */
void weir_group_commit(void *collector);

/* --- browser.c: what browser SDKs ask before they start --- */
void weir_browser_settings(struct weir_collector *c, struct weir_http_request *req,
                           const struct weir_route *route);
void weir_browser_source_config(struct weir_collector *c, struct weir_http_request *req,
                                const struct weir_route *route);

/* Whose address a request came from: the peer's, or what a trusted proxy says. */
void weir_accept_address(struct weir_collector *c, struct weir_http_request *req,
                         char out[WEIR_ADDRESS_MAX]);

/* What of an address may be kept. */
void weir_address_apply(enum weir_ip_policy policy, char address[WEIR_ADDRESS_MAX]);

/* Sends an answer that needed no disk, and counts it. */
void weir_collect_reply(struct weir_collector *c, struct weir_http_request *req, const char *route,
                        int status, const char *type, struct weir_str body);
/* {"success":false,"message":…} */
void weir_collect_refuse(struct weir_collector *c, struct weir_http_request *req, const char *route,
                         int status, const char *message);

#endif
