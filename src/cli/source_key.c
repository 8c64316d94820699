/* `weir source key`. */
#include "cli/commands.h"
#include "source/source.h"

static int run_key(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_workspace *workspace;
    struct weir_sources sources = {0};
    const char *name = weir_args_at(cli->args, 0);
    const struct weir_source *found = NULL;
    int code = weir_cli_workspace(cli, &workspace, err);
    struct weir_error others; /* mistakes in the files of others are theirs */
    int broken = code ? 0 : weir_sources_load_most(workspace, &sources, &others);
    for (size_t i = 0; !code && i < sources.count; i++) {
        found = strcmp(sources.items[i].name, name) == 0 ? &sources.items[i] : found;
    }
    for (size_t i = 0; !code && i < sources.read_count; i++) {
        if (strcmp(sources.read[i].name, name) == 0) {
            code = weir_fail(err, WEIR_EINVAL,
                             "source \"%s\" is read by weir (`weir sync %s`): it has no write key",
                             name, name);
        }
    }
    if (!code && !found && broken) {
        code = weir_fail(err, broken, "%s", others.message);
    } else if (!code && !found) {
        code = weir_fail(err, WEIR_ENOENT,
                         "there is no source \"%s\"; `weir source list` shows the sources, `weir "
                         "source add %s` makes it",
                         name, name);
    }
    if (!code) {
        puts(found->write_key);
    }
    weir_sources_free(&sources);
    weir_workspace_close(workspace);
    return code;
}

const struct weir_command weir_command_source_key = {
    .name = "source key",
    .summary = "Print a source's write key, and nothing else",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .help = "For scripts:\n\n"
            "  curl -u \"$(weir source key web):\" http://127.0.0.1:8080/v1/track \\\n"
            "    -d '{\"userId\":\"ada\",\"event\":\"Signed Up\"}'",
    .run = run_key,
};
