/* `weir collect`: the tracking API, as a process of its own. */
#include "collect/collect.h"

#include "cli/commands.h"

static int run_collect(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    int fd;
    int code = weir_cli_listen_fd(cli, &fd, err);
    code = code ? code : weir_cli_workspace(cli, &workspace, err);
    if (code) {
        return code;
    }
    struct weir_collect_run run = {.workspace = workspace,
                                   .listen = weir_args_value(cli->args, "listen"),
                                   .listen_fd = fd,
                                   .log = &cli->log};
    code = weir_collect_run(&run, err);
    weir_workspace_close(workspace);
    return code;
}

static const struct weir_flag flags[] = {
    {"listen", 'l', "HOST:PORT", "address of the tracking API; port 0 picks one", false},
    {"listen-fd", 0, "N", NULL, false},
    {0},
};
const struct weir_command weir_command_collect = {
    .name = "collect",
    .summary = "Take events in over HTTP and keep them in the event log",
    .operands = "",
    .help = "A process without a warehouse in it: nothing an analyst does can stop it. `weir up` "
            "runs it together with `weir serve`.\n\n"
            "A 200 means that the event is on disk. On SIGTERM, requests under way are answered.",
    .flags = flags,
    .run = run_collect,
};
