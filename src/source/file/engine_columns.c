/* What the engine finds the columns of a JSON or Parquet to be, as weir has them: where its type
 * says too little, values are looked at once more. */
#include "base/number.h"
#include "source/file/file.h"

static bool is_nanos(const struct weir_column *c)
{
    return weir_str_is(c->type_name, "TIMESTAMP_NS");
}

/* JSON's whole numbers, where some are negative and others are not. */
static bool is_huge(const struct weir_column *c)
{
    return weir_str_is(c->type_name, "HUGEINT");
}

/* Which of weir's types holds the values of an engine's type without loss. */
static enum weir_type type_of(const struct weir_column *c, struct weir_str *type_name)
{
    struct weir_str t = c->type_name;
    unsigned precision, scale;
    if (weir_str_ends(t, WEIR_STR("]")) || weir_str_starts(t, WEIR_STR("STRUCT(")) ||
        weir_str_starts(t, WEIR_STR("MAP("))) {
        return WEIR_TYPE_JSON;
    }
    if (is_nanos(c)) {
        return WEIR_TYPE_TEXT;
    }
    if (weir_str_starts(t, WEIR_STR("TIMESTAMP"))) {
        return WEIR_TYPE_TIMESTAMP;
    }
    *type_name = weir_str_is(t, "UBIGINT") || is_huge(c) ? WEIR_STR("DECIMAL(20,0)") : t;
    bool exact = weir_number_decimal(*type_name, &precision, &scale);
    return c->type == WEIR_TYPE_OTHER && !exact ? WEIR_TYPE_TEXT : c->type;
}

/* pandas writes each time with nanoseconds, which are zeros mostly: `whole` gets which columns have
 * no others, and so are times; and which have whole numbers that 64 bits hold. */
static int look_at_whole(struct weir_session *session, const struct weir_file *file,
                         const struct weir_column *columns, size_t count, bool *whole,
                         struct weir_error *err)
{
    struct weir_buf sql;
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    size_t asked = 0;
    weir_buf_init(&sql, 1u << 20);
    weir_buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        if (is_nanos(&columns[i]) || is_huge(&columns[i])) {
            weir_buf_addz(&sql, asked++ ? ", coalesce(bool_and(" : "coalesce(bool_and(");
            weir_buf_addz(&sql, is_huge(&columns[i]) ? "" : "epoch_ns(");
            weir_sql_ident(&sql, columns[i].name);
            weir_buf_addz(&sql, is_huge(&columns[i]) ? " <= 9223372036854775807), true)"
                                                     : ") % 1000 = 0), true)");
        }
    }
    weir_file_engine_from(&sql, file, NULL);
    int rc = asked ? weir_file_engine_ask(session, &sql, file, &result, err) : 0;
    rc = rc || !asked ? rc : weir_file_engine_next(result, &b, file, err);
    for (size_t i = 0, at = 0; rc == 0 && b.rows && i < count; i++) {
        bool is_asked = is_nanos(&columns[i]) || is_huge(&columns[i]);
        whole[i] = is_asked && b.columns[at++].bools[0];
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    return rc;
}

/* What is asked of columns in one reading of a file, as what they are read, of which rows. */
struct question {
    const char *before, *behind, *type;
    bool first;
};

/* Those that `is` names: is it so? Each is read as said, so that types are not found anew. */
static int ask_values(struct weir_session *session, const struct weir_file *file, size_t count,
                      const struct question *q, bool *is, struct weir_error *err)
{
    struct weir_buf sql, columns;
    struct weir_result *result = NULL;
    struct weir_batch b = {0};
    size_t asked = 0;
    weir_buf_init(&sql, 8u << 20);
    weir_buf_init(&columns, 4u << 20);
    weir_buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        if (is[i]) {
            weir_buf_addz(&sql, asked ? ", " : "");
            weir_buf_addz(&sql, q->before);
            weir_sql_ident(&sql, file->originals[i]);
            weir_buf_addz(&sql, q->behind);
            weir_buf_addz(&columns, asked++ ? ", " : "");
            weir_sql_ident(&columns, file->originals[i]);
            weir_buf_addz(&columns, q->type);
        }
    }
    weir_buf_addz(&sql, " FROM (SELECT * FROM ");
    weir_file_engine_typed(&sql, file);
    weir_buf_adds(&sql, weir_buf_str(&columns));
    weir_buf_addz(&sql, q->first ? "}) LIMIT 2048)" : "}))");
    int rc = asked ? weir_buf_check(&columns, "the columns of a file", err) : 0;
    rc = rc || !asked ? rc : weir_file_engine_ask(session, &sql, file, &result, err);
    rc = rc || !asked ? rc : weir_file_engine_next(result, &b, file, err);
    for (size_t i = 0, at = 0; rc == 0 && b.rows && i < count; i++) {
        is[i] = is[i] && b.columns[at++].bools[0];
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    weir_buf_free(&columns);
    return rc;
}

