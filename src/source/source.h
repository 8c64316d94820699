/* Sources: rows of other systems, kept up to date in the warehouse.
 *
 * A run reads each stream of a source into a stage beside its table, proves that the stage holds
 * what was read, and then changes the table, the cursor (weir.source_state) and the ledger
 * (weir.loads) in one transaction: a run that is killed at any moment has either happened as a
 * whole, or not at all, and the next one reads from the same cursor. docs/design/sources.md.
 *
 * Threads: two runs of one source must not overlap; runs of different sources may. */
#ifndef WEIR_SOURCE_SOURCE_H
#define WEIR_SOURCE_SOURCE_H

#include <stdatomic.h>

#include "base/data.h"
#include "base/json_write.h"
#include "conf/option.h"
#include "io/hosts.h"
#include "warehouse/warehouse.h"
#include "workspace/workspace.h"

/* Settings (section `source` of weir.yml) and places that connectors need; made once, then only
 * read. */
struct weir_source_site {
    const char *dir;                /* the workspace */
    const char *data;               /* its .weir */
    struct weir_text_list folders;  /* that files may be read from */
    struct weir_hosts hosts;        /* that files may be read from */
    struct weir_text_list programs; /* that may be run; "package": packages of Python */
    int64_t runs;                   /* that go on by themselves at one time, at most */
    uint64_t memory;                /* that these may take together */
    weir_time history;              /* how long the ledger keeps what is over */
    struct weir_text_list env;      /* variables that secrets may be in, beside WEIR_SOURCE_… */
    const atomic_bool *stop; /* ends the installing of programs, and looks into them; or NULL */
    weir_time patience;      /* a program that is only looked into has so long; 0: any */
    bool trial; /* of a file that is not saved: what one of its name keeps stays as it is */
    const struct weir_source_typed *typed; /* secrets of a source that is tried before it is made */
};
extern const struct weir_option weir_source_settings[];
int weir_source_site_init(struct weir_workspace *workspace, struct weir_source_site *out,
                          struct weir_error *err) WEIR_MUST_CHECK;

struct weir_source_watch; /* source/schedule/watch.h */
struct weir_source_rests; /* source/run/run.h */
/* How far a run is; any thread may read it. */
struct weir_source_progress {
    atomic_ullong rows, bytes;
    struct weir_source_watch *watch; /* what it does, stream by stream; NULL: nobody looks */
    atomic_bool stop;                /* set it to end the run: WEIR_ECANCELED, nothing changed */
    atomic_bool asked;               /* it failed by what was asked of it, not by its source */
    atomic_bool well;                /* a part of it went well, whatever fails beside that */
    atomic_bool rested;              /* a stream was not tried, as it failed a moment ago */
    atomic_bool noted;               /* the ledger has a failure of this run */
    atomic_bool gone;                /* of a run of all: a stream is gone at the source */
};

/* It failed, and by nothing but streams that rested: what was wrong with them was said before. */
bool weir_source_only_rested(const struct weir_source_progress *progress);

#define WEIR_SOURCE_ALL "*" /* the stream that is said where a source as a whole is meant */
struct weir_source_run {
    const struct weir_source_site *site;
    struct weir_warehouse *warehouse;
    const struct weir_log *log;
    const char *source;
    const char *stream;    /* NULL: all */
    const char *from, *to; /* a back-fill: from here on, to before there; or NULL */
    bool well;             /* no stream of it stands as failed, as far as is known */
    bool rest;             /* what failed is tried less often the longer it does */
    const struct weir_source_rests *rests; /* weir_source_sync finds out which */
    bool full;                             /* forget cursors: read everything, build tables anew */
    bool moved;                            /* the rows are the same, though their place is new */
    bool verify;                           /* compare tables with the source; load nothing */
    bool repair;                           /* with verify: load again what differs */
    struct weir_source_progress *progress; /* may be NULL */
};

/* 8 hex digits of the time and 8 of chance: sorts by time. */
#define WEIR_SOURCE_RUN_SIZE 17
void weir_source_run_id(char out[WEIR_SOURCE_RUN_SIZE]);

/* Runs, and prints {"run","source","status","streams":[{"stream","table","status","rows_read",
 * "rows_written","rows_discarded","rows_superseded","error",…}]}. `status`: loaded, unchanged,
 * failed, mismatch. A stream that fails does not keep the next from loading; the code is that of
 * the first failure. `id` is a fresh weir_source_run_id. */
