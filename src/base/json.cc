/* The one C++ file: simdjson's DOM behind base/json.h, and std::to_chars() behind base/number.h. A
 * value is a tape position, as in simdjson's own dom::element, so that C code can carry it around
 * in two words, and read it (json_tape.h). */
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <simdjson.h>

extern "C" {
#include "base/json.h"
#include "base/number.h"
}

extern "C" int weir_json_repair(struct weir_str text, struct weir_buf *out,
                                struct weir_json_repairs *repairs, struct weir_error *err);
extern "C" void weir_json_quote(struct weir_buf *out, struct weir_str value);
extern "C" void weir_json_number(struct weir_buf *out, double value);

using simdjson::internal::tape_type;

extern "C" const char *weir_json_library_version(void)
{
    return SIMDJSON_STRINGIFY(SIMDJSON_VERSION);
}

struct weir_json_parser {
    simdjson::dom::parser dom;
    size_t max_depth;
    struct weir_buf repaired;
    struct weir_json_doc doc;
};

static_assert(static_cast<uint8_t>(tape_type::START_OBJECT) == WEIR_TAPE_OBJECT, "tape");
static_assert(static_cast<uint8_t>(tape_type::START_ARRAY) == WEIR_TAPE_ARRAY, "tape");
static_assert(static_cast<uint8_t>(tape_type::STRING) == WEIR_TAPE_STRING, "tape");
static_assert(static_cast<uint8_t>(tape_type::INT64) == WEIR_TAPE_INT, "tape");
static_assert(static_cast<uint8_t>(tape_type::UINT64) == WEIR_TAPE_UINT, "tape");
static_assert(static_cast<uint8_t>(tape_type::DOUBLE) == WEIR_TAPE_DOUBLE, "tape");
static_assert(static_cast<uint8_t>(tape_type::TRUE_VALUE) == WEIR_TAPE_TRUE, "tape");
static_assert(static_cast<uint8_t>(tape_type::FALSE_VALUE) == WEIR_TAPE_FALSE, "tape");
static_assert(static_cast<uint8_t>(tape_type::NULL_VALUE) == WEIR_TAPE_NULL, "tape");
static_assert(WEIR_JSON_NULL == 0, "what is nothing else");

namespace
{

constexpr size_t MAX_TEXT = size_t{1} << 30;

template <typename T> inline T number_at(struct weir_json v)
{
    T out;
    memcpy(&out, &v.doc->tape[v.at + 1], sizeof out);
    return out;
}

} // namespace

extern "C" struct weir_json_parser *weir_json_parser_new(size_t max_depth)
{
    auto *parser =
        new (std::nothrow) weir_json_parser{simdjson::dom::parser(MAX_TEXT), max_depth, {}, {}};
    if (parser) {
        weir_buf_init(&parser->repaired, MAX_TEXT);
    }
    return parser;
}

extern "C" void weir_json_parser_free(struct weir_json_parser *parser)
{
    if (parser) {
        weir_buf_free(&parser->repaired);
        delete parser;
    }
}

static simdjson::error_code parse(struct weir_json_parser *parser, struct weir_str text,
                                  struct weir_json *root)
{
    static_assert(WEIR_BUF_PADDING >= simdjson::SIMDJSON_PADDING, "padding");
    if (parser->dom.capacity() < text.len || parser->dom.max_depth() != parser->max_depth) {
        size_t capacity = parser->dom.capacity() < text.len ? text.len : parser->dom.capacity();
        auto failed = parser->dom.allocate(capacity < 4096 ? 4096 : capacity, parser->max_depth);
        if (failed) {
            return failed;
        }
    }
    simdjson::dom::element element;
    auto failed = parser->dom.parse(text.ptr, text.len, false).get(element);
    if (failed) {
        return failed;
    }
    parser->doc = weir_json_doc{parser->dom.doc.tape.get(), parser->dom.doc.string_buf.get()};
    *root = weir_json{&parser->doc, 1};
    return simdjson::SUCCESS;
}

