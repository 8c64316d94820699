#include "demo/gen.h"

/* The steps of a session: each writes one call and says how long until the next. */

static void put_text(struct demo_line *line, const char *key, const char *value)
{
    DEMO_PUT(line, ",\"");
    weir_demo_putz(line, key);
    DEMO_PUT(line, "\":\"");
    weir_demo_putz(line, value);
    DEMO_PUT(line, "\"");
}

static void put_number(struct demo_line *line, const char *key, int64_t value)
{
    DEMO_PUT(line, ",\"");
    weir_demo_putz(line, key);
    DEMO_PUT(line, "\":");
    weir_demo_put_int(line, value);
}

static const char *plan_name(unsigned plan)
{
    return plan == DEMO_YEARLY ? "yearly" : "monthly";
}

/* iOS 4.16.0 was built with the position as text; whoever had updated by then sent it so. */
static bool sends_text(const struct weir_demo *demo, const struct demo_visit *visit)
{
    const struct demo_stories *stories = &demo->stories;
    int64_t updated =
        stories->text_from + (int64_t)(weir_demo_mix(visit->key ^ 0x51) % 30) * DEMO_HOUR;
    return visit->device == DEMO_IPHONE && visit->at >= updated && visit->at < stories->text_to;
}

static bool in_outage(const struct weir_demo *demo, const struct demo_visit *visit)
{
    return visit->live == demo->calendar.outage && visit->at >= demo->stories.outage_from &&
           visit->at < demo->stories.outage_to;
}

static void video_props(struct weir_demo *demo, struct demo_visit *visit, bool beat)
{
    struct demo_line *line = &demo->line;
    const struct demo_live *live = &demo->calendar.items[visit->live];
    DEMO_PUT(line, "\"session_id\":\"");
    weir_demo_put_code(line, "vs_", weir_demo_mix(visit->key ^ visit->session));
    DEMO_PUT(line, "\"");
    put_text(line, "live_event_id", live->id);
    put_text(line, "sport", weir_demo_sports[live->sport].name);
    put_text(line, "tier", live->paid ? "paid" : "free");
    if (!beat) {
        put_text(line, "title", live->title);
    }
    if (sends_text(demo, visit)) {
        DEMO_PUT(line, ",\"video_position\":\"");
        weir_demo_put_int(line, visit->position);
        DEMO_PUT(line, "\"");
        demo->totals.text_positions++;
    } else {
        put_number(line, "video_position", visit->position);
    }
}

static void props_beat(struct weir_demo *demo, struct demo_visit *visit)
{
    static const uint16_t ladder[] = {1200, 2400, 3500, 4800, 6000, 8000};
    struct demo_rng *rng = &demo->rng;
    visit->position += 30;
    video_props(demo, visit, true);
    bool outage = in_outage(demo, visit);
    bool bad = outage || (visit->bad_stream && weir_demo_rng_chance(rng, 600000));
    unsigned quality = (unsigned)(weir_demo_mix(visit->key ^ visit->session) % 6);
    visit->buffering = outage ? (uint32_t)weir_demo_rng_range(rng, 6000, 24000)
                       : bad  ? (uint32_t)weir_demo_rng_range(rng, 2000, 9000)
                       : weir_demo_rng_chance(rng, 60000)
                           ? (uint32_t)weir_demo_rng_range(rng, 80, 900)
                           : 0;
    put_number(&demo->line, "bitrate_kbps",
               bad ? 300 + weir_demo_rng_range(rng, 0, 300)
                   : ladder[quality] - weir_demo_rng_range(rng, 0, ladder[quality] / 8));
    put_number(&demo->line, "buffering_ms", visit->buffering);
    demo->totals.beats++;
}

