/* Tables for people, at a terminal. Widths come from the first rows; what is longer later is cut.
 */
#include "query/encode.h"

#define SAMPLE_ROWS  2048 /* rows looked at before the first line is written */
#define SAMPLE_CELLS (64u << 10)
#define MAX_COLUMN   120 /* a wider column is cut when the terminal's width is not known */
#define MIN_COLUMN   4

struct table {
    unsigned *widths;
    bool *right;
    struct weir_str *cells; /* of the sample, row by row; ptr NULL: null */
    size_t sampled;
    size_t sample_rows;
    bool flowing; /* the sample is written; rows go straight out */
};

static void line(struct weir_encoder *e, const char *left, const char *middle, const char *right)
{
    const struct table *t = e->state;
    weir_buf_addz(e->out, left);
    for (size_t i = 0; i < e->column_count; i++) {
        weir_buf_addz(e->out, i ? middle : "");
        for (unsigned n = 0; n < t->widths[i] + (e->plain ? 0 : 2); n++) {
            weir_buf_addz(e->out, "─");
        }
    }
    weir_buf_addz(e->out, right);
    weir_buf_addc(e->out, '\n');
}

static void pad(struct weir_buf *out, unsigned n)
{
    while (n-- > 0) {
        weir_buf_addc(out, ' ');
    }
}

static void cell(struct weir_encoder *e, size_t column, struct weir_str text, bool right)
{
    const struct table *t = e->state;
    bool last = column + 1 == e->column_count;
    if (!e->plain) {
        weir_buf_addz(e->out, "│ ");
    } else if (column) {
        weir_buf_addz(e->out, "  ");
    }
    size_t at = e->out->len;
    unsigned used = weir_text_fit(e->out, text, t->widths[column]);
    unsigned blank = t->widths[column] - used;
    if (right && blank) {
        e->out->len = weir_buf_ok(e->out) ? at : e->out->len;
        pad(e->out, blank);
        weir_text_fit(e->out, text, t->widths[column]);
    } else if (!e->plain || !last) {
        pad(e->out, blank);
    }
    if (!e->plain) {
        weir_buf_addz(e->out, last ? " │\n" : " ");
    } else if (last) {
        weir_buf_addc(e->out, '\n');
    }
}

static struct weir_str shown_cell(struct weir_str value)
{
    return value.ptr ? value : WEIR_STR("NULL");
}

/* Takes columns off the widest until the line fits. */
static void fit_widths(struct weir_encoder *e)
{
    struct table *t = e->state;
    unsigned around =
        e->plain ? 2 * (unsigned)(e->column_count - 1) : 3 * (unsigned)e->column_count + 1;
    for (;;) {
        unsigned total = around;
        size_t widest = 0;
        for (size_t i = 0; i < e->column_count; i++) {
            if (!e->width && t->widths[i] > MAX_COLUMN) {
                t->widths[i] = MAX_COLUMN;
            }
            total += t->widths[i];
            widest = t->widths[i] > t->widths[widest] ? i : widest;
        }
        if (!e->width || total <= e->width || t->widths[widest] <= MIN_COLUMN) {
            return;
        }
        unsigned over = total - e->width;
        unsigned second = MIN_COLUMN;
        for (size_t i = 0; i < e->column_count; i++) {
            if (i != widest && t->widths[i] > second) {
                second = t->widths[i];
            }
        }
        unsigned step = t->widths[widest] > second ? t->widths[widest] - second : 1;
        t->widths[widest] -= step < over ? step : over;
    }
}

