/* JSON and Parquet, read by an engine of their own: in memory, and with the right to read these
 * files and nothing else. The warehouse's engine has no access to files at all. */
#include <stdlib.h>

#include "source/file/file.h"

static const char *path_of(const struct weir_file *file)
{
    return file->plain ? file->plain : file->path;
}

/* The engine may read the file that this leads to when that is one of those. */
static const char *reads(const struct weir_file *file)
{
    return file->plain ? file->plain : weir_file_path(file);
}

/* The engine counts one row too many, passes empty lines over, and its advice is none for whoever
 * has only the file. */
static bool is_bad_json(const struct weir_error *why, int rc, struct weir_error *err)
{
    static const char *const kinds[] = {"line ", "record/value "};
    unsigned long long row = 0;
    const char *from = strstr(why->message, "Malformed JSON in file ");
    const char *at = from ? strstr(from, ", at byte ") : NULL;
    for (size_t i = 0; at && row == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *in = strstr(at, " in ");
        bool is = in && strncmp(in + 4, kinds[i], strlen(kinds[i])) == 0;
        row = is ? strtoull(in + 4 + strlen(kinds[i]), NULL, 10) : 0;
    }
    const char *what = at ? strstr(at, ": ") : NULL;
    if (row > 1 && what) {
        weir_fail(err, rc, "row %llu is no JSON: at byte %llu, %s", row - 1,
                  strtoull(at + strlen(", at byte "), NULL, 10), what + 2);
        return true;
    }
    from = strstr(why->message, "JSON transform error in file ");
    what = from ? strstr(from, "\", in ") : NULL;
    what = what ? strstr(what, ": ") : NULL;
    if (what) {
        weir_fail(err, rc, "%s", what + 2);
    }
    return what;
}

/* Nor is the path of a file that is held, or was unpacked, anything for people. */
static int explain(const struct weir_file *file, int rc, struct weir_error *err)
{
    struct weir_error why = *err;
    const char *path = reads(file);
    char *advice = strstr(why.message, " Try increasing '"), *at = strstr(why.message, path);
    advice = advice ? advice : strstr(why.message, " Try auto-detecting the JSON format");
    if (advice) {
        *advice = 0;
        weir_fail(err, rc, "%s", why.message);
    }
    if (!is_bad_json(&why, rc, err) && at && (!advice || at < advice)) {
        *at = 0;
        weir_fail(err, rc, "%s" WEIR_STR_FMT "%s", why.message, WEIR_STR_ARG(file->name),
                  at + strlen(path));
    }
    return weir_error_prefix(err, rc, WEIR_STR_FMT, WEIR_STR_ARG(file->name));
}

int weir_file_engine_open(const struct weir_file_stream *stream, struct weir_warehouse **out,
                          struct weir_session **session, struct weir_error *err)
{
    const char **readable = calloc(stream->count + 1, sizeof *readable);
    if (!readable) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for a list of files");
    }
    for (size_t i = 0; i < stream->count; i++) {
        readable[i] = path_of(&stream->files[i]);
    }
    struct weir_warehouse_options options = {
        .path = ":memory:", .memory_bytes = WEIR_FILE_MEMORY, .threads = 1, .readable = readable};
    int rc = weir_warehouse_open(&weir_warehouse_duckdb, &options, out, err);
    rc = rc ? rc : weir_session_new(*out, WEIR_SESSION_OWNER, session, err);
    free(readable);
    return rc;
}

/* The engine takes these for a pattern, which may name other files. */
static int check_path(const struct weir_file *file, struct weir_error *err)
{
    return !strpbrk(path_of(file), "*?[\\")
               ? 0
               : weir_fail(err, WEIR_EINVAL,
                           "%s: a JSON or Parquet file must have none of * ? [ \\ in its path; "
                           "rename it",
                           path_of(file));
}

static const char *layout_of(const struct weir_file *file)
{
    bool list = file->kinds && file->list;
    bool lines = file->format == WEIR_FILE_NDJSON || (file->kinds && !file->list);
    return list ? "array" : lines ? "newline_delimited" : "auto";
}

