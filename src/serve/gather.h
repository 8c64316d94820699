/* Private to src/serve: an answer that needs several statements of the server's own making.
 *
 * The handler's part runs on a thread, and waits there for each of its statements in turn. They go
 * through the query pool as everybody's do: as the asker sees the tables, under the pool's limits,
 * and canceled when the client goes away, when time is up, or when the server stops. */
#ifndef WEIR_SERVE_GATHER_H
#define WEIR_SERVE_GATHER_H

#include "base/json.h"
#include "serve/server.h"

struct weir_gather {
    struct weir_call call;
    struct weir_arena arena;
    const struct weir_access *access; /* NULL: everything is seen */
    void *arg;                        /* the handler's */

    /* the answer */
    struct weir_buf out;
    struct weir_jw w; /* on `out` */
    int64_t offset;   /* where in its SQL the last statement failed; -1: unknown */

    struct weir_gather_inside *inside;
};

/* Takes `arena` over, which holds the access and whatever `arg` needs, also when it fails (then the
 * error is answered). `work` runs on a thread: 0 with the answer in `out`, or an error. `finish`,
 * on the loop, answers an error of `work` (NULL: as usual); `end`, too, frees what `arg` holds, at
 * the very end (may be NULL). Everything within `time`. */
struct weir_gather_how {
    int (*work)(struct weir_gather *gather, struct weir_error *err);
    void (*failed)(struct weir_gather *gather, const struct weir_error *err);
    void (*end)(void *arg);
    weir_time time;
};
void weir_gather_start(const struct weir_call *call, const struct weir_gather_how *how,
                       struct weir_arena *arena, const struct weir_access *access, void *arg);

/* In `work`: the rows of a statement, an array of arrays, until the next call. */
int weir_gather_rows(struct weir_gather *gather, const char *sql, const struct weir_param *params,
                     size_t param_count, struct weir_json *rows,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
