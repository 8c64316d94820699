/* GET /api/schema: the tables and their columns; GET /api/functions: what SQL may call. Asking the
 * engine can take long, so a thread does it. */
#include <stdlib.h>

#include "serve/server.h"
#include "serve/source.h"
#include "source/define/catalog.h"

struct ask {
    struct weir_call call;
    atomic_bool gone; /* nobody waits for the answer */
    int (*print)(struct ask *ask, struct weir_session *session, struct weir_arena *arena);
    struct weir_arena arena;    /* of the access */
    struct weir_access *access; /* NULL: everything is seen */
    struct weir_buf body;
    int code;
    struct weir_error err;
};

static void print_column(struct weir_jw *w, const struct weir_column *c)
{
    weir_jw_object(w);
    weir_jw_kstr(w, "name", c->name);
    weir_jw_kstrz(w, "type", weir_type_name(c->type));
    weir_jw_kstr(w, "engine_type", c->type_name);
    weir_jw_object_end(w);
}

static void print_table(struct weir_jw *w, const struct ask *a, const struct weir_table *t)
{
    const struct weir_access *access = a->access;
    /* When rows came is itself a fact about rows that may be hidden. */
    bool all_rows = !access || weir_access_all_rows(access, t->schema, t->name);
    weir_time fresh_at =
        weir_warehouse_version_of(a->call.server->warehouse, t->schema, t->name).changed_at;
    weir_jw_object(w);
    weir_jw_kstr(w, "schema", t->schema);
    weir_jw_kstr(w, "name", t->name);
    weir_jw_kbool(w, "view", t->view);
    weir_jw_keyz(w, "rows");
    if (t->view || t->estimated_rows < 0) {
        weir_jw_null(w);
    } else {
        weir_jw_i64(w, t->estimated_rows);
    }
    weir_jw_ktime_or_null(w, "fresh_at", all_rows ? fresh_at : 0);
    weir_jw_keyz(w, "columns");
    weir_jw_array(w);
    for (size_t i = 0; i < t->column_count; i++) {
        print_column(w, &t->columns[i]);
    }
    weir_jw_array_end(w);
    weir_jw_object_end(w);
}

static bool is_of_source(const struct weir_table *t)
{
    for (size_t i = 0; !t->view && t->estimated_rows >= 0 && i < t->column_count; i++) {
        if (weir_str_is(t->columns[i].name, WEIR_SOURCE_RUN)) {
            return true;
        }
    }
    return false;
}

/* Of tables that sources load the engine's estimate counts rows that an update or a delete left
 * behind, for as long as they lie there. What cannot be counted has the estimate. */
static void count_rows(struct ask *a, struct weir_arena *arena, struct weir_table *tables,
                       size_t count)
{
    struct weir_source_runs *runs = a->call.server->source_runs;
    struct weir_source_standing *items = weir_arena_calloc(arena, (count + 1) * sizeof *items);
    struct weir_session *session = NULL;
    struct weir_error ignored;
    size_t n = 0;
    for (size_t i = 0; runs && items && i < count; i++) {
        if (is_of_source(&tables[i])) {
            items[n++] =
                (struct weir_source_standing){.schema = tables[i].schema, .table = tables[i].name};
        }
    }
    bool counted =
        n &&
        weir_session_new(a->call.server->warehouse, WEIR_SESSION_OWNER, &session, &ignored) == 0 &&
        weir_source_counts_take(weir_source_runs_counts(runs), a->call.server->warehouse, session,
                                items, n, &ignored) == 0;
    weir_session_free(session);
    n = 0;
    for (size_t i = 0; counted && i < count; i++) {
        if (is_of_source(&tables[i])) {
            int64_t rows = items[n++].rows;
            tables[i].estimated_rows = rows < 0 ? tables[i].estimated_rows : rows;
        }
    }
}

