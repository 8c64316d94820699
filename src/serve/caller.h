/* Who asks. */
#ifndef WEIR_SERVE_CALLER_H
#define WEIR_SERVE_CALLER_H

#include "access/access.h"
#include "base/json.h"
#include "io/http.h"
#include "state/credential.h"

#define WEIR_OWNER_ID "owner" /* whoever owns the machine: the unix socket, the owner's token */

enum weir_way {
    WEIR_WAY_NOBODY,
    WEIR_WAY_SOCKET,   /* the unix socket, or the command line without a server */
    WEIR_WAY_LOOPBACK, /* while there are no people */
    WEIR_WAY_OWNER,    /* the token in .weir/secrets */
    WEIR_WAY_TOKEN,    /* an API token */
    WEIR_WAY_SESSION,
    WEIR_WAY_PASS /* see passes.h */
};

/* Plain bytes, so that it is copied with the call. */
struct weir_caller {
    enum weir_way way;
    enum weir_role role;
    unsigned scopes; /* enum weir_scope */
    char id[WEIR_ID_SIZE];
    char email[WEIR_MAX_EMAIL + 1];
    char name[WEIR_MAX_NAME + 1];
    char by_id[WEIR_ID_SIZE]; /* the admin who looks through this person's eyes, or "" */
    char by_email[WEIR_MAX_EMAIL + 1];
    char session[WEIR_SECRET_SIZE]; /* the cookie's value */
    char only[WEIR_ID_SIZE];        /* the one report that a pass opens, or "" */
    char address[64];               /* "" on the unix socket */
};

/* The owner of the machine, by this way. */
void weir_caller_owner(struct weir_caller *out, enum weir_way way);
/* Fills in who `person` is. */
void weir_caller_person(struct weir_caller *out, const struct weir_person *person);
/* From here on the caller, who is known, reads this report and nothing else. */
void weir_caller_hold_to(struct weir_caller *who, const char *report);
static inline bool weir_caller_is_owner(const struct weir_caller *who)
{
    return strcmp(who->id, WEIR_OWNER_ID) == 0;
}

/* Whose runs and queries are these? Through somebody else's eyes they are the admin's own. */
static inline const char *weir_caller_asker(const struct weir_caller *who)
{
    return who->by_id[0] ? who->by_id : who->id;
}

/* From here on the caller is the person of this address, seen by the admin who asks: WEIR_EPERM for
 * anybody else, WEIR_ENOENT when there is no such person. Goes to the audit log, once an hour. */
int weir_caller_see_as(struct weir_caller *who, struct weir_state *state, struct weir_str email,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* One entry of the audit log: what she did, now. `detail` is JSON; ptr NULL: none. */
int weir_caller_note(struct weir_state *state, const struct weir_caller *who, const char *action,
                     struct weir_str object, struct weir_str detail,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* What X-Weir-CSRF must be for this session. */
void weir_caller_csrf(const struct weir_caller *who, char out[WEIR_SECRET_SIZE]);

/* --- access.c ------------------------------------------------------------------------------- */
/* What this person may see, in the arena; NULL for whoever may see everything. */
int weir_caller_access(struct weir_state *state, const struct weir_caller *who,
                       struct weir_arena *arena, struct weir_access **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Are these attributes of a person? A JSON object of names ([a-z][a-z0-9_]*) and text, numbers,
 * true, false or lists of text. Needs WEIR_BUF_PADDING behind the text they were parsed from. */
int weir_attributes_check(struct weir_json attributes, struct weir_error *err) WEIR_MUST_CHECK;

#endif
