/* What a tap says, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "io/child.h"
#include "source/singer/singer.h"

#define MAX_DEPTH    60
#define MAX_EXACT    (512u << 20)
#define RECORD_DEPTH 2
#define CHUNK        (256u << 10)

int weir_singer_reader_init(struct weir_singer_reader *r, struct weir_feed *feed,
                            struct weir_error *err)
{
    *r = (struct weir_singer_reader){
        .feed = feed, .name = "the tap", .parser = weir_json_parser_new(MAX_DEPTH)};
    weir_buf_init(&r->exact, MAX_EXACT);
    weir_arena_init(&r->base_arena, MAX_EXACT);
    weir_buf_init(&r->base_text, MAX_EXACT);
    return r->parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a tap's messages");
}

void weir_singer_reader_free(struct weir_singer_reader *r)
{
    weir_json_parser_free(r->parser);
    weir_buf_free(&r->exact);
    weir_arena_free(&r->base_arena);
    weir_buf_free(&r->base_text);
}

const char *weir_singer_id(const struct weir_singer_reader *r, const struct weir_feed_stream *s)
{
    const struct weir_singer_entry *e = r->catalog ? weir_singer_find(r->catalog, s->name) : NULL;
    return e ? e->id.ptr : s->name.ptr;
}

static int rubbish(const struct weir_singer_reader *r, struct weir_str line, const char *why,
                   struct weir_error *err)
{
    return weir_foreign_refuse("Singer", r->name, r->mask, r->line, line, why, err);
}

/* What a RECORD has, found in one go: there are many. */
struct message {
    struct weir_json type, stream, record, version;
};

static struct message read_message(struct weir_json root)
{
    struct message m = {0};
    struct weir_json_iter it = weir_json_begin(root);
    struct weir_json member;
    struct weir_str key;
    while (weir_json_next(&it, &key, &member)) {
        struct weir_json *to = weir_str_is(key, "type")      ? &m.type
                               : weir_str_is(key, "stream")  ? &m.stream
                               : weir_str_is(key, "record")  ? &m.record
                               : weir_str_is(key, "version") ? &m.version
                                                             : NULL;
        if (to && !weir_json_exists(*to)) {
            *to = member;
        }
    }
    return m;
}

/* NULL in *out: nobody wants it. */
static int stream_of(struct weir_singer_reader *r, const struct message *m,
                     struct weir_feed_stream **out, struct weir_error *err)
{
    struct weir_str said = {0}, name;
    *out = NULL;
    (void)weir_json_str(m->stream, &said);
    name = said;
    if (!said.ptr) {
        return weir_fail(err, WEIR_EINVAL, "it names no stream");
    }
    if (r->last && weir_str_eq(said, r->last_name)) {
        *out = r->last;
        return 0;
    }
    const struct weir_singer_entry *entry = r->catalog ? weir_singer_find(r->catalog, said) : NULL;
    name = entry ? entry->name : name;
    if (!weir_feed_wants(r->feed, name)) {
        return 0;
    }
    int rc = weir_feed_stream(r->feed, name, out, err);
    if (rc == 0 && entry) {
        (*out)->incremental = (*out)->incremental || entry->incremental;
        (*out)->whole = entry->whole;
    }
    if (rc == 0) {
        struct weir_feed_stream *f = *out;
        if (!weir_str_eq(said, f->name) && !weir_str_eq(said, f->said)) {
            f->said = weir_arena_dup(&r->feed->arena, said);
        }
        r->last_name = weir_str_eq(said, f->name) ? f->name : f->said;
        r->last = r->last_name.ptr ? f : NULL;
    }
    return rc;
}

static int take_schema(struct weir_singer_reader *r, const struct message *m, struct weir_json root,
                       struct weir_error *err)
{
    struct weir_feed_stream *s;
    struct weir_json schema = weir_json_get(root, "schema");
    int rc = stream_of(r, m, &s, err);
    if (rc || !s) {
        return rc;
    }
    if (weir_json_type(schema) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "its `schema` is no object");
    }
    rc = weir_feed_schema(s, schema, err);
    rc = rc ? rc : weir_feed_set_key(s, weir_json_get(root, "key_properties"), err);
    struct weir_json_iter it = weir_json_begin(weir_json_get(root, "bookmark_properties"));
    struct weir_json item;
    struct weir_str name;
    if (weir_json_next(&it, NULL, &item)) {
        s->incremental = true;
        s->goes_by =
            weir_json_str(item, &name) ? weir_arena_dup(&r->feed->arena, name) : s->goes_by;
    }
    return rc;
}

static int take_version(struct weir_singer_reader *r, const struct message *m,
                        struct weir_error *err)
{
    struct weir_feed_stream *s;
    int64_t version = 0;
    int rc = stream_of(r, m, &s, err);
    if (rc == 0 && !weir_json_i64(m->version, &version)) {
        rc = weir_fail(err, WEIR_EINVAL, "its `version` is no whole number");
    }
    if (rc == 0 && s) {
        s->active = s->activated && s->active > version ? s->active : version;
        s->activated = s->versioned = true;
    }
    return rc;
}

