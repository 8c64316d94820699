/* Queries: SQL in, rows out, under limits, as a stream.
 *
 * The one way by which people's SQL reaches the warehouse: the API, the CLI and later dashboards
 * all come through here. SQL is checked and bound, never spliced.
 *
 * Threads: a pool of workers, each with a session of its own. Sinks are called on a worker thread.
 */
#ifndef WEIR_QUERY_QUERY_H
#define WEIR_QUERY_QUERY_H

#include "base/error.h"
#include "base/time.h"
#include "conf/option.h"
#include "warehouse/warehouse.h"

extern const struct weir_option weir_query_options[]; /* section `query` of weir.yml */

struct weir_query_pool;
struct weir_query; /* one running query */

enum weir_format {
    WEIR_FORMAT_TABLE,  /* for people, at a terminal */
    WEIR_FORMAT_CSV,    /* RFC 4180, header line, UTF-8 */
    WEIR_FORMAT_JSON,   /* one document: {"columns":…,"rows":[[…]],"truncated":…,…} */
    WEIR_FORMAT_NDJSON, /* one object a row */
    WEIR_FORMAT_PARQUET
};
bool weir_format_parse(const char *name, enum weir_format *out);

struct weir_query_limits {
    uint64_t rows;     /* 0: none */
    uint64_t bytes;    /* of encoded output; 0: none */
    weir_time timeout; /* 0: the setting */
};

struct weir_query_summary {
    uint64_t rows;
    bool truncated;      /* a limit cut the result: there were more rows */
    weir_time queued;    /* waiting for a worker */
    weir_time first_row; /* from start to the first batch */
    weir_time elapsed;
};

struct weir_query_request {
    const char *sql;
    const struct weir_param *params;
    size_t param_count;
    enum weir_format format;
    struct weir_query_limits limits;
    /* Encoded bytes, in order, on a worker thread. Blocks to push back; non-zero cancels. */
    int (*sink)(struct weir_str bytes, void *arg);
    /* Exactly once, last: code 0 or an error. */
    void (*done)(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg);
    void *arg;
};

int weir_query_pool_new(struct weir_warehouse *warehouse, const void *settings,
                        struct weir_query_pool **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_query_pool_free(struct weir_query_pool *pool); /* cancels what runs, waits */
/* Copies what it needs. WEIR_EBUSY when the queue is full. `id` (16 hex) names it for cancel. */
int weir_query_start(struct weir_query_pool *pool, const struct weir_query_request *request,
                     char id[17], struct weir_error *err) WEIR_MUST_CHECK;
int weir_query_cancel(struct weir_query_pool *pool, const char *id) WEIR_MUST_CHECK;

#endif
