#include "eventlog/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "eventlog/scan.h"
#include "eventlog/segments.h"
#include "io/file.h"

#define TORN_KEEP_BYTES (16u << 20)
#define TORN_KEEP_FILES 8
#define ATTACH_DEADLINE (2 * WEIR_SECOND)

struct recovery {
    const char *dir;
    const struct weir_log *log;
    struct weir_recovery *out;
    uint64_t pending; /* damage that no good frame has followed yet */
};

static void on_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct recovery *r = arg;
    r->pending++;
    weir_log(r->log, WEIR_LOG_WARN, "a frame does not verify", "segment", damage->segment, "offset",
             weir_log_num((int64_t)damage->offset).text, "first_seq",
             weir_log_num((int64_t)damage->first).text, "count",
             weir_log_num((int64_t)damage->count).text);
}

/* --- torn bytes --------------------------------------------------------------------------------
 */

static int copy_range(int from, int to, uint64_t offset, uint64_t n, const char *what,
                      struct weir_error *err)
{
    char bytes[65536];
    while (n) {
        size_t step = n < sizeof bytes ? (size_t)n : sizeof bytes;
        int code = weir_pread_all(from, bytes, step, offset, what, err);
        if (!code) {
            code = weir_write_all(to, bytes, step, what, err);
        }
        if (code) {
            return code;
        }
        offset += step;
        n -= step;
    }
    return WEIR_OK;
}

/* Best effort: a full disk must not keep a log from starting. */
static void keep_torn(struct recovery *r, int fd, uint64_t first_seq, uint64_t offset, uint64_t n)
{
    char suffix[64];
    snprintf(suffix, sizeof suffix, ".%012llu.torn", (unsigned long long)offset);
    char *path = weir_segment_path(r->dir, first_seq, suffix);
    int to = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    struct weir_error err = {0};
    int code = WEIR_EIO;
    if (to >= 0) {
        code = copy_range(fd, to, offset, n < TORN_KEEP_BYTES ? n : TORN_KEEP_BYTES, path, &err);
        close(to);
        if (code) {
            unlink(path);
        }
    }
    weir_log(r->log, WEIR_LOG_WARN, "cut a torn tail", "bytes", weir_log_num((int64_t)n).text,
             "kept_in", code ? "nowhere" : path);
    free(path);
}

struct litter {
    const char *dir;
    unsigned torn; /* seen; or still too many */
    bool remove;
};

static bool has_suffix(const char *name, const char *suffix)
{
    return weir_str_ends(weir_str_of(name), weir_str_of(suffix));
}

static int tidy_one(const char *name, void *arg, struct weir_error *err)
{
    struct litter *litter = arg;
    bool torn = has_suffix(name, ".torn");
    bool gone = litter->remove && torn && litter->torn > TORN_KEEP_FILES;
    (void)err;
    if (gone || has_suffix(name, ".tmp")) {
        char *path = weir_path_join(litter->dir, name);
        if (path) {
            unlink(path);
        }
        free(path);
    }
    if (torn && litter->remove) {
        litter->torn -= litter->torn ? 1 : 0;
    } else if (torn) {
        litter->torn++;
    }
    return WEIR_OK;
}

/* Removes what a killed sealer left, and torn tails beyond the newest few (a writer that is killed
 * in a loop must not fill the disk). Names sort by age. */
static int tidy(const char *dir, struct weir_error *err)
{
    struct litter litter = {.dir = dir};
    int code = weir_dir_each(dir, tidy_one, &litter, err);
    litter.remove = true;
    return code ? code : weir_dir_each(dir, tidy_one, &litter, err);
}

/* --- the last segment --------------------------------------------------------------------------
 */

static int scan_all(struct recovery *r, struct weir_scan *scan, struct weir_error *err)
{
    struct weir_scan_frame frame;
    int code;
    while ((code = weir_scan_next(scan, WEIR_SCAN_TO_END, 0, &frame, err)) == WEIR_OK) {
        r->out->corrupt_frames += r->pending;
        r->pending = 0;
    }
    return code == WEIR_EAGAIN ? WEIR_OK : code;
}

