#include "warehouse/duckdb/reads.h"
#include "warehouse/duckdb/rules.h"
#include "warehouse/duckdb/stored.h"

static bool failed(const struct weir_warehouse *warehouse)
{
    return atomic_load(&((const struct duck_db *)warehouse)->failed);
}

static uint64_t catalog_version(const struct weir_warehouse *warehouse)
{
    return atomic_load(&((const struct duck_db *)warehouse)->catalog_version);
}

static const char *version(const struct weir_warehouse *warehouse)
{
    return ((const struct duck_db *)warehouse)->version;
}

const struct weir_warehouse_driver weir_warehouse_duckdb = {
    .name = "duckdb",
    .open = weir_duck_open,
    .close = weir_duck_close,
    .reopen = weir_duck_reopen,
    .failed = failed,
    .catalog_version = catalog_version,
    .version = version,
    .library_version = duckdb_library_version,
    .session_new = weir_duck_session_new,
    .session_free = weir_duck_session_free,
    .cancel = weir_duck_cancel,
    .progress = weir_duck_progress,
    .begin = weir_duck_begin,
    .commit = weir_duck_commit,
    .rollback = weir_duck_rollback,
    .checkpoint = weir_duck_checkpoint,
    .exec = weir_duck_exec,
    .query = weir_duck_query,
    .result_next = weir_duck_result_next,
    .result_free = weir_duck_result_free,
    .export = weir_duck_export,
    .set_access = weir_duck_set_access,
    .compile = weir_duck_compile,
    .reads = weir_duck_reads,
    .check_rows = weir_duck_check_rows,
    .functions = weir_duck_functions,
    .describe = weir_duck_describe,
    .describe_table = weir_duck_describe_table,
    .create_schema = weir_duck_create_schema,
    .create_table = weir_duck_create_table,
    .copy_table = weir_duck_copy_table,
    .add_columns = weir_duck_add_columns,
    .widen_column = weir_duck_widen_column,
    .binds = weir_duck_binds,
    .create_view = weir_duck_create_view,
    .drop_view = weir_duck_drop_view,
    .stored_text = weir_duck_stored_text,
    .stored_show = weir_duck_stored_show,
    .stored_drop = weir_duck_stored_drop,
    .stored_compute = weir_duck_stored_compute,
    .stored_swap = weir_duck_stored_swap,
    .stored_forget = weir_duck_stored_forget,
    .stored_forget_notes = weir_duck_stored_forget_notes,
    .stored_list = weir_duck_stored_list,
    .append = weir_duck_append,
    .merge = weir_duck_merge,
};
