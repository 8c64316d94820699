#include <sys/stat.h>

#include "query_fixture.h"

#include "query/encode.h"

/* --- formats -------------------------------------------------------------------------------- */

static void csv_follows_rfc_4180(void **state)
{
    (void)state;
    assert_string_equal(
        ask("SELECT 1 AS a, 'x,y' AS \"b\"\"c\", 'say \"hi\"' AS d, '' AS e, NULL AS f, "
            "E'two\\nlines' AS g, true AS h, 0.1::DOUBLE AS i",
            WEIR_FORMAT_CSV),
        "a,\"b\"\"c\",d,e,f,g,h,i\n"
        "1,\"x,y\",\"say \"\"hi\"\"\",\"\",,\"two\nlines\",true,0.1\n");
    assert_string_equal(ask("SELECT NULL AS a", WEIR_FORMAT_CSV), "a\n\"\"\n");
    assert_string_equal(ask("SELECT 1 AS a WHERE false", WEIR_FORMAT_CSV), "a\n");
}

static void json_loses_no_digit(void **state)
{
    (void)state;
    const char *text =
        ask("SELECT 9007199254740991 AS a, 9007199254740992 AS b, 123456789012345::HUGEINT AS c, "
            "1234567890123456::HUGEINT AS d, 1.50::DECIMAL(9,2) AS e, 'NaN'::DOUBLE AS f, "
            "'-inf'::DOUBLE AS g, 'q\"' AS h, '{\"k\":\n [1]}'::JSON AS i, NULL AS j, [1] AS k",
            WEIR_FORMAT_NDJSON);
    assert_string_equal(text, "{\"a\":9007199254740991,\"b\":\"9007199254740992\","
                              "\"c\":123456789012345,\"d\":\"1234567890123456\",\"e\":1.50,"
                              "\"f\":\"NaN\",\"g\":\"-Infinity\",\"h\":\"q\\\"\","
                              "\"i\":{\"k\":  [1]},\"j\":null,\"k\":\"[1]\"}\n");
}

static void json_is_one_document(void **state)
{
    (void)state;
    const char *text = ask("SELECT i AS n, 'x' AS t FROM range(2) r(i)", WEIR_FORMAT_JSON);
    static const char head[] =
        "{\"columns\":[{\"name\":\"n\",\"type\":\"int\",\"engine_type\":\"BIGINT\"},"
        "{\"name\":\"t\",\"type\":\"text\",\"engine_type\":\"VARCHAR\"}],\"rows\":[\n[0,\"x\"],\n"
        "[1,\"x\"]],\"row_count\":2,\"truncated\":false,\"elapsed_ms\":";
    assert_memory_equal(text, head, sizeof head - 1);
}

static void ndjson_keys_are_unique(void **state)
{
    (void)state;
    assert_string_equal(ask("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a", WEIR_FORMAT_NDJSON),
                        "{\"a\":1,\"a_3\":2,\"a_2\":3,\"a_4\":4}\n");
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"TIMESTAMP '2020-01-02 03:04:05'", "2020-01-02T03:04:05Z"},
        {"TIMESTAMP '2020-01-02 03:04:05.6'", "2020-01-02T03:04:05.600Z"},
        {"TIMESTAMP '2020-01-02 03:04:05.000007'", "2020-01-02T03:04:05.000007Z"},
        {"TIMESTAMPTZ '2020-01-02 03:04:05+02'", "2020-01-02T01:04:05Z"},
        {"DATE '2020-02-29'", "2020-02-29"},
        {"DATE '1969-12-31'", "1969-12-31"},
        {"TIMESTAMP '1969-12-31 23:59:59.5'", "1969-12-31T23:59:59.500Z"},
        {"'infinity'::TIMESTAMP", "infinity"},
        {"'-infinity'::DATE", "-infinity"},
        {"DATE '12020-01-01'", "+012020-01-01"},
        {"DATE '0044-03-15 (BC)'", "-000043-03-15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[128], wanted[128];
        snprintf(sql, sizeof sql, "SELECT %s AS v", cases[i].value);
        snprintf(wanted, sizeof wanted, "{\"v\":\"%s\"}\n", cases[i].text);
        assert_string_equal(ask(sql, WEIR_FORMAT_NDJSON), wanted);
    }
}

/* Without its last line, which holds the time it took. */
static const char *table(const char *sql, unsigned width, bool plain)
{
    static struct weir_buf text = {.max = 1 << 20};
    struct weir_query_request r = {
        .sql = sql, .format = WEIR_FORMAT_TABLE, .width = width, .plain = plain};
    struct answer a;
    char id[17];
    begin(&a, &r, id);
    answer_wait(&a);
    weir_buf_reset(&text);
    weir_buf_adds(&text, weir_buf_str(&a.bytes));
    answer_free(&a);
    char *last = text.len ? strstr(text.data, " in ") : NULL;
    if (last) {
        *last = 0;
    }
    return weir_buf_cstr(&text);
}

