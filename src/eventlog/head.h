/* The shared page `head`: what is durable, and a futex to wait for more. Private to this folder.
 *
 * Derived data: whoever finds it missing or untrustworthy makes it again from the segments (see
 * recover.h). Threads: one publisher; any number of waiters in any process. */
#ifndef WEIR_EVENTLOG_HEAD_H
#define WEIR_EVENTLOG_HEAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"

enum weir_head_state {
    WEIR_HEAD_UNKNOWN,
    WEIR_HEAD_CLEAN, /* no writer, and the last one closed well */
    WEIR_HEAD_LIVE,
    WEIR_HEAD_RECOVERING
};

struct weir_head_page;

struct weir_head {
    struct weir_head_page *page; /* NULL: not open */
    bool shared; /* mapped from the file; else this process's own (read-only folder) */
    dev_t device;
    ino_t inode;
};

/* Maps the file: to write (made, or cut to size, when need be) or to read (WEIR_ENOENT when it is
 * missing or no head). */
int weir_head_open(struct weir_head *head, const char *dir, bool write,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* A head of our own, for a log that nobody writes and that we may not write to either. */
int weir_head_private(struct weir_head *head, uint64_t durable,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_head_close(struct weir_head *head);
/* The file was removed or replaced since it was mapped, or there is one now where none was. */
bool weir_head_is_stale(const struct weir_head *head, const char *dir);

enum weir_head_state weir_head_state(const struct weir_head *head);
void weir_head_set_state(struct weir_head *head, enum weir_head_state state);
/* Stamps boot id and pid, then the state: the page is this process's to publish in. */
void weir_head_begin(struct weir_head *head, enum weir_head_state state);
/* Was it written since the machine booted? */
bool weir_head_of_this_boot(const struct weir_head *head);
/* State clean, sum right, of this boot: `offset` is the end of the last segment. */
bool weir_head_is_clean(const struct weir_head *head, uint64_t *offset);
void weir_head_set_clean(struct weir_head *head, uint64_t offset);

uint64_t weir_head_durable(const struct weir_head *head);
/* 0 when the page does not vouch for it: then only the segments tell. */
uint64_t weir_head_vouched_durable(const struct weir_head *head);
uint64_t weir_head_live_salt(const struct weir_head *head);
void weir_head_set_live_salt(struct weir_head *head, uint64_t salt);
/* Everything below `durable` is on the disk: wakes all waiters. */
void weir_head_publish(struct weir_head *head, uint64_t durable);

uint32_t weir_head_ticket(const struct weir_head *head); /* take it, look, then wait with it */
/* Returns when something was published since the ticket, after `timeout`, or for no reason. */
void weir_head_wait(const struct weir_head *head, uint32_t ticket, weir_time timeout);

#endif
