#include "test.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "git_cli.h"
#include "tempdir.h"
#include "workspace/document.h"
#include "workspace/merge.h"

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

static void note(enum weir_document_kind kind, const char *key, const struct weir_document *d,
                 void *arg)
{
    (void)arg;
    weir_buf_addf(&changes, "%s %s %s;", weir_document_kind_name(kind), key,
                  !d         ? "gone"
                  : d->error ? "bad"
                             : "ok");
}

static int make(void **state)
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

static int unmake(void **state)
{
    (void)state;
    weir_library_free(lib);
    weir_buf_free(&changes);
    weir_arena_free(&arena);
    weir_json_parser_free(parser);
    tempdir_remove(&top);
    return 0;
}

static void put(const char *path, const char *text)
{
    ASSERT_OK(weir_files_write(dir, path, weir_str_of(text), &err), err);
}

static const char *refreshed(void)
{
    weir_buf_reset(&changes);
    ASSERT_OK(weir_library_refresh(lib, &err), err);
    return weir_buf_cstr(&changes);
}

/* Valid until the next refresh of what it shows. */
static const struct weir_document *find(enum weir_document_kind kind, const char *key)
{
    struct weir_documents *all = weir_library_hold(lib);
    const struct weir_document *d = weir_documents_find(all, kind, weir_str_of(key));
    weir_documents_release(all);
    return d;
}

static struct weir_data *data(const char *json)
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

static const char *print(const struct weir_data *d)
{
    struct weir_buf out;
    weir_buf_init(&out, 1 << 20);
    struct weir_jw w = weir_jw_on(&out);
    weir_data_print(d, &w);
    const char *text = weir_arena_strdup(&arena, weir_buf_cstr(&out));
    weir_buf_free(&out);
    return text;
}

static void subscriptions(void)
{
    put("reports/subs/report.yml", REPORT);
    put("reports/subs/subs.sql", "select 1\n");
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");
    shell(dir, "git add -A && git commit -qm 'By hand'");
}

/* What the app would send: the report as it is, to be changed by the test. */
static struct weir_content opened(char version[WEIR_VERSION_SIZE])
{
    const struct weir_document *d = find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab");
    memcpy(version, d->version, WEIR_VERSION_SIZE);
    return (struct weir_content){weir_data_copy(&arena, d->report.data),
                                 weir_data_copy(&arena, d->report.queries)};
}

static struct weir_data *tile(struct weir_content c, const char *id)
{
    for (struct weir_data *d = weir_data_get(c.report, "tiles")->first; d; d = d->next) {
        if (weir_str_is(weir_data_identity(d), id)) {
            return d;
        }
    }
    return NULL;
}

static int save(struct weir_content content, const char *base, struct weir_saved *out)
{
    struct weir_save s = {.author = {"Ada", "ada@example.com"}, .base = base};
    return weir_report_save(lib, base ? "k3v9x0q2ab" : NULL, content, &s, out, &err);
}

static void set(struct weir_data *object, const char *key, const struct weir_data *value)
{
    assert_true(weir_data_set(&arena, object, weir_str_of(key), value));
}

/* --- reading --------------------------------------------------------------------------------- */

static void files_appear_as_they_are(void **state)
{
    (void)state;
    subscriptions();
    put("views/mrr.sql", "-- Monthly recurring revenue.\n-- In euros.\nselect 1\n");
    put("snippets/week.sql", "date_trunc('week', $1)\r\n");
    put("collections/company.yml", "title: The company\n");
    put("reports/notes.txt", "no report");
    put("views/readme.md", "no view");
    assert_string_equal(refreshed(), "view mrr ok;snippet week ok;collection company ok;");
    assert_string_equal(refreshed(), "");
    const struct weir_document *d = find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab");
    assert_string_equal(d->title, "Subscriptions");
    assert_string_equal(d->report.collection, "company");
    assert_string_equal(d->report.items[0].id, "subs");
    assert_int_equal(d->report.items[0].sql.len, 8);
    assert_string_equal(d->version, shell(dir, "git rev-parse HEAD:reports/subs"));
    d = find(WEIR_DOCUMENT_VIEW, "mrr");
    assert_string_equal(d->description, "Monthly recurring revenue.\nIn euros.");
    assert_string_equal(d->sql.ptr, "select 1");
    assert_string_equal(find(WEIR_DOCUMENT_SNIPPET, "week")->sql.ptr, "date_trunc('week', $1)");
    shell(dir, "rm -r reports/subs views/mrr.sql");
    assert_string_equal(refreshed(), "report k3v9x0q2ab gone;view mrr gone;");
}

