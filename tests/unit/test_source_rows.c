/* Rows on their way into a sink: by the caller's thread, and by one of their own. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "source/rows.h"

#define MANY 400000 /* several blocks */

struct seen {
    struct weir_source_sink sink;
    struct weir_column columns[2];
    pthread_t caller;
    size_t rows, batches, rejects, elsewhere;
    size_t rows_at_reject;
    size_t fail_at; /* the batch that fails, from 1 on; 0: none */
    bool wrong;
};

static int see_rows(struct weir_source_sink *sink, struct weir_str part,
                    const struct weir_batch *batch, struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    char text[32];
    s->batches++;
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

static int see_reject(struct weir_source_sink *sink, struct weir_str part, uint64_t line,
                      struct weir_str text, const char *reason, struct weir_error *err)
{
    struct seen *s = (struct seen *)sink;
    (void)part, (void)err;
    assert_true(line == 7 && weir_str_is(text, "bad") && reason);
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

static void a_thread_of_its_own_keeps_order_and_loses_nothing(void **state)
{
    struct weir_source_rows r;
    struct weir_error err;
    struct seen s;
    (void)state;
    begin(&s);
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
        cmocka_unit_test(a_failure_of_the_sink_reaches_the_caller),
    };
    return cmocka_run_group_tests_name("source_rows", tests, NULL, NULL);
}
