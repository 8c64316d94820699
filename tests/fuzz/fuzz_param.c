/* Any template with any values: it is compiled or refused, and
 *  - what stands in a value changes nothing but what is bound: the output's tokens are the same for
 *    two values, but for the placeholders' names (conditions may choose, so they are left out
 * here);
 *  - a text without parameters comes out byte by byte;
 *  - every byte of the output has a place in the template.
 *
 * Input: template NUL value NUL other value. */
#include <stdlib.h>

#include "param/param.h"
#include "param/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int document(void *arg, enum weir_param_read_kind kind, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *text, struct weir_error *err)
{
    static const struct {
        enum weir_param_read_kind kind;
        const char *name, *text;
    } documents[] = {
        {WEIR_PARAM_READ_VIEW, "user_summary", "select * from t where [c=q] -- x"},
        {WEIR_PARAM_READ_VIEW, "loop_a", "select * from [loop_b]"},
        {WEIR_PARAM_READ_VIEW, "loop_b", "select * from [loop_a] x"},
        {WEIR_PARAM_READ_SNIPPET, "rate", "-- rate(a, b)\n[a] / nullif([b], '[a]{{ q }}')"},
        {WEIR_PARAM_READ_SNIPPET, "twice", "-- twice(a)\n[a] + [rate([a], [a])]"},
        {WEIR_PARAM_READ_SNIPPET, "span", "-- span(c, r)\n[[c]=r] or [[c]:r]"},
        {WEIR_PARAM_READ_DEFINITION, "people", "select '{{ q }}' from {{ @people2 }};"},
        {WEIR_PARAM_READ_DEFINITION, "people2", "select {{ l }} from [user_summary]"},
    };
    (void)arg;
    (void)arena;
    (void)err;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        if (documents[i].kind == kind && weir_str_eq_nocase(name, weir_str_of(documents[i].name))) {
            *text = weir_str_of(documents[i].text);
            return 0;
        }
    }
    return WEIR_ENOENT;
}

static int table(void *arg, struct weir_str name, struct weir_arena *arena,
                 struct weir_param_table *out, struct weir_error *err)
{
    static const struct weir_str columns[] = {{"id", 2}, {"users_id", 8}, {"a_id", 4}};
    (void)arg;
    (void)err;
    *out = (struct weir_param_table){.schema = WEIR_STR("main"),
                                     .name = weir_arena_dup(arena, name),
                                     .columns = columns,
                                     .column_count = 3,
                                     .primary_key = {"", 0}};
    return name.len > 12 || !out->name.ptr ? WEIR_ENOENT : 0;
}

static int column(void *arg, struct weir_str name, struct weir_error *err)
{
    (void)arg;
    (void)name;
    (void)err;
    return 0;
}

static void print_values(struct weir_buf *out, struct weir_str text, bool other)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_jw_kstr(&w, "q", text);
    weir_jw_kstr(&w, "m", text);
    weir_jw_keyz(&w, "p");
    weir_jw_object(&w);
    weir_jw_ki64(&w, "from", other ? 3 : -1);
    weir_jw_kstrz(&w, "to", other ? "7" : "1e3");
    weir_jw_object_end(&w);
    weir_jw_keyz(&w, "l");
    weir_jw_array(&w);
    weir_jw_str(&w, text);
    weir_jw_strz(&w, other ? "b" : "a");
    weir_jw_array_end(&w);
    weir_jw_ki64(&w, "n", other ? -7 : 42);
    weir_jw_kstrz(&w, "d", other ? "yesterday" : "2026-01-31");
    weir_jw_kstrz(&w, "daterange", other ? "last 3 hours" : "2026-01-01 to 2026-01-31");
    weir_jw_kstrz(&w, "aggregation", other ? "week" : "hour");
    weir_jw_object_end(&w);
}

struct run {
    struct weir_arena arena;
    struct weir_json_parser *parser;
    struct weir_param_output out;
    int code;
};

static const struct weir_param_option options[] = {{{"id", 2}, {"id", 2}}};
static const struct weir_param_field fields[] = {
    {.name = {"q", 1}, .kind = WEIR_PARAM_TEXT},
    {.name = {"m", 1},
     .kind = WEIR_PARAM_TEXT,
     .match = {"[column] = [value] or [column] like '%' || [value]", 50}},
    {.name = {"p", 1}, .kind = WEIR_PARAM_NUMBER_RANGE},
    {.name = {"l", 1}, .kind = WEIR_PARAM_MULTISELECT},
    {.name = {"n", 1}, .kind = WEIR_PARAM_NUMBER},
    {.name = {"d", 1}, .kind = WEIR_PARAM_DATE},
    {.name = {"by", 2},
     .kind = WEIR_PARAM_SELECT,
     .as = WEIR_PARAM_AS_COLUMN,
     .options = (struct weir_param_option *)options,
     .option_count = 1,
     .initial = {.kind = WEIR_DATUM_TEXT, .s = {"id", 2}}},
};

