#include "serve/send_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (128u << 10)
#define AHEAD (512u << 10) /* bytes that may wait for a slow client */

/* --- names -------------------------------------------------------------------------------------
 */

void weir_download_name(struct weir_str wanted, const char *ending,
                        char out[WEIR_DOWNLOAD_NAME + 16])
{
    struct weir_str dot = weir_str_of(ending);
    size_t n = 0;
    wanted = weir_str_trim(wanted.ptr ? wanted : WEIR_STR(""));
    if (wanted.len > dot.len && wanted.ptr[wanted.len - dot.len - 1] == '.' &&
        weir_str_ends(wanted, dot)) {
        wanted.len -= dot.len + 1;
    }
    wanted = weir_utf8_cut(wanted, WEIR_DOWNLOAD_NAME);
    for (size_t i = 0; i < wanted.len; i++) {
        unsigned char c = (unsigned char)wanted.ptr[i];
        bool bad = c < 0x20 || c == 0x7f || strchr("/\\:*?\"<>|%;", c);
        out[n] = bad || (n == 0 && c == '.') ? '_' : (char)c;
        n++;
    }
    if (n == 0 || !weir_utf8_valid((struct weir_str){out, n})) {
        n = (size_t)snprintf(out, WEIR_DOWNLOAD_NAME, "result");
    }
    snprintf(out + n, WEIR_DOWNLOAD_NAME + 16 - n, ".%s", ending);
}

void weir_add_escaped(struct weir_buf *out, struct weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_' || c == '-';
        weir_buf_addf(out, plain ? "%c" : "%%%02X", c);
    }
}

/* RFC 6266: what old clients read in ASCII, and the name itself. */
void weir_add_disposition(struct weir_buf *out, const char *name)
{
    weir_buf_addz(out, "attachment; filename=\"");
    for (const char *c = name; *c; c++) {
        weir_buf_addc(out, (unsigned char)*c < 0x80 ? *c : '_');
    }
    weir_buf_addz(out, "\"; filename*=UTF-8''");
    weir_add_escaped(out, weir_str_of(name));
}

/* --- the bytes ------------------------------------------------------------------------------ */

struct sending {
    struct weir_server *server;
    struct weir_http_request *req;
    int fd;
    bool gone;
    char piece[PIECE];
};

static void finish(void *arg)
{
    struct sending *s = arg;
    weir_http_end(s->req);
    close(s->fd);
    free(s);
}

/* May happen while a piece is sent: what is under way sees `gone`. */
static void gone(void *arg)
{
    struct sending *s = arg;
    s->gone = true;
    if (weir_loop_post(s->server->loop, finish, s)) {
        abort(); /* no memory for a few bytes; the connection would never be given back */
    }
}

static void go_on(void *arg)
{
    struct sending *s = arg;
    while (!s->gone && weir_http_pending(s->req) < AHEAD) {
        ssize_t n = read(s->fd, s->piece, sizeof s->piece);
        if (n > 0) {
            weir_http_chunk(s->req, (struct weir_str){s->piece, (size_t)n});
            continue;
        }
        weir_http_on_gone(s->req, NULL, NULL);
        weir_http_on_drain(s->req, NULL, NULL);
        if (n < 0) {
            weir_http_abort(s->req); /* so that nobody takes a part for the whole */
            close(s->fd);
            free(s);
        } else {
            finish(s);
        }
        return;
    }
}

void weir_serve_send_file(const struct weir_call *call, int fd, const char *type, const char *title,
                          const char *ending)
{
    struct sending *s = calloc(1, sizeof *s);
    char name[WEIR_DOWNLOAD_NAME + 16];
    struct weir_buf disposition;
    struct weir_error err;
    weir_buf_init(&disposition, 4096);
    weir_download_name(weir_str_of(title), ending, name);
    weir_add_disposition(&disposition, name);
    int rc = s ? weir_buf_check(&disposition, "the file's name", &err)
               : weir_fail(&err, WEIR_ENOMEM, "no memory for a download");
    if (rc) {
        free(s);
        close(fd);
        weir_serve_reply_error(call, &err);
    } else {
        s->server = call->server;
        s->req = call->req;
        s->fd = fd;
        weir_http_set(call->req, "Content-Disposition", weir_buf_cstr(&disposition));
        weir_http_set(call->req, "Cache-Control", "no-store");
        call->server->requests[2]++;
        weir_http_begin(call->req, 200, type);
        weir_http_on_gone(call->req, gone, s);
        weir_http_on_drain(call->req, go_on, s);
        go_on(s);
    }
    weir_buf_free(&disposition);
}
