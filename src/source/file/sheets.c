/* The sheets of a workbook, each as a stream of its own where nothing says which one is meant: the
 * first is called as the workbook. */
#include <stdlib.h>
#include <unistd.h>

#include "event/naming.h"
#include "source/file/file.h"
#include "source/file/xlsx.h"

#define MAX_SHEETS 1000

struct weir_file_book { /* what was found in one; a connection does not live for long */
    struct weir_file_book *next;
    struct weir_str name;
    struct weir_file_mark mark;
    const char **sheets; /* that are seen, and have values */
    size_t count;
    const char **empty; /* that are seen, and have none */
    size_t empty_count;
    const char *first; /* that is seen */
    bool leads;        /* the first of them is the first that is seen, */
    bool behind;       /* with a hidden one before it */
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the sheets of a workbook");
}

/* One that cannot be read has no sheets here; who reads it says why. */
static int look(struct weir_file_connection *c, struct weir_file *file, struct weir_file_book *book,
                struct weir_error *err)
{
    struct weir_excel x;
    struct weir_error ignored;
    int held = weir_file_hold(file, err);
    if (held) {
        return held == WEIR_ENOMEM ? held : 0;
    }
    int rc = weir_excel_open(&x, weir_file_path(file), c->site->stop, &ignored);
    size_t most = rc || x.sheet_count > MAX_SHEETS ? 0 : x.sheet_count;
    book->sheets = weir_arena_calloc(&c->arena, (most + 1) * sizeof *book->sheets);
    book->empty = weir_arena_calloc(&c->arena, (most + 1) * sizeof *book->empty);
    bool full = !book->sheets || !book->empty, seen = false;
    for (size_t i = 0; !full && i < most; i++) {
        if (!x.sheets[i].hidden) {
            bool any = weir_excel_has_values(&x, i);
            book->leads = book->leads || (!seen && any);
            book->behind = book->behind || (!seen && i > 0);
            const char *name = weir_arena_strdup(&c->arena, x.sheets[i].name);
            (any ? book->sheets : book->empty)[any ? book->count++ : book->empty_count++] = name;
            book->first = seen ? book->first : name;
            full = !name;
            seen = true;
        }
    }
    weir_excel_close(&x);
    weir_file_release(file);
    return full                   ? no_memory(err)
           : rc == WEIR_ECANCELED ? weir_fail(err, rc, "the reading of the file was stopped")
                                  : 0;
}

static bool is_same(const struct weir_file_book *book, const struct weir_file *file)
{
    return weir_str_eq(book->name, file->name) &&
           (file->url ||
            (book->mark.size == file->mark.size && book->mark.mtime == file->mark.mtime &&
             book->mark.inode == file->mark.inode));
}

static int book_of(struct weir_file_connection *c, const struct weir_file *file,
                   struct weir_file_book **out, struct weir_error *err)
{
    struct weir_file copy = *file;
    for (struct weir_file_book *b = c->books; b; b = b->next) {
        if (is_same(b, file)) {
            *out = b;
            return 0;
        }
    }
    struct weir_file_book *book = weir_arena_calloc(&c->arena, sizeof *book);
    if (!book) {
        return no_memory(err);
    }
    book->name = weir_arena_dup(&c->arena, file->name);
    book->mark = file->mark;
    int rc = book->name.ptr ? 0 : no_memory(err);
    bool readable = rc == 0;
    if (rc == 0 && file->url) {
        rc = weir_web_fetch(c, &copy, NULL, c->site->stop, &c->arena, err);
        readable = rc == 0;
        /* A sheet of Google is read by its export as CSV where that of all sheets is refused. */
        rc = file->google && rc != WEIR_ECANCELED && rc != WEIR_ENOMEM ? 0 : rc;
    }
    rc = rc || !readable ? rc : look(c, &copy, book, err);
    if (file->url && copy.path) {
        (void)unlink(copy.path);
    }
    if (rc == 0) {
        book->next = c->books;
        c->books = *out = book;
    }
    return rc;
}

