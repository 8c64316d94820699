#include "serve/embed_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hash.h"
#include "io/file.h"

#define VERSION    1
#define MAX_DEPTH  6
#define MAX_ORIGIN 200

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for an embedded page");
}

/* --- the key -------------------------------------------------------------------------------- */

int weir_embed_key_init(struct weir_embed_key *key, struct weir_workspace *workspace,
                        struct weir_error *err)
{
    *key = (struct weir_embed_key){.folder = weir_workspace_path(workspace, "secrets"),
                                   .path = weir_workspace_path(workspace, "secrets/embed_key")};
    pthread_mutex_init(&key->lock, NULL);
    return key->folder && key->path ? 0 : no_memory(err);
}

void weir_embed_key_free(struct weir_embed_key *key)
{
    pthread_mutex_destroy(&key->lock);
    memset(key->key, 0, sizeof key->key);
}

static int write_key(const struct weir_embed_key *key, const char *path, struct weir_error *err)
{
    char secret[WEIR_SECRET_SIZE + 1];
    weir_secret_make(secret);
    secret[WEIR_SECRET_SIZE - 1] = '\n';
    int rc = weir_dir_make(key->folder, 0700, err);
    return rc ? rc
              : weir_file_replace(path, (struct weir_str){secret, WEIR_SECRET_SIZE}, 0600, err);
}

int weir_embed_key_make(struct weir_embed_key *key, struct weir_error *err)
{
    return write_key(key, key->path, err);
}

/* Where there is none: of two who come at once, also from two processes, one makes it for both. */
static int make_first_key(const struct weir_embed_key *key, struct weir_error *err)
{
    char own[4200];
    int n =
        snprintf(own, sizeof own, "%s.%016llx", key->path, (unsigned long long)weir_random_u64());
    if (n < 0 || (size_t)n >= sizeof own) {
        return no_memory(err);
    }
    int rc = write_key(key, own, err);
    if (rc == 0 && link(own, key->path) && errno != EEXIST) {
        rc = weir_fail_errno(err, errno, "cannot make %s", key->path);
    }
    (void)unlink(own);
    return rc;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool from_hex(struct weir_str text, unsigned char out[WEIR_HMAC_SIZE])
{
    bool good = text.len == 2 * WEIR_HMAC_SIZE;
    for (size_t i = 0; good && i < WEIR_HMAC_SIZE; i++) {
        int high = digit(text.ptr[2 * i]), low = digit(text.ptr[2 * i + 1]);
        good = high >= 0 && low >= 0;
        out[i] = (unsigned char)(good ? high << 4 | low : 0);
    }
    return good;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* With the lock. */
static int renew(struct weir_embed_key *key, struct weir_error *err)
{
    struct stat now;
    struct weir_buf text;
    if (stat(key->path, &now)) {
        key->known = false;
        return errno == ENOENT ? weir_fail(err, WEIR_ENOENT, "nothing was embedded yet")
                               : weir_fail_errno(err, errno, "cannot read %s", key->path);
    }
    if (key->known && same_file(&now, &key->seen)) {
        return 0;
    }
    weir_buf_init(&text, 4096);
    int rc = weir_file_read(key->path, &text, err);
    key->known = rc == 0 && from_hex(weir_str_trim(weir_buf_str(&text)), key->key);
    key->seen = now;
    weir_buf_free(&text);
    return rc || key->known
               ? rc
               : weir_fail(
                     err, WEIR_EINVAL,
                     "%s: a key is %d hexadecimal digits; `weir embed rotate` makes a new one",
                     key->path, 2 * WEIR_HMAC_SIZE);
}

/* The MAC of a payload, as the token has it. */
static int mac_of(struct weir_embed_key *key, struct weir_str payload, struct weir_buf *out,
                  struct weir_error *err)
{
    unsigned char mac[WEIR_HMAC_SIZE];
    pthread_mutex_lock(&key->lock);
    int rc = renew(key, err);
    if (rc == 0) {
        weir_hmac_sha256(key->key, payload, mac);
    }
    pthread_mutex_unlock(&key->lock);
    if (rc == 0) {
        weir_base64url_add(out, mac, sizeof mac);
        rc = weir_buf_check(out, "a token", err);
    }
    return rc;
}

/* --- signing -------------------------------------------------------------------------------- */

static void print_payload(const struct weir_embed *embed, struct weir_buf *out)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "v", VERSION);
    weir_jw_kstr(&w, "report", embed->report);
    if (embed->tile.ptr) {
        weir_jw_kstr(&w, "tile", embed->tile);
    }
    weir_jw_kstr(&w, "person", embed->person);
    weir_jw_keyz(&w, "values");
    weir_data_print(embed->values, &w);
    if (!embed->filters) {
        weir_jw_kbool(&w, "filters", false);
    }
    if (embed->origins) {
        weir_jw_keyz(&w, "origins");
        weir_data_print(embed->origins, &w);
    }
    weir_jw_ki64(&w, "exp", embed->expires_at / WEIR_SECOND);
    weir_jw_object_end(&w);
}

