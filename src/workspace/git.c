#include "workspace/git.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "workspace/git_private.h"

static int code_of(int rc)
{
    switch (rc) {
    case GIT_ENOTFOUND:
    case GIT_EUNBORNBRANCH:
        return WEIR_ENOENT;
    case GIT_EEXISTS:
        return WEIR_EEXIST;
    case GIT_ELOCKED:
    case GIT_EMODIFIED:
    case GIT_ENONFASTFORWARD:
        return WEIR_EBUSY;
    case GIT_EAUTH:
    case GIT_ECERTIFICATE:
    case GIT_EOWNER:
        return WEIR_EPERM;
    case GIT_EINVALIDSPEC:
    case GIT_EINVALID:
        return WEIR_EINVAL;
    default:
        return WEIR_EIO;
    }
}

int weir_git_fail(struct weir_error *err, int rc, const char *fmt, ...)
{
    const git_error *last = git_error_last();
    va_list args;
    va_start(args, fmt);
    struct weir_error what = {0};
    weir_failv(&what, WEIR_EIO, fmt, args);
    va_end(args);
    int code = last && last->klass == GIT_ERROR_NOMEMORY ? WEIR_ENOMEM : code_of(rc);
    return weir_fail(err, code, "%.400s: %.500s", what.message,
                     last && last->message ? last->message : "git failed");
}

/* --- open ------------------------------------------------------------------------------------ */

