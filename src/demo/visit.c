#include "demo/gen.h"

/* Scripts: what somebody does in one session, decided when it begins. */

void weir_demo_visit_add(struct demo_visit *visit, enum weir_demo_step step)
{
    if (visit->count < sizeof visit->steps) {
        visit->steps[visit->count++] = (uint8_t)step;
    }
}

static void queue_visit(struct weir_demo *demo, uint32_t ref)
{
    const struct demo_visit *visit = &demo->visits[ref];
    weir_demo_queue_put(demo, visit->at + visit->delay, DEMO_DO_STEP, ref, 0);
}

/* How long they watch: a live event keeps people longer the larger it is; strangers peek. */
static void add_video(struct weir_demo *demo, struct demo_visit *visit, bool stranger)
{
    const struct demo_live *live = &demo->calendar.items[visit->live];
    int64_t mean = stranger && live->paid ? 3 : stranger ? 9 : live->giant ? 21 : 15;
    int64_t left = live->minutes - (visit->at - live->start) / DEMO_MINUTE;
    int64_t minutes = weir_demo_rng_length(&demo->rng, mean * 60) / 60;
    bool to_the_end = minutes >= left || weir_demo_rng_chance(&demo->rng, 90000);
    int64_t seconds = weir_demo_rng_length(&demo->rng, mean * 60);
    if (seconds > left * 60) {
        seconds = left > 0 ? left * 60 : 60;
    }
    visit->beats = (uint16_t)(seconds / 30);
    visit->position = visit->at > live->start ? (uint32_t)((visit->at - live->start) / 1000) : 0;
    visit->bad_stream = weir_demo_rng_chance(&demo->rng, 26000);
    visit->session = (uint32_t)weir_demo_rng_next(&demo->rng);
    weir_demo_visit_add(visit, DEMO_STEP_START);
    if (visit->beats) {
        weir_demo_visit_add(visit, DEMO_STEP_BEAT);
    }
    if (weir_demo_rng_chance(&demo->rng, stranger ? 100000 : 300000)) {
        weir_demo_visit_add(visit, DEMO_STEP_PAUSE);
    }
    if (to_the_end && !stranger) {
        weir_demo_visit_add(visit, DEMO_STEP_COMPLETE);
    }
}

static enum demo_device pick_device(struct weir_demo *demo, unsigned channel)
{
    /* Social posts are read on phones, mail and partners' pages at desks. */
    static const uint32_t weights[DEMO_CHANNELS][DEMO_DEVICES] = {
        [DEMO_ORGANIC] = {46, 32, 13, 9}, [DEMO_PAID] = {42, 36, 13, 9},
        [DEMO_SOCIAL] = {16, 46, 23, 15}, [DEMO_PARTNER] = {58, 26, 9, 7},
        [DEMO_EMAIL] = {52, 30, 11, 7},   [DEMO_DIRECT] = {48, 22, 18, 12},
    };
    return (enum demo_device)weir_demo_rng_pick(&demo->rng, weights[channel], DEMO_DEVICES);
}

static void add_browsing(struct weir_demo *demo, struct demo_visit *visit)
{
    struct demo_rng *rng = &demo->rng;
    if (weir_demo_rng_chance(rng, 460000)) {
        weir_demo_visit_add(visit, DEMO_STEP_SPORT);
    }
    if (weir_demo_rng_chance(rng, 110000)) {
        weir_demo_visit_add(visit, DEMO_STEP_SEARCH);
    }
    if (visit->live != DEMO_NOBODY) {
        weir_demo_visit_add(visit, DEMO_STEP_EVENT);
        if (weir_demo_rng_chance(rng, demo->calendar.items[visit->live].paid ? 300000 : 800000)) {
            add_video(demo, visit, true);
        }
    }
    if (weir_demo_rng_chance(rng, 35000)) {
        weir_demo_visit_add(visit, DEMO_STEP_FAVORITE);
    }
    if (weir_demo_rng_chance(rng, 25000)) {
        weir_demo_visit_add(visit, DEMO_STEP_SHARE);
    }
    if (visit->signs_up || weir_demo_rng_chance(rng, 90000)) {
        weir_demo_visit_add(visit, DEMO_STEP_PLANS);
    }
    if (visit->signs_up) {
        weir_demo_visit_add(visit, DEMO_STEP_SIGNUP);
        weir_demo_visit_add(visit, DEMO_STEP_SIGNED_UP);
    }
}

