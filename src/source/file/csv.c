#include "source/file/file.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "source/run/contract.h"
#include "source/run/rows.h"

#define EXACT 9007199254740992 /* beyond it, not every whole number is a double */

/* --- what columns it has ------------------------------------------------------------------------
 */

struct open_csv {
    struct weir_csv_text text;
    struct weir_csv csv;
    struct weir_csv_columns columns;
};

static void close_csv(struct open_csv *o)
{
    weir_csv_columns_free(&o->columns);
    weir_csv_free(&o->csv);
    weir_csv_text_free(&o->text);
}

/* Reads the file once: types are guessed over all of it. */
static int open_csv(struct open_csv *o, const struct weir_file *file,
                    const struct weir_file_settings *settings, bool counts, const atomic_bool *stop,
                    struct weir_error *err)
{
    *o = (struct open_csv){.text = {.fd = -1}};
    int rc = weir_csv_text_open(&o->text,
                                file->table   ? file->table
                                : file->plain ? file->plain
                                              : weir_file_path(file),
                                stop, err);
    rc = rc ? rc : weir_csv_open(&o->csv, &o->text, err);
    o->csv.skip = (uint64_t)settings->skip;
    o->csv.counts = counts;
    if (file->table) { /* nothing is to be found out */
        o->csv.separator = ',';
        o->csv.newline = WEIR_FILE_TABLE_NEWLINE;
        o->csv.sheet = true;
        o->csv.skip = 0;
    }
    rc = rc ? rc
            : weir_csv_columns_read(&o->columns, &o->csv, (enum weir_csv_header)settings->header,
                                    WEIR_SOURCE_MAX_COLUMNS, err);
    if (rc && o->text.page && file->url) {
        rc = weir_fail(
            err, rc,
            "this is no CSV but a web page or XML; where it is the page on which one logs "
            "in, the connection needs `token`, or `user` and `password`, or an address "
            "that opens without a log-in");
    }
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
}

/* The line that its columns were made of. */
static int keep_line(struct open_csv *o, struct weir_file *file, struct weir_source_plan *plan,
                     struct weir_error *err)
{
    struct weir_csv_record r;
    int rc = 0;
    weir_csv_rewind(&o->csv);
    while (rc == 0 && (rc = weir_csv_next(&o->csv, &r, err)) == 0 &&
           (r.bad || (r.count && r.line < o->columns.first_line))) {
    }
    file->line = rc ? WEIR_STR("") : weir_csv_readable(&plan->arena, r.raw);
    return rc || file->line.ptr ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a line");
}

/* "13.02.2026" is a day to the table, and none to the engine: where one of its column is none at
 * all, the others are told by what most of them are. */
void weir_file_csv_fit(struct weir_file *file, size_t i, const struct weir_table *table)
{
    const struct weir_column *t =
        file->likely ? weir_source_find_column(table, file->own[i].name) : NULL;
    file->fitted[i] = t && t->type < WEIR_TYPE_TEXT;
    if (file->fitted[i] && file->formats[i] == WEIR_GUESS_TEXT) {
        const struct weir_file_likely *l = &file->likely[i];
        bool number = t->type == WEIR_TYPE_INT || t->type == WEIR_TYPE_DOUBLE;
        file->formats[i] = t->type == WEIR_TYPE_BOOL ? l->truth : number ? l->number : l->time;
    }
}

static int add_likely(struct weir_file *file, const struct open_csv *o, struct weir_arena *arena,
                      struct weir_error *err)
{
    size_t count = o->columns.count;
    file->likely = weir_arena_calloc(arena, (count + 1) * sizeof *file->likely);
    for (size_t i = 0; file->likely && i < count; i++) {
        const struct weir_guess *g = &o->columns.guesses[i];
        bool commas = o->columns.commas;
        file->likely[i] =
            (struct weir_file_likely){weir_guess_likely(g, WEIR_TYPE_BOOL, commas),
                                      weir_guess_likely(g, WEIR_TYPE_DOUBLE, commas),
                                      weir_guess_likely(g, WEIR_TYPE_TIMESTAMP, commas)};
    }
    return file->likely ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
}

