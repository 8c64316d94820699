/* CSV, JSON and NDJSON. */
#include "base/json_write.h"
#include "query/encode.h"

const struct weir_encoding *weir_encoding_of(enum weir_format format)
{
    static const struct weir_encoding *const all[] = {&weir_encoding_table,
                                                      &weir_encoding_csv,
                                                      &weir_encoding_json,
                                                      &weir_encoding_ndjson,
                                                      NULL,
                                                      &weir_encoding_columns,
                                                      NULL};
    return all[format];
}

/* --- CSV ------------------------------------------------------------------------------------ */

/* A spreadsheet takes such a text for a formula and runs it: with a quote before it, it does not.
 */
static bool is_formula(struct weir_str text)
{
    return text.len && memchr("=+-@\t\r", text.ptr[0], 6) != NULL;
}

static void csv_field(const struct weir_encoder *e, struct weir_str text)
{
    struct weir_buf *out = e->out;
    bool plain = text.len > 0;
    for (size_t i = 0; plain && i < text.len; i++) {
        char c = text.ptr[i];
        plain = c != '"' && c != ',' && c != '\n' && c != '\r';
    }
    bool guard = e->guard && is_formula(text);
    if (plain && !guard && text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' ') {
        weir_buf_adds(out, text);
        return;
    }
    weir_buf_addz(out, guard ? "\"'" : "\"");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            weir_buf_addc(out, '"');
        }
        weir_buf_addc(out, text.ptr[i]);
    }
    weir_buf_addc(out, '"');
}

static void csv_begin(struct weir_encoder *e)
{
    for (size_t i = 0; i < e->column_count; i++) {
        weir_buf_addz(e->out, i ? "," : "");
        csv_field(e, e->columns[i].name);
    }
    weir_buf_addc(e->out, '\n');
}

/* NULL is an empty field, an empty text is "". A line that would be empty gets quotes too, or
 * readers would skip it. */
static void csv_row(struct weir_encoder *e, const struct weir_batch *batch, size_t row)
{
    for (size_t i = 0; i < e->column_count; i++) {
        const struct weir_vector *v = &batch->columns[i];
        weir_buf_addz(e->out, i ? "," : "");
        if (!weir_vector_valid(v, row)) {
            weir_buf_addz(e->out, e->column_count == 1 ? "\"\"" : "");
            continue;
        }
        if (v->type == WEIR_TYPE_TEXT || v->type == WEIR_TYPE_JSON || v->type == WEIR_TYPE_OTHER) {
            csv_field(e, v->strs[row]);
        } else {
            weir_query_value_text(e->out, &e->columns[i], v, row);
        }
    }
    weir_buf_addc(e->out, '\n');
}

static void csv_end(struct weir_encoder *e, const struct weir_query_summary *summary)
{
    (void)e;
    (void)summary;
}

const struct weir_encoding weir_encoding_csv = {.begin = csv_begin, .row = csv_row, .end = csv_end};

/* --- JSON ----------------------------------------------------------------------------------- */

void weir_encode_column_list(struct weir_buf *out, const struct weir_column *columns, size_t count)
{
    weir_buf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        weir_buf_addz(out, i ? ",{\"name\":" : "{\"name\":");
        weir_json_quote(out, columns[i].name);
        weir_buf_addf(out, ",\"type\":\"%s\",\"engine_type\":", weir_type_name(columns[i].type));
        weir_json_quote(out, columns[i].type_name);
        weir_buf_addc(out, '}');
    }
    weir_buf_addc(out, ']');
}

static void json_begin(struct weir_encoder *e)
{
    weir_buf_addz(e->out, "{\"columns\":");
    weir_encode_column_list(e->out, e->columns, e->column_count);
    weir_buf_addz(e->out, ",\"rows\":[");
}

static void json_row(struct weir_encoder *e, const struct weir_batch *batch, size_t row)
{
    weir_buf_addz(e->out, e->rows ? ",\n[" : "\n[");
    for (size_t i = 0; i < e->column_count; i++) {
        weir_buf_addz(e->out, i ? "," : "");
        weir_value_json(e->out, &e->columns[i], &batch->columns[i], row);
    }
    weir_buf_addc(e->out, ']');
}

static void json_end(struct weir_encoder *e, const struct weir_query_summary *summary)
{
    weir_buf_addf(e->out, "],\"row_count\":%llu,\"truncated\":%s,\"elapsed_ms\":%.3f}\n",
                  (unsigned long long)summary->rows, summary->truncated ? "true" : "false",
                  (double)summary->elapsed / 1000);
}

const struct weir_encoding weir_encoding_json = {
    .begin = json_begin, .row = json_row, .end = json_end};

/* --- NDJSON --------------------------------------------------------------------------------- */

/* Every key is quoted once. An object cannot hold a name twice: the second `a` becomes `a_2`. */
static bool name_taken(const struct weir_encoder *e, const struct weir_str *names, size_t count,
                       struct weir_str name)
{
    for (size_t i = 0; i < e->column_count; i++) {
        if (weir_str_eq(i < count ? names[i] : e->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void ndjson_begin(struct weir_encoder *e)
{
    struct weir_str *names = weir_arena_calloc(&e->arena, e->column_count * sizeof *names);
    struct weir_str *keys = weir_arena_calloc(&e->arena, e->column_count * sizeof *keys);
    e->state = keys;
    if (!names || !keys) {
        e->out->failed = true;
        return;
    }
    for (size_t i = 0; i < e->column_count; i++) {
        struct weir_str name = e->columns[i].name;
        bool again = false;
        for (size_t j = 0; j < i; j++) {
            again = again || weir_str_eq(names[j], name);
        }
        for (unsigned n = 2; again; n++) {
            name = weir_str_of(weir_arena_printf(&e->arena, WEIR_STR_FMT "_%u",
                                                 WEIR_STR_ARG(e->columns[i].name), n));
            again = name_taken(e, names, i, name);
        }
        names[i] = name;
        weir_buf_reset(&e->scratch);
        weir_buf_addc(&e->scratch, i ? ',' : '{');
        weir_json_quote(&e->scratch, name);
        weir_buf_addc(&e->scratch, ':');
        keys[i] = weir_arena_dup(&e->arena, weir_buf_str(&e->scratch));
    }
}

static void ndjson_row(struct weir_encoder *e, const struct weir_batch *batch, size_t row)
{
    const struct weir_str *keys = e->state;
    for (size_t i = 0; i < e->column_count; i++) {
        weir_buf_adds(e->out, keys[i]);
        weir_value_json(e->out, &e->columns[i], &batch->columns[i], row);
    }
    weir_buf_addz(e->out, "}\n");
}

static void ndjson_end(struct weir_encoder *e, const struct weir_query_summary *summary)
{
    (void)e;
    (void)summary;
}

const struct weir_encoding weir_encoding_ndjson = {
    .begin = ndjson_begin, .row = ndjson_row, .end = ndjson_end};