static void mistakes_are_told_with_their_lines(void **state)
{
    (void)state;
    subscriptions();
    put("reports/subs/report.yml",
        "id: K3\ntitel: x\ntitle: y\ncollection: a b\nparameters:\n  - {name: s, type: lst}\n"
        "queries:\n  - {id: subs, file: ../subs.sql}\n  - {id: subs, file: gone.sql}\n"
        "tiles:\n  - {id: t1, kind: chart, query: sub, x: 20, y: 0, w: 12, h: 8}\n"
        "  - {id: t1, kind: text, x: 0, y: 0, w: 1, h: none}\n");
    assert_string_equal(refreshed(), "report k3v9x0q2ab bad;");
    const struct weir_document *d = find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab");
    static const char *const told[] = {
        "reports/subs/report.yml:2: there is no key \"titel\"; did you mean \"title\"?",
        ":6: \"type\" is one of text, number",
        ":12: \"h\" is a whole number from 1 to 1000",
        ":1: an id has 10 characters",
        ":4: a collection is named",
        ":9: there are two querys",
        ":8: \"../subs.sql\" is no file's name",
        ":9: there is no file \"gone.sql\" beside this one",
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        if (!strstr(d->error, told[i])) {
            fail_msg("missing: %s\nin: %s", told[i], d->error);
        }
    }
    /* The last good version stays in use, and comes back with the mend. */
    assert_true(d->usable);
    assert_string_equal(d->title, "Subscriptions");
    put("reports/subs/report.yml", "a: [");
    assert_string_equal(refreshed(), "report k3v9x0q2ab bad;");
    assert_string_equal(find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab")->report.items[0].sql.ptr,
                        "select 1\n");
    put("reports/subs/report.yml", REPORT);
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");
    assert_null(find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab")->error);
}

/* The example of docs/format/report.md is a report without mistakes. */
static void the_documented_example_is_right(void **state)
{
    (void)state;
    char command[1200];
    snprintf(command, sizeof command,
             "mkdir -p reports/x && awk '/^```yaml/ {on = 1; next} /^```/ {on = 0} on' "
             "'" WEIR_CASES "/../../docs/format/report.md' > reports/x/report.yml && "
             "echo 'select 1' | tee reports/x/subs.sql > reports/x/sports.sql");
    shell(dir, command);
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");
    assert_int_equal(find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab")->report.count, 2);
}

static void hostile_files_are_refused_one_by_one(void **state)
{
    (void)state;
    subscriptions();
    shell(dir,
          "mkdir -p views reports/links reports/copy reports/bad && echo secret > ../secret && "
          "ln -s ../../secret views/link.sql && mkfifo views/pipe.sql && "
          "printf '\\377' > views/bytes.sql && truncate -s 5M views/big.sql && "
          "echo 'select 1' > 'views/Big Name.sql' && "
          "cp reports/subs/* reports/copy && ln -s ../../../secret reports/links/report.yml "
          "&& printf 'id: a\\n\\ttitle: b' > reports/bad/report.yml");
    refreshed();
    static const char *const bad[] = {"link", "pipe", "bytes", "big", "Big Name"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct weir_document *d = find(WEIR_DOCUMENT_VIEW, bad[i]);
        assert_non_null(d);
        assert_non_null(d->error);
        assert_false(d->usable);
    }
    assert_non_null(find(WEIR_DOCUMENT_REPORT, "links")->error);
    assert_non_null(find(WEIR_DOCUMENT_REPORT, "bad")->error);
    /* The report that was there keeps its id; when it goes, the copy may have it. */
    assert_non_null(strstr(find(WEIR_DOCUMENT_REPORT, "copy")->error, "needs its own"));
    assert_string_equal(find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab")->path, "reports/subs");
    shell(dir, "rm -r reports/subs");
    refreshed();
    assert_null(find(WEIR_DOCUMENT_REPORT, "copy"));
    assert_string_equal(find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab")->path, "reports/copy");
}

/* --- saving ---------------------------------------------------------------------------------- */

static void a_save_is_a_commit_that_changes_what_was_changed(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    subscriptions();
    struct weir_content mine = opened(base);
    set(tile(mine, "t2"), "x", data("4"));
    set(tile(mine, "t2"), "w", data("20"));
    set((struct weir_data *)(uintptr_t)mine.queries, "subs", data("\"select 2\""));
    ASSERT_OK(save(mine, base, &out), err);
    assert_false(out.merged);
    assert_string_equal(shell(dir, "git diff HEAD~1 | grep '^[-+]' | grep -v '^[-+][-+]'"),
                        "-  - {id: t2, kind: text, markdown: hello, x: 0, y: 8, w: 24, h: 2}\n"
                        "+  - {id: t2, kind: text, markdown: hello, x: 4, y: 8, w: 20, h: 2}\n"
                        "-select 1\n+select 2");
    weir_saved_free(&out);
}

static void nothing_changed_is_no_commit(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    subscriptions();
    ASSERT_OK(save(opened(base), base, &out), err);
    assert_string_equal(out.version, base);
    assert_string_equal(shell(dir, "git log --format=%s"), "By hand");
    weir_saved_free(&out);
}

static void a_new_report_gets_an_id_and_a_folder(void **state)
{
    (void)state;
    struct weir_saved out;
    struct weir_content c = {data("{\"title\":\"Ums\u00e4tze & Kosten\",\"tiles\":[],\"queries\":"
                                  "[{\"id\":\"q\"}]}"),
                             data("{\"q\":\"select 1\"}")};
    for (int i = 0; i < 2; i++) {
        ASSERT_OK(save(c, NULL, &out), err);
        assert_true(weir_id_ok(weir_str_of(out.key)));
        assert_non_null(find(WEIR_DOCUMENT_REPORT, out.key));
        weir_saved_free(&out);
    }
    assert_string_equal(shell(dir, "git ls-files; git log --format=%an,%s; git status --short"),
                        "reports/umsatze-kosten-2/q.sql\nreports/umsatze-kosten-2/report.yml\n"
                        "reports/umsatze-kosten/q.sql\nreports/umsatze-kosten/report.yml\n"
                        "Ada,Make Ums\u00e4tze & Kosten\nAda,Make Ums\u00e4tze & Kosten");
    c.report = data("{\"title\":\"\u65e5\u672c\"}");
    c.queries = data("{}");
    ASSERT_OK(save(c, NULL, &out), err);
    assert_non_null(strstr(shell(dir, "ls reports"), "report"));
    weir_saved_free(&out);
    /* What cannot be read back is not written. */
    c.report = data("{\"title\":\"x\",\"tiles\":[{\"id\":\"t\",\"kind\":\"pie\"}]}");
    assert_int_equal(save(c, NULL, &out), WEIR_EINVAL);
    assert_non_null(strstr(err.message, "\"kind\" is one of chart, text, table"));
    weir_saved_free(&out);
    c.report = data("{\"title\":\"x\",\"queries\":[{\"id\":\"q\",\"file\":\"../../x.sql\"}]}");
    c.queries = data("{\"q\":\"select 1\"}");
    assert_int_equal(save(c, NULL, &out), WEIR_EINVAL);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "git status --short"), "");
}

static void two_people_on_different_tiles_are_merged(void **state)
{
    (void)state;
    struct weir_saved first, second;
    char base[WEIR_VERSION_SIZE];
    subscriptions();
    struct weir_content ada = opened(base), bob = opened(base);
    set(tile(ada, "t1"), "h", data("9"));
    set(tile(bob, "t2"), "markdown", data("\"bye\""));
    ASSERT_OK(save(ada, base, &first), err);
    assert_false(first.merged);
    ASSERT_OK(save(bob, base, &second), err);
    assert_true(second.merged);
    struct weir_content both = opened(base);
    assert_string_equal(print(weir_data_get(tile(both, "t1"), "h")), "9");
    assert_string_equal(print(weir_data_get(tile(both, "t2"), "markdown")), "\"bye\"");
    assert_string_equal(second.version, base);
    assert_non_null(strstr(shell(dir, "cat reports/subs/report.yml"),
                           "title: Subscriptions # as the board says it\n"));
    weir_saved_free(&first);
    weir_saved_free(&second);
}

static void the_same_place_is_a_conflict_with_all_three_sides(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    subscriptions();
    struct weir_content ada = opened(base), bob = opened(base);
    set(tile(ada, "t1"), "h", data("9"));
    set(tile(bob, "t1"), "h", data("10"));
    set((struct weir_data *)(uintptr_t)bob.queries, "subs", data("\"select 3\""));
    ASSERT_OK(save(ada, base, &out), err);
    weir_saved_free(&out);
    assert_int_equal(save(bob, base, &out), WEIR_EEXIST);
    assert_true(out.conflict);
    assert_string_equal(print(out.paths), "[\"tiles/t1/h\"]");
    assert_string_equal(print(weir_data_get(tile(out.base, "t1"), "h")), "8");
    assert_string_equal(print(weir_data_get(tile(out.mine, "t1"), "h")), "10");
    assert_string_equal(print(weir_data_get(tile(out.theirs, "t1"), "h")), "9");
    assert_string_equal(print(out.mine.queries), "{\"subs\":\"select 3\"}");
    weir_saved_free(&out);
    /* One drops the query that the other puts on a tile: each is fine alone. */
    ada = opened(base);
    bob = opened(base);
    set((struct weir_data *)(uintptr_t)ada.report, "queries", data("[]"));
    set((struct weir_data *)(uintptr_t)ada.report, "tiles", data("[]"));
    ada.queries = data("{}");
    set(tile(bob, "t2"), "query", data("\"subs\""));
    ASSERT_OK(save(ada, base, &out), err);
    weir_saved_free(&out);
    assert_int_equal(save(bob, base, &out), WEIR_EEXIST);
    assert_true(out.conflict);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "git status --short; ls reports/subs"), "report.yml");
}