static int print_tables(struct ask *a, struct weir_session *session, struct weir_arena *arena)
{
    struct weir_table *tables;
    size_t count;
    int rc = weir_session_describe(session, arena, &tables, &count, &a->err);
    if (rc == 0) {
        count_rows(a, arena, tables, count);
        struct weir_jw w = weir_jw_on(&a->body);
        weir_jw_object(&w);
        weir_jw_keyz(&w, "tables");
        weir_jw_array(&w);
        for (size_t i = 0; i < count; i++) {
            if (!weir_access_on_its_way(tables[i].name)) {
                print_table(&w, a, &tables[i]);
            }
        }
        weir_jw_array_end(&w);
        weir_jw_object_end(&w);
    }
    return rc;
}

static int print_functions(struct ask *a, struct weir_session *session, struct weir_arena *arena)
{
    struct weir_function *functions;
    size_t count;
    int rc = weir_session_functions(session, arena, &functions, &count, &a->err);
    if (rc == 0) {
        struct weir_jw w = weir_jw_on(&a->body);
        weir_jw_object(&w);
        weir_jw_keyz(&w, "functions");
        weir_jw_array(&w);
        for (size_t i = 0; i < count; i++) {
            const struct weir_function *f = &functions[i];
            weir_jw_object(&w);
            weir_jw_kstr(&w, "name", f->name);
            weir_jw_kstr(&w, "arguments", f->arguments);
            weir_jw_kstr(&w, "about", f->about);
            weir_jw_kbool(&w, "table", f->table);
            weir_jw_object_end(&w);
        }
        weir_jw_array_end(&w);
        weir_jw_object_end(&w);
    }
    return rc;
}

static int look(struct ask *a)
{
    struct weir_arena arena;
    struct weir_session *session;
    int rc = weir_session_new(a->call.server->warehouse, WEIR_SESSION_READER, &session, &a->err);
    if (rc) {
        return rc;
    }
    weir_arena_init(&arena, 256u << 20);
    /* A grant on a view shows of it what she sees of what it reads. */
    rc = weir_session_set_access(session, a->access, &a->err);
    rc = rc ? rc : a->print(a, session, &arena);
    weir_buf_addc(&a->body, '\n');
    weir_arena_free(&arena);
    weir_session_free(session);
    return rc;
}

static void answer(void *arg)
{
    struct ask *a = arg;
    weir_http_on_gone(a->call.req, NULL, NULL);
    if (a->code) {
        weir_serve_reply_error(&a->call, &a->err);
    } else {
        weir_serve_reply_json(&a->call, 200, &a->body);
    }
    weir_buf_free(&a->body);
    weir_arena_free(&a->arena);
    free(a);
}

static void work(void *arg)
{
    struct ask *a = arg;
    struct weir_server *server = a->call.server;
    if (atomic_load(&a->gone) || atomic_load(&server->stopping)) {
        a->code = weir_fail(&a->err, WEIR_EBUSY, "the server stops");
    } else {
        a->code = look(a);
    }
    if (a->code == WEIR_EFATAL) {
        a->code = weir_fail(&a->err, WEIR_EBUSY, "the warehouse is being reopened; try again");
    }
    if (weir_loop_post(server->loop, answer, a)) {
        abort(); /* no memory for a few bytes; the request would never be answered */
    }
}

static void client_gone(void *arg)
{
    struct ask *a = arg;
    atomic_store(&a->gone, true);
}

static void start(const struct weir_call *call,
                  int (*print)(struct ask *ask, struct weir_session *session,
                               struct weir_arena *arena))
{
    struct weir_error err;
    struct ask *a = calloc(1, sizeof *a);
    if (!a) {
        weir_fail(&err, WEIR_ENOMEM, "no memory for a request");
        weir_serve_reply_error(call, &err);
        return;
    }
    a->call = *call;
    a->print = print;
    weir_buf_init(&a->body, 512u << 20);
    weir_arena_init(&a->arena, 64u << 20);
    weir_http_on_gone(call->req, client_gone, a);
    int rc = weir_caller_access(call->server->state, &call->who, &a->arena, &a->access, &a->err);
    rc = rc ? rc : weir_work_add(call->server->catalog, work, a, &a->err);
    if (rc) { /* else it is the worker's from here on */
        a->code = rc;
        answer(a);
    }
}

void weir_serve_schema(const struct weir_call *call)
{
    start(call, print_tables);
}

void weir_serve_functions(const struct weir_call *call)
{
    start(call, print_functions);
}
