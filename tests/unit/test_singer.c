/* What taps say, line by line, and what becomes of it; without a process. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/feed/program.h"
#include "source/singer/singer.h"

struct talk {
    struct weir_source_config config;
    struct weir_feed feed;
    struct weir_singer_reader reader;
    struct weir_source_plan plan;
    struct weir_buf got; /* rows as text */
};

static void begin(struct talk *t)
{
    struct weir_error err;
    *t = (struct talk){0};
    ASSERT_OK(weir_feed_open(&t->feed, "/tmp", 64u << 20, &err), err);
    t->feed.config = &t->config;
    ASSERT_OK(weir_singer_reader_init(&t->reader, &t->feed, &err), err);
    weir_source_plan_init(&t->plan);
    weir_buf_init(&t->got, 1u << 20);
}

static void end(struct talk *t)
{
    weir_singer_reader_free(&t->reader);
    weir_feed_free(&t->feed);
    weir_source_plan_free(&t->plan);
    weir_buf_free(&t->got);
}

static int say(struct talk *t, const char *line, struct weir_error *err)
{
    struct weir_buf padded;
    weir_buf_init(&padded, 1u << 20);
    weir_buf_addz(&padded, line);
    int rc = weir_singer_line(&t->reader, weir_buf_str(&padded), err);
    weir_buf_free(&padded);
    return rc;
}

static int see_rows(struct weir_source_sink *sink, struct weir_str part, const struct weir_batch *b,
                    struct weir_error *err)
{
    struct weir_buf *out = *(struct weir_buf **)(sink + 1);
    (void)part;
    (void)err;
    for (size_t row = 0; row < b->rows; row++) {
        for (size_t i = 0; i < b->column_count; i++) {
            const struct weir_vector *v = &b->columns[i];
            weir_buf_addz(out, i ? "|" : "");
            if (!v->ints || !weir_vector_valid(v, row)) {
                weir_buf_addz(out, "-");
            } else if (v->type >= WEIR_TYPE_TEXT) {
                weir_buf_adds(out, v->strs[row]);
            } else if (v->type == WEIR_TYPE_DOUBLE) {
                weir_json_number(out, v->doubles[row]);
            } else {
                weir_buf_add_i64(out, v->type == WEIR_TYPE_BOOL ? v->bools[row] : v->ints[row]);
            }
        }
        weir_buf_addz(out, "\n");
    }
    return 0;
}

/* The only stream's columns, "name:type", and its rows as a stage would get them. */
static const char *hear(struct talk *t)
{
    struct weir_error err;
    struct weir_source_stream stream = {.name = "s", .table = "s", .mode_said = false};
    struct weir_column columns[32];
    struct {
        struct weir_source_sink sink;
        struct weir_buf *out;
    } to = {{.columns = columns, .rows = see_rows}, &t->got};
    ASSERT_OK(weir_singer_lines_end(&t->reader, &err), err);
    assert_int_equal(t->feed.stream_count, 1);
    struct weir_feed_stream *s = t->feed.streams[0];
    ASSERT_OK(weir_feed_settle_mode(s, &stream, &t->plan.arena, &err), err);
    ASSERT_OK(weir_feed_plan(s, &stream, (struct weir_str){NULL, 0}, &t->plan, &err), err);
    for (size_t i = 0; i < t->plan.column_count; i++) {
        const struct weir_source_column *c = &t->plan.columns[i];
        columns[to.sink.column_count++] = (struct weir_column){c->name, c->type, c->type_name};
        weir_buf_addf(&t->got, WEIR_STR_FMT ":%s" WEIR_STR_FMT " ", WEIR_STR_ARG(c->name),
                      weir_type_name(c->type), WEIR_STR_ARG(c->type_name));
    }
    weir_buf_addf(&t->got, "%s\n", weir_source_mode_name(stream.mode));
    ASSERT_OK(weir_feed_read(s, &t->plan, &to.sink, &err), err);
    return weir_buf_cstr(&t->got);
}

#define PROPERTIES(text)                                                                           \
    "{\"type\":\"SCHEMA\",\"stream\":\"s\",\"schema\":{\"properties\":{" text                      \
    "}},\"key_properties\":[]}"