/* A reader of the engine's and what all of them are told; its parenthesis stays open. */
static void add_reader(struct weir_buf *sql, const struct weir_file *file, const char *reader)
{
    weir_buf_addf(sql, "%s(", reader);
    weir_sql_text(sql, weir_str_of(reads(file)));
    /* A folder "day=1" is no column: the file's own would be lost below it. */
    weir_buf_addz(sql, ", hive_partitioning = false");
    if (file->format != WEIR_FILE_PARQUET) {
        weir_buf_addf(sql, ", format = '%s', maximum_object_size = 67108864", layout_of(file));
    }
}

void weir_file_engine_typed(struct weir_buf *sql, const struct weir_file *file)
{
    add_reader(sql, file, "read_json");
    weir_buf_addz(sql, ", columns = {");
}

void weir_file_engine_objects(struct weir_buf *sql, const struct weir_file *file)
{
    add_reader(sql, file, "read_json_objects");
    weir_buf_addc(sql, ')');
}

void weir_file_engine_from(struct weir_buf *sql, const struct weir_file *file, const char *there)
{
    weir_buf_addz(sql, " FROM ");
    if (file->kinds) {
        weir_file_engine_typed(sql, file);
        for (size_t i = 0; i < file->kind_count; i++) {
            weir_buf_addz(sql, i ? ", " : "");
            weir_sql_ident(sql, file->kinds[i].name);
            weir_buf_addf(sql, ": '%s'", file->kinds[i].type);
        }
        weir_buf_addc(sql, '}');
    } else if (file->format == WEIR_FILE_PARQUET) {
        add_reader(sql, file, "read_parquet");
    } else { /* types by all rows; nested values stay JSON */
        add_reader(sql, file, "read_json");
        weir_buf_addz(sql, ", sample_size = -1, maximum_depth = 2");
    }
    if (there) {
        weir_buf_addz(sql, ", filename = ");
        weir_sql_text(sql, weir_str_of(there));
    }
    weir_buf_addc(sql, ')');
}

int weir_file_engine_next(struct weir_result *result, struct weir_batch *batch,
                          const struct weir_file *file, struct weir_error *err)
{
    int rc = weir_result_next(result, batch, err);
    return rc ? explain(file, rc, err) : 0;
}

int weir_file_engine_ask(struct weir_session *session, struct weir_buf *sql,
                         const struct weir_file *file, struct weir_result **result,
                         struct weir_error *err)
{
    int rc = weir_buf_check(sql, "the statement that reads a file", err);
    rc = rc ? rc : weir_session_query(session, weir_buf_cstr(sql), NULL, 0, result, err);
    return rc ? explain(file, rc, err) : 0;
}

/* A name for a row that none of its columns has: a column goes first. */
static int name_row(struct weir_session *session, const struct weir_file *file,
                    struct weir_buf *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    weir_buf_addz(out, "row");
    int rc = weir_file_engine_query(session, file, WEIR_FILE_COLUMNS, &result, err);
    for (size_t i = 0; rc == 0 && i < weir_result_column_count(result);) {
        bool same = weir_str_eq_nocase(weir_result_columns(result)[i].name, weir_buf_str(out));
        weir_buf_addz(out, same ? "_" : "");
        rc = weir_buf_check(out, "the name of a row", err);
        i = same ? 0 : i + 1;
    }
    weir_result_free(result);
    return rc;
}

static int add_question(struct weir_session *session, const struct weir_file *file,
                        enum weir_file_question what, struct weir_buf *sql, struct weir_error *err)
{
    struct weir_buf row;
    bool all = what == WEIR_FILE_ROWS;
    weir_buf_init(&row, 1u << 16);
    int rc = all ? name_row(session, file, &row, err) : 0;
    weir_buf_addz(sql, all                         ? "SELECT CAST(to_json("
                       : what == WEIR_FILE_COLUMNS ? "SELECT *"
                                                   : "SELECT count(*)");
    if (all) {
        weir_sql_ident(sql, weir_buf_str(&row));
        weir_buf_addz(sql, ") AS VARCHAR)");
    }
    weir_file_engine_from(sql, file, NULL);
    weir_buf_addz(sql, all ? " AS " : what == WEIR_FILE_COLUMNS ? " LIMIT 0" : "");
    if (all) {
        weir_sql_ident(sql, weir_buf_str(&row));
    }
    weir_buf_free(&row);
    return rc;
}

