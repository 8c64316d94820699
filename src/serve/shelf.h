/* The workspace's documents in the running server.
 *
 * One thread reads the disk, saves and asks git (see workspace/document.h); it also looks every
 * second whether files changed. Another one talks to the remote, which may take minutes. What only
 * reads documents is answered on the loop's thread from the newest snapshot. */
#ifndef WEIR_SERVE_SHELF_H
#define WEIR_SERVE_SHELF_H

#include "serve/look.h"
#include "serve/server.h"
#include "workspace/document.h"

struct weir_shelf;

int weir_shelf_new(struct weir_server *server, struct weir_shelf **out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* On the loop's thread: ends the streams of GET /api/changes, so that the server can drain. */
void weir_shelf_hang_up(struct weir_shelf *shelf);
/* Waits for what is under way. NULL is fine. */
void weir_shelf_free(struct weir_shelf *shelf);
struct weir_documents *weir_shelf_hold(struct weir_shelf *shelf); /* any thread */

struct weir_views;
struct weir_views *weir_shelf_views(struct weir_shelf *shelf); /* see serve/views.h */
/* On the documents' thread: the warehouse gets the views as they are now. */
void weir_shelf_sync_views(struct weir_shelf *shelf);

struct weir_publishing;
struct weir_publishing *weir_shelf_publishing(struct weir_shelf *shelf); /* see published.h */
/* Any thread: tell the pages that listen; `version` "": it is published no more. */
void weir_shelf_tell_publication(struct weir_shelf *shelf, const char *report, const char *version,
                                 const char *by);
void weir_shelf_tell_comment(struct weir_shelf *shelf, const char *report, const char *by);

/* --- what a caller may do with a collection --------------------------------------------------- */
struct weir_levels {
    bool all; /* an admin */
    bool viewer;
    struct weir_str *collections;
    bool *edit;
    size_t count;
    struct weir_str *shared; /* ids of reports, in order */
    size_t shared_count;
    struct weir_published *published; /* all that is, in order, and whether to her */
    size_t published_count;
};
/* Reads the groups of who calls, and what is shared with her; in the arena. */
int weir_levels_of(const struct weir_call *call, struct weir_arena *arena, struct weir_levels *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
enum weir_level weir_level_in(const struct weir_levels *levels, const char *collection);
/* Of a report: to edit as its collection says. To view, while it is published, when it is published
 * to her or shared with her; else as its collection says, or when it is shared with her. */
enum weir_level weir_level_of(const struct weir_levels *levels, const char *report,
                              const char *collection);
const char *weir_level_name(enum weir_level level);
/* NULL: it is not published. */
const struct weir_published *weir_levels_published(const struct weir_levels *levels,
                                                   const char *report);

/* --- jobs: requests that need the disk or git --------------------------------------------------
 */
struct weir_shelf_job {
    struct weir_call call;
    struct weir_library *library; /* on the documents' thread; else NULL */
    int (*run)(struct weir_shelf_job *job, struct weir_error *err);
    struct weir_levels levels;
    struct weir_json_parser *parser;
    struct weir_json body; /* an object; absent when there was none */
    struct weir_arena arena;
    struct weir_author author;
    char id[128];                 /* what stood in {id}, and behind it */
    struct weir_report_look look; /* what weir_shelf_find found */

    int status;       /* 200 unless changed; 204 has no body; 409 has `out` for its body */
    bool bytes;       /* the body is no JSON */
    bool image;       /* what is in `out` is one: it may be kept by the browser, and runs nothing */
    const char *type; /* of what is in `out`; NULL: JSON */
    struct weir_buf out;
    struct weir_jw w; /* on `out` */
    int code;
    struct weir_error err;
};
typedef int (*weir_shelf_run)(struct weir_shelf_job *job, struct weir_error *err);

/* Runs it on the documents' thread and answers with what it printed. */
void weir_shelf_start(const struct weir_call *call, weir_shelf_run run);
/* The same for a body that is no JSON. */
void weir_shelf_start_bytes(const struct weir_call *call, weir_shelf_run run);
/* At once, on the loop's thread: for what needs the snapshot only. */
void weir_shelf_answer(const struct weir_call *call, weir_shelf_run run);
/* On the remote's thread. */
void weir_shelf_start_wire(const struct weir_call *call, weir_shelf_run run);
/* The document, when the caller may do that with it; WEIR_ENOENT, as if it were not there, when she
 * may not even see it. Who may not edit it finds its published version, if there is one. The
 * snapshot is the caller's to release, also after a failure. */
int weir_shelf_find(struct weir_shelf_job *job, enum weir_level need, struct weir_documents **all,
                    const struct weir_document **out, struct weir_error *err) WEIR_MUST_CHECK;
/* May she edit in this collection? */
int weir_shelf_may_edit(const struct weir_shelf_job *job, struct weir_str collection,
                        struct weir_error *err) WEIR_MUST_CHECK;
struct weir_save weir_shelf_save(const struct weir_shelf_job *job, const char *base,
                                 const char *message);
/* The text at `key`, NUL-terminated in the arena; NULL when it is absent. */
const char *weir_shelf_text(struct weir_shelf_job *job, const char *key);
/* What the last talk with the remote failed with; "" after one that did not. */
void weir_shelf_git_error(struct weir_shelf *shelf, char out[512]);
void weir_shelf_set_git_error(struct weir_shelf *shelf, const char *text);
/* "key": an RFC 3339 time; in report.c. */
/* Saves a report and answers with what came of it; `key` NULL: a new one. In report.c. */
int weir_report_answer_save(struct weir_shelf_job *job, const char *key,
                            struct weir_content content, const struct weir_save *how,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* May she see it as it was, when it may have been in another collection? In report_history.c. */
int weir_report_may_look_back(const struct weir_shelf_job *job, const struct weir_report *old,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* --- saved.c: what a save answers; members of an object but for the last, a whole answer --- */
void weir_shelf_print_content(struct weir_jw *w, struct weir_content content);
void weir_shelf_print_saved(struct weir_jw *w, const char *named, const struct weir_saved *saved);
void weir_shelf_print_conflict(struct weir_shelf_job *job, const struct weir_saved *saved,
                               const struct weir_error *err);

/* Prints with whom a report is shared; in share.c. */
int weir_share_print(struct weir_shelf_job *job, const char *report,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Reads again soon (after a pull). */
void weir_shelf_look(struct weir_shelf *shelf);

#endif
