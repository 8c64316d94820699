/* The generator's inside: what its parts share. Only files in this folder include it.
 *
 * A queue holds what happens next, by the time at which it is sent: a session's next step, a bill,
 * a day to plan, a live event's start. Taking the first gives at most one event and puts its
 * follow-up back. People with an account are kept, all else ends with its session. */
#ifndef WEIR_DEMO_GEN_H
#define WEIR_DEMO_GEN_H

#include "demo/calendar.h"
#include "demo/demo.h"
#include "demo/line.h"
#include "demo/people.h"
#include "demo/rng.h"
#include "demo/stories.h"
#include "demo/when.h"

#define DEMO_NOBODY UINT32_MAX
#define DEMO_LISTS  (DEMO_SPORTS + 1)
#define DEMO_IDLE   DEMO_SPORTS /* the list of accounts that pay nothing */

enum demo_kind {
    DEMO_DO_STEP,
    DEMO_DO_BILL,
    DEMO_DO_DAY,
    DEMO_DO_LIVE,
    DEMO_DO_AGAIN, /* sends a copy */
    DEMO_DO_FILL,  /* the evening at the end of the history */
    DEMO_DO_TICK   /* while live */
};

struct demo_todo {
    int64_t at;
    uint32_t ref;   /* visit, person, live event, copy */
    uint8_t kind;   /* enum demo_kind */
    uint8_t action; /* enum weir_demo_bill */
};

enum weir_demo_bill {
    DEMO_BILL_FOUNDER,
    DEMO_BILL_TRIAL,
    DEMO_BILL_TRIAL_END,
    DEMO_BILL_RENEW,
    DEMO_BILL_CANCEL, /* the outage's echo */
    DEMO_BILL_RETURN,
    DEMO_BILL_REFUND,
    DEMO_BILL_TRAITS
};

enum weir_demo_step {
    DEMO_STEP_INSTALLED,
    DEMO_STEP_ATTRIBUTED,
    DEMO_STEP_OPENED,
    DEMO_STEP_HOME,
    DEMO_STEP_SPORT,
    DEMO_STEP_EVENT,
    DEMO_STEP_PLANS,
    DEMO_STEP_SIGNUP,
    DEMO_STEP_ACCOUNT,
    DEMO_STEP_SEARCH,
    DEMO_STEP_FAVORITE,
    DEMO_STEP_SHARE,
    DEMO_STEP_ALIAS,
    DEMO_STEP_IDENTIFY,
    DEMO_STEP_SIGNED_UP,
    DEMO_STEP_GROUP,
    DEMO_STEP_CHECKOUT,
    DEMO_STEP_CHECKOUT_PLAN,
    DEMO_STEP_CHECKOUT_PAYMENT,
    DEMO_STEP_CHECKOUT_DONE,
    DEMO_STEP_START,
    DEMO_STEP_BEAT,
    DEMO_STEP_PAUSE,
    DEMO_STEP_COMPLETE,
    DEMO_STEP_SUPPORT,
    DEMO_STEPS
};

struct demo_context {
    struct demo_context *next; /* in the free list */
    uint16_t len;
    char text[1200];
};

struct demo_visit {
    int64_t at;    /* of its next step, as it happens */
    int64_t delay; /* and how much later it is sent: phones without a network */
    uint64_t key;
    struct demo_context *context; /* from the first step to the last */
    uint32_t person;              /* DEMO_NOBODY: nobody knows yet */
    uint32_t live;
    uint32_t position; /* seconds into the video */
    uint32_t session;
    uint32_t buffering; /* of the current heartbeat, ms */
    uint16_t beats;
    uint8_t device, slot, country, sport, channel, campaign, page, referrer;
    bool landed, signs_up, old_clock, bad_stream, returns;
    uint8_t plan;
    uint8_t next, count;
    uint8_t steps[18];
};

struct demo_copy { /* an event that a bug sends once more */
    struct demo_copy *free;
    enum weir_demo_source source;
    size_t len;
    char data[2560];
};

struct demo_list {
    uint32_t *items;
    size_t count, cap;
};

struct weir_demo {
    struct weir_demo_options options;
    struct weir_demo_totals totals;
    struct demo_rng rng;
    struct demo_stories stories;
    struct demo_calendar calendar;
    bool failed;
    bool live;
    bool ended;
    int64_t now;

