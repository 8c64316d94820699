/* What browser SDKs ask before they send: analytics.js its settings, RudderStack's SDK its source's
 * configuration. Both are answered for unknown keys too, so that their events reach the quarantine
 * instead of being lost; where a source is strict, with 401. */
#include <stdio.h>

#include "base/hash.h"
#include "base/json_write.h"
#include "collect/collector.h"
#include "collect/cors.h"

#define MAX_HOST 255

/* What the browser called us: letters, digits and what ports and IPv6 need. */
static bool plain_host(struct weir_str host)
{
    if (host.len == 0 || host.len > MAX_HOST) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !strchr(".:-_[]", c)) {
            return false;
        }
    }
    return true;
}

struct address {
    char host[MAX_HOST + 1];
    const char *protocol;
};

static void public_address(struct weir_collector *c, struct weir_http_request *req,
                           struct address *out)
{
    struct weir_str host = weir_http_header(req, "Host");
    bool https = false;
    struct weir_str url = weir_str_of(c->settings.public_url);
    if (url.len) {
        https = weir_str_starts(url, WEIR_STR("https://"));
        size_t scheme = https ? 8 : weir_str_starts(url, WEIR_STR("http://")) ? 7 : 0;
        host = (struct weir_str){url.ptr + scheme, url.len - scheme};
        host = weir_str_cut(&host, '/');
    } else if (weir_networks_have(&c->proxies, weir_http_peer(req))) {
        struct weir_str proto = weir_http_header(req, "X-Forwarded-Proto");
        struct weir_str first = weir_str_trim(weir_str_cut(&proto, ','));
        https = weir_str_eq_nocase(first, WEIR_STR("https"));
    }
    out->protocol = https ? "https" : "http";
    if (!plain_host(host)) {
        host = WEIR_STR("localhost");
    }
    memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
}

/* NULL: the key is refused. An unknown key that is not refused gets a name of its own. */
static bool allowed(struct weir_collector *c, struct weir_http_request *req,
                    const struct weir_route *route, struct weir_str key,
                    const struct weir_source **source)
{
    weir_cors_allow(req);
    *source = key.len ? weir_sources_by_key(&c->sources, key) : NULL;
    if (!key.len) {
        weir_collect_refuse(c, req, route->name, 400, "no_write_key: say which source this is");
        return false;
    }
    if (!*source && c->sources.strict) {
        weir_collect_refuse(c, req, route->name, 401,
                            "unknown_write_key: no source has this write key");
        return false;
    }
    return true;
}

void weir_browser_settings(struct weir_collector *c, struct weir_http_request *req,
                           const struct weir_route *route)
{
    const struct weir_source *source;
    struct address at;
    if (!allowed(c, req, route, route->write_key, &source)) {
        return;
    }
    public_address(c, req, &at);
    char api_host[MAX_HOST + 8];
    snprintf(api_host, sizeof api_host, "%s/v1", at.host);
    weir_buf_reset(&c->scratch);
    struct weir_jw w = weir_jw_on(&c->scratch);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "integrations");
    weir_jw_object(&w);
    weir_jw_keyz(&w, "Segment.io");
    weir_jw_object(&w);
    weir_jw_kstr(&w, "apiKey", route->write_key);
    weir_jw_kstrz(&w, "apiHost", api_host);
    weir_jw_kstrz(&w, "protocol", at.protocol);
    weir_jw_object_end(&w);
    weir_jw_object_end(&w);
    weir_jw_keyz(&w, "plan");
    weir_jw_raw(&w, WEIR_STR("{\"track\":{\"__default\":{\"enabled\":true,\"integrations\":{}}},"
                             "\"identify\":{\"__default\":{\"enabled\":true}},"
                             "\"group\":{\"__default\":{\"enabled\":true}}}"));
    weir_jw_keyz(&w, "edgeFunction");
    weir_jw_raw(&w, WEIR_STR("{}"));
    weir_jw_kbool(&w, "analyticsNextEnabled", true);
    weir_jw_object_end(&w);
    weir_http_set(req, "Cache-Control", "public, max-age=60");
    weir_collect_reply(c, req, route->name, 200, "application/json", weir_buf_str(&c->scratch));
}

void weir_browser_source_config(struct weir_collector *c, struct weir_http_request *req,
                                const struct weir_route *route)
{
    const struct weir_source *source;
    struct weir_str key = {NULL, 0};
    if (weir_accept_head_key(c, req)) {
        key = weir_buf_str(&c->key);
    }
    if (!allowed(c, req, route, key, &source)) {
        return;
    }
    const char *name = source ? source->name : "unknown";
    char id[17];
    uint64_t hash = weir_hash64(name, strlen(name), 0);
    weir_hex(&hash, sizeof hash, id);
    weir_buf_reset(&c->scratch);
    struct weir_jw w = weir_jw_on(&c->scratch);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "source");
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "id", id);
    weir_jw_kstrz(&w, "name", name);
    weir_jw_kstr(&w, "writeKey", key);
    weir_jw_keyz(&w, "config");
    weir_jw_raw(&w, WEIR_STR("{\"statsCollection\":{\"errors\":{\"enabled\":false},"
                             "\"metrics\":{\"enabled\":false}}}"));
    weir_jw_kbool(&w, "enabled", true);
    weir_jw_kstrz(&w, "workspaceId", "weir");
    weir_jw_keyz(&w, "destinations");
    weir_jw_raw(&w, WEIR_STR("[]"));
    weir_jw_keyz(&w, "connections");
    weir_jw_raw(&w, WEIR_STR("[]"));
    weir_jw_keyz(&w, "dataplanes");
    weir_jw_raw(&w, WEIR_STR("{}"));
    weir_jw_object_end(&w);
    weir_jw_kstrz(&w, "updatedAt", "2026-01-01T00:00:00.000Z");
    weir_jw_object_end(&w);
    weir_http_set(req, "Cache-Control", "no-store");
    weir_collect_reply(c, req, route->name, 200, "application/json", weir_buf_str(&c->scratch));
}
