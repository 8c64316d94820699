#include "serve/usage_sheet.h"

#include "serve/history.h"
#include "serve/shelf.h"
#include "state/person.h"

#define ROWS 2000

#define TEXT_COLUMN(text)                                                                          \
    {                                                                                              \
        .name = {text, sizeof text - 1}, .type = WEIR_TYPE_TEXT                                    \
    }
#define COLUMN(text, kind)                                                                         \
    {                                                                                              \
        .name = {text, sizeof text - 1}, .type = kind                                              \
    }
#define WHOSE                                                                                      \
    TEXT_COLUMN("person"), TEXT_COLUMN("person_id"), TEXT_COLUMN("title"), TEXT_COLUMN("report")

static const struct weir_column opens[] = {COLUMN("at", WEIR_TYPE_TIMESTAMP), WHOSE};
static const struct weir_column queries[] = {COLUMN("id", WEIR_TYPE_INT),
                                             COLUMN("started_at", WEIR_TYPE_TIMESTAMP),
                                             WHOSE,
                                             TEXT_COLUMN("query"),
                                             COLUMN("ms", WEIR_TYPE_DOUBLE),
                                             COLUMN("rows", WEIR_TYPE_INT),
                                             COLUMN("truncated", WEIR_TYPE_BOOL),
                                             TEXT_COLUMN("error")};
static const struct weir_column days[] = {
    COLUMN("day", WEIR_TYPE_DATE),        WHOSE,
    COLUMN("opens", WEIR_TYPE_INT),       COLUMN("queries", WEIR_TYPE_INT),
    COLUMN("hits", WEIR_TYPE_INT),        COLUMN("failures", WEIR_TYPE_INT),
    COLUMN("engine_ms", WEIR_TYPE_DOUBLE)};
#define FORM(table, columns)                                                                       \
    {                                                                                              \
        table, columns, sizeof columns / sizeof columns[0]                                         \
    }
const struct weir_usage_form weir_usage_forms[WEIR_USAGE_SHEETS] = {
    [WEIR_USAGE_OPENS] = FORM("opens", opens),
    [WEIR_USAGE_QUERIES] = FORM("queries", queries),
    [WEIR_USAGE_DAYS] = FORM("days", days)};

/* --- names ---------------------------------------------------------------------------------- */

int weir_usage_names_read(struct weir_usage_names *out, struct weir_server *server,
                          struct weir_arena *arena, struct weir_error *err)
{
    struct weir_person *people;
    size_t count = 0;
    weir_map_init(&out->people);
    out->documents = weir_shelf_hold(server->shelf);
    int rc = weir_people_list(weir_history_state(server->history), arena, &people, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (weir_map_put(&out->people, people[i].id, &people[i])) {
            rc = weir_fail(err, WEIR_ENOMEM, "no memory for people's names");
        }
    }
    return rc;
}

void weir_usage_names_free(struct weir_usage_names *names)
{
    if (names->documents) {
        weir_map_free(&names->people);
        weir_documents_release(names->documents);
        names->documents = NULL;
    }
}

/* --- people who are gone -------------------------------------------------------------------- */

static int find_gone(struct weir_session *session, const struct weir_usage_names *names,
                     struct weir_arena *arena, struct weir_buf *list, struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    (void)arena;
    int rc = weir_session_query(session,
                                "select person_id from " WEIR_USAGE_SCHEMA
                                ".opens union select person_id from " WEIR_USAGE_SCHEMA
                                ".queries union select person_id from " WEIR_USAGE_SCHEMA ".days",
                                NULL, 0, &result, err);
    while (rc == 0 && (rc = weir_result_next(result, &batch, err)) == 0 && batch.rows) {
        for (size_t i = 0; i < batch.rows; i++) {
            struct weir_str id = batch.columns[0].strs[i];
            if (weir_vector_valid(&batch.columns[0], i) && !weir_str_is(id, WEIR_OWNER_ID) &&
                !weir_map_get(&names->people, id)) {
                weir_buf_addz(list, list->len ? ", " : "");
                weir_sql_text(list, id);
            }
        }
    }
    weir_result_free(result);
    return rc ? rc : weir_buf_check(list, "the list of people who are gone", err);
}

int weir_usage_forget_gone(struct weir_session *session, const struct weir_usage_names *names,
                           struct weir_arena *arena, bool *any, struct weir_error *err)
{
    struct weir_buf list, sql;
    weir_buf_init(&list, 16u << 20);
    weir_buf_init(&sql, 32u << 20);
    int rc = find_gone(session, names, arena, &list, err);
    *any = rc == 0 && list.len > 0;
    for (size_t i = 0; rc == 0 && *any && i < WEIR_USAGE_SHEETS; i++) {
        struct weir_str table = weir_str_of(weir_usage_forms[i].table);
        weir_buf_addz(&sql, "UPDATE ");
        weir_sql_table(&sql, WEIR_STR(WEIR_USAGE_SCHEMA), table);
        weir_buf_addf(&sql,
                      " SET person = NULL, person_id = NULL WHERE person_id IN (" WEIR_STR_FMT ")",
                      WEIR_STR_ARG(weir_buf_str(&list)));
        weir_session_touch(session, WEIR_STR(WEIR_USAGE_SCHEMA), table);
        rc = weir_session_exec_buf(session, &sql, err);
    }
    weir_buf_free(&list);
    weir_buf_free(&sql);
    return rc;
}

