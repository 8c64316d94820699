/* Lists in the rows of a feed, as streams of their own (`nested: tables`): a row for each element,
 * with the ids that join it to the row that it was in. Private to the files of the feed, and to
 * children.c. */
#ifndef WEIR_SOURCE_FEED_NEST_H
#define WEIR_SOURCE_FEED_NEST_H

#include "source/feed/feed.h"

struct weir_feed_nest {
    struct weir_feed_stream *root, *parent; /* parent NULL: it is the root */
    struct weir_str suffix;                 /* of its table: "items__taxes" */
    unsigned depth;                         /* 0: the root */
    bool left_out;                          /* by `exclude` */
    bool awaited;                           /* nothing came: it is of a table that is there */
    size_t id, up, index, top, row;         /* its columns of weir's own */
    struct weir_map lists;                  /* by their paths: streams, or STAYS */
    struct weir_feed_stream **children;
    size_t count, room;
    size_t all;               /* of the root: of all depths */
    struct weir_str *key;     /* of the root: paths */
    size_t key_count, key_of; /* key_of: the number of columns that it was looked up in */
    uint64_t elements;        /* that the lists have, as counted before they are read */
    uint64_t rows, of;        /* that were looked into; `of`: that of the parent with its list */
    struct weir_buf path, id_text;
    struct weir_buf notes; /* of the root: JSON texts with commas between */
};

/* Before anything of the stream comes: what its file says of objects and lists. */
int weir_feed_nest_open(struct weir_feed_stream *s, const struct weir_source_stream *own,
                        struct weir_error *err) WEIR_MUST_CHECK;
void weir_feed_nest_free(struct weir_feed_stream *s);
/* Is the list at this path a stream of its own? Makes it when it is new. */
int weir_feed_nest_takes(struct weir_feed_stream *s, struct weir_str path, bool *takes,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* A list's schema. */
int weir_feed_nest_declare(struct weir_feed_stream *s, struct weir_str path,
                           struct weir_json property, struct weir_error *err) WEIR_MUST_CHECK;
/* The columns of weir's own of a row of the root, which is made but not ended. */
int weir_feed_nest_row(struct weir_feed_stream *s, struct weir_json record,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* The lists in it, after it has ended; it was the stream's row `row`. */
int weir_feed_nest_lists(struct weir_feed_stream *s, struct weir_json record, uint64_t row,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* A list that was there in a run before, so that its table knows of this one; nothing when it came.
 */
int weir_feed_nest_empty(struct weir_feed_stream *root, struct weir_str name,
                         struct weir_str suffix, unsigned depth,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Has the row that the list is in a column of the same name, for what is none? */
bool weir_feed_nest_mixed(const struct weir_feed_stream *child, size_t *column);
/* Columns of the tables of lists, for whoever looks at the plan. */
int weir_feed_nest_show(struct weir_feed_stream *s, struct weir_source_plan *plan,
                        struct weir_error *err) WEIR_MUST_CHECK;

#endif
