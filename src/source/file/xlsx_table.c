/* A sheet becomes a CSV in the scratch folder, which is read as any other: types over all of it,
 * the header, and what becomes of rows that do not fit are the same. Its lines end by RS and not by
 * LF, so that the number of a line is that of the row, whatever texts hold. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/file.h"
#include "source/file/file.h"
#include "source/file/xlsx.h"

#define FLUSH      (1u << 20)
#define MOST_CELLS (1ull << 30) /* also empty ones: each is a comma */

struct table {
    struct weir_excel book;
    size_t sheet;
    uint32_t skip;
    /* where it is */
    uint32_t first, last; /* columns */
    uint32_t rows;        /* that were written */
    uint64_t tall;        /* rows that have values */
    bool any;
    bool may_be_empty;
    struct weir_buf out;
    int fd;
    struct weir_file_connection *c;
    uint64_t written;
};

static int measure(void *arg, const struct weir_excel_row *row, struct weir_error *err)
{
    struct table *t = arg;
    if (row->number <= t->skip) {
        return 0;
    }
    uint32_t first = 0;
    while (!row->values[first].there) {
        first++;
    }
    t->first = !t->any || first < t->first ? first : t->first;
    t->last = !t->any || row->count - 1 > t->last ? (uint32_t)row->count - 1 : t->last;
    t->any = true;
    t->tall++;
    uint64_t wide = t->last - t->first + 1;
    return t->tall * wide <= MOST_CELLS
               ? 0
               : weir_fail(err, WEIR_ETOOBIG,
                           "it has more than %llu cells, most of them empty perhaps: look for a "
                           "value far to the right of the table, and clear it",
                           MOST_CELLS);
}

static void add_value(struct weir_buf *out, const struct weir_excel_value *v)
{
    if (!v->is_text) {
        weir_buf_adds(out, v->text);
        return;
    }
    weir_buf_addc(out, '"');
    for (size_t i = 0; i < v->text.len; i++) {
        if (v->text.ptr[i] == '"') {
            weir_buf_addc(out, '"');
        }
        weir_buf_addc(out, v->text.ptr[i]);
    }
    weir_buf_addc(out, '"');
}

static int flush(struct table *t, struct weir_error *err)
{
    int rc = weir_buf_check(&t->out, "a row of a sheet", err);
    t->written += t->out.len;
    rc = rc ? rc : weir_web_room(t->c, t->written, err);
    rc = rc ? rc : weir_write_all(t->fd, t->out.data, t->out.len, "a sheet", err);
    weir_buf_reset(&t->out);
    return rc;
}

static int write_row(void *arg, const struct weir_excel_row *row, struct weir_error *err)
{
    struct table *t = arg;
    if (row->number <= t->skip) {
        return 0;
    }
    for (; t->rows + 1 < row->number; t->rows++) {
        weir_buf_addc(&t->out, WEIR_FILE_TABLE_NEWLINE);
    }
    for (uint32_t i = t->first; i <= t->last; i++) {
        if (i > t->first) {
            weir_buf_addc(&t->out, ',');
        }
        if (i < row->count && row->values[i].there) {
            add_value(&t->out, &row->values[i]);
        }
    }
    weir_buf_addc(&t->out, WEIR_FILE_TABLE_NEWLINE);
    t->rows++;
    return t->out.len < FLUSH ? 0 : flush(t, err);
}

/* A sheet without values that somebody puts in front does not take another one's table. */
static int choose(struct table *t, const char *which, const char *before, struct weir_error *err)
{
    size_t only = 0, count = 0;
    int rc = weir_excel_sheet(&t->book, which, &t->sheet, err);
    if (rc == 0 && !*which && !weir_excel_has_values(&t->book, t->sheet)) {
        for (size_t i = 0; !before && i < t->book.sheet_count; i++) {
            bool any = !t->book.sheets[i].hidden && weir_excel_has_values(&t->book, i);
            only = any ? i : only;
            count += any;
        }
        t->sheet = count == 1 ? only : t->sheet;
        rc = before ? weir_excel_sheet(&t->book, before, &t->sheet, err) : 0;
    }
    if (rc == 0) {
        const char *name = t->book.sheets[t->sheet].name;
        t->may_be_empty = t->may_be_empty && (before ? strcmp(before, name) == 0 : *which);
    }
    return rc;
}

static int convert(struct table *t, struct weir_file *file, const char *which,
                   const atomic_bool *stop, struct weir_arena *arena, struct weir_error *err)
{
    uint64_t errors;
    int rc = weir_excel_open(&t->book, weir_file_path(file), stop, err);
    rc = rc ? rc : choose(t, which, file->sheet, err);
    file->sheet = rc ? file->sheet : weir_arena_strdup(arena, t->book.sheets[t->sheet].name);
    rc = rc || file->sheet ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a sheet");
    rc = rc ? rc : weir_excel_rows(&t->book, t->sheet, &errors, measure, t, err);
    if (rc == 0 && !t->any && t->may_be_empty) {
        return 0;
    }
    if (rc == 0 && !t->any) {
        rc = weir_fail(err, WEIR_EINVAL, "the sheet \"%s\" has no values%s",
                       t->book.sheets[t->sheet].name,
                       t->skip ? " below the rows that `skip` says" : "");
    }
    weir_buf_addz(&t->out, "\xef\xbb\xbf");
    rc = rc ? rc : weir_excel_rows(&t->book, t->sheet, &errors, write_row, t, err);
    return rc ? rc : flush(t, err);
}

int weir_file_xlsx_table(struct weir_file_connection *c, struct weir_file *file, const char *sheet,
                         bool may_be_empty, const atomic_bool *stop, struct weir_arena *arena,
                         struct weir_error *err)
{
    struct table t = {
        .fd = -1, .c = c, .skip = (uint32_t)c->settings->skip, .may_be_empty = may_be_empty};
    weir_buf_init(&t.out, 64u << 20);
    int rc = weir_web_scratch(c, arena, &file->table, err);
    if (rc == 0) {
        t.fd = open(file->table, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        rc = t.fd < 0 ? weir_fail_errno(err, errno, "cannot make %s", file->table) : 0;
        rc = rc ? rc : convert(&t, file, sheet, stop, arena, err);
        rc = rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
        weir_excel_close(&t.book);
    }
    file->empty = rc == 0 && !t.any;
    c->fetched += t.written;
    if (t.fd >= 0) {
        close(t.fd);
    }
    weir_buf_free(&t.out);
    return rc;
}
