/* Sharing, opening and archiving reports. */
#include "state_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/archive.h"
#include "state/group.h"
#include "state/publication.h"
#include "state/share.h"

#define NOW   ((weir_time)2000000000 * WEIR_SECOND)
#define AFTER (120 * WEIR_DAY)

static void make_group(struct store *s, const char *id, const char *member)
{
    struct weir_str members[] = {weir_str_of(member)};
    struct weir_group g = {
        .id = weir_str_of(id), .name = weir_str_of(id), .members = members, .member_count = 1};
    ASSERT_OK(weir_group_put(s->state, &g, &s->err), s->err);
}

static size_t shared_with(struct store *s, const char *person)
{
    struct weir_str *reports;
    size_t count;
    ASSERT_OK(weir_share_of(s->state, weir_str_of(person), &s->arena, &reports, &count, &s->err),
              s->err);
    return count;
}

static void share(struct store *s, const char *report, const char *person, const char *group,
                  bool company)
{
    struct weir_str people[] = {weir_str_of(person)}, groups[] = {weir_str_of(group)};
    struct weir_share to = {.people = people,
                            .person_count = person != NULL,
                            .groups = groups,
                            .group_count = group != NULL,
                            .company = company};
    ASSERT_OK(weir_share_put(s->state, weir_str_of(report), &to, &s->err), s->err);
}

/* --- sharing -------------------------------------------------------------------------------- */

static void a_share_reaches_people_groups_and_everybody(void **state)
{
    struct store *s = *state;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_VIEWER);
    make_group(s, "rugby", "bob");
    share(s, "r1", "ada", NULL, false);
    assert_int_equal(shared_with(s, "ada"), 1);
    assert_int_equal(shared_with(s, "bob"), 0);
    share(s, "r1", NULL, "rugby", false); /* in place of what it was */
    assert_int_equal(shared_with(s, "ada"), 0);
    assert_int_equal(shared_with(s, "bob"), 1);
    share(s, "r2", "bob", "rugby", true);
    assert_int_equal(shared_with(s, "ada"), 1);
    assert_int_equal(shared_with(s, "bob"), 2); /* once, though she is meant three times */
    struct weir_share read;
    ASSERT_OK(weir_share_get(s->state, S("r2"), &s->arena, &read, &s->err), s->err);
    assert_true(read.company && read.person_count == 1 && read.group_count == 1);
    assert_true(weir_str_is(read.groups[0], "rugby"));
    share(s, "r2", NULL, "everyone", false); /* the same as company */
    ASSERT_OK(weir_share_get(s->state, S("r2"), &s->arena, &read, &s->err), s->err);
    assert_true(read.company && read.group_count == 0);
    share(s, "r2", NULL, NULL, false);
    assert_int_equal(shared_with(s, "ada"), 0);
}

static void a_share_with_nobody_changes_nothing(void **state)
{
    struct store *s = *state;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    share(s, "r1", "ada", NULL, false);
    struct weir_str people[] = {S("ada"), S("nobody")};
    struct weir_share to = {.people = people, .person_count = 2};
    assert_int_equal(weir_share_put(s->state, S("r1"), &to, &s->err), WEIR_EINVAL);
    assert_non_null(strstr(s->err.message, "no person \"nobody\""));
    to = (struct weir_share){.groups = people, .group_count = 1, .company = true};
    assert_int_equal(weir_share_put(s->state, S("r1"), &to, &s->err), WEIR_EINVAL);
    assert_int_equal(shared_with(s, "ada"), 1);
    to = (struct weir_share){.people = people, .person_count = WEIR_MAX_SHARES + 1};
    assert_int_equal(weir_share_put(s->state, S("r1"), &to, &s->err), WEIR_ETOOBIG);
    people[1] = S("ada"); /* named twice is once */
    to = (struct weir_share){.people = people, .person_count = 2};
    ASSERT_OK(weir_share_put(s->state, S("r1"), &to, &s->err), s->err);
    assert_int_equal(shared_with(s, "ada"), 1);
}

