/* A feed: the rows of all streams that one foreign process speaks of, kept in a spool until the
 * process has ended well. Then each stream is planned and staged from it like any other; the types
 * of its columns are joined from what was declared and from every value that came, so none is lost.
 * docs/design/sources.md. Private to src/source. One thread. */
#ifndef WEIR_SOURCE_FEED_H
#define WEIR_SOURCE_FEED_H

#include "base/json.h"
#include "base/map.h"
#include "source/connector.h"
#include "source/feed/spool.h"
#include "source/run/rows.h"

#define WEIR_FEED_NO_VERSION INT64_MIN
#define WEIR_FEED_STEP       '\1' /* keys that have it have it twice in a path */
#define WEIR_FEED_ELEMENT    "\1" /* the path of what stands alone in a list */

struct weir_feed_column {
    struct weir_str original, name; /* at the source ("a__b" of a flattened object), here */
    struct weir_str path;           /* of the keys that lead to it, WEIR_FEED_STEP between them */
    enum weir_type type;
    bool untyped;              /* nothing was declared, and no value came */
    bool big;                  /* some whole number is beyond 2^53 */
    bool own;                  /* weir's, by which rows are joined */
    bool texts;                /* some value came, and all are texts: */
    bool no_days, no_times;    /* not all of them are days; days or times */
    unsigned precision, scale; /* of WEIR_TYPE_OTHER: exact decimals */
};

/* What came since the last load, of one stream or of all. */
struct weir_feed_part {
    uint64_t rows, bytes;               /* that are not loaded; bytes in the spool */
    uint64_t passed_rows, passed_bytes; /* of these, when they were looked at last */
    uint64_t marked;                    /* of the rows: those before the last state */
    bool marked_covered;                /* `covered` there */
    uint64_t loaded, loaded_bytes;      /* by this run */
    weir_time since, took;              /* the last look (weir_mono); the last load */
};

/* Values that are not what the source has, since the last load. */
struct weir_feed_odd {
    uint64_t not_finite; /* lines with NaN, Infinity: NULL now */
    uint64_t bad_texts;  /* lines with bytes that are no UTF-8: U+FFFD now */
    uint64_t changed;    /* values, by the source itself, as it says */
};

struct weir_source_load;
struct weir_feed_nest;
struct weir_feed_reading;
struct weir_feed_staged;
struct weir_feed_stream {
    struct weir_feed *feed;
    struct weir_str name, said; /* said: what the process calls it, when it is something else */
    struct weir_feed_column *columns;
    size_t column_count, column_room;
    struct weir_map by_path;              /* index + 1 */
    bool flat;                            /* objects become columns */
    const struct weir_source_stream *own; /* what its file says; NULL: nothing */
    struct weir_feed_nest *nest; /* lists become streams (feed_nest.h); NULL: they do not */
    struct weir_str file;        /* the file that the next rows come from */
    size_t guess;                /* where the next member of a record probably is */
    bool exact;                  /* some column is of exact decimals */
    bool came;                   /* a schema or a record */
    struct weir_spool_block *blocks;
    size_t block_count, block_room;
    /* What the process says of it. */
    struct weir_text_list key; /* originals */
    bool incremental;          /* only what is new comes */
    struct weir_str goes_by;   /* original of the column that says what is; ptr NULL: not told */
    bool versioned, activated; /* rows have versions; older ones than `active` are to go */
    int64_t version, active;
    int64_t generation; /* kept in the cursor for the next run; 0: none */
    bool whole;         /* the process reads all of it in each run */
    bool complete;      /* and said that all came */
    bool covered;       /* its state is behind each row that came: none of them comes again */
    uint64_t bookmark;  /* of the connector's: a hash of what the state before said of it */
    bool bookmark_known;
    /* Loads on the way (feed_part.c). */
    bool taken;                      /* what came is in the load that is made */
    struct weir_feed_staged *staged; /* what is in its stage already; NULL: nothing */
    unsigned restaged;               /* how often that was for nothing, since the last load */
    bool failed;                     /* a load of it; no more of it is loaded in this run */
    bool begun;                      /* the process said so, and not yet that all came */
    struct weir_feed_odd odd;
    struct weir_feed_part part;
    unsigned parts;        /* loads of this run */
    size_t loaded_columns; /* that they knew of */
    bool table_versioned;
    int64_t table_version;           /* that the table has */
    struct weir_source_load *loaded; /* the run's: what all of them brought */
    /* The batch that is being made. */
    struct weir_source_sink sink;
    struct weir_source_rows batch;
    bool open, narrow;
    uint64_t used; /* when, by the feed's clock */
};