static void props_start(struct weir_demo *demo, struct demo_visit *visit)
{
    const struct demo_live *live = &demo->calendar.items[visit->live];
    video_props(demo, visit, false);
    DEMO_PUT(&demo->line, ",\"livestream\":true,\"starts_at\":\"");
    weir_demo_put_time(&demo->line, live->start);
    DEMO_PUT(&demo->line, "\"");
    demo->totals.views++;
}

static void props_video(struct weir_demo *demo, struct demo_visit *visit)
{
    video_props(demo, visit, false);
}

static void props_sport(struct weir_demo *demo, struct demo_visit *visit)
{
    DEMO_PUT(&demo->line, "\"sport\":\"");
    weir_demo_putz(&demo->line, weir_demo_sports[visit->sport].name);
    DEMO_PUT(&demo->line, "\"");
}

static void put_athlete(struct weir_demo *demo, const struct demo_visit *visit)
{
    uint64_t athlete = weir_demo_mix(visit->sport * 64u + weir_demo_rng_below(&demo->rng, 40));
    weir_demo_putz(&demo->line, weir_demo_first_name(athlete));
    DEMO_PUT(&demo->line, " ");
    weir_demo_putz(&demo->line, weir_demo_last_name(athlete));
    DEMO_PUT(&demo->line, "\"");
}

static void props_search(struct weir_demo *demo, struct demo_visit *visit)
{
    DEMO_PUT(&demo->line, "\"query\":\"");
    if (weir_demo_rng_chance(&demo->rng, 400000)) {
        put_athlete(demo, visit);
    } else {
        weir_demo_putz(&demo->line, weir_demo_sports[visit->sport].slug);
        static const char *const what[] = {"", " live", " schedule", " finals", " replay"};
        weir_demo_putz(&demo->line, what[weir_demo_rng_below(&demo->rng, 5)]);
        DEMO_PUT(&demo->line, "\"");
    }
    put_number(&demo->line, "results", weir_demo_rng_wait(&demo->rng, 14));
}

static void props_athlete(struct weir_demo *demo, struct demo_visit *visit)
{
    props_sport(demo, visit);
    DEMO_PUT(&demo->line, ",\"athlete\":\"");
    put_athlete(demo, visit);
}

static void props_share(struct weir_demo *demo, struct demo_visit *visit)
{
    static const char *const networks[] = {"whatsapp", "instagram", "x", "copy_link", "email"};
    props_sport(demo, visit);
    put_text(&demo->line, "network", networks[weir_demo_rng_below(&demo->rng, 5)]);
    if (visit->live != DEMO_NOBODY) {
        put_text(&demo->line, "live_event_id", demo->calendar.items[visit->live].id);
    }
}

static void props_app(struct weir_demo *demo, struct demo_visit *visit)
{
    struct demo_release release = weir_demo_release_at(&demo->stories, visit->at);
    DEMO_PUT(&demo->line, "\"version\":\"4.");
    weir_demo_put_int(&demo->line, release.minor);
    DEMO_PUT(&demo->line, ".");
    weir_demo_put_int(&demo->line, release.patch);
    DEMO_PUT(&demo->line, "\",\"build\":\"");
    weir_demo_put_int(&demo->line, 4000 + release.minor * 10 + release.patch);
    DEMO_PUT(&demo->line, "\"");
    if (visit->steps[visit->next] == DEMO_STEP_OPENED) {
        DEMO_PUT(&demo->line, ",\"from_background\":");
        weir_demo_putz(&demo->line, visit->person == DEMO_NOBODY ? "false" : "true");
    }
}

static void props_attributed(struct weir_demo *demo, struct demo_visit *visit)
{
    const struct demo_channel_info *channel = &weir_demo_channels[visit->channel];
    DEMO_PUT(&demo->line, "\"provider\":\"Branch\",\"campaign\":{\"source\":\"");
    weir_demo_putz(&demo->line, channel->source                 ? channel->source
                                : visit->channel == DEMO_DIRECT ? "direct"
                                                                : "organic");
    DEMO_PUT(&demo->line, "\",\"name\":\"");
    weir_demo_putz(&demo->line,
                   channel->source ? weir_demo_campaigns[visit->channel][visit->campaign] : "");
    DEMO_PUT(&demo->line, "\"}");
}