static int report(simdjson::error_code failed, struct weir_error *err)
{
    switch (failed) {
    case simdjson::SUCCESS:
        return WEIR_OK;
    case simdjson::MEMALLOC:
        return weir_fail(err, WEIR_ENOMEM, "no memory to parse this JSON");
    case simdjson::CAPACITY:
        return weir_fail(err, WEIR_ETOOBIG, "the JSON text is too large");
    case simdjson::DEPTH_ERROR:
        return weir_fail(err, WEIR_ETOOBIG, "the JSON is nested too deeply");
    case simdjson::EMPTY:
        return weir_fail(err, WEIR_EINVAL, "the JSON text is empty");
    case simdjson::UTF8_ERROR:
        return weir_fail(err, WEIR_EINVAL, "the JSON text is not valid UTF-8");
    case simdjson::NUMBER_ERROR:
        return weir_fail(err, WEIR_EINVAL, "the JSON holds a number that cannot be read");
    case simdjson::STRING_ERROR:
        return weir_fail(err, WEIR_EINVAL, "the JSON holds a string with a bad escape");
    case simdjson::UNCLOSED_STRING:
        return weir_fail(err, WEIR_EINVAL, "the JSON ends inside a string");
    default:
        return weir_fail(err, WEIR_EINVAL, "this is not JSON: %s", simdjson::error_message(failed));
    }
}

extern "C" int weir_json_parse(struct weir_json_parser *parser, struct weir_str text,
                               struct weir_json *root, struct weir_error *err)
{
    *root = weir_json{nullptr, 0};
    return report(parse(parser, text, root), err);
}

static bool is_repairable(simdjson::error_code failed, struct weir_str text)
{
    switch (failed) {
    case simdjson::UTF8_ERROR:
    case simdjson::NUMBER_ERROR:
    case simdjson::STRING_ERROR:
    case simdjson::UNESCAPED_CHARS:
        return true;
    case simdjson::TAPE_ERROR: /* what a bare word is, among much else */
        return memmem(text.ptr, text.len, "NaN", 3) || memmem(text.ptr, text.len, "Infinity", 8);
    default:
        return false;
    }
}

extern "C" int weir_json_parse_lenient(struct weir_json_parser *parser, struct weir_str text,
                                       struct weir_json *root, struct weir_json_repairs *repairs,
                                       struct weir_error *err)
{
    *root = weir_json{nullptr, 0};
    if (repairs) {
        *repairs = weir_json_repairs{};
    }
    if (weir_str_starts(text, WEIR_STR("\xEF\xBB\xBF"))) {
        text = weir_str{text.ptr + 3, text.len - 3};
    }
    auto failed = parse(parser, text, root);
    if (!is_repairable(failed, text)) {
        return report(failed, err);
    }
    weir_buf_reset(&parser->repaired);
    struct weir_json_repairs mine = {};
    int code = weir_json_repair(text, &parser->repaired, &mine, err);
    if (code) {
        return code;
    }
    failed = parse(parser, weir_buf_str(&parser->repaired), root);
    weir_buf_trim(&parser->repaired, size_t{1} << 20);
    if (repairs) {
        *repairs = mine;
    }
    return report(failed, err);
}

extern "C" bool weir_json_u64(struct weir_json value, uint64_t *out)
{
    auto type = weir_json_type(value);
    if (type == WEIR_JSON_INT && number_at<int64_t>(value) >= 0) {
        *out = static_cast<uint64_t>(number_at<int64_t>(value));
        return true;
    }
    if (type == WEIR_JSON_UINT) {
        *out = number_at<uint64_t>(value);
        return true;
    }
    return false;
}

