/* Change capture: the server's binary log, row based. Private to src/source/mysql.
 *
 * The position of the source is the end of a group of events (a transaction, or a statement of DDL)
 * in a file of the log: all before it is in the tables. `from` of a table is the position of the
 * snapshot that it was loaded in: groups that begin before it are in the table.
 * docs/format/loads.md. */
#ifndef WEIR_SOURCE_MYSQL_CAPTURE_H
#define WEIR_SOURCE_MYSQL_CAPTURE_H

#include "base/json.h"
#include "source/mysql/binlog.h"
#include "source/mysql/gtid_set.h"
#include "source/mysql/mysql.h"
#include "source/schedule/follow.h"

struct weir_my_prepared { /* a transaction of two phases, whose rows begin there in the log */
    char xid[300];
    struct weir_my_position at;
};

#define WEIR_MY_DOMAINS 64
struct weir_my_gtids {           /* of all that was read */
    struct weir_my_gtid_set set; /* MySQL's; for weir_my_gtids_free() */
    /* MariaDB's, of the last transaction in each domain. */
    struct {
        uint32_t domain, server;
        uint64_t number;
    } last[WEIR_MY_DOMAINS];
    size_t count;
    bool unknown; /* too many of them, or none that can be read, until all are asked for */
};

struct weir_my_followed { /* a stream's table */
    struct weir_str *key; /* its primary key's columns */
    size_t key_count;
    char shape[17];  /* changes with its columns and its key */
    const char *why; /* it is loaded anew, by what the catalog says; or NULL */
    bool there;
    struct weir_my_position from;
    struct weir_str server; /* whose log `from` is of; ptr NULL: nobody wrote it down */
};
struct weir_my_capture {
    struct weir_source_follow *f;
    struct weir_my_position position;
    struct weir_my_gtids gtids;       /* at the position */
    struct weir_str server, database; /* of the position */
    uint64_t born; /* second in which the file of the position was begun; 0: not known yet */
    struct weir_my_position older; /* where the log ended then; for capture_place.c */
    weir_time older_at;            /* of weir_mono(); 0: it was not asked for yet */
    struct weir_my_followed *tables;
    struct weir_my_prepared *prepared; /* before the position, and not ended; capture_xa.c */
    size_t prepared_count;
};

bool weir_my_capture_on(const void *settings);
int weir_my_capture_check(const struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_try(void *connection, struct weir_source_follow *f, bool some,
                        struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_open(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_loaded(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_columns(void *connection, size_t stream, struct weir_source_changes *out,
                            struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_read(void *connection, struct weir_source_follow *f,
                         struct weir_error *err) WEIR_MUST_CHECK;
int weir_my_capture_confirm(void *connection, struct weir_error *err) WEIR_MUST_CHECK;
void weir_my_capture_close(void *connection);

/* Where the log ends now. */
int weir_my_capture_end(struct weir_my *my, struct weir_my_position *out,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* False: the file of the position may be another one of that name, which only its beginning tells.
 */
int weir_my_capture_knows_file(struct weir_my *my, bool *out,
                               struct weir_error *err) WEIR_MUST_CHECK;
/* Is `a` before `b`? */
bool weir_my_position_less(const struct weir_my_position *a, const struct weir_my_position *b);
/* False: this is no position. */
bool weir_my_position_set(struct weir_my_position *out, struct weir_str file, struct weir_str at);
struct weir_str weir_my_capture_cursor(struct weir_my_capture *c); /* as it is now, to be kept */
/* For plan(), behind its snapshot: what the table keeps. `before`: by
 * weir_my_place_before(). */
int weir_my_capture_plan(struct weir_my *my, const struct weir_source_stream *stream,
                         const struct weir_my_table *table, const struct weir_my_position *before,
                         struct weir_source_plan *plan, struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_place.c --- */
/* For a snapshot that is begun behind it: all that begins before the place is in the snapshot. May
 * wait. */
int weir_my_place_before(struct weir_my *my, struct weir_my_position *out,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_xa.c --- */
void weir_my_xa_forget(struct weir_my_capture *c); /* all of them */
/* It is prepared, in the group of events that begins there. Fails where they are too many. */
int weir_my_xa_add(struct weir_my_capture *c, struct weir_str xid,
                   const struct weir_my_position *at, struct weir_error *err) WEIR_MUST_CHECK;
/* It ended. False: nobody knows where its rows are. */
bool weir_my_xa_take(struct weir_my_capture *c, struct weir_str xid, struct weir_my_position *out);
void weir_my_xa_print(const struct weir_my_capture *c, struct weir_jw *w);
int weir_my_xa_parse(struct weir_my_capture *c, struct weir_json list,
                     struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_gtid.c --- */
bool weir_my_gtids_known(const struct weir_my_gtids *g);
void weir_my_gtids_free(struct weir_my_gtids *g);
void weir_my_gtids_forget(struct weir_my_gtids *g); /* now they are not known */
/* "0-1-100,1-1-5", or a set of MySQL's; into ids that are all 0, or were used before. */
void weir_my_gtids_parse(struct weir_my_gtids *g, struct weir_str text);
void weir_my_gtids_print(const struct weir_my_gtids *g, struct weir_buf *out);
/* A transaction ended that began with this event. What is not known stays so. */
void weir_my_gtids_add(struct weir_my_gtids *g, uint32_t domain, uint32_t server, uint64_t number);
void weir_my_gtids_add_range(struct weir_my_gtids *g, const struct weir_my_range *range);
/* They become what a file says of the files before it; too many of them are not known. */
int weir_my_gtids_read(struct weir_my_gtids *g, struct weir_str body,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Of the position in this server's log, as far as it tells. */
int weir_my_gtids_ask(struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;
/* The position of the ids in this server's log, which may be another one than they were read from:
 * all that is behind them is behind it. */
int weir_my_gtids_find(struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_behind.c: MySQL's ids, in its log --- */
/* Those of all that is before the position. */
int weir_my_behind_ask(struct weir_my *my, const struct weir_my_position *position,
                       struct weir_my_gtids *out, struct weir_error *err) WEIR_MUST_CHECK;
/* Where the first transaction is that is not of `set`; `out` stays where it is behind all. Fails
 * where the server has others purged, or does not have all of the set. */
int weir_my_behind_find(struct weir_my *my, const struct weir_my_gtid_set *set,
                        struct weir_my_position *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- capture_table.c --- */
/* Fills `tables` (of f->count), and which streams are to be loaded or are refused. */
int weir_my_capture_tables(struct weir_my *my, struct weir_error *err) WEIR_MUST_CHECK;
/* Are they as they were? */
int weir_my_capture_same(struct weir_my *my, bool *same, struct weir_error *err) WEIR_MUST_CHECK;
struct weir_str weir_my_capture_table_cursor(struct weir_arena *arena,
                                             const struct weir_my_followed *t,
                                             const struct weir_source_stream *stream);

#endif
