#include "source/schedule/schedule.h"

#include <stdio.h>

#include "conf/option.h"

#define FIRST_RETRY (2 * WEIR_SECOND)
#define LAST_RETRY  (3600 * WEIR_SECOND)
#define LEAST_EVERY WEIR_SECOND

static int read_every(struct weir_str text, weir_time *out, struct weir_error *err)
{
    static const struct weir_option option = {.name = "every", .type = WEIR_OPT_DURATION};
    struct weir_arena arena;
    weir_arena_init(&arena, 4096);
    struct weir_str copy = weir_arena_dup(&arena, text);
    int rc = copy.ptr ? weir_option_set(&option, out, &arena, copy.ptr, "schedule", err)
                      : weir_fail(err, WEIR_EINVAL, "the schedule is too long");
    weir_arena_free(&arena);
    return rc || *out >= LEAST_EVERY
               ? rc
               : weir_fail(err, WEIR_EINVAL, "a source can run every second at most");
}

int weir_source_schedule_parse(struct weir_str text, struct weir_source_schedule *out,
                               struct weir_error *err)
{
    struct weir_str rest = weir_str_trim(text), word = weir_str_cut(&rest, ' ');
    struct weir_str what = rest.ptr ? weir_str_trim(rest) : WEIR_STR("");
    *out = (struct weir_source_schedule){.kind = WEIR_SOURCE_MANUAL};
    if (weir_str_is(word, "manual") && what.len == 0) {
        return 0;
    }
    if (weir_str_is(word, "every") && what.len) {
        out->kind = WEIR_SOURCE_EVERY;
        return read_every(what, &out->every, err);
    }
    if (weir_str_is(word, "after") && what.len && what.len < sizeof out->after) {
        out->kind = WEIR_SOURCE_AFTER;
        snprintf(out->after, sizeof out->after, WEIR_STR_FMT, WEIR_STR_ARG(what));
        return 0;
    }
    if (weir_str_is(word, "cron")) {
        out->kind = WEIR_SOURCE_CRON;
        return weir_cron_parse(what, &out->cron, err);
    }
    return weir_fail(err, WEIR_EINVAL,
                     "\"%.60s\" is no schedule; write `every 5m`, `cron 0 6 * * 1-5 "
                     "Europe/Berlin`, `after NAME` or `manual`",
                     text.len ? text.ptr : "");
}

static weir_time back_off(unsigned failures, double chance)
{
    weir_time wait = FIRST_RETRY;
    for (unsigned i = 1; i < failures && wait < LAST_RETRY; i++) {
        wait *= 2;
    }
    wait = wait < LAST_RETRY ? wait : LAST_RETRY;
    return wait - (weir_time)((double)wait / 2 * chance);
}

unsigned weir_source_failures_after(unsigned failures, bool before, bool partly)
{
    return before && !partly ? 1 : failures + 1;
}

weir_time weir_source_schedule_known(const struct weir_source_turn *turn, weir_time now)
{
    weir_time known = turn->known ? turn->known : turn->began;
    return known && known <= now ? known : now;
}

static weir_time least(weir_time a, weir_time b)
{
    return a < b ? a : b;
}

/* What is due has been so since then: who waits longest is first. A run of a time to come, by a
 * clock that was ahead, counts as none: nothing waits until that time is there. */
static weir_time by_rhythm(const struct weir_source_schedule *s,
                           const struct weir_source_turn *turn, weir_time now,
                           const struct weir_zone_clock *clock)
{
    weir_time began = turn->began <= now ? turn->began : 0;
    if (s->kind == WEIR_SOURCE_AFTER) {
        bool due = turn->other_ended > began && turn->other_ended <= now;
        return due ? turn->other_ended : WEIR_TIME_MAX;
    }
    if (s->kind == WEIR_SOURCE_CRON) {
        return weir_cron_next(&s->cron, began ? began : turn->known, clock);
    }
    if (began) {
        return began + s->every;
    }
    return turn->known && !turn->began ? least(turn->known, now) : now;
}

weir_time weir_source_schedule_next(const struct weir_source_schedule *s,
                                    const struct weir_source_turn *turn, weir_time now,
                                    double chance, const struct weir_zone_clock *clock)
{
    if (s->kind == WEIR_SOURCE_MANUAL) {
        return WEIR_TIME_MAX;
    }
    if (turn->failures == 0) {
        return by_rhythm(s, turn, now, clock);
    }
    /* A clock that was set back must not keep it waiting. */
    weir_time again = turn->ended <= now ? turn->ended + back_off(turn->failures, chance) : now;
    return turn->partly ? least(again, by_rhythm(s, turn, now, clock)) : again;
}

/* A clock that was set back lets nothing wait. */
static uint64_t rank(const struct weir_source_rota *rota, weir_time due, weir_time now)
{
    return rota->priority + (due < now ? (uint64_t)((now - due) / (60 * WEIR_SECOND)) : 0);
}

bool weir_source_schedule_before(const struct weir_source_rota *a, weir_time a_due,
                                 const struct weir_source_rota *b, weir_time b_due, weir_time now)
{
    uint64_t x = rank(a, a_due, now), y = rank(b, b_due, now);
    return x > y || (x == y && a_due < b_due);
}