/* What the run knows of a stream before it begins. */
struct weir_feed_wanted {
    struct weir_source_stream stream;
    bool anew;                     /* its table is to be built anew: no state of it counts */
    bool there;                    /* the table */
    struct weir_text_list columns; /* its own: those of rows */
    struct weir_str cursor;        /* of the stream, as weir_feed_plan() made it; or ptr NULL */
};

struct weir_feed {
    const struct weir_source_config *config;
    const char *only; /* the one stream that is wanted; NULL: all that the file names */
    struct weir_feed_wanted *wanted; /* those that are known before */
    size_t wanted_count;
    struct weir_str state; /* of the run before; ptr NULL: none, or it does not count */
    bool forgot;           /* `state` counts for no stream: weir_feed_forget() */
    const atomic_bool *stop;
    struct weir_source_progress *progress; /* or NULL */
    const struct weir_log *log;
    uint64_t checkpoint; /* rows that are loaded on the way; 0: none are */
    /* Loads the streams that are `taken`, and saves the state (empty: none is), in one transaction.
     * `apart`: a stream whose load fails is set aside, and is no failure of it; the state is of
     * that stream alone. NULL: it cannot be. */
    int (*load)(struct weir_feed *feed, struct weir_str state, bool apart, struct weir_error *err);
    /* Looks a stream up that nobody knew before the run: it is among the wanted then. Or NULL. */
    int (*look)(struct weir_feed *feed, struct weir_str name, struct weir_error *err);
    /* Rows of a stream came into the spool. NULL: nobody is told. */
    void (*came)(struct weir_feed *feed, struct weir_feed_stream *s);
    void *loader;
    bool on_the_way;  /* such a load is being made */
    bool unsaved;     /* the last one was without the state that came */
    bool load_failed; /* and this is why the reading ends: no line is to blame */
    struct weir_feed_part part;
    /* Made by the connector. */
    struct weir_buf new_state; /* JSON; empty: none was told */
    struct weir_feed_stream **streams;
    size_t stream_count, stream_room;
    struct weir_map by_name;
    uint64_t bytes, told;   /* read; told to `progress` */
    uint64_t ignored;       /* records of streams that nobody wants */
    bool guess_times;       /* texts that all look like times are such */
    bool numbers_are_texts; /* those of the record that comes, where they have many digits */
    struct weir_spool spool;
    struct weir_buf path; /* of the member that is looked at */
    struct weir_buf text;
    struct weir_arena arena;
    size_t open_count[2]; /* of streams with wide rows; with narrow ones */
    uint64_t clock;
    char id[17];  /* of no other feed, */
    uint64_t ids; /* and how many rows were called by it */
};

/* `dir` is there; free it also after a failure. What stands above `new_state` is filled in by the
 * caller afterwards. */
int weir_feed_open(struct weir_feed *feed, const char *dir, uint64_t max_spool,
                   struct weir_error *err) WEIR_MUST_CHECK;
void weir_feed_free(struct weir_feed *feed);

bool weir_feed_wants(const struct weir_feed *feed, struct weir_str name);
/* NULL when it was not known before the run. */
const struct weir_feed_wanted *weir_feed_find_wanted(const struct weir_feed *feed,
                                                     struct weir_str name);
/* A state that does not tell streams apart, and one of them begins anew: so do all, and all of
 * their rows come. WEIR_EINVAL when only one is wanted. */