/* JSON is what the engine calls a column of objects, and one without a value, which is of any type.
 */
static int look_at_nulls(struct weir_session *session, struct weir_file *file,
                         const struct weir_column *columns, size_t count, bool *none,
                         struct weir_error *err)
{
    bool rows = count == 1 && weir_str_is(columns[0].name, "json"); /* they may be no objects */
    for (size_t i = 0; i < count; i++) {
        struct weir_str name = columns[i].name;
        none[i] = file->format != WEIR_FILE_PARQUET && columns[i].type == WEIR_TYPE_JSON && !rows &&
                  name.len && !memchr(name.ptr, 0, name.len) && !weir_file_name_is_made_up(file, i);
    }
    for (size_t i = 0; file->kinds && i < count; i++) {
        none[i] = file->kinds[i].none;
    }
    struct question q = {"count(", ") = 0", ": 'JSON'", true};
    int rc = file->kinds ? 0 : ask_values(session, file, count, &q, none, err);
    q.first = false;
    rc = rc || file->kinds ? rc : ask_values(session, file, count, &q, none, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        file->own[i].untyped = none[i];
        file->own[i].type = none[i] ? WEIR_TYPE_TEXT : file->own[i].type;
    }
    return rc;
}

/* Of texts among days and times that say no day the engine makes 1900-01-01: such a column is of
 * texts. */
static int look_at_days(struct weir_session *session, struct weir_file *file, size_t count,
                        bool *is, struct weir_error *err)
{
    const struct question q = {"coalesce(bool_or(regexp_matches(", ", '^\\s*-?[a-zA-Z]')), false)",
                               ": 'VARCHAR'", false};
    for (size_t i = 0; i < count; i++) {
        struct weir_str name = file->originals[i];
        enum weir_type type = file->own[i].type;
        is[i] = file->format != WEIR_FILE_PARQUET && !file->kinds &&
                (type == WEIR_TYPE_DATE || type == WEIR_TYPE_TIMESTAMP) && name.len &&
                !memchr(name.ptr, 0, name.len) && !weir_file_name_is_made_up(file, i);
    }
    int rc = ask_values(session, file, count, &q, is, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (is[i]) {
            file->own[i].type = WEIR_TYPE_TEXT;
            file->own[i].type_name = WEIR_STR("DATE");
        }
    }
    return rc;
}

/* Is some key perhaps none of the file's? Of two that differ by case alone, the engine calls the
 * second one "name_1", and one that is called so "name_1_1". */
static bool may_be_renamed(const struct weir_file *file)
{
    bool may = false;
    for (size_t i = 0; !may && i < file->column_count; i++) {
        struct weir_str base = weir_file_unnumbered(file->originals[i]);
        bool same = false, like = false;
        for (size_t k = 0; base.len && k < file->column_count; k++) {
            like = like || weir_str_eq_nocase(file->originals[k], base);
            same = same || weir_str_eq(file->originals[k], base);
        }
        may = like && !same;
    }
    return may;
}

int weir_file_engine_columns(struct weir_session *session, struct weir_file *file,
                             const struct weir_column *columns, size_t count,
                             struct weir_source_plan *plan, struct weir_error *err)
{
    bool *whole = weir_arena_calloc(&plan->arena, count + 1);
    bool *none = weir_arena_calloc(&plan->arena, count + 1);
    int rc = weir_file_room(file, count, &plan->arena, err);
    file->originals = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *file->originals);
    if (rc == 0 && (!whole || !none || !file->originals)) {
        rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
    }
    rc = rc ? rc : look_at_whole(session, file, columns, count, whole, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_str exact = WEIR_STR("");
        enum weir_type type = type_of(&columns[i], &exact);
        file->originals[i] = weir_arena_dup(&plan->arena, columns[i].name);
        file->own[i] =
            (struct weir_source_column){.original = file->originals[i],
                                        .type = !whole[i]              ? type
                                                : is_huge(&columns[i]) ? WEIR_TYPE_INT
                                                                       : WEIR_TYPE_TIMESTAMP,
                                        .type_name = weir_arena_dup(&plan->arena, exact)};
        rc = file->originals[i].ptr && file->own[i].type_name.ptr
                 ? 0
                 : weir_fail(err, WEIR_ENOMEM, "no memory for the columns");
    }
    file->renamed = rc == 0 && file->format != WEIR_FILE_PARQUET && may_be_renamed(file);
    rc = rc ? rc : look_at_nulls(session, file, columns, count, none, err);
    rc = rc ? rc : look_at_days(session, file, count, none, err);
    /* Of Parquet they are in its head. */
    for (size_t i = 0; rc == 0 && file->top_count == count && i < count; i++) {
        file->own[i].original = file->tops[i];
    }
    return rc;
}
