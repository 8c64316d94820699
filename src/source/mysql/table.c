#include <stdlib.h>

#include "csv/columns.h"
#include "source/mysql/mysql.h"

#define MAX_SQL (1u << 20)

/* The database's tables and views; `name` ptr NULL: all. */
static int ask_tables(struct weir_my *my, struct weir_str name, MYSQL_RES **out,
                      struct weir_error *err)
{
    struct weir_buf sql;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, "SELECT TABLE_NAME, DATA_LENGTH, TABLE_TYPE = 'VIEW', ENGINE = 'InnoDB', "
                        "TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    weir_sql_text(&sql, weir_str_of(my->settings->database));
    weir_buf_addz(&sql, " AND TABLE_TYPE IN ('BASE TABLE'");
    weir_buf_addz(&sql, my->settings->capture ? ")" : ", 'VIEW', 'SYSTEM VERSIONED')");
    if (name.ptr) {
        weir_buf_addz(&sql, " AND TABLE_NAME = ");
        weir_sql_text(&sql, name);
        weir_buf_addz(&sql, " AND BINARY TABLE_NAME = BINARY ");
        weir_sql_text(&sql, name);
    }
    weir_buf_addz(&sql, " ORDER BY TABLE_NAME");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), out, err);
    weir_buf_free(&sql);
    return rc;
}

int weir_my_tables(struct weir_my *my, struct weir_source_catalog *out, struct weir_error *err)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    int rc = ask_tables(my, (struct weir_str){NULL, 0}, &result, err);
    size_t count = rc ? 0 : (size_t)mysql_num_rows(result);
    out->streams = weir_arena_calloc(&out->arena, (count + 1) * sizeof *out->streams);
    if (rc == 0 && count == 0) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no table that \"%s\" may read in the database \"%s\"; check "
                       "`database`, or GRANT SELECT on its tables",
                       my->settings->user, my->settings->database);
    }
    while (rc == 0 && (row = weir_my_next(result, &lengths))) {
        struct weir_source_found *f = out->streams ? &out->streams[out->count] : NULL;
        int64_t bytes = 0, rows = 0;
        if (!f || !(f->name = weir_arena_dup(&out->arena, weir_my_cell(row, lengths, 0))).ptr) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for %zu streams", count);
            break;
        }
        if (row[1] && weir_str_to_i64(weir_my_cell(row, lengths, 1), &bytes) && bytes > 0) {
            f->bytes = (uint64_t)bytes;
        }
        if (row[4] && weir_str_to_i64(weir_my_cell(row, lengths, 4), &rows) && rows > 0) {
            f->rows = (uint64_t)rows;
        }
        out->count++;
    }
    mysql_free_result(result);
    return rc;
}

int weir_my_find(struct weir_my *my, const char *stream, struct weir_source_plan *plan,
                 struct weir_my_table **out, struct weir_error *err)
{
    struct weir_my_table *t = weir_arena_calloc(&plan->arena, sizeof *t);
    MYSQL_RES *found = NULL;
    unsigned long *lengths;
    *out = t;
    int rc = t ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    rc = rc ? rc : ask_tables(my, weir_str_of(stream), &found, err);
    MYSQL_ROW row = rc ? NULL : weir_my_next(found, &lengths);
    if (rc == 0 && !row) {
        rc = weir_fail(err, WEIR_ENOENT,
                       "there is no table or view \"%s\" in the database \"%s\"; `weir source "
                       "discover` shows those that there are",
                       stream, my->settings->database);
    }
    if (rc == 0) {
        int64_t bytes = 0, rows = 0;
        t->plan = plan;
        t->name = weir_arena_dup(&plan->arena, weir_my_cell(row, lengths, 0));
        t->view = row[2] && *row[2] == '1';
        t->snapshot = row[3] && *row[3] == '1';
        t->condition = WEIR_STR("");
        if (row[1] && weir_str_to_i64(weir_my_cell(row, lengths, 1), &bytes) && bytes > 0) {
            t->bytes = (uint64_t)bytes;
        }
        if (row[4] && weir_str_to_i64(weir_my_cell(row, lengths, 4), &rows) && rows > 0) {
            t->row_bytes = t->bytes / (uint64_t)rows;
        }
        rc = t->name.ptr ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a plan");
    }
    mysql_free_result(found);
    return rc;
}

/* --- columns ------------------------------------------------------------------------------------
 */

void weir_my_where(struct weir_buf *sql, const struct weir_my *my, const char *schema,
                   struct weir_str table)
{
    weir_buf_addf(sql, " WHERE %s = ", schema);
    weir_sql_text(sql, weir_str_of(my->settings->database));
    weir_buf_addz(sql, " AND TABLE_NAME = ");
    weir_sql_text(sql, table);
    weir_buf_addz(sql, " AND BINARY TABLE_NAME = BINARY ");
    weir_sql_text(sql, table);
}