static int finish_open(struct weir_git *git, const char *dir, struct weir_error *err)
{
    git_buf path = {0};
    int rc = git_repository_item_path(&path, git->repo, GIT_REPOSITORY_ITEM_INDEX);
    if (rc) {
        return weir_git_fail(err, rc, "%s", dir);
    }
    git->dir = strdup(dir);
    if (asprintf(&git->lock, "%s.lock", path.ptr) < 0) {
        git->lock = NULL;
    }
    git_buf_dispose(&path);
    return git->dir && git->lock ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

static int open_or_init(const char *dir, bool init, struct weir_git **out, struct weir_error *err)
{
    struct weir_git *git = calloc(1, sizeof *git);
    *out = NULL;
    if (!git) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    git_libgit2_init();
    weir_arena_init(&git->arena, 1 << 20);
    int rc = git_repository_open_ext(&git->repo, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (rc == GIT_ENOTFOUND && init) {
        git_repository_init_options options = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};
        options.initial_head = "main";
        options.flags = GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_REINIT;
        rc = git_repository_init_ext(&git->repo, dir, &options);
    }
    int code = WEIR_OK;
    if (rc == GIT_ENOTFOUND) {
        code = weir_fail(err, WEIR_ENOENT, "%s is no git repository; run `git init` there", dir);
    } else if (rc) {
        code = weir_git_fail(err, rc, "the repository %s", dir);
    } else if (git_repository_is_bare(git->repo)) {
        code = weir_fail(err, WEIR_EINVAL, "%s is a bare repository; a workspace needs its files",
                         dir);
    }
    code = code ? code : finish_open(git, dir, err);
    if (code) {
        weir_git_close(git);
        return code;
    }
    *out = git;
    return WEIR_OK;
}

int weir_git_open(const char *dir, struct weir_git **out, struct weir_error *err)
{
    return open_or_init(dir, false, out, err);
}

int weir_git_init(const char *dir, struct weir_git **out, struct weir_error *err)
{
    return open_or_init(dir, true, out, err);
}

void weir_git_close(struct weir_git *git)
{
    if (!git) {
        return;
    }
    weir_git_unlock(git);
    git_repository_free(git->repo);
    weir_arena_free(&git->arena);
    free(git->dir);
    free(git->lock);
    free(git);
    git_libgit2_shutdown();
}

struct weir_author weir_git_owner(struct weir_git *git)
{
    git_config *config = NULL;
    git_buf name = {0}, email = {0};
    if (git_repository_config_snapshot(&config, git->repo) == 0) {
        (void)git_config_get_string_buf(&name, config, "user.name");
        (void)git_config_get_string_buf(&email, config, "user.email");
    }
    git->owner.name = name.ptr ? weir_arena_strdup(&git->arena, name.ptr) : NULL;
    git->owner.email = email.ptr ? weir_arena_strdup(&git->arena, email.ptr) : NULL;
    if (!git->owner.name || !*git->owner.name) {
        git->owner.name = "weir owner";
    }
    if (!git->owner.email || !*git->owner.email) {
        git->owner.email = "owner@localhost";
    }
    git_buf_dispose(&name);
    git_buf_dispose(&email);
    git_config_free(config);
    return git->owner;
}

int weir_git_head(struct weir_git *git, git_commit **out, struct weir_error *err)
{
    git_reference *ref = NULL;
    git_object *object = NULL;
    *out = NULL;
    int rc = git_repository_head(&ref, git->repo);
    if (rc == GIT_EUNBORNBRANCH) {
        return WEIR_OK;
    }
    rc = rc ? rc : git_reference_peel(&object, ref, GIT_OBJECT_COMMIT);
    *out = (git_commit *)object;
    git_reference_free(ref);
    return rc ? weir_git_fail(err, rc, "HEAD of the repository") : WEIR_OK;
}

/* --- bytes in -------------------------------------------------------------------------------- */

int weir_git_blob(struct weir_git *git, const char *path, struct weir_str bytes, bool write,
                  git_oid *out, struct weir_error *err)
{
    git_filter_list *filters = NULL;
    git_buf filtered = {0};
    const char *data = bytes.ptr ? bytes.ptr : "";
    size_t size = bytes.len;
    int rc = path ? git_filter_list_load(&filters, git->repo, NULL, path, GIT_FILTER_TO_ODB,
                                         GIT_FILTER_ALLOW_UNSAFE)
                  : 0;
    if (rc == 0 && filters) {
        rc = git_filter_list_apply_to_buffer(&filtered, filters, data, size);
        data = filtered.ptr;
        size = filtered.size;
    }
    if (rc == 0) {
        rc = write ? git_blob_create_from_buffer(out, git->repo, data, size)
                   : git_odb_hash(out, data, size, GIT_OBJECT_BLOB);
    }
    git_buf_dispose(&filtered);
    git_filter_list_free(filters);
    return rc ? weir_git_fail(err, rc, "%s", path ? path : "a file's content") : WEIR_OK;
}

int weir_git_keep_file(struct weir_git *git, struct weir_str bytes, char version[WEIR_VERSION_SIZE],
                       struct weir_error *err)
{
    git_oid id;
    int code = weir_git_blob(git, NULL, bytes, true, &id, err);
    if (!code) {
        git_oid_tostr(version, WEIR_VERSION_SIZE, &id);
    }
    return code;
}

int weir_git_keep_folder(struct weir_git *git, const struct weir_file *files, size_t count,
                         char version[WEIR_VERSION_SIZE], struct weir_error *err)
{
    git_treebuilder *tree = NULL;
    git_oid id;
    int code = WEIR_OK;
    int rc = git_treebuilder_new(&tree, git->repo, NULL);
    for (size_t i = 0; rc == 0 && !code && i < count; i++) {
        code = weir_git_blob(git, NULL, files[i].bytes, true, &id, err);
        rc = code ? 0 : git_treebuilder_insert(NULL, tree, files[i].path, &id, GIT_FILEMODE_BLOB);
    }
    rc = rc || code ? rc : git_treebuilder_write(&id, tree);
    git_treebuilder_free(tree);
    if (rc) {
        return weir_git_fail(err, rc, "a version");
    }
    if (!code) {
        git_oid_tostr(version, WEIR_VERSION_SIZE, &id);
    }
    return code;
}

int weir_git_pin(struct weir_git *git, const char *kind, const char *name, const char *version,
                 struct weir_error *err)
{
    char path[128];
    git_oid id;
    git_reference *made = NULL;
    snprintf(path, sizeof path, "refs/weir/%s/%s", kind, name);
    int rc = git_oid_fromstr(&id, version);
    rc = rc ? rc : git_reference_create(&made, git->repo, path, &id, 1, NULL);
    git_reference_free(made);
    return rc ? weir_git_fail(err, rc, "version %.40s cannot be kept as %s", version, path) : 0;
}

int weir_git_unpin(struct weir_git *git, const char *kind, const char *name, struct weir_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "refs/weir/%s/%s", kind, name);
    int rc = git_reference_remove(git->repo, path);
    return rc && rc != GIT_ENOTFOUND ? weir_git_fail(err, rc, "%s", path) : 0;
}

/* libgit2 takes these off both ends of a name, and refuses what is empty then. */
static bool names_somebody(const char *text)
{
    return text[strspn(text, " .,:;<>\"\\'")] != '\0';
}

int weir_git_signature(git_signature **out, const struct weir_author *who, struct weir_error *err)
{
    char text[2][256];
    const char *from[2] = {who->name, who->email};
    for (int k = 0; k < 2; k++) {
        struct weir_str part = weir_utf8_cut(weir_str_of(from[k] ? from[k] : ""), 200);
        size_t n = 0;
        for (size_t i = 0; i < part.len; i++) {
            unsigned char c = (unsigned char)part.ptr[i];
            if (c >= 0x20 && c != '<' && c != '>' && c != 0x7F) {
                text[k][n++] = (char)c;
            }
        }
        text[k][n] = '\0';
    }
    const char *email = names_somebody(text[1]) ? text[1] : "unknown";
    int rc = git_signature_now(out, names_somebody(text[0]) ? text[0] : email, email);
    return rc ? weir_git_fail(err, rc, "the author \"%s\"", text[0]) : WEIR_OK;
}

