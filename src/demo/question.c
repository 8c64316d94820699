#include "demo/question.h"

struct weir_demo_question weir_demo_question_read(const struct weir_demo_question_text *text)
{
    struct weir_demo_question question = {.name = text->name};
    struct weir_str rest = weir_str_of(text->text);
    while (weir_str_starts(rest, WEIR_STR("-- "))) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        struct weir_str value = line;
        struct weir_str key = weir_str_cut(&value, ':');
        value = weir_str_trim(value);
        if (weir_str_is(key, "-- title")) {
            question.title = value;
        } else if (weir_str_is(key, "-- reading")) {
            question.reading = value;
        } else if (weir_str_is(key, "-- line")) {
            question.chart = WEIR_DEMO_LINE;
            question.chart_value = value;
        } else if (weir_str_is(key, "-- bars")) {
            question.chart = WEIR_DEMO_BARS;
            weir_str_cut(&value, ' '); /* the label is the row */
            question.chart_value = value;
        }
    }
    while (rest.len && rest.ptr[0] == '\n') {
        rest.ptr++;
        rest.len--;
    }
    question.sql = rest;
    return question;
}
