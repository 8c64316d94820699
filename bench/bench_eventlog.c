/* The event log against what the disk gives: append and commit versus a bare write + fdatasync of
 * the same bytes, reading versus a plain read + checksum of the same files, in turns within one
 * run. Usage: bench_eventlog [DIR] */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "eventlog/format.h"
#include "eventlog/seal.h"
#include "eventlog/segments.h"
#include "io/file.h"

#define ROUNDS   12
#define ROUND    (WEIR_SECOND / 5)
#define DATA     (24u << 20)
#define BODY_MAX (100u << 10)

static char *data; /* event JSON, as a batch has it */

static void die(const struct weir_error *err)
{
    fprintf(stderr, "bench_eventlog: %s\n", err->message);
    exit(1);
}

static void make_data(void)
{
    static const char *const names[] = {"Video Started", "Video Heartbeat", "Page Viewed",
                                        "Search"};
    static const char *const sports[] = {"wrestling", "track", "softball", "rugby", "hockey"};
    unsigned seed = 42;
    data = malloc(DATA + 4096);
    for (size_t n = 0; data && n < DATA;) {
        unsigned a = (unsigned)rand_r(&seed), b = (unsigned)rand_r(&seed);
        unsigned c = (unsigned)rand_r(&seed), d = (unsigned)rand_r(&seed);
        n += (size_t)snprintf(
            data + n, 4096,
            "{\"type\":\"track\",\"event\":\"%s\",\"messageId\":\"ajs-next-%08x%08x-%08x\","
            "\"anonymousId\":\"%08x-4%03x-a%03x-%08x%04x\",\"userId\":\"u_%u\",\"timestamp\":"
            "\"2026-%02u-%02uT%02u:%02u:%02u.%03uZ\",\"properties\":{\"sport\":\"%s\",\"event_id\":"
            "%u,\"position\":%u.%u,\"bitrate\":%u,\"buffering\":%u},\"context\":{\"library\":{"
            "\"name\":\"analytics.js\",\"version\":\"next-1.84.3\"},\"page\":{\"path\":"
            "\"/watch/%u\",\"referrer\":\"https://www.google.com/\",\"title\":\"Podium | %s "
            "live\",\"url\":\"https://podium.example/watch/%u\"},\"userAgent\":\"Mozilla/5.0 "
            "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/%u.0.0.0 Safari/537.36\",\"locale\":\"en-US\",\"timezone\":"
            "\"America/New_York\",\"ip\":\"%u.%u.%u.%u\"},\"integrations\":{}},",
            names[a % 4], a, b, c, d, b & 0xfff, c & 0xfff, a ^ d, b & 0xffff, c % 200000,
            1 + a % 12, 1 + b % 28, c % 24, d % 60, a % 60, b % 1000, sports[c % 5], d % 1200,
            a % 7200, b % 1000, c % 8000, d % 5, d % 1200, sports[c % 5], d % 1200, 100 + a % 40,
            a % 256, b % 256, c % 256, d % 256);
    }
}

static weir_time cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (weir_time)t.tv_sec * WEIR_SECOND + t.tv_nsec / 1000;
}

/* goal 0: none. `at_most`: smaller is better, the goal is for the value, not the ratio. */
static void report(const char *name, double value, const char *unit, double reference, double goal,
                   bool at_most)
{
    printf("{\"name\":\"spine/log %s\",\"value\":%.4g,\"unit\":\"%s\"", name, value, unit);
    double ratio = reference > 0 ? value / reference : 0;
    if (reference > 0) {
        printf(",\"reference\":%.4g,\"ratio\":%.3f", reference, ratio);
    }
    if (goal > 0) {
        printf(",\"goal\":%g,\"met\":%s", goal,
               (at_most ? value <= goal : ratio >= goal) ? "true" : "false");
    }
    printf("}\n");
    fflush(stdout);
}

/* --- appending ---------------------------------------------------------------------------------
 */

struct load {
    const char *name;
    size_t body;
    unsigned group; /* records in a commit */
};

struct score {
    double bytes, commits, seconds, cpu_seconds;
};

static struct weir_record record_template(void)
{
    return (struct weir_record){.kind = WEIR_RECORD_CALL,
                                .source = WEIR_STR("web"),
                                .method = WEIR_STR("batch"),
                                .ip = WEIR_STR("203.0.113.7"),
                                .user_agent = WEIR_STR("analytics-node/3.1.0")};
}