static void an_edit_on_disk_is_merged_and_kept_as_the_owners(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    subscriptions();
    struct weir_content mine = opened(base);
    set(tile(mine, "t2"), "y", data("9"));
    /* A text editor, at the same time, in another place; never committed. */
    shell(dir,
          "sed -i 's/t1, kind: chart/t1, title: By hand, kind: chart/' reports/subs/report.yml "
          "&& echo 'select 7' > reports/subs/subs.sql");
    ASSERT_OK(save(mine, base, &out), err);
    assert_true(out.merged);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "git log --format=%an,%s"),
                        "Ada,Save Subscriptions\nweir owner,Keep edits made outside weir\n"
                        "Hand,By hand");
    assert_non_null(strstr(shell(dir, "git show HEAD~1"), "title: By hand"));
    assert_non_null(strstr(shell(dir, "cat reports/subs/*"), "select 7"));
    assert_non_null(strstr(shell(dir, "cat reports/subs/*"), "title: By hand"));
    assert_string_equal(shell(dir, "git status --short"), "");
    /* A broken edit on disk is not written over. */
    mine = opened(base);
    put("reports/subs/report.yml", "id: [");
    set(tile(mine, "t2"), "y", data("10"));
    assert_int_equal(save(mine, base, &out), WEIR_EEXIST);
    assert_false(out.conflict);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "cat reports/subs/report.yml"), "id: [");
}

