/* A warehouse in a folder of its own, and its rows as text: for the tests of src/warehouse. */
#ifndef WEIR_TEST_WAREHOUSE_H
#define WEIR_TEST_WAREHOUSE_H

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "base/json_write.h"
#include "warehouse/warehouse.h"

static char dir[64];
static char path[128];
static char exports[128];
static struct weir_warehouse *warehouse;
static struct weir_session *owner;
static struct weir_session *reader;
static struct weir_error err;

static inline void open_all(void)
{
    struct weir_warehouse_options options = {.path = path,
                                             .memory_bytes = 1ull << 30,
                                             .threads = 2,
                                             .temp_dir = dir,
                                             .export_dir = exports};
    ASSERT_OK(weir_warehouse_open(&weir_warehouse_duckdb, &options, &warehouse, &err), err);
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_OWNER, &owner, &err), err);
    ASSERT_OK(weir_session_new(warehouse, WEIR_SESSION_READER, &reader, &err), err);
}

static inline void close_all(void)
{
    weir_session_free(owner);
    weir_session_free(reader);
    weir_warehouse_close(warehouse);
    owner = reader = NULL;
    warehouse = NULL;
}

static inline int make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/weir-test-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/warehouse.duckdb", dir);
    snprintf(exports, sizeof exports, "%s/export", dir);
    open_all();
    return 0;
}

static inline int unmake(void **state)
{
    (void)state;
    close_all();
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* --- helpers -------------------------------------------------------------------------------- */

static inline void print_value(struct weir_buf *out, const struct weir_vector *v, size_t row)
{
    if (!weir_vector_valid(v, row)) {
        weir_buf_addz(out, "NULL");
        return;
    }
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        weir_buf_addz(out, v->bools[row] ? "true" : "false");
        return;
    case WEIR_TYPE_DOUBLE:
        if (isfinite(v->doubles[row])) {
            weir_json_number(out, v->doubles[row]);
        } else {
            weir_buf_addf(out, "%g", v->doubles[row]);
        }
        return;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_TIMESTAMP:
    case WEIR_TYPE_DATE:
        weir_buf_add_i64(out, v->ints[row]);
        return;
    default:
        weir_buf_adds(out, v->strs[row]);
    }
}

/* All rows as text, `|` between columns, newline between rows. */
static inline const char *ask(struct weir_session *session, const char *sql,
                              const struct weir_param *params, size_t count)
{
    static struct weir_buf out = {.max = 1 << 20};
    struct weir_result *result;
    struct weir_batch batch;
    weir_buf_reset(&out);
    if (weir_session_query(session, sql, params, count, &result, &err)) {
        weir_buf_addf(&out, "error %d: %s", err.code, err.message);
        return weir_buf_cstr(&out);
    }
    int rc;
    while ((rc = weir_result_next(result, &batch, &err)) == 0 && batch.rows) {
        for (size_t row = 0; row < batch.rows; row++) {
            weir_buf_addz(&out, out.len ? "\n" : "");
            for (size_t i = 0; i < batch.column_count; i++) {
                weir_buf_addz(&out, i ? "|" : "");
                print_value(&out, &batch.columns[i], row);
            }
        }
    }
    weir_result_free(result);
    if (rc) {
        weir_buf_addf(&out, "error %d: %s", err.code, err.message);
    }
    return weir_buf_cstr(&out);
}

static inline const char *types(struct weir_session *session, const char *sql)
{
    static struct weir_buf out = {.max = 1 << 16};
    struct weir_result *result;
    weir_buf_reset(&out);
    ASSERT_OK(weir_session_query(session, sql, NULL, 0, &result, &err), err);
    for (size_t i = 0; i < weir_result_column_count(result); i++) {
        const struct weir_column *c = &weir_result_columns(result)[i];
        weir_buf_addf(&out, "%s" WEIR_STR_FMT ":%s:" WEIR_STR_FMT, i ? " " : "",
                      WEIR_STR_ARG(c->name), weir_type_name(c->type), WEIR_STR_ARG(c->type_name));
    }
    weir_result_free(result);
    return weir_buf_cstr(&out);
}

#define S(text) WEIR_STR(text)

#endif
