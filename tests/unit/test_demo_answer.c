/* Answers at a terminal: aligned, within the width, in ASCII when it must be. */
#include "test.h"

#include <stdio.h>

#include "demo/answer.h"

static const char answer[] =
    "{\"columns\":[{\"name\":\"sport\",\"engine_type\":\"VARCHAR\"},{\"name\":\"mrr\",\"engine_"
    "type\":"
    "\"DECIMAL(12,2)\"},{\"name\":\"churned_pct\",\"engine_type\":\"DOUBLE\"}],\"rows\":["
    "[\"Rugby\",1250.5,4.25],[\"\xC3\x89p\xC3\xA9"
    "e fencing for everybody\",625.25,null]],\"row_count\":2}";

static char *print(const char *head, const char *json, struct weir_demo_style style)
{
    static char text[8192];
    struct weir_demo_question_text file = {"test", head};
    struct weir_demo_question question = weir_demo_question_read(&file);
    struct weir_json_parser *parser = weir_json_parser_new(16);
    struct weir_buf in, out;
    struct weir_json root;
    struct weir_error err = {0};
    weir_buf_init(&in, 1 << 16);
    weir_buf_init(&out, sizeof text - 1);
    weir_buf_addz(&in, json);
    ASSERT_OK(weir_json_parse(parser, weir_buf_str(&in), &root, &err), err);
    ASSERT_OK(weir_demo_answer_print(&question, root, 3.2, &style, &out, &err), err);
    snprintf(text, sizeof text, "%s", weir_buf_cstr(&out));
    weir_buf_free(&in);
    weir_buf_free(&out);
    weir_json_parser_free(parser);
    return text;
}

static void a_file_is_read_into_its_parts(void **state)
{
    (void)state;
    struct weir_demo_question_text file = {
        "01-x",
        "-- title: Who: and why?\n-- bars: sport mrr\n-- reading: R.\n\n-- kept\nselect 1\n"};
    struct weir_demo_question question = weir_demo_question_read(&file);
    assert_true(weir_str_is(question.title, "Who: and why?"));
    assert_true(weir_str_is(question.chart_value, "mrr"));
    assert_int_equal(question.chart, WEIR_DEMO_BARS);
    assert_true(weir_str_is(question.reading, "R."));
    assert_true(weir_str_is(question.sql, "-- kept\nselect 1\n"));
}

static void every_question_has_a_title_a_reading_and_one_statement(void **state)
{
    (void)state;
    size_t count = 0;
    for (; weir_demo_question_texts[count].name; count++) {
        struct weir_demo_question question =
            weir_demo_question_read(&weir_demo_question_texts[count]);
        assert_true(question.title.len > 10 && question.title.ptr[question.title.len - 1] == '?');
        assert_true(question.reading.len > 20);
        assert_true(question.sql.len > 50);
        assert_null(memchr(question.sql.ptr, ';', question.sql.len));
        for (struct weir_str rest = question.sql; rest.ptr;) {
            assert_true(weir_str_cut(&rest, '\n').len <= 96);
        }
    }
    assert_int_equal(count, 13);
}

static void tables_are_aligned_and_bars_fill_the_rest(void **state)
{
    (void)state;
    struct weir_demo_style style = {.width = 80, .utf8 = true};
    assert_string_equal(
        print("-- bars: sport mrr\n-- reading: {sport} has {mrr} of {sum mrr}; {count} rows.\n",
              answer, style),
        "  sport                            mrr  churned %\n"
        "  ───────────────────────────────────────────────\n"
        "  Rugby                       1,250.50       4.25  ████████████████████████████\n"
        "  Épée fencing for everybody    625.25             ██████████████\n"
        "\n"
        "  Rugby has 1,250.50 of 1,875.75; 2 rows. (3\xC2\xA0ms)\n");
}

static void without_utf8_all_is_ascii(void **state)
{
    (void)state;
    struct weir_demo_style style = {.width = 80};
    char *text = print("-- line: mrr\n-- reading: {last sport}, {max mrr sport}, {row 1} {none}\n",
                       answer, style);
    for (char *at = text; *at; at++) {
        assert_true((unsigned char)*at < 0x80);
    }
    assert_non_null(strstr(text, "?p?e fencing"));
    assert_non_null(strstr(text, "mrr  #=  from 0 to 1,250.50"));
    assert_non_null(strstr(text, "Rugby, 4.25 ?"));
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    for (unsigned width = 40; width <= 100; width += 20) {
        struct weir_demo_style style = {.width = width, .utf8 = true};
        char *text =
            print("-- bars: sport mrr\n-- reading: A sentence that is longer than one line "
                  "of a narrow terminal can be.\n",
                  answer, style);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            size_t columns = 0;
            for (char *at = line; *at; at++) {
                columns += ((unsigned char)*at & 0xC0) != 0x80;
            }
            assert_true(columns <= width);
        }
    }
}

static void an_empty_answer_says_so(void **state)
{
    (void)state;
    struct weir_demo_style style = {.width = 80, .utf8 = true};
    char *text =
        print("-- reading: {a} is first.\n",
              "{\"columns\":[{\"name\":\"a\",\"engine_type\":\"VARCHAR\"}],\"rows\":[]}", style);
    assert_non_null(strstr(text, "No rows"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_into_its_parts),
        cmocka_unit_test(every_question_has_a_title_a_reading_and_one_statement),
        cmocka_unit_test(tables_are_aligned_and_bars_fill_the_rest),
        cmocka_unit_test(without_utf8_all_is_ascii),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(an_empty_answer_says_so),
    };
    return cmocka_run_group_tests_name("demo_answer", tests, NULL, NULL);
}
