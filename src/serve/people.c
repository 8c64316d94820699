/* /api/people */
#include "serve/ask.h"
#include "state/group.h"

static const char *state_of(const struct weir_person *p)
{
    return p->disabled ? "disabled" : p->invited ? "invited" : "active";
}

/* Editors see who there is, to share with them; admins see all. */
static int print_person(struct weir_ask *ask, const struct weir_person *p, struct weir_error *err)
{
    struct weir_jw *w = &ask->w;
    struct weir_str *groups;
    size_t count = 0;
    int rc = 0;
    weir_jw_object(w);
    weir_jw_kstr(w, "id", p->id);
    weir_jw_kstr(w, "email", p->email);
    weir_jw_kstr(w, "name", p->name);
    weir_jw_kstrz(w, "role", weir_role_name(p->role));
    weir_jw_kstrz(w, "state", state_of(p));
    if (ask->who.role == WEIR_ROLE_ADMIN) {
        weir_jw_kbool(w, "disabled", p->disabled);
        weir_jw_keyz(w, "attributes");
        weir_jw_raw(w, p->attributes);
        rc = weir_groups_ids_of(ask->state, p->id, &ask->arena, &groups, &count, err);
        weir_jw_keyz(w, "groups");
        weir_jw_array(w);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            weir_jw_str(w, groups[i]);
        }
        weir_jw_array_end(w);
        weir_jw_ktime_or_null(&ask->w, "created_at", p->created_at);
        weir_jw_ktime_or_null(&ask->w, "last_seen_at", p->last_seen_at);
    }
    weir_jw_object_end(w);
    return rc;
}

static int print_by_id(struct weir_ask *ask, struct weir_str id, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_person_get(ask->state, id, &ask->arena, &p, err);
    return rc ? rc : print_person(ask, &p, err);
}

int weir_ask_people(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_person *people;
    size_t count = 0;
    int rc = weir_people_list(ask->state, &ask->arena, &people, &count, err);
    weir_jw_object(&ask->w);
    weir_jw_keyz(&ask->w, "people");
    weir_jw_array(&ask->w);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = print_person(ask, &people[i], err);
    }
    weir_jw_array_end(&ask->w);
    weir_jw_object_end(&ask->w);
    return rc;
}

int weir_ask_person(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_ask_find_person(ask, ask->id, &p, err);
    return rc ? rc : print_person(ask, &p, err);
}

/* --- what a body says of a person ------------------------------------------------------------- */

struct wish {
    struct weir_str *groups; /* NULL: as they are */
    size_t group_count;
    bool hashed;
    char password[WEIR_PASSWORD_HASH];
};

static int read_attributes(struct weir_ask *ask, struct weir_person *p, struct weir_error *err)
{
    struct weir_json attributes = weir_json_get(ask->body, "attributes");
    if (!weir_json_exists(attributes)) {
        return 0;
    }
    int rc = weir_attributes_check(attributes, err);
    return rc ? rc : weir_ask_json(ask, attributes, &p->attributes, err);
}

/* Members of the body replace those of `p`. */
static int read_person(struct weir_ask *ask, struct weir_person *p, struct wish *wish,
                       struct weir_error *err)
{
    struct weir_str email = {NULL, 0}, name = {NULL, 0}, role = {NULL, 0};
    struct weir_json disabled = weir_json_get(ask->body, "disabled");
    int rc = weir_ask_text(ask, "email", p->email.len == 0, &email, err);
    rc = rc ? rc : weir_ask_text(ask, "name", p->name.len == 0, &name, err);
    rc = rc ? rc : weir_ask_text(ask, "role", false, &role, err);
    p->email = email.ptr ? email : p->email;
    p->name = name.ptr ? name : p->name;
    if (rc == 0 && role.ptr && !weir_role_parse(role, &p->role)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"role\" must be viewer, editor or admin");
    }
    if (rc == 0 && weir_json_exists(disabled) && !weir_json_bool(disabled, &p->disabled)) {
        rc = weir_fail(err, WEIR_EINVAL, "\"disabled\" must be true or false");
    }
    rc = rc ? rc : read_attributes(ask, p, err);
    return rc ? rc
              : weir_ask_texts(ask, ask->body, "groups", &wish->groups, &wish->group_count, err);
}

/* Only the owner of the machine gives somebody else a password; admins send invitations. */
static int read_password(struct weir_ask *ask, struct weir_str email, struct wish *wish,
                         struct weir_error *err)
{
    struct weir_str password;
    int rc = weir_ask_text(ask, "password", false, &password, err);
    if (rc || !password.ptr) {
        return rc;
    }
    if (ask->who.way != WEIR_WAY_SOCKET) {
        return weir_fail(err, WEIR_EPERM,
                         "passwords are set by people themselves: send an invitation, or use `weir "
                         "user password` on the server");
    }
    rc = weir_password_acceptable(password, email, err);
    rc = rc ? rc : weir_password_hash(password, wish->password, err);
    wish->hashed = rc == 0;
    return rc;
}