static void add_arrival(struct demo_visit *visit, bool first)
{
    bool app = weir_demo_device_source(visit->device) != WEIR_DEMO_WEB;
    if (app && first) {
        weir_demo_visit_add(visit, DEMO_STEP_INSTALLED);
        weir_demo_visit_add(visit, DEMO_STEP_ATTRIBUTED);
    }
    if (app) {
        weir_demo_visit_add(visit, DEMO_STEP_OPENED);
    }
}

/* Most who come back do so once, within three weeks, by the same way and device. */
static void come_back(struct weir_demo *demo, uint32_t ref, bool signs_up)
{
    uint32_t later = weir_demo_visit_new(demo);
    if (later == DEMO_NOBODY) {
        return;
    }
    struct demo_visit *visit = &demo->visits[later];
    *visit = demo->visits[ref];
    visit->context = NULL;
    visit->count = 0;
    visit->live = DEMO_NOBODY;
    visit->signs_up = signs_up;
    visit->channel = signs_up ? visit->channel : DEMO_DIRECT;
    visit->at += DEMO_HOUR * 5 + weir_demo_rng_wait(&demo->rng, 5 * DEMO_DAY);
    add_arrival(visit, false);
    weir_demo_visit_add(visit, DEMO_STEP_HOME);
    add_browsing(demo, visit);
    queue_visit(demo, later);
}

void weir_demo_visit_stranger(struct weir_demo *demo, int64_t at, unsigned sport, uint32_t live)
{
    uint32_t ref = weir_demo_visit_new(demo);
    if (ref == DEMO_NOBODY) {
        return;
    }
    static const uint32_t weights[DEMO_CHANNELS] = {34, 12, 18, 14, 9, 13};
    struct demo_rng *rng = &demo->rng;
    struct demo_visit *visit = &demo->visits[ref];
    visit->at = at;
    visit->key = weir_demo_rng_next(rng);
    visit->sport = (uint8_t)sport;
    visit->live = live;
    visit->country =
        (uint8_t)weir_demo_country_of(weir_demo_rng_next(rng), weir_demo_sports[sport].mix);
    visit->channel = (uint8_t)weir_demo_rng_pick(rng, weights, DEMO_CHANNELS);
    visit->campaign = (uint8_t)weir_demo_rng_below(rng, 4);
    visit->referrer = (uint8_t)(weir_demo_rng_below(rng, 5) / 2 % 3);
    visit->device = (uint8_t)pick_device(demo, visit->channel);
    demo->totals.visitors++;

    static const uint32_t by_device[DEMO_DEVICES] = {106, 88, 108, 100};
    uint32_t rate = 39200u * weir_demo_channels[visit->channel].signup_pct / 100 *
                    by_device[visit->device] / 100;
    bool signs_up = demo_even(&demo->signup[visit->channel][visit->device], rate);
    bool second_visit = weir_demo_rng_chance(rng, signs_up ? 300000 : 220000);
    visit->signs_up = signs_up && !second_visit;
    add_arrival(visit, true);
    if (live == DEMO_NOBODY || weir_demo_rng_chance(rng, 200000)) {
        weir_demo_visit_add(visit, DEMO_STEP_HOME);
    }
    if (!visit->signs_up && live == DEMO_NOBODY && weir_demo_rng_chance(rng, 420000)) {
        queue_visit(demo, ref); /* one look and away */
    } else {
        add_browsing(demo, visit);
        queue_visit(demo, ref);
    }
    if (second_visit) {
        come_back(demo, ref, signs_up);
    }
}