static void line_ends_stay_as_they_were(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    put("reports/subs/report.yml", "id: k3v9x0q2ab\r\ntitle: T\r\nqueries:\r\n"
                                   "  - {id: q, file: q.sql}\r\n");
    put("reports/subs/q.sql", "select\r\n1\r\n");
    refreshed();
    struct weir_content mine = opened(base);
    assert_string_equal(print(mine.queries), "{\"q\":\"select\\n1\"}");
    set((struct weir_data *)(uintptr_t)mine.report, "title", data("\"U\""));
    set((struct weir_data *)(uintptr_t)mine.queries, "q", data("\"select\\n2\""));
    ASSERT_OK(save(mine, base, &out), err);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "grep -c '\r$' reports/subs/report.yml reports/subs/q.sql"),
                        "reports/subs/report.yml:4\nreports/subs/q.sql:2");
}

static void views_are_saved_merged_and_deleted(void **state)
{
    (void)state;
    struct weir_saved out;
    struct weir_save s = {.author = {"Ada", "ada@example.com"}};
    char base[WEIR_VERSION_SIZE];
    const enum weir_document_kind view = WEIR_DOCUMENT_VIEW;
    ASSERT_OK(weir_sql_save(lib, view, "mrr", WEIR_STR("select\n1 as a,\n2 as b,\n3 as c"),
                            WEIR_STR("What comes in.\nPer month."), &s, &out, &err),
              err);
    strcpy(base, out.version);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "cat views/mrr.sql"),
                        "-- What comes in.\n-- Per month.\nselect\n1 as a,\n2 as b,\n3 as c");
    assert_int_equal(
        weir_sql_save(lib, view, "mrr", WEIR_STR("select 2"), WEIR_STR(""), &s, &out, &err),
        WEIR_EEXIST);
    weir_saved_free(&out);
    assert_int_equal(
        weir_sql_save(lib, view, "../mrr", WEIR_STR("select 2"), WEIR_STR(""), &s, &out, &err),
        WEIR_EINVAL);
    weir_saved_free(&out);
    shell(dir, "sed -i s/1/10/ views/mrr.sql");
    s.base = base;
    ASSERT_OK(weir_sql_save(lib, view, "mrr", WEIR_STR("select\n1 as a,\n2 as b,\n30 as c"),
                            WEIR_STR("What comes in.\nPer month."), &s, &out, &err),
              err);
    assert_true(out.merged);
    weir_saved_free(&out);
    assert_non_null(strstr(shell(dir, "cat views/mrr.sql"), "10 as a,\n2 as b,\n30 as c"));
    assert_int_equal(
        weir_sql_save(lib, view, "mrr", WEIR_STR("select 99"), WEIR_STR(""), &s, &out, &err),
        WEIR_EEXIST);
    assert_true(out.conflict);
    assert_non_null(strstr(out.theirs_text.ptr, "30 as c"));
    weir_saved_free(&out);
    assert_int_equal(weir_document_delete(lib, view, "mrr", &s, &err), WEIR_EEXIST);
    s.base = NULL;
    ASSERT_OK(weir_document_delete(lib, view, "mrr", &s, &err), err);
    assert_null(find(view, "mrr"));
    assert_string_equal(shell(dir, "git status --short; git log -1 --format=%s; ls views"),
                        "Delete mrr");
}

