#include "workspace/name.h"

#include <string.h>

/* Schemas of the engines themselves, and words that a query would have to quote. */
static const char *const reserved[] = {
    "views",      "uploads",    "materialized", "weir",
    "main",       "temp",       "system",       "information_schema",
    "pg_catalog", "default",    "all",          "analyse",
    "analyze",    "and",        "any",          "array",
    "as",         "asc",        "both",         "case",
    "cast",       "check",      "collate",      "column",
    "create",     "desc",       "describe",     "do",
    "distinct",   "else",       "end",          "except",
    "false",      "fetch",      "for",          "foreign",
    "from",       "grant",      "group",        "having",
    "in",         "into",       "intersect",    "lambda",
    "lateral",    "leading",    "limit",        "not",
    "null",       "offset",     "on",           "only",
    "or",         "order",      "pivot",        "primary",
    "qualify",    "references", "returning",    "select",
    "show",       "some",       "table",        "then",
    "to",         "trailing",   "true",         "union",
    "unique",     "unpivot",    "user",         "using",
    "variadic",   "when",       "where",        "window",
    "with",       "summarize",  "constraint",   "placing",
};

int weir_source_name_check(struct weir_str name, struct weir_error *err)
{
    bool ok = name.len > 0 && name.len <= WEIR_SOURCE_NAME_MAX && name.ptr[0] >= 'a' &&
              name.ptr[0] <= 'z';
    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];
        /* Schemas are named as tables are: "a__b" and "a_" would share those of "a_b" and "a". */
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             (c == '_' && i + 1 < name.len && name.ptr[i + 1] != '_');
    }
    if (!ok) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"%.*s\" cannot name a source; use a to z, 0 to 9 and _, beginning with "
                         "a letter, at most %d characters, no _ at the end nor two in a row",
                         (int)(name.len < 80 ? name.len : 80), name.ptr, WEIR_SOURCE_NAME_MAX);
    }
    bool taken =
        weir_str_starts(name, WEIR_STR("pg_")) || weir_str_starts(name, WEIR_STR("duckdb_"));
    for (size_t i = 0; !taken && i < sizeof reserved / sizeof reserved[0]; i++) {
        taken = weir_str_is(name, reserved[i]);
    }
    if (taken) {
        return weir_fail(err, WEIR_EINVAL,
                         "\"" WEIR_STR_FMT "\" is reserved in the warehouse, where it would be a "
                         "schema; choose another name for the source",
                         WEIR_STR_ARG(name));
    }
    return WEIR_OK;
}

int weir_write_key_check(struct weir_str key, struct weir_error *err)
{
    bool ok = key.len >= 16 && key.len <= 128;
    for (size_t i = 0; ok && i < key.len; i++) {
        char c = key.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    }
    return ok ? WEIR_OK
              : weir_fail(err, WEIR_EINVAL,
                          "a write key has 16 to 128 letters, digits, _ and -; this one has %zu "
                          "characters",
                          key.len);
}