static void props_checkout(struct weir_demo *demo, struct demo_visit *visit)
{
    static const char *const names[] = {"plan", "payment"};
    DEMO_PUT(&demo->line, "\"plan\":\"");
    weir_demo_putz(&demo->line, plan_name(visit->plan));
    DEMO_PUT(&demo->line, "\"");
    put_text(&demo->line, "sport", weir_demo_sports[visit->sport].name);
    DEMO_PUT(&demo->line, ",\"price\":");
    weir_demo_put_cents(&demo->line, weir_demo_price(demo, visit->plan, visit->at));
    put_text(&demo->line, "currency", "USD");
    unsigned step = visit->steps[visit->next];
    if (step == DEMO_STEP_CHECKOUT_PLAN || step == DEMO_STEP_CHECKOUT_PAYMENT) {
        put_number(&demo->line, "step", step - DEMO_STEP_CHECKOUT);
        put_text(&demo->line, "step_name", names[step - DEMO_STEP_CHECKOUT_PLAN]);
    }
    put_text(&demo->line, "checkout_version",
             visit->device != DEMO_DESKTOP && visit->at >= demo->stories.checkout_change ? "2"
                                                                                         : "1");
}

static void props_support(struct weir_demo *demo, struct demo_visit *visit)
{
    static const char *const topics[] = {"login", "billing", "app", "schedule", "cancellation"};
    static const char *const ways[] = {"chat", "email", "chat", "phone"};
    struct demo_rng *rng = &demo->rng;
    bool refunds = visit->at >= demo->stories.refunds_from && visit->at < demo->stories.refunds_to;
    const char *topic = visit->bad_stream || in_outage(demo, visit) ? "stream_quality"
                        : refunds && weir_demo_rng_chance(rng, 600000)
                            ? "billing"
                            : topics[weir_demo_rng_below(rng, 5)];
    DEMO_PUT(&demo->line, "\"topic\":\"");
    weir_demo_putz(&demo->line, topic);
    DEMO_PUT(&demo->line, "\"");
    put_text(&demo->line, "channel", ways[weir_demo_rng_below(rng, 4)]);
    put_text(&demo->line, "sport", weir_demo_sports[visit->sport].name);
    put_number(&demo->line, "ticket_id", 100000 + weir_demo_rng_below(rng, 900000));
}

static void traits(struct weir_demo *demo, struct demo_visit *visit)
{
    struct demo_line *line = &demo->line;
    struct demo_person *p = &demo->people[visit->person];
    DEMO_PUT(line, ",\"traits\":{\"email\":\"");
    weir_demo_put_email(line, p->key);
    DEMO_PUT(line, "\",\"name\":\"");
    weir_demo_putz(line, weir_demo_first_name(p->key));
    DEMO_PUT(line, " ");
    weir_demo_putz(line, weir_demo_last_name(p->key));
    DEMO_PUT(line, "\"");
    put_text(line, "country", weir_demo_countries[p->country].code);
    put_number(line, "birth_year",
               weir_demo_birth_year(p->key, weir_demo_sports[p->sport].age,
                                    weir_demo_date_of(demo->stories.until / DEMO_DAY).year));
    put_text(line, "favorite_sport", weir_demo_sports[p->sport].name);
    DEMO_PUT(line, "}");
}

static void group_traits(struct weir_demo *demo, struct demo_visit *visit)
{
    unsigned org = demo->people[visit->person].org % DEMO_ORGS;
    struct demo_line *line = &demo->line;
    DEMO_PUT(line, ",\"groupId\":\"");
    weir_demo_put_code(line, "org_", weir_demo_mix(org));
    DEMO_PUT(line, "\",\"traits\":{\"name\":\"");
    weir_demo_putz(line, weir_demo_orgs[org].name);
    DEMO_PUT(line, "\"");
    put_text(line, "kind", weir_demo_orgs[org].kind);
    put_text(line, "sport", weir_demo_sports[weir_demo_orgs[org].sport].name);
    put_number(line, "members", weir_demo_orgs[org].members);
    DEMO_PUT(line, "}");
}

