/* Rows on their way come back as they were: from memory and from the disk, while others are
 * written, and where the disk fails. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/feed/spool.h"
#include "source/feed/spool_file.h"

#define ROWS    500
#define COLUMNS 4
#define TEXT    1000

struct rows { /* a batch that its number says all of */
    int64_t ints[ROWS];
    bool bools[ROWS];
    struct weir_str texts[ROWS], none[ROWS];
    uint64_t valid[COLUMNS][(ROWS + 63) / 64];
    char letters[TEXT + ROWS];
    struct weir_vector vectors[COLUMNS];
    struct weir_batch batch;
};

static void make(struct rows *r, unsigned number)
{
    *r = (struct rows){.batch = {1 + number % ROWS, COLUMNS, r->vectors}};
    for (size_t i = 0; i < sizeof r->letters; i++) {
        r->letters[i] = (char)('a' + (i + number) % 26);
    }
    for (size_t i = 0; i < r->batch.rows; i++) {
        r->ints[i] = (int64_t)number << 32 | (int64_t)i;
        r->bools[i] = (i + number) % 3 == 0;
        r->texts[i] = (struct weir_str){r->letters + i, (i + number) % 7 ? TEXT : i % 5};
        r->none[i] = (struct weir_str){(const char *)1, SIZE_MAX}; /* nobody looks at it */
        for (unsigned k = 0; k < COLUMNS - 1; k++) {
            r->valid[k][i / 64] |= (uint64_t)((i * (k + 1) + number) % 11 != 0) << i % 64;
        }
    }
    r->vectors[0] =
        (struct weir_vector){.type = WEIR_TYPE_INT, .valid = r->valid[0], .ints = r->ints};
    r->vectors[1] =
        (struct weir_vector){.type = WEIR_TYPE_BOOL, .valid = r->valid[1], .bools = r->bools};
    r->vectors[2] =
        (struct weir_vector){.type = WEIR_TYPE_TEXT, .valid = r->valid[2], .strs = r->texts};
    r->vectors[3] =
        (struct weir_vector){.type = WEIR_TYPE_JSON, .valid = r->valid[3], .strs = r->none};
}

static bool is_same(const struct weir_batch *a, const struct weir_batch *b)
{
    bool same = a->rows == b->rows && a->column_count == b->column_count;
    for (size_t k = 0; same && k < a->column_count; k++) {
        const struct weir_vector *x = &a->columns[k], *y = &b->columns[k];
        same = x->type == y->type;
        for (size_t i = 0; same && i < a->rows; i++) {
            bool there = weir_vector_valid(x, i);
            same = there == weir_vector_valid(y, i) &&
                   (!there || (k == 0   ? x->ints[i] == y->ints[i]
                               : k == 1 ? x->bools[i] == y->bools[i]
                                        : weir_str_eq(x->strs[i], y->strs[i])));
        }
    }
    return same;
}

static bool comes_back(const struct weir_spool *s, const struct weir_spool_block *block,
                       unsigned number)
{
    static __thread struct rows expected;
    struct weir_spool_room room;
    struct weir_batch got;
    struct weir_error err;
    weir_spool_room_init(&room);
    make(&expected, number);
    bool same = weir_spool_read(s, block, &room, &got, &err) == 0 && is_same(&expected.batch, &got);
    weir_spool_room_free(&room);
    return same;
}

static int put(struct weir_spool *s, unsigned number, struct weir_spool_block *out,
               struct weir_error *err)
{
    static struct rows r;
    make(&r, number);
    return weir_spool_write(s, &r.batch, out, err);
}

#define BLOCKS 300 /* some 60 MB: half of them are on the disk */

