/* The command line: one file a subcommand, one table in main.c. The only place that wires parts
 * together.
 *
 * A command declares its flags in a table, from which parsing, --help, shell completion and the man
 * page come. Exit codes: 0 done, 1 failed, 2 wrong usage. Errors go to stderr as
 * `weir: what, where, what to do`. Results go to stdout, progress and logs to stderr. */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "workspace/workspace.h"

/* What a command returns for wrong usage (exit code 2), beside the codes of base/error.h. */
#define WEIR_CLI_USAGE 1000

struct weir_flag {
    const char *name;  /* "dry-run", without dashes; NULL ends the table */
    char letter;       /* 'n' for -n, or 0 */
    const char *value; /* "HOST:PORT" when it takes a value ("a|b|c" is completed by the shell),
                        * NULL for a switch */
    const char *help;  /* NULL: works, but is shown nowhere */
    bool repeat;       /* may be given several times */
};

struct weir_args; /* the parsed command line */
/* NULL / false when the flag was not given; with `repeat`, the last one, or the i-th. */
const char *weir_args_value(const struct weir_args *args, const char *flag);
const char *weir_args_value_at(const struct weir_args *args, const char *flag, size_t i);
bool weir_args_has(const struct weir_args *args, const char *flag);
size_t weir_args_count(const struct weir_args *args);             /* positionals */
const char *weir_args_at(const struct weir_args *args, size_t i); /* NULL beyond the last */

struct weir_command;

struct weir_cli {
    const char *program; /* path of this binary, to start children */
    const char *dir;     /* -C DIR, "." by default */
    struct weir_log log; /* to stderr */
    const struct weir_args *args;
    const struct weir_command *const *commands; /* all of them, NULL-terminated */
    bool stuck; /* threads are inside an engine still: leave by _exit() */
};

struct weir_command {
    const char *name;     /* "query", or "log stat" for a second-level command */
    const char *summary;  /* one line, for `weir --help` */
    const char *operands; /* "SQL", "[DIR]", ... for the usage line; "" for none */
    unsigned min_operands, max_operands;
    /* Paragraphs, with an empty line between two; may be "". Lines that begin with a blank are
     * examples and stay as they are. */
    const char *help;
    const struct weir_flag *flags; /* NULL: none. -C, --help and --log-level exist everywhere */
    int (*run)(struct weir_cli *cli, struct weir_error *err); /* 0 or a WEIR_E code */
    bool hidden; /* for our own tools: works, but is shown nowhere */
};

/* Every command; the order is that of `weir --help`. In commands.c. */
extern const struct weir_command *const weir_commands[];

/* main() without the table: parses, runs, prints the error; returns the exit code. */
int weir_cli_main(const struct weir_command *const *commands, int argc, char *const *argv);

/* Opens the workspace at -C DIR; the caller closes it. */
int weir_cli_workspace(const struct weir_cli *cli, struct weir_workspace **out,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* The socket that `weir up` hands down by --listen-fd; -1 when the flag was not given. */
int weir_cli_listen_fd(const struct weir_cli *cli, int *fd, struct weir_error *err) WEIR_MUST_CHECK;

/* A progress line on a terminal (rate, share, time left), nothing elsewhere. */
struct weir_progress {
    FILE *out;
    const char *what;
    uint64_t total; /* 0: unknown */
    weir_time started;
    weir_time shown;
    bool terminal;
};
void weir_progress_begin(struct weir_progress *p, const char *what, uint64_t total);
void weir_progress_update(struct weir_progress *p, uint64_t done);
void weir_progress_end(struct weir_progress *p, uint64_t done);

/* "12.3 MB"; gives `out`. */
const char *weir_cli_size(uint64_t bytes, char out[32]);

#endif
