#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "git_cli.h"
#include "io/file.h"
#include "workspace/workspace.h"

#define KEY_A "AAAAaaaaAAAAaaaa"
#define KEY_B "BBBBbbbbBBBBbbbb"
#define KEY_C "CCCCccccCCCCcccc"

static char root[64]; /* holds the workspace `acme` */
static char dir[96];
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
    snprintf(root, sizeof root, "/tmp/weir-workspace-XXXXXX");
    if (!mkdtemp(root)) {
        return -1;
    }
    snprintf(dir, sizeof dir, "%s/acme", root);
    err = (struct weir_error){0};
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
    char *path = weir_path_join(dir, name);
    ASSERT_OK(weir_file_replace(path, weir_str_of(text), 0644, &err), err);
    free(path);
}

static char *get(const char *name)
{
    static char text[8192];
    struct weir_buf buf;
    char *path = weir_path_join(dir, name);
    weir_buf_init(&buf, sizeof text - 1);
    ASSERT_OK(weir_file_read(path, &buf, &err), err);
    memcpy(text, weir_buf_cstr(&buf), buf.len + 1);
    weir_buf_free(&buf);
    free(path);
    return text;
}

static bool exists(const char *name)
{
    char *path = weir_path_join(dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static struct weir_workspace *fresh(void)
{
    struct weir_workspace *w = NULL;
    ASSERT_OK(weir_workspace_init(dir, &err), err);
    ASSERT_OK(weir_workspace_open(dir, &w, &err), err);
    return w;
}

static void init_makes_a_workspace_that_opens(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    assert_string_equal(w->dir, dir);
    assert_string_equal(weir_workspace_path(w, "run/serve.sock") + strlen(dir),
                        "/.weir/run/serve.sock");
    assert_string_equal(shell(dir, "git ls-files && git log --format=%cn,%s && git status --short"),
                        ".gitignore\nsources/web.yml\nweir.yml\nweir,Make a weir workspace");
    assert_non_null(strstr(get(".gitignore"), "/.weir/\n"));
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_int_equal(sources.count, 1);
    assert_string_equal(sources.items[0].name, "web");
    assert_string_equal(sources.items[0].path, "sources/web.yml");
    assert_int_equal(strlen(sources.items[0].write_key), 32);
    assert_int_equal(sources.items[0].ip, WEIR_IP_KEEP);
    assert_false(sources.strict);
    weir_sources_free(&sources);
    weir_workspace_close(w);
}

static void init_leaves_what_is_there(void **state)
{
    (void)state;
    ASSERT_OK(weir_dir_make(dir, 0755, &err), err);
    put(".gitignore", "node_modules");
    struct weir_workspace *w = fresh();
    assert_string_equal(get(".gitignore"), "node_modules\n# weir's data: event log, warehouse, "
                                           "sockets\n/.weir/\n");
    weir_workspace_close(w);
    put("weir.yml", "# mine\n");
    assert_int_equal(weir_workspace_init(dir, &err), WEIR_EEXIST);
    assert_non_null(strstr(err.message, "is a workspace already (it has a weir.yml); nothing was"));
    assert_string_equal(get("weir.yml"), "# mine\n");
}

static void two_workspaces_have_two_keys(void **state)
{
    (void)state;
    char first[8192];
    weir_workspace_close(fresh());
    snprintf(first, sizeof first, "%s", get("sources/web.yml"));
    snprintf(dir, sizeof dir, "%s/other", root);
    weir_workspace_close(fresh());
    assert_string_not_equal(get("sources/web.yml"), first);
}

static void a_folder_without_settings_is_no_workspace(void **state)
{
    (void)state;
    struct weir_workspace *w;
    char expected[512];
    assert_int_equal(weir_workspace_open(dir, &w, &err), WEIR_ENOENT);
    snprintf(expected, sizeof expected, "there is no folder \"%s\"; run `weir init %s`", dir, dir);
    assert_string_equal(err.message, expected);
    ASSERT_OK(weir_dir_make(dir, 0755, &err), err);
    assert_int_equal(weir_workspace_open(dir, &w, &err), WEIR_ENOENT);
    snprintf(
        expected, sizeof expected,
        "there is no weir.yml in \"%s\"; run `weir init %s`, or name the workspace with -C DIR",
        dir, dir);
    assert_string_equal(err.message, expected);
    assert_null(w);
}

struct sample {
    const char *listen;
};
static const struct weir_option sample_options[] = {
    {.name = "listen", .type = WEIR_OPT_TEXT, .offset = 0, .fallback = "x:1", .help = "where"},
    {0}};

static void sections_are_read_and_checked(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct sample got;
    ASSERT_OK(weir_workspace_section(w, "collect", sample_options, &got, &err), err);
    assert_string_equal(got.listen, "x:1");
    weir_workspace_close(w);

    put("weir.yml", "serve:\n  listen: y:2\n");
    ASSERT_OK(weir_workspace_open(dir, &w, &err), err);
    ASSERT_OK(weir_workspace_section(w, "serve", sample_options, &got, &err), err);
    assert_string_equal(got.listen, "y:2");
    ASSERT_OK(weir_workspace_section(w, "collect", sample_options, &got, &err), err);
    assert_string_equal(got.listen, "x:1");
    weir_workspace_close(w);

    static const struct {
        const char *yaml;
        const char *message;
    } bad[] = {
        {"colect:\n  x: 1\n",
         "weir.yml:1: there is no section \"colect\"; did you mean \"collect\"?"},
        {"\nthings: 1\n", "weir.yml:2: there is no section \"things\"; weir knows collect, log, "
                          "load, warehouse, query, cache, serve and workspace"},
        {"- 1\n", "weir.yml:1: expected sections here (`collect:`, `serve:`, ...)"},
        {"a: [\n", "weir.yml:2:1: flow sequence without a closing bracket"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put("weir.yml", bad[i].yaml);
        assert_int_equal(weir_workspace_open(dir, &w, &err), WEIR_EINVAL);
        assert_string_equal(err.message, bad[i].message);
    }
}

static void sources_are_found_by_any_of_their_keys(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    put("sources/web.yml", "write_key: " KEY_A "\nold_write_keys: [" KEY_B "]\nip: anonymize\n");
    put("sources/app.yml", "write_key: " KEY_C "\nstrict: true\ndisabled: true\n");
    put("sources/.app.yml.swp", "junk: [");
    put("sources/app.yml~", "junk: [");
    put("sources/README.md", "junk: [");
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_int_equal(sources.count, 2);
    assert_true(sources.strict);
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_A))->name, "web");
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_B))->name, "web");
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_C))->name, "app");
    assert_true(weir_sources_by_key(&sources, WEIR_STR(KEY_C))->disabled);
    assert_int_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_A))->ip, WEIR_IP_ANONYMIZE);
    assert_null(weir_sources_by_key(&sources, WEIR_STR("")));
    assert_null(weir_sources_by_key(&sources, WEIR_STR("AAAAaaaaAAAAaaa")));
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_A "x")));
    assert_null(weir_sources_by_key(&sources, WEIR_STR("AAAAaaaaAAAA\0aaa")));
    weir_sources_free(&sources);
    weir_workspace_close(w);
}

