#include "io/curl.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

#define MOST_REDIRECTS 10
#define MOST_URL       8192
#define CONNECT_TIME   30
#define FIRST_WAIT     (WEIR_SECOND / 2)
#define MOST_WAIT      (60 * WEIR_SECOND) /* beyond it, the schedule of the run tries again */

struct weir_curl {
    CURL *easy;
    char error[CURL_ERROR_SIZE];
};

/* One request. */
struct transfer {
    struct weir_curl *curl;
    const struct weir_curl_call *call;
    struct weir_curl_answer *answer;
    struct weir_error *err;
    char shown[512]; /* the address, for messages */
    char host[256], refused[64];
    bool began, stopped, late;
    bool chunked;     /* the server says where the body ends */
    char encoded[32]; /* a Content-Encoding that nobody undoes */
    uint64_t bytes;
    size_t head;
    int rc; /* of a callback of the caller's */
};

/* --- addresses ----------------------------------------------------------------------------------
 */

static char *part_of(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) ? NULL
                                                                                         : text;
}

/* Scheme, host and port. */
static bool origin_of(CURLU *u, char out[512], char host[256])
{
    char *scheme = part_of(u, CURLUPART_SCHEME), *name = part_of(u, CURLUPART_HOST),
         *port = part_of(u, CURLUPART_PORT);
    bool well = scheme && name && port && strlen(name) < 256;
    if (well) {
        snprintf(out, 512, "%s://%s:%s", scheme, name, port);
        snprintf(host, 256, "%s", name);
    }
    curl_free(scheme);
    curl_free(name);
    curl_free(port);
    return well;
}

/* Without what may be a secret: the password, and where a redirect led to, the query. */
static void show_url(CURLU *u, bool query, char out[512])
{
    char *text = NULL;
    CURLU *copy = curl_url_dup(u);
    snprintf(out, 512, "an address");
    if (copy && curl_url_set(copy, CURLUPART_USER, NULL, 0) == 0 &&
        curl_url_set(copy, CURLUPART_PASSWORD, NULL, 0) == 0 &&
        curl_url_set(copy, CURLUPART_FRAGMENT, NULL, 0) == 0 &&
        (query || curl_url_set(copy, CURLUPART_QUERY, NULL, 0) == 0) &&
        curl_url_get(copy, CURLUPART_URL, &text, 0) == 0) {
        snprintf(out, 512, "%.500s", text);
    }
    curl_free(text);
    curl_url_cleanup(copy);
}

static int parse_url(const char *url, CURLU **out, struct weir_error *err)
{
    *out = curl_url();
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for an address");
    }
    CURLUcode code =
        strlen(url) > MOST_URL ? CURLUE_MALFORMED_INPUT : curl_url_set(*out, CURLUPART_URL, url, 0);
    char *scheme = code ? NULL : part_of(*out, CURLUPART_SCHEME);
    bool well = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return well ? 0
                : weir_fail(err, WEIR_EINVAL,
                            "that is no address of http or https: write it as the browser shows "
                            "it, https://HOST/FILE.csv%s%s",
                            code ? ": " : "", code ? curl_url_strerror(code) : "");
}

int weir_curl_check_url(const char *url, struct weir_error *err)
{
    CURLU *u = NULL;
    char shown[512];
    int rc = parse_url(url, &u, err);
    char *user = rc ? NULL : part_of(u, CURLUPART_USER);
    char *password = rc ? NULL : part_of(u, CURLUPART_PASSWORD);
    if (user || password) {
        show_url(u, true, shown);
        rc = weir_fail(err, WEIR_EINVAL,
                       "%s: the address must have no user and no password in it, because git "
                       "keeps the file; write `user:` and `password: ${secret:NAME}` instead",
                       shown);
    }
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(u);
    return rc;
}

/* --- what comes ---------------------------------------------------------------------------------
 */

static void take_field(struct weir_str value, char *to, size_t size)
{
    value = weir_str_trim(value);
    bool fits = value.len < size && !memchr(value.ptr, 0, value.len) && weir_utf8_valid(value);
    memcpy(to, value.ptr, fits ? value.len : 0);
    to[fits ? value.len : 0] = 0;
}

