#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "source/connector.h"

struct settings {
    struct weir_text_list folders, hosts, programs, env;
    int64_t runs;
    uint64_t memory;
    weir_time history;
};

const struct weir_option weir_source_settings[] = {
    {.name = "folders",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct settings, folders),
     .fallback = ".",
     .help = "folders that sources of kind `file` may read from, absolute or in the workspace; "
             "never weir's own data"},
    {.name = "hosts",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct settings, hosts),
     .fallback = "public",
     .help = "hosts that sources of kind `file` may read from: `public` (every address of the "
             "internet, none of this machine or of a private network), names, `*.NAME`, addresses, "
             "networks (10.0.0.0/8), each with `:PORT` where only one is meant"},
    {.name = "programs",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct settings, programs),
     .fallback = "package",
     .help = "what sources of kinds `singer` and `airbyte` may run, as weir's own user: programs "
             "and folders of programs, absolute or in the workspace; `package`: packages of "
             "Python; `image`: images of Docker"},
    {.name = "runs",
     .type = WEIR_OPT_INT,
     .offset = offsetof(struct settings, runs),
     .fallback = "4",
     .min = 1,
     .max = 100,
     .help = "how many runs of sources that schedules begin go on at one time; those of a higher "
             "`priority` go first, runs that people begin do not wait, and those that have only "
             "waited for their source for some seconds take no place, eight times as many at most"},
    {.name = "memory",
     .type = WEIR_OPT_BYTES,
     .offset = offsetof(struct settings, memory),
     .fallback = "0",
     .help =
         "how much memory runs that schedules begin may take together, by what each may take at "
         "most: `memory` of a program (2GB), 1GB of kind `file`, 128MB of others; what finds no "
         "room waits for its turn, and one alone always runs; 0: half of this machine's"},
    {.name = "history",
     .type = WEIR_OPT_DURATION,
     .offset = offsetof(struct settings, history),
     .fallback = "400d",
     .min = WEIR_SECOND,
     .max = 36500 * WEIR_DAY,
     .help = "how long loads, comparisons and rows that were set aside are kept in weir.loads, "
             "weir.verifications and weir.source_discards; of each stream the latest are kept "
             "always"},
    {.name = "env",
     .type = WEIR_OPT_LIST,
     .offset = offsetof(struct settings, env),
     .fallback = "",
     .help = "variables of the environment that files of sources may name as `${NAME}`, beside "
             "those that begin with WEIR_SOURCE_"},
    {0}};

int weir_source_site_init(struct weir_workspace *workspace, struct weir_source_site *out,
                          struct weir_error *err)
{
    struct settings settings = {0};
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    int rc = weir_workspace_section(workspace, "source", weir_source_settings, &settings, err);
    struct weir_hosts hosts = {settings.hosts.items, settings.hosts.count};
    int bad = rc ? 0 : weir_hosts_check(&hosts, err);
    rc = bad ? weir_error_prefix(err, bad, "weir.yml: `hosts` of the section `source`") : rc;
    *out = (struct weir_source_site){.dir = workspace->dir,
                                     .data = workspace->data,
                                     .folders = settings.folders,
                                     .hosts = hosts,
                                     .programs = settings.programs,
                                     .runs = settings.runs,
                                     .memory = settings.memory ? settings.memory : machine / 2,
                                     .history = settings.history,
                                     .env = settings.env};
    return rc;
}

void weir_source_run_id(char out[WEIR_SOURCE_RUN_SIZE])
{
    snprintf(out, WEIR_SOURCE_RUN_SIZE, "%08x%08x",
             (unsigned)((uint64_t)(weir_now() / WEIR_SECOND) & 0xffffffff),
             (unsigned)(weir_random_u64() & 0xffffffff));
}
