/* From argv to an exit code. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/help.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define MAX_TEXT (1 << 20)

static int print(FILE *to, const struct weir_buf *text)
{
    if (weir_buf_ok(text)) {
        fwrite(weir_buf_cstr(text), 1, text->len, to);
    }
    return fflush(to) || !weir_buf_ok(text) ? EXIT_FAILED : EXIT_DONE;
}

static int show_help(const struct weir_command *const *commands, const struct weir_args *args,
                     FILE *to)
{
    struct weir_help_style style = weir_help_style_of(fileno(to));
    struct weir_buf text;
    weir_buf_init(&text, MAX_TEXT);
    if (args->command) {
        weir_help_command(args->command, style, &text);
    } else if (args->group) {
        weir_help_group(commands, args->group, style, &text);
    } else {
        weir_help_program(commands, style, &text);
    }
    int code = print(to, &text);
    weir_buf_free(&text);
    return code;
}

static int exit_code(int code, const struct weir_error *err)
{
    if (code && err->message[0]) {
        fprintf(stderr, "weir: %s\n", err->message);
    }
    return code == 0 ? EXIT_DONE : code == WEIR_CLI_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static int run_command(const struct weir_command *const *commands, const struct weir_args *args,
                       struct weir_error *err)
{
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        return weir_fail_errno(err, errno, "/proc/self/exe cannot be read; is /proc mounted?");
    }
    program[n] = '\0';
    struct weir_cli cli = {
        .program = program,
        .dir = weir_args_value(args, "dir"),
        .log = {STDERR_FILENO, WEIR_LOG_INFO, !isatty(STDERR_FILENO), args->command->name},
        .args = args,
        .commands = commands,
    };
    cli.dir = cli.dir ? cli.dir : ".";
    const char *level = weir_args_value(args, "log-level");
    if (level && !weir_log_level_parse(level, &cli.log.min)) {
        return weir_fail(err, WEIR_CLI_USAGE,
                         "--log-level is \"%s\"; it may be debug, info, warn or error", level);
    }
    int code = args->command->run(&cli, err);
    /* A result that did not reach its reader (disk full, closed pipe) is no success. */
    if (fflush(stdout) && !code) {
        code = weir_fail_errno(err, errno, "the result could not be written");
    }
    if (cli.stuck) {
        _exit(exit_code(code, err)); /* what exit() takes down, they still use */
    }
    return code;
}

int weir_cli_main(const struct weir_command *const *commands, int argc, char *const *argv)
{
    struct weir_error err = {0};
    struct weir_args args;
    int code = weir_args_parse(commands, argc, argv, &args, &err);
    int result;
    if (code || args.ask == WEIR_ASK_RUN) {
        if (code && !args.command && !args.group && argc < 2) {
            show_help(commands, &args, stderr);
            err.message[0] = '\0';
        }
        code = code ? code : run_command(commands, &args, &err);
        result = exit_code(code, &err);
    } else if (args.ask == WEIR_ASK_VERSION) {
        result = puts("weir " WEIR_VERSION) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
    } else {
        result = show_help(commands, &args, stdout);
    }
    weir_args_free(&args);
    return result;
}

int weir_cli_listen_fd(const struct weir_cli *cli, int *fd, struct weir_error *err)
{
    int64_t number = -1;
    const char *text = weir_args_value(cli->args, "listen-fd");
    if (text && (!weir_str_to_i64(weir_str_of(text), &number) || number < 0 || number > 1 << 20)) {
        return weir_fail(err, WEIR_CLI_USAGE, "--listen-fd is \"%s\"; it must be a number", text);
    }
    *fd = (int)number;
    return WEIR_OK;
}

int weir_cli_workspace(const struct weir_cli *cli, struct weir_workspace **out,
                       struct weir_error *err)
{
    return weir_workspace_open(cli->dir, out, err);
}
