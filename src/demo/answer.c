#include "demo/answer.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo/cells.h"
#include "demo/reading.h"

#define BOLD    "\033[1m"
#define DIM     "\033[2m"
#define ACCENT  "\033[36m" /* teal, the one accent */
#define PLAIN   "\033[0m"
#define INDENT  2
#define GAP     2
#define BAR_MAX 28
#define BAR_MIN 8

static bool says_utf8(const char *value)
{
    return value && (strcasestr(value, "utf-8") || strcasestr(value, "utf8"));
}

struct weir_demo_style weir_demo_style_of(int fd)
{
    struct weir_demo_style style = {.width = 80};
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    const char *locale = getenv("LC_ALL");
    locale = locale && *locale ? locale : getenv("LC_CTYPE");
    locale = locale && *locale ? locale : getenv("LANG");
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fd);
    if (columns && atoi(columns) > 0) {
        style.width = (unsigned)atoi(columns);
    } else if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col) {
        style.width = size.ws_col;
    }
    style.width = style.width < 40 ? 40 : style.width > 140 ? 140 : style.width;
    style.utf8 = says_utf8(locale);
    style.colour = terminal && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    return style;
}

static void paint(struct weir_buf *out, const struct weir_demo_style *style, const char *code)
{
    if (style->colour) {
        weir_buf_addz(out, code);
    }
}

static void spaces(struct weir_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_buf_addc(out, ' ');
    }
}

/* The text itself, or its beginning and an ellipsis; says how wide it became. */
static size_t add_cut(struct weir_buf *out, struct weir_str text, size_t width,
                      const struct weir_demo_style *style)
{
    size_t have = weir_demo_width(text);
    if (have <= width) {
        for (size_t i = 0; i < text.len; i++) { /* without UTF-8, one ? a character */
            unsigned char c = (unsigned char)text.ptr[i];
            if (style->utf8 || c < 0x80) {
                weir_buf_addc(out, (char)c);
            } else if ((c & 0xC0) == 0xC0) {
                weir_buf_addc(out, '?');
            }
        }
        return have;
    }
    size_t dots = style->utf8 ? 1 : 2;
    size_t end = 0;
    for (size_t n = 0; end < text.len; end++) {
        n += ((unsigned char)text.ptr[end] & 0xC0) != 0x80;
        if (n > width - dots) {
            break;
        }
    }
    add_cut(out, (struct weir_str){text.ptr, end}, width, style);
    weir_buf_addz(out, style->utf8 ? "…" : "..");
    return width;
}

/* Wraps a sentence to the width, indented. */
static void add_wrapped(struct weir_buf *out, struct weir_str text,
                        const struct weir_demo_style *style, size_t indent)
{
    size_t at = indent;
    spaces(out, indent);
    bool first = true;
    while (text.ptr && text.len) {
        struct weir_str word = weir_str_cut(&text, ' ');
        size_t width = weir_demo_width(word);
        if (!first && at + 1 + width > style->width) {
            weir_buf_addc(out, '\n');
            spaces(out, indent);
            at = indent;
            first = true;
        }
        if (!first) {
            weir_buf_addc(out, ' ');
            at++;
        }
        at += add_cut(out, word, style->width, style);
        first = false;
    }
    weir_buf_addc(out, '\n');
}

void weir_demo_question_print(const struct weir_demo_question *question, size_t number,
                              const struct weir_demo_style *style, struct weir_buf *out)
{
    weir_buf_addc(out, '\n');
    paint(out, style, BOLD);
    weir_buf_addf(out, "%zu. ", number);
    weir_buf_adds(out, question->title);
    paint(out, style, PLAIN);
    weir_buf_addz(out, "\n\n");
    paint(out, style, DIM);
    struct weir_str rest = question->sql;
    while (rest.ptr && rest.len) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        if (line.len) {
            spaces(out, 4);
        }
        weir_buf_adds(out, line);
        weir_buf_addc(out, '\n');
    }
    paint(out, style, PLAIN);
    weir_buf_addc(out, '\n');
}

/* --- the table ----------------------------------------------------------------------------------
 */

struct layout {
    const struct weir_demo_cells *cells;
    const struct weir_demo_style *style;
    struct weir_str *heads;
    size_t *widths;
    size_t chart; /* column of the bars, or SIZE_MAX */
    size_t bar;   /* width of the longest */
    double top;
};

