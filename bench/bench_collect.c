/* The collector against its limits: how much of a bare HTTP server's speed is left once every event
 * is on disk before it is answered.
 *
 * Single events (500-byte bodies, keep-alive): the collector, then the same HTTP library with a
 * handler that answers at once, then libevent's evhttp and libmicrohttpd likewise; each runs as a
 * process of its own, one after the other, under the same client. Batches: 100 events of about 1 KB
 * a request. Memory: the collector's largest resident size over all of
 * it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <microhttpd.h>

#include "http_load.h"
#include "io/http.h"

#define SECONDS 1.5
#define ROUNDS  3
#define BARE    3
#define OK_JSON "{\"success\":true}"

static char weir_path[4096];
static char workspace[64] = "/tmp/weir-bench-XXXXXX";

static void die(const char *what)
{
    fprintf(stderr, "bench_collect: %s\n", what);
    exit(1);
}

/* --- bare servers: each says its port and serves until it is killed -----------------------------
 */

static void answer_at_once(struct weir_http_request *req, void *arg)
{
    (void)arg;
    weir_http_reply(req, 200, "application/json", WEIR_STR(OK_JSON));
}

static void serve_weir(int out)
{
    struct weir_loop *loop;
    struct weir_http_server *server;
    struct weir_error err;
    char bound[64];
    struct weir_http_options options = {.handler = answer_at_once};
    if (weir_loop_new(&loop, &err) || weir_http_server_new(loop, &options, &server, &err) ||
        weir_http_listen(server, "127.0.0.1:0", bound, &err)) {
        die(err.message);
    }
    int port = atoi(strrchr(bound, ':') + 1);
    if (write(out, &port, sizeof port) != sizeof port) {
        die("pipe");
    }
    weir_loop_run(loop);
}

static void evhttp_answer(struct evhttp_request *req, void *arg)
{
    (void)arg;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, OK_JSON, strlen(OK_JSON));
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    evhttp_send_reply(req, 200, "OK", body);
    evbuffer_free(body);
}

static void serve_evhttp(int out)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    if (!s || getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&at, &n) != 0) {
        die("evhttp cannot listen");
    }
    evhttp_set_gencb(http, evhttp_answer, NULL);
    int port = ntohs(at.sin_port);
    if (write(out, &port, sizeof port) != sizeof port) {
        die("pipe");
    }
    event_base_dispatch(base);
}

static enum MHD_Result mhd_answer(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    static int begun;
    if (!*state) {
        *state = &begun;
        return MHD_YES;
    }
    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, 200, cls);
}

static void serve_microhttpd(int out)
{
    struct MHD_Response *ok =
        MHD_create_response_from_buffer(strlen(OK_JSON), (void *)OK_JSON, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(ok, "Content-Type", "application/json");
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, mhd_answer, ok,
                         MHD_OPTION_CONNECTION_LIMIT, 2000u, MHD_OPTION_END);
    if (!daemon) {
        die("libmicrohttpd cannot start");
    }
    int port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    if (write(out, &port, sizeof port) != sizeof port) {
        die("pipe");
    }
    pause();
}

struct server {
    pid_t pid;
    int port;
};

static struct server start_bare(void (*serve)(int out))
{
    int pipes[2];
    struct server s = {0};
    if (pipe(pipes) != 0 || (s.pid = fork()) < 0) {
        die("cannot start a server");
    }
    if (s.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipes[0]);
        serve(pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    if (read(pipes[0], &s.port, sizeof s.port) != sizeof s.port) {
        die("a bare server did not start");
    }
    close(pipes[0]);
    return s;
}

/* --- the collector ------------------------------------------------------------------------------
 */

static pid_t spawn(const char *const *argv, int out)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (out >= 0) {
            dup2(out, 1);
        }
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static void run_and_read(const char *const *argv, char *text, size_t n)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        die("pipe");
    }
    pid_t pid = spawn(argv, pipes[1]);
    close(pipes[1]);
    size_t got = 0;
    ssize_t step;
    while (got + 1 < n && (step = read(pipes[0], text + got, n - 1 - got)) > 0) {
        got += (size_t)step;
    }
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    close(pipes[0]);
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        die("a weir command failed");
    }
}