static void bare_round(int fd, const struct load *load, uint64_t *offset, struct score *score)
{
    /* the bytes of the group's records, framed */
    struct weir_record record = record_template();
    record.body.len = load->body;
    size_t n = WEIR_FRAME_HEADER + weir_record_size(&record) * load->group;
    weir_time start = weir_mono(), cpu_start = cpu();
    size_t at = 0;
    struct weir_error err = {0};
    while (weir_mono() - start < ROUND) {
        at = at + n > DATA ? 0 : at;
        struct iovec iov = {data + at, n};
        if (weir_pwritev_all(fd, &iov, 1, *offset, "bare", &err) || fdatasync(fd)) {
            die(&err);
        }
        *offset += n;
        at += n;
        score->bytes += (double)(load->body * load->group);
        score->commits++;
    }
    score->seconds += (double)(weir_mono() - start) / 1e6;
    score->cpu_seconds += (double)(cpu() - cpu_start) / 1e6;
}

static void log_round(struct weir_eventlog *log, const struct load *load, struct score *score)
{
    struct weir_error err = {0};
    struct weir_record record = record_template();
    weir_time start = weir_mono(), cpu_start = cpu();
    size_t at = 0;
    while (weir_mono() - start < ROUND) {
        at = at + load->body * load->group > DATA ? 0 : at;
        for (unsigned i = 0; i < load->group; i++) {
            uint64_t seq;
            record.received_at = weir_now();
            record.body = (struct weir_str){data + at, load->body};
            at += load->body;
            if (weir_eventlog_append(log, &record, &seq, &err)) {
                die(&err);
            }
        }
        if (weir_eventlog_commit(log, &err)) {
            die(&err);
        }
        score->bytes += (double)(load->body * load->group);
        score->commits++;
    }
    score->seconds += (double)(weir_mono() - start) / 1e6;
    score->cpu_seconds += (double)(cpu() - cpu_start) / 1e6;
}

static struct weir_eventlog *open_log(const char *dir)
{
    struct weir_error err = {0};
    struct weir_eventlog_options options = {.keep_free_bytes = 1, .seal_level = -1};
    struct weir_eventlog *log = NULL;
    if (weir_eventlog_open(dir, &options, &log, NULL, &err)) {
        die(&err);
    }
    return log;
}

static void bench_append(const char *root, const struct load *load)
{
    char name[200];
    char path[600];
    struct score bare = {0}, ours = {0};
    uint64_t offset = 0;
    snprintf(path, sizeof path, "%s/log", root);
    struct weir_eventlog *log = open_log(path);
    snprintf(path, sizeof path, "%s/bare", root);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (int round = 0; round < ROUNDS; round++) {
        bare_round(fd, load, &offset, &bare);
        log_round(log, load, &ours);
    }
    close(fd);
    unlink(path);
    weir_eventlog_close(log);
    snprintf(name, sizeof name, "append %s", load->name);
    report(name, ours.bytes / 1e6 / ours.seconds, "MB/s", bare.bytes / 1e6 / bare.seconds, 0.9,
           false);
    snprintf(name, sizeof name, "append %s, records", load->name);
    report(name, ours.commits * load->group / ours.seconds, "records/s",
           bare.commits * load->group / bare.seconds, 0, false);
    snprintf(name, sizeof name, "append %s, CPU for 300 MB/s", load->name);
    report(name, 100 * ours.cpu_seconds / (ours.bytes / 3e8), "% of core",
           100 * bare.cpu_seconds / (bare.bytes / 3e8), load->body < 10000 ? 0 : 100, true);
}

