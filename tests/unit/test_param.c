/* The parameter compiler: tests/cases/param/<construct>.case. Each case is compiled and held
 * against its expected SQL and values, then run by the real engine as a reader would; each of its
 * bytes has a place in the template. Documents that cases name are in views/, snippets/ and
 * definitions/ there.
 *
 * A case:
 *     === title
 *     --- template            (what follows is the text, up to the next line that begins with ---)
 *     --- values              (JSON; may be absent)
 *     --- fields              (YAML, as in a report's `parameters:`; may be absent)
 *     --- zone Europe/Berlin  (may be absent)
 *     --- sql                 then --- bound (name type value, a line each), --- result
 *     --- error               OFFSET: a part of the message
 *     --- engine error        a part of the engine's message, in place of a result
 *
 * WEIR_PARAM_FILL=1 prints each file as it would have to be. */
#include "test.h"

#include "cases.h"
#include "warehouse.h"

#include "param/param.h"

#define NOW 1773829800ll /* 2026-03-18T10:30:00Z, a Wednesday */

static const char *const files[] = {
    "mode.case",    "literals.case",    "lists.case",     "conditions.case",
    "forms.case",   "definitions.case", "filters.case",   "ranges.case",
    "formats.case", "views.case",       "joins.case",     "snippets.case",
    "engine.case",  "names.case",       "injection.case", "matches.case"};

static const char tables[] =
    "CREATE SCHEMA shop; "
    "CREATE TABLE shop.users(id BIGINT, name VARCHAR, country VARCHAR, created_at TIMESTAMP); "
    "INSERT INTO shop.users VALUES (1, 'Ada', 'GB', '2026-01-05 09:00:00'), "
    "(2, 'Bob''s', 'US', '2026-02-10 23:30:00'), (3, '100%', 'DE', '2026-03-17 23:30:00'); "
    "CREATE TABLE shop.orders(id BIGINT, user_id BIGINT, sport VARCHAR, total DOUBLE, "
    "created_at TIMESTAMP, day DATE); "
    "INSERT INTO shop.orders VALUES (1, 1, 'rugby', 10.5, '2026-01-06 10:00:00', '2026-01-06'), "
    "(2, 1, 'tennis', 20, '2026-02-28 12:00:00', '2026-02-28'), "
    "(3, 2, 'rugby', 1234.5, '2026-03-17 23:30:00', '2026-03-17'), "
    "(4, 3, 'golf', 5, '2026-03-18 09:00:00', '2026-03-18'); "
    "CREATE TABLE shop.lines(id BIGINT, order_id BIGINT, category_id BIGINT, qty INTEGER); "
    "INSERT INTO shop.lines VALUES (1, 1, 1, 2), (2, 1, 2, 1), (3, 3, 1, 5); "
    "CREATE TABLE shop.categories(id BIGINT, title VARCHAR); "
    "INSERT INTO shop.categories VALUES (1, 'shoes'), (2, 'balls'); "
    "CREATE TABLE shop.visits(visit_id BIGINT, device_id BIGINT); "
    "CREATE TABLE shop.devices(device_id BIGINT, kind VARCHAR); "
    "INSERT INTO shop.visits VALUES (1, 7); INSERT INTO shop.devices VALUES (7, 'phone');";

static struct weir_arena catalog;
static struct weir_table *known;
static size_t known_count;
static unsigned case_count;

static int make_tables(void **state)
{
    if (make(state) || weir_session_exec(owner, tables, &err)) {
        return -1;
    }
    weir_arena_init(&catalog, 16u << 20);
    return weir_session_describe(owner, &catalog, &known, &known_count, &err);
}

static int unmake_tables(void **state)
{
    weir_arena_free(&catalog);
    return unmake(state);
}

/* --- the library ------------------------------------------------------------------------------ */

static int document(void *arg, enum weir_param_read_kind kind, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *text, struct weir_error *e)
{
    (void)arg;
    char *file = weir_arena_printf(arena, "%s/param/%ss/" WEIR_STR_FMT ".sql", WEIR_CASES,
                                   weir_param_read_name(kind), WEIR_STR_ARG(name));
    struct weir_buf bytes;
    weir_buf_init(&bytes, 1 << 20);
    int rc = weir_file_read(file, &bytes, e);
    if (rc == 0) {
        *text = weir_arena_dup(arena, weir_buf_str(&bytes));
    }
    weir_buf_free(&bytes);
    return rc;
}

