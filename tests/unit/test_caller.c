/* Who asks, and what the state store says that she may see. */
#include "state_fixture.h"

#include "serve/caller.h"
#include "serve/serve.h"
#include "state/audit.h"
#include "state/group.h"

static struct weir_caller caller_of(struct store *s, const char *id)
{
    struct weir_caller who = {.way = WEIR_WAY_SESSION, .scopes = WEIR_SCOPES_ALL};
    struct weir_person p;
    ASSERT_OK(weir_person_get(s->state, weir_str_of(id), &s->arena, &p, &s->err), s->err);
    weir_caller_person(&who, &p);
    return who;
}

static struct weir_access *access_of(struct store *s, const char *id)
{
    struct weir_caller who = caller_of(s, id);
    struct weir_access *access;
    ASSERT_OK(weir_caller_access(s->state, &who, &s->arena, &access, &s->err), s->err);
    return access;
}

static void admins_and_the_owner_see_everything(void **state)
{
    struct store *s = *state;
    struct weir_access *access;
    struct weir_caller owner = {0}, nobody = {.role = WEIR_ROLE_ADMIN};
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    assert_null(access_of(s, "ada"));
    weir_caller_owner(&owner, WEIR_WAY_SOCKET);
    ASSERT_OK(weir_caller_access(s->state, &owner, &s->arena, &access, &s->err), s->err);
    assert_null(access);
    /* Nobody is not somebody with all rights, whatever a field says. */
    assert_int_equal(weir_caller_access(s->state, &nobody, &s->arena, &access, &s->err),
                     WEIR_ENOENT);
}

static void groups_and_attributes_make_the_access(void **state)
{
    struct store *s = *state;
    struct weir_person p = store_person(s, "eve", "eve@example.com", WEIR_ROLE_VIEWER);
    struct weir_str hidden[] = {S("email")}, members[] = {S("eve")};
    struct weir_grant tables[] = {{.schema = S("web"),
                                   .table = S("users"),
                                   .rows = S("sport in (user.sports)"),
                                   .hidden = hidden,
                                   .hidden_count = 1}};
    struct weir_group rugby = {.id = S("g1"),
                               .name = S("rugby"),
                               .tables = tables,
                               .table_count = 1,
                               .members = members,
                               .member_count = 1};
    struct weir_group everyone = {.id = S("everyone"), .name = S("everyone")};
    p.attributes = S("{\"sports\":[\"rugby\",\"golf\"],\"store\":7,\"share\":0.5,\"boss\":true,"
                     "\"team\":\"it's\"}");
    ASSERT_OK(weir_person_save(s->state, &p, &s->err), s->err);
    ASSERT_OK(weir_group_put(s->state, &rugby, &s->err), s->err);
    struct weir_access *before = access_of(s, "eve");
    assert_true(weir_access_sees(before, S("billing"), S("charges"))); /* everyone: all */
    ASSERT_OK(weir_group_put(s->state, &everyone, &s->err), s->err);   /* tightened */
    struct weir_access *a = access_of(s, "eve");
    assert_false(weir_access_sees(a, S("billing"), S("charges")));
    assert_true(weir_access_sees(a, S("web"), S("users")));
    assert_int_equal(weir_access_column(a, S("web"), S("users"), S("email")), WEIR_COLUMN_HIDDEN);
    assert_memory_not_equal(&a->fingerprint, &before->fingerprint, sizeof a->fingerprint);
    assert_true(weir_str_is(a->email, "eve@example.com"));
    assert_true(weir_str_is(weir_access_attribute(a, S("email"))->text, "eve@example.com"));
    const struct weir_attribute *sports = weir_access_attribute(a, S("sports"));
    assert_int_equal(sports->kind, WEIR_ATTRIBUTE_LIST);
    assert_int_equal(sports->item_count, 2);
    assert_true(weir_str_is(sports->items[1], "golf"));
    assert_int_equal(weir_access_attribute(a, S("store"))->integer, 7);
    assert_true(weir_access_attribute(a, S("share"))->number == 0.5);
    assert_true(weir_access_attribute(a, S("boss"))->boolean);
    assert_true(weir_str_is(weir_access_attribute(a, S("team"))->text, "it's"));
    /* Another attribute is another cache key. */
    p.attributes = S("{\"sports\":[\"golf\"]}");
    ASSERT_OK(weir_person_save(s->state, &p, &s->err), s->err);
    assert_memory_not_equal(&a->fingerprint, &access_of(s, "eve")->fingerprint,
                            sizeof a->fingerprint);
}

static void attributes_that_do_not_read_give_no_access(void **state)
{
    struct store *s = *state;
    struct weir_person p = store_person(s, "eve", "eve@example.com", WEIR_ROLE_EDITOR);
    static const char *const bad[] = {
        "{",           "[]",          "{\"a b\":1}", "{\"email\":\"x\"}", "{\"a\":{\"b\":1}}",
        "{\"a\":[1]}", "{\"a\":null}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir_access *access;
        p.attributes = weir_str_of(bad[i]);
        ASSERT_OK(weir_person_save(s->state, &p, &s->err), s->err);
        struct weir_caller who = caller_of(s, "eve");
        assert_int_not_equal(weir_caller_access(s->state, &who, &s->arena, &access, &s->err), 0);
        assert_null(access);
    }
}

