/* Which files there are, and which of them may be read. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "source/file/file.h"

#define MAX_FILES 100000

static const struct {
    const char *end;
    enum weir_file_format format;
} ends[] = {
    {".csv", WEIR_FILE_CSV},         {".tsv", WEIR_FILE_CSV},      {".txt", WEIR_FILE_CSV},
    {".ndjson", WEIR_FILE_NDJSON},   {".jsonl", WEIR_FILE_NDJSON}, {".json", WEIR_FILE_JSON},
    {".parquet", WEIR_FILE_PARQUET}, {".xlsx", WEIR_FILE_XLSX},    {".xlsm", WEIR_FILE_XLSX}};

/* Others are packed already. */
static bool is_text(enum weir_file_format format)
{
    return format == WEIR_FILE_CSV || format == WEIR_FILE_NDJSON || format == WEIR_FILE_JSON;
}

enum weir_file_format weir_file_format_of(const struct weir_file_connection *c,
                                          struct weir_str name)
{
    if (c->settings->format != WEIR_FILE_AUTO) {
        return (enum weir_file_format)c->settings->format;
    }
    struct weir_str plain = weir_file_unpacked_name(name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct weir_str end = weir_str_of(ends[i].end);
        if (plain.len > end.len && weir_str_ends_nocase(plain, end)) {
            return plain.len == name.len || is_text(ends[i].format) ? ends[i].format
                                                                    : WEIR_FILE_AUTO;
        }
    }
    return WEIR_FILE_AUTO;
}

/* --- where files may be -------------------------------------------------------------------------
 */

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0 || n == 1);
}

/* `name` in the workspace, or absolute; false when it is too long. */
static bool full_path(const struct weir_source_site *site, const char *name, char out[PATH_MAX])
{
    int n = name[0] == '/' ? snprintf(out, PATH_MAX, "%s", name)
                           : snprintf(out, PATH_MAX, "%s/%s", site->dir, name);
    return n > 0 && n < PATH_MAX;
}

/* Links are followed first, so none leads out of what is open. weir's own data and the repository
 * are closed, whatever the setting says: keys lie there. */
static int may_read(const struct weir_source_site *site, const char *real, struct weir_error *err)
{
    char folder[PATH_MAX], resolved[PATH_MAX], git[PATH_MAX];
    bool open = false;
    for (size_t i = 0; !open && i < site->folders.count; i++) {
        open = full_path(site, site->folders.items[i], folder) && realpath(folder, resolved) &&
               is_below(real, resolved);
    }
    if (open && realpath(site->data, resolved)) {
        open = !is_below(real, resolved);
    }
    if (open && full_path(site, ".git", git) && realpath(git, resolved)) {
        open = !is_below(real, resolved);
    }
    return open ? 0
                : weir_fail(err, WEIR_EPERM,
                            "%s may not be read: its folder is none of source.folders in weir.yml; "
                            "add it there",
                            real);
}

/* --- what there is ------------------------------------------------------------------------------
 */

/* Where it is and what it is, of one and the same file: a link that is put in its place meanwhile
 * is looked at as one. */
static int look(const char *path, char real[PATH_MAX], struct stat *st, struct weir_error *err)
{
    char name[PATH_MAX], through[64];
    ssize_t n = -1;
    int fd = realpath(path, name) ? open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0) {
        snprintf(through, sizeof through, "/proc/self/fd/%d", fd);
        n = fstat(fd, st) ? -1 : readlink(through, real, PATH_MAX - 1);
    }
    int rc = n < 0 ? weir_fail_errno(err, errno, "%s cannot be read", path) : 0;
    if (fd >= 0) {
        close(fd);
    }
    real[n < 0 ? 0 : n] = 0;
    return rc;
}

static struct weir_str shown(const struct weir_file_connection *c, const char *path,
                             struct weir_arena *arena)
{
    char dir[PATH_MAX];
    struct weir_str name = weir_file_known_as(weir_str_of(path), arena);
    if (name.ptr && realpath(c->site->dir, dir) && is_below(name.ptr, c->site->dir)) {
        const char *rest = name.ptr + strlen(c->site->dir);
        name = weir_str_of(rest + (*rest == '/'));
    }
    return name;
}

