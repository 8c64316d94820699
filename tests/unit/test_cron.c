/* Cron schedules: when they come, also where clocks change. The zones are the engine's. */
#include "test.h"

#include "serve/template.h"
#include "source/schedule/schedule.h"

static struct weir_warehouse *warehouse;

static int open_warehouse(void **state)
{
    struct weir_warehouse_options options = {.path = ":memory:", .threads = 1};
    struct weir_error err;
    (void)state;
    ASSERT_OK(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), err);
    return 0;
}

static int close_warehouse(void **state)
{
    (void)state;
    weir_warehouse_close(warehouse);
    return 0;
}

static bool offset(void *arg, const char *zone, weir_time utc, weir_time *out)
{
    struct weir_error err;
    (void)arg;
    return weir_template_offset(warehouse, zone, utc, out, &err) == 0;
}
static const struct weir_zone_clock zones = {offset, NULL};

static void next_is(const char *text, const char *after, const char *expected)
{
    struct weir_cron cron;
    struct weir_error err;
    weir_time at;
    char shown[28];
    ASSERT_OK(weir_cron_parse(weir_str_of(text), &cron, &err), err);
    assert_true(weir_time_parse(weir_str_of(after), &at));
    weir_time_format(weir_cron_next(&cron, at, &zones), shown);
    if (strncmp(shown, expected, strlen(expected)) != 0) {
        print_error("\"%s\" after %s: %s, not %s\n", text, after, shown, expected);
        fail();
    }
}

static void fields_are_lists_ranges_steps_and_names(void **state)
{
    (void)state;
    next_is("0 6 * * *", "2026-11-26T05:59:59Z", "2026-11-26T06:00");
    next_is("0 6 * * *", "2026-11-26T06:00:00Z", "2026-11-27T06:00");
    next_is("*/15 * * * *", "2026-11-26T05:59:59Z", "2026-11-26T06:00");
    next_is("*/15 * * * *", "2026-11-26T06:00:00Z", "2026-11-26T06:15");
    next_is("5/20 8-9 * * *", "2026-11-26T08:46:00Z", "2026-11-26T09:05");
    next_is("0,30 23 * * *", "2026-12-31T23:30:00Z", "2027-01-01T23:00");
    next_is("0 6 * * 1-5", "2026-11-27T06:00:00Z", "2026-11-30T06:00"); /* Friday to Monday */
    next_is("0 6 * * mon-FRI", "2026-11-27T06:00:00Z", "2026-11-30T06:00");
    next_is("0 0 * * 7", "2026-11-26T00:00:00Z", "2026-11-29T00:00");
    next_is("0 0 * * 0", "2026-11-26T00:00:00Z", "2026-11-29T00:00");
    next_is("0 0 29 feb *", "2026-11-26T00:00:00Z", "2028-02-29T00:00");
    next_is("0 0 31 * *", "2026-11-26T00:00:00Z", "2026-12-31T00:00");
    next_is("0 0 13 * fri", "2026-11-26T00:00:00Z", "2026-11-27T00:00"); /* either will do */
    next_is("0 0 */10 * *", "2026-11-26T00:00:00Z", "2026-12-01T00:00");
    next_is("0 0 1 1 *", "2099-12-31T00:00:00Z", "2100-01-01T00:00");
    next_is("0 0 1 1 *", "1969-06-01T00:00:00Z", "1970-01-01T00:00");
}

static void clocks_that_change_skip_and_double_nothing(void **state)
{
    (void)state;
    /* Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. */
    next_is("30 2 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00");
    next_is("30 2 * * * Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30");
    next_is("*/15 2 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00");
    next_is("*/15 2 * * * Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:00");
    next_is("0 6 * * * Europe/Berlin", "2026-03-28T05:00:00Z", "2026-03-29T04:00");
    next_is("0 3 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00");
    /* 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC; 02:30 is at 00:30 and 01:30. */
    next_is("30 2 * * * Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30");
    next_is("30 2 * * * Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30");
    next_is("30 2 * * * Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30");
    next_is("0 3 * * * Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00");
    next_is("0 6 * * 1-5 Europe/Berlin", "2026-10-23T05:00:00Z", "2026-10-26T05:00");
    /* One of each hour stands still for none. */
    next_is("*/15 * * * * Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T01:00");
    next_is("*/15 * * * * Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T01:15");
    next_is("*/15 0-23 * * * Europe/Berlin", "2026-10-25T01:45:00Z", "2026-10-25T02:00");
    next_is("50 * * * * Europe/Berlin", "2026-10-25T00:50:30Z", "2026-10-25T01:50");
    next_is("50 * * * * Europe/Berlin", "2026-10-25T00:10:30Z", "2026-10-25T00:50");
    next_is("0 * * * sun Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00");
    next_is("0 * * * mon Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T23:00");
    next_is("0 * * * * Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00");
    next_is("0 * * * * Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00");
    next_is("40 * * * * Australia/Lord_Howe", "2026-04-04T14:40:00Z", "2026-04-04T15:10");
    /* New York, 8 March and 1 November 2026. */
    next_is("15 2 * * * America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00");
    next_is("30 1 * * * America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30");
    next_is("30 1 * * * America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30");
    /* By half an hour, and a day that Samoa left out. */
    next_is("15 2 * * * Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00");
    next_is("0 12 30 12 * Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-30T10:00:00");
    next_is("0 0 * * * Asia/Kolkata", "2026-11-26T00:00:00Z", "2026-11-26T18:30");
}

