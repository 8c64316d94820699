#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "eventlog/format.h"
#include "eventlog/head.h"
#include "eventlog/recover.h"
#include "eventlog/seal.h"
#include "eventlog/segments.h"
#include "io/file.h"

#define SEGMENT_BYTES   (64ull << 20)
#define SEGMENT_MIN     4096ull
#define KEEP_FREE_BYTES (256ull << 20)
#define GROUP_MAX       (256u << 20)
#define GROUP_KEEP      (8u << 20)
#define GUARD_EVERY     (WEIR_SECOND / 4)
#define OPEN_DEADLINE   (5 * WEIR_SECOND)
/* Measured (bench_eventlog): from here on the compressor costs less than the bytes it saves. */
#define COMPRESS_FROM  (256u << 10)
#define COMPRESS_UP_TO (4u << 20)
#define COMPRESS_LEVEL (-5)

struct weir_eventlog {
    char *dir;
    struct weir_eventlog_options options;
    int lock;
    struct weir_head head;
    struct weir_sealer *sealer;

    int fd; /* the live segment; -1: begin one at the next commit */
    uint64_t first_seq;
    uint64_t salt;
    uint64_t offset; /* end of the last durable frame */

    uint64_t durable; /* next seq that is not on the disk */
    uint64_t next_seq;

    /* The pending group as it will be written: frame header, records, frame header, ... Headers get
     * salt and checksums at commit, when the segment is known. */
    struct weir_buf group;
    size_t frame_at; /* where the open frame's header is, when it has records */
    struct weir_frame_header frame;

    ZSTD_CCtx *zstd;
    char *packed; /* room for one compressed frame */
    size_t packed_cap;

    bool room;
    weir_time room_checked;
};

/* --- opening -----------------------------------------------------------------------------------
 */

/* A reader that recovers holds the lock for milliseconds; a writer holds it for good. */
static int take_lock(struct weir_eventlog *log, struct weir_error *err)
{
    weir_time deadline = weir_mono() + OPEN_DEADLINE;
    char *path = weir_path_join(log->dir, "lock");
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", log->dir);
    }
    int code;
    for (;;) {
        code = weir_lock_take(path, &log->lock, err);
        struct weir_head head;
        bool passing = code == WEIR_EBUSY && weir_mono() < deadline &&
                       !weir_head_open(&head, log->dir, false, NULL);
        if (!passing) {
            break;
        }
        enum weir_head_state state = weir_head_state(&head);
        weir_head_close(&head);
        if (state != WEIR_HEAD_RECOVERING) {
            break;
        }
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    free(path);
    return code;
}

static int begin_after(struct weir_eventlog *log, const struct weir_log_tail *tail,
                       struct weir_error *err)
{
    if (tail->usable && tail->offset < log->options.segment_bytes) {
        int code = weir_segment_open(log->dir, tail->first_seq, O_RDWR, &log->fd, err);
        if (code) {
            return code;
        }
        log->first_seq = tail->first_seq;
        log->salt = tail->salt;
        log->offset = tail->offset;
    }
    /* also when nothing is appended to it any more: it is the last, and readers stand in it */
    weir_head_set_live_salt(&log->head, tail->salt);
    weir_head_publish(&log->head, log->durable);
    weir_head_begin(&log->head, WEIR_HEAD_LIVE);
    return WEIR_OK;
}

static int recover_and_begin(struct weir_eventlog *log, struct weir_recovery *recovery,
                             struct weir_error *err)
{
    struct weir_log_tail tail;
    int code = weir_dir_make(log->dir, 0755, err);
    if (!code) {
        code = take_lock(log, err);
    }
    if (!code) {
        code = weir_head_open(&log->head, log->dir, true, err);
    }
    if (!code) {
        /* A clean head is verified by its state, so recovery must see it before it changes; others
         * wait for the lock meanwhile. */
        code = weir_log_recover(log->dir, &log->head, log->options.log, recovery, &tail, err);
    }
    if (!code) {
        log->next_seq = recovery->next_seq;
        log->durable = recovery->next_seq;
        code = begin_after(log, &tail, err);
    }
    return code;
}

