/* One query, from its SQL to the last byte of its answer. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "query/encode.h"
#include "query/pool.h"
#include "query/xlsx.h"

#define FLUSH_BYTES  (128u << 10)
#define FLUSH_EVERY  (100 * WEIR_SECOND / 1000)
#define MAX_CHUNK    (512u << 20) /* one row larger than this cannot be sent */
#define REOPEN_PAUSE 20000        /* microseconds between attempts */
#define REOPEN_TRIES 250

struct flow {
    struct weir_query_pool *pool;
    struct weir_query *q;
    struct weir_query_summary *summary;
    struct weir_buf out;
    uint64_t sent;
    weir_time flushed_at;
};

static int flush(struct flow *f, struct weir_error *err)
{
    int rc = weir_buf_check(&f->out, "a part of the result", err);
    if (rc || f->out.len == 0) {
        return rc;
    }
    bool refused = !weir_query_enter_sink(f->pool, f->q);
    if (!refused) {
        refused = f->q->request.sink(weir_buf_str(&f->out), f->q->request.arg) != 0;
        weir_query_leave_sink(f->pool, f->q);
    }
    if (refused) {
        atomic_store(&f->q->canceled, true);
        return weir_fail(err, WEIR_ECANCELED, "nobody takes the result any more");
    }
    f->sent += f->out.len;
    f->flushed_at = weir_mono();
    weir_buf_reset(&f->out);
    weir_buf_trim(&f->out, 4 * FLUSH_BYTES);
    return 0;
}

/* Writes rows until a limit is reached; a row that passes the byte limit is taken back. */
static int encode_rows(struct flow *f, struct weir_encoder *e, const struct weir_batch *batch,
                       struct weir_error *err)
{
    const struct weir_query_limits *limits = &f->q->request.limits;
    for (size_t row = 0; row < batch->rows; row++) {
        if (limits->rows && e->rows >= limits->rows) {
            f->summary->truncated = true;
            return 0;
        }
        size_t at = f->out.len;
        e->how->row(e, batch, row);
        if (limits->bytes && f->sent + f->out.len > limits->bytes && weir_buf_ok(&f->out)) {
            f->out.len = at;
            f->summary->truncated = true;
            return 0;
        }
        e->rows++;
        if (f->out.len >= FLUSH_BYTES || !weir_buf_ok(&f->out)) {
            int rc = flush(f, err);
            if (rc) {
                return rc;
            }
        }
    }
    if (e->how->batch_end) {
        e->how->batch_end(e);
    }
    return 0;
}

/* The same for formats that write many rows at once. */
static int encode_ranges(struct flow *f, struct weir_encoder *e, const struct weir_batch *batch,
                         struct weir_error *err)
{
    const struct weir_query_limits *limits = &f->q->request.limits;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < batch->rows;) {
        size_t most = batch->rows - at;
        uint64_t used = f->sent + f->out.len;
        uint64_t room = !limits->bytes ? SIZE_MAX : limits->bytes > used ? limits->bytes - used : 0;
        if (limits->rows && most > limits->rows - e->rows) {
            most = (size_t)(limits->rows - e->rows);
        }
        size_t count = e->how->rows(e, batch, at, most, room);
        if (count == 0) {
            f->summary->truncated = true;
            return 0;
        }
        at += count;
        e->rows += count;
        if (f->out.len >= FLUSH_BYTES || !weir_buf_ok(&f->out)) {
            rc = flush(f, err);
        }
    }
    return rc;
}

static int stream(struct flow *f, struct weir_encoder *e, struct weir_result *result,
                  struct weir_error *err)
{
    struct weir_batch batch;
    int rc = 0;
    e->how->begin(e);
    while (rc == 0 && !f->summary->truncated) {
        rc = weir_result_next(result, &batch, err);
        if (rc || batch.rows == 0) {
            break;
        }
        bool first = f->summary->first_row == 0;
        if (first) {
            f->summary->first_row = weir_mono() - f->q->started_at;
        }
        rc = e->how->rows ? encode_ranges(f, e, &batch, err) : encode_rows(f, e, &batch, err);
        f->summary->rows = e->rows;
        atomic_store(&f->q->rows, e->rows);
        if (rc == 0 && weir_query_stopped(f->q)) {
            rc = weir_fail(err, WEIR_ECANCELED, "the query was canceled");
        }
        bool waiting = weir_mono() - f->flushed_at > FLUSH_EVERY;
        if (rc == 0 && (first || waiting)) {
            rc = flush(f, err);
        }
    }
    if (rc == 0) {
        f->summary->elapsed = weir_mono() - f->q->started_at;
        e->how->end(e, f->summary);
        rc = flush(f, err);
    }
    return rc;
}

