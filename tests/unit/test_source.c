/* Sources that weir reads from: their files, and what proves that a load is equal to what was read.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/connector.h"
#include "source/run/figures.h"

/* --- sources/NAME.yml ---------------------------------------------------------------------------
 */

static int parse(const char *text, struct weir_source_config *config, struct weir_error *err)
{
    return weir_source_config_parse(weir_str_of(text), "shop", "sources/shop.yml", config, err);
}

static void a_file_says_what_is_read_and_how(void **state)
{
    struct weir_source_config c;
    struct weir_source_stream s;
    struct weir_error err;
    (void)state;
    assert_int_equal(parse("kind: file\nschema: sales\nconnection: {path: a}\nstreams:\n"
                           "  Order Lines: {mode: merge, key: [id, no], exclude: [x]}\n",
                           &c, &err),
                     0);
    assert_string_equal(c.schema, "sales");
    assert_int_equal(weir_source_config_stream(&c, WEIR_STR("Order Lines"), &s, &err), 0);
    assert_string_equal(s.table, "order_lines");
    assert_int_equal(s.mode, WEIR_SOURCE_MERGE);
    assert_int_equal(s.key.count, 2);
    assert_int_equal(weir_source_config_stream(&c, WEIR_STR("Another"), &s, &err), 0);
    assert_string_equal(s.table, "another");
    assert_int_equal(s.mode, WEIR_SOURCE_REPLACE);
    weir_source_config_free(&c);
}