static void take_name(struct weir_str value, char out[256])
{
    struct weir_str rest = value;
    while (rest.ptr) {
        struct weir_str item = weir_str_trim(weir_str_cut(&rest, ';'));
        struct weir_str name = WEIR_STR("filename=");
        if (item.len > name.len && weir_str_starts_nocase(item, name)) {
            item = (struct weir_str){item.ptr + name.len, item.len - name.len};
            bool quoted = item.len > 1 && item.ptr[0] == '"' && item.ptr[item.len - 1] == '"';
            take_field(quoted ? (struct weir_str){item.ptr + 1, item.len - 2} : item, out, 256);
        }
    }
}

/* What is packed by gzip or zstd says so itself, to whoever reads it. */
static void take_encoding(struct weir_str value, char out[32])
{
    static const char *const known[] = {"identity", "gzip", "x-gzip", "zstd", "aws-chunked"};
    struct weir_str rest = value;
    while (rest.ptr) {
        struct weir_str item = weir_str_trim(weir_str_cut(&rest, ','));
        bool is = item.len == 0;
        for (size_t i = 0; !is && i < sizeof known / sizeof known[0]; i++) {
            is = weir_str_eq_nocase(item, weir_str_of(known[i]));
        }
        if (!is) {
            take_field(item, out, 32);
            memcpy(out, *out ? out : "?", *out ? 0 : 2);
        }
    }
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct weir_curl_answer *a = t->answer;
    struct weir_str value = {bytes, size * n}, name = weir_str_cut(&value, ':');
    if (weir_str_starts((struct weir_str){bytes, size * n}, WEIR_STR("HTTP/"))) {
        *a = (struct weir_curl_answer){.length = -1}; /* 100 Continue came before */
        t->chunked = false;
        t->encoded[0] = 0;
    } else if (value.ptr && weir_str_eq_nocase(name, WEIR_STR("etag"))) {
        take_field(value, a->etag, sizeof a->etag);
    } else if (value.ptr && weir_str_eq_nocase(name, WEIR_STR("transfer-encoding"))) {
        t->chunked = weir_str_eq_nocase(weir_str_trim(value), WEIR_STR("chunked"));
    } else if (value.ptr && weir_str_eq_nocase(name, WEIR_STR("content-encoding"))) {
        take_encoding(value, t->encoded);
    } else if (value.ptr && weir_str_eq_nocase(name, WEIR_STR("content-type"))) {
        take_field(value, a->type, sizeof a->type);
    } else if (value.ptr && weir_str_eq_nocase(name, WEIR_STR("content-disposition"))) {
        take_name(value, a->name);
    }
    return size * n;
}

static void learn(struct transfer *t)
{
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->curl->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->answer->status = (int)status;
    t->answer->length = (int64_t)length;
}

static bool is_success(const struct transfer *t)
{
    return t->answer->status == 200 || t->answer->status == 203;
}