int weir_file_engine_query(struct weir_session *session, const struct weir_file *file,
                           enum weir_file_question what, struct weir_result **out,
                           struct weir_error *err)
{
    struct weir_buf sql;
    int rc = check_path(file, err);
    weir_buf_init(&sql, 1u << 20);
    if (rc == 0 && file->format == WEIR_FILE_PARQUET) {
        rc = add_question(session, file, what, &sql, err);
    } else {
        weir_buf_addz(&sql, "SELECT CAST(json AS VARCHAR) FROM ");
        weir_file_engine_objects(&sql, file);
    }
    rc = rc ? rc : weir_file_engine_ask(session, &sql, file, out, err);
    weir_buf_free(&sql);
    return rc;
}

static int check_wide(const struct weir_batch *b, size_t i, struct weir_str column,
                      const struct weir_file *file, struct weir_source_plan *plan,
                      struct weir_error *err)
{
    struct weir_str name = weir_csv_plain_name(&plan->arena, column, 0);
    bool wide = b->columns[2].bools[i], fine = b->columns[3].bools[i];
    if ((!wide && !fine) || weir_source_plan_leaves_out(plan, name, column)) {
        return 0;
    }
    if (wide) {
        return weir_fail(err, WEIR_EINVAL,
                         WEIR_STR_FMT ": the column \"" WEIR_STR_FMT
                                      "\" has decimals of more than 38 digits, which cannot be "
                                      "read; write them as texts, or leave it out by `exclude`",
                         WEIR_STR_ARG(file->name), WEIR_STR_ARG(column));
    }
    const char *text =
        plan->whole ? weir_arena_printf(&plan->arena,
                                        "column \"" WEIR_STR_FMT
                                        "\" has times in nanoseconds with a zone, or of INT96: "
                                        "their microseconds are kept",
                                        WEIR_STR_ARG(column))
                    : "";
    /* Of several files each says the same. */
    bool told = text && plan->said.len && strstr(plan->said.ptr, text);
    return !text            ? weir_fail(err, WEIR_ENOMEM, "no memory for a plan")
           : !*text || told ? 0
                            : weir_file_say(plan, weir_str_of(text), err);
}

/* What the engine makes of decimals that it has no room for are other numbers. */
int weir_file_engine_check(struct weir_session *session, struct weir_file *file,
                           struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch b;
    struct weir_str column = {NULL, 0};
    int64_t below = 0; /* rows of the schema that are of the same column */
    bool root = true;
    if (file->format != WEIR_FILE_PARQUET) {
        return 0;
    }
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql,
                  "SELECT name, coalesce(CAST(num_children AS BIGINT), 0), coalesce(precision"
                  ", 0) > 38 OR (coalesce(converted_type, '') = 'DECIMAL' AND coalesce("
                  "TRY_CAST(type_length AS BIGINT), 0) > 16), coalesce(type, '') = 'INT96' OR "
                  "coalesce(logical_type, '') LIKE '%isAdjustedToUTC=1%NANOS=N%' FROM "
                  "parquet_schema(");
    weir_sql_text(&sql, weir_str_of(reads(file)));
    weir_buf_addc(&sql, ')');
    int rc = check_path(file, err);
    rc = rc ? rc : weir_file_engine_ask(session, &sql, file, &result, err);
    file->top_count = 0;
    file->tops = calloc(WEIR_SOURCE_MAX_COLUMNS + 1, sizeof *file->tops);
    rc = rc || file->tops ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    while (rc == 0 && (rc = weir_file_engine_next(result, &b, file, err)) == 0 && b.rows) {
        for (size_t i = 0; rc == 0 && i < b.rows; i++) {
            if (!root && below == 0) {
                column = weir_arena_dup(&plan->arena, b.columns[0].strs[i]);
                file->tops[file->top_count] = column;
                file->top_count += file->top_count < WEIR_SOURCE_MAX_COLUMNS;
                below = 1;
            }
            below += root ? 0 : b.columns[1].ints[i] - 1;
            rc = root          ? 0
                 : !column.ptr ? weir_fail(err, WEIR_ENOMEM, "no memory for a plan")
                               : check_wide(&b, i, column, file, plan, err);
            root = false;
        }
    }
    struct weir_str *room = file->tops;
    file->tops = weir_arena_calloc(&plan->arena, (file->top_count + 1) * sizeof *file->tops);
    rc = rc || file->tops ? rc : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    if (rc == 0) {
        memcpy(file->tops, room, file->top_count * sizeof *file->tops);
    }
    free(room);
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