/* "Separated by semicolons, Windows-1252, columns named in line 1". */
static struct weir_str say_taken(const struct open_csv *o, const struct weir_file *file,
                                 const struct weir_file_settings *settings,
                                 struct weir_arena *arena)
{
    const char separator = o->csv.separator, *known = settings->encoding;
    const char *between = separator == ';'    ? "semicolons"
                          : separator == '\t' ? "tabs"
                          : separator == '|'  ? "bars (|)"
                                              : "commas";
    const char *encoding =
        strcmp(known, "auto") != 0 ? known : weir_csv_encoding_name(o->text.encoding);
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    if (!file->table) {
        weir_buf_addf(&text, "Separated by %s, %s, ", between, encoding);
    }
    if (o->columns.has_header) {
        weir_buf_addf(&text, "%solumns named in %s %llu", file->table ? "C" : "c",
                      file->table ? "row" : "line", (unsigned long long)o->columns.header_line);
    } else {
        weir_buf_addf(&text, "%so %s with names of columns", file->table ? "N" : "n",
                      file->table ? "row" : "line");
    }
    struct weir_str taken = weir_arena_dup(arena, weir_buf_str(&text));
    weir_buf_free(&text);
    return taken;
}

int weir_file_csv_taken(const struct weir_file_stream *files, struct weir_source_plan *plan,
                        struct weir_error *err)
{
    const struct weir_file *first = NULL, *other = NULL;
    for (size_t i = 0; i < files->count; i++) {
        const struct weir_file *f = &files->files[i];
        first = first || !f->taken.ptr ? first : f;
        other = other || !f->taken.ptr || weir_str_eq(f->taken, first->taken) ? other : f;
    }
    if (!first) {
        return 0;
    }
    plan->guessed =
        weir_str_of(other ? weir_arena_printf(&plan->arena,
                                              WEIR_STR_FMT ": " WEIR_STR_FMT ". " WEIR_STR_FMT
                                                           ": " WEIR_STR_FMT,
                                              WEIR_STR_ARG(first->name), WEIR_STR_ARG(first->taken),
                                              WEIR_STR_ARG(other->name), WEIR_STR_ARG(other->taken))
                          : first->taken.ptr);
    return plan->guessed.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
}

static int add_words(struct weir_source_column *c, const struct weir_guess *guess,
                     struct weir_arena *arena, struct weir_error *err)
{
    struct weir_buf words;
    weir_buf_init(&words, 4096);
    if (guess->values) {
        weir_guess_words(guess, &words);
    } else {
        weir_buf_addz(&words, "no values");
    }
    c->guess = weir_arena_dup(arena, weir_buf_str(&words));
    weir_buf_free(&words);
    return c->guess.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
}

int weir_file_csv_plan(struct weir_file *file, const struct weir_file_settings *settings, bool fits,
                       struct weir_source_plan *plan, struct weir_error *err)
{
    struct open_csv o;
    int rc = open_csv(&o, file, settings, fits, plan->stop, err);
    size_t count = rc ? 0 : o.columns.count;
    rc = rc ? rc : weir_file_room(file, count, &plan->arena, err);
    file->formats = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *file->formats);
    file->only_no = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *file->only_no);
    file->fitted = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *file->fitted);
    if (rc == 0 && (!file->formats || !file->only_no || !file->fitted)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_guess *guess = &o.columns.guesses[i];
        struct weir_str header = o.columns.header[i];
        struct weir_str name = header.len ? header : o.columns.columns[i].name;
        file->formats[i] = guess->format;
        file->only_no[i] = weir_guess_is_no(guess);
        file->own[i] =
            (struct weir_source_column){.original = weir_arena_dup(&plan->arena, name),
                                        .type = o.columns.columns[i].type,
                                        .untyped = guess->values == 0,
                                        .wide = guess->format == WEIR_GUESS_INT && guess->wide,
                                        .written = o.columns.columns[i].type == WEIR_TYPE_TEXT};
        rc = file->own[i].original.ptr ? 0
                                       : weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
        rc = rc ? rc : add_words(&file->own[i], guess, &plan->arena, err);
    }
    file->taken = rc ? (struct weir_str){NULL, 0} : say_taken(&o, file, settings, &plan->arena);
    rc = rc || !fits ? rc : add_likely(file, &o, &plan->arena, err);
    file->titled = settings->header == WEIR_CSV_HEADER_YES;
    file->bare = rc == 0 && o.columns.rows == 0 && settings->header != WEIR_CSV_HEADER_NO;
    rc = file->bare ? keep_line(&o, file, plan, err) : rc;
    close_csv(&o);
    return rc;
}

