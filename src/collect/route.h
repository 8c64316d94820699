/* Which call a method and path mean. Pure. */
#ifndef WEIR_COLLECT_ROUTE_H
#define WEIR_COLLECT_ROUTE_H

#include "base/str.h"
#include "io/http.h"

enum weir_route_kind {
    WEIR_ROUTE_CALL,          /* a tracking call with a body */
    WEIR_ROUTE_PIXEL,         /* a tracking call in a query; answered with an image */
    WEIR_ROUTE_SDK_METRICS,   /* the SDK's own metrics: answered and dropped */
    WEIR_ROUTE_SETTINGS,      /* what analytics.js asks before it starts */
    WEIR_ROUTE_SOURCE_CONFIG, /* the same for RudderStack's SDKs */
    WEIR_ROUTE_HEALTH,
    WEIR_ROUTE_METRICS,
    WEIR_ROUTE_RELEASE,      /* quarantine; on the control socket only */
    WEIR_ROUTE_PREFLIGHT,    /* OPTIONS of any path */
    WEIR_ROUTE_WRONG_METHOD, /* the path exists with another method */
    WEIR_ROUTE_UNKNOWN
};

struct weir_route {
    enum weir_route_kind kind;
    const char *name;          /* for metrics: "/v1/track"; one of a fixed set */
    const char *method;        /* CALL and PIXEL: "track", ... "batch" */
    const char *allow;         /* WRONG_METHOD: for the Allow header */
    struct weir_str write_key; /* SETTINGS: from the path; otherwise ptr NULL */
};

struct weir_route weir_route_find(enum weir_http_method method, struct weir_str path);

#endif
