#include "serve/plan.h"

#include <ctype.h>

#define MAX_DEPTH 2000 /* of JSON: about three levels a step of the plan */
#define MAX_TEXT  (16u << 20)
#define ESTIMATE  "Estimated Cardinality"

static void print_name(struct weir_str engine, struct weir_buf *out)
{
    static const struct {
        const char *engine, *plain;
    } names[] = {
        {"SEQ_SCAN", "Read table"},
        {"TABLE_SCAN", "Read table"},
        {"COLUMN_DATA_SCAN", "Read rows"},
        {"CHUNK_SCAN", "Read rows"},
        {"DUMMY_SCAN", "One row"},
        {"EMPTY_RESULT", "No rows"},
        {"CTE", "Keep a part's rows"},
        {"CTE_SCAN", "Read a part's rows"},
        {"FILTER", "Filter rows"},
        {"PROJECTION", "Compute columns"},
        {"HASH_GROUP_BY", "Group"},
        {"PERFECT_HASH_GROUP_BY", "Group"},
        {"PARTITIONED_AGGREGATE", "Group"},
        {"UNGROUPED_AGGREGATE", "Aggregate all rows"},
        {"SIMPLE_AGGREGATE", "Aggregate all rows"},
        {"HASH_JOIN", "Join by equal values"},
        {"NESTED_LOOP_JOIN", "Join by comparing all pairs"},
        {"BLOCKWISE_NL_JOIN", "Join by comparing all pairs"},
        {"PIECEWISE_MERGE_JOIN", "Join by order"},
        {"IE_JOIN", "Join by ranges"},
        {"ASOF_JOIN", "Join to the nearest"},
        {"CROSS_PRODUCT", "Combine all pairs"},
        {"LEFT_DELIM_JOIN", "Join with a subquery"},
        {"RIGHT_DELIM_JOIN", "Join with a subquery"},
        {"ORDER_BY", "Sort"},
        {"TOP_N", "Sort, keep the first"},
        {"LIMIT", "Keep the first"},
        {"STREAMING_LIMIT", "Keep the first"},
        {"WINDOW", "Window functions"},
        {"STREAMING_WINDOW", "Window functions"},
        {"UNION", "Both, one after the other"},
        {"UNNEST", "Unnest"},
    };
    engine = weir_str_trim(engine);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (weir_str_is(engine, names[i].engine)) {
            weir_buf_addz(out, names[i].plain);
            return;
        }
    }
    for (size_t i = 0; i < engine.len; i++) { /* STREAMING_SAMPLE: Streaming sample */
        char c = engine.ptr[i] == '_' ? ' ' : engine.ptr[i];
        weir_buf_addc(out, i ? (char)tolower((unsigned char)c) : c);
    }
}

