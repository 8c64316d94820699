/* The sample company: repeatable, bounded, true to its plot at every size. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "demo/demo.h"
#include "demo/stories.h"
#include "demo/when.h"

#define UNTIL ((weir_time)1795000000 * WEIR_SECOND) /* 2026-11-18 */

static struct weir_demo *make(uint64_t seed, uint64_t events)
{
    struct weir_demo_options options = {.seed = seed, .events = events, .until = UNTIL};
    struct weir_demo *demo = NULL;
    struct weir_error err = {0};
    ASSERT_OK(weir_demo_new(&options, &demo, &err), err);
    return demo;
}

static uint64_t hash_of(uint64_t seed, uint64_t events, uint64_t lines)
{
    struct weir_demo *demo = make(seed, events);
    struct weir_demo_event event;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < lines && weir_demo_next(demo, &event); i++) {
        hash = weir_hash64(event.json.ptr, event.json.len, hash ^ event.source);
    }
    weir_demo_free(demo);
    return hash;
}

static struct weir_demo_totals run(uint64_t events)
{
    struct weir_demo *demo = make(1, events);
    struct weir_demo_event event;
    weir_time last = 0;
    while (weir_demo_next(demo, &event)) {
        assert_true(event.at >= last); /* in the order of sending */
        last = event.at;
    }
    assert_false(weir_demo_failed(demo));
    assert_true(last <= UNTIL);
    assert_true(last > UNTIL - 300 * WEIR_SECOND); /* somebody is on until the end */
    struct weir_demo_totals totals;
    weir_demo_totals(demo, &totals);
    weir_demo_free(demo);
    return totals;
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    assert_true(hash_of(1, 200000, 100000) == hash_of(1, 200000, 100000));
    assert_true(hash_of(1, 200000, 1000) != hash_of(2, 200000, 1000));
    /* On every machine and with every compiler: a change here is a change of the sample company,
     * so every answer in docs/guide/demo.md must be looked at again. */
    assert_int_equal(hash_of(1, 200000, 100000), 0x3b3f2adb7906fdeeu);
}

static void gives_exactly_as_many_events_as_asked_for(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {WEIR_DEMO_MIN_EVENTS, 20000, 77777, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(run(sizes[i]).events, sizes[i]);
    }
}

static void refuses_sizes_it_cannot_make(void **state)
{
    (void)state;
    struct weir_demo_options options = {.events = WEIR_DEMO_MIN_EVENTS - 1, .until = UNTIL};
    struct weir_demo *demo = NULL;
    assert_int_equal(weir_demo_new(&options, &demo, NULL), WEIR_EINVAL);
    options.events = (uint64_t)WEIR_DEMO_MAX_EVENTS + 1;
    assert_int_equal(weir_demo_new(&options, &demo, NULL), WEIR_EINVAL);
    assert_null(demo);
}

static void assert_between(double value, double low, double high, const char *what)
{
    if (value < low || value > high) {
        fail_msg("%s is %.4f, expected %.4f to %.4f", what, value, low, high);
    }
}

static void rates_are_those_of_podium(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {200000, 1000000};
    for (size_t i = 0; i < 2; i++) {
        struct weir_demo_totals t = run(sizes[i]);
        double slack = i == 0 ? 1 : 0.6;
        assert_between((double)t.signups / (double)t.visitors, 0.04 - 0.003 * slack,
                       0.04 + 0.003 * slack, "sign-ups of visitors");
        assert_between((double)t.trials / (double)t.signups, 0.30 - 0.03 * slack,
                       0.30 + 0.03 * slack, "trials of sign-ups");
        assert_between((double)t.conversions / (double)t.trials_ended, 0.55 - 0.04 * slack,
                       0.55 + 0.04 * slack, "conversions of trials");
        assert_between((double)t.cancellations / (double)(t.renewals + t.cancellations), 0.05, 0.11,
                       "cancellations at renewals");
        assert_between((double)t.beats / (double)t.events, 0.55, 0.75, "share of heartbeats");
    }
}

static void every_story_is_told_at_the_default_size(void **state)
{
    (void)state;
    struct weir_demo_totals t = run(200000);
    assert_true(t.duplicates > 100);
    assert_true(t.bad_clocks > 30);
    assert_true(t.text_positions > 40);
    assert_true(t.echo_cancellations >= 6);
    assert_true(t.refunds >= 15);
    assert_true(t.reactivations >= 3);
    assert_true(t.founders >= 80);
    assert_true(t.subscribers >= 100);
    for (int source = 0; source < WEIR_DEMO_SOURCES; source++) {
        assert_true(t.by_source[source] > 1000);
    }
}

