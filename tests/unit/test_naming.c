#include "test.h"

#include "event/naming.h"

#include "cases.h"

static void names_are_segments_names(void **state)
{
    (void)state;
    struct weir_buf text = cases_read("naming/snake.tsv");
    struct weir_buf out;
    weir_buf_init(&out, 4096);
    struct weir_str rest = weir_buf_str(&text);
    struct weir_str columns[2];
    unsigned cases = 0;
    while (cases_next(&rest, columns, 2)) {
        weir_buf_reset(&out);
        weir_name_snake(columns[0], &out);
        struct weir_str expect = weir_str_is(columns[1], "-") ? WEIR_STR("") : columns[1];
        if (!weir_str_eq(weir_buf_str(&out), expect)) {
            fail_msg("\"" WEIR_STR_FMT "\" became \"%s\", not \"" WEIR_STR_FMT "\"",
                     WEIR_STR_ARG(columns[0]), weir_buf_cstr(&out), WEIR_STR_ARG(expect));
        }
        cases++;
    }
    assert_true(cases > 50);
    weir_buf_free(&out);
    weir_buf_free(&text);
}

static void appends_behind_what_is_there(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 64);
    weir_buf_addz(&out, "context_");
    weir_name_snake(WEIR_STR("userAgent"), &out);
    assert_string_equal(weir_buf_cstr(&out), "context_user_agent");
    weir_buf_free(&out);
}

static const char *made(struct weir_buf *out, struct weir_str text)
{
    weir_buf_reset(out);
    weir_name_make(text, "event_", out);
    assert_true(weir_buf_ok(out));
    return weir_buf_cstr(out);
}

static void a_name_without_letters_gets_one_from_its_hash(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 160);
    assert_string_equal(made(&out, WEIR_STR("\xF0\x9F\x8F\x89")), "event_e9dab44e");
    assert_string_equal(made(&out, WEIR_STR("")), "event_38d394c2");
    assert_string_equal(made(&out, WEIR_STR("Kick Off")), "kick_off");
    weir_buf_free(&out);
}

static void long_names_are_cut_and_stay_different(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 160);
    char text[100000];
    memset(text, 'a', sizeof text);
    made(&out, (struct weir_str){text, WEIR_NAME_MAX});
    assert_int_equal(out.len, WEIR_NAME_MAX);
    assert_null(strchr(weir_buf_cstr(&out), '_'));
    char first[160];
    strcpy(first, made(&out, (struct weir_str){text, sizeof text}));
    assert_int_equal(out.len, WEIR_NAME_MAX);
    assert_int_equal(first[WEIR_NAME_MAX - 9], '_');
    text[sizeof text - 1] = 'b';
    assert_string_not_equal(made(&out, (struct weir_str){text, sizeof text}), first);
    memset(text, 'A', sizeof text);
    made(&out, (struct weir_str){text, sizeof text});
    assert_int_equal(out.len, WEIR_NAME_MAX);
    weir_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_segments_names),
        cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(a_name_without_letters_gets_one_from_its_hash),
        cmocka_unit_test(long_names_are_cut_and_stay_different),
    };
    return cmocka_run_group_tests_name("naming", tests, NULL, NULL);
}
