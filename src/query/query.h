/* Queries: SQL in, rows out, under limits, as a stream.
 *
 * The one way by which people's SQL reaches the warehouse: the API, the CLI and later dashboards
 * all come through here. SQL is checked and bound, never spliced.
 *
 * Threads: a pool of workers, each with a session of its own. Sinks are called on a worker thread.
 *
 * Stuck queries: the engine looks for a cancel between its steps, never inside one call of a
 * function, and nothing can end a thread that computes. So a query that goes on for `stuck_after`
 * after it was told to stop is answered at once; its thread is written off until the engine returns
 * and another takes its place, `max_stuck` times. When every worker is stuck, new queries are
 * refused (WEIR_EBUSY) until one returns. */
#ifndef WEIR_QUERY_QUERY_H
#define WEIR_QUERY_QUERY_H

#include "access/access.h"
#include "base/error.h"
#include "base/time.h"
#include "conf/option.h"
#include "warehouse/warehouse.h"

extern const struct weir_option weir_query_options[]; /* section `query` of weir.yml */

struct weir_query_pool;
struct weir_query; /* one running query */

/* What queries of a role may take at most; 0: what all may. */
struct weir_query_share {
    weir_time timeout;
    int64_t max_rows;
    uint64_t max_memory;
};

struct weir_query_settings { /* what weir_query_options fills */
    int64_t workers;
    int64_t queue;
    weir_time timeout;
    uint64_t max_rows;
    uint64_t max_bytes;
    uint64_t max_memory;
    const char *time_zone; /* whose days `[created_at=daterange]` means; see src/param */
    int64_t per_person;
    int64_t max_stuck;
    weir_time stuck_after;
    weir_time restart_after;
    struct weir_query_share viewer, editor;
};

#define WEIR_MAX_OWNER 63 /* bytes of a query's owner */

enum weir_format {
    WEIR_FORMAT_TABLE,  /* for people, at a terminal */
    WEIR_FORMAT_CSV,    /* RFC 4180, header line, UTF-8 */
    WEIR_FORMAT_JSON,   /* one document: {"columns":…,"rows":[[…]],"truncated":…,…} */
    WEIR_FORMAT_NDJSON, /* one object a row */
    WEIR_FORMAT_PARQUET,
    WEIR_FORMAT_COLUMNS, /* typed buffers: docs/format/columns.md */
    WEIR_FORMAT_XLSX     /* an Excel workbook; at most a sheet of rows */
};
bool weir_format_parse(const char *name, enum weir_format *out);

enum weir_columns_frame {
    WEIR_COLUMNS_HEAD = 1,
    WEIR_COLUMNS_ROWS,
    WEIR_COLUMNS_END,
    WEIR_COLUMNS_ERROR /* whoever sends the stream adds it: what ended a result that had begun */
};
void weir_columns_frame(struct weir_buf *out, enum weir_columns_frame kind, struct weir_str json);

struct weir_query_limits {
    uint64_t memory;   /* of the whole process, above which it is stopped; 0: the setting */
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
    int64_t error_offset; /* where in the SQL the engine saw the error, in bytes; -1: unknown */
    /* With request.reads: what it read, noted before it ran, until `done` returns. NULL: nobody
     * could say. */
    const struct weir_reads *reads;
};

/* Limits and sizes are the smaller of the request's and the settings'. Numbers that JSON readers
 * would round (integers beyond 2^53, decimals of more than 15 digits), NaN and infinities are JSON
 * strings; dates and times are RFC 3339 text, in UTC. A parquet file beyond the byte limit is
 * WEIR_ETOOBIG, because a part of one is none. See docs/guide/query.md. */
struct weir_query_request {
    const char *sql;
    /* What whoever asks may see; NULL: everything. Sealed (weir_access_seal). */
    const struct weir_access *access;
    const char *owner; /* whose it is, for who may ask about it and cancel it; NULL: nobody's */
    const char *report, *query; /* what it belongs to, for who looks at what runs; or NULL */
    const struct weir_param *params;
    size_t param_count;
    enum weir_format format;
    struct weir_query_limits limits;
    unsigned width;  /* WEIR_FORMAT_TABLE: columns of the terminal; 0: as wide as it needs */
    bool plain;      /* WEIR_FORMAT_TABLE: no box around it */
    bool guard;      /* WEIR_FORMAT_CSV: no text begins as a formula would */
    bool reads;      /* find out what it reads */
    bool background; /* nobody waits for it: it runs when nothing else does */
    /* Encoded bytes, in order, on a worker thread. Blocks to push back, but
     * not beyond weir_query_stopping(); non-zero cancels. */
    int (*sink)(struct weir_str bytes, void *arg);
    /* Exactly once, last: code 0 or an error. On a worker or the pool's watchdog. */
    void (*done)(int code, const struct weir_query_summary *summary, const struct weir_error *err,
                 void *arg);
    void *arg;
};

