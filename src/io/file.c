#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static ssize_t read_retry(int fd, void *bytes, size_t n)
{
    ssize_t got;
    do {
        got = read(fd, bytes, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Like fsync(2), for folders too: some file systems say EINVAL because they have nothing to do. */
static int sync_retry(int fd)
{
    int failed;
    do {
        failed = fsync(fd);
    } while (failed && errno == EINTR);
    return failed && errno != EINVAL && errno != EROFS ? -1 : 0;
}

/* The folder that holds `path`, malloc'ed. */
static char *parent_of(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    return n ? strndup(path, n) : strdup(".");
}

static int sync_parent(const char *path, struct weir_error *err)
{
    char *parent = parent_of(path);
    if (!parent) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
    }
    int code = weir_dir_sync(parent, err);
    free(parent);
    return code;
}

int weir_file_read(const char *path, struct weir_buf *out, struct weir_error *err)
{
    int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "open %s", path);
    }
    int code = WEIR_OK;
    for (;;) {
        size_t left = out->max - out->len;
        char probe;
        /* A full buffer is fine when the file ends there too. */
        size_t want = left < 65536 ? left : 65536;
        char *to = want ? weir_buf_room(out, want) : &probe;
        if (!to) {
            code = weir_buf_check(out, path, err);
            break;
        }
        ssize_t got = read_retry(fd, to, want ? want : 1);
        if (got < 0) {
            code = weir_fail_errno(err, errno, "read %s", path);
            break;
        }
        if (got == 0) {
            break;
        }
        if (!want) {
            out->failed = true;
            code = weir_buf_check(out, path, err);
            break;
        }
        out->len += (size_t)got;
    }
    if (out->data && out->len < out->cap) {
        out->data[out->len] = '\0';
    } else if (out->data) {
        memset(out->data + out->cap, 0, WEIR_BUF_PADDING);
    }
    close(fd);
    return code;
}

int weir_file_replace(const char *path, struct weir_str bytes, mode_t mode, struct weir_error *err)
{
    int code = WEIR_OK;
    int fd = -1;
    char *temp = NULL;
    if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
    }
    fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        code = weir_fail_errno(err, errno, "create %s", temp);
        free(temp);
        return code;
    }
    code = weir_write_all(fd, bytes.ptr, bytes.len, temp, err);
    if (!code && fchmod(fd, mode)) {
        code = weir_fail_errno(err, errno, "chmod %s", temp);
    }
    if (!code && sync_retry(fd)) {
        code = weir_fail_errno(err, errno, "fsync %s", temp);
    }
    if (close(fd) && !code) {
        code = weir_fail_errno(err, errno, "close %s", temp);
    }
    if (!code && rename(temp, path)) {
        code = weir_fail_errno(err, errno, "rename %s to %s", temp, path);
    }
    if (code) {
        unlink(temp);
    } else {
        code = sync_parent(path, err);
    }
    free(temp);
    return code;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int weir_dir_make(const char *path, mode_t mode, struct weir_error *err)
{
    int code = WEIR_OK;
    char *at = strdup(path);
    if (!at) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
    }
    for (char *end = at; !code && *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        /* stat first: mkdir of what exists may answer EROFS or EACCES instead of EEXIST */
        if (*at && !is_dir(at)) {
            if (mkdir(at, mode) == 0) {
                code = sync_parent(at, err);
            } else if (errno != EEXIST || !is_dir(at)) {
                code = weir_fail_errno(err, errno, "make folder %s", at);
            }
        }
        *end = kept;
    }
    free(at);
    return code;
}

int weir_dir_sync(const char *path, struct weir_error *err)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "open folder %s", path);
    }
    int code = WEIR_OK;
    if (sync_retry(fd)) {
        code = weir_fail_errno(err, errno, "fsync folder %s", path);
    }
    close(fd);
    return code;
}

struct name_list {
    char **names;
    size_t count;
    size_t cap;
};

static int name_list_add(struct name_list *list, const char *name)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 32;
        char **names = realloc(list->names, cap * sizeof *names);
        if (!names) {
            return WEIR_ENOMEM;
        }
        list->names = names;
        list->cap = cap;
    }
    char *copy = strdup(name);
    if (!copy) {
        return WEIR_ENOMEM;
    }
    list->names[list->count++] = copy;
    return WEIR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names before the first call: fn may add and remove files. */
static int list_names(const char *path, struct name_list *list, struct weir_error *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return weir_fail_errno(err, errno, "open folder %s", path);
    }
    int code = WEIR_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno) {
                code = weir_fail_errno(err, errno, "read folder %s", path);
            }
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (name_list_add(list, entry->d_name)) {
            code = weir_fail(err, WEIR_ENOMEM, "%s: out of memory", path);
            break;
        }
    }
    closedir(dir);
    return code;
}

