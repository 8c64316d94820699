/* Saving what is one file: views, snippets, definitions; deleting any document; merging what a pull
 * brings. */
#include <stdio.h>
#include <stdlib.h>

#include "base/yaml_write.h"
#include "workspace/library.h"
#include "workspace/merge.h"

#define LOCK_WAIT (10 * WEIR_SECOND)
#define TRIES     4

static int refuse(struct weir_error *err)
{
    return weir_fail(err, WEIR_EEXIST,
                     "somebody else changed this since you opened it; nothing was saved. Choose "
                     "between the two versions, then save again");
}

/* With the lock. What is on disk and in no commit is committed in the owner's name. */
static int keep_uncommitted(struct weir_library *lib, const struct weir_file *files, size_t count,
                            bool *did, struct weir_error *err)
{
    bool committed;
    int code = weir_git_committed(lib->git, files, count, &committed, err);
    *did = !code && !committed;
    if (*did) {
        struct weir_author owner = weir_git_owner(lib->git);
        code = weir_git_commit(lib->git, files, count, &owner, "Keep edits made outside weir", NULL,
                               err);
    }
    return code;
}

/* --- views, snippets, definitions ------------------------------------------------------------ */

struct sql_saving {
    struct weir_library *lib;
    const struct weir_save *save;
    struct weir_saved *out;
    struct weir_error *err;
    char path[100];
    struct weir_str text; /* of the file to be */
};

static int read_now(struct sql_saving *s, struct weir_str *now)
{
    struct weir_buf bytes;
    weir_buf_init(&bytes, WEIR_FILE_MAX);
    int code = weir_files_read(s->lib->dir, s->path, &bytes, s->err);
    *now = code ? (struct weir_str){0} : weir_arena_dup(&s->out->arena, weir_buf_str(&bytes));
    weir_buf_free(&bytes);
    return code == WEIR_ENOENT ? WEIR_OK
           : code || now->ptr  ? code
                               : weir_fail(s->err, WEIR_ENOMEM, "out of memory");
}

static int merge_sql(struct sql_saving *s, struct weir_str now, struct weir_str *text)
{
    struct weir_arena *arena = &s->out->arena;
    struct weir_str base = {0};
    struct weir_error ignored;
    struct weir_buf merged;
    bool clean = false;
    char version[WEIR_VERSION_SIZE];
    int code = weir_git_keep_file(s->lib->git, now, version, s->err);
    if (code || strcmp(version, s->save->base) == 0) {
        return code;
    }
    struct weir_str theirs = weir_text_lf(arena, now);
    if (weir_git_read_file(s->lib->git, s->save->base, s->path, arena, &base, &ignored) == 0) {
        base = weir_text_lf(arena, base);
    }
    weir_buf_init(&merged, WEIR_FILE_MAX);
    if (base.ptr) {
        code = weir_git_merge_text(base, *text, theirs, &merged, &clean, s->err);
    }
    clean = clean || weir_str_eq(*text, theirs);
    if (!code && !clean) {
        s->out->conflict = true;
        s->out->base_text = base;
        s->out->mine_text = *text;
        s->out->theirs_text = theirs;
        code = refuse(s->err);
    } else if (!code && base.ptr) {
        s->out->merged = !weir_str_eq(weir_buf_str(&merged), *text);
        *text = weir_arena_dup(arena, weir_buf_str(&merged));
        code = text->ptr ? WEIR_OK : weir_fail(s->err, WEIR_ENOMEM, "out of memory");
    }
    weir_buf_free(&merged);
    return code;
}

static int save_sql_once(struct sql_saving *s, bool *again)
{
    struct weir_str now, text = s->text;
    char message[120];
    struct weir_file file = {.path = s->path};
    int code = weir_git_lock(s->lib->git, LOCK_WAIT, s->err);
    if (code) {
        return code;
    }
    s->out->merged = false;
    code = read_now(s, &now);
    if (!code && now.ptr && !s->save->base) {
        code = weir_fail(s->err, WEIR_EEXIST,
                         "%s is there already; choose another name, or open it", s->path);
    } else if (!code && !now.ptr && s->save->base) {
        code = weir_fail(s->err, WEIR_ENOENT, "%s is gone; it was deleted", s->path);
    } else if (!code && now.ptr) {
        file.bytes = now;
        code = keep_uncommitted(s->lib, &file, 1, again, s->err);
        code = code || *again ? code : merge_sql(s, now, &text);
    }
    if (!code && !*again && !(now.ptr && weir_str_eq(weir_text_lf(&s->out->arena, now), text))) {
        file.bytes = text;
        snprintf(message, sizeof message, "%s %s", now.ptr ? "Save" : "Make", s->path);
        code = weir_files_write(s->lib->dir, s->path, text, s->err);
        code = code ? code
                    : weir_git_commit(s->lib->git, &file, 1, &s->save->author,
                                      s->save->message ? s->save->message : message, NULL, s->err);
    }
    weir_git_unlock(s->lib->git);
    return code;
}

