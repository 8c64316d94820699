#include <unistd.h>

#include "serve/serve.h"
#include "warehouse/settings.h"

int weir_serve_open_warehouse(struct weir_workspace *workspace, bool read_only,
                              const struct weir_log *log, struct weir_warehouse **out,
                              struct weir_error *err)
{
    struct weir_warehouse_settings settings;
    int rc = weir_workspace_section(workspace, "warehouse", weir_warehouse_settings_table,
                                    &settings, err);
    if (rc) {
        return rc;
    }
    struct weir_warehouse_options options = {
        .path = weir_workspace_path(workspace, "warehouse.duckdb"),
        .memory_bytes = settings.memory,
        .threads = (unsigned)settings.threads,
        .temp_dir = weir_workspace_path(workspace, "tmp/spill"),
        .temp_bytes = settings.temp_size,
        .export_dir = weir_workspace_path(workspace, "tmp/export"),
        .read_only = read_only,
        .log = log};
    if (!options.path || !options.temp_dir || !options.export_dir) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    return weir_warehouse_open(&weir_warehouse_duckdb, &options, out, err);
}

int weir_serve_read_warehouse(struct weir_workspace *workspace, const struct weir_log *log,
                              struct weir_warehouse **out, struct weir_error *err)
{
    const char *path = weir_workspace_path(workspace, "warehouse.duckdb");
    if (!path || access(path, F_OK)) {
        return weir_fail(err, WEIR_ENOENT,
                         "nothing is loaded here yet and no server runs; start it with `weir up`");
    }
    int rc = weir_serve_open_warehouse(workspace, true, log, out, err);
    if (rc && rc != WEIR_EBUSY) {
        /* A write-ahead log that a killed server left can only be taken in for writing. */
        rc = weir_serve_open_warehouse(workspace, false, log, out, err);
    }
    return rc;
}
