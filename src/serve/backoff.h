/* Log-in back-off: after some failures a key (an account, an address) has to wait, longer each
 * time.
 *
 * Constant memory: keys share slots by a seeded hash, so that nobody can push another's entry out;
 * two keys that fall together wait together, which is rare. Threads: any; it has a lock inside. */
#ifndef WEIR_SERVE_BACKOFF_H
#define WEIR_SERVE_BACKOFF_H

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"

struct weir_backoff;

struct weir_backoff_rule {
    unsigned free;    /* failures without a wait */
    weir_time first;  /* the first wait; it doubles with each further failure */
    weir_time most;   /* and stays at this */
    weir_time forget; /* without an attempt, all is forgotten */
};

/* NULL when there is no memory. */
struct weir_backoff *weir_backoff_new(void);
void weir_backoff_free(struct weir_backoff *backoff);

/* May this key try now? 0: yes, and it counts as a failure until weir_backoff_clear (so that many
 * attempts at once are not one). Else how long to wait. `now` never jumps (weir_mono). */
weir_time weir_backoff_try(struct weir_backoff *backoff, struct weir_str key,
                           const struct weir_backoff_rule *rule, weir_time now);
/* That attempt was no failure; earlier ones stay. */
void weir_backoff_undo(struct weir_backoff *backoff, struct weir_str key);
/* It succeeded: the key starts anew. */
void weir_backoff_clear(struct weir_backoff *backoff, struct weir_str key);

#endif
