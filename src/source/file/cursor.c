/* Which files have changed. The cursor:
 * {"v":1,"options":"HEX","rows":"HEX","files":{"orders.csv":[size, mtime, inode, ctime], …}}, and
 * of other machines "https://…": [size, "SUM", "ETAG"]. Of workbooks also
 * "sheets":{"book.xlsx":"Jan"}: what was read of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "source/file/file.h"

#define MAX_CURSOR (256u << 20)

/* Older cursors have a Last-Modified behind it. */
static bool read_remote(struct weir_str hex, struct weir_json_iter *it, struct weir_arena *arena,
                        struct weir_file_mark *out)
{
    struct weir_json etag;
    struct weir_str tag;
    uint64_t number = 0;
    if (!weir_json_next(it, NULL, &etag) || !weir_json_str(etag, &tag)) {
        return false;
    }
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    out->remote = true;
    out->sum = number;
    out->etag = weir_arena_dup(arena, tag).ptr;
    return hex.len == 16 && out->etag;
}

static bool read_mark(struct weir_json value, struct weir_arena *arena, struct weir_file_mark *out)
{
    struct weir_json_iter it = weir_json_begin(value);
    struct weir_json item;
    struct weir_str hex;
    *out = (struct weir_file_mark){.remote = false};
    if (!weir_json_next(&it, NULL, &item) || !weir_json_i64(item, &out->size) ||
        !weir_json_next(&it, NULL, &item)) {
        return false;
    }
    if (weir_json_str(item, &hex)) {
        return read_remote(hex, &it, arena, out);
    }
    bool read = weir_json_i64(item, &out->mtime) && weir_json_next(&it, NULL, &item) &&
                weir_json_i64(item, &out->inode);
    if (!read || !weir_json_next(&it, NULL, &item)) { /* older cursors have no ctime */
        return read;
    }
    return weir_json_i64(item, &out->ctime) && !weir_json_next(&it, NULL, &item);
}

/* What its server calls a state of a file is no part of it. Programs set mtime to what they like;
 * not so ctime, which an older cursor has not. */
static bool is_same(const struct weir_file_mark *a, const struct weir_file_mark *b)
{
    bool timed = a->ctime && b->ctime;
    return a->remote == b->remote && a->size == b->size && a->sum == b->sum &&
           a->mtime == b->mtime && a->inode == b->inode && (!timed || a->ctime == b->ctime);
}

static int by_name(const void *a, const void *b)
{
    const struct weir_file *x = a, *y = b;
    return weir_str_order(&x->name, &y->name);
}

static void print_file(struct weir_jw *w, struct weir_str name, const struct weir_file_mark *mark)
{
    weir_jw_key(w, name);
    weir_jw_array(w);
    weir_jw_i64(w, mark->size);
    if (mark->remote) {
        char sum[17];
        snprintf(sum, sizeof sum, "%016" PRIx64, mark->sum);
        weir_jw_strz(w, sum);
        weir_jw_strz(w, mark->etag);
    } else {
        weir_jw_i64(w, mark->mtime);
        weir_jw_i64(w, mark->inode);
        if (mark->ctime) { /* one of an older cursor, whose file is gone, has none */
            weir_jw_i64(w, mark->ctime);
        }
    }
    weir_jw_array_end(w);
}

struct kept { /* the cursor that the last run left, which may be none */
    struct weir_json_parser *parser;
    struct weir_buf text;
    struct weir_json root;
};

static int open_kept(struct kept *k, struct weir_str cursor, struct weir_error *err)
{
    *k = (struct kept){.parser = weir_json_parser_new(8)};
    weir_buf_init(&k->text, MAX_CURSOR);
    weir_buf_adds(&k->text, cursor.len ? cursor : WEIR_STR("{}"));
    int rc = k->parser ? weir_buf_check(&k->text, "a cursor", err)
                       : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    return rc ? rc : weir_json_parse(k->parser, weir_buf_str(&k->text), &k->root, err);
}

static void close_kept(struct kept *k)
{
    weir_json_parser_free(k->parser);
    weir_buf_free(&k->text);
}

/* Is what it says under this key the hash? */
static bool kept_is(const struct kept *k, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return weir_str_is(weir_json_get_str(k->root, key), text);
}

