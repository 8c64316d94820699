#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/data.h"
#include "base/hash.h"
#include "base/yaml_write.h"

static struct weir_error err;

/* Reads YAML, changes nothing, writes it with its comments. */
static void rewritten(const char *text, struct weir_buf *out)
{
    struct weir_yaml *doc;
    struct weir_arena arena;
    struct weir_data *data;
    struct weir_comments comments;
    weir_arena_init(&arena, 16u << 20);
    ASSERT_OK(weir_yaml_parse(weir_str_of(text), "t", &doc, &err), err);
    ASSERT_OK(weir_data_from_yaml(&arena, weir_yaml_root(doc), &data, &err), err);
    ASSERT_OK(weir_comments_read(&comments, weir_str_of(text), doc, &err), err);
    weir_buf_init(out, 1 << 20);
    ASSERT_OK(weir_yaml_write(out, data, &comments, &err), err);
    weir_comments_free(&comments);
    weir_yaml_free(doc);
    weir_arena_free(&arena);
}

static void canonical_text_is_written_as_it_was(void **state)
{
    (void)state;
    static const char text[] = "# Leading words.\n"
                               "\n"
                               "id: k3v9x0q2ab # never change\n"
                               "title: Subscriptions\n"
                               "description: |\n"
                               "  # not a comment\n"
                               "    deeper\n"
                               "\n"
                               "  # nor this\n"
                               "# about parameters\n"
                               "parameters:\n"
                               "  # the sport\n"
                               "  - {name: sport, label: Sport, default: [rugby]}\n"
                               "  - name: range\n"
                               "    options: {query: sports, value: sport, label: sport, more: "
                               "\"0123456789\"}\n"
                               "tiles:\n"
                               "  - id: t1 # first\n"
                               "    kind: chart\n"
                               "    x: 0\n"
                               "    w: 12\n"
                               "    # why a line\n"
                               "    chart:\n"
                               "      type: line # easy to read\n"
                               "      \"y\": [{column: n}]\n"
                               "      deep: {a: null, b: true, c: -1.5e3, d: \"true\", e: \"12\"}\n"
                               "  - id: t2\n"
                               "    markdown: |-\n"
                               "      ## What happened\n"
                               "      no end\n"
                               "    x: 1\n"
                               "    why: [a, b]\n"
                               "# the end\n";
    struct weir_buf out;
    rewritten(text, &out);
    struct weir_buf again;
    rewritten(weir_buf_cstr(&out), &again);
    assert_string_equal(weir_buf_cstr(&out), weir_buf_cstr(&again));
    for (const char *c = "# Leading words.\n\nid: k3v9x0q2ab # never change\n"; c; c = NULL) {
        assert_memory_equal(weir_buf_cstr(&out), c, strlen(c));
    }
    static const char *const kept[] = {
        "# about parameters\nparameters:\n  # the sport\n  - {name: sport,",
        "  # nor this\n# about",
        "  - id: t1 # first\n    kind: chart\n",
        "    # why a line\n    chart:\n      type: line # easy to read\n",
        "    markdown: |-\n      ## What happened\n      no end\n    x: 1\n",
        "    why: [a, b]\n# the end\n",
        "      deep: {a: null, b: true, c: -1.5e3, d: \"true\", e: \"12\"}\n"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (!strstr(weir_buf_cstr(&out), kept[i])) {
            fail_msg("missing: %s\nin:\n%s", kept[i], weir_buf_cstr(&out));
        }
    }
    weir_buf_free(&again);
    weir_buf_free(&out);
}

static void json_comes_back_the_same(struct weir_json_parser *parser, const char *json)
{
    struct weir_buf in, out, text;
    struct weir_json root;
    struct weir_arena arena;
    struct weir_data *data, *again;
    struct weir_yaml *doc;
    weir_arena_init(&arena, 16u << 20);
    weir_buf_init(&in, 1 << 20);
    weir_buf_init(&out, 1 << 20);
    weir_buf_init(&text, 1 << 20);
    weir_buf_addz(&in, json);
    ASSERT_OK(weir_json_parse(parser, weir_buf_str(&in), &root, &err), err);
    ASSERT_OK(weir_data_from_json(&arena, root, &data, &err), err);
    if (weir_yaml_write(&text, data, NULL, &err)) {
        fail_msg("%s: %s: %s", err.message, json, weir_buf_cstr(&text));
    }
    ASSERT_OK(weir_yaml_parse(weir_buf_str(&text), "t", &doc, &err), err);
    ASSERT_OK(weir_data_from_yaml(&arena, weir_yaml_root(doc), &again, &err), err);
    struct weir_jw w = weir_jw_on(&out);
    weir_data_print(again, &w);
    assert_string_equal(weir_buf_cstr(&out), json);
    weir_yaml_free(doc);
    weir_buf_free(&in);
    weir_buf_free(&out);
    weir_buf_free(&text);
    weir_arena_free(&arena);
}

