#include "demo/gen.h"

/* Calls as the SDKs send them: analytics.js 2 in browsers, Swift and Kotlin in the apps, Node on
 * the server. The order of the members is theirs. */

#define SITE "https://podium.example.com"

void weir_demo_put_anonymous(struct demo_line *line, uint64_t key, unsigned slot)
{
    weir_demo_put_uuid(line, weir_demo_mix(key ^ (0x31 + slot)), weir_demo_mix(key ^ (0x41 + slot)),
                       false);
}

static const char *page_name(enum weir_demo_step page)
{
    static const char *const names[DEMO_STEPS] = {
        [DEMO_STEP_HOME] = "Home",         [DEMO_STEP_SPORT] = "Sport",
        [DEMO_STEP_EVENT] = "Live Event",  [DEMO_STEP_PLANS] = "Plans",
        [DEMO_STEP_SIGNUP] = "Sign Up",    [DEMO_STEP_ACCOUNT] = "Account",
        [DEMO_STEP_CHECKOUT] = "Checkout",
    };
    return names[page] ? names[page] : "Home";
}

static void put_path(struct demo_line *line, const struct weir_demo *demo,
                     const struct demo_visit *visit)
{
    static const char *const paths[DEMO_STEPS] = {
        [DEMO_STEP_HOME] = "/",
        [DEMO_STEP_PLANS] = "/plans",
        [DEMO_STEP_SIGNUP] = "/signup",
        [DEMO_STEP_ACCOUNT] = "/account",
        [DEMO_STEP_CHECKOUT] = "/checkout",
    };
    bool event = visit->page == DEMO_STEP_EVENT && visit->live != DEMO_NOBODY;
    if (event || visit->page == DEMO_STEP_SPORT) {
        DEMO_PUT(line, "/");
        weir_demo_putz(line, weir_demo_sports[visit->sport].slug);
        if (event) {
            DEMO_PUT(line, "/");
            weir_demo_putz(line, demo->calendar.items[visit->live].id);
        }
        return;
    }
    weir_demo_putz(line, paths[visit->page] ? paths[visit->page] : "/");
}

/* The landing page's query string; later pages have none. */
static void put_search(struct demo_line *line, const struct demo_visit *visit)
{
    const struct demo_channel_info *channel = &weir_demo_channels[visit->channel];
    if (visit->landed || !channel->source) {
        return;
    }
    DEMO_PUT(line, "?utm_source=");
    weir_demo_putz(line, channel->source);
    DEMO_PUT(line, "&utm_medium=");
    weir_demo_putz(line, channel->medium);
    DEMO_PUT(line, "&utm_campaign=");
    weir_demo_putz(line, weir_demo_campaigns[visit->channel][visit->campaign]);
}

/* {"path":…,"referrer":…,"search":…,"title":…,"url":…}, open at its end for more members. */
static void put_page(struct demo_line *line, const struct weir_demo *demo,
                     const struct demo_visit *visit)
{
    DEMO_PUT(line, "{\"path\":\"");
    put_path(line, demo, visit);
    DEMO_PUT(line, "\",\"referrer\":\"");
    weir_demo_putz(line, weir_demo_channels[visit->channel].referrer[visit->referrer]);
    DEMO_PUT(line, "\",\"search\":\"");
    put_search(line, visit);
    DEMO_PUT(line, "\",\"title\":\"");
    if (visit->page == DEMO_STEP_EVENT && visit->live != DEMO_NOBODY) {
        weir_demo_putz(line, demo->calendar.items[visit->live].title);
    } else {
        weir_demo_putz(line, visit->page == DEMO_STEP_SPORT ? weir_demo_sports[visit->sport].name
                                                            : page_name(visit->page));
    }
    DEMO_PUT(line, " | Podium\",\"url\":\"" SITE);
    put_path(line, demo, visit);
    put_search(line, visit);
    DEMO_PUT(line, "\"");
}

void weir_demo_call_page(struct weir_demo *demo, const struct demo_visit *visit)
{
    struct demo_line *line = &demo->line;
    DEMO_PUT(line, ",\"name\":\"");
    weir_demo_putz(line, page_name(visit->page));
    DEMO_PUT(line, "\",\"properties\":");
    if (weir_demo_device_source(visit->device) == WEIR_DEMO_WEB) {
        put_page(line, demo, visit);
        DEMO_PUT(line, ",\"name\":\"");
        weir_demo_putz(line, page_name(visit->page));
        DEMO_PUT(line, "\",\"sport\":\"");
    } else {
        DEMO_PUT(line, "{\"sport\":\"");
    }
    weir_demo_putz(line, weir_demo_sports[visit->sport].name);
    DEMO_PUT(line, "\"");
    if (visit->page == DEMO_STEP_EVENT && visit->live != DEMO_NOBODY) {
        DEMO_PUT(line, ",\"live_event_id\":\"");
        weir_demo_putz(line, demo->calendar.items[visit->live].id);
        DEMO_PUT(line, "\"");
    }
    DEMO_PUT(line, "}");
}