static void alias_ids(struct weir_demo *demo, struct demo_visit *visit)
{
    DEMO_PUT(&demo->line, ",\"previousId\":\"");
    weir_demo_put_anonymous(&demo->line, visit->key, visit->slot);
    DEMO_PUT(&demo->line, "\"");
}

/* An account comes into being; what follows in this session depends on it. */
static void sign_up(struct weir_demo *demo, uint32_t ref)
{
    uint32_t person = weir_demo_person_new(demo);
    if (person == DEMO_NOBODY) {
        return;
    }
    struct demo_visit *visit = &demo->visits[ref];
    struct demo_person *p = &demo->people[person];
    struct demo_rng *rng = &demo->rng;
    p->key = visit->key;
    p->country = visit->country;
    p->sport = visit->sport;
    p->channel = visit->channel;
    p->home = visit->device;
    p->status = DEMO_FREE;
    if (demo_even(&demo->second, 260000)) {
        p->second = visit->device == DEMO_DESKTOP
                        ? weir_demo_rng_chance(rng, 600000) ? DEMO_IPHONE : DEMO_ANDROID
                        : DEMO_DESKTOP;
    }
    visit->person = person;
    weir_demo_list_add(demo, DEMO_IDLE, person);
    demo->totals.signups++;
    weir_demo_visit_add(visit, DEMO_STEP_IDENTIFY);
    if (visit->device == DEMO_IPHONE && demo_even(&demo->alias, 120000)) {
        weir_demo_visit_add(visit, DEMO_STEP_ALIAS);
    }
    if (demo_even(&demo->group, visit->channel == DEMO_PARTNER ? 500000 : 25000)) {
        p->org = (uint8_t)weir_demo_rng_below(rng, DEMO_ORGS);
        weir_demo_visit_add(visit, DEMO_STEP_GROUP);
    }
    if (demo_even(&demo->begins[visit->device], 490000)) {
        visit->plan = weir_demo_rng_chance(rng, 680000) ? DEMO_MONTHLY : DEMO_YEARLY;
        weir_demo_visit_add(visit, DEMO_STEP_CHECKOUT);
    }
}

/* The short checkout lifted phones; desks had no trouble before. */
static void checkout(struct weir_demo *demo, struct demo_visit *visit)
{
    bool old = visit->at < demo->stories.checkout_change;
    uint32_t rate = visit->device == DEMO_DESKTOP ? 700000 : old ? 410000 : 680000;
    bool new_short = visit->device != DEMO_DESKTOP && !old;
    if (demo_even(&demo->checkout[visit->device], rate)) {
        weir_demo_visit_add(visit, DEMO_STEP_CHECKOUT_PLAN);
        if (!new_short) {
            weir_demo_visit_add(visit, DEMO_STEP_CHECKOUT_PAYMENT);
        }
        weir_demo_visit_add(visit, DEMO_STEP_CHECKOUT_DONE);
    } else if (weir_demo_rng_chance(&demo->rng, 600000)) {
        weir_demo_visit_add(visit, DEMO_STEP_CHECKOUT_PLAN);
    }
}

static void start_trial(struct weir_demo *demo, const struct demo_visit *visit)
{
    struct demo_person *p = &demo->people[visit->person];
    p->plan = visit->plan;
    p->sport = visit->sport;
    weir_demo_queue_put(demo, visit->at + 1200, DEMO_DO_BILL, visit->person, DEMO_BILL_TRIAL);
}