static int add_file(const struct weir_file_connection *c, const char *path,
                    struct weir_arena *arena, struct weir_file *out, bool *added,
                    struct weir_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    *added = false;
    int rc = look(path, real, &st, err);
    rc = rc ? rc : may_read(c->site, real, err);
    if (rc) {
        return rc;
    }
    if (!S_ISREG(st.st_mode)) {
        return 0;
    }
    *out =
        (struct weir_file){.name = shown(c, path, arena),
                           .path = weir_arena_strdup(arena, real),
                           .device = (int64_t)st.st_dev,
                           .format = weir_file_format_of(c, weir_str_of(path)),
                           .mark = {.size = st.st_size,
                                    .mtime = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                                    .inode = (int64_t)st.st_ino,
                                    .ctime = st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec}};
    if (!out->name.ptr || !out->path) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    if (!weir_utf8_valid(out->name)) {
        return weir_fail(err, WEIR_EINVAL, "%s: the file's name is no valid UTF-8; rename it",
                         path);
    }
    *added = true;
    return 0;
}

/* In a folder each file is a stream of its own: what is wrong with one is for that stream to say.
 */
static int add_wrong(struct weir_file_connection *c, const char *path, struct weir_arena *arena,
                     const struct weir_error *why, struct weir_file *out, struct weir_error *err)
{
    *out = (struct weir_file){.name = weir_csv_readable(arena, shown(c, path, arena)),
                              .wrong = weir_arena_strdup(arena, why->message),
                              .wrong_code = why->code,
                              .format = weir_file_format_of(c, weir_str_of(path))};
    return out->name.ptr && out->wrong
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
}

static int add_all(struct weir_file_connection *c, const glob_t *found, struct weir_str pattern,
                   bool folder, struct weir_arena *arena, struct weir_file_stream *out,
                   struct weir_error *err)
{
    out->files = weir_arena_calloc(arena, (found->gl_pathc + 1) * sizeof *out->files);
    if (!out->files || found->gl_pathc > MAX_FILES) {
        return weir_fail(err, WEIR_ETOOBIG, "a stream may have %d files", MAX_FILES);
    }
    for (size_t i = 0; i < found->gl_pathc; i++) {
        const char *path = found->gl_pathv[i];
        struct weir_file *file = &out->files[out->count];
        struct weir_error why;
        bool added;
        if (weir_file_is_litter(weir_file_last_part(pattern),
                                weir_file_last_part(weir_str_of(path)))) {
            continue;
        }
        int rc = add_file(c, path, arena, file, &added, &why);
        if (rc && rc != WEIR_ENOMEM && folder) {
            rc = add_wrong(c, path, arena, &why, file, err);
            added = true;
        } else if (rc) {
            weir_fail(err, rc, "%s", why.message);
        }
        if (rc) {
            return rc;
        }
        out->count += added;
    }
    return 0;
}

