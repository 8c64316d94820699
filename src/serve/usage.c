#include "serve/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "serve/history.h"
#include "serve/shelf.h"
#include "state/person.h"

#define WRITE_EVERY WEIR_SECOND
#define MAX_ROWS    10000 /* of one second; more are left out, and the log says so */
#define MAX_OPENS   10000
#define MAX_LISTED  1000

struct row {
    int64_t day;
    char report[WEIR_ID_SIZE], person[WEIR_ID_SIZE];
    struct weir_usage_count count;
};

struct open {
    weir_time at;
    char report[WEIR_ID_SIZE], person[WEIR_ID_SIZE];
};

/* What is to be written. */
struct batch {
    struct weir_usage *usage;
    struct weir_map rows; /* values are `struct row`, on the heap */
    struct open *opens;
    size_t open_count, open_cap;
    uint64_t lost;
};

struct weir_usage {
    struct weir_server *server;
    struct batch *filling;
    struct batch *writing; /* the thread's, or NULL */
    struct weir_timer *timer;
    uint64_t written; /* batches */
};

/* --- gathering ------------------------------------------------------------------------------ */

static struct batch *batch_new(struct weir_usage *u)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b) {
        b->usage = u;
        weir_map_init(&b->rows);
    }
    return b;
}

static void batch_free(struct batch *b)
{
    if (b) {
        for (size_t i = 0; i < b->rows.count; i++) {
            free(b->rows.entries[i].value);
        }
        weir_map_free(&b->rows);
        free(b->opens);
        free(b);
    }
}

static struct row *find(struct batch *b, int64_t day, const char *person, const char *report)
{
    char key[64];
    snprintf(key, sizeof key, "%lld %s %s", (long long)day, person, report);
    struct row *row = weir_map_get(&b->rows, weir_str_of(key));
    if (row) {
        return row;
    }
    row = b->rows.count < MAX_ROWS ? calloc(1, sizeof *row) : NULL;
    if (row && weir_map_put(&b->rows, weir_str_of(key), row)) {
        free(row);
        row = NULL;
    }
    if (row) {
        row->day = day;
        snprintf(row->report, sizeof row->report, "%s", report);
        snprintf(row->person, sizeof row->person, "%s", person);
    }
    return row;
}

void weir_usage_add(struct weir_usage *u, const char *person, const char *report,
                    const struct weir_usage_count *count)
{
    struct row *row = find(u->filling, weir_now() / WEIR_DAY, person, report);
    if (!row) {
        u->filling->lost++;
        return;
    }
    row->count.opens += count->opens;
    row->count.queries += count->queries;
    row->count.hits += count->hits;
    row->count.failures += count->failures;
    row->count.engine += count->engine;
}

void weir_usage_opened(struct weir_usage *u, const char *person, const char *report)
{
    struct batch *b = u->filling;
    weir_usage_add(u, person, report, &(struct weir_usage_count){.opens = 1});
    if (b->open_count == b->open_cap) {
        size_t cap = b->open_cap ? 2 * b->open_cap : 64;
        struct open *more = cap <= MAX_OPENS ? realloc(b->opens, cap * sizeof *more) : NULL;
        if (!more) {
            b->lost++;
            return;
        }
        b->opens = more;
        b->open_cap = cap;
    }
    struct open *o = &b->opens[b->open_count++];
    o->at = weir_now();
    snprintf(o->report, sizeof o->report, "%s", report);
    snprintf(o->person, sizeof o->person, "%s", person);
}

/* --- writing -------------------------------------------------------------------------------- */

static void write_batch(const struct batch *b)
{
    const struct weir_server *s = b->usage->server;
    struct weir_arena arena;
    struct weir_error err;
    weir_arena_init(&arena, 64u << 20);
    struct weir_usage_row *rows = weir_arena_calloc(&arena, (b->rows.count + 1) * sizeof *rows);
    struct weir_usage_open *opens = weir_arena_calloc(&arena, (b->open_count + 1) * sizeof *opens);
    int rc = rows && opens ? 0 : weir_fail(&err, WEIR_ENOMEM, "no memory");
    for (size_t i = 0; rc == 0 && i < b->rows.count; i++) {
        const struct row *r = b->rows.entries[i].value;
        rows[i] = (struct weir_usage_row){.day = r->day,
                                          .report = weir_str_of(r->report),
                                          .person = weir_str_of(r->person),
                                          .count = r->count};
    }
    for (size_t i = 0; rc == 0 && i < b->open_count; i++) {
        const struct open *o = &b->opens[i];
        opens[i] = (struct weir_usage_open){
            .at = o->at, .report = weir_str_of(o->report), .person = weir_str_of(o->person)};
    }
    if (rc == 0) {
        rc = weir_usage_write(weir_history_state(s->history), rows, b->rows.count, opens,
                              b->open_count, weir_now() / WEIR_DAY - s->settings.usage_days, &err);
    }
    if (rc) {
        weir_log(s->log, WEIR_LOG_WARN, "what was used was not written", "error", err.message);
    }
    if (b->lost) {
        weir_log(s->log, WEIR_LOG_WARN, "more was used in a second than is written", "left_out",
                 weir_log_num((int64_t)b->lost).text);
    }
    weir_arena_free(&arena);
}

