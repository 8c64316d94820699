#include "cli/commands.h"

#include <stddef.h>

/* In the order of a newcomer's day: begin, run, look, look after. */
const struct weir_command *const weir_commands[] = {
    &weir_command_completion,
    &weir_command_man,
    NULL,
};
