#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"
#include "workspace/git.h"
#include "workspace/name.h"
#include "workspace/workspace.h"

#define KEY_LENGTH 32 /* of 62 letters: 190 bits */

/* Kept in step with the option tables by tests/unit/test_settings.c. */
static const char weir_yml[] =
    "# weir's settings. Every value below is the default: remove its # to change it.\n"
    "# All settings, explained: docs/guide/settings.md\n"
    "\n"
    "collect:\n"
    "#  listen: 127.0.0.1:8080    # where SDKs send events; 0.0.0.0:8080 opens it to the network\n"
    "#  max_body: 8MB             # a larger request is answered 413\n"
    "\n"
    "log:\n"
    "#  keep_free: 256MB          # with less free disk than this, events are answered 503\n"
    "\n"
    "query:\n"
    "#  timeout: 5m               # a query that runs longer is stopped\n"
    "\n"
    "serve:\n"
    "#  listen: 127.0.0.1:8081    # API and pages\n";

static int write_new(const char *dir, const char *name, struct weir_str text,
                     struct weir_error *err)
{
    char *path = weir_path_join(dir, name);
    int code = path ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    if (!code && access(path, F_OK) == 0) {
        code = weir_fail(err, WEIR_EEXIST, "%s is there already", path);
    }
    code = code ? code : weir_file_replace(path, text, 0644, err);
    free(path);
    return code;
}

static void fresh_key(char out[KEY_LENGTH + 1])
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int n = 0; n < KEY_LENGTH;) {
        unsigned char byte;
        weir_random_bytes(&byte, 1);
        if (byte < 4 * 62) { /* the rest would make the first letters likelier */
            out[n++] = letters[byte % 62];
        }
    }
    out[KEY_LENGTH] = '\0';
}

static int write_source(const char *dir, const char *name, const char *key, struct weir_error *err)
{
    char fresh[KEY_LENGTH + 1], file[64];
    char *folder = weir_path_join(dir, "sources");
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    fresh_key(fresh);
    snprintf(file, sizeof file, "%s.yml", name);
    weir_buf_addf(&text,
                  "# Events sent with this key arrive in the schema \"%s\" of the warehouse.\n"
                  "# What else can be said here: docs/guide/sources.md\n"
                  "write_key: %s\n"
                  "# ip: keep                 # or anonymize, or drop\n"
                  "# strict: false            # true: unknown write keys are answered 401\n",
                  name, key ? key : fresh);
    int code = folder ? weir_dir_make(folder, 0755, err)
                      : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    code = code ? code : weir_buf_check(&text, "the source's file", err);
    code = code ? code : write_new(folder, file, weir_buf_str(&text), err);
    weir_buf_free(&text);
    free(folder);
    return code;
}

int weir_source_add(const struct weir_workspace *workspace, const char *name, const char *key,
                    struct weir_error *err)
{
    struct weir_sources sources;
    int code = weir_source_name_check(weir_str_of(name), err);
    if (!code && key) {
        code = weir_write_key_check(weir_str_of(key), err);
    }
    code = code ? code : weir_sources_load(workspace, &sources, err);
    if (code) {
        return code;
    }
    const struct weir_source *same = key ? weir_sources_by_key(&sources, weir_str_of(key)) : NULL;
    if (same && strcmp(same->name, name) != 0) {
        code = weir_fail(err, WEIR_EEXIST, "%s has this write key; give the new source another",
                         same->path);
    }
    weir_sources_free(&sources);
    return code ? code : write_source(workspace->dir, name, key, err);
}

/* --- git ---------------------------------------------------------------------------------------
 */

static int make_repository(const char *dir, struct weir_error *err)
{
    struct weir_git *git;
    int code = weir_git_init(dir, &git, err);
    if (!code) {
        weir_git_close(git);
    }
    return code;
}

/* What init made, and nothing else that may lie in the folder. */
static int first_commit(const char *dir, struct weir_error *err)
{
    static const char *const made[] = {".gitignore", "sources/web.yml", "weir.yml"};
    enum { MADE = sizeof made / sizeof made[0] };
    struct weir_file files[MADE];
    struct weir_buf texts[MADE];
    struct weir_git *git = NULL;
    int code = weir_git_open(dir, &git, err);
    for (size_t i = 0; i < MADE; i++) {
        weir_buf_init(&texts[i], WEIR_FILE_MAX);
        code = code ? code : weir_files_read(dir, made[i], &texts[i], err);
        files[i] = (struct weir_file){.path = made[i], .bytes = weir_buf_str(&texts[i])};
    }
    code = code ? code : weir_git_lock(git, 10 * WEIR_SECOND, err);
    if (!code) {
        struct weir_author owner = weir_git_owner(git);
        code = weir_git_commit(git, files, MADE, &owner, "Make a weir workspace", NULL, err);
    }
    for (size_t i = 0; i < MADE; i++) {
        weir_buf_free(&texts[i]);
    }
    weir_git_close(git);
    return code ? weir_error_prefix(err, code, "the workspace is made, its first commit failed")
                : WEIR_OK;
}