static int match(struct weir_file_connection *c, const char *pattern, bool folder,
                 struct weir_arena *arena, struct weir_file_stream *out, struct weir_error *err)
{
    glob_t found = {0};
    out->count = 0;
    int failed = glob(pattern, GLOB_ERR, NULL, &found);
    int rc = 0;
    if (failed == GLOB_NOMATCH) {
        rc = weir_fail(err, WEIR_ENOENT, "no file is there that %s names", pattern);
    } else if (failed) {
        rc = weir_fail(err, WEIR_EIO, "%s cannot be looked into%s", pattern,
                       failed == GLOB_NOSPACE ? ": out of memory" : ": may weir read the folder?");
    }
    rc = rc ? rc : add_all(c, &found, weir_str_of(pattern), folder, arena, out, err);
    globfree(&found);
    if (rc == 0 && out->count == 0) {
        rc = weir_fail(err, WEIR_ENOENT, "no file is there that %s names", pattern);
    }
    return rc;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_pattern(const char *path)
{
    return strpbrk(path, "*?[") != NULL;
}

/* Files of one name, in several folders, are one stream; of orders.csv and orders.csv.gz nobody
 * knows which is meant. */
static bool is_mixed(const struct weir_file *a, const struct weir_file *b)
{
    return !weir_str_eq(weir_file_last_part(a->url ? weir_web_stem(a) : a->name),
                        weir_file_last_part(b->url ? weir_web_stem(b) : b->name));
}

/* What else lies in the folder. */
static void pass_over(struct weir_file_connection *c, const struct weir_file *file)
{
    if (c->passed_count++ < WEIR_FILE_PASSED) {
        weir_buf_addz(&c->passed, c->passed.len ? ", " : "");
        weir_buf_adds(&c->passed, weir_utf8_cut(weir_file_last_part(file->name), 100));
    }
}

/* To each stream those that are `of` it, as many as it counts. */
static bool share_files(const struct weir_file_stream *all, struct weir_file_stream *const *of,
                        struct weir_arena *arena)
{
    for (size_t i = 0; i < all->count; i++) {
        struct weir_file_stream *s = of[i];
        if (s && !s->files) {
            s->files = weir_arena_calloc(arena, s->count * sizeof *s->files);
            s->count = 0;
        }
        if (s && !s->files) {
            return false;
        }
        if (s) {
            s->files[s->count++] = all->files[i];
            s->mixed = s->mixed || is_mixed(s->files, &all->files[i]);
        }
    }
    return true;
}

/* Files whose names differ in their ends only are found as one stream, which is refused. */
static int group(struct weir_file_connection *c, struct weir_file_stream *all,
                 struct weir_arena *arena, struct weir_file_stream **out, size_t *count,
                 struct weir_error *err)
{
    struct weir_file_stream *streams = weir_arena_calloc(arena, (all->count + 1) * sizeof *streams);
    struct weir_file_stream **of = weir_arena_calloc(arena, (all->count + 1) * sizeof *of);
    struct weir_map by_stem;
    bool room = streams && of;
    weir_buf_reset(&c->passed);
    c->passed_count = 0;
    *count = 0;
    weir_map_init(&by_stem);
    for (size_t i = 0; room && i < all->count; i++) {
        struct weir_file *file = &all->files[i];
        struct weir_str stem = weir_file_stem(file, arena);
        if (file->format == WEIR_FILE_AUTO && (!file->url || file->listed)) {
            pass_over(c, file);
            continue;
        }
        of[i] = stem.ptr ? weir_map_get(&by_stem, stem) : NULL;
        if (!of[i]) {
            of[i] = &streams[(*count)++];
            of[i]->name = stem;
            room = stem.ptr && weir_map_put(&by_stem, stem, of[i]) == 0;
        }
        of[i]->count++;
    }
    weir_map_free(&by_stem);
    room = room && share_files(all, of, arena);
    *out = streams;
    return !room    ? weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", all->count)
           : *count ? 0
                    : weir_fail(err, WEIR_ENOENT,
                                "the folder holds no file whose name ends in .csv, .tsv, .txt, "
                                ".ndjson, .jsonl, .json (each also with .gz or .zst), .parquet or "
                                ".xlsx");
}

/* One address is one stream, called as its file if that has a name that says what it is, else as
 * the source. */
static int remote_streams(struct weir_file_connection *c, struct weir_arena *arena,
                          struct weir_file_stream **out, size_t *count, struct weir_error *err)
{
    struct weir_file_stream all = {0};
    int rc = weir_web_list(c, "", c->settings->path, arena, &all, err);
    if (rc || all.count != 1) {
        return rc ? rc : group(c, &all, arena, out, count, err);
    }
    struct weir_str stem = weir_web_stem(&all.files[0]);
    const char *path = c->settings->path;
    if (path[strlen(path) - 1] == '/') {
        return weir_fail(err, WEIR_EINVAL,
                         "%s: what lies in a folder of a web server cannot be listed; give the "
                         "address of each file, with blanks between them, or name them in "
                         "`streams:`",
                         path);
    }
    *out = weir_arena_calloc(arena, sizeof **out);
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    **out = all;
    (*out)->name = memchr(stem.ptr, '.', stem.len) ? weir_file_stem(&all.files[0], arena)
                                                   : weir_str_of(c->config->name);
    *count = 1;
    return 0;
}

/* Each of its streams asks what lies in the folder: it is looked into once. `base` NULL: of S3. */
static int folder_streams(struct weir_file_connection *c, const char *base,
                          struct weir_arena *arena, struct weir_file_stream **out, size_t *count,
                          struct weir_error *err)
{
    char pattern[PATH_MAX];
    struct weir_file_stream all = {0}, *found = NULL;
    int rc = 0;
    if (!c->folder) {
        rc = !base ? weir_s3_list(c, c->settings->path, &c->arena, &all, err)
             : snprintf(pattern, sizeof pattern, "%s/*", base) < PATH_MAX
                 ? match(c, pattern, true, &c->arena, &all, err)
                 : weir_fail(err, WEIR_EINVAL, "`path` is too long");
        rc = rc ? rc : group(c, &all, &c->arena, &found, &c->folder_count, err);
        c->folder = rc ? NULL : found;
    }
    *count = c->folder_count;
    *out = rc ? NULL : weir_arena_calloc(arena, (*count + 1) * sizeof **out);
    if (*out) {
        memcpy(*out, c->folder, *count * sizeof **out);
    }
    return rc || *out ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", *count);
}

static int s3_streams(struct weir_file_connection *c, struct weir_arena *arena,
                      struct weir_file_stream **out, size_t *count, struct weir_error *err)
{
    struct weir_file_stream all = {0};
    const char *path = c->settings->path;
    if (path[strlen(path) - 1] == '/') {
        return folder_streams(c, NULL, arena, out, count, err);
    }
    int rc = weir_s3_list(c, path, arena, &all, err);
    *out = rc ? NULL : weir_arena_calloc(arena, sizeof **out);
    if (rc) {
        return rc;
    }
    if (!*out) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    **out = all;
    (*out)->name =
        is_pattern(path) ? weir_str_of(c->config->name) : weir_file_stem(&all.files[0], arena);
    *count = 1;
    return 0;
}

/* The files of a stream of it, as they are by now. */
static int look_again(const struct weir_file_connection *c, struct weir_file_stream *s,
                      struct weir_arena *arena, struct weir_error *err)
{
    char base[PATH_MAX], path[PATH_MAX];
    struct weir_file *files = weir_arena_calloc(arena, s->count * sizeof *files);
    int rc = files ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        struct weir_file now, *file = &files[i];
        bool there;
        *file = s->files[i];
        if (file->wrong || file->url) {
            continue;
        }
        rc = full_path(c->site, c->settings->path, base) &&
                     snprintf(path, sizeof path, "%s/" WEIR_STR_FMT, base,
                              WEIR_STR_ARG(weir_file_last_part(file->name))) < PATH_MAX
                 ? add_file(c, path, arena, &now, &there, err)
                 : weir_fail(err, WEIR_EINVAL, "`path` is too long");
        rc = rc || there ? rc : weir_fail(err, WEIR_EAGAIN, "%s is no file any more", path);
        if (rc == 0) {
            file->path = now.path;
            file->device = now.device;
            file->mark = now.mark;
        }
    }
    s->files = files;
    return rc;
}

