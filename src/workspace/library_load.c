/* One document: its files, read and checked. */
#include "workspace/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "io/file.h"
#include "workspace/report_check.h"

/* --- files ----------------------------------------------------------------------------------- */

static int add_name(const char *name, void *arg, struct weir_error *err)
{
    struct weir_names *n = arg;
    if (name[0] == '.') {
        return WEIR_OK;
    }
    if (n->count == n->room) {
        size_t room = n->room ? n->room * 2 : 32;
        const char **names = weir_arena_alloc(n->arena, room * sizeof *names);
        if (!names || room > 2 * WEIR_DOCUMENTS_MAX) {
            return weir_fail(err, WEIR_ETOOBIG, "more than %d files in one folder",
                             WEIR_DOCUMENTS_MAX);
        }
        if (n->count) {
            memcpy(names, n->names, n->count * sizeof *names);
        }
        n->names = names;
        n->room = room;
    }
    n->names[n->count] = weir_arena_strdup(n->arena, name);
    return n->names[n->count++] ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

/* A folder that is not there has no files. */
int weir_library_names(struct weir_library *lib, const char *path, struct weir_names *out,
                       struct weir_error *err)
{
    char *full = weir_path_join(lib->dir, path);
    int code = full ? weir_dir_each(full, add_name, out, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory");
    free(full);
    return code == WEIR_ENOENT ? WEIR_OK : code;
}

static bool is_report_file(const char *name)
{
    return strcmp(name, "report.yml") == 0 || weir_str_ends(weir_str_of(name), WEIR_STR(".sql"));
}

struct printing {
    struct weir_library *lib;
    const char *path;
    uint64_t hash;
    weir_time newest;
};

static int print_file(const char *name, void *arg, struct weir_error *err)
{
    struct printing *p = arg;
    struct stat st;
    char path[4096];
    (void)err;
    if (name && !is_report_file(name)) {
        return WEIR_OK;
    }
    snprintf(path, sizeof path, "%s/%s%s%s", p->lib->dir, p->path, name ? "/" : "",
             name ? name : "");
    int64_t facts[5] = {0};
    if (lstat(path, &st) == 0) {
        facts[0] = st.st_size;
        facts[1] = st.st_mtim.tv_sec;
        facts[2] = st.st_mtim.tv_nsec;
        facts[3] = (int64_t)st.st_ino;
        facts[4] = (int64_t)st.st_mode;
        weir_time at = st.st_mtim.tv_sec * WEIR_SECOND + st.st_mtim.tv_nsec / 1000;
        p->newest = at > p->newest ? at : p->newest;
    }
    p->hash = weir_hash64(path, strlen(path), p->hash);
    p->hash = weir_hash64(facts, sizeof facts, p->hash);
    return WEIR_OK;
}

uint64_t weir_library_fingerprint(struct weir_library *lib, const char *path, bool folder,
                                  weir_time *newest)
{
    struct printing p = {.lib = lib, .path = path, .hash = 1};
    struct weir_error ignored;
    int code = WEIR_OK;
    if (folder) {
        char *full = weir_path_join(lib->dir, path);
        code = full ? weir_dir_each(full, print_file, &p, &ignored) : WEIR_ENOMEM;
        free(full);
    } else {
        code = print_file(NULL, &p, &ignored);
    }
    *newest = p.newest;
    return code ? 0 : p.hash;
}

static int read_into(struct weir_library *lib, const char *path, struct weir_arena *arena,
                     struct weir_str *out, struct weir_error *err)
{
    struct weir_buf bytes;
    weir_buf_init(&bytes, WEIR_FILE_MAX);
    int code = weir_files_read(lib->dir, path, &bytes, err);
    if (!code) {
        *out = weir_arena_dup(arena, weir_buf_str(&bytes));
        code =
            out->ptr ? WEIR_OK : weir_fail(err, WEIR_ETOOBIG, "%s: its files are too large", path);
    }
    weir_buf_free(&bytes);
    return code;
}

int weir_library_read_report(struct weir_library *lib, const char *path, struct weir_arena *arena,
                             struct weir_file **files, size_t *count, struct weir_error *err)
{
    struct weir_names names = {.arena = arena};
    int code = weir_library_names(lib, path, &names, err);
    *count = 0;
    *files = code ? NULL : weir_arena_calloc(arena, (names.count + 1) * sizeof **files);
    if (!code && !*files) {
        code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
    }
    for (size_t i = 0; !code && i < names.count; i++) {
        if (is_report_file(names.names[i])) {
            char full[2048];
            struct weir_file *file = &(*files)[(*count)++];
            snprintf(full, sizeof full, "%s/%s", path, names.names[i]);
            file->path = names.names[i];
            code = read_into(lib, full, arena, &file->bytes, err);
        }
    }
    return code;
}

/* --- one document ---------------------------------------------------------------------------- */

/* The comment at the top is the description, but for the switch. */
static void sql_split(struct weir_arena *arena, struct weir_str text, struct weir_str *description,
                      struct weir_str *sql, bool *materialized)
{
    struct weir_str rest = text;
    struct weir_buf words;
    weir_buf_init(&words, 65536);
    while (rest.ptr && weir_str_starts(rest, WEIR_STR("--"))) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        line.ptr += 2;
        line.len -= 2;
        if (line.len && line.ptr[0] == ' ') {
            line.ptr++;
            line.len--;
        }
        if (weir_str_is(weir_str_trim(line), WEIR_MATERIALIZED)) {
            *materialized = true;
            continue;
        }
        weir_buf_addz(&words, words.len ? "\n" : "");
        weir_buf_adds(&words, line);
    }
    if (rest.ptr && weir_str_ends(rest, WEIR_STR("\n"))) {
        rest.len--;
    }
    *description = weir_arena_dup(arena, weir_buf_str(&words));
    *sql = weir_arena_dup(arena, rest.ptr ? rest : WEIR_STR(""));
    weir_buf_free(&words);
}

void weir_sql_join(struct weir_buf *out, struct weir_str description, struct weir_str sql)
{
    struct weir_str rest = weir_str_trim(description);
    while (rest.ptr && rest.len) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        weir_buf_addz(out, line.len ? "-- " : "--");
        weir_buf_adds(out, line);
        weir_buf_addc(out, '\n');
    }
    weir_buf_adds(out, sql);
    weir_buf_addc(out, '\n');
}

