#include "test.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cond.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mask.h"
#include "base/str.h"

static void error_keeps_detail_and_cuts_long_text(void **state)
{
    (void)state;
    struct weir_error err = {0};
    char big[4000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(weir_fail(&err, WEIR_EINVAL, "%s", big), WEIR_EINVAL);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + strlen(err.message) - 3, "...");
    assert_int_equal(weir_fail_errno(&err, 28, "write %s", "a"), WEIR_ENOSPC);
    assert_string_equal(err.message, "write a: No space left on device");
    assert_int_equal(weir_error_prefix(&err, err.code, "log"), WEIR_ENOSPC);
    assert_string_equal(err.message, "log: write a: No space left on device");
    assert_int_equal(weir_fail(NULL, WEIR_EIO, "nobody listens"), WEIR_EIO);
}

static void buffer_failure_is_sticky(void **state)
{
    (void)state;
    struct weir_buf buf;
    weir_buf_init(&buf, 10);
    weir_buf_addz(&buf, "12345678");
    weir_buf_addz(&buf, "abc");
    assert_false(weir_buf_ok(&buf));
    weir_buf_addc(&buf, 'x');
    assert_string_equal(weir_buf_cstr(&buf), "12345678");
    struct weir_error err;
    assert_int_equal(weir_buf_check(&buf, "the name", &err), WEIR_ETOOBIG);
    weir_buf_reset(&buf);
    weir_buf_addf(&buf, "%d-%s", 7, "ok");
    assert_true(weir_buf_ok(&buf));
    assert_string_equal(weir_buf_cstr(&buf), "7-ok");
    weir_buf_reset(&buf);
    weir_buf_add_i64(&buf, INT64_MIN);
    assert_false(weir_buf_ok(&buf));
    weir_buf_free(&buf);
}

static void arena_refuses_beyond_its_maximum(void **state)
{
    (void)state;
    struct weir_arena arena;
    weir_arena_init(&arena, 64 * 1024);
    assert_non_null(weir_arena_alloc(&arena, 10));
    assert_null(weir_arena_alloc(&arena, 64 * 1024));
    assert_null(weir_arena_alloc(&arena, SIZE_MAX));
    assert_string_equal(weir_arena_printf(&arena, "%d", 42), "42");
    weir_arena_reset(&arena);
    assert_int_equal((uintptr_t)weir_arena_alloc(&arena, 1) % 16, 0);
    weir_arena_free(&arena);
}

static void map_finds_every_key_it_was_given(void **state)
{
    (void)state;
    struct weir_map map;
    weir_map_init(&map);
    char key[32];
    for (uintptr_t i = 0; i < 5000; i++) {
        struct weir_str k = {key, (size_t)snprintf(key, sizeof key, "key %zu", (size_t)i)};
        assert_int_equal(weir_map_put(&map, k, (void *)(i + 1)), 0);
    }
    assert_int_equal(map.count, 5000);
    for (uintptr_t i = 0; i < 5000; i++) {
        struct weir_str k = {key, (size_t)snprintf(key, sizeof key, "key %zu", (size_t)i)};
        assert_ptr_equal(weir_map_get(&map, k), (void *)(i + 1));
    }
    assert_null(weir_map_get(&map, WEIR_STR("key 5000")));
    weir_map_clear(&map);
    assert_null(weir_map_get(&map, WEIR_STR("key 1")));
    weir_map_free(&map);
}

