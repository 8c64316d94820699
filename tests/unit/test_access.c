#include "test.h"

#include "access/access.h"

#define S(text) WEIR_STR(text)

static bool matches(const char *pattern, const char *name)
{
    return weir_access_matches(weir_str_of(pattern), weir_str_of(name));
}

static void patterns_match_names(void **state)
{
    (void)state;
    assert_true(matches("web", "web"));
    assert_true(matches("Web", "wEB"));
    assert_true(matches("*", "anything"));
    assert_true(matches("*", ""));
    assert_true(matches("stripe_*", "stripe_charges"));
    assert_true(matches("stripe_*", "stripe_"));
    assert_true(matches("*_at", "created_at"));
    assert_true(matches("a*b*c", "axxbyybzzc"));
    assert_false(matches("stripe_*", "stripe"));
    assert_false(matches("web", "web2"));
    assert_false(matches("web2", "web"));
    assert_false(matches("a*b*c", "axxbyybzz"));
    assert_false(matches("", "x"));
    assert_true(matches("", ""));
}

static void a_pattern_never_means_the_schema_of_usage(void **state)
{
    (void)state;
    const char *const patterns[] = {"*", "u*", "*usage*", "usage*", "U*E"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const struct weir_grant grant = {
            .group = {"g", 1}, .schema = weir_str_of(patterns[i]), .table = {"*", 1}};
        const struct weir_access access = {.grants = &grant, .grant_count = 1};
        assert_false(weir_access_sees(&access, S("usage"), S("days")));
        assert_false(weir_access_sees(&access, S("Usage"), S("days")));
    }
    const struct weir_grant by_name = {
        .group = {"g", 1}, .schema = {"Usage", 5}, .table = {"*", 1}};
    const struct weir_access access = {.grants = &by_name, .grant_count = 1};
    assert_true(weir_access_sees(&access, S("usage"), S("days")));
}

static void a_table_on_its_way_is_nobodys(void **state)
{
    (void)state;
    const struct weir_grant grant = {.group = {"g", 1}, .schema = {"crm", 3}, .table = {"*", 1}};
    const struct weir_access access = {.grants = &grant, .grant_count = 1};
    assert_true(weir_access_sees(&access, S("crm"), S("people")));
    assert_true(weir_access_sees(&access, S("crm"), S("weirdos")));
    const char *const names[] = {"weir stages people", "Weir Stages people",
                                 "weir stages rejects of people", "weir replay of users"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(weir_access_sees(&access, S("crm"), weir_str_of(names[i])));
        assert_false(weir_access_all_rows(&access, S("crm"), weir_str_of(names[i])));
        assert_int_equal(weir_access_column(&access, S("crm"), weir_str_of(names[i]), S("email")),
                         WEIR_COLUMN_HIDDEN);
    }
}

static void tables_with_values_of_all_are_shown_to_who_sees_all_of_each(void **state)
{
    (void)state;
    static const char *const mixed[] = {"discards",     "loads",         "Source_Discards",
                                        "source_state", "verifications", "upload_rejects",
                                        "uploads"};
    static const struct weir_str email[] = {{"email", 5}};
    struct weir_grant both[] = {
        {.group = {"g", 1}, .schema = {"*", 1}, .table = {"*", 1}},
        {.group = {"g", 1}, .schema = {"crm", 3}, .table = {"people", 6}},
    };
    const struct weir_access access = {.grants = both, .grant_count = 2};
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        struct weir_str table = weir_str_of(mixed[i]);
        both[0].schema = (struct weir_str){"*", 1};
        both[1] =
            (struct weir_grant){.group = {"g", 1}, .schema = {"crm", 3}, .table = {"people", 6}};
        assert_true(weir_access_sees(&access, S("weir"), table));
        both[1].hidden = email;
        both[1].hidden_count = 1;
        assert_false(weir_access_sees(&access, S("weir"), table));
        assert_true(weir_access_sees(&access, S("crm"), table));
        both[1] = (struct weir_grant){
            .group = {"g", 1}, .schema = {"crm", 3}, .table = {"people", 6}, .rows = {"id = 1", 6}};
        assert_false(weir_access_sees(&access, S("Weir"), table));
        both[0].schema = (struct weir_str){"weir", 4};
        assert_true(weir_access_sees(&access, S("weir"), table));
    }
    assert_true(weir_access_sees(&access, S("weir"), S("names")));
}

