/* What the columns of a JSON or NDJSON are, found by weir's own reader, where it is sure that the
 * engine would find the same: that one looks at all rows each time that a statement is prepared,
 * several times as long as it takes to read them. tests/unit/test_file_kinds.c compares the two. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/map.h"
#include "base/time.h"
#include "source/feed/feed.h"
#include "source/file/file.h"

#define MAX_DEPTH 1000
#define MAX_NAMES (64u << 20)
#define UUID      32 /* characters that it has at least */

/* What came of a column; 1 << enum weir_json_type. */
enum {
    TRUTHS = 1 << WEIR_JSON_BOOL,
    WHOLES = 1 << WEIR_JSON_INT,
    FRACTIONS = 1 << WEIR_JSON_DOUBLE,
    TEXTS = 1 << WEIR_JSON_STRING,
    LISTS = 1 << WEIR_JSON_ARRAY,
    OBJECTS = 1 << WEIR_JSON_OBJECT
};
#define DAY 1 /* a shape; others are of times */

struct kind {
    struct weir_str name;
    uint64_t row; /* that had it last */
    unsigned came;
    bool large;     /* a whole number that a double has not */
    bool plain;     /* some text is nothing but a text */
    unsigned shape; /* of all texts, as days or times; 0: of none, or they differ */
};

struct find {
    struct weir_file_rows rows; /* enough: it is not sure */
    struct kind *kinds;
    size_t count, room, guess;
    struct weir_map by_key, by_small; /* its place + 1; by the name in small letters, too */
    struct weir_arena names;
    struct weir_buf small;
    struct weir_json_parser *parser;
    uint64_t row, values;
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the columns of a file");
}

/* --- texts --------------------------------------------------------------------------------------
 */

/* As most write it; the engine knows others. */
static bool is_uuid(struct weir_str s)
{
    bool is = s.len == 36;
    for (size_t i = 0; is && i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
        is = i == 8 || i == 13 || i == 18 || i == 23 ? c == '-' : letter || (c >= '0' && c <= '9');
    }
    return is;
}

/* Nothing that could be read as a day or a time, whatever way it is written. UUIDs and clocks
 * without seconds (12:30), of which the engine makes its own, stay texts in any case (member.c). */
static bool is_plain(struct weir_str s)
{
    size_t signs = 0, blanks = 0;
    while (blanks < s.len && (s.ptr[blanks] == ' ' || s.ptr[blanks] == '-')) {
        blanks++;
    }
    struct weir_str word = {s.ptr + blanks, s.len - blanks};
    if (weir_str_starts_nocase(word, WEIR_STR("inf")) ||
        weir_str_starts_nocase(word, WEIR_STR("epo"))) {
        return false; /* infinity and epoch are days to the engine */
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool sign = strchr("-/:. ", c) && c;
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
        if (!sign && !letter && !(c >= '0' && c <= '9') && !(strchr("tTzZpPmM{}+", c) && c)) {
            return true;
        }
        signs += sign;
    }
    return (s.len < UUID && signs < 2 && s.len > 0) || is_uuid(s);
}

/* 0: no day nor time, or one of which the engine may think otherwise. */
static unsigned shape_of(struct weir_str s)
{
    static const struct {
        size_t len;
        char between, end;
    } shapes[] = {{20, 'T', 'Z'}, {19, 'T', 0}, {19, ' ', 0},
                  {24, 'T', 'Z'}, {23, ' ', 0}, {27, 'T', 'Z'}};
    int64_t at;
    bool year = weir_str_starts(s, WEIR_STR("19")) || weir_str_starts(s, WEIR_STR("20"));
    if (year && s.len == 10) {
        return weir_feed_time(WEIR_TYPE_DATE, s, &at) ? DAY : 0;
    }
    for (size_t i = 0; year && i < sizeof shapes / sizeof *shapes; i++) {
        bool is = s.len == shapes[i].len && s.ptr[10] == shapes[i].between &&
                  (shapes[i].end ? s.ptr[s.len - 1] == shapes[i].end
                                 : s.ptr[s.len - 1] >= '0' && s.ptr[s.len - 1] <= '9');
        bool leap = is && s.ptr[17] == '6';
        bool whole = is && (s.len < 21 || s.ptr[19] == '.');
        if (is && whole && !leap && s.ptr[13] == ':' && s.ptr[16] == ':' &&
            weir_time_parse(s, &at)) {
            return DAY + 1 + (unsigned)i;
        }
    }
    return 0;
}

