#include "source/feed/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

#define BYTES_KEPT (16u << 20) /* in memory: beyond it, the oldest are written */
#define BYTES_MOST (32u << 20) /* then who adds waits for the disk */
#define SPARE      4
#define SPARE_MOST (2u << 20) /* bytes of each */

struct kept { /* a block in memory */
    char *data;
    size_t room, size; /* of the memory; in the file */
    uint64_t at;
};
struct weir_spool_file {
    int fd;
    char *room; /* of the next block */
    size_t room_size;
    uint64_t end;    /* where the next block goes */
    uint64_t blocks; /* that are not dropped */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* In order of their places; [first, first + count) of the array. */
    struct kept *kept;
    size_t first, count, most;
    uint64_t bytes;           /* of memory that these take */
    struct kept spare[SPARE]; /* memory of others */
    size_t spare_count;
    pthread_t thread;
    bool running, ends, writing; /* the first is written just now */
    int rc;
    struct weir_error err;
};

void *weir_spool_alloc(size_t size)
{
    return aligned_alloc(WEIR_SPOOL_ALIGN, size);
}

/* Past the kernel's cache, where a copy of each block would cost more than all else that is done
 * to it, and put out what is of use there. Not every file system can; and one that cannot would
 * make the file all the same if it was opened so, and leave it there. */
static int open_file(const char *dir)
{
    char path[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && snprintf(path, sizeof path, "%s/spool-XXXXXX", dir) < (int)sizeof path) {
        fd = mkostemp(path, O_CLOEXEC); /* a file system without files that have no name */
        (void)!(fd < 0 || unlink(path) == 0);
    }
    (void)!(fd < 0 || fcntl(fd, F_SETFL, O_DIRECT) == 0);
    return fd;
}

int weir_spool_file_open(struct weir_spool_file **out, const char *dir, struct weir_error *err)
{
    struct weir_spool_file *f = *out = calloc(1, sizeof *f);
    if (!f) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a file");
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->fd = open_file(dir);
    return f->fd < 0 ? weir_fail_errno(err, errno, "cannot make a file in %s", dir) : 0;
}

/* --- memory -------------------------------------------------------------------------------------
 */

/* Sizes that come again. */
static size_t round_up(size_t size)
{
    size_t step = WEIR_SPOOL_ALIGN;
    while (step < size / 8) {
        step *= 2;
    }
    return (size + step - 1) / step * step;
}

int weir_spool_file_room(struct weir_spool_file *f, size_t bytes, char **out,
                         struct weir_error *err)
{
    size_t size = round_up(weir_spool_size(bytes));
    if (!f->room || f->room_size != size) {
        free(f->room);
        f->room = NULL;
        pthread_mutex_lock(&f->lock);
        for (size_t i = 0; !f->room && i < f->spare_count; i++) {
            if (f->spare[i].room == size) {
                f->room = f->spare[i].data;
                f->spare[i] = f->spare[--f->spare_count];
            }
        }
        pthread_mutex_unlock(&f->lock);
        f->room = f->room ? f->room : weir_spool_alloc(size);
        f->room_size = size;
    }
    *out = f->room;
    return f->room ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a batch of rows");
}

/* What is kept grows by the room. */
static bool keep_room(struct weir_spool_file *f, size_t bytes)
{
    if (f->first + f->count == f->most) {
        if (f->count >= f->most / 2) { /* else there is room in front of them */
            size_t most = f->most ? f->most * 2 : 64;
            struct kept *grown = reallocarray(f->kept, most, sizeof *grown);
            if (!grown) {
                return false;
            }
            f->kept = grown;
            f->most = most;
        }
        memmove(f->kept, f->kept + f->first, f->count * sizeof *f->kept);
        f->first = 0;
    }
    size_t size = weir_spool_size(bytes);
    memset(f->room + bytes, 0, size - bytes);
    f->kept[f->first + f->count++] = (struct kept){f->room, f->room_size, size, f->end};
    f->bytes += f->room_size;
    f->end += size;
    f->blocks++;
    f->room = NULL;
    return true;
}

static void forget(struct weir_spool_file *f, size_t at)
{
    struct kept *k = &f->kept[at];
    f->bytes -= k->room;
    if (f->spare_count < SPARE && k->room <= SPARE_MOST) {
        f->spare[f->spare_count++] = *k;
    } else {
        free(k->data);
    }
    if (at == f->first) {
        f->first++;
    } else {
        memmove(k, k + 1, (f->first + f->count - at - 1) * sizeof *k);
    }
    f->count--;
}