static int all_streams(struct weir_file_connection *c, struct weir_arena *arena,
                       struct weir_file_stream **out, size_t *count, struct weir_error *err)
{
    char base[PATH_MAX], real[PATH_MAX];
    *count = 0;
    if (weir_file_is_s3(c->settings->path)) {
        return s3_streams(c, arena, out, count, err);
    }
    if (weir_file_is_url(c->settings->path)) {
        return remote_streams(c, arena, out, count, err);
    }
    if (!*c->settings->path) {
        return weir_fail(err, WEIR_EINVAL, "`path` is empty; it says where the files are");
    }
    if (!full_path(c->site, c->settings->path, base)) {
        return weir_fail(err, WEIR_EINVAL, "`path` is too long");
    }
    if (is_folder(base)) {
        int rc = realpath(base, real)
                     ? may_read(c->site, real, err) /* elsewhere nobody is told what it holds */
                     : weir_fail(err, WEIR_EINVAL, "`path` is too long");
        return rc ? rc : folder_streams(c, base, arena, out, count, err);
    }
    *out = weir_arena_calloc(arena, sizeof **out);
    int rc = *out ? match(c, base, false, arena, *out, err)
                  : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    if (rc == 0) {
        (*out)->name = is_pattern(base) ? weir_str_of(c->config->name)
                                        : weir_file_stem(&(*out)->files[0], arena);
        *count = 1;
    }
    return rc;
}

int weir_files_sheets(struct weir_file_connection *c, struct weir_arena *arena,
                      struct weir_file_stream **out, size_t *count, struct weir_error *err)
{
    char base[PATH_MAX];
    const char *path = c->settings->path;
    size_t len = strlen(path);
    bool here = !weir_file_is_s3(path) && !weir_file_is_url(path);
    int rc = all_streams(c, arena, out, count, err);
    bool folder = (len && path[len - 1] == '/') ||
                  (here && full_path(c->site, path, base) && is_folder(base));
    bool pattern = is_pattern(path) && !folder;
    return rc || pattern ? rc : weir_file_sheets(c, !folder && *count == 1, arena, out, count, err);
}

static const struct weir_file_stream *find_stream(const struct weir_file_stream *streams,
                                                  size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (weir_str_is(streams[i].name, name)) {
            return &streams[i];
        }
    }
    return NULL;
}

