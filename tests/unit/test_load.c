/* From the event log to rows: the schema, its types, and what becomes of hostile input. */
#include "test.h"

#include "load/apply.h"
#include "load_fixture.h"

static struct fixture f;

static int make(void **state)
{
    (void)state;
    fixture_make(&f, "load:\n  linger: 1ms\n  max_columns: 300\n  max_tables: 20\n");
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    fixture_free(&f);
    return 0;
}

#define TRACK(properties) "{\"userId\":\"u1\",\"event\":\"Boom\",\"properties\":" properties "}"

static void a_track_is_in_tracks_and_in_its_own_table(void **state)
{
    (void)state;
    fixture_load(
        &f, "track",
        "{\"messageId\":\"m1\",\"anonymousId\":\"a1\",\"userId\":\"u1\","
        "\"event\":\"Order Completed\",\"timestamp\":\"2026-01-02T03:04:00Z\","
        "\"sentAt\":\"2026-01-02T03:04:04Z\",\"context\":{\"page\":{\"url\":\"/x\"},"
        "\"userAgent\":\"mine\"},\"properties\":{\"orderTotal\":12.5,\"items\":[1,{\"a\":2}],"
        "\"coupon\":null,\"nested\":{\"deepKey\":true},\"at\":\"2026-01-01T00:00:00+02:00\"}}");
    assert_string_equal(
        fixture_query(&f, "SELECT id, anonymous_id, user_id, event, event_text, received_at, "
                          "sent_at, timestamp, original_timestamp, context_page_url, context_ip, "
                          "context_user_agent, uuid_ts IS NOT NULL FROM web.tracks"),
        "m1|a1|u1|order_completed|Order Completed|2026-01-02T03:04:05.000Z|"
        "2026-01-02T03:04:04.000Z|2026-01-02T03:04:01.000Z|2026-01-02T03:04:00.000Z|/x|203.0.113.7|"
        "mine|true");
    assert_string_equal(
        fixture_query(&f, "SELECT id, event, order_total, items, nested_deep_key, \"at\" "
                          "FROM web.order_completed"),
        "m1|order_completed|12.5|[1,{\"a\":2}]|true|2025-12-31T22:00:00.000Z");
    assert_string_equal(fixture_type(&f, "order_completed", "at"), "TIMESTAMP");
    assert_string_equal(fixture_type(&f, "order_completed", "received_at"), "TIMESTAMP");
    assert_string_equal(fixture_type(&f, "order_completed", "coupon"), "");
    assert_string_equal(fixture_type(&f, "tracks", "order_total"), "");
}

static void every_kind_of_call_has_its_table(void **state)
{
    (void)state;
    fixture_append(
        &f, "batch",
        WEIR_STR("{\"context\":{\"library\":{\"name\":\"lib\"},\"locale\":\"de\"},\"batch\":["
                 "{\"type\":\"identify\",\"messageId\":\"1\",\"userId\":\"u1\","
                 "\"traits\":{\"email\":\"a@x\",\"plan\":\"free\"}},"
                 "{\"type\":\"identify\",\"messageId\":\"2\",\"userId\":\"u1\","
                 "\"traits\":{\"plan\":\"pro\"},\"context\":{\"locale\":\"fr\"}},"
                 "{\"type\":\"page\",\"messageId\":\"3\",\"anonymousId\":\"a\",\"name\":\"Home\","
                 "\"category\":\"C\",\"properties\":{\"name\":\"Home\",\"title\":\"T\"}},"
                 "{\"type\":\"screen\",\"messageId\":\"4\",\"anonymousId\":\"a\",\"name\":\"S\"},"
                 "{\"type\":\"group\",\"messageId\":\"5\",\"userId\":\"u1\",\"groupId\":\"g1\","
                 "\"traits\":{\"size\":3}},"
                 "{\"type\":\"alias\",\"messageId\":\"6\",\"userId\":\"u1\","
                 "\"previousId\":\"a\"}]}"));
    fixture_load(&f, "identify",
                 "{\"messageId\":\"7\",\"userId\":\"u1\",\"traits\":{\"email\":\"b@x\"}}");
    assert_string_equal(fixture_query(&f, "SELECT id, email, plan FROM web.identifies ORDER BY id"),
                        "1|a@x|free\n2|-|pro\n7|b@x|-");
    assert_string_equal(fixture_query(&f, "SELECT id, email, plan FROM web.users"), "u1|b@x|pro");
    assert_string_equal(fixture_type(&f, "users", "anonymous_id"), "");
    assert_string_equal(
        fixture_query(&f, "SELECT name, category, title, context_library_name FROM web.pages"),
        "Home|C|T|lib");
    assert_string_equal(fixture_query(&f, "SELECT name FROM web.screens"), "S");
    assert_string_equal(fixture_query(&f, "SELECT group_id, size FROM web.groups"), "g1|3");
    assert_string_equal(fixture_query(&f, "SELECT id, size FROM web.accounts"), "g1|3");
    assert_string_equal(fixture_query(&f, "SELECT user_id, previous_id FROM web.aliases"), "u1|a");
    assert_string_equal(fixture_query(&f, "SELECT context_locale FROM web.identifies ORDER BY id"),
                        "de\nfr\n-");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM weir.discards"), "0");
}

