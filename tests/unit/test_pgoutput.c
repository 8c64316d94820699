/* Messages of pgoutput as a server sent them, and values as PostgreSQL writes them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/postgres/oid.h"
#include "source/postgres/pgoutput.h"
#include "source/postgres/value.h"

#define BYTES(literal) ((struct weir_str){(literal), sizeof(literal) - 1})

static struct weir_pg_message *read_message(struct weir_str bytes, int code)
{
    struct weir_pg_message *m = calloc(1, sizeof *m);
    struct weir_error err;
    assert_non_null(m);
    assert_int_equal(weir_pg_message_read(m, bytes, &err), code);
    return m;
}

static void messages_are_read(void **state)
{
    (void)state;
    struct weir_pg_message *m = read_message(BYTES("R\0\0\100\1public\0t\0d\0\2"
                                                   "\1id\0\0\0\0\27\377\377\377\377"
                                                   "\0big\0\0\0\0\31\377\377\377\377"),
                                             0);
    assert_int_equal(m->relation, 0x4001);
    assert_int_equal(m->column_count, 2);
    assert_true(weir_str_is(m->columns[1], "big"));
    free(m);
    /* UPDATE of a key: the old one, then the row, of which a large value did not change. */
    m = read_message(BYTES("U\0\0\100\1K\0\2t\0\0\0\1"
                           "7nN\0\2t\0\0\0\1"
                           "8u"),
                     0);
    assert_int_equal(m->old, 'K');
    assert_true(weir_str_is(m->before.values[0].text, "7"));
    assert_int_equal(m->before.values[1].kind, WEIR_PG_NULL);
    assert_true(weir_str_is(m->after.values[0].text, "8"));
    assert_int_equal(m->after.values[1].kind, WEIR_PG_KEPT);
    free(m);
    m = read_message(BYTES("C\0\0\0\0\1\0\0\0\7\0\0\0\1\0\0\0\11\0\0\0\0\0\0\0\0"), 0);
    assert_true(m->end == 0x100000009);
    free(m);
}

static void damaged_messages_are_errors(void **state)
{
    (void)state;
    static const struct {
        struct weir_str bytes;
        int code;
    } cases[] = {
        {BYTES(""), WEIR_ECORRUPT},
        {BYTES("B\0"), WEIR_ECORRUPT},
        {BYTES("X"), WEIR_EUNSUPPORTED},
        {BYTES("I\0\0\0\1N\0\1t\0\0\0\5abc"), WEIR_ECORRUPT},   /* ends in its middle */
        {BYTES("I\0\0\0\1N\0\1b\0\0\0\1a"), WEIR_EUNSUPPORTED}, /* no text */
        {BYTES("I\0\0\0\1N\377\377"), WEIR_ECORRUPT},           /* too many columns */
        {BYTES("D\0\0\0\1N\0\1n"), WEIR_ECORRUPT},              /* without a key */
        {BYTES("R\0\0\0\1public"), WEIR_ECORRUPT},              /* a text without an end */
        {BYTES("I\0\0\0\1N\0\1nmore"), WEIR_ECORRUPT},          /* more than said */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        free(read_message(cases[i].bytes, cases[i].code));
    }
}

static void positions_are_read(void **state)
{
    uint64_t lsn = 0;
    char text[WEIR_PG_LSN_SIZE];
    (void)state;
    assert_true(weir_pg_lsn_read(WEIR_STR("16/B374D848"), &lsn) && lsn == 0x16b374d848);
    weir_pg_lsn_format(lsn, text);
    assert_string_equal(text, "16/B374D848");
    static const char *const bad[] = {"", "/", "1/", "/1", "1", "1/2/3", "123456789/0", "g/0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(weir_pg_lsn_read(weir_str_of(bad[i]), &lsn));
    }
}

