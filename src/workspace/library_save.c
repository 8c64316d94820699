/* Saving: what the disk has now, what the person began from, what she wants; then files, then a
 * commit. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/yaml_write.h"
#include "io/file.h"
#include "workspace/library.h"
#include "workspace/merge.h"

#define LOCK_WAIT (10 * WEIR_SECOND)
#define TRIES     4
#define SAVE_MAX  (256u << 20)

void weir_saved_free(struct weir_saved *saved)
{
    weir_arena_free(&saved->arena);
}

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ETOOBIG, "the document is too large to be saved");
}

/* --- files and commits ----------------------------------------------------------------------- */

/* One save's files, by their paths in the workspace. */
struct change {
    struct weir_file *before; /* as they are on disk */
    size_t before_count;
    struct weir_file *after; /* as they are to be */
    size_t after_count;
    const char *watch; /* what must not change meanwhile: the folder or file */
    bool folder;
    uint64_t fingerprint;
};

static bool same_file(const struct change *c, const struct weir_file *file)
{
    for (size_t i = 0; i < c->before_count; i++) {
        if (strcmp(c->before[i].path, file->path) == 0) {
            return !file->gone && weir_str_eq(c->before[i].bytes, file->bytes);
        }
    }
    return false;
}

/* With the lock; gives it up. *again: an editor wrote meanwhile, or its edit had to be committed
 * first; look anew. */
static int store(struct weir_library *lib, struct change *c, const struct weir_author *author,
                 const char *message, bool *again, struct weir_error *err)
{
    bool committed;
    weir_time newest;
    int code = weir_git_committed(lib->git, c->before, c->before_count, &committed, err);
    if (!code && !committed) {
        struct weir_author owner = weir_git_owner(lib->git);
        *again = true;
        return weir_git_commit(lib->git, c->before, c->before_count, &owner,
                               "Keep edits made outside weir\n\nThey were on disk and in no commit "
                               "when somebody saved in the app.",
                               NULL, err);
    }
    if (!code && weir_library_fingerprint(lib, c->watch, c->folder, &newest) != c->fingerprint) {
        *again = true;
        return WEIR_OK;
    }
    for (size_t i = 0; !code && i < c->after_count; i++) {
        if (!same_file(c, &c->after[i])) {
            code = c->after[i].gone
                       ? weir_files_remove(lib->dir, c->after[i].path, err)
                       : weir_files_write(lib->dir, c->after[i].path, c->after[i].bytes, err);
        }
    }
    return code ? code
                : weir_git_commit(lib->git, c->after, c->after_count, author, message, NULL, err);
}

/* Like the file there: a person's editor may want CR LF. */
static struct weir_str line_ends_like(struct weir_arena *arena, struct weir_str text,
                                      struct weir_str before)
{
    const char *line = before.len ? memchr(before.ptr, '\n', before.len) : NULL;
    if (!line || line == before.ptr || line[-1] != '\r') {
        return weir_arena_dup(arena, text);
    }
    struct weir_buf out;
    weir_buf_init(&out, SAVE_MAX);
    for (size_t i = 0; i < text.len; i++) {
        weir_buf_addz(&out, text.ptr[i] == '\n' ? "\r" : "");
        weir_buf_addc(&out, text.ptr[i]);
    }
    struct weir_str copy = weir_arena_dup(arena, weir_buf_str(&out));
    weir_buf_free(&out);
    return copy;
}

static struct weir_str bytes_of(const struct weir_file *files, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].path, path) == 0) {
            return files[i].bytes;
        }
    }
    return (struct weir_str){0};
}

/* --- reports: from content to files ---------------------------------------------------------- */

static struct weir_data *with_files(struct weir_arena *arena, const struct weir_data *report)
{
    struct weir_data *out = weir_report_order(arena, report);
    const struct weir_data *queries = weir_data_get(out, "queries");
    for (struct weir_data *q = queries ? queries->first : NULL; q; q = q->next) {
        struct weir_str id = weir_data_get_text(q, "id");
        if (q->type == WEIR_DATA_OBJECT && id.ptr && !weir_data_get(q, "file")) {
            const char *name = weir_arena_printf(arena, WEIR_STR_FMT ".sql", WEIR_STR_ARG(id));
            struct weir_data *file = name ? weir_data_text(arena, weir_str_of(name)) : NULL;
            if (!file || !weir_data_set(arena, q, WEIR_STR("file"), file)) {
                return NULL;
            }
        }
    }
    return out;
}

