#include "warehouse.h"

static struct weir_export exported;

/* --- values --------------------------------------------------------------------------------- */

static void native_types_keep_their_values(void **state)
{
    (void)state;
    const char *sql = "SELECT true AS b, 42::TINYINT AS t, -7::SMALLINT AS s, 8 AS i, "
                      "9223372036854775807 AS l, 255::UTINYINT AS ut, 1.5::DOUBLE AS d, "
                      "0.1::FLOAT AS f, 'héllo, a longer text' AS v, '{\"a\":1}'::JSON AS j, "
                      "TIMESTAMP '1970-01-01 00:00:01.5' AS ts, "
                      "TIMESTAMPTZ '1970-01-01 00:00:01+01' AS tz, DATE '1970-01-03' AS da";
    assert_string_equal(ask(owner, sql, NULL, 0),
                        "true|42|-7|8|9223372036854775807|255|1.5|0.1|héllo, a longer text|"
                        "{\"a\":1}|1500000|-3599000000|2");
    assert_string_equal(types(owner, sql),
                        "b:bool:BOOLEAN t:int:TINYINT s:int:SMALLINT i:int:INTEGER l:int:BIGINT "
                        "ut:int:UTINYINT d:double:DOUBLE f:double:FLOAT v:text:VARCHAR j:json:JSON "
                        "ts:timestamp:TIMESTAMP tz:timestamp:TIMESTAMP WITH TIME ZONE "
                        "da:date:DATE");
}

static void nulls_are_null_in_every_type(void **state)
{
    (void)state;
    assert_string_equal(ask(owner,
                            "SELECT NULL::BOOLEAN, NULL::BIGINT, NULL::DOUBLE, NULL::VARCHAR, "
                            "NULL::HUGEINT, NULL::DECIMAL(9,2), NULL::UUID, NULL::INTEGER[], NULL",
                            NULL, 0),
                        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL");
}

/* Every other type arrives as the text that the engine's own cast gives. */
static void other_types_are_the_engines_text(void **state)
{
    (void)state;
    static const char *const values[] = {
        "18446744073709551615::UBIGINT",
        "170141183460469231731687303715884105727::HUGEINT",
        "(-170141183460469231731687303715884105727)::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "1.5::DECIMAL(4,2)",
        "(-0.05)::DECIMAL(4,2)",
        "123456.789::DECIMAL(9,3)",
        "(-123456789012.5)::DECIMAL(18,1)",
        "12345678901234567890123456789.123::DECIMAL(38,3)",
        "7::DECIMAL(5,0)",
        "'0f8fad5b-d9cb-469f-a165-70867728950e'::UUID",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID",
        "'b'::ENUM('a', 'b')",
        "TIME '12:34:56.789'",
        "'12:34:56+02'::TIMETZ",
        "INTERVAL '1 year 2 months 3 days 04:05:06.5'",
        "'\\xAA\\x00b'::BLOB",
        "'10110'::BIT",
        "TIMESTAMP_S '2020-01-02 03:04:05'",
        "TIMESTAMP_MS '2020-01-02 03:04:05.678'",
        "TIMESTAMP_NS '2020-01-02 03:04:05.123456789'",
        "[1, NULL, 3]",
        "['a', 'it''s', NULL]",
        "{'a': 1, 'b': [true], 'c': {'d': DATE '2020-01-01'}}",
        "MAP {'k': 1.5, 'l': NULL}",
        "[1, 2, 3]::INTEGER[3]",
        "union_value(n := 3)",
        "[[1.5::DOUBLE], []]",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "SELECT CAST(%s AS VARCHAR)", values[i]);
        char wanted[512];
        snprintf(wanted, sizeof wanted, "%s", ask(owner, sql, NULL, 0));
        snprintf(sql, sizeof sql, "SELECT %s -- a comment\n;", values[i]);
        assert_string_equal(ask(owner, sql, NULL, 0), wanted);
        assert_string_equal(ask(reader, sql, NULL, 0), wanted);
    }
    assert_string_equal(types(owner, "SELECT 1.5::DECIMAL(18,3) AS d, [1] AS l, {'a': 'x'} AS s, "
                                     "MAP {'a': 1} AS m, 1::HUGEINT AS h, 2 AS d"),
                        "d:other:DECIMAL(18,3) l:other:INTEGER[] s:other:STRUCT(\"a\" VARCHAR) "
                        "m:other:MAP(VARCHAR, INTEGER) h:other:HUGEINT d:int:INTEGER");
}

