/* Replay gives the rows that loading gave, and exactly-once holds at kill -9. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>

#include "load_fixture.h"

static struct fixture f;

static int make(void **state)
{
    (void)state;
    fixture_make(&f, "load:\n  linger: 1ms\n  max_columns: 60\n  max_tables: 20\n");
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    fixture_free(&f);
    return 0;
}

/* A bit of everything: types that widen, odd names, bad events, duplicates, users. */
static void append_mixture(uint64_t from, uint64_t to)
{
    static const char *const values[] = {
        "1", "2.5", "\"x\"", "true", "[1]", "\"2026-01-02T00:00:00Z\"", "9007199254740993"};
    char body[2048];
    for (uint64_t n = from; n < to; n++) {
        f.now += WEIR_SECOND;
        snprintf(
            body, sizeof body,
            "{\"context\":{\"locale\":\"de\"},\"batch\":["
            "{\"type\":\"track\",\"messageId\":\"t%llu\",\"userId\":\"u\",\"event\":\"Kind %llu\","
            "\"properties\":{\"v\":%s,\"id\":%llu,\"a\":{\"b\":%llu},\"p%llu\":1,\"k\":1,\"K\":2}},"
            "{\"type\":\"identify\",\"messageId\":\"i%llu\",\"userId\":\"u%llu\","
            "\"traits\":{\"last\":%llu,\"mixed\":%s}},"
            "{\"type\":\"track\",\"messageId\":\"t%llu\",\"userId\":\"u\",\"event\":\"Kind 1\"},"
            "{\"type\":\"track\"},"
            "{\"type\":\"page\",\"messageId\":\"p%llu\",\"anonymousId\":\"a\","
            "\"timestamp\":\"never\"}]}",
            (unsigned long long)n, (unsigned long long)n % 3, values[n % 7], (unsigned long long)n,
            (unsigned long long)n, (unsigned long long)n % 80, (unsigned long long)n,
            (unsigned long long)n % 5, (unsigned long long)n, values[(n / 7) % 7],
            (unsigned long long)(n / 2), (unsigned long long)n);
        fixture_append(&f, "batch", weir_str_of(body));
        if (n % 10 == 9) {
            fixture_commit(&f);
        }
    }
    fixture_append(&f, "track", WEIR_STR("{broken"));
    fixture_commit(&f);
}

static const char *const tables[] = {"web.tracks", "web.kind_0", "web.kind_1",     "web.kind_2",
                                     "web.users",  "web.pages",  "web.identifies", "weir.discards"};
enum { TABLES = sizeof tables / sizeof tables[0] };

static void exec(const char *fmt, const char *a, const char *b)
{
    char sql[512];
    snprintf(sql, sizeof sql, fmt, a, b, a, b);
    ASSERT_OK(weir_session_exec(f.session, sql, &err), err);
}

static void keep_copies(void)
{
    exec("CREATE SCHEMA kept", "", "");
    for (int i = 0; i < TABLES; i++) {
        exec("CREATE TABLE kept.%s AS SELECT * EXCLUDE (uuid_ts) FROM %s",
             strchr(tables[i], '.') + 1, tables[i]);
    }
}

static void compare_with_copies(void)
{
    char sql[512];
    for (int i = 0; i < TABLES; i++) {
        const char *name = strchr(tables[i], '.') + 1;
        snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM ((SELECT * EXCLUDE (uuid_ts) FROM %s EXCEPT ALL SELECT * FROM "
            "kept.%s) UNION ALL (SELECT * FROM kept.%s EXCEPT ALL SELECT * EXCLUDE (uuid_ts) "
            "FROM %s))",
            tables[i], name, name, tables[i]);
        assert_string_equal(fixture_query(&f, sql), "0");
        snprintf(
            sql, sizeof sql,
            "SELECT (SELECT list(column_name || data_type ORDER BY column_index) FROM "
            "duckdb_columns() WHERE schema_name || '.' || table_name = '%s' AND column_name <> "
            "'uuid_ts') = (SELECT list(column_name || data_type ORDER BY column_index) FROM "
            "duckdb_columns() WHERE schema_name || '.' || table_name = 'kept.%s')",
            tables[i], name);
        assert_string_equal(fixture_query(&f, sql), "true");
    }
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM duckdb_tables() WHERE table_name "
                                          "LIKE 'weir replay of %'"),
                        "0");
}

