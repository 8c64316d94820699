/* Every section of weir.yml with its option table: the one place that knows them all. Only src/cli
 * includes this. */
#ifndef WEIR_CLI_SETTINGS_H
#define WEIR_CLI_SETTINGS_H

#include "conf/option.h"
#include "workspace/workspace.h"

struct weir_settings_section {
    const char *name;
    const char *about; /* one sentence for the reference */
    const struct weir_option *table;
};

extern const struct weir_settings_section weir_settings_sections[]; /* ends with name NULL */

/* Reads and checks every section, so that a mistake is told before anything starts. */
int weir_settings_check(struct weir_workspace *workspace, struct weir_error *err) WEIR_MUST_CHECK;

/* The text option `name` of a section, as it applies (file, environment, default); in the
 * workspace's arena. Sections are checked as a whole on the way. */
int weir_settings_text(struct weir_workspace *workspace, const char *section, const char *name,
                       const char **out, struct weir_error *err) WEIR_MUST_CHECK;
/* A size (WEIR_OPT_BYTES), likewise. */
int weir_settings_bytes(struct weir_workspace *workspace, const char *section, const char *name,
                        uint64_t *out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
