/* The workspace's views in the warehouse: views/mrr.sql is views.mrr there.
 *
 * A view that has parameters, or that the engine does not bind, is kept out, with a reason; it
 * comes in when what was missing is there. All calls but weir_views_print() are the documents'
 * thread's. */
#ifndef WEIR_SERVE_VIEWS_H
#define WEIR_SERVE_VIEWS_H

#include "serve/server.h"
#include "serve/stored.h"
#include "workspace/document.h"

#define WEIR_VIEWS_SCHEMA "views"

struct weir_views;

int weir_views_new(struct weir_server *server, struct weir_views **out,
                   struct weir_error *err) WEIR_MUST_CHECK;
void weir_views_stop(struct weir_views *views); /* nothing is computed any more; NULL is fine */
void weir_views_free(struct weir_views *views); /* NULL is fine */
struct weir_stored *weir_views_stored(struct weir_views *views);
/* Is this failure the statement's, and not the engine's or the machine's? */
bool weir_views_is_its_own(int code);
/* Documents changed: the next sync compiles them anew. */
void weir_views_changed(struct weir_views *views);
/* Brings the warehouse to what the documents say, when these or its tables changed. What fails is
 * logged, and tried again by the next call. */
void weir_views_sync(struct weir_views *views, const struct weir_documents *documents);
/* {"warehouse":…,"reason":…} as members of an open object. Whoever does not see everything is not
 * told (null) whether the engine takes a view: that tells which tables and columns there are. */
void weir_views_print(struct weir_views *views, const char *name, bool sees_all, struct weir_jw *w);
/* The engine knows of a view that is kept out only that it is not there. Such an error says why, in
 * its place, to whoever sees all tables (`access` NULL). */
void weir_views_explain(struct weir_views *views, const struct weir_access *access, const char *sql,
                        struct weir_error *err);

#endif
