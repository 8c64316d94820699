/* Ids of all transactions that were read, as a file of MySQL's log says them. */
#include "test.h"

#include "source/mysql/capture.h"

static void put_number(struct weir_buf *out, uint64_t n)
{
    char bytes[8];
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (char)(n >> 8 * i);
    }
    weir_buf_add(out, bytes, 8);
}

static void too_many_ids_are_not_known(void **state)
{
    (void)state;
    struct weir_my_gtids gtids = {.count = 0};
    struct weir_error err;
    struct weir_buf body;
    weir_buf_init(&body, 1u << 20);
    put_number(&body, 1);
    weir_buf_add(&body, "0123456789abcdef", 16);
    put_number(&body, WEIR_MY_SET_RANGES + 1);
    for (uint64_t i = 0; i <= WEIR_MY_SET_RANGES; i++) {
        put_number(&body, 2 * i + 1);
        put_number(&body, 2 * i + 2);
    }
    assert_int_equal(weir_my_gtids_read(&gtids, weir_buf_str(&body), &err), 0);
    assert_false(weir_my_gtids_known(&gtids));
    body.data[24] = 3; /* the number of its ranges, of which fewer are known */
    body.data[25] = 0;
    assert_int_equal(weir_my_gtids_read(&gtids, weir_buf_str(&body), &err), 0);
    assert_true(weir_my_gtids_known(&gtids) && gtids.set.count == 3);
    assert_int_equal(weir_my_gtids_read(&gtids, WEIR_STR("cut"), &err), WEIR_ECORRUPT);
    weir_my_gtids_free(&gtids);
    weir_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(too_many_ids_are_not_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
