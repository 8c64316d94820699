#include "csv/columns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"

#define MAX_NAME   63
#define LOOK_LINES 100

/* --- names --------------------------------------------------------------------------------------
 */

/* "Order Date (UTC)" → order_date_utc. */
struct weir_str weir_csv_plain_name(struct weir_arena *arena, struct weir_str header, size_t at)
{
    char name[MAX_NAME + 8];
    size_t n = 0;
    struct weir_str s = weir_utf8_cut(weir_str_trim(header), MAX_NAME);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool letter = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
        if (c >= 'A' && c <= 'Z') {
            name[n++] = (char)(c | 0x20);
        } else if (letter) {
            name[n++] = (char)c;
        } else if (n && name[n - 1] != '_') {
            name[n++] = '_';
        }
        if (n == 1 && name[0] >= '0' && name[0] <= '9') {
            name[1] = name[0]; /* no name begins with a digit */
            name[0] = '_';
            n = 2;
        }
    }
    while (n && name[n - 1] == '_') {
        n--;
    }
    if (n == 0 || !weir_utf8_valid((struct weir_str){name, n})) {
        return weir_str_of(weir_arena_printf(arena, "column_%zu", at + 1));
    }
    return weir_arena_dup(arena, (struct weir_str){name, n});
}

int weir_csv_name_columns(struct weir_arena *arena, const struct weir_str *headers, size_t count,
                          struct weir_column *columns, struct weir_error *err)
{
    struct weir_map taken;
    int rc = 0;
    weir_map_init(&taken);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_str base = weir_csv_plain_name(arena, headers[i], i), name = base;
        for (unsigned n = 2; name.ptr && weir_map_get(&taken, name); n++) {
            name = weir_str_of(weir_arena_printf(arena, WEIR_STR_FMT "_%u", WEIR_STR_ARG(base), n));
        }
        columns[i].name = name;
        if (!name.ptr || weir_map_put(&taken, name, columns)) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for the names of the columns");
        }
    }
    weir_map_free(&taken);
    return rc;
}

/* --- the header ---------------------------------------------------------------------------------
 */

static int make_columns(struct weir_csv_columns *c, const struct weir_csv_record *first,
                        bool counts, uint32_t max_columns, struct weir_error *err)
{
    c->count = first->count;
    if (c->count > max_columns) {
        return weir_fail(err, WEIR_ETOOBIG,
                         "the file has %zu columns; with the memory that the warehouse has "
                         "(warehouse.memory) a table may have %u",
                         c->count, max_columns);
    }
    c->header = weir_arena_calloc(&c->arena, (c->count + 1) * sizeof *c->header);
    c->columns = weir_arena_calloc(&c->arena, (c->count + 1) * sizeof *c->columns);
    c->guesses = weir_arena_calloc(&c->arena, (c->count + 1) * sizeof *c->guesses);
    if (!c->header || !c->columns || !c->guesses) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", c->count);
    }
    for (size_t i = 0; i < c->count; i++) {
        weir_guess_init(&c->guesses[i]);
        c->guesses[i].counts = counts;
        c->header[i] = weir_arena_dup(&c->arena, weir_utf8_cut(first->fields[i].text, 1000));
        if (!c->header[i].ptr) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", c->count);
        }
    }
    weir_csv_first_look(&c->first, c->header, c->count);
    return 0;
}

static bool is_named_twice(const struct weir_csv_columns *c)
{
    struct weir_map seen;
    bool twice = false;
    weir_map_init(&seen);
    for (size_t i = 0; !twice && i < c->count; i++) {
        struct weir_str name = weir_str_trim(c->header[i]);
        twice = name.len && weir_map_get(&seen, name);
        twice = twice || (name.len && weir_map_put(&seen, name, (void *)(uintptr_t)c));
    }
    weir_map_free(&seen);
    return twice;
}

/* The first line names the columns when a text stands over numbers or dates. Else it does not when
 * it holds a number or a date, which names nothing, or leaves a column without a name, or names two
 * the same; but for the kinds of first.h. */
static bool looks_like_header(const struct weir_csv_columns *c)
{
    size_t named = 0;
    bool values = false;
    for (size_t i = 0; i < c->count; i++) {
        struct weir_guess one;
        struct weir_str name = weir_str_trim(c->header[i]);
        weir_guess_init(&one);
        if (name.len) {
            weir_guess_see(&one, name);
            named++;
        }
        if (name.len && c->guesses[i].values && c->guesses[i].fits &&
            !(one.fits & c->guesses[i].fits)) {
            return true;
        }
        values = values || (one.values && (one.fits || one.fine));
    }
    return weir_csv_first_names(&c->first) || (!values && named == c->count && !is_named_twice(c));
}

/* --- what stands above the table ----------------------------------------------------------------
 */

static bool is_separator_line(const struct weir_csv_record *r)
{
    return r->line == 1 && r->raw.len == 5 && strncasecmp(r->raw.ptr, "sep=", 4) == 0;
}

