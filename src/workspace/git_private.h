/* Private to src/workspace/git*.c. */
#ifndef WEIR_WORKSPACE_GIT_PRIVATE_H
#define WEIR_WORKSPACE_GIT_PRIVATE_H

#include <git2.h>

#include "workspace/git.h"

struct weir_git {
    git_repository *repo;
    char *dir;
    char *lock; /* path of index.lock */
    bool locked;
    struct weir_arena arena;
    struct weir_author owner;
};

/* `what: libgit2's own words`, with the code that fits. `rc` is what libgit2 returned. */
int weir_git_fail(struct weir_error *err, int rc, const char *fmt, ...) WEIR_PRINTF(3, 4);

/* The object that `version` names, or, when that is a commit, what it has at `path`; of this type.
 * WEIR_ENOENT. */
int weir_git_find(struct weir_git *git, const char *version, const char *path, git_object_t type,
                  git_object **out, struct weir_error *err) WEIR_MUST_CHECK;
/* The folder of the report with this id, as "reports/sales"; NULL when the commit has none. */
const char *weir_git_report_folder(struct weir_git *git, git_commit *commit, const char *id,
                                   struct weir_arena *arena);
/* HEAD's commit; *out is NULL before the first one. */
int weir_git_head(struct weir_git *git, git_commit **out, struct weir_error *err) WEIR_MUST_CHECK;
/* What git would store for these bytes at this path. `write`: also stores it. */
int weir_git_blob(struct weir_git *git, const char *path, struct weir_str bytes, bool write,
                  git_oid *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_git_signature(git_signature **out, const struct weir_author *who,
                       struct weir_error *err) WEIR_MUST_CHECK;

struct weir_git_entry {
    const char *path;
    git_oid id;
    bool gone;
};
/* With the lock: the index gets these entries by git's own protocol, in two steps, so that what can
 * fail fails before the commit is made. */
struct weir_git_index {
    git_index *index;
    char *temp;
};
int weir_git_index_prepare(struct weir_git *git, const struct weir_git_entry *entries, size_t count,
                           struct weir_git_index *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Gives the lock up. */
int weir_git_index_publish(struct weir_git *git, struct weir_git_index *index,
                           struct weir_error *err) WEIR_MUST_CHECK;
void weir_git_index_free(struct weir_git_index *index);

#endif