static int ignore_data(const char *dir, struct weir_error *err)
{
    char *path = weir_path_join(dir, ".gitignore");
    struct weir_buf text;
    weir_buf_init(&text, 1 << 20);
    int code = path ? weir_file_read(path, &text, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    code = code == WEIR_ENOENT ? WEIR_OK : code;
    struct weir_str rest = weir_buf_str(&text);
    bool listed = false;
    while (!code && rest.ptr) {
        struct weir_str line = weir_str_trim(weir_str_cut(&rest, '\n'));
        listed = listed || weir_str_is(line, ".weir/") || weir_str_is(line, "/.weir/");
    }
    if (!code && !listed) {
        bool broken_line = text.len > 0 && text.data[text.len - 1] != '\n';
        weir_buf_addf(&text, "%s# weir's data: event log, warehouse, sockets\n/.weir/\n",
                      broken_line ? "\n" : "");
        code = weir_buf_check(&text, ".gitignore", err);
        code = code ? code : weir_file_replace(path, weir_buf_str(&text), 0644, err);
    }
    weir_buf_free(&text);
    free(path);
    return code;
}

int weir_workspace_init(const char *dir, struct weir_error *err)
{
    char *settings = weir_path_join(dir, "weir.yml");
    char *web = weir_path_join(dir, "sources/web.yml");
    char *data = weir_path_join(dir, ".weir");
    int code = settings && web && data
                   ? WEIR_OK
                   : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    if (!code && access(settings, F_OK) == 0) {
        code = weir_fail(err, WEIR_EEXIST,
                         "\"%s\" is a workspace already (it has a weir.yml); nothing was changed",
                         dir);
    }
    code = code ? code : weir_dir_make(dir, 0755, err);
    code = code ? code : make_repository(dir, err);
    code = code ? code : ignore_data(dir, err);
    code = code ? code : weir_dir_make(data, 0700, err);
    if (!code && access(web, F_OK) != 0) {
        code = write_source(dir, "web", NULL, err);
    }
    /* Last, because it is what makes the folder a workspace: an interrupted init can be repeated.
     */
    code = code ? code : write_new(dir, "weir.yml", WEIR_STR(weir_yml), err);
    code = code ? code : first_commit(dir, err);
    free(settings);
    free(web);
    free(data);
    return code;
}

#define MOST_ADDED 64

static int add_file(const char *dir, const struct weir_workspace_text *file,
                    struct weir_file *added, struct weir_error *err)
{
    struct weir_buf there;
    weir_buf_init(&there, WEIR_FILE_MAX);
    struct weir_error ignored;
    int code = weir_files_read(dir, file->path, &there, &ignored);
    weir_buf_free(&there);
    if (code != WEIR_ENOENT) {
        return WEIR_EEXIST; /* the owner's: left as it is */
    }
    *added = (struct weir_file){.path = file->path, .bytes = weir_str_of(file->text)};
    return weir_files_write(dir, file->path, added->bytes, err);
}

int weir_workspace_add(const char *dir, const struct weir_workspace_text *files,
                       const char *message, struct weir_error *err)
{
    struct weir_file added[MOST_ADDED];
    size_t count = 0;
    struct weir_git *git = NULL;
    int code = weir_git_open(dir, &git, err);
    code = code ? code : weir_git_lock(git, 10 * WEIR_SECOND, err);
    for (; !code && files->path && count < MOST_ADDED; files++) {
        code = add_file(dir, files, &added[count], err);
        count += code == WEIR_OK;
        code = code == WEIR_EEXIST ? WEIR_OK : code;
    }
    if (!code && files->path) {
        code = weir_fail(err, WEIR_ETOOBIG, "more than %d files at once", MOST_ADDED);
    }
    if (!code && count) {
        struct weir_author owner = weir_git_owner(git);
        code = weir_git_commit(git, added, count, &owner, message, NULL, err);
    }
    weir_git_close(git);
    return code;
}
