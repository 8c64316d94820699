/* PostgreSQL's COPY in its binary format, as a server sent it, and as none should. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "source/postgres/copy.h"

#define HEADER         "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define BYTES(literal) ((struct weir_str){(literal), sizeof(literal) - 1})

struct seen {
    struct weir_source_sink sink;
    struct weir_column columns[3];
    size_t rows, rejects;
    int64_t when;
    bool flag;
    char text[64], row[128];
};

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    (void)part;
    (void)err;
    s->rows += batch->rows;
    s->flag = batch->columns[0].bools[0];
    s->when = batch->columns[1].ints[0];
    snprintf(s->text, sizeof s->text, WEIR_STR_FMT, WEIR_STR_ARG(batch->columns[2].strs[0]));
    return 0;
}

static int see_reject(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    (void)err;
    assert_true(what->line == 0 && what->column.len > 0 && what->reason);
    snprintf(s->text, sizeof s->text, WEIR_STR_FMT, WEIR_STR_ARG(what->text));
    snprintf(s->row, sizeof s->row, WEIR_STR_FMT, WEIR_STR_ARG(what->row));
    s->rejects++;
    return 0;
}

static int decode(struct seen *s, struct weir_str bytes, struct weir_error *err)
{
    static const unsigned scales[3] = {0, 0, 2};
    struct weir_source_rows rows;
    struct weir_pg_copy copy;
    *s = (struct seen){.columns = {{WEIR_STR("b"), WEIR_TYPE_BOOL, {0}},
                                   {WEIR_STR("at"), WEIR_TYPE_TIMESTAMP, {0}},
                                   {WEIR_STR("n"), WEIR_TYPE_OTHER, WEIR_STR("DECIMAL(12,2)")}}};
    s->sink = (struct weir_source_sink){
        .columns = s->columns, .column_count = 3, .rows = see_rows, .reject = see_reject};
    assert_int_equal(weir_source_rows_open(&rows, &s->sink, WEIR_STR(""), err), 0);
    weir_pg_copy_init(&copy, &rows, scales);
    int rc = weir_pg_copy_message(&copy, bytes, err);
    rc = rc ? rc : weir_source_rows_flush(&rows, err);
    weir_pg_copy_free(&copy);
    weir_source_rows_free(&rows);
    return rc;
}

/* SELECT true, timestamp '2000-01-01 00:00:01', -12345.67::numeric(12,2) */
static const char row[] = HEADER "\0\3"
                                 "\0\0\0\1\1"
                                 "\0\0\0\10\0\0\0\0\0\17\102\100"
                                 "\0\0\0\16\0\3\0\1\100\0\0\2\0\1\11\51\32\54"
                                 "\377\377";

static void what_a_server_sends_is_read(void **state)
{
    struct seen s;
    struct weir_error err;
    (void)state;
    assert_int_equal(decode(&s, BYTES(row), &err), 0);
    assert_int_equal(s.rows, 1);
    assert_true(s.flag);
    assert_true(s.when == 946684801 * WEIR_SECOND);
    assert_string_equal(s.text, "-12345.67");
}

static void what_is_cut_or_wrong_is_an_error(void **state)
{
    struct seen s;
    struct weir_error err;
    (void)state;
    for (size_t len = 20; len < sizeof row - 3; len++) {
        char *part = malloc(len);
        assert_non_null(part);
        memcpy(part, row, len);
        assert_int_equal(decode(&s, (struct weir_str){part, len}, &err), WEIR_ECORRUPT);
        free(part);
    }
    assert_int_equal(decode(&s, BYTES(HEADER "\0\2"), &err), WEIR_ECORRUPT);
    assert_int_equal(decode(&s, BYTES(HEADER "\0\3\177\377\377\377"), &err), WEIR_ECORRUPT);
    assert_int_equal(decode(&s, BYTES(HEADER "\0\3\377\377\377\376"), &err), WEIR_ECORRUPT);
    assert_int_equal(decode(&s, BYTES(HEADER "\377\377\0"), &err), WEIR_ECORRUPT);
    assert_int_equal(decode(&s, BYTES("no header of it......"), &err), WEIR_ECORRUPT);
}

