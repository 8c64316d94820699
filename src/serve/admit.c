/* Who asks, and may she? docs/design/people.md has the rules in words. */
#include <stdio.h>

#include "serve/embeds.h"
#include "serve/known.h"
#include "serve/passes.h"
#include "serve/route.h"

#define COOKIE "weir_session"

/* --- pages of other sites ------------------------------------------------------------------- */

static struct weir_str host_of_origin(struct weir_str origin)
{
    const char *slashes = memmem(origin.ptr, origin.len, "://", 3);
    size_t skip = slashes ? (size_t)(slashes - origin.ptr) + 3 : 0;
    return (struct weir_str){origin.ptr + skip, origin.len - skip};
}

/* Another site's page in the same browser can reach this machine; it must not do anything here. */
static bool is_foreign_page(const struct weir_call *call)
{
    struct weir_str site = weir_http_header(call->req, "Sec-Fetch-Site");
    struct weir_str origin = weir_http_header(call->req, "Origin");
    if (site.ptr) {
        return !weir_str_is(site, "same-origin") && !weir_str_is(site, "none");
    }
    if (!origin.ptr) {
        return false; /* no browser */
    }
    struct weir_str host = host_of_origin(origin);
    struct weir_str own = host_of_origin(weir_str_of(call->server->settings.url));
    return !weir_str_eq_nocase(host, weir_http_header(call->req, "Host")) &&
           !(own.len && weir_str_eq_nocase(host, own));
}

/* --- proxies -------------------------------------------------------------------------------- */

static bool is_proxied(const struct weir_call *call)
{
    return weir_networks_have(&call->server->proxies, weir_http_peer(call->req));
}

bool weir_serve_by_https(const struct weir_call *call)
{
    struct weir_str schemes = weir_http_header(call->req, "X-Forwarded-Proto");
    return schemes.ptr && is_proxied(call) &&
           weir_str_eq_nocase(weir_str_trim(weir_str_cut(&schemes, ',')), WEIR_STR("https"));
}

/* --- the ways in ---------------------------------------------------------------------------- */

static struct weir_str bearer(struct weir_str authorization)
{
    struct weir_str scheme = {authorization.ptr, authorization.len < 7 ? authorization.len : 7};
    if (!weir_str_eq_nocase(scheme, WEIR_STR("Bearer "))) {
        return (struct weir_str){0};
    }
    return weir_str_trim((struct weir_str){authorization.ptr + 7, authorization.len - 7});
}

static int by_token(struct weir_call *call, struct weir_str token, struct weir_error *err)
{
    struct weir_server *s = call->server;
    if (token.ptr && weir_secret_same(token, weir_str_of(s->token))) {
        weir_caller_owner(&call->who, WEIR_WAY_OWNER);
        return 0;
    }
    int rc = token.ptr ? weir_known_enter(s->known, call, WEIR_WAY_TOKEN, token, err) : WEIR_ENOENT;
    return rc == WEIR_ENOENT
               ? weir_fail(err, rc, "this token is not known, was revoked, or has expired")
               : rc;
}

static struct weir_str cookie_of(const struct weir_http_request *req)
{
    struct weir_str line;
    size_t at = 0;
    while (weir_http_next_header(req, "Cookie", &at, &line)) {
        while (line.ptr && line.len) {
            struct weir_str value = weir_str_cut(&line, ';');
            struct weir_str name = weir_str_trim(weir_str_cut(&value, '='));
            if (weir_str_is(name, COOKIE) && value.ptr) {
                return weir_str_trim(value);
            }
        }
    }
    return (struct weir_str){0};
}

/* What a proxy on this machine passes on comes from anywhere. */
static bool is_passed_on(const struct weir_call *call)
{
    static const char *const marks[] = {
        "X-Forwarded-For",  "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
        "CF-Connecting-IP", "True-Client-IP",   "Forwarded",         "Via"};
    bool marked = is_proxied(call);
    for (size_t i = 0; !marked && i < sizeof marks / sizeof marks[0]; i++) {
        marked = weir_http_header(call->req, marks[i]).ptr;
    }
    return marked;
}

