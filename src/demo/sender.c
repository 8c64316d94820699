#include "demo/sender.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "demo/exchange.h"

#define CONNECTIONS_MAX 16
#define BEGIN           "{\"sentAt\":\"0000-00-00T00:00:00.000Z\",\"batch\":["
#define SENT_AT         11 /* where the time stands in it */

struct batch {
    struct batch *next;
    struct weir_buf body;
    enum weir_demo_source source;
    uint64_t events;
    unsigned tries;
    weir_time not_before;
};

struct lane { /* a connection and the batch on it */
    struct weir_demo_exchange exchange;
    struct batch *batch;
};

struct weir_demo_sender {
    struct weir_demo_exchange_peer peer;
    char auth[WEIR_DEMO_SOURCES][256];
    unsigned lane_count;
    weir_time patience;
    weir_time progress; /* when something was acknowledged, or begun after silence */
    struct lane lanes[CONNECTIONS_MAX];
    struct batch *open[WEIR_DEMO_SOURCES];
    struct batch *first, **last; /* ready to be sent */
    unsigned ready;
    struct batch *idle;
    struct weir_demo_sent sent;
    char trouble[256]; /* why the last batch was not taken */
};

int weir_demo_sender_new(const struct weir_demo_sender_options *options,
                         struct weir_demo_sender **out, struct weir_error *err)
{
    struct weir_demo_sender *sender = calloc(1, sizeof *sender);
    if (!sender) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for sending the sample company's events");
    }
    int code = weir_demo_exchange_resolve(&sender->peer, options->address, err);
    for (int i = 0; i < WEIR_DEMO_SOURCES && !code; i++) {
        code = weir_demo_exchange_auth(options->keys[i], sender->auth[i], err);
    }
    if (code) {
        free(sender);
        return code;
    }
    sender->lane_count = options->connections ? options->connections : 4;
    if (sender->lane_count > CONNECTIONS_MAX) {
        sender->lane_count = CONNECTIONS_MAX;
    }
    for (unsigned i = 0; i < sender->lane_count; i++) {
        weir_demo_exchange_init(&sender->lanes[i].exchange);
    }
    sender->patience = options->patience ? options->patience : 60 * WEIR_SECOND;
    sender->last = &sender->first;
    *out = sender;
    return 0;
}

static void free_batches(struct batch *batch)
{
    for (struct batch *next; batch; batch = next) {
        next = batch->next;
        weir_buf_free(&batch->body);
        free(batch);
    }
}

void weir_demo_sender_free(struct weir_demo_sender *sender)
{
    if (!sender) {
        return;
    }
    for (unsigned i = 0; i < sender->lane_count; i++) {
        weir_demo_exchange_close(&sender->lanes[i].exchange);
        free_batches(sender->lanes[i].batch);
    }
    for (int i = 0; i < WEIR_DEMO_SOURCES; i++) {
        free_batches(sender->open[i]);
    }
    free_batches(sender->first);
    free_batches(sender->idle);
    free(sender);
}

static struct batch *begin_batch(struct weir_demo_sender *sender, enum weir_demo_source source)
{
    struct batch *batch = sender->idle;
    if (batch) {
        sender->idle = batch->next;
        weir_buf_reset(&batch->body);
    } else {
        batch = calloc(1, sizeof *batch);
        if (!batch) {
            return NULL;
        }
        weir_buf_init(&batch->body, WEIR_DEMO_BATCH_BYTES + 64);
    }
    batch->next = NULL;
    batch->source = source;
    batch->events = 0;
    batch->tries = 0;
    batch->not_before = 0;
    weir_buf_adds(&batch->body, WEIR_STR(BEGIN));
    return batch;
}

static void enqueue(struct weir_demo_sender *sender, struct batch *batch)
{
    batch->next = NULL;
    *sender->last = batch;
    sender->last = &batch->next;
    sender->ready++;
}