/* --- bytes out ------------------------------------------------------------------------------- */

static int no_version(struct weir_error *err, const char *version, const char *path)
{
    return weir_fail(err, WEIR_ENOENT, "version %.40s of %s is not in the repository", version,
                     path);
}

int weir_git_find(struct weir_git *git, const char *version, const char *path, git_object_t type,
                  git_object **out, struct weir_error *err)
{
    git_oid id;
    git_object *object = NULL;
    *out = NULL;
    if (strlen(version) != 40 || git_oid_fromstr(&id, version) ||
        git_object_lookup(&object, git->repo, &id, GIT_OBJECT_ANY)) {
        return no_version(err, version, path);
    }
    if (git_object_type(object) == GIT_OBJECT_COMMIT) {
        git_object *at = NULL;
        if (git_object_lookup_bypath(&at, object, path, type)) {
            at = NULL;
        }
        git_object_free(object);
        object = at;
    }
    if (!object || git_object_type(object) != type) {
        git_object_free(object);
        return no_version(err, version, path);
    }
    *out = object;
    return WEIR_OK;
}

static int copy_blob(const git_blob *blob, const char *path, struct weir_arena *arena,
                     struct weir_str *bytes, struct weir_error *err)
{
    if (git_blob_rawsize(blob) > WEIR_FILE_MAX) {
        return weir_fail(err, WEIR_ETOOBIG, "%s is larger than %u bytes in this version", path,
                         WEIR_FILE_MAX);
    }
    *bytes = weir_arena_dup(
        arena, (struct weir_str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)});
    return bytes->ptr ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
}

int weir_git_read_file(struct weir_git *git, const char *version, const char *path,
                       struct weir_arena *arena, struct weir_str *bytes, struct weir_error *err)
{
    git_object *object;
    int code = weir_git_find(git, version, path, GIT_OBJECT_BLOB, &object, err);
    code = code ? code : copy_blob((const git_blob *)object, path, arena, bytes, err);
    git_object_free(object);
    return code;
}

int weir_git_read_folder(struct weir_git *git, const char *version, const char *path,
                         struct weir_arena *arena, struct weir_file **files, size_t *count,
                         struct weir_error *err)
{
    git_object *object;
    int code = weir_git_find(git, version, path, GIT_OBJECT_TREE, &object, err);
    *count = 0;
    *files = NULL;
    if (code) {
        return code;
    }
    const git_tree *tree = (const git_tree *)object;
    size_t n = git_tree_entrycount(tree);
    *files = weir_arena_calloc(arena, (n + 1) * sizeof **files);
    code = *files ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; !code && i < n; i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        git_filemode_t mode = git_tree_entry_filemode(entry);
        git_blob *blob = NULL;
        if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE) {
            continue;
        }
        int rc = git_blob_lookup(&blob, git->repo, git_tree_entry_id(entry));
        struct weir_file *file = &(*files)[(*count)++];
        file->path = weir_arena_strdup(arena, git_tree_entry_name(entry));
        code = rc            ? weir_git_fail(err, rc, "%s", path)
               : !file->path ? weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path)
                             : copy_blob(blob, file->path, arena, &file->bytes, err);
        git_blob_free(blob);
    }
    git_object_free(object);
    return code;
}

/* --- history --------------------------------------------------------------------------------- */

#define MAX_WALK  20000
#define MAX_NAMES 8

/* What the commit has at `path`; all zero when nothing. */
static void id_at(git_commit *commit, const char *path, git_oid *out)
{
    git_tree *tree = NULL;
    git_tree_entry *entry = NULL;
    memset(out, 0, sizeof *out);
    if (git_commit_tree(&tree, commit) == 0 && git_tree_entry_bypath(&entry, tree, path) == 0) {
        *out = *git_tree_entry_id(entry);
    }
    git_tree_entry_free(entry);
    git_tree_free(tree);
}

/* The names that a folder had, newest first. */
struct trail {
    const char *paths[MAX_NAMES];
    size_t count;
};

/* A merge counts only when it has something that none of its parents had. */
static bool changed_at(git_commit *commit, const char *path)
{
    git_oid here, there;
    id_at(commit, path, &here);
    unsigned parents = git_commit_parentcount(commit);
    for (unsigned i = 0; i < parents; i++) {
        git_commit *parent = NULL;
        if (git_commit_parent(&parent, commit, i) == 0) {
            id_at(parent, path, &there);
            git_commit_free(parent);
            if (git_oid_equal(&here, &there)) {
                return false;
            }
        }
    }
    return parents > 0 || !git_oid_is_zero(&here);
}

