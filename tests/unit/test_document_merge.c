#include "document_fixture.h"

#include "base/hash.h"
#include "workspace/merge.h"

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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, unmake)
    const struct CMUnitTest tests[] = {
        T(two_people_on_different_tiles_are_merged),
        T(the_same_place_is_a_conflict_with_all_three_sides),
        T(an_edit_on_disk_is_merged_and_kept_as_the_owners),
        T(no_edit_is_lost_without_a_reported_conflict),
        T(a_pulled_report_merges_by_ids_and_appears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
