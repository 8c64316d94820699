#include "warehouse.h"

/* --- tables --------------------------------------------------------------------------------- */

static const struct weir_column all_columns[] = {
    {S("id"), WEIR_TYPE_TEXT, S("")},        {S("b"), WEIR_TYPE_BOOL, S("")},
    {S("i"), WEIR_TYPE_INT, S("")},          {S("d"), WEIR_TYPE_DOUBLE, S("")},
    {S("seen"), WEIR_TYPE_TIMESTAMP, S("")}, {S("day"), WEIR_TYPE_DATE, S("")},
    {S("j"), WEIR_TYPE_JSON, S("")}};
#define ALL (sizeof all_columns / sizeof all_columns[0])

static void make_table(const char *name)
{
    ASSERT_OK(weir_session_create_schema(owner, S("we\"b"), &err), err);
    ASSERT_OK(
        weir_session_create_table(owner, S("we\"b"), weir_str_of(name), all_columns, ALL, &err),
        err);
}

static void the_catalog_lists_tables_and_views(void **state)
{
    (void)state;
    make_table("ta\"ble");
    assert_int_equal(
        weir_session_create_table(owner, S("we\"b"), S("ta\"ble"), all_columns, ALL, &err),
        WEIR_EEXIST);
    ASSERT_OK(weir_session_create_schema(owner, S("we\"b"), &err), err);
    struct weir_column more[] = {{S("x y"), WEIR_TYPE_TEXT, S("")}, {S("z"), WEIR_TYPE_INT, S("")}};
    ASSERT_OK(weir_session_add_columns(owner, S("we\"b"), S("ta\"ble"), more, 2, &err), err);
    ASSERT_OK(weir_session_exec(owner, "CREATE VIEW v AS SELECT 1.5 AS n", &err), err);
    struct weir_arena arena;
    struct weir_table *tables;
    size_t count;
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_describe(reader, &arena, &tables, &count, &err), err);
    assert_int_equal(count, 2);
    assert_true(weir_str_is(tables[0].schema, "main") && weir_str_is(tables[0].name, "v"));
    assert_true(tables[0].view);
    assert_true(weir_str_is(tables[0].columns[0].type_name, "DECIMAL(2,1)"));
    assert_true(weir_str_is(tables[1].schema, "we\"b") && weir_str_is(tables[1].name, "ta\"ble"));
    assert_false(tables[1].view);
    assert_int_equal(tables[1].column_count, ALL + 2);
    for (size_t i = 0; i < ALL; i++) {
        assert_true(weir_str_eq(tables[1].columns[i].name, all_columns[i].name));
        assert_int_equal(tables[1].columns[i].type, all_columns[i].type);
    }
    /* One alone is the same; that one is not there ends no transaction. */
    const struct weir_table *one;
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_describe_table(owner, S("we\"b"), S("no"), &arena, &one, &err), err);
    assert_null(one);
    ASSERT_OK(weir_session_describe_table(owner, S("no"), S("v"), &arena, &one, &err), err);
    assert_null(one);
    const char *const ends[] = {"csv", "tsv", "json", "jsonl", "ndjson", "parquet", "CSV"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct weir_str end = weir_str_of(ends[i]);
        ASSERT_OK(weir_session_describe_table(owner, S("main"), end, &arena, &one, &err), err);
        assert_null(one);
        ASSERT_OK(weir_session_describe_table(owner, S("no"), end, &arena, &one, &err), err);
        assert_null(one);
    }
    ASSERT_OK(weir_session_exec(owner, "CREATE TABLE made (n DECIMAL(12,2))", &err), err);
    ASSERT_OK(weir_session_describe_table(owner, S("main"), S("made"), &arena, &one, &err), err);
    assert_true(one && weir_str_is(one->columns[0].type_name, "DECIMAL(12,2)"));
    ASSERT_OK(weir_session_describe_table(owner, S("we\"b"), S("ta\"ble"), &arena, &one, &err),
              err);
    assert_int_equal(one->column_count, tables[1].column_count);
    for (size_t i = 0; i < one->column_count; i++) {
        assert_true(weir_str_eq(one->columns[i].name, tables[1].columns[i].name));
        assert_true(weir_str_eq(one->columns[i].type_name, tables[1].columns[i].type_name));
        assert_int_equal(one->columns[i].type, tables[1].columns[i].type);
    }
    weir_session_rollback(owner);
    weir_arena_free(&arena);
}

#define BIG 5000