#define RECORD(text) "{\"type\":\"RECORD\",\"stream\":\"s\",\"record\":{" text "}}"

static const struct {
    const char *lines[8], *got;
} cases[] = {
    /* A schema is believed until a value says otherwise. */
    {{PROPERTIES("\"a\":{\"type\":[\"null\",\"integer\"]}"), RECORD("\"a\":1"),
      RECORD("\"a\":null"), RECORD("\"a\":2.0")},
     "a:int replace\n1\n-\n2\n"},
    {{PROPERTIES("\"a\":{\"type\":\"integer\"}"), RECORD("\"a\":1"), RECORD("\"a\":1.5")},
     "a:double replace\n1\n1.5\n"},
    {{PROPERTIES("\"a\":{\"type\":\"integer\"}"), RECORD("\"a\":9007199254740993"),
      RECORD("\"a\":1.5")},
     "a:text replace\n9007199254740993\n1.5\n"},
    {{PROPERTIES("\"a\":{\"type\":\"integer\"}"), RECORD("\"a\":18446744073709551615"),
      RECORD("\"a\":-1")},
     "a:otherDECIMAL(20,0) replace\n18446744073709551615\n-1\n"},
    {{PROPERTIES("\"a\":{\"type\":\"boolean\"}"), RECORD("\"a\":true"), RECORD("\"a\":\"no\"")},
     "a:text replace\ntrue\nno\n"},
    {{PROPERTIES("\"a\":{\"type\":\"string\",\"format\":\"date\"}"), RECORD("\"a\":\"1970-01-02\""),
      RECORD("\"a\":\"1970-01-01T00:00:01Z\"")},
     "a:timestamp replace\n86400000000\n1000000\n"},
    {{PROPERTIES("\"a\":{\"type\":\"string\",\"format\":\"date-time\"}"),
      RECORD("\"a\":\"1970-01-01T00:00:01Z\""), RECORD("\"a\":\"soon\"")},
     "a:text replace\n1970-01-01T00:00:01Z\nsoon\n"},
    {{PROPERTIES("\"a\":{\"type\":\"number\",\"multipleOf\":0.001}"), RECORD("\"a\":1"),
      RECORD("\"a\":0.001"), RECORD("\"a\":\"-2.50\""), RECORD("\"a\":123456789012345678.125")},
     "a:otherDECIMAL(38,3) replace\n1.000\n0.001\n-2.500\n123456789012345678.125\n"},
    {{PROPERTIES("\"a\":{\"type\":\"number\",\"multipleOf\":0.1,\"maximum\":100}"),
      RECORD("\"a\":1.5"), RECORD("\"a\":1.25")},
     "a:text replace\n1.5\n1.25\n"},
    /* Without a schema, values alone say it; columns come at any time. */
    {{RECORD("\"a\":1,\"b\":null"), RECORD("\"c\":[1],\"a\":2"), RECORD("\"b\":\"x\",\"A\":3")},
     "a:int b:text c:json a_2:int replace\n1|-|-|-\n2|-|[1]|-\n-|x|-|3\n"},
    /* A member that comes twice, first as what its column is not. */
    {{RECORD("\"a\":1"), RECORD("\"a\":\"x\",\"a\":2,\"a\":{\"b\":1}")},
     "a:text replace\n1\n{\"b\":1}\n"},
    {{PROPERTIES(""), RECORD("\"a\":1"), PROPERTIES("\"a\":{\"type\":\"string\"}"),
      RECORD("\"a\":2")},
     "a:text replace\n1\n2\n"},
    {{"{\"type\":\"SCHEMA\",\"stream\":\"s\",\"schema\":{},\"key_properties\":[],"
      "\"bookmark_properties\":[\"a\"]}",
      RECORD("\"a\":1")},
     "a:int append\n1\n"},
    {{RECORD("\"a\":1"), "{\"type\":\"STATE\",\"value\":{\"bookmarks\":{\"s\":{\"a\":1}}}}", "",
      "{\"type\":\"NEWS\"}"},
     "a:int append\n1\n"},
    {{"{\"type\":\"record\",\"stream\":\"s\",\"version\":1,\"record\":{\"a\":1}}",
      "{\"type\":\"record\",\"stream\":\"s\",\"version\":2,\"record\":{\"a\":2}}",
      "{\"type\":\"ACTIVATE_VERSION\",\"stream\":\"s\",\"version\":2}"},
     "a:int _weir_version:int append\n2|2\n"},
};

