/* What a log folder is worth after a crash: verify the last segment, cut what is torn, publish.
 * Private to this folder. */
#ifndef WEIR_EVENTLOG_RECOVER_H
#define WEIR_EVENTLOG_RECOVER_H

#include "eventlog/eventlog.h"
#include "eventlog/head.h"

/* Where to append. */
struct weir_log_tail {
    bool usable; /* false: begin a new segment */
    uint64_t first_seq;
    uint64_t salt;
    uint64_t offset;
};

/* The caller holds the lock and has `head` open for writing. Nothing is published yet. */
int weir_log_recover(const char *dir, const struct weir_head *head, const struct weir_log *log,
                     struct weir_recovery *out, struct weir_log_tail *tail,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* A head that can be trusted: the live writer's, the one of a clean close, or, when no writer runs,
 * one made by recovering the log first. A folder that is missing or has no log in it gives a
 * private head (nothing durable). WEIR_EBUSY: a writer runs and its head is gone; it makes a new
 * one soon. */
int weir_head_attach(struct weir_head *head, const char *dir,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The same, touching nothing: *trusted is false when only a recovery would tell. */
int weir_head_peek(struct weir_head *head, const char *dir, bool *trusted,
                   struct weir_error *err) WEIR_MUST_CHECK;

#endif
