/* Files that are really on the disk when the call returns.
 *
 * Paths are relative to a directory descriptor or absolute; nothing here changes the working
 * directory. Writes retry on EINTR and short writes. Descriptors are close-on-exec. */
#ifndef WEIR_IO_FILE_H
#define WEIR_IO_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/error.h"

/* Reads the whole file into `out` (appending). A file larger than out->max is WEIR_ETOOBIG. */
int weir_file_read(const char *path, struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Atomically: temporary file in the same folder, fsync, rename, fsync of the folder. */
int weir_file_replace(const char *path, struct weir_str bytes, mode_t mode,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* mkdir -p; every folder made is fsynced into its parent. */
int weir_dir_make(const char *path, mode_t mode, struct weir_error *err) WEIR_MUST_CHECK;
int weir_dir_sync(const char *path, struct weir_error *err) WEIR_MUST_CHECK;
/* Calls fn for each name but . and .., sorted bytewise; stops at its first non-zero return, which
 * becomes the result. */
int weir_dir_each(const char *path, int (*fn)(const char *name, void *arg, struct weir_error *err),
                  void *arg, struct weir_error *err) WEIR_MUST_CHECK;

/* Removes a folder and all that is in it; links are removed, not followed. What is not there is
 * fine. */
int weir_tree_remove(const char *path, struct weir_error *err);

int weir_write_all(int fd, const void *bytes, size_t n, const char *what,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Consumes the vectors (they are changed). */
int weir_pwritev_all(int fd, struct iovec *iov, int count, uint64_t offset, const char *what,
                     struct weir_error *err) WEIR_MUST_CHECK;
int weir_pread_all(int fd, void *bytes, size_t n, uint64_t offset, const char *what,
                   struct weir_error *err) WEIR_MUST_CHECK; /* a short file is WEIR_ECORRUPT */

/* Bytes that an unprivileged writer may still use on the file system that holds `path`. */
int weir_disk_free(const char *path, uint64_t *bytes, struct weir_error *err) WEIR_MUST_CHECK;

/* An advisory lock for the life of the descriptor (an OFD lock on a file that is created).
 * WEIR_EBUSY when someone else holds it; the message names the pid written in the file. */
int weir_lock_take(const char *path, int *fd, struct weir_error *err) WEIR_MUST_CHECK;
/* Does anyone hold it now? Takes nothing, so it never disturbs a weir_lock_take. */
bool weir_lock_held(const char *path);

/* Joins with one slash into a malloc'ed string; NULL when memory ran out. */
char *weir_path_join(const char *a, const char *b);

#endif