static void the_order_of_rows_survives_the_cast(void **state)
{
    (void)state;
    struct weir_result *result;
    struct weir_batch batch;
    ASSERT_OK(weir_session_query(reader, "SELECT i, [i] FROM range(300000) t(i) ORDER BY i DESC",
                                 NULL, 0, &result, &err),
              err);
    int64_t next = 299999;
    while (weir_result_next(result, &batch, &err) == 0 && batch.rows) {
        for (size_t row = 0; row < batch.rows; row++, next--) {
            assert_int_equal(batch.columns[0].ints[row], next);
        }
    }
    weir_result_free(result);
    assert_int_equal(next, -1);
}

/* --- parameters ----------------------------------------------------------------------------- */

static void values_are_bound_by_name_and_by_position(void **state)
{
    (void)state;
    struct weir_param named[] = {
        {.name = S("n"), .type = WEIR_TYPE_INT, .i = 5},
        {.name = S("t"), .type = WEIR_TYPE_TEXT, .s = S("it's; DROP TABLE x")},
        {.name = S("d"), .type = WEIR_TYPE_DOUBLE, .d = 0.5},
        {.name = S("none"), .type = WEIR_TYPE_TEXT, .null = true},
        {.name = S("b"), .type = WEIR_TYPE_BOOL, .b = true},
        {.name = S("at"), .type = WEIR_TYPE_TIMESTAMP, .i = 1},
        {.name = S("on"), .type = WEIR_TYPE_DATE, .i = 1}};
    assert_string_equal(ask(reader, "SELECT $n + 1, $t, $d, $none, $b, $at, $on, [$n]", named, 7),
                        "6|it's; DROP TABLE x|0.5|NULL|true|1|1|[5]");
    struct weir_param placed[] = {{.type = WEIR_TYPE_INT, .i = 1}, {.type = WEIR_TYPE_INT, .i = 2}};
    assert_string_equal(ask(reader, "SELECT ? - ?", placed, 2), "-1");
}

static void wrong_parameters_say_so(void **state)
{
    (void)state;
    struct weir_param p = {.name = S("x"), .type = WEIR_TYPE_INT, .i = 5};
    assert_non_null(strstr(ask(reader, "SELECT 1", &p, 1), "no parameter $x"));
    assert_non_null(strstr(ask(reader, "SELECT $x + $y", &p, 1), "y"));
    p.name.len = 0;
    assert_non_null(strstr(ask(reader, "SELECT 1", &p, 1), "only 0 parameters"));
}

/* --- errors --------------------------------------------------------------------------------- */

static void errors_have_a_code_and_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int code;
        int64_t offset;
    } cases[] = {
        {"SELEC 1", WEIR_EINVAL, 0},
        {"SELECT nope FROM range(3)", WEIR_EINVAL, 7},
        {"SELECT 1 FROM nope", WEIR_EINVAL, 14},
        {"SELECT 'a'::INT", WEIR_EINVAL, 10},
        {"SELECT [1], nope FROM range(3)", WEIR_EINVAL, 12},
        {"EXPLAIN SELEC 1", WEIR_EINVAL, 8},
        {"", WEIR_EINVAL, -1},
        {"-- nothing", WEIR_EINVAL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = ask(reader, cases[i].sql, NULL, 0);
        assert_non_null(strstr(text, "error"));
        assert_int_equal(err.code, cases[i].code);
        assert_null(strchr(err.message, '{'));
        assert_int_equal(weir_session_error_offset(reader), cases[i].offset);
    }
    assert_string_equal(ask(reader, "SELECT 1", NULL, 0), "1");
    assert_int_equal(weir_session_exec(owner, "CREATE TABLE a(i INT); CREATE TABLE a(i INT)", &err),
                     WEIR_EEXIST);
}

