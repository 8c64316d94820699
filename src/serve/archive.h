/* Reports that nobody opened or changed for a setting's time are archived: by a commit that says
 * so, in weir's name. They can be found, opened and brought back as ever. */
#ifndef WEIR_SERVE_ARCHIVE_H
#define WEIR_SERVE_ARCHIVE_H

#include "state/report_use.h"
#include "workspace/document.h"

#define WEIR_ARCHIVE_AT_ONCE 20 /* of one sweep, so that nobody's save waits long */

/* Is it to be archived at `now`? `after` is not 0. */
bool weir_archive_due(const struct weir_document *report, const struct weir_report_use *use,
                      weir_time after, weir_time now);
/* Notes which reports there are, and archives those that are due (`after` 0: none). On the
 * library's thread. `archived` gets how many; WEIR_ARCHIVE_AT_ONCE: there may be more. */
int weir_archive_sweep(struct weir_library *library, struct weir_state *state, weir_time after,
                       weir_time now, size_t *archived, struct weir_error *err) WEIR_MUST_CHECK;

struct weir_snapshots;
/* Removes the snapshots of reports of which nothing is known any more. */
int weir_archive_snapshots(struct weir_snapshots *snapshots, struct weir_state *state,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