/* "converted_pct" reads "converted %". */
static struct weir_str heading(struct weir_arena *arena, struct weir_str name)
{
    struct weir_str head = weir_arena_dup(arena, name);
    if (!head.ptr) {
        return name;
    }
    char *text = (char *)head.ptr;
    for (size_t i = 0; i < head.len; i++) {
        text[i] = text[i] == '_' ? ' ' : text[i];
    }
    if (weir_str_ends(head, WEIR_STR(" pct"))) {
        text[head.len - 3] = '%';
        head.len -= 2;
    }
    return head;
}

static int lay_out(struct layout *layout, struct weir_arena *arena,
                   const struct weir_demo_question *question, struct weir_error *err)
{
    const struct weir_demo_cells *cells = layout->cells;
    layout->heads = weir_arena_calloc(arena, (cells->columns + 1) * sizeof *layout->heads);
    layout->widths = weir_arena_calloc(arena, (cells->columns + 1) * sizeof *layout->widths);
    if (!layout->heads || !layout->widths) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for laying out an answer");
    }
    size_t total = INDENT;
    size_t widest = 0;
    for (size_t i = 0; i < cells->columns; i++) {
        layout->heads[i] = heading(arena, cells->column[i].name);
        size_t head = weir_demo_width(layout->heads[i]);
        size_t width = cells->column[i].width;
        layout->widths[i] = head > width ? head : width;
        total += layout->widths[i] + (i ? GAP : 0);
        if (!cells->column[i].number &&
            (cells->column[widest].number || layout->widths[i] > layout->widths[widest])) {
            widest = i;
        }
    }
    layout->chart = question->chart == WEIR_DEMO_BARS
                        ? weir_demo_cells_column(cells, question->chart_value)
                        : SIZE_MAX;
    for (size_t row = 0; layout->chart != SIZE_MAX && row < cells->rows; row++) {
        double value = weir_demo_cells_at(cells, row, layout->chart)->value;
        layout->top = value > layout->top ? value : layout->top;
    }
    /* A bar is worth cutting a long text for, but not cutting it to a stump. */
    size_t want = total + (layout->top > 0 ? GAP + BAR_MIN : 0);
    if (want > layout->style->width && layout->widths[widest] < want - layout->style->width + 34) {
        want = total;
        layout->top = 0;
    }
    if (want > layout->style->width && cells->columns) {
        size_t over = want - layout->style->width;
        size_t least = 12;
        size_t give = layout->widths[widest] > least ? layout->widths[widest] - least : 0;
        give = give < over ? give : over;
        layout->widths[widest] -= give;
        total -= give;
    }
    if (layout->top > 0 && total + GAP + BAR_MIN <= layout->style->width) {
        size_t room = layout->style->width - total - GAP;
        layout->bar = room > BAR_MAX ? BAR_MAX : room;
    }
    return 0;
}

static void add_bar(struct weir_buf *out, double share, size_t width,
                    const struct weir_demo_style *style)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    size_t eighths = (size_t)(share * (double)width * 8 + 0.5);
    paint(out, style, ACCENT);
    for (size_t i = 0; i < eighths / 8; i++) {
        weir_buf_addz(out, style->utf8 ? "█" : "=");
    }
    if (style->utf8) {
        weir_buf_addz(out, parts[eighths % 8]);
    } else if (eighths % 8 >= 4 || eighths == 0) {
        weir_buf_addz(out, "-");
    }
    paint(out, style, PLAIN);
}

static void add_row(struct weir_buf *out, const struct layout *layout, size_t row)
{
    const struct weir_demo_cells *cells = layout->cells;
    bool head = row == SIZE_MAX;
    size_t owed = INDENT; /* blanks not written yet: none stay at a line's end */
    for (size_t i = 0; i < cells->columns; i++) {
        struct weir_str text = head ? layout->heads[i] : weir_demo_cells_at(cells, row, i)->text;
        text = text.ptr ? text : WEIR_STR("");
        size_t width = weir_demo_width(text);
        size_t pad = width < layout->widths[i] ? layout->widths[i] - width : 0;
        owed += i ? GAP : 0;
        if (cells->column[i].number) {
            owed += pad;
            pad = 0;
        }
        if (text.len) {
            spaces(out, owed);
            owed = 0;
            add_cut(out, text, layout->widths[i], layout->style);
        } else {
            owed += width;
        }
        owed += pad;
    }
    if (!head && layout->bar) {
        double value = weir_demo_cells_at(cells, row, layout->chart)->value;
        spaces(out, owed + GAP);
        add_bar(out, value > 0 ? value / layout->top : 0, layout->bar, layout->style);
    }
    weir_buf_addc(out, '\n');
}