static void who_and_what_goes_takes_its_shares_along(void **state)
{
    struct store *s = *state;
    struct weir_share read;
    store_person(s, "root", "root@example.com", WEIR_ROLE_ADMIN);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    make_group(s, "rugby", "ada");
    share(s, "r1", "ada", "rugby", false);
    share(s, "r2", "ada", "rugby", false);
    ASSERT_OK(weir_report_use_open(s->state, S("r1"), S("ada"), NOW, &s->err), s->err);
    ASSERT_OK(weir_report_use_forget(s->state, S("r1"), &s->err), s->err);
    assert_int_equal(shared_with(s, "ada"), 1);
    ASSERT_OK(weir_group_remove(s->state, S("rugby"), &s->err), s->err);
    ASSERT_OK(weir_share_get(s->state, S("r2"), &s->arena, &read, &s->err), s->err);
    assert_true(read.group_count == 0 && read.person_count == 1);
    ASSERT_OK(weir_report_use_open(s->state, S("r2"), S("ada"), NOW, &s->err), s->err);
    ASSERT_OK(weir_person_remove(s->state, S("ada"), &s->err), s->err);
    ASSERT_OK(weir_share_get(s->state, S("r2"), &s->arena, &read, &s->err), s->err);
    assert_int_equal(read.person_count, 0);
    struct weir_report_use *use;
    size_t count;
    ASSERT_OK(weir_report_use_of(s->state, S("ada"), &s->arena, &use, &count, &s->err), s->err);
    assert_int_equal(count, 0);
}

/* --- opening -------------------------------------------------------------------------------- */

static void the_last_time_is_kept_of_each_person(void **state)
{
    struct store *s = *state;
    struct weir_report_use *use;
    struct weir_str ids[] = {S("r1"), S("r2")};
    size_t count;
    ASSERT_OK(weir_report_use_open(s->state, S("r1"), S("owner"), NOW, &s->err), s->err);
    ASSERT_OK(weir_report_use_open(s->state, S("r1"), S("owner"), NOW + WEIR_SECOND, &s->err),
              s->err); /* too soon to be noted */
    ASSERT_OK(weir_report_use_of(s->state, S("owner"), &s->arena, &use, &count, &s->err), s->err);
    assert_true(count == 1 && use[0].opened_at == NOW);
    ASSERT_OK(weir_report_use_open(s->state, S("r1"), S("owner"), NOW + WEIR_DAY, &s->err), s->err);
    ASSERT_OK(weir_report_use_of(s->state, S("owner"), &s->arena, &use, &count, &s->err), s->err);
    assert_true(count == 1 && use[0].opened_at == NOW + WEIR_DAY);
    ASSERT_OK(weir_report_use_sync(s->state, ids, 2, NOW + 9, &s->arena, &use, &s->err), s->err);
    assert_true(use[0].opened_at == NOW + WEIR_DAY && use[0].seen_at == NOW);
    assert_true(use[1].opened_at == 0 && use[1].seen_at == NOW + 9);
}

/* Another branch is checked out, or a file has mistakes: that is no deletion. */
static void what_is_missing_for_a_while_is_kept(void **state)
{
    struct store *s = *state;
    struct weir_report_use *use;
    struct weir_str ids[] = {S("r1")};
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    share(s, "r1", "ada", NULL, false);
    ASSERT_OK(weir_report_use_sync(s->state, ids, 0, NOW, &s->arena, &use, &s->err), s->err);
    weir_time later = NOW + WEIR_REPORT_FORGET - 1;
    ASSERT_OK(weir_report_use_sync(s->state, ids, 0, later, &s->arena, &use, &s->err), s->err);
    assert_int_equal(shared_with(s, "ada"), 1);
    ASSERT_OK(weir_report_use_sync(s->state, ids, 1, later, &s->arena, &use, &s->err), s->err);
    later += WEIR_REPORT_FORGET;
    ASSERT_OK(weir_report_use_sync(s->state, ids, 0, later, &s->arena, &use, &s->err), s->err);
    assert_int_equal(shared_with(s, "ada"), 1); /* it was there again meanwhile */
    later += WEIR_REPORT_FORGET;
    ASSERT_OK(weir_report_use_sync(s->state, ids, 0, later, &s->arena, &use, &s->err), s->err);
    assert_int_equal(shared_with(s, "ada"), 0);
}

/* --- archiving ------------------------------------------------------------------------------ */

static void the_newest_of_change_opening_and_first_sight_counts(void **state)
{
    (void)state;
    struct weir_document d = {.kind = WEIR_DOCUMENT_REPORT, .usable = true};
    struct weir_report_use use = {0};
    assert_true(weir_archive_due(&d, &use, AFTER, AFTER));
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER - 1));
    d.modified_at = 5;
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 4));
    assert_true(weir_archive_due(&d, &use, AFTER, AFTER + 5));
    use.opened_at = 7;
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 6));
    use.seen_at = 9; /* a folder copied with its old times */
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 8));
    assert_true(weir_archive_due(&d, &use, AFTER, AFTER + 9));
    d.report.archived = true;
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 9));
    d.report.archived = false;
    d.error = "a mistake";
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 9));
    d.error = NULL;
    use.published = true;
    assert_false(weir_archive_due(&d, &use, AFTER, AFTER + 9));
}