/* Copying into the group alone. */
static void bench_copy(const char *root)
{
    char path[600];
    struct weir_error err = {0};
    struct weir_record record = {.kind = WEIR_RECORD_CALL, .source = WEIR_STR("web")};
    snprintf(path, sizeof path, "%s/copy", root);
    struct weir_eventlog_options options = {
        .keep_free_bytes = 1, .seal_level = -1, .no_sync = true};
    struct weir_eventlog *log = NULL;
    if (weir_eventlog_open(path, &options, &log, NULL, &err)) {
        die(&err);
    }
    weir_time spent = 0;
    uint64_t records = 0;
    for (int round = 0; round < 200; round++) {
        weir_time start = cpu();
        for (unsigned i = 0; i < 1000; i++, records++) {
            uint64_t seq;
            record.body = (struct weir_str){data + (records * 600) % (DATA - 600), 600};
            if (weir_eventlog_append(log, &record, &seq, &err)) {
                die(&err);
            }
        }
        spent += cpu() - start;
        if (weir_eventlog_commit(log, &err)) {
            die(&err);
        }
    }
    weir_eventlog_close(log);
    report("append of 600 bytes, without commit", (double)spent * 1e3 / (double)records, "ns", 0,
           1000, true);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static double read_plain(const char *dir, double *bytes)
{
    struct weir_error err = {0};
    struct weir_segments list = {0};
    size_t chunk = 256u << 10;
    char *buf = malloc(chunk);
    uint64_t sum = 0;
    if (!buf || weir_segments_list(&list, dir, &err)) {
        die(&err);
    }
    *bytes = 0;
    weir_time start = cpu();
    for (size_t i = 0; i < list.count; i++) {
        int fd;
        ssize_t got;
        if (weir_segment_open(dir, list.first[i], O_RDONLY, &fd, &err)) {
            die(&err);
        }
        while ((got = read(fd, buf, chunk)) > 0) {
            sum ^= weir_hash64(buf, (size_t)got, sum);
            *bytes += (double)got;
        }
        close(fd);
    }
    double seconds = (double)(cpu() - start) / 1e6;
    if (sum == 1) {
        puts("");
    }
    free(buf);
    weir_segments_free(&list);
    return seconds;
}

static double read_log(const char *dir, double *bytes, double *records)
{
    struct weir_error err = {0};
    struct weir_eventlog_reader *reader;
    struct weir_record record;
    *bytes = 0;
    *records = 0;
    if (weir_eventlog_reader_open(dir, 1, NULL, NULL, &reader, &err)) {
        die(&err);
    }
    weir_time start = cpu();
    int code;
    while ((code = weir_eventlog_read(reader, &record, &err)) == WEIR_OK) {
        *bytes += (double)record.body.len;
        ++*records;
    }
    double seconds = (double)(cpu() - start) / 1e6;
    if (code != WEIR_EAGAIN) {
        die(&err);
    }
    weir_eventlog_reader_close(reader);
    return seconds;
}

static void bench_read(const char *dir, const char *what)
{
    char name[200];
    double plain_bytes, bytes, records, plain = 1e9, ours = 1e9;
    for (int i = 0; i < 5; i++) { /* from the page cache, best of five in turns */
        double a = read_plain(dir, &plain_bytes);
        double b = read_log(dir, &bytes, &records);
        plain = a < plain ? a : plain;
        ours = b < ours ? b : ours;
    }
    snprintf(name, sizeof name, "read %s", what);
    report(name, bytes / 1e6 / ours, "MB/s", plain_bytes / 1e6 / plain, 0, false);
    snprintf(name, sizeof name, "read %s, records", what);
    report(name, records / ours, "records/s", 0, 0, false);
}

static void fill(const char *dir, size_t body, unsigned group, double total)
{
    struct weir_eventlog *log = open_log(dir);
    struct weir_error err = {0};
    struct weir_record record = {.kind = WEIR_RECORD_CALL, .source = WEIR_STR("web")};
    size_t at = 0;
    for (double done = 0; done < total; done += (double)(body * group)) {
        for (unsigned i = 0; i<group; i++, at = at + 2 * body> DATA ? 0 : at + body) {
            uint64_t seq;
            record.body = (struct weir_str){data + at, body};
            if (weir_eventlog_append(log, &record, &seq, &err)) {
                die(&err);
            }
        }
        if (weir_eventlog_commit(log, &err)) {
            die(&err);
        }
    }
    weir_eventlog_close(log);
}

struct sizes {
    double sealed, raw;
};

static int add_sizes(const struct weir_eventlog_segment *segment, void *arg)
{
    struct sizes *sizes = arg;
    if (segment->sealed) {
        sizes->sealed += (double)segment->bytes;
        sizes->raw += (double)segment->raw_bytes;
    }
    return 0;
}

static void bench_seal(const char *dir)
{
    static const atomic_bool stop;
    struct weir_error err = {0};
    struct weir_segments list = {0};
    struct sizes sizes = {0};
    if (weir_segments_list(&list, dir, &err)) {
        die(&err);
    }
    weir_time start = cpu();
    for (size_t i = 0; i + 1 < list.count; i++) {
        if (weir_segment_seal(dir, list.first[i], list.first[i + 1], 9, &stop, &err)) {
            die(&err);
        }
    }
    double seconds = (double)(cpu() - start) / 1e6;
    weir_segments_free(&list);
    if (weir_eventlog_each_segment(dir, false, add_sizes, NULL, &sizes, &err)) {
        die(&err);
    }
    report("seal, level 9", sizes.raw / 1e6 / seconds, "MB/s", 0, 0, false);
    report("seal, raw bytes to sealed", sizes.raw / sizes.sealed, "to 1", 0, 0, false);
}

/* --- waking ------------------------------------------------------------------------------------
 */

struct waker {
    struct weir_eventlog_reader *reader;
    _Atomic weir_time woke;
    atomic_int turn;
};

static void *wake_main(void *arg)
{
    struct waker *w = arg;
    struct weir_record record;
    while (atomic_load(&w->turn) >= 0) {
        if (weir_eventlog_wait(w->reader, WEIR_SECOND) == WEIR_OK &&
            weir_eventlog_read(w->reader, &record, NULL) == WEIR_OK) {
            atomic_store(&w->woke, weir_mono());
            atomic_fetch_add(&w->turn, 1);
        }
    }
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    weir_time x = *(const weir_time *)a, y = *(const weir_time *)b;
    return x < y ? -1 : x > y;
}

static void bench_wake(const char *root)
{
    enum { N = 1000 };
    static weir_time took[N];
    char path[600];
    struct weir_error err = {0};
    struct waker w = {0};
    pthread_t thread;
    snprintf(path, sizeof path, "%s/wake", root);
    struct weir_eventlog *log = open_log(path);
    struct weir_record record = {.kind = WEIR_RECORD_CALL, .body = {data, 600}};
    if (weir_eventlog_reader_open(path, 1, NULL, NULL, &w.reader, &err)) {
        die(&err);
    }
    pthread_create(&thread, NULL, wake_main, &w);
    for (int i = 0; i < N; i++) {
        uint64_t seq;
        struct timespec pause = {0, 200000}; /* so that the reader sleeps */
        nanosleep(&pause, NULL);
        if (weir_eventlog_append(log, &record, &seq, &err) || weir_eventlog_commit(log, &err)) {
            die(&err);
        }
        weir_time committed = weir_mono();
        while (atomic_load(&w.turn) <= i) {
            sched_yield();
        }
        weir_time late = atomic_load(&w.woke) - committed;
        took[i] = late > 0 ? late : 0;
    }
    atomic_store(&w.turn, -1000000);
    pthread_join(thread, NULL);
    weir_eventlog_reader_close(w.reader);
    weir_eventlog_close(log);
    qsort(took, N, sizeof took[0], by_time);
    report("commit to reader awake, p50", (double)took[N / 2], "us", 0, 1000, true);
    report("commit to reader awake, p99", (double)took[N * 99 / 100], "us", 0, 1000, true);
}

int main(int argc, char **argv)
{
    static const struct load loads[] = {
        {"1 x 600 B a commit", 600, 1},         {"64 x 600 B a commit", 600, 64},
        {"256 x 600 B a commit", 600, 256},     {"1 x 100 KB a commit", BODY_MAX, 1},
        {"10 x 100 KB a commit", BODY_MAX, 10}, {"64 x 100 KB a commit", BODY_MAX, 64},
    };
    char made[] = "/tmp/weir-log-XXXXXX";
    char path[600];
    const char *root = argc > 1 ? argv[1] : mkdtemp(made);
    make_data();
    if (!root || !data) {
        fprintf(stderr, "bench_eventlog: no folder or no memory\n");
        return 1;
    }
    bench_copy(root);
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        bench_append(root, &loads[i]);
    }
    bench_wake(root);
    snprintf(path, sizeof path, "%s/small", root);
    fill(path, 600, 64, 2e8);
    bench_read(path, "live, 600 B records");
    bench_seal(path);
    bench_read(path, "sealed, 600 B records");
    snprintf(path, sizeof path, "%s/large", root);
    fill(path, BODY_MAX, 10, 3e8);
    bench_read(path, "live, 100 KB records");
    free(data);
    if (argc < 2) {
        snprintf(path, sizeof path, "rm -rf '%s'", root);
        return system(path) != 0;
    }
    return 0;
}
