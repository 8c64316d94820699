/* The program of a foreign connector: where it is, how it gets there, and what it is given. A
 * package of Python has a virtual environment of its own in .weir/taps/NAME. Private to src/source.
 */
#ifndef WEIR_SOURCE_PROGRAM_H
#define WEIR_SOURCE_PROGRAM_H

#include "base/data.h"
#include "io/child.h"
#include "source/connector.h"
#include "source/run/scratch.h"

/* First in the settings of each connector that runs programs. */
struct weir_program_settings {
    const char *package, *executable;
    const char *image;              /* of Docker; NULL or "": it is none */
    const char *network;            /* of the image's container */
    const struct weir_data *config; /* or NULL */
    struct weir_text_list env;      /* variables that it sees */
    uint64_t memory, max_line, max_spool;
    int64_t checkpoint; /* rows; 0: none */
    weir_time idle, timeout, cpu;
};
uint64_t weir_program_memory(const void *settings); /* of a run */
#define WEIR_PROGRAM_OPTIONS(package_help)                                                         \
    {.name = "package",                                                                            \
     .type = WEIR_OPT_TEXT,                                                                        \
     .offset = offsetof(struct weir_program_settings, package),                                    \
     .fallback = "",                                                                               \
     .help = package_help},                                                                        \
        {.name = "executable",                                                                     \
         .type = WEIR_OPT_TEXT,                                                                    \
         .offset = offsetof(struct weir_program_settings, executable),                             \
         .fallback = "",                                                                           \
         .help = "the program: of the package, when it is not called like it; else a path that "   \
                 "source.programs of weir.yml names, or that lies in a folder named there"},       \
        {.name = "config",                                                                         \
         .type = WEIR_OPT_DATA,                                                                    \
         .offset = offsetof(struct weir_program_settings, config),                                 \
         .fallback = "",                                                                           \
         .help = "the connector's own settings, a mapping as its documentation says; texts "       \
                 "${secret:NAME} and ${NAME} are secrets"},                                        \
        {.name = "env",                                                                            \
         .type = WEIR_OPT_LIST,                                                                    \
         .offset = offsetof(struct weir_program_settings, env),                                    \
         .fallback = "",                                                                           \
         .help = "variables of weir's environment that the program sees; no others"},              \
        {.name = "memory",                                                                         \
         .type = WEIR_OPT_BYTES,                                                                   \
         .offset = offsetof(struct weir_program_settings, memory),                                 \
         .fallback = "2GB",                                                                        \
         .help = "what the program and all that it starts may take together; 0: any"},             \
        {.name = "cpu",                                                                            \
         .type = WEIR_OPT_DURATION,                                                                \
         .offset = offsetof(struct weir_program_settings, cpu),                                    \
         .fallback = "0",                                                                          \
         .help = "processor time that the program may take; 0: any"},                              \
        {.name = "idle",                                                                           \
         .type = WEIR_OPT_DURATION,                                                                \
         .offset = offsetof(struct weir_program_settings, idle),                                   \
         .fallback = "30m",                                                                        \
         .help = "a program that says nothing for so long is ended, and the run fails; 0: any"},   \
        {.name = "timeout",                                                                        \
         .type = WEIR_OPT_DURATION,                                                                \
         .offset = offsetof(struct weir_program_settings, timeout),                                \
         .fallback = "0",                                                                          \
         .help = "a program that takes longer is ended, and the run fails; 0: any"},               \
        {.name = "max_line",                                                                       \
         .type = WEIR_OPT_BYTES,                                                                   \
         .offset = offsetof(struct weir_program_settings, max_line),                               \
         .fallback = "64MB",                                                                       \
         .min = 1024,                                                                              \
         .max = 512 << 20,                                                                         \
         .help = "the longest line that it may write"},                                            \
        {.name = "checkpoint",                                                                     \
         .type = WEIR_OPT_INT,                                                                     \
         .offset = offsetof(struct weir_program_settings, checkpoint),                             \
         .fallback = "100000",                                                                     \
         .max = 1000000000,                                                                        \
         .help =                                                                                   \
             "so many rows, 64 MB or a minute after the last load, what came is loaded at the "    \
             "next state of the program, before it has ended; 0: all is loaded at the end"},       \
    {                                                                                              \
        .name = "max_spool", .type = WEIR_OPT_BYTES,                                               \
        .offset = offsetof(struct weir_program_settings, max_spool), .fallback = "32GB",           \
        .help = "what the rows of a run may take in weir's data folder before they are loaded"     \
    }

