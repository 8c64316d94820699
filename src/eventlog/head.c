#include "eventlog/head.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/file.h"

#define PAGE_BYTES 4096

/* As drawn in docs/format/eventlog.md. */
struct weir_head_page {
    char magic[8];
    uint32_t version;
    _Atomic uint32_t state;
    unsigned char boot[16];
    uint64_t pid;
    uint64_t offset;
    uint64_t sum;
    _Atomic uint32_t wake;
    uint32_t zero;
    _Atomic uint64_t durable;
    _Atomic uint64_t durable_again;
    _Atomic uint64_t live_salt;
    char rest[PAGE_BYTES - 88];
};
_Static_assert(sizeof(struct weir_head_page) == PAGE_BYTES, "head is one page");
_Static_assert(offsetof(struct weir_head_page, durable) == 64, "head is as drawn");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "head is mapped as it is stored");

static const char head_magic[8] = {'W', 'E', 'I', 'R', 'H', 'E', 'A', 'D'};

static void boot_id(unsigned char out[16])
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    memset(out, 0, 16);
    if (weir_file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == WEIR_OK && text.len) {
        struct weir_hash128 h = weir_hash128(text.data, text.len);
        memcpy(out, &h, 16);
    }
    weir_buf_free(&text);
}

static bool is_head(const struct weir_head_page *page)
{
    return memcmp(page->magic, head_magic, sizeof head_magic) == 0 && page->version == 1;
}

static uint64_t sum_of(const struct weir_head_page *page)
{
    struct weir_head_page copy;
    memcpy(&copy, page, sizeof copy);
    memmove((char *)&copy + 48, (char *)&copy + 64, 24);
    return weir_hash64(&copy, 72, 0);
}

/* A hole would be allocated at the first store through the mapping, and a full disk would then kill
 * the process (SIGBUS): so the page is written, not just sized. */
static int give_it_blocks(int fd, const char *path, struct weir_error *err)
{
    struct weir_head_page page = {.version = 1};
    ssize_t got = pread(fd, &page, sizeof page, 0);
    if (got != (ssize_t)sizeof page || !is_head(&page)) {
        memset(&page, 0, sizeof page);
        page.version = 1;
        memcpy(page.magic, head_magic, sizeof head_magic);
    }
    struct iovec iov = {&page, sizeof page};
    int code = weir_pwritev_all(fd, &iov, 1, 0, path, err);
    if (!code && (ftruncate(fd, sizeof page) || fsync(fd))) {
        code = weir_fail_errno(err, errno, "fsync %s", path);
    }
    return code;
}

static int map_fd(struct weir_head *head, int fd, bool write, const char *path,
                  struct weir_error *err)
{
    struct stat st;
    if (fstat(fd, &st)) {
        return weir_fail_errno(err, errno, "stat %s", path);
    }
    if (st.st_size < PAGE_BYTES) {
        return weir_fail(err, WEIR_ENOENT, "%s is cut short", path);
    }
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return weir_fail_errno(err, errno, "map %s", path);
    }
    if (!is_head(page)) {
        munmap(page, PAGE_BYTES);
        return weir_fail(err, WEIR_ENOENT, "%s is no head of an event log", path);
    }
    *head = (struct weir_head){page, true, st.st_dev, st.st_ino};
    return WEIR_OK;
}

