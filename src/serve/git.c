/* /api/git: the workspace's repository and its remote. */
#include "serve/shelf.h"

static int run_status(struct weir_shelf_job *job, struct weir_error *err)
{
    struct weir_git_status status;
    struct weir_jw *w = &job->w;
    char last[512];
    int rc = weir_git_status(weir_library_git(job->library), &job->arena, &status, err);
    if (rc) {
        return rc;
    }
    weir_shelf_git_error(job->call.server->shelf, last);
    weir_jw_object(w);
    weir_jw_kstrz(w, "branch", status.branch);
    weir_jw_kstrz(w, "remote", status.remote);
    weir_jw_ku64(w, "ahead", status.ahead);
    weir_jw_ku64(w, "behind", status.behind);
    weir_jw_keyz(w, "dirty");
    weir_jw_array(w);
    for (size_t i = 0; i < status.dirty_count; i++) {
        weir_jw_strz(w, status.dirty[i]);
    }
    weir_jw_array_end(w);
    weir_jw_kstr_or_null(w, "last_error", weir_str_of(last));
    weir_jw_object_end(w);
    return rc;
}

/* The remote may take minutes: this thread has a handle of its own. The index's lock keeps saves
 * and a pull apart. */
static int talk(struct weir_shelf_job *job, bool push, struct weir_error *err)
{
    struct weir_server *server = job->call.server;
    struct weir_git *git = NULL;
    bool changed = false;
    const char *credentials =
        weir_arena_printf(&job->arena, "%s/secrets/git_credentials", server->run->workspace->data);
    int rc = weir_git_open(server->run->workspace->dir, &git, err);
    if (rc == 0) {
        rc = push ? weir_git_push(git, credentials, err)
                  : weir_git_pull(git, credentials, weir_document_merge_file, &changed, err);
    }
    weir_git_close(git);
    weir_shelf_set_git_error(server->shelf, rc ? err->message : "");
    weir_shelf_look(server->shelf);
    if (rc == 0) {
        weir_jw_object(&job->w);
        weir_jw_kbool(&job->w, "changed", push || changed);
        weir_jw_object_end(&job->w);
    } else if (rc == WEIR_EINVAL || rc == WEIR_EBUSY) {
        rc = weir_fail(err, WEIR_EEXIST, "%s", weir_arena_strdup(&job->arena, err->message));
    }
    return rc;
}

static int run_pull(struct weir_shelf_job *job, struct weir_error *err)
{
    return talk(job, false, err);
}

static int run_push(struct weir_shelf_job *job, struct weir_error *err)
{
    return talk(job, true, err);
}

void weir_serve_git_status(const struct weir_call *call)
{
    weir_shelf_start(call, run_status);
}

void weir_serve_git_pull(const struct weir_call *call)
{
    weir_shelf_start_wire(call, run_pull);
}

void weir_serve_git_push(const struct weir_call *call)
{
    weir_shelf_start_wire(call, run_push);
}
