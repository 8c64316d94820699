/* Views whose rows are stored: who reads the rows, and who the text with her rules. */
#include "warehouse.h"

#define TABLE "materialized.\"views.mrr\""

static int make_view(void **state)
{
    if (make(state)) {
        return -1;
    }
    ASSERT_OK(weir_session_exec(owner,
                                "CREATE SCHEMA web; CREATE SCHEMA views; "
                                "CREATE TABLE web.a AS SELECT i AS n, CASE WHEN i % 2 = 0 THEN "
                                "'golf' ELSE 'judo' END AS sport FROM range(10) t(i)",
                                &err),
              err);
    const char *sql = "SELECT sport, count(*) AS c FROM web.a GROUP BY sport ORDER BY sport";
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("mrr"), sql, &err), err);
    ASSERT_OK(weir_session_stored_text(owner, S("views"), S("mrr"), sql, &err), err);
    return 0;
}

static void store(const char *note)
{
    struct weir_stored_view what = {.note = weir_str_of(note), .stored_at = 1700000000000000};
    ASSERT_OK(weir_session_stored_compute(owner, S("views"), S("mrr"), &what.rows, &err), err);
    ASSERT_OK(weir_session_stored_swap(owner, S("views"), S("mrr"), &what, &err), err);
}

static uint64_t version_of_rows(void)
{
    return weir_warehouse_version_of(warehouse, S("materialized"), S("views.mrr")).version;
}

static void the_name_reads_what_was_stored_last(void **state)
{
    (void)state;
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|5\njudo|5");
    store("one");
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO web.a VALUES (10, 'golf')", &err), err);
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|5\njudo|5");
    uint64_t catalog = weir_warehouse_catalog_version(warehouse), version = version_of_rows();
    store("two");
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|6\njudo|5");
    assert_int_equal(weir_warehouse_catalog_version(warehouse), catalog); /* the same columns */
    assert_int_equal(version_of_rows(), version + 1);
    struct weir_arena arena;
    struct weir_stored_view *all;
    size_t count;
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_stored_views(owner, &arena, &all, &count, &err), err);
    assert_int_equal(count, 1);
    assert_true(weir_str_is(all[0].view, "mrr") && weir_str_is(all[0].note, "two"));
    assert_int_equal(all[0].rows, 2);
    assert_int_equal(all[0].stored_at, 1700000000000000);
    struct weir_table *tables;
    ASSERT_OK(weir_session_describe(reader, &arena, &tables, &count, &err), err);
    assert_int_equal(count, 2); /* web.a and views.mrr */
    weir_arena_free(&arena);
}

static void rows_outlive_a_restart_and_what_they_were_made_from(void **state)
{
    (void)state;
    store("one");
    ASSERT_OK(weir_session_exec(owner, "DROP TABLE web.a", &err), err);
    uint64_t rows;
    assert_int_not_equal(weir_session_stored_compute(owner, S("views"), S("mrr"), &rows, &err), 0);
    close_all();
    open_all();
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|5\njudo|5");
    ASSERT_OK(weir_session_stored_drop(owner, S("views"), S("mrr"), &err), err);
    struct weir_arena arena;
    struct weir_stored_view *all;
    size_t count;
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_stored_views(owner, &arena, &all, &count, &err), err);
    assert_int_equal(count, 0);
    weir_arena_free(&arena);
}

static void other_columns_come_with_the_next_rows(void **state)
{
    (void)state;
    const char *sql = "SELECT * FROM web.a WHERE n < 2 ORDER BY n";
    ASSERT_OK(weir_session_stored_text(owner, S("views"), S("mrr"), sql, &err), err);
    store("one");
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "0|golf\n1|judo");
    ASSERT_OK(weir_session_exec(owner,
                                "ALTER TABLE web.a ALTER n SET DATA TYPE DOUBLE; "
                                "ALTER TABLE web.a ADD COLUMN extra VARCHAR",
                                &err),
              err);
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "0|golf\n1|judo");
    /* the engine keeps the columns of a view until it is made anew */
    ASSERT_OK(weir_session_stored_text(owner, S("views"), S("mrr"), sql, &err), err);
    store("two");
    assert_string_equal(types(reader, "FROM views.mrr"),
                        "n:double:DOUBLE sport:text:VARCHAR extra:text:VARCHAR");
}

