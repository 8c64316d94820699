/* The collector's pure parts: routes, keys, addresses, pixels, released ranges, metrics. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect/auth.h"
#include "collect/collector.h"
#include "collect/metrics.h"
#include "collect/pixel.h"
#include "collect/quarantine.h"
#include "collect/route.h"
#include "conf/address.h"
#include "eventlog/format.h"

/* --- routes ------------------------------------------------------------------------------------
 */

static void every_route_of_the_sdks_is_known(void **state)
{
    (void)state;
    static const struct {
        enum weir_http_method method;
        const char *path;
        enum weir_route_kind kind;
        const char *call;
    } cases[] = {
        {WEIR_HTTP_POST, "/v1/track", WEIR_ROUTE_CALL, "track"},
        {WEIR_HTTP_POST, "/v1/t", WEIR_ROUTE_CALL, "track"},
        {WEIR_HTTP_POST, "/v1/identify", WEIR_ROUTE_CALL, "identify"},
        {WEIR_HTTP_POST, "/v1/i", WEIR_ROUTE_CALL, "identify"},
        {WEIR_HTTP_POST, "/v1/page", WEIR_ROUTE_CALL, "page"},
        {WEIR_HTTP_POST, "/v1/p/", WEIR_ROUTE_CALL, "page"},
        {WEIR_HTTP_POST, "/v1/screen", WEIR_ROUTE_CALL, "screen"},
        {WEIR_HTTP_POST, "/v1/s", WEIR_ROUTE_CALL, "screen"},
        {WEIR_HTTP_POST, "/v1/group", WEIR_ROUTE_CALL, "group"},
        {WEIR_HTTP_POST, "/v1/g", WEIR_ROUTE_CALL, "group"},
        {WEIR_HTTP_POST, "/v1/alias", WEIR_ROUTE_CALL, "alias"},
        {WEIR_HTTP_POST, "/v1/a", WEIR_ROUTE_CALL, "alias"},
        {WEIR_HTTP_POST, "/v1/batch", WEIR_ROUTE_CALL, "batch"},
        {WEIR_HTTP_POST, "/v1/b", WEIR_ROUTE_CALL, "batch"},
        {WEIR_HTTP_POST, "/v1/import", WEIR_ROUTE_CALL, "batch"},
        {WEIR_HTTP_POST, "/beacon/v1/batch", WEIR_ROUTE_CALL, "batch"},
        {WEIR_HTTP_POST, "/v1/m", WEIR_ROUTE_SDK_METRICS, NULL},
        {WEIR_HTTP_GET, "/v1/pixel/alias", WEIR_ROUTE_PIXEL, "alias"},
        {WEIR_HTTP_GET, "/pixel/v1/page", WEIR_ROUTE_PIXEL, "page"},
        {WEIR_HTTP_GET, "/sourceConfig", WEIR_ROUTE_SOURCE_CONFIG, NULL},
        {WEIR_HTTP_GET, "/sourceConfig/", WEIR_ROUTE_SOURCE_CONFIG, NULL},
        {WEIR_HTTP_HEAD, "/health", WEIR_ROUTE_HEALTH, NULL},
        {WEIR_HTTP_GET, "/metrics", WEIR_ROUTE_METRICS, NULL},
        {WEIR_HTTP_OPTIONS, "/anything", WEIR_ROUTE_PREFLIGHT, NULL},
        {WEIR_HTTP_GET, "/v1/track", WEIR_ROUTE_WRONG_METHOD, "track"},
        {WEIR_HTTP_POST, "/metrics", WEIR_ROUTE_WRONG_METHOD, NULL},
        {WEIR_HTTP_POST, "/v1/projects/abc/settings", WEIR_ROUTE_WRONG_METHOD, NULL},
        {WEIR_HTTP_GET, "/v1/projects//settings", WEIR_ROUTE_UNKNOWN, NULL},
        {WEIR_HTTP_GET, "/v1/projects/abc/settings/x", WEIR_ROUTE_UNKNOWN, NULL},
        {WEIR_HTTP_POST, "/v1/trackk", WEIR_ROUTE_UNKNOWN, NULL},
        {WEIR_HTTP_GET, "/", WEIR_ROUTE_UNKNOWN, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_route r = weir_route_find(cases[i].method, weir_str_of(cases[i].path));
        if (r.kind != cases[i].kind) {
            fail_msg("%s: kind %d", cases[i].path, r.kind);
        }
        if (cases[i].call) {
            assert_string_equal(r.method, cases[i].call);
        }
        assert_non_null(r.name);
    }
    struct weir_route r = weir_route_find(WEIR_HTTP_GET, WEIR_STR("/v1/projects/abc/settings"));
    assert_int_equal(r.kind, WEIR_ROUTE_SETTINGS);
    assert_true(weir_str_is(r.write_key, "abc"));
}

/* --- write keys --------------------------------------------------------------------------------
 */

static void basic_authentication_holds_a_write_key(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *key; /* NULL: none */
    } cases[] = {
        {"Basic YWJjOg==", "abc"},        /* abc: */
        {"basic  YWJjOg", "abc"},         /* no padding, another case */
        {"Basic YWJj", "abc"},            /* abc, no colon */
        {"Basic YWJjOnBhc3M=", "abc"},    /* abc:pass */
        {"Basic fn5-Pz8_Og==", "~~~???"}, /* the URL alphabet */
        {"Basic Og==", NULL},             /* : */
        {"Basic", NULL},
        {"Basic !!!!", NULL},
        {"Basic Y", NULL},
        {"Bearer YWJjOg==", NULL},
        {"", NULL},
    };
    struct weir_buf key;
    weir_buf_init(&key, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf_reset(&key);
        bool found = weir_auth_basic(weir_str_of(cases[i].header), &key);
        if (found != (cases[i].key != NULL)) {
            fail_msg("%s: found %d", cases[i].header, found);
        }
        if (found) {
            assert_string_equal(weir_buf_cstr(&key), cases[i].key);
        }
    }
    weir_buf_free(&key);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static void the_client_is_the_first_hop_that_is_not_trusted(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"8.8.8.8", "1.2.3.4", "8.8.8.8"}, /* a stranger may say what he likes */
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "1.2.3.4", "1.2.3.4"},
        {"10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"}, /* what came before is the client's claim */
        {"10.0.0.1", "1.2.3.4, 10.9.9.9,192.168.1.7", "1.2.3.4"},
        {"10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"}, /* all trusted: the farthest */
        {"10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"},
        {"10.0.0.1", "1.2.3.4:5678", "1.2.3.4"},
        {"10.0.0.1", "[2001:db8::1]:99", "2001:db8::1"},
        {"fd00::5", "::ffff:1.2.3.4", "1.2.3.4"},
        {"192.168.1.8", "1.2.3.4", "192.168.1.8"}, /* only .7 is trusted */
        {"", "1.2.3.4", ""},
    };
    const char *texts[] = {"10.0.0.0/8", "192.168.1.7", "fd00::/8"};
    struct weir_text_list list = {texts, 3};
    struct weir_networks trusted;
    struct weir_arena arena;
    struct weir_error err;
    char client[WEIR_ADDRESS_MAX];
    weir_arena_init(&arena, 65536);
    ASSERT_OK(weir_networks_parse(&list, &arena, &trusted, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_address_client(weir_str_of(cases[i].peer), weir_str_of(cases[i].forwarded), &trusted,
                            client);
        if (strcmp(client, cases[i].client) != 0) {
            fail_msg("%s / %s: %s", cases[i].peer, cases[i].forwarded, client);
        }
    }
    const char *wrong[] = {"10.0.0.0/33", "10.0.0", "x", "::/129", "1.2.3.4/", "1.2.3.4/-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct weir_text_list one = {&wrong[i], 1};
        if (weir_networks_parse(&one, &arena, &trusted, &err) != WEIR_EINVAL) {
            fail_msg("%s is taken", wrong[i]);
        }
    }
    weir_arena_free(&arena);
}

