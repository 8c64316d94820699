/* Commits that hold what they are given and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "workspace/git_private.h"

#define MOVING_WAIT (5 * WEIR_SECOND) /* for another git that moves the branch just now */

static void pause_a_moment(void)
{
    struct timespec pause = {0, 5000000};
    nanosleep(&pause, NULL);
}

/* --- the lock -------------------------------------------------------------------------------- */

int weir_git_lock(struct weir_git *git, weir_time wait, struct weir_error *err)
{
    weir_time deadline = weir_mono() + wait;
    int fd;
    while ((fd = open(git->lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0 &&
           errno == EEXIST && weir_mono() < deadline) {
        pause_a_moment();
    }
    if (fd < 0) {
        return errno == EEXIST
                   ? weir_fail(err, WEIR_EBUSY,
                               "another git command holds %s; wait for it (or remove the file when "
                               "that command is dead), then try again",
                               git->lock)
                   : weir_fail_errno(err, errno, "create %s", git->lock);
    }
    close(fd);
    git->locked = true;
    int state = git_repository_state(git->repo);
    if (state != GIT_REPOSITORY_STATE_NONE) {
        weir_git_unlock(git);
        return weir_fail(
            err, WEIR_EBUSY,
            "somebody is in the middle of a merge, rebase or the like in %s; finish it "
            "there (git status says how), then try again",
            git->dir);
    }
    return WEIR_OK;
}

void weir_git_unlock(struct weir_git *git)
{
    if (git->locked) {
        (void)unlink(git->lock);
        git->locked = false;
    }
}

/* --- the index ------------------------------------------------------------------------------- */

/* Git's own way: the new index is written beside, becomes the lock file, and that becomes the
 * index. libgit2 would take the lock itself, which we hold for longer than one write. */
static int copy_index(struct weir_git *git, char *temp, struct weir_error *err)
{
    char *path = strndup(git->lock, strlen(git->lock) - strlen(".lock"));
    int in = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int out = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int code = out < 0 ? weir_fail_errno(err, errno, "create %s", temp) : WEIR_OK;
    char block[65536];
    ssize_t n = 0;
    while (!code && in >= 0 && (n = read(in, block, sizeof block)) > 0) {
        if (write(out, block, (size_t)n) != n) {
            code = weir_fail_errno(err, errno, "write %s", temp);
        }
    }
    if (!code && in < 0) {
        (void)unlink(temp); /* no index yet: libgit2 makes one */
    }
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    free(path);
    return code;
}

/* With the file's facts, so that `git status` need not read it again. */
static void fill_facts(struct weir_git *git, git_index_entry *entry)
{
    struct stat st;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", git->dir, entry->path) < 0) {
        return;
    }
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        entry->ctime.seconds = (int32_t)st.st_ctim.tv_sec;
        entry->ctime.nanoseconds = (uint32_t)st.st_ctim.tv_nsec;
        entry->mtime.seconds = (int32_t)st.st_mtim.tv_sec;
        entry->mtime.nanoseconds = (uint32_t)st.st_mtim.tv_nsec;
        entry->dev = (uint32_t)st.st_dev;
        entry->ino = (uint32_t)st.st_ino;
        entry->uid = st.st_uid;
        entry->gid = st.st_gid;
        entry->file_size = (uint32_t)st.st_size;
    }
    free(path);
}

/* Facts of a working file that is not what we committed would make git take it for unchanged. */
static bool on_disk(struct weir_git *git, const struct weir_git_entry *entry)
{
    struct weir_buf bytes;
    struct weir_error ignored;
    git_oid id;
    weir_buf_init(&bytes, WEIR_FILE_MAX);
    bool same = weir_files_read(git->dir, entry->path, &bytes, &ignored) == 0 &&
                weir_git_blob(git, entry->path, weir_buf_str(&bytes), false, &id, &ignored) == 0 &&
                git_oid_equal(&id, &entry->id);
    weir_buf_free(&bytes);
    return same;
}

