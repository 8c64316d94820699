#include "test.h"

#include <stdlib.h>

#include "conf/option.h"

struct settings {
    bool trust;
    int64_t count;
    uint64_t max_body;
    weir_time wait;
    const char *listen;
    const char *token;
    int ip;
    struct weir_text_list proxies;
    const struct weir_data *config;
};

static const char *const ip_names[] = {"keep", "anonymize", "drop", NULL};
static const struct weir_option table[] = {{.name = "trust",
                                            .type = WEIR_OPT_BOOL,
                                            .offset = offsetof(struct settings, trust),
                                            .fallback = "false",
                                            .help = "believe a proxy"},
                                           {.name = "count",
                                            .type = WEIR_OPT_INT,
                                            .offset = offsetof(struct settings, count),
                                            .fallback = "3",
                                            .min = 1,
                                            .max = 10,
                                            .help = "how many"},
                                           {.name = "max_body",
                                            .type = WEIR_OPT_BYTES,
                                            .offset = offsetof(struct settings, max_body),
                                            .fallback = "4MB",
                                            .min = 1024,
                                            .max = 1 << 30,
                                            .help = "bytes of a request"},
                                           {.name = "wait",
                                            .type = WEIR_OPT_DURATION,
                                            .offset = offsetof(struct settings, wait),
                                            .fallback = "250ms",
                                            .help = "how long"},
                                           {.name = "listen",
                                            .type = WEIR_OPT_TEXT,
                                            .offset = offsetof(struct settings, listen),
                                            .fallback = "127.0.0.1:8080",
                                            .env = "WEIR_TEST_LISTEN",
                                            .help = "address | port"},
                                           {.name = "token",
                                            .type = WEIR_OPT_TEXT,
                                            .offset = offsetof(struct settings, token),
                                            .env = "WEIR_TEST_TOKEN",
                                            .help = "who we are"},
                                           {.name = "ip",
                                            .type = WEIR_OPT_CHOICE,
                                            .offset = offsetof(struct settings, ip),
                                            .fallback = "keep",
                                            .choices = ip_names,
                                            .help = "what happens to addresses"},
                                           {.name = "proxies",
                                            .type = WEIR_OPT_LIST,
                                            .offset = offsetof(struct settings, proxies),
                                            .fallback = "",
                                            .help = "whom to believe"},
                                           {.name = "config",
                                            .type = WEIR_OPT_DATA,
                                            .offset = offsetof(struct settings, config),
                                            .fallback = "",
                                            .help = "what it wants"},
                                           {0}};

static struct settings got;
static struct weir_arena arena;
static struct weir_error err;

/* Defaults, then the text, then the environment, as a section of weir.yml is read. */
static int load(const char *yaml)
{
    struct weir_yaml *doc;
    weir_arena_reset(&arena);
    memset(&got, 0, sizeof got);
    err = (struct weir_error){0};
    int code = weir_options_default(table, &got, &arena, &err);
    code = code ? code : weir_yaml_parse(weir_str_of(yaml), "weir.yml", &doc, &err);
    if (code) {
        return code;
    }
    code = weir_options_yaml(table, &got, &arena, doc, weir_yaml_root(doc), &err);
    weir_yaml_free(doc);
    return code ? code : weir_options_env(table, &got, &arena, &err);
}

static void defaults_hold_where_nothing_is_said(void **state)
{
    (void)state;
    ASSERT_OK(load("token: t\nwait:\n"), err);
    assert_false(got.trust);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.max_body, 4 << 20);
    assert_int_equal(got.wait, 250000);
    assert_string_equal(got.listen, "127.0.0.1:8080");
    assert_int_equal(got.ip, 0);
    assert_int_equal(got.proxies.count, 0);
}

static void every_type_is_read(void **state)
{
    (void)state;
    ASSERT_OK(
        load("trust: true\ncount: 10\nmax_body: 64k\nwait: 7d\nlisten: \"[::1]:80\"\ntoken: 5\n"
             "ip: drop\nproxies: [10.0.0.0/8, 192.168.1.1, 127.0.0.1]\n"),
        err);
    assert_true(got.trust);
    assert_int_equal(got.count, 10);
    assert_int_equal(got.max_body, 65536);
    assert_int_equal(got.wait, 7 * WEIR_DAY);
    assert_string_equal(got.listen, "[::1]:80");
    assert_string_equal(got.token, "5");
    assert_int_equal(got.ip, 2);
    assert_int_equal(got.proxies.count, 3);
    assert_string_equal(got.proxies.items[2], "127.0.0.1");
    ASSERT_OK(load("token: t\nproxies: ' a, b ,,c'\n"), err);
    assert_int_equal(got.proxies.count, 3);
    assert_string_equal(got.proxies.items[1], "b");
    assert_null(got.config);
    static const char *const mappings[] = {
        "token: t\nconfig: {a: 1.50, b: [x, {c: yes}]}\n",
        "token: t\nconfig: '{\"a\": 1.50, \"b\": [\"x\", {}]}'\n"};
    for (size_t i = 0; i < 2; i++) {
        ASSERT_OK(load(mappings[i]), err);
        assert_int_equal(got.config->count, 2);
        assert_true(weir_str_is(got.config->first->text, "1.50"));
        assert_int_equal(weir_data_get(got.config, "b")->count, 2);
    }
}