static void tables_are_aligned(void **state)
{
    (void)state;
    assert_string_equal(table("SELECT * FROM (VALUES ('rugby', 12, 1.5::DECIMAL(4,1)), "
                              "('日本', NULL, 10.25)) t(sport, viewers, share)",
                              0, false),
                        "┌───────┬─────────┬───────┐\n"
                        "│ sport │ viewers │ share │\n"
                        "├───────┼─────────┼───────┤\n"
                        "│ rugby │      12 │  1.50 │\n"
                        "│ 日本  │    NULL │ 10.25 │\n"
                        "└───────┴─────────┴───────┘\n"
                        "2 rows");
    assert_string_equal(table("SELECT 'a' AS x, 22 AS y", 0, true), "x   y\n─  ──\na  22\n1 row");
    assert_string_equal(table("SELECT 1 AS n WHERE false", 0, false),
                        "┌───┐\n│ n │\n├───┤\n└───┘\n0 rows");
}

static void tables_fit_the_terminal(void **state)
{
    (void)state;
    assert_string_equal(
        table("SELECT repeat('long', 10) AS a, repeat('x', 30) AS b, 7 AS n", 40, false),
        "┌────────────────┬─────────────────┬───┐\n"
        "│ a              │ b               │ n │\n"
        "├────────────────┼─────────────────┼───┤\n"
        "│ longlonglongl… │ xxxxxxxxxxxxxx… │ 7 │\n"
        "└────────────────┴─────────────────┴───┘\n"
        "1 row");
}

static void tables_cannot_drive_the_terminal(void **state)
{
    (void)state;
    const char *text = table("SELECT 'a' || chr(27) || '[2J' || chr(10) || 'b' AS x", 0, true);
    assert_null(strchr(text, 27));
    assert_non_null(strstr(text, "a·[2J⏎b"));
}

/* --- limits --------------------------------------------------------------------------------- */

static void limits_cut_and_say_so(void **state)
{
    (void)state;
    struct answer a;
    struct weir_query_limits rows = {.rows = 3};
    assert_string_equal(ask_limited("SELECT i FROM range(10) r(i)", WEIR_FORMAT_CSV, rows, &a),
                        "i\n0\n1\n2\n");
    assert_true(a.summary.truncated);
    assert_int_equal(a.summary.rows, 3);
    (void)ask_limited("SELECT i FROM range(3) r(i)", WEIR_FORMAT_CSV, rows, &a);
    assert_false(a.summary.truncated);
    struct weir_query_limits bytes = {.bytes = 8};
    assert_string_equal(
        ask_limited("SELECT i FROM range(1000000000) r(i)", WEIR_FORMAT_CSV, bytes, &a),
        "i\n0\n1\n2\n");
    assert_true(a.summary.truncated);
    rows.rows = 5000000; /* the setting is smaller */
    (void)ask_limited("SELECT 1 FROM range(2000000)", WEIR_FORMAT_CSV, rows, &a);
    assert_int_equal(a.summary.rows, 1000000);
    assert_true(a.summary.truncated);
}

static const char endless[] = "SELECT max((a.range * b.range + c.range) % 7) FROM "
                              "range(100000) a, range(100000) b, range(100000) c";

static void a_query_ends_at_its_time_limit(void **state)
{
    (void)state;
    struct answer a;
    struct weir_query_limits limits = {.timeout = WEIR_SECOND / 10};
    const char *text = ask_limited(endless, WEIR_FORMAT_CSV, limits, &a);
    assert_int_equal(a.code, WEIR_ETIMEDOUT);
    assert_non_null(strstr(text, "time limit of 0.1 s"));
    assert_string_equal(ask("SELECT 1 AS a", WEIR_FORMAT_CSV), "a\n1\n");
}

static void a_process_too_large_stops_its_queries(void **state)
{
    (void)state;
    weir_query_pool_free(pool);
    struct weir_query_settings settings = {.workers = 1,
                                           .queue = 4,
                                           .timeout = 60 * WEIR_SECOND,
                                           .max_rows = 100,
                                           .max_bytes = 1 << 20,
                                           .max_memory = 1 << 20,
                                           .stuck_after = 60 * WEIR_SECOND};
    ASSERT_OK(weir_query_pool_new(warehouse, &settings, NULL, &pool, &err), err);
    struct answer a;
    (void)ask_limited(endless, WEIR_FORMAT_CSV, (struct weir_query_limits){0}, &a);
    assert_int_equal(a.code, WEIR_ENOMEM);
    assert_non_null(strstr(a.err.message, "query.max_memory"));
}

