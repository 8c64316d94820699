/* GET, PATCH and DELETE /api/session: who am I. */
#include "serve/ask.h"
#include "state/group.h"

static int print_groups(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_group *groups;
    size_t count = 0;
    int rc =
        weir_groups_of(ask->state, weir_str_of(ask->who.id), &ask->arena, &groups, &count, err);
    weir_jw_keyz(&ask->w, "groups");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        weir_jw_object(&ask->w);
        weir_jw_kstr(&ask->w, "id", groups[i].id);
        weir_jw_kstr(&ask->w, "name", groups[i].name);
        weir_jw_object_end(&ask->w);
    }
    weir_jw_array_end(&ask->w);
    return rc;
}

int weir_ask_session(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_person p = {.attributes = WEIR_STR("{}"), .preferences = WEIR_STR("{}")};
    struct weir_jw *w = &ask->w;
    char csrf[WEIR_SECRET_SIZE];
    if (ask->who.id[0] && !weir_caller_is_owner(&ask->who)) {
        int rc = weir_person_get(ask->state, weir_str_of(ask->who.id), &ask->arena, &p, err);
        if (rc) {
            return rc;
        }
    }
    weir_caller_csrf(&ask->who, csrf);
    weir_jw_object(w);
    weir_jw_keyz(w, "person");
    weir_jw_object(w);
    weir_jw_kstrz(w, "id", ask->who.id);
    weir_jw_kstrz(w, "email", ask->who.email);
    weir_jw_kstrz(w, "name", ask->who.name);
    weir_jw_kstrz(w, "role", weir_role_name(ask->who.role));
    weir_jw_keyz(w, "attributes");
    weir_jw_raw(w, p.attributes);
    weir_jw_object_end(w);
    int rc = print_groups(ask, err);
    weir_jw_keyz(w, "preferences");
    weir_jw_raw(w, p.preferences);
    weir_jw_kstrz(w, "csrf", csrf);
    weir_jw_kstr_or_null(w, "see_as", weir_str_of(ask->who.by_id[0] ? ask->who.email : ""));
    weir_jw_kstrz(w, "version", WEIR_VERSION);
    weir_jw_object_end(w);
    return rc;
}

int weir_ask_enter(struct weir_ask *ask, struct weir_str person, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_person_get(ask->state, person, &ask->arena, &p, err);
    if (rc == 0 && ask->who.session[0]) { /* whoever was logged in here is not any more */
        rc = weir_sessions_remove(ask->state, weir_str_of(ask->who.session), err);
    }
    rc = rc ? rc
            : weir_sessions_add(ask->state, person, weir_str_of(ask->who.address), ask->now,
                                ask->who.session, err);
    if (rc) {
        return rc;
    }
    ask->who.way = WEIR_WAY_SESSION;
    ask->who.scopes = WEIR_SCOPES_ALL;
    weir_caller_person(&ask->who, &p);
    ask->cookie = WEIR_COOKIE_SET;
    return weir_ask_session(ask, err);
}

int weir_ask_logout(struct weir_ask *ask, struct weir_error *err)
{
    int rc = 0;
    if (ask->who.session[0]) {
        rc = weir_sessions_remove(ask->state, weir_str_of(ask->who.session), err);
        weir_ask_rights(ask, &(struct weir_str){ask->who.id, strlen(ask->who.id)});
        rc = rc ? rc
                : weir_ask_note(ask, "session.remove", weir_str_of(ask->who.email), WEIR_STR(""),
                                err);
    }
    ask->cookie = WEIR_COOKIE_CLEAR;
    ask->status = 204;
    return rc;
}

/* --- changing oneself ----------------------------------------------------------------------- */

