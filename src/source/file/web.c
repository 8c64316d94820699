/* Files of other machines, by http and https; those of S3 once they are listed. Whatever is to be
 * read of one comes into a folder of this use of the source first: types are found over all of a
 * file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hash.h"
#include "io/file.h"
#include "source/define/secret.h"
#include "source/file/file.h"

#define MOST_HEADERS 32
#define TRIES        4
#define PEEK_TIME    (30 * WEIR_SECOND)
#define CHUNK        (256u << 10)
#define LOOK         (64u << 20)

bool weir_file_is_url(const char *path)
{
    struct weir_str s = weir_str_of(path);
    return weir_str_starts_nocase(s, WEIR_STR("http://")) ||
           weir_str_starts_nocase(s, WEIR_STR("https://")) || weir_google_is(s);
}

/* --- which there are ----------------------------------------------------------------------------
 */

/* Addresses with white space between them: there is none in an address. */
static bool next_word(struct weir_str *rest, struct weir_str *out)
{
    size_t n = 0;
    *rest = weir_str_trim(*rest);
    while (n < rest->len && (unsigned char)rest->ptr[n] > ' ') {
        n++;
    }
    *out = (struct weir_str){rest->ptr, n};
    *rest = (struct weir_str){rest->ptr + n, rest->len - n};
    return n > 0;
}

/* The path of an address: what a file's name is at the end of. */
static struct weir_str path_of(struct weir_str url)
{
    struct weir_str rest = url, path = weir_str_cut(&rest, '?');
    size_t host = 0;
    for (unsigned slashes = 0; host < path.len && slashes < 3; host++) {
        slashes += path.ptr[host] == '/';
    }
    return (struct weir_str){path.ptr + host, path.len - host};
}

static int add_url(struct weir_file_connection *c, struct weir_str base, struct weir_str word,
                   struct weir_arena *arena, struct weir_file *out, struct weir_error *err)
{
    struct weir_str rest = word, id, gid;
    if (!base.len && weir_google_address(word, &id, &gid)) {
        return weir_google_file(c, word, arena, out, err);
    }
    word = weir_str_cut(&rest, '#');
    const char *slash = base.len && base.ptr[base.len - 1] == '/' ? "" : "/";
    const char *text = weir_arena_printf(arena, WEIR_STR_FMT "%s" WEIR_STR_FMT, WEIR_STR_ARG(base),
                                         base.len ? slash : "", WEIR_STR_ARG(word));
    if (!text) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    *out = (struct weir_file){.name = weir_str_of(text), .url = text};
    out->format = weir_file_format_of(c, path_of(out->name));
    if (!weir_file_is_url(text)) {
        return weir_fail(err, WEIR_EINVAL,
                         "%s: a list of addresses has nothing but addresses, with blanks between "
                         "them",
                         text);
    }
    return weir_curl_check_url(text, err);
}

/* What a row's file is called says which file it is of: none may be there twice. */
static int check_once(const struct weir_file_stream *s, struct weir_arena *arena,
                      struct weir_error *err)
{
    struct weir_str *names = weir_arena_calloc(arena, (s->count + 1) * sizeof *names);
    if (!names) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    for (size_t i = 0; i < s->count; i++) {
        names[i] = s->files[i].name;
    }
    qsort(names, s->count, sizeof *names, weir_str_order);
    for (size_t i = 1; i < s->count; i++) {
        if (weir_str_eq(names[i - 1], names[i])) {
            return weir_fail(err, WEIR_EINVAL, WEIR_STR_FMT ": the address is there twice",
                             WEIR_STR_ARG(names[i]));
        }
    }
    return 0;
}

