#include "csv/csv.h"

#include <stdlib.h>

#define SAMPLE       (1u << 20)
#define SAMPLE_LINES 200
#define MAX_RUNAWAYS 1000

/* --- one record ----------------------------------------------------------------------------------
 */

enum outcome { RECORD, NEEDS_MORE, RUNAWAY, BROKEN, NO_MEMORY };

static bool add_field(struct weir_csv *c, size_t count, size_t begin, bool quoted)
{
    if (count == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        void *fields = realloc(c->fields, room * sizeof *c->fields);
        c->fields = fields ? fields : c->fields;
        void *offsets = realloc(c->offsets, (room + 1) * sizeof *c->offsets);
        c->offsets = offsets ? offsets : c->offsets;
        if (!fields || !offsets) {
            return false;
        }
        c->room = room;
    }
    c->offsets[count] = begin;
    c->fields[count] = (struct weir_csv_field){.quoted = quoted};
    return true;
}

/* A quoted field behind its opening quote: its text goes to the cells. Moves *i behind the closing
 * quote; false when there is none. */
static bool take_quoted(struct weir_csv *c, struct weir_str s, size_t *i)
{
    while (*i < s.len) {
        const char *quote = memchr(s.ptr + *i, '"', s.len - *i);
        size_t n = quote ? (size_t)(quote - s.ptr) - *i : s.len - *i;
        weir_buf_add(&c->cells, s.ptr + *i, n);
        *i += n;
        if (!quote) {
            return false;
        }
        if (*i + 1 < s.len && s.ptr[*i + 1] == '"') {
            weir_buf_addc(&c->cells, '"');
            *i += 2;
            continue;
        }
        *i += 1;
        return true;
    }
    return false;
}

static size_t line_end(const struct weir_csv *c, struct weir_str s, size_t from)
{
    const char *end = memchr(s.ptr + from, c->newline, s.len - from);
    return end ? (size_t)(end - s.ptr) : s.len;
}

static void finish_fields(struct weir_csv *c, size_t count)
{
    const char *base = weir_buf_cstr(&c->cells);
    c->offsets[count] = c->cells.len;
    for (size_t k = 0; k < count; k++) {
        c->fields[k].text =
            (struct weir_str){base + c->offsets[k], c->offsets[k + 1] - c->offsets[k]};
    }
}

/* Reads the record at the beginning of `s`, which holds all that is left when `last`. `used` are
 * its bytes with the line's end. */
static enum outcome read_record(struct weir_csv *c, struct weir_str s, bool last, size_t *used,
                                size_t *count)
{
    size_t i = 0;
    *count = 0;
    weir_buf_reset(&c->cells);
    for (;;) {
        bool quoted = i < s.len && s.ptr[i] == '"';
        if (*count >= WEIR_CSV_MAX_FIELDS || !add_field(c, *count, c->cells.len, quoted)) {
            return *count >= WEIR_CSV_MAX_FIELDS ? BROKEN : NO_MEMORY;
        }
        *count += 1;
        if (quoted) {
            i++;
            if (!take_quoted(c, s, &i)) {
                return last ? RUNAWAY : NEEDS_MORE;
            }
            if (i == s.len && !last) {
                return NEEDS_MORE; /* the next byte may be a quote, too */
            }
        }
        size_t begin = i;
        while (i < s.len && s.ptr[i] != c->separator && s.ptr[i] != c->newline) {
            i++;
        }
        if (i == s.len && !last) {
            return NEEDS_MORE;
        }
        bool ends = i == s.len || s.ptr[i] == c->newline;
        struct weir_str rest = {s.ptr + begin, i - begin};
        if (ends && rest.len && rest.ptr[rest.len - 1] == '\r') {
            rest.len--;
        }
        if (quoted && weir_str_trim(rest).len) {
            return BROKEN;
        }
        weir_buf_adds(&c->cells, quoted ? WEIR_STR("") : rest);
        if (ends) {
            *used = i + (i < s.len);
            finish_fields(c, *count);
            return c->cells.failed ? NO_MEMORY : RECORD;
        }
        i++;
    }
}

