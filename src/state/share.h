/* With whom a report is shared beyond the collections that people see: single people, groups, or
 * everybody. It lets them see the report; what data they see in it is their groups' matter.
 *
 * Goes with the person, the group and the report it names. */
#ifndef WEIR_STATE_SHARE_H
#define WEIR_STATE_SHARE_H

#include "state/state.h"

#define WEIR_MAX_SHARES 1000 /* people, and as many groups, of one report */

struct weir_share {
    struct weir_str *people; /* ids */
    size_t person_count;
    struct weir_str *groups; /* ids; the group `everyone` is `company` */
    size_t group_count;
    bool company;
};

/* One that is shared with nobody is no error. */
int weir_share_get(struct weir_state *state, struct weir_str report, struct weir_arena *arena,
                   struct weir_share *out, struct weir_error *err) WEIR_MUST_CHECK;
/* In place of what it was. WEIR_EINVAL: one of them is nobody, or no group; the message says who.
 */
int weir_share_put(struct weir_state *state, struct weir_str report, const struct weir_share *share,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* The ids of the reports that are shared with this person in any way, in order. */
int weir_share_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                  struct weir_str **out, size_t *count, struct weir_error *err) WEIR_MUST_CHECK;

#endif
