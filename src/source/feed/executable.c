/* Where the program of a connector is, and whether it may be run. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/process.h"
#include "source/feed/program.h"

/* Links followed, it is one of source.programs, or lies below one. */
static bool path_allowed(const struct weir_source_site *site, const char *real)
{
    char item[8192], place[PATH_MAX];
    for (size_t i = 0; i < site->programs.count; i++) {
        const char *name = site->programs.items[i];
        snprintf(item, sizeof item, "%s%s%s", *name == '/' ? "" : site->dir,
                 *name == '/' ? "" : "/", name);
        size_t n = realpath(item, place) ? strlen(place) : 0;
        if (n && strncmp(place, real, n) == 0 &&
            (real[n] == 0 || real[n] == '/' || place[n - 1] == '/')) {
            return true;
        }
    }
    return false;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int weir_program_find(struct weir_program *p, struct weir_error *err)
{
    const char *name = p->settings->executable;
    char real[PATH_MAX];
    bool found;
    char dir[PATH_MAX]; /* the child has a working directory of its own */
    int n = *name == '/'                  ? snprintf(p->path, sizeof p->path, "%s", name)
            : realpath(p->site->dir, dir) ? snprintf(p->path, sizeof p->path, "%s/%s", dir, name)
                                          : -1;
    found = n > 0 && (size_t)n < sizeof p->path && is_file(p->path);
    if (found && access(p->path, X_OK) != 0 && realpath(p->path, real) &&
        path_allowed(p->site, real)) {
        return weir_fail(err, WEIR_EPERM,
                         "%s is there, but may not be executed; `chmod +x %s` lets it run", name,
                         name);
    }
    found = found && access(p->path, X_OK) == 0;
    if (!found && !strchr(name, '/')) {
        found = weir_process_find(name, p->path, sizeof p->path);
    }
    if (!found || !realpath(p->path, real)) {
        return weir_fail(err, WEIR_ENOENT,
                         "there is no program \"%s\" that can be run; `executable` is a path, in "
                         "the workspace or absolute, or a name in PATH",
                         name);
    }
    return path_allowed(p->site, real)
               ? 0
               : weir_fail(err, WEIR_EPERM,
                           "%s may not be run: add it, or its folder, to source.programs in "
                           "weir.yml (it will run as weir's own user)",
                           real);
}
