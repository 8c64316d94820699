/* Dashboards: what a page of kept results costs beside a bare HTTP answer of its size, how soon 200
 * viewers have theirs, what the page adds to queries that must run, and what an open page holds.
 *
 * The server is a real `weir serve` (argument 1, default build/weir) in a workspace of its own. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_load.h"
#include "io/client.h"
#include "io/http.h"

#define TILES   20
#define VIEWERS 200
#define SECONDS 3
#define STREAMS 2000
#define COLD    15
#define REPORT  "benchpage0"

static struct weir_error err;
static char dir[64];
static pid_t server;

static void die(const char *what)
{
    fprintf(stderr, "bench_publish: %s\n", what);
    exit(1);
}

/* --- the workspace ---------------------------------------------------------------------------- */

static void run_command(const char *format, const char *program)
{
    char command[512];
    snprintf(command, sizeof command, format, program, dir);
    if (system(command) != 0) {
        die(command);
    }
}

static FILE *make_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/reports/bench/%s", dir, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        die(path);
    }
    return f;
}

static void write_report(void)
{
    char name[32];
    FILE *yml = make_file("report.yml");
    fprintf(yml,
            "id: %s\ntitle: Bench\nparameters:\n  - {name: least, type: number, default: 0}\n"
            "queries:\n",
            REPORT);
    for (int i = 0; i <= TILES; i++) {
        snprintf(name, sizeof name, "q%d.sql", i);
        fprintf(yml, "  - {id: q%d, file: %s}\n", i, name);
        FILE *sql = make_file(name);
        fprintf(sql,
                i < TILES
                    ? "select sport, sum(n)::bigint as n, count(*) as c from uploads.facts "
                      "where n %% 20 >= %d and n >= {{ least }} group by 1 order by 1\n"
                    : "select sport, sum(n)::bigint as n from uploads.facts, range(1500) r(i) "
                      "where n <> r.i + %d and n >= {{ least }} group by 1 order by 1\n",
                i);
        fclose(sql);
    }
    fprintf(yml, "tiles: []\n");
    fclose(yml);
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
    if (!mkdtemp(dir)) {
        die("a folder");
    }
    run_command("%s init %s >/dev/null", program);
    run_command("true %s; mkdir -p %s/reports/bench", program);
    write_report();
    server = fork();
    if (server == 0) {
        execl(program, program, "-C", dir, "serve", "--listen", "127.0.0.1:0", "--log-level",
              "error", (char *)NULL);
        _exit(1);
    }
    snprintf(socket_path, sizeof socket_path, "%s/.weir/run/serve.sock", dir);
    struct weir_buf answer = {.max = 1 << 20};
    struct weir_client_call call = {
        .address = socket_path, .method = "GET", .target = "/api/status"};
    for (int i = 0; i < 1000; i++) {
        int status = 0;
        weir_buf_reset(&answer);
        if (weir_client_fetch(&call, &status, &answer, &err) == 0 && status == 200) {
            break;
        }
        usleep(20000);
    }
    int port = port_of(weir_buf_cstr(&answer));
    weir_buf_free(&answer);
    if (!port) {
        die("the server does not start");
    }
    return port;
}

