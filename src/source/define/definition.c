/* sources/<name>.yml, written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/yaml_write.h"
#include "io/file.h"
#include "source/connector.h"
#include "source/define/secret.h"
#include "source/schedule/follow.h"
#include "workspace/files.h"
#include "workspace/name.h"

#define ROWS_MEMORY (128ull << 20) /* batches of them */
#define MAX_FILE    (1u << 20)

static int no_memory(struct weir_error *err)
{
    return weir_fail(err, WEIR_ENOMEM, "no memory for a source");
}

static int fit_values(struct weir_data *file, struct weir_arena *arena, struct weir_error *err)
{
    const struct weir_source_connector *c =
        weir_source_connector_of(weir_data_get_text(file, "kind"));
    struct weir_data *streams = weir_data_get(file, "streams");
    int rc = c ? weir_source_fit(c->options, weir_data_get(file, "connection"), arena, err) : 0;
    for (struct weir_data *s = streams && streams->type == WEIR_DATA_OBJECT ? streams->first : NULL;
         rc == 0 && s; s = s->next) {
        rc = weir_source_fit(weir_source_stream_options, s, arena, err);
    }
    return rc;
}

int weir_source_new_text(const char *name, const struct weir_data *what, struct weir_buf *out,
                         struct weir_error *err)
{
    struct weir_source_config config;
    struct weir_arena arena;
    char path[128];
    weir_arena_init(&arena, MAX_FILE * 16);
    weir_buf_addf(out,
                  "# Rows of this source are kept in the schema \"%s\" of the warehouse.\n"
                  "# What else can be said here: docs/guide/sources.md\n",
                  name);
    snprintf(path, sizeof path, "sources/%.64s.yml", name);
    struct weir_data *file = weir_data_copy(&arena, what);
    int rc = weir_source_name_check(weir_str_of(name), err);
    rc = rc || file ? rc : no_memory(err);
    rc = rc ? rc : fit_values(file, &arena, err);
    rc = rc ? rc : weir_yaml_write(out, file, NULL, err);
    rc = rc ? rc : weir_buf_check(out, "a source's file", err);
    if (rc == 0) {
        rc = weir_source_config_parse(weir_buf_str(out), name, path, &config, err);
        weir_source_config_free(&config);
    }
    weir_arena_free(&arena);
    return rc;
}

static int file_of(const char *workspace_dir, const char *name, char path[4096],
                   struct weir_error *err)
{
    int rc = weir_source_name_check(weir_str_of(name), err);
    if (rc == 0 && snprintf(path, 4096, "%s/sources/%s.yml", workspace_dir, name) >= 4096) {
        rc = weir_fail(err, WEIR_ETOOBIG, "the workspace's path is too long");
    }
    return rc;
}

static int read_text(const char *workspace_dir, const char *name, struct weir_buf *out,
                     struct weir_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "sources/%.64s.yml", name);
    int rc = weir_source_name_check(weir_str_of(name), err);
    return rc ? rc : weir_files_read(workspace_dir, path, out, err);
}

/* `schedule`: it is said anew. */
static int check_text(const char *workspace_dir, const char *name, struct weir_str text,
                      bool schedule, struct weir_error *err)
{
    struct weir_source_config config;
    char path[128];
    snprintf(path, sizeof path, "sources/%.64s.yml", name);
    int rc = weir_source_config_parse(text, name, path, &config, err);
    rc = rc ? rc : weir_source_others_check(workspace_dir, &config, err);
    if (rc == 0 && schedule &&
        weir_source_after_check(workspace_dir, &config, err) == WEIR_EINVAL) {
        rc = err->code; /* one that is not there yet may be made next */
    }
    weir_source_config_free(&config);
    return rc;
}

/* Of the file that is there: whoever closed it to others keeps it closed. */
static mode_t mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
}

