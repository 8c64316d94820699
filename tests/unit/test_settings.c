/* The tables of all settings, and the weir.yml that `weir init` writes. */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/settings.h"
#include "io/file.h"

static char dir[64];
static struct weir_error err;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/weir-settings-XXXXXX");
    return mkdtemp(dir) && weir_workspace_init(dir, &err) == 0 ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void read_weir_yml(struct weir_buf *out)
{
    char *path = weir_path_join(dir, "weir.yml");
    ASSERT_OK(weir_file_read(path, out, &err), err);
    free(path);
}

static void write_weir_yml(struct weir_str text)
{
    char *path = weir_path_join(dir, "weir.yml");
    ASSERT_OK(weir_file_replace(path, text, 0644, &err), err);
    free(path);
}

/* "#  name: value" becomes "  name: value". */
static void uncomment(const struct weir_buf *in, struct weir_buf *out)
{
    struct weir_str rest = weir_buf_str(in);
    while (rest.ptr) {
        struct weir_str line = weir_str_cut(&rest, '\n');
        if (weir_str_starts(line, WEIR_STR("#  "))) {
            line = (struct weir_str){line.ptr + 1, line.len - 1};
        }
        weir_buf_adds(out, line);
        weir_buf_addc(out, '\n');
    }
}

static const struct weir_option *find(const char *section, struct weir_str name)
{
    for (const struct weir_settings_section *s = weir_settings_sections; s->name; s++) {
        for (const struct weir_option *o = s->table; o->name; o++) {
            if (strcmp(s->name, section) == 0 && weir_str_is(name, o->name)) {
                return o;
            }
        }
    }
    return NULL;
}

static void what_init_writes_are_the_defaults(void **state)
{
    (void)state;
    struct weir_buf text, plain;
    struct weir_workspace *w;
    int shown = 0;
    weir_buf_init(&text, 1 << 16);
    weir_buf_init(&plain, 1 << 16);
    read_weir_yml(&text);
    uncomment(&text, &plain);
    write_weir_yml(weir_buf_str(&plain));
    ASSERT_OK(weir_workspace_open(dir, &w, &err), err);
    ASSERT_OK(weir_settings_check(w, &err), err);
    const struct weir_yaml_node *root = weir_yaml_root(w->settings);
    for (const struct weir_yaml_node *s = root->first; s; s = s->next) {
        for (const struct weir_yaml_node *n = s->first; n; n = n->next) {
            char section[32];
            snprintf(section, sizeof section, WEIR_STR_FMT, WEIR_STR_ARG(s->key));
            const struct weir_option *o = find(section, n->key);
            assert_non_null(o);
            assert_true(weir_str_is(n->scalar, o->fallback));
            shown++;
        }
    }
    assert_true(shown >= 5);
    weir_workspace_close(w);
    weir_buf_free(&text);
    weir_buf_free(&plain);
}

static void every_default_is_valid_and_every_option_explained(void **state)
{
    (void)state;
    struct weir_workspace *w;
    ASSERT_OK(weir_workspace_open(dir, &w, &err), err);
    ASSERT_OK(weir_settings_check(w, &err), err);
    for (const struct weir_settings_section *s = weir_settings_sections; s->name; s++) {
        assert_true(s->about && *s->about);
        for (const struct weir_option *o = s->table; o->name; o++) {
            assert_non_null(o->fallback); /* an empty weir.yml is fine */
            assert_true(o->help && strlen(o->help) > 10);
            assert_true(weir_utf8_valid(weir_str_of(o->help)));
        }
    }
    weir_workspace_close(w);
}

static void single_settings_are_read_as_they_apply(void **state)
{
    (void)state;
    struct weir_workspace *w;
    const char *listen;
    uint64_t bytes;
    write_weir_yml(WEIR_STR("collect:\n  listen: 127.0.0.1:7\nlog:\n  keep_free: 2MB\n"));
    unsetenv("WEIR_COLLECT");
    ASSERT_OK(weir_workspace_open(dir, &w, &err), err);
    ASSERT_OK(weir_settings_text(w, "collect", "listen", &listen, &err), err);
    assert_string_equal(listen, "127.0.0.1:7");
    ASSERT_OK(weir_settings_bytes(w, "log", "keep_free", &bytes, &err), err);
    assert_int_equal(bytes, 2 << 20);
    setenv("WEIR_COLLECT", "127.0.0.1:9", 1);
    ASSERT_OK(weir_settings_text(w, "collect", "listen", &listen, &err), err);
    assert_string_equal(listen, "127.0.0.1:9");
    unsetenv("WEIR_COLLECT");
    assert_int_equal(weir_settings_text(w, "collect", "nothing", &listen, &err), WEIR_ENOENT);
    weir_workspace_close(w);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(what_init_writes_are_the_defaults),
        CASE(every_default_is_valid_and_every_option_explained),
        CASE(single_settings_are_read_as_they_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
