/* What the API costs on top of the engine: POST /api/query over HTTP versus the same statement in
 * this process, alternating, in one run; and how soon the first row of a large result is there.
 *
 * The server is a real `weir serve` (argument 1, default build/weir) in a workspace of its own; the
 * statements run on the same data in both. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "io/client.h"
#include "warehouse/warehouse.h"

#define ROUNDS 2000

static struct weir_error err;

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "bench_query: %s: %s\n", what, err.message);
        exit(1);
    }
}

/* --- the server ----------------------------------------------------------------------------- */

static char dir[64];
static pid_t server;

static void run_command(const char *format, const char *program)
{
    char command[512];
    snprintf(command, sizeof command, format, program, dir);
    if (system(command) != 0) {
        fprintf(stderr, "bench_query: %s\n", command);
        exit(1);
    }
}

static int port_of(const char *status)
{
    const char *at = strstr(status, "\"address\":\"127.0.0.1:");
    return at ? atoi(at + 21) : 0;
}

static int start_server(const char *program)
{
    char socket_path[128];
    snprintf(dir, sizeof dir, "/tmp/weir-bench-XXXXXX");
    check(mkdtemp(dir) == NULL, "a folder");
    run_command("%s init %s >/dev/null", program);
    server = fork();
    if (server == 0) {
        execl(program, program, "-C", dir, "serve", "--listen", "127.0.0.1:0", "--log-level",
              "error", (char *)NULL);
        _exit(127);
    }
    snprintf(socket_path, sizeof socket_path, "%s/.weir/run/serve.sock", dir);
    struct weir_client_call call = {
        .address = socket_path, .method = "GET", .target = "/api/status"};
    struct weir_buf text;
    weir_buf_init(&text, 1 << 20);
    for (weir_time until = weir_mono() + 20 * WEIR_SECOND; weir_mono() < until; usleep(10000)) {
        int status = 0;
        weir_buf_reset(&text);
        if (weir_client_fetch(&call, &status, &text, &err) == 0 && status == 200) {
            int port = port_of(weir_buf_cstr(&text));
            weir_buf_free(&text);
            return port;
        }
    }
    check(1, "the server does not start");
    return 0;
}

static void stop_server(void)
{
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    run_command("true %s; rm -rf %s", "");
}

/* --- a keep-alive client -------------------------------------------------------------------- */

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    check(fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Sends one query and reads to the end of the chunked answer; returns when the first bytes of the
 * body were there. */
static weir_time post(int fd, const char *sql, const char *format)
{
    static char answer[1 << 20];
    char body[2048], request[4096];
    int n = snprintf(body, sizeof body, "{\"sql\":\"%s\",\"format\":\"%s\"}", sql, format);
    n = snprintf(request, sizeof request,
                 "POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 n, body);
    check(write(fd, request, (size_t)n) != n, "write");
    size_t len = 0;
    weir_time first = 0;
    for (;;) {
        ssize_t got = read(fd, answer + len, sizeof answer - len - 1);
        check(got <= 0, "the server hung up");
        if (len == 0) {
            check(memcmp(answer, "HTTP/1.1 200", 12) != 0, "the server refuses");
        }
        len += (size_t)got;
        answer[len] = 0;
        char *end = memmem(answer, len, "\r\n\r\n", 4);
        if (!first && end && len > (size_t)(end + 4 - answer)) {
            first = weir_mono();
        }
        if (len >= 7 && memcmp(answer + len - 7, "\r\n0\r\n\r\n", 7) == 0) {
            return first;
        }
        if (len > sizeof answer / 2) { /* keep the tail: the end may be split */
            memmove(answer + 12, answer + len - 7, 8);
            len = 12 + 7;
        }
    }
}

/* --- in this process ------------------------------------------------------------------------ */

static weir_time ask(struct weir_session *session, const char *sql)
{
    struct weir_result *result;
    struct weir_batch batch;
    weir_time first = 0;
    check(weir_session_query(session, sql, NULL, 0, &result, &err), sql);
    do {
        check(weir_result_next(result, &batch, &err), sql);
        first = first ? first : weir_mono();
    } while (batch.rows);
    weir_result_free(result);
    return first;
}

/* --- figures -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    weir_time x = *(const weir_time *)a, y = *(const weir_time *)b;
    return (x > y) - (x < y);
}

static double percentile(weir_time *values, size_t n, double p)
{
    qsort(values, n, sizeof *values, by_value);
    return (double)values[(size_t)((double)(n - 1) * p)] / 1000;
}

/* `goal`: what the API may add, in ms. */
static void report(const char *what, double api, double engine, double goal)
{
    printf("{\"name\":\"spine/query %s\",\"value\":%.3f,\"unit\":\"ms\",\"reference\":%.3f,"
           "\"ratio\":%.2f,\"goal\":\"adds < %g ms\",\"met\":%s}\n",
           what, api, engine, api / engine, goal, api - engine < goal ? "true" : "false");
}

static void compare(int fd, struct weir_session *session, const char *name, const char *sql)
{
    static weir_time api[ROUNDS], engine[ROUNDS];
    char title[128];
    for (int i = -100; i < ROUNDS; i++) { /* the first hundred warm both up */
        weir_time begin = weir_mono();
        (void)post(fd, sql, "json");
        weir_time middle = weir_mono();
        (void)ask(session, sql);
        weir_time end = weir_mono();
        if (i >= 0) {
            api[i] = middle - begin;
            engine[i] = end - middle;
        }
    }
    snprintf(title, sizeof title, "%s, p50", name);
    report(title, percentile(api, ROUNDS, 0.5), percentile(engine, ROUNDS, 0.5), 1);
    snprintf(title, sizeof title, "%s, p99", name);
    report(title, percentile(api, ROUNDS, 0.99), percentile(engine, ROUNDS, 0.99), 1);
}

int main(int argc, char **argv)
{
    static const char large[] = "select i, 'row ' || i as t from range(5000000) r(i)";
    const char *program = argc > 1 ? argv[1] : "build/weir";
    int fd = connect_to(start_server(program));
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 0};
    struct weir_warehouse *warehouse;
    struct weir_session *session;
    check(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), "open");
    /* The owner's session: the engine alone, without the sandbox that the API adds. */
    check(weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &err), "session");
    compare(fd, session, "select 1", "select 1 as n");
    compare(fd, session, "group of 100,000 rows",
            "select i % 10 as g, count(*) as n, sum(i) as s from range(100000) t(i) group by g");
    weir_time begin = weir_mono();
    weir_time first = post(fd, large, "ndjson");
    weir_time end = weir_mono();
    double to_first = (double)(first - begin) / 1000, to_last = (double)(end - begin) / 1000;
    printf("{\"name\":\"spine/query first of 5M rows (reference: the last)\",\"value\":%.1f,"
           "\"unit\":\"ms\",\"reference\":%.1f,\"ratio\":%.4f,\"goal\":\"ratio < 0.1\","
           "\"met\":%s}\n",
           to_first, to_last, to_first / to_last, to_first / to_last < 0.1 ? "true" : "false");
    weir_session_free(session);
    weir_warehouse_close(warehouse);
    close(fd);
    stop_server();
    return 0;
}
