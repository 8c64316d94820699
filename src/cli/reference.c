/* docs/guide/cli.md, from the tables. */
#include "cli/help.h"

static const char preface[] =
    "# The command line\n\n"
    "`weir COMMAND [flags] [operands]`. Flags may stand anywhere; `--flag value` and "
    "`--flag=value` are the\nsame; what follows `--` is an operand. Exit codes: 0 done, 1 failed, "
    "2 the command line was wrong.\nResults go to stdout, progress and logs to stderr; logs are "
    "text on a terminal and JSON lines\notherwise. `NO_COLOR` switches colours off.\n\n"
    "This page is made from the program's own tables (`make docs`).\n";

static void flag_table(struct weir_buf *out, const struct weir_flag *table)
{
    weir_buf_addz(out, "\n| flag | what it does |\n|---|---|\n");
    for (const struct weir_flag *f = table; f->name; f++) {
        if (!f->help) {
            continue;
        }
        weir_buf_addz(out, "| `");
        if (f->letter) {
            weir_buf_addf(out, "-%c, ", f->letter);
        }
        weir_buf_addf(out, "--%s", f->name);
        for (const char *c = f->value ? f->value : ""; *c; c++) {
            weir_buf_addz(out, c == f->value ? " " : "");
            weir_buf_addz(out, *c == '|' ? "\\" : "");
            weir_buf_addc(out, *c);
        }
        weir_buf_addf(out, "` | %s%s |\n", f->help, f->repeat ? "; may be repeated" : "");
    }
}

/* Indented lines are examples: fenced, without the indent. */
static void prose(struct weir_buf *out, const char *help)
{
    struct weir_str rest = weir_str_of(help);
    bool example = false;
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        bool indented = weir_str_starts(line, WEIR_STR("  "));
        if (indented != example) {
            weir_buf_addz(out, indented ? "```sh\n" : "```\n");
            example = indented;
        }
        weir_buf_adds(out, indented ? (struct weir_str){line.ptr + 2, line.len - 2} : line);
        weir_buf_addc(out, '\n');
    }
    weir_buf_addz(out, example ? "```\n" : "");
}

void weir_help_markdown(const struct weir_command *const *commands, struct weir_buf *out)
{
    weir_buf_addz(out, preface);
    weir_buf_addz(out, "\n## Flags of every command\n");
    flag_table(out, weir_global_flags);
    for (; *commands; commands++) {
        const struct weir_command *c = *commands;
        if (c->hidden) {
            continue;
        }
        bool own = weir_command_has_flags(c);
        weir_buf_addf(out, "\n## `weir %s`\n\n%s.\n\n```\nweir %s%s%s%s\n```\n", c->name,
                      c->summary, c->name, own ? " [flags]" : "", *c->operands ? " " : "",
                      c->operands);
        if (*c->help) {
            weir_buf_addc(out, '\n');
            prose(out, c->help);
        }
        if (own) {
            flag_table(out, c->flags);
        }
    }
}
