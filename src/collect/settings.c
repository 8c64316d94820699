#include "collect/collector.h"

#define AT(member) offsetof(struct weir_collect_settings, member)

const struct weir_option weir_collect_options[] = {
    {"listen", WEIR_OPT_TEXT, AT(listen), .fallback = "127.0.0.1:8080", .env = "WEIR_COLLECT",
     .help = "Address of the tracking API; 0.0.0.0:8080 opens it to the network."},
    {"public_url", WEIR_OPT_TEXT, AT(public_url), .fallback = "",
     .help = "Where browsers reach the tracking API (https://events.example.com); empty: as the "
             "request's Host header says."},
    {"trusted_proxies", WEIR_OPT_LIST, AT(trusted_proxies), .fallback = "",
     .help = "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed, such as "
             "10.0.0.0/8."},
    {"max_body", WEIR_OPT_BYTES, AT(max_body), .fallback = "8MB", .min = 65536, .max = 63 << 20,
     .help = "A larger request body, decoded or not, is answered 413; at most 63MB, which a record "
             "of the event log can hold."},
    {"max_connections", WEIR_OPT_INT, AT(max_connections), .fallback = "16384", .min = 1,
     .max = 1000000, .help = "Open connections; further ones wait."},
    {"max_unfinished", WEIR_OPT_BYTES, AT(max_unfinished), .fallback = "256MB", .min = 1 << 20,
     .max = INT64_C(1) << 40,
     .help = "Memory for requests that are being read; beyond it new ones are answered 503."},
    {"max_group", WEIR_OPT_BYTES, AT(max_group), .fallback = "4MB", .min = 65536, .max = 1 << 30,
     .help = "Bytes of events that are written to disk at once at most."},
    {"idle_timeout", WEIR_OPT_DURATION, AT(idle_timeout), .fallback = "75s", .min = WEIR_SECOND,
     .max = 86400 * WEIR_SECOND, .help = "A silent connection is closed after this time."},
    {"stop_timeout", WEIR_OPT_DURATION, AT(stop_timeout), .fallback = "10s", .min = 0,
     .max = 600 * WEIR_SECOND,
     .help = "When stopping, how long requests that have begun may take to arrive."},
    {"quarantine_for", WEIR_OPT_DURATION, AT(quarantine_for), .fallback = "30d",
     .min = 3600 * WEIR_SECOND, .max = 36500 * WEIR_DAY,
     .help = "How long calls with an unknown write key are kept at least; they leave the disk by "
             "whole segments (docs/guide/sources.md)."},
    {"quarantine_max", WEIR_OPT_BYTES, AT(quarantine_max), .fallback = "1GB", .min = 1 << 20,
     .max = INT64_C(1) << 50,
     .help = "Disk for calls with an unknown write key; when it is used up, further ones are "
             "answered 503 and not taken. Calls of known sources are not concerned."},
    {0},
};

#undef AT
#define AT(member) offsetof(struct weir_log_settings, member)

const struct weir_option weir_log_options[] = {
    {"segment_size", WEIR_OPT_BYTES, AT(segment_size), .fallback = "64MB", .min = 1 << 20,
     .max = INT64_C(1) << 40, .help = "A segment of the event log is sealed beyond this size."},
    {"keep_free", WEIR_OPT_BYTES, AT(keep_free), .fallback = "256MB", .min = 1 << 20,
     .max = INT64_C(1) << 50,
     .help = "With less free disk than this, events are answered 503 and not taken."},
    {"seal_level", WEIR_OPT_INT, AT(seal_level), .fallback = "9", .min = -1, .max = 19,
     .help = "zstd level of sealed segments; -1 leaves them as they are."},
    {0},
};
