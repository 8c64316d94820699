#include "query/xlsx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <xlsxwriter.h>

#include "query/encode.h"

#define MAX_ROWS    1048575u /* below the names */
#define MAX_COLUMNS 16384u
#define MAX_CELL    32767u       /* characters */
#define MAX_TEXT    (2ull << 30) /* bytes of text; the file's container ends at 4 GB */
#define MAX_EXACT   9007199254740992LL
#define FIRST_DAY   (-25508) /* 1900-03-01: before it spreadsheets disagree about the calendar */
#define LAST_DAY    2932896  /* 9999-12-31 */
#define DAY_ZERO    25569    /* 1970-01-01 */

struct weir_xlsx {
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *date, *time, *head;
    const struct weir_column *columns;
    size_t column_count;
    uint64_t rows, max_rows, bytes;
    uint64_t cut; /* cells */
    bool sheet_is_full, too_large, limited;
    struct weir_buf text;
};

static int failed(lxw_error code, struct weir_error *err)
{
    switch (code) {
    case LXW_NO_ERROR:
        return 0;
    case LXW_ERROR_MEMORY_MALLOC_FAILED:
        return weir_fail(err, WEIR_ENOMEM, "no memory for the workbook");
    case LXW_ERROR_CREATING_TMPFILE:
    case LXW_ERROR_CREATING_XLSX_FILE:
        return weir_fail_errno(err, errno ? errno : EIO, "the workbook cannot be written");
    default:
        return weir_fail(err, WEIR_EIO, "the workbook cannot be written: %s", lxw_strerror(code));
    }
}

static int write_head(struct weir_xlsx *x, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < x->column_count; i++) {
        weir_buf_reset(&x->text);
        weir_buf_adds(&x->text, weir_utf8_cut(x->columns[i].name, MAX_CELL));
        rc = failed(
            worksheet_write_string(x->sheet, 0, (lxw_col_t)i, weir_buf_cstr(&x->text), x->head),
            err);
    }
    worksheet_freeze_panes(x->sheet, 1, 0);
    return rc;
}

int weir_xlsx_new(const char *path, const char *temp_dir, const struct weir_column *columns,
                  size_t column_count, uint64_t max_rows, struct weir_xlsx **out,
                  struct weir_error *err)
{
    struct weir_xlsx *x;
    *out = NULL;
    if (column_count > MAX_COLUMNS) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "the result has %zu columns and a sheet holds %u; choose some, or another "
                         "format",
                         column_count, MAX_COLUMNS);
    }
    lxw_workbook_options options = {.constant_memory = LXW_TRUE,
                                    .tmpdir = (char *)(uintptr_t)temp_dir};
    x = calloc(1, sizeof *x);
    if (!x || !(x->book = workbook_new_opt(path, &options))) {
        free(x);
        return weir_fail(err, WEIR_ENOMEM, "no memory for a workbook");
    }
    x->columns = columns;
    x->column_count = column_count;
    x->limited = max_rows && max_rows < MAX_ROWS;
    x->max_rows = x->limited ? max_rows : MAX_ROWS;
    weir_buf_init(&x->text, 1u << 20);
    x->date = workbook_add_format(x->book);
    x->time = workbook_add_format(x->book);
    x->head = workbook_add_format(x->book);
    x->sheet = workbook_add_worksheet(x->book, "Result");
    *out = x;
    if (!x->date || !x->time || !x->head || !x->sheet) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a workbook");
    }
    format_set_num_format(x->date, "yyyy-mm-dd");
    format_set_num_format(x->time, "yyyy-mm-dd hh:mm:ss");
    format_set_bold(x->head);
    return write_head(x, err);
}

/* --- cells ------------------------------------------------------------------------------------ */

/* The first `most` characters as Excel counts them: those beyond U+FFFF are two. */
static struct weir_str first_characters(struct weir_str text, size_t most)
{
    size_t count = 0;
    if (text.len <= most) {
        return text;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c & 0xc0) != 0x80) {
            count += c >= 0xf0 ? 2 : 1;
            if (count > most) {
                return (struct weir_str){text.ptr, i};
            }
        }
    }
    return text;
}

static lxw_error write_text(struct weir_xlsx *x, lxw_row_t row, lxw_col_t column,
                            struct weir_str value)
{
    struct weir_str kept = first_characters(value, MAX_CELL);
    const char *nul = memchr(kept.ptr, 0, kept.len);
    if (nul) {
        kept.len = (size_t)(nul - kept.ptr);
    }
    x->cut += kept.len < value.len;
    x->bytes += kept.len;
    weir_buf_reset(&x->text);
    weir_buf_adds(&x->text, kept);
    return worksheet_write_string(x->sheet, row, column, weir_buf_cstr(&x->text), NULL);
}

