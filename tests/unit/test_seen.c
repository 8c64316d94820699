/* The dedup index: a duplicate is an id that was seen at an earlier position, for all time. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load/seen.h"

static char dir[64];
static struct weir_error err;

static int make(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/weir-seen-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static void each_file(const char *suffix, void (*fn)(const char *path))
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    char path[512];
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name), m = strlen(suffix);
        if (e->d_name[0] != '.' && n >= m && strcmp(e->d_name + n - m, suffix) == 0) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            fn(path);
        }
    }
    closedir(d);
}

static void remove_file(const char *path)
{
    unlink(path);
}

static int unmake(void **state)
{
    (void)state;
    each_file("", remove_file);
    return rmdir(dir);
}

static struct weir_seen *open_index(uint64_t memory, uint64_t *complete)
{
    struct weir_seen *seen;
    struct weir_seen_options options = {.dir = dir, .memory_bytes = memory};
    ASSERT_OK(weir_seen_open(&options, &seen, complete, &err), err);
    return seen;
}

static struct weir_hash128 id_of(struct weir_seen *seen, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "message-%llu", (unsigned long long)n);
    return weir_seen_id(seen, WEIR_STR("web"), weir_str_of(text));
}

static bool is_duplicate(struct weir_seen *seen, uint64_t n, uint64_t position)
{
    bool duplicate;
    ASSERT_OK(weir_seen_check(seen, id_of(seen, n), position, &duplicate, &err), err);
    return duplicate;
}

/* Small enough that thousands of ids make dozens of runs and several merges. */
enum { SMALL = 64 * 1024, MANY = 40000 };

static void an_id_is_a_duplicate_from_its_second_position_on(void **state)
{
    (void)state;
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    assert_int_equal(complete, 1);
    assert_false(is_duplicate(seen, 7, weir_position(1, 0)));
    assert_true(is_duplicate(seen, 7, weir_position(1, 1)));
    assert_true(is_duplicate(seen, 7, weir_position(9, 0)));
    /* read again after a crash: it meets itself */
    assert_false(is_duplicate(seen, 7, weir_position(1, 0)));
    weir_seen_close(seen);
}

static void the_same_message_id_in_another_source_is_another_event(void **state)
{
    (void)state;
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    struct weir_hash128 a = weir_seen_id(seen, WEIR_STR("web"), WEIR_STR("x"));
    struct weir_hash128 b = weir_seen_id(seen, WEIR_STR("app"), WEIR_STR("x"));
    struct weir_hash128 c = weir_seen_id(seen, WEIR_STR("we"), WEIR_STR("bx"));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    static char longer[4000];
    memset(longer, 'm', sizeof longer);
    struct weir_hash128 d = weir_seen_id(seen, WEIR_STR("web"), (struct weir_str){longer, 3999});
    struct weir_hash128 e = weir_seen_id(seen, WEIR_STR("web"), (struct weir_str){longer, 4000});
    assert_memory_not_equal(&d, &e, sizeof d);
    weir_seen_close(seen);
}

static void fill(struct weir_seen *seen, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++) {
        assert_false(is_duplicate(seen, n, weir_position(n + 1, 0)));
    }
}

static void remembers_far_more_than_its_memory_holds(void **state)
{
    (void)state;
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    fill(seen, 0, MANY);
    for (uint64_t n = 0; n < MANY; n++) {
        assert_true(is_duplicate(seen, n, weir_position(MANY + 1, 0)));
        assert_false(is_duplicate(seen, n, weir_position(n + 1, 0)));
    }
    weir_seen_settle(seen);
    struct weir_seen_stats stats;
    weir_seen_get_stats(seen, &stats);
    assert_int_equal(stats.ids, MANY);
    assert_in_range(stats.runs, 1, 12); /* merged: there were more than fifty */
    weir_seen_close(seen);
    seen = open_index(SMALL, &complete);
    assert_int_equal(complete, MANY + 1); /* nothing to read again but the record it ended in */
    for (uint64_t n = 0; n < MANY; n += 7) {
        assert_true(is_duplicate(seen, n, weir_position(MANY + 2, 0)));
    }
    fill(seen, MANY + 2, MANY + 100);
    weir_seen_close(seen);
}

static long flip_at; /* negative: from the end */