int weir_source_create(const struct weir_source_site *site, const char *name, struct weir_str text,
                       const struct weir_source_typed *typed, struct weir_error *err)
{
    char path[4096], *dir = weir_path_join(site->dir, "sources");
    int rc = dir ? weir_dir_make(dir, 0755, err) : no_memory(err);
    rc = rc ? rc : file_of(site->dir, name, path, err);
    if (rc == 0 && access(path, F_OK) == 0) {
        rc = weir_fail(err, WEIR_EEXIST, "there is a source \"%s\" already", name);
    }
    rc = rc ? rc : check_text(site->dir, name, text, true, err);
    rc = rc ? rc : weir_file_replace(path, text, 0644, err);
    if (rc == 0 && weir_source_seal(site, typed, err)) {
        rc = err->code;
        (void)unlink(path);
    }
    free(dir);
    return rc;
}

int weir_source_remove(struct weir_workspace *workspace, const char *name, struct weir_error *err)
{
    char path[4096];
    struct weir_sources sources = {0};
    struct weir_error ignored;
    int rc = file_of(workspace->dir, name, path, err);
    if (rc == 0) { /* whatever is wrong with others, or with keys that two share */
        (void)!weir_sources_load_most(workspace, &sources, &ignored);
        for (size_t i = 0; i < sources.count; i++) {
            if (strcmp(sources.items[i].name, name) == 0) {
                rc = weir_fail(err, WEIR_EINVAL,
                               "\"%s\" is a source of tracking: its file holds the key that apps "
                               "send with; remove sources/%s.yml yourself",
                               name, name);
            }
        }
        weir_sources_free(&sources);
    }
    if (rc == 0 && unlink(path)) {
        rc =
            errno == ENOENT
                ? weir_fail(err, WEIR_ENOENT,
                            "there is no source \"%s\"; `weir source list` shows the sources", name)
                : weir_fail_errno(err, errno, "%s cannot be removed", path);
    }
    return rc;
}

int weir_source_exists(const char *workspace_dir, const char *name, struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    weir_source_config_free(&config);
    return rc;
}

int weir_source_check_file(const char *workspace_dir, const char *name, struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    rc = rc ? rc : weir_source_after_check(workspace_dir, &config, err);
    rc = rc && !strstr(err->message, "sources/")
             ? weir_error_prefix(err, rc, "sources/%s.yml", name)
             : rc;
    weir_source_config_free(&config);
    return rc;
}

int weir_source_schedule_of(const char *workspace_dir, const char *name,
                            struct weir_source_rota *out, struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    if (rc == 0) {
        const struct weir_source_connector *c = config.connector;
        *out = (struct weir_source_rota){.schedule = config.schedule,
                                         .verify = config.verify,
                                         .paused = config.paused,
                                         .priority = config.priority,
                                         .memory = c->memory ? c->memory(config.connection)
                                                             : ROWS_MEMORY};
    }
    weir_source_config_free(&config);
    return rc;
}

int weir_source_is_paused(const char *workspace_dir, const char *name, bool *paused,
                          struct weir_error *err)
{
    struct weir_source_config config;
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    *paused = rc == 0 && config.paused;
    weir_source_config_free(&config);
    return rc;
}

int weir_source_describe(const char *workspace_dir, struct weir_warehouse *warehouse,
                         const char *name, const char *run, const char *trouble, weir_time next,
                         struct weir_jw *w, struct weir_error *err)
{
    struct weir_source_config config;
    struct weir_buf kept, ignored;
    weir_buf_init(&kept, 4096);
    weir_buf_init(&ignored, 4096);
    int rc = weir_source_config_read(workspace_dir, name, &config, err);
    bool well = rc == 0;
    struct weir_error after = {0};
    if (well && weir_source_after_check(workspace_dir, &config, &after)) {
        trouble = after.message;
    }
    weir_jw_kstrz(w, "name", name);
    weir_jw_kstr_or_null(w, "kind", weir_str_of(well ? config.connector->name : ""));
    weir_jw_kstr_or_null(w, "schema", weir_str_of(well ? config.schema : ""));
    weir_jw_kstr_or_null(w, "schedule", weir_str_of(well ? config.schedule_text : ""));
    weir_jw_kstr_or_null(w, "verify", weir_str_of(well ? config.verify_text : ""));
    weir_jw_kbool(w, "verifies", well);
    weir_jw_kbool(w, "paused", well && config.paused);
    weir_jw_kbool(w, "follows", well && weir_source_follows(&config));
    weir_jw_ktime_or_null(w, "next_at", well && !config.paused ? next : 0);
    if (well) {
        (void)weir_source_kept(&config, warehouse, &kept, &ignored);
    }
    weir_jw_kstr_or_null(w, "kept", weir_buf_str(&kept));
    weir_jw_kstr_or_null(w, "run", weir_str_of(run));
    weir_jw_kstr_or_null(w, "error", weir_str_of(well ? trouble : err->message));
    weir_source_config_free(&config);
    weir_buf_free(&kept);
    weir_buf_free(&ignored);
    return rc == WEIR_ENOMEM ? rc : 0;
}

