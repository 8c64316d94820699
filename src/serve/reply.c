/* What every answer has, and how errors look. */
#include "serve/server.h"
#include "serve/template.h"

#define POLICY(nonce, ancestors)                                                                   \
    "default-src 'none'; script-src 'self'; style-src 'self'" nonce "; connect-src 'self'; "       \
    "img-src 'self' data: blob:; font-src 'self'; worker-src 'self'; manifest-src 'self'; "        \
    "base-uri 'none'; form-action 'none'; frame-ancestors " ancestors "; "                         \
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html weir"

void weir_serve_common_headers(struct weir_http_request *req)
{
    static const char lines[] = "X-Content-Type-Options: nosniff\r\n"
                                "Referrer-Policy: no-referrer\r\n"
                                "Content-Security-Policy: " POLICY(
                                    "", "'none'") "\r\n"
                                                  "Cross-Origin-Resource-Policy: same-origin\r\n"
                                                  "Cache-Control: no-store\r\n";
    weir_http_set_first(req, (struct weir_str){lines, sizeof lines - 1});
}

void weir_serve_set_policy(struct weir_http_request *req, const char *nonce, const char *ancestors)
{
    struct weir_buf policy;
    weir_buf_init(&policy, 64u << 10);
    weir_buf_addf(&policy, POLICY("%s%s%s", "%s"), *nonce ? " 'nonce-" : "", nonce,
                  *nonce ? "'" : "", ancestors);
    weir_http_set(req, "Content-Security-Policy",
                  weir_buf_ok(&policy) ? weir_buf_cstr(&policy) : "default-src 'none'");
    weir_buf_free(&policy);
}

void weir_serve_reply_json(const struct weir_call *call, int status, struct weir_buf *body)
{
    struct weir_error err;
    if (weir_buf_check(body, "the answer", &err)) {
        weir_serve_reply_error(call, &err);
        return;
    }
    call->server->requests[status / 100]++;
    weir_http_reply(call->req, status, "application/json", weir_buf_str(body));
}

static int status_of(int code)
{
    switch (code) {
    case WEIR_EINVAL:
        return 400;
    case WEIR_EPERM:
        return 403;
    case WEIR_ENOENT:
        return 404;
    case WEIR_EEXIST:
        return 409;
    case WEIR_ETOOBIG:
        return 413;
    case WEIR_EBUSY:
    case WEIR_EAGAIN:
        return 503;
    case WEIR_ETIMEDOUT:
        return 504;
    case WEIR_ECANCELED:
        return 499;
    case WEIR_EUNSUPPORTED:
        return 501;
    case WEIR_ENOSPC:
        return 507;
    default:
        return 500;
    }
}

void weir_serve_print_error_member(struct weir_jw *w, const struct weir_error *err, const char *sql,
                                   int64_t offset)
{
    weir_jw_keyz(w, "error");
    weir_jw_object(w);
    weir_jw_kstrz(w, "code", weir_code_name(err->code));
    weir_jw_kstrz(w, "message", err->message);
    if (sql && offset >= 0) {
        weir_jw_keyz(w, "position");
        weir_template_position(w, sql, offset);
    }
    weir_jw_object_end(w);
}

void weir_serve_print_error(struct weir_buf *out, const struct weir_error *err, const char *sql,
                            int64_t offset)
{
    struct weir_jw w = weir_jw_on(out);
    weir_jw_object(&w);
    weir_serve_print_error_member(&w, err, sql, offset);
    weir_jw_object_end(&w);
}

static void reply_error(const struct weir_call *call, int status, const struct weir_error *err,
                        const char *sql, int64_t offset)
{
    struct weir_buf body;
    weir_buf_init(&body, 16384);
    weir_serve_print_error(&body, err, sql, offset);
    weir_buf_addc(&body, '\n');
    if (status == 503) {
        weir_http_set(call->req, "Retry-After", "1");
    }
    call->server->requests[status / 100]++;
    weir_http_reply(call->req, status, "application/json", weir_buf_str(&body));
    weir_buf_free(&body);
}

void weir_serve_reply_sql_error(const struct weir_call *call, const struct weir_error *err,
                                const char *sql, int64_t offset)
{
    reply_error(call, status_of(err->code), err, sql, offset);
}

void weir_serve_reply_error(const struct weir_call *call, const struct weir_error *err)
{
    reply_error(call, status_of(err->code), err, NULL, -1);
}

void weir_serve_reply_status(const struct weir_call *call, int status, const struct weir_error *err)
{
    reply_error(call, status, err, NULL, -1);
}

void weir_serve_refuse(const struct weir_call *call, int status, int code, const char *why)
{
    struct weir_error err;
    weir_fail(&err, code, "%s", why);
    reply_error(call, status, &err, NULL, -1);
}

void weir_serve_refused(struct weir_http_request *req, int status, const char *why, void *arg)
{
    struct weir_call call = {.server = arg, .req = req};
    int code = status == 413 || status == 431   ? WEIR_ETOOBIG
               : status == 415 || status == 501 ? WEIR_EUNSUPPORTED
               : status == 503                  ? WEIR_EBUSY
               : status == 507                  ? WEIR_ENOSPC
               : status == 500                  ? WEIR_EIO
                                                : WEIR_EINVAL;
    weir_serve_common_headers(req);
    weir_serve_refuse(&call, status, code, why);
}