static struct server start_collector(char key[128])
{
    struct weir_error err;
    struct server s;
    char bound[64], fd_text[16], text[4096];
    int fd;
    if (!mkdtemp(workspace)) {
        die("no temporary folder");
    }
    const char *init[] = {weir_path, "init", workspace, NULL};
    const char *ask_key[] = {weir_path, "-C", workspace, "source", "key", "web", NULL};
    run_and_read(init, text, sizeof text);
    run_and_read(ask_key, key, 128);
    if (weir_http_bind("127.0.0.1:0", &fd, bound, &err)) {
        die(err.message);
    }
    fcntl(fd, F_SETFD, 0);
    snprintf(fd_text, sizeof fd_text, "%d", fd);
    const char *collect[] = {weir_path, "-C",          workspace, "--log-level", "error",
                             "collect", "--listen-fd", fd_text,   NULL};
    s.pid = spawn(collect, -1);
    s.port = atoi(strrchr(bound, ':') + 1);
    close(fd);
    return s;
}

static double peak_megabytes(pid_t pid)
{
    char path[64], line[256];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %lf kB", &kb) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kb / 1024;
}

static void stop(struct server s)
{
    kill(s.pid, SIGTERM);
    int status;
    waitpid(s.pid, &status, 0);
}

/* --- requests -----------------------------------------------------------------------------------
 */

static const char properties[] =
    "\"properties\":{\"sport\":\"cycling\",\"match_id\":\"m_20260714_0042\",\"plan\":\"season "
    "pass\",\"price\":12.99,\"currency\":\"EUR\",\"quality\":\"1080p\",\"position\":1834.25,"
    "\"live\":true}";

static size_t event(char *out, size_t n, int i, bool large)
{
    static const char context[] =
        ",\"context\":{\"library\":{\"name\":\"analytics.js\",\"version\":\"npm:next-1.84.3\"},"
        "\"page\":{\"path\":\"/live/cycling/42\",\"referrer\":\"https://www.example.com/search?q="
        "tour\",\"search\":\"?utm_source=mail\",\"title\":\"Stage 14, live\",\"url\":\"https://"
        "podium.example/live/cycling/42?utm_source=mail\"},\"userAgent\":\"Mozilla/5.0 (X11; Linux "
        "x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\","
        "\"locale\":\"nl-NL\",\"timezone\":\"Europe/"
        "Amsterdam\",\"campaign\":{\"source\":\"mail\"}}";
    return (size_t)snprintf(
        out, n,
        "{\"type\":\"track\",\"event\":\"Match Watched\",\"messageId\":\"ajs-next-%08d-5f1c-4e7b-"
        "9a56-2d1f8f3f%04d\",\"anonymousId\":\"2d1f8f3f-5f1c-4e7b-9a56-%012d\",\"userId\":\"u_"
        "%07d\",\"timestamp\":\"2026-07-14T15:04:05.%03dZ\",%s%s}",
        i * 7919, i, i, i * 31, i % 1000, properties, large ? context : "");
}

static char *request(const char *key, int events, size_t *size)
{
    size_t room = 4096 + (size_t)events * 2048;
    char *body = malloc(room);
    char *text = malloc(room + 1024);
    size_t n = 0;
    if (events == 1) {
        n = event(body, room, 1, false);
    } else {
        n += (size_t)snprintf(body, room, "{\"batch\":[");
        for (int i = 0; i < events; i++) {
            n += event(body + n, room - n, i, true);
            body[n++] = i + 1 < events ? ',' : ']';
        }
        n += (size_t)snprintf(body + n, room - n,
                              ",\"sentAt\":\"2026-07-14T15:04:06.000Z\",\"writeKey\":\"%s\"}", key);
    }
    int head = snprintf(text, room + 1024,
                        "POST /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                        "application/json\r\nUser-Agent: weir-bench/1\r\n"
                        "Authorization: Basic %s\r\nContent-Length: %zu\r\n\r\n",
                        events == 1 ? "t" : "batch", key, n);
    memcpy(text + head, body, n);
    *size = (size_t)head + n;
    free(body);
    return text;
}

static char *basic(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(key);
    char *out = calloc(1, n * 2 + 8);
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)key[i] << 16;
        v |= i + 1 < n ? (unsigned)(unsigned char)key[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned)(unsigned char)key[i + 2] : 0;
        out[at++] = digits[v >> 18];
        out[at++] = digits[v >> 12 & 63];
        out[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return out;
}

/* Seconds of processor time that a process has used: it says what a request costs also on a machine
 * that is busy with other things. */
static double cpu_seconds(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system_time = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof text, f)) {
        const char *at = strrchr(text, ')');
        if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &system_time) != 2) {
            user = system_time = 0;
        }
    }
    if (f) {
        fclose(f);
    }
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

/* --- measuring ----------------------------------------------------------------------------------
 */