static void see_text(struct kind *k, struct weir_str s)
{
    bool first = !(k->came & TEXTS);
    if (k->plain) {
        return;
    }
    unsigned shape = shape_of(s);
    k->plain = !shape && is_plain(s);
    k->shape = first || k->shape == shape ? shape : 0;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static int add_kind(struct find *f, struct weir_str key, size_t *at, struct weir_error *err)
{
    void *kinds = f->kinds;
    weir_buf_reset(&f->small);
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        weir_buf_addc(&f->small, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
    }
    struct weir_str name = weir_arena_dup(&f->names, key);
    struct weir_str small = weir_arena_dup(&f->names, weir_buf_str(&f->small));
    if (f->count == WEIR_SOURCE_MAX_COLUMNS || key.len == 0 || key.len > 1000 ||
        memchr(key.ptr, 0, key.len) || (small.ptr && weir_map_get(&f->by_small, small))) {
        f->rows.enough = true;
        return 0;
    }
    if (!name.ptr || !small.ptr ||
        !weir_arena_grow(&f->names, &kinds, f->count, 1, &f->room, sizeof *f->kinds) ||
        weir_map_put(&f->by_key, name, (void *)(uintptr_t)(f->count + 1)) ||
        weir_map_put(&f->by_small, small, f)) {
        return no_memory(err);
    }
    f->kinds = kinds;
    f->kinds[f->count] = (struct kind){.name = name};
    *at = f->count++;
    return 0;
}

static int see_value(struct find *f, struct weir_str key, struct weir_json value,
                     struct weir_error *err)
{
    size_t at = f->guess;
    if (at >= f->count || !weir_str_eq(f->kinds[at].name, key)) {
        at = (size_t)(uintptr_t)weir_map_get(&f->by_key, key) - 1;
        int rc = at == SIZE_MAX ? add_kind(f, key, &at, err) : 0;
        if (rc || f->rows.enough) {
            return rc;
        }
    }
    struct kind *k = &f->kinds[at];
    struct weir_str text;
    int64_t whole;
    f->guess = at + 1;
    f->values++;
    f->rows.enough = k->row == f->row; /* it has the key twice */
    k->row = f->row;
    if (weir_json_str(value, &text)) {
        see_text(k, text);
    } else if (weir_json_i64(value, &whole)) {
        k->large = k->large || whole > (INT64_C(1) << 53) || whole < -(INT64_C(1) << 53);
    }
    k->came |= 1u << weir_json_type(value);
    return 0;
}

static int see_row(void *arg, struct weir_str text, uint64_t at, struct weir_error *err)
{
    struct find *f = arg;
    struct weir_json root, value;
    struct weir_str key;
    struct weir_error ignored;
    if (weir_str_trim(text).len == 0) {
        return 0;
    }
    f->row++;
    f->guess = 0;
    if ((at && weir_file_is_marked(text)) || weir_json_parse(f->parser, text, &root, &ignored) ||
        weir_json_type(root) != WEIR_JSON_OBJECT) {
        f->rows.enough = true;
        return 0;
    }
    struct weir_json_iter it = weir_json_begin(root);
    int rc = 0;
    while (rc == 0 && !f->rows.enough && weir_json_next(&it, &key, &value)) {
        rc = see_value(f, key, value, err);
    }
    return rc;
}

/* --- what they are ------------------------------------------------------------------------------
 */

/* NULL: it is for the engine to say. */
static const char *type_of(const struct kind *k)
{
    unsigned came = k->came & ~(1u << WEIR_JSON_NULL);
    switch (came) {
    case 0:
    case LISTS:
    case OBJECTS:
        return "JSON";
    case TRUTHS:
        return "BOOLEAN";
    case WHOLES: /* to the engine HUGEINT, where some are negative and others are not */
        return "BIGINT";
    case FRACTIONS:
        return "DOUBLE";
    case WHOLES | FRACTIONS:
        return k->large ? NULL : "DOUBLE";
    case TEXTS:
        return k->plain ? "VARCHAR" : !k->shape ? NULL : k->shape == DAY ? "DATE" : "TIMESTAMP";
    default:
        return NULL;
    }
}

/* Rows that have less than a tenth of the keys are maps to the engine, in one column. */
static bool may_be_maps(const struct find *f)
{
    return 10 * f->values <= f->row * f->count;
}

static int keep(const struct find *f, struct weir_file *file, struct weir_arena *arena,
                struct weir_error *err)
{
    struct weir_file_kind *out = weir_arena_calloc(arena, (f->count + 1) * sizeof *out);
    bool well = out && f->count && !may_be_maps(f) &&
                !(f->count == 1 && weir_str_is(f->kinds[0].name, "json"));
    for (size_t i = 0; well && i < f->count; i++) {
        const struct kind *k = &f->kinds[i];
        out[i] = (struct weir_file_kind){weir_arena_dup(arena, k->name), type_of(k),
                                         (k->came & ~(1u << WEIR_JSON_NULL)) == 0};
        well = out[i].type && out[i].name.ptr;
    }
    if (well) {
        file->kinds = out;
        file->kind_count = f->count;
    }
    return out ? 0 : no_memory(err);
}

/* Else each of its lines may be a row, whatever the file is called. */
static bool is_list(int fd)
{
    char head[256];
    ssize_t n = pread(fd, head, sizeof head, 0);
    struct weir_str text = weir_str_trim((struct weir_str){head, n > 0 ? (size_t)n : 0});
    return text.len && *text.ptr == '[';
}

int weir_file_kinds_find(struct weir_file *file, const atomic_bool *stop, struct weir_arena *arena,
                         struct weir_error *err)
{
    const char *path = file->plain ? file->plain : weir_file_path(file);
    struct find f = {.rows = {.row = see_row, .arg = &f},
                     .parser = weir_json_parser_new(MAX_DEPTH)};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    file->kinds = NULL;
    file->kind_count = 0;
    file->list = fd >= 0 && file->format == WEIR_FILE_JSON && is_list(fd);
    weir_map_init(&f.by_key);
    weir_map_init(&f.by_small);
    weir_arena_init(&f.names, MAX_NAMES);
    weir_buf_init(&f.small, 4096);
    int rc = !f.parser    ? no_memory(err)
             : fd < 0     ? WEIR_EIO
             : file->list ? weir_file_rows_list(&f.rows, fd, stop, err)
                          : weir_file_rows_lines(&f.rows, fd, stop, err);
    rc = rc || f.rows.enough ? rc : keep(&f, file, arena, err);
    if (fd >= 0) {
        close(fd);
    }
    weir_map_free(&f.by_key);
    weir_map_free(&f.by_small);
    weir_arena_free(&f.names);
    weir_buf_free(&f.small);
    weir_json_parser_free(f.parser);
    return rc == WEIR_ECANCELED ? rc : 0; /* of all else, who reads it next says why */
}
