/* What Excel's number formats mean, and its numbers as texts. */
#include "test.h"

#include "source/file/xlsx.h"

static void formats_say_what_a_number_is(void **state)
{
    static const struct {
        const char *format;
        enum weir_excel_kind kind;
    } cases[] = {{"General", WEIR_EXCEL_NUMBER},
                 {"0.00", WEIR_EXCEL_NUMBER},
                 {"#,##0 \"days\"", WEIR_EXCEL_NUMBER},
                 {"0.00E+00", WEIR_EXCEL_NUMBER},
                 {"[Red]0;[Blue]-0", WEIR_EXCEL_NUMBER},
                 {"[$\xe2\x82\xac-407]#,##0.00", WEIR_EXCEL_NUMBER},
                 {"@", WEIR_EXCEL_NUMBER},
                 {"0\\d", WEIR_EXCEL_NUMBER},
                 {"yyyy-mm-dd", WEIR_EXCEL_DATE},
                 {"dd/mm/yy", WEIR_EXCEL_DATE},
                 {"[$-409]d\\-mmm\\-yy;@", WEIR_EXCEL_DATE},
                 {"mmm", WEIR_EXCEL_DATE},
                 {"D.M.YYYY", WEIR_EXCEL_DATE},
                 {"yyyy-mm-dd hh:mm", WEIR_EXCEL_DATETIME},
                 {"m/d/yy h:mm AM/PM", WEIR_EXCEL_DATETIME},
                 {"h:mm", WEIR_EXCEL_TIME},
                 {"mm:ss.000", WEIR_EXCEL_TIME},
                 {"h AM/PM", WEIR_EXCEL_TIME},
                 {"[h]:mm", WEIR_EXCEL_DURATION},
                 {"[mm]:ss", WEIR_EXCEL_DURATION},
                 {"\"open", WEIR_EXCEL_NUMBER},
                 {"[", WEIR_EXCEL_NUMBER},
                 {"\\", WEIR_EXCEL_NUMBER}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (weir_excel_kind_of(weir_str_of(cases[i].format)) != cases[i].kind) {
            fail_msg("%s is not of kind %d", cases[i].format, (int)cases[i].kind);
        }
    }
    assert_int_equal(weir_excel_kind_of_builtin(0), WEIR_EXCEL_NUMBER);
    assert_int_equal(weir_excel_kind_of_builtin(14), WEIR_EXCEL_DATE);
    assert_int_equal(weir_excel_kind_of_builtin(20), WEIR_EXCEL_TIME);
    assert_int_equal(weir_excel_kind_of_builtin(22), WEIR_EXCEL_DATETIME);
    assert_int_equal(weir_excel_kind_of_builtin(46), WEIR_EXCEL_DURATION);
    assert_int_equal(weir_excel_kind_of_builtin(49), WEIR_EXCEL_NUMBER);
}

static void is(double v, enum weir_excel_kind kind, bool from_1904, const char *expected)
{
    struct weir_buf out;
    weir_buf_init(&out, 100);
    weir_excel_print(&out, v, kind, from_1904);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_free(&out);
}

static void numbers_are_what_the_calendar_says(void **state)
{
    (void)state;
    is(1, WEIR_EXCEL_NUMBER, false, "1");
    is(-42, WEIR_EXCEL_NUMBER, false, "-42");
    is(0.1, WEIR_EXCEL_NUMBER, false, "0.1");
    is(0.1 + 0.2, WEIR_EXCEL_NUMBER, false, "0.30000000000000004");
    is(1e300, WEIR_EXCEL_NUMBER, false, "1e+300");
    is(1, WEIR_EXCEL_DATE, false, "1900-01-01");
    is(59, WEIR_EXCEL_DATE, false, "1900-02-28");
    is(60, WEIR_EXCEL_DATE, false, "1900-02-29");
    is(61, WEIR_EXCEL_DATE, false, "1900-03-01");
    is(46023, WEIR_EXCEL_DATE, false, "2026-01-01");
    is(2958465, WEIR_EXCEL_DATE, false, "9999-12-31");
    is(2958466, WEIR_EXCEL_DATE, false, "2958466");
    is(-1, WEIR_EXCEL_DATE, false, "-1");
    is(0, WEIR_EXCEL_DATE, true, "1904-01-01");
    is(44561, WEIR_EXCEL_DATE, true, "2026-01-01");
    is(46023.5, WEIR_EXCEL_DATE, false, "2026-01-01 12:00:00");
    is(46023, WEIR_EXCEL_DATETIME, false, "2026-01-01 00:00:00");
    is(46023.999999999, WEIR_EXCEL_DATETIME, false, "2026-01-02 00:00:00");
    is(46023 + 1.0 / 86400, WEIR_EXCEL_DATETIME, false, "2026-01-01 00:00:01");
    is(46023 + 0.25 / 86400, WEIR_EXCEL_DATETIME, false, "2026-01-01 00:00:00.250");
    is(0.5, WEIR_EXCEL_TIME, false, "12:00:00");
    is(46023.5, WEIR_EXCEL_TIME, false, "2026-01-01 12:00:00");
    is(1.5, WEIR_EXCEL_DURATION, false, "36:00:00");
}

static void escapes_and_places_are_read(void **state)
{
    struct weir_buf out;
    uint32_t column = 0;
    (void)state;
    weir_buf_init(&out, 1000);
    weir_excel_unescape(&out,
                        WEIR_STR("a_x000D_b_x_x00_x0041__xZZZZ__x005F_x000D_c_x0000__xD800_"));
    assert_string_equal(weir_buf_cstr(&out), "a\rb_x_x00A_xZZZZ__x000D_c_x0000__xD800_");
    weir_buf_free(&out);
    assert_true(weir_excel_reference("A1", &column));
    assert_int_equal(column, 0);
    assert_true(weir_excel_reference("AB12", &column));
    assert_int_equal(column, 27);
    assert_true(weir_excel_reference("XFD1048576", &column));
    assert_int_equal(column, 16383);
    static const char *const bad[] = {"", "1", "A", "XFE1", "AAAA1", "a1", "A0", "ZZZZZZZZ1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(weir_excel_reference(bad[i], &column));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_say_what_a_number_is),
        cmocka_unit_test(numbers_are_what_the_calendar_says),
        cmocka_unit_test(escapes_and_places_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