/* The bytes of report.yml: the ones there when they say the same. */
static int yaml_bytes(struct weir_arena *arena, const struct weir_data *report,
                      struct weir_str before, struct weir_str *out, struct weir_error *err)
{
    struct weir_comments comments = {0};
    struct weir_yaml *doc = NULL;
    struct weir_data *old = NULL;
    struct weir_buf text;
    struct weir_str lf = before.ptr ? weir_text_lf(arena, before) : before;
    weir_buf_init(&text, 2u << 20);
    bool had = before.ptr && weir_yaml_parse(lf, "report.yml", &doc, err) == 0 &&
               weir_data_from_yaml(arena, weir_yaml_root(doc), &old, err) == 0;
    int code = had ? weir_comments_read(&comments, lf, doc, err) : WEIR_OK;
    if (!code && had && weir_data_equal(old, report)) {
        *out = before;
        goto out;
    }
    const struct weir_data *ordered = had ? weir_data_order_like(arena, report, old) : report;
    code = code      ? code
           : ordered ? weir_yaml_write(&text, ordered, had ? &comments : NULL, err)
                     : no_memory(err);
    if (!code) {
        *out = line_ends_like(arena, weir_buf_str(&text), before);
        code = out->ptr ? WEIR_OK : no_memory(err);
    }
out:
    if (had) {
        weir_comments_free(&comments);
    }
    weir_yaml_free(doc);
    weir_buf_free(&text);
    return code;
}

static int sql_bytes(struct weir_arena *arena, struct weir_str sql, struct weir_str before,
                     struct weir_str *out, struct weir_error *err)
{
    struct weir_buf text;
    struct weir_str now = before.ptr ? weir_text_lf(arena, before) : before;
    if (now.ptr && weir_str_ends(now, WEIR_STR("\n"))) {
        now.len--;
    }
    if (before.ptr && weir_str_eq(now, sql)) {
        *out = before;
        return WEIR_OK;
    }
    weir_buf_init(&text, 4u << 20);
    weir_buf_adds(&text, sql);
    weir_buf_addc(&text, '\n');
    int code = weir_buf_check(&text, "a query", err);
    *out = code ? (struct weir_str){0} : line_ends_like(arena, weir_buf_str(&text), before);
    weir_buf_free(&text);
    return code ? code : out->ptr ? WEIR_OK : no_memory(err);
}

static bool names_query(const struct weir_data *queries, struct weir_str id)
{
    for (const struct weir_data *q = queries ? queries->first : NULL; q; q = q->next) {
        if (weir_str_eq(weir_data_get_text(q, "id"), id)) {
            return true;
        }
    }
    return false;
}

static int check_texts(const struct weir_data *queries, const struct weir_data *texts,
                       struct weir_error *err)
{
    for (const struct weir_data *t = texts ? texts->first : NULL; t; t = t->next) {
        if (t->type != WEIR_DATA_TEXT || !names_query(queries, t->key)) {
            return weir_fail(err, WEIR_EINVAL,
                             "\"queries\" has the SQL of \"" WEIR_STR_FMT
                             "\", which is %s; it maps the ids of the report's queries to text",
                             WEIR_STR_ARG(t->key),
                             t->type == WEIR_DATA_TEXT ? "no query of the report" : "no text");
        }
    }
    return WEIR_OK;
}