static void only_admins_see_as_others_and_it_is_noted(void **state)
{
    struct store *s = *state;
    struct weir_audit *entries;
    size_t count;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    store_person(s, "eve", "eve@example.com", WEIR_ROLE_EDITOR);
    store_person(s, "bob", "bob@example.com", WEIR_ROLE_VIEWER);
    struct weir_caller eve = caller_of(s, "eve"), ada = caller_of(s, "ada"), again = ada;
    assert_int_equal(weir_caller_see_as(&eve, s->state, S("bob@example.com"), &s->err), WEIR_EPERM);
    assert_string_equal(eve.id, "eve");
    assert_int_equal(weir_caller_see_as(&ada, s->state, S("nobody@example.com"), &s->err),
                     WEIR_ENOENT);
    ASSERT_OK(weir_caller_see_as(&ada, s->state, S("BOB@example.com"), &s->err), s->err);
    assert_string_equal(ada.id, "bob");
    assert_string_equal(ada.by_id, "ada");
    assert_int_equal(ada.role, WEIR_ROLE_VIEWER);
    /* Once is enough for the log; and no view out of a view. */
    ASSERT_OK(weir_caller_see_as(&again, s->state, S("bob@example.com"), &s->err), s->err);
    assert_int_equal(weir_caller_see_as(&again, s->state, S("eve@example.com"), &s->err),
                     WEIR_EPERM);
    struct weir_audit_filter filter = {.limit = 10, .action = S("see_as")};
    ASSERT_OK(weir_audit_list(s->state, &filter, &s->arena, &entries, &count, &s->err), s->err);
    assert_int_equal(count, 1);
    assert_true(weir_str_is(entries[0].person, "ada@example.com"));
    assert_true(weir_str_is(entries[0].object, "bob@example.com"));
}

static void the_csrf_value_belongs_to_the_session(void **state)
{
    (void)state;
    struct weir_caller one = {.session = "aaaa"}, two = {.session = "bbbb"}, none = {0};
    char a[WEIR_SECRET_SIZE], b[WEIR_SECRET_SIZE];
    weir_caller_csrf(&one, a);
    weir_caller_csrf(&two, b);
    assert_int_equal(strlen(a), 64);
    assert_string_not_equal(a, b);
    weir_caller_csrf(&none, a);
    assert_string_equal(a, "");
}

/* --- without a server ----------------------------------------------------------------------- */

static struct weir_buf answer_to(struct weir_workspace *w, const char *method, const char *target,
                                 const char *text, int expect)
{
    struct weir_error err;
    struct weir_buf body, out;
    int status = 0;
    weir_buf_init(&body, 1 << 16);
    weir_buf_init(&out, 1 << 16);
    weir_buf_addz(&body, text);
    ASSERT_OK(weir_serve_ask_store(w, method, target, weir_buf_str(&body), "http://x", &status,
                                   &out, &err),
              err);
    weir_buf_free(&body);
    if (status != expect) {
        fail_msg("%s %s: %d: %s", method, target, status, weir_buf_cstr(&out));
    }
    return out;
}

static void ask(struct weir_workspace *w, const char *method, const char *target, const char *text,
                int expect, const char *holds)
{
    struct weir_buf out = answer_to(w, method, target, text, expect);
    if (!strstr(weir_buf_cstr(&out), holds)) {
        fail_msg("%s %s: \"%s\" is not in %s", method, target, holds, weir_buf_cstr(&out));
    }
    weir_buf_free(&out);
}

static void the_command_line_asks_the_store_itself(void **state)
{
    struct store *s = *state;
    struct weir_workspace *w;
    struct weir_access *access;
    struct weir_buf none;
    char dir[512];
    int status;
    tempdir_path(&s->dir, "acme", dir);
    ASSERT_OK(weir_workspace_init(dir, &s->err), s->err);
    ASSERT_OK(weir_workspace_open(dir, &w, &s->err), s->err);
    ask(w, "GET", "/api/setup", "", 200, "true");
    ask(w, "POST", "/api/setup/link", "", 200, "http://x/setup#");
    ask(w, "POST", "/api/people", "{\"email\":\"bob@x.org\",\"name\":\"Bob\"}", 201, "viewer");
    ask(w, "PATCH", "/api/people/bob%40x.org", "{\"password\":\"four random words\"}", 200,
        "active");
    ask(w, "GET", "/api/people/bob%40x.org", "", 200, "bob@x.org");
    ask(w, "GET", "/api/people/nobody", "", 400, "no such person");
    ask(w, "POST", "/api/people", "{\"email\":\"bob\"}", 400, "\\\"name\\\" must be there");
    ask(w, "POST", "/api/people", "[1", 400, "no JSON");
    ask(w, "GET", "/api/audit?action=person&limit=1", "", 200, "person.password");
    ASSERT_OK(weir_serve_access_of(w, "BOB@x.org", &s->arena, &access, &s->err), s->err);
    assert_non_null(access);
    assert_int_equal(weir_serve_access_of(w, "eve@x.org", &s->arena, &access, &s->err),
                     WEIR_ENOENT);
    /* What needs the engine needs a server. */
    weir_buf_init(&none, 1024);
    assert_int_equal(
        weir_serve_ask_store(w, "GET", "/api/schema", S(""), "", &status, &none, &s->err),
        WEIR_EUNSUPPORTED);
    weir_buf_free(&none);
    weir_workspace_close(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(admins_and_the_owner_see_everything),
        TEST(groups_and_attributes_make_the_access),
        TEST(attributes_that_do_not_read_give_no_access),
        TEST(only_admins_see_as_others_and_it_is_noted),
        TEST(the_command_line_asks_the_store_itself),
        cmocka_unit_test(the_csrf_value_belongs_to_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