static void what_is_made_of_a_column_or_a_table_is_as_closed_as_that(void **state)
{
    (void)state;
    static const struct weir_str buyer[] = {{"buyer", 5}};
    struct weir_grant both[] = {
        {.group = {"g", 1}, .schema = {"*", 1}, .table = {"*", 1}},
        {.group = {"g", 1}, .schema = {"crm", 3}, .table = {"deals", 5}, .rows = {"id = 1", 6}},
        {.group = {"g", 1}, .schema = {"*", 1}, .table = {"*", 1}},
    };
    struct weir_access access = {.grants = both, .grant_count = 2};
    static const char *const lists[] = {"deals__items", "Deals__items__taxes", "deals__a__b__c"};
    static const char *const others[] = {"deals_items", "deal__items", "deals__", "__deals",
                                         "x__y"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        assert_false(weir_access_sees(&access, S("crm"), weir_str_of(lists[i])));
        assert_false(weir_access_all_rows(&access, S("crm"), weir_str_of(lists[i])));
        assert_true(weir_access_sees(&access, S("erp"), weir_str_of(lists[i])));
        both[0].table = S("deals__*"); /* that is said of them */
        assert_true(weir_access_sees(&access, S("crm"), weir_str_of(lists[i])));
        both[0].table = S("deals*");
        assert_false(weir_access_sees(&access, S("crm"), weir_str_of(lists[i])));
        both[0].table = S("*");
        both[2].group = S("other"); /* groups add up */
        access.grant_count = 3;
        assert_true(weir_access_sees(&access, S("crm"), weir_str_of(lists[i])));
        access.grant_count = 2;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_true(weir_access_sees(&access, S("crm"), weir_str_of(others[i])));
    }
    both[1].rows = S("");
    assert_true(weir_access_sees(&access, S("crm"), S("deals__items")));
    both[1].masked = buyer;
    both[1].masked_count = 1;
    assert_false(weir_access_sees(&access, S("crm"), S("deals__items")));
    static const char *const members[] = {"buyer", "buyer__email", "Buyer__address__city"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        assert_int_equal(weir_access_column(&access, S("crm"), S("deals"), weir_str_of(members[i])),
                         WEIR_COLUMN_MASKED);
    }
    assert_int_equal(weir_access_column(&access, S("crm"), S("deals"), S("buyer_id")),
                     WEIR_COLUMN_SHOWN);
    static const char *const own[] = {"deals__buyer", "Deals__Buyer__cards", "deals__x__buyer"};
    struct weir_grant one = {.group = {"g", 1},
                             .schema = {"crm", 3},
                             .table = {"*", 1},
                             .hidden = buyer,
                             .hidden_count = 1};
    const struct weir_access alone = {.grants = &one, .grant_count = 1};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) { /* of its one line, too */
        one.table = S("*");
        assert_false(weir_access_sees(&alone, S("crm"), weir_str_of(own[i])));
        one.table = S("deals__*");
        assert_int_equal(weir_access_sees(&alone, S("crm"), weir_str_of(own[i])), i < 2);
    }
    one.table = S("*");
    struct weir_grant whole[] = {one, {.group = S("g"), .schema = S("crm"), .table = S("deals")}};
    const struct weir_access shown = {.grants = whole, .grant_count = 2};
    assert_true(weir_access_sees(&shown, S("crm"), S("deals__buyer"))); /* as its column is */
    assert_false(weir_access_sees(&shown, S("crm"), S("leads__buyer")));
    assert_true(weir_access_sees(&alone, S("crm"), S("deals__buyers")));
    assert_true(weir_access_sees(&alone, S("crm"), S("buyer")));
    assert_true(weir_access_sees(&alone, S("crm"), S("buyer__deals")));
    both[1].schema = S("*"); /* where a pattern narrows, it is the one that stands before another */
    both[1].table = S("deals");
    assert_false(weir_access_sees(&access, S("crm"), S("deals__items")));
}

