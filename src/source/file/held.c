/* A file while it is read: the very one that was found, whatever takes its place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/file/file.h"

static int changed(const struct weir_file *file, struct weir_error *err)
{
    return weir_fail(err, WEIR_EAGAIN,
                     WEIR_STR_FMT " changed while it was read; nothing was loaded of it, the next "
                                  "run reads it again",
                     WEIR_STR_ARG(file->name));
}

static bool is_same(const struct weir_file *file, const struct stat *st)
{
    return st->st_size == file->mark.size &&
           st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec == file->mark.mtime &&
           (int64_t)st->st_ino == file->mark.inode && (int64_t)st->st_dev == file->device;
}

int weir_file_hold(struct weir_file *file, struct weir_error *err)
{
    struct stat st;
    if (file->url || file->held) {
        return 0;
    }
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ELOOP || errno == ENOENT
                   ? changed(file, err)
                   : weir_fail_errno(err, errno, WEIR_STR_FMT " cannot be read",
                                     WEIR_STR_ARG(file->name));
    }
    if (fstat(fd, &st) || !is_same(file, &st)) {
        close(fd);
        return changed(file, err);
    }
    file->held = fd + 1;
    snprintf(file->through, sizeof file->through, "/proc/self/fd/%d", fd);
    return 0;
}

void weir_file_release(struct weir_file *file)
{
    if (file->held) {
        close(file->held - 1);
        file->held = 0;
    }
}

const char *weir_file_path(const struct weir_file *file)
{
    return file->held ? file->through : file->path;
}

int weir_file_unchanged(const struct weir_file *file, struct weir_error *err)
{
    struct stat st;
    if (file->url) {
        return 0; /* what was fetched is our own */
    }
    return stat(file->path, &st) == 0 && is_same(file, &st) ? 0 : changed(file, err);
}
