/* Every known way out of the reader's sandbox, and everything that must stay possible in it:
 * tests/cases/sandbox. */
#include "warehouse.h"

static struct weir_export exported;

static struct weir_buf file;

static int make_tables(void **state)
{
    if (make(state)) {
        return -1;
    }
    weir_buf_init(&file, 1 << 20);
    return weir_session_exec(owner,
                             "CREATE TABLE t(i BIGINT, v VARCHAR); "
                             "INSERT INTO t VALUES (1, 'a'), (2, 'b'); CREATE SEQUENCE q; "
                             "CREATE VIEW v AS SELECT * FROM t; CREATE SCHEMA web; "
                             "CREATE TABLE web.pg_viewed AS SELECT 1 AS i",
                             &err);
}

static int unmake_tables(void **state)
{
    weir_buf_free(&file);
    return unmake(state);
}

static void read_cases(const char *name)
{
    char from[512];
    snprintf(from, sizeof from, "%s/sandbox/%s", WEIR_CASES, name);
    weir_buf_reset(&file);
    FILE *f = fopen(from, "rb");
    assert_non_null(f);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) {
        weir_buf_add(&file, part, n);
    }
    fclose(f);
    assert_true(weir_buf_ok(&file) && file.len > 0);
}

/* Takes the next block of lines without its `--|` lines; false at the end. */
static bool next_case(struct weir_str *rest, char *out, size_t size)
{
    size_t n = 0;
    while (rest->ptr) {
        struct weir_str line = weir_str_cut(rest, '\n');
        if (line.len == 0) {
            if (n) {
                break;
            }
            continue;
        }
        if (weir_str_starts(line, WEIR_STR("--|"))) {
            continue;
        }
        assert_true(n + line.len + 2 < size);
        if (n) {
            out[n++] = '\n';
        }
        memcpy(out + n, line.ptr, line.len);
        n += line.len;
    }
    out[n] = 0;
    return n > 0;
}

/* Rows are fetched to the end: some trouble only comes then. */
static int run(struct weir_session *session, const char *sql)
{
    struct weir_result *result;
    struct weir_batch batch;
    int rc = weir_session_query(session, sql, NULL, 0, &result, &err);
    if (rc) {
        return rc;
    }
    while ((rc = weir_result_next(result, &batch, &err)) == 0 && batch.rows) {
    }
    weir_result_free(result);
    return rc;
}

static const char fingerprint[] =
    "SELECT (SELECT string_agg(i || v, ',' ORDER BY i) FROM t), "
    "(SELECT count(*) FROM duckdb_tables()), (SELECT count(*) FROM duckdb_views() WHERE NOT "
    "internal), "
    "(SELECT count(*) FROM duckdb_schemas()), (SELECT count(*) FROM duckdb_functions()), "
    "(SELECT count(*) FROM duckdb_types()), (SELECT count(*) FROM duckdb_databases()), "
    "(SELECT count(*) FROM duckdb_sequences()), (SELECT string_agg(value, ',' ORDER BY name) FROM "
    "duckdb_settings() WHERE name NOT LIKE '%progress%')";

static void refused_statements_are_refused(void **state)
{
    (void)state;
    char sql[4096], before[16384];
    size_t count = 0;
    snprintf(before, sizeof before, "%s", ask(owner, fingerprint, NULL, 0));
    assert_null(strstr(before, "error"));
    read_cases("refused.sql");
    struct weir_str rest = weir_buf_str(&file);
    while (next_case(&rest, sql, sizeof sql)) {
        int rc = run(reader, sql);
        if (rc != WEIR_EPERM && rc != WEIR_EINVAL) {
            fail_msg("not refused (%d, %s): %s", rc, rc ? err.message : "it ran", sql);
        }
        /* The same as a file, which has another way through the engine. */
        char path_[192];
        snprintf(path_, sizeof path_, "%s/x.parquet", exports);
        if (weir_session_export(reader, sql, NULL, 0, "parquet", path_, 0, &exported, &err) == 0) {
            fail_msg("exported: %s", sql);
        }
        count++;
    }
    assert_true(count > 200);
    assert_string_equal(ask(owner, fingerprint, NULL, 0), before);
    assert_int_equal(access("/tmp/weir-escape.csv", F_OK), -1);
    assert_int_equal(access("/tmp/weir-escape", F_OK), -1);
    assert_int_equal(access("/tmp/weir-escape.db", F_OK), -1);
    assert_string_equal(ask(reader, "SELECT count(*) FROM t", NULL, 0), "2");
}

/* A refusal must come from our own judgement, before the engine binds anything. */
static void refusals_name_what_they_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *name;
    } cases[] = {
        {"SELECT * FROM read_csv('/etc/passwd')", "the table function \"read_csv\""},
        {"SELECT getenv('HOME')", "the function \"getenv\""},
        {"FROM '/etc/passwd'", "the file \"/etc/passwd\""},
        {"FROM duckdb_settings", "the system view \"duckdb_settings\""},
        {"drop table t", "\"drop\" is not allowed"},
        {"PRAGMA version", "\"PRAGMA\" is not allowed"},
        {"SELECT 1; SELECT 2", "only one statement"},
        {"EXPLAIN DROP TABLE t", "\"DROP\" is not allowed"},
        {"PIVOT (FROM read_csv('x')) ON a", "the function \"read_csv\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run(reader, cases[i].sql), cases[i].name[0] ? WEIR_EPERM : 0);
        if (!strstr(err.message, cases[i].name) && !strstr(err.message, "in a PIVOT")) {
            fail_msg("%s: %s", cases[i].sql, err.message);
        }
    }
}

