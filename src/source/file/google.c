/* Sheets of Google, by the address that the browser shows: read by their export as CSV, as whoever
 * has the link, or as a service account (RFC 7523). */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "io/rs256.h"
#include "source/file/file.h"

#define SCOPE    "https://www.googleapis.com/auth/drive.readonly"
#define GRANT    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define HOUR     3600
#define MOST_KEY (64u << 10)

/* --- addresses ----------------------------------------------------------------------------------
 */

static struct weir_str span(struct weir_str s, const char *set)
{
    size_t n = 0;
    while (n < s.len && strchr(set, s.ptr[n]) && s.ptr[n]) {
        n++;
    }
    return (struct weir_str){s.ptr, n};
}

static bool skip(struct weir_str *rest, const char *text)
{
    struct weir_str begin = weir_str_of(text);
    bool there = weir_str_starts_nocase(*rest, begin);
    *rest = there ? (struct weir_str){rest->ptr + begin.len, rest->len - begin.len} : *rest;
    return there;
}

/* "u/1/" of somebody with several accounts, "a/acme.com/" of a company's. */
static void skip_account(struct weir_str *rest, const char *before)
{
    struct weir_str after = *rest;
    const char *slash = skip(&after, before) ? memchr(after.ptr, '/', after.len) : NULL;
    if (slash) {
        *rest = (struct weir_str){slash + 1, (size_t)(after.ptr + after.len - slash - 1)};
    }
}

/* Behind what all of its sheets' addresses begin with, as the browser shows them and as people pass
 * them on. */
static bool skip_google(struct weir_str *rest)
{
    if (!skip(rest, "https://")) {
        (void)skip(rest, "http://");
    }
    if (!skip(rest, "docs.google.com/")) {
        return false;
    }
    skip_account(rest, "a/");
    return skip(rest, "spreadsheets/");
}

bool weir_google_is(struct weir_str url)
{
    return skip_google(&url);
}

bool weir_google_address(struct weir_str url, struct weir_str *id, struct weir_str *gid)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    struct weir_str at = url;
    if (!skip_google(&at)) {
        return false;
    }
    skip_account(&at, "u/");
    if (!skip(&at, "d/")) {
        return false;
    }
    *id = span(at, letters);
    struct weir_str rest = {id->ptr + id->len, at.len - id->len};
    const char *mark = memmem(rest.ptr, rest.len, "gid=", 4);
    *gid = mark ? span((struct weir_str){mark + 4, (size_t)(rest.ptr + rest.len - mark - 4)},
                       "0123456789")
                : WEIR_STR("");
    /* /d/e/… is published to the web; export and the like are addresses of files already. */
    struct weir_str edit = WEIR_STR("/edit"), view = WEIR_STR("/view");
    return id->len > 10 && (rest.len == 0 || weir_str_is(rest, "/") || rest.ptr[0] == '?' ||
                            rest.ptr[0] == '#' || weir_str_starts(rest, edit) ||
                            weir_str_starts(rest, view) || weir_str_starts(rest, WEIR_STR("/#")));
}

int weir_google_file(struct weir_file_connection *c, struct weir_str url, struct weir_arena *arena,
                     struct weir_file *out, struct weir_error *err)
{
    struct weir_str id, gid, base = weir_str_of(c->settings->google);
    if (!weir_google_address(url, &id, &gid)) {
        return weir_fail(err, WEIR_EINVAL, "that is no address of a sheet of Google");
    }
    while (base.len && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    const char *name = weir_arena_printf(
        arena, "https://docs.google.com/spreadsheets/d/" WEIR_STR_FMT "/edit%s" WEIR_STR_FMT,
        WEIR_STR_ARG(id), gid.len ? "#gid=" : "", WEIR_STR_ARG(gid));
    *out = (struct weir_file){
        .name = weir_str_of(name),
        .url = weir_arena_printf(
            arena, WEIR_STR_FMT "/spreadsheets/d/" WEIR_STR_FMT "/export?format=csv%s" WEIR_STR_FMT,
            WEIR_STR_ARG(base), WEIR_STR_ARG(id), gid.len ? "&gid=" : "", WEIR_STR_ARG(gid)),
        .google = true,
        .format = WEIR_FILE_CSV};
    return name && out->url ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
}

bool weir_google_book(struct weir_file *file, struct weir_arena *arena)
{
    struct weir_str csv = WEIR_STR("/export?format=csv"), url = weir_str_of(file->url);
    if (!file->google || !weir_str_ends(url, csv)) {
        return false;
    }
    const char *book = weir_arena_printf(arena, WEIR_STR_FMT "/export?format=xlsx",
                                         (int)(url.len - csv.len), url.ptr);
    file->url = book ? book : file->url;
    file->format = book ? WEIR_FILE_XLSX : file->format;
    return book;
}

int weir_google_check(const struct weir_file_connection *c, const struct weir_file *file, int rc,
                      const struct weir_curl_answer *answer, struct weir_error *err)
{
    struct weir_str type = {answer->type, 9};
    bool page = rc == 0 && weir_str_eq_nocase(type, WEIR_STR("text/html"));
    bool refused = rc && (answer->status == 401 || answer->status == 403 || answer->status == 404);
    if (!page && !refused) {
        return rc;
    }
    return weir_fail(err, WEIR_EPERM,
                     WEIR_STR_FMT
                     ": Google does not show this sheet to %s; in the sheet, Share: %s",
                     WEIR_STR_ARG(file->name),
                     *c->settings->service_account ? "the service account" : "everybody",
                     *c->settings->service_account
                         ? "add the account's address (client_email of its key) as a viewer"
                         : "\"Anyone with the link\" as a viewer, or give the connection a "
                           "`service_account`");
}

/* --- a service account --------------------------------------------------------------------------
 */

struct key {
    struct weir_str email, id, pem, token_uri;
};

static int make_assertion(const struct key *k, struct weir_buf *out, struct weir_error *err)
{
    struct weir_buf part, signature;
    weir_buf_init(&part, MOST_KEY);
    weir_buf_init(&signature, 4096);
    struct weir_jw w = weir_jw_on(&part);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "alg", "RS256");
    weir_jw_kstrz(&w, "typ", "JWT");
    if (k->id.len) {
        weir_jw_kstr(&w, "kid", k->id);
    }
    weir_jw_object_end(&w);
    weir_base64url_add(out, part.data, part.len);
    weir_buf_addc(out, '.');
    weir_buf_reset(&part);
    int64_t now = weir_now() / WEIR_SECOND;
    w = weir_jw_on(&part);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "iss", k->email);
    weir_jw_kstrz(&w, "scope", SCOPE);
    weir_jw_kstr(&w, "aud", k->token_uri);
    weir_jw_ki64(&w, "iat", now);
    weir_jw_ki64(&w, "exp", now + HOUR);
    weir_jw_object_end(&w);
    weir_base64url_add(out, part.data, part.len);
    int rc = weir_buf_check(out, "a token", err);
    rc = rc ? rc : weir_rs256_sign(k->pem, weir_buf_str(out), &signature, err);
    weir_buf_addc(out, '.');
    weir_base64url_add(out, signature.data, signature.len);
    weir_buf_free(&part);
    weir_buf_free(&signature);
    return rc ? rc : weir_buf_check(out, "a token", err);
}

