/* What a reader's SQL may call and look at: lists of what is allowed, each in byte order. A
 * function that a newer engine adds is refused until somebody has read what it does and added it
 * here. How the lists were drawn up is in docs/design/sandbox.md. */
#include "warehouse/duckdb/functions.h"

#include <stdlib.h>

#include "warehouse/duckdb/duck.h"

/* clang-format off */
/* Scalar functions, aggregates and the engine's own macros: pure functions of their arguments, and
 * the clock. Left out: error (the engine takes {"exception_type": "FATAL"} for its own), settings and variables, sequences, sleeping, logging, aggregate states as
 * bytes, serialized SQL and plans, the storage's internals. */
static const char *const scalars[] = {
    "!", "!__postfix", "!~~", "!~~*", "%", "&", "&&", "*", "**", "+", "-", "->>", "/", "//",
    "<->", "<<", "<=>", "<@", ">>", "@", "@>", "^", "^@", "abs", "acos", "acosh", "add", "age",
    "aggregate", "ago", "alias", "any_value", "apply", "approx_count_distinct", "approx_quantile",
    "approx_top_k", "arbitrary", "arg_max", "arg_max_null", "arg_max_nulls_last", "arg_min",
    "arg_min_null", "arg_min_nulls_last", "argmax", "argmin", "array_agg", "array_aggr",
    "array_aggregate", "array_append", "array_apply", "array_cat", "array_concat",
    "array_contains", "array_cosine_distance", "array_cosine_similarity", "array_cross_product",
    "array_distance", "array_distinct", "array_dot_product", "array_extract", "array_filter",
    "array_grade_up", "array_has", "array_has_all", "array_has_any", "array_indexof",
    "array_inner_product", "array_intersect", "array_length", "array_negative_dot_product",
    "array_negative_inner_product", "array_pop_back", "array_pop_front", "array_position",
    "array_prepend", "array_push_back", "array_push_front", "array_reduce", "array_resize",
    "array_reverse", "array_reverse_sort", "array_select", "array_slice", "array_sort",
    "array_to_json", "array_to_string", "array_to_string_comma_default", "array_transform",
    "array_unique", "array_value", "array_where", "array_zip", "ascii", "asin", "asinh", "atan",
    "atan2", "atanh", "avg", "bar", "base64", "bin", "bit_and", "bit_count", "bit_length",
    "bit_or", "bit_position", "bit_xor", "bitstring", "bitstring_agg", "bool_and", "bool_or",
    "cardinality", "cbrt", "ceil", "ceiling", "century", "char_length", "character_length", "chr",
    "coalesce", "concat", "concat_ws", "constant_or_null", "contains", "corr", "cos", "cosh",
    "cot", "count", "count_if", "count_star", "countif", "covar_pop", "covar_samp", "cume_dist",
    "current_catalog", "current_database", "current_date", "current_localtime",
    "current_localtimestamp", "current_query", "current_role", "current_schema",
    "current_schemas", "current_user", "damerau_levenshtein", "date_add", "date_diff",
    "date_part", "date_sub", "date_trunc", "datediff", "datepart", "datesub", "datetrunc", "day",
    "dayname", "dayofmonth", "dayofweek", "dayofyear", "days_in_month", "decade", "decode",
    "degrees", "dense_rank", "divide", "editdist3", "element_at", "encode", "ends_with",
    "entropy", "enum_code", "enum_first", "enum_last", "enum_range", "enum_range_boundary",
    "epoch", "epoch_ms", "epoch_ns", "epoch_us", "equi_width_bins", "era", "even", "exp",
    "factorial", "favg", "fdiv", "fill", "filter", "first", "first_value", "flatten", "floor",
    "fmod", "format", "format_bytes", "format_pg_type", "format_type",
    "formatreadabledecimalsize", "formatreadablesize", "from_base64", "from_binary", "from_hex",
    "from_json", "from_json_strict", "fsum", "gamma", "gcd", "gen_random_uuid", "generate_series",
    "generate_subscripts", "geomean", "geometric_mean", "get_bit", "get_current_time",
    "get_current_timestamp", "grade_up", "greatest", "greatest_common_divisor", "group_concat",
    "grouping", "grouping_id", "hamming", "hash", "hex", "histogram", "histogram_exact", "hour",
    "if", "ifnull", "ilike_escape", "instr", "is_histogram_other_bin", "isfinite", "isinf",
    "isnan", "isodow", "isoyear", "jaccard", "jaro_similarity", "jaro_winkler_similarity", "json",
    "json_array", "json_array_length", "json_contains", "json_exists", "json_extract",
    "json_extract_path", "json_extract_path_text", "json_extract_string", "json_group_array",
    "json_group_object", "json_group_structure", "json_keys", "json_merge_patch", "json_object",
    "json_pretty", "json_quote", "json_structure", "json_transform", "json_transform_strict",
    "json_type", "json_valid", "json_value", "julian", "kahan_sum", "kurtosis", "kurtosis_pop",
    "lag", "last", "last_day", "last_value", "lcase", "lcm", "lead", "least",
    "least_common_multiple", "left", "left_grapheme", "len", "length", "length_grapheme",
    "levenshtein", "lgamma", "like_escape", "list", "list_aggr", "list_aggregate",
    "list_any_value", "list_append", "list_apply", "list_approx_count_distinct", "list_avg",
    "list_bit_and", "list_bit_or", "list_bit_xor", "list_bool_and", "list_bool_or", "list_cat",
    "list_concat", "list_contains", "list_cosine_distance", "list_cosine_similarity",
    "list_count", "list_distance", "list_distinct", "list_dot_product", "list_element",
    "list_entropy", "list_extract", "list_filter", "list_first", "list_grade_up", "list_has",
    "list_has_all", "list_has_any", "list_histogram", "list_indexof", "list_inner_product",
    "list_intersect", "list_kurtosis", "list_kurtosis_pop", "list_last", "list_mad", "list_max",
    "list_median", "list_min", "list_mode", "list_negative_dot_product",
    "list_negative_inner_product", "list_pack", "list_position", "list_prepend", "list_product",
    "list_reduce", "list_resize", "list_reverse", "list_reverse_sort", "list_select", "list_sem",
    "list_skewness", "list_slice", "list_sort", "list_stddev_pop", "list_stddev_samp",
    "list_string_agg", "list_sum", "list_transform", "list_unique", "list_value", "list_var_pop",
    "list_var_samp", "list_where", "list_zip", "listagg", "ln", "log", "log10", "log2", "lower",
    "lpad", "ltrim", "mad", "make_date", "make_time", "make_timestamp", "make_timestamp_ms",
    "make_timestamp_ns", "make_timestamptz", "map", "map_concat", "map_contains",
    "map_contains_entry", "map_contains_value", "map_entries", "map_extract", "map_extract_value",
    "map_from_entries", "map_keys", "map_values", "max", "max_by", "md5", "md5_number",
    "md5_number_lower", "md5_number_upper", "mean", "median", "microsecond", "millennium",
    "millisecond", "min", "min_by", "minute", "mismatches", "mod", "mode", "month", "monthname",
    "multiply", "nanosecond", "nextafter", "nfc_normalize", "normalized_interval",
    "not_ilike_escape", "not_like_escape", "now", "nth_value", "ntile", "nullif", "octet_length",
    "ord", "parse_dirname", "parse_dirpath", "parse_filename", "parse_formatted_bytes",
    "parse_path", "percent_rank", "pg_size_pretty", "pg_typeof", "pi", "position", "pow", "power",
    "prefix", "printf", "product", "quantile", "quantile_cont", "quantile_disc", "quarter",
    "radians", "random", "range", "rank", "rank_dense", "reduce", "regexp_escape",
    "regexp_extract", "regexp_extract_all", "regexp_full_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "regr_avgx", "regr_avgy",
    "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
    "repeat", "replace", "reservoir_quantile", "reverse", "right", "right_grapheme", "round",
    "round_even", "roundbankers", "row", "row_number", "row_to_json", "rpad", "rtrim", "second",
    "sem", "session_user", "set_bit", "sha1", "sha256", "sign", "signbit", "sin", "sinh",
    "skewness", "split", "split_part", "sqrt", "starts_with", "stddev", "stddev_pop",
    "stddev_samp", "str_split", "str_split_regex", "strftime", "string_agg", "string_split",
    "string_split_regex", "string_to_array", "strip_accents", "strlen", "strpos", "strptime",
    "struct_concat", "struct_contains", "struct_extract", "struct_extract_at", "struct_has",
    "struct_indexof", "struct_insert", "struct_keys", "struct_pack", "struct_position",
    "struct_update", "struct_values", "substr", "substring", "substring_grapheme", "subtract",
    "suffix", "sum", "sum_no_overflow", "sumkahan", "switch", "tan", "tanh", "time_bucket",
    "timezone", "timezone_hour", "timezone_minute", "to_base", "to_base64", "to_binary",
    "to_centuries", "to_days", "to_decades", "to_hex", "to_hours", "to_json", "to_microseconds",
    "to_millennia", "to_milliseconds", "to_minutes", "to_months", "to_quarters", "to_seconds",
    "to_timestamp", "to_weeks", "to_years", "today", "transaction_timestamp", "translate", "trim",
    "trunc", "try", "try_strptime", "typeof", "ucase", "unbin", "unhex", "unicode",
    "union_extract", "union_tag", "union_value", "unnest", "unpivot_list", "upper", "url_decode",
    "url_encode", "user", "uuid", "uuid_extract_timestamp", "uuid_extract_version", "uuidv4",
    "uuidv7", "var_pop", "var_samp", "variance", "variant_extract", "variant_typeof", "version",
    "wavg", "week", "weekday", "weekofyear", "weighted_avg", "xor", "year", "yearweek", "|", "||",
    "~", "~~", "~~*", "~~~",
};

