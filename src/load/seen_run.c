#include "load/seen_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

enum {
    PAGE = 4096,
    PAGE_ENTRIES = 170,
    PAGE_SUM_AT = PAGE - 8,
    PAGE_COUNT_AT = PAGE - 16,
    BLOCK = 64,
    BLOCK_BITS = 480, /* the last four bytes are the block's checksum */
    BLOCK_KEYS = 40,  /* 12 bits a key: about 0.7 % false positives with 7 probes */
    PROBES = 7,
    CURSOR_PAGES = 64,
    VERSION = 1
};
static const char MAGIC[8] = "WEIRSEEN";

struct header { /* one page of the file; little-endian, as is every machine weir runs on */
    char magic[8];
    uint32_t version;
    uint32_t level;
    uint64_t number;
    uint64_t entries;
    uint64_t block_count;
    uint64_t pages;
    uint64_t blocks_at;
    uint64_t fences_at;
    uint64_t pages_at;
    uint64_t fences_sum;
    unsigned char reserved[PAGE - 88];
    uint64_t sum;
};
_Static_assert(sizeof(struct header) == PAGE, "the header is one page");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "run files are little-endian");

static uint64_t round_page(uint64_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

static void set_bits(unsigned char *block, uint64_t lo)
{
    for (int i = 0; i < PROBES; i++, lo >>= 9) {
        unsigned bit = (unsigned)((lo & 511) * BLOCK_BITS >> 9);
        block[bit / 8] |= (unsigned char)(1u << (bit % 8));
    }
}

static bool has_bits(const unsigned char *block, uint64_t lo)
{
    for (int i = 0; i < PROBES; i++, lo >>= 9) {
        unsigned bit = (unsigned)((lo & 511) * BLOCK_BITS >> 9);
        if (!(block[bit / 8] >> (bit % 8) & 1)) {
            return false;
        }
    }
    return true;
}

static uint32_t block_sum(const unsigned char *block, uint64_t index)
{
    return (uint32_t)weir_hash64(block, BLOCK - 4, index);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int damaged(const struct weir_seen_run *run, const char *what, struct weir_error *err)
{
    return weir_fail(err, WEIR_ECORRUPT,
                     "seen/%s: %s does not verify; the index is rebuilt from the event log",
                     run->name, what);
}

static int check_header(struct weir_seen_run *run, const struct header *h, uint64_t file_bytes,
                        struct weir_error *err)
{
    if (memcmp(h->magic, MAGIC, sizeof MAGIC) != 0 || h->version != VERSION ||
        h->sum != weir_hash64(h, PAGE - 8, run->number) || h->number != run->number) {
        return damaged(run, "the header", err);
    }
    bool fits =
        h->block_count && h->block_count < (UINT64_C(1) << 40) && h->pages < (UINT64_C(1) << 40) &&
        h->blocks_at == PAGE && h->fences_at == round_page(h->blocks_at + h->block_count * BLOCK) &&
        h->pages_at >= round_page(h->fences_at + h->pages * 8) && h->pages_at % PAGE == 0 &&
        h->pages_at + h->pages * PAGE == file_bytes && h->entries <= h->pages * PAGE_ENTRIES;
    return fits ? WEIR_OK : damaged(run, "the file's size", err);
}

static int map_run(struct weir_seen_run *run, struct weir_error *err)
{
    struct stat st;
    if (fstat(run->fd, &st)) {
        return weir_fail_errno(err, errno, "seen/%s", run->name);
    }
    struct header h;
    if (st.st_size < PAGE) {
        return damaged(run, "the file's size", err);
    }
    int code = weir_pread_all(run->fd, &h, sizeof h, 0, run->name, err);
    code = code ? code : check_header(run, &h, (uint64_t)st.st_size, err);
    if (code) {
        return code;
    }
    run->map_bytes = h.pages_at;
    run->map = mmap(NULL, run->map_bytes, PROT_READ, MAP_SHARED, run->fd, 0);
    if (run->map == MAP_FAILED) {
        run->map = NULL;
        return weir_fail_errno(err, errno, "cannot map seen/%s", run->name);
    }
    madvise(run->map, run->map_bytes, MADV_RANDOM);
    run->level = h.level;
    run->entries = h.entries;
    run->header_sum = h.sum;
    run->blocks = run->map + h.blocks_at;
    run->block_count = h.block_count;
    run->fences = (const uint64_t *)(run->map + h.fences_at);
    run->pages = h.pages;
    run->pages_at = h.pages_at;
    run->file_bytes = (uint64_t)st.st_size;
    if (weir_hash64(run->fences, run->pages * 8, run->number) != h.fences_sum) {
        return damaged(run, "the list of pages", err);
    }
    return WEIR_OK;
}

int weir_seen_run_open(const char *dir, uint64_t number, struct weir_seen_run **out,
                       struct weir_error *err)
{
    *out = NULL;
    struct weir_seen_run *run = calloc(1, sizeof *run);
    char *path = NULL;
    int code = WEIR_OK;
    if (!run) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
    }
    run->fd = -1;
    run->number = number;
    snprintf(run->name, sizeof run->name, "%016llx.run", (unsigned long long)number);
    path = weir_path_join(dir, run->name);
    if (!path) {
        code = weir_fail(err, WEIR_ENOMEM, "no memory for the dedup index");
        goto out;
    }
    run->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (run->fd < 0) {
        code = weir_fail_errno(err, errno, "cannot open %s", path);
        goto out;
    }
    code = map_run(run, err);
    if (!code) {
        *out = run;
        run = NULL;
    }
out:
    weir_seen_run_close(run);
    free(path);
    return code;
}

void weir_seen_run_close(struct weir_seen_run *run)
{
    if (!run) {
        return;
    }
    if (run->map) {
        munmap(run->map, run->map_bytes);
    }
    if (run->fd >= 0) {
        close(run->fd);
    }
    free(run);
}

static int check_page(const struct weir_seen_run *run, const unsigned char *page, uint64_t index,
                      uint32_t *count, struct weir_error *err)
{
    uint64_t sum;
    memcpy(&sum, page + PAGE_SUM_AT, sizeof sum);
    memcpy(count, page + PAGE_COUNT_AT, sizeof *count);
    if (sum != weir_hash64(page, PAGE_SUM_AT, run->number ^ index) || *count > PAGE_ENTRIES) {
        return damaged(run, "a page of entries", err);
    }
    return WEIR_OK;
}

/* The last page whose first hash is at most `hi`. */
static uint64_t page_of(const struct weir_seen_run *run, uint64_t hi)
{
    uint64_t low = 0, high = run->pages;
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;
        if (run->fences[mid] <= hi) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}

static uint64_t find_in_page(const unsigned char *page, uint32_t count, struct weir_hash128 id)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        struct weir_seen_entry entry;
        memcpy(&entry, page + mid * sizeof entry, sizeof entry);
        int order = weir_hash128_cmp(entry.id, id);
        if (order == 0) {
            return entry.position;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return 0;
}

int weir_seen_run_find(const struct weir_seen_run *run, struct weir_hash128 id, uint64_t *position,
                       struct weir_error *err)
{
    *position = 0;
    if (run->pages == 0) {
        return WEIR_OK;
    }
    uint64_t index = weir_hash_scale(id.hi, run->block_count);
    const unsigned char *block = run->blocks + index * BLOCK;
    uint32_t sum;
    memcpy(&sum, block + BLOCK - 4, sizeof sum);
    if (sum != block_sum(block, index)) {
        return damaged(run, "a block of the filter", err);
    }
    if (!has_bits(block, id.lo)) {
        return WEIR_OK;
    }
    /* Entries that share all of `hi` may lie on either side of a page's edge: go back while the
     * page begins with it. Two different ids with one `hi` are as rare as they sound. */
    uint64_t at = page_of(run, id.hi);
    for (;; at--) {
        unsigned char page[PAGE];
        uint32_t count;
        int code = weir_pread_all(run->fd, page, PAGE, run->pages_at + at * PAGE, run->name, err);
        code = code ? code : check_page(run, page, at, &count, err);
        if (code) {
            return code;
        }
        *position = find_in_page(page, count, id);
        if (*position || at == 0 || run->fences[at] != id.hi) {
            return WEIR_OK;
        }
    }
}

int weir_seen_cursor_open(struct weir_seen_cursor *cursor, const struct weir_seen_run *run,
                          struct weir_error *err)
{
    *cursor = (struct weir_seen_cursor){.run = run};
    cursor->buffer = malloc((size_t)CURSOR_PAGES * PAGE);
    if (!cursor->buffer) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to read seen/%s", run->name);
    }
    return weir_seen_cursor_next(cursor, err);
}