    struct demo_todo *queue; /* a heap */
    size_t queued, queue_cap;
    struct demo_visit *visits;
    uint32_t *idle_visits;
    size_t visit_count, visit_cap, idle_count;
    struct demo_context *contexts;
    struct demo_copy **copies;
    size_t copy_count, copy_cap;
    struct demo_copy *idle_copies;

    struct demo_person *people;
    size_t people_count, people_cap;
    struct demo_list lists[DEMO_LISTS]; /* who pays or tries, by sport; who does not */

    uint64_t scale;                 /* millionths of the company at its base size */
    uint64_t plan_total, plan_done; /* expected events of the whole history, of the days begun */
    uint64_t steer;                 /* in thousandths: keeps the total on the plan */

    struct demo_even signup[DEMO_CHANNELS][DEMO_DEVICES];
    struct demo_even channel_even, begins[DEMO_DEVICES], checkout[DEMO_DEVICES], pays[DEMO_DEVICES],
        second;
    struct demo_even convert[DEMO_CHANNELS], echo, refund, churn[3], group, alias;

    struct demo_line line;
    enum weir_demo_source source; /* of the line */
};

/* queue.c */
void weir_demo_queue_put(struct weir_demo *demo, int64_t at, enum demo_kind kind, uint32_t ref,
                         unsigned action);
bool weir_demo_queue_take(struct weir_demo *demo, struct demo_todo *out);
/* DEMO_NOBODY when memory ran out (demo->failed is then set). Zeroed. */
uint32_t weir_demo_visit_new(struct weir_demo *demo);
void weir_demo_visit_end(struct weir_demo *demo, uint32_t ref);
struct demo_context *weir_demo_context_new(struct weir_demo *demo);
uint32_t weir_demo_person_new(struct weir_demo *demo);
void weir_demo_list_add(struct weir_demo *demo, unsigned list, uint32_t person);
void weir_demo_list_remove(struct weir_demo *demo, unsigned list, uint32_t person);
void weir_demo_copy_later(struct weir_demo *demo, int64_t at);
void weir_demo_copy_take(struct weir_demo *demo, uint32_t ref);

/* day.c */
void weir_demo_plan(struct weir_demo *demo);
void weir_demo_day_begin(struct weir_demo *demo, uint32_t day);
void weir_demo_live_begin(struct weir_demo *demo, uint32_t live);
void weir_demo_fill(struct weir_demo *demo, bool last);
void weir_demo_tick(struct weir_demo *demo);
void weir_demo_tick_start(struct weir_demo *demo, int64_t now);

/* visit.c */
void weir_demo_visit_stranger(struct weir_demo *demo, int64_t at, unsigned sport, uint32_t live);
void weir_demo_visit_watch(struct weir_demo *demo, uint32_t person, int64_t at, uint32_t live);
void weir_demo_visit_browse(struct weir_demo *demo, uint32_t person, int64_t at);
void weir_demo_visit_support(struct weir_demo *demo, uint32_t person, int64_t at);
void weir_demo_visit_add(struct demo_visit *visit, enum weir_demo_step step);

/* step.c: does the next step of a visit; puts the one after it into the queue. */
void weir_demo_step(struct weir_demo *demo, uint32_t ref);

/* call.c: writes one call into demo->line. */
void weir_demo_call_begin(struct weir_demo *demo, const struct demo_visit *visit, const char *type);
void weir_demo_call_end(struct weir_demo *demo, const struct demo_visit *visit);
void weir_demo_call_page(struct weir_demo *demo, const struct demo_visit *visit);
void weir_demo_server_begin(struct weir_demo *demo, int64_t at, const char *type, uint64_t key);
void weir_demo_server_end(struct weir_demo *demo, int64_t at);
void weir_demo_put_anonymous(struct demo_line *line, uint64_t key, unsigned slot);

/* bill.c */
void weir_demo_founders(struct weir_demo *demo);
void weir_demo_bill(struct weir_demo *demo, uint32_t person, enum weir_demo_bill action,
                    int64_t at);
unsigned weir_demo_price(const struct weir_demo *demo, enum weir_demo_plan plan,
                         int64_t at); /* cents */

static inline unsigned weir_demo_season(unsigned sport, int64_t at_day)
{
    return weir_demo_sports[sport].season[weir_demo_date_of(at_day).month - 1];
}

#endif
