/* Which handler answers what, and who may ask. */
#include "serve/route.h"

#define GET    WEIR_HTTP_GET
#define POST   WEIR_HTTP_POST
#define PUT    WEIR_HTTP_PUT
#define PATCH  WEIR_HTTP_PATCH
#define DELETE WEIR_HTTP_DELETE

#define ANYBODY WEIR_WHO_ANYBODY
#define PERSON  WEIR_WHO_PERSON
#define EDITOR  WEIR_WHO_EDITOR
#define ADMIN   WEIR_WHO_ADMIN

#define QUERY       WEIR_SCOPE_QUERY
#define READ        WEIR_SCOPE_READ
#define WRITE       WEIR_SCOPE_WRITE
#define ADMIN_SCOPE WEIR_SCOPE_ADMIN

static const struct weir_serve_route routes[] = {
    {POST, "/api/query", PERSON, QUERY, .handle = weir_serve_query, .reads = true, .pass = true,
     .embed = true},
    {POST, "/api/page", PERSON, QUERY, .handle = weir_serve_page_queries, .reads = true,
     .pass = true, .embed = true},
    {GET, "/api/embed", PERSON, READ, .handle = weir_serve_embed, .embed = true},
    {GET, "/api/embeds", EDITOR, READ, .handle = weir_serve_embed_settings},
    {POST, "/api/embeds", EDITOR, WRITE, .handle = weir_serve_embed_add},
    {GET, "/api/uploads", EDITOR, READ, .handle = weir_serve_upload_list},
    {POST, "/api/uploads", EDITOR, WRITE, .handle = weir_serve_upload_add,
     .receive = weir_serve_upload_receive},
    {PUT, "/api/uploads/{name}", EDITOR, WRITE, .handle = weir_serve_upload_replace,
     .receive = weir_serve_upload_receive},
    {DELETE, "/api/uploads/{name}", EDITOR, WRITE, .handle = weir_serve_upload_remove},
    {POST, "/api/exports", PERSON, QUERY, .handle = weir_serve_export_ask, .reads = true},
    {GET, "/api/exports/{token}/{filename}", PERSON, QUERY, .handle = weir_serve_export},
    {POST, "/api/renders", PERSON, QUERY, .handle = weir_serve_render_add, .reads = true},
    {GET, "/api/renders/{id}", PERSON, QUERY, .handle = weir_serve_render},
    {DELETE, "/api/renders/{id}", PERSON, QUERY, .handle = weir_serve_render_remove, .reads = true},
    {GET, "/api/renders/{id}/file", PERSON, QUERY, .handle = weir_serve_render_file},
    {POST, "/api/compile", PERSON, QUERY, .handle = weir_serve_compile, .reads = true},
    {POST, "/api/explain", PERSON, QUERY, .handle = weir_serve_explain, .reads = true},
    {GET, "/api/query/{id}", PERSON, QUERY, .handle = weir_serve_query_progress},
    {DELETE, "/api/query/{id}", PERSON, QUERY, .ask = weir_ask_query_cancel, .reads = true},
    {GET, "/api/queries", PERSON, QUERY, .ask = weir_ask_queries, .slow = true},
    {DELETE, "/api/queries/{id}", PERSON, QUERY, .ask = weir_ask_query_cancel, .reads = true},
    {GET, "/api/events/recent", ADMIN, READ, .ask = weir_ask_events, .slow = true},
    {GET, "/api/events/live", ADMIN, READ, .handle = weir_serve_events_live},
    {GET, "/api/events/{id}", ADMIN, READ, .ask = weir_ask_event, .slow = true},
    {GET, "/api/usage", ADMIN, READ, .ask = weir_ask_usage, .slow = true},
    {GET, "/api/cache", ADMIN, READ, .handle = weir_serve_cache},
    {DELETE, "/api/cache", ADMIN, ADMIN_SCOPE, .handle = weir_serve_cache_clear},
    {GET, "/api/history", PERSON, QUERY, .ask = weir_ask_history, .slow = true},
    {GET, "/api/status", PERSON, READ, .handle = weir_serve_status},
    {GET, "/api/schema", PERSON, READ, .handle = weir_serve_schema},
    {GET, "/api/functions", PERSON, READ, .handle = weir_serve_functions},
    {GET, "/api/tables/{name}", EDITOR, QUERY, .handle = weir_serve_table, .rest = true},
    {POST, "/api/replay", ADMIN, ADMIN_SCOPE, .handle = weir_serve_replay_start},
    {GET, "/api/replay", EDITOR, READ, .handle = weir_serve_replay_progress},
    {GET, "/api/connectors", EDITOR, READ, .ask = weir_ask_connectors},
    {GET, "/api/sources", EDITOR, READ, .ask = weir_ask_sources, .asks = true},
    {POST, "/api/sources", ADMIN, ADMIN_SCOPE, .ask = weir_ask_source_add, .waits = true},
    {GET, "/api/sources/{name}", EDITOR, READ, .ask = weir_ask_source, .asks = true},
    {PATCH, "/api/sources/{name}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_source_change,
     .waits = true},
    {DELETE, "/api/sources/{name}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_source_remove,
     .waits = true},
    {POST, "/api/sources/{name}/check", EDITOR, WRITE, .ask = weir_ask_source_check, .waits = true},
    {POST, "/api/sources/{name}/discover", EDITOR, WRITE, .ask = weir_ask_source_discover,
     .waits = true},
    {POST, "/api/sources/{name}/preview", ADMIN, ADMIN_SCOPE, .ask = weir_ask_source_preview,
     .waits = true},
    {POST, "/api/sources/{name}/sync", EDITOR, WRITE, .ask = weir_ask_source_sync, .waits = true},
    {POST, "/api/sources/{name}/verify", EDITOR, WRITE, .ask = weir_ask_source_verify,
     .waits = true},
    {POST, "/api/sources/{name}/pause", EDITOR, WRITE, .ask = weir_ask_source_pause, .waits = true},
    {POST, "/api/sources/{name}/resume", EDITOR, WRITE, .ask = weir_ask_source_resume,
     .waits = true},
    {GET, "/api/sources/{name}/runs", EDITOR, READ, .ask = weir_ask_source_runs, .asks = true},
    {GET, "/api/runs/{id}", EDITOR, READ, .ask = weir_ask_run},
    {DELETE, "/api/runs/{id}", EDITOR, WRITE, .ask = weir_ask_run_cancel, .slow = true},
    {GET, "/metrics", PERSON, READ, .handle = weir_serve_metrics},

    {GET, "/api/setup", ANYBODY, 0, .ask = weir_ask_setup_needed},
    {POST, "/api/setup", ANYBODY, 0, .ask = weir_ask_setup, .slow = true},
    {POST, "/api/setup/link", ADMIN, ADMIN_SCOPE, .ask = weir_ask_setup_link},
    {POST, "/api/invite", ANYBODY, 0, .ask = weir_ask_join, .slow = true},
    {GET, "/api/session", PERSON, READ, .ask = weir_ask_session, .pass = true},
    {POST, "/api/session", ANYBODY, 0, .ask = weir_ask_login, .slow = true},
    {PATCH, "/api/session", PERSON, ADMIN_SCOPE, .ask = weir_ask_session_change, .slow = true},
    {DELETE, "/api/session", ANYBODY, 0, .ask = weir_ask_logout},
    {GET, "/api/people", EDITOR, READ, .ask = weir_ask_people},
    {POST, "/api/people", ADMIN, ADMIN_SCOPE, .ask = weir_ask_person_add, .slow = true},
    {GET, "/api/people/{id}", EDITOR, READ, .ask = weir_ask_person},
    {PATCH, "/api/people/{id}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_person_change, .slow = true},
    {DELETE, "/api/people/{id}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_person_remove},
    {POST, "/api/people/{id}/invite", ADMIN, ADMIN_SCOPE, .ask = weir_ask_person_invite},
    {GET, "/api/groups", EDITOR, READ, .ask = weir_ask_groups},
    {POST, "/api/groups", ADMIN, ADMIN_SCOPE, .ask = weir_ask_group_add, .slow = true},
    {GET, "/api/groups/{id}", EDITOR, READ, .ask = weir_ask_group},
    {PUT, "/api/groups/{id}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_group_put, .slow = true},
    {DELETE, "/api/groups/{id}", ADMIN, ADMIN_SCOPE, .ask = weir_ask_group_remove},
    {GET, "/api/tokens", PERSON, READ, .ask = weir_ask_tokens},
    {POST, "/api/tokens", PERSON, ADMIN_SCOPE, .ask = weir_ask_token_add},
    {DELETE, "/api/tokens/{id}", PERSON, ADMIN_SCOPE, .ask = weir_ask_token_remove},
    {GET, "/api/audit", ADMIN, ADMIN_SCOPE, .ask = weir_ask_audit},

    {GET, "/api/documents", PERSON, READ, .handle = weir_serve_documents},
    {GET, "/api/changes", PERSON, READ, .handle = weir_serve_changes, .pass = true, .embed = true},
    {POST, "/api/reports", EDITOR, WRITE, .handle = weir_serve_report_add},
    {GET, "/api/reports/{id}", PERSON, READ, .handle = weir_serve_report_get, .pass = true,
     .embed = true},
    {PUT, "/api/reports/{id}", EDITOR, WRITE, .handle = weir_serve_report_put},
    {DELETE, "/api/reports/{id}", EDITOR, WRITE, .handle = weir_serve_report_remove},
    {GET, "/api/reports/{id}/history", PERSON, READ, .handle = weir_serve_report_history},
    {GET, "/api/reports/{id}/at/{version}", PERSON, READ, .handle = weir_serve_report_at},
    {POST, "/api/reports/{id}/restore", EDITOR, WRITE, .handle = weir_serve_report_restore},
    {POST, "/api/reports/{id}/clone", EDITOR, WRITE, .handle = weir_serve_report_clone},
    {POST, "/api/reports/{id}/move", EDITOR, WRITE, .handle = weir_serve_report_move},
    {POST, "/api/reports/{id}/archive", EDITOR, WRITE, .handle = weir_serve_report_archive},
    {PUT, "/api/reports/{id}/share", EDITOR, WRITE, .handle = weir_serve_report_share},
    {PUT, "/api/reports/{id}/publication", EDITOR, WRITE, .handle = weir_serve_report_publish},
    {DELETE, "/api/reports/{id}/publication", EDITOR, WRITE, .handle = weir_serve_report_unpublish},
    {POST, "/api/reports/{id}/open", PERSON, READ, .handle = weir_serve_report_open, .reads = true},
    {GET, "/api/reports/{id}/options/{param}", PERSON, QUERY, .handle = weir_serve_report_options,
     .pass = true, .embed = true},
    {GET, "/api/reports/{id}/files/{name}", PERSON, READ, .handle = weir_serve_report_file,
     .pass = true, .embed = true},
    {PUT, "/api/reports/{id}/files/{name}", EDITOR, WRITE, .handle = weir_serve_report_file_put,
     .bytes = true},
    {DELETE, "/api/reports/{id}/files/{name}", EDITOR, WRITE,
     .handle = weir_serve_report_file_remove},
    {GET, "/api/reports/{id}/comments", PERSON, READ, .handle = weir_serve_comments},
    {POST, "/api/reports/{id}/comments", PERSON, WRITE, .handle = weir_serve_comment_add},
    {PATCH, "/api/comments/{id}", PERSON, WRITE, .handle = weir_serve_comment_change},
    {DELETE, "/api/comments/{id}", PERSON, WRITE, .handle = weir_serve_comment_remove},
    {PUT, "/api/reports/{id}/subscription", PERSON, WRITE, .handle = weir_serve_subscribe},
    {DELETE, "/api/reports/{id}/subscription", PERSON, WRITE, .handle = weir_serve_unsubscribe},
    {GET, "/api/home", PERSON, READ, .handle = weir_serve_home},
    {PUT, "/api/favourites/{id}", PERSON, WRITE, .handle = weir_serve_favourite},
    {DELETE, "/api/favourites/{id}", PERSON, WRITE, .handle = weir_serve_unfavourite},
    {PUT, "/api/groups/{id}/home", ADMIN, ADMIN_SCOPE, .handle = weir_serve_group_home},
    {GET, "/api/reports/{id}/diff", PERSON, READ, .handle = weir_serve_report_diff},
    {GET, "/api/reports/{id}/snapshots", PERSON, READ, .handle = weir_serve_snapshots},
    {POST, "/api/reports/{id}/snapshots", PERSON, QUERY, .handle = weir_serve_snapshot_add},
    {GET, "/api/snapshots/{id}", PERSON, READ, .handle = weir_serve_snapshot},
    {DELETE, "/api/snapshots/{id}", PERSON, WRITE, .handle = weir_serve_snapshot_remove},
    {GET, "/api/snapshots/{id}/{query}", PERSON, QUERY, .handle = weir_serve_snapshot_rows},
    {GET, "/api/views/{name}", EDITOR, READ, .handle = weir_serve_sql_get},
    {PUT, "/api/views/{name}", EDITOR, WRITE, .handle = weir_serve_sql_put},
    {DELETE, "/api/views/{name}", EDITOR, WRITE, .handle = weir_serve_sql_remove},
    {POST, "/api/views/{name}/refresh", EDITOR, WRITE, .handle = weir_serve_view_refresh},
    {GET, "/api/snippets/{name}", EDITOR, READ, .handle = weir_serve_sql_get},
    {PUT, "/api/snippets/{name}", EDITOR, WRITE, .handle = weir_serve_sql_put},
    {DELETE, "/api/snippets/{name}", EDITOR, WRITE, .handle = weir_serve_sql_remove},
    {GET, "/api/definitions/{name}", EDITOR, READ, .handle = weir_serve_sql_get},
    {PUT, "/api/definitions/{name}", EDITOR, WRITE, .handle = weir_serve_sql_put},
    {DELETE, "/api/definitions/{name}", EDITOR, WRITE, .handle = weir_serve_sql_remove},
    {GET, "/api/drafts/{key}", PERSON, READ, .ask = weir_ask_draft},
    {PUT, "/api/drafts/{key}", PERSON, WRITE, .ask = weir_ask_draft_put},
    {DELETE, "/api/drafts/{key}", PERSON, WRITE, .ask = weir_ask_draft_remove},
    {GET, "/api/git", EDITOR, READ, .handle = weir_serve_git_status},
    {POST, "/api/git/pull", EDITOR, WRITE, .handle = weir_serve_git_pull},
    {POST, "/api/git/push", EDITOR, WRITE, .handle = weir_serve_git_push},

    {GET, "/api/openapi.yaml", ANYBODY, 0, .handle = weir_serve_asset},
    {GET, "/health", ANYBODY, 0, .handle = weir_serve_health},
    /* The app holds no data: it asks the API. Its pages' addresses: weir_serve_is_page. */
    {GET, "/assets/{id}", ANYBODY, 0, .handle = weir_serve_asset},
};
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

/* --- finding -------------------------------------------------------------------------------- */

/* With two places ("{id}/at/{version}") `id` is what stands from the first to the end. */
static bool path_fits(const struct weir_serve_route *route, struct weir_str path,
                      struct weir_str *id)
{
    const char *pattern = route->path;
    const char *brace = strchr(pattern, '{');
    if (!brace) {
        return weir_str_is(path, pattern);
    }
    size_t before = (size_t)(brace - pattern);
    const char *between = strchr(brace, '}') + 1;
    const char *second = strchr(between, '{');
    struct weir_str middle =
        second ? (struct weir_str){between, (size_t)(second - between)} : weir_str_of(between);
    if (path.len <= before + middle.len || memcmp(path.ptr, pattern, before) != 0) {
        return false;
    }
    struct weir_str rest = {path.ptr + before, path.len - before};
    const char *slash = route->rest ? NULL : memchr(rest.ptr, '/', rest.len);
    struct weir_str found = {rest.ptr, slash ? (size_t)(slash - rest.ptr) : rest.len};
    struct weir_str tail = {rest.ptr + found.len, rest.len - found.len};
    bool fits = second ? weir_str_starts(tail, middle) && tail.len > middle.len &&
                             !memchr(tail.ptr + middle.len, '/', tail.len - middle.len)
                       : weir_str_eq(tail, middle);
    if (fits && found.len) {
        *id = second ? rest : found;
    }
    return fits && found.len;
}

const struct weir_serve_route *weir_serve_find_route(unsigned method, struct weir_str path,
                                                     struct weir_str *id, unsigned *allowed)
{
    static const struct weir_serve_route page = {GET, "/", ANYBODY, 0, .handle = weir_serve_page};
    if (method == WEIR_HTTP_HEAD) {
        method = GET; /* the server leaves the body out */
    }
    *allowed = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (path_fits(&routes[i], path, id)) {
            *allowed |= routes[i].method;
            if (routes[i].method == method) {
                return &routes[i];
            }
        }
    }
    if (*allowed == 0 && weir_serve_is_page(path)) {
        *allowed = GET;
        return method == GET ? &page : NULL;
    }
    return NULL;
}

/* --- dispatch ------------------------------------------------------------------------------- */

static const char *const method_names[] = {"GET",    "HEAD",    "POST", "PUT",
                                           "DELETE", "OPTIONS", "PATCH"};

const char *weir_serve_method_name(unsigned method)
{
    size_t i = 0;
    while (i + 1 < sizeof method_names / sizeof method_names[0] && !(method >> i & 1)) {
        i++;
    }
    return method_names[i];
}

static void refuse_method(const struct weir_call *call, unsigned allowed)
{
    char allow[64] = "";
    for (size_t i = 0; i < sizeof method_names / sizeof method_names[0]; i++) {
        if (allowed >> i & 1) {
            strcat(allow, *allow ? ", " : "");
            strcat(allow, method_names[i]);
        }
    }
    weir_http_set(call->req, "Allow", allow);
    weir_serve_refuse(call, 405, WEIR_EINVAL,
                      "this address takes other methods; see the Allow header");
}

static bool is_json(const struct weir_http_request *req)
{
    struct weir_str type = weir_http_header(req, "Content-Type");
    struct weir_str media = weir_str_trim(weir_str_cut(&type, ';'));
    return weir_str_eq_nocase(media, WEIR_STR("application/json"));
}

static void dispatch(struct weir_server *server, struct weir_http_request *req, bool local)
{
    struct weir_call call = {.server = server, .req = req, .id = {"", 0}, .local = local};
    unsigned allowed;
    weir_serve_common_headers(req);
    const struct weir_serve_route *route =
        weir_serve_find_route(weir_http_method(req), weir_http_path(req), &call.id, &allowed);
    if (!weir_serve_admit(&call, route)) {
        return;
    }
    if (!route && allowed) {
        refuse_method(&call, allowed);
    } else if (!route) {
        weir_serve_refuse(&call, 404, WEIR_ENOENT,
                          "there is nothing at this address; see the API file, openapi.yaml");
    } else if (route->method & (POST | PUT | PATCH) && !route->receive && !route->bytes &&
               !is_json(req)) {
        weir_serve_refuse(&call, 415, WEIR_EINVAL,
                          "the body must be JSON: send Content-Type: application/json");
    } else if (route->ask) {
        weir_serve_ask(&call, route->ask,
                       route->slow    ? call.server->work
                       : route->waits ? call.server->outside
                       : route->asks  ? call.server->catalog
                                      : NULL);
    } else {
        route->handle(&call);
    }
}

/* What is no upload is looked at when all of it is here. */
static bool before_body(struct weir_server *server, struct weir_http_request *req, bool local)
{
    struct weir_call call = {.server = server, .req = req, .id = {"", 0}, .local = local};
    unsigned allowed;
    const struct weir_serve_route *route =
        weir_serve_find_route(weir_http_method(req), weir_http_path(req), &call.id, &allowed);
    if (!route || !route->receive) {
        return false;
    }
    weir_serve_common_headers(req);
    return !weir_serve_admit(&call, route) || route->receive(&call);
}

bool weir_serve_before_body(struct weir_http_request *req, void *arg)
{
    return before_body(arg, req, false);
}

bool weir_serve_before_body_local(struct weir_http_request *req, void *arg)
{
    return before_body(arg, req, true);
}

void weir_serve_handle(struct weir_http_request *req, void *arg)
{
    dispatch(arg, req, false);
}

void weir_serve_handle_local(struct weir_http_request *req, void *arg)
{
    dispatch(arg, req, true);
}