/* --- publishing ----------------------------------------------------------------------------- */

static void publish(struct store *s, const char *report, bool scheduled, const char *version,
                    const char *person, const char *group)
{
    struct weir_str people[] = {weir_str_of(person)};
    struct weir_published_group groups[] = {
        {.id = weir_str_of(group), .defaults = S("{}"), .forced = S("{\"sport\":[\"rugby\"]}")}};
    struct weir_publication p = {.version = weir_str_of(version),
                                 .at = NOW,
                                 .by = S("ed@example.com"),
                                 .people = people,
                                 .person_count = person != NULL,
                                 .groups = groups,
                                 .group_count = group != NULL};
    ASSERT_OK(weir_publication_put(s->state, weir_str_of(report), scheduled, &p, &s->err), s->err);
}

/* The version that holds, and whether it is hers. */
static const char *version_for(struct store *s, const char *person, bool *hers)
{
    struct weir_published *list;
    size_t count;
    ASSERT_OK(weir_publication_of(s->state, weir_str_of(person), &s->arena, &list, &count, &s->err),
              s->err);
    *hers = count && list[0].hers;
    return count ? list[0].version.ptr : "";
}

static void a_scheduled_publication_takes_the_place_of_the_other(void **state)
{
    struct store *s = *state;
    bool hers;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_VIEWER);
    make_group(s, "rugby", "bob");
    publish(s, "r1", false, "v1", "ada", NULL);
    publish(s, "r1", true, "v2", NULL, "rugby");
    assert_string_equal(version_for(s, "ada", &hers), "v1");
    assert_true(hers);
    assert_string_equal(version_for(s, "bob", &hers), "v1");
    assert_false(hers);
    struct weir_published_group *groups;
    size_t count;
    ASSERT_OK(
        weir_publication_groups(s->state, S("r1"), S("bob"), &s->arena, &groups, &count, &s->err),
        s->err);
    assert_int_equal(count, 0); /* what is only scheduled forces nothing */
    ASSERT_OK(weir_publication_promote(s->state, S("r1"), NOW + 1, &s->err), s->err);
    assert_string_equal(version_for(s, "ada", &hers), "v2");
    assert_false(hers);
    assert_string_equal(version_for(s, "bob", &hers), "v2");
    assert_true(hers);
    ASSERT_OK(
        weir_publication_groups(s->state, S("r1"), S("bob"), &s->arena, &groups, &count, &s->err),
        s->err);
    assert_int_equal(count, 1);
    assert_true(weir_str_is(groups[0].forced, "{\"sport\":[\"rugby\"]}"));
    assert_int_equal(weir_publication_promote(s->state, S("r1"), NOW + 1, &s->err), WEIR_ENOENT);
    ASSERT_OK(weir_publication_remove(s->state, S("r1"), &s->err), s->err);
    assert_string_equal(version_for(s, "bob", &hers), "");
}

static void who_and_what_goes_takes_its_publications_along(void **state)
{
    struct store *s = *state;
    bool hers;
    struct weir_publication p;
    store_person(s, "root", "root@example.com", WEIR_ROLE_ADMIN);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    make_group(s, "rugby", "ada");
    publish(s, "r1", false, "v1", "ada", "rugby");
    ASSERT_OK(weir_person_remove(s->state, S("ada"), &s->err), s->err);
    ASSERT_OK(weir_group_remove(s->state, S("rugby"), &s->err), s->err);
    ASSERT_OK(weir_publication_get(s->state, S("r1"), false, &s->arena, &p, &s->err), s->err);
    assert_true(p.version.ptr && !p.person_count && !p.group_count && !p.company);
    struct weir_str people[] = {S("nobody")};
    struct weir_publication to = {
        .version = S("v2"), .by = S(""), .people = people, .person_count = 1};
    assert_int_equal(weir_publication_put(s->state, S("r1"), false, &to, &s->err), WEIR_EINVAL);
    assert_string_equal(version_for(s, "root", &hers), "v1");
    ASSERT_OK(weir_report_use_forget(s->state, S("r1"), &s->err), s->err);
    assert_string_equal(version_for(s, "root", &hers), "");
}

struct shelf {
    struct store *store;
    struct weir_library *library;
};