/* Whoever is on this machine owns it, until there are people. */
static int by_loopback(struct weir_call *call, struct weir_error *err)
{
    struct weir_server *s = call->server;
    int rc = 0;
    if (!s->began && s->began_turn != weir_loop_turn(s->loop)) { /* see mark_of in known.c */
        rc = weir_people_began(s->state, &s->began, err);
        s->began_turn = rc ? 0 : weir_loop_turn(s->loop);
    }
    if (rc == 0 && !s->began && !s->settings.require_token && !is_passed_on(call) &&
        weir_http_peer_is_loopback(call->req)) {
        weir_caller_owner(&call->who, WEIR_WAY_LOOPBACK);
        return 0;
    }
    return rc ? rc
              : weir_fail(err, WEIR_ENOENT, "%s",
                          s->began ? "log in first, or send `Authorization: Bearer TOKEN`"
                                   : "this needs the header `Authorization: Bearer TOKEN`; the "
                                     "token is in .weir/secrets/api_token on the server");
}

/* WEIR_ENOENT: nobody who is known. */
static int identify(struct weir_call *call, struct weir_arena *arena, struct weir_error *err)
{
    struct weir_str authorization = weir_http_header(call->req, "Authorization");
    if (call->local) {
        weir_caller_owner(&call->who, WEIR_WAY_SOCKET);
        return 0;
    }
    struct weir_buf room;
    weir_buf_init(&room, 64u << 10);
    weir_address_of(call->req, &call->server->proxies, &room, call->who.address);
    weir_buf_free(&room);
    if (authorization.ptr) {
        return by_token(call, bearer(authorization), err);
    }
    struct weir_str pass = weir_http_header(call->req, "X-Weir-Pass");
    if (pass.ptr && memchr(pass.ptr, '.', pass.len)) {
        return weir_embeds_find(call, pass, arena, err);
    }
    if (pass.ptr) {
        return weir_passes_find(call->server->passes, call->server->state, pass, arena, &call->who,
                                err);
    }
    struct weir_str cookie = cookie_of(call->req);
    int rc = cookie.ptr ? weir_known_enter(call->server->known, call, WEIR_WAY_SESSION, cookie, err)
                        : WEIR_ENOENT;
    return rc == WEIR_ENOENT ? by_loopback(call, err) : rc;
}

/* --- what she may ----------------------------------------------------------------------------- */

static bool is_write(const struct weir_call *call)
{
    return !(weir_http_method(call->req) & (WEIR_HTTP_GET | WEIR_HTTP_HEAD | WEIR_HTTP_OPTIONS));
}

static bool csrf_is_well(const struct weir_call *call)
{
    char csrf[WEIR_SECRET_SIZE];
    if (call->who.way != WEIR_WAY_SESSION || !is_write(call)) {
        return true;
    }
    weir_caller_csrf(&call->who, csrf);
    struct weir_str given = weir_http_header(call->req, "X-Weir-CSRF");
    return given.ptr && weir_secret_same(given, weir_str_of(csrf));
}

static int see_as(struct weir_call *call, const struct weir_serve_route *route,
                  struct weir_error *err)
{
    struct weir_str email = weir_http_header(call->req, "X-Weir-See-As");
    if (!email.ptr || email.len == 0) {
        return 0;
    }
    if (call->embed.ptr) {
        return weir_fail(err, WEIR_EPERM, "an embedded page sees as its link's person only");
    }
    if (!route || (is_write(call) && !route->reads)) {
        return weir_fail(err, WEIR_EPERM,
                         "you look through somebody else's eyes, which is for reading only; leave "
                         "that view to change something");
    }
    return weir_caller_see_as(&call->who, call->server->state, email, err);
}

/* What a route with a report in its address does is for that report only; the others look by
 * themselves (weir_query_find_report). */
static bool pass_opens(const struct weir_call *call, const struct weir_serve_route *route)
{
    struct weir_str rest = call->id;
    struct weir_str id = weir_str_cut(&rest, '/');
    return route && (call->embed.ptr ? route->embed : route->pass) &&
           (id.len == 0 || weir_str_is(id, call->who.only));
}