struct weir_program {
    const struct weir_source_config *config;
    const struct weir_source_site *site;
    const struct weir_program_settings *settings;
    char home[4000], tmp[WEIR_SOURCE_SCRATCH_SIZE]; /* what is kept; of this use of it */
    int tmp_lock;
    char venv[4016];   /* its virtual environment; "" as long as it is not needed */
    const char *place; /* where its settings are: home, or tmp of a trial */
    bool aside;        /* a trial, beside a source of the same name */
    char path[4096];   /* the program itself */
    char log[4096];    /* what it says on stderr */
    const char *name;  /* of it, for messages */
    const char *env[64];
    /* Of an image: what its container sees as /weir; the container's name; what Docker refused. */
    char shared[WEIR_SOURCE_SCRATCH_SIZE + 8], container[128], refused[408];
    char family[136];        /* a filter for `docker ps`: all containers of its source */
    bool absent;             /* the image, to Docker */
    bool silent;             /* Docker itself: it did not answer in time */
    bool reads;              /* the container of the last command */
    const atomic_bool *stop; /* of the last weir_program_options; NULL: none */
    weir_time patience;      /* of whoever only looks; 0: any */
    uint64_t id;             /* of `home`, for the container's name */
    bool logs;               /* what it says goes behind what it said before */
    struct weir_source_progress *progress; /* who listens to it, or NULL */
    /* True: this line of stderr is understood, and is none of the run's log. NULL: none is. */
    bool (*understands)(void *of, struct weir_str line);
    void *of;
    struct weir_mask *mask; /* secrets that it was given; all from weir_program_config on */
    struct weir_arena arena;
};

/* Installs it when it is not there yet, or another version is asked for. Free it also after a
 * failure. */
int weir_program_open(struct weir_program *p, const struct weir_source_config *config,
                      const struct weir_source_site *site,
                      const struct weir_program_settings *settings,
                      struct weir_error *err) WEIR_MUST_CHECK;
void weir_program_free(struct weir_program *p);
/* The program and its arguments, in its arena; NULL: no memory. */
const char *const *weir_program_command(struct weir_program *p, const char *const *arguments);
/* Behind weir_program_options() of a command that reads, of which a source has one at a time: ends
 * the containers of this source that killed weirs left. */
void weir_program_sweep(struct weir_program *p);
/* After a talk that did not end well: its container ends, too. */
void weir_program_end(struct weir_program *p);
/* The error of a talk with `child` that began at `since` (weir_now()): as Docker words it where it
 * was Docker's, and what became of a container. */
int weir_program_explain(struct weir_program *p, const struct weir_child *child, weir_time since,
                         int rc, struct weir_error *err);
/* `argv` is weir_program_command's; it lives as long as what is made of it. `stop` NULL, or
 * the site's own: it is only looked into, until the site's own stop or the end of its patience. */
struct weir_child_options weir_program_options(struct weir_program *p, const char *const *argv,
                                               const atomic_bool *stop);
/* What it says on stderr becomes lines of the run's log. */
void weir_program_listen(struct weir_program *p, struct weir_source_progress *progress);
/* A file for this use of it alone; the path is the program's, and lives as long as it. */
int weir_program_write(struct weir_program *p, const char *name, struct weir_str text,
                       const char **path, struct weir_error *err) WEIR_MUST_CHECK;
/* The file with its settings, which it may rewrite: what it made of them is kept until the
 * settings are others. */
int weir_program_config(struct weir_program *p, const char **path,
                        struct weir_error *err) WEIR_MUST_CHECK;
/* Settings that the program told, as JSON, count from now on. */
int weir_program_keep_config(struct weir_program *p, struct weir_str text,
                             struct weir_error *err) WEIR_MUST_CHECK;

/* Was it marked with just this text? Something was found of it that need not be found again. */
bool weir_program_is_marked(const struct weir_program *p, const char *mark, struct weir_str text);
int weir_program_mark(const struct weir_program *p, const char *mark, struct weir_str text,
                      struct weir_error *err) WEIR_MUST_CHECK;

/* May this package's name stand on a command line: name, extras, ==version? */
bool weir_program_package(struct weir_str package);
/* And this image's: NAME, :TAG, @DIGEST? */
bool weir_program_image(struct weir_str image);

/* --- executable.c, for program.c --- */
/* `path` of what the settings name: in the workspace, absolute or in PATH, where weir.yml lets it
 * be. WEIR_ENOENT, WEIR_EPERM. */
int weir_program_find(struct weir_program *p, struct weir_error *err) WEIR_MUST_CHECK;

/* --- image.c, for program.c --- */
/* Variables of weir that Docker's command line finds its server by, ended by NULL. */
extern const char *const weir_program_docker_env[];
bool weir_program_is_image(const struct weir_program *p);
int weir_program_open_image(struct weir_program *p, struct weir_error *err) WEIR_MUST_CHECK;
/* A file that its container sees, by the path that it sees. */
int weir_program_share(struct weir_program *p, const char *name, struct weir_str text,
                       const char **path, struct weir_error *err) WEIR_MUST_CHECK;
void weir_program_hear_docker(struct weir_program *p, struct weir_str line);

#endif
