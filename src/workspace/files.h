/* The workspace's files, read and written without ever leaving the workspace.
 *
 * Paths are relative to the workspace, with slashes. No component is followed when it is a symbolic
 * link, and none may be "..", ".git" or ".weir": a path that came from a browser or from a remote
 * repository reaches nothing but plain files of the workspace. Any thread. `err` is never NULL. */
#ifndef WEIR_WORKSPACE_FILES_H
#define WEIR_WORKSPACE_FILES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

#define WEIR_FILE_MAX (4u << 20) /* of a document's file; larger ones are refused */

struct weir_file {
    const char *path;
    struct weir_str bytes;
    bool gone; /* it is to be removed */
};

int weir_files_check_path(struct weir_str path, struct weir_error *err) WEIR_MUST_CHECK;

/* Appends the file's bytes. WEIR_ENOENT when it is not there; a symbolic link, a folder, a device
 * and a pipe are WEIR_EINVAL; over out->max is WEIR_ETOOBIG. */
int weir_files_read(const char *root, const char *path, struct weir_buf *out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Atomically, on disk when it returns; folders are made. What is there and no plain file stays and
 * is WEIR_EINVAL. */
int weir_files_write(const char *root, const char *path, struct weir_str bytes,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Also the folders above it that became empty. Not there is no error. */
int weir_files_remove(const char *root, const char *path, struct weir_error *err) WEIR_MUST_CHECK;

#endif
