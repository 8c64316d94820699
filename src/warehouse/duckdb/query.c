/* Statements with results, as streams of batches. */
#include <stdlib.h>

#include "warehouse/duckdb/lexer.h"
#include "warehouse/duckdb/rules.h"

struct duck_result {
    struct weir_result base;
    struct duck_session *s;
    duckdb_result result;
    duckdb_data_chunk chunk; /* behind the batch handed out last */
    struct weir_arena arena;
    struct weir_vector *vectors;
    struct duck_converter *converters;
    bool own_transaction; /* begun for this statement alone */
};

/* A statement on its way, and what its columns were before the cast. */
struct run {
    struct duck_run on;
    duckdb_result result;
    struct weir_buf names; /* the types, one a column, NUL-separated */
};

/* --- preparing ------------------------------------------------------------------------------ */

/* The engine splits one PIVOT into several statements; all but the last only prepare the ground. */
static int run_before_last(struct duck_session *s, duckdb_extracted_statements statements,
                           idx_t count, struct weir_error *err)
{
    int rc = 0;
    for (idx_t i = 0; rc == 0 && i + 1 < count; i++) {
        duckdb_prepared_statement statement;
        duckdb_result result;
        if (duckdb_prepare_extracted_statement(s->con, statements, i, &statement)) {
            rc = weir_duck_fail(s, duckdb_prepare_error(statement), err);
        } else {
            if (duckdb_execute_prepared(statement, &result)) {
                rc = weir_duck_fail(s, duckdb_result_error(&result), err);
            }
            duckdb_destroy_result(&result);
        }
        duckdb_destroy_prepare(&statement);
    }
    return rc;
}

int weir_duck_prepare(struct duck_session *s, const char *sql, duckdb_prepared_statement *out,
                      idx_t *count, struct weir_error *err)
{
    duckdb_extracted_statements statements;
    *out = NULL;
    *count = duckdb_extract_statements(s->con, sql, &statements);
    int rc = 0;
    if (*count == 0) {
        const char *why = duckdb_extract_statements_error(statements);
        rc = why ? weir_duck_fail(s, why, err)
                 : weir_fail(err, WEIR_EINVAL, "the statement is empty; write a query");
    }
    if (rc == 0 && *count > 1 && weir_duck_access(s) && !s->trusted) {
        rc = weir_fail(err, WEIR_EPERM, "only one statement may run");
    }
    rc = rc ? rc : run_before_last(s, statements, *count, err);
    if (rc == 0 && duckdb_prepare_extracted_statement(s->con, statements, *count - 1, out)) {
        rc = weir_duck_fail(s, duckdb_prepare_error(*out), err);
        duckdb_destroy_prepare(out);
    }
    duckdb_destroy_extracted(&statements);
    if (rc == 0 && s->base.kind == WEIR_SESSION_READER) {
        /* The sandbox has judged the text; this judges what the engine made of it. */
        duckdb_statement_type type = duckdb_prepared_statement_type(*out);
        if (type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN) {
            duckdb_destroy_prepare(out);
            rc = weir_fail(err, WEIR_EPERM, "only statements that read may run here");
        }
    }
    return rc;
}

/* --- results -------------------------------------------------------------------------------- */

static bool needs_cast(duckdb_result *result)
{
    bool needed = false;
    for (idx_t i = 0; !needed && i < duckdb_column_count(result); i++) {
        duckdb_logical_type type = duckdb_column_logical_type(result, i);
        enum weir_type as;
        needed = !weir_duck_type_of(type, &as);
        duckdb_destroy_logical_type(&type);
    }
    return needed;
}

static bool statement_needs_cast(duckdb_prepared_statement statement)
{
    bool needed = false;
    for (idx_t i = 0; !needed && i < duckdb_prepared_statement_column_count(statement); i++) {
        duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
        if (type) {
            enum weir_type as;
            duckdb_type id = duckdb_get_type_id(type);
            /* With parameters the types are known only at execution. */
            needed =
                id != DUCKDB_TYPE_INVALID && id != DUCKDB_TYPE_ANY && !weir_duck_type_of(type, &as);
            duckdb_destroy_logical_type(&type);
        }
    }
    return needed;
}