int weir_web_list(struct weir_file_connection *c, const char *base, const char *text,
                  struct weir_arena *arena, struct weir_file_stream *out, struct weir_error *err)
{
    struct weir_str rest = weir_str_of(text), word, before = weir_str_of(base);
    size_t count = 0;
    while (next_word(&rest, &word)) {
        count++;
    }
    out->count = 0;
    out->files = weir_arena_calloc(arena, (count + 1) * sizeof *out->files);
    int rc = out->files ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    rest = weir_str_of(text);
    while (rc == 0 && next_word(&rest, &word)) {
        rc = add_url(c, before, word, arena, &out->files[out->count++], err);
    }
    return rc ? rc : check_once(out, arena, err);
}

struct weir_str weir_web_stem(const struct weir_file *file)
{
    struct weir_str path = path_of(file->name);
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
    return slash ? (struct weir_str){slash + 1, (size_t)(path.ptr + path.len - slash - 1)} : path;
}

/* --- how they are reached -----------------------------------------------------------------------
 */

static int add_header(struct weir_file_connection *c, const struct weir_data *m, size_t at,
                      struct weir_error *err)
{
    const char *value = m->text.ptr;
    if (m->type != WEIR_DATA_TEXT || at >= MOST_HEADERS) {
        return weir_fail(err, WEIR_EINVAL,
                         "`headers`: a mapping of at most %d names to texts is needed",
                         MOST_HEADERS);
    }
    int rc = weir_source_is_reference(m->text)
                 ? weir_source_reveal(c->site, c->config->name, m->text, &c->arena, &value, err)
                 : 0;
    struct weir_str v = rc || value != m->text.ptr ? weir_str_of(value) : m->text;
    if (rc) {
        return weir_error_prefix(err, rc, "`headers`: " WEIR_STR_FMT, WEIR_STR_ARG(m->key));
    }
    for (size_t i = 0; i < m->key.len; i++) {
        unsigned char k = (unsigned char)m->key.ptr[i];
        rc = rc || k <= ' ' || k >= 127 || k == ':' ? WEIR_EINVAL : 0;
    }
    if (rc || !m->key.len || memchr(v.ptr, '\n', v.len) || memchr(v.ptr, '\r', v.len) ||
        memchr(v.ptr, 0, v.len)) {
        return weir_fail(err, WEIR_EINVAL,
                         "`headers`: \"" WEIR_STR_FMT "\" is no name of a header, or its value has "
                         "more than one line",
                         WEIR_STR_ARG(m->key));
    }
    rc = value != m->text.ptr ? weir_mask_add(&c->mask, &c->arena, v, err) : 0;
    if (rc) {
        return rc;
    }
    c->headers[at] = weir_arena_printf(&c->arena, WEIR_STR_FMT ": " WEIR_STR_FMT,
                                       WEIR_STR_ARG(m->key), WEIR_STR_ARG(v));
    return c->headers[at] ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for headers");
}

/* Servers say back in an error what they were told. */
static int hide(struct weir_file_connection *c, struct weir_error *err)
{
    const struct weir_file_settings *s = c->settings;
    struct weir_buf basic, coded;
    weir_buf_init(&basic, 65536);
    weir_buf_init(&coded, 65536 * 2);
    int rc = weir_mask_add(&c->mask, &c->arena, weir_str_of(s->token), err);
    if (rc == 0 && *s->user) {
        weir_buf_addf(&basic, "%s:%s", s->user, s->password);
        weir_base64url_add(&coded, basic.data, basic.len);
        for (size_t i = 0; i < coded.len; i++) {
            coded.data[i] = coded.data[i] == '-' ? '+' : coded.data[i] == '_' ? '/' : coded.data[i];
        }
        rc = weir_buf_check(&coded, "a password", err);
        rc = rc ? rc : weir_mask_add(&c->mask, &c->arena, weir_str_of(s->password), err);
        rc = rc ? rc : weir_mask_add(&c->mask, &c->arena, weir_buf_str(&coded), err);
    }
    weir_buf_free(&basic);
    weir_buf_free(&coded);
    return rc;
}

