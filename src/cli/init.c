/* `weir init`: a new workspace. */
#include "cli/commands.h"

static void tell_next(const char *dir)
{
    printf("Made the workspace %s\n\n"
           "  weir.yml         settings\n"
           "  sources/web.yml  the first source, with a fresh write key\n"
           "  .weir/           the data, not in git: back it up\n\n"
           "It is a git repository; these files are its first commit.\n\n",
           dir);
    bool here = strcmp(dir, ".") == 0;
    printf("Next:\n\n%s%s%s"
           "  weir up                collect events, load them, answer queries\n"
           "  weir source key web    the key that your SDK needs\n",
           here ? "" : "  cd ", here ? "" : dir, here ? "" : "\n");
}

static int run_init(struct weir_cli *cli, struct weir_error *err)
{
    const char *operand = weir_args_at(cli->args, 0);
    if (operand && weir_args_has(cli->args, "dir")) {
        return weir_fail(err, WEIR_CLI_USAGE, "init takes its folder once: DIR, or -C DIR");
    }
    const char *dir = operand ? operand : cli->dir;
    int code = weir_workspace_init(dir, err);
    if (!code) {
        tell_next(dir);
    }
    return code;
}

const struct weir_command weir_command_init = {
    .name = "init",
    .summary = "Make a workspace: settings, a first source, a git repository",
    .operands = "[DIR]",
    .max_operands = 1,
    .help = "DIR is made when it is missing; without DIR, the current folder becomes the "
            "workspace. A folder that is a workspace already is left untouched.\n\n"
            "  weir init acme\n"
            "  cd acme && weir up",
    .run = run_init,
};