/* Each moment is behind the one before, and shows what the schedule says or is a change. */
static void moments_go_forward(void **state)
{
    struct weir_cron cron;
    struct weir_error err;
    weir_time at, count = 0;
    (void)state;
    ASSERT_OK(weir_cron_parse(WEIR_STR("*/30 * * * * Europe/Berlin"), &cron, &err), err);
    assert_true(weir_time_parse(WEIR_STR("2026-10-24T22:00:00Z"), &at));
    weir_time end = at + 25 * 3600 * WEIR_SECOND;
    while (at < end) {
        weir_time next = weir_cron_next(&cron, at, &zones);
        assert_true(next > at);
        at = next;
        count++;
    }
    assert_int_equal(count, 50); /* in each of 25 hours */
}

static void mistakes_are_told(void **state)
{
    static const char *const wrong[] = {
        "",           "* * * *",       "60 * * * *",  "* 24 * * *",   "* * 0 * *",
        "* * * 13 *", "* * * * 8",     "*/0 * * * *", "5-1 * * * *",  "a * * * *",
        "1, * * * *", "1-2-3 * * * *", "* * 30 2 *",  "* * 31 4,6 *", "0 6 * * * Europe/Berlin'; x",
        "-1 * * * *", "1/ * * * *"};
    struct weir_cron cron;
    struct weir_error err;
    weir_time at = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (weir_cron_parse(weir_str_of(wrong[i]), &cron, &err) != WEIR_EINVAL) {
            print_error("\"%s\" was taken\n", wrong[i]);
            fail();
        }
    }
    ASSERT_OK(weir_cron_parse(WEIR_STR("0 6 * * * Europe/Atlantis"), &cron, &err), err);
    assert_int_equal(weir_cron_next(&cron, at, &zones), WEIR_TIME_MAX);
}

static void what_was_missed_is_due_once(void **state)
{
    struct weir_source_schedule s;
    struct weir_error err;
    struct weir_source_turn turn = {0};
    weir_time now, due;
    (void)state;
    ASSERT_OK(weir_source_schedule_parse(WEIR_STR("cron 0 6 * * *"), &s, &err), err);
    assert_true(weir_time_parse(WEIR_STR("2026-11-26T12:00:00Z"), &now));
    turn.known = now - 3 * WEIR_DAY; /* the last run, and no server since */
    due = weir_source_schedule_next(&s, &turn, now, 0, &zones);
    assert_true(due <= now);
    turn.began = now;
    turn.ended = now + 60 * WEIR_SECOND;
    due = weir_source_schedule_next(&s, &turn, now, 0, &zones);
    assert_int_equal(due, now + 18 * 3600 * WEIR_SECOND);
    turn.failures = 1;
    due = weir_source_schedule_next(&s, &turn, turn.ended, 0, &zones);
    assert_int_equal(due, turn.ended + 2 * WEIR_SECOND);
}

static void a_clock_that_was_ahead_keeps_nothing_waiting(void **state)
{
    struct weir_source_schedule s;
    struct weir_error err;
    struct weir_source_turn turn = {0};
    weir_time now, due;
    (void)state;
    ASSERT_OK(weir_source_schedule_parse(WEIR_STR("cron 0 6 * * *"), &s, &err), err);
    assert_true(weir_time_parse(WEIR_STR("2026-11-26T12:00:00Z"), &now));
    turn.began = turn.ended = now + 10 * WEIR_DAY;
    assert_int_equal(weir_source_schedule_known(&turn, now), now);
    turn.known = weir_source_schedule_known(&turn, now);
    due = weir_source_schedule_next(&s, &turn, now + WEIR_SECOND, 0, &zones);
    assert_int_equal(due, now + 18 * 3600 * WEIR_SECOND);
    assert_int_equal(weir_source_schedule_known(&turn, due), now); /* or it would never be due */
    assert_int_equal(weir_source_schedule_next(&s, &turn, due, 0, &zones), due);
    /* Set back while the server runs. */
    turn.known = now + WEIR_DAY;
    assert_int_equal(weir_source_schedule_known(&turn, now), now);
}

static void what_waits_goes_before_others_in_the_end(void **state)
{
    const struct weir_source_rota high = {.priority = 9}, low = {.priority = 5};
    const weir_time now = 1000 * WEIR_DAY, minute = 60 * WEIR_SECOND;
    (void)state;
    assert_true(weir_source_schedule_before(&high, now, &low, now - minute, now));
    assert_false(weir_source_schedule_before(&low, now - minute, &high, now, now));
    assert_true(weir_source_schedule_before(&low, now - 4 * minute, &high, now, now));
    assert_false(weir_source_schedule_before(&high, now, &low, now - 4 * minute, now));
    assert_true(weir_source_schedule_before(&low, now - 2, &low, now - 1, now));
    assert_false(weir_source_schedule_before(&low, now, &low, now, now));
    /* Due later: the clock was set back. */
    assert_true(weir_source_schedule_before(&high, now, &low, now + WEIR_DAY, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_lists_ranges_steps_and_names),
        cmocka_unit_test(clocks_that_change_skip_and_double_nothing),
        cmocka_unit_test(moments_go_forward),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(what_was_missed_is_due_once),
        cmocka_unit_test(a_clock_that_was_ahead_keeps_nothing_waiting),
        cmocka_unit_test(what_waits_goes_before_others_in_the_end),
    };
    return cmocka_run_group_tests(tests, open_warehouse, close_warehouse);
}
