#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "warehouse/duckdb/duck.h"

/* A memory limit below this cannot even hold one row group of a wide table. */
#define MIN_MEMORY (256ull << 20)

/* What an append holds in memory of each column of the table, used or not: a block of 256 KB of the
 * rows that are new and one of the table's last rows; as much again is for all else. */
#define COLUMN_MEMORY (1ull << 20)

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 4ull << 30;
}

static int settle_options(struct duck_db *db, const struct weir_warehouse_options *options,
                          struct weir_error *err)
{
    db->options = *options;
    struct weir_warehouse_options *o = &db->options;
    o->path = weir_arena_strdup(&db->arena, options->path);
    o->temp_dir = options->temp_dir ? weir_arena_strdup(&db->arena, options->temp_dir) : NULL;
    o->export_dir = options->export_dir ? weir_arena_strdup(&db->arena, options->export_dir) : NULL;
    db->base.export_dir = o->export_dir;
    if (o->memory_bytes == 0) {
        o->memory_bytes = machine_memory() / 4;
    }
    if (o->memory_bytes < MIN_MEMORY) {
        o->memory_bytes = MIN_MEMORY;
    }
    db->base.memory = o->memory_bytes;
    uint64_t columns = o->memory_bytes / COLUMN_MEMORY;
    db->base.max_columns = columns < UINT32_MAX ? (uint32_t)columns : UINT32_MAX;
    int rc = 0;
    if (o->temp_dir) {
        rc = weir_dir_make(o->temp_dir, 0700, err);
        uint64_t free_bytes = 0;
        if (rc == 0 && o->temp_bytes == 0) {
            rc = weir_disk_free(o->temp_dir, &free_bytes, err);
            o->temp_bytes = free_bytes / 10;
        }
    }
    if (rc == 0 && o->export_dir) {
        rc = weir_dir_make(o->export_dir, 0700, err);
    }
    return rc;
}

static int config_set(duckdb_config config, const char *name, const char *value,
                      struct weir_error *err)
{
    if (duckdb_set_config(config, name, value) == DuckDBSuccess) {
        return 0;
    }
    return weir_fail(err, WEIR_EINVAL, "the warehouse engine does not take %s = %s", name, value);
}

static int make_config(const struct weir_warehouse_options *o, duckdb_config *out,
                       struct weir_error *err)
{
    if (duckdb_create_config(out)) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the warehouse's settings");
    }
    char memory[32], temp[32], threads[16];
    /* Its allocator keeps more than what the engine counts: a seventh in a load of 10 M rows. */
    snprintf(memory, sizeof memory, "%" PRIu64 "B", o->memory_bytes - o->memory_bytes / 8);
    snprintf(temp, sizeof temp, "%" PRIu64 "B", o->temp_bytes);
    snprintf(threads, sizeof threads, "%u", o->threads);
    const char *settings[][2] = {
        {"access_mode", o->read_only ? "READ_ONLY" : "READ_WRITE"},
        {"memory_limit", memory},
        {"threads", o->threads ? threads : NULL},
        {"temp_directory", o->temp_dir ? o->temp_dir : ""},
        {"max_temp_directory_size", o->temp_dir ? temp : NULL},
        /* A commit at which the engine begins a checkpoint waits for its end, so it begins none by
         * itself before this: the loader makes them beside (src/load/checkpoint.c). */
        {"checkpoint_threshold", "1GB"},
        /* Of new files: texts are compressed by one method that looks at them once (DICT_FSST), not
         * by trying several: a fifth more events a second, and smaller files. */
        {"storage_compatibility_version", "v1.5.0"},
        {"errors_as_json", "true"},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"allow_persistent_secrets", "false"},
        {"custom_user_agent", "weir"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int rc = settings[i][1] ? config_set(*out, settings[i][0], settings[i][1], err) : 0;
        if (rc) {
            duckdb_destroy_config(out);
            return rc;
        }
    }
    return 0;
}

static int open_engine(struct duck_db *db, char **engine_error, struct weir_error *err)
{
    duckdb_config config;
    int rc = make_config(&db->options, &config, err);
    if (rc) {
        return rc;
    }
    duckdb_state state = duckdb_open_ext(db->options.path, &db->db, config, engine_error);
    duckdb_destroy_config(&config);
    return state == DuckDBSuccess ? 0 : WEIR_EIO;
}

/* Commits made while a checkpoint ran are in a second file, and the engine joins the two in a
 * third one. */
static const char *const wal_suffixes[] = {".wal", ".wal.checkpoint", ".wal.recovery"};
#define WAL_FILES (sizeof wal_suffixes / sizeof wal_suffixes[0])

