/* Changes of sources/NAME.yml that came over the API: one at a time, each a commit by whoever made
 * it, as it is with reports. */
#include <stdio.h>

#include "serve/server.h"
#include "serve/source_commit.h"
#include "workspace/git.h"

#define LOCK_WAIT (10 * WEIR_SECOND)
#define MAX_FILE  (1u << 20)

static int commit(struct weir_ask *ask, struct weir_git *git, const char *name, const char *verb,
                  struct weir_error *err)
{
    const char *path = weir_arena_printf(&ask->arena, "sources/%s.yml", name);
    const char *message = weir_arena_printf(&ask->arena, "%s the source %s", verb, name);
    struct weir_author author = weir_caller_is_owner(&ask->who)
                                    ? weir_git_owner(git)
                                    : (struct weir_author){ask->who.name, ask->who.email};
    struct weir_buf text;
    weir_buf_init(&text, MAX_FILE);
    int rc = path && message ? weir_files_read(ask->server->run->workspace->dir, path, &text, err)
                             : weir_fail(err, WEIR_ENOMEM, "no memory for a commit");
    struct weir_file file = {.path = path, .bytes = weir_buf_str(&text), .gone = rc == WEIR_ENOENT};
    rc = rc && !file.gone ? rc : weir_git_commit(git, &file, 1, &author, message, NULL, err);
    weir_buf_free(&text);
    return rc;
}

int weir_source_commit(struct weir_ask *ask, const char *name, const char *verb,
                       int (*write)(struct weir_ask *ask, void *arg, struct weir_error *err),
                       void *arg, struct weir_error *err)
{
    struct weir_git *git = NULL;
    struct weir_error why;
    int rc = weir_git_open(ask->server->run->workspace->dir, &git, err);
    rc = rc == WEIR_ENOENT ? 0 : rc; /* a workspace without git */
    rc = rc || !git ? rc : weir_git_lock(git, LOCK_WAIT, err);
    rc = rc ? rc : write(ask, arg, err);
    if (rc == 0 && git && commit(ask, git, name, verb, &why)) {
        weir_log(ask->server->log, WEIR_LOG_WARN, "a change of a source is in no commit", "source",
                 name, "error", why.message); /* it holds all the same */
    }
    if (git) {
        weir_git_unlock(git);
    }
    weir_git_close(git);
    return rc;
}