/* Ten times the events may not take ten times the memory: history is never held. */
static void memory_does_not_grow_with_history(void **state)
{
    (void)state;
    struct weir_demo_totals small = run(200000);
    struct weir_demo_totals large = run(2000000);
    assert_true(small.memory < (size_t)2 << 20);
    assert_true(large.memory < small.memory * 6);
}

struct seen {
    struct weir_json_parser *parser;
    struct weir_buf text;
    uint64_t ios_text[3], ios_number[3]; /* before, during and after iOS 4.16.0 */
    uint64_t giant_days, usual_days;     /* pages and screens of those two days, of the others */
    uint64_t buffering, phones_before[2], phones_after[2];
    uint64_t growing_first, growing_last;
};

static void look_at_position(struct seen *seen, const struct demo_stories *stories,
                             const struct weir_demo_event *event, struct weir_json properties)
{
    struct weir_json position = weir_json_get(properties, "video_position");
    if (event->source != WEIR_DEMO_IOS || !weir_json_exists(position)) {
        return;
    }
    int64_t at = event->at / 1000;
    int when = at < stories->text_from ? 0 : at < stories->text_to + DEMO_HOUR ? 1 : 2;
    bool text = weir_json_type(position) == WEIR_JSON_STRING;
    seen->ios_text[when] += text;
    seen->ios_number[when] += !text;
}

static void look(struct seen *seen, const struct demo_stories *stories,
                 const struct weir_demo_event *event)
{
    struct weir_error err = {0};
    struct weir_json root;
    weir_buf_reset(&seen->text);
    weir_buf_adds(&seen->text, event->json);
    ASSERT_OK(weir_json_parse(seen->parser, weir_buf_str(&seen->text), &root, &err), err);
    assert_non_null(weir_json_get_str(root, "messageId").ptr);
    assert_true(weir_json_get_str(root, "userId").len ||
                weir_json_get_str(root, "anonymousId").len);
    weir_time when;
    assert_true(weir_time_parse(weir_json_get_str(root, "timestamp"), &when));

    int64_t at = event->at / 1000;
    struct weir_str type = weir_json_get_str(root, "type");
    if (weir_str_is(type, "page") || weir_str_is(type, "screen")) {
        int64_t since = at - stories->giant_day;
        bool giant = since >= 0 && since < 2 * DEMO_DAY;
        seen->giant_days += giant;
        /* Compared with the four weeks around it. */
        seen->usual_days += !giant && since > -14 * DEMO_DAY && since < 16 * DEMO_DAY;
    }

    struct weir_json properties = weir_json_get(root, "properties");
    look_at_position(seen, stories, event, properties);
    int64_t buffering = 0;
    weir_json_i64(weir_json_get(properties, "buffering_ms"), &buffering);
    seen->buffering += at >= stories->outage_from && at < stories->outage_to && buffering > 5000;
    struct weir_str name = weir_json_get_str(root, "event");
    bool phone = event->source == WEIR_DEMO_IOS || event->source == WEIR_DEMO_ANDROID;
    uint64_t *funnel = at < stories->checkout_change ? seen->phones_before : seen->phones_after;
    funnel[0] += phone && weir_str_is(name, "Checkout Started");
    funnel[1] += phone && weir_str_is(name, "Checkout Completed");
    if (weir_str_is(name, "Video Heartbeat") &&
        weir_str_is(weir_json_get_str(properties, "sport"), "Climbing")) {
        seen->growing_first += at < stories->until - 455 * DEMO_DAY;
        seen->growing_last +=
            at >= stories->until - 94 * DEMO_DAY && at < stories->until - DEMO_DAY;
    }
}

static void the_plot_is_in_the_events(void **state)
{
    (void)state;
    struct seen seen = {.parser = weir_json_parser_new(32)};
    weir_buf_init(&seen.text, 1 << 16);
    struct demo_stories stories;
    weir_demo_stories_plan(&stories, UNTIL / 1000);
    struct weir_demo *demo = make(1, 400000);
    struct weir_demo_event event;
    while (weir_demo_next(demo, &event)) {
        look(&seen, &stories, &event);
    }
    weir_demo_free(demo);
    weir_buf_free(&seen.text);
    weir_json_parser_free(seen.parser);

    assert_true(seen.ios_text[1] > 100);
    assert_int_equal(seen.ios_text[0] + seen.ios_text[2], 0);
    assert_true(seen.ios_number[0] > 0 && seen.ios_number[2] > 0);
    assert_between((double)seen.giant_days / 2 / ((double)seen.usual_days / 28), 1.7, 2.9,
                   "pages and screens on the giant's days");
    assert_true(seen.buffering > 100);
    assert_between((double)seen.phones_before[1] / (double)seen.phones_before[0], 0.3, 0.5,
                   "phones' checkouts before the change");
    assert_between((double)seen.phones_after[1] / (double)seen.phones_after[0], 0.58, 0.78,
                   "phones' checkouts after it");
    assert_between((double)seen.growing_last / (double)seen.growing_first, 2.2, 7,
                   "the growing sport");
}

