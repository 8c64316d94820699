/* The workspace's documents, in memory and always as the files are now.
 *
 *     reports/<slug>/report.yml + <query>.sql     views/<name>.sql      snippets/<name>.sql
 *     definitions/<name>.sql                      collections/<name>.yml
 *
 * A library belongs to one thread: that reads the disk, saves, and asks git. Every other thread
 * takes a snapshot of the documents, which never changes and costs a lock and a counter.
 *
 * A file with mistakes keeps its last good content in use and shows the mistakes in `error`.
 * Nothing is overwritten that the person who saves has not seen: a save names the version that it
 * began from, and what changed on disk or in git since is merged, or the save is refused with all
 * three sides. Edits on disk that are in no commit are committed first, in the owner's name. */
#ifndef WEIR_WORKSPACE_DOCUMENT_H
#define WEIR_WORKSPACE_DOCUMENT_H

#include <stdatomic.h>

#include "base/map.h"
#include "workspace/git.h"
#include "workspace/report.h"

enum weir_document_kind {
    WEIR_DOCUMENT_REPORT,
    WEIR_DOCUMENT_VIEW,
    WEIR_DOCUMENT_SNIPPET,
    WEIR_DOCUMENT_DEFINITION,
    WEIR_DOCUMENT_COLLECTION,
    WEIR_DOCUMENT_KINDS
};
const char *weir_document_kind_name(enum weir_document_kind kind); /* "report", "view", ... */

struct weir_document {
    enum weir_document_kind kind;
    const char *key;         /* a report's id; the others' name. The slug of a report without one */
    const char *slug;        /* name of the folder or, without ending, of the file */
    const char *path;        /* reports/sales, views/mrr.sql */
    const char *title;       /* of reports and collections; otherwise the name */
    const char *description; /* "" when there is none */
    char version[WEIR_VERSION_SIZE]; /* of the files as they are, mistakes and all */
    const char *error;               /* NULL, or what is wrong in the files */
    bool usable; /* what follows can be used (from an earlier version, with an error) */
    struct weir_report report; /* of a report */
    struct weir_str sql;       /* of a view, snippet or definition: without its description */
    bool materialized;         /* a view: its front comment says `weir: materialized` */
    weir_time modified_at;     /* newest of its files */

    /* private */
    atomic_uint holders;
    uint64_t fingerprint;
    bool twin;                  /* another report has its id */
    struct weir_document *good; /* whose content this one shows */
    struct weir_arena arena;
};

void weir_document_hold(struct weir_document *document);    /* any thread */
void weir_document_release(struct weir_document *document); /* any thread; NULL is fine */

struct weir_documents {
    struct weir_document **items; /* by kind, then by slug */
    size_t count;
    struct weir_map by_key[WEIR_DOCUMENT_KINDS];
    /* private */
    atomic_uint holders;
};
const struct weir_document *weir_documents_find(const struct weir_documents *documents,
                                                enum weir_document_kind kind, struct weir_str key);
void weir_documents_release(struct weir_documents *documents); /* any thread; NULL is fine */

struct weir_library;

/* Reads everything. A missing repository is made. */
int weir_library_new(const char *dir, struct weir_library **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Only reads, needs no repository and changes nothing: versions are "". */
int weir_library_read(const char *dir, struct weir_library **out,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_library_free(struct weir_library *library);                   /* snapshots live on */
struct weir_documents *weir_library_hold(struct weir_library *library); /* any thread */
struct weir_git *weir_library_git(struct weir_library *library);

/* One document is new, different, or gone (`document` NULL). */
typedef void (*weir_document_changed)(enum weir_document_kind kind, const char *key,
                                      const struct weir_document *document, void *arg);
/* Looks whether files changed since the last look (by name, size, time and inode) and reads those
 * that did. Saves do this by themselves. */
int weir_library_refresh(struct weir_library *library, struct weir_error *err) WEIR_MUST_CHECK;
void weir_library_on_change(struct weir_library *library, weir_document_changed fn, void *arg);

/* --- saving ---------------------------------------------------------------------------------- */
struct weir_save {
    struct weir_author author;
    const char *message; /* NULL: one is made */
    const char *base;    /* the version that was edited; NULL: the document must be new */
};

/* What a person edits of a report: report.yml, and the SQL by query's id. */
struct weir_content {
    const struct weir_data *report;
    const struct weir_data *queries;
};

struct weir_saved {
    char key[64];
    char version[WEIR_VERSION_SIZE];
    bool merged;                            /* with what others saved since `base` */
    bool conflict;                          /* nothing was saved; the sides are below */
    struct weir_data *paths;                /* list: "tiles/t1/title", ... */
    struct weir_content base, mine, theirs; /* of a report; NULL where there is no such side */
    struct weir_str base_text, mine_text, theirs_text; /* of the others: the files' text */
    struct weir_arena arena;                           /* holds all of it */
};
void weir_saved_free(struct weir_saved *saved);

/* `key` NULL: a new report; its id is made unless the content has a free one. Always free `out`.
 * WEIR_EEXIST with out->conflict: refused. */
int weir_report_save(struct weir_library *library, const char *key, struct weir_content content,
                     const struct weir_save *save, struct weir_saved *out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* A view, snippet or definition; only views are `materialized`. */
int weir_sql_save(struct weir_library *library, enum weir_document_kind kind, const char *name,
                  struct weir_str sql, struct weir_str description, bool materialized,
                  const struct weir_save *save, struct weir_saved *out,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* With save->base set, only when nobody changed it since (WEIR_EEXIST). */
int weir_document_delete(struct weir_library *library, enum weir_document_kind kind,
                         const char *key, const struct weir_save *save,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* A report as it was: `version` is a commit or what a save answered. In the arena. */
int weir_report_at(struct weir_library *library, const char *key, const char *version,
                   struct weir_arena *arena, struct weir_report *out,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* The same as a document of its own, which the caller holds; its version is that of its files. */
int weir_report_document_at(struct weir_library *library, const char *key, const char *version,
                            struct weir_document **out, struct weir_error *err) WEIR_MUST_CHECK;

/* Images beside report.yml. WEIR_EINVAL: no image has this name; WEIR_ENOENT. */
int weir_report_image_read(struct weir_library *library, const char *key, const char *name,
                           struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Writes and commits it; WEIR_EEXIST: this name has other bytes, and keeps them. Bytes with ptr
 * NULL: it is removed. */
int weir_report_image_put(struct weir_library *library, const char *key, const char *name,
                          struct weir_str bytes, const struct weir_save *save,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* Merges what a pull brings, report.yml by ids; for weir_git_pull(). */
int weir_document_merge_file(const char *path, struct weir_str base, struct weir_str mine,
                             struct weir_str theirs, struct weir_buf *out,
                             struct weir_error *err) WEIR_MUST_CHECK;

#endif
