/* Whether a kept result may be used: above all not in the moment between a commit's beginning and
 * its end, when its table has the old version still. That moment is some microseconds long from the
 * outside; here it lasts as long as it must. */
#include "warehouse.h"

#include <sys/stat.h>

#include "cache/kept.h"
#include "serve/keeper.h"
#include "warehouse/driver.h"

static struct weir_workspace *workspace;
static struct weir_serve_run run;
static struct weir_server server;
static struct weir_keeper *keeper;

static int make_keeper(void **state)
{
    char folder[128], file[160];
    if (make(state)) {
        return -1;
    }
    snprintf(folder, sizeof folder, "%s/workspace", dir);
    snprintf(file, sizeof file, "%s/weir.yml", folder);
    if (mkdir(folder, 0700)) {
        return -1;
    }
    FILE *settings = fopen(file, "w");
    if (!settings || fclose(settings)) {
        return -1;
    }
    ASSERT_OK(weir_workspace_open(folder, &workspace, &err), err);
    run = (struct weir_serve_run){.workspace = workspace};
    server = (struct weir_server){.run = &run, .warehouse = warehouse};
    ASSERT_OK(weir_keeper_new(&server, &keeper, &err), err);
    ASSERT_OK(weir_session_exec(owner, "CREATE SCHEMA web; CREATE TABLE web.a (n BIGINT)", &err),
              err);
    return 0;
}

static int unmake_keeper(void **state)
{
    weir_keeper_free(keeper, false);
    weir_workspace_close(workspace);
    return unmake(state);
}

/* Keeps a result that was made from this table as it is now. */
static void keep(const char *key, const char *table)
{
    struct weir_str name = weir_str_of(table);
    struct weir_kept_read read = {S("web"), name,
                                  weir_warehouse_version_of(warehouse, S("web"), name).version};
    struct weir_kept model = {.key = weir_str_of(key),
                              .computed_at = weir_now(),
                              .life = WEIR_LIFE_TABLES,
                              .reads = &read,
                              .read_count = 1,
                              .bytes = S("rows")};
    struct weir_kept *kept = weir_kept_new(&model);
    assert_non_null(kept);
    weir_keeper_take(keeper, kept);
    weir_kept_release(kept);
}

static bool is_used(const char *key)
{
    struct weir_kept *kept = weir_keeper_find(keeper, weir_str_of(key), true);
    weir_kept_release(kept);
    return kept;
}

static enum weir_kept_life life_of(bool settled)
{
    struct weir_reads reads = {.settled = settled};
    struct weir_kept model = {.computed_at = weir_now()};
    weir_keeper_judge(keeper, &reads, &model);
    return model.life;
}

static void nothing_is_used_while_its_table_is_being_changed(void **state)
{
    (void)state;
    struct weir_touched touched = {0};
    keep("of a", "a");
    keep("of b", "b");
    assert_true(is_used("of a") && is_used("of b"));
    weir_versions_touch(warehouse->versions, &touched, S("web"), S("a"));
    weir_versions_unsettle(warehouse->versions, &touched);
    assert_false(is_used("of a"));
    assert_true(is_used("of b"));
    assert_int_equal(weir_warehouse_stillness(warehouse), 0); /* nobody joins a run either */
    struct weir_arena arena;
    struct weir_reads reads;
    weir_arena_init(&arena, 1 << 20);
    ASSERT_OK(weir_session_reads(reader, "FROM web.a", &arena, &reads, &err), err);
    assert_false(reads.settled);
    weir_arena_free(&arena);
    weir_versions_settle(warehouse->versions, &touched);
    assert_false(is_used("of a"));
    assert_true(is_used("of b"));
    keep("of a", "a");
    assert_true(is_used("of a"));
    weir_touched_free(&touched);
}

static void nothing_is_kept_that_was_begun_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(life_of(true), WEIR_LIFE_TABLES);
    assert_int_equal(life_of(false), WEIR_LIFE_NONE);
}

static void a_change_of_anything_ends_everything(void **state)
{
    (void)state;
    keep("of a", "a");
    struct weir_touched touched = {.all = true};
    weir_versions_unsettle(warehouse->versions, &touched);
    assert_false(is_used("of a"));
    weir_versions_settle(warehouse->versions, &touched);
    assert_false(is_used("of a"));
    keep("of a", "a");
    assert_true(is_used("of a"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_keeper, unmake_keeper)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_used_while_its_table_is_being_changed),
        CASE(nothing_is_kept_that_was_begun_meanwhile),
        CASE(a_change_of_anything_ends_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
