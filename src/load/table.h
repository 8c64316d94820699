/* What the loader knows of the warehouse's tables: one struct a table, one a column, found by name
 * or by the path of a value.
 *
 * Two threads share them: the builder, which makes rows, and the appender, which writes them. Names
 * never change once made; each other field says whose it is. After a failed transaction both start
 * over from what the warehouse says. */
#ifndef WEIR_LOAD_TABLE_H
#define WEIR_LOAD_TABLE_H

#include "base/map.h"
#include "event/naming.h"
#include "load/path.h"
#include "load/value.h"

enum weir_base_column { /* the event schema's own columns */
                        WEIR_COL_ID,
                        WEIR_COL_ANONYMOUS_ID,
                        WEIR_COL_USER_ID,
                        WEIR_COL_EVENT,
                        WEIR_COL_EVENT_TEXT,
                        WEIR_COL_NAME,
                        WEIR_COL_CATEGORY,
                        WEIR_COL_GROUP_ID,
                        WEIR_COL_PREVIOUS_ID,
                        WEIR_COL_RECEIVED_AT,
                        WEIR_COL_SENT_AT,
                        WEIR_COL_TIMESTAMP,
                        WEIR_COL_ORIGINAL_TIMESTAMP,
                        WEIR_COL_UUID_TS,
                        WEIR_COL_COUNT
};

enum weir_table_kind {
    WEIR_TABLE_TRACKS,
    WEIR_TABLE_EVENT, /* one track event's own */
    WEIR_TABLE_IDENTIFIES,
    WEIR_TABLE_USERS,
    WEIR_TABLE_PAGES,
    WEIR_TABLE_SCREENS,
    WEIR_TABLE_GROUPS,
    WEIR_TABLE_ACCOUNTS,
    WEIR_TABLE_ALIASES,
    WEIR_TABLE_SYSTEM, /* weir.discards, weir.names: no event's */
    WEIR_TABLE_KINDS
};

struct weir_load_column {
    struct weir_str name;
    uint32_t index;
    bool pinned;  /* the schema says its type; it never widens */
    bool foreign; /* in the warehouse with a type that is not ours: nothing is stored there */
    /* the builder's */
    enum weir_type type;
    bool unsafe_ints;         /* an int that no double holds was stored */
    enum weir_type kept_type; /* both as weir_catalog_keep found them */
    bool kept_unsafe_ints;
    /* the appender's */
    enum weir_type stored; /* in the warehouse; NONE: no such column yet */
};

struct weir_load_table {
    struct weir_str schema;
    struct weir_str name;  /* in the warehouse */
    struct weir_str label; /* what it is called: the name, without a replay's prefix */
    uint32_t index;        /* in the catalog */
    enum weir_table_kind kind;
    struct weir_load_column *base[WEIR_COL_COUNT]; /* NULL: not in this kind */
    struct weir_load_column **columns;
    uint32_t column_count, column_cap;
    struct weir_map by_name;
    /* column index + 1 by path id; 0: not known yet, UINT32_MAX: over the cap */
    uint32_t *by_context;
    uint32_t *by_path;
    uint32_t context_cap, path_cap;
    struct weir_paths paths; /* of its properties or traits (users: identifies' are used) */
    bool is_new;             /* not in the warehouse when it was first met */
    bool closed;             /* too wide for the engine's memory: its rows go to weir.discards */
    bool live; /* a replay's: the warehouse has the table already; one like it is made beside it */
    bool view; /* a replay's: a view has the name, so that no table can */
    /* the appender's */
    bool exists;
};

struct weir_load_source {
    struct weir_str name;   /* as the log says */
    struct weir_str schema; /* in the warehouse */
    struct weir_paths context;
    struct weir_load_table *tables[WEIR_TABLE_KINDS];
    struct weir_map events;         /* event name as it came -> struct weir_event_table */
    struct weir_event_table *other; /* the last of the names that are too many to be remembered */
    uint32_t table_count;
    bool schema_exists; /* the appender's */
};

