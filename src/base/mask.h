/* Values that must not be said: each of them in a text is replaced by "***". */
#ifndef WEIR_BASE_MASK_H
#define WEIR_BASE_MASK_H

#include "base/arena.h"
#include "base/error.h"

#define WEIR_MASK_MIN 4 /* bytes: what is shorter is no secret, and in every other word */

struct weir_mask {
    struct weir_str text;
    bool coded; /* a part of its base64: as it is, and in no other way */
    struct weir_mask *next;
};

/* It is found as it is, and as addresses, forms and JSON write it, and in base64 ("user:password"),
 * where it is long enough not to be there by chance. Of a text with more than one line each line
 * counts as well: programs tell in lines; and of an address, the password in it. WEIR_ENOMEM. */
int weir_mask_add(struct weir_mask **mask, struct weir_arena *arena, struct weir_str text,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* In place; the new length. The beginning of a value at the text's end counts: texts are cut.
 * NULL: nothing is masked. */
size_t weir_mask_bytes(const struct weir_mask *mask, char *text, size_t len);
/* Is there an address with a password in it, scheme://user:password@host (of the web also what may
 * be one alone)? Not where it is a template's. */
bool weir_mask_in_address(struct weir_str text, struct weir_str *password);
/* In its message. */
void weir_mask_error(const struct weir_mask *mask, struct weir_error *err);

#endif