/* What a device with a dead clock battery believes: it counts from 1970. */
static int64_t device_time(const struct weir_demo *demo, const struct demo_visit *visit)
{
    return visit->old_clock ? visit->at - demo->stories.clock_from + 37 * DEMO_SECOND : visit->at;
}

void weir_demo_call_begin(struct weir_demo *demo, const struct demo_visit *visit, const char *type)
{
    struct demo_line *line = &demo->line;
    line->len = 0;
    demo->source = weir_demo_device_source(visit->device);
    DEMO_PUT(line, "{\"timestamp\":\"");
    weir_demo_put_time(line, device_time(demo, visit));
    DEMO_PUT(line, "\",\"integrations\":{},\"anonymousId\":\"");
    weir_demo_put_anonymous(line, visit->key, visit->slot);
    DEMO_PUT(line, "\"");
    if (visit->person != DEMO_NOBODY) {
        DEMO_PUT(line, ",\"userId\":\"");
        weir_demo_put_user_id(line, demo->people[visit->person].key);
        DEMO_PUT(line, "\"");
    }
    DEMO_PUT(line, ",\"type\":\"");
    weir_demo_putz(line, type);
    DEMO_PUT(line, "\"");
}

static void put_campaign(struct demo_line *line, const struct demo_visit *visit)
{
    const struct demo_channel_info *channel = &weir_demo_channels[visit->channel];
    if (visit->landed || !channel->source) {
        return;
    }
    DEMO_PUT(line, ",\"campaign\":{\"source\":\"");
    weir_demo_putz(line, channel->source);
    DEMO_PUT(line, "\",\"medium\":\"");
    weir_demo_putz(line, channel->medium);
    DEMO_PUT(line, "\",\"name\":\"");
    weir_demo_putz(line, weir_demo_campaigns[visit->channel][visit->campaign]);
    DEMO_PUT(line, "\"}");
}

static void put_message_id(struct weir_demo *demo, const char *prefix, int64_t at, bool upper)
{
    struct demo_line *line = &demo->line;
    DEMO_PUT(line, ",\"messageId\":\"");
    if (prefix) {
        weir_demo_putz(line, prefix);
        weir_demo_put_int(line, at);
        DEMO_PUT(line, "-");
    }
    uint64_t a = weir_demo_rng_next(&demo->rng);
    weir_demo_put_uuid(line, a, weir_demo_rng_next(&demo->rng), upper);
    DEMO_PUT(line, "\"");
}

void weir_demo_call_end(struct weir_demo *demo, const struct demo_visit *visit)
{
    struct demo_line *line = &demo->line;
    bool web = demo->source == WEIR_DEMO_WEB;
    DEMO_PUT(line, ",\"context\":{");
    weir_demo_put(line, visit->context->text, visit->context->len);
    if (web) {
        put_campaign(line, visit);
        DEMO_PUT(line, ",\"page\":");
        put_page(line, demo, visit);
        DEMO_PUT(line, "}");
    }
    DEMO_PUT(line, "}");
    put_message_id(demo, web ? "ajs-next-" : NULL, visit->at, demo->source == WEIR_DEMO_IOS);
    if (visit->old_clock) {
        DEMO_PUT(line, ",\"sentAt\":\"");
        weir_demo_put_time(line, device_time(demo, visit) + 2400);
        DEMO_PUT(line, "\"");
        demo->totals.bad_clocks++;
    }
    DEMO_PUT(line, "}");
}

void weir_demo_server_begin(struct weir_demo *demo, int64_t at, const char *type, uint64_t key)
{
    struct demo_line *line = &demo->line;
    line->len = 0;
    demo->source = WEIR_DEMO_SERVER;
    DEMO_PUT(line, "{\"userId\":\"");
    weir_demo_put_user_id(line, key);
    DEMO_PUT(line, "\",\"timestamp\":\"");
    weir_demo_put_time(line, at);
    DEMO_PUT(line, "\",\"type\":\"");
    weir_demo_putz(line, type);
    DEMO_PUT(line, "\"");
}

void weir_demo_server_end(struct weir_demo *demo, int64_t at)
{
    DEMO_PUT(&demo->line,
             ",\"integrations\":{},\"context\":{\"library\":{\"name\":\"@segment/analytics-node\","
             "\"version\":\"3.1.0\"}},\"_metadata\":{\"nodeVersion\":\"20.19.2\","
             "\"jsRuntime\":\"node\"}");
    put_message_id(demo, "node-next-", at, false);
    DEMO_PUT(&demo->line, "}");
}