static void networks_may_end_within_a_byte(void **state)
{
    (void)state;
    const char *texts[] = {"172.16.0.0/12", "0.0.0.0/32"};
    struct weir_text_list list = {texts, 2};
    struct weir_networks networks;
    struct weir_arena arena;
    struct weir_error err;
    weir_arena_init(&arena, 65536);
    ASSERT_OK(weir_networks_parse(&list, &arena, &networks, &err), err);
    assert_true(weir_networks_have(&networks, WEIR_STR("172.31.255.255")));
    assert_false(weir_networks_have(&networks, WEIR_STR("172.32.0.0")));
    assert_false(weir_networks_have(&networks, WEIR_STR("172.15.0.0")));
    assert_false(weir_networks_have(&networks, WEIR_STR("")));
    weir_arena_free(&arena);
}

static void anonymous_addresses_lose_their_end(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"1.2.3.4", "1.2.3.0"},
                                           {"::ffff:1.2.3.4", "1.2.3.0"},
                                           {"2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
                                           {"nonsense", ""},
                                           {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char address[WEIR_ADDRESS_MAX];
        strcpy(address, cases[i][0]);
        weir_address_anonymize(address);
        assert_string_equal(address, cases[i][1]);
    }
}

/* --- pixels ------------------------------------------------------------------------------------
 */