/* --- the file ------------------------------------------------------------------------------------
 */

static int fill(struct weir_csv *c, size_t want, struct weir_error *err)
{
    struct weir_csv_text *t = c->text;
    int rc = 0;
    if (c->at > SAMPLE) {
        weir_csv_text_take(t, c->at);
        c->at = 0;
    }
    while (rc == 0 && !t->end && t->window.len - c->at < want) {
        rc = weir_csv_text_more(t, err);
    }
    return rc;
}

static struct weir_str rest_of(const struct weir_csv *c)
{
    return (struct weir_str){weir_buf_cstr(&c->text->window) + c->at, c->text->window.len - c->at};
}

static void consume(struct weir_csv *c, size_t n)
{
    const char *at = weir_buf_cstr(&c->text->window) + c->at, *end = at + n;
    while (at < end && (at = memchr(at, c->newline, (size_t)(end - at))) != NULL) {
        c->line++;
        at++;
    }
    c->at += n;
}

/* The rest of a line that is longer than a record may be. */
static int skip_line(struct weir_csv *c, struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && c->skipping) {
        rc = fill(c, 1, err);
        struct weir_str s = rest_of(c);
        size_t end = line_end(c, s, 0);
        c->skipping = end == s.len && s.len;
        consume(c, end < s.len ? end + 1 : end);
    }
    return rc;
}

/* The lines above the table. */
static int skip_above(struct weir_csv *c, struct weir_error *err)
{
    int rc = 0;
    while (rc == 0 && c->line <= c->skip) {
        c->skipping = true;
        rc = skip_line(c, err);
        if (rc == 0 && c->text->end && rest_of(c).len == 0) {
            break;
        }
    }
    return rc;
}

/* What cannot be read ends with its first line. */
static int hand_out_bad(struct weir_csv *c, struct weir_str s, enum outcome what,
                        struct weir_csv_record *out, struct weir_error *err)
{
    size_t end = line_end(c, s, 0);
    size_t shown = end < WEIR_CSV_MAX_RECORD ? end : WEIR_CSV_MAX_RECORD;
    out->raw = (struct weir_str){s.ptr, shown};
    out->count = 0;
    if (end >= WEIR_CSV_MAX_RECORD) {
        c->skipping = end == s.len && !c->text->end;
        out->bad = "the line is longer than 1 MB; only its beginning is kept";
    } else if (what == RUNAWAY) {
        out->bad = "a quote is opened and never closed";
        if (++c->runaways > MAX_RUNAWAYS) {
            return weir_fail(err, WEIR_EINVAL,
                             "in more than %d lines a quote is opened and never closed, the last "
                             "time in line %llu: this is no CSV with \" around its texts",
                             MAX_RUNAWAYS, (unsigned long long)c->line);
        }
    } else {
        out->bad = "there is text behind a closing quote";
    }
    c->line += end < s.len; /* not by consume(): the text is still looked at */
    c->at += end < s.len ? end + 1 : end;
    return 0;
}

int weir_csv_next(struct weir_csv *c, struct weir_csv_record *out, struct weir_error *err)
{
    size_t used = 0, want = 1;
    *out = (struct weir_csv_record){0};
    int rc = c->line > c->skip ? 0 : skip_above(c, err);
    rc = rc ? rc : skip_line(c, err);
    while (rc == 0) {
        rc = fill(c, want, err);
        struct weir_str s = rest_of(c);
        if (rc || s.len == 0) {
            return rc;
        }
        struct weir_str window = {s.ptr, s.len < WEIR_CSV_MAX_RECORD ? s.len : WEIR_CSV_MAX_RECORD};
        bool last = window.len < s.len || c->text->end || s.len >= WEIR_CSV_MAX_RECORD;
        enum outcome what = read_record(c, window, last, &used, &out->count);
        out->line = c->line;
        if (what == NEEDS_MORE) {
            want = s.len + 1 > 64 * 1024 ? s.len * 2 : 64 * 1024;
            continue;
        }
        if (what == NO_MEMORY) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for line %llu",
                             (unsigned long long)c->line);
        }
        if (what == RECORD && used == window.len && s.ptr[used - 1] != c->newline &&
            !(c->text->end && window.len == s.len)) {
            what = RUNAWAY; /* it ends where the window does: the record is too long */
        }
        if (what != RECORD) {
            return hand_out_bad(c, s, what, out, err);
        }
        size_t n = used;
        while (n && (s.ptr[n - 1] == '\n' || s.ptr[n - 1] == '\r' || s.ptr[n - 1] == c->newline)) {
            n--;
        }
        out->raw = (struct weir_str){s.ptr, n};
        out->fields = c->fields;
        consume(c, used);
        if (n) {
            return 0;
        }
        out->count = 0; /* an empty line */
    }
    return rc;
}

