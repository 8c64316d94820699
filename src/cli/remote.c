#include "cli/remote.h"

#include <stdio.h>

#include "cli/running.h"
#include "cli/settings.h"
#include "io/client.h"
#include "serve/serve.h"

#define MAX_ANSWER (64u << 20)
#define TIMEOUT    (60 * WEIR_SECOND)

int weir_remote_open(const struct weir_cli *cli, struct weir_remote *out, struct weir_error *err)
{
    *out = (struct weir_remote){.parser = weir_json_parser_new(64)};
    weir_buf_init(&out->text, MAX_ANSWER);
    return out->parser ? weir_cli_workspace(cli, &out->workspace, err)
                       : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

void weir_remote_close(struct weir_remote *remote)
{
    weir_json_parser_free(remote->parser);
    weir_buf_free(&remote->text);
    weir_workspace_close(remote->workspace);
}

/* What links begin with when no server says it. */
static int base_of(struct weir_workspace *workspace, const char *listen, char out[512],
                   struct weir_error *err)
{
    const char *url = "";
    int code = weir_settings_text(workspace, "serve", "url", &url, err);
    if (!code && !listen) {
        code = weir_settings_text(workspace, "serve", "listen", &listen, err);
    }
    int n = (int)strlen(url);
    snprintf(out, 512, "%s%.*s", *url ? "" : "http://", *url ? n - (url[n - 1] == '/') : 400,
             *url ? url : listen);
    return code;
}

static int ask_store(struct weir_remote *r, const char *method, const char *target,
                     struct weir_str body, int *status, struct weir_error *err)
{
    char base[512];
    int code = base_of(r->workspace, NULL, base, err);
    return code ? code
                : weir_serve_ask_store(r->workspace, method, target, body, base, status, &r->text,
                                       err);
}

static int refusal(const struct weir_remote *r, int status, struct weir_error *err)
{
    struct weir_str message = weir_json_get_str(weir_json_get(r->root, "error"), "message");
    return message.ptr ? weir_fail(err, status == 404 ? WEIR_ENOENT : WEIR_EINVAL, WEIR_STR_FMT,
                                   WEIR_STR_ARG(message))
                       : weir_fail(err, WEIR_EIO, "the server answers %d: %.200s", status,
                                   weir_buf_cstr(&r->text));
}

int weir_remote_ask(struct weir_remote *r, const char *method, const char *target,
                    const struct weir_buf *body, struct weir_error *err)
{
    static const struct weir_buf empty = {0};
    int status = 0;
    body = body ? body : &empty;
    struct weir_str text = weir_buf_str(body);
    int code = body->failed ? weir_buf_check(body, "the request", err) : 0;
    struct weir_client_call call = {.address = weir_workspace_path(r->workspace, "run/serve.sock"),
                                    .method = method,
                                    .target = target,
                                    .type = "application/json",
                                    .body = text,
                                    .timeout = TIMEOUT};
    weir_buf_reset(&r->text);
    r->root = (struct weir_json){0};
    if (code == 0 && !call.address) {
        code = weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    code = code ? code : weir_client_fetch(&call, &status, &r->text, err);
    if (code == WEIR_ENOENT) {
        code = ask_store(r, method, target, text, &status, err);
    }
    if (code == 0 && r->text.len) {
        code = weir_json_parse(r->parser, weir_buf_str(&r->text), &r->root, err);
    }
    return code == 0 && status >= 300 ? refusal(r, status, err) : code;
}

int weir_remote_ask_id(struct weir_remote *r, const char *method, const char *before,
                       const char *id, const char *after, const struct weir_buf *body,
                       struct weir_error *err)
{
    struct weir_buf target;
    weir_buf_init(&target, 4096);
    weir_buf_addz(&target, before);
    for (const char *c = id; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        weir_buf_addf(&target, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    weir_buf_addz(&target, after);
    int code = weir_buf_check(&target, "the name", err);
    code = code ? code : weir_remote_ask(r, method, weir_buf_cstr(&target), body, err);
    weir_buf_free(&target);
    return code;
}

void weir_remote_value(struct weir_jw *w, struct weir_json value)
{
    struct weir_buf text;
    weir_buf_init(&text, MAX_ANSWER);
    weir_json_print(value, &text);
    weir_jw_raw(w, weir_buf_str(&text));
    weir_buf_free(&text);
}

void weir_remote_copy(struct weir_jw *w, struct weir_json object, const char *const *except)
{
    struct weir_str key;
    struct weir_json value;
    struct weir_json_iter it = weir_json_begin(object);
    while (weir_json_next(&it, &key, &value)) {
        size_t i = 0;
        while (except[i] && !weir_str_is(key, except[i])) {
            i++;
        }
        if (!except[i]) {
            weir_jw_key(w, key);
            weir_remote_value(w, value);
        }
    }
}

void weir_remote_print(const struct weir_remote *remote)
{
    struct weir_str text = weir_str_trim(weir_buf_str(&remote->text));
    printf(WEIR_STR_FMT "\n", WEIR_STR_ARG(text));
}

int weir_remote_run(struct weir_cli *cli,
                    int (*what)(struct weir_cli *cli, struct weir_remote *remote,
                                struct weir_error *err),
                    struct weir_error *err)
{
    struct weir_remote remote;
    int code = weir_remote_open(cli, &remote, err);
    code = code ? code : what(cli, &remote, err);
    weir_remote_close(&remote);
    return code;
}

int weir_setup_link(struct weir_workspace *workspace, const char *address, char out[512],
                    struct weir_error *err)
{
    struct weir_remote r = {.workspace = workspace, .parser = weir_json_parser_new(8)};
    char base[512];
    int status = 0;
    out[0] = 0;
    weir_buf_init(&r.text, MAX_ANSWER);
    int code = r.parser ? base_of(workspace, address, base, err)
                        : weir_fail(err, WEIR_ENOMEM, "out of memory");
    code = code ? code
                : weir_serve_ask_store(workspace, "POST", "/api/setup/link", WEIR_STR(""), base,
                                       &status, &r.text, err);
    if (!code && status == 200) {
        code = weir_json_parse(r.parser, weir_buf_str(&r.text), &r.root, err);
        struct weir_str link = weir_json_get_str(r.root, "link");
        snprintf(out, 512, WEIR_STR_FMT, WEIR_STR_ARG(link));
    }
    weir_buf_free(&r.text);
    weir_json_parser_free(r.parser);
    return code;
}
