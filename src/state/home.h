/* What people find first: their favourites, what is popular, the home pages of groups, and what was
 * published since they were here last. */
#ifndef WEIR_STATE_HOME_H
#define WEIR_STATE_HOME_H

#include "state/state.h"

#define WEIR_VISIT_AFTER    (30 * 60 * WEIR_SECOND) /* away so long, and it is another visit */
#define WEIR_MAX_FAVOURITES 500                     /* of one person */

/* `person` is an id, or the owner's, who is nobody's row. */
int weir_favourite_put(struct weir_state *state, struct weir_str person, struct weir_str report,
                       weir_time now, struct weir_error *err) WEIR_MUST_CHECK;
/* One that is none is no error. */
int weir_favourite_remove(struct weir_state *state, struct weir_str person, struct weir_str report,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* The newest first. */
int weir_favourite_list(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                        struct weir_str **out, size_t *count,
                        struct weir_error *err) WEIR_MUST_CHECK;

struct weir_popular {
    struct weir_str report;
    int64_t people; /* who opened it since then */
};
/* What most people opened, at most 500. */
int weir_popular_list(struct weir_state *state, weir_time since, struct weir_arena *arena,
                      struct weir_popular **out, size_t *count,
                      struct weir_error *err) WEIR_MUST_CHECK;

struct weir_group_home {
    struct weir_str group, name, report;
};
/* The home pages of this person's groups, by the groups' names, `everyone` last. */
int weir_home_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                 struct weir_group_home **out, size_t *count,
                 struct weir_error *err) WEIR_MUST_CHECK;
/* The one of this group; ptr NULL: it has none. */
int weir_home_get(struct weir_state *state, struct weir_str group, struct weir_arena *arena,
                  struct weir_str *out, struct weir_error *err) WEIR_MUST_CHECK;
/* `report` empty: it has none. WEIR_ENOENT: no such group. */
int weir_home_put(struct weir_state *state, struct weir_str group, struct weir_str report,
                  struct weir_error *err) WEIR_MUST_CHECK;

/* Notes that she is here, and gives when her last visit ended; 0: this is the first. */
int weir_visit(struct weir_state *state, struct weir_str person, weir_time now, weir_time *before,
               struct weir_error *err) WEIR_MUST_CHECK;

#endif
