#include "test.h"

#include "base/time.h"

#include "cases.h"

static void assert_reads_as(struct weir_str text, bool read, weir_time when, struct weir_str expect)
{
    char out[28] = "-";
    if (read) {
        weir_time_format(when, out);
    }
    if (!weir_str_is(expect, out)) {
        fail_msg("\"" WEIR_STR_FMT "\" reads as %s, not " WEIR_STR_FMT, WEIR_STR_ARG(text), out,
                 WEIR_STR_ARG(expect));
    }
}

static void reads_the_times_that_sdks_send(void **state)
{
    (void)state;
    struct weir_buf text = cases_read("time/parse.tsv");
    struct weir_str rest = weir_buf_str(&text);
    struct weir_str columns[3];
    unsigned cases = 0;
    while (cases_next(&rest, columns, 3)) {
        weir_time when = 0;
        bool read = weir_time_parse(columns[0], &when);
        assert_reads_as(columns[0], read, when, columns[1]);
        read = weir_time_parse_lenient(columns[0], &when);
        assert_reads_as(columns[0], read, when,
                        weir_str_is(columns[2], "=") ? columns[1] : columns[2]);
        cases++;
    }
    assert_true(cases > 70);
    weir_buf_free(&text);
}

static void a_failed_read_changes_nothing(void **state)
{
    (void)state;
    weir_time when = 42;
    assert_false(weir_time_parse(WEIR_STR("2026-02-30T00:00:00Z"), &when));
    assert_false(weir_time_parse_lenient(WEIR_STR(""), &when));
    assert_false(weir_time_parse_lenient((struct weir_str){NULL, 0}, &when));
    assert_false(weir_time_parse((struct weir_str){NULL, 0}, &when));
    assert_int_equal(when, 42);
}

/* What the strict reader takes, in the short way where it has one, the lenient one, which has none,
 * reads as the same; so they must after each change of a byte. */
static void both_readers_agree(void **state)
{
    static const char *const texts[] = {
        "2026-01-02T03:04:05Z",        "2024-02-29T23:59:60Z",
        "2026-12-31T00:00:00.1Z",      "0001-01-01T00:00:00.12345Z",
        "9999-12-31T23:59:59.999999Z", "2026-01-02T03:04:05.1234567Z"};
    static const char bytes[] = "0123456789-:.TtZz+ ,/;";
    size_t both = 0;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t len = strlen(texts[i]);
        for (size_t at = 0; at < len * len * 4; at++) {
            char text[32];
            memcpy(text, texts[i], len + 1);
            text[at % len] = bytes[(at / len) % (sizeof bytes - 1)];
            text[(at / len) % len] = bytes[at % (sizeof bytes - 1)];
            for (size_t n = len - 1; n <= len; n++) {
                weir_time strict = 0, lenient = 0;
                struct weir_str s = {text, n};
                if (weir_time_parse(s, &strict)) {
                    assert_true(weir_time_parse_lenient(s, &lenient));
                    assert_int_equal(strict, lenient);
                    both++;
                }
            }
        }
    }
    assert_true(both > 500);
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 64);
    /* A step that shares no factor with days or years, over all that RFC 3339 can write. */
    for (weir_time when = WEIR_TIME_MIN; when < WEIR_TIME_MAX;
         when += 5003 * WEIR_DAY + 98765432101) {
        weir_time back;
        weir_buf_reset(&out);
        weir_time_print(&out, when, 6);
        assert_true(weir_time_parse(weir_buf_str(&out), &back));
        assert_true(back == when);
    }
    weir_buf_free(&out);
}

static void prints_as_many_digits_as_asked(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 256);
    weir_time_print(&out, 1767323045678901, 0);
    weir_buf_addc(&out, ' ');
    weir_time_print(&out, 1767323045678901, 3);
    weir_buf_addc(&out, ' ');
    weir_time_print(&out, -1, 6);
    weir_buf_addc(&out, ' ');
    weir_time_print(&out, INT64_MIN, 0);
    weir_buf_addc(&out, ' ');
    weir_time_print(&out, INT64_MAX, 3);
    assert_string_equal(weir_buf_cstr(&out),
                        "2026-01-02T03:04:05Z 2026-01-02T03:04:05.678Z 1969-12-31T23:59:59.999999Z "
                        "0001-01-01T00:00:00Z 9999-12-31T23:59:59.999Z");
    weir_buf_free(&out);
}

static void the_steady_clock_does_not_go_back(void **state)
{
    (void)state;
    weir_time last = weir_mono();
    for (int i = 0; i < 1000; i++) {
        weir_time now = weir_mono();
        assert_true(now >= last);
        last = now;
    }
    assert_true(weir_now() > 1767323045 * WEIR_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_times_that_sdks_send),
        cmocka_unit_test(a_failed_read_changes_nothing),
        cmocka_unit_test(both_readers_agree),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(prints_as_many_digits_as_asked),
        cmocka_unit_test(the_steady_clock_does_not_go_back),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
