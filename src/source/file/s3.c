/* Objects of a store that speaks S3: s3://BUCKET/KEY, with * and ? in the key, or a beginning that
 * ends in /. The list says size and ETag of each, so nothing is asked of those that are known. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xml.h"
#include "source/file/file.h"

#define MOST_PAGE    (32u << 20)
#define MOST_OBJECTS 100000
#define MOST_PAGES   10000

bool weir_file_is_s3(const char *path)
{
    return strncmp(path, "s3://", 5) == 0;
}

/* --- addresses ----------------------------------------------------------------------------------
 */

/* As the signature wants it: all but unreserved characters. */
static void encode(struct weir_buf *out, struct weir_str s, bool slashes)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || (slashes && c == '/');
        if (plain) {
            weir_buf_addc(out, (char)c);
        } else {
            weir_buf_addf(out, "%%%02X", c);
        }
    }
}

/* Of the bucket, with a slash at its end. */
static int add_base(const struct weir_file_settings *s, struct weir_str bucket,
                    struct weir_buf *out, struct weir_error *err)
{
    struct weir_str endpoint = weir_str_of(s->endpoint);
    bool in_path = s->path_style == WEIR_FILE_STYLE_PATH ||
                   (s->path_style == WEIR_FILE_STYLE_AUTO && endpoint.len);
    if (memchr(bucket.ptr, '.', bucket.len) && !endpoint.len) {
        in_path = s->path_style != WEIR_FILE_STYLE_HOST; /* no certificate is for a.b.s3… */
    }
    while (endpoint.len && endpoint.ptr[endpoint.len - 1] == '/') {
        endpoint.len--;
    }
    struct weir_str rest = endpoint, scheme = WEIR_STR("https"), host = endpoint;
    const char *mark = endpoint.len ? memmem(endpoint.ptr, endpoint.len, "://", 3) : NULL;
    if (mark) {
        scheme = (struct weir_str){endpoint.ptr, (size_t)(mark - endpoint.ptr)};
        host = (struct weir_str){mark + 3, rest.len - scheme.len - 3};
    }
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '.' || c == '_')) {
            return weir_fail(err, WEIR_EINVAL, "\"" WEIR_STR_FMT "\" is no name of a bucket",
                             WEIR_STR_ARG(bucket));
        }
    }
    weir_buf_adds(out, scheme);
    weir_buf_addz(out, "://");
    if (!in_path) {
        weir_buf_adds(out, bucket);
        weir_buf_addc(out, '.');
    }
    if (endpoint.len) {
        weir_buf_adds(out, host);
    } else {
        weir_buf_addf(out, "s3.%s.amazonaws.com", s->region);
    }
    weir_buf_addc(out, '/');
    if (in_path) {
        weir_buf_adds(out, bucket);
        weir_buf_addc(out, '/');
    }
    return bucket.len ? 0
                      : weir_fail(err, WEIR_EINVAL,
                                  "write s3://BUCKET/KEY, with * in the key for many objects");
}

/* --- the list -----------------------------------------------------------------------------------
 */

struct object {
    struct weir_str key, etag;
    int64_t size;
};

struct listing {
    struct weir_file_connection *c;
    struct weir_arena *arena;
    struct weir_file_stream *out;
    struct weir_str name, bucket, pattern; /* name: as it was asked for */
    const char *base;
    size_t room;
    /* of the page */
    struct weir_buf page, text, next;
    struct object object;
    bool in_object;
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
}

