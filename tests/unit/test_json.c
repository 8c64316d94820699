#include "test.h"

#include "base/json.h"
#include "base/json_write.h"

static struct weir_json_parser *parser;
static struct weir_buf text;
static struct weir_buf out;

static int make(void **state)
{
    (void)state;
    parser = weir_json_parser_new(100);
    weir_buf_init(&text, 1 << 20);
    weir_buf_init(&out, 1 << 20);
    return parser ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    weir_json_parser_free(parser);
    weir_buf_free(&text);
    weir_buf_free(&out);
    return 0;
}

static const char *round_trip(struct weir_str in, struct weir_json_repairs *repairs)
{
    struct weir_error err = {0};
    struct weir_json root;
    weir_buf_reset(&text);
    weir_buf_adds(&text, in);
    weir_buf_reset(&out);
    if (weir_json_parse_lenient(parser, weir_buf_str(&text), &root, repairs, &err)) {
        return err.message[0] ? "error" : "error without a message";
    }
    weir_json_print(root, &out);
    return weir_buf_cstr(&out);
}

static void prints_what_it_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{}",
        "[]",
        "null",
        "true",
        "\"\"",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
        "[0.1,1e+21,123456789012345680000,1e-7,0.000001,-1.5]",
        "[9223372036854775807,-9223372036854775808,18446744073709551615]",
        "\"\\u0000\\u001f\\n\\\"\\\\\"",
        "{\"k\":1,\"k\":2}"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_string_equal(round_trip(weir_str_of(same[i]), NULL), same[i]);
    }
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    " ",    "{",      "[1,]",       "{\"a\"}",
                                      "nul", "1 2",  "\"abc",  "{\"a\":1}}", "[01]",
                                      "'a'", "[1e]", "\"\\x\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_string_equal(round_trip(weir_str_of(bad[i]), NULL), "error");
    }
}

static void repairs_what_sdks_really_send(void **state)
{
    (void)state;
    struct weir_json_repairs n;
    assert_string_equal(round_trip(WEIR_STR("{\"a\":\"x\xFF\x80y\"}"), &n),
                        "{\"a\":\"x\xEF\xBF\xBDy\"}");
    assert_int_equal(n.bad_utf8, 1);
    assert_string_equal(round_trip(WEIR_STR("[\"\\ud83c\",\"\\ud83c\\udfc9\"]"), &n),
                        "[\"\xEF\xBF\xBD\",\"\xF0\x9F\x8F\x89\"]");
    assert_int_equal(n.surrogates, 1);
    assert_string_equal(round_trip(WEIR_STR("[123456789012345678901234567890,1e999,-5]"), &n),
                        "[\"123456789012345678901234567890\",\"1e999\",-5]");
    assert_int_equal(n.big_numbers, 2);
    assert_string_equal(round_trip(WEIR_STR("[\"tab\there\"]"), &n), "[\"tab\\there\"]");
    assert_int_equal(n.control, 1);
    assert_string_equal(round_trip(WEIR_STR("{\"a\":NaN,\"NaN\":[ Infinity,-Infinity ]}"), &n),
                        "{\"a\":null,\"NaN\":[null,null]}");
    assert_int_equal(n.not_finite, 3);
    assert_string_equal(round_trip(WEIR_STR("[NaNa]"), NULL), "error");
    assert_string_equal(round_trip(WEIR_STR("\xEF\xBB\xBF[1]"), &n), "[1]");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct weir_error err;
    struct weir_json root;
    weir_buf_reset(&text);
    for (int i = 0; i < 200; i++) {
        weir_buf_addc(&text, '[');
    }
    for (int i = 0; i < 200; i++) {
        weir_buf_addc(&text, ']');
    }
    assert_int_equal(weir_json_parse(parser, weir_buf_str(&text), &root, &err), WEIR_ETOOBIG);
}

