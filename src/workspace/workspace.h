/* The workspace: a git repository of plain files that says what this weir is.
 *
 *     weir.yml            settings of the parts (sections collect, log, load, warehouse, serve)
 *     sources/<name>.yml  one file a source
 *     .weir/              data: not in git (.gitignore is written by `weir init`)
 *         log/  quarantine/  warehouse.duckdb  seen/  tmp/  run/  secrets/
 *
 * Reading is cheap enough to be repeated; weir_sources_changed() says when it must be. */
#ifndef WEIR_WORKSPACE_WORKSPACE_H
#define WEIR_WORKSPACE_WORKSPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "base/yaml.h"
#include "conf/option.h"

struct weir_workspace {
    const char *dir;            /* absolute */
    const char *data;           /* dir/.weir */
    struct weir_yaml *settings; /* weir.yml; read a section by weir_workspace_section() */
    struct weir_arena arena;
};

/* WEIR_ENOENT (with "run `weir init DIR`") when `dir` holds no weir.yml. */
int weir_workspace_open(const char *dir, struct weir_workspace **out,
                        struct weir_error *err) WEIR_MUST_CHECK;
void weir_workspace_close(struct weir_workspace *workspace);

/* Fills `settings` from defaults, the section of weir.yml with this name, and the environment. */
int weir_workspace_section(struct weir_workspace *workspace, const char *name,
                           const struct weir_option *table, void *settings,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* data/<name>, in the workspace's arena. Exits nothing, makes nothing; NULL when memory ran out. */
const char *weir_workspace_path(struct weir_workspace *workspace, const char *name);

/* Creates the folder, git repository, weir.yml, .gitignore and sources/web.yml with a fresh key,
 * and commits these. An existing workspace is WEIR_EEXIST and is left untouched. */
int weir_workspace_init(const char *dir, struct weir_error *err) WEIR_MUST_CHECK;

/* A plain text file of the workspace, by its path in it. A path NULL ends a list. */
struct weir_workspace_text {
    const char *path;
    const char *text;
};
/* Writes files that are not there yet and commits them in the owner's name. */
int weir_workspace_add(const char *dir, const struct weir_workspace_text *files,
                       const char *message, struct weir_error *err) WEIR_MUST_CHECK;

enum weir_ip_policy { WEIR_IP_KEEP, WEIR_IP_ANONYMIZE, WEIR_IP_DROP };

struct weir_source {  /* of tracking: its events come by themselves */
    int kind;         /* 0 */
    const char *name; /* the file's name; [a-z][a-z0-9_]*, at most 40; schema in the warehouse */
    const char *write_key;                /* 16 to 128 of [A-Za-z0-9_-] */
    struct weir_text_list old_write_keys; /* still accepted, for rotation */
    bool strict;      /* 401 for keys close to this one has no meaning: see docs/guide/sources.md */
    bool disabled;    /* its key is answered 200 and kept in quarantine */
    int ip;           /* enum weir_ip_policy */
    const char *path; /* sources/web.yml */
    /* NULL, or of which other it has a key, too: then an event could not say whose it is, and by
     * its keys neither is found. */
    const char *shares;
};
extern const struct weir_option weir_source_options[];

/* A source that weir reads from: its file is src/source's to read. */
struct weir_source_read {
    const char *name, *kind;
};

struct weir_sources {
    struct weir_source *items; /* of tracking, by name */
    size_t count;
    struct weir_source_read *read; /* of all other kinds, by name */
    size_t read_count;
    const char **broken; /* names of those whose files have mistakes: weir_sources_load_most */
    size_t broken_count;
    bool partly;          /* files have mistakes, or share a key, and all others are here */
    bool strict;          /* a source says strict: true → unknown keys are answered 401 */
    uint64_t fingerprint; /* of names, sizes and mtimes; for weir_sources_changed */
    struct weir_arena arena;
};

/* Reads every sources/<name>.yml. A file with an error is reported through `err` (all of them, one
 * a line) and the call fails; two sources with one key likewise. */
int weir_sources_load(const struct weir_workspace *workspace, struct weir_sources *out,
                      struct weir_error *err) WEIR_MUST_CHECK;
/* The same, but those that can be read are there also when others cannot: free them in any case. */
int weir_sources_load_most(const struct weir_workspace *workspace, struct weir_sources *out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* The same, and mistakes in files are none of the others': it fails where nothing can be read. */
int weir_sources_load_good(const struct weir_workspace *workspace, struct weir_sources *out,
                           struct weir_error *err) WEIR_MUST_CHECK;
/* What was known before of sources whose files have mistakes now, or share a key, is theirs still.
 * WEIR_EINVAL: a key of theirs is another one's by now. */
int weir_sources_keep(struct weir_sources *sources, const struct weir_sources *before,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_sources_free(struct weir_sources *sources);
bool weir_sources_changed(const struct weir_workspace *workspace,
                          const struct weir_sources *sources);
/* Whether there was no sources folder, or none that could be read, when these were loaded. */
bool weir_sources_gone(const struct weir_sources *sources);
/* Constant-time comparison; NULL when no source has this key. */
const struct weir_source *weir_sources_by_key(const struct weir_sources *sources,
                                              struct weir_str write_key);
/* Writes sources/<name>.yml with the given key, or a fresh one when key is NULL. */
int weir_source_add(const struct weir_workspace *workspace, const char *name, const char *key,
                    struct weir_error *err) WEIR_MUST_CHECK;

#endif