/* Functions behind FROM: those that make rows from their arguments, and the harmless catalog. */
static const char *const tables[] = {
    "duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_keywords",
    "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views", "generate_series",
    "icu_calendar_names", "json_each", "json_tree", "pg_timezone_names", "range",
    "regexp_split_to_table", "repeat", "unnest",
};

/* The engine's own views outside information_schema. */
static const char *const views[] = {
    "duckdb_columns", "duckdb_constraints", "duckdb_schemas", "duckdb_tables", "duckdb_types",
    "duckdb_views", "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_database",
    "pg_description", "pg_enum", "pg_index", "pg_indexes", "pg_namespace", "pg_proc", "pg_tables",
    "pg_type", "pg_views",
};

/* Of the tables, those that depend on their arguments alone. */
static const char *const pure[] = {
    "generate_series", "json_each", "json_tree", "range", "regexp_split_to_table", "repeat",
    "unnest",
};

/* Of the scalars, those that ask the clock (age with one argument does), those that ask it for the
 * day only, and those that give something else each time. tests/unit/test_reads.c compares them
 * with what the engine says of its functions. */
static const char *const clocks[] = {
    "age", "ago", "current_localtime", "current_localtimestamp", "get_current_time",
    "get_current_timestamp", "now", "transaction_timestamp",
};
static const char *const days[] = {"current_date", "today"};
static const char *const volatiles[] = {
    "current_query", "gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7",
};

