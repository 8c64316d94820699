#include "serve/views.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/template.h"
#include "serve/views_read.h"

#define MAX_VIEWS 5000

struct weir_views {
    struct weir_server *server;
    struct weir_stored *stored;
    bool changed;         /* the documents did */
    uint64_t version;     /* of the catalog, when all was well with it */
    bool complained;      /* the last sync failed, and said so */
    pthread_mutex_t lock; /* guards the rest; only the documents' thread writes it */
    struct weir_view *list;
    size_t count;
};

int weir_views_new(struct weir_server *server, struct weir_views **out, struct weir_error *err)
{
    struct weir_views *v = *out = calloc(1, sizeof *v);
    if (!v) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the views");
    }
    v->server = server;
    v->changed = true;
    pthread_mutex_init(&v->lock, NULL);
    return weir_stored_new(server, &v->stored, err);
}

static void free_list(struct weir_view *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].sql);
    }
    free(list);
}

void weir_views_free(struct weir_views *v)
{
    if (v) {
        free_list(v->list, v->count);
        weir_stored_free(v->stored);
        pthread_mutex_destroy(&v->lock);
        free(v);
    }
}

void weir_views_stop(struct weir_views *v)
{
    if (v) {
        weir_stored_stop(v->stored);
    }
}

struct weir_stored *weir_views_stored(struct weir_views *v)
{
    return v->stored;
}

void weir_views_changed(struct weir_views *v)
{
    v->changed = true;
}

/* --- compiling -------------------------------------------------------------------------------- */

static void name_parameters(struct weir_view *view, const struct weir_param_output *out)
{
    char why[300];
    struct weir_str first = out->field_count   ? out->fields[0].name
                            : out->bound_count ? out->bound[0].name
                                               : WEIR_STR("");
    snprintf(why, sizeof why,
             "it has parameters (%.*s), and a view of the warehouse has no values; read it by "
             "[%s as v]",
             (int)(first.len < 100 ? first.len : 100), first.ptr, view->name);
    weir_view_keep_out(view, false, why);
}

static int compile(struct weir_views *v, const struct weir_document *d, struct weir_view *out,
                   struct weir_error *err)
{
    const struct weir_server *s = v->server;
    struct weir_template_site site = {.workspace = s->run->workspace,
                                      .warehouse = s->warehouse,
                                      .zone = s->query_settings.time_zone,
                                      .ask = true};
    struct weir_template t;
    struct weir_error why;
    int rc = 0;
    snprintf(out->name, sizeof out->name, "%s", d->key);
    out->state.known = true;
    if (!d->usable || !weir_document_name_ok(weir_str_of(d->key))) {
        weir_view_keep_out(out, false, d->error ? d->error : "its name is none for a view");
        return 0;
    }
    int code = weir_template_compile(&site, d->sql, (struct weir_json){0}, NULL, 0, &t, &why);
    if (code == WEIR_EFATAL || code == WEIR_ENOMEM) {
        rc = weir_fail(err, code, "%s", why.message);
    } else if (code) {
        weir_view_keep_out(out, true, why.message);
    } else if (t.out.bound_count || t.out.field_count) {
        name_parameters(out, &t.out);
    } else {
        out->sql = strdup(t.out.sql.ptr);
        out->materialized = d->materialized;
        rc = out->sql ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for a view");
    }
    weir_template_free(&t);
    return rc;
}

static int compile_all(struct weir_views *v, const struct weir_documents *documents,
                       struct weir_view **list, size_t *count, struct weir_error *err)
{
    int rc = 0;
    *count = 0;
    *list = calloc(documents->count + 1, sizeof **list);
    if (!*list) {
        return weir_fail(err, WEIR_ENOMEM, "no memory for the views");
    }
    for (size_t i = 0; rc == 0 && i < documents->count && *count < MAX_VIEWS; i++) {
        if (documents->items[i]->kind == WEIR_DOCUMENT_VIEW) {
            rc = compile(v, documents->items[i], &(*list)[(*count)++], err);
        }
    }
    return rc;
}

