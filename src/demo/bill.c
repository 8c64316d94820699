#include "demo/gen.h"

/* Subscriptions: what the billing system does, and what it tells through the server's SDK. */

#define FIRST 3 /* founders who ask for help after the move: one for each client */

unsigned weir_demo_price(const struct weir_demo *demo, enum weir_demo_plan plan, int64_t at)
{
    bool raised = at >= demo->stories.price_rise;
    if (plan == DEMO_YEARLY) {
        return raised ? 16800 : 15000;
    }
    return raised ? 1400 : 1250;
}

static void put_subscription(struct weir_demo *demo, const struct demo_person *p)
{
    struct demo_line *line = &demo->line;
    DEMO_PUT(line, "\"subscription_id\":\"");
    weir_demo_put_code(line, "sub_", weir_demo_mix(p->key ^ (0x61u + p->returned)));
    DEMO_PUT(line, "\",\"plan\":\"");
    weir_demo_putz(line, p->plan == DEMO_YEARLY ? "yearly" : "monthly");
    DEMO_PUT(line, "\",\"sport\":\"");
    weir_demo_putz(line, weir_demo_sports[p->sport].name);
    DEMO_PUT(line, "\",\"price\":");
    weir_demo_put_cents(line, p->cents);
    DEMO_PUT(line, ",\"currency\":\"USD\"");
}

static void begin(struct weir_demo *demo, const struct demo_person *p, const char *event,
                  int64_t at)
{
    weir_demo_server_begin(demo, at, "track", p->key);
    DEMO_PUT(&demo->line, ",\"event\":\"");
    weir_demo_putz(&demo->line, event);
    DEMO_PUT(&demo->line, "\",\"properties\":{");
    put_subscription(demo, p);
}

static void end(struct weir_demo *demo, int64_t at)
{
    DEMO_PUT(&demo->line, "}");
    weir_demo_server_end(demo, at);
}

static void set_status(struct weir_demo *demo, uint32_t person, enum demo_status status)
{
    struct demo_person *p = &demo->people[person];
    bool was = p->status == DEMO_TRIAL || p->status == DEMO_ACTIVE;
    bool is = status == DEMO_TRIAL || status == DEMO_ACTIVE;
    demo->totals.subscribers += (status == DEMO_ACTIVE) - (p->status == DEMO_ACTIVE);
    p->status = (uint8_t)status;
    if (was != is) {
        weir_demo_list_remove(demo, was ? p->sport : DEMO_IDLE, person);
        weir_demo_list_add(demo, is ? p->sport : DEMO_IDLE, person);
    }
}

static void schedule_renewal(struct weir_demo *demo, uint32_t person, int64_t from)
{
    struct demo_person *p = &demo->people[person];
    p->due = weir_demo_add_months(from, p->plan == DEMO_YEARLY ? 12 : 1);
    weir_demo_queue_put(demo, p->due, DEMO_DO_BILL, person, DEMO_BILL_RENEW);
}

static void maybe_refund(struct weir_demo *demo, uint32_t person, int64_t at)
{
    bool month = at >= demo->stories.refunds_from && at < demo->stories.refunds_to;
    if (demo_even(&demo->refund, month ? 240000 : 6000)) {
        weir_demo_queue_put(demo, at + weir_demo_rng_range(&demo->rng, 1, 60) * DEMO_HOUR,
                            DEMO_DO_BILL, person, DEMO_BILL_REFUND);
    }
}

static void start_paying(struct weir_demo *demo, uint32_t person, int64_t at, const char *how)
{
    struct demo_person *p = &demo->people[person];
    p->cents = (uint16_t)weir_demo_price(demo, p->plan, at);
    set_status(demo, person, DEMO_ACTIVE);
    begin(demo, p, "Subscription Started", at);
    DEMO_PUT(&demo->line, ",\"started_from\":\"");
    weir_demo_putz(&demo->line, how);
    DEMO_PUT(&demo->line, "\"");
    end(demo, at);
    schedule_renewal(demo, person, at);
    weir_demo_queue_put(demo, at + 800, DEMO_DO_BILL, person, DEMO_BILL_TRAITS);
    maybe_refund(demo, person, at);
}

static void cancel(struct weir_demo *demo, uint32_t person, int64_t at, const char *reason)
{
    struct demo_person *p = &demo->people[person];
    set_status(demo, person, DEMO_GONE);
    begin(demo, p, "Subscription Cancelled", at);
    DEMO_PUT(&demo->line, ",\"reason\":\"");
    weir_demo_putz(&demo->line, reason);
    DEMO_PUT(&demo->line, "\",\"periods\":");
    weir_demo_put_int(&demo->line, p->periods);
    end(demo, at);
    demo->totals.cancellations++;
    if (!p->returned && weir_demo_rng_chance(&demo->rng, 130000)) {
        int64_t back = at + 60 * DEMO_DAY + weir_demo_rng_wait(&demo->rng, 90 * DEMO_DAY);
        weir_demo_queue_put(demo, back, DEMO_DO_BILL, person, DEMO_BILL_RETURN);
    }
}