static int move_aside(struct duck_db *db, const char *suffix, const char *why,
                      struct weir_error *err)
{
    struct weir_buf from, to;
    weir_buf_init(&from, 8192);
    weir_buf_init(&to, 8192);
    weir_buf_addf(&from, "%s%s", db->options.path, suffix);
    weir_buf_addf(&to, "%s%s.%" PRId64 ".damaged", db->options.path, suffix,
                  weir_now() / WEIR_SECOND);
    int rc = 0;
    if (!weir_buf_ok(&from) || !weir_buf_ok(&to)) {
        rc = weir_fail(err, WEIR_ETOOBIG, "the warehouse's path is too long");
    } else if (rename(weir_buf_cstr(&from), weir_buf_cstr(&to)) == 0) {
        weir_log(db->options.log, WEIR_LOG_ERROR,
                 "the warehouse's write-ahead log cannot be replayed and was moved aside; run "
                 "`weir replay` to load from the event log what it held",
                 "file", weir_buf_cstr(&to), "error", why);
    } else if (errno != ENOENT) {
        rc = weir_fail_errno(err, errno, "%s cannot be moved aside", weir_buf_cstr(&from));
    }
    weir_buf_free(&from);
    weir_buf_free(&to);
    return rc;
}

/* A write-ahead log that cannot be replayed would keep the whole warehouse shut. Its rows are still
 * in the event log; the file is kept for whoever wants to look. The later part goes first: without
 * the earlier one it must never be replayed. */
static int move_wal_aside(struct duck_db *db, const char *why, struct weir_error *err)
{
    int rc = 0;
    for (size_t i = WAL_FILES; i-- > 0 && rc == 0;) {
        rc = move_aside(db, wal_suffixes[i], why, err);
    }
    return rc;
}

static bool has_wal(const struct duck_db *db)
{
    for (size_t i = 0; i < WAL_FILES; i++) {
        char path[4096];
        struct stat st;
        int n = snprintf(path, sizeof path, "%s%s", db->options.path, wal_suffixes[i]);
        if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0) {
            return true;
        }
    }
    return false;
}