/* --- the warehouse ---------------------------------------------------------------------------- */

static struct weir_str schema(void)
{
    return weir_str_of(WEIR_VIEWS_SCHEMA);
}

static int drop_all(struct weir_session *session, struct weir_error *err)
{
    struct weir_arena arena;
    struct weir_table *tables;
    size_t count = 0;
    weir_arena_init(&arena, 256u << 20);
    int rc = weir_session_describe(session, &arena, &tables, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (tables[i].view && weir_str_eq(tables[i].schema, schema())) {
            rc = weir_session_drop_view(session, schema(), tables[i].name, err);
        }
    }
    weir_arena_free(&arena);
    return rc;
}

bool weir_views_is_its_own(int code)
{
    return code == WEIR_EINVAL || code == WEIR_ENOENT || code == WEIR_EPERM ||
           code == WEIR_EEXIST || code == WEIR_ETOOBIG || code == WEIR_EUNSUPPORTED;
}

/* Rows that were made by this very text are read by its name, whatever has become of the tables. */
static int show_rows(struct weir_session *session, struct weir_view *view, struct weir_error *err)
{
    int rc = weir_session_stored_show(session, schema(), weir_str_of(view->name), err);
    view->state.warehouse = rc == 0;
    view->state.reason[0] = 0;
    return rc;
}

static int create_one(struct weir_session *session, struct weir_view *view, struct weir_error *err)
{
    struct weir_str name = weir_str_of(view->name);
    int rc = weir_session_create_view(session, schema(), name, view->sql, err);
    if (rc) {
        return rc;
    }
    view->state.warehouse = view->binds = true;
    view->state.reason[0] = view->unable[0] = 0;
    if (!view->materialized) {
        return 0;
    }
    rc = weir_session_stored_text(session, schema(), name, view->sql, err);
    if (rc && weir_views_is_its_own(rc)) {
        snprintf(view->unable, sizeof view->unable, "%.500s (write views.NAME for other views)",
                 err->message);
        return 0;
    }
    return rc || !view->rows ? rc : show_rows(session, view, err);
}

/* Whoever can be made is made, until nobody more can: so each comes after those that it reads. */
static int create_all(struct weir_session *session, struct weir_view *list, size_t count,
                      struct weir_error *err)
{
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < count; i++) {
            struct weir_view *view = &list[i];
            if (!view->sql || view->state.warehouse) {
                continue;
            }
            int rc = create_one(session, view, err);
            if (rc == 0) {
                again = true;
            } else if (weir_views_is_its_own(rc)) {
                weir_view_keep_out(view, true, err->message);
            } else {
                return rc;
            }
        }
        for (size_t i = 0; !again && i < count; i++) { /* the last good rows, of what fails now */
            struct weir_view *view = &list[i];
            if (view->rows && !view->state.warehouse) {
                snprintf(view->unable, sizeof view->unable, "%s", view->state.reason);
                int rc = show_rows(session, view, err);
                if (rc) {
                    return rc;
                }
                again = true;
            }
        }
    }
    return 0;
}

/* Rows of views that are gone, or are others now, go; the others' views are told. */
static int sort_rows(struct weir_session *session, struct weir_view *list, size_t count,
                     struct weir_arena *arena, struct weir_error *err)
{
    struct weir_stored_view *stored;
    size_t stored_count = 0;
    int rc = weir_session_stored_views(session, arena, &stored, &stored_count, err);
    for (size_t i = 0; rc == 0 && i < stored_count; i++) {
        struct weir_view *of = NULL;
        for (size_t k = 0; k < count && !of; k++) {
            of =
                list[k].materialized && weir_str_is(stored[i].view, list[k].name) ? &list[k] : NULL;
        }
        if (of && weir_str_starts(stored[i].note, weir_str_of(of->text.hex))) {
            of->rows = &stored[i];
        } else {
            rc = weir_session_stored_drop(session, stored[i].schema, stored[i].view, err);
        }
    }
    return rc;
}

