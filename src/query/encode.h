/* Results as bytes: one encoder a format. */
#ifndef WEIR_QUERY_ENCODE_H
#define WEIR_QUERY_ENCODE_H

#include "base/arena.h"
#include "query/query.h"

struct weir_encoder;

struct weir_encoding { /* the callbacks of a format; all append to encoder->out */
    void (*begin)(struct weir_encoder *e);
    /* Either a row at a time, or many: those from `from` on, at most `most`, that need no more than
     * `room` bytes. How many these were; 0: not one fits. */
    void (*row)(struct weir_encoder *e, const struct weir_batch *batch, size_t row);
    size_t (*rows)(struct weir_encoder *e, const struct weir_batch *batch, size_t from, size_t most,
                   size_t room);
    void (*batch_end)(struct weir_encoder *e); /* may be NULL */
    void (*end)(struct weir_encoder *e, const struct weir_query_summary *summary);
};

struct weir_encoder {
    const struct weir_encoding *how;
    struct weir_buf *out;
    const struct weir_column *columns;
    size_t column_count;
    uint64_t rows;
    unsigned width;          /* table */
    bool plain;              /* table */
    bool guard;              /* CSV */
    struct weir_arena arena; /* begin() to the end */
    void *state;             /* the format's own, in the arena */
    struct weir_buf scratch;
};

/* NULL for formats that are files: parquet, xlsx. */
const struct weir_encoding *weir_encoding_of(enum weir_format format);
extern const struct weir_encoding weir_encoding_table, weir_encoding_csv, weir_encoding_json,
    weir_encoding_ndjson, weir_encoding_columns;

/* [{"name","type","engine_type"},...] */
void weir_encode_column_list(struct weir_buf *out, const struct weir_column *columns, size_t count);

/* The value as plain text, as CSV and tables show it; nothing for NULL. */
void weir_query_value_text(struct weir_buf *out, const struct weir_column *column,
                           const struct weir_vector *vector, size_t row);
/* The value as JSON. */
void weir_value_json(struct weir_buf *out, const struct weir_column *column,
                     const struct weir_vector *vector, size_t row);
/* DECIMAL, HUGEINT, UBIGINT and UHUGEINT: text that is a number. */
bool weir_column_is_number(const struct weir_column *column);

/* Columns that `text` takes on a terminal; control characters count as what they are shown as. */
unsigned weir_text_width(struct weir_str text);
/* Appends `text` cut to `width` columns with an ellipsis, control characters made visible. */
unsigned weir_text_fit(struct weir_buf *out, struct weir_str text, unsigned width);

#endif
