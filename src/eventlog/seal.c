#include "eventlog/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/hash.h"
#include "eventlog/scan.h"
#include "eventlog/segments.h"
#include "io/file.h"

#define BLOCK_TARGET  (1u << 20)
#define LOCK_DEADLINE (5 * WEIR_SECOND)

/* --- one segment -------------------------------------------------------------------------------
 */

struct sealing {
    const char *dir;
    int level;
    const atomic_bool *stop;
    int fd; /* the temporary file */
    const char *path;
    ZSTD_CCtx *zstd;
    struct weir_buf packed;
    struct weir_buf block;
    struct weir_frame_header frame;    /* of the block */
    struct weir_segment_header header; /* sums so far */
    uint64_t offset;
    uint64_t sum; /* over all records, whatever frames they are in */
    bool damaged;
};

static void note_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct sealing *s = arg;
    (void)damage;
    s->damaged = true;
}

/* Records chained, so that the sum does not depend on how they are framed. */
static uint64_t sum_records(const char *bytes, size_t n, uint64_t sum)
{
    struct weir_record record;
    size_t size;
    while (weir_record_decode(bytes, n, &record, &size)) {
        sum = weir_hash64(bytes, size, sum);
        bytes += size;
        n -= size;
    }
    return sum;
}

static int flush_block(struct sealing *s, struct weir_error *err)
{
    if (!s->block.len) {
        return WEIR_OK;
    }
    struct weir_frame_header *h = &s->frame;
    const char *payload = s->block.data;
    size_t bound = ZSTD_compressBound(s->block.len);
    weir_buf_reset(&s->packed);
    char *to = weir_buf_room(&s->packed, bound);
    if (!to) {
        return weir_fail(err, WEIR_ENOMEM, "%s: no memory for a block", s->path);
    }
    h->raw = (uint32_t)s->block.len;
    h->stored = h->raw;
    h->codec = WEIR_CODEC_NONE;
    size_t n = ZSTD_compress2(s->zstd, to, bound, s->block.data, s->block.len);
    if (!ZSTD_isError(n) && n < s->block.len) {
        h->codec = WEIR_CODEC_ZSTD;
        h->stored = (uint32_t)n;
        payload = to;
    }
    h->salt = s->header.salt;
    h->payload_sum = weir_frame_sum(payload, h->stored, h->salt);
    unsigned char bytes[WEIR_FRAME_HEADER];
    weir_frame_header_encode(h, bytes);
    struct iovec iov[2] = {{bytes, sizeof bytes}, {(char *)payload, h->stored}};
    int code = weir_pwritev_all(s->fd, iov, 2, s->offset, s->path, err);
    s->offset += sizeof bytes + (uint64_t)h->stored;
    s->header.frames++;
    weir_buf_reset(&s->block);
    return code;
}

static int add_frame(struct sealing *s, const struct weir_scan_frame *in, struct weir_error *err)
{
    struct weir_segment_header *sums = &s->header;
    if (s->block.len && s->block.len + in->n > BLOCK_TARGET) {
        int code = flush_block(s, err);
        if (code) {
            return code;
        }
    }
    if (!s->block.len) {
        s->frame = in->header;
        s->frame.records = 0;
    }
    weir_buf_add(&s->block, in->records, in->n);
    s->frame.records += in->header.records;
    s->frame.first_at =
        in->header.first_at < s->frame.first_at ? in->header.first_at : s->frame.first_at;
    s->frame.last_at =
        in->header.last_at > s->frame.last_at ? in->header.last_at : s->frame.last_at;
    bool first = sums->records == 0;
    sums->first_at =
        first || s->frame.first_at < sums->first_at ? s->frame.first_at : sums->first_at;
    sums->last_at = first || s->frame.last_at > sums->last_at ? s->frame.last_at : sums->last_at;
    sums->records += in->header.records;
    sums->raw_bytes += in->n;
    s->sum = sum_records(in->records, in->n, s->sum);
    return weir_buf_check(&s->block, s->path, err);
}

static int rewrite(struct sealing *s, struct weir_scan *scan, struct weir_error *err)
{
    struct weir_scan_frame frame;
    int code;
    while ((code = weir_scan_next(scan, s->header.end_seq, 0, &frame, err)) == WEIR_OK) {
        if (atomic_load(s->stop)) {
            return weir_fail(err, WEIR_ECANCELED, "%s: stopped", s->path);
        }
        code = add_frame(s, &frame, err);
        if (code) {
            return code;
        }
    }
    if (code != WEIR_EAGAIN) {
        return code;
    }
    if (s->damaged) {
        return weir_fail(err, WEIR_ECORRUPT, "%s has damage; it is left as it is", scan->name);
    }
    code = flush_block(s, err);
    if (!code) {
        unsigned char bytes[WEIR_SEGMENT_HEADER];
        weir_segment_header_encode(&s->header, bytes);
        struct iovec iov = {bytes, sizeof bytes};
        code = weir_pwritev_all(s->fd, &iov, 1, 0, s->path, err);
    }
    if (!code && fsync(s->fd)) {
        code = weir_fail_errno(err, errno, "fsync %s", s->path);
    }
    return code;
}