static int take_state(struct weir_singer_reader *r, struct weir_json root, struct weir_error *err)
{
    struct weir_json value = weir_json_get(root, "value");
    if (!weir_json_exists(value)) {
        return weir_fail(err, WEIR_EINVAL, "it has no `value`");
    }
    weir_buf_reset(&r->feed->new_state);
    weir_json_print(value, &r->feed->new_state);
    int rc = weir_buf_check(&r->feed->new_state, "the state of a tap", err);
    return rc ? rc : weir_singer_covers(r, value, err);
}

static int put_record(struct weir_singer_reader *r, struct weir_feed_stream *s,
                      struct weir_json record, struct weir_str line, unsigned depth,
                      struct weir_error *err)
{
    struct weir_json_repairs ignored;
    if (weir_json_type(record) != WEIR_JSON_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "its `record` is no object");
    }
    weir_feed_note_repairs(s, &r->repairs);
    if (!weir_feed_quote(s, line, depth, &r->exact)) {
        return weir_feed_record(s, record, err);
    }
    int rc = weir_json_parse_lenient(r->parser, weir_buf_str(&r->exact), &record, &ignored, err);
    if (rc == 0 && depth == RECORD_DEPTH) {
        record = weir_json_get(record, "record");
    }
    r->feed->numbers_are_texts = true;
    rc = rc ? rc : weir_feed_record(s, record, err);
    r->feed->numbers_are_texts = false;
    return rc;
}

static int take_record(struct weir_singer_reader *r, const struct message *m, struct weir_str line,
                       struct weir_error *err)
{
    struct weir_feed_stream *s;
    int64_t version;
    int rc = stream_of(r, m, &s, err);
    if (rc || !s) {
        r->feed->ignored += rc == 0;
        return rc;
    }
    if (weir_json_i64(m->version, &version)) {
        rc = weir_feed_version(s, version, err);
    }
    return rc ? rc : put_record(r, s, m->record, line, RECORD_DEPTH, err);
}

/* --- BATCH: records in files of the tap's ------------------------------------------------------
 */

static int batch_line(struct weir_singer_reader *r, struct weir_feed_stream *s,
                      struct weir_str line, struct weir_error *err)
{
    struct weir_json root;
    int rc = weir_json_parse_lenient(r->parser, line, &root, &r->repairs, err);
    return rc ? rc : put_record(r, s, root, line, 1, err);
}

