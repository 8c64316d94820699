/* Who comes in is remembered: not for a request longer than it is true, whoever changes it. */
#include "serve/known.h"

#include "state/state.h"
#include "state_fixture.h"

static struct weir_server server;

struct door {
    struct store store;       /* first: the fixture's */
    struct weir_state *other; /* another connection, as another process has */
    struct weir_known *known;
    char session[WEIR_SECRET_SIZE];
    char token[WEIR_TOKEN_SECRET_SIZE];
};

static int open_door(void **state)
{
    void *made;
    struct door *d = calloc(1, sizeof *d);
    store_setup(&made);
    memcpy(&d->store, made, sizeof d->store);
    free(made);
    ASSERT_OK(weir_state_open(d->store.path, &d->other, &d->store.err), d->store.err);
    d->known = weir_known_new();
    struct weir_loop *loop;
    ASSERT_OK(weir_loop_new(&loop, &d->store.err), d->store.err);
    server = (struct weir_server){.state = d->store.state,
                                  .loop = loop,
                                  .session_limits = {.idle = WEIR_DAY, .age = 2 * WEIR_DAY}};
    store_person(&d->store, "ada", "ada@example.com", WEIR_ROLE_EDITOR);
    ASSERT_OK(
        weir_sessions_add(d->store.state, S("ada"), S(""), weir_now(), d->session, &d->store.err),
        d->store.err);
    struct weir_token t = {.id = S("t"),
                           .name = S("token"),
                           .person = S("ada"),
                           .scopes = WEIR_SCOPE_READ,
                           .created_at = weir_now()};
    ASSERT_OK(weir_token_add(d->store.state, &t, d->token, &d->store.err), d->store.err);
    *state = d;
    return 0;
}

static int close_door(void **state)
{
    struct door *d = *state;
    weir_known_free(d->known);
    weir_loop_free(server.loop);
    weir_state_close(d->other);
    struct store *copy = malloc(sizeof *copy);
    *copy = d->store;
    free(d);
    *state = copy;
    return store_teardown(state);
}

static void stop_loop(void *loop)
{
    weir_loop_stop(loop);
}

/* The loop looks what is ready. */
static void turn(void)
{
    struct weir_timer *timer;
    assert_int_equal(weir_timer_new(server.loop, 0, 0, stop_loop, server.loop, &timer), 0);
    weir_loop_run(server.loop);
    weir_timer_free(timer);
}

static int enter_now(struct door *d, enum weir_way way, const char *secret, struct weir_caller *who)
{
    struct weir_call call = {.server = &server, .who = {.address = "192.0.2.7"}};
    int rc = weir_known_enter(d->known, &call, way, weir_str_of(secret), &d->store.err);
    *who = call.who;
    return rc;
}

/* Comes in twice in one turn and once in the next, so that she is known; -1: different answers. */
static int enter(struct door *d, enum weir_way way, const char *secret, struct weir_caller *who)
{
    int codes[3];
    for (int i = 0; i < 3; i++) {
        if (i != 1) {
            turn();
        }
        codes[i] = enter_now(d, way, secret, who);
    }
    return codes[0] == codes[1] && codes[1] == codes[2] ? codes[0] : -1;
}

static void a_session_is_its_persons_until_it_ends(void **state)
{
    struct door *d = *state;
    struct weir_caller who;
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), 0);
    assert_string_equal(who.id, "ada");
    assert_string_equal(who.session, d->session);
    assert_string_equal(who.address, "192.0.2.7");
    assert_int_equal(who.role, WEIR_ROLE_EDITOR);
    assert_int_equal(enter(d, WEIR_WAY_TOKEN, d->session, &who), WEIR_ENOENT);
    ASSERT_OK(weir_sessions_remove(d->store.state, weir_str_of(d->session), &d->store.err),
              d->store.err);
    assert_int_equal(enter_now(d, WEIR_WAY_SESSION, d->session, &who), WEIR_ENOENT);
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), WEIR_ENOENT);
}