static int run_rows(struct flow *f, struct weir_session *session, struct weir_error *err)
{
    const struct weir_query_request *r = &f->q->request;
    struct weir_result *result = NULL;
    int rc = weir_session_query(session, r->sql, r->params, r->param_count, &result, err);
    if (rc == 0) {
        struct weir_encoder e = {.how = weir_encoding_of(r->format),
                                 .out = &f->out,
                                 .columns = weir_result_columns(result),
                                 .column_count = weir_result_column_count(result),
                                 .width = r->width,
                                 .plain = r->plain,
                                 .guard = r->guard};
        weir_arena_init(&e.arena, 256u << 20);
        weir_buf_init(&e.scratch, MAX_CHUNK);
        rc = stream(f, &e, result, err);
        weir_buf_free(&e.scratch);
        weir_arena_free(&e.arena);
    }
    weir_query_attach(f->pool, f->q, NULL);
    weir_result_free(result);
    return rc;
}

/* --- files -------------------------------------------------------------------------------- */

static int send_file(struct flow *f, int fd, struct weir_error *err)
{
    for (;;) {
        char *room = weir_buf_room(&f->out, FLUSH_BYTES);
        if (!room) {
            return weir_buf_check(&f->out, "a part of the result", err);
        }
        ssize_t n = read(fd, room, FLUSH_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n ? weir_fail_errno(err, errno, "the exported file cannot be read") : 0;
        }
        f->out.len += (size_t)n;
        int rc = flush(f, err);
        if (rc) {
            return rc;
        }
    }
}

/* Of these the engine makes the file. */
static int write_parquet(struct flow *f, struct weir_session *session, const char *path,
                         struct weir_error *err)
{
    const struct weir_query_request *r = &f->q->request;
    struct weir_export file = {0};
    int rc = weir_session_export(session, r->sql, r->params, r->param_count, "parquet", path,
                                 r->limits.rows, &file, err);
    f->summary->rows = file.rows;
    f->summary->truncated = file.truncated;
    return rc;
}

static int write_xlsx(struct flow *f, struct weir_session *session, const char *path,
                      struct weir_error *err)
{
    const struct weir_query_request *r = &f->q->request;
    struct weir_result *result = NULL;
    struct weir_batch batch;
    struct weir_xlsx *book = NULL;
    int rc = weir_session_query(session, r->sql, r->params, r->param_count, &result, err);
    rc = rc ? rc
            : weir_xlsx_new(path, weir_warehouse_export_dir(f->pool->warehouse),
                            weir_result_columns(result), weir_result_column_count(result),
                            r->limits.rows, &book, err);
    while (rc == 0 && !weir_xlsx_full(book)) {
        rc = weir_result_next(result, &batch, err);
        if (rc || batch.rows == 0) {
            break;
        }
        rc = weir_xlsx_add(book, &batch, err);
        atomic_store(&f->q->rows, weir_xlsx_rows(book));
        if (rc == 0 && weir_query_stopped(f->q)) {
            rc = weir_fail(err, WEIR_ECANCELED, "the query was canceled");
        }
    }
    if (book) {
        f->summary->rows = weir_xlsx_rows(book);
        f->summary->truncated = weir_xlsx_full(book);
        rc = weir_xlsx_close(book, rc, err);
    }
    weir_query_attach(f->pool, f->q, NULL);
    weir_result_free(result);
    return rc;
}