static int change_password(struct weir_ask *ask, struct weir_json what, struct weir_error *err)
{
    static const char *const known[] = {"old", "new", NULL};
    static const struct weir_backoff_rule rule = {
        .free = 5, .first = WEIR_SECOND, .most = 60 * WEIR_SECOND, .forget = 900 * WEIR_SECOND};
    struct weir_str old, new, hash;
    char made[WEIR_PASSWORD_HASH];
    struct weir_str key = weir_str_of(ask->who.id);
    int rc = weir_ask_keys(what, "\"password\"", known, err);
    if (rc) {
        return rc;
    }
    if (!weir_json_str(weir_json_get(what, "old"), &old) ||
        !weir_json_str(weir_json_get(what, "new"), &new)) {
        return weir_fail(err, WEIR_EINVAL, "\"password\" needs \"old\" and \"new\", as text");
    }
    rc = weir_password_acceptable(new, weir_str_of(ask->who.email), err);
    rc = rc ? rc : weir_person_password(ask->state, key, &ask->arena, &hash, err);
    if (rc == 0 && ask->backoff) {
        ask->retry_after = weir_backoff_try(ask->backoff, key, &rule, weir_mono());
    }
    if (rc == 0 && ask->retry_after) {
        ask->status = 429;
        return weir_fail(err, WEIR_EAGAIN, "too many attempts; wait a moment");
    }
    if (rc == 0 && !weir_password_check(hash, old)) {
        return weir_fail(err, WEIR_EPERM, "the old password is another one");
    }
    if (rc == 0 && ask->backoff) {
        weir_backoff_clear(ask->backoff, key);
    }
    rc = rc ? rc : weir_password_hash(new, made, err);
    rc = rc ? rc : weir_person_set_password(ask->state, key, weir_str_of(made), err);
    weir_ask_rights(ask, &key);
    return rc ? rc
              : weir_ask_note(ask, "person.password", weir_str_of(ask->who.email), WEIR_STR(""),
                              err);
}

int weir_ask_may_rename(struct weir_ask *ask, const struct weir_person *p, struct weir_str name,
                        struct weir_error *err)
{
    struct weir_group *groups;
    size_t count = 0;
    if (!name.ptr || weir_str_eq(name, p->name) || p->role == WEIR_ROLE_ADMIN) {
        return 0;
    }
    int rc = weir_groups_list(ask->state, &ask->arena, &groups, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        for (size_t k = 0; k < groups[i].table_count; k++) {
            if (weir_access_may_read(groups[i].tables[k].rows, WEIR_STR("name"))) {
                return weir_fail(err, WEIR_EPERM,
                                 "the name \"" WEIR_STR_FMT
                                 "\" decides which rows are seen here, so only an admin changes it",
                                 WEIR_STR_ARG(p->name));
            }
        }
    }
    return rc;
}

static int change_rest(struct weir_ask *ask, struct weir_json preferences, struct weir_str name,
                       struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_person_get(ask->state, weir_str_of(ask->who.id), &ask->arena, &p, err);
    rc = rc ? rc : weir_ask_may_rename(ask, &p, name, err);
    p.name = name.ptr ? name : p.name;
    if (rc == 0 && weir_json_exists(preferences)) {
        rc = weir_json_type(preferences) == WEIR_JSON_OBJECT
                 ? weir_ask_json(ask, preferences, &p.preferences, err)
                 : weir_fail(err, WEIR_EINVAL, "\"preferences\" must be an object");
    }
    rc = rc ? rc : weir_person_save(ask->state, &p, err);
    if (rc == 0) {
        weir_caller_person(&ask->who, &p);
    }
    return rc;
}

int weir_ask_session_change(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"name", "password", "preferences", NULL};
    struct weir_str name;
    struct weir_json password = weir_json_get(ask->body, "password");
    struct weir_json preferences = weir_json_get(ask->body, "preferences");
    if (ask->who.way != WEIR_WAY_SESSION) {
        return weir_fail(err, WEIR_EPERM, "only somebody who is logged in can change herself");
    }
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_text(ask, "name", false, &name, err);
    if (rc == 0 && (name.ptr || weir_json_exists(preferences))) {
        rc = weir_state_begin(ask->state, err);
        rc = rc ? rc : weir_state_end(ask->state, change_rest(ask, preferences, name, err), err);
    }
    if (rc == 0 && weir_json_exists(password)) {
        /* All her sessions end with the old password; this client gets a new one. */
        rc = change_password(ask, password, err);
        return rc ? rc : weir_ask_enter(ask, weir_str_of(ask->who.id), err);
    }
    return rc ? rc : weir_ask_session(ask, err);
}
