/* The way to a remote and back: status, fetch, pull, push. */
#include <stdio.h>
#include <stdlib.h>

#include "io/file.h"
#include "workspace/git_private.h"

#define LOCK_WAIT (10 * WEIR_SECOND)
#define MAX_DIRTY 1000

/* --- names ----------------------------------------------------------------------------------- */

struct track {
    git_reference *head;
    git_remote *remote;  /* opened by track_open */
    const char *branch;  /* "main" */
    char name[200];      /* "origin" */
    char url[1000];      /* "": there is no such remote */
    char upstream[300];  /* refs/remotes/origin/main */
    char merge_ref[300]; /* refs/heads/main, at the remote */
};

static void track_free(struct track *t)
{
    git_remote_free(t->remote);
    git_reference_free(t->head);
}

/* The branch that HEAD is on, its remote (that of its configuration, else "origin"). Parts that are
 * not there are NULL or "". */
static int track_find(struct weir_git *git, struct track *out, struct weir_error *err)
{
    git_config *config = NULL;
    git_buf name = {0}, merge = {0};
    char key[300];
    *out = (struct track){0};
    int rc = git_reference_lookup(&out->head, git->repo, "HEAD");
    if (rc) {
        return weir_git_fail(err, rc, "HEAD of the repository");
    }
    const char *target = git_reference_symbolic_target(out->head);
    out->branch = target && strncmp(target, "refs/heads/", 11) == 0 ? target + 11 : "";
    rc = git_repository_config_snapshot(&config, git->repo);
    if (rc == 0 && *out->branch) {
        snprintf(key, sizeof key, "branch.%.200s.remote", out->branch);
        (void)git_config_get_string_buf(&name, config, key);
        snprintf(key, sizeof key, "branch.%.200s.merge", out->branch);
        (void)git_config_get_string_buf(&merge, config, key);
    }
    const char *remote = out->name;
    snprintf(out->name, sizeof out->name, "%.190s", name.ptr && *name.ptr ? name.ptr : "origin");
    if (config) {
        git_buf url = {0};
        snprintf(key, sizeof key, "remote.%.190s.url", remote);
        (void)git_config_get_string_buf(&url, config, key);
        snprintf(out->url, sizeof out->url, "%.999s", url.ptr ? url.ptr : "");
        git_buf_dispose(&url);
    }
    snprintf(out->merge_ref, sizeof out->merge_ref, "%.290s",
             merge.ptr && *merge.ptr ? merge.ptr : "");
    if (!*out->merge_ref) {
        snprintf(out->merge_ref, sizeof out->merge_ref, "refs/heads/%.250s", out->branch);
    }
    snprintf(out->upstream, sizeof out->upstream, "refs/remotes/%.100s/%.180s", remote,
             strncmp(out->merge_ref, "refs/heads/", 11) == 0 ? out->merge_ref + 11 : "");
    git_buf_dispose(&name);
    git_buf_dispose(&merge);
    git_config_free(config);
    return WEIR_OK;
}

/* Only for talking: each look-up leaks some kilobytes inside libgit2 1.5 (its use of pcre2). */
static int track_open(struct weir_git *git, struct track *t, struct weir_error *err)
{
    if (!*t->url) {
        return weir_fail(err, WEIR_ENOENT,
                         "the workspace has no remote; add one in its folder: git remote add "
                         "origin URL");
    }
    int rc = git_remote_lookup(&t->remote, git->repo, t->name);
    return rc ? weir_git_fail(err, rc, "the remote %s", t->name) : WEIR_OK;
}

/* https://user:secret@host/x → https://host/x */
static const char *without_secret(struct weir_arena *arena, const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t len = strcspn(host, "/");
    const char *at = scheme ? memrchr(host, '@', len) : NULL; /* a password may hold one, too */
    if (!at) {
        return weir_arena_strdup(arena, url);
    }
    return weir_arena_printf(arena, "%.*s%s", (int)(host - url), url, at + 1);
}

/* --- status ---------------------------------------------------------------------------------- */

