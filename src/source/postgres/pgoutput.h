/* Messages of logical replication as the plugin pgoutput writes them (protocol version 1, values as
 * text): pure, any bytes may come. PostgreSQL's manual, "Logical Replication Message Formats".
 * Private to src/source/postgres. */
#ifndef WEIR_SOURCE_POSTGRES_PGOUTPUT_H
#define WEIR_SOURCE_POSTGRES_PGOUTPUT_H

#include "base/error.h"
#include "base/str.h"

#define WEIR_PG_MAX_COLUMNS 1664 /* the server's own limit is below */

enum weir_pg_value_kind {
    WEIR_PG_NULL,
    WEIR_PG_KEPT, /* a large value that did not change, and was not sent */
    WEIR_PG_SENT
};
struct weir_pg_value {
    enum weir_pg_value_kind kind;
    struct weir_str text;
};
struct weir_pg_tuple {
    size_t count;
    struct weir_pg_value values[WEIR_PG_MAX_COLUMNS];
};
/* One message. What is not of its kind is as it was. Texts point into the message. */
struct weir_pg_message {
    char kind;         /* B, C, R, I, U, D; 0: none that matters (TRUNCATE, origins, types) */
    uint64_t commit;   /* B: the position of the transaction's commit */
    int64_t at;        /* B: when that was, by the server's clock; microseconds since 2000 */
    uint64_t end;      /* C: the position behind the transaction */
    uint32_t relation; /* R, I, U, D */
    char old;          /* U, D: K: the old key; O: the whole old row; 0: none */
    struct weir_pg_tuple before, after;
    /* R: its columns' names. */
    size_t column_count;
    struct weir_str columns[WEIR_PG_MAX_COLUMNS];
};

/* WEIR_ECORRUPT when it is damaged; WEIR_EUNSUPPORTED when it is of another protocol. */
int weir_pg_message_read(struct weir_pg_message *m, struct weir_str bytes,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* A message of COPY … (FORMAT binary) that has one column: at most one value in it. *out.ptr is
 * NULL when there is none (the end). */
struct weir_pg_cells {
    bool begun, ended;
};
int weir_pg_cells_read(struct weir_pg_cells *c, struct weir_str message, struct weir_str *out,
                       struct weir_error *err) WEIR_MUST_CHECK;

/* "16/B374D848" */
bool weir_pg_lsn_read(struct weir_str text, uint64_t *out);
#define WEIR_PG_LSN_SIZE 20
void weir_pg_lsn_format(uint64_t lsn, char out[WEIR_PG_LSN_SIZE]);

#endif