/* How likely somebody leaves at a renewal, and what they say. */
static uint32_t hazard(struct weir_demo *demo, const struct demo_person *p, int64_t at,
                       const char **reason)
{
    static const char *const usual[] = {"not_watching", "too_expensive", "other_service",
                                        "payment_failed", "not_watching"};
    bool yearly = p->plan == DEMO_YEARLY;
    bool off_season = weir_demo_season(p->sport, at / DEMO_DAY) < 45;
    bool bad = p->bad_until > at;
    bool dearer = weir_demo_price(demo, p->plan, at) > p->cents;
    uint32_t rate = yearly ? 170000 : 46000;
    rate = rate * (bad ? 3 : 1) * (off_season ? 2 : 1);
    rate += dearer ? rate / 3 : 0;
    *reason = bad          ? "stream_quality"
              : off_season ? "season_over"
              : dearer     ? "too_expensive"
                           : usual[weir_demo_rng_below(&demo->rng, 5)];
    return rate > 600000 ? 600000 : rate;
}

static void renew(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    const char *reason;
    uint32_t rate = hazard(demo, p, at, &reason);
    p->periods++;
    struct demo_even *even = &demo->churn[p->plan == DEMO_YEARLY ? 2 : p->bad_until > at];
    if (demo_even(even, rate)) {
        cancel(demo, person, at, reason);
        return;
    }
    unsigned before = p->cents;
    p->cents = (uint16_t)weir_demo_price(demo, p->plan, at);
    begin(demo, p, "Subscription Renewed", at);
    DEMO_PUT(&demo->line, ",\"previous_price\":");
    weir_demo_put_cents(&demo->line, before);
    DEMO_PUT(&demo->line, ",\"periods\":");
    weir_demo_put_int(&demo->line, p->periods);
    end(demo, at);
    demo->totals.renewals++;
    schedule_renewal(demo, person, at);
    maybe_refund(demo, person, at);
}

static void trial(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    p->cents = (uint16_t)weir_demo_price(demo, p->plan, at);
    set_status(demo, person, DEMO_TRIAL);
    begin(demo, p, "Trial Started", at);
    DEMO_PUT(&demo->line, ",\"trial_days\":7");
    end(demo, at);
    demo->totals.trials++;
    weir_demo_queue_put(demo, at + 7 * DEMO_DAY, DEMO_DO_BILL, person, DEMO_BILL_TRIAL_END);
}

static void trial_end(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    static const int32_t by_device[DEMO_DEVICES] = {15000, -15000, 5000, -10000};
    uint32_t rate =
        (uint32_t)((int32_t)weir_demo_channels[p->channel].convert_ppm + by_device[p->home]);
    demo->totals.trials_ended++;
    if (demo_even(&demo->convert[p->channel], rate)) {
        demo->totals.conversions++;
        start_paying(demo, person, at, "trial");
        return;
    }
    set_status(demo, person, DEMO_FREE);
    static const char *const reasons[] = {"cancelled_by_user", "cancelled_by_user",
                                          "payment_failed"};
    begin(demo, p, "Trial Ended", at);
    DEMO_PUT(&demo->line, ",\"reason\":\"");
    weir_demo_putz(&demo->line, reasons[weir_demo_rng_below(&demo->rng, 3)]);
    DEMO_PUT(&demo->line, "\"");
    end(demo, at);
}

static void refund(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    bool month = at >= demo->stories.refunds_from && at < demo->stories.refunds_to + 3 * DEMO_DAY;
    begin(demo, p, "Refund Issued", at);
    DEMO_PUT(&demo->line, ",\"amount\":");
    weir_demo_put_cents(&demo->line, p->cents);
    DEMO_PUT(&demo->line, ",\"reason\":\"");
    weir_demo_putz(&demo->line, month ? "charged_twice" : "goodwill");
    DEMO_PUT(&demo->line, "\"");
    end(demo, at);
    demo->totals.refunds++;
}

static void plan_traits(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    struct demo_line *line = &demo->line;
    weir_demo_server_begin(demo, at, "identify", p->key);
    DEMO_PUT(line, ",\"traits\":{\"email\":\"");
    weir_demo_put_email(line, p->key);
    DEMO_PUT(line, "\",\"plan\":\"");
    weir_demo_putz(line, p->plan == DEMO_YEARLY ? "yearly" : "monthly");
    DEMO_PUT(line, "\",\"plan_sport\":\"");
    weir_demo_putz(line, weir_demo_sports[p->sport].name);
    DEMO_PUT(line, "\",\"country\":\"");
    weir_demo_putz(line, weir_demo_countries[p->country].code);
    DEMO_PUT(line, "\"}");
    weir_demo_server_end(demo, at);
}