static void flip(const char *path)
{
    int fd = open(path, O_RDWR);
    struct stat st;
    fstat(fd, &st);
    off_t at = flip_at < 0 ? st.st_size + flip_at : flip_at;
    unsigned char byte;
    if (pread(fd, &byte, 1, at) == 1) {
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void cut(const char *path)
{
    struct stat st;
    stat(path, &st);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
}

/* Either opening says that nothing is known, or asking says that a file is damaged; an id is never
 * forgotten in silence. */
static void expect_rebuild(void)
{
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    if (complete != 1) {
        int code = WEIR_OK;
        bool duplicate;
        for (uint64_t n = 0; n < MANY / 10 && !code; n++) {
            code = weir_seen_check(seen, id_of(seen, n), weir_position(MANY, 0), &duplicate, &err);
            assert_true(code == WEIR_ECORRUPT || duplicate);
        }
        assert_int_equal(code, WEIR_ECORRUPT);
        ASSERT_OK(weir_seen_reset(seen, &err), err);
    }
    fill(seen, 0, MANY / 10);
    for (uint64_t n = 0; n < MANY / 10; n++) {
        assert_true(is_duplicate(seen, n, weir_position(MANY, 0)));
    }
    weir_seen_close(seen);
}

static void damage_is_found_and_the_index_is_begun_anew(void **state)
{
    (void)state;
    static const long places[] = {0, 12, 50, 4095, 4096 + 3, 4096 + 62, -1, -20, -4096, -4000};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint64_t complete;
        struct weir_seen *seen = open_index(SMALL, &complete);
        if (complete == 1) {
            fill(seen, 0, MANY / 10);
        }
        weir_seen_settle(seen);
        weir_seen_close(seen);
        flip_at = places[i];
        each_file(".run", flip);
        expect_rebuild();
    }
    each_file(".run", cut);
    expect_rebuild();
    each_file(".run", remove_file);
    expect_rebuild();
    flip_at = 30;
    each_file("manifest", flip);
    expect_rebuild();
    each_file("manifest", cut);
    expect_rebuild();
    each_file("manifest", remove_file);
    expect_rebuild();
}

static void child_fills(uint64_t from)
{
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    for (uint64_t n = complete - 1 < from ? complete - 1 : from;; n++) {
        bool duplicate;
        if (weir_seen_check(seen, id_of(seen, n), weir_position(n + 1, 0), &duplicate, &err) ||
            duplicate) {
            _exit(1);
        }
    }
}

static void survives_kill_9_between_any_two_steps(void **state)
{
    (void)state;
    uint64_t before = 1;
    unsigned advanced = 0;
    time_t deadline = time(NULL) + 60;
    for (int round = 0; round < 25 || (advanced <= 5 && time(NULL) < deadline); round++) {
        pid_t child = fork();
        if (child == 0) {
            child_fills(before - 1);
        }
        usleep((useconds_t)(3000 + rand() % 20000)); /* the moment of the crash, not a wait */
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        uint64_t complete;
        struct weir_seen *seen = open_index(SMALL, &complete);
        assert_true(complete >= before);
        advanced += complete > before;
        for (uint64_t n = 0; n + 1 < complete; n += 1 + complete / 2000) {
            uint64_t position;
            ASSERT_OK(weir_seen_find(seen, id_of(seen, n), &position, &err), err);
            assert_int_equal(position, weir_position(n + 1, 0));
        }
        before = complete;
        weir_seen_close(seen);
    }
    assert_true(advanced > 5);
}

static void a_crowd_of_close_hashes_is_stored_like_any_other(void **state)
{
    (void)state;
    uint64_t complete;
    struct weir_seen *seen = open_index(SMALL, &complete);
    for (uint64_t i = 0; i < 3000; i++) {
        bool duplicate;
        struct weir_hash128 id = {UINT64_MAX, i * 977};
        ASSERT_OK(weir_seen_check(seen, id, weir_position(i + 1, 0), &duplicate, &err), err);
        assert_false(duplicate);
    }
    ASSERT_OK(weir_seen_flush(seen, &err), err);
    weir_seen_settle(seen);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t position;
        ASSERT_OK(weir_seen_find(seen, (struct weir_hash128){UINT64_MAX, i * 977}, &position, &err),
                  err);
        assert_int_equal(position, weir_position(i + 1, 0));
    }
    weir_seen_close(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_a_duplicate_from_its_second_position_on, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(the_same_message_id_in_another_source_is_another_event,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(remembers_far_more_than_its_memory_holds, make, unmake),
        cmocka_unit_test_setup_teardown(damage_is_found_and_the_index_is_begun_anew, make, unmake),
        cmocka_unit_test_setup_teardown(survives_kill_9_between_any_two_steps, make, unmake),
        cmocka_unit_test_setup_teardown(a_crowd_of_close_hashes_is_stored_like_any_other, make,
                                        unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