static int refuse_mixed(const struct weir_file_stream *s, struct weir_error *err)
{
    size_t other = 1;
    while (other + 1 < s->count && !is_mixed(&s->files[0], &s->files[other])) {
        other++;
    }
    return weir_fail(err, WEIR_EINVAL,
                     "the files \"" WEIR_STR_FMT "\" and \"" WEIR_STR_FMT
                     "\" would be one table; name the one that you want in `streams:` by its "
                     "`path:` (`" WEIR_STR_FMT ": {path: " WEIR_STR_FMT
                     "}`), both under names of their own, or move one",
                     WEIR_STR_ARG(s->files[0].name), WEIR_STR_ARG(s->files[other].name),
                     WEIR_STR_ARG(s->name), WEIR_STR_ARG(weir_file_last_part(s->files[0].name)));
}

static int by_name(struct weir_file_connection *c, const char *name, struct weir_arena *arena,
                   struct weir_file_stream *out, struct weir_error *err)
{
    struct weir_file_stream *streams = NULL;
    size_t count = 0;
    int rc = all_streams(c, arena, &streams, &count, err);
    const struct weir_file_stream *found = rc ? NULL : find_stream(streams, count, name);
    if (rc == 0 && (!found || c->books)) { /* which sheet is meant is known when all were seen */
        rc = weir_files_sheets(c, arena, &streams, &count, err);
        found = rc ? NULL : find_stream(streams, count, name);
    }
    if (found && found->mixed) {
        return refuse_mixed(found, err);
    }
    if (found) {
        *out = *found;
        rc = c->folder ? look_again(c, out, arena, err) : rc;
    }
    return rc || found ? rc
                       : weir_fail(err, WEIR_ENOENT,
                                   "%s has no stream \"%s\"; `weir source discover %s` shows what "
                                   "it has",
                                   c->settings->path, name, c->config->name);
}

static int by_path(struct weir_file_connection *c, const char *path, struct weir_arena *arena,
                   struct weir_file_stream *out, struct weir_error *err)
{
    char base[PATH_MAX], pattern[PATH_MAX];
    const char *home = c->settings->path;
    if (weir_file_is_s3(path) || weir_file_is_s3(home)) {
        const char *slash = *home && home[strlen(home) - 1] == '/' ? "" : "/";
        const char *whole =
            weir_file_is_s3(path) ? path : weir_arena_printf(arena, "%s%s%s", home, slash, path);
        return whole ? weir_s3_list(c, whole, arena, out, err)
                     : weir_fail(err, WEIR_ENOMEM, "no memory for the list of files");
    }
    if (weir_file_is_url(path) || weir_file_is_url(c->settings->path)) {
        return weir_web_list(c, weir_file_is_url(path) ? "" : c->settings->path, path, arena, out,
                             err);
    }
    bool fits = full_path(c->site, c->settings->path, base);
    int n = fits && path[0] != '/' && is_folder(base)
                ? snprintf(pattern, sizeof pattern, "%s/%s", base, path)
                : (int)full_path(c->site, path, pattern);
    return fits && n > 0 && n < PATH_MAX ? match(c, pattern, false, arena, out, err)
                                         : weir_fail(err, WEIR_EINVAL, "`path` is too long");
}

int weir_file_unknown(const struct weir_file *file, const char *what, struct weir_error *err)
{
    struct weir_str name = file->name;
    return weir_str_ends_nocase(name, WEIR_STR(".xls"))
               ? weir_fail(err, WEIR_EINVAL,
                           WEIR_STR_FMT
                           ": workbooks of the old kind (.xls) cannot be read; save it "
                           "as .xlsx or CSV",
                           WEIR_STR_ARG(name))
               : weir_fail(err, WEIR_EINVAL,
                           WEIR_STR_FMT ": %s what it holds; set `format:` in the connection",
                           WEIR_STR_ARG(name), what);
}

int weir_files_of(struct weir_file_connection *c, const struct weir_source_stream *stream,
                  struct weir_arena *arena, struct weir_file_stream *out, struct weir_error *err)
{
    *out = (struct weir_file_stream){.name = weir_str_of(stream->name)};
    int rc = *stream->path ? by_path(c, stream->path, arena, out, err)
                           : by_name(c, stream->name, arena, out, err);
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        if (out->files[i].wrong) {
            rc = weir_fail(err, out->files[i].wrong_code, "%s", out->files[i].wrong);
        } else if (out->files[i].format == WEIR_FILE_AUTO && !out->files[i].url) {
            rc = weir_file_unknown(&out->files[i], "the end of its name does not say", err);
        }
    }
    return rc;
}
