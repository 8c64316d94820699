#include "demo/cells.h"

#include <math.h>
#include <stdio.h>

size_t weir_demo_width(struct weir_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        width += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    }
    return width;
}

size_t weir_demo_cells_column(const struct weir_demo_cells *cells, struct weir_str name)
{
    for (size_t i = 0; i < cells->columns; i++) {
        if (weir_str_eq(cells->column[i].name, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

struct weir_str weir_demo_number(struct weir_arena *arena, double value, int decimals)
{
    char plain[64];
    int len = snprintf(plain, sizeof plain, "%.*f", decimals, fabs(value));
    int whole = len - (decimals ? decimals + 1 : 0);
    char *out = weir_arena_alloc(arena, (size_t)len * 2 + 2);
    if (!out) {
        return (struct weir_str){"", 0};
    }
    size_t n = 0;
    if (value < 0 && strspn(plain, "0.") < (size_t)len) {
        out[n++] = '-';
    }
    for (int i = 0; i < len; i++) {
        if (i && i < whole && (whole - i) % 3 == 0) {
            out[n++] = ',';
        }
        out[n++] = plain[i];
    }
    return (struct weir_str){out, n};
}

/* As many decimals as the value needs, at most two. */
static int decimals_of(double value)
{
    double rest = fabs(value - round(value));
    if (rest < 0.005) {
        return 0;
    }
    double tenth = fabs(value * 10 - round(value * 10));
    return tenth < 0.05 ? 1 : 2;
}

/* DECIMAL(12,2) is money: two decimals, whatever its values are. */
static int scale_of(struct weir_str type)
{
    struct weir_str rest = type;
    int64_t scale = 0;
    weir_str_cut(&rest, ',');
    bool is = weir_str_starts(type, WEIR_STR("DECIMAL(")) && rest.len > 1 &&
              weir_str_to_i64((struct weir_str){rest.ptr, rest.len - 1}, &scale);
    return is && scale > 0 && scale < 10 ? (int)scale : 0;
}

static void read_row(struct weir_demo_cells *cells, struct weir_demo_cell *row,
                     struct weir_json values)
{
    struct weir_json_iter it = weir_json_begin(values);
    struct weir_json value;
    for (size_t i = 0; i < cells->columns && weir_json_next(&it, NULL, &value); i++) {
        struct weir_demo_column *column = &cells->column[i];
        if (weir_json_double(value, &row[i].value)) {
            int decimals = decimals_of(row[i].value);
            column->decimals = decimals > column->decimals ? decimals : column->decimals;
            column->number = true;
            row[i].text = WEIR_STR("");
        } else if (!weir_json_str(value, &row[i].text)) {
            bool truth;
            row[i].text.ptr = NULL;
            if (weir_json_bool(value, &truth)) {
                row[i].text = truth ? WEIR_STR("yes") : WEIR_STR("no");
            }
        }
    }
}

static void format(struct weir_demo_cells *cells, struct weir_arena *arena)
{
    for (size_t i = 0; i < cells->rows * cells->columns; i++) {
        struct weir_demo_column *column = &cells->column[i % cells->columns];
        struct weir_demo_cell *cell = &cells->cell[i];
        if (column->number && cell->text.ptr && cell->text.len == 0) {
            cell->text = weir_demo_number(arena, cell->value, column->decimals);
        }
        size_t width = weir_demo_width(cell->text);
        column->width = width > column->width ? width : column->width;
    }
}

int weir_demo_cells_read(struct weir_demo_cells *cells, struct weir_arena *arena,
                         struct weir_json answer, struct weir_error *err)
{
    struct weir_json columns = weir_json_get(answer, "columns");
    struct weir_json rows = weir_json_get(answer, "rows");
    if (weir_json_type(columns) != WEIR_JSON_ARRAY || weir_json_type(rows) != WEIR_JSON_ARRAY) {
        return weir_fail(err, WEIR_EINVAL, "the server's answer is not a query's result");
    }
    cells->columns = weir_json_count(columns);
    cells->rows = weir_json_count(rows);
    cells->column = weir_arena_calloc(arena, (cells->columns + 1) * sizeof *cells->column);
    cells->cell =
        weir_arena_calloc(arena, (cells->columns * cells->rows + 1) * sizeof *cells->cell);
    if (!cells->column || !cells->cell) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for an answer of %zu rows", cells->rows);
    }
    struct weir_json_iter it = weir_json_begin(columns);
    struct weir_json item;
    for (size_t i = 0; i < cells->columns && weir_json_next(&it, NULL, &item); i++) {
        cells->column[i].name = weir_json_get_str(item, "name");
        cells->column[i].decimals = scale_of(weir_json_get_str(item, "engine_type"));
    }
    it = weir_json_begin(rows);
    for (size_t row = 0; row < cells->rows && weir_json_next(&it, NULL, &item); row++) {
        read_row(cells, &cells->cell[row * cells->columns], item);
    }
    format(cells, arena);
    return 0;
}
