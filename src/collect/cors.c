#include "collect/cors.h"

#define MAX_ECHO 1024

/* What SDKs are known to send; more are allowed by being asked for. */
#define HEADERS "Authorization, Content-Type, Content-Encoding, AnonymousId, SentAt, X-Retry-Count"

static void echo(struct weir_http_request *req, const char *name, struct weir_str value)
{
    char text[MAX_ECHO];
    if (value.len && value.len < sizeof text) {
        memcpy(text, value.ptr, value.len);
        text[value.len] = '\0';
        weir_http_set(req, name, text);
    }
}

void weir_cors_allow(struct weir_http_request *req)
{
    struct weir_str origin = weir_http_header(req, "Origin");
    if (!origin.len) {
        return;
    }
    echo(req, "Access-Control-Allow-Origin", origin);
    weir_http_set(req, "Access-Control-Allow-Credentials", "true");
    weir_http_set(req, "Vary", "Origin");
}

void weir_cors_preflight(struct weir_http_request *req)
{
    struct weir_str asked = weir_http_header(req, "Access-Control-Request-Headers");
    weir_cors_allow(req);
    weir_http_set(req, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    weir_http_set(req, "Access-Control-Allow-Headers", HEADERS);
    echo(req, "Access-Control-Allow-Headers", asked);
    weir_http_set(req, "Access-Control-Max-Age", "900");
    if (weir_str_is(weir_http_header(req, "Access-Control-Request-Private-Network"), "true")) {
        weir_http_set(req, "Access-Control-Allow-Private-Network", "true");
    }
    weir_http_reply(req, 204, NULL, (struct weir_str){0});
}
