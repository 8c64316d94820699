/* What changed: a version a table, counted at commit. */
#include <stdatomic.h>

#include "warehouse.h"

#define S(text) WEIR_STR(text)

static uint64_t version(const char *table)
{
    struct weir_table_version v =
        weir_warehouse_version_of(warehouse, S("web"), weir_str_of(table));
    assert_true(v.settled);
    return v.version;
}

static void run(const char *sql)
{
    ASSERT_OK(weir_session_exec(owner, sql, &err), err);
}

static void append(const char *table)
{
    int64_t one = 1;
    const struct weir_column columns[] = {{.name = S("n"), .type = WEIR_TYPE_INT}};
    struct weir_vector vector = {.type = WEIR_TYPE_INT, .ints = &one};
    struct weir_batch batch = {.rows = 1, .column_count = 1, .columns = &vector};
    ASSERT_OK(weir_session_append(owner, S("web"), weir_str_of(table), columns, &batch, 1, &err),
              err);
}

static int make_two(void **state)
{
    if (make(state)) {
        return -1;
    }
    run("CREATE SCHEMA web; CREATE TABLE web.a (n BIGINT); CREATE TABLE web.b (n BIGINT)");
    return 0;
}

static void a_commit_makes_a_version_of_what_it_changed(void **state)
{
    (void)state;
    uint64_t a = version("a"), b = version("b"), change = weir_warehouse_change(warehouse);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    append("a");
    append("a");
    assert_int_equal(version("a"), a); /* nobody sees it yet */
    ASSERT_OK(weir_session_commit(owner, &err), err);
    assert_int_equal(version("a"), a + 1);
    assert_int_equal(version("A"), a + 1); /* one table to the engine */
    assert_int_equal(version("b"), b);
    assert_int_equal(weir_warehouse_change(warehouse), change + 1);
    struct weir_table_version v = weir_warehouse_version_of(warehouse, S("web"), S("a"));
    assert_true(v.changed_at > weir_now() - 60 * WEIR_SECOND && v.changed_at <= weir_now());
}

static void what_is_taken_back_makes_none(void **state)
{
    (void)state;
    uint64_t a = version("a"), change = weir_warehouse_change(warehouse);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    append("a");
    run("DELETE FROM web.b");
    weir_session_rollback(owner);
    assert_int_equal(version("a"), a);
    ASSERT_OK(weir_session_begin(owner, &err), err);
    ASSERT_OK(weir_session_commit(owner, &err), err); /* nor is it remembered */
    assert_int_equal(version("a"), a);
    assert_int_equal(weir_warehouse_change(warehouse), change);
}

static void a_statement_that_does_not_say_changes_every_table(void **state)
{
    (void)state;
    uint64_t a = version("a"), b = version("b"), nothing = version("nothing");
    run("DELETE FROM web.a");
    assert_true(version("a") > a && version("b") > b && version("nothing") > nothing);
    a = version("a");
    b = version("b");
    weir_session_touch(owner, S("web"), S("a"));
    run("DELETE FROM web.a");
    assert_true(version("a") > a);
    assert_int_equal(version("b"), b);
    run("DELETE FROM web.a"); /* what was said holds for one statement */
    assert_true(version("b") > b);
}

static void columns_count_and_so_does_the_catalog(void **state)
{
    (void)state;
    uint64_t a = version("a"), catalog = weir_warehouse_catalog_version(warehouse);
    const struct weir_column column = {.name = S("m"), .type = WEIR_TYPE_TEXT};
    append("a");
    assert_int_equal(weir_warehouse_catalog_version(warehouse), catalog);
    ASSERT_OK(weir_session_add_columns(owner, S("web"), S("a"), &column, 1, &err), err);
    assert_int_equal(version("a"), a + 2);
    assert_true(weir_warehouse_catalog_version(warehouse) > catalog);
}

static void changes_are_told_by_name(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_changed changed;
    weir_arena_init(&arena, 1 << 20);
    uint64_t since = weir_warehouse_change(warehouse);
    append("b");
    ASSERT_OK(weir_warehouse_changed_since(warehouse, since, &arena, &changed, &err), err);
    assert_int_equal(changed.count, 1);
    assert_false(changed.all);
    assert_true(weir_str_is(changed.tables[0].schema, "web"));
    assert_true(weir_str_is(changed.tables[0].table, "b"));
    since = changed.change;
    ASSERT_OK(weir_warehouse_changed_since(warehouse, since, &arena, &changed, &err), err);
    assert_int_equal(changed.count, 0);
    run("DELETE FROM web.a");
    ASSERT_OK(weir_warehouse_changed_since(warehouse, since, &arena, &changed, &err), err);
    assert_true(changed.all);
    weir_arena_free(&arena);
}

/* --- the promise ------------------------------------------------------------------------------ */

enum { COMMITS = 300 };

struct asker {
    atomic_bool stop;
    int64_t rows[COMMITS + 2]; /* by version since the beginning, plus 1; 0: not seen */
    uint64_t begin;
    unsigned kept, contradictions;
};

static int64_t count_rows(struct weir_session *session)
{
    struct weir_error why;
    struct weir_result *result;
    struct weir_batch batch;
    ASSERT_OK(weir_session_query(session, "SELECT count(*) FROM web.a", NULL, 0, &result, &why),
              why);
    ASSERT_OK(weir_result_next(result, &batch, &why), why);
    int64_t n = batch.columns[0].ints[0];
    weir_result_free(result);
    return n;
}

/* What a cache does: notes the version, computes, keeps. */
static void *keep_asking(void *arg)
{
    struct asker *a = arg;
    while (!atomic_load(&a->stop)) {
        struct weir_table_version before = weir_warehouse_version_of(warehouse, S("web"), S("a"));
        int64_t n = count_rows(reader) + 1;
        struct weir_table_version after = weir_warehouse_version_of(warehouse, S("web"), S("a"));
        if (before.settled && after.settled && before.version == after.version) {
            int64_t *known = &a->rows[before.version - a->begin];
            a->contradictions += *known && *known != n;
            *known = n;
            a->kept++;
        }
    }
    return NULL;
}

static void a_settled_version_names_one_state_of_a_table(void **state)
{
    (void)state;
    struct asker a = {.begin = version("a")};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_asking, &a), 0);
    for (int i = 0; i < COMMITS; i++) {
        append("a");
    }
    atomic_store(&a.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(a.contradictions, 0);
    assert_int_equal(version("a"), a.begin + COMMITS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_two, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_commit_makes_a_version_of_what_it_changed),
        TEST(what_is_taken_back_makes_none),
        TEST(a_statement_that_does_not_say_changes_every_table),
        TEST(columns_count_and_so_does_the_catalog),
        TEST(changes_are_told_by_name),
        TEST(a_settled_version_names_one_state_of_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
