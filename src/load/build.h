/* From log records to a batch of rows: what Segment's warehouse schema asks for, and what to do
 * with everything that does not fit it (docs/guide/event-tables.md). Knows no warehouse. */
#ifndef WEIR_LOAD_BUILD_H
#define WEIR_LOAD_BUILD_H

#include "event/event.h"
#include "eventlog/eventlog.h"
#include "load/batch.h"
#include "load/seen.h"

struct weir_leaf { /* a scalar or an array inside an event, and where it was */
    struct weir_path *path;
    struct weir_value value;
};

struct weir_builder {
    struct weir_catalog *catalog;
    struct weir_seen *seen;
    bool only_events; /* what is said of a whole record was said already (replay of one event) */
    bool learn;       /* of the next event only the types of its columns are wanted (replay) */
    bool only_ask;    /* the index knows every event already: remember nothing (replay) */
    struct weir_event_limits limits;
    weir_time now;        /* uuid_ts */
    uint64_t begun_seq;   /* of this record ... */
    uint64_t begun_event; /* ... the events before this one are loaded already */
    /* Which events become rows; NULL: all. For a replay, and to set aside an event that the
     * warehouse refuses (then with a reason). It may set `learn`. */
    bool (*wanted)(const struct weir_record *record, const struct weir_event *event, void *arg,
                   const char **reason);
    void *wanted_arg;

    /* private */
    struct weir_load_batch *batch;
    const struct weir_record *record;
    struct weir_load_source *source;
    struct weir_json_parser *parser;
    struct weir_arena arena;
    struct weir_buf scratch;
    struct weir_leaf *leaves;
    uint32_t leaf_count, leaf_cap, context_count;
    uint64_t stamp;
    struct weir_str label;    /* of the event's own table */
    struct weir_buf overflow; /* what finds no column, as members of a JSON object */
    struct weir_buf lost;     /* what not even a path was found for, likewise */
    struct weir_buf rest;     /* of a batch with too many events */
    uint32_t rest_first;
    struct weir_chunk nothing; /* where an event that makes no row is put */
    struct weir_map own_keys;  /* of a large context; values mean nothing */
    size_t context_size;       /* of the batch's context; 0: not known yet */
    size_t context_spent;      /* by giving it to this record's events */
    struct weir_buf body;
    bool no_memory;
    int failed; /* by our own trouble, not the body's */
};

int weir_builder_init(struct weir_builder *builder, struct weir_catalog *catalog,
                      struct weir_seen *seen, struct weir_error *err) WEIR_MUST_CHECK;
void weir_builder_free(struct weir_builder *builder);
/* Adds one record's rows to the batch. A body that is no tracking call goes to weir.discards; an
 * error is of memory or of the dedup index. */
int weir_builder_add(struct weir_builder *builder, struct weir_load_batch *batch,
                     const struct weir_record *record, struct weir_error *err) WEIR_MUST_CHECK;
/* Only offers the record's ids to the dedup index, to fill it again. */
int weir_builder_remember(struct weir_builder *builder, const struct weir_record *record,
                          struct weir_error *err) WEIR_MUST_CHECK;

/* One row for weir.discards; every string may be empty (NULL in the table). */
struct weir_discard {
    struct weir_str table, column, message_id, value, reason;
    int64_t index; /* of the event in its record; -1: the record */
};
void weir_builder_discard(struct weir_builder *builder, const struct weir_discard *discard);

/* A row for weir.names. */
void weir_builder_name(struct weir_builder *builder, const struct weir_load_table *table,
                       struct weir_str column, struct weir_str original);
/* A discard whose value is JSON: a string as it is, all else as its text. */
void weir_builder_discard_json(struct weir_builder *builder, struct weir_discard *discard,
                               struct weir_json value);

/* Appends the object's scalars and arrays to builder->leaves. */
void weir_builder_flatten(struct weir_builder *builder, struct weir_paths *paths,
                          struct weir_path *parent, struct weir_json object);
void weir_builder_add_leaf(struct weir_builder *builder, struct weir_path *path,
                           const struct weir_value *value);
/* One member of an object: `before` is the member visited before it; returns what to pass next. */
struct weir_path *weir_builder_flatten_member(struct weir_builder *builder,
                                              struct weir_paths *paths, struct weir_path *parent,
                                              struct weir_path *before, struct weir_str key,
                                              struct weir_json member);

/* The tables that are weir's own; made on first use. */
bool weir_system_tables(struct weir_catalog *catalog);

#endif
