/* Embedded pages: POST /api/embeds makes a link, the page behind it comes with the link's token in
 * the header X-Weir-Pass (see embed_token.h).
 *
 * A token shows the published version of one report with the rights that its person has at that
 * moment, as a viewer. It opens the routes that are marked `embed`, and nothing with SQL in it. */
#ifndef WEIR_SERVE_EMBEDS_H
#define WEIR_SERVE_EMBEDS_H

#include "serve/embed_token.h"
#include "serve/server.h"

struct weir_embeds;

int weir_embeds_new(struct weir_workspace *workspace, const struct weir_serve_settings *settings,
                    struct weir_embeds **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_embeds_free(struct weir_embeds *embeds); /* NULL is fine */

/* Who comes with this token: fills call->who and call->embed. WEIR_ENOENT when it is not good, or
 * its person is gone. */
int weir_embeds_find(struct weir_call *call, struct weir_str token, struct weir_arena *arena,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* What the call's token says; NULL: the call came with none. Any thread. */
int weir_embeds_of(const struct weir_call *call, struct weir_arena *arena, struct weir_embed **out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* Is it still good? */
bool weir_embeds_hold(const struct weir_server *server, struct weir_str token);
/* Who may have the page in a frame: "'none'", or origins with blanks between. */
const char *weir_embeds_ancestors(const struct weir_embeds *embeds);

#endif
