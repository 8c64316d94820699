/* Materialized views, as they are kept by stored.c and told by stored_tell.c. Private to these. */
#ifndef WEIR_SERVE_STORED_ITEM_H
#define WEIR_SERVE_STORED_ITEM_H

#include "serve/stored.h"

struct weir_stored_one {
    char name[64];
    struct weir_stored_text text;
    char *sql;
    bool materialized;
    bool able;               /* its rows can be computed */
    struct weir_arena arena; /* holds `reads` */
    struct weir_reads reads;
    uint64_t catalog; /* version that `reads` are of; 0: they are not known */
    char *note;       /* of the rows in place; NULL: none */
    uint64_t rows;
    weir_time stored_at;
    bool wanted; /* by somebody, now */
    bool running;
    unsigned fails;          /* one after the other */
    weir_time failing_since; /* the first try since the rows were stored; 0: none failed */
    weir_time next;          /* monotonic: not before */
    char error[600];
};

struct weir_stored {
    struct weir_server *server;
    struct weir_work *work;
    struct weir_timer *look;
    atomic_bool queued, stopping;
    pthread_mutex_t writing; /* held by whoever changes views in the warehouse */
    pthread_mutex_t lock;    /* guards the rest */
    bool clean;              /* the notes are of this process, or of one that it goes on from */
    struct weir_stored_one *items;
    size_t count;
    struct weir_session *session; /* that computes */
    weir_time until;              /* monotonic: when it is stopped */
    bool late;                    /* it was */
    bool failed;                  /* one, and pages were not told yet */
};

/* Both with the lock. */
struct weir_stored_one *weir_stored_find(struct weir_stored *s, struct weir_str name);
/* Are its rows what it would be computed as now? */
bool weir_stored_is_fresh(struct weir_stored *s, const struct weir_stored_one *item);

#endif