/* A body that ends with its connection is whole, or half of one: nobody can tell. TLS says it. */
static int check_end(struct transfer *t)
{
    long version = 0;
    const char *scheme = NULL;
    curl_easy_getinfo(t->curl->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(t->curl->easy, CURLINFO_SCHEME, &scheme);
    bool first = version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
    bool plain = scheme && weir_str_eq_nocase(weir_str_of(scheme), WEIR_STR("http"));
    return t->answer->length >= 0 || t->chunked || !first || !plain
               ? 0
               : weir_fail(t->err, WEIR_EINVAL,
                           "%s: the server does not say where the file ends, so that half of it "
                           "would be taken for whole; it must send Content-Length, or be read by "
                           "https",
                           t->shown);
}

static int too_big(struct transfer *t)
{
    return t->rc = weir_fail(t->err, WEIR_ETOOBIG,
                             "%s is larger than %llu MB; raise `max_size` in the connection",
                             t->shown, (unsigned long long)(t->call->max >> 20));
}

static int begin(struct transfer *t)
{
    learn(t);
    t->began = true;
    if (!is_success(t)) {
        return 0;
    }
    if (t->call->max && t->answer->length > 0 && (uint64_t)t->answer->length > t->call->max) {
        return too_big(t);
    }
    if (*t->encoded) {
        return t->rc = weir_fail(t->err, WEIR_EINVAL,
                                 "%s: the server sends it with Content-Encoding \"%s\", which "
                                 "cannot be read; it must send it plain, or packed by gzip or zstd",
                                 t->shown, t->encoded);
    }
    t->rc = check_end(t);
    if (t->rc) {
        return t->rc;
    }
    return t->rc = t->call->on_begin ? t->call->on_begin(t->answer, t->call->arg, t->err) : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    if (!t->began && begin(t)) {
        return 0;
    }
    if (!is_success(t)) {
        for (size_t i = 0; i < n && t->head + 1 < sizeof t->answer->head; i++) {
            unsigned char c = (unsigned char)bytes[i];
            t->answer->head[t->head++] = c < 32 || c == 127 ? ' ' : (char)c;
        }
        return size * n;
    }
    t->bytes += n;
    if (t->call->max && t->bytes > t->call->max) {
        too_big(t);
        return 0;
    }
    t->rc =
        t->call->on_body ? t->call->on_body((struct weir_str){bytes, n}, t->call->arg, t->err) : 0;
    return t->rc ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = arg;
    (void)a, (void)b, (void)c, (void)d;
    t->stopped = t->call->stop && atomic_load(t->call->stop);
    t->late = t->call->until && weir_mono() >= t->call->until;
    return t->stopped || t->late;
}

/* The address is known here, behind the name's resolution, and this is the one that is used. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;
    char *shown = t->refused;
    (void)purpose;
    size_t n = strlen(t->host);
    bool v6 = n > 2 && t->host[0] == '[';
    struct weir_str host = {t->host + v6, n - 2 * v6};
    if (weir_hosts_allow(t->call->hosts, host, &address->addr)) {
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    }
    const void *in = address->family == AF_INET6
                         ? (const void *)&((struct sockaddr_in6 *)(void *)&address->addr)->sin6_addr
                         : (const void *)&((struct sockaddr_in *)(void *)&address->addr)->sin_addr;
    if (!inet_ntop(address->family, in, shown, sizeof t->refused)) {
        snprintf(shown, sizeof t->refused, "an address");
    }
    return CURL_SOCKET_BAD;
}

/* --- one request --------------------------------------------------------------------------------
 */

/* What is written to a connection that the other side has closed must not end the process; its
 * signals are not libcurl's to change. */
static CURLcode perform(CURL *easy)
{
    sigset_t pipe, old, pending;
    struct timespec now = {0, 0};
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    CURLcode code = curl_easy_perform(easy);
    while (!sigismember(&pending, SIGPIPE) && sigtimedwait(&pipe, NULL, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

static bool add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    *list = longer ? longer : *list;
    return longer;
}

static bool add_named(struct curl_slist **list, const char *name, const char *value)
{
    char line[1024];
    int n = value ? snprintf(line, sizeof line, "%s: %s", name, value) : 0;
    return !value || (n < (int)sizeof line && add(list, line));
}

static void set_up(struct transfer *t, CURLU *u, struct curl_slist *headers, bool home)
{
    const struct weir_curl_call *call = t->call;
    CURL *e = t->curl->easy;
    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_CURLU, u);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl->error);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIME);
    if (call->idle) {
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((call->idle - 1) / WEIR_SECOND + 1));
    }
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(call->timeout / 1000));
    if (call->ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, call->ca_file);
    }
    if (call->user && home) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERNAME, call->user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, call->password ? call->password : "");
    }
    if (call->aws && home) {
        char provider[128];
        snprintf(provider, sizeof provider, "aws:amz:%.80s:s3", call->aws->region);
        curl_easy_setopt(e, CURLOPT_AWS_SIGV4, provider);
        curl_easy_setopt(e, CURLOPT_USERNAME, call->aws->access_key);
        curl_easy_setopt(e, CURLOPT_PASSWORD, call->aws->secret_key);
    }
    if (call->post.ptr) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)call->post.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->post.ptr);
    }
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
}

static int is_late(const char *shown, struct weir_error *err)
{
    return weir_fail(err, WEIR_ETIMEDOUT,
                     "%s took too long to be looked into; a run has all the time it needs", shown);
}

