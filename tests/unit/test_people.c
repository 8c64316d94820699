/* People, groups, and what people come in with. */
#include "state_fixture.h"

#include "state/audit.h"
#include "state/credential.h"
#include "state/group.h"

static const struct weir_session_limits limits = {.idle = WEIR_DAY, .age = 7 * WEIR_DAY};
#define NOW ((weir_time)2000000000 * WEIR_SECOND)

/* --- people --------------------------------------------------------------------------------- */

static void addresses_have_one_spelling(void **state)
{
    (void)state;
    char out[WEIR_MAX_EMAIL + 1];
    struct weir_error err;
    static const char *const good[][2] = {
        {"ada@example.com", "ada@example.com"},
        {"  Ada.Lovelace@Example.COM\n", "ada.lovelace@example.com"},
        {"a+b@x-y.co", "a+b@x-y.co"},
        {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
        {"root@localhost", "root@localhost"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ASSERT_OK(weir_email_normal(weir_str_of(good[i][0]), out, &err), err);
        assert_string_equal(out, good[i][1]);
    }
    static const char *const bad[] = {
        "",
        " ",
        "ada",
        "@example.com",
        "ada@",
        "a@b@c",
        "a b@c",
        "a@b c",
        "a..b@c",
        ".a@c",
        "a@.c",
        "a@c.",
        "\"a b\"@c",
        "a@b\r\nBcc: x",
        "<a@b>",
        "a@[127.0.0.1]",
        "a,b@c",
        "\xd0\xb0"
        "da@example.com",         /* Cyrillic a */
        "ada@ex\xc3\xa4mple.com", /* an umlaut */
        "ada@example\xe3\x80\x82"
        "com", /* an ideographic full stop */
        "\xef\xbc\xa1"
        "da@example.com",              /* full-width A */
        "ada\xe2\x80\x8b@example.com", /* zero-width space */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_email_normal(weir_str_of(bad[i]), out, &err), WEIR_EINVAL);
    }
    assert_int_equal(weir_email_normal(S("a\0b@example.com"), out, &err), WEIR_EINVAL);
    static char huge[1 << 20];
    memset(huge, 'a', sizeof huge);
    memcpy(huge + sizeof huge - 4, "@b.c", 4);
    assert_int_equal(weir_email_normal((struct weir_str){huge, sizeof huge}, out, &err),
                     WEIR_EINVAL);
}

static void people_are_found_under_any_spelling(void **state)
{
    struct store *s = *state;
    struct weir_person p = {0},
                       twice = {.id = S("bob"), .email = S("ADA@example.com"), .name = S("b")};
    store_person(s, "ada", "Ada@Example.com", WEIR_ROLE_EDITOR);
    ASSERT_OK(weir_person_by_email(s->state, S(" ADA@EXAMPLE.COM "), &s->arena, &p, &s->err),
              s->err);
    assert_true(weir_str_is(p.email, "ada@example.com"));
    assert_int_equal(p.role, WEIR_ROLE_EDITOR);
    assert_true(p.invited);
    assert_true(weir_str_is(p.attributes, "{}"));
    assert_int_equal(weir_person_add(s->state, &twice, &s->err), WEIR_EEXIST);
    assert_int_equal(weir_person_by_email(s->state, S("not an address"), &s->arena, &p, &s->err),
                     WEIR_ENOENT);
    assert_int_equal(weir_person_get(s->state, S("x' or 1=1 --"), &s->arena, &p, &s->err),
                     WEIR_ENOENT);
}

static void people_are_listed_by_name(void **state)
{
    struct store *s = *state;
    struct weir_person *all;
    struct weir_str hash;
    size_t count;
    enum weir_role role;
    store_person(s, "zoe", "a@example.com", WEIR_ROLE_VIEWER);
    store_person(s, "Ada", "z@example.com", WEIR_ROLE_ADMIN);
    ASSERT_OK(weir_people_list(s->state, &s->arena, &all, &count, &s->err), s->err);
    assert_int_equal(count, 2);
    assert_true(weir_str_is(all[0].name, "Ada"));
    ASSERT_OK(weir_person_password(s->state, S("zoe"), &s->arena, &hash, &s->err), s->err);
    assert_int_equal(hash.len, 0);
    ASSERT_OK(weir_person_set_password(s->state, S("zoe"), S("hash"), &s->err), s->err);
    ASSERT_OK(weir_person_password(s->state, S("zoe"), &s->arena, &hash, &s->err), s->err);
    assert_true(weir_str_is(hash, "hash"));
    for (int i = WEIR_ROLE_VIEWER; i <= WEIR_ROLE_ADMIN; i++) {
        assert_true(weir_role_parse(weir_str_of(weir_role_name((enum weir_role)i)), &role));
        assert_int_equal(role, i);
    }
    assert_false(weir_role_parse(S("root"), &role));
}

static void names_are_shown_to_people(void **state)
{
    struct store *s = *state;
    static const char *const bad[] = {"", "  ", "a\nb", "\x1b[31m", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_name_check(weir_str_of(bad[i]), &s->err), WEIR_EINVAL);
    }
    ASSERT_OK(weir_name_check(S("Ada \xc3\x84"), &s->err), s->err);
}