int weir_head_open(struct weir_head *head, const char *dir, bool write, struct weir_error *err)
{
    *head = (struct weir_head){0};
    char *path = weir_path_join(dir, "head");
    if (!path) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", dir);
    }
    int code = WEIR_OK;
    int fd = open(path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
    if (fd < 0) {
        code = weir_fail_errno(err, errno, "open %s", path);
    }
    if (!code && write) {
        code = give_it_blocks(fd, path, err);
    }
    if (!code) {
        code = map_fd(head, fd, write, path, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return code;
}

int weir_head_private(struct weir_head *head, uint64_t durable, struct weir_error *err)
{
    *head = (struct weir_head){0};
    head->page = calloc(1, sizeof *head->page);
    if (!head->page) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    atomic_store(&head->page->durable, durable);
    return WEIR_OK;
}

void weir_head_close(struct weir_head *head)
{
    if (head->page && head->shared) {
        munmap(head->page, PAGE_BYTES);
    } else {
        free(head->page);
    }
    *head = (struct weir_head){0};
}

bool weir_head_is_stale(const struct weir_head *head, const char *dir)
{
    char *path = weir_path_join(dir, "head");
    struct stat st;
    bool there = path && stat(path, &st) == 0;
    free(path);
    return head->shared ? !there || st.st_dev != head->device || st.st_ino != head->inode : there;
}

enum weir_head_state weir_head_state(const struct weir_head *head)
{
    return (enum weir_head_state)atomic_load_explicit(&head->page->state, memory_order_acquire);
}

void weir_head_set_state(struct weir_head *head, enum weir_head_state state)
{
    atomic_store_explicit(&head->page->state, (uint32_t)state, memory_order_release);
}

void weir_head_begin(struct weir_head *head, enum weir_head_state state)
{
    weir_head_set_state(head, WEIR_HEAD_UNKNOWN);
    boot_id(head->page->boot);
    head->page->pid = (uint64_t)getpid();
    head->page->zero = 0;
    weir_head_set_state(head, state);
}

bool weir_head_of_this_boot(const struct weir_head *head)
{
    unsigned char boot[16];
    boot_id(boot);
    return memcmp(boot, head->page->boot, sizeof boot) == 0;
}

bool weir_head_is_clean(const struct weir_head *head, uint64_t *offset)
{
    if (weir_head_state(head) != WEIR_HEAD_CLEAN || !weir_head_of_this_boot(head) ||
        head->page->sum != sum_of(head->page)) {
        return false;
    }
    *offset = head->page->offset;
    return true;
}

void weir_head_set_clean(struct weir_head *head, uint64_t offset)
{
    head->page->offset = offset;
    weir_head_set_state(head, WEIR_HEAD_CLEAN);
    head->page->sum = sum_of(head->page);
}

uint64_t weir_head_durable(const struct weir_head *head)
{
    return atomic_load_explicit(&head->page->durable, memory_order_acquire);
}

uint64_t weir_head_vouched_durable(const struct weir_head *head)
{
    uint64_t durable = weir_head_durable(head);
    return durable == atomic_load(&head->page->durable_again) ? durable : 0;
}

uint64_t weir_head_live_salt(const struct weir_head *head)
{
    return atomic_load_explicit(&head->page->live_salt, memory_order_acquire);
}

void weir_head_set_live_salt(struct weir_head *head, uint64_t salt)
{
    atomic_store_explicit(&head->page->live_salt, salt, memory_order_release);
}

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, (uint32_t *)word, op, value, timeout, NULL, 0);
}

void weir_head_publish(struct weir_head *head, uint64_t durable)
{
    struct weir_head_page *page = head->page;
    atomic_store_explicit(&page->durable_again, durable, memory_order_release);
    atomic_store_explicit(&page->durable, durable, memory_order_release);
    atomic_fetch_add_explicit(&page->wake, 1, memory_order_seq_cst);
    futex(&page->wake, FUTEX_WAKE, INT_MAX, NULL);
}

uint32_t weir_head_ticket(const struct weir_head *head)
{
    return atomic_load_explicit(&head->page->wake, memory_order_seq_cst);
}

void weir_head_wait(const struct weir_head *head, uint32_t ticket, weir_time timeout)
{
    struct timespec wait = {(time_t)(timeout / WEIR_SECOND), (long)(timeout % WEIR_SECOND) * 1000};
    futex(&head->page->wake, FUTEX_WAIT, ticket, &wait);
}
