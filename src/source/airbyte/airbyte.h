/* Airbyte's sources. Private to src/source/airbyte. */
#ifndef WEIR_SOURCE_AIRBYTE_AIRBYTE_H
#define WEIR_SOURCE_AIRBYTE_AIRBYTE_H

#include "source/feed/foreign.h"

struct weir_airbyte_settings {
    struct weir_program_settings program; /* first */
};

struct weir_airbyte_entry { /* of the catalog */
    struct weir_str name;   /* what weir calls it: with its namespace when others are called so */
    struct weir_str own, space;
    struct weir_json stream; /* of weir_airbyte_catalog.parser */
    bool incremental;        /* it can be read so without being told a cursor */
    bool keyed;
};
struct weir_airbyte_catalog {
    struct weir_json_parser *parser;
    struct weir_buf text;
    struct weir_arena arena;
    struct weir_airbyte_entry *entries;
    size_t count;
};

/* A state message of a stream, of all ("" with `global`), or of an old source ("legacy"). */
struct weir_airbyte_state {
    struct weir_str name, space; /* of a stream */
    enum { WEIR_AIRBYTE_STREAM, WEIR_AIRBYTE_GLOBAL, WEIR_AIRBYTE_LEGACY } kind;
    struct weir_buf text;  /* of `stream`, `global` or `data` */
    struct weir_buf saved; /* the same, as far as its rows are loaded; empty: none are */
};

struct weir_airbyte_count { /* rows since the last state */
    struct weir_str name, space;
    uint64_t rows;
};

struct weir_airbyte_reader {
    struct weir_feed *feed; /* NULL: a talk without rows */
    const struct weir_airbyte_catalog *catalog;
    const char *name;             /* of the source, for messages */
    const struct weir_mask *mask; /* what messages must not have */
    int64_t sync;                 /* counts the runs, in their order */
    uint64_t line;
    struct weir_json_parser *parser;
    struct weir_json_repairs repairs; /* of the line */
    struct weir_buf exact;
    struct weir_arena arena;
    /* What it said. */
    struct weir_airbyte_state *states;
    size_t state_count, state_room;
    struct weir_airbyte_count *counts;
    size_t count_count, count_room;
    struct weir_buf catalog_text, spec_text, config; /* JSON; empty: it said none */
    bool told;          /* the line told something that belongs into its log */
    char error[900];    /* what it says to people; "": nothing */
    bool checked, well; /* of `check` */
    uint64_t strange;   /* rows of streams that its catalog has not */
    char stranger[200]; /* the first of them */
};

/* --- catalog.c --- */
/* Of the JSON of a CATALOG message. Free it also after a failure. */
int weir_airbyte_catalog_read(struct weir_airbyte_catalog *c, struct weir_str text,
                              struct weir_error *err) WEIR_MUST_CHECK;
void weir_airbyte_catalog_free(struct weir_airbyte_catalog *c);
const struct weir_airbyte_entry *weir_airbyte_find(const struct weir_airbyte_catalog *c,
                                                   struct weir_str name);
const struct weir_airbyte_entry *weir_airbyte_find_own(const struct weir_airbyte_catalog *c,
                                                       struct weir_str own, struct weir_str space);
/* Is it read incrementally, as the feed wants it? */
bool weir_airbyte_is_incremental(const struct weir_airbyte_entry *e,
                                 const struct weir_feed_wanted *wanted);
/* The configured catalog of what the feed wants. `sync` counts the runs, in their order. */
int weir_airbyte_configure(const struct weir_airbyte_catalog *c, const struct weir_feed *feed,
                           int64_t sync, struct weir_buf *out,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* --- spec.c: of a `connectionSpecification` --- */
/* Adds the names of settings that must be there and are not. */
void weir_airbyte_spec_missing(struct weir_json spec, const struct weir_data *config,
                               struct weir_buf *out);
/* Settings that are secrets, and no references: "credentials.pat". */
struct weir_airbyte_secrets {
    struct weir_data *paths; /* a list, or NULL: none */
    struct weir_mask **mask; /* gets their values */
    struct weir_arena *arena;
};
/* `told`: gets what the specification calls a secret, and is no reference; NULL: WEIR_EINVAL names
 * one. `config`: as the file has it, or NULL. */
int weir_airbyte_spec_secrets(struct weir_json spec, const struct weir_data *config,
                              const char *source, struct weir_airbyte_secrets *told,
                              struct weir_error *err) WEIR_MUST_CHECK;

/* --- state.c --- */
/* What the runs before kept, without streams that begin anew. */
int weir_airbyte_state_read(struct weir_airbyte_reader *r, struct weir_error *err) WEIR_MUST_CHECK;
/* As a source is given it (empty: there is none), and as it is kept. */
int weir_airbyte_state_print(struct weir_airbyte_reader *r, struct weir_buf *out,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* All came: each stream is loaded with its own state, where states are of streams; a stream that
 * cannot be loaded keeps no other from it. The feed's new state is that of what is left. */
int weir_airbyte_state_end(struct weir_airbyte_reader *r, struct weir_error *err) WEIR_MUST_CHECK;
/* The source has failed: streams that it said to be complete are loaded, and of others what their
 * last states cover. */
int weir_airbyte_state_rest(struct weir_airbyte_reader *r, struct weir_error *err) WEIR_MUST_CHECK;
/* What it covers is loaded with it, when it is time. */
int weir_airbyte_state_take(struct weir_airbyte_reader *r, struct weir_json state,
                            struct weir_error *err) WEIR_MUST_CHECK;
/* All of this stream came: if it is read as a whole it may be loaded. */
int weir_airbyte_complete(struct weir_airbyte_reader *r, struct weir_feed_stream *s,
                          struct weir_error *err) WEIR_MUST_CHECK;
/* A row came. */
int weir_airbyte_state_count(struct weir_airbyte_reader *r, struct weir_str name,
                             struct weir_str space, struct weir_error *err) WEIR_MUST_CHECK;

/* --- message.c --- */
int weir_airbyte_reader_init(struct weir_airbyte_reader *r, struct weir_feed *feed,
                             struct weir_error *err) WEIR_MUST_CHECK;
void weir_airbyte_reader_free(struct weir_airbyte_reader *r);
/* One line of stdout, with WEIR_BUF_PADDING readable bytes behind it. */
int weir_airbyte_line(struct weir_airbyte_reader *r, struct weir_str line,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* Its program ended with 0: was all said that has to be? Else `error` has the reason. */
void weir_airbyte_look_at_end(struct weir_airbyte_reader *r);
/* Tells of rows that belong to nothing. */
void weir_airbyte_tell_strange(const struct weir_airbyte_reader *r);
/* The run has failed with `rc`, which is returned: what may be loaded is. */
int weir_airbyte_lines_failed(struct weir_airbyte_reader *r, int rc);
/* After the last line of a run that ended well. */
int weir_airbyte_lines_end(struct weir_airbyte_reader *r, struct weir_error *err) WEIR_MUST_CHECK;

#endif