/* Rows numbered from `first`; every third value is null, but never the key. */
static void fill_batch(struct weir_arena *arena, struct weir_batch *out, size_t rows, int64_t first)
{
    struct weir_vector *v = weir_arena_calloc(arena, ALL * sizeof *v);
    *out = (struct weir_batch){rows, ALL, v};
    for (size_t c = 0; c < ALL; c++) {
        v[c].type = all_columns[c].type;
        v[c].ints = weir_arena_calloc(arena, rows * sizeof(struct weir_str));
        v[c].valid = c ? weir_arena_calloc(arena, (rows / 64 + 1) * 8) : NULL;
        for (size_t r = 0; r < rows; r++) {
            int64_t n = first + (int64_t)r;
            if (c && (n + (int64_t)c) % 3) {
                v[c].valid[r / 64] |= 1ull << (r % 64);
            }
            switch (v[c].type) {
            case WEIR_TYPE_BOOL:
                v[c].bools[r] = n % 2;
                break;
            case WEIR_TYPE_DOUBLE:
                v[c].doubles[r] = (double)n / 4;
                break;
            case WEIR_TYPE_TEXT:
                v[c].strs[r] = weir_str_of(weir_arena_printf(
                    arena, n % 2 ? "k%lld" : "a key longer than twelve bytes %lld", (long long)n));
                break;
            case WEIR_TYPE_JSON:
                v[c].strs[r] = weir_str_of(weir_arena_printf(arena, "{\"n\":%lld}", (long long)n));
                break;
            default:
                v[c].ints[r] = n;
            }
        }
    }
}

static const char check_sql[] =
    "SELECT count(*), count(DISTINCT id), count(b), count(i), count(d), count(seen), count(day), "
    "count(j), bool_and(d = n / 4), bool_and(i = n), bool_and(seen = make_timestamp(n)), "
    "bool_and(day = DATE '1970-01-01' + n::INT), bool_and((j->>'n')::INT = n), "
    "bool_and(b = (n % 2 = 1)) "
    "FROM (SELECT *, regexp_extract(id, '(\\d+)$', 1)::BIGINT AS n FROM \"we\"\"b\".t)";

static void appended_rows_arrive_as_they_were(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_batch batch;
    make_table("t");
    weir_arena_init(&arena, 64 << 20);
    fill_batch(&arena, &batch, BIG, 0);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_append(owner, S("we\"b"), S("t"), all_columns, &batch, 1, &err), err);
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_string_equal(ask(reader, check_sql, NULL, 0),
                        "5000|5000|3334|3333|3333|3334|3333|3333|true|true|true|true|true|true");
    weir_arena_free(&arena);
}

static void an_append_may_name_some_columns_only(void **state)
{
    (void)state;
    make_table("t");
    struct weir_str texts[] = {S("x"), S("")};
    int64_t days[] = {-1, 20000};
    struct weir_vector v[] = {{.type = WEIR_TYPE_DATE, .ints = days},
                              {.type = WEIR_TYPE_TEXT, .strs = texts}};
    struct weir_column columns[] = {{S("day"), WEIR_TYPE_DATE, S("")},
                                    {S("id"), WEIR_TYPE_TEXT, S("")}};
    struct weir_batch batch = {2, 2, v};
    ASSERT_OK(weir_session_append(owner, S("we\"b"), S("t"), columns, &batch, 1, &err), err);
    assert_string_equal(ask(reader, "SELECT id, day, i, j FROM \"we\"\"b\".t", NULL, 0),
                        "x|-1|NULL|NULL\n|20000|NULL|NULL");
    columns[0].name = S("nope");
    assert_int_equal(weir_session_append(owner, S("we\"b"), S("t"), columns, &batch, 1, &err),
                     WEIR_EINVAL);
    assert_non_null(strstr(err.message, "nope"));
    assert_int_equal(weir_session_append(owner, S("we\"b"), S("no"), columns, &batch, 1, &err),
                     WEIR_EINVAL);
}