static void add_table(struct weir_buf *out, const struct layout *layout)
{
    size_t total = 0;
    for (size_t i = 0; i < layout->cells->columns; i++) {
        total += layout->widths[i] + (i ? GAP : 0);
    }
    paint(out, layout->style, DIM);
    add_row(out, layout, SIZE_MAX);
    spaces(out, INDENT);
    for (size_t i = 0; i < total; i++) {
        weir_buf_addz(out, layout->style->utf8 ? "─" : "-");
    }
    paint(out, layout->style, PLAIN);
    weir_buf_addc(out, '\n');
    for (size_t row = 0; row < layout->cells->rows; row++) {
        add_row(out, layout, row);
    }
}

/* One line of eight heights, from zero: "mrr  ▁▂▄▆█  1,250 to 2,310". */
static void add_line(struct weir_buf *out, const struct weir_demo_cells *cells,
                     const struct weir_demo_question *question, const struct weir_demo_style *style,
                     struct weir_arena *arena)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char ascii[] = "_.:-=+*#";
    size_t column = weir_demo_cells_column(cells, question->chart_value);
    double top = 0;
    for (size_t row = 0; column != SIZE_MAX && row < cells->rows; row++) {
        double value = weir_demo_cells_at(cells, row, column)->value;
        top = value > top ? value : top;
    }
    if (top <= 0 || cells->rows < 2) {
        return;
    }
    weir_buf_addc(out, '\n');
    spaces(out, INDENT);
    weir_buf_adds(out, heading(arena, cells->column[column].name));
    spaces(out, GAP);
    paint(out, style, ACCENT);
    for (size_t row = 0; row < cells->rows; row++) {
        const struct weir_demo_cell *cell = weir_demo_cells_at(cells, row, column);
        int height = cell->value <= 0 ? 0 : (int)(cell->value / top * 7 + 0.5);
        if (!cell->text.ptr) {
            weir_buf_addc(out, ' '); /* a gap is shown as a gap */
        } else if (style->utf8) {
            weir_buf_addz(out, heights[height]);
        } else {
            weir_buf_addc(out, ascii[height]);
        }
    }
    paint(out, style, PLAIN);
    weir_buf_addz(out, "  from 0 to ");
    weir_buf_adds(out, weir_demo_number(arena, top, cells->column[column].decimals));
    weir_buf_addc(out, '\n');
}

int weir_demo_answer_print(const struct weir_demo_question *question, struct weir_json answer,
                           double milliseconds, const struct weir_demo_style *style,
                           struct weir_buf *out, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_demo_cells cells = {0};
    struct layout layout = {.cells = &cells, .style = style};
    struct weir_buf sentence;
    weir_arena_init(&arena, 16u << 20);
    weir_buf_init(&sentence, 1 << 16);
    int code = weir_demo_cells_read(&cells, &arena, answer, err);
    code = code ? code : lay_out(&layout, &arena, question, err);
    if (!code) {
        add_table(out, &layout);
        if (question->chart == WEIR_DEMO_LINE) {
            add_line(out, &cells, question, style, &arena);
        }
        weir_buf_addc(out, '\n');
        if (cells.rows) {
            weir_demo_reading(question->reading, &cells, &arena, &sentence);
        } else {
            weir_buf_addz(&sentence, "No rows: there is nothing of the kind in these events.");
        }
        /* One word, so that a line never begins with it. */
        weir_buf_addf(&sentence, " (%.0f%sms)", milliseconds, style->utf8 ? "\xC2\xA0" : " ");
        add_wrapped(out, weir_buf_str(&sentence), style, INDENT);
    }
    weir_buf_free(&sentence);
    weir_arena_free(&arena);
    return code;
}