/* Which text it is, to say what a change is one of. */
static void version_of(struct weir_str text, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)weir_hash64(text.ptr, text.len, 0));
}

int weir_source_base_check(const char *workspace_dir, const char *name, struct weir_str base,
                           struct weir_error *err)
{
    char version[17];
    struct weir_buf text;
    weir_buf_init(&text, MAX_FILE);
    int rc = read_text(workspace_dir, name, &text, err);
    version_of(weir_buf_str(&text), version);
    if (rc == 0 && !weir_str_is(base, version)) {
        rc = weir_fail(err, WEIR_EEXIST,
                       "sources/%s.yml was changed by somebody else meanwhile; nothing is saved: "
                       "look at it anew, and change it then",
                       name);
    }
    weir_buf_free(&text);
    return rc;
}

int weir_source_print_file(const char *workspace_dir, const char *name, bool whole,
                           struct weir_arena *arena, struct weir_jw *w, struct weir_error *err)
{
    char shown[128], version[17];
    struct weir_buf text;
    struct weir_yaml *doc = NULL;
    struct weir_data *data = NULL;
    struct weir_error ignored;
    snprintf(shown, sizeof shown, "sources/%.64s.yml", name);
    weir_buf_init(&text, MAX_FILE);
    int rc = read_text(workspace_dir, name, &text, err);
    bool open = whole || weir_source_check_file(workspace_dir, name, &ignored) == 0;
    if (rc == 0) {
        weir_jw_kstrz(w, "file", shown);
        weir_jw_keyz(w, "text");
        if (open) {
            weir_jw_str(w, weir_buf_str(&text));
        } else {
            weir_jw_null(w);
        }
        version_of(weir_buf_str(&text), version);
        weir_jw_kstrz(w, "version", version);
        weir_jw_keyz(w, "settings");
        if (!open || weir_yaml_parse(weir_buf_str(&text), shown, &doc, &ignored) ||
            weir_data_from_yaml(arena, weir_yaml_root(doc), &data, &ignored)) {
            weir_jw_null(w);
        } else {
            weir_data_print(data, w);
        }
    }
    weir_yaml_free(doc);
    weir_buf_free(&text);
    return rc;
}

static int set_members(const struct weir_data *changes, struct weir_data *file,
                       struct weir_arena *arena, struct weir_error *err)
{
    for (const struct weir_data *m = changes->first; m; m = m->next) {
        if (weir_str_is(m->key, "secrets")) { /* of what is typed; no part of the file */
            continue;
        }
        if (m->type == WEIR_DATA_NULL) {
            char key[64];
            snprintf(key, sizeof key, WEIR_STR_FMT, WEIR_STR_ARG(m->key));
            weir_data_unset(file, key);
        } else if (!weir_data_set(arena, file, m->key, m)) {
            return no_memory(err);
        }
    }
    return 0;
}

static int take_typed(const char *name, struct weir_data *file, const struct weir_data *told,
                      struct weir_arena *arena, struct weir_source_typed **out,
                      struct weir_error *err)
{
    const struct weir_source_connector *c =
        weir_source_connector_of(weir_data_get_text(file, "kind"));
    *out = NULL;
    return c ? weir_source_take_typed(name, c, weir_data_get(file, "connection"), told, arena, out,
                                      err)
             : 0;
}

