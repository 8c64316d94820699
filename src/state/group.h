/* Groups: what their members may see. The built-in group `everyone` holds all people. */
#ifndef WEIR_STATE_GROUP_H
#define WEIR_STATE_GROUP_H

#include "access/access.h"
#include "state/state.h"

#define WEIR_GROUP_EVERYONE "everyone"

struct weir_collection_grant {
    struct weir_str collection; /* a slug, or `*` */
    bool edit;
};

struct weir_group {
    struct weir_str id, name, description;
    bool builtin;
    struct weir_grant *tables; /* their `group` is the name */
    size_t table_count;
    struct weir_collection_grant *collections;
    size_t collection_count;
    struct weir_str *members; /* ids of people; all of them for `everyone` */
    size_t member_count;
};

/* All, `everyone` first, then by name. */
int weir_groups_list(struct weir_state *state, struct weir_arena *arena, struct weir_group **out,
                     size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* Those that hold this person. */
int weir_groups_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                   struct weir_group **out, size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* Only their ids. */
int weir_groups_ids_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                       struct weir_str **out, size_t *count,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Makes her a member of these and of no others; built-in ones in the list are passed over.
 * WEIR_EINVAL: one of them is no group. */
int weir_groups_set_of(struct weir_state *state, struct weir_str person,
                       const struct weir_str *groups, size_t count,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* By id, or else by name. WEIR_ENOENT. */
int weir_group_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                   struct weir_group *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Makes or replaces the whole group with this id. A built-in one keeps its name and its members.
 * WEIR_EEXIST: another has the name. WEIR_EINVAL: a member is nobody. */
int weir_group_put(struct weir_state *state, const struct weir_group *group,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EPERM for a built-in one. */
int weir_group_remove(struct weir_state *state, struct weir_str id,
                      struct weir_error *err) WEIR_MUST_CHECK;

#endif