static bool changed_by(git_commit *commit, const struct trail *trail)
{
    bool changed = false;
    for (size_t i = 0; !changed && i < trail->count; i++) {
        changed = changed_at(commit, trail->paths[i]);
    }
    return changed;
}

/* Where a report's folder begins, a parent may have it under another name: older commits are looked
 * at there, too. */
static void follow(struct weir_git *git, git_commit *commit, const char *report,
                   struct weir_arena *arena, struct trail *trail)
{
    git_oid id;
    const char *path = trail->paths[trail->count - 1], *old = NULL;
    id_at(commit, path, &id);
    if (git_oid_is_zero(&id)) {
        return;
    }
    for (unsigned i = 0; !old && i < git_commit_parentcount(commit); i++) {
        git_commit *parent = NULL;
        if (git_commit_parent(&parent, commit, i) == 0) {
            id_at(parent, path, &id);
            old = git_oid_is_zero(&id) ? weir_git_report_folder(git, parent, report, arena) : NULL;
            git_commit_free(parent);
        }
    }
    bool known = !old || trail->count == MAX_NAMES;
    for (size_t i = 0; !known && i < trail->count; i++) {
        known = strcmp(trail->paths[i], old) == 0;
    }
    if (!known) {
        trail->paths[trail->count++] = old;
    }
}

static void tell(git_commit *commit, void (*fn)(const struct weir_git_change *, void *), void *arg)
{
    const git_signature *author = git_commit_author(commit);
    const char *message = git_commit_message(commit);
    struct weir_git_change change = {.at = author ? author->when.time * WEIR_SECOND : 0,
                                     .name = author ? author->name : "",
                                     .email = author ? author->email : "",
                                     .message = message ? message : ""};
    git_oid_tostr(change.version, sizeof change.version, git_commit_id(commit));
    fn(&change, arg);
}

int weir_git_history(struct weir_git *git, const char *path, const char *report, size_t limit,
                     void (*fn)(const struct weir_git_change *change, void *arg), void *arg,
                     struct weir_error *err)
{
    git_revwalk *walk = NULL;
    git_oid id;
    git_commit *head;
    struct trail trail = {.paths = {path}, .count = 1};
    struct weir_arena arena;
    int code = weir_git_head(git, &head, err);
    if (code || !head) {
        return code;
    }
    weir_arena_init(&arena, 1u << 20);
    int rc = git_revwalk_new(&walk, git->repo);
    rc = rc ? rc : git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
    rc = rc ? rc : git_revwalk_push(walk, git_commit_id(head));
    for (size_t seen = 0, told = 0; rc == 0 && seen < MAX_WALK && told < limit; seen++) {
        git_commit *commit = NULL;
        if (git_revwalk_next(&id, walk)) {
            break;
        }
        rc = git_commit_lookup(&commit, git->repo, &id);
        if (rc == 0 && changed_by(commit, &trail)) {
            tell(commit, fn, arg);
            told++;
            if (report) {
                follow(git, commit, report, &arena, &trail);
            }
        }
        git_commit_free(commit);
    }
    git_revwalk_free(walk);
    git_commit_free(head);
    weir_arena_free(&arena);
    return rc ? weir_git_fail(err, rc, "the history of %s", path) : WEIR_OK;
}

/* --- merging text ---------------------------------------------------------------------------- */

int weir_git_merge_text(struct weir_str base, struct weir_str mine, struct weir_str theirs,
                        struct weir_buf *out, bool *clean, struct weir_error *err)
{
    git_merge_file_input sides[3] = {{.version = GIT_MERGE_FILE_INPUT_VERSION},
                                     {.version = GIT_MERGE_FILE_INPUT_VERSION},
                                     {.version = GIT_MERGE_FILE_INPUT_VERSION}};
    struct weir_str texts[3] = {base, mine, theirs};
    git_merge_file_result result = {0};
    git_libgit2_init();
    for (int i = 0; i < 3; i++) {
        sides[i].ptr = texts[i].ptr ? texts[i].ptr : "";
        sides[i].size = texts[i].len;
    }
    int rc = git_merge_file(&result, &sides[0], &sides[1], &sides[2], NULL);
    int code = rc ? weir_git_fail(err, rc, "merging two edits") : WEIR_OK;
    if (!code) {
        *clean = result.automergeable;
        weir_buf_add(out, result.ptr ? result.ptr : "", result.len);
        code = weir_buf_check(out, "a merged text", err);
    }
    git_merge_file_result_free(&result);
    git_libgit2_shutdown();
    return code;
}
