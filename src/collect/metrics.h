/* Counters of a collector, and their Prometheus text. One thread. */
#ifndef WEIR_COLLECT_METRICS_H
#define WEIR_COLLECT_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/time.h"

#define WEIR_METRIC_ROUTES  40
#define WEIR_METRIC_BUCKETS 12

struct weir_histogram {
    uint64_t buckets[WEIR_METRIC_BUCKETS + 1]; /* the last one is +Inf; not cumulative */
    double sum;
    uint64_t count;
};

struct weir_requests {
    const char *route; /* static text */
    int status;
    uint64_t count;
};

struct weir_metrics {
    struct weir_requests requests[WEIR_METRIC_ROUTES * 3];
    size_t request_rows;
    uint64_t events;
    uint64_t refused;
    uint64_t quarantined;
    uint64_t released;
    uint64_t quarantine_turned_away;
    uint64_t turned_away;
    uint64_t body_bytes;
    uint64_t commit_failures;
    uint64_t source_errors;
    struct weir_histogram commit_seconds;
    struct weir_histogram group_requests;
    weir_time started;
};

/* Values that are looked up when they are asked for. */
struct weir_gauges {
    uint64_t log_next_seq;
    uint64_t quarantine_next_seq;
    uint64_t quarantine_bytes;
    bool quarantine_full;
    uint64_t disk_free_bytes;
    uint64_t unfinished_bytes;
    uint64_t connections;
    uint64_t sources;
    bool accepting;
};

void weir_metrics_request(struct weir_metrics *m, const char *route, int status);
void weir_metrics_commit(struct weir_metrics *m, weir_time took, size_t requests);
void weir_metrics_print(const struct weir_metrics *m, const struct weir_gauges *g,
                        struct weir_buf *out);

#endif
