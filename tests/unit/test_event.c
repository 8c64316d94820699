/* Runs tests/cases/event/<file>.json. A case:
 *
 *     {"name": "what it shows", "method": "batch", "body": {...} or "text": "the body as text",
 *      "limits": {"max_events": 2}, "repairs": {"bad_utf8": 1},
 *      "events": [{field: value, ...}, ...] or "error": "part of the message"}
 *
 * Every request was received at 2026-06-01T12:00:00Z. Of an event the fields that the case names
 * are compared; null says that it has none. */
#include "test.h"

#include <stdio.h>

#include "base/json_write.h"
#include "event/event.h"

#include "cases.h"

static const char RECEIVED_AT[] = "2026-06-01T12:00:00Z";

struct run {
    const char *file;
    struct weir_str name;
    struct weir_json expect; /* the array `events` */
    size_t seen;
    struct weir_buf got;
    struct weir_buf want;
};

static void add_text(struct weir_buf *out, struct weir_str text)
{
    if (text.ptr) {
        weir_json_quote(out, text);
    } else {
        weir_buf_addz(out, "null");
    }
}

static void add_time(struct weir_buf *out, weir_time when)
{
    if (when == WEIR_TIME_NONE) {
        weir_buf_addz(out, "null");
        return;
    }
    weir_buf_addc(out, '"');
    weir_time_print(out, when, when % WEIR_SECOND ? 6 : 0);
    weir_buf_addc(out, '"');
}

static void add_strays(struct weir_buf *out, const struct weir_event *event)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_array(&w);
    for (unsigned i = 0; i < event->stray_count; i++) {
        weir_jw_array(&w);
        weir_jw_strz(&w, event->strays[i].field);
        weir_jw_strz(&w, event->strays[i].reason);
        struct weir_buf value;
        weir_buf_init(&value, 1 << 16);
        weir_json_print(event->strays[i].value, &value);
        weir_jw_raw(&w, weir_buf_str(&value));
        weir_buf_free(&value);
        weir_jw_array_end(&w);
    }
    weir_jw_array_end(&w);
}

/* The event's field as JSON text. */
static void add_field(struct weir_buf *out, const struct weir_event *event, struct weir_str field)
{
    static const char *const notes[] = {"ok", "no_sent_at", "missing", "unreadable", "absurd"};
    const struct {
        const char *name;
        struct weir_str value;
    } texts[] = {
        {"type", weir_str_of(weir_event_type_name(event->type))},
        {"reason", weir_str_of(event->reason)},
        {"message_id", event->message_id},
        {"user_id", event->user_id},
        {"anonymous_id", event->anonymous_id},
        {"event", event->event},
        {"name", event->name},
        {"category", event->category},
        {"group_id", event->group_id},
        {"previous_id", event->previous_id},
        {"time_note", weir_str_of(notes[event->time_note])},
    };
    const struct {
        const char *name;
        struct weir_json value;
    } values[] = {
        {"root", event->root},
        {"properties", event->properties},
        {"context", event->context},
        {"batch_context", event->batch_context},
        {"integrations", event->integrations},
        {"batch_integrations", event->batch_integrations},
    };
    const struct {
        const char *name;
        weir_time value;
    } times[] = {
        {"timestamp", event->timestamp},
        {"original_timestamp", event->original_timestamp},
        {"sent_at", event->sent_at},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (weir_str_is(field, texts[i].name)) {
            add_text(out, texts[i].value);
        }
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (weir_str_is(field, values[i].name)) {
            weir_json_print(values[i].value, out);
        }
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (weir_str_is(field, times[i].name)) {
            add_time(out, times[i].value);
        }
    }
    if (weir_str_is(field, "made_id")) {
        weir_buf_addz(out, event->made_id ? "true" : "false");
    } else if (weir_str_is(field, "index")) {
        weir_buf_add_u64(out, event->index);
    } else if (weir_str_is(field, "strays")) {
        add_strays(out, event);
    }
}