/* --- running -------------------------------------------------------------------------------- */

static void wait_running(const char *id)
{
    struct weir_query_progress progress;
    do {
        assert_int_equal(weir_query_progress(pool, id, NULL, &progress), 0);
    } while (progress.state == WEIR_QUERY_QUEUED);
}

static void a_query_can_be_canceled_and_asked_about(void **state)
{
    (void)state;
    struct weir_query_request r = {.sql = endless, .format = WEIR_FORMAT_CSV};
    struct weir_query_progress progress;
    struct answer a;
    char id[17];
    begin(&a, &r, id);
    assert_int_equal(strlen(id), 16);
    wait_running(id);
    assert_int_equal(weir_query_progress(pool, id, NULL, &progress), 0);
    assert_int_equal(progress.state, WEIR_QUERY_RUNNING);
    assert_int_equal(weir_query_cancel(pool, id, NULL), 0);
    answer_wait(&a);
    assert_int_equal(a.code, WEIR_ECANCELED);
    assert_int_equal(weir_query_progress(pool, id, NULL, &progress), 0);
    assert_int_equal(progress.state, WEIR_QUERY_FAILED);
    assert_int_equal(progress.code, WEIR_ECANCELED);
    assert_int_equal(weir_query_cancel(pool, id, NULL), WEIR_ENOENT);
    assert_int_equal(weir_query_progress(pool, "0123456789abcdef", NULL, &progress), WEIR_ENOENT);
    answer_free(&a);
}

static void only_its_owner_finds_a_query(void **state)
{
    (void)state;
    struct weir_query_request r = {.sql = endless, .owner = "ada", .format = WEIR_FORMAT_CSV};
    struct weir_query_progress progress;
    struct answer a;
    char id[17];
    begin(&a, &r, id);
    for (int ended = 0; ended < 2; ended++) {
        assert_int_equal(weir_query_progress(pool, id, "bob", &progress), WEIR_ENOENT);
        assert_int_equal(weir_query_progress(pool, id, "", &progress), WEIR_ENOENT);
        assert_int_equal(weir_query_cancel(pool, id, "bob"), WEIR_ENOENT);
        assert_int_equal(weir_query_progress(pool, id, "ada", &progress), 0);
        if (!ended) {
            assert_int_equal(weir_query_cancel(pool, id, "ada"), 0);
            answer_wait(&a);
        }
    }
    answer_free(&a);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    weir_query_pool_free(pool);
    start_pool(1, 2);
    struct answer a[3], refused;
    char id[3][17], other[17];
    struct weir_query_request r = {.sql = endless, .format = WEIR_FORMAT_CSV};
    begin(&a[0], &r, id[0]);
    wait_running(id[0]);
    begin(&a[1], &r, id[1]);
    begin(&a[2], &r, id[2]);
    answer_init(&refused);
    r.arg = &refused;
    assert_int_equal(weir_query_start(pool, &r, other, &err), WEIR_EBUSY);
    for (int i = 2; i >= 0; i--) { /* those that wait first: they must end without running */
        assert_int_equal(weir_query_cancel(pool, id[i], NULL), 0);
    }
    for (int i = 0; i < 3; i++) {
        answer_wait(&a[i]);
        assert_int_equal(a[i].code, WEIR_ECANCELED);
        answer_free(&a[i]);
    }
    struct weir_query_stats stats;
    weir_query_pool_stats(pool, &stats);
    assert_int_equal(stats.canceled, 3);
    assert_int_equal(stats.queued + stats.running, 0);
}

/* Rows are sent although a later one makes the statement fail. */
static void first_rows_come_before_the_last(void **state)
{
    (void)state;
    struct weir_query_request r = {.sql = "SELECT i, CASE WHEN i = 200000 THEN CAST('reached' AS "
                                          "INT) END AS n FROM range(300000) r(i)",
                                   .format = WEIR_FORMAT_NDJSON};
    struct answer a;
    char id[17];
    begin(&a, &r, id);
    answer_wait(&a);
    assert_true(a.sinks > 1);
    /* The engine may break off before it says why (fetch_fail in warehouse/duckdb/query.c). */
    assert_true(a.code == WEIR_EINVAL || a.code == WEIR_EAGAIN);
    assert_true(a.bytes.len > 1000000);
    answer_free(&a);
}