/* As the other formats print it. */
static lxw_error write_printed(struct weir_xlsx *x, lxw_row_t row, size_t column,
                               const struct weir_vector *v, size_t at)
{
    struct weir_buf text;
    weir_buf_init(&text, 1u << 20);
    weir_query_value_text(&text, &x->columns[column], v, at);
    lxw_error code = write_text(x, row, (lxw_col_t)column, weir_buf_str(&text));
    weir_buf_free(&text);
    return code;
}

/* Decimals of up to 15 digits are the number that they show. */
static bool is_exact_number(const struct weir_column *column, struct weir_str text, double *out)
{
    char copy[32], *end;
    size_t digits = 0;
    if (!weir_column_is_number(column) || text.len >= sizeof copy) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    *out = strtod(copy, &end);
    return digits <= 15 && end == copy + text.len && isfinite(*out);
}

static lxw_error write_cell(struct weir_xlsx *x, lxw_row_t row, size_t i,
                            const struct weir_vector *v, size_t at)
{
    lxw_col_t column = (lxw_col_t)i;
    double number;
    int64_t day;
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        return worksheet_write_boolean(x->sheet, row, column, v->bools[at], NULL);
    case WEIR_TYPE_INT:
        return v->ints[at] > MAX_EXACT || v->ints[at] < -MAX_EXACT
                   ? write_printed(x, row, i, v, at)
                   : worksheet_write_number(x->sheet, row, column, (double)v->ints[at], NULL);
    case WEIR_TYPE_DOUBLE:
        return !isfinite(v->doubles[at])
                   ? write_printed(x, row, i, v, at)
                   : worksheet_write_number(x->sheet, row, column, v->doubles[at], NULL);
    case WEIR_TYPE_DATE:
        day = v->ints[at];
        return day < FIRST_DAY || day > LAST_DAY
                   ? write_printed(x, row, i, v, at)
                   : worksheet_write_number(x->sheet, row, column, (double)(day + DAY_ZERO),
                                            x->date);
    case WEIR_TYPE_TIMESTAMP:
        number = (double)v->ints[at] / (double)WEIR_DAY;
        return number < FIRST_DAY || number >= LAST_DAY + 1
                   ? write_printed(x, row, i, v, at)
                   : worksheet_write_number(x->sheet, row, column, number + DAY_ZERO, x->time);
    default:
        return is_exact_number(&x->columns[i], v->strs[at], &number)
                   ? worksheet_write_number(x->sheet, row, column, number, NULL)
                   : write_text(x, row, column, v->strs[at]);
    }
}

int weir_xlsx_add(struct weir_xlsx *x, const struct weir_batch *batch, struct weir_error *err)
{
    for (size_t at = 0; at < batch->rows; at++) {
        x->too_large = x->bytes > MAX_TEXT;
        if (x->rows >= x->max_rows || x->too_large) {
            x->sheet_is_full = !x->too_large;
            return 0;
        }
        for (size_t i = 0; i < x->column_count; i++) {
            const struct weir_vector *v = &batch->columns[i];
            x->bytes += 8;
            if (weir_vector_valid(v, at)) {
                int rc = failed(write_cell(x, (lxw_row_t)x->rows + 1, i, v, at), err);
                if (rc) {
                    return rc;
                }
            }
        }
        x->rows++;
    }
    return 0;
}

bool weir_xlsx_full(const struct weir_xlsx *x)
{
    return x->sheet_is_full || x->too_large;
}

uint64_t weir_xlsx_rows(const struct weir_xlsx *x)
{
    return x->rows;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static int write_note(struct weir_xlsx *x, struct weir_error *err)
{
    char line[200];
    lxw_row_t row = 0;
    lxw_error code = LXW_NO_ERROR;
    if (!weir_xlsx_full(x) && !x->cut) {
        return 0;
    }
    lxw_worksheet *note = workbook_add_worksheet(x->book, "Note");
    if (!note) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a workbook");
    }
    if (weir_xlsx_full(x)) {
        snprintf(line, sizeof line,
                 "Not all rows are here: the result has more than these %llu. %s",
                 (unsigned long long)x->rows,
                 x->limited     ? "The limit of the export ended it."
                 : x->too_large ? "More text does not fit into a workbook."
                                : "A sheet of Excel holds no more.");
        code = worksheet_write_string(note, row++, 0, line, x->head);
        if (code == LXW_NO_ERROR) {
            code = worksheet_write_string(note, row++, 0,
                                          "Ask for fewer rows, or export CSV or Parquet.", NULL);
        }
    }
    if (x->cut && code == LXW_NO_ERROR) {
        snprintf(line, sizeof line,
                 "%llu texts were cut: a cell holds 32,767 characters, and no NUL.",
                 (unsigned long long)x->cut);
        code = worksheet_write_string(note, row, 0, line, NULL);
    }
    return failed(code, err);
}

int weir_xlsx_close(struct weir_xlsx *x, int rc, struct weir_error *err)
{
    rc = rc ? rc : write_note(x, err);
    errno = 0;
    lxw_error code = workbook_close(x->book);
    rc = rc ? rc : failed(code, err);
    weir_buf_free(&x->text);
    free(x);
    return rc;
}