static struct http_load_result measure(struct server s, int connections, const char *text,
                                       size_t size, double *cost_us)
{
    struct http_load load = {s.port, connections, text, size, 0.5, SECONDS};
    struct http_load_result result;
    double before = cpu_seconds(s.pid);
    if (!http_load_run(&load, &result)) {
        die("a server broke off");
    }
    double share = SECONDS / (SECONDS + load.warm_up);
    *cost_us = (cpu_seconds(s.pid) - before) * share * 1e6 / (double)(result.answers + 1);
    if (result.not_ok) {
        die("a server answered something else than 200");
    }
    return result;
}

/* `goal` 0: none, the figure is for comparison. */
static void report(const char *name, double value, const char *unit, double reference, double goal,
                   bool at_most)
{
    double ratio = reference > 0 ? value / reference : 0;
    double judged = reference > 0 && !at_most && goal < 10 ? ratio : value;
    printf("{\"name\":\"spine/%s\",\"value\":%.1f,\"unit\":\"%s\",\"reference\":", name, value,
           unit);
    printf(reference > 0 ? "%.1f,\"ratio\":%.3f," : "null,\"ratio\":null,", reference, ratio);
    if (goal > 0) {
        printf("\"goal\":%g,\"met\":%s}\n", goal,
               (at_most ? judged < goal : judged >= goal) ? "true" : "false");
    } else {
        printf("\"goal\":null,\"met\":null}\n");
    }
    fflush(stdout);
}

/* All servers in turn, several times, the best of each: what else the machine does hits all alike.
 */
static void singles(struct server collector, const char *text, size_t size)
{
    static const int counts[] = {64, 256, 1000};
    static const struct {
        const char *name;
        void (*serve)(int out);
    } bare[BARE] = {{"the same HTTP server, bare", serve_weir},
                    {"evhttp, bare", serve_evhttp},
                    {"libmicrohttpd, bare", serve_microhttpd}};
    struct server servers[BARE + 1] = {collector};
    char name[128];
    for (int b = 0; b < BARE; b++) {
        servers[b + 1] = start_bare(bare[b].serve);
    }
    for (int i = 0; i < 3; i++) {
        double best[BARE + 1] = {0};
        for (int round = 0; round < ROUNDS; round++) {
            for (int b = 0; b <= BARE; b++) {
                /* libmicrohttpd's epoll loop stalls at multiples of 128 ready connections. */
                int connections = counts[i] - (b == BARE ? 7 : 0);
                double cost;
                struct http_load_result r = measure(servers[b], connections, text, size, &cost);
                best[b] = r.per_second > best[b] ? r.per_second : best[b];
                fprintf(stderr,
                        "%-28s %4d connections: %6.0f/s, p50 %5.2f ms, p99 %6.2f ms, %.1f us of "
                        "processor a request\n",
                        b ? bare[b - 1].name : "durable", counts[i], r.per_second, r.p50_ms,
                        r.p99_ms, cost);
            }
        }
        for (int b = 0; b < BARE; b++) {
            if (best[b + 1] <= 0) {
                continue; /* it stalled: nothing to compare with */
            }
            snprintf(name, sizeof name, "collect 1 event, %d conns vs %s", counts[i], bare[b].name);
            report(name, best[0], "req/s", best[b + 1], counts[i] == 256 ? 0.7 : 0, false);
        }
    }
    for (int b = 1; b <= BARE; b++) {
        kill(servers[b].pid, SIGKILL);
        waitpid(servers[b].pid, NULL, 0);
    }
}

static void batches(struct server collector, const char *text, size_t size)
{
    struct http_load_result r = {0};
    for (int round = 0; round < ROUNDS; round++) {
        double cost;
        struct http_load_result one = measure(collector, 32, text, size, &cost);
        r = one.per_second > r.per_second ? one : r;
    }
    fprintf(stderr, "batches of 100, %zu bytes: %.0f/s, p50 %.2f ms, p99 %.2f ms\n", size,
            r.per_second, r.p50_ms, r.p99_ms);
    report("collect batches of 100, durable", r.per_second * 100, "events/s", 0, 300000, false);
}

int main(void)
{
    struct rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &limit);
    const char *given = getenv("WEIR");
    snprintf(weir_path, sizeof weir_path, "%s", given ? given : "build/weir");
    char key[128];
    struct server collector = start_collector(key);
    char *token = basic(key);
    size_t one_size, many_size;
    char *one = request(token, 1, &one_size);
    char *many = request(token, 100, &many_size);
    singles(collector, one, one_size);
    batches(collector, many, many_size);
    report("collect resident memory at most", peak_megabytes(collector.pid), "MB", 0, 64, true);
    stop(collector);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", workspace);
    if (system(command) != 0) {
        fprintf(stderr, "bench_collect: %s stays\n", workspace);
    }
    free(token);
    free(one);
    free(many);
    return 0;
}