/* MariaDB's JSON is a longtext with a check. */
static int find_json(struct weir_my *my, struct weir_my_table *t, struct weir_error *err)
{
    struct weir_buf sql;
    MYSQL_RES *found = NULL;
    MYSQL_ROW row;
    unsigned long *lengths;
    if (!my->mariadb || t->view) {
        return 0;
    }
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, "SELECT CONSTRAINT_NAME, CHECK_CLAUSE IN (CONCAT('json_valid(`', "
                        "REPLACE(CONSTRAINT_NAME, '`', '``'), '`)'), CONCAT('json_valid(\"', "
                        "REPLACE(CONSTRAINT_NAME, '\"', '\"\"'), '\")')) FROM "
                        "information_schema.CHECK_CONSTRAINTS");
    weir_my_where(&sql, my, "CONSTRAINT_SCHEMA", t->name);
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &found, err);
    while (rc == 0 && (row = weir_my_next(found, &lengths))) {
        for (size_t i = 0; row[1] && *row[1] == '1' && i < t->column_count; i++) {
            struct weir_my_column *c = &t->columns[i];
            bool same = weir_str_eq(c->name, weir_my_cell(row, lengths, 0));
            c->form = same && c->form == WEIR_MY_TEXT ? WEIR_MY_JSON : c->form;
        }
    }
    mysql_free_result(found);
    weir_buf_free(&sql);
    return rc;
}

static int read_columns(struct weir_my_table *t, MYSQL_RES *result, struct weir_arena *arena,
                        struct weir_error *err)
{
    MYSQL_ROW row;
    unsigned long *lengths;
    size_t count = (size_t)mysql_num_rows(result);
    t->columns = weir_arena_calloc(arena, (count + 1) * sizeof *t->columns);
    while (t->columns && (row = weir_my_next(result, &lengths))) {
        struct weir_my_column *c = &t->columns[t->column_count++];
        struct weir_str charset = weir_my_cell(row, lengths, 3);
        c->name = weir_arena_dup(arena, weir_my_cell(row, lengths, 0));
        c->declared = weir_arena_dup(arena, weir_my_cell(row, lengths, 2));
        c->form = weir_my_form_of(weir_my_cell(row, lengths, 1), c->declared);
        c->vector = weir_str_is(weir_my_cell(row, lengths, 1), "vector");
        c->utf8 = charset.ptr &&
                  (weir_str_starts(charset, WEIR_STR("utf8")) || weir_str_is(charset, "ascii"));
        c->latin1 = charset.ptr && weir_str_is(charset, "latin1");
        c->index = SIZE_MAX;
        if (!c->name.ptr || !c->declared.ptr) {
            break;
        }
    }
    return t->columns && t->column_count == count
               ? 0
               : weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
}

static int add_columns(struct weir_my_table *t, struct weir_source_plan *plan,
                       struct weir_error *err)
{
    size_t count = t->column_count;
    struct weir_column *named = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *named);
    struct weir_str *names = weir_arena_calloc(&plan->arena, (count + 1) * sizeof *names);
    if (!named || !names) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for %zu columns", count);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = t->columns[i].name;
    }
    int rc = weir_csv_name_columns(&plan->arena, names, count, named, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct weir_source_column c = {.name = named[i].name, .original = names[i]};
        rc = weir_my_type_of(t->columns[i].form, t->columns[i].declared, &plan->arena, &c, err);
        t->columns[i].type_name = c.type_name;
        if (rc == 0 && weir_source_column_reserved(c.name)) {
            return weir_fail(err, WEIR_EINVAL,
                             "the column \"" WEIR_STR_FMT "\" has a name that weir keeps for its "
                             "own; read a view that names it otherwise",
                             WEIR_STR_ARG(c.original));
        }
        if (rc == 0 && !weir_source_plan_leaves_out(plan, c.name, c.original) &&
            !weir_source_plan_column(plan, &c, &t->columns[i].index)) {
            rc = weir_fail(err, WEIR_ETOOBIG, "no memory for %zu columns", count);
        }
    }
    return rc || plan->column_count ? rc
                                    : weir_fail(err, WEIR_EINVAL, "no column is left to be read");
}

int weir_my_columns(struct weir_my *my, struct weir_my_table *t, struct weir_source_plan *plan,
                    struct weir_error *err)
{
    struct weir_buf sql;
    MYSQL_RES *columns = NULL;
    weir_buf_init(&sql, MAX_SQL);
    weir_buf_addz(&sql, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME FROM "
                        "information_schema.COLUMNS");
    weir_my_where(&sql, my, "TABLE_SCHEMA", t->name);
    weir_buf_addz(&sql, " ORDER BY ORDINAL_POSITION");
    int rc = weir_buf_check(&sql, "a statement", err);
    rc = rc ? rc : weir_my_ask(my, my->con, weir_buf_str(&sql), &columns, err);
    rc = rc ? rc : read_columns(t, columns, &plan->arena, err);
    mysql_free_result(columns);
    weir_buf_free(&sql);
    rc = rc ? rc : find_json(my, t, err);
    return rc ? rc : add_columns(t, plan, err);
}

const struct weir_my_column *weir_my_column_of(const struct weir_my_table *table, size_t index)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].index == index) {
            return &table->columns[i];
        }
    }
    return NULL;
}