/* Fills `files` with plain names: report.yml and each query's. */
static int content_files(struct weir_arena *arena, struct weir_content content,
                         const struct weir_file *before, size_t before_count,
                         struct weir_file **files, size_t *count, struct weir_error *err)
{
    const struct weir_data *queries = weir_data_get(content.report, "queries");
    int code = check_texts(queries, content.queries, err);
    *count = 0;
    *files = weir_arena_calloc(arena, ((queries ? queries->count : 0) + 1) * sizeof **files);
    if (code || !*files) {
        return code ? code : no_memory(err);
    }
    struct weir_file *yml = &(*files)[(*count)++];
    yml->path = "report.yml";
    code = yaml_bytes(arena, content.report, bytes_of(before, before_count, "report.yml"),
                      &yml->bytes, err);
    for (const struct weir_data *q = queries ? queries->first : NULL; !code && q; q = q->next) {
        struct weir_str id = weir_data_get_text(q, "id"), name = weir_data_get_text(q, "file");
        if (!id.ptr || !name.ptr) {
            continue; /* the check names it */
        }
        char key[256];
        snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(id));
        struct weir_str sql = weir_data_get_text(content.queries, key);
        struct weir_file *file = &(*files)[(*count)++];
        file->path = name.ptr;
        code = sql.ptr ? sql_bytes(arena, sql, bytes_of(before, before_count, name.ptr),
                                   &file->bytes, err)
                       : weir_fail(err, WEIR_EINVAL,
                                   "the SQL of the query \"%.80s\" is missing in \"queries\"", key);
    }
    return code;
}

/* --- reports: merging ------------------------------------------------------------------------ */

static struct weir_content content_of(const struct weir_report *report)
{
    return (struct weir_content){report->data, report->queries};
}

static int merge_content(struct weir_arena *arena, struct weir_content base,
                         struct weir_content mine, struct weir_content theirs,
                         struct weir_content *out, struct weir_data *conflicts,
                         struct weir_error *err)
{
    int code = weir_data_merge(arena, base.report, mine.report, theirs.report, "", conflicts,
                               &out->report, err);
    return code ? code
                : weir_data_merge(arena, base.queries, mine.queries, theirs.queries, "sql",
                                  conflicts, &out->queries, err);
}

struct saving {
    struct weir_library *lib;
    const struct weir_save *save;
    struct weir_saved *out;
    struct weir_error *err;
    char path[200]; /* reports/sales */
};

static int refuse(struct saving *s, struct weir_content mine, struct weir_content theirs)
{
    s->out->conflict = true;
    s->out->mine = mine;
    s->out->theirs = theirs;
    return weir_fail(
        s->err, WEIR_EEXIST,
        "somebody else changed the same places since you opened it; nothing was saved. "
        "Choose between the two versions, then save again");
}

/* `content` becomes what is to be written on top of what is there. */
static int merge_with_disk(struct saving *s, const struct weir_document *now,
                           struct weir_content *content)
{
    struct weir_arena *arena = &s->out->arena;
    struct weir_report base = {0};
    struct weir_file *files;
    struct weir_error ignored;
    size_t count;
    if (now->error) {
        return weir_fail(s->err, WEIR_EEXIST,
                         "%s was changed outside the app and has mistakes; mend it first: %.600s",
                         now->path, now->error);
    }
    if (strcmp(s->save->base, now->version) == 0) {
        return WEIR_OK;
    }
    struct weir_content theirs = content_of(&now->report), mine = *content;
    if (weir_git_read_folder(s->lib->git, s->save->base, now->path, arena, &files, &count,
                             &ignored) == 0 &&
        weir_report_parse(arena, now->path, files, count, &base, &ignored) == 0 &&
        strcmp(base.id, now->key) == 0) { /* not another's, which she may not see */
        s->out->base = content_of(&base);
    }
    s->out->paths = weir_data_new(arena, WEIR_DATA_LIST);
    if (!s->out->paths) {
        return no_memory(s->err);
    }
    int code = merge_content(arena, s->out->base, mine, theirs, content, s->out->paths, s->err);
    if (!code && s->out->paths->first) {
        return refuse(s, mine, theirs);
    }
    s->out->merged = !weir_data_equal(content->report, mine.report) ||
                     !weir_data_equal(content->queries, mine.queries);
    return code;
}

/* Can what the merge made be read? Two good edits may make a bad whole (one removed the query that
 * the other put on a tile): that is a conflict, too. */
static int check_merged(struct saving *s, const struct weir_document *now, struct weir_content mine,
                        const struct weir_file *files, size_t count)
{
    struct weir_report report;
    int code = weir_report_parse(&s->out->arena, s->path, files, count, &report, s->err);
    if (code == WEIR_EINVAL && s->out->merged) {
        struct weir_data *why = weir_data_text(&s->out->arena, weir_str_of(s->err->message));
        if (why) {
            weir_data_add(s->out->paths, why);
        }
        return refuse(s, mine, content_of(&now->report));
    }
    return code;
}

/* --- reports --------------------------------------------------------------------------------- */

