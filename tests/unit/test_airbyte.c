/* What Airbyte's sources say, line by line, and what becomes of it; without a process. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/airbyte/airbyte.h"

#define CATALOG                                                                                    \
    "{\"streams\":[{\"name\":\"a\",\"json_schema\":{\"properties\":{\"id\":{\"type\":\"integer\"}" \
    ","                                                                                            \
    "\"v\":{\"type\":\"number\",\"airbyte_type\":\"integer\"},\"d\":{\"type\":\"number\","         \
    "\"multipleOf\":0.01}}},\"supported_sync_modes\":[\"full_refresh\",\"incremental\"],"          \
    "\"source_defined_cursor\":true,\"source_defined_primary_key\":[[\"id\"]]},"                   \
    "{\"name\":\"b\",\"namespace\":\"x\",\"json_schema\":{},\"supported_sync_modes\":["            \
    "\"full_refresh\"]},{\"name\":\"b\",\"namespace\":\"y\",\"json_schema\":{}}]}"

struct talk {
    struct weir_source_config config;
    struct weir_feed_wanted wanted[3];
    struct weir_airbyte_catalog catalog;
    struct weir_feed feed;
    struct weir_airbyte_reader reader;
};

static void begin(struct talk *t, const char *state)
{
    static const char *const names[] = {"a", "x.b", "y.b"};
    struct weir_error err;
    *t = (struct talk){0};
    ASSERT_OK(weir_feed_open(&t->feed, "/tmp", 64u << 20, &err), err);
    for (size_t i = 0; i < 3; i++) {
        t->wanted[i].stream = (struct weir_source_stream){.name = names[i], .cursor = ""};
    }
    t->wanted[0].cursor = WEIR_STR("{\"v\":1,\"generation\":5}");
    t->feed.config = &t->config;
    t->feed.wanted = t->wanted;
    t->feed.wanted_count = 3;
    t->feed.state = weir_str_of(state);
    ASSERT_OK(weir_airbyte_catalog_read(&t->catalog, WEIR_STR(CATALOG), &err), err);
    ASSERT_OK(weir_airbyte_reader_init(&t->reader, &t->feed, &err), err);
    t->reader.catalog = &t->catalog;
    t->reader.sync = 9;
    ASSERT_OK(weir_airbyte_state_read(&t->reader, &err), err);
}

static void end(struct talk *t)
{
    weir_airbyte_reader_free(&t->reader);
    weir_airbyte_catalog_free(&t->catalog);
    weir_feed_free(&t->feed);
}

static int say(struct talk *t, const char *line, struct weir_error *err)
{
    struct weir_buf padded;
    weir_buf_init(&padded, 1u << 20);
    weir_buf_addz(&padded, line);
    int rc = weir_airbyte_line(&t->reader, weir_buf_str(&padded), err);
    weir_buf_free(&padded);
    return rc;
}

#define RECORD(stream, data)                                                                       \
    "{\"type\":\"RECORD\",\"record\":{\"stream\":\"" stream "\",\"emitted_at\":1,\"data\":{" data  \
    "}}}"
#define STATE(name, value, count)                                                                  \
    "{\"type\":\"STATE\",\"state\":{\"type\":\"STREAM\",\"stream\":{\"stream_descriptor\":{"       \
    "\"name\":\"" name "\"},\"stream_state\":{\"n\":" value                                        \
    "}},\"sourceStats\":{\"recordCount\":" count "}}}"
#define KEPT(name, value)                                                                          \
    "{\"type\":\"STREAM\",\"stream\":{\"stream_descriptor\":{\"name\":\"" name                     \
    "\"},\"stream_state\":{\"n\":" value "}}}"

static void rows_types_keys_and_the_configured_catalog(void **state)
{
    struct talk t;
    struct weir_error err;
    struct weir_buf out;
    (void)state;
    begin(&t, "");
    ASSERT_OK(say(&t, RECORD("a", "\"id\":1,\"v\":2,\"d\":12345678901234567.25"), &err), err);
    ASSERT_OK(say(&t,
                  "{\"type\":\"RECORD\",\"record\":{\"stream\":\"b\",\"namespace\":\"y\","
                  "\"data\":{\"z\":[1]}}}",
                  &err),
              err);
    ASSERT_OK(say(&t, "{\"type\":\"NEWS\"}", &err), err);
    ASSERT_OK(weir_airbyte_lines_end(&t.reader, &err), err);
    assert_int_equal(t.feed.stream_count, 3);
    const struct weir_feed_stream *a = t.feed.streams[0];
    assert_int_equal(a->part.rows, 1);
    assert_true(a->incremental);
    assert_int_equal(a->key.count, 1);
    assert_int_equal(a->columns[1].type, WEIR_TYPE_INT);
    assert_int_equal(a->columns[2].type, WEIR_TYPE_OTHER);
    assert_int_equal(a->generation, 5);
    assert_true(weir_str_is(t.feed.streams[1]->name, "y.b"));
    assert_true(t.feed.streams[2]->came); /* read as a whole, and without a row */
    assert_int_equal(t.feed.streams[2]->generation, 9);
    weir_buf_init(&out, 1u << 20);
    ASSERT_OK(weir_airbyte_configure(&t.catalog, &t.feed, 9, &out, &err), err);
    const char *text = weir_buf_cstr(&out);
    assert_non_null(strstr(text, "\"sync_mode\":\"incremental\",\"destination_sync_mode\":"
                                 "\"append_dedup\",\"cursor_field\":[],\"primary_key\":[[\"id\"]],"
                                 "\"generation_id\":5,\"minimum_generation_id\":0,\"sync_id\":9"));
    assert_non_null(strstr(text, "\"sync_mode\":\"full_refresh\",\"destination_sync_mode\":"
                                 "\"overwrite\",\"cursor_field\":[],\"primary_key\":[],"
                                 "\"generation_id\":9,\"minimum_generation_id\":9,\"sync_id\":9"));
    weir_buf_free(&out);
    end(&t);
}

