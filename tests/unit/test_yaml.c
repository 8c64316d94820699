/* Each tests/cases/yaml/NAME.yml is read; NAME.out says what must come of it: the tree, a line a
 * node, or the error. `WEIR_ACCEPT=1 build/tests/unit/test_yaml` writes the .out files anew: read
 * the difference before you keep it. */
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/yaml.h"
#include "io/file.h"

#define CASES WEIR_CASES "/yaml"

static void dump(const struct weir_yaml_node *node, int depth, struct weir_buf *out)
{
    static const char *const types[] = {"null", "scalar", "sequence", "mapping"};
    weir_buf_addf(out, "%*s%d:%d ", depth * 2, "", node->line, node->column);
    if (node->key.ptr) {
        weir_buf_addf(out, "\"" WEIR_STR_FMT "\" ", WEIR_STR_ARG(node->key));
    }
    weir_buf_addz(out,
                  node->type == WEIR_YAML_SCALAR && node->quoted ? "quoted" : types[node->type]);
    if (node->type == WEIR_YAML_SCALAR) {
        weir_buf_addf(out, " <" WEIR_STR_FMT ">", WEIR_STR_ARG(node->scalar));
    }
    weir_buf_addc(out, '\n');
    for (const struct weir_yaml_node *n = node->first; n; n = n->next) {
        dump(n, depth + 1, out);
    }
}

static void read_case(const char *name, struct weir_buf *got)
{
    struct weir_buf text;
    struct weir_error err = {0};
    struct weir_yaml *doc;
    char path[512], file[300];
    weir_buf_init(&text, 1 << 22);
    snprintf(file, sizeof file, "%s.yml", name);
    snprintf(path, sizeof path, CASES "/%s", file);
    ASSERT_OK(weir_file_read(path, &text, &err), err);
    if (weir_yaml_parse(weir_buf_str(&text), file, &doc, &err)) {
        weir_buf_addf(got, "error: %s\n", err.message);
    } else {
        dump(weir_yaml_root(doc), 0, got);
    }
    weir_yaml_free(doc);
    weir_buf_free(&text);
}

static void every_case_reads_as_written(void **state)
{
    (void)state;
    struct dirent **entries;
    int n = scandir(CASES, &entries, NULL, alphasort);
    int seen = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char name[256], path[512];
        struct weir_buf got, expected;
        struct weir_error err = {0};
        snprintf(name, sizeof name, "%s", entries[i]->d_name);
        char *dot = strrchr(name, '.');
        free(entries[i]);
        if (!dot || strcmp(dot, ".yml") != 0) {
            continue;
        }
        *dot = '\0';
        seen++;
        weir_buf_init(&got, 1 << 20);
        weir_buf_init(&expected, 1 << 20);
        read_case(name, &got);
        snprintf(path, sizeof path, CASES "/%s.out", name);
        if (getenv("WEIR_ACCEPT")) {
            ASSERT_OK(weir_file_replace(path, weir_buf_str(&got), 0644, &err), err);
        }
        ASSERT_OK(weir_file_read(path, &expected, &err), err);
        if (strcmp(weir_buf_cstr(&got), weir_buf_cstr(&expected)) != 0) {
            fail_msg("%s.yml gave\n%s\ninstead of\n%s", name, weir_buf_cstr(&got),
                     weir_buf_cstr(&expected));
        }
        weir_buf_free(&got);
        weir_buf_free(&expected);
    }
    free(entries);
    assert_true(seen >= 25);
}

static void size_has_a_limit(void **state)
{
    (void)state;
    struct weir_buf text;
    struct weir_error err = {0};
    struct weir_yaml *doc;
    weir_buf_init(&text, 1 << 22);
    memset(weir_buf_room(&text, 1 << 21), '#', 1 << 21);
    text.len = 1 << 21;
    assert_int_equal(weir_yaml_parse(weir_buf_str(&text), "big.yml", &doc, &err), WEIR_ETOOBIG);
    assert_string_equal(err.message, "big.yml: the file is larger than 1048576 bytes");
    weir_buf_reset(&text);
    for (int i = 0; i < 200000; i++) {
        weir_buf_addz(&text, "- a\n");
    }
    assert_int_equal(weir_yaml_parse(weir_buf_str(&text), "long.yml", &doc, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "long.yml:100000: more than 100000 values"));
    weir_buf_free(&text);
}

static void scalars_are_read_by_type(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct weir_yaml *doc;
    struct weir_str s;
    int64_t n = 7;
    bool b = false;
    struct weir_str text = WEIR_STR(
        "yes: true\nno: False\nword: yes\nq: \"true\"\nint: -42\nbig: 99999999999999999999\n"
        "text: 10s\nnothing:\n");
    ASSERT_OK(weir_yaml_parse(text, "t.yml", &doc, &err), err);
    const struct weir_yaml_node *root = weir_yaml_root(doc);
    assert_true(weir_yaml_bool(weir_yaml_get(root, "yes"), &b) && b);
    assert_true(weir_yaml_bool(weir_yaml_get(root, "no"), &b) && !b);
    assert_false(weir_yaml_bool(weir_yaml_get(root, "word"), &b));
    assert_false(weir_yaml_bool(weir_yaml_get(root, "q"), &b));
    assert_false(weir_yaml_i64(weir_yaml_get(root, "big"), &n));
    assert_false(weir_yaml_i64(weir_yaml_get(root, "text"), &n));
    assert_false(weir_yaml_i64(weir_yaml_get(root, "absent"), &n));
    assert_int_equal(n, 7);
    assert_true(weir_yaml_i64(weir_yaml_get(root, "int"), &n));
    assert_int_equal(n, -42);
    assert_true(weir_yaml_str(weir_yaml_get(root, "text"), &s) && weir_str_is(s, "10s"));
    assert_false(weir_yaml_str(weir_yaml_get(root, "nothing"), &s));
    assert_null(weir_yaml_get(weir_yaml_get(root, "int"), "x"));
    assert_null(weir_yaml_get(NULL, "x"));
    assert_int_equal(weir_yaml_fail(&err, doc, weir_yaml_get(root, "text"), "is %s", "odd"),
                     WEIR_EINVAL);
    assert_string_equal(err.message, "t.yml:7: is odd");
    weir_yaml_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_reads_as_written),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(scalars_are_read_by_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
