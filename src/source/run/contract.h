/* Which columns a stage gets, by what comes, what the table has, and the stream's contract. Private
 * to src/source. */
#ifndef WEIR_SOURCE_CONTRACT_H
#define WEIR_SOURCE_CONTRACT_H

#include "source/connector.h"

/* Is a table of `columns` rather made anew than given `more` of them one by one? For each that is
 * added, the engine keeps all columns once more until the end of the transaction, almost a KB each:
 * that is worth a copy of its rows, however many they are, only where it is much. */
bool weir_source_made_anew(size_t columns, size_t more);

struct weir_source_settled {
    struct weir_column *columns; /* of the stage: the plan's, in its order */
    size_t count;
    struct weir_buf
        changes;      /* JSON list of sentences: what changes in the table; freed by the owner */
    size_t only_gone; /* how long `changes` are that tell of nothing but columns that are gone */
};

/* `target`: the stream's table, or NULL when there is none, or when its types do not matter.
 * WEIR_EINVAL when the contract does not allow what comes, or a key is no column. */
int weir_source_settle(const struct weir_source_plan *plan, const struct weir_source_stream *stream,
                       const struct weir_table *target, struct weir_session *session,
                       struct weir_source_settled *out, struct weir_error *err) WEIR_MUST_CHECK;

/* One sentence more, before or after the rows are read; and several: JSON texts with commas
 * between.
 */
int weir_source_settled_note(struct weir_source_settled *settled, const char *what,
                             struct weir_str name, const char *more,
                             struct weir_error *err) WEIR_MUST_CHECK;
int weir_source_settled_add(struct weir_source_settled *settled, struct weir_str texts,
                            struct weir_error *err) WEIR_MUST_CHECK;

/* ", CAST(NULL AS INTEGER) AS name": a column that nothing is known of. */
void weir_source_add_null(struct weir_buf *sql, const struct weir_column *column);
/* The table gets what is new among these columns, and their wider types. In the transaction of the
 * caller. */
int weir_source_evolve(struct weir_session *session, struct weir_str schema,
                       const struct weir_table *table, const struct weir_column *columns,
                       size_t count, struct weir_error *err) WEIR_MUST_CHECK;

/* One of the columns that `mode: history` makes. */
bool weir_source_of_history(struct weir_str name);
const struct weir_column *weir_source_find_column(const struct weir_table *table,
                                                  struct weir_str name);

#endif