static void compile(struct run *r, struct weir_str text, const struct weir_str *value, bool other)
{
    struct weir_error err = {0};
    struct weir_buf json;
    struct weir_param_input in = {.text = text, .now = 1773829800 * WEIR_SECOND, .lenient = true};
    weir_arena_init(&r->arena, 64u << 20);
    weir_buf_init(&json, 1u << 20);
    r->parser = weir_json_parser_new(16);
    if (!r->parser) {
        abort();
    }
    if (value) {
        print_values(&json, *value, other);
        if (weir_json_parse(r->parser, weir_buf_str(&json), &in.values, &err)) {
            abort();
        }
        in.fields = fields;
        in.field_count = sizeof fields / sizeof fields[0];
        in.zone = "Europe/Berlin";
        in.utc_offset = 3600 * WEIR_SECOND;
        in.library = (struct weir_param_library){document, table, column, NULL};
    }
    r->code = weir_param_compile(&r->arena, &in, &r->out, &err);
    if (r->code && (!err.message[0] || r->out.error_offset > (int64_t)text.len)) {
        abort();
    }
    for (size_t i = 0; r->code == 0 && i < r->out.sql.len; i++) {
        int64_t at = weir_param_source_offset(&r->out, (int64_t)i);
        if (at < 0 || at > (int64_t)text.len) {
            abort();
        }
    }
    weir_buf_free(&json);
}

static void forget(struct run *r)
{
    weir_json_parser_free(r->parser);
    weir_arena_free(&r->arena);
}

static bool has(struct weir_str text, const char *part)
{
    return text.len && memmem(text.ptr, text.len, part, strlen(part));
}

static void same_shape(const struct run *a, const struct run *b)
{
    struct weir_arena arena;
    struct param_tokens x, y;
    struct weir_error err;
    weir_arena_init(&arena, 256u << 20);
    if (a->out.sql.len > WEIR_PARAM_MAX_TEXT || b->out.sql.len > WEIR_PARAM_MAX_TEXT) {
        return;
    }
    if (weir_param_tokenize(&arena, a->out.sql, &x, &err) ||
        weir_param_tokenize(&arena, b->out.sql, &y, &err) || x.count != y.count) {
        abort();
    }
    for (size_t i = 0; i < x.count; i++) {
        struct weir_str s = {a->out.sql.ptr + x.items[i].at, x.items[i].len};
        struct weir_str t = {b->out.sql.ptr + y.items[i].at, y.items[i].len};
        bool place = x.items[i].kind == PARAM_PLACE;
        if (x.items[i].kind != y.items[i].kind || (!place && !weir_str_eq(s, t))) {
            abort();
        }
    }
    weir_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_str rest = {(const char *)data, size};
    struct weir_str text = weir_str_cut(&rest, 0);
    struct weir_str first = rest.ptr ? weir_str_cut(&rest, 0) : (struct weir_str){"", 0};
    struct weir_str second = rest.ptr ? rest : (struct weir_str){"", 0};
    struct run a, b, bare;
    first = first.len ? first : WEIR_STR("a");
    second = second.len ? second : WEIR_STR("'");
    compile(&a, text, &first, false);
    compile(&b, text, &second, true);
    if (!has(text, "{%") && a.code != WEIR_ETOOBIG && b.code != WEIR_ETOOBIG) {
        if (a.code != b.code) {
            abort();
        }
        if (a.code == 0) {
            same_shape(&a, &b);
        }
    }
    compile(&bare, text, NULL, false);
    if (bare.code == 0 && !has(text, "{{") && !has(text, "{%") && !has(text, ":") &&
        !memmem(text.ptr, text.len, "[", 1) && !weir_str_eq(bare.out.sql, text)) {
        abort();
    }
    if (bare.code && !has(text, "{{") && !has(text, "{%") && !has(text, "[")) {
        abort();
    }
    forget(&a);
    forget(&b);
    forget(&bare);
    return 0;
}
