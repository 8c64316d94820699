/* Events of the binary log, row based: pure, any bytes may come. Private to src/source/mysql.
 * MariaDB's and MySQL's; partial updates and MariaDB's compressed events are not read. */
#ifndef WEIR_SOURCE_MYSQL_BINLOG_H
#define WEIR_SOURCE_MYSQL_BINLOG_H

#include "base/buf.h"
#include "source/mysql/value.h"

#define WEIR_MY_MAX_COLUMNS 4096

enum weir_my_kind { /* of an event, as its header has it */
                    WEIR_MY_QUERY = 2,
                    WEIR_MY_ROTATE = 4,
                    WEIR_MY_FORMAT = 15,
                    WEIR_MY_XID = 16,
                    WEIR_MY_LOAD_QUERY = 18,
                    WEIR_MY_TABLE_MAP = 19,
                    WEIR_MY_WRITE_1 = 23,
                    WEIR_MY_DELETE_1 = 25,
                    WEIR_MY_INCIDENT = 26,
                    WEIR_MY_WRITE_2 = 30,
                    WEIR_MY_DELETE_2 = 32,
                    WEIR_MY_GTID_MYSQL = 33,
                    WEIR_MY_GTID_ANONYMOUS = 34,
                    WEIR_MY_PREVIOUS_GTIDS = 35,
                    WEIR_MY_XA_PREPARE = 38,
                    WEIR_MY_PARTIAL_UPDATE = 39,
                    WEIR_MY_PAYLOAD = 40,
                    WEIR_MY_GTID_TAGGED = 42,
                    WEIR_MY_GTID_MARIADB = 162,
                    WEIR_MY_COMPRESSED_FIRST = 165,
                    WEIR_MY_COMPRESSED_LAST = 171
};

struct weir_my_event {
    unsigned kind, flags;
    uint32_t at;     /* seconds since 1970 */
    uint32_t server; /* that wrote it first */
    /* Positions in the file; both 0 of events that are not in it. */
    uint64_t begins, ends;
    struct weir_str body; /* points into the bytes */
};
/* `checksums`: 4 bytes follow each event; set by the format's own. WEIR_ECORRUPT. */
int weir_my_event_read(struct weir_str bytes, bool *checksums, struct weir_my_event *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* The file that comes next, and where in it. */
int weir_my_rotate_read(struct weir_str body, struct weir_str *file, uint64_t *position,
                        struct weir_error *err) WEIR_MUST_CHECK;

struct weir_my_query { /* points into the event */
    struct weir_str status, database, statement;
};
int weir_my_query_read(const struct weir_my_event *event, struct weir_my_query *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Does it name the table of the database? Rather once too often: then it is loaded anew. */
bool weir_my_query_names(const struct weir_my_query *query, const char *database,
                         struct weir_str table);
/* Which tables of the database may it change? Of what is not understood: any, as by a trigger, a
 * view, a function. *verb is its first word. */
enum weir_my_reach { WEIR_MY_NOTHING, WEIR_MY_NAMED, WEIR_MY_ANYTHING };
enum weir_my_reach weir_my_query_reach(const struct weir_my_query *query, const char *database,
                                       struct weir_str *verb);
/* MariaDB's: does a group begin with it that ends with a COMMIT? */
bool weir_my_gtid_opens(struct weir_str body);
/* And with one that is prepared (XA)? */
bool weir_my_gtid_prepares(struct weir_str body);
int weir_my_gtid_read(struct weir_str body, uint32_t *domain, uint64_t *number,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* A transaction in one event (WEIR_MY_PAYLOAD). *out is for weir_my_payload_close(), also after a
 * failure, and points into the body. */
struct weir_my_payload;
int weir_my_payload_open(struct weir_str body, struct weir_my_payload **out,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Its next event, without a checksum, good until the next call; ptr NULL: that was all. */
int weir_my_payload_next(struct weir_my_payload *payload, struct weir_str *out,
                         struct weir_error *err) WEIR_MUST_CHECK;
void weir_my_payload_close(struct weir_my_payload *payload);

struct weir_my_map { /* of a table, before its rows */
    uint64_t number;
    struct weir_str schema, table; /* point into the body */
    size_t count;
    unsigned char types[WEIR_MY_MAX_COLUMNS];
    uint16_t metas[WEIR_MY_MAX_COLUMNS];
};
int weir_my_map_read(struct weir_str body, struct weir_my_map *out,
                     struct weir_error *err) WEIR_MUST_CHECK;

struct weir_my_change { /* rows of one table */
    char kind;          /* I, U, D */
    uint64_t number;
    size_t count;
    bool whole; /* all columns are there: binlog_row_image is FULL */
    struct weir_str rest;
};
int weir_my_change_read(const struct weir_my_event *event, struct weir_my_change *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* The next row's values as they stand there, ptr NULL for NULL, taken off `rest`. */
int weir_my_image_read(const struct weir_my_map *map, struct weir_str *rest,
                       struct weir_str *values, struct weir_error *err) WEIR_MUST_CHECK;

/* --- values -------------------------------------------------------------------------------------
 */

enum weir_my_charset { WEIR_MY_UTF8, WEIR_MY_LATIN1, WEIR_MY_OTHER_CHARSET };
struct weir_my_target { /* a column: what it is at the source, and in the sink */
    enum weir_my_form form;
    bool is_unsigned;
    enum weir_my_charset charset;
    uint32_t length;         /* of binary(n); else 0 */
    struct weir_str *labels; /* of enum and set */
    size_t label_count;
    enum weir_type type;       /* in the sink */
    unsigned precision, scale; /* of OTHER */
};
enum weir_my_got { WEIR_MY_GOT_NULL, WEIR_MY_GOT_INT, WEIR_MY_GOT_DOUBLE, WEIR_MY_GOT_TEXT };
struct weir_my_value {
    enum weir_my_got got;
    int64_t whole; /* also of truths, days and microseconds */
    double number;
    struct weir_str text; /* in the buffer, or in the bytes */
};
/* Can values of the column be had as the sink's type has them? */
bool weir_my_target_fits(const struct weir_my_target *target);
/* `bytes` as weir_my_image_read() gives them for this type and meta. *why: the sink's column cannot
 * hold it, and `text` is what it is. WEIR_ECORRUPT: it is no such value. */
int weir_my_value_read(unsigned type, unsigned meta, struct weir_str bytes,
                       const struct weir_my_target *target, struct weir_buf *room,
                       struct weir_my_value *out, const char **why,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* 'a','b''c' of "enum('a','b''c')", in the arena. */
int weir_my_labels(struct weir_str declared, struct weir_arena *arena, struct weir_str **out,
                   size_t *count, struct weir_error *err) WEIR_MUST_CHECK;

#endif