static int add_object(struct listing *l, struct weir_error *err)
{
    const struct object *o = &l->object;
    const char *key = o->key.ptr;
    if (!key || !o->key.len || key[o->key.len - 1] == '/' ||
        fnmatch(l->pattern.ptr, key, FNM_PATHNAME | FNM_PERIOD) != 0 ||
        weir_file_is_litter(weir_file_last_part(l->pattern), weir_file_last_part(o->key))) {
        return 0;
    }
    struct weir_file_stream *s = l->out;
    if (s->count == MOST_OBJECTS) {
        return weir_fail(err, WEIR_ETOOBIG, "a stream may have %d files", MOST_OBJECTS);
    }
    if (s->count == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        struct weir_file *more = weir_arena_calloc(l->arena, l->room * sizeof *more);
        if (!more) {
            return no_memory(err);
        }
        memcpy(more, s->files, s->count * sizeof *more);
        s->files = more;
    }
    struct weir_buf url;
    weir_buf_init(&url, 16384);
    weir_buf_addz(&url, l->base);
    encode(&url, o->key, true);
    const char *name = weir_arena_printf(l->arena, "s3://" WEIR_STR_FMT "/" WEIR_STR_FMT,
                                         WEIR_STR_ARG(l->bucket), WEIR_STR_ARG(o->key));
    struct weir_file *file = &s->files[s->count];
    *file = (struct weir_file){
        .name = weir_str_of(name),
        .url = weir_arena_dup(l->arena, weir_buf_str(&url)).ptr,
        .listed = true,
        .format = weir_file_format_of(l->c, o->key),
        .mark = {.remote = true, .size = o->size, .etag = o->etag.ptr ? o->etag.ptr : ""}};
    int rc = weir_buf_check(&url, "the address of an object", err);
    weir_buf_free(&url);
    s->count++;
    return rc || (name && file->url) ? rc : no_memory(err);
}

static int on_open(void *arg, struct weir_str name, const char *const *attributes,
                   struct weir_error *err)
{
    struct listing *l = arg;
    (void)attributes, (void)err;
    if (weir_str_is(name, "Contents")) {
        l->object = (struct object){.size = 0};
        l->in_object = true;
    }
    weir_buf_reset(&l->text);
    return 0;
}

static int on_text(void *arg, struct weir_str text, struct weir_error *err)
{
    struct listing *l = arg;
    weir_buf_adds(&l->text, text);
    return weir_buf_check(&l->text, "a list of objects", err);
}

static int on_close(void *arg, struct weir_str name, struct weir_error *err)
{
    struct listing *l = arg;
    struct weir_str text = weir_buf_str(&l->text);
    if (weir_str_is(name, "NextContinuationToken")) {
        weir_buf_reset(&l->next);
        weir_buf_adds(&l->next, text);
    } else if (l->in_object && weir_str_is(name, "Key")) {
        l->object.key = weir_arena_dup(l->arena, text);
    } else if (l->in_object && weir_str_is(name, "ETag")) {
        l->object.etag = weir_arena_dup(l->arena, text);
    } else if (l->in_object && weir_str_is(name, "Size") &&
               !weir_str_to_i64(text, &l->object.size)) {
        return weir_fail(err, WEIR_EINVAL, "a list of objects has a size that is no number");
    } else if (weir_str_is(name, "Contents")) {
        l->in_object = false;
        return add_object(l, err);
    }
    weir_buf_reset(&l->text);
    return 0;
}

static int take_page(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct listing *l = arg;
    weir_buf_adds(&l->page, bytes);
    return weir_buf_check(&l->page, "a list of objects", err);
}

static int page_begins(const struct weir_curl_answer *answer, void *arg, struct weir_error *err)
{
    struct listing *l = arg;
    (void)answer, (void)err;
    weir_buf_reset(&l->page);
    return 0;
}

/* One page; the parameters are in the order that the signature wants. */
static int read_page(struct listing *l, struct weir_str prefix, bool flat, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {on_open, on_close, on_text};
    struct weir_curl_answer answer;
    struct weir_buf url;
    struct weir_xml *xml = NULL;
    weir_buf_init(&url, 16384);
    weir_buf_addf(&url, "%s?", l->base);
    if (l->next.len) {
        weir_buf_addz(&url, "continuation-token=");
        encode(&url, weir_buf_str(&l->next), false);
        weir_buf_addc(&url, '&');
    }
    weir_buf_addz(&url, flat ? "delimiter=%2F&list-type=2&prefix=" : "list-type=2&prefix=");
    encode(&url, prefix, false);
    weir_buf_reset(&l->next);
    struct weir_file asked = {.name = l->name, .url = weir_buf_cstr(&url), .listed = true};
    struct weir_curl_call call;
    int rc = weir_buf_check(&url, "the address of a list", err);
    rc = rc ? rc : weir_web_call(l->c, &asked, &call, err);
    if (rc == 0) {
        call.max = 0;
        call.on_begin = page_begins;
        call.on_body = take_page;
        call.arg = l;
        rc = weir_web_get(l->c, &asked, &call, &answer, err);
    }
    rc = rc ? rc : weir_xml_open(&handler, l, &xml, err);
    rc = rc ? rc : weir_xml_feed(xml, weir_buf_str(&l->page), true, err);
    weir_xml_close(xml);
    weir_buf_free(&url);
    return rc;
}