static int change_entry(struct weir_git *git, git_index *index, const struct weir_git_entry *entry)
{
    if (entry->gone) {
        int rc = git_index_remove(index, entry->path, 0);
        return rc == GIT_ENOTFOUND ? 0 : rc;
    }
    git_index_entry e = {.mode = GIT_FILEMODE_BLOB, .id = entry->id, .path = entry->path};
    const git_index_entry *before = git_index_get_bypath(index, entry->path, 0);
    if (before && before->mode == GIT_FILEMODE_BLOB_EXECUTABLE) {
        e.mode = GIT_FILEMODE_BLOB_EXECUTABLE;
    }
    if (on_disk(git, entry)) {
        fill_facts(git, &e);
    }
    return git_index_add(index, &e);
}

int weir_git_index_prepare(struct weir_git *git, const struct weir_git_entry *entries, size_t count,
                           struct weir_git_index *out, struct weir_error *err)
{
    *out = (struct weir_git_index){0};
    if (asprintf(&out->temp, "%.*s.weir-%016llx", (int)(strlen(git->lock) - strlen(".lock")),
                 git->lock, (unsigned long long)weir_random_u64()) < 0) {
        out->temp = NULL;
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the index");
    }
    int code = copy_index(git, out->temp, err);
    int rc = code ? 0 : git_index_open(&out->index, out->temp);
    if (!code && rc == 0 && git_index_has_conflicts(out->index)) {
        code = weir_fail(err, WEIR_EBUSY,
                         "the index of %s has conflicts; resolve them (git status says how), then "
                         "try again",
                         git->dir);
    }
    for (size_t i = 0; !code && rc == 0 && i < count; i++) {
        rc = change_entry(git, out->index, &entries[i]);
    }
    return rc ? weir_git_fail(err, rc, "the index of %s", git->dir) : code;
}

int weir_git_index_publish(struct weir_git *git, struct weir_git_index *index,
                           struct weir_error *err)
{
    int rc = git_index_write(index->index);
    if (rc) {
        return weir_git_fail(err, rc, "the index of %s", git->dir);
    }
    char *path = strndup(git->lock, strlen(git->lock) - strlen(".lock"));
    int code = path ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory for the index");
    if (!code && (rename(index->temp, git->lock) || rename(git->lock, path))) {
        code = weir_fail_errno(err, errno, "write %s", path);
    }
    git->locked = git->locked && code;
    free(path);
    return code;
}

void weir_git_index_free(struct weir_git_index *index)
{
    git_index_free(index->index);
    if (index->temp) {
        (void)unlink(index->temp);
    }
    free(index->temp);
    *index = (struct weir_git_index){0};
}

/* --- the commit ------------------------------------------------------------------------------ */

static bool tree_has(const git_tree *tree, const char *path, const git_oid *id)
{
    git_tree_entry *entry = NULL;
    bool found = tree && git_tree_entry_bypath(&entry, tree, path) == 0;
    bool same = found && (!id || git_oid_equal(git_tree_entry_id(entry), id));
    git_tree_entry_free(entry);
    return same;
}

static int head_tree(git_commit *head, git_tree **out, struct weir_error *err)
{
    *out = NULL;
    int rc = head ? git_commit_tree(out, head) : 0;
    return rc ? weir_git_fail(err, rc, "HEAD of the repository") : WEIR_OK;
}

int weir_git_committed(struct weir_git *git, const struct weir_file *files, size_t count,
                       bool *same, struct weir_error *err)
{
    git_commit *head = NULL;
    git_tree *tree = NULL;
    git_oid id;
    *same = true;
    int code = weir_git_head(git, &head, err);
    code = code ? code : head_tree(head, &tree, err);
    for (size_t i = 0; !code && *same && i < count; i++) {
        if (files[i].gone) {
            *same = !tree_has(tree, files[i].path, NULL);
            continue;
        }
        code = weir_git_blob(git, files[i].path, files[i].bytes, false, &id, err);
        *same = !code && tree_has(tree, files[i].path, &id);
    }
    git_tree_free(tree);
    git_commit_free(head);
    return code;
}