static void a_hostile_pattern_costs_little(void **state)
{
    (void)state;
    char pattern[2001], name[4001];
    for (size_t i = 0; i < 2000; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    pattern[2000] = 0;
    memset(name, 'a', 4000);
    name[3999] = 'b';
    name[4000] = 0;
    assert_false(matches(pattern, name));
}

static const struct weir_str email_column[] = {{"email", 5}};
static const struct weir_str name_columns[] = {{"name", 4}, {"phone*", 6}};

static const struct weir_grant grants[] = {
    {.group = {"everyone", 8}, .schema = {"web", 3}, .table = {"*", 1}},
    {.group = {"everyone", 8},
     .schema = {"web", 3},
     .table = {"users", 5},
     .hidden = email_column,
     .hidden_count = 1,
     .masked = name_columns,
     .masked_count = 2},
    {.group = {"rugby", 5},
     .schema = {"web", 3},
     .table = {"users", 5},
     .rows = {"sport in (user.sports)", 22},
     .masked = email_column,
     .masked_count = 1},
};

static const struct weir_access two_groups = {.grants = grants, .grant_count = 3};

static void a_table_is_seen_when_a_group_grants_it(void **state)
{
    (void)state;
    assert_true(weir_access_sees(&two_groups, S("web"), S("pages")));
    assert_true(weir_access_sees(&two_groups, S("WEB"), S("Users")));
    assert_false(weir_access_sees(&two_groups, S("billing"), S("users")));
    struct weir_access nobody = {0};
    assert_false(weir_access_sees(&nobody, S("web"), S("pages")));
    struct weir_access admin = {.unrestricted = true};
    assert_true(weir_access_sees(&admin, S("weir"), S("load_state")));
}

static void the_narrower_line_of_a_group_replaces_the_wider(void **state)
{
    (void)state;
    const struct weir_grant *out[3];
    assert_int_equal(weir_access_applying(&two_groups, S("web"), S("users"), out, 3), 2);
    assert_ptr_equal(out[0], &grants[1]);
    assert_ptr_equal(out[1], &grants[2]);
    assert_int_equal(weir_access_applying(&two_groups, S("web"), S("pages"), out, 3), 1);
    assert_ptr_equal(out[0], &grants[0]);
    /* It says how many there are, whatever the room. */
    assert_int_equal(weir_access_applying(&two_groups, S("web"), S("users"), NULL, 0), 2);
}

static void a_column_is_what_the_most_generous_group_makes_it(void **state)
{
    (void)state;
    struct weir_access one = {.grants = grants, .grant_count = 2};
    assert_int_equal(weir_grant_column(&grants[1], S("EMAIL")), WEIR_COLUMN_HIDDEN);
    assert_int_equal(weir_access_column(&one, S("web"), S("users"), S("email")),
                     WEIR_COLUMN_HIDDEN);
    assert_int_equal(weir_access_column(&one, S("web"), S("users"), S("phone_home")),
                     WEIR_COLUMN_MASKED);
    assert_int_equal(weir_access_column(&one, S("web"), S("users"), S("id")), WEIR_COLUMN_SHOWN);
    assert_int_equal(weir_access_column(&two_groups, S("web"), S("users"), S("email")),
                     WEIR_COLUMN_MASKED);
    assert_int_equal(weir_access_column(&two_groups, S("web"), S("users"), S("name")),
                     WEIR_COLUMN_SHOWN);
    assert_int_equal(weir_access_column(&one, S("billing"), S("users"), S("id")),
                     WEIR_COLUMN_HIDDEN);
}

static struct weir_hash128 fingerprint(struct weir_access access)
{
    struct weir_error err;
    assert_int_equal(weir_access_seal(&access, &err), 0);
    return access.fingerprint;
}

static bool same(struct weir_hash128 a, struct weir_hash128 b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static struct weir_hash128 rules(struct weir_access access)
{
    struct weir_error err;
    assert_int_equal(weir_access_seal(&access, &err), 0);
    return access.rules;
}

static void the_fingerprint_tells_people_apart(void **state)
{
    (void)state;
    struct weir_str sports[] = {S("rugby"), S("golf")}, glued[] = {S("rugbygolf")};
    struct weir_attribute lists[] = {
        {.name = S("sports"), .kind = WEIR_ATTRIBUTE_LIST, .items = sports, .item_count = 2},
        {.name = S("sports"), .kind = WEIR_ATTRIBUTE_LIST, .items = glued, .item_count = 1}};
    struct weir_access a = two_groups, b = two_groups;
    a.attributes = &lists[0];
    b.attributes = &lists[1];
    a.attribute_count = b.attribute_count = 1;
    assert_true(same(fingerprint(a), fingerprint(a)));
    assert_false(same(fingerprint(a), fingerprint(b)));
    b.attribute_count = 0;
    assert_false(same(fingerprint(a), fingerprint(b)));
    b = a;
    b.grant_count = 2;
    assert_false(same(fingerprint(a), fingerprint(b)));
    b = a;
    b.unrestricted = true;
    assert_false(same(fingerprint(a), fingerprint(b)));
}

static void a_copy_shares_nothing(void **state)
{
    (void)state;
    struct weir_arena arena;
    struct weir_str sports[] = {S("rugby"), S("golf")};
    struct weir_attribute attributes[] = {
        {.name = S("sports"), .kind = WEIR_ATTRIBUTE_LIST, .items = sports, .item_count = 2}};
    struct weir_access access = two_groups;
    access.email = S("ada@example.com");
    access.attributes = attributes;
    access.attribute_count = 1;
    weir_arena_init(&arena, 1 << 20);
    struct weir_access *copy = weir_access_copy(&access, &arena);
    assert_non_null(copy);
    assert_ptr_not_equal(copy->grants, access.grants);
    assert_ptr_not_equal(copy->grants[1].hidden, access.grants[1].hidden);
    assert_true(weir_str_eq(copy->email, access.email));
    assert_true(weir_str_eq(weir_access_attribute(copy, S("sports"))->items[1], S("golf")));
    assert_null(weir_access_attribute(copy, S("sport")));
    assert_true(same(fingerprint(*copy), fingerprint(access)));
    struct weir_arena small;
    weir_arena_init(&small, 64);
    assert_null(weir_access_copy(&access, &small));
    weir_arena_free(&small);
    weir_arena_free(&arena);
}

/* Ada and Bob may share what they saw when nothing that a condition reads tells them apart. */
static void people_with_the_same_rules_are_known_by_them(void **state)
{
    (void)state;
    const struct weir_grant grant = {
        .group = S("g"), .schema = S("web"), .table = S("*"), .rows = S("sport = user.\"Sports\"")};
    const struct weir_grant plain = {.group = S("g"), .schema = S("web"), .table = S("*")};
    const struct weir_attribute ada[] = {{.name = S("email"), .text = S("ada@example.com")},
                                         {.name = S("sports"), .text = S("rugby")}};
    const struct weir_attribute bob[] = {{.name = S("email"), .text = S("bob@example.com")},
                                         {.name = S("sports"), .text = S("rugby")}};
    const struct weir_attribute eve[] = {{.name = S("email"), .text = S("eve@example.com")},
                                         {.name = S("sports"), .text = S("rowing")}};
    struct weir_access a = {
        .attributes = ada, .attribute_count = 2, .grants = &grant, .grant_count = 1};
    struct weir_access b = a, e = a;
    b.attributes = bob;
    e.attributes = eve;
    assert_true(same(rules(a), rules(b)));
    assert_false(same(rules(a), rules(e)));
    b.attribute_count = 1; /* she has no sports at all */
    assert_false(same(rules(a), rules(b)));
    a.grants = e.grants = &plain;
    assert_true(same(rules(a), rules(e)));
    assert_false(same(rules(a), rules(b)));
    a.unrestricted = true;
    assert_false(same(rules(a), rules(e)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_names),
        cmocka_unit_test(a_pattern_never_means_the_schema_of_usage),
        cmocka_unit_test(a_table_on_its_way_is_nobodys),
        cmocka_unit_test(tables_with_values_of_all_are_shown_to_who_sees_all_of_each),
        cmocka_unit_test(what_is_made_of_a_column_or_a_table_is_as_closed_as_that),
        cmocka_unit_test(a_hostile_pattern_costs_little),
        cmocka_unit_test(a_table_is_seen_when_a_group_grants_it),
        cmocka_unit_test(the_narrower_line_of_a_group_replaces_the_wider),
        cmocka_unit_test(a_column_is_what_the_most_generous_group_makes_it),
        cmocka_unit_test(the_fingerprint_tells_people_apart),
        cmocka_unit_test(people_with_the_same_rules_are_known_by_them),
        cmocka_unit_test(a_copy_shares_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