struct step_info {
    const char *type;
    const char *event; /* of track */
    void (*props)(struct weir_demo *demo, struct demo_visit *visit);
    int32_t gap; /* seconds until the next step, on average */
};
static const struct step_info steps[DEMO_STEPS] = {
    [DEMO_STEP_INSTALLED] = {"track", "Application Installed", props_app, 1},
    [DEMO_STEP_ATTRIBUTED] = {"track", "Install Attributed", props_attributed, 2},
    [DEMO_STEP_OPENED] = {"track", "Application Opened", props_app, 2},
    [DEMO_STEP_HOME] = {"page", NULL, NULL, 35},
    [DEMO_STEP_SPORT] = {"page", NULL, NULL, 40},
    [DEMO_STEP_EVENT] = {"page", NULL, NULL, 12},
    [DEMO_STEP_PLANS] = {"page", NULL, NULL, 50},
    [DEMO_STEP_SIGNUP] = {"page", NULL, NULL, 70},
    [DEMO_STEP_ACCOUNT] = {"page", NULL, NULL, 45},
    [DEMO_STEP_SEARCH] = {"track", "Search Performed", props_search, 20},
    [DEMO_STEP_FAVORITE] = {"track", "Athlete Favorited", props_athlete, 15},
    [DEMO_STEP_SHARE] = {"track", "Content Shared", props_share, 15},
    [DEMO_STEP_ALIAS] = {"alias", NULL, alias_ids, 1},
    [DEMO_STEP_IDENTIFY] = {"identify", NULL, traits, 3},
    [DEMO_STEP_SIGNED_UP] = {"track", "Signed Up", props_sport, 1},
    [DEMO_STEP_GROUP] = {"group", NULL, group_traits, 3},
    [DEMO_STEP_CHECKOUT] = {"track", "Checkout Started", props_checkout, 30},
    [DEMO_STEP_CHECKOUT_PLAN] = {"track", "Checkout Step Completed", props_checkout, 45},
    [DEMO_STEP_CHECKOUT_PAYMENT] = {"track", "Checkout Step Completed", props_checkout, 20},
    [DEMO_STEP_CHECKOUT_DONE] = {"track", "Checkout Completed", props_checkout, 40},
    [DEMO_STEP_START] = {"track", "Video Started", props_start, 0},
    [DEMO_STEP_BEAT] = {"track", "Video Heartbeat", props_beat, 0},
    [DEMO_STEP_PAUSE] = {"track", "Video Paused", props_video, 25},
    [DEMO_STEP_COMPLETE] = {"track", "Video Completed", props_video, 12},
    [DEMO_STEP_SUPPORT] = {"track", "Support Contacted", props_support, 30},
};

static void write_call(struct weir_demo *demo, struct demo_visit *visit, enum weir_demo_step step)
{
    const struct step_info *info = &steps[step];
    bool page = info->type[0] == 'p';
    bool web = weir_demo_device_source(visit->device) == WEIR_DEMO_WEB;
    if (page) {
        visit->page = (uint8_t)step;
    }
    if (step == DEMO_STEP_CHECKOUT) {
        visit->page = DEMO_STEP_CHECKOUT;
    }
    weir_demo_call_begin(demo, visit, page && !web ? "screen" : info->type);
    if (page) {
        weir_demo_call_page(demo, visit);
    } else if (info->event) {
        DEMO_PUT(&demo->line, ",\"event\":\"");
        weir_demo_putz(&demo->line, info->event);
        DEMO_PUT(&demo->line, "\",\"properties\":{");
        info->props(demo, visit);
        DEMO_PUT(&demo->line, "}");
    } else {
        info->props(demo, visit);
    }
    weir_demo_call_end(demo, visit);
    visit->landed |= page;
}