static void loopback_is_never_trusted_again(void **state)
{
    struct store *s = *state;
    bool began = true;
    ASSERT_OK(weir_people_began(s->state, &began, &s->err), s->err);
    assert_false(began);
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_person_remove(s->state, S("ada"), &s->err), s->err);
    ASSERT_OK(weir_people_began(s->state, &began, &s->err), s->err);
    assert_true(began);
}

static void the_last_admin_stays(void **state)
{
    struct store *s = *state;
    struct weir_person ada = store_person(s, "ada", "ada@example.com", WEIR_ROLE_ADMIN);
    struct weir_person bob = store_person(s, "bob", "bob@example.com", WEIR_ROLE_ADMIN);
    ASSERT_OK(weir_person_set_password(s->state, S("ada"), S("hash"), &s->err), s->err);
    /* Bob is admin, but cannot log in yet. */
    ada.role = WEIR_ROLE_EDITOR;
    assert_int_equal(weir_person_save(s->state, &ada, &s->err), WEIR_EPERM);
    ada.role = WEIR_ROLE_ADMIN;
    ada.disabled = true;
    assert_int_equal(weir_person_save(s->state, &ada, &s->err), WEIR_EPERM);
    assert_int_equal(weir_person_remove(s->state, S("ada"), &s->err), WEIR_EPERM);
    ASSERT_OK(weir_person_set_password(s->state, bob.id, S("hash"), &s->err), s->err);
    ASSERT_OK(weir_person_save(s->state, &ada, &s->err), s->err);
    assert_int_equal(weir_person_remove(s->state, S("bob"), &s->err), WEIR_EPERM);
    ASSERT_OK(weir_person_remove(s->state, S("ada"), &s->err), s->err);
}

/* --- groups --------------------------------------------------------------------------------- */

static void a_fresh_workspace_shows_everything_to_everyone(void **state)
{
    struct store *s = *state;
    struct weir_group *groups;
    size_t count;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_groups_of(s->state, S("ada"), &s->arena, &groups, &count, &s->err), s->err);
    assert_int_equal(count, 1);
    assert_true(groups[0].builtin);
    assert_int_equal(groups[0].table_count, 1);
    assert_true(weir_str_is(groups[0].tables[0].schema, "*"));
    assert_int_equal(groups[0].member_count, 1);
    /* Nobody is in no group. */
    ASSERT_OK(weir_groups_of(s->state, S("eve"), &s->arena, &groups, &count, &s->err), s->err);
    assert_int_equal(count, 0);
}

static struct weir_str hidden[] = {{"email", 5}, {"we\"ird\\", 7}};
static struct weir_grant tables[] = {
    {.schema = {"web", 3},
     .table = {"users", 5},
     .rows = {"sport = 'x'", 11},
     .hidden = hidden,
     .hidden_count = 2},
    {.schema = {"web", 3}, .table = {"*", 1}},
};
static struct weir_collection_grant collections[] = {{{"company", 7}, false}, {{"rugby", 5}, true}};

static struct weir_group rugby(struct weir_str *members, size_t count)
{
    return (struct weir_group){.id = S("g1"),
                               .name = S("rugby"),
                               .description = S("Rugby people"),
                               .tables = tables,
                               .table_count = 2,
                               .collections = collections,
                               .collection_count = 2,
                               .members = members,
                               .member_count = count};
}