/* Without parentheses. */
static const char *const words[] = {
    "current_time", "current_timestamp", "localtime", "localtimestamp",
};
/* clang-format on */

static int compare(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

#define IN_LIST(list, name) contains(list, sizeof list / sizeof list[0], name)

static bool contains(const char *const *list, size_t count, struct weir_str name)
{
    char lower[64];
    if (name.len >= sizeof lower || (name.len && memchr(name.ptr, 0, name.len))) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    lower[name.len] = 0;
    return bsearch(lower, list, count, sizeof *list, compare);
}

bool weir_duck_scalar_allowed(struct weir_str name)
{
    return IN_LIST(scalars, name);
}

bool weir_duck_table_function_allowed(struct weir_str name)
{
    return IN_LIST(tables, name);
}

bool weir_duck_system_view_allowed(struct weir_str name)
{
    return IN_LIST(views, name);
}

bool weir_duck_table_function_pure(struct weir_str name)
{
    return IN_LIST(pure, name);
}

enum weir_clock weir_duck_scalar_clock(struct weir_str name)
{
    return IN_LIST(volatiles, name) ? WEIR_CLOCK_NEVER
           : IN_LIST(clocks, name)  ? WEIR_CLOCK_NOW
           : IN_LIST(days, name)    ? WEIR_CLOCK_DAY
                                    : WEIR_CLOCK_NONE;
}

enum weir_clock weir_duck_word_clock(struct weir_str name)
{
    return IN_LIST(words, name)  ? WEIR_CLOCK_NOW
           : IN_LIST(days, name) ? WEIR_CLOCK_DAY
                                 : WEIR_CLOCK_NONE;
}

/* --- of those, the ones that people write ------------------------------------------------------
 */

#define FUNCTIONS                                                                                  \
    "SELECT function_name, function_type LIKE '%table%' AS behind, "                               \
    "arg_min(array_to_string(parameters, ', '), len(parameters)), "                                \
    "coalesce(arg_min(description, len(parameters)), '') FROM duckdb_functions() "                 \
    "WHERE regexp_full_match(function_name, '[a-z][a-z0-9_]*') AND schema_name <> 'pg_catalog' "   \
    "GROUP BY ALL ORDER BY ALL"
#define MAX_FUNCTIONS 4096

static int take_function(const struct weir_batch *batch, size_t row, struct weir_arena *arena,
                         struct weir_function *functions, size_t *count)
{
    struct weir_str name = batch->columns[0].strs[row];
    bool table = batch->columns[1].bools[row];
    if (*count == MAX_FUNCTIONS ||
        !(table ? weir_duck_table_function_allowed(name) : weir_duck_scalar_allowed(name))) {
        return 0;
    }
    struct weir_function *f = &functions[(*count)++];
    *f = (struct weir_function){.name = weir_arena_dup(arena, name),
                                .arguments = weir_arena_dup(arena, batch->columns[2].strs[row]),
                                .about = weir_arena_dup(arena, batch->columns[3].strs[row]),
                                .table = table};
    return f->name.ptr && f->arguments.ptr && f->about.ptr ? 0 : WEIR_ENOMEM;
}

int weir_duck_functions(struct weir_session *session, struct weir_arena *arena,
                        struct weir_function **functions, size_t *count, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    *count = 0;
    *functions = weir_arena_calloc(arena, MAX_FUNCTIONS * sizeof **functions);
    int rc = *functions ? weir_duck_query(session, FUNCTIONS, NULL, 0, &result, err)
                        : weir_fail(err, WEIR_ENOMEM, "no memory for the functions");
    while (rc == 0 && (rc = weir_duck_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; rc == 0 && i < batch.rows; i++) {
            rc = take_function(&batch, i, arena, *functions, count);
        }
        rc = rc == WEIR_ENOMEM ? weir_fail(err, rc, "no memory for the functions") : rc;
    }
    if (result) {
        weir_duck_result_free(result);
    }
    return rc;
}