int weir_s3_list(struct weir_file_connection *c, const char *path, struct weir_arena *arena,
                 struct weir_file_stream *out, struct weir_error *err)
{
    struct weir_str rest = weir_str_of(path + 5), bucket = weir_str_cut(&rest, '/');
    struct weir_str key = rest.ptr ? rest : WEIR_STR("");
    bool folder = key.len == 0 || key.ptr[key.len - 1] == '/';
    struct weir_buf base;
    struct listing l = {
        .c = c, .arena = arena, .out = out, .name = weir_str_of(path), .bucket = bucket};
    weir_buf_init(&base, 4096);
    weir_buf_init(&l.page, MOST_PAGE);
    weir_buf_init(&l.text, 1u << 20);
    weir_buf_init(&l.next, 4096);
    out->count = 0;
    int rc = add_base(c->settings, bucket, &base, err);
    l.base = weir_arena_dup(arena, weir_buf_str(&base)).ptr;
    l.pattern = weir_str_of(
        weir_arena_printf(arena, WEIR_STR_FMT "%s", WEIR_STR_ARG(key), folder ? "*" : ""));
    rc = rc || (l.base && l.pattern.ptr) ? rc : no_memory(err);
    size_t plain = rc ? 0 : strcspn(l.pattern.ptr, "*?[\\");
    bool flat = rc == 0 && !strchr(l.pattern.ptr + plain, '/');
    unsigned pages = 0;
    for (bool more = rc == 0; more; more = rc == 0 && l.next.len && ++pages < MOST_PAGES) {
        rc = read_page(&l, (struct weir_str){l.pattern.ptr, plain}, flat, err);
    }
    if (pages == MOST_PAGES) {
        rc = weir_fail(err, WEIR_ETOOBIG, "%s: the list has more than %d pages", path, MOST_PAGES);
    } else if (rc == 0 && out->count == 0) {
        rc = weir_fail(err, WEIR_ENOENT, "no object is there that %s names", path);
    }
    weir_buf_free(&base);
    weir_buf_free(&l.page);
    weir_buf_free(&l.text);
    weir_buf_free(&l.next);
    return rc;
}

/* --- errors -------------------------------------------------------------------------------------
 */

struct trouble {
    struct weir_buf text;
    char code[64], message[300];
};

static int trouble_open(void *arg, struct weir_str name, const char *const *attributes,
                        struct weir_error *err)
{
    struct trouble *t = arg;
    (void)name, (void)attributes, (void)err;
    weir_buf_reset(&t->text);
    return 0;
}

static int trouble_text(void *arg, struct weir_str text, struct weir_error *err)
{
    struct trouble *t = arg;
    (void)err;
    weir_buf_adds(&t->text, text);
    return 0;
}

static int trouble_close(void *arg, struct weir_str name, struct weir_error *err)
{
    struct trouble *t = arg;
    (void)err;
    if (weir_str_is(name, "Code")) {
        snprintf(t->code, sizeof t->code, "%s", weir_buf_cstr(&t->text));
    } else if (weir_str_is(name, "Message")) {
        snprintf(t->message, sizeof t->message, "%s", weir_buf_cstr(&t->text));
    }
    weir_buf_reset(&t->text);
    return 0;
}

int weir_s3_explain(int rc, struct weir_str name, const char *body, struct weir_error *err)
{
    static const struct weir_xml_handler handler = {trouble_open, trouble_close, trouble_text};
    struct trouble t = {.code = ""};
    struct weir_xml *xml = NULL;
    struct weir_error ignored;
    weir_buf_init(&t.text, 4096);
    if (weir_xml_open(&handler, &t, &xml, &ignored) == 0) {
        (void)!weir_xml_feed(xml, weir_str_of(body), false, &ignored); /* its beginning is enough */
    }
    weir_xml_close(xml);
    weir_buf_free(&t.text);
    return *t.code ? weir_fail(err, rc, WEIR_STR_FMT ": the store answered %s%s%s",
                               WEIR_STR_ARG(name), t.code, *t.message ? ": " : "", t.message)
                   : rc;
}
