/* What is on the disk, in memory. */
#include "workspace/library.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "io/file.h"
#include "workspace/report_check.h"

#define MAX_DOCUMENTS 20000

static const struct {
    const char *name;
    const char *folder;
    const char *ending;
} kinds[WEIR_DOCUMENT_KINDS] = {
    [WEIR_DOCUMENT_REPORT] = {"report", "reports", NULL},
    [WEIR_DOCUMENT_VIEW] = {"view", "views", ".sql"},
    [WEIR_DOCUMENT_SNIPPET] = {"snippet", "snippets", ".sql"},
    [WEIR_DOCUMENT_DEFINITION] = {"definition", "definitions", ".sql"},
    [WEIR_DOCUMENT_COLLECTION] = {"collection", "collections", ".yml"},
};

const char *weir_document_kind_name(enum weir_document_kind kind)
{
    return kinds[kind].name;
}

const char *weir_document_folder(enum weir_document_kind kind)
{
    return kinds[kind].folder;
}

/* --- documents and snapshots ----------------------------------------------------------------- */

static void document_release(struct weir_document *d)
{
    if (d && atomic_fetch_sub(&d->holders, 1) == 1) {
        document_release(d->good);
        weir_arena_free(&d->arena);
        free(d);
    }
}

void weir_documents_release(struct weir_documents *documents)
{
    if (!documents || atomic_fetch_sub(&documents->holders, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < documents->count; i++) {
        document_release(documents->items[i]);
    }
    for (int k = 0; k < WEIR_DOCUMENT_KINDS; k++) {
        weir_map_free(&documents->by_key[k]);
    }
    free(documents->items);
    free(documents);
}

const struct weir_document *weir_documents_find(const struct weir_documents *documents,
                                                enum weir_document_kind kind, struct weir_str key)
{
    return key.len ? weir_map_get(&documents->by_key[kind], key) : NULL;
}

struct weir_documents *weir_library_hold(struct weir_library *library)
{
    pthread_mutex_lock(&library->lock);
    struct weir_documents *documents = library->current;
    atomic_fetch_add(&documents->holders, 1);
    pthread_mutex_unlock(&library->lock);
    return documents;
}

/* --- files ----------------------------------------------------------------------------------- */

struct naming { /* collects the names of a folder */
    struct weir_arena *arena;
    const char **names;
    size_t count, room;
};

static int add_name(const char *name, void *arg, struct weir_error *err)
{
    struct naming *n = arg;
    if (name[0] == '.') {
        return WEIR_OK;
    }
    if (n->count == n->room) {
        size_t room = n->room ? n->room * 2 : 32;
        const char **names = weir_arena_alloc(n->arena, room * sizeof *names);
        if (!names || room > 2 * MAX_DOCUMENTS) {
            return weir_fail(err, WEIR_ETOOBIG, "more than %d files in one folder", MAX_DOCUMENTS);
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
static int names_in(struct weir_library *lib, const char *path, struct naming *out,
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
    struct naming names = {.arena = arena};
    int code = names_in(lib, path, &names, err);
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

/* The comment at the top is the description. */
static void sql_split(struct weir_arena *arena, struct weir_str text, struct weir_str *description,
                      struct weir_str *sql)
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
            d->path, kinds[d->kind].name);
    }
    if (!weir_utf8_valid(text) || (text.len && memchr(text.ptr, 0, text.len))) {
        return weir_fail(err, WEIR_EINVAL, "%s: it is not UTF-8 text; save it as UTF-8", d->path);
    }
    text = weir_text_lf(&d->arena, text);
    sql_split(&d->arena, text, &description, &d->sql);
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

static int document_load(struct weir_library *lib, enum weir_document_kind kind, const char *slug,
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
        document_release(d);
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

/* --- all of them ----------------------------------------------------------------------------- */

struct scan {
    struct weir_library *lib;
    const struct weir_documents *before;
    struct weir_map by_path; /* of before */
    struct weir_documents *now;
    size_t room;
    bool changed;
};

static int take(struct scan *s, struct weir_document *d, struct weir_error *err)
{
    struct weir_documents *now = s->now;
    if (now->count == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct weir_document **items = realloc(now->items, room * sizeof *items);
        if (!items || room > 4 * MAX_DOCUMENTS) {
            now->items = items ? items : now->items;
            document_release(d);
            return weir_fail(err, WEIR_ETOOBIG, "more than %d documents", MAX_DOCUMENTS);
        }
        now->items = items;
        s->room = room;
    }
    now->items[now->count++] = d;
    return WEIR_OK;
}

static int look_at(struct scan *s, enum weir_document_kind kind, const char *slug, const char *path,
                   struct weir_error *err)
{
    weir_time newest;
    bool folder = kind == WEIR_DOCUMENT_REPORT;
    /* Taken before reading: a change in between is seen as one by the next look. */
    uint64_t print = weir_library_fingerprint(s->lib, path, folder, &newest);
    struct weir_document *d = weir_map_get(&s->by_path, weir_str_of(path));
    if (d && d->fingerprint == print) {
        atomic_fetch_add(&d->holders, 1);
        return take(s, d, err);
    }
    s->changed = true;
    int code = document_load(s->lib, kind, slug, path, print, newest, d, &d, err);
    return code ? code : take(s, d, err);
}

static bool is_folder(struct weir_library *lib, const char *path)
{
    struct stat st;
    char *full = weir_path_join(lib->dir, path);
    bool yes = full && lstat(full, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
    free(full);
    return yes;
}

static int scan_kind(struct scan *s, enum weir_document_kind kind, struct weir_error *err)
{
    struct weir_arena arena;
    weir_arena_init(&arena, 32u << 20);
    struct naming names = {.arena = &arena};
    int code = names_in(s->lib, kinds[kind].folder, &names, err);
    for (size_t i = 0; !code && i < names.count; i++) {
        struct weir_str name = weir_str_of(names.names[i]);
        const char *path = weir_arena_printf(&arena, "%s/%s", kinds[kind].folder, name.ptr);
        const char *slug = name.ptr;
        if (!path) {
            code = weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
            break;
        }
        if (kind == WEIR_DOCUMENT_REPORT) {
            char file[600];
            snprintf(file, sizeof file, "%s/report.yml", path);
            weir_time newest;
            if (!is_folder(s->lib, path) ||
                (weir_library_fingerprint(s->lib, file, false, &newest), newest == 0)) {
                continue; /* a folder of something else */
            }
        } else {
            if (!weir_str_ends(name, weir_str_of(kinds[kind].ending))) {
                continue;
            }
            slug = weir_arena_printf(&arena, "%.*s", (int)(name.len - 4), name.ptr);
        }
        code = slug ? look_at(s, kind, slug, path, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    }
    weir_arena_free(&arena);
    return code;
}

static int index_one(struct weir_documents *now, struct weir_document *d, struct weir_error *err)
{
    struct weir_map *map = &now->by_key[d->kind];
    const struct weir_document *same = weir_map_get(map, weir_str_of(d->key));
    if (same && same != d && d->kind == WEIR_DOCUMENT_REPORT && atomic_load(&d->holders) == 1) {
        d->error = weir_arena_printf(&d->arena,
                                     "%s/report.yml: its id \"%s\" is that of %s; a copied report "
                                     "needs its own: change it",
                                     d->path, d->key, same->path);
        d->key = d->slug;
        d->usable = false;
        d->twin = true;
    }
    return weir_map_get(map, weir_str_of(d->key)) || weir_map_put(map, weir_str_of(d->key), d) == 0
               ? WEIR_OK
               : weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
}

/* Of two reports with one id the one that was known before keeps it. */
static int index_documents(struct weir_documents *now, struct weir_error *err)
{
    int code = WEIR_OK;
    for (int fresh = 0; fresh < 2; fresh++) {
        for (size_t i = 0; !code && i < now->count; i++) {
            if ((atomic_load(&now->items[i]->holders) == 1) == fresh) {
                code = index_one(now, now->items[i], err);
            }
        }
    }
    return code;
}

/* Its twin may be gone. */
static int reload_twins(struct scan *s, struct weir_error *err)
{
    int code = WEIR_OK;
    for (size_t i = 0; !code && i < s->now->count; i++) {
        struct weir_document *d = s->now->items[i], *again;
        if (d->twin) {
            code = document_load(s->lib, d->kind, d->slug, d->path, d->fingerprint, d->modified_at,
                                 NULL, &again, err);
            if (!code) {
                s->now->items[i] = again;
                document_release(d);
            }
        }
    }
    return code;
}

static void tell_changes(struct weir_library *lib, const struct weir_documents *before,
                         const struct weir_documents *now)
{
    for (size_t i = 0; lib->changed && i < now->count; i++) {
        const struct weir_document *d = now->items[i];
        const struct weir_document *old =
            before ? weir_documents_find(before, d->kind, weir_str_of(d->key)) : NULL;
        if (d != old) {
            lib->changed(d->kind, d->key, d, lib->arg);
        }
    }
    for (size_t i = 0; lib->changed && before && i < before->count; i++) {
        const struct weir_document *d = before->items[i];
        if (!weir_documents_find(now, d->kind, weir_str_of(d->key))) {
            lib->changed(d->kind, d->key, NULL, lib->arg);
        }
    }
}

int weir_library_refresh(struct weir_library *lib, struct weir_error *err)
{
    struct scan s = {.lib = lib, .before = lib->current};
    int code = WEIR_OK;
    weir_map_init(&s.by_path);
    s.now = calloc(1, sizeof *s.now);
    if (!s.now) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    }
    atomic_init(&s.now->holders, 1);
    for (int k = 0; k < WEIR_DOCUMENT_KINDS; k++) {
        weir_map_init(&s.now->by_key[k]);
    }
    for (size_t i = 0; s.before && !code && i < s.before->count; i++) {
        struct weir_document *d = s.before->items[i];
        code = weir_map_put(&s.by_path, weir_str_of(d->path), d)
                   ? weir_fail(err, WEIR_ENOMEM, "out of memory for the documents")
                   : WEIR_OK;
    }
    for (int k = 0; !code && k < WEIR_DOCUMENT_KINDS; k++) {
        code = scan_kind(&s, (enum weir_document_kind)k, err);
    }
    bool changed = !s.before || s.changed || s.now->count != s.before->count;
    code = code || !changed ? code : reload_twins(&s, err);
    if (!code && changed) {
        code = index_documents(s.now, err);
    }
    weir_map_free(&s.by_path);
    if (code || !changed) {
        weir_documents_release(s.now);
        return code;
    }
    struct weir_documents *before = lib->current;
    pthread_mutex_lock(&lib->lock);
    lib->current = s.now;
    pthread_mutex_unlock(&lib->lock);
    tell_changes(lib, before, s.now);
    weir_documents_release(before);
    return WEIR_OK;
}

/* --- the library ----------------------------------------------------------------------------- */

void weir_library_on_change(struct weir_library *lib, weir_document_changed fn, void *arg)
{
    lib->changed = fn;
    lib->arg = arg;
}

struct weir_git *weir_library_git(struct weir_library *lib)
{
    return lib->git;
}

static int library_new(const char *dir, bool git, struct weir_library **out, struct weir_error *err)
{
    struct weir_library *lib = calloc(1, sizeof *lib);
    *out = NULL;
    if (!lib) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    }
    pthread_mutex_init(&lib->lock, NULL);
    lib->dir = strdup(dir);
    int code = lib->dir ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory for the documents");
    code = code || !git ? code : weir_git_init(dir, &lib->git, err);
    code = code ? code : weir_library_refresh(lib, err);
    if (code) {
        weir_library_free(lib);
        return code;
    }
    *out = lib;
    return WEIR_OK;
}

int weir_library_new(const char *dir, struct weir_library **out, struct weir_error *err)
{
    return library_new(dir, true, out, err);
}

int weir_library_read(const char *dir, struct weir_library **out, struct weir_error *err)
{
    return library_new(dir, false, out, err);
}

void weir_library_free(struct weir_library *lib)
{
    if (lib) {
        weir_documents_release(lib->current);
        weir_git_close(lib->git);
        pthread_mutex_destroy(&lib->lock);
        free(lib->dir);
        free(lib);
    }
}
