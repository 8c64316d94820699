/* Rows of JSON and Parquet, on their way from the engine of their own to the stage. */
#include <stdlib.h>

#include "source/file/file.h"

/* The value as the warehouse has the column. Nested values become JSON; a whole number that a
 * double cannot hold ends the run. */
static void add_cast(struct weir_buf *sql, struct weir_str name, enum weir_type from,
                     const struct weir_column *to)
{
    bool whole = from == WEIR_TYPE_INT && to->type == WEIR_TYPE_DOUBLE;
    if (whole) {
        weir_buf_addz(sql, "CASE WHEN abs(CAST(");
        weir_sql_ident(sql, name);
        weir_buf_addz(sql, " AS HUGEINT)) > 9007199254740992 THEN error(");
        weir_sql_text(sql, WEIR_STR("a whole number has more digits than a number with a fraction "
                                    "keeps; --full finds the types of the columns anew, or, where "
                                    "fractions are in another file, give it a stream of its own"));
        weir_buf_addz(sql, ") ELSE ");
    }
    weir_buf_addz(sql, to->type == WEIR_TYPE_JSON ? "to_json(" : "CAST(");
    weir_sql_ident(sql, name);
    if (to->type != WEIR_TYPE_JSON) {
        weir_buf_addz(sql, " AS ");
        weir_buf_adds(sql, weir_source_column_sql(to));
    }
    weir_buf_addz(sql, whole ? ") END" : ")");
}

/* None of its columns begins so. */
static int name_beginning(const struct weir_file *file, struct weir_buf *out,
                          struct weir_error *err)
{
    int rc = 0;
    weir_buf_addz(out, "row");
    for (size_t i = 0; rc == 0 && i < file->column_count;) {
        bool same = weir_str_starts_nocase(file->originals[i], weir_buf_str(out));
        weir_buf_addz(out, same ? "_" : "");
        rc = weir_buf_check(out, "the name of a column", err);
        i = same ? 0 : i + 1;
    }
    return rc;
}

static bool is_cast(const struct weir_file *file, const struct weir_file_members *members,
                    size_t column)
{
    return file->columns[column] != WEIR_FILE_NO_COLUMN && !weir_file_members_have(members, column);
}

/* Behind the columns, where there are members: is there a row, and its text. */
static int add_statement(struct weir_buf *sql, const struct weir_file *file,
                         const struct weir_source_sink *sink,
                         const struct weir_file_members *members, struct weir_error *err)
{
    bool texts = weir_file_members_any(members);
    struct weir_buf name, text;
    bool first = true;
    weir_buf_init(&name, 1u << 20);
    weir_buf_init(&text, 1u << 20);
    int rc = name_beginning(file, &name, err);
    weir_buf_adds(&text, weir_buf_str(&name));
    weir_buf_addc(&text, '_');
    weir_buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < file->column_count; i++) {
        if (is_cast(file, members, i)) {
            weir_buf_addz(sql, first ? "" : ", ");
            add_cast(sql, file->originals[i], file->own[i].type, &sink->columns[file->columns[i]]);
            first = false;
        }
    }
    if (texts) {
        weir_buf_addz(sql, first ? "" : ", ");
        weir_sql_ident(sql, weir_buf_str(&name));
        weir_buf_addz(sql, " IS NOT NULL, CAST(");
        weir_sql_ident(sql, weir_buf_str(&text));
        weir_buf_addz(sql, " AS VARCHAR)");
    } else {
        weir_buf_addz(sql, first ? "NULL" : "");
    }
    weir_file_engine_from(sql, file, texts ? weir_buf_cstr(&name) : NULL);
    if (texts) {
        /* A query of its own: else its "filename", "file_index" and so on would be those that the
         * columns of such names might be, too. */
        weir_buf_addz(sql, " POSITIONAL JOIN (SELECT * FROM ");
        weir_file_engine_objects(sql, file);
        weir_buf_addz(sql, ") AS ");
        weir_sql_ident(sql, weir_buf_str(&text));
        weir_buf_addc(sql, '(');
        weir_sql_ident(sql, weir_buf_str(&text));
        weir_buf_addc(sql, ')');
    }
    weir_buf_free(&name);
    weir_buf_free(&text);
    return rc;
}

static int pass_on(struct weir_result *result, const struct weir_file *file,
                   struct weir_file_members *members, struct weir_source_sink *sink,
                   struct weir_vector *vectors, struct weir_error *err)
{
    struct weir_batch batch;
    int rc;
    while ((rc = weir_file_engine_next(result, &batch, file, err)) == 0 && batch.rows) {
        size_t at = 0;
        for (size_t i = 0; i < file->column_count; i++) {
            size_t to = file->columns[i];
            if (is_cast(file, members, i) && at < batch.column_count) {
                vectors[to] = batch.columns[at++];
                vectors[to].type = sink->columns[to].type;
            }
        }
        rc = weir_file_members_any(members)
                 ? weir_file_members_take(members, &batch, sink, vectors, err)
                 : 0;
        if (rc) {
            return weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name));
        }
        struct weir_batch out = {batch.rows, sink->column_count, vectors};
        rc = sink->rows(sink, file->name, &out, err);
        if (rc) {
            return rc;
        }
    }
    rc = rc ? rc : weir_file_members_end(members, sink, err);
    return rc ? weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name)) : 0;
}

int weir_file_engine_read(struct weir_session *session, const struct weir_file *file,
                          struct weir_source_sink *sink, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_file_members *members = NULL;
    /* A column that this file has not: without data, which is all NULL. */
    struct weir_vector *vectors = calloc(sink->column_count + 1, sizeof *vectors);
    weir_buf_init(&sql, 4u << 20);
    int rc = vectors ? weir_file_members_open(file, sink, &members, err)
                     : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", sink->column_count);
    rc = rc ? rc : add_statement(&sql, file, sink, members, err);
    for (size_t i = 0; vectors && i < sink->column_count; i++) {
        vectors[i].type = sink->columns[i].type;
    }
    rc = rc ? rc : weir_file_engine_ask(session, &sql, file, &result, err);
    rc = rc ? rc : pass_on(result, file, members, sink, vectors, err);
    weir_result_free(result);
    weir_buf_free(&sql);
    weir_file_members_free(members);
    free(vectors);
    return rc;
}
