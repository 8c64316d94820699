/* Private to src/serve: rows on their way into the tables of schema `usage`. One thread at a time.
 */
#ifndef WEIR_SERVE_USAGE_SHEET_H
#define WEIR_SERVE_USAGE_SHEET_H

#include "base/map.h"
#include "serve/server.h"
#include "workspace/document.h"

#define WEIR_USAGE_SCHEMA  WEIR_SCHEMA_BY_NAME
#define WEIR_USAGE_COLUMNS 12 /* at most */

enum { WEIR_USAGE_OPENS, WEIR_USAGE_QUERIES, WEIR_USAGE_DAYS, WEIR_USAGE_SHEETS };

struct weir_usage_form {
    const char *table;
    const struct weir_column *columns;
    size_t count;
};
extern const struct weir_usage_form weir_usage_forms[WEIR_USAGE_SHEETS];

/* What ids are called now. */
struct weir_usage_names {
    struct weir_map people; /* id: struct weir_person * */
    struct weir_documents *documents;
};
int weir_usage_names_read(struct weir_usage_names *out, struct weir_server *server,
                          struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
void weir_usage_names_free(struct weir_usage_names *names); /* also of zeros */

/* Takes people who are gone out of all tables; `any` says that there were some. */
int weir_usage_forget_gone(struct weir_session *session, const struct weir_usage_names *names,
                           struct weir_arena *arena, bool *any,
                           struct weir_error *err) WEIR_MUST_CHECK;

/* Rows are gathered, and appended some thousands at a time. */
struct weir_usage_sheet {
    struct weir_session *session;
    const struct weir_usage_form *form;
    struct weir_vector vectors[WEIR_USAGE_COLUMNS];
    size_t rows, column; /* column: of the next value */
};
int weir_usage_sheet_begin(struct weir_usage_sheet *out, struct weir_session *session, int which,
                           struct weir_arena *arena, struct weir_error *err) WEIR_MUST_CHECK;
/* The next value of the row; its type is the column's. Texts must live until the flush; empty ones
 * are null. */
void weir_usage_sheet_null(struct weir_usage_sheet *sheet);
void weir_usage_sheet_int(struct weir_usage_sheet *sheet, int64_t value);
void weir_usage_sheet_ms(struct weir_usage_sheet *sheet, weir_time value);
void weir_usage_sheet_bool(struct weir_usage_sheet *sheet, bool value);
void weir_usage_sheet_text(struct weir_usage_sheet *sheet, struct weir_str value);
/* Two values each: what it is called, and its id. */
void weir_usage_sheet_person(struct weir_usage_sheet *sheet, const struct weir_usage_names *names,
                             struct weir_str id);
void weir_usage_sheet_report(struct weir_usage_sheet *sheet, const struct weir_usage_names *names,
                             struct weir_str id);
int weir_usage_sheet_end_row(struct weir_usage_sheet *sheet,
                             struct weir_error *err) WEIR_MUST_CHECK;
int weir_usage_sheet_flush(struct weir_usage_sheet *sheet, struct weir_error *err) WEIR_MUST_CHECK;

#endif