struct line { /* a record, in short */
    uint64_t number;
    size_t count, filled; /* fields; those up to the last that is not empty */
    bool names, values;   /* it may be names; some one is a number or a date */
};

static bool may_name(const struct weir_csv_record *r)
{
    struct weir_csv_first first = {0};
    struct weir_str *fields = r->bad ? NULL : calloc(r->count + 1, sizeof *fields);
    for (size_t i = 0; fields && i < r->count; i++) {
        fields[i] = r->fields[i].text;
    }
    if (fields) {
        weir_csv_first_look(&first, fields, r->count);
    }
    free(fields);
    return first.may;
}

static struct line in_short(const struct weir_csv_record *r)
{
    struct line line = {.number = r->line, .count = r->count, .names = !r->bad && r->count};
    for (size_t i = 0; i < r->count; i++) {
        struct weir_str text = weir_str_trim(r->fields[i].text);
        bool value = weir_guess_is_value(text);
        line.filled = text.len ? i + 1 : line.filled;
        line.names = line.names && text.len && !value;
        line.values = line.values || value;
    }
    line.names = line.names || may_name(r);
    return line;
}

/* Titles have fewer fields than the table. In a sheet they are as wide, and little of them is
 * filled; there the line of names behind them must be sure, with numbers or dates below it: rows
 * whose last fields are empty look the same. */
static uint64_t table_begins(const struct line *lines, size_t n)
{
    size_t counts[LOOK_LINES], of, at = 0, values = 0;
    for (size_t i = 0; i < n; i++) {
        counts[i] = lines[i].count;
    }
    size_t usual = weir_csv_usual(counts, n, &of);
    if (n == 0 || usual < 2 || (lines[0].filled > 1 && lines[0].filled * 3 > usual)) {
        return 0;
    }
    while (at < n && lines[at].count < usual) {
        at++;
    }
    if (at) {
        return at < n ? lines[at].number : 0;
    }
    while (at < n && lines[at].filled * 2 <= usual) {
        at++;
    }
    for (size_t i = at + 1; i < n; i++) {
        values += lines[i].values;
    }
    return at < n && lines[at].names && values && values * 2 >= n - at - 1 ? lines[at].number : 0;
}

static int find_table(struct weir_csv_columns *c, struct weir_csv *csv, struct weir_error *err)
{
    struct weir_csv_record r;
    struct line lines[LOOK_LINES];
    size_t n = 0;
    int rc = 0;
    while (n < LOOK_LINES && (rc = weir_csv_next(csv, &r, err)) == 0 && (r.count || r.bad)) {
        if (!is_separator_line(&r)) {
            lines[n++] = in_short(&r);
        }
    }
    c->first_line = table_begins(lines, n);
    weir_csv_rewind(csv);
    return rc;
}

/* --- reading ------------------------------------------------------------------------------------
 */

const char *weir_csv_bad(const struct weir_csv_columns *c, const struct weir_csv_record *r,
                         char room[160])
{
    if (r->bad) {
        return r->bad;
    }
    size_t count = r->count;
    while (count > c->count && r->fields[count - 1].text.len == 0) {
        count--; /* separators at the line's end */
    }
    if (count != c->count) {
        snprintf(room, 160, "it has %zu field%s, and the table has %zu column%s", count,
                 count == 1 ? "" : "s", c->count, c->count == 1 ? "" : "s");
        return room;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct weir_str text = r->fields[i].text;
        if (memchr(text.ptr, 0, text.len)) {
            snprintf(room, 160, "field %zu holds a NUL byte", i + 1);
            return room;
        }
        if (!weir_utf8_valid(text)) {
            snprintf(room, 160, "field %zu is no valid UTF-8", i + 1);
            return room;
        }
    }
    return NULL;
}

/* Numbers of a sheet are not quoted there, its texts are. */
static void see_field(struct weir_guess *g, const struct weir_csv_field *field, bool sheet)
{
    weir_guess_see(g, field->text);
    if (sheet && !field->quoted && memchr(field->text.ptr, '.', field->text.len)) {
        weir_guess_point(g);
    }
}

static void see(struct weir_csv_columns *c, const struct weir_csv_record *r, bool sheet)
{
    char room[160];
    if (weir_csv_bad(c, r, room)) {
        return;
    }
    weir_csv_first_see(&c->first, c->header, c->count, r->fields);
    for (size_t i = 0; i < c->count; i++) {
        if (r->fields[i].text.len) {
            see_field(&c->guesses[i], &r->fields[i], sheet);
        }
    }
    c->rows++;
}