/* The original is about to go: what was written must read back as the same records. */
static int compare(struct sealing *s, struct weir_error *err)
{
    struct weir_scan scan;
    struct weir_scan_frame frame;
    weir_scan_init(&scan, note_damage, s);
    uint64_t sum = 0;
    uint64_t records = 0;
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    int code = fd < 0 ? weir_fail_errno(err, errno, "open %s", s->path)
                      : weir_scan_open_fd(&scan, fd, s->header.first_seq, err);
    while (!code) {
        code = atomic_load(s->stop) ? weir_fail(err, WEIR_ECANCELED, "%s: stopped", s->path)
                                    : weir_scan_next(&scan, s->header.end_seq, 0, &frame, err);
        if (!code) {
            sum = sum_records(frame.records, frame.n, sum);
            records += frame.header.records;
        }
    }
    bool same = scan.header_ok && !s->damaged && sum == s->sum && records == s->header.records;
    weir_scan_free(&scan);
    if (code == WEIR_EAGAIN) {
        code = same ? WEIR_OK
                    : weir_fail(err, WEIR_EIO,
                                "%s does not read back as it was written; check the "
                                "disk and the memory of this machine",
                                s->path);
    }
    return code;
}

int weir_segments_lock(const char *dir, int *fd, struct weir_error *err)
{
    char *path = weir_path_join(dir, "seal.lock");
    weir_time deadline = weir_mono() + LOCK_DEADLINE;
    int code = WEIR_ENOMEM;
    while (path && (code = weir_lock_take(path, fd, err)) == WEIR_EBUSY && weir_mono() < deadline) {
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    free(path);
    return code;
}

static int swap(struct sealing *s, const struct weir_scan *scan, struct weir_error *err)
{
    int lock;
    char *path = weir_segment_path(s->dir, scan->first_seq, "");
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", s->dir);
    }
    int code = weir_segments_lock(s->dir, &lock, err);
    if (!code) {
        struct stat ours;
        struct stat named;
        if (fstat(scan->fd, &ours) || stat(path, &named) || ours.st_ino != named.st_ino) {
            code = weir_fail(err, WEIR_ENOENT, "%s was removed meanwhile", path);
        } else if (rename(s->path, path)) {
            code = weir_fail_errno(err, errno, "rename %s", s->path);
        } else {
            code = weir_dir_sync(s->dir, err);
        }
        close(lock);
    }
    free(path);
    return code;
}

static int seal_scan(struct sealing *s, struct weir_scan *scan, struct weir_error *err)
{
    if (scan->header.sealed) {
        return weir_fail(err, WEIR_EEXIST, "%s is sealed", scan->name);
    }
    s->header.created_at = scan->header.created_at;
    s->zstd = ZSTD_createCCtx();
    s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (!s->zstd || s->fd < 0) {
        return weir_fail_errno(err, s->zstd ? errno : ENOMEM, "create %s", s->path);
    }
    ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, s->level);
    int code = scan->header_ok ? rewrite(s, scan, err)
                               : weir_fail(err, WEIR_ECORRUPT,
                                           "%s has a damaged header; it is "
                                           "left as it is",
                                           scan->name);
    if (!code) {
        code = compare(s, err);
    }
    return code ? code : swap(s, scan, err);
}

int weir_segment_seal(const char *dir, uint64_t first_seq, uint64_t end_seq, int level,
                      const atomic_bool *stop, struct weir_error *err)
{
    struct sealing s = {
        .dir = dir,
        .level = level,
        .stop = stop,
        .fd = -1,
        .offset = WEIR_SEGMENT_HEADER,
        .header = {.sealed = true,
                   .salt = weir_random_u64() | 1,
                   .first_seq = first_seq,
                   .end_seq = end_seq},
    };
    struct weir_scan scan;
    weir_scan_init(&scan, note_damage, &s);
    weir_buf_init(&s.block, WEIR_FRAME_RAW_MAX);
    weir_buf_init(&s.packed, WEIR_FRAME_STORED_MAX);
    char *path = weir_segment_path(dir, first_seq, ".tmp");
    s.path = path;
    int code = path ? weir_scan_open(&scan, dir, first_seq, err)
                    : weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    if (!code) {
        code = seal_scan(&s, &scan, err);
    }
    if (s.fd >= 0) {
        close(s.fd);
        if (code) {
            unlink(path);
        }
    }
    ZSTD_freeCCtx(s.zstd);
    weir_buf_free(&s.block);
    weir_buf_free(&s.packed);
    weir_scan_free(&scan);
    free(path);
    return code;
}

