/* What is on the disk, in memory. */
#include "workspace/library.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "io/file.h"
#include "workspace/report_check.h"

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

void weir_document_hold(struct weir_document *d)
{
    atomic_fetch_add(&d->holders, 1);
}

void weir_document_release(struct weir_document *d)
{
    if (d && atomic_fetch_sub(&d->holders, 1) == 1) {
        weir_document_release(d->good);
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
        weir_document_release(documents->items[i]);
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
        if (!items || room > 4 * WEIR_DOCUMENTS_MAX) {
            now->items = items ? items : now->items;
            weir_document_release(d);
            return weir_fail(err, WEIR_ETOOBIG, "more than %d documents", WEIR_DOCUMENTS_MAX);
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
    int code = weir_document_load(s->lib, kind, slug, path, print, newest, d, &d, err);
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
    struct weir_names names = {.arena = &arena};
    int code = weir_library_names(s->lib, kinds[kind].folder, &names, err);
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
            code = weir_document_load(s->lib, d->kind, d->slug, d->path, d->fingerprint,
                                      d->modified_at, NULL, &again, err);
            if (!code) {
                s->now->items[i] = again;
                weir_document_release(d);
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