static void a_message_id_is_loaded_once_for_all_time(void **state)
{
    (void)state;
    fixture_load(&f, "track", "{\"messageId\":\"m\",\"userId\":\"u\",\"event\":\"A\"}");
    fixture_load(&f, "track", "{\"messageId\":\"m\",\"userId\":\"u\",\"event\":\"A\"}");
    fixture_close_warehouse(&f);
    fixture_open_warehouse(&f);
    fixture_load(&f, "track", "{\"messageId\":\"m\",\"userId\":\"u\",\"event\":\"A\"}");
    char command[128];
    fixture_close_warehouse(&f);
    snprintf(command, sizeof command, "rm -rf %s/.weir/seen", f.dir);
    assert_int_equal(system(command), 0);
    fixture_open_warehouse(&f);
    fixture_load(&f, "track", "{\"messageId\":\"m\",\"userId\":\"u\",\"event\":\"A\"}");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.tracks"), "1");
    assert_string_equal(
        fixture_query(&f,
                      "SELECT max(next_seq), max(events), max(duplicates) FROM weir.load_state"),
        "5|1|3");
    struct weir_load_stats stats;
    weir_loader_stats(f.loader, &stats);
    assert_int_equal(stats.next_seq, stats.durable_seq);
}

static void types_widen_and_keep_their_history(void **state)
{
    (void)state;
    fixture_load(&f, "track",
                 TRACK("{\"a\":1,\"b\":1,\"c\":true,\"d\":9007199254740993,"
                       "\"e\":\"2026-01-02T00:00:00Z\",\"f\":[1],\"g\":2.5,\"h\":1}"));
    assert_string_equal(fixture_type(&f, "boom", "a"), "BIGINT");
    fixture_load(&f, "track",
                 TRACK("{\"a\":2.5,\"b\":\"x\",\"c\":7,\"d\":0.5,\"e\":\"later\","
                       "\"f\":3,\"g\":7,\"h\":\"2026-01-02T00:00:00Z\"}"));
    assert_string_equal(fixture_query(&f, "SELECT a, b, c, d, e, f, g, h FROM web.boom "
                                          "ORDER BY a"),
                        "1|1|true|9007199254740993|2026-01-02T00:00:00.000Z|[1]|2.5|1\n"
                        "2.5|x|7|0.5|later|3|7|2026-01-02T00:00:00Z");
    static const char *const types[][2] = {{"a", "DOUBLE"},  {"b", "VARCHAR"}, {"c", "VARCHAR"},
                                           {"d", "VARCHAR"}, {"e", "VARCHAR"}, {"f", "VARCHAR"},
                                           {"g", "DOUBLE"},  {"h", "VARCHAR"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_string_equal(fixture_type(&f, "boom", types[i][0]), types[i][1]);
    }
}

static void odd_names_have_a_rule_and_their_original(void **state)
{
    (void)state;
    fixture_load(&f, "track",
                 TRACK("{\"id\":\"mine\",\"userId\":\"x\",\"context_ip\":\"y\",\"\":1,"
                       "\"日本語\":2,\"HTMLParser\":3}"));
    assert_string_equal(fixture_query(&f, "SELECT _id, _user_id, _context_ip, htmlparser, user_id, "
                                          "context_ip FROM web.boom"),
                        "mine|x|y|3|u1|203.0.113.7");
    assert_string_equal(fixture_query(&f, "SELECT '-' || original FROM weir.names WHERE original "
                                          "<> '' AND table_name = 'boom' AND "
                                          "schema_name = 'web' ORDER BY original"),
                        "-context_ip\n-id\n-userId\n-日本語");
    fixture_load(&f, "track", "{\"userId\":\"u\",\"event\":\"tracks\"}");
    fixture_load(&f, "track", "{\"userId\":\"u\",\"event\":\"Users\"}");
    fixture_load(&f, "track", "{\"userId\":\"u\",\"event\":\"日本\"}");
    assert_string_equal(fixture_query(&f, "SELECT event_text FROM web._tracks UNION ALL SELECT "
                                          "event_text FROM web._users"),
                        "tracks\nUsers");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM weir.names WHERE original = '日本' "
                                          "AND column_name IS NULL"),
                        "1");
}