/* No wider than this share. */
void weir_query_limits_narrow(struct weir_query_limits *limits,
                              const struct weir_query_share *share);
/* `max_memory`, or the share of the machine that 0 stands for. */
uint64_t weir_query_max_memory(const struct weir_query_settings *settings);

/* `log` (NULL: none) must live as long as the process. */
int weir_query_pool_new(struct weir_warehouse *warehouse, const void *settings,
                        const struct weir_log *log, struct weir_query_pool **out,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Cancels what runs and waits, but not for stuck queries. When some are left (their number is
 * returned), their threads still use the warehouse: do not close it, and end the process by
 * _exit(), because they may not outlive the engine's static data. */
size_t weir_query_pool_free(struct weir_query_pool *pool);
/* Copies what it needs. WEIR_EBUSY when the queue is full or every worker is stuck. `id` (16 hex)
 * names it for cancel. */
int weir_query_start(struct weir_query_pool *pool, const struct weir_query_request *request,
                     char id[17], struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT when no query of this id and owner waits or runs; `owner` NULL: whoever's it is. */
int weir_query_cancel(struct weir_query_pool *pool, const char *id,
                      const char *owner) WEIR_MUST_CHECK;
/* The same; its caller is told `why` in place of "the query was canceled". */
int weir_query_cancel_because(struct weir_query_pool *pool, const char *id, const char *owner,
                              const char *why) WEIR_MUST_CHECK;

/* Is this running query to stop (canceled, out of time, ...)? A sink that waits must ask. */
bool weir_query_stopping(struct weir_query_pool *pool, const char *id);

enum weir_query_state { WEIR_QUERY_QUEUED, WEIR_QUERY_RUNNING, WEIR_QUERY_DONE, WEIR_QUERY_FAILED };
struct weir_query_progress {
    enum weir_query_state state;
    double share;  /* 0..1, or negative: the engine cannot say */
    uint64_t rows; /* handed to the sink so far */
    weir_time elapsed;
    bool truncated;
    int code; /* why it failed */
};
/* The latest few hundred queries are remembered after their end; then WEIR_ENOENT. `owner` is as
 * for weir_query_cancel. Any thread. */
int weir_query_progress(struct weir_query_pool *pool, const char *id, const char *owner,
                        struct weir_query_progress *out) WEIR_MUST_CHECK;

#define WEIR_QUERY_SQL_LISTED 4000 /* bytes of a statement that are listed */

struct weir_query_listed { /* strings are in the arena */
    char id[17];
    const char *owner, *report, *query; /* "": nobody's, of no report */
    struct weir_str sql;                /* its beginning */
    enum weir_query_state state;        /* queued or running */
    bool background;                    /* nobody waits for it */
    bool stopping;                      /* it was told to end */
    bool stuck;                         /* it does not; its caller was answered */
    double share;                       /* as in weir_query_progress */
    uint64_t rows;
    weir_time queued, elapsed; /* how long it waited, and has run */
};
/* What runs, longest first, and then what waits, in its order; `owner` is as for weir_query_cancel,
 * `id` NULL: all. Any thread. */
int weir_query_list(struct weir_query_pool *pool, const char *owner, const char *id,
                    struct weir_arena *arena, struct weir_query_listed **out, size_t *count,
                    struct weir_error *err) WEIR_MUST_CHECK;

struct weir_query_stats { /* since start; `queued` and `running`: now */
    uint64_t queued, running, stuck;
    uint64_t done, failed, refused, canceled, timed_out, truncated, written_off;
    uint64_t rows, bytes;
    weir_time exhausted; /* for how long every worker has been stuck; 0: not so */
};
void weir_query_pool_stats(struct weir_query_pool *pool, struct weir_query_stats *out);

struct weir_query_stuck {
    char id[17];
    char sql[204];   /* its first 200 bytes */
    weir_time since; /* how long ago it was told to stop */
};
/* At most `max` of them; returns how many. Any thread. */
size_t weir_query_pool_stuck(struct weir_query_pool *pool, struct weir_query_stuck *out,
                             size_t max);

#endif