static int run_all(duckdb_connection con, const char *const *statements, struct weir_error *err)
{
    for (; *statements; statements++) {
        duckdb_result result;
        duckdb_state state = duckdb_query(con, *statements, &result);
        int rc = state == DuckDBSuccess
                     ? 0
                     : weir_fail(err, WEIR_EINVAL, "the warehouse engine refuses \"%s\": %s",
                                 *statements, duckdb_result_error(&result));
        duckdb_destroy_result(&result);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* The order matters: directories can only be allowed before access is taken away, and nothing can
 * be changed after the lock. Progress is a setting of each connection, so it stays open. */
static int lock_down(struct duck_db *db, duckdb_connection con, struct weir_error *err)
{
    struct weir_buf directories;
    weir_buf_init(&directories, 64u << 20);
    weir_buf_addz(&directories, "SET allowed_directories = [");
    if (db->options.export_dir) {
        weir_sql_text(&directories, weir_str_of(db->options.export_dir));
    }
    weir_buf_addz(&directories, "]; SET allowed_paths = [");
    for (const char *const *path = db->options.readable; path && *path; path++) {
        weir_buf_addz(&directories, path == db->options.readable ? "" : ", ");
        weir_sql_text(&directories, weir_str_of(*path));
    }
    weir_buf_addz(&directories, "]");
    if (db->options.readable) { /* a path may lead to one file after the other */
        weir_buf_addz(&directories, "; SET enable_external_file_cache = false");
    }
    const char *const statements[] = {
        /* It is for the file, and would make json_serialize_sql() print another form. */
        "RESET GLOBAL storage_compatibility_version",
        "SET TimeZone = 'UTC'",
        weir_buf_cstr(&directories),
        "SET enable_external_access = false",
        "SET allowed_configs = ['enable_progress_bar', 'enable_progress_bar_print']",
        "SET lock_configuration = true",
        NULL,
    };
    int rc = weir_buf_check(&directories, "the warehouse's allowed directories", err);
    rc = rc ? rc : run_all(con, statements, err);
    db->options.readable = NULL; /* the caller's */
    weir_buf_free(&directories);
    return rc;
}

/* What an older engine made, its version reads still: no column of it may be stored by ZSTD, which
 * came with 1.2; one that is meant to be is not compressed at all. */
static void look_at_format(struct duck_db *db, duckdb_connection con)
{
    duckdb_result result;
    db->takes_zstd =
        duckdb_query(con,
                     "SELECT 1 FROM duckdb_databases() WHERE database_name = current_database() "
                     "AND regexp_matches(tags['storage_version'], '^v(0\\.|1\\.[01]\\.)')",
                     &result) == DuckDBSuccess &&
        duckdb_row_count(&result) == 0;
    duckdb_destroy_result(&result);
}

static int prepare_engine(struct duck_db *db, struct weir_error *err)
{
    duckdb_connection con;
    if (duckdb_connect(db->db, &con)) {
        return weir_fail(err, WEIR_ENOMEM, "%s: no connection to the engine", db->options.path);
    }
    int rc = weir_duck_register_batch(db, con, err);
    look_at_format(db, con);
    rc = rc ? rc : lock_down(db, con, err);
    duckdb_disconnect(&con);
    return rc;
}

/* The path in a message may have "wal" in it as well; and the log of a warehouse that another
 * process holds, or that a full disk or a permission keeps from being read, is a good one. */
static bool is_about_wal(const char *why)
{
    int code = weir_duck_error_code(why);
    return strcasestr(why, "wal") && code != WEIR_EBUSY && code != WEIR_ENOSPC &&
           code != WEIR_EPERM && !strstr(why, "Permission denied");
}

static int explain_open(const struct duck_db *db, const char *why, struct weir_error *err)
{
    int code = weir_duck_error_code(why);
    if (code != WEIR_EBUSY) {
        return weir_fail(err, code == WEIR_EINVAL ? WEIR_EIO : code, "%s cannot be opened: %s",
                         db->options.path, why);
    }
    const char *pid = strstr(why, "(PID ");
    size_t digits = pid ? strspn(pid + 5, "0123456789") : 0;
    return weir_fail(err, code,
                     "%s is in use by another process%s%.*s%s; end it (a `weir query` without a "
                     "server holds it, too), then try again",
                     db->options.path, digits ? " (" : "", (int)digits, digits ? pid + 5 : "",
                     digits ? ")" : "");
}

static int open_db(struct duck_db *db, struct weir_error *err)
{
    char *why = NULL;
    int rc = open_engine(db, &why, err);
    if (rc && why && !db->options.read_only && has_wal(db) && is_about_wal(why)) {
        rc = move_wal_aside(db, why, err);
        duckdb_free(why);
        why = NULL;
        rc = rc ? rc : open_engine(db, &why, err);
    }
    if (rc && why) {
        rc = explain_open(db, why, err);
    }
    duckdb_free(why);
    if (rc == 0) {
        rc = prepare_engine(db, err);
        if (rc) {
            duckdb_close(&db->db);
        }
    }
    db->open = rc == 0;
    return rc;
}

static void free_db(struct duck_db *db)
{
    pthread_mutex_destroy(&db->loading);
    pthread_mutex_destroy(&db->lock);
    weir_arena_free(&db->arena);
    free(db);
}

int weir_duck_open(const struct weir_warehouse_options *options, struct weir_warehouse **out,
                   struct weir_error *err)
{
    *out = NULL;
    struct duck_db *db = calloc(1, sizeof *db);
    if (!db) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the warehouse");
    }
    db->base.driver = &weir_warehouse_duckdb;
    atomic_init(&db->catalog_version, 1);
    weir_arena_init(&db->arena, 1 << 20);
    pthread_mutex_init(&db->lock, NULL);
    pthread_mutex_init(&db->loading, NULL);
    snprintf(db->version, sizeof db->version, "duckdb %s", duckdb_library_version());
    int rc = settle_options(db, options, err);
    rc = rc ? rc : open_db(db, err);
    if (rc) {
        free_db(db);
        return rc;
    }
    *out = &db->base;
    return 0;
}

/* Closing checkpoints: the engine does it when the last connection goes. */
void weir_duck_close(struct weir_warehouse *warehouse)
{
    struct duck_db *db = (struct duck_db *)warehouse;
    if (db->open) {
        duckdb_close(&db->db);
    }
    free_db(db);
}

int weir_duck_reopen(struct weir_warehouse *warehouse, struct weir_error *err)
{
    struct duck_db *db = (struct duck_db *)warehouse;
    pthread_mutex_lock(&db->lock);
    int rc = 0;
    if (!atomic_load(&db->failed) && db->open) {
        goto out;
    }
    if (db->sessions) {
        rc =
            weir_fail(err, WEIR_EBUSY, "%u sessions still hold the failed warehouse", db->sessions);
        goto out;
    }
    if (db->open) {
        duckdb_close(&db->db);
        db->open = false;
    }
    rc = open_db(db, err);
    if (rc == 0) {
        atomic_store(&db->failed, false);
        weir_log(db->options.log, WEIR_LOG_WARN, "the warehouse was reopened", "path",
                 db->options.path);
    }
out:
    pthread_mutex_unlock(&db->lock);
    return rc;
}