static int load_report(struct weir_library *lib, struct weir_document *d, struct weir_error *err)
{
    struct weir_file *files;
    size_t count;
    int code = weir_library_read_report(lib, d->path, &d->arena, &files, &count, err);
    code = code || !lib->git ? code : weir_git_keep_folder(lib->git, files, count, d->version, err);
    code = code ? code : weir_report_parse(&d->arena, d->path, files, count, &d->report, err);
    if (!code) {
        d->key = d->report.id;
        d->title = d->report.title;
        d->description = d->report.description;
    }
    return code;
}

static int load_sql(struct weir_library *lib, struct weir_document *d, struct weir_error *err)
{
    struct weir_str text, description;
    int code = read_into(lib, d->path, &d->arena, &text, err);
    code = code || !lib->git ? code : weir_git_keep_file(lib->git, text, d->version, err);
    if (code) {
        return code;
    }
    if (!weir_document_name_ok(weir_str_of(d->slug))) {
        return weir_fail(
            err, WEIR_EINVAL,
            "%s: a %s is named by a to z, 0 to 9 and _, at most 63, not beginning with "
            "a digit; rename the file",
            d->path, weir_document_kind_name(d->kind));
    }
    if (!weir_utf8_valid(text) || (text.len && memchr(text.ptr, 0, text.len))) {
        return weir_fail(err, WEIR_EINVAL, "%s: it is not UTF-8 text; save it as UTF-8", d->path);
    }
    text = weir_text_lf(&d->arena, text);
    bool materialized = false;
    sql_split(&d->arena, text, &description, &d->sql, &materialized);
    d->materialized = materialized && d->kind == WEIR_DOCUMENT_VIEW;
    if (!text.ptr || !description.ptr || !d->sql.ptr) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", d->path);
    }
    d->description = description.ptr;
    return weir_str_trim(d->sql).len ? WEIR_OK
                                     : weir_fail(err, WEIR_EINVAL, "%s: it holds no SQL", d->path);
}