static int open_remote(struct weir_file_connection *c, struct weir_error *err)
{
    const struct weir_data *headers = c->settings->headers;
    if (c->curl) {
        return 0;
    }
    if (*c->settings->token && *c->settings->user) {
        return weir_fail(err, WEIR_EINVAL, "`token` and `user`: one of them says who asks");
    }
    c->headers = weir_arena_calloc(&c->arena, (MOST_HEADERS + 1) * sizeof *c->headers);
    c->aws = (struct weir_curl_aws){c->settings->region, c->settings->access_key,
                                    c->settings->secret_key};
    int rc = c->headers ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for headers");
    size_t n = 0;
    for (const struct weir_data *m = headers ? headers->first : NULL; rc == 0 && m; m = m->next) {
        rc = add_header(c, m, n++, err);
    }
    rc = rc ? rc : hide(c, err);
    return rc ? rc : weir_curl_open(&c->curl, err);
}

int weir_web_call(struct weir_file_connection *c, const struct weir_file *file,
                  struct weir_curl_call *out, struct weir_error *err)
{
    const struct weir_file_settings *s = c->settings;
    int rc = open_remote(c, err);
    *out = (struct weir_curl_call){.url = file->url,
                                   .hosts = &c->site->hosts,
                                   .headers = c->headers,
                                   .user = *s->user ? s->user : NULL,
                                   .password = s->password,
                                   .token = *s->token ? s->token : NULL,
                                   .ca_file = *s->ca_file ? s->ca_file : NULL,
                                   .max = s->max_size,
                                   .idle = s->timeout,
                                   .stop = c->site->stop,
                                   .tries = TRIES};
    if (rc == 0 && file->google && *s->service_account) {
        rc = weir_google_token(c, err);
        out->token = c->google_token;
        out->user = NULL;
    }
    if (file->listed) { /* who asks is in the signature */
        out->headers = NULL;
        out->user = out->token = NULL;
        out->aws = *s->access_key ? &c->aws : NULL;
    }
    out->mask = c->mask;
    if (rc == 0 && out->token && out->token[strcspn(out->token, "\r\n")]) {
        rc = weir_fail(err, WEIR_EINVAL, "`token` has more than one line");
    }
    return rc;
}

int weir_web_get(struct weir_file_connection *c, const struct weir_file *file,
                 const struct weir_curl_call *call, struct weir_curl_answer *answer,
                 struct weir_error *err)
{
    int rc = weir_curl_get(c->curl, call, answer, err);
    if (file->google) {
        return weir_google_check(c, file, rc, answer, err);
    }
    return rc && file->listed && answer->head[0]
               ? weir_s3_explain(rc, file->name, answer->head, err)
               : rc;
}

/* Somebody waits for what is only looked into: all of it has an end. */
static weir_time look_until(struct weir_file_connection *c)
{
    if (!c->until && c->site->patience) {
        c->until = weir_mono() + c->site->patience;
    }
    return c->until;
}

/* --- what one is --------------------------------------------------------------------------------
 */

