#include "cli/help.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INDENT     2
#define MIN_WIDTH  40
#define MAX_WIDTH  100 /* longer lines are hard to read */
#define MAX_COLUMN 34  /* a longer left side gets a line of its own */

struct weir_help_style weir_help_style_of(int fd)
{
    struct weir_help_style style = {80, false};
    struct winsize size;
    int64_t columns;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        style.width = size.ws_col;
    }
    if (weir_str_to_i64(weir_str_of(getenv("COLUMNS")), &columns) && columns > 0 &&
        columns < 10000) {
        style.width = (size_t)columns;
    }
    style.width = style.width < MIN_WIDTH   ? MIN_WIDTH
                  : style.width > MAX_WIDTH ? MAX_WIDTH
                                            : style.width;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    style.bold = isatty(fd) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    return style;
}

static void blanks(struct weir_buf *out, size_t n)
{
    while (n--) {
        weir_buf_addc(out, ' ');
    }
}

static void heading(struct weir_buf *out, struct weir_help_style style, const char *text)
{
    weir_buf_addf(out, style.bold ? "\n\033[1m%s\033[0m\n" : "\n%s\n", text);
}

/* Columns of a UTF-8 text without wide characters: bytes that begin a character. */
static size_t columns_of(struct weir_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    }
    return n;
}

void weir_help_fill(struct weir_buf *out, struct weir_str text, size_t column, size_t indent,
                    size_t width)
{
    bool fresh = true; /* nothing on this line yet */
    while (text.ptr) {
        struct weir_str word = weir_str_cut(&text, ' ');
        size_t wide = columns_of(word);
        if (word.len == 0) {
            continue;
        }
        if (!fresh && column + 1 + wide > width) {
            weir_buf_addc(out, '\n');
            blanks(out, indent);
            column = indent;
            fresh = true;
        }
        if (!fresh) {
            weir_buf_addc(out, ' ');
            column++;
        }
        weir_buf_adds(out, word);
        column += wide;
        fresh = false;
    }
    weir_buf_addc(out, '\n');
}

/* Paragraphs and examples, as struct weir_command's `help` has them. */
static void prose(struct weir_buf *out, const char *help, size_t width)
{
    struct weir_str rest = weir_str_of(help);
    struct weir_buf paragraph;
    weir_buf_init(&paragraph, 1 << 16);
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        bool example = line.len && line.ptr[0] == ' ';
        if (!example && line.len) {
            weir_buf_addz(&paragraph, paragraph.len ? " " : "");
            weir_buf_adds(&paragraph, line);
        }
        if (paragraph.len && (example || line.len == 0 || !rest.ptr)) {
            weir_help_fill(out, weir_buf_str(&paragraph), 0, 0, width);
            weir_buf_reset(&paragraph);
        }
        if (example || (line.len == 0 && rest.ptr)) {
            weir_buf_adds(out, line);
            weir_buf_addc(out, '\n');
        }
    }
    weir_buf_free(&paragraph);
}

/* "  left   right, filled" with the right side beginning at `column`. */
static void entry(struct weir_buf *out, struct weir_str left, const char *right, size_t column,
                  size_t width)
{
    blanks(out, INDENT);
    weir_buf_adds(out, left);
    size_t at = INDENT + columns_of(left);
    if (at + 2 > column) {
        weir_buf_addc(out, '\n');
        at = 0;
    }
    blanks(out, column - at);
    weir_help_fill(out, weir_str_of(right), column, column, width);
}

static void flag_left(struct weir_buf *left, const struct weir_flag *flag)
{
    weir_buf_reset(left);
    weir_buf_addf(left, flag->letter ? "-%c, " : "    ", flag->letter);
    weir_buf_addf(left, "--%s", flag->name);
    if (flag->value) {
        weir_buf_addf(left, " %s", flag->value);
    }
}

static void flags(struct weir_buf *out, const struct weir_flag *table, size_t width)
{
    struct weir_buf left, right;
    size_t column = 0, most = width / 2 < MAX_COLUMN ? width / 2 : MAX_COLUMN;
    weir_buf_init(&left, 1024);
    weir_buf_init(&right, 4096);
    for (const struct weir_flag *f = table; f->name; f++) {
        flag_left(&left, f);
        if (f->help && left.len > column && left.len + INDENT + 2 <= most) {
            column = left.len;
        }
    }
    column += INDENT + 2;
    for (const struct weir_flag *f = table; f->name; f++) {
        if (f->help) {
            flag_left(&left, f);
            weir_buf_reset(&right);
            weir_buf_addf(&right, "%s%s", f->help, f->repeat ? "; may be repeated" : "");
            entry(out, weir_buf_str(&left), weir_buf_cstr(&right), column, width);
        }
    }
    weir_buf_free(&left);
    weir_buf_free(&right);
}

static void commands_of(const struct weir_command *const *commands, const char *group,
                        struct weir_help_style style, struct weir_buf *out)
{
    size_t column = 0;
    for (const struct weir_command *const *c = commands; *c; c++) {
        size_t len = strlen((*c)->name);
        bool shown = !(*c)->hidden && (!group || weir_str_is(weir_command_group(*c), group));
        column = shown && len > column ? len : column;
    }
    for (const struct weir_command *const *c = commands; *c; c++) {
        if (!(*c)->hidden && (!group || weir_str_is(weir_command_group(*c), group))) {
            entry(out, weir_str_of((*c)->name), (*c)->summary, column + INDENT + 2, style.width);
        }
    }
}

void weir_help_program(const struct weir_command *const *commands, struct weir_help_style style,
                       struct weir_buf *out)
{
    weir_buf_addz(out, "weir: a company's whole analytics stack in one program.\n\n"
                       "Usage: weir [-C DIR] COMMAND [flags] [operands]\n");
    heading(out, style, "Commands");
    commands_of(commands, NULL, style, out);
    heading(out, style, "Flags of every command");
    flags(out, weir_global_flags, style.width);
    heading(out, style, "Begin");
    weir_buf_addz(out, "  weir init acme && cd acme && weir up\n\n"
                       "`weir COMMAND --help` explains one command.\n");
}

void weir_help_group(const struct weir_command *const *commands, const char *group,
                     struct weir_help_style style, struct weir_buf *out)
{
    weir_buf_addf(out, "Usage: weir %s COMMAND [flags] [operands]\n", group);
    heading(out, style, "Commands");
    commands_of(commands, group, style, out);
    weir_buf_addf(out, "\n`weir %s COMMAND --help` explains one command.\n", group);
}

void weir_help_command(const struct weir_command *command, struct weir_help_style style,
                       struct weir_buf *out)
{
    bool own = weir_command_has_flags(command);
    weir_buf_addf(out, "Usage: weir %s%s%s%s\n\n", command->name, own ? " [flags]" : "",
                  *command->operands ? " " : "", command->operands);
    weir_help_fill(out, weir_str_of(command->summary), 0, 0, style.width);
    if (*command->help) {
        weir_buf_addc(out, '\n');
        prose(out, command->help, style.width);
    }
    if (own) {
        heading(out, style, "Flags");
        flags(out, command->flags, style.width);
    }
    heading(out, style, "Flags of every command");
    flags(out, weir_global_flags, style.width);
}
