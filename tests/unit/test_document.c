#include "document_fixture.h"

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

static void a_dashboard_says_what_its_tiles_do(void **state)
{
    (void)state;
    static const char head[] = "id: k3v9x0q2ab\ntitle: y\nowner: ada@example.com\n"
                               "fiscal_year_start: 7\nparameters:\n";
    static const char queries[] = "queries:\n  - {id: subs, file: subs.sql}\n";
    char text[8000];
    subscriptions();
    snprintf(
        text, sizeof text,
        "%s  - {name: sport, type: multiselect, hidden: true, match: \"[column] ilike "
        "[value]\"}\n  - {name: price, type: number_range, min: 0, max: 99.5}\n"
        "  - {name: dates, type: daterange, compare: true}\n%s"
        "tabs: [{id: a, title: A}, {id: b, title: B}]\ntiles:\n"
        "  - {id: s, kind: section, tab: b, title: More, x: 0, y: 0, w: 24, h: 1, collapsed: "
        "true}\n  - {id: i, kind: image, image: logo-2.png, alt: Our logo, fit: cover, x: 0, y: "
        "1, w: 4, h: 4}\n"
        "  - {id: c1, kind: chart, query: subs, owner: bo@example.com, x: 0, y: 5, w: 4, h: 4, "
        "click: {filter: sport, column: sport}}\n"
        "  - {id: c2, kind: chart, query: subs, x: 0, y: 5, w: 4, h: 4, "
        "click: {drill: sport, levels: [a, b], filters: {x: sport}}}\n"
        "  - {id: c3, kind: chart, query: subs, x: 0, y: 5, w: 4, h: 4, "
        "click: {report: k3v9x0q2ac, values: {other: a}}}\n"
        "  - {id: c4, kind: chart, query: subs, x: 0, y: 5, w: 4, h: 4, "
        "click: {rows: subs, values: {sport: a}}}\n"
        "  - {id: c5, kind: chart, query: subs, x: 0, y: 5, w: 4, h: 4, click: none}\n",
        head, queries);
    put("reports/subs/report.yml", text);
    assert_string_equal(refreshed(), "report k3v9x0q2ab ok;");

    static const struct {
        const char *parameters, *tiles, *told;
    } bad[] = {
        {"", "{id: a, kind: section, x: 0, y: 0, w: 24, h: 1}", ":10: a section needs \"title\""},
        {"", "{id: a, kind: section, title: x, x: 0, y: 0, w: 12, h: 1}",
         ":10: a section is as wide"},
        {"", "{id: a, kind: image, image: ../a.png, alt: x, x: 0, y: 0, w: 2, h: 1}",
         ":10: an image tile needs \"image\""},
        {"", "{id: a, kind: image, image: .a.png, alt: x, x: 0, y: 0, w: 2, h: 1}",
         ":10: an image tile needs \"image\""},
        {"", "{id: a, kind: image, image: a.svg, alt: x, x: 0, y: 0, w: 2, h: 1}",
         ":10: an image tile needs \"image\""},
        {"", "{id: a, kind: image, image: a.png, x: 0, y: 0, w: 2, h: 1}",
         ":10: an image tile needs \"alt\""},
        {"", "{id: a, kind: table, query: subs, tab: z, x: 0, y: 0, w: 2, h: 1}",
         ":10: there is no tab \"z\""},
        {"", "{id: a, kind: table, query: subs, x: 0, y: 0, w: 2, h: 1, click: sometimes}",
         ":10: a click is {filter, column}"},
        {"", "{id: a, kind: table, query: subs, x: 0, y: 0, w: 2, h: 1, click: {filter: s}}",
         ":10: key \"column\" is missing"},
        {"",
         "{id: a, kind: table, query: subs, x: 0, y: 0, w: 2, h: 1, click: {filter: q, column: "
         "c}}",
         ":10: there is no parameter \"q\""},
        {"",
         "{id: a, kind: table, query: subs, x: 0, y: 0, w: 2, h: 1, click: {drill: s, levels: "
         "a}}",
         ":10: a drill needs \"levels\""},
        {"", "{id: a, kind: table, query: subs, x: 0, y: 0, w: 2, h: 1, click: {rows: sub}}",
         ":10: there is no query \"sub\"; did you mean \"subs\"?"},
        {", compare: true", "", ":6: \"compare\" is for parameters of type daterange"},
        {", min: 3", "", ":6: \"min\" and \"max\" are for numbers"},
        {", max: a lot", "", ":6: \"max\" is a number"},
        {", hidden: perhaps", "", ":6: \"hidden\" is true or false"},
        {", match: \"[column] = 1\"", "", ":6: `match` is an expression with [column] and [value]"},
        {", match: \"[column] = [value]; drop table x\"", "", ":6: `match` is an expression"},
        {", match: \"[column] = [value] -- x\"", "", ":6: `match` is an expression"},
        {", match: \"([column] = [value]\"", "", ":6: `match` is an expression"},
        {", match: \"[column] = [value] and {{ x }}\"", "", ":6: `match` is an expression"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "%s  - {name: s, type: select%s}\n%stiles:\n%s%s\n", head,
                 bad[i].parameters, queries, *bad[i].tiles ? "  - " : "", bad[i].tiles);
        put("reports/subs/report.yml", text);
        assert_string_equal(refreshed(), "report k3v9x0q2ab bad;");
        const struct weir_document *d = find(WEIR_DOCUMENT_REPORT, "k3v9x0q2ab");
        if (!strstr(d->error, bad[i].told)) {
            fail_msg("missing: %s\nin: %s", bad[i].told, d->error);
        }
    }
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
                            WEIR_STR("What comes in.\nPer month."), false, &s, &out, &err),
              err);
    strcpy(base, out.version);
    weir_saved_free(&out);
    assert_string_equal(shell(dir, "cat views/mrr.sql"),
                        "-- What comes in.\n-- Per month.\nselect\n1 as a,\n2 as b,\n3 as c");
    assert_int_equal(
        weir_sql_save(lib, view, "mrr", WEIR_STR("select 2"), WEIR_STR(""), false, &s, &out, &err),
        WEIR_EEXIST);
    weir_saved_free(&out);
    assert_int_equal(weir_sql_save(lib, view, "../mrr", WEIR_STR("select 2"), WEIR_STR(""), false,
                                   &s, &out, &err),
                     WEIR_EINVAL);
    weir_saved_free(&out);
    shell(dir, "sed -i s/1/10/ views/mrr.sql");
    s.base = base;
    ASSERT_OK(weir_sql_save(lib, view, "mrr", WEIR_STR("select\n1 as a,\n2 as b,\n30 as c"),
                            WEIR_STR("What comes in.\nPer month."), false, &s, &out, &err),
              err);
    assert_true(out.merged);
    weir_saved_free(&out);
    assert_non_null(strstr(shell(dir, "cat views/mrr.sql"), "10 as a,\n2 as b,\n30 as c"));
    assert_int_equal(
        weir_sql_save(lib, view, "mrr", WEIR_STR("select 99"), WEIR_STR(""), false, &s, &out, &err),
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
        T(a_dashboard_says_what_its_tiles_do),
        T(a_dashboard_says_what_its_tiles_do),
        T(the_documented_example_is_right),
        T(hostile_files_are_refused_one_by_one),
        T(a_save_is_a_commit_that_changes_what_was_changed),
        T(nothing_changed_is_no_commit),
        T(a_new_report_gets_an_id_and_a_folder),
        T(line_ends_stay_as_they_were),
        T(views_are_saved_merged_and_deleted),
        T(old_versions_can_be_had),
        T(slugs_are_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