static void another_process_is_heard_at_once(void **state)
{
    struct door *d = *state;
    struct weir_caller who;
    struct weir_person p;
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), 0);
    assert_int_equal(enter(d, WEIR_WAY_TOKEN, d->token, &who), 0);
    assert_int_equal(who.scopes, WEIR_SCOPE_READ);
    ASSERT_OK(weir_person_get(d->other, S("ada"), &d->store.arena, &p, &d->store.err),
              d->store.err);
    p.role = WEIR_ROLE_VIEWER;
    ASSERT_OK(weir_person_save(d->other, &p, &d->store.err), d->store.err);
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), 0);
    assert_int_equal(who.role, WEIR_ROLE_VIEWER);
    assert_int_equal(enter(d, WEIR_WAY_TOKEN, d->token, &who), 0);
    assert_int_equal(who.role, WEIR_ROLE_VIEWER);
    ASSERT_OK(weir_token_remove(d->other, S("t"), &d->store.err), d->store.err);
    assert_int_equal(enter(d, WEIR_WAY_TOKEN, d->token, &who), WEIR_ENOENT);
    p.disabled = true;
    ASSERT_OK(weir_person_save(d->other, &p, &d->store.err), d->store.err);
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), WEIR_ENOENT);
    p.disabled = false;
    ASSERT_OK(weir_person_save(d->other, &p, &d->store.err), d->store.err);
    int code = enter(d, WEIR_WAY_SESSION, d->session, &who);
    assert_true(code == 0 || code == WEIR_ENOENT); /* as the store has it; but one answer */
}

static void a_secret_holds_no_longer_than_its_time(void **state)
{
    struct door *d = *state;
    struct weir_caller who;
    struct weir_person p;
    struct weir_token read;
    weir_time now = weir_now(), until = 0;
    const struct weir_session_limits limits[] = {{.idle = WEIR_DAY, .age = 2 * WEIR_DAY},
                                                 {.idle = 5, .age = WEIR_DAY},
                                                 {.idle = 9, .age = 5}};
    char secret[WEIR_SECRET_SIZE], token[WEIR_TOKEN_SECRET_SIZE];
    ASSERT_OK(weir_sessions_add(d->store.state, S("ada"), S(""), now, secret, &d->store.err),
              d->store.err);
    for (int i = 0; i < 3; i++) {
        ASSERT_OK(weir_sessions_find(d->store.state, weir_str_of(secret), &limits[i], now,
                                     &d->store.arena, &p, &until, &d->store.err),
                  d->store.err);
        assert_int_equal(until - now, i ? 5 : 60 * WEIR_SECOND);
    }
    struct weir_token t = {.id = S("u"),
                           .name = S("short"),
                           .person = S("ada"),
                           .scopes = WEIR_SCOPE_READ,
                           .created_at = now,
                           .expires_at = now + 5};
    ASSERT_OK(weir_token_add(d->store.state, &t, token, &d->store.err), d->store.err);
    ASSERT_OK(weir_token_find(d->store.state, weir_str_of(token), now, &d->store.arena, &read,
                              &until, &d->store.err),
              d->store.err);
    ASSERT_OK(weir_token_find(d->store.state, weir_str_of(token), now, &d->store.arena, &read,
                              &until, &d->store.err),
              d->store.err);
    assert_int_equal(until, now + 5);
    /* It is remembered for this long only. */
    server.session_limits.age = 1;
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), WEIR_ENOENT);
}

static void what_is_no_secret_opens_nothing(void **state)
{
    struct door *d = *state;
    struct weir_caller who;
    assert_int_equal(enter(d, WEIR_WAY_SESSION, "", &who), WEIR_ENOENT);
    assert_int_equal(enter(d, WEIR_WAY_TOKEN, "weir_short", &who), WEIR_ENOENT);
    char other[WEIR_SECRET_SIZE];
    memcpy(other, d->session, sizeof other);
    other[0] = other[0] == 'a' ? 'b' : 'a';
    assert_int_equal(enter(d, WEIR_WAY_SESSION, d->session, &who), 0);
    assert_int_equal(enter(d, WEIR_WAY_SESSION, other, &who), WEIR_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_is_its_persons_until_it_ends, open_door,
                                        close_door),
        cmocka_unit_test_setup_teardown(another_process_is_heard_at_once, open_door, close_door),
        cmocka_unit_test_setup_teardown(a_secret_holds_no_longer_than_its_time, open_door,
                                        close_door),
        cmocka_unit_test_setup_teardown(what_is_no_secret_opens_nothing, open_door, close_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
