/* Option tables: one table gives the parsing, the checks, --help and the reference documentation.
 *
 * A component declares a plain struct of settings and a table that says where each lives in it. The
 * same table reads YAML (weir.yml, sources/<name>.yml), the environment and the command line.
 *
 *     struct collect_settings { char *listen; uint64_t max_body; bool trust; };
 *     const struct weir_option collect_options[] = {
 *         {"listen", WEIR_OPT_TEXT, offsetof(struct collect_settings, listen),
 *          .fallback = "127.0.0.1:8080", .help = "address of the tracking API"},
 *         ...
 *         {0}};
 */
#ifndef WEIR_CONF_OPTION_H
#define WEIR_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/time.h"
#include "base/yaml.h"

enum weir_option_type {
    WEIR_OPT_BOOL,     /* bool: true, false */
    WEIR_OPT_INT,      /* int64_t, within min..max */
    WEIR_OPT_BYTES,    /* uint64_t: 500, 64k, 32MB (powers of 1,024), within min..max */
    WEIR_OPT_DURATION, /* weir_time: 250ms, 30s, 15m, 12h, 7d */
    WEIR_OPT_TEXT,     /* const char * */
    WEIR_OPT_CHOICE,   /* int: index into `choices` */
    WEIR_OPT_LIST,     /* struct weir_text_list: a YAML sequence of scalars, or a,b,c */
    WEIR_OPT_DATA      /* const struct weir_data *: a mapping of anything, or YAML or JSON as text;
                        * "": NULL */
};

struct weir_text_list {
    const char **items;
    size_t count;
};
/* `list` NULL: it has nothing. */
bool weir_text_list_has(const struct weir_text_list *list, struct weir_str text);

struct weir_option {
    const char *name; /* "max_body"; NULL ends the table */
    enum weir_option_type type;
    size_t offset;
    const char *fallback;       /* as text; NULL: required */
    const char *const *choices; /* NULL-terminated */
    int64_t min, max;           /* both 0: any */
    const char *env;            /* variable that overrides the file, or NULL */
    const char *help;           /* one sentence; says the unit and what the value is for */
    bool secret; /* of WEIR_OPT_TEXT with a fallback: never shown, and not asked for aloud */
};

/* Every option gets its fallback. Text goes to the arena. */
int weir_options_default(const struct weir_option *table, void *settings, struct weir_arena *arena,
                         struct weir_error *err) WEIR_MUST_CHECK;
/* Then the mapping's values. An unknown key, a wrong type or a missing required one is an error
 * with file and line, naming the closest known key. `section` may be NULL (all absent). */
int weir_options_yaml(const struct weir_option *table, void *settings, struct weir_arena *arena,
                      const struct weir_yaml *doc, const struct weir_yaml_node *section,
                      struct weir_error *err) WEIR_MUST_CHECK;
int weir_options_env(const struct weir_option *table, void *settings, struct weir_arena *arena,
                     struct weir_error *err) WEIR_MUST_CHECK;
/* One value as text ("--max-body=32MB"); `where` names its origin in messages. */
int weir_option_set(const struct weir_option *option, void *settings, struct weir_arena *arena,
                    const char *text, const char *where, struct weir_error *err) WEIR_MUST_CHECK;
/* A Markdown table of the options, for docs/guide/settings.md. */
void weir_options_markdown(const struct weir_option *table, struct weir_buf *out);

#endif