static int apply_wish(struct weir_ask *ask, const struct weir_person *p, const struct wish *wish,
                      struct weir_error *err)
{
    int rc = 0;
    if (wish->groups) {
        rc = weir_groups_set_of(ask->state, p->id, wish->groups, wish->group_count, err);
    }
    if (rc == 0 && wish->hashed) {
        rc = weir_person_set_password(ask->state, p->id, weir_str_of(wish->password), err);
    }
    return rc;
}

/* --- changing ------------------------------------------------------------------------------- */

static int add(struct weir_ask *ask, const struct weir_person *p, const struct wish *wish,
               struct weir_error *err)
{
    int rc = weir_person_add(ask->state, p, err);
    rc = rc ? rc : apply_wish(ask, p, wish, err);
    struct weir_person made;
    rc = rc ? rc : weir_person_get(ask->state, p->id, &ask->arena, &made, err);
    if (rc == 0) {
        const char *detail =
            weir_arena_printf(&ask->arena, "{\"role\":\"%s\"}", weir_role_name(made.role));
        rc = weir_ask_note(ask, "person.add", made.email, weir_str_of(detail), err);
    }
    ask->status = rc ? ask->status : 201;
    return rc ? rc : print_person(ask, &made, err);
}

int weir_ask_person_add(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"email",  "name",     "role", "attributes",
                                        "groups", "password", NULL};
    char id[WEIR_ID_SIZE];
    struct wish wish = {0};
    weir_state_id(id);
    struct weir_person p = {.id = weir_str_of(id), .created_at = ask->now};
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : read_person(ask, &p, &wish, err);
    rc = rc ? rc : read_password(ask, p.email, &wish, err);
    rc = rc ? rc : weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, add(ask, &p, &wish, err), err);
}

static int change(struct weir_ask *ask, struct wish *wish, struct weir_error *err)
{
    struct weir_person p;
    struct weir_str detail = WEIR_STR("");
    int rc = weir_ask_find_person(ask, ask->id, &p, err);
    if (rc == 0 && !wish->hashed) {
        rc = weir_ask_json(ask, ask->body, &detail, err);
    }
    rc = rc ? rc : read_person(ask, &p, wish, err);
    rc = rc ? rc : weir_person_save(ask->state, &p, err);
    rc = rc ? rc : apply_wish(ask, &p, wish, err);
    if (rc == 0) {
        weir_ask_rights(ask, &p.id);
    }
    rc = rc ? rc
            : weir_ask_note(ask, wish->hashed ? "person.password" : "person.change", p.email,
                            detail, err);
    return rc ? rc : print_by_id(ask, p.id, err);
}

int weir_ask_person_change(struct weir_ask *ask, struct weir_error *err)
{
    static const char *const known[] = {"email",      "name",   "role",     "disabled",
                                        "attributes", "groups", "password", NULL};
    struct wish wish = {0};
    struct weir_person p;
    int rc = weir_ask_keys(ask->body, "the body", known, err);
    rc = rc ? rc : weir_ask_find_person(ask, ask->id, &p, err);
    rc = rc ? rc : read_password(ask, p.email, &wish, err); /* slow: before the transaction */
    rc = rc ? rc : weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, change(ask, &wish, err), err);
}

static int remove_person(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_ask_find_person(ask, ask->id, &p, err);
    rc = rc ? rc : weir_person_remove(ask->state, p.id, err);
    if (rc == 0) {
        ask->status = 204;
        weir_ask_rights(ask, &p.id);
    }
    return rc ? rc : weir_ask_note(ask, "person.remove", p.email, WEIR_STR(""), err);
}

int weir_ask_person_remove(struct weir_ask *ask, struct weir_error *err)
{
    int rc = weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, remove_person(ask, err), err);
}

static int invite(struct weir_ask *ask, struct weir_error *err)
{
    struct weir_person p;
    int rc = weir_ask_find_person(ask, ask->id, &p, err);
    if (rc == 0 && p.disabled) {
        return weir_fail(err, WEIR_EINVAL, "she is disabled; enable her first");
    }
    rc = rc ? rc : weir_ask_note(ask, "person.invite", p.email, WEIR_STR(""), err);
    return rc ? rc : weir_ask_print_link(ask, "/join", p.id, err);
}

int weir_ask_person_invite(struct weir_ask *ask, struct weir_error *err)
{
    int rc = weir_state_begin(ask->state, err);
    return rc ? rc : weir_state_end(ask->state, invite(ask, err), err);
}