static const struct {
    const char *type;
    enum weir_file_format format;
} types[] = {{"text/csv", WEIR_FILE_CSV},
             {"text/tab-separated-values", WEIR_FILE_CSV},
             {"application/csv", WEIR_FILE_CSV},
             {"application/json", WEIR_FILE_JSON},
             {"text/json", WEIR_FILE_JSON},
             {"application/x-ndjson", WEIR_FILE_NDJSON},
             {"application/ndjson", WEIR_FILE_NDJSON},
             {"application/jsonl", WEIR_FILE_NDJSON},
             {"application/vnd.apache.parquet", WEIR_FILE_PARQUET},
             {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", WEIR_FILE_XLSX}};

static enum weir_file_format by_type(const char *type)
{
    struct weir_str rest = weir_str_of(type), name = weir_str_trim(weir_str_cut(&rest, ';'));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (weir_str_eq_nocase(name, weir_str_of(types[i].type))) {
            return types[i].format;
        }
    }
    return WEIR_FILE_AUTO;
}

/* By what the server calls it, else by what it begins with. */
static enum weir_file_format judge(struct weir_file_connection *c,
                                   const struct weir_curl_answer *answer, struct weir_str head)
{
    enum weir_file_format format = weir_file_format_of(c, weir_str_of(answer->name));
    format = format ? format : by_type(answer->type);
    if (format) {
        return format;
    }
    if (weir_str_starts(head, WEIR_STR("PAR1"))) {
        return WEIR_FILE_PARQUET;
    }
    if (weir_str_starts(head, WEIR_STR("PK\x03\x04"))) {
        return WEIR_FILE_XLSX;
    }
    head = weir_str_trim(head);
    return head.len == 0      ? WEIR_FILE_AUTO
           : *head.ptr == '[' ? WEIR_FILE_JSON
           : *head.ptr == '{' ? WEIR_FILE_NDJSON
           : memchr(head.ptr, 0, head.len)
               ? WEIR_FILE_AUTO
               : WEIR_FILE_CSV; /* which refuses what is none by its name */
}

struct peek {
    struct weir_curl_answer answer;
    char head[1024];
    size_t len;
    bool enough;
};

static int peek_body(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct peek *p = arg;
    size_t n = bytes.len < sizeof p->head - p->len ? bytes.len : sizeof p->head - p->len;
    memcpy(p->head + p->len, bytes.ptr, n);
    p->len += n;
    p->enough = p->len == sizeof p->head;
    return p->enough ? weir_fail(err, WEIR_ECANCELED, "that is enough") : 0;
}

int weir_web_peek(struct weir_file_connection *c, struct weir_file *file, struct weir_error *err)
{
    struct peek p = {.enough = false};
    struct weir_curl_call call;
    int rc = weir_web_call(c, file, &call, err);
    if (rc) {
        return rc;
    }
    call.on_body = peek_body;
    call.arg = &p;
    call.timeout = PEEK_TIME;
    call.until = look_until(c);
    rc = weir_web_get(c, file, &call, &p.answer, err);
    rc = p.enough ? 0 : rc;
    rc = rc || !file->google ? rc : weir_google_check(c, file, 0, &p.answer, err);
    if (rc) {
        return rc;
    }
    file->mark.size = p.answer.length > 0 ? p.answer.length : 0;
    if (file->format == WEIR_FILE_AUTO) {
        file->format = judge(c, &p.answer, (struct weir_str){p.head, p.len});
    }
    return 0;
}

/* --- fetching -----------------------------------------------------------------------------------
 */

struct download {
    struct weir_file_connection *c;
    int fd;
    uint64_t size;
};

static int download_begin(const struct weir_curl_answer *answer, void *arg, struct weir_error *err)
{
    struct download *d = arg;
    (void)answer;
    d->size = 0;
    return ftruncate(d->fd, 0) || lseek(d->fd, 0, SEEK_SET)
               ? weir_fail_errno(err, errno, "cannot write what was fetched")
               : 0;
}

int weir_web_room(struct weir_file_connection *c, uint64_t bytes, struct weir_error *err)
{
    uint64_t all = c->fetched + bytes, most = c->settings->max_fetch;
    if (all > most) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "the files of a stream that are new take more than %llu MB in weir's "
                         "data folder; raise `max_fetch` in the connection",
                         (unsigned long long)(most >> 20));
    }
    if (all < c->look_at) {
        return 0;
    }
    c->look_at = all + LOOK;
    return weir_source_scratch_room(c->scratch, 0, err);
}

static int download_body(struct weir_str bytes, void *arg, struct weir_error *err)
{
    struct download *d = arg;
    d->size += bytes.len;
    int rc = weir_web_room(d->c, d->size, err);
    return rc ? rc : weir_write_all(d->fd, bytes.ptr, bytes.len, "what was fetched", err);
}