/* "q1_sales" of "Q1 Sales", behind the workbook's own where others lie beside it. */
static struct weir_str name_of(struct weir_arena *arena, struct weir_str book, const char *sheet)
{
    struct weir_buf name;
    weir_buf_init(&name, 4096);
    weir_name_make(weir_str_of(sheet), "sheet_", &name);
    const char *first = !book.len && *sheet >= '0' && *sheet <= '9' ? "sheet_" : "";
    const char *text = weir_arena_printf(arena, WEIR_STR_FMT "%s" WEIR_STR_FMT, WEIR_STR_ARG(book),
                                         book.len ? "_" : first, WEIR_STR_ARG(weir_buf_str(&name)));
    weir_buf_free(&name);
    return text ? weir_arena_dup(arena, weir_utf8_cut(weir_str_of(text), 63))
                : (struct weir_str){NULL, 0};
}

static bool is_taken(const struct weir_file_stream *streams, size_t count, struct weir_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(streams[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* A workbook's own stream is the first sheet that is seen, however many there are: a table does not
 * stand still because somebody writes into another sheet, or empties one. */
static bool keeps_name(const struct weir_file_book *book, const struct weir_file_stream *s)
{
    /* Google's export as CSV has the first sheet, hidden or not. */
    bool google = s->files[0].google;
    return !book || book->count < (google ? 2 : 1) || (book->leads && !(google && book->behind));
}

/* `empty`: those without values. They take no name from others. */
static int add_sheets(const struct weir_file_book *book, const struct weir_file_stream *of,
                      const struct weir_file *file, bool alone, bool empty,
                      struct weir_arena *arena, struct weir_file_stream *out, size_t *count,
                      struct weir_error *err)
{
    const char **sheets = empty ? book->empty : book->sheets;
    size_t from = empty ? 0 : keeps_name(book, of), to = empty ? book->empty_count : book->count;
    for (size_t i = from; i < to; i++) {
        struct weir_str base = name_of(arena, alone ? WEIR_STR("") : of->name, sheets[i]);
        if (empty && (sheets[i] == book->first || is_taken(out, *count, base))) {
            continue;
        }
        struct weir_str name = base;
        for (unsigned n = 2; name.ptr && is_taken(out, *count, name); n++) {
            name = weir_str_of(weir_arena_printf(arena, WEIR_STR_FMT "_%u", WEIR_STR_ARG(base), n));
        }
        struct weir_file *own = weir_arena_calloc(arena, sizeof *own);
        if (!name.ptr || !own) {
            return no_memory(err);
        }
        *own = *file;
        out[(*count)++] = (struct weir_file_stream){
            .name = name, .files = own, .count = 1, .sheet = sheets[i], .empty = empty};
    }
    return 0;
}

/* The first sheet has no values, and others have: the stream that is called as the workbook is
 * none, unless it was one before. Its last run says which sheet it was. */
static bool has_emptied(const struct weir_file_book *book, const struct weir_file_stream *s)
{
    return book && !keeps_name(book, s) && !book->leads && !s->files[0].google;
}

int weir_file_sheets(struct weir_file_connection *c, bool alone, struct weir_arena *arena,
                     struct weir_file_stream **streams, size_t *count, struct weir_error *err)
{
    size_t n = 0, most = *count;
    struct weir_file_book **books = weir_arena_calloc(arena, (*count + 1) * sizeof *books);
    struct weir_file *files = weir_arena_calloc(arena, (*count + 1) * sizeof *files);
    int rc = books && files ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        const struct weir_file_stream *s = &(*streams)[i];
        files[i] = s->files[0];
        bool book = s->count == 1 && !*c->settings->sheet && !files[i].wrong &&
                    (files[i].format == WEIR_FILE_XLSX || weir_google_book(&files[i], arena));
        rc = book ? book_of(c, &files[i], &books[i], err) : 0;
        most += books[i] ? books[i]->count + books[i]->empty_count : 0;
    }
    struct weir_file_stream *out = weir_arena_calloc(arena, (most + 1) * sizeof *out);
    rc = rc ? rc : out ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < *count; i++) { /* those that keep their names */
        if (keeps_name(books[i], &(*streams)[i]) || has_emptied(books[i], &(*streams)[i])) {
            out[n] = (*streams)[i];
            out[n].empty = has_emptied(books[i], &(*streams)[i]);
            n++;
        }
    }
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        if (books[i]) {
            rc = add_sheets(books[i], &(*streams)[i], &files[i], alone, false, arena, out, &n, err);
        }
    }
    for (size_t i = 0; rc == 0 && i < *count; i++) { /* those that may have had some */
        if (books[i]) {
            rc = add_sheets(books[i], &(*streams)[i], &files[i], alone, true, arena, out, &n, err);
        }
    }
    if (rc == 0) {
        *streams = out;
        *count = n;
    }
    return rc;
}