static void allowed_statements_run(void **state)
{
    (void)state;
    char sql[4096];
    size_t count = 0, failed = 0;
    read_cases("allowed.sql");
    struct weir_str rest = weir_buf_str(&file);
    while (next_case(&rest, sql, sizeof sql)) {
        int rc = run(reader, sql);
        if (rc) {
            print_error("refused (%d, %s): %s\n", rc, err.message, sql);
            failed++;
        }
        count++;
    }
    assert_int_equal(failed, 0);
    assert_true(count > 60);
}

/* A file in the one folder that the engine may touch is out of reach, too. */
static void exported_files_cannot_be_read_back(void **state)
{
    (void)state;
    char path_[192], sql[512];
    snprintf(path_, sizeof path_, "%s/secret.parquet", exports);
    ASSERT_OK(
        weir_session_export(owner, "SELECT 42 AS s", NULL, 0, "parquet", path_, 0, &exported, &err),
        err);
    static const char *const shapes[] = {
        "FROM '%s'",       "FROM \"%s\"",   "FROM read_parquet('%s')",
        "PIVOT '%s' ON s", "DESCRIBE '%s'", "SUMMARIZE '%s'",
        "SHOW \"%s\""};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        snprintf(sql, sizeof sql, shapes[i], path_);
        assert_int_equal(run(reader, sql), WEIR_EPERM);
    }
    snprintf(sql, sizeof sql, "FROM read_parquet('%s')", path_);
    assert_string_equal(ask(owner, sql, NULL, 0), "42"); /* it is there */
}

/* Deep or long input ends with an error, not with the process. */
static void absurd_statements_are_survived(void **state)
{
    (void)state;
    struct weir_buf sql;
    weir_buf_init(&sql, 64 << 20);
    weir_buf_addz(&sql, "SELECT ");
    for (int i = 0; i < 100000; i++) {
        weir_buf_addc(&sql, '(');
    }
    weir_buf_addc(&sql, '1');
    for (int i = 0; i < 100000; i++) {
        weir_buf_addc(&sql, ')');
    }
    assert_int_not_equal(run(reader, weir_buf_cstr(&sql)), 0);
    weir_buf_reset(&sql);
    weir_buf_addz(&sql, "SELECT 1");
    for (int i = 0; i < 50000; i++) {
        weir_buf_addz(&sql, " + 1");
    }
    assert_int_not_equal(run(reader, weir_buf_cstr(&sql)), 0);
    weir_buf_reset(&sql);
    weir_buf_addz(&sql, "SELECT 1");
    for (int i = 0; i < 3000; i++) {
        weir_buf_addz(&sql, " UNION ALL SELECT 1");
    }
    (void)run(reader, weir_buf_cstr(&sql));
    weir_buf_reset(&sql);
    weir_buf_addz(&sql, "SELECT '");
    for (int i = 0; i < 5000000; i++) {
        weir_buf_addc(&sql, 'x');
    }
    weir_buf_addz(&sql, "'");
    assert_int_equal(run(reader, weir_buf_cstr(&sql)), WEIR_ETOOBIG);
    assert_int_equal(run(reader, "SELECT '\xff'"), WEIR_EINVAL);
    assert_int_equal(run(reader, "SELECT 'open"), WEIR_EINVAL);
    assert_int_equal(run(reader, "SELECT /* open"), WEIR_EINVAL);
    assert_int_equal(run(reader, "SELECT repeat('x', 1000000000000)"), WEIR_EINVAL);
    assert_int_equal(run(reader, "SELECT 1"), 0);
    weir_buf_free(&sql);
}

static void the_owner_is_not_sandboxed(void **state)
{
    (void)state;
    assert_int_equal(run(owner, "SELECT count(*) FROM duckdb_settings()"), 0);
    assert_int_equal(run(owner, "CREATE TABLE x AS SELECT 1"), 0);
    /* But nobody leaves the engine's own walls. */
    assert_int_not_equal(run(owner, "SELECT * FROM read_text('/etc/passwd')"), 0);
    assert_int_not_equal(run(owner, "SET threads = 1"), 0);
    assert_int_not_equal(run(owner, "ATTACH '/tmp/weir-escape.db' AS x"), 0);
    assert_int_not_equal(run(owner, "INSTALL httpfs"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_statements_are_refused, make_tables, unmake_tables),
        cmocka_unit_test_setup_teardown(refusals_name_what_they_refuse, make_tables, unmake_tables),
        cmocka_unit_test_setup_teardown(allowed_statements_run, make_tables, unmake_tables),
        cmocka_unit_test_setup_teardown(exported_files_cannot_be_read_back, make_tables,
                                        unmake_tables),
        cmocka_unit_test_setup_teardown(absurd_statements_are_survived, make_tables, unmake_tables),
        cmocka_unit_test_setup_teardown(the_owner_is_not_sandboxed, make_tables, unmake_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