static void a_group_is_read_as_it_was_written(void **state)
{
    struct store *s = *state;
    struct weir_str members[] = {S("ada"), S("ada")};
    struct weir_group g = rugby(members, 2), read;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_group_put(s->state, &g, &s->err), s->err);
    ASSERT_OK(weir_group_put(s->state, &g, &s->err), s->err); /* again: the same */
    ASSERT_OK(weir_group_get(s->state, S("RUGBY"), &s->arena, &read, &s->err), s->err);
    assert_true(weir_str_is(read.id, "g1"));
    assert_int_equal(read.member_count, 1);
    assert_int_equal(read.table_count, 2);
    assert_true(weir_str_is(read.tables[0].group, "rugby"));
    assert_true(weir_str_is(read.tables[0].rows, "sport = 'x'"));
    assert_int_equal(read.tables[0].hidden_count, 2);
    assert_true(weir_str_is(read.tables[0].hidden[1], "we\"ird\\"));
    assert_int_equal(read.tables[1].rows.len, 0);
    assert_int_equal(read.collection_count, 2);
    assert_true(read.collections[1].edit);
    struct weir_group *of;
    size_t count;
    ASSERT_OK(weir_groups_list(s->state, &s->arena, &of, &count, &s->err), s->err);
    assert_int_equal(count, 2);
    assert_true(of[0].builtin);
    ASSERT_OK(weir_groups_of(s->state, S("ada"), &s->arena, &of, &count, &s->err), s->err);
    assert_int_equal(count, 2);
    ASSERT_OK(weir_person_remove(s->state, S("ada"), &s->err), s->err);
    ASSERT_OK(weir_group_get(s->state, S("g1"), &s->arena, &read, &s->err), s->err);
    assert_int_equal(read.member_count, 0);
    ASSERT_OK(weir_group_remove(s->state, S("g1"), &s->err), s->err);
    assert_int_equal(weir_group_get(s->state, S("g1"), &s->arena, &read, &s->err), WEIR_ENOENT);
}

static void a_group_that_cannot_be_written_changes_nothing(void **state)
{
    struct store *s = *state;
    struct weir_str nobody[] = {S("nobody")};
    struct weir_group g = rugby(NULL, 0), read;
    ASSERT_OK(weir_group_put(s->state, &g, &s->err), s->err);
    struct weir_group with_nobody = rugby(nobody, 1);
    with_nobody.description = S("changed");
    assert_int_equal(weir_group_put(s->state, &with_nobody, &s->err), WEIR_EINVAL);
    assert_non_null(strstr(s->err.message, "nobody"));
    ASSERT_OK(weir_group_get(s->state, S("g1"), &s->arena, &read, &s->err), s->err);
    assert_true(weir_str_is(read.description, "Rugby people"));
    assert_int_equal(read.table_count, 2);
    g.id = S("g2");
    assert_int_equal(weir_group_put(s->state, &g, &s->err), WEIR_EEXIST);
}

static void everyone_can_be_tightened_but_not_removed(void **state)
{
    struct store *s = *state;
    struct weir_group g = {.id = S("everyone"),
                           .name = S("nobody"),
                           .tables = &tables[1],
                           .table_count = 1},
                      read;
    ASSERT_OK(weir_group_put(s->state, &g, &s->err), s->err);
    ASSERT_OK(weir_group_get(s->state, S("everyone"), &s->arena, &read, &s->err), s->err);
    assert_true(weir_str_is(read.name, "everyone"));
    assert_true(weir_str_is(read.tables[0].schema, "web"));
    assert_int_equal(weir_group_remove(s->state, S("everyone"), &s->err), WEIR_EPERM);
    assert_int_equal(weir_group_remove(s->state, S("g9"), &s->err), WEIR_ENOENT);
}

/* --- sessions ------------------------------------------------------------------------------- */

static int find(struct store *s, const char *secret, weir_time at)
{
    struct weir_person p;
    weir_time until;
    return weir_sessions_find(s->state, weir_str_of(secret), &limits, at, &s->arena, &p, &until,
                              &s->err);
}

