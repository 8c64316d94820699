#include "collect/unread.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_write.h"
#include "collect/collector.h"
#include "collect/cors.h"

#define BURST    20
#define MAX_PATH 200

struct known {
    const char *source; /* "" */
    char address[WEIR_ADDRESS_MAX];
    char method[16];
    char path[MAX_PATH + 1];
    uint64_t bytes;
    int status;
    const char *why;
};

static bool allowed(struct weir_unread *u)
{
    weir_time now = weir_mono();
    uint64_t earned = u->from ? (uint64_t)((now - u->from) / WEIR_SECOND) : 0;
    if (!u->from || earned >= u->lines) { /* all is earned back: the burst begins anew */
        u->from = now;
        u->lines = 0;
        earned = 0;
    }
    bool yes = u->lines < earned + BURST;
    u->lines += yes;
    u->left_out += !yes;
    return yes;
}

static void find_out(struct weir_collector *c, struct weir_http_request *req, struct known *k)
{
    static const struct {
        enum weir_http_method method;
        const char *name;
    } names[] = {{WEIR_HTTP_GET, "GET"},       {WEIR_HTTP_HEAD, "HEAD"},
                 {WEIR_HTTP_POST, "POST"},     {WEIR_HTTP_PUT, "PUT"},
                 {WEIR_HTTP_DELETE, "DELETE"}, {WEIR_HTTP_OPTIONS, "OPTIONS"},
                 {WEIR_HTTP_PATCH, "PATCH"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_http_method(req) == names[i].method) {
            snprintf(k->method, sizeof k->method, "%s", names[i].name);
        }
    }
    struct weir_str path = weir_http_path(req);
    path = weir_utf8_cut((struct weir_str){path.ptr ? path.ptr : "", path.len}, MAX_PATH);
    snprintf(k->path, sizeof k->path, WEIR_STR_FMT, WEIR_STR_ARG(path));
    k->bytes = weir_http_body_size(req);
    const struct weir_source *source = NULL;
    if (weir_accept_head_key(c, req)) {
        source = weir_sources_by_key(&c->sources, weir_buf_str(&c->key));
    }
    k->source = source ? source->name : "";
    weir_accept_address(c, req, k->address);
    weir_address_apply(source ? (enum weir_ip_policy)source->ip : WEIR_IP_KEEP, k->address);
}

static void print(const struct known *k, uint64_t left_out, struct weir_buf *out)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_ktime(&w, "at", weir_now());
    weir_jw_ki64(&w, "status", k->status);
    weir_jw_kstrz(&w, "reason", k->why);
    weir_jw_kstrz(&w, "source", k->source);
    weir_jw_kstrz(&w, "address", k->address);
    weir_jw_kstrz(&w, "method", k->method);
    weir_jw_kstrz(&w, "path", k->path);
    weir_jw_ku64(&w, "bytes", k->bytes);
    weir_jw_ku64(&w, "left_out", left_out);
    weir_jw_object_end(&w);
    weir_buf_addc(out, '\n');
}

/* Best effort: a disk in trouble must not keep a refusal from being answered, and the log has it.
 */
static void append(struct weir_collector *c, struct weir_str line)
{
    const char *path = c->unread.path, *older = c->unread.older;
    struct stat st;
    if (!path || !older) {
        return;
    }
    if (stat(path, &st) == 0 && st.st_size > WEIR_UNREAD_BYTES) {
        (void)rename(path, older);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t n = write(fd, line.ptr, line.len);
        (void)n;
        close(fd);
    }
}

static void keep(struct weir_collector *c, const struct known *k)
{
    struct weir_buf line;
    if (!allowed(&c->unread)) {
        return;
    }
    uint64_t left_out = c->unread.left_out;
    c->unread.left_out = 0;
    weir_log(c->log, WEIR_LOG_WARN, "a request was refused unread", "why", k->why, "status",
             weir_log_num(k->status).text, "source", k->source, "address", k->address, "method",
             k->method, "path", k->path, "bytes", weir_log_num((int64_t)k->bytes).text, "left_out",
             weir_log_num((int64_t)left_out).text);
    weir_buf_init(&line, 8192);
    print(k, left_out, &line);
    if (weir_buf_ok(&line)) {
        append(c, weir_buf_str(&line));
    }
    weir_buf_free(&line);
}

void weir_unread_refuse(struct weir_http_request *req, int status, const char *why, void *collector)
{
    struct weir_collector *c = collector;
    if (status < 500) { /* or the SDK sends it again */
        struct known k = {.status = status, .why = why};
        find_out(c, req, &k);
        keep(c, &k);
    }
    weir_cors_allow(req);
    weir_collect_refuse(c, req, "unreadable", status, why);
}