static void any_json_comes_back_from_yaml(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "{\"a\":[],\"b\":{},\"c\":[[],{}],\"d\":[[1,2],[3]]}",
        "{\"a\":\"\",\"b\":\" x \",\"c\":\"\\n\",\"d\":\"a\\n\",\"e\":\"a\\n\\n\",\"f\":\"a\\nb\"}",
        "{\"a\":\"\\ta\\n\",\"b\":\"# x\",\"c\":\"a # b\",\"d\":\"a: b\",\"e\":\"a:\",\"f\":\"- "
        "a\"}",
        "{\"yes\":\"no\",\"null\":null,\"~\":\"~\",\"1\":1,\"a b\":0.5,\"\":\"empty\"}",
        "{\"a\":18446744073709551615,\"b\":-9223372036854775808,\"c\":1e+21,\"d\":\"1e9999\"}",
        "{\"a\":\"\xC2\x85\xE2\x80\xA8\xEF\xBB\xBF\",\"b\":\"\xE6\x97\xA5\xE6\x9C\xAC\",\"c\":"
        "\"\\u007f\"}",
        "{\"a\":\"x\\n   \\ny\\n\",\"b\":[\"m\\nn\",{\"k\":\"m\\nn\"}],\"c\":\"---\\n...\\n\"}",
        "{\"a\":\"'q'\",\"b\":\"\\\"q\\\"\",\"c\":\"\\\\\",\"d\":\"{x}\",\"e\":\"[x]\",\"f\":\"a, "
        "b\"}",
        "{\"a\":\"\\u0001\\u0000z\",\"b\":\"2026-01-01\",\"c\":\"0x1F\",\"d\":\".5\",\"e\":\"+1\"}",
    };
    struct weir_json_parser *parser = weir_json_parser_new(40);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_comes_back_the_same(parser, cases[i]);
    }
    weir_json_parser_free(parser);
}

/* Random trees of nasty text. */
static void grow(struct weir_buf *out, unsigned depth, uint64_t *seed)
{
    static const char *const bits[] = {"a", " ",   "\\n", "#", ":", "-", "\\\"", "'", "|",
                                       ">", "\\t", "{",   "]", ",", "é", "\\r",  "0", "~"};
    *seed = weir_hash64(seed, sizeof *seed, 7);
    unsigned kind = depth > 4 ? 0 : *seed % 4;
    if (kind < 2) {
        weir_buf_addc(out, '"');
        for (unsigned n = *seed / 8 % 12; n; n--) {
            *seed = weir_hash64(seed, sizeof *seed, 8);
            weir_buf_addz(out, bits[*seed % (sizeof bits / sizeof bits[0])]);
        }
        weir_buf_addc(out, '"');
        return;
    }
    unsigned n = *seed / 16 % 4;
    weir_buf_addc(out, kind == 2 ? '[' : '{');
    for (unsigned i = 0; i < n; i++) {
        if (kind == 3) {
            weir_buf_addf(out, "\"k%u\":", i);
        }
        grow(out, depth + 1, seed);
        weir_buf_addz(out, i + 1 < n ? "," : "");
    }
    weir_buf_addc(out, kind == 2 ? ']' : '}');
}

static void random_json_comes_back_from_yaml(void **state)
{
    (void)state;
    struct weir_json_parser *parser = weir_json_parser_new(40);
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t seed = i;
        struct weir_buf json;
        weir_buf_init(&json, 1 << 20);
        weir_buf_addz(&json, "{\"root\":");
        grow(&json, 0, &seed);
        weir_buf_addc(&json, '}');
        json_comes_back_the_same(parser, weir_buf_cstr(&json));
        weir_buf_free(&json);
    }
    weir_json_parser_free(parser);
}

static void order_follows_the_old_file(void **state)
{
    (void)state;
    struct weir_json_parser *parser = weir_json_parser_new(40);
    struct weir_arena arena;
    struct weir_data *data[2];
    static const char *const texts[2] = {
        "{\"new\":1,\"b\":{\"y\":1,\"x\":2},\"a\":[{\"q\":0,\"id\":\"i2\"},{\"n\":1,\"id\":\"i1\","
        "\"m\":2}]}",
        "{\"a\":[{\"m\":9,\"n\":9,\"id\":\"i1\"}],\"gone\":1,\"b\":{\"x\":0,\"y\":0}}"};
    weir_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 2; i++) {
        struct weir_buf in;
        struct weir_json root;
        weir_buf_init(&in, 1000);
        weir_buf_addz(&in, texts[i]);
        ASSERT_OK(weir_json_parse(parser, weir_buf_str(&in), &root, &err), err);
        ASSERT_OK(weir_data_from_json(&arena, root, &data[i], &err), err);
        weir_buf_free(&in);
    }
    struct weir_buf out;
    weir_buf_init(&out, 1000);
    struct weir_jw w = weir_jw_on(&out);
    weir_data_print(weir_data_order_like(&arena, data[0], data[1]), &w);
    assert_string_equal(weir_buf_cstr(&out), "{\"a\":[{\"q\":0,\"id\":\"i2\"},{\"m\":2,\"n\":1,"
                                             "\"id\":\"i1\"}],\"b\":{\"x\":2,\"y\":1},\"new\":1}");
    weir_buf_free(&out);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_text_is_written_as_it_was),
        cmocka_unit_test(any_json_comes_back_from_yaml),
        cmocka_unit_test(random_json_comes_back_from_yaml),
        cmocka_unit_test(order_follows_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