int weir_seen_cursor_next(struct weir_seen_cursor *cursor, struct weir_error *err)
{
    const struct weir_seen_run *run = cursor->run;
    for (;;) {
        if (cursor->page_at == cursor->pages_held) {
            uint64_t left = run->pages - cursor->page;
            cursor->pages_held = left < CURSOR_PAGES ? (size_t)left : CURSOR_PAGES;
            cursor->page_at = 0;
            cursor->entry_at = 0;
            if (left == 0) {
                cursor->done = true;
                return WEIR_OK;
            }
            int code = weir_pread_all(run->fd, cursor->buffer, cursor->pages_held * PAGE,
                                      run->pages_at + cursor->page * PAGE, run->name, err);
            if (code) {
                return code;
            }
            cursor->page += cursor->pages_held;
        }
        const unsigned char *page = cursor->buffer + cursor->page_at * PAGE;
        uint32_t count;
        if (cursor->entry_at == 0) {
            uint64_t index = cursor->page - cursor->pages_held + cursor->page_at;
            int code = check_page(run, page, index, &count, err);
            if (code) {
                return code;
            }
        }
        memcpy(&count, page + PAGE_COUNT_AT, sizeof count);
        if (cursor->entry_at < count) {
            memcpy(&cursor->now, page + cursor->entry_at++ * sizeof cursor->now,
                   sizeof cursor->now);
            return WEIR_OK;
        }
        cursor->page_at++;
        cursor->entry_at = 0;
    }
}