int weir_eventlog_open(const char *dir, const struct weir_eventlog_options *options,
                       struct weir_eventlog **out, struct weir_recovery *recovery,
                       struct weir_error *err)
{
    struct weir_recovery unused;
    struct weir_eventlog *log = calloc(1, sizeof *log);
    if (!log) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    log->lock = -1;
    log->fd = -1;
    log->room = true;
    log->options = options ? *options : (struct weir_eventlog_options){0};
    if (!log->options.segment_bytes) {
        log->options.segment_bytes = SEGMENT_BYTES;
    }
    if (log->options.segment_bytes < SEGMENT_MIN) {
        log->options.segment_bytes = SEGMENT_MIN;
    }
    if (!log->options.keep_free_bytes) {
        log->options.keep_free_bytes = KEEP_FREE_BYTES;
    }
    weir_buf_init(&log->group, GROUP_MAX);
    log->packed_cap = ZSTD_compressBound(WEIR_FRAME_TARGET);
    log->packed = malloc(log->packed_cap);
    log->zstd = ZSTD_createCCtx();
    log->dir = strdup(dir);
    int code = WEIR_OK;
    if (!log->packed || !log->zstd || !log->dir) {
        code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    if (!code) {
        ZSTD_CCtx_setParameter(log->zstd, ZSTD_c_compressionLevel, COMPRESS_LEVEL);
        code = recover_and_begin(log, recovery ? recovery : &unused, err);
    }
    if (!code && log->options.seal_level >= 0) {
        code = weir_sealer_start(log->dir, log->options.seal_level ? log->options.seal_level : 9,
                                 log->options.log, &log->sealer, err);
    }
    if (code) {
        weir_eventlog_close(log);
        return code;
    }
    *out = log;
    return WEIR_OK;
}

void weir_eventlog_close(struct weir_eventlog *log)
{
    if (!log) {
        return;
    }
    weir_sealer_stop(log->sealer);
    /* An abandoned segment is not clean; neither is a log that never opened. */
    if (log->head.page && log->fd >= 0 && !log->options.no_sync) {
        weir_head_set_clean(&log->head, log->offset);
    }
    if (log->fd >= 0) {
        close(log->fd);
    }
    weir_head_close(&log->head);
    if (log->lock >= 0) {
        close(log->lock);
    }
    weir_buf_free(&log->group);
    ZSTD_freeCCtx(log->zstd);
    free(log->packed);
    free(log->dir);
    free(log);
}

/* --- the guard ---------------------------------------------------------------------------------
 */

/* Someone may have removed the head; readers that come now would not find us. */
static void mend_head(struct weir_eventlog *log)
{
    struct weir_head fresh;
    if (!weir_head_is_stale(&log->head, log->dir) || weir_head_open(&fresh, log->dir, true, NULL)) {
        return;
    }
    weir_head_set_live_salt(&fresh, weir_head_live_salt(&log->head));
    weir_head_begin(&fresh, WEIR_HEAD_LIVE);
    weir_head_publish(&fresh, log->durable);
    weir_head_close(&log->head);
    log->head = fresh;
}

bool weir_eventlog_has_room(struct weir_eventlog *log)
{
    weir_time now = weir_mono();
    if (log->room_checked && now - log->room_checked < GUARD_EVERY) {
        return log->room;
    }
    log->room_checked = now;
    mend_head(log);
    uint64_t bytes;
    if (weir_disk_free(log->dir, &bytes, NULL)) {
        return log->room; /* the write will tell */
    }
    /* A little more to open than to close, or it would flap at the edge. */
    uint64_t need = log->options.keep_free_bytes;
    need += log->room ? weir_eventlog_pending(log) : need / 16;
    bool room = bytes >= need;
    if (room != log->room) {
        weir_log(log->options.log, room ? WEIR_LOG_INFO : WEIR_LOG_ERROR,
                 room ? "the disk has room again; collecting goes on"
                      : "the disk is almost full; no events are accepted until there is room",
                 "free_bytes", weir_log_num((int64_t)bytes).text, "keep_free_bytes",
                 weir_log_num((int64_t)log->options.keep_free_bytes).text);
    }
    log->room = room;
    return room;
}

/* --- appending ---------------------------------------------------------------------------------
 */

size_t weir_eventlog_pending(const struct weir_eventlog *log)
{
    return log->group.len;
}

uint64_t weir_eventlog_next_seq(const struct weir_eventlog *log)
{
    return log->next_seq;
}

static void close_frame(struct weir_eventlog *log)
{
    if (!log->frame.records) {
        return;
    }
    log->frame.raw = (uint32_t)(log->group.len - log->frame_at - WEIR_FRAME_HEADER);
    log->frame.stored = log->frame.raw;
    log->frame.salt = 1; /* any, so that it can be decoded at commit */
    weir_frame_header_encode(&log->frame, (unsigned char *)log->group.data + log->frame_at);
    log->frame = (struct weir_frame_header){0};
}

static void drop_group(struct weir_eventlog *log)
{
    weir_buf_reset(&log->group);
    weir_buf_trim(&log->group, GROUP_KEEP);
    log->frame = (struct weir_frame_header){0};
    log->next_seq = log->durable;
}

int weir_eventlog_append(struct weir_eventlog *log, const struct weir_record *record, uint64_t *seq,
                         struct weir_error *err)
{
    size_t size = weir_record_size(record);
    if (!size) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "a record is over the log's limits (body 64 MB, every other field 64 KB)");
    }
    if (record->kind < WEIR_RECORD_CALL || record->kind > WEIR_RECORD_UNKNOWN_KEY) {
        return weir_fail(err, WEIR_EINVAL, "a record of unknown kind %d", (int)record->kind);
    }
    if (!weir_eventlog_has_room(log)) {
        return weir_fail(err, WEIR_ENOSPC, "%s: less than %llu MB are free; make room", log->dir,
                         (unsigned long long)(log->options.keep_free_bytes >> 20));
    }
    bool fits = log->frame.records && log->group.len - log->frame_at + size <= WEIR_FRAME_TARGET;
    size_t before = fits ? 0 : WEIR_FRAME_HEADER;
    char *to = weir_buf_room(&log->group, before + size);
    if (!to) {
        log->group.failed = false;
        return weir_fail(err, WEIR_ENOMEM, "%zu bytes wait for a commit, no memory for %zu more",
                         log->group.len, size);
    }
    if (!fits) {
        close_frame(log);
        log->frame_at = log->group.len;
        log->frame = (struct weir_frame_header){.first_seq = log->next_seq,
                                                .first_at = record->received_at,
                                                .last_at = record->received_at};
    }
    weir_record_encode(record, to + before);
    log->group.len += before + size;
    log->frame.records++;
    if (record->received_at < log->frame.first_at) {
        log->frame.first_at = record->received_at;
    }
    if (record->received_at > log->frame.last_at) {
        log->frame.last_at = record->received_at;
    }
    *seq = log->next_seq++;
    return WEIR_OK;
}

