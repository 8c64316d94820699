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

/* Of one file that has this mark; `cursor` is what the last run left. */
static bool is_new(struct weir_file_mark mark, const char *cursor, struct weir_source_plan *plan)
{
    struct weir_file file = {.name = WEIR_STR("a.csv"), .mark = mark};
    struct weir_file_stream stream = {.files = &file, .count = 1};
    struct weir_error err = {0};
    weir_source_plan_init(plan);
    ASSERT_OK(weir_file_cursor(&stream, WEIR_SOURCE_REPLACE, false, weir_str_of(cursor), 1, 2, plan,
                               &err),
              err);
    return !plan->nothing;
}

static void a_cursor_tells_files_by_ctime_where_it_has_it(void **state)
{
    (void)state;
    struct weir_source_plan plan;
    char kept[1000];
    struct weir_file_mark mark = {.size = 4, .mtime = 5, .inode = 6, .ctime = 7};
    const char *old = "{\"v\":1,\"options\":\"0000000000000001\",\"rows\":\"0000000000000002\","
                      "\"files\":{\"a.csv\":[4,5,6]}}";
    assert_false(is_new(mark, old, &plan));
    weir_source_plan_free(&plan);
    mark.inode = 8;
    assert_true(is_new(mark, old, &plan));
    snprintf(kept, sizeof kept, WEIR_STR_FMT, WEIR_STR_ARG(plan.cursor));
    assert_non_null(strstr(kept, "[4,5,8,7]"));
    weir_source_plan_free(&plan);
    assert_false(is_new(mark, kept, &plan));
    weir_source_plan_free(&plan);
    mark.ctime = 9;
    assert_true(is_new(mark, kept, &plan));
    weir_source_plan_free(&plan);
}

/* In which rows of it are; `path` as weir has it now. */
static void called(const char *path, const char *kept, const char *expected)
{
    char cursor[500];
    struct weir_file file = {.name = weir_str_of(path)};
    struct weir_file_stream stream = {.files = &file, .count = 1};
    struct weir_arena arena;
    struct weir_error err = {0};
    weir_arena_init(&arena, 4096);
    snprintf(cursor, sizeof cursor, "{\"v\":1,\"files\":{%s}}", kept);
    ASSERT_OK(weir_file_cursor_names(&stream, weir_str_of(cursor), &arena, &err), err);
    assert_true(weir_str_is(file.name, expected));
    weir_arena_free(&arena);
}

static void a_file_keeps_the_name_that_an_older_cursor_has(void **state)
{
    (void)state;
    called("in/a.csv", "\"in//a.csv\":[4,5,6]", "in//a.csv");
    called("in/a.csv", "\"./in/./a.csv\":[4,5,6],\"in/b.csv\":[4,5,6]", "./in/./a.csv");
    called("in/a.csv", "\"in//a.csv\":[4,5,6],\"in/a.csv\":[4,5,6]", "in/a.csv");
    called("/x/a.csv", "\"/x//a.csv\":[4,5,6]", "/x//a.csv");
    called("in/a.csv", "\"/in//a.csv\":[4,5,6],\"in/..//a.csv\":[4,5,6]", "in/a.csv");
    called("in/a.csv", "", "in/a.csv");
}

/* As rows of files are compared with them: a file that is there is not gone, however it is called.
 */
static void files_of_older_names_are_found_among_others(void **state)
{
    (void)state;
    static const char cursor[] =
        "{\"v\":1,\"options\":\"0000000000000000\",\"files\":{"
        "\"in//z.csv\":[4,5,6],\"in/a.csv\":[4,5,6],\"in/b.csv\":[4,5,6]}}";
    struct weir_file files[] = {{.name = WEIR_STR("in/a.csv")},
                                {.name = WEIR_STR("in/b.csv")},
                                {.name = WEIR_STR("in/z.csv")}};
    struct weir_file_stream stream = {.files = files, .count = 3};
    struct weir_source_plan plan = {.whole = false};
    struct weir_source_parts parts;
    struct weir_error err = {0};
    weir_arena_init(&plan.arena, 65536);
    for (size_t i = 0; i < 3; i++) {
        files[i].mark = (struct weir_file_mark){.size = 4, .mtime = 5, .inode = 6};
    }
    ASSERT_OK(weir_file_cursor_names(&stream, weir_str_of(cursor), &plan.arena, &err), err);
    ASSERT_OK(weir_file_cursor_news(&stream, weir_str_of(cursor), 0, true, &plan, &parts, &err),
              err);
    assert_int_equal(parts.there_count, 3);
    assert_int_equal(parts.news_count, 0);
    weir_arena_free(&plan.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_in_its_place_is_not_followed),
        cmocka_unit_test(a_cursor_tells_files_by_ctime_where_it_has_it),
        cmocka_unit_test(a_file_keeps_the_name_that_an_older_cursor_has),
        cmocka_unit_test(files_of_older_names_are_found_among_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