/* --- transactions --------------------------------------------------------------------------- */

static void a_transaction_is_all_or_nothing(void **state)
{
    (void)state;
    ASSERT_OK(weir_session_exec(owner, "CREATE TABLE t(i BIGINT)", &err), err);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO t VALUES (1)", &err), err);
    assert_string_equal(ask(reader, "SELECT count(*) FROM t", NULL, 0), "0");
    weir_session_rollback(owner);
    assert_string_equal(ask(owner, "SELECT count(*) FROM t", NULL, 0), "0");
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO t VALUES (2)", &err), err);
    ASSERT_OK(weir_session_commit(owner, &err), err);
    ASSERT_OK(weir_session_checkpoint(owner, &err), err);
    assert_string_equal(ask(reader, "SELECT i FROM t", NULL, 0), "2");
    weir_session_rollback(owner); /* nothing to roll back: harmless */
}

static void readers_hold_one_view_of_the_data(void **state)
{
    (void)state;
    ASSERT_OK(weir_session_exec(owner, "CREATE TABLE t AS SELECT * FROM range(100000) t(i)", &err),
              err);
    struct weir_result *result;
    struct weir_batch batch;
    ASSERT_OK(weir_session_query(reader, "SELECT i FROM t", NULL, 0, &result, &err), err);
    ASSERT_OK(weir_result_next(result, &batch, &err), err);
    size_t rows = batch.rows;
    ASSERT_OK(weir_session_exec(owner, "DELETE FROM t", &err), err);
    while (weir_result_next(result, &batch, &err) == 0 && batch.rows) {
        rows += batch.rows;
    }
    weir_result_free(result);
    assert_int_equal(rows, 100000);
    assert_string_equal(ask(reader, "SELECT count(*) FROM t", NULL, 0), "0");
}

static void readers_may_not_write(void **state)
{
    (void)state;
    assert_int_equal(weir_session_exec(reader, "SELECT 1", &err), WEIR_EPERM);
    assert_int_equal(weir_session_checkpoint(reader, &err), WEIR_EPERM);
    assert_int_equal(weir_session_create_schema(reader, S("s"), &err), WEIR_EPERM);
}

/* --- stopping ------------------------------------------------------------------------------- */

static void *cancel_without_pause(void *arg)
{
    bool *stop = arg;
    while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
        weir_session_cancel(reader);
    }
    return NULL;
}

static void a_running_query_can_be_canceled(void **state)
{
    (void)state;
    pthread_t thread;
    bool stop = false;
    assert_int_equal(pthread_create(&thread, NULL, cancel_without_pause, &stop), 0);
    const char *text = ask(reader,
                           "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE "
                           "a.range % 7 = b.range % 11",
                           NULL, 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_non_null(strstr(text, "canceled"));
    assert_int_equal(err.code, WEIR_ECANCELED);
    /* A cancel that came too late is forgotten with the statement it was meant for. */
    (void)ask(reader, "SELECT 1", NULL, 0);
    assert_string_equal(ask(reader, "SELECT 1", NULL, 0), "1");
}

/* Also while its transaction begins or ends: an interrupt there must leave none open. */
static void a_cancel_at_any_moment_hits_one_statement_only(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        bool stop = false;
        assert_int_equal(pthread_create(&thread, NULL, cancel_without_pause, &stop), 0);
        for (int i = 0; i < 20; i++) {
            const char *text = ask(reader, "SELECT 1", NULL, 0);
            if (strcmp(text, "1") != 0) {
                assert_non_null(strstr(text, "canceled"));
            }
        }
        __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        (void)ask(reader, "SELECT 1", NULL, 0);
        assert_string_equal(ask(reader, "SELECT 1", NULL, 0), "1");
    }
}

