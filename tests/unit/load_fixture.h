/* A workspace in a temporary folder, with a writer of its event log, a warehouse and a loader. */
#ifndef WEIR_LOAD_FIXTURE_H
#define WEIR_LOAD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eventlog/eventlog.h"
#include "load/load.h"

struct fixture {
    char dir[64];
    struct weir_workspace *workspace;
    struct weir_warehouse *warehouse;
    struct weir_session *session;
    struct weir_eventlog *log;
    struct weir_loader *loader;
    struct weir_buf out;
    uint64_t requests;
    weir_time now;
    uint64_t memory_bytes; /* of the engine; 0: as it likes */
};

static struct weir_error err;

static void fixture_open_warehouse(struct fixture *f)
{
    static char path[128], spill[128];
    snprintf(path, sizeof path, "%s/.weir/warehouse.duckdb", f->dir);
    snprintf(spill, sizeof spill, "%s/.weir/spill", f->dir);
    const struct weir_warehouse_options options = {
        .path = path, .temp_dir = spill, .memory_bytes = f->memory_bytes, .threads = 1};
    ASSERT_OK(weir_warehouse_open(&weir_warehouse_duckdb, &options, &f->warehouse, &err), err);
    ASSERT_OK(weir_session_new(f->warehouse, WEIR_SESSION_OWNER, &f->session, &err), err);
    ASSERT_OK(weir_loader_new(f->workspace, f->warehouse, NULL, &f->loader, &err), err);
}

static void fixture_close_warehouse(struct fixture *f)
{
    weir_loader_free(f->loader);
    weir_session_free(f->session);
    weir_warehouse_close(f->warehouse);
    f->loader = NULL;
    f->session = NULL;
    f->warehouse = NULL;
}

static void fixture_open_log(struct fixture *f)
{
    char path[128];
    snprintf(path, sizeof path, "%s/.weir/log", f->dir);
    const struct weir_eventlog_options options = {.seal_level = -1, .keep_free_bytes = 1};
    struct weir_recovery recovery;
    ASSERT_OK(weir_eventlog_open(path, &options, &f->log, &recovery, &err), err);
}

static void fixture_write_settings(struct fixture *f, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/weir.yml", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void fixture_make(struct fixture *f, const char *settings)
{
    memset(f, 0, sizeof *f);
    strcpy(f->dir, "/tmp/weir-load-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    char path[128];
    snprintf(path, sizeof path, "mkdir -p %s/.weir", f->dir);
    assert_int_equal(system(path), 0);
    fixture_write_settings(f, settings);
    f->now = INT64_C(1767323045) * WEIR_SECOND; /* 2026-01-02T03:04:05Z */
    weir_buf_init(&f->out, 64 << 20);
    ASSERT_OK(weir_workspace_open(f->dir, &f->workspace, &err), err);
    fixture_open_log(f);
    fixture_open_warehouse(f);
}

static void fixture_free(struct fixture *f)
{
    fixture_close_warehouse(f);
    weir_eventlog_close(f->log);
    weir_workspace_close(f->workspace);
    weir_buf_free(&f->out);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
}

static void fixture_append(struct fixture *f, const char *method, struct weir_str body)
{
    uint64_t seq;
    struct weir_record record = {.kind = WEIR_RECORD_CALL,
                                 .received_at = f->now,
                                 .source = WEIR_STR("web"),
                                 .method = weir_str_of(method),
                                 .ip = WEIR_STR("203.0.113.7"),
                                 .user_agent = WEIR_STR("test/1"),
                                 .body = body};
    uint64_t id = ++f->requests;
    memcpy(record.request_id, &id, sizeof id);
    ASSERT_OK(weir_eventlog_append(f->log, &record, &seq, &err), err);
}

static void fixture_commit(struct fixture *f)
{
    ASSERT_OK(weir_eventlog_commit(f->log, &err), err);
}

/* One request, durable and loaded. */
static inline void fixture_load(struct fixture *f, const char *method, const char *body)
{
    fixture_append(f, method, weir_str_of(body));
    fixture_commit(f);
    ASSERT_OK(weir_loader_drain(f->loader, &err), err);
}

static void fixture_value(const struct weir_vector *v, size_t row, struct weir_buf *out)
{
    if (!weir_vector_valid(v, row)) {
        weir_buf_addz(out, "-");
        return;
    }
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        weir_buf_addz(out, v->bools[row] ? "true" : "false");
        return;
    case WEIR_TYPE_INT:
        weir_buf_add_i64(out, v->ints[row]);
        return;
    case WEIR_TYPE_DOUBLE:
        weir_buf_addf(out, "%.17g", v->doubles[row]);
        return;
    case WEIR_TYPE_TIMESTAMP:
        weir_time_print(out, v->ints[row], 3);
        return;
    default:
        weir_buf_adds(out, v->strs[row]);
        return;
    }
}

/* Values by "|", rows by newline; NULL is "-". */
static const char *fixture_query(struct fixture *f, const char *sql)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    weir_buf_reset(&f->out);
    ASSERT_OK(weir_session_query(f->session, sql, NULL, 0, &result, &err), err);
    for (;;) {
        ASSERT_OK(weir_result_next(result, &batch, &err), err);
        if (!batch.rows) {
            break;
        }
        for (size_t row = 0; row < batch.rows; row++) {
            weir_buf_addz(&f->out, f->out.len ? "\n" : "");
            for (size_t c = 0; c < batch.column_count; c++) {
                weir_buf_addz(&f->out, c ? "|" : "");
                fixture_value(&batch.columns[c], row, &f->out);
            }
        }
    }
    weir_result_free(result);
    return weir_buf_cstr(&f->out);
}

static inline const char *fixture_type(struct fixture *f, const char *table, const char *column)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT data_type FROM duckdb_columns() WHERE schema_name = 'web' AND table_name = "
             "'%s' AND column_name = '%s'",
             table, column);
    return fixture_query(f, sql);
}

#endif
