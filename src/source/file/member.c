/* Objects and lists in JSON rows, and texts that the engine would write anew, as they stand in the
 * file.
 *
 * The engine gives each of a column's objects the keys of all of them, and writes numbers anew. So
 * it reads such a file twice, side by side: the other columns with their types, and each row's own
 * text, of which the members are taken here. Both readings are one scanner's, by one thread. */
#include <stdlib.h>

#include "base/map.h"
#include "source/file/file.h"

#define MAX_TEXTS (1u << 30)

struct weir_file_members {
    bool *is;                    /* of each column of the file */
    struct weir_map by_key;      /* its place in `seen` */
    size_t *to;                  /* columns of the sink */
    struct weir_vector *vectors; /* what they hold, of one batch */
    size_t count;
    size_t *seen; /* the row, + 1, that had it last */
    bool *came;   /* any row had it */
    struct weir_arena texts;
    struct weir_buf key;
    struct weir_json_parser *parser;
};

struct weir_str weir_file_unnumbered(struct weir_str name)
{
    size_t n = name.len;
    while (n && name.ptr[n - 1] >= '0' && name.ptr[n - 1] <= '9') {
        n--;
    }
    bool numbered = n < name.len && n > 1 && name.ptr[n - 1] == '_';
    return (struct weir_str){name.ptr, numbered ? n - 1 : 0};
}

/* The engine calls the key "" by its place: "C1". */
static bool is_place(struct weir_str name, size_t column)
{
    uint64_t place;
    return name.len > 1 && *name.ptr == 'C' &&
           weir_str_to_u64((struct weir_str){name.ptr + 1, name.len - 1}, &place) &&
           place == column;
}

/* Of two keys that differ by case alone it calls the second one "A_1": where there may be such,
 * nobody knows whether a column of such a name is a key of the file. */
bool weir_file_name_is_made_up(const struct weir_file *file, size_t column)
{
    struct weir_str name = file->originals[column], base = weir_file_unnumbered(name);
    if (file->kinds || is_place(name, column)) {
        return !file->kinds;
    }
    for (size_t i = 0; base.len && i < file->column_count; i++) {
        if ((file->renamed || is_place(file->originals[i], i)) &&
            weir_str_eq_nocase(file->originals[i], base)) {
            return true;
        }
    }
    return false;
}

/* The engine took its texts for ids, clocks or days, and would write them anew: `1:05` as
 * `01:05:00`. */
static bool is_rewritten(const struct weir_file *file, size_t column)
{
    const struct weir_source_column *own = &file->own[column];
    struct weir_str name = file->originals[column];
    return own->type == WEIR_TYPE_TEXT && !own->untyped && own->type_name.len &&
           !weir_str_is(own->type_name, "VARCHAR") && name.len && !memchr(name.ptr, 0, name.len);
}

static bool is_member(const struct weir_file *file, size_t column,
                      const struct weir_source_sink *sink)
{
    /* A single column of this name may be what stands instead of an object. */
    bool row = file->column_count == 1 && weir_str_is(file->originals[0], "json");
    size_t to = file->columns[column];
    enum weir_type type = to == WEIR_FILE_NO_COLUMN ? WEIR_TYPE_INT : sink->columns[to].type;
    bool is = (file->own[column].type == WEIR_TYPE_JSON && type == WEIR_TYPE_JSON) ||
              (type == WEIR_TYPE_TEXT &&
               (file->own[column].type == WEIR_TYPE_JSON || is_rewritten(file, column)));
    return file->format != WEIR_FILE_PARQUET && is && !row &&
           !weir_file_name_is_made_up(file, column);
}

bool weir_file_members_have(const struct weir_file_members *m, size_t column)
{
    return m->is[column];
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the objects of rows");
}

