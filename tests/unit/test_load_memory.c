/* Wide tables and an engine with little memory: loading goes on. */
#include "test.h"

#include "load_fixture.h"

static struct fixture f;
static struct weir_buf body;

static int make(void **state)
{
    (void)state;
    fixture_make(&f, "load:\n  linger: 1ms\n");
    weir_buf_init(&body, 16 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    weir_buf_free(&body);
    fixture_free(&f);
    return 0;
}

static void reopen_with(uint64_t memory_bytes)
{
    fixture_close_warehouse(&f);
    f.memory_bytes = memory_bytes;
    fixture_open_warehouse(&f);
}

static void append_wide_page(int properties)
{
    weir_buf_reset(&body);
    weir_buf_addz(&body, "{\"userId\":\"u\",\"properties\":{\"p0\":\"x\"");
    for (int i = 1; i < properties; i++) {
        weir_buf_addf(&body, ",\"p%d\":\"x\"", i);
    }
    weir_buf_addz(&body, "}}");
    fixture_append(&f, "page", weir_buf_str(&body));
    fixture_commit(&f);
}

static void append_many(const char *event, int times)
{
    weir_buf_reset(&body);
    weir_buf_addf(&body, "{\"batch\":[%s", event);
    for (int i = 1; i < times; i++) {
        weir_buf_addf(&body, ",%s", event);
    }
    weir_buf_addz(&body, "]}");
    fixture_append(&f, "batch", weir_buf_str(&body));
    fixture_commit(&f);
}

/* Nobody else may hold a session: the engine may have to be reopened. */
static void drain_alone(void)
{
    weir_session_free(f.session);
    f.session = NULL;
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    ASSERT_OK(weir_session_new(f.warehouse, WEIR_SESSION_OWNER, &f.session, &err), err);
}

static void replay_alone(void)
{
    struct weir_replay_report report;
    const struct weir_replay whole = {.from = WEIR_TIME_MIN, .to = WEIR_TIME_MAX};
    weir_session_free(f.session);
    f.session = NULL;
    ASSERT_OK(weir_loader_replay(f.loader, &whole, &report, &err), err);
    ASSERT_OK(weir_session_new(f.warehouse, WEIR_SESSION_OWNER, &f.session, &err), err);
}

static void a_table_gets_no_more_columns_than_the_memory_can_append_to(void **state)
{
    (void)state;
    reopen_with(256 << 20);
    append_wide_page(1990);
    append_many("{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"p1\":\"y\"}}", 20000);
    append_many("{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"p1\":\"y\"}}", 20000);
    drain_alone();
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(p1) FROM web.pages"),
                        "40001|40001");
    replay_alone();
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(p1) FROM web.pages"),
                        "40001|40001");
    assert_string_equal(
        fixture_query(&f, "SELECT reason, count(*), len(json_keys(any_value(value)::JSON)) > 1500 "
                          "FROM weir.discards GROUP BY 1"),
        "too_many_columns|1|true");
}

static void a_request_both_refused_and_too_large_is_loaded_in_parts(void **state)
{
    (void)state;
    reopen_with(256 << 20);
    ASSERT_OK(weir_session_exec(f.session,
                                "CREATE SCHEMA web; CREATE TABLE web.pages (id VARCHAR, p1 VARCHAR "
                                "CHECK (p1 <> 'bad'))",
                                &err),
              err);
    append_wide_page(1990);
    weir_buf_reset(&body);
    weir_buf_addz(&body, "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}");
    for (int i = 1; i < 20000; i++) {
        weir_buf_addf(&body, ",{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"p1\":\"%s\"}}",
                      i == 8000 || i == 19999 ? "bad" : "good");
    }
    weir_buf_addz(&body, "]}");
    fixture_append(&f, "batch", weir_buf_str(&body));
    fixture_commit(&f);
    drain_alone();
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(p1) FROM web.pages"),
                        "19999|19998");
    assert_string_equal(fixture_query(&f, "SELECT event_index FROM weir.discards WHERE reason = "
                                          "'refused_by_warehouse' ORDER BY 1"),
                        "8000\n19999");
}

static void a_table_too_wide_for_the_memory_holds_up_no_other(void **state)
{
    (void)state;
    reopen_with(UINT64_C(2) << 30);
    append_wide_page(1990);
    drain_alone();
    reopen_with(256 << 20);
    append_many("{\"type\":\"page\",\"userId\":\"u\"}", 10000);
    append_many("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Behind\"}", 10);
    drain_alone();
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.behind"), "10");
    assert_string_equal(fixture_query(&f, "SELECT (SELECT count(*) FROM web.pages) + count(*) "
                                          "FROM weir.discards WHERE reason = 'no_memory'"),
                        "10001");
}

static void all_tables_together_have_a_cap(void **state)
{
    (void)state;
    fixture_close_warehouse(&f);
    fixture_write_settings(&f, "load:\n  linger: 1ms\n  max_all_columns: 1000\n");
    weir_workspace_close(f.workspace);
    ASSERT_OK(weir_workspace_open(f.dir, &f.workspace, &err), err);
    fixture_open_warehouse(&f);
    for (int event = 0; event < 30; event++) {
        weir_buf_reset(&body);
        weir_buf_addf(&body, "{\"userId\":\"u\",\"event\":\"Kind %d\",\"properties\":{\"p0\":1",
                      event);
        for (int i = 1; i < 100; i++) {
            weir_buf_addf(&body, ",\"p%d\":1", i);
        }
        weir_buf_addz(&body, "}}");
        fixture_append(&f, "track", weir_buf_str(&body));
    }
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.tracks"), "30");
    assert_string_equal(
        fixture_query(&f, "SELECT count(*) BETWEEN 950 AND 1000 FROM duckdb_columns() WHERE "
                          "schema_name = 'web' OR table_name IN ('discards', 'names')"),
        "true");
    assert_string_equal(
        fixture_query(&f, "SELECT reason, count(*) > 0 FROM weir.discards GROUP BY 1 ORDER BY 1"),
        "too_many_columns|true\ntoo_many_tables|true");
    /* Nothing is lost: each property is in a column or in weir.discards. */
    assert_string_equal(
        fixture_query(&f, "SELECT (SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'web' "
                          "AND table_name LIKE 'kind%' AND column_name LIKE 'p%') + "
                          "(SELECT sum(len(json_keys(value::JSON))) FROM weir.discards)"),
        "3000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(a_table_gets_no_more_columns_than_the_memory_can_append_to),
        TEST(a_request_both_refused_and_too_large_is_loaded_in_parts),
        TEST(a_table_too_wide_for_the_memory_holds_up_no_other),
        TEST(all_tables_together_have_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
