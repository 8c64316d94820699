/* Which version of a report is published, and to whom: everybody, single people, groups. A group
 * may come with values: defaults, which its members begin with, and forced ones, which they cannot
 * change. Both are JSON objects of values by parameter.
 *
 * A report has at most two publications: the one that holds, and one that is scheduled, which takes
 * its place when its time has come. They go with the report; people and groups leave them when they
 * are removed. */
#ifndef WEIR_STATE_PUBLICATION_H
#define WEIR_STATE_PUBLICATION_H

#include "state/state.h"

#define WEIR_MAX_AUDIENCE 1000        /* people, and as many groups, of one report */
#define WEIR_MAX_VALUES   (64u << 10) /* bytes of one group's values */

struct weir_published_group {
    struct weir_str id, name;
    struct weir_str defaults, forced; /* JSON objects */
};

struct weir_publication {
    struct weir_str version; /* ptr NULL: there is none */
    weir_time at;            /* since when; of a scheduled one: when it will be */
    struct weir_str by;      /* the e-mail address of who did it */
    bool company;
    struct weir_str *people; /* ids */
    size_t person_count;
    struct weir_published_group *groups; /* by name */
    size_t group_count;
};

int weir_publication_get(struct weir_state *state, struct weir_str report, bool scheduled,
                         struct weir_arena *arena, struct weir_publication *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* In place of what it was. WEIR_EINVAL: one of them is nobody, or no group; the message says who.
 */
int weir_publication_put(struct weir_state *state, struct weir_str report, bool scheduled,
                         const struct weir_publication *publication,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Both of them. Not there is no error. */
int weir_publication_remove(struct weir_state *state, struct weir_str report,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* The scheduled one takes the place of the other, as of `now`. */
int weir_publication_promote(struct weir_state *state, struct weir_str report, weir_time now,
                             struct weir_error *err) WEIR_MUST_CHECK;

struct weir_published {
    struct weir_str report; /* first, for weir_str_order() */
    struct weir_str version;
    weir_time at;
    bool scheduled;
    bool hers; /* see below */
};
/* All, by report. */
int weir_publication_list(struct weir_state *state, struct weir_arena *arena,
                          struct weir_published **out, size_t *count,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Those that hold, by report; `hers`: this person is among those it is published to. */
int weir_publication_of(struct weir_state *state, struct weir_str person, struct weir_arena *arena,
                        struct weir_published **out, size_t *count,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* The groups of the report's publication that hold this person, by name. */
int weir_publication_groups(struct weir_state *state, struct weir_str report,
                            struct weir_str person, struct weir_arena *arena,
                            struct weir_published_group **out, size_t *count,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Somebody who is in both groups: her e-mail address; ptr NULL when there is nobody. */
int weir_publication_shared_member(struct weir_state *state, struct weir_str a, struct weir_str b,
                                   struct weir_arena *arena, struct weir_str *out,
                                   struct weir_error *err) WEIR_MUST_CHECK;

#endif
