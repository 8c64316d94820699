#include "cli/running.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/settings.h"
#include "io/client.h"
#include "io/file.h"

#define MAX_STATUS       (1u << 20)
#define ORPHANS_MAY_TAKE (20 * WEIR_SECOND)

static int out_of_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "out of memory");
}

static void nap(int ms)
{
    poll(NULL, 0, ms);
}

/* --- addresses.json ----------------------------------------------------------------------------
 */

static void copy_text(struct weir_json object, const char *key, char *out, size_t size)
{
    struct weir_str s = weir_json_get_str(object, key);
    snprintf(out, size, WEIR_STR_FMT, (int)(s.len < size - 1 ? s.len : size - 1),
             s.ptr ? s.ptr : "");
}

static void copy_member(struct weir_json object, const char *key, char out[64])
{
    copy_text(object, key, out, 64);
}

int weir_addresses_read(struct weir_workspace *workspace, struct weir_addresses *out,
                        struct weir_error *err)
{
    const char *path = weir_workspace_path(workspace, "run/addresses.json");
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_buf text;
    struct weir_json root;
    *out = (struct weir_addresses){0};
    weir_buf_init(&text, 4096);
    int code = path && parser ? weir_file_read(path, &text, err) : out_of_memory(err);
    code = code ? code : weir_json_parse(parser, weir_buf_str(&text), &root, err);
    if (!code) {
        copy_member(root, "collect", out->collect);
        copy_member(root, "serve", out->serve);
        copy_text(root, "collect_listen", out->collect_listen, sizeof out->collect_listen);
        copy_text(root, "serve_listen", out->serve_listen, sizeof out->serve_listen);
    }
    weir_buf_free(&text);
    weir_json_parser_free(parser);
    return code;
}

int weir_addresses_write(struct weir_workspace *workspace, const struct weir_addresses *addresses,
                         struct weir_error *err)
{
    const char *path = weir_workspace_path(workspace, "run/addresses.json");
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    struct weir_jw w = weir_jw_on(&text);
    weir_jw_object(&w);
    weir_jw_kstrz(&w, "collect", addresses->collect);
    weir_jw_kstrz(&w, "serve", addresses->serve);
    if (*addresses->collect_listen) {
        weir_jw_kstrz(&w, "collect_listen", addresses->collect_listen);
    }
    if (*addresses->serve_listen) {
        weir_jw_kstrz(&w, "serve_listen", addresses->serve_listen);
    }
    weir_jw_object_end(&w);
    weir_buf_addc(&text, '\n');
    int code = path && weir_buf_ok(&text) ? weir_file_replace(path, weir_buf_str(&text), 0644, err)
                                          : out_of_memory(err);
    weir_buf_free(&text);
    return code;
}

void weir_addresses_remove(struct weir_workspace *workspace)
{
    const char *path = weir_workspace_path(workspace, "run/addresses.json");
    if (path) {
        unlink(path);
    }
}

int weir_listen_setting(struct weir_workspace *workspace, const char *section, char out[256],
                        struct weir_error *err)
{
    bool collect = strcmp(section, "collect") == 0;
    const char *text = "";
    out[0] = '\0';
    if (getenv(collect ? "WEIR_COLLECT" : "WEIR_SERVE")) {
        return WEIR_OK;
    }
    int code = weir_settings_text(workspace, section, "listen", &text, err);
    if (!code) {
        snprintf(out, 256, "%s", text);
    }
    return code;
}

bool weir_listen_changed(struct weir_workspace *workspace, const struct weir_addresses *addresses,
                         char out[640])
{
    static const char *const sections[] = {"collect", "serve"};
    const char *begun[] = {addresses->collect_listen, addresses->serve_listen};
    char now[256];
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct weir_error ignored;
        if (*begun[i] && !weir_listen_setting(workspace, sections[i], now, &ignored) && *now &&
            strcmp(begun[i], now) != 0) {
            len += (size_t)snprintf(out + len, 640 - len, "%s%s.listen is now %s, was %s",
                                    len ? "; " : "", sections[i], now, begun[i]);
        }
    }
    return len > 0;
}

