/* A load generator that costs as little as it can: prepared requests over keep-alive connections,
 * one epoll, no parsing beyond the first answer. For benchmarks on a machine whose cores it shares
 * with the server. */
#ifndef WEIR_BENCH_HTTP_LOAD_H
#define WEIR_BENCH_HTTP_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_load {
    int port;
    int connections;
    const char *request; /* the same for all */
    size_t size;
    double warm_up; /* seconds */
    double seconds;
};

struct http_load_result {
    uint64_t answers;
    double per_second;
    uint64_t not_ok; /* answers other than 200 */
    double p50_ms, p99_ms;
};

/* False when the server cannot be reached or breaks off. */
bool http_load_run(const struct http_load *load, struct http_load_result *out);

#endif