struct compare {
    struct weir_file_stream *stream;
    struct weir_source_plan *plan;
    int mode;
    bool all;   /* one change, and all files are read */
    bool gone;  /* a file is */
    bool *same; /* of each file */
    struct weir_jw w;
};

/* Files that the last run knew: which are as they were, and which are gone. */
static int look_back(struct compare *c, struct weir_json files, struct weir_error *err)
{
    struct weir_json_iter it = weir_json_begin(files);
    struct weir_str name;
    struct weir_json value;
    size_t most = c->stream->count + weir_json_count(files) + 1;
    c->plan->parts = weir_arena_alloc(&c->plan->arena, most * sizeof *c->plan->parts);
    if (!c->plan->parts) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    while (weir_json_next(&it, &name, &value)) {
        struct weir_file key = {.name = name}, *file = NULL;
        struct weir_file_mark mark;
        file = bsearch(&key, c->stream->files, c->stream->count, sizeof key, by_name);
        if (!read_mark(value, &c->plan->arena, &mark)) {
            return weir_fail(err, WEIR_ECORRUPT,
                             "a cursor of weir.source_state is damaged; sync "
                             "with --full");
        }
        if (file) {
            c->same[file - c->stream->files] = is_same(&mark, &file->mark);
        } else if (c->all) {
            c->gone = true;
        } else if (c->mode == WEIR_SOURCE_REPLACE) {
            struct weir_str part = weir_arena_dup(&c->plan->arena, name);
            if (!part.ptr) {
                return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
            }
            c->plan->parts[c->plan->part_count++] = part;
        } else {
            print_file(&c->w, name, &mark); /* its rows stay: when it comes back, it is no news */
        }
    }
    return 0;
}

/* Leaves in the stream what is to be read. */
static void keep_changed(struct compare *c)
{
    struct weir_file_stream *s = c->stream;
    size_t kept = 0;
    bool changed = c->gone;
    for (size_t i = 0; i < s->count; i++) {
        changed = changed || !c->same[i];
    }
    for (size_t i = 0; i < s->count; i++) {
        c->same[i] = c->same[i] && !(c->all && changed);
        print_file(&c->w, s->files[i].name, &s->files[i].mark);
        if (!c->same[i]) {
            if (!c->plan->whole && !c->all && c->mode != WEIR_SOURCE_MERGE) {
                c->plan->parts[c->plan->part_count++] = s->files[i].name;
            }
            s->files[kept++] = s->files[i];
        }
    }
    s->count = kept;
    c->plan->nothing = kept == 0 && c->plan->part_count == 0;
}