int weir_file_members_open(const struct weir_file *file, const struct weir_source_sink *sink,
                           struct weir_file_members **out, struct weir_error *err)
{
    size_t n = file->column_count;
    struct weir_file_members *m = *out = calloc(1, sizeof *m);
    if (!m) {
        return no_memory(err);
    }
    weir_map_init(&m->by_key);
    weir_arena_init(&m->texts, MAX_TEXTS);
    weir_buf_init(&m->key, 256u << 20);
    m->is = calloc(n + 1, sizeof *m->is);
    m->to = calloc(n + 1, sizeof *m->to);
    m->vectors = calloc(n + 1, sizeof *m->vectors);
    m->seen = calloc(n + 1, sizeof *m->seen);
    m->came = calloc(n + 1, sizeof *m->came);
    m->parser = weir_json_parser_new(8);
    bool all = m->is && m->to && m->vectors && m->seen && m->came && m->parser;
    int rc = all ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        m->is[i] = is_member(file, i, sink);
        if (m->is[i]) {
            m->to[m->count++] = file->columns[i];
            rc = weir_map_put(&m->by_key, file->originals[i], &m->seen[m->count - 1])
                     ? no_memory(err)
                     : 0;
        }
    }
    return rc;
}

bool weir_file_members_any(const struct weir_file_members *m)
{
    return m->count > 0;
}

void weir_file_members_free(struct weir_file_members *m)
{
    if (m) {
        weir_map_free(&m->by_key);
        weir_arena_free(&m->texts);
        weir_buf_free(&m->key);
        weir_json_parser_free(m->parser);
        free(m->is);
        free(m->to);
        free(m->vectors);
        free(m->seen);
        free(m->came);
        free(m);
    }
}

/* --- the text of a row --------------------------------------------------------------------------
 *
 * The engine has read it already: what is no JSON never comes here. */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    return at;
}

/* Behind the string that begins here. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\';
    }
    return at < end ? at + 1 : end;
}

/* Behind the value that begins here. `odd`: it has blanks, or a comma behind the last of its
 * values. */
static const char *skip_value(const char *at, const char *end, bool *odd)
{
    size_t deep = 0;
    char before = 0;
    while (at < end) {
        char c = *at;
        if (deep == 0 && (c == ',' || c == '}' || c == ']' || is_blank(c))) {
            return at;
        }
        if (c == '"') {
            at = skip_string(at, end);
        } else {
            *odd = *odd || is_blank(c) || (before == ',' && (c == '}' || c == ']'));
            deep += c == '{' || c == '[';
            deep -= c == '}' || c == ']';
            at++;
        }
        before = c;
        if (deep == 0 && (c == '"' || c == '}' || c == ']')) {
            return at;
        }
    }
    return at;
}

/* Without blanks, and commas behind which nothing comes. */
static int tidy(struct weir_file_members *m, struct weir_str *value, struct weir_error *err)
{
    const char *at = value->ptr, *end = at + value->len;
    char *out = weir_arena_alloc(&m->texts, value->len + 1);
    size_t n = 0;
    if (!out) {
        return no_memory(err);
    }
    while (at < end) {
        const char *next = *at == '"' ? skip_string(at, end) : at + 1;
        if (!is_blank(*at)) {
            n -= n && out[n - 1] == ',' && (*at == '}' || *at == ']');
            memcpy(out + n, at, (size_t)(next - at));
            n += (size_t)(next - at);
        }
        at = next;
    }
    *value = (struct weir_str){out, n};
    return 0;
}

/* What a string says. */
static int unquote(struct weir_file_members *m, struct weir_str *string, struct weir_error *err)
{
    struct weir_json root;
    struct weir_str text = {string->ptr + 1, string->len - 2};
    if (memchr(text.ptr, '\\', text.len)) {
        weir_buf_reset(&m->key);
        weir_buf_adds(&m->key, *string);
        int rc = weir_buf_check(&m->key, "a text", err);
        rc = rc ? rc : weir_json_parse(m->parser, weir_buf_str(&m->key), &root, err);
        if (rc || !weir_json_str(root, &text)) {
            return rc ? rc : weir_fail(err, WEIR_ECORRUPT, "a text of a row cannot be read");
        }
        text = weir_arena_dup(&m->texts, text);
    }
    *string = text;
    return text.ptr ? 0 : no_memory(err);
}

