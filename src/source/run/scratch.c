#include "source/run/scratch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"

#define KEEP_FREE (1ull << 30) /* the event log stops at 256 MB, by default */

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A lock is taken before its folder is made. */
static int sweep(const char *name, void *arg, struct weir_error *err)
{
    const char *dir = arg;
    char path[8192], lock[8192];
    struct weir_error ignored;
    (void)err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(lock, sizeof lock, "%s/%s" WEIR_SOURCE_SCRATCH_LOCK, dir, name);
    if (!weir_str_ends(weir_str_of(name), WEIR_STR(WEIR_SOURCE_SCRATCH_LOCK)) && is_folder(path) &&
        !weir_lock_held(lock)) {
        (void)weir_tree_remove(path, &ignored);
        (void)unlink(lock);
    }
    return 0;
}

int weir_source_scratch_make(const struct weir_source_site *site, const char *source,
                             char out[WEIR_SOURCE_SCRATCH_SIZE], int *lock, struct weir_error *err)
{
    char dir[3800], data[PATH_MAX],
        path[WEIR_SOURCE_SCRATCH_SIZE + sizeof WEIR_SOURCE_SCRATCH_LOCK];
    struct weir_error ignored;
    out[0] = 0;
    int rc = weir_dir_make(site->data, 0700, err);
    if (rc || !realpath(site->data, data)) {
        return rc ? rc : weir_fail_errno(err, errno, "cannot find %s", site->data);
    }
    snprintf(dir, sizeof dir, "%.3700s/tmp/source", data);
    rc = weir_dir_make(dir, 0700, err);
    if (rc) {
        return rc;
    }
    (void)!weir_dir_each(dir, sweep, dir, &ignored);
    snprintf(out, WEIR_SOURCE_SCRATCH_SIZE, "%s/%s.%d.%08" PRIx64, dir, source, (int)getpid(),
             weir_random_u64() & 0xffffffff);
    snprintf(path, sizeof path, "%s" WEIR_SOURCE_SCRATCH_LOCK, out);
    rc = weir_lock_take(path, lock, err);
    if (rc == 0 && mkdir(out, 0700)) {
        rc = weir_fail_errno(err, errno, "cannot make %s", out);
        (void)unlink(path);
        close(*lock);
    }
    if (rc) {
        out[0] = 0;
    }
    return rc;
}

void weir_source_scratch_remove(char path[WEIR_SOURCE_SCRATCH_SIZE], int lock)
{
    char beside[WEIR_SOURCE_SCRATCH_SIZE + sizeof WEIR_SOURCE_SCRATCH_LOCK];
    struct weir_error ignored;
    if (path[0]) {
        (void)weir_tree_remove(path, &ignored);
        snprintf(beside, sizeof beside, "%s" WEIR_SOURCE_SCRATCH_LOCK, path);
        (void)unlink(beside);
        close(lock);
        path[0] = 0;
    }
}

int weir_source_scratch_room(const char *folder, uint64_t more, struct weir_error *err)
{
    uint64_t left = 0;
    int rc = weir_disk_free(folder, &left, err);
    return rc || (left >= KEEP_FREE && left - KEEP_FREE >= more)
               ? rc
               : weir_fail(err, WEIR_ETOOBIG,
                           "there is no room for what is read: the disk of weir's data folder has "
                           "%llu MB left, and events need them",
                           (unsigned long long)(left >> 20));
}
