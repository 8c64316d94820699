/* Singer taps. Private to src/source/singer. */
#ifndef WEIR_SOURCE_SINGER_SINGER_H
#define WEIR_SOURCE_SINGER_SINGER_H

#include "source/feed/foreign.h"

enum weir_singer_selection { WEIR_SINGER_CATALOG, WEIR_SINGER_PROPERTIES, WEIR_SINGER_NONE };

struct weir_singer_settings {
    struct weir_program_settings program; /* first */
    int selection;
};

struct weir_singer_entry { /* of the catalog */
    struct weir_str name;  /* what weir calls it: its `stream` when no other has it, else its id */
    struct weir_str id, stream;
    struct weir_json schema; /* of weir_singer_catalog.parser */
    struct weir_json key;    /* a list of names, or no value */
    bool incremental, whole; /* as it is to be read */
    struct weir_data *data;
};
struct weir_singer_catalog {
    struct weir_json_parser *parser;
    struct weir_buf text;
    struct weir_arena arena;
    struct weir_data *data;
    struct weir_singer_entry *entries;
    size_t count;
};

/* --- catalog.c --- */
/* What `--discover` printed. Free it also after a failure. */
int weir_singer_catalog_read(struct weir_singer_catalog *c, struct weir_str text,
                             struct weir_error *err) WEIR_MUST_CHECK;
void weir_singer_catalog_free(struct weir_singer_catalog *c);
/* By name, stream or id; NULL when there is none. */
const struct weir_singer_entry *weir_singer_find(const struct weir_singer_catalog *c,
                                                 struct weir_str name);
/* The catalog with what the feed wants selected, as the tap is to be given it. */
int weir_singer_select(struct weir_singer_catalog *c, const struct weir_feed *feed,
                       struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;
/* The state without the bookmarks of streams that are read from their beginning. Empty: none. */
int weir_singer_state(const struct weir_singer_catalog *c, struct weir_feed *feed,
                      struct weir_buf *out, struct weir_error *err) WEIR_MUST_CHECK;

/* --- message.c --- */
struct weir_singer_reader {
    struct weir_feed *feed;
    const struct weir_singer_catalog *catalog; /* NULL: there is none */
    const char *name;                          /* of the tap, for messages */
    const struct weir_mask *mask;              /* what messages must not have */
    uint64_t line;
    struct weir_json_parser *parser;
    struct weir_json_repairs repairs; /* of the line */
    struct weir_buf exact;            /* a line whose long numbers are in quotes */
    struct weir_feed_stream *last;
    struct weir_str last_name; /* as the tap says it; in the feed's arena */
    struct weir_data *base;    /* the state that it was given, or that was saved last; or NULL */
    struct weir_arena base_arena;
    struct weir_buf base_text;
};
/* Streams that came are in the feed by their names; their id, with a NUL behind it. */
const char *weir_singer_id(const struct weir_singer_reader *r, const struct weir_feed_stream *s);
/* A stream with a bookmark is read incrementally, unless the catalog says that it is read whole. */
void weir_singer_look(const struct weir_singer_reader *r, struct weir_feed_stream *s,
                      struct weir_json bookmarks);
/* Free it also after a failure. */
int weir_singer_reader_init(struct weir_singer_reader *r, struct weir_feed *feed,
                            struct weir_error *err) WEIR_MUST_CHECK;
void weir_singer_reader_free(struct weir_singer_reader *r);
/* One line of stdout, with WEIR_BUF_PADDING readable bytes behind it. */
int weir_singer_line(struct weir_singer_reader *r, struct weir_str line,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The tap has failed with `rc`: what its last state covers is loaded with it. Returns `rc`. */
int weir_singer_lines_failed(struct weir_singer_reader *r, int rc);
/* After the last line: what the state says of the streams. */
int weir_singer_lines_end(struct weir_singer_reader *r, struct weir_error *err) WEIR_MUST_CHECK;

/* --- state.c: loads on the way --- */
/* The state that the tap is given (empty: none). */
int weir_singer_base(struct weir_singer_reader *r, struct weir_str state,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* The tap said this state, the feed's new one: what it covers is loaded with it, when it is time.
 */
int weir_singer_covers(struct weir_singer_reader *r, struct weir_json value,
                       struct weir_error *err) WEIR_MUST_CHECK;
/* It was the last one, and nothing is behind it: what it covers is loaded. */
int weir_singer_load_covered(struct weir_singer_reader *r, struct weir_json value,
                             struct weir_error *err) WEIR_MUST_CHECK;

/* --- metric.c --- */
#define WEIR_SINGER_METRICS 200

struct weir_singer_metric { /* of one stream */
    struct weir_str name, of;
    bool timer;
    uint64_t times, failed;
    double sum;
};
struct weir_singer_metrics {
    struct weir_json_parser *parser;
    struct weir_arena arena;
    struct weir_singer_metric items[WEIR_SINGER_METRICS];
    size_t count;
};
/* Free it also after a failure. */
int weir_singer_metrics_init(struct weir_singer_metrics *m, struct weir_error *err) WEIR_MUST_CHECK;
void weir_singer_metrics_free(struct weir_singer_metrics *m);
/* A line of stderr; true: it was a metric, and is added up. */
bool weir_singer_metrics_hear(void *metrics, struct weir_str line);
/* Their sums as lines of the run's log. */
void weir_singer_metrics_tell(const struct weir_singer_metrics *m, struct weir_source_watch *watch);

#endif
