#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "eventlog/head.h"
#include "eventlog/recover.h"
#include "eventlog/scan.h"
#include "eventlog/segments.h"

#define HEAD_CHECK_EVERY WEIR_SECOND /* was the head file replaced? */
#define HEAD_POLL_EVERY  (50000)     /* is there a head now? microseconds */

struct weir_eventlog_reader {
    char *dir;
    struct weir_head head;
    weir_time head_checked;
    struct weir_segments list;
    struct weir_scan scan; /* fd -1: before the first segment */
    uint64_t next;         /* seq wanted next */
    uint64_t end_seq;      /* of the open segment; 0: it is the last, as far as we know */

    const char *at; /* records of the current frame that were not returned yet */
    size_t left;
    uint64_t at_seq;
    uint64_t frame_end;
};

int weir_eventlog_reader_open(const char *dir, uint64_t from_seq, weir_eventlog_on_damage on_damage,
                              void *arg, struct weir_eventlog_reader **out, struct weir_error *err)
{
    struct weir_eventlog_reader *r = calloc(1, sizeof *r);
    if (!r || !(r->dir = strdup(dir))) {
        free(r);
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    weir_scan_init(&r->scan, on_damage, arg);
    r->next = from_seq ? from_seq : 1;
    r->scan.quiet_below = r->next;
    int code = weir_head_attach(&r->head, dir, err);
    if (code) {
        weir_eventlog_reader_close(r);
        return code;
    }
    r->head_checked = weir_mono();
    *out = r;
    return WEIR_OK;
}

void weir_eventlog_reader_close(struct weir_eventlog_reader *r)
{
    if (!r) {
        return;
    }
    weir_scan_free(&r->scan);
    weir_head_close(&r->head);
    weir_segments_free(&r->list);
    free(r->dir);
    free(r);
}

/* The head file may come into being, be deleted, be made anew: looked at now and then. */
static void refresh_head(struct weir_eventlog_reader *r)
{
    weir_time now = weir_mono();
    weir_time every = r->head.shared ? HEAD_CHECK_EVERY : HEAD_POLL_EVERY;
    if (now - r->head_checked < every) {
        return;
    }
    r->head_checked = now;
    struct weir_head fresh;
    if (weir_head_is_stale(&r->head, r->dir) && !weir_head_attach(&fresh, r->dir, NULL)) {
        weir_head_close(&r->head);
        r->head = fresh;
    }
}

static int open_segment(struct weir_eventlog_reader *r, uint64_t first_seq, struct weir_error *err)
{
    int code = weir_scan_open(&r->scan, r->dir, first_seq, err);
    r->end_seq = code ? 0 : weir_segments_after(&r->list, first_seq);
    return code;
}

/* Records were durable, and the folder has no segment at all: someone removed them. */
static int all_lost(struct weir_eventlog_reader *r)
{
    uint64_t durable = weir_head_durable(&r->head);
    struct weir_eventlog_damage damage = {.first = r->next, .count = durable - r->next};
    if (r->scan.on_damage) {
        r->scan.on_damage(&damage, r->scan.arg);
    }
    r->next = durable;
    return WEIR_EAGAIN;
}

/* Opens the segment that holds r->next, else the first one behind it. WEIR_EAGAIN: none. */
static int open_at_next(struct weir_eventlog_reader *r, struct weir_error *err)
{
    for (int tries = 0; tries < 100; tries++) {
        int code = weir_segments_list(&r->list, r->dir, err);
        if (code || !r->list.count) {
            return code ? code : all_lost(r);
        }
        code = open_segment(r, r->list.first[weir_segments_find(&r->list, r->next)], err);
        if (code != WEIR_ENOENT) { /* expired between listing and opening: look again */
            return code;
        }
    }
    return weir_fail(err, WEIR_EBUSY, "%s: segments vanish faster than they can be opened", r->dir);
}

/* The open segment ended. Goes to the next one; a hole between them is no damage when the segment
 * we stand in was expired, for then the ones behind it may have been too. */
static int open_following(struct weir_eventlog_reader *r, struct weir_error *err)
{
    uint64_t next = weir_segments_after(&r->list, r->scan.first_seq);
    int code = next ? open_segment(r, next, err) : WEIR_ENOENT;
    if (code == WEIR_ENOENT) {
        if (r->next < r->scan.expect) {
            r->next = r->scan.expect;
        }
        code = open_at_next(r, err);
    }
    return code;
}

static bool same_file(struct weir_eventlog_reader *r, bool *gone)
{
    struct stat ours;
    struct stat named;
    char *path = weir_segment_path(r->dir, r->scan.first_seq, "");
    int failed = path ? stat(path, &named) : 0;
    *gone = path && failed && errno == ENOENT;
    free(path);
    return !failed && fstat(r->scan.fd, &ours) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

/* The seq at which reading the open segment must stop now. */
static int find_limit(struct weir_eventlog_reader *r, uint64_t *limit, struct weir_error *err)
{
    /* This order matters: the writer changes the live salt before it publishes what is in the new
     * segment, so a segment that is still live here has everything below `durable`. */
    uint64_t durable = weir_head_durable(&r->head);
    bool live = r->scan.salt && r->scan.salt == weir_head_live_salt(&r->head);
    if (!live && !r->end_seq && r->scan.expect < durable) {
        int code = weir_segments_list(&r->list, r->dir, err);
        if (code) {
            return code;
        }
        r->end_seq = weir_segments_after(&r->list, r->scan.first_seq);
        bool gone;
        if (!same_file(r, &gone)) {
            if (gone && r->end_seq) { /* expired while we stood in it: nothing behind is known */
                r->end_seq = r->scan.expect;
            } else if (!r->end_seq && !gone) {
                /* An abandoned segment was begun anew under the same name. */
                r->next = r->next > r->scan.expect ? r->next : r->scan.expect;
                r->scan.quiet_below = r->next;
                code = open_segment(r, r->scan.first_seq, err);
                if (code) {
                    return code;
                }
            }
        }
    }
    *limit = !live && r->end_seq && r->end_seq < durable ? r->end_seq : durable;
    return WEIR_OK;
}

static int next_frame(struct weir_eventlog_reader *r, struct weir_error *err)
{
    for (;;) {
        uint64_t limit;
        struct weir_scan_frame frame;
        int code = r->scan.fd < 0 ? open_at_next(r, err) : WEIR_OK;
        if (!code) {
            code = find_limit(r, &limit, err);
        }
        if (code) {
            return code;
        }
        code = weir_scan_next(&r->scan, limit, r->next, &frame, err);
        if (!code) {
            r->at = frame.records;
            r->left = frame.n;
            r->at_seq = frame.header.first_seq;
            r->frame_end = r->at_seq + frame.header.records;
            return WEIR_OK;
        }
        if (code != WEIR_EAGAIN || !r->end_seq || limit != r->end_seq) {
            return code;
        }
        code = open_following(r, err);
        if (code) {
            return code;
        }
    }
}

int weir_eventlog_read(struct weir_eventlog_reader *r, struct weir_record *out,
                       struct weir_error *err)
{
    for (;;) {
        while (r->at_seq < r->frame_end) {
            size_t size;
            if (!weir_record_decode(r->at, r->left, out, &size)) {
                r->at_seq = r->frame_end;
                return weir_fail(err, WEIR_ECORRUPT, "%s: a verified frame is malformed",
                                 r->scan.name);
            }
            r->at += size;
            r->left -= size;
            out->seq = r->at_seq++;
            if (out->seq >= r->next) {
                r->next = out->seq + 1;
                return WEIR_OK;
            }
        }
        refresh_head(r);
        if (r->next >= weir_head_durable(&r->head)) {
            return WEIR_EAGAIN;
        }
        int code = next_frame(r, err);
        if (code) {
            /* what is damaged up to here was reported: do not wait for it again */
            if (code == WEIR_EAGAIN && r->scan.fd >= 0 && r->scan.expect > r->next) {
                r->next = r->scan.expect;
            }
            return code;
        }
    }
}

int weir_eventlog_wait(struct weir_eventlog_reader *r, weir_time timeout)
{
    weir_time deadline = weir_mono() + timeout;
    for (;;) {
        uint32_t ticket = weir_head_ticket(&r->head);
        if (r->next < weir_head_durable(&r->head)) {
            return WEIR_OK;
        }
        weir_time left = deadline - weir_mono();
        if (left <= 0) {
            return WEIR_EAGAIN;
        }
        weir_time slice = r->head.shared ? HEAD_CHECK_EVERY : HEAD_POLL_EVERY;
        weir_head_wait(&r->head, ticket, left < slice ? left : slice);
        refresh_head(r);
    }
}

int weir_eventlog_durable_seq(const char *dir, uint64_t *next_seq, struct weir_error *err)
{
    struct weir_head head;
    int code = weir_head_attach(&head, dir, err);
    if (!code) {
        *next_seq = weir_head_durable(&head);
        weir_head_close(&head);
    }
    return code;
}