/* --- up.lock -----------------------------------------------------------------------------------
 */

/* The pid in the lock file; 0 when there is none. */
static pid_t lock_holder(const char *path)
{
    struct weir_buf text;
    struct weir_error ignored;
    int64_t pid = 0;
    weir_buf_init(&text, 64);
    if (weir_file_read(path, &text, &ignored) ||
        !weir_str_to_i64(weir_str_trim(weir_buf_str(&text)), &pid) || pid < 0) {
        pid = 0;
    }
    weir_buf_free(&text);
    return (pid_t)pid;
}

int weir_up_lock(struct weir_workspace *workspace, int *fd, struct weir_error *err)
{
    const char *path = weir_workspace_path(workspace, "run/up.lock");
    weir_time until = weir_mono() + ORPHANS_MAY_TAKE;
    if (!path) {
        return out_of_memory(err);
    }
    for (;;) {
        int code = weir_lock_take(path, fd, err);
        if (code != WEIR_EBUSY) {
            return code;
        }
        pid_t pid = lock_holder(path);
        bool alive = pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
        if (alive) {
            return weir_fail(err, WEIR_EBUSY,
                             "another `weir up` (pid %d) runs in %s; `weir status` shows it, stop "
                             "it with `kill %d`",
                             (int)pid, workspace->dir, (int)pid);
        }
        if (weir_mono() >= until) {
            return weir_fail(err, WEIR_EBUSY,
                             "processes of a `weir up` that was killed still run in %s; stop them "
                             "(`fuser %s` names them)",
                             workspace->dir, path);
        }
        nap(20);
    }
}

bool weir_up_runs(struct weir_workspace *workspace)
{
    const char *path = weir_workspace_path(workspace, "run/up.lock");
    return path && weir_lock_held(path);
}

/* --- asking the servers ------------------------------------------------------------------------
 */

static int get(const char *address, const char *target, weir_time timeout, struct weir_buf *out,
               int *status, struct weir_error *err)
{
    struct weir_client_call call = {
        .address = address, .method = "GET", .target = target, .timeout = timeout};
    return address ? weir_client_fetch(&call, status, out, err) : out_of_memory(err);
}

bool weir_answers(const char *address, weir_time timeout)
{
    struct weir_buf body;
    struct weir_error ignored;
    int status = 0;
    weir_buf_init(&body, MAX_STATUS);
    int code = get(address, "/health", timeout, &body, &status, &ignored);
    weir_buf_free(&body);
    return !code && status == 200;
}

static void say_trouble(int status, struct weir_str body, char trouble[160])
{
    struct weir_json_parser *parser = weir_json_parser_new(8);
    struct weir_json root;
    struct weir_str message = {NULL, 0};
    if (parser && !weir_json_parse(parser, body, &root, NULL)) {
        message = weir_utf8_cut(weir_json_get_str(root, "message"), 150);
    }
    if (message.ptr) {
        snprintf(trouble, 160, WEIR_STR_FMT, WEIR_STR_ARG(message));
    } else {
        snprintf(trouble, 160, "its health is %d", status);
    }
    weir_json_parser_free(parser);
}

bool weir_collector_answers(struct weir_workspace *workspace, weir_time timeout, char trouble[160])
{
    struct weir_buf body;
    struct weir_error ignored;
    int status = 0;
    trouble[0] = '\0';
    weir_buf_init(&body, MAX_STATUS);
    int code = get(weir_workspace_path(workspace, "run/collect.sock"), "/health", timeout, &body,
                   &status, &ignored);
    if (!code && status != 200) {
        say_trouble(status, weir_buf_str(&body), trouble);
    }
    weir_buf_free(&body);
    return !code;
}

const char *weir_disk_folder(const struct weir_workspace *workspace)
{
    struct stat st;
    return stat(workspace->data, &st) == 0 ? workspace->data : workspace->dir;
}