int weir_dir_each(const char *path, int (*fn)(const char *name, void *arg, struct weir_error *err),
                  void *arg, struct weir_error *err)
{
    struct name_list list = {0};
    int code = list_names(path, &list, err);
    if (!code && list.count) {
        qsort(list.names, list.count, sizeof *list.names, by_name);
    }
    for (size_t i = 0; i < list.count; i++) {
        if (!code) {
            code = fn(list.names[i], arg, err);
        }
        free(list.names[i]);
    }
    free(list.names);
    return code;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

int weir_tree_remove(const char *path, struct weir_error *err)
{
    enum { AT_ONCE = 16 }; /* folders open at once */
    if (nftw(path, remove_one, AT_ONCE, FTW_DEPTH | FTW_PHYS) && errno != ENOENT) {
        return weir_fail_errno(err, errno, "cannot remove %s", path);
    }
    return 0;
}

int weir_write_all(int fd, const void *bytes, size_t n, const char *what, struct weir_error *err)
{
    const char *at = bytes;
    while (n) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return weir_fail_errno(err, put ? errno : EIO, "write %s", what);
        }
        at += put;
        n -= (size_t)put;
    }
    return WEIR_OK;
}

int weir_pwritev_all(int fd, struct iovec *iov, int count, uint64_t offset, const char *what,
                     struct weir_error *err)
{
    for (;;) {
        while (count && !iov->iov_len) {
            iov++;
            count--;
        }
        if (!count) {
            return WEIR_OK;
        }
        ssize_t put = pwritev(fd, iov, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return weir_fail_errno(err, put ? errno : EIO, "write %s", what);
        }
        offset += (uint64_t)put;
        for (size_t left = (size_t)put; left;) {
            size_t step = left < iov->iov_len ? left : iov->iov_len;
            iov->iov_base = (char *)iov->iov_base + step;
            iov->iov_len -= step;
            left -= step;
            if (!iov->iov_len) {
                iov++;
                count--;
            }
        }
    }
}

int weir_pread_all(int fd, void *bytes, size_t n, uint64_t offset, const char *what,
                   struct weir_error *err)
{
    char *at = bytes;
    while (n) {
        ssize_t got = pread(fd, at, n, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return weir_fail_errno(err, errno, "read %s", what);
        }
        if (got == 0) {
            return weir_fail(err, WEIR_ECORRUPT, "%s: the file ends at byte %llu, %zu bytes early",
                             what, (unsigned long long)offset, n);
        }
        at += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return WEIR_OK;
}

int weir_disk_free(const char *path, uint64_t *bytes, struct weir_error *err)
{
    struct statvfs st;
    while (statvfs(path, &st)) {
        if (errno != EINTR) {
            return weir_fail_errno(err, errno, "free space of %s", path);
        }
    }
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return WEIR_OK;
}

/* Locks of the open file description: they live and die with the descriptor, as flock's do, and can
 * also be asked about without being taken. */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* Someone may have removed or replaced the file between open and lock: such a lock locks nothing.
 */
static bool still_there(const char *path, int fd)
{
    struct stat by_path;
    struct stat by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_ino == by_fd.st_ino &&
           by_path.st_dev == by_fd.st_dev;
}

static int lock_refused(const char *path, int fd, struct weir_error *err)
{
    char pid[24] = {0};
    ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
    pid[got > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    return weir_fail(err, WEIR_EBUSY, "%s is locked by another process%s%s; stop that one first",
                     path, *pid ? ", pid " : "", pid);
}

int weir_lock_take(const char *path, int *fd, struct weir_error *err)
{
    for (;;) {
        int lock = open_retry(path, O_RDWR | O_CREAT, 0600);
        if (lock < 0) {
            return weir_fail_errno(err, errno, "open %s", path);
        }
        struct flock whole = whole_file();
        if (fcntl(lock, F_OFD_SETLK, &whole)) {
            int code = errno == EAGAIN || errno == EACCES
                           ? lock_refused(path, lock, err)
                           : weir_fail_errno(err, errno, "lock %s", path);
            close(lock);
            return code;
        }
        if (!still_there(path, lock)) {
            close(lock);
            continue;
        }
        /* The pid is only for people; a full disk must not stop us here. */
        char pid[24];
        int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        if (ftruncate(lock, 0) == 0 && pwrite(lock, pid, (size_t)n, 0) == n) {
            /* written */
        }
        *fd = lock;
        return WEIR_OK;
    }
}

bool weir_lock_held(const char *path)
{
    int lock = open_retry(path, O_RDONLY, 0);
    if (lock < 0) {
        return false;
    }
    struct flock whole = whole_file();
    bool held = fcntl(lock, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(lock);
    return held;
}

char *weir_path_join(const char *a, const char *b)
{
    size_t n = strlen(a);
    while (n > 1 && a[n - 1] == '/') {
        n--;
    }
    while (*b == '/') {
        b++;
    }
    char *out = NULL;
    const char *slash = n == 0 || a[n - 1] == '/' ? "" : "/";
    return asprintf(&out, "%.*s%s%s", (int)n, a, slash, b) < 0 ? NULL : out;
}