/* --- its rows -----------------------------------------------------------------------------------
 */

/* As the engine reads it. */
static struct weir_str fitted_text(enum weir_guess_format format, struct weir_str text,
                                   const struct weir_guess_value *v, char room[64])
{
    char when[28];
    size_t n = 0;
    int64_t micros = weir_guess_type(format) == WEIR_TYPE_DATE ? v->i * WEIR_DAY : v->i;
    switch (weir_guess_type(format)) {
    case WEIR_TYPE_BOOL:
        return v->b ? WEIR_STR("true") : WEIR_STR("false");
    case WEIR_TYPE_DATE:
    case WEIR_TYPE_TIMESTAMP:
        weir_time_format(micros, when);
        n = strlen(when) - 1; /* without the Z */
        memcpy(room, when, n);
        room[10] = ' ';
        return (struct weir_str){room, micros % WEIR_DAY ? n : 10};
    default: /* with a decimal comma */
        text = weir_str_trim(text);
        for (size_t i = 0; i < text.len && n < 64; i++) {
            if (text.ptr[i] != '.') {
                room[n++] = text.ptr[i] == ',' ? '.' : text.ptr[i];
            }
        }
        return (struct weir_str){room, n};
    }
}

/* Does the engine read it as it is, or is there more of it than a time keeps? */
static bool reads_itself(enum weir_guess_format format, struct weir_str text)
{
    size_t behind = 0, at = text.len;
    while (at && text.ptr[at - 1] != '.' && text.ptr[at - 1] != ',') {
        behind += text.ptr[at - 1] >= '0' && text.ptr[at - 1] <= '9';
        at--;
    }
    return format == WEIR_GUESS_INT || format == WEIR_GUESS_DOUBLE || format == WEIR_GUESS_DATE ||
           format == WEIR_GUESS_TIME ||
           (format > WEIR_GUESS_TIME && memchr(text.ptr, ':', at) && behind > 6);
}

/* Nothing, where it is a word for that. */
static int put_text(struct weir_source_rows *r, size_t to, enum weir_guess_format format,
                    bool fitted, const struct weir_csv_field *field, struct weir_error *err)
{
    char room[64];
    struct weir_guess_value v;
    struct weir_str text = field->text;
    if (!text.len && !field->quoted) {
        return 0;
    }
    if (fitted && format != WEIR_GUESS_TEXT && weir_guess_value(format, text, &v) &&
        (v.null || weir_guess_fits(format, text))) {
        if (v.null) {
            return 0;
        }
        text = reads_itself(format, text) ? text : fitted_text(format, text, &v, room);
    }
    return weir_source_rows_text(r, to, text, err);
}

/* A whole number among decimals. */
static bool put_exact(struct weir_source_rows *r, size_t to, int64_t value, int *rc,
                      struct weir_error *err)
{
    char digits[24];
    unsigned precision = 0, scale = 0;
    struct weir_buf text;
    weir_buf_init(&text, 256);
    (void)weir_number_decimal(r->sink->columns[to].type_name, &precision, &scale);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    bool fits = weir_source_decimal_text(weir_str_of(digits), precision, scale, &text);
    *rc = fits ? weir_source_rows_text(r, to, weir_buf_str(&text), err) : 0;
    weir_buf_free(&text);
    return fits;
}