static void stopping_the_pool_ends_everything(void **state)
{
    (void)state;
    struct weir_query_request r = {.sql = endless, .format = WEIR_FORMAT_CSV};
    struct answer a[4];
    char id[17];
    for (int i = 0; i < 4; i++) {
        begin(&a[i], &r, id);
    }
    weir_query_pool_free(pool);
    pool = NULL;
    for (int i = 0; i < 4; i++) {
        assert_true(a[i].ended);
        assert_int_equal(a[i].code, WEIR_ECANCELED);
        answer_free(&a[i]);
    }
}

static void refused_and_wrong_sql_is_an_error(void **state)
{
    (void)state;
    struct answer a;
    (void)ask_limited("SELECT nope", WEIR_FORMAT_JSON, (struct weir_query_limits){0}, &a);
    assert_int_equal(a.code, WEIR_EINVAL);
    assert_int_equal(a.summary.error_offset, 7);
    assert_int_equal(a.sinks, 0);
    (void)ask_limited("DROP TABLE x", WEIR_FORMAT_PARQUET, (struct weir_query_limits){0}, &a);
    assert_int_equal(a.code, WEIR_EPERM);
}

static void parquet_is_sent_and_its_file_removed(void **state)
{
    (void)state;
    struct answer a;
    const char *text = ask_limited("SELECT i, 'x' AS t FROM range(1000) r(i)", WEIR_FORMAT_PARQUET,
                                   (struct weir_query_limits){0}, &a);
    assert_int_equal(a.code, 0);
    assert_memory_equal(text, "PAR1", 4);
    char exports[96];
    snprintf(exports, sizeof exports, "%s/export", dir);
    assert_int_equal(rmdir(exports), 0); /* it is empty */
    assert_int_equal(mkdir(exports, 0700), 0);
    struct weir_query_limits small = {.bytes = 100};
    (void)ask_limited("SELECT i FROM range(1000) r(i)", WEIR_FORMAT_PARQUET, small, &a);
    assert_int_equal(a.code, WEIR_ETOOBIG);
    struct weir_query_limits rows = {.rows = 10};
    (void)ask_limited("SELECT i FROM range(1000) r(i)", WEIR_FORMAT_PARQUET, rows, &a);
    assert_int_equal(a.code, 0);
    assert_true(a.summary.truncated);
    assert_int_equal(a.summary.rows, 10);
}

static void a_file_over_its_limit_is_stopped_while_it_grows(void **state)
{
    (void)state;
    struct answer a;
    struct weir_query_limits small = {.bytes = 1 << 20, .timeout = 20 * WEIR_SECOND};
    (void)ask_limited("SELECT random() AS r FROM range(100000000000)", WEIR_FORMAT_PARQUET, small,
                      &a);
    assert_int_equal(a.code, WEIR_ETOOBIG);
    char exports[96];
    snprintf(exports, sizeof exports, "%s/export", dir);
    /* It becomes empty: another thread of the engine may still be closing its file. */
    weir_time end = weir_mono() + 30 * WEIR_SECOND;
    while (rmdir(exports) && weir_mono() < end) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(access(exports, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(csv_follows_rfc_4180, make, unmake),
        cmocka_unit_test_setup_teardown(json_loses_no_digit, make, unmake),
        cmocka_unit_test_setup_teardown(json_is_one_document, make, unmake),
        cmocka_unit_test_setup_teardown(ndjson_keys_are_unique, make, unmake),
        cmocka_unit_test_setup_teardown(times_are_rfc_3339, make, unmake),
        cmocka_unit_test_setup_teardown(tables_are_aligned, make, unmake),
        cmocka_unit_test_setup_teardown(tables_fit_the_terminal, make, unmake),
        cmocka_unit_test_setup_teardown(tables_cannot_drive_the_terminal, make, unmake),
        cmocka_unit_test_setup_teardown(limits_cut_and_say_so, make, unmake),
        cmocka_unit_test_setup_teardown(a_query_ends_at_its_time_limit, make, unmake),
        cmocka_unit_test_setup_teardown(a_process_too_large_stops_its_queries, make, unmake),
        cmocka_unit_test_setup_teardown(a_query_can_be_canceled_and_asked_about, make, unmake),
        cmocka_unit_test_setup_teardown(only_its_owner_finds_a_query, make, unmake),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, make, unmake),
        cmocka_unit_test_setup_teardown(first_rows_come_before_the_last, make, unmake),
        cmocka_unit_test_setup_teardown(stopping_the_pool_ends_everything, make, unmake),
        cmocka_unit_test_setup_teardown(refused_and_wrong_sql_is_an_error, make, unmake),
        cmocka_unit_test_setup_teardown(parquet_is_sent_and_its_file_removed, make, unmake),
        cmocka_unit_test_setup_teardown(a_file_over_its_limit_is_stopped_while_it_grows, make,
                                        unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
