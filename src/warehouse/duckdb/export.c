/* Results as files that the engine writes itself. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/rules.h"

/* Runs a COPY; its result is the number of rows that it wrote. */
static int copy(const struct duck_run *run, const struct weir_buf *sql, uint64_t *rows,
                struct weir_error *err)
{
    struct duck_session *s = run->s;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result;
    int rc = weir_buf_check(sql, "the statement", err);
    if (rc == 0 && duckdb_prepare(s->con, weir_buf_cstr(sql), &statement)) {
        rc = weir_duck_fail(s, duckdb_prepare_error(statement), err);
    }
    rc = rc ? rc : weir_duck_bind(statement, run, err);
    rc = rc ? rc : weir_duck_execute(s, statement, &result, err);
    if (rc == 0) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        *rows = 0;
        if (chunk && duckdb_data_chunk_get_size(chunk) == 1) {
            *rows = *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
        }
        duckdb_destroy_data_chunk(&chunk);
        duckdb_destroy_result(&result);
    }
    if (statement) {
        duckdb_destroy_prepare(&statement);
    }
    return rc;
}

static void end_copy(struct weir_buf *sql, const char *path)
{
    weir_buf_addz(sql, " TO ");
    weir_sql_text(sql, weir_str_of(path));
    weir_buf_addz(sql, " (FORMAT parquet, COMPRESSION zstd)");
}

/* Whether there is a row more is known only when it is written: it is taken off again, from the
 * file and not by a second run of the statement, which may take long or give other rows. */
static int cut(struct duck_session *s, const char *path, uint64_t rows, struct weir_error *err)
{
    struct weir_buf shorter, sql;
    uint64_t left;
    weir_buf_init(&shorter, 8192);
    weir_buf_init(&sql, 65536);
    weir_buf_addf(&shorter, "%s.cut", path);
    int rc = weir_buf_check(&shorter, "the file's path", err);
    if (rc == 0 && strpbrk(path, "*?[{")) {
        rc = weir_fail(err, WEIR_EUNSUPPORTED,
                       "a parquet file cannot be cut in a folder whose path holds one of *?[{ "
                       "(%s); move the workspace, or ask for fewer rows",
                       path);
    }
    if (rc == 0) {
        s->shift = 0;
        weir_buf_addz(&sql, "COPY (SELECT * FROM read_parquet(");
        weir_sql_text(&sql, weir_str_of(path));
        weir_buf_addf(&sql, ", hive_partitioning = false) LIMIT %llu)", (unsigned long long)rows);
        end_copy(&sql, weir_buf_cstr(&shorter));
        rc = copy(&(struct duck_run){.s = s}, &sql, &left, err);
    }
    if (rc == 0 && rename(weir_buf_cstr(&shorter), path)) {
        rc = weir_fail_errno(err, errno, "%s cannot be renamed", weir_buf_cstr(&shorter));
    }
    if (rc && weir_buf_ok(&shorter)) {
        (void)unlink(weir_buf_cstr(&shorter));
    }
    weir_buf_free(&shorter);
    weir_buf_free(&sql);
    return rc;
}

int weir_duck_export(struct weir_session *session, const char *sql, const struct weir_param *params,
                     size_t param_count, const char *format, const char *path, uint64_t max_rows,
                     struct weir_export *out, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    if (strcmp(format, "parquet") != 0) {
        return weir_fail(err, WEIR_EUNSUPPORTED, "format \"%s\" cannot be exported; use parquet",
                         format);
    }
    bool limited = max_rows > 0 && max_rows < INT64_MAX;
    struct duck_run run = {.s = s, .sql = sql, .params = params, .param_count = param_count};
    struct weir_buf text;
    bool own_transaction;
    weir_buf_init(&text, DUCK_MAX_TREE);
    int rc = weir_duck_enter(&run, true, &own_transaction, err);
    weir_buf_addz(&text, limited ? "COPY (SELECT * FROM (\n" : "COPY (\n");
    s->shift = run.ruled ? s->shift : (int64_t)text.len;
    weir_buf_adds(&text, weir_duck_trim_statement(weir_str_of(run.sql)));
    if (limited) {
        weir_buf_addf(&text, "\n) LIMIT %llu", (unsigned long long)max_rows + 1);
    }
    weir_buf_addz(&text, "\n)");
    end_copy(&text, path);
    rc = rc ? rc : copy(&run, &text, &out->rows, err);
    rc = weir_duck_judge(&run, rc, err);
    if (rc == 0 && limited && out->rows > max_rows) {
        rc = cut(s, path, max_rows, err);
        out->rows = max_rows;
        out->truncated = true;
    }
    weir_duck_leave(s, own_transaction);
    weir_buf_free(&text);
    return rc;
}
