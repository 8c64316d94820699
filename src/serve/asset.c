/* The web app's files: docs/design/web.md says how they come here.
 *
 * A file below /assets/ has its hash in its name, so it may be kept for ever. index.html names the
 * current ones, so it is never kept; it is also the answer for every address that the app itself
 * makes a page of. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "serve/embeds.h"
#include "serve/server.h"

/* Styles: the app's own file, and the elements that editors insert, which carry the nonce. Scripts:
 * own files only, and no string becomes HTML or a script's address but through the two named
 * policies. */
#define NONCE_MARK "@nonce@" /* in web/index.html */

static const struct weir_asset *find(struct weir_str path)
{
    for (size_t i = 0; i < weir_asset_count; i++) {
        if (weir_str_is(path, weir_assets[i].path)) {
            return &weir_assets[i];
        }
    }
    return NULL;
}

/* --- which form of a file ------------------------------------------------------------------- */

/* The weight of `coding` in Accept-Encoding, in thousandths; `*` stands for what is not named. */
static unsigned weight_of(struct weir_str accept, const char *coding)
{
    unsigned any = 0;
    while (accept.len) {
        struct weir_str item = weir_str_cut(&accept, ',');
        struct weir_str name = weir_str_trim(weir_str_cut(&item, ';'));
        unsigned weight = 1000;
        struct weir_str q = weir_str_trim(item);
        if (q.len > 2 && (q.ptr[0] | 32) == 'q' && q.ptr[1] == '=') {
            weight = q.ptr[2] == '1' ? 1000 : 0;
            unsigned digit = 100;
            for (size_t i = 4; i < q.len && weight < 1000 && q.ptr[i] >= '0' && q.ptr[i] <= '9';
                 i++, digit /= 10) {
                weight += digit * (unsigned)(q.ptr[i] - '0');
            }
        }
        if (weir_str_eq_nocase(name, weir_str_of(coding))) {
            return weight;
        }
        if (weir_str_is(name, "*")) {
            any = weight;
        }
    }
    return any;
}

static struct weir_str choose(const struct weir_call *call, const struct weir_asset *asset)
{
    static const char *const codings[] = {[WEIR_ASSET_GZIP] = "gzip", [WEIR_ASSET_BROTLI] = "br"};
    struct weir_str accept = weir_http_header(call->req, "Accept-Encoding");
    size_t best = WEIR_ASSET_RAW;
    unsigned best_weight = 0;
    for (size_t form = WEIR_ASSET_GZIP; form < WEIR_ASSET_FORMS; form++) {
        unsigned weight = asset->forms[form].len ? weight_of(accept, codings[form]) : 0;
        if (weight > 0 && weight >= best_weight) {
            best = form;
            best_weight = weight;
        }
    }
    if (best != WEIR_ASSET_RAW) {
        weir_http_set(call->req, "Content-Encoding", codings[best]);
    }
    return asset->forms[best];
}

/* --- answers -------------------------------------------------------------------------------- */

static bool holds_etag(struct weir_str list, const char *etag)
{
    while (list.len) {
        struct weir_str item = weir_str_trim(weir_str_cut(&list, ','));
        if (item.len > 2 && memcmp(item.ptr, "W/", 2) == 0) {
            item = (struct weir_str){item.ptr + 2, item.len - 2};
        }
        if (weir_str_is(item, etag) || weir_str_is(item, "*")) {
            return true;
        }
    }
    return false;
}

void weir_serve_asset(const struct weir_call *call)
{
    struct weir_str path = weir_http_path(call->req);
    const struct weir_asset *asset = find(path);
    if (!asset || weir_str_ends(path, WEIR_STR(".html"))) {
        struct weir_error err;
        weir_fail(&err, WEIR_ENOENT, "there is no such file; load the page again");
        weir_serve_reply_error(call, &err);
        return;
    }
    bool hashed = strncmp(asset->path, "/assets/", 8) == 0;
    weir_http_set(call->req, "Cache-Control",
                  hashed ? "public, max-age=31536000, immutable" : "no-cache");
    weir_http_set(call->req, "ETag", asset->etag);
    weir_http_set(call->req, "Vary", "Accept-Encoding");
    if (holds_etag(weir_http_header(call->req, "If-None-Match"), asset->etag)) {
        call->server->requests[3]++;
        weir_http_reply(call->req, 304, NULL, WEIR_STR(""));
        return;
    }
    struct weir_str body = choose(call, asset);
    call->server->requests[2]++;
    weir_http_reply_static(call->req, 200, asset->type, body);
}

bool weir_serve_is_page(struct weir_str path)
{
    static const char *const places[] = {
        "",        "explore", "report", "reports", "snapshot", "data",      "people", "system",
        "account", "print",   "setup",  "join",    "login",    "dashboard", "embed",  "sources"};
    if (path.len == 0 || path.ptr[0] != '/') {
        return false;
    }
    struct weir_str rest = {path.ptr + 1, path.len - 1};
    struct weir_str place = weir_str_cut(&rest, '/');
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (weir_str_is(place, places[i])) {
            return true;
        }
    }
    return false;
}

/* The page that others may have in a frame, when they may. */
static bool is_embed(const struct weir_call *call, const char **ancestors)
{
    struct weir_str path = weir_http_path(call->req);
    bool is = weir_str_is(path, "/embed") || weir_str_starts(path, WEIR_STR("/embed/"));
    *ancestors = is ? weir_embeds_ancestors(call->server->embeds) : "'none'";
    return is;
}

void weir_serve_page(const struct weir_call *call)
{
    unsigned char random[16];
    char nonce[2 * sizeof random + 1];
    const char *ancestors;
    bool embed = is_embed(call, &ancestors);
    if (!ancestors) {
        weir_serve_refuse(call, 404, WEIR_ENOENT,
                          "nothing of this weir may be embedded; an admin can turn it on "
                          "(serve.embed in weir.yml)");
        return;
    }
    weir_random_bytes(random, sizeof random);
    weir_hex(random, sizeof random, nonce);
    weir_serve_set_policy(call->req, nonce, ancestors);
    if (embed) { /* pages that embed with credentialless or require-corp need it */
        weir_http_set(call->req, "Cross-Origin-Resource-Policy", "cross-origin");
    }

    struct weir_str html =
        find(embed ? WEIR_STR("/embed.html") : WEIR_STR("/index.html"))->forms[WEIR_ASSET_RAW];
    const char *mark = memmem(html.ptr, html.len, NONCE_MARK, strlen(NONCE_MARK));
    struct weir_buf page;
    weir_buf_init(&page, html.len + sizeof nonce);
    weir_buf_add(&page, html.ptr, (size_t)(mark - html.ptr));
    weir_buf_addz(&page, nonce);
    const char *rest = mark + strlen(NONCE_MARK);
    weir_buf_add(&page, rest, (size_t)(html.ptr + html.len - rest));
    struct weir_error err;
    if (weir_buf_check(&page, "the page", &err)) {
        weir_serve_reply_error(call, &err);
    } else {
        call->server->requests[2]++;
        weir_http_reply(call->req, 200, "text/html; charset=utf-8", weir_buf_str(&page));
    }
    weir_buf_free(&page);
}