/* --- committing --------------------------------------------------------------------------------
 */

static int sync_file(const struct weir_eventlog *log, int fd, const char *path,
                     struct weir_error *err)
{
    if (!log->options.no_sync && fdatasync(fd)) {
        return weir_fail_errno(err, errno, "fdatasync %s", path);
    }
    /* In a file that someone removed, records are on the disk and lost all the same. */
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_nlink == 0) {
        return weir_fail(err, WEIR_EIO, "%s: the segment was removed while it was written",
                         log->dir);
    }
    return WEIR_OK;
}

/* Appears under its name only when its header is on the disk. Replaces an abandoned segment of the
 * same name: no record in that one ever counted. */
static int begin_segment(struct weir_eventlog *log, struct weir_error *err)
{
    struct weir_segment_header header = {
        .salt = weir_random_u64() | 1, .first_seq = log->durable, .created_at = weir_now()};
    unsigned char bytes[WEIR_SEGMENT_HEADER];
    weir_segment_header_encode(&header, bytes);
    char *path = weir_segment_path(log->dir, log->durable, "");
    char *temp = weir_segment_path(log->dir, log->durable, ".new.tmp");
    int fd = -1;
    int code = WEIR_OK;
    if (!path || !temp) {
        code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", log->dir);
        goto out;
    }
    fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        code = weir_fail_errno(err, errno, "create %s", temp);
        goto out;
    }
    code = weir_write_all(fd, bytes, sizeof bytes, temp, err);
    if (!code) {
        code = sync_file(log, fd, temp, err);
    }
    if (!code && rename(temp, path)) {
        code = weir_fail_errno(err, errno, "rename %s", temp);
    }
    if (!code && !log->options.no_sync) {
        code = weir_dir_sync(log->dir, err);
    }
    if (code) {
        unlink(temp);
        goto out;
    }
    log->fd = fd;
    fd = -1;
    log->first_seq = log->durable;
    log->salt = header.salt;
    log->offset = WEIR_SEGMENT_HEADER;
    weir_head_set_live_salt(&log->head, log->salt);
