/* `weir completion` and `weir man`: texts for other programs, made from the command tables. */
#include "cli/commands.h"
#include "cli/help.h"

#define MAX_TEXT (1 << 20)

static int print(struct weir_buf *text, struct weir_error *err)
{
    int code = weir_buf_check(text, "the text", err);
    if (!code) {
        fwrite(weir_buf_cstr(text), 1, text->len, stdout);
    }
    weir_buf_free(text);
    return code;
}

static int run_completion(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_TEXT);
    if (!weir_help_completion(cli->commands, weir_args_at(cli->args, 0), &text)) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "there is no completion for \"%s\"; weir knows bash, "
                         "zsh and fish",
                         weir_args_at(cli->args, 0));
    }
    return print(&text, err);
}

static int run_man(struct weir_cli *cli, struct weir_error *err)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_TEXT);
    if (weir_args_has(cli->args, "markdown")) {
        weir_help_markdown(cli->commands, &text);
    } else {
        weir_help_man(cli->commands, &text);
    }
    return print(&text, err);
}

const struct weir_command weir_command_completion = {
    .name = "completion",
    .summary = "Print the completion script of a shell",
    .operands = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = 1,
    .help = "For bash, in ~/.bashrc:\n\n"
            "  source <(weir completion bash)\n\n"
            "For zsh, in ~/.zshrc, behind compinit:\n\n"
            "  source <(weir completion zsh)\n\n"
            "For fish:\n\n"
            "  weir completion fish > ~/.config/fish/completions/weir.fish",
    .run = run_completion,
};

static const struct weir_flag man_flags[] = {
    {"markdown", 0, NULL, NULL, false}, /* docs/guide/cli.md */
    {0},
};
const struct weir_command weir_command_man = {
    .name = "man",
    .summary = "Print the man page",
    .operands = "",
    .help = "To read it, and to install it:\n\n"
            "  weir man | man -l -\n"
            "  weir man > /usr/local/share/man/man1/weir.1",
    .flags = man_flags,
    .run = run_man,
};