static int rebuild(struct weir_session *session, struct weir_view *list, size_t count,
                   struct weir_arena *arena, struct weir_error *err)
{
    int rc = weir_session_begin(session, err);
    if (rc) {
        return rc;
    }
    rc = weir_session_create_schema(session, schema(), err);
    rc = rc ? rc : drop_all(session, err);
    rc = rc ? rc : sort_rows(session, list, count, arena, err);
    rc = rc ? rc : create_all(session, list, count, err);
    if (rc) {
        weir_session_rollback(session);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i].sql && !list[i].state.warehouse) {
            weir_view_explain(list, count, i);
        }
    }
    return weir_session_commit(session, err);
}

/* Tables changed: do all views that are in still bind, and those that are not still not? Binding a
 * view brings its columns in the catalog up to date, too. */
static bool still_fits(struct weir_session *session, const struct weir_view *list, size_t count)
{
    char sql[128];
    struct weir_error ignored;
    for (size_t i = 0; i < count; i++) {
        const struct weir_view *view = &list[i];
        if (!view->sql) {
            continue;
        }
        snprintf(sql, sizeof sql, "FROM %s.%s", WEIR_VIEWS_SCHEMA, view->name);
        int rc = weir_session_binds(session, view->state.warehouse ? sql : view->sql, &ignored);
        if ((rc == 0) != view->state.warehouse) {
            return false;
        }
        if (view->materialized && view->state.warehouse &&
            (weir_session_binds(session, view->sql, &ignored) == 0) != view->binds) {
            return false;
        }
    }
    return true;
}

/* --- bringing up to date -----------------------------------------------------------------------
 */

static bool same(const struct weir_view *a, size_t a_count, const struct weir_view *b,
                 size_t b_count)
{
    bool yes = a && a_count == b_count;
    for (size_t i = 0; yes && i < a_count; i++) {
        yes = strcmp(a[i].name, b[i].name) == 0 && !a[i].sql == !b[i].sql &&
              a[i].materialized == b[i].materialized &&
              (a[i].sql ? strcmp(a[i].sql, b[i].sql) == 0
                        : strcmp(a[i].state.reason, b[i].state.reason) == 0);
    }
    return yes;
}

static void log_changes(const struct weir_views *v, const struct weir_view *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct weir_view *old = NULL;
        for (size_t k = 0; k < v->count && !old; k++) {
            old = strcmp(v->list[k].name, list[i].name) == 0 ? &v->list[k] : NULL;
        }
        if (!list[i].state.warehouse &&
            (!old || strcmp(old->state.reason, list[i].state.reason) != 0)) {
            weir_log(v->server->log, WEIR_LOG_INFO, "a view is not in the warehouse", "view",
                     list[i].name, "reason", list[i].state.reason);
        } else if (list[i].state.warehouse && (!old || !old->state.warehouse)) {
            weir_log(v->server->log, WEIR_LOG_INFO, "a view is in the warehouse", "view",
                     list[i].name);
        }
    }
}

/* What is computed from now on. */
static int tell_stored(struct weir_views *v, const struct weir_view *list, size_t count,
                       struct weir_error *err)
{
    struct weir_stored_item *items = calloc(count + 1, sizeof *items);
    size_t n = 0;
    for (size_t i = 0; items && i < count; i++) {
        if (list[i].sql) {
            items[n++] = (struct weir_stored_item){.name = list[i].name,
                                                   .sql = list[i].sql,
                                                   .text = list[i].text,
                                                   .materialized = list[i].materialized,
                                                   .why_not = !list[i].materialized ? NULL
                                                              : *list[i].unable     ? list[i].unable
                                                              : !list[i].state.warehouse
                                                                  ? list[i].state.reason
                                                                  : NULL,
                                                   .rows = list[i].rows};
        }
    }
    int rc = items ? weir_stored_set(v->stored, items, n, err)
                   : weir_fail(err, WEIR_ENOMEM, "no memory for the materialized views");
    free(items);
    return rc;
}

