#include "demo/reading.h"

static void add_cell(const struct weir_demo_cells *cells, size_t row, struct weir_str name,
                     struct weir_buf *out)
{
    size_t column = weir_demo_cells_column(cells, name);
    if (column == SIZE_MAX || row >= cells->rows) {
        weir_buf_addz(out, "?");
        return;
    }
    struct weir_str text = weir_demo_cells_at(cells, row, column)->text;
    weir_buf_adds(out, text.ptr ? text : WEIR_STR("nothing"));
}

static void add_sum(const struct weir_demo_cells *cells, struct weir_str name,
                    struct weir_arena *arena, struct weir_buf *out)
{
    size_t column = weir_demo_cells_column(cells, name);
    double sum = 0;
    for (size_t row = 0; column != SIZE_MAX && row < cells->rows; row++) {
        sum += weir_demo_cells_at(cells, row, column)->value;
    }
    int decimals = column == SIZE_MAX ? 0 : cells->column[column].decimals;
    weir_buf_adds(out, weir_demo_number(arena, sum, decimals));
}

static size_t row_of_max(const struct weir_demo_cells *cells, struct weir_str name)
{
    size_t column = weir_demo_cells_column(cells, name);
    size_t best = 0;
    for (size_t row = 1; column != SIZE_MAX && row < cells->rows; row++) {
        if (weir_demo_cells_at(cells, row, column)->value >
            weir_demo_cells_at(cells, best, column)->value) {
            best = row;
        }
    }
    return best;
}

static void add_field(struct weir_str field, const struct weir_demo_cells *cells,
                      struct weir_arena *arena, struct weir_buf *out)
{
    struct weir_str rest = field;
    struct weir_str word = weir_str_cut(&rest, ' ');
    int64_t number;
    if (!rest.ptr) {
        if (weir_str_is(word, "count")) {
            weir_buf_add_u64(out, cells->rows);
        } else {
            add_cell(cells, 0, word, out);
        }
    } else if (weir_str_is(word, "last")) {
        add_cell(cells, cells->rows ? cells->rows - 1 : 0, rest, out);
    } else if (weir_str_is(word, "sum")) {
        add_sum(cells, rest, arena, out);
    } else if (weir_str_is(word, "max")) {
        struct weir_str by = weir_str_cut(&rest, ' ');
        add_cell(cells, row_of_max(cells, by), rest, out);
    } else if (weir_str_is(word, "row") && weir_str_to_i64(rest, &number) && number > 0 &&
               cells->columns) {
        add_cell(cells, (size_t)number - 1, cells->column[cells->columns - 1].name, out);
    }
}

void weir_demo_reading(struct weir_str template, const struct weir_demo_cells *cells,
                       struct weir_arena *arena, struct weir_buf *out)
{
    while (template.ptr) {
        struct weir_str text = weir_str_cut(&template, '{');
        weir_buf_adds(out, text);
        if (template.ptr) {
            add_field(weir_str_cut(&template, '}'), cells, arena, out);
        }
    }
}
