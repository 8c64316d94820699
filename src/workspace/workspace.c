#include "workspace/workspace.h"

#include <errno.h>
#include <stdlib.h>

#include "base/closest.h"
#include "io/file.h"

#define MAX_SETTINGS (1u << 20)
#define MAX_ARENA    (64u << 20)

/* The sections of weir.yml. Their options are checked by the part that reads them; a section that
 * nobody reads must not pass in silence. */
static const char *const sections[] = {"collect", "log",    "load",  "warehouse",
                                       "query",   "cache",  "serve", "workspace",
                                       "render",  "source", NULL};

static int check_sections(const struct weir_yaml *doc, struct weir_error *err)
{
    const struct weir_yaml_node *root = weir_yaml_root(doc);
    if (root->type != WEIR_YAML_MAPPING && root->type != WEIR_YAML_NULL) {
        return weir_yaml_fail(err, doc, root, "expected sections here (`collect:`, `serve:`, ...)");
    }
    for (const struct weir_yaml_node *n = root->first; n; n = n->next) {
        struct weir_closest near = weir_closest_to(n->key);
        bool known = false;
        for (const char *const *s = sections; *s && !known; s++) {
            known = weir_str_is(n->key, *s);
            weir_closest_consider(&near, *s);
        }
        if (!known && near.best) {
            return weir_yaml_fail(err, doc, n,
                                  "there is no section \"%.80s\"; did you mean \"%s\"?", n->key.ptr,
                                  near.best);
        }
        if (!known) {
            return weir_yaml_fail(err, doc, n,
                                  "there is no section \"%.80s\"; weir knows collect, log, load, "
                                  "warehouse, query, cache, serve and workspace",
                                  n->key.ptr);
        }
    }
    return WEIR_OK;
}

static int read_settings(struct weir_workspace *w, const char *given, struct weir_error *err)
{
    char *path = weir_path_join(w->dir, "weir.yml");
    struct weir_buf text;
    weir_buf_init(&text, MAX_SETTINGS);
    int code = path ? weir_file_read(path, &text, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    if (code == WEIR_ENOENT) {
        weir_fail(err, code,
                  "there is no weir.yml in \"%s\"; run `weir init %s`, or name the workspace with "
                  "-C DIR",
                  given, strcmp(given, ".") == 0 ? "DIR" : given);
    }
    code = code ? code : weir_yaml_parse(weir_buf_str(&text), "weir.yml", &w->settings, err);
    code = code ? code : check_sections(w->settings, err);
    weir_buf_free(&text);
    free(path);
    return code;
}

int weir_workspace_open(const char *dir, struct weir_workspace **out, struct weir_error *err)
{
    struct weir_workspace *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    }
    weir_arena_init(&w->arena, MAX_ARENA);
    char *real = realpath(dir, NULL);
    int code = WEIR_OK;
    if (!real) {
        code = errno == ENOENT
                   ? weir_fail(err, WEIR_ENOENT, "there is no folder \"%s\"; run `weir init %s`",
                               dir, dir)
                   : weir_fail_errno(err, errno, "cannot open the workspace \"%s\"", dir);
    } else {
        w->dir = weir_arena_strdup(&w->arena, real);
        w->data = weir_arena_printf(&w->arena, "%s/.weir", real);
        code = w->dir && w->data ? read_settings(w, dir, err)
                                 : weir_fail(err, WEIR_ENOMEM, "out of memory for the workspace");
    }
    free(real);
    if (code) {
        weir_workspace_close(w);
        return code;
    }
    *out = w;
    return WEIR_OK;
}

void weir_workspace_close(struct weir_workspace *workspace)
{
    if (workspace) {
        weir_yaml_free(workspace->settings);
        weir_arena_free(&workspace->arena);
        free(workspace);
    }
}

int weir_workspace_section(struct weir_workspace *workspace, const char *name,
                           const struct weir_option *table, void *settings, struct weir_error *err)
{
    const struct weir_yaml_node *section = weir_yaml_get(weir_yaml_root(workspace->settings), name);
    int code = weir_options_default(table, settings, &workspace->arena, err);
    code = code ? code
                : weir_options_yaml(table, settings, &workspace->arena, workspace->settings,
                                    section, err);
    return code ? code : weir_options_env(table, settings, &workspace->arena, err);
}

const char *weir_workspace_path(struct weir_workspace *workspace, const char *name)
{
    return weir_arena_printf(&workspace->arena, "%s/%s", workspace->data, name);
}
