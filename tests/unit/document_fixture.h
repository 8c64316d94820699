/* A library of documents in a workspace of its own, for the tests of documents. */
#ifndef WEIR_TEST_DOCUMENT_FIXTURE_H
#define WEIR_TEST_DOCUMENT_FIXTURE_H

#include "test.h"

#include <sys/stat.h>

#include "git_cli.h"
#include "tempdir.h"
#include "workspace/document.h"

static struct tempdir top;
static char dir[512];
static struct weir_library *lib;
static struct weir_error err;
static struct weir_json_parser *parser;
static struct weir_arena arena;
static struct weir_buf changes;

#define REPORT                                                                                     \
    "# The board looks at this.\n"                                                                 \
    "id: k3v9x0q2ab\n"                                                                             \
    "title: Subscriptions # as the board says it\n"                                                \
    "queries:\n"                                                                                   \
    "  - {id: subs, title: Subscribers by day, file: subs.sql}\n"                                  \
    "tiles:\n"                                                                                     \
    "  - {id: t1, kind: chart, query: subs, x: 0, y: 0, w: 12, h: 8}\n"                            \
    "  - {id: t2, kind: text, markdown: hello, x: 0, y: 8, w: 24, h: 2}\n"

static inline void note(enum weir_document_kind kind, const char *key,
                        const struct weir_document *d, void *arg)
{
    (void)arg;
    weir_buf_addf(&changes, "%s %s %s;", weir_document_kind_name(kind), key,
                  !d         ? "gone"
                  : d->error ? "bad"
                             : "ok");
}

static inline int make(void **state)
{
    (void)state;
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("HOME", "/nonexistent", 1);
    top = tempdir_make();
    tempdir_path(&top, "w", dir);
    mkdir(dir, 0755);
    parser = weir_json_parser_new(40);
    weir_arena_init(&arena, 256u << 20);
    weir_buf_init(&changes, 1 << 20);
    if (weir_library_new(dir, &lib, &err)) {
        return -1;
    }
    weir_library_on_change(lib, note, NULL);
    return 0;
}

static inline int unmake(void **state)
{
    (void)state;
    weir_library_free(lib);
    weir_buf_free(&changes);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    tempdir_remove(&top);
    return 0;
}

static inline void put(const char *path, const char *text)
{
    ASSERT_OK(weir_files_write(dir, path, weir_str_of(text), &err), err);
}

static inline const char *refreshed(void)
{
    weir_buf_reset(&changes);
    ASSERT_OK(weir_library_refresh(lib, &err), err);
    return weir_buf_cstr(&changes);
}

/* Valid until the next refresh of what it shows. */
static inline const struct weir_document *find(enum weir_document_kind kind, const char *key)
{
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *d = weir_documents_find(all, kind, weir_str_of(key));
    weir_documents_release(all);
    return d;
}

static inline struct weir_data *data(const char *json)
{
    struct weir_buf text;
    struct weir_json root;
    struct weir_data *out;
    weir_buf_init(&text, 1 << 20);
    weir_buf_addz(&text, json);
    ASSERT_OK(weir_json_parse(parser, weir_buf_str(&text), &root, &err), err);
    ASSERT_OK(weir_data_from_json(&arena, root, &out, &err), err);
    weir_buf_free(&text);
    return out;
}

static inline const char *print(const struct weir_data *d)
{
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_data_print(d, &w);
    const char *text = weir_arena_strdup(&arena, weir_buf_cstr(&out));
    weir_buf_free(&out);
    return text;
}

static inline void subscriptions(void)
{
    put("reports/subs/report.yml", REPORT);
    put("reports/subs/subs.sql", "select 1\n");
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");
    shell(dir, "git add -A && git commit -qm 'By hand'");
}

/* What the app would send: the report as it is, to be changed by the test. */
static inline struct weir_content opened(char version[WEIR_VERSION_SIZE])
{
    const struct weir_document *d = find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab");
    memcpy(version, d->version, WEIR_VERSION_SIZE);
    return (struct weir_content){weir_data_copy(&arena, d->report.data),
                                 weir_data_copy(&arena, d->report.queries)};
}

static inline struct weir_data *tile(struct weir_content c, const char *id)
{
    for (struct weir_data *d = weir_data_get(c.report, "tiles")->first; d; d = d->next) {
        if (weir_str_is(weir_data_identity(d), id)) {
            return d;
        }
    }
    return NULL;
}

static inline int save(struct weir_content content, const char *base, struct weir_saved *out)
{
    struct weir_save s = {.author = {"Ada", "ada@example.com"}, .base = base};
    return weir_report_save(lib, base ? "k3v9x0q2ab" : NULL, content, &s, out, &err);
}

static inline void set(struct weir_data *object, const char *key, const struct weir_data *value)
{
    assert_true(weir_data_set(&arena, object, weir_str_of(key), value));
}

#endif