/* Casts the columns that only the engine can print, by their position: names may repeat. */
static int cast_sql(const char *sql, duckdb_prepared_statement statement, duckdb_result *result,
                    struct weir_buf *out, int64_t *shift, struct weir_error *err)
{
    weir_buf_addz(out, "SELECT ");
    idx_t count =
        result ? duckdb_column_count(result) : duckdb_prepared_statement_column_count(statement);
    for (idx_t i = 0; i < count; i++) {
        duckdb_logical_type type =
            result ? duckdb_column_logical_type(result, i)
                   : duckdb_prepared_statement_column_logical_type(statement, i);
        enum weir_type as;
        const char *name = result ? duckdb_column_name(result, i)
                                  : duckdb_prepared_statement_column_name(statement, i);
        const char *shape =
            weir_duck_type_of(type, &as) ? "%s#%llu AS " : "%sCAST(#%llu AS VARCHAR) AS ";
        weir_buf_addf(out, shape, i ? ", " : "", (unsigned long long)i + 1);
        weir_sql_ident(out, weir_str_of(name));
        if (!result) {
            duckdb_free((void *)(uintptr_t)name);
        }
        duckdb_destroy_logical_type(&type);
    }
    weir_buf_addz(out, " FROM (\n");
    *shift = (int64_t)out->len;
    weir_buf_adds(out, weir_duck_trim_statement(weir_str_of(sql)));
    weir_buf_addz(out, "\n)");
    return weir_buf_check(out, "the statement", err);
}

static int run_cast(struct run *r, duckdb_prepared_statement statement, duckdb_result *result,
                    struct weir_error *err)
{
    struct weir_buf sql;
    duckdb_prepared_statement cast = NULL;
    idx_t count;
    weir_buf_init(&sql, DUCK_MAX_TREE);
    idx_t columns =
        result ? duckdb_column_count(result) : duckdb_prepared_statement_column_count(statement);
    for (idx_t i = 0; i < columns; i++) {
        duckdb_logical_type type =
            result ? duckdb_column_logical_type(result, i)
                   : duckdb_prepared_statement_column_logical_type(statement, i);
        weir_duck_type_name(type, &r->names);
        weir_buf_addc(&r->names, 0);
        duckdb_destroy_logical_type(&type);
    }
    int rc = weir_buf_check(&r->names, "the names of the result's types", err);
    int64_t shift = 0;
    rc = rc ? rc : cast_sql(r->on.sql, statement, result, &sql, &shift, err);
    r->on.s->shift = r->on.ruled ? r->on.s->shift : shift;
    if (result) {
        duckdb_destroy_result(result);
    }
    rc = rc ? rc : weir_duck_prepare(r->on.s, weir_buf_cstr(&sql), &cast, &count, err);
    rc = rc ? rc : weir_duck_bind(cast, &r->on, err);
    rc = rc ? rc : weir_duck_execute(r->on.s, cast, &r->result, err);
    if (cast) {
        duckdb_destroy_prepare(&cast);
    }
    weir_buf_free(&sql);
    return rc;
}

static int run_plain(struct run *r, struct weir_error *err)
{
    duckdb_prepared_statement statement = NULL;
    idx_t count;
    int rc = weir_duck_prepare(r->on.s, r->on.sql, &statement, &count, err);
    if (rc) {
        return rc;
    }
    bool castable =
        count == 1 && duckdb_prepared_statement_type(statement) == DUCKDB_STATEMENT_TYPE_SELECT;
    rc = weir_duck_bind(statement, &r->on, err);
    if (rc == 0 && castable && statement_needs_cast(statement)) {
        rc = run_cast(r, statement, NULL, err);
    } else if (rc == 0) {
        rc = weir_duck_execute(r->on.s, statement, &r->result, err);
        if (rc == 0 && needs_cast(&r->result)) {
            if (castable) {
                duckdb_result first = r->result;
                rc = run_cast(r, statement, &first, err);
            } else {
                duckdb_destroy_result(&r->result);
                rc = weir_fail(err, WEIR_EUNSUPPORTED,
                               "this statement returns nested values; cast them to VARCHAR in it");
            }
        }
    }
    duckdb_destroy_prepare(&statement);
    return rc;
}

static int describe_columns(struct duck_result *r, const struct weir_buf *names,
                            struct weir_error *err)
{
    size_t count = duckdb_column_count(&r->result);
    struct weir_column *columns = weir_arena_calloc(&r->arena, (count + 1) * sizeof *columns);
    r->vectors = weir_arena_calloc(&r->arena, (count + 1) * sizeof *r->vectors);
    r->converters = weir_arena_calloc(&r->arena, (count + 1) * sizeof *r->converters);
    if (!columns || !r->vectors || !r->converters) {
        return weir_fail(err, WEIR_ETOOBIG, "the result has too many columns");
    }
    const char *name = weir_buf_cstr(names);
    struct weir_buf type_name;
    weir_buf_init(&type_name, 1 << 20);
    int rc = 0;
    r->base.columns = columns;
    for (size_t i = 0; rc == 0 && i < count; i++, r->base.column_count++) {
        duckdb_logical_type type = duckdb_column_logical_type(&r->result, i);
        weir_buf_reset(&type_name);
        (void)weir_duck_type_of(type, &columns[i].type);
        if (names->len) {
            struct weir_str original = weir_str_of(name);
            name += original.len + 1;
            if (columns[i].type == WEIR_TYPE_TEXT && !weir_str_is(original, "VARCHAR")) {
                columns[i].type = WEIR_TYPE_OTHER;
            }
            weir_buf_adds(&type_name, original);
        } else {
            weir_duck_type_name(type, &type_name);
        }
        columns[i].name = weir_arena_dup(&r->arena, weir_str_of(duckdb_column_name(&r->result, i)));
        columns[i].type_name = weir_arena_dup(&r->arena, weir_buf_str(&type_name));
        r->vectors[i].type = columns[i].type;
        rc = weir_duck_converter_init(&r->converters[i], type, columns[i].type, err);
        if (rc == 0 && (!columns[i].name.ptr || !columns[i].type_name.ptr)) {
            rc = weir_fail(err, WEIR_ETOOBIG, "the result's column names are too long");
        }
    }
    weir_buf_free(&type_name);
    return rc;
}

