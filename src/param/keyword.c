/* Which words of SQL say what may follow. Only words that are never a column's bare name in front
 * of an index count as opening a value; everything else leaves `[` to the engine. */
#include "param/compile.h"

static bool among(struct weir_str word, const char *const *list)
{
    for (; *list; list++) {
        if (weir_str_eq_nocase(word, weir_str_of(*list))) {
            return true;
        }
    }
    return false;
}

bool weir_param_opens_value(struct weir_str word)
{
    static const char *const words[] = {
        "all",     "and",    "any",      "as",    "asc",       "between", "by",        "case",
        "cross",   "desc",   "distinct", "else",  "except",    "exists",  "from",      "full",
        "glob",    "group",  "having",   "ilike", "in",        "inner",   "intersect", "is",
        "isnull",  "join",   "lateral",  "left",  "like",      "limit",   "not",       "notnull",
        "natural", "offset", "on",       "or",    "order",     "outer",   "over",      "qualify",
        "right",   "select", "similar",  "some",  "then",      "union",   "using",     "values",
        "when",    "where",  "window",   "with",  "returning", NULL};
    return among(word, words);
}

bool weir_param_ends_from(struct weir_str word)
{
    static const char *const words[] = {"where",  "group",   "order",  "having", "limit",
                                        "offset", "qualify", "window", "union",  "intersect",
                                        "except", "select",  "set",    "values", NULL};
    return among(word, words);
}

bool weir_param_follows_table(struct weir_str word)
{
    static const char *const words[] = {
        "cross", "full",       "inner", "join", "left",        "right", "natural", "on", "using",
        "asof",  "positional", "semi",  "anti", "tablesample", "pivot", "unpivot", NULL};
    return among(word, words) || weir_param_ends_from(word);
}

bool weir_param_type_word(struct weir_str word)
{
    static const char *const words[] = {"date",        "time",     "timestamp", "timestamptz",
                                        "timestamp_s", "datetime", "interval",  NULL};
    return among(word, words);
}

bool weir_param_takes_from(struct weir_str word)
{
    static const char *const words[] = {"extract", "substring", "trim",
                                        "overlay", "position",  NULL};
    return among(word, words);
}
