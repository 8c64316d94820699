/* LD_PRELOADed into the shipped program: a disk whose fdatasync fails.
 *
 * While the file named by WEIR_EIO exists, fdatasync of a file of an event log fails with EIO, and
 * what was written since its last good sync is zeroed: after such a failure the kernel marks the
 * dirty pages clean, so what the page cache still shows may never have reached the disk. A writer
 * that only tried again would then acknowledge records that are not there. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES 4096

struct synced {
    dev_t dev;
    ino_t ino;
    off_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct synced files[FILES]; /* what is known to be on the disk */
static size_t used;

static int is_log(int fd)
{
    char link[64] = "/proc/self/fd/", path[4096];
    int digits[12], n = 0;
    size_t at = strlen(link);
    do {
        digits[n++] = fd % 10;
        fd /= 10;
    } while (fd);
    while (n) {
        link[at++] = (char)('0' + digits[--n]);
    }
    link[at] = '\0';
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) {
        return 0;
    }
    path[len] = '\0';
    return strstr(path, "/.weir/log/") != NULL;
}

static struct synced *find(const struct stat *st)
{
    for (size_t i = 0; i < used; i++) {
        if (files[i].dev == st->st_dev && files[i].ino == st->st_ino) {
            return &files[i];
        }
    }
    if (used == FILES) {
        return NULL;
    }
    files[used] = (struct synced){st->st_dev, st->st_ino, 0};
    return &files[used++];
}

static void lose(int fd, off_t from, off_t to)
{
    static const char zeros[4096];
    while (from < to) {
        size_t n = to - from < (off_t)sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        if (pwrite(fd, zeros, n, from) <= 0) {
            return;
        }
        from += (off_t)n;
    }
}

int fdatasync(int fd)
{
    const char *flag = getenv("WEIR_EIO");
    struct stat st;
    if (!flag || !is_log(fd) || fstat(fd, &st)) {
        return (int)syscall(SYS_fdatasync, fd);
    }
    int rc = 0;
    pthread_mutex_lock(&lock);
    struct synced *s = find(&st);
    if (access(flag, F_OK) == 0) {
        lose(fd, s ? s->size : 0, st.st_size);
        errno = EIO;
        rc = -1;
    } else {
        rc = (int)syscall(SYS_fdatasync, fd);
        if (rc == 0 && s) {
            s->size = st.st_size;
        }
    }
    pthread_mutex_unlock(&lock);
    return rc;
}