static void states_are_kept_by_stream_and_counted(void **state)
{
    struct talk t;
    struct weir_error err;
    (void)state;
    begin(&t, "[" KEPT("a", "1") "," KEPT("gone", "3") "," KEPT("b", "7") "]");
    ASSERT_OK(say(&t, RECORD("a", "\"id\":1"), &err), err);
    ASSERT_OK(say(&t, STATE("a", "4", "1.0"), &err), err);
    ASSERT_OK(say(&t, RECORD("a", "\"id\":2"), &err), err);
    ASSERT_OK(say(&t, RECORD("a", "\"id\":3"), &err), err);
    ASSERT_OK(say(&t, STATE("a", "6", "2"), &err), err);
    ASSERT_OK(weir_airbyte_lines_end(&t.reader, &err), err);
    /* b is read as a whole: a state of it would make it less */
    assert_string_equal(weir_buf_cstr(&t.feed.new_state),
                        "[" KEPT("a", "6") "," KEPT("gone", "3") "]");
    assert_int_equal(say(&t, STATE("a", "8", "1"), &err), WEIR_ECORRUPT);
    assert_non_null(strstr(err.message, "says that it sent 1 rows of a since its last state, and "
                                        "0 came; nothing was loaded"));
    end(&t);
}

static void a_state_of_all_streams_loses_those_that_begin_anew(void **state)
{
    struct talk t;
    struct weir_error err;
    struct weir_buf out;
    (void)state;
    weir_buf_init(&out, 1u << 20);
    begin(&t, "[{\"type\":\"GLOBAL\",\"global\":{\"shared_state\":{\"lsn\":1},\"stream_states\":[{"
              "\"stream_descriptor\":{\"name\":\"a\"}},{\"stream_descriptor\":{\"name\":\"b\","
              "\"namespace\":\"x\"}}]}}]");
    ASSERT_OK(weir_airbyte_state_print(&t.reader, &out, &err), err);
    assert_string_equal(weir_buf_cstr(&out),
                        "[{\"type\":\"GLOBAL\",\"global\":{\"shared_state\":{\"lsn\":1},"
                        "\"stream_states\":[{\"stream_descriptor\":{\"name\":\"a\"}}]}}]");
    end(&t);
    weir_buf_reset(&out);
    begin(&t, "{\"old\":1}");
    ASSERT_OK(weir_airbyte_state_print(&t.reader, &out, &err), err);
    assert_string_equal(weir_buf_cstr(&out), "{\"old\":1}");
    ASSERT_OK(say(&t, "{\"type\":\"STATE\",\"state\":{\"data\":{\"old\":2}}}", &err), err);
    ASSERT_OK(weir_airbyte_lines_end(&t.reader, &err), err);
    assert_string_equal(weir_buf_cstr(&t.feed.new_state), "{\"old\":2}");
    end(&t);
    weir_buf_reset(&out);
    begin(&t, ""); /* it cannot be taken apart: all begin anew, but not for one stream alone */
    t.wanted[0].anew = true;
    t.feed.state = WEIR_STR("{\"old\":1}");
    ASSERT_OK(weir_airbyte_state_read(&t.reader, &err), err);
    ASSERT_OK(weir_airbyte_state_print(&t.reader, &out, &err), err);
    assert_string_equal(weir_buf_cstr(&out), "");
    assert_true(t.feed.forgot && t.wanted[1].anew);
    t.feed.only = "a";
    assert_int_equal(weir_airbyte_state_read(&t.reader, &err), WEIR_EINVAL);
    end(&t);
    weir_buf_free(&out);
}

