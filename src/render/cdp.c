#include "render/cdp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_MESSAGE (96u << 20) /* a picture comes as base64 in one message */
#define LOOK_EVERY  100         /* ms: for a cancel */

int weir_cdp_init(struct weir_cdp *cdp, int to, int from, weir_time until,
                  const atomic_bool *cancel, struct weir_error *err)
{
    *cdp = (struct weir_cdp){.to = to, .from = from, .until = until, .cancel = cancel};
    weir_buf_init(&cdp->in, MAX_MESSAGE);
    weir_buf_init(&cdp->out, 1u << 20);
    cdp->parser = weir_json_parser_new(64);
    return cdp->parser ? 0 : weir_fail(err, WEIR_ENOMEM, "no memory for the browser's answers");
}

void weir_cdp_free(struct weir_cdp *cdp)
{
    weir_json_parser_free(cdp->parser);
    weir_buf_free(&cdp->in);
    weir_buf_free(&cdp->out);
}

/* Until the pipe can be used, it is time to end, or somebody cancels. */
static int wait_for(struct weir_cdp *cdp, int fd, short events, struct weir_error *err)
{
    for (;;) {
        weir_time left = cdp->until - weir_mono();
        if (cdp->cancel && atomic_load(cdp->cancel)) {
            return weir_fail(err, WEIR_ECANCELED, "it was canceled");
        }
        if (left <= 0) {
            return weir_fail(err, WEIR_ETIMEDOUT,
                             "the page was not finished in time; choose less, or raise "
                             "render.timeout");
        }
        struct pollfd p = {.fd = fd, .events = events};
        int ms = left / 1000 < LOOK_EVERY ? (int)(left / 1000) + 1 : LOOK_EVERY;
        int n = poll(&p, 1, ms);
        if (n > 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return weir_fail_errno(err, errno, "cannot wait for the browser");
        }
    }
}

static int send_all(struct weir_cdp *cdp, struct weir_error *err)
{
    size_t sent = 0;
    while (sent < cdp->out.len) {
        ssize_t n = write(cdp->to, cdp->out.data + sent, cdp->out.len - sent);
        if (n > 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EINTR) {
            int rc = wait_for(cdp, cdp->to, POLLOUT, err);
            if (rc) {
                return rc;
            }
        } else {
            return weir_fail(err, WEIR_EIO, "the browser ended by itself");
        }
    }
    return 0;
}

/* The next message, without the NUL that ends it. */
static int read_message(struct weir_cdp *cdp, struct weir_str *out, struct weir_error *err)
{
    struct weir_buf *in = &cdp->in;
    if (cdp->taken) {
        memmove(in->data, in->data + cdp->taken, in->len - cdp->taken);
        in->len -= cdp->taken;
        cdp->taken = 0;
    }
    size_t looked = 0;
    for (;;) {
        const char *end =
            in->len > looked ? memchr(in->data + looked, '\0', in->len - looked) : NULL;
        if (end) {
            *out = (struct weir_str){in->data, (size_t)(end - in->data)};
            cdp->taken = out->len + 1;
            return 0;
        }
        looked = in->len;
        char *room = weir_buf_room(in, 64u << 10);
        if (!room) {
            return weir_fail(err, WEIR_ETOOBIG, "what the browser made is too large");
        }
        ssize_t n = read(cdp->from, room, 64u << 10);
        if (n > 0) {
            in->len += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            int rc = wait_for(cdp, cdp->from, POLLIN, err);
            if (rc) {
                return rc;
            }
        } else {
            return weir_fail(err, WEIR_EIO, "the browser ended by itself");
        }
    }
}

struct weir_jw weir_cdp_begin(struct weir_cdp *cdp, const char *method)
{
    weir_buf_reset(&cdp->out);
    struct weir_jw w = weir_jw_on(&cdp->out);
    weir_jw_object(&w);
    weir_jw_ki64(&w, "id", ++cdp->id);
    weir_jw_kstrz(&w, "method", method);
    if (cdp->session[0]) {
        weir_jw_kstrz(&w, "sessionId", cdp->session);
    }
    weir_jw_keyz(&w, "params");
    weir_jw_object(&w);
    return w;
}

/* Events come between answers; of them only one matters. */
static int look_at(const struct weir_cdp *cdp, struct weir_json root, bool *ours,
                   struct weir_json *result, struct weir_error *err)
{
    int64_t id = 0;
    *ours = weir_json_i64(weir_json_get(root, "id"), &id) && id == cdp->id;
    if (*ours) {
        struct weir_json error = weir_json_get(root, "error");
        struct weir_str why = weir_json_get_str(error, "message");
        *result = weir_json_get(root, "result");
        return weir_json_exists(error)
                   ? weir_fail(err, WEIR_EIO, "the browser refused: " WEIR_STR_FMT,
                               WEIR_STR_ARG(why))
                   : 0;
    }
    if (weir_str_is(weir_json_get_str(root, "method"), "Inspector.targetCrashed")) {
        return weir_fail(err, WEIR_EIO,
                         "the page took more memory than render.memory allows; choose less");
    }
    return 0;
}

int weir_cdp_call(struct weir_cdp *cdp, struct weir_jw *w, struct weir_json *result,
                  struct weir_error *err)
{
    bool ours = false;
    weir_jw_object_end(w);
    weir_jw_object_end(w);
    weir_buf_addc(&cdp->out, '\0');
    int rc = weir_buf_check(&cdp->out, "a command to the browser", err);
    rc = rc ? rc : send_all(cdp, err);
    while (rc == 0 && !ours) {
        struct weir_str text;
        struct weir_json root;
        rc = read_message(cdp, &text, err);
        rc = rc ? rc : weir_json_parse(cdp->parser, text, &root, err);
        rc = rc ? rc : look_at(cdp, root, &ours, result, err);
    }
    return rc;
}
