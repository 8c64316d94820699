/* Tables whose source fails now: who reads them is told, as their rows are from before, and look
 * like those of a source that is quiet. In memory; what weir.loads says. Any thread: there is a
 * lock inside. */
#ifndef WEIR_SERVE_SOURCE_ILLS_H
#define WEIR_SERVE_SOURCE_ILLS_H

#include "warehouse/warehouse.h"

struct weir_source_ills;

struct weir_source_ills *weir_source_ills_new(void); /* NULL without memory */
void weir_source_ills_free(struct weir_source_ills *ills);

/* After a run of it that failed, or at the server's start. What cannot be read stays as it was. */
void weir_source_ills_look(struct weir_source_ills *ills, struct weir_warehouse *warehouse,
                           const char *source);
/* All of it is well, or it is removed. */
void weir_source_ills_clear(struct weir_source_ills *ills, const char *source);

/* Since when this table's source fails; 0: it does not. */
weir_time weir_source_ills_since(struct weir_source_ills *ills, struct weir_str schema,
                                 struct weir_str table);
/* Is something other than when it was asked last? */
bool weir_source_ills_changed(struct weir_source_ills *ills);

#endif
