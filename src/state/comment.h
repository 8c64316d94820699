/* Comments on a report or on one of its tiles, and subscriptions to it. Both go with the report,
 * and subscriptions with the person. */
#ifndef WEIR_STATE_COMMENT_H
#define WEIR_STATE_COMMENT_H

#include "state/state.h"

#define WEIR_MAX_COMMENT        10000       /* bytes of its text */
#define WEIR_MAX_COMMENT_VALUES (16u << 10) /* bytes of its values */
#define WEIR_MAX_COMMENTS       5000        /* of one report */

struct weir_comment {
    struct weir_str id, report;
    struct weir_str tile; /* empty: on the report as a whole */
    struct weir_str text;
    struct weir_str values; /* a JSON object: which values it was written about */
    struct weir_str person; /* id, or the owner's */
    struct weir_str by;     /* her e-mail address at that time */
    struct weir_str name;
    weir_time at, edited_at;     /* 0: never */
    weir_time resolved_at;       /* 0: it is not */
    struct weir_str resolved_by; /* an e-mail address */
};

int weir_comment_add(struct weir_state *state, const struct weir_comment *comment,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The oldest first; `tile` empty: all of the report's. */
int weir_comment_list(struct weir_state *state, struct weir_str report, struct weir_str tile,
                      struct weir_arena *arena, struct weir_comment **out, size_t *count,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT. */
int weir_comment_get(struct weir_state *state, struct weir_str id, struct weir_arena *arena,
                     struct weir_comment *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Its text, and whether it is resolved. */
int weir_comment_save(struct weir_state *state, const struct weir_comment *comment,
                      struct weir_error *err) WEIR_MUST_CHECK;
int weir_comment_remove(struct weir_state *state, struct weir_str id,
                        struct weir_error *err) WEIR_MUST_CHECK;

struct weir_subscription {
    struct weir_str values, every; /* JSON objects; ptr NULL: there is none */
    weir_time at;                  /* since when */
};
int weir_subscription_get(struct weir_state *state, struct weir_str person, struct weir_str report,
                          struct weir_arena *arena, struct weir_subscription *out,
                          struct weir_error *err) WEIR_MUST_CHECK;
int weir_subscription_put(struct weir_state *state, struct weir_str person, struct weir_str report,
                          const struct weir_subscription *subscription,
                          struct weir_error *err) WEIR_MUST_CHECK;
int weir_subscription_remove(struct weir_state *state, struct weir_str person,
                             struct weir_str report, struct weir_error *err) WEIR_MUST_CHECK;
struct weir_subscribed {
    struct weir_str report;
    struct weir_subscription subscription;
};
/* All of this person's, the newest first. */
int weir_subscription_list(struct weir_state *state, struct weir_str person,
                           struct weir_arena *arena, struct weir_subscribed **out, size_t *count,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
