/* One event's row in one table: its columns, found or made, and its cells. */
#ifndef WEIR_LOAD_PUT_H
#define WEIR_LOAD_PUT_H

#include "load/build.h"

struct weir_kept { /* an event whose strings are in the batch's pool */
    const struct weir_event *event;
    struct weir_str id, user_id, anonymous_id, text, slug;
};

/* Writes the event's row: a new one, or the batch's row of `key` in an upserted table (key.ptr
 * NULL: none). `own`: with its properties or traits, not only its context. */
void weir_builder_put_row(struct weir_builder *builder, struct weir_load_table *table,
                          const struct weir_kept *kept, struct weir_str key, bool own);

#endif