static void replay(const char *source, const char *event, weir_time from, weir_time to,
                   bool dry_run, struct weir_replay_report *report)
{
    const struct weir_replay what = {
        .source = source, .event = event, .from = from, .to = to, .dry_run = dry_run};
    ASSERT_OK(weir_loader_replay(f.loader, &what, report, &err), err);
}

static void a_replay_of_everything_gives_the_same_rows(void **state)
{
    (void)state;
    struct weir_replay_report report;
    append_mixture(0, 100);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    keep_copies();
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, true, &report);
    assert_int_equal(report.records, 101);
    compare_with_copies();
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_int_equal(report.records, 101);
    assert_int_equal(report.tables, 7);
    compare_with_copies();
}

static void a_replay_repairs_what_was_done_to_the_tables(void **state)
{
    (void)state;
    struct weir_replay_report report;
    append_mixture(0, 50);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    keep_copies();
    exec("DELETE FROM web.tracks; UPDATE web.kind_1 SET v = 'wrong'", "", "");
    replay("web", NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    compare_with_copies();
}

static void a_replay_of_a_part_replaces_the_rows_of_that_part(void **state)
{
    (void)state;
    struct weir_replay_report report;
    weir_time start = f.now;
    append_mixture(0, 100);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    keep_copies();
    replay(NULL, "Kind 1", WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    compare_with_copies();
    replay("web", NULL, start + 50 * WEIR_SECOND, start + 90 * WEIR_SECOND, false, &report);
    assert_int_equal(report.records, 40);
    compare_with_copies();
    replay("other", NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_int_equal(report.records, 0);
    compare_with_copies();
}

static void wait_loaded(uint64_t seq)
{
    struct weir_load_stats stats;
    weir_time deadline = weir_mono() + 30 * WEIR_SECOND;
    do {
        usleep(1000); /* leaves the processor to the loader */
        weir_loader_stats(f.loader, &stats);
    } while (stats.next_seq < seq && weir_mono() < deadline);
    assert_int_equal(stats.next_seq, seq);
}

static void loading_goes_on_during_a_replay(void **state)
{
    (void)state;
    struct weir_replay_report report;
    append_mixture(0, 100);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    ASSERT_OK(weir_loader_start(f.loader, &err), err);
    append_mixture(100, 150);
    wait_loaded(152 + 1);
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    append_mixture(150, 200);
    wait_loaded(203 + 1);
    weir_loader_stop(f.loader);
    keep_copies();
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    compare_with_copies();
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(DISTINCT id) FROM web.tracks"),
                        "200|200");
}

/* A replay that has waited for a commit replaces that commit's rows, too. */
static void no_row_is_lost_by_replays_while_events_come_in(void **state)
{
    (void)state;
    enum { REPLAYS = 29, EACH = 20 };
    struct weir_replay_report report;
    ASSERT_OK(weir_loader_start(f.loader, &err), err);
    append_mixture(0, EACH);
    wait_loaded(EACH + 2);
    for (unsigned i = 1; i <= REPLAYS; i++) {
        append_mixture(i * EACH, (i + 1) * EACH);
        replay("web", NULL, i % 2 ? WEIR_TIME_MIN : f.now - 15 * WEIR_SECOND, WEIR_TIME_MAX, false,
               &report);
    }
    wait_loaded((REPLAYS + 1) * (EACH + 1) + 1);
    weir_loader_stop(f.loader);
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(DISTINCT id) FROM web.tracks"),
                        "600|600");
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(DISTINCT id) FROM web.pages"),
                        "600|600");
}

/* --- what a part of the log does not say by itself ---------------------------------------------
 */

static void append_kind_1(const char *value)
{
    char body[512];
    f.now += WEIR_SECOND;
    snprintf(body, sizeof body,
             "{\"userId\":\"u\",\"messageId\":\"m%llu\",\"event\":\"Kind 1\",\"properties\":{\"v\":"
             "%s},\"context\":{\"x\":%s}}",
             (unsigned long long)f.requests, value, value);
    fixture_append(&f, "track", weir_str_of(body));
}

/* A time that came before the column was text is written as the widening writes it, one that came
 * after it as it came: a part of the log alone does not say which. */
