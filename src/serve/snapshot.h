/* Snapshots: what a report showed somebody, kept as it was. docs/format/snapshot.md is the format.
 *
 *     .weir/snapshots/<id>/snapshot.json   what, who, when, the report, the statements and values
 *     .weir/snapshots/<id>/<n>.zst         the rows of the n-th query, as docs/format/columns.md
 *
 * A folder is made beside under a name that is none ("part-..."), synced, and renamed: it is there
 * as a whole or not at all, and never changed after that. What a crash left is removed at the
 * start.
 *
 * Threads: any; the list has a lock inside. */
#ifndef WEIR_SERVE_SNAPSHOT_H
#define WEIR_SERVE_SNAPSHOT_H

#include "access/access.h"
#include "base/json_write.h"
#include "base/time.h"
#include "workspace/workspace.h"

#define WEIR_SNAPSHOT_QUERIES 1000 /* of one report */

struct weir_snapshot {
    const char *id, *report, *title;
    weir_time at;
    const char *by_id, *by_name, *by_email;
    bool restricted;           /* rules held when it was made: */
    struct weir_hash128 rules; /* weir_access.rules of who made it */
    struct weir_str values;    /* JSON */
    uint64_t bytes;            /* on disk */
    /* private */
    struct weir_snapshot *next;
    struct weir_arena arena;
};

struct weir_snapshots;

/* Reads what there is, and removes what is no whole snapshot any more. */
int weir_snapshots_new(struct weir_workspace *workspace, struct weir_snapshots **out,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_snapshots_free(struct weir_snapshots *snapshots); /* NULL is fine */
void weir_snapshots_sum(struct weir_snapshots *snapshots, uint64_t *count, uint64_t *bytes);

/* Calls fn for each of a report's (NULL: of all), newest first, under the lock. */
void weir_snapshots_each(struct weir_snapshots *snapshots, const char *report,
                         void (*fn)(const struct weir_snapshot *snapshot, void *arg), void *arg);
/* A copy in the arena. WEIR_ENOENT. */
int weir_snapshots_get(struct weir_snapshots *snapshots, const char *id, struct weir_arena *arena,
                       struct weir_snapshot *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- making -----------------------------------------------------------------------------------
 */
/* The folder in which files are put first; made. `path` has room for 4,096. */
int weir_snapshots_begin(struct weir_snapshots *snapshots, const char *id, char *path,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* With the manifest's text, into the list. The other files are synced already. */
int weir_snapshots_add(struct weir_snapshots *snapshots, const char *id, struct weir_str manifest,
                       struct weir_error *err) WEIR_MUST_CHECK;
void weir_snapshots_abandon(struct weir_snapshots *snapshots, const char *id);

/* --- reading and removing --------------------------------------------------------------------- */
int weir_snapshots_manifest(struct weir_snapshots *snapshots, const char *id, struct weir_buf *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* The path of the n-th query's rows; room as above. */
void weir_snapshots_rows_path(struct weir_snapshots *snapshots, const char *id, size_t n,
                              char *path);
int weir_snapshots_remove(struct weir_snapshots *snapshots, const char *id,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Those of a report that is gone. */
int weir_snapshots_remove_of(struct weir_snapshots *snapshots, const char *report,
                             struct weir_error *err) WEIR_MUST_CHECK;

#endif
