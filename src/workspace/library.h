/* Private to src/workspace/library*.c. */
#ifndef WEIR_WORKSPACE_LIBRARY_H
#define WEIR_WORKSPACE_LIBRARY_H

#include <pthread.h>

#include "workspace/document.h"

#define WEIR_DOCUMENT_ARENA (64u << 20)
#define WEIR_DOCUMENTS_MAX  20000

struct weir_library {
    char *dir;
    struct weir_git *git;
    weir_document_changed changed;
    void *arg;
    pthread_mutex_t lock; /* guards the pointer below */
    struct weir_documents *current;
};

/* The folder of a kind: "reports", "views", ... */
const char *weir_document_folder(enum weir_document_kind kind);

/* What a folder holds, names with a dot in front left out. */
struct weir_names {
    struct weir_arena *arena;
    const char **names;
    size_t count, room;
};
/* Adds to `out`. A folder that is not there has no files. */
int weir_library_names(struct weir_library *library, const char *path, struct weir_names *out,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Reads a document. One with a mistake is there, too: with its `error`, and with what `before`
 * (NULL: nothing) said when it was good. Errors: only out of memory. */
int weir_document_load(struct weir_library *library, enum weir_document_kind kind, const char *slug,
                       const char *path, uint64_t fingerprint, weir_time modified_at,
                       const struct weir_document *before, struct weir_document **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* report.yml and every .sql of a report's folder as they are on disk, paths plain names. */
int weir_library_read_report(struct weir_library *library, const char *path,
                             struct weir_arena *arena, struct weir_file **files, size_t *count,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Of names, sizes, times and inodes; 0 when it is not there. */
uint64_t weir_library_fingerprint(struct weir_library *library, const char *path, bool folder,
                                  weir_time *newest);

/* A view's file from its parts. */
#define WEIR_MATERIALIZED "weir: materialized" /* a line of a view's front comment */
void weir_sql_join(struct weir_buf *out, struct weir_str description, struct weir_str sql);

#endif