static int check_sql(enum weir_document_kind kind, const char *name, struct weir_str sql,
                     struct weir_error *err)
{
    if (!weir_document_name_ok(weir_str_of(name))) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"%.80s\" cannot name a %s; use a to z, 0 to 9 and _, at most 63, not "
                         "beginning with a digit",
                         name, weir_document_kind_name(kind));
    }
    if (sql.len > 1u << 20 || !weir_str_trim(sql).len || memchr(sql.ptr, 0, sql.len)) {
        return weir_fail(err, WEIR_EINVAL, "\"sql\" is text of 1 byte to 1 MB, without NUL");
    }
    return WEIR_OK;
}

int weir_sql_save(struct weir_library *lib, enum weir_document_kind kind, const char *name,
                  struct weir_str sql, struct weir_str description, bool materialized,
                  const struct weir_save *save, struct weir_saved *out, struct weir_error *err)
{
    struct sql_saving s = {.lib = lib, .save = save, .out = out, .err = err};
    struct weir_buf text;
    bool again = true;
    *out = (struct weir_saved){0};
    weir_arena_init(&out->arena, 64u << 20);
    int code = check_sql(kind, name, sql, err);
    if (code) {
        return code;
    }
    snprintf(out->key, sizeof out->key, "%s", name);
    snprintf(s.path, sizeof s.path, "%s/%s.sql", weir_document_folder(kind), name);
    weir_buf_init(&text, WEIR_FILE_MAX);
    if (materialized && kind == WEIR_DOCUMENT_VIEW) {
        weir_buf_addz(&text, "-- " WEIR_MATERIALIZED "\n");
    }
    weir_sql_join(&text, weir_text_lf(&out->arena, description), weir_text_lf(&out->arena, sql));
    code = weir_buf_check(&text, s.path, err);
    s.text = weir_arena_dup(&out->arena, weir_buf_str(&text));
    weir_buf_free(&text);
    for (int i = 0; !code && again && i < TRIES; i++) {
        again = false;
        code = save_sql_once(&s, &again);
    }
    if (!code && again) {
        code = weir_fail(err, WEIR_EBUSY, "%s is being changed on disk all the time; try again",
                         s.path);
    }
    code = code ? code : weir_library_refresh(lib, err);
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *now = weir_documents_find(all, kind, weir_str_of(name));
    if (!code && now) {
        memcpy(out->version, now->version, sizeof out->version);
    }
    weir_documents_release(all);
    return code;
}

/* --- deleting -------------------------------------------------------------------------------- */

static int files_of(struct weir_library *lib, const struct weir_document *d,
                    struct weir_arena *arena, struct weir_file **files, size_t *count,
                    struct weir_error *err)
{
    struct weir_buf bytes;
    int code = WEIR_OK;
    if (d->kind == WEIR_DOCUMENT_REPORT) {
        code = weir_library_read_report(lib, d->path, arena, files, count, err);
        for (size_t i = 0; !code && i < *count; i++) {
            (*files)[i].path = weir_arena_printf(arena, "%s/%s", d->path, (*files)[i].path);
            code = (*files)[i].path ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
        }
        return code;
    }
    weir_buf_init(&bytes, WEIR_FILE_MAX);
    *files = weir_arena_calloc(arena, sizeof **files);
    *count = 1;
    code = *files ? weir_files_read(lib->dir, d->path, &bytes, err)
                  : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (!code) {
        (*files)->path = d->path;
        (*files)->bytes = weir_arena_dup(arena, weir_buf_str(&bytes));
    }
    weir_buf_free(&bytes);
    return code;
}