static void what_a_tap_says_becomes_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct talk t;
        struct weir_error err;
        begin(&t);
        for (size_t k = 0; k < 8 && cases[i].lines[k]; k++) {
            ASSERT_OK(say(&t, cases[i].lines[k], &err), err);
        }
        assert_string_equal(hear(&t), cases[i].got);
        end(&t);
    }
}

static void what_is_no_message_ends_the_run(void **state)
{
    static const char *const lines[] = {"hello",
                                        "[]",
                                        "{\"type\":1}",
                                        "{\"type\":\"RECORD\",\"record\":{}}",
                                        "{\"type\":\"RECORD\",\"stream\":\"s\"}",
                                        "{\"type\":\"RECORD\",\"stream\":\"s\",\"record\":[]}",
                                        "{\"type\":\"SCHEMA\",\"stream\":\"s\"}",
                                        "{\"type\":\"STATE\"}",
                                        "{\"type\":\"ACTIVATE_VERSION\",\"stream\":\"s\"}",
                                        RECORD("\"_weir_run\":1"),
                                        "{\"type\":\"RECORD\",\"stream\":\"s\",\"record\":{\"a\":"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct talk t;
        struct weir_error err;
        begin(&t);
        ASSERT_OK(say(&t, RECORD("\"a\":1"), &err), err);
        assert_int_equal(say(&t, lines[i], &err), WEIR_EINVAL);
        assert_non_null(strstr(err.message, "line 2 of what the tap wrote"));
        end(&t);
    }
}

static void many_streams_take_little_memory_and_keep_their_rows(void **state)
{
    enum { STREAMS = 100, ROWS = 50 };
    struct talk t;
    struct weir_error err;
    char line[256];
    (void)state;
    begin(&t);
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < STREAMS; i++) {
            snprintf(line, sizeof line,
                     "{\"type\":\"RECORD\",\"stream\":\"s%d\",\"record\":{\"a\":%d}}", i, row);
            ASSERT_OK(say(&t, line, &err), err);
            assert_true(t.feed.open_count[0] <= 8);
        }
    }
    ASSERT_OK(weir_singer_lines_end(&t.reader, &err), err);
    for (size_t i = 0; i < STREAMS; i++) {
        size_t rows = 0;
        for (size_t k = 0; k < t.feed.streams[i]->block_count; k++) {
            rows += t.feed.streams[i]->blocks[k].rows;
        }
        assert_int_equal(rows, ROWS);
    }
    end(&t);
}

/* --- loads on the way --- */

/* "STREAM:ROWS … STATE\n" of each load. */
static int see_load(struct weir_feed *feed, struct weir_str state, bool apart,
                    struct weir_error *err)
{
    struct weir_buf *out = feed->loader;
    weir_buf_addz(out, apart ? "apart " : ""); /* never: a tap's state is of all */
    for (size_t i = 0; i < feed->stream_count; i++) {
        struct weir_feed_stream *s = feed->streams[i];
        if (s->taken) {
            weir_buf_addf(out, WEIR_STR_FMT ":%d ", WEIR_STR_ARG(s->name), (int)s->part.rows);
            int rc = weir_feed_flush(s, err);
            if (rc) {
                return rc;
            }
            weir_feed_loaded(s);
        }
    }
    weir_buf_addf(out, WEIR_STR_FMT "\n", WEIR_STR_ARG(state));
    return 0;
}

static void begin_on_the_way(struct talk *t, struct weir_feed_wanted *wanted, size_t count)
{
    begin(t);
    t->feed.wanted = wanted;
    t->feed.wanted_count = count;
    t->feed.checkpoint = 2;
    t->feed.load = see_load;
    t->feed.loader = &t->got;
}

#define OF(stream)  "{\"type\":\"RECORD\",\"stream\":\"" stream "\",\"record\":{\"a\":1}}"
#define STATE(text) "{\"type\":\"STATE\",\"value\":" text "}"