/* The first batch whose time has come. */
static struct batch *dequeue(struct weir_demo_sender *sender, weir_time now)
{
    for (struct batch **at = &sender->first; *at; at = &(*at)->next) {
        struct batch *batch = *at;
        if (batch->not_before <= now) {
            *at = batch->next;
            if (!batch->next) {
                sender->last = at;
            }
            batch->next = NULL;
            sender->ready--;
            return batch;
        }
    }
    return NULL;
}

static int close_batch(struct weir_demo_sender *sender, enum weir_demo_source source,
                       struct weir_error *err)
{
    struct batch *batch = sender->open[source];
    if (!batch) {
        return 0;
    }
    weir_buf_addz(&batch->body, "]}");
    int code = weir_buf_check(&batch->body, "a batch of the sample company", err);
    if (code) {
        return code;
    }
    sender->open[source] = NULL;
    enqueue(sender, batch);
    return 0;
}

int weir_demo_sender_add(struct weir_demo_sender *sender, const struct weir_demo_event *event,
                         struct weir_error *err)
{
    struct batch *batch = sender->open[event->source];
    if (batch && (batch->events == WEIR_DEMO_BATCH_EVENTS ||
                  batch->body.len + event->json.len + 8 > WEIR_DEMO_BATCH_BYTES)) {
        int code = close_batch(sender, event->source, err);
        while (!code && sender->ready > sender->lane_count) {
            code = weir_demo_sender_work(sender, WEIR_SECOND, err);
        }
        if (code) {
            return code;
        }
        batch = NULL;
    }
    if (!batch) {
        batch = sender->open[event->source] = begin_batch(sender, event->source);
        if (!batch) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for a batch of events");
        }
    }
    if (batch->events++) {
        weir_buf_addc(&batch->body, ',');
    }
    weir_buf_adds(&batch->body, event->json);
    sender->sent.waiting++;
    return 0;
}

int weir_demo_sender_push(struct weir_demo_sender *sender, struct weir_error *err)
{
    for (int i = 0; i < WEIR_DEMO_SOURCES; i++) {
        int code = close_batch(sender, (enum weir_demo_source)i, err);
        if (code) {
            return code;
        }
    }
    return 0;
}

/* --- one batch's way ----------------------------------------------------------------------------
 */

static void stamp(struct batch *batch)
{
    struct weir_buf text;
    weir_buf_init(&text, 64);
    weir_time_print(&text, weir_now(), 3);
    if (text.len == 24) {
        memcpy(batch->body.data + SENT_AT, text.data, 24);
    }
    weir_buf_free(&text);
}

static void start_lane(struct weir_demo_sender *sender, struct lane *lane, struct batch *batch)
{
    stamp(batch);
    lane->batch = batch;
    weir_demo_exchange_start(&lane->exchange, &sender->peer, sender->auth[batch->source],
                             weir_buf_str(&batch->body));
}

/* Puts the batch back, to be sent after a while. */
static void try_again(struct weir_demo_sender *sender, struct batch *batch, weir_time after)
{
    weir_time wait = after;
    if (!wait) {
        wait = (WEIR_SECOND / 20) << (batch->tries < 6 ? batch->tries : 6);
    }
    batch->tries++;
    batch->not_before = weir_mono() + wait;
    sender->sent.retries++;
    enqueue(sender, batch);
}

static int finish_lane(struct weir_demo_sender *sender, struct lane *lane, struct weir_error *err)
{
    struct batch *batch = lane->batch;
    struct weir_demo_answer *answer = &lane->exchange.answer;
    lane->batch = NULL;
    if (answer->status >= 200 && answer->status < 300) {
        sender->sent.events += batch->events;
        sender->sent.waiting -= batch->events;
        sender->sent.batches++;
        sender->sent.bytes += batch->body.len;
        sender->progress = weir_mono();
        batch->next = sender->idle;
        sender->idle = batch;
        return 0;
    }
    bool again = answer->status == 0 || answer->status == 408 || answer->status == 429 ||
                 answer->status >= 500;
    if (answer->status) {
        snprintf(sender->trouble, sizeof sender->trouble, "it answers %d %.160s", answer->status,
                 answer->body);
    } else {
        snprintf(sender->trouble, sizeof sender->trouble, "%s", answer->body);
    }
    try_again(sender, batch, answer->retry_after);
    if (!again) {
        return weir_fail(
            err, WEIR_EINVAL, "the collector at %s refuses a batch for source %s with %d: %.200s",
            sender->peer.name, weir_demo_source_name(batch->source), answer->status, answer->body);
    }
    return 0;
}