static void begin(struct weir_encoder *e)
{
    struct table *t = weir_arena_calloc(&e->arena, sizeof *t);
    size_t rows = e->column_count ? SAMPLE_CELLS / e->column_count : 0;
    rows = rows > SAMPLE_ROWS ? SAMPLE_ROWS : rows + 1;
    e->state = t;
    if (t) {
        t->widths = weir_arena_calloc(&e->arena, (e->column_count + 1) * sizeof *t->widths);
        t->right = weir_arena_calloc(&e->arena, e->column_count + 1);
        t->cells = weir_arena_calloc(&e->arena, (rows * e->column_count + 1) * sizeof *t->cells);
        t->sample_rows = rows;
    }
    if (!t || !t->widths || !t->right || !t->cells) {
        e->out->failed = true;
        return;
    }
    for (size_t i = 0; i < e->column_count; i++) {
        const struct weir_column *c = &e->columns[i];
        t->widths[i] = weir_text_width(c->name);
        t->right[i] =
            c->type == WEIR_TYPE_INT || c->type == WEIR_TYPE_DOUBLE || weir_column_is_number(c);
    }
}

static void write_sample(struct weir_encoder *e)
{
    struct table *t = e->state;
    if (t->flowing) {
        return;
    }
    t->flowing = true;
    fit_widths(e);
    if (!e->plain) {
        line(e, "┌", "┬", "┐");
    }
    for (size_t i = 0; i < e->column_count; i++) {
        cell(e, i, e->columns[i].name, t->right[i]);
    }
    line(e, e->plain ? "" : "├", e->plain ? "  " : "┼", e->plain ? "" : "┤");
    for (size_t r = 0; r < t->sampled; r++) {
        for (size_t i = 0; i < e->column_count; i++) {
            cell(e, i, shown_cell(t->cells[r * e->column_count + i]), t->right[i]);
        }
    }
}

static struct weir_str text_of(struct weir_encoder *e, const struct weir_batch *batch, size_t i,
                               size_t row)
{
    if (!weir_vector_valid(&batch->columns[i], row)) {
        return (struct weir_str){NULL, 0};
    }
    weir_buf_reset(&e->scratch);
    weir_query_value_text(&e->scratch, &e->columns[i], &batch->columns[i], row);
    return weir_buf_str(&e->scratch);
}

static void row(struct weir_encoder *e, const struct weir_batch *batch, size_t at)
{
    struct table *t = e->state;
    if (t->flowing) {
        for (size_t i = 0; i < e->column_count; i++) {
            cell(e, i, shown_cell(text_of(e, batch, i, at)), t->right[i]);
        }
        return;
    }
    struct weir_str *cells = t->cells + t->sampled * e->column_count;
    for (size_t i = 0; i < e->column_count; i++) {
        struct weir_str text = text_of(e, batch, i, at);
        unsigned width = weir_text_width(shown_cell(text));
        t->widths[i] = width > t->widths[i] ? width : t->widths[i];
        if (text.ptr) {
            /* No terminal shows more of one cell. */
            cells[i] = weir_arena_dup(&e->arena, weir_utf8_cut(text, 4096));
            e->out->failed = e->out->failed || !cells[i].ptr;
        }
    }
    if (++t->sampled == t->sample_rows) {
        write_sample(e);
    }
}

/* The sample is the first batch, so that rows are shown as soon as there are any. */
static void batch_end(struct weir_encoder *e)
{
    struct table *t = e->state;
    if (t->sampled) {
        write_sample(e);
    }
}

static void end(struct weir_encoder *e, const struct weir_query_summary *summary)
{
    write_sample(e);
    if (!e->plain) {
        line(e, "└", "┴", "┘");
    }
    weir_buf_addf(e->out, "%llu row%s%s", (unsigned long long)summary->rows,
                  summary->rows == 1 ? "" : "s",
                  summary->truncated ? " (there are more: the limit cut the result)" : "");
    weir_buf_addf(e->out, " in %.*f %s\n", summary->elapsed < WEIR_SECOND ? 1 : 2,
                  summary->elapsed < WEIR_SECOND ? (double)summary->elapsed / 1000
                                                 : (double)summary->elapsed / WEIR_SECOND,
                  summary->elapsed < WEIR_SECOND ? "ms" : "s");
}

const struct weir_encoding weir_encoding_table = {
    .begin = begin, .row = row, .batch_end = batch_end, .end = end};