static void a_merge_keeps_what_the_batch_leaves_out(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_batch batch;
    make_table("t");
    weir_arena_init(&arena, 64 << 20);
    fill_batch(&arena, &batch, BIG, 0);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_merge(owner, S("we\"b"), S("t"), S("id"), all_columns, &batch, 1, &err),
              err);
    /* The same rows again, half of them new. */
    fill_batch(&arena, &batch, BIG, BIG / 2);
    ASSERT_OK(weir_session_merge(owner, S("we\"b"), S("t"), S("id"), all_columns, &batch, 1, &err),
              err);
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_string_equal(ask(reader, check_sql, NULL, 0),
                        "7500|7500|5000|5000|5000|5000|5000|5000|true|true|true|true|true|true");
    struct weir_str keys[] = {S("k1"), S("new")};
    int64_t ints[] = {-1, 7};
    uint64_t valid = 2;
    struct weir_vector v[] = {{.type = WEIR_TYPE_TEXT, .strs = keys},
                              {.type = WEIR_TYPE_INT, .ints = ints, .valid = &valid}};
    struct weir_column columns[] = {{S("id"), WEIR_TYPE_TEXT, S("")},
                                    {S("i"), WEIR_TYPE_INT, S("")}};
    struct weir_batch small = {2, 2, v};
    ASSERT_OK(weir_session_merge(owner, S("we\"b"), S("t"), S("id"), columns, &small, 1, &err),
              err);
    assert_string_equal(
        ask(reader, "SELECT id, i, d FROM \"we\"\"b\".t WHERE id IN ('k1','new') ORDER BY id", NULL,
            0),
        "k1|NULL|0.25\nnew|7|NULL");
    v[1].valid = NULL;
    ASSERT_OK(weir_session_merge(owner, S("we\"b"), S("t"), S("id"), columns, &small, 1, &err),
              err);
    assert_string_equal(
        ask(reader, "SELECT id, i, d FROM \"we\"\"b\".t WHERE id IN ('k1','new') ORDER BY id", NULL,
            0),
        "k1|-1|0.25\nnew|7|NULL");
    weir_arena_free(&arena);
}

/* What the loader does in one transaction: new columns, wider ones, then rows of both kinds. */
static void tables_and_rows_change_in_one_transaction(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_batch batch;
    weir_arena_init(&arena, 64 << 20);
    make_table("t");
    fill_batch(&arena, &batch, 100, 0);
    ASSERT_OK(weir_session_append(owner, S("we\"b"), S("t"), all_columns, &batch, 1, &err), err);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    struct weir_column extra = {S("extra"), WEIR_TYPE_INT, S("")};
    ASSERT_OK(weir_session_add_columns(owner, S("we\"b"), S("t"), &extra, 1, &err), err);
    ASSERT_OK(weir_session_widen_column(owner, S("we\"b"), S("t"), S("extra"), WEIR_TYPE_INT,
                                        WEIR_TYPE_DOUBLE, &err),
              err);
    ASSERT_OK(weir_session_widen_column(owner, S("we\"b"), S("t"), S("extra"), WEIR_TYPE_DOUBLE,
                                        WEIR_TYPE_TEXT, &err),
              err);
    extra.name = S("more");
    ASSERT_OK(weir_session_add_columns(owner, S("we\"b"), S("t"), &extra, 1, &err), err);
    fill_batch(&arena, &batch, 100, 100);
    ASSERT_OK(weir_session_append(owner, S("we\"b"), S("t"), all_columns, &batch, 1, &err), err);
    fill_batch(&arena, &batch, 100, 150);
    ASSERT_OK(weir_session_merge(owner, S("we\"b"), S("t"), S("id"), all_columns, &batch, 1, &err),
              err);
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_string_equal(
        ask(reader, "SELECT count(*), count(extra), count(more) FROM \"we\"\"b\".t", NULL, 0),
        "250|0|0");
    weir_arena_free(&arena);
}

/* What a killed process leaves: a child does the work and dies, and we open what it left. */
static bool damage_wal;

static void spoil_wal(void)
{
    char wal[160];
    snprintf(wal, sizeof wal, "%s.wal", path);
    FILE *f = fopen(wal, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 60, SEEK_SET), 0);
    assert_int_equal(fwrite("spoiled", 1, 7, f), 7);
    fclose(f);
    /* As if a checkpoint had run when it died: without the first part this one is worth nothing. */
    snprintf(wal, sizeof wal, "%s.wal.checkpoint", path);
    f = fopen(wal, "wb");
    assert_non_null(f);
    fclose(f);
}