static void every_broken_source_is_told(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    put("sources/web.yml", "write_key: " KEY_A "\n");
    put("sources/a.yml", "writekey: " KEY_B "\n");
    put("sources/b.yml", "write_key: short\n");
    put("sources/c.yml", "write_key: " KEY_C "\nold_write_keys:\n  - " KEY_A "\n");
    put("sources/main.yml", "write_key: " KEY_B "\n");
    put("sources/My-App.yml", "write_key: " KEY_B "\n");
    put("sources/a__b.yml", "write_key: " KEY_B "\n");
    put("sources/a_.yml", "write_key: " KEY_B "\n");
    put("sources/x.yaml", "write_key: " KEY_B "\n");
    assert_int_equal(weir_sources_load(w, &sources, &err), WEIR_EINVAL);
    assert_string_equal(
        err.message,
        "sources/My-App.yml: \"My-App\" cannot name a source; use a to z, 0 to 9 and _, beginning "
        "with a letter, at most 40 characters, no _ at the end nor two in a row\n"
        "sources/a.yml:1: there is no setting \"writekey\"; did you mean \"write_key\"?\n"
        "sources/a_.yml: \"a_\" cannot name a source; use a to z, 0 to 9 and _, beginning with a "
        "letter, at most 40 characters, no _ at the end nor two in a row\n"
        "sources/a__b.yml: \"a__b\" cannot name a source; use a to z, 0 to 9 and _, beginning with "
        "a letter, at most 40 characters, no _ at the end nor two in a row\n"
        "sources/b.yml:1: a write key has 16 to 128 letters, digits, _ and -; this one has 5 "
        "characters\n"
        "sources/main.yml: \"main\" is reserved in the warehouse, where it would be a schema; "
        "choose another name for the source\n"
        "sources/x.yaml: source files end in .yml; rename it\n"
        "sources/web.yml has a write key of sources/c.yml: an event could not say whose it is; "
        "give one of them another");
    weir_workspace_close(w);
}

static void two_that_share_a_key_hide_no_other(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources before, sources;
    put("sources/web.yml", "write_key: " KEY_A "\n");
    ASSERT_OK(weir_sources_load(w, &before, &err), err);
    put("sources/app.yml", "write_key: " KEY_B "\nold_write_keys:\n  - " KEY_A "\n");
    put("sources/tv.yml", "write_key: " KEY_C "\nstrict: true\n");
    assert_int_equal(weir_sources_load_most(w, &sources, &err), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "sources/web.yml has a write key of sources/app.yml"));
    assert_true(sources.partly);
    assert_int_equal(sources.count, 3);
    assert_false(sources.strict); /* a key of the two is not nobody's */
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_A)));
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_B)));
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_C))->name, "tv");
    ASSERT_OK(weir_sources_keep(&sources, &before, &err), err);
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_A))->name, "web");
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_B)));
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_C))->name, "tv");
    weir_sources_free(&sources);
    weir_sources_free(&before);
    weir_workspace_close(w);
}

