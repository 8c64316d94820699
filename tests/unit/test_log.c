#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct pipe_log {
    int fds[2];
    struct weir_log log;
    char text[16384];
};

static struct pipe_log begin(bool json)
{
    struct pipe_log p = {0};
    assert_int_equal(pipe2(p.fds, O_CLOEXEC), 0);
    p.log = (struct weir_log){p.fds[1], WEIR_LOG_INFO, json, "collect"};
    return p;
}

/* What was logged, without the time at the front. */
static const char *said(struct pipe_log *p)
{
    close(p->fds[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(p->fds[0], p->text + n, sizeof p->text - 1 - n)) > 0;) {
        n += (size_t)got;
    }
    p->text[n] = '\0';
    close(p->fds[0]);
    char *after = strstr(p->text, "Z");
    return after ? after + 1 : p->text;
}

static void text_is_one_line_with_keys(void **state)
{
    (void)state;
    struct pipe_log p = begin(false);
    weir_log(&p.log, WEIR_LOG_WARN, "a corrupt frame", "segment", "00.wlog", "offset",
             weir_log_num(-42).text, "why", "two words", "none", "");
    assert_string_equal(said(&p), " warn  collect: a corrupt frame segment=00.wlog offset=-42 "
                                  "why=\"two words\" none=\"\"\n");
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    struct pipe_log p = begin(true);
    weir_log(&p.log, WEIR_LOG_ERROR, "it \"broke\"", "path", "a\\b");
    assert_string_equal(
        said(&p), "\",\"level\":\"error\",\"part\":\"collect\",\"message\":\"it \\\"broke\\\"\","
                  "\"path\":\"a\\\\b\"}\n");
}

static void what_is_logged_cannot_forge_a_line_or_a_key(void **state)
{
    (void)state;
    struct pipe_log p = begin(false);
    weir_log(&p.log, WEIR_LOG_INFO, "user\nforged", "k", "v forged=1", "bad", "\xFF");
    assert_string_equal(said(&p), " info  collect: \"user\\nforged\" k=\"v forged=1\" "
                                  "bad=\"\xEF\xBF\xBD\"\n");
}

static void lower_levels_are_not_written(void **state)
{
    (void)state;
    struct pipe_log p = begin(false);
    weir_log(&p.log, WEIR_LOG_DEBUG, "quiet");
    weir_log(NULL, WEIR_LOG_ERROR, "nobody");
    assert_string_equal(said(&p), "");
}

static void long_values_are_cut_and_the_line_stays_whole(void **state)
{
    (void)state;
    char big[3000];
    memset(big, 1, sizeof big - 1); /* six characters each when escaped */
    big[sizeof big - 1] = '\0';
    struct pipe_log p = begin(true);
    weir_log(&p.log, WEIR_LOG_INFO, big, "a", big, "b", "kept out");
    const char *line = said(&p);
    assert_true(strlen(line) < 4096);
    assert_string_equal(line + strlen(line) - 13, ",\"cut\":true}\n");
}

static void *log_many(void *arg)
{
    struct weir_log *log = arg;
    for (int i = 0; i < 200; i++) {
        weir_log(log, WEIR_LOG_INFO, "abcdefghijklmnopqrstuvwxyz", "n", "0123456789");
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
    struct weir_log log = {fileno(file), WEIR_LOG_INFO, false, ""};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &log), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    rewind(file);
    char line[256];
    int lines = 0;
    while (fgets(line, sizeof line, file)) {
        assert_string_equal(strchr(line, 'Z') + 1,
                            " info  abcdefghijklmnopqrstuvwxyz n=0123456789\n");
        lines++;
    }
    assert_int_equal(lines, 800);
    fclose(file);
}

static void levels_have_names(void **state)
{
    (void)state;
    enum weir_log_level level;
    assert_true(weir_log_level_parse("warn", &level));
    assert_int_equal(level, WEIR_LOG_WARN);
    assert_false(weir_log_level_parse("WARN", &level));
    assert_false(weir_log_level_parse(NULL, &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line_with_keys),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(what_is_logged_cannot_forge_a_line_or_a_key),
        cmocka_unit_test(lower_levels_are_not_written),
        cmocka_unit_test(long_values_are_cut_and_the_line_stays_whole),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