static void old_versions_can_be_had(void **state)
{
    (void)state;
    struct weir_saved out;
    struct weir_report report;
    char base[WEIR_VERSION_SIZE], head[WEIR_VERSION_SIZE];
    subscriptions();
    snprintf(head, sizeof head, "%s", shell(dir, "git rev-parse HEAD"));
    struct weir_content mine = opened(base);
    set((struct weir_data *)(uintptr_t)mine.queries, "subs", data("\"select 2\""));
    ASSERT_OK(save(mine, base, &out), err);
    weir_saved_free(&out);
    ASSERT_OK(weir_report_at(lib, "k3v9x0q2ab", head, &arena, &report, &err), err);
    assert_string_equal(print(report.queries), "{\"subs\":\"select 1\"}");
    ASSERT_OK(weir_report_at(lib, "k3v9x0q2ab", base, &arena, &report, &err), err);
    assert_string_equal(print(report.queries), "{\"subs\":\"select 1\"}");
    assert_int_equal(weir_report_at(lib, "k3v9x0q2ab", "HEAD", &arena, &report, &err), WEIR_ENOENT);
}

/* --- two people at random -------------------------------------------------------------------- */

static uint64_t dice;

static unsigned roll(unsigned sides)
{
    dice = weir_hash64(&dice, sizeof dice, 99);
    return (unsigned)(dice % sides);
}

