#include <stdlib.h>

#include "test.h"

#include "query/encode.h"

static const struct weir_column columns[] = {
    {{"n", 1}, WEIR_TYPE_INT, {"BIGINT", 6}},
    {{"t", 1}, WEIR_TYPE_TEXT, {"VARCHAR", 7}},
    {{"b", 1}, WEIR_TYPE_BOOL, {"BOOLEAN", 7}},
};

static struct weir_buf out;
static struct weir_encoder encoder;

static int make(void **state)
{
    (void)state;
    weir_buf_init(&out, 8 << 20);
    encoder = (struct weir_encoder){.how = weir_encoding_of(WEIR_FORMAT_COLUMNS),
                                    .out = &out,
                                    .columns = columns,
                                    .column_count = 3};
    weir_buf_init(&encoder.scratch, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    weir_buf_free(&encoder.scratch);
    weir_buf_free(&out);
    return 0;
}

static uint32_t u32(size_t at)
{
    const unsigned char *p = (const unsigned char *)out.data + at;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The values of three rows; the second is NULL everywhere, with something left behind. */
static int64_t ints[] = {-1, 1ll << 40, 7};
static struct weir_str strs[] = {{"ab", 2}, {"secret", 6}, {"c", 1}};
static bool bools[] = {true, true, false};
static uint64_t valid[] = {5};

static struct weir_batch batch_of(struct weir_vector vectors[3])
{
    vectors[0] = (struct weir_vector){.type = WEIR_TYPE_INT, .valid = valid, .ints = ints};
    vectors[1] = (struct weir_vector){.type = WEIR_TYPE_TEXT, .valid = valid, .strs = strs};
    vectors[2] = (struct weir_vector){.type = WEIR_TYPE_BOOL, .valid = valid, .bools = bools};
    return (struct weir_batch){.rows = 3, .column_count = 3, .columns = vectors};
}

static void a_head_names_the_columns(void **state)
{
    (void)state;
    encoder.how->begin(&encoder);
    assert_int_equal(u32(0) + 8, out.len);
    assert_int_equal(out.len % 8, 0);
    assert_int_equal(out.data[4], WEIR_COLUMNS_HEAD);
    static const char head[] = "{\"format\":\"weir-columns\",\"version\":1,\"columns\":["
                               "{\"name\":\"n\",\"type\":\"int\",\"engine_type\":\"BIGINT\"},";
    assert_memory_equal(out.data + 8, head, sizeof head - 1);
}

static void rows_are_buffers_and_null_hides_what_lies_there(void **state)
{
    (void)state;
    struct weir_vector vectors[3];
    struct weir_batch batch = batch_of(vectors);
    assert_int_equal(encoder.how->rows(&encoder, &batch, 0, 3, SIZE_MAX), 3);
    static const uint32_t wanted[] = {
        3,        3,                            /* rows, columns */
        0x102,    0, 5, 0, 0xffffffff, 0, 7, 0, /* int32, validity, -1, NULL, 7 */
        0x105,    0, 5, 0, 0,          2, 2, 3, /* text, validity, offsets */
        0x636261, 0,                            /* "abc" */
        0x101,    0, 5, 0, 1,          0,       /* bits, validity, true, NULL, false */
    };
    assert_int_equal(u32(0) + 8, out.len);
    assert_int_equal(out.data[4], WEIR_COLUMNS_ROWS);
    assert_int_equal(out.len, sizeof wanted + 8);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(u32(8 + 4 * i), wanted[i]);
    }
}

static void large_integers_take_eight_bytes(void **state)
{
    (void)state;
    struct weir_vector vectors[3];
    struct weir_batch batch = batch_of(vectors);
    vectors[0].valid = NULL;
    assert_int_equal(encoder.how->rows(&encoder, &batch, 1, 1, SIZE_MAX), 1);
    assert_int_equal(out.data[16], 3); /* int64, no validity */
    assert_int_equal(out.data[17], 0);
    assert_int_equal(u32(24), 0);
    assert_int_equal(u32(28), 1u << 8);
}

static void rows_stop_at_the_room_that_is_left(void **state)
{
    (void)state;
    struct weir_vector vectors[3];
    struct weir_batch batch = batch_of(vectors);
    assert_int_equal(encoder.how->rows(&encoder, &batch, 0, 3, 10), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(encoder.how->rows(&encoder, &batch, 0, 2, SIZE_MAX), 2);
    size_t two = out.len;
    weir_buf_reset(&out);
    size_t count = encoder.how->rows(&encoder, &batch, 0, 3, two + 80);
    assert_in_range(count, 1, 3);
    assert_true(out.len <= two + 80);
}

static void a_large_row_has_a_frame_of_its_own(void **state)
{
    (void)state;
    struct weir_vector vectors[3];
    struct weir_batch batch = batch_of(vectors);
    char *large = malloc(2 << 20);
    assert_non_null(large);
    memset(large, 'x', 2 << 20);
    struct weir_str texts[] = {{large, 2 << 20}, {large, 2 << 20}, {"c", 1}};
    vectors[1].strs = texts;
    vectors[1].valid = NULL;
    assert_int_equal(encoder.how->rows(&encoder, &batch, 0, 3, SIZE_MAX), 1);
    assert_int_equal(encoder.how->rows(&encoder, &batch, 1, 2, SIZE_MAX), 1);
    assert_true(weir_buf_ok(&out));
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_head_names_the_columns, make, unmake),
        cmocka_unit_test_setup_teardown(rows_are_buffers_and_null_hides_what_lies_there, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(large_integers_take_eight_bytes, make, unmake),
        cmocka_unit_test_setup_teardown(rows_stop_at_the_room_that_is_left, make, unmake),
        cmocka_unit_test_setup_teardown(a_large_row_has_a_frame_of_its_own, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
