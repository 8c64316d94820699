#include "csv/first.h"

#include "base/map.h"
#include "csv/guess.h"

#define MOST_DIGITS 9

/* A whole number as a name: 0, 12, 2024. */
static bool read_number(struct weir_str text, int64_t *out)
{
    struct weir_str s = weir_str_trim(text);
    bool plain = s.len && s.len <= MOST_DIGITS && (*s.ptr != '0' || s.len == 1);
    *out = 0;
    for (size_t i = 0; plain && i < s.len; i++) {
        plain = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        *out = *out * 10 + (s.ptr[i] - '0');
    }
    return plain;
}

static bool is_year(int64_t number)
{
    return number >= 1900 && number <= 2100;
}

static bool is_new(struct weir_map *seen, struct weir_str text)
{
    return !weir_map_get(seen, text) && weir_map_put(seen, text, seen) == 0;
}

/* One number alone is a year; few that count from the beginning are a row of a small table. */
static bool are_names(const struct weir_csv_first *f, bool counted, size_t texts)
{
    size_t least = texts || f->unnamed ? 2 : 3;
    if (f->numbers == 0) {
        return f->unnamed && texts;
    }
    if (f->years) {
        return f->numbers >= least || (f->numbers == 1 && (texts || f->unnamed));
    }
    return counted && ((f->unnamed && f->numbers > 1) || (texts && f->numbers > 2));
}

void weir_csv_first_look(struct weir_csv_first *f, const struct weir_str *fields, size_t count)
{
    int64_t number, last = 0, from = 0;
    size_t texts = 0;
    bool even = true, up = true;
    struct weir_map seen;
    weir_map_init(&seen);
    *f = (struct weir_csv_first){.may = count > 1, .years = true, .counts = true};
    for (size_t i = 0; f->may && i < count; i++) {
        struct weir_str text = weir_str_trim(fields[i]);
        if (text.len == 0) {
            f->unnamed = i == 0;
            f->may = f->unnamed;
        } else if (read_number(text, &number)) {
            from = f->numbers ? from : number;
            even = even && (f->numbers == 0 || number - last == 1);
            up = f->numbers == 1 ? number > last : up;
            f->years = f->years && is_year(number);
            f->may = f->numbers == 0 || (number != last && up == (number > last));
            f->numbers++;
            last = number;
        } else {
            f->may = !weir_guess_is_value(text) && is_new(&seen, text);
            texts++;
        }
    }
    f->may = f->may && are_names(f, even && (from == 0 || from == 1), texts);
    weir_map_free(&seen);
}

void weir_csv_first_see(struct weir_csv_first *f, const struct weir_str *fields, size_t count,
                        const struct weir_csv_field *row)
{
    int64_t name, value, last = 0;
    size_t numbers = 0;
    bool alike = f->may && f->numbers;
    for (size_t i = 0; f->may && i < count; i++) {
        struct weir_str text = weir_str_trim(fields[i]);
        if (!read_number(text, &name)) {
            f->repeats = f->repeats || (text.len && weir_str_eq(text, weir_str_trim(row[i].text)));
            continue;
        }
        bool is = read_number(row[i].text, &value);
        alike = alike && is && (f->years ? is_year(value) : numbers == 0 || value - last == 1);
        last = value;
        numbers++;
    }
    f->alike += alike;
    if (f->may && f->unnamed) {
        bool is = read_number(row[0].text, &value);
        f->empty += weir_str_trim(row[0].text).len == 0;
        f->begins = f->rows ? f->begins : value;
        f->counts = f->counts && is && value == f->begins + (int64_t)f->rows;
    }
    f->rows++;
}

/* Rows whose first field is empty sometimes, or that are counted from the second on, may have begun
 * with one that has none. */
bool weir_csv_first_names(const struct weir_csv_first *f)
{
    bool counted = f->unnamed && f->counts && f->begins < 2;
    bool index = !f->unnamed || counted || (f->empty == 0 && !f->counts) || f->rows == 1;
    bool numbers = f->numbers == 0 || (counted && f->rows > 1) ||
                   (f->numbers == 1 ? f->rows > 1 && f->alike == 0 : f->alike * 2 < f->rows);
    return f->may && f->rows && !f->repeats && f->empty == 0 && index && numbers;
}
