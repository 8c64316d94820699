/* What a source has: streams and their columns, the same for every connector. Private to
 * src/source. */
#ifndef WEIR_SOURCE_CATALOG_H
#define WEIR_SOURCE_CATALOG_H

#include <stdatomic.h>

#include "conf/option.h"
#include "warehouse/warehouse.h"

/* Columns that weir adds to the tables of sources. */
#define WEIR_SOURCE_LOADED_AT "_weir_loaded_at"
#define WEIR_SOURCE_RUN       "_weir_run"
#define WEIR_SOURCE_FILE      "_weir_file"
#define WEIR_SOURCE_DELETED   "_weir_deleted" /* of soft deletes: when the row was gone, or NULL */
/* Of mode history. */
#define WEIR_SOURCE_FROM    "valid_from"
#define WEIR_SOURCE_TO      "valid_to"
#define WEIR_SOURCE_CURRENT "is_current"
#define WEIR_SOURCE_VERSION "_weir_version"
/* Of `nested: tables`: the row's id; in tables of lists that of the row that the list is in, the
 * element's place in it, and, in those of lists in lists, the id of the stream's own row. */
#define WEIR_SOURCE_ID     "_weir_id"
#define WEIR_SOURCE_PARENT "_weir_parent"
#define WEIR_SOURCE_INDEX  "_weir_index"
#define WEIR_SOURCE_ROOT   "_weir_root"
#define WEIR_SOURCE_ROW    "_weir_row" /* in the stage of a list only: which row it is in */

struct weir_feed_stream;
struct weir_source_column {
    struct weir_str name;     /* in the warehouse */
    struct weir_str original; /* at the source */
    enum weir_type type;
    bool untyped;              /* it had no value yet: any type will do */
    bool wide;                 /* whole numbers, some of which no double holds */
    bool written;              /* texts as somebody wrote them: numbers and days are, too */
    struct weir_str guess;     /* how its values were taken, in words; ptr NULL: the source says */
    bool late;                 /* no load of this run before knew of it */
    struct weir_str type_name; /* of WEIR_TYPE_OTHER: "DECIMAL(12,2)" */
};

/* A list in the rows of a stream that is a table of its own. */
struct weir_source_list {
    struct weir_str suffix; /* its table is TABLE__SUFFIX */
    struct weir_source_column *columns;
    size_t column_count;
};

/* A column, or a list as a whole, that is left out now, and that is in a table from before. */
struct weir_source_omitted {
    struct weir_str table;
    struct weir_str column; /* ptr NULL: all rows */
};

/* What one run of one stream will read. A connector makes it before it reads any row, so the types
 * of all that comes are known then. */
struct weir_source_plan {
    struct weir_arena arena; /* everything below lives in it */
    struct weir_source_column *columns;
    size_t column_count;
    bool nothing;  /* the source is as the cursor says */
    bool whole;    /* what is read is the whole stream: its table is built anew */
    bool complete; /* all rows that the stream has are read, though the table is kept: of
                    * merge with deletes, and of history, rows that do not come are gone */
    /* Rows of earlier runs whose WEIR_SOURCE_VERSION is below `version`, or none, go; but where
     * deletes are followed, `complete` says it. */
    bool versioned;
    int64_t version;
    bool other; /* the cursor is of other settings of the stream */
    bool drops; /* set before rows are read: some that only the table has may go, and are told */
    struct weir_str guessed; /* how files were taken, in words; ptr NULL: nothing was guessed */
    struct weir_str changed; /* a sentence on that for the run's changes, or "" */
    struct weir_source_omitted *omitted; /* set before rows are read */
    size_t omitted_count;
    /* Of what is appended: the column by which the source goes on, where it reads its greatest
     * value again; rows that are as those of the table are not added once more. */
    struct weir_str again;
    const char *stranger;   /* why it is none of the table's, if that has rows; or NULL */
    bool partial;           /* what is not read may have other columns */
    struct weir_str *parts; /* else: files whose earlier rows go */
    size_t part_count;
    struct weir_str cursor;         /* JSON; kept with the rows, and given to the next plan */
    struct weir_str said;           /* a sentence for the run's changes, or "" */
    uint64_t bytes;                 /* to be read */
    const char *note;               /* how it will be read, for the run's log; or NULL */
    struct weir_feed_stream *nest;  /* where the lists in its rows are; NULL: they are JSON */
    struct weir_source_list *lists; /* those that are known, for whoever looks */
    size_t list_count;
    void *own;                            /* the connector's */
    const struct weir_text_list *exclude; /* set before: columns that are not wanted, or NULL */
    struct weir_str *excluded; /* of each of those: the column's name in the warehouse; or NULL */
    const struct weir_table *there; /* set before: the table, or NULL */
    struct weir_str last; /* set before: the cursor of the last run, also where all is read anew */
    /* Set before: of a back-fill, rows whose cursor column is at least `from`, and below `to` when
     * that is said; the cursor then stays what it was. ptr NULL: what is new. */
    struct weir_str from, to;
    bool reads;              /* set before: all of it will be read; else somebody looks */
    bool moved;              /* set before: the same rows, though their place is new (mark.h) */
    const atomic_bool *stop; /* set before: when it is true, reading ends; NULL: it never is */
};

#define WEIR_SOURCE_PLAN_MEMORY (512u << 20)
#define WEIR_SOURCE_MAX_COLUMNS 10000

void weir_source_plan_init(struct weir_source_plan *plan);
void weir_source_plan_free(struct weir_source_plan *plan);
/* A text that was built, into the plan's arena; frees the buffer. */
int weir_source_plan_keep(struct weir_source_plan *plan, struct weir_buf *text,
                          struct weir_str *out, struct weir_error *err) WEIR_MUST_CHECK;
/* The column of this name; added when it is new, its type widened when it is there. NULL when there
 * are too many. */
struct weir_source_column *weir_source_plan_column(struct weir_source_plan *plan,
                                                   const struct weir_source_column *column,
                                                   size_t *index);

/* The place of the plan's column that is called so at the source; SIZE_MAX: it is left out. */
size_t weir_source_plan_find(const struct weir_source_plan *plan, struct weir_str original);

/* The type that holds the values of both without loss. */
enum weir_type weir_source_type_join(enum weir_type a, enum weir_type b);
/* What the engine calls its type: "BIGINT"; exact decimals, which are of WEIR_TYPE_OTHER, have
 * their own. */
struct weir_str weir_source_column_sql(const struct weir_column *column);
bool weir_source_same_type(const struct weir_column *a, const struct weir_column *b);
/* `a` as it holds the values of both, text at worst. Exact decimals stay exact where one of at most
 * 38 digits holds both. */
struct weir_column weir_source_types_join(const struct weir_column *a, const struct weir_column *b,
                                          struct weir_arena *arena);
/* "-12.5" with just `scale` digits behind the point, when nothing is lost; false: it is no decimal
 * of so many digits. `out` is emptied before. */
bool weir_source_decimal_text(struct weir_str text, unsigned precision, unsigned scale,
                              struct weir_buf *out);
bool weir_source_plan_excludes(const struct weir_source_plan *plan, struct weir_str name);
/* The same of a column, which may be left out by its name in the warehouse or by the source's own;
 * that there is one is kept in `excluded`. */
bool weir_source_plan_leaves_out(struct weir_source_plan *plan, struct weir_str name,
                                 struct weir_str original);
/* Those that weir adds begin with this; a source's own column must not. */
bool weir_source_column_reserved(struct weir_str name);

#endif
