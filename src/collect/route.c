#include "collect/route.h"

struct fixed {
    const char *path;
    enum weir_route_kind kind;
    int methods;
    const char *method;
};

#define POST WEIR_HTTP_POST
#define GET  (WEIR_HTTP_GET | WEIR_HTTP_HEAD)

/* Most frequent first. Short routes are analytics.js's; /v1/b and /v1/import are batches of mobile
 * and older SDKs. */
static const struct fixed table[] = {
    {"/v1/batch", WEIR_ROUTE_CALL, POST, "batch"},
    {"/v1/t", WEIR_ROUTE_CALL, POST, "track"},
    {"/v1/p", WEIR_ROUTE_CALL, POST, "page"},
    {"/v1/i", WEIR_ROUTE_CALL, POST, "identify"},
    {"/v1/b", WEIR_ROUTE_CALL, POST, "batch"},
    {"/v1/track", WEIR_ROUTE_CALL, POST, "track"},
    {"/v1/page", WEIR_ROUTE_CALL, POST, "page"},
    {"/v1/identify", WEIR_ROUTE_CALL, POST, "identify"},
    {"/v1/screen", WEIR_ROUTE_CALL, POST, "screen"},
    {"/v1/group", WEIR_ROUTE_CALL, POST, "group"},
    {"/v1/alias", WEIR_ROUTE_CALL, POST, "alias"},
    {"/v1/s", WEIR_ROUTE_CALL, POST, "screen"},
    {"/v1/g", WEIR_ROUTE_CALL, POST, "group"},
    {"/v1/a", WEIR_ROUTE_CALL, POST, "alias"},
    {"/v1/import", WEIR_ROUTE_CALL, POST, "batch"},
    {"/beacon/v1/batch", WEIR_ROUTE_CALL, POST, "batch"},
    {"/v1/m", WEIR_ROUTE_SDK_METRICS, POST, NULL},
    {"/v1/pixel/track", WEIR_ROUTE_PIXEL, GET, "track"},
    {"/v1/pixel/page", WEIR_ROUTE_PIXEL, GET, "page"},
    {"/v1/pixel/identify", WEIR_ROUTE_PIXEL, GET, "identify"},
    {"/v1/pixel/screen", WEIR_ROUTE_PIXEL, GET, "screen"},
    {"/v1/pixel/group", WEIR_ROUTE_PIXEL, GET, "group"},
    {"/v1/pixel/alias", WEIR_ROUTE_PIXEL, GET, "alias"},
    {"/pixel/v1/track", WEIR_ROUTE_PIXEL, GET, "track"},
    {"/pixel/v1/page", WEIR_ROUTE_PIXEL, GET, "page"},
    {"/sourceConfig", WEIR_ROUTE_SOURCE_CONFIG, GET, NULL},
    {"/health", WEIR_ROUTE_HEALTH, GET, NULL},
    {"/metrics", WEIR_ROUTE_METRICS, GET, NULL},
    {"/quarantine/release", WEIR_ROUTE_RELEASE, POST, NULL},
};

#define PROJECTS "/v1/projects/"

static bool is_settings(struct weir_str path, struct weir_str *key)
{
    struct weir_str prefix = WEIR_STR(PROJECTS);
    if (!weir_str_starts(path, prefix)) {
        return false;
    }
    struct weir_str rest = {path.ptr + prefix.len, path.len - prefix.len};
    *key = weir_str_cut(&rest, '/');
    return key->len > 0 && rest.ptr && weir_str_is(rest, "settings");
}

static struct weir_route of_fixed(const struct fixed *row, enum weir_http_method method)
{
    struct weir_route route = {row->kind, row->path, row->method, NULL, {NULL, 0}};
    if (!(row->methods & (int)method)) {
        route.kind = WEIR_ROUTE_WRONG_METHOD;
        route.allow = row->methods == POST ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
    }
    return route;
}

struct weir_route weir_route_find(enum weir_http_method method, struct weir_str path)
{
    static const struct fixed settings = {PROJECTS "<writeKey>/settings", WEIR_ROUTE_SETTINGS, GET,
                                          NULL};
    struct weir_str key;
    if (method == WEIR_HTTP_OPTIONS) {
        return (struct weir_route){WEIR_ROUTE_PREFLIGHT, "preflight", NULL, NULL, {NULL, 0}};
    }
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--; /* SDKs differ on the last slash */
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (weir_str_is(path, table[i].path)) {
            return of_fixed(&table[i], method);
        }
    }
    if (is_settings(path, &key)) {
        struct weir_route route = of_fixed(&settings, method);
        route.write_key = key;
        return route;
    }
    return (struct weir_route){WEIR_ROUTE_UNKNOWN, "other", NULL, NULL, {NULL, 0}};
}