static void absent_values_are_harmless(void **state)
{
    (void)state;
    struct weir_json none = {NULL, 0};
    assert_false(weir_json_exists(none));
    assert_int_equal(weir_json_type(none), WEIR_JSON_NULL);
    assert_int_equal(weir_json_count(none), 0);
    assert_null(weir_json_get_str(weir_json_get(none, "a"), "b").ptr);
    struct weir_error err = {0};
    struct weir_json root;
    weir_buf_reset(&text);
    weir_buf_addz(&text, "{\"n\":-1,\"big\":18446744073709551615,\"s\":\"x\"}");
    ASSERT_OK(weir_json_parse(parser, weir_buf_str(&text), &root, &err), err);
    int64_t i = 5;
    uint64_t u = 5;
    assert_true(weir_json_i64(weir_json_get(root, "n"), &i));
    assert_int_equal(i, -1);
    assert_false(weir_json_u64(weir_json_get(root, "n"), &u));
    assert_false(weir_json_i64(weir_json_get(root, "big"), &i));
    assert_true(weir_json_u64(weir_json_get(root, "big"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(weir_json_bool(weir_json_get(root, "s"), &(bool){false}));
    assert_int_equal(weir_json_count(root), 3);
}

/* Texts are looked at by eight bytes at a time: each byte at each place of one of each length. */
static void each_byte_is_quoted_wherever_it_stands(void **state)
{
    static const char known_ones[] = "\b\t\n\f\r\"\\";
    struct weir_buf got, want;
    (void)state;
    weir_buf_init(&got, 1000);
    weir_buf_init(&want, 1000);
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t len = 1; len < 20; len++) {
            for (size_t at = 0; at < len; at++) {
                char bytes[20];
                memset(bytes, 'a', len);
                bytes[at] = (char)c;
                weir_buf_reset(&got);
                weir_buf_reset(&want);
                weir_json_quote(&got, (struct weir_str){bytes, len});
                weir_buf_addf(&want, "\"%.*s", (int)at, "aaaaaaaaaaaaaaaaaaa");
                const char *known = strchr(known_ones, (int)c);
                if (c && known) {
                    weir_buf_addf(&want, "\\%c", "btnfr\"\\"[known - known_ones]);
                } else {
                    weir_buf_addf(&want, c < 0x20 || c == 0x7F ? "\\u%04x" : "%c", c);
                }
                weir_buf_addf(&want, "%.*s\"", (int)(len - at - 1), "aaaaaaaaaaaaaaaaaaa");
                assert_string_equal(weir_buf_cstr(&got), weir_buf_cstr(&want));
            }
        }
    }
    weir_buf_reset(&got);
    weir_json_quote(&got, (struct weir_str){NULL, 0});
    assert_string_equal(weir_buf_cstr(&got), "\"\"");
    weir_buf_free(&got);
    weir_buf_free(&want);
}

static void writer_output_is_always_json(void **state)
{
    (void)state;
    weir_buf_reset(&out);
    struct weir_jw w = weir_jw_on(&out);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "a", WEIR_STR("x\xFF\"\n"));
    weir_jw_keyz(&w, "b");
    weir_jw_array(&w);
    weir_jw_double(&w, 1.0 / 0.0);
    weir_jw_double(&w, 5e-324);
    weir_jw_double(&w, 12.5);
    weir_jw_array_end(&w);
    weir_jw_ki64(&w, "c", -3);
    weir_jw_object_end(&w);
    assert_string_equal(weir_buf_cstr(&out),
                        "{\"a\":\"x\xEF\xBF\xBD\\\"\\n\",\"b\":[null,5e-324,12.5],\"c\":-3}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_it_read),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(repairs_what_sdks_really_send),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(absent_values_are_harmless),
        cmocka_unit_test(each_byte_is_quoted_wherever_it_stands),
        cmocka_unit_test(writer_output_is_always_json),
    };
    return cmocka_run_group_tests_name("json", tests, make, unmake);
}
