/* Coming in: the set-up link, log-in, invitations. */
#include <stdio.h>

#include "serve/ask.h"

static const struct weir_backoff_rule account_rule = {
    .free = 5, .first = WEIR_SECOND, .most = 60 * WEIR_SECOND, .forget = 900 * WEIR_SECOND};
static const struct weir_backoff_rule address_rule = {
    .free = 100, .first = WEIR_SECOND, .most = 60 * WEIR_SECOND, .forget = 900 * WEIR_SECOND};

/* --- the first person ----------------------------------------------------------------------- */

static int is_needed(struct weir_ask *ask, bool *out, struct weir_error *err)
{
    int64_t count = 0;
    int rc = weir_people_count(ask->state, &count, err);
    *out = count == 0;
    return rc;
}

int weir_ask_setup_needed(struct weir_ask *ask, struct weir_error *err)
{
    bool needed;
    int rc = is_needed(ask, &needed, err);
    weir_jw_object(&ask->w);
    weir_jw_kbool(&ask->w, "needed", needed);
    weir_jw_object_end(&ask->w);
    return rc;
}

static int done_already(struct weir_error *err)
{
    return weir_fail(err, WEIR_EPERM,
                     "weir is set up already; log in, or let an admin invite you (`weir user add` "
                     "on the server makes people, too)");
}

int weir_ask_setup_link(struct weir_ask *ask, struct weir_error *err)
{
    bool needed;
    int rc = is_needed(ask, &needed, err);
    if (rc == 0 && !needed) {
        return done_already(err);
    }
    return rc ? rc : weir_ask_print_link(ask, "/setup", WEIR_STR(""), err);
}

static int make_first(struct weir_ask *ask, const struct weir_person *p, struct weir_str token,
                      const char *hash, struct weir_error *err)
{
    bool needed;
    int rc = is_needed(ask, &needed, err);
    if (rc == 0 && !needed) {
        return done_already(err);
    }
    rc = rc ? rc : weir_link_use(ask->state, token, err);
    rc = rc ? rc : weir_person_add(ask->state, p, err);
    rc = rc ? rc : weir_person_set_password(ask->state, p->id, weir_str_of(hash), err);
    weir_caller_person(&ask->who, p);
    rc = rc ? rc : weir_ask_note(ask, "setup", p->email, WEIR_STR(""), err);
    return rc ? rc : weir_ask_enter(ask, p->id, err);
}

int weir_ask_setup(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"token", "email", "name", "password", NULL};
    struct weir_str token, email, name, password, whose;
    char id[WEIR_ID_SIZE], hash[WEIR_PASSWORD_HASH], normal[WEIR_MAX_EMAIL + 1];
    bool needed;
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "token", true, &token, err);
    rc = rc ? rc : weir_ask_text(ask, "email", true, &email, err);
    rc = rc ? rc : weir_ask_text(ask, "name", true, &name, err);
    rc = rc ? rc : weir_ask_text(ask, "password", true, &password, err);
    rc = rc ? rc : is_needed(ask, &needed, err);
    if (rc == 0 && !needed) {
        return done_already(err);
    }
    rc = rc ? rc : weir_link_find(ask->state, token, ask->now, &ask->arena, &whose, err);
    if (rc == WEIR_ENOENT || (rc == 0 && whose.len)) {
        return weir_fail(err, WEIR_EPERM,
                         "this set-up link does not work any more; `weir user setup` on the server "
                         "prints a new one");
    }
    rc = rc ? rc : weir_email_normal(email, normal, err);
    rc = rc ? rc : weir_name_check(name, err);
    rc = rc ? rc : weir_password_acceptable(password, weir_str_of(normal), err);
    rc = rc ? rc : weir_password_hash(password, hash, err);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    if (rc) {
        return rc;
    }
    weir_state_id(id);
    struct weir_person p = {.id = weir_str_of(id),
                            .email = weir_str_of(normal),
                            .name = name,
                            .role = WEIR_ROLE_ADMIN,
                            .created_at = ask->now};
    return weir_state_end(ask->state, make_first(ask, &p, token, hash, err), err);
}

/* --- log-in --------------------------------------------------------------------------------- */

static int wait_first(struct weir_ask *ask, weir_time wait, struct weir_error *err)
{
    ask->status = 429;
    ask->retry_after = wait;
    return weir_fail(err, WEIR_EAGAIN, "too many attempts; wait %lld seconds",
                     (long long)((wait + WEIR_SECOND - 1) / WEIR_SECOND));
}

struct keys {
    char account[WEIR_MAX_EMAIL + 16];
    char address[96];
};

/* Who is logged in from this address already is not kept out by others who try her account. */
static int hold_back(struct weir_ask *ask, const struct keys *keys, struct weir_str account,
                     struct weir_str person, struct weir_error *err)
{
    bool known = false;
    struct weir_str address = weir_str_of(ask->who.address);
    if (!ask->backoff) {
        return 0;
    }
    int rc = person.len ? weir_sessions_know(ask->state, person, address, &known, err) : 0;
    if (rc) {
        return rc;
    }
    weir_time now = weir_mono();
    weir_time wait = weir_backoff_try(ask->backoff, weir_str_of(keys->address), &address_rule, now);
    if (wait == 0 && !known && account.len) {
        wait = weir_backoff_try(ask->backoff, weir_str_of(keys->account), &account_rule, now);
    }
    return wait ? wait_first(ask, wait, err) : 0;
}