/* The demo's questions read these tables; one that no event made would be an error. */
static void even_a_small_company_has_one_of_everything(void **state)
{
    (void)state;
    static const char *const everywhere[] = {"Video Started",      "Video Heartbeat",
                                             "Signed Up",          "Checkout Started",
                                             "Checkout Completed", "Support Contacted"};
    static const char *const server[] = {"Trial Started", "Subscription Started",
                                         "Subscription Renewed", "Subscription Cancelled",
                                         "Refund Issued"};
    struct weir_buf text;
    struct weir_json_parser *parser = weir_json_parser_new(32);
    weir_buf_init(&text, 1 << 16);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        unsigned found[WEIR_DEMO_SOURCES] = {0};
        struct weir_demo *demo = make(seed, WEIR_DEMO_MIN_EVENTS);
        struct weir_demo_event event;
        while (weir_demo_next(demo, &event)) {
            struct weir_json root;
            weir_buf_reset(&text);
            weir_buf_adds(&text, event.json);
            assert_int_equal(weir_json_parse(parser, weir_buf_str(&text), &root, NULL), 0);
            struct weir_str name = weir_json_get_str(root, "event");
            bool of_server = event.source == WEIR_DEMO_SERVER;
            for (unsigned i = 0; i < (of_server ? 5 : 6); i++) {
                const char *const *names = of_server ? server : everywhere;
                found[event.source] |= weir_str_is(name, names[i]) ? 1u << i : 0;
            }
        }
        weir_demo_free(demo);
        for (int source = 0; source < WEIR_DEMO_SOURCES; source++) {
            if (found[source] != (source == WEIR_DEMO_SERVER ? 31u : 63u)) {
                fail_msg("seed %u: source %s has only %x", (unsigned)seed,
                         weir_demo_source_name((enum weir_demo_source)source), found[source]);
            }
        }
    }
    weir_buf_free(&text);
    weir_json_parser_free(parser);
}

static void dates_are_those_of_the_calendar(void **state)
{
    (void)state;
    char text[25] = {0};
    weir_demo_when_print(1709164800000 + 7384005, text); /* 2024-02-29 */
    assert_string_equal(text, "2024-02-29T02:03:04.005Z");
    assert_int_equal(weir_demo_weekday(0), 3); /* a Thursday */
    int64_t january = weir_demo_day_of((struct demo_date){2025, 1, 31}) * DEMO_DAY;
    struct demo_date date = weir_demo_date_of(weir_demo_add_months(january, 1) / DEMO_DAY);
    assert_int_equal(date.month * 100 + date.day, 228);
    date = weir_demo_date_of(weir_demo_add_months(january, 12) / DEMO_DAY);
    assert_int_equal(date.year, 2026);
}

static void goes_live_after_the_history(void **state)
{
    (void)state;
    struct weir_demo *demo = make(1, 5000);
    struct weir_demo_event event;
    while (weir_demo_next(demo, &event)) {
    }
    weir_time now = UNTIL + 400 * WEIR_SECOND;
    weir_time begun = now;
    unsigned events = 0;
    for (int second = 0; second < 300; second++, now += WEIR_SECOND) {
        while (weir_demo_live(demo, now, &event)) {
            assert_true(event.at >= begun && event.at <= now);
            events++;
        }
    }
    weir_demo_free(demo);
    assert_true(events > 300 && events < 3000); /* a few a second */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(gives_exactly_as_many_events_as_asked_for),
        cmocka_unit_test(refuses_sizes_it_cannot_make),
        cmocka_unit_test(rates_are_those_of_podium),
        cmocka_unit_test(every_story_is_told_at_the_default_size),
        cmocka_unit_test(memory_does_not_grow_with_history),
        cmocka_unit_test(the_plot_is_in_the_events),
        cmocka_unit_test(even_a_small_company_has_one_of_everything),
        cmocka_unit_test(dates_are_those_of_the_calendar),
        cmocka_unit_test(goes_live_after_the_history),
    };
    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