static int load_collection(struct weir_library *lib, struct weir_document *d,
                           struct weir_error *err)
{
    static const struct weir_key keys[] = {
        {.name = "title", .kind = WEIR_KEY_TEXT, .required = true},
        {.name = "description", .kind = WEIR_KEY_TEXT},
        {0}};
    struct weir_str text, value;
    struct weir_yaml *doc = NULL;
    int code = read_into(lib, d->path, &d->arena, &text, err);
    code = code || !lib->git ? code : weir_git_keep_file(lib->git, text, d->version, err);
    code = code ? code : weir_yaml_parse(text, d->path, &doc, err);
    if (code) {
        return code;
    }
    struct weir_check check = {.doc = doc};
    weir_check_keys(&check, weir_yaml_root(doc), keys);
    code = check.code ? weir_fail(err, check.code, "%s", check.problems) : WEIR_OK;
    if (!code && weir_yaml_str(weir_yaml_get(weir_yaml_root(doc), "title"), &value)) {
        d->title = weir_arena_dup(&d->arena, value).ptr;
    }
    if (!code && weir_yaml_str(weir_yaml_get(weir_yaml_root(doc), "description"), &value)) {
        d->description = weir_arena_dup(&d->arena, value).ptr;
    }
    weir_yaml_free(doc);
    return d->title && d->description ? code
                                      : weir_fail(err, WEIR_ENOMEM, "%s: out of memory", d->path);
}

/* Shows what the last good version said. */
static void keep_good(struct weir_document *d, const struct weir_document *before)
{
    struct weir_document *good = before && before->good ? before->good
                                 : before && before->usable
                                     ? (struct weir_document *)(uintptr_t)before
                                     : NULL;
    if (!good) {
        return;
    }
    atomic_fetch_add(&good->holders, 1);
    d->good = good;
    d->key = good->key;
    d->title = good->title;
    d->description = good->description;
    d->report = good->report;
    d->sql = good->sql;
    d->usable = true;
}

int weir_document_load(struct weir_library *lib, enum weir_document_kind kind, const char *slug,
                       const char *path, uint64_t fingerprint, weir_time modified_at,
                       const struct weir_document *before, struct weir_document **out,
                       struct weir_error *err)
{
    static int (*const loaders[])(struct weir_library *, struct weir_document *,
                                  struct weir_error *) = {load_report, load_sql, load_sql, load_sql,
                                                          load_collection};
    struct weir_error why = {0};
    struct weir_document *d = *out = calloc(1, sizeof *d);
    if (!d) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    }
    weir_arena_init(&d->arena, WEIR_DOCUMENT_ARENA);
    atomic_init(&d->holders, 1);
    d->kind = kind;
    d->fingerprint = fingerprint;
    d->modified_at = modified_at;
    d->slug = weir_arena_strdup(&d->arena, slug);
    d->path = weir_arena_strdup(&d->arena, path);
    d->key = d->title = d->slug;
    d->description = "";
    if (!d->slug || !d->path) {
        weir_document_release(d);
        *out = NULL;
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    }
    if (loaders[kind](lib, d, &why)) {
        d->error = weir_arena_strdup(&d->arena, why.message);
        d->error = d->error ? d->error : "out of memory";
        keep_good(d, before);
    } else {
        d->usable = true;
    }
    return WEIR_OK;
}