static void sessions_end_by_idleness_and_by_age(void **state)
{
    struct store *s = *state;
    char secret[WEIR_SECRET_SIZE];
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_sessions_add(s->state, S("ada"), S("10.0.0.1"), NOW, secret, &s->err), s->err);
    assert_int_equal(strlen(secret), 64);
    assert_int_equal(find(s, secret, NOW + WEIR_SECOND), 0);
    assert_int_equal(find(s, secret, NOW + WEIR_DAY), WEIR_ENOENT);
    /* Used every 20 hours it lives until it is seven days old. */
    weir_time at = NOW;
    for (; at + 72000 * WEIR_SECOND < NOW + 7 * WEIR_DAY; at += 72000 * WEIR_SECOND) {
        assert_int_equal(find(s, secret, at), 0);
    }
    assert_int_equal(find(s, secret, NOW + 7 * WEIR_DAY), WEIR_ENOENT);
    struct weir_person p;
    ASSERT_OK(weir_person_get(s->state, S("ada"), &s->arena, &p, &s->err), s->err);
    assert_true(p.last_seen_at > NOW + 5 * WEIR_DAY);
    ASSERT_OK(weir_sessions_sweep(s->state, &limits, NOW + 7 * WEIR_DAY, &s->err), s->err);
    assert_int_equal(find(s, secret, at), WEIR_ENOENT);
    assert_int_equal(find(s, "", NOW), WEIR_ENOENT);
}

static void sessions_end_with_the_person(void **state)
{
    struct store *s = *state;
    char secret[WEIR_SECRET_SIZE];
    bool known;
    struct weir_person ada = store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_sessions_add(s->state, ada.id, S("10.0.0.1"), NOW, secret, &s->err), s->err);
    ASSERT_OK(weir_sessions_know(s->state, ada.id, S("10.0.0.1"), &known, &s->err), s->err);
    assert_true(known);
    ASSERT_OK(weir_sessions_know(s->state, ada.id, S("10.0.0.2"), &known, &s->err), s->err);
    assert_false(known);
    ada.disabled = true;
    ASSERT_OK(weir_person_save(s->state, &ada, &s->err), s->err);
    assert_int_equal(find(s, secret, NOW), WEIR_ENOENT);
    ada.disabled = false;
    ASSERT_OK(weir_person_save(s->state, &ada, &s->err), s->err);
    assert_int_equal(find(s, secret, NOW), WEIR_ENOENT); /* it does not come back */
    ASSERT_OK(weir_sessions_add(s->state, ada.id, S(""), NOW, secret, &s->err), s->err);
    ASSERT_OK(weir_person_set_password(s->state, ada.id, S("hash"), &s->err), s->err);
    assert_int_equal(find(s, secret, NOW), WEIR_ENOENT);
    ASSERT_OK(weir_sessions_add(s->state, ada.id, S(""), NOW, secret, &s->err), s->err);
    ASSERT_OK(weir_sessions_remove(s->state, weir_str_of(secret), &s->err), s->err);
    assert_int_equal(find(s, secret, NOW), WEIR_ENOENT);
}

/* --- tokens and links ----------------------------------------------------------------------- */

static void tokens_expire_and_are_revoked(void **state)
{
    struct store *s = *state;
    char secret[WEIR_TOKEN_SECRET_SIZE];
    struct weir_token t = {.id = S("t1"),
                           .name = S("ci"),
                           .person = S("ada"),
                           .scopes = WEIR_SCOPE_QUERY,
                           .created_at = NOW,
                           .expires_at = NOW + WEIR_DAY},
                      read;
    weir_time until;
    assert_int_equal(weir_token_add(s->state, &t, secret, &s->err),
                     WEIR_EINVAL); /* no such person */
    struct weir_person ada = store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_token_add(s->state, &t, secret, &s->err), s->err);
    assert_memory_equal(secret, "weir_", 5);
    ASSERT_OK(
        weir_token_find(s->state, weir_str_of(secret), NOW, &s->arena, &read, &until, &s->err),
        s->err);
    assert_int_equal(read.scopes, WEIR_SCOPE_QUERY);
    assert_true(weir_str_is(read.email, "ada@example.com"));
    assert_int_equal(weir_token_find(s->state, weir_str_of(secret), NOW + WEIR_DAY, &s->arena,
                                     &read, &until, &s->err),
                     WEIR_ENOENT);
    assert_int_equal(
        weir_token_find(s->state, weir_str_of(secret + 5), NOW, &s->arena, &read, &until, &s->err),
        WEIR_ENOENT);
    ada.disabled = true;
    ASSERT_OK(weir_person_save(s->state, &ada, &s->err), s->err);
    assert_int_equal(
        weir_token_find(s->state, weir_str_of(secret), NOW, &s->arena, &read, &until, &s->err),
        WEIR_ENOENT);
    ada.disabled = false;
    ASSERT_OK(weir_person_save(s->state, &ada, &s->err), s->err);
    struct weir_token *all;
    size_t count;
    ASSERT_OK(weir_token_list(s->state, S("ada"), &s->arena, &all, &count, &s->err), s->err);
    assert_int_equal(count, 1);
    assert_int_equal(all[0].last_used_at, NOW);
    ASSERT_OK(weir_token_list(s->state, S("bob"), &s->arena, &all, &count, &s->err), s->err);
    assert_int_equal(count, 0);
    ASSERT_OK(weir_token_remove(s->state, S("t1"), &s->err), s->err);
    assert_int_equal(
        weir_token_find(s->state, weir_str_of(secret), NOW, &s->arena, &read, &until, &s->err),
        WEIR_ENOENT);
    assert_int_equal(weir_token_get(s->state, S("t1"), &s->arena, &read, &s->err), WEIR_ENOENT);
    for (unsigned scope = 1; scope <= WEIR_SCOPE_ADMIN; scope *= 2) {
        assert_int_equal(weir_scope_parse(weir_str_of(weir_scope_name(scope))), scope);
    }
    assert_int_equal(weir_scope_parse(S("all")), 0);
}