/* A few edits, each remembered as the path it changed and what it put there ("" for gone). */
struct edits {
    char paths[8][64], values[8][64];
    size_t count;
};

static void remember(struct edits *e, const char *path, const char *value)
{
    snprintf(e->paths[e->count], 64, "%s", path);
    snprintf(e->values[e->count++], 64, "%s", value);
}

static void edit(struct weir_data *doc, struct edits *e, unsigned who)
{
    static const char *const keys[] = {"x", "y", "title", "chart"};
    struct weir_data *tiles = weir_data_get(doc, "tiles");
    for (unsigned n = 1 + roll(4); n; n--) {
        char path[64], value[64], json[64];
        unsigned what = roll(8);
        struct weir_data *t = tiles->first;
        for (unsigned k = roll((unsigned)tiles->count + 1); t && k; k--) {
            t = t->next;
        }
        if (what == 0) {
            snprintf(json, sizeof json, "{\"id\":\"n%u%u\",\"x\":%u}", who, roll(1000000), roll(9));
            struct weir_data *fresh = data(json);
            weir_data_add(tiles, fresh);
            snprintf(path, sizeof path, WEIR_STR_FMT, WEIR_STR_ARG(weir_data_identity(fresh)));
            remember(e, path, json);
        } else if (what == 1 && t) {
            struct weir_data *kept = weir_data_new(&arena, WEIR_DATA_LIST);
            for (struct weir_data *d = tiles->first; d; d = d->next) {
                if (d != t) {
                    weir_data_add(kept, weir_data_share(&arena, d));
                }
            }
            snprintf(path, sizeof path, WEIR_STR_FMT, WEIR_STR_ARG(weir_data_identity(t)));
            set(doc, "tiles", kept);
            tiles = weir_data_get(doc, "tiles");
            remember(e, path, "");
        } else if (t) {
            const char *key = keys[roll(4)];
            snprintf(value, sizeof value, "%u", roll(3) + 100 * (roll(3) ? who : 0));
            set(t, key, data(value));
            snprintf(path, sizeof path, WEIR_STR_FMT "/%s", WEIR_STR_ARG(weir_data_identity(t)),
                     key);
            remember(e, path, value);
        }
    }
}

/* What stands at "tile" or "tile/key", printed; "" for nothing. */
static const char *at(const struct weir_data *doc, const char *path)
{
    struct weir_str rest = weir_str_of(path);
    struct weir_str id = weir_str_cut(&rest, '/');
    for (const struct weir_data *d = weir_data_get(doc, "tiles")->first; d; d = d->next) {
        if (weir_str_eq(weir_data_identity(d), id)) {
            const struct weir_data *found = rest.ptr ? weir_data_get(d, rest.ptr) : d;
            return found ? print(found) : "";
        }
    }
    return "";
}

static bool reported(const struct weir_data *conflicts, const char *path)
{
    for (const struct weir_data *c = conflicts->first; c; c = c->next) {
        struct weir_str tail = {c->text.ptr + 6, c->text.len > 6 ? c->text.len - 6 : 0};
        if (weir_str_eq(tail, weir_str_of(path)) || c->text.len <= 6 ||
            (weir_str_starts(weir_str_of(path), tail))) {
            return true;
        }
    }
    return false;
}

