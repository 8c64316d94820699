/* Values that must not be said: each of them in a text is replaced by "***". */
#ifndef WEIR_BASE_MASK_H
#define WEIR_BASE_MASK_H

#include "base/arena.h"
#include "base/error.h"

#define WEIR_MASK_MIN 4 /* bytes: what is shorter is no secret, and in every other word */

struct weir_mask {
    struct weir_str text;
    struct weir_mask *next;
};

/* Of a text with more than one line each line counts as well, and so does what JSON makes of it:
 * programs tell in lines. WEIR_ENOMEM. */
int weir_mask_add(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* In place; the new length. The beginning of a value at the text's end counts: texts are cut.
 * NULL: nothing is masked. */
size_t weir_mask_bytes(const struct weir_mask *mask, char *text, size_t len);
/* In its message. */
void weir_mask_error(const struct weir_mask *mask, struct weir_error *err);

#endif