static void arrays_become_json(void **state)
{
    static const struct {
        const char *text;
        uint32_t element;
        const char *json; /* NULL: it is no array */
    } cases[] = {
        {"{1,NULL,-3}", WEIR_PG_INT4, "[1,null,-3]"},
        {"{}", WEIR_PG_INT4, "[]"},
        {"{{1,2},{3,4}}", WEIR_PG_INT4, "[[1,2],[3,4]]"},
        {"[0:1]={1,2}", WEIR_PG_INT4, "[1,2]"},
        {"{t,f,NULL}", WEIR_PG_BOOL, "[true,false,null]"},
        {"{a,\"b c\",\"\\\"\\\\\",\"NULL\",NULL,\"\"}", WEIR_PG_TEXT,
         "[\"a\",\"b c\",\"\\\"\\\\\",\"NULL\",null,\"\"]"},
        {"{NaN,1.5,-Infinity}", WEIR_PG_FLOAT8, "[\"NaN\",1.5,\"-Infinity\"]"},
        {"{\"2024-06-01 10:00:00+00\",infinity}", WEIR_PG_TIMESTAMPTZ,
         "[\"2024-06-01T10:00:00+00:00\",\"infinity\"]"},
        {"{\"0044-03-15 10:00:00 BC\"}", WEIR_PG_TIMESTAMP, "[\"0044-03-15T10:00:00 BC\"]"},
        /* No server writes such: */
        {"{1+23+45+67+89+01+23+45+67+89+01+23+45+67+89+01+23+45+67+89}", WEIR_PG_TIMESTAMP,
         "[\"1+23:00+45+67+89+01+23+45+67+89+01+23+45+67+89+01+23+45+67+89\"]"},
        {"{(3,4),(1,2);(7,8),(5,6)}", WEIR_PG_BOX, "[\"(3,4),(1,2)\",\"(7,8),(5,6)\"]"},
        {"", WEIR_PG_INT4, NULL},
        {"{1,,2}", WEIR_PG_INT4, NULL},
        {"{1,}", WEIR_PG_INT4, NULL},
        {"{1", WEIR_PG_INT4, NULL},
        {"{1}}", WEIR_PG_INT4, NULL},
        {"{\"a", WEIR_PG_TEXT, NULL},
        {"{1}{2}", WEIR_PG_INT4, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_buf out;
        weir_buf_init(&out, 4096);
        bool good = weir_pg_array(weir_str_of(cases[i].text), cases[i].element, &out);
        assert_int_equal(good, cases[i].json != NULL);
        if (good) {
            assert_string_equal(weir_buf_cstr(&out), cases[i].json);
        }
        weir_buf_free(&out);
    }
}

/* --- values -------------------------------------------------------------------------------------
 */

static struct weir_source_sink sink;
static struct weir_column column;
static int64_t seen;
static char shown[64];

static int see_rows(struct weir_source_sink *s, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    (void)s;
    (void)part;
    (void)err;
    if (column.type >= WEIR_TYPE_TEXT) {
        snprintf(shown, sizeof shown, WEIR_STR_FMT, WEIR_STR_ARG(batch->columns[0].strs[0]));
    } else {
        seen = batch->columns[0].ints[0];
    }
    return 0;
}

static bool put(enum weir_type type, unsigned precision, unsigned scale, const char *text)
{
    struct weir_pg_target target = {.type = type, .precision = precision, .scale = scale};
    struct weir_source_rows rows;
    struct weir_buf room;
    struct weir_error err;
    const char *why = NULL;
    column = (struct weir_column){.name = WEIR_STR("c"), .type = type};
    sink = (struct weir_source_sink){.columns = &column, .column_count = 1, .rows = see_rows};
    weir_buf_init(&room, 4096);
    assert_int_equal(weir_source_rows_open(&rows, &sink, WEIR_STR(""), &err), 0);
    assert_int_equal(weir_pg_value_put(&rows, 0, &target, weir_str_of(text), &room, &why, &err), 0);
    assert_int_equal(weir_source_rows_end(&rows, &err), 0);
    assert_int_equal(weir_source_rows_flush(&rows, &err), 0);
    weir_source_rows_free(&rows);
    weir_buf_free(&room);
    return !why;
}

static void values_are_read(void **state)
{
    (void)state;
    assert_true(put(WEIR_TYPE_DATE, 0, 0, "1970-01-02") && seen == 1);
    assert_true(put(WEIR_TYPE_DATE, 0, 0, "0001-12-31 BC") && seen == -719163);
    assert_true(put(WEIR_TYPE_DATE, 0, 0, "-infinity") && seen == -(int64_t)INT32_MAX);
    assert_true(put(WEIR_TYPE_TIMESTAMP, 0, 0, "1970-01-01 00:00:01.5+00") && seen == 1500000);
    assert_true(put(WEIR_TYPE_TIMESTAMP, 0, 0, "1969-12-31 23:59:59.999999") && seen == -1);
    assert_false(put(WEIR_TYPE_TIMESTAMP, 0, 0, "294276-12-31 23:59:59"));
    assert_false(put(WEIR_TYPE_TIMESTAMP, 0, 0, "2024-06-01 12:00:00+02"));
    assert_true(put(WEIR_TYPE_OTHER, 12, 2, "-12.5"));
    assert_string_equal(shown, "-12.50");
    assert_true(put(WEIR_TYPE_OTHER, 12, 0, "7"));
    assert_string_equal(shown, "7");
    assert_true(put(WEIR_TYPE_OTHER, 2, 2, "-0.00"));
    assert_string_equal(shown, "0.00");
    assert_false(put(WEIR_TYPE_OTHER, 12, 2, "NaN"));
    assert_false(put(WEIR_TYPE_OTHER, 12, 2, "1.234"));
    assert_false(put(WEIR_TYPE_OTHER, 4, 2, "123.4"));
    assert_false(put(WEIR_TYPE_INT, 0, 0, "9223372036854775808"));
    assert_false(put(WEIR_TYPE_TEXT, 0, 0, "\377"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read),  cmocka_unit_test(damaged_messages_are_errors),
        cmocka_unit_test(positions_are_read), cmocka_unit_test(arrays_become_json),
        cmocka_unit_test(values_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
