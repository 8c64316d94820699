/* Rows that a connector makes value by value, on their way into a sink. Private to src/source. */
#ifndef WEIR_SOURCE_ROWS_H
#define WEIR_SOURCE_ROWS_H

#include "source/connector.h"

/* One is filled, and others wait for the sink, so that neither waits for the other at each batch.
 */
#define WEIR_SOURCE_BLOCKS 3

/* A batch while it is filled, or while the sink has it. */
struct weir_source_block {
    struct weir_vector *vectors; /* of the sink's columns */
    size_t count;
    struct weir_arena texts;
};

/* Values of the row that is being made that cannot be loaded. */
struct weir_source_flaw {
    bool any;
    struct weir_str text; /* ptr NULL: not known */
};
struct weir_source_flaws {
    struct weir_source_flaw *columns; /* of the sink's; NULL: there never was any */
    size_t first;                     /* which column */
    const char *reason;               /* of the first; NULL: there is none */
};

struct weir_source_rows {
    struct weir_source_sink *sink;
    struct weir_str part;
    struct weir_vector *vectors; /* of the block that is filled */
    size_t count, most;          /* of it */
    struct weir_source_block blocks[WEIR_SOURCE_BLOCKS];
    size_t now; /* of them: they are filled, and given, in turn */
    struct weir_arena own;
    weir_time since;                 /* when a block was last given away */
    struct weir_source_aside *aside; /* the thread that gives blocks to the sink; NULL: none */
    bool may_begin_aside;
    struct weir_source_flaws flaws;
};

/* Free it also after a failure. */
int weir_source_rows_open(struct weir_source_rows *r, struct weir_source_sink *sink,
                          struct weir_str part, struct weir_error *err) WEIR_MUST_CHECK;
/* The same for large tables: while the caller makes the next rows, a thread of its own calls the
 * sink's `rows` with those before. The caller uses the sink only through this struct then; when a
 * flush has come back, the sink is the caller's again. */
int weir_source_rows_open_aside(struct weir_source_rows *r, struct weir_source_sink *sink,
                                struct weir_str part, struct weir_error *err) WEIR_MUST_CHECK;
/* The same with small batches, and less memory until the first is full: for many tables. */
int weir_source_rows_open_aside_small(struct weir_source_rows *r, struct weir_source_sink *sink,
                                      struct weir_str part, struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_rows_free(struct weir_source_rows *r); /* waits for the sink */
/* Values of the row that is being made; a column that nothing is set of is NULL. The type is the
 * caller's to match. */
static inline void weir_source_rows_set(struct weir_source_rows *r, size_t column)
{
    r->vectors[column].valid[r->count / 64] |= 1ull << (r->count % 64);
}
static inline void weir_source_rows_bool(struct weir_source_rows *r, size_t column, bool value)
{
    r->vectors[column].bools[r->count] = value;
    weir_source_rows_set(r, column);
}
static inline void weir_source_rows_int(struct weir_source_rows *r, size_t column, int64_t value)
{
    r->vectors[column].ints[r->count] = value;
    weir_source_rows_set(r, column);
}
static inline void weir_source_rows_double(struct weir_source_rows *r, size_t column, double value)
{
    r->vectors[column].doubles[r->count] = value;
    weir_source_rows_set(r, column);
}
int weir_source_rows_text(struct weir_source_rows *r, size_t column, struct weir_str text,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* Before the first row: values of this column, a DECIMAL of at most 18 digits, are given by
 * weir_source_rows_int, times 10^scale. False: the sink wants them as texts. */
bool weir_source_rows_scaled(struct weir_source_rows *r, size_t column, unsigned scale);
void weir_source_rows_forget(struct weir_source_rows *r); /* what was set of this row */
/* The row is made; a full batch goes to the sink. */
int weir_source_rows_end(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
/* What was set of this row is forgotten, and the sink's `reject` is called. */
int weir_source_rows_reject(struct weir_source_rows *r, uint64_t line, struct weir_str text,
                            const char *reason, struct weir_error *err) WEIR_MUST_CHECK;
/* The value of this column cannot be loaded, so the row is to be set aside: `text` (any bytes, cut
 * where it is long) is what it is; ptr NULL: it is not known. The first one's reason counts. */
int weir_source_rows_flaw(struct weir_source_rows *r, size_t column, struct weir_str text,
                          const char *reason, struct weir_error *err) WEIR_MUST_CHECK;
bool weir_source_rows_flawed(const struct weir_source_rows *r);
/* What was set is forgotten, and the sink's `reject` is called. */
int weir_source_rows_turn_away(struct weir_source_rows *r, const struct weir_source_reject *what,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* The flawed row is forgotten, and with the sink's `reject`, its values as JSON: weir's own columns
 * and what is not known are not among them, long texts are cut. */
int weir_source_rows_set_aside(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
/* "2026-01-02 03:04:05.000006": days since 1970, and microseconds of that day. */
void weir_source_time_print(struct weir_buf *out, int64_t days, int64_t micros);
/* Of a line that is no row: the sink's `pass`. */
int weir_source_rows_pass(struct weir_source_rows *r, uint64_t line, struct weir_str text,
                          const char *reason, struct weir_error *err) WEIR_MUST_CHECK;
/* All rows are with the sink afterwards. */
int weir_source_rows_flush(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
/* Full batches are with the sink, which is the caller's until the next row. */
int weir_source_rows_wait(struct weir_source_rows *r, struct weir_error *err) WEIR_MUST_CHECK;
size_t
weir_source_rows_bytes(const struct weir_source_rows *r); /* texts of the block that is filled */

#endif