static void rows_are_loaded_with_the_state_behind_them(void **state)
{
    static const char *const lines[] = {
        OF("m"), STATE("{\"bookmarks\":{\"m\":1}}"), /* not enough */
        OF("m"), STATE("{\"bookmarks\":{\"m\":2}}"), OF("r"), OF("m"), OF("m"),
        STATE("{\"currently_syncing\":\"m\",\"bookmarks\":{\"r\":{\"x\":1},\"l\":{\"x\":7}}}"),
        /* it is appended to, and its bookmark stands still; m goes on */
        OF("l"), OF("m"), STATE("{\"bookmarks\":{\"l\":{\"x\":7},\"m\":{\"x\":5}}}"), OF("l"),
        OF("m"), STATE("{\"bookmarks\":{\"m\":{\"x\":6},\"l\":{\"x\":7}}}"), OF("l"), OF("m"),
        STATE("{\"bookmarks\":{\"l\":{\"x\":8}}}"), OF("m"), OF("m"),
        STATE("{\"n\":1}"), /* r waits, and no state tells of it: m is merged, and may come again */
    };
    struct weir_feed_wanted wanted[] = {
        {.stream = {.name = "m", .mode = WEIR_SOURCE_MERGE, .mode_said = true, .cursor = ""}},
        {.stream = {.name = "r", .mode = WEIR_SOURCE_REPLACE, .mode_said = true, .cursor = ""}},
        {.stream = {.name = "l", .mode = WEIR_SOURCE_APPEND, .mode_said = true, .cursor = ""}}};
    struct talk t;
    struct weir_error err;
    (void)state;
    begin_on_the_way(&t, wanted, 3);
    ASSERT_OK(weir_singer_base(&t.reader, WEIR_STR("{\"bookmarks\":{\"l\":{\"x\":7}}}"), &err),
              err);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ASSERT_OK(say(&t, lines[i], &err), err);
    }
    assert_string_equal(weir_buf_cstr(&t.got),
                        "m:2 {\"bookmarks\":{\"m\":2}}\n"
                        "m:2 {\"bookmarks\":{\"l\":{\"x\":7}}}\n"
                        "m:1 {\"bookmarks\":{\"l\":{\"x\":7},\"m\":{\"x\":5}}}\n"
                        "m:1 {\"bookmarks\":{\"m\":{\"x\":6},\"l\":{\"x\":7}}}\n"
                        "m:1 l:3 {\"bookmarks\":{\"l\":{\"x\":8}}}\n"
                        "m:2 {\"bookmarks\":{\"l\":{\"x\":8}}}\n");
    end(&t);
}

static void what_was_loaded_leaves_the_spool(void **state)
{
    struct weir_feed_wanted wanted[] = {
        {.stream = {.name = "s", .mode = WEIR_SOURCE_MERGE, .mode_said = true, .cursor = ""}}};
    struct talk t;
    struct weir_error err;
    (void)state;
    begin_on_the_way(&t, wanted, 1);
    t.feed.spool.max = 100000;
    t.feed.checkpoint = 100;
    for (int i = 0; i < 100000; i++) {
        ASSERT_OK(say(&t, RECORD("\"a\":1"), &err), err);
        if (i % 50 == 0) {
            ASSERT_OK(say(&t, STATE("{\"bookmarks\":{}}"), &err), err);
        }
        assert_true(t.feed.part.rows <= 150 + t.feed.part.loaded / 8);
    }
    assert_int_equal(t.feed.part.rows + t.feed.part.loaded, 100000);
    end(&t);
}

static void the_spool_has_a_limit(void **state)
{
    struct talk t;
    struct weir_error err;
    int rc = 0;
    (void)state;
    begin(&t);
    t.feed.spool.max = 100000;
    for (int i = 0; rc == 0 && i < 100000; i++) {
        rc = say(&t, RECORD("\"a\":1"), &err);
    }
    assert_int_equal(rc, WEIR_ETOOBIG);
    assert_non_null(strstr(err.message, "max_spool"));
    end(&t);
}