/* --- one request at a time -------------------------------------------------------------------- */

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static size_t print_request(char out[8192], const char *method, const char *target,
                            const char *type, const char *body)
{
    return (size_t)snprintf(out, 8192,
                            "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            method, target, type, strlen(body), body);
}

static bool is_whole(char *answer, size_t len)
{
    char *end = memmem(answer, len, "\r\n\r\n", 4);
    if (!end) {
        return false;
    }
    size_t head = (size_t)(end + 4 - answer);
    *end = 0;
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    size_t want = length ? head + strtoul(length + 17, NULL, 10) : SIZE_MAX;
    *end = '\r';
    return len >= want || (!length && memcmp(answer + len - 7, "\r\n0\r\n\r\n", 7) == 0);
}

/* The whole answer, on a connection of its own. */
static size_t exchange(int port, struct weir_str request, char *answer, size_t size)
{
    int fd = dial(port);
    size_t len = 0;
    if (write(fd, request.ptr, request.len) != (ssize_t)request.len) {
        die("write");
    }
    for (ssize_t n; len < size && (n = read(fd, answer + len, size - len)) > 0;) {
        len += (size_t)n;
        if (is_whole(answer, len)) {
            break;
        }
    }
    close(fd);
    if (len < 12 || (memcmp(answer, "HTTP/1.1 20", 11) != 0)) {
        answer[len < size ? len : size - 1] = 0;
        die(answer);
    }
    return len;
}

static void upload_facts(int port)
{
    static const char *const sports[] = {"rugby", "hockey", "golf", "tennis", "cycling", "judo"};
    static char request[2 << 20], csv[1 << 20], answer[1 << 16];
    size_t len = (size_t)snprintf(csv, sizeof csv, "sport,n\n");
    for (int i = 0; i < 20000; i++) {
        len +=
            (size_t)snprintf(csv + len, sizeof csv - len, "%s,%d\n", sports[i % 6], i * 7 % 1000);
    }
    int n = snprintf(request, sizeof request,
                     "POST /api/uploads?name=facts HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: text/csv\r\nContent-Length: %zu\r\n\r\n%s",
                     len, csv);
    exchange(port, (struct weir_str){request, (size_t)n}, answer, sizeof answer);
}

/* --- a bare server: answers so many bytes, and says its port -----------------------------------
 */

static char bare_body[1 << 20];

static void answer_at_once(struct weir_http_request *req, void *arg)
{
    const size_t *size = arg;
    weir_http_reply(req, 200, "application/vnd.weir.page", (struct weir_str){bare_body, *size});
}

/* Processor time of a process, in microseconds. */
static double cpu_us(pid_t pid)
{
    char path[64];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                     &system) != 2) {
        die(path);
    }
    fclose(f);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

struct speed {
    double per_second, p99_ms;
    double cpu_us; /* of one answer: tells more than the clock on a busy machine */
};

static struct speed measure(pid_t pid, const struct http_load *load)
{
    struct http_load_result result;
    double before = cpu_us(pid);
    if (!http_load_run(load, &result) || result.not_ok) {
        die("the server breaks off");
    }
    /* answers are counted after the warm-up only, which is a part of the time */
    double answers = result.per_second * (load->seconds + load->warm_up);
    return (struct speed){result.per_second, result.p99_ms, (cpu_us(pid) - before) / answers};
}

