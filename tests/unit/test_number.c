/* The digits of numbers: they are the number, and fewer would not be. */
#include "test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"

#define TRIALS 200000

static double read_back(const char *digits, int point)
{
    char text[64];
    snprintf(text, sizeof text, "0.%se%d", digits, point);
    return strtod(text, NULL);
}

static void digits_are_the_number_and_as_few_as_can_be(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < TRIALS; i++) {
        uint64_t bits = weir_hash64(&i, sizeof i, 7);
        char digits[WEIR_NUMBER_DIGITS + 1], fewer[40];
        double value;
        int point;
        memcpy(&value, &bits, sizeof value);
        value = i % 4 == 0 ? (double)(bits % 100000) / 100 : value; /* as people have them, too */
        if (!isfinite(value)) {
            continue;
        }
        int n = weir_number_digits(value, digits, &point);
        assert_int_equal(strlen(digits), n);
        assert_true(read_back(digits, point) == fabs(value));
        assert_true(n == 1 || (digits[0] != '0' && digits[n - 1] != '0'));
        if (n > 1) {
            snprintf(fewer, sizeof fewer, "%.*e", n - 2, fabs(value));
            assert_true(strtod(fewer, NULL) != fabs(value));
        }
    }
}

static void some_that_everybody_knows(void **state)
{
    static const struct {
        double value;
        const char *digits;
        int point;
    } known[] = {{0, "0", 1},
                 {-1.5, "15", 1},
                 {0.015, "15", -1},
                 {0.1, "1", 0},
                 {1e21, "1", 22},
                 {123456789, "123456789", 9},
                 {5e-324, "5", -323},
                 {DBL_MIN, "22250738585072014", -307},
                 {9007199254740993.0, "9007199254740992", 16},
                 {-0.0, "0", 1},
                 {DBL_MAX, "17976931348623157", 309}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char digits[WEIR_NUMBER_DIGITS + 1];
        int point;
        (void)weir_number_digits(known[i].value, digits, &point);
        assert_string_equal(digits, known[i].digits);
        assert_int_equal(point, known[i].point);
    }
}

static void a_float_is_the_double_of_its_digits(void **state)
{
    (void)state;
    assert_true(weir_number_widen(0.1f) == 0.1);
    assert_true(weir_number_widen(-16777216.0f) == -16777216.0);
    assert_true(weir_number_widen(3.4028235e38f) == 3.4028235e38);
    assert_true(weir_number_widen(1e-45f) == 1e-45);
    assert_true(signbit(weir_number_widen(-0.0f)));
    assert_true(isnan(weir_number_widen(NAN)) && isinf(weir_number_widen(-INFINITY)));
    for (uint64_t i = 0; i < TRIALS; i++) {
        uint32_t bits = (uint32_t)weir_hash64(&i, sizeof i, 9);
        char digits[WEIR_NUMBER_DIGITS + 1];
        int point;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            double wide = weir_number_widen(value);
            assert_true((float)wide == value);
            assert_in_range(weir_number_digits(wide, digits, &point), 1, 9);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_the_number_and_as_few_as_can_be),
        cmocka_unit_test(some_that_everybody_knows),
        cmocka_unit_test(a_float_is_the_double_of_its_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