static int do_work_and_die(const char *sql)
{
    open_all();
    int rc = weir_session_exec(owner, sql, &err);
    rc = rc ? rc : weir_session_begin(owner, &err);
    rc = rc ? rc
            : weir_session_widen_column(owner, S("main"), S("w"), S("d"), WEIR_TYPE_DOUBLE,
                                        WEIR_TYPE_TEXT, &err);
    rc = rc ? rc : weir_session_commit(owner, &err);
    rc = rc ? rc : weir_session_begin(owner, &err);
    rc = rc ? rc
            : weir_session_widen_column(owner, S("main"), S("w"), S("at"), WEIR_TYPE_TIMESTAMP,
                                        WEIR_TYPE_TEXT, &err);
    rc = rc ? rc
            : weir_session_widen_column(owner, S("main"), S("w"), S("t"), WEIR_TYPE_TEXT,
                                        WEIR_TYPE_JSON, &err);
    rc = rc ? rc : weir_session_commit(owner, &err);
    if (rc == 0) {
        kill(getpid(), SIGKILL);
    }
    return rc;
}

static void crash_after(const char *sql)
{
    close_all();
    pid_t child = fork();
    if (child == 0) {
        _exit(do_work_and_die(sql));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    if (damage_wal) {
        spoil_wal();
    }
    open_all();
}

/* --- widening ------------------------------------------------------------------------------- */

static const char *widened(const char *sql_type, enum weir_type from, enum weir_type to,
                           const char *values)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE TABLE w(n INT, c %s); INSERT INTO w SELECT * FROM (VALUES %s)",
             sql_type, values);
    ASSERT_OK(weir_session_exec(owner, sql, &err), err);
    ASSERT_OK(weir_session_widen_column(owner, S("main"), S("w"), S("c"), from, to, &err), err);
    return ask(owner, "SELECT c FROM w ORDER BY n", NULL, 0);
}

static void widening_keeps_history(void **state)
{
    (void)state;
    assert_string_equal(widened("BIGINT", WEIR_TYPE_INT, WEIR_TYPE_DOUBLE, "(1, 5), (2, NULL)"),
                        "5\nNULL");
    assert_string_equal(widened("BIGINT", WEIR_TYPE_INT, WEIR_TYPE_TEXT,
                                "(1, 5), (2, NULL), (3, -9223372036854775808)"),
                        "5\nNULL\n-9223372036854775808");
    assert_string_equal(widened("BOOLEAN", WEIR_TYPE_BOOL, WEIR_TYPE_TEXT, "(1, true), (2, false)"),
                        "true\nfalse");
    assert_string_equal(widened("TIMESTAMP", WEIR_TYPE_TIMESTAMP, WEIR_TYPE_TEXT,
                                "(1, '2020-01-02 03:04:05'), (2, '2020-01-02 03:04:05.678'), "
                                "(3, '2020-01-02 03:04:05.000001'), (4, NULL)"),
                        "2020-01-02T03:04:05.000Z\n2020-01-02T03:04:05.678Z\n"
                        "2020-01-02T03:04:05.000001Z\nNULL");
    assert_string_equal(widened("DATE", WEIR_TYPE_DATE, WEIR_TYPE_TEXT, "(1, '2020-01-02')"),
                        "2020-01-02");
    assert_string_equal(widened("JSON", WEIR_TYPE_JSON, WEIR_TYPE_TEXT, "(1, '{\"a\": [1]}')"),
                        "{\"a\": [1]}");
    assert_string_equal(widened("VARCHAR", WEIR_TYPE_TEXT, WEIR_TYPE_JSON, "(1, 'a\"b')"),
                        "\"a\\\"b\"");
    assert_int_equal(weir_session_widen_column(owner, S("main"), S("w"), S("c"), WEIR_TYPE_TEXT,
                                               WEIR_TYPE_INT, &err),
                     WEIR_EINVAL);
}