/* Programs write ; where the comma is the decimal mark; unless some column shows a point. */
static void settle(struct weir_csv_columns *c, char separator)
{
    bool commas = false, points = false;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < c->count; i++) {
            weir_guess_settle(&c->guesses[i], commas && round,
                              round && separator == ';' && !points);
        }
        for (size_t i = 0; i < c->count; i++) {
            commas = commas || (c->guesses[i].format == WEIR_GUESS_DOUBLE_COMMA &&
                                c->guesses[i].comma_is_sure);
            points = points || weir_guess_has_point(&c->guesses[i]);
        }
    }
    c->commas = commas || (separator == ';' && !points);
    for (size_t i = 0; i < c->count; i++) {
        c->columns[i].type = weir_guess_type(c->guesses[i].format);
    }
}

int weir_csv_columns_read(struct weir_csv_columns *c, struct weir_csv *csv,
                          enum weir_csv_header header, uint32_t max_columns, struct weir_error *err)
{
    struct weir_csv_record r;
    *c = (struct weir_csv_columns){0};
    weir_arena_init(&c->arena, 256u << 20);
    int rc = header == WEIR_CSV_HEADER_GUESS ? find_table(c, csv, err) : 0;
    while (rc == 0 && (rc = weir_csv_next(csv, &r, err)) == 0 &&
           (r.bad || is_separator_line(&r) || r.line < c->first_line)) {
    }
    if (rc == 0 && r.count == 0) {
        rc = weir_fail(err, WEIR_EINVAL, "no line of the file can be read as CSV");
    }
    c->header_line = r.line;
    rc = rc ? rc : make_columns(c, &r, csv->counts, max_columns, err);
    for (size_t i = 0; rc == 0 && csv->sheet && i < c->count; i++) {
        if (!r.fields[i].quoted && memchr(c->header[i].ptr, '.', c->header[i].len)) {
            weir_guess_point(&c->guesses[i]); /* it may be a row */
        }
    }
    while (rc == 0 && (rc = weir_csv_next(csv, &r, err)) == 0 && (r.count || r.bad)) {
        see(c, &r, csv->sheet);
    }
    if (rc) {
        return rc;
    }
    c->has_header =
        header == WEIR_CSV_HEADER_YES || (header == WEIR_CSV_HEADER_GUESS && looks_like_header(c));
    for (size_t i = 0; i < c->count && !c->has_header; i++) {
        if (c->header[i].len) { /* it is a row */
            weir_guess_see(&c->guesses[i], c->header[i]);
        }
        c->header[i] = WEIR_STR("");
    }
    settle(c, csv->separator);
    return weir_csv_name_columns(&c->arena, c->header, c->count, c->columns, err);
}

void weir_csv_columns_rewind(struct weir_csv_columns *c, struct weir_csv *csv)
{
    c->in_rows = !c->has_header;
    weir_csv_rewind(csv);
}

int weir_csv_columns_next(struct weir_csv_columns *c, struct weir_csv *csv,
                          struct weir_csv_record *out, struct weir_error *err)
{
    for (;;) {
        int rc = weir_csv_next(csv, out, err);
        if (rc || (out->count == 0 && !out->bad)) {
            return rc;
        }
        if (is_separator_line(out)) {
            continue;
        }
        if (out->line < c->first_line && !out->bad) {
            out->bad = "it stands above the table";
            out->above = true;
        }
        if (c->in_rows || out->bad) {
            return 0;
        }
        c->in_rows = true; /* that was the header */
    }
}

void weir_csv_columns_free(struct weir_csv_columns *c)
{
    weir_arena_free(&c->arena);
}

struct weir_str weir_csv_readable(struct weir_arena *arena, struct weir_str raw)
{
    struct weir_buf out;
    weir_buf_init(&out, 3 * WEIR_CSV_MAX_RECORD + 16);
    while (raw.len) {
        size_t valid = weir_utf8_valid_prefix(raw);
        const char *nul = memchr(raw.ptr, 0, valid);
        size_t n = nul ? (size_t)(nul - raw.ptr) : valid;
        weir_buf_add(&out, raw.ptr, n);
        raw.ptr += n;
        raw.len -= n;
        if (raw.len) {
            weir_buf_addz(&out, "\xef\xbf\xbd");
            raw.ptr++;
            raw.len--;
        }
    }
    struct weir_str text = weir_arena_dup(arena, weir_buf_str(&out));
    weir_buf_free(&out);
    return text;
}

void weir_csv_columns_print(const struct weir_csv_columns *c, struct weir_jw *w)
{
    static const char *const names[] = {"boolean", "bigint", "double", "timestamp", "date", "text"};
    struct weir_buf words;
    weir_buf_init(&words, 4096);
    weir_jw_array(w);
    for (size_t i = 0; i < c->count; i++) {
        weir_buf_reset(&words);
        weir_guess_words(&c->guesses[i], &words);
        weir_jw_object(w);
        weir_jw_kstr(w, "name", c->columns[i].name);
        weir_jw_kstr(w, "header", c->header[i]);
        weir_jw_kstrz(w, "type", names[c->columns[i].type]);
        weir_jw_kstr(w, "guess", weir_buf_str(&words));
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_buf_free(&words);
}
