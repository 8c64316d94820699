/* What a statement reads, and how long its result can be right. */
#include "warehouse.h"

#include "warehouse/duckdb/functions.h"

static int make_tables(void **state)
{
    if (make(state)) {
        return -1;
    }
    ASSERT_OK(weir_session_exec(owner,
                                "CREATE SCHEMA web; CREATE SCHEMA views; "
                                "CREATE TABLE web.a (n BIGINT, t TIMESTAMP, today BIGINT); "
                                "CREATE TABLE web.b (n BIGINT); CREATE TABLE main_table (n BIGINT)",
                                &err),
              err);
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("one"),
                                       "SELECT a.n, b.n AS m FROM web.a JOIN web.b USING (n)",
                                       &err),
              err);
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("two"),
                                       "WITH x AS (FROM views.one) SELECT * FROM x", &err),
              err);
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("clock"),
                                       "SELECT now() AS t, n FROM web.b", &err),
              err);
    return 0;
}

/* "web.a web.b" and, behind it, what else it asks. */
static const char *reads(const char *sql)
{
    static const char *const clocks[] = {"", " day", " now", " never"};
    static struct weir_buf out = {.max = 1 << 16};
    struct weir_arena arena;
    struct weir_reads r;
    weir_arena_init(&arena, 64u << 20);
    weir_buf_reset(&out);
    ASSERT_OK(weir_session_reads(reader, sql, &arena, &r, &err), err);
    assert_true(r.settled);
    for (size_t i = 0; i < r.count; i++) {
        weir_buf_addf(&out, "%s" WEIR_STR_FMT "." WEIR_STR_FMT, i ? " " : "",
                      WEIR_STR_ARG(r.tables[i].schema), WEIR_STR_ARG(r.tables[i].table));
        assert_int_equal(
            r.tables[i].version,
            weir_warehouse_version_of(warehouse, r.tables[i].schema, r.tables[i].table).version);
    }
    weir_buf_addz(&out, clocks[r.clock]);
    weir_arena_free(&arena);
    return weir_buf_cstr(&out);
}

static void tables_are_found_wherever_they_stand(void **state)
{
    (void)state;
    assert_string_equal(reads("SELECT 1"), "");
    assert_string_equal(reads("FROM web.a"), "web.a");
    assert_string_equal(reads("SELECT * FROM WEB.A x, web.b WHERE x.n IN (SELECT n FROM web.a)"),
                        "WEB.A web.b");
    assert_string_equal(reads("SELECT (SELECT max(n) FROM web.b) FROM main_table"),
                        "web.b main.main_table");
    assert_string_equal(reads("WITH t AS MATERIALIZED (FROM web.a) SELECT * FROM range(3), t"),
                        "web.a");
    assert_string_equal(reads("FROM web.a UNION ALL BY NAME FROM web.b"), "web.a web.b");
    assert_string_equal(reads("SELECT * FROM web.a QUALIFY row_number() OVER (ORDER BY n) = "
                              "(SELECT min(n) FROM web.b)"),
                        "web.a web.b");
    assert_string_equal(reads("FROM warehouse.web.a"), "web.a");
    assert_string_equal(reads("FROM warehouse.main_table"), "warehouse.main_table main.main_table");
    assert_string_equal(reads("PIVOT web.a ON n IN (1, 2) USING count(*)"), "web.a");
    assert_string_equal(reads("SELECT * FROM web.a ASOF JOIN web.b ON a.n >= b.n LIMIT 3"),
                        "web.a web.b");
}

static void views_are_looked_into(void **state)
{
    (void)state;
    assert_string_equal(reads("FROM views.two"), "views.two views.one web.a web.b");
    assert_string_equal(reads("FROM VIEWS.Clock"), "VIEWS.Clock web.b now");
    ASSERT_OK(weir_session_drop_view(owner, S("views"), S("one"), &err), err);
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("one"), "SELECT 1 AS n", &err), err);
    assert_string_equal(reads("FROM views.two"), "views.two views.one");
}

static uint64_t version_of_one(void)
{
    return weir_warehouse_version_of(warehouse, S("views"), S("one")).version;
}

static void a_view_that_is_made_anew_has_another_version(void **state)
{
    (void)state;
    uint64_t before = version_of_one();
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_drop_view(owner, S("views"), S("one"), &err), err);
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("one"), "SELECT 2 AS n", &err), err);
    assert_int_equal(version_of_one(), before);
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_true(version_of_one() > before);
    uint64_t other = weir_warehouse_version_of(warehouse, S("web"), S("a")).version;
    ASSERT_OK(weir_session_drop_view(owner, S("views"), S("one"), &err), err);
    assert_int_equal(weir_warehouse_version_of(warehouse, S("web"), S("a")).version, other);
}