/* The value as the warehouse has the column, which may be wider than what this file holds. False:
 * it is none of that type. */
static bool put_value(struct weir_source_rows *r, const struct weir_file *file, size_t i,
                      const struct weir_csv_field *field, int *rc, struct weir_error *err)
{
    size_t to = file->columns[i];
    enum weir_guess_format format = file->formats[i];
    enum weir_type type = r->vectors[to].type;
    struct weir_guess_value v;
    if (type == WEIR_TYPE_TEXT) {
        *rc = put_text(r, to, format, file->fitted[i], field, err);
        return true;
    }
    if (!weir_guess_value(format, field->text, &v)) {
        return false;
    }
    if (v.null) {
        return true;
    }
    enum weir_type from = weir_guess_type(format);
    if (type == WEIR_TYPE_BOOL && from == type) {
        weir_source_rows_bool(r, to, v.b);
    } else if (type == WEIR_TYPE_DOUBLE && from == WEIR_TYPE_INT) {
        weir_source_rows_double(r, to, (double)v.i);
        return v.i <= EXACT && v.i >= -EXACT;
    } else if (type == WEIR_TYPE_DOUBLE && from == type) {
        weir_source_rows_double(r, to, v.d);
    } else if (type == WEIR_TYPE_TIMESTAMP && from == WEIR_TYPE_DATE) {
        weir_source_rows_int(r, to, v.i * WEIR_DAY);
    } else if (type == from) {
        weir_source_rows_int(r, to, v.i);
    } else if (type == WEIR_TYPE_OTHER && from == WEIR_TYPE_INT) {
        return put_exact(r, to, v.i, rc, err);
    } else {
        return false;
    }
    return true;
}

static int put_record(struct weir_source_rows *r, const struct weir_file *file,
                      const struct weir_csv_columns *columns, const struct weir_csv_record *record,
                      struct weir_error *err)
{
    char room[160];
    int rc = 0;
    const char *reason = weir_csv_bad(columns, record, room);
    for (size_t i = 0; !reason && rc == 0 && i < columns->count; i++) {
        if (file->columns[i] != WEIR_FILE_NO_COLUMN &&
            !put_value(r, file, i, &record->fields[i], &rc, err)) {
            snprintf(room, sizeof room, "field %zu is no such value as the others of its column",
                     i + 1);
            reason = room;
        }
    }
    if (rc == 0 && record->above) {
        return weir_source_rows_pass(r, record->line, record->raw, reason, err);
    }
    if (rc == 0 && reason) {
        return weir_source_rows_reject(r, record->line, record->raw, reason, err);
    }
    return rc ? rc : weir_source_rows_end(r, err);
}

int weir_file_csv_read(const struct weir_file *file, const struct weir_file_settings *settings,
                       const atomic_bool *stop, struct weir_source_sink *sink,
                       struct weir_error *err)
{
    struct open_csv o;
    struct weir_source_rows rows = {0};
    struct weir_csv_record record;
    uint64_t told = 0;
    int rc = open_csv(&o, file, settings, false, stop, err);
    if (rc == 0 && o.columns.count != file->column_count) {
        rc = weir_file_unchanged(file, err);
        rc = rc ? rc : weir_fail(err, WEIR_EAGAIN, "the columns changed while they were read");
    }
    rc = rc ? rc : weir_source_rows_open_aside(&rows, sink, file->name, err);
    if (rc == 0) {
        weir_csv_columns_rewind(&o.columns, &o.csv);
    }
    while (rc == 0 && (rc = weir_csv_columns_next(&o.columns, &o.csv, &record, err)) == 0 &&
           (record.count || record.bad)) {
        if (sink->bytes && o.text.at > told) {
            sink->bytes(sink, o.text.at - told);
            told = o.text.at;
        }
        rc = put_record(&rows, file, &o.columns, &record, err);
    }
    rc = rc ? rc : weir_source_rows_flush(&rows, err);
    weir_source_rows_free(&rows);
    close_csv(&o);
    return rc;
}
