/* What one person sees of a report: its draft, or the version that is published, and which values
 * hold for her.
 *
 * Who may edit the report sees the draft, and the published version when she asks for it. Everybody
 * else sees the published version, or, of a report that is not published, what it is now. */
#ifndef WEIR_SERVE_LOOK_H
#define WEIR_SERVE_LOOK_H

#include "access/access.h"
#include "serve/embed_token.h"
#include "serve/server.h"
#include "workspace/document.h"

enum weir_level { WEIR_LEVEL_NONE, WEIR_LEVEL_VIEW, WEIR_LEVEL_EDIT };
struct weir_levels;

struct weir_report_look {
    const struct weir_document *d;
    enum weir_level level;      /* what she may do with the report */
    bool published;             /* `d` is the published version */
    struct weir_data *forced;   /* object: values by parameter that she cannot change; or NULL */
    struct weir_data *defaults; /* object: values that she begins with; or NULL */
    struct weir_embed *embed;   /* what the embedded page may show; NULL: she is none */
    /* private: what holds `d` */
    struct weir_documents *all;
    struct weir_document *held;
};

/* `version`: NULL for what she sees, "published", "draft", or one of these two by its id.
 * WEIR_ENOENT, as if it were not there, when she may not see the report. Values live in the arena.
 * End it also after a failure. */
int weir_report_look(const struct weir_call *call, const struct weir_levels *levels,
                     struct weir_arena *arena, const char *id, const char *version,
                     struct weir_report_look *out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_report_look_end(struct weir_report_look *look); /* an empty one is fine */

/* Is this tile for her? Of an embedded page perhaps only one is. */
bool weir_look_shows(const struct weir_report_look *look, const struct weir_data *tile);

/* What she sees of the rows of this report, as one hash: her rules, and what is forced on her. Two
 * people with the same one may see each other's results. */
struct weir_hash128 weir_report_look_rules(const struct weir_report_look *look,
                                           const struct weir_access *access);

/* The parameter of this name; NULL: there is none. */
const struct weir_data *weir_report_parameter(const struct weir_data *report, struct weir_str name);

#endif
