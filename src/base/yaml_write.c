#include "base/yaml_write.h"

#include <stdio.h>

#define WIDTH    76 /* what a small list or object may fill of a line */
#define MAX_PATH 2000

struct writing {
    struct weir_buf *out;
    const struct weir_comments *comments;
    bool quote_all; /* no blocks: the second try */
    char path[MAX_PATH];
    struct weir_str pending; /* comment of an item, to stand behind its first line */
};

/* --- scalars --------------------------------------------------------------------------------- */

/* Characters that must be escaped: controls, and what YAML takes for the end of a line. */
static bool needs_escape(struct weir_str s, bool newline_too)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && (c != '\n' || newline_too)) || c == 0x7F) {
            return true;
        }
        if (c == 0xC2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xA0) {
            return true; /* C1 controls, U+0085 among them */
        }
        if (c == 0xE2 && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0x80 &&
            ((unsigned char)s.ptr[i + 2] == 0xA8 || (unsigned char)s.ptr[i + 2] == 0xA9)) {
            return true;
        }
        if (c == 0xEF && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0xBB &&
            (unsigned char)s.ptr[i + 2] == 0xBF) {
            return true; /* a byte order mark */
        }
    }
    return false;
}

static bool is_word(struct weir_str s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "~",    NULL};
    for (const char *const *w = words; *w; w++) {
        if (weir_str_eq_nocase(s, weir_str_of(*w))) {
            return true;
        }
    }
    return false;
}

/* Without quotes it would still be this text, for us and for other readers of YAML. */
static bool plain(struct weir_str s)
{
    static const char *const first = "-?:,[]{}#&*!|>'\"%@`+.0123456789= ";
    if (s.len == 0 || strchr(first, s.ptr[0]) || s.ptr[s.len - 1] == ' ' ||
        s.ptr[s.len - 1] == ':' || is_word(s) || needs_escape(s, true)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (strchr(",[]{}", c) || (c == ':' && s.ptr[i + 1] == ' ') ||
            (c == '#' && s.ptr[i - 1] == ' ')) {
            return false;
        }
    }
    return true;
}