static void two_keys_on_one_column_the_last_wins_and_the_other_is_kept(void **state)
{
    (void)state;
    fixture_load(&f, "track",
                 TRACK("{\"fooBar\":1,\"foo_bar\":2,\"k\":\"a\",\"k\":\"b\","
                       "\"same\":1,\"Same\":1}"));
    assert_string_equal(fixture_query(&f, "SELECT foo_bar, k, same FROM web.boom"), "2|b|1");
    assert_string_equal(fixture_query(&f, "SELECT source, table_name, column_name, reason, value, "
                                          "seq, event_index FROM weir.discards ORDER BY reason"),
                        "web|boom|k|duplicate_key|a|1|0\nweb|boom|foo_bar|name_collision|1|1|0");
}

static void an_event_of_ten_thousand_properties_is_kept_up_to_the_cap(void **state)
{
    (void)state;
    struct weir_buf body;
    weir_buf_init(&body, 1 << 20);
    weir_buf_addz(&body, "{\"userId\":\"u\",\"event\":\"Boom\",\"properties\":{\"p0\":0");
    for (int i = 1; i < 10000; i++) {
        weir_buf_addf(&body, ",\"p%d\":%d", i, i);
    }
    weir_buf_addz(&body, "}}");
    fixture_load(&f, "track", weir_buf_cstr(&body));
    fixture_load(&f, "track", weir_buf_cstr(&body));
    weir_buf_free(&body);
    assert_string_equal(fixture_query(&f, "SELECT count(*), min(p250) FROM web.boom"), "2|250");
    assert_string_equal(
        fixture_query(&f, "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'boom'"),
        "300");
    assert_string_equal(
        fixture_query(&f, "SELECT count(*), reason, min(len(json_keys(value::json)) + 300 > 9990), "
                          "min(json_extract(value::json, '$.p9999')::text) FROM weir.discards "
                          "WHERE table_name = 'boom' GROUP BY reason"),
        "2|too_many_columns|true|9999");
}

static void deep_nesting_becomes_json_below_the_limit(void **state)
{
    (void)state;
    struct weir_buf body;
    weir_buf_init(&body, 1 << 20);
    weir_buf_addz(&body, "{\"userId\":\"u\",\"event\":\"Boom\",\"properties\":");
    for (int i = 0; i < 64; i++) {
        weir_buf_addz(&body, "{\"n\":");
    }
    weir_buf_addz(&body, "\"bottom\"");
    for (int i = 0; i < 65; i++) {
        weir_buf_addc(&body, '}');
    }
    fixture_load(&f, "track", weir_buf_cstr(&body));
    weir_buf_free(&body);
    assert_string_equal(
        fixture_query(&f,
                      "SELECT n_n_n_n_n_n_n_n LIKE '{\"n\":{%bottom%}', length(n_n_n_n_n_n_n_n) "
                      "FROM web.boom"),
        "true|344");
}

