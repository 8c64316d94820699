/* The state store without a server, for the command line. */
#include "io/file.h"
#include "serve/route.h"

#define MAX_DEPTH 32

int weir_serve_open_state(struct weir_workspace *workspace, struct weir_state **out,
                          struct weir_error *err)
{
    const char *path = weir_workspace_path(workspace, "state.sqlite");
    *out = NULL;
    int rc = path ? weir_dir_make(workspace->data, 0700, err)
                  : weir_fail(err, WEIR_ENOMEM, "out of memory");
    return rc ? rc : weir_state_open(path, out, err);
}

/* --- one request ---------------------------------------------------------------------------- */

static unsigned method_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned method;
    } methods[] = {{"GET", WEIR_HTTP_GET},
                   {"POST", WEIR_HTTP_POST},
                   {"PUT", WEIR_HTTP_PUT},
                   {"PATCH", WEIR_HTTP_PATCH},
                   {"DELETE", WEIR_HTTP_DELETE}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return methods[i].method;
        }
    }
    return 0;
}

static int find_route(struct weir_ask *ask, const char *method, const char *target,
                      const struct weir_serve_route **out, struct weir_error *err)
{
    struct weir_str query = weir_str_of(target);
    struct weir_str raw = weir_str_cut(&query, '?');
    struct weir_buf path;
    unsigned allowed;
    weir_buf_init(&path, 8192);
    /* As a form's value, so that %40 becomes @. */
    weir_buf_addz(&path, "p=");
    weir_buf_adds(&path, raw);
    struct weir_str form = weir_arena_dup(&ask->arena, weir_buf_str(&path));
    weir_buf_reset(&path);
    struct weir_str decoded = {0};
    if (form.ptr && weir_http_param(form, "p", &path) && weir_buf_ok(&path)) {
        decoded = weir_arena_dup(&ask->arena, weir_buf_str(&path));
    }
    weir_buf_free(&path);
    *out =
        decoded.ptr ? weir_serve_find_route(method_of(method), decoded, &ask->id, &allowed) : NULL;
    ask->query = query.ptr ? query : WEIR_STR("");
    return *out && (*out)->ask ? 0
                               : weir_fail(err, WEIR_EUNSUPPORTED,
                                           "%s %s needs a running server; start it with "
                                           "`weir up`",
                                           method, target);
}

static int answer(struct weir_ask *ask, const char *method, const char *target,
                  struct weir_str body, struct weir_buf *out, int *status, struct weir_error *err)
{
    const struct weir_serve_route *route = NULL;
    struct weir_json_parser *parser = weir_json_parser_new(MAX_DEPTH);
    struct weir_error why;
    int rc = parser ? find_route(ask, method, target, &route, err)
                    : weir_fail(err, WEIR_ENOMEM, "out of memory");
    if (rc == 0) {
        int code = weir_ask_read_body(ask, parser, body, &why);
        code = code ? code : route->ask(ask, &why);
        *status = code == 0 ? ask->status : ask->status >= 400 ? ask->status : 400;
        if (code) {
            weir_serve_print_error(out, &why, NULL, -1);
        } else {
            weir_buf_adds(out, weir_buf_str(&ask->out));
        }
    }
    weir_json_parser_free(parser);
    return rc ? rc : weir_buf_check(out, "the answer", err);
}

int weir_serve_ask_store(struct weir_workspace *workspace, const char *method, const char *target,
                         struct weir_str body, const char *base, int *status, struct weir_buf *out,
                         struct weir_error *err)
{
    static const struct weir_session_limits limits = {.idle = WEIR_DAY, .age = WEIR_DAY};
    struct weir_ask ask;
    weir_ask_init(&ask);
    weir_caller_owner(&ask.who, WEIR_WAY_SOCKET);
    ask.base = base;
    ask.limits = &limits;
    int rc = weir_serve_open_state(workspace, &ask.state, err);
    ask.runs = ask.state;
    if (rc == 0 && strcmp(method, "GET") != 0 && strncmp(target, "/api/groups", 11) == 0) {
        rc = weir_serve_read_warehouse(workspace, NULL, &ask.warehouse, err);
        rc = rc == WEIR_ENOENT ? 0 : rc; /* there are no tables to try conditions on */
    }
    rc = rc ? rc : answer(&ask, method, target, body, out, status, err);
    weir_warehouse_close(ask.warehouse);
    weir_state_close(ask.state);
    weir_ask_free(&ask);
    return rc;
}

/* --- another's eyes --------------------------------------------------------------------------- */

int weir_serve_access_of(struct weir_workspace *workspace, const char *email,
                         struct weir_arena *arena, struct weir_access **out, struct weir_error *err)
{
    struct weir_state *state;
    struct weir_caller who = {0};
    *out = NULL;
    weir_caller_owner(&who, WEIR_WAY_SOCKET);
    int rc = weir_serve_open_state(workspace, &state, err);
    rc = rc ? rc : weir_caller_see_as(&who, state, weir_str_of(email), err);
    rc = rc ? rc : weir_caller_access(state, &who, arena, out, err);
    if (rc == WEIR_ENOENT) {
        rc = weir_fail(err, rc,
                       "there is nobody with the e-mail address %s; `weir user list` shows "
                       "who there is",
                       email);
    }
    weir_state_close(state);
    return rc;
}