static const struct weir_document *read_report(struct shelf *f, struct weir_documents **all)
{
    ASSERT_OK(weir_library_refresh(f->library, &f->store->err), f->store->err);
    *all = weir_library_hold(f->library);
    const struct weir_document *d =
        weir_documents_find(*all, WEIR_DOCUMENT_REPORT, S("k3v9x0q2ab"));
    assert_non_null(d);
    return d;
}

static bool is_archived(struct shelf *f)
{
    struct weir_documents *all;
    bool archived = read_report(f, &all)->report.archived;
    weir_documents_release(all);
    return archived;
}

static void age(struct shelf *f, weir_time by)
{
    char path[600];
    time_t then = (time_t)((weir_now() - by) / WEIR_SECOND);
    struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
    snprintf(path, sizeof path, "%s/reports/old/report.yml", f->store->dir.path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static size_t sweep(struct shelf *f, weir_time after, weir_time now)
{
    size_t archived;
    ASSERT_OK(
        weir_archive_sweep(f->library, f->store->state, after, now, &archived, &f->store->err),
        f->store->err);
    return archived;
}

static void last_commit(const struct weir_git_change *change, void *arg)
{
    char *out = arg;
    snprintf(out, 400, "%s: %s", change->name, change->message);
}

static void bring_back(struct shelf *f)
{
    struct store *s = f->store;
    struct weir_documents *all;
    struct weir_saved saved;
    const struct weir_document *d = read_report(f, &all);
    struct weir_data *report = weir_data_copy(&s->arena, d->report.data);
    struct weir_save how = {.author = {"Ada", "ada@example.com"}, .base = d->version};
    weir_data_unset(report, "archived");
    ASSERT_OK(weir_report_save(f->library, d->key, (struct weir_content){report, d->report.queries},
                               &how, &saved, &s->err),
              s->err);
    weir_saved_free(&saved);
    weir_documents_release(all);
}

static void what_nobody_opens_is_archived_and_comes_back(void **state)
{
    struct store *s = *state;
    struct shelf f = {.store = s};
    char folder[600], path[700], message[400] = "";
    snprintf(folder, sizeof folder, "%s/reports", s->dir.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof folder, "%s/reports/old", s->dir.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/report.yml", folder);
    FILE *file = fopen(path, "w");
    fputs("# kept\nid: k3v9x0q2ab\ntitle: Old\nqueries: []\ntiles: []\n", file);
    fclose(file);
    ASSERT_OK(weir_library_new(s->dir.path, &f.library, &s->err), s->err);
    weir_time now = weir_now();
    age(&f, 200 * WEIR_DAY);
    assert_false(is_archived(&f));

    assert_int_equal(sweep(&f, AFTER, now - 150 * WEIR_DAY), 0); /* met here */
    ASSERT_OK(
        weir_report_use_open(s->state, S("k3v9x0q2ab"), S("ada"), now - 119 * WEIR_DAY, &s->err),
        s->err);
    assert_int_equal(sweep(&f, 0, now), 0);     /* never, say the settings */
    assert_int_equal(sweep(&f, AFTER, now), 0); /* somebody opened it */
    assert_false(is_archived(&f));
    assert_int_equal(sweep(&f, AFTER, now + WEIR_DAY), 1);
    assert_true(is_archived(&f));
    ASSERT_OK(weir_git_history(weir_library_git(f.library), "reports/old", NULL, 1, last_commit,
                               message, &s->err),
              s->err);
    assert_string_equal(message, "weir: Archive Old\n\nNobody opened or changed it for 120 days "
                                 "(workspace.archive_after in weir.yml).");
    assert_int_equal(sweep(&f, AFTER, now + 2 * WEIR_DAY), 0);

    bring_back(&f);
    assert_int_equal(sweep(&f, AFTER, now + 2 * WEIR_DAY), 0); /* not in the next minute */
    assert_false(is_archived(&f));
    assert_int_equal(sweep(&f, AFTER, now + 121 * WEIR_DAY), 1);
    weir_library_free(f.library);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_share_reaches_people_groups_and_everybody),
        TEST(a_share_with_nobody_changes_nothing),
        TEST(who_and_what_goes_takes_its_shares_along),
        TEST(the_last_time_is_kept_of_each_person),
        TEST(what_is_missing_for_a_while_is_kept),
        TEST(the_newest_of_change_opening_and_first_sight_counts),
        TEST(what_nobody_opens_is_archived_and_comes_back),
        TEST(a_scheduled_publication_takes_the_place_of_the_other),
        TEST(who_and_what_goes_takes_its_publications_along),
    };
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