/* What a step leads to besides its call. Steps may be added. */
static void react(struct weir_demo *demo, uint32_t ref, enum weir_demo_step step)
{
    struct demo_visit *visit = &demo->visits[ref];
    struct demo_person *p = visit->person != DEMO_NOBODY ? &demo->people[visit->person] : NULL;
    switch (step) {
    case DEMO_STEP_CHECKOUT:
        checkout(demo, visit);
        break;
    case DEMO_STEP_CHECKOUT_DONE:
        start_trial(demo, visit);
        break;
    case DEMO_STEP_START:
        if (visit->bad_stream && p) {
            p->bad_until = visit->at + 30 * DEMO_DAY;
        }
        break;
    case DEMO_STEP_BEAT:
        if (!in_outage(demo, visit)) {
            break;
        }
        if (p && !p->echo) {
            p->echo = 1; /* asked once: did this person leave over it? */
            bool paying = p->status == DEMO_ACTIVE;
            if (paying && demo_even(&demo->echo, 450000)) {
                int64_t at =
                    visit->at + 30 * DEMO_DAY +
                    weir_demo_rng_range(&demo->rng, -3 * 24 * 60, 3 * 24 * 60) * DEMO_MINUTE;
                weir_demo_queue_put(demo, at, DEMO_DO_BILL, visit->person, DEMO_BILL_CANCEL);
            }
            if (weir_demo_rng_chance(&demo->rng, 380000)) {
                weir_demo_visit_add(visit, DEMO_STEP_SUPPORT);
            }
        }
        if (weir_demo_rng_chance(&demo->rng, 110000)) {
            visit->beats = 1; /* gives up */
        }
        break;
    default:
        break;
    }
}

/* Some web releases send an event twice: the same messageId, seconds later. */
static void maybe_double(struct weir_demo *demo, const struct demo_visit *visit)
{
    const struct demo_stories *stories = &demo->stories;
    if (demo->source == WEIR_DEMO_WEB && visit->at >= stories->double_from &&
        visit->at < stories->double_to && weir_demo_rng_chance(&demo->rng, 160000)) {
        weir_demo_copy_later(demo, visit->at + weir_demo_rng_range(&demo->rng, 900, 20000));
    }
}

void weir_demo_step(struct weir_demo *demo, uint32_t ref)
{
    struct demo_visit *visit = &demo->visits[ref];
    if (!visit->context) {
        visit->context = weir_demo_context_new(demo);
        if (!visit->context) {
            return;
        }
        demo->line.len = 0;
        weir_demo_put_context(&demo->line, visit->device, weir_demo_mix(visit->key + visit->slot),
                              visit->country, visit->at,
                              weir_demo_release_at(&demo->stories, visit->at));
        size_t len = demo->line.len;
        demo->failed |= len > sizeof visit->context->text;
        visit->context->len = (uint16_t)(len > sizeof visit->context->text ? 0 : len);
        memcpy(visit->context->text, demo->line.data, visit->context->len);
    }
    enum weir_demo_step step = visit->steps[visit->next];
    if (step == DEMO_STEP_SIGNED_UP) {
        sign_up(demo, ref);
        visit = &demo->visits[ref];
    }
    write_call(demo, visit, step);
    maybe_double(demo, visit);
    react(demo, ref, step);
    visit = &demo->visits[ref];

    int64_t gap;
    if (step == DEMO_STEP_BEAT || step == DEMO_STEP_START) {
        gap = 30 * DEMO_SECOND + (int64_t)weir_demo_rng_below(&demo->rng, 90) - 40;
        gap += visit->buffering / 4;
        visit->beats -= step == DEMO_STEP_BEAT;
        visit->next += step == DEMO_STEP_START || visit->beats == 0;
    } else {
        gap = 350 + weir_demo_rng_wait(&demo->rng, steps[step].gap * DEMO_SECOND);
        visit->next++;
    }
    if (visit->next >= visit->count) {
        weir_demo_visit_end(demo, ref);
        return;
    }
    visit->at += gap;
    weir_demo_queue_put(demo, visit->at + visit->delay, DEMO_DO_STEP, ref, 0);
}