/* Leaves the file with nothing behind its last good frame, and all of it on the disk. */
static int cut_and_sync(struct recovery *r, struct weir_scan *scan, struct weir_error *err)
{
    struct stat st;
    if (fstat(scan->fd, &st)) {
        return weir_fail_errno(err, errno, "stat %s", scan->name);
    }
    uint64_t size = (uint64_t)st.st_size;
    if (size > scan->good_end) {
        r->out->torn_bytes = size - scan->good_end;
        keep_torn(r, scan->fd, scan->first_seq, scan->good_end, r->out->torn_bytes);
        if (ftruncate(scan->fd, (off_t)scan->good_end)) {
            return weir_fail_errno(err, errno, "cut %s", scan->name);
        }
    }
    if (fdatasync(scan->fd)) {
        return weir_fail_errno(err, errno, "fdatasync %s", scan->name);
    }
    return WEIR_OK;
}

/* A file without header and without any good frame is no segment. It goes out of the way whole: a
 * crash makes no such file, so something else broke it, and somebody may want to look. */
static int drop_segment(struct recovery *r, struct weir_scan *scan, struct weir_error *err)
{
    struct stat st;
    if (fstat(scan->fd, &st)) {
        return weir_fail_errno(err, errno, "stat %s", scan->name);
    }
    int code = WEIR_OK;
    char *path = weir_segment_path(r->dir, scan->first_seq, "");
    char *aside = weir_segment_path(r->dir, scan->first_seq, ".damaged");
    if (!path || !aside) {
        code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", r->dir);
    } else if (st.st_size ? rename(path, aside) : unlink(path)) {
        code = weir_fail_errno(err, errno, "put %s aside", path);
    } else if (st.st_size) {
        r->out->torn_bytes = (uint64_t)st.st_size;
        weir_log(r->log, WEIR_LOG_ERROR, "a segment in which nothing verifies was put aside", "as",
                 aside);
    }
    free(path);
    free(aside);
    r->out->segments--;
    return code ? code : weir_dir_sync(r->dir, err);
}

