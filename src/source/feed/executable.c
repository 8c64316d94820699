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

/* Of a script, what the kernel says of its interpreter as if it were of the script. */
static int check_first_line(const char *path, const char *name, struct weir_error *err)
{
    char text[4096];
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    struct weir_str rest = {text, n}, line = weir_str_cut(&rest, '\n');
    if (file) {
        fclose(file);
    }
    if (n == sizeof text && !rest.ptr) {
        return 0; /* too long for a first line */
    }
    if (!weir_str_starts(line, WEIR_STR("#!"))) {
        return 0;
    }
    if (line.ptr[line.len - 1] == '\r') {
        return weir_fail(err, WEIR_EINVAL,
                         "%s cannot be run: its lines end as Windows writes them, so its first one "
                         "names no program; `sed -i 's/\\r$//' %s` mends it",
                         name, name);
    }
    char interpreter[PATH_MAX];
    line = (struct weir_str){line.ptr + 2, line.len - 2};
    while (line.len && (*line.ptr == ' ' || *line.ptr == '\t')) {
        line = (struct weir_str){line.ptr + 1, line.len - 1};
    }
    line = weir_str_cut(&line, ' ');
    line = weir_str_cut(&line, '\t');
    if (line.len == 0 || *line.ptr != '/' || line.len >= sizeof interpreter) {
        return 0;
    }
    snprintf(interpreter, sizeof interpreter, WEIR_STR_FMT, WEIR_STR_ARG(line));
    return access(interpreter, F_OK) == 0
               ? 0
               : weir_fail(err, WEIR_ENOENT,
                           "%s cannot be run: its first line names %s, which is not there", name,
                           interpreter);
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
               ? check_first_line(real, name, err)
               : weir_fail(err, WEIR_EPERM,
                           "%s may not be run: add it, or its folder, to source.programs in "
                           "weir.yml (it will run as weir's own user)",
                           real);
}
