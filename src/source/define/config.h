/* sources/<name>.yml of a source that weir reads from (`kind:` other than tracking). Format:
 * docs/format/sources.md. */
#ifndef WEIR_SOURCE_CONFIG_H
#define WEIR_SOURCE_CONFIG_H

#include "conf/option.h"
#include "source/schedule/schedule.h"
#include "workspace/workspace.h"

enum weir_source_mode {
    WEIR_SOURCE_REPLACE,
    WEIR_SOURCE_APPEND,
    WEIR_SOURCE_MERGE,
    WEIR_SOURCE_HISTORY
};
enum weir_source_deletes {
    WEIR_SOURCE_DELETES_NONE,
    WEIR_SOURCE_DELETES_SOFT, /* _weir_deleted says when */
    WEIR_SOURCE_DELETES_HARD
};
enum weir_source_contract {
    WEIR_SOURCE_EVOLVE,
    WEIR_SOURCE_FREEZE,
    WEIR_SOURCE_DISCARD_ROW,
    WEIR_SOURCE_DISCARD_VALUE
};

enum weir_source_nested {
    WEIR_SOURCE_NESTED_JSON,
    WEIR_SOURCE_NESTED_FLATTEN, /* members of objects are columns: a__b */
    WEIR_SOURCE_NESTED_TABLES   /* and lists are tables: TABLE__LIST */
};

struct weir_source_stream {
    const char *name;              /* as the connector calls it */
    const char *table;             /* in the warehouse; made of the name when "" */
    const char *path;              /* of files; "": what was found under this name */
    const char *sheet;             /* of workbooks; "": as the connection says */
    const char *cursor;            /* a column of the warehouse; "": none */
    int mode;                      /* enum weir_source_mode */
    bool mode_said;                /* else a foreign process may know better */
    int contract;                  /* enum weir_source_contract */
    int deletes;                   /* enum weir_source_deletes, of merge */
    int nested;                    /* enum weir_source_nested */
    struct weir_text_list key;     /* of merge and history */
    struct weir_text_list exclude; /* columns, by their names in the warehouse */
};
extern const struct weir_option weir_source_stream_options[];

struct weir_source_connector;
struct weir_source_given {
    struct weir_str stream;
    const char *table;
};
struct weir_source_config {
    const char *name;
    const char *schema; /* in the warehouse */
    struct weir_source_schedule schedule;
    const char *schedule_text; /* as the file says it */
    struct weir_source_schedule
        verify; /* when tables are compared with it; MANUAL: not by itself */
    const char *verify_text;
    bool paused;
    unsigned priority; /* 0 to 9; more goes first */
    const struct weir_source_connector *connector;
    void *connection; /* the connector's settings */
    /* As the file has it, with references for secrets, in JSON; of connectors that leave something
     * at their source, which is to be taken away when the file is gone. */
    struct weir_str connection_text;
    struct weir_source_stream *streams;
    size_t stream_count; /* 0: all that are found */
    /* Of those, tables that are not what the streams' names make (tables.h). */
    struct weir_source_given *given;
    size_t given_count;
    struct weir_arena arena;
};

/* `name` and `path` ("sources/x.yml") are for messages, which name the line. Free it also after a
 * failure. */
int weir_source_config_parse(struct weir_str text, const char *name, const char *path,
                             struct weir_source_config *out,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_ENOENT when there is no such source, WEIR_EINVAL when it is one of tracking. */
int weir_source_config_read(const char *workspace_dir, const char *name,
                            struct weir_source_config *out, struct weir_error *err) WEIR_MUST_CHECK;
/* WEIR_EINVAL when its schema is that of a source of tracking, whose events have their tables
 * there, or when its schedule is part of a ring. */
int weir_source_others_check(const char *workspace_dir, const struct weir_source_config *config,
                             struct weir_error *err) WEIR_MUST_CHECK;
/* Does the source that it runs after run? WEIR_ENOENT: there is none (yet), which is told where the
 * source is shown; WEIR_EINVAL: it never will. */
int weir_source_after_check(const char *workspace_dir, const struct weir_source_config *config,
                            struct weir_error *err) WEIR_MUST_CHECK;
void weir_source_config_free(struct weir_source_config *config);
/* The stream's settings; those of a stream that is not named in the file are the defaults. */
int weir_source_config_stream(struct weir_source_config *config, struct weir_str name,
                              struct weir_source_stream *out,
                              struct weir_error *err) WEIR_MUST_CHECK;
/* A whole number of the connection; 0: it has no such option. */
uint64_t weir_source_config_number(const struct weir_source_config *config, const char *name);
const char *weir_source_mode_name(int mode);
/* Do rows that the source does not have any more matter? Then all of it is to be read at once. */
bool weir_source_stream_ends(const struct weir_source_stream *stream);

#endif
