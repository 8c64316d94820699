/* Passes: what lets a page without a session read one report, as one person, for a while. The
 * browser that makes a PDF has one; it comes with each request in the header X-Weir-Pass.
 *
 * They are in memory only: a restart ends them. All on the loop's thread. */
#ifndef WEIR_SERVE_PASSES_H
#define WEIR_SERVE_PASSES_H

#include "serve/caller.h"

struct weir_passes;

struct weir_passes *weir_passes_new(void); /* NULL without memory */
void weir_passes_free(struct weir_passes *passes);

/* A pass for whoever calls, through the eyes that she uses now. WEIR_EBUSY when there are too many.
 */
int weir_passes_make(struct weir_passes *passes, const struct weir_caller *who, const char *report,
                     weir_time life, char secret[WEIR_SECRET_SIZE],
                     struct weir_error *err) WEIR_MUST_CHECK;
void weir_passes_end(struct weir_passes *passes, const char *secret);
/* Who comes with this pass: fills `out`. WEIR_ENOENT when there is no such pass, or its person is
 * gone, or the admin who looked through somebody's eyes may not any more. */
int weir_passes_find(struct weir_passes *passes, struct weir_state *state, struct weir_str secret,
                     struct weir_arena *arena, struct weir_caller *out,
                     struct weir_error *err) WEIR_MUST_CHECK;

#endif