static void a_pixel_becomes_the_body_it_stands_for(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *body; /* NULL: none can be made */
    } cases[] = {
        {"data=eyJhIjoxfQ==", "{\"a\":1}"},
        {"data=eyJhIjoxfQ", "{\"a\":1}"},
        {"data=eyJhIjoxfQ%3D%3D&other=1", "{\"a\":1}"},
        {"data=%%%", NULL},
        {"data=", NULL},
        {"", NULL},
        {"userId=9&event=Email+Opened&properties.subject=Hi%20you&properties.n=1",
         "{\"userId\":\"9\",\"event\":\"Email Opened\",\"properties\":{\"subject\":\"Hi "
         "you\",\"n\":\"1\"}}"},
        {"context.page.url=u&context.page.path=p&live=true",
         "{\"context\":{\"page\":{\"url\":\"u\",\"path\":\"p\"}},\"live\":\"true\"}"},
        {"a=1&a.b=2", "{\"a\":\"1\",\"a.b\":\"2\"}"},
        {"a=1&a=2", "{\"a\":\"2\"}"},
        {"flag&x=", "{\"flag\":\"\",\"x\":\"\"}"},
        {"q=%22%00%5C", "{\"q\":\"\\\"\\u0000\\\\\"}"},
    };
    struct weir_arena arena;
    struct weir_buf out;
    weir_arena_init(&arena, 1 << 20);
    weir_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf_reset(&out);
        bool made = weir_pixel_body(weir_str_of(cases[i].query), &arena, &out);
        if (made != (cases[i].body != NULL) ||
            (made && strcmp(weir_buf_cstr(&out), cases[i].body) != 0)) {
            fail_msg("%s: %s", cases[i].query, weir_buf_cstr(&out));
        }
    }
    struct weir_buf deep; /* nesting has a bound */
    weir_buf_init(&deep, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        weir_buf_addz(&deep, "a.");
    }
    weir_buf_addz(&deep, "z=1");
    weir_buf_reset(&out);
    assert_true(weir_pixel_body(weir_buf_str(&deep), &arena, &out));
    weir_buf_free(&deep);
    weir_buf_free(&out);
    weir_arena_free(&arena);
}

/* --- released records --------------------------------------------------------------------------
 */