/* A hash of all of it: what tells a changed file from one that its server only says is new. */
static int sum_up(int fd, uint64_t *sum, char head[1024], size_t *len, struct weir_error *err)
{
    char *room = malloc(CHUNK);
    uint64_t at = 0;
    ssize_t n = 0;
    *sum = *len = 0;
    while (room && (n = pread(fd, room, CHUNK, (off_t)at)) > 0) {
        if (at == 0) {
            *len = n < 1024 ? (size_t)n : 1024;
            memcpy(head, room, *len);
        }
        /* Chunks are whole but for the last one: pread of a file is cut short by its end only. */
        *sum = weir_hash64(room, (size_t)n, *sum);
        at += (uint64_t)n;
    }
    int failed = errno;
    free(room);
    return !room   ? weir_fail(err, WEIR_ENOMEM, "no memory to read a file")
           : n < 0 ? weir_fail_errno(err, failed, "what was fetched cannot be read")
                   : 0;
}

static int keep(struct weir_file_connection *c, struct weir_file *file, const struct download *d,
                const struct weir_curl_answer *answer, struct weir_arena *arena,
                struct weir_error *err)
{
    char head[1024];
    size_t len;
    uint64_t sum;
    int rc = sum_up(d->fd, &sum, head, &len, err);
    file->mark = (struct weir_file_mark){.remote = true,
                                         .size = (int64_t)d->size,
                                         .sum = sum,
                                         .etag = weir_arena_strdup(arena, answer->etag)};
    if (rc == 0 && !file->mark.etag) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    if (file->format == WEIR_FILE_AUTO) {
        file->format = judge(c, answer, (struct weir_str){head, len});
    }
    if (rc == 0 && file->format == WEIR_FILE_AUTO) {
        rc = weir_file_unknown(file, "neither its name nor the server says", err);
    }
    c->fetched += d->size;
    return rc;
}

int weir_web_scratch(struct weir_file_connection *c, struct weir_arena *arena, const char **out,
                     struct weir_error *err)
{
    int rc = c->scratch[0] ? 0
                           : weir_source_scratch_make(c->site, c->config->name, c->scratch,
                                                      &c->scratch_lock, err);
    *out = weir_arena_printf(arena, "%s/%u", c->scratch, c->next_file++);
    return rc || *out ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
}

int weir_web_fetch(struct weir_file_connection *c, struct weir_file *file,
                   const struct weir_file_mark *known, const atomic_bool *stop,
                   struct weir_arena *arena, struct weir_error *err)
{
    struct weir_curl_answer answer;
    struct download d = {.c = c, .fd = -1};
    struct weir_curl_call call;
    if (file->listed && known && known->size == file->mark.size && *known->etag &&
        strcmp(known->etag, file->mark.etag) == 0) {
        file->mark = *known;
        return 0;
    }
    int rc = weir_web_call(c, file, &call, err);
    rc = rc ? rc : weir_web_scratch(c, arena, &file->path, err);
    if (rc) {
        return rc;
    }
    d.fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d.fd < 0) {
        return weir_fail_errno(err, errno, "cannot make %s", file->path);
    }
    known = file->listed ? NULL : known;
    /* Weak ones are of time and size mostly, and Last-Modified has whole seconds and is compared by
     * order: a file that was written on, or is an older one now, would be "as it was" for ever. */
    call.etag = known && *known->etag && strncmp(known->etag, "W/", 2) != 0 ? known->etag : NULL;
    call.until = !stop || stop == c->site->stop ? look_until(c) : 0;
    call.stop = stop ? stop : call.stop;
    call.on_begin = download_begin;
    call.on_body = download_body;
    call.arg = &d;
    rc = weir_web_get(c, file, &call, &answer, err);
    if (rc == 0 && answer.status == 304) {
        file->mark = *known;
        (void)unlink(file->path);
        file->path = NULL;
    } else if (rc == 0) {
        rc = keep(c, file, &d, &answer, arena, err);
    }
    close(d.fd);
    return rc;
}

void weir_web_forget(struct weir_file_connection *c)
{
    weir_source_scratch_remove(c->scratch, c->scratch_lock);
    c->fetched = 0;
    c->look_at = LOOK;
}

void weir_web_close(struct weir_file_connection *c)
{
    weir_web_forget(c);
    weir_curl_close(c->curl);
}
