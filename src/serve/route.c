/* Which handler answers what, and who may ask. */
#include "serve/server.h"

/* --- answers -------------------------------------------------------------------------------- */

static void common_headers(struct weir_http_request *req)
{
    weir_http_set(req, "X-Content-Type-Options", "nosniff");
    weir_http_set(req, "Referrer-Policy", "no-referrer");
    weir_serve_set_policy(req, "");
    weir_http_set(req, "Cross-Origin-Resource-Policy", "same-origin");
    weir_http_set(req, "Cache-Control", "no-store");
}

void weir_serve_reply_json(const struct weir_call *call, int status, struct weir_buf *body)
{
    struct weir_error err;
    if (weir_buf_check(body, "the answer", &err)) {
        weir_serve_reply_error(call, &err);
        return;
    }
    call->server->requests[status / 100]++;
    weir_http_reply(call->req, status, "application/json", weir_buf_str(body));
}

static int status_of(int code)
{
    switch (code) {
    case WEIR_EINVAL:
        return 400;
    case WEIR_EPERM:
        return 403;
    case WEIR_ENOENT:
        return 404;
    case WEIR_ETOOBIG:
        return 413;
    case WEIR_EBUSY:
    case WEIR_EAGAIN:
        return 503;
    case WEIR_ETIMEDOUT:
        return 504;
    case WEIR_ECANCELED:
        return 499;
    case WEIR_EUNSUPPORTED:
        return 501;
    case WEIR_ENOSPC:
        return 507;
    default:
        return 500;
    }
}

static void print_position(struct weir_jw *w, const char *sql, int64_t offset)
{
    int64_t line = 1, column = 1;
    for (int64_t i = 0; i < offset && sql[i]; i++) {
        unsigned char c = (unsigned char)sql[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else {
            column += (c & 0xc0) != 0x80; /* characters, not bytes */
        }
    }
    weir_jw_keyz(w, "position");
    weir_jw_object(w);
    weir_jw_ki64(w, "offset", offset);
    weir_jw_ki64(w, "line", line);
    weir_jw_ki64(w, "column", column);
    weir_jw_object_end(w);
}

static void reply_error(const struct weir_call *call, int status, const struct weir_error *err,
                        const char *sql, int64_t offset)
{
    struct weir_buf body;
    weir_buf_init(&body, 16384);
    struct weir_jw w = weir_jw_on(&body);
    weir_jw_object(&w);
    weir_jw_keyz(&w, "error");
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "code", weir_code_name(err->code));
    weir_jw_kstrz(&w, "message", err->message);
    if (sql && offset >= 0) {
        print_position(&w, sql, offset);
    }
    weir_jw_object_end(&w);
    weir_jw_object_end(&w);
    weir_buf_addc(&body, '\n');
    if (status == 503) {
        weir_http_set(call->req, "Retry-After", "1");
    }
    call->server->requests[status / 100]++;
    weir_http_reply(call->req, status, "application/json", weir_buf_str(&body));
    weir_buf_free(&body);
}

void weir_serve_reply_sql_error(const struct weir_call *call, const struct weir_error *err,
                                const char *sql, int64_t offset)
{
    reply_error(call, status_of(err->code), err, sql, offset);
}

void weir_serve_reply_error(const struct weir_call *call, const struct weir_error *err)
{
    reply_error(call, status_of(err->code), err, NULL, -1);
}

static void refuse(const struct weir_call *call, int status, int code, const char *why)
{
    struct weir_error err;
    weir_fail(&err, code, "%s", why);
    reply_error(call, status, &err, NULL, -1);
}

/* --- the routes ------------------------------------------------------------------------------- */

enum access { OPEN, GUARDED }; /* GUARDED: the token, unless the client is on this machine */

static const struct route {
    enum weir_http_method method;
    const char *path; /* {id} stands for one segment */
    enum access access;
    void (*handle)(const struct weir_call *call);
} routes[] = {
    {WEIR_HTTP_POST, "/api/query", GUARDED, weir_serve_query},
    {WEIR_HTTP_GET, "/api/query/{id}", GUARDED, weir_serve_query_progress},
    {WEIR_HTTP_DELETE, "/api/query/{id}", GUARDED, weir_serve_query_cancel},
    {WEIR_HTTP_GET, "/api/status", GUARDED, weir_serve_status},
    {WEIR_HTTP_GET, "/api/schema", GUARDED, weir_serve_schema},
    {WEIR_HTTP_POST, "/api/replay", GUARDED, weir_serve_replay_start},
    {WEIR_HTTP_GET, "/api/replay", GUARDED, weir_serve_replay_progress},
    {WEIR_HTTP_GET, "/api/openapi.yaml", OPEN, weir_serve_asset},
    {WEIR_HTTP_GET, "/health", OPEN, weir_serve_health},
    {WEIR_HTTP_GET, "/metrics", GUARDED, weir_serve_metrics},
    /* The app holds no data: it asks the API. Its pages' addresses: weir_serve_is_page. */
    {WEIR_HTTP_GET, "/assets/{id}", OPEN, weir_serve_asset},
};
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

/* --- routing -------------------------------------------------------------------------------- */

