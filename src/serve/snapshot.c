#include "serve/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "io/file.h"
#include "workspace/report.h"

#define PATH_SIZE    4096
#define MAX_MANIFEST (64u << 20)
#define MAX_DEPTH    40
#define FORMAT       1
#define PART         "part-"

struct weir_snapshots {
    const char *dir;      /* .weir/snapshots */
    pthread_mutex_t lock; /* guards the rest */
    struct weir_snapshot *first;
    uint64_t count, bytes;
};

static void path_of(const struct weir_snapshots *s, char *out, const char *prefix, const char *id,
                    const char *file)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s%s%s%s", s->dir, prefix, id, *file ? "/" : "", file);
    if (n < 0 || n >= PATH_SIZE) {
        out[0] = '\0'; /* no such file */
    }
}

/* --- folders -------------------------------------------------------------------------------- */

static int remove_file(const char *name, void *arg, struct weir_error *err)
{
    char *path = weir_path_join(arg, name);
    int rc = WEIR_OK;
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a path");
    }
    if (unlink(path) && errno != ENOENT) {
        rc = weir_fail_errno(err, errno, "%s cannot be removed", path);
    }
    free(path);
    return rc;
}

/* A folder of plain files. */
static int remove_folder(char *path, struct weir_error *err)
{
    int rc = weir_dir_each(path, remove_file, path, err);
    if (rc == 0 && rmdir(path) && errno != ENOENT) {
        rc = weir_fail_errno(err, errno, "%s cannot be removed", path);
    }
    return rc == WEIR_ENOENT ? WEIR_OK : rc;
}

struct sizing {
    const char *dir;
    uint64_t bytes;
};

static int add_size(const char *name, void *arg, struct weir_error *err)
{
    struct sizing *sizing = arg;
    struct stat st;
    char *path = weir_path_join(sizing->dir, name);
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a path");
    }
    if (lstat(path, &st) == 0) {
        sizing->bytes += (uint64_t)st.st_size;
    }
    free(path);
    return WEIR_OK;
}

/* --- the manifest's head ---------------------------------------------------------------------- */

static const char *copy_text(struct weir_snapshot *s, struct weir_json object, const char *key)
{
    struct weir_str text = weir_json_get_str(object, key);
    return text.ptr ? weir_arena_dup(&s->arena, text).ptr : NULL;
}

static bool read_rules(struct weir_snapshot *s, struct weir_json value)
{
    struct weir_str text;
    char hex[33];
    s->restricted = weir_json_exists(value) && weir_json_type(value) != WEIR_JSON_NULL;
    if (!s->restricted) {
        return weir_json_exists(value);
    }
    if (!weir_json_str(value, &text) || text.len != 32) {
        return false;
    }
    memcpy(hex, text.ptr, 32);
    hex[32] = '\0';
    return sscanf(hex, "%16" SCNx64 "%16" SCNx64, &s->rules.hi, &s->rules.lo) == 2;
}

static bool read_values(struct weir_snapshot *s, struct weir_json value)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_MANIFEST);
    weir_json_print(value, &text);
    s->values =
        weir_buf_ok(&text) ? weir_arena_dup(&s->arena, weir_buf_str(&text)) : (struct weir_str){0};
    weir_buf_free(&text);
    return s->values.ptr;
}

/* False when it is none of ours. */
static bool read_head(struct weir_snapshot *s, struct weir_json root)
{
    int64_t format = 0;
    struct weir_json by = weir_json_get(root, "by");
    if (!weir_json_i64(weir_json_get(root, "format"), &format) || format != FORMAT) {
        return false;
    }
    s->id = copy_text(s, root, "id");
    s->report = copy_text(s, root, "report");
    s->title = copy_text(s, root, "title");
    s->by_id = copy_text(s, by, "id");
    s->by_name = copy_text(s, by, "name");
    s->by_email = copy_text(s, by, "email");
    struct weir_str at = weir_json_get_str(root, "at");
    return s->id && s->report && weir_id_ok(weir_str_of(s->report)) && s->title && s->by_id &&
           s->by_name && s->by_email && at.ptr && weir_time_parse(at, &s->at) &&
           read_rules(s, weir_json_get(root, "rules")) &&
           read_values(s, weir_json_get(root, "values"));
}

static void snapshot_free(struct weir_snapshot *s)
{
    if (s) {
        weir_arena_free(&s->arena);
        free(s);
    }
}

