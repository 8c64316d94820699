/* The workspace's repository (libgit2): history, commits, merges, and the way to a remote.
 *
 * People use their own git in the same working tree at the same time. So: a commit holds exactly
 * the files that it is given, whatever else is staged or edited; the index is changed under its own
 * lock (`index.lock`, as git does it), for which weir waits; in the middle of somebody's merge or
 * rebase weir refuses to commit; an edit on disk that is in no commit is never overwritten by a
 * pull. No hook and no filter program is run, and no link is followed.
 *
 * A *version* is 40 hex digits: a commit, a folder's tree, or one file's blob. Whatever names an
 * object of the repository can be read back.
 *
 * One thread at a time for one struct weir_git. */
#ifndef WEIR_WORKSPACE_GIT_H
#define WEIR_WORKSPACE_GIT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "workspace/files.h"

#define WEIR_VERSION_SIZE 41

struct weir_git;

struct weir_author {
    const char *name;
    const char *email;
};

/* WEIR_ENOENT when `dir` is no repository of its own (one further up does not count). */
int weir_git_open(const char *dir, struct weir_git **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Opens, or makes a repository with the branch main. */
int weir_git_init(const char *dir, struct weir_git **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_git_close(struct weir_git *git); /* NULL is fine */

/* Who the machine's git says the user is; "weir owner" when it does not. Valid until close. */
struct weir_author weir_git_owner(struct weir_git *git);

/* Takes the index's lock, which keeps other gits from committing. Waits up to `wait` for them;
 * then WEIR_EBUSY. In the middle of a merge, rebase or the like WEIR_EBUSY at once. */
int weir_git_lock(struct weir_git *git, weir_time wait, struct weir_error *err) WEIR_MUST_CHECK;
void weir_git_unlock(struct weir_git *git); /* not locked is fine */

/* With the lock: commits these files' bytes (or their removal) on top of HEAD and puts them in the
 * index. The committer is weir. Nothing to change is no commit, and no error. `version` (may be
 * NULL) gets HEAD. Working files are not touched. */
int weir_git_commit(struct weir_git *git, const struct weir_file *files, size_t count,
                    const struct weir_author *author, const char *message,
                    char version[WEIR_VERSION_SIZE], struct weir_error *err) WEIR_MUST_CHECK;

/* Does HEAD hold exactly these bytes at their paths (after git's own conversion of line ends)? */
int weir_git_committed(struct weir_git *git, const struct weir_file *files, size_t count,
                       bool *same, struct weir_error *err) WEIR_MUST_CHECK;

/* --- reading --------------------------------------------------------------------------------- */
struct weir_git_change {
    char version[WEIR_VERSION_SIZE];
    weir_time at;
    const char *name, *email, *message;
};
/* Calls fn for each commit that changed `path` (a file or a folder), newest first, at most `limit`
 * times; looks at no more than 20,000 commits. With `report`, an id, its folder is followed through
 * up to 8 names. */
int weir_git_history(struct weir_git *git, const char *path, const char *report, size_t limit,
                     void (*fn)(const struct weir_git_change *change, void *arg), void *arg,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* Where a commit has the report with this id, in the arena; `path` when it has none, or when
 * `version` is no commit. */
const char *weir_git_report_path(struct weir_git *git, const char *version, const char *id,
                                 const char *path, struct weir_arena *arena);

#define WEIR_DIFF_LINES 10000 /* of one comparison */
#define WEIR_DIFF_BYTES (1u << 20)
/* What a comparison tells, in order: a file, its hunks, their lines. */
struct weir_git_diff {
    /* `status`: added, deleted, modified, renamed. */
    void (*file)(const char *path, const char *old_path, const char *status, void *arg);
    void (*hunk)(size_t old_start, size_t new_start, void *arg);
    void (*line)(char kind, struct weir_str text, void *arg); /* kind: ' ', '+' or '-' */
    void *arg;
};
struct weir_git_at { /* a folder: a commit and the path in it, or its tree */
    const char *version;
    const char *path;
};
/* `from` NULL: everything is new. *cut: there is more than WEIR_DIFF_… */
int weir_git_diff_folders(struct weir_git *git, const struct weir_git_at *from,
                          const struct weir_git_at *to, const struct weir_git_diff *out, bool *cut,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* The plain files directly in a folder, by name, in the arena. `version` is a commit, in which
 * `path` is looked up, or the folder's tree. WEIR_ENOENT when there is no such thing. */
int weir_git_read_folder(struct weir_git *git, const char *version, const char *path,
                         struct weir_arena *arena, struct weir_file **files, size_t *count,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* One file; `version` is a commit, in which `path` is looked up, or the blob. */
int weir_git_read_file(struct weir_git *git, const char *version, const char *path,
                       struct weir_arena *arena, struct weir_str *bytes,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Puts bytes in the repository without a commit, so that their version can be read back for the
 * two weeks that git keeps such objects at least. For a folder, paths are plain names. */
int weir_git_keep_folder(struct weir_git *git, const struct weir_file *files, size_t count,
                         char version[WEIR_VERSION_SIZE], struct weir_error *err) WEIR_MUST_CHECK;
int weir_git_keep_file(struct weir_git *git, struct weir_str bytes, char version[WEIR_VERSION_SIZE],
                       struct weir_error *err) WEIR_MUST_CHECK;

/* Names a version, so that git never drops it: refs/weir/KIND/NAME, both letters and digits. In
 * place of what had the name. */
int weir_git_pin(struct weir_git *git, const char *kind, const char *name, const char *version,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* One that is not there is no error. */
int weir_git_unpin(struct weir_git *git, const char *kind, const char *name,
                   struct weir_error *err) WEIR_MUST_CHECK;

/* Three-way merge of text by lines; *clean is false when both changed the same place (`out` then
 * has conflict marks). */
int weir_git_merge_text(struct weir_str base, struct weir_str mine, struct weir_str theirs,
                        struct weir_buf *out, bool *clean, struct weir_error *err) WEIR_MUST_CHECK;

/* --- the remote ------------------------------------------------------------------------------ */
struct weir_git_status {
    const char *branch; /* "" when HEAD is on none */
    const char *remote; /* its address without secrets; "" when there is none */
    size_t ahead, behind;
    const char **dirty; /* paths with changes that are in no commit; at most 1,000 */
    size_t dirty_count;
};
int weir_git_status(struct weir_git *git, struct weir_arena *arena, struct weir_git_status *out,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* Merges one file that both sides changed; bytes with ptr NULL: it is not there on that side. On
 * success *out holds what to keep. WEIR_EINVAL when they cannot be merged. */
typedef int (*weir_git_merge_fn)(const char *path, struct weir_str base, struct weir_str mine,
                                 struct weir_str theirs, struct weir_buf *out,
                                 struct weir_error *err);

/* Fetches the branch's remote (or "origin") and brings its commits here: forward when nothing else
 * was committed here, by a merge commit otherwise. All or nothing: a conflict, an uncommitted edit
 * in the way, or a link among the incoming files is an error that names the paths, and changes
 * nothing; what a full disk leaves half done the next pull finishes. `credentials` is a file with
 * "user:secret" for https, or NULL; ssh asks the user's agent and keys. *changed says whether
 * something came. */
int weir_git_pull(struct weir_git *git, const char *credentials, weir_git_merge_fn merge,
                  bool *changed, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EBUSY when the remote has commits that are not here: pull first. */
int weir_git_push(struct weir_git *git, const char *credentials,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
