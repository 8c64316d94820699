/* Private to src/serve: views of the workspace, as views.c has them, and which reads which. */
#ifndef WEIR_SERVE_VIEWS_READ_H
#define WEIR_SERVE_VIEWS_READ_H

#include "serve/stored.h"

/* Of one view. */
struct weir_view_state {
    bool known;       /* such a view was looked at */
    bool warehouse;   /* it is there */
    bool of_engine;   /* the reason is the engine's, and may speak of tables and columns */
    char reason[600]; /* why it is not */
};

struct weir_view {
    char name[64];
    char *sql; /* compiled; NULL: it is none for the warehouse */
    struct weir_stored_text text;
    bool materialized;
    bool binds;                          /* its text does */
    char unable[600];                    /* materialized: why its rows cannot be computed, or "" */
    const struct weir_stored_view *rows; /* that its name reads; while the warehouse is changed */
    struct weir_view_state state;
};

/* The warehouse has it not, for this reason. */
void weir_view_keep_out(struct weir_view *view, bool of_engine, const char *why);
/* Does the text name views.NAME? For words only: the order is found by trying. */
bool weir_view_is_read(const char *sql, const char *name);
/* Better words than "does not exist" for a view that waits for another one, or for itself. */
void weir_view_explain(struct weir_view *list, size_t count, size_t at);
/* The text of list[at] and, when its rows are stored, those of all views that it may read: whatever
 * stands between the words, a view's name stands in the text that reads it. */
int weir_view_find_text(struct weir_view *list, size_t count, size_t at,
                        struct weir_error *err) WEIR_MUST_CHECK;

#endif