static void what_asks_the_clock_or_chance_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *want;
    } cases[] = {
        {"SELECT now()", " now"},
        {"SELECT NOW() - INTERVAL 1 DAY", " now"},
        {"SELECT current_timestamp", " now"},
        {"SELECT localtimestamp", " now"},
        {"SELECT current_date", " day"},
        {"SELECT * FROM range(3) WHERE today() > DATE '2020-01-01'", " day"},
        {"SELECT current_date, random()", " never"},
        {"SELECT age(TIMESTAMP '2020-01-01')", " now"},
        {"SELECT age(TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-02')", ""},
        {"SELECT uuid()", " never"},
        {"FROM range(10) ORDER BY random()", " never"},
        {"FROM web.b USING SAMPLE 10 ROWS", "web.b never"},
        {"FROM web.b TABLESAMPLE 10 PERCENT", "web.b never"},
        {"FROM information_schema.tables", " never"},
        {"FROM duckdb_tables()", " never"},
        {"SELECT * FROM duckdb_views", " never"},
        {"SHOW TABLES", " never"},
        {"SUMMARIZE web.b", "web.b never"},
        {"EXPLAIN SELECT 1", " never"},
        {"PIVOT web.a ON n USING count(*)", " never"},
        {"SELECT lower('x') || $1 FROM generate_series(1, 3)", ""},
        {"SELECT list_transform([1, 2], lambda x: x + random())", " never"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = reads(cases[i].sql);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].sql, got, cases[i].want);
        }
    }
    /* a column of the name is taken for the clock, which is too careful and never wrong */
    assert_string_equal(reads("SELECT a.today FROM web.a"), "web.a");
    assert_string_equal(reads("SELECT today FROM web.a"), "web.a day");
}

/* The lists are ours; the engine says of each function whether it gives the same again. */
static void the_engine_says_the_same_of_its_functions(void **state)
{
    (void)state;
    struct weir_result *result;
    struct weir_batch batch;
    unsigned seen = 0;
    ASSERT_OK(weir_session_query(
                  owner,
                  "SELECT DISTINCT function_name, coalesce(stability, '') FROM duckdb_functions() "
                  "WHERE stability <> 'CONSISTENT' OR (function_type LIKE '%macro%' AND "
                  "regexp_matches(macro_definition, "
                  "'now|random|uuid|get_current|current_date|current_time|transaction_time'))",
                  NULL, 0, &result, &err),
              err);
    while (weir_result_next(result, &batch, &err) == 0 && batch.rows) {
        for (size_t i = 0; i < batch.rows; i++) {
            struct weir_str name = batch.columns[0].strs[i], kind = batch.columns[1].strs[i];
            enum weir_clock clock = weir_duck_scalar_clock(name);
            bool constant = weir_str_is(name, "current_schema") || /* all sessions are alike */
                            weir_str_is(name, "current_schemas") ||
                            weir_str_is(name, "current_database");
            if (!weir_duck_scalar_allowed(name) || constant) {
                continue;
            }
            seen++;
            if (clock == WEIR_CLOCK_NONE ||
                (weir_str_is(kind, "VOLATILE") && clock != WEIR_CLOCK_NEVER)) {
                fail_msg(WEIR_STR_FMT " is " WEIR_STR_FMT " to the engine", WEIR_STR_ARG(name),
                         WEIR_STR_ARG(kind));
            }
        }
    }
    weir_result_free(result);
    assert_true(seen >= 10);
}

static void a_change_under_way_is_not_settled(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_reads r;
    weir_arena_init(&arena, 1 << 20);
    assert_int_equal(weir_session_reads(reader, "SELECT FROM WHERE", &arena, &r, &err),
                     WEIR_EINVAL);
    ASSERT_OK(weir_session_reads(reader, "FROM web.a, nothing.there", &arena, &r, &err), err);
    assert_int_equal(r.count, 2); /* a table that is not there has a version, too */
    weir_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_are_found_wherever_they_stand, make_tables, unmake),
        cmocka_unit_test_setup_teardown(views_are_looked_into, make_tables, unmake),
        cmocka_unit_test_setup_teardown(a_view_that_is_made_anew_has_another_version, make_tables,
                                        unmake),
        cmocka_unit_test_setup_teardown(what_asks_the_clock_or_chance_is_told, make_tables, unmake),
        cmocka_unit_test_setup_teardown(the_engine_says_the_same_of_its_functions, make_tables,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_change_under_way_is_not_settled, make_tables, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
