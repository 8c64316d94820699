#include "workspace/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"

#define MAX_PATH      1024
#define MAX_COMPONENT 255

static bool forbidden(struct weir_str name)
{
    return name.len == 0 || weir_str_is(name, ".") || weir_str_is(name, "..") ||
           weir_str_eq_nocase(name, WEIR_STR(".git")) ||
           weir_str_eq_nocase(name, WEIR_STR(".weir"));
}

int weir_files_check_path(struct weir_str path, struct weir_error *err)
{
    struct weir_str rest = path;
    bool ok = path.len > 0 && path.len < MAX_PATH && weir_utf8_valid(path);
    for (size_t i = 0; ok && i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        ok = c >= 0x20 && c != 0x7F && c != '\\';
    }
    while (ok && rest.ptr) {
        struct weir_str name = weir_str_cut(&rest, '/');
        ok = !forbidden(name) && name.len <= MAX_COMPONENT;
    }
    return ok ? WEIR_OK
              : weir_fail(err, WEIR_EINVAL, "\"%.*s\" is no path of a workspace's file",
                          (int)(path.len < 200 ? path.len : 200), path.ptr);
}

/* Opens the folder that holds `path`; `*name` is its last component. -1 with `err` filled. */
static int open_parent(const char *root, const char *path, bool make, const char **name,
                       struct weir_error *err)
{
    int code = weir_files_check_path(weir_str_of(path), err);
    int dir = code ? -1 : open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!code && dir < 0) {
        weir_fail_errno(err, errno, "open %s", root);
    }
    while (dir >= 0 && strchr(path, '/')) {
        char part[MAX_COMPONENT + 1];
        size_t len = strcspn(path, "/");
        memcpy(part, path, len);
        part[len] = '\0';
        int made = make ? mkdirat(dir, part, 0755) : -1;
        if (made == 0) {
            (void)fsync(dir);
        }
        int next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && (errno == ELOOP || errno == ENOTDIR)) {
            weir_fail(err, WEIR_EINVAL, "%s/%s: \"%s\" is no plain folder; weir follows no links",
                      root, path, part);
        } else if (next < 0) {
            weir_fail_errno(err, errno, "open %s/%s", root, path);
        }
        close(dir);
        dir = next;
        path += len + 1;
    }
    *name = path;
    return dir;
}

int weir_files_read(const char *root, const char *path, struct weir_buf *out,
                    struct weir_error *err)
{
    const char *name;
    struct stat st;
    int dir = open_parent(root, path, false, &name, err);
    if (dir < 0) {
        return err->code;
    }
    int code = WEIR_OK;
    /* O_NONBLOCK: opening a pipe must not wait for its writer. */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno != ELOOP) {
        code = weir_fail_errno(err, errno, "open %s", path);
    } else if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        code = weir_fail(err, WEIR_EINVAL, "%s is no plain file; weir follows no links", path);
    } else if ((uint64_t)st.st_size > out->max - out->len) {
        code = weir_fail(err, WEIR_ETOOBIG, "%s has %lld bytes; at most %zu are read", path,
                         (long long)st.st_size, out->max);
    }
    char *to = code ? NULL : weir_buf_room(out, (size_t)st.st_size);
    size_t got = 0;
    while (to && !code && got < (size_t)st.st_size) {
        ssize_t n = read(fd, to + got, (size_t)st.st_size - got);
        if (n < 0 && errno != EINTR) {
            code = weir_fail_errno(err, errno, "read %s", path);
        } else if (n == 0) {
            break; /* it shrank meanwhile; the next look will see it */
        }
        got += n > 0 ? (size_t)n : 0;
    }
    code = code ? code : weir_buf_check(out, path, err);
    if (to) {
        out->len += got;
        out->data[out->len] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
    close(dir);
    return code;
}

static int write_temp(int dir, const char *temp, struct weir_str bytes, mode_t mode,
                      struct weir_error *err)
{
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "create %s", temp);
    }
    int code = weir_write_all(fd, bytes.ptr, bytes.len, temp, err);
    if (!code && (fchmod(fd, mode) || fsync(fd))) {
        code = weir_fail_errno(err, errno, "write %s", temp);
    }
    close(fd);
    return code;
}

int weir_files_write(const char *root, const char *path, struct weir_str bytes,
                     struct weir_error *err)
{
    const char *name;
    char temp[40];
    struct stat st;
    mode_t mode = 0644;
    int dir = open_parent(root, path, true, &name, err);
    if (dir < 0) {
        return err->code;
    }
    int code = WEIR_OK;
    snprintf(temp, sizeof temp, ".weir-%016llx", (unsigned long long)weir_random_u64());
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        mode = st.st_mode & 0777;
        if (!S_ISREG(st.st_mode)) {
            code = weir_fail(err, WEIR_EINVAL, "%s is no plain file; weir leaves it alone", path);
        }
    }
    code = code ? code : write_temp(dir, temp, bytes, mode, err);
    if (!code && renameat(dir, temp, dir, name)) {
        code = weir_fail_errno(err, errno, "write %s", path);
    }
    if (code) {
        (void)unlinkat(dir, temp, 0);
    } else if (fsync(dir) && errno != EINVAL) {
        code = weir_fail_errno(err, errno, "write the folder of %s", path);
    }
    close(dir);
    return code;
}

int weir_files_remove(const char *root, const char *path, struct weir_error *err)
{
    const char *name;
    char parent[MAX_PATH];
    int dir = open_parent(root, path, false, &name, err);
    if (dir < 0) {
        return err->code == WEIR_ENOENT ? WEIR_OK : err->code;
    }
    int code = unlinkat(dir, name, 0) && errno != ENOENT
                   ? weir_fail_errno(err, errno, "remove %s", path)
                   : WEIR_OK;
    (void)fsync(dir);
    close(dir);
    if (code) {
        return code;
    }
    /* The folder, if nothing is left in it; the first level (reports/, views/) stays. */
    snprintf(parent, sizeof parent, "%s", path);
    for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
        *slash = '\0';
        dir = strchr(parent, '/') ? open_parent(root, parent, false, &name, err) : -1;
        bool gone = dir >= 0 && unlinkat(dir, name, AT_REMOVEDIR) == 0;
        if (dir >= 0) {
            close(dir);
        }
        if (!gone) {
            break;
        }
    }
    return WEIR_OK;
}
