/* A connector: how rows of one kind of source are found and read. A folder of src/source, one
 * exported const struct, one option table from which parsing, the command line and forms come.
 *
 * Every function runs on the thread of the run that it is called for. Errors say what is wrong at
 * the source and what to do; WEIR_EAGAIN means that trying again may help. */
#ifndef WEIR_SOURCE_CONNECTOR_H
#define WEIR_SOURCE_CONNECTOR_H

#include "source/define/catalog.h"
#include "source/define/config.h"
#include "source/run/figures.h"
#include "source/source.h"
#include "workspace/kinds.h"

/* A row that cannot be loaded, or a line that is none. */
struct weir_source_reject {
    struct weir_str part;
    uint64_t line;          /* 0: it has none */
    struct weir_str column; /* that does not take its value, or "" */
    struct weir_str text;   /* any bytes: the value, or the whole line; ptr NULL: it is not known */
    struct weir_str row;    /* as JSON, or "" */
    const char *reason;
};

/* Where the rows go. */
struct weir_source_sink {
    /* Exactly these, in this order, are what the columns of every batch are: the plan's columns
     * with the types that the warehouse has for them, which may be wider than the plan's. */
    const struct weir_column *columns;
    size_t column_count;
    bool takes_scaled; /* decimals may come as `scaled` vectors */
    int (*rows)(struct weir_source_sink *sink, struct weir_str part, const struct weir_batch *batch,
                struct weir_error *err);
    /* The run is to end; a connector that waits for its source looks from time to time. NULL: no.
     */
    const atomic_bool *stop;
    /* What the source itself says of the rows that were read, counted by it and not by weir; a
     * connector that can ask fills them and sets `told`. The stage must have the same. */
    struct weir_figures *source;
    bool told;
    /* So many bytes more of the plan's were read; NULL: nobody asks. Any thread, also while another
     * one gives rows. */
    void (*bytes)(struct weir_source_sink *sink, uint64_t bytes);
    /* A row that cannot be loaded is kept for whoever looks for it. */
    int (*reject)(struct weir_source_sink *sink, const struct weir_source_reject *what,
                  struct weir_error *err);
    /* The same of a line that is no row, and so in no count. NULL: nobody asks. */
    int (*pass)(struct weir_source_sink *sink, const struct weir_source_reject *what,
                struct weir_error *err);
};

struct weir_source_found { /* a stream */
    struct weir_str name;
    const char *mode; /* how it is loaded when its file says nothing; NULL: the default */
    uint64_t files, bytes;
    uint64_t rows;           /* as the source estimates; 0: it does not say */
    struct weir_str refused; /* of capture: why its changes cannot be had, or "" */
    bool empty; /* there is nothing in it, so it is none, unless it was loaded before */
};
struct weir_source_catalog {
    struct weir_arena arena;
    struct weir_source_found *streams;
    size_t count;
    struct weir_str note; /* what is there and no stream, and how it would be one; or "" */
};
/* Those that the file names. */
int weir_source_catalog_named(const struct weir_source_config *config,
                              struct weir_source_catalog *out,
                              struct weir_error *err) WEIR_MUST_CHECK;

struct weir_source_parts { /* files of a stream */
    const struct weir_str *there;
    size_t there_count;
    const struct weir_str *news; /* that the next run reads, or whose rows it drops */
    size_t news_count;
};

struct weir_feed;
struct weir_source_capture;
struct weir_source_verifier;
struct weir_source_connector {
    const char *name;
    const char *title;                 /* "MySQL, MariaDB" */
    const struct weir_option *options; /* of `connection:` */
    size_t settings_size;              /* of the struct that they fill */
    bool files;                        /* rows are of files, whose names `rows` is told */
    /* Bytes that a run may take beside the warehouse's engine, 0: any; NULL: batches of rows only.
     */
    uint64_t (*memory)(const void *settings);
    int (*open)(const struct weir_source_config *config, const struct weir_source_site *site,
                void **connection, struct weir_error *err);
    /* All streams that there are. Also the test of a connection: it fails when nothing is there. */
    int (*discover)(void *connection, struct weir_source_catalog *out, struct weir_error *err);
    /* What a test of the connection asks before that; NULL: nothing. */
    int (*check)(void *connection, struct weir_error *err);
    /* Texts of an open list: members of `connection:` of a trial that stand in clear, and that only
     * the source itself knows to be secrets, after `discover`. NULL: it knows none. */
    void (*secrets)(void *connection, struct weir_jw *w);
    /* What is to be read of a stream: `cursor` is the JSON that the last run kept, or ptr NULL. */
    int (*plan)(void *connection, const struct weir_source_stream *stream, struct weir_str cursor,
                struct weir_source_plan *out, struct weir_error *err);
    int (*read)(void *connection, const struct weir_source_plan *plan,
                struct weir_source_sink *sink, struct weir_error *err);
    void (*close)(void *connection); /* NULL is fine */
    /* Of a connector whose process speaks of all streams at once (feed.h); `plan` then only tells
     * the columns to whoever looks, and `read` is NULL. Reads all that the feed wants into it. */
    int (*feed)(void *connection, struct weir_feed *feed, struct weir_error *err);
    bool nests; /* `plan` knows `nested`; so does what `feed` is made of */
    /* How it tells what changed (follow.h); NULL: it cannot. */
    const struct weir_source_capture *capture;
    /* How it computes sums of its rows (verify.h); NULL: it does not, and all of it is read where a
     * table is compared with it. */
    const struct weir_source_verifier *verifier;
    /* Of a connector with `files`, a plan that was made without a cursor, and the stream's own:
     * into the plan's arena. */
    int (*parts)(void *connection, const struct weir_source_stream *stream,
                 struct weir_source_plan *plan, struct weir_str cursor,
                 struct weir_source_parts *out, struct weir_error *err);
};

#define WEIR_SOURCE_DECLARE(kind) extern const struct weir_source_connector weir_source_##kind;
WEIR_SOURCE_KINDS(WEIR_SOURCE_DECLARE)
#undef WEIR_SOURCE_DECLARE

/* Names and connectors in the same order, each ended by NULL. */
extern const char *const weir_source_kinds[];
extern const struct weir_source_connector *const weir_source_connectors[];
/* NULL: there is none. */
const struct weir_source_connector *weir_source_connector_of(struct weir_str kind);
/* Opens the connector. Secret options (`secret` of its table) have their values then, in the place
 * of the references that the file has. */
int weir_source_open(const struct weir_source_site *site, struct weir_source_config *config,
                     void **connection, struct weir_error *err) WEIR_MUST_CHECK;
/* Gives texts of a form or a command line the types that the options have, in place: "5433" of a
 * number's is a number, "a,b" of a list's is a list, "yes" of a truth's is true; a number of a
 * text's is a text. */
int weir_source_fit(const struct weir_option *options, struct weir_data *values,
                    struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
/* "columns":[{"name","original","type"}],"lists":[{"table","columns"}] */
void weir_source_print_columns(const struct weir_source_plan *plan, const char *table,
                               struct weir_jw *w);

#endif