static int parse(struct weir_str text, const char *id, struct weir_snapshot **out,
                 struct weir_error *err)
{
    struct weir_json root;
    struct weir_snapshot *s = calloc(1, sizeof *s);
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    int rc = s && parser ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "no memory for a snapshot");
    if (s) {
        weir_arena_init(&s->arena, MAX_MANIFEST);
    }
    rc = rc ? rc : weir_json_parse(parser, text, &root, err);
    if (rc == 0 && (!read_head(s, root) || strcmp(s->id, id) != 0)) {
        rc = weir_fail(err, WEIR_ECORRUPT, "it is no snapshot that this weir can read");
    }
    weir_json_parser_free(parser);
    if (rc) {
        snapshot_free(s);
        s = NULL;
    }
    *out = s;
    return rc ? weir_error_prefix(err, rc, ".weir/snapshots/%s", id) : WEIR_OK;
}

/* --- the list ------------------------------------------------------------------------------- */

/* With the lock. Newest first. */
static void insert(struct weir_snapshots *all, struct weir_snapshot *s)
{
    struct weir_snapshot **at = &all->first;
    while (*at && (*at)->at > s->at) {
        at = &(*at)->next;
    }
    s->next = *at;
    *at = s;
    all->count++;
    all->bytes += s->bytes;
}

static int load(struct weir_snapshots *all, const char *id, struct weir_error *err)
{
    char path[PATH_SIZE];
    struct weir_buf text;
    struct weir_snapshot *s = NULL;
    weir_buf_init(&text, MAX_MANIFEST);
    int rc = weir_snapshots_manifest(all, id, &text, err);
    rc = rc ? rc : parse(weir_buf_str(&text), id, &s, err);
    weir_buf_free(&text);
    if (rc) {
        return rc;
    }
    path_of(all, path, "", id, "");
    struct sizing sizing = {.dir = path};
    rc = weir_dir_each(path, add_size, &sizing, err);
    s->bytes = sizing.bytes;
    if (rc) {
        snapshot_free(s);
        return rc;
    }
    pthread_mutex_lock(&all->lock);
    insert(all, s);
    pthread_mutex_unlock(&all->lock);
    return WEIR_OK;
}

/* What does not read is left alone: it may be a newer weir's. */
static int load_name(const char *name, void *arg, struct weir_error *err)
{
    struct weir_snapshots *all = arg;
    struct weir_error ignored;
    if (strncmp(name, PART, strlen(PART)) == 0) {
        char path[PATH_SIZE];
        path_of(all, path, "", name, "");
        return *path ? remove_folder(path, err) : WEIR_OK;
    }
    int rc = weir_id_ok(weir_str_of(name)) ? load(all, name, &ignored) : WEIR_OK;
    return rc == WEIR_ENOMEM ? weir_fail(err, rc, "no memory for the snapshots") : WEIR_OK;
}

int weir_snapshots_new(struct weir_workspace *workspace, struct weir_snapshots **out,
                       struct weir_error *err)
{
    struct weir_snapshots *all = calloc(1, sizeof *all);
    *out = all;
    if (!all) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the snapshots");
    }
    pthread_mutex_init(&all->lock, NULL);
    all->dir = weir_workspace_path(workspace, "snapshots");
    if (!all->dir) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the snapshots");
    }
    int rc = weir_dir_make(all->dir, 0700, err);
    return rc ? rc : weir_dir_each(all->dir, load_name, all, err);
}

void weir_snapshots_free(struct weir_snapshots *all)
{
    if (all) {
        for (struct weir_snapshot *s = all->first, *next; s; s = next) {
            next = s->next;
            snapshot_free(s);
        }
        pthread_mutex_destroy(&all->lock);
        free(all);
    }
}

void weir_snapshots_sum(struct weir_snapshots *all, uint64_t *count, uint64_t *bytes)
{
    pthread_mutex_lock(&all->lock);
    *count = all->count;
    *bytes = all->bytes;
    pthread_mutex_unlock(&all->lock);
}

void weir_snapshots_each(struct weir_snapshots *all, const char *report,
                         void (*fn)(const struct weir_snapshot *snapshot, void *arg), void *arg)
{
    pthread_mutex_lock(&all->lock);
    for (const struct weir_snapshot *s = all->first; s; s = s->next) {
        if (!report || strcmp(s->report, report) == 0) {
            fn(s, arg);
        }
    }
    pthread_mutex_unlock(&all->lock);
}

static int no_snapshot(struct weir_error *err, const char *id)
{
    return weir_fail(err, WEIR_ENOENT, "there is no snapshot %.40s, or you may not see it", id);
}