static void no_edit_is_lost_without_a_reported_conflict(void **state)
{
    (void)state;
    unsigned clean = 0, conflicting = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct edits edits[2] = {0};
        struct weir_data *sides[3];
        dice = round + 1;
        weir_arena_reset(&arena);
        for (int i = 0; i < 3; i++) {
            sides[i] = data("{\"tiles\":[{\"id\":\"a\",\"x\":1},{\"id\":\"b\",\"x\":1,\"y\":2},"
                            "{\"id\":\"c\",\"chart\":0},{\"id\":\"d\"}]}");
        }
        edit(sides[1], &edits[0], 1);
        edit(sides[2], &edits[1], 2);
        struct weir_data *conflicts = weir_data_new(&arena, WEIR_DATA_LIST);
        const struct weir_data *merged;
        ASSERT_OK(
            weir_data_merge(&arena, sides[0], sides[1], sides[2], "", conflicts, &merged, &err),
            err);
        *(conflicts->first ? &conflicting : &clean) += 1;
        for (int who = 0; who < 2; who++) {
            for (size_t i = 0; i < edits[who].count; i++) {
                const char *path = edits[who].paths[i];
                const char *want = at(sides[1 + who], path); /* a later edit may have undone it */
                const char *before = at(sides[0], path);
                if (strcmp(want, before) != 0 && strcmp(at(merged, path), want) != 0 &&
                    !reported(conflicts, path) &&
                    /* a whole tile that the other changed inside, too */
                    !(strchr(path, '/') == NULL && *want && *at(merged, path))) {
                    fail_msg("round %u: %s of %d: %s became %s; base %s; conflicts %s", round, path,
                             who, want, at(merged, path), print(sides[0]), print(conflicts));
                }
            }
        }
    }
    assert_true(clean > 500);
    assert_true(conflicting > 100);
}

static void a_pulled_report_merges_by_ids_and_appears(void **state)
{
    (void)state;
    struct weir_saved out;
    char base[WEIR_VERSION_SIZE];
    bool changed;
    subscriptions();
    shell(dir, "git init -q --bare --initial-branch=main ../remote.git && "
               "git remote add origin \"$PWD/../remote.git\" && git push -q -u origin main && "
               "git clone -q ../remote.git ../other && cd ../other && "
               "sed -i 's/h: 8/h: 9/' reports/subs/report.yml && git commit -qam Theirs && "
               "git push -q");
    struct weir_content mine = opened(base);
    set(tile(mine, "t1"), "w", data("11"));
    ASSERT_OK(save(mine, base, &out), err);
    weir_saved_free(&out);
    ASSERT_OK(weir_git_pull(weir_library_git(lib), NULL, weir_document_merge_file, &changed, &err),
              err);
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");
    mine = opened(base);
    assert_string_equal(print(weir_data_get(tile(mine, "t1"), "w")), "11");
    assert_string_equal(print(weir_data_get(tile(mine, "t1"), "h")), "9");
    assert_non_null(
        strstr(shell(dir, "cat reports/subs/report.yml"), "# The board looks at this."));
}

static void slugs_are_usable(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Subscriptions", "subscriptions"},
        {"  MRR / churn (2026) ", "mrr-churn-2026"},
        {"\u00c9t\u00e9 \u00df \u00c6r\u00f8", "ete-ss-aero"},
        {"\u0141\u00f3d\u017a", "lodz"},
        {"\u65e5\u672c\u8a9e", "report"},
        {"../../etc/passwd", "etc-passwd"},
        {"", "report"},
        {"\u00d7\u00f7", "report"},
    };
    char slug[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_slug_make(weir_str_of(cases[i][0]), slug);
        assert_string_equal(slug, cases[i][1]);
    }
    char long_title[3000];
    memset(long_title, 'x', sizeof long_title - 1);
    long_title[sizeof long_title - 1] = '\0';
    weir_slug_make(weir_str_of(long_title), slug);
    assert_in_range(strlen(slug), 40, 60);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        T(files_appear_as_they_are),
        T(mistakes_are_told_with_their_lines),
        T(the_documented_example_is_right),
        T(hostile_files_are_refused_one_by_one),
        T(a_save_is_a_commit_that_changes_what_was_changed),
        T(nothing_changed_is_no_commit),
        T(a_new_report_gets_an_id_and_a_folder),
        T(two_people_on_different_tiles_are_merged),
        T(the_same_place_is_a_conflict_with_all_three_sides),
        T(an_edit_on_disk_is_merged_and_kept_as_the_owners),
        T(line_ends_stay_as_they_were),
        T(views_are_saved_merged_and_deleted),
        T(old_versions_can_be_had),
        T(no_edit_is_lost_without_a_reported_conflict),
        T(a_pulled_report_merges_by_ids_and_appears),
        T(slugs_are_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
