/* Where a stream with a `cursor` stands: the greatest value of its column, of kinds that ask a
 * database. It is kept in the stream's cursor (docs/format/loads.md). Private to src/source. */
#ifndef WEIR_SOURCE_MARK_H
#define WEIR_SOURCE_MARK_H

#include "source/connector.h"

/* Whose rows they are. */
struct weir_source_origin {
    struct weir_str at; /* as the source's file says: host, port and database */
    struct weir_str
        server; /* as it names itself and its database, wherever it is; "": it does not */
    struct weir_str table; /* its own name for it */
};

struct weir_source_mark {
    struct weir_str value; /* as the server writes it; ptr NULL: there is none */
    int64_t equal;         /* so many rows had it, or were beyond it */
    struct weir_str sum;   /* of what was in them; ptr NULL: it is not known */
    bool other;            /* a kept one: the stream had other options */
    bool placed;           /* of a kept one: it says the origin that is now */
};

/* Of all settings that decide which rows a stream has. */
uint64_t weir_source_options_hash(const struct weir_source_stream *stream);

/* The plan's column that the stream's `cursor` names; SIZE_MAX when it has none. */
int weir_source_mark_column(const struct weir_source_stream *stream,
                            const struct weir_source_plan *plan, size_t *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL: the file's `what` ("cursor", "key") names no column of the plan; it says how one is
 * called that has this name at the source. */
int weir_source_no_column(const char *what, const char *name,
                          const struct weir_source_stream *stream,
                          const struct weir_source_plan *plan,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Of a kept cursor, in the plan's arena. No value when the stream had other options then; but what
 * is appended goes on by the same column, whatever else is another. WEIR_EINVAL when it was of rows
 * of another database or table, where rows are to be read: which of them are new cannot be told.
 * Where it is said that all `moved`, that is no mistake. */
int weir_source_mark_read(const struct weir_source_stream *stream, struct weir_str cursor,
                          const struct weir_source_origin *origin, struct weir_source_plan *plan,
                          struct weir_source_mark *out, struct weir_error *err) WEIR_MUST_CHECK;
/* What is to be read since `old`, of a stream that stands at `now`, and the cursor to be kept. */
int weir_source_mark_plan(const struct weir_source_stream *stream, struct weir_str cursor,
                          const struct weir_source_origin *origin,
                          const struct weir_source_mark *old, const struct weir_source_mark *now,
                          struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;

#endif