static void a_cancel_before_the_start_is_kept(void **state)
{
    (void)state;
    weir_session_cancel(reader);
    (void)ask(reader, "SELECT 1", NULL, 0);
    assert_int_equal(err.code, WEIR_ECANCELED);
    assert_string_equal(ask(reader, "SELECT 1", NULL, 0), "1");
    /* The engine's threads begin before anybody looks: what they compute here has no end. */
    weir_session_cancel(reader);
    (void)ask(reader,
              "SELECT max((a.range * b.range + c.range) % 7) FROM range(100000) a, "
              "range(100000) b, range(100000) c",
              NULL, 0);
    assert_int_equal(err.code, WEIR_ECANCELED);
    assert_string_equal(ask(reader, "SELECT 1", NULL, 0), "1");
}

/* --- files ---------------------------------------------------------------------------------- */

static void an_export_is_a_parquet_file(void **state)
{
    (void)state;
    char file[192], sql[256];
    snprintf(file, sizeof file, "%s/a'b.parquet", exports);
    struct weir_param p = {.name = S("n"), .type = WEIR_TYPE_INT, .i = 3};
    ASSERT_OK(weir_session_export(reader, "SELECT i, [i] AS l FROM range(10) t(i) WHERE i < $n;",
                                  &p, 1, "parquet", file, 0, &exported, &err),
              err);
    snprintf(sql, sizeof sql, "SELECT i, l FROM read_parquet('%s/*.parquet') ORDER BY i", exports);
    assert_string_equal(ask(owner, sql, NULL, 0), "0|[0]\n1|[1]\n2|[2]");
    assert_int_equal(weir_session_export(reader, "SELECT 1", NULL, 0, "parquet", "/tmp/x.parquet",
                                         0, &exported, &err),
                     WEIR_EPERM);
    assert_int_equal(weir_session_export(owner, "SELECT * FROM read_csv('/etc/passwd')", NULL, 0,
                                         "parquet", file, 0, &exported, &err),
                     WEIR_EPERM);
    assert_int_equal(
        weir_session_export(reader, "SELECT 1", NULL, 0, "csv", file, 0, &exported, &err),
        WEIR_EUNSUPPORTED);
}

static void an_export_is_cut_at_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        uint64_t rows; /* of the file */
        bool truncated;
    } cases[] = {
        {"SELECT i AS n FROM range(200000) t(i) ORDER BY i DESC -- all", 1000, true},
        {"SELECT i AS n FROM range(1000) t(i)", 1000, false},
        {"SELECT i AS n FROM range(1001) t(i);", 1000, true},
        {"SELECT i AS n, i AS n FROM range(5) t(i)", 5, false},
        {"DESCRIBE SELECT 1 AS a", 1, false},
        {"FROM range(3) LIMIT 2", 2, false},
    };
    char file[192], sql[512], wanted[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(file, sizeof file, "%s/%zu.parquet", exports, i);
        ASSERT_OK(weir_session_export(reader, cases[i].sql, NULL, 0, "parquet", file, 1000,
                                      &exported, &err),
                  err);
        assert_int_equal(exported.rows, cases[i].rows);
        assert_int_equal(exported.truncated, cases[i].truncated);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM read_parquet('%s')", file);
        snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)cases[i].rows);
        assert_string_equal(ask(owner, sql, NULL, 0), wanted);
    }
    snprintf(sql, sizeof sql, "SELECT max(n), min(n) FROM read_parquet('%s/0.parquet')", exports);
    assert_string_equal(ask(owner, sql, NULL, 0), "199999|199000");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM glob('%s/*.cut')", exports);
    assert_string_equal(ask(owner, sql, NULL, 0), "0");
    assert_int_equal(
        weir_session_export(reader, "SELECT 1 +", NULL, 0, "parquet", file, 5, &exported, &err),
        WEIR_EINVAL);
}

static void one_process_owns_the_file(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct weir_warehouse_options options = {.path = path};
        struct weir_warehouse *second;
        int rc = weir_warehouse_open(&weir_warehouse_duckdb, &options, &second, &err);
        char holder[64]; /* who it is, and none of the engine's advice about its own tools */
        snprintf(holder, sizeof holder, "is in use by another process (%d); end it", getppid());
        _exit(strstr(err.message, holder) ? rc : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), WEIR_EBUSY);
}