static void what_no_column_can_hold_is_set_aside(void **state)
{
    struct seen s;
    struct weir_error err;
    (void)state;
    /* NaN */
    assert_int_equal(decode(&s,
                            BYTES(HEADER "\0\3\377\377\377\377\377\377\377\377"
                                         "\0\0\0\10\0\0\0\0\300\0\0\0"),
                            &err),
                     0);
    assert_int_equal(s.rejects, 1);
    assert_int_equal(s.rows, 0);
    assert_string_equal(s.text, "NaN");
    assert_string_equal(s.row, "{\"b\":null,\"at\":null,\"n\":\"NaN\"}");
    /* true, 294276-12-31 23:59:59.000001, 1.50 */
    assert_int_equal(decode(&s,
                            BYTES(HEADER "\0\3\0\0\0\1\1\0\0\0\10\177\377\377\133\263\243\135\301"
                                         "\0\0\0\14\0\2\0\0\0\0\0\2\0\1\23\210"),
                            &err),
                     0);
    assert_int_equal(s.rejects, 1);
    assert_string_equal(s.text, "294276-12-31 23:59:59.000001");
    assert_string_equal(s.row, "{\"b\":true,\"at\":\"294276-12-31 23:59:59.000001\",\"n\":1.50}");
}

static void numbers_are_exact(void **state)
{
    static const struct {
        struct weir_str field;
        unsigned scale;
        const char *text;
    } cases[] = {
        {BYTES("\0\0\0\0\0\0\0\2"), 2, "0.00"},
        {BYTES("\0\1\377\377\0\0\0\2\1\364"), 2, "0.05"},
        {BYTES("\0\1\377\377\100\0\0\2\1\364"), 4, "-0.0500"},
        {BYTES("\0\1\0\1\0\0\0\0\0\2"), 0, "20000"},
        {BYTES("\0\1\377\377\0\0\0\2\1\364"), 1, NULL},
        {BYTES("\0\1\0\0\0\0\0\0\47\20"), 0, NULL}, /* a digit of 10,000 */
        {BYTES("\0\2\0\0\0\0\0\0\0\1"), 0, NULL},
        {BYTES("\0"), 0, NULL},
        {BYTES("\0\0\0\0\300\0\0\0"), 0, NULL}, /* NaN */
        /* 999,999,999,999,999,999 and one more, of 18 digits at most */
        {BYTES("\0\5\0\4\0\0\0\0\0\143\47\17\47\17\47\17\47\17"), 0, "999999999999999999"},
    };
    struct weir_buf out;
    (void)state;
    weir_buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf_reset(&out);
        assert_int_equal(weir_pg_numeric(cases[i].field, cases[i].scale, &out),
                         cases[i].text != NULL);
        if (cases[i].text) {
            assert_string_equal(weir_buf_cstr(&out), cases[i].text);
        }
        int64_t scaled = 0;
        assert_int_equal(weir_pg_scaled(cases[i].field, cases[i].scale, &scaled),
                         cases[i].text != NULL);
        if (cases[i].text) {
            assert_true((__int128)scaled == weir_number_scaled(weir_str_of(cases[i].text)));
        }
    }
    weir_buf_free(&out);
}

static void scaled_numbers_have_18_digits(void **state)
{
    int64_t scaled;
    (void)state;
    /* 10^18, 99 with 17 digits behind the point, 10^-20 */
    assert_false(weir_pg_scaled(BYTES("\0\1\0\4\0\0\0\0\0\144"), 0, &scaled));
    assert_false(weir_pg_scaled(BYTES("\0\1\0\0\0\0\0\0\0\143"), 17, &scaled));
    assert_false(weir_pg_scaled(BYTES("\0\1\377\373\0\0\0\24\0\1"), 18, &scaled));
    assert_true(weir_pg_scaled(BYTES("\0\1\0\0\100\0\0\0\0\11"), 17, &scaled));
    assert_true(scaled == -900000000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_sends_is_read),
        cmocka_unit_test(what_is_cut_or_wrong_is_an_error),
        cmocka_unit_test(what_no_column_can_hold_is_set_aside),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(scaled_numbers_have_18_digits),
    };
    return cmocka_run_group_tests_name("pgcopy", tests, NULL, NULL);
}