static struct speed bare_speed(size_t size, const struct http_load *like)
{
    int out[2], port;
    struct http_load load = *like;
    if (pipe(out)) {
        die("pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct weir_loop *loop;
        struct weir_http_server *bare;
        char bound[64];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct weir_http_options options = {.handler = answer_at_once, .arg = &size};
        if (weir_loop_new(&loop, &err) || weir_http_server_new(loop, &options, &bare, &err) ||
            weir_http_listen(bare, "127.0.0.1:0", bound, &err)) {
            die(err.message);
        }
        port = atoi(strrchr(bound, ':') + 1);
        if (write(out[1], &port, sizeof port) == sizeof port) {
            weir_loop_run(loop);
        }
        _exit(0);
    }
    if (read(out[0], &port, sizeof port) != sizeof port) {
        die("the bare server");
    }
    load.port = port;
    struct speed speed = measure(pid, &load);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(out[0]);
    close(out[1]);
    return speed;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void line(const char *name, double value, const char *unit, double reference, double goal,
                 bool below)
{
    double ratio = reference > 0 ? value / reference : 0, judged = reference > 0 ? ratio : value;
    char of[32] = "null", share[32] = "null";
    if (reference > 0) {
        snprintf(of, sizeof of, "%.1f", reference);
        snprintf(share, sizeof share, "%.4f", ratio);
    }
    printf("{\"name\":\"publish/%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":%s,\"ratio\":%s,"
           "\"goal\":%g,\"met\":%s}\n",
           name, value, unit, of, share, goal,
           (below ? judged <= goal : judged >= goal) ? "true" : "false");
}

static void warm_pages(int port, int tiles, const char *name)
{
    static char request[8192], answer[1 << 20];
    char body[1024], title[64];
    size_t at = (size_t)snprintf(body, sizeof body, "{\"report\":\"%s\",\"queries\":[", REPORT);
    for (int i = 0; i < tiles; i++) {
        at += (size_t)snprintf(body + at, sizeof body - at, "%s\"q%d\"", i ? "," : "", i);
    }
    snprintf(body + at, sizeof body - at, "],\"values\":{\"least\":3}}");
    size_t size = print_request(request, "POST", "/api/page", "application/json", body);
    struct weir_str whole = {request, size};
    exchange(port, whole, answer, sizeof answer);
    size_t len = exchange(port, whole, answer, sizeof answer);
    char *head = memmem(answer, len, "\r\n\r\n", 4);
    size_t payload = len - (size_t)(head + 4 - answer);
    struct http_load load = {.port = port,
                             .connections = VIEWERS,
                             .request = request,
                             .size = size,
                             .warm_up = 0.5,
                             .seconds = SECONDS};
    struct speed page = measure(server, &load), bare = bare_speed(payload, &load);
    snprintf(title, sizeof title, "%s, per second", name);
    line(title, page.per_second, "pages/s", bare.per_second, 0.5, false);
    if (tiles == TILES) {
        struct speed one = bare_speed(payload / TILES, &load);
        line("tiles of a page of 20, kept, per second", page.per_second * TILES, "tiles/s",
             one.per_second, 0.5, false);
        line("processor time of a kept tile", page.cpu_us / TILES, "us", one.cpu_us, 2, true);
        line("20 kept tiles, 200 viewers, p99", page.p99_ms, "ms", 0, 100, true);
    } else {
        line("processor time of a page of one tile", page.cpu_us, "us", bare.cpu_us, 2, true);
    }
}

static double number_behind(const char *text, size_t len, const char *key)
{
    const char *at = NULL, *next = text;
    while ((next = memmem(next, len - (size_t)(next - text), key, strlen(key)))) {
        at = next++; /* the last */
    }
    return at ? atof(at + strlen(key)) : -1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The page's own time against what the engine says of the query in it, each time with other values.
 */
static void cold_page(int port)
{
    static char request[8192], answer[1 << 20];
    char body[256];
    double ratios[COLD];
    for (int i = 0; i < COLD; i++) {
        snprintf(body, sizeof body,
                 "{\"report\":\"%s\",\"queries\":[\"q%d\"],\"values\":{\"least\":%d}}", REPORT,
                 TILES, i);
        size_t size = print_request(request, "POST", "/api/page", "application/json", body);
        size_t len = exchange(port, (struct weir_str){request, size}, answer, sizeof answer);
        const char *done = memmem(answer, len, "\"hits\":0", 8);
        double page = number_behind(answer, len, "{\"elapsed_ms\":");
        double engine = number_behind(answer, len, "\"truncated\":false,\"elapsed_ms\":");
        if (!done || page <= 0 || engine <= 0) {
            die("a page that was computed does not say its times");
        }
        ratios[i] = page / engine;
    }
    qsort(ratios, COLD, sizeof ratios[0], by_value);
    line("a cold page over the engine's time", ratios[COLD / 2], "times", 0, 1.05, true);
}

static double resident_kb(void)
{
    char path[64];
    unsigned long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)server);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*u %llu", &pages) != 1) {
        die(path);
    }
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* An open page holds a stream of changes. */
static void open_pages(int port)
{
    static const char get[] = "GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static int fds[STREAMS];
    char answer[4096];
    double before = resident_kb();
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = dial(port);
        if (write(fds[i], get, sizeof get - 1) != sizeof get - 1 ||
            read(fds[i], answer, sizeof answer) <= 0) {
            die("a stream of changes");
        }
    }
    line("memory of an open page", (resident_kb() - before) / STREAMS, "KB", 0, 50, true);
    for (int i = 0; i < STREAMS; i++) {
        close(fds[i]);
    }
}

int main(int argc, char **argv)
{
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 65536};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    int port = start_server(argc > 1 ? argv[1] : "build/weir");
    upload_facts(port);
    warm_pages(port, 1, "pages of one kept tile");
    warm_pages(port, TILES, "pages of 20 kept tiles");
    cold_page(port);
    open_pages(port);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    run_command("true %s; rm -rf %s", "");
    return 0;
}