static int in_folder(struct saving *s, struct weir_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        files[i].path = weir_arena_printf(&s->out->arena, "%s/%s", s->path, files[i].path);
        if (!files[i].path) {
            return no_memory(s->err);
        }
    }
    return WEIR_OK;
}

/* Queries' files that the new content has no use for; what else lies in the folder stays. */
static int drop_unused(struct saving *s, const struct weir_document *now, struct weir_file *after,
                       size_t *count)
{
    for (size_t i = 0; i < now->report.count; i++) {
        const char *path =
            weir_arena_printf(&s->out->arena, "%s/%s", s->path, now->report.items[i].file);
        bool used = false;
        for (size_t k = 0; path && k < *count; k++) {
            used = used || strcmp(after[k].path, path) == 0;
        }
        if (!path) {
            return no_memory(s->err);
        }
        if (!used) {
            after[(*count)++] = (struct weir_file){.path = path, .gone = true};
        }
    }
    return WEIR_OK;
}

static int store_report(struct saving *s, const struct weir_document *now,
                        struct weir_content content, struct weir_content mine, bool *again)
{
    struct weir_arena *arena = &s->out->arena;
    struct change c = {.watch = s->path, .folder = true};
    struct weir_file *files;
    size_t count;
    weir_time newest;
    c.fingerprint = weir_library_fingerprint(s->lib, s->path, true, &newest);
    int code = weir_library_read_report(s->lib, s->path, arena, &c.before, &c.before_count, s->err);
    code = code ? code
                : content_files(arena, content, c.before, c.before_count, &files, &count, s->err);
    code = code ? code : check_merged(s, now, mine, files, count);
    if (code) {
        return code;
    }
    c.after = weir_arena_calloc(arena, (count + (now ? now->report.count : 0)) * sizeof *c.after);
    if (!c.after) {
        return no_memory(s->err);
    }
    memcpy(c.after, files, count * sizeof *files);
    c.after_count = count;
    code = in_folder(s, c.before, c.before_count);
    code = code ? code : in_folder(s, c.after, c.after_count);
    code = code || !now ? code : drop_unused(s, now, c.after, &c.after_count);
    char message[400];
    struct weir_str title = weir_data_get_text(content.report, "title");
    snprintf(message, sizeof message, "%s %.300s", now ? "Save" : "Make",
             title.ptr ? title.ptr : "");
    return code ? code
                : store(s->lib, &c, &s->save->author, s->save->message ? s->save->message : message,
                        again, s->err);
}

static void choose_folder(struct saving *s, const struct weir_data *report)
{
    char slug[64], full[4096];
    struct stat st;
    struct weir_str title = weir_data_get_text(report, "title");
    weir_slug_make(title.ptr ? title : WEIR_STR(""), slug);
    snprintf(s->path, sizeof s->path, "reports/%s", slug);
    for (int n = 2; n < 100000; n++) {
        snprintf(full, sizeof full, "%s/%s", s->lib->dir, s->path);
        if (lstat(full, &st)) {
            return;
        }
        snprintf(s->path, sizeof s->path, "reports/%s-%d", slug, n);
    }
}

static int save_once(struct saving *s, const char *key, struct weir_content content, bool *again)
{
    struct weir_error *err = s->err;
    int code = weir_git_lock(s->lib->git, LOCK_WAIT, err);
    code = code ? code : weir_library_refresh(s->lib, err);
    if (code) {
        return code;
    }
    struct weir_documents *all = weir_library_hold(s->lib);
    const struct weir_document *now =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(s->out->key));
    struct weir_content mine = content;
    if (key && !now) {
        code = weir_fail(err, WEIR_ENOENT, "there is no report %.40s; it was deleted", key);
    } else if (!key && now) {
        code = weir_fail(err, WEIR_EEXIST, "there is a report with the id %s already", s->out->key);
    } else if (now && !s->save->base) {
        code = weir_fail(err, WEIR_EINVAL, "\"base\", the version that was edited, is missing");
    } else if (now) {
        snprintf(s->path, sizeof s->path, "%s", now->path);
        code = merge_with_disk(s, now, &content);
    } else {
        choose_folder(s, content.report);
    }
    code = code ? code : store_report(s, now, content, mine, again);
    weir_git_unlock(s->lib->git);
    if (s->out->conflict) {
        /* It points into a document: a copy stays when that goes. */
        s->out->theirs.report = weir_data_copy(&s->out->arena, s->out->theirs.report);
        s->out->theirs.queries = weir_data_copy(&s->out->arena, s->out->theirs.queries);
    }
    weir_documents_release(all);
    return code;
}