/* A checkpoint that cannot be written takes the engine down; with the limit gone, all is there. */
static void a_fallen_engine_is_reopened(void **state)
{
    (void)state;
    struct rlimit before, small;
    assert_false(weir_warehouse_failed(warehouse));
    ASSERT_OK(weir_warehouse_reopen(warehouse, &err), err); /* nothing failed: nothing to do */
    ASSERT_OK(weir_session_exec(
                  owner, "CREATE TABLE t AS SELECT hash(i) AS h FROM range(1000000) r(i)", &err),
              err);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = weir_session_checkpoint(owner, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(rc, 0);
    assert_non_null(strstr(ask(reader, "SELECT count(*) FROM t", NULL, 0), "error 15"));
    assert_int_equal(err.code, WEIR_EFATAL);
    assert_true(weir_warehouse_failed(warehouse));
    struct weir_session *late;
    assert_int_equal(weir_session_new(warehouse, WEIR_SESSION_READER, &late, &err), WEIR_EFATAL);
    assert_int_equal(weir_warehouse_reopen(warehouse, &err), WEIR_EBUSY);
    weir_session_free(owner);
    weir_session_free(reader);
    ASSERT_OK(weir_warehouse_reopen(warehouse, &err), err);
    assert_false(weir_warehouse_failed(warehouse));
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_OWNER, &owner, &err), err);
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_READER, &reader, &err), err);
    assert_string_equal(ask(reader, "SELECT count(DISTINCT h) FROM t", NULL, 0), "1000000");
    assert_non_null(strstr(weir_warehouse_version(warehouse), "duckdb v"));
}

/* Text that a person wrote, or that an SDK sent, comes back in the engine's messages. */
static void only_the_engine_says_that_it_failed(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "SELECT CAST('Failed: database has been invalidated' AS DATE)",
        "SELECT CAST('FATAL Error' AS INTEGER)",
        "SELECT CAST(repeat('FATAL Error', 200000) AS INTEGER)",
        "SELECT strptime('has been invalidated', '%Y')",
        "SELECT json('FATAL Error')",
        "SELECT \"FATAL Error\"",
        "FROM \"has been invalidated\"",
        "SELECT CAST('already exists' AS DATE)",
        "SELECT CAST('No space left on device' AS DATE)",
        "SELECT CAST('Could not set lock on file' AS DATE)",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        (void)ask(reader, shapes[i], NULL, 0);
        assert_int_equal(err.code, WEIR_EINVAL);
        assert_false(weir_warehouse_failed(warehouse));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(native_types_keep_their_values, make, unmake),
        cmocka_unit_test_setup_teardown(nulls_are_null_in_every_type, make, unmake),
        cmocka_unit_test_setup_teardown(other_types_are_the_engines_text, make, unmake),
        cmocka_unit_test_setup_teardown(the_order_of_rows_survives_the_cast, make, unmake),
        cmocka_unit_test_setup_teardown(values_are_bound_by_name_and_by_position, make, unmake),
        cmocka_unit_test_setup_teardown(wrong_parameters_say_so, make, unmake),
        cmocka_unit_test_setup_teardown(errors_have_a_code_and_a_place, make, unmake),
        cmocka_unit_test_setup_teardown(a_transaction_is_all_or_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(readers_hold_one_view_of_the_data, make, unmake),
        cmocka_unit_test_setup_teardown(readers_may_not_write, make, unmake),
        cmocka_unit_test_setup_teardown(a_running_query_can_be_canceled, make, unmake),
        cmocka_unit_test_setup_teardown(a_cancel_at_any_moment_hits_one_statement_only, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_cancel_before_the_start_is_kept, make, unmake),
        cmocka_unit_test_setup_teardown(an_export_is_a_parquet_file, make, unmake),
        cmocka_unit_test_setup_teardown(an_export_is_cut_at_its_limit, make, unmake),
        cmocka_unit_test_setup_teardown(one_process_owns_the_file, make, unmake),
        cmocka_unit_test_setup_teardown(a_fallen_engine_is_reopened, make, unmake),
        cmocka_unit_test_setup_teardown(only_the_engine_says_that_it_failed, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