int weir_embed_sign(struct weir_embed_key *key, const struct weir_embed *embed,
                    struct weir_arena *arena, struct weir_str *out, struct weir_error *err)
{
    struct weir_buf json, token, mac;
    weir_buf_init(&json, WEIR_EMBED_MAX_TOKEN);
    weir_buf_init(&token, WEIR_EMBED_MAX_TOKEN);
    weir_buf_init(&mac, 64);
    print_payload(embed, &json);
    weir_base64url_add(&token, json.data, json.len);
    int rc = weir_buf_check(&json, "a token", err);
    rc = rc ? rc : weir_buf_check(&token, "a token", err);
    rc = rc ? rc : mac_of(key, weir_buf_str(&token), &mac, err);
    if (rc == WEIR_ENOENT) {
        rc = make_first_key(key, err);
        rc = rc ? rc : mac_of(key, weir_buf_str(&token), &mac, err);
    }
    weir_buf_addc(&token, '.');
    weir_buf_adds(&token, weir_buf_str(&mac));
    rc = rc ? rc : weir_buf_check(&token, "a token", err);
    *out = rc ? (struct weir_str){0} : weir_arena_dup(arena, weir_buf_str(&token));
    weir_buf_free(&json);
    weir_buf_free(&token);
    weir_buf_free(&mac);
    return rc || out->ptr ? rc : no_memory(err);
}

/* --- opening -------------------------------------------------------------------------------- */

bool weir_is_origin(struct weir_str text)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t skip = weir_str_starts(text, WEIR_STR("https://"))  ? 8
                  : weir_str_starts(text, WEIR_STR("http://")) ? 7
                                                               : 0;
    size_t i = skip, digits = 0;
    if (!skip || text.len > MAX_ORIGIN) {
        return false;
    }
    if (i < text.len && text.ptr[i] == '[') {
        for (i++; i < text.len && text.ptr[i] && strchr("abcdef0123456789:.", text.ptr[i]);) {
            i++;
        }
        if (i >= text.len || text.ptr[i++] != ']') {
            return false;
        }
    } else {
        while (i < text.len && text.ptr[i] && strchr(host, text.ptr[i])) {
            i++;
        }
    }
    bool port = i > skip && i < text.len && text.ptr[i] == ':';
    for (size_t k = i + 1; port && k < text.len; k++) {
        digits += text.ptr[k] >= '0' && text.ptr[k] <= '9';
    }
    return i > skip && (i == text.len || (port && digits > 0 && digits == text.len - i - 1));
}

static int wrong(struct weir_error *err, const char *why)
{
    return weir_fail(err, WEIR_ENOENT, "this link is signed, and says what it may not: %s", why);
}

static int read_text(struct weir_json value, struct weir_arena *arena, struct weir_str *out,
                     struct weir_error *err)
{
    struct weir_str text;
    if (!weir_json_str(value, &text) || !text.len || memchr(text.ptr, 0, text.len)) {
        return wrong(err, "\"report\", \"tile\" and \"person\" are text");
    }
    *out = weir_arena_dup(arena, text);
    return out->ptr ? 0 : no_memory(err);
}

static int read_origins(struct weir_json value, struct weir_arena *arena, struct weir_embed *out,
                        struct weir_error *err)
{
    int rc = weir_data_from_json(arena, value, &out->origins, err);
    bool good = rc == 0 && out->origins->type == WEIR_DATA_LIST &&
                out->origins->count <= WEIR_EMBED_MAX_ORIGINS;
    for (const struct weir_data *o = good ? out->origins->first : NULL; good && o; o = o->next) {
        good = o->type == WEIR_DATA_TEXT && weir_is_origin(o->text);
    }
    return rc || good ? rc : wrong(err, "\"origins\" is a list such as [\"https://example.com\"]");
}

