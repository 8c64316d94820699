/* The sample company: how fast its events are made, and how long a newcomer waits for the answers.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "demo/demo.h"
#include "io/process.h"

#define MANY 3000000

static void report(const char *name, double value, const char *unit, double reference, double ratio)
{
    printf("{\"name\":\"spine/%s\",\"value\":%.3f,\"unit\":\"%s\",\"reference\":%.0f,"
           "\"ratio\":%.2f,\"goal\":1,\"met\":%s}\n",
           name, value, unit, reference, ratio, ratio >= 1 ? "true" : "false");
    fflush(stdout);
}

/* Its own processor time: what one core can do, whatever else the machine does. */
static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double generate(uint64_t events, size_t *memory)
{
    struct weir_demo_options options = {
        .seed = 1, .events = events, .until = (weir_time)1795000000 * WEIR_SECOND};
    struct weir_demo *demo;
    struct weir_demo_event event;
    struct weir_demo_totals totals;
    double begun = cpu_seconds();
    if (weir_demo_new(&options, &demo, NULL)) {
        return 0;
    }
    while (weir_demo_next(demo, &event)) {
    }
    double rate = (double)events / (cpu_seconds() - begun);
    weir_demo_totals(demo, &totals);
    *memory = totals.memory;
    weir_demo_free(demo);
    return rate;
}

/* `weir demo --once`, from start to its end: events made, sent, loaded, asked about, stopped. */
static double whole(const char *weir)
{
    char dir[] = "/tmp/weir-bench-demo-XXXXXX";
    struct weir_error err;
    int status = 1;
    pid_t pid;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (!mkdtemp(dir) || null < 0) {
        return 0;
    }
    const char *argv[] = {weir, "demo", "--once", "--dir", dir, NULL};
    struct weir_process_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = null, .stderr_fd = -1};
    weir_time begun = weir_mono();
    int code = weir_process_start(&options, &pid, &err);
    code = code ? code : weir_process_wait(pid, 300 * WEIR_SECOND, &status, &err);
    double seconds = (double)(weir_mono() - begun) / WEIR_SECOND;
    if (code) {
        fprintf(stderr, "bench_demo: %s\n", err.message);
    }
    const char *remove[] = {"/bin/rm", "-rf", dir, NULL};
    options.argv = remove;
    if (weir_process_start(&options, &pid, &err) == 0) {
        int ignored;
        (void)!weir_process_wait(pid, -1, &ignored, &err);
    }
    close(null);
    return code || status ? 0 : seconds;
}

int main(void)
{
    size_t small, large;
    generate(200000, &small);
    double rate = generate(MANY, &large);
    report("sample company generated, one core", rate, "events/s", 1000000, rate / 1000000);
    /* Fifteen times the events: people and open sessions grow, history is never held. */
    report("memory of its generator at 3,000,000 events", (double)large / 1e6, "MB", 16,
           16e6 / (double)large);
    const char *weir = getenv("WEIR");
    double seconds = whole(weir ? weir : "build/weir");
    report("weir demo --once, 200,000 events, all of it", seconds, "s", 10,
           seconds > 0 ? 10 / seconds : 0);
    return 0;
}