static void a_replay_of_a_part_spells_times_as_loading_did(void **state)
{
    (void)state;
    struct weir_replay_report report;
    weir_time start = f.now;
    append_mixture(0, 20); /* so that there is something of each table */
    weir_time before = f.now;
    for (int i = 0; i < 3; i++) {
        append_kind_1("\"2026-01-02T00:00:00Z\"");
        append_kind_1("1.50");
    }
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    weir_time middle = f.now;
    append_kind_1("\"soon\"");
    weir_time after = f.now;
    append_kind_1("\"2026-01-02T00:00:00Z\"");
    append_kind_1("\"2026-01-02T01:00:00+01:00\"");
    append_kind_1("1.50");
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(
        fixture_query(&f, "SELECT v, context_x FROM web.kind_1 ORDER BY received_at DESC LIMIT 3"),
        "1.5|1.5\n2026-01-02T01:00:00+01:00|2026-01-02T01:00:00+01:00\n"
        "2026-01-02T00:00:00Z|2026-01-02T00:00:00Z");
    keep_copies();
    /* All of it as a whole and as a part; each part; and over each of the two moments. */
    const weir_time parts[][2] = {
        {WEIR_TIME_MIN, WEIR_TIME_MAX}, {start, WEIR_TIME_MAX},  {before, middle}, {middle, after},
        {after, WEIR_TIME_MAX},         {WEIR_TIME_MIN, middle}, {before, after}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        replay("web", NULL, parts[i][0], parts[i][1], false, &report);
        compare_with_copies();
    }
    replay(NULL, "Kind 1", after, WEIR_TIME_MAX, false, &report);
    assert_int_equal(report.events, 4);
    compare_with_copies();
}

/* --- what the warehouse refuses ----------------------------------------------------------------
 */

static void a_replay_of_a_part_sets_refused_events_aside(void **state)
{
    (void)state;
    struct weir_replay_report report;
    weir_time start = f.now;
    exec("CREATE SCHEMA web; CREATE TABLE web.kind_1 (id VARCHAR, k BIGINT, n BIGINT "
         "CHECK (n <> 13 AND n <> 40))",
         "", "");
    append_mixture(0, 2); /* by themselves, so that columns widen afterwards */
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    append_mixture(2, 30);
    char body[1024];
    for (int i = 0; i < 50; i++) {
        f.now += WEIR_SECOND;
        snprintf(body, sizeof body,
                 "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"a%d\",\"event\":"
                 "\"Kind 0\"},{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"n%d\",\"event\":"
                 "\"Kind 1\",\"properties\":{\"n\":%d}},{\"type\":\"page\",\"userId\":\"u\","
                 "\"messageId\":\"b%d\"}]}",
                 i, i, i, i);
        fixture_append(&f, "batch", weir_str_of(body));
    }
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    static const char refused[] = "SELECT message_id FROM weir.discards WHERE reason = "
                                  "'refused_by_warehouse' ORDER BY seq";
    assert_string_equal(fixture_query(&f, refused), "n13\nn40");
    keep_copies();
    replay(NULL, NULL, start + 5 * WEIR_SECOND, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, refused), "n13\nn40");
    compare_with_copies();
    replay(NULL, "Kind 1", WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    compare_with_copies();
    /* All of it makes the table anew, without what somebody has added to it. */
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.kind_1 WHERE n IS NOT NULL"),
                        "50");
    assert_string_equal(fixture_query(&f, refused), "");
}

/* A whole event that was set aside names no table, and others may have its id. */
static void a_replay_of_one_event_takes_what_was_refused_out_of_the_discards(void **state)
{
    (void)state;
    struct weir_replay_report report;
    exec("CREATE SCHEMA web; CREATE TABLE web.kind_0 (id VARCHAR, n BIGINT CHECK (n <> 13)); "
         "CREATE TABLE web.kind_1 (id VARCHAR, n BIGINT CHECK (n <> 13))",
         "", "");
    append_mixture(0, 9);
    fixture_append(&f, "batch",
                   WEIR_STR("{\"batch\":["
                            "{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"a\",\"event\":"
                            "\"Kind 0\",\"properties\":{\"n\":13}},"
                            "{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"b\",\"event\":"
                            "\"Kind 1\",\"properties\":{\"n\":13}},"
                            "{\"type\":\"track\",\"messageId\":\"b\",\"event\":\"Kind 1\"},"
                            "{\"type\":\"page\",\"messageId\":\"b\"}]}"));
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    static const char discards[] =
        "SELECT message_id, event_index, reason FROM weir.discards WHERE seq = 11 ORDER BY 2";
    assert_string_equal(fixture_query(&f, discards),
                        "a|0|refused_by_warehouse\nb|1|refused_by_warehouse\n"
                        "b|2|no_user_anon_id\nb|3|no_user_anon_id");
    replay(NULL, "Kind 1", WEIR_TIME_MIN, WEIR_TIME_MAX, true, &report);
    replay(NULL, "Kind 1", WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, discards),
                        "a|0|refused_by_warehouse\nb|1|refused_by_warehouse\n"
                        "b|2|no_user_anon_id\nb|3|no_user_anon_id");
    exec("CREATE OR REPLACE TABLE web.kind_1 AS FROM web.kind_1", "", "");
    replay(NULL, "Kind 1", WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, discards),
                        "a|0|refused_by_warehouse\nb|2|no_user_anon_id\nb|3|no_user_anon_id");
    assert_string_equal(fixture_query(&f, "SELECT id FROM web.kind_1 WHERE n = 13"), "b");
}

