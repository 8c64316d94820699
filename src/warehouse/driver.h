/* What an engine's driver provides. Only drivers and warehouse.c include this.
 *
 * A driver's own structs begin with the ones below. The contracts are those of the functions of the
 * same name in warehouse.h; what can be checked without the engine (session kind, arguments) is
 * checked in warehouse.c before the driver is called. */
#ifndef WEIR_WAREHOUSE_DRIVER_H
#define WEIR_WAREHOUSE_DRIVER_H

#include "warehouse/versions.h"
#include "warehouse/warehouse.h"

struct weir_warehouse {
    const struct weir_warehouse_driver *driver;
    const char *export_dir; /* the driver's copy */
    uint64_t memory;        /* bytes that the engine may take, about */
    uint32_t max_columns;   /* of a table that rows are appended to, with the memory there is */
    struct weir_versions *versions; /* warehouse.c's */
};

struct weir_session {
    struct weir_warehouse *warehouse;
    enum weir_session_kind kind;
    int64_t error_offset;        /* of the last failure, in its SQL text; -1 when unknown */
    struct weir_touched touched; /* warehouse.c's, as is the next */
    bool began;                  /* a transaction, by weir_session_begin */
};

struct weir_result {
    struct weir_session *session;
    struct weir_column *columns;
    size_t column_count;
};

/* A table, or a column of it, by name. */
struct weir_table_name {
    struct weir_str schema;
    struct weir_str table;
};

struct weir_warehouse_driver {
    const char *name;

    int (*open)(const struct weir_warehouse_options *options, struct weir_warehouse **out,
                struct weir_error *err);
    void (*close)(struct weir_warehouse *warehouse);
    int (*reopen)(struct weir_warehouse *warehouse, struct weir_error *err);
    bool (*failed)(const struct weir_warehouse *warehouse);
    uint64_t (*catalog_version)(const struct weir_warehouse *warehouse);
    const char *(*version)(const struct weir_warehouse *warehouse);
    const char *(*library_version)(void);

    int (*session_new)(struct weir_warehouse *warehouse, enum weir_session_kind kind,
                       struct weir_session **out, struct weir_error *err);
    void (*session_free)(struct weir_session *session);
    void (*cancel)(struct weir_session *session);
    double (*progress)(struct weir_session *session);

    int (*begin)(struct weir_session *session, struct weir_error *err);
    int (*commit)(struct weir_session *session, struct weir_error *err);
    void (*rollback)(struct weir_session *session);
    int (*checkpoint)(struct weir_session *session, struct weir_error *err);

    int (*exec)(struct weir_session *session, const char *sql, struct weir_error *err);
    int (*query)(struct weir_session *session, const char *sql, const struct weir_param *params,
                 size_t param_count, struct weir_result **out, struct weir_error *err);
    int (*result_next)(struct weir_result *result, struct weir_batch *out, struct weir_error *err);
    void (*result_free)(struct weir_result *result);
    int (*export)(struct weir_session *session, const char *sql, const struct weir_param *params,
                  size_t param_count, const char *format, const char *path, uint64_t max_rows,
                  struct weir_export *out, struct weir_error *err);

    int (*set_access)(struct weir_session *session, const struct weir_access *access,
                      struct weir_error *err);
    int (*compile)(struct weir_session *session, const char *sql, const struct weir_param *params,
                   size_t param_count, struct weir_arena *arena, struct weir_compiled *out,
                   struct weir_error *err);
    /* Names and clock; the versions are warehouse.c's. */
    int (*reads)(struct weir_session *session, const char *sql, struct weir_arena *arena,
                 struct weir_reads *out, struct weir_error *err);
    int (*check_rows)(struct weir_session *session, struct weir_table_name name,
                      struct weir_str rows, struct weir_error *err);

    int (*functions)(struct weir_session *session, struct weir_arena *arena,
                     struct weir_function **functions, size_t *count, struct weir_error *err);
    int (*describe_table)(struct weir_session *session, struct weir_str schema,
                          struct weir_str name, struct weir_arena *arena,
                          const struct weir_table **out, struct weir_error *err);
    int (*describe)(struct weir_session *session, struct weir_arena *arena,
                    struct weir_table **tables, size_t *count, struct weir_error *err);
    int (*create_schema)(struct weir_session *session, struct weir_str schema,
                         struct weir_error *err);
    int (*create_table)(struct weir_session *session, struct weir_table_name name,
                        const struct weir_column *columns, size_t count,
                        const struct weir_batch *rows, struct weir_error *err);
    int (*copy_table)(struct weir_session *session, struct weir_table_name name,
                      struct weir_str copy, struct weir_error *err);
    int (*add_columns)(struct weir_session *session, struct weir_table_name name,
                       const struct weir_column *columns, size_t count, struct weir_error *err);
    int (*widen_column)(struct weir_session *session, struct weir_table_name name,
                        struct weir_str column, enum weir_type from, enum weir_type to,
                        struct weir_error *err);

    int (*binds)(struct weir_session *session, const char *sql, struct weir_error *err);
    int (*create_view)(struct weir_session *session, struct weir_table_name name, const char *sql,
                       struct weir_error *err);
    int (*drop_view)(struct weir_session *session, struct weir_table_name name,
                     struct weir_error *err);

    /* Stored views. `stored_swap` is called in a transaction. */
    int (*stored_text)(struct weir_session *session, struct weir_table_name name, const char *sql,
                       struct weir_error *err);
    int (*stored_show)(struct weir_session *session, struct weir_table_name name,
                       struct weir_error *err);
    int (*stored_drop)(struct weir_session *session, struct weir_table_name name,
                       struct weir_error *err);
    int (*stored_compute)(struct weir_session *session, struct weir_table_name name, uint64_t *rows,
                          struct weir_error *err);
    int (*stored_swap)(struct weir_session *session, struct weir_table_name name,
                       const struct weir_stored_view *what, struct weir_error *err);
    void (*stored_forget)(struct weir_session *session);
    int (*stored_forget_notes)(struct weir_session *session, struct weir_error *err);
    int (*stored_list)(struct weir_session *session, struct weir_arena *arena,
                       struct weir_stored_view **out, size_t *count, struct weir_error *err);

    int (*append)(struct weir_session *session, struct weir_table_name name,
                  const struct weir_column *columns, const struct weir_batch *batches,
                  size_t batch_count, struct weir_error *err);
    int (*merge)(struct weir_session *session, struct weir_table_name name, struct weir_str key,
                 const struct weir_column *columns, const struct weir_batch *batches,
                 size_t batch_count, struct weir_error *err);
};

#endif