static void quoted(struct weir_buf *out, struct weir_str s)
{
    weir_buf_addc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        struct weir_str rest = {s.ptr + i, s.len - i < 3 ? s.len - i : 3};
        size_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : 3;
        if (c == '"' || c == '\\') {
            weir_buf_addc(out, '\\');
            weir_buf_addc(out, (char)c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            weir_buf_addz(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else if (c < 0x20 || c == 0x7F) {
            weir_buf_addf(out, "\\x%02x", c);
        } else if (n > 1 && n <= rest.len && needs_escape((struct weir_str){rest.ptr, n}, true)) {
            uint32_t cp = n == 2 ? (uint32_t)(c & 0x1F) << 6 | (rest.ptr[1] & 0x3F)
                                 : (uint32_t)(c & 0x0F) << 12 |
                                       (uint32_t)(rest.ptr[1] & 0x3F) << 6 | (rest.ptr[2] & 0x3F);
            weir_buf_addf(out, "\\u%04x", cp);
            i += n - 1;
        } else {
            weir_buf_addc(out, (char)c);
        }
    }
    weir_buf_addc(out, '"');
}

static void scalar(struct weir_buf *out, const struct weir_data *d)
{
    switch (d->type) {
    case WEIR_DATA_BOOL:
        weir_buf_addz(out, d->truth ? "true" : "false");
        return;
    case WEIR_DATA_NUMBER:
        weir_buf_adds(out, d->text);
        return;
    case WEIR_DATA_TEXT:
        if (plain(d->text)) {
            weir_buf_adds(out, d->text);
        } else {
            quoted(out, d->text);
        }
        return;
    default:
        weir_buf_addz(out, "null");
    }
}

static void key_text(struct weir_buf *out, struct weir_str key)
{
    if (plain(key) && !memchr(key.ptr, ':', key.len)) {
        weir_buf_adds(out, key);
    } else {
        quoted(out, key);
    }
}

/* --- on one line ----------------------------------------------------------------------------- */

static bool is_leaf(const struct weir_data *d)
{
    return d->type != WEIR_DATA_LIST && d->type != WEIR_DATA_OBJECT;
}

static void flow(struct weir_buf *out, const struct weir_data *d)
{
    bool object = d->type == WEIR_DATA_OBJECT;
    if (is_leaf(d)) {
        scalar(out, d);
        return;
    }
    weir_buf_addc(out, object ? '{' : '[');
    for (const struct weir_data *m = d->first; m; m = m->next) {
        if (object) {
            key_text(out, m->key);
            weir_buf_addz(out, ": ");
        }
        flow(out, m);
        weir_buf_addz(out, m->next ? ", " : "");
    }
    weir_buf_addc(out, object ? '}' : ']');
}

/* --- comments -------------------------------------------------------------------------------- */

static const struct weir_str *comment(const struct writing *w, bool beside)
{
    return w->comments ? weir_map_get(beside ? &w->comments->beside : &w->comments->above,
                                      weir_str_of(w->path))
                       : NULL;
}

static void blanks(struct weir_buf *out, unsigned n)
{
    while (n--) {
        weir_buf_addc(out, ' ');
    }
}

static void comment_lines(struct weir_buf *out, struct weir_str text, unsigned indent)
{
    while (text.ptr && text.len) {
        struct weir_str line = weir_str_trim(weir_str_cut(&text, '\n'));
        blanks(out, line.len ? indent : 0);
        weir_buf_adds(out, line);
        weir_buf_addc(out, '\n');
    }
}

static void end_line(struct writing *w)
{
    const struct weir_str *own = comment(w, true);
    struct weir_str text = own ? *own : w->pending;
    if (text.len) {
        weir_buf_addc(w->out, ' ');
        weir_buf_adds(w->out, text);
    }
    w->pending = (struct weir_str){0};
    weir_buf_addc(w->out, '\n');
}

/* Appends "/part" to the path; returns where to cut it again. */
static size_t enter(char *path, struct weir_str part, size_t index)
{
    size_t at = strlen(path);
    if (part.ptr) {
        snprintf(path + at, MAX_PATH - at, "/%.*s", (int)(part.len < 200 ? part.len : 200),
                 part.ptr);
    } else {
        snprintf(path + at, MAX_PATH - at, "/%zu", index);
    }
    return at;
}

static bool commented_inside(const struct writing *w)
{
    size_t n = strlen(w->path);
    for (int i = 0; w->comments && i < 2; i++) {
        const struct weir_map *map = i ? &w->comments->beside : &w->comments->above;
        for (size_t k = 0; k < map->count; k++) {
            struct weir_str key = map->entries[k].key;
            if (key.len > n && key.ptr[n] == '/' && memcmp(key.ptr, w->path, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_shallow(const struct weir_data *d, unsigned levels)
{
    bool ok = d->count <= 40;
    for (const struct weir_data *m = d->first; ok && m; m = m->next) {
        ok = is_leaf(m) ? m->text.len <= WIDTH &&
                              !memchr(m->text.ptr ? m->text.ptr : "", '\n', m->text.len)
                        : levels > 0 && is_shallow(m, levels - 1);
    }
    return ok;
}

/* A list of things at the top has a line for each, which is where files change. */
static bool is_top_list(const struct weir_data *d, unsigned indent)
{
    return indent <= 2 && d->type == WEIR_DATA_LIST && d->first->type == WEIR_DATA_OBJECT;
}

static bool fits_line(const struct writing *w, const struct weir_data *d, unsigned indent)
{
    if (is_top_list(d, indent) || !is_shallow(d, 1) || commented_inside(w)) {
        return false;
    }
    struct weir_buf text;
    weir_buf_init(&text, 64 * 1024);
    flow(&text, d);
    bool fits = weir_buf_ok(&text) && text.len + indent <= WIDTH;
    weir_buf_free(&text);
    return fits;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static bool is_block_text(const struct writing *w, const struct weir_data *d)
{
    struct weir_str s = d->text;
    return !w->quote_all && d->type == WEIR_DATA_TEXT && memchr(s.ptr, '\n', s.len) &&
           s.ptr[0] != '\n' && s.ptr[0] != ' ' && !needs_escape(s, false);
}

static void block_text(struct writing *w, struct weir_str s, unsigned indent)
{
    bool ends = s.ptr[s.len - 1] == '\n';
    bool more = ends && s.len > 1 && s.ptr[s.len - 2] == '\n';
    weir_buf_addz(w->out, more ? "|+" : ends ? "|" : "|-");
    end_line(w);
    if (ends) {
        s.len--;
    }
    while (s.ptr) {
        struct weir_str line = weir_str_cut(&s, '\n');
        blanks(w->out, line.len ? indent : 0);
        weir_buf_adds(w->out, line);
        weir_buf_addc(w->out, '\n');
    }
}

static void members(struct writing *w, const struct weir_data *d, unsigned indent, bool begun);

/* What stands behind "key:" or "-"; `indent` is that of members. */
static void value(struct writing *w, const struct weir_data *d, unsigned indent, bool item)
{
    if (is_block_text(w, d)) {
        weir_buf_addc(w->out, ' ');
        block_text(w, d->text, indent);
    } else if (is_leaf(d) || !d->first || fits_line(w, d, indent)) {
        weir_buf_addc(w->out, ' ');
        flow(w->out, d);
        end_line(w);
    } else if (item) {
        const struct weir_str *beside = comment(w, true);
        w->pending = beside ? *beside : (struct weir_str){0};
        weir_buf_addc(w->out, ' ');
        members(w, d, indent, true);
    } else {
        end_line(w);
        members(w, d, indent, false);
    }
}

/* `begun`: the first one stands on the line that is already begun. */
static void members(struct writing *w, const struct weir_data *d, unsigned indent, bool begun)
{
    size_t index = 0;
    for (const struct weir_data *m = d->first; m; m = m->next, index++) {
        bool object = d->type == WEIR_DATA_OBJECT;
        size_t cut = enter(w->path, object ? m->key : weir_data_identity(m), index);
        const struct weir_str *above = comment(w, false);
        if (!begun) {
            comment_lines(w->out, above ? *above : (struct weir_str){0}, indent);
            blanks(w->out, indent);
        }
        begun = false;
        if (object) {
            key_text(w->out, m->key);
            weir_buf_addc(w->out, ':');
        } else {
            weir_buf_addc(w->out, '-');
        }
        value(w, m, indent + 2, !object);
        w->path[cut] = '\0';
    }
}

static bool reads_back(struct weir_str text, const struct weir_data *data)
{
    struct weir_yaml *doc = NULL;
    struct weir_arena arena;
    struct weir_data *again = NULL;
    struct weir_error ignored;
    weir_arena_init(&arena, 64u << 20);
    bool same = weir_yaml_parse(text, "", &doc, &ignored) == 0 &&
                weir_data_from_yaml(&arena, weir_yaml_root(doc), &again, &ignored) == 0 &&
                weir_data_equal(again, data);
    weir_yaml_free(doc);
    weir_arena_free(&arena);
    return same;
}

int weir_yaml_write(struct weir_buf *out, const struct weir_data *data,
                    const struct weir_comments *comments, struct weir_error *err)
{
    size_t begin = out->len;
    /* Blocks first; where one would not read back, everything in quotes; then without comments. */
    for (int attempt = 0; attempt < 3; attempt++) {
        struct writing w = {
            .out = out, .comments = attempt < 2 ? comments : NULL, .quote_all = attempt > 0};
        out->len = begin;
        if (!data->first) {
            weir_buf_addz(out, "{}\n");
        }
        members(&w, data, 0, false);
        comment_lines(out, w.comments ? w.comments->footer : (struct weir_str){0}, 0);
        int code = weir_buf_check(out, "the file", err);
        if (code || reads_back((struct weir_str){out->data + begin, out->len - begin}, data)) {
            return code;
        }
    }
    return weir_fail(err, WEIR_EINVAL,
                     "this cannot be written as YAML: it has more than 1 MB, 32 levels or 100,000 "
                     "values");
}
