/* MySQL's ids of transactions: sets of them, and how the log has them. Pure, any bytes may come.
 * Private to src/source/mysql. */
#ifndef WEIR_SOURCE_MYSQL_GTID_SET_H
#define WEIR_SOURCE_MYSQL_GTID_SET_H

#include "source/mysql/binlog.h"

#define WEIR_MY_SET_RANGES 4096 /* of a set; more are an error */

struct weir_my_range { /* transactions that one server wrote first, under one tag */
    unsigned char server[16];
    char tag[33]; /* or "" */
    uint64_t first, last;
};
struct weir_my_gtid_set { /* in order, and none touches another; all 0: empty */
    struct weir_my_range *ranges;
    size_t count, room;
};
void weir_my_set_free(struct weir_my_gtid_set *set);
/* WEIR_ETOOBIG: the set would have too many ranges. */
int weir_my_set_add(struct weir_my_gtid_set *set, const struct weir_my_range *range,
                    struct weir_error *err) WEIR_MUST_CHECK;
bool weir_my_set_has(const struct weir_my_gtid_set *set, const struct weir_my_range *range);
bool weir_my_set_has_all(const struct weir_my_gtid_set *set, const struct weir_my_gtid_set *of);
/* Is there one that is of both? */
bool weir_my_set_meets(const struct weir_my_gtid_set *a, const struct weir_my_gtid_set *b);
/* "UUID:1-5:7:tag:1-2,UUID:3", as the server prints it. To an empty set. */
int weir_my_set_parse(struct weir_my_gtid_set *set, struct weir_str text,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_my_set_print(const struct weir_my_gtid_set *set, struct weir_buf *out);
/* What a file says of the files before it (WEIR_MY_PREVIOUS_GTIDS). To an empty set. */
int weir_my_set_read(struct weir_my_gtid_set *set, struct weir_str body,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Of WEIR_MY_GTID_MYSQL or WEIR_MY_GTID_TAGGED: first and last are the one. */
int weir_my_range_read(const struct weir_my_event *event, struct weir_my_range *out,
                       struct weir_error *err) WEIR_MUST_CHECK;

#endif
