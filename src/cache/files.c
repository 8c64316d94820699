/* Kept results on the disk: one file each, named by a hash of its key. Nothing is synced: after a
 * crash none of them is used. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "io/file.h"

#define MAX_FILE (300u << 20)
#define MIN_FREE                                                                                   \
    (512ull << 20) /* of the disk: below it, this is given back. Events are refused                \
                    * below log.keep_free, whose default is half of it. */

struct file {
    struct file *next; /* in its bucket */
    struct file *newer, *older;
    char name[33];
    uint64_t size;
};

#define BUCKETS 4096 /* a power of two */

struct weir_cache_files {
    char *dir;
    uint64_t budget;
    pthread_mutex_t lock; /* guards the rest */
    struct file *buckets[BUCKETS];
    struct file *newest, *oldest; /* by use */
    uint64_t count, bytes;
    uint64_t cleared; /* how often */
};

/* --- the list --------------------------------------------------------------------------------- */

static void name_of(struct weir_str key, char out[33])
{
    struct weir_hash128 h = weir_hash128(key.ptr, key.len);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}

static struct file **slot_of(struct weir_cache_files *f, const char *name)
{
    struct file **at = &f->buckets[weir_hash64(name, 32, 0) % BUCKETS];
    while (*at && memcmp((*at)->name, name, 32) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void unlist(struct weir_cache_files *f, struct file *file)
{
    *(file->newer ? &file->newer->older : &f->newest) = file->older;
    *(file->older ? &file->older->newer : &f->oldest) = file->newer;
}

static void enlist(struct weir_cache_files *f, struct file *file)
{
    file->newer = NULL;
    file->older = f->newest;
    *(f->newest ? &f->newest->newer : &f->oldest) = file;
    f->newest = file;
}

static void path_of(const struct weir_cache_files *f, const char *name, const char *ending,
                    char out[4096])
{
    int n = snprintf(out, 4096, "%s/%s%s", f->dir, name, ending);
    out[n < 0 || n >= 4096 ? 0 : n] = 0;
}

/* With the lock. */
static void forget(struct weir_cache_files *f, struct file *file)
{
    char path[4096];
    *slot_of(f, file->name) = file->next;
    unlist(f, file);
    f->count--;
    f->bytes -= file->size;
    path_of(f, file->name, "", path);
    (void)unlink(path);
    free(file);
}

/* With the lock; false without memory. */
static bool note(struct weir_cache_files *f, const char *name, uint64_t size)
{
    struct file **slot = slot_of(f, name), *file = *slot;
    if (!file) {
        file = calloc(1, sizeof *file);
        if (!file) {
            return false;
        }
        memcpy(file->name, name, 32);
        *slot = file;
        f->count++;
    } else {
        unlist(f, file);
        f->bytes -= file->size;
    }
    file->size = size;
    f->bytes += size;
    enlist(f, file);
    while (f->bytes > f->budget && f->oldest != file) {
        forget(f, f->oldest);
    }
    return true;
}

/* --- use -------------------------------------------------------------------------------------- */

bool weir_cache_files_have(struct weir_cache_files *f, struct weir_str key)
{
    char name[33];
    name_of(key, name);
    pthread_mutex_lock(&f->lock);
    bool have = *slot_of(f, name);
    pthread_mutex_unlock(&f->lock);
    return have;
}

int weir_cache_files_get(struct weir_cache_files *f, struct weir_str key, struct weir_kept **out,
                         struct weir_error *err)
{
    char name[33], path[4096];
    struct weir_buf bytes;
    *out = NULL;
    name_of(key, name);
    path_of(f, name, "", path);
    weir_buf_init(&bytes, MAX_FILE);
    int rc = weir_file_read(path, &bytes, err);
    rc = rc ? rc : weir_kept_decode(weir_buf_str(&bytes), out, err);
    weir_buf_free(&bytes);
    if (rc == 0 && !weir_str_eq((*out)->key, key)) {
        weir_kept_release(*out);
        *out = NULL;
        rc = WEIR_EINVAL;
    }
    if (rc && rc != WEIR_ENOMEM) {
        weir_cache_files_remove(f, key);
        return weir_fail(err, WEIR_ENOENT, "there is no such result on the disk");
    }
    pthread_mutex_lock(&f->lock);
    struct file *file = *slot_of(f, name);
    if (rc == 0 && file) {
        unlist(f, file);
        enlist(f, file);
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

/* Gives back what was used longest ago while the disk is nearly full. */
static int make_room(struct weir_cache_files *f, uint64_t need, struct weir_error *err)
{
    uint64_t space;
    int rc = weir_disk_free(f->dir, &space, err);
    while (rc == 0 && space < MIN_FREE + need) {
        pthread_mutex_lock(&f->lock);
        bool any = f->oldest;
        if (any) {
            forget(f, f->oldest);
        }
        pthread_mutex_unlock(&f->lock);
        rc = any ? weir_disk_free(f->dir, &space, err)
                 : weir_fail(err, WEIR_ENOSPC, "the disk is nearly full");
    }
    return rc;
}

static int write_file(struct weir_cache_files *f, const char *name, struct weir_str bytes,
                      struct weir_error *err)
{
    char path[4096], whole[4096];
    path_of(f, name, ".tmp", path);
    path_of(f, name, "", whole);
    int rc = make_room(f, bytes.len, err);
    if (rc) {
        return rc;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return weir_fail_errno(err, errno, "%s", path);
    }
    rc = weir_write_all(fd, bytes.ptr, bytes.len, path, err);
    close(fd);
    if (rc == 0 && rename(path, whole)) {
        rc = weir_fail_errno(err, errno, "%s", whole);
    }
    if (rc) {
        (void)unlink(path);
    }
    return rc;
}

uint64_t weir_cache_files_cleared(struct weir_cache_files *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t cleared = f->cleared;
    pthread_mutex_unlock(&f->lock);
    return cleared;
}

int weir_cache_files_put(struct weir_cache_files *f, const struct weir_kept *kept, uint64_t cleared,
                         struct weir_error *err)
{
    char name[33], path[4096];
    struct weir_buf bytes;
    name_of(kept->key, name);
    weir_buf_init(&bytes, MAX_FILE);
    weir_kept_encode(kept, &bytes);
    int rc = weir_buf_check(&bytes, "a kept result", err);
    if (rc == 0 && bytes.len > f->budget / 4) {
        rc = weir_fail(err, WEIR_ETOOBIG, "a kept result is too large for cache.disk");
    }
    rc = rc ? rc : write_file(f, name, weir_buf_str(&bytes), err);
    if (rc == 0) {
        pthread_mutex_lock(&f->lock);
        if (cleared != f->cleared) { /* meanwhile it was thrown away with all others */
            path_of(f, name, "", path);
            (void)unlink(path);
        } else if (!note(f, name, bytes.len)) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for a kept result's name");
        }
        pthread_mutex_unlock(&f->lock);
    }
    weir_buf_free(&bytes);
    return rc;
}

void weir_cache_files_remove(struct weir_cache_files *f, struct weir_str key)
{
    char name[33];
    name_of(key, name);
    pthread_mutex_lock(&f->lock);
    struct file *file = *slot_of(f, name);
    if (file) {
        forget(f, file);
    }
    pthread_mutex_unlock(&f->lock);
}

void weir_cache_files_clear(struct weir_cache_files *f)
{
    pthread_mutex_lock(&f->lock);
    f->cleared++;
    while (f->oldest) {
        forget(f, f->oldest);
    }
    pthread_mutex_unlock(&f->lock);
}

void weir_cache_files_size(struct weir_cache_files *f, struct weir_cache_size *out)
{
    pthread_mutex_lock(&f->lock);
    *out = (struct weir_cache_size){f->count, f->bytes, f->budget};
    pthread_mutex_unlock(&f->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

struct finding {
    struct weir_cache_files *files;
    bool anew;
};

static int find_one(const char *name, void *arg, struct weir_error *err)
{
    struct finding *finding = arg;
    struct stat st;
    char path[4096];
    path_of(finding->files, name, "", path);
    bool ours = strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
    if (finding->anew || !ours || lstat(path, &st) || !S_ISREG(st.st_mode)) {
        (void)unlink(path);
        return 0;
    }
    return note(finding->files, name, (uint64_t)st.st_size)
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for the cache");
}

int weir_cache_files_new(const char *dir, uint64_t budget, bool anew, struct weir_cache_files **out,
                         struct weir_error *err)
{
    struct weir_cache_files *f = calloc(1, sizeof *f);
    struct finding finding = {f, anew || budget == 0};
    *out = NULL;
    if (!f || !(f->dir = strdup(dir))) {
        free(f);
        return weir_fail(err, WEIR_ENOMEM, "no memory for the cache");
    }
    f->budget = budget;
    pthread_mutex_init(&f->lock, NULL);
    int rc = weir_dir_make(dir, 0700, err);
    rc = rc ? rc : weir_dir_each(dir, find_one, &finding, err);
    if (rc) {
        weir_cache_files_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void weir_cache_files_free(struct weir_cache_files *f)
{
    if (f) {
        while (f->oldest) {
            struct file *file = f->oldest;
            unlist(f, file);
            free(file);
        }
        pthread_mutex_destroy(&f->lock);
        free(f->dir);
        free(f);
    }
}
