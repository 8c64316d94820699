/* A folder for one test, removed with all that is in it. */
#ifndef WEIR_TEST_TEMPDIR_H
#define WEIR_TEST_TEMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tempdir {
    char path[128];
};

static inline struct tempdir tempdir_make(void)
{
    struct tempdir dir;
    const char *base = getenv("TMPDIR");
    snprintf(dir.path, sizeof dir.path, "%.90s/weir-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir.path)) {
        perror(dir.path);
        abort();
    }
    return dir;
}

/* "<dir>/<name>" in a buffer of the caller. */
static inline const char *tempdir_path(const struct tempdir *dir, const char *name, char out[512])
{
    snprintf(out, 512, "%s/%s", dir->path, name);
    return out;
}

static inline int tempdir_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void tempdir_remove(const struct tempdir *dir)
{
    nftw(dir->path, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