extern "C" bool weir_json_double(struct weir_json value, double *out)
{
    switch (weir_json_type(value)) {
    case WEIR_JSON_INT:
        *out = static_cast<double>(number_at<int64_t>(value));
        return true;
    case WEIR_JSON_UINT:
        *out = static_cast<double>(number_at<uint64_t>(value));
        return true;
    case WEIR_JSON_DOUBLE:
        *out = number_at<double>(value);
        return true;
    default:
        return false;
    }
}

extern "C" size_t weir_json_count(struct weir_json container)
{
    size_t n = 0;
    struct weir_json member;
    struct weir_json_iter it = weir_json_begin(container);
    while (weir_json_next(&it, nullptr, &member)) {
        n++;
    }
    return n;
}

extern "C" struct weir_json weir_json_get(struct weir_json object, const char *key)
{
    if (weir_json_type(object) != WEIR_JSON_OBJECT) {
        return weir_json{nullptr, 0};
    }
    struct weir_str wanted = weir_str_of(key);
    size_t end = weir_tape_after(object) - 1;
    struct weir_json member = {object.doc, object.at + 2};
    while (member.at < end) {
        if (weir_str_eq(weir_tape_string(weir_json{object.doc, member.at - 1}), wanted)) {
            return member;
        }
        member.at = weir_tape_after(member) + 1;
    }
    return weir_json{nullptr, 0};
}

extern "C" struct weir_str weir_json_get_str(struct weir_json object, const char *key)
{
    struct weir_str out = {nullptr, 0};
    weir_json_str(weir_json_get(object, key), &out);
    return out;
}

/* The depth is bounded by the parser's max_depth. */
extern "C" void weir_json_print(struct weir_json value, struct weir_buf *out)
{
    switch (weir_json_type(value)) {
    case WEIR_JSON_NULL:
        weir_buf_addz(out, "null");
        return;
    case WEIR_JSON_BOOL:
        weir_buf_addz(out, weir_tape_letter(value) == WEIR_TAPE_TRUE ? "true" : "false");
        return;
    case WEIR_JSON_INT:
        weir_buf_add_i64(out, number_at<int64_t>(value));
        return;
    case WEIR_JSON_UINT:
        weir_buf_add_u64(out, number_at<uint64_t>(value));
        return;
    case WEIR_JSON_DOUBLE:
        weir_json_number(out, number_at<double>(value));
        return;
    case WEIR_JSON_STRING:
        weir_json_quote(out, weir_tape_string(value));
        return;
    case WEIR_JSON_ARRAY:
    case WEIR_JSON_OBJECT:
        break;
    }
    bool object = weir_json_type(value) == WEIR_JSON_OBJECT;
    weir_buf_addc(out, object ? '{' : '[');
    struct weir_json_iter it = weir_json_begin(value);
    struct weir_str key;
    struct weir_json member;
    for (bool first = true; weir_json_next(&it, &key, &member); first = false) {
        if (!first) {
            weir_buf_addc(out, ',');
        }
        if (object) {
            weir_json_quote(out, key);
            weir_buf_addc(out, ':');
        }
        weir_json_print(member, out);
    }
    weir_buf_addc(out, object ? '}' : ']');
}

/* --- digits -------------------------------------------------------------------------------------
 */

extern "C" int weir_number_digits(double value, char digits[WEIR_NUMBER_DIGITS + 1], int *point)
{
    char text[32];
    int n = 0;
    auto end =
        std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific)
            .ptr;
    const char *at = text;
    for (; at < end && *at != 'e'; at++) {
        if (*at != '.' && n < WEIR_NUMBER_DIGITS) {
            digits[n++] = *at;
        }
    }
    digits[n] = '\0';
    int exponent = 0;
    at += at + 1 < end && at[1] == '+' ? 2 : 1; /* from_chars() takes no plus */
    (void)std::from_chars(at < end ? at : end, end, exponent);
    *point = exponent + 1;
    return n;
}

extern "C" double weir_number_widen(float value)
{
    char text[32];
    double out = value;
    if (std::isfinite(value)) {
        auto end =
            std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
        (void)std::from_chars(text, end, out);
    }
    return out;
}
