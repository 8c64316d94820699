/* The command line, read against the table of commands. Only src/cli includes this. */
#ifndef WEIR_CLI_ARGS_H
#define WEIR_CLI_ARGS_H

#include "cli/command.h"

enum weir_ask { WEIR_ASK_RUN, WEIR_ASK_HELP, WEIR_ASK_VERSION };

struct weir_arg {
    const struct weir_flag *flag;
    const char *value; /* NULL for a switch */
};

struct weir_args {
    enum weir_ask ask;
    const struct weir_command *command; /* NULL with ASK_HELP of the program or of a group */
    const char *group;                  /* "log" for second-level commands, or NULL */
    struct weir_arg *given;
    size_t given_count;
    const char **operands;
    size_t operand_count;
};

/* Flags of every command: -C, --log-level, -h, --version. */
extern const struct weir_flag weir_global_flags[];

/* WEIR_CLI_USAGE, with a message that says what to do, when the words make no sense. `out` is
 * filled as far as it was understood; free it in any case. The strings borrow from argv. */
int weir_args_parse(const struct weir_command *const *commands, int argc, char *const *argv,
                    struct weir_args *out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_args_free(struct weir_args *args);

/* Has it flags of its own that are shown? */
bool weir_command_has_flags(const struct weir_command *command);
/* The first of one or two words. */
struct weir_str weir_command_group(const struct weir_command *command);

#endif