/* --- rows ----------------------------------------------------------------------------------- */

static void *values_for(struct weir_arena *arena, enum weir_type type)
{
    size_t size = type == WEIR_TYPE_BOOL     ? sizeof(bool)
                  : type == WEIR_TYPE_DOUBLE ? sizeof(double)
                  : type == WEIR_TYPE_TEXT   ? sizeof(struct weir_str)
                                             : sizeof(int64_t);
    return weir_arena_calloc(arena, ROWS * size);
}

int weir_usage_sheet_begin(struct weir_usage_sheet *out, struct weir_session *session, int which,
                           struct weir_arena *arena, struct weir_error *err)
{
    *out = (struct weir_usage_sheet){.session = session, .form = &weir_usage_forms[which]};
    for (size_t i = 0; i < out->form->count; i++) {
        struct weir_vector *v = &out->vectors[i];
        v->type = out->form->columns[i].type;
        v->valid = weir_arena_calloc(arena, (ROWS / 64 + 1) * sizeof *v->valid);
        v->ints = values_for(arena, v->type);
        if (!v->valid || !v->ints) {
            return weir_fail(err, WEIR_ENOMEM, "no memory for rows of usage");
        }
    }
    return 0;
}

static struct weir_vector *next(struct weir_usage_sheet *sheet)
{
    struct weir_vector *v = &sheet->vectors[sheet->column++];
    v->valid[sheet->rows / 64] |= UINT64_C(1) << (sheet->rows % 64);
    return v;
}

void weir_usage_sheet_null(struct weir_usage_sheet *sheet)
{
    sheet->column++;
}

void weir_usage_sheet_int(struct weir_usage_sheet *sheet, int64_t value)
{
    next(sheet)->ints[sheet->rows] = value;
}

void weir_usage_sheet_ms(struct weir_usage_sheet *sheet, weir_time value)
{
    next(sheet)->doubles[sheet->rows] = (double)value / 1000;
}

void weir_usage_sheet_bool(struct weir_usage_sheet *sheet, bool value)
{
    next(sheet)->bools[sheet->rows] = value;
}

void weir_usage_sheet_text(struct weir_usage_sheet *sheet, struct weir_str value)
{
    if (value.len == 0) {
        weir_usage_sheet_null(sheet);
    } else {
        next(sheet)->strs[sheet->rows] = value;
    }
}

void weir_usage_sheet_person(struct weir_usage_sheet *sheet, const struct weir_usage_names *names,
                             struct weir_str id)
{
    const struct weir_person *p = weir_map_get(&names->people, id);
    bool owner = weir_str_is(id, WEIR_OWNER_ID);
    weir_usage_sheet_text(sheet, p ? p->email : owner ? id : WEIR_STR(""));
    weir_usage_sheet_text(sheet, p || owner ? id : WEIR_STR(""));
}

void weir_usage_sheet_report(struct weir_usage_sheet *sheet, const struct weir_usage_names *names,
                             struct weir_str id)
{
    const struct weir_document *d =
        id.len ? weir_documents_find(names->documents, WEIR_DOCUMENT_REPORT, id) : NULL;
    weir_usage_sheet_text(sheet, weir_str_of(d ? d->title : ""));
    weir_usage_sheet_text(sheet, id);
}

int weir_usage_sheet_end_row(struct weir_usage_sheet *sheet, struct weir_error *err)
{
    sheet->column = 0;
    return ++sheet->rows == ROWS ? weir_usage_sheet_flush(sheet, err) : 0;
}

int weir_usage_sheet_flush(struct weir_usage_sheet *sheet, struct weir_error *err)
{
    const struct weir_usage_form *f = sheet->form;
    const struct weir_batch batch = {
        .rows = sheet->rows, .column_count = f->count, .columns = sheet->vectors};
    int rc = sheet->rows ? weir_session_append(sheet->session, WEIR_STR(WEIR_USAGE_SCHEMA),
                                               weir_str_of(f->table), f->columns, &batch, 1, err)
                         : 0;
    sheet->rows = 0;
    for (size_t i = 0; i < f->count; i++) {
        memset(sheet->vectors[i].valid, 0, (ROWS / 64 + 1) * sizeof *sheet->vectors[i].valid);
    }
    return rc;
}