/* On the first day the old platform's subscribers are brought over: their subscriptions began in
 * the months before, and the events say so. */
static void founder(struct weir_demo *demo, uint32_t person, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    p->status = DEMO_FREE;
    weir_demo_list_add(demo, DEMO_IDLE, person);
    p->cents = (uint16_t)weir_demo_price(demo, p->plan, at);
    set_status(demo, person, DEMO_ACTIVE);
    int64_t began = p->due; /* then: the day on which it began */
    begin(demo, p, "Subscription Started", began);
    DEMO_PUT(&demo->line, ",\"started_from\":\"old_platform\",\"imported\":true");
    end(demo, at);
    demo->totals.founders++;
    unsigned step = p->plan == DEMO_YEARLY ? 12 : 1;
    unsigned months = step;
    while (weir_demo_add_months(began, months) <= at) {
        months += step;
        p->periods++;
    }
    p->due = weir_demo_add_months(began, months);
    weir_demo_queue_put(demo, p->due, DEMO_DO_BILL, person, DEMO_BILL_RENEW);
    weir_demo_queue_put(demo, at + 300, DEMO_DO_BILL, person, DEMO_BILL_TRAITS);
    if (person < FIRST) {
        weir_demo_visit_support(demo, person, at + 5 * DEMO_HOUR);
    }
}

void weir_demo_founders(struct weir_demo *demo)
{
    struct demo_rng *rng = &demo->rng;
    static const uint8_t homes[FIRST] = {DEMO_DESKTOP, DEMO_IPHONE, DEMO_ANDROID};
    uint64_t count = demo->scale * 120 / DEMO_MILLION + FIRST;
    uint32_t sizes[DEMO_SPORTS];
    for (unsigned i = 0; i < DEMO_SPORTS; i++) {
        sizes[i] = weir_demo_sports[i].size;
    }
    for (uint64_t i = 0; i < count && !demo->failed; i++) {
        uint32_t person = weir_demo_person_new(demo);
        if (person == DEMO_NOBODY) {
            return;
        }
        struct demo_person *p = &demo->people[person];
        p->key = weir_demo_rng_next(rng);
        p->sport = (uint8_t)weir_demo_rng_pick(rng, sizes, DEMO_SPORTS);
        p->country =
            (uint8_t)weir_demo_country_of(weir_demo_rng_next(rng), weir_demo_sports[p->sport].mix);
        p->channel = DEMO_DIRECT;
        p->home = i < FIRST ? homes[i] : (uint8_t)weir_demo_rng_below(rng, DEMO_DEVICES);
        p->founder = 1;
        p->plan = weir_demo_rng_chance(rng, 640000) ? DEMO_MONTHLY : DEMO_YEARLY;
        p->due = demo->stories.begin - DEMO_DAY -
                 weir_demo_rng_range(rng, 0, p->plan == DEMO_YEARLY ? 360 : 300) * DEMO_DAY -
                 weir_demo_rng_range(rng, 0, 86400) * DEMO_SECOND;
        int64_t at = demo->stories.begin + 6 * DEMO_HOUR + (int64_t)(i * 3600000 / (count + 1));
        weir_demo_queue_put(demo, at, DEMO_DO_BILL, person, DEMO_BILL_FOUNDER);
    }
}

void weir_demo_bill(struct weir_demo *demo, uint32_t person, enum weir_demo_bill action, int64_t at)
{
    struct demo_person *p = &demo->people[person];
    switch (action) {
    case DEMO_BILL_FOUNDER:
        founder(demo, person, at);
        break;
    case DEMO_BILL_TRIAL:
        trial(demo, person, at);
        break;
    case DEMO_BILL_TRIAL_END:
        trial_end(demo, person, at);
        break;
    case DEMO_BILL_RENEW:
        if (p->status == DEMO_ACTIVE && p->due == at) {
            renew(demo, person, at);
        }
        break;
    case DEMO_BILL_CANCEL:
        if (p->status == DEMO_ACTIVE) {
            demo->totals.echo_cancellations++;
            cancel(demo, person, at, "stream_quality");
        }
        break;
    case DEMO_BILL_RETURN:
        if (p->status == DEMO_GONE) {
            p->returned = 1;
            demo->totals.reactivations++;
            start_paying(demo, person, at, "return");
        }
        break;
    case DEMO_BILL_REFUND:
        refund(demo, person, at);
        break;
    case DEMO_BILL_TRAITS:
        plan_traits(demo, person, at);
        break;
    }
}