/* All lines of a file; zlib reads those that are not compressed, too. */
static int batch_file(struct weir_singer_reader *r, struct weir_feed_stream *s, const char *path,
                      struct weir_error *err)
{
    struct weir_buf in;
    size_t taken = 0;
    int n = 0, rc = 0;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would be waited for */
    bool regular = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    gzFile file = regular ? gzdopen(fd, "rb") : NULL;
    if (!file) {
        rc = fd >= 0 && !regular
                 ? weir_fail(err, WEIR_EUNSUPPORTED, "%s, which a BATCH names, is no file", path)
                 : weir_fail_errno(err, errno, "cannot read the file %s of a BATCH", path);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    weir_buf_init(&in, MAX_EXACT);
    do {
        memmove(in.data ? in.data : (char *)&n, in.data ? in.data + taken : (char *)&n,
                in.len - taken);
        in.len -= taken;
        taken = 0;
        char *room = weir_buf_room(&in, CHUNK);
        n = room ? gzread(file, room, CHUNK) : -1;
        in.len += n > 0 ? (size_t)n : 0;
        for (const char *end; rc == 0 && in.len > taken;) {
            end = memchr(in.data + taken, '\n', in.len - taken);
            if (!end && n > 0) {
                break;
            }
            struct weir_str line = {in.data + taken,
                                    end ? (size_t)(end - in.data) - taken : in.len - taken};
            taken += line.len + (end != NULL);
            rc = weir_str_trim(line).len ? batch_line(r, s, line, err) : 0;
        }
    } while (rc == 0 && n > 0);
    if (rc == 0 && n < 0) {
        rc = weir_fail(err, WEIR_EIO, "the file %s of a BATCH cannot be read", path);
    }
    /* What ends in the middle is known at the end only. */
    if (gzclose(file) != Z_OK && rc == 0) {
        rc = weir_fail(err, WEIR_EIO, "the file %s of a BATCH is not whole", path);
    }
    weir_buf_free(&in);
    return rc;
}

static int take_batch(struct weir_singer_reader *r, const struct message *m, struct weir_json root,
                      struct weir_error *err)
{
    struct weir_feed_stream *s;
    struct weir_json encoding = weir_json_get(root, "encoding"), item;
    struct weir_str format = weir_json_get_str(encoding, "format"), name;
    struct weir_str compression = weir_json_get_str(encoding, "compression");
    struct weir_text_list files = {0};
    int rc = stream_of(r, m, &s, err);
    if (rc || !s) {
        return rc;
    }
    if (!weir_str_is(format, "jsonl") || !(weir_str_is(compression, "gzip") ||
                                           weir_str_is(compression, "none") || !compression.len)) {
        return weir_fail(err, WEIR_EUNSUPPORTED,
                         "a BATCH must be jsonl, with gzip or without; set `batch_config` so");
    }
    struct weir_json manifest = weir_json_get(root, "manifest");
    struct weir_json_iter it = weir_json_begin(manifest);
    files.items =
        weir_arena_calloc(&r->feed->arena, (weir_json_count(manifest) + 1) * sizeof *files.items);
    /* The lines are parsed by the same parser: the names are kept first. */
    while (rc == 0 && weir_json_next(&it, NULL, &item)) {
        if (!files.items || !weir_json_str(item, &name) ||
            !weir_str_starts(name, WEIR_STR("file:///"))) {
            rc = weir_fail(err, WEIR_EUNSUPPORTED, "a BATCH must name files of this machine");
        } else {
            name = (struct weir_str){name.ptr + 7, name.len - 7};
            files.items[files.count++] = weir_arena_dup(&r->feed->arena, name).ptr;
        }
    }
    for (size_t i = 0; rc == 0 && i < files.count; i++) {
        rc = files.items[i] ? batch_file(r, s, files.items[i], err)
                            : weir_fail(err, WEIR_ENOMEM, "no memory for a BATCH");
    }
    return rc;
}

/* --- lines --------------------------------------------------------------------------------------
 */

static bool type_is(struct weir_str type, const char *name)
{
    return weir_str_eq_nocase(type, weir_str_of(name));
}

int weir_singer_line(struct weir_singer_reader *r, struct weir_str line, struct weir_error *err)
{
    struct weir_json root;
    struct weir_error why;
    r->line++;
    r->feed->bytes += line.len + 1;
    if (weir_str_trim(line).len == 0) {
        return 0;
    }
    int rc = weir_json_parse_lenient(r->parser, line, &root, &r->repairs, &why);
    if (rc) {
        return rubbish(r, line, why.message, err);
    }
    const struct message m = read_message(root);
    struct weir_str type;
    if (!weir_json_str(m.type, &type)) {
        return rubbish(r, line, "it has no `type`", err);
    }
    if (type_is(type, "RECORD")) {
        rc = take_record(r, &m, line, &why);
    } else if (type_is(type, "SCHEMA")) {
        rc = take_schema(r, &m, root, &why);
    } else if (type_is(type, "STATE")) {
        rc = take_state(r, root, &why);
    } else if (type_is(type, "ACTIVATE_VERSION")) {
        rc = take_version(r, &m, &why);
    } else if (type_is(type, "BATCH")) {
        rc = take_batch(r, &m, root, &why);
    } /* others are permitted, and say nothing to us */
    if (rc == WEIR_EINVAL && !r->feed->load_failed) {
        return rubbish(r, line, why.message, err);
    }
    return rc ? weir_fail(err, rc, "%s", why.message) : 0;
}

void weir_singer_look(const struct weir_singer_reader *r, struct weir_feed_stream *s,
                      struct weir_json bookmarks)
{
    bool marked = weir_json_count(weir_json_get(bookmarks, weir_singer_id(r, s))) > 0;
    s->incremental = s->incremental || (marked && !s->whole);
}

int weir_singer_lines_failed(struct weir_singer_reader *r, int rc)
{
    struct weir_json root;
    struct weir_error ignored; /* the tap's own error is what counts */
    struct weir_buf *state = &r->feed->new_state;
    if (weir_feed_saves(r->feed, rc) && state->len &&
        weir_json_parse(r->parser, weir_buf_str(state), &root, &ignored) == 0 &&
        weir_feed_cut(r->feed, &ignored) == 0) {
        (void)!weir_singer_load_covered(r, root, &ignored);
    }
    return rc;
}

int weir_singer_lines_end(struct weir_singer_reader *r, struct weir_error *err)
{
    struct weir_json root, bookmarks;
    int rc = 0;
    if (r->feed->new_state.len) {
        rc = weir_json_parse(r->parser, weir_buf_str(&r->feed->new_state), &root, err);
    }
    bookmarks =
        rc || !r->feed->new_state.len ? (struct weir_json){0} : weir_json_get(root, "bookmarks");
    for (size_t i = 0; rc == 0 && i < r->feed->stream_count; i++) {
        struct weir_feed_stream *s = r->feed->streams[i];
        weir_singer_look(r, s, bookmarks);
    }
    return rc ? rc : weir_feed_end(r->feed, err);
}