static void a_replay_sets_aside_what_a_view_is_in_the_way_of(void **state)
{
    (void)state;
    struct weir_replay_report report;
    exec("CREATE SCHEMA web; CREATE VIEW web.kind_2 AS SELECT 'x' AS id, 1 AS uuid_ts", "", "");
    append_mixture(0, 9);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    static const char refused[] = "SELECT count(*) FROM weir.discards WHERE reason = "
                                  "'refused_by_warehouse'";
    assert_string_equal(fixture_query(&f, refused), "3");
    keep_copies();
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, refused), "3");
    compare_with_copies();
}

/* --- whose tables ------------------------------------------------------------------------------
 */

static void a_full_replay_drops_its_own_old_tables_and_no_other(void **state)
{
    (void)state;
    struct weir_replay_report report;
    append_mixture(0, 30);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    /* As rules of another time made it; and what people make of ours. */
    exec("CREATE TABLE web.old AS SELECT * FROM web.kind_1; "
         "CREATE TABLE web.mine AS SELECT * FROM web.kind_1; "
         "CREATE TABLE web.taken (x INT); CREATE SCHEMA app; "
         "CREATE TABLE app.old AS SELECT * FROM web.kind_1; "
         "INSERT INTO weir.tables VALUES ('web', 'old'), ('web', 'taken'), ('app', 'old')",
         "", "");
    static const char left[] =
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE table_name IN "
        "('old', 'mine', 'taken') ORDER BY 1";
    replay("web", NULL, f.now - 5 * WEIR_SECOND, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, left), "app.old\nweb.mine\nweb.old\nweb.taken");
    replay("web", NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, left), "app.old\nweb.mine\nweb.taken");
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    assert_string_equal(fixture_query(&f, left), "web.mine\nweb.taken");
    assert_string_equal(fixture_query(&f, "SELECT table_name FROM weir.tables ORDER BY 1"),
                        "identifies\nkind_0\nkind_1\nkind_2\npages\ntracks\nusers");
}

static void tables_of_an_older_weir_are_known_by_their_events(void **state)
{
    (void)state;
    append_mixture(0, 30);
    fixture_append(&f, "track", WEIR_STR("{\"userId\":\"u\",\"event\":\"Users\"}"));
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    exec("CREATE TABLE web.mine AS SELECT * FROM web.kind_1; "
         "CREATE TABLE web._kind_1 AS SELECT * FROM web.kind_1; DROP TABLE weir.tables",
         "", "");
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT table_name FROM weir.tables ORDER BY 1"),
                        "_users\nidentifies\nkind_0\nkind_1\nkind_2\npages\ntracks\nusers");
}

/* --- a log without its beginning ---------------------------------------------------------------
 */

static int first_segment(const struct weir_eventlog_segment *segment, void *arg)
{
    snprintf(arg, 256, "%s/.weir/log/%s", f.dir, segment->name);
    return WEIR_ECANCELED;
}

