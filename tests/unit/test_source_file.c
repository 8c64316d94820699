/* A file that is read is the one that was found, whatever takes its place. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "source/file/file.h"
#include "tempdir.h"

static struct weir_file found(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (struct weir_file){.name = WEIR_STR("open.csv"),
                              .path = path,
                              .device = (int64_t)st.st_dev,
                              .mark = {.size = st.st_size,
                                       .mtime = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                                       .inode = (int64_t)st.st_ino}};
}

static void reads(const struct weir_file *file, const char *what)
{
    struct weir_buf text;
    struct weir_error err;
    weir_buf_init(&text, 1000);
    ASSERT_OK(weir_file_read(weir_file_path(file), &text, &err), err);
    assert_string_equal(weir_buf_cstr(&text), what);
    weir_buf_free(&text);
}

static void a_link_in_its_place_is_not_followed(void **state)
{
    (void)state;
    struct tempdir dir = tempdir_make();
    char path[512], secret[512], aside[512];
    struct weir_error err = {0};
    tempdir_path(&dir, "open.csv", path);
    tempdir_path(&dir, "secret.csv", secret);
    tempdir_path(&dir, "aside.csv", aside);
    ASSERT_OK(weir_file_replace(path, WEIR_STR("id\n1\n"), 0600, &err), err);
    ASSERT_OK(weir_file_replace(secret, WEIR_STR("id\n2\n"), 0600, &err), err);
    struct weir_file file = found(path);
    /* While it is held, another one in its place is not read, ... */
    ASSERT_OK(weir_file_hold(&file, &err), err);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(secret, path), 0);
    reads(&file, "id\n1\n");
    assert_int_equal(weir_file_unchanged(&file, &err), WEIR_EAGAIN);
    weir_file_release(&file);
    /* ... nor is it when it came before: a link, a file of the same size and time, or none. */
    assert_int_equal(weir_file_hold(&file, &err), WEIR_EAGAIN);
    assert_int_equal(file.held, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(weir_file_hold(&file, &err), WEIR_EAGAIN);
    assert_int_equal(rename(secret, path), 0);
    struct stat st;
    assert_int_equal(stat(aside, &st), 0);
    const struct timespec times[] = {st.st_mtim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(weir_file_hold(&file, &err), WEIR_EAGAIN);
    /* Put back, it is itself. */
    assert_int_equal(rename(aside, path), 0);
    ASSERT_OK(weir_file_hold(&file, &err), err);
    reads(&file, "id\n1\n");
    weir_file_release(&file);
    assert_string_equal(weir_file_path(&file), path);
    ASSERT_OK(weir_file_unchanged(&file, &err), err);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_in_its_place_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
