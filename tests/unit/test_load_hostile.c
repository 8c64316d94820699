/* Small requests that ask for much: none may cost memory without bound, or another event. */
#include "test.h"

#include <time.h>

#include "io/file.h"
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

static void add_many(const char *text, int times)
{
    for (int i = 0; i < times; i++) {
        weir_buf_addz(&body, text);
    }
}

static void load_body(const char *method)
{
    assert_true(weir_buf_ok(&body));
    fixture_load(&f, method, weir_buf_cstr(&body));
}

static void a_huge_context_is_not_given_to_every_event_of_its_batch(void **state)
{
    (void)state;
    weir_buf_addz(&body, "{\"context\":{\"big\":\"");
    add_many("xxxxxxxxxxxxxxxx", (1 << 20) / 16);
    weir_buf_addz(&body, "\"},\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}");
    add_many(",{\"type\":\"page\",\"userId\":\"u\"}", 999);
    weir_buf_addz(&body, "]}");
    load_body("batch");
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(context_big) BETWEEN 32 AND 64, "
                                          "count(context_ip) FROM web.pages"),
                        "1000|true|1000");
    assert_string_equal(fixture_query(&f, "SELECT column_name, reason, count(*), "
                                          "max(length(value)) >= 1048576 FROM weir.discards "
                                          "GROUP BY ALL"),
                        "context|too_big|1|true");
}

/* The key of an event's own context wins; finding out must not take a walk for each key. */
static void two_huge_contexts_are_merged_in_no_time(void **state)
{
    (void)state;
    enum { KEYS = 60000 };
    weir_buf_addz(&body, "{\"context\":{\"both\":1,\"batch\":1");
    for (int i = 0; i < KEYS; i++) {
        weir_buf_addf(&body, ",\"a%d\":1", i);
    }
    weir_buf_addz(&body, "},\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"own\":2");
    for (int i = 0; i < KEYS; i++) {
        weir_buf_addf(&body, ",\"b%d\":2", i);
    }
    weir_buf_addz(&body, ",\"both\":2}}]}");
    clock_t begun = clock(); /* the processor's time: a busy machine is no failure */
    load_body("batch");
    assert_true(clock() - begun < 20 * CLOCKS_PER_SEC); /* a second; it was a minute */
    assert_string_equal(fixture_query(&f, "SELECT context_own FROM web.pages"), "2");
    assert_string_equal(
        fixture_query(&f, "SELECT count(*) FILTER (WHERE reason = 'name_collision'), "
                          "count(*) FILTER (WHERE value LIKE '%\"batch\":1,%'), "
                          "count(*) FILTER (WHERE value LIKE '%\"both\":1,%') FROM weir.discards"),
        "0|1|0");
}

static void a_time_of_megabytes_is_not_read_for_every_event(void **state)
{
    (void)state;
    weir_buf_addz(&body, "{\"sentAt\":\"");
    add_many("                ", (4 << 20) / 16);
    weir_buf_addz(&body, "x\",\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}");
    add_many(",{\"type\":\"page\",\"userId\":\"u\"}", 49999);
    weir_buf_addz(&body, "]}");
    clock_t begun = clock(); /* the processor's time: a busy machine is no failure */
    load_body("batch");
    assert_true(clock() - begun < 20 * CLOCKS_PER_SEC); /* half a second; it was a minute */
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.pages"), "50000");
    assert_string_equal(fixture_query(&f, "SELECT reason, count(*) FROM weir.discards GROUP BY 1"),
                        "not_a_time|1");
}

static void what_a_batch_says_wrongly_is_kept_once(void **state)
{
    (void)state;
    fixture_load(&f, "batch",
                 "{\"context\":\"no object\",\"sentAt\":\"soon\",\"integrations\":7,\"batch\":["
                 "{\"type\":\"page\",\"userId\":\"u\"},{\"type\":\"page\",\"userId\":\"u\"},"
                 "{\"type\":\"page\",\"userId\":\"u\",\"sentAt\":\"own\"}]}");
    assert_string_equal(fixture_query(&f, "SELECT event_index, column_name, value FROM "
                                          "weir.discards ORDER BY 1, 2"),
                        "0|context|no object\n0|integrations|7\n0|sentAt|soon\n2|sentAt|own");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.pages"), "3");
}

