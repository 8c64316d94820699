/* What people come in with: sessions (a cookie), API tokens, one-time links. The store keeps hashes
 * of secrets only; a secret is told once, when it is made. */
#ifndef WEIR_STATE_CREDENTIAL_H
#define WEIR_STATE_CREDENTIAL_H

#include "state/person.h"
#include "state/secret.h"

/* --- sessions ------------------------------------------------------------------------------- */

struct weir_session_limits {
    weir_time idle; /* without a request */
    weir_time age;  /* since the log-in */
};

int weir_sessions_add(struct weir_state *state, struct weir_str person, struct weir_str address,
                      weir_time now, char secret[WEIR_SECRET_SIZE],
                      struct weir_error *err) WEIR_MUST_CHECK;
/* Whose session is it? WEIR_ENOENT when there is none, it is too old, or she is disabled. Notes
 * (once a minute) that she was here. `until`: so long that holds, if nothing in the store changes,
 * and nothing is to be noted. */
int weir_sessions_find(struct weir_state *state, struct weir_str secret,
                       const struct weir_session_limits *limits, weir_time now,
                       struct weir_arena *arena, struct weir_person *out, weir_time *until,
                       struct weir_error *err) WEIR_MUST_CHECK;
int weir_sessions_remove(struct weir_state *state, struct weir_str secret,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Removes those that are too old; cheap. */
int weir_sessions_sweep(struct weir_state *state, const struct weir_session_limits *limits,
                        weir_time now, struct weir_error *err) WEIR_MUST_CHECK;
/* Is she logged in from this address now? */
int weir_sessions_know(struct weir_state *state, struct weir_str person, struct weir_str address,
                       bool *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- API tokens ----------------------------------------------------------------------------- */

enum weir_scope {
    WEIR_SCOPE_QUERY = 1, /* run queries */
    WEIR_SCOPE_READ = 2,  /* what GET shows */
    WEIR_SCOPE_WRITE = 4, /* documents and the like */
    WEIR_SCOPE_ADMIN = 8, /* people, groups, tokens */
    WEIR_SCOPES_ALL = 15
};
/* The name of one bit. */
const char *weir_scope_name(unsigned scope);
/* 0 when there is no scope of this name. */
unsigned weir_scope_parse(struct weir_str name);

#define WEIR_TOKEN_PREFIX      "weir_"
#define WEIR_TOKEN_SECRET_SIZE (sizeof WEIR_TOKEN_PREFIX - 1 + WEIR_SECRET_SIZE)

struct weir_token {
    struct weir_str id, name;
    struct weir_str person; /* id; empty: the owner's, who may do everything */
    struct weir_str email;  /* of the person */
    unsigned scopes;
    weir_time created_at, expires_at, last_used_at; /* 0: never */
};

/* Makes a token of id, name, person, scopes and the times. WEIR_EINVAL: the person is nobody. */
int weir_token_add(struct weir_state *state, const struct weir_token *token,
                   char secret[WEIR_TOKEN_SECRET_SIZE], struct weir_error *err) WEIR_MUST_CHECK;
/* `person` empty: everybody's. Newest first. */
int weir_token_list(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                    struct weir_token **out, size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
int weir_token_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                   struct weir_token *out, struct weir_error *err) WEIR_MUST_CHECK;
int weir_token_remove(struct weir_state *state, struct weir_str id,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT when there is none, it has expired, or its person is disabled. Notes (once a minute)
 * that it was used; `until` as for sessions. */
int weir_token_find(struct weir_state *state, struct weir_str secret, weir_time now,
                    struct weir_arena *arena, struct weir_token *out, weir_time *until,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* --- one-time links ------------------------------------------------------------------------- */

/* Makes the link of a person, or (empty) the one that sets weir up; an earlier one dies. */
int weir_link_add(struct weir_state *state, struct weir_str person, weir_time expires_at,
                  char secret[WEIR_SECRET_SIZE], struct weir_error *err) WEIR_MUST_CHECK;
/* Whose is it (empty: the set-up's)? WEIR_ENOENT when it was used, replaced, or is too old. */
int weir_link_find(struct weir_state *state, struct weir_str secret, weir_time now,
                   struct weir_arena *arena, struct weir_str *person,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT when somebody else was faster. */
int weir_link_use(struct weir_state *state, struct weir_str secret,
                  struct weir_error *err) WEIR_MUST_CHECK;

#endif