static int take(struct weir_str bytes, void *arg, struct weir_error *err)
{
    weir_buf_adds(arg, bytes);
    return weir_buf_check(arg, "a token", err);
}

static int ask(struct weir_file_connection *c, const struct key *k, struct weir_json_parser *parser,
               struct weir_error *err)
{
    struct weir_buf form, assertion, body;
    struct weir_curl_answer answer;
    struct weir_json root;
    weir_buf_init(&form, MOST_KEY * 2);
    weir_buf_init(&assertion, MOST_KEY);
    weir_buf_init(&body, MOST_KEY);
    const char *uri = weir_arena_dup(&c->arena, k->token_uri).ptr;
    int rc = uri ? make_assertion(k, &assertion, err) : weir_fail(err, WEIR_ENOMEM, "no memory");
    weir_buf_addz(&form, GRANT);
    weir_buf_adds(&form, weir_buf_str(&assertion));
    rc = rc ? rc : weir_buf_check(&form, "a token", err);
    if (rc == 0) {
        struct weir_curl_call call = {.url = uri,
                                      .hosts = &c->site->hosts,
                                      .ca_file =
                                          *c->settings->ca_file ? c->settings->ca_file : NULL,
                                      .post = weir_buf_str(&form),
                                      .post_type = "application/x-www-form-urlencoded",
                                      .timeout = 30 * WEIR_SECOND,
                                      .tries = 1,
                                      .on_body = take,
                                      .arg = &body};
        rc = weir_curl_get(c->curl, &call, &answer, err);
    }
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&body), &root, err);
    struct weir_str token = rc ? WEIR_STR("") : weir_json_get_str(root, "access_token");
    c->google_token = token.len ? weir_arena_dup(&c->arena, token).ptr : NULL;
    rc = rc ? rc : weir_mask_add(&c->mask, &c->arena, token, err);
    if (rc == 0 && !c->google_token) {
        rc = weir_fail(err, WEIR_EINVAL, "%s gave no token", uri);
    }
    weir_buf_free(&form);
    weir_buf_free(&assertion);
    weir_buf_free(&body);
    return rc;
}

int weir_google_token(struct weir_file_connection *c, struct weir_error *err)
{
    struct weir_json root = {NULL, 0};
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_error ignored;
    if (c->google_token) {
        weir_json_parser_free(parser);
        return 0;
    }
    int rc = parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a key");
    /* The parser's words could have a piece of the key. */
    if (rc == 0 &&
        weir_json_parse(parser, weir_str_of(c->settings->service_account), &root, &ignored)) {
        rc = weir_fail(err, WEIR_EINVAL, "it is no JSON");
    }
    struct key k = {weir_json_get_str(root, "client_email"),
                    weir_json_get_str(root, "private_key_id"),
                    weir_json_get_str(root, "private_key"), weir_json_get_str(root, "token_uri")};
    struct weir_arena copies;
    weir_arena_init(&copies, MOST_KEY * 4);
    k = (struct key){weir_arena_dup(&copies, k.email), weir_arena_dup(&copies, k.id),
                     weir_arena_dup(&copies, k.pem), weir_arena_dup(&copies, k.token_uri)};
    if (rc == 0 && (!k.email.len || !k.pem.len || !k.token_uri.len)) {
        rc = weir_fail(err, WEIR_EINVAL,
                       "it has no client_email, private_key or token_uri: make a key of the "
                       "service account of type JSON, and seal the whole file");
    }
    rc = rc ? rc : ask(c, &k, parser, err);
    weir_arena_free(&copies);
    weir_json_parser_free(parser);
    return rc ? weir_error_prefix(err, rc, "`service_account`") : 0;
}
