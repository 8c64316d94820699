#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/file.h"
#include "tempdir.h"

static void a_replaced_file_reads_back_with_its_mode(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    tempdir_path(&dir, "settings", path);
    struct weir_error err = {0};
    ASSERT_OK(weir_file_replace(path, WEIR_STR("old and longer"), 0644, &err), err);
    ASSERT_OK(weir_file_replace(path, WEIR_STR("new"), 0600, &err), err);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct weir_buf buf;
    weir_buf_init(&buf, 100);
    weir_buf_addz(&buf, "it is ");
    ASSERT_OK(weir_file_read(path, &buf, &err), err);
    assert_string_equal(weir_buf_cstr(&buf), "it is new");
    weir_buf_free(&buf);
    tempdir_remove(&dir);
}

static int count_name(const char *name, void *arg, struct weir_error *err)
{
    (void)err;
    char *seen = arg;
    snprintf(seen + strlen(seen), 200 - strlen(seen), "%s,", name);
    return strcmp(name, "stop") == 0 ? WEIR_ECANCELED : WEIR_OK;
}

static void a_replace_that_fails_leaves_the_old_file_and_no_litter(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    tempdir_path(&dir, "folder", path);
    struct weir_error err = {0};
    ASSERT_OK(weir_dir_make(path, 0755, &err), err);
    /* a folder cannot be replaced by a file */
    assert_int_not_equal(weir_file_replace(path, WEIR_STR("x"), 0644, &err), 0);
    assert_non_null(strstr(err.message, path));
    char seen[200] = "";
    ASSERT_OK(weir_dir_each(dir.path, count_name, seen, &err), err);
    assert_string_equal(seen, "folder,");
    tempdir_remove(&dir);
}

static void reading_stops_at_the_buffers_maximum(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    tempdir_path(&dir, "ten", path);
    struct weir_error err = {0};
    ASSERT_OK(weir_file_replace(path, WEIR_STR("0123456789"), 0644, &err), err);
    struct weir_buf buf;
    weir_buf_init(&buf, 10);
    ASSERT_OK(weir_file_read(path, &buf, &err), err);
    assert_string_equal(weir_buf_cstr(&buf), "0123456789");
    weir_buf_free(&buf);
    weir_buf_init(&buf, 9);
    assert_int_equal(weir_file_read(path, &buf, &err), WEIR_ETOOBIG);
    weir_buf_free(&buf);
    weir_buf_init(&buf, 9);
    assert_int_equal(weir_file_read(tempdir_path(&dir, "none", path), &buf, &err), WEIR_ENOENT);
    weir_buf_free(&buf);
    tempdir_remove(&dir);
}

static void folders_are_made_with_their_parents_and_listed_in_order(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    ASSERT_OK(weir_dir_make(tempdir_path(&dir, "a/b//c/", path), 0755, &err), err);
    ASSERT_OK(weir_dir_make(path, 0755, &err), err);
    static const char *const names[] = {"a/zeta", "a/stop", "a/_", "a/Alpha"};
    for (size_t i = 0; i < 4; i++) {
        ASSERT_OK(weir_file_replace(tempdir_path(&dir, names[i], path), WEIR_STR("x"), 0644, &err),
                  err);
    }
    char seen[200] = "";
    tempdir_path(&dir, "a", path);
    assert_int_equal(weir_dir_each(path, count_name, seen, &err), WEIR_ECANCELED);
    assert_string_equal(seen, "Alpha,_,b,stop,");
    tempdir_path(&dir, "a/zeta/under-a-file", path);
    assert_int_not_equal(weir_dir_make(path, 0755, &err), 0);
    tempdir_remove(&dir);
}

static void vectors_are_written_whole_and_short_reads_are_corruption(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    struct weir_error err = {0};
    int fd = open(tempdir_path(&dir, "v", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    /* more vectors than the kernel takes at once, some of them empty */
    enum { N = 3000 };
    static char bytes[N];
    static struct iovec iov[N];
    for (int i = 0; i < N; i++) {
        bytes[i] = (char)('a' + i % 26);
        iov[i] = (struct iovec){bytes + i, i % 7 == 0 ? 0 : 1};
    }
    ASSERT_OK(weir_pwritev_all(fd, iov, N, 5, "v", &err), err);
    char back[4];
    ASSERT_OK(weir_pread_all(fd, back, 4, 5, "v", &err), err);
    assert_memory_equal(back, "bcde", 4);
    struct stat st;
    fstat(fd, &st);
    assert_int_equal(st.st_size, 5 + N - (N + 6) / 7);
    assert_int_equal(weir_pread_all(fd, back, 4, (uint64_t)st.st_size - 3, "v", &err),
                     WEIR_ECORRUPT);
    ASSERT_OK(weir_write_all(fd, "zz", 2, "v", &err), err);
    ASSERT_OK(weir_pread_all(fd, back, 2, 0, "v", &err), err);
    assert_memory_equal(back, "zz", 2);
    close(fd);
    tempdir_remove(&dir);
}

static void a_lock_has_one_holder_and_names_it(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512];
    tempdir_path(&dir, "lock", path);
    struct weir_error err = {0};
    int fd;
    int second;
    assert_false(weir_lock_held(path));
    ASSERT_OK(weir_lock_take(path, &fd, &err), err);
    assert_true(weir_lock_held(path));
    assert_int_equal(weir_lock_take(path, &second, &err), WEIR_EBUSY);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld;", (long)getpid());
    assert_non_null(strstr(err.message, pid));
    close(fd);
    /* a holder that dies without a word has let go of it */
    pid_t child = fork();
    if (child == 0) {
        _exit(weir_lock_take(path, &fd, NULL));
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ASSERT_OK(weir_lock_take(path, &fd, &err), err);
    close(fd);
    tempdir_remove(&dir);
}

static void paths_join_with_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"a", "b", "a/b"},
                                           {"a/", "/b", "a/b"},
                                           {"/", "b", "/b"},
                                           {"", "b", "b"},
                                           {"a//", "b/", "a/b/"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *joined = weir_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
        free(joined);
    }
}

static void free_space_is_known(void **state)
{
    (void)state;
    struct weir_error err = {0};
    uint64_t bytes = 0;
    ASSERT_OK(weir_disk_free("/", &bytes, &err), err);
    assert_true(bytes > 0);
    assert_int_equal(weir_disk_free("/no/such/folder", &bytes, &err), WEIR_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replaced_file_reads_back_with_its_mode),
        cmocka_unit_test(a_replace_that_fails_leaves_the_old_file_and_no_litter),
        cmocka_unit_test(reading_stops_at_the_buffers_maximum),
        cmocka_unit_test(folders_are_made_with_their_parents_and_listed_in_order),
        cmocka_unit_test(vectors_are_written_whole_and_short_reads_are_corruption),
        cmocka_unit_test(a_lock_has_one_holder_and_names_it),
        cmocka_unit_test(paths_join_with_one_slash),
        cmocka_unit_test(free_space_is_known),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