static int verify_last(struct recovery *r, struct weir_scan *scan, struct weir_log_tail *tail,
                       struct weir_error *err)
{
    /* What is verified must be what the disk has, not what the cache has: after a write that failed
     * the two may differ. A failure to sync is no matter here, the second sync must succeed. */
    if (fdatasync(scan->fd) == 0) {
        posix_fadvise(scan->fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    int code = scan_all(r, scan, err);
    if (code) {
        return code;
    }
    if (!scan->header_ok && scan->good_end == WEIR_SEGMENT_HEADER) {
        return drop_segment(r, scan, err);
    }
    code = cut_and_sync(r, scan, err);
    tail->usable = !code && scan->header_ok && !scan->header.sealed && r->out->corrupt_frames == 0;
    return code;
}

static bool closed_cleanly(const struct weir_head *head, const struct weir_scan *scan)
{
    uint64_t offset;
    struct stat st;
    return weir_head_is_clean(head, &offset) && scan->header_ok && !scan->header.sealed &&
           scan->salt == weir_head_live_salt(head) && fstat(scan->fd, &st) == 0 &&
           (uint64_t)st.st_size == offset;
}

static int recover_last(struct recovery *r, const struct weir_head *head, uint64_t first_seq,
                        uint64_t *end, struct weir_log_tail *tail, struct weir_error *err)
{
    struct weir_scan scan;
    weir_scan_init(&scan, on_damage, r);
    int fd;
    int code = weir_segment_open(r->dir, first_seq, O_RDWR, &fd, err);
    if (!code) {
        code = weir_scan_open_fd(&scan, fd, first_seq, err);
    }
    if (!code && closed_cleanly(head, &scan)) {
        struct stat st;
        tail->usable = fstat(scan.fd, &st) == 0;
        scan.expect = weir_head_durable(head);
        scan.good_end = tail->usable ? (uint64_t)st.st_size : 0;
    } else if (!code) {
        code = verify_last(r, &scan, tail, err);
    }
    *end = scan.expect;
    tail->first_seq = first_seq;
    tail->salt = scan.salt;
    tail->offset = scan.good_end;
    weir_scan_free(&scan);
    return code;
}

int weir_log_recover(const char *dir, const struct weir_head *head, const struct weir_log *log,
                     struct weir_recovery *out, struct weir_log_tail *tail, struct weir_error *err)
{
    struct recovery r = {.dir = dir, .log = log, .out = out};
    struct weir_segments list = {0};
    uint64_t end = 1;
    *out = (struct weir_recovery){0};
    *tail = (struct weir_log_tail){0};
    int code = tidy(dir, err);
    if (!code) {
        code = weir_segments_list(&list, dir, err);
    }
    out->segments = (uint32_t)list.count;
    if (!code && list.count) {
        code = recover_last(&r, head, list.first[list.count - 1], &end, tail, err);
    }
    weir_segments_free(&list);
    /* A seq that a reader may have seen is never given out twice, whatever the disk lost. */
    uint64_t seen = weir_head_vouched_durable(head);
    out->next_seq = seen > end ? seen : end;
    if (!code && seen > end) {
        weir_log(log, WEIR_LOG_ERROR, "records that were durable are gone from the last segment",
                 "first_seq", weir_log_num((int64_t)end).text, "count",
                 weir_log_num((int64_t)(seen - end)).text);
    }
    return code;
}

/* --- heads for readers -------------------------------------------------------------------------
 */

int weir_head_peek(struct weir_head *head, const char *dir, bool *trusted, struct weir_error *err)
{
    *trusted = false;
    int code = weir_head_open(head, dir, false, err);
    if (code) {
        return code;
    }
    char *lock = weir_path_join(dir, "lock");
    if (!lock) {
        weir_head_close(head);
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    uint64_t offset;
    /* Live, but by whom? Only the lock knows: a killed writer leaves its word standing. */
    *trusted = weir_lock_held(lock)
                   ? weir_head_state(head) == WEIR_HEAD_LIVE && weir_head_of_this_boot(head)
                   : weir_head_is_clean(head, &offset);
    free(lock);
    return WEIR_OK;
}

static int recover_for_reading(const char *dir, struct weir_error *err)
{
    struct weir_head head = {0};
    struct weir_recovery found;
    struct weir_log_tail tail;
    int lock = -1;
    char *path = weir_path_join(dir, "lock");
    int code = path ? weir_lock_take(path, &lock, err)
                    : weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    free(path);
    if (!code) {
        code = weir_head_open(&head, dir, true, err);
    }
    if (!code) {
        uint64_t offset;
        bool clean = weir_head_is_clean(&head, &offset); /* someone else was faster */
        if (!clean) {
            weir_head_set_state(&head, WEIR_HEAD_RECOVERING);
            code = weir_log_recover(dir, &head, NULL, &found, &tail, err);
        }
        if (!clean && !code) {
            weir_head_begin(&head, WEIR_HEAD_RECOVERING);
            weir_head_set_live_salt(&head, tail.salt);
            weir_head_publish(&head, found.next_seq);
            weir_head_set_clean(&head, tail.offset);
        }
    }
    weir_head_close(&head);
    if (lock >= 0) {
        close(lock);
    }
    return code;
}

/* A copy on read-only media, say: what verifies is what there is. */
static int read_only_head(struct weir_head *head, const char *dir, struct weir_error *err)
{
    struct weir_segments list = {0};
    struct weir_scan scan;
    struct weir_scan_frame frame;
    weir_scan_init(&scan, NULL, NULL);
    scan.expect = 1;
    int code = weir_segments_list(&list, dir, err);
    if (!code && list.count) {
        code = weir_scan_open(&scan, dir, list.first[list.count - 1], err);
        scan.headers_only = true;
        while (!code) {
            code = weir_scan_next(&scan, WEIR_SCAN_TO_END, 0, &frame, err);
        }
        code = code == WEIR_EAGAIN ? WEIR_OK : code;
    }
    if (!code) {
        code = weir_head_private(head, scan.expect, err);
    }
    weir_scan_free(&scan);
    weir_segments_free(&list);
    return code;
}

static int count_segments(const char *dir, size_t *count, struct weir_error *err)
{
    struct weir_segments list = {0};
    int code = weir_segments_list(&list, dir, err);
    *count = list.count;
    weir_segments_free(&list);
    return code;
}

int weir_head_attach(struct weir_head *head, const char *dir, struct weir_error *err)
{
    weir_time deadline = weir_mono() + ATTACH_DEADLINE;
    for (;;) {
        bool trusted;
        size_t segments;
        int code = weir_head_peek(head, dir, &trusted, err);
        if (!code && trusted) {
            return WEIR_OK;
        }
        weir_head_close(head);
        if (code && code != WEIR_ENOENT) {
            return code;
        }
        code = count_segments(dir, &segments, err);
        if (code) {
            return code;
        }
        if (!segments) {
            return weir_head_private(head, 1, err);
        }
        code = recover_for_reading(dir, err);
        if (code == WEIR_EPERM) {
            return read_only_head(head, dir, err);
        }
        if (code && (code != WEIR_EBUSY || weir_mono() > deadline)) {
            return code;
        }
        if (code) { /* a writer is opening, or another reader recovers: milliseconds */
            nanosleep(&(struct timespec){0, 2000000}, NULL);
        }
    }
}