static void what_is_no_message_ends_the_run(void **state)
{
    static const char *const lines[] = {
        "Traceback",
        "7",
        "{}",
        "{\"type\":\"RECORD\"}",
        RECORD("", ""),
        "{\"type\":\"RECORD\",\"record\":{\"stream\":\"a\",\"data\":[]}}",
        "{\"type\":\"STATE\",\"state\":{\"type\":\"STREAM\"}}"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct talk t;
        struct weir_error err;
        begin(&t, "");
        assert_int_equal(say(&t, lines[i], &err), WEIR_EINVAL);
        assert_non_null(strstr(err.message, "line 1 of what the source wrote"));
        end(&t);
    }
}

static void what_it_tells_is_kept(void **state)
{
    struct talk t;
    struct weir_error err;
    (void)state;
    begin(&t, "");
    ASSERT_OK(say(&t,
                  "{\"type\":\"TRACE\",\"trace\":{\"type\":\"STREAM_STATUS\",\"stream_status\":{"
                  "\"stream_descriptor\":{\"name\":\"a\"},\"status\":\"INCOMPLETE\"}}}",
                  &err),
              err);
    assert_string_equal(t.reader.error, "the stream \"a\" was not read to its end");
    ASSERT_OK(say(&t,
                  "{\"type\":\"CONNECTION_STATUS\",\"connectionStatus\":{\"status\":\"FAILED\","
                  "\"message\":\"no such key\"}}",
                  &err),
              err);
    assert_true(t.reader.checked && !t.reader.well);
    assert_string_equal(t.reader.error, "no such key");
    ASSERT_OK(say(&t,
                  "{\"type\":\"CONTROL\",\"control\":{\"type\":\"CONNECTOR_CONFIG\","
                  "\"connectorConfig\":{\"config\":{\"token\":\"new\"}}}}",
                  &err),
              err);
    assert_string_equal(weir_buf_cstr(&t.reader.config), "{\"token\":\"new\"}");
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_types_keys_and_the_configured_catalog),
        cmocka_unit_test(states_are_kept_by_stream_and_counted),
        cmocka_unit_test(a_state_of_all_streams_loses_those_that_begin_anew),
        cmocka_unit_test(what_is_no_message_ends_the_run),
        cmocka_unit_test(what_it_tells_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
