/* People: who may come in, and as what. */
#ifndef WEIR_STATE_PERSON_H
#define WEIR_STATE_PERSON_H

#include "state/state.h"

enum weir_role {
    WEIR_ROLE_VIEWER, /* opens what is shared with her */
    WEIR_ROLE_EDITOR, /* writes SQL, saves documents */
    WEIR_ROLE_ADMIN   /* everything, without rules */
};
const char *weir_role_name(enum weir_role role);
bool weir_role_parse(struct weir_str name, enum weir_role *out);

#define WEIR_MAX_EMAIL 254
#define WEIR_MAX_NAME  120

struct weir_person {
    struct weir_str id, email, name;
    enum weir_role role;
    bool disabled;
    bool invited;                       /* has no password yet */
    struct weir_str attributes;         /* a JSON object, as admins wrote it */
    struct weir_str preferences;        /* a JSON object, the app's */
    weir_time created_at, last_seen_at; /* 0: never */
};

/* The one spelling under which an address is kept and looked up: trimmed, lower case. Only ASCII is
 * taken, so that no two addresses look alike. WEIR_EINVAL says what is wrong. */
int weir_email_normal(struct weir_str email, char out[WEIR_MAX_EMAIL + 1],
                      struct weir_error *err) WEIR_MUST_CHECK;
/* 1 to WEIR_MAX_NAME bytes of UTF-8 without control characters. */
int weir_name_check(struct weir_str name, struct weir_error *err) WEIR_MUST_CHECK;

/* Has there ever been a person? Then loopback is not trusted any more, whatever came after. */
int weir_people_began(struct weir_state *state, bool *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_people_count(struct weir_state *state, int64_t *out,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* All, by name. */
int weir_people_list(struct weir_state *state, struct weir_arena *arena, struct weir_person **out,
                     size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT. */
int weir_person_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                    struct weir_person *out, struct weir_error *err) WEIR_MUST_CHECK;
/* The address is made normal first; one that cannot be is WEIR_ENOENT. */
int weir_person_by_email(struct weir_state *state, struct weir_str email, struct weir_arena *arena,
                         struct weir_person *out, struct weir_error *err) WEIR_MUST_CHECK;

/* Makes a person of id, email, name, role, attributes (empty: {}). WEIR_EEXIST when the address is
 * taken; WEIR_EINVAL. */
int weir_person_add(struct weir_state *state, const struct weir_person *person,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* Writes email, name, role, disabled, attributes and preferences. A disabled person's sessions end
 * at once. WEIR_EPERM when nobody would be left who can log in as admin. */
int weir_person_save(struct weir_state *state, const struct weir_person *person,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* With sessions, tokens and memberships; the audit log keeps her name. WEIR_EPERM as above. */
int weir_person_remove(struct weir_state *state, struct weir_str id,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* The stored hash, for weir_password_check; empty when there is none. */
int weir_person_password(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                         struct weir_str *hash, struct weir_error *err) WEIR_MUST_CHECK;
/* Also ends her sessions and her one-time link. */
int weir_person_set_password(struct weir_state *state, struct weir_str id, struct weir_str hash,
                             struct weir_error *err) WEIR_MUST_CHECK;
int weir_person_seen(struct weir_state *state, struct weir_str id, weir_time at,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
