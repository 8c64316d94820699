/* Three-way merge of plain data. Objects merge by key, lists whose items have an "id" or "name" by
 * that, text of several lines by lines; everything else is one value. Inside src/workspace. */
#ifndef WEIR_WORKSPACE_MERGE_H
#define WEIR_WORKSPACE_MERGE_H

#include "base/data.h"

/* NULL: absent on that side. *out is NULL when the merge says that it goes. The places that both
 * changed, each in a different way, are added to `conflicts` (a list of "tiles/t1/title"); *out
 * then has my side there. */
int weir_data_merge(struct weir_arena *arena, const struct weir_data *base,
                    const struct weir_data *mine, const struct weir_data *theirs, const char *path,
                    struct weir_data *conflicts, const struct weir_data **out,
                    struct weir_error *err) WEIR_MUST_CHECK;

#endif