static void replace(struct weir_views *v, struct weir_view *list, size_t count)
{
    log_changes(v, list, count);
    pthread_mutex_lock(&v->lock);
    struct weir_view *old = v->list;
    size_t old_count = v->count;
    v->list = list;
    v->count = count;
    pthread_mutex_unlock(&v->lock);
    free_list(old, old_count);
}

static int sync_with(struct weir_views *v, struct weir_session *session,
                     const struct weir_documents *documents, struct weir_error *err)
{
    struct weir_view *list;
    struct weir_arena arena;
    size_t count;
    int rc = compile_all(v, documents, &list, &count, err);
    if (rc == 0 && same(v->list, v->count, list, count) && still_fits(session, v->list, v->count)) {
        free_list(list, count);
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = list[i].sql ? weir_view_find_text(list, count, i, err) : 0;
    }
    weir_arena_init(&arena, 64u << 20);
    weir_stored_hold(v->stored);
    rc = rc || (count == 0 && v->list && v->count == 0)
             ? rc
             : rebuild(session, list, count, &arena, err);
    rc = rc ? rc : tell_stored(v, list, count, err);
    weir_stored_give_back(v->stored);
    for (size_t i = 0; i < count; i++) { /* they end with the arena */
        list[i].rows = NULL;
    }
    weir_arena_free(&arena);
    if (rc) {
        free_list(list, count);
    } else {
        replace(v, list, count);
    }
    return rc;
}

void weir_views_sync(struct weir_views *v, const struct weir_documents *documents)
{
    struct weir_session *session = NULL;
    struct weir_error err;
    uint64_t version = weir_warehouse_catalog_version(v->server->warehouse);
    if (!v->changed && version == v->version) {
        return;
    }
    int rc = weir_session_new(v->server->warehouse, WEIR_SESSION_OWNER, &session, &err);
    rc = rc ? rc : sync_with(v, session, documents, &err);
    weir_session_free(session);
    /* Its own changes count too: the next look finds nothing to do. */
    v->version = version;
    v->changed = rc != 0;
    if (rc && !v->complained) {
        weir_log(v->server->log, WEIR_LOG_WARN, "the views cannot be brought into the warehouse",
                 "error", err.message);
    }
    v->complained = rc != 0;
}

/* --- telling ------------------------------------------------------------------------------------
 */

static void state_of(struct weir_views *v, const char *name, struct weir_view_state *out)
{
    *out = (struct weir_view_state){.reason = "it was not looked at yet"};
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->list[i].name, name) == 0) {
            *out = v->list[i].state;
        }
    }
    pthread_mutex_unlock(&v->lock);
}

void weir_views_print(struct weir_views *v, const char *name, bool sees_all, struct weir_jw *w)
{
    struct weir_view_state state;
    state_of(v, name, &state);
    bool told = sees_all || !(state.warehouse || state.of_engine);
    weir_jw_keyz(w, "warehouse");
    if (told) {
        weir_jw_bool(w, state.warehouse);
    } else {
        weir_jw_null(w);
    }
    weir_jw_kstr_or_null(w, "reason", weir_str_of(told && !state.warehouse ? state.reason : ""));
}

void weir_views_explain(struct weir_views *v, const struct weir_access *access, const char *sql,
                        struct weir_error *err)
{
    char missing[100];
    if (access) {
        return;
    }
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < v->count; i++) {
        const struct weir_view *view = &v->list[i];
        snprintf(missing, sizeof missing, "Table with name %s does not exist", view->name);
        if (!view->state.warehouse && strcasestr(err->message, missing) &&
            weir_view_is_read(sql, view->name)) {
            (void)weir_fail(err, err->code, "views.%s is not in the warehouse: %s", view->name,
                            view->state.reason);
            break;
        }
    }
    pthread_mutex_unlock(&v->lock);
}
