/* What one look at every file of the data folder tells. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "io/file.h"

#define CLOCKS_DIFFER (60 * WEIR_SECOND) /* more than any time service corrects at once */

struct files {
    const char *dir;
    uid_t owner; /* of the data folder */
    unsigned foreign, future;
    char first_foreign[256];
    uid_t foreign_uid;
    char newest[256];
    weir_time newest_at;
};

static int look(const char *name, void *arg, struct weir_error *err)
{
    (void)err;
    struct files *f = arg;
    struct stat st;
    char *path = weir_path_join(f->dir, name);
    if (path && lstat(path, &st) == 0) {
        weir_time at = st.st_mtim.tv_sec * WEIR_SECOND + st.st_mtim.tv_nsec / 1000;
        if (st.st_uid != f->owner && f->foreign++ == 0) {
            snprintf(f->first_foreign, sizeof f->first_foreign, "%s", path);
            f->foreign_uid = st.st_uid;
        }
        if (at > f->newest_at) {
            f->newest_at = at;
            snprintf(f->newest, sizeof f->newest, "%s", path);
        }
    }
    free(path);
    return 0;
}

void weir_doctor_files(struct weir_doctor *d)
{
    static const char *const folders[] = {"", "log", "quarantine", "run", "secrets", "tmp", "seen"};
    struct files f = {0};
    struct stat st;
    if (stat(d->workspace->data, &st)) {
        return;
    }
    f.owner = st.st_uid;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct weir_error ignored;
        f.dir = *folders[i] ? weir_workspace_path(d->workspace, folders[i]) : d->workspace->data;
        int code = f.dir && stat(f.dir, &st) == 0 ? weir_dir_each(f.dir, look, &f, &ignored) : 0;
        (void)code; /* what cannot be read is told by the check that needs it */
    }
    if (f.foreign) {
        weir_doctor_find(d, WEIR_HEALTH_WARNING, "owner",
                         "%u files do not belong to the owner of %s (uid %u), the first is %s "
                         "(uid %u); was weir run as another user? chown -R %u %s",
                         f.foreign, d->workspace->data, (unsigned)f.owner, f.first_foreign,
                         (unsigned)f.foreign_uid, (unsigned)f.owner, d->workspace->data);
    }
    if (f.newest_at > weir_now() + CLOCKS_DIFFER) {
        weir_doctor_find(d, WEIR_HEALTH_WARNING, "clock",
                         "%s was written %lld s from now: the clock was set back, or the folder "
                         "came from a machine whose clock was ahead; set the clock (events would "
                         "get wrong times)",
                         f.newest, (long long)((f.newest_at - weir_now()) / WEIR_SECOND));
    }
}
