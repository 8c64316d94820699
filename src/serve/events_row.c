/* The rows that one event became, as they are in the warehouse. */
#include <stdio.h>

#include "serve/events.h"

#define MAX_VALUE   2000
#define MAX_COLUMNS 2000

struct where {
    struct weir_session *session;
    struct weir_str schema;
    const struct weir_recent *event;
    struct weir_buf table; /* the event's own, told by its row in tracks */
};

static void print_value(struct weir_jw *w, const struct weir_vector *v)
{
    struct weir_buf text;
    weir_buf_init(&text, 256);
    switch (v->type) {
    case WEIR_TYPE_BOOL:
        weir_jw_bool(w, v->bools[0]);
        break;
    case WEIR_TYPE_INT:
        weir_buf_addf(&text, "%lld", (long long)v->ints[0]);
        weir_jw_str(w, weir_buf_str(&text)); /* as text: beyond 2^53 JSON readers round */
        break;
    case WEIR_TYPE_DOUBLE:
        weir_jw_double(w, v->doubles[0]);
        break;
    case WEIR_TYPE_TIMESTAMP:
        weir_time_print(&text, v->ints[0], 6);
        weir_jw_str(w, weir_buf_str(&text));
        break;
    case WEIR_TYPE_DATE:
        weir_time_print(&text, v->ints[0] * WEIR_DAY, 0);
        weir_jw_str(w, weir_utf8_cut(weir_buf_str(&text), 10));
        break;
    case WEIR_TYPE_TEXT:
    case WEIR_TYPE_JSON:
    case WEIR_TYPE_OTHER:
        weir_jw_str(w, weir_utf8_cut(v->strs[0], MAX_VALUE));
        break;
    }
    weir_buf_free(&text);
}

static void print_row(struct where *at, struct weir_str table, const struct weir_result *result,
                      const struct weir_batch *batch, struct weir_jw *w)
{
    const struct weir_column *columns = weir_result_columns(result);
    weir_jw_object(w);
    weir_buf_reset(&at->table);
    weir_buf_addf(&at->table, WEIR_STR_FMT "." WEIR_STR_FMT, WEIR_STR_ARG(at->schema),
                  WEIR_STR_ARG(table));
    weir_jw_kstr(w, "table", weir_buf_str(&at->table));
    weir_buf_reset(&at->table);
    weir_jw_keyz(w, "columns");
    weir_jw_array(w);
    for (size_t i = 0; i < batch->column_count && i < MAX_COLUMNS; i++) {
        const struct weir_vector *v = &batch->columns[i];
        if (!weir_vector_valid(v, 0)) {
            continue; /* most columns are other events' */
        }
        if (weir_str_is(columns[i].name, "event") && v->type == WEIR_TYPE_TEXT) {
            weir_buf_adds(&at->table, v->strs[0]);
        }
        weir_jw_object(w);
        weir_jw_kstr(w, "name", columns[i].name);
        weir_jw_kstr(w, "type", columns[i].type_name);
        weir_jw_keyz(w, "value");
        print_value(w, v);
        weir_jw_object_end(w);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

/* A table that is not there has no row. */
static int row_of(struct where *at, struct weir_str table, struct weir_jw *w,
                  struct weir_error *err)
{
    struct weir_result *result = NULL;
    struct weir_batch batch;
    struct weir_buf sql;
    const struct weir_param params[] = {{.type = WEIR_TYPE_TEXT, .s = at->event->message_id},
                                        {.type = WEIR_TYPE_TIMESTAMP, .i = at->event->received_at}};
    weir_buf_init(&sql, 8192);
    weir_buf_addz(&sql, "select * from ");
    weir_sql_table(&sql, at->schema, table);
    weir_buf_addz(&sql, " where id = $1 and received_at = $2 limit 1");
    int rc = weir_buf_check(&sql, "a table's name", err);
    rc = rc ? rc : weir_session_query(at->session, weir_buf_cstr(&sql), params, 2, &result, err);
    bool none = rc == WEIR_EINVAL || rc == WEIR_ENOENT;
    rc = rc ? rc : weir_result_next(result, &batch, err);
    if (rc == 0 && batch.rows) {
        print_row(at, table, result, &batch, w);
    }
    weir_result_free(result);
    weir_buf_free(&sql);
    return none ? 0 : rc;
}

int weir_events_print_rows(struct weir_server *server, const struct weir_recent *e,
                           struct weir_jw *w, struct weir_error *err)
{
    static const char *const tables[][2] = {{"track", "tracks"},   {"page", "pages"},
                                            {"screen", "screens"}, {"identify", "identifies"},
                                            {"group", "groups"},   {"alias", "aliases"}};
    struct where at = {.event = e};
    struct weir_buf schema, own;
    int rc = 0;
    weir_buf_init(&schema, 1024);
    weir_buf_init(&own, 4096);
    weir_buf_init(&at.table, 4096);
    weir_load_schema(e->source, &schema);
    at.schema = weir_buf_str(&schema);
    weir_jw_keyz(w, "rows");
    weir_jw_array(w);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && e->fate == WEIR_FATE_LOADED; i++) {
        if (weir_str_is(e->type, tables[i][0])) {
            rc = weir_session_new(server->warehouse, WEIR_SESSION_OWNER, &at.session, err);
            rc = rc ? rc : row_of(&at, weir_str_of(tables[i][1]), w, err);
        }
    }
    if (rc == 0 && at.table.len) {
        weir_buf_adds(&own, weir_buf_str(&at.table));
        rc = row_of(&at, weir_buf_str(&own), w, err);
    }
    weir_jw_array_end(w);
    weir_session_free(at.session);
    weir_buf_free(&schema);
    weir_buf_free(&own);
    weir_buf_free(&at.table);
    return rc;
}