static void rows_come_back(void **state)
{
    static struct weir_spool_block blocks[BLOCKS];
    const char *const folders[] = {"/tmp", "/dev/shm"}; /* one that has no O_DIRECT, maybe */
    struct weir_spool s;
    struct weir_error err;
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        ASSERT_OK(weir_spool_open(&s, folders[f], 1u << 30, &err), err);
        for (unsigned round = 0; round < 2; round++) {
            for (unsigned i = 0; i < BLOCKS; i++) {
                ASSERT_OK(put(&s, i * 37 + round, &blocks[i], &err), err);
            }
            for (unsigned i = 0; i < BLOCKS; i++) {
                assert_true(comes_back(&s, &blocks[i], i * 37 + round));
            }
            for (unsigned i = 0; i < BLOCKS; i += 3) { /* of both kinds */
                weir_spool_drop(&s, &blocks[i]);
            }
            for (unsigned i = 0; i < BLOCKS; i++) {
                assert_true(i % 3 == 0 || comes_back(&s, &blocks[i], i * 37 + round));
            }
            assert_true(s.held > 0);
            for (unsigned i = 0; i < BLOCKS; i++) {
                if (i % 3) {
                    weir_spool_drop(&s, &blocks[i]);
                }
            }
            assert_int_equal(s.held, 0);
        }
        weir_spool_free(&s);
    }
}

static void a_part_of_a_block_is_its_first_rows(void **state)
{
    struct weir_spool s;
    struct weir_spool_block block;
    struct weir_spool_room room;
    struct weir_batch got;
    struct weir_error err;
    (void)state;
    ASSERT_OK(weir_spool_open(&s, "/tmp", 1u << 30, &err), err);
    ASSERT_OK(put(&s, 99, &block, &err), err);
    block.rows = 70;
    weir_spool_room_init(&room);
    ASSERT_OK(weir_spool_read(&s, &block, &room, &got, &err), err);
    assert_int_equal(got.rows, 70);
    assert_true(weir_vector_valid(&got.columns[0], 69));
    assert_false(weir_vector_valid(&got.columns[0], 70));
    weir_spool_room_free(&room);
    weir_spool_free(&s);
}

/* --- two threads --------------------------------------------------------------------------------
 */

struct passed {
    struct weir_spool *s;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_spool_block blocks[BLOCKS];
    unsigned count;
    bool well;
};

static void *read_along(void *arg)
{
    struct passed *p = arg;
    p->well = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        pthread_mutex_lock(&p->lock);
        while (p->count <= i) {
            pthread_cond_wait(&p->changed, &p->lock);
        }
        struct weir_spool_block block = p->blocks[i], old = p->blocks[i / 2];
        pthread_mutex_unlock(&p->lock);
        p->well = p->well && comes_back(p->s, &block, i) && comes_back(p->s, &old, i / 2);
    }
    return NULL;
}

static void one_reads_what_another_writes(void **state)
{
    static struct passed p = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    struct weir_spool s;
    struct weir_error err;
    pthread_t reader;
    (void)state;
    ASSERT_OK(weir_spool_open(&s, "/tmp", 1u << 30, &err), err);
    p.s = &s;
    assert_int_equal(pthread_create(&reader, NULL, read_along, &p), 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct weir_spool_block block;
        ASSERT_OK(put(&s, i, &block, &err), err);
        pthread_mutex_lock(&p.lock);
        p.blocks[p.count++] = block;
        pthread_cond_signal(&p.changed);
        pthread_mutex_unlock(&p.lock);
    }
    pthread_join(reader, NULL);
    assert_true(p.well);
    weir_spool_free(&s);
}

/* --- limits -------------------------------------------------------------------------------------
 */