int weir_snapshots_get(struct weir_snapshots *all, const char *id, struct weir_arena *arena,
                       struct weir_snapshot *out, struct weir_error *err)
{
    pthread_mutex_lock(&all->lock);
    const struct weir_snapshot *s = all->first;
    while (s && strcmp(s->id, id) != 0) {
        s = s->next;
    }
    bool full = false;
    if (s) {
        *out = *s;
        out->next = NULL;
        memset(&out->arena, 0, sizeof out->arena);
        const char **texts[] = {&out->id,    &out->report,  &out->title,
                                &out->by_id, &out->by_name, &out->by_email};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            *texts[i] = weir_arena_strdup(arena, *texts[i]);
            full |= !*texts[i];
        }
        out->values = weir_arena_dup(arena, s->values);
        full |= !out->values.ptr;
    }
    pthread_mutex_unlock(&all->lock);
    return full ? weir_fail(err, WEIR_ENOMEM, "no memory for a snapshot")
           : s  ? WEIR_OK
                : no_snapshot(err, id);
}

/* --- making --------------------------------------------------------------------------------- */

int weir_snapshots_begin(struct weir_snapshots *all, const char *id, char *path,
                         struct weir_error *err)
{
    path_of(all, path, PART, id, "");
    return *path ? weir_dir_make(path, 0700, err)
                 : weir_fail(err, WEIR_ETOOBIG, "the workspace's path is too long for snapshots");
}

int weir_snapshots_add(struct weir_snapshots *all, const char *id, struct weir_str manifest,
                       struct weir_error *err)
{
    char part[PATH_SIZE], file[PATH_SIZE], path[PATH_SIZE];
    path_of(all, part, PART, id, "");
    path_of(all, file, PART, id, "snapshot.json");
    path_of(all, path, "", id, "");
    int rc = *part && *file && *path
                 ? weir_file_replace(file, manifest, 0600, err)
                 : weir_fail(err, WEIR_ETOOBIG, "the workspace's path is too long for snapshots");
    rc = rc ? rc : weir_dir_sync(part, err);
    if (rc == 0 && rename(part, path)) {
        rc = weir_fail_errno(err, errno, "%s cannot be renamed", part);
    }
    rc = rc ? rc : weir_dir_sync(all->dir, err);
    return rc ? rc : load(all, id, err);
}

void weir_snapshots_abandon(struct weir_snapshots *all, const char *id)
{
    char path[PATH_SIZE];
    struct weir_error ignored;
    path_of(all, path, PART, id, "");
    if (*path && remove_folder(path, &ignored)) {
        return; /* the next start removes it */
    }
}

/* --- reading and removing ------------------------------------------------------------------- */

int weir_snapshots_manifest(struct weir_snapshots *all, const char *id, struct weir_buf *out,
                            struct weir_error *err)
{
    char path[PATH_SIZE];
    path_of(all, path, "", id, "snapshot.json");
    return weir_id_ok(weir_str_of(id)) && *path ? weir_file_read(path, out, err)
                                                : no_snapshot(err, id);
}

void weir_snapshots_rows_path(struct weir_snapshots *all, const char *id, size_t n, char *path)
{
    char name[32];
    snprintf(name, sizeof name, "%zu.zst", n);
    path_of(all, path, "", id, name);
}

/* With the lock. */
static void forget(struct weir_snapshots *all, struct weir_snapshot **at)
{
    struct weir_snapshot *s = *at;
    *at = s->next;
    all->count--;
    all->bytes -= s->bytes;
    snapshot_free(s);
}

/* Renamed first, so that a crash leaves no half of it under its name. */
static int remove_files(struct weir_snapshots *all, const char *id, struct weir_error *err)
{
    char path[PATH_SIZE], part[PATH_SIZE];
    path_of(all, path, "", id, "");
    path_of(all, part, PART, id, "");
    if (!*path || !*part || rename(path, part)) {
        return weir_fail_errno(err, errno, "the snapshot %s cannot be removed", id);
    }
    return remove_folder(part, err);
}

static int remove_where(struct weir_snapshots *all, const char *id, const char *report,
                        struct weir_error *err)
{
    int rc = WEIR_OK;
    size_t removed = 0;
    pthread_mutex_lock(&all->lock);
    for (struct weir_snapshot **at = &all->first; rc == 0 && *at;) {
        bool meant = id ? strcmp((*at)->id, id) == 0 : strcmp((*at)->report, report) == 0;
        if (!meant) {
            at = &(*at)->next;
            continue;
        }
        rc = remove_files(all, (*at)->id, err);
        if (rc == 0) {
            removed++;
            forget(all, at);
        }
    }
    pthread_mutex_unlock(&all->lock);
    return rc || removed || !id ? rc : no_snapshot(err, id);
}

int weir_snapshots_remove(struct weir_snapshots *all, const char *id, struct weir_error *err)
{
    return remove_where(all, id, NULL, err);
}

int weir_snapshots_remove_of(struct weir_snapshots *all, const char *report, struct weir_error *err)
{
    return remove_where(all, NULL, report, err);
}