int weir_source_sync(const struct weir_source_run *run, const char *id, struct weir_jw *report,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* Can it be asked so? What the source's file says of that, before it begins: WEIR_EINVAL, or
 * WEIR_ENOENT. */
int weir_source_asked(const struct weir_source_run *run, struct weir_error *err) WEIR_MUST_CHECK;

/* {"streams":[{"name","table","mode","files","bytes","columns":[{"name","original","type"}]}]} of a
 * source; `columns`: also look into each stream. Reads nothing into the warehouse. */
int weir_source_discover(const struct weir_source_site *site, const char *source, bool columns,
                         struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;
/* The same of a file's text that is not saved yet. */
int weir_source_discover_text(const struct weir_source_site *site, const char *name,
                              struct weir_str text, bool columns, struct weir_jw *w,
                              struct weir_error *err) WEIR_MUST_CHECK;

/* The first rows of a stream, as they would be loaded; nothing is. */
struct weir_source_preview {
    const char *source;           /* its name */
    struct weir_str text_of_file; /* as it would be saved; ptr NULL: as it is */
    struct weir_str stream;
    bool whole; /* also columns that are excluded */
    size_t most;
    /* Writes a value as people read it. */
    void (*text)(struct weir_buf *out, const struct weir_column *column,
                 const struct weir_vector *v, size_t row);
};
/* {"stream","table","columns":[as discover has them],"rows":[[text or null]],"more",
 * "bad_lines":[{"line","text","reason"}]}. WEIR_ETIMEDOUT after half a minute. */
int weir_source_preview(const struct weir_source_site *site, const struct weir_source_preview *what,
                        struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;

/* [{"name","title","options":[{"name","type","help","required","choices","default"}]}] */
void weir_source_print_connectors(struct weir_jw *w);
/* The list of options alone. */
void weir_source_print_options(const struct weir_option *options, struct weir_jw *w);

/* The rows of weir.loads of this source (NULL: all), newest first: [{"run",…}]. */
int weir_source_runs_list(struct weir_session *session, const char *source, const char *run,
                          unsigned limit, struct weir_jw *w,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* Rows of the ledger that began before `before` go, with the rows that their runs set aside. What
 * says how each stream and table stands now stays: its latest load and comparison, its latest load
 * that went well, and since when it fails. `gone` gets how many rows went. */
int weir_source_prune(struct weir_session *session, weir_time before, uint64_t *gone,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* A folder of .weir/taps that a trial made (`made`) or used is marked, until a source uses it. */
int weir_source_trial_note(const char *home, bool trial, bool made,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* What trials left there goes (settings in clear, environments of Python), where none used it since
 * `before`, and no source has its name. */
int weir_source_trials_prune(const struct weir_source_site *site, weir_time before,
                             struct weir_error *err) WEIR_MUST_CHECK;

/* The text of sources/<name>.yml of an object with `kind`, `connection`, …; it is checked as when
 * it is read. */
int weir_source_new_text(const char *name, const struct weir_data *what, struct weir_buf *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
struct weir_source_typed;
/* Writes the file, and seals what was typed for it. WEIR_EEXIST when it is there: nothing of it
 * changes. */
int weir_source_create(const struct weir_source_site *site, const char *name, struct weir_str text,
                       const struct weir_source_typed *typed,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* The file goes; tables stay. WEIR_EINVAL for a source of tracking, whose file is its key. */
int weir_source_remove(struct weir_workspace *workspace, const char *name,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EUNSUPPORTED: a newer weir has had the workspace, and its cursors may say what this one does
 * not know. */
int weir_source_kept_check(const struct weir_source_site *site,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* When its latest run was, as it is kept over starts of the server; `what`: "sync" or "verify". */
struct weir_source_turn;
int weir_source_turn_get(const struct weir_source_site *site, const char *source, const char *what,
                         struct weir_source_turn *out, struct weir_error *err) WEIR_MUST_CHECK;
/* One ended now, with this code: WEIR_ECANCELED is no failure, as what somebody ended is not tried
 * again until it is due, and no end that `after` waits for. weir_source_sync does so itself, but
 * for runs of one stream or from some point on, and those that the server's end cut off.
 * `partly`: it failed, and others of its streams went well. `gone`: the streams that are gone;
 * NULL: it is not known, and is what it was. */
int weir_source_turn_end(const struct weir_source_site *site, const char *source, const char *what,
                         weir_time began, int code, bool partly, const char *gone,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Keeps when something else than a run began: since when it is "paused", "broken", "missing". */
int weir_source_turn_note(const struct weir_source_site *site, const char *source, const char *what,
                          weir_time at, struct weir_error *err) WEIR_MUST_CHECK;
/* Others than these (an array of JSON) are not so now. */
int weir_source_turn_keep(const struct weir_source_site *site, const char *what,
                          struct weir_str sources, struct weir_error *err) WEIR_MUST_CHECK;
/* When its file is gone, and before its secrets are: what stands at the source for it (a
 * replication slot) is taken away. `note` gets what stayed there, why, and what to run; nothing
 * when all is well. */
struct weir_source_config;
void weir_source_leave(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                       struct weir_source_config *config, struct weir_buf *note);
/* What stands at the source for it and costs it something while nobody reads: "the slot … keeps …".
 * False: nothing, as far as its file says, and `warehouse`: where it was followed before, and is no
 * more, or by another name. NULL: the file alone is asked. */
bool weir_source_keeps(const char *workspace_dir, struct weir_warehouse *warehouse,
                       const char *name, struct weir_buf *out);
/* Sources of its kind may leave something there; the warehouse knows. */
bool weir_source_may_keep(const char *workspace_dir, const char *name);
/* No file says anything of a source of this name. */
bool weir_source_file_gone(const char *workspace_dir, const char *name);
/* Sources whose files are gone otherwise than by weir_source_remove (by git, by another name), and
 * what stands at their servers still: by weir.source_state. Texts in the arena. */
struct weir_source_left {
    const char *source;
    const char *says; /* a sentence: what there is, and what ends it */
};
int weir_source_left_read(struct weir_session *session, const char *workspace_dir,
                          struct weir_arena *arena, struct weir_source_left **out, size_t *count,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Takes that away, and forgets the source, whatever comes of it: `note` gets what stayed, as above.
 * WEIR_ENOENT: nothing of such a source is left. */
int weir_source_leave_gone(const struct weir_source_site *site, struct weir_warehouse *warehouse,
                           const char *name, struct weir_buf *note,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* A run of a process that ended before it did, so that nobody told its end (a kill, a machine that
 * stopped): it becomes a failure of the ledger and of the schedule. In
 * `run` its source, stream and `verify` count. No source of this name any more: nothing is done. */
int weir_source_cut_off(const struct weir_source_run *run, const char *id, weir_time began,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* What such runs had staged, of sources that are gone, too. While none runs. */
int weir_source_drop_stages(struct weir_warehouse *warehouse,
                            struct weir_error *err) WEIR_MUST_CHECK;
#define WEIR_SOURCE_CUT_OFF                                                                        \
    "weir itself ended in the midst of this run (it was killed, or the machine stopped): what "    \
    "the "                                                                                         \
    "run had not loaded as a whole by then did not happen; the next run loads it"
/* What it had for itself: its secrets (SOURCE.*), the folder of its program with all that this was
 * given, and when it ran. For when its file is gone for good. */
int weir_source_forget(const struct weir_source_site *site, const char *name,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Sets members of the file to those of `changes`; its comments stay. Secrets that were typed are
 * sealed, and named in the file. */
int weir_source_change(const struct weir_source_site *site, const char *name,
                       const struct weir_data *changes, struct weir_arena *arena,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT, or what is wrong with its file. */
int weir_source_exists(const char *workspace_dir, const char *name,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* What is wrong with its file, or with what its file says of other sources; it begins with the
 * file's name. */
int weir_source_check_file(const char *workspace_dir, const char *name,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Is there this time zone? `key` ("schedule") is for the message. */
int weir_source_zone_check(struct weir_warehouse *engine, const char *key, const char *zone,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Are there those of its file? `*engine` knows; where it is NULL one is opened when it is needed,
 * for the caller to close. The message begins with the file's name. */
int weir_source_zones_check(const char *workspace_dir, const char *name,
                            struct weir_warehouse **engine, struct weir_error *err) WEIR_MUST_CHECK;
/* Members of an object: "name","kind","schema","schedule","verify","paused","follows","kept",
 * "next_at","run","error"; a file with a mistake has its words in `error`, and is no failure.
 * `trouble`: what is wrong with a source whose file is well; "": nothing. `next`: when it would run
 * next by itself; 0: not. */
int weir_source_describe(const char *workspace_dir, struct weir_warehouse *warehouse,
                         const char *name, const char *run, const char *trouble, weir_time next,
                         struct weir_jw *w, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EEXIST when the file is not of this version any more: its text has changed. */
int weir_source_base_check(const char *workspace_dir, const char *name, struct weir_str base,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* The file: {"file","text","version","settings"}, the last as data. Of a source of tracking, too.
 * Not `whole`: text and settings are null where the file has a mistake, as that may be a secret in
 * it, or a file in which nobody can tell one. */
int weir_source_print_file(const char *workspace_dir, const char *name, bool whole,
                           struct weir_arena *arena, struct weir_jw *w,
                           struct weir_error *err) WEIR_MUST_CHECK;
struct weir_source_rota; /* schedule.h */
int weir_source_schedule_of(const char *workspace_dir, const char *name,
                            struct weir_source_rota *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_is_paused(const char *workspace_dir, const char *name, bool *paused,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Writes `paused: true` into the file, or takes it out. */
int weir_source_pause(const char *workspace_dir, const char *name, bool paused,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
