#include "collect/metrics.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double commit_bounds[WEIR_METRIC_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1};
static const double group_bounds[WEIR_METRIC_BUCKETS] = {1,  2,   4,   8,   16,   32,
                                                         64, 128, 256, 512, 1024, 4096};

static void observe(struct weir_histogram *h, const double *bounds, double value)
{
    int i = 0;
    while (i < WEIR_METRIC_BUCKETS && value > bounds[i]) {
        i++;
    }
    h->buckets[i]++;
    h->sum += value;
    h->count++;
}

void weir_metrics_request(struct weir_metrics *m, const char *route, int status)
{
    for (size_t i = 0; i < m->request_rows; i++) {
        if (m->requests[i].route == route && m->requests[i].status == status) {
            m->requests[i].count++;
            return;
        }
    }
    if (m->request_rows < sizeof m->requests / sizeof m->requests[0]) {
        m->requests[m->request_rows++] = (struct weir_requests){route, status, 1};
    }
}

void weir_metrics_commit(struct weir_metrics *m, weir_time took, size_t requests)
{
    observe(&m->commit_seconds, commit_bounds, (double)took / 1e6);
    observe(&m->group_requests, group_bounds, (double)requests);
}

static void head(struct weir_buf *out, const char *name, const char *type, const char *help)
{
    weir_buf_addf(out, "# HELP weir_collect_%s %s\n# TYPE weir_collect_%s %s\n", name, help, name,
                  type);
}

static void number(struct weir_buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    weir_buf_addf(out, "weir_collect_%s %llu\n", name, (unsigned long long)value);
}

static void histogram(struct weir_buf *out, const char *name, const char *help,
                      const struct weir_histogram *h, const double *bounds)
{
    uint64_t total = 0;
    head(out, name, "histogram", help);
    for (int i = 0; i < WEIR_METRIC_BUCKETS; i++) {
        total += h->buckets[i];
        weir_buf_addf(out, "weir_collect_%s_bucket{le=\"%g\"} %llu\n", name, bounds[i],
                      (unsigned long long)total);
    }
    weir_buf_addf(out,
                  "weir_collect_%s_bucket{le=\"+Inf\"} %llu\nweir_collect_%s_sum %.6f\n"
                  "weir_collect_%s_count %llu\n",
                  name, (unsigned long long)h->count, name, h->sum, name,
                  (unsigned long long)h->count);
}

static uint64_t resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void weir_metrics_print(const struct weir_metrics *m, const struct weir_gauges *g,
                        struct weir_buf *out)
{
    head(out, "requests_total", "counter", "requests answered");
    for (size_t i = 0; i < m->request_rows; i++) {
        const struct weir_requests *r = &m->requests[i];
        weir_buf_addf(out, "weir_collect_requests_total{route=\"%s\",status=\"%d\"} %llu\n",
                      r->route, r->status, (unsigned long long)r->count);
    }
    number(out, "events_total", "counter", "events acknowledged", m->events);
    number(out, "refused_total", "counter", "tracking calls answered 4xx", m->refused);
    number(out, "quarantined_total", "counter", "calls kept for an unknown write key",
           m->quarantined);
    number(out, "released_total", "counter", "calls moved from quarantine to the event log",
           m->released);
    number(out, "turned_away_total", "counter", "requests answered 503", m->turned_away);
    number(out, "quarantine_turned_away_total", "counter",
           "of those, calls with an unknown write key while the quarantine was full",
           m->quarantine_turned_away);
    number(out, "body_bytes_total", "counter", "bytes of acknowledged bodies", m->body_bytes);
    number(out, "commit_failures_total", "counter", "groups that could not be written",
           m->commit_failures);
    number(out, "source_errors_total", "counter", "times sources/ could not be read",
           m->source_errors);
    histogram(out, "commit_seconds", "time to write a group and sync it", &m->commit_seconds,
              commit_bounds);
    histogram(out, "group_requests", "requests that shared one sync", &m->group_requests,
              group_bounds);
    number(out, "log_next_seq", "gauge", "number of the next record of the event log",
           g->log_next_seq);
    number(out, "quarantine_next_seq", "gauge", "number of the next record of the quarantine",
           g->quarantine_next_seq);
    number(out, "quarantine_bytes", "gauge", "disk used by the quarantine", g->quarantine_bytes);
    number(out, "quarantine_full", "gauge",
           "1 while calls with an unknown write key get 503, because the quarantine is full",
           g->quarantine_full);
    number(out, "disk_free_bytes", "gauge", "free bytes where the event log is",
           g->disk_free_bytes);
    number(out, "unfinished_bytes", "gauge", "memory held by unfinished requests",
           g->unfinished_bytes);
    number(out, "connections", "gauge", "open connections", g->connections);
    number(out, "sources", "gauge", "sources that are known", g->sources);
    number(out, "accepting", "gauge", "1 while events are accepted, 0 while they get 503",
           g->accepting);
    number(out, "resident_bytes", "gauge", "memory of the process", resident_bytes());
    number(out, "uptime_seconds", "gauge", "seconds since the start",
           (uint64_t)((weir_mono() - m->started) / WEIR_SECOND));
}
