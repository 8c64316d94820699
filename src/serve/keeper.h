/* Private to src/serve: the results that are kept (src/cache), and whether they still hold.
 *
 * A result holds while every table and view that it was made from has the version noted before it
 * was begun, none of them is just being changed, and its time is not over. docs/design/cache.md has
 * the reasons. Everything on the loop's thread, unless it says otherwise. */
#ifndef WEIR_SERVE_KEEPER_H
#define WEIR_SERVE_KEEPER_H

#include "base/json_write.h"
#include "cache/cache.h"
#include "serve/server.h"

struct weir_keeper;

/* Before the warehouse is opened: looks whether it is as the last process left it. */
int weir_keeper_new(struct weir_server *server, struct weir_keeper **out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Right after: takes over what was kept, if it is. */
int weir_keeper_start(struct weir_keeper *keeper, struct weir_error *err) WEIR_MUST_CHECK;
/* Are tables' versions those of the process before, so that what it noted by them still means the
 * same? */
bool weir_keeper_goes_on(const struct weir_keeper *keeper);
/* Before the warehouse is closed, when nothing changes it any more. NULL is fine. */
void weir_keeper_stop(struct weir_keeper *keeper);
/* After it. `closed`: it was closed well, so what is kept may be used by the next process. NULL is
 * fine. */
void weir_keeper_free(struct weir_keeper *keeper, bool closed);
const struct weir_cache_settings *weir_keeper_settings(const struct weir_keeper *keeper);

/* A result that holds, to be released; NULL: there is none in memory. `count` it as a hit. */
struct weir_kept *weir_keeper_find(struct weir_keeper *keeper, struct weir_str key, bool count);
/* May there be one on the disk? Then it is read on another thread; `done` gets it, or NULL, on the
 * loop. False: there is none, and `done` is not called. The key must live until then. */
bool weir_keeper_read(struct weir_keeper *keeper, struct weir_str key,
                      void (*done)(struct weir_kept *kept, void *arg), void *arg);
/* How long would a result of this run hold? Fills life, expires_at. */
void weir_keeper_judge(const struct weir_keeper *keeper, const struct weir_reads *reads,
                       struct weir_kept *model);
/* Keeps it, if its life is worth it. */
void weir_keeper_take(struct weir_keeper *keeper, struct weir_kept *kept);
void weir_keeper_clear(struct weir_keeper *keeper);
/* Counts an answer that shared somebody else's run, and one that had to run. */
void weir_keeper_count(struct weir_keeper *keeper, bool shared);

struct weir_keeper_stats {
    struct weir_cache_size memory, disk;
    uint64_t hits, misses, shared, stale, uncachable, disk_hits, disk_failures;
};
void weir_keeper_stats(const struct weir_keeper *keeper, struct weir_keeper_stats *out);

#endif