static int run_file(struct flow *f, struct weir_session *session, struct weir_error *err)
{
    const struct weir_query_request *r = &f->q->request;
    const char *dir = weir_warehouse_export_dir(f->pool->warehouse);
    bool xlsx = r->format == WEIR_FORMAT_XLSX;
    if (!dir) {
        return weir_fail(err, WEIR_EUNSUPPORTED, "this warehouse has no folder for exports");
    }
    const char *path =
        weir_arena_printf(&f->q->arena, "%s/%s.%s", dir, f->q->id, xlsx ? "xlsx" : "parquet");
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a path");
    }
    int fd = -1;
    weir_query_watch_file(f->pool, f->q, path);
    int rc = xlsx ? write_xlsx(f, session, path, err) : write_parquet(f, session, path, err);
    weir_query_watch_file(f->pool, f->q, NULL);
    weir_query_attach(f->pool, f->q, NULL);
    if (rc == 0) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        rc = fd < 0 ? weir_fail_errno(err, errno, "%s", path) : 0;
    }
    (void)unlink(path);
    if (rc == 0 && r->limits.bytes && lseek(fd, 0, SEEK_END) > (off_t)r->limits.bytes) {
        atomic_store(&f->q->too_large, true);
        rc = WEIR_ETOOBIG;
    }
    if (rc == 0) {
        (void)lseek(fd, 0, SEEK_SET);
        f->summary->first_row = weir_mono() - f->q->started_at;
        atomic_store(&f->q->rows, f->summary->rows);
        rc = send_file(f, fd, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* --- sessions ------------------------------------------------------------------------------- */

/* The engine came down: everybody lets go of it, one reopens it. */
static int reopen(struct weir_query_pool *pool, struct weir_error *err)
{
    int rc = WEIR_EBUSY;
    for (int i = 0; rc == WEIR_EBUSY && i < REOPEN_TRIES; i++) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->work); /* idle workers look, and free their sessions */
        pthread_mutex_unlock(&pool->lock);
        rc = weir_warehouse_reopen(pool->warehouse, err);
        if (rc == WEIR_EBUSY) {
            usleep(REOPEN_PAUSE);
        }
    }
    return rc;
}

/* Before it runs. A statement that cannot be read fails by itself, in better words. */
static const struct weir_reads *find_reads(struct flow *f, struct weir_session *session)
{
    struct weir_error ignored;
    struct weir_reads *reads = weir_arena_calloc(&f->q->arena, sizeof *reads);
    bool found =
        reads && weir_session_reads(session, f->q->request.sql, &f->q->arena, reads, &ignored) == 0;
    return found ? reads : NULL;
}

static int run_once(struct flow *f, struct weir_session **session, struct weir_error *err)
{
    int rc = *session ? 0 : weir_session_new(f->pool->warehouse, WEIR_SESSION_READER, session, err);
    if (rc) {
        *session = NULL;
        return rc;
    }
    /* It was somebody else's a moment ago: it is told each time whose it is now. */
    rc = weir_session_set_access(*session, f->q->request.access, err);
    if (rc) {
        weir_session_free(*session);
        *session = NULL;
        return rc;
    }
    weir_query_attach(f->pool, f->q, *session);
    f->summary->reads = f->q->request.reads ? find_reads(f, *session) : NULL;
    rc = weir_encoding_of(f->q->request.format) ? run_rows(f, *session, err)
                                                : run_file(f, *session, err);
    weir_query_attach(f->pool, f->q, NULL);
    f->summary->error_offset = rc ? weir_session_error_offset(*session) : -1;
    if (rc == WEIR_EFATAL || (rc && weir_query_stopped(f->q))) {
        /* A cancel may have reached the session after its statement had ended, and would hit the
         * next one. */
        weir_session_free(*session);
        *session = NULL;
    }
    return rc;
}

int weir_query_run(struct weir_query_pool *pool, struct weir_query *q,
                   struct weir_session **session, struct weir_query_summary *summary,
                   struct weir_error *err)
{
    struct flow f = {.pool = pool, .q = q, .summary = summary, .flushed_at = weir_mono()};
    weir_buf_init(&f.out, MAX_CHUNK);
    int rc = run_once(&f, session, err);
    if (rc == WEIR_EFATAL && f.sent == 0 && !weir_query_stopped(q)) {
        weir_buf_reset(&f.out);
        rc = reopen(pool, err);
        rc = rc ? rc : run_once(&f, session, err);
    }
    weir_buf_free(&f.out);
    pthread_mutex_lock(&pool->lock);
    pool->stats.bytes += f.sent;
    pthread_mutex_unlock(&pool->lock);
    return rc;
}