static int list_dirty(struct weir_git *git, struct weir_arena *arena, struct weir_git_status *out,
                      struct weir_error *err)
{
    git_status_options options = {.version = GIT_STATUS_OPTIONS_VERSION,
                                  .show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR,
                                  .flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED |
                                           GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                                           GIT_STATUS_OPT_EXCLUDE_SUBMODULES};
    git_status_list *list = NULL;
    int rc = git_status_list_new(&list, git->repo, &options);
    if (rc) {
        return weir_git_fail(err, rc, "the status of %s", git->dir);
    }
    size_t n = git_status_list_entrycount(list);
    n = n < MAX_DIRTY ? n : MAX_DIRTY;
    out->dirty = weir_arena_calloc(arena, (n + 1) * sizeof *out->dirty);
    int code = out->dirty ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
    for (size_t i = 0; !code && i < n; i++) {
        const git_status_entry *e = git_status_byindex(list, i);
        const git_diff_delta *d = e->index_to_workdir ? e->index_to_workdir : e->head_to_index;
        const char *path = d ? weir_arena_strdup(arena, d->new_file.path) : NULL;
        if (path) {
            out->dirty[out->dirty_count++] = path;
        }
    }
    git_status_list_free(list);
    return code;
}

int weir_git_status(struct weir_git *git, struct weir_arena *arena, struct weir_git_status *out,
                    struct weir_error *err)
{
    struct track t;
    git_oid upstream;
    git_commit *head = NULL;
    *out = (struct weir_git_status){.branch = "", .remote = ""};
    int code = track_find(git, &t, err);
    code = code ? code : weir_git_head(git, &head, err);
    if (!code) {
        out->branch = weir_arena_strdup(arena, t.branch);
        out->remote = without_secret(arena, t.url);
        if (head && git_reference_name_to_id(&upstream, git->repo, t.upstream) == 0) {
            (void)git_graph_ahead_behind(&out->ahead, &out->behind, git->repo, git_commit_id(head),
                                         &upstream);
        }
        code = out->branch && out->remote ? list_dirty(git, arena, out, err)
                                          : weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    git_commit_free(head);
    track_free(&t);
    return code;
}

/* --- the wire -------------------------------------------------------------------------------- */

struct talk {
    const char *credentials;
    unsigned tries;
    char rejected[300];
};

static int from_file(git_credential **out, const char *path)
{
    struct weir_buf text;
    struct weir_error ignored;
    char user[256], secret[2048];
    weir_buf_init(&text, 4096);
    int rc = GIT_PASSTHROUGH;
    if (path && weir_file_read(path, &text, &ignored) == 0) {
        struct weir_str rest = weir_str_trim(weir_buf_str(&text));
        struct weir_str name = weir_str_cut(&rest, ':');
        if (rest.ptr && name.len < sizeof user && rest.len < sizeof secret) {
            snprintf(user, sizeof user, WEIR_STR_FMT, WEIR_STR_ARG(name));
            snprintf(secret, sizeof secret, WEIR_STR_FMT, WEIR_STR_ARG(rest));
            rc = git_credential_userpass_plaintext_new(out, user, secret);
        }
    }
    weir_buf_free(&text);
    return rc;
}

static int credential(git_credential **out, const char *url, const char *user, unsigned allowed,
                      void *payload)
{
    struct talk *talk = payload;
    static const char *const keys[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
    const char *home = getenv("HOME");
    (void)url;
    unsigned try = talk->tries++;
    user = user ? user : "git";
    if (allowed & GIT_CREDENTIAL_USERNAME) {
        return git_credential_username_new(out, user);
    }
    if (allowed & GIT_CREDENTIAL_SSH_KEY && try == 0) {
        return git_credential_ssh_key_from_agent(out, user);
    }
    for (; allowed & GIT_CREDENTIAL_SSH_KEY && home && try >= 1 && try <= 3; try++) {
        char key[1024];
        snprintf(key, sizeof key, "%.900s/.ssh/%s", home, keys[try - 1]);
        FILE *f = fopen(key, "re");
        if (f) {
            fclose(f);
            return git_credential_ssh_key_new(out, user, NULL, key, NULL);
        }
        talk->tries++;
    }
    if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT && try < 1) {
        return from_file(out, talk->credentials);
    }
    return GIT_EAUTH;
}

static int on_rejected(const char *ref, const char *status, void *payload)
{
    struct talk *talk = payload;
    if (status) {
        snprintf(talk->rejected, sizeof talk->rejected, "%.100s: %.190s", ref, status);
    }
    return 0;
}

static int fetch(struct weir_git *git, struct track *t, const char *credentials,
                 struct weir_error *err)
{
    struct talk talk = {.credentials = credentials};
    git_fetch_options options = {.version = GIT_FETCH_OPTIONS_VERSION,
                                 .prune = GIT_FETCH_PRUNE_UNSPECIFIED,
                                 .download_tags = GIT_REMOTE_DOWNLOAD_TAGS_UNSPECIFIED};
    git_remote_init_callbacks(&options.callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    git_proxy_options_init(&options.proxy_opts, GIT_PROXY_OPTIONS_VERSION);
    options.callbacks.credentials = credential;
    options.callbacks.payload = &talk;
    int rc = git_remote_fetch(t->remote, NULL, &options, "fetch by weir");
    (void)git;
    return rc ? weir_git_fail(err, rc, "fetching from the remote") : WEIR_OK;
}

/* --- pull ------------------------------------------------------------------------------------ */

struct pulling {
    struct weir_git *git;
    weir_git_merge_fn merge;
    struct weir_arena arena;
    struct weir_error *err;
    git_commit *ours, *theirs, *base;
    struct weir_git_entry *entries; /* what becomes different here */
    size_t count, room;
};

static int add_entry(struct pulling *p, const char *path, const git_oid *id)
{
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        struct weir_git_entry *more = weir_arena_alloc(&p->arena, room * sizeof *more);
        if (!more) {
            return weir_fail(p->err, WEIR_ETOOBIG, "the remote brings too many files at once");
        }
        if (p->count) {
            memcpy(more, p->entries, p->count * sizeof *more);
        }
        p->entries = more;
        p->room = room;
    }
    struct weir_git_entry *e = &p->entries[p->count++];
    *e = (struct weir_git_entry){.path = weir_arena_strdup(&p->arena, path), .gone = !id};
    if (id) {
        e->id = *id;
    }
    return e->path ? WEIR_OK : weir_fail(p->err, WEIR_ENOMEM, "out of memory");
}

static int blob_text(struct pulling *p, const git_index_entry *e, struct weir_str *out)
{
    git_blob *blob = NULL;
    *out = (struct weir_str){0};
    if (!e) {
        return WEIR_OK;
    }
    int rc = git_blob_lookup(&blob, p->git->repo, &e->id);
    if (rc) {
        return weir_git_fail(p->err, rc, "%s", e->path);
    }
    bool fits = git_blob_rawsize(blob) <= WEIR_FILE_MAX;
    *out = fits ? weir_arena_dup(&p->arena, (struct weir_str){git_blob_rawcontent(blob),
                                                              (size_t)git_blob_rawsize(blob)})
                : *out;
    git_blob_free(blob);
    return out->ptr ? WEIR_OK : weir_fail(p->err, WEIR_ETOOBIG, "%s is too large", e->path);
}

static int resolve(struct pulling *p, git_index *index, const git_index_entry *base,
                   const git_index_entry *ours, const git_index_entry *theirs)
{
    const git_index_entry *any = ours ? ours : theirs ? theirs : base;
    const char *path = weir_arena_strdup(&p->arena, any->path);
    struct weir_str texts[3];
    struct weir_buf out;
    git_index_entry merged = {.mode = GIT_FILEMODE_BLOB, .path = path};
    int code = path ? blob_text(p, base, &texts[0]) : WEIR_ENOMEM;
    code = code ? code : blob_text(p, ours, &texts[1]);
    code = code ? code : blob_text(p, theirs, &texts[2]);
    weir_buf_init(&out, WEIR_FILE_MAX);
    code = code ? code : p->merge(path, texts[0], texts[1], texts[2], &out, p->err);
    int rc = 0;
    if (!code) {
        rc = git_blob_create_from_buffer(&merged.id, p->git->repo, weir_buf_cstr(&out), out.len);
        rc = rc ? rc : git_index_conflict_remove(index, path);
        rc = rc ? rc : git_index_add(index, &merged);
    }
    weir_buf_free(&out);
    return rc ? weir_git_fail(p->err, rc, "%s", path) : code;
}

/* The tree that both together make. */
static int merged_tree(struct pulling *p, git_tree **out)
{
    git_merge_options options = {.version = GIT_MERGE_OPTIONS_VERSION};
    git_index *index = NULL;
    git_oid id;
    const git_index_entry *base, *ours, *theirs;
    int code = WEIR_OK;
    int rc = git_merge_commits(&index, p->git->repo, p->ours, p->theirs, &options);
    while (rc == 0 && !code && git_index_has_conflicts(index)) {
        git_index_conflict_iterator *it = NULL;
        rc = git_index_conflict_iterator_new(&it, index);
        rc = rc ? rc : git_index_conflict_next(&base, &ours, &theirs, it);
        code = rc ? code : resolve(p, index, base, ours, theirs);
        git_index_conflict_iterator_free(it);
    }
    if (rc == 0 && !code) {
        rc = git_index_write_tree_to(&id, index, p->git->repo);
        rc = rc ? rc : git_tree_lookup(out, p->git->repo, &id);
    }
    git_index_free(index);
    return rc ? weir_git_fail(p->err, rc, "merging what the remote has") : code;
}

/* What of the working tree has to change; links, submodules and odd names are refused. */
static int list_changes(struct pulling *p, git_tree *from, git_tree *to)
{
    git_diff *diff = NULL;
    int rc = git_diff_tree_to_tree(&diff, p->git->repo, from, to, NULL);
    int code = rc ? weir_git_fail(p->err, rc, "what the remote has") : WEIR_OK;
    for (size_t i = 0; !code && i < git_diff_num_deltas(diff); i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        bool gone = d->status == GIT_DELTA_DELETED;
        const git_diff_file *file = gone ? &d->old_file : &d->new_file;
        if (!gone && file->mode != GIT_FILEMODE_BLOB &&
            file->mode != GIT_FILEMODE_BLOB_EXECUTABLE) {
            code = weir_fail(p->err, WEIR_EINVAL,
                             "the remote has a link or submodule at %.300s; weir does not bring it "
                             "here: pull with git, or remove it there",
                             file->path);
        }
        code = code ? code : weir_files_check_path(weir_str_of(file->path), p->err);
        code = code ? code : add_entry(p, file->path, gone ? NULL : &file->id);
    }
    git_diff_free(diff);
    return code;
}

/* Does the working tree still have what HEAD has, or already what comes? */
static int check_free(struct pulling *p, git_tree *head, const struct weir_git_entry *e)
{
    struct weir_buf bytes;
    git_tree_entry *before = NULL;
    git_oid id;
    weir_buf_init(&bytes, WEIR_FILE_MAX);
    struct weir_error why = {0};
    int code = weir_files_read(p->git->dir, e->path, &bytes, &why);
    bool there = code != WEIR_ENOENT;
    bool in_head = head && git_tree_entry_bypath(&before, head, e->path) == 0;
    bool is_free = !there && (e->gone || !in_head);
    if (code == 0 && weir_git_blob(p->git, e->path, weir_buf_str(&bytes), false, &id, &why) == 0) {
        is_free = (in_head && git_oid_equal(&id, git_tree_entry_id(before))) ||
                  (!e->gone && git_oid_equal(&id, &e->id));
    }
    git_tree_entry_free(before);
    weir_buf_free(&bytes);
    return is_free
               ? WEIR_OK
               : weir_fail(p->err, WEIR_EBUSY,
                           "%.300s was changed here and is in no commit, and the remote changed "
                           "it too; commit it (or save it in the app), then pull again",
                           e->path);
}

static int write_entry(struct pulling *p, const struct weir_git_entry *e)
{
    git_blob *blob = NULL;
    git_filter_list *filters = NULL;
    git_buf text = {0};
    if (e->gone) {
        return weir_files_remove(p->git->dir, e->path, p->err);
    }
    int rc = git_blob_lookup(&blob, p->git->repo, &e->id);
    rc = rc ? rc
            : git_filter_list_load(&filters, p->git->repo, blob, e->path, GIT_FILTER_TO_WORKTREE,
                                   GIT_FILTER_ALLOW_UNSAFE);
    rc = rc ? rc : git_filter_list_apply_to_blob(&text, filters, blob);
    int code =
        rc ? weir_git_fail(p->err, rc, "%s", e->path)
           : weir_files_write(p->git->dir, e->path, (struct weir_str){text.ptr, text.size}, p->err);
    git_buf_dispose(&text);
    git_filter_list_free(filters);
    git_blob_free(blob);
    return code;
}

/* Moves the branch: to theirs, or to a merge of both. */
static int move_branch(struct pulling *p, git_tree *tree, bool forward)
{
    static const struct weir_author weir = {"weir", "weir@localhost"};
    struct weir_author owner = weir_git_owner(p->git);
    git_signature *author = NULL, *committer = NULL;
    git_reference *head = NULL, *moved = NULL;
    git_oid id;
    int rc = 0;
    int code = weir_git_signature(&author, &owner, p->err);
    code = code ? code : weir_git_signature(&committer, &weir, p->err);
    if (!code && forward) {
        const char *target = NULL;
        rc = git_reference_lookup(&head, p->git->repo, "HEAD");
        target = rc ? NULL : git_reference_symbolic_target(head);
        rc = rc ? rc
                : git_reference_create_matching(
                      &moved, p->git->repo, target ? target : "HEAD", git_commit_id(p->theirs), 1,
                      p->ours ? git_commit_id(p->ours) : NULL, "pull by weir");
    } else if (!code) {
        rc = git_commit_create(&id, p->git->repo, "HEAD", author, committer, "UTF-8",
                               "Merge what the remote has", tree, 2,
                               (const git_commit *[]){p->ours, p->theirs});
    }
    git_reference_free(head);
    git_reference_free(moved);
    git_signature_free(author);
    git_signature_free(committer);
    return rc ? weir_git_fail(p->err, rc, "the merge") : code;
}

/* With the lock. */
static int bring(struct pulling *p, bool forward)
{
    git_tree *from = NULL, *to = NULL;
    struct weir_git_index index = {0};
    int code = WEIR_OK;
    int rc = p->ours ? git_commit_tree(&from, p->ours) : 0;
    if (rc == 0 && forward) {
        rc = git_commit_tree(&to, p->theirs);
    } else if (rc == 0) {
        code = merged_tree(p, &to);
    }
    code = rc ? weir_git_fail(p->err, rc, "what the remote has") : code;
    code = code ? code : list_changes(p, from, to);
    for (size_t i = 0; !code && i < p->count; i++) {
        code = check_free(p, from, &p->entries[i]);
    }
    for (size_t i = 0; !code && i < p->count; i++) {
        code = write_entry(p, &p->entries[i]);
    }
    code = code ? code : weir_git_index_prepare(p->git, p->entries, p->count, &index, p->err);
    code = code ? code : move_branch(p, to, forward);
    code = code ? code : weir_git_index_publish(p->git, &index, p->err);
    weir_git_index_free(&index);
    git_tree_free(from);
    git_tree_free(to);
    return code;
}

int weir_git_pull(struct weir_git *git, const char *credentials, weir_git_merge_fn merge,
                  bool *changed, struct weir_error *err)
{
    struct pulling p = {.git = git, .merge = merge, .err = err};
    struct track t;
    git_oid upstream, base;
    *changed = false;
    int code = track_find(git, &t, err);
    code = code ? code : track_open(git, &t, err);
    code = code ? code : fetch(git, &t, credentials, err);
    if (code || git_reference_name_to_id(&upstream, git->repo, t.upstream)) {
        track_free(&t); /* an empty remote has nothing to bring */
        return code;
    }
    weir_arena_init(&p.arena, 256u << 20);
    code = weir_git_lock(git, LOCK_WAIT, err);
    code = code ? code : weir_git_head(git, &p.ours, err);
    int rc = code ? 0 : git_commit_lookup(&p.theirs, git->repo, &upstream);
    bool related = !code && rc == 0 && p.ours &&
                   git_merge_base(&base, git->repo, git_commit_id(p.ours), &upstream) == 0;
    code = rc ? weir_git_fail(err, rc, "what the remote has") : code;
    if (!code && p.ours && !related) {
        code = weir_fail(err, WEIR_EINVAL,
                         "the remote's history has nothing in common with this workspace's; is it "
                         "the right one?");
    } else if (!code && !(p.ours && git_oid_equal(&base, &upstream))) {
        *changed = true;
        code = bring(&p, !p.ours || git_oid_equal(&base, git_commit_id(p.ours)));
    }
    weir_git_unlock(git);
    git_commit_free(p.ours);
    git_commit_free(p.theirs);
    weir_arena_free(&p.arena);
    track_free(&t);
    return code;
}

/* --- push ------------------------------------------------------------------------------------ */

int weir_git_push(struct weir_git *git, const char *credentials, struct weir_error *err)
{
    struct talk talk = {.credentials = credentials};
    struct track t;
    char spec[700];
    git_push_options options = {.version = GIT_PUSH_OPTIONS_VERSION, .pb_parallelism = 1};
    git_remote_init_callbacks(&options.callbacks, GIT_REMOTE_CALLBACKS_VERSION);
    git_proxy_options_init(&options.proxy_opts, GIT_PROXY_OPTIONS_VERSION);
    options.callbacks.credentials = credential;
    options.callbacks.push_update_reference = on_rejected;
    options.callbacks.payload = &talk;
    int code = track_find(git, &t, err);
    code = code ? code : track_open(git, &t, err);
    if (!code && !*t.branch) {
        code = weir_fail(err, WEIR_EINVAL, "HEAD is on no branch; check one out, then push");
    }
    if (!code) {
        char *list[] = {spec};
        git_strarray specs = {list, 1};
        snprintf(spec, sizeof spec, "refs/heads/%.300s:%.300s", t.branch, t.merge_ref);
        int rc = git_remote_push(t.remote, &specs, &options);
        code =
            rc == GIT_ENONFASTFORWARD ? weir_fail(err, WEIR_EBUSY,
                                                  "the remote has commits that are not here; pull "
                                                  "first, then push again")
            : rc                      ? weir_git_fail(err, rc, "pushing to the remote")
            : *talk.rejected ? weir_fail(err, WEIR_EPERM, "the remote refused: %s", talk.rejected)
                             : WEIR_OK;
    }
    track_free(&t);
    return code;
}