static void a_link_works_once(void **state)
{
    struct store *s = *state;
    char first[WEIR_SECRET_SIZE], second[WEIR_SECRET_SIZE], hers[WEIR_SECRET_SIZE];
    struct weir_str who;
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_link_add(s->state, S(""), NOW + WEIR_DAY, first, &s->err), s->err);
    ASSERT_OK(weir_link_add(s->state, S("ada"), NOW + WEIR_DAY, hers, &s->err), s->err);
    ASSERT_OK(weir_link_find(s->state, weir_str_of(first), NOW, &s->arena, &who, &s->err), s->err);
    assert_int_equal(who.len, 0);
    ASSERT_OK(weir_link_add(s->state, S(""), NOW + WEIR_DAY, second, &s->err), s->err);
    assert_int_equal(weir_link_find(s->state, weir_str_of(first), NOW, &s->arena, &who, &s->err),
                     WEIR_ENOENT);
    assert_int_equal(
        weir_link_find(s->state, weir_str_of(second), NOW + WEIR_DAY, &s->arena, &who, &s->err),
        WEIR_ENOENT);
    ASSERT_OK(weir_link_use(s->state, weir_str_of(second), &s->err), s->err);
    assert_int_equal(weir_link_use(s->state, weir_str_of(second), &s->err), WEIR_ENOENT);
    ASSERT_OK(weir_link_find(s->state, weir_str_of(hers), NOW, &s->arena, &who, &s->err), s->err);
    assert_true(weir_str_is(who, "ada"));
    ASSERT_OK(weir_person_set_password(s->state, who, S("hash"), &s->err), s->err);
    assert_int_equal(weir_link_find(s->state, weir_str_of(hers), NOW, &s->arena, &who, &s->err),
                     WEIR_ENOENT);
    assert_int_equal(weir_link_add(s->state, S("nobody"), NOW, hers, &s->err), WEIR_ENOENT);
}

static void secrets_are_not_in_the_file(void **state)
{
    struct store *s = *state;
    char cookie[WEIR_SECRET_SIZE], token[WEIR_TOKEN_SECRET_SIZE], link[WEIR_SECRET_SIZE];
    char copy[512];
    store_person(s, "ada", "ada@example.com", WEIR_ROLE_VIEWER);
    struct weir_token t = {.id = S("t1"), .name = S("ci"), .scopes = 1, .created_at = NOW};
    ASSERT_OK(weir_sessions_add(s->state, S("ada"), S(""), NOW, cookie, &s->err), s->err);
    ASSERT_OK(weir_token_add(s->state, &t, token, &s->err), s->err);
    ASSERT_OK(weir_link_add(s->state, S("ada"), NOW, link, &s->err), s->err);
    ASSERT_OK(weir_state_backup(s->state, tempdir_path(&s->dir, "copy", copy), &s->err), s->err);
    FILE *f = fopen(copy, "r");
    assert_non_null(f);
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_non_null(memmem(bytes, n, "ada@example.com", 15));
    assert_null(memmem(bytes, n, cookie, 20));
    assert_null(memmem(bytes, n, token + 5, 20));
    assert_null(memmem(bytes, n, link, 20));
}

/* --- passwords ------------------------------------------------------------------------------ */