/* What went wrong below HTTP. */
static int explain(struct transfer *t, CURLcode code)
{
    const char *why = *t->curl->error ? t->curl->error : curl_easy_strerror(code);
    if (t->rc) {
        return t->rc;
    }
    if (t->stopped) {
        return weir_fail(t->err, WEIR_ECANCELED, "the reading of %s was stopped", t->shown);
    }
    if (t->late) {
        return is_late(t->shown, t->err);
    }
    if (*t->refused && code == CURLE_COULDNT_CONNECT) {
        return weir_fail(t->err, WEIR_EPERM,
                         "%s may not be read: %s is at %s, which is no address of the internet "
                         "and which `source.hosts` in weir.yml does not open; add %s to `hosts` "
                         "in the section `source`",
                         t->shown, t->host, t->refused, t->host);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return weir_fail(t->err, WEIR_ETIMEDOUT, "%s: the server sent nothing for too long (%s)",
                         t->shown, why);
    }
    return weir_fail(t->err, code == CURLE_OUT_OF_MEMORY ? WEIR_ENOMEM : WEIR_EIO, "%s: %s",
                     t->shown, why);
}

/* A request and its answer, whatever its status. */
static int request(struct transfer *t, CURLU *u, bool home, CURLcode *code)
{
    const struct weir_curl_call *call = t->call;
    struct curl_slist *headers = NULL;
    char *bearer = NULL;
    bool well = add_named(&headers, "If-None-Match", call->etag) &&
                add_named(&headers, "Content-Type", call->post.ptr ? call->post_type : NULL);
    if (well && home && call->aws) { /* of no body; libcurl leaves it to its caller */
        well = add(&headers, "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
    }
    for (size_t i = 0; well && home && call->headers && call->headers[i]; i++) {
        well = add(&headers, call->headers[i]);
    }
    if (well && home && call->token) {
        well =
            asprintf(&bearer, "Authorization: Bearer %s", call->token) > 0 && add(&headers, bearer);
    }
    t->began = t->stopped = t->late = false;
    t->bytes = t->head = 0;
    *t->refused = *t->curl->error = 0;
    *t->answer = (struct weir_curl_answer){.length = -1};
    *code = CURLE_OUT_OF_MEMORY;
    if (well) {
        set_up(t, u, headers, home);
        *code = perform(t->curl->easy);
        if (*code == CURLE_OK && !t->began && begin(t)) {
            *code = CURLE_WRITE_ERROR;
        }
        t->answer->head[weir_mask_bytes(call->mask, t->answer->head, t->head)] = 0;
        curl_easy_setopt(t->curl->easy, CURLOPT_HTTPHEADER, NULL);
        curl_easy_setopt(t->curl->easy, CURLOPT_CURLU, NULL);
    }
    curl_slist_free_all(headers);
    free(bearer);
    return *code ? explain(t, *code) : 0;
}

static bool is_passing_status(int s)
{
    return s == 408 || s == 429 || s >= 500;
}

static int status_error(struct transfer *t)
{
    const struct weir_curl_answer *a = t->answer;
    int s = a->status;
    int code = s == 401 || s == 403                           ? WEIR_EPERM
               : s == 404 || s == 410                         ? WEIR_ENOENT
               : is_passing_status(s) || s == 202 || s == 204 ? WEIR_EAGAIN
                                                              : WEIR_EINVAL;
    const char *hint = s == 401   ? " (it wants to know who asks: `token`, or `user` and "
                                    "`password`)"
                       : s == 403 ? " (whoever the connection says may not read it)"
                       : s == 404 ? " (nothing is there)"
                       : s == 429 ? " (it was asked too often; try later)"
                       : s == 202 || s == 204 ? " (the file is not ready)"
                       : s == 206             ? " (a part of the file, which nobody asked for)"
                                              : "";
    struct weir_str all = weir_str_of(a->head), head = weir_utf8_cut(weir_str_trim(all), 300);
    /* The markup of a page tells nobody anything; XML of an error does. */
    bool page = weir_str_starts_nocase(all, WEIR_STR("<!doctype")) ||
                weir_str_starts_nocase(all, WEIR_STR("<html"));
    head.len = page ? 0 : weir_utf8_valid_prefix(head);
    return weir_fail(t->err, code, "%s: the server answered %d%s%s" WEIR_STR_FMT, t->shown, s, hint,
                     head.len ? ": " : "", WEIR_STR_ARG(head));
}

/* Follows redirects to an answer. */
static int follow(struct transfer *t, CURLcode *code)
{
    char first[512], origin[512];
    CURLU *u = NULL;
    int rc = parse_url(t->call->url, &u, t->err);
    *code = CURLE_URL_MALFORMAT;
    for (int hops = 0; rc == 0; hops++) {
        char *next = NULL;
        show_url(u, hops == 0, t->shown);
        if (!origin_of(u, hops ? origin : first, t->host)) {
            rc = weir_fail(t->err, WEIR_EINVAL, "%s is no address of a host", t->shown);
            break;
        }
        rc = request(t, u, hops == 0 || strcmp(first, origin) == 0, code);
        if (rc || t->answer->status < 300 || t->answer->status > 308 || t->answer->status == 304 ||
            t->call->post.ptr) {
            break;
        }
        curl_easy_getinfo(t->curl->easy, CURLINFO_REDIRECT_URL, &next);
        if (!next) {
            break;
        }
        if (hops == MOST_REDIRECTS) {
            rc = weir_fail(t->err, WEIR_EINVAL,
                           "%s leads on more than %d times; give the address "
                           "where it ends",
                           t->call->url, MOST_REDIRECTS);
            break;
        }
        CURLU *to = NULL;
        rc = parse_url(next, &to, t->err);
        rc = rc ? weir_error_prefix(t->err, rc, "%s leads elsewhere", t->shown) : 0;
        curl_url_cleanup(u);
        u = to;
    }
    curl_url_cleanup(u);
    return rc;
}

/* --- again and again ----------------------------------------------------------------------------
 */

static int wait_for(weir_time time, const struct weir_curl_call *call, struct weir_error *err)
{
    struct timespec piece = {0, 50000000};
    for (weir_time end = weir_mono() + time; weir_mono() < end;) {
        if (call->stop && atomic_load(call->stop)) {
            return weir_fail(err, WEIR_ECANCELED, "the reading of %s was stopped", call->url);
        }
        if (call->until && weir_mono() >= call->until) {
            return is_late(call->url, err);
        }
        nanosleep(&piece, NULL);
    }
    return 0;
}

static bool is_passing(const struct transfer *t, CURLcode code)
{
    return code == CURLE_OK ? is_passing_status(t->answer->status)
                            : !t->rc && (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
                                         code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE ||
                                         code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM);
}

int weir_curl_get(struct weir_curl *curl, const struct weir_curl_call *call,
                  struct weir_curl_answer *answer, struct weir_error *err)
{
    struct weir_error own;
    struct transfer t = {.curl = curl, .call = call, .answer = answer, .err = err ? err : &own};
    CURLcode code = CURLE_OK;
    int rc = 0;
    for (unsigned i = 1;; i++) {
        rc = follow(&t, &code);
        if (rc == 0 && !is_success(&t) && !(call->etag && answer->status == 304)) {
            rc = status_error(&t);
        }
        curl_off_t after = 0;
        curl_easy_getinfo(curl->easy, CURLINFO_RETRY_AFTER, &after);
        weir_time pause = FIRST_WAIT << (i < 8 ? i - 1 : 7);
        pause += (weir_time)(weir_random_u64() % (uint64_t)pause) / 2;
        pause = after > 0 ? (weir_time)after * WEIR_SECOND : pause;
        if (!rc || i >= call->tries || !is_passing(&t, code) || after > MOST_WAIT / WEIR_SECOND) {
            return rc;
        }
        int stopped = wait_for(pause, call, err);
        if (stopped) {
            return stopped;
        }
    }
}

int weir_curl_open(struct weir_curl **out, struct weir_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out) {
        (*out)->easy = curl_easy_init();
    }
    if (!*out || !(*out)->easy) {
        free(*out);
        *out = NULL;
        return weir_fail(err, WEIR_ENOMEM, "no memory for a connection");
    }
    return 0;
}

void weir_curl_close(struct weir_curl *curl)
{
    if (curl) {
        curl_easy_cleanup(curl->easy);
        free(curl);
    }
}
