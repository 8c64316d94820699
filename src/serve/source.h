/* Runs of sources in the server: each on a thread of its own, one at a time of one source, so that
 * none waits for another. The latest are remembered here, some of them over the server's end
 * (source_said.h); all are in weir.loads. */
#ifndef WEIR_SERVE_SOURCE_H
#define WEIR_SERVE_SOURCE_H

#include "base/json_write.h"
#include "source/ledger/counts.h"
#include "source/schedule/schedule.h"
#include "source/source.h"

struct weir_server;
struct weir_source_runs;

int weir_source_runs_new(struct weir_server *server, struct weir_source_runs **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Ends what runs (nothing of it is loaded) and waits for it; takes no more. NULL is fine. */
void weir_source_runs_stop(struct weir_source_runs *runs);
void weir_source_runs_free(struct weir_source_runs *runs);
const struct weir_source_site *weir_source_runs_site(const struct weir_source_runs *runs);
/* Of the tables' rows, for all who ask. */
struct weir_source_counts *weir_source_runs_counts(const struct weir_source_runs *runs);
struct weir_source_ills *weir_source_runs_ills(const struct weir_source_runs *runs);

/* Any thread. `stream` NULL: all. WEIR_EBUSY while a run of this source goes on. */
struct weir_source_wanted { /* of a run; NULL: as members of struct weir_source_run */
    const char *stream, *from, *to;
    bool full, moved, verify, repair;
    bool rest; /* where a part failed the last time, those streams rest before they are tried */
};
int weir_source_runs_start(struct weir_source_runs *runs, const char *source,
                           const struct weir_source_wanted *wanted, char id[WEIR_SOURCE_RUN_SIZE],
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Is called when a run has ended, by its thread, and must not wait nor ask anything of the runs.
 * NULL: no more, from when this returns. */
void weir_source_runs_on_end(struct weir_source_runs *runs, void (*ended)(void *arg), void *arg);
/* No run of it begins until it is released. WEIR_EBUSY while one goes on. */
int weir_source_runs_hold(struct weir_source_runs *runs, const char *source,
                          struct weir_error *err) WEIR_MUST_CHECK;
bool weir_source_runs_is_held(struct weir_source_runs *runs, const char *source);
void weir_source_runs_release(struct weir_source_runs *runs, const char *source);
/* Prints {"run","source","state",…,"log","report"}; false when it is not remembered. */
bool weir_source_runs_print(struct weir_source_runs *runs, const char *id, struct weir_jw *w);
/* Its latest run without log and report, or null. */
void weir_source_runs_print_latest(struct weir_source_runs *runs, const char *source,
                                   struct weir_jw *w);
/* All of its runs that are remembered, newest first, and those that are kept, likewise. */
void weir_source_runs_print_all(struct weir_source_runs *runs, const char *source,
                                struct weir_jw *w);
/* Tells of each run that began, went on or ended since it was asked the last time: `json` is what
 * weir_source_runs_print_latest prints. */
typedef void (*weir_source_runs_tell)(void *arg, const char *source, struct weir_str json);
void weir_source_runs_news(struct weir_source_runs *runs, weir_source_runs_tell tell, void *arg);
/* Something else about this source is other than it was: a file, a pause. "*": of any. */
void weir_source_runs_touch(struct weir_source_runs *runs);
bool weir_source_runs_touched(struct weir_source_runs *runs); /* since the last time */
/* The run of this source that goes on: its id, or "". */
void weir_source_runs_of(struct weir_source_runs *runs, const char *source,
                         char id[WEIR_SOURCE_RUN_SIZE]);
/* The latest run of all of this source that loaded, or compared (`verify`): its times, and how many
 * failed in a row up to it; left alone when none is remembered. True: any run goes on. */
bool weir_source_runs_turn(struct weir_source_runs *runs, const char *source, bool verify,
                           struct weir_source_turn *turn);
/* How many runs go on that take a place: not those that have only waited for some seconds, as far
 * as they are not too many. */
size_t weir_source_runs_count(struct weir_source_runs *runs);
/* Does a run of it go on, and not only wait? */
bool weir_source_runs_is_busy(struct weir_source_runs *runs, const char *source);
/* false: it does not run. */
bool weir_source_runs_cancel(struct weir_source_runs *runs, const char *id);

#endif
