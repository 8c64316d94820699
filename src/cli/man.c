/* The man page, from the tables: roff text for man(1). */
#include "cli/help.h"

/* Text that roff must not read as requests: \ - ' . at the beginning of a line. */
static void text(struct weir_buf *out, struct weir_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool begins = i == 0 || s.ptr[i - 1] == '\n';
        if (begins && (c == '.' || c == '\'')) {
            weir_buf_addz(out, "\\&");
        }
        if (c == '\\') {
            weir_buf_addz(out, "\\e");
        } else if (c == '-') {
            weir_buf_addz(out, "\\-");
        } else {
            weir_buf_addc(out, c);
        }
    }
}

static void textz(struct weir_buf *out, const char *s)
{
    text(out, weir_str_of(s));
}

static void prose(struct weir_buf *out, const char *help)
{
    struct weir_str rest = weir_str_of(help);
    bool example = false;
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        bool indented = line.len && line.ptr[0] == ' ';
        if (indented != example) {
            weir_buf_addz(out, indented ? ".nf\n" : ".fi\n");
            example = indented;
        }
        if (line.len == 0) {
            weir_buf_addz(out, ".PP\n");
            continue;
        }
        text(out, line);
        weir_buf_addc(out, '\n');
    }
    weir_buf_addz(out, example ? ".fi\n" : "");
}

static void flags(struct weir_buf *out, const struct weir_flag *table)
{
    for (const struct weir_flag *f = table; f && f->name; f++) {
        if (!f->help) {
            continue;
        }
        weir_buf_addz(out, ".TP\n");
        if (f->letter) {
            weir_buf_addf(out, "\\fB\\-%c\\fR, ", f->letter);
        }
        weir_buf_addz(out, "\\fB\\-\\-");
        textz(out, f->name);
        weir_buf_addz(out, "\\fR");
        if (f->value) {
            weir_buf_addz(out, " \\fI");
            textz(out, f->value);
            weir_buf_addz(out, "\\fR");
        }
        weir_buf_addc(out, '\n');
        textz(out, f->help);
        weir_buf_addz(out, f->repeat ? " (may be repeated)\n" : "\n");
    }
}

static void command(struct weir_buf *out, const struct weir_command *c)
{
    weir_buf_addz(out, ".SS weir ");
    textz(out, c->name);
    if (weir_command_has_flags(c)) {
        weir_buf_addz(out, " [flags]");
    }
    if (*c->operands) {
        weir_buf_addc(out, ' ');
        textz(out, c->operands);
    }
    weir_buf_addc(out, '\n');
    textz(out, c->summary);
    weir_buf_addz(out, ".\n");
    if (*c->help) {
        weir_buf_addz(out, ".PP\n");
        prose(out, c->help);
    }
    flags(out, c->flags);
}

void weir_help_man(const struct weir_command *const *commands, struct weir_buf *out)
{
    weir_buf_addz(out,
                  ".TH WEIR 1 \"\" \"weir " WEIR_VERSION "\" \"User Commands\"\n"
                  ".SH NAME\nweir \\- a company's whole analytics stack in one program\n"
                  ".SH SYNOPSIS\n.B weir\n[\\fB\\-C\\fR \\fIDIR\\fR] \\fICOMMAND\\fR [flags] "
                  "[operands]\n"
                  ".SH DESCRIPTION\n"
                  "weir collects events by the tracking API that Segment's SDKs speak, keeps them "
                  "in an event log, loads them into an embedded warehouse and answers SQL.\n"
                  "Everything lives in one folder, the workspace.\n"
                  ".SH OPTIONS\nThese may stand before or after the command.\n");
    flags(out, weir_global_flags);
    weir_buf_addz(out, ".SH COMMANDS\n");
    for (; *commands; commands++) {
        if (!(*commands)->hidden) {
            command(out, *commands);
        }
    }
    weir_buf_addz(out,
                  ".SH EXIT STATUS\n0 when done, 1 when it failed, 2 when the command line was "
                  "wrong.\n"
                  ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours and no bold text when set\n"
                  ".TP\n.B COLUMNS\nthe width that help is filled to\n"
                  ".SH FILES\n.TP\n.I weir.yml\nthe settings\n"
                  ".TP\n.I sources/NAME.yml\none file a source\n"
                  ".TP\n.I .weir/\nthe data: event log, warehouse, sockets\n");
}