static void passwords_are_checked(void **state)
{
    struct store *s = *state;
    char hash[WEIR_PASSWORD_HASH];
    ASSERT_OK(weir_password_hash(S("four random words"), hash, &s->err), s->err);
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_true(weir_password_check(weir_str_of(hash), S("four random words")));
    assert_false(weir_password_check(weir_str_of(hash), S("four random word")));
    assert_false(weir_password_check(weir_str_of(hash), S("four random words\0")));
    assert_false(weir_password_check(S(""), S("four random words")));
    assert_false(weir_password_check(S("not a hash"), S("four random words")));
    static char huge[1 << 20];
    memset(huge, 'x', sizeof huge);
    struct weir_str megabyte = {huge, sizeof huge};
    assert_int_equal(weir_password_hash(megabyte, hash, &s->err), WEIR_EINVAL);
    assert_false(weir_password_check(weir_str_of(hash), megabyte));
    assert_int_equal(weir_password_acceptable(megabyte, S("a@b"), &s->err), WEIR_EINVAL);
    assert_int_equal(weir_password_acceptable(S("short"), S("a@b"), &s->err), WEIR_EINVAL);
    assert_int_equal(weir_password_acceptable(S("aaaaaaaaaaaa"), S("a@b"), &s->err), WEIR_EINVAL);
    assert_int_equal(weir_password_acceptable(S("Ada@example.com"), S("ada@example.com"), &s->err),
                     WEIR_EINVAL);
    ASSERT_OK(weir_password_acceptable(S("four random words"), S("a@b"), &s->err), s->err);
    assert_true(weir_secret_same(S("abc"), S("abc")));
    assert_false(weir_secret_same(S("abc"), S("abd")));
    assert_false(weir_secret_same(S("abc"), S("")));
}

/* --- the audit log -------------------------------------------------------------------------- */

static size_t audit_count(struct store *s, struct weir_audit_filter filter, struct weir_audit **out)
{
    size_t count;
    filter.limit = filter.limit ? filter.limit : 100;
    ASSERT_OK(weir_audit_list(s->state, &filter, &s->arena, out, &count, &s->err), s->err);
    return count;
}

static void the_audit_log_is_read_backwards(void **state)
{
    struct store *s = *state;
    static const char *const actions[] = {"person.add", "person.remove", "session.add", "personal"};
    for (int i = 0; i < 4; i++) {
        struct weir_audit e = {.at = NOW + i,
                               .person_id = S("ada"),
                               .person = S("ada@example.com"),
                               .action = weir_str_of(actions[i]),
                               .object = S("bob@example.com")};
        ASSERT_OK(weir_audit_add(s->state, &e, &s->err), s->err);
    }
    struct weir_audit *all;
    assert_int_equal(audit_count(s, (struct weir_audit_filter){0}, &all), 4);
    assert_true(weir_str_is(all[0].action, "personal"));
    assert_true(weir_str_is(all[0].detail, "{}"));
    assert_int_equal(audit_count(s, (struct weir_audit_filter){.action = S("person")}, &all), 2);
    assert_int_equal(audit_count(s, (struct weir_audit_filter){.action = S("person.add")}, &all),
                     1);
    assert_int_equal(
        audit_count(s, (struct weir_audit_filter){.person = S("ada@example.com"), .limit = 2},
                    &all),
        2);
    assert_int_equal(audit_count(s, (struct weir_audit_filter){.before = all[1].id}, &all), 2);
    assert_int_equal(audit_count(s, (struct weir_audit_filter){.person = S("bob")}, &all), 0);
    assert_int_equal(
        audit_count(s, (struct weir_audit_filter){.object = S("bob@example.com"), .since = NOW + 2},
                    &all),
        2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_spelling),
        TEST(people_are_found_under_any_spelling),
        TEST(people_are_listed_by_name),
        TEST(names_are_shown_to_people),
        TEST(loopback_is_never_trusted_again),
        TEST(the_last_admin_stays),
        TEST(a_fresh_workspace_shows_everything_to_everyone),
        TEST(a_group_is_read_as_it_was_written),
        TEST(a_group_that_cannot_be_written_changes_nothing),
        TEST(everyone_can_be_tightened_but_not_removed),
        TEST(sessions_end_by_idleness_and_by_age),
        TEST(sessions_end_with_the_person),
        TEST(tokens_expire_and_are_revoked),
        TEST(a_link_works_once),
        TEST(secrets_are_not_in_the_file),
        TEST(passwords_are_checked),
        TEST(the_audit_log_is_read_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