static int authorize(const struct weir_call *call, const struct weir_serve_route *route,
                     struct weir_error *err)
{
    static const enum weir_role needed[] = {
        [WEIR_WHO_ANYBODY] = WEIR_ROLE_VIEWER,
        [WEIR_WHO_PERSON] = WEIR_ROLE_VIEWER,
        [WEIR_WHO_EDITOR] = WEIR_ROLE_EDITOR,
        [WEIR_WHO_ADMIN] = WEIR_ROLE_ADMIN,
    };
    if (route && call->who.role < needed[route->who]) {
        return weir_fail(
            err, WEIR_EPERM, "this is for %ss, and you are %s %s; ask an admin of this weir",
            weir_role_name(needed[route->who]), call->who.role == WEIR_ROLE_VIEWER ? "a" : "an",
            weir_role_name(call->who.role));
    }
    if (call->who.only[0] && !pass_opens(call, route)) {
        return weir_fail(err, WEIR_EPERM, "a pass opens one report, and this is something else");
    }
    if (route && route->scope & ~call->who.scopes) {
        return weir_fail(err, WEIR_EPERM, "this token lacks the scope \"%s\"",
                         weir_scope_name(route->scope));
    }
    return 0;
}

static void note_denied(const struct weir_call *call, const struct weir_error *err)
{
    char object[200];
    snprintf(object, sizeof object, "%s " WEIR_STR_FMT,
             weir_serve_method_name(weir_http_method(call->req)),
             WEIR_STR_ARG(weir_utf8_cut(weir_http_path(call->req), 180)));
    weir_serve_note_denied(call->server, &call->who, "access.refused", weir_str_of(object), err);
}

static void refuse_nobody(const struct weir_call *call, const struct weir_error *err)
{
    weir_http_set(call->req, "WWW-Authenticate", "Bearer realm=\"weir\"");
    weir_serve_refuse(call, 401, WEIR_EPERM, err->message);
}

static bool admit(struct weir_call *call, const struct weir_serve_route *route,
                  struct weir_arena *arena)
{
    bool open = route && route->who == WEIR_WHO_ANYBODY;
    struct weir_error err = {0};
    if (!call->local && !weir_host_allowed(call->server, weir_http_header(call->req, "Host"))) {
        weir_serve_refuse(call, 421, WEIR_EPERM,
                          "this server does not answer under this name; add it to serve.hosts in "
                          "weir.yml");
        return false;
    }
    if (!call->local && (!open || is_write(call)) && is_foreign_page(call)) {
        weir_serve_refuse(call, 403, WEIR_EPERM, "pages of other sites may not use this API");
        return false;
    }
    if (open && !is_write(call)) {
        return true; /* the same for everybody */
    }
    int rc = identify(call, arena, &err);
    if (rc == WEIR_ENOENT && !open) {
        if (weir_http_header(call->req, "Authorization")
                .ptr) { /* and not just a page's first look */
            note_denied(call, &err);
        }
        refuse_nobody(call, &err);
        return false;
    }
    if (rc && rc != WEIR_ENOENT) {
        weir_serve_reply_error(call, &err);
        return false;
    }
    if (!csrf_is_well(call) && !(open && route->ask != weir_ask_logout)) {
        weir_serve_refuse(call, 403, WEIR_EPERM,
                          "the header X-Weir-CSRF is missing or old; GET /api/session says it");
        return false;
    }
    if (open) {
        return true;
    }
    rc = see_as(call, route, &err);
    rc = rc ? rc : authorize(call, route, &err);
    if (rc == WEIR_EPERM) {
        note_denied(call, &err);
    }
    if (rc) {
        weir_serve_reply_error(call, &err);
    }
    return rc == 0;
}

bool weir_serve_admit(struct weir_call *call, const struct weir_serve_route *route)
{
    struct weir_arena arena;
    weir_arena_init(&arena, 1u << 20);
    bool yes = admit(call, route, &arena);
    weir_arena_free(&arena);
    return yes;
}