int weir_duck_query(struct weir_session *session, const char *sql, const struct weir_param *params,
                    size_t param_count, struct weir_result **out, struct weir_error *err)
{
    struct duck_session *s = duck_session_of(session);
    struct run run = {.on = {.s = s, .sql = sql, .params = params, .param_count = param_count}};
    struct duck_result *r = NULL;
    bool own_transaction;
    weir_buf_init(&run.names, 4u << 20);
    int rc = weir_duck_enter(&run.on, false, &own_transaction, err);
    rc = rc ? rc : run_plain(&run, err);
    rc = weir_duck_judge(&run.on, rc, err);
    if (rc) {
        weir_duck_leave(s, own_transaction);
        goto out;
    }
    r = calloc(1, sizeof *r);
    if (!r) {
        duckdb_destroy_result(&run.result);
        weir_duck_leave(s, own_transaction);
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for a result");
        goto out;
    }
    weir_arena_init(&r->arena, 64u << 20);
    r->base.session = session;
    r->s = s;
    r->result = run.result;
    r->own_transaction = own_transaction;
    rc = describe_columns(r, &run.names, err);
    if (rc) {
        weir_duck_result_free(&r->base);
        goto out;
    }
    *out = &r->base;
out:
    weir_buf_free(&run.names);
    return rc;
}

/* A thread of the engine that fails interrupts the others before it tells why; who fetches may see
 * that first, and takes it for an interruption that somebody asked for. */
static int fetch_fail(struct duck_session *s, const char *why, struct weir_error *err)
{
    int rc = weir_duck_fail(s, why, err);
    return rc == WEIR_ECANCELED && !atomic_load(&s->canceled)
               ? weir_fail(err, WEIR_EAGAIN,
                           "a part of the query failed behind its first rows, and the engine broke "
                           "it off without saying why; run it again")
               : rc;
}

int weir_duck_result_next(struct weir_result *result, struct weir_batch *out,
                          struct weir_error *err)
{
    struct duck_result *r = (struct duck_result *)result;
    *out = (struct weir_batch){.column_count = result->column_count, .columns = r->vectors};
    if (r->chunk) {
        duckdb_destroy_data_chunk(&r->chunk);
    }
    do {
        if (r->chunk) {
            duckdb_destroy_data_chunk(&r->chunk);
        }
        r->chunk = duckdb_fetch_chunk(r->result);
    } while (r->chunk && duckdb_data_chunk_get_size(r->chunk) == 0);
    if (!r->chunk) {
        const char *why = duckdb_result_error(&r->result);
        if (why && *why) {
            return fetch_fail(r->s, why, err);
        }
        return atomic_load(&r->s->canceled)
                   ? weir_fail(err, WEIR_ECANCELED, "the query was canceled")
                   : 0;
    }
    size_t rows = duckdb_data_chunk_get_size(r->chunk);
    for (size_t i = 0; i < result->column_count; i++) {
        int rc = weir_duck_convert(&r->converters[i], duckdb_data_chunk_get_vector(r->chunk, i),
                                   rows, &r->vectors[i], err);
        if (rc) {
            return rc;
        }
    }
    out->rows = rows;
    return 0;
}

void weir_duck_result_free(struct weir_result *result)
{
    struct duck_result *r = (struct duck_result *)result;
    if (r->chunk) {
        duckdb_destroy_data_chunk(&r->chunk);
    }
    size_t columns = r->converters ? duckdb_column_count(&r->result) : 0;
    for (size_t i = 0; i < columns; i++) {
        weir_duck_converter_free(&r->converters[i]);
    }
    duckdb_destroy_result(&r->result);
    weir_duck_leave(r->s, r->own_transaction);
    weir_arena_free(&r->arena);
    free(r);
}
