/* Sending: what the collector says is obeyed, and nothing is lost or counted twice. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "demo/sender.h"
#include "io/http.h"

/* A collector that is in trouble in a given way for its first requests. */
struct collector {
    struct weir_loop *loop;
    struct weir_http_server *server;
    pthread_t thread;
    char address[64];
    int trouble; /* status for the first ones; 0: breaks the connection */
    unsigned troubled, requests, batches_of[WEIR_DEMO_SOURCES];
    uint64_t events;
    size_t largest;
    bool bad_sent_at;
};

static void answer(struct weir_http_request *req, void *arg)
{
    struct collector *c = arg;
    struct weir_str body = weir_http_body(req);
    if (c->requests++ < c->troubled) {
        if (!c->trouble) {
            weir_http_abort(req);
            return;
        }
        weir_http_set(req, "Retry-After", "0");
        weir_http_reply(req, c->trouble, "text/plain", WEIR_STR("not now"));
        return;
    }
    struct weir_json_parser *parser = weir_json_parser_new(32);
    struct weir_json root;
    weir_time sent_at;
    assert_int_equal(weir_json_parse(parser, body, &root, NULL), 0);
    c->events += weir_json_count(weir_json_get(root, "batch"));
    c->largest = body.len > c->largest ? body.len : c->largest;
    c->bad_sent_at |= !weir_time_parse(weir_json_get_str(root, "sentAt"), &sent_at) ||
                      sent_at < weir_now() - 60 * WEIR_SECOND;
    /* "Basic a2V5MDo=": keyN: says which source sent it. */
    static const char *const auth[] = {
        "Basic a2V5MDo=", "Basic a2V5MTo=", "Basic a2V5Mjo=", "Basic a2V5Mzo="};
    for (int i = 0; i < WEIR_DEMO_SOURCES; i++) {
        c->batches_of[i] += weir_str_is(weir_http_header(req, "Authorization"), auth[i]);
    }
    weir_json_parser_free(parser);
    weir_http_reply(req, 200, "application/json", WEIR_STR("{\"success\":true}"));
}

static void *serve(void *arg)
{
    weir_loop_run(((struct collector *)arg)->loop);
    return NULL;
}

static void start(struct collector *c)
{
    struct weir_error err = {0};
    struct weir_http_options options = {.handler = answer, .arg = c};
    ASSERT_OK(weir_loop_new(&c->loop, &err), err);
    ASSERT_OK(weir_http_server_new(c->loop, &options, &c->server, &err), err);
    ASSERT_OK(weir_http_listen(c->server, "127.0.0.1:0", c->address, &err), err);
    assert_int_equal(pthread_create(&c->thread, NULL, serve, c), 0);
}

static void stop(struct collector *c)
{
    weir_loop_stop(c->loop);
    pthread_join(c->thread, NULL);
    weir_http_server_free(c->server);
    weir_loop_free(c->loop);
}

static struct weir_demo_sender *sender_to(const char *address, weir_time patience)
{
    struct weir_error err = {0};
    struct weir_demo_sender_options options = {
        .address = address, .keys = {"key0", "key1", "key2", "key3"}, .patience = patience};
    struct weir_demo_sender *sender = NULL;
    ASSERT_OK(weir_demo_sender_new(&options, &sender, &err), err);
    return sender;
}

static int send_all(struct weir_demo_sender *sender, uint64_t events, struct weir_demo_sent *sent,
                    struct weir_error *err)
{
    struct weir_demo_options options = {
        .seed = 1, .events = events, .until = (weir_time)1795000000 * WEIR_SECOND};
    struct weir_demo *demo = NULL;
    struct weir_demo_event event;
    int code = weir_demo_new(&options, &demo, err);
    while (!code && weir_demo_next(demo, &event)) {
        code = weir_demo_sender_add(sender, &event, err);
    }
    code = code ? code : weir_demo_sender_push(sender, err);
    do {
        code = code ? code : weir_demo_sender_work(sender, WEIR_SECOND, err);
        weir_demo_sender_stats(sender, sent);
    } while (!code && sent->waiting);
    weir_demo_free(demo);
    return code;
}

static void check_all_arrive(int trouble, unsigned troubled)
{
    struct collector c = {.trouble = trouble, .troubled = troubled};
    struct weir_demo_sent sent;
    struct weir_error err = {0};
    start(&c);
    struct weir_demo_sender *sender = sender_to(c.address, 0);
    ASSERT_OK(send_all(sender, 6000, &sent, &err), err);
    weir_demo_sender_free(sender);
    stop(&c);
    assert_int_equal(sent.events, 6000);
    assert_int_equal(c.events, 6000);
    assert_true(sent.retries >= troubled);
    assert_true(c.largest < 500 * 1000);
    assert_false(c.bad_sent_at);
    for (int i = 0; i < WEIR_DEMO_SOURCES; i++) {
        assert_true(c.batches_of[i] > 0);
    }
}

static void every_event_arrives_with_its_sources_key(void **state)
{
    (void)state;
    check_all_arrive(200, 0);
}

static void waits_when_the_collector_asks_for_it(void **state)
{
    (void)state;
    check_all_arrive(429, 5);
    check_all_arrive(503, 5);
}

static void sends_again_what_a_broken_connection_took(void **state)
{
    (void)state;
    check_all_arrive(0, 3);
}

static void a_refusal_is_an_error_that_says_why(void **state)
{
    (void)state;
    struct collector c = {.trouble = 401, .troubled = 1000000};
    struct weir_demo_sent sent;
    struct weir_error err = {0};
    start(&c);
    struct weir_demo_sender *sender = sender_to(c.address, 0);
    assert_int_equal(send_all(sender, 6000, &sent, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "401: not now"));
    weir_demo_sender_free(sender);
    stop(&c);
}

static void patience_ends(void **state)
{
    (void)state;
    struct weir_demo_sent sent;
    struct weir_error err = {0};
    int fd;
    char address[64];
    ASSERT_OK(weir_http_bind("127.0.0.1:0", &fd, address, &err), err);
    close(fd); /* nobody listens there now */
    struct weir_demo_sender *sender = sender_to(address, WEIR_SECOND / 4);
    assert_int_equal(send_all(sender, 6000, &sent, &err), WEIR_ETIMEDOUT);
    assert_non_null(strstr(err.message, "cannot connect"));
    assert_int_equal(sent.events, 0);
    weir_demo_sender_free(sender);
}

static void addresses_must_make_sense(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "localhost", ":80", "[::1", "127.0.0.1:http-no"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct weir_demo_sender_options options = {.address = bad[i], .keys = {"a", "a", "a", "a"}};
        struct weir_demo_sender *sender = NULL;
        assert_int_equal(weir_demo_sender_new(&options, &sender, NULL), WEIR_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_arrives_with_its_sources_key),
        cmocka_unit_test(waits_when_the_collector_asks_for_it),
        cmocka_unit_test(sends_again_what_a_broken_connection_took),
        cmocka_unit_test(a_refusal_is_an_error_that_says_why),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(addresses_must_make_sense),
    };
    return cmocka_run_group_tests_name("demo_sender", tests, NULL, NULL);
}