static int table(void *arg, struct weir_str name, struct weir_arena *arena,
                 struct weir_param_table *out, struct weir_error *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < known_count; i++) {
        char *full = weir_arena_printf(arena, WEIR_STR_FMT "." WEIR_STR_FMT,
                                       WEIR_STR_ARG(known[i].schema), WEIR_STR_ARG(known[i].name));
        if (!weir_str_eq_nocase(name, weir_str_of(full)) &&
            !weir_str_eq_nocase(name, known[i].name)) {
            continue;
        }
        struct weir_str *columns = weir_arena_alloc(arena, known[i].column_count * sizeof *columns);
        for (size_t j = 0; j < known[i].column_count; j++) {
            columns[j] = known[i].columns[j].name;
        }
        *out = (struct weir_param_table){.schema = known[i].schema,
                                         .name = known[i].name,
                                         .columns = columns,
                                         .column_count = known[i].column_count,
                                         .primary_key = {"", 0}};
        return 0;
    }
    return WEIR_ENOENT;
}

static int column(void *arg, struct weir_str name, struct weir_error *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < known_count; i++) {
        for (size_t j = 0; j < known[i].column_count; j++) {
            if (weir_str_eq_nocase(known[i].columns[j].name, name)) {
                return 0;
            }
        }
    }
    return WEIR_ENOENT;
}

/* --- one case -----------------------------------------------------------------------------------
 */

struct section {
    struct weir_str title, text;
};
struct one {
    struct weir_str title;
    struct section sections[10];
    size_t count;
};

static bool next_line(struct weir_str *rest, struct weir_str *line)
{
    if (!rest->ptr || !rest->len) {
        return false;
    }
    *line = weir_str_cut(rest, '\n');
    return true;
}

static bool next_case(struct weir_str *rest, struct one *out)
{
    struct weir_str line, look;
    memset(out, 0, sizeof *out);
    do {
        if (!next_line(rest, &line)) {
            return false;
        }
    } while (!weir_str_starts(line, S("=== ")));
    out->title = (struct weir_str){line.ptr + 4, line.len - 4};
    for (look = *rest; next_line(&look, &line) && !weir_str_starts(line, S("=== ")); *rest = look) {
        if (weir_str_starts(line, S("--- "))) {
            struct section *s = &out->sections[out->count++];
            s->title = (struct weir_str){line.ptr + 4, line.len - 4};
            s->text = (struct weir_str){line.ptr + line.len + 1, 0};
        } else if (out->count) {
            struct section *s = &out->sections[out->count - 1];
            s->text.len = (size_t)(line.ptr + line.len - s->text.ptr);
        }
    }
    return true;
}

static const struct section *section_of(const struct one *c, const char *title)
{
    for (size_t i = 0; i < c->count; i++) {
        if (weir_str_starts(c->sections[i].title, weir_str_of(title))) {
            return &c->sections[i];
        }
    }
    return NULL;
}

static struct weir_str text_of(const struct one *c, const char *title)
{
    const struct section *s = section_of(c, title);
    return s ? weir_str_trim(s->text) : (struct weir_str){"", 0};
}

struct outcome {
    struct weir_arena arena;
    struct weir_json_parser *parser;
    struct weir_param_output out;
    struct weir_buf bound, result;
    int code;
};

static void read_fields(struct outcome *o, struct weir_str yaml, struct weir_param_input *in)
{
    struct weir_yaml *doc;
    struct weir_param_field *fields = weir_arena_calloc(&o->arena, 32 * sizeof *fields);
    ASSERT_OK(weir_yaml_parse(yaml, "fields", &doc, &err), err);
    for (const struct weir_yaml_node *n = weir_yaml_root(doc)->first; n; n = n->next) {
        ASSERT_OK(weir_param_field_read(&o->arena, doc, n, NULL, &fields[in->field_count++], &err),
                  err);
    }
    in->fields = fields;
    weir_yaml_free(doc);
}

static struct weir_param engine_value(const struct weir_param_bound *b)
{
    static const enum weir_type of[] = {WEIR_TYPE_BOOL,      WEIR_TYPE_INT,  WEIR_TYPE_DOUBLE,
                                        WEIR_TYPE_TIMESTAMP, WEIR_TYPE_DATE, WEIR_TYPE_TEXT};
    struct weir_param p = {.name = b->name, .type = of[b->type], .null = b->null};
    if (b->type == WEIR_PARAM_BOUND_TEXT) {
        p.s = b->s;
    } else if (b->type == WEIR_PARAM_BOUND_DOUBLE) {
        p.d = b->d;
    } else if (b->type == WEIR_PARAM_BOUND_BOOL) {
        p.b = b->b;
    } else {
        p.i = b->i;
    }
    return p;
}