static void a_disk_that_fails_is_told_to_who_writes(void **state)
{
    static struct weir_spool_block blocks[4 * BLOCKS];
    struct rlimit before, small;
    struct weir_spool s;
    struct weir_error err;
    unsigned n = 0;
    int rc = 0;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 20u << 20;
    signal(SIGXFSZ, SIG_IGN);
    ASSERT_OK(weir_spool_open(&s, "/tmp", 1u << 30, &err), err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (; rc == 0 && n < 4 * BLOCKS; n += rc == 0) {
        rc = put(&s, n * 41, &blocks[n], &err);
    }
    (void)setrlimit(RLIMIT_FSIZE, &before);
    assert_int_not_equal(rc, 0);
    assert_non_null(strstr(err.message, "rows of a run"));
    assert_int_equal(put(&s, 1, &blocks[n], &err), rc); /* as before */
    for (unsigned i = 0; i < n; i++) {
        assert_true(comes_back(&s, &blocks[i], i * 41));
    }
    weir_spool_free(&s);
}

static void the_limit_counts_what_is_held(void **state)
{
    struct weir_spool s;
    struct weir_spool_block first, second;
    struct weir_error err;
    (void)state;
    ASSERT_OK(weir_spool_open(&s, "/tmp", 500000, &err), err);
    ASSERT_OK(put(&s, ROWS - 1, &first, &err), err);
    assert_int_equal(put(&s, ROWS - 1, &second, &err), WEIR_ETOOBIG);
    assert_non_null(strstr(err.message, "max_spool"));
    weir_spool_drop(&s, &first);
    ASSERT_OK(put(&s, ROWS - 1, &second, &err), err);
    weir_spool_free(&s);
}

static void few_rows_touch_no_disk(void **state)
{
    struct weir_spool_file *f;
    struct weir_error err;
    struct rlimit before, none;
    uint64_t at;
    char *room;
    (void)state;
    ASSERT_OK(weir_spool_file_open(&f, "/tmp", &err), err);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    for (int i = 0; i < 20; i++) {
        int rc = weir_spool_file_room(f, 500000, &room, &err);
        memset(room, i, 500000);
        rc = rc ? rc : weir_spool_file_add(f, 500000, &at, &err);
        assert_int_equal(rc, 0);
    }
    (void)setrlimit(RLIMIT_FSIZE, &before);
    room = weir_spool_alloc(weir_spool_size(500000));
    ASSERT_OK(weir_spool_file_read(f, at, 500000, room, &err), err);
    assert_int_equal(room[499999], 19);
    free(room);
    weir_spool_file_free(f);
}

/* One without O_DIRECT; nobody else sees it. */
static bool mount_other(const char *dir)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "ramfs", 0, "mode=0700") == 0;
}

static int write_there(const char *dir)
{
    struct weir_spool_file *f;
    struct weir_error err;
    struct dirent *entry;
    uint64_t at;
    char *room;
    int rc = weir_spool_file_open(&f, dir, &err), left = 0;
    for (int i = 0; rc == 0 && i < 50; i++) { /* so that the oldest are written */
        rc = weir_spool_file_room(f, 1 << 20, &room, &err);
        memset(room, i, rc ? 0 : 1 << 20);
        rc = rc ? rc : weir_spool_file_add(f, 1 << 20, &at, &err);
    }
    DIR *d = opendir(dir);
    while (d && (entry = readdir(d)) != NULL) {
        left += entry->d_name[0] != '.';
    }
    closedir(d);
    weir_spool_file_free(f);
    return rc ? 1 : left ? 2 : 0;
}

static void a_file_system_that_must_go_by_the_cache_keeps_no_file(void **state)
{
    char dir[] = "/tmp/weir-test-spool-XXXXXX";
    int status = -1;
    (void)state;
    assert_non_null(mkdtemp(dir));
    pid_t child = fork();
    if (child == 0) {
        _exit(mount_other(dir) ? write_there(dir) : 77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(rmdir(dir), 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("nothing may be mounted here: NOT TESTED\n");
    } else {
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(a_part_of_a_block_is_its_first_rows),
        cmocka_unit_test(one_reads_what_another_writes),
        cmocka_unit_test(a_disk_that_fails_is_told_to_who_writes),
        cmocka_unit_test(the_limit_counts_what_is_held),
        cmocka_unit_test(few_rows_touch_no_disk),
        cmocka_unit_test(a_file_system_that_must_go_by_the_cache_keeps_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