static struct weir_json nth(struct weir_json array, size_t n)
{
    struct weir_json_iter it = weir_json_begin(array);
    struct weir_json value = {NULL, 0};
    for (size_t i = 0; i <= n; i++) {
        if (!weir_json_next(&it, NULL, &value)) {
            return (struct weir_json){NULL, 0};
        }
    }
    return value;
}

static int check(const struct weir_event *event, void *arg, struct weir_error *err)
{
    (void)err;
    struct run *run = arg;
    struct weir_json expect = nth(run->expect, run->seen++);
    if (!weir_json_exists(expect)) {
        fail_msg("%s: " WEIR_STR_FMT ": more events than expected", run->file,
                 WEIR_STR_ARG(run->name));
    }
    assert_true(event->message_id.len > 0 || event->reason);
    assert_true((event->type == WEIR_EVENT_BAD) == (event->reason != NULL));
    struct weir_json_iter it = weir_json_begin(expect);
    struct weir_str field;
    struct weir_json value;
    while (weir_json_next(&it, &field, &value)) {
        weir_buf_reset(&run->got);
        weir_buf_reset(&run->want);
        add_field(&run->got, event, field);
        weir_json_print(value, &run->want);
        if (!weir_str_eq(weir_buf_str(&run->got), weir_buf_str(&run->want))) {
            fail_msg("%s: " WEIR_STR_FMT ": event %zu: " WEIR_STR_FMT " is %s, not %s", run->file,
                     WEIR_STR_ARG(run->name), run->seen - 1, WEIR_STR_ARG(field),
                     weir_buf_cstr(&run->got), weir_buf_cstr(&run->want));
        }
    }
    return 0;
}

static void check_repairs(struct run *run, struct weir_json expect,
                          const struct weir_json_repairs *repairs)
{
    const struct {
        const char *name;
        uint32_t n;
    } counts[] = {{"bad_utf8", repairs->bad_utf8},
                  {"surrogates", repairs->surrogates},
                  {"big_numbers", repairs->big_numbers},
                  {"control", repairs->control},
                  {"not_finite", repairs->not_finite}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t want = 0;
        weir_json_i64(weir_json_get(expect, counts[i].name), &want);
        if (counts[i].n != want) {
            fail_msg("%s: " WEIR_STR_FMT ": %u repairs of %s", run->file, WEIR_STR_ARG(run->name),
                     counts[i].n, counts[i].name);
        }
    }
}

static void run_case(struct run *run, struct weir_json_parser *parser, struct weir_arena *arena,
                     struct weir_json item)
{
    static const unsigned char request_id[16] = "request-id-0000";
    struct weir_event_request request = {weir_json_get_str(item, "method"), request_id, 0};
    assert_true(weir_time_parse(weir_str_of(RECEIVED_AT), &request.received_at));
    struct weir_buf body;
    weir_buf_init(&body, 1 << 20);
    struct weir_str text;
    if (weir_json_str(weir_json_get(item, "text"), &text)) {
        weir_buf_adds(&body, text);
    } else {
        weir_json_print(weir_json_get(item, "body"), &body);
    }
    struct weir_event_limits limits = WEIR_EVENT_LIMITS_DEFAULT;
    uint64_t max_events;
    if (weir_json_u64(weir_json_get(weir_json_get(item, "limits"), "max_events"), &max_events)) {
        limits.max_events = (size_t)max_events;
    }
    run->name = weir_json_get_str(item, "name");
    run->expect = weir_json_get(item, "events");
    run->seen = 0;
    struct weir_json_repairs repairs = {0};
    struct weir_error err = {0};
    int code = weir_event_each(parser, arena, &request, weir_buf_str(&body), &limits, &repairs,
                               check, run, &err);
    struct weir_str message = weir_json_get_str(item, "error");
    if (message.ptr) {
        assert_true(code == WEIR_EINVAL || code == WEIR_ETOOBIG);
        assert_non_null(memmem(err.message, strlen(err.message), message.ptr, message.len));
    } else {
        ASSERT_OK(code, err);
    }
    if (run->seen != weir_json_count(run->expect)) {
        fail_msg("%s: " WEIR_STR_FMT ": %zu events", run->file, WEIR_STR_ARG(run->name), run->seen);
    }
    check_repairs(run, weir_json_get(item, "repairs"), &repairs);
    weir_buf_free(&body);
}

