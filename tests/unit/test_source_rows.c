/* Rows on their way into a sink: by the caller's thread, and by one of their own. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/run/rows.h"

#define MANY 700000 /* several blocks */

struct seen {
    struct weir_source_sink sink;
    struct weir_column columns[2];
    pthread_t caller;
    size_t rows, batches, rejects, elsewhere;
    size_t rows_at_reject;
    useconds_t slow; /* for each batch */
    size_t fail_at;  /* the batch that fails, from 1 on; 0: none */
    bool wrong;
};

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    char text[32];
    s->batches++;
    usleep(s->slow); /* until all blocks are full */
    s->elsewhere += !pthread_equal(pthread_self(), s->caller);
    s->wrong = s->wrong || !weir_str_is(part, "part");
    for (size_t i = 0; i < batch->rows; i++) {
        int64_t is = batch->columns[0].ints[i];
        snprintf(text, sizeof text, "row %lld", (long long)is);
        bool there = weir_vector_valid(&batch->columns[1], i);
        s->wrong = s->wrong || (size_t)is != s->rows || there != (is % 3 != 0) ||
                   (there && !weir_str_is(batch->columns[1].strs[i], text));
        s->rows++;
    }
    return s->batches == s->fail_at ? weir_fail(err, WEIR_EIO, "the disk is full") : 0;
}

static int see_reject(struct weir_source_sink *sink, const struct weir_source_reject *what,
                      struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    (void)err;
    assert_true(what->line == 7 && weir_str_is(what->text, "bad") && what->reason);
    assert_true(weir_str_is(what->part, "part") && !what->column.len && !what->row.len);
    s->rejects++;
    s->rows_at_reject = s->rows;
    return 0;
}

static void begin(struct seen *s)
{
    *s = (struct seen){
        .columns = {{WEIR_STR("n"), WEIR_TYPE_INT, {0}}, {WEIR_STR("t"), WEIR_TYPE_TEXT, {0}}},
        .caller = pthread_self()};
    s->sink = (struct weir_source_sink){
        .columns = s->columns, .column_count = 2, .rows = see_rows, .reject = see_reject};
}

static int put(struct weir_source_rows *r, int64_t n, struct weir_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "row %lld", (long long)n);
    weir_source_rows_int(r, 0, n);
    int rc = n % 3 ? weir_source_rows_text(r, 1, weir_str_of(text), err) : 0;
    return rc ? rc : weir_source_rows_end(r, err);
}

static void check_order(useconds_t slow)
{
    struct weir_source_rows r;
    struct weir_error err;
    struct seen s;
    begin(&s);
    s.slow = slow;
    assert_int_equal(weir_source_rows_open_aside(&r, &s.sink, WEIR_STR("part"), &err), 0);
    for (int64_t i = 0; i < MANY; i++) {
        assert_int_equal(put(&r, i, &err), 0);
        if (i == MANY / 2) { /* a bad row is with the sink when nothing else is on its way */
            weir_source_rows_int(&r, 0, -1);
            assert_int_equal(weir_source_rows_reject(&r, 7, WEIR_STR("bad"), "a reason", &err), 0);
        }
    }
    assert_int_equal(weir_source_rows_flush(&r, &err), 0);
    assert_true(s.rows == MANY && !s.wrong);
    assert_int_equal(s.rejects, 1);
    assert_true(s.rows_at_reject > 0 && s.rows_at_reject <= MANY / 2 + 1);
    assert_int_equal(s.elsewhere, s.batches);
    weir_source_rows_free(&r);
}

static void a_thread_of_its_own_keeps_order_and_loses_nothing(void **state)
{
    (void)state;
    check_order(0);
    check_order(50000);
}

static void few_rows_need_no_thread(void **state)
{
    struct weir_source_rows r;
    struct weir_error err;
    struct seen s;
    (void)state;
    begin(&s);
    assert_int_equal(weir_source_rows_open_aside(&r, &s.sink, WEIR_STR("part"), &err), 0);
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(put(&r, i, &err), 0);
    }
    assert_int_equal(weir_source_rows_flush(&r, &err), 0);
    assert_true(s.rows == 1000 && !s.wrong && s.elsewhere == 0);
    weir_source_rows_free(&r);
}

/* --- rows with flaws --- */

struct kept {
    struct weir_source_sink sink;
    struct weir_column columns[8];
    size_t rows, rejects;
    char column[32], text[2000], reason[64], row[4000];
};

static int keep_rows(struct weir_source_sink *sink, struct weir_str part,
                     const struct weir_batch *batch, struct weir_error *err)
{
    (void)part, (void)err;
    ((struct kept *)sink)->rows += batch->rows;
    return 0;
}

static int keep_reject(struct weir_source_sink *sink, const struct weir_source_reject *what,
                       struct weir_error *err)
{
    struct kept *k = (struct kept *)sink;
    (void)err;
    k->rejects++;
    snprintf(k->column, sizeof k->column, WEIR_STR_FMT, WEIR_STR_ARG(what->column));
    snprintf(k->text, sizeof k->text, WEIR_STR_FMT, WEIR_STR_ARG(what->text));
    snprintf(k->row, sizeof k->row, WEIR_STR_FMT, WEIR_STR_ARG(what->row));
    snprintf(k->reason, sizeof k->reason, "%s", what->reason);
    return 0;
}

