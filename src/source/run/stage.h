/* The stage: a table beside a stream's own, in the same schema, that nobody reads yet. Rows come
 * into it in transactions of their own, so that no long one keeps the warehouse from checkpoints;
 * what a killed run left is dropped by the next. Private to src/source. */
#ifndef WEIR_SOURCE_STAGE_H
#define WEIR_SOURCE_STAGE_H

#include "source/connector.h"
#include "source/ledger/ledger.h"
#include "source/run/figures.h"
#include "source/run/rows.h"
#include "warehouse/texts.h"

#define WEIR_SOURCE_STAGES "weir stages " /* as its tables are called, before the table's name */

struct weir_source_stage {
    struct weir_source_sink sink; /* first: the stage is its sink */
    struct weir_session *session;
    struct weir_source_progress *progress; /* or NULL */
    bool files;                            /* rows are of files: WEIR_SOURCE_FILE says which */
    bool counted; /* rows were told to `progress` when they came, and are not once more */
    struct weir_str schema, table; /* of the stage */
    struct weir_str reject_table;
    const char *source, *stream, *run;
    const char *data;     /* weir's data folder, on whose disk there must be room */
    uint64_t free_before; /* bytes of it */
    bool large;           /* more than one row group came, or many texts */
    weir_time at;
    struct weir_column *columns; /* the plan's, then weir's own */
    size_t column_count;
    struct weir_vector *vectors; /* of a batch with weir's own columns */
    struct weir_str own[3];      /* what these hold, the same in all rows of a batch */
    struct weir_figures read, stored, told;
    struct weir_source_sink rejects_sink; /* of the table of rejects */
    struct weir_source_rows rejects;      /* bad lines, in the columns of weir.source_discards */
    uint64_t reject_count;
    uint64_t uncommitted;  /* rows */
    uint64_t texts_before; /* bytes of texts that were read before them */
    struct weir_texts texts, reject_texts;
    bool began;
    struct weir_arena *arena;
};

/* Fills in which tables it has, of a stream's; WEIR_ENOMEM. */
int weir_source_stage_name(struct weir_source_stage *s, const char *table, struct weir_arena *arena,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* `columns`: as they are stored, `count` of them. What stands above `columns` is filled in before.
 */
int weir_source_stage_open(struct weir_source_stage *s, const struct weir_column *columns,
                           size_t count, struct weir_error *err) WEIR_MUST_CHECK;
bool weir_source_stage_has(const struct weir_source_stage *s, struct weir_str column);
/* What is open goes to `to`; `from` is nothing then, but what its plan has in `arena` is needed. */
void weir_source_stage_move(struct weir_source_stage *to, struct weir_source_stage *from);
/* What came so far, so that another stage may write in the same session. */
int weir_source_stage_commit(struct weir_source_stage *s, struct weir_error *err) WEIR_MUST_CHECK;
/* After the last row: commits, and compares. WEIR_ECORRUPT when the stage does not hold what was
 * read. */
int weir_source_stage_close(struct weir_source_stage *s, struct weir_error *err) WEIR_MUST_CHECK;
/* In the transaction of the caller: rejects go into weir.source_discards, and both tables go. */
int weir_source_stage_end(struct weir_source_stage *s, struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_stage_drop(struct weir_source_stage *s); /* also of a failed one */
void weir_source_stage_free(struct weir_source_stage *s);

#endif