static void run_file(const char *file)
{
    struct weir_error err;
    struct weir_json cases;
    struct weir_json_parser *reader = weir_json_parser_new(100);
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_arena arena;
    struct run run = {.file = file};
    weir_arena_init(&arena, 1 << 20);
    weir_buf_init(&run.got, 1 << 20);
    weir_buf_init(&run.want, 1 << 20);
    struct weir_buf text = cases_read(file);
    ASSERT_OK(weir_json_parse(reader, weir_buf_str(&text), &cases, &err), err);
    assert_true(weir_json_count(cases) > 0);
    struct weir_json_iter it = weir_json_begin(cases);
    struct weir_json item;
    while (weir_json_next(&it, NULL, &item)) {
        run_case(&run, parser, &arena, item);
        weir_arena_reset(&arena);
    }
    weir_buf_free(&text);
    weir_buf_free(&run.got);
    weir_buf_free(&run.want);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    weir_json_parser_free(reader);
}

static void calls_and_their_ids(void **state)
{
    (void)state;
    run_file("event/calls.json");
}

static void times(void **state)
{
    (void)state;
    run_file("event/times.json");
}

static void batches(void **state)
{
    (void)state;
    run_file("event/batches.json");
}

static void hostile_bodies(void **state)
{
    (void)state;
    run_file("event/hostile.json");
}

/* --- what data files cannot say ------------------------------------------------------------------
 */

struct ids {
    char text[3][64];
    unsigned count;
    unsigned stop_at;
};

static int keep_id(const struct weir_event *event, void *arg, struct weir_error *err)
{
    struct ids *ids = arg;
    assert_true(event->made_id);
    snprintf(ids->text[ids->count], sizeof ids->text[0], WEIR_STR_FMT,
             WEIR_STR_ARG(event->message_id));
    ids->count++;
    return ids->count == ids->stop_at ? weir_fail(err, WEIR_ECANCELED, "enough") : 0;
}

static int read_ids(struct ids *ids, const char *request_id)
{
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_arena arena;
    weir_arena_init(&arena, 1 << 20);
    struct weir_buf body;
    weir_buf_init(&body, 1 << 20);
    weir_buf_addz(&body, "{\"batch\":[{},{},{}]}");
    struct weir_event_request request = {WEIR_STR("batch"), (const unsigned char *)request_id, 0};
    struct weir_error err;
    int code = weir_event_each(parser, &arena, &request, weir_buf_str(&body),
                               &WEIR_EVENT_LIMITS_DEFAULT, NULL, keep_id, ids, &err);
    weir_buf_free(&body);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    return code;
}

static void made_ids_are_the_same_at_each_reading(void **state)
{
    (void)state;
    struct ids a = {0};
    struct ids b = {0};
    struct ids other = {0};
    assert_int_equal(read_ids(&a, "0123456789abcdef"), 0);
    assert_int_equal(read_ids(&b, "0123456789abcdef"), 0);
    assert_int_equal(read_ids(&other, "0123456789abcdeF"), 0);
    assert_int_equal(a.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(a.text[i], b.text[i]);
        assert_string_not_equal(a.text[i], other.text[i]);
        assert_string_not_equal(a.text[i], a.text[(i + 1) % 3]);
        assert_int_equal(a.text[i][14], '8');
    }
}

static void the_callback_can_stop_the_walk(void **state)
{
    (void)state;
    struct ids ids = {.stop_at = 2};
    assert_int_equal(read_ids(&ids, "0123456789abcdef"), WEIR_ECANCELED);
    assert_int_equal(ids.count, 2);
}