static void open_kept(struct kept *k, struct weir_source_rows *r)
{
    struct weir_error err;
    *k = (struct kept){.columns = {{WEIR_STR("i"), WEIR_TYPE_INT, {0}},
                                   {WEIR_STR("d"), WEIR_TYPE_DOUBLE, {0}},
                                   {WEIR_STR("at"), WEIR_TYPE_TIMESTAMP, {0}},
                                   {WEIR_STR("day"), WEIR_TYPE_DATE, {0}},
                                   {WEIR_STR("n"), WEIR_TYPE_OTHER, WEIR_STR("DECIMAL(9,2)")},
                                   {WEIR_STR("t"), WEIR_TYPE_TEXT, {0}},
                                   {WEIR_STR("big"), WEIR_TYPE_TEXT, {0}},
                                   {WEIR_STR("_weir_seq"), WEIR_TYPE_INT, {0}}}};
    k->sink = (struct weir_source_sink){.columns = k->columns,
                                        .column_count = 8,
                                        .takes_scaled = true,
                                        .rows = keep_rows,
                                        .reject = keep_reject};
    assert_int_equal(weir_source_rows_open(r, &k->sink, WEIR_STR(""), &err), 0);
    assert_true(weir_source_rows_scaled(r, 4, 2));
}

static void a_row_that_is_set_aside_is_told_as_it_came(void **state)
{
    struct weir_source_rows r;
    struct weir_error err;
    struct kept k;
    const struct weir_str unknown = {NULL, 0};
    (void)state;
    open_kept(&k, &r);
    weir_source_rows_int(&r, 0, -7);
    weir_source_rows_double(&r, 1, -1 / 0.0);
    weir_source_rows_int(&r, 2, -1);
    weir_source_rows_int(&r, 3, INT32_MAX);
    weir_source_rows_int(&r, 4, -5);
    assert_false(weir_source_rows_flawed(&r));
    assert_int_equal(weir_source_rows_flaw(&r, 5, (struct weir_str){"a\xff\0b", 4}, "one", &err),
                     0);
    assert_int_equal(weir_source_rows_flaw(&r, 6, unknown, "another", &err), 0);
    assert_true(weir_source_rows_flawed(&r));
    assert_int_equal(weir_source_rows_set_aside(&r, &err), 0);
    assert_string_equal(k.column, "t");
    assert_string_equal(k.text, "a\xef\xbf\xbd\xef\xbf\xbd"
                                "b");
    assert_string_equal(k.reason, "one");
    assert_string_equal(k.row, "{\"i\":-7,\"d\":\"-Infinity\",\"at\":\"1969-12-31 "
                               "23:59:59.999999\",\"day\":\"infinity\",\"n\":-0.05,\"t\":"
                               "\"a\xef\xbf\xbd\xef\xbf\xbd"
                               "b\"}");
    assert_false(weir_source_rows_flawed(&r)); /* and the next row is another one */
    weir_source_rows_int(&r, 0, 8);
    assert_int_equal(weir_source_rows_end(&r, &err), 0);
    assert_int_equal(weir_source_rows_flaw(&r, 0, WEIR_STR("nine"), "two", &err), 0);
    assert_int_equal(weir_source_rows_set_aside(&r, &err), 0);
    assert_string_equal(k.row, "{\"i\":\"nine\",\"d\":null,\"at\":null,\"day\":null,\"n\":null,"
                               "\"t\":null,\"big\":null}");
    assert_int_equal(weir_source_rows_flush(&r, &err), 0);
    assert_true(k.rows == 1 && k.rejects == 2);
    weir_source_rows_free(&r);
}

static void large_rows_that_are_set_aside_take_no_memory(void **state)
{
    enum { LARGE = 4 << 20, TIMES = 100 };
    struct weir_source_rows r;
    struct weir_error err;
    struct kept k;
    char *text = malloc(LARGE);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', LARGE);
    open_kept(&k, &r);
    for (size_t i = 0; i < TIMES; i++) {
        struct weir_str large = {text, LARGE};
        assert_int_equal(weir_source_rows_text(&r, 5, large, &err), 0);
        assert_int_equal(weir_source_rows_flaw(&r, 6, large, "bad", &err), 0);
        assert_int_equal(weir_source_rows_set_aside(&r, &err), 0);
        if (i == TIMES / 2) {
            assert_int_equal(weir_source_rows_end(&r, &err), 0);
        }
    }
    assert_int_equal(weir_source_rows_flush(&r, &err), 0);
    assert_true(k.rows == 1 && k.rejects == TIMES);
    assert_int_equal(strlen(k.text), 1003); /* cut, and an ellipsis */
    weir_source_rows_free(&r);
    free(text);
}

static void a_failure_of_the_sink_reaches_the_caller(void **state)
{
    struct weir_source_rows r;
    struct weir_error err;
    struct seen s;
    int rc = 0;
    (void)state;
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
        begin(&s);
        s.fail_at = fail_at;
        assert_int_equal(weir_source_rows_open_aside(&r, &s.sink, WEIR_STR("part"), &err), 0);
        for (int64_t i = 0; rc == 0 && i < MANY; i++) {
            rc = put(&r, i, &err);
        }
        rc = rc ? rc : weir_source_rows_flush(&r, &err);
        assert_int_equal(rc, WEIR_EIO);
        assert_string_equal(err.message, "the disk is full");
        assert_int_equal(s.batches, fail_at); /* nothing comes behind it */
        weir_source_rows_free(&r);
        assert_int_equal(s.batches, fail_at);
        rc = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_of_its_own_keeps_order_and_loses_nothing),
        cmocka_unit_test(few_rows_need_no_thread),
        cmocka_unit_test(a_row_that_is_set_aside_is_told_as_it_came),
        cmocka_unit_test(large_rows_that_are_set_aside_take_no_memory),
        cmocka_unit_test(a_failure_of_the_sink_reaches_the_caller),
    };
    return cmocka_run_group_tests_name("source_rows", tests, NULL, NULL);
}
