/* What is selected of a table. */
#include "source/mysql/mysql.h"

/* Where DOUBLE would round it in silence, it comes as it is, and is looked at. */
bool weir_my_is_whole(const struct weir_my_column *c)
{
    return c->form == WEIR_MY_INT || c->form == WEIR_MY_BIGINT_UNSIGNED || c->form == WEIR_MY_BIT ||
           c->form == WEIR_MY_YEAR;
}

/* A cast costs the server more than the reading: there is none where the column's text is what the
 * cast would give. A column that became another one since is an error, and not misread. */
static bool is_as_wanted(const struct weir_my_column *c, const struct weir_column *to)
{
    return (c->form == WEIR_MY_DECIMAL || c->form == WEIR_MY_BIGINT_UNSIGNED) &&
           weir_str_eq(c->type_name, to->type_name);
}

void weir_my_expression(struct weir_buf *sql, const struct weir_my_column *c,
                        const struct weir_column *to)
{
    const char *before = "", *after = "";
    bool text = to->type == WEIR_TYPE_TEXT || to->type == WEIR_TYPE_JSON;
    bool decimal = to->type == WEIR_TYPE_OTHER && !is_as_wanted(c, to);
    if (c->form == WEIR_MY_BYTES) {
        before = c->vector ? "CAST(" : "";
        after = c->vector ? " AS BINARY)" : "";
    } else if (text && c->form != WEIR_MY_TEXT && c->form != WEIR_MY_ENUM &&
               c->form != WEIR_MY_SET && c->form != WEIR_MY_JSON) {
        before = "CAST(";
        after = c->form == WEIR_MY_BIT ? " + 0 AS CHAR)" : " AS CHAR)";
    } else if (decimal) {
        before = "CAST(";
        after = c->form == WEIR_MY_BIT ? " + 0 AS " : " AS ";
    } else if (to->type == WEIR_TYPE_TIMESTAMP && c->form == WEIR_MY_DATE) {
        before = "CAST(";
        after = " AS DATETIME(6))";
    } else if (c->form == WEIR_MY_BIT || c->form == WEIR_MY_YEAR) {
        after = " + 0";
    }
    weir_buf_addz(sql, before);
    weir_sql_ident(sql, c->name);
    weir_buf_addz(sql, after);
    if (decimal) {
        weir_buf_adds(sql, to->type_name);
        weir_buf_addc(sql, ')');
    }
}

void weir_my_from(struct weir_buf *sql, const struct weir_my *my, const struct weir_my_table *t)
{
    weir_buf_addz(sql, " FROM ");
    weir_sql_table(sql, weir_str_of(my->settings->database), t->name);
    weir_buf_adds(sql, t->condition);
}