static void addresses_without_a_password_are_well(void **state)
{
    static const char *const cases[] = {
        "kind: file\nconnection: {path: \"https://h/a@b.csv?c=d:e@f\"}\n",
        "kind: file\nconnection: {path: \"days/user:x@y.csv\"}\n",
        ("kind: singer\nconnection:\n  executable: tap\n  config:\n"
         "    a: \"postgres://reader@h/db\"\n    b: \"Server=h;Password={0}\"\n    c: \"a: "
         "b@c\"\n"),
        /* A folder of sockets. */
        "kind: postgres\nconnection: {host: \"/run/postgresql@17\", user: u, database: d}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_source_config c;
        struct weir_error err = {0};
        int rc = parse(cases[i], &c, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(rc, 0);
        weir_source_config_free(&c);
    }
}

static void mistakes_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "sources/shop.yml"},
        {"- a\n", "sources/shop.yml:1"},
        {"kind: ftp\nconnection: {path: a}\n", "sources/shop.yml:1"},
        {"kind: file\n", "`connection:` is missing"},
        {"kind: file\nconnection: exports\n", "`connection` has settings below it"},
        {"kind: file\nconnection: {path: a}\nstreams: [orders]\n", "as `orders: {mode: replace}`"},
        {"kind: file\nconnection: {path: a}\nschema: main\n", "`schema: main` cannot be"},
        {"kind: file\nconnection: a\n", "sources/shop.yml:2"},
        {"kind: file\nconnection: {}\n", "path"},
        {"kind: file\nconnection: {path: a, nonsense: 1}\n", "sources/shop.yml:2"},
        {"kind: file\nnonsense: 1\nconnection: {path: a}\n", "sources/shop.yml:2"},
        {"kind: file\nschema: main\nconnection: {path: a}\n", "sources/shop.yml:2"},
        {"kind: file\nconnection: {path: a}\nstreams: [a]\n", "sources/shop.yml:3"},
        {"kind: file\nconnection: {path: \"http://bob:pw@h/a.csv\"}\n",
         "`path`: the address must have no user and no password"},
        {"kind: file\nconnection: {path: \"https://token@h/a.csv\"}\n", "no user and no password"},
        {"kind: file\nconnection: {path: \"https://h/\"}\nstreams:\n"
         "  a: {path: \"https://u:p@h/a.csv\"}\n",
         "sources/shop.yml:4"},
        {"kind: singer\nconnection:\n  executable: tap\n  config:\n"
         "    a: [{dsn: \"postgres://u:pw@h/db\"}]\n",
         "`a.dsn` must not stand in this file"},
        {"kind: airbyte\nconnection:\n  executable: tap\n  config:\n"
         "    text: \"Server=h;Password=pw\"\n",
         "`text` must not stand in this file"},
        {"kind: airbyte\nconnection:\n  executable: tap\n  config:\n"
         "    text: \"Server=h; Password = pw\"\n",
         "`text` must not stand in this file"},
        {"kind: postgres\nconnection: {host: h, user: u, database: \"host=h password=pw\"}\n",
         "`database` must have no password in it"},
        {"kind: postgres\nconnection: {host: \"u:pw@h:5432\", user: u, database: d}\n",
         "`host`: the address must have no user and no password"},
        {"write_key: abc\nstrict: true\n", "this is a source of events"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {mode: upsert}\n",
         "sources/shop.yml:4"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {mode: merge}\n", "needs `key"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {key: [b]}\n", "is for `mode: merge`"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {mode: history}\n",
         "`mode: history` needs"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {mode: merge, key: [b], deletes: "
         "maybe}\n",
         "sources/shop.yml:4"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {mode: history, key: [b], deletes: "
         "soft}\n",
         "`deletes` is for"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a: {table: 'x\"y'}\n",
         "cannot name a table"},
        {"kind: file\nconnection: {path: a}\nstreams:\n  a b: {}\n  a-b: {}\n", "share the table"},
        {"kind: file\nschedule: hourly\nconnection: {path: a}\n", "sources/shop.yml:2"},
        {"kind: file\nconnection: {path: [\n", "sources/shop.yml"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_source_config c;
        struct weir_error err = {0};
        assert_int_not_equal(parse(cases[i].text, &c, &err), 0);
        if (!strstr(err.message, cases[i].says)) {
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, err.message, cases[i].says);
        }
        weir_source_config_free(&c);
    }
}

/* --- types --------------------------------------------------------------------------------------
 */

static void a_joined_type_holds_both(void **state)
{
    (void)state;
    assert_int_equal(weir_source_type_join(WEIR_TYPE_INT, WEIR_TYPE_INT), WEIR_TYPE_INT);
    assert_int_equal(weir_source_type_join(WEIR_TYPE_INT, WEIR_TYPE_DOUBLE), WEIR_TYPE_DOUBLE);
    assert_int_equal(weir_source_type_join(WEIR_TYPE_TIMESTAMP, WEIR_TYPE_DATE),
                     WEIR_TYPE_TIMESTAMP);
    assert_int_equal(weir_source_type_join(WEIR_TYPE_BOOL, WEIR_TYPE_INT), WEIR_TYPE_TEXT);
    assert_int_equal(weir_source_type_join(WEIR_TYPE_JSON, WEIR_TYPE_INT), WEIR_TYPE_TEXT);
}

/* --- schedules ----------------------------------------------------------------------------------
 */

static void schedules_are_few_words(void **state)
{
    static const char *const wrong[] = {"",      "every",  "every x",    "every 1ms",
                                        "after", "hourly", "manual now", "cron 0 6 * *"};
    struct weir_source_schedule s;
    struct weir_error err;
    (void)state;
    assert_int_equal(weir_source_schedule_parse(WEIR_STR("every 5m"), &s, &err), 0);
    assert_int_equal(s.every, 300 * WEIR_SECOND);
    assert_int_equal(weir_source_schedule_parse(WEIR_STR("after shop"), &s, &err), 0);
    assert_string_equal(s.after, "shop");
    assert_int_equal(weir_source_schedule_parse(WEIR_STR("manual"), &s, &err), 0);
    assert_int_equal(s.kind, WEIR_SOURCE_MANUAL);
    assert_int_equal(
        weir_source_schedule_parse(WEIR_STR("cron 0 6 * * 1-5 Europe/Berlin"), &s, &err), 0);
    assert_string_equal(s.cron.zone, "Europe/Berlin");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(weir_source_schedule_parse(weir_str_of(wrong[i]), &s, &err), WEIR_EINVAL);
    }
}

static void runs_are_due_when_their_time_has_come(void **state)
{
    struct weir_source_schedule every = {.kind = WEIR_SOURCE_EVERY, .every = 60 * WEIR_SECOND};
    struct weir_source_schedule after = {.kind = WEIR_SOURCE_AFTER, .after = "shop"};
    struct weir_source_schedule manual = {.kind = WEIR_SOURCE_MANUAL};
    const weir_time now = 1000 * WEIR_SECOND;
    struct weir_source_turn never = {0};
    struct weir_source_turn ran = {.began = 900 * WEIR_SECOND, .ended = 990 * WEIR_SECOND};
    (void)state;
    assert_int_equal(weir_source_schedule_next(&every, &never, now, 0, NULL), now);
    assert_int_equal(weir_source_schedule_next(&every, &ran, now, 0, NULL), 960 * WEIR_SECOND);
    assert_int_equal(weir_source_schedule_next(&manual, &never, now, 0, NULL), WEIR_TIME_MAX);
    assert_int_equal(weir_source_schedule_next(&after, &never, now, 0, NULL), WEIR_TIME_MAX);
    assert_int_equal(weir_source_schedule_next(&every, &ran, 500 * WEIR_SECOND, 0, NULL),
                     500 * WEIR_SECOND); /* the clock was set back */
    ran.other_ended = 899 * WEIR_SECOND;
    assert_int_equal(weir_source_schedule_next(&after, &ran, now, 0, NULL), WEIR_TIME_MAX);
    /* Who waits longest is first: what is due has been so since then. */
    ran.other_ended = 950 * WEIR_SECOND;
    assert_int_equal(weir_source_schedule_next(&after, &ran, now, 0, NULL), 950 * WEIR_SECOND);
    /* Runs of a time to come count as none. */
    ran.began = 2000 * WEIR_SECOND;
    assert_int_equal(weir_source_schedule_next(&after, &ran, now, 0, NULL), 950 * WEIR_SECOND);
    ran.began = 970 * WEIR_SECOND;
    ran.other_ended = 2000 * WEIR_SECOND;
    assert_int_equal(weir_source_schedule_next(&after, &ran, now, 0, NULL), WEIR_TIME_MAX);
    never.known = 940 * WEIR_SECOND;
    assert_int_equal(weir_source_schedule_next(&every, &never, now, 0, NULL), 940 * WEIR_SECOND);
}

static void failures_wait_longer_each_time(void **state)
{
    struct weir_source_schedule every = {.kind = WEIR_SOURCE_EVERY, .every = WEIR_SECOND};
    struct weir_source_turn turn = {.began = 1, .ended = 1000 * WEIR_SECOND};
    static const weir_time waits[] = {2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600};
    (void)state;
    for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        turn.failures = i + 1;
        assert_int_equal(weir_source_schedule_next(&every, &turn, turn.ended, 0, NULL),
                         turn.ended + waits[i] * WEIR_SECOND);
        assert_int_equal(weir_source_schedule_next(&every, &turn, turn.ended, 1, NULL),
                         turn.ended + waits[i] * WEIR_SECOND / 2);
    }
    assert_int_equal(weir_source_schedule_next(&every, &turn, WEIR_SECOND, 0, NULL), WEIR_SECOND);
    /* Where a part went well, the rhythm is kept, and what comes sooner comes. */
    turn.partly = true;
    turn.began = 999 * WEIR_SECOND;
    turn.failures = 5;
    assert_int_equal(weir_source_schedule_next(&every, &turn, turn.ended, 0, NULL), turn.ended);
    every.every = 60 * WEIR_SECOND;
    turn.failures = 1;
    assert_int_equal(weir_source_schedule_next(&every, &turn, turn.ended, 0, NULL),
                     turn.ended + 2 * WEIR_SECOND);
    /* Those count in a row, but not with runs in which nothing goes well. */
    assert_int_equal(weir_source_failures_after(40, true, true), 41);
    assert_int_equal(weir_source_failures_after(40, true, false), 1);
    assert_int_equal(weir_source_failures_after(40, false, true), 41);
    assert_int_equal(weir_source_failures_after(40, false, false), 41);
    turn.partly = false;
    turn.failures = 4000000000u;
    assert_int_equal(weir_source_schedule_next(&every, &turn, turn.ended, 0, NULL),
                     turn.ended + 3600 * WEIR_SECOND);
}

/* --- figures ------------------------------------------------------------------------------------
 */

static struct weir_session *session;
static struct weir_warehouse *warehouse;

static int open_warehouse(void **state)
{
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 1};
    struct weir_error err;
    (void)state;
    assert_int_equal(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), 0);
    assert_int_equal(weir_session_new(warehouse, WEIR_SESSION_OWNER, &session, &err), 0);
    return 0;
}

static int close_warehouse(void **state)
{
    (void)state;
    weir_session_free(session);
    weir_warehouse_close(warehouse);
    return 0;
}

#define ROWS 3
static const struct weir_column columns[] = {
    {WEIR_STR("b"), WEIR_TYPE_BOOL, {0}},
    {WEIR_STR("i"), WEIR_TYPE_INT, {0}},
    {WEIR_STR("d"), WEIR_TYPE_DOUBLE, {0}},
    {WEIR_STR("at"), WEIR_TYPE_TIMESTAMP, {0}},
    {WEIR_STR("day"), WEIR_TYPE_DATE, {0}},
    {WEIR_STR("select"), WEIR_TYPE_TEXT, {0}},
    {WEIR_STR("none"), WEIR_TYPE_DOUBLE, {0}},
    {WEIR_STR("j"), WEIR_TYPE_JSON, {0}},
    {WEIR_STR("long"), WEIR_TYPE_OTHER, WEIR_STR("DECIMAL(30,5)")},
    /* Whose sum is more than the engine takes. */
    {WEIR_STR("longest"), WEIR_TYPE_OTHER, WEIR_STR("DECIMAL(38,0)")},
    /* Whose sum is just more than 128 bits hold. */
    {WEIR_STR("edge"), WEIR_TYPE_OTHER, WEIR_STR("DECIMAL(38,0)")},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* Of both sides, for rows with values at the ends of their types. */
static void count_both(struct weir_arena *arena, struct weir_figures *read,
                       struct weir_figures *stored, const char *change, bool exact)
{
    struct weir_error err;
    bool b[ROWS] = {true, false, true};
    int64_t i[ROWS] = {INT64_MAX, INT64_MAX, INT64_MIN}, at[ROWS] = {INT64_MAX, -1, 5};
    int64_t day[ROWS] = {INT32_MAX, -1, 20000};
    double d[ROWS] = {-0.0, 1e308, (double)NAN};
    struct weir_str s[ROWS] = {WEIR_STR("é"), WEIR_STR(""), WEIR_STR("a longer text than others")};
    struct weir_str j[ROWS] = {WEIR_STR("{\"a\": 1}"), WEIR_STR("[]"), WEIR_STR("null")};
    struct weir_str l[ROWS] = {WEIR_STR("1234567890123456789012345.67890"), WEIR_STR("0.00000"),
                               WEIR_STR("-0.00001")};
    struct weir_str m[ROWS] = {WEIR_STR("99999999999999999999999999999999999999"),
                               WEIR_STR("99999999999999999999999999999999999998"), WEIR_STR("-5")};
    struct weir_str e[ROWS] = {WEIR_STR("85070591730234615865843651857942052864"),
                               WEIR_STR("85070591730234615865843651857942052864"), WEIR_STR("0")};
    uint64_t two[1] = {3}, none[1] = {0};
    struct weir_vector v[COLUMNS] = {{.type = WEIR_TYPE_BOOL, .valid = two, .bools = b},
                                     {.type = WEIR_TYPE_INT, .ints = i},
                                     {.type = WEIR_TYPE_DOUBLE, .doubles = d},
                                     {.type = WEIR_TYPE_TIMESTAMP, .ints = at},
                                     {.type = WEIR_TYPE_DATE, .ints = day},
                                     {.type = WEIR_TYPE_TEXT, .strs = s},
                                     {.type = WEIR_TYPE_DOUBLE, .valid = none, .doubles = d},
                                     {.type = WEIR_TYPE_JSON, .strs = j},
                                     {.type = WEIR_TYPE_OTHER, .strs = l, .exact = exact},
                                     {.type = WEIR_TYPE_OTHER, .strs = m, .exact = exact},
                                     {.type = WEIR_TYPE_OTHER, .strs = e, .exact = exact}};
    struct weir_batch batch = {ROWS, COLUMNS, v};
    assert_int_equal(weir_session_exec(session, "DROP TABLE IF EXISTS main.t", &err), 0);
    assert_int_equal(
        weir_session_create_table(session, WEIR_STR("main"), WEIR_STR("t"), columns, COLUMNS, &err),
        0);
    assert_int_equal(
        weir_session_append(session, WEIR_STR("main"), WEIR_STR("t"), columns, &batch, 1, &err), 0);
    assert_int_equal(weir_session_exec(session, change, &err), 0);
    assert_int_equal(weir_figures_init(read, COLUMNS, arena, &err), 0);
    assert_int_equal(weir_figures_init(stored, COLUMNS, arena, &err), 0);
    weir_figures_add(read, &batch);
    if (weir_figures_ask(stored, read, session, WEIR_STR("main"), WEIR_STR("t"), columns, &err)) {
        fail_msg("%s", err.message);
    }
}

static void what_is_stored_as_it_was_read_has_the_same_figures(void **state)
{
    struct weir_arena arena;
    struct weir_figures read, stored;
    size_t at;
    char a[17], b[17];
    (void)state;
    for (int exact = 0; exact < 2; exact++) { /* by weir, and by the engine */
        weir_arena_init(&arena, 1 << 20);
        count_both(&arena, &read, &stored, "SELECT 1", exact);
        if (weir_figures_differ(&read, &stored, &at)) {
            fail_msg("column %zu differs", at);
        }
        weir_figures_checksum(&read, a);
        weir_figures_checksum(&stored, b);
        assert_string_equal(a, b);
        weir_arena_free(&arena);
    }
}

static void any_other_value_is_seen(void **state)
{
    static const struct {
        const char *change;
        size_t column;
    } cases[] = {
        {"UPDATE main.t SET b = NOT b WHERE \"at\" = 'infinity'", 0},
        {"UPDATE main.t SET b = false WHERE b IS NULL", 0},
        {"UPDATE main.t SET i = i - 1 WHERE i > 0", 1},
        {"UPDATE main.t SET d = 1 WHERE d = 0", 2},
        {"UPDATE main.t SET \"at\" = \"at\" + INTERVAL 1 MICROSECOND WHERE \"at\" < 'infinity'", 3},
        {"UPDATE main.t SET day = day + 1 WHERE day < 'infinity'", 4},
        {"UPDATE main.t SET \"select\" = 'e' WHERE \"select\" = 'é'", 5},
        {"UPDATE main.t SET \"none\" = 1", 6},
        {"UPDATE main.t SET j = '[1]' WHERE j = '[]'", 7},
        {"UPDATE main.t SET long = long + 0.00001 WHERE long < 0", 8},
        {"UPDATE main.t SET longest = longest - 1 WHERE longest > 0", 9},
        {"DELETE FROM main.t WHERE i < 0", 1},
        {"INSERT INTO main.t (b) VALUES (NULL)", COLUMNS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_arena arena;
        struct weir_figures read, stored;
        size_t at = 99;
        char a[17], b[17];
        weir_arena_init(&arena, 1 << 20);
        count_both(&arena, &read, &stored, cases[i].change, true);
        if (!weir_figures_differ(&read, &stored, &at)) {
            fail_msg("%s is not seen", cases[i].change);
        }
        assert_int_equal(at, cases[i].column);
        weir_figures_checksum(&read, a);
        weir_figures_checksum(&stored, b);
        assert_string_not_equal(a, b);
        weir_arena_free(&arena);
    }
}

/* The look through a large file, too: the server must be able to end. */
static void a_stopped_run_reads_no_further(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-source-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/t.csv", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("a,b\n1,2\n", f);
    fclose(f);
    const char *folders[] = {"."};
    struct weir_source_site site = {.dir = dir, .data = "/nowhere", .folders = {folders, 1}};
    struct weir_source_config config;
    struct weir_source_stream stream;
    struct weir_source_plan plan;
    struct weir_error err = {0};
    void *connection = NULL;
    ASSERT_OK(weir_source_config_parse(WEIR_STR("kind: file\nconnection: {path: t.csv}\n"), "s",
                                       "sources/s.yml", &config, &err),
              err);
    ASSERT_OK(weir_source_config_stream(&config, WEIR_STR("t"), &stream, &err), err);
    ASSERT_OK(config.connector->open(&config, &site, &connection, &err), err);
    for (int stopped = 0; stopped < 2; stopped++) {
        atomic_bool stop = stopped;
        weir_source_plan_init(&plan);
        plan.stop = &stop;
        int rc =
            config.connector->plan(connection, &stream, (struct weir_str){NULL, 0}, &plan, &err);
        assert_int_equal(rc, stopped ? WEIR_ECANCELED : 0);
        weir_source_plan_free(&plan);
    }
    config.connector->close(connection);
    weir_source_config_free(&config);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_what_is_read_and_how),
        cmocka_unit_test(addresses_without_a_password_are_well),
        cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(a_joined_type_holds_both),
        cmocka_unit_test(schedules_are_few_words),
        cmocka_unit_test(runs_are_due_when_their_time_has_come),
        cmocka_unit_test(failures_wait_longer_each_time),
        cmocka_unit_test(a_stopped_run_reads_no_further),
        cmocka_unit_test_setup_teardown(what_is_stored_as_it_was_read_has_the_same_figures,
                                        open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(any_other_value_is_seen, open_warehouse, close_warehouse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
