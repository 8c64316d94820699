/* What the files of apply share: statements about a stage and its table, in the one transaction.
 * Private to them. Each appends to `sql`; weir_apply_exec and weir_apply_ask run it. */
#ifndef WEIR_SOURCE_APPLY_WRITE_H
#define WEIR_SOURCE_APPLY_WRITE_H

#include "source/run/apply.h"

#define WEIR_APPLY_SQL (64u << 20)

struct weir_writing {
    struct weir_source_apply *a;
    struct weir_session *session;
    struct weir_source_stage *stage;
    struct weir_str target; /* the table's name */
    struct weir_buf sql;
    bool taken;     /* rows were deleted from the stage */
    bool ends;      /* rows of the table whose keys were not read are gone at the source */
    uint64_t there; /* keys that were read */
};

void weir_apply_stage(struct weir_writing *w);
void weir_apply_target(struct weir_writing *w);
void weir_apply_touch_stage(struct weir_writing *w);
void weir_apply_touch_target(struct weir_writing *w);
int weir_apply_exec(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* The number that the statement in `sql` answers. */
int weir_apply_ask(struct weir_writing *w, uint64_t *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- apply_fit.c: what does not fit its column, and the columns that the table gets --- */
int weir_apply_discard_values(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
int weir_apply_discard_rows(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* INSERT INTO weir.source_discards … SELECT …, COLUMN, VALUE, REASON, ROW FROM stage WHERE */
void weir_apply_discards(struct weir_writing *w, const char *column, const char *value,
                         const char *reason);
/* "… OR …": rows that have a value that does not fit; nothing where all do. */
void weir_apply_misfits(const struct weir_writing *w, struct weir_buf *out);
/* Deletes them from the stage, and adds to `count` how many there were. */
int weir_apply_take_out(struct weir_writing *w, struct weir_str condition, uint64_t *count,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* The same of the condition that `sql` has. */
int weir_apply_take_out_said(struct weir_writing *w, uint64_t *count,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* A column of the table that no row of the stage has, where columns are what rows have: it is empty
 * in a row that came again. */
bool weir_apply_emptied(const struct weir_writing *w, struct weir_str name);
/* What the table takes from a column of the stage: NULL for a value that does not fit. */
void weir_apply_value(struct weir_writing *w, struct weir_buf *out, struct weir_str name);
/* Columns of the table that are in the stage, too, each behind `before`; `values`: as the table
 * takes them from the stage. */
void weir_apply_columns(struct weir_writing *w, const char *before, bool values);
/* "(SELECT … FROM stage) AS new": the stage as the table takes it; `rowid`: with its rowid, as
 * "weir row". */
void weir_apply_new(struct weir_writing *w, bool rowid);

/* --- apply_merge.c: a table that knows its rows by their key --- */
/* Rows without a key that the table can hold go to the discards. */
int weir_apply_empty_keys(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* Of rows with one key, the last that was read counts. */
int weir_apply_older_keys(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
void weir_apply_same_key(struct weir_writing *w); /* old.KEY = new.KEY AND … */
/* Rows of the table that `live` says and that were not read: "rowid IN (…)". */
void weir_apply_vanished(struct weir_writing *w, const char *live);
int weir_apply_merge(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* Makes the column of soft deletes. */
int weir_apply_mark_column(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* Rows that are gone at the source: marked, or deleted. */
int weir_apply_deletes(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;

/* --- apply_again.c --- */
/* Takes rows out of the stage that were read once more (`plan->again`). */
int weir_apply_again(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;

/* --- apply_history.c: a version of a row for each time that it changed --- */
/* Rows of no version yet are current, but for those that are marked as gone. */
int weir_apply_history_begin(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* Ends versions that are gone, and takes rows out of the stage that are as they were. */
int weir_apply_history_settle(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
int weir_apply_history(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* The columns of versions; not those that the table had before. */
int weir_apply_history_columns(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;

/* --- apply_lists.c: the tables of the lists in the stream's rows --- */
/* After rows of the stream were set aside; after those were taken out that came again. */
int weir_apply_lists_lost(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
int weir_apply_lists_doubled(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* In the table of a list: rows of the stream's rows that came again, or that are gone, go. */
int weir_apply_list_replace(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* Of `history`, behind the list's rows: they are of the versions that their rows are of. */
int weir_apply_list_versions(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* " LEFT JOIN … AND …": rows old and new whose lists are equal, too: what stands between FROM and
 * WHERE, and behind it. */
void weir_apply_lists_join(struct weir_writing *w);
void weir_apply_lists_same(struct weir_writing *w);
/* After the stream's rows are written. */
int weir_apply_lists(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;
/* The contract allows no new table: all rows of the list go to the discards. */
bool weir_apply_list_refused(const struct weir_source_apply *a);
int weir_apply_refuse_list(struct weir_writing *w, struct weir_error *err) WEIR_MUST_CHECK;

#endif