int weir_report_save(struct weir_library *lib, const char *key, struct weir_content content,
                     const struct weir_save *save, struct weir_saved *out, struct weir_error *err)
{
    struct saving s = {.lib = lib, .save = save, .out = out, .err = err};
    *out = (struct weir_saved){0};
    weir_arena_init(&out->arena, SAVE_MAX);
    struct weir_str id = weir_data_get_text(content.report, "id");
    if (key) {
        snprintf(out->key, sizeof out->key, "%.60s", key);
    } else if (id.ptr && weir_id_ok(id)) {
        snprintf(out->key, sizeof out->key, "%s", id.ptr);
    } else {
        weir_id_fresh(out->key);
    }
    if (content.report->type != WEIR_DATA_OBJECT) {
        return weir_fail(err, WEIR_EINVAL, "\"report\" is an object");
    }
    struct weir_data *report = weir_data_copy(&out->arena, content.report);
    struct weir_data *text = weir_data_text(&out->arena, weir_str_of(out->key));
    if (!report || !text || !weir_data_set(&out->arena, report, WEIR_STR("id"), text) ||
        !(content.report = with_files(&out->arena, report))) {
        return no_memory(err);
    }
    bool again = true;
    int code = WEIR_OK;
    for (int i = 0; !code && again && i < TRIES; i++) {
        again = false;
        out->merged = false;
        code = save_once(&s, key, content, &again);
    }
    if (!code && again) {
        code = weir_fail(err, WEIR_EBUSY, "%s is being changed on disk all the time; try again",
                         s.path);
    }
    code = code ? code : weir_library_refresh(lib, err);
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *now =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(out->key));
    if (!code && now) {
        memcpy(out->version, now->version, sizeof out->version);
    }
    weir_documents_release(all);
    return code;
}

/* `files`, which may be NULL, gets what it was read from. */
static int read_at(struct weir_library *lib, const char *key, const char *version,
                   struct weir_arena *arena, struct weir_report *out, struct weir_file **files,
                   size_t *count, struct weir_error *err)
{
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *now =
        weir_documents_find(all, WEIR_DOCUMENT_REPORT, weir_str_of(key));
    /* A tree needs no path; one of a commit is looked for by the report's id. */
    const char *path =
        weir_git_report_path(lib->git, version, key, now ? now->path : "reports", arena);
    int code = path ? weir_git_read_folder(lib->git, version, path, arena, files, count, err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for version %.40s", version);
    code = code ? code : weir_report_parse(arena, path, *files, *count, out, err);
    if (!code && strcmp(out->id, key) != 0) {
        code = weir_fail(err, WEIR_ENOENT, "version %.40s is one of another report", version);
    }
    weir_documents_release(all);
    return code;
}

int weir_report_at(struct weir_library *lib, const char *key, const char *version,
                   struct weir_arena *arena, struct weir_report *out, struct weir_error *err)
{
    struct weir_file *files;
    size_t count;
    return read_at(lib, key, version, arena, out, &files, &count, err);
}

int weir_report_document_at(struct weir_library *lib, const char *key, const char *version,
                            struct weir_document **out, struct weir_error *err)
{
    struct weir_file *files;
    size_t count;
    struct weir_document *d = *out = calloc(1, sizeof *d);
    if (!d) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a report");
    }
    weir_arena_init(&d->arena, WEIR_DOCUMENT_ARENA);
    atomic_init(&d->holders, 1);
    d->kind = WEIR_DOCUMENT_REPORT;
    d->usable = true;
    int code = read_at(lib, key, version, &d->arena, &d->report, &files, &count, err);
    code = code ? code : weir_git_keep_folder(lib->git, files, count, d->version, err);
    if (code) {
        weir_document_release(d);
        *out = NULL;
        return code;
    }
    d->key = d->report.id;
    d->slug = d->path = "";
    d->title = d->report.title;
    d->description = d->report.description;
    return WEIR_OK;
}