int weir_source_change(const struct weir_source_site *site, const char *name,
                       const struct weir_data *changes, struct weir_arena *arena,
                       struct weir_error *err)
{
    const char *workspace_dir = site->dir;
    struct weir_source_typed *typed = NULL;
    char path[4096], shown[128];
    struct weir_buf text, changed;
    struct weir_yaml *doc = NULL;
    struct weir_comments comments = {0};
    struct weir_data *file = NULL;
    snprintf(shown, sizeof shown, "sources/%.64s.yml", name);
    weir_buf_init(&text, MAX_FILE);
    weir_buf_init(&changed, MAX_FILE);
    int rc = weir_source_exists(workspace_dir, name, err);
    rc = rc ? rc : file_of(workspace_dir, name, path, err);
    rc = rc ? rc : read_text(workspace_dir, name, &text, err);
    rc = rc ? rc : weir_yaml_parse(weir_buf_str(&text), shown, &doc, err);
    rc = rc ? rc : weir_comments_read(&comments, weir_buf_str(&text), doc, err);
    rc = rc ? rc : weir_data_from_yaml(arena, weir_yaml_root(doc), &file, err);
    rc = rc ? rc : set_members(changes, file, arena, err);
    rc = rc ? rc : take_typed(name, file, weir_data_get(changes, "secrets"), arena, &typed, err);
    rc = rc ? rc : fit_values(file, arena, err);
    rc = rc ? rc : weir_yaml_write(&changed, file, &comments, err);
    rc = rc ? rc : weir_buf_check(&changed, "a source's file", err);
    rc = rc ? rc
            : check_text(workspace_dir, name, weir_buf_str(&changed),
                         weir_data_get(changes, "schedule") != NULL, err);
    rc = rc ? rc : weir_source_seal(site, typed, err);
    rc = rc ? rc : weir_file_replace(path, weir_buf_str(&changed), mode_of(path), err);
    weir_comments_free(&comments);
    weir_yaml_free(doc);
    weir_buf_free(&text);
    weir_buf_free(&changed);
    return rc;
}

/* In the data: the rest of the file is written anew, as it is read. */
static int pause_in_data(const char *workspace_dir, const char *name, bool paused,
                         struct weir_error *err)
{
    struct weir_arena arena;
    weir_arena_init(&arena, MAX_FILE * 16);
    struct weir_data *changes = weir_data_new(&arena, WEIR_DATA_OBJECT);
    struct weir_data *value = weir_data_new(&arena, paused ? WEIR_DATA_BOOL : WEIR_DATA_NULL);
    bool made = changes && value;
    if (made) {
        value->truth = paused;
        made = weir_data_set(&arena, changes, WEIR_STR("paused"), value);
    }
    const struct weir_source_site site = {.dir = workspace_dir};
    int rc = made ? weir_source_change(&site, name, changes, &arena, err) : no_memory(err);
    weir_arena_free(&arena);
    return rc;
}

/* Without the line that says it, or with one more. False when that is not what is wanted: a line
 * is not the only way to write it. */
static bool pause_in_text(struct weir_str text, const char *name, bool paused, struct weir_buf *out)
{
    struct weir_source_config config = {0};
    struct weir_error ignored;
    while (text.ptr && text.len) {
        struct weir_str line = weir_str_cut(&text, '\n');
        if (!weir_str_starts(line, WEIR_STR("paused:"))) {
            weir_buf_adds(out, line);
            weir_buf_addc(out, '\n');
        }
    }
    weir_buf_addz(out, paused ? "paused: true\n" : "");
    bool well = weir_buf_ok(out) &&
                weir_source_config_parse(weir_buf_str(out), name, "", &config, &ignored) == 0;
    well = well && config.paused == paused;
    weir_source_config_free(&config);
    return well;
}

int weir_source_pause(const char *workspace_dir, const char *name, bool paused,
                      struct weir_error *err)
{
    char path[4096];
    struct weir_buf text, changed;
    weir_buf_init(&text, MAX_FILE);
    weir_buf_init(&changed, MAX_FILE);
    int rc = weir_source_exists(workspace_dir, name, err);
    rc = rc ? rc : file_of(workspace_dir, name, path, err);
    rc = rc ? rc : read_text(workspace_dir, name, &text, err);
    if (rc == 0 && pause_in_text(weir_buf_str(&text), name, paused, &changed)) {
        rc = weir_file_replace(path, weir_buf_str(&changed), mode_of(path), err);
    } else if (rc == 0) {
        rc = pause_in_data(workspace_dir, name, paused, err);
    }
    weir_buf_free(&text);
    weir_buf_free(&changed);
    return rc;
}