static void run_engine(struct outcome *o)
{
    struct weir_param params[100];
    assert_true(o->out.bound_count < 100);
    for (size_t i = 0; i < o->out.bound_count; i++) {
        params[i] = engine_value(&o->out.bound[i]);
    }
    weir_buf_addz(&o->result, ask(reader, o->out.sql.ptr, params, o->out.bound_count));
}

static void print_bound(struct outcome *o)
{
    for (size_t i = 0; i < o->out.bound_count; i++) {
        struct weir_buf json;
        struct weir_json root;
        weir_buf_init(&json, 1 << 20);
        struct weir_jw w = weir_jw_on(&json);
        weir_param_bound_print(&w, &o->out.bound[i]);
        ASSERT_OK(weir_json_parse(o->parser, weir_buf_str(&json), &root, &err), err);
        weir_buf_addf(&o->bound, "%s" WEIR_STR_FMT " %s ", i ? "\n" : "",
                      WEIR_STR_ARG(o->out.bound[i].name),
                      weir_param_type_name(o->out.bound[i].type));
        weir_json_print(weir_json_get(root, "value"), &o->bound);
        weir_buf_free(&json);
    }
}

static void compile(const struct one *c, struct outcome *o)
{
    struct weir_buf values;
    memset(o, 0, sizeof *o);
    weir_arena_init(&o->arena, 64u << 20);
    weir_buf_init(&o->bound, 1 << 20);
    weir_buf_init(&o->result, 1 << 20);
    weir_buf_init(&values, 1 << 20);
    o->parser = weir_json_parser_new(64);
    struct weir_param_input in = {.text = text_of(c, "template"),
                                  .now = NOW * WEIR_SECOND,
                                  .library = {document, table, column, NULL}};
    const struct section *zone = section_of(c, "zone ");
    if (zone) {
        in.zone =
            weir_arena_dup(&o->arena, (struct weir_str){zone->title.ptr + 5, zone->title.len - 5})
                .ptr;
        in.utc_offset = 3600 * WEIR_SECOND;
    }
    if (section_of(c, "values")) {
        weir_buf_adds(&values, text_of(c, "values"));
        ASSERT_OK(weir_json_parse(o->parser, weir_buf_str(&values), &in.values, &err), err);
    }
    if (section_of(c, "fields")) {
        read_fields(o, text_of(c, "fields"), &in);
    }
    o->code = weir_param_compile(&o->arena, &in, &o->out, &err);
    if (o->code == 0) {
        print_bound(o);
        run_engine(o);
    }
    weir_buf_free(&values);
}

static void forget(struct outcome *o)
{
    weir_buf_free(&o->bound);
    weir_buf_free(&o->result);
    weir_json_parser_free(o->parser);
    weir_arena_free(&o->arena);
}

static void fill(const struct one *c, const struct outcome *o, const char *message)
{
    printf("=== " WEIR_STR_FMT "\n", WEIR_STR_ARG(c->title));
    for (size_t i = 0; i < c->count; i++) {
        const struct section *s = &c->sections[i];
        if (weir_str_is(s->title, "template") || weir_str_is(s->title, "values") ||
            weir_str_is(s->title, "fields") || weir_str_starts(s->title, S("zone"))) {
            struct weir_str text = weir_str_trim(s->text);
            printf("--- " WEIR_STR_FMT "\n" WEIR_STR_FMT "%s", WEIR_STR_ARG(s->title),
                   WEIR_STR_ARG(text), text.len ? "\n" : "");
        }
    }
    if (o->code) {
        printf("--- error\n%lld: %s\n\n", (long long)o->out.error_offset, message);
        return;
    }
    printf("--- sql\n" WEIR_STR_FMT "\n", WEIR_STR_ARG(weir_str_trim(o->out.sql)));
    printf("%s%s%s", o->bound.len ? "--- bound\n" : "", weir_buf_cstr(&o->bound),
           o->bound.len ? "\n" : "");
    bool failed = strncmp(weir_buf_cstr(&o->result), "error ", 6) == 0;
    printf("--- %s\n%s\n\n", failed ? "engine error" : "result", weir_buf_cstr(&o->result));
}