static void a_package_is_a_name_and_a_version(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } names[] = {{"tap-csv", true},
                 {"tap_csv==1.2.3", true},
                 {"a[x,y]==1!2.0+l", true},
                 {"", false},
                 {"-r", false},
                 {"a==", false},
                 {"a==-x", false},
                 {"a>=1", false},
                 {"a b", false},
                 {"git+http://x", false},
                 {"./a", false},
                 {"a[x", false},
                 {"a==1 --index-url x", false}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(weir_program_package(weir_str_of(names[i].text)), names[i].good);
    }
}

static void metrics_are_added_up(void **state)
{
    static const struct {
        const char *line;
        bool is;
    } lines[] = {
        {"INFO METRIC: {\"type\":\"counter\",\"metric\":\"record_count\",\"value\":70,\"tags\":{"
         "\"endpoint\":\"orders\"}}",
         true},
        {"time=x level=INFO message=METRIC: {\"type\":\"counter\",\"metric\":\"record_count\","
         "\"value\":5,\"tags\":{\"endpoint\":\"orders\"}}",
         true},
        {"INFO METRIC: {\"type\":\"timer\",\"metric\":\"http_request_duration\",\"value\":0.5,"
         "\"tags\":{\"endpoint\":\"orders\",\"status\":\"failed\"}}",
         true},
        {"INFO METRIC: {\"type\":\"counter\",\"metric\":\"x\",\"value\":\"many\"}", false},
        {"INFO METRIC: {\"type\":\"news\",\"metric\":\"x\",\"value\":1}", false},
        {"INFO METRIC: {\"type\":\"counter\"", false},
        {"INFO 5 rows", false}};
    struct weir_singer_metrics m;
    struct weir_error err;
    (void)state;
    ASSERT_OK(weir_singer_metrics_init(&m, &err), err);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(weir_singer_metrics_hear(&m, weir_str_of(lines[i].line)), lines[i].is);
    }
    assert_int_equal(m.count, 2);
    assert_true(m.items[0].sum > 74.9 && m.items[0].sum < 75.1 && !m.items[0].timer);
    assert_int_equal(m.items[1].failed, 1);
    for (int i = 0; i < 1000; i++) { /* there is an end to it */
        char line[200];
        snprintf(line, sizeof line, "METRIC: {\"type\":\"counter\",\"metric\":\"m%d\",\"value\":1}",
                 i);
        (void)weir_singer_metrics_hear(&m, weir_str_of(line));
    }
    assert_int_equal(m.count, WEIR_SINGER_METRICS);
    weir_singer_metrics_free(&m);
}

static void an_image_is_a_name_and_no_flag(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } names[] = {{"airbyte/source-faker:6.2.0", true},
                 {"localhost:5000/a/b@sha256:0123456789abcdef", true},
                 {"", false},
                 {"-v", false},
                 {"/x", false},
                 {"a b", false},
                 {"a;b", false}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(weir_program_image(weir_str_of(names[i].text)), names[i].good);
    }
}

static void numbers_in_texts_and_below_are_left_alone(void **state)
{
    struct weir_buf out;
    (void)state;
    weir_buf_init(&out, 4096);
    assert_false(weir_feed_quote_numbers(
        WEIR_STR("{\"record\":{\"a\":\"1.2345678901234567890\",\"b\":[1.2345678901234567890],"
                 "\"\\\"\":1.5,\"c\":12345678901234567890}}"),
        2, false, &out));
    assert_true(weir_feed_quote_numbers(WEIR_STR("{\"record\":{\"a\":-1.2345678901234567890}}"), 2,
                                        false, &out));
    assert_string_equal(weir_buf_cstr(&out), "{\"record\":{\"a\":\"-1.2345678901234567890\"}}");
    weir_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_tap_says_becomes_rows),
        cmocka_unit_test(what_is_no_message_ends_the_run),
        cmocka_unit_test(many_streams_take_little_memory_and_keep_their_rows),
        cmocka_unit_test(rows_are_loaded_with_the_state_behind_them),
        cmocka_unit_test(what_was_loaded_leaves_the_spool),
        cmocka_unit_test(the_spool_has_a_limit),
        cmocka_unit_test(a_package_is_a_name_and_a_version),
        cmocka_unit_test(metrics_are_added_up),
        cmocka_unit_test(an_image_is_a_name_and_no_flag),
        cmocka_unit_test(numbers_in_texts_and_below_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