static void read_stuck(struct weir_json query, struct weir_server_state *out)
{
    struct weir_json_iter it = weir_json_begin(weir_json_get(query, "stuck_queries"));
    struct weir_json each;
    weir_json_u64(weir_json_get(query, "stuck"), &out->stuck);
    if (weir_json_next(&it, NULL, &each)) {
        struct weir_str id = weir_json_get_str(each, "id");
        struct weir_str sql = weir_utf8_cut(weir_json_get_str(each, "sql"), 230);
        snprintf(out->stuck_sql, sizeof out->stuck_sql, WEIR_STR_FMT ": " WEIR_STR_FMT, (int)id.len,
                 id.ptr ? id.ptr : "", (int)sql.len, sql.ptr ? sql.ptr : "");
    }
}

static int parse_state(struct weir_str text, struct weir_server_state *out, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_json root;
    int code = parser ? weir_json_parse(parser, text, &root, err) : out_of_memory(err);
    if (!code) {
        struct weir_json load = weir_json_get(root, "load");
        struct weir_json warehouse = weir_json_get(root, "warehouse");
        struct weir_str error = weir_utf8_cut(weir_json_get_str(load, "error"), 255);
        copy_member(root, "address", out->address);
        copy_member(root, "engine", out->engine);
        weir_json_bool(weir_json_get(warehouse, "well"), &out->warehouse_well);
        weir_json_u64(weir_json_get(warehouse, "bytes"), &out->warehouse_bytes);
        snprintf(out->error, sizeof out->error, WEIR_STR_FMT, WEIR_STR_ARG(error));
        read_stuck(weir_json_get(root, "query"), out);
        bool told = weir_json_u64(weir_json_get(load, "next_seq"), &out->next_seq);
        out->next_seq += out->next_seq == 0; /* a loader that has not begun; numbers start at 1 */
        if (!told) {
            code = weir_fail(err, WEIR_EIO,
                             "the server's status says nothing about loading; is it "
                             "an older weir? restart it");
        }
    }
    weir_json_parser_free(parser);
    return code;
}

int weir_server_fetch(struct weir_workspace *workspace, weir_time timeout,
                      struct weir_server_state *out, struct weir_buf *text, struct weir_error *err)
{
    struct weir_buf own;
    int status = 0;
    weir_buf_init(&own, MAX_STATUS);
    *out = (struct weir_server_state){0};
    text = text ? text : &own;
    int code = get(weir_workspace_path(workspace, "run/serve.sock"), "/api/status", timeout, text,
                   &status, err);
    if (code == WEIR_ENOENT) {
        code = weir_fail(err, code, "no `weir serve` runs in %s; start it with `weir up`",
                         workspace->dir);
    } else if (!code && status != 200) {
        code = weir_fail(err, WEIR_EIO, "the server answers /api/status with %d: %.200s", status,
                         weir_buf_cstr(text));
    }
    code = code ? code : parse_state(weir_buf_str(text), out, err);
    weir_buf_free(&own);
    return code;
}

int weir_loaded_wait(struct weir_workspace *workspace, uint64_t seq, weir_time timeout,
                     struct weir_error *err)
{
    weir_time until = weir_mono() + timeout;
    for (int ms = 2;; ms = ms < 50 ? ms * 2 : 50) {
        struct weir_server_state server;
        weir_time left = until - weir_mono();
        struct weir_error why = {0};
        /* Asked at least once, and each answer given some time, even with --timeout 0. */
        int code = weir_server_fetch(workspace, left > WEIR_SECOND / 10 ? left : WEIR_SECOND / 10,
                                     &server, NULL, &why);
        if (!code && server.next_seq >= seq) {
            return WEIR_OK;
        }
        /* A server that is being restarted comes back; one that nobody supervises does not. */
        if (code == WEIR_ENOENT && !weir_up_runs(workspace)) {
            return weir_fail(err, WEIR_ENOENT, "%s", why.message);
        }
        if (weir_mono() >= until) {
            if (code) {
                return weir_fail(err, WEIR_ETIMEDOUT, "gave up waiting: %s", why.message);
            }
            return weir_fail(err, WEIR_ETIMEDOUT,
                             "gave up waiting: %llu acknowledged requests are not loaded yet%s%s",
                             (unsigned long long)(seq - server.next_seq),
                             server.error[0] ? "; the loader is retrying: " : "", server.error);
        }
        nap(ms);
    }
}