struct weir_event_table {
    struct weir_load_table *table; /* NULL: over the cap */
    struct weir_str slug;
    char slug_text[WEIR_NAME_MAX + 1];
    bool odd; /* the table's name does not spell the event's */
};

enum { WEIR_TABLE_KEY = 256 };
/* "schema.table", cut when it is too long to be one. */
struct weir_str weir_table_key(struct weir_str schema, struct weir_str name,
                               char out[WEIR_TABLE_KEY]);

struct weir_load_limits {
    uint32_t columns;     /* a table */
    uint32_t tables;      /* a source */
    uint32_t depth;       /* objects deeper than this are JSON text */
    uint32_t all_columns; /* all tables together */
};

struct weir_catalog {
    struct weir_arena arena;
    struct weir_map sources;
    struct weir_load_table **tables;
    uint32_t table_count, table_cap;
    uint32_t column_count;   /* of all tables */
    struct weir_map by_name; /* "schema.table" */
    struct weir_system_table {
        struct weir_load_table *table; /* NULL: not opened yet */
        struct weir_load_column *columns[10];
    } discards, names;
    struct weir_load_limits limits;
    const char *prefix; /* before the name of each table: "", or WEIR_REPLAY_PREFIX */
};
/* Tables that a replay builds beside the live ones; no event's table can be called so. */
#define WEIR_REPLAY_PREFIX "weir replay of "

int weir_catalog_init(struct weir_catalog *catalog, const struct weir_load_limits *limits,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_catalog_free(struct weir_catalog *catalog);
/* Takes in the tables that the warehouse has. */
int weir_catalog_read(struct weir_catalog *catalog, struct weir_session *session,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* For a replay: takes in the views, which are in the way of tables, and (`tables`) the tables that
 * its rows are for. Types are known as stored only: they are found anew, as loading found them. */
int weir_catalog_read_live(struct weir_catalog *catalog, struct weir_session *session, bool tables,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* One thread that both builds and writes takes back what a failed transaction did to the types:
 * keep after each commit, restore after a failure. */
void weir_catalog_keep(struct weir_catalog *catalog);
int weir_catalog_restore(struct weir_catalog *catalog, struct weir_session *session,
                         struct weir_error *err) WEIR_MUST_CHECK;

/* The source's tables; NULL when memory ran out. `schema` NULL: made from the name. */
struct weir_load_source *weir_catalog_source(struct weir_catalog *catalog, struct weir_str name);
/* A table of the source by its kind; made when it is new. */
struct weir_load_table *weir_catalog_table(struct weir_catalog *catalog,
                                           struct weir_load_source *source,
                                           enum weir_table_kind kind);
/* The table of a track event by the event's name as it came. NULL: no memory. */
struct weir_event_table *weir_catalog_event(struct weir_catalog *catalog,
                                            struct weir_load_source *source, struct weir_str event);

/* Any table, by name. */
struct weir_load_table *weir_catalog_open(struct weir_catalog *catalog, struct weir_str schema,
                                          struct weir_str name, enum weir_table_kind kind);

struct weir_load_column *weir_table_find(const struct weir_load_table *table, struct weir_str name);
/* Whether a value may make one more column, in this table and in all of them. */
bool weir_table_may_grow(const struct weir_catalog *catalog, const struct weir_load_table *table);
/* Adds a column without a type; NULL when memory ran out. */
struct weir_load_column *weir_table_add(struct weir_catalog *catalog, struct weir_load_table *table,
                                        struct weir_str name);

/* Whether a property's name is taken by the event schema in tables of this kind. */
bool weir_name_is_reserved(enum weir_table_kind kind, struct weir_str name);
/* Gives up the paths held when they have become too many (between two events only). */
void weir_catalog_trim_context(struct weir_catalog *catalog, struct weir_load_source *source);
void weir_table_trim_paths(struct weir_load_table *table, struct weir_load_table *other);

enum weir_type weir_base_type(enum weir_base_column column);
/* Whether every source's table of this name is for a kind of calls: tracks, users, ... */
bool weir_table_is_fixed(struct weir_str name);
/* Whether the table has the columns that all tables of events have. */
bool weir_table_is_shaped(const struct weir_table *table);

#endif
