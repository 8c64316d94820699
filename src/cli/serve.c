/* `weir serve`: the warehouse, the loader, the API and the pages, as a process of its own. */
#include "serve/serve.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/settings.h"

/* Under `weir up` it is for that one to tell. */
static void tell(const char *address, void *arg)
{
    struct weir_workspace *workspace = arg;
    char link[512];
    struct weir_error err;
    if (weir_setup_link(workspace, address, link, &err) == 0 && *link) {
        printf("Nobody is set up here yet. This link makes the first admin, once:\n\n  %s\n\n",
               link);
        fflush(stdout);
    }
}

static int run_serve(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    int fd;
    int code = weir_cli_listen_fd(cli, &fd, err);
    code = code ? code : weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    struct weir_serve_run run = {.workspace = workspace,
                                 .listen = weir_args_value(cli->args, "listen"),
                                 .listen_fd = fd,
                                 .stuck = &cli->stuck,
                                 .log = &cli->log,
                                 .ready = fd < 0 ? tell : NULL,
                                 .arg = workspace};
    code = weir_settings_bytes(workspace, "log", "keep_free", &run.keep_free, err);
    code = code ? code : weir_serve_run(&run, err);
    weir_workspace_close(workspace);
    return code;
}

static const struct weir_flag flags[] = {
    {"listen", 'l', "HOST:PORT", "address of the API and the pages; port 0 picks one", false},
    {"listen-fd", 0, "N", NULL, false},
    {0},
};
const struct weir_command weir_command_serve = {
    .name = "serve",
    .summary = "Load events into the warehouse and answer queries over HTTP",
    .operands = "",
    .help = "Owns the warehouse: while it runs, `weir query` and the others ask it. `weir up` runs "
            "it together with `weir collect`.\n\n"
            "On SIGTERM, requests under way are answered, the batch being loaded is finished, and "
            "the warehouse is checkpointed.",
    .flags = flags,
    .run = run_serve,
};
