/* The audit log: who did what to whom. Entries are only ever added. */
#ifndef WEIR_STATE_AUDIT_H
#define WEIR_STATE_AUDIT_H

#include "state/state.h"

struct weir_audit {
    int64_t id;
    weir_time at;
    struct weir_str person_id; /* "owner" for whoever owns the machine; empty: nobody (a log-in) */
    struct weir_str person;    /* her e-mail address at that time */
    struct weir_str action;    /* "person.add", "session.refused", ... */
    struct weir_str object;    /* what it was done to: an e-mail address, a group's name, ... */
    struct weir_str detail;    /* a JSON object */
    struct weir_str address;   /* where from; empty: the unix socket or the command line */
};

int weir_audit_add(struct weir_state *state, const struct weir_audit *entry,
                   struct weir_error *err) WEIR_MUST_CHECK;

struct weir_audit_filter {
    int64_t before;         /* an id; 0: the newest */
    int64_t limit;          /* 1 to 1,000 */
    struct weir_str person; /* id or e-mail address; empty: anybody */
    struct weir_str action; /* whole, or its part before the dot; empty: any */
    struct weir_str object; /* empty: any */
    weir_time since;        /* 0: any */
};
/* Newest first. */
int weir_audit_list(struct weir_state *state, const struct weir_audit_filter *filter,
                    struct weir_arena *arena, struct weir_audit **out, size_t *count,
                    struct weir_error *err) WEIR_MUST_CHECK;

#endif