static int read_expiry(struct weir_json value, weir_time now, struct weir_embed *out,
                       struct weir_error *err)
{
    int64_t seconds, today = now / WEIR_SECOND;
    if (!weir_json_i64(value, &seconds)) {
        return wrong(err, "\"exp\" is a whole number of seconds since 1970");
    }
    if (seconds <= today) {
        return weir_fail(err, WEIR_ENOENT,
                         "this link has expired; ask whoever runs the page that "
                         "it is on for a new one");
    }
    if (seconds - today > WEIR_EMBED_MAX_LIFE / WEIR_SECOND) {
        return wrong(err, "\"exp\" is more than 400 days from now");
    }
    out->expires_at = seconds * WEIR_SECOND;
    return 0;
}

static int read_member(struct weir_str key, struct weir_json value, weir_time now,
                       struct weir_arena *arena, struct weir_embed *out, struct weir_error *err)
{
    int64_t version;
    if (weir_str_is(key, "v")) {
        return weir_json_i64(value, &version) && version == VERSION
                   ? 0
                   : wrong(err, "\"v\" is 1, the only version that there is");
    }
    if (weir_str_is(key, "report")) {
        return read_text(value, arena, &out->report, err);
    }
    if (weir_str_is(key, "tile")) {
        return read_text(value, arena, &out->tile, err);
    }
    if (weir_str_is(key, "person")) {
        return read_text(value, arena, &out->person, err);
    }
    if (weir_str_is(key, "values")) {
        return weir_json_type(value) == WEIR_JSON_OBJECT
                   ? weir_data_from_json(arena, value, &out->values, err)
                   : wrong(err, "\"values\" is an object: a value by parameter");
    }
    if (weir_str_is(key, "origins")) {
        return read_origins(value, arena, out, err);
    }
    if (weir_str_is(key, "exp")) {
        return read_expiry(value, now, out, err);
    }
    if (weir_str_is(key, "filters") && weir_json_bool(value, &out->filters)) {
        return 0;
    }
    return wrong(err, "there are v, report, tile, person, values, filters, origins and exp");
}

static int read_payload(struct weir_json root, weir_time now, struct weir_arena *arena,
                        struct weir_embed *out, struct weir_error *err)
{
    struct weir_str key, known[16];
    struct weir_json value;
    size_t count = 0;
    int rc = weir_json_type(root) == WEIR_JSON_OBJECT ? 0 : wrong(err, "it is no JSON object");
    *out = (struct weir_embed){.filters = true};
    struct weir_json_iter it = rc ? (struct weir_json_iter){0} : weir_json_begin(root);
    while (rc == 0 && weir_json_next(&it, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (weir_str_eq(known[i], key)) {
                return wrong(err, "a key is there twice");
            }
        }
        rc = read_member(key, value, now, arena, out, err); /* which knows eight of them */
        known[count++] = key;
    }
    if (rc == 0 && !(weir_json_exists(weir_json_get(root, "v")) && out->report.ptr &&
                     out->person.ptr && out->values && out->expires_at)) {
        rc = wrong(err, "it needs v, report, person, values and exp");
    }
    return rc;
}

int weir_embed_open(struct weir_embed_key *key, struct weir_str token, weir_time now,
                    struct weir_arena *arena, struct weir_embed *out, struct weir_error *err)
{
    struct weir_str given = token, payload = weir_str_cut(&given, '.');
    struct weir_json root;
    struct weir_buf text;
    if (token.len > WEIR_EMBED_MAX_TOKEN || !given.ptr || !weir_is_base64url(payload)) {
        return weir_fail(err, WEIR_ENOENT, "this link is not good");
    }
    weir_buf_init(&text, WEIR_EMBED_MAX_TOKEN);
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    int rc = parser ? mac_of(key, payload, &text, err) : no_memory(err);
    if (rc == WEIR_ENOENT || (rc == 0 && !weir_secret_same(weir_buf_str(&text), given))) {
        rc = weir_fail(err, WEIR_ENOENT, "this link is not good, or not good any more");
    }
    weir_buf_reset(&text);
    if (rc == 0 && !weir_base64_decode(payload, &text)) {
        rc = wrong(err, "it is too long");
    }
    if (rc == 0 && weir_json_parse(parser, weir_buf_str(&text), &root, err)) {
        rc = wrong(err, "it is no JSON, or nested too deeply");
    }
    rc = rc ? rc : read_payload(root, now, arena, out, err);
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return rc;
}
