/* `weir up`: the collector and the server, supervised. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/running.h"
#include "cli/settings.h"
#include "cli/supervise.h"
#include "eventlog/eventlog.h"
#include "io/file.h"
#include "io/http.h"

#define COLLECT_GRACE (40 * WEIR_SECOND) /* requests that have begun may still arrive */
#define SERVE_GRACE   (60 * WEIR_SECOND) /* a batch is finished, the warehouse checkpointed */
#define LOAD_REST     (5 * WEIR_SECOND)  /* for what came last; the rest is loaded at next start */

enum { COLLECT, SERVE, CHILDREN };

struct up {
    struct weir_cli *cli;
    struct weir_workspace *workspace;
    struct weir_addresses addresses;
    int lock;
    int fds[CHILDREN];
    weir_time begun;
};

/* systemd's Type=notify: a datagram to the socket it names (sd_notify(3)). */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    address.sun_path[0] = *path == '@' ? '\0' : *path;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0) {
        sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
        close(fd);
    }
}

static void tell(const struct up *up, const char *link)
{
    const char *at = strcmp(up->cli->dir, ".") == 0 ? "" : " -C ";
    const char *dir = *at ? up->cli->dir : "";
    printf("weir is up, after %d ms.\n\n"
           "  collect  http://%s   SDKs send events here\n"
           "  serve    http://%s   the app, SQL, the API\n\n"
           "Send an event, and ask for it:\n\n"
           "  curl http://%s/v1/track -u \"$(weir%s%s source key web):\" \\\n"
           "    -d '{\"userId\":\"ada\",\"event\":\"Signed Up\"}'\n"
           "  weir%s%s query 'select * from web.tracks'\n\n",
           (int)((weir_mono() - up->begun) / 1000), up->addresses.collect, up->addresses.serve,
           up->addresses.collect, at, dir, at, dir);
    if (*link) {
        printf("Nobody is set up here yet. This link makes the first admin, once:\n\n  %s\n\n",
               link);
    }
    puts("Ctrl-C stops both.");
    fflush(stdout);
}

static int on_ready(void *arg, struct weir_error *err)
{
    struct up *up = arg;
    char link[512];
    int code = weir_setup_link(up->workspace, up->addresses.serve, link, err);
    code = code ? code : weir_addresses_write(up->workspace, &up->addresses, err);
    if (!code) {
        tell(up, link);
        notify("READY=1\n");
    }
    return code;
}

/* Reads everything again and keeps nothing: the children do the same when they start anew. */
static int on_reload(void *arg, struct weir_error *err)
{
    struct up *up = arg;
    struct weir_workspace *fresh = NULL;
    struct weir_sources sources = {0};
    int code = weir_workspace_open(up->workspace->dir, &fresh, err);
    code = code ? code : weir_settings_check(fresh, err);
    code = code ? code : weir_sources_load(fresh, &sources, err);
    weir_sources_free(&sources);
    char changed[640];
    if (!code && weir_listen_changed(fresh, &up->addresses, changed)) {
        weir_log(&up->cli->log, WEIR_LOG_WARN,
                 "addresses are taken only at the start: restart `weir up` to listen on the new "
                 "ones",
                 "changed", changed);
    }
    weir_workspace_close(fresh);
    return code;
}

static void on_stopping(void *arg)
{
    struct up *up = arg;
    weir_addresses_remove(up->workspace);
    notify("STOPPING=1\n");
}

/* The collector has stopped: nothing more comes, so what is in the log can be loaded to its end. */
static void on_stopped(int i, void *arg)
{
    struct up *up = arg;
    struct weir_error err = {0};
    uint64_t next_seq = 0;
    const char *log = weir_workspace_path(up->workspace, "log");
    if (i != COLLECT || !log) {
        return;
    }
    int code = weir_eventlog_durable_seq(log, &next_seq, &err);
    code = code ? code : weir_loaded_wait(up->workspace, next_seq, LOAD_REST, &err);
    if (code) {
        weir_log(&up->cli->log, WEIR_LOG_WARN,
                 "stopping before all is loaded; it is loaded at the next start", "why",
                 err.message);
    }
}