static bool path_fits(const char *pattern, struct weir_str path, struct weir_str *id)
{
    const char *brace = strchr(pattern, '{');
    if (!brace) {
        return weir_str_is(path, pattern);
    }
    size_t fixed = (size_t)(brace - pattern);
    if (path.len <= fixed || memcmp(path.ptr, pattern, fixed) != 0) {
        return false;
    }
    *id = (struct weir_str){path.ptr + fixed, path.len - fixed};
    return !memchr(id->ptr, '/', id->len);
}

static const char *const method_names[] = {"GET",    "HEAD",    "POST", "PUT",
                                           "DELETE", "OPTIONS", "PATCH"};

static void refuse_method(const struct weir_call *call, unsigned allowed)
{
    char allow[64] = "";
    for (size_t i = 0; i < sizeof method_names / sizeof method_names[0]; i++) {
        if (allowed >> i & 1) {
            strcat(allow, *allow ? ", " : "");
            strcat(allow, method_names[i]);
        }
    }
    weir_http_set(call->req, "Allow", allow);
    refuse(call, 405, WEIR_EINVAL, "this address takes other methods; see the Allow header");
}

static const struct route *find(struct weir_call *call, unsigned *allowed)
{
    unsigned method = weir_http_method(call->req);
    if (method == WEIR_HTTP_HEAD) {
        method = WEIR_HTTP_GET; /* the server leaves the body out */
    }
    *allowed = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (path_fits(routes[i].path, weir_http_path(call->req), &call->id)) {
            *allowed |= routes[i].method;
            if (routes[i].method == method) {
                return &routes[i];
            }
        }
    }
    static const struct route page = {WEIR_HTTP_GET, "/", OPEN, weir_serve_page};
    if (*allowed == 0 && weir_serve_is_page(weir_http_path(call->req))) {
        *allowed = WEIR_HTTP_GET;
        return method == WEIR_HTTP_GET ? &page : NULL;
    }
    return NULL;
}

/* Another site's page in the same browser can reach this machine; it must not do anything here. */
static bool foreign_page(const struct weir_http_request *req)
{
    struct weir_str site = weir_http_header(req, "Sec-Fetch-Site");
    return site.ptr && !weir_str_is(site, "same-origin") && !weir_str_is(site, "none");
}

static bool may(const struct weir_call *call, const struct route *route)
{
    const struct weir_server *s = call->server;
    if (!weir_host_allowed(s, weir_http_header(call->req, "Host"))) {
        refuse(call, 421, WEIR_EPERM,
               "this server does not answer under this name; add it to serve.hosts in weir.yml");
        return false;
    }
    if (route->access == OPEN) {
        return true;
    }
    if (foreign_page(call->req)) {
        refuse(call, 403, WEIR_EPERM, "pages of other sites may not use this API");
        return false;
    }
    bool local = weir_http_peer_is_loopback(call->req) && !s->settings.require_token;
    if (!local && !weir_token_matches(s->token, weir_http_header(call->req, "Authorization"))) {
        weir_http_set(call->req, "WWW-Authenticate", "Bearer realm=\"weir\"");
        refuse(call, 401, WEIR_EPERM,
               "this needs the header `Authorization: Bearer TOKEN`; the token is in "
               ".weir/secrets/api_token on the server");
        return false;
    }
    return true;
}

static bool is_json(const struct weir_http_request *req)
{
    struct weir_str type = weir_http_header(req, "Content-Type");
    struct weir_str media = weir_str_trim(weir_str_cut(&type, ';'));
    return weir_str_eq_nocase(media, WEIR_STR("application/json"));
}

static void dispatch(struct weir_server *server, struct weir_http_request *req, bool local)
{
    struct weir_call call = {server, req, {"", 0}};
    unsigned allowed;
    common_headers(req);
    const struct route *route = find(&call, &allowed);
    static const struct route unknown = {.access = GUARDED};
    if (!local && !may(&call, route ? route : &unknown)) {
        return;
    }
    if (!route && allowed) {
        refuse_method(&call, allowed);
    } else if (!route) {
        refuse(&call, 404, WEIR_ENOENT,
               "there is nothing at this address; see the API file, openapi.yaml");
    } else if (route->method == WEIR_HTTP_POST && !is_json(req)) {
        refuse(&call, 415, WEIR_EINVAL,
               "the body must be JSON: send Content-Type: application/json");
    } else {
        route->handle(&call);
    }
}

void weir_serve_handle(struct weir_http_request *req, void *arg)
{
    dispatch(arg, req, false);
}

void weir_serve_handle_local(struct weir_http_request *req, void *arg)
{
    dispatch(arg, req, true);
}

void weir_serve_refused(struct weir_http_request *req, int status, const char *why, void *arg)
{
    struct weir_call call = {arg, req, {"", 0}};
    int code = status == 413 || status == 431   ? WEIR_ETOOBIG
               : status == 415 || status == 501 ? WEIR_EUNSUPPORTED
               : status == 503                  ? WEIR_EBUSY
                                                : WEIR_EINVAL;
    common_headers(req);
    refuse(&call, status, code, why);
}