static void fill_lanes(struct weir_demo_sender *sender, weir_time now)
{
    for (unsigned i = 0; i < sender->lane_count; i++) {
        if (!sender->lanes[i].batch) {
            struct batch *batch = dequeue(sender, now);
            if (!batch) {
                return;
            }
            start_lane(sender, &sender->lanes[i], batch);
        }
    }
}

/* Until the next batch that waits for its time may go, at most `timeout`. */
static int sleep_ms(const struct weir_demo_sender *sender, weir_time now, weir_time timeout)
{
    bool lane_free = false;
    for (unsigned i = 0; i < sender->lane_count; i++) {
        lane_free |= !sender->lanes[i].batch;
    }
    for (const struct batch *batch = sender->first; batch && lane_free; batch = batch->next) {
        weir_time left = batch->not_before - now;
        timeout = left < timeout ? left : timeout;
    }
    return timeout < 0 ? 0 : (int)((timeout + 999) / 1000);
}

static int check_patience(struct weir_demo_sender *sender, weir_time now, struct weir_error *err)
{
    if (!sender->progress || !sender->sent.waiting) {
        sender->progress = now;
    }
    if (now - sender->progress < sender->patience) {
        return 0;
    }
    return weir_fail(err, WEIR_ETIMEDOUT,
                     "the collector at %s took nothing for %d s (%s); see its log, and run "
                     "`weir doctor`",
                     sender->peer.name, (int)(sender->patience / WEIR_SECOND),
                     sender->trouble[0] ? sender->trouble : "it does not answer");
}

int weir_demo_sender_work(struct weir_demo_sender *sender, weir_time timeout,
                          struct weir_error *err)
{
    weir_time now = weir_mono();
    int code = check_patience(sender, now, err);
    if (code) {
        return code;
    }
    fill_lanes(sender, now);
    struct pollfd polled[CONNECTIONS_MAX];
    struct lane *lanes[CONNECTIONS_MAX];
    nfds_t count = 0;
    for (unsigned i = 0; i < sender->lane_count; i++) {
        struct lane *lane = &sender->lanes[i];
        if (!lane->batch) {
            continue;
        }
        lanes[count] = lane;
        polled[count].fd = lane->exchange.fd;
        polled[count++].events = weir_demo_exchange_wants(&lane->exchange);
    }
    int ready = poll(polled, count, sleep_ms(sender, now, timeout));
    if (ready < 0 && errno != EINTR) {
        return weir_fail_errno(err, errno, "poll");
    }
    for (nfds_t i = 0; ready > 0 && i < count && !code; i++) {
        bool failed_early = lanes[i]->exchange.fd < 0;
        if ((polled[i].revents || failed_early) && weir_demo_exchange_step(&lanes[i]->exchange)) {
            code = finish_lane(sender, lanes[i], err);
        }
    }
    /* A connection that could not even be begun has no descriptor to wait for. */
    for (nfds_t i = 0; i < count && !code; i++) {
        if (lanes[i]->batch && lanes[i]->exchange.fd < 0) {
            code = finish_lane(sender, lanes[i], err);
        }
    }
    fill_lanes(sender, weir_mono());
    return code;
}

void weir_demo_sender_stats(const struct weir_demo_sender *sender, struct weir_demo_sent *out)
{
    *out = sender->sent;
}