void weir_seen_cursor_close(struct weir_seen_cursor *cursor)
{
    free(cursor->buffer);
    *cursor = (struct weir_seen_cursor){.done = true};
}

/* --- writing -----------------------------------------------------------------------------------
 */

enum { OUT_BYTES = 256 * 1024 };

struct region { /* one of the three parts of the file, each written from front to back */
    unsigned char *buffer;
    size_t used;
    uint64_t at;
};

struct weir_seen_writer {
    struct header header;
    char *dir;
    char *path;
    int fd;
    bool finished;
    struct region blocks, fences, pages;
    unsigned char page[PAGE];
    uint32_t page_entries;
    unsigned char block[BLOCK];
    uint64_t block_index;
};

static int region_flush(struct weir_seen_writer *w, struct region *region, struct weir_error *err)
{
    struct iovec iov = {region->buffer, region->used};
    int code = region->used ? weir_pwritev_all(w->fd, &iov, 1, region->at, w->path, err) : 0;
    region->at += region->used;
    region->used = 0;
    return code;
}

static int region_add(struct weir_seen_writer *w, struct region *region, const void *bytes,
                      size_t n, struct weir_error *err)
{
    if (region->used + n > OUT_BYTES) {
        int code = region_flush(w, region, err);
        if (code) {
            return code;
        }
    }
    memcpy(region->buffer + region->used, bytes, n);
    region->used += n;
    return WEIR_OK;
}

int weir_seen_writer_new(const char *dir, uint64_t number, unsigned level, uint64_t max_entries,
                         struct weir_seen_writer **out, struct weir_error *err)
{
    *out = NULL;
    struct weir_seen_writer *w = calloc(1, sizeof *w);
    char name[32];
    if (!w) {
        return weir_fail(err, WEIR_ENOMEM, "no memory to write the dedup index");
    }
    w->fd = -1;
    struct header *h = &w->header;
    memcpy(h->magic, MAGIC, sizeof MAGIC);
    h->version = VERSION;
    h->level = level;
    h->number = number;
    h->block_count = max_entries / BLOCK_KEYS + 1;
    h->blocks_at = PAGE;
    h->fences_at = round_page(h->blocks_at + h->block_count * BLOCK);
    h->pages_at = round_page(h->fences_at + (max_entries / PAGE_ENTRIES + 1) * 8);
    snprintf(name, sizeof name, "%016llx.run", (unsigned long long)number);
    w->dir = strdup(dir);
    w->path = weir_path_join(dir, name);
    struct region *regions[] = {&w->blocks, &w->fences, &w->pages};
    const uint64_t starts[] = {h->blocks_at, h->fences_at, h->pages_at};
    bool memory = w->dir && w->path;
    for (int i = 0; i < 3; i++) {
        regions[i]->at = starts[i];
        regions[i]->buffer = malloc(OUT_BYTES);
        memory = memory && regions[i]->buffer;
    }
    if (!memory) {
        weir_seen_writer_free(w);
        return weir_fail(err, WEIR_ENOMEM, "no memory to write the dedup index");
    }
    w->fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        int code = weir_fail_errno(err, errno, "cannot write %s", w->path);
        weir_seen_writer_free(w);
        return code;
    }
    *out = w;
    return WEIR_OK;
}