/* Since before anything was known of them, so that the key is nobody's. */
static void two_that_shared_a_key_from_the_start_hide_no_other(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources before, sources;
    put("sources/web.yml", "write_key: " KEY_A "\n");
    put("sources/app.yml", "write_key: " KEY_A "\n");
    assert_int_equal(weir_sources_load_most(w, &before, &err), WEIR_EINVAL);
    put("sources/tv.yml", "write_key: " KEY_C "\n");
    assert_int_equal(weir_sources_load_most(w, &sources, &err), WEIR_EINVAL);
    ASSERT_OK(weir_sources_keep(&sources, &before, &err), err);
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_C))->name, "tv");
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_A)));
    weir_sources_free(&sources);
    /* What cannot be read may have it still. */
    put("sources/web.yml", "write_key: " KEY_A "\nip: nonsense\n");
    assert_int_equal(weir_sources_load_most(w, &sources, &err), WEIR_EINVAL);
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_A))->name, "app");
    ASSERT_OK(weir_sources_keep(&sources, &before, &err), err);
    weir_sources_free(&before);
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_A)));
    for (size_t i = 0; i < sources.count; i++) {
        bool shares = strcmp(sources.items[i].name, "tv") != 0;
        assert_int_equal(sources.items[i].shares != NULL, shares);
        assert_true(!shares || strstr(sources.items[i].shares, "sources/"));
    }
    weir_sources_free(&sources);
    weir_workspace_close(w);
}

static void a_change_of_sources_is_noticed(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    char *path = weir_path_join(dir, "sources/app.yml");
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_false(weir_sources_changed(w, &sources));
    put("sources/README.md", "no source");
    assert_false(weir_sources_changed(w, &sources));
    put("sources/app.yml", "write_key: " KEY_A "\n");
    assert_true(weir_sources_changed(w, &sources));
    weir_sources_free(&sources);
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_false(weir_sources_changed(w, &sources));
    put("sources/app.yml", "write_key: " KEY_B "\n"); /* same size, same second */
    assert_true(weir_sources_changed(w, &sources));
    weir_sources_free(&sources);
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_int_equal(unlink(path), 0);
    assert_true(weir_sources_changed(w, &sources));
    weir_sources_free(&sources);
    free(path);
    weir_workspace_close(w);
}

static void sources_are_added_once_and_with_good_names(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    ASSERT_OK(weir_source_add(w, "app", KEY_A, &err), err);
    ASSERT_OK(weir_source_add(w, "ios_2", NULL, &err), err);
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_int_equal(sources.count, 3);
    assert_string_equal(weir_sources_by_key(&sources, WEIR_STR(KEY_A))->name, "app");
    weir_sources_free(&sources);

    static const char *const bad[] = {"",
                                      "Web",
                                      "1a",
                                      "a-b",
                                      "a b",
                                      "../x",
                                      "weir",
                                      "main",
                                      "select",
                                      "pg_catalog",
                                      "pg_any",
                                      "user",
                                      "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddd"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_source_add(w, bad[i], NULL, &err), WEIR_EINVAL);
    }
    assert_int_equal(weir_source_add(w, "app", NULL, &err), WEIR_EEXIST);
    assert_int_equal(weir_source_add(w, "tv", KEY_A, &err), WEIR_EEXIST);
    assert_string_equal(err.message,
                        "sources/app.yml has this write key; give the new source another");
    assert_int_equal(weir_source_add(w, "tv", "has spaces in it, so no", &err), WEIR_EINVAL);
    assert_null(strstr(err.message, "spaces in it"));
    assert_false(exists("sources/tv.yml"));
    weir_workspace_close(w);
}

static void no_sources_is_no_error(void **state)
{
    (void)state;
    struct weir_workspace *w = fresh();
    struct weir_sources sources;
    char *path = weir_path_join(dir, "sources/web.yml");
    char *folder = weir_path_join(dir, "sources");
    assert_int_equal(unlink(path) || rmdir(folder), 0);
    ASSERT_OK(weir_sources_load(w, &sources, &err), err);
    assert_int_equal(sources.count, 0);
    assert_null(weir_sources_by_key(&sources, WEIR_STR(KEY_A)));
    weir_sources_free(&sources);
    free(path);
    free(folder);
    weir_workspace_close(w);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        CASE(init_makes_a_workspace_that_opens),
        CASE(init_leaves_what_is_there),
        CASE(two_workspaces_have_two_keys),
        CASE(a_folder_without_settings_is_no_workspace),
        CASE(sections_are_read_and_checked),
        CASE(sources_are_found_by_any_of_their_keys),
        CASE(every_broken_source_is_told),
        CASE(two_that_share_a_key_hide_no_other),
        CASE(two_that_shared_a_key_from_the_start_hide_no_other),
        CASE(a_change_of_sources_is_noticed),
        CASE(sources_are_added_once_and_with_good_names),
        CASE(no_sources_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
