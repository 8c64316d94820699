#include "warehouse/duckdb/duck.h"

static bool failed(const struct weir_warehouse *warehouse)
{
    return atomic_load(&((const struct duck_db *)warehouse)->failed);
}

static const char *version(const struct weir_warehouse *warehouse)
{
    return ((const struct duck_db *)warehouse)->version;
}

const struct weir_warehouse_driver weir_warehouse_duckdb = {
    .name = "duckdb",
    .open = duck_open,
    .close = duck_close,
    .reopen = duck_reopen,
    .failed = failed,
    .version = version,
    .session_new = duck_session_new,
    .session_free = duck_session_free,
    .cancel = duck_cancel,
    .progress = duck_progress,
    .begin = duck_begin,
    .commit = duck_commit,
    .rollback = duck_rollback,
    .checkpoint = duck_checkpoint,
    .exec = duck_exec,
    .query = duck_query,
    .result_next = duck_result_next,
    .result_free = duck_result_free,
    .export = duck_export,
    .describe = duck_describe,
    .create_schema = duck_create_schema,
    .create_table = duck_create_table,
    .add_columns = duck_add_columns,
    .widen_column = duck_widen_column,
    .append = duck_append,
    .merge = duck_merge,
};