static int end_page(struct weir_seen_writer *w, struct weir_error *err)
{
    uint64_t first;
    memcpy(&first, w->page, sizeof first);
    memcpy(w->page + PAGE_COUNT_AT, &w->page_entries, sizeof w->page_entries);
    uint64_t sum = weir_hash64(w->page, PAGE_SUM_AT, w->header.number ^ w->header.pages);
    memcpy(w->page + PAGE_SUM_AT, &sum, sizeof sum);
    int code = region_add(w, &w->pages, w->page, PAGE, err);
    code = code ? code : region_add(w, &w->fences, &first, sizeof first, err);
    w->header.pages++;
    w->page_entries = 0;
    memset(w->page, 0, PAGE);
    return code;
}

static int end_blocks(struct weir_seen_writer *w, uint64_t until, struct weir_error *err)
{
    while (w->block_index < until) {
        uint32_t sum = block_sum(w->block, w->block_index);
        memcpy(w->block + BLOCK - 4, &sum, sizeof sum);
        int code = region_add(w, &w->blocks, w->block, BLOCK, err);
        if (code) {
            return code;
        }
        memset(w->block, 0, BLOCK);
        w->block_index++;
    }
    return WEIR_OK;
}

int weir_seen_writer_add(struct weir_seen_writer *w, const struct weir_seen_entry *entry,
                         struct weir_error *err)
{
    int code = end_blocks(w, weir_hash_scale(entry->id.hi, w->header.block_count), err);
    if (code) {
        return code;
    }
    set_bits(w->block, entry->id.lo);
    memcpy(w->page + w->page_entries * sizeof *entry, entry, sizeof *entry);
    w->header.entries++;
    return ++w->page_entries == PAGE_ENTRIES ? end_page(w, err) : WEIR_OK;
}

/* The fences lie contiguously in the file by now; their checksum goes into the header. */
static int sum_fences(struct weir_seen_writer *w, struct weir_error *err)
{
    size_t bytes = w->header.pages * 8;
    if (bytes == 0) {
        w->header.fences_sum = weir_hash64("", 0, w->header.number);
        return WEIR_OK;
    }
    void *map = mmap(NULL, w->header.pages_at, PROT_READ, MAP_SHARED, w->fd, 0);
    if (map == MAP_FAILED) {
        return weir_fail_errno(err, errno, "cannot map %s", w->path);
    }
    w->header.fences_sum =
        weir_hash64((const char *)map + w->header.fences_at, bytes, w->header.number);
    munmap(map, w->header.pages_at);
    return WEIR_OK;
}

int weir_seen_writer_finish(struct weir_seen_writer *w, struct weir_error *err)
{
    int code = w->page_entries ? end_page(w, err) : WEIR_OK;
    code = code ? code : end_blocks(w, w->header.block_count, err);
    code = code ? code : region_flush(w, &w->blocks, err);
    code = code ? code : region_flush(w, &w->fences, err);
    code = code ? code : region_flush(w, &w->pages, err);
    if (!code && ftruncate(w->fd, (off_t)(w->header.pages_at + w->header.pages * PAGE))) {
        code = weir_fail_errno(err, errno, "cannot write %s", w->path);
    }
    code = code ? code : sum_fences(w, err);
    if (code) {
        return code;
    }
    w->header.sum = weir_hash64(&w->header, PAGE - 8, w->header.number);
    struct iovec iov = {&w->header, sizeof w->header};
    code = weir_pwritev_all(w->fd, &iov, 1, 0, w->path, err);
    if (!code && fdatasync(w->fd)) {
        code = weir_fail_errno(err, errno, "cannot sync %s", w->path);
    }
    code = code ? code : weir_dir_sync(w->dir, err);
    w->finished = code == WEIR_OK;
    return code;
}

void weir_seen_writer_free(struct weir_seen_writer *w)
{
    if (!w) {
        return;
    }
    if (w->fd >= 0) {
        close(w->fd);
        if (!w->finished) {
            unlink(w->path);
        }
    }
    free(w->blocks.buffer);
    free(w->fences.buffer);
    free(w->pages.buffer);
    free(w->path);
    free(w->dir);
    free(w);
}
