/* NDJSON of which some lines are no JSON: the others become a file of their own in the scratch
 * folder, which the engine reads; those are set aside, as lines of CSV are. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "io/file.h"
#include "source/file/file.h"

#define MAX_DEPTH 1000
#define MOST_MORE 100000         /* bad lines than good ones: then it is something else */
#define MAX_TEXT  (1u << 20)     /* of a line that is set aside */
#define MARK      "\xEF\xBB\xBF" /* of UTF-8 */

struct weir_file_bad_line {
    uint64_t line, at, len;
    const char *reason;
};

struct sift {
    struct weir_file_rows rows;
    struct weir_file *file;
    struct weir_arena *arena;
    const atomic_bool *stop;
    struct weir_json_parser *parser;
    uint64_t line, good;
    size_t room; /* of the bad ones */
};

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for the lines of a file");
}

static int check_stop(const atomic_bool *stop, struct weir_error *err)
{
    return stop && atomic_load(stop) ? weir_fail(err, WEIR_ECANCELED, "the run was stopped") : 0;
}

bool weir_file_is_marked(struct weir_str line)
{
    return weir_str_starts(line, WEIR_STR(MARK));
}

/* The engine takes numbers of any size, and such as NaN, too; but not where they are all of a line.
 */
static bool is_json(struct sift *s, struct weir_str line, struct weir_error *why)
{
    struct weir_json root;
    struct weir_json_repairs had;
    struct weir_error ignored;
    return weir_json_parse(s->parser, line, &root, why) == 0 ||
           (weir_json_parse_lenient(s->parser, line, &root, &had, &ignored) == 0 && !had.bad_utf8 &&
            !had.surrogates && !had.control && weir_json_type(root) >= WEIR_JSON_ARRAY);
}

static int see_line(void *arg, struct weir_str line, uint64_t at, struct weir_error *err)
{
    struct sift *s = arg;
    struct weir_file *file = s->file;
    struct weir_error why;
    void *bad = file->bad;
    s->line++;
    if (at == 0 && weir_file_is_marked(line)) { /* it stays */
        at = strlen(MARK);
        line = (struct weir_str){line.ptr + at, line.len - at};
    }
    if (weir_str_trim(line).len == 0) {
        return 0;
    }
    if (weir_file_is_marked(line)) {
        weir_fail(&why, WEIR_EINVAL, "a byte order mark is in front of it");
    } else if (is_json(s, line, &why)) {
        s->good++;
        return 0;
    }
    if (!weir_arena_grow(s->arena, &bad, file->bad_count, 1, &s->room, sizeof *file->bad)) {
        return no_memory(err);
    }
    struct weir_str reason = weir_str_of(why.message);
    reason.len -= reason.len && reason.ptr[reason.len - 1] == '.';
    file->bad = bad;
    struct weir_file_bad_line *last = file->bad_count ? &file->bad[file->bad_count - 1] : NULL;
    bool same = last && weir_str_is(reason, last->reason);
    file->bad[file->bad_count++] = (struct weir_file_bad_line){
        s->line, at, line.len, same ? last->reason : weir_arena_dup(s->arena, reason).ptr};
    s->rows.enough = file->bad_count >= s->good + MOST_MORE;
    return file->bad[file->bad_count - 1].reason ? 0 : no_memory(err);
}

static int copy(int from, int to, uint64_t at, uint64_t end, const atomic_bool *stop,
                struct weir_error *err)
{
    char room[65536];
    int rc = 0;
    while (rc == 0 && at < end) {
        size_t n = end - at < sizeof room ? (size_t)(end - at) : sizeof room;
        rc = check_stop(stop, err);
        rc = rc ? rc : weir_pread_all(from, room, n, at, "lines of a file", err);
        rc = rc ? rc : weir_write_all(to, room, n, "lines of a file", err);
        at += n;
    }
    return rc;
}

/* Ends of lines stay, so that lines keep their numbers. */
static int write_good(struct weir_file_connection *c, struct sift *s, int fd,
                      struct weir_error *err)
{
    struct weir_file *file = s->file;
    struct stat st;
    const char *path;
    int rc = fstat(fd, &st) ? weir_fail_errno(err, errno, "it cannot be read") : 0;
    uint64_t size = rc ? 0 : (uint64_t)st.st_size, at = 0;
    rc = rc ? rc : weir_web_room(c, size, err);
    rc = rc ? rc : weir_web_scratch(c, s->arena, &path, err);
    int to = rc ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    rc = rc || to >= 0 ? rc : weir_fail_errno(err, errno, "cannot make %s", path);
    for (size_t i = 0; rc == 0 && i < file->bad_count; i++) {
        rc = copy(fd, to, at, file->bad[i].at, s->stop, err);
        at = file->bad[i].at + file->bad[i].len;
    }
    rc = rc ? rc : copy(fd, to, at, size, s->stop, err);
    if (to >= 0) {
        close(to);
    }
    if (rc == 0) {
        c->fetched += size;
        file->bad_of = file->plain;
        file->plain = path;
        file->plain_size = size;
    }
    return rc;
}

int weir_file_lines_sift(struct weir_file_connection *c, struct weir_file *file,
                         const atomic_bool *stop, struct weir_arena *arena, struct weir_error *err)
{
    struct sift s = {.rows = {.row = see_line, .arg = &s},
                     .file = file,
                     .arena = arena,
                     .stop = stop,
                     .parser = weir_json_parser_new(MAX_DEPTH)};
    const char *path = file->plain ? file->plain : weir_file_path(file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = !s.parser ? no_memory(err)
             : fd < 0  ? weir_fail_errno(err, errno, "it cannot be read")
                       : weir_file_rows_lines(&s.rows, fd, stop, err);
    if (rc || s.good < file->bad_count) {
        file->bad_count = 0; /* it is something else */
    }
    rc = rc || !file->bad_count ? rc : write_good(c, &s, fd, err);
    if (fd >= 0) {
        close(fd);
    }
    weir_json_parser_free(s.parser);
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
}

int weir_file_lines_reject(const struct weir_file *file, struct weir_source_sink *sink,
                           struct weir_error *err)
{
    struct weir_buf text;
    int fd = file->bad_count
                 ? open(file->bad_of ? file->bad_of : weir_file_path(file), O_RDONLY | O_CLOEXEC)
                 : -1;
    int rc = file->bad_count && fd < 0 ? weir_fail_errno(err, errno, "it cannot be read") : 0;
    weir_buf_init(&text, 2 * MAX_TEXT);
    for (size_t i = 0; rc == 0 && i < file->bad_count; i++) {
        const struct weir_file_bad_line *bad = &file->bad[i];
        size_t len = bad->len < MAX_TEXT ? (size_t)bad->len : MAX_TEXT;
        weir_buf_reset(&text);
        char *room = weir_buf_room(&text, len);
        rc = room ? weir_pread_all(fd, room, len, bad->at, "lines of a file", err) : no_memory(err);
        const struct weir_source_reject what = {
            .part = file->name, .line = bad->line, .text = {room, len}, .reason = bad->reason};
        rc = rc ? rc : sink->reject(sink, &what, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    weir_buf_free(&text);
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
}
