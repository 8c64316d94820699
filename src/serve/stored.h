/* Materialized views: the rows of those views that say `-- weir: materialized` are stored, and
 * computed anew when what they read has changed.
 *
 * One at a time, on a thread of its own; in the order in which they read each other; no oftener
 * than workspace.refresh_every says, and with a rest after each of four times what it took. The
 * rows are right for the versions of tables and the texts of views that are noted with them. */
#ifndef WEIR_SERVE_STORED_H
#define WEIR_SERVE_STORED_H

#include "serve/server.h"
#include "serve/source_ills.h"

struct weir_stored;

int weir_stored_new(struct weir_server *server, struct weir_stored **out,
                    struct weir_error *err) WEIR_MUST_CHECK;
void weir_stored_stop(struct weir_stored *stored); /* what it computes is canceled; NULL is fine */
void weir_stored_free(struct weir_stored *stored); /* NULL is fine */

/* --- the documents' thread --- */
/* No rows are put in place until it is given back: for who changes views in the warehouse. */
void weir_stored_hold(struct weir_stored *stored);
void weir_stored_give_back(struct weir_stored *stored);

/* What a view's rows are made by, as it stands at the beginning of a note: its text, with those of
 * all views that it may read. Rows that another text made may show what this one does not. */
struct weir_stored_text {
    char hex[33];
};

/* A view as it is in the warehouse now. */
struct weir_stored_item {
    const char *name;
    const char *sql;
    struct weir_stored_text text;
    bool materialized;
    const char *why_not;                 /* its rows cannot be computed; NULL: they can */
    const struct weir_stored_view *rows; /* that its name reads; NULL: none yet */
};
/* All views. What is not among them is forgotten. */
int weir_stored_set(struct weir_stored *stored, const struct weir_stored_item *items, size_t count,
                    struct weir_error *err) WEIR_MUST_CHECK;

/* --- any thread --- */
/* Members of an open object: materialized, state, refreshed_at, rows, refresh_error.
 * `materialized`: what the document says. What the engine says of tables is for who sees them all.
 */
void weir_stored_print(struct weir_stored *stored, const char *name, bool materialized,
                       bool sees_all, struct weir_jw *w);
/* Computes it soon, whatever it rests; false: there is no such view that is stored. */
bool weir_stored_refresh(struct weir_stored *stored, const char *name);
/* When the rows were stored that `views.name` shows; 0: it shows none. */
weir_time weir_stored_at(struct weir_stored *stored, struct weir_str name);
/* Why its rows are from before: what is wrong with sources of what they are made from, and since
 * when it cannot be computed itself, or one that it reads; 0: none, as far as is known. Adds to
 * what is there, where it is earlier. */
struct weir_stored_ill {
    struct weir_source_since source;
    weir_time view;
};
void weir_stored_add_ills(struct weir_stored *stored, struct weir_str name,
                          struct weir_stored_ill *first);
/* Does one fail that did not when it was asked last? */
bool weir_stored_failed(struct weir_stored *stored);

#endif