static void released_records_are_kept_as_ranges(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-released-XXXXXX";
    struct weir_released released = {0}, again = {0};
    struct weir_error err = {0};
    assert_non_null(mkdtemp(dir));
    ASSERT_OK(weir_released_load(dir, &released, &err), err);
    assert_int_equal(released.count, 0);
    bool model[201] = {false};
    unsigned seed = 7;
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned seq = 1 + seed / 65536 % 200;
        model[seq] = true;
        ASSERT_OK(weir_released_add(&released, seq, &err), err);
    }
    ASSERT_OK(weir_released_save(dir, &released, &err), err);
    ASSERT_OK(weir_released_load(dir, &again, &err), err);
    size_t ranges = 0;
    for (unsigned seq = 1; seq <= 200; seq++) {
        assert_int_equal(weir_released_has(&released, seq), model[seq]);
        assert_int_equal(weir_released_has(&again, seq), model[seq]);
        ranges += model[seq] && !model[seq - 1];
    }
    assert_int_equal(again.count, ranges);
    weir_released_free(&released);
    weir_released_free(&again);
    char path[64];
    snprintf(path, sizeof path, "%s/released", dir);
    FILE *f = fopen(path, "w");
    fputs("{\"released\":[[5,3]]}", f);
    fclose(f);
    assert_int_equal(weir_released_load(dir, &again, &err), WEIR_ECORRUPT);
    weir_released_free(&again);
    unlink(path);
    rmdir(dir);
}

/* --- metrics -----------------------------------------------------------------------------------
 */

static void metrics_are_prometheus_text(void **state)
{
    (void)state;
    static struct weir_metrics m;
    struct weir_gauges g = {.log_next_seq = 42, .accepting = true};
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    const char *route = "/v1/t";
    weir_metrics_request(&m, route, 200);
    weir_metrics_request(&m, route, 200);
    weir_metrics_request(&m, route, 503);
    weir_metrics_commit(&m, 700, 3);
    weir_metrics_commit(&m, 5 * WEIR_SECOND, 5000);
    weir_metrics_print(&m, &g, &out);
    assert_non_null(strstr(out.data, "requests_total{route=\"/v1/t\",status=\"200\"} 2\n"));
    assert_non_null(strstr(out.data, "requests_total{route=\"/v1/t\",status=\"503\"} 1\n"));
    assert_non_null(strstr(out.data, "commit_seconds_bucket{le=\"0.0005\"} 0\n"));
    assert_non_null(strstr(out.data, "commit_seconds_bucket{le=\"0.001\"} 1\n"));
    assert_non_null(strstr(out.data, "commit_seconds_bucket{le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(out.data, "group_requests_bucket{le=\"4\"} 1\n"));
    assert_non_null(strstr(out.data, "weir_collect_log_next_seq 42\n"));
    for (const char *line = out.data; *line; line = strchr(line, '\n') + 1) {
        assert_true(strncmp(line, "# ", 2) == 0 || strncmp(line, "weir_collect_", 13) == 0);
    }
    weir_buf_free(&out);
}

static void the_largest_body_that_may_be_set_fits_a_record(void **state)
{
    (void)state;
    static const char text[UINT16_MAX];
    const struct weir_str longest = {text, sizeof text};
    const struct weir_option *option = weir_collect_options;
    while (strcmp(option->name, "max_body") != 0) {
        option++;
    }
    struct weir_record record = {.source = longest,
                                 .method = longest,
                                 .write_key = longest,
                                 .ip = longest,
                                 .user_agent = longest,
                                 .note = longest,
                                 .body = {text, (size_t)option->max}};
    assert_int_not_equal(weir_record_size(&record), 0); /* it looks at lengths only */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_of_the_sdks_is_known),
        cmocka_unit_test(basic_authentication_holds_a_write_key),
        cmocka_unit_test(the_client_is_the_first_hop_that_is_not_trusted),
        cmocka_unit_test(networks_may_end_within_a_byte),
        cmocka_unit_test(anonymous_addresses_lose_their_end),
        cmocka_unit_test(a_pixel_becomes_the_body_it_stands_for),
        cmocka_unit_test(released_records_are_kept_as_ranges),
        cmocka_unit_test(metrics_are_prometheus_text),
        cmocka_unit_test(the_largest_body_that_may_be_set_fits_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