static void same(const char *file, const struct one *c, const char *what, struct weir_str expected,
                 struct weir_str got)
{
    got = weir_str_trim(got);
    if (!weir_str_eq(expected, got)) {
        fail_msg("%s: " WEIR_STR_FMT ": %s\nexpected: " WEIR_STR_FMT "\ngot:      " WEIR_STR_FMT,
                 file, WEIR_STR_ARG(c->title), what, WEIR_STR_ARG(expected), WEIR_STR_ARG(got));
    }
}

/* Every byte of the output has a place in the template, and what was copied has its own. */
static void check_map(const struct one *c, const struct outcome *o)
{
    struct weir_str from = text_of(c, "template");
    for (size_t i = 0; i < o->out.sql.len; i++) {
        int64_t at = weir_param_source_offset(&o->out, (int64_t)i);
        assert_true(at >= 0 && at <= (int64_t)from.len);
    }
    for (size_t i = 0; i < o->out.segment_count; i++) {
        const struct weir_param_segment *s = &o->out.segments[i];
        size_t end = i + 1 < o->out.segment_count ? s[1].out : o->out.sql.len;
        if (s->verbatim) {
            assert_memory_equal(o->out.sql.ptr + s->out, from.ptr + s->source, end - s->out);
        }
    }
}

static void check(const char *file, const struct one *c, const struct outcome *o)
{
    struct weir_str error = text_of(c, "error"), engine = text_of(c, "engine error");
    if (error.len || o->code) {
        char got[1200];
        snprintf(got, sizeof got, "%lld: %s", (long long)o->out.error_offset,
                 o->code ? err.message : "no error");
        if (!error.len || !o->code || !memmem(got, strlen(got), error.ptr, error.len)) {
            same(file, c, "error", error, weir_str_of(got));
        }
        return;
    }
    same(file, c, "sql", text_of(c, "sql"), o->out.sql);
    same(file, c, "bound", text_of(c, "bound"), weir_buf_str(&o->bound));
    check_map(c, o);
    if (engine.len) {
        assert_non_null(memmem(o->result.data, o->result.len, engine.ptr, engine.len));
    } else {
        same(file, c, "result", text_of(c, "result"), weir_buf_str(&o->result));
    }
}

static void cases_hold(void **state)
{
    bool filling = getenv("WEIR_PARAM_FILL") != NULL;
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        struct one c;
        struct outcome o;
        snprintf(name, sizeof name, "param/%s", files[i]);
        struct weir_buf text = cases_read(name);
        struct weir_str rest = weir_buf_str(&text);
        if (filling) {
            printf("##### %s\n", files[i]);
        }
        while (next_case(&rest, &c)) {
            compile(&c, &o);
            if (filling) {
                fill(&c, &o, err.message);
            } else {
                check(files[i], &c, &o);
            }
            forget(&o);
            case_count++;
        }
        weir_buf_free(&text);
    }
    assert_true(case_count >= 120);
}

static void a_form_is_shown_as_json(void **state)
{
    static const char form[] =
        "select 1 {% form %}\n"
        "s: {type: select, label: Sport, options: [[Golf, golf], rugby], default: golf}\n"
        "m: {type: multiselect, options: {query: q, value: v}, default: [a]}\n"
        "r: {type: daterange, description: When, default: {start: 2026-01-01}}\n{% endform %}";
    static const char expected[] =
        "[{\"name\":\"s\",\"type\":\"select\",\"label\":\"Sport\",\"description\":\"\","
        "\"as\":\"value\",\"default\":\"golf\",\"options\":[{\"label\":\"Golf\",\"value\":\"golf\"}"
        ","
        "{\"label\":\"rugby\",\"value\":\"rugby\"}]},"
        "{\"name\":\"m\",\"type\":\"multiselect\",\"label\":\"m\",\"description\":\"\","
        "\"as\":\"value\",\"default\":[\"a\"],"
        "\"options\":{\"query\":\"q\",\"value\":\"v\",\"label\":\"v\"}},"
        "{\"name\":\"r\",\"type\":\"daterange\",\"label\":\"r\",\"description\":\"When\","
        "\"as\":\"value\",\"default\":{\"start\":\"2026-01-01\",\"end\":null},\"options\":[]}]";
    struct weir_param_input in = {.text = weir_str_of(form)};
    struct weir_param_output out;
    struct weir_arena arena;
    struct weir_buf json;
    (void)state;
    weir_arena_init(&arena, 16u << 20);
    weir_buf_init(&json, 1 << 16);
    ASSERT_OK(weir_param_compile(&arena, &in, &out, &err), err);
    struct weir_jw w = weir_jw_on(&json);
    weir_jw_array(&w);
    for (size_t i = 0; i < out.field_count; i++) {
        weir_param_field_print(&w, &out.fields[i]);
    }
    weir_jw_array_end(&w);
    assert_string_equal(weir_buf_cstr(&json), expected);
    weir_buf_free(&json);
    weir_arena_free(&arena);
}

