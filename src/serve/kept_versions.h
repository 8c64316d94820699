/* Private to src/serve: the versions of tables, over a restart.
 *
 * Versions are counted in memory. A server that stops well writes them down beside what the
 * warehouse's file looks like then (.weir/cache/versions.json); the next one goes on from them when
 * the file still looks so, and removes them before it opens it. So after a crash, or when anybody
 * else had the warehouse in between, there are none, and nothing that was kept is used. */
#ifndef WEIR_SERVE_KEPT_VERSIONS_H
#define WEIR_SERVE_KEPT_VERSIONS_H

#include "base/log.h"
#include "warehouse/warehouse.h"
#include "workspace/workspace.h"

struct weir_kept_versions;

/* Before the warehouse is opened. That there are none is no failure. */
int weir_kept_versions_read(struct weir_workspace *workspace, struct weir_kept_versions **out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* Right after. WEIR_ENOENT: there are none that hold. */
int weir_kept_versions_apply(struct weir_kept_versions *versions, struct weir_warehouse *warehouse,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Before it is closed. */
void weir_kept_versions_note(struct weir_kept_versions *versions,
                             const struct weir_warehouse *warehouse);
/* After it. */
void weir_kept_versions_write(struct weir_kept_versions *versions, const struct weir_log *log);
void weir_kept_versions_free(struct weir_kept_versions *versions); /* NULL is fine */

#endif
