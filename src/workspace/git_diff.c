/* What changed between two versions of a folder, and where a folder was before it was renamed. */
#include <string.h>

#include "workspace/git_private.h"

#define MAX_FILES 1000
#define CONTEXT   3

/* --- two versions --------------------------------------------------------------------------- */

struct walk {
    const struct weir_git_diff *to;
    size_t files, lines, bytes;
    bool cut;
};

static int on_file(const git_diff_delta *delta, float progress, void *arg)
{
    static const char *const names[] = {[GIT_DELTA_ADDED] = "added",
                                        [GIT_DELTA_DELETED] = "deleted",
                                        [GIT_DELTA_MODIFIED] = "modified",
                                        [GIT_DELTA_RENAMED] = "renamed"};
    struct walk *w = arg;
    (void)progress;
    size_t status = (size_t)delta->status;
    if (++w->files > MAX_FILES) {
        w->cut = true;
        return GIT_EUSER;
    }
    const char *name = status < sizeof names / sizeof names[0] ? names[status] : NULL;
    bool gone = delta->status == GIT_DELTA_DELETED;
    w->to->file(gone ? delta->old_file.path : delta->new_file.path, delta->old_file.path,
                name ? name : "modified", w->to->arg);
    return 0;
}

static int on_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *arg)
{
    struct walk *w = arg;
    (void)delta;
    w->to->hunk((size_t)hunk->old_start, (size_t)hunk->new_start, w->to->arg);
    return 0;
}

static int on_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                   const git_diff_line *line, void *arg)
{
    struct walk *w = arg;
    struct weir_str text = {line->content, line->content_len};
    (void)delta;
    (void)hunk;
    if (line->origin != ' ' && line->origin != '+' && line->origin != '-') {
        return 0; /* "no newline at the end" */
    }
    w->bytes += text.len;
    if (++w->lines > WEIR_DIFF_LINES || w->bytes > WEIR_DIFF_BYTES) {
        w->cut = true;
        return GIT_EUSER;
    }
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r')) {
        text.len--;
    }
    w->to->line(line->origin, text, w->to->arg);
    return 0;
}

static int compare(struct weir_git *git, git_object *from, git_object *to,
                   const struct weir_git_diff *out, bool *cut, struct weir_error *err)
{
    git_diff *diff = NULL;
    git_diff_options options;
    git_diff_find_options similar;
    struct walk walk = {.to = out};
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    git_diff_find_options_init(&similar, GIT_DIFF_FIND_OPTIONS_VERSION);
    options.context_lines = CONTEXT;
    options.max_size = WEIR_FILE_MAX; /* what is larger counts as binary: no lines */
    options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
    similar.flags = GIT_DIFF_FIND_RENAMES;
    int rc = git_diff_tree_to_tree(&diff, git->repo, (git_tree *)from, (git_tree *)to, &options);
    if (rc == 0 && git_diff_num_deltas(diff) <= MAX_FILES) {
        rc = git_diff_find_similar(diff, &similar);
    }
    rc = rc ? rc : git_diff_foreach(diff, on_file, NULL, on_hunk, on_line, &walk);
    git_diff_free(diff);
    *cut = walk.cut;
    return rc && !walk.cut ? weir_git_fail(err, rc, "comparing two versions") : WEIR_OK;
}

int weir_git_diff_folders(struct weir_git *git, const struct weir_git_at *from,
                          const struct weir_git_at *to, const struct weir_git_diff *out, bool *cut,
                          struct weir_error *err)
{
    git_object *old = NULL, *new = NULL;
    *cut = false;
    int code =
        from ? weir_git_find(git, from->version, from->path, GIT_OBJECT_TREE, &old, err) : WEIR_OK;
    code = code ? code : weir_git_find(git, to->version, to->path, GIT_OBJECT_TREE, &new, err);
    code = code ? code : compare(git, old, new, out, cut, err);
    git_object_free(new);
    git_object_free(old);
    return code;
}

/* --- where it was --------------------------------------------------------------------------- */

/* Does the file say `id: ID`, quoted or not, on a line of its own? */
static bool names_id(const git_blob *blob, const char *id)
{
    struct weir_str rest = {git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)};
    while (rest.ptr) {
        struct weir_str value = weir_str_cut(&rest, '\n');
        struct weir_str key = weir_str_cut(&value, ':');
        if (value.ptr && weir_str_is(key, "id")) {
            value = weir_str_trim(value);
            bool quoted = value.len > 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'');
            struct weir_str plain = {value.ptr + quoted, value.len - 2 * quoted};
            return weir_str_is(plain, id);
        }
    }
    return false;
}

static bool holds(struct weir_git *git, const git_tree_entry *folder, const char *id)
{
    git_tree *tree = NULL;
    git_blob *blob = NULL;
    bool yes = false;
    if (git_tree_entry_type(folder) == GIT_OBJECT_TREE &&
        git_tree_lookup(&tree, git->repo, git_tree_entry_id(folder)) == 0) {
        const git_tree_entry *file = git_tree_entry_byname(tree, "report.yml");
        yes = file && git_tree_entry_type(file) == GIT_OBJECT_BLOB &&
              git_blob_lookup(&blob, git->repo, git_tree_entry_id(file)) == 0 &&
              git_blob_rawsize(blob) <= WEIR_FILE_MAX && names_id(blob, id);
    }
    git_blob_free(blob);
    git_tree_free(tree);
    return yes;
}

const char *weir_git_report_folder(struct weir_git *git, git_commit *commit, const char *id,
                                   struct weir_arena *arena)
{
    git_tree *root = NULL, *reports = NULL;
    const char *found = NULL;
    if (git_commit_tree(&root, commit) == 0) {
        const git_tree_entry *entry = git_tree_entry_byname(root, "reports");
        if (entry && git_tree_entry_type(entry) == GIT_OBJECT_TREE &&
            git_tree_lookup(&reports, git->repo, git_tree_entry_id(entry))) {
            reports = NULL;
        }
    }
    for (size_t i = 0; reports && !found && i < git_tree_entrycount(reports); i++) {
        const git_tree_entry *folder = git_tree_entry_byindex(reports, i);
        if (holds(git, folder, id)) {
            found = weir_arena_printf(arena, "reports/%s", git_tree_entry_name(folder));
        }
    }
    git_tree_free(reports);
    git_tree_free(root);
    return found;
}

const char *weir_git_report_path(struct weir_git *git, const char *version, const char *id,
                                 const char *path, struct weir_arena *arena)
{
    git_oid oid;
    git_commit *commit = NULL;
    if (strlen(version) != 40 || git_oid_fromstr(&oid, version) ||
        git_commit_lookup(&commit, git->repo, &oid)) {
        return path;
    }
    const char *found = weir_git_report_folder(git, commit, id, arena);
    git_commit_free(commit);
    return found ? found : path;
}