static int supervise(struct up *up, struct weir_error *err)
{
    static const char *const level_names[] = {"debug", "info", "warn", "error"};
    static const char *const names[CHILDREN] = {"collect", "serve"};
    char numbers[CHILDREN][16];
    const char *argv[CHILDREN][10];
    struct weir_child children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", up->fds[i]);
        const char *const words[] = {up->cli->program,
                                     "-C",
                                     up->workspace->dir,
                                     "--log-level",
                                     level_names[up->cli->log.min],
                                     names[i],
                                     "--listen-fd",
                                     numbers[i],
                                     NULL};
        memcpy(argv[i], words, sizeof words);
        children[i] = (struct weir_child){
            .name = names[i],
            .argv = argv[i],
            /* The lock too: it is held until the last child of a killed parent has ended. */
            .fds = {up->fds[i], up->lock},
            .fd_count = 2,
            .address = i == COLLECT ? up->addresses.collect : up->addresses.serve,
            .grace = i == COLLECT ? COLLECT_GRACE : SERVE_GRACE,
        };
    }
    struct weir_supervisor supervisor = {.children = children,
                                         .count = CHILDREN,
                                         .log = &up->cli->log,
                                         .ready = on_ready,
                                         .reload = on_reload,
                                         .stopping = on_stopping,
                                         .stopped = on_stopped,
                                         .arg = up};
    return weir_supervise(&supervisor, err);
}

static int bind_one(struct up *up, int which, const char *section, char bound[64],
                    char setting[256], struct weir_error *err)
{
    const char *flag = weir_args_value(up->cli->args, section);
    const char *address = flag;
    int code = flag ? WEIR_OK : weir_settings_text(up->workspace, section, "listen", &address, err);
    if (code) {
        return code;
    }
    code = strncmp(address, "unix:", 5) == 0
               ? weir_fail(err, WEIR_EINVAL, "%s: `weir up` listens on HOST:PORT", address)
               : weir_http_bind(address, &up->fds[which], bound, err);
    if (!code && !flag) {
        code = weir_listen_setting(up->workspace, section, setting, err);
    }
    if (code) {
        return flag ? weir_error_prefix(err, code, "--%s", section)
                    : weir_error_prefix(err, code, "%s.listen in weir.yml", section);
    }
    return WEIR_OK;
}

static int prepare(struct up *up, struct weir_error *err)
{
    const char *run = weir_workspace_path(up->workspace, "run");
    int code = weir_settings_check(up->workspace, err);
    if (!code && !run) {
        code = weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (code) {
        return code;
    }
    code = weir_dir_make(up->workspace->data, 0700, err);
    code = code ? code : weir_dir_make(run, 0700, err);
    if (code) {
        return weir_error_prefix(err, code,
                                 "%s must be writable; give it to the user "
                                 "who runs weir",
                                 up->workspace->data);
    }
    code = weir_up_lock(up->workspace, &up->lock, err);
    if (code) {
        return code;
    }
    weir_addresses_remove(up->workspace); /* of one that was killed */
    struct weir_addresses *a = &up->addresses;
    code = bind_one(up, COLLECT, "collect", a->collect, a->collect_listen, err);
    return code ? code : bind_one(up, SERVE, "serve", a->serve, a->serve_listen, err);
}

static int run_up(struct weir_cli *cli, struct weir_error *err)
{
    struct up up = {.cli = cli, .lock = -1, .fds = {-1, -1}, .begun = weir_mono()};
    int code = weir_cli_workspace(cli, &up.workspace, err);
    if (code) {
        return code;
    }
    code = prepare(&up, err);
    if (!code) {
        code = supervise(&up, err);
        weir_addresses_remove(up.workspace);
    }
    for (int i = 0; i < CHILDREN; i++) {
        if (up.fds[i] >= 0) {
            close(up.fds[i]);
        }
    }
    if (up.lock >= 0) {
        close(up.lock);
    }
    weir_workspace_close(up.workspace);
    return code;
}

static const struct weir_flag up_flags[] = {
    {"collect", 0, "HOST:PORT", "where SDKs send events; collect.listen of weir.yml by default",
     false},
    {"serve", 0, "HOST:PORT", "API and pages; serve.listen of weir.yml by default", false},
    {0},
};
const struct weir_command weir_command_up = {
    .name = "up",
    .summary = "Run the collector and the server, and keep them running",
    .operands = "",
    .help =
        "Starts `weir collect` and `weir serve`, restarts the one that dies without refusing a "
        "connection, and stops both in order on SIGTERM or Ctrl-C: requests under way are "
        "answered, what they brought is loaded, the warehouse is checkpointed.\n\n"
        "Port 0 picks a free one. The addresses are in .weir/run/addresses.json as soon as both "
        "answer.\n\n"
        "SIGHUP reads weir.yml again and restarts the two; a mistake in it is logged and changes "
        "nothing.",
    .flags = up_flags,
    .run = run_up,
};