/* The same words and the same work for a wrong password, nobody, and somebody who may not. */
static int refuse(struct weir_ask *ask, struct weir_str email, struct weir_error *err)
{
    ask->status = 401;
    int rc = weir_ask_note(ask, "session.refused", email, WEIR_STR(""), err);
    return rc ? rc : weir_fail(err, WEIR_EPERM, "the e-mail address or the password is wrong");
}

/* Unless the password was changed while it was being checked. */
static int enter(struct weir_ask *ask, const struct weir_person *p, struct weir_str checked,
                 struct weir_error *err)
{
    struct weir_str hash;
    int rc = weir_person_password(ask->state, p->id, &ask->arena, &hash, err);
    if (rc == 0 && !weir_str_eq(hash, checked)) {
        ask->status = 401;
        return weir_fail(err, WEIR_EPERM, "the password was changed just now; log in again");
    }
    weir_caller_person(&ask->who, p);
    rc = rc ? rc : weir_ask_note(ask, "session.add", p->email, WEIR_STR(""), err);
    rc = rc ? rc : weir_sessions_sweep(ask->state, ask->limits, ask->now, err);
    return rc ? rc : weir_ask_enter(ask, p->id, err);
}

int weir_ask_login(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"email", "password", NULL};
    struct weir_str email, password, hash = WEIR_STR("");
    struct weir_person p = {0};
    struct keys keys;
    char normal[WEIR_MAX_EMAIL + 1] = "";
    struct weir_error ignored;
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "email", true, &email, err);
    rc = rc ? rc : weir_ask_text(ask, "password", true, &password, err);
    if (rc) {
        return rc;
    }
    if (weir_email_normal(email, normal, &ignored) || password.len > WEIR_MAX_PASSWORD) {
        normal[0] = 0; /* nobody's; it is still an attempt */
    }
    rc = normal[0] ? weir_person_by_email(ask->state, weir_str_of(normal), &ask->arena, &p, err)
                   : WEIR_ENOENT;
    if (rc && rc != WEIR_ENOENT) {
        return rc;
    }
    snprintf(keys.account, sizeof keys.account, "account:%s", normal);
    snprintf(keys.address, sizeof keys.address, "address:%s", ask->who.address);
    rc = hold_back(ask, &keys, weir_str_of(normal), p.id, err);
    if (rc == 0 && p.id.len && !p.disabled) {
        rc = weir_person_password(ask->state, p.id, &ask->arena, &hash, err);
    }
    if (rc) {
        return rc;
    }
    if (!weir_password_check(hash, password.len > WEIR_MAX_PASSWORD ? WEIR_STR("") : password)) {
        return refuse(ask, weir_str_of(normal), err);
    }
    if (ask->backoff) {
        weir_backoff_clear(ask->backoff, weir_str_of(keys.account));
        weir_backoff_undo(ask->backoff, weir_str_of(keys.address));
    }
    rc = weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, enter(ask, &p, hash, err), err);
}

/* --- invitations ---------------------------------------------------------------------------- */

static int dead_link(struct weir_error *err)
{
    return weir_fail(err, WEIR_EPERM,
                     "this invitation was used already, was replaced by a newer one, or is too "
                     "old; ask for a new one");
}

/* Reads her again: hashing took a while, and an admin may have changed her. */
static int accept(struct weir_ask *ask, struct weir_str id, struct weir_str name,
                  struct weir_str token, const char *hash, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_link_use(ask->state, token, err);
    rc = rc ? rc : weir_person_get(ask->state, id, &ask->arena, &p, err);
    if (rc == WEIR_ENOENT || (rc == 0 && p.disabled)) {
        return dead_link(err);
    }
    rc = rc ? rc : weir_ask_may_rename(ask, &p, name, err);
    if (rc == 0 && name.ptr) {
        p.name = name;
        rc = weir_person_save(ask->state, &p, err);
    }
    rc = rc ? rc : weir_person_set_password(ask->state, id, weir_str_of(hash), err);
    if (rc == 0) {
        weir_caller_person(&ask->who, &p);
        rc = weir_ask_note(ask, "person.join", p.email, WEIR_STR(""), err);
    }
    return rc ? rc : weir_ask_enter(ask, id, err);
}

int weir_ask_join(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"token", "name", "password", NULL};
    struct weir_str token, name, password, whose;
    struct weir_person p = {0};
    char hash[WEIR_PASSWORD_HASH];
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "token", true, &token, err);
    rc = rc ? rc : weir_ask_text(ask, "name", false, &name, err);
    rc = rc ? rc : weir_ask_text(ask, "password", true, &password, err);
    rc = rc ? rc : weir_link_find(ask->state, token, ask->now, &ask->arena, &whose, err);
    if (rc == 0 && whose.len) {
        rc = weir_person_get(ask->state, whose, &ask->arena, &p, err);
    }
    if (rc == WEIR_ENOENT || (rc == 0 && (whose.len == 0 || p.disabled))) {
        return dead_link(err);
    }
    rc = rc ? rc : weir_name_check(name.ptr ? name : p.name, err);
    rc = rc ? rc : weir_password_acceptable(password, p.email, err);
    rc = rc ? rc : weir_password_hash(password, hash, err);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, accept(ask, p.id, name, token, hash, err), err);
}