static void written(void *arg)
{
    struct batch *b = arg;
    b->usage->writing = NULL;
    b->usage->written++;
    batch_free(b);
}

uint64_t weir_usage_written(const struct weir_usage *u)
{
    return u->written;
}

static void work(void *arg)
{
    struct batch *b = arg;
    write_batch(b);
    if (weir_loop_post(b->usage->server->loop, written, b)) {
        abort(); /* no memory for a few bytes; nothing would be written any more */
    }
}

static void on_time(void *arg)
{
    struct weir_usage *u = arg;
    struct batch *b = u->filling, *next;
    struct weir_error err;
    if (u->writing || b->rows.count + b->open_count == 0 || !(next = batch_new(u))) {
        return;
    }
    if (weir_work_add(u->server->work, work, b, &err)) {
        batch_free(next); /* the threads are busy: later */
        return;
    }
    u->writing = b;
    u->filling = next;
}

int weir_usage_new(struct weir_server *server, struct weir_usage **out, struct weir_error *err)
{
    struct weir_usage *u = *out = calloc(1, sizeof *u);
    if (u) {
        u->server = server;
        u->filling = batch_new(u);
    }
    return u && u->filling &&
                   weir_timer_new(server->loop, WRITE_EVERY, WRITE_EVERY, on_time, u, &u->timer) ==
                       0
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory to count what is used");
}

void weir_usage_free(struct weir_usage *u)
{
    if (u) {
        weir_timer_free(u->timer);
        if (u->filling && u->filling->rows.count + u->filling->open_count) {
            write_batch(u->filling);
        }
        batch_free(u->filling);
        batch_free(u->writing);
        free(u);
    }
}

/* --- GET /api/usage --------------------------------------------------------------------------- */

static void print_count(struct weir_jw *w, const struct weir_usage_sum *sum)
{
    weir_jw_ki64(w, "opens", sum->count.opens);
    weir_jw_ki64(w, "queries", sum->count.queries);
    weir_jw_ki64(w, "hits", sum->count.hits);
    weir_jw_ki64(w, "misses", sum->count.queries - sum->count.hits);
    weir_jw_ki64(w, "failures", sum->count.failures);
    weir_jw_keyz(w, "engine_ms");
    weir_jw_double(w, (double)sum->count.engine / 1000);
}

static int print_reports(struct weir_ask *ask, int64_t first_day, struct weir_error *err)
{
    struct weir_documents *all = weir_shelf_hold(ask->server->shelf);
    struct weir_usage_sum *sums;
    struct weir_jw *w = &ask->w;
    size_t count;
    int rc = weir_usage_reports(ask->runs, first_day, MAX_LISTED, &ask->arena, &sums, &count, err);
    weir_jw_keyz(w, "reports");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct weir_document *d = weir_documents_find(all, WEIR_DOCUMENT_REPORT, sums[i].id);
        weir_jw_object(w);
        weir_jw_kstr_or_null(w, "id", sums[i].id);
        weir_jw_kstr_or_null(w, "title", weir_str_of(d ? d->title : ""));
        weir_jw_ki64(w, "people", sums[i].others);
        weir_jw_ktime_or_null(w, "last_opened_at", sums[i].last_open);
        print_count(w, &sums[i]);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_documents_release(all);
    return rc;
}

static int print_people(struct weir_ask *ask, int64_t first_day, struct weir_error *err)
{
    struct weir_usage_sum *sums;
    struct weir_jw *w = &ask->w;
    size_t count;
    int rc = weir_usage_people(ask->runs, first_day, MAX_LISTED, &ask->arena, &sums, &count, err);
    weir_jw_keyz(w, "people");
    weir_jw_array(w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        weir_jw_object(w);
        weir_ask_print_person(ask, sums[i].id);
        weir_jw_ki64(w, "reports", sums[i].others);
        print_count(w, &sums[i]);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    return rc;
}

int weir_ask_usage(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_str text = weir_ask_param(ask, "days");
    int64_t days = 28, today = ask->now / WEIR_DAY;
    if (text.ptr && (!weir_str_to_i64(text, &days) || days < 1 || days > 36500)) {
        return weir_fail(err, WEIR_EINVAL, "\"days\" must be a number from 1 to 36500");
    }
    int rc = weir_ask_needs_server(ask, err);
    if (rc) {
        return rc;
    }
    weir_jw_object(&ask->w);
    weir_jw_ki64(&ask->w, "days", days);
    weir_jw_ktime(&ask->w, "since", (today - days + 1) * WEIR_DAY);
    weir_jw_ki64(&ask->w, "kept_days", ask->server->settings.usage_days);
    rc = print_reports(ask, today - days + 1, err);
    rc = rc ? rc : print_people(ask, today - days + 1, err);
    weir_jw_object_end(&ask->w);
    return rc;
}