void weir_csv_rewind(struct weir_csv *c)
{
    weir_csv_text_rewind(c->text);
    c->at = 0;
    c->line = 1;
    c->runaways = 0;
    c->skipping = false;
}

void weir_csv_free(struct weir_csv *c)
{
    weir_buf_free(&c->cells);
    free(c->fields);
    free(c->offsets);
    c->fields = NULL;
    c->offsets = NULL;
}

/* --- the dialect ---------------------------------------------------------------------------------
 */

size_t weir_csv_usual(const size_t *counts, size_t n, size_t *of)
{
    size_t usual = 0;
    *of = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < n; k++) {
            same += counts[k] == counts[i];
        }
        if (same > *of || (same == *of && counts[i] > usual)) {
            *of = same;
            usual = counts[i];
        }
    }
    return usual;
}

/* How well a separator explains the sample: lines that have as many fields as most have, times the
 * fields; nothing when there is but one. */
static uint64_t score(struct weir_csv *c, struct weir_str sample, bool last, char separator)
{
    size_t at = 0, used = 0, count = 0, lines = 0, same = 0, counts[SAMPLE_LINES] = {0};
    c->separator = separator;
    while (at < sample.len && lines < SAMPLE_LINES) {
        struct weir_str s = {sample.ptr + at, sample.len - at};
        enum outcome what = read_record(c, s, last, &used, &count);
        if (what == NEEDS_MORE || what == NO_MEMORY) {
            break;
        }
        if (what != RECORD) {
            used = line_end(c, s, 0);
            used += used < s.len;
            count = 0;
        } else if (used <= 2 && count == 1) {
            at += used; /* an empty line */
            continue;
        }
        counts[lines++] = count;
        at += used;
    }
    size_t fields = weir_csv_usual(counts, lines, &same);
    return fields < 2 || !lines ? 0 : same * 1000 / lines * 100 + (fields < 100 ? fields : 99);
}

int weir_csv_open(struct weir_csv *c, struct weir_csv_text *text, struct weir_error *err)
{
    static const char separators[] = {',', ';', '\t', '|'};
    *c = (struct weir_csv){.text = text, .separator = ',', .newline = '\n', .line = 1};
    weir_buf_init(&c->cells, 2 * WEIR_CSV_MAX_RECORD);
    int rc = fill(c, SAMPLE, err);
    if (rc) {
        return rc;
    }
    struct weir_str sample = rest_of(c);
    bool last = text->end;
    if (!memchr(sample.ptr, '\n', sample.len) && memchr(sample.ptr, '\r', sample.len)) {
        c->newline = '\r';
    }
    char best = ',';
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof separators; i++) {
        uint64_t now = score(c, sample, last, separators[i]);
        if (now && now >= most) { /* "1;1,5": the comma is a decimal mark */
            most = now;
            best = separators[i];
        }
    }
    c->separator = best;
    /* Excel's own first line: sep=; */
    if (sample.len > 5 && strncasecmp(sample.ptr, "sep=", 4) == 0 &&
        strchr(",;\t|", sample.ptr[4]) && (sample.ptr[5] == '\r' || sample.ptr[5] == '\n')) {
        c->separator = sample.ptr[4];
    }
    weir_csv_rewind(c);
    return 0;
}