int weir_feed_forget(struct weir_feed *feed, struct weir_error *err) WEIR_MUST_CHECK;
/* The stream, made when it is new. */
int weir_feed_stream(struct weir_feed *feed, struct weir_str name, struct weir_feed_stream **out,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* Is it of a list in the rows of another one? It is staged with that. */
bool weir_feed_is_list(const struct weir_feed_stream *s);
/* Columns of a JSON schema ({"type":"object","properties":{…}}), and the names of its key. */
int weir_feed_schema(struct weir_feed_stream *s, struct weir_json schema,
                     struct weir_error *err) WEIR_MUST_CHECK;
int weir_feed_set_key(struct weir_feed_stream *s, struct weir_json names,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* A row: an object. */
int weir_feed_record(struct weir_feed_stream *s, struct weir_json record,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* What had to be changed in the line that the record was in. */
void weir_feed_note_repairs(struct weir_feed_stream *s, const struct weir_json_repairs *repairs);
/* Rows that follow are of this version. */
int weir_feed_version(struct weir_feed_stream *s, int64_t version,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* What came of it is in the spool then. */
int weir_feed_flush(struct weir_feed_stream *s, struct weir_error *err) WEIR_MUST_CHECK;
/* No more rows come: the last batches go to the spool. */
int weir_feed_end(struct weir_feed *feed, struct weir_error *err) WEIR_MUST_CHECK;

/* How the stream is loaded: as its file says, else as the process says it. Sets mode and key. */
int weir_feed_settle_mode(const struct weir_feed_stream *s, struct weir_source_stream *stream,
                          struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
/* Columns, and what becomes of the rows that the table has. */
int weir_feed_plan(struct weir_feed_stream *s, const struct weir_source_stream *stream,
                   struct weir_str cursor, struct weir_source_plan *out,
                   struct weir_error *err) WEIR_MUST_CHECK;
/* What a run before kept there; 0: none. */
int64_t weir_feed_generation(struct weir_str cursor);
/* Does the cursor say that the table was made by other settings? */
bool weir_feed_changed(const struct weir_source_stream *stream, struct weir_str cursor);
int weir_feed_read(struct weir_feed_stream *s, const struct weir_source_plan *plan,
                   struct weir_source_sink *sink, struct weir_error *err) WEIR_MUST_CHECK;
/* The same block by block, also by another thread than the feed's; `sink` and `plan` live as long.
 */
int weir_feed_reading_open(struct weir_feed_stream *s, const struct weir_source_plan *plan,
                           struct weir_source_sink *sink, struct weir_feed_reading **out,
                           struct weir_error *err) WEIR_MUST_CHECK;
int weir_feed_reading_pass(struct weir_feed_reading *reading, const struct weir_spool_block *block,
                           struct weir_error *err) WEIR_MUST_CHECK;
void weir_feed_reading_free(struct weir_feed_reading *reading);
/* Of a version that was left behind within this run. */
bool weir_feed_is_old(const struct weir_feed_stream *s, const struct weir_spool_block *block);
/* What came is what was kept. */
int weir_feed_check_counts(const struct weir_feed_stream *s,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* Columns of the stream that are not excluded, weir's own behind the others. `prefix`: what stands
 * before them in `exclude`. */
int weir_feed_plan_columns(const struct weir_feed_stream *s, struct weir_str prefix,
                           struct weir_source_plan *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- feed.c, for feed_schema.c and feed_nest.c --- */
#define WEIR_FEED_STEPS 20 /* of a path, at most */
void weir_feed_add_step(struct weir_buf *path, struct weir_str key);
/* The path of a member of the object whose own is the first `length` bytes of the feed's; and into
 * an object: the length of its own path. */
struct weir_str weir_feed_step(const struct weir_feed_stream *s, size_t length,
                               struct weir_str key);
size_t weir_feed_enter(struct weir_feed *f, size_t length, struct weir_str key);
/* "a__b" of a path. ptr NULL: no memory. */
struct weir_str weir_feed_original(struct weir_arena *arena, struct weir_str path);
int weir_feed_add_column(struct weir_feed_stream *s, struct weir_str path,
                         const struct weir_feed_column *type, size_t *at,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Columns of an element's schema. */
int weir_feed_declare_element(struct weir_feed_stream *s, struct weir_json items,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* A batch is open, and has room for one row; and it goes to the spool. */
int weir_feed_batch(struct weir_feed_stream *s, struct weir_error *err) WEIR_MUST_CHECK;
int weir_feed_close(struct weir_feed_stream *s, struct weir_error *err) WEIR_MUST_CHECK;
/* The row is to be made again, in a new batch. */
int weir_feed_again(struct weir_feed_stream *s, struct weir_error *err) WEIR_MUST_CHECK;
/* Members of an object, and one value, into the row that is made. *changed: make it again. */
int weir_feed_put_members(struct weir_feed_stream *s, struct weir_json object, bool *changed,
                          struct weir_error *err) WEIR_MUST_CHECK;
int weir_feed_put_one(struct weir_feed_stream *s, struct weir_str path, struct weir_json value,
                      bool *changed, struct weir_error *err) WEIR_MUST_CHECK;

/* --- feed_part.c: loads on the way --- */
/* What the plan says of odd values. */
int weir_feed_plan_odd(const struct weir_feed_stream *s, struct weir_source_plan *out,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* Is it time for one, when a state of this stream (NULL: of all) came? */
bool weir_feed_due(const struct weir_feed *feed, const struct weir_feed_stream *s);
/* May what came of it be brought into its table before all of it came? */
bool weir_feed_flows(struct weir_feed_stream *s);
/* Takes or holds back each stream that has rows. *any: some is taken; *held: some is not. */
void weir_feed_take(struct weir_feed *feed, bool *any, bool *held);
/* It was time, and nothing may be loaded: not before as much came again. */
void weir_feed_pass(struct weir_feed *feed, struct weir_feed_stream *s);
/* A state, or the end of the stream, is behind the rows that came. */
void weir_feed_mark(struct weir_feed_stream *s);
/* The process has failed: of all streams the rows behind their marks leave the spool. */
int weir_feed_cut(struct weir_feed *feed, struct weir_error *err) WEIR_MUST_CHECK;
/* Is what is before the marks loaded, after this failure? */
bool weir_feed_saves(const struct weir_feed *feed, int rc);
/* Are its rows merged, so that they may come again? */
bool weir_feed_repeatable(struct weir_feed_stream *s);
/* Of the streams that are taken only those whose rows may come again: merged by their key. */
void weir_feed_take_repeatable(struct weir_feed *feed, bool *any);
/* All of it came and was loaded. */
bool weir_feed_is_done(const struct weir_feed_stream *s);
/* A load of this stream was committed: its rows leave the spool. */
void weir_feed_loaded(struct weir_feed_stream *s);
/* It failed: its rows leave the spool, too. */
void weir_feed_set_aside(struct weir_feed_stream *s);
/* The version that the table has, by its cursor. */
void weir_feed_read_version(struct weir_feed_stream *s, struct weir_str cursor);

/* --- feed_type.c --- */
/* The type that a JSON schema says; false: it says none. */
bool weir_feed_type_of(struct weir_json schema, struct weir_feed_column *out);
/* Widens the column so that it holds the values of the other one, too; true when it changed. */
bool weir_feed_join(struct weir_feed_column *column, const struct weir_feed_column *other);
/* The value as the column has it, into row `count` of the batch. *widened: the column became wider
 * instead, and the row is to be made again. */
int weir_feed_put(struct weir_feed_stream *s, size_t column, struct weir_json value, bool *widened,
                  struct weir_error *err) WEIR_MUST_CHECK;
/* Numbers with a point that stand `depth` objects deep (`deeper`: or deeper) and have more digits
 * than a double, in quotes; false: there is none. */
bool weir_feed_quote_numbers(struct weir_str line, unsigned depth, bool deeper,
                             struct weir_buf *out);
/* The same for a record of the stream, where that is worth its while. */
bool weir_feed_quote(const struct weir_feed_stream *s, struct weir_str line, unsigned depth,
                     struct weir_buf *out);
/* What its texts all are; WEIR_TYPE_TEXT: texts. */
enum weir_type weir_feed_guess(const struct weir_feed_column *column);
/* The day or time that such a text is. */
bool weir_feed_time(enum weir_type type, struct weir_str text, int64_t *out);

#endif