struct making {
    struct weir_git *git;
    struct weir_git_entry *entries;
    git_tree_update *updates;
    size_t count;
    const struct weir_author *author;
    const char *message;
};

/* WEIR_EBUSY: HEAD moved, or somebody holds the lock of its branch; try again. */
static int commit_once(const struct making *m, git_oid *version, struct weir_error *err)
{
    static const struct weir_author weir = {"weir", "weir@localhost"};
    git_commit *head = NULL;
    git_tree *before = NULL, *after = NULL;
    git_signature *author = NULL, *committer = NULL;
    git_oid tree_id;
    size_t n = 0;
    int rc = 0;
    int code = weir_git_head(m->git, &head, err);
    code = code ? code : head_tree(head, &before, err);
    for (size_t i = 0; !code && i < m->count; i++) {
        const struct weir_git_entry *e = &m->entries[i];
        if (e->gone ? tree_has(before, e->path, NULL) : !tree_has(before, e->path, &e->id)) {
            m->updates[n++] = (git_tree_update){.action = e->gone ? GIT_TREE_UPDATE_REMOVE
                                                                  : GIT_TREE_UPDATE_UPSERT,
                                                .id = e->id,
                                                .filemode = GIT_FILEMODE_BLOB,
                                                .path = e->path};
        }
    }
    if (!code && n == 0) {
        if (head) {
            *version = *git_commit_id(head);
        }
        goto out;
    }
    code = code ? code : weir_git_signature(&author, m->author, err);
    code = code ? code : weir_git_signature(&committer, &weir, err);
    if (code) {
        goto out;
    }
    rc = git_tree_create_updated(&tree_id, m->git->repo, before, n, m->updates);
    rc = rc ? rc : git_tree_lookup(&after, m->git->repo, &tree_id);
    rc = rc ? rc
            : git_commit_create(version, m->git->repo, "HEAD", author, committer, "UTF-8",
                                m->message, after, head ? 1 : 0, (const git_commit *[]){head});
    code = rc ? weir_git_fail(err, rc, "the commit") : WEIR_OK;
out:
    git_signature_free(author);
    git_signature_free(committer);
    git_tree_free(before);
    git_tree_free(after);
    git_commit_free(head);
    return code;
}

/* As long as somebody moves the branch, within reason. */
static int commit_soon(const struct making *m, git_oid *version, struct weir_error *err)
{
    const weir_time deadline = weir_mono() + MOVING_WAIT;
    int code;
    while ((code = commit_once(m, version, err)) == WEIR_EBUSY && weir_mono() < deadline) {
        pause_a_moment();
    }
    return code;
}

int weir_git_commit(struct weir_git *git, const struct weir_file *files, size_t count,
                    const struct weir_author *author, const char *message,
                    char version[WEIR_VERSION_SIZE], struct weir_error *err)
{
    struct weir_git_index index = {0};
    git_oid id = {0};
    struct making m = {.git = git,
                       .entries = calloc(count + 1, sizeof *m.entries),
                       .updates = calloc(count + 1, sizeof *m.updates),
                       .count = count,
                       .author = author,
                       .message = message};
    int code = m.entries && m.updates ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
    for (size_t i = 0; !code && i < count; i++) {
        m.entries[i].path = files[i].path;
        m.entries[i].gone = files[i].gone;
        code = weir_files_check_path(weir_str_of(files[i].path), err);
        if (!code && !files[i].gone) {
            code = weir_git_blob(git, files[i].path, files[i].bytes, true, &m.entries[i].id, err);
        }
    }
    code = code ? code : weir_git_index_prepare(git, m.entries, count, &index, err);
    code = code ? code : commit_soon(&m, &id, err);
    code = code ? code : weir_git_index_publish(git, &index, err);
    if (!code && version) {
        git_oid_tostr(version, WEIR_VERSION_SIZE, &id);
    }
    weir_git_index_free(&index);
    weir_git_unlock(git); /* given up by publishing; after a failure this does it */
    free(m.entries);
    free(m.updates);
    return code;
}
