/* The dedup index at scale: time for one id, and memory, with N ids known (default 50 million).
 * Usage: bench_dedup [IDS] [DIR] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "load/seen.h"

static long status_kb(const char *key)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kb = atol(line + strlen(key) + 1);
        }
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

static void report(const char *name, double value, const char *unit, double goal)
{
    printf("{\"name\":\"spine/dedup %s\",\"value\":%.3f,\"unit\":\"%s\"", name, value, unit);
    if (goal > 0) {
        printf(",\"reference\":%.3f,\"ratio\":%.3f,\"goal\":1.0,\"met\":%s", goal, goal / value,
               value <= goal ? "true" : "false");
    }
    printf("}\n");
    fflush(stdout);
}

static void die(const struct weir_error *err)
{
    fprintf(stderr, "bench_dedup: %s\n", err->message);
    exit(1);
}

static struct weir_hash128 id_of(struct weir_seen *seen, uint64_t n)
{
    char text[40];
    int len = snprintf(text, sizeof text, "%016llx-4000-8000-%012llx", (unsigned long long)n,
                       (unsigned long long)(n * 0x9E3779B97F4A7C15u >> 16));
    return weir_seen_id(seen, WEIR_STR("web"), (struct weir_str){text, (size_t)len});
}

static double offer(struct weir_seen *seen, uint64_t from, uint64_t to, uint64_t step,
                    uint64_t position, uint64_t expect)
{
    struct weir_error err = {0};
    uint64_t duplicates = 0, asked = 0;
    weir_time start = weir_mono();
    for (uint64_t n = from; n < to; n += step, asked++) {
        bool duplicate;
        if (weir_seen_check(seen, id_of(seen, n),
                            position ? position : weir_position(n / 100 + 1, n % 100), &duplicate,
                            &err)) {
            die(&err);
        }
        duplicates += duplicate;
    }
    if (duplicates != expect) {
        fprintf(stderr, "bench_dedup: %llu duplicates, expected %llu\n",
                (unsigned long long)duplicates, (unsigned long long)expect);
        exit(1);
    }
    return (double)(weir_mono() - start) / (double)asked;
}

int main(int argc, char **argv)
{
    uint64_t ids = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000000;
    char dir[] = "/tmp/weir-dedup-XXXXXX";
    const char *where = argc > 2 ? argv[2] : mkdtemp(dir);
    struct weir_error err = {0};
    struct weir_seen *seen = NULL;
    uint64_t complete;
    struct weir_seen_options options = {.dir = where};
    if (!where || weir_seen_open(&options, &seen, &complete, &err)) {
        die(&err);
    }
    double all = offer(seen, 0, ids, 1, 0, 0);
    report("new id, while filling", all, "us", 0);
    report("anonymous memory", (double)status_kb("RssAnon:") / 1024, "MB", 80);
    weir_seen_settle(seen);
    uint64_t some = ids < 1000000 ? ids : 1000000;
    report("new id, all known", offer(seen, ids, ids + some, 1, 0, 0), "us", 0);
    uint64_t step = ids / some;
    uint64_t asked = (ids + step - 1) / step;
    report("duplicate, all known", offer(seen, 0, ids, step, weir_position(ids, 0), asked), "us",
           0);
    struct weir_seen_stats stats;
    weir_seen_get_stats(seen, &stats);
    report("ids", (double)stats.ids, "ids", 0);
    report("runs", (double)stats.runs, "files", 0);
    report("files", (double)stats.file_bytes / (1 << 20), "MB", 0);
    report("mapped filters", (double)stats.filter_bytes / (1 << 20), "MB", 0);
    report("resident mapped", (double)status_kb("RssFile:") / 1024, "MB", 0);
    weir_seen_close(seen);
    weir_time start = weir_mono();
    if (weir_seen_open(&options, &seen, &complete, &err)) {
        die(&err);
    }
    report("open", (double)(weir_mono() - start) / 1000, "ms", 0);
    weir_seen_close(seen);
    if (argc <= 2) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s", dir);
        return system(command) ? 1 : 0;
    }
    return 0;
}
