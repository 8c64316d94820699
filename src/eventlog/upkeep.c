#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eventlog/head.h"
#include "eventlog/recover.h"
#include "eventlog/scan.h"
#include "eventlog/seal.h"
#include "eventlog/segments.h"
#include "io/file.h"

struct counting {
    weir_eventlog_on_damage on_damage;
    void *arg;
    uint64_t damaged;
};

static void count_damage(const struct weir_eventlog_damage *damage, void *arg)
{
    struct counting *counting = arg;
    counting->damaged++;
    if (counting->on_damage) {
        counting->on_damage(damage, counting->arg);
    }
}

static void add_frame(struct weir_eventlog_segment *out, const struct weir_frame_header *h)
{
    if (!out->frames || h->first_at < out->first_at) {
        out->first_at = h->first_at;
    }
    if (!out->frames || h->last_at > out->last_at) {
        out->last_at = h->last_at;
    }
    out->frames++;
    out->records += h->records;
    out->raw_bytes += h->raw;
}

static int walk(struct weir_scan *scan, uint64_t limit, struct weir_eventlog_segment *out,
                struct weir_error *err)
{
    struct weir_scan_frame frame;
    int code;
    while ((code = weir_scan_next(scan, limit, 0, &frame, err)) == WEIR_OK) {
        add_frame(out, &frame.header);
    }
    if (code != WEIR_EAGAIN) {
        return code;
    }
    if (scan->torn || !scan->header_ok) {
        struct weir_eventlog_damage damage = {.first = scan->expect};
        damage.offset = scan->torn ? scan->offset : 0;
        memcpy(damage.segment, scan->name, sizeof damage.segment);
        scan->on_damage(&damage, scan->arg);
    }
    return WEIR_OK;
}

/* `scan` is initialised with count_damage and has the segment open. */
static int describe(struct weir_scan *scan, uint64_t limit, bool deep,
                    struct weir_eventlog_segment *out, struct weir_error *err)
{
    struct stat st;
    struct counting *counting = scan->arg;
    if (fstat(scan->fd, &st)) {
        return weir_fail_errno(err, errno, "stat %s", scan->name);
    }
    *out = (struct weir_eventlog_segment){.first_seq = scan->first_seq,
                                          .bytes = (uint64_t)st.st_size,
                                          .sealed = scan->header_ok && scan->header.sealed};
    memcpy(out->name, scan->name, sizeof out->name);
    counting->damaged = 0;
    int code = WEIR_OK;
    if (out->sealed && !deep) {
        out->records = scan->header.records;
        out->frames = scan->header.frames;
        out->raw_bytes = scan->header.raw_bytes;
        out->first_at = scan->header.first_at;
        out->last_at = scan->header.last_at;
    } else {
        scan->headers_only = !deep;
        code = walk(scan, limit, out, err);
    }
    out->damaged_frames = counting->damaged;
    return code;
}

/* Up to where the last segment counts: what is published, or all that verifies when nobody can tell
 * (a killed writer, a copy). Touches nothing. */
static uint64_t last_limit(const char *dir)
{
    struct weir_head head;
    bool trusted = false;
    uint64_t limit = WEIR_SCAN_TO_END;
    if (weir_head_peek(&head, dir, &trusted, NULL) == WEIR_OK) {
        if (trusted) {
            limit = weir_head_durable(&head);
        }
        weir_head_close(&head);
    }
    return limit;
}

int weir_eventlog_each_segment(const char *dir, bool deep,
                               int (*fn)(const struct weir_eventlog_segment *segment, void *arg),
                               weir_eventlog_on_damage on_damage, void *arg, struct weir_error *err)
{
    struct counting counting = {.on_damage = on_damage, .arg = arg};
    struct weir_segments list = {0};
    struct weir_scan scan;
    weir_scan_init(&scan, count_damage, &counting);
    /* the limit first: a segment that begins later is then the reason for a limit beyond ours */
    uint64_t durable = last_limit(dir);
    int code = weir_segments_list(&list, dir, err);
    for (size_t i = 0; !code && i < list.count; i++) {
        struct weir_eventlog_segment segment;
        uint64_t limit = i + 1 < list.count ? list.first[i + 1] : durable;
        code = weir_scan_open(&scan, dir, list.first[i], err);
        if (code == WEIR_ENOENT) { /* expired meanwhile */
            code = WEIR_OK;
            continue;
        }
        if (!code) {
            code = describe(&scan, limit, deep, &segment, err);
        }
        if (!code) {
            code = fn(&segment, arg);
        }
    }
    weir_scan_free(&scan);
    weir_segments_free(&list);
    return code;
}

/* --- retention ---------------------------------------------------------------------------------
 */

static int is_older(const char *dir, uint64_t first_seq, uint64_t end_seq, weir_time before,
                    bool *older, struct weir_error *err)
{
    struct counting counting = {0};
    struct weir_eventlog_segment segment;
    struct weir_scan scan;
    struct stat st;
    weir_scan_init(&scan, count_damage, &counting);
    int code = weir_scan_open(&scan, dir, first_seq, err);
    if (!code) {
        code = describe(&scan, end_seq, false, &segment, err);
    }
    if (!code && fstat(scan.fd, &st)) {
        code = weir_fail_errno(err, errno, "stat %s", scan.name);
    }
    if (!code) {
        /* what is damaged may be as young as the file */
        weir_time newest = segment.last_at;
        weir_time changed = (weir_time)st.st_mtim.tv_sec * WEIR_SECOND;
        if ((segment.damaged_frames || !segment.frames) && changed > newest) {
            newest = changed;
        }
        *older = newest < before;
    }
    weir_scan_free(&scan);
    return code;
}

static int expire_locked(const char *dir, weir_time before, unsigned *removed,
                         struct weir_error *err)
{
    struct weir_segments list = {0};
    int code = weir_segments_list(&list, dir, err);
    /* Only from the old end: a hole in the middle would look like damage. */
    bool older = true;
    for (size_t i = 0; !code && older && i + 1 < list.count; i++) {
        code = is_older(dir, list.first[i], list.first[i + 1], before, &older, err);
        if (code || !older) {
            break;
        }
        char *path = weir_segment_path(dir, list.first[i], "");
        if (!path) {
            code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
        } else if (unlink(path)) {
            code = weir_fail_errno(err, errno, "remove %s", path);
        } else {
            ++*removed;
        }
        free(path);
    }
    weir_segments_free(&list);
    if (!code && *removed) {
        code = weir_dir_sync(dir, err);
    }
    return code;
}

int weir_eventlog_expire(const char *dir, weir_time before, unsigned *removed,
                         struct weir_error *err)
{
    int lock;
    *removed = 0;
    struct stat st;
    if (stat(dir, &st) && errno == ENOENT) {
        return WEIR_OK;
    }
    int code = weir_segments_lock(dir, &lock, err);
    if (!code) {
        code = expire_locked(dir, before, removed, err);
        close(lock);
    }
    return code;
}