static void a_replay_over_a_log_without_its_beginning_is_refused(void **state)
{
    (void)state;
    struct weir_replay_report report;
    char path[256], log[128];
    append_mixture(0, 50);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    /* The next records are in a segment of their own. */
    weir_eventlog_close(f.log);
    snprintf(log, sizeof log, "%s/.weir/log", f.dir);
    const struct weir_eventlog_options options = {
        .seal_level = -1, .keep_free_bytes = 1, .segment_bytes = 1};
    struct weir_recovery recovery;
    ASSERT_OK(weir_eventlog_open(log, &options, &f.log, &recovery, &err), err);
    append_mixture(50, 60);
    weir_time middle = f.now;
    append_mixture(60, 100);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_int_equal(weir_eventlog_each_segment(log, false, first_segment, NULL, path, &err),
                     WEIR_ECANCELED);
    assert_int_equal(unlink(path), 0);
    keep_copies();
    const struct weir_replay whole = {.from = WEIR_TIME_MIN, .to = WEIR_TIME_MAX};
    assert_int_equal(weir_loader_replay(f.loader, &whole, &report, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "begins at record"));
    compare_with_copies();
    replay(NULL, NULL, middle, WEIR_TIME_MAX, false, &report);
    assert_true(report.records > 0);
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM (SELECT id FROM web.tracks EXCEPT "
                                          "SELECT id FROM kept.tracks)"),
                        "0");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM (SELECT id FROM kept.tracks EXCEPT "
                                          "SELECT id FROM web.tracks)"),
                        "0");
}

/* Like a server that is told to stop once the replay has begun. */
static void stop_loader(uint64_t done, uint64_t total, void *arg)
{
    (void)done;
    (void)total;
    (void)arg;
    weir_loader_stop(f.loader);
}

static void a_replay_ends_when_the_loader_is_stopped(void **state)
{
    (void)state;
    struct weir_replay_report report;
    append_mixture(0, 100);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    ASSERT_OK(weir_loader_start(f.loader, &err), err);
    wait_loaded(101 + 1);
    keep_copies();
    exec("DELETE FROM kept.tracks; DELETE FROM web.tracks", "", "");
    const struct weir_replay what = {
        .from = WEIR_TIME_MIN, .to = WEIR_TIME_MAX, .progress = stop_loader};
    assert_int_equal(weir_loader_replay(f.loader, &what, &report, &err), WEIR_ECANCELED);
    compare_with_copies();
}

/* --- crash -------------------------------------------------------------------------------------
 */

static void load_in_child(void)
{
    /* The child may not use anything that the parent opened. */
    static struct fixture child;
    child = f;
    fixture_open_warehouse(&child);
    if (weir_loader_start(child.loader, &err)) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static void no_event_is_lost_or_loaded_twice_at_kill_9(void **state)
{
    (void)state;
    enum { ROUNDS = 12, EACH = 40 };
    fixture_close_warehouse(&f);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            load_in_child();
        }
        append_mixture(round * EACH, (round + 1) * EACH);
        usleep((useconds_t)(20000 + rand() % 250000)); /* the moment of the crash, not a wait */
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
    }
    fixture_open_warehouse(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(DISTINCT id) FROM web.tracks"),
                        "480|480");
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(DISTINCT id) FROM web.pages"),
                        "480|480");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM weir.discards WHERE reason = "
                                          "'no_user_anon_id'"),
                        "480");
    assert_string_equal(
        fixture_query(&f,
                      "SELECT max(next_seq), max(events), max(duplicates) FROM weir.load_state"),
        "493|1440|480");
    keep_copies();
    struct weir_replay_report report;
    replay(NULL, NULL, WEIR_TIME_MIN, WEIR_TIME_MAX, false, &report);
    compare_with_copies();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(a_replay_of_everything_gives_the_same_rows),
        TEST(a_replay_repairs_what_was_done_to_the_tables),
        TEST(a_replay_of_a_part_replaces_the_rows_of_that_part),
        TEST(loading_goes_on_during_a_replay),
        TEST(no_row_is_lost_by_replays_while_events_come_in),
        TEST(a_replay_of_a_part_spells_times_as_loading_did),
        TEST(a_replay_of_a_part_sets_refused_events_aside),
        TEST(a_replay_of_one_event_takes_what_was_refused_out_of_the_discards),
        TEST(a_replay_sets_aside_what_a_view_is_in_the_way_of),
        TEST(a_full_replay_drops_its_own_old_tables_and_no_other),
        TEST(tables_of_an_older_weir_are_known_by_their_events),
        TEST(a_replay_over_a_log_without_its_beginning_is_refused),
        TEST(a_replay_ends_when_the_loader_is_stopped),
        TEST(no_event_is_lost_or_loaded_twice_at_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