/* --- people ----------------------------------------------------------------------------------- */

static struct weir_grant grants[3];
static struct weir_access access_of(size_t count)
{
    struct weir_access access = {.email = S("ann@example.org"), .grants = grants};
    access.grant_count = count;
    ASSERT_OK(weir_access_seal(&access, &err), err);
    return access;
}

static const char *ask_as(const struct weir_access *access, const char *sql)
{
    ASSERT_OK(weir_session_set_access(reader, access, &err), err);
    return ask(reader, sql, NULL, 0);
}

/* Whether she was shown what is stored is told by rows that came later. */
static void whoever_sees_a_part_reads_the_text_with_her_rules(void **state)
{
    (void)state;
    static const struct weir_str sport = {"sport", 5};
    store("one");
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO web.a VALUES (10, 'golf'), (11, 'golf')", &err),
              err);
    grants[0] = (struct weir_grant){.group = S("g"), .schema = S("web"), .table = S("a")};
    grants[1] = (struct weir_grant){.group = S("g"), .schema = S("views"), .table = S("*")};
    struct weir_access all = access_of(2);
    assert_string_equal(ask_as(&all, "FROM views.mrr"), "golf|5\njudo|5");
    grants[1].rows = S("sport = 'golf'"); /* a rule of the view's own is put on the rows */
    struct weir_access some_of_the_view = access_of(2);
    assert_string_equal(ask_as(&some_of_the_view, "FROM views.mrr"), "golf|5");
    grants[1].rows = S("");
    grants[0].rows = S("n >= 8");
    struct weir_access part = access_of(2);
    assert_string_equal(ask_as(&part, "FROM views.mrr"), "golf|3\njudo|1");
    grants[0].rows = S("");
    grants[0].masked = &sport;
    grants[0].masked_count = 1;
    struct weir_access masked = access_of(2);
    assert_string_equal(ask_as(&masked, "FROM views.mrr"), "NULL|12");
    grants[0].masked = NULL;
    grants[0].masked_count = 0;
    grants[0].hidden = &sport;
    grants[0].hidden_count = 1;
    struct weir_access hidden = access_of(2);
    assert_string_equal(ask_as(&hidden, "FROM views.mrr"),
                        "error 5: table \"views.mrr\" does not exist, or you may not see it");
    grants[0].hidden_count = 0;
    grants[0].schema = S("other");
    struct weir_access without = access_of(2);
    assert_string_equal(ask_as(&without, "FROM views.mrr"),
                        "error 5: table \"views.mrr\" does not exist, or you may not see it");
    ASSERT_OK(weir_session_set_access(reader, NULL, &err), err);
}

static void a_view_of_a_stored_view_is_whole_only_with_it(void **state)
{
    (void)state;
    store("one");
    ASSERT_OK(weir_session_create_view(owner, S("views"), S("sum"),
                                       "SELECT sum(c)::BIGINT AS c FROM views.mrr", &err),
              err);
    ASSERT_OK(weir_session_exec(owner, "INSERT INTO web.a VALUES (10, 'golf'), (11, 'golf')", &err),
              err);
    grants[0] = (struct weir_grant){
        .group = S("g"), .schema = S("web"), .table = S("a"), .rows = S("sport = 'golf'")};
    grants[1] = (struct weir_grant){.group = S("g"), .schema = S("views"), .table = S("*")};
    struct weir_access part = access_of(2);
    assert_string_equal(ask(reader, "FROM views.sum", NULL, 0), "10");
    assert_string_equal(ask_as(&part, "FROM views.sum"), "7");
    grants[0].rows = S("");
    struct weir_access all = access_of(2);
    assert_string_equal(ask_as(&all, "FROM views.sum"), "10");
    ASSERT_OK(weir_session_set_access(reader, NULL, &err), err);
}