static void the_environment_wins(void **state)
{
    (void)state;
    setenv("WEIR_TEST_LISTEN", "0.0.0.0:1", 1);
    setenv("WEIR_TEST_TOKEN", "secret", 1);
    ASSERT_OK(load("listen: 127.0.0.1:9\n"), err);
    assert_string_equal(got.listen, "0.0.0.0:1");
    assert_string_equal(got.token, "secret");
    unsetenv("WEIR_TEST_LISTEN");
    unsetenv("WEIR_TEST_TOKEN");
}

static void a_wrong_value_says_where_and_what(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *message;
    } cases[] = {
        {"count: 1\n", "weir.yml:1: key \"token\" is missing; add it, or set WEIR_TEST_TOKEN"},
        {"", "weir.yml:1: key \"token\" is missing; add it, or set WEIR_TEST_TOKEN"},
        {"token: t\nlissten: x\n",
         "weir.yml:2: there is no setting \"lissten\"; did you mean \"listen\"?"},
        {"token: t\nzebra: x\n",
         "weir.yml:2: there is no setting \"zebra\"; remove it, or see docs/guide/settings.md"},
        {"token: t\ncount: many\n",
         "weir.yml:2: \"count\" is \"many\"; it must be a whole number from 1 to 10"},
        {"token: t\ncount: 11\n",
         "weir.yml:2: \"count\" is \"11\"; it must be a whole number from 1 to 10"},
        {"token: t\ncount: \"5\"\n",
         "weir.yml:2: \"count\" is text in quotes; write the number without quotes"},
        {"token: t\ntrust: yes\n", "weir.yml:2: \"trust\" is \"yes\"; it must be true or false"},
        {"token: t\nmax_body: 10\n",
         "weir.yml:2: \"max_body\" is \"10\"; it must be a size such as "
         "64k or 32MB, from 1024 to 1073741824 bytes"},
        {"token: t\nmax_body: 1 furlong\n",
         "weir.yml:2: \"max_body\" is \"1 furlong\"; it must be a size such as 64k or 32MB, from "
         "1024 to 1073741824 bytes"},
        {"token: t\nwait: 30\n", "weir.yml:2: \"wait\" is \"30\"; it must be a duration such as "
                                 "250ms, 30s, 15m, 12h or 7d"},
        {"token: t\nwait: -1s\n", "weir.yml:2: \"wait\" is \"-1s\"; it must be a duration such as "
                                  "250ms, 30s, 15m, 12h or 7d"},
        {"token: t\nwait: 9999999999999d\n",
         "weir.yml:2: \"wait\" is \"9999999999999d\"; it must be a duration such as 250ms, 30s, "
         "15m, 12h or 7d"},
        {"token: t\nip: hide\n",
         "weir.yml:2: \"ip\" is \"hide\"; it must be one of keep, anonymize, drop"},
        {"token: t\nlisten: [a]\n", "weir.yml:2: \"listen\" must be a single value"},
        {"token: t\nproxies: {a: b}\n",
         "weir.yml:2: \"proxies\" must be a single value or a list of them"},
        {"token: t\nconfig: [a]\n", "weir.yml:2: \"config\" must be a single value or a mapping"},
        {"token: t\nconfig: a\n",
         "weir.yml:2: \"config\" is \"a\"; it must be a mapping such as {start_date: 2026-01-01}"},
        {"token: t\nconfig: '{\"a\": '\n",
         "weir.yml:2: \"config\" cannot be read as YAML or JSON: line:2:1: did not find expected "
         "node content"},
        {"token: t\nproxies:\n  - [a]\n", "weir.yml:3: \"proxies\" must be a list of plain values"},
        {"token: \"a\\0b\"\n", "weir.yml:1: \"token\" holds a NUL character"},
        {"- a\n", "weir.yml:1: expected settings here (`name: value`)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(load(cases[i].yaml), WEIR_EINVAL);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void the_reference_is_a_table(void **state)
{
    (void)state;
    struct weir_buf out;
    weir_buf_init(&out, 1 << 16);
    weir_options_markdown(table, &out);
    const char *text = weir_buf_cstr(&out);
    assert_non_null(strstr(text, "| `count` | number, 1 to 10 | `3` | how many |\n"));
    assert_non_null(strstr(text, "| `token` | text | required | who we are (environment: "
                                 "`WEIR_TEST_TOKEN`) |\n"));
    assert_non_null(strstr(text, "| `ip` | `keep`, `anonymize`, `drop` | `keep` | what"));
    assert_non_null(strstr(text, "| `listen` | text | `127.0.0.1:8080` | address \\| port (env"));
    assert_non_null(strstr(text, "| `proxies` | list of texts | none | whom"));
    weir_buf_free(&out);
}

static int make(void **state)
{
    (void)state;
    weir_arena_init(&arena, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    weir_arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_where_nothing_is_said),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(the_environment_wins),
        cmocka_unit_test(a_wrong_value_says_where_and_what),
        cmocka_unit_test(the_reference_is_a_table),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
