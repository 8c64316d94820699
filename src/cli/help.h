/* The texts made from the command tables: help, man page, shell completion. Only src/cli includes
 * this. */
#ifndef WEIR_CLI_HELP_H
#define WEIR_CLI_HELP_H

#include "base/buf.h"
#include "cli/args.h"

struct weir_help_style {
    size_t width; /* columns to fill */
    bool bold;    /* headings, by terminal codes */
};

/* From the terminal behind `fd` and the environment (COLUMNS, NO_COLOR). */
struct weir_help_style weir_help_style_of(int fd);

void weir_help_program(const struct weir_command *const *commands, struct weir_help_style style,
                       struct weir_buf *out);
void weir_help_group(const struct weir_command *const *commands, const char *group,
                     struct weir_help_style style, struct weir_buf *out);
void weir_help_command(const struct weir_command *command, struct weir_help_style style,
                       struct weir_buf *out);

/* Words of `text` filled into lines of `width`, each after `indent` blanks, except the first line,
 * which continues a line that is at column `column` already. */
void weir_help_fill(struct weir_buf *out, struct weir_str text, size_t column, size_t indent,
                    size_t width);

/* roff, for man(1). */
void weir_help_man(const struct weir_command *const *commands, struct weir_buf *out);
/* docs/guide/cli.md. */
void weir_help_markdown(const struct weir_command *const *commands, struct weir_buf *out);
/* "bash", "zsh" or "fish"; false for another shell. */
bool weir_help_completion(const struct weir_command *const *commands, const char *shell,
                          struct weir_buf *out);

#endif