static void nobody_with_rules_reads_the_table_by_its_own_name(void **state)
{
    (void)state;
    store("one");
    grants[0] =
        (struct weir_grant){.group = S("g"), .schema = S("*"), .table = S("*"), .rows = S("")};
    grants[1] = (struct weir_grant){.group = S("g"), .schema = S("materialized"), .table = S("*")};
    struct weir_access all = access_of(2);
    static const char *const names[] = {TABLE, ("warehouse." TABLE),
                                        "materialized.\"views.mrr text\"",
                                        "MATERIALIZED.\"VIEWS.MRR\"", "materialized.notes"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT * FROM %s", names[i]);
        const char *got = ask_as(&all, sql);
        if (!strstr(got, "does not exist, or you may not see it")) {
            fail_msg("%s: %s", sql, got);
        }
    }
    assert_string_equal(ask_as(&all, "SELECT count(*) FROM information_schema.tables "
                                     "WHERE table_schema = 'materialized'"),
                        "0");
    assert_string_equal(ask_as(&all, "SELECT count(*) FROM duckdb_columns() "
                                     "WHERE schema_name = 'materialized'"),
                        "0");
    ASSERT_OK(weir_session_set_access(reader, NULL, &err), err);
    assert_string_equal(ask(reader, "SELECT count(*) FROM " TABLE, NULL, 0), "2");
}

static void what_is_read_is_the_rows_or_also_what_they_were_made_from(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_reads r;
    store("one");
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_reads(reader, "FROM views.mrr", &arena, &r, &err), err);
    assert_int_equal(r.count, 2);
    assert_true(weir_str_is(r.tables[0].table, "mrr"));
    assert_true(weir_str_is(r.tables[1].schema, "materialized"));
    grants[0] = (struct weir_grant){.group = S("g"), .schema = S("*"), .table = S("*")};
    struct weir_access all = access_of(1);
    ASSERT_OK(weir_session_set_access(reader, &all, &err), err);
    ASSERT_OK(weir_session_reads(reader, "FROM views.mrr", &arena, &r, &err), err);
    assert_int_equal(r.count, 3);
    assert_true(weir_str_is(r.tables[2].schema, "web"));
    ASSERT_OK(weir_session_set_access(reader, NULL, &err), err);
    weir_arena_free(&arena);
}

static void a_checkpoint_does_not_wait_for_what_is_computed(void **state)
{
    (void)state;
    struct weir_stored_view what = {.note = S("one")};
    ASSERT_OK(weir_session_stored_compute(owner, S("views"), S("mrr"), &what.rows, &err), err);
    struct weir_session *other;
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_OWNER, &other, &err), err);
    ASSERT_OK(weir_session_exec(other, "INSERT INTO web.a VALUES (10, 'golf')", &err), err);
    ASSERT_OK(weir_session_checkpoint(other, &err), err);
    weir_session_free(other);
    ASSERT_OK(weir_session_stored_swap(owner, S("views"), S("mrr"), &what, &err), err);
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|5\njudo|5");
    weir_session_stored_forget(owner);
    assert_int_not_equal(weir_session_stored_swap(owner, S("views"), S("mrr"), &what, &err), 0);
    assert_string_equal(ask(reader, "FROM views.mrr", NULL, 0), "golf|5\njudo|5");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_view, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_name_reads_what_was_stored_last),
        CASE(rows_outlive_a_restart_and_what_they_were_made_from),
        CASE(other_columns_come_with_the_next_rows),
        CASE(whoever_sees_a_part_reads_the_text_with_her_rules),
        CASE(a_view_of_a_stored_view_is_whole_only_with_it),
        CASE(nobody_with_rules_reads_the_table_by_its_own_name),
        CASE(what_is_read_is_the_rows_or_also_what_they_were_made_from),
        CASE(a_checkpoint_does_not_wait_for_what_is_computed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