/* Somebody with an account, on one of their devices. */
static uint32_t account_visit(struct weir_demo *demo, uint32_t person, int64_t at)
{
    uint32_t ref = weir_demo_visit_new(demo);
    if (ref == DEMO_NOBODY) {
        return ref;
    }
    struct demo_visit *visit = &demo->visits[ref];
    struct demo_person *p = &demo->people[person];
    visit->at = at;
    visit->key = p->key;
    visit->person = person;
    visit->sport = p->sport;
    visit->country = p->country;
    visit->channel = DEMO_DIRECT;
    visit->device = p->home;
    if (p->second != DEMO_DEVICES && weir_demo_rng_chance(&demo->rng, 450000)) {
        visit->device = p->second;
        visit->slot = 1;
    }
    bool app = weir_demo_device_source(visit->device) != WEIR_DEMO_WEB;
    if (visit->slot && !p->second_seen) {
        /* A new anonymous id; the e-mail in identify joins it to the old one. */
        p->second_seen = 1;
        add_arrival(visit, true);
        weir_demo_visit_add(visit, DEMO_STEP_HOME);
        weir_demo_visit_add(visit, DEMO_STEP_IDENTIFY);
    } else {
        add_arrival(visit, false);
    }
    if (app && weir_demo_rng_chance(&demo->rng, 40000)) {
        visit->delay = weir_demo_rng_wait(&demo->rng, 40 * DEMO_MINUTE);
    }
    return ref;
}

void weir_demo_visit_watch(struct weir_demo *demo, uint32_t person, int64_t at, uint32_t live)
{
    uint32_t ref = account_visit(demo, person, at);
    if (ref == DEMO_NOBODY) {
        return;
    }
    struct demo_visit *visit = &demo->visits[ref];
    const struct demo_live *event = &demo->calendar.items[live];
    visit->live = live;
    visit->sport = event->sport;
    bool pays =
        demo->people[person].status == DEMO_TRIAL || demo->people[person].status == DEMO_ACTIVE;
    weir_demo_visit_add(visit, DEMO_STEP_EVENT);
    visit->old_clock = !demo->live && event->tonight && visit->device == DEMO_ANDROID &&
                       at >= demo->stories.clock_from;
    if (visit->old_clock) {
        visit->delay = 0;
    }
    add_video(demo, visit, !pays);
    if (event->start == demo->stories.outage_event) {
        visit->bad_stream = false; /* its trouble comes from the outage alone */
    }
    if (visit->bad_stream && weir_demo_rng_chance(&demo->rng, 160000)) {
        weir_demo_visit_add(visit, DEMO_STEP_SUPPORT);
    }
    if (weir_demo_rng_chance(&demo->rng, 50000)) {
        weir_demo_visit_add(visit, DEMO_STEP_FAVORITE);
    }
    if (weir_demo_rng_chance(&demo->rng, 40000)) {
        weir_demo_visit_add(visit, DEMO_STEP_SHARE);
    }
    queue_visit(demo, ref);
}

/* Somebody who needs help and nothing else. */
void weir_demo_visit_support(struct weir_demo *demo, uint32_t person, int64_t at)
{
    uint32_t ref = account_visit(demo, person, at);
    if (ref != DEMO_NOBODY) {
        weir_demo_visit_add(&demo->visits[ref], DEMO_STEP_ACCOUNT);
        weir_demo_visit_add(&demo->visits[ref], DEMO_STEP_SUPPORT);
        queue_visit(demo, ref);
    }
}

void weir_demo_visit_browse(struct weir_demo *demo, uint32_t person, int64_t at)
{
    uint32_t ref = account_visit(demo, person, at);
    if (ref == DEMO_NOBODY) {
        return;
    }
    struct demo_visit *visit = &demo->visits[ref];
    weir_demo_visit_add(visit, DEMO_STEP_HOME);
    add_browsing(demo, visit);
    bool refunds = at >= demo->stories.refunds_from && at < demo->stories.refunds_to;
    if (weir_demo_rng_chance(&demo->rng, refunds ? 90000 : 28000)) {
        weir_demo_visit_add(visit, DEMO_STEP_ACCOUNT);
        weir_demo_visit_add(visit, DEMO_STEP_SUPPORT);
    }
    queue_visit(demo, ref);
}