static int delete_once(struct weir_library *lib, const struct weir_document *d,
                       const struct weir_save *save, bool *again, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_file *files;
    size_t count;
    char message[300];
    weir_arena_init(&arena, WEIR_DOCUMENT_ARENA);
    int code = weir_git_lock(lib->git, LOCK_WAIT, err);
    code = code ? code : files_of(lib, d, &arena, &files, &count, err);
    code = code ? code : keep_uncommitted(lib, files, count, again, err);
    for (size_t i = 0; !code && !*again && i < count; i++) {
        files[i].gone = true;
        code = weir_files_remove(lib->dir, files[i].path, err);
    }
    if (!code && !*again) {
        snprintf(message, sizeof message, "Delete %.200s", d->title);
        code = weir_git_commit(lib->git, files, count, &save->author,
                               save->message ? save->message : message, NULL, err);
    }
    weir_git_unlock(lib->git);
    weir_arena_free(&arena);
    return code;
}

int weir_document_delete(struct weir_library *lib, enum weir_document_kind kind, const char *key,
                         const struct weir_save *save, struct weir_error *err)
{
    bool again = true;
    int code = weir_library_refresh(lib, err);
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *d = weir_documents_find(all, kind, weir_str_of(key));
    if (!code && !d) {
        code =
            weir_fail(err, WEIR_ENOENT, "there is no %s %.80s", weir_document_kind_name(kind), key);
    } else if (!code && save->base && strcmp(save->base, d->version) != 0) {
        code = refuse(err);
    }
    for (int i = 0; !code && again && i < TRIES; i++) {
        again = false;
        code = delete_once(lib, d, save, &again, err);
    }
    if (!code && again) {
        code = weir_fail(err, WEIR_EBUSY, "%s is being changed on disk all the time; try again",
                         d->path);
    }
    weir_documents_release(all);
    return code ? code : weir_library_refresh(lib, err);
}

/* --- what a pull brings ---------------------------------------------------------------------- */

static int merge_yaml(struct weir_arena *arena, const char *path, const struct weir_str sides[3],
                      struct weir_buf *out, struct weir_error *err)
{
    struct weir_data *data[3] = {0};
    struct weir_data *conflicts = weir_data_new(arena, WEIR_DATA_LIST);
    const struct weir_data *merged = NULL;
    struct weir_comments comments = {0};
    struct weir_yaml *mine = NULL;
    int code = conflicts ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
    for (int i = 0; !code && i < 3; i++) {
        struct weir_yaml *doc = NULL;
        code = weir_yaml_parse(sides[i], path, &doc, err);
        code = code ? code : weir_data_from_yaml(arena, weir_yaml_root(doc), &data[i], err);
        code = code || i != 1 ? code : weir_comments_read(&comments, sides[i], doc, err);
        if (i == 1) {
            mine = doc;
        } else {
            weir_yaml_free(doc);
        }
    }
    code = code ? code
                : weir_data_merge(arena, data[0], data[1], data[2], "", conflicts, &merged, err);
    if (!code && conflicts->first) {
        code = weir_fail(err, WEIR_EINVAL, "%s: both sides changed " WEIR_STR_FMT, path,
                         WEIR_STR_ARG(conflicts->first->text));
    }
    code = code ? code : weir_yaml_write(out, merged, &comments, err);
    if (mine) {
        weir_comments_free(&comments);
    }
    weir_yaml_free(mine);
    return code;
}

int weir_document_merge_file(const char *path, struct weir_str base, struct weir_str mine,
                             struct weir_str theirs, struct weir_buf *out, struct weir_error *err)
{
    struct weir_arena arena;
    bool clean = false;
    if (!mine.ptr || !theirs.ptr || !base.ptr) {
        return weir_fail(err, WEIR_EINVAL, "%s: %s", path,
                         base.ptr ? "one side deleted it, the other changed it"
                                  : "both sides made it, in different ways");
    }
    const struct weir_str sides[3] = {base, mine, theirs};
    weir_arena_init(&arena, WEIR_DOCUMENT_ARENA);
    int code = WEIR_OK;
    struct weir_str name = weir_str_of(path);
    if (weir_str_starts(name, WEIR_STR("reports/")) &&
        weir_str_ends(name, WEIR_STR("/report.yml"))) {
        code = merge_yaml(&arena, path, sides, out, err);
    } else {
        code = weir_git_merge_text(base, mine, theirs, out, &clean, err);
        if (!code && !clean) {
            code = weir_fail(err, WEIR_EINVAL, "%s: both sides changed the same lines", path);
        }
    }
    weir_arena_free(&arena);
    return code;
}
