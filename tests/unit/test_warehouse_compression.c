/* How the engine stores the rows of a table. */
#include <duckdb.h>

#include "source/run/contract.h"
#include "warehouse.h"

/* ids differ, sports come again, and a year is too short to be worth it. */
static void texts_that_differ_are_not_looked_up_in_a_dictionary(void **state)
{
    (void)state;
    enum { ROWS = 8192 };
    static struct weir_str texts[3][ROWS];
    static char ids[ROWS][16], years[ROWS][8];
    struct weir_vector v[4];
    struct weir_column columns[] = {{S("id"), WEIR_TYPE_TEXT, S("")},
                                    {S("sport"), WEIR_TYPE_TEXT, S("")},
                                    {S("year"), WEIR_TYPE_TEXT, S("")},
                                    {S("run"), WEIR_TYPE_TEXT, S("")}};
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "customer %d", i % (ROWS - ROWS / 20));
        snprintf(years[i], sizeof years[i], "%d", i);
        texts[0][i] = weir_str_of(ids[i]);
        texts[1][i] = i % 2 ? S("table tennis") : S("beach volleyball");
        texts[2][i] = weir_str_of(years[i]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] =
            (struct weir_vector){.type = WEIR_TYPE_TEXT, .strs = texts[i % 3], .constant = i == 3};
    }
    const struct weir_batch batch = {ROWS, 4, v};
    ASSERT_OK(weir_session_create_table_for(owner, S("main"), S("t"), columns, 4, &batch, &err),
              err);
    ASSERT_OK(weir_session_append(owner, S("main"), S("t"), columns, &batch, 1, &err), err);
    ASSERT_OK(weir_session_exec(owner, "CHECKPOINT", &err), err);
    assert_string_equal(
        ask(owner,
            "SELECT column_name, bool_or(compression = 'ZSTD') FROM pragma_storage_info('main.t') "
            "WHERE segment_type = 'VARCHAR' GROUP BY ALL ORDER BY ALL",
            NULL, 0),
        "id|true\nrun|false\nsport|false\nyear|false");
    assert_string_equal(
        ask(owner, "SELECT count(*), count(DISTINCT id), max(run) FROM main.t", NULL, 0),
        "8192|7783|customer 0");
}

/* Where on the disk its rows are. */
static char *place(char *out, size_t size)
{
    snprintf(out, size, "%s",
             ask(owner,
                 "SELECT DISTINCT persistent, block_id FROM pragma_storage_info('main.large') "
                 "WHERE column_name = 'id' AND segment_type = 'VARCHAR'",
                 NULL, 0));
    return out;
}

static void a_table_that_gets_columns_is_copied_only_where_they_are_very_many(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static struct weir_column more[MANY];
    static char names[MANY][8];
    char before[100], after[100];
    struct weir_arena arena;
    const struct weir_table *t;
    weir_arena_init(&arena, 1 << 20);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        more[i] = (struct weir_column){weir_str_of(names[i]), WEIR_TYPE_INT, S("")};
    }
    ASSERT_OK(weir_session_exec(owner,
                                "CREATE TABLE large AS SELECT 'row ' || i AS id FROM range(9000) "
                                "AS r(i); CHECKPOINT",
                                &err),
              err);
    place(before, sizeof before);
    assert_non_null(strstr(before, "true"));
    static const size_t counts[] = {100, MANY};
    for (size_t i = 0; i < 2; i++) {
        ASSERT_OK(weir_session_describe_table(owner, S("main"), S("large"), &arena, &t, &err), err);
        ASSERT_OK(weir_session_begin(owner, &err), err);
        ASSERT_OK(weir_source_evolve(owner, S("main"), t, more, counts[i], &err), err);
        ASSERT_OK(weir_session_commit(owner, &err), err);
        assert_int_equal(strcmp(before, place(after, sizeof after)) == 0, counts[i] < MANY);
    }
    assert_string_equal(
        ask(owner, "SELECT count(DISTINCT id), count(c0), count(c399) FROM large", NULL, 0),
        "9000|0|0");
    weir_arena_free(&arena);
}

static void a_file_of_an_older_engine_is_compressed_as_that_can(void **state)
{
    (void)state;
    enum { ROWS = 8192 };
    static struct weir_str texts[ROWS];
    static char ids[ROWS][24];
    struct weir_vector v = {.type = WEIR_TYPE_TEXT, .strs = texts};
    const struct weir_column column = {S("id"), WEIR_TYPE_TEXT, S("")};
    const struct weir_batch batch = {ROWS, 1, &v};
    duckdb_config config;
    duckdb_database old;
    close_all();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(duckdb_create_config(&config), DuckDBSuccess);
    assert_int_equal(duckdb_set_config(config, "storage_compatibility_version", "v1.0.0"),
                     DuckDBSuccess);
    assert_int_equal(duckdb_open_ext(path, &old, config, NULL), DuckDBSuccess);
    duckdb_close(&old);
    duckdb_destroy_config(&config);
    open_all();
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "customer %d", i);
        texts[i] = weir_str_of(ids[i]);
    }
    ASSERT_OK(weir_session_create_table_for(owner, S("main"), S("t"), &column, 1, &batch, &err),
              err);
    ASSERT_OK(weir_session_append(owner, S("main"), S("t"), &column, &batch, 1, &err), err);
    ASSERT_OK(weir_session_exec(owner, "CHECKPOINT", &err), err);
    assert_string_equal(ask(owner,
                            "SELECT bool_or(compression IN ('ZSTD', 'Uncompressed')) FROM "
                            "pragma_storage_info('main.t') WHERE segment_type = 'VARCHAR'",
                            NULL, 0),
                        "false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_that_differ_are_not_looked_up_in_a_dictionary, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_file_of_an_older_engine_is_compressed_as_that_can, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(
            a_table_that_gets_columns_is_copied_only_where_they_are_very_many, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