/* --- the thread --------------------------------------------------------------------------------
 */

struct weir_sealer {
    char *dir;
    int level;
    const struct weir_log *log;
    pthread_t thread;
    pthread_mutex_t lock; /* for `kicked` */
    pthread_cond_t wake;
    bool kicked;
    atomic_bool stop;
    uint64_t done_below; /* the thread's own: segments before it need no look */
};

/* Collecting and querying come first, always. Failures are no matter. */
static void lower_priority(void)
{
    enum { io_class_idle = 3 << 13, of_this_thread = 1 };
    struct sched_param none = {0};
    setpriority(PRIO_PROCESS, 0, 19);
    sched_setscheduler(0, SCHED_IDLE, &none);
    syscall(SYS_ioprio_set, of_this_thread, 0, io_class_idle);
}

static void seal_all(struct weir_sealer *sealer)
{
    struct weir_segments list = {0};
    struct weir_error err = {0};
    int code = weir_segments_list(&list, sealer->dir, &err);
    for (size_t i = 0; !code && i + 1 < list.count && !atomic_load(&sealer->stop); i++) {
        if (list.first[i] < sealer->done_below) {
            continue;
        }
        code = weir_segment_seal(sealer->dir, list.first[i], list.first[i + 1], sealer->level,
                                 &sealer->stop, &err);
        if (code == WEIR_ECORRUPT) {
            weir_log(sealer->log, WEIR_LOG_WARN, "a segment is not compressed", "why", err.message);
        }
        if (code == WEIR_ECORRUPT || code == WEIR_EEXIST || code == WEIR_ENOENT) {
            code = WEIR_OK;
        }
        if (!code) {
            sealer->done_below = list.first[i] + 1;
        }
    }
    if (code && code != WEIR_ECANCELED) {
        weir_log(sealer->log, WEIR_LOG_WARN, "compressing old segments failed; tried again later",
                 "why", err.message);
    }
    weir_segments_free(&list);
}

static void *sealer_main(void *arg)
{
    struct weir_sealer *sealer = arg;
    lower_priority();
    pthread_mutex_lock(&sealer->lock);
    while (!atomic_load(&sealer->stop)) {
        if (!sealer->kicked) {
            pthread_cond_wait(&sealer->wake, &sealer->lock);
            continue;
        }
        sealer->kicked = false;
        pthread_mutex_unlock(&sealer->lock);
        seal_all(sealer);
        pthread_mutex_lock(&sealer->lock);
    }
    pthread_mutex_unlock(&sealer->lock);
    return NULL;
}

static void sealer_free(struct weir_sealer *sealer)
{
    pthread_mutex_destroy(&sealer->lock);
    pthread_cond_destroy(&sealer->wake);
    free(sealer->dir);
    free(sealer);
}

int weir_sealer_start(const char *dir, int level, const struct weir_log *log,
                      struct weir_sealer **out, struct weir_error *err)
{
    struct weir_sealer *sealer = calloc(1, sizeof *sealer);
    if (!sealer || !(sealer->dir = strdup(dir))) {
        free(sealer);
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    sealer->level = level;
    sealer->log = log;
    sealer->kicked = true; /* what an earlier run left unsealed */
    pthread_mutex_init(&sealer->lock, NULL);
    pthread_cond_init(&sealer->wake, NULL);
    /* Signals are the main thread's. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&sealer->thread, NULL, sealer_main, sealer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        sealer_free(sealer);
        return weir_fail_errno(err, failed, "start the sealer's thread");
    }
    *out = sealer;
    return WEIR_OK;
}

void weir_sealer_kick(struct weir_sealer *sealer)
{
    pthread_mutex_lock(&sealer->lock);
    sealer->kicked = true;
    pthread_cond_signal(&sealer->wake);
    pthread_mutex_unlock(&sealer->lock);
}

void weir_sealer_stop(struct weir_sealer *sealer)
{
    if (!sealer) {
        return;
    }
    atomic_store(&sealer->stop, true);
    weir_sealer_kick(sealer);
    /* At idle priority on a busy machine it might not get to see that for long. */
    struct sched_param none = {0};
    pthread_setschedparam(sealer->thread, SCHED_OTHER, &none);
    pthread_join(sealer->thread, NULL);
    sealer_free(sealer);
}