static int a_view(void *arg, enum weir_param_read_kind kind, struct weir_str name,
                  struct weir_arena *arena, struct weir_str *text, struct weir_error *why)
{
    (void)arg;
    (void)arena;
    (void)why;
    *text = WEIR_STR("select * from orders where sport = {{ inner }}");
    return kind == WEIR_PARAM_READ_VIEW && weir_str_is(name, "v") ? 0 : WEIR_ENOENT;
}

static const char *asked(const char *text, const char *values)
{
    static struct weir_buf out = {.max = 1 << 16};
    static const char *const names[] = {"cond", "yes", "no", "inner", "range", "grain", "unused"};
    struct weir_param_field fields[7];
    struct weir_param_output compiled;
    struct weir_arena arena;
    struct weir_json json = {0};
    struct weir_buf padded;
    struct weir_json_parser *parser = weir_json_parser_new(8);
    weir_arena_init(&arena, 16u << 20);
    weir_buf_init(&padded, 4096);
    weir_buf_addz(&padded, values);
    assert_int_equal(weir_json_parse(parser, weir_buf_str(&padded), &json, &err), 0);
    for (size_t i = 0; i < 7; i++) {
        fields[i] = (struct weir_param_field){.name = weir_str_of(names[i]),
                                              .label = weir_str_of(names[i]),
                                              .kind = i == 4   ? WEIR_PARAM_DATERANGE
                                                      : i == 5 ? WEIR_PARAM_AGGREGATION
                                                               : WEIR_PARAM_TEXT,
                                              .initial = {.kind = WEIR_DATUM_TEXT,
                                                          .s = i == 4   ? WEIR_STR("last 7 days")
                                                               : i == 5 ? WEIR_STR("day")
                                                                        : WEIR_STR("x")}};
    }
    struct weir_param_input in = {.text = weir_str_of(text),
                                  .values = json,
                                  .fields = fields,
                                  .field_count = 7,
                                  .now = NOW * WEIR_SECOND,
                                  .library = {.document = a_view}};
    ASSERT_OK(weir_param_compile(&arena, &in, &compiled, &err), err);
    weir_buf_reset(&out);
    for (size_t i = 0; i < compiled.field_count; i++) {
        if (compiled.fields[i].asked) {
            weir_buf_addf(&out, "%s" WEIR_STR_FMT, out.len ? " " : "",
                          WEIR_STR_ARG(compiled.fields[i].name));
        }
    }
    weir_buf_free(&padded);
    weir_json_parser_free(parser);
    weir_arena_free(&arena);
    return weir_buf_cstr(&out);
}

static void it_is_known_which_parameters_decided_a_statement(void **state)
{
    (void)state;
    static const char branches[] =
        "select {% if cond == 'x' %} {{ yes }} {% else %} {{ no }} {% endif %}";
    assert_string_equal(asked("select 1", "{}"), "");
    assert_string_equal(asked(branches, "{}"), "cond yes");
    assert_string_equal(asked(branches, "{\"cond\":\"y\"}"), "cond no");
    assert_string_equal(asked("select * from [v] where {{ YES }} = 1", "{}"), "yes inner");
    assert_string_equal(asked("select [t:grain] from x where [t=range]", "{}"), "range grain");
    assert_string_equal(asked("select * from x where t > [range_start]", "{}"), "range");
    assert_string_equal(asked("select * from x where t > '{{ range.start }}'", "{}"), "range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_known_which_parameters_decided_a_statement),
        cmocka_unit_test(cases_hold),
        cmocka_unit_test(a_form_is_shown_as_json),
    };
    return cmocka_run_group_tests(tests, make_tables, unmake_tables);
}