static int keep(struct weir_file_members *m, size_t i, size_t row, struct weir_str value, bool odd,
                const struct weir_source_sink *sink, struct weir_error *err)
{
    bool text = sink->columns[m->to[i]].type == WEIR_TYPE_TEXT;
    struct weir_vector *v = &m->vectors[i];
    int rc = odd ? tidy(m, &value, err) : 0;
    if (rc || weir_str_is(value, "null")) {
        return rc;
    }
    rc = text && value.len > 1 && *value.ptr == '"' ? unquote(m, &value, err) : 0;
    v->strs[row] = value;
    v->valid[row / 64] |= UINT64_C(1) << row % 64;
    return rc;
}

static int take_row(struct weir_file_members *m, struct weir_str text, size_t row,
                    const struct weir_source_sink *sink, struct weir_error *err)
{
    const char *end = text.ptr + text.len, *at = skip_blanks(text.ptr, end);
    int rc = 0;
    if (at == end || *at != '{') {
        return 0; /* a row that is null */
    }
    for (at = skip_blanks(at + 1, end); rc == 0 && at < end && *at == '"';) {
        const char *from = at;
        bool odd = false;
        at = skip_string(at, end);
        struct weir_str key = {from, (size_t)(at - from)};
        rc = key.len < 2 ? weir_fail(err, WEIR_ECORRUPT, "a row cannot be read")
                         : unquote(m, &key, err);
        size_t *seen = rc ? NULL : weir_map_get(&m->by_key, key);
        at = skip_blanks(at, end);
        from = at = at < end ? skip_blanks(at + 1, end) : end;
        at = skip_value(at, end, &odd);
        if (seen && *seen == row + 1) {
            rc = weir_fail(err, WEIR_EINVAL, "an object has the key \"" WEIR_STR_FMT "\" twice",
                           WEIR_STR_ARG(key));
        } else if (seen) {
            struct weir_str value = {from, (size_t)(at - from)};
            *seen = row + 1;
            m->came[seen - m->seen] = true;
            rc = keep(m, (size_t)(seen - m->seen), row, value, odd, sink, err);
        }
        at = skip_blanks(at, end);
        at = at < end && *at == ',' ? skip_blanks(at + 1, end) : end;
    }
    return rc;
}

int weir_file_members_take(struct weir_file_members *m, const struct weir_batch *batch,
                           const struct weir_source_sink *sink, struct weir_vector *out,
                           struct weir_error *err)
{
    const struct weir_vector *texts = &batch->columns[batch->column_count - 1];
    const struct weir_vector *there = &batch->columns[batch->column_count - 2];
    int rc = 0;
    weir_arena_reset(&m->texts);
    for (size_t i = 0; rc == 0 && i < m->count; i++) {
        struct weir_vector *v = &m->vectors[i];
        v->type = sink->columns[m->to[i]].type;
        v->strs = weir_arena_alloc(&m->texts, batch->rows * sizeof *v->strs);
        v->valid = weir_arena_calloc(&m->texts, (batch->rows / 64 + 1) * sizeof *v->valid);
        rc = v->strs && v->valid ? 0 : no_memory(err);
        m->seen[i] = 0;
    }
    for (size_t row = 0; rc == 0 && row < batch->rows; row++) {
        bool both = weir_vector_valid(texts, row) && there->bools[row];
        rc = both ? take_row(m, texts->strs[row], row, sink, err)
                  : weir_fail(err, WEIR_ECORRUPT, "its rows are others when they are read again");
    }
    for (size_t i = 0; rc == 0 && i < m->count; i++) {
        out[m->to[i]] = m->vectors[i];
    }
    return rc;
}

int weir_file_members_end(const struct weir_file_members *m, const struct weir_source_sink *sink,
                          struct weir_error *err)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->came[i]) { /* its rows would all be NULL */
            return weir_fail(err, WEIR_EINVAL,
                             "the column \"" WEIR_STR_FMT
                             "\" has objects or lists, and no object of the file has such a key: a "
                             "key with a NUL in it cannot be the name of a column",
                             WEIR_STR_ARG(sink->columns[m->to[i]].name));
        }
    }
    return 0;
}