/* The same text as JavaScript gives, which is what the loader writes for new values. */
static void widened_doubles_are_what_javascript_prints(void **state)
{
    (void)state;
    static const double special[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.1,
                                     1.5,
                                     -2.25,
                                     100,
                                     1e15,
                                     1e16,
                                     1e17,
                                     1e20,
                                     1.5e20,
                                     123456789012345680000.0,
                                     1e21,
                                     1.5e21,
                                     -1e21,
                                     1e22,
                                     1e100,
                                     1.7976931348623157e308,
                                     5e-324,
                                     2.2250738585072014e-308,
                                     0.0001,
                                     0.00001,
                                     0.000001,
                                     0.0000015,
                                     -0.0000015,
                                     1e-7,
                                     1.5e-7,
                                     -1e-10,
                                     9007199254740993.0,
                                     12345678901234567.0,
                                     0.30000000000000004,
                                     4.35,
                                     1e-5,
                                     123e-7,
                                     1.0e-6,
                                     999999999999999.9,
                                     9999999999999998.0,
                                     1.2345678901234567e-6,
                                     1.2345678901234567e19};
    enum { RANDOM = 3000, SPECIAL = sizeof special / sizeof special[0], N = RANDOM + SPECIAL };
    static double values[N];
    static int64_t numbers[N];
    uint64_t seed = 42;
    for (size_t i = 0; i < N; i++) {
        numbers[i] = (int64_t)i;
        do {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            memcpy(&values[i], &seed, sizeof seed);
            if (i % 3 == 0) { /* and some of ordinary size */
                values[i] = (double)(int64_t)(seed >> 20) / 1000.0;
            }
        } while (!(values[i] - values[i] == 0));
        if (i < SPECIAL) {
            values[i] = special[i];
        }
    }
    struct weir_column columns[] = {{S("n"), WEIR_TYPE_INT, S("")},
                                    {S("c"), WEIR_TYPE_DOUBLE, S("")}};
    struct weir_vector v[] = {{.type = WEIR_TYPE_INT, .ints = numbers},
                              {.type = WEIR_TYPE_DOUBLE, .doubles = values}};
    struct weir_batch batch = {N, 2, v};
    ASSERT_OK(weir_session_create_table(owner, S("main"), S("d"), columns, 2, &err), err);
    ASSERT_OK(weir_session_append(owner, S("main"), S("d"), columns, &batch, 1, &err), err);
    ASSERT_OK(weir_session_widen_column(owner, S("main"), S("d"), S("c"), WEIR_TYPE_DOUBLE,
                                        WEIR_TYPE_TEXT, &err),
              err);
    struct weir_result *result;
    ASSERT_OK(weir_session_query(owner, "SELECT n, c FROM d", NULL, 0, &result, &err), err);
    size_t seen = 0;
    while (weir_result_next(result, &batch, &err) == 0 && batch.rows) {
        for (size_t r = 0; r < batch.rows; r++, seen++) {
            struct weir_buf wanted = {.max = 64};
            weir_json_number(&wanted, values[batch.columns[0].ints[r]]);
            char got[64];
            snprintf(got, sizeof got, WEIR_STR_FMT, WEIR_STR_ARG(batch.columns[1].strs[r]));
            assert_string_equal(got, weir_buf_cstr(&wanted));
            weir_buf_free(&wanted);
        }
    }
    weir_result_free(result);
    assert_int_equal(seen, N);
}

static void long_decimals_arrive_as_they_were(void **state)
{
    struct weir_column columns[] = {{S("a"), WEIR_TYPE_OTHER, S("DECIMAL(38,10)")},
                                    {S("b"), WEIR_TYPE_OTHER, S("DECIMAL(20,0)")},
                                    {S("c"), WEIR_TYPE_OTHER, S("DECIMAL(6,2)")}};
    struct weir_str a[] = {S("9999999999999999999999999999.9999999999"),
                           S("-9999999999999999999999999999.9999999999"), S("0.0000000001"), S("")};
    struct weir_str b[] = {S("-18446744073709551616"), S("00000000000000000007"), S("0"), S("1")};
    struct weir_str c[] = {S("1.25"), S("-9999.99"), S("0.00"), S("7.10")};
    uint64_t three[] = {7};
    struct weir_vector v[] = {{.type = WEIR_TYPE_OTHER, .valid = three, .strs = a, .exact = true},
                              {.type = WEIR_TYPE_OTHER, .strs = b, .exact = true},
                              {.type = WEIR_TYPE_OTHER, .strs = c, .exact = true}};
    struct weir_batch batch = {4, 3, v};
    const char *const wrong[] = {
        "1.5",           "1.50000000000",  "1e5", "",
        "12345.",        ".1234567890",    "x",   "1.00000 0000",
        "+1.0000000000", "--1.0000000000", "-",   "10000000000000000000000000000.0000000000"};
    (void)state;
    ASSERT_OK(weir_session_create_table(owner, S("main"), S("long"), columns, 3, &err), err);
    ASSERT_OK(weir_session_append(owner, S("main"), S("long"), columns, &batch, 1, &err), err);
    assert_string_equal(ask(owner, "SELECT a, b, c FROM long", NULL, 0),
                        "9999999999999999999999999999.9999999999|-18446744073709551616|1.25\n"
                        "-9999999999999999999999999999.9999999999|7|-9999.99\n"
                        "0.0000000001|0|0.00\nNULL|1|7.10");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        a[0] = weir_str_of(wrong[i]);
        if (weir_session_append(owner, S("main"), S("long"), columns, &batch, 1, &err) == 0) {
            fail_msg("%s is no such decimal", wrong[i]);
        }
    }
    assert_string_equal(ask(owner, "SELECT count(*) FROM long", NULL, 0), "4");
}