/* SIZE_MAX: it is not in memory. */
static size_t find(const struct weir_spool_file *f, uint64_t at)
{
    size_t from = f->first, to = f->first + f->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (f->kept[middle].at < at) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from < f->first + f->count && f->kept[from].at == at ? from : SIZE_MAX;
}

/* --- the disk -----------------------------------------------------------------------------------
 */

static int put(struct weir_spool_file *f, const struct kept *k, struct weir_error *err)
{
    struct iovec iov = {k->data, k->size};
    bool direct = fcntl(f->fd, F_GETFL) & O_DIRECT; /* before: who adds may give it up meanwhile */
    int rc = weir_pwritev_all(f->fd, &iov, 1, k->at, "rows of a run", err);
    if (rc && direct) { /* some file systems say so only now */
        (void)fcntl(f->fd, F_SETFL, 0);
        iov = (struct iovec){k->data, k->size};
        rc = weir_pwritev_all(f->fd, &iov, 1, k->at, "rows of a run", err);
    }
    return rc;
}

/* With the lock, which is not held while the disk writes. */
static void put_first(struct weir_spool_file *f)
{
    struct weir_error err;
    struct kept k = f->kept[f->first];
    f->writing = true;
    pthread_mutex_unlock(&f->lock);
    int rc = put(f, &k, &err);
    pthread_mutex_lock(&f->lock);
    f->writing = false;
    if (rc) {
        f->rc = rc;
        f->err = err;
    } else {
        forget(f, f->first);
    }
    pthread_cond_broadcast(&f->changed);
}

static void *put_blocks(void *arg)
{
    struct weir_spool_file *f = arg;
    pthread_mutex_lock(&f->lock);
    while (!f->ends) {
        if (f->rc == 0 && f->bytes > BYTES_KEPT) {
            put_first(f);
        } else {
            pthread_cond_wait(&f->changed, &f->lock);
        }
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int weir_spool_file_add(struct weir_spool_file *f, size_t bytes, uint64_t *at,
                        struct weir_error *err)
{
    pthread_mutex_lock(&f->lock);
    *at = f->end;
    int rc = f->rc;
    if (rc) {
        *err = f->err;
    } else if (!keep_room(f, bytes)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a batch of rows");
    }
    if (rc == 0 && f->bytes > BYTES_KEPT && !f->running) {
        f->running = pthread_create(&f->thread, NULL, put_blocks, f) == 0;
    }
    pthread_cond_broadcast(&f->changed);
    while (rc == 0 && f->rc == 0 && f->bytes > BYTES_MOST) {
        if (!f->running) {
            put_first(f);
            continue;
        }
        /* The disk is slower than what comes: the kernel's cache may help. */
        (void)fcntl(f->fd, F_SETFL, 0);
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

int weir_spool_file_read(struct weir_spool_file *f, uint64_t at, size_t bytes, void *to,
                         struct weir_error *err)
{
    pthread_mutex_lock(&f->lock);
    size_t k = find(f, at);
    if (k != SIZE_MAX) {
        memcpy(to, f->kept[k].data, bytes);
    }
    pthread_mutex_unlock(&f->lock);
    return k != SIZE_MAX
               ? 0
               : weir_pread_all(f->fd, to, weir_spool_size(bytes), at, "rows of a run", err);
}

bool weir_spool_file_drop(struct weir_spool_file *f, uint64_t at, size_t bytes)
{
    pthread_mutex_lock(&f->lock);
    while (f->writing) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    size_t k = find(f, at);
    if (k != SIZE_MAX) {
        forget(f, k);
    }
    bool freed = k != SIZE_MAX || fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                            (off_t)at, (off_t)weir_spool_size(bytes)) == 0;
    if (--f->blocks == 0 && ftruncate(f->fd, 0) == 0) {
        f->end = 0;
        freed = true;
    }
    pthread_mutex_unlock(&f->lock);
    return freed;
}

void weir_spool_file_free(struct weir_spool_file *f)
{
    if (!f) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->ends = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (f->running) {
        pthread_join(f->thread, NULL);
    }
    while (f->count) {
        forget(f, f->first);
    }
    for (size_t i = 0; i < f->spare_count; i++) {
        free(f->spare[i].data);
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    free(f->room);
    free(f->kept);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