static void nul_and_bad_utf8_and_huge_numbers_are_kept(void **state)
{
    (void)state;
    fixture_load(&f, "track",
                 TRACK("{\"nul\":\"a\\u0000b\",\"huge\":123456789012345678901234567890,"
                       "\"u64\":18446744073709551615,\"big\":1e400}"));
    assert_string_equal(
        fixture_query(&f, "SELECT length(nul), ord(nul[2]), huge, u64, big FROM web.boom"),
        "3|0|123456789012345678901234567890|18446744073709551615|1e400");
    fixture_load(&f, "track", TRACK("{\"bad\":\"x\xff\xfey\"}"));
    assert_string_equal(fixture_query(&f, "SELECT bad FROM web.boom WHERE bad IS NOT NULL"),
                        "x\xEF\xBF\xBD\xEF\xBF\xBDy");
    assert_string_equal(fixture_query(&f, "SELECT reason, seq FROM weir.discards ORDER BY seq"),
                        "repaired|1\nrepaired|2");
}

static void bad_events_and_refused_requests_are_rows_of_discards(void **state)
{
    (void)state;
    fixture_append(&f, "batch",
                   WEIR_STR("{\"batch\":[{\"type\":\"track\",\"event\":\"A\"},7,"
                            "{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\","
                            "\"messageId\":\"ok\"}]}"));
    fixture_append(&f, "track", WEIR_STR("{not json"));
    uint64_t seq;
    struct weir_record refused = {.kind = WEIR_RECORD_REFUSED,
                                  .received_at = f.now,
                                  .source = WEIR_STR("web"),
                                  .method = WEIR_STR("track"),
                                  .note = WEIR_STR("too_large"),
                                  .body = {"cut \xff\0 body", 11}};
    ASSERT_OK(weir_eventlog_append(f.log, &refused, &seq, &err), err);
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT id FROM web.tracks"), "ok");
    assert_string_equal(fixture_query(&f, "SELECT seq, event_index, reason FROM weir.discards "
                                          "ORDER BY seq, event_index"),
                        "1|0|no_user_anon_id\n1|1|not_an_object\n2|-|not_a_call\n3|-|too_large");
    assert_string_equal(fixture_query(&f, "SELECT value FROM weir.discards WHERE seq = 1 "
                                          "ORDER BY event_index"),
                        "{\"type\":\"track\",\"event\":\"A\"}\n7");
}

static void an_absurd_clock_is_noted_with_what_it_said(void **state)
{
    (void)state;
    fixture_load(&f, "track",
                 "{\"messageId\":\"m1\",\"userId\":\"u\",\"event\":\"A\","
                 "\"timestamp\":\"1970-01-01T00:00:00Z\"}");
    fixture_load(&f, "track",
                 "{\"messageId\":\"m2\",\"userId\":\"u\",\"event\":\"A\",\"timestamp\":\"soon\"}");
    assert_string_equal(fixture_query(&f, "SELECT id, timestamp FROM web.tracks ORDER BY id"),
                        "m1|2026-01-02T03:04:05.000Z\nm2|2026-01-02T03:04:05.000Z");
    assert_string_equal(
        fixture_query(&f, "SELECT message_id, column_name, reason, value FROM weir.discards "
                          "ORDER BY 1"),
        "m1|timestamp|absurd_time|1970-01-01T00:00:00Z\nm2|timestamp|not_a_time|soon");
}

static void tables_over_the_cap_keep_the_event_in_tracks(void **state)
{
    (void)state;
    char body[256];
    for (int i = 0; i < 40; i++) {
        snprintf(body, sizeof body,
                 "{\"userId\":\"u\",\"event\":\"Event %d\",\"properties\":{\"a\":%d}}", i, i);
        fixture_append(&f, "track", weir_str_of(body));
    }
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.tracks"), "40");
    assert_string_equal(
        fixture_query(&f, "SELECT count(*) <= 21 FROM duckdb_tables() WHERE schema_name = 'web'"),
        "true");
    assert_string_equal(fixture_query(&f, "SELECT min(reason), max(value), count(*) >= 19 FROM "
                                          "weir.discards WHERE table_name = 'event_39'"),
                        "too_many_tables|{\"a\":39}|false");
}

