#include "source/scratch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"

struct sweep {
    const char *dir, *name;
};

static int sweep_one(const char *name, void *arg, struct weir_error *err)
{
    struct sweep *s = arg;
    char path[8192];
    int64_t pid = 0;
    struct weir_str rest = weir_str_of(name);
    if (weir_str_is(weir_str_cut(&rest, '.'), s->name) && rest.ptr &&
        weir_str_to_i64(weir_str_cut(&rest, '.'), &pid) && pid > 1 && kill((pid_t)pid, 0) != 0 &&
        errno == ESRCH) {
        snprintf(path, sizeof path, "%s/%s", s->dir, name);
        (void)weir_tree_remove(path, err);
    }
    return 0;
}

int weir_source_scratch_make(const struct weir_source_site *site, const char *source,
                             char out[WEIR_SOURCE_SCRATCH_SIZE], struct weir_error *err)
{
    char dir[3800], data[PATH_MAX];
    struct weir_error ignored;
    out[0] = 0;
    int rc = weir_dir_make(site->data, 0700, err);
    if (rc || !realpath(site->data, data)) {
        return rc ? rc : weir_fail_errno(err, errno, "cannot find %s", site->data);
    }
    snprintf(dir, sizeof dir, "%.3700s/tmp/source", data);
    rc = weir_dir_make(dir, 0700, err);
    if (rc == 0) {
        struct sweep sweep = {dir, source};
        (void)!weir_dir_each(dir, sweep_one, &sweep, &ignored);
        snprintf(out, WEIR_SOURCE_SCRATCH_SIZE, "%s/%s.%d.%08" PRIx64, dir, source, (int)getpid(),
                 weir_random_u64() & 0xffffffff);
        rc = mkdir(out, 0700) ? weir_fail_errno(err, errno, "cannot make %s", out) : 0;
    }
    if (rc) {
        out[0] = 0;
    }
    return rc;
}

void weir_source_scratch_remove(char path[WEIR_SOURCE_SCRATCH_SIZE])
{
    struct weir_error ignored;
    if (path[0]) {
        (void)weir_tree_remove(path, &ignored);
        path[0] = 0;
    }
}