/* Has what `sql` asks for a row? The statement is taken. */
static int is_any(struct weir_session *session, const struct weir_file *file, struct weir_buf *sql,
                  bool *out, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    weir_buf_addz(sql, " LIMIT 1");
    int rc = weir_file_engine_ask(session, sql, file, &result, err);
    rc = rc ? rc : weir_file_engine_next(result, &b, file, err);
    *out = rc == 0 && b.rows;
    weir_result_free(result);
    weir_buf_free(sql);
    return rc;
}

/* An empty list has no rows that would be a column of their own. */
static int look_for_rows(struct weir_session *session, struct weir_file *file,
                         struct weir_error *err)
{
    struct weir_buf sql;
    bool any;
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql, "SELECT 1 FROM ");
    weir_file_engine_objects(&sql, file);
    int rc = is_any(session, file, &sql, &any, err);
    file->empty = rc == 0 && !any;
    return rc;
}

static int look_for_any(struct weir_session *session, struct weir_file *file,
                        struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    int rc = weir_file_engine_query(session, file, WEIR_FILE_COUNT, &result, err);
    rc = rc ? rc : weir_file_engine_next(result, &b, file, err);
    file->bare = rc == 0 && b.rows && b.columns[0].ints[0] == 0;
    weir_result_free(result);
    return rc;
}

/* Keys in the order in which they come first, which is that of the engine's columns. */
static int find_keys(struct weir_session *session, struct weir_file *file, struct weir_arena *arena,
                     struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch b;
    size_t n = 0;
    struct weir_str *keys = weir_arena_calloc(arena, (file->column_count + 1) * sizeof *keys);
    if (!file->renamed || !keys) {
        return keys ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
    }
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql, "SELECT k FROM (SELECT unnest(json_keys(json)) AS k, "
                        "unnest(range(len(json_keys(json)))) AS nth, r FROM (SELECT json, "
                        "row_number() OVER () AS r FROM ");
    weir_file_engine_objects(&sql, file);
    weir_buf_addz(&sql, ")) GROUP BY k ORDER BY min((r, nth))");
    int rc = weir_file_engine_ask(session, &sql, file, &result, err);
    while (rc == 0 && (rc = weir_file_engine_next(result, &b, file, err)) == 0 && b.rows) {
        for (size_t i = 0; rc == 0 && i < b.rows; i++, n++) {
            struct weir_str key = b.columns[0].strs[i];
            bool is = n < file->column_count && weir_str_starts(file->originals[n], key);
            if (is) {
                keys[n] = weir_arena_dup(arena, key);
                rc = keys[n].ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
            }
        }
    }
    for (size_t i = 0; rc == 0 && n == file->column_count && i < n; i++) {
        file->own[i].original = keys[i].ptr ? keys[i] : file->own[i].original;
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

int weir_file_engine_plan(struct weir_session *session, struct weir_file *file,
                          struct weir_source_plan *plan, struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    int rc = check_path(file, err);
    rc = rc || file->format == WEIR_FILE_PARQUET
             ? rc
             : weir_file_kinds_find(file, plan->stop, &plan->arena, err);
    weir_buf_init(&sql, 4u << 20);
    weir_buf_addz(&sql, "SELECT *");
    weir_file_engine_from(&sql, file, NULL);
    weir_buf_addz(&sql, " LIMIT 0");
    rc = rc ? rc : weir_file_engine_ask(session, &sql, file, &result, err);
    size_t count = rc ? 0 : weir_result_column_count(result);
    if (count == 1 && file->format != WEIR_FILE_PARQUET &&
        weir_str_is(weir_result_columns(result)[0].name, "json")) {
        rc = look_for_rows(session, file, err);
    }
    rc = rc || file->empty ? rc
                           : weir_file_engine_columns(session, file, weir_result_columns(result),
                                                      count, plan, err);
    rc = rc || file->empty                   ? rc
         : file->format == WEIR_FILE_PARQUET ? look_for_any(session, file, err)
                                             : find_keys(session, file, &plan->arena, err);
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}
