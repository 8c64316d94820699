/* Any bytes as a CSV file: what is guessed over all of it is true of each row, the second walk sees
 * what the first saw, what is shown of bad lines is text, and what fits a format has a value of it.
 *
 * Input: a byte for the header (guess, yes, no; 64: votes are counted; 128: it is a sheet), then
 * the file. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv/columns.h"

#define MAX_COLUMNS 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_names(const struct weir_csv_columns *c)
{
    for (size_t i = 0; i < c->count; i++) {
        check(c->columns[i].name.len > 0 && weir_utf8_valid(c->columns[i].name));
        for (size_t j = 0; j < i; j++) {
            check(!weir_str_eq(c->columns[i].name, c->columns[j].name));
        }
    }
}

static void check_bad(const struct weir_csv_record *record)
{
    struct weir_arena arena;
    weir_arena_init(&arena, 16u << 20);
    struct weir_str shown = weir_csv_readable(&arena, record->raw);
    check(shown.ptr && weir_utf8_valid(shown));
    weir_arena_free(&arena);
}

static void check_likely(const struct weir_guess *g, struct weir_str text, bool commas)
{
    struct weir_guess_value v;
    for (unsigned type = 0; g->counts && type < WEIR_TYPE_TEXT; type++) {
        enum weir_guess_format likely = weir_guess_likely(g, (enum weir_type)type, commas);
        if (likely != WEIR_GUESS_TEXT) {
            check(g->votes[likely] > 0 && g->votes[likely] <= g->values);
            check(!weir_guess_fits(likely, text) || weir_guess_value(likely, text, &v));
        }
    }
}

static void check_row(const struct weir_csv_columns *c, const struct weir_csv_record *record)
{
    struct weir_guess_value v;
    check(record->count >= c->count); /* separators at the end are none */
    for (size_t i = 0; i < c->count; i++) {
        const struct weir_csv_field *field = &record->fields[i];
        check(weir_utf8_valid(field->text));
        check(weir_guess_type(c->guesses[i].format) == c->columns[i].type);
        check(c->columns[i].type == WEIR_TYPE_TEXT || field->text.len == 0 ||
              weir_guess_value(c->guesses[i].format, field->text, &v));
        check_likely(&c->guesses[i], field->text, c->commas);
    }
}

/* How many records there are; each is read to its end by AddressSanitizer's eyes. */
static size_t walk(struct weir_csv_columns *c, struct weir_csv *csv, bool checked)
{
    struct weir_csv_record record;
    struct weir_error err;
    size_t n = 0;
    uint64_t line = 0;
    char room[160];
    weir_csv_columns_rewind(c, csv);
    while (weir_csv_columns_next(c, csv, &record, &err) == 0 && (record.count || record.bad)) {
        n++;
        check(record.line > line);
        line = record.line;
        if (checked && weir_csv_bad(c, &record, room)) {
            check_bad(&record);
        } else if (checked) {
            check_row(c, &record);
        }
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-csv-XXXXXX";
    struct weir_csv_text text = {.fd = -1};
    struct weir_csv csv = {0};
    struct weir_csv_columns columns = {0};
    struct weir_error err;
    if (size == 0) {
        return 0;
    }
    int fd = mkstemp(path);
    check(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
    close(fd);
    int rc = weir_csv_text_open(&text, path, NULL, &err);
    rc = rc ? rc : weir_csv_open(&csv, &text, &err);
    csv.counts = *data & 64;
    csv.sheet = *data & 128;
    rc = rc ? rc
            : weir_csv_columns_read(&columns, &csv, (enum weir_csv_header)(*data % 3), MAX_COLUMNS,
                                    &err);
    if (rc == 0) {
        check_names(&columns);
        check(walk(&columns, &csv, true) == walk(&columns, &csv, false));
    }
    weir_csv_columns_free(&columns);
    weir_csv_free(&csv);
    weir_csv_text_free(&text);
    unlink(path);
    return 0;
}
