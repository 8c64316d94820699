/* Tables whose source brings no new rows now, and why: who reads them is told, as their rows are
 * from before, and look like those of a source that is quiet. In memory; what weir.loads and the
 * files of sources say. Any thread: there is a lock inside. */
#ifndef WEIR_SERVE_SOURCE_ILLS_H
#define WEIR_SERVE_SOURCE_ILLS_H

#include "warehouse/warehouse.h"

enum weir_source_ill_kind {
    WEIR_SOURCE_FAILS,
    WEIR_SOURCE_GONE,    /* the table's stream is gone at the source */
    WEIR_SOURCE_REMOVED, /* it has no file any more; this and what follows: as files say */
    WEIR_SOURCE_BROKEN,  /* its file has a mistake, so that it rests */
    WEIR_SOURCE_PAUSED,
    WEIR_SOURCE_ILL_KINDS
};
struct weir_source_ill { /* of a table */
    struct weir_str source, schema, table;
    enum weir_source_ill_kind kind;
    weir_time since;
};
struct weir_source_since {
    weir_time of[WEIR_SOURCE_ILL_KINDS]; /* 0: it is not so */
};
struct weir_source_ills;

struct weir_source_ills *weir_source_ills_new(void); /* NULL without memory */
void weir_source_ills_free(struct weir_source_ills *ills);

/* After a run of it that failed, or had something that is gone, or at the server's start. What
 * cannot be read stays as it was. */
void weir_source_ills_look(struct weir_source_ills *ills, struct weir_warehouse *warehouse,
                           const char *source);
/* Nothing of it fails or is gone, or it is removed. */
void weir_source_ills_clear(struct weir_source_ills *ills, const char *source);
/* What the files say: these, of all sources, and no others. */
void weir_source_ills_of_files(struct weir_source_ills *ills, const struct weir_source_ill *items,
                               size_t count);

/* Since when which is so of this table, where that is earlier than what is there. */
void weir_source_ills_add(struct weir_source_ills *ills, struct weir_str schema,
                          struct weir_str table, struct weir_source_since *first);
/* Is something other than when it was asked last? */
bool weir_source_ills_changed(struct weir_source_ills *ills);

#endif
