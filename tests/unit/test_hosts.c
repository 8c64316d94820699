/* Which hosts may be connected to: rules over names and addresses. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "io/hosts.h"

static bool allowed(const char *rule, const char *host, const char *address, unsigned port)
{
    const char *rules[] = {rule};
    struct weir_hosts hosts = {rules, 1};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        return weir_hosts_allow(&hosts, weir_str_of(host), (struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return weir_hosts_allow(&hosts, weir_str_of(host), (struct sockaddr *)&v6);
}

static void public_is_the_internet_and_nothing_near(void **state)
{
    static const char *const far[] = {"8.8.8.8",   "1.1.1.1",        "172.32.0.1",
                                      "11.0.0.1",  "192.169.0.1",    "2606:4700:4700::1111",
                                      "223.1.2.3", "::ffff:8.8.8.8", "64:ff9b::808:808"};
    static const char *const near[] = {"127.0.0.1",
                                       "127.255.0.9",
                                       "0.0.0.0",
                                       "10.1.2.3",
                                       "172.16.0.1",
                                       "172.31.255.255",
                                       "192.168.1.1",
                                       "169.254.169.254",
                                       "168.63.129.16",
                                       "64:ff9b::a83f:8110",
                                       "100.64.0.1",
                                       "224.0.0.1",
                                       "255.255.255.255",
                                       "198.18.0.1",
                                       "192.0.0.8",
                                       "::1",
                                       "::",
                                       "fe80::1",
                                       "fc00::1",
                                       "fd12::1",
                                       "ff02::1",
                                       "::ffff:127.0.0.1",
                                       "::ffff:10.0.0.1",
                                       "64:ff9b::7f00:1",
                                       "2002:7f00:1::",
                                       "2002:a00:1::1",
                                       "2001:db8::1",
                                       "2001::1",
                                       "::7f00:1",
                                       "fec0::1"};
    (void)state;
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        if (!allowed("public", "x.example", far[i], 443)) {
            fail_msg("%s is public", far[i]);
        }
    }
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        if (allowed("public", "x.example", near[i], 443)) {
            fail_msg("%s is not public", near[i]);
        }
    }
}

static void names_and_networks_open_what_they_say(void **state)
{
    (void)state;
    assert_true(allowed("files.corp", "files.corp", "10.0.0.1", 80));
    assert_true(allowed("files.corp", "FILES.corp.", "10.0.0.1", 80));
    assert_false(allowed("files.corp", "xfiles.corp", "10.0.0.1", 80));
    assert_true(allowed("*.corp", "files.corp", "10.0.0.1", 80));
    assert_false(allowed("*.corp", "corp", "10.0.0.1", 80));
    assert_false(allowed("*.corp", "filescorp", "10.0.0.1", 80));
    assert_true(allowed("10.0.0.0/8", "x", "10.9.9.9", 80));
    assert_true(allowed("10.0.0.0/8", "x", "::ffff:10.9.9.9", 80));
    assert_false(allowed("10.0.0.0/8", "x", "11.0.0.1", 80));
    assert_true(allowed("10.8.0.0/13", "x", "10.15.0.1", 80));
    assert_false(allowed("10.8.0.0/13", "x", "10.16.0.1", 80));
    assert_true(allowed("127.0.0.1:9000", "localhost", "127.0.0.1", 9000));
    assert_false(allowed("127.0.0.1:9000", "localhost", "127.0.0.1", 9001));
    assert_false(allowed("localhost:9000", "localhost", "127.0.0.1", 80));
    assert_false(allowed("public:443", "x", "8.8.8.8", 80));
    assert_true(allowed("[fd00::/8]", "x", "fd12::1", 80));
    assert_true(allowed("[::1]:8080", "x", "::1", 8080));
    assert_false(allowed("[::1]:8080", "x", "::1", 8081));
}

static void what_is_no_rule_is_told(void **state)
{
    static const char *const bad[] = {"",     "http://x", "10.0.0.0/33", "[::1",    "[x]",
                                      "a b",  "x:0",      "x:99999",     "x:80:90", "*.",
                                      "10/8", "[::1]x",   "[::1]:",      "a/b",     "[::/129]"};
    static const char *const good[] = {"public", "public:443", "x", "*.x.y", "1.2.3.4", "[::/0]"};
    struct weir_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir_hosts hosts = {&bad[i], 1};
        if (weir_hosts_check(&hosts, &err) != WEIR_EINVAL) {
            fail_msg("\"%s\" is no rule", bad[i]);
        }
    }
    struct weir_hosts hosts = {good, sizeof good / sizeof good[0]};
    ASSERT_OK(weir_hosts_check(&hosts, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_is_the_internet_and_nothing_near),
        cmocka_unit_test(names_and_networks_open_what_they_say),
        cmocka_unit_test(what_is_no_rule_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
