/* How the streams of sources stand, by weir.loads: what each loaded last, and since when it fails.
 */
#ifndef WEIR_SOURCE_STANDING_H
#define WEIR_SOURCE_STANDING_H

#include "base/json_write.h"
#include "warehouse/warehouse.h"

struct weir_source_standing { /* of one stream; texts are never NULL */
    struct weir_str source, stream, schema, table, mode;
    struct weir_str status, run, error; /* of its latest load */
    struct weir_str verified;           /* JSON of the latest comparison, or "" */
    int64_t rows; /* of its table now (source/ledger/counts.h); -1: there is none */
    int64_t rows_written, rows_discarded;
    weir_time ended_at;
    weir_time good_at; /* beginning of the latest load that went well: its rows are as of then */
    weir_time failing_since;  /* beginning of the first load that failed after it; 0: it does not */
    struct weir_str good_run; /* of the latest load that went well */
    int64_t good_written, good_discarded;
    weir_time good_ended_at;
};

/* Of this source (NULL: of all), by source and stream, in the arena. */
int weir_source_standing_read(struct weir_session *session, const char *source,
                              struct weir_arena *arena, struct weir_source_standing **out,
                              size_t *count, struct weir_error *err) WEIR_MUST_CHECK;
/* Right after the opening: when the tables of sources changed last, which the warehouse counts in
 * memory. Makes no ledger. */
int weir_source_standing_note_changes(struct weir_warehouse *warehouse,
                                      struct weir_error *err) WEIR_MUST_CHECK;
/* Its latest load failed. */
bool weir_source_standing_fails(const struct weir_source_standing *standing);
/* [{"stream","schema","table","mode","status","run","error","verified","rows",
 * "rows_written","rows_discarded","ended_at","good_at","failing_since"}] of those of this source.
 * `well`: when its latest run of all streams ended well (0: it did not): what failed before it did
 * so no more, also where it found nothing new, of which the ledger has no row. */
void weir_source_standing_print(const struct weir_source_standing *items, size_t count,
                                const char *source, weir_time well, struct weir_jw *w);

struct weir_source_owned { /* a table that is there; texts end with NUL */
    struct weir_str source, schema, table;
    weir_time loaded_at;
};
/* Which source loaded each table last, by source, in the arena. Makes no ledger. */
int weir_source_owned_read(struct weir_session *session, struct weir_arena *arena,
                           struct weir_source_owned **out, size_t *count,
                           struct weir_error *err) WEIR_MUST_CHECK;

#endif
