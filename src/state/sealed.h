/* Secrets that weir must be able to read again, such as the passwords of databases that it reads
 * from: sealed (libsodium's secretbox) in the state store, by a key in a file of its own with the
 * mode 0600. Who has a copy of the store alone has none of them. */
#ifndef WEIR_STATE_SEALED_H
#define WEIR_STATE_SEALED_H

#include "state/state.h"

#define WEIR_SEALED_MAX 65536 /* bytes of a value */

struct weir_sealed {
    struct weir_str name;
    weir_time changed_at;
};

/* 1 to 100 letters, digits, `_`, `-` and `.`, beginning with a letter or a digit. */
int weir_sealed_name_check(struct weir_str name, struct weir_error *err) WEIR_MUST_CHECK;
/* `folder`: where the key is, or is made. In place of what had the name. */
int weir_sealed_set(struct weir_state *state, const char *folder, struct weir_str name,
                    struct weir_str value, struct weir_error *err) WEIR_MUST_CHECK;
/* The value in the arena. WEIR_ENOENT when there is none; WEIR_ECORRUPT when the key is another
 * than the one it was sealed with, or is gone. */
int weir_sealed_get(struct weir_state *state, const char *folder, struct weir_str name,
                    struct weir_arena *arena, struct weir_str *out,
                    struct weir_error *err) WEIR_MUST_CHECK;
/* By name. */
int weir_sealed_list(struct weir_state *state, struct weir_arena *arena, struct weir_sealed **out,
                     size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
int weir_sealed_remove(struct weir_state *state, struct weir_str name,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* All whose names begin so. None is no failure. */
int weir_sealed_remove_all(struct weir_state *state, struct weir_str beginning,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
