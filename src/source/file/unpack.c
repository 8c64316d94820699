/* A file that is packed becomes one that is not, in the scratch folder: types are found over all of
 * a file, and a torn one is known before a row of it is loaded. */
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <unistd.h>

#include "io/file.h"
#include "io/packed.h"
#include "source/file/file.h"

#define MARK "\xEF\xBB\xBF" /* of UTF-8; the engine takes a list behind it for one value */

static const char *const ends[] = {".gz", ".gzip", ".zst", ".zstd"};

struct weir_str weir_file_unpacked_name(struct weir_str name)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct weir_str end = weir_str_of(ends[i]);
        if (name.len > end.len && weir_str_ends_nocase(name, end)) {
            return (struct weir_str){name.ptr, name.len - end.len};
        }
    }
    return name;
}

struct plain {
    struct weir_file_connection *c;
    struct weir_file *file;
    int fd;
    bool begun;
    /* where it has an encoding that somebody said */
    bool decodes;
    iconv_t decoder;
    char rest[32]; /* a character that is not there to its end yet */
    size_t rest_len;
    uint64_t decoded; /* bytes */
};

static int put_plain(struct plain *p, struct weir_str bytes, struct weir_error *err)
{
    struct weir_str mark = WEIR_STR(MARK);
    if (p->file->plain_size == 0 && p->file->format == WEIR_FILE_JSON &&
        weir_str_starts(bytes, mark)) {
        bytes = (struct weir_str){bytes.ptr + mark.len, bytes.len - mark.len};
    }
    p->file->plain_size += bytes.len;
    int rc = weir_web_room(p->c, p->file->plain_size, err);
    return rc ? rc : weir_write_all(p->fd, bytes.ptr, bytes.len, "what was unpacked", err);
}

static int no_text(const struct plain *p, uint64_t at, struct weir_error *err)
{
    return weir_fail(
        err, WEIR_EINVAL,
        "byte %llu is no text in %s; `encoding:` of the connection says that it is such",
        (unsigned long long)at, p->c->settings->encoding);
}

/* What is left is the beginning of a character. */
static int decode(struct plain *p, char *in, size_t len, size_t *left, struct weir_error *err)
{
    char room[65536];
    int rc = 0;
    *left = len;
    while (rc == 0 && *left) {
        char *out = room;
        size_t space = sizeof room, before = *left;
        bool failed = iconv(p->decoder, &in, left, &out, &space) == (size_t)-1;
        int why = failed ? errno : 0;
        p->decoded += before - *left;
        rc = put_plain(p, (struct weir_str){room, sizeof room - space}, err);
        if (why == EINVAL) {
            break;
        }
        rc = rc || !failed || why == E2BIG ? rc : no_text(p, p->decoded, err);
    }
    return rc;
}

static int write_plain(void *arg, struct weir_str bytes, struct weir_error *err)
{
    struct plain *p = arg;
    char piece[32768];
    int rc = 0;
    if (!p->begun && weir_packed_name(bytes)) {
        return weir_fail(err, WEIR_EINVAL, "what it holds is packed once more");
    }
    p->begun = true;
    if (!p->decodes) {
        return put_plain(p, bytes, err);
    }
    while (rc == 0 && bytes.len) {
        size_t n = sizeof piece - p->rest_len, left;
        n = bytes.len < n ? bytes.len : n;
        memcpy(piece, p->rest, p->rest_len);
        memcpy(piece + p->rest_len, bytes.ptr, n);
        size_t all = p->rest_len + n;
        bytes = (struct weir_str){bytes.ptr + n, bytes.len - n};
        rc = decode(p, piece, all, &left, err);
        if (rc == 0 && left > sizeof p->rest) {
            rc = no_text(p, p->decoded, err);
        } else if (rc == 0) {
            memcpy(p->rest, piece + all - left, left);
            p->rest_len = left;
        }
    }
    return rc;
}

/* What files are in that are said to be in these, as browsers have it: Windows has written more
 * characters into them, and by the letter of shift_jis a backslash is a sign of the yen. */
