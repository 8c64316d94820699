/* GET /api/changes: server-sent events. All on the loop's thread. */
#ifndef WEIR_SERVE_CHANGES_H
#define WEIR_SERVE_CHANGES_H

#include "serve/server.h"

struct weir_changes;

struct weir_change {
    char kind[16]; /* "report", "view", ... */
    char id[128];
    char version[41];    /* "": it is gone */
    char by[256];        /* "": outside the app */
    char collection[64]; /* "": everybody may know */
    bool draft;          /* of a report: not what those see whom it is published to */
    const char *event;   /* NULL: the document; else "publication" or "comments" of the report */
};

int weir_changes_new(struct weir_server *server, struct weir_changes **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
void weir_changes_tell(struct weir_changes *changes, const struct weir_change *change);
/* A source ("*": any): its latest run as JSON, or null. Editors and admins hear the name; the run,
 * whose errors and streams tell of tables, those who see all tables. */
void weir_changes_tell_source(struct weir_changes *changes, const char *name, struct weir_str run);
/* Somebody's rights changed: who may hear of what is asked again. */
void weir_changes_rights(struct weir_changes *changes);
/* Those who listen. NULL is NULL. */
struct weir_listeners *weir_changes_pages(struct weir_changes *changes);
void weir_changes_free(struct weir_changes *changes);

struct weir_shelf;
struct weir_changes *weir_shelf_changes(struct weir_shelf *shelf);
void weir_shelf_stop(struct weir_shelf *shelf); /* waits for the threads */

#endif