static void print_value(struct weir_json value, struct weir_buf *out)
{
    struct weir_str text;
    struct weir_json item;
    if (weir_json_str(value, &text)) {
        for (size_t i = 0; i < text.len; i++) {
            weir_buf_addc(out, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
        }
    } else if (weir_json_type(value) == WEIR_JSON_ARRAY) {
        struct weir_json_iter it = weir_json_begin(value);
        for (bool first = true; weir_json_next(&it, NULL, &item); first = false) {
            weir_buf_addz(out, first ? "" : ", ");
            print_value(item, out);
        }
    } else {
        weir_json_print(value, out);
    }
}

static void print_detail(struct weir_json extra, struct weir_buf *out)
{
    struct weir_str key;
    struct weir_json value;
    struct weir_json_iter it = weir_json_begin(extra);
    for (bool first = true; weir_json_next(&it, &key, &value);) {
        if (!weir_str_is(key, ESTIMATE)) {
            weir_buf_addz(out, first ? "" : "; ");
            weir_buf_adds(out, key);
            weir_buf_addz(out, ": ");
            print_value(value, out);
            first = false;
        }
    }
}

static bool estimate_of(struct weir_json extra, int64_t *out)
{
    struct weir_str text = weir_json_get_str(extra, ESTIMATE);
    while (text.len && !isdigit((unsigned char)*text.ptr)) { /* "~120" */
        text.ptr++;
        text.len--;
    }
    return weir_str_to_i64(text, out);
}

static void print_step(struct weir_json step, unsigned depth, struct weir_jw *w,
                       struct weir_buf *text)
{
    struct weir_json extra = weir_json_get(step, "extra_info"), child;
    struct weir_buf part;
    int64_t rows;
    bool estimated = estimate_of(extra, &rows);
    weir_buf_init(&part, MAX_TEXT);
    weir_jw_object(w);
    print_name(weir_json_get_str(step, "name"), &part);
    weir_jw_kstr(w, "name", weir_buf_str(&part));
    weir_buf_addf(text, "%*s%s", (int)depth * 2, "", weir_buf_cstr(&part));
    weir_buf_reset(&part);
    print_detail(extra, &part);
    weir_jw_kstr(w, "detail", weir_buf_str(&part));
    weir_jw_keyz(w, "rows");
    if (estimated) {
        weir_jw_i64(w, rows);
        weir_buf_addf(text, " (about %lld rows)", (long long)rows);
    } else {
        weir_jw_null(w);
    }
    weir_buf_addz(text, part.len ? ": " : "");
    weir_buf_adds(text, weir_buf_str(&part));
    weir_buf_addc(text, '\n');
    weir_buf_free(&part);
    weir_jw_keyz(w, "children");
    weir_jw_array(w);
    struct weir_json_iter it = weir_json_begin(weir_json_get(step, "children"));
    while (weir_json_next(&it, NULL, &child)) {
        print_step(child, depth + 1, w, text);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

int weir_plan_print(struct weir_str engine, struct weir_jw *w, struct weir_error *err)
{
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_json root = {0}, step = {0};
    struct weir_buf padded, text;
    weir_buf_init(&padded, MAX_TEXT);
    weir_buf_init(&text, MAX_TEXT);
    weir_buf_adds(&padded, engine);
    int rc = parser ? weir_buf_check(&padded, "the plan", err)
                    : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    rc = rc ? rc : weir_json_parse(parser, weir_buf_str(&padded), &root, err);
    struct weir_json_iter it = weir_json_begin(root);
    if (rc == 0 && !weir_json_next(&it, NULL, &step)) {
        rc = weir_fail(err, WEIR_EUNSUPPORTED, "the engine gives no plan of this statement");
    }
    if (rc == 0) {
        weir_jw_object(w);
        weir_jw_keyz(w, "plan");
        print_step(step, 0, w, &text);
        weir_jw_kstr(w, "text", weir_buf_str(&text));
        weir_jw_object_end(w);
        rc = weir_buf_check(&text, "the plan", err);
    }
    weir_json_parser_free(parser);
    weir_buf_free(&padded);
    weir_buf_free(&text);
    return rc;
}

int weir_plan_of(struct weir_session *session, const char *sql, const struct weir_param *params,
                 size_t param_count, struct weir_jw *w, struct weir_error *err)
{
    struct weir_buf text;
    struct weir_result *result = NULL;
    struct weir_batch batch = {0};
    weir_buf_init(&text, MAX_TEXT);
    weir_buf_addf(&text, WEIR_PLAN_PREFIX "%s", sql);
    int rc = weir_buf_check(&text, "the statement", err);
    rc = rc ? rc
            : weir_session_query(session, weir_buf_cstr(&text), params, param_count, &result, err);
    rc = rc ? rc : weir_result_next(result, &batch, err);
    if (rc == 0) { /* explain_key, explain_value */
        bool plan = batch.rows && batch.column_count == 2 && batch.columns[1].strs;
        rc = plan ? weir_plan_print(batch.columns[1].strs[0], w, err)
                  : weir_fail(err, WEIR_EUNSUPPORTED, "the engine gives no plan of this statement");
    }
    weir_result_free(result);
    weir_buf_free(&text);
    return rc;
}