static const char *real_name(const char *name)
{
    static const char *const names[][2] = {
        {"shift_jis", "CP932"}, {"shift-jis", "CP932"}, {"sjis", "CP932"}, {"euc-kr", "CP949"},
        {"euckr", "CP949"},     {"gb2312", "GB18030"},  {"gbk", "GB18030"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_str_eq_nocase(weir_str_of(name), weir_str_of(names[i][0]))) {
            return names[i][1];
        }
    }
    return name;
}

/* A name alone: what iconv takes behind it would drop what it cannot read. */
static int open_decoder(struct plain *p, struct weir_error *err)
{
    const char *name = p->c->settings->encoding;
    p->decodes = strcmp(name, "auto") != 0;
    p->decoder = (iconv_t)-1;
    if (p->decodes && *name && !strchr(name, '/')) {
        p->decoder = iconv_open("UTF-8", real_name(name));
    }
    return !p->decodes || p->decoder != (iconv_t)-1
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "`encoding`: \"%s\" is none that this machine knows (`iconv --list` "
                           "shows them)",
                           name);
}

static int close_decoder(struct plain *p, int rc, struct weir_error *err)
{
    if (p->decoder != (iconv_t)-1) {
        iconv_close(p->decoder);
    }
    return rc || !p->rest_len ? rc : no_text(p, p->decoded, err);
}

static int copy(const char *path, const atomic_bool *stop, struct plain *p, struct weir_error *err)
{
    char room[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && rc == 0 && (n = read(fd, room, sizeof room)) > 0) {
        rc = stop && atomic_load(stop) ? weir_fail(err, WEIR_ECANCELED, "the run was stopped")
                                       : write_plain(p, (struct weir_str){room, (size_t)n}, err);
    }
    rc = rc || n >= 0 ? rc : weir_fail_errno(err, errno, "it cannot be read");
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* `packed` false: it is as it is, but without its mark, and in UTF-8. */
static int unpack(struct weir_file_connection *c, struct weir_file *file, bool packed,
                  const atomic_bool *stop, struct weir_arena *arena, struct weir_error *err)
{
    const char *path;
    int rc = weir_web_scratch(c, arena, &path, err);
    if (rc) {
        return rc;
    }
    struct plain p = {.c = c, .file = file};
    rc = open_decoder(&p, err);
    if (rc) {
        return rc;
    }
    p.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (p.fd < 0) {
        rc = weir_fail_errno(err, errno, "cannot make %s", path);
        return close_decoder(&p, rc, err);
    }
    file->plain_size = 0;
    rc = packed ? weir_packed_read(weir_file_path(file), c->settings->max_size, stop, write_plain,
                                   &p, err)
                : copy(weir_file_path(file), stop, &p, err);
    rc = close_decoder(&p, rc, err);
    close(p.fd);
    file->plain = path;
    c->fetched += file->plain_size;
    return rc;
}

/* Its first bytes say it; its name may promise it. */
int weir_file_unpack(struct weir_file_connection *c, struct weir_file *file,
                     const atomic_bool *stop, struct weir_arena *arena, struct weir_error *err)
{
    char head[8];
    size_t len = 0;
    struct weir_str name = file->url ? weir_web_stem(file) : file->name;
    bool promised = weir_file_unpacked_name(name).len < name.len;
    int fd = open(weir_file_path(file), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && len < sizeof head && (n = read(fd, head + len, sizeof head - len)) > 0) {
        len += (size_t)n;
    }
    int rc = n < 0 ? weir_fail_errno(err, errno, "it cannot be read") : 0;
    if (fd >= 0) {
        close(fd);
    }
    struct weir_str first = {head, len};
    if (rc == 0 && weir_packed_name(first)) {
        rc = unpack(c, file, true, stop, arena, err);
    } else if (rc == 0 && promised) {
        rc = weir_fail(err, WEIR_ECORRUPT,
                       "its name says that it is packed, and its first bytes are not those of gzip "
                       "or zstd");
    }
    bool marked = file->format == WEIR_FILE_JSON && weir_str_starts(first, WEIR_STR(MARK));
    if (rc == 0 && !file->plain && (marked || strcmp(c->settings->encoding, "auto") != 0)) {
        rc = unpack(c, file, false, stop, arena, err);
    }
    int code = rc == WEIR_ECORRUPT ? WEIR_EINVAL : rc; /* it is the file that is damaged */
    return rc ? weir_error_prefix(err, code, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
}