static void the_write_key_is_found_in_the_body(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {{"{\"batch\":[],\"writeKey\":\"abc\"}", "abc"},
                                            {"{\"writeKey\":\"\"}", NULL},
                                            {"{\"writeKey\":7}", NULL},
                                            {"{}", NULL},
                                            {"[\"writeKey\"]", NULL}};
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_buf text;
    weir_buf_init(&text, 4096);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct weir_error err;
        struct weir_json root;
        weir_buf_reset(&text);
        weir_buf_addz(&text, bodies[i][0]);
        ASSERT_OK(weir_json_parse(parser, weir_buf_str(&text), &root, &err), err);
        struct weir_str key = weir_event_write_key(root);
        assert_true(bodies[i][1] ? weir_str_is(key, bodies[i][1]) : key.ptr == NULL);
    }
    weir_buf_free(&text);
    weir_json_parser_free(parser);
}

/* --- what real SDKs sent
 * -------------------------------------------------------------------------- */

#define SEEDS WEIR_CASES "/../fuzz/corpus/event"

struct bodies {
    unsigned files;
    unsigned events;
    unsigned types; /* a bit for each type seen */
};

static int good(const struct weir_event *event, void *arg, struct weir_error *err)
{
    struct bodies *bodies = arg;
    if (event->type == WEIR_EVENT_BAD || event->made_id || event->stray_count ||
        event->time_note == WEIR_TIME_MISSING || event->time_note == WEIR_TIME_UNREADABLE) {
        return weir_fail(err, WEIR_EINVAL, "%s",
                         event->reason ? event->reason : "not all was read");
    }
    bodies->events++;
    bodies->types |= 1u << event->type;
    return 0;
}

static int read_seed(const char *name, void *arg, struct weir_error *err)
{
    static const char *const methods[] = {"track", "batch",  "identify", "page",
                                          "group", "screen", "alias"};
    struct bodies *bodies = arg;
    if (strncmp(name, "sdk-", 4) != 0) {
        return 0;
    }
    struct weir_buf file;
    struct weir_buf body;
    weir_buf_init(&file, 1 << 20);
    weir_buf_init(&body, 1 << 20);
    char *path = weir_path_join(SEEDS, name);
    ASSERT_OK(weir_file_read(path, &file, err), *err);
    assert_in_range(file.data[0], 0, 6);
    weir_buf_add(&body, file.data + 1, file.len - 1);
    struct weir_event_request request = {weir_str_of(methods[(int)file.data[0]]),
                                         (const unsigned char *)"0123456789abcdef", 0};
    struct weir_json_parser *parser = weir_json_parser_new(64);
    struct weir_arena arena;
    weir_arena_init(&arena, 1 << 20);
    struct weir_json_repairs repairs;
    int code = weir_event_each(parser, &arena, &request, weir_buf_str(&body),
                               &WEIR_EVENT_LIMITS_DEFAULT, &repairs, good, bodies, err);
    bodies->files++;
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    weir_buf_free(&file);
    weir_buf_free(&body);
    free(path);
    return code ? weir_error_prefix(err, code, "%s", name) : 0;
}

static void bodies_of_real_sdks_are_read_whole(void **state)
{
    (void)state;
    struct bodies bodies = {0};
    struct weir_error err;
    ASSERT_OK(weir_dir_each(SEEDS, read_seed, &bodies, &err), err);
    assert_int_equal(bodies.files, 18);
    assert_true(bodies.events > 30);
    assert_int_equal(bodies.types, 0x7E); /* all six, none bad */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_their_ids),
        cmocka_unit_test(times),
        cmocka_unit_test(batches),
        cmocka_unit_test(hostile_bodies),
        cmocka_unit_test(made_ids_are_the_same_at_each_reading),
        cmocka_unit_test(the_callback_can_stop_the_walk),
        cmocka_unit_test(the_write_key_is_found_in_the_body),
        cmocka_unit_test(bodies_of_real_sdks_are_read_whole),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