static void events_beyond_the_maximum_are_one_row(void **state)
{
    (void)state;
    weir_buf_addz(&body, "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}");
    add_many(",0", 49999 + 1000000);
    weir_buf_addz(&body, ",\"last\"]}");
    load_body("batch");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.pages"), "1");
    assert_string_equal(
        fixture_query(&f, "SELECT reason, count(*), min(event_index), max(length(value)), "
                          "max(right(value, 7)) FROM weir.discards GROUP BY 1 ORDER BY 1"),
        "not_an_object|49999|1|1|0\ntoo_many_events|1|50000|2000008|\"last\"]");
}

/* The collector has acknowledged everything that its own parser reads. */
static void an_event_as_deep_as_the_collector_takes_costs_no_other(void **state)
{
    (void)state;
    weir_buf_addz(&body, "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"},"
                         "{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"a\":");
    add_many("[", 1018);
    add_many("]", 1018);
    weir_buf_addz(&body, "}}]}");
    load_body("batch");
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(a) FROM web.pages"), "2|1");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM weir.discards"), "0");
}

static void huge_keys_leave_room_for_the_keys_of_others(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        weir_buf_reset(&body);
        weir_buf_addf(&body, "{\"userId\":\"u\",\"properties\":{\"k%d", i);
        add_many("kkkkkkkkkkkkkkkk", (7 << 20) / 16);
        weir_buf_addz(&body, "\":1}}");
        fixture_append(&f, "page", weir_buf_str(&body));
        fixture_commit(&f);
    }
    fixture_append(&f, "page", WEIR_STR("{\"userId\":\"u\",\"properties\":{\"fresh\":1}}"));
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT count(*), count(fresh) FROM web.pages"), "41|1");
    assert_string_equal(fixture_query(&f, "SELECT reason, count(*) FROM weir.discards GROUP BY 1"),
                        "too_many_columns|40");
}

/* The log and the warehouse were put back from elsewhere, and the dedup index was not. */
static void the_dedup_index_of_another_log_drops_no_event(void **state)
{
    (void)state;
    char command[256];
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"a\"}");
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"b\"}");
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"c\"}");
    fixture_close_warehouse(&f);
    weir_eventlog_close(f.log);
    snprintf(command, sizeof command, "rm -rf %s/.weir/log %s/.weir/warehouse*", f.dir, f.dir);
    assert_int_equal(system(command), 0);
    fixture_open_log(&f);
    fixture_open_warehouse(&f);
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"d\"}");
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"a\"}");
    assert_string_equal(fixture_query(&f, "SELECT id FROM web.pages ORDER BY 1"), "a\nd");
}

/* The warehouse says that the log is another one: no fault of the dedup index, which is kept. */
static void a_log_that_was_replaced_costs_no_dedup_index(void **state)
{
    (void)state;
    char path[128], command[256];
    struct weir_buf before, after;
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"a\"}");
    fixture_load(&f, "page", "{\"userId\":\"u\",\"messageId\":\"b\"}");
    fixture_close_warehouse(&f);
    weir_eventlog_close(f.log);
    snprintf(path, sizeof path, "%s/.weir/seen/manifest", f.dir);
    weir_buf_init(&before, 1 << 20);
    weir_buf_init(&after, 1 << 20);
    ASSERT_OK(weir_file_read(path, &before, &err), err);
    snprintf(command, sizeof command, "rm -rf %s/.weir/log", f.dir);
    assert_int_equal(system(command), 0);
    fixture_open_log(&f);
    fixture_open_warehouse(&f);
    assert_int_equal(weir_loader_drain(f.loader, &err), WEIR_ECORRUPT);
    ASSERT_OK(weir_file_read(path, &after, &err), err);
    assert_string_equal(weir_buf_cstr(&before), weir_buf_cstr(&after));
    weir_buf_free(&before);
    weir_buf_free(&after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(a_huge_context_is_not_given_to_every_event_of_its_batch),
        TEST(two_huge_contexts_are_merged_in_no_time),
        TEST(a_time_of_megabytes_is_not_read_for_every_event),
        TEST(what_a_batch_says_wrongly_is_kept_once),
        TEST(events_beyond_the_maximum_are_one_row),
        TEST(an_event_as_deep_as_the_collector_takes_costs_no_other),
        TEST(huge_keys_leave_room_for_the_keys_of_others),
        TEST(a_log_that_was_replaced_costs_no_dedup_index),
        TEST(the_dedup_index_of_another_log_drops_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