out:
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    free(temp);
    return code;
}

static int rotate(struct weir_eventlog *log, struct weir_error *err)
{
    if (log->fd >= 0 && log->offset < log->options.segment_bytes) {
        return WEIR_OK;
    }
    int old = log->fd;
    int code = begin_segment(log, err);
    if (!code && old >= 0) {
        close(old);
        if (log->sealer) {
            weir_sealer_kick(log->sealer);
        }
    }
    return code;
}

/* Writes one frame of the group; *at moves behind it in the file. */
static int write_frame(struct weir_eventlog *log, char *frame, struct weir_frame_header *h,
                       uint64_t *at, struct weir_error *err)
{
    char *payload = frame + WEIR_FRAME_HEADER;
    if (h->raw >= COMPRESS_FROM && h->raw <= COMPRESS_UP_TO) {
        size_t n = ZSTD_compress2(log->zstd, log->packed, log->packed_cap, payload, h->raw);
        if (!ZSTD_isError(n) && n < h->raw - h->raw / 8) {
            h->codec = WEIR_CODEC_ZSTD;
            h->stored = (uint32_t)n;
            payload = log->packed;
        }
    }
    h->salt = log->salt;
    h->payload_sum = weir_frame_sum(payload, h->stored, h->salt);
    weir_frame_header_encode(h, (unsigned char *)frame);
    struct iovec iov[2] = {{frame, WEIR_FRAME_HEADER}, {payload, h->stored}};
    int code = weir_pwritev_all(log->fd, iov, 2, *at, "the event log", err);
    *at += WEIR_FRAME_HEADER + (uint64_t)h->stored;
    return code;
}

static int write_group(struct weir_eventlog *log, uint64_t *end, struct weir_error *err)
{
    *end = log->offset;
    for (size_t at = 0; at < log->group.len;) {
        struct weir_frame_header h;
        char *frame = log->group.data + at;
        if (!weir_frame_header_decode(frame, 1, &h)) {
            return weir_fail(err, WEIR_EFATAL, "the pending group was overwritten in memory");
        }
        at += WEIR_FRAME_HEADER + (size_t)h.raw;
        int code = write_frame(log, frame, &h, end, err);
        if (code) {
            return code;
        }
    }
    return WEIR_OK;
}

/* Nothing of the group may stay in the log. A full disk is no reason to distrust the segment; any
 * other failure is: the kernel may have thrown the pages away and marked them clean. */
static void give_up_group(struct weir_eventlog *log, int code, bool synced)
{
    bool cut = ftruncate(log->fd, (off_t)log->offset) == 0;
    if (cut && !synced && code == WEIR_ENOSPC) {
        return;
    }
    weir_log(log->options.log, WEIR_LOG_ERROR, "a segment is abandoned after a failed write",
             "first_seq", weir_log_num((int64_t)log->first_seq).text, "offset",
             weir_log_num((int64_t)log->offset).text, "code", weir_code_name(code));
    close(log->fd);
    log->fd = -1;
}

int weir_eventlog_commit(struct weir_eventlog *log, struct weir_error *err)
{
    if (!log->group.len) {
        return WEIR_OK;
    }
    close_frame(log);
    int code = rotate(log, err);
    if (!code) {
        uint64_t end;
        bool syncing = false;
        code = write_group(log, &end, err);
        if (!code) {
            syncing = true;
            code = sync_file(log, log->fd, "the event log", err);
        }
        if (code) {
            give_up_group(log, code, syncing);
        } else {
            log->offset = end;
            log->durable = log->next_seq;
            weir_head_publish(&log->head, log->durable);
        }
    }
    if (code == WEIR_ENOSPC) {
        log->room_checked = 0; /* look again at once */
    }
    drop_group(log);
    return code;
}