static void strings_become_numbers_only_when_they_fit(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    assert_true(weir_str_to_i64(WEIR_STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(weir_str_to_i64(WEIR_STR("9223372036854775808"), &i));
    assert_true(weir_str_to_u64(WEIR_STR("18446744073709551615"), &u));
    assert_false(weir_str_to_u64(WEIR_STR("18446744073709551616"), &u));
    assert_false(weir_str_to_i64(WEIR_STR(""), &i));
    assert_false(weir_str_to_i64(WEIR_STR("1 "), &i));
    assert_true(weir_str_to_bytes(WEIR_STR("32MB"), &u));
    assert_true(u == 32u << 20);
    assert_true(weir_str_to_bytes(WEIR_STR(" 7 GiB "), &u));
    assert_true(u == 7ull << 30);
    assert_false(weir_str_to_bytes(WEIR_STR("7 parsecs"), &u));
    assert_false(weir_str_to_bytes(WEIR_STR("18446744073709551615k"), &u));
}

static void utf8_is_judged_as_unicode_says(void **state)
{
    (void)state;
    assert_true(weir_utf8_valid(WEIR_STR("\xF0\x9F\x8F\x89 rugby \xC3\xA9")));
    assert_false(weir_utf8_valid(WEIR_STR("\xC0\x80")));
    assert_false(weir_utf8_valid(WEIR_STR("\xED\xA0\x80")));
    assert_false(weir_utf8_valid(WEIR_STR("\xF4\x90\x80\x80")));
    assert_int_equal(weir_utf8_valid_prefix(WEIR_STR("abcdefghij\xFFk")), 10);
    assert_int_equal(weir_utf8_cut(WEIR_STR("ab\xC3\xA9"), 3).len, 2);
    char out[4];
    assert_int_equal(weir_utf8_encode(0xD800, out), 3);
    assert_memory_equal(out, "\xEF\xBF\xBD", 3);
}

static void a_wait_goes_by_the_clock_that_never_jumps(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    weir_cond_init(&cond);
    pthread_mutex_lock(&lock);
    const weir_time until = weir_mono() + WEIR_SECOND / 100;
    int waits = 0; /* of the wall clock this deadline is long over: it would spin */
    while (weir_mono() < until) {
        weir_cond_wait_until(&cond, &lock, until);
        waits++;
    }
    pthread_mutex_unlock(&lock);
    assert_true(waits < 10);
    pthread_cond_destroy(&cond);
}

static void uuids_look_like_uuids(void **state)
{
    (void)state;
    char a[37];
    char b[37];
    weir_uuid4(a);
    weir_uuid4(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_string_not_equal(a, b);
}

static void a_secret_is_hidden_however_it_is_written(void **state)
{
    static const struct {
        const char *secret, *text, *shown;
    } cases[] = {
        {"p@ss/w\"ord \xc3\xa9\\ $x 12", "url u:p%40ss%2Fw%22ord%20%C3%A9%5C%20%24x%2012@h",
         "url u:***@h"},
        {"p@ss/w\"ord \xc3\xa9\\ $x 12", "p%40ss%2fw%22ord+%c3%a9%5c+%24x+12&", "***&"},
        {"p@ss/w\"ord \xc3\xa9\\ $x 12", "{\"a\": \"p@ss/w\\\"ord \\u00e9\\\\ $x 12\"}",
         "{\"a\": \"***\"}"},
        {"p@ss/w\"ord \xc3\xa9\\ $x 12", "\"p@ss\\/w\\\\\\\"ord \\\\u00e9\\\\\\\\ $x 12\"",
         "\"***\""},
        {"p@ss/w\"ord \xc3\xa9\\ $x 12", "as it is: p@ss/w\"ord \xc3\xa9\\ $x 12.",
         "as it is: ***."},
        {"\xf0\x9f\x98\x80-token", "\\ud83d\\ude00-token;", "***;"},
        {"hunter2-and-more", "Basic dXNlcjpodW50ZXIyLWFuZC1tb3Jl", "Basic dXNlcjp***"},
        {"hunter2-and-more", "aHVudGVyMi1hbmQtbW9yZQ==", "***Q=="},
        {"hunter2-and-more", "hunter, hunter2 and hunter2-and-mor", "hunter, hunter2 and ***"},
        {"hunter2-and-more", "ends in hunter2%2Dan", "ends in ***"},
        {"postgres://u:geheim@h/db", "the password geheim is wrong", "the password *** is wrong"},
        {"postgres://u:p%40ss%2Fw1@h/db",
         "no p@ss/w1, no p%40ss%2fw1, no cEBzcy93MQ==", "no ***, no ***, no ***Q=="},
        {"line-one\nline-two", "line-two\\nline-one", "***\\n***"},
        {"abcd", "YWJjZA== is abcd, as is abc", "YWJjZA== is ***, as is abc"},
        {"abc", "abc is none", "abc is none"},
        {"100%", "100% and 100%25 and 1000", "*** and *** and 1000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_arena arena;
        struct weir_mask *mask = NULL;
        struct weir_error err = {0};
        weir_arena_init(&arena, 1u << 20);
        assert_int_equal(weir_mask_add(&mask, &arena, weir_str_of(cases[i].secret), &err), 0);
        snprintf(err.message, sizeof err.message, "%s", cases[i].text);
        weir_mask_error(mask, &err);
        assert_string_equal(err.message, cases[i].shown);
        weir_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_detail_and_cuts_long_text),
        cmocka_unit_test(buffer_failure_is_sticky),
        cmocka_unit_test(arena_refuses_beyond_its_maximum),
        cmocka_unit_test(map_finds_every_key_it_was_given),
        cmocka_unit_test(strings_become_numbers_only_when_they_fit),
        cmocka_unit_test(utf8_is_judged_as_unicode_says),
        cmocka_unit_test(uuids_look_like_uuids),
        cmocka_unit_test(a_secret_is_hidden_however_it_is_written),
        cmocka_unit_test(a_wait_goes_by_the_clock_that_never_jumps),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