/* The write-ahead log must be readable without weir: nothing in it may need our own functions. */
static void widening_survives_a_crash(void **state)
{
    (void)state;
    crash_after(
        "CREATE TABLE w AS SELECT 1.5e-7::DOUBLE AS d, TIMESTAMP '2020-01-02' AS at, 'x' AS t");
    assert_string_equal(ask(owner, "SELECT d, \"at\", t FROM w", NULL, 0),
                        "1.5e-7|2020-01-02T00:00:00.000Z|\"x\"");
}

/* What somebody has added to a table is there after it was written anew, too. */
static void widening_keeps_what_people_added(void **state)
{
    (void)state;
    crash_after(
        "CREATE TABLE w (\"a(\"\"b\" INT CHECK (\"a(\"\"b\" <> 13), k INT DEFAULT 7 NOT NULL,"
        "d DOUBLE, \"at\" TIMESTAMP, t VARCHAR); CREATE INDEX w_k ON w(k);"
        "CREATE UNIQUE INDEX \"of ;\" ON w(\"a(\"\"b\", k); INSERT INTO w VALUES "
        "(1, 1, 1.5, '2020-01-02', 'x'), (2, 2, 1e21, NULL, NULL)");
    assert_string_equal(ask(owner, "SELECT * FROM w ORDER BY k", NULL, 0),
                        "1|1|1.5|2020-01-02T00:00:00.000Z|\"x\"\n2|2|1e+21|NULL|NULL");
    static const char *const refused[] = {"(13, 1)", "(3, NULL)", "(1, 1)"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO w(\"a(\"\"b\", k) VALUES %s", refused[i]);
        assert_int_not_equal(weir_session_exec(owner, sql, &err), 0);
    }
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO w(\"a(\"\"b\", d) VALUES (3, 'y')", &err), err);
    assert_string_equal(ask(owner, "SELECT k FROM w WHERE d = 'y'", NULL, 0), "7");
    assert_string_equal(ask(owner, "SELECT index_name FROM duckdb_indexes() ORDER BY 1", NULL, 0),
                        "of ;\nw_k");
}

static size_t files_ending(const char *suffix)
{
    size_t count = 0;
    DIR *folder = opendir(dir);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        count += weir_str_ends(weir_str_of(e->d_name), weir_str_of(suffix));
    }
    closedir(folder);
    return count;
}

static void a_damaged_wal_is_moved_aside(void **state)
{
    (void)state;
    ASSERT_OK(weir_session_exec(owner, "CREATE TABLE kept AS SELECT 7 AS i; CHECKPOINT", &err),
              err);
    damage_wal = true;
    crash_after("CREATE TABLE w AS SELECT 1::DOUBLE AS d, TIMESTAMP '2020-01-02' AS at, 'x' AS t");
    damage_wal = false;
    assert_string_equal(ask(reader, "SELECT i FROM kept", NULL, 0), "7");
    assert_int_equal(files_ending(".damaged"), 2);
    ASSERT_OK(weir_session_exec(owner, "CREATE TABLE w(i INT)", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_catalog_lists_tables_and_views, make, unmake),
        cmocka_unit_test_setup_teardown(appended_rows_arrive_as_they_were, make, unmake),
        cmocka_unit_test_setup_teardown(an_append_may_name_some_columns_only, make, unmake),
        cmocka_unit_test_setup_teardown(a_merge_keeps_what_the_batch_leaves_out, make, unmake),
        cmocka_unit_test_setup_teardown(tables_and_rows_change_in_one_transaction, make, unmake),
        cmocka_unit_test_setup_teardown(widening_keeps_history, make, unmake),
        cmocka_unit_test_setup_teardown(widening_keeps_what_people_added, make, unmake),
        cmocka_unit_test_setup_teardown(widened_doubles_are_what_javascript_prints, make, unmake),
        cmocka_unit_test_setup_teardown(long_decimals_arrive_as_they_were, make, unmake),
        cmocka_unit_test_setup_teardown(widening_survives_a_crash, make, unmake),
        cmocka_unit_test_setup_teardown(a_damaged_wal_is_moved_aside, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
