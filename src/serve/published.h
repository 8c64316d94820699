/* The published versions of reports, read and checked, in memory by report and version; and the
 * timetable of those that are scheduled. What is published, and to whom, is the state store's
 * (state/publication.h). */
#ifndef WEIR_SERVE_PUBLISHED_H
#define WEIR_SERVE_PUBLISHED_H

#include "serve/server.h"
#include "workspace/document.h"

struct weir_publishing;

int weir_publishing_new(struct weir_server *server, struct weir_library *library,
                        struct weir_publishing **out, struct weir_error *err) WEIR_MUST_CHECK;
void weir_publishing_free(struct weir_publishing *publishing); /* NULL is fine */

/* Held for the caller; NULL when it could not be read, or is published no more. Any thread. */
struct weir_document *weir_publishing_hold(struct weir_publishing *publishing,
                                           struct weir_str report, struct weir_str version);

/* The rest on the documents' thread. */

/* Reads a version that is about to be published, so that it is there when the store says so. The
 * document is `publishing`'s until the next sync. */
int weir_publishing_read(struct weir_publishing *publishing, const char *report,
                         const char *version, const struct weir_document **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* In memory there is what the store says: no more, no less. What cannot be read is logged. */
void weir_publishing_sync(struct weir_publishing *publishing);
/* Publishes what is due. */
void weir_publishing_look(struct weir_publishing *publishing);

#endif