int weir_file_cursor_marks(const struct weir_file_stream *stream, struct weir_str cursor,
                           uint64_t options, struct weir_arena *arena,
                           const struct weir_file_mark ***out, struct weir_error *err)
{
    const struct weir_file_mark **marks =
        weir_arena_calloc(arena, (stream->count + 1) * sizeof *marks);
    struct weir_file_mark *room = weir_arena_calloc(arena, (stream->count + 1) * sizeof *room);
    struct kept k;
    *out = marks;
    int rc = open_kept(&k, cursor, err);
    if (rc == 0 && (!marks || !room)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    if (rc == 0 && kept_is(&k, "options", options)) {
        struct weir_json files = weir_json_get(k.root, "files");
        for (size_t i = 0; i < stream->count; i++) {
            struct weir_json value = weir_json_get(files, stream->files[i].name.ptr);
            if (read_mark(value, arena, &room[i]) && room[i].remote) {
                marks[i] = &room[i];
            }
        }
    }
    close_kept(&k);
    return rc;
}

/* What the cursor calls each of the files that are here, where that is another writing. */
static bool old_names(const struct weir_file_stream *stream, struct weir_json files,
                      struct weir_arena *arena, struct weir_str *out)
{
    struct weir_json_iter it = weir_json_begin(files);
    struct weir_json value;
    struct weir_str name;
    bool well = out != NULL;
    while (well && weir_json_next(&it, &name, &value)) {
        struct weir_file key = {.name = weir_file_known_as(name, arena)};
        const struct weir_file *file = NULL;
        well = key.name.ptr != NULL;
        if (well && !weir_str_eq(key.name, name)) {
            file = bsearch(&key, stream->files, stream->count, sizeof key, by_name);
        }
        if (file && !file->url && !weir_json_exists(weir_json_get(files, key.name.ptr))) {
            struct weir_str *to = &out[file - stream->files];
            *to = weir_arena_dup(arena, name);
            well = to->ptr != NULL;
        }
    }
    return well;
}

int weir_file_cursor_names(struct weir_file_stream *stream, struct weir_str cursor,
                           struct weir_arena *arena, struct weir_error *err)
{
    struct kept k;
    struct weir_str *old = weir_arena_calloc(arena, (stream->count + 1) * sizeof *old);
    int rc = open_kept(&k, cursor, err);
    if (stream->count) {
        qsort(stream->files, stream->count, sizeof *stream->files, by_name);
    }
    if (rc == 0 && !old_names(stream, weir_json_get(k.root, "files"), arena, old)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    for (size_t i = 0; rc == 0 && i < stream->count; i++) {
        stream->files[i].name = old[i].ptr ? old[i] : stream->files[i].name;
    }
    if (stream->count) { /* by these names they are looked for */
        qsort(stream->files, stream->count, sizeof *stream->files, by_name);
    }
    close_kept(&k);
    return rc;
}

static int find_news(const struct weir_file_stream *stream, struct weir_json files, bool other,
                     bool drops, struct weir_source_plan *plan, struct weir_source_parts *out,
                     struct weir_error *err)
{
    struct weir_arena *arena = &plan->arena;
    size_t most = stream->count + weir_json_count(files) + 1;
    struct weir_str *there = weir_arena_calloc(arena, most * sizeof *there);
    struct weir_str *news = weir_arena_calloc(arena, most * sizeof *news);
    struct weir_json_iter it = weir_json_begin(files);
    struct weir_json value;
    struct weir_str name;
    *out = (struct weir_source_parts){.there = there, .news = news};
    if (!there || !news) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    for (size_t i = 0; i < stream->count; i++) {
        const struct weir_file *file = &stream->files[i];
        struct weir_file_mark mark;
        there[out->there_count++] = file->name;
        if (other || !read_mark(weir_json_get(files, file->name.ptr), arena, &mark) ||
            !is_same(&mark, &file->mark)) {
            news[out->news_count++] = file->name;
        }
    }
    while (drops && weir_json_next(&it, &name, &value)) {
        struct weir_file key = {.name = name};
        if (!bsearch(&key, stream->files, stream->count, sizeof key, by_name)) {
            news[out->news_count] = weir_arena_dup(arena, name);
            if (!news[out->news_count++].ptr) {
                return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
            }
        }
    }
    return 0;
}

int weir_file_cursor_news(const struct weir_file_stream *stream, struct weir_str cursor,
                          uint64_t options, bool drops, struct weir_source_plan *plan,
                          struct weir_source_parts *out, struct weir_error *err)
{
    struct kept k;
    int rc = open_kept(&k, cursor, err);
    bool other = rc || !kept_is(&k, "options", options);
    rc = rc ? rc : find_news(stream, weir_json_get(k.root, "files"), other, drops, plan, out, err);
    close_kept(&k);
    return rc;
}

int weir_file_cursor(struct weir_file_stream *stream, int mode, bool all, struct weir_str cursor,
                     uint64_t options, uint64_t rows, struct weir_source_plan *plan,
                     struct weir_error *err)
{
    struct weir_buf out;
    struct kept k;
    char hash[17], identity[17];
    weir_buf_init(&out, MAX_CURSOR);
    snprintf(hash, sizeof hash, "%016" PRIx64, options);
    snprintf(identity, sizeof identity, "%016" PRIx64, rows);
    struct compare c = {.stream = stream,
                        .plan = plan,
                        .mode = mode,
                        .all = all,
                        .same = weir_arena_calloc(&plan->arena, stream->count + 1),
                        .w = weir_jw_on(&out)};
    int rc = open_kept(&k, cursor, err);
    if (rc == 0 && !c.same) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    if (stream->count) {
        qsort(stream->files, stream->count, sizeof *stream->files, by_name);
    }
    /* Other settings make other rows of the same files: all are read again. Rows of files that are
     * gone cannot be, so append keeps them, and merge while its key is the same. */
    bool other = rc || !kept_is(&k, "options", options);
    bool kept = mode == WEIR_SOURCE_APPEND ||
                (rc == 0 && mode != WEIR_SOURCE_REPLACE && kept_is(&k, "rows", rows));
    plan->whole = other && (!kept || !cursor.len);
    plan->other = other && cursor.len;
    plan->complete = all;
    weir_jw_object(&c.w);
    weir_jw_ki64(&c.w, "v", 1);
    weir_jw_kstrz(&c.w, "options", hash);
    weir_jw_kstrz(&c.w, "rows", identity);
    weir_jw_keyz(&c.w, "files");
    weir_jw_object(&c.w);
    if (rc == 0 && !plan->whole) {
        rc = look_back(&c, weir_json_get(k.root, "files"), err);
    }
    if (rc == 0) {
        if (other) {
            memset(c.same, 0, stream->count);
        }
        keep_changed(&c);
    }
    weir_jw_object_end(&c.w);
    weir_jw_object_end(&c.w);
    rc = rc ? rc : weir_buf_check(&out, "a cursor", err);
    plan->cursor = weir_arena_dup(&plan->arena, weir_buf_str(&out));
    if (rc == 0 && !plan->cursor.ptr) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    close_kept(&k);
    weir_buf_free(&out);
    return rc;
}

/* --- sheets -------------------------------------------------------------------------------------
 */

int weir_file_cursor_sheets(struct weir_file_stream *stream, struct weir_source_plan *plan,
                            struct weir_error *err)
{
    struct kept k;
    int rc = open_kept(&k, plan->last, err);
    for (size_t i = 0; rc == 0 && i < stream->count; i++) {
        struct weir_json sheets = weir_json_get(k.root, "sheets");
        struct weir_str sheet = weir_json_get_str(sheets, stream->files[i].name.ptr);
        stream->files[i].sheet =
            sheet.len ? weir_arena_dup(&plan->arena, sheet).ptr : stream->files[i].sheet;
    }
    close_kept(&k);
    return rc;
}

static bool is_read(const struct weir_file_stream *stream, struct weir_str name)
{
    bool read = false;
    for (size_t i = 0; !read && i < stream->count; i++) {
        read = weir_str_eq(stream->files[i].name, name) && stream->files[i].sheet;
    }
    return read;
}

static bool is_there(struct weir_json files, struct weir_str name)
{
    struct weir_json_iter it = weir_json_begin(files);
    struct weir_json value;
    struct weir_str one;
    bool there = false;
    while (!there && weir_json_next(&it, &one, &value)) {
        there = weir_str_eq(one, name);
    }
    return there;
}

static void print_sheets(const struct weir_file_stream *stream, struct weir_json before,
                         struct weir_json files, struct weir_jw *w)
{
    struct weir_json_iter it = weir_json_begin(before);
    struct weir_json value;
    struct weir_str name, sheet;
    weir_jw_object(w);
    for (size_t i = 0; i < stream->count; i++) {
        if (stream->files[i].sheet) {
            weir_jw_key(w, stream->files[i].name);
            weir_jw_strz(w, stream->files[i].sheet);
        }
    }
    while (weir_json_next(&it, &name, &value)) { /* of those that are as they were */
        if (weir_json_str(value, &sheet) && !is_read(stream, name) && is_there(files, name)) {
            weir_jw_key(w, name);
            weir_jw_str(w, sheet);
        }
    }
    weir_jw_object_end(w);
}

int weir_file_cursor_keep_sheets(const struct weir_file_stream *stream,
                                 struct weir_source_plan *plan, struct weir_error *err)
{
    struct kept before, now;
    struct weir_buf out;
    weir_buf_init(&out, MAX_CURSOR);
    int rc = open_kept(&before, plan->last, err);
    int failed = open_kept(&now, plan->cursor, err);
    struct weir_jw w = weir_jw_on(&out);
    rc = rc ? rc : failed;
    if (rc == 0) {
        print_sheets(stream, weir_json_get(before.root, "sheets"), weir_json_get(now.root, "files"),
                     &w);
        rc = weir_buf_check(&out, "a cursor", err);
    }
    if (rc == 0 && out.len > 2) {
        const char *all = weir_arena_printf(
            &plan->arena, WEIR_STR_FMT ",\"sheets\":" WEIR_STR_FMT "}", (int)plan->cursor.len - 1,
            plan->cursor.ptr, WEIR_STR_ARG(weir_buf_str(&out)));
        plan->cursor = weir_str_of(all);
        rc = all ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a cursor");
    }
    close_kept(&before);
    close_kept(&now);
    weir_buf_free(&out);
    return rc;
}