static void an_event_that_the_warehouse_refuses_stops_no_other(void **state)
{
    (void)state;
    ASSERT_OK(weir_session_exec(f.session,
                                "CREATE SCHEMA web; CREATE TABLE web.boom (id VARCHAR, "
                                "amount BIGINT CHECK (amount < 100))",
                                &err),
              err);
    char body[600];
    for (int i = 0; i < 50; i++) {
        snprintf(body, sizeof body,
                 "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"a%d\",\"event\":"
                 "\"Boom\",\"properties\":{\"amount\":%d}},{\"type\":\"track\",\"userId\":\"u\","
                 "\"messageId\":\"b%d\",\"event\":\"Fine\"}]}",
                 i, i == 17 || i == 33 ? 1000 : i, i);
        fixture_append(&f, "batch", weir_str_of(body));
    }
    fixture_commit(&f);
    ASSERT_OK(weir_loader_drain(f.loader, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT count(*), max(amount) FROM web.boom"), "48|49");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.fine"), "50");
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.tracks"), "98");
    assert_string_equal(
        fixture_query(&f, "SELECT message_id, reason, seq, event_index FROM weir.discards "
                          "ORDER BY seq"),
        "a17|refused_by_warehouse|18|0\na33|refused_by_warehouse|34|0");
    assert_string_equal(fixture_query(&f, "SELECT max(next_seq), max(events) FROM weir.load_state"),
                        "51|98");
}

static void outdated_offsets_are_pruned(void **state)
{
    (void)state;
    fixture_load(&f, "track", "{\"messageId\":\"1\",\"userId\":\"u\",\"event\":\"A\"}");
    fixture_load(&f, "track", "{\"messageId\":\"2\",\"userId\":\"u\",\"event\":\"A\"}");
    assert_string_equal(
        fixture_query(&f, "SELECT next_seq, events FROM weir.load_state ORDER BY 1"),
        "1|0\n2|1\n3|2");
    ASSERT_OK(weir_load_state_prune(f.session, &err), err);
    assert_string_equal(fixture_query(&f, "SELECT next_seq, events FROM weir.load_state"), "3|2");
    fixture_load(&f, "track", "{\"messageId\":\"2\",\"userId\":\"u\",\"event\":\"A\"}");
    assert_string_equal(fixture_query(&f,
                                      "SELECT next_seq, events, duplicates FROM weir.load_state "
                                      "ORDER BY next_seq DESC LIMIT 1"),
                        "4|2|1");
}

static void the_loader_thread_loads_what_arrives(void **state)
{
    (void)state;
    ASSERT_OK(weir_loader_start(f.loader, &err), err);
    char body[128];
    for (int i = 0; i < 200; i++) {
        snprintf(body, sizeof body, "{\"userId\":\"u\",\"event\":\"E\",\"messageId\":\"%d\"}", i);
        fixture_append(&f, "track", weir_str_of(body));
        fixture_commit(&f);
    }
    struct weir_load_stats stats;
    weir_time deadline = weir_mono() + 20 * WEIR_SECOND;
    do {
        weir_loader_stats(f.loader, &stats);
    } while (stats.next_seq < 201 && weir_mono() < deadline);
    assert_int_equal(stats.next_seq, 201);
    assert_int_equal(stats.events, 200);
    assert_string_equal(stats.error, "");
    weir_loader_stop(f.loader);
    assert_string_equal(fixture_query(&f, "SELECT count(*) FROM web.e"), "200");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(a_track_is_in_tracks_and_in_its_own_table),
        TEST(every_kind_of_call_has_its_table),
        TEST(a_message_id_is_loaded_once_for_all_time),
        TEST(types_widen_and_keep_their_history),
        TEST(odd_names_have_a_rule_and_their_original),
        TEST(two_keys_on_one_column_the_last_wins_and_the_other_is_kept),
        TEST(an_event_of_ten_thousand_properties_is_kept_up_to_the_cap),
        TEST(deep_nesting_becomes_json_below_the_limit),
        TEST(nul_and_bad_utf8_and_huge_numbers_are_kept),
        TEST(bad_events_and_refused_requests_are_rows_of_discards),
        TEST(an_absurd_clock_is_noted_with_what_it_said),
        TEST(tables_over_the_cap_keep_the_event_in_tracks),
        TEST(an_event_that_the_warehouse_refuses_stops_no_other),
        TEST(outdated_offsets_are_pruned),
        TEST(the_loader_thread_loads_what_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
