#include "demo/gen.h"

#include <stdlib.h>

const char *weir_demo_source_name(enum weir_demo_source source)
{
    static const char *const names[] = {"web", "ios", "android", "server"};
    return names[source];
}

/* Rates that are kept evenly begin anywhere, but so that each soon says yes: a small company must
 * have at least one of everything. */
static void set_phases(struct weir_demo *demo)
{
    struct demo_even *first = &demo->signup[0][0];
    struct demo_even *last = &demo->alias;
    for (struct demo_even *even = first; even <= last; even++) {
        even->sum = DEMO_MILLION / 2 + weir_demo_rng_below(&demo->rng, DEMO_MILLION / 2);
    }
    for (int device = 0; device < DEMO_DEVICES; device++) {
        demo->begins[device].sum = demo->checkout[device].sum = DEMO_MILLION - 1;
    }
    demo->refund.sum = demo->churn[0].sum = DEMO_MILLION - 1;
}

int weir_demo_new(const struct weir_demo_options *options, struct weir_demo **out,
                  struct weir_error *err)
{
    if (options->events < WEIR_DEMO_MIN_EVENTS || options->events > WEIR_DEMO_MAX_EVENTS) {
        return weir_fail(
            err, WEIR_EINVAL, "a sample company of %llu events cannot be made; ask for %d to %u",
            (unsigned long long)options->events, WEIR_DEMO_MIN_EVENTS, WEIR_DEMO_MAX_EVENTS);
    }
    struct weir_demo *demo = calloc(1, sizeof *demo);
    if (!demo) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the sample company");
    }
    demo->options = *options;
    demo->totals.memory = sizeof *demo;
    weir_demo_rng_seed(&demo->rng, options->seed);
    set_phases(demo);
    weir_demo_stories_plan(&demo->stories, options->until / WEIR_SECOND * DEMO_SECOND);
    int code = weir_demo_calendar_make(&demo->calendar, &demo->stories, &demo->rng, err);
    if (code) {
        weir_demo_free(demo);
        return code;
    }
    demo->totals.memory += demo->calendar.count * sizeof *demo->calendar.items;
    weir_demo_plan(demo);
    *out = demo;
    return 0;
}

void weir_demo_free(struct weir_demo *demo)
{
    if (!demo) {
        return;
    }
    for (size_t i = 0; i < demo->visit_count; i++) {
        demo->visits[i].next = 0;
    }
    weir_demo_calendar_free(&demo->calendar);
    while (demo->queued) { /* sessions that are open hold a context */
        struct demo_todo todo;
        if (weir_demo_queue_take(demo, &todo) && todo.kind == DEMO_DO_STEP) {
            weir_demo_visit_end(demo, todo.ref);
        }
    }
    for (struct demo_context *context = demo->contexts, *next; context; context = next) {
        next = context->next;
        free(context);
    }
    for (size_t i = 0; i < demo->copy_count; i++) {
        free(demo->copies[i]);
    }
    for (struct demo_copy *copy = demo->idle_copies, *next; copy; copy = next) {
        next = copy->free;
        free(copy);
    }
    for (size_t i = 0; i < DEMO_LISTS; i++) {
        free(demo->lists[i].items);
    }
    free(demo->copies);
    free(demo->queue);
    free(demo->visits);
    free(demo->idle_visits);
    free(demo->people);
    free(demo);
}

bool weir_demo_failed(const struct weir_demo *demo)
{
    return demo->failed;
}

void weir_demo_totals(const struct weir_demo *demo, struct weir_demo_totals *out)
{
    *out = demo->totals;
}

/* Does what comes next; an event may come of it, then in demo->line. */
static void turn(struct weir_demo *demo, const struct demo_todo *todo)
{
    demo->now = todo->at;
    demo->line.len = 0;
    switch ((enum demo_kind)todo->kind) {
    case DEMO_DO_STEP:
        weir_demo_step(demo, todo->ref);
        break;
    case DEMO_DO_BILL:
        weir_demo_bill(demo, todo->ref, (enum weir_demo_bill)todo->action, todo->at);
        break;
    case DEMO_DO_DAY:
        weir_demo_day_begin(demo, todo->ref);
        break;
    case DEMO_DO_LIVE:
        weir_demo_live_begin(demo, todo->ref);
        break;
    case DEMO_DO_AGAIN:
        weir_demo_copy_take(demo, todo->ref);
        break;
    case DEMO_DO_FILL:
        weir_demo_fill(demo, false);
        break;
    case DEMO_DO_TICK:
        weir_demo_tick(demo);
        break;
    }
    demo->failed |= demo->line.full;
}

static bool give(struct weir_demo *demo, struct weir_demo_event *out)
{
    out->source = demo->source;
    out->at = demo->now * 1000;
    out->json = (struct weir_str){demo->line.data, demo->line.len};
    demo->totals.events++;
    demo->totals.by_source[demo->source]++;
    return true;
}

bool weir_demo_next(struct weir_demo *demo, struct weir_demo_event *out)
{
    struct demo_todo todo;
    while (!demo->failed && demo->totals.events < demo->options.events &&
           weir_demo_queue_take(demo, &todo)) {
        if (todo.at >= demo->stories.until) {
            weir_demo_queue_put(demo, todo.at, todo.kind, todo.ref, todo.action);
            weir_demo_fill(demo, true);
            continue;
        }
        turn(demo, &todo);
        if (demo->line.len && !demo->failed) {
            return give(demo, out);
        }
    }
    return false;
}

bool weir_demo_live(struct weir_demo *demo, weir_time now, struct weir_demo_event *out)
{
    int64_t ms = now / 1000;
    if (!demo->live) {
        demo->live = true;
        weir_demo_rng_seed(&demo->rng, demo->options.seed ^ (uint64_t)now);
        weir_demo_tick_start(demo, ms);
    }
    struct demo_todo todo;
    while (!demo->failed && demo->queued && demo->queue[0].at <= ms &&
           weir_demo_queue_take(demo, &todo)) {
        turn(demo, &todo);
        if (demo->line.len && !demo->failed) {
            return give(demo, out);
        }
    }
    return false;
}
